/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/store_hold.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ide-kmd/kept_json.h"
#include "tools/ide-kmd/request_features.h"
#include "tools/ide-kmd/store_bind.h"

static const char *const state_names[] = {
    [HELD_STARTING] = "starting", [HELD_UP] = "up", [HELD_STOPPING] = "stopping", [HELD_NOTHING] = "nothing"};

const char *held_state_name(enum held_state state)
{
    return state_names[state];
}

/* One statement with its parameters: all of these are that. */
struct order {
    const char *sql;
    struct pcie_bdf a, b;
    int number, other;
    int wanted; /* -1: as it was */
    const char *state;
};

static int run_order(struct store *store, sqlite3 *db, void *argument)
{
    const struct order *o = argument;
    sqlite3_stmt *s = store_statement(store, o->sql);
    if (!s)
        return sqlite3_errcode(db);
    bind_bdf(s, ":a", &o->a);
    bind_bdf(s, ":b", &o->b);
    bind_number(s, ":number", o->number);
    bind_number(s, ":other", o->other);
    bind_text(s, ":state", o->state);
    bind_number(s, ":now", (long long)store_now_ms());
    if (o->wanted >= 0)
        bind_number(s, ":wanted", o->wanted);
    return sqlite3_step(s);
}

static enum ide_err do_order(struct store *store, struct order *o, struct ide_fault *fault)
{
    return store ? store_do(store, run_order, o, true, fault) : IDE_OK;
}

static void order_later(struct store *store, const struct order *o)
{
    struct order *copy = store ? malloc(sizeof *copy) : NULL;
    if (!copy)
        return;
    *copy = *o;
    store_later(store, run_order, copy, free);
}

/* ---- streams ------------------------------------------------------------- */

static const char put_stream[] =
    "INSERT INTO held_stream (root_port, endpoint, top, stream, kind, features, state, wanted, since_ms, "
    "asked_by, source,"
    " root_block, root_control_at, root_control, endpoint_block, endpoint_control_at, endpoint_control,"
    " root_mailbox, endpoint_mailbox)"
    " VALUES (:a, :b, :top, :number, :kind, :features, :state, :wanted, :now, :asked_by, :source, :block1, "
    ":at1, :control1,"
    " :block0, :at0, :control0, :mailbox1, :mailbox0)"
    " ON CONFLICT (root_port, endpoint, stream) DO UPDATE SET top = :top, kind = :kind, features = :features,"
    " state = :state, since_ms = :now, asked_by = :asked_by, source = :source, root_block = :block1, "
    "root_control_at = :at1,"
    " root_control = :control1, endpoint_block = :block0, endpoint_control_at = :at0, endpoint_control = "
    ":control0,"
    " root_mailbox = :mailbox1, endpoint_mailbox = :mailbox0";

static char *features_text(const struct ide_features *features, enum ide_kind kind)
{
    json_t *object = features_json(features);
    json_object_set_new(object, "link", json_boolean(kind == IDE_LINK));
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static void bind_ends(sqlite3_stmt *s, const struct held_stream *held)
{
    const struct held_end *endpoint = &held->end[END_ENDPOINT], *root = &held->end[END_ROOT_PORT];
    bind_bdf(s, ":a", &root->bdf);
    bind_bdf(s, ":b", &endpoint->bdf);
    bind_number(s, ":block0", endpoint->block);
    bind_number(s, ":at0", endpoint->control_at);
    bind_number(s, ":control0", endpoint->control);
    bind_bdf(s, ":mailbox0", &endpoint->mailbox);
    bind_number(s, ":block1", root->block);
    bind_number(s, ":at1", root->control_at);
    bind_number(s, ":control1", root->control);
    bind_bdf(s, ":mailbox1", &root->mailbox);
}

static int run_put_stream(struct store *store, sqlite3 *db, void *argument)
{
    const struct held_stream *held = argument;
    sqlite3_stmt *s = store_statement(store, put_stream);
    char *features = features_text(&held->features, held->kind);
    if (!s || !features) {
        free(features);
        return s ? SQLITE_NOMEM : sqlite3_errcode(db);
    }
    bind_ends(s, held);
    bind_bdf(s, ":top", &held->top);
    bind_number(s, ":number", held->id);
    bind_text(s, ":kind", held->kind == IDE_LINK ? "link" : "selective");
    bind_text(s, ":features", features);
    bind_text(s, ":state", state_names[held->state]);
    bind_number(s, ":wanted", held->wanted);
    bind_number(s, ":now", (long long)store_now_ms());
    bind_text(s, ":asked_by", held->asked_by[0] ? held->asked_by : NULL);
    bind_text(s, ":source", held->by_config ? "config" : "client");
    int rc = sqlite3_step(s);
    free(features);
    return rc;
}

enum ide_err store_hold_stream(struct store *store, const struct held_stream *held, struct ide_fault *fault)
{
    return store ? store_do(store, run_put_stream, (void *)held, true, fault) : IDE_OK;
}

static int wish_number(enum held_wish wish)
{
    return wish == HELD_AS_WAS ? -1 : wish == HELD_WANTED;
}

enum ide_err store_set_stream(struct store *store, const struct stream_ends *ends, uint8_t id,
                              enum held_state state, enum held_wish wish, struct ide_fault *fault)
{
    static const char sql[] = "UPDATE held_stream SET state = :state, wanted = ifnull(:wanted, wanted)"
                              " WHERE root_port = :a AND endpoint = :b AND stream = :number";
    struct order o = {.sql = sql,
                      .a = ends->bdf[END_ROOT_PORT],
                      .b = ends->bdf[END_ENDPOINT],
                      .number = id,
                      .wanted = wish_number(wish),
                      .state = state_names[state]};
    return do_order(store, &o, fault);
}

void store_let_go(struct store *store, const struct stream_ends *ends, uint8_t id)
{
    static const char forget[] =
        "DELETE FROM held_stream WHERE root_port = :a AND endpoint = :b AND stream = :number"
        " AND NOT wanted";
    static const char keep[] =
        "UPDATE held_stream SET state = 'nothing', root_block = -1, endpoint_block = -1"
        " WHERE root_port = :a AND endpoint = :b AND stream = :number";
    struct order o = {.sql = forget,
                      .a = ends->bdf[END_ROOT_PORT],
                      .b = ends->bdf[END_ENDPOINT],
                      .number = id,
                      .wanted = -1};
    order_later(store, &o);
    o.sql = keep;
    order_later(store, &o);
}

enum ide_err store_give_up(struct store *store, const struct pcie_bdf *port, uint8_t id,
                           struct ide_fault *fault)
{
    static const char sql[] = "DELETE FROM held_stream WHERE stream = :number AND state = 'nothing'"
                              " AND (root_port = :a OR endpoint = :a)";
    struct order o = {.sql = sql, .a = *port, .number = id, .wanted = -1};
    return do_order(store, &o, fault);
}

void store_want_no_config(struct store *store)
{
    static const char *const sql[] = {"UPDATE held_stream SET wanted = 0 WHERE source = 'config'",
                                      "DELETE FROM held_stream WHERE state = 'nothing' AND NOT wanted",
                                      "UPDATE held_cxl_link SET wanted = 0 WHERE source = 'config'",
                                      "DELETE FROM held_cxl_link WHERE state = 'nothing' AND NOT wanted"};
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++)
        order_later(store, &(struct order){.sql = sql[i], .wanted = -1});
}

/* ---- what is left off ---------------------------------------------------- */

static int forget_kept(struct store *store, sqlite3 *db, const struct held_kept *kept)
{
    static const char sql[] =
        "DELETE FROM kept_off WHERE root_port = :a AND endpoint = :b AND kind = :kind AND tc = :tc";
    sqlite3_stmt *s = store_statement(store, sql);
    if (!s)
        return sqlite3_errcode(db);
    bind_bdf(s, ":a", &kept->want.key.root_port);
    bind_bdf(s, ":b", &kept->want.key.endpoint);
    bind_text(s, ":kind", kept_kind(&kept->want.key));
    bind_number(s, ":tc", kept->want.key.traffic_class);
    return sqlite3_step(s);
}

/* What is asked of it. */
static char *wish_text(const struct keeper_want *want)
{
    if (!want->key.cxl)
        return features_text(&want->features, want->key.kind);
    json_t *object = json_pack("{s:s, s:b}", "mode", want->cxl_mode == CXL_IDE_SKID ? "skid" : "containment",
                               "generate", (int)want->cxl_generate);
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static int put_kept(struct store *store, sqlite3 *db, const struct held_kept *kept)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO kept_off (root_port, endpoint, kind, tc, features, stream, source, state, since_ms,"
        " cause, cause_kind, rule) VALUES (:a, :b, :kind, :tc, :features, :stream, :source, :state, :now, :cause,"
        " :cause_kind, :rule)";
    const struct keeper_want *want = &kept->want;
    const struct keeper_reason *reason = &kept->reason;
    sqlite3_stmt *s = store_statement(store, sql);
    char *features = wish_text(want);
    if (!s || !features) {
        free(features);
        return s ? SQLITE_NOMEM : sqlite3_errcode(db);
    }
    bind_bdf(s, ":a", &want->key.root_port);
    bind_bdf(s, ":b", &want->key.endpoint);
    bind_text(s, ":kind", kept_kind(&want->key));
    bind_number(s, ":tc", want->key.traffic_class);
    bind_text(s, ":features", features);
    bind_text(s, ":cause", reason->cause[0] ? reason->cause : NULL);
    bind_text(s, ":cause_kind", reason->rule.key ? policy_cause_name(reason->kind) : NULL);
    bind_text(s, ":rule", reason->rule.key);
    if (want->has_stream)
        bind_number(s, ":stream", want->stream);
    bind_text(s, ":source", kept->source == KEEPER_BY_CONFIG ? "config" : "client");
    bind_text(s, ":state", keeper_state_name(kept->state));
    bind_number(s, ":now", (long long)store_now_ms());
    int rc = sqlite3_step(s);
    free(features);
    return rc;
}

static bool is_left_off(enum keeper_state state)
{
    return state == KEEPER_LEFT_OFF || state == KEEPER_QUARANTINED || state == KEEPER_STOPPED;
}

static int run_kept(struct store *store, sqlite3 *db, void *argument)
{
    const struct held_kept *kept = argument;
    return is_left_off(kept->state) ? put_kept(store, db, kept) : forget_kept(store, db, kept);
}

void store_take_kept(struct store *store, const struct keeper_item *item)
{
    struct held_kept *kept = store ? malloc(sizeof *kept) : NULL;
    if (!kept)
        return;
    *kept = (struct held_kept){item->source == KEEPER_BY_CONFIG ? item->config : item->want, item->source,
                               item->dropped || item->gone ? KEEPER_WAITING : item->state, item->reason};
    if (is_left_off(kept->state))
        store_soon(store, run_kept, kept, free);
    else
        store_later(store, run_kept, kept, free);
}

void store_want_nothing(struct store *store)
{
    static const char *const sql[] = {
        "UPDATE held_stream SET wanted = 0",
        "UPDATE held_cxl_link SET wanted = 0",
        "DELETE FROM held_stream WHERE state = 'nothing'",
        "DELETE FROM held_cxl_link WHERE state = 'nothing'",
        "DELETE FROM kept_off WHERE source = 'client'",
    };
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++)
        order_later(store, &(struct order){.sql = sql[i], .wanted = -1});
}

/* ---- switch ports and key slots ------------------------------------------ */

enum ide_err store_hold_switch_port(struct store *store, const struct pcie_bdf *port, struct ide_fault *fault)
{
    static const char sql[] = "INSERT OR REPLACE INTO held_switch_port VALUES (:a, :now)";
    struct order o = {.sql = sql, .a = *port, .wanted = -1};
    return do_order(store, &o, fault);
}

void store_let_switch_port_go(struct store *store, const struct pcie_bdf *port)
{
    static const char sql[] = "DELETE FROM held_switch_port WHERE port = :a";
    order_later(store, &(struct order){.sql = sql, .a = *port, .wanted = -1});
}

static void slots_text(const int slot[IDE_SUBSTREAMS], char text[32])
{
    snprintf(text, 32, "%d,%d,%d", slot[IDE_PR], slot[IDE_NPR], slot[IDE_CPL]);
}

static int run_put_slots(struct store *store, sqlite3 *db, void *argument)
{
    static const char sql[] = "INSERT OR REPLACE INTO held_slots (root_port, stream, key_set, block, rx, tx)"
                              " VALUES (:a, :number, :set, :block, :rx, :tx)";
    const struct held_slots *held = argument;
    char rx[32], tx[32];
    sqlite3_stmt *s = store_statement(store, sql);
    if (!s)
        return sqlite3_errcode(db);
    slots_text(held->slot[IDE_RX], rx);
    slots_text(held->slot[IDE_TX], tx);
    bind_bdf(s, ":a", &held->root_port);
    bind_number(s, ":number", held->id);
    bind_number(s, ":set", held->key_set);
    bind_number(s, ":block", held->block);
    bind_text(s, ":rx", rx);
    bind_text(s, ":tx", tx);
    return sqlite3_step(s);
}

enum ide_err store_hold_slots(struct store *store, const struct held_slots *held, struct ide_fault *fault)
{
    return store ? store_do(store, run_put_slots, (void *)held, true, fault) : IDE_OK;
}

void store_let_slots_go(struct store *store, const struct pcie_bdf *root_port, uint8_t id, uint8_t key_set)
{
    static const char sql[] =
        "DELETE FROM held_slots WHERE root_port = :a AND stream = :number AND key_set = :other";
    order_later(store,
                &(struct order){.sql = sql, .a = *root_port, .number = id, .other = key_set, .wanted = -1});
}

/* ---- CXL links ----------------------------------------------------------- */

static int run_put_cxl_link(struct store *store, sqlite3 *db, void *argument)
{
    static const char sql[] =
        "INSERT INTO held_cxl_link (root_port, endpoint, mode, generate, state, wanted, since_ms, asked_by, source)"
        " VALUES (:a, :b, :mode, :generate, :state, :wanted, :now, :asked_by, :source) ON CONFLICT (root_port) DO "
        "UPDATE SET"
        " endpoint = :b, mode = :mode, generate = :generate, state = :state, since_ms = :now, asked_by = "
        ":asked_by, source = :source";
    const struct held_cxl_link *held = argument;
    sqlite3_stmt *s = store_statement(store, sql);
    if (!s)
        return sqlite3_errcode(db);
    bind_bdf(s, ":a", &held->bdf[END_ROOT_PORT]);
    bind_bdf(s, ":b", &held->bdf[END_ENDPOINT]);
    bind_text(s, ":mode", held->mode == CXL_IDE_CONTAINMENT ? "containment" : "skid");
    bind_number(s, ":generate", held->generate);
    bind_text(s, ":source", held->by_config ? "config" : "client");
    bind_text(s, ":state", state_names[held->state]);
    bind_number(s, ":wanted", held->wanted);
    bind_number(s, ":now", (long long)store_now_ms());
    bind_text(s, ":asked_by", held->asked_by[0] ? held->asked_by : NULL);
    return sqlite3_step(s);
}

enum ide_err store_hold_cxl_link(struct store *store, const struct held_cxl_link *held,
                                 struct ide_fault *fault)
{
    return store ? store_do(store, run_put_cxl_link, (void *)held, true, fault) : IDE_OK;
}

enum ide_err store_set_cxl_link(struct store *store, const struct pcie_bdf *root_port, enum held_state state,
                                enum held_wish wish, struct ide_fault *fault)
{
    static const char sql[] = "UPDATE held_cxl_link SET state = :state, wanted = ifnull(:wanted, wanted)"
                              " WHERE root_port = :a";
    struct order o = {.sql = sql, .a = *root_port, .wanted = wish_number(wish), .state = state_names[state]};
    return do_order(store, &o, fault);
}

void store_let_cxl_link_go(struct store *store, const struct pcie_bdf *root_port)
{
    static const char forget[] = "DELETE FROM held_cxl_link WHERE root_port = :a AND NOT wanted";
    static const char keep[] = "UPDATE held_cxl_link SET state = 'nothing' WHERE root_port = :a";
    struct order o = {.sql = forget, .a = *root_port, .wanted = -1};
    order_later(store, &o);
    o.sql = keep;
    order_later(store, &o);
}
