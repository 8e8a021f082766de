/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/places.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether there can be a new entry in the folder of the path. */
static int why_no_entry(const char *path, bool makes_folder)
{
    char text[PATH_MAX];
    if (strlen(path) >= sizeof text)
        return ENAMETOOLONG;
    (void)snprintf(text, sizeof text, "%s", path);
    const char *folder = dirname(text);
    if (access(folder, W_OK | X_OK) == 0)
        return 0;
    return errno == ENOENT && makes_folder ? why_no_entry(folder, false) : errno;
}

int place_why_no_file(const char *path, bool makes_folder)
{
    struct stat is;
    if (stat(path, &is) != 0)
        return errno == ENOENT ? why_no_entry(path, makes_folder) : errno;
    if (S_ISDIR(is.st_mode))
        return EISDIR;
    return access(path, W_OK) == 0 ? 0 : errno;
}

int place_why_no_socket(const char *path, bool makes_folder)
{
    struct stat is;
    if (lstat(path, &is) == 0 && !S_ISSOCK(is.st_mode))
        return EEXIST;
    return why_no_entry(path, makes_folder);
}

/* At any port of it: the one that is meant may be in use by the controller that runs. Nobody can connect to a
 * socket that does not listen. */
static int why_not_bound(const struct sockaddr *address, socklen_t len)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int why = bind(fd, address, len) == 0 ? 0 : errno;
    close(fd);
    return why;
}

int place_why_not_ours(const char *host)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    if (strcmp(host, "*") == 0 || if_nametoindex(host) != 0)
        return 0;
    if (strcmp(host, "[::1]") == 0)
        return why_not_bound((const struct sockaddr *)&v6, sizeof v6);
    if (inet_aton(host, &v4.sin_addr) == 0) /* as libzmq takes them: 127.1 is one, too */
        return ENODEV;
    return why_not_bound((const struct sockaddr *)&v4, sizeof v4);
}
