/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ways in which a function can be told to misbehave, and which of them are
 * on. What each does is where it happens: misbehave.c for data objects,
 * device.c for certificates, the model for registers and keys.
 */
#ifndef IDE_EMU_FAULT_H
#define IDE_EMU_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(constant, name, countable, default value or 0 for "takes none", help) */
#define EMU_FAULTS(X)                                                                                        \
    /* the mailbox */                                                                                        \
    X(FAULT_DOE_BUSY, "doe-busy", false, 0, "the mailbox stays BUSY")                                        \
    X(FAULT_DOE_STUCK, "doe-stuck", false, 0, "an abort leaves ERROR set")                                   \
    X(FAULT_DOE_ERROR, "doe-error", true, 0, "the mailbox answers with ERROR")                               \
    X(FAULT_DOE_LENGTH, "wrong-length-doe", true, 0, "the data object's length field is one dword too many") \
    X(FAULT_DOE_TYPE, "wrong-type-doe", true, 0, "the data object has another type")                         \
    X(FAULT_SILENT, "silent", true, 0, "there is no answer")                                                 \
    X(FAULT_LATE, "late", true, 1500, "the answer comes after this many milliseconds")                       \
    X(FAULT_SHORT, "short", true, 0, "the message ends in its middle")                                       \
    X(FAULT_LONG, "long", true, 0, "the message has 32 bytes more than its fields allow")                    \
    /* SPDM */                                                                                               \
    X(FAULT_SPDM_BUSY, "spdm-busy", true, 0, "every request outside sessions gets ERROR Busy")               \
    X(FAULT_SPDM_ERROR, "spdm-error", true, 0, "every request outside sessions gets ERROR Unspecified")      \
    X(FAULT_NO_VERSION, "no-common-version", true, 0, "VERSION offers 9.9 only")                             \
    X(FAULT_WRONG_VERSION, "wrong-version", true, 0, "messages carry a version that was not agreed on")      \
    X(FAULT_UNOFFERED, "unoffered-algorithm", true, 0, "ALGORITHMS selects what was not offered")            \
    X(FAULT_SIGNATURE, "bad-signature", true, 0, "CHALLENGE_AUTH has a bad signature")                       \
    X(FAULT_SIGNATURE_KEX, "bad-signature-key-exchange", true, 0, "KEY_EXCHANGE_RSP has a bad signature")    \
    X(FAULT_HMAC, "bad-hmac", true, 0, "KEY_EXCHANGE_RSP has bad verify data")                               \
    X(FAULT_REPLAYED_RECORD, "replayed-record", true, 0, "the last record of the session comes again")       \
    X(FAULT_ALTERED_RECORD, "altered-record", true, 0, "one bit of the record is flipped")                   \
    X(FAULT_FORGET, "forget-sessions", true, 0, "the device has forgotten its sessions")                     \
    /* who it is */                                                                                          \
    X(FAULT_BAD_CHAIN, "bad-chain", false, 0, "the leaf certificate is not well-formed")                     \
    X(FAULT_EXPIRED_CHAIN, "expired-chain", false, 0, "the leaf certificate has expired")                    \
    X(FAULT_FOREIGN_CHAIN, "foreign-chain", false, 0, "the chain leads to another root")                     \
    X(FAULT_WRONG_NAME, "wrong-name", false, 0, "the leaf certificate names another device")                 \
    X(FAULT_NO_NAME, "no-name", false, 0, "the leaf certificate has no CMA name")                            \
    /* IDE_KM and streams */                                                                                 \
    X(FAULT_KM_REFUSE, "km-refuse", true, 4, "KP_ACK has this status")                                       \
    X(FAULT_GO_REFUSE, "go-refuse", true, 0, "K_SET_GO is refused")                                          \
    X(FAULT_STOP_REFUSE, "stop-refuse", true, 0, "K_SET_STOP is refused")                                    \
    X(FAULT_WRONG_BDF, "wrong-bdf", true, 0, "QUERY_RESP carries another bus number")                        \
    X(FAULT_WRONG_SEGMENT, "wrong-segment", true, 0, "QUERY_RESP carries another segment")                   \
    X(FAULT_NO_NUMBER, "no-number", false, 0, "QUERY_RESP of every port says 00:00.0")                       \
    X(FAULT_STAYS_INSECURE, "stays-insecure", false, 0, "the stream status never says Secure")               \
    /* its registers */                                                                                      \
    X(FAULT_STUCK_REGISTERS, "stuck-registers", false, 0, "writes to its registers are lost, but for DOE")   \
    /* the key configuration unit of a root port */                                                          \
    X(FAULT_KCU_DEAD, "kcu-dead", false, 0, "all registers of the key unit read as ones")                    \
    X(FAULT_KCU_NOT_READY, "kcu-not-ready", false, 0, "a key set that was primed does not get ready")        \
    X(FAULT_KCU_NO_CHANGE, "kcu-no-change", false, 0, "the transmitter does not take the key set selected")  \
    X(FAULT_KCU_SLOT, "kcu-slot-error", false, 0, "a key slot holds another key than was written")

enum fault_id {
#define FAULT_CONSTANT(constant, name, countable, value, help) constant,
    EMU_FAULTS(FAULT_CONSTANT)
#undef FAULT_CONSTANT
    FAULT_COUNT
};

struct fault_info {
    const char *name;
    bool countable;          /* false: it is a state, not something that happens a number of times */
    uint32_t value;
    const char *help;
};
extern const struct fault_info fault_table[FAULT_COUNT];

#define FAULT_FOREVER UINT32_MAX

/* Per function. Zeroed: behaves. */
struct fault_set {
    uint32_t left[FAULT_COUNT];    /* how often it will still happen */
    uint32_t value[FAULT_COUNT];
};

bool fault_is_on(const struct fault_set *set, enum fault_id id);
/* The same for what happens: counts it. */
bool fault_use(struct fault_set *set, enum fault_id id);

struct fault_order {
    enum fault_id id;
    uint32_t value, count;
};

/* Parses "late", "late=2000", "late:3", "late=2000:3"; otherwise *error is a static string. */
bool fault_parse(const char *text, struct fault_order *order, const char **error);
void fault_set_on(struct fault_set *set, const struct fault_order *order);
void fault_set_clear(struct fault_set *set);

#endif
