/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/store_gate.h"

#include <stdlib.h>
#include <time.h>

#include "root_port/forwarding.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/store_bind.h"

/* How long the machine has been up: less than what a row says, and it has booted since. */
static long long uptime_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- writing ------------------------------------------------------------- */

static int run_put(struct store *store, sqlite3 *db, void *argument)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO held_gate (function, root_port, bits, uptime_ms, since_ms)"
        " VALUES (:a, :b, :number, :other, :now)";
    const struct held_gate *held = argument;
    sqlite3_stmt *s = store_statement(store, sql);
    if (!s)
        return sqlite3_errcode(db);
    bind_bdf(s, ":a", &held->function);
    bind_bdf(s, ":b", &held->root_port);
    bind_number(s, ":number", held->bits);
    bind_number(s, ":other", uptime_ms());
    bind_number(s, ":now", (long long)store_now_ms());
    return sqlite3_step(s);
}

enum ide_err store_hold_gate(struct store *store, const struct held_gate *held, struct ide_fault *fault)
{
    return store ? store_do(store, run_put, (void *)held, true, fault) : IDE_OK;
}

static int run_forget(struct store *store, sqlite3 *db, void *argument)
{
    static const char sql[] = "DELETE FROM held_gate WHERE function = :a";
    sqlite3_stmt *s = store_statement(store, sql);
    if (!s)
        return sqlite3_errcode(db);
    bind_bdf(s, ":a", argument);
    return sqlite3_step(s);
}

void store_let_gate_go(struct store *store, const struct pcie_bdf *function)
{
    struct pcie_bdf *copy = store ? malloc(sizeof *copy) : NULL;
    if (!copy)
        return;
    *copy = *function;
    store_later(store, run_forget, copy, free);
}

/* ---- reading --------------------------------------------------------------- */

struct list {
    struct held_gate *row;
    size_t count;
};

static bool read_row(sqlite3_stmt *s, struct held_gate *held)
{
    long long bits, up;
    if (!column_bdf(s, 0, &held->function) || !column_bdf(s, 1, &held->root_port) ||
        !column_number(s, 2, 0, FORWARDING_ALL, &bits) || !column_number(s, 3, 0, INT64_MAX, &up))
        return false;
    held->bits = up <= uptime_ms() ? (uint16_t)bits : 0;
    return true;
}

static int run_load(struct store *store, sqlite3 *db, void *argument)
{
    int rc;
    struct list *list = argument;
    sqlite3_stmt *s =
        store_statement(store, "SELECT function, root_port, bits, uptime_ms FROM held_gate ORDER BY rowid");
    list->count = 0; /* of a first try */
    if (!s)
        return sqlite3_errcode(db);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct held_gate *more = reallocarray(list->row, list->count + 1, sizeof *more);
        if (!more)
            return SQLITE_NOMEM;
        list->row = more;
        if (read_row(s, &list->row[list->count]))
            list->count++;
        else
            log_say(LOG_ERR, LOG_PLAIN,
                    "the state file: a row of held_gate makes no sense and is passed over: %s",
                    column_text(s, 0));
    }
    return rc;
}

enum ide_err store_load_gates(struct store *store, struct held_gate **list, size_t *count,
                              struct ide_fault *fault)
{
    struct list rows = {0};
    enum ide_err err = store ? store_do(store, run_load, &rows, false, fault) : IDE_OK;
    *list = rows.row;
    *count = err == IDE_OK ? rows.count : 0;
    return err;
}
