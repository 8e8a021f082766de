/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of ide-kmd in words: one line for what a person wants to know, none for the rest. */
#include <string.h>

#include "suite.h"
#include "tools/ide-ctl/print.h"
#include "tools/ide-ctl/story.h"
#include "tools/ide-ctl/terminal.h"

static struct story story;
static struct story_line line;

/* A JSON text with ' for ". */
static bool take(const char *text)
{
    char json[1024];
    snprintf(json, sizeof json, "%s", text);
    for (char *at = json; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    json_t *event = json_loads(json, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(event);
    bool told = story_take(&story, event, &line);
    json_decref(event);
    return told;
}

#define PORTS            "'root_port': '0000:00:03.0', 'endpoint': '0000:01:00.0', 'stream': 0"
#define ABOUT(operation) "'operation': '" operation "', " PORTS

static void check_says(const char *wanted)
{
    CU_ASSERT_STRING_EQUAL(line.text, wanted);
    if (strcmp(line.text, wanted) != 0)
        fprintf(stderr, "said: %s\nnot:  %s\n", line.text, wanted);
}

static void check_begins(const char *wanted)
{
    CU_ASSERT_EQUAL(strncmp(line.text, wanted, strlen(wanted)), 0);
}

static void an_operation_is_two_lines(void)
{
    CU_ASSERT_TRUE(take("{'event': 'operation', " ABOUT("establish") ", 'state': 'started', 'error': null, "
                                                                     "'asked_by': 'uid 0 pid 17'}"));
    check_says("stream 0  0000:00:03.0 - 0000:01:00.0  establish begins, asked for by uid 0 pid 17");
    CU_ASSERT_FALSE(take("{'event': 'step', " ABOUT("establish") ", 'step': 'session', 'state': 'started'}"));
    CU_ASSERT_FALSE(take("{'event': 'step', " ABOUT("establish") ", 'step': 'session', 'state': 'done'}"));
    CU_ASSERT_FALSE(take("{'event': 'stream', " ABOUT("establish") ", 'state': 'secure', 'key_set': 1}"));
    CU_ASSERT_TRUE(take("{'event': 'operation', " ABOUT("establish") ", 'state': 'done', 'error': null}"));
    check_begins("stream 0  0000:00:03.0 - 0000:01:00.0  is Secure, key set 1: establish, 1 step in ");
    CU_ASSERT_STRING_EQUAL(line.color, TERMINAL_GREEN);
    CU_ASSERT_PTR_NULL(story.first);
}

static void a_failure_says_where_and_why(void)
{
    take("{'event': 'operation', " ABOUT("rekey") ", 'state': 'started', 'error': null}");
    CU_ASSERT_TRUE(
        take("{'event': 'step', " ABOUT("rekey") ", 'state': 'failed', 'device': '0000:01:00.0', "
                                                 "'text': 'give it the keys', 'message': 'KP_ACK: Status'}"));
    check_says("stream 0  0000:00:03.0 - 0000:01:00.0  rekey at 0000:01:00.0: failed to give it the keys: "
               "KP_ACK: Status");
    CU_ASSERT_TRUE(
        take("{'event': 'operation', " ABOUT("rekey") ", 'state': 'failed', 'error': {'device': "
                                                      "'0000:01:00.0', 'message': 'KP_ACK: Status'}}"));
    check_says("stream 0  0000:00:03.0 - 0000:01:00.0  rekey failed: 0000:01:00.0: KP_ACK: Status");
    CU_ASSERT_STRING_EQUAL(line.color, TERMINAL_RED);
}

static void what_happens_without_an_operation_is_told_at_once(void)
{
    CU_ASSERT_TRUE(take("{'event': 'stream', 'operation': null, " PORTS
                        ", 'state': 'insecure', 'cause': 'link_down', "
                        "'device': '0000:01:00.0'}"));
    check_says("stream 0  0000:00:03.0 - 0000:01:00.0  is Insecure: the link went down (0000:01:00.0)");
    CU_ASSERT_STRING_EQUAL(line.color, TERMINAL_RED);
    CU_ASSERT_TRUE(take("{'event': 'stream', 'operation': null, " PORTS
                        ", 'state': 'quarantined', 'cause': 'untrusted', "
                        "'attempts': 3}"));
    check_says(
        "stream 0  0000:00:03.0 - 0000:01:00.0  is quarantined: it is not tried again until it is asked for: "
        "untrusted, after 3 attempts");
    CU_ASSERT_TRUE(
        take("{'event': 'stream', 'operation': null, " PORTS ", 'state': 'wanted', 'cause': null}"));
    check_says("stream 0  0000:00:03.0 - 0000:01:00.0  is wanted, and will be established");
}

static void a_port_has_its_words(void)
{
    CU_ASSERT_TRUE(
        take("{'event': 'port', 'device': '0000:00:03.0', 'state': 'link_down', 'message': null}"));
    check_says("0000:00:03.0  the link below it is down");
    CU_ASSERT_STRING_EQUAL(line.color, TERMINAL_RED);
    CU_ASSERT_TRUE(
        take("{'event': 'certificate', 'device': '0000:01:00.0', 'state': 'expires_soon', 'message': "
             "'until 2026-12-24'}"));
    check_says("0000:01:00.0  its certificate ends soon: until 2026-12-24");
    CU_ASSERT_TRUE(take("{'event': 'certificate', 'device': null, 'file': '/etc/ide-kmd/trust/a.pem', 'state': "
                        "'expired', 'message': 'a trusted certificate has expired'}"));
    check_says("/etc/ide-kmd/trust/a.pem  its certificate has ended: a trusted certificate has expired");
    CU_ASSERT_TRUE(
        take("{'event': 'session', 'device': '0000:01:00.0', 'state': 'lost', 'cause': 'timeout'}"));
    check_says("0000:01:00.0  its session is lost: timeout");
    CU_ASSERT_TRUE(
        take("{'event': 'port', 'device': '0000:00:03.0', 'state': 'closed', 'message': 'it passes'}"));
    check_says("0000:00:03.0  passes no memory requests on until what is wanted below it is Secure");
    CU_ASSERT_TRUE(
        take("{'event': 'port', 'device': '0000:00:03.0', 'state': 'reopened', 'message': 'somebody'}"));
    check_says("0000:00:03.0  was opened by somebody else: somebody");
    CU_ASSERT_STRING_EQUAL(line.color, TERMINAL_RED);
}

static void two_operations_at_once_are_kept_apart(void)
{
    take("{'event': 'operation', " ABOUT("establish") ", 'state': 'started', 'error': null}");
    take("{'event': 'operation', 'operation': 'establish', 'root_port': '0000:00:04.0', 'endpoint': "
         "'0000:04:00.0', "
         "'stream': 0, 'state': 'started', 'error': null}");
    CU_ASSERT_FALSE(take("{'event': 'stream', " ABOUT("establish") ", 'state': 'secure', 'key_set': 0}"));
    take("{'event': 'operation', 'operation': 'establish', 'root_port': '0000:00:04.0', 'endpoint': "
         "'0000:04:00.0', "
         "'stream': 0, 'state': 'done', 'error': null}");
    check_says("stream 0  0000:00:04.0 - 0000:04:00.0  establish done");
    take("{'event': 'operation', " ABOUT("establish") ", 'state': 'done', 'error': null}");
    check_begins("stream 0  0000:00:03.0 - 0000:01:00.0  is Secure");
    CU_ASSERT_PTR_NULL(story.first);
}

static void whatever_else_comes_is_told_in_its_own_words(void)
{
    CU_ASSERT_TRUE(take("{'event': 'weather', 'device': '0000:01:00.0', 'state': 'fine'}"));
    check_says("weather 0000:01:00.0: fine");
    CU_ASSERT_TRUE(take("{'event': 'hello', 'instance': 'x'}"));
    check_says("connected");
    CU_ASSERT_TRUE(take("{'event': 5}"));
    CU_ASSERT_TRUE(take("{}"));
    CU_ASSERT_TRUE(take("[]"));
    CU_ASSERT_TRUE(take("{'event': 'operation'}"));
    CU_ASSERT_FALSE(take("{'event': 'step'}"));
}

static void a_long_text_is_cut_off(void)
{
    char text[900] = "{'event': 'certificate', 'message': '";
    memset(text + strlen(text), 'x', 800);
    strcpy(text + 836, "'}");
    CU_ASSERT_TRUE(take(text));
    CU_ASSERT_EQUAL(strlen(line.text), sizeof line.text - 1);
}

static void what_goes_on_at_the_end_is_forgotten(void)
{
    take("{'event': 'operation', " ABOUT("establish") ", 'state': 'started', 'error': null}");
    take("{'event': 'stream', " ABOUT("establish") ", 'state': 'secure', 'key_set': 0}");
    take("{'event': 'operation', " ABOUT("establish") ", 'state': 'started', 'error': null}");
    story_clear(&story);
    CU_ASSERT_PTR_NULL(story.first);
}

/* "\033[2J" from a device would clear the terminal. */
static void a_device_does_not_move_the_cursor(void)
{
    json_t *value =
        json_pack("{s:[s, i], s:{s:s}}", "a", "x\033[2Jy", 5, "b", "c", "\302\233m\177\n\303\244");
    make_printable(value);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(json_object_get(value, "a"), 0)), "x?[2Jy");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json_object_get(value, "b"), "c")),
                           "??m??\303\244");
    json_decref(value);
}

int main(void)
{
    CU_TestInfo tests[] = {TEST(an_operation_is_two_lines),
                           TEST(a_failure_says_where_and_why),
                           TEST(what_happens_without_an_operation_is_told_at_once),
                           TEST(a_port_has_its_words),
                           TEST(two_operations_at_once_are_kept_apart),
                           TEST(whatever_else_comes_is_told_in_its_own_words),
                           TEST(a_long_text_is_cut_off),
                           TEST(a_device_does_not_move_the_cursor),
                           TEST(what_goes_on_at_the_end_is_forgotten),
                           CU_TEST_INFO_NULL};
    return suite_run("events of ide-kmd in words", tests);
}
