/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ide_km/cxl_responder.h"

#include "ide_km/cxl_messages.h"
#include "ide_km/internal.h"

#define STEP "CXL_IDE_KM"

/* What a handler of one object is given. */
struct question {
    struct cxl_ide_responder *km;
    uint32_t session_id;
    struct reader payload;
    struct writer *answer;
    struct ide_fault *fault;
};

static enum ide_err refuse(const struct question *q, const char *step, const char *field)
{
    return ide_fail(q->fault, IDE_E_FIELD, step, field);
}

/* A second session's GET_KEY would make the key that the first has got worthless. */
static enum ide_err check_holder(const struct question *q, uint8_t port_index, const char *step)
{
    return ide_km_check_holder(q->km->holder, port_index, q->session_id, step, q->fault);
}

static void hold(const struct question *q, uint8_t port_index)
{
    q->km->holder[port_index] = q->session_id;
}

/* The answer is complete if all of it fitted. */
static enum ide_err done(const struct question *q, const char *step)
{
    enum ide_err err = write_done(q->answer);
    return err == IDE_OK ? IDE_OK : ide_fail(q->fault, err, step, NULL);
}

/* What a head names, if there may be such a thing: a port has one stream. */
static bool take_target(const struct cxl_ide_head *head, struct cxl_ide_target *target, bool *flag)
{
    struct cxl_ide_selector selector;
    bool ok = cxl_ide_read_selector(head->selector, &selector) && head->stream_id == CXL_IDE_STREAM_ID;
    *target = (struct cxl_ide_target){head->port_index, selector.direction};
    *flag = selector.flag;
    return ok;
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
    struct cxl_ide_query_resp resp = {0};
    if (!q->km->ops->query(q->km->context, port_index, &resp))
        return refuse(q, "QUERY", "PortIndex");
    resp.port_index = port_index;
    cxl_ide_write_query_resp(q->answer, &resp);
    return done(q, "QUERY_RESP");
}

static enum ide_err read_head(struct question *q, enum cxl_ide_km_object object, const char *step,
                              struct cxl_ide_head *head)
{
    cxl_ide_read_head(&q->payload, object, head);
    read_end(&q->payload);
    return read_done(&q->payload, q->fault, step);
}

static enum ide_err answer_get_key(struct question *q)
{
    struct cxl_ide_head head;
    struct cxl_ide_target target;
    struct cxl_ide_key key = {0};
    bool flag;
    enum ide_err err = read_head(q, CXL_IDE_KM_GET_KEY, "GET_KEY", &head);
    if (err == IDE_OK)
        err = check_holder(q, head.port_index, "GET_KEY");
    if (err != IDE_OK)
        return err;
    if (!take_target(&head, &target, &flag))
        return refuse(q, "GET_KEY", "Key_Sub_Stream");
    if (!q->km->ops->get_key(q->km->context, q->session_id, head.port_index, &key))
        return refuse(q, "GET_KEY", "PortIndex");
    hold(q, head.port_index);
    head.status = 0;
    cxl_ide_write_head(q->answer, CXL_IDE_KM_GET_KEY_ACK, &head);
    cxl_ide_write_key(q->answer, &key);
    wipe(&key, sizeof key);
    return done(q, "GET_KEY_ACK");
}

/* KP_ACK says that something is wrong with a key, as far as its head can be read; only then is it an ERROR.
 */
static enum ide_err answer_key_prog(struct question *q)
{
    struct cxl_ide_head head;
    struct cxl_ide_target target;
    struct cxl_ide_key key = {0};
    bool default_iv;
    cxl_ide_read_head(&q->payload, CXL_IDE_KM_KEY_PROG, &head);
    enum ide_err err = read_done(&q->payload, q->fault, "KEY_PROG");
    if (err == IDE_OK)
        err = check_holder(q, head.port_index, "KEY_PROG");
    if (err != IDE_OK)
        return err;
    cxl_ide_read_key(&q->payload, &key);
    bool ok = q->payload.err == IDE_OK && take_target(&head, &target, &default_iv) &&
              q->km->ops->key_prog(q->km->context, q->session_id, &target, &key, default_iv);
    wipe(&key, sizeof key);
    if (ok)
        hold(q, head.port_index);
    head.status = ok ? CXL_KP_ACK_SUCCESS : CXL_KP_ACK_INVALID;
    cxl_ide_write_head(q->answer, CXL_IDE_KM_KP_ACK, &head);
    return done(q, "KP_ACK");
}

/* K_GOSTOP_ACK has no status: what is refused is answered with an ERROR, InvalidRequest. */
static enum ide_err answer_go_or_stop(struct question *q, enum cxl_ide_km_object object, const char *step)
{
    struct cxl_ide_head head;
    struct cxl_ide_target target;
    bool flag;
    enum ide_err err = read_head(q, object, step, &head);
    if (err == IDE_OK)
        err = check_holder(q, head.port_index, step);
    if (err != IDE_OK)
        return err;
    if (!take_target(&head, &target, &flag))
        return refuse(q, step, "Key_Sub_Stream");
    const struct cxl_ide_port_ops *ops = q->km->ops;
    bool ok = object == CXL_IDE_KM_K_SET_GO ? ops->set_go(q->km->context, q->session_id, &target,
                                                          flag ? CXL_IDE_CONTAINMENT : CXL_IDE_SKID)
                                            : ops->set_stop(q->km->context, q->session_id, &target);
    if (!ok)
        return refuse(q, step, "stream");
    head.status = 0;
    cxl_ide_write_head(q->answer, CXL_IDE_KM_K_GOSTOP_ACK, &head);
    return done(q, "K_GOSTOP_ACK");
}

static enum ide_err answer(struct question *q, uint8_t object)
{
    switch (object) {
    case CXL_IDE_KM_QUERY:
        return answer_query(q);
    case CXL_IDE_KM_KEY_PROG:
        return answer_key_prog(q);
    case CXL_IDE_KM_K_SET_GO:
        return answer_go_or_stop(q, CXL_IDE_KM_K_SET_GO, "K_SET_GO");
    case CXL_IDE_KM_K_SET_STOP:
        return answer_go_or_stop(q, CXL_IDE_KM_K_SET_STOP, "K_SET_STOP");
    case CXL_IDE_KM_GET_KEY:
        return answer_get_key(q);
    default:
        return refuse(q, STEP, "ObjectID");
    }
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
    return answer(&q, opening.object);
}

static void on_session_end(void *context, struct session *s)
{
    struct cxl_ide_responder *k = context;
    /* a handshake has keyed nothing */
    if (s->state != SESSION_HANDSHAKE)
        k->ops->session_end(k->context, s->id);
    ide_km_let_go(k->holder, s->id);
    if (k->next_end)
        k->next_end(k->next_context, s);
}

void cxl_ide_responder_attach(struct cxl_ide_responder *k, struct session_responder *r)
{
    k->vendor = (struct spdm_vendor){
        .standard_id = 3,
        .vendor_id_len = 2,
        .vendor_id = {CXL_IDE_KM_VENDOR & 0xff, CXL_IDE_KM_VENDOR >> 8},
        .in_session = true,
        .handle = handle,
        .context = k,
    };
    spdm_responder_add_vendor(&r->spdm, &k->vendor);
    k->next_end = r->on_session_end;
    k->next_context = r->context;
    r->on_session_end = on_session_end;
    r->context = k;
}
