/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SPDM key schedule (DSP0274 1.2 §12): one derive primitive, named labels,
 * one function a stage. Each function checks the stage it is called in.
 */
#ifndef SESSION_KEY_SCHEDULE_H
#define SESSION_KEY_SCHEDULE_H

#include <stdint.h>

#include "spdm/connection.h"

enum key_stage { KEY_STAGE_NONE, KEY_STAGE_HANDSHAKE, KEY_STAGE_DATA };

struct key_schedule {
    enum key_stage stage;
    uint8_t version;                   /* of SPDM, for BinConcat's prefix "spdm1.2 " */
    enum hash_id hash;
    uint8_t hash_size;
    enum aead_id aead;
    uint8_t key_size;
    uint8_t handshake_secret[HASH_SIZE_MAX];
    uint8_t request_secret[HASH_SIZE_MAX];       /* of the present stage: handshake, then data */
    uint8_t response_secret[HASH_SIZE_MAX];
    uint8_t request_finished[HASH_SIZE_MAX];     /* finished keys, wiped at the data stage */
    uint8_t response_finished[HASH_SIZE_MAX];
    uint8_t export_secret[HASH_SIZE_MAX];        /* export_master_secret, data stage */
};

/* One direction's record key. */
struct record_key {
    uint8_t key[AEAD_KEY_MAX];
    uint8_t iv[AEAD_IV_SIZE];
};

/* Handshake stage from the DHE secret and TH1. The caller wipes dhe. */
enum ide_err key_schedule_handshake(struct key_schedule *k, const struct spdm_params *p, const uint8_t *dhe,
                                    size_t dhe_len, const uint8_t *th1) MUST_USE;

/* The same from a PSK, which is not copied. From 1.3 on Salt_0 is all ones here (DSP0274 1.3 §12.4). */
enum ide_err key_schedule_psk(struct key_schedule *k, const struct spdm_params *p, const uint8_t *psk, size_t psk_len,
                              const uint8_t *th1) MUST_USE;

/* Data stage from TH2; wipes everything of the handshake. */
enum ide_err key_schedule_data(struct key_schedule *k, const uint8_t *th2) MUST_USE;

/* Key and IV of a direction secret. The caller wipes out. */
enum ide_err key_schedule_record_key(const struct key_schedule *k, const uint8_t *secret,
                                     struct record_key *out) MUST_USE;

/* The next secret of a direction, for KEY_UPDATE ("traffic upd"); next may not be secret. */
enum ide_err key_schedule_next(const struct key_schedule *k, const uint8_t *secret, uint8_t *next) MUST_USE;

/* HMAC with a finished key over a TH hash, for ResponderVerifyData and RequesterVerifyData. */
enum ide_err key_schedule_verify_data(const struct key_schedule *k, const uint8_t *finished_key, const uint8_t *th,
                                      uint8_t *out) MUST_USE;

void key_schedule_clear(struct key_schedule *k);

#endif
