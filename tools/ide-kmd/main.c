/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-kmd: the controller of IDE streams. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/options.h"

/* No memory of this process, which holds session secrets, goes to a file or to a debugger. */
static void forbid_dumps(void)
{
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        fprintf(stderr, "ide-kmd: core dumps could not be forbidden: %s\n", strerror(errno));
}

/* Signals become something to poll, in this thread and in those that it starts. -1 if they cannot. */
static int take_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A folder that is there and has nothing in it may be filled later; one that is not there is a wrong --trust.
 */
static bool trust_folder_exists(const char *folder)
{
    DIR *dir = opendir(folder);
    if (dir)
        closedir(dir);
    else
        fprintf(stderr,
                "ide-kmd: the trust folder %s cannot be read: %s\n"
                "Make it, and put the root certificates into it that devices are to be trusted by.\n",
                folder, strerror(errno));
    return dir != NULL;
}

static int serve(const struct controller_settings *settings, int stop_fd)
{
    static struct controller controller;
    struct failure failure;
    if (controller_open(&controller, settings, &failure) != IDE_OK) {
        const char *hint = failure_hint(&failure);
        fprintf(stderr, "ide-kmd: %s\n%s%s", failure.message, hint, *hint ? "\n" : "");
        controller_close(&controller);
        return EXIT_FAILURE;
    }
    puts("ready");
    fflush(stdout);
    controller_run(&controller, stop_fd);
    controller_close(&controller);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct controller_settings settings;
    /* First the command line: --help needs nothing of the machine. */
    enum options_result options = options_parse(argc, argv, &settings);
    if (options != OPTIONS_RUN) {
        settings_release(&settings);
        return options == OPTIONS_EXIT ? EXIT_SUCCESS : options == OPTIONS_USAGE ? 2 : EXIT_FAILURE;
    }
    /* Before there is any secret. */
    forbid_dumps();
    /* Before any socket or lock file is made: they are for root alone. */
    umask(0077);
    /* Before any thread is started: they inherit the mask. And before czmq, which would take the signals
     * itself. */
    int stop_fd = take_signals();
    zsys_handler_set(NULL);
    if (stop_fd < 0) {
        fprintf(stderr, "ide-kmd: signals cannot be taken: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    /* Before anyone is told that we are ready: without trust nothing could be done. */
    int status = trust_folder_exists(settings.trust) ? serve(&settings, stop_fd) : EXIT_FAILURE;
    settings_release(&settings);
    close(stop_fd);
    return status;
}
