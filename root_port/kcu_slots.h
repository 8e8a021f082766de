/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has which stream block and which key slots of a key configuration unit. For kcu.c. */
#ifndef ROOT_PORT_KCU_SLOTS_H
#define ROOT_PORT_KCU_SLOTS_H

#include "root_port/kcu.h"

/* The port's stream; NULL if it has no block. */
struct kcu_stream *kcu_find_stream(const struct kcu_port *port, uint8_t id);

/* The first block that is neither ours nor enabled. Errors as kcu_write_key(). */
enum ide_err kcu_claim_stream(struct kcu_port *port, uint8_t id, const char *step, struct kcu_stream **out,
                              struct ide_fault *fault) MUST_USE;
void kcu_free_stream(struct kcu *unit, struct kcu_stream *s);

/* Reads anew which blocks somebody else has enabled, and the slots that they name. IDE_E_IO. */
enum ide_err kcu_look_for_others(struct kcu *unit, const char *step, struct ide_fault *fault) MUST_USE;

/* The first slot that nobody has; IDE_E_RESOURCES. */
enum ide_err kcu_take_slot(struct kcu *unit, enum ide_direction direction, const char *step, int16_t *slot,
                           struct ide_fault *fault) MUST_USE;
void kcu_free_slot(struct kcu *unit, enum ide_direction direction, int16_t *slot);

#endif
