/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/curve_guard.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define STEP   "listen"
#define ZAP    "inproc://zeromq.zap.01"
#define DOMAIN "ide-kmd"

static enum ide_err read_keys(struct curve_guard *guard, const char *key_file, struct failure *failure)
{
    char error[CURVE_ERROR_MAX];
    if (!zmq_has("curve"))
        return failure_set(failure, IDE_E_UNSUPPORTED, STEP, "listen",
                           "tcp is for clients with CURVE keys only, and this libzmq has no CURVE");
    if (!curve_keys_read(&guard->keys, key_file, error))
        return failure_set(failure, IDE_E_KEY, STEP, "server-key",
                           "tcp is for clients with CURVE keys only, and the controller has none: %s", error);
    return IDE_OK;
}

enum ide_err curve_guard_check(const char *key_file, struct failure *failure)
{
    struct curve_guard guard = {0};
    enum ide_err err = read_keys(&guard, key_file, failure);
    curve_guard_forget(&guard);
    return err;
}

enum ide_err curve_guard_open(struct curve_guard *guard, const char *key_file, struct failure *failure)
{
    *guard = (struct curve_guard){0};
    enum ide_err err = read_keys(guard, key_file, failure);
    if (err != IDE_OK)
        return err;
    guard->zap = zsock_new(ZMQ_REP);
    if (guard->zap && zsock_bind(guard->zap, "%s", ZAP) == 0)
        return IDE_OK;
    return failure_set(failure, IDE_E_IO, STEP, NULL, "%s: %s", ZAP, zmq_strerror(zmq_errno()));
}

void curve_guard_close(struct curve_guard *guard)
{
    zsock_destroy(&guard->zap);
    curve_guard_forget(guard);
}

void curve_guard_socket(const struct curve_guard *guard, zsock_t *socket)
{
    zsock_set_zap_domain(socket, DOMAIN);
    zsock_set_curve_server(socket, 1);
    zsock_set_curve_secretkey(socket, guard->keys.secret_key);
}

void curve_guard_forget(struct curve_guard *guard)
{
    explicit_bzero(&guard->keys, sizeof guard->keys);
}

/* ---- ZAP ----------------------------------------------------------------- */

enum { ZAP_VERSION, ZAP_REQUEST, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_IDENTITY, ZAP_MECHANISM, ZAP_KEY, ZAP_FRAMES };

/* The key in Z85 if the question is about one. */
static bool take_key(zmsg_t *question, char key[static CURVE_KEY_SIZE])
{
    zframe_t *frame[ZAP_FRAMES];
    size_t count = 0;
    for (zframe_t *f = zmsg_first(question); f && count < ZAP_FRAMES; f = zmsg_next(question))
        frame[count++] = f;
    return count == ZAP_FRAMES && zmsg_size(question) == ZAP_FRAMES &&
           zframe_streq(frame[ZAP_DOMAIN], DOMAIN) && zframe_streq(frame[ZAP_MECHANISM], "CURVE") &&
           zframe_size(frame[ZAP_KEY]) == 32 && zmq_z85_encode(key, zframe_data(frame[ZAP_KEY]), 32);
}

void curve_guard_answer(struct curve_guard *guard, struct access *access)
{
    char key[CURVE_KEY_SIZE] = "";
    zmsg_t *question = zmsg_recv(guard->zap);
    if (!question)
        return;
    struct peer peer = {.kind = PEER_KEY};
    bool good = take_key(question, key);
    memcpy(peer.key, key, sizeof peer.key);
    good = good && access_level(access, &peer) != ACCESS_NONE;
    /* The version and the request's number go back as they came. */
    zframe_t *version = zmsg_pop(question), *request = zmsg_pop(question);
    zmsg_t *answer = zmsg_new();
    zmsg_append(answer, &version);
    if (request)
        zmsg_append(answer, &request);
    zmsg_addstr(answer, good ? "200" : "400");
    zmsg_addstr(answer, good ? "OK" : "the key is not on the list");
    zmsg_addstr(answer, good ? key : "");
    zmsg_addstr(answer, "");
    zmsg_send(&answer, guard->zap);
    zmsg_destroy(&question);
}

/* ---- connections --------------------------------------------------------- */

static bool is_connection_at(int fd, uint16_t port)
{
    struct sockaddr_storage own = {0}, peer;
    socklen_t size = sizeof own, peer_size = sizeof peer;
    if (getsockname(fd, (struct sockaddr *)&own, &size) != 0 ||
        getpeername(fd, (struct sockaddr *)&peer, &peer_size) != 0)
        return false;
    if (own.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&own)->sin_port) == port;
    return own.ss_family == AF_INET6 && ntohs(((struct sockaddr_in6 *)&own)->sin6_port) == port;
}

/*
 * libzmq has no call for it. Its own thread may close such a descriptor at this moment and another connection
 * get its number: one of the same port then loses its connection for nothing and comes back, and all else is
 * not touched.
 */
void curve_guard_drop(uint16_t port)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char *end;
        int fd = (int)strtol(entry->d_name, &end, 10); /* "." and ".." are none */
        if (*end == '\0' && is_connection_at(fd, port))
            shutdown(fd, SHUT_RDWR);
    }
    if (dir)
        closedir(dir);
}
