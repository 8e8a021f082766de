/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the controller has of keys: who it is itself, what it shares with
 * devices, and the public keys of devices that have no certificates. Secrets
 * are read from files that nobody else may read, stay in locked memory, and are
 * wiped at the end.
 */
#ifndef IDE_KMD_CREDENTIALS_H
#define IDE_KMD_CREDENTIALS_H

#include "root_port/spdm_port.h"
#include "tools/ide-kmd/failure.h"
#include "tools/ide-kmd/spdm_options.h"

#define CREDENTIALS_CHAIN_MAX  16384u
#define CREDENTIALS_HASHES     (HASH_SHA3_512 + 1)
#define CREDENTIALS_PSKS_MAX   64u
#define CREDENTIALS_KEYS_MAX   64u
#define CREDENTIALS_SECRET_MAX 64u
#define CREDENTIALS_HINT_MAX   64u
#define CREDENTIALS_PUBLIC_MAX 1024u

struct credential_psk {
    struct pcie_bdf bdf;
    char hint[CREDENTIALS_HINT_MAX + 1];
    uint8_t secret[CREDENTIALS_SECRET_MAX];
    struct session_psk psk;
};

struct credential_public {
    struct pcie_bdf bdf;
    uint8_t der[CREDENTIALS_PUBLIC_MAX];
    size_t len;
};

struct credentials {
    bool has_identity, is_provisioned;
    struct private_key key;
    uint8_t chain[CREDENTIALS_HASHES][CREDENTIALS_CHAIN_MAX]; /* the same certificates, by the hash in their head */
    struct spdm_slot slots[CREDENTIALS_HASHES][SPDM_SLOT_PLACES];
    struct credential_psk psks[CREDENTIALS_PSKS_MAX];
    size_t psk_count;
    struct credential_public publics[CREDENTIALS_KEYS_MAX];
    size_t public_count;
};

/*
 * Reads what the options name. What is wrong is IDE_E_NO_CERT, a key that others may read IDE_E_ACCESS; the
 * failure says which file, and never what is in it. Close with credentials_close(), also after a failure.
 */
enum ide_err credentials_load(struct credentials *c, const struct spdm_options *options,
                              struct failure *failure) MUST_USE;
void credentials_close(struct credentials *c);

/* What of it is for the device, into its settings, which borrow from c. */
void credentials_apply(const struct credentials *c, const struct pcie_bdf *bdf,
                       struct spdm_port_settings *settings);

#endif
