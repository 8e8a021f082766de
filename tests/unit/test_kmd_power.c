/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A loss of power in the middle of the state file's own writes, while SQLite brings its log into the file
 * too. What is on the disk is known by tests/power; the image of a moment is that, or that and a random
 * choice of the sectors that were on their way. From each the store is opened, and all is there whose call
 * had returned.
 */
#include <dlfcn.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_rig.h"
#include "suite.h"

#define STREAMS  24u
#define SECTOR   512u
#define FILE_MAX (4u << 20)

static unsigned seed = 1;

static unsigned chance(unsigned below)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % below;
}

/* ---- the moment ---------------------------------------------------------- */

static atomic_uint there, there_next; /* streams: whose call has returned; once the one that runs has */
static atomic_long writes_left;       /* until the image is taken; 0: it is there, or none is wanted */
static atomic_bool of_file;           /* of the file itself only: in a checkpoint */
static unsigned image_there, image_next;
static unsigned images, checkpoints; /* of these, in how many the file itself was being written */

static ssize_t (*real_pwrite)(int fd, const void *bytes, size_t size, off_t at);
static ssize_t (*real_write)(int fd, const void *bytes, size_t size);

static void shell(const char *format, const char *argument)
{
    char command[512];
    snprintf(command, sizeof command, format, argument);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

static bool is_the_file(int fd)
{
    char link[64], name[160] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, name, sizeof name - 1) > 0 && strcmp(name, path) == 0;
}

static void take_image(int fd)
{
    if (atomic_load(&writes_left) <= 0 || (atomic_load(&of_file) && !is_the_file(fd)) ||
        atomic_fetch_sub(&writes_left, 1) != 1)
        return;
    image_there = atomic_load(&there);
    image_next = atomic_load(&there_next);
    checkpoints += is_the_file(fd);
    shell("cd %s && rm -rf image && mkdir image && cp made/* image && cp -r disk image", folder);
    images++;
}

static ssize_t pwrite_or_fail(int fd, const void *bytes, size_t size, off_t at)
{
    take_image(fd);
    return real_pwrite(fd, bytes, size, at);
}

static ssize_t write_or_fail(int fd, const void *bytes, size_t size)
{
    take_image(fd);
    return real_write(fd, bytes, size);
}

/* The log is brought into the file after so many pages, not after 1000. In the store's thread. */
static int check_point_early(struct store *of, sqlite3 *db, void *argument)
{
    (void)of, (void)argument;
    return sqlite3_wal_autocheckpoint(db, 40);
}

/* SQLite calls what it is told to call. */
static void watch_writes(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    real_pwrite = pwrite;
    real_write = write;
    vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)pwrite_or_fail);
    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)pwrite_or_fail);
    vfs->xSetSystemCall(vfs, "write", (sqlite3_syscall_ptr)write_or_fail);
}

/* ---- what the next start finds ------------------------------------------- */

struct bytes {
    uint8_t *at;
    size_t size;
};

static struct bytes read_file(const char *name)
{
    struct bytes b = {calloc(1, FILE_MAX), 0};
    FILE *file = fopen(name, "re");
    if (file) {
        b.size = fread(b.at, 1, FILE_MAX, file);
        fclose(file);
    }
    return b;
}

/* Each sector as it was on the disk, or as it was to be. */
static void tear(struct bytes *disk, const struct bytes *now)
{
    if (chance(2))
        disk->size = now->size;
    for (size_t at = 0; at < disk->size; at += SECTOR)
        if (chance(2))
            memcpy(disk->at + at, now->at + at, SECTOR);
}

static void put_file(const char *name, unsigned long long inode, bool torn)
{
    char from[256], now[256], to[256];
    snprintf(from, sizeof from, "%s/image/disk/inode-%llu", folder, inode);
    snprintf(now, sizeof now, "%s/image/%s", folder, name);
    snprintf(to, sizeof to, "%s/lost/%s", folder, name);
    struct bytes disk = read_file(from), written = read_file(now);
    if (torn)
        tear(&disk, &written);
    FILE *file = fopen(to, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(disk.at, 1, disk.size, file), disk.size);
    CU_ASSERT_EQUAL(fclose(file), 0);
    free(disk.at);
    free(written.at);
}

static bool is_kept_nowhere(const char *name)
{
    const char *end = strrchr(name, '.');
    return strcmp(end, ".lock") == 0 || strcmp(end, ".db-shm") == 0;
}

static void put_files(bool torn)
{
    char names[160], name[64];
    unsigned long long inode;
    shell("cd %s && rm -rf lost && mkdir lost", folder);
    snprintf(names, sizeof names, "%s/image/disk/names", folder);
    FILE *file = fopen(names, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (fscanf(file, "%llu %63s", &inode, name) == 2)
        if (!is_kept_nowhere(name))
            put_file(name, inode, torn);
    fclose(file);
}

/* The streams that are held there. */
static unsigned streams_found(void)
{
    char lost[160];
    struct held held = {0};
    struct store *next = NULL;
    unsigned found = 0;
    snprintf(lost, sizeof lost, "%s/lost/state.db", folder);
    const struct store_settings settings = {.path = lost, .log_rows = 300};
    CHECK_OK(store_open(&next, &settings, &failure));
    if (!next)
        return 0;
    CHECK_OK(store_load(next, &held, &fault));
    for (size_t i = 0; i < held.streams; i++)
        found |= 1u << held.stream[i].id;
    held_release(&held);
    store_close(next);
    return found;
}

static void look_at_image(void)
{
    for (unsigned n = 0; n < 3; n++) {
        put_files(n > 0);
        unsigned found = streams_found();
        if (found != image_there && found != image_next)
            fprintf(stderr, "image %u, %u: %x is neither %x nor %x\n", images, n, found, image_there,
                    image_next);
        CU_ASSERT_TRUE(found == image_there || found == image_next);
    }
}

/* ---- what is written ----------------------------------------------------- */

static void hold(uint8_t id)
{
    struct held_stream held = a_stream(id);
    atomic_store(&there_next, atomic_load(&there) | 1u << id);
    CHECK_OK(store_hold_stream(store, &held, &fault));
    atomic_store(&there, atomic_load(&there_next));
}

static void give_up(uint8_t id)
{
    CHECK_OK(store_set_stream(store, &ends, id, HELD_NOTHING, HELD_NOT_WANTED, &fault));
    atomic_store(&there_next, atomic_load(&there) & ~(1u << id));
    CHECK_OK(store_give_up(store, &ends.bdf[END_ROOT_PORT], id, &fault));
    atomic_store(&there, atomic_load(&there_next));
}

/* Of the log nothing is waited for: it may be lost, and must take nothing else with it. */
static void log_much(void)
{
    for (unsigned n = chance(6); n > 0; n--) {
        json_t *event =
            json_pack("{s:s, s:s, s:s+}", "event", "stream", "state", "secure", "message",
                      "a text of some length, so that the log of the file has to be brought into it soon: ",
                      "0123456789012345678901234567890123456789012345678901234567890123456789");
        store_take_event(store, event);
        json_decref(event);
    }
}

static void power_may_fail_at_any_write(void)
{
    unsigned looked = 0;
    make_folder();
    shell("mkdir %s/disk", folder);
    char disk[128];
    snprintf(disk, sizeof disk, "%s/disk", folder);
    setenv("POWER_FILES", path, 1);
    setenv("POWER_DISK", disk, 1);
    watch_writes();
    CHECK_OK(open_with((struct store_settings){.log_rows = 300}));
    CHECK_OK(store_do(store, check_point_early, NULL, false, &fault));
    while (looked < 40) {
        uint8_t id = (uint8_t)chance(STREAMS);
        log_much();
        if (atomic_load(&there) & 1u << id)
            give_up(id);
        else
            hold(id);
        if (images > looked) {
            looked = images;
            look_at_image();
        }
        if (atomic_load(&writes_left) <= 0) {
            atomic_store(&of_file, images % 2);
            atomic_store(&writes_left, 1 + (long)chance(60));
        }
    }
    CU_ASSERT_TRUE(checkpoints >= 20);
    atomic_store(&writes_left, 0);
    store_close(store);
    unsetenv("POWER_FILES");
    drop_folder();
}

int main(void)
{
    CU_TestInfo tests[] = {TEST(power_may_fail_at_any_write), CU_TEST_INFO_NULL};
    return suite_run("loss of power", tests);
}
