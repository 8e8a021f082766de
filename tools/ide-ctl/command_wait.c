/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl wait: until a stream is in a state. For scripts. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tools/ide-ctl/feed.h"
#include "tools/ide-ctl/print.h"

#define STATE_MAX 32u

struct wait {
    const struct ctl *ctl;
    const char *wanted;
    struct feed feed;
    uint64_t deadline;
    char state[STATE_MAX]; /* as it was seen last */
    json_t *stream;        /* owned: as it was seen last; NULL: there is none */
    json_t *error;         /* owned: why it is no use to wait; NULL: it may be */
};

/* states ends with NULL. */
static bool is_among(const char *const *states, const char *state)
{
    while (*states && strcmp(*states, state) != 0)
        states++;
    return *states != NULL;
}

/* Whatever becomes of a stream that is wanted: if it is not up, it is off. */
static bool is_off(const char *state)
{
    static const char *const off[] = {"off", "wanted", "absent", "left_off", "quarantined", "stopped", NULL};
    return is_among(off, state);
}

static bool is_reached(const struct wait *w)
{
    return strcmp(w->state, w->wanted) == 0 || (strcmp(w->wanted, "off") == 0 && is_off(w->state));
}

static void set_state(struct wait *w, const char *state)
{
    snprintf(w->state, sizeof w->state, "%s", state);
}

static json_t *find_stream(const json_t *port, json_int_t number)
{
    size_t i;
    json_t *stream;
    json_array_foreach(json_object_get(port, "streams"), i, stream)
    {
        if (number_of(stream, "stream") == number)
            return json_incref(stream);
    }
    return NULL;
}

/* A stream that is wanted and not up. */
static const json_t *find_kept(const json_t *port, json_int_t number)
{
    size_t i;
    json_t *kept;
    json_array_foreach(json_object_get(port, "kept"), i, kept)
    {
        if (json_is_integer(json_object_get(kept, "stream")) && number_of(kept, "stream") == number)
            return kept;
    }
    return NULL;
}

static json_t *quarantined(const struct wait *w)
{
    return ctl_own_error(
        "quarantined",
        json_sprintf("stream %lld of %s is quarantined: it failed too often to be tried again",
                     (long long)w->ctl->stream, w->ctl->bdf),
        "`ide-ctl log` says why; establish it by hand when that is mended");
}

/* What no waiting will change. */
static json_t *never(const struct wait *w, const json_t *port)
{
    bool is_up = strcmp(w->wanted, "secure") == 0 || strcmp(w->wanted, "starting") == 0;
    if (is_up && !json_is_object(json_object_get(port, "ide")))
        return ctl_own_error("no_ide",
                             json_sprintf("%s can carry no stream: it has no IDE capability", w->ctl->bdf),
                             "`ide-ctl doctor BDF` says what is missing, `ide-ctl list` which ports have it");
    return is_up && strcmp(w->state, "quarantined") == 0 ? quarantined(w) : NULL;
}

static void take_port(struct wait *w, const json_t *port)
{
    json_decref(w->stream);
    w->stream = find_stream(port, w->ctl->stream);
    const json_t *kept = w->stream ? NULL : find_kept(port, w->ctl->stream);
    set_state(w, w->stream ? text_of(w->stream, "state") : kept ? text_of(kept, "state") : "off");
    if (!is_reached(w))
        w->error = never(w, port);
}

/* Looks at the port; an error of the controller's, such as that there is no such function, ends the wait. */
static enum ide_client_status look(struct wait *w)
{
    json_t *reply = NULL;
    enum ide_client_status result =
        feed_ask(&w->feed, json_pack("{s:s, s:s}", "verb", "show", "bdf", w->ctl->bdf), &reply);
    if (result != IDE_CLIENT_OK)
        return result;
    json_t *error = json_object_get(reply, "error");
    if (!error)
        take_port(w, json_object_get(reply, "result"));
    else if (strcmp(text_of(error, "code"), "cancelled") !=
             0) /* the controller is ending: what it does last is told */
        w->error = json_incref(error);
    json_decref(reply);
    return IDE_CLIENT_OK;
}

static bool is_about(const struct wait *w, const json_t *event)
{
    return number_of(event, "stream") == w->ctl->stream &&
           json_is_integer(json_object_get(event, "stream")) &&
           (strcmp(text_of(event, "root_port"), w->ctl->bdf) == 0 ||
            strcmp(text_of(event, "endpoint"), w->ctl->bdf) == 0);
}

/*
 * A state that does not last is in the event alone, so the event counts; whatever else happens to the stream
 * is a reason to look again.
 */
static enum ide_client_status take_event(struct wait *w, const json_t *event)
{
    if (strcmp(text_of(event, "event"), "hello") == 0) /* something was missed */
        return look(w);
    if (!is_about(w, event) || strcmp(text_of(event, "event"), "step") == 0)
        return IDE_CLIENT_OK;
    if (strcmp(text_of(event, "event"), "stream") == 0) {
        const char *state = text_of(event, "state");
        set_state(w, strcmp(state, "rekeyed") == 0 ? "secure" : state);
        if (strcmp(w->wanted, "secure") == 0 && strcmp(state, "quarantined") == 0)
            w->error = quarantined(w);
        if (w->error || is_reached(w))
            return IDE_CLIENT_OK;
    }
    return look(w);
}

static long left_ms(const struct wait *w)
{
    uint64_t now = feed_now_ms();
    return w->deadline > now ? (long)(w->deadline - now) : 0;
}

static json_t *too_late(const struct wait *w)
{
    return ctl_own_error("timeout",
                         json_sprintf("stream %lld of %s is not %s after %g s: it is %s",
                                      (long long)w->ctl->stream, w->ctl->bdf, state_text(w->wanted),
                                      w->ctl->timeout_ms / 1000.0, state_text(w->state)),
                         "`ide-ctl doctor BDF` says what keeps it; give it longer with --timeout");
}

static json_t *interrupted(const struct wait *w)
{
    return ctl_own_error("cancelled",
                         json_sprintf("interrupted: stream %lld of %s is %s", (long long)w->ctl->stream,
                                      w->ctl->bdf, state_text(w->state)),
                         "call it again to go on waiting");
}

static enum ide_client_status follow(struct wait *w)
{
    enum ide_client_status result = look(w);
    while (result == IDE_CLIENT_OK && !w->error && !is_reached(w)) {
        json_t *event = NULL;
        switch (feed_next(&w->feed, left_ms(w), -1, &event)) {
        case FEED_EVENT:
            result = take_event(w, event);
            break;
        case FEED_TIME: /* a controller that is gone sends nothing either */
            result = look(w);
            if (result == IDE_CLIENT_OK && !w->error && !is_reached(w))
                w->error = too_late(w);
            break;
        case FEED_SIGNAL:
            w->error = w->feed.signal == SIGWINCH ? NULL : interrupted(w);
            break;
        case FEED_INPUT:
        case FEED_BROKEN:
            result = IDE_CLIENT_PROTOCOL;
            break;
        }
        json_decref(event);
    }
    return result;
}

static enum ctl_status conclude(struct wait *w, enum ide_client_status result)
{
    if (result != IDE_CLIENT_OK)
        return ctl_client_failed(w->ctl, result);
    if (w->error) {
        ctl_print_error(w->ctl, json_incref(w->error));
        return CTL_FAILED;
    }
    json_t *found = json_pack("{s:s, s:I, s:s, s:O?}", "bdf", w->ctl->bdf, "stream", w->ctl->stream, "state",
                              w->state, "now", w->stream);
    if (w->ctl->json)
        print_json(found);
    else
        printf("Stream %lld of %s is %s.\n", (long long)w->ctl->stream, w->ctl->bdf, state_text(w->state));
    json_decref(found);
    return CTL_DONE;
}

static bool is_to_wait_for(const char *state)
{
    static const char *const waited[] = {"secure", "insecure",    "off", "starting",
                                         "wanted", "quarantined", NULL};
    return is_among(waited, state);
}

enum ctl_status command_wait(const struct ctl *ctl)
{
    struct wait w = {.ctl = ctl, .wanted = ctl->state ? ctl->state : "secure", .state = "unknown"};
    if (ctl->stream < 0 || ctl->stream > (json_int_t)API_STREAM_LAST)
        return ctl_usage(ctl->command, "stream numbers are 0 to %u: %lld", API_STREAM_LAST,
                         (long long)ctl->stream);
    if (!is_to_wait_for(w.wanted))
        return ctl_usage(ctl->command,
                         "--state is none of secure, insecure, off, starting, wanted and quarantined: %s",
                         w.wanted);
    w.deadline = feed_now_ms() + ctl->timeout_ms;
    enum ide_client_status result = feed_open(&w.feed, ctl);
    if (result == IDE_CLIENT_OK)
        result = follow(&w);
    feed_close(&w.feed);
    enum ctl_status status = conclude(&w, result);
    json_decref(w.stream);
    json_decref(w.error);
    return status;
}
