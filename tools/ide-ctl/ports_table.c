/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The columns of the tree of ports. */
#include <stdio.h>
#include <string.h>

#include "tools/ide-ctl/ports_table.h"
#include "tools/ide-ctl/print.h"

static const char *bdf(const json_t *port, char *text)
{
    (void)text;
    return text_of(port, "bdf");
}

static const char *type(const json_t *port, char *text)
{
    (void)text;
    return text_of(port, "type");
}

static const char *id(const json_t *port, char *text)
{
    snprintf(text, TABLE_TEXT_MAX, "%s:%s", text_of(port, "vendor"), text_of(port, "device"));
    return text;
}

static const char *doe(const json_t *port, char *text)
{
    (void)text;
    return number_of(port, "doe") > 0 ? "yes" : "-";
}

/* "4 selective, 1 link" */
static const char *ide(const json_t *port, char *text)
{
    const json_t *cap = json_object_get(port, "ide");
    if (!json_is_object(cap))
        return "-";
    size_t used = 0;
    static const char *const kinds[][2] = {{"selective_streams", "selective"}, {"link_streams", "link"}};
    for (size_t i = 0; i < 2; i++)
        if (number_of(cap, kinds[i][0]) > 0 && used < TABLE_TEXT_MAX)
            used += (size_t)snprintf(text + used, TABLE_TEXT_MAX - used, "%s%lld %s", used ? ", " : "",
                                     number_of(cap, kinds[i][0]), kinds[i][1]);
    if (json_is_true(json_object_get(cap, "flow_through")) && used < TABLE_TEXT_MAX)
        used += (size_t)snprintf(text + used, TABLE_TEXT_MAX - used, "%sflow-through", used ? ", " : "");
    return used > 0 ? text : "none";
}

/* "0 Secure, 3 Insecure" */
static const char *streams(const json_t *port, char *text)
{
    size_t i, used = 0;
    json_t *stream;
    text[0] = '\0';
    json_array_foreach(json_object_get(port, "streams"), i, stream)
    {
        if (used >= TABLE_TEXT_MAX)
            break;
        bool link = strcmp(text_of(stream, "kind"), "link") == 0;
        used += (size_t)snprintf(text + used, TABLE_TEXT_MAX - used, "%s%lld%s %s", i ? ", " : "",
                                 number_of(stream, "stream"), link ? " link" : "",
                                 state_text(text_of(stream, "state")));
    }
    return text;
}

/* That of the worst: what is not Secure shows. */
static const char *streams_color(const json_t *port)
{
    size_t i;
    json_t *stream;
    const char *color = NULL;
    json_array_foreach(json_object_get(port, "streams"), i, stream)
    {
        const char *own = table_state_color(text_of(stream, "state"));
        if (!color || strcmp(text_of(stream, "state"), "secure") != 0)
            color = own;
    }
    return color;
}

static const char *class_code(const json_t *port, char *text)
{
    (void)text;
    return text_of(port, "class");
}

static const char *keys(const json_t *port, char *text)
{
    (void)text;
    return text_of(port, "provider");
}

static const char *parent(const json_t *port, char *text)
{
    (void)text;
    return text_of(port, "parent");
}

static const char *abilities(const json_t *port, char *text)
{
    const json_t *cap = json_object_get(port, "ide");
    return json_is_object(cap) ? abilities_text(cap, text, TABLE_TEXT_MAX) : "-";
}

static const struct table_column columns[] = {
    {"PORT", true, 0, SCOLS_FL_TREE, bdf, NULL, "its address, below the port that it hangs below"},
    {"TYPE", true, 0.1, SCOLS_FL_TRUNC, type, NULL,
     "root port, endpoint, a switch's upstream or downstream port"},
    {"ID", true, 0.1, SCOLS_FL_TRUNC, id, NULL, "vendor and device"},
    {"DOE", true, 0, 0, doe, NULL, "it has a DOE mailbox"},
    {"IDE", true, 0.1, SCOLS_FL_TRUNC, ide, NULL, "how many streams it can have, or that it passes them on"},
    {"STREAMS", true, 0.2, SCOLS_FL_TRUNC, streams, streams_color, "those that it has, with their states"},
    {"CLASS", false, 0, 0, class_code, NULL, "its class code"},
    {"KEYS", false, 0, 0, keys, NULL, "who gives a root port its keys: doe, kcu or rot"},
    {"PARENT", false, 0, 0, parent, NULL, "the port that it hangs below"},
    {"ABILITIES", false, 0.1, SCOLS_FL_TRUNC, abilities, NULL, "what its IDE capability says besides"},
};

const struct table_kind ports_table = {columns, sizeof columns / sizeof *columns};

void ports_table_help(void)
{
    table_help(&ports_table);
}

/* Ports come after those that they hang below. */
struct libscols_table *ports_table_new(const struct table_view *view, const json_t *ports)
{
    size_t i, k;
    json_t *port;
    struct libscols_table *table = table_new(view);
    size_t count = json_array_size(ports);
    for (i = 0; table && i < count; i++) {
        struct libscols_line *above = NULL;
        port = json_array_get(ports, i);
        for (k = 0; k < i && !above; k++)
            if (strcmp(text_of(json_array_get(ports, k), "bdf"), text_of(port, "parent")) == 0)
                above = scols_table_get_line(table, k);
        table_add(table, view, above, port);
    }
    return table;
}
