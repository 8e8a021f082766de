/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_MEASUREMENTS and MEASUREMENTS (DSP0274 1.2 §10.11). */
#include "spdm/internal.h"
#include "spdm/signature.h"

#define REQUEST_NAME    "GET_MEASUREMENTS"
#define RESPONSE_NAME   "MEASUREMENTS"
#define SIGNING_CONTEXT "responder-measurements signing"
#define RECORD_LEN_SIZE 3u
#define CONTENT_CHANGED_RESERVED 3u

static bool is_signed(const struct spdm_get_measurements *m)
{
    return m->header.param1 & SPDM_MEASUREMENTS_SIGNED;
}

static void request_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_get_measurements *m = message;
    *m = (struct spdm_get_measurements){.header = m->header};
    if (is_signed(m))
        read_copy(r, m->nonce, sizeof m->nonce, "Nonce");
    if (is_signed(m) && p->version >= SPDM_VERSION_11)
        m->slot = read_u8(r, "SlotIDParam") & SPDM_SLOT_MASK;
    if (p->version >= SPDM_VERSION_13)
        read_copy(r, m->context, sizeof m->context, "RequesterContext");
}

static void request_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_get_measurements *m = message;
    if (is_signed(m))
        write_bytes(w, m->nonce, sizeof m->nonce);
    if (is_signed(m) && p->version >= SPDM_VERSION_11)
        write_u8(w, m->slot);
    if (p->version >= SPDM_VERSION_13)
        write_bytes(w, m->context, sizeof m->context);
}

static void response_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_measurements *m = message;
    m->count = read_u8(r, "NumberOfBlocks");
    m->record_len = read_u24(r, "MeasurementRecordLength");
    m->record = read_bytes(r, m->record_len, "MeasurementRecordData");
    m->nonce = read_bytes(r, SPDM_NONCE_SIZE, "Nonce");
    m->opaque_len = read_u16(r, "OpaqueDataLength");
    if (m->opaque_len > SPDM_OPAQUE_MAX)
        read_fail_value(r, IDE_E_FIELD, "OpaqueDataLength", m->opaque_len, SPDM_OPAQUE_MAX);
    m->opaque = read_bytes(r, m->opaque_len, "OpaqueData");
    m->context = p->version >= SPDM_VERSION_13 ? read_bytes(r, SPDM_CONTEXT_SIZE, "RequesterContext") : NULL;
    m->signed_len = r->pos;
    m->signature = NULL;
    if (!m->has_signature)
        return;
    if (!p->asym)
        read_fail(r, IDE_E_STATE, "BaseAsymSel");
    m->signature = read_bytes(r, p->asym ? p->asym->signature_size : 0, "Signature");
}

/* What stands behind the record, up to the signature. */
static void tail_encode(struct writer *w, const struct spdm_params *p, const struct spdm_measurements *m)
{
    write_bytes(w, m->nonce, SPDM_NONCE_SIZE);
    write_u16(w, m->opaque_len);
    write_bytes(w, m->opaque, m->opaque_len);
    if (p->version >= SPDM_VERSION_13)
        write_bytes(w, m->context, SPDM_CONTEXT_SIZE);
}

static void response_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_measurements *m = message;
    write_u8(w, m->count);
    write_u24(w, m->record_len);
    write_bytes(w, m->record, m->record_len);
    tail_encode(w, p, m);
    if (m->signature)
        write_bytes(w, m->signature, p->asym->signature_size);
}

const struct spdm_message spdm_msg_get_measurements = {SPDM_GET_MEASUREMENTS, SPDM_VERSION_10, REQUEST_NAME,
                                                       request_decode, request_encode};
const struct spdm_message spdm_msg_measurements = {SPDM_MEASUREMENTS, SPDM_VERSION_10, RESPONSE_NAME,
                                                   response_decode, response_encode};

static struct spdm_signing signing(const struct spdm_params *p)
{
    return (struct spdm_signing){.params = p, .asym = p->asym, .context = SIGNING_CONTEXT};
}

/* The hash of L1/L2 that is signed; L1/L2 is then null. */
static enum ide_err finish_transcript(struct hash *l1l2, uint8_t *transcript)
{
    enum ide_err err = hash_snapshot(l1l2, transcript);
    spdm_l1l2_forget(l1l2);
    return err;
}

/* --- the requester -------------------------------------------------------------------------------------------- */

static enum ide_err check_state(struct spdm_connection *c, const struct spdm_measurement_request *request)
{
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_MEAS_MASK, REQUEST_NAME, "MEAS_CAP");
    if (err == IDE_OK && request->with_signature)
        err = spdm_peer_can(c, SPDM_CAP_MEAS_SIG, REQUEST_NAME, "MEAS_CAP");
    if (err != IDE_OK)
        return err;
    if (c->params.measurement_spec != SPDM_MEASUREMENT_SPEC_DMTF)
        return ide_fail(&c->fault, IDE_E_STATE, REQUEST_NAME, "MeasurementSpecificationSel");
    if (request->with_signature && !c->peer_verified)
        return ide_fail(&c->fault, IDE_E_STATE, REQUEST_NAME, "CertChain");
    if (request->raw && c->params.version < SPDM_VERSION_12)
        return ide_fail(&c->fault, IDE_E_UNSUPPORTED, REQUEST_NAME, "RawBitStreamRequested");
    return IDE_OK;
}

/* How many blocks there are for what was asked, and how long they may be together. */
static enum ide_err check_counts(struct spdm_connection *c, uint8_t asked, const struct spdm_measurements *m)
{
    if (asked == SPDM_MEASUREMENT_COUNT) {
        if (m->count != 0)
            return ide_fail_value(&c->fault, IDE_E_FIELD, RESPONSE_NAME, "NumberOfBlocks", m->count, 0);
        if (m->record_len != 0)
            return ide_fail_value(&c->fault, IDE_E_FIELD, RESPONSE_NAME, "MeasurementRecordLength", m->record_len, 0);
        if (m->header.param1 == 0 || m->header.param1 > SPDM_MEASUREMENT_INDEX_MAX)
            return ide_fail_value(&c->fault, IDE_E_FIELD, RESPONSE_NAME, "TotalNumberOfMeasurement",
                                  m->header.param1, SPDM_MEASUREMENT_INDEX_MAX);
        return IDE_OK;
    }
    uint8_t most = asked == SPDM_MEASUREMENT_ALL ? SPDM_MEASUREMENT_INDEX_MAX : 1;
    if (m->count == 0 || m->count > most)
        return ide_fail_value(&c->fault, IDE_E_FIELD, RESPONSE_NAME, "NumberOfBlocks", m->count, most);
    return IDE_OK;
}

/* Each block, its index, and that they are as many as the message says. */
static enum ide_err check_record(struct spdm_connection *c, uint8_t asked, const struct spdm_measurements *m)
{
    struct reader record = reader_of(m->record, m->record_len);
    struct spdm_measurement_block block;
    bool seen[SPDM_MEASUREMENT_INDEX_MAX + 1] = {false};
    unsigned count = 0;
    while (spdm_measurement_next(&record, &c->params, &block)) {
        count++;
        if (asked != SPDM_MEASUREMENT_ALL && asked != SPDM_MEASUREMENT_COUNT)
            read_expect(&record, block.index, asked, "Index");
        if (seen[block.index])
            read_fail_value(&record, IDE_E_FIELD, "Index", block.index, 0);
        seen[block.index] = true;
    }
    if (record.err == IDE_OK)
        read_expect(&record, m->count, count, "NumberOfBlocks");
    enum ide_err err = read_done(&record, &c->fault, RESPONSE_NAME);
    if (err != IDE_OK)
        c->fault.measurement = block.index;
    return err;
}

/* What is said of the slot and of changes, and what the response must repeat. */
static enum ide_err check_head(struct spdm_connection *c, const struct spdm_get_measurements *request,
                               const struct spdm_measurements *m)
{
    const struct spdm_params *p = &c->params;
    uint8_t slot = m->header.param2 & SPDM_SLOT_MASK;
    uint8_t changed = SPDM_MEASUREMENTS_CHANGED(m->header.param2);
    if (is_signed(request) && p->version >= SPDM_VERSION_11 && slot != request->slot)
        return ide_fail_value(&c->fault, IDE_E_FIELD, RESPONSE_NAME, "SlotID", slot, request->slot);
    if (p->version >= SPDM_VERSION_12 &&
        (is_signed(request) ? changed == CONTENT_CHANGED_RESERVED : changed != SPDM_CONTENT_UNKNOWN))
        return ide_fail_value(&c->fault, IDE_E_FIELD, RESPONSE_NAME, "ContentChanged", changed, 0);
    if (p->version >= SPDM_VERSION_12 && p->opaque_format == 0 && m->opaque_len != 0)
        return ide_fail_value(&c->fault, IDE_E_FIELD, RESPONSE_NAME, "OpaqueDataLength", m->opaque_len, 0);
    if (m->context && !equal_secret(m->context, request->context, SPDM_CONTEXT_SIZE))
        return ide_fail(&c->fault, IDE_E_FIELD, RESPONSE_NAME, "RequesterContext");
    return IDE_OK;
}

static enum ide_err verify(struct spdm_connection *c, struct hash *l1l2, const struct spdm_measurements *m)
{
    const struct spdm_signing s = signing(&c->params);
    uint8_t transcript[HASH_SIZE_MAX];
    enum ide_err err = finish_transcript(l1l2, transcript);
    if (err == IDE_OK)
        err = spdm_verify_transcript(&s, transcript, &c->peer.key, m->signature);
    return err == IDE_OK ? IDE_OK : ide_fail(&c->fault, err, RESPONSE_NAME, "Signature");
}

static enum ide_err check_response(struct spdm_connection *c, struct hash *l1l2,
                                   const struct spdm_get_measurements *request, const struct spdm_measurements *m)
{
    enum ide_err err = check_counts(c, request->header.param2, m);
    if (err == IDE_OK)
        err = check_record(c, request->header.param2, m);
    if (err == IDE_OK)
        err = check_head(c, request, m);
    return err == IDE_OK && is_signed(request) ? verify(c, l1l2, m) : err;
}

static enum ide_err publish(struct spdm_connection *c, const struct spdm_get_measurements *request,
                            const struct spdm_measurements *m, struct writer *record,
                            struct spdm_measurement_result *result)
{
    if (m->record_len > record->cap - record->pos)
        return ide_fail_value(&c->fault, IDE_E_SPACE, RESPONSE_NAME, "MeasurementRecordLength", m->record_len,
                              record->cap - record->pos);
    write_bytes(record, m->record, m->record_len);
    *result = (struct spdm_measurement_result){
        .total = request->header.param2 == SPDM_MEASUREMENT_COUNT ? m->header.param1 : 0,
        .count = m->count,
        .record_len = m->record_len,
        .content_changed = c->params.version >= SPDM_VERSION_12 ? SPDM_MEASUREMENTS_CHANGED(m->header.param2) : 0,
        .verified = is_signed(request),
    };
    return write_done(record);
}

static enum ide_err ask(struct spdm_connection *c, const struct spdm_channel *channel, struct hash *l1l2,
                        struct spdm_get_measurements *request, struct writer *record,
                        struct spdm_measurement_result *result)
{
    struct spdm_measurements response = {.has_signature = is_signed(request)};
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_get_measurements,
        .in = request,
        .response = &spdm_msg_measurements,
        .out = &response,
        .transcript = {.hash = l1l2, .signed_part_only = true},
        .signed_len = &response.signed_len,
    };
    enum ide_err err = c->rng.random(c->rng.context, request->nonce, sizeof request->nonce);
    if (err == IDE_OK)
        err = c->rng.random(c->rng.context, request->context, sizeof request->context);
    if (err == IDE_OK)
        err = spdm_l1l2_start(c, l1l2);
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, REQUEST_NAME, "Nonce");
    err = spdm_transact(c, channel, &exchange, NULL, NULL);
    if (err == IDE_OK)
        err = check_response(c, l1l2, request, &response);
    if (err != IDE_OK)
        spdm_l1l2_forget(l1l2);
    return err == IDE_OK ? publish(c, request, &response, record, result) : err;
}

static enum ide_err measure(struct spdm_connection *c, const struct spdm_channel *channel,
                            const struct spdm_measurement_request *request, struct writer *record,
                            struct spdm_measurement_result *result)
{
    struct spdm_get_measurements message = {
        .header = {.param1 = (request->with_signature ? SPDM_MEASUREMENTS_SIGNED : 0) |
                             (request->raw ? SPDM_MEASUREMENTS_RAW : 0),
                   .param2 = request->index},
        .slot = c->chain_slot & SPDM_SLOT_MASK, /* 0xf: the provisioned public key */
    };
    enum ide_err err = check_state(c, request);
    return err == IDE_OK ? ask(c, channel, spdm_l1l2_of(c, channel), &message, record, result) : err;
}

enum ide_err spdm_get_measurements(struct spdm_connection *c, const struct spdm_channel *channel,
                                   const struct spdm_measurement_request *request, uint8_t *record, size_t cap,
                                   struct spdm_measurement_result *result)
{
    struct writer w = writer_of(record, cap);
    *result = (struct spdm_measurement_result){0};
    return measure(c, channel, request, &w, result);
}

enum ide_err spdm_get_measurements_of(struct spdm_connection *c, const struct spdm_channel *channel,
                                      const uint8_t *indices, size_t index_count,
                                      const struct spdm_measurement_request *how, uint8_t *record, size_t cap,
                                      struct spdm_measurement_result *result)
{
    struct writer w = writer_of(record, cap);
    struct spdm_measurement_result one = {0};
    enum ide_err err = IDE_OK;
    *result = one;
    if (index_count == 0 || index_count > SPDM_MEASUREMENT_INDEX_MAX)
        return ide_fail(&c->fault, IDE_E_ARGUMENT, REQUEST_NAME, "Index");
    for (size_t i = 0; err == IDE_OK && i < index_count; i++) {
        struct spdm_measurement_request request = *how;
        request.index = indices[i];
        request.with_signature = how->with_signature && i == index_count - 1;
        err = indices[i] == SPDM_MEASUREMENT_COUNT || indices[i] == SPDM_MEASUREMENT_ALL
                  ? ide_fail_value(&c->fault, IDE_E_ARGUMENT, REQUEST_NAME, "Index", indices[i], 1)
                  : measure(c, channel, &request, &w, &one);
    }
    if (err != IDE_OK) {
        wipe(record, w.pos);
        return err;
    }
    one.count = (uint8_t)index_count;
    one.record_len = w.pos;
    *result = one;
    return IDE_OK;
}

/* --- the responder -------------------------------------------------------------------------------------------- */

/* What a request asks for, checked. */
struct wish {
    struct spdm_get_measurements in;
    const struct spdm_slot *slot;               /* with a signature */
    const struct device_measurement *list;      /* what goes to the record */
    size_t count;
    uint8_t total;
    bool raw;
};

static enum ide_err read_wish(struct spdm_responder *r, struct spdm_request *request, struct wish *wish)
{
    struct spdm_connection *c = &r->connection;
    struct spdm_get_measurements *in = &wish->in;
    enum ide_err err = spdm_request_decode(r, &spdm_msg_get_measurements, request, in);
    if (err != IDE_OK)
        return err;
    if (c->params.measurement_spec != SPDM_MEASUREMENT_SPEC_DMTF || !request->l1l2)
        return ide_fail(&c->fault, IDE_E_STATE, REQUEST_NAME, "MeasurementSpecificationSel");
    wish->raw = c->params.version >= SPDM_VERSION_12 && in->header.param1 & SPDM_MEASUREMENTS_RAW;
    if (!is_signed(in))
        return IDE_OK;
    if (!(c->params.flags_responder & SPDM_CAP_MEAS_SIG))
        return ide_fail_value(&c->fault, IDE_E_FIELD, REQUEST_NAME, "SignatureRequested", 1, 0);
    uint8_t slot = in->slot == SPDM_SLOT_MASK ? SPDM_SLOT_PROVISIONED : in->slot;
    wish->slot = spdm_responder_slot(r, slot, REQUEST_NAME);
    return wish->slot ? IDE_OK : IDE_E_NO_CERT;
}

static enum ide_err choose(struct spdm_responder *r, struct wish *wish)
{
    const struct device_measurements *d = r->measurements;
    uint8_t index = wish->in.header.param2;
    size_t all = d ? d->count : 0;
    if (all > SPDM_MEASUREMENT_INDEX_MAX)
        return ide_fail(&r->connection.fault, IDE_E_INTERNAL, REQUEST_NAME, "NumberOfBlocks");
    switch (index) {
    case SPDM_MEASUREMENT_COUNT:
        wish->total = (uint8_t)all;
        return IDE_OK;
    case SPDM_MEASUREMENT_ALL:
        wish->list = d ? d->list : NULL;
        wish->count = all;
        return IDE_OK;
    default:
        wish->list = device_measurement_find(d, index);
        wish->count = 1;
        if (!wish->list)
            return ide_fail_value(&r->connection.fault, IDE_E_FIELD, REQUEST_NAME, "MeasurementOperation", index, 0);
        return IDE_OK;
    }
}

/* The record goes straight to the response; its length is filled in behind it. */
static enum ide_err write_record(const struct spdm_params *p, const struct wish *wish, struct writer *w)
{
    enum ide_err err = IDE_OK;
    write_u8(w, (uint8_t)wish->count);
    uint8_t *length = write_space(w, RECORD_LEN_SIZE);
    size_t begin = w->pos;
    for (size_t i = 0; err == IDE_OK && i < wish->count; i++)
        err = device_measurement_write(p, &wish->list[i], wish->raw, w);
    if (err == IDE_OK)
        err = write_done(w);
    if (err != IDE_OK)
        return err;
    struct writer fill = writer_of(length, RECORD_LEN_SIZE);
    write_u24(&fill, (uint32_t)(w->pos - begin));
    return write_done(&fill);
}

/* The response up to its signature. */
static enum ide_err write_response(struct spdm_connection *c, const struct wish *wish, struct writer *w)
{
    static const struct spdm_message head = {SPDM_MEASUREMENTS, SPDM_VERSION_10, RESPONSE_NAME, NULL, NULL};
    uint8_t nonce[SPDM_NONCE_SIZE];
    enum ide_err err = c->rng.random(c->rng.context, nonce, sizeof nonce);
    if (err != IDE_OK)
        return err;
    struct spdm_measurements out = {
        .header = {.param1 = wish->total, .param2 = wish->slot ? wish->in.slot : 0},
        .nonce = nonce,
        .context = wish->in.context,
    };
    spdm_write(&head, &c->params, &out, w);
    err = write_record(&c->params, wish, w);
    tail_encode(w, &c->params, &out);
    return err == IDE_OK ? write_done(w) : err;
}

static enum ide_err sign(struct spdm_connection *c, const struct spdm_slot *slot, struct hash *l1l2, struct writer *w)
{
    const struct spdm_signing s = signing(&c->params);
    uint8_t transcript[HASH_SIZE_MAX];
    enum ide_err err = slot->key && s.asym ? finish_transcript(l1l2, transcript) : IDE_E_INTERNAL;
    uint8_t *signature = err == IDE_OK ? write_space(w, s.asym->signature_size) : NULL;
    if (err == IDE_OK)
        err = write_done(w);
    if (err == IDE_OK)
        err = spdm_sign_transcript(&s, transcript, slot->key, &c->rng, signature);
    return err;
}

enum ide_err spdm_handle_get_measurements(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_connection *c = &r->connection;
    struct wish wish = {0};
    enum ide_err err = read_wish(r, request, &wish);
    if (err == IDE_OK)
        err = choose(r, &wish);
    if (err == IDE_OK)
        err = write_response(c, &wish, w);
    if (err == IDE_OK)
        err = spdm_l1l2_start(c, request->l1l2);
    if (err == IDE_OK)
        err = spdm_responder_note(request->l1l2, request, w);
    if (err == IDE_OK && wish.slot)
        err = sign(c, wish.slot, request->l1l2, w);
    return err;
}
