/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/metrics_door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tools/ide-kmd/access.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/places.h"

#define STEP         "metrics"
#define MEMORY_LIMIT 8192u /* of one connection: its request, too */
#define IDLE_SECONDS 5u
#define TYPE         "text/plain; version=0.0.4; charset=utf-8"

struct guest {
    int fd; /* -1: free */
    time_t since;
};

struct metrics_door {
    struct MHD_Daemon *server;
    metrics_page page;
    void *context;
    char path[sizeof((struct sockaddr_un *)0)->sun_path]; /* to be removed; empty if there is none */
    pthread_mutex_t lock;
    struct guest guest[METRICS_DOOR_CONNECTIONS];
};

static time_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* ---- who is there -------------------------------------------------------- */

/* libmicrohttpd ends who says nothing for a while. Who says a little now and then would stay as long as he
 * likes. */
static void on_connection(void *context, struct MHD_Connection *connection, void **mark,
                          enum MHD_ConnectionNotificationCode code)
{
    struct metrics_door *door = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    (void)mark;
    pthread_mutex_lock(&door->lock);
    for (size_t i = 0; info && i < METRICS_DOOR_CONNECTIONS; i++) {
        struct guest *guest = &door->guest[i];
        if (code == MHD_CONNECTION_NOTIFY_STARTED && guest->fd < 0) {
            *guest = (struct guest){.fd = info->connect_fd, .since = now_s()};
            break;
        }
        if (code == MHD_CONNECTION_NOTIFY_CLOSED && guest->fd == info->connect_fd)
            guest->fd = -1;
    }
    pthread_mutex_unlock(&door->lock);
}

void metrics_door_tick(struct metrics_door *door)
{
    time_t now = now_s();
    pthread_mutex_lock(&door->lock);
    for (size_t i = 0; i < METRICS_DOOR_CONNECTIONS; i++)
        if (door->guest[i].fd >= 0 && now - door->guest[i].since > (time_t)METRICS_DOOR_SECONDS)
            shutdown(door->guest[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&door->lock);
}

/* ---- what is said -------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, char *text, size_t len,
                              enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(len, text, mode);
    if (!response) {
        if (mode == MHD_RESPMEM_MUST_FREE)
            free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, TYPE);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_fixed(struct MHD_Connection *connection, unsigned status, char *text)
{
    return answer(connection, status, text, strlen(text), MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    static char not_found[] = "The figures are at /metrics.\n", no_method[] = "GET only.\n";
    struct metrics_door *door = context;
    size_t len;
    (void)version;
    (void)upload;
    (void)upload_size;
    (void)state;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_fixed(connection, MHD_HTTP_METHOD_NOT_ALLOWED, no_method);
    if (strcmp(url, "/metrics") != 0)
        return answer_fixed(connection, MHD_HTTP_NOT_FOUND, not_found);
    char *text = door->page(door->context, &len);
    return text ? answer(connection, MHD_HTTP_OK, text, len, MHD_RESPMEM_MUST_FREE) : MHD_NO;
}

/* ---- where --------------------------------------------------------------- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
};

/* HOST:PORT of this machine's own addresses. 0 if it is none. */
static socklen_t parse_tcp(const char *where, union address *address)
{
    char host[64];
    const char *colon = strrchr(where, ':');
    char *end;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (!colon || port == 0 || port > 65535 || *end || (size_t)(colon - where) >= sizeof host)
        return 0;
    snprintf(host, sizeof host, "%.*s", (int)(colon - where), where);
    if (strcmp(host, "[::1]") == 0) {
        address->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        address->v6.sin6_addr = in6addr_loopback;
        return sizeof address->v6;
    }
    address->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &address->v4.sin_addr) != 1 ||
        ntohl(address->v4.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
        return 0;
    return sizeof address->v4;
}

static socklen_t parse_path(const char *where, union address *address)
{
    address->path = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(where) >= sizeof address->path.sun_path)
        return 0;
    memcpy(address->path.sun_path, where, strlen(where) + 1);
    return sizeof address->path;
}

static enum ide_err parse(const char *where, union address *address, socklen_t *len, struct failure *failure)
{
    *len = *where == '/' ? parse_path(where, address) : parse_tcp(where, address);
    if (*len > 0)
        return IDE_OK;
    return failure_set(failure, IDE_E_ARGUMENT, STEP, "metrics",
                       "\"%.120s\" is neither 127.0.0.1:PORT, [::1]:PORT nor a path from /", where);
}

/* For root, and for those who may look. Without the group, for root alone. */
static void admit_readers(const char *path)
{
    const struct group *group = getgrnam(ACCESS_VIEW_GROUP);
    if (group && !access_admit(path, &group->gr_gid, 1))
        log_say(LOG_WARNING, LOG_PLAIN, "%s is for root alone: its group could not be set: %s", path,
                strerror(errno));
}

/* A socket that an ide-kmd left that died. */
static void remove_stale(const char *path)
{
    struct stat is;
    if (lstat(path, &is) == 0 && S_ISSOCK(is.st_mode))
        unlink(path);
}

static int listen_at(const union address *address, socklen_t len)
{
    const int on = 1;
    bool is_path = address->any.sa_family == AF_UNIX;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (is_path)
        remove_stale(address->path.sun_path);
    else
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &address->any, len) != 0 || listen(fd, METRICS_DOOR_CONNECTIONS) != 0) {
        int err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    if (is_path)
        admit_readers(address->path.sun_path);
    return fd;
}

static struct MHD_Daemon *serve(struct metrics_door *door, int fd)
{
    return MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, door,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                            METRICS_DOOR_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_LIMIT,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, door, MHD_OPTION_END);
}

static enum ide_err no_place(const char *where, int why, struct failure *failure)
{
    return failure_set(failure, IDE_E_IO, STEP, "metrics", "%.120s: %s", where, strerror(why));
}

enum ide_err metrics_door_check(const char *where, bool places, struct failure *failure)
{
    union address address = {0};
    socklen_t len;
    int why = 0;
    enum ide_err err = parse(where, &address, &len, failure);
    if (err == IDE_OK && places && *where == '/')
        why = place_why_no_socket(where, false);
    else if (err == IDE_OK && places && *where == '[')
        why = place_why_not_ours("[::1]");
    return why == 0 ? err : no_place(where, why, failure);
}

static enum ide_err start(struct metrics_door *door, const char *where, struct failure *failure)
{
    union address address = {0};
    socklen_t len;
    enum ide_err err = parse(where, &address, &len, failure);
    if (err != IDE_OK)
        return err;
    int fd = listen_at(&address, len);
    if (fd < 0)
        return no_place(where, errno, failure);
    if (*where == '/')
        memcpy(door->path, where, strlen(where) + 1); /* it has been in an address */
    door->server = serve(door, fd);
    if (door->server)
        return IDE_OK;
    close(fd);
    return failure_set(failure, IDE_E_MEMORY, STEP, NULL, "the server could not be started");
}

enum ide_err metrics_door_open(struct metrics_door **out, const char *where, metrics_page page, void *context,
                               struct failure *failure)
{
    struct metrics_door *door = calloc(1, sizeof *door);
    *out = NULL;
    if (!door)
        return failure_set(failure, IDE_E_MEMORY, STEP, NULL, "out of memory");
    door->page = page;
    door->context = context;
    pthread_mutex_init(&door->lock, NULL);
    for (size_t i = 0; i < METRICS_DOOR_CONNECTIONS; i++)
        door->guest[i].fd = -1;
    enum ide_err err = start(door, where, failure);
    if (err == IDE_OK)
        *out = door;
    else
        metrics_door_close(door);
    return err;
}

void metrics_door_close(struct metrics_door *door)
{
    if (!door)
        return;
    if (door->server)
        MHD_stop_daemon(door->server);
    if (*door->path)
        unlink(door->path);
    pthread_mutex_destroy(&door->lock);
    free(door);
}
