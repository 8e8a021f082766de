/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/spdm_options.h"

#include <stdio.h>
#include <string.h>

#include "spdm/policy_text.h"

#define SECURED_HIGHEST 0x12
#define MEL_SPEC_DMTF   1

const struct spdm_options spdm_options_default = {
    .version_min = SPDM_VERSION_10,
    .version_max = SPDM_VERSION_14,
    .secured_min = 0x10,
    .secured_max = SECURED_HIGHEST,
    .policy = SPDM_POLICY_CMA,
};

static bool set_versions(struct spdm_options *o, const char *value, char *error, size_t size)
{
    return spdm_versions_parse(value, SPDM_VERSION_14, &o->version_min, &o->version_max, error, size);
}

static bool set_secured_versions(struct spdm_options *o, const char *value, char *error, size_t size)
{
    return spdm_versions_parse(value, SECURED_HIGHEST, &o->secured_min, &o->secured_max, error, size);
}

static bool set_algorithms(struct spdm_options *o, const char *value, char *error, size_t size)
{
    return spdm_policy_parse(value, &o->policy, error, size);
}

static bool set_strength(struct spdm_options *o, const char *value, char *error, size_t size)
{
    return spdm_policy_parse_strength(value, &o->policy, error, size);
}

static bool set_switch(bool *on, const char *value, char *error, size_t size)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        (void)snprintf(error, size, "\"%.40s\" is neither yes nor no", value);
        return false;
    }
    *on = strcmp(value, "yes") == 0;
    return true;
}

static bool set_in_the_clear(struct spdm_options *o, const char *value, char *error, size_t size)
{
    return set_switch(&o->in_the_clear, value, error, size);
}

static bool set_provisioned(struct spdm_options *o, const char *value, char *error, size_t size)
{
    return set_switch(&o->is_provisioned, value, error, size);
}

static bool set_identity(struct spdm_options *o, const char *value, char *error, size_t size)
{
    const char *comma = strchr(value, ',');
    if (!comma || comma == value || !comma[1]) {
        (void)snprintf(error, size, "\"%.100s\" is not two files, CERTIFICATES,KEY", value);
        return false;
    }
    o->identity = value;
    return true;
}

static bool set_psk(struct spdm_options *o, const char *value, char *error, size_t size)
{
    (void)error;
    (void)size;
    o->psk = value;
    return true;
}

static bool set_public_keys(struct spdm_options *o, const char *value, char *error, size_t size)
{
    (void)error;
    (void)size;
    o->public_keys = value;
    return true;
}

static const struct {
    const char *name;
    bool (*set)(struct spdm_options *o, const char *value, char *error, size_t size);
} rows[] = {
    {"spdm-versions", set_versions},
    {"secured-versions", set_secured_versions},
    {"algorithms", set_algorithms},
    {"strength", set_strength},
    {"handshake-in-the-clear", set_in_the_clear},
    {"identity", set_identity},
    {"identity-is-provisioned", set_provisioned},
    {"psk", set_psk},
    {"public-keys", set_public_keys},
};

bool spdm_options_set(struct spdm_options *options, const char *name, const char *value, char *error,
                      size_t size)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].set(options, value, error, size);
    (void)snprintf(error, size, "there is no option %.40s", name);
    return false;
}

bool spdm_options_check(const struct spdm_options *options, char *error, size_t size)
{
    if (options->is_provisioned && !options->identity) {
        (void)snprintf(error, size, "--identity-is-provisioned needs --identity");
        return false;
    }
    return spdm_policy_check(&options->policy, error, size);
}

struct spdm_port_settings spdm_options_port(const struct spdm_options *options, uint32_t timeout_ms)
{
    struct spdm_port_settings settings = {.spdm = spdm_config_requester};
    struct spdm_config *c = &settings.spdm;
    c->version_min = options->version_min;
    c->version_max = options->version_max;
    c->secured_min = options->secured_min;
    c->secured_max = options->secured_max;
    c->mel_spec = MEL_SPEC_DMTF;
    if (options->in_the_clear)
        c->flags |= SPDM_CAP_HANDSHAKE_CLEAR;
    if (timeout_ms)
        c->timeout_ms = timeout_ms;
    spdm_policy_apply(&options->policy, c);
    return settings;
}
