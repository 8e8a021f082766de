/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOE data objects (PCIe 6.x §6.30.1): header, the three types that CMA uses,
 * discovery, and the channel that carries SPDM messages in the clear.
 */
#ifndef SECURED_CMA_DOE_H
#define SECURED_CMA_DOE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spdm/connection.h"
#include "spdm/transport.h"

#define DOE_VENDOR_PCISIG     0x0001
#define DOE_TYPE_DISCOVERY    0
#define DOE_TYPE_CMA          1   /* SPDM in the clear */
#define DOE_TYPE_SECURED_CMA  2   /* DSP0277 records */
#define DOE_HEADER_SIZE       8u

struct doe_protocol {
    uint16_t vendor;
    uint8_t type;
};

/*
 * Puts the header before and zero padding behind payload_len bytes that stand at object + DOE_HEADER_SIZE.
 * Gives the object's length in bytes, or 0 if cap is too small or the object too long for DOE.
 */
size_t doe_wrap(uint8_t *object, size_t cap, uint8_t type, size_t payload_len);

/*
 * Checks vendor, reserved bits and that the length field is exactly what came (0 stands for 2^18 dwords).
 * Errors: IDE_E_SHORT, IDE_E_DOE_TYPE (not PCI-SIG), IDE_E_DOE_LENGTH, IDE_E_FIELD. The payload borrows from object and
 * still has its padding.
 */
enum ide_err doe_unwrap(const uint8_t *object, size_t len, uint8_t *type, const uint8_t **payload,
                        size_t *payload_len, struct ide_fault *fault) MUST_USE;

/*
 * Asks a mailbox for all its protocols (discovery version 1.1: version field 0 or 2). At most cap are stored; *count is
 * how many there are. A mailbox whose indices never end or do not ascend is IDE_E_FIELD at "NextIndex".
 */
enum ide_err doe_discover(const struct doe_transport *transport, uint32_t timeout_ms, struct doe_protocol *protocols,
                          size_t cap, size_t *count, struct ide_fault *fault) MUST_USE;

/* The responder's side: answers one discovery request object from a table; *response_len 0 means no answer (drop). */
void doe_answer_discovery(const struct doe_protocol *protocols, size_t count, const uint8_t *request, size_t len,
                          uint8_t *response, size_t cap, size_t *response_len);

/*
 * One exchange of SPDM's bytes as an object of the given type. The payload stands at c->tx + offset, offset at least
 * DOE_HEADER_SIZE, and the header is put before it. The answer must have the same type; its payload points into c->rx.
 */
enum ide_err doe_exchange(const struct doe_transport *transport, struct spdm_connection *c, uint8_t type, size_t offset,
                          size_t payload_len, uint8_t **payload, size_t *response_len,
                          uint32_t timeout_ms) MUST_USE;

/* The channel for messages outside sessions; borrows transport. */
struct spdm_channel doe_clear_channel(const struct doe_transport *transport);

#endif
