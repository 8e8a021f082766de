/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/responder.h"

#include <string.h>

#include "spdm/chain.h"
#include "spdm/internal.h"

#define ANY_STATE   0xffu
#define IN(state)   (1u << (state))
#define PADDING_MAX 3u
#define NOT_READY_MULTIPLE 2u /* RDTM: what a requester may wait for at most, in RDTs */
#define AFTER_CAPABILITIES (IN(SPDM_AFTER_CAPABILITIES) | IN(SPDM_NEGOTIATED))

/* code, first version, name, needs, states, in session, outside, noted, handler */
static const struct spdm_handler rows[] = {
    {SPDM_GET_VERSION, SPDM_VERSION_10, "GET_VERSION", 0, ANY_STATE, false, true, SPDM_NOTED_VCA,
     spdm_handle_get_version},
    {SPDM_GET_CAPABILITIES, SPDM_VERSION_10, "GET_CAPABILITIES", 0, IN(SPDM_AFTER_VERSION), false, true,
     SPDM_NOTED_VCA, spdm_handle_get_capabilities},
    {SPDM_NEGOTIATE_ALGORITHMS, SPDM_VERSION_10, "NEGOTIATE_ALGORITHMS", 0, IN(SPDM_AFTER_CAPABILITIES),
     false, true, SPDM_NOTED_VCA, spdm_handle_negotiate_algorithms},
    {SPDM_GET_DIGESTS, SPDM_VERSION_10, "GET_DIGESTS", SPDM_CAP_CERT, IN(SPDM_NEGOTIATED), true, true,
     SPDM_NOTED_M1M2, spdm_handle_get_digests},
    {SPDM_GET_CERTIFICATE, SPDM_VERSION_10, "GET_CERTIFICATE", SPDM_CAP_CERT, IN(SPDM_NEGOTIATED), true, true,
     SPDM_NOTED_M1M2, spdm_handle_get_certificate},
    {SPDM_CHALLENGE, SPDM_VERSION_10, "CHALLENGE", SPDM_CAP_CHAL, IN(SPDM_NEGOTIATED), false, true,
     SPDM_NOTED_NOWHERE, spdm_handle_challenge},
    {SPDM_GET_MEASUREMENTS, SPDM_VERSION_10, "GET_MEASUREMENTS", SPDM_CAP_MEAS_MASK, IN(SPDM_NEGOTIATED),
     true, true, SPDM_NOTED_NOWHERE, spdm_handle_get_measurements},
    {SPDM_GET_MEASUREMENT_EXTENSION_LOG, SPDM_VERSION_13, "GET_MEASUREMENT_EXTENSION_LOG", SPDM_CAP_MEL,
     IN(SPDM_NEGOTIATED), true, true, SPDM_NOTED_NOWHERE, spdm_handle_get_mel},
    {SPDM_GET_CSR, SPDM_VERSION_12, "GET_CSR", SPDM_CAP_CSR, IN(SPDM_NEGOTIATED), true, true, SPDM_NOTED_NOWHERE,
     spdm_handle_get_csr},
    {SPDM_SET_CERTIFICATE, SPDM_VERSION_12, "SET_CERTIFICATE", SPDM_CAP_SET_CERT, IN(SPDM_NEGOTIATED), true, true,
     SPDM_NOTED_NOWHERE, spdm_handle_set_certificate},
    {SPDM_GET_KEY_PAIR_INFO, SPDM_VERSION_13, "GET_KEY_PAIR_INFO", SPDM_CAP_GET_KEY_PAIR, IN(SPDM_NEGOTIATED), true,
     true, SPDM_NOTED_NOWHERE, spdm_handle_get_key_pair_info},
    {SPDM_SET_KEY_PAIR_INFO, SPDM_VERSION_13, "SET_KEY_PAIR_INFO", SPDM_CAP_SET_KEY_PAIR, IN(SPDM_NEGOTIATED), true,
     true, SPDM_NOTED_NOWHERE, spdm_handle_set_key_pair_info},
    {SPDM_GET_ENDPOINT_INFO, SPDM_VERSION_13, "GET_ENDPOINT_INFO", SPDM_CAP_EP_INFO_MASK, IN(SPDM_NEGOTIATED), true,
     true, SPDM_NOTED_NOWHERE, spdm_handle_get_endpoint_info},
    {SPDM_GET_SUPPORTED_EVENT_TYPES, SPDM_VERSION_13, "GET_SUPPORTED_EVENT_TYPES", SPDM_CAP_EVENT,
     IN(SPDM_NEGOTIATED), true, false, SPDM_NOTED_NOWHERE, spdm_handle_get_supported_event_types},
    {SPDM_SUBSCRIBE_EVENT_TYPES, SPDM_VERSION_13, "SUBSCRIBE_EVENT_TYPES", SPDM_CAP_EVENT, IN(SPDM_NEGOTIATED), true,
     false, SPDM_NOTED_NOWHERE, spdm_handle_subscribe_event_types},
    /* the events are the requester's here, and so is the capability */
    {SPDM_SEND_EVENT, SPDM_VERSION_13, "SEND_EVENT", 0, IN(SPDM_NEGOTIATED), true, false, SPDM_NOTED_NOWHERE,
     spdm_handle_send_event},
    {SPDM_RESPOND_IF_READY, SPDM_VERSION_10, "RESPOND_IF_READY", 0, IN(SPDM_NEGOTIATED), true, true,
     SPDM_NOTED_NOWHERE, spdm_handle_respond_if_ready},
    {SPDM_CHUNK_SEND, SPDM_VERSION_12, "CHUNK_SEND", SPDM_CAP_CHUNK, AFTER_CAPABILITIES, true, true,
     SPDM_NOTED_NOWHERE, spdm_handle_chunk_send},
    {SPDM_CHUNK_GET, SPDM_VERSION_12, "CHUNK_GET", SPDM_CAP_CHUNK, AFTER_CAPABILITIES, true, true,
     SPDM_NOTED_NOWHERE, spdm_handle_chunk_get},
    {SPDM_VENDOR_DEFINED_REQUEST, SPDM_VERSION_10, "VENDOR_DEFINED_REQUEST", 0, IN(SPDM_NEGOTIATED), true,
     true, SPDM_NOTED_NOWHERE, spdm_handle_vendor_defined},
};

const struct spdm_handler_table spdm_handlers = {rows, sizeof rows / sizeof rows[0]};

void spdm_responder_init(struct spdm_responder *r, const struct spdm_config *config, const struct rng *rng,
                         const struct clock *clock, const struct spdm_handler_table *tables,
                         size_t table_count)
{
    memset(r, 0, sizeof *r);
    spdm_connection_init(&r->connection, SPDM_RESPONDER, config, rng, clock);
    r->tables = tables;
    r->table_count = table_count;
}

void spdm_responder_add_vendor(struct spdm_responder *r, struct spdm_vendor *v)
{
    v->next = r->vendors;
    r->vendors = v;
}

void spdm_responder_session_ended(struct spdm_responder *r, const void *session)
{
    if (r->connection.large.session == session)
        spdm_large_forget(&r->connection.large);
    if (r->pending.session == session)
        spdm_pending_forget(r);
}

void spdm_responder_forget(struct spdm_responder *r)
{
    spdm_connection_reset(&r->connection);
    spdm_pending_forget(r);
    r->last_vca = r->last_vca_request = 0;
    if (r->on_reset)
        r->on_reset(r);
}

enum ide_err spdm_request_decode(struct spdm_responder *r, const struct spdm_message *m,
                                 struct spdm_request *request, void *message)
{
    struct ide_fault *fault = &r->connection.fault;
    enum ide_err err =
        spdm_decode(m, &r->connection.params, request->data, request->len, message, &request->consumed, fault);
    /* only what comes outside sessions is padded */
    if (err == IDE_OK && request->session && request->consumed != request->len)
        return ide_fail_value(fault, IDE_E_LONG, m->name, "length", request->len, request->consumed);
    return err;
}

enum ide_err spdm_reply(const struct spdm_message *m, const struct spdm_params *p, const void *message,
                        struct writer *w)
{
    spdm_write(m, p, message, w);
    return write_done(w);
}

const struct spdm_slot *spdm_slot_of(const struct spdm_slot *slots, uint8_t slot)
{
    unsigned place = slot == SPDM_SLOT_PROVISIONED ? SPDM_PLACE_PROVISIONED : slot;
    if (slot >= SPDM_SLOTS && slot != SPDM_SLOT_PROVISIONED)
        return NULL;
    return slots[place].chain ? &slots[place] : NULL;
}

const struct spdm_slot *spdm_responder_slot(struct spdm_responder *r, uint8_t slot, const char *step)
{
    const struct spdm_slot *s = spdm_slot_of(r->slots, slot);
    if (s && s->chain_len <= SPDM_CHAIN_MAX)
        return s;
    ide_fail_value(&r->connection.fault, IDE_E_NO_CERT, step, "SlotID", slot, 0);
    return NULL;
}

enum ide_err spdm_responder_note(struct hash *hash, const struct spdm_request *request,
                                 const struct writer *w)
{
    enum ide_err err = write_done(w);
    if (err == IDE_OK)
        err = hash_update(hash, request->data, request->consumed);
    if (err == IDE_OK)
        err = hash_update(hash, w->data, w->pos);
    return err;
}

static const struct spdm_handler *find(const struct spdm_responder *r, uint8_t code)
{
    for (size_t t = 0; t < r->table_count; t++) {
        for (size_t i = 0; i < r->tables[t].count; i++) {
            if (r->tables[t].rows[i].code == code)
                return &r->tables[t].rows[i];
        }
    }
    return NULL;
}

/* Fails with an ERROR code that no ide_err stands for, or with error data. */
static enum ide_err refuse_with(struct spdm_responder *r, enum ide_err err, uint8_t code, uint8_t data,
                                const char *step, const char *field)
{
    r->error_code = code;
    r->error_data = data;
    return ide_fail(&r->connection.fault, err, step, field);
}

/* GET_VERSION is always 1.0; GET_CAPABILITIES chooses the version, so its handler looks at it. */
static bool version_fits(const struct spdm_responder *r, uint8_t code, uint8_t version)
{
    if (code == SPDM_GET_VERSION)
        return version == SPDM_VERSION_10;
    return r->connection.params.version == 0 || r->connection.params.version == version;
}

/*
 * A request that only a negotiated connection has, from a requester which believes that there is one: this side has lost
 * it. The requester reads the ERROR by the version that it believes to be agreed on.
 */
static enum ide_err resynch(struct spdm_responder *r, const struct spdm_handler *row, uint8_t version)
{
    const struct spdm_config *config = r->connection.config;
    if (version >= config->version_min && version <= config->version_max)
        r->error_version = version;
    return refuse_with(r, IDE_E_STATE, SPDM_ERROR_REQUEST_RESYNCH, 0, row->name, NULL);
}

/* What was announced, or will be. */
static bool has_capability(const struct spdm_connection *c, uint32_t needs)
{
    uint32_t announced = c->state >= SPDM_AFTER_CAPABILITIES ? c->params.flags_responder : UINT32_MAX;
    return needs == 0 || (c->config->flags & needs && announced & needs);
}

/* The version that a request is one of: before one is agreed on 1.0, or what the requester believes. */
static uint8_t version_of(const struct spdm_connection *c, const struct spdm_request *q)
{
    if (c->params.version != 0)
        return c->params.version;
    return c->state == SPDM_NOT_STARTED ? q->data[0] : SPDM_VERSION_10;
}

/* Whether the row lets the request in (DSP0274 1.2 §10.11, table of error codes). */
static enum ide_err check_row(struct spdm_responder *r, const struct spdm_handler *row, const struct spdm_request *q)
{
    const struct spdm_connection *c = &r->connection;
    bool in_session = q->session != NULL;
    uint8_t version = version_of(c, q);
    if (version < row->first_version || !has_capability(c, row->needs))
        return refuse_with(r, IDE_E_CAPABILITY, SPDM_ERROR_UNSUPPORTED_REQUEST, row->code, row->name, NULL);
    if (c->state == SPDM_NOT_STARTED && row->states == IN(SPDM_NEGOTIATED))
        return resynch(r, row, version);
    if (!(row->states & IN(c->state)))
        return refuse_with(r, IDE_E_STATE, SPDM_ERROR_UNEXPECTED_REQUEST, 0, row->name, NULL);
    if (in_session && !row->in_session)
        return refuse_with(r, IDE_E_STATE, SPDM_ERROR_UNEXPECTED_REQUEST, 0, row->name, "session");
    if (!in_session && !row->out_session)
        return refuse_with(r, IDE_E_SESSION, SPDM_ERROR_SESSION_REQUIRED, 0, row->name, "session");
    return IDE_OK;
}

/* The row that version and code lead to, or NULL with the fault set. */
static const struct spdm_handler *read_row(struct spdm_responder *r, const struct spdm_request *request)
{
    struct ide_fault *fault = &r->connection.fault;
    struct reader in = reader_of(request->data, request->len);
    uint8_t version = read_u8(&in, "SPDMVersion");
    uint8_t code = read_u8(&in, "RequestResponseCode");
    read_bytes(&in, 2, "Param1");
    if (read_done(&in, fault, "request") != IDE_OK)
        return NULL;
    if (!version_fits(r, code, version)) {
        ide_fail_value(fault, IDE_E_VERSION, "request", "SPDMVersion", version, r->connection.params.version);
        return NULL;
    }
    const struct spdm_handler *row = find(r, code);
    if (!row)
        refuse_with(r, IDE_E_UNSUPPORTED, SPDM_ERROR_UNSUPPORTED_REQUEST, code, "request",
                    "RequestResponseCode");
    return row;
}

/*
 * A requester that missed a response sends GET_CAPABILITIES or NEGOTIATE_ALGORITHMS again, byte for byte, and gets the
 * same answer (DSP0274 1.2 §10.4, §10.5). GET_VERSION starts anew instead.
 */
static bool repeated(const struct spdm_responder *r, const struct spdm_handler *row,
                     const struct spdm_request *q, struct writer *w)
{
    const uint8_t *last = r->connection.vca + r->last_vca;
    size_t n = r->last_vca_request;
    if (row->noted != SPDM_NOTED_VCA || row->code == SPDM_GET_VERSION || q->session || n == 0)
        return false;
    if (q->len < n || q->len - n > PADDING_MAX || memcmp(q->data, last, n) != 0)
        return false;
    write_bytes(w, last + n, r->connection.vca_len - r->last_vca - n);
    return true;
}

static enum ide_err note_vca(struct spdm_responder *r, const struct spdm_request *q, const struct writer *w)
{
    struct spdm_connection *c = &r->connection;
    struct writer vca = writer_of(c->vca, sizeof c->vca);
    vca.pos = c->vca_len;
    write_bytes(&vca, q->data, q->consumed);
    write_bytes(&vca, w->data, w->pos);
    enum ide_err err = write_done(&vca);
    if (err != IDE_OK)
        return err;
    r->last_vca = c->vca_len;
    r->last_vca_request = (uint16_t)q->consumed;
    c->vca_len = (uint16_t)vca.pos;
    return c->state == SPDM_NEGOTIATED ? spdm_m1m2_restart(c) : IDE_OK;
}

/* The one place where the responder's side of the transcripts grows. */
static enum ide_err note(struct spdm_responder *r, const struct spdm_handler *row,
                         const struct spdm_request *q, const struct writer *w)
{
    if (row->noted == SPDM_NOTED_VCA)
        return note_vca(r, q, w);
    enum ide_err err = spdm_m1m2_request(&r->connection, row->code, q->session != NULL);
    if (err == IDE_OK && row->noted == SPDM_NOTED_M1M2 && !q->session)
        err = spdm_responder_note(&r->connection.m1m2, q, w);
    return err;
}

/* Whether the owner wants a request served now. */
static enum ide_err ask_ready(struct spdm_responder *r, const struct spdm_handler *row, const struct spdm_request *q)
{
    if (!r->ready || row->states != IN(SPDM_NEGOTIATED) || row->code == SPDM_RESPOND_IF_READY)
        return IDE_OK;
    enum ide_err err = r->ready(r->ready_context, q, row->code, r->pending.token);
    return err == IDE_OK ? IDE_OK : ide_fail(&r->connection.fault, err, row->name, NULL);
}

static enum ide_err serve(struct spdm_responder *r, const struct spdm_handler *row, struct spdm_request *q,
                          struct writer *w)
{
    enum ide_err err = ask_ready(r, row, q);
    if (err == IDE_OK)
        err = row->handle(r, q, w);
    if (err == IDE_OK)
        err = write_done(w);
    if (w->overflow && w->wanted <= UINT32_MAX)
        r->too_large = (uint32_t)w->wanted;
    if (err == IDE_E_NOT_READY && row->code != SPDM_RESPOND_IF_READY)
        return spdm_put_off(r, row->code, q);
    if (err != IDE_OK)
        return err;
    err = note(r, row, q, w);
    if (err != IDE_OK)
        spdm_responder_forget(r); /* a transcript with a gap proves nothing */
    return err;
}

enum ide_err spdm_serve(struct spdm_responder *r, uint8_t code, struct spdm_request *q, struct writer *w)
{
    const struct spdm_handler *row = find(r, code);
    return row ? serve(r, row, q, w) : IDE_E_INTERNAL;
}

static enum ide_err answer(struct spdm_responder *r, struct spdm_request *q, struct writer *w)
{
    const struct spdm_handler *row = read_row(r, q);
    if (!row)
        return r->connection.fault.err;
    enum ide_err err = spdm_large_admit(r, row->code);
    if (err == IDE_OK && repeated(r, row, q, w)) {
        err = write_done(w);
    } else if (err == IDE_OK) {
        err = check_row(r, row, q);
        if (err == IDE_OK && row->code != SPDM_RESPOND_IF_READY)
            spdm_pending_forget(r); /* the requester has given up on it */
        if (err == IDE_OK)
            err = serve(r, row, q, w);
    }
    if (err != IDE_OK && r->connection.fault.err != err)
        ide_fail(&r->connection.fault, err, row->name, NULL);
    return err;
}

/*
 * Another request, or an ERROR, makes L1/L2 null (DSP0274 1.2, "MEASUREMENTS signature"). Chunks and RESPOND_IF_READY are no
 * requests of their own.
 */
static void follow_l1l2(const struct spdm_request *q, enum ide_err err)
{
    struct reader in = reader_of(q->data, q->len);
    read_u8(&in, "SPDMVersion");
    uint8_t code = read_u8(&in, "RequestResponseCode");
    if (code == SPDM_CHUNK_SEND || code == SPDM_CHUNK_GET || err == IDE_E_NOT_READY)
        return;
    if (code != SPDM_RESPOND_IF_READY)
        spdm_l1l2_request(q->l1l2, code);
    if (err != IDE_OK)
        spdm_l1l2_forget(q->l1l2);
}

enum ide_err spdm_answer(struct spdm_responder *r, struct spdm_request *q, struct writer *w)
{
    enum ide_err err = answer(r, q, w);
    follow_l1l2(q, err);
    return err;
}

/* ExtendedErrorData, where the specification gives the code some (§10.11). */
static void write_extended(const struct spdm_responder *r, uint8_t code, struct writer *w)
{
    if (code == SPDM_ERROR_RESPONSE_NOT_READY) {
        write_u8(w, r->ready_exponent);
        write_u8(w, r->pending.code);
        write_u8(w, r->pending.token);
        write_u8(w, NOT_READY_MULTIPLE);
    } else if (code == SPDM_ERROR_RESPONSE_TOO_LARGE) {
        write_u32(w, r->too_large);
    }
}

/* Before 1.2 there are no such codes. */
static uint8_t code_in(uint8_t version, uint8_t code)
{
    if (version >= SPDM_VERSION_12 || code < SPDM_ERROR_SESSION_REQUIRED || code > SPDM_ERROR_MESSAGE_LOST)
        return code;
    return code == SPDM_ERROR_SESSION_REQUIRED ? SPDM_ERROR_UNEXPECTED_REQUEST : SPDM_ERROR_UNSPECIFIED;
}

/* The one place where an internal error becomes an SPDM ERROR. */
size_t spdm_write_error(const struct spdm_responder *r, enum ide_err err, uint8_t *response, size_t cap)
{
    const struct spdm_params p = {.version = r->error_version ? r->error_version : r->connection.params.version};
    uint8_t extended[8], code = code_in(p.version, r->error_code ? r->error_code : spdm_error_for(err));
    struct writer w = writer_of(extended, sizeof extended);
    write_extended(r, code, &w);
    struct spdm_error error = {
        .header = {.param1 = code, .param2 = r->error_data}, .extended = extended, .extended_len = w.pos};
    if (cap < SPDM_HEADER_SIZE + w.pos)
        error.extended_len = 0;
    size_t len;
    return spdm_encode(&spdm_msg_error, &p, &error, response, cap, &len) == IDE_OK ? len : 0;
}

/* Where the channel that a request came over keeps L1/L2. */
static struct hash *l1l2_of(struct spdm_responder *r, void *session)
{
    if (!session)
        return &r->connection.l1l2;
    return r->session_l1l2 ? r->session_l1l2(session) : NULL;
}

/* Where chunks are agreed on a response is first written where it has room; but a chunk is itself as long as it may be. */
static bool may_grow(const struct spdm_responder *r, const struct spdm_request *q)
{
    const struct spdm_connection *c = &r->connection;
    struct reader in = reader_of(q->data, q->len);
    read_u8(&in, "SPDMVersion");
    uint8_t code = read_u8(&in, "RequestResponseCode");
    return spdm_large_agreed(c) && c->large.stage != SPDM_LARGE_COMING && code != SPDM_GET_VERSION &&
           code != SPDM_CHUNK_SEND && code != SPDM_CHUNK_GET;
}

enum ide_err spdm_respond(struct spdm_responder *r, void *session, const uint8_t *request, size_t request_len,
                          uint8_t *response, size_t cap, size_t *response_len)
{
    struct spdm_request q = {.data = request, .len = request_len, .session = session, .l1l2 = l1l2_of(r, session)};
    size_t limit = spdm_transfer_room(&r->connection, cap);
    struct writer w = writer_of(response, limit);
    r->connection.fault = (struct ide_fault){0};
    r->error_version = r->error_code = r->error_data = 0;
    r->too_large = 0;
    if (may_grow(r, &q))
        return spdm_answer_large(r, &q, 0, response, limit, response_len);
    enum ide_err err = spdm_answer(r, &q, &w);
    *response_len = err == IDE_OK ? w.pos : spdm_write_error(r, err, response, cap);
    return err != IDE_OK ? err : r->connection.fault.err; /* a chunk is acknowledged whatever became of the whole */
}
