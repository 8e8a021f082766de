/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl log: what happened, from the controller's log. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/common/duration.h"
#include "tools/ide-ctl/feed.h"
#include "tools/ide-ctl/print.h"
#include "tools/ide-ctl/table.h"
#include "tools/ide-ctl/terminal.h"

/* ---- what the command line says ------------------------------------------ */

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A time of this machine's zone, or how long ago. */
static bool parse_time(const char *text, json_int_t *ms)
{
    static const char *const forms[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
                                        "%Y-%m-%d"};
    uint64_t ago;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(text, forms[i], &tm);
        if (end && *end == '\0') {
            *ms = (json_int_t)mktime(&tm) * 1000;
            return *ms >= 0;
        }
    }
    if (!duration_parse_long(text, &ago))
        return false;
    *ms = now_ms() - (long long)ago;
    return *ms >= 0;
}

bool ctl_take_log_time(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    bool since = strcmp(option->name, "since") == 0;
    return parse_time(argument, since ? &ctl->log.since_ms : &ctl->log.until_ms);
}

bool ctl_take_log_number(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    char *end;
    bool limit = strcmp(option->name, "limit") == 0;
    json_int_t number = strtoll(argument, &end, 10);
    *(limit ? &ctl->log.limit : &ctl->log.cursor) = number;
    ctl->log.has_cursor |= !limit;
    return *argument >= '0' && *argument <= '9' && *end == '\0' && (!limit || number > 0);
}

bool ctl_take_log_word(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    const struct {
        const char *name, **place;
    } words[] = {{"what", &ctl->log.what},
                 {"operation", &ctl->log.operation},
                 {"cause", &ctl->log.cause},
                 {"asked-by", &ctl->log.asked_by}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].name, option->name) == 0)
            *words[i].place = argument;
    return *argument != '\0';
}

bool ctl_take_log_switch(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)argument;
    ctl->log.follow |= strcmp(option->name, "follow") == 0;
    if (strcmp(option->name, "failed") == 0)
        ctl->state = "failed";
    return true;
}

static json_t *request_of(const struct ctl *ctl)
{
    const struct ctl_log *log = &ctl->log;
    json_t *request = json_pack("{s:s}", "verb", "log");
    if (ctl->has_bdf)
        json_object_set_new(request, "bdf", json_string(ctl->bdf));
    if (ctl->has_stream)
        json_object_set_new(request, "stream", json_integer(ctl->stream));
    if (log->since_ms)
        json_object_set_new(request, "since_ms", json_integer(log->since_ms));
    if (log->until_ms)
        json_object_set_new(request, "until_ms", json_integer(log->until_ms));
    const char *const words[][2] = {{"what", log->what},
                                    {"operation", log->operation},
                                    {"state", ctl->state},
                                    {"cause", log->cause},
                                    {"asked_by", log->asked_by}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i][1])
            json_object_set_new(request, words[i][0], json_string(words[i][1]));
    if (log->limit)
        json_object_set_new(request, "limit", json_integer(log->limit));
    if (log->has_cursor)
        json_object_set_new(request, "cursor", json_integer(log->cursor));
    return request;
}

/* ---- printing ------------------------------------------------------------ */

static const char *time_of(const json_t *entry, char text[static TABLE_TEXT_MAX])
{
    struct tm tm;
    long long ms = number_of(entry, "time_ms");
    time_t seconds = (time_t)(ms / 1000);
    size_t n = strftime(text, TABLE_TEXT_MAX, "%Y-%m-%d %H:%M:%S", localtime_r(&seconds, &tm));
    snprintf(text + n, TABLE_TEXT_MAX - n, ".%03lld", ms % 1000);
    return text;
}

/* "establish", "establish: setup", "stream" */
static const char *what_of(const json_t *entry, char text[static TABLE_TEXT_MAX])
{
    const char *what = text_of(entry, "what");
    bool step = strcmp(what, "step") == 0, operation = strcmp(what, "operation") == 0;
    snprintf(text, TABLE_TEXT_MAX, "%s%s%s%s", step || operation ? text_of(entry, "operation") : what,
             step ? ": " : "", step ? text_of(entry, "step") : "",
             json_is_true(json_object_get(entry, "undo")) ? " (undo)" : "");
    return text;
}

static const char *number_text(const json_t *entry, const char *name, char text[static TABLE_TEXT_MAX])
{
    snprintf(text, TABLE_TEXT_MAX, "%lld", number_of(entry, name));
    return json_is_integer(json_object_get(entry, name)) ? text : "-";
}

static const char *stream_of(const json_t *entry, char text[static TABLE_TEXT_MAX])
{
    return number_text(entry, "stream", text);
}

static const char *id_of(const json_t *entry, char text[static TABLE_TEXT_MAX])
{
    return number_text(entry, "id", text);
}

/* The step's port where there is one; a stream's two. */
static const char *ports_of(const json_t *entry, char text[static TABLE_TEXT_MAX])
{
    const char *device = text_of(entry, "device"), *root = text_of(entry, "root_port");
    const char *endpoint = text_of(entry, "endpoint");
    if (strcmp(device, "-") != 0)
        snprintf(text, TABLE_TEXT_MAX, "%s", device);
    else if (strcmp(root, "-") == 0 || strcmp(endpoint, "-") == 0 || strcmp(root, endpoint) == 0)
        snprintf(text, TABLE_TEXT_MAX, "%s", strcmp(root, "-") == 0 ? endpoint : root);
    else
        snprintf(text, TABLE_TEXT_MAX, "%s - %s", root, endpoint);
    return text;
}

static const char *state_of(const json_t *entry, char text[static TABLE_TEXT_MAX])
{
    (void)text;
    return text_of(entry, "state");
}

static const char *state_color(const json_t *entry)
{
    const char *state = text_of(entry, "state");
    return table_state_color(strcmp(state, "failed") == 0 ? "insecure" : state);
}

static const char *asked_by_of(const json_t *entry, char text[static TABLE_TEXT_MAX])
{
    (void)text;
    return text_of(entry, "asked_by");
}

static const char *cause_of(const json_t *entry, char text[static TABLE_TEXT_MAX])
{
    (void)text;
    return text_of(entry, "cause");
}

static const char *detail_of(const json_t *entry, char text[static TABLE_TEXT_MAX])
{
    const json_t *answer = json_object_get(entry, "answer"), *set = json_object_get(answer, "key_set");
    const char *message = text_of(answer, "message"), *cause = text_of(entry, "cause");
    const char *file = text_of(answer, "file");
    if (strcmp(message, "-") != 0)
        snprintf(text, TABLE_TEXT_MAX, "%s%s%s", strcmp(file, "-") != 0 ? file : "",
                 strcmp(file, "-") != 0 ? ": " : "", message);
    else if (strcmp(text_of(answer, "rule"), "-") != 0)
        snprintf(text, TABLE_TEXT_MAX, "%s = %s%s%s", text_of(answer, "rule"), text_of(answer, "action"),
                 strcmp(cause, "-") != 0 ? ": " : "", strcmp(cause, "-") != 0 ? cause : "");
    else if (json_is_integer(set))
        snprintf(text, TABLE_TEXT_MAX, "key set %lld", (long long)json_integer_value(set));
    else
        snprintf(text, TABLE_TEXT_MAX, "%s", strcmp(cause, "-") != 0 ? cause : "");
    return text;
}

static size_t add(char text[static TABLE_TEXT_MAX], size_t at, const char *word)
{
    int n = at < TABLE_TEXT_MAX ? snprintf(text + at, TABLE_TEXT_MAX - at, "%s", word) : 0;
    return at + (size_t)n;
}

/* "root_port: secure; endpoint: insecure, ide_fail, ide_check_failed", of a CXL link "root_port: rx secure,
 * ..." */
static const char *ends_of(const json_t *entry, char text[static TABLE_TEXT_MAX])
{
    size_t i, k, at = 0;
    json_t *end, *error;
    json_array_foreach(json_object_get(json_object_get(entry, "answer"), "ends"), i, end)
    {
        at = add(text, at, i > 0 ? "; " : "");
        at = add(text, at, text_of(end, "role"));
        at = add(text, at, json_object_get(end, "rx") ? ": rx " : ": ");
        at = add(text, at, text_of(end, json_object_get(end, "rx") ? "rx" : "state"));
        at = add(text, at, json_object_get(end, "tx") ? ", tx " : "");
        at = add(text, at, json_object_get(end, "tx") ? text_of(end, "tx") : "");
        at = add(text, at, json_is_true(json_object_get(end, "ide_fail")) ? ", ide_fail" : "");
        json_array_foreach(json_object_get(end, "aer"), k, error)
        {
            at = add(text, at, ", ");
            at = add(text, at, json_string_value(error));
        }
    }
    return at > 0 ? text : "-";
}

static const struct table_column columns[] = {
    {"NUMBER", false, 0, SCOLS_FL_RIGHT, id_of, NULL, "of the entry, for --cursor"},
    {"TIME", true, 0, 0, time_of, NULL, "when it happened"},
    {"WHAT", true, 0, 0, what_of, NULL, "operation, step, or what else it is"},
    {"STREAM", true, 0, 0, stream_of, NULL, "its number"},
    {"PORTS", true, 0, 0, ports_of, NULL, "the port, or both ends"},
    {"STATE", true, 0, 0, state_of, state_color, "what it is now"},
    {"ASKED-BY", true, 0, 0, asked_by_of, NULL, "who asked for it"},
    {"CAUSE", false, 0, 0, cause_of, NULL, "the code of the error, or what else caused it"},
    {"ENDS", false, 0, 0, ends_of, NULL, "what both ends said when a stream fell: state, IDE fail, AER"},
    {"DETAIL", true, 0.3, SCOLS_FL_TRUNC, detail_of, NULL, "what the device answered"},
};
static const struct table_kind log_table = {columns, sizeof columns / sizeof *columns};
static struct table_view view;

void command_log_columns(void)
{
    table_help(&log_table);
}

static void print_table(const json_t *entries, bool headings)
{
    size_t i;
    json_t *entry;
    struct table_view shown = view;
    shown.no_headings |= !headings;
    struct libscols_table *table = json_array_size(entries) > 0 ? table_new(&shown) : NULL;
    if (!table)
        return;
    json_array_foreach(entries, i, entry)
    {
        table_add(table, &shown, NULL, entry);
    }
    table_print(table);
}

static void print_lines(const json_t *entries)
{
    size_t i;
    json_t *entry;
    json_array_foreach(entries, i, entry)
    {
        json_dumpf(entry, stdout, JSON_COMPACT);
        putchar('\n');
    }
}

/* ---- asking -------------------------------------------------------------- */

static enum ctl_status refused(const struct ctl *ctl, json_t *reply)
{
    ctl_print_error(ctl, json_incref(json_object_get(reply, "error")));
    json_decref(reply);
    return CTL_FAILED;
}

static enum ctl_status print_once(const struct ctl *ctl)
{
    json_t *reply = NULL;
    enum ide_client_status status = ctl_ask(ctl, request_of(ctl), &reply);
    if (status != IDE_CLIENT_OK)
        return ctl_client_failed(ctl, status);
    const json_t *result = json_object_get(reply, "result");
    if (!result)
        return refused(ctl, reply);
    if (ctl->json)
        print_json(result);
    else
        print_table(json_object_get(result, "entries"), true);
    json_decref(reply);
    return CTL_DONE;
}

/* All there is after what was printed last. */
static enum ide_client_status catch_up(struct feed *feed, struct ctl *ctl, bool first, json_t **refusal)
{
    for (bool more = true; more; first = false) {
        json_t *reply = NULL;
        enum ide_client_status status = feed_ask(feed, request_of(ctl), &reply);
        const json_t *result = json_object_get(reply, "result");
        if (status != IDE_CLIENT_OK)
            return status;
        if (!result) {
            *refusal = reply;
            return status;
        }
        if (ctl->json)
            print_lines(json_object_get(result, "entries"));
        else
            print_table(json_object_get(result, "entries"), first);
        more = !first && json_is_true(json_object_get(result, "more"));
        ctl->log.cursor = number_of(result, "cursor");
        ctl->log.has_cursor = true;
        json_decref(reply);
    }
    fflush(stdout);
    return IDE_CLIENT_OK;
}

/* An event says only that there is more in the log: so both are in one order, and nothing is there twice. */
static enum ctl_status follow(struct ctl *ctl)
{
    struct feed feed;
    json_t *event, *refusal = NULL;
    bool first = true;
    enum feed_what what = FEED_EVENT;
    enum ide_client_status status = feed_open(&feed, ctl);
    while (status == IDE_CLIENT_OK && !refusal && what == FEED_EVENT) {
        status = catch_up(&feed, ctl, first, &refusal);
        first = false;
        if (status != IDE_CLIENT_OK || refusal)
            break;
        what = feed_next(&feed, -1, -1, &event);
        if (what == FEED_EVENT)
            json_decref(event);
        if (what == FEED_SIGNAL && feed.signal == SIGWINCH)
            what = FEED_EVENT;
    }
    feed_close(&feed);
    if (refusal)
        return refused(ctl, refusal);
    if (what == FEED_BROKEN)
        status = IDE_CLIENT_PROTOCOL;
    return status == IDE_CLIENT_OK ? CTL_DONE : ctl_client_failed(ctl, status);
}

enum ctl_status command_log(const struct ctl *ctl)
{
    struct ctl copy = *ctl;
    enum ctl_status status = table_choose(ctl, &log_table, &view);
    if (status != CTL_DONE)
        return status;
    terminal_use_color(ctl);
    return ctl->log.follow ? follow(&copy) : print_once(ctl);
}
