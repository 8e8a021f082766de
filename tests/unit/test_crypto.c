/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symmetric half of spdm/crypto.h, known answers and refusals; the tables of spdm/algorithms.h. */
#include <string.h>

#include "bytes.h"
#include "spdm/algorithms.h"
#include "spdm/crypto.h"
#include "suite.h"

/* algorithms */

static void a_row_is_found_by_its_bit_alone(void)
{
    CU_ASSERT_STRING_EQUAL(hash_by_bit(SPDM_HASH_SHA384)->name, "SHA-384");
    CU_ASSERT_EQUAL(asym_by_bit(SPDM_ASYM_ECDSA_P384)->signature_size, 96);
    CU_ASSERT_EQUAL(dhe_by_bit(SPDM_DHE_SECP256R1)->public_size, 64);
    CU_ASSERT_EQUAL(aead_by_bit(SPDM_AEAD_AES_128_GCM)->key_size, 16);
    CU_ASSERT_EQUAL(hash_by_id(HASH_SHA512)->bit, SPDM_HASH_SHA512);
    CU_ASSERT_PTR_NULL(hash_by_bit(0));
    CU_ASSERT_PTR_NULL(hash_by_bit(SPDM_HASH_SHA256 | SPDM_HASH_SHA384));
    CU_ASSERT_PTR_NULL(asym_by_bit(SPDM_ASYM_ECDSA_P256 | 1u << 31));
    CU_ASSERT_PTR_NULL(dhe_by_bit(1u << 15));
    CU_ASSERT_PTR_NULL(aead_by_bit(1u << 9));
    CU_ASSERT_PTR_NULL(hash_by_id(HASH_NONE));
}

static void the_strongest_is_chosen(void)
{
    CU_ASSERT_EQUAL(hash_choose(SPDM_HASH_SHA256 | SPDM_HASH_SHA384)->id, HASH_SHA384);
    CU_ASSERT_EQUAL(asym_choose(SPDM_ASYM_ECDSA_P384 | SPDM_ASYM_ECDSA_P256)->key, KEY_EC_P384);
    CU_ASSERT_EQUAL(dhe_choose(UINT32_MAX)->id, DHE_SECP521R1);
    CU_ASSERT_EQUAL(aead_choose(SPDM_AEAD_AES_128_GCM | SPDM_AEAD_AES_256_GCM)->id, AEAD_AES_256_GCM);
    CU_ASSERT_PTR_NULL(hash_choose(1u << 31));
}

/* hashes, HMAC, HKDF */

static const struct hash_answer {
    enum hash_id id;
    const char *abc;  /* FIPS 180-4 and 202: "abc" */
    const char *hmac; /* RFC 4231 test case 2, of SHA-3 the same */
} hash_answers[] = {
    {HASH_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {HASH_SHA384,
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
     "8086072ba1e7cc2358baeca134c825a7",
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
     "8e2240ca5e69e2c78b3239ecfab21649"},
    {HASH_SHA512,
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
     "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
    {HASH_SHA3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
     "c7d4072e788877ae3596bbb0da73b887c9171f93095b294ae857fbe2645e1ba5"},
    {HASH_SHA3_384,
     "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
     "f1101f8cbf9766fd6764d2ed61903f21ca9b18f57cf3e1a23ca13508a93243ce48c045dc007f26a21b3f5e0e9df4c20a"},
    {HASH_SHA3_512,
     "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
     "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
     "5a4bfeab6166427c7a3647b747292b8384537cdb89afb3bf5665e4c5e709350b"
     "287baec921fd7ca0ee7a0c31d022a95e1fc92ba9d77df883960275beb4e62024"},
};

static void hashes_give_the_known_answers(void)
{
    for (size_t i = 0; i < sizeof(hash_answers) / sizeof(hash_answers[0]); i++) {
        const struct hash_answer *a = &hash_answers[i];
        uint8_t out[HASH_SIZE_MAX];
        CU_ASSERT_EQUAL(hash_once(a->id, "abc", 3, out), IDE_OK);
        check_bytes(out, a->abc);
        CU_ASSERT_EQUAL(hmac_once(a->id, "Jefe", 4, "what do ya want for nothing?", 28, out), IDE_OK);
        check_bytes(out, a->hmac);
    }
}

static void a_hash_can_be_looked_at_and_copied_midway(void)
{
    for (size_t i = 0; i < sizeof(hash_answers) / sizeof(hash_answers[0]); i++) {
        const struct hash_answer *a = &hash_answers[i];
        struct hash h, copy;
        uint8_t ab[HASH_SIZE_MAX], out[HASH_SIZE_MAX];
        CU_ASSERT_EQUAL(hash_init(&h, a->id), IDE_OK);
        CU_ASSERT_EQUAL(hash_update(&h, "ab", 2), IDE_OK);
        CU_ASSERT_EQUAL(hash_snapshot(&h, out), IDE_OK);
        CU_ASSERT_EQUAL(hash_once(a->id, "ab", 2, ab), IDE_OK);
        CU_ASSERT_EQUAL(memcmp(ab, out, hash_by_id(a->id)->size), 0);
        CU_ASSERT_EQUAL(hash_copy(&copy, &h), IDE_OK);
        CU_ASSERT_EQUAL(hash_update(&h, "c", 1), IDE_OK);
        CU_ASSERT_EQUAL(hash_update(&h, NULL, 0), IDE_OK);
        CU_ASSERT_EQUAL(hash_final(&h, out), IDE_OK);
        check_bytes(out, a->abc);
        CU_ASSERT_TRUE(is_zero(&h, sizeof(h)));
        CU_ASSERT_EQUAL(hash_final(&copy, out), IDE_OK);
        CU_ASSERT_EQUAL(memcmp(ab, out, hash_by_id(a->id)->size), 0);
    }
}

static void a_hash_that_was_not_begun_is_refused(void)
{
    struct hash h = {.id = HASH_NONE}, other;
    uint8_t out[HASH_SIZE_MAX];
    CU_ASSERT_EQUAL(hash_update(&h, "x", 1), IDE_E_STATE);
    CU_ASSERT_EQUAL(hash_snapshot(&h, out), IDE_E_STATE);
    CU_ASSERT_EQUAL(hash_copy(&other, &h), IDE_E_STATE);
    CU_ASSERT_EQUAL(hash_final(&h, out), IDE_E_STATE);
    CU_ASSERT_EQUAL(hash_init(&h, HASH_NONE), IDE_E_UNSUPPORTED);
    CU_ASSERT_EQUAL(hash_once(HASH_NONE, "x", 1, out), IDE_E_UNSUPPORTED);
    CU_ASSERT_EQUAL(hmac_once(HASH_NONE, "k", 1, "x", 1, out), IDE_E_UNSUPPORTED);
}

static void hkdf_gives_the_known_answers(void)
{
    /* RFC 5869 A.1 and A.3 */
    struct bytes ikm = unhex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
                 salt = unhex("000102030405060708090a0b0c");
    struct bytes info = unhex("f0f1f2f3f4f5f6f7f8f9");
    uint8_t prk[HASH_SIZE_MAX], out[42];
    CU_ASSERT_EQUAL(hkdf_extract(HASH_SHA256, salt.data, salt.len, ikm.data, ikm.len, prk), IDE_OK);
    check_bytes(prk, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    CU_ASSERT_EQUAL(hkdf_expand(HASH_SHA256, prk, info.data, info.len, out, sizeof(out)), IDE_OK);
    check_bytes(out, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    CU_ASSERT_EQUAL(hkdf_extract(HASH_SHA256, NULL, 0, ikm.data, ikm.len, prk), IDE_OK);
    check_bytes(prk, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
    CU_ASSERT_EQUAL(hkdf_expand(HASH_SHA256, prk, NULL, 0, out, sizeof(out)), IDE_OK);
    check_bytes(out, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static void hkdf_gives_no_more_than_255_blocks(void)
{
    static uint8_t out[255 * 32 + 1];
    uint8_t prk[32] = {1};
    CU_ASSERT_EQUAL(hkdf_expand(HASH_SHA256, prk, "x", 1, out, 255 * 32), IDE_OK);
    CU_ASSERT_EQUAL(hkdf_expand(HASH_SHA256, prk, "x", 1, out, sizeof(out)), IDE_E_ARGUMENT);
    CU_ASSERT_EQUAL(hkdf_expand(HASH_NONE, prk, "x", 1, out, 32), IDE_E_UNSUPPORTED);
}

/* AEAD */

#define GCM_IV  "cafebabefacedbaddecaf888"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_PLAIN                                                                                            \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aed" \
    "f5"                                                                                                     \
    "aa0de657ba637b39"

static const struct aead_answer {
    enum aead_id id;
    const char *key, *iv, *aad, *plain, *cipher, *tag;
} aead_answers[] = {
    /* McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 4 and 16 */
    {AEAD_AES_128_GCM, "feffe9928665731c6d6a8f9467308308", GCM_IV, GCM_AAD, GCM_PLAIN,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b3"
     "9"
     "6a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {AEAD_AES_256_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", GCM_IV, GCM_AAD,
     GCM_PLAIN,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6"
     "3"
     "93ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    /* RFC 8439 2.8.2 */
    {AEAD_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c6"
     "4"
     "206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776"
     "f"
     "756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0"
     "a"
     "9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9"
     "d"
     "e576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
};

#define AEAD_ANSWERS (sizeof(aead_answers) / sizeof(aead_answers[0]))

static void aeads_give_the_known_answers_both_ways(void)
{
    for (size_t i = 0; i < AEAD_ANSWERS; i++) {
        const struct aead_answer *a = &aead_answers[i];
        struct bytes key = unhex(a->key), iv = unhex(a->iv), aad = unhex(a->aad), data = unhex(a->plain);
        struct aead_key k;
        uint8_t tag[AEAD_TAG_SIZE];
        CU_ASSERT_EQUAL(aead_set_key(&k, a->id, key.data), IDE_OK);
        CU_ASSERT_EQUAL(aead_seal(&k, iv.data, aad.data, aad.len, data.data, data.len, tag), IDE_OK);
        check_bytes(data.data, a->cipher);
        check_bytes(tag, a->tag);
        CU_ASSERT_EQUAL(aead_open(&k, iv.data, aad.data, aad.len, data.data, data.len, tag), IDE_OK);
        check_bytes(data.data, a->plain);
        aead_clear(&k);
        CU_ASSERT_TRUE(is_zero(&k, sizeof(k)));
    }
}

/* Opens the known answer with one bit of one part flipped. */
static void check_altered(const struct aead_answer *a, int part)
{
    struct bytes key = unhex(a->key),
                 parts[4] = {unhex(a->iv), unhex(a->aad), unhex(a->cipher), unhex(a->tag)};
    struct aead_key k;
    parts[part].data[parts[part].len - 1] ^= 0x10;
    CU_ASSERT_EQUAL(aead_set_key(&k, a->id, key.data), IDE_OK);
    CU_ASSERT_EQUAL(
        aead_open(&k, parts[0].data, parts[1].data, parts[1].len, parts[2].data, parts[2].len, parts[3].data),
        IDE_E_RECORD);
    CU_ASSERT_TRUE(is_zero(parts[2].data, parts[2].len));
    aead_clear(&k);
}

static void an_altered_record_is_refused_and_cleared(void)
{
    for (size_t i = 0; i < AEAD_ANSWERS; i++)
        for (int part = 0; part < 4; part++)
            check_altered(&aead_answers[i], part);
}

static void an_empty_record_is_authenticated_too(void)
{
    for (size_t i = 0; i < AEAD_ANSWERS; i++) {
        struct bytes key = unhex(aead_answers[i].key);
        struct aead_key k;
        uint8_t iv[AEAD_IV_SIZE] = {0}, none[1] = {0}, tag[AEAD_TAG_SIZE];
        CU_ASSERT_EQUAL(aead_set_key(&k, aead_answers[i].id, key.data), IDE_OK);
        CU_ASSERT_EQUAL(aead_seal(&k, iv, "head", 4, none, 0, tag), IDE_OK);
        CU_ASSERT_EQUAL(aead_open(&k, iv, "head", 4, none, 0, tag), IDE_OK);
        CU_ASSERT_EQUAL(aead_open(&k, iv, "haed", 4, none, 0, tag), IDE_E_RECORD);
        CU_ASSERT_EQUAL(aead_seal(&k, iv, NULL, 0, none, 1, tag), IDE_OK);
        CU_ASSERT_EQUAL(aead_open(&k, iv, NULL, 0, none, 1, tag), IDE_OK);
        aead_clear(&k);
    }
}

static void a_key_that_was_not_set_is_refused(void)
{
    struct aead_key k = {.id = AEAD_NONE};
    uint8_t iv[AEAD_IV_SIZE] = {0}, data[4] = {1, 2, 3, 4}, tag[AEAD_TAG_SIZE] = {0}, key[AEAD_KEY_MAX] = {0};
    CU_ASSERT_EQUAL(aead_seal(&k, iv, NULL, 0, data, sizeof(data), tag), IDE_E_STATE);
    CU_ASSERT_EQUAL(aead_open(&k, iv, NULL, 0, data, sizeof(data), tag), IDE_E_STATE);
    CU_ASSERT_EQUAL(data[3], 4);
    CU_ASSERT_EQUAL(aead_set_key(&k, AEAD_NONE, key), IDE_E_UNSUPPORTED);
    aead_clear(&k);
}

/* random numbers */

static void a_drbg_gives_fresh_numbers_of_any_length(void)
{
    static uint8_t one[100000], two[sizeof(one)];
    struct drbg a, b;
    CU_ASSERT_EQUAL_FATAL(drbg_open(&a), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(drbg_open(&b), IDE_OK);
    struct rng first = drbg_rng(&a), second = drbg_rng(&b);
    CU_ASSERT_EQUAL(first.random(first.context, one, sizeof(one)), IDE_OK);
    CU_ASSERT_EQUAL(second.random(second.context, two, sizeof(two)), IDE_OK);
    for (size_t i = 0; i + 32 <= sizeof(one); i += sizeof(one) / 10) {
        CU_ASSERT_FALSE(is_zero(one + i, 32));
        CU_ASSERT_NOT_EQUAL(memcmp(one + i, two + i, 32), 0);
    }
    CU_ASSERT_FALSE(is_zero(one + sizeof(one) - 32, 32));
    CU_ASSERT_EQUAL(first.random(first.context, one, 0), IDE_OK);
    drbg_close(&a);
    drbg_close(&b);
    CU_ASSERT_TRUE(is_zero(&a, sizeof(a)));
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_row_is_found_by_its_bit_alone),
        TEST(the_strongest_is_chosen),
        TEST(hashes_give_the_known_answers),
        TEST(a_hash_can_be_looked_at_and_copied_midway),
        TEST(a_hash_that_was_not_begun_is_refused),
        TEST(hkdf_gives_the_known_answers),
        TEST(hkdf_gives_no_more_than_255_blocks),
        TEST(aeads_give_the_known_answers_both_ways),
        TEST(an_altered_record_is_refused_and_cleared),
        TEST(an_empty_record_is_authenticated_too),
        TEST(a_key_that_was_not_set_is_refused),
        TEST(a_drbg_gives_fresh_numbers_of_any_length),
        CU_TEST_INFO_NULL,
    };
    return suite_run("crypto", tests);
}
