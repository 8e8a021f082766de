/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spdm/policy.h by itself. What comes of a policy between two sides is in test_algorithms.c. */
#include "check.h"
#include "spdm/policy.h"
#include "suite.h"

static void the_default_is_what_cma_asks_for(void)
{
    struct spdm_config config = {0};
    spdm_policy_apply(&spdm_policy_cma, &config);
    const struct spdm_config *wanted = &spdm_config_requester;
    CU_ASSERT_EQUAL(config.base_asym, wanted->base_asym);
    CU_ASSERT_EQUAL(config.base_hash, wanted->base_hash);
    CU_ASSERT_EQUAL(config.dhe, wanted->dhe);
    CU_ASSERT_EQUAL(config.aead, wanted->aead);
    CU_ASSERT_PTR_EQUAL(config.policy, &spdm_policy_cma);
}

static void everything_is_all_that_is_built_in(void)
{
    struct spdm_config config = {0};
    spdm_policy_apply(&spdm_policy_all, &config);
    CU_ASSERT_EQUAL(config.base_asym, 0xdff);   /* no SM2 */
    CU_ASSERT_EQUAL(config.base_hash, 0x3f);
    CU_ASSERT_EQUAL(config.dhe, dhe_is_built_in(DHE_FFDHE4096) ? 0x3f : 0x3b);
    CU_ASSERT_EQUAL(config.aead, 0x07);
}

static void no_policy_is_all(void)
{
    CU_ASSERT_EQUAL(spdm_policy_filter(NULL, SPDM_KIND_HASH, UINT32_MAX), 0x3f);
    CU_ASSERT_EQUAL(spdm_policy_choose(NULL, SPDM_KIND_HASH, UINT32_MAX), SPDM_HASH_SHA512);
    CU_ASSERT_EQUAL(spdm_policy_choose(NULL, SPDM_KIND_ASYM, SPDM_ASYM_RSASSA_4096 | SPDM_ASYM_ECDSA_P384),
                    SPDM_ASYM_ECDSA_P384);
    CU_ASSERT_EQUAL(spdm_policy_choose(NULL, SPDM_KIND_DHE, SPDM_DHE_FFDHE2048 | SPDM_DHE_SECP256R1),
                    SPDM_DHE_SECP256R1);
    CU_ASSERT_EQUAL(spdm_policy_choose(NULL, SPDM_KIND_AEAD, SPDM_AEAD_AES_128_GCM), SPDM_AEAD_AES_128_GCM);
    CU_ASSERT_EQUAL(spdm_policy_choose(NULL, SPDM_KIND_ASYM, 1u << 9), 0);   /* SM2 */
    CU_ASSERT_EQUAL(spdm_policy_choose(NULL, SPDM_KIND_ASYM, 0), 0);
}

static void strength_is_a_filter_over_all_kinds(void)
{
    static const struct {
        uint16_t min;
        uint32_t asym, hash;
        uint16_t dhe, aead;
    } rows[] = {
        {128, 0xdff & ~(SPDM_ASYM_RSASSA_2048 | SPDM_ASYM_RSAPSS_2048), 0x3f,
         SPDM_DHE_FFDHE3072 | SPDM_DHE_SECP256R1 | SPDM_DHE_SECP384R1 | SPDM_DHE_SECP521R1, 0x07},
        {192, SPDM_ASYM_ECDSA_P384 | SPDM_ASYM_ECDSA_P521 | SPDM_ASYM_ED448,
         SPDM_HASH_SHA384 | SPDM_HASH_SHA512 | SPDM_HASH_SHA3_384 | SPDM_HASH_SHA3_512,
         SPDM_DHE_SECP384R1 | SPDM_DHE_SECP521R1, SPDM_AEAD_AES_256_GCM | SPDM_AEAD_CHACHA20_POLY1305},
        {256, SPDM_ASYM_ECDSA_P521, SPDM_HASH_SHA512 | SPDM_HASH_SHA3_512, SPDM_DHE_SECP521R1,
         SPDM_AEAD_AES_256_GCM | SPDM_AEAD_CHACHA20_POLY1305},
        {257, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct spdm_policy policy = {.strength_min = rows[i].min};
        struct spdm_config config = {0};
        spdm_policy_apply(&policy, &config);
        CU_ASSERT_EQUAL(config.base_asym, rows[i].asym);
        CU_ASSERT_EQUAL(config.base_hash, rows[i].hash);
        CU_ASSERT_EQUAL(config.dhe & ~SPDM_DHE_FFDHE4096, rows[i].dhe);
        CU_ASSERT_EQUAL(config.aead, rows[i].aead);
    }
}

static void the_order_is_the_users(void)
{
    static const struct spdm_policy policy = {
        .strength_min = 128,
        .order[SPDM_KIND_ASYM] = {SPDM_ASYM_RSASSA_2048, SPDM_ASYM_ED25519, SPDM_ASYM_ECDSA_P521},
    };
    const uint32_t all = UINT32_MAX;
    CU_ASSERT_EQUAL(spdm_policy_choose(&policy, SPDM_KIND_ASYM, all), SPDM_ASYM_ED25519);   /* RSA 2048 is too weak */
    CU_ASSERT_EQUAL(spdm_policy_choose(&policy, SPDM_KIND_ASYM, all & ~SPDM_ASYM_ED25519), SPDM_ASYM_ECDSA_P521);
    CU_ASSERT_EQUAL(spdm_policy_choose(&policy, SPDM_KIND_ASYM, SPDM_ASYM_ECDSA_P384), 0);  /* not listed */
    CU_ASSERT_EQUAL(spdm_policy_filter(&policy, SPDM_KIND_ASYM, all), SPDM_ASYM_ED25519 | SPDM_ASYM_ECDSA_P521);
    CU_ASSERT_EQUAL(spdm_policy_choose(&policy, SPDM_KIND_HASH, all), SPDM_HASH_SHA512);    /* no list: the strongest */
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(the_default_is_what_cma_asks_for),
        TEST(everything_is_all_that_is_built_in),
        TEST(no_policy_is_all),
        TEST(strength_is_a_filter_over_all_kinds),
        TEST(the_order_is_the_users),
        CU_TEST_INFO_NULL,
    };
    return suite_run("policy", tests);
}
