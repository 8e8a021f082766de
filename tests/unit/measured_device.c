/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "measured_device.h"

#include "spdm/crypto.h"

static const uint8_t rom[] = "a boot ROM";
static const uint8_t firmware[] = "a firmware, rather longer than its digest is, so that nobody confuses them";
static const uint8_t straps[32] = {0xde, 0xad, 0xbe, 0xef}, svn[8] = {7}, manifest[] = "{}";

static const uint8_t mel[] = {
    3, 0, 0, 0, 47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,             /* entries, their length, reserved */
    1, 0, 0, 0, 0x11, 0, 0, 0, 0x89, 3, 0, 'R', 'O', 'M',
    2, 0, 0, 0, 0x11, 0, 0, 0, 0x89, 7, 0, 'B', 'o', 'o', 't', ' ', 'F', 'W',
    3, 0, 0, 0, 0x11, 0, 0, 0, 0x86, 4, 0, 0x0a, 0x03, 0x00, 0x01,
};

/* By hashlib: d = sha256(d + entry) over the entries above, from 32 zeros. */
static const uint8_t extended[32] = {
    0x6b, 0x3c, 0xa4, 0x09, 0x35, 0x31, 0xa5, 0x2f, 0x19, 0xea, 0xa3, 0x18, 0x0b, 0xc3, 0x41, 0x6c,
    0x90, 0xee, 0x96, 0xbf, 0xb3, 0x32, 0x42, 0x9a, 0x6d, 0xca, 0xf3, 0xb4, 0xa0, 0xec, 0x22, 0x8a,
};

static const struct device_measurement list[MEASURED_COUNT] = {
    {1, SPDM_MEASURED_ROM, MEASURED_EITHER, true, rom, sizeof rom},
    {2, SPDM_MEASURED_FIRMWARE, MEASURED_EITHER, true, firmware, sizeof firmware},
    {3, SPDM_MEASURED_HARDWARE_CONFIG, MEASURED_AS_HASH, false, straps, sizeof straps},
    {0x10, SPDM_MEASURED_SVN, MEASURED_AS_RAW, false, svn, sizeof svn},
    {0x11, SPDM_MEASURED_HASH_EXTEND, MEASURED_AS_HASH, false, extended, sizeof extended},
    {0xfd, SPDM_MEASURED_MANIFEST, MEASURED_AS_RAW, false, manifest, sizeof manifest},
};

const struct device_measurements measured_device = {list, MEASURED_COUNT, mel, sizeof mel};

void measured_device_configure(struct spdm_config *config)
{
    config->flags |= SPDM_CAP_MEAS_SIG | SPDM_CAP_MEL;
    config->measurement_spec = SPDM_MEASUREMENT_SPEC_DMTF;
    config->measurement_hash = SPDM_MEASUREMENT_HASH_SHA256;
    config->mel_spec = 1;
}

void measured_block(struct writer *w, size_t at, bool raw)
{
    const struct device_measurement *m = &list[at];
    bool hashed = m->form == MEASURED_EITHER && !raw;
    uint16_t len = hashed ? 32 : m->len;
    uint8_t digest[32];
    write_u8(w, m->index);
    write_u8(w, 1);
    write_u16(w, (uint16_t)(len + 3));
    write_u8(w, (uint8_t)(m->type | (hashed || m->form == MEASURED_AS_HASH ? 0 : 0x80)));
    write_u16(w, len);
    if (hashed && hash_once(HASH_SHA256, m->value, m->len, digest) != IDE_OK)
        w->overflow = true;
    write_bytes(w, hashed ? digest : m->value, len);
}

size_t measured_record(uint8_t *record, size_t cap, bool raw)
{
    struct writer w = writer_of(record, cap);
    for (size_t i = 0; i < MEASURED_COUNT; i++)
        measured_block(&w, i, raw);
    return w.pos;
}
