/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a person sees while an operation runs, on standard error: on a terminal one line for each operation,
 * written over as its steps go on at both ends, and gone when the result is there; elsewhere nothing, or with
 * --progress a line for each step.
 */
#ifndef IDE_CTL_PROGRESS_H
#define IDE_CTL_PROGRESS_H

#include "tools/ide-ctl/ctl.h"

#define PROGRESS_LINES_MAX 16u /* operations of one request that are shown */

enum progress_form { PROGRESS_NONE, PROGRESS_PLAIN, PROGRESS_LIVE };

struct progress_line {
    char key[96];
    char head[96];              /* "stream 0: establish" */
    char end[2][PCIE_BDF_TEXT]; /* root port, endpoint */
    char step[2][64];           /* what each is at */
    bool at_rest[2];            /* and has done */
};

struct progress {
    enum progress_form form;
    struct progress_line line[PROGRESS_LINES_MAX];
    size_t count, drawn; /* lines that are on the terminal */
    const char *note;    /* below them; NULL: none */
};

void progress_open(struct progress *progress, const struct ctl *ctl, bool wanted);
void progress_take(struct progress *progress, const json_t *event);
/* Says something that stays below the lines. */
void progress_say(struct progress *progress, const char *note);
/* Takes the lines off the terminal. */
void progress_close(struct progress *progress);

#endif
