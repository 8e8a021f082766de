/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No function of the crypto layer leaves a secret on the stack, its own or wolfCrypt's. Each is run by itself, so that
 * nothing later covers what it leaves. Algorithms that the tables get are covered by being there.
 */
#include "check.h"
#include "device_identity.h"
#include "loopback.h"
#include "secrets.h"
#include "session/internal.h"
#include "spdm/der.h"
#include "suite.h"

#define BITS 16u   /* of an algorithm field */

static struct loopback l;
static enum ide_err result;   /* of a primitive, which runs in another thread */

/* The private scalar within the SEC1 DER that loopback.c made: its first OCTET STRING. */
static void learn_device_key(void)
{
    size_t size = l.key.type == KEY_EC_P256 ? 32 : 48;
    for (size_t i = 0; i + 2 + size <= l.key.len; i++) {
        if (l.key.der[i] == 0x04 && l.key.der[i + 1] == size) {
            secrets_learn("device's key", l.key.der + i + 2, size);
            return;
        }
    }
    CU_FAIL_FATAL("the device's key is not where it was thought");
}

static void begin(enum key_type curve)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, curve));
    secrets_forget();
    learn_device_key();
}

static void finish(void)
{
    CU_ASSERT_TRUE(secrets_count() > 0);
    loopback_close(&l);
}

static struct dhe_key dhe;
static const struct dhe_info *group;
static const struct hash_info *hash;
static const struct aead_info *aead;
static struct aead_key key;
static uint8_t public_data[DHE_PUBLIC_MAX], secret[DHE_SECRET_MAX], tag[AEAD_TAG_SIZE], record[100];

static void check_primitive(const char *name, const char *algorithm, void (*primitive)(void))
{
    char title[64];
    snprintf(title, sizeof title, "%s %s", name, algorithm);
    result = IDE_E_INTERNAL;
    secrets_run(primitive);
    CHECK_OK(result);
    CU_ASSERT_EQUAL(secrets_find_on_stack(title), 0);
}

static void generate(void)
{
    result = dhe_generate(&dhe, group, &l.requester.rng, public_data);
}

static void compute(void)
{
    result = dhe_compute(&dhe, public_data, secret);
}

static void dhe_leaves_nothing(void)
{
    begin(KEY_EC_P384);
    for (unsigned bit = 0; bit < BITS; bit++) {
        group = dhe_by_bit(1u << bit);
        if (!group)
            continue;
        check_primitive("dhe_generate", group->name, generate);
        check_primitive("dhe_compute", group->name, compute);
    }
    finish();
}

static void expand(void)
{
    static uint8_t out[HASH_SIZE_MAX];
    result = hkdf_expand(hash->id, secret, "..spdm1.2 test", 14, out, hash->size);
}

static void extract(void)
{
    static uint8_t out[HASH_SIZE_MAX];
    result = hkdf_extract(hash->id, secret, hash->size, secret + 64, 48, out);
}

static void mac(void)
{
    static uint8_t out[HASH_SIZE_MAX];
    result = hmac_once(hash->id, secret, hash->size, record, sizeof record, out);
}

static void draw_secret(void)
{
    struct rng rng = l.requester.rng;
    CHECK_OK(rng.random(rng.context, secret, sizeof secret));
    secrets_learn("secret", secret, sizeof secret);
}

static void derivations_leave_nothing(void)
{
    begin(KEY_EC_P384);
    draw_secret();
    for (unsigned bit = 0; bit < BITS; bit++) {
        hash = hash_by_bit(1u << bit);
        if (!hash)
            continue;
        check_primitive("hkdf_expand", hash->name, expand);
        check_primitive("hkdf_extract", hash->name, extract);
        check_primitive("hmac_once", hash->name, mac);
    }
    finish();
}

static void set_key(void)
{
    result = aead_set_key(&key, aead->id, secret);
}

static void seal(void)
{
    result = aead_seal(&key, secret + 64, "header", 6, record, sizeof record, tag);
}

static void open_record(void)
{
    result = aead_open(&key, secret + 64, "header", 6, record, sizeof record, tag);
}

static void open_altered(void)
{
    tag[0] ^= 1;
    result = aead_open(&key, secret + 64, "header", 6, record, sizeof record, tag) == IDE_E_RECORD ? IDE_OK
                                                                                                   : IDE_E_INTERNAL;
}

static void records_leave_nothing(void)
{
    begin(KEY_EC_P384);
    draw_secret();
    for (unsigned bit = 0; bit < BITS; bit++) {
        aead = aead_by_bit(1u << bit);
        if (!aead)
            continue;
        memcpy(record, secret + 128, sizeof record);   /* the message is a secret too: a stream's key, perhaps */
        check_primitive("aead_set_key", aead->name, set_key);
        check_primitive("aead_seal", aead->name, seal);
        check_primitive("aead_open", aead->name, open_record);
        check_primitive("aead_seal", aead->name, seal);
        check_primitive("aead_open, altered", aead->name, open_altered);
        aead_clear(&key);
    }
    finish();
}

static void sign(void)
{
    static uint8_t signature[SIGNATURE_SIZE_MAX];
    bool small = l.key.type == KEY_EC_P256;
    const struct signed_data what = {SIGNATURE_ECDSA, small ? HASH_SHA256 : HASH_SHA384, secret, small ? 32 : 48, NULL};
    result = private_key_sign(&l.key, &what, &l.requester.rng, signature, small ? 64 : 96);
}

static void load_key(void)
{
    static struct private_key copy;
    result = private_key_load(&copy, l.key.der, l.key.len);
}

static void signatures_leave_nothing(void)
{
    static const enum key_type curves[] = {KEY_EC_P256, KEY_EC_P384};
    for (size_t i = 0; i < 2; i++) {
        begin(curves[i]);
        l.requester.rng = drbg_rng(&l.drbg);
        check_primitive("private_key_sign", i ? "P-384" : "P-256", sign);
        check_primitive("private_key_load", i ? "P-384" : "P-256", load_key);
        finish();
    }
}

/* The six secret numbers of an RSA key (RFC 8017 §A.1.2). */
static void learn_rsa_key(const struct private_key *k)
{
    struct reader r = reader_of(k->der, k->len);
    struct reader numbers = der_enter(&r, DER_SEQUENCE, NULL);
    for (int i = 0; i < 9; i++) {
        struct span number = der_content(&numbers, DER_INTEGER, NULL);
        if (i > 2)   /* after version, modulus and public exponent */
            secrets_learn("RSA key", number.data, number.len);
    }
    CU_ASSERT_EQUAL(numbers.err, IDE_OK);
}

static struct signed_data to_sign;

static void sign_other(void)
{
    static uint8_t signature[SIGNATURE_SIZE_MAX];
    const struct asym_info *asym = asym_by_bit(private_key_algorithms(&l.key) & -private_key_algorithms(&l.key));
    result = private_key_sign(&l.key, &to_sign, &l.requester.rng, signature, asym->signature_size);
}

static void other_signatures_leave_nothing(void)
{
    static const struct {
        const char *key;
        enum signature_scheme scheme;
    } rows[] = {{"RSA-2048", SIGNATURE_RSASSA}, {"RSA-4096", SIGNATURE_RSAPSS}, {"Ed25519", SIGNATURE_EDDSA},
                {"Ed448", SIGNATURE_EDDSA}};
    static struct device_identity identity;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CU_ASSERT_TRUE_FATAL(device_identity_make(&identity, "wipe", rows[i].key, HASH_SHA256));
        begin(KEY_EC_P256);
        l.requester.rng = drbg_rng(&l.drbg);
        l.key = identity.key;
        if (l.key.type == KEY_RSA)
            learn_rsa_key(&l.key);
        else   /* the seed is at the end */
            secrets_learn("Edwards key", l.key.der + l.key.len - 32, 32);
        to_sign = (struct signed_data){rows[i].scheme, HASH_SHA384, record, 48, NULL};
        check_primitive("private_key_sign", rows[i].key, sign_other);
        check_primitive("private_key_load", rows[i].key, load_key);
        finish();
    }
}

/* --- the steps of a session that have secrets of their own, by themselves too --- */

static struct key_schedule schedule;

static void handshake_stage(void)
{
    result = key_schedule_handshake(&schedule, &l.requester.params, secret, 48, record);
}

static void data_stage(void)
{
    result = key_schedule_data(&schedule, record);
}

static void next_secret(void)
{
    static uint8_t next[HASH_SIZE_MAX];
    result = key_schedule_next(&schedule, schedule.request_secret, next);
}

static void record_key(void)
{
    static struct record_key out;
    result = key_schedule_record_key(&schedule, schedule.request_secret, &out);
}

static void the_key_schedule_leaves_nothing(void)
{
    begin(KEY_EC_P384);
    draw_secret();
    CHECK_OK(loopback_connect(&l));
    key_schedule_clear(&schedule);
    memset(record, 0x5a, sizeof record);   /* a transcript hash is no secret */
    check_primitive("key_schedule", "handshake", handshake_stage);
    check_primitive("key_schedule", "data", data_stage);
    check_primitive("key_schedule", "next", next_secret);
    check_primitive("key_schedule", "record key", record_key);
    finish();
}

static void exchange_keys(void)
{
    l.session = (struct session){.connection = &l.requester, .transport = &l.transport};
    result = session_key_exchange(&l.session);
}

static void update_request_key(void)
{
    result = session_key_update(&l.session, KEY_UPDATE_ALL);
}

static void the_exchanges_leave_nothing(void)
{
    begin(KEY_EC_P384);
    CHECK_OK(loopback_connect(&l));
    check_primitive("KEY_EXCHANGE", "alone", exchange_keys);
    session_responder_reset(&l.responder);
    CHECK_OK(loopback_session(&l));
    check_primitive("KEY_UPDATE", "alone", update_request_key);
    finish();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(dhe_leaves_nothing),
        TEST(derivations_leave_nothing),
        TEST(records_leave_nothing),
        TEST(signatures_leave_nothing),
        TEST(other_signatures_leave_nothing),
        TEST(the_key_schedule_leaves_nothing),
        TEST(the_exchanges_leave_nothing),
        CU_TEST_INFO_NULL,
    };
    return suite_run("wipe: the crypto layer", tests);
}
