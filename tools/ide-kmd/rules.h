/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which device gets which streams, and which policy: the sections [policy], [stream NAME], [device WHO] and
 * [link PORT] of the configuration file. Of several sections that say something of a device the most specific
 * one counts, key by key.
 */
#ifndef IDE_KMD_RULES_H
#define IDE_KMD_RULES_H

#include "ide_km/cxl_ide_km.h"
#include "root_port/pcie_bdf.h"
#include "tools/ide-kmd/policy.h"
#include "tools/ide-kmd/problems.h"
#include "tools/ide-kmd/request_features.h"

#define RULES_KEYS_MAX    24u /* of one section */
#define RULES_NAME_MAX    31u
#define RULES_STREAMS_MAX 8u   /* of one device */
#define RULES_MAX         512u /* profiles, and rules */

/* [stream NAME]: what `ide-ctl establish` can be asked for. */
struct stream_profile {
    char name[RULES_NAME_MAX + 1];
    struct stream_wish wish;
    bool cxl; /* the CXL.cachemem link, and none of the above */
    enum cxl_ide_mode cxl_mode;
    bool cxl_generate; /* the endpoint makes the keys of what it sends */
    bool has_stream;
    uint8_t stream;
    bool has_selective;
    unsigned line[RULES_KEYS_MAX], section_line;
};

enum rule_subject {
    RULE_ALL,
    RULE_ID,  /* devices of a kind */
    RULE_BDF, /* one endpoint, or those below a port */
    RULE_LINK, /* no device: the one link at a port, above an upstream port and below any other */
};

/* [device WHO] or [link PORT] */
struct device_rule {
    enum rule_subject subject;
    uint16_t vendor, device;
    struct pcie_bdf bdf;
    struct policy policy; /* only what is set in it */
    bool has_streams;
    size_t stream_count; /* 0: none */
    char stream[RULES_STREAMS_MAX][RULES_NAME_MAX + 1];
    unsigned line[RULES_KEYS_MAX], section_line;
};

struct rules {
    struct policy policy; /* of [policy]; only what is set in it */
    unsigned policy_line[RULES_KEYS_MAX];
    struct stream_profile *profile;
    size_t profile_count;
    struct device_rule *device;
    size_t device_count;
};

void rules_release(struct rules *rules);

/* ---- reading ------------------------------------------------------------- */

enum rules_section { RULES_NONE, RULES_POLICY, RULES_STREAM, RULES_DEVICE };

/* RULES_NONE if it is none of theirs, or is wrong, which is said: *is_wrong. */
enum rules_section rules_begin_section(struct rules *rules, const char *name, unsigned line,
                                       struct problems *problems, bool *is_wrong);

/* A key of the section that was begun last. What is wrong is said. */
void rules_take_key(struct rules *rules, enum rules_section section, const char *name, const char *value,
                    unsigned line, struct problems *problems);

/* What rules may ask for that is set elsewhere. */
struct rules_surroundings {
    bool has_identity;  /* something to show in mutual authentication */
    bool has_reference; /* reference values of measurements */
    bool has_state;     /* a state file, which outlives the controller */
    bool no_sessions;   /* SPDM 1.0 only, which has none, and so no streams */
    bool no_watch;      /* nobody looks at the streams between operations */
};

/* Once all is there: whether it goes together. */
void rules_check(const struct rules *rules, const struct rules_surroundings *around,
                 struct problems *problems);

/* ---- using --------------------------------------------------------------- */

/* An endpoint as rules see it. */
struct rules_device {
    struct pcie_bdf bdf;
    const struct pcie_bdf *above; /* the ports above it, the nearest first */
    size_t above_count;
    uint16_t vendor, device;
};

/*
 * The device's policy, and whose list of streams counts for it; NULL: it gets none. base: what counts where
 * neither [policy] nor a rule says anything.
 */
const struct device_rule *rules_resolve(const struct rules *rules, const struct policy *base,
                                        const struct rules_device *device, struct policy *policy);

/*
 * The section about the link between the two ports, which may name either of them; NULL if there is none. What it
 * says counts instead of what devices below the link want for it.
 */
const struct device_rule *rules_link(const struct rules *rules, const struct pcie_bdf *upper,
                                     const struct pcie_bdf *lower);

/* The profile of that name; one that is named "default" need not be in the file. NULL if there is none. */
const struct stream_profile *rules_profile(const struct rules *rules, const char *name);

#endif
