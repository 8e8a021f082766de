/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a program's files would be there after a loss of power: preloaded (LD_PRELOAD), it keeps copies of
 * the files beside $POWER_FILES, a path: of each file whose name begins as the path does, as it was when it
 * was last on the disk, which is when fsync() or fdatasync() of it returned; and of the names in its folder
 * as they were when that was. In $POWER_DISK, a folder: "inode-N" is what of the inode N is on the disk,
 * "names" has a line "N NAME" each. tests/e2e/test_power.py makes of it what the next start would find.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536

static bool copy_bytes(int from, int to)
{
    static _Thread_local char bytes[CHUNK];
    off_t at = 0;
    for (;;) {
        ssize_t n = pread(from, bytes, sizeof bytes, at);
        if (n <= 0)
            return n == 0;
        if (pwrite(to, bytes, (size_t)n, at) != n)
            return false;
        at += n;
    }
}

/* Under its name only once it is whole: the program may be killed in here. */
static void fail_if(bool wrong, const char *what)
{
    if (!wrong)
        return;
    perror(what);
    abort();
}

static void place(const char *temporary, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", getenv("POWER_DISK"), name);
    fail_if(rename(temporary, path) != 0, path);
}

static void keep_file(const char *path)
{
    struct stat status;
    char temporary[PATH_MAX], name[64];
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return; /* it has no name any more, and nobody will find it */
    snprintf(temporary, sizeof temporary, "%s/new", getenv("POWER_DISK"));
    int to = open(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    fail_if(to < 0 || fstat(from, &status) != 0 || !copy_bytes(from, to), path);
    close(from);
    close(to);
    snprintf(name, sizeof name, "inode-%llu", (unsigned long long)status.st_ino);
    place(temporary, name);
}

static void keep_names(const char *folder, const char *prefix)
{
    char temporary[PATH_MAX];
    const struct dirent *entry;
    DIR *directory = opendir(folder);
    snprintf(temporary, sizeof temporary, "%s/new", getenv("POWER_DISK"));
    FILE *names = fopen(temporary, "we");
    fail_if(!directory || !names, folder);
    while ((entry = readdir(directory)))
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            fprintf(names, "%llu %s\n", (unsigned long long)entry->d_ino, entry->d_name);
    fail_if(fclose(names) != 0, temporary);
    closedir(directory);
    place(temporary, "names");
}

static void is_on_disk(int fd)
{
    char link[64], path[PATH_MAX], folder_of[PATH_MAX], name_of[PATH_MAX];
    const char *files = getenv("POWER_FILES");
    if (!files || !getenv("POWER_DISK"))
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return;
    path[n] = '\0';
    snprintf(folder_of, sizeof folder_of, "%s", files);
    snprintf(name_of, sizeof name_of, "%s", files);
    const char *folder = dirname(folder_of);
    if (strcmp(path, folder) == 0)
        keep_names(folder, basename(name_of));
    else if (strncmp(path, files, strlen(files)) == 0)
        keep_file(path);
}

static int sync_by(const char *name, int fd)
{
    int (*real)(int fd);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    int rc = real(fd);
    if (rc == 0)
        is_on_disk(fd);
    return rc;
}

int fsync(int fd)
{
    return sync_by("fsync", fd);
}

int fdatasync(int fd)
{
    return sync_by("fdatasync", fd);
}
