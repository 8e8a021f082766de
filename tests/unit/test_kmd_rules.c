/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which device gets which streams and which policy: what the file says, what it must not say, and who wins.
 */
#include <stdlib.h>

#include "config_rig.h"
#include "suite.h"

static struct rules_surroundings around;

static bool parse(const char *text)
{
    bool ok = config_rig_parse(text, strlen(text));
    rules_check(&settings.rules, &around, &problems);
    return ok && problems.count == 0;
}

/* ---- [stream] ------------------------------------------------------------ */

static void a_profile_has_all_that_establish_has(void)
{
    CU_ASSERT_TRUE_FATAL(parse("[stream bulk]\n"
                               "stream = 7\n"
                               "tc = 3\n"
                               "link = yes\n"
                               "selective = yes\n"
                               "algorithm = AES-GCM-256\n"
                               "partial-header = 25:2\n"
                               "aggregation = pr=4, npr=2\n"
                               "pcrc = yes\n"
                               "config-requests = yes\n"
                               "default = yes\n"
                               "tee-limited = yes\n"));
    const struct stream_profile *p = rules_profile(&settings.rules, "bulk");
    const struct ide_features *f = &p->wish.features;
    CU_ASSERT_TRUE(p->has_stream && p->stream == 7 && p->wish.link && p->wish.selective);
    CU_ASSERT_TRUE(f->traffic_class == 3 && f->partial_header == IDE_HEADER_25_2 &&
                   f->pr == IDE_AGGREGATION_4 && f->npr == IDE_AGGREGATION_2 &&
                   f->cpl == IDE_AGGREGATION_NONE);
    CU_ASSERT_TRUE(f->pcrc && f->config_requests && f->default_stream && f->tee_limited);
    CU_ASSERT_EQUAL(f->algorithm, PCIE_IDE_ALG_AES_GCM_256);
}

static void a_link_profile_is_not_selective_unless_it_says_so(void)
{
    CU_ASSERT_TRUE(parse("[stream l]\nlink = yes\n"));
    CU_ASSERT_TRUE(settings.rules.profile[0].wish.link && !settings.rules.profile[0].wish.selective);
    CU_ASSERT_TRUE(parse("[stream l]\nselective = yes\nlink = yes\n"));
    CU_ASSERT_TRUE(settings.rules.profile[0].wish.link && settings.rules.profile[0].wish.selective);
}

static void wrong_profiles_are_refused(void)
{
    CHECK_WRONG("[stream a]\nstream = 255\n", "f:2: stream is not a number from 0 to 254: 255\n");
    CHECK_WRONG("[stream a]\ntc = 8\n", "f:2: tc is not a traffic class, 0 to 7: 8\n");
    CHECK_WRONG("[stream a]\ntc = x\n", "f:2: tc is not a traffic class, 0 to 7: x\n");
    CHECK_WRONG("[stream a]\nlink = true\n", "f:2: link is not yes or no: true\n");
    CHECK_WRONG("[stream a]\npcrc = 1\n", "f:2: pcrc is not yes or no: 1\n");
    CHECK_WRONG("[stream a]\nalgorithm = AES\n", "f:2: algorithm is not AES-GCM-256: AES\n");
    CHECK_WRONG("[stream a]\npartial-header = 16:2\n",
                "f:2: partial-header is not 17:2, 25:2, 33:2, 41:2 or none: 16:2\n");
    CHECK_WRONG("[stream a]\naggregation = 3\n",
                "f:2: aggregation is not 2, 4, 8 or none, or a list such as pr=4,npr=none: 3\n");
    CHECK_WRONG("[stream a]\ncolour = red\n", "f:2: there is no key colour in [stream]\n");
    CHECK_WRONG("[stream a]\nconfig_requests = yes\n", "f:2: there is no key config_requests in [stream]\n");
    CHECK_WRONG("[stream a]\ntc = 1\n\ntc = 1\n", "f:4: tc is there already, in line 2\n");
    CHECK_WRONG("[stream a]\n[stream  a]\n", "f:2: [stream a] is there already, in line 1\n");
    CHECK_WRONG("[stream a b]\n", "f:1: no name for streams (letters, digits, _ - ., up to 31): a b\n");
    CHECK_WRONG("[stream none]\n", "f:1: no name for streams (letters, digits, _ - ., up to 31): none\n");
    CHECK_WRONG("[stream]\n", "f:1: there is no section [stream]\n");
    CHECK_WRONG("[stream a]\nselective = no\n", "f:2: [stream a] is neither selective nor a link's\n");
    CHECK_WRONG("[stream a]\nlink = yes\nconfig-requests = yes\npcrc = yes\n",
                "f:3: a link stream has no config-requests\n");
}

static void a_cxl_profile_is_a_cxl_link_and_nothing_else(void)
{
    CU_ASSERT_TRUE_FATAL(parse("[stream mem]\ncxl = yes\nmode = skid\ngenerate = yes\n[stream plain]\ncxl = yes\n"));
    const struct stream_profile *p = rules_profile(&settings.rules, "mem");
    CU_ASSERT_TRUE(p->cxl && p->cxl_mode == CXL_IDE_SKID && p->cxl_generate);
    CU_ASSERT_FALSE(p->wish.selective || p->wish.link);
    p = rules_profile(&settings.rules, "plain");
    CU_ASSERT_TRUE(p->cxl && p->cxl_mode == CXL_IDE_CONTAINMENT && !p->cxl_generate);
    CU_ASSERT_TRUE(parse("[stream a]\ncxl = no\n"));
    CU_ASSERT_TRUE(rules_profile(&settings.rules, "a")->wish.selective);
}

static void wrong_cxl_profiles_are_refused(void)
{
    static const char *const others[] = {"stream = 1",       "tc = 1",           "link = yes", "selective = yes",
                                         "aggregation = 2",  "pcrc = yes",       "default = yes",
                                         "partial-header = none", "algorithm = AES-GCM-256", "config-requests = no",
                                         "tee-limited = yes"};
    char text[128], wanted[128];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        (void)snprintf(text, sizeof text, "[stream a]\ncxl = yes\n%s\n", others[i]);
        (void)snprintf(wanted, sizeof wanted, "f:3: a CXL link has no %.*s\n", (int)strcspn(others[i], " "),
                       others[i]);
        CHECK_WRONG(text, wanted);
    }
    CHECK_WRONG("[stream a]\ncxl = on\n", "f:2: cxl is not yes or no: on\n");
    CHECK_WRONG("[stream a]\ncxl = yes\nmode = both\n", "f:3: mode is not containment or skid: both\n");
    CHECK_WRONG("[stream a]\ncxl = yes\ngenerate = keys\n", "f:3: generate is not yes or no: keys\n");
    CHECK_WRONG("[stream a]\nmode = skid\n", "f:2: mode is about a CXL link, and needs cxl = yes\n");
    CHECK_WRONG("[stream a]\ncxl = no\ngenerate = yes\n",
                "f:3: generate is about a CXL link, and needs cxl = yes\n");
    CHECK_WRONG("[stream a]\ncxl = yes\n[stream b]\ncxl = yes\n[device all]\nstreams = a, b\n",
                "f:6: the streams a and b are the CXL link both, and a device has one\n");
    CU_ASSERT_TRUE(parse("[stream a]\ncxl = yes\n[device all]\nstreams = default, a\n"));
}

/* ---- [link] -------------------------------------------------------------- */

static void a_link_has_a_section_under_either_of_its_ports(void)
{
    static const struct pcie_bdf upper = {0, 3, 0, 0}, lower = {0, 4, 0, 0}, other = {0, 0, 4, 0};
    struct policy p;
    CU_ASSERT_TRUE_FATAL(parse("[stream hop]\nlink = yes\nstream = 9\n"
                               "[device 0000:03:00.0]\nstreams = default\n"
                               "[link 0000:03:00.0]\nstreams = hop\non-failure = leave-off\n"));
    const struct device_rule *rule = rules_link(&settings.rules, &upper, &lower);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rule);
    CU_ASSERT_STRING_EQUAL(rule->stream[0], "hop");
    CU_ASSERT_EQUAL(rule->policy.on_failure, POLICY_LEAVE_OFF);
    CU_ASSERT_PTR_EQUAL(rules_link(&settings.rules, &other, &upper), rule);
    CU_ASSERT_PTR_NULL(rules_link(&settings.rules, &other, &lower));
    /* it is no rule of what is below it */
    const struct rules_device below = {.bdf = lower, .above = &upper, .above_count = 1};
    const struct device_rule *streams = rules_resolve(&settings.rules, &policy_default, &below, &p);
    CU_ASSERT_PTR_NOT_NULL_FATAL(streams);
    CU_ASSERT_STRING_EQUAL(streams->stream[0], "default");
    CU_ASSERT_EQUAL(p.on_failure, POLICY_RETRY);
}

static void wrong_links_are_refused(void)
{
    CHECK_WRONG("[link all]\n", "f:1: a link is the address of a port at it, as 0000:03:00.0: all\n");
    CHECK_WRONG("[link 1b36:0010]\n", "f:1: a link is the address of a port at it, as 0000:03:00.0: 1b36:0010\n");
    CHECK_WRONG("[link 0000:03:00.0]\n[link 0000:03:00.0]\n",
                "f:2: [link 0000:03:00.0] is there already, in line 1\n");
    CHECK_WRONG("[link 0000:03:00.0]\ntc = 1\n", "f:2: there is no key tc in [link]\n");
    CHECK_WRONG("[link 0000:03:00.0]\nstreams = default\n",
                "f:2: a link has streams with link = yes only, and [stream default] is another one\n");
    CHECK_WRONG("[stream b]\nlink = yes\nselective = yes\n[link 0000:03:00.0]\nstreams = b\n",
                "f:5: a link has streams with link = yes only, and [stream b] is another one\n");
    CHECK_WRONG("[stream c]\ncxl = yes\n[link 0000:03:00.0]\nstreams = c\n",
                "f:4: a link has streams with link = yes only, and [stream c] is another one\n");
    CHECK_WRONG("[stream x]\nlink = yes\n[stream y]\nlink = yes\n[link 0000:03:00.0]\nstreams = x, y\n",
                "f:6: the streams x and y have traffic class 0 both\n");
    CHECK_WRONG("[link 0000:03:00.0]\nstreams = none\nretry-first = soon\n",
                "f:3: retry-first is no time such as 30s, 15min, 12h or 7d: soon\n");
}

/* ---- [device] ------------------------------------------------------------ */

static void wrong_devices_are_refused(void)
{
    static const char who[] = "a device is all, VENDOR:DEVICE as 8086:0b60, or an address as 0000:01:00.0";
    char wanted[200];
    (void)snprintf(wanted, sizeof wanted, "f:1: %s: 01:00.0\n", who);
    CHECK_WRONG("[device 01:00.0]\n", wanted);
    (void)snprintf(wanted, sizeof wanted, "f:1: %s: 8086\n", who);
    CHECK_WRONG("[device 8086]\nstreams = default\n", wanted);
    (void)snprintf(wanted, sizeof wanted, "f:1: %s: ALL\n", who);
    CHECK_WRONG("[device ALL]\n", wanted);
    CHECK_WRONG("[device all]\nstream = a\n", "f:2: there is no key stream in [device]\n");
    CHECK_WRONG("[device 1b36:0010]\n[device 1B36:0010]\n",
                "f:2: [device 1B36:0010] is there already, in line 1\n");
}

static void wrong_lists_of_streams_are_refused(void)
{
    CHECK_WRONG("[device all]\nstreams = x\n", "f:2: there is no section [stream x]\n");
    CHECK_WRONG("[device all]\nstreams = default, default\n", "f:2: streams names default twice\n");
    CHECK_WRONG("[device all]\nstreams = default, none\n", "f:2: there is no section [stream none]\n");
    CHECK_WRONG("[device all]\nstreams = default,\n",
                "f:2: streams is a list of [stream] names with commas, or none: \"\" is no name\n");
    CHECK_WRONG("[device all]\nstreams = none\nstreams = none\n",
                "f:3: streams is there already, in line 2\n");
}

static void streams_that_cannot_be_together_are_contradictions(void)
{
    CHECK_WRONG(
        "[stream a]\nstream = 1\n[stream b]\nstream = 1\ntc = 1\n[device 0000:01:00.0]\nstreams = a, b\n",
        "f:7: the streams a and b have the number 1 both\n");
    CHECK_WRONG("[stream a]\n[device 0000:01:00.0]\nstreams = a, default\n",
                "f:3: the streams a and default have traffic class 0 both\n");
    CU_ASSERT_TRUE(parse("[stream a]\nlink = yes\n[device 0000:01:00.0]\nstreams = a, default\n"));
    CHECK_WRONG("[stream a]\nstream = 1\n[device all]\nstreams = a\n",
                "f:4: [stream a] has a fixed number, and only one device under a host bridge can have it\n");
}

/* ---- policy -------------------------------------------------------------- */

static void a_policy_is_read(void)
{
    CU_ASSERT_TRUE_FATAL(parse("[policy]\n"
                               "mutual = no\n"
                               "refresh-every = 12h\n"
                               "refresh-tlps = 2^40\n"
                               "refresh-records = 1000000\n"
                               "refresh-attempts = 5\n"
                               "heartbeat = 10s\n"
                               "on-failure = retry\n"
                               "on-wrong-identity = quarantine\n"
                               "on-interference = leave-off\n"
                               "retry-first = 500ms\n"
                               "retry-most = 15min\n"
                               "retry-attempts = 8\n"
                               "on-give-up = quarantine\n"));
    const struct policy *p = &settings.rules.policy;
    CU_ASSERT_EQUAL(p->mutual, POLICY_MUTUAL_NO);
    CU_ASSERT_EQUAL(p->refresh_every_ms, 12 * 3600000);
    CU_ASSERT_EQUAL(p->refresh_tlps, (uint64_t)1 << 40);
    CU_ASSERT_EQUAL(p->refresh_records, 1000000);
    CU_ASSERT_EQUAL(p->refresh_attempts, 5);
    CU_ASSERT_EQUAL(p->heartbeat_ms, 10000);
    CU_ASSERT_EQUAL(p->on_failure, POLICY_RETRY);
    CU_ASSERT_EQUAL(p->on_wrong_identity, POLICY_QUARANTINE);
    CU_ASSERT_EQUAL(p->on_interference, POLICY_LEAVE_OFF);
    CU_ASSERT_EQUAL(p->retry_first_ms, 500);
    CU_ASSERT_EQUAL(p->retry_most_ms, 900000);
    CU_ASSERT_EQUAL(p->retry_attempts, 8);
    CU_ASSERT_EQUAL(p->on_give_up, POLICY_QUARANTINE);
}

static void wrong_policies_are_refused(void)
{
    CHECK_WRONG("[policy]\nmutual = yes\n", "f:2: mutual is none of no, wanted, required: yes\n");
    CHECK_WRONG("[policy]\nrefresh-every = 1\nrefresh-every = 1\n",
                "f:3: refresh-every is there already, in line 2\n");
    CHECK_WRONG("[policy]\nrefresh-every = 1w\n",
                "f:2: refresh-every is no time such as 30s, 15min, 12h or 7d: 1w\n");
    CHECK_WRONG("[policy]\nrefresh-every = 0\n",
                "f:2: refresh-every is no time such as 30s, 15min, 12h or 7d: 0\n");
    CHECK_WRONG("[policy]\nretry-first = never\n",
                "f:2: retry-first is no time such as 30s, 15min, 12h or 7d: never\n");
    CHECK_WRONG("[policy]\nrefresh-tlps = 2^64\n",
                "f:2: refresh-tlps is neither a number, such as 1000000 or 2^40, nor never: 2^64\n");
    CHECK_WRONG("[policy]\nrefresh-tlps = -1\n",
                "f:2: refresh-tlps is neither a number, such as 1000000 or 2^40, nor never: -1\n");
    CHECK_WRONG("[policy]\nrefresh-records = 18446744073709551616\n",
                "f:2: refresh-records is neither a number, such as 1000000 or 2^40, nor never: "
                "18446744073709551616\n");
    CHECK_WRONG("[policy]\nretry-attempts = 0\n", "f:2: retry-attempts is no number from 1 to 1000000: 0\n");
    CHECK_WRONG("[policy]\nrefresh-attempts = endless\n",
                "f:2: refresh-attempts is no number from 1 to 1000000: endless\n");
    CHECK_WRONG("[policy]\non-failure = ignore\n",
                "f:2: on-failure is none of retry, quarantine, leave-off: ignore\n");
    CHECK_WRONG("[policy]\non-wrong-identity = ignore\n",
                "f:2: on-wrong-identity is none of retry, quarantine, leave-off: ignore\n");
    CHECK_WRONG("[policy]\non-interference = no\n",
                "f:2: on-interference is none of retry, quarantine, leave-off: no\n");
    CHECK_WRONG("[policy]\non-give-up = retry\n",
                "f:2: on-give-up is neither quarantine nor leave-off: retry\n");
    CHECK_WRONG("[policy]\nheartbeat =\n", "f:2: heartbeat is empty\n");
    CHECK_WRONG("[policy]\nstreams = default\n", "f:2: there is no key streams in [policy]\n");
    CHECK_WRONG("[policy]\nrequire-reference = yes\n",
                "f:2: there is no key require-reference in [policy]\n");
    CHECK_WRONG("[device all]\nrequire-reference = maybe\n",
                "f:2: require-reference is neither yes nor no: maybe\n");
}

static void policies_that_contradict_themselves_are_refused(void)
{
    CHECK_WRONG("[policy]\non-failure = leave-off\nretry-first = 1\n",
                "f:3: retry-first says how to retry, and on-failure is leave-off\n");
    CHECK_WRONG("[policy]\non-failure = quarantine\n[device all]\nretry-attempts = 2\n",
                "f:4: retry-attempts says how to retry, and on-failure is quarantine\n");
    /* what is tried again for one kind of failure is told how */
    CU_ASSERT_TRUE(parse("[policy]\non-failure = leave-off\non-interference = retry\nretry-first = 1\n"));
    CHECK_WRONG("[policy]\non-failure = leave-off\non-interference = quarantine\nretry-first = 1\n",
                "f:4: retry-first says how to retry, and on-failure is leave-off\n");
    CHECK_WRONG("[policy]\non-give-up = quarantine\n",
                "f:2: on-give-up needs retry-attempts, which are endless\n");
    CHECK_WRONG("[policy]\nretry-first = 10min\n[device all]\n",
                "f:2: retry-first is longer than retry-most\n");
    CHECK_WRONG("[policy]\nretry-first = 1min\n[device all]\nretry-most = 30s\n",
                "f:4: retry-first is longer than retry-most\n");
    CHECK_WRONG("[device all]\nrequire-reference = yes\n",
                "f:2: require-reference needs reference, in [measurements]\n");
    CHECK_WRONG("[policy]\nmutual = required\n",
                "f:2: mutual is required, and there is no identity to show\n");
    /* what a less specific section says is overruled, not contradicted */
    CU_ASSERT_TRUE(parse("[policy]\nretry-first = 2\n[device all]\non-failure = quarantine\n"));
    around.has_identity = true;
    CU_ASSERT_TRUE(parse("[policy]\nmutual = required\n"));
    around.has_identity = false;
}

static void closed_needs_what_outlives_the_controller(void)
{
    CHECK_WRONG("[policy]\nwhile-off = shut\n", "f:2: while-off is neither open nor closed: shut\n");
    CHECK_WRONG(
        "[device all]\nwhile-off = closed\n",
        "f:2: while-off = closed needs a state file (--state): what is to be opened again is in it\n");
    CU_ASSERT_TRUE(parse("[policy]\nwhile-off = open\n"));
    CU_ASSERT_EQUAL(settings.rules.policy.while_off, POLICY_OPEN);
    around.has_state = true;
    CU_ASSERT_TRUE(parse("[policy]\nwhile-off = closed\n"));
    CU_ASSERT_EQUAL(settings.rules.policy.while_off, POLICY_CLOSED);
    around.has_state = false;
}

/* A warning: all is as the operator says, and not what he means. */
static void closed_is_little_without_a_stream_for_what_the_device_sends(void)
{
    static const char warning[] =
        "f:4: while-off is closed, and none of the streams has default = yes or link = yes: what"
        " the device itself sends is in the clear even while they are up\n";
    around.has_state = true;
    CU_ASSERT_TRUE(parse("[policy]\nwhile-off = closed\n[device all]\nstreams = default\n"));
    CHECK_SAID(warning);
    CU_ASSERT_TRUE(parse("[policy]\nwhile-off = closed\n[device all]\nstreams = none\n"));
    CHECK_SAID("");
    CU_ASSERT_TRUE(parse("[stream a]\ndefault = yes\n[stream b]\ntc = 1\n[device all]\nwhile-off = closed\n"
                         "streams = b, a\n"));
    CHECK_SAID("");
    CU_ASSERT_TRUE(parse("[stream a]\nlink = yes\n[device all]\nwhile-off = closed\nstreams = a\n"));
    CHECK_SAID("");
    CU_ASSERT_TRUE(
        parse("[policy]\nwhile-off = closed\n[device all]\nwhile-off = open\nstreams = default\n"));
    CHECK_SAID("");
    around.has_state = false;
}

static void streams_need_sessions(void)
{
    around.no_sessions = true;
    CHECK_WRONG("[device all]\nstreams = default\n",
                "f:2: streams need a session, which SPDM has from 1.1 on, and spdm-versions ends with 1.0\n");
    CHECK_WRONG("[stream m]\ncxl = yes\n[device 0000:01:00.0]\nstreams = m\n",
                "f:4: streams need a session, which SPDM has from 1.1 on, and spdm-versions ends with 1.0\n");
    CU_ASSERT_TRUE(parse("[device all]\nstreams = none\n"));
    CU_ASSERT_TRUE(parse("[stream m]\ntc = 1\n[device all]\nrefresh-every = 1h\n"));
    around.no_sessions = false;
}

/* Warnings: something is noticed all the same, and later. */
static void what_nobody_watches_for_is_warned_of(void)
{
    around.no_watch = around.has_state = true;
    CU_ASSERT_TRUE(parse("[policy]\non-interference = retry\n"));
    CHECK_SAID("f:2: on-interference with watch-interval = 0: nobody looks for errors on the link, and what "
               "the next "
               "operation or the session shows is all that is noticed\n");
    CU_ASSERT_TRUE(parse("[device all]\nwhile-off = closed\n"));
    CHECK_SAID("f:2: while-off = closed with watch-interval = 0: that a stream falls is noticed by the next "
               "operation "
               "only, and until then what it protected goes in the clear\n");
    CU_ASSERT_TRUE(parse("[device all]\nwhile-off = open\non-failure = quarantine\n"));
    CHECK_SAID("");
    around.no_watch = around.has_state = false;
}

/* ---- who wins ------------------------------------------------------------ */

static const struct pcie_bdf above[] = {{0, 3, 0, 0}, {0, 2, 0, 0}, {0, 0, 4, 0}};
static const struct rules_device device = {
    .bdf = {0, 4, 0, 0}, .above = above, .above_count = 3, .vendor = 0x1b36, .device = 0x0010};

static void the_most_specific_rule_wins_key_by_key(void)
{
    struct policy p;
    CU_ASSERT_TRUE_FATAL(parse("[stream a]\n[stream b]\n[stream c]\n"
                               "[policy]\nrefresh-every = 1h\nheartbeat = 1s\nrefresh-attempts = 1\n"
                               "[device 0000:04:00.0]\nrefresh-every = 5h\n"
                               "[device all]\nrefresh-every = 2h\nheartbeat = 2s\nstreams = a\n"
                               "[device 0000:00:04.0]\nrefresh-every = 4h\nstreams = c\n"
                               "[device 1b36:0010]\nrefresh-every = 3h\nheartbeat = 3s\nstreams = b\n"
                               "[device 0000:05:00.0]\nrefresh-every = 6h\nstreams = none\n"));
    const struct device_rule *streams = rules_resolve(&settings.rules, &policy_default, &device, &p);
    CU_ASSERT_EQUAL(p.refresh_every_ms, 5 * 3600000);
    CU_ASSERT_EQUAL(p.heartbeat_ms, 3000);
    CU_ASSERT_EQUAL(p.refresh_attempts, 1);
    CU_ASSERT_EQUAL(p.retry_most_ms, policy_default.retry_most_ms);
    CU_ASSERT_STRING_EQUAL(streams->stream[0], "c"); /* the slot's before the kind's */

    struct rules_device other = device;
    other.above_count = 0;
    streams = rules_resolve(&settings.rules, &policy_default, &other, &p);
    CU_ASSERT_STRING_EQUAL(streams->stream[0], "b");
    other.device = 0x0011;
    other.bdf.function = 1;
    streams = rules_resolve(&settings.rules, &policy_default, &other, &p);
    CU_ASSERT_STRING_EQUAL(streams->stream[0], "a");
    CU_ASSERT_EQUAL(p.refresh_every_ms, 2 * 3600000);
}

static void the_nearest_port_wins(void)
{
    struct policy p;
    CU_ASSERT_TRUE_FATAL(parse("[device 0000:00:04.0]\nrefresh-every = 1h\n"
                               "[device 0000:03:00.0]\nrefresh-every = 3h\n"
                               "[device 0000:02:00.0]\nrefresh-every = 2h\n"));
    CU_ASSERT_PTR_NULL(rules_resolve(&settings.rules, &policy_default, &device, &p));
    CU_ASSERT_EQUAL(p.refresh_every_ms, 3 * 3600000);
}

static void none_takes_away_what_a_wider_rule_gives(void)
{
    struct policy p;
    CU_ASSERT_TRUE_FATAL(parse("[device all]\nstreams = default\n[device 0000:04:00.0]\nstreams = none\n"));
    const struct device_rule *streams = rules_resolve(&settings.rules, &policy_default, &device, &p);
    CU_ASSERT_PTR_NOT_NULL_FATAL(streams);
    CU_ASSERT_EQUAL(streams->stream_count, 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_profile_has_all_that_establish_has),
        TEST(a_link_profile_is_not_selective_unless_it_says_so),
        TEST(wrong_profiles_are_refused),
        TEST(a_cxl_profile_is_a_cxl_link_and_nothing_else),
        TEST(wrong_cxl_profiles_are_refused),
        TEST(a_link_has_a_section_under_either_of_its_ports),
        TEST(wrong_links_are_refused),
        TEST(wrong_devices_are_refused),
        TEST(wrong_lists_of_streams_are_refused),
        TEST(streams_that_cannot_be_together_are_contradictions),
        TEST(a_policy_is_read),
        TEST(wrong_policies_are_refused),
        TEST(policies_that_contradict_themselves_are_refused),
        TEST(closed_needs_what_outlives_the_controller),
        TEST(closed_is_little_without_a_stream_for_what_the_device_sends),
        TEST(streams_need_sessions),
        TEST(what_nobody_watches_for_is_warned_of),
        TEST(the_most_specific_rule_wins_key_by_key),
        TEST(the_nearest_port_wins),
        TEST(none_takes_away_what_a_wider_rule_gives),
        CU_TEST_INFO_NULL,
    };
    int status = suite_run("rules and policies", tests);
    settings_release(&settings);
    return status;
}
