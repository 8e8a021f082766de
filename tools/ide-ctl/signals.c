/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-ctl/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t wanted_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGWINCH);
    return set;
}

bool signals_open(struct signals *signals, bool wanted)
{
    sigset_t set = wanted_signals();
    signals->fd = -1;
    if (!wanted)
        return true;
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals->fd >= 0;
}

void signals_close(struct signals *signals)
{
    sigset_t set = wanted_signals();
    if (signals->fd < 0)
        return;
    close(signals->fd);
    signals->fd = -1;
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int signals_take(struct signals *signals)
{
    struct signalfd_siginfo info = {0};
    return read(signals->fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}
