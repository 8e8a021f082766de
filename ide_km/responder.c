/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ide_km/responder.h"

#include "ide_km/internal.h"

#define STEP "IDE_KM"

/* What a handler of one object is given. */
struct question {
    struct ide_km_responder *km;
    uint32_t session_id;
    struct reader payload;
    struct writer *answer;
    struct ide_fault *fault;
};

static enum ide_err refuse(const struct question *q, const char *step, const char *field)
{
    return ide_fail(q->fault, IDE_E_FIELD, step, field);
}

enum ide_err ide_km_check_holder(const uint32_t holder[static IDE_KM_PORTS], uint8_t port_index, uint32_t session_id,
                                 const char *step, struct ide_fault *fault)
{
    bool held = holder[port_index] != 0 && holder[port_index] != session_id;
    return held ? ide_fail(fault, IDE_E_UNEXPECTED, step, "session") : IDE_OK;
}

void ide_km_let_go(uint32_t holder[static IDE_KM_PORTS], uint32_t session_id)
{
    for (size_t i = 0; i < IDE_KM_PORTS; i++)
        if (holder[i] == session_id)
            holder[i] = 0;
}

static enum ide_err check_holder(const struct question *q, uint8_t port_index, const char *step)
{
    return ide_km_check_holder(q->km->holder, port_index, q->session_id, step, q->fault);
}

/* The answer is complete if all of it fitted. */
static enum ide_err done(const struct question *q, const char *step)
{
    enum ide_err err = write_done(q->answer);
    return err == IDE_OK ? IDE_OK : ide_fail(q->fault, err, step, NULL);
}

static enum ide_err answer_query(struct question *q)
{
    uint8_t port_index;
    ide_km_read_query(&q->payload, &port_index);
    enum ide_err err = read_done(&q->payload, q->fault, "QUERY");
    if (err == IDE_OK)
        err = check_holder(q, port_index, "QUERY");
    if (err != IDE_OK)
        return err;
    struct ide_km_query_resp resp = {0};
    if (!q->km->ops->query(q->km->context, port_index, &resp))
        return refuse(q, "QUERY", "PortIndex");
    resp.port_index = port_index;
    ide_km_write_query_resp(q->answer, &resp);
    return done(q, "QUERY_RESP");
}

/* KP_ACK says what is wrong with a key, as far as its head can be read; only then is it an ERROR. */
static enum ide_err answer_key_prog(struct question *q)
{
    struct ide_km_head head;
    struct ide_key key = {0};
    ide_km_read_head(&q->payload, IDE_KM_KEY_PROG, &head);
    enum ide_err err = read_done(&q->payload, q->fault, "KEY_PROG");
    if (err == IDE_OK)
        err = check_holder(q, head.target.port_index, "KEY_PROG");
    if (err != IDE_OK)
        return err;
    ide_km_read_key(&q->payload, &key);
    if (q->payload.err != IDE_OK)
        head.status = KP_ACK_INCORRECT_LENGTH;
    else if (!ide_km_read_selector(head.selector, &head.target))
        head.status = KP_ACK_UNSUPPORTED_VALUE;
    else
        head.status = (uint8_t)q->km->ops->key_prog(q->km->context, q->session_id, &head.target, &key);
    wipe(&key, sizeof(key));
    if (head.status == KP_ACK_SUCCESS)
        q->km->holder[head.target.port_index] = q->session_id;
    ide_km_write_head(q->answer, IDE_KM_KP_ACK, &head);
    return done(q, "KP_ACK");
}

/* K_GOSTOP_ACK has no status: what is refused is answered with an ERROR, InvalidRequest. */
static enum ide_err answer_go_or_stop(struct question *q, enum ide_km_object object, const char *step)
{
    struct ide_km_head head;
    ide_km_read_head(&q->payload, object, &head);
    read_end(&q->payload);
    enum ide_err err = read_done(&q->payload, q->fault, step);
    if (err != IDE_OK)
        return err;
    if (!ide_km_read_selector(head.selector, &head.target))
        return refuse(q, step, "Key_Sub_Stream");
    err = check_holder(q, head.target.port_index, step);
    if (err != IDE_OK)
        return err;
    bool (*act)(void *, uint32_t, const struct ide_km_target *) =
        object == IDE_KM_K_SET_GO ? q->km->ops->set_go : q->km->ops->set_stop;
    if (!act(q->km->context, q->session_id, &head.target))
        return refuse(q, step, "stream");
    head.status = 0;
    ide_km_write_head(q->answer, IDE_KM_K_GOSTOP_ACK, &head);
    return done(q, "K_GOSTOP_ACK");
}

enum ide_err ide_km_begin(struct spdm_responder *r, const struct spdm_request *request, struct reader payload,
                          const char *step, struct ide_km_opening *opening)
{
    const struct session *s = request->session;
    if (!s || s->state != SESSION_ESTABLISHED)
        return ide_fail(&r->connection.fault, IDE_E_SESSION, step, NULL);
    opening->session_id = s->id;
    opening->object = ide_km_peek(&payload);
    enum ide_err err = read_done(&payload, &r->connection.fault, step);
    if (err == IDE_E_UNSUPPORTED) /* another protocol of the vendor's, such as TDISP or TSP */
        r->error_data = SPDM_VENDOR_DEFINED_REQUEST;
    return err;
}

static enum ide_err handle(void *context, struct spdm_responder *r, const struct spdm_request *request,
                           const uint8_t *payload, size_t len, struct writer *w)
{
    struct ide_km_opening opening;
    enum ide_err err = ide_km_begin(r, request, reader_of(payload, len), STEP, &opening);
    if (err != IDE_OK)
        return err;
    struct question q = {
        .km = context,
        .session_id = opening.session_id,
        .payload = reader_of(payload, len),
        .answer = w,
        .fault = &r->connection.fault,
    };
    switch (opening.object) {
    case IDE_KM_QUERY:
        return answer_query(&q);
    case IDE_KM_KEY_PROG:
        return answer_key_prog(&q);
    case IDE_KM_K_SET_GO:
        return answer_go_or_stop(&q, IDE_KM_K_SET_GO, "K_SET_GO");
    case IDE_KM_K_SET_STOP:
        return answer_go_or_stop(&q, IDE_KM_K_SET_STOP, "K_SET_STOP");
    default:
        return refuse(&q, STEP, "ObjectID");
    }
}

static void on_session_end(void *context, struct session *s)
{
    struct ide_km_responder *k = context;
    if (s->state == SESSION_HANDSHAKE)   /* which has keyed nothing */
        return;
    k->ops->session_end(k->context, s->id);
    ide_km_let_go(k->holder, s->id);
}

void ide_km_responder_attach(struct ide_km_responder *k, struct session_responder *r)
{
    k->vendor = (struct spdm_vendor){
        .standard_id = 3,
        .vendor_id_len = 2,
        .vendor_id = {0x01, 0x00},
        .in_session = true,
        .handle = handle,
        .context = k,
    };
    spdm_responder_add_vendor(&r->spdm, &k->vendor);
    r->on_session_end = on_session_end;
    r->context = k;
}
