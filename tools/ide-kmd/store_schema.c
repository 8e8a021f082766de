/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/store_schema.h"

#include <sqlite3.h>
#include <stdio.h>

#include "tools/ide-kmd/store.h"

/* Each step brings a file of the version before to the next. A step that was ever released is not changed any
 * more. */
static const char *const steps[STORE_SCHEMA_VERSION] = {
    /* 1: what is held, and what happened */
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
    "CREATE INDEX entry_time ON entry (time_ms);",
    /* 2: who asked, sessions, CXL links, and views for people */
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
    " json_extract(answer, '$.message') AS message, answer, asked_by, request FROM entry;",
    /* 3: root ports that let nothing through while a stream is off (port_gate.h) */
    "CREATE TABLE held_gate (function TEXT PRIMARY KEY, root_port TEXT NOT NULL, bits INTEGER NOT NULL,"
    " uptime_ms INTEGER NOT NULL, since_ms INTEGER NOT NULL) STRICT;"
    "CREATE VIEW gates AS SELECT function, root_port, printf('%04x', bits) AS command_bits,"
    " datetime(since_ms / 1000, 'unixepoch') AS since_utc FROM held_gate;",
    /* 4: who wants a CXL link, and which rule leaves a stream off */
    "ALTER TABLE held_cxl_link ADD COLUMN source TEXT NOT NULL DEFAULT 'client';"
    "ALTER TABLE kept_off ADD COLUMN cause_kind TEXT;"
    "ALTER TABLE kept_off ADD COLUMN rule TEXT;"
    "DROP VIEW cxl_links;"
    "CREATE VIEW cxl_links AS SELECT root_port, endpoint, mode, iif(generate, 'endpoint', 'controller') AS "
    "keys_from,"
    " state, iif(wanted, 'yes', 'no') AS wanted, source AS wanted_by, datetime(since_ms / 1000, 'unixepoch') AS "
    "since_utc,"
    " asked_by FROM held_cxl_link;"
    "DROP VIEW left_off;"
    "CREATE VIEW left_off AS SELECT root_port, endpoint, kind, tc, state, source AS wanted_by,"
    " datetime(since_ms / 1000, 'unixepoch') AS since_utc, cause, cause_kind, rule FROM kept_off;",
};

static int read_version(sqlite3 *db, int *version)
{
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        *version = sqlite3_column_int(statement, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return rc;
}

static int take_steps(sqlite3 *db, int from, char why[static STORE_WHY_MAX])
{
    char text[64];
    int rc = SQLITE_OK;
    for (int i = from; i < STORE_SCHEMA_VERSION && rc == SQLITE_OK; i++)
        rc = sqlite3_exec(db, steps[i], NULL, NULL, NULL);
    snprintf(text, sizeof text, "PRAGMA user_version = %d", STORE_SCHEMA_VERSION);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, text, NULL, NULL, NULL);
    if (rc != SQLITE_OK) /* which the ROLLBACK makes it forget */
        snprintf(why, STORE_WHY_MAX, "%s", sqlite3_errmsg(db));
    return rc;
}

int store_schema_migrate(sqlite3 *db, int *version, char why[static STORE_WHY_MAX])
{
    *why = '\0';
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = read_version(db, version);
    if (rc == SQLITE_OK && (*version > STORE_SCHEMA_VERSION || *version < 0))
        rc = SQLITE_MISMATCH;
    if (rc == SQLITE_OK && *version < STORE_SCHEMA_VERSION)
        rc = take_steps(db, *version, why);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}
