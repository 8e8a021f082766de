/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of many functions at once, by Linux's asynchronous I/O: one system call and one wait for hundreds
 * of reads. Without it, which a kernel may be, they are read one after the other.
 */
#ifndef IDE_KMD_WATCH_BATCH_H
#define IDE_KMD_WATCH_BATCH_H

#include <libaio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCH_BATCH_READS 256u

struct batch_read {
    int fd; /* of a function's config */
    unsigned offset, size;
    uint8_t *bytes; /* for size of them; the caller's */
    bool answered;  /* they are there */
    struct iocb request;
};

struct watch_batch {
    io_context_t context;
    bool is_open;
    size_t count;
    struct iocb *list[WATCH_BATCH_READS];
    struct io_event event[WATCH_BATCH_READS];
};

void watch_batch_open(struct watch_batch *batch);
void watch_batch_close(struct watch_batch *batch);

/* Once fd, offset, size and bytes are set: from then on it can be added as often as one likes. */
void batch_read_prepare(struct batch_read *read);

/* The read is made by the next run, or at once if there are too many: it must stay where it is until then. */
void watch_batch_add(struct watch_batch *batch, struct batch_read *read);

/* Makes all that were added; none is under way any more after it. */
void watch_batch_run(struct watch_batch *batch);

#endif
