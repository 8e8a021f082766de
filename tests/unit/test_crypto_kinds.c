/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finite fields and Edwards curves behind spdm/crypto.h: known answers and refusals. RSA is in test_crypto_openssl.c. */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "check.h"
#include "spdm/crypto.h"
#include "suite.h"

/* --- finite fields ------------------------------------------------------------------------------------------------ */

/*
 * Worked out with other arithmetic from RFC 7919's formula of the primes. Our exponent is the bytes 1, 2, 3, ..., the
 * peer's is 2^200 + peer, of which the shared secret begins with a zero byte. The long values are given by their SHA-256.
 */
static const struct field_answer {
    uint16_t bit, exponent_size, peer;
    const char *public_digest, *secret_digest;
} field_answers[] = {
    {SPDM_DHE_FFDHE2048, 32, 202, "53b37a098c5882b9f56495d787706d354ac8ebc273e680a7047c70228ce24ad3",
     "5af8204cbe7a839efa10fbdd7b8e8ca7a01728a7c45eccab8c7100c1db04c08a"},
    {SPDM_DHE_FFDHE3072, 40, 484, "38915af78eca68d5d294448119985964195c8924442e6636acfe2e5a2cfa32bc",
     "5188f84b77f2a0a55fe9a861f99ebcbff0a935bdf3371d5215d0bb7fe0efdf47"},
    {SPDM_DHE_FFDHE4096, 48, 195, "863b6f6eda7e7b9a65a1589bd51e601ce3ea81edc82888c30a13b2cd3ae90298",
     "33e0efbf5d911070e101a6a5f8b93cb1635779895aa0a6c8025971943c21e269"},
};

#define FIELD_ANSWERS (sizeof field_answers / sizeof field_answers[0])

static enum ide_err count_up(void *context, uint8_t *out, size_t n)
{
    (void)context;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(i + 1);
    return IDE_OK;
}

/* 2^200 + *context */
static enum ide_err peer_exponent(void *context, uint8_t *out, size_t n)
{
    const uint16_t *peer = context;
    memset(out, 0, n);
    out[n - 26] = 1;
    out[n - 2] = (uint8_t)(*peer >> 8);
    out[n - 1] = (uint8_t)*peer;
    return IDE_OK;
}

static enum ide_err zero_random(void *context, uint8_t *out, size_t n)
{
    (void)context;
    memset(out, 0, n);
    return IDE_OK;
}

static enum ide_err failing_random(void *context, uint8_t *out, size_t n)
{
    (void)context;
    (void)n;
    out[0] = 0xff;
    return IDE_E_RANDOM;
}

static void check_digest(const uint8_t *data, size_t n, const char *want)
{
    uint8_t digest[32];
    CHECK_OK(hash_once(HASH_SHA256, data, n, digest));
    check_bytes(digest, want);
}

static void fields_give_the_known_answers(void)
{
    for (size_t i = 0; i < FIELD_ANSWERS; i++) {
        struct field_answer a = field_answers[i];
        const struct dhe_info *info = dhe_by_bit(a.bit);
        if (!info) {
            printf("\n    not in this wolfSSL: field %zu", i);
            continue;
        }
        struct rng own = {count_up, NULL}, other = {peer_exponent, &a.peer};
        struct dhe_key k, peer;
        uint8_t public[DHE_PUBLIC_MAX], peer_public[DHE_PUBLIC_MAX], secret[DHE_SECRET_MAX], again[DHE_SECRET_MAX];
        CHECK_OK(dhe_generate(&k, info, &own, public));
        CU_ASSERT_EQUAL(k.private_len, a.exponent_size);
        check_digest(public, info->public_size, a.public_digest);
        CHECK_OK(dhe_generate(&peer, info, &other, peer_public));
        CHECK_OK(dhe_compute(&k, peer_public, secret));
        CU_ASSERT_EQUAL(secret[0], 0);   /* not dropped */
        check_digest(secret, info->secret_size, a.secret_digest);
        CHECK_OK(dhe_compute(&peer, public, again));
        CU_ASSERT_EQUAL(memcmp(secret, again, info->secret_size), 0);
        dhe_clear(&k);
        CU_ASSERT_TRUE(is_zero(&k, sizeof k));
    }
}

static void a_trivial_public_value_is_refused(void)
{
    for (size_t i = 0; i < FIELD_ANSWERS; i++) {
        const struct dhe_info *info = dhe_by_bit(field_answers[i].bit);
        if (!info)
            continue;
        struct rng own = {count_up, NULL};
        struct dhe_key k;
        uint8_t public[DHE_PUBLIC_MAX], bad[DHE_PUBLIC_MAX] = {0}, secret[DHE_SECRET_MAX];
        CHECK_OK(dhe_generate(&k, info, &own, public));
        memset(secret, 0xaa, sizeof secret);
        CHECK_ERR(dhe_compute(&k, bad, secret), IDE_E_KEY);
        CU_ASSERT_TRUE(is_zero(secret, info->secret_size));
        bad[info->public_size - 1] = 1;
        CHECK_ERR(dhe_compute(&k, bad, secret), IDE_E_KEY);
        bad[info->public_size - 1] = 2;
        CHECK_OK(dhe_compute(&k, bad, secret));
        memset(bad, 0xff, sizeof bad);
        CHECK_ERR(dhe_compute(&k, bad, secret), IDE_E_KEY);
    }
}

/* RFC 7919 §A.1: the prime's two halves */
static const char prime_high[] =
    "ffffffffffffffffadf85458a2bb4a9aafdc5620273d3cf1d8b9c583ce2d3695a9e13641146433fbcc939dce249b3ef97d2fe363"
    "630c75d8f681b202aec4617ad3df1ed5d5fd65612433f51f5f066ed0856365553ded1af3b557135e7f57c935984f0c70e0e68b77"
    "e2a689daf3efe8721df158a136ade73530acca4f483a797a";
static const char prime_low[] =
    "bc0ab182b324fb61d108a94bb2c8e3fbb96adab760d7f4681d4f42a3de394df4ae56ede76372bb190b07a7c8ee0a6d709e02fce1"
    "cdf7e2ecc03404cd28342f619172fe9ce98583ff8e4f1232eef28183c3fe3b1b4c6fad733bb5fcbc2ec22005c58ef1837d1683b2"
    "c6f34a26c1b2effa886b423861285c97ffffffffffffffff";

static void a_public_value_ends_two_below_the_prime(void)
{
    const struct dhe_info *info = dhe_by_bit(SPDM_DHE_FFDHE2048);
    struct bytes high = unhex(prime_high), low = unhex(prime_low);
    struct rng own = {count_up, NULL};
    struct dhe_key k;
    uint8_t value[DHE_PUBLIC_MAX], secret[DHE_SECRET_MAX];
    CHECK_OK(dhe_generate(&k, info, &own, value));
    memcpy(value, high.data, high.len);
    memcpy(value + high.len, low.data, low.len);
    CHECK_ERR(dhe_compute(&k, value, secret), IDE_E_KEY);
    value[255] -= 1;
    CHECK_ERR(dhe_compute(&k, value, secret), IDE_E_KEY);
    value[255] -= 1;
    CHECK_OK(dhe_compute(&k, value, secret));
}

static void without_random_numbers_there_is_no_exponent(void)
{
    const struct dhe_info *info = dhe_by_bit(SPDM_DHE_FFDHE2048);
    struct rng zero = {zero_random, NULL}, failing = {failing_random, NULL};
    struct dhe_key k;
    uint8_t public[DHE_PUBLIC_MAX];
    CHECK_ERR(dhe_generate(&k, info, &zero, public), IDE_E_RANDOM);
    CHECK_ERR(dhe_generate(&k, info, &failing, public), IDE_E_RANDOM);
    CU_ASSERT_TRUE(is_zero(&k, sizeof k));
}

/* --- Edwards curves ----------------------------------------------------------------------------------------------- */

/* RFC 8032 §7.1 test 2, §7.4 "1 octet" and "1 octet (with context)"; PKCS#8 as RFC 8410 §7 has it */
static const struct ed_answer {
    enum key_type type;
    const char *pkcs8_head, *seed, *public, *message, *context, *signature;
} ed_answers[] = {
    {KEY_ED25519, "302e020100300506032b657004220420",
     "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72", NULL,
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {KEY_ED448, "3047020100300506032b6571043b0439",
     "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e",
     "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480",
     "03", NULL,
     "26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd77980"
     "5e0dbcc0aae1cbcee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0ff3348ab21aa4adafd1d234441cf807c03a00"},
    {KEY_ED448, "3047020100300506032b6571043b0439",
     "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e",
     "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480",
     "03", "foo",
     "d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea00"
     "0c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d5428407e85dcbc98a49155c13764e66c3c00"},
};

#define ED_ANSWERS (sizeof ed_answers / sizeof ed_answers[0])

/* An answer as the interface takes it. */
struct ed_case {
    struct private_key private;
    struct public_key public;
    struct bytes message, signature;
    struct signed_data what;
};

static void open_case(struct ed_case *c, const struct ed_answer *a)
{
    char text[2 * BYTES_MAX + 1];
    struct bytes public = unhex(a->public);
    snprintf(text, sizeof text, "%s%s", a->pkcs8_head, a->seed);
    struct bytes der = unhex(text);
    CHECK_OK(private_key_load(&c->private, der.data, der.len));
    CU_ASSERT_EQUAL(c->private.type, a->type);
    c->public = (struct public_key){.type = a->type, .len = (uint16_t)public.len};
    memcpy(c->public.data, public.data, public.len);
    c->message = unhex(a->message);
    c->signature = unhex(a->signature);
    c->what = (struct signed_data){SIGNATURE_EDDSA, HASH_NONE, c->message.data, c->message.len, a->context};
}

static enum ide_err check_case(const struct ed_case *c)
{
    return public_key_verify(&c->public, &c->what, c->signature.data, c->signature.len);
}

static void edwards_curves_give_the_known_answers(void)
{
    const struct rng none = {failing_random, NULL};   /* they need no random numbers */
    for (size_t i = 0; i < ED_ANSWERS; i++) {
        struct ed_case c;
        uint8_t signature[SIGNATURE_SIZE_MAX];
        open_case(&c, &ed_answers[i]);
        CHECK_OK(check_case(&c));
        CHECK_OK(private_key_sign(&c.private, &c.what, &none, signature, c.signature.len));
        CU_ASSERT_EQUAL(memcmp(signature, c.signature.data, c.signature.len), 0);
    }
}

static void an_altered_edwards_signature_is_refused(void)
{
    for (size_t i = 0; i < ED_ANSWERS; i++) {
        struct ed_case good, c;
        open_case(&good, &ed_answers[i]);
        c = good;
        for (size_t n = 0; n < c.signature.len; n++) {
            c.signature.data[n] ^= 0x01;
            CHECK_ERR(check_case(&c), IDE_E_SIGNATURE);
            c.signature.data[n] ^= 0x01;
        }
        c.signature.len--;
        CHECK_ERR(check_case(&c), IDE_E_SIGNATURE);
        c = good;
        c.message.data[0] ^= 1;
        c.what.data = c.message.data;
        CHECK_ERR(check_case(&c), IDE_E_SIGNATURE);
        c = good;
        c.public.len--;
        CHECK_ERR(check_case(&c), IDE_E_KEY);
    }
}

static void a_context_belongs_to_ed448_alone(void)
{
    char long_context[257];
    struct ed_case c;
    uint8_t signature[114];
    const struct rng none = {failing_random, NULL};
    open_case(&c, &ed_answers[0]);
    c.what.context = "foo";
    CHECK_OK(check_case(&c));   /* Ed25519 has none */
    open_case(&c, &ed_answers[1]);
    c.what.context = "foo";
    CHECK_ERR(check_case(&c), IDE_E_SIGNATURE);
    memset(long_context, 'x', 256);
    long_context[256] = 0;
    c.what.context = long_context;
    CHECK_ERR(check_case(&c), IDE_E_ARGUMENT);
    CHECK_ERR(private_key_sign(&c.private, &c.what, &none, signature, sizeof signature), IDE_E_ARGUMENT);
}

/* --- what belongs together ----------------------------------------------------------------------------------------- */

static void a_key_makes_only_its_own_signatures(void)
{
    static const struct {
        enum key_type type;
        unsigned schemes;   /* bits by scheme */
    } fits[] = {
        {KEY_NONE, 0},
        {KEY_EC_P256, 1u << SIGNATURE_ECDSA | 1u << SIGNATURE_ECDSA_DER},
        {KEY_EC_P521, 1u << SIGNATURE_ECDSA | 1u << SIGNATURE_ECDSA_DER},
        {KEY_RSA, 1u << SIGNATURE_RSASSA | 1u << SIGNATURE_RSAPSS},
        {KEY_ED25519, 1u << SIGNATURE_EDDSA},
        {KEY_ED448, 1u << SIGNATURE_EDDSA},
    };
    static const uint8_t data[HASH_SIZE_MAX];
    for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++)
        for (unsigned scheme = SIGNATURE_NONE; scheme <= SIGNATURE_EDDSA; scheme++) {
            bool good = fits[i].schemes >> scheme & 1;
            struct public_key k = {.type = fits[i].type};
            struct signed_data what = {(enum signature_scheme)scheme, HASH_SHA384, data, 48, NULL};
            CU_ASSERT_EQUAL(signature_fits((enum signature_scheme)scheme, fits[i].type), good);
            if (!good)
                CHECK_ERR(public_key_verify(&k, &what, data, 64), IDE_E_UNSUPPORTED);
        }
}

static void a_digest_has_its_length(void)
{
    static const uint8_t data[HASH_SIZE_MAX];
    struct public_key k = {.type = KEY_RSA};
    struct signed_data what = {SIGNATURE_RSAPSS, HASH_SHA384, data, 47, NULL};
    CHECK_ERR(public_key_verify(&k, &what, data, 64), IDE_E_ARGUMENT);
    what.hash = HASH_NONE;
    CHECK_ERR(public_key_verify(&k, &what, data, 64), IDE_E_UNSUPPORTED);
}

static void a_key_says_what_it_signs_with(void)
{
    CU_ASSERT_EQUAL(asym_of_key(KEY_EC_P384, 384), SPDM_ASYM_ECDSA_P384);
    CU_ASSERT_EQUAL(asym_of_key(KEY_RSA, 3072), SPDM_ASYM_RSASSA_3072 | SPDM_ASYM_RSAPSS_3072);
    CU_ASSERT_EQUAL(asym_of_key(KEY_RSA, 3071), 0);
    CU_ASSERT_EQUAL(asym_of_key(KEY_ED448, 456), SPDM_ASYM_ED448);
    CU_ASSERT_EQUAL(asym_of_key(KEY_NONE, 0), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(fields_give_the_known_answers),
        TEST(a_trivial_public_value_is_refused),
        TEST(a_public_value_ends_two_below_the_prime),
        TEST(without_random_numbers_there_is_no_exponent),
        TEST(edwards_curves_give_the_known_answers),
        TEST(an_altered_edwards_signature_is_refused),
        TEST(a_context_belongs_to_ed448_alone),
        TEST(a_key_makes_only_its_own_signatures),
        TEST(a_digest_has_its_length),
        TEST(a_key_says_what_it_signs_with),
        CU_TEST_INFO_NULL,
    };
    return suite_run("kinds of keys", tests);
}
