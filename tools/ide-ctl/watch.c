/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-ctl/watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/ide-ctl/feed.h"
#include "tools/ide-ctl/ports_table.h"
#include "tools/ide-ctl/print.h"
#include "tools/ide-ctl/story.h"
#include "tools/ide-ctl/terminal.h"

#define QUIET_MS 60u   /* what comes within that is drawn at once */
#define LATE_MS  300u  /* but not later than that */
#define LOOK_MS  5000u /* registers change without an event, too, and a controller may be gone */
#define NEWS_MAX 256u

struct watch {
    const struct ctl *ctl;
    const struct table_view *view;
    struct feed feed;
    struct story story;
    json_t *ports;       /* owned: as they were seen last; NULL: never */
    const char *trouble; /* what is wrong now; NULL: nothing */
    char news[NEWS_MAX]; /* what happened last */
    bool stale, done;
    uint64_t since; /* when it became stale */
};

static void look(struct watch *w)
{
    json_t *reply = NULL;
    enum ide_client_status status = feed_ask(&w->feed, json_pack("{s:s}", "verb", "list"), &reply);
    const json_t *ports = json_object_get(json_object_get(reply, "result"), "ports");
    w->stale = false;
    w->trouble = status == IDE_CLIENT_OK ? NULL : ide_client_text(status);
    if (ports) {
        json_decref(w->ports);
        w->ports = json_incref((json_t *)ports);
    }
    json_decref(reply);
}

/* ---- drawing ---------------------------------------------------------------------- */

/* At most columns characters of a line without colours; bytes of UTF-8 that go on count nothing. */
static int clip(const char *text, unsigned columns)
{
    unsigned used = 0;
    const char *at = text;
    for (; *at && (used < columns || ((unsigned char)*at & 0xc0) == 0x80); at++)
        used += ((unsigned char)*at & 0xc0) != 0x80;
    return (int)(at - text);
}

static void draw_text(const char *color, const char *text, unsigned columns)
{
    printf("%s%.*s%s\033[K\r\n", terminal_color(color), clip(text, columns), text,
           color ? terminal_plain() : "");
}

static void draw_head(const struct watch *w, unsigned columns)
{
    char text[API_ENDPOINT_MAX + 64], now[16] = "";
    time_t t = time(NULL);
    struct tm tm;
    if (localtime_r(&t, &tm))
        strftime(now, sizeof now, "%H:%M:%S", &tm);
    snprintf(text, sizeof text, "%s  IDE streams at %s  (q: quit)", now, w->ctl->endpoint);
    draw_text(TERMINAL_BOLD, text, columns);
}

/* libsmartcols has made the lines as narrow as it could: what is still too long must not wrap, or all below
 * is in the wrong place. With autowrap off the terminal leaves it out. */
static void draw_table(const struct watch *w, unsigned columns, unsigned lines)
{
    char *text = NULL, *rest, *line;
    struct libscols_table *table = ports_table_new(w->view, w->ports);
    if (!table)
        return;
    scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
    scols_table_set_termwidth(table, columns);
    if (scols_print_table_to_string(table, &text) == 0 && text) {
        for (rest = text; lines > 0 && (line = strsep(&rest, "\n")) && (*line || rest); lines--)
            printf("%s\033[K\r\n", line);
        if (rest && *rest)
            draw_text(TERMINAL_DIM, "...", columns);
    }
    free(text);
    scols_unref_table(table);
}

static void draw(const struct watch *w)
{
    unsigned columns = 80, lines = 24;
    terminal_size(&columns, &lines);
    fputs("\033[H", stdout);
    draw_head(w, columns);
    if (w->trouble)
        draw_text(TERMINAL_RED, w->trouble, columns);
    if (w->ports)
        draw_table(w, columns, lines > 5 ? lines - 5 : 1);
    fputs("\033[J", stdout);
    if (w->news[0])
        draw_text(TERMINAL_DIM, w->news, columns);
    fflush(stdout);
}

/* ---- what happens ------------------------------------------------------------------- */

static void make_stale(struct watch *w)
{
    if (!w->stale)
        w->since = feed_now_ms();
    w->stale = true;
}

static void take_event(struct watch *w, const json_t *event)
{
    struct story_line line;
    if (story_take(&w->story, event, &line))
        snprintf(w->news, sizeof w->news, "%s", line.text);
    if (strcmp(text_of(event, "event"), "step") != 0)
        make_stale(w);
}

static void take_key(struct watch *w)
{
    char key;
    ssize_t n = read(STDIN_FILENO, &key, 1);
    w->done = n <= 0 || key == 'q' || key == 'Q' || key == 4;
    if (!w->done)
        make_stale(w);
}

static long patience(const struct watch *w)
{
    uint64_t waited = feed_now_ms() - w->since;
    if (!w->stale)
        return LOOK_MS;
    return waited >= LATE_MS ? 0 : QUIET_MS;
}

static bool step(struct watch *w)
{
    json_t *event = NULL;
    enum feed_what what = feed_next(&w->feed, patience(w), STDIN_FILENO, &event);
    switch (what) {
    case FEED_EVENT:
        take_event(w, event);
        break;
    case FEED_TIME:
        look(w);
        draw(w);
        break;
    case FEED_INPUT:
        take_key(w);
        break;
    case FEED_SIGNAL:
        w->done = w->feed.signal != SIGWINCH;
        if (!w->done)
            draw(w);
        break;
    case FEED_BROKEN:
        break;
    }
    json_decref(event);
    return what != FEED_BROKEN && !w->done;
}

enum ctl_status watch_ports(const struct ctl *ctl, const struct table_view *view)
{
    struct watch w = {.ctl = ctl, .view = view};
    struct terminal_saved saved;
    if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
        return ctl_usage(
            ctl->command,
            "--watch needs a terminal; scripts have `ide-ctl wait` and `ide-ctl --json monitor`");
    enum ide_client_status status = feed_open(&w.feed, ctl);
    if (status == IDE_CLIENT_OK) {
        terminal_take(&saved);
        look(&w);
        draw(&w);
        while (step(&w))
            ;
        terminal_give_back(&saved);
    }
    feed_close(&w.feed);
    story_clear(&w.story);
    json_decref(w.ports);
    return status == IDE_CLIENT_OK ? CTL_DONE : ctl_client_failed(ctl, status);
}
