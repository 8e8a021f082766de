/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/journal.h"

#include <stdio.h>
#include <string.h>

#include "tools/ide-kmd/log.h"

#define VALUE_MAX 400u
#define WHERE_MAX 96u
#define RULE_MAX  96u

/* Which member of an event is which field; those of its error come after, so that a failed operation's step
 * and device are those at which it failed. */
static const struct {
    const char *member, *field;
    bool of_error;
} fields_of[] = {
    {"event", "IDE_EVENT", false},
    {"operation", "IDE_OPERATION", false},
    {"request", "IDE_REQUEST", false},
    {"asked_by", "IDE_ASKED_BY", false},
    {"root_port", "IDE_ROOT_PORT", false},
    {"endpoint", "IDE_ENDPOINT", false},
    {"stream", "IDE_STREAM", false},
    {"state", "IDE_STATE", false},
    {"cause", "IDE_CAUSE", false},
    {"cause_kind", "IDE_CAUSE_KIND", false},
    {"rule", "IDE_RULE", false},
    {"action", "IDE_ACTION", false},
    {"key_set", "IDE_KEY_SET", false},
    {"step", "IDE_STEP", false},
    {"device", "IDE_DEVICE", false},
    {"undo", "IDE_UNDO", false},
    {"port", "IDE_PORT", false},
    {"step", "IDE_STEP", true},
    {"device", "IDE_DEVICE", true},
    {"code", "IDE_CODE", true},
    {"exchange", "IDE_EXCHANGE", true},
    {"field", "IDE_FIELD", true},
    {"hint", "IDE_HINT", true},
    {"outcome", "IDE_OUTCOME", true},
};
#define FIELD_COUNT (sizeof fields_of / sizeof *fields_of)
_Static_assert(FIELD_COUNT <= LOG_FIELDS_MAX, "a message can have them all");

struct texts {
    struct log_field field[FIELD_COUNT];
    char value[FIELD_COUNT][VALUE_MAX];
    size_t count;
};

/* What is null, or no simple value, is left out. */
static bool text_of(const json_t *value, char *text)
{
    if (json_is_string(value))
        snprintf(text, VALUE_MAX, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(text, VALUE_MAX, "%lld", (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        snprintf(text, VALUE_MAX, "%s", json_is_true(value) ? "true" : "false");
    else
        return false;
    return true;
}

static void collect(struct texts *texts, const json_t *event)
{
    const json_t *error = json_object_get(event, "error");
    texts->count = 0;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const json_t *value = json_object_get(fields_of[i].of_error ? error : event, fields_of[i].member);
        if (!text_of(value, texts->value[texts->count]))
            continue;
        texts->field[texts->count] = (struct log_field){fields_of[i].field, texts->value[texts->count]};
        texts->count++;
    }
}

static const char *string_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

/* "stream 0 between 0000:00:03.0 and 0000:01:00.0", as far as the event says. */
static const char *where_of(const json_t *event, char *text)
{
    const json_t *stream = json_object_get(event, "stream");
    const char *root = string_of(event, "root_port"), *endpoint = string_of(event, "endpoint");
    char number[32] = "";
    if (json_is_integer(stream))
        snprintf(number, sizeof number, "stream %lld ", (long long)json_integer_value(stream));
    snprintf(text, WHERE_MAX, "%s%s%s%s%s", number, *number && *root && *endpoint ? "between " : "", root,
             *root && *endpoint ? " and " : "", endpoint);
    return text;
}

static void log_operation(const json_t *event, const struct texts *texts, const char *where)
{
    const json_t *error = json_object_get(event, "error");
    const char *operation = string_of(event, "operation"), *state = string_of(event, "state");
    if (strcmp(state, "failed") != 0) {
        int priority = strcmp(state, "started") == 0 ? LOG_DEBUG : LOG_INFO;
        log_write(priority, LOG_OPERATION, texts->field, texts->count, "%s of %s: %s", operation, where,
                  state);
        return;
    }
    const char *device = string_of(error, "device"), *step = string_of(error, "step");
    log_write(LOG_ERR, LOG_OPERATION_FAILED, texts->field, texts->count, "%s of %s: failed at %s%s%s: %s",
              operation, where, *step ? step : "its start", *device ? " of " : "", device,
              string_of(error, "message"));
}

/* How much each state of a stream matters to who reads the log. */
static int stream_priority(const char *state)
{
    static const struct {
        const char *state;
        int priority;
    } known[] = {
        {"insecure", LOG_CRIT}, {"half_off", LOG_ERR}, {"quarantined", LOG_ERR}, {"rekeyed", LOG_INFO}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(state, known[i].state) == 0)
            return known[i].priority;
    return LOG_NOTICE;
}

/* " (wrong_identity: on-wrong-identity = quarantine)"; nothing if no rule has decided anything. */
static const char *rule_of(const json_t *event, char *text)
{
    const char *rule = string_of(event, "rule");
    text[0] = '\0';
    if (*rule)
        snprintf(text, RULE_MAX, " (%s: %s = %s)", string_of(event, "cause_kind"), rule,
                 string_of(event, "action"));
    return text;
}

static void log_stream(const json_t *event, const struct texts *texts, const char *where)
{
    char rule[RULE_MAX];
    const char *state = string_of(event, "state"), *cause = string_of(event, "cause");
    const char *device = string_of(event, "device"), *message = string_of(event, "message");
    int priority = stream_priority(state);
    log_write(priority, priority <= LOG_ERR ? LOG_STREAM_FELL : LOG_STREAM, texts->field, texts->count,
              "%s: %s%s%s%s%s%s%s%s", where, state, *cause ? ": " : "", cause, *device ? ": " : "", device,
              *message ? ": " : "", message, rule_of(event, rule));
}

static void log_step(const json_t *event, const struct texts *texts, const char *where)
{
    const char *device = string_of(event, "device"), *message = string_of(event, "message");
    log_write(LOG_DEBUG, LOG_STEP, texts->field, texts->count, "%s of %s: %s%s%s: %s%s%s",
              string_of(event, "operation"), where, string_of(event, "step"), *device ? " at " : "", device,
              string_of(event, "state"), *message ? ": " : "", message);
}

void journal_take_event(const json_t *event)
{
    struct texts texts;
    char where[WHERE_MAX];
    const char *kind = string_of(event, "event"), *device = string_of(event, "device");
    const char *message = string_of(event, "message");
    if (!*device)
        device = string_of(event, "file"); /* a certificate of ours */
    if (strcmp(kind, "step") == 0 && !log_wants(LOG_DEBUG))
        return; /* most events are steps */
    collect(&texts, event);
    where_of(event, where);
    if (strcmp(kind, "operation") == 0)
        log_operation(event, &texts, where);
    else if (strcmp(kind, "step") == 0)
        log_step(event, &texts, where);
    else if (strcmp(kind, "stream") == 0)
        log_stream(event, &texts, where);
    else
        log_write(LOG_NOTICE, LOG_WATCH, texts.field, texts.count, "%s%s%s%s%s: %s%s%s", kind, *where ? " " : "", where,
                  *device ? " " : "", device, string_of(event, "state"), *message ? ": " : "", message);
}
