/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory of which only the pages that were written exist: an endpoint's BAR, or the host's. */
#ifndef IDE_EMU_MEMORY_H
#define IDE_EMU_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define MEMORY_PAGES_MAX 16384u /* 64 MiB; what is written beyond is lost */

/* Zeroed: all zeros. */
struct memory {
    struct memory_page **buckets;
    size_t pages;
};

void memory_read(const struct memory *m, uint64_t address, uint8_t *data, size_t len);
void memory_write(struct memory *m, uint64_t address, const uint8_t *data, size_t len);
void memory_free(struct memory *m);

#endif
