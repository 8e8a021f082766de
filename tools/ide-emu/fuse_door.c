/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/fuse_door.h"

#define FUSE_USE_VERSION 35
#include <fuse_lowlevel.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "spdm/cursor.h"
#include "tools/ide-emu/fuse_loop.h"
#include "tools/ide-emu/key_unit.h"
#include "tools/ide-emu/link_host.h"
#include "tools/ide-emu/sysfs_text.h"

/* Names and kinds never change while it is mounted. */
#define CACHE_SECONDS 86400.0

/* Of one process; FUSE lets it have 12 under way unless told. */
#define READS_AT_ONCE 1024

struct node {
    size_t parent;                    /* index; the root is its own */
    const char *name;
    struct emu_function *function;    /* NULL above the functions' directories */
    const struct sysfs_file *file;    /* NULL: a directory */
};

struct fuse_door {
    struct emu *emu;
    struct node *nodes;               /* inode number minus FUSE_ROOT_ID */
    size_t count;
    struct fuse_session *session;
    struct fuse_loop loop;
    void (*on_unmount)(void);
};

/* --- The tree ----------------------------------------------------------------------------------------------------- */

static size_t add_node(struct fuse_door *d, struct node node)
{
    d->nodes[d->count] = node;
    return d->count++;
}

/* Files that are not a function's: where hardware has them, /sys/firmware/acpi/tables and /dev. */
static const struct sysfs_file keyp_file = {"KEYP", 0400, NULL}, memory_file = {"mem", 0600, NULL};
#define PLATFORM_NODES 5u

static void add_platform_files(struct fuse_door *d)
{
    size_t dir = 0;
    for (size_t i = 0; i < 3; i++)
        dir = add_node(d, (struct node){.parent = dir, .name = (const char *const[]){"firmware", "acpi", "tables"}[i]});
    add_node(d, (struct node){.parent = dir, .name = keyp_file.name, .file = &keyp_file});
    add_node(d, (struct node){.name = memory_file.name, .file = &memory_file});
}

static bool make_tree(struct fuse_door *d, struct emu *emu)
{
    d->nodes = calloc(3 + PLATFORM_NODES + emu->count * (1 + sysfs_file_count), sizeof *d->nodes);
    d->emu = emu;
    if (!d->nodes)
        return false;
    add_node(d, (struct node){.name = ""});
    size_t devices = add_node(d, (struct node){.name = "devices"});
    add_node(d, (struct node){.name = "slots"});
    if (emu->key_unit_count > 0)
        add_platform_files(d);
    for (size_t i = 0; i < emu->count; i++) {
        struct emu_function *f = &emu->functions[i];
        size_t dir = add_node(d, (struct node){.parent = devices, .name = f->name, .function = f});
        for (size_t k = 0; k < sysfs_file_count; k++)
            if (!sysfs_is_bar(&sysfs_files[k]) || f->desc.bar_size)
                add_node(d, (struct node){dir, sysfs_files[k].name, f, &sysfs_files[k]});
    }
    return true;
}

/* Whether the function that the node belongs to is pulled out. */
static bool is_gone(const struct node *n)
{
    return n->function && n->function->absent;
}

/* How often the function that the node belongs to was put in again. */
static uint64_t presence(const struct node *n)
{
    return n->function ? n->function->presence : 0;
}

/* Who has the file open since before it was pulled out has it no more, as in sysfs. */
static bool is_gone_for(const struct node *n, const struct fuse_file_info *fi)
{
    return is_gone(n) || fi->fh != presence(n);
}

static const struct node *node_of(fuse_req_t req, fuse_ino_t ino)
{
    const struct fuse_door *d = fuse_req_userdata(req);
    return ino - FUSE_ROOT_ID < d->count ? &d->nodes[ino - FUSE_ROOT_ID] : NULL;
}

static struct stat attributes(const struct node *n, fuse_ino_t ino)
{
    /* what is put in again has new inodes, as kernfs numbers them */
    struct stat st = {.st_ino = presence(n) << 32 | ino, .st_mode = S_IFDIR | 0755, .st_nlink = 2};
    if (n->file) {
        st.st_mode = S_IFREG | n->file->mode;
        st.st_nlink = 1;
        st.st_size = sysfs_is_bar(n->file) ? (off_t)n->function->desc.bar_size : 4096; /* what sysfs says of every text file, and the size of configuration space */
    }
    return st;
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    const struct fuse_door *d = fuse_req_userdata(req);
    for (size_t i = 1; i < d->count; i++) {
        if (d->nodes[i].parent != parent - FUSE_ROOT_ID || is_gone(&d->nodes[i]) ||
            strcmp(d->nodes[i].name, name) != 0)
            continue;
        struct fuse_entry_param entry = {.ino = i + FUSE_ROOT_ID,
                                         .attr_timeout = CACHE_SECONDS,
                                         .entry_timeout = CACHE_SECONDS,
                                         .attr = attributes(&d->nodes[i], i + FUSE_ROOT_ID)};
        fuse_reply_entry(req, &entry);
        return;
    }
    fuse_reply_err(req, ENOENT);
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)fi;
    const struct node *n = node_of(req, ino);
    if (!n) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    struct stat st = attributes(n, ino);
    fuse_reply_attr(req, &st, CACHE_SECONDS);
}

/* A shell's `>` truncates before it writes; in sysfs that does nothing, and so it does here. */
static void do_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
    (void)attr;
    if (to_set & ~(FUSE_SET_ATTR_SIZE | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_CTIME))
        fuse_reply_err(req, EPERM);
    else
        do_getattr(req, ino, fi);
}

static bool list(fuse_req_t req, char *buffer, size_t size, size_t *used, const char *name, size_t node, off_t next)
{
    const struct fuse_door *d = fuse_req_userdata(req);
    struct stat st = attributes(&d->nodes[node], node + FUSE_ROOT_ID);
    size_t need = fuse_add_direntry(req, buffer + *used, size - *used, name, &st, next);
    if (need > size - *used)
        return false;
    *used += need;
    return true;
}

/* Offsets: 1 is ".", 2 is "..", 2 + n is the node n. */
static void do_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)fi;
    const struct fuse_door *d = fuse_req_userdata(req);
    size_t self = ino - FUSE_ROOT_ID, used = 0;
    char buffer[4096];
    if (size > sizeof buffer)
        size = sizeof buffer;
    if (off < 1 && !list(req, buffer, size, &used, ".", self, 1))
        goto full;
    if (off < 2 && !list(req, buffer, size, &used, "..", d->nodes[self].parent, 2))
        goto full;
    for (size_t i = off > 2 ? (size_t)off - 1 : 1; i < d->count; i++)
        if (d->nodes[i].parent == self && !is_gone(&d->nodes[i]) && !list(req, buffer, size, &used, d->nodes[i].name, i, (off_t)i + 2))
            break;
full:
    fuse_reply_buf(req, buffer, used);
}

/* --- Files -------------------------------------------------------------------------------------------------------- */

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    const struct node *n = node_of(req, ino);
    if (!n || !n->file || is_gone(n)) {
        fuse_reply_err(req, n && !is_gone(n) ? EISDIR : ENOENT);
        return;
    }
    fi->direct_io = 1;
    fi->fh = presence(n);
    fuse_reply_open(req, fi);
}

static int errno_of(enum link_result result)
{
    return result == LINK_DONE ? 0 : result == LINK_NO_TAG ? EBUSY : EIO;
}

/* How much of an access at off is inside BAR 0. */
static size_t inside_bar(const struct node *n, size_t size, off_t off)
{
    uint64_t bar = n->function->desc.bar_size, at = (uint64_t)off < bar ? (uint64_t)off : bar;
    return size < bar - at ? size : (size_t)(bar - at);
}

static void read_bar(fuse_req_t req, const struct node *n, size_t size, off_t off)
{
    size_t count = inside_bar(n, size, off);
    uint8_t *data = malloc(count + 1);
    int error = data ? errno_of(link_bar_read(n->function, (uint64_t)off, data, count)) : ENOMEM;
    if (error)
        fuse_reply_err(req, error);
    else
        fuse_reply_buf(req, (const char *)data, count);
    free(data);
}

static void write_bar(fuse_req_t req, const struct node *n, const char *data, size_t size, off_t off)
{
    size_t count = inside_bar(n, size, off);
    int error = count < size ? EFBIG : errno_of(link_bar_write(n->function, (uint64_t)off, (const uint8_t *)data, count));
    if (error)
        fuse_reply_err(req, error);
    else
        fuse_reply_write(req, count);
}

/* Four bytes at a time, as hardware's registers are read. */
static void read_memory(fuse_req_t req, size_t size, off_t off)
{
    const struct fuse_door *d = fuse_req_userdata(req);
    uint32_t value;
    if (size == sizeof value && key_units_read(d->emu, (uint64_t)off, &value))
        fuse_reply_buf(req, (const char *)&value, sizeof value);
    else
        fuse_reply_err(req, EFAULT);
}

static void write_memory(fuse_req_t req, const char *data, size_t size, off_t off)
{
    const struct fuse_door *d = fuse_req_userdata(req);
    uint32_t value = 0;
    memcpy(&value, data, size < sizeof value ? size : sizeof value);
    bool ok = size == sizeof value && key_units_write(d->emu, (uint64_t)off, value);
    wipe(&value, sizeof value);
    if (ok)
        fuse_reply_write(req, size);
    else
        fuse_reply_err(req, EFAULT);
}

static size_t file_text(fuse_req_t req, const struct node *n, char data[static PCIE_CONFIG_SIZE])
{
    const struct fuse_door *d = fuse_req_userdata(req);
    if (n->file == &keyp_file)
        return key_units_table(d->emu, (uint8_t *)data, PCIE_CONFIG_SIZE);
    return n->file->text ? n->file->text(n->function, data) : PCIE_CONFIG_SIZE;
}

static void do_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    const struct node *n = node_of(req, ino);
    char data[PCIE_CONFIG_SIZE];
    if (is_gone_for(n, fi)) {
        fuse_reply_err(req, ENODEV);
        return;
    }
    if (sysfs_is_bar(n->file)) {
        read_bar(req, n, size, off);
        return;
    }
    if (n->file == &memory_file) {
        read_memory(req, size, off);
        return;
    }
    size_t len = file_text(req, n, data);
    size_t at = (size_t)off < len ? (size_t)off : len;
    size_t count = size < len - at ? size : len - at;
    if (n->function && !n->file->text)
        link_config_read(n->function, (unsigned)at, (uint8_t *)data + at, count);
    fuse_reply_buf(req, data + at, count);
}

static void do_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
                     struct fuse_file_info *fi)
{
    const struct node *n = node_of(req, ino);
    if (is_gone_for(n, fi)) {
        fuse_reply_err(req, ENODEV);
        return;
    }
    if (sysfs_is_bar(n->file)) {
        write_bar(req, n, data, size, off);
        return;
    }
    if (n->file == &memory_file) {
        write_memory(req, data, size, off);
        return;
    }
    if (n->file->text || !n->function || off >= (off_t)PCIE_CONFIG_SIZE) {
        fuse_reply_err(req, n->file->text || !n->function ? EACCES : EFBIG);
        return;
    }
    if (size > PCIE_CONFIG_SIZE - (size_t)off)
        size = PCIE_CONFIG_SIZE - (size_t)off;
    link_config_write(n->function, (unsigned)off, (const uint8_t *)data, size);
    fuse_reply_write(req, size);
}

/* Who asks for the registers of many functions at once waits for all of them together. */
static void do_init(void *context, struct fuse_conn_info *conn)
{
    (void)context;
    conn->max_background = READS_AT_ONCE;
}

static const struct fuse_lowlevel_ops operations = {
    .init = do_init,
    .lookup = do_lookup,
    .getattr = do_getattr,
    .setattr = do_setattr,
    .readdir = do_readdir,
    .open = do_open,
    .read = do_read,
    .write = do_write,
};

/* --- The mount ---------------------------------------------------------------------------------------------------- */

/*
 * A directory whose server died answers ENOTCONN until it is unmounted. What the kernel remembers of it, it answers by
 * itself, as for stat(): statfs() always goes to the server, and waits for one that is about to die. Several may have
 * died there, one over the other.
 */
static void unmount_the_dead(const char *directory)
{
    struct statfs s;
    while (statfs(directory, &s) != 0 && errno == ENOTCONN && umount2(directory, MNT_DETACH) == 0)
        ;
}

static bool prepare_directory(const char *directory, char *error, size_t size)
{
    struct stat st;
    unmount_the_dead(directory);
    if (mkdir(directory, 0755) != 0 && errno != EEXIST) {
        snprintf(error, size, "%s: %s", directory, strerror(errno));
        return false;
    }
    char parent[4096];
    struct stat above;
    snprintf(parent, sizeof parent, "%s/..", directory);
    errno = 0;
    if (stat(directory, &st) != 0 || stat(parent, &above) != 0 || !S_ISDIR(st.st_mode)) {
        snprintf(error, size, "%s: %s", directory, strerror(errno ? errno : ENOTDIR));
        return false;
    }
    if (st.st_dev != above.st_dev) {
        snprintf(error, size, "%s: something is mounted there already", directory);
        return false;
    }
    return true;
}

static void on_end(void *context)
{
    const struct fuse_door *d = context;
    d->on_unmount();
}

static bool mount_session(struct fuse_door *d, const char *directory, char *error, size_t size)
{
    /* Root shares the tree with everybody, as sysfs does: read for all, write for root. */
    char options[64];
    snprintf(options, sizeof options, "fsname=ide-emu,default_permissions%s", geteuid() == 0 ? ",allow_other" : "");
    char *argv[] = {"ide-emu", "-o", options, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, argv);
    d->session = fuse_session_new(&args, &operations, sizeof operations, d);
    fuse_opt_free_args(&args);
    if (!d->session || fuse_session_mount(d->session, directory) != 0) {
        snprintf(error, size, "%s: FUSE cannot mount there (is /dev/fuse usable?)", directory);
        return false;
    }
    if (!fuse_loop_open(&d->loop, d->session, on_end, d)) {
        snprintf(error, size, "%s: no thread to serve it", directory);
        fuse_session_unmount(d->session);
        return false;
    }
    return true;
}

static void destroy(struct fuse_door *d)
{
    if (d->session)
        fuse_session_destroy(d->session);
    free(d->nodes);
    free(d);
}

/* The kernel remembers names; those of functions that came or went it has to forget. */
static void forget_names(void *context, struct emu_function *f)
{
    struct fuse_door *d = context;
    (void)f;
    for (size_t i = 1; i < d->count; i++)
        if (d->nodes[i].function && !d->nodes[i].file && is_gone(&d->nodes[i]))
            (void)fuse_lowlevel_notify_inval_entry(d->session, d->nodes[i].parent + FUSE_ROOT_ID, d->nodes[i].name,
                                                   strlen(d->nodes[i].name));
}

struct fuse_door *fuse_door_open(struct emu *emu, const char *directory, void (*on_unmount)(void), char *error,
                                 size_t size)
{
    struct fuse_door *d = calloc(1, sizeof *d);
    if (!d || !make_tree(d, emu)) {
        snprintf(error, size, "out of memory");
        free(d);
        return NULL;
    }
    d->on_unmount = on_unmount;
    emu->about_to_wait = fuse_loop_about_to_wait;
    if (!prepare_directory(directory, error, size) || !mount_session(d, directory, error, size)) {
        destroy(d);
        return NULL;
    }
    emu->on_plug_context = d;
    emu->on_plug = forget_names;
    return d;
}

void fuse_door_close(struct fuse_door *door)
{
    if (!door)
        return;
    fuse_loop_close(&door->loop);
    fuse_session_unmount(door->session);
    destroy(door);
}
