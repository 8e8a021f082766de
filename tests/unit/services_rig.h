/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two sides of which the device has an owner that answers GET_CSR, SET_CERTIFICATE, key pairs, endpoint info and events. */
#ifndef TESTS_SERVICES_RIG_H
#define TESTS_SERVICES_RIG_H

#include "loopback.h"
#include "spdm/services.h"

#define DEVICE_CAPS                                                                                          \
    (SPDM_CAP_SET_CERT | SPDM_CAP_CSR | SPDM_CAP_CERT_INSTALL_RESET | SPDM_CAP_EP_INFO_SIG | SPDM_CAP_EVENT | \
     SPDM_CAP_GET_KEY_PAIR | SPDM_CAP_SET_KEY_PAIR)

/* What the owner is to answer, and what it was told. */
struct services_owner {
    enum ide_err answer;
    size_t csr_len;
    uint8_t chain[30000];
    size_t chain_len;
    uint8_t slot, key_pair_usage;
    bool erased, in_session;
    unsigned calls, events;
    uint32_t first_event, last_event;
    uint8_t subscribed;
    struct spdm_key_pair_info pair;
};

extern struct services_owner owner;
extern struct loopback loop;
extern const struct spdm_services all_services;

/* Both sides of one version, with room for long messages; nothing negotiated. */
void open_loop(uint8_t version);
void finish(void);
/* In the clear, then in a session, in each version that has it. */
void everywhere(uint8_t first, void (*test)(const struct spdm_channel *channel, uint8_t version));
void in_sessions(void (*test)(const struct spdm_channel *channel));
/* Whether the peer refused with this ERROR; says what came instead. */
bool peer_said(enum ide_err err, uint8_t code, uint8_t data);

#endif
