/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a configuration: all of it, each with its place. */
#ifndef IDE_KMD_PROBLEMS_H
#define IDE_KMD_PROBLEMS_H

#define PROBLEM_MAX 1024u

struct problems {
    const char *file; /* NULL: there is none; what is wrong came on the command line */
    unsigned count;
    void (*say)(void *context, const char *text);  /* one problem, one line: "FILE:LINE: what is wrong" */
    void (*warn)(void *context, const char *text); /* what is not wrong, but hardly meant; a line likewise */
    void *context;
};

/* line 0: of the command line, and said without file and line. */
void problem_add(struct problems *problems, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Not counted. */
void problem_warn(struct problems *problems, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
