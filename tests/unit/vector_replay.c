/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vector_replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spdm/signature.h"
#include "suite.h"

static const struct psk sample_psk = {"TestPskHint", "TestPskData", 12};

static const struct spdm_message *const descriptors[] = {
    &spdm_msg_get_version, &spdm_msg_version, &spdm_msg_get_capabilities, &spdm_msg_capabilities,
    &spdm_msg_negotiate_algorithms, &spdm_msg_algorithms, &spdm_msg_get_digests, &spdm_msg_digests,
    &spdm_msg_get_certificate, &spdm_msg_certificate, &spdm_msg_challenge, &spdm_msg_challenge_auth, &spdm_msg_error,
    &spdm_msg_vendor_defined_request, &spdm_msg_vendor_defined_response, &spdm_msg_key_exchange,
    &spdm_msg_key_exchange_rsp, &spdm_msg_finish, &spdm_msg_finish_rsp, &spdm_msg_heartbeat, &spdm_msg_heartbeat_ack,
    &spdm_msg_key_update, &spdm_msg_key_update_ack, &spdm_msg_end_session, &spdm_msg_end_session_ack,
    &spdm_msg_get_measurements, &spdm_msg_measurements,
    &spdm_msg_get_encapsulated_request, &spdm_msg_encapsulated_request, &spdm_msg_deliver_encapsulated_response,
    &spdm_msg_encapsulated_response_ack, &spdm_msg_psk_exchange, &spdm_msg_psk_exchange_rsp, &spdm_msg_psk_finish, &spdm_msg_psk_finish_rsp,
};

static const struct spdm_message *descriptor(uint8_t code)
{
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++)
        if (descriptors[i]->code == code)
            return descriptors[i];
    return NULL;
}

/* Says where a replay failed, which CUnit's line number alone does not. */
void check(struct replay *v, bool good, const char *what)
{
    CU_ASSERT_TRUE(good);
    if (!good)
        fprintf(stderr, "%s:%zu: %s\n", v->path, v->line->number, what);
}

void check_ok(struct replay *v, enum ide_err err, const char *what)
{
    check(v, err == IDE_OK, what);
    if (err != IDE_OK)
        fprintf(stderr, "    %s\n", ide_err_text(err));
}

void expect(struct replay *v, const char *name, const void *value, size_t len)
{
    check(v, v->expected_count < EXPECTED_MAX && len <= DHE_SECRET_MAX, "too many values");
    struct expected *e = &v->expected[v->expected_count++];
    snprintf(e->name, sizeof e->name, "%s", name);
    memcpy(e->value, value, len);
    e->len = len;
}

/* --- transcripts and keys ------------------------------------------------------------------------------------- */

static void th_append(struct replay *v, const void *data, size_t n)
{
    check_ok(v, hash_update(&v->s->th, data, n), "TH");
}

void expect_record_key(struct replay *v, const uint8_t *secret, struct secured_direction *d)
{
    struct record_key key;
    check_ok(v, key_schedule_record_key(&v->s->keys, secret, &key), "record key");
    expect(v, "key", key.key, v->params.aead->key_size);
    expect(v, "iv", key.iv, AEAD_IV_SIZE);
    check_ok(v, secured_set_key(d, v->params.aead->id, key.key, key.iv), "set key");
}

/* The signature over the transcript whose digest so far is given, with the leaf key of the slot. */
static void check_signature(struct replay *v, uint8_t slot, const char *context, const uint8_t *transcript,
                            const uint8_t *signature)
{
    const struct spdm_signing how = {.params = &v->params, .asym = v->params.asym, .context = context};
    check_ok(v, spdm_verify_transcript(&how, transcript, &v->chains[slot].identity.key, signature), "signature");
}

static void check_verify_data(struct replay *v, const uint8_t *finished_key, const uint8_t *verify_data)
{
    uint8_t th[HASH_SIZE_MAX], wanted[HASH_SIZE_MAX];
    check_ok(v, hash_snapshot(&v->s->th, th), "TH");
    check_ok(v, key_schedule_verify_data(&v->s->keys, finished_key, th, wanted), "verify data");
    check(v, memcmp(wanted, verify_data, v->params.hash->size) == 0, "the HMAC does not match");
}

/* The responder's verify data: it is derived only now. */
static void take_verify_data(struct replay *v, const uint8_t *verify_data)
{
    check_verify_data(v, v->s->keys.response_finished, verify_data);
    expect(v, "th_curr_hmac", verify_data, v->params.hash->size);
    th_append(v, verify_data, v->params.hash->size);
}

/* --- what each message does to the replay ----------------------------------------------------------------------- */

static void on_version(struct replay *v, const union any_message *m)
{
    (void)m;
    v->params = (struct spdm_params){.version = SPDM_VERSION_10};
}

static void on_get_capabilities(struct replay *v, const union any_message *m)
{
    v->params.flags_requester = m->capabilities.flags;
}

static void on_capabilities(struct replay *v, const union any_message *m)
{
    v->params.flags_responder = m->capabilities.flags;
}

/* From 1.3 on a responder that has several keys says in DIGESTS which. */
static void on_negotiate_algorithms(struct replay *v, const union any_message *m)
{
    v->params.multi_key = v->params.version >= SPDM_VERSION_13 && m->algorithms.other_params & SPDM_MULTI_KEY_CONN;
}

static void on_algorithms(struct replay *v, const union any_message *m)
{
    struct spdm_params *p = &v->params;
    p->hash = hash_by_bit(m->algorithms.base_hash);
    p->asym = asym_by_bit(m->algorithms.base_asym);
    p->req_asym = asym_by_bit(m->algorithms.structure[SPDM_ALGORITHM_REQ_ASYM]);
    p->dhe = dhe_by_bit(m->algorithms.structure[SPDM_ALGORITHM_DHE]);
    p->aead = aead_by_bit(m->algorithms.structure[SPDM_ALGORITHM_AEAD]);
    p->opaque_format = m->algorithms.other_params & SPDM_OPAQUE_FORMAT_1 ? 1 : 0;
    p->measurement_spec = m->algorithms.measurement_spec;
    p->measurement_hash = hash_by_bit(m->algorithms.measurement_hash >> 1);
    p->measurement_hash_size = p->measurement_hash->size;
    check(v, p->hash && p->asym && p->dhe && p->aead, "an algorithm of the recording is not implemented");
    check_ok(v, hash_init(&v->m1m2, p->hash->id), "M1M2");
    check_ok(v, hash_update(&v->m1m2, v->vca, v->vca_len), "M1M2");
}

/* With several keys DIGESTS tells which of them a slot has, and TH covers it (DSP0274 1.3, "Transcript hash calculation"). */
static void on_digests(struct replay *v, const union any_message *m)
{
    (void)m;
    if (v->line->in_session)
        return;
    memcpy(v->digests, v->line->data, v->line->len);
    v->digests_len = v->line->len;
}

static void take_chain(struct replay *v, struct chain *chain, const struct spdm_certificate *m,
                       const struct asym_info *asym)
{
    check(v, m->remainder_length == 0, "the recordings have each chain in one portion");
    memcpy(chain->bytes, m->portion, m->portion_length);
    chain->len = m->portion_length;
    check_ok(v, hash_once(v->params.hash->id, chain->bytes, chain->len, chain->hash), "chain hash");

    /* slot 1 has another root, which the recording does not give: the first certificate of the chain itself */
    const uint8_t *first = chain->bytes + 4 + v->params.hash->size;
    struct trust_anchor anchor = {.der = first, .len = 4 + (size_t)(first[2] << 8 | first[3])};
    struct trust trust = {.anchors = &anchor, .anchor_count = 1, .name_rule = CMA_NAME_IF_PRESENT,
                          .requester = chain == &v->requester};
    struct ide_fault fault = {0};
    enum ide_err err = identity_verify(chain->bytes, chain->len, v->params.hash->id, asym, NOW, &trust,
                                       &chain->identity, &fault);
    check_ok(v, err, fault.field ? fault.field : "identity");
}

static void on_certificate(struct replay *v, const union any_message *m)
{
    take_chain(v, &v->chains[m->header.param1 & SPDM_SLOT_MASK], &m->certificate, v->params.asym);
}

static void on_challenge(struct replay *v, const union any_message *m)
{
    v->slot = m->header.param1 & SPDM_SLOT_MASK;
    v->summary_len = m->header.param2 == SPDM_SUMMARY_NONE ? 0 : v->params.hash->size;
}

static void on_challenge_auth(struct replay *v, const union any_message *m)
{
    const struct spdm_challenge_auth *a = &m->challenge_auth;
    uint8_t m1m2[HASH_SIZE_MAX];
    check(v, memcmp(a->chain_hash, v->chains[v->slot].hash, v->params.hash->size) == 0, "CertChainHash");
    expect(v, "cert_chain_hash", v->chains[v->slot].hash, v->params.hash->size);
    expect(v, "measurement_summary_hash", a->summary, a->summary_len);
    memcpy(v->summary, a->summary, a->summary_len);
    check_ok(v, hash_update(&v->m1m2, v->line->data, a->signed_len), "M1M2");
    check_ok(v, hash_final(&v->m1m2, m1m2), "M1M2");
    expect(v, "m1m2", m1m2, v->params.hash->size);
    check_signature(v, v->slot, "responder-challenge_auth signing", m1m2, a->signature);
    check_ok(v, hash_init(&v->m1m2, v->params.hash->id), "M1M2");
}

/* A new session, whose TH begins. */
static void follow(struct replay *v, uint16_t half_id, const struct psk *psk)
{
    size_t free = 0;
    while (free + 1 < FOLLOWED && v->sessions[free].open)
        free++;
    v->s = &v->sessions[free];
    *v->s = (struct followed){.open = true, .half_id = half_id, .psk = psk};
    check_ok(v, hash_init(&v->s->th, v->params.hash->id), "TH");
    th_append(v, v->vca, v->vca_len);
}

static void on_key_exchange(struct replay *v, const union any_message *m)
{
    v->slot = m->header.param2;
    v->summary_len = m->header.param1 == SPDM_SUMMARY_NONE ? 0 : v->params.hash->size;
    follow(v, m->key_exchange.req_session_id, NULL);
    if (v->params.multi_key)
        th_append(v, v->digests, v->digests_len);
    th_append(v, v->chains[v->slot].hash, v->params.hash->size);
    th_append(v, v->line->data, v->line->len);
}

/* The DHE secret cannot be derived from the recording: it is the next line of that name. */
static const struct vector_line *find_dhe(const struct replay *v)
{
    const struct vector_line *line = v->line;
    while (strcmp(line->name, "dhe") != 0)
        line++;
    return line;
}

static void on_key_exchange_rsp(struct replay *v, const union any_message *m)
{
    const struct spdm_key_exchange_rsp *k = &m->key_exchange_rsp;
    const uint8_t hash_size = v->params.hash->size;
    uint8_t th[HASH_SIZE_MAX];

    v->s->id = (uint32_t)v->s->half_id | (uint32_t)k->rsp_session_id << 16;
    expect(v, "measurement_summary_hash", k->summary, k->summary_len);
    memcpy(v->summary, k->summary, k->summary_len);
    th_append(v, v->line->data, k->signed_len);
    check_ok(v, hash_snapshot(&v->s->th, th), "TH");
    expect(v, "th_curr", th, hash_size);
    check_signature(v, v->slot, "responder-key_exchange_rsp signing", th, k->signature);
    th_append(v, k->signature, v->params.asym->signature_size);
    check_ok(v, hash_snapshot(&v->s->th, th), "TH1");
    expect(v, "th1", th, hash_size);

    const struct vector_line *dhe = find_dhe(v);
    expect(v, "dhe", dhe->data, dhe->len);
    check_ok(v, key_schedule_handshake(&v->s->keys, &v->params, dhe->data, dhe->len, th), "handshake keys");
    expect(v, "handshake_secret", v->s->keys.handshake_secret, hash_size);
    expect(v, "request_handshake_secret", v->s->keys.request_secret, hash_size);
    expect(v, "response_handshake_secret", v->s->keys.response_secret, hash_size);
    expect(v, "finished_key", v->s->keys.request_finished, hash_size);
    expect(v, "finished_key", v->s->keys.response_finished, hash_size);
    expect_record_key(v, v->s->keys.request_secret, &v->s->request);
    expect_record_key(v, v->s->keys.response_secret, &v->s->response);
    if (k->verify_data)
        take_verify_data(v, k->verify_data);
}

/* The requester's verify data, behind len bytes of FINISH or PSK_FINISH. */
static void take_announced(struct replay *v, const uint8_t *verify_data)
{
    check_verify_data(v, v->s->keys.request_finished, verify_data);
    check(v, memcmp(v->announced, verify_data, v->params.hash->size) == 0, "th_curr_hmac of FINISH");
    v->secrets++;
    th_append(v, verify_data, v->params.hash->size);
}

/* TH goes on with the requester's chain, and its signature is over TH with FINISH up to it. */
static void check_requester(struct replay *v, const struct spdm_finish *m)
{
    const struct spdm_signing how = {
        .params = &v->params, .asym = v->params.req_asym, .context = "requester-finish signing"};
    uint8_t th[HASH_SIZE_MAX];
    th_append(v, v->requester.hash, v->params.hash->size);
    th_append(v, v->line->data, m->signed_len);
    check_ok(v, hash_snapshot(&v->s->th, th), "TH");
    check_ok(v, spdm_verify_transcript(&how, th, &v->requester.identity.key, m->signature), "signature");
    th_append(v, m->signature, v->params.req_asym->signature_size);
    check(v, memcmp(v->finish_th, th, v->params.hash->size) == 0, "th_curr of FINISH");
    v->secrets++;
}

static void on_finish(struct replay *v, const union any_message *m)
{
    if (m->finish.signature)
        check_requester(v, &m->finish);
    else
        th_append(v, v->line->data, m->finish.verified_len);
    take_announced(v, m->finish.verify_data);
}

/* TH is complete: the data stage. */
static void establish(struct replay *v)
{
    const uint8_t hash_size = v->params.hash->size;
    uint8_t th2[HASH_SIZE_MAX];
    check_ok(v, hash_final(&v->s->th, th2), "TH2");
    expect(v, "th2", th2, hash_size);
    check_ok(v, key_schedule_data(&v->s->keys, th2), "data keys");
    if (!v->s->psk) {   /* with a PSK these are derived elsewhere, and not recorded */
        expect(v, "request_data_secret", v->s->keys.request_secret, hash_size);
        expect(v, "response_data_secret", v->s->keys.response_secret, hash_size);
        expect(v, "export_master_secret", v->s->keys.export_secret, hash_size);
    }
    expect_record_key(v, v->s->keys.request_secret, &v->s->request);
    expect_record_key(v, v->s->keys.response_secret, &v->s->response);
}

static void on_finish_rsp(struct replay *v, const union any_message *m)
{
    th_append(v, v->line->data, m->finish_rsp.signed_len);
    if (m->finish_rsp.verify_data)
        take_verify_data(v, m->finish_rsp.verify_data);
    establish(v);
}

static bool has_hint(const struct psk *psk, const struct spdm_psk_exchange *m)
{
    return psk->hint && strlen(psk->hint) + 1 == m->hint_len && memcmp(psk->hint, m->hint, m->hint_len) == 0;
}

/* CXL TSP's request Set Target Configuration ends in four keys for secondary sessions; the recordings use the first. */
static void on_vendor_defined_request(struct replay *v, const union any_message *m)
{
    const struct spdm_vendor_defined *d = &m->vendor_defined;
    const uint8_t cxl[] = {0x98, 0x1e}, set_configuration[] = {0x01, 0x10, 0x83};
    if (d->vendor_id_len != sizeof cxl || memcmp(d->vendor_id, cxl, sizeof cxl) != 0 ||
        d->payload_len < 4 * SECONDARY_PSK_SIZE || memcmp(d->payload, set_configuration, sizeof set_configuration) != 0)
        return;
    v->secondary_psk = (struct psk){.hint = "SECONDARY_SESSION_0_PSK", .len = SECONDARY_PSK_SIZE};
    memcpy(v->secondary_psk.secret, d->payload + d->payload_len - (size_t)4 * SECONDARY_PSK_SIZE, SECONDARY_PSK_SIZE);
}

static void on_psk_exchange(struct replay *v, const union any_message *m)
{
    const struct psk *psk = has_hint(&v->secondary_psk, &m->psk_exchange) ? &v->secondary_psk : &sample_psk;
    check(v, has_hint(psk, &m->psk_exchange), "an unknown PSK");
    v->summary_len = m->header.param1 == SPDM_SUMMARY_NONE ? 0 : v->params.hash->size;
    follow(v, m->psk_exchange.req_session_id, psk);
    th_append(v, v->line->data, v->line->len);
}

static void on_psk_exchange_rsp(struct replay *v, const union any_message *m)
{
    const struct spdm_psk_exchange_rsp *k = &m->psk_exchange_rsp;
    const struct psk *psk = v->s->psk;
    const uint8_t hash_size = v->params.hash->size;
    uint8_t th1[HASH_SIZE_MAX];
    v->s->id = (uint32_t)v->s->half_id | (uint32_t)k->rsp_session_id << 16;
    expect(v, "measurement_summary_hash", k->summary, k->summary_len);
    th_append(v, v->line->data, k->signed_len);
    check_ok(v, hash_snapshot(&v->s->th, th1), "TH1");
    expect(v, "th1", th1, hash_size);
    check_ok(v, key_schedule_psk(&v->s->keys, &v->params, psk->secret, psk->len, th1), "handshake keys");
    expect(v, "finished_key", v->s->keys.request_finished, hash_size);
    expect(v, "finished_key", v->s->keys.response_finished, hash_size);
    expect_record_key(v, v->s->keys.request_secret, &v->s->request);
    expect_record_key(v, v->s->keys.response_secret, &v->s->response);
    take_verify_data(v, k->verify_data);
}

static void on_psk_finish(struct replay *v, const union any_message *m)
{
    th_append(v, v->line->data, m->psk_finish.verified_len);
    take_announced(v, m->psk_finish.verify_data);
}

static void on_psk_finish_rsp(struct replay *v, const union any_message *m)
{
    (void)m;
    th_append(v, v->line->data, v->line->len);
    establish(v);
}

static void on_get_measurements(struct replay *v, const union any_message *m)
{
    v->with_signature = m->header.param1 & SPDM_MEASUREMENTS_SIGNED;
    v->measured_slot = m->get_measurements.slot;
    check_ok(v, hash_init(&v->l1l2, v->params.hash->id), "L1L2");
    if (v->params.version >= SPDM_VERSION_12)
        check_ok(v, hash_update(&v->l1l2, v->vca, v->vca_len), "L1L2");
    check_ok(v, hash_update(&v->l1l2, v->line->data, v->line->len), "L1L2");
}

/* Each request of the recordings asks for all measurements, and so does each summary: it must be the blocks' hash. */
static void check_blocks(struct replay *v, const struct spdm_measurements *m)
{
    struct reader record = reader_of(m->record, m->record_len);
    struct spdm_measurement_block block;
    uint8_t summary[HASH_SIZE_MAX];
    unsigned count = 0;
    struct hash h;
    check_ok(v, hash_init(&h, v->params.hash->id), "summary");
    for (; spdm_measurement_next(&record, &v->params, &block); count++)
        check_ok(v, hash_update(&h, block.bytes, block.bytes_len), "summary");
    check_ok(v, record.err, record.field ? record.field : "record");
    check(v, count == m->count, "NumberOfBlocks");
    check_ok(v, hash_final(&h, summary), "summary");
    check(v, memcmp(summary, v->summary, v->params.hash->size) == 0, "MeasurementSummaryHash");
}

static void on_measurements(struct replay *v, const union any_message *m)
{
    uint8_t l1l2[HASH_SIZE_MAX];
    check(v, v->with_signature && m->header.param1 == 0, "a signed record");
    check_blocks(v, &m->measurements);
    check_ok(v, hash_update(&v->l1l2, v->line->data, m->measurements.signed_len), "L1L2");
    check_ok(v, hash_final(&v->l1l2, l1l2), "L1L2");
    expect(v, "l1l2", l1l2, v->params.hash->size);
    check_signature(v, v->measured_slot, "responder-measurements signing", l1l2, m->measurements.signature);
}

static void on_end_session_ack(struct replay *v, const union any_message *m)
{
    (void)m;
    secured_clear(&v->s->request);
    secured_clear(&v->s->response);
    key_schedule_clear(&v->s->keys);
    v->s->open = false;
}

/* Decodes and encodes; gives the length that was taken. */
size_t go_round(struct replay *v, const uint8_t *data, size_t data_len, union any_message *m)
{
    const struct spdm_message *d = descriptor(data[1]);
    uint8_t again[MESSAGE_MAX];
    size_t consumed = 0, len = 0;
    struct ide_fault fault = {0};
    check(v, d, "no descriptor for this message");
    if (!d)
        return 0;
    check_ok(v, spdm_decode(d, &v->params, data, data_len, m, &consumed, &fault), fault.field ? fault.field : "decode");
    check_ok(v, spdm_encode(d, &v->params, m, again, sizeof again, &len), "encode");
    check(v, len == consumed && memcmp(again, data, len) == 0, "encodes to other bytes");
    v->messages++;
    return consumed;
}

/* A message within a message, which is in no transcript. */
static void on_encapsulated(struct replay *v, const union any_message *m)
{
    const struct spdm_encapsulated *e = &m->encapsulated;
    union any_message inner = {0};
    if (!e->message)   /* an ACK that ends them */
        return;
    check(v, go_round(v, e->message, e->message_len, &inner) == e->message_len, "the length of the message within");
    if (inner.header.code == SPDM_CERTIFICATE)
        take_chain(v, &v->requester, &inner.certificate, v->params.req_asym);
}

void act(struct replay *v, const union any_message *m)
{
    static const struct {
        uint8_t code;
        void (*on)(struct replay *v, const union any_message *m);
    } actions[] = {
        {SPDM_VERSION, on_version},
        {SPDM_GET_CAPABILITIES, on_get_capabilities},
        {SPDM_CAPABILITIES, on_capabilities},
        {SPDM_NEGOTIATE_ALGORITHMS, on_negotiate_algorithms},
        {SPDM_ALGORITHMS, on_algorithms},
        {SPDM_DIGESTS, on_digests},
        {SPDM_CERTIFICATE, on_certificate},
        {SPDM_CHALLENGE, on_challenge},
        {SPDM_CHALLENGE_AUTH, on_challenge_auth},
        {SPDM_KEY_EXCHANGE, on_key_exchange},
        {SPDM_KEY_EXCHANGE_RSP, on_key_exchange_rsp},
        {SPDM_FINISH, on_finish},
        {SPDM_FINISH_RSP, on_finish_rsp},
        {SPDM_VENDOR_DEFINED_REQUEST, on_vendor_defined_request},
        {SPDM_ENCAPSULATED_REQUEST, on_encapsulated},
        {SPDM_DELIVER_ENCAPSULATED_RESPONSE, on_encapsulated},
        {SPDM_ENCAPSULATED_RESPONSE_ACK, on_encapsulated},
        {SPDM_PSK_EXCHANGE, on_psk_exchange},
        {SPDM_PSK_EXCHANGE_RSP, on_psk_exchange_rsp},
        {SPDM_PSK_FINISH, on_psk_finish},
        {SPDM_PSK_FINISH_RSP, on_psk_finish_rsp},
        {SPDM_END_SESSION_ACK, on_end_session_ack},
        {SPDM_GET_MEASUREMENTS, on_get_measurements},
        {SPDM_MEASUREMENTS, on_measurements},
    };
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (actions[i].code == m->header.code)
            actions[i].on(v, m);
}

