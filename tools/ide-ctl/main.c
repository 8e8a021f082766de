/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl: the command line of ide-kmd. A command is a row in commands.c and a file, an option a row in
 * options.c. */
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "tools/ide-ctl/ctl.h"

#define TIMEOUT_DEFAULT_MS 60000u

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

static enum ctl_status check_arguments(const struct ctl *ctl)
{
    const struct ctl_command *command = ctl->command;
    const struct ctl_option *misplaced = ctl_misplaced_option(ctl);
    const char *wrong = ctl_cxl_wrong(ctl);
    if (misplaced)
        return ctl_usage(command, "no --%s is taken by %s", misplaced->name, command->name);
    if (wrong)
        return ctl_usage(command, "%s%s", wrong, command->name);
    if (command->bdf == CTL_MUST && !ctl->has_bdf)
        return ctl_usage(command, "which port? usage: ide-ctl %s %s", command->name, command->arguments);
    if (command->bdf == CTL_NOTHING && ctl->has_bdf)
        return ctl_usage(command, "no port is taken by %s", command->name);
    if (command->stream == CTL_MUST && !ctl->has_stream && !ctl->cxl)
        return ctl_usage(command, "which stream? --stream N is needed by %s", command->name);
    if (ctl->has_stream && !ctl->has_bdf)
        return ctl_usage(command, "--stream needs a port: %s", command->name);
    if (ctl->json && (ctl->columns || ctl->no_headings || ctl->watch))
        return ctl_usage(command, "--output, --noheadings and --watch are about tables, not about --json");
    return CTL_DONE;
}

static enum ctl_status take_words(int argc, char **argv, struct ctl *ctl)
{
    const struct ctl_command *command = ctl->command;
    if (command->bdf == CTL_WORD) {
        ctl->word = argc > 0 ? argv[0] : NULL;
        if (!ctl->word)
            return ctl_usage(command, "which one? usage: ide-ctl %s %s", command->name, command->arguments);
    } else if (argc > 0 && !parse_bdf(argv[0], ctl))
        return ctl_usage(command, "no address of a PCI function, such as 0000:00:03.0: %s", argv[0]);
    if (argc > 1)
        return ctl_usage(command, "an argument too many: %s", argv[1]);
    return check_arguments(ctl);
}

static enum ctl_status no_command(const char *name)
{
    const char *like = ctl_command_like(name);
    return ctl_usage(NULL, "no such command: %s%s%s%s", name, like ? "; is it `" : "", like ? like : "",
                     like ? "`?" : "");
}

static enum ctl_status run(int argc, char **argv, struct ctl *ctl)
{
    if (ctl->version) {
        puts("ide-ctl " IDE_KM_VERSION);
        return CTL_DONE;
    }
    ctl->command = argc > 0 ? ctl_command_find(argv[0]) : NULL;
    if (argc > 0 && !ctl->command)
        return no_command(argv[0]);
    if (ctl->help) {
        ctl_help(ctl->command);
        return CTL_DONE;
    }
    if (!ctl->command)
        return ctl_usage(NULL, "no command is given");
    enum ctl_status status = take_words(argc - 1, argv + 1, ctl);
    if (status != CTL_DONE)
        return status;
    status = ctl_take_keys(ctl);
    if (status != CTL_DONE)
        return status;
    return ctl->cxl ? command_cxl(ctl, ctl->command->name) : ctl->command->run(ctl);
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.endpoint = API_ENDPOINT_DEFAULT, .timeout_ms = TIMEOUT_DEFAULT_MS};
    setlocale(LC_ALL, ""); /* for the tree's lines */
    enum ctl_status status = ctl_take_options(argc, argv, &ctl);
    if (status == CTL_DONE)
        status = run(argc - optind, argv + optind, &ctl);
    json_decref(ctl.wish);
    ide_client_keys_wipe(&ctl.keys);
    return (int)status;
}
