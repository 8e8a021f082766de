/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the operator decides of SPDM: versions and algorithms. Command line and
 * configuration file set it through the one function below.
 */
#ifndef IDE_KMD_SPDM_OPTIONS_H
#define IDE_KMD_SPDM_OPTIONS_H

#include "root_port/spdm_port.h"
#include "spdm/policy.h"

#define SPDM_OPTIONS_ERROR 256u

struct spdm_options {
    uint8_t version_min, version_max; /* 0x12 is 1.2 */
    uint8_t secured_min, secured_max; /* of secured messages */
    struct spdm_policy policy;
    bool in_the_clear;          /* offer the handshake in the clear */
    const char *identity;       /* who we are: files "CERTIFICATES,KEY"; NULL: nobody */
    bool is_provisioned;        /* devices that ask have our public key already */
    const char *psk;            /* file of pre-shared keys; NULL: none */
    const char *public_keys;    /* folder of devices' public keys; NULL: none */
};

/* All versions, and what PCIe CMA and IDE ask for. */
extern const struct spdm_options spdm_options_default;

/*
 * Sets one option by its name, which is that of the command line without its hyphens: "spdm-versions",
 * "secured-versions", "algorithms", "strength", "identity", "psk", "public-keys"; and with "yes" or "no"
 * "handshake-in-the-clear" and "identity-is-provisioned". Strings are borrowed. Says in error[size] what is wrong with the value and gives
 * false; *options is only written on success. An unknown name is wrong too.
 */
bool spdm_options_set(struct spdm_options *options, const char *name, const char *value, char *error,
                      size_t size);

/* Once all are set: whether they go together. */
bool spdm_options_check(const struct spdm_options *options, char *error, size_t size);

/* What a port is offered; timeout_ms: the most that one answer may take. Borrows options. */
struct spdm_port_settings spdm_options_port(const struct spdm_options *options, uint32_t timeout_ms);

#endif
