/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of ide-kmd, and with it the configuration file. */
#ifndef IDE_KMD_OPTIONS_H
#define IDE_KMD_OPTIONS_H

#include "tools/ide-kmd/problems.h"
#include "tools/ide-kmd/settings.h"

enum options_result { OPTIONS_RUN, OPTIONS_EXIT, OPTIONS_USAGE, OPTIONS_WRONG };

/*
 * Fills settings from the file and then, which counts more, the command line. --help and --version are
 * answered and mean OPTIONS_EXIT. What is wrong is said on stderr: of the command line it is OPTIONS_USAGE,
 * of the file OPTIONS_WRONG. *check: --check was given, and config_check() is to be asked, too, unless it is
 * one of the others. settings_release() in any case.
 */
enum options_result options_parse(int argc, char **argv, struct controller_settings *settings, bool *check);

/* For what is wrong with these settings besides: said as the above. */
struct problems options_problems(const struct controller_settings *settings);

/* The same for SIGHUP: a command line that was right, and its file as it is now. What is wrong is said. */
bool options_read_again(int argc, char **argv, struct controller_settings *settings);

#endif
