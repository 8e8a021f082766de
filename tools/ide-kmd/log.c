/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/log.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/ide-kmd/journal_socket.h"

#define TEXT_MAX     JOURNAL_MESSAGE_MAX
#define LAST_ONES_MS 1000u /* what journald may take for the last messages */

static atomic_bool to_journal;
static atomic_int least_important = LOG_INFO;

static const char *const message_ids[] = {
#define X(name, id) [name] = id,
    LOG_MESSAGES(X)
#undef X
};

/* systemd.exec(5), $JOURNAL_STREAM: device and inode of the stream that it connected. Whoever has redirected
 * the output since means it to go elsewhere. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat is;
    char text[64];
    if (!stream || fstat(STDERR_FILENO, &is) != 0)
        return false;
    snprintf(text, sizeof text, "%llu:%llu", (unsigned long long)is.st_dev, (unsigned long long)is.st_ino);
    return strcmp(stream, text) == 0;
}

static void make_gap(struct journal_entry *entry, uint64_t dropped);

void log_open(void)
{
    atomic_store(&to_journal, stderr_is_journal() && journal_socket_open(JOURNAL_SOCKET, make_gap));
}

void log_close(void)
{
    if (atomic_exchange(&to_journal, false))
        journal_socket_close(LAST_ONES_MS);
}

void log_set_priority(int least)
{
    atomic_store(&least_important, least);
}

bool log_wants(int priority)
{
    return priority <= atomic_load(&least_important);
}

bool log_level_parse(const char *text, int *priority)
{
    static const struct {
        const char *name;
        int priority;
    } levels[] = {{"error", LOG_ERR},
                  {"warning", LOG_WARNING},
                  {"notice", LOG_NOTICE},
                  {"info", LOG_INFO},
                  {"debug", LOG_DEBUG}};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(text, levels[i].name) == 0) {
            *priority = levels[i].priority;
            return true;
        }
    return false;
}

/* Bytes of UTF-8 stay: certificates and files may be named in any script. */
static void make_printable(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if ((*c < 0x20 && *c != '\n') || *c == 0x7f)
            *c = '?';
}

/* ---- lines ---------------------------------------------------------------- */

/* Lines that nobody took, and how many of them nobody was told of. */
static struct {
    pthread_mutex_t lock;
    uint64_t dropped, untold;
} lines = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* One write of what a pipe takes as a whole, and only if it does not wait: who reads it may have stopped. */
static bool put_line(const char *text)
{
    char line[TEXT_MAX + 16];
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    int len = snprintf(line, sizeof line, "ide-kmd: %s\n", text);
    if (len >= (int)sizeof line)
        len = (int)sizeof line - 1;
    if (poll(&out, 1, 0) == 0)
        return false;
    ssize_t written = write(STDERR_FILENO, line, (size_t)len);
    (void)written; /* there is nowhere left to say so */
    return true;
}

static const char *gap_text(uint64_t dropped, char text[TEXT_MAX])
{
    snprintf(text, TEXT_MAX, "%" PRIu64 " messages are missing here, because nobody took them", dropped);
    return text;
}

/* Lock held. True if nothing is left to be told. */
static bool tell_lines_gap(void)
{
    char text[TEXT_MAX];
    if (lines.untold > 0 && put_line(gap_text(lines.untold, text)))
        lines.untold = 0;
    return lines.untold == 0;
}

/* The lock keeps lines of several threads from running into each other, and what has room where it is. */
static void write_line(const char *text)
{
    pthread_mutex_lock(&lines.lock);
    if (!tell_lines_gap() || !put_line(text)) {
        lines.dropped++;
        lines.untold++;
    }
    pthread_mutex_unlock(&lines.lock);
}

/* ---- entries -------------------------------------------------------------- */

static void begin_entry(struct journal_entry *entry, int priority, enum log_message kind)
{
    const char number[] = {(char)('0' + priority), '\0'};
    entry->len = 0;
    journal_entry_add(entry, "PRIORITY", number);
    journal_entry_add(entry, "SYSLOG_IDENTIFIER", "ide-kmd");
    if (message_ids[kind])
        journal_entry_add(entry, "MESSAGE_ID", message_ids[kind]);
}

static void make_gap(struct journal_entry *entry, uint64_t dropped)
{
    char text[TEXT_MAX], number[24];
    snprintf(number, sizeof number, "%" PRIu64, dropped);
    begin_entry(entry, LOG_WARNING, LOG_GAP);
    journal_entry_add(entry, "IDE_DROPPED", number);
    journal_entry_add(entry, "MESSAGE", gap_text(dropped, text));
}

static bool send_entry(int priority, enum log_message kind, const struct log_field *fields, size_t count,
                       const char *message)
{
    struct journal_entry entry;
    begin_entry(&entry, priority, kind);
    journal_entry_add(&entry, "MESSAGE", message);
    for (size_t i = 0; i < count && i < LOG_FIELDS_MAX; i++)
        if (fields[i].value)
            journal_entry_add(&entry, fields[i].name, fields[i].value);
    return journal_socket_send(&entry);
}

void log_write(int priority, enum log_message kind, const struct log_field *fields, size_t count,
               const char *format, ...)
{
    char message[TEXT_MAX];
    va_list arguments;
    if (!log_wants(priority))
        return;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    make_printable(message);
    /* Without a journal the line is better than nothing. */
    if (!atomic_load(&to_journal) || !send_entry(priority, kind, fields, count, message))
        write_line(message);
}

bool log_tick(void)
{
    bool waits = atomic_load(&to_journal) && journal_socket_flush();
    pthread_mutex_lock(&lines.lock);
    waits |= !tell_lines_gap();
    pthread_mutex_unlock(&lines.lock);
    return waits;
}

uint64_t log_dropped(void)
{
    pthread_mutex_lock(&lines.lock);
    uint64_t dropped = lines.dropped;
    pthread_mutex_unlock(&lines.lock);
    return dropped + journal_socket_dropped();
}
