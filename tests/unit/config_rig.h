/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text as ide-kmd's configuration, and what is said of it. */
#ifndef TESTS_CONFIG_RIG_H
#define TESTS_CONFIG_RIG_H

#include "check.h"
#include "tools/ide-kmd/config_file.h"

extern struct controller_settings settings;
extern struct problems problems;
extern char said[4096]; /* all problems, one a line */

/* Nothing is set, and nothing said. Problems are those of the file of this name; NULL: of none. */
void config_rig_clear(const char *file);

/* Takes the text as the file "f". */
bool config_rig_parse(const char *text, size_t len);

#define CHECK_SAID(wanted)                                                                                   \
    do {                                                                                                     \
        if (strcmp(said, wanted) != 0)                                                                       \
            fprintf(stderr, "%s:%d: said\n%s", __FILE__, __LINE__, said);                                    \
        CU_ASSERT_STRING_EQUAL(said, wanted);                                                                \
    } while (0)

/* parse() is the test's: false, with these words. */
#define CHECK_WRONG(text, wanted)                                                                            \
    do {                                                                                                     \
        CU_ASSERT_FALSE(parse(text));                                                                        \
        CHECK_SAID(wanted);                                                                                  \
    } while (0)

#endif
