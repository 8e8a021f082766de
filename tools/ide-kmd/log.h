/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that ide-kmd says of itself goes through here: to the journal, with its
 * fields, where systemd has connected the standard error output to it, and as
 * lines for people to that output otherwise. From any thread, and nobody waits
 * for who reads it: what is not taken is counted, and told of when it is again.
 */
#ifndef IDE_KMD_LOG_H
#define IDE_KMD_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h> /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG */

/* Kinds of messages that programs look for: journalctl MESSAGE_ID=...; ide-kmd.catalog explains each to
 * people. */
#define LOG_MESSAGES(X)                                                                                      \
    X(LOG_PLAIN, NULL)                                                                                       \
    X(LOG_READY, "3ea2ec534a264d0b8209fed51df00b08")                                                         \
    X(LOG_NOT_STARTED, "fbc14ddba2ec4e8286700fc6b25baada")                                                   \
    X(LOG_ENDING, "912911c2710a4f679da1d787e59a3106")                                                        \
    X(LOG_RELOADED, "4003b1b804244a2ab141ed63df143631")                                                      \
    X(LOG_UNPROTECTED, "cef5ea051d4a49af9f1d8c12652f16d0")                                                   \
    X(LOG_OPERATION, "891fa504c09f4ee5a62d69b4c3ea648e")                                                     \
    X(LOG_OPERATION_FAILED, "ede4c564cd414627a4a01ef951733a9a")                                              \
    X(LOG_STEP, "fbc8145813984aa2baa8fadac8c90ce1")                                                          \
    X(LOG_STREAM, "67e5b5c2597e446d9f9f58ce5daf67b1")                                                        \
    X(LOG_STREAM_FELL, "e5cb022766fc4f498c00be3aecdd62f9")                                                   \
    X(LOG_SESSION_LOST, "aeea73b11dc74f2f92b7c9a86fea7cfe")                                                  \
    X(LOG_WATCH, "755dd198611542bfb9527a100de2a0c1")                                                         \
    X(LOG_STUCK, "d4ce67ad59944b349b03f3bc6f28da45")                                                         \
    X(LOG_GAP, "e20b4f5df7fc42a497fe9083e2db087c")

enum log_message {
#define X(name, id) name,
    LOG_MESSAGES(X)
#undef X
};

/* "IDE_STREAM", "0"; a NULL value is left out. */
struct log_field {
    const char *name, *value;
};
#define LOG_FIELDS_MAX 32u

/* Looks where messages go. Until then, and after log_close(), they are lines. log_close() gives journald a
 * second for the last ones. */
void log_open(void);
void log_close(void);

/* Sends on what was not taken at once. To be called now and then, and soon again while it says that something
 * still waits. */
bool log_tick(void);

/* How many messages were lost since the start, because nobody took them. */
uint64_t log_dropped(void);

/* What is less important is left out: LOG_INFO unless set. */
void log_set_priority(int least);
bool log_wants(int priority);

/* "error", "warning", "notice", "info", "debug". */
bool log_level_parse(const char *text, int *priority);

/* One message, without a newline at its end. What of it is no printable text is shown as '?', newlines in
 * between apart: nothing that came from a device or a client makes lines of its own, or speaks to the
 * terminal. */
void log_write(int priority, enum log_message kind, const struct log_field *fields, size_t count,
               const char *format, ...) __attribute__((format(printf, 5, 6)));
#define log_say(priority, kind, ...) log_write(priority, kind, NULL, 0, __VA_ARGS__)

#endif
