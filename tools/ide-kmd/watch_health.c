/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The watch's look at ports each 5 seconds: errors, links and mailboxes, of all whose time has come in one
 * wait. */
#include "tools/ide-kmd/watch_look.h"

/* Where a register is, and how many bytes of it; 0 if the port has none, or nobody wants to know. */
struct place {
    unsigned offset, size;
};

static bool is_upper(const struct watch_port *port)
{
    const struct watched_end *e = port->ends;
    while (e && e->end != END_ROOT_PORT)
        e = e->next;
    return e != NULL;
}

static struct place place_of(const struct watch_port *port, enum watch_register which)
{
    const struct port_view *view = &port->view;
    switch (which) {
    case WATCH_ERRORS:
        return (struct place){view->aer + PCIE_AER_UNCOR_STATUS, view->aer ? 4 : 0};
    case WATCH_LINK:
        return (struct place){view->exp + PCIE_EXP_LNKSTA, view->exp && is_upper(port) ? 2 : 0};
    default:
        return (struct place){view->doe + PCIE_DOE_STATUS, view->doe && port->by_mailbox ? 4 : 0};
    }
}

static void add(struct watch *watch, struct watch_port *port)
{
    for (enum watch_register which = 0; which < WATCH_REGISTERS; which++) {
        struct batch_read *read = &port->health[which];
        struct place place = place_of(port, which);
        *read = (struct batch_read){.fd = port->read.fd,
                                    .offset = place.offset,
                                    .size = place.size,
                                    .bytes = port->health_bytes[which]};
        if (place.size == 0)
            continue;
        batch_read_prepare(read);
        watch_batch_add(&watch->batch, read);
    }
}

static bool enter(struct watch *watch, struct watch_port *port, uint64_t now_ms)
{
    if (now_ms < port->health_ms || !port->view.is_open || !watch_port_enter(port, watch, now_ms))
        return false;
    port->health_ms = now_ms + WATCH_HEALTH_MS;
    if (watch_port_need_config(port))
        add(watch, port);
    return true;
}

/* All ones if it is not there or does not answer. */
static uint32_t value_of(const struct watch_port *port, enum watch_register which)
{
    const struct batch_read *read = &port->health[which];
    struct place place = place_of(port, which);
    uint32_t value = 0;
    if (place.size == 0 || (port->read.fd >= 0 && !read->answered))
        return PCIE_ALL_ONES;
    if (port->read.fd < 0)
        return place.size == 2 ? pcie_read16(&port->view.function.config, place.offset)
                               : pcie_read32(&port->view.function.config, place.offset);
    for (unsigned i = read->size; i-- > 0;)
        value = value << 8 | read->bytes[i];
    return value;
}

static void take_mailbox(struct watch *watch, struct watch_port *port, uint32_t status)
{
    bool error = status != PCIE_ALL_ONES && (status & PCIE_DOE_STATUS_ERROR);
    if (!port->by_mailbox || !watch_doe_look(&port->doe, error))
        return;
    if (port->doe.lost)
        watch_tell_port(
            watch, &port->bdf, "doe_lost", 0,
            "its DOE mailbox shows an error: its keys cannot be refreshed until an abort clears it");
    else
        watch_tell_port(watch, &port->bdf, "doe_back", 0, "its DOE mailbox works again");
}

static void take(struct watch *watch, struct watch_port *port, uint64_t now_ms)
{
    uint32_t value[WATCH_REGISTERS];
    for (enum watch_register which = 0; which < WATCH_REGISTERS; which++)
        value[which] = value_of(port, which);
    watch_port_leave(port);
    uint32_t errors = watch_port_errors(port, value[WATCH_ERRORS], false, now_ms);
    if (is_upper(port))
        (void)watch_take_link(watch, port, port_link_of((uint16_t)value[WATCH_LINK]));
    take_mailbox(watch, port, value[WATCH_DOE]);
    if (errors)
        watch_tell_port(watch, &port->bdf, "error", errors, "it has logged uncorrectable errors");
}

void watch_look_at_health(struct watch *watch, struct watch_port *ports, uint64_t now_ms)
{
    struct watch_port *port;
    for (port = ports; port; port = port->next)
        port->is_entered = enter(watch, port, now_ms);
    watch_batch_run(&watch->batch);
    for (port = ports; port; port = port->next)
        if (port->is_entered)
            take(watch, port, now_ms);
}
