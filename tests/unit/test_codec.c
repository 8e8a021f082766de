/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The codec of spdm/: every message of the recorded sessions back to the same
 * bytes, cut off at every byte, lengthened, into too small a buffer; and every
 * count and length at its limits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "any_message.h"
#include "check.h"
#include "suite.h"
#include "vector_file.h"

static const struct spdm_message *const descriptors[] = {
    &spdm_msg_get_version,     &spdm_msg_version,         &spdm_msg_get_capabilities,
    &spdm_msg_capabilities,    &spdm_msg_negotiate_algorithms, &spdm_msg_algorithms,
    &spdm_msg_get_digests,     &spdm_msg_digests,         &spdm_msg_get_certificate,
    &spdm_msg_certificate,     &spdm_msg_challenge,       &spdm_msg_challenge_auth,
    &spdm_msg_error,           &spdm_msg_respond_if_ready, &spdm_msg_vendor_defined_request,
    &spdm_msg_vendor_defined_response, &spdm_msg_get_measurements, &spdm_msg_measurements,
    &spdm_msg_get_mel,         &spdm_msg_mel,
};

static const char *const files[] = {
    "v11-p256-sha256-aes128.vec",      "v12-p256-chacha20.vec",         "v12-p384-handshake-in-clear.vec",
    "v12-p384-mutual-encap.vec",       "v12-p384-sha384-aes256.vec",    "v12-p521-sha512.vec",
    "v12-psk-sha384-aes256.vec",       "v12-rsapss3072-ffdhe3072.vec",  "v13-p384-sha384-aes256.vec",
    "v14-mldsa87-mlkem1024.vec",       "v14-p384-sha384-aes256.vec",
};

/* One message with all that decoding it needs. */
struct sample {
    const struct spdm_message *m;
    struct spdm_params params;
    uint8_t summary_len;
    bool has_signature;   /* MEASUREMENTS */
    const uint8_t *data;
    size_t len;   /* without padding, once decoded */
    char from[64];
};

static const struct spdm_message *descriptor(uint8_t code)
{
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
        if (descriptors[i]->code == code)
            return descriptors[i];
    }
    return NULL;
}

static enum ide_err decode(const struct sample *s, const uint8_t *data, size_t len, union any_message *message,
                           size_t *consumed, struct ide_fault *fault)
{
    memset(message, 0, sizeof *message);
    memset(fault, 0, sizeof *fault);
    if (s->m->code == SPDM_CHALLENGE_AUTH)
        message->challenge_auth.summary_len = s->summary_len;
    if (s->m->code == SPDM_MEASUREMENTS)
        message->measurements.has_signature = s->has_signature;
    return spdm_decode(s->m, &s->params, data, len, message, consumed, fault);
}

typedef void sample_check(const struct sample *s);

/* What the message means for those after it. */
static void follow(struct sample *s, const union any_message *message)
{
    if (s->m->code == SPDM_NEGOTIATE_ALGORITHMS)
        s->params.multi_key = message->algorithms.other_params & SPDM_MULTI_KEY_CONN;
    if (s->m->code == SPDM_ALGORITHMS) {
        s->params.asym = asym_by_bit(message->algorithms.base_asym);
        s->params.hash = hash_by_bit(message->algorithms.base_hash);
    }
    if (s->m->code == SPDM_GET_MEASUREMENTS)
        s->has_signature = message->get_measurements.header.param1 & SPDM_MEASUREMENTS_SIGNED;
    if (s->m->code == SPDM_CHALLENGE)
        s->summary_len = message->challenge.header.param2 != SPDM_SUMMARY_NONE ? s->params.hash->size : 0;
}

static size_t each_sample(const char *file, sample_check *check)
{
    char path[512];
    struct vector_file f;
    struct sample s = {0};
    size_t count = 0;
    snprintf(path, sizeof path, "%s/%s", TEST_VECTORS, file);
    CU_ASSERT_FATAL(vector_file_read(&f, path));
    for (size_t i = 0; i < f.count; i++) {
        const struct vector_line *line = &f.lines[i];
        s.m = line->kind == VECTOR_MESSAGE && line->len >= 4 ? descriptor(line->data[1]) : NULL;
        /* what a signature is made with may be missing in this build */
        if (!s.m || ((s.m->code == SPDM_CHALLENGE_AUTH || s.m->code == SPDM_MEASUREMENTS) && !s.params.asym))
            continue;
        if (s.m->code == SPDM_GET_CAPABILITIES)
            s.params.version = line->data[0];
        union any_message message;
        struct ide_fault fault;
        snprintf(s.from, sizeof s.from, "%.40s:%zu", file, line->number);
        s.data = line->data;
        if (decode(&s, line->data, line->len, &message, &s.len, &fault) != IDE_OK) {
            char text[200];
            fprintf(stderr, "%s: %s\n", s.from, ide_fault_text(&fault, text, sizeof text));
            CU_FAIL("a recorded message is refused");
            continue;
        }
        check(&s);
        follow(&s, &message);
        count++;
    }
    vector_file_free(&f);
    return count;
}

static void check_round_trip(const struct sample *s)
{
    union any_message message;
    struct ide_fault fault;
    uint8_t again[SPDM_TRANSFER_SIZE];
    size_t len, consumed;
    CHECK_OK(decode(s, s->data, s->len, &message, &consumed, &fault));
    CHECK_OK(spdm_encode(s->m, &s->params, &message, again, sizeof again, &len));
    bool same = len == s->len && memcmp(again, s->data, len) == 0;
    if (!same)
        fprintf(stderr, "%s: %s encodes to other bytes\n", s->from, s->m->name);
    CU_ASSERT_TRUE(same);
}

static void recorded_messages_encode_to_the_same_bytes(void)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        count += each_sample(files[i], check_round_trip);
    CU_ASSERT(count > 1500);
}

/* The first n bytes in memory of their own, so that a sanitizer sees a read behind them. */
static uint8_t *copy_of(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    memcpy(copy, data, n);
    return copy;
}

static void check_truncations(const struct sample *s)
{
    for (size_t n = 0; n < s->len; n++) {
        union any_message message;
        struct ide_fault fault;
        size_t consumed = 0;
        uint8_t *cut = copy_of(s->data, n);
        /* an ERROR whose data has no fixed length is only shorter, not cut off */
        if (s->m->code != SPDM_ERROR || n < 4)
            CHECK_ERR(decode(s, cut, n, &message, &consumed, &fault), IDE_E_SHORT);
        CU_ASSERT(consumed <= n);
        free(cut);
    }
}

static void a_message_cut_off_anywhere_is_short(void)
{
    each_sample("v11-p256-sha256-aes128.vec", check_truncations);
    each_sample("v12-p384-sha384-aes256.vec", check_truncations);
    each_sample("v14-p384-sha384-aes256.vec", check_truncations);
}

static void check_longer(const struct sample *s)
{
    uint8_t longer[SPDM_TRANSFER_SIZE + 4];
    union any_message message;
    struct ide_fault fault;
    size_t consumed;
    memcpy(longer, s->data, s->len);
    memset(longer + s->len, 0, 4);
    if (s->m->code == SPDM_ERROR)
        return;
    CHECK_OK(decode(s, longer, s->len + 3, &message, &consumed, &fault));
    CU_ASSERT_EQUAL(consumed, s->len);
    CHECK_ERR(decode(s, longer, s->len + 4, &message, &consumed, &fault), IDE_E_LONG);
    CHECK_FAULT(&fault, IDE_E_LONG, s->m->name, "length");
}

static void more_than_padding_behind_a_message_is_long(void)
{
    each_sample("v12-p384-sha384-aes256.vec", check_longer);
}

static void check_small_buffers(const struct sample *s)
{
    union any_message message;
    struct ide_fault fault;
    size_t consumed, len;
    CHECK_OK(decode(s, s->data, s->len, &message, &consumed, &fault));
    for (size_t n = 0; n < s->len; n++) {
        uint8_t *small = copy_of(s->data, n);
        CHECK_ERR(spdm_encode(s->m, &s->params, &message, small, n, &len), IDE_E_SPACE);
        free(small);
    }
}

static void encoding_never_leaves_its_buffer(void)
{
    each_sample("v12-p384-sha384-aes256.vec", check_small_buffers);
    each_sample("v14-p384-sha384-aes256.vec", check_small_buffers);
}

static void check_header(const struct sample *s)
{
    uint8_t other[SPDM_TRANSFER_SIZE];
    union any_message message;
    struct ide_fault fault;
    size_t consumed;
    memcpy(other, s->data, s->len);
    other[0] ^= 0x03;
    CHECK_ERR(decode(s, other, s->len, &message, &consumed, &fault), IDE_E_VERSION);
    CHECK_FAULT(&fault, IDE_E_VERSION, s->m->name, "SPDMVersion");
    other[0] ^= 0x03;
    other[1] ^= 0x80;
    CHECK_ERR(decode(s, other, s->len, &message, &consumed, &fault), IDE_E_UNEXPECTED);
    CHECK_FAULT(&fault, IDE_E_UNEXPECTED, s->m->name, "RequestResponseCode");
}

static void version_and_code_are_checked_in_every_message(void)
{
    each_sample("v12-p384-sha384-aes256.vec", check_header);
}

/* counts and lengths at their limits */

struct limit {
    const char *name;
    const struct spdm_message *m;
    uint8_t version;
    size_t len;
    enum ide_err err;
    const char *field;
    uint8_t data[64];
};

#define HEAD(version, code, p1, p2) version, code, p1, p2
#define CAPS(ct, flags, size, max)                                                                           \
    0, ct, 0, 0, flags, 0, 0, 0, (size) & 0xff, (size) >> 8 & 0xff, (size) >> 16 & 0xff, (size) >> 24,       \
        (max) & 0xff, (max) >> 8 & 0xff, (max) >> 16 & 0xff, (max) >> 24
#define ALGS(length, ext_asym, ext_hash)                                                                     \
    (length) & 0xff, (length) >> 8, 1, 2, 0x80, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,      \
        ext_asym, ext_hash, 0, 0

static const struct limit limits[] = {
    {"least sizes", &spdm_msg_get_capabilities, 0x12, 20, IDE_OK, NULL,
     {HEAD(0x12, 0xe1, 0, 0), CAPS(31, 0, 42u, 42u)}},
    {"greatest sizes", &spdm_msg_get_capabilities, 0x12, 20, IDE_OK, NULL,
     {HEAD(0x12, 0xe1, 0, 0), CAPS(0, 0, 0xffffffffu, 0xffffffffu)}},
    {"CTExponent 32", &spdm_msg_get_capabilities, 0x12, 20, IDE_E_FIELD, "CTExponent",
     {HEAD(0x12, 0xe1, 0, 0), CAPS(32, 0, 42u, 42u)}},
    {"DataTransferSize 41", &spdm_msg_get_capabilities, 0x12, 20, IDE_E_FIELD, "DataTransferSize",
     {HEAD(0x12, 0xe1, 0, 0), CAPS(0, 0, 41u, 42u)}},
    {"DataTransferSize 0", &spdm_msg_get_capabilities, 0x12, 20, IDE_E_FIELD, "DataTransferSize",
     {HEAD(0x12, 0xe1, 0, 0), CAPS(0, 0, 0u, 0u)}},
    {"MaxSPDMmsgSize below", &spdm_msg_get_capabilities, 0x12, 20, IDE_E_FIELD, "MaxSPDMmsgSize",
     {HEAD(0x12, 0xe1, 0, 0), CAPS(0, 0, 4608u, 4607u)}},
    {"1.1 has no sizes", &spdm_msg_get_capabilities, 0x11, 12, IDE_OK, NULL,
     {HEAD(0x11, 0xe1, 0, 0), CAPS(0, 0, 0u, 0u)}},
    {"1.0 request is its header", &spdm_msg_get_capabilities, 0x10, 4, IDE_OK, NULL,
     {HEAD(0x10, 0xe1, 0, 0)}},
    {"1.0 response is not", &spdm_msg_capabilities, 0x10, 4, IDE_E_SHORT, "Reserved",
     {HEAD(0x10, 0x61, 0, 0)}},

    {"no structure", &spdm_msg_negotiate_algorithms, 0x12, 32, IDE_OK, NULL,
     {HEAD(0x12, 0xe3, 0, 0), ALGS(32, 0, 0)}},
    {"Length 0", &spdm_msg_negotiate_algorithms, 0x12, 32, IDE_E_FIELD, "Length",
     {HEAD(0x12, 0xe3, 0, 0), ALGS(0, 0, 0)}},
    {"Length 31", &spdm_msg_negotiate_algorithms, 0x12, 32, IDE_E_FIELD, "Length",
     {HEAD(0x12, 0xe3, 0, 0), ALGS(31, 0, 0)}},
    {"Length 33", &spdm_msg_negotiate_algorithms, 0x12, 32, IDE_E_FIELD, "Length",
     {HEAD(0x12, 0xe3, 0, 0), ALGS(33, 0, 0)}},
    {"Length 129", &spdm_msg_negotiate_algorithms, 0x12, 32, IDE_E_FIELD, "Length",
     {HEAD(0x12, 0xe3, 0, 0), ALGS(129, 0, 0)}},
    {"Length 65535", &spdm_msg_negotiate_algorithms, 0x12, 32, IDE_E_FIELD, "Length",
     {HEAD(0x12, 0xe3, 0, 0), ALGS(0xffff, 0, 0)}},
    {"one extended algorithm", &spdm_msg_negotiate_algorithms, 0x12, 36, IDE_OK, NULL,
     {HEAD(0x12, 0xe3, 0, 0), ALGS(36, 1, 0)}},
    {"255 extended algorithms", &spdm_msg_negotiate_algorithms, 0x12, 36, IDE_E_SHORT, "ExtAsym",
     {HEAD(0x12, 0xe3, 0, 0), ALGS(36, 255, 255)}},
    {"255 structures", &spdm_msg_negotiate_algorithms, 0x12, 32, IDE_E_SHORT, "AlgType",
     {HEAD(0x12, 0xe3, 255, 0), ALGS(32, 0, 0)}},
    {"structure type 0", &spdm_msg_negotiate_algorithms, 0x12, 36, IDE_E_FIELD, "AlgType",
     {HEAD(0x12, 0xe3, 1, 0), ALGS(36, 0, 0), 0, 0x20, 1, 0}},
    {"a type twice", &spdm_msg_negotiate_algorithms, 0x12, 40, IDE_E_FIELD, "AlgType",
     {HEAD(0x12, 0xe3, 2, 0), ALGS(40, 0, 0), 2, 0x20, 8, 0, 2, 0x20, 16, 0}},
    {"an unknown type is skipped", &spdm_msg_negotiate_algorithms, 0x12, 45, IDE_OK, NULL,
     {HEAD(0x12, 0xe3, 2, 0), ALGS(45, 0, 0), 2, 0x20, 8, 0, 9, 0x31, 1, 2, 3, 4, 5, 6, 7}},
    {"15 extended algorithms in a structure", &spdm_msg_negotiate_algorithms, 0x12, 36, IDE_E_SHORT, "AlgExternal",
     {HEAD(0x12, 0xe3, 1, 0), ALGS(36, 0, 0), 2, 0x2f, 8, 0}},
    {"AlgSupported of 15 bytes", &spdm_msg_negotiate_algorithms, 0x12, 36, IDE_E_FIELD, "AlgCount",
     {HEAD(0x12, 0xe3, 1, 0), ALGS(36, 0, 0), 2, 0xf0, 8, 0}},
    {"1.0 has no structures", &spdm_msg_negotiate_algorithms, 0x10, 32, IDE_OK, NULL,
     {HEAD(0x10, 0xe3, 9, 0), ALGS(32, 0, 0)}},

    {"no vendor id, no payload", &spdm_msg_vendor_defined_request, 0x12, 9, IDE_OK, NULL,
     {HEAD(0x12, 0xfe, 0, 0), 0, 0, 0, 0, 0}},
    {"VendorIDLen 9", &spdm_msg_vendor_defined_request, 0x12, 20, IDE_E_FIELD, "VendorIDLen",
     {HEAD(0x12, 0xfe, 0, 0), 3, 0, 9, 0, 0}},
    {"VendorIDLen 255", &spdm_msg_vendor_defined_request, 0x12, 20, IDE_E_FIELD, "VendorIDLen",
     {HEAD(0x12, 0xfe, 0, 0), 3, 0, 255, 0, 0}},
    {"VendorIDLen past the end", &spdm_msg_vendor_defined_request, 0x12, 8, IDE_E_SHORT, "VendorID",
     {HEAD(0x12, 0xfe, 0, 0), 3, 0, 2, 1}},
    {"PayloadLength max", &spdm_msg_vendor_defined_response, 0x12, 12, IDE_E_SHORT, "Payload",
     {HEAD(0x12, 0x7e, 0, 0), 3, 0, 2, 1, 0, 0xff, 0xff, 0}},

    {"ERROR alone", &spdm_msg_error, 0x12, 4, IDE_OK, NULL,
     {HEAD(0x12, 0x7f, 1, 0)}},
    {"ResponseNotReady without its data", &spdm_msg_error, 0x12, 7, IDE_E_SHORT, "ExtendedErrorData",
     {HEAD(0x12, 0x7f, 0x42, 0), 1, 2, 3}},
    {"LargeResponse with its handle", &spdm_msg_error, 0x12, 8, IDE_OK, NULL,
     {HEAD(0x12, 0x7f, 0x0f, 0), 1, 0, 0, 0}},
    {"32 bytes of error data", &spdm_msg_error, 0x12, 36, IDE_OK, NULL,
     {HEAD(0x12, 0x7f, 0xff, 0)}},
    {"33 bytes of error data", &spdm_msg_error, 0x12, 37, IDE_E_LONG, "ExtendedErrorData",
     {HEAD(0x12, 0x7f, 0xff, 0)}},

    {"an empty portion", &spdm_msg_certificate, 0x12, 8, IDE_OK, NULL,
     {HEAD(0x12, 0x02, 0, 0), 0, 0, 0, 0}},
    {"PortionLength max", &spdm_msg_certificate, 0x12, 8, IDE_E_SHORT, "CertChain",
     {HEAD(0x12, 0x02, 0, 0), 0xff, 0xff, 0, 0}},
    {"no slot", &spdm_msg_digests, 0x12, 4, IDE_OK, NULL,
     {HEAD(0x12, 0x01, 0, 0)}},
    {"all slots", &spdm_msg_digests, 0x12, 4, IDE_E_SHORT, "Digest",
     {HEAD(0x12, 0x01, 0, 0xff)}},
    {"255 versions", &spdm_msg_version, 0x12, 64, IDE_E_SHORT, "VersionNumberEntry",
     {HEAD(0x10, 0x04, 0, 0), 0, 255}},
    {"no version", &spdm_msg_version, 0x12, 6, IDE_E_FIELD, "VersionNumberEntryCount",
     {HEAD(0x10, 0x04, 0, 0), 0, 0}},
};

static void counts_and_lengths_are_bounded(void)
{
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const struct limit *l = &limits[i];
        const struct sample s = {.m = l->m, .params = {.version = l->version, .hash = hash_by_id(HASH_SHA256)}};
        union any_message message;
        struct ide_fault fault;
        size_t consumed;
        uint8_t *data = copy_of(l->data, l->len);
        enum ide_err err = decode(&s, data, l->len, &message, &consumed, &fault);
        bool as_wanted = err == l->err && same_text(fault.field, l->field);
        if (!as_wanted)
            fprintf(stderr, "%s: %s at %s\n", l->name, ide_err_name(err), fault.field ? fault.field : "nothing");
        CU_ASSERT_TRUE(as_wanted);
        free(data);
    }
}

static void opaque_data_has_a_limit(void)
{
    static uint8_t data[4 + 32 + 32 + 2 + 2000];
    struct sample s = {.m = &spdm_msg_challenge_auth,
                       .params = {.version = 0x12, .hash = hash_by_id(HASH_SHA256),
                                  .asym = asym_by_bit(SPDM_ASYM_ECDSA_P256)}};
    union any_message message;
    struct ide_fault fault;
    size_t consumed;
    memcpy(data, (uint8_t[]){HEAD(0x12, 0x03, 0, 1)}, 4);
    data[69] = 0x04;   /* 1024 */
    CHECK_OK(decode(&s, data, 70 + 1024 + 64, &message, &consumed, &fault));
    CU_ASSERT_EQUAL(message.challenge_auth.signed_len, 70 + 1024);
    data[68] = 1;
    CHECK_ERR(decode(&s, data, 70 + 1025 + 64, &message, &consumed, &fault), IDE_E_FIELD);
    CHECK_FAULT(&fault, IDE_E_FIELD, "CHALLENGE_AUTH", "OpaqueDataLength");
}

static void nothing_is_decoded_that_was_not_negotiated(void)
{
    static const uint8_t digests[36] = {HEAD(0x12, 0x01, 0, 1)};
    static const uint8_t auth[4 + 32 + 32 + 2 + 64] = {HEAD(0x12, 0x03, 0, 1)};
    struct sample s = {.m = &spdm_msg_digests, .params = {.version = 0x12}};
    union any_message message;
    struct ide_fault fault;
    size_t consumed;
    CHECK_ERR(decode(&s, digests, sizeof digests, &message, &consumed, &fault), IDE_E_STATE);
    CHECK_FAULT(&fault, IDE_E_STATE, "DIGESTS", "BaseHashSel");
    s.m = &spdm_msg_challenge_auth;
    s.params.hash = hash_by_id(HASH_SHA256);
    CHECK_ERR(decode(&s, auth, sizeof auth, &message, &consumed, &fault), IDE_E_STATE);
    CHECK_FAULT(&fault, IDE_E_STATE, "CHALLENGE_AUTH", "BaseAsymSel");
}

/* A message of a later version than the negotiated one does not exist. */
static void a_message_has_a_first_version(void)
{
    struct spdm_message later = spdm_msg_get_digests;
    static const uint8_t data[4] = {HEAD(0x11, 0x81, 0, 0)};
    struct sample s = {.m = &later, .params = {.version = 0x11}};
    union any_message message;
    struct ide_fault fault;
    size_t consumed;
    later.first_version = SPDM_VERSION_12;
    CHECK_ERR(decode(&s, data, sizeof data, &message, &consumed, &fault), IDE_E_UNSUPPORTED);
    CHECK_FAULT(&fault, IDE_E_UNSUPPORTED, "GET_DIGESTS", "SPDMVersion");
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(recorded_messages_encode_to_the_same_bytes),
        TEST(a_message_cut_off_anywhere_is_short),
        TEST(more_than_padding_behind_a_message_is_long),
        TEST(encoding_never_leaves_its_buffer),
        TEST(version_and_code_are_checked_in_every_message),
        TEST(counts_and_lengths_are_bounded),
        TEST(opaque_data_has_a_limit),
        TEST(nothing_is_decoded_that_was_not_negotiated),
        TEST(a_message_has_a_first_version),
        CU_TEST_INFO_NULL,
    };
    return suite_run("codec", tests);
}
