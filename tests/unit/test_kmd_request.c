/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests, strictly decoded, and what is said about wrong ones: tools/ide-kmd/request.h, failure.h. */
#include <stdlib.h>

#include "check.h"
#include "suite.h"
#include "tools/ide-kmd/request.h"

static struct request request;
static struct failure failure;

static enum ide_err decode(const char *text)
{
    request_release(&request);
    failure = (struct failure){0};
    return request_decode(text, strlen(text), &request, &failure);
}

static void refused(const char *text, enum ide_err err, const char *field, const char *message)
{
    CHECK_ERR(decode(text), err);
    CHECK_ERR(failure.err, err);
    CU_ASSERT_STRING_EQUAL(failure.step, "request");
    if (strcmp(failure.field, field) != 0 || strcmp(failure.message, message) != 0)
        fprintf(stderr, "%s: \"%s\": %s\n", text, failure.field, failure.message);
    CU_ASSERT_STRING_EQUAL(failure.field, field);
    CU_ASSERT_STRING_EQUAL(failure.message, message);
    CU_ASSERT_STRING_NOT_EQUAL(failure_hint(&failure), "");
}

#define HEAD "{\"v\": 1, \"id\": 1, \"verb\": "

static void each_verb_is_understood(void)
{
    static const char *const good[] = {
        HEAD "\"ping\"}",
        HEAD "\"list\"}",
        HEAD "\"show\"}",
        HEAD "\"show\", \"bdf\": \"0000:00:03.0\"}",
        HEAD "\"attest\", \"bdf\": \"0000:00:03.0\"}",
        HEAD "\"establish\", \"bdf\": \"0000:00:03.0\"}",
        HEAD "\"rekey\"}",
        HEAD "\"rekey\", \"bdf\": \"0000:00:03.0\"}",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_OK(decode(good[i]));
}

static void what_a_cxl_link_is_asked_for_arrives(void)
{
    CHECK_OK(decode(HEAD "\"cxl_establish\", \"bdf\": \"0000:00:03.0\"}"));
    CU_ASSERT_TRUE(request.cxl_mode == CXL_IDE_CONTAINMENT && !request.cxl_generate);
    CHECK_OK(
        decode(HEAD "\"cxl_establish\", \"bdf\": \"0000:00:03.0\", \"mode\": \"skid\", \"generate\": true}"));
    CU_ASSERT_TRUE(request.cxl_mode == CXL_IDE_SKID && request.cxl_generate);
    refused(HEAD "\"cxl_establish\", \"bdf\": \"0000:00:03.0\", \"mode\": \"no\"}", IDE_E_ARGUMENT, "mode",
            "the member \"mode\" is neither \"containment\" nor \"skid\"");
    refused(HEAD "\"cxl_establish\", \"bdf\": \"0000:00:03.0\", \"generate\": 1}", IDE_E_ARGUMENT, "generate",
            "the member \"generate\" must be a boolean and is an integer");
    refused(HEAD "\"cxl_stop\", \"bdf\": \"0000:00:03.0\", \"mode\": \"skid\"}", IDE_E_ARGUMENT, "mode",
            "\"cxl_stop\" takes no member \"mode\"");
    refused(HEAD "\"cxl_rekey\"}", IDE_E_ARGUMENT, "bdf", "the member \"bdf\" is missing");
}

static void all_members_arrive(void)
{
    CHECK_OK(decode(
        "{\"v\": 1, \"id\": \"a7\", \"verb\": \"stop\", \"bdf\": \"10000:01:1f.7\", \"stream\": 254}"));
    CU_ASSERT_EQUAL(request.verb->verb, API_STOP);
    CU_ASSERT_STRING_EQUAL(json_string_value(request.id), "a7");
    CU_ASSERT_TRUE(request.has_bdf && request.has_stream);
    CU_ASSERT_EQUAL(request.bdf.domain, 0x10000);
    CU_ASSERT_EQUAL(request.bdf.bus, 1);
    CU_ASSERT_EQUAL(request.bdf.device, 0x1f);
    CU_ASSERT_EQUAL(request.bdf.function, 7);
    CU_ASSERT_EQUAL(request.stream, 254);
}

static void what_is_no_json_is_refused(void)
{
    refused("", IDE_E_ARGUMENT, "",
            "the request is not JSON: line 1, column 0: unexpected token near end of file");
    refused("establish", IDE_E_ARGUMENT, "",
            "the request is not JSON: line 1, column 9: invalid token near 'establish'");
    refused("{\"v\": 1} x", IDE_E_ARGUMENT, "",
            "the request is not JSON: line 1, column 10: end of file expected near 'x'");
    refused("{\"v\": 1, \"v\": 1}", IDE_E_ARGUMENT, "",
            "the request is not JSON: line 1, column 12: duplicate object key near '\"v\"'");
    refused("[]", IDE_E_ARGUMENT, "", "the request must be an object and is an array");
    refused("7", IDE_E_ARGUMENT, "", "the request must be an object and is an integer");
    CU_ASSERT_PTR_NULL(request.id);
}

static void a_member_that_lacks_is_named(void)
{
    refused("{}", IDE_E_ARGUMENT, "id", "the member \"id\" is missing");
    refused("{\"id\": 1}", IDE_E_ARGUMENT, "v", "the member \"v\" is missing");
    refused("{\"id\": 1, \"v\": 1}", IDE_E_ARGUMENT, "verb", "the member \"verb\" is missing");
    refused(HEAD "\"establish\"}", IDE_E_ARGUMENT, "bdf", "the member \"bdf\" is missing");
    refused(HEAD "\"stop\", \"bdf\": \"0000:00:03.0\"}", IDE_E_ARGUMENT, "stream",
            "the member \"stream\" is missing");
    refused(HEAD "\"rekey\", \"stream\": 1}", IDE_E_ARGUMENT, "bdf",
            "the member \"bdf\" is missing: a stream number says nothing without its port");
}

static void a_member_of_a_wrong_type_is_named(void)
{
    refused("{\"v\": 1, \"id\": null, \"verb\": \"ping\"}", IDE_E_ARGUMENT, "id",
            "the member \"id\" must be a string or an integer and is null");
    refused("{\"v\": \"1\", \"id\": 1, \"verb\": \"ping\"}", IDE_E_ARGUMENT, "v",
            "the member \"v\" must be an integer and is a string");
    refused(HEAD "3}", IDE_E_ARGUMENT, "verb", "the member \"verb\" must be a string and is an integer");
    refused(HEAD "\"attest\", \"bdf\": 3}", IDE_E_ARGUMENT, "bdf",
            "the member \"bdf\" must be a string and is an integer");
    refused(HEAD "\"establish\", \"bdf\": \"0000:00:03.0\", \"stream\": \"0\"}", IDE_E_ARGUMENT, "stream",
            "the member \"stream\" must be an integer and is a string");
    refused(HEAD "\"establish\", \"bdf\": \"0000:00:03.0\", \"stream\": 0.0}", IDE_E_ARGUMENT, "stream",
            "the member \"stream\" must be an integer and is a real number");
}

#define MEASURE(members) HEAD "\"attest\", \"bdf\": \"0000:00:03.0\", \"measurements\": " members "}"

static void measurements_are_taken_or_refused(void)
{
    const char *text = MEASURE("{\"signed\": false, \"raw\": true, \"index\": 254, \"in_session\": true, \"mel\": true}");
    request_release(&request);
    CHECK_OK(request_decode(text, strlen(text), &request, &failure));
    const struct request_measurements *m = &request.measurements;
    CU_ASSERT_TRUE(m->is_there && m->is_unsigned && m->raw && m->in_session && m->mel && m->index == 254);
    request_release(&request);
    text = MEASURE("{\"signed\": true}");
    CHECK_OK(request_decode(text, strlen(text), &request, &failure));
    CU_ASSERT_TRUE(m->is_there && !m->is_unsigned && !m->raw && m->index == 0);
    request_release(&request);
    refused(MEASURE("true"), IDE_E_ARGUMENT, "measurements",
            "the member \"measurements\" must be an object and is a boolean");
    refused(MEASURE("{\"raw\": 1}"), IDE_E_ARGUMENT, "raw", "the member \"raw\" must be a boolean and is an integer");
    refused(MEASURE("{\"index\": \"1\"}"), IDE_E_ARGUMENT, "index",
            "the member \"index\" must be an integer and is a string");
    refused(MEASURE("{\"index\": 0}"), IDE_E_ARGUMENT, "index", "measurement 0 is out of range: 1 to 254");
    refused(MEASURE("{\"index\": 255}"), IDE_E_ARGUMENT, "index", "measurement 255 is out of range: 1 to 254");
    refused(MEASURE("{\"mess\": 1}"), IDE_E_ARGUMENT, "mess", "\"measurements\" takes no member \"mess\"");
    refused(HEAD "\"list\", \"measurements\": {}}", IDE_E_ARGUMENT, "measurements",
            "\"list\" takes no member \"measurements\"");
}

static void a_member_that_the_verb_does_not_know_is_refused(void)
{
    refused(HEAD "\"list\", \"bdf\": \"0000:00:03.0\"}", IDE_E_ARGUMENT, "bdf",
            "\"list\" takes no member \"bdf\"");
    refused(HEAD "\"establish\", \"bdf\": \"0000:00:03.0\", \"steam\": 1}", IDE_E_ARGUMENT, "steam",
            "\"establish\" takes no member \"steam\"");
}

#define ESTABLISH HEAD "\"establish\", \"bdf\": \"0000:00:03.0\", "

static void a_plain_establish_asks_for_a_plain_selective_stream(void)
{
    CHECK_OK(decode(HEAD "\"establish\", \"bdf\": \"0000:00:03.0\"}"));
    CU_ASSERT_TRUE(request.wish.selective && !request.wish.link);
    CHECK_OK(decode(ESTABLISH "\"link\": true}"));
    CU_ASSERT_TRUE(!request.wish.selective && request.wish.link);
    CHECK_OK(decode(ESTABLISH "\"link\": true, \"selective\": true}"));
    CU_ASSERT_TRUE(request.wish.selective && request.wish.link);
}

static void all_that_a_stream_does_arrives(void)
{
    CHECK_OK(decode(
        ESTABLISH "\"tc\": 7, \"partial_header\": \"33:2\", \"algorithm\": \"AES-GCM-256\", \"pcrc\": true, "
                  "\"default\": true, \"tee_limited\": true, \"config_requests\": true, "
                  "\"aggregation\": {\"pr\": 8, \"npr\": 2, \"cpl\": 4}}"));
    const struct ide_features *f = &request.wish.features;
    CU_ASSERT_EQUAL(f->traffic_class, 7);
    CU_ASSERT_EQUAL(f->partial_header, IDE_HEADER_33_2);
    CU_ASSERT_TRUE(f->pcrc && f->default_stream && f->tee_limited && f->config_requests);
    CU_ASSERT_TRUE(f->pr == IDE_AGGREGATION_8 && f->npr == IDE_AGGREGATION_2 && f->cpl == IDE_AGGREGATION_4);
    json_t *object = features_json(f);
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    CU_ASSERT_STRING_EQUAL(text,
                           "{\"aggregation\":{\"cpl\":4,\"npr\":2,\"pr\":8},\"algorithm\":\"AES-GCM-256\","
                           "\"config_requests\":true,\"default\":true,\"partial_header\":\"33:2\","
                           "\"pcrc\":true,\"tc\":7,\"tee_limited\":true}");
    free(text);
    json_decref(object);
}

static void what_no_stream_can_do_is_refused(void)
{
    static const char *const rows[][3] = {
        {"\"tc\": 8}", "tc", "the member \"tc\" must be a traffic class, 0 to 7"},
        {"\"tc\": -1}", "tc", "the member \"tc\" must be a traffic class, 0 to 7"},
        {"\"tc\": \"1\"}", "tc", "the member \"tc\" must be a traffic class, 0 to 7"},
        {"\"pcrc\": 1}", "pcrc", "the member \"pcrc\" must be a boolean"},
        {"\"link\": null}", "link", "the member \"link\" must be a boolean"},
        {"\"partial_header\": \"17:1\"}", "partial_header",
         "the member \"partial_header\" must be \"17:2\", \"25:2\", \"33:2\", \"41:2\" or null"},
        {"\"aggregation\": 4}", "aggregation",
         "the member \"aggregation\" must be an object with \"pr\", \"npr\" or \"cpl\", each 1, 2, 4 or 8"},
        {"\"aggregation\": {\"pr\": 3}}", "aggregation",
         "the member \"aggregation\" must be an object with \"pr\", \"npr\" or \"cpl\", each 1, 2, 4 or 8"},
        {"\"aggregation\": {\"all\": 4}}", "aggregation",
         "the member \"aggregation\" must be an object with \"pr\", \"npr\" or \"cpl\", each 1, 2, 4 or 8"},
        {"\"algorithm\": \"AES-GCM-128\"}", "algorithm", "the member \"algorithm\" must be \"AES-GCM-256\""},
        {"\"link\": true, \"default\": true}", "default", "a link stream has no \"default\""},
        {"\"selective\": false}", "selective", "neither a selective stream nor link streams are asked for"},
    };
    char text[200];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text, "%s%s", ESTABLISH, rows[i][0]);
        refused(text, IDE_E_ARGUMENT, rows[i][1], rows[i][2]);
    }
    refused(HEAD "\"rekey\", \"pcrc\": true}", IDE_E_ARGUMENT, "pcrc", "\"rekey\" takes no member \"pcrc\"");
}

static void values_out_of_range_are_refused(void)
{
    refused("{\"v\": 2, \"id\": 1, \"verb\": \"ping\"}", IDE_E_VERSION, "v",
            "the request is of version 2, and this is version 1 of the interface");
    refused(HEAD "\"estabish\"}", IDE_E_UNSUPPORTED, "verb", "there is no verb \"estabish\"");
    refused(HEAD "\"attest\", \"bdf\": \"03.0\"}", IDE_E_ARGUMENT, "bdf",
            "\"03.0\" is no address of a PCI function, such as 0000:00:03.0");
    refused(HEAD "\"establish\", \"bdf\": \"0000:00:03.0\", \"stream\": 255}", IDE_E_STREAM_RANGE, "stream",
            "stream 255 is out of range: 0 to 254");
    refused(HEAD "\"establish\", \"bdf\": \"0000:00:03.0\", \"stream\": -1}", IDE_E_STREAM_RANGE, "stream",
            "stream -1 is out of range: 0 to 254");
}

static void an_id_that_could_be_read_comes_back(void)
{
    CHECK_ERR(decode("{\"id\": \"mine\", \"v\": 9}"), IDE_E_VERSION);
    CU_ASSERT_STRING_EQUAL(json_string_value(request.id), "mine");
}

static void an_id_has_a_longest_length(void)
{
    char text[200];
    snprintf(text, sizeof text, "{\"id\": \"%064d\", \"v\": 1, \"verb\": \"ping\"}", 0);
    CHECK_OK(decode(text));
    snprintf(text, sizeof text, "{\"id\": \"%065d\", \"v\": 1, \"verb\": \"ping\"}", 0);
    refused(text, IDE_E_ARGUMENT, "id", "the member \"id\" is longer than 64 bytes");
}

static void a_request_has_a_longest_length(void)
{
    char *text = malloc(API_REQUEST_MAX + 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, ' ', API_REQUEST_MAX + 1);
    text[API_REQUEST_MAX + 1] = '\0';
    memcpy(text, HEAD "\"ping\"}", sizeof HEAD "\"ping\"}" - 1);
    refused(text, IDE_E_LONG, "", "the request has 16385 bytes, and 16384 are allowed");
    text[API_REQUEST_MAX] = '\0';
    CHECK_OK(decode(text));
    free(text);
}

static void a_failure_says_all_that_is_known(void)
{
    struct failure f;
    const struct pcie_bdf bdf = {.bus = 1};
    struct ide_fault fault;
    ide_fail_value(&fault, IDE_E_PEER_ERROR, "KEY_EXCHANGE", "X", 1, 2);
    fault.peer_code = 4;
    CHECK_ERR(failure_fault(&f, "session", &bdf, &fault), IDE_E_PEER_ERROR);
    json_t *object = failure_json(&f);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "code")), "peer_error");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "step")), "session");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "device")), "0000:01:00.0");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "exchange")), "KEY_EXCHANGE");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "field")), "X");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(object, "got")), 1);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(object, "want")), 2);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(object, "peer_code")), 4);
    json_decref(object);
}

static void errors_of_a_session_differ_by_step(void)
{
    struct failure f;
    failure_set(&f, IDE_E_SESSION, "program_keys", NULL, "x");
    CU_ASSERT_PTR_NOT_NULL(strstr(failure_hint(&f), "stop the stream"));
    failure_set(&f, IDE_E_SESSION, "query", NULL, "x");
    CU_ASSERT_PTR_NULL(strstr(failure_hint(&f), "stop the stream"));
}

static void every_error_has_something_to_try(void)
{
    static const enum ide_err errors[] = {
#define X(name, code, text) name,
        IDE_ERRORS(X)
#undef X
    };
    struct failure f;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        failure_set(&f, errors[i], NULL, NULL, "x");
        if ((*failure_hint(&f) == '\0') != (errors[i] == IDE_OK))
            fprintf(stderr, "%s: \"%s\"\n", ide_err_name(errors[i]), failure_hint(&f));
        CU_ASSERT_EQUAL(*failure_hint(&f) == '\0', errors[i] == IDE_OK);
    }
}

/* No controller runs then, which could be asked for devices, and none is at fault. */
static void what_to_try_with_a_setting_is_about_the_setting(void)
{
    static const struct {
        enum ide_err err;
        const char *step, *text;
    } rows[] = {
        {IDE_E_ARGUMENT, "listen", "ipc://"},
        {IDE_E_IO, "listen", "addresses"},
        {IDE_E_BUSY, "listen", "--listen"},
        {IDE_E_UNSUPPORTED, "listen", "CURVE"},
        {IDE_E_KEY, "listen", "--server-key"},
        {IDE_E_ARGUMENT, "metrics", "127.0.0.1:9468"},
        {IDE_E_IO, "metrics", "port"},
        {IDE_E_IO, "message-log", "--message-log"},
        {IDE_E_STORE, "state", "--state"},
        {IDE_E_BUSY, "state", "--state"},
        {IDE_E_ACCESS, "sysfs", "/sys/bus/pci"},
        {IDE_E_NO_DEVICE, "keys", "--keyp"},
        {IDE_E_FIELD, "keys", "--keyp"},
        {IDE_E_IO, "keys", "--provider"},
        {IDE_E_ACCESS, "keys", "memory"},
        {IDE_E_KEY, "authorized", "ide-ctl authorize"},
        {IDE_E_NO_CERT, "credentials", "--identity"},
        {IDE_E_ACCESS, "credentials", "chmod 600"},
    };
    struct failure f;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        failure_set(&f, rows[i].err, rows[i].step, NULL, "x");
        CU_ASSERT_PTR_NOT_NULL(strstr(failure_hint(&f), rows[i].text));
        CU_ASSERT_PTR_NULL(strstr(failure_hint(&f), "device"));
        CU_ASSERT_PTR_NULL(strstr(failure_hint(&f), "ide-ctl list"));
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(each_verb_is_understood),
        TEST(all_members_arrive),
        TEST(what_a_cxl_link_is_asked_for_arrives),
        TEST(what_is_no_json_is_refused),
        TEST(a_member_that_lacks_is_named),
        TEST(a_member_of_a_wrong_type_is_named),
        TEST(measurements_are_taken_or_refused),
        TEST(a_member_that_the_verb_does_not_know_is_refused),
        TEST(a_plain_establish_asks_for_a_plain_selective_stream),
        TEST(all_that_a_stream_does_arrives),
        TEST(what_no_stream_can_do_is_refused),
        TEST(values_out_of_range_are_refused),
        TEST(an_id_that_could_be_read_comes_back),
        TEST(an_id_has_a_longest_length),
        TEST(a_request_has_a_longest_length),
        TEST(a_failure_says_all_that_is_known),
        TEST(errors_of_a_session_differ_by_step),
        TEST(every_error_has_something_to_try),
        TEST(what_to_try_with_a_setting_is_about_the_setting),
        CU_TEST_INFO_NULL,
    };
    int failed = suite_run("ide-kmd requests", tests);
    request_release(&request);
    return failed;
}
