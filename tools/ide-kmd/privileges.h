/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ide-kmd keeps of root's powers: the capabilities, memory that is not
 * swapped out, and the system calls that it makes. docs/security.md has the
 * reason for each that is kept.
 */
#ifndef IDE_KMD_PRIVILEGES_H
#define IDE_KMD_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

/* What the configuration makes necessary. */
struct privilege_needs {
    bool config_space; /* the machine's own sysfs, not the tree of an emulated platform */
    bool memory;       /* /dev/mem */
};

#define PRIVILEGES_ERROR 160u

/* No memory of this process goes to a file or to a debugger. Before there is any secret. */
bool privileges_forbid_dumps(char error[PRIVILEGES_ERROR]);

/* All memory there is and will be stays out of swap space, as it is first touched. Before capabilities are
 * dropped. */
bool privileges_lock_memory(char error[PRIVILEGES_ERROR]);

/*
 * Gives up all capabilities but those that are needed, and for ever: no set has them any more. They belong to
 * threads, so this is to be called before the first is started. What this process did not have is not missed.
 */
bool privileges_drop(const struct privilege_needs *needs, char error[PRIVILEGES_ERROR]);

/*
 * From here on all threads, and those to come, can make only the system calls of the list in privileges.c;
 * what an intruder would need and ide-kmd never does ends the process. When all sockets that listen are
 * there: new ones cannot be made, and no capability's system call.
 */
bool privileges_seal(char error[PRIVILEGES_ERROR]);

#endif
