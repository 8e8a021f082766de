/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The watch's look at ports each 5 seconds: errors, links and mailboxes, of all whose time has come in one
 * wait. */
#include "tools/ide-kmd/watch_look.h"

static bool is_upper(const struct watch_port *port)
{
    const struct watched_end *e = port->ends;
    while (e && e->end != END_ROOT_PORT)
        e = e->next;
    return e != NULL;
}

/* cap: of the register; 0 if the port has none, or nobody wants to know, and then nothing is read. */
static void add(struct watch *watch, struct watch_port *port, enum watch_register which, unsigned cap,
                unsigned offset, unsigned size)
{
    struct batch_read *read = &port->health[which];
    *read = (struct batch_read){.fd = port->read.fd,
                                .offset = cap + offset,
                                .size = cap ? size : 0,
                                .bytes = port->health_bytes[which]};
    if (read->size == 0 || read->fd < 0)
        return;
    batch_read_prepare(read);
    watch_batch_add(&watch->batch, read);
}

static bool enter(struct watch *watch, struct watch_port *port, uint64_t now_ms)
{
    if (now_ms < port->health_ms || !port->view.is_open || !watch_port_enter(port, watch, now_ms))
        return false;
    const struct port_view *view = &port->view;
    port->health_ms = now_ms + WATCH_HEALTH_MS;
    (void)watch_port_need_config(port); /* without it they are read one by one */
    add(watch, port, WATCH_ERRORS, view->aer, PCIE_AER_UNCOR_STATUS, 4);
    add(watch, port, WATCH_LINK, is_upper(port) ? view->exp : 0, PCIE_EXP_LNKSTA, 2);
    add(watch, port, WATCH_DOE, port->by_mailbox ? view->doe : 0, PCIE_DOE_STATUS, 4);
    return true;
}

/* All ones if it is not there or does not answer. */
static uint32_t value_of(const struct watch_port *port, enum watch_register which)
{
    const struct batch_read *read = &port->health[which];
    const struct pcie_config *config = &port->view.function.config;
    uint32_t value = 0;
    if (read->size == 0 || (read->fd >= 0 && !read->answered))
        return PCIE_ALL_ONES;
    if (read->fd < 0)
        return read->size == 2 ? pcie_read16(config, read->offset) : pcie_read32(config, read->offset);
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
    (void)watch_take_link(watch, port, port_link_of((uint16_t)value[WATCH_LINK])); /* ones say nothing */
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
