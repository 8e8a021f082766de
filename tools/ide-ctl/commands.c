/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which commands there are: a row each, and a file command_*.c. */
#include <stdio.h>
#include <string.h>

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/ports_table.h"
#include "tools/ide-ctl/streams_table.h"

static const struct ctl_command commands[] = {
    {"list", command_list, ON_LIST, CTL_NOTHING, CTL_NOTHING, "",
     "the ports, what they can do, their streams",
     "Shows the ports as a tree: which have a DOE mailbox, how many IDE streams they can carry,\n"
     "and which they do. With --watch the tree fills the terminal and is drawn anew whenever something\n"
     "happens, until q is pressed.\n",
     ports_table_help},
    {"show", command_show, ON_SHOW, CTL_MAY, CTL_NOTHING, "[BDF]", "one port, or all streams",
     "Shows one port with its abilities and streams, or all streams. The state of each end is\n"
     "read from its registers.\n",
     streams_table_help},
    {"attest", command_attest, ON_ATTEST, CTL_MUST, CTL_NOTHING, "BDF", "have a device prove who it is",
     "Asks a device for its certificates, has it prove that it holds the key, and shows what it\n"
     "measures, held against ide-kmd's reference values if there are any.\n",
     command_attest_columns},
    {"doctor", command_doctor, ON_DOCTOR, CTL_MUST, CTL_NOTHING, "BDF", "why IDE can or cannot come up here",
     "Looks at all that a stream needs, in order: the path, the capabilities of each port on it, the\n"
     "mailboxes, who gives the keys, whether the devices are trusted, the settings. 0 if a stream can\n"
     "come up, 1 if not. It does no harm to what runs. Without a controller it says what it sees by\n"
     "itself, and exits 3.\n",
     NULL},
    {"establish", command_establish, ON_ESTABLISH, CTL_MUST, CTL_MAY, "BDF [--stream N] ...",
     "bring a stream up",
     "Brings a stream up between an endpoint and its root port, or says what kept it from coming\n"
     "up; it is off at both ends then. What is asked of a stream is refused where an end cannot\n"
     "do it.\n",
     NULL},
    {"rekey", command_rekey, ON_REKEY, CTL_MAY, CTL_MAY, "[BDF [--stream N]]",
     "new keys; for all streams if none is named",
     "Gives streams new keys while they are on: one, all of a port, or all.\n", NULL},
    {"stop", command_stop, ON_STOP, CTL_MUST, CTL_MUST, "BDF --stream N", "turn a stream off",
     "Turns a stream off at both ends.\n", NULL},
    {"wait", command_wait, ON_WAIT, CTL_MUST, CTL_MUST, "BDF --stream N ...", "until a stream is in a state",
     "Returns as soon as the stream is in the state: 0; or when it is clear that it will not be,\n"
     "or the time is over: 1, and says what the state was.\n",
     NULL},
    {"log", command_log, ON_LOG, CTL_MAY, CTL_MAY, "[BDF [--stream N]] ...", "what happened, and who asked",
     "Shows the last entries of the controller's log: each operation, step and change of a stream,\n"
     "with its cause and who asked for it.\n",
     command_log_columns},
    {"monitor", command_monitor, ON_MONITOR, CTL_NOTHING, CTL_NOTHING, "", "what happens, as it happens",
     "Prints what happens until it is interrupted.\n", NULL},
    {"keygen", command_keygen, ON_KEYGEN, CTL_WORD, CTL_NOTHING, "FILE", "make a CURVE key pair, for tcp",
     "Makes a key pair in FILE, for its owner alone, and writes the public key to FILE.pub too.\n"
     "ide-kmd needs one to listen on tcp, and each of its clients there.\n",
     NULL},
    {"authorize", command_authorize, ON_AUTHORIZE, CTL_WORD, CTL_NOTHING, "KEY|FILE ...",
     "let a key in over tcp", "Puts a public key on the list of those that ide-kmd lets in over tcp.\n",
     NULL},
    {"revoke", command_revoke, ON_REVOKE, CTL_WORD, CTL_NOTHING, "KEY|FILE|NAME ...", "let a key in no more",
     "Takes a key from the list. ide-kmd refuses it from that moment on, and closes its\n"
     "connections.\n",
     NULL},
};

#define COMMANDS (sizeof commands / sizeof *commands)

const struct ctl_command *ctl_command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

#define NAME_MAX_LENGTH 15u

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* How many letters have to be put in, taken out or changed (Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_LENGTH + 1];
    size_t length = strlen(b);
    for (size_t k = 0; k <= length; k++)
        row[k] = (unsigned)k;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        unsigned before = row[0];
        row[0] = (unsigned)i;
        for (size_t k = 1; k <= length; k++) {
            unsigned change = before + (a[i - 1] != b[k - 1]);
            before = row[k];
            row[k] = least(change, least(row[k], row[k - 1]) + 1);
        }
    }
    return row[length];
}

const char *ctl_command_like(const char *name)
{
    const char *like = NULL;
    unsigned nearest = 3;
    if (strlen(name) > NAME_MAX_LENGTH)
        return NULL;
    for (size_t i = 0; i < COMMANDS; i++) {
        unsigned d = distance(name, commands[i].name);
        if (d < nearest && d < strlen(commands[i].name) / 2 + 1) {
            nearest = d;
            like = commands[i].name;
        }
    }
    return like;
}

static void help_program(void)
{
    printf("usage: ide-ctl [OPTION...] COMMAND [BDF] [OPTION...]\n\n"
           "Controls IDE streams, the link encryption of PCI Express, through ide-kmd.\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-9s %-20s %s\n", commands[i].name, commands[i].arguments, commands[i].help);
    printf("\nBDF is a root port or an endpoint, such as 0000:00:03.0 or 01:00.0.\n"
           "`ide-ctl COMMAND --help` tells what else a command takes.\n\n");
    ctl_help_options(ON_ALL);
    printf("\nExit status: 0 done, 1 failed, 2 wrong command line, 3 no controller.\n");
}

void ctl_help(const struct ctl_command *command)
{
    if (!command) {
        help_program();
        return;
    }
    printf("usage: ide-ctl %s %s\n\n%s\n", command->name, command->arguments, command->about);
    ctl_help_options(command->bit);
    ctl_help_options(ON_ALL);
    if (command->columns)
        command->columns();
}
