/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replays recorded sessions of an independent implementation: every message decodes and encodes back to the same bytes,
 * every signature and HMAC verifies, every secret and key is derived, every record opens and seals to the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secured_cma/doe.h"
#include "suite.h"
#include "vector_replay.h"

/* --- messages, records, secrets ----------------------------------------------------------------------------------- */

/* The message before it acts: A is collected, B goes to M1M2, CHALLENGE too. */
static void note(struct replay *v, const struct vector_line *line)
{
    uint8_t code = line->data[1];
    if (code == SPDM_GET_VERSION)
        v->vca_len = 0;
    if (code == SPDM_GET_VERSION || code == SPDM_VERSION || code == SPDM_GET_CAPABILITIES ||
        code == SPDM_CAPABILITIES || code == SPDM_NEGOTIATE_ALGORITHMS || code == SPDM_ALGORITHMS) {
        memcpy(v->vca + v->vca_len, line->data, line->len);
        v->vca_len += line->len;
    }
    if (code == SPDM_GET_DIGESTS || code == SPDM_DIGESTS || code == SPDM_GET_CERTIFICATE ||
        code == SPDM_CERTIFICATE || code == SPDM_CHALLENGE)
        check_ok(v, hash_update(&v->m1m2, line->data, line->len), "M1M2");
}

/* A message outside a session was recorded with its padding to a dword, which belongs to DOE. */
static bool only_padding(const struct vector_line *line, size_t consumed)
{
    if (consumed > line->len || line->len - consumed > (line->in_session ? 0 : 3))
        return false;
    for (size_t i = consumed; i < line->len; i++)
        if (line->data[i] != 0)
            return false;
    return true;
}

static void replay_message(struct replay *v, struct vector_line *line)
{
    const uint8_t code = line->data[1];
    union any_message m = {0};
    v->line = line;
    /* the first message in a version sets it; the flags before ALGORITHMS do not matter to the codec */
    if (code == SPDM_GET_CAPABILITIES)
        v->params.version = line->data[0];
    if (code == SPDM_CHALLENGE_AUTH)
        m.challenge_auth.summary_len = v->summary_len;
    if (code == SPDM_KEY_EXCHANGE_RSP)
        m.key_exchange_rsp.summary_len = v->summary_len;
    if (code == SPDM_MEASUREMENTS)
        m.measurements.has_signature = v->with_signature;
    if (code == SPDM_PSK_EXCHANGE_RSP)
        m.psk_exchange_rsp.summary_len = v->summary_len;
    size_t consumed = go_round(v, line->data, line->len, &m);
    check(v, only_padding(line, consumed), "the decoder took another length");
    line->len = consumed;
    note(v, line);
    act(v, &m);
}

/* The session of a record becomes the present one. */
static bool choose(struct replay *v, uint32_t id)
{
    for (size_t i = 0; i < FOLLOWED; i++) {
        if (!v->sessions[i].open || v->sessions[i].id != id)
            continue;
        v->s = &v->sessions[i];
        return true;
    }
    check(v, false, "a record of no session");
    return false;
}

/* The DOE object that carried the message: its header, and if it is a record what opens and seals. */
static void replay_wire(struct replay *v, const struct vector_line *wire, const struct vector_line *line)
{
    uint8_t object[MESSAGE_MAX + 64], sealed[MESSAGE_MAX + 64];
    const uint8_t *payload, *message;
    size_t payload_len, message_len, record_len;
    uint8_t type;
    struct ide_fault fault;
    uint32_t id = 0;

    v->line = line;
    memcpy(object, wire->data, wire->len);
    check_ok(v, doe_unwrap(object, wire->len, &type, &payload, &payload_len, &fault), "DOE header");
    if (type == DOE_TYPE_CMA) {
        memcpy(sealed + DOE_HEADER_SIZE, line->data, line->len);
        check(v, doe_wrap(sealed, sizeof sealed, type, line->len) == wire->len, "DOE length");
        check(v, memcmp(sealed, wire->data, wire->len) == 0, "DOE object");
        return;
    }
    check_ok(v, secured_session_id(payload, payload_len, &id), "session id");
    if (!choose(v, id))
        return;
    struct secured_direction *d = line->response ? &v->s->response : &v->s->request;
    struct secured_direction before = *d;
    check_ok(v,
             secured_open(d, id, object + DOE_HEADER_SIZE, payload_len, &message, &message_len, &fault), "open");
    check(v, message_len == line->len && memcmp(message, line->data, message_len) == 0, "opens to another message");
    memcpy(sealed + DOE_HEADER_SIZE + SECURED_HEADROOM, line->data, line->len);
    check_ok(v,
             secured_seal(&before, id, sealed + DOE_HEADER_SIZE, sizeof sealed - DOE_HEADER_SIZE, line->len, &record_len),
             "seal");
    check(v, doe_wrap(sealed, sizeof sealed, DOE_TYPE_SECURED_CMA, record_len) == wire->len, "record length");
    check(v, memcmp(sealed, wire->data, wire->len) == 0, "seals to another record");
    v->records++;
}

/* KEY_UPDATE's secrets come before the message that they are for. */
static void replay_update(struct replay *v, const struct vector_line *line)
{
    bool response = strcmp(line->name, "response_data_secret_update") == 0;
    if (!response && strcmp(line->name, "request_data_secret_update") != 0)
        return;
    uint8_t *secret = response ? v->s->keys.response_secret : v->s->keys.request_secret;
    uint8_t next[HASH_SIZE_MAX];
    check_ok(v, key_schedule_next(&v->s->keys, secret, next), "next secret");
    memcpy(secret, next, v->s->keys.hash_size);
    expect(v, line->name, next, v->s->keys.hash_size);
    expect_record_key(v, secret, response ? &v->s->response : &v->s->request);
}

static void replay_secret(struct replay *v, const struct vector_line *line)
{
    if (strcmp(line->name, "master_secret") == 0)   /* of the stages in between */
        return;
    v->line = line;
    replay_update(v, line);
    for (size_t i = 0; i < v->expected_count; i++) {
        struct expected *e = &v->expected[i];
        if (strcmp(e->name, line->name) != 0)
            continue;
        check(v, e->len == line->len && memcmp(e->value, line->data, e->len) == 0, line->name);
        memmove(e, e + 1, (v->expected_count - i - 1) * sizeof *e);
        v->expected_count--;
        v->secrets++;
        return;
    }
    if (strcmp(line->name, "th_curr_hmac") == 0 && line->len <= sizeof v->announced)
        memcpy(v->announced, line->data, line->len);
    else if (strcmp(line->name, "th_curr") == 0 && line->len <= sizeof v->finish_th)
        memcpy(v->finish_th, line->data, line->len);
    else
        check(v, false, "a secret that was not derived");
}

static const struct vector_line *next_wire(const struct vector_file *f, size_t *at)
{
    while (f->lines[*at].kind != VECTOR_WIRE || f->lines[*at].data[2] == DOE_TYPE_DISCOVERY)
        (*at)++;
    return &f->lines[(*at)++];
}

static void replay_file(const char *name, size_t records, size_t secrets)
{
    static struct replay v;
    char path[512];
    snprintf(path, sizeof path, "%s/%s.vec", TEST_VECTORS, name);
    struct vector_file f;
    CU_ASSERT_TRUE_FATAL(vector_file_read(&f, path));
    memset(&v, 0, sizeof v);
    v.path = path;
    v.s = &v.sessions[0];
    size_t wire = 0;
    for (size_t i = 0; i < f.count; i++) {
        struct vector_line *line = &f.lines[i];
        if (line->kind == VECTOR_MESSAGE) {
            replay_wire(&v, next_wire(&f, &wire), line);
            replay_message(&v, line);
        } else if (line->kind == VECTOR_SECRET) {
            replay_secret(&v, line);
        }
    }
    printf("\n    %s: %zu messages, %zu records, %zu secrets", name, v.messages, v.records, v.secrets);
    for (size_t i = 0; i < v.expected_count; i++)
        check(&v, false, v.expected[i].name);
    CU_ASSERT_EQUAL(v.records, records);
    CU_ASSERT_EQUAL(v.secrets, secrets);
    vector_file_free(&f);
}

static void spdm12_p384_sha384_aes256(void)
{
    replay_file("v12-p384-sha384-aes256", 216, 79);
}

static void spdm12_p256_sha256_chacha20(void)
{
    replay_file("v12-p256-chacha20", 216, 79);
}

static void spdm11_p256_sha256_aes128(void)
{
    replay_file("v11-p256-sha256-aes128", 216, 79);
}

static void spdm12_psk(void)
{
    replay_file("v12-psk-sha384-aes256", 10, 21);
}

static void spdm12_handshake_in_the_clear(void)
{
    replay_file("v12-p384-handshake-in-clear", 212, 79);
}

static void spdm12_mutual_with_encapsulated_requests(void)
{
    replay_file("v12-p384-mutual-encap", 228, 81);
}

static void spdm13_p384_sha384_aes256(void)
{
    replay_file("v13-p384-sha384-aes256", 216, 79);
}

static void spdm14_p384_sha384_aes256(void)
{
    replay_file("v14-p384-sha384-aes256", 216, 79);
}

static void spdm12_p521_sha512(void)
{
    replay_file("v12-p521-sha512", 216, 79);
}

static void spdm12_rsapss3072_ffdhe3072(void)
{
    replay_file("v12-rsapss3072-ffdhe3072", 216, 79);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(spdm12_p384_sha384_aes256),
        TEST(spdm12_p256_sha256_chacha20),
        TEST(spdm11_p256_sha256_aes128),
        TEST(spdm12_p521_sha512),
        TEST(spdm12_psk),
        TEST(spdm12_handshake_in_the_clear),
        TEST(spdm12_mutual_with_encapsulated_requests),
        TEST(spdm13_p384_sha384_aes256),
        TEST(spdm14_p384_sha384_aes256),
        TEST(spdm12_rsapss3072_ffdhe3072),
        CU_TEST_INFO_NULL,
    };
    return suite_run("recorded sessions", tests);
}
