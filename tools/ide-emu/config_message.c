/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/config_message.h"

#include <string.h>

#include "root_port/pcie_regs.h"
#include "tools/ide-emu/key_unit.h"
#include "tools/ide-emu/link_host.h"

#define CAPABILITY_VERSION 1u /* of both */

/* The greatest size of each operation; 0: its size is 0. */
static const uint8_t largest[] = {
    [CONFIG_HELLO] = 0,     [CONFIG_CAPABILITY] = 0,  [CONFIG_READ] = 4,
    [CONFIG_WRITE] = 4,     [CONFIG_RESET] = 0,       [CONFIG_BAR_READ] = 8,
    [CONFIG_BAR_WRITE] = 8, [CONFIG_MEMORY_READ] = 4, [CONFIG_MEMORY_WRITE] = 4,
};

/* ---- the bytes ------------------------------------------------------------- */

static uint64_t get_number(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

static void put_number(uint8_t *bytes, unsigned size, uint64_t value)
{
    for (unsigned i = size; i-- > 0; value >>= 8)
        bytes[i] = (uint8_t)value;
}

static bool is_memory(enum config_operation operation)
{
    return operation == CONFIG_MEMORY_READ || operation == CONFIG_MEMORY_WRITE;
}

static bool is_write(enum config_operation operation)
{
    return operation == CONFIG_WRITE || operation == CONFIG_BAR_WRITE || operation == CONFIG_MEMORY_WRITE;
}

/* A power of two that the operation may have, and naturally aligned. */
static bool size_is_right(const struct config_request *r)
{
    unsigned most = largest[r->operation];
    if (most == 0 || r->size == 0)
        return r->size == most;
    return r->size <= most && (r->size & (r->size - 1)) == 0 && r->address % r->size == 0 &&
           (!is_memory(r->operation) || r->size == most);
}

static bool address_is_right(const struct config_request *r)
{
    switch (r->operation) {
    case CONFIG_READ:
    case CONFIG_WRITE:
        return r->address < PCIE_CONFIG_SIZE;
    case CONFIG_RESET:
        return r->address == 0;
    case CONFIG_HELLO:
    case CONFIG_CAPABILITY:
    case CONFIG_BAR_READ:
    case CONFIG_BAR_WRITE:
    case CONFIG_MEMORY_READ:
    case CONFIG_MEMORY_WRITE:
        break;
    }
    return true;
}

static bool value_is_right(const struct config_request *r)
{
    if (!is_write(r->operation))
        return r->value == 0;
    return r->size == 8 || r->value >> (8 * r->size) == 0;
}

bool config_request_decode(const uint8_t bytes[static CONFIG_REQUEST_SIZE], struct config_request *request)
{
    uint32_t function = (uint32_t)get_number(bytes + 4, 4);
    if (bytes[0] < CONFIG_HELLO || bytes[0] > CONFIG_MEMORY_WRITE || bytes[2] != 0 || bytes[3] != 0)
        return false;
    *request = (struct config_request){
        .operation = (enum config_operation)bytes[0],
        .size = bytes[1],
        .bdf = {.domain = function >> 16,
                .bus = (uint8_t)(function >> 8),
                .device = (uint8_t)(function >> 3 & 0x1f),
                .function = (uint8_t)(function & 7)},
        .address = get_number(bytes + 8, 8),
        .value = get_number(bytes + 16, 8),
    };
    return size_is_right(request) && address_is_right(request) && value_is_right(request) &&
           (!is_memory(request->operation) || function == 0);
}

void config_reply_encode(const struct config_reply *reply, uint8_t bytes[static CONFIG_REPLY_SIZE])
{
    memset(bytes, 0, CONFIG_REPLY_SIZE);
    bytes[0] = (uint8_t)reply->status;
    put_number(bytes + 8, 8, reply->value);
}

/* ---- what they do ------------------------------------------------------------ */

static struct config_reply done(uint64_t value)
{
    return (struct config_reply){CONFIG_DONE, value};
}

static struct config_reply failed(enum config_status status)
{
    return (struct config_reply){status, UINT64_MAX};
}

/* Those that are more than registers: the mailbox and IDE. Which there are and where never changes. */
static struct config_reply tell_capability(const struct emu_function *f, uint64_t which)
{
    const struct {
        uint16_t id, offset, size;
    } all[] = {{PCIE_EXT_CAP_ID_DOE, f->doe_cap, PCIE_DOE_SIZE},
               {PCIE_EXT_CAP_ID_IDE, f->ide.cap, (uint16_t)(f->ide.end - f->ide.cap)}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].offset != 0 && which-- == 0)
            return done(all[i].id | CAPABILITY_VERSION << 16 | (uint64_t)all[i].offset << 32 |
                        (uint64_t)all[i].size << 48);
    return failed(CONFIG_NO_CAPABILITY);
}

static void to_bytes(uint64_t value, uint8_t *bytes, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t from_bytes(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static struct config_reply access_config(struct emu_function *f, const struct config_request *r)
{
    uint8_t bytes[8];
    to_bytes(r->value, bytes, r->size);
    if (r->operation == CONFIG_WRITE) {
        link_config_write(f, (unsigned)r->address, bytes, r->size);
        return done(0);
    }
    link_config_read(f, (unsigned)r->address, bytes, r->size);
    return done(from_bytes(bytes, r->size));
}

static struct config_reply access_bar(struct emu_function *f, const struct config_request *r)
{
    uint8_t bytes[8];
    uint64_t bar = f->desc.bar_size;
    if (r->address >= bar || r->size > bar - r->address)
        return failed(CONFIG_NO_COMPLETION);
    to_bytes(r->value, bytes, r->size);
    bool write = r->operation == CONFIG_BAR_WRITE;
    enum link_result result =
        write ? link_bar_write(f, r->address, bytes, r->size) : link_bar_read(f, r->address, bytes, r->size);
    if (result != LINK_DONE)
        return failed(CONFIG_NO_COMPLETION);
    return done(write ? 0 : from_bytes(bytes, r->size));
}

static struct config_reply access_memory(struct emu *emu, const struct config_request *r)
{
    uint32_t value = 0;
    bool there = r->operation == CONFIG_MEMORY_WRITE ? key_units_write(emu, r->address, (uint32_t)r->value)
                                                     : key_units_read(emu, r->address, &value);
    return there ? done(value) : failed(CONFIG_NO_COMPLETION);
}

static struct config_reply reset(struct emu_function *f)
{
    emu_lock(f->emu);
    emu_function_reset(f);
    emu_unlock(f->emu);
    return done(0);
}

/* Key units are the platform's, and whoever wants them names function 0. */
static struct config_reply greet(struct emu *emu, const struct config_request *request)
{
    static const struct pcie_bdf platform;
    if (request->address != CONFIG_PROTOCOL)
        return failed(CONFIG_REFUSED);
    bool units = emu->key_unit_count > 0 && pcie_bdf_compare(&request->bdf, &platform) == 0;
    return units || emu_find(emu, &request->bdf) ? done(CONFIG_PROTOCOL) : failed(CONFIG_NO_FUNCTION);
}

struct config_reply config_request_serve(struct emu *emu, const struct config_request *request)
{
    if (is_memory(request->operation))
        return access_memory(emu, request);
    if (request->operation == CONFIG_HELLO)
        return greet(emu, request);
    struct emu_function *f = emu_find(emu, &request->bdf);
    if (!f)
        return failed(CONFIG_NO_FUNCTION);
    switch (request->operation) {
    case CONFIG_CAPABILITY:
        return tell_capability(f, request->address);
    case CONFIG_READ:
    case CONFIG_WRITE:
        return access_config(f, request);
    case CONFIG_RESET:
        return reset(f);
    case CONFIG_BAR_READ:
    case CONFIG_BAR_WRITE:
        return access_bar(f, request);
    case CONFIG_HELLO:
    case CONFIG_MEMORY_READ:
    case CONFIG_MEMORY_WRITE:
        break;
    }
    return failed(CONFIG_REFUSED);
}
