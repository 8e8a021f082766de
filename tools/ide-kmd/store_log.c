/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/store_log.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ide-kmd/job.h"
#include "tools/ide-kmd/store_bind.h"
#include "tools/ide-kmd/survey.h"

#define TRIM_EVERY 256 /* entries: the bound is kept that well */
#define DAY_MS     86400000ll

/* ---- entries ------------------------------------------------------------- */

struct log_event {
    json_t *event; /* the store's own copy */
    uint64_t time_ms;
};

static const char *text_of(const json_t *event, const char *member)
{
    return json_string_value(json_object_get(event, member));
}

/* Members of an event that the entry has as columns, or by another name. */
static bool has_column(const char *member)
{
    static const char *const columns[] = {"event",  "operation", "root_port", "endpoint", "stream",
                                          "device", "step",      "text",      "state",    "undo",
                                          "cause",  "asked_by",  "request",   "time_ms",  "error"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (strcmp(columns[i], member) == 0)
            return true;
    return false;
}

/* What there is besides what every entry has: an error, or all that the event says more. */
static json_t *answer_of(const json_t *event)
{
    json_t *error = json_object_get(event, "error"), *value, *object;
    const char *member;
    if (json_is_object(error))
        return json_incref(error);
    object = json_object();
    json_object_foreach((json_t *)event, member, value)
    {
        if (!json_is_null(value) && !has_column(member))
            json_object_set(object, member, value);
    }
    if (json_object_size(object) > 0)
        return object;
    json_decref(object);
    return NULL;
}

/* Texts of values that need not be strings. */
static char *dump_of(json_t *value)
{
    char *text = value && !json_is_null(value) ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    return text;
}

static void bind_event(sqlite3_stmt *s, const json_t *event)
{
    static const char *const columns[][2] = {
        {":what", "event"},        {":operation", "operation"}, {":root_port", "root_port"},
        {":endpoint", "endpoint"}, {":device", "device"},       {":step", "step"},
        {":state", "state"},       {":asked_by", "asked_by"},
    };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        bind_text(s, columns[i][0], text_of(event, columns[i][1]));
    json_t *stream = json_object_get(event, "stream");
    const char *cause = text_of(event, "cause");
    if (json_is_integer(stream))
        bind_number(s, ":stream", json_integer_value(stream));
    bind_number(s, ":undo", json_is_true(json_object_get(event, "undo")));
    bind_text(s, ":cause", cause ? cause : text_of(json_object_get(event, "error"), "code"));
}

static int insert(struct store *store, sqlite3 *db, const json_t *event, uint64_t time_ms)
{
    static const char sql[] = "INSERT INTO entry (time_ms, what, operation, root_port, endpoint, stream, "
                              "device, step, state, undo, cause,"
                              " answer, asked_by, request) VALUES (:time, :what, :operation, :root_port, "
                              ":endpoint, :stream, :device, :step,"
                              " :state, :undo, :cause, :answer, :asked_by, :request)";
    sqlite3_stmt *s = store_statement(store, sql);
    if (!s)
        return sqlite3_errcode(db);
    json_t *answer = answer_of(event);
    char *text = dump_of(answer), *request = dump_of(json_object_get(event, "request"));
    bind_event(s, event);
    bind_number(s, ":time", (long long)time_ms);
    bind_text(s, ":answer", text);
    bind_text(s, ":request", request);
    int rc = sqlite3_step(s);
    free(text);
    free(request);
    json_decref(answer);
    return rc;
}

static int run_number(struct store *store, sqlite3 *db, const char *sql, long long number)
{
    sqlite3_stmt *s = store_statement(store, sql);
    bind_number(s, ":number", number);
    return s ? sqlite3_step(s) : sqlite3_errcode(db);
}

/* Keeps the log's bound, by rows and by age. */
static int trim(struct store *store, sqlite3 *db)
{
    const struct store_settings *settings = store_settings_of(store);
    long long last = sqlite3_last_insert_rowid(db);
    int rc = SQLITE_DONE;
    if (last % TRIM_EVERY != 0)
        return rc;
    if (settings->log_rows > 0)
        rc = run_number(store, db, "DELETE FROM entry WHERE id <= :number", last - settings->log_rows);
    if (rc == SQLITE_DONE && settings->log_days > 0) {
        long long oldest = (long long)store_now_ms() - settings->log_days * DAY_MS;
        rc = run_number(store, db, "DELETE FROM entry WHERE time_ms < :number", oldest);
        if (rc == SQLITE_DONE)
            rc = run_number(store, db, "DELETE FROM session WHERE closed_ms < :number", oldest);
    }
    return rc;
}

/* What a full disk has cost stands in the log, where it would have been. */
static int tell_gap(struct store *store, sqlite3 *db)
{
    char message[64];
    uint64_t lost = store_lost(store);
    if (lost == 0)
        return SQLITE_DONE;
    snprintf(message, sizeof message, "%llu entries could not be written", (unsigned long long)lost);
    json_t *event = json_pack("{s:s, s:s, s:s}", "event", "gap", "state", "lost", "message", message);
    int rc = insert(store, db, event, store_now_ms());
    json_decref(event);
    return rc;
}

static int run_event(struct store *store, sqlite3 *db, void *argument)
{
    const struct log_event *e = argument;
    int rc = tell_gap(store, db);
    if (rc == SQLITE_DONE)
        rc = insert(store, db, e->event, e->time_ms);
    return rc == SQLITE_DONE ? trim(store, db) : rc;
}

static void release_event(void *argument)
{
    struct log_event *e = argument;
    json_decref(e->event);
    free(e);
}

/* That a step begins says nothing that its end does not. */
static bool is_for_the_log(const json_t *event)
{
    const char *what = text_of(event, "event"), *state = text_of(event, "state");
    return what && !(strcmp(what, "step") == 0 && state && strcmp(state, "started") == 0);
}

void store_take_event(struct store *store, const json_t *event)
{
    struct log_event *e = store && is_for_the_log(event) ? malloc(sizeof *e) : NULL;
    if (!e)
        return;
    json_t *time = json_object_get(event, "time_ms"); /* as subscribers are told it */
    *e = (struct log_event){json_deep_copy(event),
                            time ? (uint64_t)json_integer_value(time) : store_now_ms()};
    store_later(store, run_event, e, release_event);
}

/* ---- sessions ------------------------------------------------------------ */

struct log_session {
    struct pcie_bdf device;
    bool is_open;
    char lost[48]; /* why; empty: it was ended */
    struct key_provider_status status;
    const char *provider; /* static */
    json_t *algorithms, *spdm_version, *secured_version;
    uint64_t time_ms;
};

static int close_sessions(struct store *store, sqlite3 *db, const struct log_session *l, const char *cause)
{
    static const char sql[] = "UPDATE session SET closed_ms = :now, cause = :cause"
                              " WHERE device = :device AND closed_ms IS NULL AND number <> :number";
    sqlite3_stmt *s = store_statement(store, sql);
    if (!s)
        return sqlite3_errcode(db);
    bind_number(s, ":now", (long long)l->time_ms);
    bind_text(s, ":cause", cause);
    bind_bdf(s, ":device", &l->device);
    bind_number(s, ":number", l->is_open ? (long long)l->status.session : -1);
    return sqlite3_step(s);
}

static const char *begun_by(const struct key_provider_status *status)
{
    return status->psk ? "psk" : status->public_key ? "public_key" : "certificate";
}

static int open_session(struct store *store, sqlite3 *db, const struct log_session *l)
{
    static const char sql[] = "INSERT INTO session (device, number, opened_ms, provider, begun_by, mutual, "
                              "spdm_version, secured_version,"
                              " algorithms) SELECT :device, :number, :now, :provider, :begun_by, :mutual, "
                              ":spdm, :secured, :algorithms"
                              " WHERE NOT EXISTS (SELECT 1 FROM session WHERE device = :device AND number = "
                              ":number AND closed_ms IS NULL)";
    sqlite3_stmt *s = store_statement(store, sql);
    if (!s)
        return sqlite3_errcode(db);
    char *algorithms = dump_of(l->algorithms);
    bind_bdf(s, ":device", &l->device);
    bind_number(s, ":number", l->status.session);
    bind_number(s, ":now", (long long)l->time_ms);
    bind_text(s, ":provider", l->provider);
    bind_text(s, ":begun_by", begun_by(&l->status));
    bind_number(s, ":mutual", l->status.mutual);
    bind_text(s, ":spdm", json_string_value(l->spdm_version));
    bind_text(s, ":secured", json_string_value(l->secured_version));
    bind_text(s, ":algorithms", algorithms);
    int rc = sqlite3_step(s);
    free(algorithms);
    return rc;
}

static int run_session(struct store *store, sqlite3 *db, void *argument)
{
    const struct log_session *l = argument;
    int rc = close_sessions(store, db, l, l->is_open ? "replaced" : l->lost[0] ? l->lost : "ended");
    return rc == SQLITE_DONE && l->is_open ? open_session(store, db, l) : rc;
}

static void release_session(void *argument)
{
    struct log_session *l = argument;
    json_decref(l->algorithms);
    json_decref(l->spdm_version);
    json_decref(l->secured_version);
    free(l);
}

void store_take_session(struct store *store, const struct job *job)
{
    bool opened = job->action == STEP_SESSION, ended = job->action == STEP_END_SESSION;
    if (!store || job->err != IDE_OK || (!opened && !ended) || (opened && job->provider.params.version == 0))
        return;
    struct log_session *l = calloc(1, sizeof *l);
    if (!l)
        return;
    *l = (struct log_session){
        .device = *stream_mailbox(&job->ends, job->end), .is_open = opened, .time_ms = store_now_ms()};
    if (opened) {
        l->status = job->provider;
        l->provider = job->provider_name;
        l->algorithms = algorithms_json(&job->provider.params);
        l->spdm_version = version_json(&job->provider.params);
        l->secured_version = secured_version_json(job->provider.secured_version);
    }
    store_later(store, run_session, l, release_session);
}

void store_take_lost_session(struct store *store, const struct pcie_bdf *device, const char *code)
{
    struct log_session *l = store ? calloc(1, sizeof *l) : NULL;
    if (!l)
        return;
    *l = (struct log_session){.device = *device, .time_ms = store_now_ms()};
    snprintf(l->lost, sizeof l->lost, "lost: %s", code);
    store_later(store, run_session, l, release_session);
}

static int run_close_sessions(struct store *store, sqlite3 *db, void *argument)
{
    static const char sql[] = "UPDATE session SET closed_ms = :number, cause = 'the controller was gone'"
                              " WHERE closed_ms IS NULL";
    (void)argument;
    return run_number(store, db, sql, (long long)store_now_ms());
}

static void release_nothing(void *argument)
{
    (void)argument;
}

void store_close_sessions(struct store *store)
{
    if (store)
        store_later(store, run_close_sessions, NULL, release_nothing);
}

/* ---- reading ------------------------------------------------------------- */

struct log_query {
    const struct request_log *wish;
    json_t *result;
};

/* The last ones in falling order if there is no cursor. One more than the limit, to know whether there are
 * more. */
static const char *const select_sql[2] = {
#define SELECT(compare, order)                                                                               \
    "SELECT id, time_ms, what, operation, root_port, endpoint, stream, device, step, state, undo, cause, "   \
    "answer,"                                                                                                \
    " asked_by, request FROM entry WHERE id " compare " :cursor AND time_ms >= :since AND time_ms <= :until" \
    " AND (:what IS NULL OR what = :what) AND (:state IS NULL OR state = :state)"                            \
    " AND (:operation IS NULL OR operation = :operation) AND (:cause IS NULL OR cause = :cause)"             \
    " AND (:asked_by IS NULL OR asked_by = :asked_by OR"                                                     \
    " substr(asked_by, 1, length(:asked_by) + 1) = :asked_by || ' ')"                                        \
    " AND (:stream IS NULL OR stream = :stream)"                                                             \
    " AND (:bdf IS NULL OR root_port = :bdf OR endpoint = :bdf OR device = :bdf) ORDER BY id " order         \
    " LIMIT :limit"
    SELECT(">=", "DESC"), SELECT(">", "ASC")
#undef SELECT
};

static void bind_wish(sqlite3_stmt *s, const struct request_log *wish)
{
    bind_number(s, ":cursor", wish->cursor);
    bind_number(s, ":since", wish->since_ms);
    bind_number(s, ":until", wish->until_ms);
    bind_number(s, ":limit", wish->limit + 1);
    const char *const words[][2] = {{":what", wish->what},
                                    {":operation", wish->operation},
                                    {":state", wish->state},
                                    {":cause", wish->cause},
                                    {":asked_by", wish->asked_by}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        bind_text(s, words[i][0], *words[i][1] ? words[i][1] : NULL);
    if (wish->has_stream)
        bind_number(s, ":stream", wish->stream);
    if (wish->has_bdf)
        bind_bdf(s, ":bdf", &wish->bdf);
}

static json_t *text_column(sqlite3_stmt *s, int column)
{
    return sqlite3_column_type(s, column) == SQLITE_NULL ? json_null() : json_string(column_text(s, column));
}

static json_t *json_column(sqlite3_stmt *s, int column)
{
    json_t *value = json_loads(column_text(s, column), JSON_DECODE_ANY, NULL);
    return value ? value : json_null();
}

static json_t *row_json(sqlite3_stmt *s)
{
    static const char *const names[] = {"what",   "operation", "root_port", "endpoint", "stream",
                                        "device", "step",      "state",     "undo",     "cause",
                                        "answer", "asked_by",  "request"};
    json_t *row = json_pack("{s:I, s:I}", "id", (json_int_t)sqlite3_column_int64(s, 0), "time_ms",
                            (json_int_t)sqlite3_column_int64(s, 1));
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        int column = i + 2;
        json_t *value;
        if (strcmp(names[i], "stream") == 0)
            value = sqlite3_column_type(s, column) == SQLITE_NULL
                        ? json_null()
                        : json_integer(sqlite3_column_int64(s, column));
        else if (strcmp(names[i], "undo") == 0)
            value = json_boolean(sqlite3_column_int(s, column));
        else if (strcmp(names[i], "answer") == 0 || strcmp(names[i], "request") == 0)
            value = json_column(s, column);
        else
            value = text_column(s, column);
        json_object_set_new(row, names[i], value);
    }
    return row;
}

static int run_query(struct store *store, sqlite3 *db, void *argument)
{
    struct log_query *q = argument;
    const struct request_log *wish = q->wish;
    bool forward = wish->cursor >= 0, more = false;
    sqlite3_stmt *s = store_statement(store, select_sql[forward]);
    json_t *rows = json_array();
    int rc = s ? SQLITE_ROW : sqlite3_errcode(db);
    if (s)
        bind_wish(s, wish);
    while (s && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        more = (int)json_array_size(rows) == wish->limit;
        if (more) {
            rc = SQLITE_DONE;
            break;
        }
        if (forward)
            json_array_append_new(rows, row_json(s));
        else
            json_array_insert_new(rows, 0, row_json(s));
    }
    json_t *last = json_object_get(json_array_get(rows, json_array_size(rows) - 1), "id");
    json_decref(q->result);
    q->result =
        json_pack("{s:o, s:o, s:b}", "entries", rows, "cursor",
                  last ? json_incref(last) : json_integer(forward ? wish->cursor : 0), "more", (int)more);
    return rc;
}

enum ide_err store_log_read(struct store *store, const struct request_log *wish, json_t **result,
                            struct ide_fault *fault)
{
    struct log_query query = {.wish = wish};
    enum ide_err err = store_do(store, run_query, &query, false, fault);
    *result = query.result;
    if (err != IDE_OK) {
        json_decref(*result);
        *result = NULL;
    }
    return err;
}
