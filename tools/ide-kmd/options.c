/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/options.h"

#include <getopt.h>
#include <stdio.h>

#include "root_port/doe_mailbox.h"
#include "tools/common/duration.h"

#define TRUST_DEFAULT "/etc/ide-kmd/trust"

static const char help[] =
    "usage: ide-kmd [OPTION...]\n"
    "\n"
    "Controls IDE streams: authenticates both ends over CMA/SPDM, gives them keys,\n"
    "and turns link encryption on and off. Serves ide-ctl; needs root.\n"
    "\n"
    "  --sysfs DIR        the tree that libpci reads (default: /sys/bus/pci)\n"
    "  --listen ENDPOINT  where ide-ctl connects: ipc://PATH, or tcp://127.0.0.1:PORT\n"
    "                     (default: " API_ENDPOINT_DEFAULT ")\n"
    "  --trust DIR        folder of the root certificates that are trusted, *.pem, *.crt,\n"
    "                     *.cer or *.der (default: " TRUST_DEFAULT ")\n"
    "  --allow-unnamed    accept a certificate without any CMA name; one that names\n"
    "                     another device is never accepted\n"
    "  --allow-wrong-bdf  accept a device whose IDE_KM answer names another function,\n"
    "                     and say so; its certificate must name it all the same\n"
    "  --provider [BDF=]WHO  what gives root ports, or this one, their keys: doe, their own\n"
    "                     mailbox; kcu, the Intel Key Configuration Unit that firmware names;\n"
    "                     rot, the root of trust that --rot names; or auto, the first that\n"
    "                     there is of unit, mailbox and root of trust (default: auto)\n"
    "  --rot BDF          a function whose IDE_KM answers for root ports by port index\n"
    "  --keyp FILE        the ACPI table that names the units (default: with --sysfs\n"
    "                     DIR/firmware/acpi/tables/KEYP, else that in /sys)\n"
    "  --memory FILE      physical memory, for the units' registers (default: with --sysfs\n"
    "                     DIR/mem, else /dev/mem)\n"
    "  --timeout TIME     the most that a device may take for one answer, and a stream\n"
    "                     for becoming Secure: 2, 0.5, 500ms (default: 1)\n"
    "  --reference PATH   what devices are expected to measure: a JSON file, or a folder of\n"
    "                     them; attest compares, and fails if something differs\n"
    "  --require-reference\n"
    "                     no stream with an endpoint that does not measure what is expected,\n"
    "                     or of which nothing is\n"
    "  --spdm-versions VERSIONS\n"
    "                     the versions of SPDM to speak: 1.2, or 1.1-1.3 (default: 1.0-1.4;\n"
    "                     the highest that the device has too is used, and sessions, and so\n"
    "                     streams, need 1.1)\n"
    "  --secured-versions VERSIONS\n"
    "                     the same of secured messages (default: 1.0-1.2)\n"
    "  --algorithms LIST  the algorithms to use, the most wanted first: signatures, hashes,\n"
    "                     key exchanges and ciphers, such as \"ECDSA P-384, SHA-384\"; a kind\n"
    "                     that is not named stays as PCIe CMA and IDE ask for; `all`\n"
    "  --strength BITS    the least security of each (default: 128)\n"
    "  --identity CERTIFICATES,KEY\n"
    "                     who the controller is, for devices that ask: a chain, the root's\n"
    "                     first, and the last one's private key, all PEM\n"
    "  --identity-is-provisioned\n"
    "                     devices that ask have its public key already\n"
    "  --psk FILE         pre-shared keys: lines of BDF, hint and key in hexadecimal digits\n"
    "  --public-keys DIR  devices' public keys, BDF.pem, for those without certificates\n"
    "  --handshake-in-the-clear\n"
    "                     for devices that want it so\n"
    "  --help, --version\n"
    "\n"
    "Prints `ready` when it serves. On SIGTERM and SIGINT it turns all its streams off\n"
    "and exits 0; 1 says that it could not start, 2 that the command line is wrong.\n";

enum {
    OPTION_SYSFS = 256,
    OPTION_LISTEN,
    OPTION_TRUST,
    OPTION_UNNAMED,
    OPTION_WRONG_BDF,
    OPTION_PROVIDER,
    OPTION_ROT,
    OPTION_KEYP,
    OPTION_MEMORY,
    OPTION_TIMEOUT,
    OPTION_REFERENCE,
    OPTION_REQUIRE_REFERENCE,
    OPTION_SPDM, /* by its name: spdm_options_set() */
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"sysfs", required_argument, NULL, OPTION_SYSFS},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"trust", required_argument, NULL, OPTION_TRUST},
    {"allow-unnamed", no_argument, NULL, OPTION_UNNAMED},
    {"allow-wrong-bdf", no_argument, NULL, OPTION_WRONG_BDF},
    {"provider", required_argument, NULL, OPTION_PROVIDER},
    {"rot", required_argument, NULL, OPTION_ROT},
    {"keyp", required_argument, NULL, OPTION_KEYP},
    {"memory", required_argument, NULL, OPTION_MEMORY},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"reference", required_argument, NULL, OPTION_REFERENCE},
    {"require-reference", no_argument, NULL, OPTION_REQUIRE_REFERENCE},
    {"spdm-versions", required_argument, NULL, OPTION_SPDM},
    {"secured-versions", required_argument, NULL, OPTION_SPDM},
    {"algorithms", required_argument, NULL, OPTION_SPDM},
    {"strength", required_argument, NULL, OPTION_SPDM},
    {"handshake-in-the-clear", no_argument, NULL, OPTION_SPDM},
    {"identity", required_argument, NULL, OPTION_SPDM},
    {"identity-is-provisioned", no_argument, NULL, OPTION_SPDM},
    {"psk", required_argument, NULL, OPTION_SPDM},
    {"public-keys", required_argument, NULL, OPTION_SPDM},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

static enum options_result usage_error(const char *message, const char *argument)
{
    fprintf(stderr, "ide-kmd: %s%s\nTry `ide-kmd --help`.\n", message, argument);
    return OPTIONS_USAGE;
}

static enum options_result take_spdm(const char *name, struct spdm_options *spdm)
{
    char error[SPDM_OPTIONS_ERROR], message[SPDM_OPTIONS_ERROR + 64];
    if (spdm_options_set(spdm, name, optarg ? optarg : "yes", error, sizeof error))
        return OPTIONS_RUN;
    (void)snprintf(message, sizeof message, "--%s: %s", name, error);
    return usage_error(message, "");
}

static enum options_result take(int option, const char *name, struct controller_settings *settings)
{
    switch (option) {
    case OPTION_SYSFS:
        settings->sysfs = optarg;
        return OPTIONS_RUN;
    case OPTION_LISTEN:
        settings->listen = optarg;
        return OPTIONS_RUN;
    case OPTION_TRUST:
        settings->trust = optarg;
        return OPTIONS_RUN;
    case OPTION_UNNAMED:
        settings->name_rule = CMA_NAME_IF_PRESENT;
        return OPTIONS_RUN;
    case OPTION_WRONG_BDF:
        settings->allow_wrong_bdf = true;
        return OPTIONS_RUN;
    case OPTION_PROVIDER:
        if (provider_settings_parse(&settings->provider, optarg) == IDE_OK)
            return OPTIONS_RUN;
        return usage_error("--provider is none of auto, doe, kcu, rot, nor one root port's BDF=WHO: ",
                           optarg);
    case OPTION_ROT:
        settings->provider.has_rot = pcie_bdf_parse(optarg, &settings->provider.rot) == IDE_OK;
        if (settings->provider.has_rot)
            return OPTIONS_RUN;
        return usage_error("--rot is no function like 0000:00:1f.0: ", optarg);
    case OPTION_KEYP:
        settings->provider.keyp = optarg;
        return OPTIONS_RUN;
    case OPTION_MEMORY:
        settings->provider.memory = optarg;
        return OPTIONS_RUN;
    case OPTION_TIMEOUT:
        if (duration_parse(optarg, &settings->timeout_ms))
            return OPTIONS_RUN;
        return usage_error("--timeout is no time between 1 ms and an hour: ", optarg);
    case OPTION_REFERENCE:
        settings->reference = optarg;
        return OPTIONS_RUN;
    case OPTION_REQUIRE_REFERENCE:
        settings->require_reference = true;
        return OPTIONS_RUN;
    case OPTION_SPDM:
        return take_spdm(name, &settings->spdm);
    case OPTION_HELP:
        fputs(help, stdout);
        return OPTIONS_EXIT;
    case OPTION_VERSION:
        puts("ide-kmd " IDE_KM_VERSION);
        return OPTIONS_EXIT;
    default:
        fputs("Try `ide-kmd --help`.\n", stderr); /* getopt has said what is wrong */
        return OPTIONS_USAGE;
    }
}

enum options_result options_parse(int argc, char **argv, struct controller_settings *settings)
{
    int option, index = 0;
    char error[SPDM_OPTIONS_ERROR];
    *settings = (struct controller_settings){
        .listen = API_ENDPOINT_DEFAULT,
        .trust = TRUST_DEFAULT,
        .name_rule = CMA_NAME_REQUIRED,
        .timeout_ms = DOE_TIMEOUT_MS,
        .spdm = spdm_options_default,
    };
    optind = 1;
    while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        enum options_result result = take(option, long_options[index].name, settings);
        if (result != OPTIONS_RUN)
            return result;
    }
    if (optind < argc)
        return usage_error("an argument that means nothing: ", argv[optind]);
    if (settings->require_reference && !settings->reference)
        return usage_error("--require-reference needs --reference", "");
    if (!spdm_options_check(&settings->spdm, error, sizeof error))
        return usage_error(error, "");
    return OPTIONS_RUN;
}
