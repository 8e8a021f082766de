/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An emulated endpoint as a controller meets it, through its mailbox: from discovery to a started and stopped key set.
 * Then once with each fault on, which must show as the error that belongs to it, and once more with it off.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "emu_host.h"
#include "root_port/ide_stream.h"
#include "root_port/key_provider.h"
#include "suite.h"
#include "tools/ide-emu/device.h"
#include "tools/ide-emu/orders.h"

#define STREAM_ID 3u
#define TIMEOUT_MS 250u  /* of what never answers */
#define PATIENT_MS 5000u /* of all else: the machine may be busy */

static uint32_t timeout_ms = PATIENT_MS;

static struct platform platform;
static struct identities identities;
static struct emu emu;
static struct orders orders = {&emu, &identities};
static struct emu_function *endpoint;
static struct trust_anchor anchor;
static struct trust trust = {.anchors = &anchor, .anchor_count = 1, .name_rule = CMA_NAME_REQUIRED};
static uint8_t root[4096];
static unsigned queries;   /* that were looked at for what they change */

static bool read_anchor(void)
{
    anchor.der = root;
    return host_read_anchor(&identities, root, sizeof root, &anchor.len);
}

static int set_up(void)
{
    char error[512] = "";
    platform_default(&platform);
    bool ok = identities_open(&identities, &platform, NULL, error, sizeof error) && read_anchor() &&
              emu_init(&emu, &platform, error, sizeof error);
    endpoint = ok ? host_find(&emu, ENDPOINT_A) : NULL;
    ok = ok && device_open(endpoint, &identities, NULL, false, error, sizeof error);
    if (!ok)
        fprintf(stderr, "%s\n", error);
    return ok ? 0 : 1;
}

static int tear_down(void)
{
    device_close(endpoint->device);
    emu_free(&emu);
    identities_close(&identities);
    return 0;
}

/* --- What a controller does --------------------------------------------------------------------------------------- */

struct visit {
    struct pcie_config config;
    struct wait_ops wait;
    struct spdm_port *port;
    struct key_provider provider;
    struct ide_port registers;
    struct ide_stream stream;
    struct ide_fault fault;
};

static enum ide_err every_key(struct visit *v, enum ide_err (*act)(struct visit *v, const struct ide_km_target *t))
{
    for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
            struct ide_km_target t = {.stream_id = STREAM_ID,
                                      .direction = (enum ide_direction)d,
                                      .substream = (enum ide_substream)sub};
            enum ide_err err = act(v, &t);
            if (err != IDE_OK)
                return err;
        }
    return IDE_OK;
}

static enum ide_err program(struct visit *v, const struct ide_km_target *t)
{
    struct ide_key key = {.ifv = 1};
    memset(key.key, 0x40 + (int)t->substream, sizeof key.key);
    return v->provider.ops->program_key(v->provider.context, t, &key, &v->fault);
}

static enum ide_err go(struct visit *v, const struct ide_km_target *t)
{
    return v->provider.ops->go(v->provider.context, t, &v->fault);
}

static enum ide_err stop(struct visit *v, const struct ide_km_target *t)
{
    return v->provider.ops->stop(v->provider.context, t, &v->fault);
}

static enum ide_err prepare_stream(struct visit *v)
{
    struct ide_stream_settings settings = {.block = {IDE_SELECTIVE, 0}, .stream_id = STREAM_ID};
    enum ide_err err = ide_port_open(&v->registers, &endpoint->desc.bdf, &v->config, &v->fault);
    return err == IDE_OK ? ide_stream_setup(&v->stream, &v->registers, &settings, &v->fault) : err;
}

static enum ide_err query(struct visit *v)
{
    static struct ide_km_query_resp resp;
    enum ide_err err = v->provider.ops->query(v->provider.context, &resp, &v->fault);
    if (err == IDE_OK && (resp.bus != endpoint->desc.bdf.bus || resp.devfn != 0 || resp.segment != 0))
        return ide_fail(&v->fault, IDE_E_KM_MISMATCH, "QUERY_RESP", NULL);
    if (err == IDE_OK) /* the port's own registers, from the capability register on */
        CU_ASSERT_EQUAL(memcmp(resp.blocks, endpoint->config.value + endpoint->ide.cap + 4, 4), 0);
    return err;
}

/* QUERY changes nothing: not the keys that are programmed and not started, nor a register. */
static enum ide_err query_between(struct visit *v)
{
    static uint8_t registers[PCIE_CONFIG_SIZE];
    static struct port_stream streams[8];
    const struct stream_port *ide = &endpoint->ide;
    CU_ASSERT_TRUE_FATAL(ide->count <= sizeof streams / sizeof streams[0]);
    memcpy(registers, endpoint->config.value, sizeof registers);
    memcpy(streams, ide->streams, ide->count * sizeof streams[0]);
    enum ide_err err = query(v);
    CU_ASSERT_EQUAL(memcmp(registers + ide->cap, endpoint->config.value + ide->cap, (size_t)ide->end - ide->cap), 0);
    CU_ASSERT_EQUAL(memcmp(streams, ide->streams, ide->count * sizeof streams[0]), 0);
    queries++;
    return err;
}

static enum ide_err use(struct visit *v)
{
    enum ide_err err = prepare_stream(v);
    if (err == IDE_OK)
        err = spdm_port_attest(v->port, &trust, false, &v->fault);
    if (err == IDE_OK)
        err = spdm_port_open_session(v->port, &v->fault);
    if (err == IDE_OK)
        err = query(v);
    if (err == IDE_OK)
        err = every_key(v, program);
    if (err == IDE_OK)
        err = query_between(v);
    if (err == IDE_OK)
        err = every_key(v, go);
    if (err == IDE_OK)
        err = query_between(v);
    if (err == IDE_OK)
        err = every_key(v, stop);
    return err;
}

static enum ide_err whole(void)
{
    struct spdm_port_settings offered = {.spdm = spdm_config_requester};
    offered.spdm.timeout_ms = timeout_ms;
    struct visit v = {.config = host_config(endpoint), .wait = wait_system(NULL), .port = malloc(sizeof *v.port)};
    struct ide_fault later;
    if (!v.port)
        return IDE_E_MEMORY;
    enum ide_err err = spdm_port_open(v.port, &v.config, &v.wait, &offered, &v.fault);
    v.provider = key_provider_doe(v.port);
    if (err == IDE_OK)
        err = use(&v);
    CHECK_OK(ide_stream_release(&v.stream, &later));
    spdm_port_end_session(v.port);
    spdm_port_close(v.port);
    free(v.port);
    return err;
}

/* --- Tests -------------------------------------------------------------------------------------------------------- */

static void order(const char *text, const char *wanted)
{
    char line[256];
    snprintf(line, sizeof line, "%s", text);
    char *answer = orders_obey(&orders, line);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    if (strcmp(answer, wanted) != 0)
        fprintf(stderr, "%s: %s\n", text, answer);
    CU_ASSERT_STRING_EQUAL(answer, wanted);
    free(answer);
}

static void it_answers_all_that_a_controller_asks(void)
{
    CHECK_OK(whole());
    CHECK_OK(whole());
}

static void query_changes_nothing(void)
{
    queries = 0;
    CHECK_OK(whole());
    CU_ASSERT_EQUAL(queries, 2);
}

static void each_fault_shows_as_its_error_and_passes(void)
{
    static const struct {
        const char *fault;
        enum ide_err err;
    } cases[] = {
        {"doe-busy", IDE_E_DOE_ABORT},
        {"doe-stuck", IDE_E_DOE_ABORT},
        {"doe-error", IDE_E_DOE_ERROR},
        {"wrong-length-doe", IDE_E_DOE_LENGTH},
        {"wrong-type-doe", IDE_E_DOE_TYPE},
        {"silent", IDE_E_TIMEOUT},
        {"late=1500", IDE_E_TIMEOUT},
        {"short", IDE_E_SHORT},
        {"long", IDE_E_LONG},
        {"spdm-busy", IDE_E_BUSY},
        {"spdm-error", IDE_E_PEER_ERROR},
        {"no-common-version", IDE_E_VERSION},
        {"wrong-version", IDE_E_VERSION},
        {"unoffered-algorithm", IDE_E_NOT_OFFERED},
        {"bad-signature", IDE_E_SIGNATURE},
        {"bad-signature-key-exchange", IDE_E_SIGNATURE},
        {"bad-hmac", IDE_E_HMAC},
        {"replayed-record", IDE_E_RECORD},
        {"altered-record", IDE_E_RECORD},
        {"forget-sessions", IDE_E_TIMEOUT},
        {"bad-chain", IDE_E_CHAIN},
        {"expired-chain", IDE_E_EXPIRED},
        {"foreign-chain", IDE_E_UNTRUSTED},
        {"wrong-name", IDE_E_NAME},
        {"no-name", IDE_E_NAME},
        {"km-refuse", IDE_E_KM_REFUSED},
        {"go-refuse", IDE_E_PEER_ERROR},
        {"stop-refuse", IDE_E_PEER_ERROR},
        {"wrong-bdf", IDE_E_KM_MISMATCH},
        {"wrong-segment", IDE_E_KM_MISMATCH},
        {"no-number", IDE_E_KM_MISMATCH},
        {"stays-insecure", IDE_OK}, /* that only the status register tells */
        {"stuck-registers", IDE_E_REGISTER},
        {"kcu-dead", IDE_OK},       /* these are a root port's key unit's: tests/e2e/test_key_unit.py */
        {"kcu-not-ready", IDE_OK},
        {"kcu-no-change", IDE_OK},
        {"kcu-slot-error", IDE_OK},
    };
    CU_ASSERT_EQUAL(sizeof cases / sizeof cases[0], FAULT_COUNT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "misbehave " ENDPOINT_A " %s", cases[i].fault);
        order(text, "ok");
        timeout_ms = cases[i].err == IDE_E_TIMEOUT ? TIMEOUT_MS : PATIENT_MS;
        enum ide_err got = whole();
        timeout_ms = PATIENT_MS;
        if (got != cases[i].err)
            fprintf(stderr, "%s:\n", cases[i].fault);
        CHECK_ERR(got, cases[i].err);
        order("behave " ENDPOINT_A, "ok");
        CHECK_OK(whole());
    }
}

static void a_counted_fault_passes_by_itself(void)
{
    order("misbehave " ENDPOINT_A " bad-signature 2", "ok");
    CHECK_ERR(whole(), IDE_E_SIGNATURE);
    CHECK_ERR(whole(), IDE_E_SIGNATURE);
    CHECK_OK(whole());
}

static void a_reset_ends_sessions(void)
{
    struct spdm_port_settings offered = {.spdm = spdm_config_requester};
    offered.spdm.timeout_ms = timeout_ms;
    struct visit v = {.config = host_config(endpoint), .wait = wait_system(NULL), .port = malloc(sizeof *v.port)};
    CU_ASSERT_PTR_NOT_NULL_FATAL(v.port);
    CHECK_OK(spdm_port_open(v.port, &v.config, &v.wait, &offered, &v.fault));
    v.provider = key_provider_doe(v.port);
    CHECK_OK(spdm_port_authenticate(v.port, &trust, false, &v.fault));
    CHECK_OK(spdm_port_open_session(v.port, &v.fault));
    CHECK_OK(query(&v));
    order("reset " ENDPOINT_A, "ok");
    v.port->settings.spdm.timeout_ms = TIMEOUT_MS;
    CHECK_ERR(query(&v), IDE_E_TIMEOUT);
    spdm_port_close(v.port);
    free(v.port);
    CHECK_OK(whole());
}

static void orders_that_make_no_sense_are_refused(void)
{
    order("", "error: an empty line");
    order("dance", "error: dance: there is no such order");
    order("behave", "error: behave: wrong number of words");
    order("behave 0000:09:00.0", "error: 0000:09:00.0: there is no such function");
    order("behave x", "error: x: there is no such function");
    order("misbehave " ENDPOINT_A " lat", "error: lat: there is no such fault");
    order("misbehave " ENDPOINT_A " late=x", "error: late=x: the value is not a number above 0");
    order("misbehave " ENDPOINT_A " late=0", "error: late=0: the value is not a number above 0");
    order("misbehave " ENDPOINT_A " silent=3", "error: silent=3: this fault takes no value");
    order("misbehave " ENDPOINT_A " silent 0", "error: silent:0: the count is not a number above 0");
    order("misbehave " ENDPOINT_A " silent 99999999999",
          "error: silent:99999999999: the count is not a number above 0");
    order("misbehave " ENDPOINT_A " doe-busy 2", "error: doe-busy:2: this fault is a state and cannot be counted");
    order("fail " ENDPOINT_A " 3", "error: 3: no Secure stream has that Stream ID");
    CHECK_OK(whole());
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(it_answers_all_that_a_controller_asks),
        TEST(query_changes_nothing),
        TEST(each_fault_shows_as_its_error_and_passes),
        TEST(a_counted_fault_passes_by_itself),
        TEST(a_reset_ends_sessions),
        TEST(orders_that_make_no_sense_are_refused),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("emulated device", set_up, tear_down, tests);
}
