/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl attest: does the device prove that it is who it says it is. */
#include <stdio.h>
#include <time.h>

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"

static void print(const json_t *result)
{
    char date[32] = "-";
    time_t end = (time_t)number_of(result, "not_after");
    struct tm tm;
    if (gmtime_r(&end, &tm))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", &tm);
    printf("%s has proved its identity.\n", text_of(result, "device"));
    printf("  Name: %s%s\n", text_of(result, "cma_name"),
           json_is_true(json_object_get(result, "has_cma_name"))
               ? ""
               : " (in config space; its certificate has none)");
    printf("  Certificates: %lld, valid until %s\n  ", number_of(result, "certificates"), date);
    print_algorithms(stdout, result);
    putchar('\n');
}

enum ctl_status command_attest(const struct ctl *ctl)
{
    return ctl_call(ctl, API_ATTEST, true, print);
}
