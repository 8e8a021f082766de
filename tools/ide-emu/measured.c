/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/measured.h"

#define TEXT(text) (const uint8_t *)(text), sizeof(text) - 1

/* NumberOfEntries, MELEntriesLength, Reserved; then MELIndex, MeasIndex, Reserved, type, size, value of each entry. */
static const uint8_t log_bytes[] = {
    3, 0, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    1, 0, 0, 0, 5, 0, 0, 0, 0x89, 8, 0, 'b', 'o', 'o', 't', ' ', 'R', 'O', 'M',
    2, 0, 0, 0, 5, 0, 0, 0, 0x89, 6, 0, 'l', 'o', 'a', 'd', 'e', 'r',
    3, 0, 0, 0, 5, 0, 0, 0, 0x86, 3, 0, '1', '.', '0',
};

/* SHA-384 of 48 zeros and the first entry, of that and the second, and so on. */
static const uint8_t log_digest[48] = {
    0xd1, 0xfc, 0x45, 0x13, 0xbc, 0x7f, 0x69, 0xd5, 0xd8, 0xd0, 0xcb, 0xc7, 0xb1, 0x83, 0xa4, 0xa6,
    0xd8, 0x6d, 0x39, 0xb1, 0x16, 0xec, 0x4a, 0x58, 0x6c, 0x32, 0xa4, 0x6a, 0x94, 0xbb, 0xc5, 0x31,
    0xf2, 0x3b, 0xf9, 0xea, 0xb1, 0x2a, 0x17, 0x12, 0x78, 0x38, 0xad, 0x4d, 0x4b, 0x20, 0x98, 0x56,
};

/* Capabilities and states of the operational mode (normal) and of the device's modes (no debugging). */
static const uint8_t device_mode[16] = {0x04, 0, 0, 0, 0x04, 0, 0, 0, 0x03, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t security_version[8] = {1};

static const struct device_measurement list[] = {
    {1, SPDM_MEASURED_ROM, MEASURED_EITHER, true, TEXT("ide-emu boot ROM")},
    {2, SPDM_MEASURED_FIRMWARE, MEASURED_EITHER, true, TEXT("ide-emu firmware")},
    {3, SPDM_MEASURED_HARDWARE_CONFIG, MEASURED_EITHER, false, TEXT("ide-emu straps")},
    {4, SPDM_MEASURED_FIRMWARE_CONFIG, MEASURED_EITHER, false, TEXT("ide-emu settings")},
    {5, SPDM_MEASURED_HASH_EXTEND, MEASURED_AS_HASH, false, log_digest, sizeof log_digest},
    {6, SPDM_MEASURED_SVN, MEASURED_AS_RAW, false, security_version, sizeof security_version},
    {0xfd, SPDM_MEASURED_MANIFEST, MEASURED_AS_RAW, false, TEXT("ide-emu")},
    {0xfe, SPDM_MEASURED_DEVICE_MODE, MEASURED_AS_RAW, false, device_mode, sizeof device_mode},
};

const struct device_measurements emu_measurements = {list, sizeof list / sizeof list[0], log_bytes, sizeof log_bytes};

void emu_measure(struct spdm_config *config)
{
    config->flags |= SPDM_CAP_MEAS_SIG | SPDM_CAP_MEL;
    config->measurement_spec = SPDM_MEASUREMENT_SPEC_DMTF;
    config->measurement_hash = SPDM_MEASUREMENT_HASH_SHA384;
    config->mel_spec = 1;
}
