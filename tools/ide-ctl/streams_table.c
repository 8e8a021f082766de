/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The columns of a table of streams. */
#include <stdio.h>
#include <string.h>

#include "tools/ide-ctl/print.h"
#include "tools/ide-ctl/streams_table.h"

static const char *number(const json_t *item, const char *name, char *text)
{
    if (!json_is_integer(json_object_get(item, name)))
        return "-";
    snprintf(text, TABLE_TEXT_MAX, "%lld", number_of(item, name));
    return text;
}

static const char *stream_text(const json_t *s, char *text)
{
    return number(s, "stream", text);
}

static const char *state(const json_t *s, char *text)
{
    (void)text;
    return state_text(text_of(s, "state"));
}

static const char *state_color(const json_t *s)
{
    return table_state_color(text_of(s, "state"));
}

static const char *root_port(const json_t *s, char *text)
{
    (void)text;
    return text_of(s, "root_port");
}

static const char *root_state(const json_t *s, char *text)
{
    return end_text(s, "root_port", text, TABLE_TEXT_MAX);
}

static const char *endpoint(const json_t *s, char *text)
{
    (void)text;
    return text_of(s, "endpoint");
}

static const char *endpoint_state(const json_t *s, char *text)
{
    return end_text(s, "endpoint", text, TABLE_TEXT_MAX);
}

static const char *color_of_end(const json_t *s, const char *role)
{
    char text[TABLE_TEXT_MAX];
    const char *now = end_text(s, role, text, sizeof text);
    return strcmp(now, "Secure") == 0 ? table_state_color("secure")
                                      : table_state_color(strcmp(now, "-") == 0 ? "" : "insecure");
}

static const char *root_color(const json_t *s)
{
    return color_of_end(s, "root_port");
}

static const char *endpoint_color(const json_t *s)
{
    return color_of_end(s, "endpoint");
}

static const char *key_set(const json_t *s, char *text)
{
    return number(s, "key_set", text);
}

static const char *rekeys(const json_t *s, char *text)
{
    return number(s, "rekeys", text);
}

/* "39 h": how long the keys may stay at the most. */
static const char *rekey_in(const json_t *s, char *text)
{
    const json_t *due = json_object_get(json_object_get(s, "refresh"), "due_in_s");
    long long left = json_integer_value(due);
    if (!json_is_integer(due))
        return "-";
    if (left == 0)
        return "now";
    if (left >= 2LL * 86400)
        snprintf(text, TABLE_TEXT_MAX, "%lld d", left / 86400);
    else if (left >= 2LL * 3600)
        snprintf(text, TABLE_TEXT_MAX, "%lld h", left / 3600);
    else
        snprintf(text, TABLE_TEXT_MAX, "%lld min", left / 60);
    return text;
}

static const char *owner(const json_t *s, char *text)
{
    (void)text;
    return text_of(s, "owner");
}

static const char *kind(const json_t *s, char *text)
{
    (void)text;
    return text_of(s, "kind");
}

static const char *does(const json_t *s, char *text)
{
    const json_t *features = stream_features(s);
    return json_is_object(features) ? features_text(features, text, TABLE_TEXT_MAX) : "-";
}

static const char *keys(const json_t *s, char *text)
{
    (void)text;
    return text_of(s, "provider");
}

/* "2, 0": of the root port, of the endpoint. */
static const char *blocks(const json_t *s, char *text)
{
    size_t i, used = 0;
    json_t *end;
    text[0] = '\0';
    json_array_foreach(json_object_get(s, "ends"), i, end)
    {
        if (used < TABLE_TEXT_MAX)
            used += (size_t)snprintf(text + used, TABLE_TEXT_MAX - used, "%s%lld", i ? ", " : "",
                                     number_of(end, "block"));
    }
    return text;
}

static const char *session(const json_t *s, char *text)
{
    const json_t *a = json_object_get(s, "authentication");
    if (!json_is_object(a))
        return "-";
    snprintf(text, TABLE_TEXT_MAX, "%s%s%s", text_of(a, "by"),
             json_is_true(json_object_get(a, "mutual")) ? ", mutual" : "",
             json_is_true(json_object_get(a, "in_the_clear")) ? ", in the clear" : "");
    return text;
}

static const char *algorithms(const json_t *s, char *text)
{
    static const char *const names[] = {"asym", "hash", "dhe", "aead"};
    const json_t *list = json_object_get(s, "algorithms");
    size_t used = (size_t)snprintf(text, TABLE_TEXT_MAX, "SPDM %s", text_of(s, "spdm_version"));
    for (size_t i = 0; i < sizeof names / sizeof *names && used < TABLE_TEXT_MAX; i++)
        if (json_is_string(json_object_get(list, names[i])))
            used += (size_t)snprintf(text + used, TABLE_TEXT_MAX - used, ", %s", text_of(list, names[i]));
    return json_is_object(list) ? text : "-";
}

#define TRUNC SCOLS_FL_TRUNC

static const struct table_column columns[] = {
    {"STREAM", true, 0, SCOLS_FL_RIGHT, stream_text, NULL, "its number"},
    {"STATE", true, 0, 0, state, state_color, "Secure only if both ends say so"},
    {"ROOT-PORT", true, 0, 0, root_port, NULL, "the upper end"},
    {"ROOT-STATE", true, 0.1, TRUNC, root_state, root_color, "what its registers say"},
    {"ENDPOINT", true, 0, 0, endpoint, NULL, "the lower end"},
    {"END-STATE", true, 0.1, TRUNC, endpoint_state, endpoint_color, "what its registers say"},
    {"KEY-SET", true, 0, SCOLS_FL_RIGHT, key_set, NULL, "the one in use"},
    {"REKEYS", true, 0, SCOLS_FL_RIGHT, rekeys, NULL, "how often its keys were renewed"},
    {"REKEY-IN", true, 0, SCOLS_FL_RIGHT, rekey_in, NULL, "how long its keys may stay at the most"},
    {"OWNER", true, 0.1, TRUNC, owner, NULL, "controller, kernel or other"},
    {"KIND", true, 0.1, TRUNC, kind, NULL, "selective or link"},
    {"DOES", true, 0.1, TRUNC, does, NULL, "traffic class and what else was asked of it"},
    {"KEYS", false, 0, 0, keys, NULL, "who gives the root port its keys"},
    {"BLOCKS", false, 0, 0, blocks, NULL, "the register blocks of both ends"},
    {"SESSION", false, 0, 0, session, NULL, "how the endpoint's session began"},
    {"ALGORITHMS", false, 0.1, TRUNC, algorithms, NULL, "what was agreed on with the endpoint"},
};

const struct table_kind streams_table = {columns, sizeof columns / sizeof *columns};

void streams_table_help(void)
{
    table_help(&streams_table);
}

void streams_table_print(const struct table_view *view, const json_t *streams)
{
    size_t i;
    json_t *stream;
    struct libscols_table *table = table_new(view);
    if (!table)
        return;
    json_array_foreach(streams, i, stream)
    {
        table_add(table, view, NULL, stream);
    }
    table_print(table);
}
