/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IDE_KM, the requester's side. */
#include "ide_km/ide_km.h"

#include "ide_km/messages.h"

static const struct session_vendor pci_sig = {.registry = 3, .vendor_len = 2, .vendor_id = {0x01, 0x00}};

const char *kp_ack_text(uint8_t status)
{
    switch (status) {
    case KP_ACK_SUCCESS:
        return "successful";
    case KP_ACK_INCORRECT_LENGTH:
        return "incorrect length";
    case KP_ACK_UNSUPPORTED_PORT_INDEX:
        return "unsupported port index";
    case KP_ACK_UNSUPPORTED_VALUE:
        return "unsupported value";
    case KP_ACK_UNSPECIFIED_FAILURE:
        return "unspecified failure";
    default:
        return "unknown status";
    }
}

/* Sends what w holds and gives a reader over the answer. A closed session's fault is not there to be set. */
static enum ide_err exchange(struct session *s, const struct writer *w, const char *step, struct reader *answer)
{
    const uint8_t *response;
    size_t response_len;
    enum ide_err err = write_done(w);
    if (err != IDE_OK)
        return s->connection ? ide_fail(&s->connection->fault, err, step, NULL) : err;
    err = session_vendor_exchange(s, &pci_sig, w->data, w->pos, &response, &response_len);
    if (err == IDE_OK)
        *answer = reader_of(response, response_len);
    if (err == IDE_E_PEER_ERROR && s->connection)
        s->connection->fault.step = step;   /* what was refused is this, not its envelope */
    return err;
}

static void expect_same(struct reader *r, uint8_t got, uint8_t want, const char *field)
{
    if (got != want)
        read_fail_value(r, IDE_E_KM_MISMATCH, field, got, want);
}

enum ide_err ide_km_query(struct session *s, uint8_t port_index, struct ide_km_query_resp *out)
{
    uint8_t request[IDE_KM_TARGET_SIZE];
    struct writer w = writer_of(request, sizeof(request));
    struct reader r;
    ide_km_write_query(&w, port_index);
    enum ide_err err = exchange(s, &w, "QUERY", &r);
    if (err != IDE_OK)
        return err;
    struct ide_km_query_resp resp;
    ide_km_read_query_resp(&r, &resp);
    expect_same(&r, resp.port_index, port_index, "PortIndex");
    err = read_done(&r, &s->connection->fault, "QUERY_RESP");
    if (err == IDE_OK)
        *out = resp;
    return err;
}

/* Reads an answer that repeats its request's head. */
static void read_answer(struct reader *r, enum ide_km_object object, const struct ide_km_head *asked,
                        struct ide_km_head *got)
{
    ide_km_read_head(r, object, got);
    read_end(r);
    expect_same(r, got->target.stream_id, asked->target.stream_id, "StreamID");
    expect_same(r, got->selector, asked->selector, "Key_Sub_Stream");
    expect_same(r, got->target.port_index, asked->target.port_index, "PortIndex");
}

enum ide_err ide_km_key_prog(struct session *s, const struct ide_km_target *target, const struct ide_key *key)
{
    uint8_t request[IDE_KM_KEY_PROG_SIZE];
    const struct ide_km_head head = {.target = *target, .selector = ide_km_selector(target)};
    struct ide_km_head got;
    struct writer w = writer_of(request, sizeof(request));
    struct reader r;
    ide_km_write_head(&w, IDE_KM_KEY_PROG, &head);
    ide_km_write_key(&w, key);
    enum ide_err err = exchange(s, &w, "KEY_PROG", &r);
    wipe(request, sizeof(request));
    if (err != IDE_OK) {
        /* it may have failed between encoding and sealing */
        if (s->connection)
            wipe(s->connection->tx, sizeof(s->connection->tx));
        return err;
    }
    read_answer(&r, IDE_KM_KP_ACK, &head, &got);
    if (got.status != KP_ACK_SUCCESS)
        read_fail_value(&r, IDE_E_KM_REFUSED, "Status", got.status, KP_ACK_SUCCESS);
    return read_done(&r, &s->connection->fault, "KP_ACK");
}

static enum ide_err go_or_stop(struct session *s, enum ide_km_object object, const char *step,
                               const struct ide_km_target *target)
{
    uint8_t request[IDE_KM_TARGET_SIZE];
    const struct ide_km_head head = {.target = *target, .selector = ide_km_selector(target)};
    struct ide_km_head got;
    struct writer w = writer_of(request, sizeof(request));
    struct reader r;
    ide_km_write_head(&w, object, &head);
    enum ide_err err = exchange(s, &w, step, &r);
    if (err != IDE_OK)
        return err;
    read_answer(&r, IDE_KM_K_GOSTOP_ACK, &head, &got);
    return read_done(&r, &s->connection->fault, "K_GOSTOP_ACK");
}

enum ide_err ide_km_set_go(struct session *s, const struct ide_km_target *target)
{
    return go_or_stop(s, IDE_KM_K_SET_GO, "K_SET_GO", target);
}

enum ide_err ide_km_set_stop(struct session *s, const struct ide_km_target *target)
{
    return go_or_stop(s, IDE_KM_K_SET_STOP, "K_SET_STOP", target);
}
