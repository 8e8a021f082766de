/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/ide-kmd/config_check.h"
#include "tools/ide-kmd/config_file.h"
#include "tools/ide-kmd/log.h"

static const char help_head[] =
    "usage: ide-kmd [OPTION...]\n"
    "\n"
    "Controls IDE streams: authenticates both ends over CMA/SPDM, gives them keys,\n"
    "and turns link encryption on and off. Serves ide-ctl; needs root.\n"
    "\n"
    "  --config FILE      the configuration, which has all options below without -- as keys,\n"
    "                     and says which device gets which streams, and what is done with\n"
    "                     them: ide-kmd.conf(5); an option counts more (default:\n"
    "                     " CONFIG_DEFAULT ", if it is there)\n"
    "  --check            say what is wrong with configuration and options, and end\n";

static const char help_tail[] =
    "  --help, --version\n"
    "\n"
    "Prints `ready` when it serves. On SIGTERM and SIGINT it turns all its streams off\n"
    "and exits 0; 1 says that it could not start, or that --check has found something,\n"
    "2 that the command line is wrong.\n";

#define HELP_COLUMN 21

/* What is not a setting. */
enum { OPTION_CONFIG = 256, OPTION_CHECK, OPTION_HELP, OPTION_VERSION, OPTION_SETTING };

#define OPTIONS_MAX 64

struct command_line {
    const char *config;
    bool check;
};

static void make_long_options(struct option options[OPTIONS_MAX])
{
    static const struct option own[] = {{"config", required_argument, NULL, OPTION_CONFIG},
                                        {"check", no_argument, NULL, OPTION_CHECK},
                                        {"help", no_argument, NULL, OPTION_HELP},
                                        {"version", no_argument, NULL, OPTION_VERSION}};
    size_t n = sizeof own / sizeof *own;
    memcpy(options, own, sizeof own);
    for (const struct setting *row = settings_table; row->name && n < OPTIONS_MAX - 1; row++)
        options[n++] = (struct option){row->name, row->argument ? required_argument : no_argument, NULL,
                                       OPTION_SETTING + (int)(row - settings_table)};
    options[n] = (struct option){0};
}

static void print_help(void)
{
    fputs(help_head, stdout);
    for (const struct setting *row = settings_table; row->name; row++) {
        int column =
            printf("  --%s%s%s", row->name, row->argument ? " " : "", row->argument ? row->argument : "");
        if (column > HELP_COLUMN - 1) {
            putchar('\n');
            column = 0;
        }
        for (const char *line = row->help; *line;) {
            int len = (int)strcspn(line, "\n");
            printf("%*s%.*s\n", HELP_COLUMN - column, "", len, line);
            column = 0;
            line += len + (line[len] == '\n');
        }
    }
    fputs(help_tail, stdout);
}

static enum options_result usage_error(const char *message, const char *argument)
{
    fprintf(stderr, "ide-kmd: %s%s\nTry `ide-kmd --help`.\n", message, argument);
    return OPTIONS_USAGE;
}

static enum options_result take_setting(const struct setting *row, struct controller_settings *settings)
{
    char error[SETTING_ERROR], message[SETTING_ERROR + 64];
    if (setting_set(settings, row, row->argument ? optarg : "yes", 0, error))
        return OPTIONS_RUN;
    (void)snprintf(message, sizeof message, "--%s%s", row->name, error);
    return usage_error(message, "");
}

static enum options_result take(int option, struct command_line *line, struct controller_settings *settings)
{
    switch (option) {
    case OPTION_CONFIG:
        line->config = optarg;
        return OPTIONS_RUN;
    case OPTION_CHECK:
        line->check = true;
        return OPTIONS_RUN;
    case OPTION_HELP:
        print_help();
        return OPTIONS_EXIT;
    case OPTION_VERSION:
        puts("ide-kmd " IDE_KM_VERSION);
        return OPTIONS_EXIT;
    case '?':
        fputs("Try `ide-kmd --help`.\n", stderr); /* getopt has said what is wrong */
        return OPTIONS_USAGE;
    default:
        return take_setting(&settings_table[option - OPTION_SETTING], settings);
    }
}

/* Adds the command line to the settings. */
static enum options_result take_all(int argc, char **argv, struct command_line *line,
                                    struct controller_settings *settings)
{
    struct option options[OPTIONS_MAX];
    int option;
    make_long_options(options);
    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        enum options_result result = take(option, line, settings);
        if (result != OPTIONS_RUN)
            return result;
    }
    return optind < argc ? usage_error("an argument that means nothing: ", argv[optind]) : OPTIONS_RUN;
}

static void say(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "ide-kmd: %s\n", text);
}

static void warn(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "ide-kmd: warning: %s\n", text);
}

/* The file, the command line over it, and whether that goes together. */
static enum options_result read_all(int argc, char **argv, struct command_line *line,
                                    struct controller_settings *settings, struct problems *problems)
{
    char error[SETTING_ERROR];
    const char *path = line->config                        ? line->config
                       : access(CONFIG_DEFAULT, F_OK) == 0 ? CONFIG_DEFAULT
                                                           : NULL;
    bool ok = !path || config_load(path, settings, problems);
    settings->file = path;
    enum options_result result = take_all(argc, argv, line, settings);
    if (result != OPTIONS_RUN)
        return result;
    const struct setting *row = settings_contradiction(settings, error);
    unsigned at = row ? setting_line(settings, row) : 0;
    if (row && at == 0)
        return usage_error(error, "");
    if (row)
        problem_add(problems, at, "%s", error);
    const struct rules_surroundings around = {.has_identity = settings->spdm.identity != NULL,
                                              .has_reference = settings->reference != NULL,
                                              .has_state = settings_state(settings) != NULL,
                                              .no_sessions = settings->spdm.version_max < SPDM_VERSION_11,
                                              .no_watch = settings->watch.interval_ms == 0};
    rules_check(&settings->rules, &around, problems);
    return ok && problems->count == 0 ? OPTIONS_RUN : OPTIONS_WRONG;
}

struct problems options_problems(const struct controller_settings *settings)
{
    return (struct problems){.file = settings->file, .say = say, .warn = warn};
}

enum options_result options_parse(int argc, char **argv, struct controller_settings *settings, bool *check)
{
    struct command_line line = {0};
    struct problems problems = {.say = say, .warn = warn};
    /* First the command line alone: --help needs no file, and --config names it. */
    settings_init(settings);
    enum options_result result = take_all(argc, argv, &line, settings);
    *check = line.check;
    if (result != OPTIONS_RUN)
        return result;
    settings_release(settings);
    settings_init(settings);
    return read_all(argc, argv, &line, settings, &problems);
}

static void say_again(void *context, const char *text)
{
    (void)context;
    log_say(LOG_ERR, LOG_PLAIN, "%s", text);
}

static void warn_again(void *context, const char *text)
{
    (void)context;
    log_say(LOG_WARNING, LOG_PLAIN, "%s", text);
}

bool options_read_again(int argc, char **argv, struct controller_settings *settings)
{
    struct command_line line = {0};
    struct problems problems = {.say = say_again, .warn = warn_again};
    settings_init(settings);
    if (take_all(argc, argv, &line, settings) != OPTIONS_RUN)
        return false;
    settings_release(settings);
    settings_init(settings);
    return read_all(argc, argv, &line, settings, &problems) == OPTIONS_RUN &&
           config_check(settings, CONFIG_RELOAD, &problems);
}
