/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-ctl/kept_table.h"

#include <stdio.h>

#include "tools/ide-ctl/print.h"
#include "tools/ide-ctl/story.h"

static const char *number(const json_t *item, const char *name, const char *unit, char *text)
{
    if (!json_is_integer(json_object_get(item, name)))
        return "-";
    snprintf(text, TABLE_TEXT_MAX, "%lld%s", number_of(item, name), unit);
    return text;
}

static const char *stream(const json_t *k, char *text)
{
    return number(k, "stream", "", text);
}

static const char *state(const json_t *k, char *text)
{
    (void)text;
    return text_of(k, "state");
}

static const char *state_color(const json_t *k)
{
    return table_state_color(text_of(k, "state"));
}

static const char *root_port(const json_t *k, char *text)
{
    (void)text;
    return text_of(k, "root_port");
}

static const char *endpoint(const json_t *k, char *text)
{
    (void)text;
    return text_of(k, "endpoint");
}

static const char *source(const json_t *k, char *text)
{
    (void)text;
    return text_of(k, "source");
}

static const char *attempts(const json_t *k, char *text)
{
    return number(k, "attempts", "", text);
}

static const char *retry_in(const json_t *k, char *text)
{
    return number(k, "retry_in_s", " s", text);
}

static const char *rule(const json_t *k, char *text)
{
    if (!json_is_string(json_object_get(k, "rule")))
        return "-";
    snprintf(text, TABLE_TEXT_MAX, "%s = %s", text_of(k, "rule"), text_of(k, "action"));
    return text;
}

static const char *cause_kind(const json_t *k, char *text)
{
    (void)text;
    return text_of(k, "cause_kind");
}

static const char *cause(const json_t *k, char *text)
{
    (void)text;
    return story_cause(text_of(k, "cause"));
}

static const struct table_column columns[] = {
    {"NOT-UP", true, 0, SCOLS_FL_RIGHT, stream, NULL, "the number that it is to have"},
    {"STATE", true, 0, 0, state, state_color, "wanted, absent, left_off, quarantined or stopped"},
    {"ROOT-PORT", true, 0, 0, root_port, NULL, "the upper end"},
    {"ENDPOINT", true, 0, 0, endpoint, NULL, "the lower end"},
    {"WANTED-BY", true, 0, 0, source, NULL, "configuration or client"},
    {"ATTEMPTS", true, 0, SCOLS_FL_RIGHT, attempts, NULL, "that failed in a row"},
    {"RETRY-IN", true, 0, SCOLS_FL_RIGHT, retry_in, NULL, "when it is tried again"},
    {"RULE", true, 0, 0, rule, NULL, "which key of the policy says so"},
    {"CAUSE-KIND", false, 0, 0, cause_kind, NULL, "failure, wrong_identity or interference"},
    {"CAUSE", true, 0.2, SCOLS_FL_TRUNC, cause, NULL, "why the last one failed"},
};
static const struct table_kind kind = {columns, sizeof columns / sizeof *columns};

void kept_table_print(const json_t *kept)
{
    size_t i;
    json_t *item;
    struct table_view view = {0};
    table_usual(&kind, &view);
    struct libscols_table *table = json_array_size(kept) > 0 ? table_new(&view) : NULL;
    if (!table)
        return;
    json_array_foreach(kept, i, item)
    {
        table_add(table, &view, NULL, item);
    }
    table_print(table);
}
