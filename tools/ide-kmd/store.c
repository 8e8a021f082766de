/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/store.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/ide-kmd/kill_switch.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/places.h"
#include "tools/ide-kmd/store_schema.h"

#define STEP           "state"
#define PATH_CAP       1024
#define LOCK           ".lock" /* what the name of the file that is locked has behind it */
#define URI_CAP        ((size_t)3 * PATH_CAP + 32)
#define STATEMENTS_MAX 64
#define BUSY_MS        5000 /* for a person's shell that writes; readers keep nobody waiting */

struct entry {
    struct entry *next;
    store_work *work;
    void *argument;
    void (*release)(void *argument); /* NULL: somebody waits */
    bool durable, done;
    int result;
};

struct store {
    struct store_settings settings;
    int lock_file; /* -1: memory only */
    sqlite3 *db;
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } prepared[STATEMENTS_MAX];
    size_t prepared_count;
    bool is_full_sync;
    char why[STORE_WHY_MAX]; /* it could not be brought up to date; empty: it could */
    uint64_t lost, told; /* entries of the log */

    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more, done;
    struct entry *first, **last;
    bool closing;
};

uint64_t store_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const struct store_settings *store_settings_of(const struct store *store)
{
    return &store->settings;
}

/* In the store's thread, as what changes it is. It is told once the transaction that tells it has been
 * committed. */
uint64_t store_lost(struct store *store)
{
    uint64_t untold = store->lost - store->told;
    store->told = store->lost;
    return untold;
}

/* ---- transactions -------------------------------------------------------- */

sqlite3_stmt *store_statement(struct store *store, const char *sql)
{
    for (size_t i = 0; i < store->prepared_count; i++)
        if (store->prepared[i].sql == sql) {
            sqlite3_reset(store->prepared[i].statement);
            sqlite3_clear_bindings(store->prepared[i].statement);
            return store->prepared[i].statement;
        }
    sqlite3_stmt *statement = NULL;
    if (store->prepared_count == STATEMENTS_MAX ||
        sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
        return NULL;
    store->prepared[store->prepared_count].sql = sql;
    store->prepared[store->prepared_count++].statement = statement;
    return statement;
}

/* A statement that was left in the middle would keep the transaction open. */
static void reset_statements(struct store *store)
{
    for (size_t i = 0; i < store->prepared_count; i++)
        sqlite3_reset(store->prepared[i].statement);
}

static int run_sql(struct store *store, const char *sql)
{
    sqlite3_stmt *statement = store_statement(store, sql);
    int rc = statement ? sqlite3_step(statement) : sqlite3_errcode(store->db);
    if (statement)
        sqlite3_reset(statement);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static bool is_good(int rc)
{
    return rc == SQLITE_OK || rc == SQLITE_DONE;
}

/* FULL: the commit waits for the disk. NORMAL: it may be lost with the power, and nothing but it. */
static int set_sync(struct store *store, bool full)
{
    if (store->lock_file < 0 || store->is_full_sync == full)
        return SQLITE_OK;
    int rc = run_sql(store, full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    store->is_full_sync = full;
    return rc;
}

/* The entries from first to before end, in one transaction: all of them or none. */
static int transact(struct store *store, struct entry *first, const struct entry *end, bool durable)
{
    uint64_t told = store->told;
    int rc = set_sync(store, durable);
    if (rc == SQLITE_OK)
        rc = run_sql(store, "BEGIN IMMEDIATE");
    for (struct entry *e = first; e != end && is_good(rc); e = e->next)
        rc = e->work(store, store->db, e->argument);
    reset_statements(store);
    if (durable)
        kill_point("before a commit");
    if (is_good(rc))
        rc = run_sql(store, "COMMIT");
    if (durable)
        kill_point("after a commit");
    if (!is_good(rc) && !sqlite3_get_autocommit(store->db))
        (void)run_sql(store, "ROLLBACK");
    if (is_good(rc))
        return SQLITE_OK;
    store->told = told;
    return rc;
}

static void say_lost(struct store *store, int rc)
{
    if (store->lost++ == 0)
        log_say(LOG_ERR, LOG_PLAIN,
                "the state file %s cannot be written, and the log has a gap from here: %s",
                store->settings.path ? store->settings.path : "in memory", sqlite3_errstr(rc));
}

/* ---- the thread ---------------------------------------------------------- */

static void run_batch(struct store *store, struct entry *first)
{
    bool durable = false;
    for (const struct entry *e = first; e; e = e->next)
        durable |= e->durable;
    int rc = transact(store, first, NULL, durable);
    for (struct entry *e = first; e; e = e->next) {
        bool alone = !first->next;
        e->result = rc == SQLITE_OK || alone ? rc : transact(store, e, e->next, e->durable);
    }
}

/* Lock held. */
static void give_back(struct store *store, struct entry *first)
{
    while (first) {
        struct entry *e = first;
        first = e->next; /* the entry is gone once it is done */
        if (!e->release) {
            e->done = true;
            continue;
        }
        if (e->result != SQLITE_OK)
            say_lost(store, e->result);
        e->release(e->argument);
        free(e);
    }
    pthread_cond_broadcast(&store->done);
}

static void *serve(void *argument)
{
    struct store *store = argument;
    pthread_mutex_lock(&store->lock);
    for (;;) {
        while (!store->first && !store->closing)
            pthread_cond_wait(&store->more, &store->lock);
        struct entry *batch = store->first;
        if (!batch)
            break;
        store->first = NULL;
        store->last = &store->first;
        pthread_mutex_unlock(&store->lock);
        run_batch(store, batch);
        pthread_mutex_lock(&store->lock);
        give_back(store, batch);
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

/* Lock held. */
static void append(struct store *store, struct entry *entry)
{
    *store->last = entry;
    store->last = &entry->next;
    pthread_cond_signal(&store->more);
}

enum ide_err store_do(struct store *store, store_work *work, void *argument, bool durable,
                      struct ide_fault *fault)
{
    struct entry entry = {.work = work, .argument = argument, .durable = durable};
    pthread_mutex_lock(&store->lock);
    append(store, &entry);
    while (!entry.done)
        pthread_cond_wait(&store->done, &store->lock);
    pthread_mutex_unlock(&store->lock);
    if (entry.result == SQLITE_OK)
        return IDE_OK;
    return ide_fail(fault, IDE_E_STORE, "state file", sqlite3_errstr(entry.result));
}

static void hand_over(struct store *store, store_work *work, void *argument, void (*release)(void *argument),
                      bool durable)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry) {
        release(argument);
        return;
    }
    *entry = (struct entry){.work = work, .argument = argument, .release = release, .durable = durable};
    pthread_mutex_lock(&store->lock);
    append(store, entry);
    pthread_mutex_unlock(&store->lock);
}

void store_later(struct store *store, store_work *work, void *argument, void (*release)(void *argument))
{
    hand_over(store, work, argument, release, false);
}

void store_soon(struct store *store, store_work *work, void *argument, void (*release)(void *argument))
{
    hand_over(store, work, argument, release, true);
}

/* ---- opening ------------------------------------------------------------- */

static enum ide_err file_failed(const char *path, struct failure *failure)
{
    return failure_set(failure, IDE_E_STORE, STEP, "state", "%s: %s", path, strerror(errno));
}

/* The last folder of the path; those above it are the operator's. */
static enum ide_err make_folder(const char *path, struct failure *failure)
{
    char text[PATH_CAP];
    snprintf(text, sizeof text, "%s", path);
    const char *folder = dirname(text);
    return mkdir(folder, 0700) == 0 || errno == EEXIST ? IDE_OK : file_failed(folder, failure);
}

/* Where SQLite, and a name for a damaged file, put something behind it. */
static bool is_short_enough(const char *path)
{
    return strlen(path) + strlen(LOCK) < PATH_CAP - 64;
}

static enum ide_err path_too_long(const char *path, struct failure *failure)
{
    return failure_set(failure, IDE_E_STORE, STEP, "state", "the path is too long: %.120s", path);
}

/* Two controllers on one file would each take the other's streams for what a dead one left. */
static enum ide_err take_lock(struct store *store, struct failure *failure)
{
    char name[PATH_CAP];
    if (!is_short_enough(store->settings.path))
        return path_too_long(store->settings.path, failure);
    snprintf(name, sizeof name, "%s" LOCK, store->settings.path);
    enum ide_err err = make_folder(store->settings.path, failure);
    if (err != IDE_OK)
        return err;
    store->lock_file = open(name, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_file < 0)
        return file_failed(name, failure);
    if (flock(store->lock_file, LOCK_EX | LOCK_NB) == 0)
        return IDE_OK;
    return failure_set(failure, IDE_E_BUSY, STEP, "state", "another ide-kmd has the state file %s",
                       store->settings.path);
}

static bool is_damage(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

/* All pages and what they say of each other. The file is small: the log has a bound. */
static int check(sqlite3 *db)
{
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW)
        rc = strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
    sqlite3_finalize(statement);
    return rc;
}

/* That it can be written shows here, and not with the first stream. */
static int probe(sqlite3 *db)
{
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE; CREATE TABLE probe (x); DROP TABLE probe; COMMIT", NULL, NULL,
                          NULL);
    if (rc != SQLITE_OK)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

static int open_file(struct store *store, int *version)
{
    bool memory = store->lock_file < 0;
    int rc = sqlite3_open_v2(memory ? ":memory:" : store->settings.path, &store->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    store->is_full_sync = true;
    if (!memory)
        rc =
            sqlite3_exec(store->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = check(store->db);
    if (rc == SQLITE_OK)
        rc = store_schema_migrate(store->db, version, store->why);
    return rc == SQLITE_OK && !memory ? probe(store->db) : rc;
}

static void close_file(struct store *store)
{
    for (size_t i = 0; i < store->prepared_count; i++)
        sqlite3_finalize(store->prepared[i].statement);
    store->prepared_count = 0;
    sqlite3_close(store->db);
    store->db = NULL;
}

/* The file and what SQLite has beside it, under a name with the time. */
static bool set_aside(const char *path)
{
    static const char *const parts[] = {"", "-wal", "-shm"};
    char from[PATH_CAP], to[PATH_CAP + 64];
    long long now = (long long)(store_now_ms() / 1000);
    bool ok = true;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(from, sizeof from, "%s%s", path, parts[i]);
        snprintf(to, sizeof to, "%s.damaged-%lld%s", path, now, parts[i]);
        ok &= rename(from, to) == 0 || (i > 0 && errno == ENOENT);
    }
    if (ok)
        log_say(LOG_ERR, LOG_PLAIN,
                "the state file was damaged; it is %s.damaged-%lld now, and a new one is begun", path, now);
    return ok;
}

static enum ide_err open_failed(const char *path, int rc, int version, struct failure *failure)
{
    if (rc == SQLITE_MISMATCH)
        return failure_set(failure, IDE_E_STORE, STEP, "state",
                           "%s is of schema version %d, and this ide-kmd knows up to %d", path, version,
                           STORE_SCHEMA_VERSION);
    if (is_damage(rc))
        return failure_set(failure, IDE_E_STORE, STEP, "state", "%s is damaged: %s", path,
                           sqlite3_errstr(rc));
    return failure_set(failure, IDE_E_STORE, STEP, "state", "%s cannot be used: %s", path,
                       sqlite3_errstr(rc));
}

static enum ide_err open_or_set_aside(struct store *store, struct failure *failure)
{
    int version = 0, rc = open_file(store, &version);
    if (is_damage(rc) && store->settings.set_aside && store->settings.path) {
        close_file(store);
        if (!set_aside(store->settings.path))
            return file_failed(store->settings.path, failure);
        rc = open_file(store, &version);
    }
    const char *path = store->settings.path ? store->settings.path : "(in memory)";
    if (rc != SQLITE_OK && !is_damage(rc) && *store->why)
        return failure_set(failure, IDE_E_STORE, STEP, "state",
                           "%s is of schema version %d, and cannot be brought to %d: %s", path, version,
                           STORE_SCHEMA_VERSION, store->why);
    return rc == SQLITE_OK ? IDE_OK : open_failed(path, rc, version, failure);
}

/* ---- without opening it to write ------------------------------------------ */

static int take_version(void *version, int columns, char **text, char **names)
{
    (void)columns;
    (void)names;
    *(int *)version = (int)strtol(text[0], NULL, 10);
    return 0;
}

/* SQLite makes files beside one that it reads, too; not if it is told that nobody writes, as where there are
 * none. */
static void make_uri(const char *path, char uri[static URI_CAP])
{
    char wal[PATH_CAP];
    size_t len = (size_t)snprintf(uri, URI_CAP, "file:");
    for (const char *c = path; *c; c++)
        len += (size_t)snprintf(uri + len, URI_CAP - len,
                                isalnum((unsigned char)*c) || *c == '/' ? "%c" : "%%%02X", (unsigned char)*c);
    snprintf(wal, sizeof wal, "%s-wal", path);
    if (access(wal, F_OK) != 0)
        snprintf(uri + len, URI_CAP - len, "?immutable=1");
}

/* What open_file() would make of the file as it is. */
static int look_into(const char *path, int *version)
{
    char uri[URI_CAP];
    sqlite3 *db = NULL;
    make_uri(path, uri);
    int rc = sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(db, BUSY_MS);
        rc = check(db);
    }
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "PRAGMA user_version", take_version, version, NULL);
    if (rc == SQLITE_OK && (*version > STORE_SCHEMA_VERSION || *version < 0))
        rc = SQLITE_MISMATCH;
    sqlite3_close(db);
    return rc;
}

enum ide_err store_check(const struct store_settings *settings, bool content, struct failure *failure)
{
    char lock[PATH_CAP];
    int version = 0;
    if (!settings->path)
        return IDE_OK;
    if (!is_short_enough(settings->path))
        return path_too_long(settings->path, failure);
    errno = place_why_no_file(settings->path, true);
    if (errno)
        return file_failed(settings->path, failure);
    snprintf(lock, sizeof lock, "%s" LOCK, settings->path);
    errno = place_why_no_file(lock, true);
    if (errno)
        return file_failed(lock, failure);
    if (!content || access(settings->path, F_OK) != 0)
        return IDE_OK;
    int rc = look_into(settings->path, &version);
    if (rc == SQLITE_OK || (is_damage(rc) && settings->set_aside))
        return IDE_OK;
    return open_failed(settings->path, rc, version, failure);
}

/* ---- threads -------------------------------------------------------------- */

static enum ide_err start_thread(struct store *store, struct failure *failure)
{
    int rc = pthread_create(&store->thread, NULL, serve, store);
    store->has_thread = rc == 0;
    return rc == 0 ? IDE_OK : failure_set(failure, IDE_E_MEMORY, STEP, NULL, "no thread: %s", strerror(rc));
}

enum ide_err store_open(struct store **out, const struct store_settings *settings, struct failure *failure)
{
    struct store *store = calloc(1, sizeof *store);
    *out = NULL;
    if (!store)
        return failure_set(failure, IDE_E_MEMORY, STEP, NULL, "out of memory");
    store->settings = *settings;
    store->lock_file = -1;
    store->last = &store->first;
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->more, NULL);
    pthread_cond_init(&store->done, NULL);
    enum ide_err err = settings->path ? take_lock(store, failure) : IDE_OK;
    if (err == IDE_OK)
        err = open_or_set_aside(store, failure);
    if (err == IDE_OK)
        err = start_thread(store, failure);
    if (err == IDE_OK)
        *out = store;
    else
        store_close(store);
    return err;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    pthread_mutex_lock(&store->lock);
    store->closing = true;
    pthread_cond_signal(&store->more);
    pthread_mutex_unlock(&store->lock);
    if (store->has_thread)
        pthread_join(store->thread, NULL);
    close_file(store);
    if (store->lock_file >= 0)
        close(store->lock_file);
    pthread_cond_destroy(&store->done);
    pthread_cond_destroy(&store->more);
    pthread_mutex_destroy(&store->lock);
    free(store);
}
