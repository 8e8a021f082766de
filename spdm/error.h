/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One error enumeration for all layers, and the record of what went wrong.
 *
 * Every function that can fail returns an enum ide_err; callers must use it.
 * The layers add no text of their own: a struct ide_fault names the step, the
 * offending field and the values with pointers to static strings, and the
 * program at the top adds the device and prints it.
 */
#ifndef SPDM_ERROR_H
#define SPDM_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))

/* X(constant, stable lower-case name for JSON and tests, sentence for people) */
#define IDE_ERRORS(X)                                                                                        \
    X(IDE_OK, "ok", "done")                                                                                  \
    /* the caller's side */                                                                                  \
    X(IDE_E_ARGUMENT, "argument", "an argument is not allowed")                                              \
    X(IDE_E_STATE, "state", "not allowed in the present state")                                              \
    X(IDE_E_SPACE, "space", "the buffer is too small")                                                       \
    X(IDE_E_MEMORY, "memory", "out of memory")                                                               \
    X(IDE_E_CANCELLED, "cancelled", "cancelled on request")                                                  \
    X(IDE_E_PERMISSION, "permission", "whoever asks may not do this")                                        \
    X(IDE_E_GONE, "gone", "what was asked for is not kept any more")                                         \
    X(IDE_E_INTERNAL, "internal", "an internal check failed")                                                \
    /* the form of a message */                                                                              \
    X(IDE_E_SHORT, "short", "the message ends before the field")                                             \
    X(IDE_E_LONG, "long", "the message is longer than its fields allow")                                     \
    X(IDE_E_FIELD, "field", "the field has a value that the specification does not allow")                   \
    X(IDE_E_UNEXPECTED, "unexpected", "another message was expected")                                        \
    X(IDE_E_VERSION, "version", "no version in common, or not the agreed one")                               \
    X(IDE_E_NOT_OFFERED, "not_offered", "the peer selected what was not offered")                            \
    X(IDE_E_NO_COMMON, "no_common", "the two sides have no algorithm in common")                             \
    X(IDE_E_UNSUPPORTED, "unsupported", "not supported")                                                     \
    X(IDE_E_CAPABILITY, "capability", "the peer lacks the capability")                                       \
    X(IDE_E_PEER_ERROR, "peer_error", "the peer answered with an SPDM ERROR")                                \
    X(IDE_E_BUSY, "busy", "the peer stays busy")                                                             \
    X(IDE_E_RESET, "reset", "a reset is needed to finish it")                                                \
    X(IDE_E_NOT_READY, "not_ready", "the response is not ready yet")                                         \
    /* cryptography */                                                                                       \
    X(IDE_E_CRYPTO, "crypto", "a cryptographic operation failed")                                            \
    X(IDE_E_RANDOM, "random", "no random numbers")                                                           \
    X(IDE_E_KEY, "key", "the public key is not valid")                                                       \
    X(IDE_E_SIGNATURE, "signature", "the signature does not match")                                          \
    X(IDE_E_HMAC, "hmac", "the HMAC does not match")                                                         \
    X(IDE_E_RECORD, "record", "the record is not authentic")                                                 \
    X(IDE_E_SEQUENCE, "sequence", "the sequence number is not the next one")                                 \
    X(IDE_E_LIMIT, "limit", "a limit of the protocol is reached")                                            \
    /* who the peer is */                                                                                    \
    X(IDE_E_NO_TRUST, "no_trust", "there is no trust anchor")                                                \
    X(IDE_E_NO_CERT, "no_cert", "the slot has no certificate chain")                                         \
    X(IDE_E_CHAIN, "chain", "the certificate chain is malformed")                                            \
    X(IDE_E_UNTRUSTED, "untrusted", "the certificate chain does not lead to a trust anchor")                 \
    X(IDE_E_EXPIRED, "expired", "a certificate is not valid at this time")                                   \
    X(IDE_E_USAGE, "usage", "the certificate is not for this use")                                           \
    X(IDE_E_NAME, "name", "the certificate names another device")                                            \
    X(IDE_E_MEASUREMENT, "measurement", "a measurement is not the reference value")                          \
    X(IDE_E_NO_REFERENCE, "no_reference", "there are no reference values for the device")                    \
    /* sessions */                                                                                           \
    X(IDE_E_SESSION, "session", "there is no such session")                                                  \
    X(IDE_E_RESOURCES, "resources", "no free resource")                                                      \
    /* DOE and other transports */                                                                           \
    X(IDE_E_IO, "io", "the transport failed")                                                                \
    X(IDE_E_TIMEOUT, "timeout", "no answer in time")                                                         \
    X(IDE_E_NO_DOE, "no_doe", "the function has no usable DOE mailbox")                                      \
    X(IDE_E_DOE_BUSY, "doe_busy", "the DOE mailbox stays busy")                                              \
    X(IDE_E_DOE_ERROR, "doe_error", "the DOE mailbox signals an error")                                      \
    X(IDE_E_DOE_ABORT, "doe_abort", "the DOE mailbox does not recover from an abort")                        \
    X(IDE_E_DOE_LENGTH, "doe_length", "the DOE data object has a wrong length")                              \
    X(IDE_E_DOE_TYPE, "doe_type", "the DOE data object has another type")                                    \
    /* IDE_KM */                                                                                             \
    X(IDE_E_KM_REFUSED, "km_refused", "the device refused the key")                                          \
    X(IDE_E_KM_MISMATCH, "km_mismatch", "the IDE_KM answer is about another port, stream or key")            \
    /* PCI */                                                                                                \
    X(IDE_E_NO_DEVICE, "no_device", "there is no such function")                                             \
    X(IDE_E_NOT_PORT, "not_port", "the function is neither a PCIe root port nor an endpoint")                \
    X(IDE_E_NO_PARTNER, "no_partner", "the other end of the stream was not found")                           \
    X(IDE_E_AMBIGUOUS, "ambiguous", "there are several endpoints below the port; name one")                  \
    X(IDE_E_NO_IDE, "no_ide", "the function has no IDE extended capability")                                 \
    X(IDE_E_NO_STREAM, "no_stream", "there is no such stream")                                               \
    X(IDE_E_STREAM_RANGE, "stream_range", "the stream number is out of range")                               \
    X(IDE_E_STREAM_USED, "stream_used", "the stream is in use")                                              \
    X(IDE_E_FOREIGN, "foreign", "the stream belongs to someone else")                                        \
    X(IDE_E_INSECURE, "insecure", "a port does not report the stream as Secure")                             \
    X(IDE_E_PROVIDER, "provider", "no key provider serves the root port")                                    \
    X(IDE_E_REGISTER, "register", "the register did not take the value")                                     \
    X(IDE_E_ACCESS, "access", "the configuration space cannot be accessed")                                  \
    /* the controller's own */                                                                               \
    X(IDE_E_STORE, "store", "the state file cannot be used")

enum ide_err {
#define IDE_ERROR_CONSTANT(constant, name, text) constant,
    IDE_ERRORS(IDE_ERROR_CONSTANT)
#undef IDE_ERROR_CONSTANT
};

/* The stable name ("signature"), for JSON, logs and tests. Never NULL. */
const char *ide_err_name(enum ide_err err);

/* One sentence without a full stop ("the signature does not match"). Never NULL. */
const char *ide_err_text(enum ide_err err);

/*
 * What went wrong, where. All strings are static; nothing here is secret.
 * Filled by the layer that finds the fault first; layers above keep it.
 */
struct ide_fault {
    enum ide_err err;
    const char *step;    /* message or verb: "KEY_EXCHANGE_RSP", "DOE send"; NULL if none */
    const char *field;   /* field of the specification: "DHESel"; NULL if none */
    bool has_values;     /* got and want are meant */
    uint64_t got, want;
    uint8_t peer_code;   /* SPDM ERROR: error code, 0 if none (DSP0274 table "Error code and error data") */
    uint8_t peer_data;   /* SPDM ERROR: error data */
    uint8_t measurement; /* index of the measurement block that is at fault, 0 if none */
};

/* Records err at step and field and returns err, so that `return ide_fail(...)` reads well. */
enum ide_err ide_fail(struct ide_fault *fault, enum ide_err err, const char *step, const char *field);

/* The same, with the value that came and the value that was wanted. */
enum ide_err ide_fail_value(struct ide_fault *fault, enum ide_err err, const char *step, const char *field,
                            uint64_t got, uint64_t want);

/*
 * Writes the fault as one line, without a newline:
 *   "KEY_EXCHANGE_RSP: DHESel: the peer selected what was not offered (0x20, expected 0x10)"
 * At most size bytes with the NUL; returns text.
 */
char *ide_fault_text(const struct ide_fault *fault, char *text, size_t size);

#endif
