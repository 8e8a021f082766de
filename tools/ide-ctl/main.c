/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl: the command line of ide-kmd. A command is a row here and a file. */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/duration.h"
#include "tools/ide-ctl/ctl.h"

#define TIMEOUT_DEFAULT_MS 60000u

static const struct ctl_command commands[] = {
    {"list", command_list, CTL_NOTHING, CTL_NOTHING, CTL_NOTHING, "",
     "the ports, what they can do, their streams"},
    {"show", command_show, CTL_MAY, CTL_NOTHING, CTL_NOTHING, "[BDF]", "one port, or all streams"},
    {"attest", command_attest, CTL_MUST, CTL_NOTHING, CTL_NOTHING, "BDF", "have a device prove who it is"},
    {"establish", command_establish, CTL_MUST, CTL_MAY, CTL_MAY, "BDF [--stream N] ...", "bring a stream up"},
    {"rekey", command_rekey, CTL_MAY, CTL_MAY, CTL_NOTHING, "[BDF [--stream N]]",
     "new keys; for all streams if none is named"},
    {"stop", command_stop, CTL_MUST, CTL_MUST, CTL_NOTHING, "BDF --stream N", "turn a stream off"},
    {"monitor", command_monitor, CTL_NOTHING, CTL_NOTHING, CTL_NOTHING, "", "events as they come"},
};

enum {
    OPTION_CONNECT = 256,
    OPTION_JSON,
    OPTION_STREAM,
    OPTION_CXL,
    OPTION_MODE,
    OPTION_GENERATE,
    OPTION_TIMEOUT,
    OPTION_UNSIGNED,
    OPTION_RAW,
    OPTION_MEASUREMENT,
    OPTION_IN_SESSION,
    OPTION_MEL,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_WISH
};

static const struct option long_options[] = {
    {"connect", required_argument, NULL, OPTION_CONNECT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"stream", required_argument, NULL, OPTION_STREAM},
    {"cxl", no_argument, NULL, OPTION_CXL},
    {"mode", required_argument, NULL, OPTION_MODE},
    {"generate", no_argument, NULL, OPTION_GENERATE},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"unsigned", no_argument, NULL, OPTION_UNSIGNED},
    {"raw", no_argument, NULL, OPTION_RAW},
    {"measurement", required_argument, NULL, OPTION_MEASUREMENT},
    {"in-session", no_argument, NULL, OPTION_IN_SESSION},
    {"mel", no_argument, NULL, OPTION_MEL},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"link", no_argument, NULL, OPTION_WISH},
    {"selective", no_argument, NULL, OPTION_WISH},
    {"tc", required_argument, NULL, OPTION_WISH},
    {"pcrc", no_argument, NULL, OPTION_WISH},
    {"partial-header", required_argument, NULL, OPTION_WISH},
    {"aggregation", required_argument, NULL, OPTION_WISH},
    {"default", no_argument, NULL, OPTION_WISH},
    {"tee-limited", no_argument, NULL, OPTION_WISH},
    {"config-requests", no_argument, NULL, OPTION_WISH},
    {"algorithm", required_argument, NULL, OPTION_WISH},
    {0},
};

static void print_help(void)
{
    printf("usage: ide-ctl [OPTION...] COMMAND\n\n"
           "Controls IDE streams, the link encryption of PCI Express, through ide-kmd.\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        printf("  %-9s %-19s %s\n", commands[i].name, commands[i].arguments, commands[i].help);
    printf("\n"
           "BDF is a root port or an endpoint, such as 0000:00:03.0 or 01:00.0.\n\n"
           "  --connect ENDPOINT  where ide-kmd listens (default: " API_ENDPOINT_DEFAULT ")\n"
           "  --json              JSON on stdout, results and errors alike\n"
           "  --stream N          the stream's number, 0 to 254; establish takes the first free one\n"
           "  --cxl               establish, rekey or stop the CXL.cachemem link of the port instead\n"
           "  --mode MODE         of establish --cxl: containment (the default) or skid\n"
           "  --generate          of establish --cxl: the endpoint generates keys and IVs for what it sends\n"
           "  --timeout TIME      the most to wait for the controller: 5, 0.5, 500ms (default: 60)\n"
           "  --measurement N     attest: only this one, 1 to 254, instead of all\n"
           "  --raw               attest: measurements as they are, instead of their digests\n"
           "  --unsigned          attest: measurements without a signature\n"
           "  --in-session        attest: ask for them in a secure session\n"
           "  --mel               attest: the measurement extension log too\n"
           "  --help, --version\n\n"
           "What establish asks of a stream; where an end cannot do it, it is refused:\n\n"
           "  --selective         from root port to endpoint; so it is without --link\n"
           "  --link              on each link between them, or on the one link of a switch port\n"
           "  --tc N              its traffic class, 0 to 7 (default: 0)\n"
           "  --pcrc              a checksum of each payload\n"
           "  --partial-header M  encrypt address bits 17:2, 25:2, 33:2 or 41:2\n"
           "  --aggregation A     up to 2, 4 or 8 TLPs a MAC: 4, or pr=8,npr=none,cpl=2\n"
           "  --default           all that leaves the endpoint for the host\n"
           "  --tee-limited       nothing but what a TEE sends\n"
           "  --config-requests   configuration requests too\n"
           "  --algorithm NAME    AES-GCM-256\n\n"
           "Exit status: 0 done, 1 failed, 2 wrong command line, 3 no controller.\n");
}

static int usage_error(const char *message, const char *argument)
{
    fprintf(stderr, "ide-ctl: %s%s\nTry `ide-ctl --help`.\n", message, argument);
    return CTL_USAGE;
}

/* Any whole number: which ones are allowed is the controller's to say. */
static bool parse_stream(const char *text, struct ctl *ctl)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return false;
    ctl->stream = number;
    ctl->has_stream = true;
    return true;
}

static bool parse_measurement(const char *text, struct ctl *ctl)
{
    char *end;
    errno = 0;
    ctl->measurements.index = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && ctl->measurements.index > 0;
}

/* Of attest alone. */
static int take_measurement_option(int option, struct ctl *ctl)
{
    ctl->measurements.is_given = true;
    if (option == OPTION_MEASUREMENT && !parse_measurement(optarg, ctl))
        return usage_error("--measurement is no number: ", optarg);
    ctl->measurements.is_unsigned |= option == OPTION_UNSIGNED;
    ctl->measurements.raw |= option == OPTION_RAW;
    ctl->measurements.in_session |= option == OPTION_IN_SESSION;
    ctl->measurements.mel |= option == OPTION_MEL;
    return CTL_DONE;
}

/* As lspci prints it, with or without the domain. */
static bool parse_bdf(const char *text, struct ctl *ctl)
{
    char full[32];
    struct pcie_bdf bdf;
    const char *colon = strchr(text, ':');
    int n = snprintf(full, sizeof full, "%s%s", colon && !strchr(colon + 1, ':') ? "0000:" : "", text);
    if (n < 0 || (size_t)n >= sizeof full || pcie_bdf_parse(full, &bdf) != IDE_OK)
        return false;
    pcie_bdf_format(&bdf, ctl->bdf);
    ctl->has_bdf = true;
    return true;
}

static int take_wish(int option, int index, struct ctl *ctl)
{
    if (option != OPTION_WISH)
        return CTL_DONE;
    const char *wanted = ctl_take_wish(ctl, long_options[index].name, optarg);
    if (!wanted)
        return CTL_DONE;
    fprintf(stderr, "ide-ctl: --%s takes %s%s\nTry `ide-ctl --help`.\n", long_options[index].name, wanted,
            optarg);
    return CTL_USAGE;
}

/* CTL_DONE to go on; -1 if the option was answered and all is done. */
static int take_option(int option, struct ctl *ctl)
{
    switch (option) {
    case OPTION_CONNECT:
        ctl->endpoint = optarg;
        return CTL_DONE;
    case OPTION_JSON:
        ctl->json = true;
        return CTL_DONE;
    case OPTION_STREAM:
        return parse_stream(optarg, ctl) ? CTL_DONE : usage_error("--stream is no number: ", optarg);
    case OPTION_CXL:
        ctl->cxl = true;
        return CTL_DONE;
    case OPTION_MODE:
        ctl->cxl_mode = optarg;
        return strcmp(optarg, "containment") == 0 || strcmp(optarg, "skid") == 0
                   ? CTL_DONE
                   : usage_error("--mode is neither containment nor skid: ", optarg);
    case OPTION_GENERATE:
        ctl->cxl_generate = true;
        return CTL_DONE;
    case OPTION_TIMEOUT:
        return duration_parse(optarg, &ctl->timeout_ms)
                   ? CTL_DONE
                   : usage_error("--timeout is no time between 1 ms and an hour: ", optarg);
    case OPTION_UNSIGNED:
    case OPTION_RAW:
    case OPTION_MEASUREMENT:
    case OPTION_IN_SESSION:
    case OPTION_MEL:
        return take_measurement_option(option, ctl);
    case OPTION_HELP:
        print_help();
        return -1;
    case OPTION_VERSION:
        puts("ide-ctl " IDE_KM_VERSION);
        return -1;
    case OPTION_WISH:
        return CTL_DONE; /* take_wish() */
    default:
        fputs("Try `ide-ctl --help`.\n", stderr); /* getopt has said what is wrong */
        return CTL_USAGE;
    }
}

static const struct ctl_command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int check_arguments(const struct ctl_command *command, const struct ctl *ctl)
{
    if (command->bdf == CTL_MUST && !ctl->has_bdf)
        return usage_error("which port? usage: ide-ctl ", command->name);
    if (command->bdf == CTL_NOTHING && ctl->has_bdf)
        return usage_error("no port is taken by ", command->name);
    if (command->stream == CTL_MUST && !ctl->has_stream)
        return usage_error("which stream? --stream N is needed by ", command->name);
    if (command->stream == CTL_NOTHING && ctl->has_stream)
        return usage_error("no --stream is taken by ", command->name);
    if (command->wish == CTL_NOTHING && ctl->wish)
        return usage_error("what is asked of a stream is for establish, not for ", command->name);
    if (ctl->measurements.is_given && command->run != command_attest)
        return usage_error("measurements are for attest, not for ", command->name);
    if (ctl->has_stream && !ctl->has_bdf)
        return usage_error("--stream needs a port: ", command->name);
    return CTL_DONE;
}

static int run_command(int argc, char **argv, struct ctl *ctl)
{
    if (argc == 0)
        return usage_error("no command is given", "");
    const struct ctl_command *command = find_command(argv[0]);
    if (!command)
        return usage_error("no such command: ", argv[0]);
    if (argc > 1 && !parse_bdf(argv[1], ctl))
        return usage_error("no address of a PCI function, such as 0000:00:03.0: ", argv[1]);
    if (argc > 2)
        return usage_error("an argument too many: ", argv[2]);
    const char *wrong = ctl_cxl_wrong(ctl, command->name);
    if (wrong)
        return usage_error(wrong, command->name);
    if (ctl->cxl)
        return (int)command_cxl(ctl, command->name);
    int status = check_arguments(command, ctl);
    return status == CTL_DONE ? (int)command->run(ctl) : status;
}

static int take_options(int argc, char **argv, struct ctl *ctl)
{
    int option, index, status = CTL_DONE;
    while (status == CTL_DONE && (option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        status = take_option(option, ctl);
        if (status == CTL_DONE)
            status = take_wish(option, index, ctl);
    }
    return status;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.endpoint = API_ENDPOINT_DEFAULT, .timeout_ms = TIMEOUT_DEFAULT_MS};
    setlocale(LC_ALL, ""); /* for the tree's lines */
    int status = take_options(argc, argv, &ctl);
    if (status == CTL_DONE)
        status = run_command(argc - optind, argv + optind, &ctl);
    else if (status < 0)
        status = CTL_DONE;
    json_decref(ctl.wish);
    return status;
}
