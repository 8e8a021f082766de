/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/responder.h"

#include "session/internal.h"
#include "spdm/cursor.h"

#define STEP "session"
#define MS_PER_SECOND 1000u
#define DOE_PADDING_MAX 3u
#define NEGOTIATED (1u << SPDM_NEGOTIATED)

static const struct spdm_handler rows[] = {
    {.code = SPDM_KEY_EXCHANGE, .first_version = SPDM_VERSION_11, .name = "KEY_EXCHANGE", .needs = SPDM_CAP_KEY_EX,
     .states = NEGOTIATED, .out_session = true, .handle = session_handle_key_exchange},
    {.code = SPDM_FINISH, .first_version = SPDM_VERSION_11, .name = "FINISH", .needs = SPDM_CAP_KEY_EX,
     .states = NEGOTIATED, .in_session = true, .out_session = true, .handle = session_handle_finish},
    {.code = SPDM_HEARTBEAT, .first_version = SPDM_VERSION_11, .name = "HEARTBEAT", .needs = SPDM_CAP_HBEAT,
     .states = NEGOTIATED, .in_session = true, .handle = session_handle_heartbeat},
    {.code = SPDM_KEY_UPDATE, .first_version = SPDM_VERSION_11, .name = "KEY_UPDATE", .needs = SPDM_CAP_KEY_UPD,
     .states = NEGOTIATED, .in_session = true, .handle = session_handle_key_update},
    {.code = SPDM_END_SESSION, .first_version = SPDM_VERSION_11, .name = "END_SESSION",
     .needs = SPDM_CAP_KEY_EX | SPDM_CAP_PSK_MASK, .states = NEGOTIATED, .in_session = true,
     .handle = session_handle_end_session},
    {.code = SPDM_GET_ENCAPSULATED_REQUEST, .first_version = SPDM_VERSION_11, .name = "GET_ENCAPSULATED_REQUEST",
     .needs = SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP, .states = NEGOTIATED, .in_session = true, .out_session = true,
     .handle = session_handle_get_encapsulated},
    {.code = SPDM_DELIVER_ENCAPSULATED_RESPONSE, .first_version = SPDM_VERSION_11,
     .name = "DELIVER_ENCAPSULATED_RESPONSE", .needs = SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP, .states = NEGOTIATED,
     .in_session = true, .out_session = true, .handle = session_handle_deliver_encapsulated},
    {.code = SPDM_PSK_EXCHANGE, .first_version = SPDM_VERSION_11, .name = "PSK_EXCHANGE", .needs = SPDM_CAP_PSK_MASK,
     .states = NEGOTIATED, .out_session = true, .handle = session_handle_psk_exchange},
    {.code = SPDM_PSK_FINISH, .first_version = SPDM_VERSION_11, .name = "PSK_FINISH", .needs = SPDM_CAP_PSK_CONTEXT,
     .states = NEGOTIATED, .in_session = true, .handle = session_handle_psk_finish},
};

const struct spdm_handler_table session_handlers = {rows, sizeof(rows) / sizeof(rows[0])};

enum ide_err session_request_decode(struct spdm_responder *r, const struct spdm_message *m,
                                    struct spdm_request *request, void *message)
{
    struct spdm_connection *c = &r->connection;
    enum ide_err err = spdm_decode(m, &c->params, request->data, request->len, message, &request->consumed, &c->fault);
    if (err == IDE_OK && request->session && request->consumed != request->len)
        return ide_fail_value(&c->fault, IDE_E_LONG, m->name, "length", request->len, request->consumed);
    return err;
}

struct session *session_of_request(struct spdm_responder *r, const struct spdm_request *request,
                                   enum session_state state, const char *step)
{
    struct session *s = request->session;
    if (s && s->state == state)
        return s;
    ide_fail(&r->connection.fault, s ? IDE_E_UNEXPECTED : IDE_E_SESSION, step, NULL);
    return NULL;
}

void session_responder_end(struct session_responder *r, struct session *s)
{
    if (s->state != SESSION_NONE && r->on_session_end)
        r->on_session_end(r->context, s);
    if (r->latest == s)
        r->latest = NULL;
    if (r->encap.session == s)
        r->encap.session = NULL;
    spdm_responder_session_ended(&r->spdm, s);
    session_close(s);
}

/* While the handshake lasts nothing but what finishes it is in order (DSP0274 1.2 §10.17, §10.19). */
static bool finishes(const struct session *s, uint8_t code)
{
    return code == (s->psk ? SPDM_PSK_FINISH : SPDM_FINISH) || session_encapsulated_code(s, code);
}

/* Of a request that came whole, in chunks or not. */
static bool admits(const struct spdm_responder *r, const void *session, uint8_t code)
{
    const struct session *s = session;
    (void)r;
    return s->state != SESSION_HANDSHAKE || finishes(s, code);
}

static struct hash *l1l2_of(void *session)
{
    struct session *s = session;
    return &s->l1l2;
}

static void end_all(void *context)
{
    struct session_responder *r = context;
    for (size_t i = 0; i < r->session_count; i++)
        session_responder_end(r, &r->sessions[i]);
}

void session_responder_init(struct session_responder *r, const struct spdm_config *config, const struct rng *rng,
                            const struct clock *clock, struct session *sessions, size_t session_count)
{
    *r = (struct session_responder){.tables = {spdm_handlers, session_handlers}, .sessions = sessions,
                                    .session_count = session_count};
    spdm_responder_init(&r->spdm, config, rng, clock, r->tables, sizeof(r->tables) / sizeof(r->tables[0]));
    r->spdm.layer = r;
    r->hook = (struct spdm_reset_hook){.forget = end_all, .context = r};
    spdm_connection_add_hook(&r->spdm.connection, &r->hook);
    r->spdm.session_l1l2 = l1l2_of;
    r->spdm.session_admits = admits;
    for (size_t i = 0; i < session_count; i++)
        sessions[i] = (struct session){.connection = &r->spdm.connection};
}

void session_responder_tick(struct session_responder *r)
{
    const struct clock *clock = &r->spdm.connection.clock;
    uint64_t now = clock->monotonic_ms(clock->context);
    for (size_t i = 0; i < r->session_count; i++) {
        struct session *s = &r->sessions[i];
        uint64_t limit = (uint64_t)2 * MS_PER_SECOND * s->heartbeat_period;
        if (s->state != SESSION_NONE && limit > 0 && now - s->last_sent_ms > limit)
            session_responder_end(r, s);
    }
}

void session_responder_reset(struct session_responder *r)
{
    spdm_responder_session_ended(&r->spdm, NULL);
    spdm_connection_reset(&r->spdm.connection);
}

/* Does s take records? Not while its handshake is in the clear. */
static bool takes_records(const struct session *s)
{
    if (s->state == SESSION_HANDSHAKE && !s->psk)
        return !session_in_the_clear(&s->connection->params);
    return s->state != SESSION_NONE;
}

static struct session *find_session(struct session_responder *r, uint32_t id)
{
    for (size_t i = 0; i < r->session_count; i++) {
        if (r->sessions[i].id == id && takes_records(&r->sessions[i]))
            return &r->sessions[i];
    }
    return NULL;
}

/* An ERROR for what the responder's gate does not see; returns err with the fault set. */
static enum ide_err refuse(struct session_responder *r, enum ide_err err, uint8_t code, uint8_t *message, size_t cap,
                           size_t *message_len)
{
    struct spdm_connection *c = &r->spdm.connection;
    struct spdm_error error = {.header = {.param1 = code}};
    if (spdm_encode(&spdm_msg_error, &c->params, &error, message, cap, message_len) != IDE_OK)
        *message_len = 0;
    return err;
}

/* A record opened in connection.rx, under the new key of a pending KEY_UPDATE, or under the old one. */
static enum ide_err open_record(struct session_responder *r, struct session *s, const uint8_t *record, size_t len,
                                const uint8_t **request, size_t *request_len)
{
    struct spdm_connection *c = &r->spdm.connection;
    struct writer copy = writer_of(c->rx, sizeof(c->rx));
    write_bytes(&copy, record, len);
    if (write_done(&copy) != IDE_OK)
        return ide_fail(&c->fault, IDE_E_LONG, STEP, "Length");
    enum ide_err err = secured_open(&s->request, s->id, c->rx, len, request, request_len, &c->fault);
    if (err != IDE_E_RECORD || !key_update_pending(s))
        return err;
    /* the requester has given its KEY_UPDATE up and is back on the old key */
    err = key_update_roll_back(s);
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, "KEY_UPDATE", NULL);
    copy = writer_of(c->rx, sizeof(c->rx));
    write_bytes(&copy, record, len);
    return secured_open(&s->request, s->id, c->rx, len, request, request_len, &c->fault);
}

static bool in_order(const struct session_responder *r, const struct session *s, const uint8_t *request, size_t len)
{
    struct reader in = reader_of(request, len);
    read_u8(&in, "SPDMVersion");
    uint8_t code = read_u8(&in, "RequestResponseCode");
    if (code == SPDM_RESPOND_IF_READY && r->spdm.pending.session == s)
        return true;
    const struct spdm_params *p = &r->spdm.connection.params;
    if (p->flags_requester & p->flags_responder & SPDM_CAP_CHUNK && (code == SPDM_CHUNK_SEND || code == SPDM_CHUNK_GET))
        return true;   /* what is in the chunks is looked at when it is whole */
    return admits(&r->spdm, s, code);
}

/* What a handshake survives. */
static bool may_go_on(enum ide_err err)
{
    return err == IDE_OK || err == IDE_E_BUSY || err == IDE_E_NOT_READY;
}

/* The answer to a record, in the clear; tells whether the session is over once it is sealed. */
static enum ide_err answer_record(struct session_responder *r, struct session *s, const uint8_t *record, size_t len,
                                  uint8_t *message, size_t cap, size_t *message_len, bool *over)
{
    struct spdm_connection *c = &r->spdm.connection;
    const uint8_t *request = NULL;
    size_t request_len = 0;
    enum ide_err err = open_record(r, s, record, len, &request, &request_len);
    *over = err != IDE_OK;   /* not authentic (DSP0277 §6) */
    if (err != IDE_OK)
        return refuse(r, err, SPDM_ERROR_DECRYPT_ERROR, message, cap, message_len);
    s->last_sent_ms = c->clock.monotonic_ms(c->clock.context);
    if (!in_order(r, s, request, request_len)) {
        ide_fail(&c->fault, IDE_E_UNEXPECTED, STEP, s->psk ? "PSK_FINISH" : "FINISH");
        return refuse(r, IDE_E_UNEXPECTED, SPDM_ERROR_UNEXPECTED_REQUEST, message, cap, message_len);
    }
    err = spdm_respond(&r->spdm, s, request, request_len, message, cap, message_len);
    *over = s->state == SESSION_ENDING || (s->state == SESSION_HANDSHAKE && !may_go_on(err));
    return err;
}

/* How long a message may be that still fits with its headers, tag and padding. */
static size_t message_room(size_t cap, size_t headers)
{
    size_t around = headers + AEAD_TAG_SIZE + DOE_PADDING_MAX;
    size_t room = cap > around ? cap - around : 0;
    return room < SPDM_TRANSFER_SIZE ? room : SPDM_TRANSFER_SIZE;
}

/* Seals the message that stands in the object; after FINISH_RSP the keys change. */
static enum ide_err seal_answer(struct session *s, uint8_t *object, size_t cap, size_t message_len, size_t *object_len)
{
    struct writer w = writer_of(object, cap);
    write_space(&w, DOE_HEADER_SIZE);
    size_t room = cap - w.pos, sealed_len;
    uint8_t *record = write_space(&w, room);
    enum ide_err err = secured_seal(&s->response, s->id, record, room, message_len, &sealed_len);
    if (err == IDE_OK && s->state == SESSION_FINISHED)
        err = session_establish(s);
    if (err == IDE_OK)
        *object_len = doe_wrap(object, cap, DOE_TYPE_SECURED_CMA, sealed_len);
    return err;
}

static enum ide_err respond_record(struct session_responder *r, const uint8_t *record, size_t len, uint8_t *response,
                                   size_t cap, size_t *response_len)
{
    struct spdm_connection *c = &r->spdm.connection;
    uint32_t id;
    if (secured_session_id(record, len, &id) != IDE_OK)
        return ide_fail(&c->fault, IDE_E_SHORT, STEP, "SessionID");
    struct session *s = find_session(r, id);
    if (!s)   /* whose answer nobody could open: a device says nothing */
        return ide_fail(&c->fault, IDE_E_SESSION, STEP, "SessionID");
    size_t room = message_room(cap, DOE_HEADER_SIZE + SECURED_HEADROOM), message_len = 0;
    struct writer w = writer_of(response, cap);
    write_space(&w, DOE_HEADER_SIZE + SECURED_HEADROOM);
    uint8_t *message = write_space(&w, room);
    if (!message)
        return ide_fail(&c->fault, IDE_E_SPACE, STEP, "response");

    bool over;
    enum ide_err err = answer_record(r, s, record, len, message, room, &message_len, &over);
    wipe(c->rx, len < sizeof(c->rx) ? len : sizeof(c->rx));
    enum ide_err seal_err = seal_answer(s, response, cap, message_len, response_len);
    if (seal_err != IDE_OK)
        wipe(message, message_len);
    if (seal_err != IDE_OK || over)
        session_responder_end(r, s);
    if (err == IDE_OK && seal_err != IDE_OK)
        return ide_fail(&c->fault, seal_err, STEP, "response");
    return err;
}

static enum ide_err respond_clear(struct session_responder *r, const uint8_t *request, size_t len, uint8_t *response,
                                  size_t cap, size_t *response_len)
{
    struct writer w = writer_of(response, cap);
    size_t room = message_room(cap, DOE_HEADER_SIZE), message_len = 0;
    write_space(&w, DOE_HEADER_SIZE);
    uint8_t *message = write_space(&w, room);
    if (!message)
        return ide_fail(&r->spdm.connection.fault, IDE_E_SPACE, "DOE", "response");
    enum ide_err err = spdm_respond(&r->spdm, NULL, request, len, message, room, &message_len);
    if (message_len > 0)
        *response_len = doe_wrap(response, cap, DOE_TYPE_CMA, message_len);
    return err;
}

enum ide_err session_respond_object(struct session_responder *r, const uint8_t *object, size_t len, uint8_t *response,
                                    size_t cap, size_t *response_len)
{
    static const struct doe_protocol protocols[] = {
        {DOE_VENDOR_PCISIG, DOE_TYPE_DISCOVERY},
        {DOE_VENDOR_PCISIG, DOE_TYPE_CMA},
        {DOE_VENDOR_PCISIG, DOE_TYPE_SECURED_CMA},
    };
    struct spdm_connection *c = &r->spdm.connection;
    uint8_t type;
    const uint8_t *payload;
    size_t payload_len;
    *response_len = 0;
    enum ide_err err = doe_unwrap(object, len, &type, &payload, &payload_len, &c->fault);
    if (err != IDE_OK)
        return err;
    switch (type) {
    case DOE_TYPE_DISCOVERY:
        doe_answer_discovery(protocols, sizeof(protocols) / sizeof(protocols[0]), object, len, response, cap,
                             response_len);
        return *response_len > 0 ? IDE_OK : ide_fail(&c->fault, IDE_E_FIELD, "DOE discovery", NULL);
    case DOE_TYPE_CMA:
        return respond_clear(r, payload, payload_len, response, cap, response_len);
    case DOE_TYPE_SECURED_CMA:
        return respond_record(r, payload, payload_len, response, cap, response_len);
    default:
        return ide_fail_value(&c->fault, IDE_E_DOE_TYPE, "DOE", "DataObjectType", type, DOE_TYPE_CMA);
    }
}
