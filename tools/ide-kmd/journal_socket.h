/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries for the journal, by its native protocol, without ever waiting for it: what journald does not take
 * at once is kept up to a bound and sent when it does, in order; what is beyond the bound is counted, and
 * journald told of the gap at its place. From any thread.
 */
#ifndef IDE_KMD_JOURNAL_SOCKET_H
#define IDE_KMD_JOURNAL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_SOCKET      "/run/systemd/journal/socket"
#define JOURNAL_ENTRY_MAX   16384u
#define JOURNAL_MESSAGE_MAX 1024u  /* of the value of MESSAGE; what is longer is cut */
#define JOURNAL_FIELD_MAX   512u   /* of all others' */
#define JOURNAL_KEPT_MAX    65536u /* bytes of entries that wait, some 200 */

struct journal_entry {
    size_t len;
    char bytes[JOURNAL_ENTRY_MAX];
};

/* One field more, of any text; one that does not fit any more is left out. An entry begins as {.len = 0}. */
void journal_entry_add(struct journal_entry *entry, const char *name, const char *value);

/* Makes the entry that says how many are missing at its place. */
typedef void journal_gap(struct journal_entry *entry, uint64_t dropped);

/* path: JOURNAL_SOCKET but for tests. False without a socket of our own: then there is no journal. */
bool journal_socket_open(const char *path, journal_gap *gap);

/* Tries for milliseconds at the most to get rid of what waits; what is still there then is lost. */
void journal_socket_close(unsigned milliseconds);

/* False if there is no journal that could take it, now or later: then it is to be said elsewhere. */
bool journal_socket_send(const struct journal_entry *entry);

/* Sends what waits, as far as journald takes it. To be called now and then, and soon again while it says that
 * something still waits. */
bool journal_socket_flush(void);

/* How many entries were dropped since the start. */
uint64_t journal_socket_dropped(void);

#endif
