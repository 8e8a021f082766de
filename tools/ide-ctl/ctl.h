/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands of ide-ctl share: the parsed command line, the call to the controller, the exit statuses.
 */
#ifndef IDE_CTL_CTL_H
#define IDE_CTL_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "root_port/pcie_bdf.h"
#include "tools/client/ide_client.h"
#include "tools/common/api.h"

enum ctl_status { CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_NO_CONTROLLER = 3 };

/* What attest asks of a device's measurements. */
struct ctl_measurements {
    bool is_given;
    bool is_unsigned, raw, in_session, mel, ide_km;
    json_int_t index; /* 0: all */
};

enum ctl_color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* What of the log is wanted; 0 and NULL: not told. */
struct ctl_log {
    json_int_t since_ms, until_ms, limit, cursor;
    bool has_cursor, follow;
    const char *what, *operation, *cause, *asked_by;
};

/* The command line, parsed. */
struct ctl {
    const struct ctl_command *command;
    uint64_t given; /* options, a bit each by their place in the table */
    const char *endpoint;
    uint32_t timeout_ms;
    enum ctl_color color;
    bool json, help, version;
    bool has_bdf, has_stream;
    char bdf[PCIE_BDF_TEXT]; /* as the controller wants it */
    json_int_t stream;
    json_t *wish; /* owned: what establish asks of a stream, as members of the request; NULL: nothing */
    struct ctl_measurements measurements;
    struct ctl_log log;
    bool cxl, cxl_generate; /* about the CXL link of the port; its endpoint generates keys */
    const char *cxl_mode;   /* "containment" or "skid"; NULL: not told */
    const char *columns;    /* of a table, as --output has them; NULL: the usual ones */
    bool no_headings, watch, progress;
    const char *sysfs;                 /* where doctor looks by itself; NULL: the machine's */
    const char *key_file, *server_key; /* for tcp; NULL: none */
    struct ide_client_keys keys;       /* what is in them, once they are read: ctl_take_keys() */
    const char *word, *name, *list;    /* of keygen, authorize and revoke */
    bool read_only;
    const char *state; /* to wait for; NULL: not told */
};

enum ctl_takes { CTL_NOTHING, CTL_MAY, CTL_MUST, CTL_WORD }; /* the last, of bdf: another word instead */

/* The commands, for the options that are theirs alone. */
enum ctl_on {
    ON_LIST = 1u << 0,
    ON_SHOW = 1u << 1,
    ON_ATTEST = 1u << 2,
    ON_ESTABLISH = 1u << 3,
    ON_REKEY = 1u << 4,
    ON_STOP = 1u << 5,
    ON_WAIT = 1u << 6,
    ON_MONITOR = 1u << 7,
    ON_DOCTOR = 1u << 8,
    ON_LOG = 1u << 9,
    ON_KEYGEN = 1u << 20,
    ON_AUTHORIZE = 1u << 21,
    ON_REVOKE = 1u << 22,
    ON_ALL = ~0u
};

struct ctl_command {
    const char *name;
    enum ctl_status (*run)(const struct ctl *ctl);
    unsigned bit; /* enum ctl_on */
    enum ctl_takes bdf, stream;
    const char *arguments, *help; /* of the list of commands */
    const char *about;            /* for its own --help: what it does, in a few lines */
    void (*columns)(void);        /* for its own --help: prints the columns of its table; NULL: it has none */
};

struct ctl_option {
    const char *name, *argument; /* argument NULL: takes none */
    unsigned commands;           /* of enum ctl_on */
    /* False: the argument is wrong. */
    bool (*take)(struct ctl *ctl, const struct ctl_option *option, const char *argument);
    const char *wrong;  /* what a wrong argument is: "is no number" */
    const char *member; /* of the request, for what establish asks of a stream */
    const char *help;
};

enum ctl_status command_list(const struct ctl *ctl);
enum ctl_status command_show(const struct ctl *ctl);
enum ctl_status command_attest(const struct ctl *ctl);
void command_attest_columns(void); /* for its --help */
enum ctl_status command_doctor(const struct ctl *ctl);
enum ctl_status command_establish(const struct ctl *ctl);
enum ctl_status command_rekey(const struct ctl *ctl);
enum ctl_status command_stop(const struct ctl *ctl);
enum ctl_status command_wait(const struct ctl *ctl);
enum ctl_status command_log(const struct ctl *ctl);
void command_log_columns(void);
enum ctl_status command_monitor(const struct ctl *ctl);
enum ctl_status command_keygen(const struct ctl *ctl);
enum ctl_status command_authorize(const struct ctl *ctl);
enum ctl_status command_revoke(const struct ctl *ctl);
enum ctl_status command_cxl(const struct ctl *ctl, const char *command);

/* ---- commands.c ---- */

/* NULL: there is none. */
const struct ctl_command *ctl_command_find(const char *name);
/* The command whose name is a slip of the finger away from this; NULL: none is. */
const char *ctl_command_like(const char *name);
void ctl_help(const struct ctl_command *command); /* NULL: of the program */

/* ---- options.c ---- */

/* Takes all options of the command line and leaves optind at the first word; CTL_USAGE if one is wrong. */
enum ctl_status ctl_take_options(int argc, char **argv, struct ctl *ctl);
/* The first option that was given and is not for the command; NULL: all are. */
const struct ctl_option *ctl_misplaced_option(const struct ctl *ctl);
/* Prints those of the command, or those that all commands take. */
void ctl_help_options(unsigned command);
/* Says it on standard error: "ide-ctl: FORMAT", and where help is. */
enum ctl_status ctl_usage(const struct ctl_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What is wrong with --cxl and its options; NULL if nothing is. */
const char *ctl_cxl_wrong(const struct ctl *ctl);

/* ---- features.c: what establish asks of a stream, as setters of options ---- */

bool ctl_take_wish(struct ctl *ctl, const struct ctl_option *option, const char *argument); /* a yes */
bool ctl_take_class(struct ctl *ctl, const struct ctl_option *option, const char *argument);
bool ctl_take_header(struct ctl *ctl, const struct ctl_option *option, const char *argument);
bool ctl_take_aggregation(struct ctl *ctl, const struct ctl_option *option, const char *argument);
bool ctl_take_algorithm(struct ctl *ctl, const struct ctl_option *option, const char *argument);

/* ---- command_keys.c ---- */

/* A CURVE key, from the argument itself or the file that it names: one with a public key, or with a key pair.
 */
bool ctl_public_key(const char *argument, char key[static IDE_CLIENT_KEY_SIZE]);

/* ---- command_log.c: setters of its options ---- */

bool ctl_take_log_time(struct ctl *ctl, const struct ctl_option *option, const char *argument);
bool ctl_take_log_number(struct ctl *ctl, const struct ctl_option *option, const char *argument);
bool ctl_take_log_word(struct ctl *ctl, const struct ctl_option *option, const char *argument);
bool ctl_take_log_switch(struct ctl *ctl, const struct ctl_option *option, const char *argument);

/* ---- call.c ---- */

/* Reads the keys that --key and --server-key name; says what is wrong with them. */
enum ctl_status ctl_take_keys(struct ctl *ctl);

/*
 * Sends the verb with what the command line gave and waits for its result. Of an operation the progress is
 * shown meanwhile (progress.h), and an interrupt cancels it. On success prints the result with --json, else
 * calls print with it. A failure is printed too.
 */
enum ctl_status ctl_call(const struct ctl *ctl, enum api_verb verb, bool is_operation,
                         void (*print)(const json_t *result));

/* The way to the controller; NULL in *client unless OK is returned. */
enum ide_client_status ctl_connect(const struct ctl *ctl, struct ide_client **client);

/* Sends the request, which is taken away, and waits for the reply, which is the caller's. */
enum ide_client_status ctl_ask(const struct ctl *ctl, json_t *request, json_t **reply);

/* What the way to the controller failed for, as an error; and the same printed. */
json_t *ctl_client_error(const struct ctl *ctl, enum ide_client_status status);
enum ctl_status ctl_client_failed(const struct ctl *ctl, enum ide_client_status status);

/* An error in the form of the controller's, for what ide-ctl itself finds. message is taken away. */
json_t *ctl_own_error(const char *code, json_t *message, const char *hint);
/* Prints {"error": error} with --json, else the error on stderr; takes it away. */
void ctl_print_error(const struct ctl *ctl, json_t *error);

#endif
