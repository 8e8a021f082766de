/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl establish, rekey and stop with --cxl: the IDE of a CXL.cachemem link. */
#include <stdio.h>
#include <string.h>

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"

static void print_end(const json_t *end)
{
    printf("    %-9s %s: receives %s, sends %s",
           strcmp(text_of(end, "role"), "endpoint") == 0 ? "endpoint" : "root port", text_of(end, "bdf"),
           text_of(end, "rx"), text_of(end, "tx"));
    if (number_of(end, "error") != 0)
        printf(", error %lld", number_of(end, "error"));
    putchar('\n');
}

void print_cxl_links(const json_t *links)
{
    size_t i, k;
    json_t *link, *end;
    json_array_foreach(links, i, link)
    {
        printf("  CXL link, root port %s, endpoint %s: %s, %s mode, keys from the %s, %lld times renewed\n",
               text_of(link, "root_port"), text_of(link, "endpoint"), state_text(text_of(link, "state")),
               text_of(link, "mode"), text_of(link, "keys_from"), number_of(link, "rekeys"));
        json_array_foreach(json_object_get(link, "ends"), k, end)
        {
            print_end(end);
        }
    }
}

static void print_change(const json_t *link, const char *what)
{
    printf("The CXL link %s: root port %s, endpoint %s, %s mode, keys from the %s.\n", what,
           text_of(link, "root_port"), text_of(link, "endpoint"), text_of(link, "mode"),
           text_of(link, "keys_from"));
    print_notes(stdout, link);
}

static void print_up(const json_t *link)
{
    print_change(link, strcmp(text_of(link, "state"), "secure") == 0 ? "is Secure" : "is Insecure");
}

static void print_rekeyed(const json_t *link)
{
    print_change(link, "has new keys");
}

static void print_off(const json_t *link)
{
    print_change(link, "is off");
}

static const struct {
    const char *command;
    enum api_verb verb;
    void (*print)(const json_t *result);
} rows[] = {
    {"establish", API_CXL_ESTABLISH, print_up},
    {"rekey", API_CXL_REKEY, print_rekeyed},
    {"stop", API_CXL_STOP, print_off},
};

const char *ctl_cxl_wrong(const struct ctl *ctl)
{
    if (!ctl->cxl && (ctl->cxl_mode || ctl->cxl_generate))
        return "--mode and --generate are about a CXL link and need --cxl: ";
    if (ctl->cxl && !ctl->has_bdf)
        return "which port? --cxl needs one: ";
    return ctl->cxl && ctl->has_stream ? "a CXL link has no --stream: " : NULL;
}

enum ctl_status command_cxl(const struct ctl *ctl, const char *command)
{
    size_t i = 0;
    while (strcmp(rows[i].command, command) != 0)
        i++;
    return ctl_call(ctl, rows[i].verb, true, rows[i].print);
}
