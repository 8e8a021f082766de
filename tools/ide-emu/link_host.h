/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What starts at one end of the links and waits for the other: the host's accesses to a function, and an
 * endpoint's DMA. Each takes the model's lock itself; while it waits for a completion others may work.
 */
#ifndef IDE_EMU_LINK_HOST_H
#define IDE_EMU_LINK_HOST_H

#include "tools/ide-emu/emu.h"

#define LINK_TIMEOUT_MS 50u /* a completion that takes longer is given up (PCIe 6.x §2.8) */

enum link_result {
    LINK_DONE,
    LINK_REFUSED, /* Unsupported Request */
    LINK_TIMED_OUT,
    LINK_NO_TAG, /* too many requests wait, or their tags may not be used again yet */
    LINK_OFF,    /* no bus mastering, or no link */
};
const char *link_result_text(enum link_result result);

/* The host reads and writes BAR 0 of an endpoint, at an offset in it; inside the BAR. Writes are posted: no
 * news of them. */
enum link_result link_bar_read(struct emu_function *f, uint64_t offset, uint8_t *data, size_t n);
enum link_result link_bar_write(struct emu_function *f, uint64_t offset, const uint8_t *data, size_t n);

/* Configuration space through the links: all ones if there is no completion. Of a root port it is the host's
 * own. */
void link_config_read(struct emu_function *f, unsigned offset, uint8_t *data, size_t n);
void link_config_write(struct emu_function *f, unsigned offset, const uint8_t *data, size_t n);

/* An endpoint reads and writes the host's memory. */
enum link_result link_dma_read(struct emu_function *f, uint64_t address, bool trusted, uint8_t *data,
                               size_t n);
enum link_result link_dma_write(struct emu_function *f, uint64_t address, bool trusted, const uint8_t *data,
                                size_t n);

#endif
