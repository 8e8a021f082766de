/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/openssl_command.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define ARGUMENTS_MAX 64u
#define TEXT_MAX 2048u

extern char **environ;

static bool split(char *text, char *argv[static ARGUMENTS_MAX])
{
    size_t n = 0;
    argv[n++] = "openssl";
    char *save, *word = strtok_r(text, " ", &save);
    for (; word && n < ARGUMENTS_MAX - 1; word = strtok_r(NULL, " ", &save))
        argv[n++] = word;
    argv[n] = NULL;
    return !word;
}

pid_t openssl_start(const char *directory, const char *arguments)
{
    char text[TEXT_MAX], *argv[ARGUMENTS_MAX];
    if ((size_t)snprintf(text, sizeof text, "%s", arguments) >= sizeof text || !split(text, argv))
        return -1;

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, directory);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "openssl.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);

    pid_t pid;
    int failure = posix_spawnp(&pid, "openssl", &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failure == 0 ? pid : -1;
}

bool openssl_wait(pid_t pid)
{
    int status;
    if (pid < 0)
        return false;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
