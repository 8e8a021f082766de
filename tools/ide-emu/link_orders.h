/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/*
 * The orders of orders.h that are about the links:
 *
 *   dma BDF read ADDRESS LENGTH [trusted]          the endpoint reads the host's memory; answers in hex
 *   dma BDF write ADDRESS HEX [trusted]
 *   host read ADDRESS LENGTH                       the host's memory, without any link
 *   host write ADDRESS HEX
 *   adversary BDF down|up ATTACK[=VALUE] VICTIM [COUNT [SKIP]]
 *   adversary BDF down|up release|off|recorded     lets go of what it holds; forgets all; tells what it recorded, in hex
 *   adversary BDF down|up send INDEX               puts what it recorded on the link again
 *   adversary BDF down|up inject HEX
 *   errors BDF                                     the last errors that the function found, as JSON
 *
 * BDF of an adversary is either end of the link; below a switch port or root port, or an endpoint's.
 */
/* clang-format on */
#ifndef IDE_EMU_LINK_ORDERS_H
#define IDE_EMU_LINK_ORDERS_H

#include "tools/ide-emu/emu.h"

#define LINK_ORDER_WORDS 8u

/* True if the words are such an order; then *answer is malloced, or NULL without memory. */
bool link_orders_obey(struct emu *emu, char *const *words, size_t count, char **answer);

#endif
