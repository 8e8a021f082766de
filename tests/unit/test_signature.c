/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spdm/signature.h: what of a transcript is signed, by each version and each kind of key. */
#include "bytes.h"
#include "check.h"
#include "spdm/signature.h"
#include "suite.h"

#define CONTEXT "responder-challenge_auth signing"

/* PKCS#8 and SEC1 of RFC 8032's and RFC 6979's keys, and their public halves */
static const char ed25519_der[] =
    "302e020100300506032b6570042204204ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
static const char ed25519_public[] = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
static const char ed448_der[] =
    "3047020100300506032b6571043b0439"
    "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e";
static const char ed448_public[] =
    "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480";
static const char p256_der[] =
    "30310201010420c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721a00a06082a8648ce3d030107";
static const char p256_public[] = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                                  "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

/* M as DSP0274 1.2 §15 gives it by example, for SHA-256. */
static void example_message(uint8_t *message, const uint8_t *transcript)
{
    memset(message, 0, 132);
    memcpy(message, "dmtf-spdm-v1.2.*dmtf-spdm-v1.2.*dmtf-spdm-v1.2.*dmtf-spdm-v1.2.*", 64);
    memcpy(message + 68, CONTEXT, 32);
    memcpy(message + 100, transcript, 32);
}

static struct drbg drbg;
static struct spdm_params params;
static uint8_t transcript[32], signature[SIGNATURE_SIZE_MAX];
static struct public_key public;
static struct private_key private;

/* A signature over transcript, made and left in signature. */
static struct spdm_signing sign(uint32_t asym, const char *der, const char *xy)
{
    struct rng rng = drbg_rng(&drbg);
    struct bytes key = unhex(der), point = unhex(xy);
    params = (struct spdm_params){
        .version = SPDM_VERSION_12, .hash = hash_by_id(HASH_SHA256), .asym = asym_by_bit(asym)};
    memset(transcript, 0x5a, sizeof transcript);
    CHECK_OK(private_key_load(&private, key.data, key.len));
    public = (struct public_key){.type = private.type, .len = (uint16_t)point.len};
    memcpy(public.data, point.data, point.len);
    struct spdm_signing s = {.params = &params, .asym = params.asym, .context = CONTEXT};
    CHECK_OK(spdm_sign_transcript(&s, transcript, &private, &rng, signature));
    CHECK_OK(spdm_verify_transcript(&s, transcript, &public, signature));
    return s;
}

/* Whether the signature is one over this, as the key's algorithm sees it. */
static void signature_is_over(const struct spdm_signing *s, const uint8_t *data, size_t n, const char *context)
{
    struct signed_data what = {s->asym->scheme, HASH_SHA256, data, n, context};
    CHECK_OK(public_key_verify(&public, &what, signature, s->asym->signature_size));
}

static void ecdsa_signs_the_digest_of_the_message(void)
{
    uint8_t message[132], digest[32];
    struct spdm_signing s = sign(SPDM_ASYM_ECDSA_P256, p256_der, p256_public);
    example_message(message, transcript);
    CHECK_OK(hash_once(HASH_SHA256, message, sizeof message, digest));
    signature_is_over(&s, digest, sizeof digest, NULL);
}

/* DSP0274 1.2 §15.2: EdDSA takes M itself, and Ed448 spdm_context as its context. */
static void eddsa_signs_the_message(void)
{
    uint8_t message[132];
    struct spdm_signing s = sign(SPDM_ASYM_ED25519, ed25519_der, ed25519_public);
    example_message(message, transcript);
    signature_is_over(&s, message, sizeof message, NULL);
    s = sign(SPDM_ASYM_ED448, ed448_der, ed448_public);
    signature_is_over(&s, message, sizeof message, CONTEXT);
}

static void before_1_2_the_transcript_is_the_digest(void)
{
    struct rng rng = drbg_rng(&drbg);
    struct spdm_signing s = sign(SPDM_ASYM_ECDSA_P256, p256_der, p256_public);
    params.version = SPDM_VERSION_11;
    CHECK_ERR(spdm_verify_transcript(&s, transcript, &public, signature), IDE_E_SIGNATURE);
    CHECK_OK(spdm_sign_transcript(&s, transcript, &private, &rng, signature));
    signature_is_over(&s, transcript, sizeof transcript, NULL);
}

static void a_signature_is_of_its_version_and_context(void)
{
    struct spdm_signing s = sign(SPDM_ASYM_ECDSA_P256, p256_der, p256_public);
    params.version = SPDM_VERSION_13;
    CHECK_ERR(spdm_verify_transcript(&s, transcript, &public, signature), IDE_E_SIGNATURE);
    params.version = SPDM_VERSION_12;
    s.context = "responder-key_exchange_rsp signing";
    CHECK_ERR(spdm_verify_transcript(&s, transcript, &public, signature), IDE_E_SIGNATURE);
    s.context = CONTEXT;
    transcript[31] ^= 1;
    CHECK_ERR(spdm_verify_transcript(&s, transcript, &public, signature), IDE_E_SIGNATURE);
}

static void nothing_is_signed_that_was_not_negotiated(void)
{
    struct rng rng = drbg_rng(&drbg);
    struct spdm_signing s = sign(SPDM_ASYM_ED25519, ed25519_der, ed25519_public);
    params.version = SPDM_VERSION_11;   /* EdDSA is of 1.2 */
    CHECK_ERR(spdm_sign_transcript(&s, transcript, &private, &rng, signature), IDE_E_UNSUPPORTED);
    CHECK_ERR(spdm_verify_transcript(&s, transcript, &public, signature), IDE_E_UNSUPPORTED);
    params.version = SPDM_VERSION_12;
    s.asym = asym_by_bit(SPDM_ASYM_ECDSA_P256);
    CHECK_ERR(spdm_sign_transcript(&s, transcript, &private, &rng, signature), IDE_E_UNSUPPORTED);
    s.asym = NULL;
    CHECK_ERR(spdm_sign_transcript(&s, transcript, &private, &rng, signature), IDE_E_STATE);
    s.asym = params.asym;
    params.hash = NULL;
    CHECK_ERR(spdm_verify_transcript(&s, transcript, &public, signature), IDE_E_STATE);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(ecdsa_signs_the_digest_of_the_message),
        TEST(eddsa_signs_the_message),
        TEST(before_1_2_the_transcript_is_the_digest),
        TEST(a_signature_is_of_its_version_and_context),
        TEST(nothing_is_signed_that_was_not_negotiated),
        CU_TEST_INFO_NULL,
    };
    if (drbg_open(&drbg) != IDE_OK)
        return 1;
    int failed = suite_run("signatures over transcripts", tests);
    drbg_close(&drbg);
    return failed;
}
