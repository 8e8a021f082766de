/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/reference_values.h"

#include <string.h>

#include "spdm/internal.h"

#define STEP "MEASUREMENTS"

static enum ide_err fail_at(struct ide_fault *fault, const char *field, uint8_t index)
{
    ide_fail(fault, IDE_E_MEASUREMENT, STEP, field);
    fault->measurement = index;
    return IDE_E_MEASUREMENT;
}

/* A block against all the values of its index. */
static enum ide_err check_block(const struct reference_values *values, const struct spdm_measurement_block *block,
                                struct ide_fault *fault)
{
    bool expected = false, same = false;
    for (size_t i = 0; i < values->count; i++) {
        const struct reference_value *v = &values->list[i];
        if (v->index != block->index)
            continue;
        expected = true;
        if (v->len == block->len && equal_secret(v->value, block->value, v->len))
            same = true;
    }
    if (!expected)
        return values->complete ? fail_at(fault, "Index", block->index) : IDE_OK;
    return same ? IDE_OK : fail_at(fault, "DMTFSpecMeasurementValue", block->index);
}

enum ide_err reference_values_check(const struct reference_values *values, const struct spdm_params *p,
                                    const uint8_t *record, size_t len, struct ide_fault *fault)
{
    struct reader blocks = reader_of(record, len);
    struct spdm_measurement_block block;
    if (values->count == 0)
        return ide_fail(fault, IDE_E_ARGUMENT, STEP, "reference values");
    while (spdm_measurement_next(&blocks, p, &block)) {
        enum ide_err err = check_block(values, &block, fault);
        if (err != IDE_OK)
            return err;
    }
    enum ide_err err = read_done(&blocks, fault, STEP);
    if (err != IDE_OK)
        return err;
    for (size_t i = 0; i < values->count; i++)
        if (!spdm_measurement_find(record, len, p, values->list[i].index, &block))
            return fail_at(fault, "MeasurementBlock", values->list[i].index);
    return IDE_OK;
}

static bool is_tcb(const struct reference_values *values, uint8_t index)
{
    for (size_t i = 0; values && i < values->count; i++)
        if (values->list[i].index == index && values->list[i].tcb)
            return true;
    return false;
}

/* The summary that a responder makes of these blocks; zeros without any (DSP0274 1.2, CHALLENGE_AUTH). */
static enum ide_err summarise(struct spdm_connection *c, const struct reference_values *values, struct reader *blocks,
                              uint8_t *summary)
{
    struct spdm_measurement_block block;
    struct hash hash;
    size_t taken = 0;
    enum ide_err err = hash_init(&hash, c->params.hash->id);
    while (err == IDE_OK && spdm_measurement_next(blocks, &c->params, &block)) {
        if (c->summary_type == SPDM_SUMMARY_TCB && !is_tcb(values, block.index))
            continue;
        taken++;
        err = hash_update(&hash, block.bytes, block.bytes_len);
    }
    if (err == IDE_OK)
        err = hash_final(&hash, summary);
    if (err == IDE_OK && taken == 0)
        memset(summary, 0, c->params.hash->size);
    return err;
}

enum ide_err reference_summary_check(struct spdm_connection *c, const struct reference_values *values,
                                     const uint8_t *record, size_t len)
{
    struct reader blocks = reader_of(record, len);
    uint8_t summary[HASH_SIZE_MAX];
    if (c->summary_type == SPDM_SUMMARY_NONE || !c->params.hash)
        return ide_fail(&c->fault, IDE_E_STATE, STEP, "MeasurementSummaryHash");
    enum ide_err err = summarise(c, values, &blocks, summary);
    if (err == IDE_OK)
        err = read_done(&blocks, &c->fault, STEP);
    if (err == IDE_OK && !equal_secret(summary, c->summary, c->params.hash->size))
        err = ide_fail(&c->fault, IDE_E_MEASUREMENT, STEP, "MeasurementSummaryHash");
    return err;
}
