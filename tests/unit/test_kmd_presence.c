/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who comes and goes, as the watch sees and tells it: in a tree of empty folders. No thread looks: the test
 * says when. */
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "suite.h"
#include "tools/ide-kmd/watch_look.h"

static char tree[] = "/tmp/test_presence.XXXXXX";
static struct watch *watch;
static uint64_t now_ms;

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...)
{
    char line[256], command[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    snprintf(command, sizeof command, "cd %s && %s", tree, line);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

/* Another one in its place. The folder of the one before stays, so that its inode is not used again. */
static void swap(const char *bdf)
{
    run("rm -rf before && mv devices/%s before && mkdir devices/%s", bdf, bdf);
}

/* All news, in order: "added 0000:01:00.0; ". */
static void take_news(char text[static 256])
{
    struct watch_news *news;
    size_t len = 0;
    text[0] = '\0';
    while ((news = watch_take(watch))) {
        char bdf[PCIE_BDF_TEXT];
        CU_ASSERT_EQUAL(news->kind, WATCH_NEWS_PORT);
        len += (size_t)snprintf(text + len, 256 - len, "%s %s; ", news->state,
                                pcie_bdf_format(&news->device, bdf));
        free(news);
    }
}

/* Looks a second later: what it tells, and whether that is not what the controller knows. */
static void expect_look(const char *wanted, bool unknown)
{
    char told[256];
    uint64_t before = watch_generation(watch);
    struct pollfd woken = {.fd = watch_fd(watch), .events = POLLIN};
    now_ms += WATCH_SLOW_MS;
    watch_look(watch, NULL, NULL, now_ms);
    CU_ASSERT_EQUAL(poll(&woken, 1, 0), unknown || *wanted);
    take_news(told);
    CU_ASSERT_STRING_EQUAL(told, wanted);
    CU_ASSERT_EQUAL(watch_generation(watch) != before, unknown);
}

/* By itself, for a request. */
static void controller_looks(void)
{
    struct pcie_access access;
    struct pcie_presence *list;
    struct ide_fault fault;
    size_t count;
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&access, tree, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(pcie_access_list(&access, &list, &count, &fault), IDE_OK);
    watch_known(watch, pcie_presence_digest(list, count));
    free(list);
    pcie_access_close(&access);
}

/* Without an interval: no register is read, and here are none. */
static void set_up(void)
{
    const struct watch_settings settings = {.sysfs = tree, .warn_days = WATCH_WARN_DAYS};
    strcpy(strrchr(tree, '.'), ".XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(tree));
    run("mkdir -p devices/0000:00:01.0 devices/0000:01:00.0");
    watch = watch_open(&settings);
    CU_ASSERT_PTR_NOT_NULL_FATAL(watch);
    controller_looks();
}

static void tear_down(void)
{
    watch_close(watch);
    run("rm -r %s", tree);
}

static void who_comes_and_goes_is_told(void)
{
    set_up();
    expect_look("", false);
    expect_look("", false);
    run("mkdir devices/0000:02:00.0 && rmdir devices/0000:01:00.0");
    expect_look("removed 0000:01:00.0; added 0000:02:00.0; ", true);
    controller_looks();
    expect_look("", false);
    tear_down();
}

/* It was there at both looks. */
static void who_was_swapped_between_two_looks_has_gone_and_come(void)
{
    set_up();
    expect_look("", false);
    swap("0000:01:00.0");
    expect_look("removed 0000:01:00.0; added 0000:01:00.0; ", true);
    controller_looks();
    expect_look("", false);
    tear_down();
}

static void what_the_controller_knows_already_is_told_all_the_same(void)
{
    set_up();
    expect_look("", false);
    swap("0000:01:00.0");
    controller_looks();
    expect_look("removed 0000:01:00.0; added 0000:01:00.0; ", false);
    tear_down();
}

/* The watch has not seen it, and has nothing to tell. But the controller has, and believes what is so no
 * more. */
static void what_the_controller_saw_between_two_looks_is_put_right(void)
{
    set_up();
    expect_look("", false);
    run("mkdir devices/0000:02:00.0");
    controller_looks();
    run("rmdir devices/0000:02:00.0");
    expect_look("", true);
    expect_look("", true); /* until it has looked */
    controller_looks();
    expect_look("", false);
    tear_down();
}

/* Who was there at the first look may have been there ever since. */
static void the_first_look_is_held_against_what_the_controller_saw(void)
{
    set_up();
    swap("0000:01:00.0");
    expect_look("", true);
    tear_down();
}

static void it_looks_once_a_second(void)
{
    set_up();
    expect_look("", false);
    swap("0000:01:00.0");
    watch_look(watch, NULL, NULL, now_ms + WATCH_SLOW_MS - 1);
    CU_ASSERT_PTR_NULL(watch_take(watch));
    expect_look("removed 0000:01:00.0; added 0000:01:00.0; ", true);
    tear_down();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(who_comes_and_goes_is_told),
        TEST(who_was_swapped_between_two_looks_has_gone_and_come),
        TEST(what_the_controller_knows_already_is_told_all_the_same),
        TEST(what_the_controller_saw_between_two_looks_is_put_right),
        TEST(the_first_look_is_held_against_what_the_controller_saw),
        TEST(it_looks_once_a_second),
        CU_TEST_INFO_NULL,
    };
    return suite_run("who comes and goes", tests);
}
