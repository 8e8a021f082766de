/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of what a stream can be asked for, as they stand in JSON and on the command line. */
#ifndef TOOLS_COMMON_FEATURES_H
#define TOOLS_COMMON_FEATURES_H

#include <stdbool.h>

#include "root_port/ide_stream.h"

#define FEATURE_ALGORITHM "AES-GCM-256" /* PCIE_IDE_ALG_AES_GCM_256: the only one that the register names */

/* "17:2", "25:2", "33:2", "41:2": the address bits that are encrypted. NULL for none, and for a reserved
 * value. */
const char *feature_header_name(enum ide_partial_header mode);
bool feature_header_parse(const char *text, enum ide_partial_header *mode);

/* How many TLPs one MAC covers at the most: 1, 2, 4 or 8. */
unsigned feature_aggregation_count(enum ide_aggregation mode);
bool feature_aggregation_of(long long count, enum ide_aggregation *mode);

/* As people write it: one count for all three classes, or a list such as "pr=4,npr=none"; "none" is 1. False,
 * and nothing is changed, for anything else. */
bool feature_aggregation_parse(const char *text, struct ide_features *features);

/* The yes-or-no features: their name in JSON, NULL at the end, and their place. */
struct feature_flag {
    const char *name;
    bool *(*place)(struct ide_features *features);
};
extern const struct feature_flag feature_flags[];

#endif
