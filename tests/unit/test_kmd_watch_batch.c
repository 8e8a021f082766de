/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many reads at once, on files of its own. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"
#include "tools/ide-kmd/watch_batch.h"

#define READS (2 * WATCH_BATCH_READS + 3) /* more than are made at once */

static struct watch_batch batch;
static struct batch_read reads[READS];
static uint8_t room[READS][16];

/* A file that has the bytes 0 to 99. */
static int make_file(void)
{
    char path[] = "/tmp/test_kmd_watch_batch.XXXXXX";
    uint8_t bytes[100];
    int fd = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    unlink(path);
    for (uint8_t i = 0; i < sizeof bytes; i++)
        bytes[i] = i;
    CU_ASSERT_EQUAL(write(fd, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    return fd;
}

static void add(size_t i, int fd, unsigned offset, unsigned size)
{
    reads[i] =
        (struct batch_read){.fd = fd, .offset = offset, .size = size, .bytes = room[i], .answered = true};
    memset(room[i], 0xee, sizeof room[i]);
    batch_read_prepare(&reads[i]);
    watch_batch_add(&batch, &reads[i]);
}

static bool has(size_t i, uint8_t first)
{
    bool same = reads[i].answered;
    for (unsigned j = 0; j < reads[i].size; j++)
        same = same && reads[i].bytes[j] == (uint8_t)(first + j);
    return same && reads[i].bytes[reads[i].size] == 0xee;
}

static void check_all(int fd)
{
    for (size_t i = 0; i < READS; i++)
        add(i, fd, (unsigned)(i % 90), 8);
    watch_batch_run(&batch);
    size_t right = 0;
    for (size_t i = 0; i < READS; i++)
        right += has(i, (uint8_t)(i % 90));
    CU_ASSERT_EQUAL(right, READS);
}

/* One that cannot be read at all, one that ends too early, and those before, between and after. */
static void check_failures(int fd)
{
    int closed = dup(fd);
    close(closed);
    add(0, fd, 1, 8);
    add(1, closed, 0, 8);
    add(2, fd, 2, 8);
    add(3, fd, 96, 8);
    add(4, fd, 92, 8);
    add(5, closed, 0, 8);
    watch_batch_run(&batch);
    CU_ASSERT_TRUE(has(0, 1) && has(2, 2) && has(4, 92));
    CU_ASSERT_FALSE(reads[1].answered || reads[3].answered || reads[5].answered);
    CU_ASSERT_EQUAL(batch.count, 0);
    watch_batch_run(&batch); /* nothing to do */
    CU_ASSERT_TRUE(has(0, 1));
}

static void reads_are_made_at_once(void)
{
    int fd = make_file();
    watch_batch_open(&batch);
    CU_ASSERT_TRUE(batch.is_open);
    check_all(fd);
    check_failures(fd);
    watch_batch_close(&batch);
    close(fd);
}

/* As where the kernel has no asynchronous I/O. */
static void without_it_they_are_made_one_by_one(void)
{
    int fd = make_file();
    watch_batch_open(&batch);
    watch_batch_close(&batch);
    check_all(fd);
    check_failures(fd);
    watch_batch_close(&batch);
    close(fd);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"reads are made at once", reads_are_made_at_once},
        {"without it they are made one by one", without_it_they_are_made_one_by_one},
        CU_TEST_INFO_NULL,
    };
    return suite_run("ide-kmd: reads of many functions", tests);
}
