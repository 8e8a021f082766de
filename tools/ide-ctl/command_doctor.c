/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl doctor: why IDE can or cannot come up here. Without a controller it says what it can see by itself.
 */
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>

#include "tools/common/checkup.h"
#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"
#include "tools/ide-ctl/terminal.h"

/* ---- what ide-ctl looks at itself ------------------------------------------------ */

static const struct checkup_row *const platform_checks[] = {
    &checkup_function, &checkup_type,   &checkup_path, &checkup_flow_through, &checkup_ide, &checkup_blocks,
    &checkup_mailbox,  &checkup_kernel, NULL,
};

static void add(json_t *list, const char *name, const char *text, enum finding finding, const char *found,
                const char *hint)
{
    json_array_append_new(list, checkup_line(name, text, finding, NULL, found, hint));
}

/* A clock that nobody sets right drifts until no certificate is valid. */
static void check_clock(json_t *list)
{
    struct timex t = {0};
    int state = adjtimex(&t);
    if (state >= 0 && (state == TIME_ERROR || (t.status & STA_UNSYNC)))
        add(list, "synchronized", "the clock", FINDING_WARNING, "nothing keeps it right",
            "have NTP set it: `timedatectl` says whether it does");
    else if (state >= 0)
        add(list, "synchronized", "the clock", FINDING_OK, "it is kept right", NULL);
}

/* With what is known from the controller: its version. NULL: it does not answer. */
static void check_controller(const struct ctl *ctl, json_t *list, const json_t *ping, const json_t *error)
{
    char text[160];
    const char *version = json_string_value(json_object_get(ping, "version"));
    if (!version) {
        add(list, "controller", "the controller", FINDING_PROBLEM, text_of(error, "message"),
            json_string_value(json_object_get(error, "hint")));
        return;
    }
    snprintf(text, sizeof text, "ide-kmd %s answers at %s", version, ctl->endpoint);
    if (strcmp(version, IDE_KM_VERSION) == 0)
        add(list, "controller", "the controller", FINDING_OK, text, NULL);
    else
        add(list, "controller", "the controller", FINDING_WARNING, text,
            "this is ide-ctl " IDE_KM_VERSION ": restart ide-kmd after an upgrade");
}

#define KERNEL_STREAMS_MAX 256u

/* Open as long as the checks run. */
struct platform {
    struct pcie_access access;
    struct topology topology;
    struct kernel_stream kernel[KERNEL_STREAMS_MAX];
    size_t kernel_count;
};

/* Those under the host bridge that the function is below. */
static void find_kernel_streams(struct platform *p, const struct pcie_bdf *bdf)
{
    size_t top = topology_top(&p->topology, topology_find(&p->topology, bdf));
    if (top != TOPOLOGY_NONE)
        p->kernel_count =
            kernel_streams(&p->access, &p->topology.nodes[top].bdf, p->kernel, KERNEL_STREAMS_MAX);
}

static enum ide_err look_around(struct platform *p, const char *sysfs, const struct pcie_bdf *bdf,
                                struct ide_fault *fault)
{
    *p = (struct platform){0};
    enum ide_err err = pcie_access_open(&p->access, sysfs, fault);
    if (err == IDE_OK)
        err = topology_read(&p->topology, &p->access, fault);
    if (err == IDE_OK)
        find_kernel_streams(p, bdf);
    return err;
}

static unsigned check_platform(const struct ctl *ctl, json_t *list)
{
    struct platform p;
    struct ide_fault fault;
    struct checkup up = {.access = &p.access, .topology = &p.topology, .kernel = p.kernel, .list = list};
    char text[160];
    enum ide_err err = pcie_bdf_parse(ctl->bdf, &up.bdf);
    (void)err; /* it was made of one */
    err = look_around(&p, ctl->sysfs, &up.bdf, &fault);
    checkup_start(&up);
    up.kernel_count = p.kernel_count;
    if (err != IDE_OK) {
        add(list, "function", "the function is there", FINDING_PROBLEM,
            ide_fault_text(&fault, text, sizeof text),
            "configuration space beyond the header is for root only; check --sysfs");
        up.problems = 1;
    } else {
        for (const struct checkup_row *const *row = platform_checks; *row; row++)
            checkup_run(&up, *row);
    }
    topology_free(&p.topology);
    pcie_access_close(&p.access);
    return up.problems;
}

/* ---- what is printed -------------------------------------------------------------- */

static const char *state_color(const char *state)
{
    if (strcmp(state, "ok") == 0)
        return TERMINAL_GREEN;
    if (strcmp(state, "warning") == 0)
        return TERMINAL_YELLOW;
    return strcmp(state, "problem") == 0 ? TERMINAL_RED : TERMINAL_DIM;
}

static void print_line(const json_t *line)
{
    const char *state = text_of(line, "state"), *device = json_string_value(json_object_get(line, "device"));
    printf("%s%-8s%s %s%s%s: %s\n", terminal_color(state_color(state)), state, terminal_plain(),
           text_of(line, "text"), device ? ", " : "", device ? device : "", text_of(line, "found"));
    if (json_is_string(json_object_get(line, "hint")))
        printf("         Try: %s.\n", text_of(line, "hint"));
}

static bool is_skipped_for(const json_t *line, const char *found)
{
    return strcmp(text_of(line, "state"), "skipped") == 0 && strcmp(text_of(line, "found"), found) == 0;
}

/* All that is skipped for one reason on one line, where the first of it would be. */
static void print_skipped(const json_t *list, size_t first)
{
    size_t i;
    json_t *line;
    const char *found = text_of(json_array_get(list, first), "found"), *last = "";
    json_array_foreach(list, i, line)
    {
        if (is_skipped_for(line, found) && i < first)
            return;
    }
    printf("%sskipped %s ", terminal_color(TERMINAL_DIM), terminal_plain());
    json_array_foreach(list, i, line)
    {
        if (!is_skipped_for(line, found) || strcmp(text_of(line, "text"), last) == 0)
            continue;
        printf("%s%s", *last ? ", " : "", text_of(line, "text"));
        last = text_of(line, "text");
    }
    printf(": %s\n", found);
}

static void print_report(const json_t *report)
{
    size_t i;
    json_t *line, *list = json_object_get(report, "checks");
    long long problems = number_of(report, "problems");
    json_array_foreach(list, i, line)
    {
        if (strcmp(text_of(line, "state"), "skipped") == 0)
            print_skipped(list, i);
        else
            print_line(line);
    }
    if (json_is_true(json_object_get(report, "can_come_up")))
        printf("IDE can come up here: `ide-ctl establish %s`.\n", text_of(report, "bdf"));
    else
        printf("IDE cannot come up here: %lld problem%s.\n", problems, problems == 1 ? "" : "s");
}

static enum ctl_status print_result(const struct ctl *ctl, json_t *report)
{
    if (ctl->json) {
        print_json(report);
    } else {
        make_printable(report);
        print_report(report);
    }
    return json_is_true(json_object_get(report, "can_come_up")) ? CTL_DONE : CTL_FAILED;
}

/* ---- with the controller, and without ----------------------------------------------- */

static enum ctl_status alone(const struct ctl *ctl, enum ide_client_status why)
{
    json_t *list = json_array(), *error = ctl_client_error(ctl, why);
    unsigned problems = 1 + check_platform(ctl, list);
    check_clock(list);
    check_controller(ctl, list, NULL, error);
    json_t *report = json_pack("{s:s, s:n, s:n, s:b, s:i, s:o}", "bdf", ctl->bdf, "root_port", "endpoint",
                               "can_come_up", 0, "problems", (int)problems, "checks", list);
    print_result(ctl, report);
    json_decref(report);
    json_decref(error);
    return CTL_NO_CONTROLLER;
}

static enum ctl_status together(const struct ctl *ctl, const json_t *ping, const json_t *reply)
{
    json_t *error = json_object_get(reply, "error"), *report = json_object_get(reply, "result");
    if (error) {
        ctl_print_error(ctl, json_incref(error));
        return CTL_FAILED;
    }
    json_t *list = json_object_get(report, "checks");
    check_clock(list);
    check_controller(ctl, list, json_object_get(ping, "result"), json_object_get(ping, "error"));
    return print_result(ctl, report);
}

enum ctl_status command_doctor(const struct ctl *ctl)
{
    json_t *ping = NULL, *reply = NULL;
    terminal_use_color(ctl);
    enum ide_client_status result = ctl_ask(ctl, json_pack("{s:s}", "verb", "ping"), &ping);
    if (result == IDE_CLIENT_OK)
        result = ctl_ask(ctl, json_pack("{s:s, s:s}", "verb", "doctor", "bdf", ctl->bdf), &reply);
    enum ctl_status status;
    if (result == IDE_CLIENT_UNREACHABLE || result == IDE_CLIENT_DENIED)
        status = alone(ctl, result);
    else if (result != IDE_CLIENT_OK)
        status = ctl_client_failed(ctl, result);
    else
        status = together(ctl, ping, reply);
    json_decref(ping);
    json_decref(reply);
    return status;
}
