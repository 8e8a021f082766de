/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CXL_IDE_KM, the requester's side. */
#include "ide_km/cxl_ide_km.h"

#include <string.h>

#include "ide_km/cxl_messages.h"

static const struct session_vendor cxl = {
    .registry = 3, .vendor_len = 2, .vendor_id = {CXL_IDE_KM_VENDOR & 0xff, CXL_IDE_KM_VENDOR >> 8}};

/* CXL 3.1 §11.3: 32 bits that are fixed, with the sub-stream on top, then the invocation field. */
static const uint8_t default_iv[CXL_IDE_IV_SIZE] = {0x80, [CXL_IDE_IV_SIZE - 1] = 1};

void cxl_ide_default_iv(uint8_t iv[static CXL_IDE_IV_SIZE])
{
    memcpy(iv, default_iv, CXL_IDE_IV_SIZE);
}

bool cxl_ide_iv_is_default(const uint8_t iv[static CXL_IDE_IV_SIZE])
{
    return equal_secret(iv, default_iv, CXL_IDE_IV_SIZE);
}

static enum ide_err exchange(struct session *s, const struct writer *w, const char *step,
                             struct reader *answer)
{
    const uint8_t *response;
    size_t response_len;
    enum ide_err err = write_done(w);
    if (err != IDE_OK)
        return s->connection ? ide_fail(&s->connection->fault, err, step, NULL) : err;
    err = session_vendor_exchange(s, &cxl, w->data, w->pos, &response, &response_len);
    if (err == IDE_OK)
        *answer = reader_of(response, response_len);
    if (err == IDE_E_PEER_ERROR && s->connection)
        s->connection->fault.step = step; /* what was refused is this, not its envelope */
    return err;
}

static void expect_same(struct reader *r, uint8_t got, uint8_t want, const char *field)
{
    if (r->err == IDE_OK && got != want)
        read_fail_value(r, IDE_E_KM_MISMATCH, field, got, want);
}

/* The head of an answer repeats its request's. */
static void read_answer(struct reader *r, enum cxl_ide_km_object object, const struct cxl_ide_head *asked,
                        struct cxl_ide_head *got)
{
    cxl_ide_read_head(r, object, got);
    expect_same(r, got->stream_id, asked->stream_id, "StreamID");
    expect_same(r, got->selector, asked->selector, "Key_Sub_Stream");
    expect_same(r, got->port_index, asked->port_index, "PortIndex");
}

static struct cxl_ide_head head_of(const struct cxl_ide_target *target, bool flag)
{
    const struct cxl_ide_selector selector = {target->direction, flag};
    return (struct cxl_ide_head){.stream_id = CXL_IDE_STREAM_ID,
                                 .selector = cxl_ide_selector(&selector),
                                 .port_index = target->port_index};
}

enum ide_err cxl_ide_km_query(struct session *s, uint8_t port_index, struct cxl_ide_query_resp *out)
{
    uint8_t request[CXL_IDE_KM_HEAD_SIZE];
    struct writer w = writer_of(request, sizeof request);
    struct reader r;
    ide_km_write_query(&w, port_index);
    enum ide_err err = exchange(s, &w, "QUERY", &r);
    if (err != IDE_OK)
        return err;
    struct cxl_ide_query_resp resp;
    cxl_ide_read_query_resp(&r, &resp);
    expect_same(&r, resp.port_index, port_index, "PortIndex");
    err = read_done(&r, &s->connection->fault, "QUERY_RESP");
    if (err == IDE_OK)
        *out = resp;
    return err;
}

/* What was received stands decrypted where it came. */
static void wipe_received(struct session *s)
{
    if (s->connection)
        wipe(s->connection->rx, sizeof s->connection->rx);
}

enum ide_err cxl_ide_km_get_key(struct session *s, uint8_t port_index, struct cxl_ide_key *out)
{
    uint8_t request[CXL_IDE_KM_HEAD_SIZE];
    const struct cxl_ide_head head = head_of(&(struct cxl_ide_target){port_index, IDE_RX}, false);
    struct cxl_ide_head got;
    struct cxl_ide_key key = {0};
    struct writer w = writer_of(request, sizeof request);
    struct reader r;
    cxl_ide_write_head(&w, CXL_IDE_KM_GET_KEY, &head);
    enum ide_err err = exchange(s, &w, "GET_KEY", &r);
    if (err == IDE_OK) {
        read_answer(&r, CXL_IDE_KM_GET_KEY_ACK, &head, &got);
        cxl_ide_read_key(&r, &key);
        err = read_done(&r, &s->connection->fault, "GET_KEY_ACK");
    }
    wipe_received(s);
    if (err == IDE_OK)
        *out = key;
    wipe(&key, sizeof key);
    return err;
}

enum ide_err cxl_ide_km_key_prog(struct session *s, const struct cxl_ide_target *target,
                                 const struct cxl_ide_key *key)
{
    uint8_t request[CXL_IDE_KM_KEY_SIZE];
    const struct cxl_ide_head head = head_of(target, cxl_ide_iv_is_default(key->iv));
    struct cxl_ide_head got;
    struct writer w = writer_of(request, sizeof request);
    struct reader r;
    cxl_ide_write_head(&w, CXL_IDE_KM_KEY_PROG, &head);
    cxl_ide_write_key(&w, key);
    enum ide_err err = exchange(s, &w, "KEY_PROG", &r);
    wipe(request, sizeof request);
    if (err != IDE_OK) {
        /* it may have failed between encoding and sealing */
        if (s->connection)
            wipe(s->connection->tx, sizeof s->connection->tx);
        return err;
    }
    read_answer(&r, CXL_IDE_KM_KP_ACK, &head, &got);
    read_end(&r);
    if (r.err == IDE_OK && got.status != CXL_KP_ACK_SUCCESS)
        read_fail_value(&r, IDE_E_KM_REFUSED, "Status", got.status, CXL_KP_ACK_SUCCESS);
    return read_done(&r, &s->connection->fault, "KP_ACK");
}

static enum ide_err go_or_stop(struct session *s, enum cxl_ide_km_object object, const char *step,
                               const struct cxl_ide_head *head)
{
    uint8_t request[CXL_IDE_KM_HEAD_SIZE];
    struct cxl_ide_head got;
    struct writer w = writer_of(request, sizeof request);
    struct reader r;
    cxl_ide_write_head(&w, object, head);
    enum ide_err err = exchange(s, &w, step, &r);
    if (err != IDE_OK)
        return err;
    read_answer(&r, CXL_IDE_KM_K_GOSTOP_ACK, head, &got);
    read_end(&r);
    return read_done(&r, &s->connection->fault, "K_GOSTOP_ACK");
}

enum ide_err cxl_ide_km_set_go(struct session *s, const struct cxl_ide_target *target, enum cxl_ide_mode mode)
{
    const struct cxl_ide_head head = head_of(target, mode == CXL_IDE_CONTAINMENT);
    return go_or_stop(s, CXL_IDE_KM_K_SET_GO, "K_SET_GO", &head);
}

enum ide_err cxl_ide_km_set_stop(struct session *s, const struct cxl_ide_target *target)
{
    const struct cxl_ide_head head = head_of(target, false);
    return go_or_stop(s, CXL_IDE_KM_K_SET_STOP, "K_SET_STOP", &head);
}
