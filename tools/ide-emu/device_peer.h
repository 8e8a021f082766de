/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a device knows of its host, and asks of it: mutual authentication, pre-shared keys, provisioned public keys. */
#ifndef IDE_EMU_DEVICE_PEER_H
#define IDE_EMU_DEVICE_PEER_H

#include "session/responder.h"
#include "tools/ide-emu/credential.h"
#include "tools/ide-emu/platform.h"

struct device_peer {
    uint8_t root[CREDENTIAL_FILE_MAX], key[CREDENTIAL_FILE_MAX];
    size_t key_len;
    struct trust_anchor anchor;
    struct trust trust;
    struct session_psk psk;
    uint8_t chain[SPDM_CHAIN_MAX];   /* the host's, as it shows it */
};

/* What it announces. */
void device_peer_configure(const struct platform_peer *wanted, struct spdm_config *config);
/* What it does then; reads the files. On failure says why in error[size]. */
bool device_peer_open(struct device_peer *peer, const struct platform_peer *wanted, struct session_responder *r,
                      char *error, size_t size);
/* The slots of a device with that identity. */
void device_peer_show(const struct platform_peer *wanted, const struct credential *c, struct spdm_slot *slots);

#endif
