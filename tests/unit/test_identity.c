/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spdm/identity.h: one good chain, and for every rule a chain that breaks it
 * and nothing else. test_identity_openssl.c has chains that we did not build.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity_rig.h"
#include "spdm/cursor.h"

/* A chain with one thing changed, and what must come of it. */
struct chain_case {
    const char *name;
    unsigned count;
    void (*change)(struct chain_spec *spec);
    enum ide_err err;
    const char *step, *field;
};

static void run_cases(const struct chain_case *cases, size_t n, enum cma_name_rule rule)
{
    for (size_t i = 0; i < n; i++) {
        struct chain_spec spec = chain_spec_good(cases[i].count, NAME);
        if (cases[i].change)
            cases[i].change(&spec);
        chain_build(&chain, &spec, HASH_SHA384);
        struct question q = question_good();
        q.trust.name_rule = rule;
        expect(cases[i].name, ask(&q), cases[i].err, cases[i].step, cases[i].field);
    }
}

#define RUN(cases, rule) run_cases(cases, sizeof(cases) / sizeof((cases)[0]), rule)
#define CHANGE(function, statement)                                                                          \
    static void function(struct chain_spec *s)                                                               \
    {                                                                                                        \
        statement;                                                                                           \
    }

/* the good chain */

static void a_good_chain_is_accepted(void)
{
    struct chain_spec spec = chain_spec_good(3, NAME);
    spec.certs[1].not_after = "300101000000Z";
    chain_build(&chain, &spec, HASH_SHA384);
    struct question q = question_good();
    expect("good", ask(&q), IDE_OK, NULL, NULL);
    CU_ASSERT_EQUAL(identity.certificates, 3);
    CU_ASSERT_EQUAL(identity.anchor, 0);
    CU_ASSERT_TRUE(identity.has_cma_name);
    CU_ASSERT_EQUAL(identity.not_after, 1893456000);
    CU_ASSERT_EQUAL(identity.key.type, KEY_EC_P384);
    CU_ASSERT_EQUAL(identity.key.bits, 384);
    CU_ASSERT_EQUAL(identity.key.len, 96);
    CU_ASSERT_EQUAL(memcmp(identity.key.data, test_key(2)->public_key, 96), 0);
}

CHANGE(leave_root_out, s->without_root = true)
CHANGE(sign_with_sha256, s->certs[1].hash = s->certs[2].hash = HASH_SHA256)
CHANGE(sign_with_sha512, s->certs[1].hash = s->certs[2].hash = HASH_SHA512)
CHANGE(no_leaf_constraints, s->certs[2].ca = ABSENT)
CHANGE(no_ca_usage, s->certs[0].key_usage = s->certs[1].key_usage = ABSENT)
CHANGE(no_purposes, s->certs[2].purposes[0] = NULL)
CHANGE(both_purposes, s->certs[2].purposes[1] = REQUESTER)
CHANGE(harmless_extension, s->certs[2].extension = "0500")
CHANGE(other_names_too, s->certs[2].other_name = "ACME:WIDGET:1")
CHANGE(enough_path, s->certs[0].path_length = 2; s->certs[1].path_length = 1; s->certs[2].path_length = 0)
CHANGE(leaf_path, s->certs[1].path_length = 0)
CHANGE(more_usage, s->certs[2].key_usage = 0x8088) /* decipherOnly, in a second byte */

/* RFC 5280 §6.1.4 (l): a certificate issued to oneself does not count */
CHANGE(self_issued, s->certs[0].path_length = 0; s->certs[1].subject = "c0"; s->certs[2].issuer = "c0")

static void variants_of_a_good_chain_are_accepted(void)
{
    static const struct chain_case cases[] = {
        {"leaf under the root", 2, NULL, IDE_OK, NULL, NULL},
        {"as many certificates as there may be", CHAIN_CERTIFICATES_MAX, NULL, IDE_OK, NULL, NULL},
        {"without the root", 3, leave_root_out, IDE_OK, NULL, NULL},
        {"the leaf alone", 2, leave_root_out, IDE_OK, NULL, NULL},
        {"the leaf is its own root", 1, NULL, IDE_OK, NULL, NULL},
        {"SHA-256", 3, sign_with_sha256, IDE_OK, NULL, NULL},
        {"SHA-512", 3, sign_with_sha512, IDE_OK, NULL, NULL},
        {"leaf without basicConstraints", 3, no_leaf_constraints, IDE_OK, NULL, NULL},
        {"CAs without keyUsage", 3, no_ca_usage, IDE_OK, NULL, NULL},
        {"leaf without purposes", 3, no_purposes, IDE_OK, NULL, NULL},
        {"leaf for requester and responder", 3, both_purposes, IDE_OK, NULL, NULL},
        {"unknown extension, not critical", 3, harmless_extension, IDE_OK, NULL, NULL},
        {"other names besides", 3, other_names_too, IDE_OK, NULL, NULL},
        {"path lengths that suffice", 4, enough_path, IDE_OK, NULL, NULL},
        {"path length of the last CA", 3, leaf_path, IDE_OK, NULL, NULL},
        {"keyUsage of two bytes", 3, more_usage, IDE_OK, NULL, NULL},
        {"self-issued certificate below path length 0", 3, self_issued, IDE_OK, NULL, NULL},
    };
    RUN(cases, CMA_NAME_REQUIRED);
}

/* rules for each certificate and for CAs */

CHANGE(root_expired, s->certs[0].not_after = "261231235959Z")
CHANGE(intermediate_expired, s->certs[1].not_after = "261231235959Z")
CHANGE(leaf_expired, s->certs[2].not_after = "261231235959Z")
CHANGE(leaf_not_yet, s->certs[2].not_before = "280101000000Z")
CHANGE(month_13, s->certs[2].not_after = "20991331235959Z")
CHANGE(intermediate_no_ca, s->certs[1].ca = 0)
CHANGE(intermediate_no_constraints, s->certs[1].ca = ABSENT)
CHANGE(root_no_ca, s->certs[0].ca = 0)
CHANGE(root_no_sign, s->certs[0].key_usage = 0x80)
CHANGE(intermediate_no_sign, s->certs[1].key_usage = 0x80)
CHANGE(root_path_0, s->certs[0].path_length = 0)
CHANGE(intermediate_path_0, s->certs[1].path_length = 0)
CHANGE(path_grows, s->certs[0].path_length = 1; s->certs[1].path_length = 100)
CHANGE(path_negative, s->certs[0].path_length = 0xff)
CHANGE(root_critical, s->certs[0].extension = "0500"; s->certs[0].extension_is_critical = true)
CHANGE(intermediate_critical, s->certs[1].extension = "0500"; s->certs[1].extension_is_critical = true)
CHANGE(leaf_critical, s->certs[2].extension = "0500"; s->certs[2].extension_is_critical = true)
CHANGE(usage_twice, s->certs[2].twice = KEY_USAGE)
CHANGE(constraints_twice, s->certs[1].twice = BASIC_CONSTRAINTS)
CHANGE(purposes_twice, s->certs[2].twice = EXT_KEY_USAGE)
CHANGE(names_twice, s->certs[2].twice = SUBJECT_ALT_NAME)
CHANGE(version_1, s->certs[2].version = 0)
CHANGE(issuer_differs, s->certs[2].issuer = "c0")
CHANGE(leaf_by_root, s->certs[2].signer = test_key(0))
CHANGE(intermediate_by_stranger, s->certs[1].signer = test_key(9))

static void each_rule_for_a_path_is_kept(void)
{
    static const struct chain_case cases[] = {
        {"root expired", 3, root_expired, IDE_E_EXPIRED, ANCHOR, "notAfter"},
        {"intermediate expired", 3, intermediate_expired, IDE_E_EXPIRED, MIDDLE, "notAfter"},
        {"leaf expired", 3, leaf_expired, IDE_E_EXPIRED, LEAF, "notAfter"},
        {"leaf not yet valid", 3, leaf_not_yet, IDE_E_EXPIRED, LEAF, "notBefore"},
        {"month 13", 3, month_13, IDE_E_CHAIN, LEAF, "notAfter"},
        {"intermediate is no CA", 3, intermediate_no_ca, IDE_E_USAGE, MIDDLE, "basicConstraints"},
        {"intermediate without constraints", 3, intermediate_no_constraints, IDE_E_USAGE, MIDDLE,
         "basicConstraints"},
        {"root is no CA", 3, root_no_ca, IDE_E_USAGE, ANCHOR, "basicConstraints"},
        {"root may not sign certificates", 3, root_no_sign, IDE_E_USAGE, ANCHOR, "keyUsage"},
        {"intermediate may not sign certificates", 3, intermediate_no_sign, IDE_E_USAGE, MIDDLE, "keyUsage"},
        {"root allows no intermediate", 3, root_path_0, IDE_E_USAGE, MIDDLE, "pathLenConstraint"},
        {"intermediate allows no other", 4, intermediate_path_0, IDE_E_USAGE, MIDDLE, "pathLenConstraint"},
        {"intermediate allows more than the root", 4, path_grows, IDE_E_USAGE, MIDDLE, "pathLenConstraint"},
        {"path length below zero", 3, path_negative, IDE_E_CHAIN, ANCHOR, "pathLenConstraint"},
        {"critical extension, root", 3, root_critical, IDE_E_UNSUPPORTED, ANCHOR, "critical extension"},
        {"critical extension, intermediate", 3, intermediate_critical, IDE_E_UNSUPPORTED, MIDDLE,
         "critical extension"},
        {"critical extension, leaf", 3, leaf_critical, IDE_E_UNSUPPORTED, LEAF, "critical extension"},
        {"keyUsage twice", 3, usage_twice, IDE_E_CHAIN, LEAF, "keyUsage"},
        {"basicConstraints twice", 3, constraints_twice, IDE_E_CHAIN, MIDDLE, "basicConstraints"},
        {"extendedKeyUsage twice", 3, purposes_twice, IDE_E_CHAIN, LEAF, "extendedKeyUsage"},
        {"subjectAltName twice", 3, names_twice, IDE_E_CHAIN, LEAF, "subjectAltName"},
        {"version 1", 3, version_1, IDE_E_UNSUPPORTED, LEAF, "version"},
        {"leaf names another issuer", 3, issuer_differs, IDE_E_CHAIN, LEAF, "issuer"},
        {"leaf signed by another", 3, leaf_by_root, IDE_E_SIGNATURE, LEAF, "signature"},
        {"intermediate signed by a stranger", 3, intermediate_by_stranger, IDE_E_SIGNATURE, MIDDLE,
         "signature"},
        {"too many certificates", CHAIN_CERTIFICATES_MAX + 1, NULL, IDE_E_CHAIN, CHAIN,
         "number of certificates"},
    };
    RUN(cases, CMA_NAME_REQUIRED);
}

static void the_last_second_of_validity_counts(void)
{
    build_good(3, NAME);
    struct question q = question_good();
    q.now = END_OF_2099;
    expect("last second", ask(&q), IDE_OK, NULL, NULL);
    CU_ASSERT_EQUAL(identity.not_after, END_OF_2099);
    q.now = END_OF_2099 + 1;
    expect("one later", ask(&q), IDE_E_EXPIRED, ANCHOR, "notAfter");
    q.now = 1577836800; /* 2020-01-01 */
    expect("first second", ask(&q), IDE_OK, NULL, NULL);
    q.now--;
    expect("one earlier", ask(&q), IDE_E_EXPIRED, ANCHOR, "notBefore");
}

/* rules for the leaf */

CHANGE(leaf_is_ca, s->certs[2].ca = 1)
CHANGE(leaf_no_usage, s->certs[2].key_usage = ABSENT)
CHANGE(leaf_wrong_usage, s->certs[2].key_usage = 0x08)
CHANGE(leaf_for_requesters, s->certs[2].purposes[0] = REQUESTER)
CHANGE(leaf_for_tls, s->certs[2].purposes[0] = TLS_SERVER)
CHANGE(leaf_without_name, s->certs[2].cma_names[0] = NULL)
CHANGE(leaf_with_dmtf_name, s->certs[2].cma_names[0] = NULL; s->certs[2].other_name = "ACME:WIDGET:1")
CHANGE(leaf_with_wrong_name, s->certs[2].cma_names[0] = OTHER_NAME)
CHANGE(leaf_with_two_names, s->certs[2].cma_names[1] = OTHER_NAME)
CHANGE(leaf_with_ia5_name, s->certs[2].name_tag = 0x16)
CHANGE(leaf_with_bad_name, s->certs[2].raw_name = "a0020600")
CHANGE(leaf_without_purpose, s->certs[2].purposes[0] = "")

static void each_rule_for_the_leaf_is_kept(void)
{
    static const struct chain_case cases[] = {
        {"leaf is a CA", 3, leaf_is_ca, IDE_E_USAGE, LEAF, "basicConstraints"},
        {"leaf without keyUsage", 3, leaf_no_usage, IDE_E_USAGE, LEAF, "keyUsage"},
        {"leaf may not sign", 3, leaf_wrong_usage, IDE_E_USAGE, LEAF, "keyUsage"},
        {"leaf for requesters", 3, leaf_for_requesters, IDE_E_USAGE, LEAF, "extendedKeyUsage"},
        {"leaf for TLS", 3, leaf_for_tls, IDE_E_USAGE, LEAF, "extendedKeyUsage"},
        {"leaf without a name", 3, leaf_without_name, IDE_E_NAME, LEAF, "subjectAltName"},
        {"leaf with DMTF's name only", 3, leaf_with_dmtf_name, IDE_E_NAME, LEAF, "subjectAltName"},
        {"leaf with another's name", 3, leaf_with_wrong_name, IDE_E_NAME, LEAF, "subjectAltName"},
        {"leaf with its and another's name", 3, leaf_with_two_names, IDE_E_NAME, LEAF, "subjectAltName"},
        {"otherName without a value", 3, leaf_with_bad_name, IDE_E_CHAIN, LEAF, "subjectAltName"},
        {"extendedKeyUsage without a purpose", 3, leaf_without_purpose, IDE_E_CHAIN, LEAF,
         "extendedKeyUsage"},
        {"name of another string type", 3, leaf_with_ia5_name, IDE_E_NAME, LEAF, "subjectAltName"},
    };
    RUN(cases, CMA_NAME_REQUIRED);
}

static void a_leaf_without_a_name_passes_where_that_is_allowed(void)
{
    static const struct chain_case cases[] = {
        {"leaf without a name", 3, leaf_without_name, IDE_OK, NULL, NULL},
        {"leaf with DMTF's name only", 3, leaf_with_dmtf_name, IDE_OK, NULL, NULL},
        {"leaf for TLS", 3, leaf_for_tls, IDE_OK, NULL, NULL},
        {"leaf for requesters", 3, leaf_for_requesters, IDE_E_USAGE, LEAF, "extendedKeyUsage"},
        {"leaf with another's name", 3, leaf_with_wrong_name, IDE_E_NAME, LEAF, "subjectAltName"},
    };
    RUN(cases, CMA_NAME_IF_PRESENT);
}

/* Where the peer is a requester, the purposes change places. */
static void a_requester_has_a_requesters_leaf(void)
{
    static const struct {
        void (*change)(struct chain_spec *s);
        enum ide_err err;
    } rows[] = {{leaf_for_requesters, IDE_OK}, {both_purposes, IDE_OK}, {no_purposes, IDE_OK},
                {leaf_for_tls, IDE_OK}, {NULL, IDE_E_USAGE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chain_spec spec = chain_spec_good(3, NAME);
        if (rows[i].change)
            rows[i].change(&spec);
        chain_build(&chain, &spec, HASH_SHA384);
        struct question q = question_good();
        q.trust.ids = NULL;
        q.trust.requester = true;
        expect("a requester's leaf", ask(&q), rows[i].err, rows[i].err == IDE_OK ? NULL : LEAF,
               rows[i].err == IDE_OK ? NULL : "extendedKeyUsage");
    }
}

static void without_ids_names_are_not_compared(void)
{
    build_good(3, OTHER_NAME);
    struct question q = question_good();
    q.trust.ids = NULL;
    expect("another's name", ask(&q), IDE_OK, NULL, NULL);
    CU_ASSERT_TRUE(identity.has_cma_name);
    build_good(3, NULL);
    q = question_good();
    q.trust.ids = NULL;
    expect("no name", ask(&q), IDE_OK, NULL, NULL);
    CU_ASSERT_FALSE(identity.has_cma_name);
}

static void another_type_of_leaf_key_is_refused(void)
{
    build_good(3, NAME);
    struct question q = question_good();
    q.asym = SPDM_ASYM_ECDSA_P256;
    expect("P-256 was negotiated", ask(&q), IDE_E_KEY, LEAF, "subjectPublicKeyInfo");
}

/* names */

static void expect_name(const char *name, const struct cma_ids *device, enum ide_err err)
{
    build_good(2, name);
    struct question q = question_good();
    q.trust.ids = device;
    expect(name, ask(&q), err, LEAF, "subjectAltName");
}

static void a_name_is_compared_field_by_field(void)
{
    static const char *const wrong[] = {
        "Vendor=1B37:Device=0010:CC=010802:REV=02:SSVID=1AF4:SSID=1100",
        "Vendor=1B36:Device=0010:CC=010803:REV=02:SSVID=1AF4:SSID=1100",
        "Vendor=1B36:Device=0010:CC=010802:REV=03:SSVID=1AF4:SSID=1100",
        "Vendor=1B36:Device=0010:CC=010802:REV=02:SSVID=1AF5:SSID=1100",
        "Vendor=1B36:Device=0010:CC=010802:REV=02:SSVID=1AF4:SSID=1101",
        "Vendor=1B36:Device=0010:CC=010802:REV=02:SSVID=1AF4:SSID=110",
        "Vendor=1B36:Device=0010:CC=010802:REV=02:SSVID=1AF4:SSID=11000",
        " Vendor=1B36:Device=0010:CC=010802:REV=02:SSVID=1AF4:SSID=1100",
        BRIDGE_NAME,
        NAME ":",
        NAME ":0123",
        NAME ":0123456789abcdeg",
        NAME ":0123456789abcdef0",
        "",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        expect_name(wrong[i], &ids, IDE_E_NAME);
    expect_name("Vendor=1b36:Device=0010:CC=010802:REV=02:SSVID=1af4:SSID=1100", &ids, IDE_OK);
}

static void a_serial_number_is_compared_if_it_is_known(void)
{
    struct cma_ids with_serial = ids;
    with_serial.has_serial = true;
    with_serial.serial = 0x0123456789abcdef;
    expect_name(NAME ":0123456789ABCDEF", &ids, IDE_OK);
    expect_name(NAME ":0123456789abcdef", &with_serial, IDE_OK);
    expect_name(NAME ":0123456789abcdee", &with_serial, IDE_E_NAME);
    expect_name(NAME, &with_serial, IDE_OK);
}

static void a_bridge_has_no_subsystem_to_compare(void)
{
    struct cma_ids bridge = ids;
    bridge.has_subsystem = false;
    expect_name(BRIDGE_NAME, &bridge, IDE_OK);
    expect_name(NAME, &bridge, IDE_OK);
    expect_name(BRIDGE_NAME ":0123456789abcdef", &bridge, IDE_OK);
    expect_name(BRIDGE_NAME ":SSVID=1AF4", &bridge, IDE_E_NAME);
    expect_name(BRIDGE_NAME ":SSVID=1AF4:SSID=11", &bridge, IDE_E_NAME);
    expect_name(BRIDGE_NAME ":SSVID=1AF4:SSID=11xx", &bridge, IDE_E_NAME);
}

static void a_name_is_written_as_cma_says(void)
{
    struct cma_ids bridge = ids;
    char text[64];
    bridge.has_subsystem = false;
    CU_ASSERT_STRING_EQUAL(cma_name_text(&ids, text, sizeof(text)), NAME);
    CU_ASSERT_STRING_EQUAL(cma_name_text(&bridge, text, sizeof(text)), BRIDGE_NAME);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_good_chain_is_accepted),
        TEST(variants_of_a_good_chain_are_accepted),
        TEST(each_rule_for_a_path_is_kept),
        TEST(the_last_second_of_validity_counts),
        TEST(each_rule_for_the_leaf_is_kept),
        TEST(a_leaf_without_a_name_passes_where_that_is_allowed),
        TEST(a_requester_has_a_requesters_leaf),
        TEST(without_ids_names_are_not_compared),
        TEST(another_type_of_leaf_key_is_refused),
        TEST(a_name_is_compared_field_by_field),
        TEST(a_serial_number_is_compared_if_it_is_known),
        TEST(a_bridge_has_no_subsystem_to_compare),
        TEST(a_name_is_written_as_cma_says),
        CU_TEST_INFO_NULL,
    };
    if (!test_keys_open(KEY_EC_P384))
        return 1;
    int failed = suite_run("identity", tests);
    test_keys_close();
    return failed;
}
