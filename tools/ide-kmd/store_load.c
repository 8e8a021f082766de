/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is held, out of the state file. A row that cannot be true is left out, and said. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root_port/kcu.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/request_features.h"
#include "tools/ide-kmd/store_bind.h"
#include "tools/ide-kmd/store_hold.h"

#define REGISTER_LAST 4092

static bool read_state(sqlite3_stmt *s, int column, enum held_state *state)
{
    for (int i = HELD_STARTING; i <= HELD_NOTHING; i++)
        if (strcmp(column_text(s, column), held_state_name((enum held_state)i)) == 0) {
            *state = (enum held_state)i;
            return true;
        }
    return false;
}

static bool read_features(sqlite3_stmt *s, int column, struct ide_features *features)
{
    struct failure failure;
    struct stream_wish wish;
    json_t *object = json_loads(column_text(s, column), JSON_REJECT_DUPLICATES, NULL);
    bool ok = json_is_object(object) && request_take_wish(object, &wish, &failure) == IDE_OK;
    json_decref(object);
    if (ok)
        *features = wish.features;
    return ok;
}

/* Five columns: BDF, mailbox, block, offset, value of its control register. */
static bool read_stream_end(sqlite3_stmt *s, int first, struct held_end *end)
{
    long long block, at, control;
    if (!column_bdf(s, first, &end->bdf) || !column_number(s, first + 2, -1, IDE_SELECTIVE_MAX - 1, &block) ||
        !column_number(s, first + 3, 0, REGISTER_LAST, &at) || at % 4 != 0 ||
        !column_number(s, first + 4, 0, UINT32_MAX, &control))
        return false;
    if (!column_bdf(s, first + 1, &end->mailbox))
        end->mailbox = end->bdf;
    end->block = (int)block;
    end->control_at = (uint16_t)at;
    end->control = (uint32_t)control & ~PCIE_IDE_STREAM_CTL_EN;
    return true;
}

static bool read_stream(sqlite3_stmt *s, void *row)
{
    struct held_stream *held = row;
    long long id, wanted;
    if (!read_stream_end(s, 0, &held->end[END_ROOT_PORT]) ||
        !read_stream_end(s, 5, &held->end[END_ENDPOINT]) || !column_bdf(s, 10, &held->top) ||
        !column_number(s, 11, 0, IDE_STREAM_ID_IDLE - 1, &id) || !read_state(s, 13, &held->state) ||
        !column_number(s, 14, 0, 1, &wanted) || !read_features(s, 15, &held->features))
        return false;
    held->id = (uint8_t)id;
    held->kind = strcmp(column_text(s, 12), "link") == 0 ? IDE_LINK : IDE_SELECTIVE;
    held->wanted = wanted;
    snprintf(held->asked_by, sizeof held->asked_by, "%s", column_text(s, 16));
    held->by_config = strcmp(column_text(s, 17), "config") == 0;
    return true;
}

static bool read_switch_port(sqlite3_stmt *s, void *row)
{
    return column_bdf(s, 0, row);
}

/* "0,1,2": the slot of each sub-stream. */
static bool read_slot_list(const char *text, int slot[IDE_SUBSTREAMS])
{
    char *end;
    for (unsigned i = 0; i < IDE_SUBSTREAMS; i++) {
        long number = strtol(text, &end, 10);
        if (end == text || number < 0 || number >= (long)KCU_SLOTS_MAX ||
            *end != (i + 1 < IDE_SUBSTREAMS ? ',' : '\0'))
            return false;
        slot[i] = (int)number;
        text = end + 1;
    }
    return true;
}

static bool read_slots(sqlite3_stmt *s, void *row)
{
    struct held_slots *held = row;
    long long id, set, block;
    if (!column_bdf(s, 0, &held->root_port) || !column_number(s, 1, 0, UINT8_MAX, &id) ||
        !column_number(s, 2, 0, KCU_KEY_SETS - 1, &set) ||
        !column_number(s, 3, 0, KCU_STREAMS_MAX - 1, &block))
        return false;
    held->id = (uint8_t)id;
    held->key_set = (uint8_t)set;
    held->block = (unsigned)block;
    return read_slot_list(column_text(s, 4), held->slot[IDE_RX]) &&
           read_slot_list(column_text(s, 5), held->slot[IDE_TX]);
}

static bool read_cxl_link(sqlite3_stmt *s, void *row)
{
    struct held_cxl_link *held = row;
    long long generate, wanted;
    if (!column_bdf(s, 0, &held->bdf[END_ROOT_PORT]) || !column_bdf(s, 1, &held->bdf[END_ENDPOINT]) ||
        !column_number(s, 3, 0, 1, &generate) || !read_state(s, 4, &held->state) ||
        !column_number(s, 5, 0, 1, &wanted))
        return false;
    held->mode = strcmp(column_text(s, 2), "skid") == 0 ? CXL_IDE_SKID : CXL_IDE_CONTAINMENT;
    held->generate = generate;
    held->wanted = wanted;
    snprintf(held->asked_by, sizeof held->asked_by, "%s", column_text(s, 6));
    held->by_config = strcmp(column_text(s, 7), "config") == 0;
    return true;
}

static bool read_kept_state(sqlite3_stmt *s, int column, enum keeper_state *state)
{
    static const enum keeper_state states[] = {KEEPER_LEFT_OFF, KEEPER_QUARANTINED, KEEPER_STOPPED};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(column_text(s, column), keeper_state_name(states[i])) == 0) {
            *state = states[i];
            return true;
        }
    return false;
}

/* Of a CXL link. */
static bool read_cxl_wish(sqlite3_stmt *s, int column, struct keeper_want *want)
{
    json_t *object = json_loads(column_text(s, column), JSON_REJECT_DUPLICATES, NULL);
    const char *mode = json_string_value(json_object_get(object, "mode"));
    const json_t *generate = json_object_get(object, "generate");
    bool ok = mode && (strcmp(mode, "skid") == 0 || strcmp(mode, "containment") == 0) && json_is_boolean(generate);
    want->cxl_mode = ok && strcmp(mode, "skid") == 0 ? CXL_IDE_SKID : CXL_IDE_CONTAINMENT;
    want->cxl_generate = json_is_true(generate);
    json_decref(object);
    return ok;
}

/* What no policy of this version knows is left out. */
static void read_reason(sqlite3_stmt *s, int first, enum keeper_state state, struct keeper_reason *reason)
{
    const char *rule = policy_key_name(policy_key(column_text(s, first + 2)));
    snprintf(reason->cause, sizeof reason->cause, "%s", column_text(s, first));
    if (!rule || state == KEEPER_STOPPED || !policy_cause_parse(column_text(s, first + 1), &reason->kind))
        return;
    reason->rule.key = rule;
    reason->rule.action = state == KEEPER_QUARANTINED ? POLICY_QUARANTINE : POLICY_LEAVE_OFF;
}

static bool read_kept(sqlite3_stmt *s, void *row)
{
    struct held_kept *kept = row;
    struct keeper_want *want = &kept->want;
    long long class, number = 0;
    want->has_stream = sqlite3_column_type(s, 5) != SQLITE_NULL;
    want->key.cxl = strcmp(column_text(s, 2), "cxl") == 0;
    if (!column_bdf(s, 0, &want->key.root_port) || !column_bdf(s, 1, &want->key.endpoint) ||
        !column_number(s, 3, 0, 7, &class) ||
        !(want->key.cxl ? read_cxl_wish(s, 4, want) : read_features(s, 4, &want->features)) ||
        (want->has_stream && !column_number(s, 5, 0, IDE_STREAM_ID_IDLE - 1, &number)) ||
        !read_kept_state(s, 7, &kept->state))
        return false;
    want->key.kind = strcmp(column_text(s, 2), "link") == 0 ? IDE_LINK : IDE_SELECTIVE;
    want->key.traffic_class = (uint8_t) class;
    want->stream = (uint8_t)number;
    kept->source = strcmp(column_text(s, 6), "config") == 0 ? KEEPER_BY_CONFIG : KEEPER_BY_CLIENT;
    read_reason(s, 8, kept->state, &kept->reason);
    return true;
}

static const struct table {
    const char *name, *sql;
    size_t size;
    bool (*read)(sqlite3_stmt *statement, void *row);
} tables[] = {
    {"held_stream",
     "SELECT root_port, root_mailbox, root_block, root_control_at, root_control, endpoint, endpoint_mailbox,"
     " endpoint_block, endpoint_control_at, endpoint_control, top, stream, kind, state, wanted, features, "
     "asked_by, source"
     " FROM held_stream ORDER BY kind, rowid",
     sizeof(struct held_stream), read_stream},
    {"held_switch_port", "SELECT port FROM held_switch_port", sizeof(struct pcie_bdf), read_switch_port},
    {"held_slots", "SELECT root_port, stream, key_set, block, rx, tx FROM held_slots",
     sizeof(struct held_slots), read_slots},
    {"held_cxl_link",
     "SELECT root_port, endpoint, mode, generate, state, wanted, asked_by, source FROM held_cxl_link",
     sizeof(struct held_cxl_link), read_cxl_link},
    {"kept_off",
     "SELECT root_port, endpoint, kind, tc, features, stream, source, state, cause, cause_kind, rule FROM kept_off",
     sizeof(struct held_kept), read_kept},
};

#define TABLES (sizeof tables / sizeof *tables)

/* Rows until there are no more; *rows grows. */
static int read_rows(sqlite3_stmt *s, const struct table *table, char **rows, size_t *count)
{
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        char *more = reallocarray(*rows, *count + 1, table->size);
        if (!more)
            return SQLITE_NOMEM;
        *rows = more;
        memset(more + *count * table->size, 0, table->size);
        if (table->read(s, more + *count * table->size))
            ++*count;
        else
            log_say(LOG_ERR, LOG_PLAIN, "the state file: a row of %s makes no sense and is passed over: %s",
                    table->name, column_text(s, 0));
    }
    return rc;
}

static int read_table(struct store *store, sqlite3 *db, const struct table *table, void **rows, size_t *count)
{
    char *list = NULL;
    sqlite3_stmt *s = store_statement(store, table->sql);
    *count = 0;
    int rc = s ? read_rows(s, table, &list, count) : sqlite3_errcode(db);
    *rows = list;
    return rc;
}

static int run_load(struct store *store, sqlite3 *db, void *argument)
{
    struct held *held = argument;
    void *rows[TABLES] = {NULL};
    size_t count[TABLES] = {0};
    int rc = SQLITE_DONE;
    held_release(held); /* of a first try */
    for (size_t i = 0; i < TABLES && rc == SQLITE_DONE; i++)
        rc = read_table(store, db, &tables[i], &rows[i], &count[i]);
    *held = (struct held){rows[0],  count[0], rows[1],  count[1], rows[2],
                          count[2], rows[3],  count[3], rows[4],  count[4]};
    return rc;
}

enum ide_err store_load(struct store *store, struct held *held, struct ide_fault *fault)
{
    *held = (struct held){0};
    return store ? store_do(store, run_load, held, false, fault) : IDE_OK;
}

void held_release(struct held *held)
{
    free(held->stream);
    free(held->switch_port);
    free(held->slots);
    free(held->cxl_link);
    free(held->kept);
    *held = (struct held){0};
}
