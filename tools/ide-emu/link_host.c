/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/link_host.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "tools/ide-emu/fabric.h"
#include "tools/ide-emu/function_config.h"
#include "tools/ide-emu/hotplug.h"

#define PAGE     4096u /* no memory request crosses one (§2.2.7) */
#define BATCH    32u
#define FOUR_GIB (UINT64_C(1) << 32)

const char *link_result_text(enum link_result result)
{
    switch (result) {
    case LINK_DONE:
        return "done";
    case LINK_REFUSED:
        return "unsupported request";
    case LINK_TIMED_OUT:
        return "completion timeout";
    case LINK_NO_TAG:
        return "no tag is free";
    case LINK_OFF:
        return "bus mastering or the link is off";
    }
    return "unknown";
}

/* --- One request ---------------------------------------------------------------------------------------- */

/* What nobody waits for any more keeps its tag as long as its completion could still authenticate
 * (CVE-2025-9613). */
static void sweep(struct fabric *fabric)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *r = &fabric->requests[i];
        if (r->used && r->late && !(r->stream && r->stream->secure && r->stream->session == r->session))
            r->used = false;
    }
}

static bool tag_in_use(const struct fabric *fabric, const struct emu_function *by, uint8_t tag)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (fabric->requests[i].used && fabric->requests[i].by == by && fabric->requests[i].tag == tag)
            return true;
    return false;
}

static struct request *new_request(struct emu_function *by)
{
    struct fabric *fabric = by->emu->fabric;
    sweep(fabric);
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *r = &fabric->requests[i];
        if (r->used)
            continue;
        /* fewer requests than tags: one is free */
        while (tag_in_use(fabric, by, fabric->next_tag))
            fabric->next_tag++;
        *r = (struct request){.used = true, .by = by, .tag = fabric->next_tag++};
        return r;
    }
    return NULL;
}

static struct timespec deadline(const struct fabric *fabric)
{
    struct timespec t;
    uint32_t ms = fabric->timeout_ms ? fabric->timeout_ms : LINK_TIMEOUT_MS;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static void give_up(struct request *r)
{
    int id = r->stream ? port_stream_id(r->stream, &fabric_ide_of(r->by)->config) : AER_NO_STREAM;
    fabric_error(r->by, AER_COMPLETION_TIMEOUT, id, "no completion came in time", NULL);
    r->late = true;
}

/* Lock held. Sends the request and waits; want: bytes of data that the completion must bring. */
static enum link_result transact(struct emu_function *by, struct tlp *tlp, bool trusted, uint8_t *data,
                                 size_t want)
{
    struct emu *emu = by->emu;
    struct request *r = new_request(by);
    if (!r)
        return LINK_NO_TAG;
    tlp->requester = pcie_bdf_rid(&by->desc.bdf);
    tlp->tag = r->tag;
    r->want = (uint16_t)want;
    fabric_request(by, tlp, 1, trusted, &r->stream);
    r->trusted = trusted && r->stream && r->stream->selective;
    r->session = r->stream ? r->stream->session : 0;
    fabric_run(emu);
    struct timespec until = deadline(emu->fabric);
    if (!r->done && emu->about_to_wait)
        emu->about_to_wait();
    while (!r->done)
        if (pthread_cond_timedwait(&emu->fabric->completed, &emu->lock, &until) == ETIMEDOUT)
            break;
    if (!r->done) {
        give_up(r);
        return LINK_TIMED_OUT;
    }
    enum link_result result = r->status == TLP_STATUS_SUCCESS ? LINK_DONE : LINK_REFUSED;
    if (result == LINK_DONE && want)
        memcpy(data, r->data, want);
    r->used = false;
    return result;
}

/* --- Memory --------------------------------------------------------------------------------------------- */

static size_t max_payload(const struct emu_function *f)
{
    size_t size =
        (size_t)128 << field_get(EXP_DEVCTL_PAYLOAD, config_get16(&f->config, f->exp_cap + EXP_DEVCTL));
    return size < TLP_PAYLOAD_MAX ? size : TLP_PAYLOAD_MAX;
}

/* How many of n bytes at an address one request can be for: up to the payload's limit, and in its page. */
static size_t request_bytes(uint64_t address, size_t n, size_t most)
{
    size_t room = most - (size_t)(address % 4);
    size_t in_page = PAGE - (size_t)(address % PAGE);
    room = room < in_page ? room : in_page;
    return n < room ? n : room;
}

/* The dwords around n bytes, and which bytes of the first and last one are meant. */
static struct tlp memory_request(uint64_t address, size_t n, bool write)
{
    unsigned before = (unsigned)(address % 4), length = (unsigned)((before + n + 3) / 4);
    unsigned after = length * 4 - before - (unsigned)n;
    struct tlp t = {.address = address - before, .length = (uint16_t)length};
    uint8_t first = (uint8_t)(15u << before & 15u), last = (uint8_t)(15u >> after);
    t.first_be = length == 1 ? first & last : first;
    t.last_be = length == 1 ? 0 : last;
    bool wide = address >= FOUR_GIB;
    t.code = write ? (wide ? TLP_MWR64 : TLP_MWR32) : (wide ? TLP_MRD64 : TLP_MRD32);
    return t;
}

static void write_memory(struct emu_function *by, uint64_t address, bool trusted, const uint8_t *data,
                         size_t n, size_t most)
{
    struct tlp batch[BATCH];
    while (n > 0) {
        size_t count = 0;
        for (; count < BATCH && n > 0; count++) {
            size_t some = request_bytes(address, n, most);
            batch[count] = memory_request(address, some, true);
            batch[count].requester = pcie_bdf_rid(&by->desc.bdf);
            batch[count].tc = by->traffic_class;
            memcpy(batch[count].data + address % 4, data, some);
            address += some;
            data += some;
            n -= some;
        }
        fabric_request(by, batch, count, trusted, NULL);
        fabric_run(by->emu);
    }
}

static enum link_result read_memory(struct emu_function *by, uint64_t address, bool trusted, uint8_t *data,
                                    size_t n, size_t most)
{
    uint8_t dwords[TLP_PAYLOAD_MAX];
    while (n > 0) {
        size_t some = request_bytes(address, n, most);
        struct tlp t = memory_request(address, some, false);
        t.tc = by->traffic_class;
        enum link_result result = transact(by, &t, trusted, dwords, tlp_bytes(&t));
        if (result != LINK_DONE)
            return result;
        memcpy(data, dwords + address % 4, some);
        address += some;
        data += some;
        n -= some;
    }
    return LINK_DONE;
}

/* The root port that takes an address; NULL: none does. */
static struct emu_function *port_for(struct emu_function *f, uint64_t address)
{
    for (size_t i = 0; i < f->emu->count; i++) {
        struct emu_function *port = &f->emu->functions[i];
        if (!port->parent && port->desc.type == PCIE_TYPE_ROOT_PORT &&
            port->desc.bdf.domain == f->desc.bdf.domain && fabric_claims(port, address))
            return port;
    }
    return NULL;
}

/* A root port's own registers: no link is crossed. */
static bool is_root_bar(const struct emu_function *f)
{
    return f->desc.type == PCIE_TYPE_ROOT_PORT && f->desc.bar_size != 0;
}

static bool decodes_root_bar(const struct emu_function *f)
{
    return config_get16(&f->config, FUNCTION_COMMAND) & FUNCTION_COMMAND_MEMORY;
}

enum link_result link_bar_read(struct emu_function *f, uint64_t offset, uint8_t *data, size_t n)
{
    emu_lock(f->emu);
    if (is_root_bar(f)) {
        bool on = decodes_root_bar(f);
        if (on)
            memory_read(&f->bar, offset, data, n);
        emu_unlock(f->emu);
        return on ? LINK_DONE : LINK_REFUSED;
    }
    uint64_t address = emu_bar_base(f) + offset;
    struct emu_function *port = hotplug_is_reachable(f) ? port_for(f, address) : NULL;
    enum link_result result =
        port ? read_memory(port, address, false, data, n, max_payload(port)) : LINK_REFUSED;
    emu_unlock(f->emu);
    return result;
}

enum link_result link_bar_write(struct emu_function *f, uint64_t offset, const uint8_t *data, size_t n)
{
    emu_lock(f->emu);
    if (is_root_bar(f)) {
        bool on = decodes_root_bar(f);
        if (on)
            cxl_port_write(f, offset, data, n);
        emu_unlock(f->emu);
        return on ? LINK_DONE : LINK_REFUSED;
    }
    uint64_t address = emu_bar_base(f) + offset;
    struct emu_function *port = hotplug_is_reachable(f) ? port_for(f, address) : NULL;
    if (port)
        write_memory(port, address, false, data, n, max_payload(port));
    emu_unlock(f->emu);
    return port ? LINK_DONE : LINK_REFUSED;
}

static bool is_master(const struct emu_function *f)
{
    return f->desc.type == PCIE_TYPE_ENDPOINT && f->parent && hotplug_is_reachable(f) && fabric_is_master(f);
}

enum link_result link_dma_read(struct emu_function *f, uint64_t address, bool trusted, uint8_t *data,
                               size_t n)
{
    emu_lock(f->emu);
    enum link_result result =
        is_master(f) ? read_memory(f, address, trusted, data, n, max_payload(f)) : LINK_OFF;
    emu_unlock(f->emu);
    return result;
}

enum link_result link_dma_write(struct emu_function *f, uint64_t address, bool trusted, const uint8_t *data,
                                size_t n)
{
    emu_lock(f->emu);
    bool on = is_master(f);
    if (on)
        write_memory(f, address, trusted, data, n, max_payload(f));
    emu_unlock(f->emu);
    return on ? LINK_DONE : LINK_OFF;
}

/* --- Configuration space -------------------------------------------------------------------------------- */

static struct tlp config_request(const struct emu_function *root, const struct emu_function *f,
                                 unsigned offset, bool write)
{
    bool type0 = f->desc.bdf.bus == root->desc.secondary;
    return (struct tlp){.code = write ? (type0 ? TLP_CFGWR0 : TLP_CFGWR1) : (type0 ? TLP_CFGRD0 : TLP_CFGRD1),
                        .length = 1,
                        .target = pcie_bdf_rid(&f->desc.bdf),
                        .reg = (uint16_t)(offset & ~3u)};
}

/* What a host can access at once: naturally aligned, and inside a dword. */
static unsigned access_size(unsigned offset, size_t n)
{
    if (offset % 4 == 0 && n >= 4)
        return 4;
    return offset % 2 == 0 && n >= 2 ? 2 : 1;
}

void link_config_read(struct emu_function *f, unsigned offset, uint8_t *data, size_t n)
{
    if (!f->parent) {
        emu_config_read(f, offset, data, n);
        return;
    }
    emu_lock(f->emu);
    struct emu_function *root = fabric_root_port(f);
    while (n > 0) {
        uint8_t dword[4];
        unsigned size = access_size(offset, n);
        struct tlp t = config_request(root, f, offset, false);
        emu_count_read(f, offset);
        t.first_be = (uint8_t)(((1u << size) - 1) << offset % 4);
        if (hotplug_is_reachable(f) && transact(root, &t, false, dword, sizeof dword) == LINK_DONE)
            memcpy(data, dword + offset % 4, size);
        else
            memset(data, 0xff, size);
        offset += size;
        data += size;
        n -= size;
    }
    emu_unlock(f->emu);
}

void link_config_write(struct emu_function *f, unsigned offset, const uint8_t *data, size_t n)
{
    if (!f->parent) {
        emu_config_write(f, offset, data, n);
        return;
    }
    emu_lock(f->emu);
    struct emu_function *root = fabric_root_port(f);
    while (n > 0) {
        unsigned size = access_size(offset, n);
        struct tlp t = config_request(root, f, offset, true);
        f->config_writes++;
        t.first_be = (uint8_t)(((1u << size) - 1) << offset % 4);
        memcpy(t.data + offset % 4, data, size);
        if (hotplug_is_reachable(f)) /* a port whose link is down answers by itself (§2.9.1) */
            transact(root, &t, false, NULL, 0);
        offset += size;
        data += size;
        n -= size;
    }
    emu_unlock(f->emu);
}
