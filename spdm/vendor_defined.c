/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VENDOR_DEFINED_REQUEST and VENDOR_DEFINED_RESPONSE (DSP0274 1.2 §10.13), dispatched by registry and vendor. */
#include <string.h>

#include "spdm/internal.h"

static void vendor_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    (void)p;
    struct spdm_vendor_defined *m = message;
    m->standard_id = read_u16(r, "StandardID");
    m->vendor_id_len = read_u8(r, "VendorIDLen");
    if (m->vendor_id_len > SPDM_VENDOR_ID_MAX)
        read_fail_value(r, IDE_E_FIELD, "VendorIDLen", m->vendor_id_len, SPDM_VENDOR_ID_MAX);
    m->vendor_id = read_bytes(r, m->vendor_id_len, "VendorID");
    m->payload_len = read_u16(r, "PayloadLength");
    m->payload = read_bytes(r, m->payload_len, "Payload");
}

static void vendor_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    (void)p;
    const struct spdm_vendor_defined *m = message;
    write_u16(w, m->standard_id);
    write_u8(w, m->vendor_id_len);
    write_bytes(w, m->vendor_id, m->vendor_id_len);
    write_u16(w, m->payload_len);
    write_bytes(w, m->payload, m->payload_len);
}

const struct spdm_message spdm_msg_vendor_defined_request = {
    SPDM_VENDOR_DEFINED_REQUEST, SPDM_VERSION_10, "VENDOR_DEFINED_REQUEST", vendor_decode, vendor_encode};

const struct spdm_message spdm_msg_vendor_defined_response = {
    SPDM_VENDOR_DEFINED_RESPONSE, SPDM_VERSION_10, "VENDOR_DEFINED_RESPONSE", vendor_decode, vendor_encode};

static const struct spdm_vendor *find_vendor(const struct spdm_responder *r,
                                             const struct spdm_vendor_defined *m)
{
    for (const struct spdm_vendor *v = r->vendors; v; v = v->next) {
        if (v->standard_id == m->standard_id && v->vendor_id_len == m->vendor_id_len &&
            memcmp(v->vendor_id, m->vendor_id, m->vendor_id_len) == 0)
            return v;
    }
    return NULL;
}

/* Whether v answers where the request came. */
static enum ide_err check_vendor(struct spdm_responder *r, const struct spdm_vendor *v, bool in_session)
{
    const char *name = spdm_msg_vendor_defined_request.name;
    if (!v) {
        r->error_data = SPDM_VENDOR_DEFINED_REQUEST;
        return ide_fail(&r->connection.fault, IDE_E_UNSUPPORTED, name, "VendorID");
    }
    if (in_session && !v->in_session)
        return ide_fail(&r->connection.fault, IDE_E_STATE, name, "session");
    if (!in_session && !v->out_session)
        return ide_fail(&r->connection.fault, IDE_E_SESSION, name, "session");
    return IDE_OK;
}

enum ide_err spdm_handle_vendor_defined(struct spdm_responder *r, struct spdm_request *request,
                                        struct writer *w)
{
    struct spdm_vendor_defined in;
    enum ide_err err = spdm_request_decode(r, &spdm_msg_vendor_defined_request, request, &in);
    if (err != IDE_OK)
        return err;
    const struct spdm_vendor *v = find_vendor(r, &in);
    err = check_vendor(r, v, request->session != NULL);
    if (err != IDE_OK)
        return err;
    /* the payload's length is known when the vendor's handler has written it */
    struct spdm_vendor_defined out = {
        .standard_id = in.standard_id, .vendor_id_len = in.vendor_id_len, .vendor_id = in.vendor_id};
    spdm_write(&spdm_msg_vendor_defined_response, &r->connection.params, &out, w);
    size_t start = w->pos;
    err = v->handle(v->context, r, request, in.payload, in.payload_len, w);
    size_t written = w->pos - start;
    if (err == IDE_OK && written > UINT16_MAX)
        err = IDE_E_SPACE;
    if (err == IDE_OK && start >= 2)
        write_fill_u16(w, start - 2, (uint16_t)written);
    return err;
}
