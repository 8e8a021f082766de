/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A state file in a folder of its own, and another connection to it. */
#ifndef TESTS_STORE_RIG_H
#define TESTS_STORE_RIG_H

#include "check.h"
#include "tools/ide-kmd/store_hold.h"
#include "tools/ide-kmd/store_log.h"

extern char folder[64], path[128]; /* path is made by make_folder(), and may be changed before it is opened */
extern struct store *store;
extern struct failure failure; /* of the last open_store() */
extern struct ide_fault fault;

void make_folder(void);
void drop_folder(void);

enum ide_err open_with(struct store_settings settings);
enum ide_err open_store(void);

/* One number; one statement. As the sqlite3 shell does it. */
long long ask(const char *sql);
void tell(const char *sql);

/* The ends of a_stream(). */
extern const struct stream_ends ends;
struct held_stream a_stream(uint8_t id);

/* What the file holds, once what was handed over without waiting is in it. */
struct held load(void);

/* An event of a stream with this state. */
void log_something(const char *state);

#endif
