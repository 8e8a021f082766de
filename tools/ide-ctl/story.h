/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events in words. Of an operation there are two lines, when it begins and when it has ended, with what
 * became of the stream, how many steps it took and how long; of its steps only those that fail are told.
 */
#ifndef IDE_CTL_STORY_H
#define IDE_CTL_STORY_H

#include <jansson.h>
#include <stdbool.h>

struct story_operation;

struct story {
    struct story_operation *first; /* owned: those that go on */
};

struct story_line {
    char text[640];
    const char *color; /* a sequence of terminal.h; NULL: none */
};

/* Whether there is something to tell now; then it is in line. */
bool story_take(struct story *story, const json_t *event, struct story_line *line);
void story_clear(struct story *story);

/* "an IDE fail message was received": what a stream fell for; the word itself if it is not known. */
const char *story_cause(const char *cause);

#endif
