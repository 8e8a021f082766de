/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A responder for the fuzzers of spdm/: always the same, with the key whose scalar is 1 and a chain of made-up bytes. */
#ifndef TESTS_FUZZ_DEVICE_H
#define TESTS_FUZZ_DEVICE_H

#include "spdm/messages.h"
#include "spdm/requester.h"
#include "spdm/responder.h"

struct fuzz_device {
    struct spdm_responder responder;
    struct spdm_config config;
    struct private_key key;
    struct public_key public_key;
    uint8_t chain[700];
    struct spdm_vendor vendor;
    struct spdm_services services;
    uint8_t large[9000];
    unsigned asked;
    uint64_t random;      /* of the generator that is none */
};

/* version: the only one that it speaks. */
void fuzz_device_open(struct fuzz_device *d, uint8_t version);

/* What its owner answers; d counts what it takes. */
struct spdm_services fuzz_services(struct fuzz_device *d);

struct rng fuzz_rng(uint64_t *state);
extern const struct clock fuzz_clock;

#endif
