/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/meter.h"
#include "tools/ide-kmd/metrics_door.h"

/* ---- what there is ------------------------------------------------------- */

#define FAMILIES(X)                                                                                          \
    X(DROPPED, COUNTER, "ide_km_metrics_dropped_total", "Figures that were not kept, for lack of room.")     \
    X(BUILD, GAUGE, "ide_km_build_info", "Always 1; the label is the version.")                              \
    X(STREAMS, GAUGE, "ide_km_streams", "Streams of this controller, by state.")                             \
    X(SECURE, GAUGE, "ide_km_stream_secure", "1 if the stream is Secure as far as is known, else 0.")        \
    X(KEYED, GAUGE, "ide_km_stream_keyed_timestamp_seconds", "When the stream got its present keys.")        \
    X(FALLS, COUNTER, "ide_km_stream_falls_total", "Streams and CXL links that fell to Insecure, by cause.") \
    X(HANDSHAKES, COUNTER, "ide_km_handshakes_total",                                                        \
      "Secure sessions that were opened with devices, by result.")                                           \
    X(REFRESHES, COUNTER, "ide_km_refreshes_total", "Refreshes of streams' keys, by result.")                \
    X(OPERATIONS, COUNTER, "ide_km_operations_total", "Operations that ended, by kind and result.")          \
    X(FAILURES, COUNTER, "ide_km_failures_total", "Operations that failed, by step and cause.")              \
    X(RUNNING, GAUGE, "ide_km_operations_running", "Operations that run now.")                               \
    X(OPERATION_TIME, HISTOGRAM, "ide_km_operation_duration_seconds", "How long operations took, by kind.")  \
    X(STEP_TIME, HISTOGRAM, "ide_km_step_duration_seconds", "How long steps took, by step.")                 \
    X(EVENTS, COUNTER, "ide_km_events_total", "What was published, by kind of event.")                       \
    X(REQUESTS, COUNTER, "ide_km_api_requests_total", "Requests of clients, by verb.")                       \
    X(REPLIES, COUNTER, "ide_km_api_replies_total", "Replies to clients, by result.")                        \
    X(REQUEST_TIME, HISTOGRAM, "ide_km_api_request_duration_seconds",                                        \
      "How long the main thread took for a request; operations go on after it.")                             \
    X(WORKERS, GAUGE, "ide_km_workers", "Threads for ports.")                                                \
    X(LOG_LOST, COUNTER, "ide_km_log_dropped_total", "Messages that the journal did not take.")              \
    X(CPU, COUNTER, "process_cpu_seconds_total", "Processor time of the process.")                           \
    X(RESIDENT, GAUGE, "process_resident_memory_bytes", "Memory that is there.")                             \
    X(VIRTUAL, GAUGE, "process_virtual_memory_bytes", "Memory that is mapped.")                              \
    X(OPEN_FDS, GAUGE, "process_open_fds", "Files and sockets that are open.")                               \
    X(MAX_FDS, GAUGE, "process_max_fds", "Files and sockets that may be open.")                              \
    X(THREADS, GAUGE, "process_threads", "Threads.")                                                         \
    X(STARTED, GAUGE, "process_start_time_seconds", "When the process started, since 1970.")

enum family {
#define X(family, kind, name, help) family,
    FAMILIES(X)
#undef X
        FAMILY_COUNT
};

static const struct meter_family families[] = {
#define X(family, kind, name, help) {name, help, METER_##kind},
    FAMILIES(X)
#undef X
};

struct metrics {
    struct meter *meter;
    struct metrics_door *door;
    json_t *began;    /* operations and steps that run: when each began */
    json_t *streams;  /* those that there are: their states */
    json_t *sessions; /* ports: the number of their last session */
};

static double now_s(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double metrics_clock(void)
{
    return now_s(CLOCK_MONOTONIC);
}

static const char *string_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

/* ---- operations and steps ------------------------------------------------ */

#define KEY_MAX 160

/* What is running is known by its ports, which are its own as long as it runs. */
static const char *key_of(const json_t *event, bool step, const char *device, char key[KEY_MAX])
{
    snprintf(key, KEY_MAX, "%s %s %s %lld %s %s", string_of(event, "operation"),
             string_of(event, "root_port"), string_of(event, "endpoint"),
             (long long)json_integer_value(json_object_get(event, "stream")),
             step ? string_of(event, "step") : "", device);
    return key;
}

/* How long it ran; below 0 if it is not known. */
static double took(struct metrics *m, const char *key)
{
    json_t *began = json_object_get(m->began, key);
    double seconds = began ? metrics_clock() - json_real_value(began) : -1;
    json_object_del(m->began, key);
    return seconds;
}

static void take_step(struct metrics *m, const json_t *event, const char *state)
{
    char key[KEY_MAX];
    struct meter_labels labels = meter_labels("step", string_of(event, "step"));
    key_of(event, true, string_of(event, "device"), key);
    if (strcmp(state, "started") == 0) {
        json_object_set_new(m->began, key, json_real(metrics_clock()));
        return;
    }
    double seconds = took(m, key);
    if (seconds < 0) /* of both ends at once, and one of them failed */
        seconds = took(m, key_of(event, true, "", key));
    if (seconds >= 0)
        meter_observe(m->meter, STEP_TIME, &labels, seconds);
    if (strcmp(state, "failed") == 0 && strcmp(string_of(event, "step"), "session") == 0) {
        labels = meter_labels("result", state);
        meter_add(m->meter, HANDSHAKES, &labels, 1);
    }
}

static void count_failure(struct metrics *m, const json_t *event)
{
    const json_t *error = json_object_get(event, "error");
    struct meter_labels labels = meter_labels("operation", string_of(event, "operation"));
    meter_label(&labels, "step", string_of(error, "step"));
    meter_label(&labels, "code", string_of(error, "code"));
    meter_add(m->meter, FAILURES, &labels, 1);
}

/* "rekey" and "cxl_rekey" */
static bool is_refresh(const char *operation)
{
    size_t len = strlen(operation);
    return len >= 5 && strcmp(operation + len - 5, "rekey") == 0;
}

static void take_operation(struct metrics *m, const json_t *event, const char *state)
{
    char key[KEY_MAX];
    const char *operation = string_of(event, "operation");
    struct meter_labels labels = meter_labels("operation", operation), result = meter_labels("result", state);
    key_of(event, false, "", key);
    if (strcmp(state, "started") == 0) {
        json_object_set_new(m->began, key, json_real(metrics_clock()));
        return;
    }
    double seconds = took(m, key);
    if (seconds >= 0)
        meter_observe(m->meter, OPERATION_TIME, &labels, seconds);
    meter_label(&labels, "result", state);
    meter_add(m->meter, OPERATIONS, &labels, 1);
    if (is_refresh(operation))
        meter_add(m->meter, REFRESHES, &result, 1);
    if (strcmp(state, "failed") == 0)
        count_failure(m, event);
}

/* ---- streams ------------------------------------------------------------- */

static void count_states(struct metrics *m)
{
    static const char *const known[] = {"secure", "insecure", "half_off", "quarantined"};
    const char *key;
    json_t *state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct meter_labels labels = meter_labels("state", known[i]);
        unsigned count = 0;
        json_object_foreach(m->streams, key, state) count += strcmp(json_string_value(state), known[i]) == 0;
        meter_put(m->meter, STREAMS, &labels, count);
    }
}

static bool is_cxl(const json_t *event)
{
    return strcmp(string_of(event, "event"), "cxl_link") == 0 || strcmp(string_of(event, "kind"), "cxl") == 0 ||
           strncmp(string_of(event, "operation"), "cxl_", 4) == 0;
}

/* A CXL link has no number. */
static void take_stream(struct metrics *m, const json_t *event, const char *state)
{
    char number[24] = "cxl";
    if (!is_cxl(event))
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(json_object_get(event, "stream")));
    struct meter_labels labels = meter_labels("root_port", string_of(event, "root_port"));
    meter_label(&labels, "endpoint", string_of(event, "endpoint"));
    meter_label(&labels, "stream", number);
    bool keyed = strcmp(state, "rekeyed") == 0 || strcmp(state, "secure") == 0;
    if (keyed)
        meter_put(m->meter, KEYED, &labels, now_s(CLOCK_REALTIME));
    if (strcmp(state, "off") == 0) {
        json_object_del(m->streams, labels.text);
        meter_forget(m->meter, SECURE, &labels);
        meter_forget(m->meter, KEYED, &labels);
    } else {
        json_object_set_new(m->streams, labels.text, json_string(keyed ? "secure" : state));
        meter_put(m->meter, SECURE, &labels, keyed);
    }
    count_states(m);
    if (strcmp(state, "insecure") == 0) {
        labels = meter_labels("cause", string_of(event, "cause"));
        meter_add(m->meter, FALLS, &labels, 1);
    }
}

/* What an operation on a CXL link has made of it: there are no other events that say so. */
static void take_cxl(struct metrics *m, const json_t *event, const char *state)
{
    const char *operation = string_of(event, "operation");
    if (!is_cxl(event) || strcmp(state, "done") != 0)
        return;
    take_stream(m, event,
                strcmp(operation, "cxl_stop") == 0    ? "off"
                : strcmp(operation, "cxl_rekey") == 0 ? "rekeyed"
                                                      : "secure");
}

/* ---- what is published --------------------------------------------------- */

void metrics_take_event(struct controller *c, const json_t *event)
{
    struct metrics *m = c->metrics;
    const char *kind = string_of(event, "event"), *state = string_of(event, "state");
    if (!m)
        return;
    struct meter_labels labels = meter_labels("event", kind);
    meter_add(m->meter, EVENTS, &labels, 1);
    if (strcmp(kind, "step") == 0)
        take_step(m, event, state);
    else if (strcmp(kind, "operation") == 0)
        take_operation(m, event, state);
    else if (strcmp(kind, "stream") == 0 || strcmp(kind, "cxl_link") == 0)
        take_stream(m, event, state);
    if (strcmp(kind, "operation") == 0)
        take_cxl(m, event, state);
    meter_put(m->meter, RUNNING, NULL, c->running);
}

void metrics_take_session(struct metrics *m, const struct job *job)
{
    char bdf[PCIE_BDF_TEXT];
    const struct meter_labels labels = meter_labels("result", "done");
    if (!m || job->provider.session == 0)
        return;
    pcie_bdf_format(&job->device, bdf);
    json_t *last = json_object_get(m->sessions, bdf);
    if (last && json_integer_value(last) == job->provider.session)
        return; /* another stream's has been open */
    json_object_set_new(m->sessions, bdf, json_integer(job->provider.session));
    meter_add(m->meter, HANDSHAKES, &labels, 1);
}

void metrics_take_request(struct metrics *m, const char *verb, double seconds)
{
    if (!m)
        return;
    struct meter_labels labels = meter_labels("verb", verb ? verb : "unreadable");
    meter_add(m->meter, REQUESTS, &labels, 1);
    meter_observe(m->meter, REQUEST_TIME, NULL, seconds);
}

/* ---- the process --------------------------------------------------------- */

static unsigned entries_in(const char *folder)
{
    unsigned count = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

static void look_at_memory(struct meter *meter)
{
    char line[128], *rest = line;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fgets(line, sizeof line, file)) {
        double page = (double)sysconf(_SC_PAGESIZE);
        meter_put(meter, VIRTUAL, NULL, (double)strtoul(rest, &rest, 10) * page);
        meter_put(meter, RESIDENT, NULL, (double)strtoul(rest, &rest, 10) * page);
    }
    if (file)
        fclose(file);
}

static void look_at_process(struct meter *meter)
{
    struct rusage usage;
    struct rlimit files;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        meter_put(meter, CPU, NULL,
                  (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                      (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        meter_put(meter, MAX_FDS, NULL, (double)files.rlim_cur);
    meter_put(meter, OPEN_FDS, NULL, entries_in("/proc/self/fd"));
    meter_put(meter, THREADS, NULL, entries_in("/proc/self/task"));
    look_at_memory(meter);
}

static char *page(void *context, size_t *len)
{
    struct metrics *m = context;
    look_at_process(m->meter);
    return meter_text(m->meter, len);
}

/* ---- life ---------------------------------------------------------------- */

static int on_tick(zloop_t *loop, int timer, void *argument)
{
    struct controller *c = argument;
    struct meter *meter = c->metrics->meter;
    unsigned workers = 0;
    (void)loop;
    (void)timer;
    for (const struct worker *w = c->workers.first; w; w = w->next)
        workers++;
    meter_put(meter, WORKERS, NULL, workers);
    struct meter_labels labels = meter_labels("result", "done");
    meter_put(meter, REPLIES, &labels, (double)(c->front.replies - c->front.errors));
    labels = meter_labels("result", "error");
    meter_put(meter, REPLIES, &labels, (double)c->front.errors);
    meter_put(meter, LOG_LOST, NULL, (double)log_dropped());
    metrics_door_tick(c->metrics->door);
    return 0;
}

void metrics_start(struct controller *c)
{
    if (c->metrics && zloop_timer(c->loop, 1000, 0, on_tick, c) == -1)
        log_say(LOG_ERR, LOG_PLAIN, "out of memory: metrics are not kept up to date");
}

/* What is 0 until it happens is there from the start, or its first increase could not be seen. */
static void prepare(struct metrics *m)
{
    static const char *const results[] = {"done", "failed"};
    struct meter_labels labels = meter_labels("version", IDE_KM_VERSION);
    meter_put(m->meter, BUILD, &labels, 1);
    meter_put(m->meter, STARTED, NULL, now_s(CLOCK_REALTIME));
    meter_put(m->meter, DROPPED, NULL, 0);
    meter_put(m->meter, LOG_LOST, NULL, 0);
    meter_put(m->meter, RUNNING, NULL, 0);
    for (size_t i = 0; i < 2; i++) {
        labels = meter_labels("result", results[i]);
        meter_add(m->meter, HANDSHAKES, &labels, 0);
        meter_add(m->meter, REFRESHES, &labels, 0);
    }
    count_states(m);
}

enum ide_err metrics_open(struct metrics **out, const char *where, struct failure *failure)
{
    *out = NULL;
    if (!where)
        return IDE_OK;
    struct metrics *m = calloc(1, sizeof *m);
    if (!m)
        return failure_set(failure, IDE_E_MEMORY, "metrics", NULL, "out of memory");
    *m = (struct metrics){.meter = meter_new(families, FAMILY_COUNT),
                          .began = json_object(),
                          .streams = json_object(),
                          .sessions = json_object()};
    enum ide_err err = IDE_OK;
    if (!m->meter)
        err = failure_set(failure, IDE_E_MEMORY, "metrics", NULL, "out of memory");
    else
        prepare(m);
    if (err == IDE_OK)
        err = metrics_door_open(&m->door, where, page, m, failure);
    if (err == IDE_OK)
        *out = m;
    else
        metrics_close(m);
    return err;
}

void metrics_close(struct metrics *m)
{
    if (!m)
        return;
    metrics_door_close(m->door); /* first: its thread reads the meter */
    meter_free(m->meter);
    json_decref(m->began);
    json_decref(m->streams);
    json_decref(m->sessions);
    free(m);
}
