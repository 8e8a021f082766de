/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl keygen, authorize and revoke: CURVE keys, and the list of those that ide-kmd lets in over tcp. They
 * change files, and ask no controller: it sees to the list by itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/common/authorized.h"
#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"

#define PATH_SIZE 4096u

static enum ctl_status fail(const struct ctl *ctl, const char *path, const char *what, const char *hint)
{
    ctl_print_error(ctl, ctl_own_error("argument", json_sprintf("%s: %s", path, what), hint));
    return CTL_FAILED;
}

/* ---- keys ---------------------------------------------------------------- */

/* The one line of a file with a public key alone. */
static bool read_public(const char *path, char key[static CURVE_KEY_SIZE])
{
    char line[CURVE_KEY_SIZE + 1] = "";
    FILE *file = fopen(path, "re");
    bool good = file && fgets(line, sizeof line, file) && curve_key_is_one(line, strcspn(line, "\n"));
    if (file)
        fclose(file);
    if (good)
        snprintf(key, CURVE_KEY_SIZE, "%.*s", (int)(CURVE_KEY_SIZE - 1), line);
    return good;
}

bool ctl_public_key(const char *argument, char key[static CURVE_KEY_SIZE])
{
    struct curve_keys pair;
    char error[CURVE_ERROR_MAX];
    if (curve_key_is_one(argument, strlen(argument))) {
        memcpy(key, argument, CURVE_KEY_SIZE);
        return true;
    }
    if (read_public(argument, key))
        return true;
    bool good = curve_keys_read(&pair, argument, error);
    if (good)
        memcpy(key, pair.public_key, CURVE_KEY_SIZE);
    explicit_bzero(&pair, sizeof pair);
    return good;
}

static bool write_public(const char *path, const char *key, char *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool good = fd >= 0 && dprintf(fd, "%s\n", key) > 0;
    if (!good)
        snprintf(error, CURVE_ERROR_MAX, "%.150s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return good;
}

enum ctl_status command_keygen(const struct ctl *ctl)
{
    struct ide_client_keys keys = {0};
    char error[CURVE_ERROR_MAX] = "this libzmq has no CURVE", public_path[PATH_SIZE];
    bool good = snprintf(public_path, sizeof public_path, "%s.pub", ctl->word) < (int)sizeof public_path &&
                ide_client_keys_generate(&keys) == IDE_CLIENT_OK &&
                ide_client_keys_write(&keys, ctl->word, error, sizeof error) == IDE_CLIENT_OK;
    if (good && !write_public(public_path, keys.public_key, error)) {
        unlink(ctl->word);
        good = false;
    }
    json_t *made = json_pack("{s:s, s:s, s:s}", "public", keys.public_key, "key_file", ctl->word,
                             "public_file", public_path);
    ide_client_keys_wipe(&keys);
    if (!good)
        ctl_print_error(ctl,
                        ctl_own_error("argument", json_string(error), "name a file that is not there yet"));
    else if (ctl->json)
        print_json(made);
    else
        printf("The key pair is in %s, which is to stay secret.\n"
               "The public key is %s; it is in %s too.\n",
               ctl->word, text_of(made, "public"), public_path);
    json_decref(made);
    return good ? CTL_DONE : CTL_FAILED;
}

/* ---- the list ------------------------------------------------------------ */

/* The list on its way to its next form: written beside it, and then put in its place. */
struct edit {
    const struct ctl *ctl;
    const char *path;
    char next[PATH_SIZE];
    FILE *out;
    char *text; /* as it is now; owned */
};

static const char *list_of(const struct ctl *ctl)
{
    return ctl->list ? ctl->list : AUTHORIZED_DEFAULT;
}

static bool read_list(struct edit *edit)
{
    size_t size = 0;
    FILE *file = fopen(edit->path, "re");
    if (!file)
        return errno == ENOENT && (edit->text = strdup(""));
    if (getdelim(&edit->text, &size, '\0', file) < 0 && !feof(file)) {
        fclose(file);
        return false;
    }
    fclose(file);
    return edit->text != NULL;
}

/* The new file is the lock, too: two of us would lose what one has written. */
static enum ctl_status begin(struct edit *edit, const struct ctl *ctl)
{
    struct authorized_list list;
    char error[CURVE_ERROR_MAX];
    *edit = (struct edit){.ctl = ctl, .path = list_of(ctl)};
    bool good = authorized_read(edit->path, &list, error);
    authorized_release(&list);
    if (!good) {
        ctl_print_error(ctl, ctl_own_error("argument", json_string(error), "mend the list first"));
        return CTL_FAILED;
    }
    if (snprintf(edit->next, sizeof edit->next, "%s.new", edit->path) >= (int)sizeof edit->next ||
        !read_list(edit))
        return fail(ctl, edit->path, strerror(errno), "be root: the list is root's");
    int fd = open(edit->next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    edit->out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (edit->out)
        return CTL_DONE;
    return fail(ctl, edit->next, strerror(errno),
                errno == EEXIST ? "another ide-ctl is changing the list; if none is, remove this file"
                                : "be root: the list is root's");
}

static enum ctl_status finish(struct edit *edit, bool commit)
{
    enum ctl_status status = commit ? CTL_DONE : CTL_FAILED;
    if (edit->out) {
        bool written = fflush(edit->out) == 0 && fsync(fileno(edit->out)) == 0;
        written = fclose(edit->out) == 0 && written;
        if (commit && (!written || rename(edit->next, edit->path) != 0)) {
            status = fail(edit->ctl, edit->path, strerror(errno), "the list is as it was");
            commit = false;
        }
        if (!commit)
            unlink(edit->next);
    }
    free(edit->text);
    return status;
}

/* Copies the lines but those of this key or name, and says how many it left out. */
static unsigned copy_without(struct edit *edit, const char *key, const char *name,
                             struct authorized_key *last)
{
    unsigned left_out = 0;
    const char *at = edit->text;
    while (*at) {
        struct authorized_key entry;
        size_t len = strcspn(at, "\n");
        authorized_parse_line(at, len, &entry);
        bool hit = *entry.key && (strcmp(entry.key, key) == 0 || (*name && strcmp(entry.name, name) == 0));
        if (hit) {
            *last = entry;
            left_out++;
        } else {
            fprintf(edit->out, "%.*s\n", (int)len, at);
        }
        at += len + (at[len] == '\n');
    }
    return left_out;
}

static void say(const struct ctl *ctl, const struct authorized_key *entry, const char *now)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "key", entry->key, "name", entry->name, "may", now,
                             "list", list_of(ctl));
    if (ctl->json)
        print_json(json);
    else
        printf("%s%s%s may %s.\n", entry->key, *entry->name ? " " : "", entry->name, now);
    json_decref(json);
}

enum ctl_status command_authorize(const struct ctl *ctl)
{
    struct authorized_key entry = {.admin = !ctl->read_only}, before;
    struct edit edit;
    if (ctl->name && !authorized_name_is_one(ctl->name, strlen(ctl->name)))
        return ctl_usage(ctl->command, "--name has 1 to 32 letters, digits, . _ - and @: %s", ctl->name);
    if (!ctl_public_key(ctl->word, entry.key))
        return fail(ctl, ctl->word, "it is neither a CURVE key nor a file with one",
                    "`ide-ctl keygen FILE` makes one; its FILE.pub is what is wanted here");
    snprintf(entry.name, sizeof entry.name, "%s", ctl->name ? ctl->name : "");
    enum ctl_status status = begin(&edit, ctl);
    if (status == CTL_DONE) {
        copy_without(&edit, entry.key, "", &before); /* it may have been there with other rights */
        fprintf(edit.out, "%s %s%s%s\n", entry.admin ? "admin" : "view", entry.key, *entry.name ? " " : "",
                entry.name);
    }
    status = finish(&edit, status == CTL_DONE);
    if (status == CTL_DONE)
        say(ctl, &entry, entry.admin ? "do all" : "look");
    return status;
}

enum ctl_status command_revoke(const struct ctl *ctl)
{
    struct authorized_key gone = {0};
    struct edit edit;
    char key[CURVE_KEY_SIZE] = "";
    bool is_name = !ctl_public_key(ctl->word, key) && authorized_name_is_one(ctl->word, strlen(ctl->word));
    enum ctl_status status = begin(&edit, ctl);
    unsigned count = status == CTL_DONE ? copy_without(&edit, key, is_name ? ctl->word : "", &gone) : 0;
    if (status == CTL_DONE && count == 0)
        fail(ctl, edit.path, "no such key or name is on the list", "the list has one key a line: read it");
    else if (count > 1)
        fail(ctl, edit.path, "several keys have this name", "revoke each by its key");
    status = finish(&edit, count == 1);
    if (status == CTL_DONE)
        say(ctl, &gone, "do nothing any more");
    return status;
}
