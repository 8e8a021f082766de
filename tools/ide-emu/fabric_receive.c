/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/fabric.h"

#include "tools/ide-emu/function_config.h"
#include "tools/ide-emu/ide_link.h"

bool fabric_is_switch(const struct emu_function *f)
{
    return f->desc.type == PCIE_TYPE_UPSTREAM || f->desc.type == PCIE_TYPE_DOWNSTREAM;
}

struct emu_function *fabric_root_port(struct emu_function *f)
{
    while (f->parent)
        f = f->parent;
    return f;
}

struct emu_function *fabric_by_id(struct emu_function *root_port, uint16_t rid)
{
    struct emu *emu = root_port->emu;
    for (size_t i = 0; i < emu->count; i++) {
        struct emu_function *f = &emu->functions[i];
        if (pcie_bdf_rid(&f->desc.bdf) == rid && fabric_root_port(f) == root_port)
            return f;
    }
    return NULL;
}

static bool window_has(uint32_t window, uint64_t base_upper, uint64_t limit_upper, uint64_t address)
{
    uint64_t base = base_upper << 32 | (uint64_t)field_get(PCIE_WINDOW_BASE, window) << 20;
    uint64_t limit = limit_upper << 32 | (uint64_t)field_get(PCIE_WINDOW_LIMIT, window) << 20 | 0xfffff;
    return base <= address && address <= limit;
}

bool fabric_window_has(const struct emu_function *port, uint64_t address)
{
    const struct config_space *c = &port->config;
    return window_has(config_get32(c, PCIE_MEMORY_WINDOW), 0, 0, address) ||
           window_has(config_get32(c, PCIE_PREFETCHABLE_WINDOW), config_get32(c, PCIE_PREFETCHABLE_BASE_UPPER),
                      config_get32(c, PCIE_PREFETCHABLE_LIMIT_UPPER), address);
}

bool fabric_claims(const struct emu_function *port, uint64_t address)
{
    return config_get16(&port->config, FUNCTION_COMMAND) & FUNCTION_COMMAND_MEMORY &&
           fabric_window_has(port, address);
}

bool fabric_is_master(const struct emu_function *port)
{
    return config_get16(&port->config, FUNCTION_COMMAND) & FUNCTION_COMMAND_MASTER;
}

/* --- Errors --------------------------------------------------------------------------------------------- */

void fabric_error(struct emu_function *f, enum aer_error error, int stream_id, const char *why,
                  const struct frame *frame)
{
    bool fatal;
    struct aer_entry entry = {error, stream_id, why};
    aer_report(&f->aer, &f->config, &entry, frame);
    struct emu_function *root = fabric_root_port(f);
    if (aer_sends_message(&f->aer, &f->config, error, &fatal))
        aer_root_received(&root->aer, &root->config, pcie_bdf_rid(&f->desc.bdf), fatal);
}

void fabric_check_failed(struct emu_function *f, struct port_stream *s, const char *why,
                         const struct frame *frame)
{
    uint8_t id = port_stream_id(s, &f->config);
    struct link_end other = ide_link_partner((struct link_end){f, s});
    fabric_error(f, AER_IDE_CHECK_FAILED, id, why, frame);
    bool was_secure = s->secure;
    port_stream_wipe(s);
    ide_link_settle(f->emu);
    if (!other.function || !was_secure)
        return;
    struct tlp message = {.code = s->selective ? TLP_MSG_BY_ID : TLP_MSG_LOCAL,
                          .requester = pcie_bdf_rid(&f->desc.bdf),
                          .target = pcie_bdf_rid(&other.function->desc.bdf),
                          .message = TLP_MESSAGE_IDE_FAIL,
                          .info = {[3] = id}};
    fabric_message(f, &message);
}

static void misrouted(struct emu_function *f, const struct frame_parts *p, const char *why,
                      const struct frame *frame)
{
    fabric_error(f, AER_MISROUTED_IDE, p->prefix.stream_id, why, frame);
}

/* --- Through a switch ----------------------------------------------------------------------------------- */

static bool flow_through(const struct emu_function *port)
{
    return port->ide.cap &&
           config_get32(&port->config, port->ide.cap + PCIE_IDE_CTL) & PCIE_IDE_CTL_FLOWTHROUGH;
}

static bool bus_below(const struct emu_function *port, uint16_t rid)
{
    uint8_t bus = (uint8_t)(rid >> 8);
    return port->desc.secondary <= bus && bus <= port->desc.subordinate;
}

static uint16_t destination(const struct tlp *tlp)
{
    return tlp_class_of(tlp->code) == TLP_COMPLETION ? tlp->requester : tlp->target;
}

static struct emu_function *port_towards(struct emu_function *upstream, const struct tlp *tlp)
{
    for (size_t i = 0; i < upstream->emu->count; i++) {
        struct emu_function *f = &upstream->emu->functions[i];
        if (f->parent != upstream)
            continue;
        if (tlp_is_memory(tlp->code) ? fabric_claims(f, tlp->address) : bus_below(f, destination(tlp)))
            return f;
    }
    return NULL;
}

static void forward_down(struct emu_function *upstream, const struct tlp *tlp, const struct frame *frame,
                         bool ide)
{
    bool off = tlp_is_memory(tlp->code) && !fabric_claims(upstream, tlp->address);
    struct emu_function *egress = off ? NULL : port_towards(upstream, tlp);
    struct via clear = {NULL, false};
    struct frame_parts p;
    if (!egress) {
        if (ide)
            fabric_error(upstream, AER_UNSUPPORTED, frame->data[2], "no port leads there", frame);
        else
            fabric_take(upstream, tlp, clear, frame);
    } else if (ide && !flow_through(egress)) {
        frame_split(frame->data, frame->len, &p);
        misrouted(egress, &p, "flow-through is off at the port where it would leave", frame);
    } else if (!ide && tlp_is_config(tlp->code) && tlp->target >> 8 == egress->desc.secondary) {
        /* the last bridge before the function makes it type 0 (§2.2.7) */
        struct tlp type0 = *tlp;
        struct frame converted;
        type0.code &= (uint8_t)~1u;
        tlp_encode(&type0, &converted);
        fabric_leave(egress, LINK_DOWN, &converted);
    } else {
        fabric_leave(egress, LINK_DOWN, frame);
    }
}

/* A switch that does not pass a memory request up answers it itself, through the port where it came in; what
 * is encrypted it cannot answer. */
static void refuse_from_below(struct emu_function *port, const struct tlp *tlp, const struct frame *frame,
                              bool ide)
{
    struct frame answer;
    const struct tlp refusal = {.code = TLP_CPL,
                                .tc = tlp->tc,
                                .requester = tlp->requester,
                                .tag = tlp->tag,
                                .completer = pcie_bdf_rid(&port->desc.bdf),
                                .status = TLP_STATUS_UNSUPPORTED,
                                .byte_count = 4,
                                .lower_address = (uint8_t)(tlp->address & 0x7c)};
    fabric_error(port, AER_UNSUPPORTED, AER_NO_STREAM, "the port passes no memory requests up", frame);
    if (ide || tlp_class_of(tlp->code) != TLP_NON_POSTED)
        return;
    tlp_encode(&refusal, &answer);
    fabric_leave(port, LINK_DOWN, &answer);
}

static void pass_on(struct emu_function *port, const struct tlp *tlp, struct via via,
                    const struct frame *frame, bool ide)
{
    struct frame_parts p;
    if (port->desc.type == PCIE_TYPE_DOWNSTREAM) {
        if (tlp_is_memory(tlp->code) && !(fabric_is_master(port) && fabric_is_master(port->parent)))
            refuse_from_below(port, tlp, frame, ide);
        else if (ide && !flow_through(port->parent)) {
            frame_split(frame->data, frame->len, &p);
            misrouted(port->parent, &p, "flow-through is off at the port where it would leave", frame);
        } else {
            fabric_leave(port->parent, LINK_UP, frame);
        }
        return;
    }
    struct emu_function *self = tlp_is_config(tlp->code) || tlp->code == TLP_MSG_BY_ID
                                    ? fabric_by_id(fabric_root_port(port), tlp->target)
                                    : NULL;
    if (self && !ide && (self == port || self->parent == port))
        fabric_take(self, tlp, via, frame);
    else
        forward_down(port, tlp, frame, ide);
}

/* --- What came as an IDE TLP ---------------------------------------------------------------------------- */

/* Where a request is for, of the functions at the end of the link. */
static struct emu_function *request_end(struct emu_function *port, const struct tlp *tlp)
{
    if (port->desc.type != PCIE_TYPE_ENDPOINT)
        return port;
    for (size_t i = 0; i < port->emu->count; i++) {
        struct emu_function *f = &port->emu->functions[i];
        if (f->parent != port->parent)
            continue;
        bool mine = tlp_is_memory(tlp->code) ? emu_bar_has(f, tlp->address)
                                             : pcie_bdf_rid(&f->desc.bdf) == destination(tlp);
        if (mine)
            return f;
    }
    return port;
}

static void take_or_pass(struct emu_function *port, const struct tlp *tlp, struct via via,
                         const struct frame *frame)
{
    if (tlp->code == TLP_MSG_LOCAL || !fabric_is_switch(port))
        fabric_take(tlp_is_memory(tlp->code) ? request_end(port, tlp) : port, tlp, via, frame);
    else
        pass_on(port, tlp, via, frame, false);
}

static bool failed(enum flow_result result)
{
    return result != FLOW_OPENED && result != FLOW_PCRC && result != FLOW_WAITS;
}

static void open_ide(struct emu_function *port, struct port_stream *s, const struct frame *frame)
{
    struct flow_opened opened;
    struct flow_options o = flow_options_of(s, &port->config);
    /* after a failure the rest of the stream is dropped without further ado (§6.33.8) */
    if (!s->secure)
        return;
    enum flow_result result = flow_open(s, &o, frame, &opened);
    if (failed(result)) {
        fabric_check_failed(port, s, flow_result_text(result), frame);
        return;
    }
    struct via via = {s, opened.trusted};
    for (size_t i = 0; i < opened.count; i++) {
        struct tlp tlp;
        if (opened.bad >> i & 1)
            fabric_error(port, AER_PCRC_CHECK_FAILED, o.stream_id, "PCRC check failed", frame);
        else if (!tlp_decode(&opened.frames[i], &tlp))
            fabric_error(port, AER_MALFORMED, o.stream_id, "malformed", frame);
        else if (tlp.message != TLP_MESSAGE_IDE_SYNC || !tlp_is_message(tlp.code))
            take_or_pass(port, &tlp, via, &opened.frames[i]);
    }
}

static struct port_stream *find_stream(struct emu_function *f, uint8_t id, bool selective)
{
    for (size_t i = 0; i < f->ide.count; i++) {
        struct port_stream *s = &f->ide.streams[i];
        if (s->selective == selective && port_stream_enabled(s, &f->config) &&
            port_stream_id(s, &f->config) == id)
            return s;
    }
    return NULL;
}

/* Of the functions at the end of a link, the one that has the selective stream. */
static struct emu_function *stream_owner(struct emu_function *port, uint8_t id, struct port_stream **s)
{
    if ((*s = find_stream(port, id, true)) || port->desc.type != PCIE_TYPE_ENDPOINT)
        return port;
    for (size_t i = 0; i < port->emu->count; i++) {
        struct emu_function *f = &port->emu->functions[i];
        if (f->parent == port->parent && (*s = find_stream(f, id, true)))
            return f;
    }
    return port;
}

static void receive_ide(struct emu_function *port, const struct frame_parts *p, const struct frame *frame)
{
    struct tlp tlp;
    struct port_stream *s = find_stream(port, p->prefix.stream_id, false);
    if (s) {
        open_ide(port, s, frame);
    } else if (fabric_is_switch(port)) {
        if (!flow_through(port))
            misrouted(port, p, "flow-through is off at the port where it came in", frame);
        else if (tlp_decode(frame, &tlp))
            pass_on(port, &tlp, (struct via){NULL, false}, frame, true);
        else
            fabric_error(port, AER_MALFORMED, p->prefix.stream_id, "malformed", frame);
    } else {
        struct emu_function *owner = stream_owner(port, p->prefix.stream_id, &s);
        if (s)
            open_ide(owner, s, frame);
        else
            misrouted(owner, p, "no stream has that Stream ID", frame);
    }
}

/* --- What came in the clear ----------------------------------------------------------------------------- */

/*
 * The stream of `to` that a request in the clear should have come on: the one that its sender's registers
 * name. The receiver of real hardware knows less; docs/ide.md says what it goes by.
 */
static struct port_stream *should_have_come_on(struct emu_function *to, const struct tlp *tlp)
{
    struct emu_function *root = fabric_root_port(to);
    struct emu_function *sender = to == root ? fabric_by_id(root, tlp->requester) : root;
    sender = sender ? fabric_ide_of(sender) : NULL;
    struct port_stream *s = sender ? fabric_covers(sender, tlp) : NULL;
    if (!s || (config_get32(&sender->config, s->control) & PCIE_IDE_SEL_CTL_TEE_LIMITED))
        return NULL;
    if (!fabric_protects(sender, s) && !(s->guarded && tlp_is_memory(tlp->code)))
        return NULL;
    return find_stream(fabric_ide_of(to), port_stream_id(s, &sender->config), true);
}

static void receive_clear(struct emu_function *port, const struct tlp *tlp, const struct frame *frame)
{
    struct port_stream *s = fabric_link_stream(port, tlp->tc);
    bool request = tlp_class_of(tlp->code) != TLP_COMPLETION && !tlp_is_message(tlp->code);
    bool fail = tlp_is_message(tlp->code) && tlp->message == TLP_MESSAGE_IDE_FAIL;
    if (s && !fail && (fabric_protects(port, s) || (s->guarded && tlp_is_memory(tlp->code)))) {
        fabric_check_failed(port, s, "it is not encrypted, and the link's stream is on", frame);
        return;
    }
    struct emu_function *to = request_end(port, tlp);
    if (!fabric_is_switch(to) && request && (s = should_have_come_on(to, tlp)) != NULL) {
        fabric_check_failed(fabric_ide_of(to), s, "it is not encrypted, and a stream covers it", frame);
        return;
    }
    take_or_pass(to, tlp, (struct via){NULL, false}, frame);
}

/* The function at the link's lower end that owns the link: a switch, or function 0. */
static struct emu_function *lower_end(struct link *link)
{
    struct emu *emu = link->port->emu;
    struct emu_function *found = NULL;
    for (size_t i = 0; i < emu->count; i++) {
        struct emu_function *f = &emu->functions[i];
        if (f->parent == link->port && (!found || f->desc.bdf.function < found->desc.bdf.function))
            found = f;
    }
    return found;
}

void fabric_receive(struct link *link, enum link_way way, struct frame *frame)
{
    struct emu_function *port = way == LINK_DOWN ? lower_end(link) : link->port;
    struct frame_parts p;
    struct tlp tlp;
    if (!port)
        return;
    bool split = frame_split(frame->data, frame->len, &p);
    if (split && p.ide)
        receive_ide(port, &p, frame);
    else if (split && tlp_decode(frame, &tlp))
        receive_clear(port, &tlp, frame);
    else
        fabric_error(port, AER_MALFORMED, AER_NO_STREAM, "malformed", frame);
}
