/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl monitor: what happens, as it happens, until interrupted. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/ide-ctl/feed.h"
#include "tools/ide-ctl/print.h"
#include "tools/ide-ctl/story.h"
#include "tools/ide-ctl/terminal.h"

static void print_json_line(const json_t *event)
{
    json_dumpf(event, stdout, JSON_COMPACT);
    putchar('\n');
}

/* When it happened; what has no time of its own happens now. */
static void print_words(const json_t *event, const char *color, const char *words)
{
    char text[16] = "";
    const json_t *ms = json_object_get(event, "time_ms");
    time_t when = json_is_integer(ms) ? (time_t)(json_integer_value(ms) / 1000) : time(NULL);
    struct tm tm;
    if (localtime_r(&when, &tm))
        strftime(text, sizeof text, "%H:%M:%S", &tm);
    printf("%s  %s%s%s\n", text, terminal_color(color), words, color ? terminal_plain() : "");
}

static void tell(const struct ctl *ctl, struct story *story, const json_t *event)
{
    struct story_line line;
    if (ctl->json)
        print_json_line(event);
    else if (story_take(story, event, &line))
        print_words(event, line.color, line.text);
    fflush(stdout);
}

/* From here on nothing is missed. */
static void tell_hello(const struct ctl *ctl, struct story *story, const struct ide_client *client)
{
    const char *instance;
    ide_client_position(client, &instance);
    json_t *hello = json_pack("{s:i, s:s, s:s}", "v", API_VERSION, "event", "hello", "instance",
                              instance ? instance : "");
    tell(ctl, story, hello);
    json_decref(hello);
}

enum ctl_status command_monitor(const struct ctl *ctl)
{
    struct feed feed;
    struct story story = {0};
    bool stopped = false;
    terminal_use_color(ctl);
    enum ide_client_status status = feed_open(&feed, ctl);
    if (status == IDE_CLIENT_OK)
        tell_hello(ctl, &story, feed.events);
    while (status == IDE_CLIENT_OK && !stopped) {
        json_t *event = NULL;
        switch (feed_next(&feed, -1, -1, &event)) {
        case FEED_EVENT:
            if (strcmp(text_of(event, "event"), "hello") == 0)
                tell_hello(ctl, &story, feed.events); /* the controller was started anew */
            else
                tell(ctl, &story, event);
            break;
        case FEED_SIGNAL:
            stopped = feed.signal != SIGWINCH;
            break;
        case FEED_TIME:
        case FEED_INPUT:
            break;
        case FEED_BROKEN:
            status = IDE_CLIENT_PROTOCOL;
            break;
        }
        json_decref(event);
    }
    feed_close(&feed);
    story_clear(&story);
    return status == IDE_CLIENT_OK ? CTL_DONE : ctl_client_failed(ctl, status);
}
