/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store_rig.h"

#include <sqlite3.h>
#include <stdlib.h>

char folder[64], path[128];
struct store *store;
struct failure failure;
struct ide_fault fault;

void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/ide-km-store.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/made/state.db", folder);
}

void drop_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CU_ASSERT_EQUAL(system(command), 0);
}

enum ide_err open_with(struct store_settings settings)
{
    settings.path = path;
    return store_open(&store, &settings, &failure);
}

enum ide_err open_store(void)
{
    return open_with((struct store_settings){.log_rows = 1000, .log_days = 1});
}

long long ask(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s = NULL;
    long long value = -1;
    if (sqlite3_open(path, &db) == SQLITE_OK && sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return value;
}

void tell(const char *sql)
{
    sqlite3 *db;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

struct held_stream a_stream(uint8_t id)
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

const struct stream_ends ends = {.bdf = {[END_ENDPOINT] = {.bus = 1}, [END_ROOT_PORT] = {.device = 3}}};

struct held load(void)
{
    struct held held;
    CHECK_OK(store_load(store, &held, &fault));
    return held;
}

void log_something(const char *state)
{
    json_t *event = json_pack("{s:s, s:s}", "event", "stream", "state", state);
    store_take_event(store, event);
    json_decref(event);
}
