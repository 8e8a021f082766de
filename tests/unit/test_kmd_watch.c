/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the watch makes of what it sees; time is what the test says it is. */
#include "suite.h"

#include "tools/ide-kmd/watch_rules.h"

#define ID 5u

static const struct watch_end good = {
    .looked = true, .enabled = true, .stream_id = ID, .state = PCIE_IDE_STATE_SECURE};

static struct watch_sample both_good(void)
{
    return (struct watch_sample){.end = {good, good}};
}

static void expect(const struct watch_sample *sample, enum watch_cause cause, enum stream_end at)
{
    struct watch_verdict verdict = watch_judge(sample, ID);
    CU_ASSERT_STRING_EQUAL(watch_cause_text(verdict.cause), watch_cause_text(cause));
    CU_ASSERT_EQUAL(verdict.at, at);
}

static void two_good_ends_are_secure(void)
{
    struct watch_sample sample = both_good();
    expect(&sample, WATCH_CAUSE_NONE, END_ROOT_PORT);
    CU_ASSERT_PTR_NULL(watch_cause_name(WATCH_CAUSE_NONE));
    /* what is around them does not count as long as they are */
    sample.kernel = sample.link_down = true;
    sample.session_lost[END_ENDPOINT] = IDE_E_TIMEOUT;
    sample.end[END_ENDPOINT].errors = PCIE_AER_IDE;
    sample.end[END_ENDPOINT].fail_received = true;
    expect(&sample, WATCH_CAUSE_NONE, END_ROOT_PORT);
}

static void an_end_that_was_not_looked_at_is_taken_as_good(void)
{
    struct watch_sample sample = {.end = {[END_ROOT_PORT] = good}};
    expect(&sample, WATCH_CAUSE_NONE, END_ROOT_PORT);
    sample.end[END_ROOT_PORT].state = PCIE_IDE_STATE_INSECURE;
    expect(&sample, WATCH_CAUSE_UNKNOWN, END_ROOT_PORT);
}

static void a_reserved_state_is_not_secure(void)
{
    for (unsigned state = 0; state < 16; state++) {
        struct watch_sample sample = both_good();
        sample.end[END_ENDPOINT].state = (uint8_t)state;
        CU_ASSERT_EQUAL(watch_judge(&sample, ID).cause == WATCH_CAUSE_NONE, state == PCIE_IDE_STATE_SECURE);
    }
}

static struct watch_sample both_fallen(void)
{
    struct watch_sample sample = both_good();
    sample.end[END_ENDPOINT].state = sample.end[END_ROOT_PORT].state = PCIE_IDE_STATE_INSECURE;
    return sample;
}

static void without_a_reason_it_is_the_endpoint(void)
{
    struct watch_sample sample = both_fallen();
    expect(&sample, WATCH_CAUSE_UNKNOWN, END_ENDPOINT);
}

static void a_lost_session_is_a_reason_if_there_is_no_other(void)
{
    struct watch_sample sample = both_fallen();
    sample.session_lost[END_ROOT_PORT] = IDE_E_TIMEOUT;
    expect(&sample, WATCH_CAUSE_SESSION_LOST, END_ROOT_PORT);
    sample.end[END_ENDPOINT].errors = PCIE_AER_MISROUTED_IDE;
    expect(&sample, WATCH_CAUSE_AER, END_ENDPOINT);
}

static void only_ide_errors_of_aer_are_a_reason(void)
{
    struct watch_sample sample = both_fallen();
    sample.end[END_ROOT_PORT].errors = ~PCIE_AER_IDE;
    expect(&sample, WATCH_CAUSE_UNKNOWN, END_ENDPOINT);
    static const uint32_t bits[] = {PCIE_AER_IDE_CHECK_FAILED, PCIE_AER_MISROUTED_IDE,
                                    PCIE_AER_PCRC_CHECK_FAILED};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        sample.end[END_ROOT_PORT].errors = bits[i];
        expect(&sample, WATCH_CAUSE_AER, END_ROOT_PORT);
    }
}

/* Who received the message is not who refused the TLP. */
static void a_fail_message_points_at_its_sender(void)
{
    struct watch_sample sample = both_fallen();
    sample.end[END_ROOT_PORT].fail_received = true;
    sample.end[END_ENDPOINT].errors = PCIE_AER_IDE_CHECK_FAILED;
    expect(&sample, WATCH_CAUSE_IDE_FAIL, END_ENDPOINT);
    sample.end[END_ROOT_PORT].fail_received = false;
    sample.end[END_ENDPOINT].fail_received = true;
    expect(&sample, WATCH_CAUSE_IDE_FAIL, END_ROOT_PORT);
}

static void registers_as_after_a_reset(void)
{
    struct watch_sample sample = both_fallen();
    sample.end[END_ENDPOINT] = (struct watch_end){.looked = true, .stream_id = IDE_STREAM_ID_IDLE};
    sample.end[END_ROOT_PORT].fail_received = true; /* before it was reset */
    expect(&sample, WATCH_CAUSE_RESET, END_ENDPOINT);
    /* a device whose Stream ID is the stream's own after a reset */
    sample.end[END_ENDPOINT].stream_id = ID;
    sample.end[END_ENDPOINT].blank = true;
    expect(&sample, WATCH_CAUSE_RESET, END_ENDPOINT);
    sample.end[END_ENDPOINT].blank = false;
    expect(&sample, WATCH_CAUSE_DISABLED, END_ENDPOINT);
}

static void a_block_with_another_stream_is_taken(void)
{
    struct watch_sample sample = both_good();
    sample.end[END_ROOT_PORT].stream_id = ID + 1;
    expect(&sample, WATCH_CAUSE_TAKEN, END_ROOT_PORT);
}

static void what_is_gone_goes_before_what_registers_say(void)
{
    struct watch_sample sample = both_fallen();
    sample.end[END_ROOT_PORT].stream_id = ID + 1;
    sample.end[END_ENDPOINT] = (struct watch_end){.looked = true, .gone = true};
    expect(&sample, WATCH_CAUSE_GONE, END_ENDPOINT);
    sample.link_down = true;
    expect(&sample, WATCH_CAUSE_LINK_DOWN, END_ROOT_PORT);
    sample.kernel = true;
    expect(&sample, WATCH_CAUSE_KERNEL, END_ENDPOINT);
}

static void registers_are_read_as_the_specification_has_them(void)
{
    struct port_block block = {.control = 5u << 24 | 1u, .status = 2u};
    struct watch_end end = watch_end_of(&block);
    CU_ASSERT_TRUE(watch_end_is_secure(&end, ID));
    CU_ASSERT_FALSE(watch_end_is_secure(&end, ID + 1));
    block.status |= 1u << 31;
    CU_ASSERT_TRUE(watch_end_of(&block).fail_received);
    block.control = PCIE_ALL_ONES;
    end = watch_end_of(&block);
    CU_ASSERT_TRUE(end.gone);
    CU_ASSERT_FALSE(watch_end_is_secure(&end, 255));
    block = (struct port_block){.control = 5u << 24 | 1u, .status = PCIE_ALL_ONES};
    CU_ASSERT_TRUE(watch_end_of(&block).gone);
}

/* ---- what is said -------------------------------------------------------- */

static void a_fall_and_a_return_are_said_once(void)
{
    struct watch_memory memory = {0};
    const struct watch_verdict secure = {WATCH_CAUSE_NONE, END_ROOT_PORT},
                               fallen = {WATCH_CAUSE_IDE_FAIL, END_ENDPOINT};
    CU_ASSERT_FALSE(watch_is_news(&memory, secure));
    CU_ASSERT_TRUE(watch_is_news(&memory, fallen));
    CU_ASSERT_FALSE(watch_is_news(&memory, fallen));
    CU_ASSERT_TRUE(watch_is_news(&memory, secure));
    CU_ASSERT_FALSE(watch_is_news(&memory, secure));
    CU_ASSERT_TRUE(watch_is_news(&memory, fallen));
}

static void only_what_is_worse_is_said_of_a_stream_that_has_fallen(void)
{
    struct watch_memory memory = {0};
    CU_ASSERT_TRUE(watch_is_news(&memory, (struct watch_verdict){WATCH_CAUSE_IDE_FAIL, END_ENDPOINT}));
    CU_ASSERT_FALSE(watch_is_news(&memory, (struct watch_verdict){WATCH_CAUSE_DISABLED, END_ENDPOINT}));
    CU_ASSERT_FALSE(watch_is_news(&memory, (struct watch_verdict){WATCH_CAUSE_UNKNOWN, END_ENDPOINT}));
    CU_ASSERT_TRUE(watch_is_news(&memory, (struct watch_verdict){WATCH_CAUSE_GONE, END_ENDPOINT}));
    CU_ASSERT_FALSE(watch_is_news(&memory, (struct watch_verdict){WATCH_CAUSE_GONE, END_ENDPOINT}));
    CU_ASSERT_TRUE(watch_is_news(&memory, (struct watch_verdict){WATCH_CAUSE_KERNEL, END_ENDPOINT}));
    CU_ASSERT_FALSE(watch_is_news(&memory, (struct watch_verdict){WATCH_CAUSE_GONE, END_ENDPOINT}));
}

static void every_cause_has_a_name_of_its_own(void)
{
    for (int a = WATCH_CAUSE_KERNEL; a <= WATCH_CAUSE_UNKNOWN; a++)
        for (int b = a + 1; b <= WATCH_CAUSE_UNKNOWN; b++)
            CU_ASSERT_STRING_NOT_EQUAL(watch_cause_name((enum watch_cause)a),
                                       watch_cause_name((enum watch_cause)b));
}

/* ---- certificates, mailboxes, errors --------------------------------------- */

#define DAY 86400

static void certificates_end_when_they_say(void)
{
    const int64_t end = 2000000000;
    CU_ASSERT_EQUAL(watch_expiry(end, end - 30 * DAY - 1, 30), WATCH_VALID);
    CU_ASSERT_EQUAL(watch_expiry(end, end - 30 * DAY, 30), WATCH_EXPIRES_SOON);
    CU_ASSERT_EQUAL(watch_expiry(end, end, 30), WATCH_EXPIRES_SOON);
    CU_ASSERT_EQUAL(watch_expiry(end, end + 1, 30), WATCH_EXPIRED);
    CU_ASSERT_EQUAL(watch_expiry(end, end - 1, 0), WATCH_VALID);
    CU_ASSERT_EQUAL(watch_expiry(end, end + 1, 0), WATCH_EXPIRED);
    CU_ASSERT_EQUAL(watch_expiry(0, end, 30), WATCH_VALID);         /* it showed none */
    CU_ASSERT_EQUAL(watch_expiry(INT64_MAX, end, 30), WATCH_VALID); /* and a key that was given has no end */
    CU_ASSERT_EQUAL(watch_expiry(INT64_MAX - 1, INT64_MIN + 1, 3650), WATCH_VALID);
}

static void a_mailbox_is_lost_at_the_second_look(void)
{
    struct watch_doe doe = {0};
    CU_ASSERT_FALSE(watch_doe_look(&doe, false));
    CU_ASSERT_FALSE(watch_doe_look(&doe, true));
    CU_ASSERT_FALSE(watch_doe_look(&doe, false)); /* it was recovering */
    CU_ASSERT_FALSE(watch_doe_look(&doe, true));
    CU_ASSERT_TRUE(watch_doe_look(&doe, true));
    CU_ASSERT_TRUE(doe.lost);
    CU_ASSERT_FALSE(watch_doe_look(&doe, true));
    CU_ASSERT_TRUE(watch_doe_look(&doe, false));
    CU_ASSERT_FALSE(doe.lost);
}

static void errors_have_names_from_the_lowest_bit_on(void)
{
    uint32_t errors = PCIE_AER_IDE | 1u << 20 | 1u;
    static const char *const names[] = {"reserved", "unsupported_request", "ide_check_failed",
                                        "misrouted_ide_tlp", "pcrc_check_failed"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CU_ASSERT_STRING_EQUAL(aer_next_name(&errors), names[i]);
    CU_ASSERT_PTR_NULL(aer_next_name(&errors));
    for (uint32_t bit = 1; bit; bit <<= 1) {
        errors = bit;
        CU_ASSERT_PTR_NOT_NULL(aer_next_name(&errors));
        CU_ASSERT_EQUAL(errors, 0);
    }
}

/* ---- the link below a port ------------------------------------------------ */

static void link_status_says_active_or_nothing_of_use(void)
{
    CU_ASSERT_EQUAL(port_link_of(0x2011), PORT_LINK_ACTIVE);
    CU_ASSERT_EQUAL(port_link_of(0x0011), PORT_LINK_INACTIVE);
    CU_ASSERT_EQUAL(port_link_of(0), PORT_LINK_INACTIVE);
    CU_ASSERT_EQUAL(port_link_of(0xffff), PORT_LINK_UNKNOWN); /* no answer */
}

static void a_link_is_down_if_it_was_active_before(void)
{
    struct watch_link link = {0};
    CU_ASSERT_FALSE(watch_link_look(&link, PORT_LINK_INACTIVE));
    CU_ASSERT_FALSE(link.down);
    CU_ASSERT_FALSE(watch_link_look(&link, PORT_LINK_ACTIVE));
    CU_ASSERT_TRUE(watch_link_look(&link, PORT_LINK_INACTIVE));
    CU_ASSERT_TRUE(link.down);
    CU_ASSERT_FALSE(watch_link_look(&link, PORT_LINK_INACTIVE)); /* said once */
    CU_ASSERT_FALSE(watch_link_look(&link, PORT_LINK_UNKNOWN));
    CU_ASSERT_TRUE(link.down);
    CU_ASSERT_TRUE(watch_link_look(&link, PORT_LINK_ACTIVE));
    CU_ASSERT_FALSE(link.down);
    CU_ASSERT_TRUE(watch_link_look(&link, PORT_LINK_INACTIVE));
    link = (struct watch_link){.was_active = true}; /* as whoever set the stream up has seen it */
    CU_ASSERT_FALSE(watch_link_look(&link, PORT_LINK_UNKNOWN));
    CU_ASSERT_TRUE(watch_link_look(&link, PORT_LINK_INACTIVE));
}

/* ---- CXL links ---------------------------------------------------------------- */

static struct watch_cxl_sample cxl_sample(void)
{
    const struct cxl_ide_state active = {.direction = {CXL_IDE_STS_SKID, CXL_IDE_STS_SKID}};
    return (struct watch_cxl_sample){.mode = CXL_IDE_SKID,
                                     .looked = {true, true},
                                     .readable = {true, true},
                                     .state = {active, active}};
}

static void check_cxl(const struct watch_cxl_sample *sample, enum watch_cause cause, enum stream_end at)
{
    const struct watch_verdict verdict = watch_judge_cxl(sample);
    CU_ASSERT_EQUAL(verdict.cause, cause);
    CU_ASSERT_TRUE(cause == WATCH_CAUSE_NONE || verdict.at == at);
}

static void a_cxl_link_is_fine_if_both_ends_protect_both_directions(void)
{
    struct watch_cxl_sample sample = cxl_sample();
    check_cxl(&sample, WATCH_CAUSE_NONE, END_ROOT_PORT);
    sample.mode = CXL_IDE_CONTAINMENT; /* another one than was asked for */
    check_cxl(&sample, WATCH_CAUSE_UNKNOWN, END_ENDPOINT);
    for (int end = 0; end < END_COUNT; end++)
        for (unsigned d = 0; d < IDE_DIRECTIONS; d++) {
            sample = cxl_sample();
            sample.state[end].direction[d] = CXL_IDE_STS_INSECURE;
            check_cxl(&sample, WATCH_CAUSE_UNKNOWN, (enum stream_end)end);
        }
    sample = cxl_sample();
    sample.looked[END_ENDPOINT] = sample.readable[END_ENDPOINT] = false; /* somebody operates on it */
    check_cxl(&sample, WATCH_CAUSE_NONE, END_ROOT_PORT);
}

static void why_a_cxl_link_fell(void)
{
    struct watch_cxl_sample sample = cxl_sample();
    sample.state[END_ENDPOINT].direction[IDE_RX] = CXL_IDE_STS_INSECURE;
    sample.session_lost[END_ROOT_PORT] = IDE_E_TIMEOUT;
    check_cxl(&sample, WATCH_CAUSE_SESSION_LOST, END_ROOT_PORT);
    sample.state[END_ENDPOINT].error = 1;
    check_cxl(&sample, WATCH_CAUSE_AER, END_ENDPOINT);
    sample.readable[END_ROOT_PORT] = false;
    check_cxl(&sample, WATCH_CAUSE_GONE, END_ROOT_PORT);
    sample.link_down = true;
    check_cxl(&sample, WATCH_CAUSE_LINK_DOWN, END_ROOT_PORT);
}

int main(void)
{
    CU_TestInfo tests[] = {TEST(two_good_ends_are_secure),
                           TEST(an_end_that_was_not_looked_at_is_taken_as_good),
                           TEST(a_reserved_state_is_not_secure),
                           TEST(without_a_reason_it_is_the_endpoint),
                           TEST(a_lost_session_is_a_reason_if_there_is_no_other),
                           TEST(only_ide_errors_of_aer_are_a_reason),
                           TEST(a_fail_message_points_at_its_sender),
                           TEST(registers_as_after_a_reset),
                           TEST(a_block_with_another_stream_is_taken),
                           TEST(what_is_gone_goes_before_what_registers_say),
                           TEST(registers_are_read_as_the_specification_has_them),
                           TEST(a_fall_and_a_return_are_said_once),
                           TEST(only_what_is_worse_is_said_of_a_stream_that_has_fallen),
                           TEST(every_cause_has_a_name_of_its_own),
                           TEST(certificates_end_when_they_say),
                           TEST(a_mailbox_is_lost_at_the_second_look),
                           TEST(errors_have_names_from_the_lowest_bit_on),
                           TEST(link_status_says_active_or_nothing_of_use),
                           TEST(a_link_is_down_if_it_was_active_before),
                           TEST(a_cxl_link_is_fine_if_both_ends_protect_both_directions),
                           TEST(why_a_cxl_link_fell),
                           CU_TEST_INFO_NULL};
    return suite_run("what the watch makes of what it sees", tests);
}
