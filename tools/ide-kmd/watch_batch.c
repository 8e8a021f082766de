/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/watch_batch.h"

#include <errno.h>
#include <unistd.h>

void watch_batch_open(struct watch_batch *batch)
{
    batch->context = NULL;
    batch->count = 0;
    batch->is_open = io_setup(WATCH_BATCH_READS, &batch->context) == 0;
}

/* Waits for what is under way, too. */
void watch_batch_close(struct watch_batch *batch)
{
    if (batch->is_open)
        io_destroy(batch->context);
    batch->is_open = false;
}

void batch_read_prepare(struct batch_read *read)
{
    io_prep_pread(&read->request, read->fd, read->bytes, read->size, read->offset);
    read->request.data = read;
}

static void read_alone(struct batch_read *read)
{
    read->answered = pread(read->fd, read->bytes, read->size, (off_t)read->offset) == (ssize_t)read->size;
}

static void collect(struct watch_batch *batch, size_t under_way)
{
    while (under_way > 0) {
        int count = io_getevents(batch->context, (long)under_way, (long)under_way, batch->event, NULL);
        if (count == -EINTR)
            continue;
        if (count < 0) { /* the kernel must not write to what may be freed */
            watch_batch_close(batch);
            return;
        }
        for (int i = 0; i < count; i++) {
            struct batch_read *read = batch->event[i].data;
            read->answered = batch->event[i].res == read->size;
        }
        under_way -= (size_t)count;
    }
}

void watch_batch_run(struct watch_batch *batch)
{
    size_t done = 0, under_way = 0;
    while (done < batch->count) {
        int count =
            batch->is_open ? io_submit(batch->context, (long)(batch->count - done), batch->list + done) : 0;
        if (count > 0) {
            done += (size_t)count;
            under_way += (size_t)count;
        } else { /* this one cannot be read so, or none can */
            read_alone(batch->list[done++]->data);
        }
    }
    collect(batch, under_way);
    batch->count = 0;
}

void watch_batch_add(struct watch_batch *batch, struct batch_read *read)
{
    if (batch->count == WATCH_BATCH_READS)
        watch_batch_run(batch);
    read->answered = false;
    batch->list[batch->count++] = &read->request;
}
