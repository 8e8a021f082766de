/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/cause.h"

#include <string.h>

/* Every error is in it, so that a new one is decided upon. */
static enum policy_cause cause_of_error(enum ide_err err)
{
    switch (err) {
    case IDE_E_KEY:
    case IDE_E_SIGNATURE:
    case IDE_E_HMAC: /* of the handshake: it has not proved that it has the secret */
    case IDE_E_NO_CERT:
    case IDE_E_CHAIN:
    case IDE_E_UNTRUSTED:
    case IDE_E_EXPIRED:
    case IDE_E_USAGE:
    case IDE_E_NAME:
    case IDE_E_MEASUREMENT:
        return POLICY_CAUSE_WRONG_IDENTITY;
    case IDE_E_RECORD: /* of a session: the MAC does not match */
    case IDE_E_SEQUENCE:
        return POLICY_CAUSE_INTERFERENCE;
    case IDE_OK:
    case IDE_E_ARGUMENT:
    case IDE_E_STATE:
    case IDE_E_SPACE:
    case IDE_E_MEMORY:
    case IDE_E_CANCELLED:
    case IDE_E_PERMISSION:
    case IDE_E_GONE:
    case IDE_E_INTERNAL:
    case IDE_E_SHORT:
    case IDE_E_LONG:
    case IDE_E_FIELD:
    case IDE_E_UNEXPECTED:
    case IDE_E_VERSION:
    case IDE_E_NOT_OFFERED:
    case IDE_E_NO_COMMON:
    case IDE_E_UNSUPPORTED:
    case IDE_E_CAPABILITY:
    case IDE_E_PEER_ERROR:
    case IDE_E_BUSY:
    case IDE_E_RESET:
    case IDE_E_NOT_READY:
    case IDE_E_CRYPTO:
    case IDE_E_RANDOM:
    case IDE_E_LIMIT:
    case IDE_E_NO_TRUST:
    case IDE_E_NO_REFERENCE:
    case IDE_E_SESSION:
    case IDE_E_RESOURCES:
    case IDE_E_IO:
    case IDE_E_TIMEOUT:
    case IDE_E_NO_DOE:
    case IDE_E_DOE_BUSY:
    case IDE_E_DOE_ERROR:
    case IDE_E_DOE_ABORT:
    case IDE_E_DOE_LENGTH:
    case IDE_E_DOE_TYPE:
    case IDE_E_KM_REFUSED:
    case IDE_E_KM_MISMATCH:
    case IDE_E_NO_DEVICE:
    case IDE_E_NOT_PORT:
    case IDE_E_NO_PARTNER:
    case IDE_E_AMBIGUOUS:
    case IDE_E_NO_IDE:
    case IDE_E_NO_STREAM:
    case IDE_E_STREAM_RANGE:
    case IDE_E_STREAM_USED:
    case IDE_E_FOREIGN:
    case IDE_E_INSECURE:
    case IDE_E_PROVIDER:
    case IDE_E_REGISTER:
    case IDE_E_ACCESS:
    case IDE_E_STORE:
        return POLICY_CAUSE_FAILURE;
    }
    return POLICY_CAUSE_FAILURE;
}

/* Proved who it is, and is not the port that was meant: the mailbox may lead to another device. */
static bool is_another_port(const struct failure *failure)
{
    return failure->err == IDE_E_KM_MISMATCH && failure->step && strcmp(failure->step, "query") == 0;
}

enum policy_cause cause_of_failure(const struct failure *failure)
{
    return is_another_port(failure) ? POLICY_CAUSE_WRONG_IDENTITY : cause_of_error(failure->err);
}

enum policy_cause cause_of_fall(const struct watch_verdict *verdict, const struct watch_sample *sample)
{
    switch (verdict->cause) {
    case WATCH_CAUSE_IDE_FAIL:
    case WATCH_CAUSE_AER: /* those of IDE only: a MAC, a PCRC, a TLP that should not be there */
        return POLICY_CAUSE_INTERFERENCE;
    case WATCH_CAUSE_SESSION_LOST:
        return cause_of_error(sample->session_lost[verdict->at]);
    case WATCH_CAUSE_NONE:
    case WATCH_CAUSE_KERNEL:
    case WATCH_CAUSE_LINK_DOWN:
    case WATCH_CAUSE_GONE:
    case WATCH_CAUSE_TAKEN:
    case WATCH_CAUSE_RESET:
    case WATCH_CAUSE_DISABLED:
    case WATCH_CAUSE_UNKNOWN:
        return POLICY_CAUSE_FAILURE;
    }
    return POLICY_CAUSE_FAILURE;
}
