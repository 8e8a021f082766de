/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION /* file and line of this file would say nothing */
#include <systemd/sd-journal.h>

#define TEXT_MAX  1024u
#define FIELD_MAX 512u
#define OWN       4u /* MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, MESSAGE_ID */

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

void log_open(void)
{
    atomic_store(&to_journal, stderr_is_journal());
}

void log_close(void)
{
    atomic_store(&to_journal, false);
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

/* One write, so that lines of several threads do not run into each other. */
static void write_line(const char *text)
{
    char line[TEXT_MAX + 16];
    int len = snprintf(line, sizeof line, "ide-kmd: %s\n", text);
    if (len >= (int)sizeof line)
        len = (int)sizeof line - 1;
    ssize_t written = write(STDERR_FILENO, line, (size_t)len);
    (void)written; /* there is nowhere left to say so */
}

struct entry {
    struct iovec part[OWN + LOG_FIELDS_MAX];
    int parts;
    char text[OWN + LOG_FIELDS_MAX][FIELD_MAX];
};

static void add(struct entry *entry, const char *name, const char *value)
{
    char *text = entry->text[entry->parts];
    int len = snprintf(text, FIELD_MAX, "%s=%s", name, value);
    if (len >= (int)FIELD_MAX)
        len = (int)FIELD_MAX - 1;
    entry->part[entry->parts++] = (struct iovec){text, (size_t)len};
}

static int send_entry(int priority, enum log_message kind, const struct log_field *fields, size_t count,
                      char *message)
{
    struct entry entry = {.parts = 0};
    char number[16];
    snprintf(number, sizeof number, "%d", priority);
    add(&entry, "PRIORITY", number);
    add(&entry, "SYSLOG_IDENTIFIER", "ide-kmd");
    if (message_ids[kind])
        add(&entry, "MESSAGE_ID", message_ids[kind]);
    for (size_t i = 0; i < count && i < LOG_FIELDS_MAX; i++)
        if (fields[i].value)
            add(&entry, fields[i].name, fields[i].value);
    entry.part[entry.parts++] = (struct iovec){message, strlen(message)};
    return sd_journal_sendv(entry.part, entry.parts);
}

void log_write(int priority, enum log_message kind, const struct log_field *fields, size_t count,
               const char *format, ...)
{
    char message[TEXT_MAX] = "MESSAGE=";
    char *text = message + strlen(message);
    va_list arguments;
    if (!log_wants(priority))
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof message - strlen("MESSAGE="), format, arguments);
    va_end(arguments);
    make_printable(text);
    /* A journal that does not take it: the line is better than nothing. */
    if (!atomic_load(&to_journal) || send_entry(priority, kind, fields, count, message) < 0)
        write_line(text);
}
