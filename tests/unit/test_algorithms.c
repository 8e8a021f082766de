/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requester against responder with each algorithm: certificates, CHALLENGE, a session, a heartbeat in it, its end. */
#include "check.h"
#include "device_identity.h"
#include "loopback.h"
#include "spdm/policy.h"
#include "suite.h"

#define HASHES 6u
#define AEADS  3u

static struct loopback l;

static const uint32_t hash_bits[HASHES] = {SPDM_HASH_SHA256,   SPDM_HASH_SHA384,   SPDM_HASH_SHA512,
                                           SPDM_HASH_SHA3_256, SPDM_HASH_SHA3_384, SPDM_HASH_SHA3_512};
static const uint16_t aead_bits[AEADS] = {SPDM_AEAD_AES_128_GCM, SPDM_AEAD_AES_256_GCM,
                                          SPDM_AEAD_CHACHA20_POLY1305};
static const uint16_t dhe_bits[] = {SPDM_DHE_SECP256R1, SPDM_DHE_SECP384R1, SPDM_DHE_SECP521R1,
                                    SPDM_DHE_FFDHE2048, SPDM_DHE_FFDHE3072, SPDM_DHE_FFDHE4096};
#define DHES (sizeof dhe_bits / sizeof dhe_bits[0])

static struct device_identity identities[9];
static const struct {
    const char *key;
    uint32_t asym;
} kinds[] = {
    {"P-256", SPDM_ASYM_ECDSA_P256},
    {"P-384", SPDM_ASYM_ECDSA_P384},
    {"P-521", SPDM_ASYM_ECDSA_P521},
    {"Ed25519", SPDM_ASYM_ED25519},
    {"Ed448", SPDM_ASYM_ED448},
    {"RSA-2048", SPDM_ASYM_RSASSA_2048 | SPDM_ASYM_RSAPSS_2048},
    {"RSA-3072", SPDM_ASYM_RSASSA_3072 | SPDM_ASYM_RSAPSS_3072},
    {"RSA-4096", SPDM_ASYM_RSASSA_4096 | SPDM_ASYM_RSAPSS_4096},
    {"RSA-2048, PSS", SPDM_ASYM_RSASSA_2048 | SPDM_ASYM_RSAPSS_2048},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* A selection, and the device that makes it. */
struct combination {
    struct device_identity *identity;
    uint32_t asym, hash;
    uint16_t dhe, aead;
};

static void open_combination(const struct combination *c)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    CU_ASSERT_TRUE_FATAL(device_identity_rehash(c->identity, hash_by_bit(c->hash)->id));
    spdm_policy_apply(&spdm_policy_all, &l.requester_config);
    l.responder.heartbeat_period = 5;
    l.responder_config.base_asym = c->asym;
    l.responder_config.base_hash = c->hash;
    l.responder_config.dhe = c->dhe;
    l.responder_config.aead = c->aead;
    l.responder.spdm.slots[0] = (struct spdm_slot){
        .chain = c->identity->chain, .chain_len = c->identity->chain_len, .key = &c->identity->key};
}

static bool is_selected(const struct combination *c)
{
    const struct spdm_params *p = &l.requester.params;
    return p->asym && p->asym->bit == c->asym && p->hash->bit == c->hash && p->dhe->bit == c->dhe &&
           p->aead->bit == c->aead;
}

static void run(const struct combination *c)
{
    open_combination(c);
    enum ide_err err = spdm_authenticate(&l.requester, 0, &c->identity->trust);
    if (err == IDE_OK)
        err = session_open(&l.session, &l.requester, &l.transport);
    if (err == IDE_OK)
        err = session_heartbeat(&l.session);
    if (err == IDE_OK)
        err = session_end(&l.session);
    CHECK_OK(err);
    CU_ASSERT_TRUE(is_selected(c));
    if (err != IDE_OK || !is_selected(c))
        fprintf(stderr, "    %s, %s, %s, %s: %s\n", asym_by_bit(c->asym)->name, hash_by_bit(c->hash)->name,
                dhe_by_bit(c->dhe)->name, aead_by_bit(c->aead)->name,
                l.requester.fault.field ? l.requester.fault.field : "");
    loopback_close(&l);
}

/* Each signature with each hash. */
static void every_signature_opens_a_session(void)
{
    unsigned n = 0;
    for (size_t i = 0; i < KINDS; i++)
        for (uint32_t rest = kinds[i].asym; rest; rest &= rest - 1)
            for (size_t h = 0; h < HASHES; h++, n++) {
                const struct combination c = {&identities[i], rest & -rest, hash_bits[h], SPDM_DHE_SECP256R1,
                                              aead_bits[n % AEADS]};
                run(&c);
            }
    printf("\n    %u combinations", n);
}

/* Each group with each hash and each cipher. */
static void every_key_schedule_opens_a_session(void)
{
    unsigned n = 0;
    for (size_t d = 0; d < DHES; d++)
        for (size_t i = 0; dhe_by_bit(dhe_bits[d]) && i < HASHES * AEADS; i++, n++) {
            const struct combination c = {&identities[0], SPDM_ASYM_ECDSA_P256, hash_bits[i % HASHES], dhe_bits[d],
                                          aead_bits[i / HASHES]};
            run(&c);
        }
    printf("\n    %u combinations", n);
}

/* In 1.1 the signatures are over the transcript's hash, and there is no EdDSA. */
static void version_1_1_has_them_without_eddsa(void)
{
    for (size_t i = 0; i < KINDS; i++) {
        bool eddsa = kinds[i].asym & (SPDM_ASYM_ED25519 | SPDM_ASYM_ED448);
        const struct combination c = {&identities[i], kinds[i].asym & -kinds[i].asym, SPDM_HASH_SHA384,
                                      SPDM_DHE_SECP384R1, SPDM_AEAD_AES_256_GCM};
        open_combination(&c);
        l.requester_config.version_min = l.responder_config.version_min = SPDM_VERSION_11;
        l.requester_config.version_max = l.responder_config.version_max = SPDM_VERSION_11;
        enum ide_err err = spdm_authenticate(&l.requester, 0, &c.identity->trust);
        CU_ASSERT_EQUAL(err == IDE_OK, !eddsa);
        if (err == IDE_OK)
            CHECK_OK(session_open(&l.session, &l.requester, &l.transport));
        else
            CHECK_FAULT(&l.requester.fault, IDE_E_PEER_ERROR, "NEGOTIATE_ALGORITHMS", NULL);
        loopback_close(&l);
    }
}

/* The leaf must have a key of the negotiated size: here it is another RSA key. */
static void a_leaf_of_another_size_is_refused(void)
{
    const struct combination c = {&identities[5], SPDM_ASYM_RSASSA_3072, SPDM_HASH_SHA256, SPDM_DHE_SECP256R1,
                                  SPDM_AEAD_AES_256_GCM};
    open_combination(&c);
    CHECK_ERR(spdm_authenticate(&l.requester, 0, &c.identity->trust), IDE_E_KEY);
    CHECK_FAULT(&l.requester.fault, IDE_E_KEY, "leaf certificate", "subjectPublicKeyInfo");
    CU_ASSERT_EQUAL(l.requester.fault.got, 2048);
    CU_ASSERT_EQUAL(l.requester.fault.want, 3072);
    loopback_close(&l);
}

static void flip_signature(struct loopback *p, uint8_t *object, size_t *len)
{
    if (object[DOE_HEADER_SIZE + 1] == SPDM_CHALLENGE_AUTH)
        object[*len - 5] ^= 0x10;
    (void)p;
}

/* One bit of CHALLENGE_AUTH's signature, for each kind. */
static void a_wrong_signature_is_refused(void)
{
    for (size_t i = 0; i < KINDS; i++)
        for (uint32_t rest = kinds[i].asym; rest; rest &= rest - 1) {
            const struct combination c = {&identities[i], rest & -rest, SPDM_HASH_SHA256, SPDM_DHE_SECP256R1,
                                          SPDM_AEAD_AES_256_GCM};
            open_combination(&c);
            l.on_response = flip_signature;
            CHECK_ERR(spdm_authenticate(&l.requester, 0, &c.identity->trust), IDE_E_SIGNATURE);
            CHECK_FAULT(&l.requester.fault, IDE_E_SIGNATURE, "CHALLENGE_AUTH", "Signature");
            loopback_close(&l);
        }
}

/* --- policies ----------------------------------------------------------------------------------------------------- */

static const struct spdm_policy backwards = {
    .order =
        {
            [SPDM_KIND_ASYM] = {SPDM_ASYM_RSASSA_3072, SPDM_ASYM_RSAPSS_3072},
            [SPDM_KIND_HASH] = {SPDM_HASH_SHA256, SPDM_HASH_SHA384},
            [SPDM_KIND_DHE] = {SPDM_DHE_FFDHE3072, SPDM_DHE_SECP384R1},
            [SPDM_KIND_AEAD] = {SPDM_AEAD_CHACHA20_POLY1305, SPDM_AEAD_AES_128_GCM},
        },
};

static void a_responder_selects_what_its_policy_prefers(void)
{
    const struct combination c = {&identities[6], SPDM_ASYM_RSASSA_3072, SPDM_HASH_SHA256, SPDM_DHE_FFDHE3072,
                                  SPDM_AEAD_CHACHA20_POLY1305};
    open_combination(&c);
    spdm_policy_apply(&backwards, &l.responder_config);
    CHECK_OK(spdm_authenticate(&l.requester, 0, &c.identity->trust));
    CU_ASSERT_TRUE(is_selected(&c));
    loopback_close(&l);
}

static void nothing_weaker_than_the_policy_is_negotiated(void)
{
    static const struct spdm_policy strong = {.strength_min = 192};
    const struct combination c = {&identities[0], SPDM_ASYM_ECDSA_P256, SPDM_HASH_SHA384, SPDM_DHE_SECP384R1,
                                  SPDM_AEAD_AES_256_GCM};
    open_combination(&c);
    l.requester_config.policy = &strong;   /* the masks alone would let it through */
    CHECK_ERR(spdm_authenticate(&l.requester, 0, &c.identity->trust), IDE_E_PEER_ERROR);
    loopback_close(&l);
    open_combination(&c);
    l.responder_config.policy = &strong;
    CHECK_ERR(spdm_authenticate(&l.requester, 0, &c.identity->trust), IDE_E_PEER_ERROR);
    loopback_close(&l);
}

static void select_p256(struct loopback *p, uint8_t *object, size_t *len)
{
    (void)p;
    (void)len;
    if (object[DOE_HEADER_SIZE + 1] == SPDM_ALGORITHMS)
        object[DOE_HEADER_SIZE + 12] = SPDM_ASYM_ECDSA_P256;
}

static void a_selection_against_the_policy_is_refused(void)
{
    static const struct spdm_policy strong = {.strength_min = 192};
    const struct combination c = {&identities[1], SPDM_ASYM_ECDSA_P384, SPDM_HASH_SHA384, SPDM_DHE_SECP384R1,
                                  SPDM_AEAD_AES_256_GCM};
    open_combination(&c);
    l.requester_config.policy = &strong;
    l.on_response = select_p256;
    CHECK_ERR(spdm_authenticate(&l.requester, 0, &c.identity->trust), IDE_E_NOT_OFFERED);
    CHECK_FAULT(&l.requester.fault, IDE_E_NOT_OFFERED, "ALGORITHMS", "BaseAsymSel");
    loopback_close(&l);
}

static int make_identities(void)
{
    for (size_t i = 0; i < KINDS; i++) {
        char name[32];
        snprintf(name, sizeof name, "algorithms-%zu", i);
        if (!device_identity_make(&identities[i], name, kinds[i].key, HASH_SHA256))
            return -1;
    }
    return 0;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(every_signature_opens_a_session),
        TEST(every_key_schedule_opens_a_session),
        TEST(version_1_1_has_them_without_eddsa),
        TEST(a_leaf_of_another_size_is_refused),
        TEST(a_wrong_signature_is_refused),
        TEST(a_responder_selects_what_its_policy_prefers),
        TEST(nothing_weaker_than_the_policy_is_negotiated),
        TEST(a_selection_against_the_policy_is_refused),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("algorithms", make_identities, NULL, tests);
}
