/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/cxl_unit.h"

#include "root_port/cxl_regs.h"
#include "root_port/pcie_config.h"
#include "root_port/pcie_regs.h"
#include "spdm/cursor.h"

#define STEP_SETUP "CXL key unit setup"
#define STEP_KEY   "CXL key unit key"
#define STEP_START "CXL key unit start"
#define STEP_STOP  "CXL key unit stop"

#define IV_FIXED 4u /* bytes of an IV that are not in the registers */

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum ide_err try_err = (call);                                                                       \
        if (try_err != IDE_OK)                                                                               \
            return try_err;                                                                                  \
    } while (0)

static enum ide_err get(const struct cxl_unit *u, uint32_t at, const char *step, uint32_t *value,
                        struct ide_fault *fault)
{
    bool ok = u->access.read32(u->access.context, at, value);
    return ok && *value != PCIE_ALL_ONES ? IDE_OK : ide_fail(fault, IDE_E_IO, step, NULL);
}

static enum ide_err put(const struct cxl_unit *u, uint32_t at, uint32_t value, const char *step,
                        struct ide_fault *fault)
{
    return u->access.write32(u->access.context, at, value) ? IDE_OK : ide_fail(fault, IDE_E_IO, step, NULL);
}

/* Writes the configuration register and reads it back. */
static enum ide_err set_config(const struct cxl_unit *u, uint32_t value, const char *step,
                               struct ide_fault *fault)
{
    uint32_t got;
    TRY(put(u, CXL_KCU_CONFIG, value, step, fault));
    TRY(get(u, CXL_KCU_CONFIG, step, &got, fault));
    if (got == value)
        return IDE_OK;
    return ide_fail_value(fault, IDE_E_REGISTER, step, "Link Encryption Global Configuration", got, value);
}

enum ide_err cxl_unit_is_enabled(const struct cxl_unit *unit, bool *enabled, struct ide_fault *fault)
{
    uint32_t config;
    TRY(get(unit, CXL_KCU_CONFIG, STEP_SETUP, &config, fault));
    *enabled = config & CXL_KCU_CONFIG_ENABLE;
    return IDE_OK;
}

bool cxl_unit_takes_iv(const uint8_t iv[static CXL_IDE_IV_SIZE])
{
    uint8_t usual[CXL_IDE_IV_SIZE];
    cxl_ide_default_iv(usual);
    return equal_secret(iv, usual, IV_FIXED);
}

enum ide_err cxl_unit_set_mode(const struct cxl_unit *unit, enum cxl_ide_mode mode, struct ide_fault *fault)
{
    uint32_t value = mode == CXL_IDE_CONTAINMENT ? CXL_KCU_MODE_CONTAINMENT : CXL_KCU_MODE_SKID;
    return set_config(unit, field_put(CXL_KCU_CONFIG_MODE, value), STEP_SETUP, fault);
}

/* A register's less significant byte comes first in the key, and last in the IV. */
static enum ide_err write_key(const struct cxl_unit *u, uint32_t key_at, uint32_t iv_at,
                              const struct cxl_ide_key *key, const char *step, struct ide_fault *fault)
{
    struct reader r = reader_of(key->key, sizeof key->key);
    for (uint32_t i = 0; i < IDE_KEY_SIZE; i += 4)
        TRY(put(u, key_at + i, read_u32(&r, NULL), step, fault));
    for (uint32_t i = 0; i < 2; i++) {
        const uint8_t *iv = &key->iv[CXL_IDE_IV_SIZE - 4 * (i + 1)];
        uint32_t value = (uint32_t)iv[0] << 24 | (uint32_t)iv[1] << 16 | (uint32_t)iv[2] << 8 | iv[3];
        TRY(put(u, iv_at + 4 * i, value, step, fault));
    }
    return IDE_OK;
}

enum ide_err cxl_unit_write_keys(const struct cxl_unit *unit, const struct cxl_ide_key *tx,
                                 const struct cxl_ide_key *rx, struct ide_fault *fault)
{
    const uint32_t valid = CXL_KCU_TX_VALID | CXL_KCU_RX_VALID;
    uint32_t got;
    if (!cxl_unit_takes_iv(tx->iv) || !cxl_unit_takes_iv(rx->iv))
        return ide_fail(fault, IDE_E_ARGUMENT, STEP_KEY, "IV");
    TRY(write_key(unit, CXL_KCU_TX_KEY, CXL_KCU_TX_IV, tx, STEP_KEY, fault));
    TRY(write_key(unit, CXL_KCU_RX_KEY, CXL_KCU_RX_IV, rx, STEP_KEY, fault));
    TRY(put(unit, CXL_KCU_CONTROL, 0, STEP_KEY, fault));
    TRY(put(unit, CXL_KCU_CONTROL, valid, STEP_KEY, fault));
    TRY(get(unit, CXL_KCU_CONTROL, STEP_KEY, &got, fault));
    if ((got & valid) == valid)
        return IDE_OK;
    return ide_fail_value(fault, IDE_E_REGISTER, STEP_KEY, "Key Valid", got & valid, valid);
}

static enum ide_err enable(const struct cxl_unit *u, struct ide_fault *fault)
{
    uint32_t config;
    TRY(get(u, CXL_KCU_CONFIG, STEP_START, &config, fault));
    return config & CXL_KCU_CONFIG_ENABLE ? IDE_OK
                                          : set_config(u, config | CXL_KCU_CONFIG_ENABLE, STEP_START, fault);
}

enum ide_err cxl_unit_start(const struct cxl_unit *unit, struct ide_fault *fault)
{
    uint32_t control;
    TRY(enable(unit, fault));
    TRY(get(unit, CXL_KCU_CONTROL, STEP_START, &control, fault));
    TRY(put(unit, CXL_KCU_CONTROL, control | CXL_KCU_START, STEP_START, fault));
    struct bounded_wait wait = wait_start(unit->wait, unit->timeout_ms);
    for (;;) {
        TRY(get(unit, CXL_KCU_CONTROL, STEP_START, &control, fault));
        if (!(control & CXL_KCU_TX_VALID))
            return IDE_OK;
        enum ide_err err = wait_pause(&wait);
        if (err != IDE_OK)
            return ide_fail_value(fault, err, STEP_START, "Tx Key Valid", 1, 0);
    }
}

/* Writes to a unit that hangs are lost without a word: only one that answers after them has done them. */
static enum ide_err take_down(const struct cxl_unit *u, struct ide_fault *fault)
{
    static const struct cxl_ide_key nothing;
    TRY(put(u, CXL_KCU_CONTROL, CXL_KCU_TX_INSECURE | CXL_KCU_RX_INSECURE, STEP_STOP, fault));
    TRY(set_config(u, 0, STEP_STOP, fault));
    TRY(write_key(u, CXL_KCU_TX_KEY, CXL_KCU_TX_IV, &nothing, STEP_STOP, fault));
    return write_key(u, CXL_KCU_RX_KEY, CXL_KCU_RX_IV, &nothing, STEP_STOP, fault);
}

enum ide_err cxl_unit_stop(const struct cxl_unit *unit, struct ide_fault *fault)
{
    bool enabled;
    TRY(take_down(unit, fault));
    return cxl_unit_is_enabled(unit, &enabled, fault);
}
