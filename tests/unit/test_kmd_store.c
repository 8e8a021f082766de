/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file: older and newer schemas, damage, a full disk, what is held, the log's bounds, power loss;
 * and no key. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "kmd_rig.h"
#include "suite.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/store_log.h"
#include "tools/ide-kmd/store_hold.h"

static char folder[64], path[128];
static struct store *store;
static struct failure failure;
static struct ide_fault fault;

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/ide-km-store.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/made/state.db", folder);
}

static void drop_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CU_ASSERT_EQUAL(system(command), 0);
}

static enum ide_err open_with(struct store_settings settings)
{
    settings.path = path;
    return store_open(&store, &settings, &failure);
}

static enum ide_err open_store(void)
{
    return open_with((struct store_settings){.log_rows = 1000, .log_days = 1});
}

/* Another connection, as the sqlite3 shell is. */
static long long ask_file(const char *file, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s = NULL;
    long long value = -1;
    if (sqlite3_open(file, &db) == SQLITE_OK && sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return value;
}

static long long ask(const char *sql)
{
    return ask_file(path, sql);
}

static void tell(const char *sql)
{
    sqlite3 *db;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static struct held_stream a_stream(uint8_t id)
{
    struct held_stream held = {.id = id, .state = HELD_STARTING, .asked_by = "uid 0 pid 17"};
    held.features.algorithm = PCIE_IDE_ALG_AES_GCM_256;
    held.features.traffic_class = 3;
    held.features.pcrc = true;
    held.end[END_ROOT_PORT] =
        (struct held_end){.bdf = {.device = 3}, .block = 1, .control_at = 0x120, .control = 0x05000000};
    held.end[END_ENDPOINT] =
        (struct held_end){.bdf = {.bus = 1}, .block = 2, .control_at = 0x140, .control = 0x05000100};
    for (enum stream_end end = 0; end < END_COUNT; end++)
        held.end[end].mailbox = held.end[end].bdf;
    held.top = held.end[END_ROOT_PORT].bdf;
    return held;
}

static const struct stream_ends ends = {
    .bdf = {[END_ENDPOINT] = {.bus = 1}, [END_ROOT_PORT] = {.device = 3}}};

/* Waits for what was handed over without waiting. */
static struct held load(void)
{
    struct held held;
    CHECK_OK(store_load(store, &held, &fault));
    return held;
}

/* ---- opening ------------------------------------------------------------- */

static void a_folder_is_made_for_root_alone(void)
{
    struct stat status;
    char made[80];
    make_folder();
    umask(0077); /* as ide-kmd has it */
    CHECK_OK(open_store());
    snprintf(made, sizeof made, "%s/made", folder);
    CU_ASSERT_EQUAL(stat(made, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0700);
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
    CU_ASSERT_EQUAL(ask("PRAGMA user_version"), STORE_SCHEMA_VERSION);
    store_close(store);
    drop_folder();
}

/* As version 1 made it; never to be changed. */
static const char version_1[] =
    "CREATE TABLE held_stream (root_port TEXT NOT NULL, endpoint TEXT NOT NULL, top TEXT NOT NULL,"
    " stream INTEGER NOT NULL, kind TEXT NOT NULL, features TEXT NOT NULL, state TEXT NOT NULL,"
    " wanted INTEGER NOT NULL, since_ms INTEGER NOT NULL, root_block INTEGER NOT NULL,"
    " root_control_at INTEGER NOT NULL, root_control INTEGER NOT NULL, endpoint_block INTEGER NOT NULL,"
    " endpoint_control_at INTEGER NOT NULL, endpoint_control INTEGER NOT NULL, root_mailbox TEXT,"
    " endpoint_mailbox TEXT, PRIMARY KEY (root_port, endpoint, stream)) STRICT;"
    "CREATE TABLE held_switch_port (port TEXT PRIMARY KEY, since_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE held_slots (root_port TEXT NOT NULL, stream INTEGER NOT NULL, key_set INTEGER NOT NULL,"
    " block INTEGER NOT NULL, rx TEXT NOT NULL, tx TEXT NOT NULL,"
    " PRIMARY KEY (root_port, stream, key_set)) STRICT;"
    "CREATE TABLE entry (id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, what TEXT NOT NULL,"
    " operation TEXT, root_port TEXT, endpoint TEXT, stream INTEGER, device TEXT, step TEXT, state TEXT,"
    " undo INTEGER NOT NULL DEFAULT 0, cause TEXT, answer TEXT) STRICT;"
    "CREATE INDEX entry_time ON entry (time_ms);"
    "INSERT INTO held_stream VALUES ('0000:00:03.0', '0000:01:00.0', '0000:00:03.0', 7, 'selective',"
    " '{\"tc\": 2, \"pcrc\": true}', 'up', 1, 1796060767401, 0, 288, 117440512, 0, 320, 117440512, NULL, "
    "NULL);"
    "INSERT INTO held_slots VALUES ('0000:00:03.0', 7, 1, 3, '0,1,2', '3,4,5');"
    "INSERT INTO entry (time_ms, what, state) VALUES (1796060767401, 'operation', 'done');"
    "PRAGMA user_version = 1;";

static void an_older_schema_is_brought_up_to_date(void)
{
    make_folder();
    snprintf(path, sizeof path, "%s/state.db", folder);
    tell(version_1);
    CHECK_OK(open_store());
    CU_ASSERT_EQUAL(ask("PRAGMA user_version"), STORE_SCHEMA_VERSION);
    struct held held = load();
    CU_ASSERT_EQUAL_FATAL(held.streams, 1);
    CU_ASSERT_EQUAL(held.stream[0].id, 7);
    CU_ASSERT_EQUAL(held.stream[0].state, HELD_UP);
    CU_ASSERT_TRUE(held.stream[0].wanted && held.stream[0].features.pcrc);
    CU_ASSERT_EQUAL(held.stream[0].features.traffic_class, 2);
    CU_ASSERT_STRING_EQUAL(held.stream[0].asked_by, "");
    CU_ASSERT_EQUAL(pcie_bdf_compare(&held.stream[0].end[END_ENDPOINT].mailbox, &ends.bdf[END_ENDPOINT]), 0);
    CU_ASSERT_EQUAL_FATAL(held.slot_sets, 1);
    CU_ASSERT_EQUAL(held.slots[0].slot[IDE_TX][IDE_CPL], 5);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM log WHERE state = 'done'"), 1);
    CU_ASSERT_EQUAL(
        ask("SELECT count(*) FROM streams WHERE wanted = 'yes' AND since_utc = '2026-11-30 17:46:07'"), 1);
    held_release(&held);
    store_close(store);
    drop_folder();
}

static void a_newer_schema_is_refused_and_left_alone(void)
{
    make_folder();
    snprintf(path, sizeof path, "%s/state.db", folder);
    tell("CREATE TABLE later (x); PRAGMA user_version = 3");
    CHECK_ERR(open_with((struct store_settings){.set_aside = true}), IDE_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(failure.message, "is of schema version 3, and this ide-kmd knows up to 2"));
    CU_ASSERT_PTR_NULL(store);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM sqlite_schema"), 1);
    CU_ASSERT_EQUAL(ask("PRAGMA user_version"), 3);
    drop_folder();
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(name, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void a_damaged_file_is_refused_or_set_aside(void)
{
    static char junk[8192];
    char command[256];
    make_folder();
    snprintf(path, sizeof path, "%s/state.db", folder);
    memset(junk, 'x', sizeof junk);
    write_file(path, junk, sizeof junk);
    CHECK_ERR(open_store(), IDE_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(failure.message, "is damaged: file is not a database"));
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    CHECK_OK(open_with((struct store_settings){.set_aside = true}));
    CU_ASSERT_EQUAL(ask("PRAGMA user_version"), STORE_SCHEMA_VERSION);
    store_close(store);
    snprintf(command, sizeof command, "cmp -s %s.damaged-* /dev/stdin", path);
    FILE *other = popen(command, "w"); /* what it was is all there */
    fwrite(junk, 1, sizeof junk, other);
    CU_ASSERT_EQUAL(pclose(other), 0);
    drop_folder();
}

static void pages_that_are_damaged_are_found_at_the_start(void)
{
    make_folder();
    CHECK_OK(open_store());
    store_close(store);
    int fd = open(path, O_WRONLY);
    static const char zeros[4096];
    CU_ASSERT_EQUAL(pwrite(fd, zeros, sizeof zeros, 4096), (ssize_t)sizeof zeros);
    close(fd);
    CHECK_ERR(open_store(), IDE_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(failure.message, "is damaged"));
    drop_folder();
}

static void two_controllers_do_not_share_a_file(void)
{
    make_folder();
    CHECK_OK(open_store());
    struct store *first = store;
    CHECK_ERR(open_store(), IDE_E_BUSY);
    CU_ASSERT_PTR_NULL(store);
    store_close(first);
    CHECK_OK(open_store());
    store_close(store);
    drop_folder();
}

static void a_file_that_cannot_be_made_is_an_error(void)
{
    make_folder();
    snprintf(path, sizeof path, "%s/not/there/state.db", folder);
    CHECK_ERR(open_store(), IDE_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(failure.message, "not/there: No such file or directory"));
    snprintf(path, sizeof path, "%s", folder); /* a folder */
    CHECK_ERR(open_store(), IDE_E_STORE);
    drop_folder();
}

/* ---- a full disk --------------------------------------------------------- */

static void limit_files(rlim_t size)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = size;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void log_something(const char *state)
{
    json_t *event = json_pack("{s:s, s:s}", "event", "stream", "state", state);
    store_take_event(store, event);
    json_decref(event);
}

static void a_full_disk_keeps_what_is_held_from_beginning(void)
{
    struct held_stream held = a_stream(5);
    make_folder();
    signal(SIGXFSZ, SIG_IGN);
    CHECK_OK(open_store());
    limit_files(1024);
    CHECK_ERR(store_hold_stream(store, &held, &fault), IDE_E_STORE);
    CU_ASSERT_STRING_EQUAL(fault.step, "state file");
    log_something("lost");
    log_something("lost");
    CHECK_ERR(store_hold_stream(store, &held, &fault), IDE_E_STORE);
    limit_files(RLIM_INFINITY);
    /* and as soon as there is room again */
    CHECK_OK(store_hold_stream(store, &held, &fault));
    log_something("kept");
    struct held now = load();
    CU_ASSERT_EQUAL(now.streams, 1);
    held_release(&now);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM log WHERE state = 'kept'"), 1);
    CU_ASSERT_EQUAL(
        ask("SELECT count(*) FROM log WHERE what = 'gap' AND message = '2 entries could not be written'"), 1);
    store_close(store);
    drop_folder();
}

/* ---- what is held -------------------------------------------------------- */

static void expect(size_t streams, enum held_state state, bool wanted)
{
    struct held held = load();
    CU_ASSERT_EQUAL(held.streams, streams);
    if (streams == 1 && held.streams == 1) {
        CU_ASSERT_EQUAL(held.stream[0].state, state);
        CU_ASSERT_EQUAL(held.stream[0].wanted, wanted);
    }
    held_release(&held);
}

static void what_is_wanted_stays_and_what_is_not_goes(void)
{
    struct held_stream held = a_stream(5);
    make_folder();
    CHECK_OK(open_store());
    CHECK_OK(store_hold_stream(store, &held, &fault));
    expect(1, HELD_STARTING, false);
    store_let_go(store, &ends, 5); /* it did not come up */
    expect(0, 0, false);
    CHECK_OK(store_hold_stream(store, &held, &fault));
    CHECK_OK(store_set_stream(store, &ends, 5, HELD_UP, HELD_WANTED, &fault));
    expect(1, HELD_UP, true);
    CHECK_OK(store_set_stream(store, &ends, 5, HELD_STOPPING, HELD_AS_WAS, &fault));
    store_let_go(store, &ends, 5); /* turned off to be established anew */
    expect(1, HELD_NOTHING, true);
    CHECK_OK(store_hold_stream(store, &held, &fault));
    expect(1, HELD_STARTING, true);
    CHECK_OK(store_set_stream(store, &ends, 5, HELD_STOPPING, HELD_NOT_WANTED, &fault));
    store_let_go(store, &ends, 5);
    expect(0, 0, false);
    store_close(store);
    drop_folder();
}

static void all_of_a_stream_comes_back(void)
{
    struct held_stream held = a_stream(5);
    struct held_slots slots = {
        .root_port = held.top, .id = 5, .key_set = 1, .block = 3, .slot = {{0, 1, 2}, {9, 8, 7}}};
    make_folder();
    CHECK_OK(open_store());
    CHECK_OK(store_hold_stream(store, &held, &fault));
    CHECK_OK(store_hold_switch_port(store, &held.top, &fault));
    CHECK_OK(store_hold_slots(store, &slots, &fault));
    store_close(store);
    CHECK_OK(open_store());
    struct held now = load();
    CU_ASSERT_EQUAL_FATAL(now.streams, 1);
    const struct held_stream *got = &now.stream[0];
    CU_ASSERT_EQUAL(memcmp(&got->features, &held.features, sizeof held.features), 0);
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        CU_ASSERT_EQUAL(got->end[end].block, held.end[end].block);
        CU_ASSERT_EQUAL(got->end[end].control_at, held.end[end].control_at);
        CU_ASSERT_EQUAL(got->end[end].control, held.end[end].control);
        CU_ASSERT_EQUAL(pcie_bdf_compare(&got->end[end].bdf, &held.end[end].bdf), 0);
    }
    CU_ASSERT_STRING_EQUAL(got->asked_by, "uid 0 pid 17");
    CU_ASSERT_EQUAL(now.switch_ports, 1);
    CU_ASSERT_EQUAL_FATAL(now.slot_sets, 1);
    CU_ASSERT_EQUAL(memcmp(now.slots[0].slot, slots.slot, sizeof slots.slot), 0);
    held_release(&now);
    store_close(store);
    drop_folder();
}

/* Whoever is root may write into the file: nothing of it ends up as an offset or index that is none. */
static void rows_that_make_no_sense_are_passed_over(void)
{
    static const char *const wrong[] = {"root_port = 'x'",
                                        "endpoint = ''",
                                        "root_block = 256",
                                        "endpoint_block = -2",
                                        "endpoint_control_at = 4096",
                                        "endpoint_control_at = 3",
                                        "endpoint_control = 4294967296",
                                        "stream = 255",
                                        "state = 'odd'",
                                        "wanted = 2",
                                        "features = '[]'",
                                        "features = '{\"tc\": 8}'",
                                        "top = '1'"};
    struct held_stream held = a_stream(5);
    make_folder();
    log_set_priority(LOG_CRIT);
    CHECK_OK(open_store());
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char sql[160];
        CHECK_OK(store_hold_stream(store, &held, &fault));
        snprintf(sql, sizeof sql, "UPDATE held_stream SET %s", wrong[i]);
        tell(sql);
        expect(0, 0, false);
        tell("DELETE FROM held_stream");
    }
    log_set_priority(LOG_INFO);
    store_close(store);
    drop_folder();
}

static void slots_that_make_no_sense_are_passed_over(void)
{
    static const char *const wrong[] = {"rx = '1,2'",    "rx = '1,2,3,4'", "tx = '1,2,1024'", "tx = '-1,2,3'",
                                        "tx = 'a,b,c'", "block = 256",    "key_set = 2"};
    const struct held_slots slots = {.id = 5, .key_set = 1, .block = 3, .slot = {{0, 1, 2}, {9, 8, 7}}};
    make_folder();
    log_set_priority(LOG_CRIT);
    CHECK_OK(open_store());
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char sql[160];
        CHECK_OK(store_hold_slots(store, &slots, &fault));
        snprintf(sql, sizeof sql, "UPDATE held_slots SET %s", wrong[i]);
        tell(sql);
        struct held held = load();
        CU_ASSERT_EQUAL(held.slot_sets, 0);
        held_release(&held);
        tell("DELETE FROM held_slots");
    }
    log_set_priority(LOG_INFO);
    store_close(store);
    drop_folder();
}

static struct held take_kept(const struct keeper_item *item)
{
    store_take_kept(store, item);
    return load();
}

/* What the keeper leaves off, and no longer. */
static void what_is_left_off_comes_back_so(void)
{
    struct keeper_item item = {.source = KEEPER_BY_CONFIG, .state = KEEPER_STOPPED};
    item.config.key = (struct keeper_key){
        .root_port = ends.bdf[END_ROOT_PORT], .endpoint = ends.bdf[END_ENDPOINT], .traffic_class = 3};
    item.config.features.traffic_class = 3;
    item.config.features.algorithm = PCIE_IDE_ALG_AES_GCM_256;
    make_folder();
    CHECK_OK(open_store());
    struct held held = take_kept(&item);
    CU_ASSERT_EQUAL_FATAL(held.kept_off, 1);
    CU_ASSERT_EQUAL(held.kept[0].state, KEEPER_STOPPED);
    CU_ASSERT_EQUAL(held.kept[0].source, KEEPER_BY_CONFIG);
    CU_ASSERT_EQUAL(held.kept[0].want.key.traffic_class, 3);
    CU_ASSERT_FALSE(held.kept[0].want.has_stream);
    held_release(&held);
    item.state = KEEPER_QUARANTINED;
    held = take_kept(&item);
    CU_ASSERT_EQUAL_FATAL(held.kept_off, 1);
    CU_ASSERT_EQUAL(held.kept[0].state, KEEPER_QUARANTINED);
    held_release(&held);
    item.state = KEEPER_STARTING;
    held = take_kept(&item);
    CU_ASSERT_EQUAL(held.kept_off, 0);
    held_release(&held);
    store_close(store);
    drop_folder();
}

/* ---- the log ------------------------------------------------------------- */

static void the_log_keeps_its_bound(void)
{
    make_folder();
    CHECK_OK(open_with((struct store_settings){.log_rows = 300}));
    for (unsigned i = 0; i < 1024; i++)
        log_something("up");
    struct held held = load();
    held_release(&held);
    long long rows = ask("SELECT count(*) FROM entry");
    CU_ASSERT_TRUE(rows >= 300 && rows < 300 + 256);
    store_close(store);
    CHECK_OK(open_with((struct store_settings){.log_days = 2}));
    tell("UPDATE entry SET time_ms = time_ms - 3 * 86400000 WHERE id <= 1000");
    for (unsigned i = 0; i < 256; i++)
        log_something("up");
    held = load();
    held_release(&held);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM entry WHERE id <= 1000"), 0);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM entry"), 24 + 256);
    store_close(store);
    drop_folder();
}

static json_t *read_log(struct request_log wish)
{
    json_t *result = NULL;
    CHECK_OK(store_log_read(store, &wish, &result, &fault));
    CU_ASSERT_PTR_NOT_NULL_FATAL(result);
    return result;
}

static long long id_at(const json_t *result, size_t index)
{
    return json_integer_value(
        json_object_get(json_array_get(json_object_get(result, "entries"), index), "id"));
}

static void the_log_is_read_in_pages(void)
{
    struct request_log wish = {.until_ms = INT64_MAX, .cursor = -1, .limit = 4};
    make_folder();
    CHECK_OK(open_store());
    for (unsigned i = 0; i < 10; i++)
        log_something(i % 2 ? "secure" : "off");
    json_t *result = read_log(wish); /* the last ones, in order */
    CU_ASSERT_EQUAL(id_at(result, 0), 7);
    CU_ASSERT_EQUAL(id_at(result, 3), 10);
    CU_ASSERT_TRUE(json_is_true(json_object_get(result, "more")));
    json_decref(result);
    wish.cursor = 0;
    unsigned pages = 0;
    for (bool more = true; more; pages++) {
        result = read_log(wish);
        CU_ASSERT_EQUAL(id_at(result, 0), wish.cursor + 1);
        wish.cursor = json_integer_value(json_object_get(result, "cursor"));
        more = json_is_true(json_object_get(result, "more"));
        json_decref(result);
    }
    CU_ASSERT_EQUAL(pages, 3);
    CU_ASSERT_EQUAL(wish.cursor, 10);
    wish = (struct request_log){.until_ms = INT64_MAX, .cursor = 0, .limit = 100, .state = "secure"};
    result = read_log(wish);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(result, "entries")), 5);
    json_decref(result);
    store_close(store);
    drop_folder();
}

/* ---- power loss ---------------------------------------------------------- */

/* The file and the first bytes of its log, as a disk may have them; opened as the next start does. -1: it is
 * damaged. */
static long long streams_after_loss(const char *wal, size_t kept)
{
    char command[512], copy[128], before[128];
    struct held held;
    long long streams = -1;
    snprintf(copy, sizeof copy, "%s/lost/state.db", folder);
    snprintf(command, sizeof command, "rm -rf %s/lost && mkdir %s/lost && cp %s %s && head -c %zu %s >%s-wal",
             folder, folder, path, copy, kept, wal, copy);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    memcpy(before, path, sizeof before);
    memcpy(path, copy, sizeof copy < sizeof path ? sizeof copy : sizeof path);
    struct store *running = store;
    CHECK_OK(open_store());
    if (store && store_load(store, &held, &fault) == IDE_OK) {
        streams = (long long)held.streams;
        held_release(&held);
    }
    store_close(store);
    store = running;
    memcpy(path, before, sizeof before);
    return streams;
}

/* What was committed is there wherever the write-ahead log is cut off behind it, and nothing is there by
 * half. */
static void power_may_fail_at_any_byte(void)
{
    char wal[160];
    struct stat status;
    long committed[6] = {0};
    make_folder();
    CHECK_OK(open_store());
    snprintf(wal, sizeof wal, "%s-wal", path);
    for (uint8_t id = 0; id < 5; id++) {
        struct held_stream held = a_stream(id);
        CHECK_OK(store_hold_stream(store, &held, &fault));
        CU_ASSERT_EQUAL_FATAL(stat(wal, &status), 0);
        committed[id + 1] = (long)status.st_size;
    }
    CU_ASSERT_EQUAL(streams_after_loss(wal, (size_t)committed[5]), 5);
    for (unsigned id = 1; id <= 5; id++) {
        long size = committed[id] - (id > 1 ? committed[id - 1] : 0);
        CU_ASSERT_TRUE_FATAL(size > 0);
        CU_ASSERT_EQUAL(streams_after_loss(wal, (size_t)committed[id]), id);
        CU_ASSERT_EQUAL(streams_after_loss(wal, (size_t)committed[id] - 1), id - 1);
        CU_ASSERT_EQUAL(streams_after_loss(wal, (size_t)(committed[id] - size / 2)), id - 1);
    }
    store_close(store);
    drop_folder();
}

/* ---- secrets ------------------------------------------------------------- */

#define KEYS_MAX 256
static uint8_t known[KEYS_MAX][IDE_KEY_SIZE];
static size_t known_count;

static void learn_keys(const struct emu_function *f)
{
    for (size_t i = 0; i < f->ide.count; i++)
        for (unsigned n = 0; n < IDE_KEY_SETS * IDE_DIRECTIONS * IDE_SUBSTREAMS; n++) {
            const struct ide_key_slot *slot = &f->ide.streams[i].key[n / 6][n / 3 % 2][n % 3];
            if (slot->programmed && known_count < KEYS_MAX)
                memcpy(known[known_count++], slot->key.key, IDE_KEY_SIZE);
        }
}

static void learn_all_keys(void)
{
    emu_lock(&rig.emu);
    for (size_t i = 0; i < rig.emu.count; i++)
        learn_keys(&rig.emu.functions[i]);
    emu_unlock(&rig.emu);
}

static char *read_file(const char *name, size_t *size)
{
    static char bytes[8 << 20];
    FILE *file = fopen(name, "r");
    *size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    return bytes;
}

static void hex_of(const uint8_t *key, char *text)
{
    for (unsigned i = 0; i < IDE_KEY_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", key[i]);
}

static void expect_no_key_in(const char *name)
{
    size_t size;
    char *bytes = read_file(name, &size), text[2 * IDE_KEY_SIZE + 1];
    CU_ASSERT_TRUE(size > 4096);
    for (size_t i = 0; i < known_count; i++) {
        hex_of(known[i], text);
        CU_ASSERT_PTR_NULL(memmem(bytes, size, known[i], IDE_KEY_SIZE / 2));
        CU_ASSERT_PTR_NULL(memmem(bytes, size, known[i] + IDE_KEY_SIZE / 2, IDE_KEY_SIZE / 2));
        CU_ASSERT_PTR_NULL(memmem(bytes, size, text, IDE_KEY_SIZE));
    }
}

static void no_key_is_in_the_files(void)
{
    char error[512] = "", wal[160];
    const enum provider_choice choices[] = {PROVIDER_DOE, PROVIDER_KCU};
    make_folder();
    CHECK_OK(open_store());
    CU_ASSERT_TRUE_FATAL(rig_open(2, choices, error, sizeof error));
    rig.settings.store = rig.providers.store = rig.flow.store = store;
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(rig_run(&rig.stream[i], OPERATION_ESTABLISH));
        learn_all_keys();
        CU_ASSERT_TRUE(rig_run(&rig.stream[i], OPERATION_REKEY));
        learn_all_keys();
    }
    CU_ASSERT_TRUE(known_count >= 4 * 6 * 2);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM streams WHERE state = 'up' AND wanted = 'yes'"), 2);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM key_slots"), 1); /* the old set's are erased and free */
    snprintf(wal, sizeof wal, "%s-wal", path);
    expect_no_key_in(wal);
    for (unsigned i = 0; i < 2; i++)
        CU_ASSERT_TRUE(rig_run(&rig.stream[i], OPERATION_STOP));
    struct held held = load();
    CU_ASSERT_EQUAL(held.slot_sets, 0);
    held_release(&held);
    rig_close();
    store_close(store); /* which brings the log into the file */
    expect_no_key_in(path);
    drop_folder();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_folder_is_made_for_root_alone),
        TEST(an_older_schema_is_brought_up_to_date),
        TEST(a_newer_schema_is_refused_and_left_alone),
        TEST(a_damaged_file_is_refused_or_set_aside),
        TEST(pages_that_are_damaged_are_found_at_the_start),
        TEST(two_controllers_do_not_share_a_file),
        TEST(a_file_that_cannot_be_made_is_an_error),
        TEST(a_full_disk_keeps_what_is_held_from_beginning),
        TEST(what_is_wanted_stays_and_what_is_not_goes),
        TEST(all_of_a_stream_comes_back),
        TEST(rows_that_make_no_sense_are_passed_over),
        TEST(slots_that_make_no_sense_are_passed_over),
        TEST(what_is_left_off_comes_back_so),
        TEST(the_log_keeps_its_bound),
        TEST(the_log_is_read_in_pages),
        TEST(power_may_fail_at_any_byte),
        TEST(no_key_is_in_the_files),
        CU_TEST_INFO_NULL,
    };
    return suite_run("state file", tests);
}
