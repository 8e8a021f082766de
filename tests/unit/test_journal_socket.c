/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries for the journal: their bytes, and what happens to them while nobody takes them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "tools/ide-kmd/journal_socket.h"

static char directory[] = "/tmp/ide-km-journal.XXXXXX", path[64];
static int journald;

/* Its queue is of the system's length: 10 or 512 datagrams. */
static void start_journald(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    journald = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CU_ASSERT_FATAL(journald >= 0 && bind(journald, (void *)&address, sizeof address) == 0);
}

static void stop_journald(void)
{
    close(journald);
    unlink(path);
}

static void make_gap(struct journal_entry *entry, uint64_t dropped)
{
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)dropped);
    journal_entry_add(entry, "GAP", number);
}

/* The next entry, as text; empty if there is none. */
static const char *take(void)
{
    static char bytes[JOURNAL_ENTRY_MAX + 1];
    ssize_t len = recv(journald, bytes, sizeof bytes - 1, 0);
    bytes[len > 0 ? len : 0] = '\0';
    return bytes;
}

static bool say(unsigned number, size_t size)
{
    struct journal_entry entry = {.len = 0};
    char text[JOURNAL_FIELD_MAX];
    snprintf(text, sizeof text, "%u", number);
    journal_entry_add(&entry, "NUMBER", text);
    memset(text, 'x', sizeof text - 1);
    text[size] = '\0';
    journal_entry_add(&entry, "FILL", text);
    return journal_socket_send(&entry);
}

static bool is_number(const char *entry, unsigned number)
{
    char head[32];
    snprintf(head, sizeof head, "NUMBER=%u\n", number);
    return strncmp(entry, head, strlen(head)) == 0;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- bytes --------------------------------------------------------------- */

static void an_entry_is_what_the_protocol_says(void)
{
    static const char wanted[] = "A=one\nB\n\x03\0\0\0\0\0\0\0x\ny\nC=\n";
    struct journal_entry entry = {.len = 0};
    journal_entry_add(&entry, "A", "one");
    journal_entry_add(&entry, "B", "x\ny");
    journal_entry_add(&entry, "C", "");
    CU_ASSERT_EQUAL_FATAL(entry.len, sizeof wanted - 1);
    CU_ASSERT_EQUAL(memcmp(entry.bytes, wanted, entry.len), 0);
}

static void long_values_are_cut(void)
{
    char text[3 * JOURNAL_FIELD_MAX];
    struct journal_entry entry = {.len = 0};
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    journal_entry_add(&entry, "A", text);
    CU_ASSERT_EQUAL(entry.len, strlen("A=\n") + JOURNAL_FIELD_MAX);
    entry.len = 0;
    journal_entry_add(&entry, "MESSAGE", text);
    CU_ASSERT_EQUAL(entry.len, strlen("MESSAGE=\n") + JOURNAL_MESSAGE_MAX);
}

static void what_does_not_fit_is_left_out(void)
{
    char text[JOURNAL_FIELD_MAX + 1];
    struct journal_entry entry = {.len = 0};
    memset(text, '\n', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (unsigned i = 0; i < 100; i++)
        journal_entry_add(&entry, "A", text);
    size_t one = strlen("A\n") + 8 + JOURNAL_FIELD_MAX + strlen("\n");
    CU_ASSERT_EQUAL(entry.len, JOURNAL_ENTRY_MAX / one * one);
    size_t len = entry.len;
    journal_entry_add(&entry, "B", text);
    CU_ASSERT_EQUAL(entry.len, len);
}

/* ---- who reads and who does not ------------------------------------------ */

static void entries_come_in_order(void)
{
    start_journald();
    CU_ASSERT(journal_socket_open(path, make_gap));
    for (unsigned i = 0; i < 5; i++)
        CU_ASSERT(say(i, 10));
    for (unsigned i = 0; i < 5; i++)
        CU_ASSERT(is_number(take(), i));
    CU_ASSERT_STRING_EQUAL(take(), "");
    CU_ASSERT_EQUAL(journal_socket_dropped(), 0);
    journal_socket_close(0);
    stop_journald();
}

/* Says so much that nothing more is kept. The number of what was said. */
static unsigned say_too_much(void)
{
    unsigned said = 0;
    while (journal_socket_dropped() < 3 && said < 100000) {
        CU_ASSERT(say(said, 400));
        said++;
    }
    CU_ASSERT_EQUAL_FATAL(journal_socket_dropped(), 3);
    return said;
}

/* Nobody has waited; what came before the gap is there, then the gap, then what came after. */
static void a_journal_that_nobody_reads_is_not_waited_for(void)
{
    start_journald();
    CU_ASSERT(journal_socket_open(path, make_gap));
    double began = seconds();
    unsigned said = say_too_much();
    CU_ASSERT(seconds() - began < 5);
    CU_ASSERT(said > 3 + JOURNAL_KEPT_MAX / 500);
    unsigned seen = 0;
    const char *entry = take();
    while (seen < said && *entry) {
        CU_ASSERT_FATAL(is_number(entry, seen));
        seen++;
        journal_socket_flush(); /* it takes entries again */
        entry = take();
        if (strncmp(entry, "GAP", 3) == 0)
            break;
    }
    CU_ASSERT_EQUAL(seen, said - 3);
    CU_ASSERT_STRING_EQUAL(entry, "GAP=3\n");
    CU_ASSERT(say(said, 10));
    CU_ASSERT(is_number(take(), said));
    CU_ASSERT_STRING_EQUAL(take(), "");
    CU_ASSERT_EQUAL(journal_socket_dropped(), 3);
    journal_socket_close(0);
    stop_journald();
}

/* There is room for one; what comes then must not come before the gap is told. */
static void nothing_comes_between_the_gap_and_its_place(void)
{
    start_journald();
    CU_ASSERT(journal_socket_open(path, make_gap));
    unsigned said = say_too_much();
    CU_ASSERT(is_number(take(), 0));
    CU_ASSERT(say(said, 1));
    CU_ASSERT_EQUAL(journal_socket_dropped(), 4);
    for (unsigned i = 1; i < said - 3; i++) {
        CU_ASSERT_FATAL(is_number(take(), i));
        journal_socket_flush();
    }
    CU_ASSERT_STRING_EQUAL(take(), "GAP=4\n");
    journal_socket_close(0);
    stop_journald();
}

static void the_last_ones_are_waited_for_a_while(void)
{
    start_journald();
    CU_ASSERT(journal_socket_open(path, make_gap));
    (void)say_too_much();
    double began = seconds();
    journal_socket_close(300);
    double took = seconds() - began;
    CU_ASSERT(took >= 0.3 && took < 5);
    stop_journald();
}

static void without_a_journal_it_is_said_elsewhere(void)
{
    CU_ASSERT(journal_socket_open(path, make_gap));
    CU_ASSERT_FALSE(say(0, 10));
    start_journald(); /* it comes later */
    CU_ASSERT(say(1, 10));
    CU_ASSERT(is_number(take(), 1));
    journal_socket_close(0);
    CU_ASSERT_FALSE(say(2, 10));
    stop_journald();
}

static void a_path_that_is_too_long_is_none(void)
{
    char name[200];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CU_ASSERT_FALSE(journal_socket_open(name, make_gap));
}

static int set_up(void)
{
    if (!mkdtemp(directory))
        return errno;
    snprintf(path, sizeof path, "%s/socket", directory);
    return 0;
}

static int tear_down(void)
{
    return rmdir(directory);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(an_entry_is_what_the_protocol_says),
        TEST(long_values_are_cut),
        TEST(what_does_not_fit_is_left_out),
        TEST(entries_come_in_order),
        TEST(a_journal_that_nobody_reads_is_not_waited_for),
        TEST(nothing_comes_between_the_gap_and_its_place),
        TEST(the_last_ones_are_waited_for_a_while),
        TEST(without_a_journal_it_is_said_elsewhere),
        TEST(a_path_that_is_too_long_is_none),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("ide-kmd: the journal's socket", set_up, tear_down, tests);
}
