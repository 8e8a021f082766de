/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trust folder, the stream table, and what the command lines share: trust_store.h, stream.h,
 * tools/common/. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "suite.h"
#include "tools/common/api.h"
#include "tools/common/duration.h"
#include "tools/ide-kmd/stream.h"
#include "tools/ide-kmd/trust_store.h"

static char folder[64];
static struct trust_store store;
static struct failure failure;

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/ide-km-trust.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

static void write_file(const char *name, const void *data, size_t len)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(data, 1, len, file), len);
    fclose(file);
}

static void remove_folder(const char *const *names)
{
    char path[128];
    for (; *names; names++) {
        snprintf(path, sizeof path, "%s/%s", folder, *names);
        CU_ASSERT_EQUAL(remove(path), 0);
    }
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static enum ide_err load(void)
{
    failure = (struct failure){0};
    return trust_store_load(&store, folder, CMA_NAME_REQUIRED, &failure);
}

/* SEQUENCE of 4 bytes, and of 200 with a long length; as PEM: MAQBAgME */
static const uint8_t der[] = {0x30, 4, 1, 2, 3, 4};
static const char pem[] =
    "some words\n-----BEGIN CERTIFICATE-----\nMAQB\r\nAgME\n-----END CERTIFICATE-----\n";

static void pem_and_der_files_are_read(void)
{
    static const char two[] = "-----BEGIN CERTIFICATE-----\nMAQBAgME\n-----END CERTIFICATE-----\n"
                              "-----BEGIN CERTIFICATE-----\nMAMBAgM=\n-----END CERTIFICATE-----\n";
    uint8_t longer[203] = {0x30, 0x81, 200};
    make_folder();
    write_file("a.der", der, sizeof der);
    write_file("b.cer", longer, sizeof longer);
    write_file("c.pem", pem, strlen(pem));
    write_file("d.crt", two, strlen(two));
    write_file("README", "not a certificate", 17);
    write_file(".hidden.pem", "not a certificate", 17);
    CHECK_OK(load());
    CU_ASSERT_EQUAL(store.trust.anchor_count, 5);
    CU_ASSERT_PTR_EQUAL(store.trust.anchors, store.anchors);
    CU_ASSERT_EQUAL(store.trust.name_rule, CMA_NAME_REQUIRED);
    size_t exact = 0, shorter = 0;
    for (size_t i = 0; i < store.trust.anchor_count; i++) {
        exact += store.anchors[i].len == sizeof der && memcmp(store.anchors[i].der, der, sizeof der) == 0;
        shorter += store.anchors[i].len == 5 && memcmp(store.anchors[i].der, "\x30\x03\1\2\3", 5) == 0;
    }
    CU_ASSERT_EQUAL(exact, 3);
    CU_ASSERT_EQUAL(shorter, 1);
    trust_store_close(&store);
    remove_folder((const char *const[]){"a.der", "b.cer", "c.pem", "d.crt", "README", ".hidden.pem", NULL});
}

static void an_empty_folder_trusts_nobody(void)
{
    char want[160];
    make_folder();
    CHECK_ERR(load(), IDE_E_NO_TRUST);
    snprintf(want, sizeof want, "the trust folder %s holds no certificate", folder);
    CU_ASSERT_STRING_EQUAL(failure.message, want);
    CU_ASSERT_EQUAL(store.trust.anchor_count, 0);
    trust_store_close(&store);
    remove_folder((const char *const[]){NULL});
}

static void a_missing_folder_trusts_nobody(void)
{
    snprintf(folder, sizeof folder, "/tmp/ide-km-no-such-folder");
    CHECK_ERR(load(), IDE_E_NO_TRUST);
    CU_ASSERT_STRING_EQUAL(
        failure.message,
        "the trust folder /tmp/ide-km-no-such-folder cannot be read: No such file or directory");
    trust_store_close(&store);
}

/* One wrong file and nothing is trusted: which of the anchors the operator meant cannot be guessed. */
static void a_file_that_is_no_certificate_is_named(void)
{
    static const struct {
        const char *text;
        size_t len;
    } wrong[] = {
        {"", 0},
        {"words", 5},
        {"\x30\x05\1\2\3\4", 6}, /* longer than the file */
        {"\x30\x03\1\2\3\4", 6}, /* shorter */
        {"\x30\x80\1\2\3\4", 6}, /* of no definite length */
        {"-----BEGIN CERTIFICATE-----\nMAQBAgME\n", 37},
        {"-----BEGIN CERTIFICATE-----\nMAQB!gME\n-----END CERTIFICATE-----\n", 62},
        {"-----BEGIN CERTIFICATE-----\nMAQBAgM\n-----END CERTIFICATE-----\n", 61},
        {"-----BEGIN CERTIFICATE-----\nMAQBAg==AA==\n-----END CERTIFICATE-----\n", 66},
        {"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", 53},
    };
    make_folder();
    write_file("good.der", der, sizeof der);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char want[160];
        write_file("bad.pem", wrong[i].text, wrong[i].len);
        CHECK_ERR(load(), IDE_E_NO_TRUST);
        snprintf(want, sizeof want, "%s/bad.pem: not a certificate in PEM or DER form", folder);
        CU_ASSERT_STRING_EQUAL(failure.message, want);
        trust_store_close(&store);
    }
    remove_folder((const char *const[]){"good.der", "bad.pem", NULL});
}

static void a_file_that_is_too_long_is_refused(void)
{
    make_folder();
    char *text = calloc(1, TRUST_FILE_MAX + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    write_file("long.pem", text, TRUST_FILE_MAX + 1);
    free(text);
    CHECK_ERR(load(), IDE_E_NO_TRUST);
    trust_store_close(&store);
    remove_folder((const char *const[]){"long.pem", NULL});
}

static void streams_are_found_by_either_end(void)
{
    struct stream_table table = {0};
    const struct stream_ends ends = {.bdf = {[END_ENDPOINT] = {.bus = 1}, [END_ROOT_PORT] = {.device = 3}}};
    const struct stream_ends other = {.bdf = {[END_ENDPOINT] = {.bus = 4}, [END_ROOT_PORT] = {.device = 4}}};
    struct stream *a = stream_add(&table, &ends, 0), *b = stream_add(&table, &other, 1);
    CU_ASSERT_PTR_EQUAL(stream_find(&table, &ends.bdf[END_ENDPOINT], 0), a);
    CU_ASSERT_PTR_EQUAL(stream_find(&table, &ends.bdf[END_ROOT_PORT], 0), a);
    CU_ASSERT_PTR_NULL(stream_find(&table, &ends.bdf[END_ROOT_PORT], 1));
    CU_ASSERT_TRUE(stream_uses_port(&table, &ends.bdf[END_ENDPOINT], b));
    CU_ASSERT_FALSE(stream_uses_port(&table, &ends.bdf[END_ENDPOINT], a));
    /* one number under one host bridge, whichever the root port */
    CU_ASSERT_TRUE(stream_id_is_taken(&table, &other.bdf[END_ROOT_PORT], 0));
    CU_ASSERT_FALSE(stream_id_is_taken(&table, &(struct pcie_bdf){.domain = 1, .device = 3}, 0));
    stream_remove(&table, a);
    CU_ASSERT_FALSE(stream_id_is_taken(&table, &other.bdf[END_ROOT_PORT], 0));
    stream_table_clear(&table);
    CU_ASSERT_PTR_NULL(table.first);
}

static void the_events_endpoint_follows_from_the_other(void)
{
    char out[API_ENDPOINT_MAX], path[300];
    CU_ASSERT_TRUE(api_events_endpoint("ipc:///run/ide-kmd/control", out));
    CU_ASSERT_STRING_EQUAL(out, "ipc:///run/ide-kmd/control.events");
    CU_ASSERT_TRUE(api_events_endpoint("tcp://127.0.0.1:4000", out));
    CU_ASSERT_STRING_EQUAL(out, "tcp://127.0.0.1:4001");
    CU_ASSERT_TRUE(api_events_endpoint("tcp://[::1]:65534", out));
    CU_ASSERT_STRING_EQUAL(out, "tcp://[::1]:65535");
    CU_ASSERT_FALSE(api_events_endpoint("tcp://127.0.0.1:65535", out));
    CU_ASSERT_FALSE(api_events_endpoint("tcp://127.0.0.1:*", out));
    CU_ASSERT_FALSE(api_events_endpoint("tcp://127.0.0.1:", out));
    CU_ASSERT_FALSE(api_events_endpoint("tcp://127.0.0.1", out));
    CU_ASSERT_FALSE(api_events_endpoint("inproc://x", out));
    CU_ASSERT_FALSE(api_events_endpoint("ipc://", out));
    snprintf(path, sizeof path, "ipc://%0260d", 0);
    CU_ASSERT_FALSE(api_events_endpoint(path, out));
}

static void durations_are_read_as_people_write_them(void)
{
    uint32_t ms = 0;
    CU_ASSERT(duration_parse("5", &ms) && ms == 5000);
    CU_ASSERT(duration_parse("0.25", &ms) && ms == 250);
    CU_ASSERT(duration_parse("3s", &ms) && ms == 3000);
    CU_ASSERT(duration_parse("40ms", &ms) && ms == 40);
    CU_ASSERT(duration_parse("3600", &ms) && ms == 3600000);
    static const char *const wrong[] = {"",     "0",      "-1",  "x",   "5m",   "5 s",
                                        "3601", "0.0001", "nan", "inf", "0x10", "1e3"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CU_ASSERT_FALSE(duration_parse(wrong[i], &ms));
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(pem_and_der_files_are_read),
        TEST(an_empty_folder_trusts_nobody),
        TEST(a_missing_folder_trusts_nobody),
        TEST(a_file_that_is_no_certificate_is_named),
        TEST(a_file_that_is_too_long_is_refused),
        TEST(streams_are_found_by_either_end),
        TEST(the_events_endpoint_follows_from_the_other),
        TEST(durations_are_read_as_people_write_them),
        CU_TEST_INFO_NULL,
    };
    return suite_run("ide-kmd trust, streams, common", tests);
}
