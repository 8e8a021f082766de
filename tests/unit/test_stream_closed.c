/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream that stays wanted is turned off with while-off = closed: which register is written when. The root
 * port lets nothing through before anything else, and nobody talks to an endpoint whose end of the stream may
 * be off while the root port's is on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "kmd_rig.h"
#include "root_port/aer.h"
#include "root_port/forwarding.h"
#include "suite.h"
#include "tools/ide-kmd/port_gate_host.h"

static struct rig_stream *s;

static struct {
    unsigned events;
    unsigned closed[END_COUNT],
        disabled[END_COUNT]; /* when its Command register, its control register was written */
    unsigned talked;         /* when the endpoint was first talked to, but for disabling it */
} seen;

static bool watch(const struct emu_function *f, unsigned offset, bool write, uint32_t value)
{
    enum stream_end end = f == s->root ? END_ROOT_PORT : END_ENDPOINT;
    if (f != s->root && f != s->device)
        return true;
    seen.events++;
    if (write && offset == PCIE_COMMAND && !seen.closed[end])
        seen.closed[end] = seen.events;
    if (write && rig_is_control(f, offset) && !(value & PCIE_IDE_STREAM_CTL_EN) && !seen.disabled[end])
        seen.disabled[end] = seen.events;
    else if (end == END_ENDPOINT && !seen.talked)
        seen.talked = seen.events;
    return true;
}

static bool command_fails(const struct emu_function *f, unsigned offset, bool write, uint32_t value)
{
    (void)f, (void)value;
    return !write || offset != PCIE_COMMAND;
}

static uint16_t command_of(struct emu_function *f)
{
    emu_lock(&rig.emu);
    uint16_t command = config_get16(&f->config, PCIE_COMMAND) & FORWARDING_ALL;
    emu_unlock(&rig.emu);
    return command;
}

/* Up, and its root port a gate that is open. */
static void begin(void)
{
    char error[512] = "";
    static const enum provider_choice choice = PROVIDER_DOE;
    if (!rig_open(1, &choice, error, sizeof error)) {
        fprintf(stderr, "%s\n", error);
        exit(EXIT_FAILURE);
    }
    s = &rig.stream[0];
    CU_ASSERT_TRUE_FATAL(rig_run(s, OPERATION_ESTABLISH));
    struct topology_node nodes[] = {
        {.bdf = s->root->desc.bdf, .type = PCIE_TYPE_ROOT_PORT, .bridge = true, .parent = TOPOLOGY_NONE},
        {.bdf = s->device->desc.bdf, .type = PCIE_TYPE_ENDPOINT, .parent = 0},
    };
    const struct topology topology = {.nodes = nodes, .count = 2};
    struct pcie_access access = {0};
    CHECK_OK(port_gates_set(&rig.gates, &access, &s->root->desc.bdf, GATE_OPEN).err);
    port_gates_members(&rig.gates, &access, &topology, &s->root->desc.bdf);
    memset(&seen, 0, sizeof seen);
    s->closes = true;
    rig.watch = watch;
}

static void finish(void)
{
    rig.watch = NULL;
    rig_close();
}

static void expect_closed(void)
{
    CU_ASSERT_EQUAL(command_of(s->root), 0);
    CU_ASSERT_EQUAL(command_of(s->device), PCIE_COMMAND_MEMORY);
    CU_ASSERT_EQUAL(port_gates_look(&rig.gates, &s->root->desc.bdf).level, GATE_CLOSED);
}

static void the_root_port_is_closed_before_anything_else(void)
{
    begin();
    CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
    CU_ASSERT_EQUAL(s->op.note_count, 0);
    CU_ASSERT_TRUE(seen.closed[END_ROOT_PORT] > 0 && seen.closed[END_ROOT_PORT] < seen.closed[END_ENDPOINT]);
    CU_ASSERT_TRUE(seen.closed[END_ENDPOINT] < seen.disabled[END_ROOT_PORT]);
    CU_ASSERT_TRUE(seen.disabled[END_ROOT_PORT] < seen.disabled[END_ENDPOINT]);
    expect_closed();
    finish();
}

static void an_endpoint_that_may_be_off_is_closed_when_both_are(void)
{
    begin();
    s->spares_below = true;
    CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
    CU_ASSERT_TRUE(seen.closed[END_ROOT_PORT] > 0 &&
                   seen.closed[END_ROOT_PORT] < seen.disabled[END_ROOT_PORT]);
    CU_ASSERT_TRUE(seen.disabled[END_ROOT_PORT] < seen.disabled[END_ENDPOINT]);
    CU_ASSERT_TRUE(seen.talked > seen.disabled[END_ENDPOINT]);
    CU_ASSERT_TRUE(seen.closed[END_ENDPOINT] > seen.disabled[END_ENDPOINT]);
    expect_closed();
    finish();
}

/* One that is wanted no longer is not closed. */
static void without_being_told_nothing_is_closed(void)
{
    begin();
    s->closes = false;
    CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
    CU_ASSERT_EQUAL(seen.closed[END_ROOT_PORT] + seen.closed[END_ENDPOINT], 0);
    CU_ASSERT_EQUAL(command_of(s->root), PCIE_COMMAND_MEMORY | PCIE_COMMAND_MASTER);
    finish();
}

/* It is told, and the stream is off all the same. */
static void a_root_port_that_does_not_obey_is_noted(void)
{
    begin();
    rig.watch = command_fails;
    CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
    CU_ASSERT_EQUAL_FATAL(s->op.note_count, 1);
    CHECK_ERR(s->op.note[0].err, IDE_E_IO);
    CU_ASSERT_STRING_EQUAL(s->op.note[0].step, "disable");
    CU_ASSERT_EQUAL(s->stream.state, STREAM_OFF);
    CU_ASSERT_EQUAL(port_gates_look(&rig.gates, &s->root->desc.bdf).level, GATE_OPEN);
    finish();
}

/* What is undone of an establish that fails was closed, and stays so. */
static void an_establish_that_fails_leaves_it_closed(void)
{
    begin();
    CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
    s->failure = (struct rig_failure){.action = STEP_AWAIT_SECURE, .end = END_ROOT_PORT};
    CU_ASSERT_FALSE(rig_run(s, OPERATION_ESTABLISH));
    expect_closed();
    finish();
}

/* ---- IDE errors while it is closed ------------------------------------------- */

static struct {
    unsigned count[END_COUNT];
    uint32_t errors[END_COUNT];
    bool is_watched; /* the root port */
} told;

static bool is_watched(void *context, const struct pcie_bdf *function)
{
    (void)context;
    return told.is_watched && pcie_bdf_compare(function, &s->root->desc.bdf) == 0;
}

static void tell(void *context, const struct pcie_bdf *function, uint32_t errors)
{
    enum stream_end end = pcie_bdf_compare(function, &s->root->desc.bdf) == 0 ? END_ROOT_PORT : END_ENDPOINT;
    (void)context;
    told.count[end]++;
    told.errors[end] = errors;
}

static void look(struct pcie_access *access, unsigned first, unsigned last)
{
    const struct gate_buses buses = {first, last};
    const struct gate_errors_ops ops = {is_watched, tell, NULL};
    memset(told.count, 0, sizeof told.count);
    port_gates_errors(&rig.gates, access, &s->root->desc.bdf, &buses, &ops);
}

static uint32_t log_error(struct emu_function *f, uint32_t error)
{
    emu_lock(&rig.emu);
    const struct aer_entry entry = {(enum aer_error)error, AER_NO_STREAM, "test"};
    if (error)
        aer_report(&f->aer, &f->config, &entry, NULL);
    uint32_t shown = config_get32(&f->config, f->aer.cap + PCIE_AER_UNCOR_STATUS);
    emu_unlock(&rig.emu);
    return shown;
}

static void expect_told(unsigned root_port, unsigned endpoint)
{
    CU_ASSERT_EQUAL(told.count[END_ROOT_PORT], root_port);
    CU_ASSERT_EQUAL(told.count[END_ENDPOINT], endpoint);
}

static void ide_errors_of_a_closed_root_port_are_told_once_and_cleared(void)
{
    struct pcie_access access = {0};
    begin();
    log_error(s->root, AER_MISROUTED_IDE);
    look(&access, 0, UINT8_MAX);
    expect_told(0, 0); /* it is open: the watch looks */
    CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
    log_error(s->device, AER_IDE_CHECK_FAILED);
    log_error(s->device, AER_UNSUPPORTED);
    told.is_watched = true; /* of another stream of its */
    look(&access, 1, 0);
    expect_told(0, 0);
    told.is_watched = false;
    look(&access, 1, 0); /* what is below may not be talked to */
    expect_told(1, 0);
    CU_ASSERT_EQUAL(told.errors[END_ROOT_PORT], PCIE_AER_MISROUTED_IDE);
    CU_ASSERT_EQUAL(log_error(s->root, 0), 0);
    look(&access, 0, UINT8_MAX);
    expect_told(0, 1);
    CU_ASSERT_EQUAL(told.errors[END_ENDPOINT], PCIE_AER_IDE_CHECK_FAILED);
    CU_ASSERT_EQUAL(log_error(s->device, 0), AER_UNSUPPORTED); /* is not ours to clear */
    look(&access, 0, UINT8_MAX);
    expect_told(0, 0);
    log_error(s->root, AER_MISROUTED_IDE); /* another one shows */
    look(&access, 0, UINT8_MAX);
    expect_told(1, 0);
    finish();
}

/* Linux's driver clears them; those from before are the watch's. */
static void where_the_kernel_serves_aer_they_are_told_once_and_left(void)
{
    char folder[] = "/tmp/test_stream_closed.XXXXXX", command[160], bdf[PCIE_BDF_TEXT];
    struct pcie_access access = {0};
    begin();
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    pcie_bdf_format(&s->root->desc.bdf, bdf);
    snprintf(command, sizeof command, "mkdir -p %s/%s/%s:pcie002/driver", folder, bdf, bdf);
    CU_ASSERT_EQUAL(system(command), 0);
    snprintf(access.devices, sizeof access.devices, "%s", folder);
    log_error(s->root, AER_IDE_CHECK_FAILED);
    CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
    look(&access, 0, UINT8_MAX);
    expect_told(0, 0);
    log_error(s->root, AER_MISROUTED_IDE);
    look(&access, 0, UINT8_MAX);
    expect_told(1, 0);
    look(&access, 0, UINT8_MAX);
    expect_told(0, 0);
    CU_ASSERT_EQUAL(told.errors[END_ROOT_PORT], PCIE_AER_MISROUTED_IDE);
    CU_ASSERT_EQUAL(log_error(s->root, 0), AER_MISROUTED_IDE | AER_IDE_CHECK_FAILED);
    snprintf(command, sizeof command, "rm -r %s", folder);
    CU_ASSERT_EQUAL(system(command), 0);
    finish();
}

static void who_may_be_talked_to(void)
{
    static struct stream stream;
    CU_ASSERT_TRUE(port_gate_may_talk(NULL));
    stream = (struct stream){.state = STREAM_STARTING};
    CU_ASSERT_TRUE(port_gate_may_talk(&stream));
    stream.state = STREAM_UP; /* nobody watches it */
    CU_ASSERT_FALSE(port_gate_may_talk(&stream));
    stream.seen.serial = 1;
    CU_ASSERT_TRUE(port_gate_may_talk(&stream));
    stream.seen.insecure = true; /* one end was turned off, or reset */
    CU_ASSERT_FALSE(port_gate_may_talk(&stream));
    stream.seen.both_on = true; /* a check failed: both guard themselves */
    CU_ASSERT_TRUE(port_gate_may_talk(&stream));
    stream = (struct stream){.state = STREAM_HALF_OFF};
    CU_ASSERT_FALSE(port_gate_may_talk(&stream));
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(the_root_port_is_closed_before_anything_else),
        TEST(an_endpoint_that_may_be_off_is_closed_when_both_are),
        TEST(without_being_told_nothing_is_closed),
        TEST(a_root_port_that_does_not_obey_is_noted),
        TEST(an_establish_that_fails_leaves_it_closed),
        TEST(ide_errors_of_a_closed_root_port_are_told_once_and_cleared),
        TEST(where_the_kernel_serves_aer_they_are_told_once_and_left),
        TEST(who_may_be_talked_to),
        CU_TEST_INFO_NULL,
    };
    return suite_run("stream_closed", tests);
}
