/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of a recorded session while it is replayed, and what each message does to it. */
#ifndef TESTS_VECTOR_REPLAY_H
#define TESTS_VECTOR_REPLAY_H

#include "any_message.h"
#include "secured_cma/secured_message.h"
#include "session/key_schedule.h"
#include "spdm/identity.h"
#include "vector_file.h"

#define MESSAGE_MAX 8192
#define EXPECTED_MAX 32
#define NOW 1790000000   /* within the recorded certificates' validity */

#define SECONDARY_PSK_SIZE 32u

/* A PSK, by its hint: DMTF's sample, and the one of CXL TSP's secondary session. */
struct psk {
    const char *hint;
    uint8_t secret[SECONDARY_PSK_SIZE];
    size_t len;
};

/* One slot's chain as CERTIFICATE brought it, and the key that its leaf has. */
struct chain {
    uint8_t bytes[MESSAGE_MAX];
    size_t len;
    struct identity identity;
    uint8_t hash[HASH_SIZE_MAX];
};

/* A value that was derived and that the recording must name next under this name. */
struct expected {
    char name[48];
    uint8_t value[DHE_SECRET_MAX];
    size_t len;
};

/* One session that is followed. */
struct followed {
    bool open;
    uint32_t id;
    uint16_t half_id;
    const struct psk *psk;
    struct hash th;
    struct key_schedule keys;
    struct secured_direction request, response;
};

#define FOLLOWED 3u

struct replay {
    const char *path;
    const struct vector_line *line;   /* the present one, for messages */
    struct spdm_params params;
    uint8_t offered[MESSAGE_MAX];     /* NEGOTIATE_ALGORITHMS as it was sent */
    uint8_t vca[SPDM_VCA_MAX];
    size_t vca_len;
    struct hash m1m2;
    uint8_t digests[MESSAGE_MAX];     /* DIGESTS as it came last, outside a session */
    size_t digests_len;
    struct chain chains[SPDM_SLOTS], requester;   /* requester: with mutual authentication */
    uint8_t slot, summary_len;        /* of the last CHALLENGE or KEY_EXCHANGE */
    struct hash l1l2;                 /* of the last GET_MEASUREMENTS, whose signature was asked for if signed */
    uint8_t measured_slot;
    bool with_signature;
    uint8_t summary[HASH_SIZE_MAX];   /* of the last CHALLENGE_AUTH or KEY_EXCHANGE_RSP: of all measurements */

    struct psk secondary_psk;         /* as a vendor-defined message has set it */

    struct followed sessions[FOLLOWED];
    struct followed *s;               /* the one of the last message */

    struct expected expected[EXPECTED_MAX];
    size_t expected_count;
    /* what the requester derived before FINISH: its HMAC, and TH for its signature */
    uint8_t announced[HASH_SIZE_MAX], finish_th[HASH_SIZE_MAX];
    size_t messages, records, secrets;
};

/* Say where a replay failed, which CUnit's line number alone does not. */
void check(struct replay *v, bool good, const char *what);
void check_ok(struct replay *v, enum ide_err err, const char *what);
/* Something was derived, and the recording must name it next. */
void expect(struct replay *v, const char *name, const void *value, size_t len);
void expect_record_key(struct replay *v, const uint8_t *secret, struct secured_direction *d);

/* Decodes and encodes; gives the length that was taken. */
size_t go_round(struct replay *v, const uint8_t *data, size_t data_len, union any_message *m);
/* What a message does: transcripts, keys, signatures. */
void act(struct replay *v, const union any_message *m);

#endif
