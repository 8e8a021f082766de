/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/access.h"

#include <acl/libacl.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/acl.h>
#include <time.h>
#include <unistd.h>

#include "tools/ide-kmd/log.h"

#define KNOWN_MS   5000u /* a look into the user database may take long where it is on a network */
#define GROUPS_MAX 1024
#define ADMIT_MAX  128u /* text of an access control list for two groups */

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool find_group(const char *name, gid_t *gid)
{
    const struct group *group = name ? getgrnam(name) : NULL;
    if (group)
        *gid = group->gr_gid;
    return group != NULL;
}

void access_open(struct access *access, const char *admin_group, const char *view_group, const char *list)
{
    *access = (struct access){.admin_group = admin_group, .view_group = view_group, .list_path = list};
    access->has_admin = find_group(admin_group, &access->admin);
    access->has_view = find_group(view_group, &access->view);
    access_refresh_list(access);
}

void access_close(struct access *access)
{
    authorized_release(&access->list);
}

bool access_admit(const char *path, const gid_t *group, size_t count)
{
    char text[ADMIT_MAX] = "u::rw,g::-,m::rw,o::-";
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, ",g:%lu:rw", (unsigned long)group[i]);
    }
    acl_t acl = acl_from_text(text);
    bool given = acl && acl_set_file(path, ACL_TYPE_ACCESS, acl) == 0;
    int err = errno;
    if (acl)
        acl_free(acl);
    errno = err;
    return given;
}

/* ---- who it is ----------------------------------------------------------- */

/* ":N" at *at, which is moved behind it. False if it is none, or is larger than most. */
static bool take_number(const char **at, unsigned long most, unsigned long *out)
{
    char *end;
    if (**at != ':' || (*at)[1] < '0' || (*at)[1] > '9')
        return false;
    errno = 0;
    *out = strtoul(*at + 1, &end, 10);
    *at = end;
    return errno == 0 && *out <= most;
}

/* libzmq writes HOST:UID:GID:PID for a local socket; for tcp an address alone. */
static bool take_user(const char *address, struct peer *peer)
{
    unsigned long uid, gid, pid;
    const char *at = address ? strchr(address, ':') : NULL;
    if (!at || !take_number(&at, UINT32_MAX, &uid) || !take_number(&at, UINT32_MAX, &gid) ||
        !take_number(&at, INT32_MAX, &pid) || *at != '\0')
        return false;
    peer->uid = (uid_t)uid;
    peer->gid = (gid_t)gid;
    peer->pid = (pid_t)pid;
    return true;
}

struct peer peer_of(const char *address, const char *user_id)
{
    struct peer peer = {.kind = PEER_UNKNOWN};
    if (user_id && *user_id) {
        if (!curve_key_is_one(user_id, strlen(user_id)))
            return peer;
        peer.kind = PEER_KEY;
        memcpy(peer.key, user_id, CURVE_KEY_SIZE);
    } else if (take_user(address, &peer)) {
        peer.kind = PEER_USER;
    }
    return peer;
}

bool peer_is_same(const struct peer *a, const struct peer *b)
{
    if (a->kind != b->kind || a->kind == PEER_UNKNOWN)
        return false;
    return a->kind == PEER_USER ? a->uid == b->uid : strcmp(a->key, b->key) == 0;
}

const char *access_text(const struct access *access, const struct peer *peer, char text[static PEER_TEXT_MAX])
{
    const struct authorized_key *key;
    switch (peer->kind) {
    case PEER_USER:
        snprintf(text, PEER_TEXT_MAX, "uid %lu pid %ld", (unsigned long)peer->uid, (long)peer->pid);
        break;
    case PEER_KEY:
        key = authorized_find(&access->list, peer->key);
        snprintf(text, PEER_TEXT_MAX, "key %s", key && *key->name ? key->name : peer->key);
        break;
    case PEER_UNKNOWN:
        snprintf(text, PEER_TEXT_MAX, "somebody unknown");
        break;
    }
    return text;
}

/* ---- users --------------------------------------------------------------- */

static enum access_level level_of_group(const struct access *access, gid_t gid)
{
    if (access->has_admin && gid == access->admin)
        return ACCESS_ADMIN;
    return access->has_view && gid == access->view ? ACCESS_VIEW : ACCESS_NONE;
}

/* The kernel tells the one group of the process; the others are those that the user's entry has. */
static enum access_level level_of_user(const struct access *access, uid_t uid, gid_t gid)
{
    static gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX;
    enum access_level level = level_of_group(access, gid);
    const struct passwd *user = level == ACCESS_ADMIN ? NULL : getpwuid(uid);
    if (!user)
        return level;
    if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0)
        count = GROUPS_MAX; /* in more than that: the first ones count */
    for (int i = 0; i < count; i++) {
        enum access_level other = level_of_group(access, groups[i]);
        if (other > level)
            level = other;
    }
    return level;
}

static enum access_level user_level(struct access *access, const struct peer *peer)
{
    uint64_t now = now_ms();
    if (peer->uid == 0 || peer->uid == geteuid())
        return ACCESS_ADMIN;
    for (size_t i = 0; i < ACCESS_CACHE; i++) {
        const struct access_known *k = &access->known[i];
        if (k->until_ms > now && k->uid == peer->uid && k->gid == peer->gid)
            return k->level;
    }
    enum access_level level = level_of_user(access, peer->uid, peer->gid);
    access->known[access->next_known++ % ACCESS_CACHE] =
        (struct access_known){.uid = peer->uid, .gid = peer->gid, .until_ms = now + KNOWN_MS, .level = level};
    return level;
}

/* ---- keys ---------------------------------------------------------------- */

static bool is_as_it_was(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool lets_in_less(const struct authorized_list *before, const struct authorized_list *now)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct authorized_key *key = authorized_find(now, before->key[i].key);
        if (!key || key->admin < before->key[i].admin)
            return true;
    }
    return false;
}

bool access_refresh_list(struct access *access)
{
    struct stat st = {0};
    struct authorized_list list;
    char error[CURVE_ERROR_MAX];
    if (!access->list_path)
        return false;
    if (stat(access->list_path, &st) != 0)
        st = (struct stat){0};
    if (is_as_it_was(&st, &access->list_stat))
        return false;
    if (!authorized_read(access->list_path, &list, error))
        log_say(LOG_ERR, LOG_PLAIN, "%s\nNobody is let in over tcp until it is mended.", error);
    bool less = lets_in_less(&access->list, &list);
    authorized_release(&access->list);
    access->list = list;
    access->list_stat = st;
    return less;
}

static enum access_level key_level(struct access *access, const struct peer *peer)
{
    const struct authorized_key *key = authorized_find(&access->list, peer->key);
    if (!key)
        return ACCESS_NONE;
    return key->admin ? ACCESS_ADMIN : ACCESS_VIEW;
}

/* ---- what is allowed ----------------------------------------------------- */

enum access_level access_level(struct access *access, const struct peer *peer)
{
    switch (peer->kind) {
    case PEER_USER:
        return user_level(access, peer);
    case PEER_KEY:
        return key_level(access, peer);
    case PEER_UNKNOWN:
        break;
    }
    return ACCESS_NONE;
}

static enum ide_err refuse(const struct access *access, const struct peer *peer, enum access_level level,
                           const struct api_verb_row *verb, struct failure *failure)
{
    char who[PEER_TEXT_MAX];
    access_text(access, peer, who);
    if (peer->kind == PEER_KEY && level == ACCESS_NONE)
        return failure_set(failure, IDE_E_PERMISSION, "request", "verb", "%s is not on the list %.80s", who,
                           access->list_path ? access->list_path : "of keys");
    if (peer->kind == PEER_KEY)
        return failure_set(failure, IDE_E_PERMISSION, "request", "verb",
                           "%s may only look: \"%s\" is for keys that are listed as admin", who, verb->name);
    if (level == ACCESS_NONE)
        return failure_set(failure, IDE_E_PERMISSION, "request", "verb",
                           "%s is neither root nor in the group %.40s or %.40s", who, access->admin_group,
                           access->view_group);
    return failure_set(failure, IDE_E_PERMISSION, "request", "verb",
                       "%s may only look: \"%s\" is for root and the group %.40s", who, verb->name,
                       access->admin_group);
}

enum ide_err access_check(struct access *access, const struct peer *peer, const struct api_verb_row *verb,
                          struct failure *failure)
{
    enum access_level level = access_level(access, peer);
    if (level == ACCESS_ADMIN || (level == ACCESS_VIEW && verb->looks))
        return IDE_OK;
    return refuse(access, peer, level, verb, failure);
}
