/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key schedule against recorded sessions of an independent implementation, and its stages. */
#include "check.h"
#include "session/key_schedule.h"
#include "spdm/cursor.h"
#include "suite.h"
#include "vector_file.h"

/* A place in a recording. */
struct place {
    const struct vector_file *file;
    size_t at;
    struct spdm_params params;
    struct key_schedule keys;
    size_t checked;
};

/* The next secret of that name; the place moves behind it. */
static const struct vector_line *next_secret(struct place *p, const char *name)
{
    while (p->at < p->file->count) {
        const struct vector_line *line = &p->file->lines[p->at++];
        if (line->kind == VECTOR_SECRET && strcmp(line->name, name) == 0)
            return line;
    }
    return NULL;
}

static void is_next(struct place *p, const char *name, const uint8_t *value, size_t len)
{
    const struct vector_line *line = next_secret(p, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    bool same = line->len == len && memcmp(line->data, value, len) == 0;
    if (!same)
        fprintf(stderr, "line %zu: another %s\n", line->number, name);
    CU_ASSERT_TRUE(same);
    p->checked++;
}

static void check_record_key(struct place *p, const uint8_t *secret)
{
    struct record_key key;
    CHECK_OK(key_schedule_record_key(&p->keys, secret, &key));
    is_next(p, "key", key.key, p->params.aead->key_size);
    is_next(p, "iv", key.iv, sizeof key.iv);
}

static void check_handshake(struct place *p, const struct vector_line *th1, const struct vector_line *dhe)
{
    const size_t size = p->params.hash->size;
    struct key_schedule *k = &p->keys;
    uint8_t verify_data[HASH_SIZE_MAX];
    CHECK_OK(key_schedule_handshake(k, &p->params, dhe->data, dhe->len, th1->data));
    is_next(p, "handshake_secret", k->handshake_secret, size);
    is_next(p, "request_handshake_secret", k->request_secret, size);
    is_next(p, "response_handshake_secret", k->response_secret, size);
    is_next(p, "finished_key", k->request_finished, size);
    is_next(p, "finished_key", k->response_finished, size);
    check_record_key(p, k->request_secret);
    check_record_key(p, k->response_secret);
    CHECK_OK(key_schedule_verify_data(k, k->response_finished, th1->data, verify_data));
    is_next(p, "th_curr_hmac", verify_data, size);
}

static void check_data(struct place *p)
{
    const size_t size = p->params.hash->size;
    struct key_schedule *k = &p->keys;
    const struct vector_line *th2 = next_secret(p, "th2");
    CU_ASSERT_PTR_NOT_NULL_FATAL(th2);
    CHECK_OK(key_schedule_data(k, th2->data));
    is_next(p, "request_data_secret", k->request_secret, size);
    is_next(p, "response_data_secret", k->response_secret, size);
    is_next(p, "export_master_secret", k->export_secret, size);
    check_record_key(p, k->request_secret);
    check_record_key(p, k->response_secret);
}

/* UpdateAllKeys: the responder's direction first, as the recordings have it. */
static void check_update(struct place *p)
{
    uint8_t next[HASH_SIZE_MAX];
    CHECK_OK(key_schedule_next(&p->keys, p->keys.response_secret, next));
    is_next(p, "response_data_secret_update", next, p->params.hash->size);
    check_record_key(p, next);
    CHECK_OK(key_schedule_next(&p->keys, p->keys.request_secret, next));
    is_next(p, "request_data_secret_update", next, p->params.hash->size);
    check_record_key(p, next);
}

/* Both sessions with a DHE secret in the file; those with a pre-shared key have a th1 of their own. */
static void replay(const char *name, struct spdm_params params)
{
    char path[512];
    struct vector_file file;
    snprintf(path, sizeof path, "%s/%s.vec", TEST_VECTORS, name);
    CU_ASSERT_TRUE_FATAL(vector_file_read(&file, path));
    struct place p = {.file = &file, .params = params};
    const struct vector_line *th1 = NULL;
    unsigned sessions = 0;
    while (p.at < file.count) {
        const struct vector_line *line = &file.lines[p.at++];
        if (line->kind != VECTOR_SECRET)
            continue;
        if (strcmp(line->name, "th1") == 0)
            th1 = line;
        if (strcmp(line->name, "dhe") != 0)
            continue;
        CU_ASSERT_PTR_NOT_NULL_FATAL(th1);
        check_handshake(&p, th1, line);
        check_data(&p);
        check_update(&p);
        key_schedule_clear(&p.keys);
        sessions++;
    }
    CU_ASSERT_EQUAL(sessions, 2);
    CU_ASSERT_EQUAL(p.checked, 2 * (5 + 4 + 1 + 3 + 4 + 6));
    vector_file_free(&file);
}

static struct spdm_params params_of(uint8_t version, uint32_t hash, uint32_t aead)
{
    return (struct spdm_params){.version = version, .hash = hash_by_bit(hash), .aead = aead_by_bit(aead)};
}

static void spdm12_sha384_aes256(void)
{
    replay("v12-p384-sha384-aes256", params_of(SPDM_VERSION_12, SPDM_HASH_SHA384, SPDM_AEAD_AES_256_GCM));
}

static void spdm11_sha256_aes128(void)
{
    replay("v11-p256-sha256-aes128", params_of(SPDM_VERSION_11, SPDM_HASH_SHA256, SPDM_AEAD_AES_128_GCM));
}

static void spdm12_sha256_chacha20(void)
{
    replay("v12-p256-chacha20", params_of(SPDM_VERSION_12, SPDM_HASH_SHA256, SPDM_AEAD_CHACHA20_POLY1305));
}

static void spdm12_sha512_aes256(void)
{
    replay("v12-p521-sha512", params_of(SPDM_VERSION_12, SPDM_HASH_SHA512, SPDM_AEAD_AES_256_GCM));
}

static void spdm13_sha384_aes256(void)
{
    replay("v13-p384-sha384-aes256", params_of(SPDM_VERSION_13, SPDM_HASH_SHA384, SPDM_AEAD_AES_256_GCM));
}

static void spdm14_sha384_aes256(void)
{
    replay("v14-p384-sha384-aes256", params_of(SPDM_VERSION_14, SPDM_HASH_SHA384, SPDM_AEAD_AES_256_GCM));
}

static void spdm12_ffdhe3072(void)
{
    replay("v12-rsapss3072-ffdhe3072", params_of(SPDM_VERSION_12, SPDM_HASH_SHA384, SPDM_AEAD_AES_256_GCM));
}

static const uint8_t secret[HASH_SIZE_MAX], th[HASH_SIZE_MAX];

static void each_function_has_its_stage(void)
{
    struct spdm_params params = params_of(SPDM_VERSION_12, SPDM_HASH_SHA384, SPDM_AEAD_AES_256_GCM);
    struct key_schedule k = {0};
    struct record_key key;
    uint8_t out[HASH_SIZE_MAX];

    CHECK_ERR(key_schedule_data(&k, th), IDE_E_STATE);
    CHECK_ERR(key_schedule_record_key(&k, secret, &key), IDE_E_STATE);
    CHECK_ERR(key_schedule_next(&k, secret, out), IDE_E_STATE);
    CHECK_ERR(key_schedule_verify_data(&k, secret, th, out), IDE_E_STATE);

    CHECK_OK(key_schedule_handshake(&k, &params, secret, 48, th));
    CHECK_ERR(key_schedule_handshake(&k, &params, secret, 48, th), IDE_E_STATE);
    CHECK_ERR(key_schedule_next(&k, secret, out), IDE_E_STATE);

    CHECK_OK(key_schedule_data(&k, th));
    CHECK_ERR(key_schedule_data(&k, th), IDE_E_STATE);
    CHECK_ERR(key_schedule_handshake(&k, &params, secret, 48, th), IDE_E_STATE);
    CHECK_ERR(key_schedule_verify_data(&k, secret, th, out), IDE_E_STATE);
}

static void without_algorithms_there_is_no_handshake(void)
{
    struct spdm_params params = {.version = SPDM_VERSION_12, .hash = hash_by_bit(SPDM_HASH_SHA384)};
    struct key_schedule k = {0};
    CHECK_ERR(key_schedule_handshake(&k, &params, secret, 48, th), IDE_E_STATE);
    params = (struct spdm_params){.version = SPDM_VERSION_12, .aead = aead_by_bit(SPDM_AEAD_AES_256_GCM)};
    CHECK_ERR(key_schedule_handshake(&k, &params, secret, 48, th), IDE_E_STATE);
    CU_ASSERT_EQUAL(k.stage, KEY_STAGE_NONE);
}

static bool all_zero(const void *data, size_t n)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

static void the_data_stage_forgets_the_handshake(void)
{
    struct spdm_params params = params_of(SPDM_VERSION_12, SPDM_HASH_SHA384, SPDM_AEAD_AES_256_GCM);
    struct key_schedule k = {0};
    CHECK_OK(key_schedule_handshake(&k, &params, secret, 48, th));
    CU_ASSERT_FALSE(all_zero(k.handshake_secret, sizeof k.handshake_secret));
    CHECK_OK(key_schedule_data(&k, th));
    CU_ASSERT_TRUE(all_zero(k.handshake_secret, sizeof k.handshake_secret));
    CU_ASSERT_TRUE(all_zero(k.request_finished, sizeof k.request_finished));
    CU_ASSERT_TRUE(all_zero(k.response_finished, sizeof k.response_finished));
    key_schedule_clear(&k);
    CU_ASSERT_TRUE(all_zero(&k, sizeof k));
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(spdm12_sha384_aes256),
        TEST(spdm11_sha256_aes128),
        TEST(spdm12_sha256_chacha20),
        TEST(spdm12_sha512_aes256),
        TEST(spdm13_sha384_aes256),
        TEST(spdm14_sha384_aes256),
        TEST(spdm12_ffdhe3072),
        TEST(each_function_has_its_stage),
        TEST(without_algorithms_there_is_no_handshake),
        TEST(the_data_stage_forgets_the_handshake),
        CU_TEST_INFO_NULL,
    };
    return suite_run("key schedule", tests);
}
