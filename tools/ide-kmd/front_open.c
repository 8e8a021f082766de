/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the sockets are, and who gets as far as to them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tools/ide-kmd/front.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/places.h"

/* Settings, which failures name. */
#define LISTEN       "listen"
#define LISTEN_TCP   "listen-tcp"
#define MESSAGE_LOG  "message-log"
#define STEP         "listen"
#define LINGER_MS    1000  /* the last replies still go out */
#define HANDSHAKE_MS 5000  /* who does not come further in that time is cut off */
#define HEARTBEAT_MS 10000 /* who does not answer is taken for dead after three times that */
#define REQUESTS_HWM 64    /* requests of one connection that wait to be read, replies that wait to be sent */
#define EVENTS_HWM   512   /* events that wait for one subscriber; further ones it has to ask for */
#define WELCOME      "{\"v\": 1, \"event\": \"hello\", \"instance\": \"%s\"}"

static bool is_ipc(const char *endpoint)
{
    return strncmp(endpoint, "ipc://", 6) == 0;
}

/* name: the setting that it comes from, "listen" or "listen-tcp" */
static enum ide_err check_endpoint(const char *name, const char *endpoint,
                                   char events[static API_ENDPOINT_MAX], struct failure *failure)
{
    bool is_tcp = strcmp(name, LISTEN_TCP) == 0, is_one = api_events_endpoint(endpoint, events);
    if (is_tcp && (!is_one || is_ipc(endpoint)))
        return failure_set(failure, IDE_E_ARGUMENT, STEP, name, "\"%.120s\" is no tcp://ADDRESS:PORT",
                           endpoint);
    if (!is_one)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, name,
                           "\"%.120s\" is neither ipc://PATH nor tcp://ADDRESS:PORT", endpoint);
    if (is_ipc(endpoint) && strlen(events) - 6 >= sizeof((struct sockaddr_un *)0)->sun_path)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, name, "the path of the socket is too long: %.120s",
                           endpoint + 6);
    return IDE_OK;
}

static bool is_any(const char *endpoint)
{
    return strncmp(endpoint, "tcp://*:", 8) == 0 || strncmp(endpoint, "tcp://0.0.0.0:", 14) == 0;
}

/* Two of one host at ports next to each other: each has one for events behind its own. */
static bool overlap(const char *a, const char *b)
{
    const char *colon_a = strrchr(a, ':'), *colon_b = strrchr(b, ':');
    long apart = strtol(colon_a + 1, NULL, 10) - strtol(colon_b + 1, NULL, 10);
    bool same = colon_a - a == colon_b - b && strncmp(a, b, (size_t)(colon_a - a)) == 0;
    return !is_ipc(a) && labs(apart) <= 1 && (same || is_any(a) || is_any(b));
}

/* The second one, if there is any; the first may be wrong. */
static enum ide_err check_other(const struct front_settings *settings, struct failure *failure)
{
    char events[API_ENDPOINT_MAX];
    const char *first = settings->listen, *other = settings->listen_tcp;
    enum ide_err err = other ? check_endpoint(LISTEN_TCP, other, events, failure) : IDE_OK;
    if (err != IDE_OK || !other || !api_events_endpoint(first, events) || !overlap(first, other))
        return err;
    return failure_set(failure, IDE_E_ARGUMENT, STEP, LISTEN_TCP,
                       "\"%.120s\" is where listen is, or its events are: they need two ports each", other);
}

bool front_needs_keys(const struct front_settings *settings)
{
    return strncmp(settings->listen, "tcp://", 6) == 0 || settings->listen_tcp;
}

/* ---- ipc ----------------------------------------------------------------- */

static enum ide_err io_error(struct failure *failure, const char *path)
{
    return failure_set(failure, IDE_E_IO, STEP, LISTEN, "%.120s: %s", path, strerror(errno));
}

static enum ide_err check_path(const char *path, struct failure *failure)
{
    char other[API_ENDPOINT_MAX + 8];
    errno = place_why_no_socket(path, true);
    if (errno)
        return io_error(failure, path);
    snprintf(other, sizeof other, "%s.lock", path);
    errno = place_why_no_file(other, true);
    return errno ? io_error(failure, other) : IDE_OK;
}

/* The last directory of the path; those above it are the operator's. Anyone may pass through: the sockets
 * have their own permissions. */
static enum ide_err make_directory(const char *path, struct failure *failure)
{
    char directory[API_ENDPOINT_MAX];
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (!slash || slash == directory)
        return IDE_OK;
    *slash = '\0';
    if (mkdir(directory, 0711) != 0)
        return errno == EEXIST ? IDE_OK : io_error(failure, directory);
    return chmod(directory, 0711) == 0 ? IDE_OK : io_error(failure, directory); /* whatever the umask says */
}

/* libzmq takes a socket's path from whoever had it without a word; so who holds the lock beside it is the
 * controller. */
static enum ide_err take_lock(struct front *front, const char *path, struct failure *failure)
{
    char name[API_ENDPOINT_MAX + 8];
    snprintf(name, sizeof name, "%s.lock", path);
    front->lock = open(name, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (front->lock < 0)
        return io_error(failure, name);
    if (flock(front->lock, LOCK_EX | LOCK_NB) != 0) {
        close(front->lock);
        front->lock = -1;
        return failure_set(failure, IDE_E_BUSY, STEP, LISTEN, "another ide-kmd listens at %.120s", path);
    }
    snprintf(front->path, sizeof front->path, "%s", path);
    return IDE_OK;
}

/*
 * A socket is its owner's when it is made. What is not given only keeps people out: it is said, and no reason
 * not to serve.
 */
static void give_to_groups(const char *path, const struct access *access)
{
    gid_t group[2];
    size_t count = 0;
    if (access->has_admin)
        group[count++] = access->admin;
    if (access->has_view && !(access->has_admin && access->admin == access->view))
        group[count++] = access->view;
    if (count > 0 && !access_admit(path, group, count))
        log_say(LOG_WARNING, LOG_PLAIN, "%s is for root alone: its groups could not be set: %s", path,
                strerror(errno));
}

/* ---- sockets ------------------------------------------------------------- */

static enum ide_err bind_socket(const char *name, zsock_t *socket, const char *endpoint,
                                struct failure *failure)
{
    if (zsock_bind(socket, "%s", endpoint) >= 0)
        return IDE_OK;
    return failure_set(failure, IDE_E_IO, STEP, name, "%.120s: %s", endpoint, zmq_strerror(zmq_errno()));
}

static enum ide_err bind_both(struct front *front, const char *name, const char *endpoint,
                              struct failure *failure)
{
    char events[API_ENDPOINT_MAX];
    enum ide_err err = check_endpoint(name, endpoint, events, failure);
    if (err == IDE_OK && *front->events_endpoint == '\0')
        snprintf(front->events_endpoint, sizeof front->events_endpoint, "%s", events);
    if (err == IDE_OK && is_ipc(endpoint))
        err = make_directory(endpoint + 6, failure);
    if (err == IDE_OK && is_ipc(endpoint))
        err = take_lock(front, endpoint + 6, failure);
    if (err == IDE_OK)
        err = bind_socket(name, front->events, events, failure);
    if (err == IDE_OK)
        err = bind_socket(name, front->requests, endpoint, failure);
    if (err != IDE_OK || !is_ipc(endpoint))
        return err;
    give_to_groups(events + 6, &front->access);
    give_to_groups(endpoint + 6, &front->access);
    return IDE_OK;
}

/* Options hold for what is bound after them, so the ipc sockets come first. */
static enum ide_err bind_tcp(struct front *front, const char *name, const char *endpoint,
                             struct failure *failure)
{
    char events[API_ENDPOINT_MAX];
    enum ide_err err = check_endpoint(name, endpoint, events, failure);
    if (err != IDE_OK)
        return err;
    zsock_set_heartbeat_ivl(front->requests, HEARTBEAT_MS);
    zsock_set_heartbeat_timeout(front->requests, 3 * HEARTBEAT_MS);
    curve_guard_socket(&front->guard, front->requests);
    curve_guard_socket(&front->guard, front->events);
    front->tcp_events_port[front->tcp_count++] = (uint16_t)strtoul(strrchr(events, ':') + 1, NULL, 10);
    return bind_both(front, name, endpoint, failure);
}

static void set_options(struct front *front)
{
    char welcome[sizeof WELCOME + HISTORY_INSTANCE];
    zsock_t *const both[] = {front->requests, front->events};
    for (size_t i = 0; i < 2; i++) {
        zsock_set_linger(both[i], LINGER_MS);
        zsock_set_maxmsgsize(both[i], (int)API_FRAME_MAX);
        zsock_set_handshake_ivl(both[i], HANDSHAKE_MS);
    }
    /* A subscriber that has this knows that it misses nothing from now on. */
    snprintf(welcome, sizeof welcome, WELCOME, front->history.instance);
    zsock_set_xpub_welcome_msg(front->events, welcome);
    /* What a subscriber does not take is dropped, for it alone (no ZMQ_XPUB_NODROP): events wait for nobody.
     */
    zsock_set_sndhwm(front->events, EVENTS_HWM);
    zsock_set_sndhwm(front->requests, REQUESTS_HWM);
    zsock_set_rcvhwm(front->requests, REQUESTS_HWM);
    zsock_set_router_mandatory(front->requests, 1); /* says when it is full: clients_reply() */
    zsock_set_heartbeat_ivl(front->events, HEARTBEAT_MS);
    zsock_set_heartbeat_timeout(front->events, 3 * HEARTBEAT_MS);
}

static enum ide_err message_log_failed(const char *path, int why, struct failure *failure)
{
    return failure_set(failure, IDE_E_IO, MESSAGE_LOG, MESSAGE_LOG, "%.120s: %s", path, strerror(why));
}

static enum ide_err open_sockets(struct front *front, const struct front_settings *settings,
                                 struct failure *failure)
{
    if (history_open(&front->history) != IDE_OK)
        return failure_set(failure, IDE_E_MEMORY, STEP, NULL, "no memory or random number for events");
    if (!clients_open(&front->clients, settings->rate))
        return failure_set(failure, IDE_E_MEMORY, STEP, NULL, "no memory for what clients have asked");
    if (settings->message_log && !(front->record = fopen(settings->message_log, "ae")))
        return message_log_failed(settings->message_log, errno, failure);
    front->requests = zsock_new(ZMQ_ROUTER);
    front->events = zsock_new(ZMQ_XPUB);
    if (!front->requests || !front->events)
        return failure_set(failure, IDE_E_MEMORY, STEP, NULL, "no socket could be made");
    set_options(front);
    return IDE_OK;
}

static enum ide_err open_all(struct front *front, const struct front_settings *settings,
                             struct failure *failure)
{
    bool first_is_tcp = !is_ipc(settings->listen), tcp = front_needs_keys(settings);
    /* An endpoint that is none is to be told of before keys are. */
    char events[API_ENDPOINT_MAX];
    enum ide_err err = check_endpoint(LISTEN, settings->listen, events, failure);
    if (err == IDE_OK)
        err = check_other(settings, failure);
    if (err == IDE_OK && tcp)
        err = curve_guard_open(&front->guard, settings->server_key, failure);
    access_open(&front->access, settings->admin_group, settings->view_group,
                tcp ? settings->authorized : NULL);
    if (err == IDE_OK)
        err = open_sockets(front, settings, failure);
    if (err == IDE_OK)
        err = (first_is_tcp ? bind_tcp : bind_both)(front, LISTEN, settings->listen, failure);
    if (err == IDE_OK && settings->listen_tcp)
        err = bind_tcp(front, LISTEN_TCP, settings->listen_tcp, failure);
    curve_guard_forget(&front->guard);
    return err;
}

/* ---- without opening anything --------------------------------------------- */

static enum ide_err check_address(const char *name, const char *endpoint, struct failure *failure)
{
    char host[API_ENDPOINT_MAX];
    const char *at = endpoint + strlen("tcp://");
    (void)snprintf(host, sizeof host, "%.*s", (int)(strrchr(at, ':') - at), at);
    int why = *host == '[' ? ENODEV : place_why_not_ours(host); /* no IPv6 */
    return why == 0 ? IDE_OK
                    : failure_set(failure, IDE_E_IO, STEP, name, "%.120s: %s", endpoint, strerror(why));
}

enum ide_err front_check_listen(const struct front_settings *settings, bool places, struct failure *failure)
{
    char events[API_ENDPOINT_MAX];
    enum ide_err err = check_endpoint(LISTEN, settings->listen, events, failure);
    if (err != IDE_OK || !places)
        return err;
    return is_ipc(settings->listen) ? check_path(settings->listen + 6, failure)
                                    : check_address(LISTEN, settings->listen, failure);
}

enum ide_err front_check_listen_tcp(const struct front_settings *settings, bool places,
                                    struct failure *failure)
{
    enum ide_err err = check_other(settings, failure);
    return err == IDE_OK && places && settings->listen_tcp
               ? check_address(LISTEN_TCP, settings->listen_tcp, failure)
               : err;
}

enum ide_err front_check_message_log(const struct front_settings *settings, struct failure *failure)
{
    int why = settings->message_log ? place_why_no_file(settings->message_log, false) : 0;
    return why == 0 ? IDE_OK : message_log_failed(settings->message_log, why, failure);
}

enum ide_err front_open(struct front *front, const struct front_settings *settings, struct failure *failure)
{
    *front = (struct front){.lock = -1};
    enum ide_err err = open_all(front, settings, failure);
    if (err != IDE_OK)
        front_close(front);
    return err;
}

void front_close(struct front *front)
{
    zsock_destroy(&front->requests);
    zsock_destroy(&front->events);
    clients_close(&front->clients);
    if (front->record)
        (void)fclose(front->record);
    curve_guard_close(&front->guard);
    history_close(&front->history);
    access_close(&front->access);
    if (front->lock < 0)
        return;
    /* Nobody connects to a controller that is gone. While the lock is held these are ours. */
    unlink(front->path);
    unlink(front->events_endpoint + 6);
    close(front->lock);
    front->lock = -1;
}
