/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may do what. A client of the ipc socket is a user, whom the kernel names (SO_PEERCRED, through libzmq);
 * one that comes over tcp is a CURVE key. Root, who runs the controller, the admin group and the keys listed
 * as `admin` may do all; the view group and the keys listed as `view` may look; nobody else may do anything.
 */
#ifndef IDE_KMD_ACCESS_H
#define IDE_KMD_ACCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "tools/common/api.h"
#include "tools/common/authorized.h"
#include "tools/ide-kmd/failure.h"

#define ACCESS_ADMIN_GROUP "ide-admin"
#define ACCESS_VIEW_GROUP  "ide-view"
#define PEER_TEXT_MAX      64 /* of access_text(), with its NUL */

enum access_level { ACCESS_NONE, ACCESS_VIEW, ACCESS_ADMIN };

/* Whoever is at the other end of a connection. */
struct peer {
    enum peer_kind { PEER_UNKNOWN, PEER_USER, PEER_KEY } kind;
    uid_t uid; /* of a user: as the kernel had it when the connection was made */
    gid_t gid;
    pid_t pid;
    char key[CURVE_KEY_SIZE];
};

#define ACCESS_CACHE 16u

struct access {
    const char *admin_group, *view_group; /* names, borrowed */
    bool has_admin, has_view;             /* the groups are there */
    gid_t admin, view;
    /* what was found out about users a short time ago */
    struct access_known {
        uid_t uid;
        gid_t gid;
        uint64_t until_ms; /* 0: unused */
        enum access_level level;
    } known[ACCESS_CACHE];
    unsigned next_known;
    /* the list of keys, as its file was when it was read last */
    const char *list_path; /* borrowed; NULL: no key is let in */
    struct authorized_list list;
    struct stat list_stat;
};

/* Looks the groups up; one that is not there has no members. list NULL: nobody comes over tcp. */
void access_open(struct access *access, const char *admin_group, const char *view_group, const char *list);
void access_close(struct access *access);

/*
 * Lets the members of these groups connect to a socket of ours, besides its owner, and nobody else. By an
 * access control list, which the owner may set without any capability; to give the socket itself to a group
 * would take CAP_CHOWN. False with errno set if it could not be done: the socket is the owner's alone then.
 */
bool access_admit(const char *path, const gid_t *group, size_t count);

/* What libzmq knows of a message's sender: "Peer-Address" and "User-Id" of its metadata; each may be NULL. */
struct peer peer_of(const char *address, const char *user_id);

enum access_level access_level(struct access *access, const struct peer *peer);

/* "uid 1000 pid 4711", "key laptop", for the audit and for errors. */
const char *access_text(const struct access *access, const struct peer *peer,
                        char text[static PEER_TEXT_MAX]);

/* Whether the peer may have the verb done; the failure names who asked and what is needed. */
enum ide_err access_check(struct access *access, const struct peer *peer, const struct api_verb_row *verb,
                          struct failure *failure) MUST_USE;

bool peer_is_same(const struct peer *a, const struct peer *b);

/*
 * Reads the list of keys anew if its file is another by now. A list with an error lets nobody in until it is
 * mended. True if a key that was let in is not any more, or may do less.
 */
bool access_refresh_list(struct access *access);

#endif
