/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "tools/ide-emu/fabric.h"
#include "tools/ide-emu/ide_link.h"

/* --- Completions ---------------------------------------------------------------------------------------- */

static struct request *find_request(struct emu_function *f, uint8_t tag)
{
    struct request *requests = f->emu->fabric->requests;
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (requests[i].used && !requests[i].done && requests[i].by == f && requests[i].tag == tag)
            return &requests[i];
    return NULL;
}

static struct emu_function *requester_of(struct emu_function *port, uint16_t rid)
{
    struct emu_function *f = fabric_by_id(fabric_root_port(port), rid);
    return f ? f : port;
}

/* A completion comes on its request's stream (§6.33.8). */
static bool right_stream(struct emu_function *f, const struct request *r, struct via via,
                         const struct frame *frame)
{
    if (via.stream == r->stream && via.trusted == r->trusted)
        return true;
    struct port_stream *s = r->stream ? r->stream : via.stream;
    if (s && s->secure)
        fabric_check_failed(fabric_ide_of(f), s, "a completion did not come on its request's stream", frame);
    return false;
}

static void take_completion(struct emu_function *port, const struct tlp *t, struct via via,
                            const struct frame *frame)
{
    struct emu_function *f = requester_of(port, t->requester);
    struct request *r = find_request(f, t->tag);
    size_t len = tlp_has_data(t->code) ? t->length * 4u : 0;
    if (r && r->late) {
        /* the tag is free again: its completion can come no more */
        r->used = false;
        r = NULL;
    }
    if (!r || (t->status == TLP_STATUS_SUCCESS && len != r->want)) {
        fabric_error(f, AER_UNEXPECTED_COMPLETION, AER_NO_STREAM, "nobody waits for this completion", frame);
        return;
    }
    if (!right_stream(f, r, via, frame))
        return;
    r->status = t->status;
    memcpy(r->data, t->data, len);
    r->done = true;
    pthread_cond_broadcast(&f->emu->fabric->completed);
}

/* --- Requests ------------------------------------------------------------------------------------------- */

static void complete(struct emu_function *f, const struct tlp *request, struct via via, uint8_t status,
                     const uint8_t *data, size_t len)
{
    struct tlp t = {.code = len ? TLP_CPLD : TLP_CPL,
                    .tc = request->tc,
                    .length = (uint16_t)(len / 4),
                    .requester = request->requester,
                    .tag = request->tag,
                    .completer = pcie_bdf_rid(&f->desc.bdf),
                    .status = status,
                    .byte_count = (uint16_t)(len ? len : 4),
                    .lower_address = (uint8_t)(request->address & 0x7c)};
    if (len)
        memcpy(t.data, data, len);
    fabric_complete(f, &t, via, tlp_is_memory(request->code));
}

static void refuse(struct emu_function *f, const struct tlp *t, struct via via, const char *why,
                   const struct frame *frame)
{
    fabric_error(f, AER_UNSUPPORTED, AER_NO_STREAM, why, frame);
    if (tlp_class_of(t->code) == TLP_NON_POSTED)
        complete(f, t, via, TLP_STATUS_UNSUPPORTED, NULL, 0);
}

static void take_config(struct emu_function *port, const struct tlp *t, struct via via,
                        const struct frame *frame)
{
    struct emu_function *f = fabric_by_id(fabric_root_port(port), t->target);
    if (!f || (f != port && f->parent != port->parent && f->parent != port)) {
        refuse(port, t, via, "nothing is there", frame);
        return;
    }
    unsigned offset = t->reg;
    if (!tlp_has_data(t->code)) {
        complete(f, t, via, TLP_STATUS_SUCCESS, f->config.value + offset, 4);
        return;
    }
    uint32_t value = 0, enabled = 0;
    for (unsigned i = 0; i < 4; i++) {
        value |= (uint32_t)t->data[i] << (8 * i);
        enabled |= t->first_be >> i & 1 ? UINT32_C(0xff) << (8 * i) : 0;
    }
    /* the completion first: what is written may turn off the stream that it goes on */
    complete(f, t, via, TLP_STATUS_SUCCESS, NULL, 0);
    emu_config_write_dword(f, offset, value, enabled);
}

static void store(struct memory *m, uint64_t at, const struct tlp *t)
{
    for (size_t i = 0; i < t->length; i++) {
        unsigned be = i == 0 ? t->first_be : i == t->length - 1u ? t->last_be : 15;
        for (unsigned b = 0; b < 4; b++)
            if (be >> b & 1)
                memory_write(m, at + 4 * i + b, &t->data[4 * i + b], 1);
    }
}

/* A write whose bytes all count, which most are, in one go. */
static void store_all(struct memory *m, uint64_t at, const struct tlp *t)
{
    if (t->first_be == 15 && (t->length == 1 || t->last_be == 15))
        memory_write(m, at, t->data, tlp_bytes(t));
    else
        store(m, at, t);
}

static void access_memory(struct emu_function *f, struct memory *m, uint64_t at, const struct tlp *t,
                          struct via via)
{
    uint8_t data[TLP_PAYLOAD_MAX];
    if (tlp_has_data(t->code)) {
        store_all(m, at, t);
        return;
    }
    memory_read(m, at, data, tlp_bytes(t));
    complete(f, t, via, TLP_STATUS_SUCCESS, data, tlp_bytes(t));
}

/* Registers are read as memory, and written one by one. */
static void access_bar(struct emu_function *f, uint64_t at, const struct tlp *t, struct via via)
{
    if (tlp_has_data(t->code) && cxl_port_has(f, at))
        cxl_port_write(f, at, t->data, tlp_bytes(t));
    else
        access_memory(f, &f->bar, at, t, via);
}

static bool is_function_memory(struct emu_function *root, uint64_t address)
{
    for (size_t i = 0; i < root->emu->count; i++) {
        struct emu_function *f = &root->emu->functions[i];
        if (f->desc.type == PCIE_TYPE_ROOT_PORT && f->desc.bdf.domain == root->desc.bdf.domain &&
            fabric_window_has(f, address))
            return true;
    }
    return false;
}

/* A request on a selective stream must be of somebody whom the stream is for. */
static bool requester_fits(const struct emu_function *f, const struct tlp *t, struct via via)
{
    if (!via.stream || !via.stream->selective || f->desc.type != PCIE_TYPE_ROOT_PORT)
        return true;
    uint32_t limit = config_get32(&f->config, via.stream->rid);
    uint32_t base = config_get32(&f->config, via.stream->rid + PCIE_IDE_SEL_RID_2 - PCIE_IDE_SEL_RID_1);
    return field_get(PCIE_IDE_SEL_RID_2_BASE, base) <= t->requester &&
           t->requester <= field_get(PCIE_IDE_SEL_RID_1_LIMIT, limit);
}

static void take_memory(struct emu_function *f, const struct tlp *t, struct via via,
                        const struct frame *frame)
{
    bool fits = t->length <= TLP_PAYLOAD_MAX / 4 && requester_fits(f, t, via);
    if (f->desc.type == PCIE_TYPE_ROOT_PORT && !fabric_is_master(f))
        refuse(f, t, via, "the port passes no memory requests up", frame);
    else if (fits && f->desc.type == PCIE_TYPE_ROOT_PORT && !is_function_memory(f, t->address))
        access_memory(f, &f->emu->fabric->host, t->address, t, via);
    else if (fits && f->desc.type == PCIE_TYPE_ENDPOINT && emu_bar_has(f, t->address) &&
             emu_bar_has(f, t->address + tlp_bytes(t) - 1))
        access_bar(f, t->address - emu_bar_base(f), t, via);
    else
        refuse(f, t, via, "nothing is there", frame);
}

/* --- Messages ------------------------------------------------------------------------------------------- */

static void take_fail_message(struct emu_function *f, uint8_t stream_id)
{
    struct port_stream *s = f->ide.cap ? stream_port_find(&f->ide, &f->config, stream_id) : NULL;
    if (!s || !port_stream_enabled(s, &f->config))
        return;
    port_stream_wipe(s);
    port_stream_fail_message(s, &f->config);
    ide_link_settle(f->emu);
}

static void take_message(struct emu_function *port, const struct tlp *t)
{
    struct emu_function *f =
        t->code == TLP_MSG_BY_ID ? fabric_by_id(fabric_root_port(port), t->target) : port;
    if (f && t->message == TLP_MESSAGE_IDE_FAIL)
        take_fail_message(f, t->info[3]);
}

void fabric_take(struct emu_function *f, const struct tlp *tlp, struct via via, const struct frame *frame)
{
    if (tlp_is_message(tlp->code))
        take_message(f, tlp);
    else if (tlp_class_of(tlp->code) == TLP_COMPLETION)
        take_completion(f, tlp, via, frame);
    else if (tlp_is_config(tlp->code))
        take_config(f, tlp, via, frame);
    else
        take_memory(f, tlp, via, frame);
}
