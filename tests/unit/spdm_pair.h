/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A requester and a responder connected in memory, with somebody in between
 * who may alter one response. Time is virtual.
 */
#ifndef TESTS_SPDM_PAIR_H
#define TESTS_SPDM_PAIR_H

#include "device_identity.h"
#include "spdm/messages.h"
#include "spdm/requester.h"
#include "spdm/responder.h"

/* What is done to a response with this code, once (repeat: for ever). code 0: nothing. */
struct alteration {
    uint8_t code;
    unsigned skip;                 /* leave that many alone first */
    size_t offset;                 /* bytes go there */
    uint8_t bytes[64];
    size_t count;                  /* how many bytes; 0: none */
    int grow;                      /* then the message is that much longer or shorter */
    bool replace;                  /* the bytes are the whole message */
    bool repeat;
    bool any;                      /* whatever its code, but code is not 0 */
    enum ide_err fail;             /* the exchange fails instead */
};

struct spdm_pair {
    struct spdm_connection requester;
    struct spdm_responder responder;
    struct spdm_config requester_config, responder_config;
    struct device_identity *identity;
    struct drbg drbg;
    uint8_t chain[16384];
    struct alteration alteration;
    unsigned exchanges;            /* requests that the responder got */
    uint8_t last_request[SPDM_TRANSFER_SIZE];
    size_t last_request_len;
    uint64_t slept_ms;
    unsigned resets;               /* on_reset calls */
};

/* A fresh pair with the default configurations for the identity's curve, chain in slots 0 and 2. */
bool spdm_pair_open(struct spdm_pair *p, struct device_identity *identity);
void spdm_pair_close(struct spdm_pair *p);

/* Whether the requester's fault is this one, printing it if it is not. field NULL: none is named. */
bool spdm_pair_fault_is(const struct spdm_pair *p, enum ide_err err, const char *step, const char *field);

/* Sends raw bytes to the responder; response has room for SPDM_TRANSFER_SIZE. Returns the responder's result. */
enum ide_err spdm_pair_send(struct spdm_pair *p, const uint8_t *request, size_t len, uint8_t *response,
                            size_t *response_len);

#endif
