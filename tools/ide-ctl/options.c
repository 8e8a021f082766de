/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which options there are: a row each. getopt's table, the help texts and what bash completes are made of
 * these rows. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/authorized.h"
#include "tools/common/duration.h"
#include "tools/ide-ctl/ctl.h"

static bool parse_number(const char *text, json_int_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

static bool take_connect(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)option;
    ctl->endpoint = argument;
    return true;
}

static bool take_json(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)option;
    (void)argument;
    ctl->json = true;
    return true;
}

static bool take_color(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    static const char *const names[] = {
        [COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"};
    (void)option;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], argument) == 0) {
            ctl->color = (enum ctl_color)i;
            return true;
        }
    return false;
}

static bool take_timeout(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)option;
    return duration_parse(argument, &ctl->timeout_ms);
}

/* Any whole number: which ones are allowed is the controller's to say. */
static bool take_stream(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)option;
    ctl->has_stream = true;
    return parse_number(argument, &ctl->stream);
}

static bool take_cxl(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)option;
    (void)argument;
    ctl->cxl = true;
    return true;
}

static bool take_mode(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)option;
    ctl->cxl_mode = argument;
    return strcmp(argument, "containment") == 0 || strcmp(argument, "skid") == 0;
}

static bool take_generate(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)option;
    (void)argument;
    ctl->cxl_generate = true;
    return true;
}

static bool take_measurement(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    struct ctl_measurements *m = &ctl->measurements;
    m->is_given = true;
    m->raw |= strcmp(option->name, "raw") == 0;
    m->is_unsigned |= strcmp(option->name, "unsigned") == 0;
    m->in_session |= strcmp(option->name, "in-session") == 0;
    m->mel |= strcmp(option->name, "mel") == 0;
    m->ide_km |= strcmp(option->name, "ide-km") == 0;
    return !option->argument || (parse_number(argument, &m->index) && m->index > 0);
}

static bool take_output(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)option;
    ctl->columns = argument;
    return true;
}

/* Of options that are a yes. */
static bool take_yes(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)argument;
    ctl->no_headings |= strcmp(option->name, "noheadings") == 0;
    ctl->watch |= strcmp(option->name, "watch") == 0;
    ctl->progress |= strcmp(option->name, "progress") == 0;
    return true;
}

static bool take_sysfs(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)option;
    ctl->sysfs = argument;
    return true;
}

static bool take_state(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)option;
    ctl->state = argument; /* which ones there are to wait for, command_wait() knows */
    return *argument != '\0';
}

static bool take_key_option(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    const struct {
        const char *name;
        const char **place;
    } texts[] = {{"name", &ctl->name},
                 {"list", &ctl->list},
                 {"key", &ctl->key_file},
                 {"server-key", &ctl->server_key}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].name, option->name) == 0)
            *texts[i].place = argument;
    ctl->read_only |= strcmp(option->name, "read-only") == 0;
    return true;
}

static bool take_help(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)argument;
    ctl->help |= strcmp(option->name, "help") == 0;
    ctl->version |= strcmp(option->name, "version") == 0;
    return true;
}

#define ON_TABLE  (ON_LIST | ON_SHOW | ON_ATTEST | ON_LOG)
#define ON_CHANGE (ON_ESTABLISH | ON_REKEY | ON_STOP)

static const struct ctl_option options[] = {
    {"stream", "N", ON_CHANGE | ON_WAIT | ON_LOG, take_stream, "is no number", NULL,
     "the stream's number, 0 to 254; establish takes the first free one"},
    {"output", "COLUMNS", ON_TABLE, take_output, NULL, NULL,
     "these columns: A,B,C; or +D,E besides the usual ones"},
    {"noheadings", NULL, ON_TABLE, take_yes, NULL, NULL, "no line of headings"},
    {"watch", NULL, ON_LIST, take_yes, NULL, NULL, "fill the terminal and follow what happens; q ends it"},
    {"progress", NULL, ON_CHANGE | ON_ATTEST, take_yes, NULL, NULL,
     "the steps on standard error, one a line, if that is no terminal"},
    {"state", "STATE", ON_WAIT | ON_LOG, take_state, "is empty", NULL,
     "wait: secure (the default), insecure, off, starting, wanted, quarantined; log: any, such as failed"},
    {"since", "TIME", ON_LOG, ctl_take_log_time, "is no time", NULL,
     "from then on: \"2026-11-30 17:00\", or how long ago: 10min, 2h, 3d"},
    {"until", "TIME", ON_LOG, ctl_take_log_time, "is no time", NULL, "up to then, likewise"},
    {"what", "WHAT", ON_LOG, ctl_take_log_word, "is empty", NULL,
     "only operation, step, stream, port, recovery, ..."},
    {"operation", "NAME", ON_LOG, ctl_take_log_word, "is empty", NULL,
     "only of establish, rekey, stop, watch, ..."},
    {"cause", "CAUSE", ON_LOG, ctl_take_log_word, "is empty", NULL,
     "only with this cause: timeout, ide_fail, ..."},
    {"asked-by", "WHO", ON_LOG, ctl_take_log_word, "is empty", NULL,
     "only what they asked for: policy, recovery, \"uid 0\", \"key laptop\""},
    {"failed", NULL, ON_LOG, ctl_take_log_switch, NULL, NULL, "only what failed: --state failed"},
    {"limit", "N", ON_LOG, ctl_take_log_number, "is no number from 1 on", NULL,
     "at most as many entries, up to 1000 (default: 200)"},
    {"cursor", "N", ON_LOG, ctl_take_log_number, "is no number", NULL,
     "those after the entry with this number; 0: from the first one on"},
    {"follow", NULL, ON_LOG, ctl_take_log_switch, NULL, NULL,
     "go on with what comes, until it is interrupted"},
    {"measurement", "N", ON_ATTEST, take_measurement, "is no number", NULL,
     "only this one, 1 to 254, instead of all"},
    {"raw", NULL, ON_ATTEST, take_measurement, NULL, NULL,
     "measurements as they are, instead of their digests"},
    {"unsigned", NULL, ON_ATTEST, take_measurement, NULL, NULL, "measurements without a signature"},
    {"in-session", NULL, ON_ATTEST, take_measurement, NULL, NULL, "ask for them in a secure session"},
    {"mel", NULL, ON_ATTEST, take_measurement, NULL, NULL, "the measurement extension log too"},
    {"ide-km", NULL, ON_ATTEST, take_measurement, NULL, NULL,
     "what it says of its IDE ports, in a secure session"},
    {"selective", NULL, ON_ESTABLISH, ctl_take_wish, NULL, "selective",
     "from root port to endpoint; so it is without --link"},
    {"link", NULL, ON_ESTABLISH, ctl_take_wish, NULL, "link",
     "on each link between them, or on the one link of a switch port"},
    {"tc", "N", ON_ESTABLISH, ctl_take_class, "takes a number", NULL,
     "its traffic class, 0 to 7 (default: 0)"},
    {"pcrc", NULL, ON_ESTABLISH, ctl_take_wish, NULL, "pcrc", "a checksum of each payload"},
    {"partial-header", "BITS", ON_ESTABLISH, ctl_take_header, "takes 17:2, 25:2, 33:2 or 41:2", NULL,
     "encrypt address bits 17:2, 25:2, 33:2 or 41:2"},
    {"aggregation", "MOST", ON_ESTABLISH, ctl_take_aggregation,
     "takes none, 2, 4 or 8, or pr=...,npr=...,cpl=... with these", NULL,
     "up to 2, 4 or 8 TLPs a MAC: 4, or pr=8,npr=none,cpl=2"},
    {"default", NULL, ON_ESTABLISH, ctl_take_wish, NULL, "default",
     "all that leaves the endpoint for the host"},
    {"tee-limited", NULL, ON_ESTABLISH, ctl_take_wish, NULL, "tee_limited", "nothing but what a TEE sends"},
    {"config-requests", NULL, ON_ESTABLISH, ctl_take_wish, NULL, "config_requests",
     "configuration requests too"},
    {"algorithm", "NAME", ON_ESTABLISH, ctl_take_algorithm, "takes AES-GCM-256", NULL, "AES-GCM-256"},
    {"cxl", NULL, ON_CHANGE, take_cxl, NULL, NULL, "the CXL.cachemem link of the port instead of a stream"},
    {"mode", "MODE", ON_ESTABLISH, take_mode, "is neither containment nor skid", NULL,
     "of --cxl: containment (the default) or skid"},
    {"generate", NULL, ON_ESTABLISH, take_generate, NULL, NULL,
     "of --cxl: the endpoint generates keys and IVs for what it sends"},
    {"sysfs", "DIR", ON_DOCTOR, take_sysfs, NULL, NULL,
     "where to look if no controller answers (default: /sys/bus/pci)"},
    {"read-only", NULL, ON_AUTHORIZE, take_key_option, NULL, NULL, "the key may look, and change nothing"},
    {"name", "NAME", ON_AUTHORIZE, take_key_option, NULL, NULL,
     "whose key it is, for the log and for revoke"},
    {"list", "FILE", ON_AUTHORIZE | ON_REVOKE, take_key_option, NULL, NULL,
     "the list (default: " AUTHORIZED_DEFAULT ")"},
    {"key", "FILE", ON_ALL, take_key_option, NULL, NULL, "our CURVE key pair, for tcp: `ide-ctl keygen`"},
    {"server-key", "KEY|FILE", ON_ALL, take_key_option, NULL, NULL, "the controller's public key, for tcp"},
    {"connect", "ENDPOINT", ON_ALL, take_connect, NULL, NULL,
     "where ide-kmd listens (default: " API_ENDPOINT_DEFAULT ")"},
    {"json", NULL, ON_ALL, take_json, NULL, NULL, "JSON on stdout, results and errors alike"},
    {"timeout", "TIME", ON_ALL, take_timeout, "is no time between 1 ms and an hour", NULL,
     "the most to wait: 5, 0.5s, 500ms (default: 60)"},
    {"color", "WHEN", ON_ALL, take_color, "is none of auto, always and never", NULL,
     "auto, always or never (default: auto, on a terminal)"},
    {"help", NULL, ON_ALL, take_help, NULL, NULL, "this, or of the command that is named"},
    {"version", NULL, ON_ALL, take_help, NULL, NULL, "the version"},
};

#define OPTIONS (sizeof options / sizeof *options)
_Static_assert(OPTIONS <= 64, "a bit each in ctl.given");
#define FIRST 256

enum ctl_status ctl_usage(const struct ctl_command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("ide-ctl: ", stderr);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nTry `ide-ctl %s%s--help`.\n", command ? command->name : "", command ? " " : "");
    va_end(arguments);
    return CTL_USAGE;
}

static enum ctl_status take(struct ctl *ctl, unsigned index)
{
    const struct ctl_option *option = &options[index];
    ctl->given |= 1ull << index;
    if (option->take(ctl, option, optarg))
        return CTL_DONE;
    return ctl_usage(NULL, "--%s %s: %s", option->name, option->wrong, optarg);
}

enum ctl_status ctl_take_options(int argc, char **argv, struct ctl *ctl)
{
    struct option table[OPTIONS + 1] = {0};
    for (unsigned i = 0; i < OPTIONS; i++)
        table[i] = (struct option){.name = options[i].name,
                                   .has_arg = options[i].argument ? required_argument : no_argument,
                                   .val = FIRST + (int)i};
    int value;
    while ((value = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (value < FIRST) {
            fputs("Try `ide-ctl --help`.\n", stderr); /* getopt has said what is wrong */
            return CTL_USAGE;
        }
        if (take(ctl, (unsigned)(value - FIRST)) != CTL_DONE)
            return CTL_USAGE;
    }
    return CTL_DONE;
}

const struct ctl_option *ctl_misplaced_option(const struct ctl *ctl)
{
    for (unsigned i = 0; i < OPTIONS; i++)
        if ((ctl->given & 1ull << i) && !(options[i].commands & ctl->command->bit))
            return &options[i];
    return NULL;
}

void ctl_help_options(unsigned command)
{
    char text[32];
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct ctl_option *o = &options[i];
        bool general = o->commands == (unsigned)ON_ALL;
        if (command == (unsigned)ON_ALL ? !general : general || !(o->commands & command))
            continue;
        snprintf(text, sizeof text, "--%s%s%s", o->name, o->argument ? " " : "",
                 o->argument ? o->argument : "");
        printf("  %-21s %s\n", text, o->help);
    }
}
