/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-ctl/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/ide-ctl/print.h"

static bool is_clever_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

void progress_open(struct progress *progress, const struct ctl *ctl, bool wanted)
{
    *progress = (struct progress){.form = PROGRESS_NONE};
    if (wanted && is_clever_terminal())
        progress->form = PROGRESS_LIVE;
    else if (wanted && (ctl->progress || isatty(STDERR_FILENO)))
        progress->form = PROGRESS_PLAIN;
}

/* ---- live lines ------------------------------------------------------------------ */

static unsigned width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Back to the first of the lines that are there. */
static void go_up(struct progress *progress)
{
    if (progress->drawn > 0)
        fprintf(stderr, "\033[%zuA", progress->drawn);
    fputs("\r\033[J", stderr);
    progress->drawn = 0;
}

/* What goes on: where one end waits for the other, that of the other. */
static const char *at_text(const struct progress_line *line, char text[static 256])
{
    bool same = strcmp(line->step[0], line->step[1]) == 0, both = line->at_rest[0] == line->at_rest[1];
    bool alone = !*line->step[0] || !*line->step[1]; /* the other has had nothing to do */
    size_t shown = alone ? !*line->step[0] : line->at_rest[0];
    if (same && both)
        snprintf(text, 256, "%s at both ports", line->step[0]);
    else if (both && !alone)
        snprintf(text, 256, "%s at %s, %s at %s", line->step[0], line->end[0], line->step[1], line->end[1]);
    else
        snprintf(text, 256, "%s at %s", line->step[shown], line->end[shown]);
    return text;
}

static void draw(struct progress *progress)
{
    unsigned columns = width();
    go_up(progress);
    for (size_t i = 0; i < progress->count; i++) {
        char text[384], at[256];
        snprintf(text, sizeof text, "%s: %s", progress->line[i].head, at_text(&progress->line[i], at));
        fprintf(stderr, "%.*s\n", (int)(columns - 1), text); /* one that wraps could not be written over */
        progress->drawn++;
    }
    if (progress->note) {
        fprintf(stderr, "%.*s\n", (int)(columns - 1), progress->note);
        progress->drawn++;
    }
    fflush(stderr);
}

static struct progress_line *line_of(struct progress *progress, const json_t *event)
{
    char key[sizeof progress->line->key];
    snprintf(key, sizeof key, "%s %s %s %lld", text_of(event, "operation"), text_of(event, "root_port"),
             text_of(event, "endpoint"), number_of(event, "stream"));
    for (size_t i = 0; i < progress->count; i++)
        if (strcmp(progress->line[i].key, key) == 0)
            return &progress->line[i];
    if (progress->count == PROGRESS_LINES_MAX)
        return NULL;
    struct progress_line *line = &progress->line[progress->count++];
    *line = (struct progress_line){0};
    snprintf(line->key, sizeof line->key, "%s", key);
    if (json_is_integer(json_object_get(event, "stream")))
        snprintf(line->head, sizeof line->head, "stream %lld: %s", number_of(event, "stream"),
                 text_of(event, "operation"));
    else
        snprintf(line->head, sizeof line->head, "%s", text_of(event, "operation"));
    snprintf(line->end[0], PCIE_BDF_TEXT, "%s", text_of(event, "root_port"));
    snprintf(line->end[1], PCIE_BDF_TEXT, "%s", text_of(event, "endpoint"));
    return line;
}

static void set_step(struct progress_line *line, const json_t *event)
{
    const char *device = text_of(event, "device"), *state = text_of(event, "state");
    bool undo = json_is_true(json_object_get(event, "undo")), failed = strcmp(state, "failed") == 0;
    for (size_t end = 0; end < 2; end++) {
        if (strcmp(device, "-") != 0 && strcmp(device, line->end[end]) != 0)
            continue;
        snprintf(line->step[end], sizeof line->step[end], "%s%s%.50s", failed ? "failed to " : "",
                 undo ? "undo: " : "", text_of(event, "text"));
        line->at_rest[end] = strcmp(state, "started") != 0;
    }
}

static void take_live(struct progress *progress, const json_t *event)
{
    const char *kind = text_of(event, "event");
    struct progress_line *line = line_of(progress, event);
    if (!line)
        return;
    if (strcmp(kind, "step") == 0)
        set_step(line, event);
    if (*line->step[0] || *line->step[1])
        draw(progress);
}

/* ---- one line a step -------------------------------------------------------------- */

static void take_plain(const json_t *event)
{
    const char *device = text_of(event, "device"), *state = text_of(event, "state");
    bool undo = json_is_true(json_object_get(event, "undo"));
    if (strcmp(text_of(event, "event"), "step") != 0 || strcmp(state, "done") == 0)
        return;
    if (strcmp(device, "-") == 0)
        device = "both ports  "; /* as long as a BDF */
    if (strcmp(state, "started") == 0)
        fprintf(stderr, "  %s  %s%s\n", device, undo ? "undo: " : "", text_of(event, "text"));
    else
        fprintf(stderr, "  %s  failed: %s\n", device, text_of(event, "message"));
}

void progress_take(struct progress *progress, const json_t *event)
{
    if (progress->form == PROGRESS_LIVE)
        take_live(progress, event);
    else if (progress->form == PROGRESS_PLAIN)
        take_plain(event);
}

void progress_say(struct progress *progress, const char *note)
{
    progress->note = note;
    if (progress->form == PROGRESS_LIVE)
        draw(progress);
    else
        fprintf(stderr, "%s\n", note);
}

void progress_close(struct progress *progress)
{
    if (progress->form == PROGRESS_LIVE)
        go_up(progress);
    fflush(stderr);
}
