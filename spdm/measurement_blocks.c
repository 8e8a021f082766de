/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measurement blocks (DSP0274, "Measurement block" and "DMTF specification for the Measurement field"): read from
 * a record, and made of what a device measures, for MEASUREMENTS and for summary hashes.
 */
#include <string.h>

#include "spdm/internal.h"

#define VALUE_HEADER_SIZE 3u   /* DMTFSpecMeasurementValueType, ...ValueSize */
#define BLOCK_HEADER_SIZE (4u + VALUE_HEADER_SIZE)

/* A digest has the size of the algorithm that was agreed on; without one there are only raw bit streams. */
static void check_value(struct reader *r, const struct spdm_params *p, const struct spdm_measurement_block *b)
{
    if (b->type & SPDM_MEASURED_RAW)
        return;
    if (p->measurement_hash_size == 0)
        read_fail_value(r, IDE_E_FIELD, "DMTFSpecMeasurementValueType", b->type, b->type | SPDM_MEASURED_RAW);
    read_expect(r, b->len, p->measurement_hash_size, "DMTFSpecMeasurementValueSize");
}

/* What failed within a part has failed in the whole. */
static void take_failure(struct reader *whole, const struct reader *part)
{
    if (part->err != IDE_OK && part->has_values)
        read_fail_value(whole, part->err, part->field, part->got, part->want);
    else if (part->err != IDE_OK)
        read_fail(whole, part->err, part->field);
}

bool spdm_measurement_next(struct reader *record, const struct spdm_params *p, struct spdm_measurement_block *block)
{
    struct reader whole = *record;
    if (record->err != IDE_OK)
        return false;
    *block = (struct spdm_measurement_block){0};
    if (read_left(record) == 0)
        return false;
    block->index = read_u8(record, "Index");
    if (block->index == 0 || block->index > SPDM_MEASUREMENT_INDEX_MAX)
        read_fail_value(record, IDE_E_FIELD, "Index", block->index, SPDM_MEASUREMENT_INDEX_MAX);
    uint8_t spec = read_u8(record, "MeasurementSpecification");
    read_expect(record, spec, p->measurement_spec, "MeasurementSpecification");
    uint16_t size = read_u16(record, "MeasurementSize");
    struct reader measurement = read_sub(record, size, "MeasurementSize");
    block->type = read_u8(&measurement, "DMTFSpecMeasurementValueType");
    block->len = read_u16(&measurement, "DMTFSpecMeasurementValueSize");
    block->value = read_bytes(&measurement, block->len, "DMTFSpecMeasurementValueSize");
    check_value(&measurement, p, block);
    if (measurement.err == IDE_OK && read_left(&measurement) > 0)
        read_fail_value(&measurement, IDE_E_FIELD, "MeasurementSize", size, VALUE_HEADER_SIZE + block->len);
    take_failure(record, &measurement);
    block->bytes_len = record->pos - whole.pos;
    block->bytes = read_bytes(&whole, block->bytes_len, "MeasurementBlock");
    return record->err == IDE_OK;
}

bool spdm_measurement_find(const uint8_t *record, size_t len, const struct spdm_params *p, uint8_t index,
                           struct spdm_measurement_block *block)
{
    struct reader r = reader_of(record, len);
    while (spdm_measurement_next(&r, p, block))
        if (block->index == index)
            return true;
    return false;
}

/* --- what a device measures ----------------------------------------------------------------------------------- */

/* A block before it is written. */
struct made_block {
    uint8_t header[BLOCK_HEADER_SIZE];
    const uint8_t *value;
    uint16_t len;
    uint8_t digest[HASH_SIZE_MAX];
};

/* The value in the form that is asked for: as it is, or its digest. */
static enum ide_err choose_value(const struct spdm_params *p, const struct device_measurement *m, bool raw,
                                 struct made_block *b, uint8_t *type)
{
    bool as_hash = m->form == MEASURED_AS_HASH;
    b->value = m->value;
    b->len = m->len;
    *type = (uint8_t)(m->type | (as_hash ? 0 : SPDM_MEASURED_RAW));
    if (as_hash)
        return m->len == p->measurement_hash_size && m->len > 0 ? IDE_OK : IDE_E_INTERNAL;
    if (m->form == MEASURED_AS_RAW || raw || p->measurement_hash_size == 0)
        return m->len <= UINT16_MAX - VALUE_HEADER_SIZE ? IDE_OK : IDE_E_INTERNAL;
    if (!p->measurement_hash)
        return IDE_E_UNSUPPORTED;
    b->value = b->digest;
    b->len = p->measurement_hash_size;
    *type = (uint8_t)m->type;
    return hash_once(p->measurement_hash->id, m->value, m->len, b->digest);
}

static enum ide_err make_block(const struct spdm_params *p, const struct device_measurement *m, bool raw,
                               struct made_block *b)
{
    struct writer w = writer_of(b->header, sizeof b->header);
    uint8_t type = 0;
    enum ide_err err = choose_value(p, m, raw, b, &type);
    write_u8(&w, m->index);
    write_u8(&w, SPDM_MEASUREMENT_SPEC_DMTF);
    write_u16(&w, (uint16_t)(VALUE_HEADER_SIZE + b->len));
    write_u8(&w, type);
    write_u16(&w, b->len);
    return err == IDE_OK ? write_done(&w) : err;
}

const struct device_measurement *device_measurement_find(const struct device_measurements *d, uint8_t index)
{
    for (size_t i = 0; d && i < d->count; i++)
        if (d->list[i].index == index)
            return &d->list[i];
    return NULL;
}

enum ide_err device_measurement_write(const struct spdm_params *p, const struct device_measurement *m, bool raw,
                                      struct writer *w)
{
    struct made_block b;
    enum ide_err err = make_block(p, m, raw, &b);
    if (err != IDE_OK)
        return err;
    write_bytes(w, b.header, sizeof b.header);
    write_bytes(w, b.value, b.len);
    return write_done(w);
}

/* --- MeasurementSummaryHash ------------------------------------------------------------------------------------- */

uint8_t spdm_summary_len(const struct spdm_params *p, uint8_t type)
{
    bool there = type != SPDM_SUMMARY_NONE && p->flags_responder & SPDM_CAP_MEAS_MASK;
    return there && p->hash ? p->hash->size : 0;
}

enum ide_err spdm_summary_wanted(struct spdm_connection *c, const char *step)
{
    uint8_t type = c->config->summary_type;
    if (type == SPDM_SUMMARY_NONE)
        return IDE_OK;
    if (type != SPDM_SUMMARY_TCB && type != SPDM_SUMMARY_ALL)
        return ide_fail_value(&c->fault, IDE_E_ARGUMENT, step, "MeasurementSummaryHashType", type, SPDM_SUMMARY_ALL);
    if (c->state == SPDM_NEGOTIATED && c->params.measurement_spec == 0)
        return ide_fail(&c->fault, IDE_E_CAPABILITY, step, "MEAS_CAP");
    return spdm_peer_can(c, SPDM_CAP_MEAS_MASK, step, "MEAS_CAP");
}

void spdm_summary_keep(struct spdm_connection *c, const uint8_t *summary, uint8_t len)
{
    bool there = len > 0 && len <= sizeof c->summary;
    c->summary_type = there ? c->config->summary_type : SPDM_SUMMARY_NONE;
    if (there)
        memcpy(c->summary, summary, len);
}

/* All blocks or those of the TCB, as they stand in a record that nobody asked to be raw. No TCB: zeros. */
static enum ide_err make_summary(const struct spdm_params *p, const struct device_measurements *d, uint8_t type,
                                 uint8_t *summary)
{
    struct hash hash;
    size_t taken = 0;
    enum ide_err err = hash_init(&hash, p->hash->id);
    for (size_t i = 0; err == IDE_OK && d && i < d->count; i++) {
        struct made_block b;
        if (type == SPDM_SUMMARY_TCB && !d->list[i].tcb)
            continue;
        taken++;
        err = make_block(p, &d->list[i], false, &b);
        if (err == IDE_OK)
            err = hash_update(&hash, b.header, sizeof b.header);
        if (err == IDE_OK)
            err = hash_update(&hash, b.value, b.len);
    }
    if (err == IDE_OK)
        err = hash_final(&hash, summary);
    if (err == IDE_OK && taken == 0)
        memset(summary, 0, p->hash->size);
    return err;
}

enum ide_err spdm_responder_summary(struct spdm_responder *r, uint8_t type, const char *step, uint8_t *summary,
                                    uint8_t *len)
{
    struct spdm_connection *c = &r->connection;
    const char *field = "MeasurementSummaryHashType";
    *len = 0;
    if (type != SPDM_SUMMARY_NONE && type != SPDM_SUMMARY_TCB && type != SPDM_SUMMARY_ALL)
        return ide_fail_value(&c->fault, IDE_E_FIELD, step, field, type, SPDM_SUMMARY_NONE);
    *len = spdm_summary_len(&c->params, type);
    if (*len == 0)
        return IDE_OK;
    if (c->params.measurement_spec != SPDM_MEASUREMENT_SPEC_DMTF)
        return ide_fail(&c->fault, IDE_E_STATE, step, "MeasurementSpecificationSel");
    enum ide_err err = make_summary(&c->params, r->measurements, type, summary);
    return err == IDE_OK ? IDE_OK : ide_fail(&c->fault, err, step, "MeasurementSummaryHash");
}
