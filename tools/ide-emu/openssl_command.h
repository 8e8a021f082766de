/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs `openssl`. */
#ifndef IDE_EMU_OPENSSL_COMMAND_H
#define IDE_EMU_OPENSSL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Starts `openssl` with the arguments (separated by single spaces; no path in them may have one) in the directory.
 * -1 if it cannot be started.
 */
pid_t openssl_start(const char *directory, const char *arguments);

/* Waits for it; true if it ended with 0. What it had to say is in the directory's openssl.log. */
bool openssl_wait(pid_t pid);

#endif
