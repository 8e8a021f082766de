/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole conversation of a requester and a device, with somebody on the way who has the session's keys too: negotiation,
 * a handshake, everything that can be asked in a session, its end. Both roles are honest; what one says to the other is
 * altered, replaced, lost, repeated, and sealed again, as the input says.
 *
 * Input: a byte for the version, one for the form (FORM_*), then one part a data object, requests and responses in turn
 * (fuzz_next()): its choice says what happens to the object (TO_*), and its bytes with what.
 */
#include <string.h>

#include "fuzz_device.h"
#include "fuzz_pair.h"
#include "measured_device.h"
#include "session/messages.h"
#include "spdm/cursor.h"

enum {
    FORM_PSK = 1,
    FORM_PSK_CONTEXT = 2,
    FORM_CLEAR = 4,
    FORM_MUTUAL = 8,
    FORM_DIGESTS = 0x10,       /* the first encapsulated request comes with KEY_EXCHANGE_RSP */
    FORM_PUBLIC_KEYS = 0x20,   /* instead of certificates */
    FORM_LARGE = 0x40,
};

enum { TO_PASS, TO_ALTER, TO_REPLACE, TO_LOSE, TO_REPEAT, TO_SEND_RAW, TO_WAIT, TO_COUNT };

/* id-ecPublicKey on P-256, before the point (RFC 5480 section 2) */
static const uint8_t spki_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
static const uint8_t psk_secret[] = "known to both", psk_hint[] = "hint";
static const struct session_psk psk = {psk_hint, sizeof psk_hint, psk_secret, sizeof psk_secret};

static const uint8_t *input;
static size_t input_len;
static uint8_t public_key[sizeof spki_head + 64], large[2][12000], own_chain[64], device_room[4096];
static uint8_t last[2][SPDM_BUFFER_SIZE];
static size_t last_len[2];
static struct spdm_slot own[SPDM_SLOT_PLACES];
static struct trust nobody;
static struct spdm_services services;
static struct fuzz_device owner;   /* of the services */

static void require(bool condition)
{
    if (!condition)
        __builtin_trap();
}

static enum ide_err echo(void *context, struct spdm_responder *r, const struct spdm_request *request,
                         const uint8_t *payload, size_t len, struct writer *w)
{
    (void)context, (void)r, (void)request;
    write_bytes(w, payload, len);
    return write_done(w);
}

static struct spdm_vendor vendor = {.standard_id = 3, .vendor_id_len = 2, .vendor_id = {1}, .in_session = true,
                                    .out_session = true, .handle = echo};

static void prepare(struct loopback *l)
{
    memcpy(public_key, spki_head, sizeof spki_head);
    memcpy(public_key + sizeof spki_head, l->public_key.data, 64);
    measured_device_configure(&l->responder_config);
    l->responder.spdm.measurements = &measured_device;
    services = fuzz_services(&owner);
    l->responder.spdm.services = &services;
    l->responder_config.flags |= SPDM_CAP_SET_CERT | SPDM_CAP_CSR | SPDM_CAP_EP_INFO_SIG | SPDM_CAP_EVENT |
                                 SPDM_CAP_GET_KEY_PAIR | SPDM_CAP_SET_KEY_PAIR | SPDM_CAP_CERT_INSTALL_RESET;
    l->requester_config.flags |= SPDM_CAP_EVENT;
    spdm_responder_add_vendor(&l->responder.spdm, &vendor);
}

static void configure_public_keys(struct loopback *l)
{
    const struct spdm_slot slot = {.chain = public_key, .chain_len = sizeof public_key, .key = &l->key};
    own[SPDM_PLACE_PROVISIONED] = slot;
    memset(l->responder.spdm.slots, 0, sizeof l->responder.spdm.slots);
    l->responder.spdm.slots[SPDM_PLACE_PROVISIONED] = slot;
    l->requester_config.flags = (l->requester_config.flags & ~SPDM_CAP_CERT) | SPDM_CAP_PUB_KEY_ID;
    l->responder_config.flags = (l->responder_config.flags & ~SPDM_CAP_CERT) | SPDM_CAP_PUB_KEY_ID;
    l->responder.mutual.public_key = public_key;
    l->responder.mutual.public_key_len = sizeof public_key;
}

static void configure_mutual(struct loopback *l, uint8_t form)
{
    bool keys = form & FORM_PUBLIC_KEYS;
    uint32_t caps = SPDM_CAP_MUT_AUTH | (keys ? 0 : SPDM_CAP_ENCAP);
    memset(own_chain, 0x30, sizeof own_chain);
    own[0] = (struct spdm_slot){.chain = own_chain, .chain_len = sizeof own_chain, .key = &l->key};
    l->requester.own = own;
    l->requester_config.flags |= caps | (keys ? 0 : SPDM_CAP_CERT);
    l->responder_config.flags |= caps;
    l->requester_config.req_asym = l->responder_config.req_asym = SPDM_ASYM_ECDSA_P256;
    l->responder.mutual = (struct session_mutual){
        .ask = keys ? SPDM_MUT_AUTH : form & FORM_DIGESTS ? SPDM_MUT_AUTH_DIGESTS : SPDM_MUT_AUTH_ENCAP,
        .required = true, .trust = &nobody};
    l->responder.spdm.connection.chain = device_room;
    l->responder.spdm.connection.chain_cap = sizeof device_room;
}

static void configure(struct loopback *l, uint8_t version, uint8_t form)
{
    l->requester_config.version_min = l->requester_config.version_max = version;
    l->responder_config.version_min = l->responder_config.version_max = version;
    if (form & FORM_PSK) {
        l->requester_config.flags |= SPDM_CAP_PSK;
        l->responder_config.flags |= form & FORM_PSK_CONTEXT ? SPDM_CAP_PSK_CONTEXT : SPDM_CAP_PSK;
        l->responder.psks = &psk;
        l->responder.psk_count = 1;
    }
    if (form & FORM_CLEAR) {
        l->requester_config.flags |= SPDM_CAP_HANDSHAKE_CLEAR;
        l->responder_config.flags |= SPDM_CAP_HANDSHAKE_CLEAR;
    }
    memset(own, 0, sizeof own);
    if (form & FORM_MUTUAL)
        configure_mutual(l, form);
    if (form & FORM_PUBLIC_KEYS)
        configure_public_keys(l);
    if (form & FORM_LARGE) {
        l->requester.large = (struct spdm_large){.data = large[0], .cap = sizeof large[0]};
        l->responder.spdm.connection.large = (struct spdm_large){.data = large[1], .cap = sizeof large[1]};
    }
}

/* --- on the way ----------------------------------------------------------------------------------------------------- */

/* part over the message, behind an offset of two bytes; or instead of it. */
static size_t change(uint8_t choice, uint8_t *message, size_t len, size_t cap, const uint8_t *part, size_t part_len)
{
    if (choice == TO_REPLACE) {
        len = part_len < cap ? part_len : cap;
        memcpy(message, part, len);
        return len;
    }
    size_t at = part_len < 2 ? 0 : part[0] | (size_t)part[1] << 8;
    for (size_t i = 2; i < part_len && at + i - 2 < len; i++)
        message[at + i - 2] = (uint8_t)(message[at + i - 2] + part[i]);
    return len;
}

/* With a copy of what sealed it: when that has changed since, the record stays as it is. */
static void change_record(const struct secured_direction *sealed_by, uint32_t id, uint8_t choice, uint8_t *object,
                          size_t *len, const uint8_t *part, size_t part_len)
{
    uint8_t record[SPDM_BUFFER_SIZE];
    struct secured_direction d = *sealed_by;
    struct ide_fault fault;
    const uint8_t *message;
    size_t message_len, sealed;
    size_t room = SPDM_TRANSFER_SIZE;
    memcpy(record, object + DOE_HEADER_SIZE, *len - DOE_HEADER_SIZE);
    d.sequence--;
    if (secured_open(&d, id, record, *len - DOE_HEADER_SIZE, &message, &message_len, &fault) != IDE_OK)
        return;
    uint8_t *out = object + DOE_HEADER_SIZE + SECURED_HEADROOM;
    memmove(out, message, message_len);
    message_len = change(choice, out, message_len, room, part, part_len);
    d = *sealed_by;
    d.sequence--;
    require(secured_seal(&d, id, object + DOE_HEADER_SIZE, SPDM_BUFFER_SIZE - DOE_HEADER_SIZE, message_len, &sealed) ==
            IDE_OK);
    *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_SECURED_CMA, sealed);
}

static void change_object(const struct session *s, bool response, uint8_t choice, uint8_t *object, size_t *len,
                          const uint8_t *part, size_t part_len)
{
    if (*len < DOE_HEADER_SIZE)
        return;
    if (object[2] == DOE_TYPE_SECURED_CMA) {
        const struct secured_direction *d = response ? &s->response : &s->request;
        if (s->state != SESSION_NONE && d->sequence > 0)
            change_record(d, s->id, choice, object, len, part, part_len);
        return;
    }
    size_t n = change(choice, object + DOE_HEADER_SIZE, *len - DOE_HEADER_SIZE, SPDM_TRANSFER_SIZE, part, part_len);
    *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_CMA, n);
}

static void meet(struct loopback *l, const struct session *s, bool response, uint8_t *object, size_t *len)
{
    const uint8_t *part;
    uint8_t choice;
    size_t n;
    uint8_t before[SPDM_BUFFER_SIZE];
    size_t before_len = *len;
    memcpy(before, object, *len);
    if (!fuzz_next(&input, &input_len, &choice, &part, &n))
        choice = TO_PASS;
    switch (choice % TO_COUNT) {
    case TO_ALTER:
    case TO_REPLACE:
        change_object(s, response, choice % TO_COUNT, object, len, part, n);
        break;
    case TO_LOSE:
        *len = 0;
        break;
    case TO_REPEAT:
        memcpy(object, last[response], last_len[response]);
        *len = last_len[response];
        break;
    case TO_SEND_RAW:
        memcpy(object, part, n);
        *len = n;
        break;
    case TO_WAIT:
        l->now_ms += choice * 100u;
        session_responder_tick(&l->responder);
        break;
    }
    memcpy(last[response], before, before_len);
    last_len[response] = before_len;
}

static void on_request(struct loopback *l, uint8_t *object, size_t *len)
{
    require(l->exchanges < 3000);   /* nobody asks for ever */
    meet(l, &l->session, false, object, len);
}

static void on_response(struct loopback *l, uint8_t *object, size_t *len)
{
    meet(l, &l->device_sessions[0], true, object, len);
    require(l->responder.encap.session == NULL || l->responder.encap.session->state != SESSION_NONE);
}

/* --- the conversation ----------------------------------------------------------------------------------------------- */

static void ask_for_services(struct spdm_connection *c, const struct spdm_channel *channel)
{
    static const uint8_t bytes[3000] = {1, 2, 3};
    const struct spdm_get_csr get_csr = {.info_len = 100, .info = bytes, .opaque_len = 300, .opaque = bytes};
    const struct spdm_set_certificate set_certificate = {.chain_len = sizeof bytes, .chain = bytes};
    const struct spdm_set_key_pair_info set_key_pair = {.id = 1, .usage = 2};
    const struct spdm_event_groups subscription = {.header = {.param1 = 1}, .len = 20, .list = bytes};
    const struct spdm_send_event events = {.count = 1, .len = 16, .events = bytes};
    struct spdm_csr csr;
    struct spdm_key_pair_info pair;
    struct spdm_event_groups groups;
    const uint8_t *info;
    size_t len;
    (void)!spdm_get_csr(c, channel, &get_csr, &csr);
    (void)!spdm_set_certificate(c, channel, &set_certificate);
    (void)!spdm_get_key_pair_info(c, channel, 1, &pair);
    (void)!spdm_set_key_pair_info(c, channel, &set_key_pair);
    (void)!spdm_get_endpoint_info(c, channel, SPDM_ENDPOINT_DEVICE_CLASS, &info, &len);
    (void)!spdm_get_supported_event_types(c, channel, &groups);
    (void)!spdm_subscribe_event_types(c, channel, &subscription);
    (void)!spdm_send_event(c, channel, &events);
}

static void use_session(struct loopback *l)
{
    static const struct session_vendor pci = {.registry = 3, .vendor_len = 2, .vendor_id = {1, 0}};
    static const uint8_t payload[2000] = {9};
    const struct spdm_measurement_request all = {.index = SPDM_MEASUREMENT_ALL, .with_signature = true};
    static uint8_t record[8192];
    struct session *s = &l->session;
    struct spdm_measurement_result result;
    struct spdm_channel channel = session_channel(s);
    const uint8_t *response;
    size_t len;
    (void)!session_heartbeat(s);
    (void)!session_key_update(s, KEY_UPDATE_ALL);
    (void)!session_vendor_exchange(s, &pci, payload, sizeof payload, &response, &len);
    enum ide_err err = session_get_measurements(s, &all, record, sizeof record, &result);
    require(err == IDE_OK || (result.record_len == 0 && !result.verified));
    (void)!session_get_mel(s, record, sizeof record, &len);
    if (s->state == SESSION_ESTABLISHED)
        ask_for_services(&l->requester, &channel);
    (void)!session_key_update(s, KEY_UPDATE_REQUESTER);
    (void)!session_end(s);
    require(s->state == SESSION_NONE && s->keys.stage == KEY_STAGE_NONE);
}

static enum ide_err open_session(struct loopback *l, uint8_t form)
{
    struct spdm_connection *c = &l->requester;
    enum ide_err err;
    if (form & FORM_PSK) {
        err = spdm_negotiate(c);
        return err == IDE_OK ? session_open_psk(&l->session, c, &l->transport, &psk) : err;
    }
    if (form & FORM_PUBLIC_KEYS) {
        err = spdm_negotiate(c);
        if (err == IDE_OK)
            err = spdm_use_public_key(c, public_key, sizeof public_key);
    } else {
        err = loopback_connect(l);
    }
    return err == IDE_OK ? session_open(&l->session, c, &l->transport) : err;
}

static void check_device(const struct loopback *l)
{
    for (size_t i = 0; i < LOOPBACK_SESSIONS; i++) {
        const struct session *s = &l->device_sessions[i];
        require(s->state != SESSION_FINISHED && s->state != SESSION_ENDING);
        require(s->state != SESSION_NONE || (s->id == 0 && s->keys.stage == KEY_STAGE_NONE));
        require(s->state == SESSION_NONE || l->responder.spdm.connection.state == SPDM_NEGOTIATED);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct loopback *l = fuzz_pair(prepare);
    memset(&owner, 0, sizeof owner);
    input = data + 2;
    input_len = size - 2;
    last_len[0] = last_len[1] = 0;
    configure(l, (uint8_t)(SPDM_VERSION_10 + data[0] % 5), data[1]);
    l->on_request = on_request;
    l->on_response = on_response;
    enum ide_err err = open_session(l, data[1]);
    require((err == IDE_OK) == (l->session.state == SESSION_ESTABLISHED));
    require(err == IDE_OK || l->session.keys.stage == KEY_STAGE_NONE);
    check_device(l);
    if (err == IDE_OK)
        use_session(l);
    else if (l->requester.state == SPDM_NEGOTIATED)
        ask_for_services(&l->requester, &l->requester.clear);
    check_device(l);
    session_responder_reset(&l->responder);
    return 0;
}
