/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wire codec's common part. Each message pair has a file of its own (version.c,
 * capabilities.c, ...) with its structs, one const descriptor a direction,
 * the requester's step and the responder's handler.
 */
#ifndef SPDM_MESSAGE_H
#define SPDM_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "spdm/connection.h"
#include "spdm/cursor.h"

/* Request response codes (DSP0274 1.2 §9.3). */
enum spdm_code {
    SPDM_DIGESTS = 0x01,
    SPDM_CERTIFICATE = 0x02,
    SPDM_CHALLENGE_AUTH = 0x03,
    SPDM_VERSION = 0x04,
    SPDM_CHUNK_SEND_ACK = 0x05,
    SPDM_CHUNK_RESPONSE = 0x06,
    SPDM_ENDPOINT_INFO = 0x07,
    SPDM_MEASUREMENTS = 0x60,
    SPDM_CAPABILITIES = 0x61,
    SPDM_SUPPORTED_EVENT_TYPES = 0x62,
    SPDM_ALGORITHMS = 0x63,
    SPDM_KEY_EXCHANGE_RSP = 0x64,
    SPDM_FINISH_RSP = 0x65,
    SPDM_PSK_EXCHANGE_RSP = 0x66,
    SPDM_PSK_FINISH_RSP = 0x67,
    SPDM_HEARTBEAT_ACK = 0x68,
    SPDM_KEY_UPDATE_ACK = 0x69,
    SPDM_ENCAPSULATED_REQUEST = 0x6a,
    SPDM_ENCAPSULATED_RESPONSE_ACK = 0x6b,
    SPDM_END_SESSION_ACK = 0x6c,
    SPDM_CSR = 0x6d,
    SPDM_SET_CERTIFICATE_RSP = 0x6e,
    SPDM_MEASUREMENT_EXTENSION_LOG = 0x6f,
    SPDM_SUBSCRIBE_EVENT_TYPES_ACK = 0x70,
    SPDM_EVENT_ACK = 0x71,
    SPDM_KEY_PAIR_INFO = 0x7c,
    SPDM_SET_KEY_PAIR_INFO_ACK = 0x7d,
    SPDM_VENDOR_DEFINED_RESPONSE = 0x7e,
    SPDM_ERROR = 0x7f,
    SPDM_GET_DIGESTS = 0x81,
    SPDM_GET_CERTIFICATE = 0x82,
    SPDM_CHALLENGE = 0x83,
    SPDM_GET_VERSION = 0x84,
    SPDM_CHUNK_SEND = 0x85,
    SPDM_CHUNK_GET = 0x86,
    SPDM_GET_ENDPOINT_INFO = 0x87,
    SPDM_GET_MEASUREMENTS = 0xe0,
    SPDM_GET_CAPABILITIES = 0xe1,
    SPDM_GET_SUPPORTED_EVENT_TYPES = 0xe2,
    SPDM_NEGOTIATE_ALGORITHMS = 0xe3,
    SPDM_KEY_EXCHANGE = 0xe4,
    SPDM_FINISH = 0xe5,
    SPDM_PSK_EXCHANGE = 0xe6,
    SPDM_PSK_FINISH = 0xe7,
    SPDM_HEARTBEAT = 0xe8,
    SPDM_KEY_UPDATE = 0xe9,
    SPDM_GET_ENCAPSULATED_REQUEST = 0xea,
    SPDM_DELIVER_ENCAPSULATED_RESPONSE = 0xeb,
    SPDM_END_SESSION = 0xec,
    SPDM_GET_CSR = 0xed,
    SPDM_SET_CERTIFICATE = 0xee,
    SPDM_GET_MEASUREMENT_EXTENSION_LOG = 0xef,
    SPDM_SUBSCRIBE_EVENT_TYPES = 0xf0,
    SPDM_SEND_EVENT = 0xf1,
    SPDM_GET_KEY_PAIR_INFO = 0xfc,
    SPDM_SET_KEY_PAIR_INFO = 0xfd,
    SPDM_VENDOR_DEFINED_REQUEST = 0xfe,
    SPDM_RESPOND_IF_READY = 0xff,
};

/* Error codes of an ERROR response (DSP0274 1.2 table "Error code and error data"). */
#define SPDM_ERROR_CODES(X)                                                                                  \
    X(SPDM_ERROR_INVALID_REQUEST, 0x01, "InvalidRequest")                                                    \
    X(SPDM_ERROR_BUSY, 0x03, "Busy")                                                                         \
    X(SPDM_ERROR_UNEXPECTED_REQUEST, 0x04, "UnexpectedRequest")                                              \
    X(SPDM_ERROR_UNSPECIFIED, 0x05, "Unspecified")                                                           \
    X(SPDM_ERROR_DECRYPT_ERROR, 0x06, "DecryptError")                                                        \
    X(SPDM_ERROR_UNSUPPORTED_REQUEST, 0x07, "UnsupportedRequest")                                            \
    X(SPDM_ERROR_REQUEST_IN_FLIGHT, 0x08, "RequestInFlight")                                                 \
    X(SPDM_ERROR_INVALID_RESPONSE_CODE, 0x09, "InvalidResponseCode")                                         \
    X(SPDM_ERROR_SESSION_LIMIT_EXCEEDED, 0x0a, "SessionLimitExceeded")                                       \
    X(SPDM_ERROR_SESSION_REQUIRED, 0x0b, "SessionRequired")                                                  \
    X(SPDM_ERROR_RESET_REQUIRED, 0x0c, "ResetRequired")                                                      \
    X(SPDM_ERROR_RESPONSE_TOO_LARGE, 0x0d, "ResponseTooLarge")                                               \
    X(SPDM_ERROR_REQUEST_TOO_LARGE, 0x0e, "RequestTooLarge")                                                 \
    X(SPDM_ERROR_LARGE_RESPONSE, 0x0f, "LargeResponse")                                                      \
    X(SPDM_ERROR_MESSAGE_LOST, 0x10, "MessageLost")                                                          \
    X(SPDM_ERROR_INVALID_POLICY, 0x11, "InvalidPolicy")                                                      \
    X(SPDM_ERROR_DATA_TOO_LARGE, 0x12, "DataTooLarge")                                                       \
    X(SPDM_ERROR_VERSION_MISMATCH, 0x41, "VersionMismatch")                                                  \
    X(SPDM_ERROR_RESPONSE_NOT_READY, 0x42, "ResponseNotReady")                                               \
    X(SPDM_ERROR_REQUEST_RESYNCH, 0x43, "RequestResynch")                                                    \
    X(SPDM_ERROR_OPERATION_FAILED, 0x44, "OperationFailed")                                                  \
    X(SPDM_ERROR_NO_PENDING_REQUESTS, 0x45, "NoPendingRequests")                                             \
    X(SPDM_ERROR_SESSION_TERMINATED, 0x46, "RequestSessionTermination")                                      \
    X(SPDM_ERROR_INVALID_STATE, 0x47, "InvalidState")                                                        \
    X(SPDM_ERROR_VENDOR_DEFINED, 0xff, "VendorDefinedError")

enum spdm_error_code {
#define SPDM_ERROR_CONSTANT(constant, code, name) constant = (code),
    SPDM_ERROR_CODES(SPDM_ERROR_CONSTANT)
#undef SPDM_ERROR_CONSTANT
};

/* The code's name in the specification, "reserved" if it has none. Never NULL. */
const char *spdm_error_name(uint8_t code);

/* The first member of every message struct. version and code are set by the codec when encoding. */
struct spdm_header {
    uint8_t version, code, param1, param2;
};

/*
 * One message. decode is called with the header read and checked; it reads the rest up to the message's end and leaves
 * trailing transport padding alone, so that the reader's position says how long the message is. Pointers in the struct
 * borrow from the reader's data. A message that ends in a signature or verify data records signed_len, where they begin.
 * encode is called with the header written; a NULL signature ends it there, so that a signer can go on.
 * Both are NULL in a message that is its header.
 */
struct spdm_message {
    uint8_t code;
    uint8_t first_version;
    const char *name;          /* "KEY_EXCHANGE_RSP" */
    void (*decode)(struct reader *r, const struct spdm_params *p, void *message);
    void (*encode)(struct writer *w, const struct spdm_params *p, const void *message);
};

/*
 * Decodes one whole message, header included. Checks version (against p->version; GET_VERSION and VERSION carry 1.0)
 * and code, and that behind the message there is no more than the padding to a dword. *consumed is the message's own
 * length. message is not cleared: what a message's decode wants to be told is set in it by the caller. Errors name the
 * field in fault: IDE_E_SHORT, IDE_E_LONG, IDE_E_FIELD, IDE_E_VERSION (SPDMVersion), IDE_E_UNEXPECTED
 * (RequestResponseCode).
 */
enum ide_err spdm_decode(const struct spdm_message *m, const struct spdm_params *p, const uint8_t *data, size_t len,
                         void *message, size_t *consumed, struct ide_fault *fault) MUST_USE;

/* Encodes one whole message, header included, into data; *len is its length. IDE_E_SPACE if cap is too small. */
enum ide_err spdm_encode(const struct spdm_message *m, const struct spdm_params *p, const void *message, uint8_t *data,
                         size_t cap, size_t *len) MUST_USE;

/* The same, behind what stands in w already; w fails sticky. For responses that a signature or a payload goes on to. */
void spdm_write(const struct spdm_message *m, const struct spdm_params *p, const void *message, struct writer *w);

#endif
