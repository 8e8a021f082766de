/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/fabric.h"

#include <stdlib.h>
#include <string.h>

#include "tools/ide-emu/ide_link.h"

#define BATCH 32u

/* --- Which stream --------------------------------------------------------------------------------------- */

static uint64_t association_address(uint32_t high, uint32_t low, uint32_t rest)
{
    return (uint64_t)high << 32 | (uint64_t)low << 20 | rest;
}

/* One address association block: 1 MiB granules from base through limit (§7.9.26.5.7). */
static bool block_covers(const struct config_space *c, unsigned block, uint64_t address)
{
    uint32_t low = config_get32(c, block + PCIE_IDE_SEL_ADDR_1);
    uint64_t limit = association_address(config_get32(c, block + PCIE_IDE_SEL_ADDR_2),
                                         field_get(PCIE_IDE_SEL_ADDR_1_LIMIT_LOW, low), 0xfffff);
    uint64_t base = association_address(config_get32(c, block + PCIE_IDE_SEL_ADDR_3),
                                        field_get(PCIE_IDE_SEL_ADDR_1_BASE_LOW, low), 0);
    return (low & PCIE_IDE_SEL_ADDR_1_VALID) && base <= address && address <= limit;
}

static bool address_covered(const struct config_space *c, const struct port_stream *s, uint64_t address)
{
    unsigned start = s->rid - PCIE_IDE_SEL_RID_1;
    unsigned blocks = config_get32(c, start + PCIE_IDE_SEL_CAP) & PCIE_IDE_SEL_CAP_ASSOC_NUM;
    for (unsigned i = 0; i < blocks; i++)
        if (block_covers(c, start + PCIE_IDE_SEL_ADDR_FIRST + i * PCIE_IDE_SEL_ADDR_SIZE, address))
            return true;
    return false;
}

static bool rid_covered(const struct config_space *c, const struct port_stream *s, uint16_t rid)
{
    uint32_t limit = config_get32(c, s->rid);
    uint32_t base = config_get32(c, s->rid + PCIE_IDE_SEL_RID_2 - PCIE_IDE_SEL_RID_1);
    return (base & PCIE_IDE_SEL_RID_2_VALID) && field_get(PCIE_IDE_SEL_RID_2_BASE, base) <= rid &&
           rid <= field_get(PCIE_IDE_SEL_RID_1_LIMIT, limit);
}

/* Memory requests by address; configuration requests and messages by whom they are for (§6.33.4). */
static bool associated(const struct emu_function *f, const struct port_stream *s, const struct tlp *tlp)
{
    uint32_t control = config_get32(&f->config, s->control);
    if (field_get(PCIE_IDE_STREAM_CTL_TC, control) != tlp->tc)
        return false;
    if (tlp_is_memory(tlp->code))
        return address_covered(&f->config, s, tlp->address);
    if (tlp_is_config(tlp->code))
        return (control & PCIE_IDE_SEL_CTL_CFG_EN) && rid_covered(&f->config, s, tlp->target);
    return tlp->code == TLP_MSG_BY_ID && rid_covered(&f->config, s, tlp->target);
}

/* What an endpoint sends to the host and no stream's association covers: the default stream takes it. */
static bool is_default(const struct emu_function *f, const struct port_stream *s, const struct tlp *tlp)
{
    uint32_t control = config_get32(&f->config, s->control);
    return f->desc.type == PCIE_TYPE_ENDPOINT && tlp_is_memory(tlp->code) &&
           (control & PCIE_IDE_SEL_CTL_DEFAULT) && field_get(PCIE_IDE_STREAM_CTL_TC, control) == tlp->tc;
}

struct emu_function *fabric_ide_of(struct emu_function *f)
{
    if (f->ide.cap || f->desc.type != PCIE_TYPE_ENDPOINT)
        return f;
    for (size_t i = 0; i < f->emu->count; i++) {
        struct emu_function *first = &f->emu->functions[i];
        if (first->parent == f->parent && first->desc.bdf.function == 0 && first->ide.cap)
            return first;
    }
    return f;
}

struct port_stream *fabric_covers(struct emu_function *f, const struct tlp *tlp)
{
    struct port_stream *fallback = NULL;
    for (size_t i = 0; i < f->ide.count; i++) {
        struct port_stream *s = &f->ide.streams[i];
        if (!s->selective || !port_stream_enabled(s, &f->config))
            continue;
        if (associated(f, s, tlp))
            return s;
        if (!fallback && is_default(f, s, tlp))
            fallback = s;
    }
    return fallback;
}

struct port_stream *fabric_link_stream(struct emu_function *port, uint8_t tc)
{
    for (size_t i = 0; i < port->ide.count; i++) {
        struct port_stream *s = &port->ide.streams[i];
        if (!s->selective && port_stream_enabled(s, &port->config) &&
            field_get(PCIE_IDE_STREAM_CTL_TC, config_get32(&port->config, s->control)) == tc)
            return s;
    }
    return NULL;
}

bool fabric_protects(struct emu_function *f, struct port_stream *s)
{
    if (!s || !s->secure || f->bridged)
        return false;
    struct link_end other = ide_link_partner((struct link_end){f, s});
    return other.function && !other.function->bridged;
}

/* --- The wire ------------------------------------------------------------------------------------------- */

struct fabric *fabric_new(void)
{
    struct fabric *fabric = calloc(1, sizeof *fabric);
    if (!fabric)
        return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&fabric->completed, &attributes);
    pthread_condattr_destroy(&attributes);
    return fabric;
}

void fabric_free(struct fabric *fabric)
{
    if (!fabric)
        return;
    memory_free(&fabric->host);
    pthread_cond_destroy(&fabric->completed);
    free(fabric->queue);
    free(fabric);
}

static bool grow(struct fabric *f)
{
    size_t room = f->room ? 2 * f->room : 64;
    struct flight *queue = calloc(room, sizeof *queue);
    if (!queue)
        return false;
    for (size_t i = 0; i < f->waiting; i++)
        queue[i] = f->queue[(f->first + i) % f->room];
    free(f->queue);
    f->queue = queue;
    f->room = room;
    f->first = 0;
    return true;
}

void fabric_enqueue(struct emu *emu, struct link *link, enum link_way way, const struct frame *frame)
{
    struct fabric *f = emu->fabric;
    if (f->waiting == f->room && !grow(f))
        return;
    f->queue[(f->first + f->waiting++) % f->room] = (struct flight){link, way, *frame};
}

static void tap(const struct emu *emu, const struct link *link, enum link_way way, enum link_event event,
                const struct frame *frame)
{
    for (size_t i = 0; i < sizeof emu->fabric->taps / sizeof emu->fabric->taps[0]; i++)
        if (emu->fabric->taps[i].saw)
            emu->fabric->taps[i].saw(emu->fabric->taps[i].context, link, way, event, frame);
}

void fabric_wire(struct emu *emu, struct link *link, enum link_way way, const struct frame *frame)
{
    struct adversary_output out;
    if (link->down)
        return;
    adversary_meet(&link->adversary[way], frame, &out);
    if (out.count == 0)
        tap(emu, link, way, LINK_KEPT, frame);
    for (size_t i = 0; i < out.count; i++) {
        tap(emu, link, way, out.touched ? LINK_TOUCHED : LINK_PASSED, &out.frames[i]);
        fabric_enqueue(emu, link, way, &out.frames[i]);
    }
}

void fabric_run(struct emu *emu)
{
    struct fabric *f = emu->fabric;
    while (f->waiting > 0) {
        struct flight next = f->queue[f->first];
        f->first = (f->first + 1) % f->room;
        f->waiting--;
        fabric_receive(next.link, next.way, &next.frame);
    }
}

/* --- Sealing -------------------------------------------------------------------------------------------- */

static struct link *link_of(struct emu_function *egress, enum link_way way)
{
    return way == LINK_DOWN ? egress->link : egress->parent->link;
}

static void send_sync(struct emu_function *f, struct port_stream *s, const struct flow_options *o,
                      struct emu_function *egress, enum link_way way)
{
    struct frame frame;
    struct tlp message = {
        .code = s->selective ? TLP_MSG_BY_ID : TLP_MSG_LOCAL,
        .tc = (uint8_t)field_get(PCIE_IDE_STREAM_CTL_TC, config_get32(&f->config, s->control)),
        .requester = pcie_bdf_rid(&f->desc.bdf)};
    struct link_end other = ide_link_partner((struct link_end){f, s});
    if (other.function)
        message.target = pcie_bdf_rid(&other.function->desc.bdf);
    flow_make_sync(s, &message);
    tlp_encode(&message, &frame);
    if (flow_seal(s, o, TLP_POSTED, &frame, 1))
        fabric_wire(f->emu, link_of(egress, way), way, &frame);
}

/* Seals with a stream of f and sends through egress, which is f but for what comes from a switch's inside. */
static void seal_and_send(struct emu_function *f, struct port_stream *s, bool trusted,
                          struct emu_function *egress, enum link_way way, struct frame *frames, size_t n)
{
    struct flow_options o = flow_options_of(s, &f->config);
    enum tlp_class class = tlp_class_of(frames[0].data[0]);
    o.trusted = trusted;
    while (n > 0) {
        size_t room = flow_room(s, class);
        if (room == 0) {
            send_sync(f, s, &o, egress, way);
            continue;
        }
        size_t some = n < room ? n : room;
        if (!flow_seal(s, &o, class, frames, some)) {
            f->emu->fabric->lost += n;
            return;
        }
        for (size_t i = 0; i < some; i++)
            fabric_wire(f->emu, link_of(egress, way), way, &frames[i]);
        frames += some;
        n -= some;
    }
}

/*
 * Once a stream was Secure, nothing that it covers goes in the clear until software disables it; or who makes
 * a stream fail would read what follows. Configuration requests, their completions and messages are what
 * software repairs with.
 */
static bool must_not_leave(const struct port_stream *s, const struct frame *frame, bool memory)
{
    return s && s->guarded && (memory || tlp_is_memory(frame->data[0]));
}

static void leave(struct emu_function *egress, enum link_way way, struct frame *frames, size_t n, bool memory)
{
    struct port_stream *s = fabric_link_stream(egress, frames[0].data[1] >> 4 & 7);
    if (fabric_protects(egress, s)) {
        seal_and_send(egress, s, false, egress, way, frames, n);
        return;
    }
    if (must_not_leave(s, &frames[0], memory)) {
        egress->emu->fabric->lost += n;
        return;
    }
    for (size_t i = 0; i < n; i++)
        fabric_wire(egress->emu, link_of(egress, way), way, &frames[i]);
}

void fabric_leave(struct emu_function *egress, enum link_way way, const struct frame *frame)
{
    struct frame copy = *frame;
    if (frame->data[0] & 0x80)
        fabric_wire(egress->emu, link_of(egress, way), way, frame);
    else
        leave(egress, way, &copy, 1, false);
}

/* The port through which what a function sends goes to a link: a downstream port's own goes through the
 * switch. */
static struct emu_function *egress_of(struct emu_function *f, enum link_way *way)
{
    *way = f->desc.type == PCIE_TYPE_ROOT_PORT ? LINK_DOWN : LINK_UP;
    return f->desc.type == PCIE_TYPE_DOWNSTREAM ? f->parent : f;
}

static void send_frames(struct emu_function *from, struct via via, struct frame *frames, size_t n,
                        bool memory)
{
    enum link_way way;
    struct emu_function *egress = egress_of(from, &way);
    bool protects = fabric_protects(from, via.stream);
    if (protects && via.stream->selective)
        seal_and_send(from, via.stream, via.trusted, egress, way, frames, n);
    else if (!protects && must_not_leave(via.stream, &frames[0], memory))
        from->emu->fabric->lost += n;
    else
        leave(egress, way, frames, n, memory);
}

void fabric_request(struct emu_function *requester, const struct tlp *tlps, size_t n, bool trusted,
                    struct port_stream **used)
{
    struct frame frames[BATCH];
    struct emu_function *from = fabric_ide_of(requester);
    while (n > 0) {
        size_t some = 0;
        struct port_stream *s = fabric_covers(from, &tlps[0]);
        /* a stream limited to trusted TLPs takes no others (§6.33.4) */
        if (s && !trusted && config_get32(&from->config, s->control) & PCIE_IDE_SEL_CTL_TEE_LIMITED)
            s = NULL;
        do
            tlp_encode(&tlps[some], &frames[some]);
        while (++some < n && some < BATCH && fabric_covers(from, &tlps[some]) == fabric_covers(from, &tlps[0]));
        if (used) {
            enum link_way way;
            struct emu_function *egress = egress_of(from, &way);
            struct port_stream *on_link = fabric_link_stream(egress, tlps[0].tc);
            *used = fabric_protects(from, s) ? s : !s && fabric_protects(egress, on_link) ? on_link : NULL;
        }
        send_frames(from, (struct via){s, trusted}, frames, some, false);
        tlps += some;
        n -= some;
    }
}

void fabric_complete(struct emu_function *from, const struct tlp *tlp, struct via via, bool memory)
{
    struct frame frame;
    tlp_encode(tlp, &frame);
    send_frames(fabric_ide_of(from), via, &frame, 1, memory);
}

void fabric_message(struct emu_function *from, const struct tlp *tlp)
{
    struct frame frame;
    enum link_way way;
    struct emu_function *egress = egress_of(from, &way);
    tlp_encode(tlp, &frame);
    if (tlp->code == TLP_MSG_LOCAL) {
        /* to the other end of this link, whatever its streams are: they have just failed */
        enum link_way local =
            from->desc.type == PCIE_TYPE_ROOT_PORT || from->desc.type == PCIE_TYPE_DOWNSTREAM ? LINK_DOWN
                                                                                              : LINK_UP;
        fabric_wire(from->emu, link_of(from, local), local, &frame);
    } else {
        leave(egress, way, &frame, 1, false);
    }
}
