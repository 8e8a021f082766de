/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/journal_socket.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct kept {
    struct kept *next;
    size_t len;
    char bytes[];
};

/* All but the lock is guarded by it. It is held for calls only that do not wait, but for
 * journal_socket_close(). */
static struct {
    pthread_mutex_t lock;
    int fd; /* -1: closed */
    struct sockaddr_un to;
    journal_gap *gap;
    struct kept *first, **last;
    size_t bytes;
    uint64_t dropped, untold;
} journal = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/* ---- entries ------------------------------------------------------------- */

static size_t text_len(const char *name, const char *value)
{
    return strnlen(value, strcmp(name, "MESSAGE") == 0 ? JOURNAL_MESSAGE_MAX : JOURNAL_FIELD_MAX);
}

static void append(struct journal_entry *entry, const void *bytes, size_t len)
{
    memcpy(entry->bytes + entry->len, bytes, len);
    entry->len += len;
}

/* NAME=value and a newline; where there is a newline in the value, NAME and a newline, its length as 64 bits,
 * lowest first, the value and a newline. */
void journal_entry_add(struct journal_entry *entry, const char *name, const char *value)
{
    size_t name_len = strlen(name), len = text_len(name, value);
    unsigned char length[8];
    if (entry->len + name_len + 1 + sizeof length + len + 1 > sizeof entry->bytes)
        return;
    append(entry, name, name_len);
    if (memchr(value, '\n', len)) {
        for (size_t i = 0; i < sizeof length; i++)
            length[i] = (unsigned char)((uint64_t)len >> (8 * i));
        append(entry, "\n", 1);
        append(entry, length, sizeof length);
    } else
        append(entry, "=", 1);
    append(entry, value, len);
    append(entry, "\n", 1);
}

/* ---- the socket, with the lock held -------------------------------------- */

static int send_bytes(const char *bytes, size_t len, int flags)
{
    ssize_t sent = sendto(journal.fd, bytes, len, flags | MSG_NOSIGNAL, (const struct sockaddr *)&journal.to,
                          sizeof journal.to);
    return sent < 0 ? errno : 0;
}

/* It is there, and takes nothing at the moment. */
static bool is_busy(int err)
{
    return err == EAGAIN || err == EWOULDBLOCK || err == ENOBUFS || err == ENOMEM || err == EINTR;
}

static void count_dropped(void)
{
    journal.dropped++;
    journal.untold++;
}

static void keep(const struct journal_entry *entry)
{
    struct kept *kept = NULL;
    /* What comes after a gap would be sent before the gap is told. */
    if (journal.untold == 0 && journal.bytes + entry->len <= JOURNAL_KEPT_MAX)
        kept = malloc(sizeof *kept + entry->len);
    if (!kept) {
        count_dropped();
        return;
    }
    kept->next = NULL;
    kept->len = entry->len;
    memcpy(kept->bytes, entry->bytes, entry->len);
    *journal.last = kept;
    journal.last = &kept->next;
    journal.bytes += entry->len;
}

static void forget_first(void)
{
    struct kept *kept = journal.first;
    journal.first = kept->next;
    journal.bytes -= kept->len;
    if (!journal.first)
        journal.last = &journal.first;
    free(kept);
}

static int tell_gap(int flags)
{
    struct journal_entry entry = {.len = 0};
    if (journal.untold == 0)
        return 0;
    journal.gap(&entry, journal.untold);
    int err = send_bytes(entry.bytes, entry.len, flags);
    if (err == 0)
        journal.untold = 0;
    return err;
}

/* True if nothing waits any more. */
static bool flush(int flags)
{
    while (journal.first) {
        if (send_bytes(journal.first->bytes, journal.first->len, flags) != 0)
            return false;
        forget_first();
    }
    return tell_gap(flags) == 0;
}

/* ---- for others ---------------------------------------------------------- */

bool journal_socket_open(const char *path, journal_gap *gap)
{
    size_t len = strlen(path);
    if (len >= sizeof journal.to.sun_path)
        return false;
    pthread_mutex_lock(&journal.lock);
    journal.to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(journal.to.sun_path, path, len + 1);
    journal.gap = gap;
    journal.first = NULL;
    journal.last = &journal.first;
    journal.bytes = 0;
    journal.dropped = journal.untold = 0;
    journal.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool opened = journal.fd >= 0;
    pthread_mutex_unlock(&journal.lock);
    return opened;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Each call waits for what is left of the time. */
static void flush_until(uint64_t end_ms)
{
    for (uint64_t now = now_ms(); now < end_ms; now = now_ms()) {
        const struct timeval left = {.tv_sec = (time_t)((end_ms - now) / 1000),
                                     .tv_usec = (suseconds_t)((end_ms - now) % 1000 * 1000)};
        if (setsockopt(journal.fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof left) != 0)
            return;
        int err = journal.first ? send_bytes(journal.first->bytes, journal.first->len, 0) : tell_gap(0);
        if (err == 0 && !journal.first)
            return;
        if (err == 0)
            forget_first();
        else if (!is_busy(err))
            return;
    }
}

void journal_socket_close(unsigned milliseconds)
{
    pthread_mutex_lock(&journal.lock);
    if (journal.fd >= 0) {
        if (!flush(MSG_DONTWAIT))
            flush_until(now_ms() + milliseconds);
        close(journal.fd);
    }
    while (journal.first)
        forget_first();
    journal.fd = -1;
    pthread_mutex_unlock(&journal.lock);
}

bool journal_socket_send(const struct journal_entry *entry)
{
    bool taken = false;
    pthread_mutex_lock(&journal.lock);
    if (journal.fd >= 0) {
        int err = flush(MSG_DONTWAIT) ? send_bytes(entry->bytes, entry->len, MSG_DONTWAIT) : EAGAIN;
        if (is_busy(err))
            keep(entry);
        taken = err == 0 || is_busy(err);
    }
    pthread_mutex_unlock(&journal.lock);
    return taken;
}

bool journal_socket_flush(void)
{
    pthread_mutex_lock(&journal.lock);
    bool waits = journal.fd >= 0 && !flush(MSG_DONTWAIT);
    pthread_mutex_unlock(&journal.lock);
    return waits;
}

uint64_t journal_socket_dropped(void)
{
    pthread_mutex_lock(&journal.lock);
    uint64_t dropped = journal.dropped;
    pthread_mutex_unlock(&journal.lock);
    return dropped;
}
