/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_ENDPOINT_INFO and ENDPOINT_INFO (DSP0274 1.3 §10.26). What is signed is message A, the request and the response. */
#include "spdm/internal.h"
#include "spdm/signature.h"

#define SIGNING_CONTEXT "responder-endpoint_info signing"

static void request_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    (void)p;
    struct spdm_get_endpoint_info *m = message;
    m->attributes = read_u8(r, "RequestAttributes");
    read_bytes(r, 3, "Reserved");
    if (m->attributes & SPDM_ENDPOINT_SIGNED)
        read_copy(r, m->nonce, sizeof m->nonce, "Nonce");
}

static void request_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    (void)p;
    const struct spdm_get_endpoint_info *m = message;
    write_u8(w, m->attributes);
    write_zero(w, 3);
    if (m->attributes & SPDM_ENDPOINT_SIGNED)
        write_bytes(w, m->nonce, sizeof m->nonce);
}

static void response_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_endpoint_info *m = message;
    read_u32(r, "Reserved");
    m->nonce = m->is_signed ? read_bytes(r, SPDM_NONCE_SIZE, "Nonce") : NULL;
    m->info_len = read_u32(r, "EPInfoLen");
    m->info = read_bytes(r, m->info_len, "EPInfo");
    m->signed_len = r->pos;
    if (m->is_signed && !p->asym)
        read_fail(r, IDE_E_STATE, "BaseAsymSel");
    m->signature = m->is_signed ? read_bytes(r, p->asym ? p->asym->signature_size : 0, "Signature") : NULL;
}

static void response_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_endpoint_info *m = message;
    write_u32(w, 0);
    if (m->is_signed)
        write_bytes(w, m->nonce, SPDM_NONCE_SIZE);
    write_u32(w, m->info_len);
    write_bytes(w, m->info, m->info_len);
    if (m->is_signed && m->signature)
        write_bytes(w, m->signature, p->asym->signature_size);
}

const struct spdm_message spdm_msg_get_endpoint_info = {SPDM_GET_ENDPOINT_INFO, SPDM_VERSION_13, "GET_ENDPOINT_INFO",
                                                        request_decode, request_encode};
const struct spdm_message spdm_msg_endpoint_info = {SPDM_ENDPOINT_INFO, SPDM_VERSION_13, "ENDPOINT_INFO",
                                                    response_decode, response_encode};

static struct spdm_signing signing(const struct spdm_params *p)
{
    return (struct spdm_signing){.params = p, .asym = p->asym, .context = SIGNING_CONTEXT};
}

/* IL1/IL2 as it is before the request. */
static enum ide_err start(const struct spdm_connection *c, struct hash *il1il2)
{
    enum ide_err err = hash_init(il1il2, c->params.hash->id);
    return err == IDE_OK ? hash_update(il1il2, c->vca, c->vca_len) : err;
}

static enum ide_err check_response(struct spdm_connection *c, const struct spdm_get_endpoint_info *request,
                                   const struct spdm_endpoint_info *m, struct hash *il1il2)
{
    uint8_t slot = m->header.param2 & SPDM_SLOT_MASK, digest[HASH_SIZE_MAX];
    if (!m->is_signed)
        return IDE_OK;
    if (slot != request->header.param2)
        return ide_fail_value(&c->fault, IDE_E_FIELD, "ENDPOINT_INFO", "SlotID", slot, request->header.param2);
    const struct spdm_signing s = signing(&c->params);
    enum ide_err err = hash_final(il1il2, digest);
    if (err == IDE_OK)
        err = spdm_verify_transcript(&s, digest, &c->peer.key, m->signature);
    return err == IDE_OK ? IDE_OK : ide_fail(&c->fault, err, "ENDPOINT_INFO", "Signature");
}

enum ide_err spdm_get_endpoint_info(struct spdm_connection *c, const struct spdm_channel *channel, uint8_t sub_code,
                                    const uint8_t **info, size_t *info_len)
{
    bool sign = c->params.flags_responder & SPDM_CAP_EP_INFO_SIG;
    struct hash il1il2 = {0};
    struct spdm_endpoint_info response = {.is_signed = sign};
    struct spdm_get_endpoint_info request = {.header = {.param1 = sub_code}, .attributes = sign ? SPDM_ENDPOINT_SIGNED : 0};
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_get_endpoint_info,
        .in = &request,
        .response = &spdm_msg_endpoint_info,
        .out = &response,
        .transcript = {.hash = sign ? &il1il2 : NULL, .signed_part_only = true},
        .signed_len = &response.signed_len,
    };
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_EP_INFO_MASK, "GET_ENDPOINT_INFO", "EP_INFO_CAP");
    if (err == IDE_OK && sign && !c->peer_verified)
        err = ide_fail(&c->fault, IDE_E_STATE, "GET_ENDPOINT_INFO", "CertChain");
    if (err == IDE_OK && sign) {
        request.header.param2 = c->chain_slot & SPDM_SLOT_MASK;
        err = c->rng.random(c->rng.context, request.nonce, sizeof request.nonce);
        if (err == IDE_OK)
            err = start(c, &il1il2);
        if (err != IDE_OK)
            ide_fail(&c->fault, err, "GET_ENDPOINT_INFO", "Nonce");
    }
    if (err == IDE_OK)
        err = spdm_transact(c, channel, &exchange, NULL, NULL);
    if (err == IDE_OK)
        err = check_response(c, &request, &response, &il1il2);
    if (err != IDE_OK)
        return err;
    *info = response.info;
    *info_len = response.info_len;
    return IDE_OK;
}

static enum ide_err sign_response(struct spdm_responder *r, const struct spdm_slot *slot,
                                  const struct spdm_request *request, struct writer *w)
{
    struct spdm_connection *c = &r->connection;
    const struct spdm_signing s = signing(&c->params);
    struct hash il1il2 = {0};
    uint8_t digest[HASH_SIZE_MAX];
    enum ide_err err = slot->key ? start(c, &il1il2) : IDE_E_INTERNAL;
    if (err == IDE_OK)
        err = spdm_responder_note(&il1il2, request, w);
    if (err == IDE_OK)
        err = hash_final(&il1il2, digest);
    uint8_t *signature = write_space(w, c->params.asym->signature_size);
    if (err == IDE_OK)
        err = write_done(w);
    return err == IDE_OK ? spdm_sign_transcript(&s, digest, slot->key, &c->rng, signature) : err;
}

/* The response up to its signature. The owner writes the information where its length has been left open. */
static enum ide_err write_response(struct spdm_responder *r, const struct spdm_get_endpoint_info *in, struct writer *w)
{
    const struct spdm_services *s = spdm_services_of(r);
    struct spdm_connection *c = &r->connection;
    bool sign = in->attributes & SPDM_ENDPOINT_SIGNED;
    uint8_t nonce[SPDM_NONCE_SIZE];
    struct spdm_endpoint_info out = {.is_signed = sign, .nonce = nonce};
    out.header.param2 = sign ? in->header.param2 & SPDM_SLOT_MASK : 0;
    enum ide_err err = sign ? c->rng.random(c->rng.context, nonce, sizeof nonce) : IDE_OK;
    if (err != IDE_OK)
        return err;
    spdm_write(&spdm_msg_endpoint_info, &c->params, &out, w);
    size_t begin = w->pos;
    err = s->endpoint_info(s->context, in->header.param1, w);
    size_t len = w->pos - begin;
    if (err == IDE_OK)
        err = write_done(w);
    struct writer field = writer_of(err == IDE_OK ? w->data + begin - 4 : NULL, err == IDE_OK ? 4 : 0);
    write_u32(&field, (uint32_t)len);
    return err;
}

enum ide_err spdm_handle_get_endpoint_info(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_get_endpoint_info in;
    if (!(spdm_services_of(r)->endpoint_info))
        return spdm_no_service(r, &spdm_msg_get_endpoint_info);
    enum ide_err err = spdm_request_decode(r, &spdm_msg_get_endpoint_info, request, &in);
    if (err != IDE_OK)
        return err;
    const struct spdm_slot *slot = NULL;
    if (in.attributes & SPDM_ENDPOINT_SIGNED) {
        if (!(r->connection.params.flags_responder & SPDM_CAP_EP_INFO_SIG))
            return spdm_no_service(r, &spdm_msg_get_endpoint_info);
        slot = spdm_responder_slot(r, in.header.param2 & SPDM_SLOT_MASK, "GET_ENDPOINT_INFO");
        if (!slot)
            return IDE_E_NO_CERT;
    }
    err = write_response(r, &in, w);
    if (err == IDE_E_UNSUPPORTED) {
        r->error_code = SPDM_ERROR_INVALID_REQUEST;
        return ide_fail_value(&r->connection.fault, err, "GET_ENDPOINT_INFO", "SubCode", in.header.param1,
                              SPDM_ENDPOINT_DEVICE_CLASS);
    }
    return err == IDE_OK && slot ? sign_response(r, slot, request, w) : err;
}
