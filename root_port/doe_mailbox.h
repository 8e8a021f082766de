/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The DOE mailbox (PCIe 6.x §6.30): one data object out, one back. What the
 * objects mean is the business of the layers below (secured_cma/).
 *
 * The device is not trusted, and neither is it alone: firmware and the kernel
 * may use the mailbox too, and only its BUSY bit tells. Every wait has a bound
 * and can be cancelled. After anything that goes wrong the mailbox is aborted,
 * so that the next exchange cannot be given this one's answer.
 *
 * An exchange of n dwords out and m in takes n + 2 m + 5 accesses, and one more for
 * each further look at a device that is not ready yet.
 */
#ifndef ROOT_PORT_DOE_MAILBOX_H
#define ROOT_PORT_DOE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "root_port/bounded_wait.h"
#include "root_port/pcie_config.h"
#include "spdm/transport.h"

#define DOE_TIMEOUT_MS 1000u /* from GO to READY, and for an abort (PCIe 6.x §6.30.2) */

struct doe_mailbox {
    struct pcie_config config;
    const struct wait_ops *wait; /* borrowed */
    uint16_t offset;             /* of the DOE extended capability */
    uint32_t last_us,
        usual_us; /* what the last answer took, and the quicker of the last two: wait_expect() */
    bool dead;    /* an abort failed: nothing is sent any more until it is opened again */
};

/* The offset of the function's nth DOE capability (from 0) that lies in configuration space; 0 if none. */
uint16_t doe_mailbox_find(const struct pcie_config *config, unsigned nth);

/*
 * Takes the mailbox at offset into use: lets another user that is BUSY finish (at most 1 s), then aborts,
 * which drops what an earlier user left half done. wait must outlive the mailbox. Errors: IDE_E_NO_DOE if
 * there is no DOE capability at offset, IDE_E_DOE_ABORT if the abort has not worked after 1 s,
 * IDE_E_CANCELLED, IDE_E_IO.
 */
enum ide_err doe_mailbox_open(struct doe_mailbox *mailbox, const struct pcie_config *config, uint16_t offset,
                              const struct wait_ops *wait, struct ide_fault *fault) MUST_USE;

/*
 * The exchange of struct doe_transport, whose comment says what the arguments are; context is a struct
 * doe_mailbox. timeout_ms 0 means DOE_TIMEOUT_MS. An abort may add a second to it.
 *
 * The header's length must agree with request_len. Of the answer's header only the length is looked at.
 * Errors, besides those there: IDE_E_ARGUMENT for a request of a wrong length; IDE_E_DOE_BUSY if another user
 * keeps the mailbox for a second (nothing is sent then, nothing aborted); IDE_E_DOE_ERROR; IDE_E_DOE_LENGTH
 * for an answer whose header says less than 2 dwords, or more than came; IDE_E_IO if the function reads as
 * all ones; IDE_E_DOE_ABORT if the mailbox is dead, or an error that it stood in could not be cleared.
 */
enum ide_err doe_mailbox_exchange(void *context, const uint8_t *request, size_t request_len,
                                  uint8_t *response, size_t response_cap, size_t *response_len,
                                  uint32_t timeout_ms, struct ide_fault *fault) MUST_USE;

/* The mailbox as a transport; the mailbox must outlive it. */
struct doe_transport doe_mailbox_transport(struct doe_mailbox *mailbox);

#endif
