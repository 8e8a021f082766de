/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spdm/identity.h: which anchors there are, and chains that are not what GET_CERTIFICATE brings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity_rig.h"
#include "spdm/cursor.h"

/* anchors */

static void without_an_anchor_nothing_is_accepted(void)
{
    build_good(3, NAME);
    struct question q = question_good();
    q.trust.anchor_count = 0;
    expect("no anchors", ask(&q), IDE_E_NO_TRUST, CHAIN, NULL);
    CU_ASSERT_EQUAL(
        identity_verify(chain.data, chain.len, HASH_SHA384, asym_by_bit(SPDM_ASYM_ECDSA_P384), NOW, NULL, &identity, &fault),
        IDE_E_NO_TRUST);
}

static void only_the_named_root_will_do(void)
{
    build_good(3, NAME);
    struct question q = question_good();
    q.anchors[0] = (struct trust_anchor){chain.certs[1].der, chain.certs[1].len};
    expect("the intermediate is trusted", ask(&q), IDE_E_UNTRUSTED, CHAIN, "RootHash");
    q.anchors[1] = (struct trust_anchor){chain.certs[0].der, chain.certs[0].len};
    q.trust.anchor_count = 2;
    expect("the root, too", ask(&q), IDE_OK, NULL, NULL);
    CU_ASSERT_EQUAL(identity.anchor, 1);
    q.hash = HASH_SHA256;
    expect("another hash was negotiated", ask(&q), IDE_E_CHAIN, CHAIN, "Certificate");
    q = question_good();
    chain.data[4] ^= 1;
    expect("RootHash altered", ask(&q), IDE_E_UNTRUSTED, CHAIN, "RootHash");
    q.hash = HASH_NONE;
    expect("no hash", ask(&q), IDE_E_UNSUPPORTED, CHAIN, "BaseHashAlgo");
}

static void a_foreign_root_is_refused(void)
{
    static struct chain ours;
    struct chain_spec spec = chain_spec_good(3, NAME), foreign = spec;
    chain_build(&ours, &spec, HASH_SHA384);
    foreign.certs[0].key = foreign.certs[0].signer = foreign.certs[1].signer = test_key(9);
    chain_build(&chain, &foreign, HASH_SHA384);
    struct question q = question_good();
    q.anchors[0] = (struct trust_anchor){ours.certs[0].der, ours.certs[0].len};
    expect("foreign root", ask(&q), IDE_E_UNTRUSTED, CHAIN, "RootHash");
    /* and one that claims to be ours */
    memcpy(chain.data + 4, ours.data + 4, 48);
    expect("our RootHash before a foreign root", ask(&q), IDE_E_SIGNATURE, MIDDLE, "signature");
}

static void an_anchor_must_be_one_certificate(void)
{
    struct chain_spec spec = chain_spec_good(3, NAME);
    spec.without_root = true;
    chain_build(&chain, &spec, HASH_SHA384);
    struct question q = question_good();
    chain.certs[0].der[chain.certs[0].len] = 0;
    q.anchors[0].len++;
    chain.certs[0].len++;
    chain_assemble(&chain, HASH_SHA384, true);
    expect("anchor with a tail", ask(&q), IDE_E_CHAIN, ANCHOR, "Certificate");
    chain.certs[0].len = q.anchors[0].len = 0;
    chain_assemble(&chain, HASH_SHA384, true);
    expect("empty anchor", ask(&q), IDE_E_CHAIN, ANCHOR, "Certificate");
}

/* form */

static void a_header_that_does_not_fit_is_refused(void)
{
    build_good(2, NAME);
    struct question q = question_good();
    chain.data[0]++;
    expect("Length is one more", ask(&q), IDE_E_CHAIN, CHAIN, "Length");
    chain.data[0]--;
    chain.data[2] = 1;
    expect("Length is 64 KiB more", ask(&q), IDE_E_CHAIN, CHAIN, "Length");
    static const uint8_t empty[52] = {52};
    expect("no certificates", ask_about(&q, empty, sizeof(empty)), IDE_E_CHAIN, CHAIN, "Certificate");
    static const uint8_t hashless[51] = {51};
    expect("no room for RootHash", ask_about(&q, hashless, sizeof(hashless)), IDE_E_CHAIN, CHAIN, "RootHash");
    expect("nothing at all", ask_about(&q, NULL, 0), IDE_E_CHAIN, CHAIN, "Length");
}

static void set_length(size_t n)
{
    chain.data[0] = (uint8_t)n;
    chain.data[1] = (uint8_t)(n >> 8);
}

static void a_tail_is_refused(void)
{
    build_good(2, NAME);
    struct question q = question_good();
    size_t len = chain.len;
    for (size_t n = 1; n < 6; n++) {
        memcpy(chain.data + len, (const uint8_t[]){0x30, 0x80, 0x00, 0x00, 0x00}, n);
        set_length(len + n);
        expect("tail", ask_about(&q, chain.data, len + n), IDE_E_CHAIN, CHAIN, "Certificate");
    }
}

static void a_chain_cut_anywhere_is_refused(void)
{
    build_good(3, NAME);
    struct question q = question_good();
    for (size_t n = 0; n < chain.len; n++) {
        enum ide_err err = ask_about(&q, chain.data, n);
        CU_ASSERT_EQUAL(err, IDE_E_CHAIN);
        CU_ASSERT_STRING_EQUAL(fault.field, "Length");
    }
    /* with a Length that fits: it then ends within a certificate, or with a CA as the leaf */
    for (size_t n = 4, len = chain.len; n < len; n++) {
        set_length(n);
        enum ide_err err = ask_about(&q, chain.data, n);
        CU_ASSERT_TRUE(err == IDE_E_CHAIN || err == IDE_E_USAGE);
        CU_ASSERT_TRUE(nothing_was_published());
    }
}

static void no_flipped_bit_is_accepted(void)
{
    build_good(3, NAME);
    struct question q = question_good();
    struct trust_anchor anchor = {chain.certs[0].der, chain.certs[0].len};
    q.anchors[0] = anchor;
    for (size_t n = 0; n < chain.len; n++) {
        chain.data[n] ^= (uint8_t)(1u << n % 8);
        if (ask(&q) == IDE_OK)
            fprintf(stderr, "flipped bit %zu of byte %zu\n", n % 8, n);
        CU_ASSERT_NOT_EQUAL(fault.err, IDE_OK);
        chain.data[n] ^= (uint8_t)(1u << n % 8);
    }
    expect("unaltered again", ask(&q), IDE_OK, NULL, NULL);
}

static void every_curve_is_verified(void)
{
    static const enum key_type types[] = {KEY_EC_P256, KEY_EC_P521, KEY_EC_P384};
    static const uint16_t bits[] = {256, 521, 384};
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_TRUE_FATAL(test_keys_open(types[i]));
        struct chain_spec spec = chain_spec_good(3, NAME);
        chain_build(&chain, &spec, HASH_SHA256);
        struct question q = question_good();
        q.hash = HASH_SHA256;
        q.asym = asym_of_key(types[i], bits[i]);
        expect("curve", ask(&q), IDE_OK, NULL, NULL);
        chain.data[chain.len - 1] ^= 1;
        expect("curve, last bit flipped", ask(&q), IDE_E_SIGNATURE, LEAF, "signature");
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(without_an_anchor_nothing_is_accepted),
        TEST(only_the_named_root_will_do),
        TEST(a_foreign_root_is_refused),
        TEST(an_anchor_must_be_one_certificate),
        TEST(a_header_that_does_not_fit_is_refused),
        TEST(a_tail_is_refused),
        TEST(a_chain_cut_anywhere_is_refused),
        TEST(no_flipped_bit_is_accepted),
        TEST(every_curve_is_verified),
        CU_TEST_INFO_NULL,
    };
    if (!test_keys_open(KEY_EC_P384))
        return 1;
    int failed = suite_run("identity, form", tests);
    test_keys_close();
    return failed;
}
