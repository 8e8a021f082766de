/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libide-client: the way of a C program to ide-kmd, the controller of IDE streams.
 *
 * Messages are JSON objects, made and read with jansson; docs/api.md says what is in them. One struct
 * ide_client is one connection. It belongs to one thread at a time; there is nothing global, and several of
 * them know nothing of each other. Times are milliseconds. Every text is UTF-8 and ends with NUL.
 *
 *     struct ide_client *client;
 *     json_t *reply, *request = json_pack("{s:s}", "verb", "show");
 *     enum ide_client_status status = ide_client_open(&client, NULL);
 *     if (status == IDE_CLIENT_OK)
 *         status = ide_client_call(client, request, 5000, NULL, NULL, &reply);
 *     if (status == IDE_CLIENT_OK)
 *         ...json_object_get(reply, "result")..., json_decref(reply);
 *     json_decref(request);
 *     ide_client_close(client);
 */
#ifndef IDE_CLIENT_H
#define IDE_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IDE_CLIENT_API __attribute__((visibility("default")))

#define IDE_CLIENT_ENDPOINT                                                                                  \
    "ipc:///run/ide-kmd/control"       /* where ide-kmd listens unless it is told otherwise */
#define IDE_CLIENT_FOREVER  UINT32_MAX /* as a timeout: no end */
#define IDE_CLIENT_ID_SIZE  65         /* bytes of a request id, with its NUL */
#define IDE_CLIENT_KEY_SIZE 41         /* bytes of a CURVE key in Z85, with its NUL */

enum ide_client_status {
    IDE_CLIENT_OK = 0,
    IDE_CLIENT_UNREACHABLE, /* nobody answers at the endpoint */
    IDE_CLIENT_DENIED,  /* there is a controller, and it does not take us: permissions of its socket, CURVE
                           keys */
    IDE_CLIENT_TIMEOUT, /* connected, and what was waited for did not come in time */
    IDE_CLIENT_INTERRUPTED, /* a signal was handled while waiting; the call can be repeated */
    IDE_CLIENT_INPUT, /* the descriptor of ide_client_watch_fd() can be read; the call can be repeated */
    IDE_CLIENT_LOST,  /* events are missing that the controller does not have any more: take a new snapshot */
    IDE_CLIENT_PROTOCOL, /* what answers is no ide-kmd that speaks this version of the interface */
    IDE_CLIENT_ARGUMENT, /* an endpoint, a key, a file or a request that is none */
    IDE_CLIENT_MEMORY,   /* no memory, or no descriptors */
};

/* What a status means, as a sentence without a full stop; static. */
IDE_CLIENT_API const char *ide_client_text(enum ide_client_status status);

/* ---- CURVE keys ---------------------------------------------------------- */

/* Over tcp both sides prove who they are by CURVE keys, written as 40 characters of Z85. */
struct ide_client_keys {
    char server[IDE_CLIENT_KEY_SIZE];     /* the controller's public key */
    char public_key[IDE_CLIENT_KEY_SIZE]; /* our own, as it stands on the controller's list */
    char secret_key[IDE_CLIENT_KEY_SIZE];
};

/* Makes public_key and secret_key, new and random; server stays. The public key does not begin with '-', so
 * that no command takes it for an option. IDE_CLIENT_ARGUMENT if this libzmq has no CURVE. */
IDE_CLIENT_API enum ide_client_status ide_client_keys_generate(struct ide_client_keys *keys);

/*
 * Writes public_key and secret_key to a new file with mode 0600, as `ide-ctl keygen` does; a file that is
 * there is not replaced. On IDE_CLIENT_ARGUMENT error, if not NULL, has one line of at most size bytes that
 * says what is wrong.
 */
IDE_CLIENT_API enum ide_client_status ide_client_keys_write(const struct ide_client_keys *keys,
                                                            const char *path, char *error, size_t size);

/* Reads public_key and secret_key from such a file, which nobody but its owner may read; server stays. Errors
 * as above.
 */
IDE_CLIENT_API enum ide_client_status ide_client_keys_read(struct ide_client_keys *keys, const char *path,
                                                           char *error, size_t size);

/* Overwrites all of it, in a way that the compiler keeps. */
IDE_CLIENT_API void ide_client_keys_wipe(struct ide_client_keys *keys);

/* ---- the connection ------------------------------------------------------ */

struct ide_client; /* a connection; what is in it is the library's business */

/* All members may be zero. What they point to is not needed after ide_client_open(). */
struct ide_client_options {
    const char *endpoint;               /* ipc://PATH or tcp://ADDRESS:PORT; NULL: IDE_CLIENT_ENDPOINT */
    uint32_t connect_ms;                /* the most to wait for the other side; 0: one second, and five
                                           for one that is there and has not spoken yet */
    const struct ide_client_keys *keys; /* for tcp, which is not to be had without; NULL: none */
};

/*
 * Connects and waits for the other side. options may be NULL. On success *client is the caller's, to be given
 * to ide_client_close(); otherwise it is NULL. A controller that ends later and comes back is found again,
 * but requests that it had not answered are lost with it. Errors: UNREACHABLE, DENIED, ARGUMENT, MEMORY.
 */
IDE_CLIENT_API enum ide_client_status ide_client_open(struct ide_client **client,
                                                      const struct ide_client_options *options);

/* Closes it and wipes its keys; requests that are on their way go on. NULL is allowed. */
IDE_CLIENT_API void ide_client_close(struct ide_client *client);

/*
 * A descriptor to watch while the library waits, such as a terminal or a signalfd; -1: none, as at first.
 * When it can be read, what waits returns IDE_CLIENT_INPUT. It stays the caller's and is not read.
 */
IDE_CLIENT_API void ide_client_watch_fd(struct ide_client *client, int fd);

/* ---- requests ------------------------------------------------------------ */

/*
 * Told of each event about a request while its reply is waited for: docs/api.md, "Events". event is valid
 * during the call. Returns true to go on; false has the request cancelled, and its reply, an error
 * "cancelled" if that was in time, is then waited for as before.
 */
typedef bool ide_client_progress(void *context, const json_t *event);

/*
 * Sends a request and waits for its reply: ide_client_send() and ide_client_wait(). With progress the
 * connection subscribes to events, the first time. Returns OK for every reply: whether it has a "result" or
 * an "error" is for the caller to look at. After TIMEOUT, INTERRUPTED and INPUT the request is still on its
 * way; who wants to wait on or to cancel it uses ide_client_send() instead of this.
 */
IDE_CLIENT_API enum ide_client_status ide_client_call(struct ide_client *client, json_t *request,
                                                      uint32_t timeout_ms, ide_client_progress *progress,
                                                      void *context, json_t **reply);

/*
 * Sends a request, an object with "verb" and what the verb takes; the library adds "v" and "id" to a copy.
 * request stays the caller's and unchanged. id gets the new id, which is like no other client's. Errors:
 * ARGUMENT if it is no object, TIMEOUT if the controller takes nothing at the moment, MEMORY.
 */
IDE_CLIENT_API enum ide_client_status ide_client_send(struct ide_client *client, json_t *request,
                                                      char id[IDE_CLIENT_ID_SIZE]);

/*
 * Waits for the reply to the request with this id. *reply is the caller's, to be given to json_decref(); NULL
 * unless OK is returned. Replies to other requests that come meanwhile are kept for their own
 * ide_client_wait(), up to 256. Errors: TIMEOUT, INTERRUPTED, INPUT, PROTOCOL, MEMORY.
 */
IDE_CLIENT_API enum ide_client_status ide_client_wait(struct ide_client *client, const char *id,
                                                      uint32_t timeout_ms, ide_client_progress *progress,
                                                      void *context, json_t **reply);

/*
 * Asks for the cancellation of a request, and waits for the answer to that: *reply as above. The request's
 * own reply comes as well, and has to be waited for: an error "cancelled" after everything has been undone,
 * or its result, if it could not be cancelled any more.
 */
IDE_CLIENT_API enum ide_client_status ide_client_cancel(struct ide_client *client, const char *id,
                                                        uint32_t timeout_ms, json_t **reply);

/* ---- events -------------------------------------------------------------- */

/*
 * Subscribes to events, or takes a new snapshot if that was done already. *snapshot is the result of the verb
 * "snapshot", what there is at one moment; the caller's. ide_client_next_event() goes on from there, without
 * a gap. Errors: UNREACHABLE, DENIED (the reply was an error "permission"), TIMEOUT, INTERRUPTED, INPUT,
 * PROTOCOL, MEMORY.
 */
IDE_CLIENT_API enum ide_client_status ide_client_subscribe(struct ide_client *client, uint32_t timeout_ms,
                                                           json_t **snapshot);

/*
 * The same without a snapshot: what is known of events up to seq of the controller's run `instance`, from an
 * earlier snapshot or event. With instance NULL it begins with the next event that happens.
 */
IDE_CLIENT_API enum ide_client_status ide_client_resume(struct ide_client *client, uint32_t timeout_ms,
                                                        const char *instance, uint64_t seq);

/*
 * The next event, each once and in order; *event is the caller's. Gaps, from reading too slowly or from a
 * connection that was away, are filled from what the controller keeps. Where it does not have them any more,
 * or was started anew, LOST is returned, and again until ide_client_subscribe() has taken a new snapshot.
 * Errors: LOST, TIMEOUT, INTERRUPTED, INPUT, PROTOCOL, MEMORY.
 */
IDE_CLIENT_API enum ide_client_status ide_client_next_event(struct ide_client *client, uint32_t timeout_ms,
                                                            json_t **event);

/* How far ide_client_next_event() is: for ide_client_resume(). instance is the library's, until its next
 * call. */
IDE_CLIENT_API uint64_t ide_client_position(const struct ide_client *client, const char **instance);

#ifdef __cplusplus
}
#endif

#endif
