/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-ctl/story.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ide-ctl/feed.h"
#include "tools/ide-ctl/print.h"
#include "tools/ide-ctl/table.h"
#include "tools/ide-ctl/terminal.h"

#define KEY_MAX 128u

struct story_operation {
    struct story_operation *next;
    char key[KEY_MAX];
    uint64_t begun_ms;
    unsigned steps;
    json_t *stream; /* owned: the last event of its stream; NULL: none */
};

const char *story_cause(const char *cause)
{
    static const char *const words[][2] = {
        {"kernel", "the kernel has taken it"},
        {"link_down", "the link went down"},
        {"gone", "the device is gone"},
        {"taken", "its registers carry another stream"},
        {"reset", "a port was reset"},
        {"disabled", "somebody else has turned it off"},
        {"ide_fail", "an IDE fail message was received"},
        {"aer", "a port has logged an IDE error"},
        {"session_lost", "the session is lost"},
        {"unknown", "nothing shows why"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], cause) == 0)
            return words[i][1];
    return cause;
}

/* What is told of a port. */
static const struct port_words {
    const char *event, *state, *text, *color;
    bool has_more; /* its message says more than the text */
} port_words[] = {
    {"port", "added", "is there", TERMINAL_GREEN, false},
    {"port", "removed", "is gone", TERMINAL_RED, false},
    {"port", "link_down", "the link below it is down", TERMINAL_RED, false},
    {"port", "link_up", "the link below it is up", TERMINAL_GREEN, false},
    {"port", "error", "has logged errors", TERMINAL_YELLOW, true},
    {"port", "doe_lost", "its mailbox does not answer", TERMINAL_YELLOW, true},
    {"port", "doe_back", "its mailbox answers again", TERMINAL_GREEN, false},
    {"port", "kernel", "belongs to the kernel now", TERMINAL_YELLOW, true},
    {"port", "released", "was given back by the kernel", NULL, false},
    {"port", "opened", "passes memory requests on again", TERMINAL_GREEN, false},
    {"port", "host_closed", "takes no memory requests until its device is there", TERMINAL_YELLOW, false},
    {"port", "closed", "passes no memory requests on until what is wanted below it is Secure",
     TERMINAL_YELLOW, false},
    {"port", "reopened", "was opened by somebody else", TERMINAL_RED, true},
    {"port", "gate_failed", "cannot be closed or opened", TERMINAL_RED, true},
    {"session", "lost", "its session is lost", TERMINAL_RED, true},
    {"certificate", "expires_soon", "its certificate ends soon", TERMINAL_YELLOW, true},
    {"certificate", "expired", "its certificate has ended", TERMINAL_RED, true},
};

static const struct port_words *find_port_words(const json_t *event)
{
    for (size_t i = 0; i < sizeof port_words / sizeof *port_words; i++)
        if (strcmp(port_words[i].event, text_of(event, "event")) == 0 &&
            strcmp(port_words[i].state, text_of(event, "state")) == 0)
            return &port_words[i];
    return NULL;
}

/* ---- lines ------------------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3))) add(struct story_line *line, const char *format, ...)
{
    size_t used = strlen(line->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line->text + used, sizeof line->text - used, format, arguments);
    va_end(arguments);
}

static bool has(const json_t *object, const char *name)
{
    return json_is_string(json_object_get(object, name));
}

static bool is_cxl(const json_t *event)
{
    return strncmp(text_of(event, "operation"), "cxl_", 4) == 0 || strcmp(text_of(event, "kind"), "cxl") == 0 ||
           strcmp(text_of(event, "event"), "cxl_link") == 0;
}

/* "stream 0  0000:00:03.0 - 0000:01:00.0  " */
static void add_subject(struct story_line *line, const json_t *event)
{
    bool both = has(event, "root_port") && has(event, "endpoint");
    if (json_is_integer(json_object_get(event, "stream")))
        add(line, "stream %lld  ", number_of(event, "stream"));
    else if (is_cxl(event))
        add(line, "CXL link  ");
    if (both)
        add(line, "%s - %s  ", text_of(event, "root_port"), text_of(event, "endpoint"));
    else if (has(event, "root_port") || has(event, "endpoint"))
        add(line, "%s  ", text_of(event, has(event, "root_port") ? "root_port" : "endpoint"));
}

static const char *operation_text(const json_t *event)
{
    const char *name = text_of(event, "operation");
    return strncmp(name, "cxl_", 4) == 0 ? name + 4 : name;
}

/* ---- operations -------------------------------------------------------------------- */

static void make_key(const json_t *event, char key[static KEY_MAX])
{
    snprintf(key, KEY_MAX, "%s %s %s %lld", text_of(event, "operation"), text_of(event, "root_port"),
             text_of(event, "endpoint"),
             json_is_integer(json_object_get(event, "stream")) ? number_of(event, "stream") : -1);
}

static struct story_operation **find(struct story *story, const json_t *event)
{
    char key[KEY_MAX];
    struct story_operation **at = &story->first;
    make_key(event, key);
    while (*at && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    return at;
}

static void drop(struct story_operation **at)
{
    struct story_operation *gone = *at;
    *at = gone->next;
    json_decref(gone->stream);
    free(gone);
}

void story_clear(struct story *story)
{
    while (story->first)
        drop(&story->first);
}

static struct story_operation *begin(struct story *story, const json_t *event)
{
    struct story_operation **at = find(story, event);
    if (*at)
        drop(at);
    struct story_operation *op = calloc(1, sizeof *op);
    if (!op)
        return NULL;
    make_key(event, op->key);
    op->begun_ms = feed_now_ms();
    op->next = story->first;
    story->first = op;
    return op;
}

/* ---- what became of a stream ------------------------------------------------------- */

static const char *stream_words(const char *state)
{
    static const char *const words[][2] = {
        {"half_off", "could not be turned off at both ends: stop may be tried again"},
        {"quarantined", "is quarantined: it is not tried again until it is asked for"},
        {"wanted", "is wanted, and will be established"},
        {"absent", "is wanted, and its device is not there"},
        {"left_off", "is left off"},
        {"stopped", "stays off, as it was stopped"},
        {"off", "is off"},
        {"insecure", "is Insecure"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], state) == 0)
            return words[i][1];
    return NULL;
}

static void add_stream_state(struct story_line *line, const json_t *event)
{
    const char *state = text_of(event, "state"), *words = stream_words(state);
    line->color = table_state_color(state);
    if (strcmp(state, "secure") == 0 && json_is_integer(json_object_get(event, "key_set")))
        add(line, "is Secure, key set %lld", number_of(event, "key_set"));
    else if (strcmp(state, "rekeyed") == 0)
        add(line, "has new keys, key set %lld", number_of(event, "key_set"));
    else if (words)
        add(line, "%s", words);
    else
        add(line, "is %s", state_text(state));
    if (has(event, "cause"))
        add(line, ": %s", story_cause(text_of(event, "cause")));
    if (has(event, "device"))
        add(line, " (%s)", text_of(event, "device"));
    if (number_of(event, "attempts") > 0)
        add(line, ", after %lld attempt%s", number_of(event, "attempts"),
            number_of(event, "attempts") == 1 ? "" : "s");
    if (has(event, "rule"))
        add(line, ", by %s = %s", text_of(event, "rule"), text_of(event, "action"));
}

static void add_duration(struct story_line *line, const struct story_operation *op)
{
    double seconds = op ? (double)(feed_now_ms() - op->begun_ms) / 1000 : 0;
    if (op && op->steps > 0)
        add(line, ", %u step%s in %.2g s", op->steps, op->steps == 1 ? "" : "s", seconds);
}

static void add_asked_by(struct story_line *line, const json_t *event)
{
    if (has(event, "asked_by"))
        add(line, ", asked for by %s", text_of(event, "asked_by"));
}

/* ---- the events -------------------------------------------------------------------- */

static bool take_operation(struct story *story, const json_t *event, struct story_line *line)
{
    const char *state = text_of(event, "state");
    struct story_operation **at = find(story, event);
    const json_t *error = json_object_get(event, "error");
    add_subject(line, event);
    if (strcmp(state, "started") == 0) {
        begin(story, event);
        line->color = TERMINAL_DIM;
        add(line, "%s begins", operation_text(event));
        add_asked_by(line, event);
        return true;
    }
    if (json_is_object(error)) {
        line->color = TERMINAL_RED;
        add(line, "%s failed: %s%s%s", operation_text(event),
            has(error, "device") ? text_of(error, "device") : "", has(error, "device") ? ": " : "",
            text_of(error, "message"));
    } else if (*at && (*at)->stream) {
        add_stream_state(line, (*at)->stream);
        add(line, ": %s", operation_text(event));
    } else {
        add(line, "%s %s", operation_text(event), state);
    }
    add_duration(line, *at);
    if (*at)
        drop(at);
    return true;
}

static bool take_step(struct story *story, const json_t *event, struct story_line *line)
{
    struct story_operation *op = *find(story, event);
    const char *state = text_of(event, "state");
    if (op && strcmp(state, "done") == 0)
        op->steps++;
    if (strcmp(state, "failed") != 0)
        return false;
    line->color = TERMINAL_YELLOW;
    add_subject(line, event);
    add(line, "%s at %s: failed to %s: %s",
        json_is_true(json_object_get(event, "undo")) ? "undo" : operation_text(event),
        text_of(event, "device"), text_of(event, "text"), text_of(event, "message"));
    return true;
}

/* That of an operation is told when it ends; what happens without one at once. */
static bool take_stream(struct story *story, const json_t *event, struct story_line *line)
{
    struct story_operation *op = *find(story, event);
    if (op) {
        json_decref(op->stream);
        op->stream = json_incref((json_t *)event);
        return false;
    }
    add_subject(line, event);
    add_stream_state(line, event);
    return true;
}

static bool take_port(const json_t *event, struct story_line *line)
{
    const struct port_words *words = find_port_words(event);
    if (!words)
        return false;
    line->color = words->color;
    add(line, "%s  %s", text_of(event, has(event, "file") ? "file" : "device"), words->text);
    if (has(event, "cause"))
        add(line, ": %s", story_cause(text_of(event, "cause")));
    if (has(event, "message") && words->has_more)
        add(line, ": %s", text_of(event, "message"));
    return true;
}

/* An event of a later controller, or about something else than a stream. */
static void take_other(const json_t *event, struct story_line *line)
{
    static const char *const texts[] = {"device", "port", "state", "cause", "message", "text"};
    bool bad = has(event, "cause") || has(event, "error");
    line->color = bad ? TERMINAL_YELLOW : NULL;
    add_subject(line, event);
    add(line, "%s", text_of(event, "event"));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (has(event, texts[i]))
            add(line, "%s%s", i == 0 ? " " : ": ",
                strcmp(texts[i], "cause") == 0 ? story_cause(text_of(event, texts[i]))
                                               : text_of(event, texts[i]));
}

bool story_take(struct story *story, const json_t *event, struct story_line *line)
{
    const char *kind = text_of(event, "event");
    *line = (struct story_line){.color = NULL};
    if (strcmp(kind, "operation") == 0)
        return take_operation(story, event, line);
    if (strcmp(kind, "step") == 0)
        return take_step(story, event, line);
    if (strcmp(kind, "stream") == 0 || strcmp(kind, "cxl_link") == 0)
        return take_stream(story, event, line);
    if (strcmp(kind, "hello") == 0)
        add(line, "connected");
    else if (!take_port(event, line))
        take_other(event, line);
    return true;
}
