/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of ide-kmd. */
#ifndef IDE_KMD_OPTIONS_H
#define IDE_KMD_OPTIONS_H

#include "tools/ide-kmd/controller.h"

enum options_result { OPTIONS_RUN, OPTIONS_EXIT, OPTIONS_USAGE };

/*
 * Fills settings; --help and --version are answered and mean OPTIONS_EXIT. What is wrong is said on stderr
 * and means OPTIONS_USAGE. The strings in settings borrow from argv.
 */
enum options_result options_parse(int argc, char **argv, struct controller_settings *settings);

#endif
