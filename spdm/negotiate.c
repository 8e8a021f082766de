/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NEGOTIATE_ALGORITHMS and ALGORITHMS (DSP0274 1.2 §10.5): the codec. What is chosen is in algorithm_choice.c. */
#include "spdm/internal.h"

#define EXT_SIZE           4u   /* one extended algorithm */
#define FIXED_ALG_SIZE     2u   /* AlgSupported of every structure defined so far */
#define REQUEST_LENGTH_MAX 128u /* §10.5 */

static void structure_decode(struct reader *r, struct spdm_algorithms *m, uint8_t *previous)
{
    uint8_t type = read_u8(r, "AlgType");
    uint8_t count = read_u8(r, "AlgCount");
    size_t fixed = count >> 4, ext = count & 0x0f;
    if (type <= *previous)
        read_fail_value(r, IDE_E_FIELD, "AlgType", type, *previous + 1u);
    *previous = type;
    m->ext_structure |= ext > 0;
    if (type < SPDM_ALGORITHM_DHE || type >= SPDM_ALGORITHM_TYPES) {
        m->unknown_structure = true;
        read_bytes(r, fixed, "AlgSupported");
    } else {
        read_expect(r, fixed, FIXED_ALG_SIZE, "AlgCount");
        m->structure[type] = read_u16(r, "AlgSupported");
        m->present |= (uint8_t)(1u << type);
    }
    read_bytes(r, ext * EXT_SIZE, "AlgExternal");
}

static void structures_decode(struct reader *r, const struct spdm_params *p, struct spdm_algorithms *m)
{
    size_t ext = (size_t)m->ext_asym_count + m->ext_hash_count;
    m->ext = read_bytes(r, ext * EXT_SIZE, "ExtAsym");
    uint8_t previous = 0;
    unsigned count = p->version >= SPDM_VERSION_11 ? m->header.param1 : 0;
    for (unsigned i = 0; i < count && r->err == IDE_OK; i++)
        structure_decode(r, m, &previous);
}

static void structures_encode(struct writer *w, const struct spdm_params *p, const struct spdm_algorithms *m)
{
    write_bytes(w, m->ext, ((size_t)m->ext_asym_count + m->ext_hash_count) * EXT_SIZE);
    if (p->version < SPDM_VERSION_11)
        return;
    for (unsigned type = SPDM_ALGORITHM_DHE; type < SPDM_ALGORITHM_TYPES; type++) {
        if (!(m->present & 1u << type))
            continue;
        write_u8(w, (uint8_t)type);
        write_u8(w, FIXED_ALG_SIZE << 4);
        write_u16(w, m->structure[type]);
    }
}

static void head_decode(struct reader *r, struct spdm_algorithms *m, uint16_t *length)
{
    *m = (struct spdm_algorithms){.header = m->header};
    *length = read_u16(r, "Length");
    m->measurement_spec = read_u8(r, "MeasurementSpecification");
    m->other_params = read_u8(r, "OtherParams");
}

static void request_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_algorithms *m = message;
    uint16_t length;
    head_decode(r, m, &length);
    if (length > REQUEST_LENGTH_MAX)
        read_fail_value(r, IDE_E_FIELD, "Length", length, REQUEST_LENGTH_MAX);
    m->base_asym = read_u32(r, "BaseAsymAlgo");
    m->base_hash = read_u32(r, "BaseHashAlgo");
    m->pqc_asym = read_u32(r, "PqcAsymAlgo");
    read_bytes(r, 8, "Reserved");
    m->ext_asym_count = read_u8(r, "ExtAsymCount");
    m->ext_hash_count = read_u8(r, "ExtHashCount");
    read_u8(r, "Reserved");
    m->mel_spec = read_u8(r, "MELspecification");
    structures_decode(r, p, m);
    read_expect(r, length, r->pos, "Length");
}

static void request_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_algorithms *m = message;
    size_t start = w->pos - SPDM_HEADER_SIZE;
    size_t length = write_reserve_u16(w);
    write_u8(w, m->measurement_spec);
    write_u8(w, m->other_params);
    write_u32(w, m->base_asym);
    write_u32(w, m->base_hash);
    write_u32(w, m->pqc_asym);
    write_zero(w, 8);
    write_u8(w, m->ext_asym_count);
    write_u8(w, m->ext_hash_count);
    write_u8(w, 0);
    write_u8(w, m->mel_spec);
    structures_encode(w, p, m);
    write_fill_u16(w, length, (uint16_t)(w->pos - start));
}

static void response_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_algorithms *m = message;
    uint16_t length;
    head_decode(r, m, &length);
    m->measurement_hash = read_u32(r, "MeasurementHashAlgo");
    m->base_asym = read_u32(r, "BaseAsymSel");
    m->base_hash = read_u32(r, "BaseHashSel");
    m->pqc_asym = read_u32(r, "PqcAsymSel");
    read_bytes(r, 7, "Reserved");
    m->mel_spec = read_u8(r, "MELspecificationSel");
    m->ext_asym_count = read_u8(r, "ExtAsymSelCount");
    m->ext_hash_count = read_u8(r, "ExtHashSelCount");
    read_u16(r, "Reserved");
    structures_decode(r, p, m);
    read_expect(r, length, r->pos, "Length");
}

static void response_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_algorithms *m = message;
    size_t start = w->pos - SPDM_HEADER_SIZE;
    size_t length = write_reserve_u16(w);
    write_u8(w, m->measurement_spec);
    write_u8(w, m->other_params);
    write_u32(w, m->measurement_hash);
    write_u32(w, m->base_asym);
    write_u32(w, m->base_hash);
    write_u32(w, m->pqc_asym);
    write_zero(w, 7);
    write_u8(w, m->mel_spec);
    write_u8(w, m->ext_asym_count);
    write_u8(w, m->ext_hash_count);
    write_u16(w, 0);
    structures_encode(w, p, m);
    write_fill_u16(w, length, (uint16_t)(w->pos - start));
}

const struct spdm_message spdm_msg_negotiate_algorithms = {
    SPDM_NEGOTIATE_ALGORITHMS, SPDM_VERSION_10, "NEGOTIATE_ALGORITHMS", request_decode, request_encode};
const struct spdm_message spdm_msg_algorithms = {SPDM_ALGORITHMS, SPDM_VERSION_10, "ALGORITHMS",
                                                 response_decode, response_encode};
