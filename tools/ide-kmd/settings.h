/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an operator can set: one table, which serves the command line (options.c) and the configuration file
 * (config_file.c) alike. A new setting is a row in settings.c and nothing else.
 */
#ifndef IDE_KMD_SETTINGS_H
#define IDE_KMD_SETTINGS_H

#include "tools/ide-kmd/controller.h"

#define SETTING_ERROR 320u

enum setting_type {
    SETTING_TEXT,   /* const char *, at the row's offset; not empty */
    SETTING_SWITCH, /* bool: "yes" or "no"; on the command line without an argument */
    SETTING_TIME,   /* uint32_t in ms, 1 ms to an hour */
    SETTING_OTHER   /* by the row's set() */
};

struct setting {
    const char *name;     /* the key of the file; with -- in front, the option */
    const char *section;  /* of the file */
    const char *argument; /* for --help: "DIR"; NULL for a switch */
    enum setting_type type;
    size_t offset; /* in struct controller_settings; not of SETTING_OTHER */
    /* The text is the settings' own. False with what is wrong, as it goes on after the name: " is no time:
     * x". */
    bool (*set)(struct controller_settings *s, const struct setting *row, const char *text,
                char error[static SETTING_ERROR]);
    /* May be given several times, but not two that are about the same; NULL: once. */
    bool (*clash)(const char *a, const char *b);
    bool at_start;    /* a change counts from the next start on: not by SIGHUP */
    const char *help; /* lines */
};

extern const struct setting settings_table[]; /* ends with a row without name */

/* One that was given. They own all text that settings point to. */
struct setting_value {
    struct setting_value *next; /* in the order they were given */
    const struct setting *row;
    unsigned line; /* of the file; 0: on the command line */
    char text[];
};

/* What counts if nothing is given. Release with settings_release(). */
void settings_init(struct controller_settings *settings);
void settings_release(struct controller_settings *settings);

/* The row, or NULL. section NULL: of any. */
const struct setting *setting_find(const char *section, const char *name);
bool setting_is_section(const char *name);

/*
 * Sets one. text is copied; line as above. False with what is wrong; settings are unchanged then. That a
 * setting is given twice is the caller's to refuse: setting_given().
 */
bool setting_set(struct controller_settings *settings, const struct setting *row, const char *text,
                 unsigned line, char error[static SETTING_ERROR]) MUST_USE;

/* The last that was given for the row; NULL if none was. */
const struct setting_value *setting_given(const struct controller_settings *settings,
                                          const struct setting *row);

/* One that was given, of the row, and leaves no room for the text: any, or one that is about the same. NULL
 * if none does. */
const struct setting_value *setting_clash(const struct controller_settings *settings,
                                          const struct setting *row, const char *text);

/* The line of the file that counts for the row; 0: it came on the command line, or is as it is by default. */
unsigned setting_line(const struct controller_settings *settings, const struct setting *row);

/* ---- what several of them mean ------------------------------------------- */

/* The state file; NULL: in memory only, as that of an emulated platform is unless told. */
const char *settings_state(const struct controller_settings *settings);
struct front_settings settings_front(const struct controller_settings *settings);

/*
 * Once all are set: whether they go together. If not, says so in error, as a whole sentence, and gives the
 * row that demands what is not there.
 */
const struct setting *settings_contradiction(const struct controller_settings *settings,
                                             char error[static SETTING_ERROR]);

/*
 * What SIGHUP changes, from what was read into what counts: all rows that are not at_start. Text stays read's, which
 * must outlive now. A row with a set() of its own needs a line there.
 */
void settings_take_live(struct controller_settings *now, const struct controller_settings *read);

/* How messages call it: "--timeout", or "timeout" as it stands in the file at the line. */
const char *setting_title(const struct setting *row, unsigned line, char title[static 64]);

#endif
