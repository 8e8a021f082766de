/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Root ports that let nothing through: what is written to which register, and what of it is in the state
 * file. Functions are files, the state file is one. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "root_port/forwarding.h"
#include "suite.h"
#include "tools/ide-kmd/port_gate_host.h"

#define MEMORY PCIE_COMMAND_MEMORY
#define MASTER PCIE_COMMAND_MASTER
#define ALL    0, UINT8_MAX

static char folder[64], path[128];
static struct store *store;
static struct failure failure;
static struct ide_fault fault;
static struct pcie_access access_of_test;
static struct port_gates gates;
static const struct pcie_bdf root = {.device = 3}, end = {.bus = 1}, other = {.bus = 2};

/* ---- the platform --------------------------------------------------------------- */

static void config_of(const struct pcie_bdf *bdf, char text[static 160])
{
    char name[PCIE_BDF_TEXT];
    snprintf(text, 160, "%s/devices/%s/config", folder, pcie_bdf_format(bdf, name));
}

static void put_command(const struct pcie_bdf *bdf, uint16_t value)
{
    char text[160];
    uint8_t bytes[] = {(uint8_t)value, (uint8_t)(value >> 8)};
    config_of(bdf, text);
    int fd = open(text, O_WRONLY);
    CU_ASSERT_EQUAL(pwrite(fd, bytes, sizeof bytes, PCIE_COMMAND), 2);
    close(fd);
}

static uint16_t command_of(const struct pcie_bdf *bdf)
{
    char text[160];
    uint8_t bytes[2] = {0xff, 0xff};
    config_of(bdf, text);
    int fd = open(text, O_RDONLY);
    CU_ASSERT_EQUAL(pread(fd, bytes, sizeof bytes, PCIE_COMMAND), 2);
    close(fd);
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static void add_function(const struct pcie_bdf *bdf, uint16_t command)
{
    char text[160];
    config_of(bdf, text);
    *strrchr(text, '/') = '\0';
    CU_ASSERT_EQUAL(mkdir(text, 0700), 0);
    config_of(bdf, text);
    int fd = open(text, O_CREAT | O_WRONLY, 0600);
    CU_ASSERT_EQUAL(ftruncate(fd, PCIE_CONFIG_SIZE), 0);
    close(fd);
    put_command(bdf, command);
}

static void remove_function(const struct pcie_bdf *bdf)
{
    char text[160];
    config_of(bdf, text);
    CU_ASSERT_EQUAL(unlink(text), 0);
    *strrchr(text, '/') = '\0';
    CU_ASSERT_EQUAL(rmdir(text), 0);
}

/* A root port with two endpoints below it, as topology.h would have read them. */
static struct topology_node nodes[] = {
    {.bdf = {.device = 3},
     .type = PCIE_TYPE_ROOT_PORT,
     .bridge = true,
     .secondary = 1,
     .subordinate = 2,
     .parent = TOPOLOGY_NONE},
    {.bdf = {.bus = 1}, .type = PCIE_TYPE_ENDPOINT, .parent = 0},
    {.bdf = {.bus = 2}, .type = PCIE_TYPE_ENDPOINT, .parent = 0},
};
static const struct topology topology = {.nodes = nodes, .count = 3};

static void open_all(void)
{
    CHECK_OK(
        store_open(&store, &(struct store_settings){.path = path, .log_rows = 10, .log_days = 1}, &failure));
    CHECK_OK(pcie_access_open(&access_of_test, folder, &fault));
    port_gates_open(&gates, store);
    CHECK_OK(port_gates_load(&gates, &fault));
}

static void close_all(void)
{
    port_gates_close(&gates);
    pcie_access_close(&access_of_test);
    store_close(store);
}

static void begin(void)
{
    char text[128];
    snprintf(folder, sizeof folder, "/tmp/ide-km-gate.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state.db", folder);
    snprintf(text, sizeof text, "%s/devices", folder);
    CU_ASSERT_EQUAL(mkdir(text, 0700), 0);
    add_function(&root, 0x0100 | MEMORY | MASTER);
    add_function(&end, MEMORY | MASTER);
    add_function(&other, MEMORY);
    open_all();
}

static void finish(void)
{
    char command[128];
    close_all();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CU_ASSERT_EQUAL(system(command), 0);
}

/* What the state file has of a function; -1: nothing. */
static long long row_of(const struct pcie_bdf *bdf)
{
    sqlite3 *db;
    sqlite3_stmt *s = NULL;
    long long value = -1;
    char name[PCIE_BDF_TEXT];
    struct held_gate *rows;
    size_t count;
    CHECK_OK(store_load_gates(store, &rows, &count, &fault)); /* what was not waited for is done then */
    free(rows);
    if (sqlite3_open(path, &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT bits FROM held_gate WHERE function = ?", -1, &s, NULL) == SQLITE_OK) {
        sqlite3_bind_text(s, 1, pcie_bdf_format(bdf, name), -1, SQLITE_STATIC);
        value = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    return value;
}

static void tell(const char *sql)
{
    sqlite3 *db;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static struct gate_result set(enum gate_level level)
{
    struct gate_result result = port_gates_set(&gates, &access_of_test, &root, level);
    port_gates_members(&gates, &access_of_test, &topology, &root);
    if (result.err == IDE_OK) {
        struct gate_result below = port_gates_below(&gates, &access_of_test, &root, ALL);
        CHECK_OK(below.err);
    }
    return result;
}

static void expect_level(int level, bool pending)
{
    struct gate_view view = port_gates_look(&gates, &root);
    CU_ASSERT_EQUAL(view.level, level);
    CU_ASSERT_EQUAL(view.pending, pending);
}

/* ---- one register ------------------------------------------------------------------ */

static void a_turn_says_what_is_written_and_kept(void)
{
    static const struct {
        struct gate_bits now;
        uint16_t command, closed;
        struct gate_turn turn;
    } cases[] = {
        /* now {closed, held}, Command, to be closed -> {closed, held}, clear, set, reopened */
        {{0, 0}, 0x0106, 7, {{7, 6}, 6, 0, 0}}, /* closes; the rest of the register is nobody's business */
        {{0, 6}, 0x0002, 7, {{7, 2}, 2, 0, 0}}, /* what was held of an earlier time does not count */
        {{7, 6}, 0x0000, 7, {{7, 6}, 0, 0, 0}}, /* stays closed */
        {{7, 2}, 0x0004, 7, {{7, 6}, 4, 0, 4}}, /* somebody opened it: cleared, and remembered */
        {{7, 6}, 0x0000, 0, {{0, 6}, 0, 6, 0}}, /* opens */
        {{7, 6}, 0x0006, 0, {{0, 6}, 0, 0, 0}}, /* is open already */
        {{7, 0}, 0x0000, 0, {{0, 0}, 0, 0, 0}}, /* nothing was there */
        {{7, 6}, 0x0000, 3, {{3, 6}, 0, 4, 0}}, /* from closed to the host's side alone */
        {{3, 2}, 0x0004, 7, {{7, 6}, 4, 0, 0}}, /* and back: what it is is new */
        {{3, 6}, 0x0000, 7, {{7, 2}, 0, 0, 0}}, /* its driver has taken Bus Master Enable away meanwhile */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gate_turn turn = gate_turn(cases[i].now, cases[i].command, cases[i].closed);
        CU_ASSERT_EQUAL(memcmp(&turn, &cases[i].turn, sizeof turn), 0);
    }
}

/* ---- which level ------------------------------------------------------------------- */

static void the_level_follows_the_stream(void)
{
    static const int wanted[] = {
        [KEEPER_ABSENT] = GATE_HOST,     [KEEPER_WAITING] = GATE_CLOSED,  [KEEPER_STARTING] = GATE_CLOSED,
        [KEEPER_UP] = GATE_OPEN,         [KEEPER_REFRESHING] = GATE_OPEN, [KEEPER_FALLEN] = GATE_CLOSED,
        [KEEPER_STOPPING] = GATE_CLOSED, [KEEPER_LEFT_OFF] = GATE_CLOSED, [KEEPER_QUARANTINED] = GATE_CLOSED,
        [KEEPER_STOPPED] = GATE_CLOSED};
    for (int state = KEEPER_ABSENT; state <= KEEPER_STOPPED; state++) {
        struct keeper_item item = {.source = KEEPER_BY_CONFIG, .state = (enum keeper_state)state};
        CU_ASSERT_EQUAL(gate_level_for(&item), -1); /* open is the default */
        item.want.policy.while_off = POLICY_CLOSED;
        CU_ASSERT_EQUAL(gate_level_for(&item), wanted[state]);
        item.want.key.cxl = true; /* it does not go by the Command register */
        CU_ASSERT_EQUAL(gate_level_for(&item), -1);
        item.want.key.cxl = false;
        item.dropped = true;
        CU_ASSERT_EQUAL(gate_level_for(&item), -1);
        item.dropped = false;
        item.gone = true;
        CU_ASSERT_EQUAL(gate_level_for(&item), -1);
    }
}

static void what_somebody_stops_is_closed_until_it_is_off(void)
{
    struct keeper_item item = {.source = KEEPER_BY_CLIENT, .state = KEEPER_STOPPING};
    item.want.policy.while_off = POLICY_CLOSED;
    CU_ASSERT_EQUAL(gate_level_for(&item), GATE_CLOSED);
    item.dropped = true; /* it is off, or cannot be turned off, and nobody wants it */
    CU_ASSERT_EQUAL(gate_level_for(&item), -1);
}

static void one_that_fell_in_a_refresh_is_closed(void)
{
    struct keeper_item item = {.state = KEEPER_REFRESHING, .must_stop = true};
    item.want.policy.while_off = POLICY_CLOSED;
    CU_ASSERT_EQUAL(gate_level_for(&item), GATE_CLOSED);
}

/* ---- gates ------------------------------------------------------------------------- */

static void what_was_open_is_open_again(void)
{
    begin();
    struct gate_result result = set(GATE_CLOSED);
    CHECK_OK(result.err);
    CU_ASSERT_TRUE(result.changed);
    CU_ASSERT_EQUAL(command_of(&root), 0x0100);
    CU_ASSERT_EQUAL(command_of(&end),
                    MEMORY); /* its own memory is nobody's business: no request reaches it */
    CU_ASSERT_EQUAL(command_of(&other), MEMORY);
    CU_ASSERT_EQUAL(row_of(&root), MEMORY | MASTER);
    CU_ASSERT_EQUAL(row_of(&end), MASTER);
    CU_ASSERT_EQUAL(row_of(&other), 0);
    expect_level(GATE_CLOSED, false);
    CU_ASSERT_FALSE(set(GATE_CLOSED).changed);
    CHECK_OK(set(GATE_OPEN).err);
    CU_ASSERT_EQUAL(command_of(&root), 0x0100 | MEMORY | MASTER);
    CU_ASSERT_EQUAL(command_of(&end), MEMORY | MASTER);
    CU_ASSERT_EQUAL(command_of(&other), MEMORY);     /* nobody had made it a master */
    CU_ASSERT_EQUAL(row_of(&root), MEMORY | MASTER); /* it is a gate still */
    port_gates_forget(&gates, &root);
    CU_ASSERT_EQUAL(row_of(&root) + row_of(&end) + row_of(&other), -3);
    expect_level(-1, false);
    finish();
}

static void of_an_absent_device_the_hosts_side_is_closed(void)
{
    begin();
    CHECK_OK(set(GATE_HOST).err);
    CU_ASSERT_EQUAL(command_of(&root), 0x0100 | MASTER);
    CU_ASSERT_EQUAL(command_of(&end), MEMORY | MASTER);
    CHECK_OK(set(GATE_CLOSED).err);
    CU_ASSERT_EQUAL(command_of(&root), 0x0100);
    CHECK_OK(set(GATE_OPEN).err);
    CU_ASSERT_EQUAL(command_of(&root), 0x0100 | MEMORY | MASTER);
    finish();
}

static void what_somebody_sets_is_cleared_and_remembered(void)
{
    begin();
    put_command(&root, 0);
    CHECK_OK(set(GATE_CLOSED).err);
    put_command(&root, MEMORY);
    struct gate_result result = port_gates_set(&gates, &access_of_test, &root, GATE_CLOSED);
    CHECK_OK(result.err);
    CU_ASSERT_EQUAL(result.reopened, MEMORY);
    CU_ASSERT_FALSE(result.changed);
    CU_ASSERT_EQUAL(command_of(&root), 0);
    CU_ASSERT_EQUAL(row_of(&root), MEMORY);
    put_command(&other, MEMORY | MASTER);
    result = port_gates_below(&gates, &access_of_test, &root, ALL);
    CU_ASSERT_EQUAL(result.reopened, MASTER);
    CU_ASSERT_EQUAL(pcie_bdf_compare(&result.device, &other), 0);
    CHECK_OK(set(GATE_OPEN).err);
    CU_ASSERT_EQUAL(command_of(&root), MEMORY);
    CU_ASSERT_EQUAL(command_of(&other), MEMORY | MASTER);
    finish();
}

/* A kill may come before the register is written, or after. */
static void the_next_run_knows_what_was_there(void)
{
    for (unsigned written = 0; written < 2; written++) {
        begin();
        CHECK_OK(set(GATE_CLOSED).err);
        if (!written)
            put_command(&root, 0x0100 | MEMORY | MASTER);
        close_all();
        open_all();
        expect_level(GATE_CLOSED, true);
        struct gate_result result = port_gates_set(&gates, &access_of_test, &root, GATE_CLOSED);
        CHECK_OK(result.err);
        CU_ASSERT_EQUAL(command_of(&root), 0x0100);
        CU_ASSERT_EQUAL(command_of(&end), MEMORY);
        CHECK_OK(set(GATE_OPEN).err);
        CU_ASSERT_EQUAL(command_of(&root), 0x0100 | MEMORY | MASTER);
        CU_ASSERT_EQUAL(command_of(&end), MEMORY | MASTER);
        finish();
    }
}

static void after_a_boot_the_registers_are_new(void)
{
    begin();
    CHECK_OK(set(GATE_CLOSED).err);
    close_all();
    tell("UPDATE held_gate SET uptime_ms = uptime_ms + 1000000000");
    put_command(&root, MEMORY);
    open_all();
    CHECK_OK(set(GATE_CLOSED).err);
    CU_ASSERT_EQUAL(command_of(&root), 0);
    CHECK_OK(set(GATE_OPEN).err);
    CU_ASSERT_EQUAL(command_of(&root), MEMORY);
    CU_ASSERT_EQUAL(command_of(&end), MEMORY); /* no driver has made it a master since */
    finish();
}

static void rows_that_make_no_sense_are_passed_over(void)
{
    begin();
    close_all();
    tell("INSERT INTO held_gate VALUES ('0000:00:03.0', 'nowhere', 6, 1, 1), ('x', '0000:00:03.0', 6, 1, 1),"
         " ('0000:01:00.0', '0000:00:03.0', 8, 1, 1), ('0000:02:00.0', '0000:00:03.0', 4, -1, 1)");
    open_all();
    expect_level(-1, false);
    finish();
}

static void nothing_is_cleared_that_is_not_written_down(void)
{
    begin();
    tell("DROP VIEW gates; DROP TABLE held_gate");
    struct gate_result result = port_gates_set(&gates, &access_of_test, &root, GATE_CLOSED);
    CHECK_ERR(result.err, IDE_E_STORE);
    CU_ASSERT_FALSE(result.changed);
    CU_ASSERT_EQUAL(command_of(&root), 0x0100 | MEMORY | MASTER);
    expect_level(GATE_OPEN, true);
    finish();
}

/* What is put in there next is another one: what the last one's driver wanted is not its. */
static void a_device_that_is_gone_is_forgotten(void)
{
    begin();
    CHECK_OK(set(GATE_CLOSED).err);
    remove_function(&end);
    struct gate_result result = port_gates_below(&gates, &access_of_test, &root, ALL);
    CHECK_ERR(result.err, IDE_E_NO_DEVICE);
    CU_ASSERT_EQUAL(pcie_bdf_compare(&result.device, &end), 0);
    nodes[1].type = PCIE_TYPE_NONE;
    port_gates_members(&gates, &access_of_test, &topology, &root);
    nodes[1].type = PCIE_TYPE_ENDPOINT;
    CU_ASSERT_EQUAL(row_of(&end), -1);
    add_function(&end, MEMORY);
    CHECK_OK(set(GATE_OPEN).err);
    CU_ASSERT_EQUAL(command_of(&end), MEMORY);
    finish();
}

static void only_what_is_on_the_buses_is_touched(void)
{
    begin();
    put_command(&other, MEMORY | MASTER);
    CHECK_OK(port_gates_set(&gates, &access_of_test, &root, GATE_CLOSED).err);
    port_gates_members(&gates, &access_of_test, &topology, &root);
    CHECK_OK(port_gates_below(&gates, &access_of_test, &root, 1, 1).err);
    CU_ASSERT_EQUAL(command_of(&end), MEMORY);
    CU_ASSERT_EQUAL(command_of(&other), MEMORY | MASTER);
    expect_level(GATE_CLOSED, true);
    finish();
}

static void a_root_port_that_is_not_there_is_told(void)
{
    begin();
    remove_function(&root);
    CHECK_ERR(port_gates_set(&gates, &access_of_test, &root, GATE_CLOSED).err, IDE_E_NO_DEVICE);
    finish();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_turn_says_what_is_written_and_kept),
        TEST(the_level_follows_the_stream),
        TEST(what_somebody_stops_is_closed_until_it_is_off),
        TEST(one_that_fell_in_a_refresh_is_closed),
        TEST(what_was_open_is_open_again),
        TEST(of_an_absent_device_the_hosts_side_is_closed),
        TEST(what_somebody_sets_is_cleared_and_remembered),
        TEST(the_next_run_knows_what_was_there),
        TEST(after_a_boot_the_registers_are_new),
        TEST(rows_that_make_no_sense_are_passed_over),
        TEST(nothing_is_cleared_that_is_not_written_down),
        TEST(a_device_that_is_gone_is_forgotten),
        TEST(only_what_is_on_the_buses_is_touched),
        TEST(a_root_port_that_is_not_there_is_told),
        CU_TEST_INFO_NULL,
    };
    return suite_run("port_gate", tests);
}
