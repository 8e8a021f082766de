/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ERROR (DSP0274 1.2 §10.11). */
#include "spdm/internal.h"

#define EXTENDED_MAX 32u

/* How many bytes of ExtendedErrorData a code has, or what is left where the specification leaves it open. */
static size_t extended_size(uint8_t code, size_t left)
{
    switch (code) {
    case SPDM_ERROR_RESPONSE_NOT_READY:
        return 4;
    case SPDM_ERROR_LARGE_RESPONSE:
        return 1;
    default:
        return left;
    }
}

static void error_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    (void)p;
    struct spdm_error *m = message;
    m->extended_len = extended_size(m->header.param1, read_left(r));
    if (m->extended_len > EXTENDED_MAX)
        read_fail_value(r, IDE_E_LONG, "ExtendedErrorData", m->extended_len, EXTENDED_MAX);
    m->extended = read_bytes(r, m->extended_len, "ExtendedErrorData");
}

static void error_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    (void)p;
    const struct spdm_error *m = message;
    write_bytes(w, m->extended, m->extended_len);
}

const struct spdm_message spdm_msg_error = {SPDM_ERROR, SPDM_VERSION_10, "ERROR", error_decode, error_encode};

const char *spdm_error_name(uint8_t code)
{
    switch (code) {
#define SPDM_ERROR_NAME(constant, value, name)                                                               \
    case constant:                                                                                           \
        return name;
        SPDM_ERROR_CODES(SPDM_ERROR_NAME)
#undef SPDM_ERROR_NAME
    default:
        return "reserved";
    }
}

uint8_t spdm_error_for(enum ide_err err)
{
    switch (err) {
    case IDE_E_SHORT:
    case IDE_E_LONG:
    case IDE_E_FIELD:
    case IDE_E_NO_COMMON:
    case IDE_E_NOT_OFFERED:
    case IDE_E_NO_CERT:
    case IDE_E_KEY:
        return SPDM_ERROR_INVALID_REQUEST;
    case IDE_E_STATE:
    case IDE_E_UNEXPECTED:
        return SPDM_ERROR_UNEXPECTED_REQUEST;
    case IDE_E_VERSION:
        return SPDM_ERROR_VERSION_MISMATCH;
    case IDE_E_UNSUPPORTED:
    case IDE_E_CAPABILITY:
        return SPDM_ERROR_UNSUPPORTED_REQUEST;
    case IDE_E_BUSY:
        return SPDM_ERROR_BUSY;
    case IDE_E_RESET:
        return SPDM_ERROR_RESET_REQUIRED;
    case IDE_E_NOT_READY:
        return SPDM_ERROR_RESPONSE_NOT_READY;
    case IDE_E_SPACE:
        return SPDM_ERROR_RESPONSE_TOO_LARGE;
    case IDE_E_RECORD:
    case IDE_E_SEQUENCE:
    case IDE_E_HMAC:
    case IDE_E_SIGNATURE:
        return SPDM_ERROR_DECRYPT_ERROR;
    case IDE_E_RESOURCES:
        return SPDM_ERROR_SESSION_LIMIT_EXCEEDED;
    case IDE_E_SESSION:
        return SPDM_ERROR_SESSION_REQUIRED;
    default:
        return SPDM_ERROR_UNSPECIFIED;
    }
}
