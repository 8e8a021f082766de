/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The opaque data that chooses the version of secured messages, in both formats. */
#include "check.h"
#include "session/opaque.h"
#include "suite.h"

static const struct spdm_connection spdm12 = {.config = &spdm_config_requester,
                                              .params = {.version = SPDM_VERSION_12, .opaque_format = 1}};
static const struct spdm_connection spdm11 = {.config = &spdm_config_requester,
                                              .params = {.version = SPDM_VERSION_11}};

/* recorded: 1.2 with three versions, 1.1 with one; and their answers */
static const uint8_t supported12[] = {1, 0, 0, 0, 0, 0, 9, 0, 1, 1, 3, 0, 0x10, 0, 0x11, 0, 0x12, 0, 0, 0};
static const uint8_t selected12[] = {1, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0x12};
static const uint8_t supported11[] = {0x46, 0x54, 0x4d, 0x44, 1, 1, 0, 0, 0, 0, 5, 0, 1, 1, 1, 0, 0x10, 0, 0, 0};
static const uint8_t selected11[] = {0x46, 0x54, 0x4d, 0x44, 1, 1, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0x10};

/* A copy of opaque data in which one byte may be changed, and what reading it gives. */
struct sample {
    uint8_t data[64];
    size_t len;
    struct reader r;
    uint16_t version;
};

static struct sample sample_of(const void *data, size_t len)
{
    struct sample s = {.len = len};
    memcpy(s.data, data, len);
    return s;
}

static void supported(struct sample *s, const struct spdm_connection *c)
{
    s->r = reader_of(s->data, s->len);
    s->version = opaque_read_supported(&s->r, c);
}

static void selected(struct sample *s, const struct spdm_connection *c)
{
    s->r = reader_of(s->data, s->len);
    s->version = opaque_read_selected(&s->r, c);
}

static void check_read(const struct sample *s, enum ide_err err, const char *field)
{
    CHECK_ERR(s->r.err, err);
    CU_ASSERT_TRUE(same_text(s->r.field, field));
    CU_ASSERT_EQUAL(s->version, 0);
}

static void recorded_data_reads(void)
{
    struct sample s = sample_of(supported12, sizeof supported12);
    supported(&s, &spdm12);
    CU_ASSERT_TRUE(s.r.err == IDE_OK && s.version == 0x1200);
    s = sample_of(selected12, sizeof selected12);
    selected(&s, &spdm12);
    CU_ASSERT_TRUE(s.r.err == IDE_OK && s.version == 0x1200);
    s = sample_of(supported11, sizeof supported11);
    supported(&s, &spdm11);
    CU_ASSERT_TRUE(s.r.err == IDE_OK && s.version == 0x1000);
    s = sample_of(selected11, sizeof selected11);
    selected(&s, &spdm11);
    CU_ASSERT_TRUE(s.r.err == IDE_OK && s.version == 0x1000);
}

static void ours_is_written_as_recorded(void)
{
    uint8_t out[OPAQUE_VERSIONS_MAX];
    struct writer w = writer_of(out, sizeof out);
    opaque_write_supported(&w, &spdm12);
    CU_ASSERT_TRUE(w.pos == sizeof supported12 && memcmp(out, supported12, w.pos) == 0);
    w = writer_of(out, sizeof out);
    opaque_write_selected(&w, &spdm12.params, 0x1200);
    CU_ASSERT_TRUE(w.pos == sizeof selected12 && memcmp(out, selected12, w.pos) == 0);
    w = writer_of(out, sizeof out);
    opaque_write_selected(&w, &spdm11.params, 0x1000);
    CU_ASSERT_TRUE(w.pos == sizeof selected11 && memcmp(out, selected11, w.pos) == 0);
    w = writer_of(out, sizeof out);
    opaque_write_supported(&w, &spdm11);
    struct sample s = sample_of(out, w.pos);
    supported(&s, &spdm11);
    CU_ASSERT_TRUE(w.pos == 24 && s.version == 0x1200);
}

static void the_highest_common_version_is_chosen(void)
{
    static const struct {
        uint8_t versions[3];
        uint16_t chosen;
    } rows[] = {{{0x10, 0x11, 0x12}, 0x1200}, {{0x12, 0x11, 0x10}, 0x1200}, {{0x11, 0x10, 0x13}, 0x1100},
                {{0x20, 0x10, 0x90}, 0x1000}};
    for (size_t i = 0; i < 4; i++) {
        struct sample s = sample_of(supported12, sizeof supported12);
        for (size_t v = 0; v < 3; v++)
            s.data[12 + 2 * v] = rows[i].versions[v];
        s.data[11] = 0x05;   /* update and alpha do not count */
        supported(&s, &spdm12);
        CU_ASSERT_TRUE(s.r.err == IDE_OK && s.version == rows[i].chosen);
    }
}

static void no_common_version_is_named(void)
{
    struct sample s = sample_of(supported12, sizeof supported12);
    s.data[12] = s.data[14] = s.data[16] = 0x13;
    supported(&s, &spdm12);
    check_read(&s, IDE_E_NO_COMMON, "VersionsList");
    s = sample_of(supported12, sizeof supported12);
    s.data[10] = 0;
    supported(&s, &spdm12);
    check_read(&s, IDE_E_NO_COMMON, "VersionsList");
}

static void more_versions_than_there_are_is_short(void)
{
    static const uint8_t counts[] = {4, 255};
    for (size_t i = 0; i < 2; i++) {
        struct sample s = sample_of(supported12, sizeof supported12);
        s.data[10] = counts[i];
        supported(&s, &spdm12);
        check_read(&s, IDE_E_SHORT, "VersionsList");
    }
}

static void a_version_that_is_not_ours_was_not_offered(void)
{
    static const uint8_t versions[] = {0x00, 0x0f, 0x13, 0x20, 0xff};
    for (size_t i = 0; i < sizeof versions; i++) {
        struct sample s = sample_of(selected12, sizeof selected12);
        s.data[11] = versions[i];
        selected(&s, &spdm12);
        check_read(&s, IDE_E_NOT_OFFERED, "SelectedVersion");
    }
}

static void each_truncation_is_refused(void)
{
    for (size_t len = 0; len < sizeof supported12 - 3; len++) {   /* without its padding it is whole */
        struct sample s = sample_of(supported12, len);
        supported(&s, &spdm12);
        CU_ASSERT_TRUE(s.version == 0 && s.r.err == IDE_E_SHORT);
    }
    for (size_t len = 0; len < sizeof selected11; len++) {
        struct sample s = sample_of(selected11, len);
        selected(&s, &spdm11);
        CU_ASSERT_TRUE(s.version == 0 && s.r.err == IDE_E_SHORT);
    }
}

/* One byte changed in a good answer. */
static void each_field_is_checked(void)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum ide_err err;
        const char *field;
    } rows[] = {
        {0, 0, IDE_E_FIELD, "SelectedVersion"},      /* no element */
        {0, 2, IDE_E_SHORT, "ElementID"},            /* one more than there is */
        {3, 1, IDE_E_FIELD, "Reserved"},
        {4, 3, IDE_E_FIELD, "SelectedVersion"},      /* another registry's element */
        {5, 200, IDE_E_SHORT, "VendorID"},
        {6, 5, IDE_E_SHORT, "OpaqueElementData"},
        {6, 3, IDE_E_SHORT, "SelectedVersion"},
        {6, 0, IDE_E_SHORT, "SMDataVersion"},
        {7, 0xff, IDE_E_SHORT, "OpaqueElementData"},
        {8, 2, IDE_E_FIELD, "SMDataVersion"},
        {9, 1, IDE_E_FIELD, "SelectedVersion"},      /* another kind of data */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sample s = sample_of(selected12, sizeof selected12);
        s.data[rows[i].at] = rows[i].value;
        selected(&s, &spdm12);
        check_read(&s, rows[i].err, rows[i].field);
    }
    struct sample s = sample_of(selected11, sizeof selected11);
    s.data[0] ^= 1;
    selected(&s, &spdm11);
    check_read(&s, IDE_E_FIELD, "SpecID");
    s = sample_of(selected11, sizeof selected11);
    s.data[4] = 2;
    selected(&s, &spdm11);
    check_read(&s, IDE_E_FIELD, "OpaqueVersion");
}

static void other_elements_are_skipped(void)
{
    const uint8_t data[] = {3, 0, 0, 0,
                            3, 2, 0x36, 0x1b, 3, 0, 'a', 'b', 'c', 0, 0, 0,   /* a vendor's, with padding */
                            0, 0, 3, 0, 1, 2, 32, 0,                          /* DMTF's AEAD limit (DSP0277 1.3) */
                            0, 0, 4, 0, 1, 0, 0, 0x11};
    struct sample s = sample_of(data, sizeof data);
    selected(&s, &spdm12);
    CHECK_ERR(s.r.err, IDE_OK);
    CU_ASSERT_EQUAL(s.version, 0x1100);
}

static void two_selections_are_refused(void)
{
    const uint8_t data[] = {2, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0x11, 0, 0, 4, 0, 1, 0, 0, 0x12};
    struct sample s = sample_of(data, sizeof data);
    selected(&s, &spdm12);
    check_read(&s, IDE_E_FIELD, "SelectedVersion");
}

static void only_what_is_configured_is_offered(void)
{
    struct spdm_config config = {.secured_min = 0x10, .secured_max = 0x11};
    struct spdm_connection c = {.config = &config, .params = spdm12.params};
    uint8_t out[OPAQUE_VERSIONS_MAX];
    struct writer w = writer_of(out, sizeof out);
    opaque_write_supported(&w, &c);
    CU_ASSERT_EQUAL(out[10], 2);   /* VersionCount */
    struct sample s = sample_of(out, w.pos);
    supported(&s, &spdm12);
    CU_ASSERT_TRUE(s.r.err == IDE_OK && s.version == 0x1100);
    s = sample_of(supported12, sizeof supported12);
    supported(&s, &c);
    CU_ASSERT_TRUE(s.r.err == IDE_OK && s.version == 0x1100);
    s = sample_of(selected12, sizeof selected12);
    selected(&s, &c);
    check_read(&s, IDE_E_NOT_OFFERED, "SelectedVersion");
    CU_ASSERT_TRUE(s.r.got == 0x1200 && s.r.want == 0x1100);
    config = (struct spdm_config){.secured_min = 0x12, .secured_max = 0x12};
    s = sample_of(supported11, sizeof supported11);
    c.params = spdm11.params;
    supported(&s, &c);
    check_read(&s, IDE_E_NO_COMMON, "VersionsList");
}

static void without_the_format_there_is_no_session(void)
{
    struct spdm_params p = spdm12.params;
    struct ide_fault fault;
    CHECK_OK(opaque_usable(&p, &fault, "session"));
    CHECK_OK(opaque_usable(&spdm11.params, &fault, "session"));
    p.opaque_format = 0;
    CHECK_ERR(opaque_usable(&p, &fault, "session"), IDE_E_UNSUPPORTED);
    CHECK_FAULT(&fault, IDE_E_UNSUPPORTED, "session", "OpaqueDataFmt1");
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(recorded_data_reads),
        TEST(ours_is_written_as_recorded),
        TEST(the_highest_common_version_is_chosen),
        TEST(no_common_version_is_named),
        TEST(more_versions_than_there_are_is_short),
        TEST(a_version_that_is_not_ours_was_not_offered),
        TEST(each_truncation_is_refused),
        TEST(each_field_is_checked),
        TEST(other_elements_are_skipped),
        TEST(two_selections_are_refused),
        TEST(only_what_is_configured_is_offered),
        TEST(without_the_format_there_is_no_session),
        CU_TEST_INFO_NULL,
    };
    return suite_run("opaque data", tests);
}
