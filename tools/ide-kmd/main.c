/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-kmd: the controller of IDE streams. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/ide-kmd/config_check.h"
#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/kill_switch.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/options.h"
#include "tools/ide-kmd/privileges.h"

/* One that could not be done is said, and is no reason to stop: an operator may run us where it is forbidden.
 */
static void expect(bool done, const char *error)
{
    if (!done)
        log_say(LOG_WARNING, LOG_UNPROTECTED, "%s", error);
}

static struct privilege_needs needs_of(const struct controller_settings *settings)
{
    return (struct privilege_needs){
        .config_space = !settings->sysfs || strncmp(settings->sysfs, "/sys/", 5) == 0,
        .memory = provider_needs_memory(&settings->provider, settings->sysfs),
    };
}

/* What is given up before the first thread and the first secret. */
static void protect(const struct controller_settings *settings)
{
    const struct privilege_needs needs = needs_of(settings);
    char error[PRIVILEGES_ERROR];
    expect(privileges_forbid_dumps(error), error);
    expect(privileges_lock_memory(error), error);
    if (!settings->no_sandbox)
        expect(privileges_drop(&needs, error), error);
}

/* What is given up once all files and sockets are open. */
static void seal(const struct controller_settings *settings)
{
    char error[PRIVILEGES_ERROR];
    if (settings->no_sandbox) {
        log_say(LOG_WARNING, LOG_UNPROTECTED,
                "--no-sandbox: all capabilities and system calls of root are kept; for debugging only");
        return;
    }
    expect(privileges_seal(error), error);
}

/* A port takes a thread with two sockets, and files: as many as this process may have. */
static void take_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    zsys_set_max_sockets(0); /* all that the system has */
}

/* Signals become something to poll, in this thread and in those that it starts. -1 if they cannot. */
static int take_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* --check: looks with the rights that a start would look with. */
static int check_only(const struct controller_settings *settings, bool is_right)
{
    const struct privilege_needs needs = needs_of(settings);
    struct problems problems = options_problems(settings);
    char error[PRIVILEGES_ERROR];
    if (!settings->no_sandbox)
        (void)privileges_drop(&needs, error); /* who cannot has none to give up */
    return config_check(settings, CONFIG_CHECK, &problems) && is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void say_not_started(void *context, const char *text)
{
    (void)context;
    log_say(LOG_ERR, LOG_NOT_STARTED, "%s", text);
}

static void warn_at_start(void *context, const char *text)
{
    (void)context;
    log_say(LOG_WARNING, LOG_PLAIN, "%s", text);
}

struct command_line {
    int argc;
    char **argv;
};

static bool read_again(void *context, struct controller_settings *settings)
{
    const struct command_line *line = context;
    return options_read_again(line->argc, line->argv, settings);
}

static int serve(const struct controller_settings *settings, struct command_line *line, int stop_fd)
{
    static struct controller controller;
    struct failure failure;
    struct problems problems = {.file = settings->file, .say = say_not_started, .warn = warn_at_start};
    /* Before anyone is told that we are ready, and before anything is made: what is wrong is said in one go.
     */
    if (!config_check(settings, CONFIG_START, &problems))
        return EXIT_FAILURE;
    if (controller_open(&controller, settings, &failure) != IDE_OK) {
        config_add_failure(settings, &problems, &failure);
        controller_close(&controller);
        return EXIT_FAILURE;
    }
    seal(settings);
    log_say(LOG_INFO, LOG_READY, "ide-kmd " IDE_KM_VERSION " serves at %s", settings->listen);
    notify_ready(&controller);
    puts("ready");
    fflush(stdout);
    controller.reload.read = read_again;
    controller.reload.context = line;
    controller_run(&controller, stop_fd);
    controller_close(&controller);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct controller_settings settings;
    /* First the command line: --help needs nothing of the machine. */
    bool check;
    enum options_result options = options_parse(argc, argv, &settings, &check);
    if (check && (options == OPTIONS_RUN || options == OPTIONS_WRONG)) {
        int found = check_only(&settings, options == OPTIONS_RUN);
        settings_release(&settings);
        return found;
    }
    if (options != OPTIONS_RUN) {
        settings_release(&settings);
        return options == OPTIONS_EXIT ? EXIT_SUCCESS : options == OPTIONS_USAGE ? 2 : EXIT_FAILURE;
    }
    kill_switch_open();
    log_open();
    log_set_priority(settings.log_level);
    /* Before there is any secret, and any thread that could keep what this one gives up. */
    protect(&settings);
    /* Before any socket or lock file is made: they are for root alone. */
    umask(0077);
    /* Before any thread is started: they inherit the mask. And before czmq, which would take the signals
     * itself. */
    int stop_fd = take_signals();
    zsys_handler_set(NULL);
    take_files();
    if (stop_fd < 0) {
        log_say(LOG_ERR, LOG_NOT_STARTED, "signals cannot be taken: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    struct command_line line = {argc, argv};
    int status = serve(&settings, &line, stop_fd);
    settings_release(&settings);
    close(stop_fd);
    log_close();
    return status;
}
