/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands of ide-ctl share: the parsed command line, the call to the controller, the exit statuses.
 */
#ifndef IDE_CTL_CTL_H
#define IDE_CTL_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "root_port/pcie_bdf.h"
#include "tools/common/api.h"
#include "tools/ide-ctl/client.h"

enum ctl_status { CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_NO_CONTROLLER = 3 };

/* What attest asks of a device's measurements. */
struct ctl_measurements {
    bool is_given;
    bool is_unsigned, raw, in_session, mel;
    json_int_t index; /* 0: all */
};

/* The command line, parsed. */
struct ctl {
    const char *endpoint;
    uint32_t timeout_ms;
    bool json;
    bool has_bdf, has_stream;
    char bdf[PCIE_BDF_TEXT]; /* as the controller wants it */
    json_int_t stream;
    json_t *wish; /* owned: what establish asks of a stream, as members of the request; NULL: nothing */
    struct ctl_measurements measurements;
    bool cxl, cxl_generate; /* about the CXL link of the port; its endpoint generates keys */
    const char *cxl_mode;   /* "containment" or "skid"; NULL: not told */
};

enum ctl_takes { CTL_NOTHING, CTL_MAY, CTL_MUST };

struct ctl_command {
    const char *name;
    enum ctl_status (*run)(const struct ctl *ctl);
    enum ctl_takes bdf, stream, wish;
    const char *arguments, *help;
};

enum ctl_status command_list(const struct ctl *ctl);
enum ctl_status command_show(const struct ctl *ctl);
enum ctl_status command_attest(const struct ctl *ctl);
enum ctl_status command_establish(const struct ctl *ctl);
enum ctl_status command_rekey(const struct ctl *ctl);
enum ctl_status command_stop(const struct ctl *ctl);
enum ctl_status command_monitor(const struct ctl *ctl);
enum ctl_status command_cxl(const struct ctl *ctl, const char *command);

/* What is wrong with --cxl and its options at this command; NULL if nothing is. */
const char *ctl_cxl_wrong(const struct ctl *ctl, const char *command);

/* Takes an option of establish, by its long name; others are passed over. NULL, or what its argument has to be. */
const char *ctl_take_wish(struct ctl *ctl, const char *option, const char *argument);

/*
 * Sends the verb with what the command line gave and waits for its result, showing the steps meanwhile if
 * show_steps is set and somebody sits at stderr. On success prints the result with --json, else calls print
 * with it. A failure is printed too.
 */
enum ctl_status ctl_call(const struct ctl *ctl, enum api_verb verb, bool show_steps,
                         void (*print)(const json_t *result));

/* Says what the way to the controller failed for. */
enum ctl_status ctl_client_failed(const struct ctl *ctl, enum client_result result);

#endif
