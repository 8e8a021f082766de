/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What values of settings lead to: files, folders, keys and certificates, addresses. */
#ifndef IDE_KMD_CONFIG_CHECK_H
#define IDE_KMD_CONFIG_CHECK_H

#include "tools/ide-kmd/problems.h"
#include "tools/ide-kmd/settings.h"

enum config_use {
    CONFIG_CHECK, /* for whoever has asked whether all is right */
    /* Before a start, which refuses what it could not do without. Of what is read anew for every operation,
     * or by the first that needs it, it says what is wrong and goes on: it may be mended later. */
    CONFIG_START,
    /* SIGHUP: what counts from the next start on only is looked at then */
    CONFIG_RELOAD,
};

/*
 * Says all that is wrong, each with the place of its setting and what to try. Looks at no device, and writes
 * nothing. It is about this process: its user, its capabilities, and the files as they are now. True if
 * nothing is wrong.
 */
bool config_check(const struct controller_settings *settings, enum config_use use, struct problems *problems);

/* A failure to start: with the place of the setting that failure->field names, if it is one. */
void config_add_failure(const struct controller_settings *settings, struct problems *problems,
                        const struct failure *failure);

#endif
