/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/watching.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/ide-kmd/bdf_json.h"
#include "tools/ide-kmd/cause.h"
#include "tools/ide-kmd/keeper_host.h"
#include "tools/ide-kmd/log.h"

#define NEWS_AT_ONCE 64u

/* ---- which streams ------------------------------------------------------- */

static pthread_mutex_t *gate_of(struct controller *c, const struct stream *stream, enum stream_end end)
{
    if (pcie_bdf_compare(&stream->ends.bdf[end], &stream->ends.top) == 0)
        return NULL; /* the root port: no link is crossed */
    struct worker *worker = worker_of(&c->workers, stream_mailbox(&stream->ends, end));
    return worker ? &worker->quiet : NULL;
}

static void begin_watching(struct controller *c, struct stream *stream)
{
    const struct watch_gates gates = {{[END_ENDPOINT] = gate_of(c, stream, END_ENDPOINT),
                                       [END_ROOT_PORT] = gate_of(c, stream, END_ROOT_PORT)}};
    stream->seen = (struct stream_seen){.serial = watch_add(c->watch, stream, &gates)};
}

void watching_link(struct controller *c, struct cxl_link *link)
{
    struct worker *worker = worker_of(&c->workers, &link->ends.bdf[END_ENDPOINT]);
    link->seen =
        (struct stream_seen){.serial = watch_add_cxl(c->watch, link, worker ? &worker->quiet : NULL)};
}

static void end_watching(struct controller *c, struct stream_seen *seen)
{
    if (seen->serial != 0)
        watch_forget(c->watch, seen->serial);
    *seen = (struct stream_seen){0};
}

static bool is_on_link(const struct task *task)
{
    return task->op.ends.last_bus != 0 && task->op.kind != OPERATION_ATTEST;
}

void watching_begins(struct controller *c, const struct task *task)
{
    if (is_on_link(task))
        watch_hold(c->watch, &task->op.ends, true);
    if (task->op.stream && task->op.kind == OPERATION_STOP)
        end_watching(c, &task->op.stream->seen);
    struct cxl_link *link =
        operation_is_cxl(task->op.kind) ? cxl_link_find(&c->cxl, &task->op.ends.bdf[END_ENDPOINT]) : NULL;
    if (link)
        end_watching(c, &link->seen);
}

void watching_ended(struct controller *c, const struct task *task)
{
    struct stream *stream = task->op.stream;
    if (is_on_link(task))
        watch_hold(c->watch, &task->op.ends, false);
    if (stream && task->op.kind == OPERATION_ESTABLISH && stream->state == STREAM_UP)
        begin_watching(c, stream);
}

/* ---- its news ------------------------------------------------------------ */

static json_t *errors_json(uint32_t errors)
{
    json_t *list = json_array();
    for (const char *name; (name = aer_next_name(&errors));)
        json_array_append_new(list, json_string(name));
    return list;
}

static json_t *seen_json(const struct stream *stream, enum stream_end end, const struct watch_end *seen)
{
    const char *state = !seen->looked                            ? "not_read"
                        : seen->gone                             ? "unreadable"
                        : seen->state == PCIE_IDE_STATE_SECURE   ? "secure"
                        : seen->state == PCIE_IDE_STATE_INSECURE ? "insecure"
                                                                 : "reserved";
    return json_pack("{s:s, s:o, s:b, s:s, s:b, s:o}", "role", stream_end_name(end), "bdf",
                     bdf_json(&stream->ends.bdf[end]), "enabled", (int)seen->enabled, "state", state,
                     "ide_fail", (int)seen->fail_received, "aer", errors_json(seen->errors));
}

/* " (AER: ide_check_failed)" behind a text, if there are any. */
static void add_errors(char *text, size_t size, uint32_t errors)
{
    const char *between = " (AER: ";
    size_t len = strlen(text);
    for (const char *name; (name = aer_next_name(&errors)); between = ", ")
        if (len + strlen(between) + strlen(name) + 2 < size)
            len += (size_t)snprintf(text + len, size - len, "%s%s", between, name);
    if (*between == ',')
        (void)snprintf(text + len, size - len, ")");
}

static json_t *message_json(const struct watch_news *news)
{
    char text[2 * WATCH_TEXT];
    snprintf(text, sizeof text, "%s", news->text);
    add_errors(text, sizeof text,
               news->errors | news->sample.end[END_ENDPOINT].errors | news->sample.end[END_ROOT_PORT].errors);
    return json_string(text);
}

/* What every event begins with, as in events.c; stream NULL: it is about none. */
static json_t *event_of(const char *name, const struct stream *stream, const struct watch_news *news)
{
    return json_pack("{s:s, s:n, s:n, s:s, s:o, s:o, s:o, s:o, s:s, s:o}", "event", name, "request",
                     "asked_by", "operation", "watch", "root_port",
                     stream ? bdf_json(&stream->ends.bdf[END_ROOT_PORT]) : json_null(), "endpoint",
                     stream ? bdf_json(&stream->ends.bdf[END_ENDPOINT]) : json_null(), "stream",
                     stream ? json_integer(stream->id) : json_null(), "device", bdf_json(&news->device),
                     "state", news->state, "message", message_json(news));
}

static struct stream *find_watched(const struct controller *c, uint64_t serial)
{
    for (struct stream *s = c->streams.first; s; s = s->next)
        if (s->seen.serial == serial)
            return s;
    return NULL;
}

static void remember(struct stream_seen *seen, const struct watch_news *news)
{
    seen->insecure = news->verdict.cause != WATCH_CAUSE_NONE;
    seen->changed = time(NULL);
    if (!seen->insecure)
        return;
    seen->cause = news->cause;
    seen->device = news->device;
    seen->both_on = news->sample.end[END_ENDPOINT].enabled && news->sample.end[END_ROOT_PORT].enabled;
}

static void tell_stream(struct controller *c, const struct watch_news *news)
{
    struct stream *stream = news->serial != 0 ? find_watched(c, news->serial) : NULL;
    if (!stream) /* it was stopped meanwhile, by us */
        return;
    remember(&stream->seen, news);
    json_t *event = event_of("stream", stream, news);
    json_object_set_new(event, "key_set", json_integer(stream->key_set));
    json_object_set_new(event, "cause", news->cause ? json_string(news->cause) : json_null());
    json_object_set_new(event, "ends",
                        json_pack("[o, o]",
                                  seen_json(stream, END_ROOT_PORT, &news->sample.end[END_ROOT_PORT]),
                                  seen_json(stream, END_ENDPOINT, &news->sample.end[END_ENDPOINT])));
    publish_watch(c, event);
    if (stream->seen.insecure)
        keeper_take_fall(c, stream, cause_of_fall(&news->verdict, &news->sample), news->text);
}

static struct cxl_link *find_watched_link(const struct controller *c, uint64_t serial)
{
    struct cxl_link *link = c->cxl.first;
    while (link && (serial == 0 || link->seen.serial != serial))
        link = link->next;
    return link;
}

static void tell_link(struct controller *c, const struct watch_news *news)
{
    struct cxl_link *link = find_watched_link(c, news->serial);
    struct cxl_link_view view;
    if (!link) /* an operation works on it, or it was stopped meanwhile */
        return;
    remember(&link->seen, news);
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        view.readable[end] = news->cxl.looked[end] && news->cxl.readable[end];
        view.state[end] = news->cxl.state[end];
    }
    publish_watch(c, json_pack("{s:s, s:n, s:n, s:s, s:o, s:o, s:n, s:o, s:s, s:o, s:s?, s:o}", "event",
                               "cxl_link", "request", "asked_by", "operation", "watch", "root_port",
                               bdf_json(&link->ends.bdf[END_ROOT_PORT]), "endpoint",
                               bdf_json(&link->ends.bdf[END_ENDPOINT]), "stream", "device",
                               bdf_json(&news->device), "state", news->state, "message", message_json(news),
                               "cause", news->cause, "ends", cxl_ends_json(link, &view)));
    if (link->seen.insecure)
        keeper_take_cxl_fall(c, link, cause_of_fall(&news->verdict, &news->sample), news->text);
}

static void tell_port(struct controller *c, const struct watch_news *news)
{
    json_t *event = event_of("port", NULL, news);
    json_object_set_new(event, "aer", errors_json(news->errors));
    publish_watch(c, event);
}

static void tell_certificate(struct controller *c, const struct watch_news *news)
{
    json_t *event = event_of("certificate", NULL, news);
    json_object_set_new(event, "not_after", json_integer(news->not_after));
    publish_watch(c, event);
}

static void tell_session(struct controller *c, const struct watch_news *news)
{
    store_take_lost_session(c->store, &news->device, news->cause);
    json_t *event = event_of("session", NULL, news);
    json_object_set_new(event, "cause", json_string(news->cause));
    publish_watch(c, event);
}

static void tell(struct controller *c, const struct watch_news *news)
{
    switch (news->kind) {
    case WATCH_NEWS_STREAM:
        tell_stream(c, news);
        break;
    case WATCH_NEWS_CXL:
        tell_link(c, news);
        break;
    case WATCH_NEWS_PORT:
        tell_port(c, news);
        break;
    case WATCH_NEWS_CERTIFICATE:
        tell_certificate(c, news);
        break;
    case WATCH_NEWS_SESSION:
        tell_session(c, news);
        break;
    }
}

static int on_news(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    struct controller *c = argument;
    (void)loop;
    (void)item;
    for (unsigned i = 0; i < NEWS_AT_ONCE; i++) {
        struct watch_news *news = watch_take(c->watch);
        if (!news)
            break;
        tell(c, news);
        free(news);
    }
    return controller_settle(c);
}

/* ---- its life ------------------------------------------------------------ */

static void on_session_lost(void *context, const struct pcie_bdf *port, const struct ide_fault *fault)
{
    watch_session_lost(context, port, fault);
}

enum ide_err watching_open(struct controller *c, struct failure *failure)
{
    struct watch_settings settings = c->settings->watch;
    settings.sysfs = c->settings->sysfs;
    c->watch = watch_open(&settings);
    if (!c->watch)
        return failure_set(failure, IDE_E_MEMORY, "start", NULL, "out of memory");
    c->workers.lost = on_session_lost;
    c->workers.context = c->watch;
    return IDE_OK;
}

void watching_run(struct controller *c)
{
    zmq_pollitem_t news = {.fd = watch_fd(c->watch), .events = ZMQ_POLLIN};
    zloop_poller(c->loop, &news, on_news, c);
    if (!watch_start(c->watch))
        log_say(LOG_ERR, LOG_PLAIN, "no thread could be started: streams are not watched");
}

void watching_stop(struct controller *c)
{
    watch_stop(c->watch);
}

void watching_close(struct controller *c)
{
    watch_close(c->watch);
    c->watch = NULL;
}
