/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measurements: what a device measures, what a requester gets of it, and how a
 * record is read. The blocks have the form of the DMTF measurement
 * specification (DSP0274, "Measurement block"); no other is negotiated.
 */
#ifndef SPDM_MEASUREMENTS_H
#define SPDM_MEASUREMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spdm/connection.h"
#include "spdm/cursor.h"

#define SPDM_MEASUREMENT_SPEC_DMTF 1u

/* What GET_MEASUREMENTS may ask for instead of an index. */
#define SPDM_MEASUREMENT_COUNT     0x00u
#define SPDM_MEASUREMENT_ALL       0xffu
#define SPDM_MEASUREMENT_INDEX_MAX 0xfeu   /* the device mode; 0xfd is the manifest */

/* DMTFSpecMeasurementValueType, bits 6:0; bit 7 says that the value is a raw bit stream and no digest. */
enum spdm_measurement_type {
    SPDM_MEASURED_ROM,
    SPDM_MEASURED_FIRMWARE,
    SPDM_MEASURED_HARDWARE_CONFIG,
    SPDM_MEASURED_FIRMWARE_CONFIG,
    SPDM_MEASURED_MANIFEST,
    SPDM_MEASURED_DEVICE_MODE,
    SPDM_MEASURED_VERSION,
    SPDM_MEASURED_SVN,
    SPDM_MEASURED_HASH_EXTEND,   /* 1.3: what the measurement extension log adds up to */
    SPDM_MEASURED_INFORMATIONAL,
    SPDM_MEASURED_STRUCTURED_MANIFEST,
};

#define SPDM_MEASURED_TYPE_MASK 0x7fu
#define SPDM_MEASURED_RAW       0x80u

/* One block of a record. */
struct spdm_measurement_block {
    uint8_t index;
    uint8_t type;            /* SPDM_MEASURED_RAW perhaps included */
    uint16_t len;
    const uint8_t *value;
    const uint8_t *bytes;    /* the whole block, header included */
    size_t bytes_len;
};

/*
 * The next block of a record, in the form that p says. false at the end and on failure: read_done() tells which. Fields:
 * Index, MeasurementSpecification, MeasurementSize, DMTFSpecMeasurementValueType, DMTFSpecMeasurementValueSize.
 */
bool spdm_measurement_next(struct reader *record, const struct spdm_params *p, struct spdm_measurement_block *block);

/* Finds the block of an index in a record that spdm_get_measurements() gave; false if there is none. */
bool spdm_measurement_find(const uint8_t *record, size_t len, const struct spdm_params *p, uint8_t index,
                           struct spdm_measurement_block *block);

/* The requester. */

struct spdm_measurement_request {
    uint8_t index;       /* 1 to SPDM_MEASUREMENT_INDEX_MAX, or SPDM_MEASUREMENT_COUNT or _ALL */
    bool with_signature; /* over L1/L2: this exchange and the unsigned ones before it, with nothing else in between */
    bool raw;            /* 1.2: a raw bit stream where the device has one */
};

/* Whether the record changed while L1/L2 grew, as far as the device notices (1.2, signed only). */
enum spdm_content_changed { SPDM_CONTENT_UNKNOWN, SPDM_CONTENT_CHANGED, SPDM_CONTENT_UNCHANGED };

struct spdm_measurement_result {
    uint8_t total;       /* of SPDM_MEASUREMENT_COUNT: how many there are */
    uint8_t count;       /* blocks in the record */
    size_t record_len;
    enum spdm_content_changed content_changed;
    bool verified;       /* the signature that was asked for is right */
};

/*
 * GET_MEASUREMENTS over the channel. The blocks go to record, which is the caller's, as they came, once all of them
 * were checked and the signature, if one was asked for, verified with the key of c->peer (slot c->chain_slot). On failure
 * nothing is written, and L1/L2 is null here; the peer's may not be until it is asked for something else or has signed:
 * the next signature may then be refused, never accepted wrongly. What came unsigned outside a session may be anybody's.
 */
enum ide_err spdm_get_measurements(struct spdm_connection *c, const struct spdm_channel *channel,
                                   const struct spdm_measurement_request *request, uint8_t *record, size_t cap,
                                   struct spdm_measurement_result *result) MUST_USE;

/*
 * The same for several indices, one request each; only the last is signed, over all of them. A peer that says BUSY on
 * the way may have forgotten the first ones: the signature then fails.
 */
enum ide_err spdm_get_measurements_of(struct spdm_connection *c, const struct spdm_channel *channel,
                                      const uint8_t *indices, size_t index_count,
                                      const struct spdm_measurement_request *how, uint8_t *record, size_t cap,
                                      struct spdm_measurement_result *result) MUST_USE;

/*
 * GET_MEASUREMENT_EXTENSION_LOG in portions (1.3): the whole log, its entries counted, into the caller's buffer.
 * Nothing signs it; spdm_mel_check() compares it with measurements that were.
 */
enum ide_err spdm_get_mel(struct spdm_connection *c, const struct spdm_channel *channel, uint8_t *mel, size_t cap,
                          size_t *len) MUST_USE;

/* One entry of the log. */
struct spdm_mel_entry {
    uint32_t number;         /* MELIndex */
    uint8_t index;           /* of the measurement that it extends */
    uint8_t type;
    uint16_t len;
    const uint8_t *value;
    const uint8_t *bytes;    /* the whole entry */
    size_t bytes_len;
};

/* A reader over the entries of a log, with its header checked against them, or failed. */
struct reader spdm_mel_entries(const uint8_t *mel, size_t len);
/* The next entry; false at the end and on failure. */
bool spdm_mel_next(struct reader *entries, struct spdm_mel_entry *entry);

/*
 * Whether the log adds up to the record's blocks of type SPDM_MEASURED_HASH_EXTEND: digest = hash(digest || entry) for
 * each of its entries, from zeros. IDE_E_MEASUREMENT where it does not, IDE_E_UNSUPPORTED without a hash for it.
 */
enum ide_err spdm_mel_check(const struct spdm_params *p, const uint8_t *mel, size_t mel_len, const uint8_t *record,
                            size_t record_len, struct ide_fault *fault) MUST_USE;

/* The responder. */

enum device_measurement_form {
    MEASURED_EITHER,   /* value is what is measured: hashed, unless a raw bit stream is asked for */
    MEASURED_AS_RAW,   /* a manifest, a mode, a version: never hashed */
    MEASURED_AS_HASH,  /* value is a digest of the measurement hash's size, and all that there is */
};

/* One thing that a device measures. Borrowed. */
struct device_measurement {
    uint8_t index;     /* 1 to SPDM_MEASUREMENT_INDEX_MAX */
    enum spdm_measurement_type type;
    enum device_measurement_form form;
    bool tcb;          /* of the trusted computing base: in the TCB summary */
    const uint8_t *value;
    uint16_t len;
};

/* What a device has of measurements; for struct spdm_responder. */
struct device_measurements {
    const struct device_measurement *list;   /* by index, ascending */
    size_t count;
    const uint8_t *mel;                      /* the log as on the wire; NULL: none */
    size_t mel_len;
};

/* MeasurementSummaryHash, in CHALLENGE_AUTH, KEY_EXCHANGE_RSP and PSK_EXCHANGE_RSP. */

struct spdm_responder;

/* How long it is: 0 where none was asked for or the responder has no MEAS_CAP, else the base hash's size. */
uint8_t spdm_summary_len(const struct spdm_params *p, uint8_t type);

/* Requester: whether it may be asked for as the configuration says; IDE_E_CAPABILITY at MEAS_CAP if not. */
enum ide_err spdm_summary_wanted(struct spdm_connection *c, const char *step) MUST_USE;

/* Requester: keeps what a verified response brought, or that there is none. */
void spdm_summary_keep(struct spdm_connection *c, const uint8_t *summary, uint8_t len);

/* Responder: checks what a request asks for, and makes it; *len is spdm_summary_len(). */
enum ide_err spdm_responder_summary(struct spdm_responder *r, uint8_t type, const char *step, uint8_t *summary,
                                    uint8_t *len) MUST_USE;

#endif
