/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mutual authentication: each form of it between both roles, certificate slots, provisioned keys, and what is refused. */
#include "check.h"
#include "device_identity.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/chain.h"
#include "spdm/cursor.h"
#include "suite.h"

static struct loopback l;
static struct device_identity host;          /* who the requester is */
static struct trust device_trust;
static struct spdm_slot own[SPDM_SLOT_PLACES];
static uint8_t device_room[16384];           /* of the device for the requester's chain */

/* id-ecPublicKey on P-256, and the point behind it (RFC 5480 §2) */
static const uint8_t spki_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
static uint8_t device_spki[sizeof spki_head + 64], host_spki[sizeof spki_head + 64];

/* Both can, nothing is negotiated: the device asks in this form for the chain of that slot. */
static void prepare(uint8_t ask, uint8_t slot)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    memset(own, 0, sizeof own);
    own[slot] = (struct spdm_slot){.chain = host.chain, .chain_len = host.chain_len, .key = &host.key};
    l.requester.own = own;
    l.requester_config.flags |= SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP | SPDM_CAP_CERT;
    l.responder_config.flags |= SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP;
    l.requester_config.req_asym = l.responder_config.req_asym = SPDM_ASYM_ECDSA_P256;
    device_trust = (struct trust){.anchors = &host.anchor, .anchor_count = 1, .name_rule = CMA_NAME_IF_PRESENT};
    l.responder.mutual = (struct session_mutual){.ask = ask, .required = true, .slot = slot, .trust = &device_trust};
    l.responder.spdm.connection.chain = device_room;
    l.responder.spdm.connection.chain_cap = sizeof device_room;
}

static void in_version(uint8_t version)
{
    l.requester_config.version_min = l.requester_config.version_max = version;
    l.responder_config.version_min = l.responder_config.version_max = version;
}

static void in_the_clear(void)
{
    l.requester_config.flags |= SPDM_CAP_HANDSHAKE_CLEAR;
    l.responder_config.flags |= SPDM_CAP_HANDSHAKE_CLEAR;
}

static void check_usable(struct session *s)
{
    const uint8_t request[] = {l.requester.params.version, SPDM_HEARTBEAT, 0, 0};
    const uint8_t *response;
    size_t len = 0;
    CHECK_OK(loopback_send(&l, s, request, sizeof request, &response, &len));
    CU_ASSERT_TRUE(len >= 4 && response[1] == SPDM_ERROR);   /* there is no heartbeat, but an answer */
}

static void check_open(uint8_t asked)
{
    CU_ASSERT_EQUAL(l.session.state, SESSION_ESTABLISHED);
    CU_ASSERT_EQUAL(l.session.mut_auth, asked);
    CU_ASSERT_EQUAL(l.device_sessions[0].mut_auth, asked);
    CU_ASSERT_TRUE(l.responder.spdm.connection.peer_verified);
    check_usable(&l.session);
}

/* The device refuses with this ERROR, for this reason; nothing is left. */
static void check_refused(uint8_t code, enum ide_err err, const char *step, const char *field)
{
    CHECK_ERR(loopback_session(&l), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(l.requester.fault.peer_code, code);
    CHECK_FAULT(&l.device_fault, err, step, field);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    CU_ASSERT_TRUE(loopback_is_wiped(&l.device_sessions[0]));
    loopback_close(&l);
}

/* --- each form --- */

static void each_form_in_each_version(void)
{
    static const uint8_t forms[] = {SPDM_MUT_AUTH_ENCAP, SPDM_MUT_AUTH_DIGESTS};
    for (uint8_t version = SPDM_VERSION_11; version <= SPDM_VERSION_14; version++) {
        for (unsigned i = 0; i < 4; i++) {
            prepare(forms[i & 1], 0);
            in_version(version);
            if (i & 2)
                in_the_clear();
            CHECK_OK(loopback_session(&l));
            check_open(forms[i & 1]);
            CHECK_OK(session_end(&l.session));
            loopback_close(&l);
        }
    }
}

static void each_slot_of_the_requester(void)
{
    for (uint8_t slot = 0; slot < SPDM_SLOTS; slot++) {
        prepare(SPDM_MUT_AUTH_ENCAP, slot);
        CHECK_OK(loopback_session(&l));
        check_open(SPDM_MUT_AUTH_ENCAP);
        CU_ASSERT_EQUAL(l.session.own_slot, slot);
        CU_ASSERT_EQUAL(l.responder.spdm.connection.chain_slot, slot);
        loopback_close(&l);
    }
}

static void a_known_requester_is_not_asked_again(void)
{
    struct session other;
    prepare(SPDM_MUT_AUTH, 3);
    CHECK_OK(loopback_session(&l));
    check_open(SPDM_MUT_AUTH_ENCAP);   /* not known yet */
    unsigned before = l.exchanges;
    CHECK_OK(session_open(&other, &l.requester, &l.transport));
    CU_ASSERT_EQUAL(l.exchanges - before, 2);
    CU_ASSERT_EQUAL(other.mut_auth, SPDM_MUT_AUTH);
    CU_ASSERT_EQUAL(other.own_slot, 3);
    check_usable(&other);
    check_usable(&l.session);
    session_close(&other);
    loopback_close(&l);
}

/* A chain in more portions than one: the requester believes that the device takes short messages only. */
static void small_portions_make_a_chain_too(void)
{
    prepare(SPDM_MUT_AUTH_ENCAP, 0);
    CHECK_OK(loopback_connect(&l));
    l.requester.params.peer_transfer_size = 200;
    unsigned before = l.exchanges;
    CHECK_OK(session_open(&l.session, &l.requester, &l.transport));
    CU_ASSERT_TRUE(l.exchanges - before > 6);
    check_open(SPDM_MUT_AUTH_ENCAP);
    loopback_close(&l);
}

static void a_requester_that_cannot_gets_a_session_if_it_need_not(void)
{
    prepare(SPDM_MUT_AUTH_ENCAP, 0);
    l.requester_config.flags &= ~(SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP | SPDM_CAP_CERT);
    l.responder.mutual.required = false;
    CHECK_OK(loopback_session(&l));
    CU_ASSERT_EQUAL(l.session.mut_auth, 0);
    CU_ASSERT_FALSE(l.responder.spdm.connection.peer_verified);
    loopback_close(&l);
}

/* --- provisioned public keys --- */

static void fill_spki(uint8_t *out, const uint8_t *point)
{
    memcpy(out, spki_head, sizeof spki_head);
    memcpy(out + sizeof spki_head, point, 64);
}

static void prepare_provisioned(void)
{
    prepare(SPDM_MUT_AUTH, 0);
    fill_spki(device_spki, l.public_key.data);
    struct identity identity;
    struct ide_fault fault;
    struct trust trust = host.trust;
    const struct asym_info *asym = asym_by_bit(SPDM_ASYM_ECDSA_P256);
    CHECK_OK(identity_verify(host.chain, host.chain_len, HASH_SHA256, asym, l.requester.clock.unix_seconds(&l), &trust,
                             &identity, &fault));
    fill_spki(host_spki, identity.key.data);
    memset(own, 0, sizeof own);
    own[SPDM_PLACE_PROVISIONED] = (struct spdm_slot){.chain = host_spki, .chain_len = sizeof host_spki, .key = &host.key};
    memset(l.responder.spdm.slots, 0, sizeof l.responder.spdm.slots);
    l.responder.spdm.slots[SPDM_PLACE_PROVISIONED] =
        (struct spdm_slot){.chain = device_spki, .chain_len = sizeof device_spki, .key = &l.key};
    l.requester_config.flags = (l.requester_config.flags & ~(SPDM_CAP_CERT | SPDM_CAP_ENCAP)) | SPDM_CAP_PUB_KEY_ID;
    l.responder_config.flags = (l.responder_config.flags & ~SPDM_CAP_CERT) | SPDM_CAP_PUB_KEY_ID;
    l.responder.mutual.public_key = host_spki;
    l.responder.mutual.public_key_len = sizeof host_spki;
}

static enum ide_err provisioned_session(void)
{
    enum ide_err err = spdm_negotiate(&l.requester);
    if (err == IDE_OK)
        err = spdm_use_public_key(&l.requester, device_spki, sizeof device_spki);
    return err == IDE_OK ? session_open(&l.session, &l.requester, &l.transport) : err;
}

static void provisioned_keys_of_both_sides(void)
{
    for (uint8_t version = SPDM_VERSION_11; version <= SPDM_VERSION_14; version++) {
        prepare_provisioned();
        in_version(version);
        CHECK_OK(provisioned_session());
        check_open(SPDM_MUT_AUTH);
        CU_ASSERT_EQUAL(l.session.own_slot, SPDM_SLOT_PROVISIONED);
        CHECK_OK(session_end(&l.session));
        CHECK_OK(spdm_challenge(&l.requester));
        loopback_close(&l);
    }
}

static void another_provisioned_key_does_not_match(void)
{
    prepare_provisioned();
    CHECK_OK(spdm_negotiate(&l.requester));
    CHECK_OK(spdm_use_public_key(&l.requester, host_spki, sizeof host_spki));   /* not the device's */
    CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_SIGNATURE);
    loopback_close(&l);

    prepare_provisioned();
    l.responder.mutual.public_key = device_spki;   /* not the host's */
    CHECK_ERR(provisioned_session(), IDE_E_PEER_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_SIGNATURE, "FINISH", "Signature");
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    loopback_close(&l);
}

static void a_provisioned_key_that_is_none_is_refused(void)
{
    prepare_provisioned();
    CHECK_ERR(spdm_use_public_key(&l.requester, device_spki, sizeof device_spki), IDE_E_STATE);
    CHECK_OK(spdm_negotiate(&l.requester));
    for (size_t len = 0; len < sizeof device_spki; len++) {
        CU_ASSERT_NOT_EQUAL(spdm_use_public_key(&l.requester, device_spki, len), IDE_OK);
        CU_ASSERT_FALSE(l.requester.peer_verified);
    }
    uint8_t longer[sizeof device_spki + 1] = {0};
    memcpy(longer, device_spki, sizeof device_spki);
    CHECK_ERR(spdm_use_public_key(&l.requester, longer, sizeof longer), IDE_E_CHAIN);
    l.requester.params.flags_responder &= ~SPDM_CAP_PUB_KEY_ID;
    CHECK_ERR(spdm_use_public_key(&l.requester, device_spki, sizeof device_spki), IDE_E_CAPABILITY);
    loopback_close(&l);
}

/* --- the device refuses --- */

static void a_requester_that_cannot_is_refused(void)
{
    prepare(SPDM_MUT_AUTH_ENCAP, 0);
    l.requester_config.flags &= ~(SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP | SPDM_CAP_CERT);
    check_refused(SPDM_ERROR_UNSUPPORTED_REQUEST, IDE_E_CAPABILITY, "KEY_EXCHANGE", "MUT_AUTH_CAP");
}

static void an_untrusted_requester_is_refused(void)
{
    prepare(SPDM_MUT_AUTH_ENCAP, 0);
    device_trust.anchor_count = 0;
    check_refused(SPDM_ERROR_UNSPECIFIED, IDE_E_NO_TRUST, "CERTIFICATE", NULL);

    static struct device_identity stranger;
    CU_ASSERT_TRUE_FATAL(device_identity_make(&stranger, "stranger", "P-256", HASH_SHA256));
    prepare(SPDM_MUT_AUTH_ENCAP, 0);
    own[0].chain = stranger.chain;
    own[0].chain_len = stranger.chain_len;
    own[0].key = &stranger.key;
    check_refused(SPDM_ERROR_UNSPECIFIED, IDE_E_UNTRUSTED, "CERTIFICATE", "RootHash");
}

static void a_chain_without_its_key_is_refused(void)
{
    prepare(SPDM_MUT_AUTH_ENCAP, 0);
    own[0].key = &l.key;   /* some other key */
    check_refused(SPDM_ERROR_DECRYPT_ERROR, IDE_E_SIGNATURE, "FINISH", "Signature");
    prepare(SPDM_MUT_AUTH_ENCAP, 0);
    in_the_clear();
    own[0].key = &l.key;
    check_refused(SPDM_ERROR_DECRYPT_ERROR, IDE_E_SIGNATURE, "FINISH", "Signature");
}

static void an_empty_slot_is_refused(void)
{
    prepare(SPDM_MUT_AUTH_ENCAP, 2);
    l.responder.mutual.slot = 5;
    check_refused(SPDM_ERROR_INVALID_REQUEST, IDE_E_NO_CERT, "DIGESTS", "SlotMask");
}

static void a_chain_that_does_not_fit_is_refused(void)
{
    prepare(SPDM_MUT_AUTH_ENCAP, 0);
    l.responder.spdm.connection.chain_cap = 100;
    check_refused(SPDM_ERROR_RESPONSE_TOO_LARGE, IDE_E_SPACE, "CERTIFICATE", "RemainderLength");
}

/* --- a requester that leaves something out; it speaks through the session's copy --- */

static struct session half_open;

/* Keeps the session as it is when the first message in it, or FINISH in the clear, is about to go, which is lost. */
static void keep_session(struct loopback *loop, uint8_t *object, size_t *len)
{
    uint8_t code = object[DOE_HEADER_SIZE + 1];
    if (object[2] != DOE_TYPE_SECURED_CMA && code != SPDM_FINISH && code != SPDM_GET_ENCAPSULATED_REQUEST)
        return;
    half_open = loop->session;
    half_open.request.sequence = 0;
    *len = 0;
}

static void begin_half_open(uint8_t ask)
{
    prepare(ask, 0);
    l.on_request = keep_session;
    CHECK_ERR(loopback_session(&l), IDE_E_TIMEOUT);
    l.on_request = NULL;
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
}

static uint8_t send(struct session *s, const void *message, size_t len)
{
    const uint8_t *response;
    size_t response_len = 0;
    if (loopback_send(&l, s, message, len, &response, &response_len) != IDE_OK)
        return 0xff;
    return response[1] == SPDM_ERROR ? response[2] : 0;
}

/* FINISH with right verify data, but without a signature or with an empty one. */
static uint8_t send_finish(bool with_signature)
{
    uint8_t finish[4 + 64 + 32] = {SPDM_VERSION_12, SPDM_FINISH, with_signature ? SPDM_FINISH_SIGNED : 0, 0};
    size_t head = with_signature ? 4 + 64 : 4;
    uint8_t digest[HASH_SIZE_MAX];
    struct hash th;
    CHECK_OK(hash_copy(&th, &half_open.th));
    CHECK_OK(hash_update(&th, finish, head));
    CHECK_OK(hash_final(&th, digest));
    CHECK_OK(key_schedule_verify_data(&half_open.keys, half_open.keys.request_finished, digest, finish + head));
    return send(&half_open, finish, head + 32);
}

static void finish_without_the_signature_that_was_asked_for_is_refused(void)
{
    static const uint8_t forms[] = {SPDM_MUT_AUTH_ENCAP, SPDM_MUT_AUTH_DIGESTS};
    for (unsigned i = 0; i < 2; i++) {
        begin_half_open(forms[i]);
        CU_ASSERT_EQUAL(send_finish(false), SPDM_ERROR_INVALID_REQUEST);
        CHECK_FAULT(&l.device_fault, IDE_E_FIELD, "FINISH", "Param1");
        CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
        loopback_close(&l);
    }
}

static void finish_before_the_chain_is_known_is_refused(void)
{
    begin_half_open(SPDM_MUT_AUTH_ENCAP);
    CU_ASSERT_EQUAL(send_finish(true), SPDM_ERROR_UNEXPECTED_REQUEST);
    CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "FINISH", "CertChain");
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    loopback_close(&l);
}

/* A later handshake takes the encapsulated requests over: the earlier one cannot use what the later one shows. */
static void handshakes_are_not_mixed_up(void)
{
    begin_half_open(SPDM_MUT_AUTH_ENCAP);
    struct session earlier = half_open;
    CHECK_OK(session_open(&l.session, &l.requester, &l.transport));
    half_open = earlier;
    CU_ASSERT_EQUAL(send_finish(true), SPDM_ERROR_UNEXPECTED_REQUEST);
    CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "FINISH", "CertChain");
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    check_usable(&l.session);
    loopback_close(&l);
}

static void requests_out_of_turn_are_refused(void)
{
    const uint8_t get[] = {SPDM_VERSION_12, SPDM_GET_ENCAPSULATED_REQUEST, 0, 0};
    const uint8_t deliver[] = {SPDM_VERSION_12, SPDM_DELIVER_ENCAPSULATED_RESPONSE, 1, 0,
                               SPDM_VERSION_12, SPDM_DIGESTS, 0, 0};
    begin_half_open(SPDM_MUT_AUTH_ENCAP);
    CU_ASSERT_EQUAL(send(NULL, get, sizeof get), SPDM_ERROR_UNEXPECTED_REQUEST);   /* not in its session */
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    CU_ASSERT_EQUAL(send(&half_open, get, sizeof get), 0);
    CU_ASSERT_EQUAL(send(&half_open, get, sizeof get), SPDM_ERROR_UNEXPECTED_REQUEST);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    loopback_close(&l);

    begin_half_open(SPDM_MUT_AUTH_ENCAP);
    CU_ASSERT_EQUAL(send(&half_open, deliver, sizeof deliver), SPDM_ERROR_INVALID_REQUEST);   /* nothing was asked */
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    loopback_close(&l);

    prepare(SPDM_MUT_AUTH_ENCAP, 0);
    CHECK_OK(loopback_session(&l));
    CU_ASSERT_EQUAL(send(&l.session, get, sizeof get), SPDM_ERROR_UNEXPECTED_REQUEST);   /* all was answered */
    CU_ASSERT_EQUAL(send(&l.session, deliver, sizeof deliver), SPDM_ERROR_UNEXPECTED_REQUEST);
    check_usable(&l.session);
    loopback_close(&l);

    prepare(SPDM_MUT_AUTH_ENCAP, 0);
    in_version(SPDM_VERSION_13);
    CHECK_OK(loopback_connect(&l));
    const uint8_t get13[] = {SPDM_VERSION_13, SPDM_GET_ENCAPSULATED_REQUEST, 0, 0};
    CU_ASSERT_EQUAL(send(NULL, get13, sizeof get13), SPDM_ERROR_NO_PENDING_REQUESTS);
    loopback_close(&l);
}

static void wrong_answers_end_the_handshake(void)
{
    static const struct {
        uint8_t message[16];
        size_t len;
        uint8_t code;
    } rows[] = {
        {{SPDM_VERSION_12, SPDM_DELIVER_ENCAPSULATED_RESPONSE, 2, 0, SPDM_VERSION_12, SPDM_DIGESTS, 0, 0}, 8,
         SPDM_ERROR_INVALID_REQUEST},   /* another request id */
        {{SPDM_VERSION_12, SPDM_DELIVER_ENCAPSULATED_RESPONSE, 1, 0, SPDM_VERSION_12, SPDM_CERTIFICATE, 0, 0}, 8,
         SPDM_ERROR_INVALID_RESPONSE_CODE},
        {{SPDM_VERSION_12, SPDM_DELIVER_ENCAPSULATED_RESPONSE, 1, 0, SPDM_VERSION_12, SPDM_ERROR, 1, 0}, 8,
         SPDM_ERROR_INVALID_RESPONSE_CODE},
        {{SPDM_VERSION_12, SPDM_DELIVER_ENCAPSULATED_RESPONSE, 1, 0, SPDM_VERSION_12, SPDM_DIGESTS, 0, 1}, 8,
         SPDM_ERROR_INVALID_REQUEST},   /* no digest */
        {{SPDM_VERSION_12, SPDM_DELIVER_ENCAPSULATED_RESPONSE, 1, 0, SPDM_VERSION_12, SPDM_DIGESTS, 0, 0}, 8,
         SPDM_ERROR_INVALID_REQUEST},   /* no slot */
        {{SPDM_VERSION_12, SPDM_DELIVER_ENCAPSULATED_RESPONSE, 1, 0, SPDM_VERSION_12, SPDM_DIGESTS, 0}, 7,
         SPDM_ERROR_INVALID_REQUEST},
        {{SPDM_VERSION_12, SPDM_DELIVER_ENCAPSULATED_RESPONSE, 1, 0}, 4, SPDM_ERROR_INVALID_REQUEST},
    };
    const uint8_t get[] = {SPDM_VERSION_12, SPDM_GET_ENCAPSULATED_REQUEST, 0, 0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin_half_open(SPDM_MUT_AUTH_ENCAP);
        CU_ASSERT_EQUAL(send(&half_open, get, sizeof get), 0);
        CU_ASSERT_EQUAL(send(&half_open, rows[i].message, rows[i].len), rows[i].code);
        CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
        loopback_close(&l);
    }
}

/* --- the requester refuses --- */

static size_t change_at;
static uint8_t change_mask;

/* KEY_EXCHANGE_RSP, signed anew: MutAuthRequested is its byte 6, SlotIDParam its byte 7. */
static void change_rsp(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)len;
    if (object[2] != DOE_TYPE_CMA || object[DOE_HEADER_SIZE + 1] != SPDM_KEY_EXCHANGE_RSP)
        return;
    object[DOE_HEADER_SIZE + change_at] ^= change_mask;
    CU_ASSERT_TRUE(loopback_sign_again(loop, object));
}

static void refuses_response(size_t at, uint8_t mask, enum ide_err err, const char *field)
{
    change_at = at;
    change_mask = mask;
    l.on_response = change_rsp;
    CHECK_ERR(loopback_session(&l), err);
    CHECK_FAULT(&l.requester.fault, err, "KEY_EXCHANGE_RSP", field);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    loopback_close(&l);
}

static void what_the_requester_cannot_is_refused(void)
{
    prepare(0, 0);
    l.requester.own = NULL;
    refuses_response(6, SPDM_MUT_AUTH, IDE_E_NOT_OFFERED, "MutAuthRequested");
    prepare(0, 0);
    refuses_response(6, SPDM_MUT_AUTH | SPDM_MUT_AUTH_ENCAP, IDE_E_NOT_OFFERED, "MutAuthRequested");
    prepare(0, 0);
    refuses_response(6, 0x80, IDE_E_NOT_OFFERED, "MutAuthRequested");
    prepare(SPDM_MUT_AUTH_ENCAP, 0);
    l.responder_config.flags &= ~(SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP);
    l.responder.mutual.required = false;
    refuses_response(6, SPDM_MUT_AUTH_ENCAP, IDE_E_NOT_OFFERED, "MutAuthRequested");
    prepare(0, 1);   /* asked for slot 0, where there is nothing */
    refuses_response(6, SPDM_MUT_AUTH, IDE_E_NO_CERT, "SlotIDParam");
}

/* --- certificate slots of the device --- */

static void each_slot_of_the_device(void)
{
    for (uint8_t slot = 0; slot < SPDM_SLOTS; slot++) {
        CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
        struct spdm_slot device = l.responder.spdm.slots[0];
        l.responder.spdm.slots[0] = (struct spdm_slot){0};
        l.responder.spdm.slots[slot] =
            (struct spdm_slot){.chain = host.chain, .chain_len = host.chain_len, .key = &host.key};
        CHECK_OK(spdm_authenticate(&l.requester, slot, &host.trust));
        CHECK_OK(session_open(&l.session, &l.requester, &l.transport));
        check_usable(&l.session);
        CU_ASSERT_EQUAL(l.requester.chain_slot, slot);
        l.responder.spdm.slots[slot] = device;
        CHECK_OK(session_end(&l.session));
        CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_SIGNATURE);   /* another chain by now */
        loopback_close(&l);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(each_form_in_each_version),
        TEST(each_slot_of_the_requester),
        TEST(a_known_requester_is_not_asked_again),
        TEST(small_portions_make_a_chain_too),
        TEST(a_requester_that_cannot_gets_a_session_if_it_need_not),
        TEST(provisioned_keys_of_both_sides),
        TEST(another_provisioned_key_does_not_match),
        TEST(a_provisioned_key_that_is_none_is_refused),
        TEST(a_requester_that_cannot_is_refused),
        TEST(an_untrusted_requester_is_refused),
        TEST(a_chain_without_its_key_is_refused),
        TEST(an_empty_slot_is_refused),
        TEST(a_chain_that_does_not_fit_is_refused),
        TEST(finish_without_the_signature_that_was_asked_for_is_refused),
        TEST(finish_before_the_chain_is_known_is_refused),
        TEST(handshakes_are_not_mixed_up),
        TEST(requests_out_of_turn_are_refused),
        TEST(wrong_answers_end_the_handshake),
        TEST(what_the_requester_cannot_is_refused),
        TEST(each_slot_of_the_device),
        CU_TEST_INFO_NULL,
    };
    if (!device_identity_make(&host, "mutual", "P-256", HASH_SHA256))
        return 1;
    return suite_run("mutual authentication", tests);
}
