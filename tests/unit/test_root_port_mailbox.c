/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "test_root_port_mailbox.h"

#include <string.h>

#include <CUnit/Basic.h>

/* The answer: the request with every payload dword inverted. */
static void answer(struct device *d)
{
    d->going = false;
    d->out_count = d->in_count;
    for (size_t i = 0; i < d->in_count; i++)
        d->out[i] = i < 2 ? d->in[i] : ~d->in[i];
    if (d->answer_length)
        d->out[1] = d->length_field;
    d->out_count += d->extra;
    d->out_at = 0;
    d->in_count = 0;
    d->ready = true;
}

static uint32_t status(struct device *d)
{
    if (d->going && !d->never_ready && d->clock.now_us >= d->ready_at_us)
        answer(d);
    bool aborting = d->clock.now_us < d->abort_until_us;
    bool busy = d->busy || d->clock.now_us < d->busy_until_us || (aborting && !d->abort_shows_ready);
    bool ready = d->ready || (aborting && d->abort_shows_ready);
    return (busy ? PCIE_DOE_STATUS_BUSY : 0) | (d->error ? PCIE_DOE_STATUS_ERROR : 0) |
           (ready ? PCIE_DOE_STATUS_READY : 0);
}

static bool device_read(struct fake_function *function, unsigned offset, uint32_t *value)
{
    struct device *d = function->context;
    if (offset == OFFSET + PCIE_DOE_STATUS)
        *value = status(d);
    else if (offset == OFFSET + PCIE_DOE_READ)
        *value = d->ready && d->out_at < d->out_count ? d->out[d->out_at] : 0;
    else
        return false;
    return true;
}

static void acknowledge(struct device *d)
{
    d->out_at++;
    if (d->out_at == d->out_count || d->out_at == d->ready_drops_at)
        d->ready = false;
    if (d->out_at == d->error_at)
        d->error = true;
    if (d->out_at == d->gone_at)
        d->function.gone = true;
}

static void control(struct device *d, uint32_t value)
{
    if (value & PCIE_DOE_CTRL_ABORT) {
        d->aborts++;
        d->in_count = d->out_count = 0;
        d->going = false;
        d->busy_until_us = 0;
        d->abort_until_us = d->clock.now_us + d->abort_us;
        if (!d->abort_hangs)
            d->busy = d->error = d->ready = false;
        return;
    }
    d->gos++;
    d->going = !d->error_on_go;
    d->error = d->error_on_go || d->error;
    d->ready_at_us = d->clock.now_us + d->latency_us;
}

static bool device_write(struct fake_function *function, unsigned offset, uint32_t value)
{
    struct device *d = function->context;
    if (offset == OFFSET + PCIE_DOE_WRITE) {
        if (d->in_count < BIG_DWORDS)
            d->in[d->in_count++] = value;
        d->error = d->error || d->error_in_write;
    } else if (offset == OFFSET + PCIE_DOE_READ) {
        acknowledge(d);
    } else if (offset == OFFSET + PCIE_DOE_CTRL) {
        control(d, value);
    } else {
        return false;
    }
    return true;
}

static uint32_t in_memory[BIG_DWORDS], out_memory[BIG_DWORDS + 4];

void device_init(struct device *d)
{
    *d = (struct device){.in = in_memory, .out = out_memory};
    memset(in_memory, 0, sizeof in_memory);
    memset(out_memory, 0, sizeof out_memory);
    fake_clock_init(&d->clock);
    fake_init(&d->function);
    fake_put_ext_cap(&d->function, 0x100, 0x0001, OFFSET);
    fake_put_ext_cap(&d->function, OFFSET, PCIE_EXT_CAP_ID_DOE, 0);
    d->function.clock = &d->clock;
    d->function.on_read = device_read;
    d->function.on_write = device_write;
    d->function.context = d;
}

void device_open(struct device *d)
{
    struct ide_fault fault;
    device_init(d);
    CU_ASSERT_EQUAL_FATAL(doe_mailbox_open(&d->mailbox, &d->function.config, OFFSET, &d->clock.ops, &fault),
                          IDE_OK);
    d->aborts = d->function.reads = d->function.writes = 0;
}

void put_dword(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

size_t make_request(uint8_t *request, size_t dwords, uint8_t seed)
{
    put_dword(request, 0x00010001);
    put_dword(request + 4, (uint32_t)dwords & PCIE_DOE_LENGTH);
    for (size_t i = 8; i < dwords * 4; i++)
        request[i] = (uint8_t)(seed + i);
    return dwords * 4;
}

enum ide_err exchange_room(struct device *d, size_t dwords, size_t room, uint32_t timeout_ms,
                                  struct ide_fault *fault)
{
    static uint8_t request[DOE_OBJECT_MAX], response[DOE_OBJECT_MAX];
    static uint8_t seed;
    size_t response_len = 1;
    size_t request_len = make_request(request, dwords, ++seed);
    struct doe_transport transport = doe_mailbox_transport(&d->mailbox);
    enum ide_err err = transport.exchange(transport.context, request, request_len, response, room * 4,
                                          &response_len, timeout_ms, fault);
    if (err != IDE_OK) {
        CU_ASSERT_EQUAL(fault->err, err);
        CU_ASSERT_EQUAL(response_len, 0);
        return err;
    }
    CU_ASSERT_EQUAL(response_len, request_len);
    CU_ASSERT_EQUAL(memcmp(response, request, 8), 0);
    bool right = true;
    for (size_t i = 8; i < request_len; i++)
        right = right && response[i] + request[i] == 0xff;
    CU_ASSERT_TRUE(right);
    return IDE_OK;
}

enum ide_err exchange(struct device *d, struct ide_fault *fault)
{
    return exchange_room(d, 5, 16, 0, fault);
}

void expect_recovery(struct device *d)
{
    struct ide_fault fault;
    CU_ASSERT_EQUAL(d->aborts, 1);
    CU_ASSERT_FALSE(d->mailbox.dead);
    CU_ASSERT_FALSE(d->ready || d->error || d->busy);
    CU_ASSERT_EQUAL(exchange(d, &fault), IDE_OK);
    CU_ASSERT_EQUAL(d->aborts, 1);
}
