/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static bool failed(char error[PRIVILEGES_ERROR], const char *what, int err)
{
    snprintf(error, PRIVILEGES_ERROR, "%s: %s", what, strerror(err));
    return false;
}

bool privileges_forbid_dumps(char error[PRIVILEGES_ERROR])
{
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        return failed(error, "core dumps could not be forbidden", errno);
    return true;
}

/* Whether all that is mapped may be locked, without a capability. */
static bool may_lock_all(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
}

bool privileges_lock_memory(char error[PRIVILEGES_ERROR])
{
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    /* With CAP_SYS_RESOURCE; else CAP_IPC_LOCK is kept. */
    (void)setrlimit(RLIMIT_MEMLOCK, &all);
    /* Session secrets are in the agents of ports, on their threads' stacks and in wolfCrypt's generator on
     * the heap. All of it, and not those three alone: what is copied out of them next is locked, too. As it
     * is touched, because a thread's stack is 8 MiB of which it uses a hundredth. */
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
        return failed(error, "memory could not be locked, and secrets may reach swap space", errno);
    return true;
}

static void keep(unsigned capability, bool had)
{
    if (had)
        capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, capability, -1);
}

bool privileges_drop(const struct privilege_needs *needs, char error[PRIVILEGES_ERROR])
{
    if (capng_get_caps_process() != 0)
        return failed(error, "the capabilities could not be read", errno);
    bool admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN);
    bool rawio = capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_RAWIO);
    bool lock = capng_have_capability(CAPNG_EFFECTIVE, CAP_IPC_LOCK);
    bool bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
    capng_clear(CAPNG_SELECT_BOTH);
    keep(CAP_SYS_ADMIN, admin && needs->config_space);
    keep(CAP_SYS_RAWIO, rawio && needs->memory);
    keep(CAP_IPC_LOCK, lock && !may_lock_all());
    if (capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) != 0)
        return failed(error, "capabilities could not be dropped", errno);
    return true;
}
