/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel's key configuration unit for CXL.cachemem: it holds the keys of one root
 * port's link (registers: cxl_regs.h). A key is written and said to be valid; the
 * start trigger sends IDE.Start and takes the transmitter's, the receiver takes its
 * own when IDE.Start comes from the other end.
 */
#ifndef ROOT_PORT_CXL_UNIT_H
#define ROOT_PORT_CXL_UNIT_H

#include "ide_km/cxl_ide_km.h"
#include "root_port/kcu.h"

struct cxl_unit {
    struct kcu_access access;
    const struct wait_ops *wait; /* borrowed */
    uint32_t timeout_ms;         /* until IDE.Start was sent */
};

/* Whether somebody has its link enabled. IDE_E_IO if the unit reads as all ones, as it may at each call
 * below. */
enum ide_err cxl_unit_is_enabled(const struct cxl_unit *unit, bool *enabled,
                                 struct ide_fault *fault) MUST_USE;

/* An IV that the unit can hold: its registers have the last 64 bits, the first 32 are fixed. */
bool cxl_unit_takes_iv(const uint8_t iv[static CXL_IDE_IV_SIZE]);

/* Sets the mode, not enabled. IDE_E_REGISTER if the unit does not take it. */
enum ide_err cxl_unit_set_mode(const struct cxl_unit *unit, enum cxl_ide_mode mode,
                               struct ide_fault *fault) MUST_USE;

/* Writes both keys, tx for what the root port sends, and says that they are valid. IDE_E_ARGUMENT for an IV
 * that it does not take. */
enum ide_err cxl_unit_write_keys(const struct cxl_unit *unit, const struct cxl_ide_key *tx,
                                 const struct cxl_ide_key *rx, struct ide_fault *fault) MUST_USE;

/* Enables the link if it is not, sends IDE.Start, and waits until the transmitter has its key. IDE_E_TIMEOUT.
 */
enum ide_err cxl_unit_start(const struct cxl_unit *unit, struct ide_fault *fault) MUST_USE;

/* Both directions to Insecure, not enabled, no key in the registers. IDE_E_REGISTER, IDE_E_IO. */
enum ide_err cxl_unit_stop(const struct cxl_unit *unit, struct ide_fault *fault) MUST_USE;

#endif
