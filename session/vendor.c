/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VENDOR_DEFINED_REQUEST and VENDOR_DEFINED_RESPONSE in a session (DSP0274 1.2 §10.13), the requester's side. */
#include "session/internal.h"

#include "spdm/cursor.h"

#define RESPONSE_NAME "VENDOR_DEFINED_RESPONSE"

/* Is the answer of the registry and vendor that were asked? */
static enum ide_err check_vendor(struct spdm_connection *c, const struct session_vendor *vendor,
                                 const struct spdm_vendor_defined *out)
{
    struct reader r = reader_of(out->vendor_id, out->vendor_id_len);
    if (out->standard_id != vendor->registry)
        read_fail_value(&r, IDE_E_UNEXPECTED, "StandardID", out->standard_id, vendor->registry);
    if (out->vendor_id_len != vendor->vendor_len)
        read_fail_value(&r, IDE_E_UNEXPECTED, "VendorIDLen", out->vendor_id_len, vendor->vendor_len);
    for (unsigned i = 0; i < vendor->vendor_len && r.err == IDE_OK; i++) {
        uint8_t byte = read_u8(&r, "VendorID");
        if (byte != vendor->vendor_id[i])
            read_fail_value(&r, IDE_E_UNEXPECTED, "VendorID", byte, vendor->vendor_id[i]);
    }
    return read_done(&r, &c->fault, RESPONSE_NAME);
}

enum ide_err session_vendor_exchange(struct session *s, const struct session_vendor *vendor, const uint8_t *payload,
                                     size_t payload_len, const uint8_t **response, size_t *response_len)
{
    enum ide_err err = session_usable(s, "VENDOR_DEFINED_REQUEST");
    if (err != IDE_OK)
        return err;
    struct spdm_connection *c = s->connection;
    if (payload_len > UINT16_MAX || vendor->vendor_len > sizeof(vendor->vendor_id))
        return ide_fail(&c->fault, IDE_E_ARGUMENT, "VENDOR_DEFINED_REQUEST", NULL);
    struct spdm_vendor_defined in = {
        .standard_id = vendor->registry,
        .vendor_id_len = vendor->vendor_len,
        .vendor_id = vendor->vendor_id,
        .payload_len = (uint16_t)payload_len,
        .payload = payload,
    };
    struct spdm_vendor_defined out = {0};
    struct spdm_exchange e = {.request = &spdm_msg_vendor_defined_request, .in = &in,
                              .response = &spdm_msg_vendor_defined_response, .out = &out};
    err = session_transact(s, &e, NULL, NULL);
    if (err == IDE_OK)
        err = check_vendor(c, vendor, &out);
    if (err != IDE_OK)
        return err;
    *response = out.payload;
    *response_len = out.payload_len;
    return IDE_OK;
}
