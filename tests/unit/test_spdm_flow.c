/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requester against responder in memory: GET_VERSION to CHALLENGE, and what can come between. */
#include <stdio.h>
#include <string.h>

#include "spdm/cursor.h"
#include "spdm_pair.h"
#include "suite.h"

static struct device_identity p384, p256;
static struct spdm_pair pair;

static void open_pair(void)
{
    CU_ASSERT_FATAL(spdm_pair_open(&pair, &p384));
}

static void close_pair(void)
{
    spdm_pair_close(&pair);
}

static enum ide_err authenticate(void)
{
    return spdm_authenticate(&pair.requester, 0, &pair.identity->trust);
}

/* Checks the requester's fault. field NULL: none is named. */
static bool fault_is(enum ide_err err, const char *step, const char *field)
{
    return spdm_pair_fault_is(&pair, err, step, field);
}

/* the straight way */

static void authenticates_a_device(void)
{
    open_pair();
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    const struct spdm_connection *c = &pair.requester;
    CU_ASSERT_EQUAL(c->state, SPDM_NEGOTIATED);
    CU_ASSERT_EQUAL(c->params.version, SPDM_VERSION_12);
    CU_ASSERT_EQUAL(c->params.asym->bit, SPDM_ASYM_ECDSA_P384);
    CU_ASSERT_EQUAL(c->params.hash->id, HASH_SHA384);
    CU_ASSERT_EQUAL(c->params.dhe->id, DHE_SECP384R1);
    CU_ASSERT_EQUAL(c->params.aead->id, AEAD_AES_256_GCM);
    CU_ASSERT_EQUAL(c->params.opaque_format, 1);
    CU_ASSERT(c->peer_verified && c->challenged);
    CU_ASSERT_EQUAL(c->chain_len, p384.chain_len);
    CU_ASSERT(memcmp(c->chain, p384.chain, p384.chain_len) == 0);
    CU_ASSERT_EQUAL(pair.resets, 1);
    close_pair();
}

static void both_sides_keep_the_same_transcript(void)
{
    open_pair();
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    const struct spdm_connection *a = &pair.requester, *b = &pair.responder.connection;
    CU_ASSERT_EQUAL(a->vca_len, b->vca_len);
    CU_ASSERT(memcmp(a->vca, b->vca, a->vca_len) == 0);
    uint8_t x[HASH_SIZE_MAX], y[HASH_SIZE_MAX];
    CU_ASSERT_EQUAL(hash_snapshot(&a->m1m2, x), IDE_OK);
    CU_ASSERT_EQUAL(hash_snapshot(&b->m1m2, y), IDE_OK);
    CU_ASSERT(memcmp(x, y, 48) == 0);
    CU_ASSERT_EQUAL(hash_once(HASH_SHA384, a->vca, a->vca_len, y), IDE_OK);
    CU_ASSERT(memcmp(x, y, 48) == 0); /* CHALLENGE used B and C up */
    close_pair();
}

static void authenticates_with_p256(void)
{
    CU_ASSERT_FATAL(spdm_pair_open(&pair, &p256));
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_EQUAL(pair.requester.params.asym->bit, SPDM_ASYM_ECDSA_P256);
    CU_ASSERT_EQUAL(pair.requester.params.hash->id, HASH_SHA256);
    close_pair();
}

static void authenticates_again_and_in_other_orders(void)
{
    uint8_t mask;
    open_pair();
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_EQUAL(spdm_challenge(&pair.requester), IDE_OK); /* A and C only */
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, &mask, NULL), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, &mask, NULL), IDE_OK);
    CU_ASSERT_EQUAL(spdm_challenge(&pair.requester), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 2, &p384.trust), IDE_OK);
    CU_ASSERT_EQUAL(spdm_challenge(&pair.requester), IDE_OK);
    CU_ASSERT_EQUAL(pair.requester.chain_slot, 2);
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    close_pair();
}

static void every_version_works(void)
{
    for (uint8_t version = SPDM_VERSION_10; version <= SPDM_VERSION_14; version++) {
        open_pair();
        pair.requester_config.version_min = SPDM_VERSION_10;
        pair.requester_config.version_max = SPDM_VERSION_14;
        pair.responder_config.version_min = pair.responder_config.version_max = version;
        CU_ASSERT_EQUAL(authenticate(), IDE_OK);
        CU_ASSERT_EQUAL(pair.requester.params.version, version);
        CU_ASSERT_EQUAL(pair.requester.params.dhe == NULL, version == SPDM_VERSION_10);
        close_pair();
    }
}

static void takes_the_highest_common_version(void)
{
    open_pair();
    pair.requester_config.version_min = SPDM_VERSION_11;
    pair.requester_config.version_max = SPDM_VERSION_13;
    pair.responder_config.version_min = SPDM_VERSION_10;
    pair.responder_config.version_max = SPDM_VERSION_14;
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_EQUAL(pair.requester.params.version, SPDM_VERSION_13);
    close_pair();
}

static void no_version_in_common(void)
{
    open_pair();
    pair.responder_config.version_min = pair.responder_config.version_max = SPDM_VERSION_13;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_VERSION);
    CU_ASSERT(fault_is(IDE_E_VERSION, "VERSION", "VersionNumberEntry"));
    CU_ASSERT_EQUAL(pair.requester.state, SPDM_NOT_STARTED);
    CU_ASSERT_EQUAL(pair.exchanges, 1);
    close_pair();
}

static void padding_to_a_dword_is_no_part_of_a_message(void)
{
    static const uint8_t codes[] = {SPDM_VERSION, SPDM_CAPABILITIES, SPDM_ALGORITHMS,
                                    SPDM_DIGESTS, SPDM_CERTIFICATE,  SPDM_CHALLENGE_AUTH};
    for (size_t i = 0; i < sizeof codes; i++) {
        open_pair();
        pair.alteration = (struct alteration){.code = codes[i], .grow = 3, .repeat = true};
        CU_ASSERT_EQUAL(authenticate(), IDE_OK);
        close_pair();
    }
}

/* negotiation to nothing in common, on the responder's side */

static void expect_refused(enum ide_err responder_err, const char *field, uint8_t error)
{
    CU_ASSERT_EQUAL(authenticate(), IDE_E_PEER_ERROR);
    CU_ASSERT(fault_is(IDE_E_PEER_ERROR, "NEGOTIATE_ALGORITHMS", NULL));
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, error);
    CU_ASSERT_EQUAL(pair.responder.connection.fault.err, responder_err);
    CU_ASSERT_STRING_EQUAL(pair.responder.connection.fault.field, field);
    CU_ASSERT_EQUAL(pair.requester.state, SPDM_NOT_STARTED);
    CU_ASSERT_EQUAL(pair.responder.connection.state, SPDM_AFTER_CAPABILITIES);
    close_pair();
}

static void nothing_in_common(void)
{
    open_pair();
    pair.requester_config.base_asym = SPDM_ASYM_ECDSA_P256;
    expect_refused(IDE_E_NO_COMMON, "BaseAsymSel", SPDM_ERROR_INVALID_REQUEST);
    open_pair();
    pair.requester_config.base_hash = SPDM_HASH_SHA256;
    expect_refused(IDE_E_NO_COMMON, "BaseHashSel", SPDM_ERROR_INVALID_REQUEST);
    open_pair();
    pair.requester_config.dhe = SPDM_DHE_SECP256R1;
    pair.responder_config.dhe = SPDM_DHE_SECP384R1;
    expect_refused(IDE_E_NO_COMMON, "DHE", SPDM_ERROR_INVALID_REQUEST);
    open_pair();
    pair.requester_config.aead = SPDM_AEAD_AES_128_GCM;
    pair.responder_config.aead = SPDM_AEAD_AES_256_GCM;
    expect_refused(IDE_E_NO_COMMON, "AEAD", SPDM_ERROR_INVALID_REQUEST);
    open_pair();
    pair.requester_config.key_schedule = 0;
    expect_refused(IDE_E_NO_COMMON, "KeySchedule", SPDM_ERROR_INVALID_REQUEST);
}

static void without_sessions_no_session_algorithm_is_needed(void)
{
    open_pair();
    pair.requester_config.flags = 0;
    pair.requester_config.dhe = pair.requester_config.aead = pair.requester_config.key_schedule = 0;
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_PTR_NULL(pair.requester.params.dhe);
    CU_ASSERT_PTR_NULL(pair.requester.params.aead);
    close_pair();
}

/* slots and chains */

static void an_empty_slot_has_no_certificate(void)
{
    uint8_t mask;
    open_pair();
    CU_ASSERT_EQUAL(spdm_authenticate(&pair.requester, 1, &p384.trust), IDE_E_NO_CERT);
    CU_ASSERT(fault_is(IDE_E_NO_CERT, "GET_CERTIFICATE", "SlotID"));
    CU_ASSERT_FALSE(pair.requester.peer_verified);
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, &mask, NULL), IDE_OK);
    CU_ASSERT_EQUAL(mask, 0x05);
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 8, &p384.trust), IDE_E_ARGUMENT);
    /* asked without DIGESTS, the device says so itself */
    CU_ASSERT_EQUAL(spdm_negotiate(&pair.requester), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 1, &p384.trust), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_INVALID_REQUEST);
    CU_ASSERT_EQUAL(pair.responder.connection.fault.err, IDE_E_NO_CERT);
    close_pair();
}

static void a_chain_comes_in_portions(void)
{
    open_pair();
    CU_ASSERT_EQUAL(spdm_negotiate(&pair.requester), IDE_OK);
    pair.responder.connection.params.peer_transfer_size = 108; /* portions of 100 bytes */
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 0, &p384.trust), IDE_OK);
    CU_ASSERT_EQUAL(pair.exchanges, 3 + (p384.chain_len + 99) / 100);
    CU_ASSERT_EQUAL(pair.requester.chain_len, p384.chain_len);
    CU_ASSERT(memcmp(pair.chain, p384.chain, p384.chain_len) == 0);
    close_pair();
}

static enum ide_err certificate_with(struct alteration alteration)
{
    CU_ASSERT_EQUAL(spdm_negotiate(&pair.requester), IDE_OK);
    pair.responder.connection.params.peer_transfer_size = 108;
    pair.alteration = alteration;
    return spdm_get_certificate(&pair.requester, 0, &p384.trust);
}

/* Without chunks no answer may be longer than what was announced, so that much is asked for. */
static void no_more_is_asked_for_than_was_announced(void)
{
    open_pair();
    pair.requester_config.transfer_size = 200;
    CU_ASSERT_EQUAL(spdm_negotiate(&pair.requester), IDE_OK);
    CU_ASSERT_EQUAL(pair.responder.connection.params.peer_transfer_size, 200);
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, NULL, NULL), IDE_OK);
    unsigned exchanges = pair.exchanges;
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 0, &p384.trust), IDE_OK);
    CU_ASSERT_EQUAL(pair.exchanges - exchanges, (p384.chain_len + 191) / 192);   /* CERTIFICATE's head has 8 bytes */
    close_pair();
}

static void a_peer_that_never_ends_its_chain_is_left(void)
{
    open_pair();
    /* the total grows with the fourth portion */
    CU_ASSERT_EQUAL(certificate_with((struct alteration){
                        .code = SPDM_CERTIFICATE, .skip = 3, .offset = 6, .bytes = {0xff, 0x20}, .count = 2}),
                    IDE_E_FIELD);
    CU_ASSERT(fault_is(IDE_E_FIELD, "CERTIFICATE", "RemainderLength"));
    CU_ASSERT_FALSE(pair.requester.peer_verified);
    /* portions of nothing */
    CU_ASSERT_EQUAL(certificate_with((struct alteration){.code = SPDM_CERTIFICATE,
                                                         .skip = 3,
                                                         .replace = true,
                                                         .bytes = {0x12, 2, 0, 0, 0, 0, 0x10, 0},
                                                         .count = 8}),
                    IDE_E_FIELD);
    CU_ASSERT(fault_is(IDE_E_FIELD, "CERTIFICATE", "PortionLength"));
    CU_ASSERT_EQUAL(pair.requester.chain_len, 0);
    close_pair();
}

static void a_chain_longer_than_the_buffer_is_refused(void)
{
    open_pair();
    pair.requester.chain_cap = p384.chain_len - 1;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_SPACE);
    CU_ASSERT(fault_is(IDE_E_SPACE, "CERTIFICATE", "RemainderLength"));
    close_pair();
}

static void an_untrusted_chain_publishes_nothing(void)
{
    struct trust nobody = p384.trust;
    nobody.anchor_count = 0;
    open_pair();
    CU_ASSERT_EQUAL(spdm_authenticate(&pair.requester, 0, &nobody), IDE_E_NO_TRUST);
    CU_ASSERT_FALSE(pair.requester.peer_verified);
    CU_ASSERT_EQUAL(pair.requester.chain_len, 0);
    CU_ASSERT_EQUAL(spdm_challenge(&pair.requester), IDE_E_STATE);
    CU_ASSERT_EQUAL(spdm_authenticate(&pair.requester, 0, &p256.trust), IDE_E_UNTRUSTED);
    CU_ASSERT_FALSE(pair.requester.peer_verified);
    /* a good chain does not stay good when the next one is not */
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 2, &p256.trust), IDE_E_UNTRUSTED);
    CU_ASSERT_FALSE(pair.requester.peer_verified);
    close_pair();
}

static void a_signature_by_another_key_is_refused(void)
{
    struct device_identity other = p384;
    CU_ASSERT_FATAL(device_identity_make(&other, "flow-other", "P-384", HASH_SHA384));
    open_pair();
    pair.responder.slots[0].key = &other.key;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_SIGNATURE);
    CU_ASSERT(fault_is(IDE_E_SIGNATURE, "CHALLENGE_AUTH", "Signature"));
    CU_ASSERT_FALSE(pair.requester.challenged);
    close_pair();
}

static void a_replayed_challenge_auth_is_refused(void)
{
    open_pair();
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    /* the whole conversation again, with the old CHALLENGE_AUTH in the end */
    uint8_t old[512];
    memcpy(old, pair.requester.rx + SPDM_HEADROOM, 182);
    CU_ASSERT_EQUAL(old[1], SPDM_CHALLENGE_AUTH);
    uint8_t mask;
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, &mask, NULL), IDE_OK);
    pair.alteration = (struct alteration){.code = SPDM_CHALLENGE_AUTH, .offset = 52, .count = 16};
    memcpy(pair.alteration.bytes, old + 52, 16);
    CU_ASSERT_EQUAL(spdm_challenge(&pair.requester), IDE_E_SIGNATURE);
    close_pair();
}

/* capabilities */

static void without_the_capability_nothing_is_sent(void)
{
    uint8_t mask;
    open_pair();
    pair.responder_config.flags &= ~SPDM_CAP_CHAL;
    CU_ASSERT_EQUAL(authenticate(), IDE_OK); /* only CHALLENGE is left out */
    unsigned exchanges = pair.exchanges;
    CU_ASSERT_EQUAL(spdm_challenge(&pair.requester), IDE_E_CAPABILITY);
    CU_ASSERT(fault_is(IDE_E_CAPABILITY, "CHALLENGE", "CHAL_CAP"));
    pair.responder_config.flags = 0;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_CAPABILITY);
    CU_ASSERT(fault_is(IDE_E_CAPABILITY, "GET_DIGESTS", "CERT_CAP"));
    CU_ASSERT_EQUAL(pair.exchanges, exchanges + 3);
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 0, &p384.trust), IDE_E_CAPABILITY);
    spdm_connection_reset(&pair.requester);
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, &mask, NULL), IDE_E_STATE);
    close_pair();
}

/* messages of the layers above */

static enum ide_err echo(void *context, struct spdm_responder *r, const struct spdm_request *request,
                         const uint8_t *payload, size_t len, struct writer *w)
{
    (void)context;
    (void)r;
    (void)request;
    write_bytes(w, payload, len);
    return IDE_OK;
}

static void vendor_messages_go_there_and_back(void)
{
    struct spdm_vendor v = {
        .standard_id = 3, .vendor_id_len = 2, .vendor_id = {1, 0}, .out_session = true, .handle = echo};
    const struct spdm_vendor_defined in = {.standard_id = 3,
                                           .vendor_id_len = 2,
                                           .vendor_id = v.vendor_id,
                                           .payload_len = 5,
                                           .payload = (const uint8_t *)"hello"};
    struct spdm_vendor_defined out;
    const struct spdm_exchange exchange = {
        &spdm_msg_vendor_defined_request, &in, &spdm_msg_vendor_defined_response, &out, {0}, NULL};
    const uint8_t *raw;
    size_t raw_len;
    open_pair();
    spdm_responder_add_vendor(&pair.responder, &v);
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_EQUAL(spdm_transact(&pair.requester, &pair.requester.clear, &exchange, &raw, &raw_len), IDE_OK);
    CU_ASSERT(out.payload_len == 5 && memcmp(out.payload, "hello", 5) == 0);
    CU_ASSERT(raw == pair.requester.rx + SPDM_HEADROOM && raw_len == 16);
    v.vendor_id[0] = 2;
    CU_ASSERT_EQUAL(spdm_transact(&pair.requester, &pair.requester.clear, &exchange, &raw, &raw_len), IDE_OK);
    pair.responder.vendors = NULL;
    CU_ASSERT_EQUAL(spdm_transact(&pair.requester, &pair.requester.clear, &exchange, &raw, &raw_len),
                    IDE_E_PEER_ERROR);
    CU_ASSERT(raw == NULL && raw_len == 0);
    close_pair();
}

static enum ide_err say_key_exchange_rsp(struct spdm_responder *r, struct spdm_request *request,
                                         struct writer *w)
{
    (void)r;
    request->consumed = 4;
    write_bytes(w, (const uint8_t[]){0x12, SPDM_KEY_EXCHANGE_RSP, 0, 0}, 4);
    return IDE_OK;
}

static bool m1m2_is(const struct spdm_connection *c, const uint8_t *want)
{
    uint8_t now[HASH_SIZE_MAX];
    return hash_snapshot(&c->m1m2, now) == IDE_OK && memcmp(now, want, 48) == 0;
}

/* KEY_EXCHANGE says that CHALLENGE is skipped, so what B had is forgotten; not so once there was a CHALLENGE. */
static void a_session_without_challenge_empties_m1m2(void)
{
    static const struct spdm_handler row = {
        SPDM_KEY_EXCHANGE,  SPDM_VERSION_11,     "KEY_EXCHANGE", 0, 0xff, false, true,
        SPDM_NOTED_NOWHERE, say_key_exchange_rsp};
    static const struct spdm_message request = {SPDM_KEY_EXCHANGE, SPDM_VERSION_11, "KEY_EXCHANGE", NULL,
                                                NULL};
    static const struct spdm_message response = {SPDM_KEY_EXCHANGE_RSP, SPDM_VERSION_11, "KEY_EXCHANGE_RSP",
                                                 NULL, NULL};
    const struct spdm_handler_table tables[] = {spdm_handlers, {&row, 1}};
    struct spdm_plain in = {0}, out;
    const struct spdm_exchange key_exchange = {&request, &in, &response, &out, {0}, NULL};
    uint8_t empty[HASH_SIZE_MAX], with_b[HASH_SIZE_MAX];
    open_pair();
    struct spdm_connection *c = &pair.requester, *device = &pair.responder.connection;
    pair.responder.tables = tables;
    pair.responder.table_count = 2;
    CU_ASSERT_EQUAL(spdm_negotiate(c), IDE_OK);
    CU_ASSERT_EQUAL(hash_snapshot(&c->m1m2, empty), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_digests(c, NULL, NULL), IDE_OK);
    CU_ASSERT_EQUAL(hash_snapshot(&c->m1m2, with_b), IDE_OK);
    CU_ASSERT_EQUAL(spdm_transact(c, &c->clear, &key_exchange, NULL, NULL), IDE_OK);
    CU_ASSERT(m1m2_is(c, empty) && m1m2_is(device, empty));
    CU_ASSERT_EQUAL(spdm_get_certificate(c, 0, &p384.trust), IDE_OK);
    CU_ASSERT_EQUAL(spdm_challenge(c), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_digests(c, NULL, NULL), IDE_OK);
    CU_ASSERT_EQUAL(spdm_transact(c, &c->clear, &key_exchange, NULL, NULL), IDE_OK);
    CU_ASSERT(m1m2_is(c, with_b) && m1m2_is(device, with_b));
    CU_ASSERT_EQUAL(spdm_challenge(c), IDE_OK);
    close_pair();
}

static void digests_are_given_by_slot(void)
{
    uint8_t digests[SPDM_SLOTS][HASH_SIZE_MAX], want[HASH_SIZE_MAX];
    open_pair();
    CU_ASSERT_EQUAL(spdm_negotiate(&pair.requester), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, NULL, digests), IDE_OK);
    CU_ASSERT_EQUAL(hash_once(HASH_SHA384, p384.chain, p384.chain_len, want), IDE_OK);
    CU_ASSERT(memcmp(digests[0], want, 48) == 0 && memcmp(digests[2], want, 48) == 0);
    CU_ASSERT(digests[1][0] == 0 && memcmp(digests[1], digests[1] + 1, 47) == 0);
    close_pair();
}

static int make_identities(void)
{
    return device_identity_make(&p384, "flow-p384", "P-384", HASH_SHA384) &&
                   device_identity_make(&p256, "flow-p256", "P-256", HASH_SHA256)
               ? 0
               : -1;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(authenticates_a_device),
        TEST(both_sides_keep_the_same_transcript),
        TEST(authenticates_with_p256),
        TEST(authenticates_again_and_in_other_orders),
        TEST(every_version_works),
        TEST(takes_the_highest_common_version),
        TEST(no_version_in_common),
        TEST(padding_to_a_dword_is_no_part_of_a_message),
        TEST(nothing_in_common),
        TEST(without_sessions_no_session_algorithm_is_needed),
        TEST(an_empty_slot_has_no_certificate),
        TEST(a_chain_comes_in_portions),
        TEST(no_more_is_asked_for_than_was_announced),
        TEST(a_peer_that_never_ends_its_chain_is_left),
        TEST(a_chain_longer_than_the_buffer_is_refused),
        TEST(an_untrusted_chain_publishes_nothing),
        TEST(a_signature_by_another_key_is_refused),
        TEST(a_replayed_challenge_auth_is_refused),
        TEST(without_the_capability_nothing_is_sent),
        TEST(vendor_messages_go_there_and_back),
        TEST(a_session_without_challenge_empties_m1m2),
        TEST(digests_are_given_by_slot),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("spdm flow", make_identities, NULL, tests);
}
