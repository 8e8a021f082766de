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

bool stream_uses_port(const struct stream_table *table, const struct pcie_bdf *port,
                      const struct stream *except)
{
    for (const struct stream *s = table->first; s; s = s->next)
        if (s != except && stream_has_end(s, port))
            return true;
    return false;
}

bool stream_id_is_taken(const struct stream_table *table, const struct pcie_bdf *root_port, uint8_t id)
{
    for (const struct stream *s = table->first; s; s = s->next) {
        const struct pcie_bdf *other = &s->ends.bdf[END_ROOT_PORT];
        if (s->id == id && other->domain == root_port->domain && other->bus == root_port->bus)
            return true;
    }
    return false;
}

const struct pcie_bdf *stream_port_above(const struct stream_ends *ends)
{
    return ends->switch_ports > 0 ? &ends->switch_port[ends->switch_ports - 1] : &ends->bdf[END_ROOT_PORT];
}

const char *stream_end_name(enum stream_end end)
{
    return end == END_ROOT_PORT ? "root_port" : "endpoint";
}
