/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/ide-emu/fault.h"

enum option_code {
    OPTION_HELP = 'h',
    OPTION_VERBOSE = 'v',
    OPTION_VERSION = 256,
    OPTION_MOUNT,
    OPTION_PLATFORM,
    OPTION_IDENTITY,
    OPTION_MAKE_IDENTITIES,
    OPTION_CONTROL,
    OPTION_CONFIG_SOCKET,
    OPTION_PCAP,
    OPTION_LINK_LOG,
    OPTION_TRACE,
    OPTION_SPDM,
    OPTION_BRIDGE,
    OPTION_MISBEHAVE,
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"mount", required_argument, NULL, OPTION_MOUNT},
    {"platform", required_argument, NULL, OPTION_PLATFORM},
    {"identity", required_argument, NULL, OPTION_IDENTITY},
    {"make-identities", required_argument, NULL, OPTION_MAKE_IDENTITIES},
    {"control", required_argument, NULL, OPTION_CONTROL},
    {"config-socket", required_argument, NULL, OPTION_CONFIG_SOCKET},
    {"pcap", required_argument, NULL, OPTION_PCAP},
    {"link-log", required_argument, NULL, OPTION_LINK_LOG},
    {"trace", required_argument, NULL, OPTION_TRACE},
    {"spdm", required_argument, NULL, OPTION_SPDM},
    {"bridge", required_argument, NULL, OPTION_BRIDGE},
    {"misbehave", required_argument, NULL, OPTION_MISBEHAVE},
    {NULL, 0, NULL, 0},
};

static void print_help(void)
{
    fputs("usage: ide-emu [--mount DIR] [--spdm BDF=PORT]... [--config-socket SOCKET] [OPTION]...\n"
          "       ide-emu --make-identities DIR [--platform FILE]\n"
          "\n"
          "Emulates PCI Express root ports, switches and endpoints with DOE, SPDM and IDE.\n"
          "Prints the line `ready` when it serves; SIGTERM ends it. See ide-emu(1).\n"
          "\n"
          "  --mount DIR              show the functions there as in /sys/bus/pci\n"
          "  --spdm BDF=PORT          take the function's data objects on 127.0.0.1:PORT,\n"
          "                           as QEMU and DMTF's spdm-emu send them; 0: any port\n"
          "  --bridge BDF=HOST:PORT   let an external responder answer them\n"
          "  --config-socket SOCKET   take register accesses on a UNIX socket, from a QEMU with\n"
          "                           tests/qemu/patches\n"
          "  --platform FILE          what to emulate (JSON); default: two root ports,\n"
          "                           a switch, three endpoints\n"
          "  --identity DIR           keep the devices' certificates there; the root to\n"
          "                           trust is DIR/trust/root.pem\n"
          "  --make-identities DIR    only make them\n"
          "  --control SOCKET         take orders on a UNIX socket\n"
          "  --pcap FILE              write what goes over the links there\n"
          "  --link-log FILE          the same as text\n"
          "  --trace FILE             write down what software does to streams: register\n"
          "                           writes and IDE_KM messages\n"
          "  --misbehave BDF=FAULT[=VALUE][:COUNT]\n"
          "                           see below\n"
          "  -v, --verbose            tell on stderr what devices refuse\n"
          "  -h, --help               this text\n"
          "  --version                the version\n"
          "\n"
          "Faults, and their default VALUE:\n",
          stdout);
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        printf("  %-27s %s", fault_table[i].name, fault_table[i].help);
        if (fault_table[i].value)
            printf(" [%u]", fault_table[i].value);
        putchar('\n');
    }
}

static bool wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool wrong(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("ide-emu: ", stderr);
    vfprintf(stderr, format, args);
    fputs("; try ide-emu --help\n", stderr);
    va_end(args);
    return false;
}

/* Splits BDF=VALUE; argv's text is cut at the equals sign, as ps then shows it. */
static bool add_binding(struct option_bindings *b, char *text, const char *option)
{
    char *value = strchr(text, '=');
    if (b->count == OPTION_BINDINGS_MAX)
        return wrong("--%s: given more than %u times", option, OPTION_BINDINGS_MAX);
    if (!value || value[1] == '\0')
        return wrong("--%s %s: is not BDF=...", option, text);
    *value = '\0';
    struct option_binding *binding = &b->list[b->count];
    if (pcie_bdf_parse(text, &binding->bdf) != IDE_OK)
        return wrong("--%s: '%s' is no function like 0000:01:00.0", option, text);
    binding->value = value + 1;
    b->count++;
    return true;
}

static bool take(struct options *o, int code)
{
    switch (code) {
    case OPTION_MOUNT:
        o->mount = optarg;
        return true;
    case OPTION_PLATFORM:
        o->platform = optarg;
        return true;
    case OPTION_IDENTITY:
        o->identity = optarg;
        return true;
    case OPTION_MAKE_IDENTITIES:
        o->make_identities = optarg;
        return true;
    case OPTION_CONTROL:
        o->control = optarg;
        return true;
    case OPTION_CONFIG_SOCKET:
        o->config_socket = optarg;
        return true;
    case OPTION_PCAP:
        o->pcap = optarg;
        return true;
    case OPTION_LINK_LOG:
        o->link_log = optarg;
        return true;
    case OPTION_TRACE:
        o->trace = optarg;
        return true;
    case OPTION_SPDM:
        return add_binding(&o->spdm, optarg, "spdm");
    case OPTION_BRIDGE:
        return add_binding(&o->bridge, optarg, "bridge");
    case OPTION_MISBEHAVE:
        return add_binding(&o->misbehave, optarg, "misbehave");
    case OPTION_VERBOSE:
        o->verbose = true;
        return true;
    default: /* getopt has said what is wrong */
        return false;
    }
}

enum options_result options_parse(struct options *o, int argc, char **argv)
{
    int code;
    *o = (struct options){0};
    while ((code = getopt_long(argc, argv, "hv", long_options, NULL)) != -1) {
        if (code == OPTION_HELP) {
            print_help();
            return OPTIONS_DONE;
        }
        if (code == OPTION_VERSION) {
            puts("ide-emu " IDE_KM_VERSION);
            return OPTIONS_DONE;
        }
        if (!take(o, code))
            return OPTIONS_USAGE;
    }
    if (optind < argc) {
        wrong("'%s' is not expected", argv[optind]);
        return OPTIONS_USAGE;
    }
    if (!o->mount && !o->config_socket && o->spdm.count == 0 && !o->make_identities) {
        wrong("neither --mount nor --spdm nor --config-socket is given");
        return OPTIONS_USAGE;
    }
    return OPTIONS_RUN;
}
