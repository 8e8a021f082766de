/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file: damage, a full disk, power loss; and no key. Of other schemas: test_kmd_store_schema.c. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kmd_rig.h"
#include "store_rig.h"
#include "suite.h"

/* ---- opening ------------------------------------------------------------- */

static void a_folder_is_made_for_root_alone(void)
{
    struct stat status;
    char made[80];
    make_folder();
    umask(0077); /* as ide-kmd has it */
    CHECK_OK(open_store());
    snprintf(made, sizeof made, "%s/made", folder);
    CU_ASSERT_EQUAL(stat(made, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0700);
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
    CU_ASSERT_EQUAL(ask("PRAGMA user_version"), STORE_SCHEMA_VERSION);
    store_close(store);
    drop_folder();
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(name, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void a_damaged_file_is_refused_or_set_aside(void)
{
    static char junk[8192];
    char command[256];
    make_folder();
    snprintf(path, sizeof path, "%s/state.db", folder);
    memset(junk, 'x', sizeof junk);
    write_file(path, junk, sizeof junk);
    CHECK_ERR(open_store(), IDE_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(failure.message, "is damaged: file is not a database"));
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    CHECK_OK(open_with((struct store_settings){.set_aside = true}));
    CU_ASSERT_EQUAL(ask("PRAGMA user_version"), STORE_SCHEMA_VERSION);
    store_close(store);
    snprintf(command, sizeof command, "cmp -s %s.damaged-* /dev/stdin", path);
    FILE *other = popen(command, "w"); /* what it was is all there */
    fwrite(junk, 1, sizeof junk, other);
    CU_ASSERT_EQUAL(pclose(other), 0);
    drop_folder();
}

static void pages_that_are_damaged_are_found_at_the_start(void)
{
    make_folder();
    CHECK_OK(open_store());
    store_close(store);
    int fd = open(path, O_WRONLY);
    static const char zeros[4096];
    CU_ASSERT_EQUAL(pwrite(fd, zeros, sizeof zeros, 4096), (ssize_t)sizeof zeros);
    close(fd);
    CHECK_ERR(open_store(), IDE_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(failure.message, "is damaged"));
    drop_folder();
}

static void two_controllers_do_not_share_a_file(void)
{
    make_folder();
    CHECK_OK(open_store());
    struct store *first = store;
    CHECK_ERR(open_store(), IDE_E_BUSY);
    CU_ASSERT_PTR_NULL(store);
    store_close(first);
    CHECK_OK(open_store());
    store_close(store);
    drop_folder();
}

static void a_file_that_cannot_be_made_is_an_error(void)
{
    make_folder();
    snprintf(path, sizeof path, "%s/not/there/state.db", folder);
    CHECK_ERR(open_store(), IDE_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(failure.message, "not/there: No such file or directory"));
    snprintf(path, sizeof path, "%s", folder); /* a folder */
    CHECK_ERR(open_store(), IDE_E_STORE);
    drop_folder();
}

/* ---- a full disk --------------------------------------------------------- */

static void limit_files(rlim_t size)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = size;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void a_full_disk_keeps_what_is_held_from_beginning(void)
{
    struct held_stream held = a_stream(5);
    make_folder();
    signal(SIGXFSZ, SIG_IGN);
    CHECK_OK(open_store());
    limit_files(1024);
    CHECK_ERR(store_hold_stream(store, &held, &fault), IDE_E_STORE);
    CU_ASSERT_STRING_EQUAL(fault.step, "state file");
    log_something("lost");
    log_something("lost");
    CHECK_ERR(store_hold_stream(store, &held, &fault), IDE_E_STORE);
    limit_files(RLIM_INFINITY);
    /* and as soon as there is room again */
    CHECK_OK(store_hold_stream(store, &held, &fault));
    log_something("kept");
    struct held now = load();
    CU_ASSERT_EQUAL(now.streams, 1);
    held_release(&now);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM log WHERE state = 'kept'"), 1);
    CU_ASSERT_EQUAL(
        ask("SELECT count(*) FROM log WHERE what = 'gap' AND message = '2 entries could not be written'"), 1);
    store_close(store);
    drop_folder();
}

/* ---- power loss ---------------------------------------------------------- */

/* The file and the first bytes of its log, as a disk may have them; opened as the next start does. -1: it is
 * damaged. */
static long long streams_after_loss(const char *wal, size_t kept)
{
    char command[512], copy[128], before[128];
    struct held held;
    long long streams = -1;
    snprintf(copy, sizeof copy, "%s/lost/state.db", folder);
    snprintf(command, sizeof command, "rm -rf %s/lost && mkdir %s/lost && cp %s %s && head -c %zu %s >%s-wal",
             folder, folder, path, copy, kept, wal, copy);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    memcpy(before, path, sizeof before);
    memcpy(path, copy, sizeof copy < sizeof path ? sizeof copy : sizeof path);
    struct store *running = store;
    CHECK_OK(open_store());
    if (store && store_load(store, &held, &fault) == IDE_OK) {
        streams = (long long)held.streams;
        held_release(&held);
    }
    store_close(store);
    store = running;
    memcpy(path, before, sizeof before);
    return streams;
}

/* What was committed is there wherever the write-ahead log is cut off behind it, and nothing is there by
 * half. */
static void power_may_fail_at_any_byte(void)
{
    char wal[160];
    struct stat status;
    long committed[6] = {0};
    make_folder();
    CHECK_OK(open_store());
    snprintf(wal, sizeof wal, "%s-wal", path);
    for (uint8_t id = 0; id < 5; id++) {
        struct held_stream held = a_stream(id);
        CHECK_OK(store_hold_stream(store, &held, &fault));
        CU_ASSERT_EQUAL_FATAL(stat(wal, &status), 0);
        committed[id + 1] = (long)status.st_size;
    }
    CU_ASSERT_EQUAL(streams_after_loss(wal, (size_t)committed[5]), 5);
    for (unsigned id = 1; id <= 5; id++) {
        long size = committed[id] - (id > 1 ? committed[id - 1] : 0);
        CU_ASSERT_TRUE_FATAL(size > 0);
        CU_ASSERT_EQUAL(streams_after_loss(wal, (size_t)committed[id]), id);
        CU_ASSERT_EQUAL(streams_after_loss(wal, (size_t)committed[id] - 1), id - 1);
        CU_ASSERT_EQUAL(streams_after_loss(wal, (size_t)(committed[id] - size / 2)), id - 1);
    }
    store_close(store);
    drop_folder();
}

/* ---- secrets ------------------------------------------------------------- */

#define KEYS_MAX 256
static uint8_t known[KEYS_MAX][IDE_KEY_SIZE];
static size_t known_count;

static void learn_keys(const struct emu_function *f)
{
    for (size_t i = 0; i < f->ide.count; i++)
        for (unsigned n = 0; n < IDE_KEY_SETS * IDE_DIRECTIONS * IDE_SUBSTREAMS; n++) {
            const struct ide_key_slot *slot = &f->ide.streams[i].key[n / 6][n / 3 % 2][n % 3];
            if (slot->programmed && known_count < KEYS_MAX)
                memcpy(known[known_count++], slot->key.key, IDE_KEY_SIZE);
        }
}

static void learn_all_keys(void)
{
    emu_lock(&rig.emu);
    for (size_t i = 0; i < rig.emu.count; i++)
        learn_keys(&rig.emu.functions[i]);
    emu_unlock(&rig.emu);
}

static char *read_file(const char *name, size_t *size)
{
    static char bytes[8 << 20];
    FILE *file = fopen(name, "r");
    *size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    return bytes;
}

static void hex_of(const uint8_t *key, char *text)
{
    for (unsigned i = 0; i < IDE_KEY_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", key[i]);
}

static void expect_no_key_in(const char *name)
{
    size_t size;
    char *bytes = read_file(name, &size), text[2 * IDE_KEY_SIZE + 1];
    CU_ASSERT_TRUE(size > 4096);
    for (size_t i = 0; i < known_count; i++) {
        hex_of(known[i], text);
        CU_ASSERT_PTR_NULL(memmem(bytes, size, known[i], IDE_KEY_SIZE / 2));
        CU_ASSERT_PTR_NULL(memmem(bytes, size, known[i] + IDE_KEY_SIZE / 2, IDE_KEY_SIZE / 2));
        CU_ASSERT_PTR_NULL(memmem(bytes, size, text, IDE_KEY_SIZE));
    }
}

static void no_key_is_in_the_files(void)
{
    char error[512] = "", wal[160];
    const enum provider_choice choices[] = {PROVIDER_DOE, PROVIDER_KCU};
    make_folder();
    CHECK_OK(open_store());
    CU_ASSERT_TRUE_FATAL(rig_open(2, choices, error, sizeof error));
    rig.settings.store = rig.providers.store = rig.flow.store = store;
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(rig_run(&rig.stream[i], OPERATION_ESTABLISH));
        learn_all_keys();
        CU_ASSERT_TRUE(rig_run(&rig.stream[i], OPERATION_REKEY));
        learn_all_keys();
    }
    CU_ASSERT_TRUE(known_count >= 4 * 6 * 2);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM streams WHERE state = 'up' AND wanted = 'yes'"), 2);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM key_slots"), 1); /* the old set's are erased and free */
    snprintf(wal, sizeof wal, "%s-wal", path);
    expect_no_key_in(wal);
    for (unsigned i = 0; i < 2; i++)
        CU_ASSERT_TRUE(rig_run(&rig.stream[i], OPERATION_STOP));
    struct held held = load();
    CU_ASSERT_EQUAL(held.slot_sets, 0);
    held_release(&held);
    rig_close();
    store_close(store); /* which brings the log into the file */
    expect_no_key_in(path);
    drop_folder();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_folder_is_made_for_root_alone),
        TEST(a_damaged_file_is_refused_or_set_aside),
        TEST(pages_that_are_damaged_are_found_at_the_start),
        TEST(two_controllers_do_not_share_a_file),
        TEST(a_file_that_cannot_be_made_is_an_error),
        TEST(a_full_disk_keeps_what_is_held_from_beginning),
        TEST(power_may_fail_at_any_byte),
        TEST(no_key_is_in_the_files),
        CU_TEST_INFO_NULL,
    };
    return suite_run("state file", tests);
}
