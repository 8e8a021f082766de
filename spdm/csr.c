/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_CSR and CSR (DSP0274 1.2 §10.24). */
#include "spdm/internal.h"

static void request_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_get_csr *m = message;
    m->info_len = read_u16(r, "RequesterInfoLength");
    m->opaque_len = read_u16(r, "OpaqueDataLength");
    if (m->opaque_len > SPDM_OPAQUE_MAX)
        read_fail_value(r, IDE_E_FIELD, "OpaqueDataLength", m->opaque_len, SPDM_OPAQUE_MAX);
    if (m->opaque_len > 0 && p->opaque_format == 0)
        read_fail_value(r, IDE_E_FIELD, "OpaqueDataLength", m->opaque_len, 0);
    m->info = read_bytes(r, m->info_len, "RequesterInfo");
    m->opaque = read_bytes(r, m->opaque_len, "OpaqueData");
}

static void request_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    (void)p;
    const struct spdm_get_csr *m = message;
    write_u16(w, m->info_len);
    write_u16(w, m->opaque_len);
    write_bytes(w, m->info, m->info_len);
    write_bytes(w, m->opaque, m->opaque_len);
}

static void response_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    (void)p;
    struct spdm_csr *m = message;
    m->len = read_u16(r, "CSRLength");
    read_u16(r, "Reserved");
    if (r->err == IDE_OK && m->len == 0)
        read_fail_value(r, IDE_E_FIELD, "CSRLength", 0, 1);
    m->csr = read_bytes(r, m->len, "CSRdata");
}

static void response_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    (void)p;
    const struct spdm_csr *m = message;
    write_u16(w, m->len);
    write_u16(w, 0);
    write_bytes(w, m->csr, m->len);
}

const struct spdm_message spdm_msg_get_csr = {SPDM_GET_CSR, SPDM_VERSION_12, "GET_CSR", request_decode, request_encode};
const struct spdm_message spdm_msg_csr = {SPDM_CSR, SPDM_VERSION_12, "CSR", response_decode, response_encode};

enum ide_err spdm_get_csr(struct spdm_connection *c, const struct spdm_channel *channel,
                          const struct spdm_get_csr *request, struct spdm_csr *csr)
{
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_get_csr, .in = request, .response = &spdm_msg_csr, .out = csr};
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_CSR, "GET_CSR", "CSR_CAP");
    return err == IDE_OK ? spdm_transact(c, channel, &exchange, NULL, NULL) : err;
}

enum ide_err spdm_check_key_choice(struct spdm_responder *r, const struct spdm_key_choice *choice)
{
    const struct spdm_params *p = &r->connection.params;
    struct ide_fault *fault = &r->connection.fault;
    if (p->version < SPDM_VERSION_13)
        return IDE_OK;
    if (p->multi_key != (choice->key_pair != 0))
        return ide_fail_value(fault, IDE_E_FIELD, choice->step, "KeyPairID", choice->key_pair, p->multi_key);
    bool model = choice->model >= SPDM_CERT_DEVICE && choice->model <= SPDM_CERT_GENERIC;
    if (p->multi_key && !choice->erase ? !model : choice->model != SPDM_CERT_NONE)
        return ide_fail_value(fault, IDE_E_FIELD, choice->step, "CertModel", choice->model, p->multi_key);
    return IDE_OK;
}

/* The tracking tag belongs to requests that are finished by a reset, and has nothing to overwrite (1.3 §10.24). */
static enum ide_err check_tag(struct spdm_responder *r, uint8_t attributes)
{
    const struct spdm_params *p = &r->connection.params;
    uint8_t tag = attributes & SPDM_CSR_TAG_MASK;
    bool reset = p->flags_responder & SPDM_CAP_CERT_INSTALL_RESET;
    if (p->version >= SPDM_VERSION_13 && tag != 0 && (!reset || attributes & SPDM_CSR_OVERWRITE))
        return ide_fail_value(&r->connection.fault, IDE_E_FIELD, "GET_CSR", "CSRTrackingTag", tag, 0);
    return IDE_OK;
}

enum ide_err spdm_handle_get_csr(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    const struct spdm_services *s = spdm_services_of(r);
    struct spdm_get_csr in;
    if (!s->make_csr)
        return spdm_no_service(r, &spdm_msg_get_csr);
    enum ide_err err = spdm_request_decode(r, &spdm_msg_get_csr, request, &in);
    if (err != IDE_OK)
        return err;
    const struct spdm_key_choice choice = {
        .step = "GET_CSR", .key_pair = in.header.param1, .model = in.header.param2 & SPDM_CSR_MODEL_MASK};
    err = spdm_check_key_choice(r, &choice);
    if (err == IDE_OK)
        err = check_tag(r, in.header.param2);
    if (err != IDE_OK)
        return err;
    const struct spdm_csr out = {.len = 0};
    spdm_write(&spdm_msg_csr, &r->connection.params, &out, w);
    size_t start = w->pos;
    err = s->make_csr(s->context, &in, w);
    if (err == IDE_E_RESET && r->connection.params.version >= SPDM_VERSION_13)
        r->error_data = (in.header.param2 & SPDM_CSR_TAG_MASK) >> SPDM_CSR_TAG_SHIFT;
    size_t len = w->pos - start;
    if (err == IDE_OK && len > UINT16_MAX)
        err = IDE_E_SPACE;
    if (err == IDE_OK && start >= 4)
        write_fill_u16(w, start - 4, (uint16_t)len);
    return err == IDE_OK ? write_done(w) : err;
}
