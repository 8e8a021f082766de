/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RSA signatures against openssl's: it verifies ours, and we its. */
#include <stdlib.h>

#include "check.h"
#include "spdm/crypto.h"
#include "spdm/der.h"
#include "suite.h"

#define HASHES 6u

static const struct {
    enum hash_id id;
    const char *name;
} hashes[HASHES] = {{HASH_SHA256, "sha256"},     {HASH_SHA384, "sha384"},     {HASH_SHA512, "sha512"},
                    {HASH_SHA3_256, "sha3-256"}, {HASH_SHA3_384, "sha3-384"}, {HASH_SHA3_512, "sha3-512"}};

#define FOLDER TEST_BINARY_DIR "/crypto_openssl"

static bool shell(const char *command)
{
    char text[1024];
    snprintf(text, sizeof text, "mkdir -p '%s'; cd '%s' && exec >>log 2>&1 && %s", FOLDER, FOLDER, command);
    return system(text) == 0;
}

static size_t get(const char *name, uint8_t *out, size_t cap)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", FOLDER, name);
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(out, 1, cap, f) : 0;
    if (f)
        fclose(f);
    return n;
}

static void put(const char *name, const uint8_t *data, size_t n)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", FOLDER, name);
    FILE *f = fopen(path, "wb");
    CU_ASSERT_TRUE(f && fwrite(data, 1, n, f) == n);
    if (f)
        fclose(f);
}

/* A key that openssl made in key.pem, in both halves. */
struct pair {
    struct private_key private;
    struct public_key public;
};

static void make_pair(struct pair *p, const char *algorithm)
{
    char command[256];
    uint8_t der[2400];
    snprintf(command, sizeof command,
             "openssl genpkey -algorithm %s -out key.pem && openssl pkey -in key.pem -outform DER -out key.der && "
             "openssl pkey -in key.pem -pubout -outform DER -out pub.der && openssl pkey -in key.pem -pubout -out pub.pem",
             algorithm);
    CU_ASSERT_TRUE_FATAL(shell(command));
    CHECK_OK(private_key_load(&p->private, der, get("key.der", der, sizeof der)));
    size_t n = get("pub.der", der, sizeof der);
    struct reader r = reader_of(der, n);
    struct reader info = der_enter(&r, DER_SEQUENCE, NULL);
    (void)der_content(&info, DER_SEQUENCE, NULL);
    struct span bits = der_bits(&info, NULL);
    p->public = (struct public_key){.type = p->private.type, .len = (uint16_t)bits.len};
    CU_ASSERT_TRUE_FATAL(bits.len > 0 && bits.len <= sizeof p->public.data);
    memcpy(p->public.data, bits.data, bits.len);
}

/* What openssl is told of a scheme and a hash. */
static const char *options(enum signature_scheme scheme, const char *hash)
{
    static char text[160];
    if (scheme == SIGNATURE_RSASSA)
        snprintf(text, sizeof text, "-pkeyopt digest:%s -pkeyopt rsa_padding_mode:pkcs1", hash);
    else
        snprintf(text, sizeof text, "-pkeyopt digest:%s -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest",
                 hash);
    return text;
}

static struct drbg drbg;
static struct pair rsa;   /* of 2048 bits */

static void check_both_ways(const struct pair *p, struct signed_data what, const char *hash, const uint8_t *data)
{
    char command[512];
    uint8_t signature[SIGNATURE_SIZE_MAX];
    size_t n = p->private.bits / 8u;
    struct rng rng = drbg_rng(&drbg);
    what.data = data;
    put("digest", data, what.len);

    CHECK_OK(private_key_sign(&p->private, &what, &rng, signature, n));
    CHECK_OK(public_key_verify(&p->public, &what, signature, n));
    put("ours", signature, n);
    snprintf(command, sizeof command, "openssl pkeyutl -verify -pubin -inkey pub.pem %s -in digest -sigfile ours",
             options(what.scheme, hash));
    CU_ASSERT_TRUE(shell(command));

    snprintf(command, sizeof command, "openssl pkeyutl -sign -inkey key.pem %s -in digest -out theirs",
             options(what.scheme, hash));
    CU_ASSERT_TRUE(shell(command));
    CU_ASSERT_EQUAL(get("theirs", signature, sizeof signature), n);
    CHECK_OK(public_key_verify(&p->public, &what, signature, n));
}

static void rsa_signatures_are_openssls(void)
{
    static const char *const sizes[] = {"RSA -pkeyopt rsa_keygen_bits:2048", "RSA -pkeyopt rsa_keygen_bits:3072",
                                        "RSA -pkeyopt rsa_keygen_bits:4096"};
    static uint8_t data[HASH_SIZE_MAX];
    for (size_t i = 0; i < 3; i++) {
        struct pair p;
        make_pair(&p, sizes[i]);
        if (i == 0) {   /* for the tests after this one */
            rsa = p;
            CU_ASSERT_TRUE(shell("cp key.pem rsa.pem"));
        }
        CU_ASSERT_EQUAL(p.private.type, KEY_RSA);
        CU_ASSERT_EQUAL(p.private.bits, 2048 + 1024 * i);
        for (size_t h = 0; h < HASHES; h++) {
            struct signed_data what = {.hash = hashes[h].id, .len = hash_by_id(hashes[h].id)->size};
            CHECK_OK(hash_once(what.hash, "abc", 3, data));
            what.scheme = SIGNATURE_RSASSA;
            check_both_ways(&p, what, hashes[h].name, data);
            what.scheme = SIGNATURE_RSAPSS;
            check_both_ways(&p, what, hashes[h].name, data);
        }
    }
}

/* --- what RSA refuses ----------------------------------------------------------------------------------------------- */

static enum ide_err verify(enum signature_scheme scheme, enum hash_id hash, const uint8_t *data, const uint8_t *signature)
{
    const struct signed_data what = {scheme, hash, data, hash_by_id(hash)->size, NULL};
    return public_key_verify(&rsa.public, &what, signature, 256);
}

static void an_altered_rsa_signature_is_refused(void)
{
    static const enum signature_scheme schemes[] = {SIGNATURE_RSASSA, SIGNATURE_RSAPSS};
    struct rng rng = drbg_rng(&drbg);
    uint8_t data[HASH_SIZE_MAX] = {1}, signature[256];
    for (size_t i = 0; i < 2; i++) {
        struct signed_data what = {schemes[i], HASH_SHA384, data, 48, NULL};
        CHECK_OK(private_key_sign(&rsa.private, &what, &rng, signature, sizeof signature));
        CHECK_ERR(verify(schemes[1 - i], HASH_SHA384, data, signature), IDE_E_SIGNATURE);
        for (size_t n = 0; n < sizeof signature; n += 15) {
            signature[n] ^= 1;
            CHECK_ERR(verify(schemes[i], HASH_SHA384, data, signature), IDE_E_SIGNATURE);
            signature[n] ^= 1;
        }
        data[47] ^= 1;
        CHECK_ERR(verify(schemes[i], HASH_SHA384, data, signature), IDE_E_SIGNATURE);
        data[47] ^= 1;
        CHECK_ERR(verify(schemes[i], HASH_SHA3_384, data, signature), IDE_E_SIGNATURE);
        CHECK_ERR(public_key_verify(&rsa.public, &what, signature, 255), IDE_E_SIGNATURE);
        CHECK_ERR(public_key_verify(&rsa.public, &what, signature, 0), IDE_E_SIGNATURE);
        memset(signature, 0xff, sizeof signature);   /* not below the modulus */
        CHECK_ERR(verify(schemes[i], HASH_SHA384, data, signature), IDE_E_SIGNATURE);
        memset(signature, 0, sizeof signature);
        CHECK_ERR(verify(schemes[i], HASH_SHA384, data, signature), IDE_E_SIGNATURE);
    }
}

/* DSP0274's salt is as long as the hash; a verifier that took any would accept these. */
static void a_salt_of_another_length_is_refused(void)
{
    static const char *const lengths[] = {"0", "47", "49", "max"};
    uint8_t data[48] = {2}, signature[256];
    put("digest", data, sizeof data);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char command[256];
        snprintf(command, sizeof command,
                 "openssl pkeyutl -sign -inkey rsa.pem -pkeyopt digest:sha384 -pkeyopt rsa_padding_mode:pss "
                 "-pkeyopt rsa_pss_saltlen:%s -in digest -out theirs", lengths[i]);
        CU_ASSERT_TRUE(shell(command));
        CU_ASSERT_EQUAL(get("theirs", signature, sizeof signature), sizeof signature);
        CHECK_ERR(verify(SIGNATURE_RSAPSS, HASH_SHA384, data, signature), IDE_E_SIGNATURE);
    }
}

static enum ide_err failing_random(void *context, uint8_t *out, size_t n)
{
    (void)context;
    memset(out, 0, n);
    return IDE_E_RANDOM;
}

static void rsa_signing_fails_closed(void)
{
    const struct rng failing = {failing_random, NULL}, good = drbg_rng(&drbg);
    uint8_t data[48] = {3}, signature[256], zero[256] = {0};
    struct signed_data what = {SIGNATURE_RSAPSS, HASH_SHA384, data, 48, NULL};
    CHECK_ERR(private_key_sign(&rsa.private, &what, &failing, signature, sizeof signature), IDE_E_RANDOM);
    CU_ASSERT_EQUAL(memcmp(signature, zero, sizeof zero), 0);
    CHECK_ERR(private_key_sign(&rsa.private, &what, &good, signature, 255), IDE_E_ARGUMENT);
    what.scheme = SIGNATURE_ECDSA;
    CHECK_ERR(private_key_sign(&rsa.private, &what, &good, signature, sizeof signature), IDE_E_UNSUPPORTED);
}

/* A private key whose halves do not belong together makes a signature that would give it away (Boneh, DeMillo, Lipton). */
static void a_faulty_rsa_signature_does_not_leave(void)
{
    const struct rng rng = drbg_rng(&drbg);
    uint8_t data[48] = {4}, signature[256], zero[256] = {0};
    const struct signed_data what = {SIGNATURE_RSASSA, HASH_SHA384, data, 48, NULL};
    struct private_key faulty = rsa.private;
    faulty.der[faulty.len - 40] ^= 0x01;   /* in the last number, the CRT's coefficient */
    CHECK_ERR(private_key_sign(&faulty, &what, &rng, signature, sizeof signature), IDE_E_CRYPTO);
    CU_ASSERT_EQUAL(memcmp(signature, zero, sizeof zero), 0);
}

static void weak_rsa_keys_are_refused(void)
{
    uint8_t der[2400];
    struct private_key k;
    CU_ASSERT_TRUE(shell("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -outform DER -out weak.der"));
    CHECK_ERR(private_key_load(&k, der, get("weak.der", der, sizeof der)), IDE_E_KEY);
}

/* openssl pkey writes PKCS#1, which the other tests read. */
static void pkcs8_is_read_too(void)
{
    uint8_t der[2400];
    struct private_key k;
    CU_ASSERT_TRUE(shell("openssl pkcs8 -topk8 -nocrypt -in rsa.pem -outform DER -out pkcs8.der"));
    size_t n = get("pkcs8.der", der, sizeof der);
    CHECK_OK(private_key_load(&k, der, n));
    CU_ASSERT_EQUAL(private_key_algorithms(&k), SPDM_ASYM_RSASSA_2048 | SPDM_ASYM_RSAPSS_2048);
    CHECK_ERR(private_key_load(&k, der, n - 1), IDE_E_KEY);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(rsa_signatures_are_openssls),
        TEST(an_altered_rsa_signature_is_refused),
        TEST(a_salt_of_another_length_is_refused),
        TEST(rsa_signing_fails_closed),
        TEST(a_faulty_rsa_signature_does_not_leave),
        TEST(weak_rsa_keys_are_refused),
        TEST(pkcs8_is_read_too),
        CU_TEST_INFO_NULL,
    };
    if (drbg_open(&drbg) != IDE_OK || !shell("rm -f log"))
        return 1;
    int failed = suite_run("against openssl", tests);
    drbg_close(&drbg);
    return failed;
}
