/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/ide_link.h"

#include <time.h>

static const struct link_end NOWHERE = {NULL, NULL};

static bool is_port(const struct emu_function *f)
{
    return platform_is_port(&f->desc);
}

static struct emu_function *root_port_of(struct emu_function *f)
{
    while (f->parent)
        f = f->parent;
    return f;
}

static bool is_below(const struct emu_function *f, const struct emu_function *port)
{
    for (f = f->parent; f; f = f->parent)
        if (f == port)
            return true;
    return false;
}

/* IDE TLPs of a stream between root port and endpoint pass a switch only by flow-through (§6.33.2). */
static bool passes_switches(const struct emu_function *endpoint)
{
    for (const struct emu_function *f = endpoint->parent; f && f->parent; f = f->parent)
        if (!f->ide.cap || !(config_get32(&f->config, f->ide.cap + PCIE_IDE_CTL) & PCIE_IDE_CTL_FLOWTHROUGH))
            return false;
    return true;
}

static bool associates(const struct emu_function *root_port, const struct port_stream *s, const struct emu_function *f)
{
    uint32_t limit = config_get32(&root_port->config, s->rid);
    uint32_t base = config_get32(&root_port->config, s->rid + PCIE_IDE_SEL_RID_2 - PCIE_IDE_SEL_RID_1);
    uint16_t rid = pcie_bdf_rid(&f->desc.bdf);
    return (base & PCIE_IDE_SEL_RID_2_VALID) && field_get(PCIE_IDE_SEL_RID_2_BASE, base) <= rid &&
           rid <= field_get(PCIE_IDE_SEL_RID_1_LIMIT, limit);
}

/* The stream of the same kind and Stream ID at f. */
static struct link_end same_stream(struct link_end end, struct emu_function *f)
{
    if (!f->ide.cap)
        return NOWHERE;
    uint8_t id = port_stream_id(end.stream, &end.function->config);
    struct port_stream *s = stream_port_find(&f->ide, &f->config, id);
    return s && s->selective == end.stream->selective ? (struct link_end){f, s} : NOWHERE;
}

static struct link_end partner_above(struct link_end end)
{
    struct emu_function *root_port = root_port_of(end.function);
    struct link_end other = same_stream(end, root_port);
    if (!other.stream || !associates(root_port, other.stream, end.function) || !passes_switches(end.function))
        return NOWHERE;
    return other;
}

static struct link_end partner_below(struct link_end end)
{
    struct emu *emu = end.function->emu;
    for (size_t i = 0; i < emu->count; i++) {
        struct emu_function *f = &emu->functions[i];
        if (is_port(f) || !is_below(f, end.function) || !associates(end.function, end.stream, f))
            continue;
        struct link_end other = same_stream(end, f);
        if (other.stream && passes_switches(f))
            return other;
    }
    return NOWHERE;
}

/* A link's lower end is function 0 of what is below the port: it holds the link streams of a multi-function device. */
static struct link_end partner_on_link(struct link_end end)
{
    struct emu_function *f = end.function;
    if (f->desc.type == PCIE_TYPE_ENDPOINT || f->desc.type == PCIE_TYPE_UPSTREAM)
        return f->parent && f->desc.bdf.function == 0 ? same_stream(end, f->parent) : NOWHERE;
    for (size_t i = 0; i < f->emu->count; i++)
        if (f->emu->functions[i].parent == f && f->emu->functions[i].desc.bdf.function == 0)
            return same_stream(end, &f->emu->functions[i]);
    return NOWHERE;
}

struct link_end ide_link_partner(struct link_end end)
{
    /* An aliased Stream ID names nobody, at this end as at the other. */
    struct emu_function *f = end.function;
    if (stream_port_find(&f->ide, &f->config, port_stream_id(end.stream, &f->config)) != end.stream)
        return NOWHERE;
    if (!end.stream->selective)
        return partner_on_link(end);
    if (f->desc.type == PCIE_TYPE_ROOT_PORT)
        return partner_below(end);
    return f->desc.type == PCIE_TYPE_ENDPOINT ? partner_above(end) : NOWHERE;
}

static bool flows_between(struct link_end tx, struct link_end rx)
{
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
        if (!port_stream_flows(tx.stream, rx.stream, sub))
            return false;
    return true;
}

static bool keys_agree(struct link_end a, struct link_end b)
{
    if (a.function->bridged && b.function->bridged)
        return false;
    if (a.function->bridged || b.function->bridged) /* partner keys unknown: see ide_link.h */
        return port_stream_ready(a.function->bridged ? b.stream : a.stream);
    return flows_between(a, b) && flows_between(b, a);
}

static bool is_secure(struct link_end end)
{
    if (!port_stream_enabled(end.stream, &end.function->config))
        return false;
    struct link_end other = ide_link_partner(end);
    return other.stream && port_stream_enabled(other.stream, &other.function->config) && keys_agree(end, other);
}

static bool is_bridged(struct link_end end)
{
    struct link_end other = ide_link_partner(end);
    return end.function->bridged || (other.function && other.function->bridged);
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void ide_link_settle(struct emu *emu)
{
    for (size_t i = 0; i < emu->count; i++) {
        struct emu_function *f = &emu->functions[i];
        for (size_t k = 0; k < f->ide.count; k++) {
            struct port_stream *s = &f->ide.streams[k];
            struct link_end end = {f, s};
            bool was_secure = s->secure, was_reported = s->reported;
            s->secure = is_secure(end);
            s->falls += was_secure && !s->secure && port_stream_enabled(s, &f->config);
            s->guarded = port_stream_enabled(s, &f->config) && (s->guarded || (s->secure && !is_bridged(end)));
            port_stream_report(s, &f->config, !fault_is_on(&f->faults, FAULT_STAYS_INSECURE));
            if (was_reported && !s->reported)
                s->fell_us = now_us();
        }
    }
}

void ide_link_fail(struct link_end receiver)
{
    struct link_end sender = ide_link_partner(receiver);
    port_stream_wipe(receiver.stream);
    if (sender.stream) {
        port_stream_wipe(sender.stream);
        port_stream_fail_message(sender.stream, &sender.function->config);
    }
    ide_link_settle(receiver.function->emu);
}

static struct port_stream *target_stream(struct emu_function *f, const struct ide_km_target *target)
{
    return f->ide.cap && target->port_index == 0 ? stream_port_find(&f->ide, &f->config, target->stream_id) : NULL;
}

enum kp_ack_status ide_link_key_prog(struct emu_function *f, uint32_t session, const struct ide_km_target *target,
                                     const struct ide_key *key)
{
    if (!f->ide.cap || target->port_index != 0)
        return KP_ACK_UNSUPPORTED_PORT_INDEX;
    struct port_stream *s = target_stream(f, target);
    if (!s)
        return KP_ACK_UNSUPPORTED_VALUE;
    enum kp_ack_status status = port_stream_key_prog(s, session, target, key);
    ide_link_settle(f->emu);
    return status;
}

/* A transmitter went over to a key that the receiver does not have: the first TLP under it fails there. */
static void check_switch(struct link_end tx, const struct ide_km_target *target)
{
    struct link_end rx = ide_link_partner(tx);
    if (target->direction != IDE_TX || !tx.stream->secure || !rx.stream)
        return;
    if (tx.function->bridged || rx.function->bridged)
        return;
    if (!port_stream_flows(tx.stream, rx.stream, target->substream))
        ide_link_fail(rx);
}

bool ide_link_set_go(struct emu_function *f, uint32_t session, const struct ide_km_target *target)
{
    struct port_stream *s = target_stream(f, target);
    if (!s || !port_stream_set_go(s, session, target))
        return false;
    check_switch((struct link_end){f, s}, target);
    ide_link_settle(f->emu);
    return true;
}

bool ide_link_set_stop(struct emu_function *f, uint32_t session, const struct ide_km_target *target)
{
    struct port_stream *s = target_stream(f, target);
    if (!s || !port_stream_set_stop(s, session, target))
        return false;
    ide_link_settle(f->emu);
    return true;
}

void ide_link_session_end(struct emu_function *f, uint32_t session)
{
    for (size_t i = 0; i < f->ide.count; i++)
        if (port_stream_has_keys(&f->ide.streams[i]) && f->ide.streams[i].session == session)
            port_stream_wipe(&f->ide.streams[i]);
    ide_link_settle(f->emu);
}
