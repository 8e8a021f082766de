/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spdm/policy.h by itself. What comes of a policy between two sides is in test_algorithms.c. */
#include "check.h"
#include "spdm/policy.h"
#include "spdm/policy_text.h"
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

static void a_name_is_an_algorithm(void)
{
    char error[128];
    struct spdm_policy p = spdm_policy_cma;
    CU_ASSERT_TRUE(spdm_policy_parse("Ed25519, rsapss-3072,ECDSA P-521 , sha3 384, AES128GCM", &p, error, sizeof error));
    CU_ASSERT_EQUAL(p.order[SPDM_KIND_ASYM][0], SPDM_ASYM_ED25519);
    CU_ASSERT_EQUAL(p.order[SPDM_KIND_ASYM][1], SPDM_ASYM_RSAPSS_3072);
    CU_ASSERT_EQUAL(p.order[SPDM_KIND_ASYM][2], SPDM_ASYM_ECDSA_P521);
    CU_ASSERT_EQUAL(p.order[SPDM_KIND_ASYM][3], 0);
    CU_ASSERT_EQUAL(p.order[SPDM_KIND_HASH][0], SPDM_HASH_SHA3_384);
    CU_ASSERT_EQUAL(p.order[SPDM_KIND_HASH][1], 0);
    CU_ASSERT_EQUAL(p.order[SPDM_KIND_AEAD][0], SPDM_AEAD_AES_128_GCM);
    /* nothing was said of this kind */
    CU_ASSERT_EQUAL(p.order[SPDM_KIND_DHE][0], SPDM_DHE_SECP384R1);
    CU_ASSERT_TRUE(spdm_policy_parse(" All", &p, error, sizeof error));
    CU_ASSERT_EQUAL(spdm_policy_filter(&p, SPDM_KIND_ASYM, SPDM_ASYM_ED448), SPDM_ASYM_ED448);
    for (unsigned bit = 0; bit < 12; bit++)   /* each has a name that is read */
        if (bit != 9)
            CU_ASSERT_TRUE(spdm_policy_parse(spdm_algorithm_name(SPDM_KIND_ASYM, 1u << bit), &p, error, sizeof error) &&
                           p.order[SPDM_KIND_ASYM][0] == 1u << bit);
}

static void what_is_wrong_is_said_and_changes_nothing(void)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "\"\" is no algorithm that is built in"},
        {"SHA-384,", "\"\" is no algorithm that is built in"},
        {"SHA-384, MD5", "\"MD5\" is no algorithm that is built in"},
        {"SHA-384, sha384", "\"sha384\" stands there twice"},
        {"SHA-384, all", "\"all\" is no algorithm that is built in"},
        {"a name that is longer than any name of an algorithm",
         "\"a name that is longer than any n\" is no algorithm that is built in"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char error[128] = "";
        struct spdm_policy p = spdm_policy_cma;
        CU_ASSERT_FALSE(spdm_policy_parse(rows[i].text, &p, error, sizeof error));
        CU_ASSERT_STRING_EQUAL(error, rows[i].error);
        CU_ASSERT_EQUAL(memcmp(&p, &spdm_policy_cma, sizeof p), 0);
    }
}

static void versions_are_a_range(void)
{
    static const char *const wrong[] = {"", "1", "1.", "1.5", "2.0", "1.2-", "1.3-1.2", "1.2 ", "1.1-1.2-1.3", "1.10"};
    char error[128];
    uint8_t min = 0, max = 0;
    CU_ASSERT_TRUE(spdm_versions_parse("1.2", 0x14, &min, &max, error, sizeof error) && min == 0x12 && max == 0x12);
    CU_ASSERT_TRUE(spdm_versions_parse("1.0-1.4", 0x14, &min, &max, error, sizeof error) && min == 0x10 && max == 0x14);
    CU_ASSERT_FALSE(spdm_versions_parse("1.3", 0x12, &min, &max, error, sizeof error));
    CU_ASSERT_STRING_EQUAL(error, "\"1.3\" is no version, or range of them, of 1.0 to 1.2, such as 1.1-1.2");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CU_ASSERT_FALSE(spdm_versions_parse(wrong[i], 0x14, &min, &max, error, sizeof error));
    CU_ASSERT_TRUE(min == 0x10 && max == 0x14);
}

static void what_is_too_weak_cannot_be_asked_for(void)
{
    char error[128];
    struct spdm_policy p = spdm_policy_cma;
    CU_ASSERT_TRUE(spdm_policy_check(&p, error, sizeof error));
    CU_ASSERT_TRUE(spdm_policy_parse_strength("192", &p, error, sizeof error));
    CU_ASSERT_TRUE(spdm_policy_check(&p, error, sizeof error));   /* P-256 and its like of the default fall away */
    CU_ASSERT_TRUE(spdm_policy_parse("ECDSA P-384, RSASSA 4096", &p, error, sizeof error));
    CU_ASSERT_FALSE(spdm_policy_check(&p, error, sizeof error));
    CU_ASSERT_STRING_EQUAL(error, "RSASSA 4096 has less than 192 bits of security");
    p = spdm_policy_cma;
    CU_ASSERT_TRUE(spdm_policy_parse_strength("256", &p, error, sizeof error));
    CU_ASSERT_FALSE(spdm_policy_check(&p, error, sizeof error));
    CU_ASSERT_STRING_EQUAL(error, "no signature has 256 bits of security");
    CU_ASSERT_FALSE(spdm_policy_parse_strength("257", &p, error, sizeof error));
    CU_ASSERT_FALSE(spdm_policy_parse_strength("12x", &p, error, sizeof error));
    CU_ASSERT_FALSE(spdm_policy_parse_strength("", &p, error, sizeof error));
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(the_default_is_what_cma_asks_for),
        TEST(everything_is_all_that_is_built_in),
        TEST(no_policy_is_all),
        TEST(strength_is_a_filter_over_all_kinds),
        TEST(the_order_is_the_users),
        TEST(a_name_is_an_algorithm),
        TEST(what_is_wrong_is_said_and_changes_nothing),
        TEST(versions_are_a_range),
        TEST(what_is_too_weak_cannot_be_asked_for),
        CU_TEST_INFO_NULL,
    };
    return suite_run("policy", tests);
}
