/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SET_CERTIFICATE and SET_CERTIFICATE_RSP (DSP0274 1.2 §10.25). */
#include "spdm/internal.h"

#define CHAIN_HEAD 4u /* Length and what is reserved, before RootHash */

/* The chain's own first field: 16 bits, and 32 from 1.4 on, where they were reserved before. */
static uint32_t own_length(const struct reader *r, const struct spdm_params *p)
{
    struct reader head = *r;
    return p->version >= SPDM_VERSION_14 ? read_u32(&head, "Length") : read_u16(&head, "Length");
}

static void request_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_set_certificate *m = message;
    bool erase = p->version >= SPDM_VERSION_13 && m->header.param1 & SPDM_SET_CERT_ERASE;
    m->chain_len = erase ? 0 : own_length(r, p);
    size_t least = CHAIN_HEAD + (p->hash ? p->hash->size : 0) + 1;
    if (!erase && r->err == IDE_OK && read_left(r) < CHAIN_HEAD)
        read_fail(r, IDE_E_SHORT, "Length");
    if (!erase && m->chain_len < least)
        read_fail_value(r, IDE_E_FIELD, "Length", m->chain_len, least);
    m->chain = read_bytes(r, m->chain_len, "CertChain");
}

static void request_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    (void)p;
    const struct spdm_set_certificate *m = message;
    write_bytes(w, m->chain, m->chain_len);
}

const struct spdm_message spdm_msg_set_certificate = {SPDM_SET_CERTIFICATE, SPDM_VERSION_12, "SET_CERTIFICATE",
                                                      request_decode, request_encode};
const struct spdm_message spdm_msg_set_certificate_rsp = {SPDM_SET_CERTIFICATE_RSP, SPDM_VERSION_12,
                                                          "SET_CERTIFICATE_RSP", NULL, NULL};

enum ide_err spdm_set_certificate(struct spdm_connection *c, const struct spdm_channel *channel,
                                  const struct spdm_set_certificate *request)
{
    struct spdm_plain response = {0};
    const struct spdm_exchange exchange = {.request = &spdm_msg_set_certificate, .in = request,
                                           .response = &spdm_msg_set_certificate_rsp, .out = &response};
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_SET_CERT, "SET_CERTIFICATE", "SET_CERT_CAP");
    if (err == IDE_OK)
        err = spdm_transact(c, channel, &exchange, NULL, NULL);
    uint8_t slot = request->header.param1 & SPDM_SLOT_MASK, answered = response.header.param1 & SPDM_SLOT_MASK;
    if (err == IDE_OK && answered != slot)
        return ide_fail_value(&c->fault, IDE_E_FIELD, "SET_CERTIFICATE_RSP", "SlotID", answered, slot);
    return err;
}

static enum ide_err check_request(struct spdm_responder *r, const struct spdm_set_certificate *in)
{
    uint8_t slot = in->header.param1 & SPDM_SLOT_MASK;
    if (slot >= SPDM_SLOTS)
        return ide_fail_value(&r->connection.fault, IDE_E_FIELD, "SET_CERTIFICATE", "SlotID", slot, SPDM_SLOTS - 1);
    const struct spdm_key_choice choice = {
        .step = "SET_CERTIFICATE",
        .key_pair = in->header.param2,
        .model = (in->header.param1 & SPDM_SET_CERT_MODEL_MASK) >> SPDM_SET_CERT_MODEL_SHIFT,
        .erase = in->header.param1 & SPDM_SET_CERT_ERASE,
    };
    return spdm_check_key_choice(r, &choice);
}

enum ide_err spdm_handle_set_certificate(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    const struct spdm_services *s = spdm_services_of(r);
    struct spdm_set_certificate in;
    if (!s->set_certificate)
        return spdm_no_service(r, &spdm_msg_set_certificate);
    enum ide_err err = spdm_request_decode(r, &spdm_msg_set_certificate, request, &in);
    if (err == IDE_OK)
        err = check_request(r, &in);
    if (err != IDE_OK)
        return err;
    const struct spdm_plain out = {.header = {.param1 = in.header.param1 & SPDM_SLOT_MASK}};
    err = spdm_reply(&spdm_msg_set_certificate_rsp, &r->connection.params, &out, w);
    return err == IDE_OK ? spdm_service_result(r, s->set_certificate(s->context, request->session, &in)) : err;
}
