/* SPDX-License-Identifier: GPL-2.0-or-later */
/* State files of other schemas: each older one is brought up to date with all that is in it, or left as it
 * was. */
#include <stdlib.h>

#include "store_rig.h"
#include "suite.h"
#include "tools/ide-kmd/keeper.h"
#include "tools/ide-kmd/store_gate.h"

/* ---- as each version made it; never to be changed -------------------------- */

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
    "CREATE INDEX entry_time ON entry (time_ms);";

/* What a file has of its own in each version. */
static const char rows_1[] =
    "INSERT INTO held_stream VALUES ('0000:00:03.0', '0000:01:00.0', '0000:00:03.0', 7, 'selective',"
    " '{\"tc\": 2, \"pcrc\": true}', 'up', 1, 1796060767401, 0, 288, 117440512, 0, 320, 117440512, NULL, "
    "NULL);"
    "INSERT INTO held_slots VALUES ('0000:00:03.0', 7, 1, 3, '0,1,2', '3,4,5');"
    "INSERT INTO entry (time_ms, what, state) VALUES (1796060767401, 'operation', 'done');";

static const char to_version_2[] =
    "ALTER TABLE held_stream ADD COLUMN asked_by TEXT;"
    "ALTER TABLE held_stream ADD COLUMN source TEXT NOT NULL DEFAULT 'client';"
    "CREATE TABLE kept_off (root_port TEXT NOT NULL, endpoint TEXT NOT NULL, kind TEXT NOT NULL, tc INTEGER "
    "NOT NULL,"
    " features TEXT NOT NULL, stream INTEGER, source TEXT NOT NULL, state TEXT NOT NULL, since_ms INTEGER "
    "NOT NULL,"
    " cause TEXT, PRIMARY KEY (root_port, endpoint, kind, tc)) STRICT;"
    "ALTER TABLE entry ADD COLUMN asked_by TEXT;"
    "ALTER TABLE entry ADD COLUMN request TEXT;"
    "CREATE TABLE held_cxl_link (root_port TEXT PRIMARY KEY, endpoint TEXT NOT NULL, mode TEXT NOT NULL,"
    " generate INTEGER NOT NULL, state TEXT NOT NULL, wanted INTEGER NOT NULL, since_ms INTEGER NOT NULL,"
    " asked_by TEXT) STRICT;"
    "CREATE TABLE session (id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, number INTEGER NOT "
    "NULL,"
    " opened_ms INTEGER NOT NULL, closed_ms INTEGER, cause TEXT, provider TEXT, begun_by TEXT,"
    " mutual INTEGER NOT NULL DEFAULT 0, spdm_version TEXT, secured_version TEXT, algorithms TEXT) STRICT;"
    "CREATE INDEX session_open ON session (device) WHERE closed_ms IS NULL;"
    "CREATE VIEW streams AS SELECT root_port, endpoint, stream, kind, state,"
    " iif(wanted, 'yes', 'no') AS wanted, source AS wanted_by, datetime(since_ms / 1000, 'unixepoch') AS "
    "since_utc,"
    " asked_by, root_block, endpoint_block, features FROM held_stream;"
    "CREATE VIEW left_off AS SELECT root_port, endpoint, kind, tc, state, source AS wanted_by,"
    " datetime(since_ms / 1000, 'unixepoch') AS since_utc, cause FROM kept_off;"
    "CREATE VIEW cxl_links AS SELECT root_port, endpoint, mode, iif(generate, 'endpoint', 'controller') AS "
    "keys_from,"
    " state, iif(wanted, 'yes', 'no') AS wanted, datetime(since_ms / 1000, 'unixepoch') AS since_utc, "
    "asked_by"
    " FROM held_cxl_link;"
    "CREATE VIEW switch_ports AS SELECT port, datetime(since_ms / 1000, 'unixepoch') AS since_utc"
    " FROM held_switch_port;"
    "CREATE VIEW key_slots AS SELECT root_port, stream, key_set, block, rx, tx FROM held_slots;"
    "CREATE VIEW sessions AS SELECT id, device, provider, datetime(opened_ms / 1000, 'unixepoch') AS "
    "opened_utc,"
    " datetime(closed_ms / 1000, 'unixepoch') AS closed_utc, cause, begun_by, iif(mutual, 'yes', 'no') AS "
    "mutual,"
    " spdm_version, secured_version, algorithms FROM session;"
    "CREATE VIEW log AS SELECT id, strftime('%Y-%m-%d %H:%M:%f', time_ms / 1000.0, 'unixepoch') AS time_utc, "
    "what,"
    " operation, root_port, endpoint, stream, device, step, state, iif(undo, 'yes', 'no') AS undo, cause,"
    " json_extract(answer, '$.message') AS message, answer, asked_by, request FROM entry;";

static const char rows_2[] =
    "UPDATE held_stream SET asked_by = 'uid 0 pid 17', source = 'config';"
    "INSERT INTO kept_off VALUES ('0000:00:04.0', '0000:04:00.0', 'selective', 3, '{\"tc\": 3, \"pcrc\": "
    "true}', 9,"
    " 'client', 'stopped', 1796060767401, 'it was stopped');"
    "INSERT INTO kept_off VALUES ('0000:00:05.0', '0000:05:00.0', 'cxl', 0,"
    " '{\"mode\": \"skid\", \"generate\": true}', NULL, 'config', 'quarantined', 1796060767402, 'no answer');"
    "INSERT INTO held_cxl_link VALUES ('0000:00:06.0', '0000:06:00.0', 'skid', 1, 'up', 1, 1796060767403,"
    " 'key laptop');"
    "INSERT INTO session (device, number, opened_ms, provider, begun_by) VALUES ('0000:01:00.0', 3, "
    "1796060767404,"
    " 'doe', 'certificate');"
    "INSERT INTO entry (time_ms, what, state, cause, answer, asked_by, request) VALUES (1796060767405, "
    "'operation',"
    " 'failed', 'timeout', '{\"code\": \"timeout\", \"message\": \"no answer in time\"}', 'policy', "
    "'\"a7\"');";

static const char to_version_3[] =
    "CREATE TABLE held_gate (function TEXT PRIMARY KEY, root_port TEXT NOT NULL, bits INTEGER NOT NULL,"
    " uptime_ms INTEGER NOT NULL, since_ms INTEGER NOT NULL) STRICT;"
    "CREATE VIEW gates AS SELECT function, root_port, printf('%04x', bits) AS command_bits,"
    " datetime(since_ms / 1000, 'unixepoch') AS since_utc FROM held_gate;";

static const char rows_3[] =
    "INSERT INTO held_gate VALUES ('0000:00:03.0', '0000:00:03.0', 6, 0, 1796060767406);"
    "INSERT INTO held_gate VALUES ('0000:01:00.0', '0000:00:03.0', 4, 0, 1796060767406);";

/* ---- older ones -------------------------------------------------------------- */

static void begin(void)
{
    make_folder();
    snprintf(path, sizeof path, "%s/state.db", folder);
}

/* A file of version 2, or of 3. */
static void make_file(int version)
{
    begin();
    tell(version_1);
    tell(rows_1);
    tell(to_version_2);
    tell(rows_2);
    if (version == 3) {
        tell(to_version_3);
        tell(rows_3);
    }
    tell(version == 3 ? "PRAGMA user_version = 3" : "PRAGMA user_version = 2");
}

static void version_1_is_brought_up_to_date(void)
{
    begin();
    tell(version_1);
    tell(rows_1);
    tell("PRAGMA user_version = 1");
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

static void expect_kept(const struct held_kept *kept, size_t count)
{
    CU_ASSERT_EQUAL_FATAL(count, 2);
    const struct held_kept *stopped = &kept[kept[0].want.key.cxl], *link = &kept[!kept[0].want.key.cxl];
    CU_ASSERT_EQUAL(stopped->state, KEEPER_STOPPED);
    CU_ASSERT_EQUAL(stopped->source, KEEPER_BY_CLIENT);
    CU_ASSERT_TRUE(stopped->want.has_stream && stopped->want.features.pcrc);
    CU_ASSERT_EQUAL(stopped->want.stream, 9);
    CU_ASSERT_EQUAL(stopped->want.key.traffic_class, 3);
    CU_ASSERT_STRING_EQUAL(stopped->reason.cause, "it was stopped");
    CU_ASSERT_TRUE(link->want.key.cxl && link->want.cxl_generate);
    CU_ASSERT_EQUAL(link->want.cxl_mode, CXL_IDE_SKID);
    CU_ASSERT_EQUAL(link->state, KEEPER_QUARANTINED);
    CU_ASSERT_EQUAL(link->source, KEEPER_BY_CONFIG);
    CU_ASSERT_STRING_EQUAL(link->reason.cause, "no answer");
    CU_ASSERT_PTR_NULL(link->reason.rule.key); /* nobody had written down which */
}

static void expect_link(const struct held_cxl_link *link, size_t count)
{
    CU_ASSERT_EQUAL_FATAL(count, 1);
    CU_ASSERT_EQUAL(link->bdf[END_ROOT_PORT].device, 6);
    CU_ASSERT_EQUAL(link->bdf[END_ENDPOINT].bus, 6);
    CU_ASSERT_EQUAL(link->mode, CXL_IDE_SKID);
    CU_ASSERT_TRUE(link->generate && link->wanted);
    CU_ASSERT_EQUAL(link->state, HELD_UP);
    CU_ASSERT_FALSE(link->by_config); /* until then only clients could want one */
    CU_ASSERT_STRING_EQUAL(link->asked_by, "key laptop");
}

/* What people read of it. */
static void expect_views(void)
{
    CU_ASSERT_EQUAL(
        ask("SELECT count(*) FROM cxl_links WHERE wanted_by = 'client' AND keys_from = 'endpoint'"), 1);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM left_off WHERE cause_kind IS NULL AND rule IS NULL"), 2);
    CU_ASSERT_EQUAL(
        ask("SELECT count(*) FROM sessions WHERE device = '0000:01:00.0' AND begun_by = 'certificate'"), 1);
    CU_ASSERT_EQUAL(
        ask("SELECT count(*) FROM log WHERE message = 'no answer in time' AND asked_by = 'policy'"), 1);
}

static void expect_all_of_version_2(void)
{
    struct held held = load();
    CU_ASSERT_EQUAL(ask("PRAGMA user_version"), STORE_SCHEMA_VERSION);
    CU_ASSERT_EQUAL_FATAL(held.streams, 1);
    CU_ASSERT_TRUE(held.stream[0].by_config);
    CU_ASSERT_STRING_EQUAL(held.stream[0].asked_by, "uid 0 pid 17");
    CU_ASSERT_EQUAL(held.slot_sets, 1);
    expect_kept(held.kept, held.kept_off);
    expect_link(held.cxl_link, held.cxl_links);
    expect_views();
    held_release(&held);
}

static void version_2_is_brought_up_to_date(void)
{
    make_file(2);
    CHECK_OK(open_store());
    expect_all_of_version_2();
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM gates"), 0);
    store_close(store);
    drop_folder();
}

static void version_3_is_brought_up_to_date(void)
{
    struct held_gate *gates;
    size_t count;
    make_file(3);
    CHECK_OK(open_store());
    expect_all_of_version_2();
    CHECK_OK(store_load_gates(store, &gates, &count, &fault));
    CU_ASSERT_EQUAL_FATAL(count, 2);
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_EQUAL(gates[i].root_port.device, 3);
        CU_ASSERT_EQUAL(gates[i].bits, gates[i].function.bus == 1 ? 4 : 6);
    }
    free(gates);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM gates WHERE command_bits = '0006'"), 1);
    store_close(store);
    drop_folder();
}

/* All steps are one transaction: the last one cannot be taken here, and those before it are taken back. */
static void what_cannot_be_brought_up_to_date_is_left_as_it_was(void)
{
    static const char schema[] = "SELECT sum(length(sql)) FROM sqlite_schema";
    static const char view[] = "CREATE VIEW left_off AS SELECT root_port FROM kept_off";
    make_file(2);
    tell("DROP VIEW left_off"); /* as whoever tidied up may have */
    long long before = ask(schema);
    CHECK_ERR(open_store(), IDE_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(
        failure.message, "is of schema version 2, and cannot be brought to 4: no such view: left_off"));
    CU_ASSERT_PTR_NULL(store);
    CU_ASSERT_EQUAL(ask("PRAGMA user_version"), 2);
    CU_ASSERT_EQUAL(ask(schema), before);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM sqlite_schema WHERE name IN ('held_gate', 'gates')"), 0);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM kept_off"), 2);
    tell(view);
    CHECK_OK(open_store());
    expect_all_of_version_2();
    store_close(store);
    drop_folder();
}

/* ---- newer ones -------------------------------------------------------------- */

static void a_newer_schema_is_refused_and_left_alone(void)
{
    begin();
    tell("CREATE TABLE later (x); PRAGMA user_version = 5");
    CHECK_ERR(open_with((struct store_settings){.set_aside = true}), IDE_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(failure.message, "is of schema version 5, and this ide-kmd knows up to 4"));
    CU_ASSERT_PTR_NULL(store);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM sqlite_schema"), 1);
    CU_ASSERT_EQUAL(ask("PRAGMA user_version"), 5);
    drop_folder();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(version_1_is_brought_up_to_date),
        TEST(version_2_is_brought_up_to_date),
        TEST(version_3_is_brought_up_to_date),
        TEST(what_cannot_be_brought_up_to_date_is_left_as_it_was),
        TEST(a_newer_schema_is_refused_and_left_alone),
        CU_TEST_INFO_NULL,
    };
    return suite_run("schemas of the state file", tests);
}
