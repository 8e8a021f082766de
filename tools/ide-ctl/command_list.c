/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl list: a tree of ports, what they can do, and their streams. */
#include <stdio.h>
#include <string.h>

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"

enum { COLUMN_PORT, COLUMN_TYPE, COLUMN_ID, COLUMN_DOE, COLUMN_IDE, COLUMN_STREAMS };

/* "4 selective, 1 link" */
static const char *ide_text(const json_t *port, char *out, size_t size)
{
    const json_t *ide = json_object_get(port, "ide");
    if (!json_is_object(ide))
        return "-";
    size_t used = 0;
    static const char *const kinds[][2] = {{"selective_streams", "selective"}, {"link_streams", "link"}};
    for (size_t i = 0; i < 2; i++)
        if (number_of(ide, kinds[i][0]) > 0 && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%lld %s", used ? ", " : "",
                                     number_of(ide, kinds[i][0]), kinds[i][1]);
    if (json_is_true(json_object_get(ide, "flow_through")) && used < size)
        used += (size_t)snprintf(out + used, size - used, "%sflow-through", used ? ", " : "");
    return used > 0 ? out : "none";
}

/* "0 Secure, 3 Insecure" */
static const char *streams_text(const json_t *port, char *out, size_t size)
{
    size_t i, used = 0;
    json_t *stream;
    out[0] = '\0';
    json_array_foreach(json_object_get(port, "streams"), i, stream)
    {
        if (used >= size)
            break;
        bool link = strcmp(text_of(stream, "kind"), "link") == 0;
        used += (size_t)snprintf(out + used, size - used, "%s%lld%s %s", i ? ", " : "",
                                 number_of(stream, "stream"), link ? " link" : "",
                                 state_text(text_of(stream, "state")));
    }
    return out;
}

static void fill_line(struct libscols_line *line, const json_t *port)
{
    char text[256];
    scols_line_set_data(line, COLUMN_PORT, text_of(port, "bdf"));
    scols_line_set_data(line, COLUMN_TYPE, text_of(port, "type"));
    snprintf(text, sizeof text, "%s:%s", text_of(port, "vendor"), text_of(port, "device"));
    scols_line_set_data(line, COLUMN_ID, text);
    scols_line_set_data(line, COLUMN_DOE, number_of(port, "doe") > 0 ? "yes" : "-");
    scols_line_set_data(line, COLUMN_IDE, ide_text(port, text, sizeof text));
    scols_line_set_data(line, COLUMN_STREAMS, streams_text(port, text, sizeof text));
}

/* The line of the port with this address; ports come after those that they hang below. */
static struct libscols_line *line_of(struct libscols_table *table, const char *bdf)
{
    for (size_t i = 0; i < scols_table_get_nlines(table); i++) {
        struct libscols_line *line = scols_table_get_line(table, i);
        const char *data = scols_cell_get_data(scols_line_get_cell(line, COLUMN_PORT));
        if (data && strcmp(data, bdf) == 0)
            return line;
    }
    return NULL;
}

static void print(const json_t *result)
{
    static const char *const columns[] = {"+PORT", "TYPE", "ID", "DOE", "IDE STREAMS", "IN USE", NULL};
    size_t i;
    json_t *port;
    struct libscols_table *table = table_new(columns);
    if (!table)
        return;
    json_array_foreach(json_object_get(result, "ports"), i, port)
    {
        struct libscols_line *line = scols_table_new_line(table, line_of(table, text_of(port, "parent")));
        if (line)
            fill_line(line, port);
    }
    table_print(table);
}

enum ctl_status command_list(const struct ctl *ctl)
{
    return ctl_call(ctl, API_LIST, false, print);
}
