/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file: INI, with the settings of settings.h as keys in their sections. ide-kmd.conf(5). */
#ifndef IDE_KMD_CONFIG_FILE_H
#define IDE_KMD_CONFIG_FILE_H

#include "tools/ide-kmd/problems.h"
#include "tools/ide-kmd/settings.h"

#define CONFIG_DEFAULT  "/etc/ide-kmd/ide-kmd.conf"
#define CONFIG_FILE_MAX 1048576u
#define CONFIG_LINE_MAX 1000u

/*
 * Reads all of it, and says all that is wrong: what is no INI, an unknown section or key, one that is there
 * twice, a value that is none. True if nothing was. What was right is in settings in any case. Whether all of
 * it goes together is settings_contradiction()'s, once the command line has been added.
 */
bool config_parse(const char *text, size_t len, struct controller_settings *settings,
                  struct problems *problems);

/*
 * The same with a file. It says what is trusted, so one that others than root or we could have written is
 * refused. problems->file is the path.
 */
bool config_load(const char *path, struct controller_settings *settings, struct problems *problems);

#endif
