/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/stream.h"

#include <stdlib.h>

struct stream *stream_add(struct stream_table *table, const struct stream_ends *ends, uint8_t id)
{
    struct stream **last = &table->first;
    while (*last)
        last = &(*last)->next;
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->ends = *ends;
    stream->id = id;
    stream->state = STREAM_STARTING;
    *last = stream;
    return stream;
}

void stream_remove(struct stream_table *table, struct stream *stream)
{
    struct stream **at = &table->first;
    while (*at && *at != stream)
        at = &(*at)->next;
    if (*at)
        *at = stream->next;
    free(stream);
}

void stream_table_clear(struct stream_table *table)
{
    while (table->first)
        stream_remove(table, table->first);
}

bool stream_has_end(const struct stream *stream, const struct pcie_bdf *port)
{
    return pcie_bdf_compare(&stream->ends.bdf[END_ROOT_PORT], port) == 0 ||
           pcie_bdf_compare(&stream->ends.bdf[END_ENDPOINT], port) == 0;
}

struct stream *stream_find(const struct stream_table *table, const struct pcie_bdf *port, uint8_t id)
{
    for (struct stream *s = table->first; s; s = s->next)
        if (s->id == id && stream_has_end(s, port))
            return s;
    return NULL;
}

const struct pcie_bdf *stream_mailbox(const struct stream_ends *ends, enum stream_end end)
{
    return ends->served[end] ? &ends->mailbox[end] : &ends->bdf[end];
}

bool stream_uses_port(const struct stream_table *table, const struct pcie_bdf *port,
                      const struct stream *except)
{
    for (const struct stream *s = table->first; s; s = s->next)
        for (enum stream_end end = 0; end < END_COUNT && s != except; end++)
            if (pcie_bdf_compare(stream_mailbox(&s->ends, end), port) == 0)
                return true;
    return false;
}

bool stream_id_is_taken(const struct stream_table *table, const struct pcie_bdf *top, uint8_t id)
{
    for (const struct stream *s = table->first; s; s = s->next)
        if (s->id == id && s->ends.top.domain == top->domain && s->ends.top.bus == top->bus)
            return true;
    return false;
}

bool stream_cuts_off(const struct stream_ends *ends, const struct pcie_bdf *function)
{
    return ends->last_bus != 0 && function->domain == ends->bdf[END_ROOT_PORT].domain &&
           function->bus >= ends->first_bus && function->bus <= ends->last_bus;
}

const struct pcie_bdf *stream_port_above(const struct stream_ends *ends)
{
    return ends->switch_ports > 0 ? &ends->switch_port[ends->switch_ports - 1] : &ends->bdf[END_ROOT_PORT];
}

bool stream_may_join_windows(const struct stream_ends *ends)
{
    return ends->switch_ports == 0;
}

unsigned stream_links(const struct stream_ends *ends)
{
    return 1 + ends->switch_ports;
}

const struct pcie_bdf *stream_link_port(const struct stream_ends *ends, unsigned number)
{
    return number == 0 ? &ends->top : &ends->switch_port[number - 1];
}

const char *stream_end_name(enum stream_end end)
{
    return end == END_ROOT_PORT ? "root_port" : "endpoint";
}
