/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-emu's command line. */
#ifndef IDE_EMU_OPTIONS_H
#define IDE_EMU_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "root_port/pcie_bdf.h"

#define OPTION_BINDINGS_MAX 64u

/* BDF=VALUE */
struct option_binding {
    struct pcie_bdf bdf;
    const char *value;
};

struct option_bindings {
    struct option_binding list[OPTION_BINDINGS_MAX];
    size_t count;
};

/* Strings are argv's. NULL: not given. */
struct options {
    const char *mount, *platform, *identity, *make_identities, *control, *config_socket, *pcap, *link_log, *trace;
    struct option_bindings spdm, bridge, misbehave;
    bool verbose;
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_DONE,    /* --help, --version: what was asked for is on stdout */
    OPTIONS_USAGE,   /* what is wrong is on stderr */
};

enum options_result options_parse(struct options *o, int argc, char **argv);

#endif
