/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the state file holds of the platform, and what of it a start believes. */
#include "store_rig.h"
#include "suite.h"
#include "tools/ide-kmd/log.h"

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
    static const char *const wrong[] = {"rx = '1,2'",   "rx = '1,2,3,4'", "tx = '1,2,1024'", "tx = '-1,2,3'",
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
    CU_ASSERT_PTR_NULL(held.kept[0].reason.rule.key);
    held_release(&held);
    item.reason.kind = POLICY_CAUSE_INTERFERENCE;
    item.reason.rule = (struct policy_rule){"on-interference", POLICY_QUARANTINE};
    snprintf(item.reason.cause, sizeof item.reason.cause, "it's Mallory");
    held = take_kept(&item);
    CU_ASSERT_STRING_EQUAL(held.kept[0].reason.cause, "it's Mallory");
    CU_ASSERT_EQUAL(held.kept[0].reason.kind, POLICY_CAUSE_INTERFERENCE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(held.kept[0].reason.rule.key);
    CU_ASSERT_STRING_EQUAL(held.kept[0].reason.rule.key, "on-interference");
    CU_ASSERT_EQUAL(held.kept[0].reason.rule.action, POLICY_QUARANTINE);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM left_off WHERE cause_kind = 'interference' AND rule = 'on-interference'"),
                    1);
    held_release(&held);
    tell("UPDATE kept_off SET rule = 'on-tuesdays'"); /* of a version that knows more */
    held = load();
    CU_ASSERT_EQUAL_FATAL(held.kept_off, 1);
    CU_ASSERT_PTR_NULL(held.kept[0].reason.rule.key);
    held_release(&held);
    item.state = KEEPER_STARTING;
    held = take_kept(&item);
    CU_ASSERT_EQUAL(held.kept_off, 0);
    held_release(&held);
    store_close(store);
    drop_folder();
}

static void a_cxl_link_that_is_left_off_comes_back_so(void)
{
    struct keeper_item item = {.source = KEEPER_BY_CLIENT, .state = KEEPER_LEFT_OFF};
    item.want = (struct keeper_want){
        .key = {.cxl = true, .root_port = ends.bdf[END_ROOT_PORT], .endpoint = ends.bdf[END_ENDPOINT]},
        .cxl_mode = CXL_IDE_SKID,
        .cxl_generate = true};
    make_folder();
    CHECK_OK(open_store());
    struct held held = take_kept(&item);
    CU_ASSERT_EQUAL_FATAL(held.kept_off, 1);
    const struct keeper_want *want = &held.kept[0].want;
    CU_ASSERT_TRUE(want->key.cxl && want->cxl_generate && !want->has_stream);
    CU_ASSERT_EQUAL(want->cxl_mode, CXL_IDE_SKID);
    CU_ASSERT_EQUAL(held.kept[0].state, KEEPER_LEFT_OFF);
    held_release(&held);
    item.want.key.cxl = false; /* the stream of the same ports is another one */
    item.want.features.algorithm = PCIE_IDE_ALG_AES_GCM_256;
    held = take_kept(&item);
    CU_ASSERT_EQUAL(held.kept_off, 2);
    held_release(&held);
    tell("UPDATE kept_off SET features = '{\"mode\": \"both\"}' WHERE kind = 'cxl'");
    held = load();
    CU_ASSERT_EQUAL(held.kept_off, 1);
    held_release(&held);
    store_close(store);
    drop_folder();
}

static void what_the_configuration_wants_of_cxl_links_it_says_itself_at_the_next_start(void)
{
    struct held_cxl_link link = {.mode = CXL_IDE_SKID, .state = HELD_STARTING, .by_config = true};
    memcpy(link.bdf, ends.bdf, sizeof link.bdf);
    make_folder();
    CHECK_OK(open_store());
    CHECK_OK(store_hold_cxl_link(store, &link, &fault));
    CHECK_OK(store_set_cxl_link(store, &link.bdf[END_ROOT_PORT], HELD_UP, HELD_WANTED, &fault));
    struct held held = load();
    CU_ASSERT_EQUAL_FATAL(held.cxl_links, 1);
    CU_ASSERT_TRUE(held.cxl_link[0].by_config && held.cxl_link[0].wanted);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM cxl_links WHERE wanted_by = 'config'"), 1);
    held_release(&held);
    store_let_cxl_link_go(store, &link.bdf[END_ROOT_PORT]);
    store_want_no_config(store);
    held = load();
    CU_ASSERT_EQUAL(held.cxl_links, 0);
    held_release(&held);
    link.by_config = false; /* what somebody established is another matter */
    CHECK_OK(store_hold_cxl_link(store, &link, &fault));
    CHECK_OK(store_set_cxl_link(store, &link.bdf[END_ROOT_PORT], HELD_UP, HELD_WANTED, &fault));
    store_let_cxl_link_go(store, &link.bdf[END_ROOT_PORT]);
    store_want_no_config(store);
    held = load();
    CU_ASSERT_EQUAL_FATAL(held.cxl_links, 1);
    CU_ASSERT_TRUE(held.cxl_link[0].wanted && !held.cxl_link[0].by_config);
    held_release(&held);
    store_close(store);
    drop_folder();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(what_is_wanted_stays_and_what_is_not_goes),
        TEST(all_of_a_stream_comes_back),
        TEST(rows_that_make_no_sense_are_passed_over),
        TEST(slots_that_make_no_sense_are_passed_over),
        TEST(what_is_left_off_comes_back_so),
        TEST(a_cxl_link_that_is_left_off_comes_back_so),
        TEST(what_the_configuration_wants_of_cxl_links_it_says_itself_at_the_next_start),
        CU_TEST_INFO_NULL,
    };
    return suite_run("what the state file holds", tests);
}
