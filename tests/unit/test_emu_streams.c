/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream is Secure because both ends hold the same keys, and for no other reason. */
#include <string.h>

#include "emu_host.h"
#include "check.h"
#include "root_port/ide_stream.h"
#include "suite.h"
#include "tools/ide-emu/ide_link.h"

#define STREAM_ID 7u
#define SESSION_ROOT 0x00010001u
#define SESSION_END 0x00020002u
#define OTHER_SESSION 0x00030003u

/* One end of the stream that a test is about. */
struct end {
    struct emu_function *f;
    uint32_t session;
    struct ide_port port;
};

static struct emu emu;
static struct end root, device;
static struct ide_pair pair;

static void open_end(struct end *e, const char *bdf, uint32_t session)
{
    struct ide_fault fault;
    e->f = host_find(&emu, bdf);
    e->session = session;
    struct pcie_config c = host_config(e->f);
    CHECK_OK(ide_port_open(&e->port, &e->f->desc.bdf, &c, &fault));
}

/* Both ends prepared as a controller does it, nothing enabled and no keys. */
static void prepare(const char *root_port, const char *endpoint, enum ide_kind kind)
{
    static struct platform platform;
    char error[256];
    struct ide_fault fault;
    platform_default(&platform);
    emu_free(&emu);
    CU_ASSERT_TRUE_FATAL(emu_init(&emu, &platform, error, sizeof error));
    open_end(&root, root_port, SESSION_ROOT);
    open_end(&device, endpoint, SESSION_END);

    struct ide_stream_settings a = {.block = {kind, 0}, .stream_id = STREAM_ID};
    struct ide_stream_settings b = a;
    if (kind == IDE_SELECTIVE)
        ide_stream_associate(&root.port, &device.port, &root.port.config, &a, &b);
    memset(&pair, 0, sizeof pair);
    CHECK_OK(ide_stream_setup(&pair.root_port, &root.port, &a, &fault));
    CHECK_OK(ide_stream_setup(&pair.endpoint, &device.port, &b, &fault));
}

static void enable(void)
{
    struct ide_fault fault;
    CHECK_OK(ide_pair_enable(&pair, &fault));
}

static uint32_t status(const struct ide_stream *s, const struct end *e)
{
    return host_read(e->f, ide_status_offset(&e->port.cap, s->block), 4);
}

static bool is_secure(const struct ide_stream *s, const struct end *e)
{
    return (status(s, e) & PCIE_IDE_STREAM_STS_STATE) == PCIE_IDE_STATE_SECURE;
}

static void expect(bool secure)
{
    CU_ASSERT_EQUAL(is_secure(&pair.root_port, &root), secure);
    CU_ASSERT_EQUAL(is_secure(&pair.endpoint, &device), secure);
}

static struct ide_km_target target(unsigned set, unsigned direction, unsigned substream)
{
    return (struct ide_km_target){.stream_id = STREAM_ID,
                                  .key_set = (uint8_t)set,
                                  .direction = (enum ide_direction)direction,
                                  .substream = (enum ide_substream)substream};
}

/* The key that flows from the root port (Tx there) or from the endpoint, of a set and a round of keys. */
static struct ide_key key_of(unsigned set, bool from_root, unsigned substream, unsigned round)
{
    struct ide_key key = {.ifv = 1};
    memset(key.key, (int)(1 + set + 2 * from_root + 4 * substream + 16 * round), sizeof key.key);
    return key;
}

static enum kp_ack_status program(const struct end *e, unsigned set, unsigned direction, unsigned substream,
                                  unsigned round)
{
    bool from_root = (e == &root) == (direction == IDE_TX);
    struct ide_key key = key_of(set, from_root, substream, round);
    struct ide_km_target t = target(set, direction, substream);
    return ide_link_key_prog(e->f, e->session, &t, &key);
}

static void program_all(const struct end *e, unsigned set, unsigned round)
{
    for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
            CU_ASSERT_EQUAL(program(e, set, d, sub, round), KP_ACK_SUCCESS);
}

static bool go_one(const struct end *e, unsigned set, unsigned direction, unsigned substream)
{
    struct ide_km_target t = target(set, direction, substream);
    return ide_link_set_go(e->f, e->session, &t);
}

static void go(const struct end *e, unsigned set, unsigned direction)
{
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
        CU_ASSERT_TRUE(go_one(e, set, direction, sub));
}

static void key_both(unsigned set, unsigned round)
{
    program_all(&root, set, round);
    program_all(&device, set, round);
    go(&root, set, IDE_RX);
    go(&device, set, IDE_RX);
    go(&root, set, IDE_TX);
    go(&device, set, IDE_TX);
}

static void bring_up(void)
{
    prepare(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE);
    key_both(0, 0);
    enable();
    expect(true);
}

static void keys_and_enable_at_both_ends_make_it_secure(void)
{
    prepare(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE);
    struct ide_fault fault;
    key_both(0, 0);
    expect(false);
    CHECK_OK(ide_stream_enable(&pair.endpoint, &fault));
    expect(false);
    CHECK_OK(ide_stream_enable(&pair.root_port, &fault));
    expect(true);
}

static void enabling_alone_never_does(void)
{
    prepare(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE);
    enable();
    expect(false);
    program_all(&root, 0, 0);
    program_all(&device, 0, 0);
    expect(false);
}

static void enabled_first_it_becomes_secure_with_the_last_key_started(void)
{
    prepare(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE);
    enable();
    program_all(&root, 0, 0);
    program_all(&device, 0, 0);
    go(&root, 0, IDE_RX);
    go(&device, 0, IDE_RX);
    go(&root, 0, IDE_TX);
    CU_ASSERT_TRUE(go_one(&device, 0, IDE_TX, IDE_PR));
    CU_ASSERT_TRUE(go_one(&device, 0, IDE_TX, IDE_NPR));
    expect(false);
    CU_ASSERT_TRUE(go_one(&device, 0, IDE_TX, IDE_CPL));
    expect(true);
}

static void one_key_that_differs_keeps_it_insecure(void)
{
    for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
            prepare(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE);
            program_all(&root, 0, 0);
            program_all(&device, 0, 0);
            CU_ASSERT_EQUAL(program(&device, 0, d, sub, 1), KP_ACK_SUCCESS);
            for (unsigned k = 0; k < IDE_DIRECTIONS; k++) {
                go(&root, 0, k);
                go(&device, 0, k);
            }
            enable();
            expect(false);
        }
}

static void another_stream_id_at_one_end_keeps_it_insecure(void)
{
    prepare(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE);
    key_both(0, 0);
    unsigned control = ide_control_offset(&device.port.cap, pair.endpoint.block);
    host_write(device.f, control + 3, 1, STREAM_ID + 1);
    CU_ASSERT_FALSE(port_stream_has_keys(&device.f->ide.streams[1])); /* they belonged to the old name */
    enable();
    expect(false);
}

static void without_rid_association_it_stays_insecure(void)
{
    prepare(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE);
    key_both(0, 0);
    host_write(root.f, ide_block_offset(&root.port.cap, IDE_SELECTIVE, 0) + PCIE_IDE_SEL_RID_2, 4, 0);
    enable();
    expect(false);
}

static void disabling_one_end_makes_both_insecure_and_wipes_that_one(void)
{
    struct ide_fault fault;
    bring_up();
    CHECK_OK(ide_stream_disable(&pair.root_port, &fault));
    expect(false);
    CU_ASSERT_FALSE(port_stream_has_keys(&root.f->ide.streams[1]));
    CHECK_OK(ide_stream_enable(&pair.root_port, &fault));
    expect(false);
}

static void the_end_of_the_session_makes_it_insecure(void)
{
    bring_up();
    ide_link_session_end(device.f, OTHER_SESSION);
    expect(true);
    ide_link_session_end(device.f, device.session);
    expect(false);
    CU_ASSERT_FALSE(port_stream_has_keys(&device.f->ide.streams[1]));
    CU_ASSERT_TRUE(port_stream_has_keys(&root.f->ide.streams[1]));
}

/* After every single step of a refresh the stream is Secure. */
static void a_refresh_never_leaves_secure(void)
{
    bring_up();
    for (unsigned round = 1; round <= 4; round++) {
        unsigned set = round % 2;
        const struct end *const ends[] = {&root, &device};
        for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
            for (unsigned e = 0; e < 2; e++)
                for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
                    CU_ASSERT_EQUAL(program(ends[e], set, d, sub, round), KP_ACK_SUCCESS);
                    expect(true);
                }
        for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
            for (unsigned e = 0; e < 2; e++)
                for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
                    CU_ASSERT_TRUE(go_one(ends[e], set, d, sub));
                    expect(true);
                }
        for (unsigned d = 0; d < IDE_DIRECTIONS && round < 3; d++)
            for (unsigned e = 0; e < 2; e++)
                for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
                    struct ide_km_target t = target(!set, d, sub);
                    CU_ASSERT_TRUE(ide_link_set_stop(ends[e]->f, ends[e]->session, &t));
                    expect(true);
                }
    }
    CU_ASSERT_EQUAL(status(&pair.root_port, &root) & PCIE_IDE_STREAM_STS_FAIL, 0);
}

static void a_refresh_to_a_key_the_receiver_does_not_have_fails_there(void)
{
    bring_up();
    program_all(&root, 1, 1);
    program_all(&device, 1, 2);
    go(&device, 1, IDE_RX);
    expect(true); /* receivers that are ready change nothing yet */
    CU_ASSERT_TRUE(go_one(&root, 1, IDE_TX, IDE_PR));
    expect(false);
    CU_ASSERT_EQUAL(status(&pair.root_port, &root), PCIE_IDE_STREAM_STS_FAIL); /* told by the receiver */
    CU_ASSERT_EQUAL(status(&pair.endpoint, &device), 0);
    CU_ASSERT_FALSE(port_stream_has_keys(&device.f->ide.streams[1]));

    unsigned at = ide_status_offset(&root.port.cap, pair.root_port.block);
    host_write(root.f, at, 4, PCIE_IDE_STREAM_STS_FAIL);
    CU_ASSERT_EQUAL(host_read(root.f, at, 4), 0);
    key_both(0, 3); /* and new keys at both ends mend it */
    expect(true);
}

static void a_transmitter_that_switches_first_fails(void)
{
    bring_up();
    program_all(&root, 1, 1);
    program_all(&device, 1, 1);
    CU_ASSERT_TRUE(go_one(&device, 1, IDE_TX, IDE_CPL));
    expect(false);
    CU_ASSERT_EQUAL(status(&pair.endpoint, &device), PCIE_IDE_STREAM_STS_FAIL);
}

static void stopping_keys_in_use_makes_it_insecure(void)
{
    for (unsigned d = 0; d < IDE_DIRECTIONS; d++) {
        bring_up();
        struct ide_km_target t = target(0, d, IDE_NPR);
        CU_ASSERT_TRUE(ide_link_set_stop(device.f, device.session, &t));
        expect(false);
    }
}

static void keys_in_use_are_not_overwritten(void)
{
    bring_up();
    CU_ASSERT_EQUAL(program(&root, 0, IDE_TX, IDE_PR, 1), KP_ACK_UNSPECIFIED_FAILURE);
    expect(true);
}

static void go_needs_the_whole_key_set(void)
{
    prepare(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE);
    for (unsigned i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(program(&root, 0, i / 3, i % 3, 0), KP_ACK_SUCCESS);
        CU_ASSERT_FALSE(go_one(&root, 0, IDE_RX, IDE_PR));
    }
    CU_ASSERT_EQUAL(program(&root, 0, IDE_TX, IDE_CPL, 0), KP_ACK_SUCCESS);
    CU_ASSERT_FALSE(go_one(&root, 1, IDE_RX, IDE_PR));
    CU_ASSERT_TRUE(go_one(&root, 0, IDE_RX, IDE_PR));
}

/* A set that was used before needs six new keys too. */
static void rounds_of_a_key_set_do_not_mix(void)
{
    bring_up();
    key_both(1, 1);
    CU_ASSERT_EQUAL(program(&root, 0, IDE_RX, IDE_PR, 2), KP_ACK_SUCCESS);
    CU_ASSERT_FALSE(go_one(&root, 0, IDE_RX, IDE_PR));
    expect(true);
}

static void all_keys_of_a_stream_come_from_one_session(void)
{
    prepare(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE);
    CU_ASSERT_EQUAL(program(&root, 0, IDE_RX, IDE_PR, 0), KP_ACK_SUCCESS);
    struct ide_km_target t = target(0, IDE_RX, IDE_NPR);
    struct ide_key key = key_of(0, false, IDE_NPR, 0);
    CU_ASSERT_EQUAL(ide_link_key_prog(root.f, OTHER_SESSION, &t, &key), KP_ACK_UNSPECIFIED_FAILURE);
    program_all(&root, 0, 0);
    CU_ASSERT_FALSE(ide_link_set_go(root.f, OTHER_SESSION, &t));
    CU_ASSERT_FALSE(ide_link_set_stop(root.f, OTHER_SESSION, &t));
    ide_link_session_end(root.f, root.session);
    CU_ASSERT_EQUAL(ide_link_key_prog(root.f, OTHER_SESSION, &t, &key), KP_ACK_SUCCESS);
}

static void what_a_port_does_not_have_has_its_status(void)
{
    prepare(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE);
    struct ide_key key = key_of(0, true, IDE_PR, 0), bad_ifv = {.ifv = 2};
    struct ide_km_target good = target(0, IDE_TX, IDE_PR), t = good;
    t.port_index = 1;
    CU_ASSERT_EQUAL(ide_link_key_prog(root.f, 1, &t, &key), KP_ACK_UNSUPPORTED_PORT_INDEX);
    t = good;
    t.stream_id = STREAM_ID + 1;
    CU_ASSERT_EQUAL(ide_link_key_prog(root.f, 1, &t, &key), KP_ACK_UNSUPPORTED_VALUE);
    t.stream_id = IDE_STREAM_ID_IDLE; /* several idle blocks carry it */
    CU_ASSERT_EQUAL(ide_link_key_prog(root.f, 1, &t, &key), KP_ACK_UNSUPPORTED_VALUE);
    t = good;
    t.substream = (enum ide_substream)3;
    CU_ASSERT_EQUAL(ide_link_key_prog(root.f, 1, &t, &key), KP_ACK_UNSUPPORTED_VALUE);
    CU_ASSERT_EQUAL(ide_link_key_prog(root.f, 1, &good, &bad_ifv), KP_ACK_UNSUPPORTED_VALUE);
    CU_ASSERT_EQUAL(ide_link_key_prog(root.f, 1, &good, &key), KP_ACK_SUCCESS);
}

static void a_stream_through_a_switch_needs_flow_through(void)
{
    prepare(ROOT_PORT_B, ENDPOINT_B, IDE_SELECTIVE);
    key_both(0, 0);
    enable();
    expect(false);
    struct emu_function *up = host_find(&emu, UPSTREAM_B), *down = host_find(&emu, DOWNSTREAM_B);
    host_write(up, up->ide.cap + PCIE_IDE_CTL, 4, PCIE_IDE_CTL_FLOWTHROUGH);
    expect(false);
    host_write(down, down->ide.cap + PCIE_IDE_CTL, 4, PCIE_IDE_CTL_FLOWTHROUGH);
    expect(true);
    host_write(up, up->ide.cap + PCIE_IDE_CTL, 4, 0);
    expect(false);
}

static void a_link_stream_is_secure_in_the_same_way(void)
{
    prepare(ROOT_PORT_A, ENDPOINT_A, IDE_LINK);
    enable();
    expect(false);
    key_both(0, 0);
    expect(true);
}

static void a_tlp_that_does_not_authenticate_ends_it(void)
{
    bring_up();
    ide_link_fail((struct link_end){device.f, &device.f->ide.streams[1]});
    expect(false);
    CU_ASSERT_EQUAL(status(&pair.root_port, &root), PCIE_IDE_STREAM_STS_FAIL);
}

/* The endpoint's keys are with an external responder: the root port's own must do, and no enable bit alone. */
static void with_a_bridged_end_the_known_end_decides(void)
{
    prepare(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE);
    device.f->bridged = true;
    enable();
    expect(false);
    program_all(&root, 0, 0);
    go(&root, 0, IDE_RX);
    expect(false);
    go(&root, 0, IDE_TX);
    expect(true);
    program_all(&root, 1, 1);
    go(&root, 1, IDE_RX);
    go(&root, 1, IDE_TX);
    expect(true);
    ide_link_session_end(root.f, root.session);
    expect(false);
}

static void with_both_ends_bridged_nothing_is_secure(void)
{
    bring_up();
    root.f->bridged = device.f->bridged = true;
    ide_link_settle(&emu);
    expect(false);
}

static void a_port_told_to_stay_insecure_says_so_alone(void)
{
    bring_up();
    root.f->faults.left[FAULT_STAYS_INSECURE] = FAULT_FOREVER;
    ide_link_settle(&emu);
    CU_ASSERT_FALSE(is_secure(&pair.root_port, &root));
    CU_ASSERT_TRUE(is_secure(&pair.endpoint, &device));
}

static int tear_down(void)
{
    emu_free(&emu);
    return 0;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(keys_and_enable_at_both_ends_make_it_secure),
        TEST(enabling_alone_never_does),
        TEST(enabled_first_it_becomes_secure_with_the_last_key_started),
        TEST(one_key_that_differs_keeps_it_insecure),
        TEST(another_stream_id_at_one_end_keeps_it_insecure),
        TEST(without_rid_association_it_stays_insecure),
        TEST(disabling_one_end_makes_both_insecure_and_wipes_that_one),
        TEST(the_end_of_the_session_makes_it_insecure),
        TEST(a_refresh_never_leaves_secure),
        TEST(a_refresh_to_a_key_the_receiver_does_not_have_fails_there),
        TEST(a_transmitter_that_switches_first_fails),
        TEST(stopping_keys_in_use_makes_it_insecure),
        TEST(keys_in_use_are_not_overwritten),
        TEST(go_needs_the_whole_key_set),
        TEST(rounds_of_a_key_set_do_not_mix),
        TEST(all_keys_of_a_stream_come_from_one_session),
        TEST(what_a_port_does_not_have_has_its_status),
        TEST(a_stream_through_a_switch_needs_flow_through),
        TEST(a_link_stream_is_secure_in_the_same_way),
        TEST(a_tlp_that_does_not_authenticate_ends_it),
        TEST(with_a_bridged_end_the_known_end_decides),
        TEST(with_both_ends_bridged_nothing_is_secure),
        TEST(a_port_told_to_stay_insecure_says_so_alone),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("emulated streams", NULL, tear_down, tests);
}
