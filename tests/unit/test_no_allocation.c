/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No allocation: whole conversations of both roles while malloc, calloc and realloc fail. Between the linker's --wrap and
 * wolfCrypt's own allocator hooks it is told who asked. drbg_open() alone may, before.
 */
#include "check.h"
#include "device_identity.h"
#include "ide_km/responder.h"
#include "loopback.h"

#include <stdlib.h>

#include "spdm/crypto_wolf.h"
#include "suite.h"
#include <wolfssl/wolfcrypt/memory.h>

static struct loopback l;
static struct device_identity identity;

static bool armed;          /* every allocation fails */
static unsigned layers, wolfcrypt;   /* how many there were */

/* --- the allocators --- */

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
    layers += armed;
    return armed ? NULL : __real_malloc(n);
}

void *__real_calloc(size_t count, size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_calloc(size_t count, size_t n)
{
    layers += armed;
    return armed ? NULL : __real_calloc(count, n);
}

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
    layers += armed;
    return armed ? NULL : __real_realloc(p, n);
}

static bool may_allocate;   /* wolfCrypt, as Debian builds it, for elliptic curves */

static void *wolf_malloc(size_t n)
{
    wolfcrypt += armed;
    return armed && !may_allocate ? NULL : __real_malloc(n);
}

static void *wolf_realloc(void *p, size_t n)
{
    wolfcrypt += armed;
    return armed && !may_allocate ? NULL : __real_realloc(p, n);
}

static void arm(void)
{
    layers = wolfcrypt = 0;
    armed = true;
}

/* Debian's wolfSSL has its bignums on the heap. What a build does is asked for by trying. */
static bool wolfcrypt_allocates(void)
{
    struct dhe_key key;
    uint8_t point[DHE_PUBLIC_MAX];
    if (!loopback_open(&l, KEY_EC_P384))
        return false;
    may_allocate = true;
    arm();
    (void)!dhe_generate(&key, dhe_by_bit(SPDM_DHE_SECP384R1), &l.requester.rng, point);
    armed = false;
    dhe_clear(&key);
    loopback_close(&l);
    return wolfcrypt > 0;
}

/* --- the conversation --- */

static bool query(void *context, uint8_t port_index, struct ide_km_query_resp *out)
{
    (void)context, (void)port_index;
    out->block_len = 24;
    return true;
}

static enum kp_ack_status key_prog(void *context, uint32_t session_id, const struct ide_km_target *target,
                                   const struct ide_key *key)
{
    (void)context, (void)session_id, (void)target, (void)key;
    return KP_ACK_SUCCESS;
}

static bool go_or_stop(void *context, uint32_t session_id, const struct ide_km_target *target)
{
    (void)context, (void)session_id, (void)target;
    return true;
}

static void session_ended(void *context, uint32_t session_id)
{
    (void)context, (void)session_id;
}

static struct ide_km_responder km;

static void open_pair(enum key_type curve)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, curve));
    /* any other generator than the crypto layer's own lends its randomness to one that wolfCrypt allocates */
    l.requester.rng = l.responder.spdm.connection.rng = drbg_rng(&l.drbg);
}

static void begin(enum key_type curve, const char *name)
{
    static const struct ide_km_port_ops ops = {.query = query, .key_prog = key_prog, .set_go = go_or_stop,
                                               .set_stop = go_or_stop, .session_end = session_ended};
    const enum hash_id hash = curve == KEY_EC_P256 ? HASH_SHA256 : HASH_SHA384;
    CU_ASSERT_TRUE_FATAL(device_identity_make(&identity, "no_allocation", name, hash));
    open_pair(curve);
    l.responder.heartbeat_period = 5;
    l.responder.spdm.slots[0] =
        (struct spdm_slot){.chain = identity.chain, .chain_len = identity.chain_len, .key = &identity.key};
    km = (struct ide_km_responder){.ops = &ops};
    ide_km_responder_attach(&km, &l.responder);
}

static enum ide_err talk_ide_km(void)
{
    static struct ide_key_set set;
    static struct ide_km_query_resp ports;
    const struct ide_km_target target = {.stream_id = 1};
    enum ide_err err = ide_key_set_generate(&set, &l.requester.rng);
    if (err == IDE_OK)
        err = ide_km_query(&l.session, 0, &ports);
    if (err == IDE_OK)
        err = ide_km_key_prog(&l.session, &target, &set.key[0][0]);
    if (err == IDE_OK)
        err = ide_km_set_go(&l.session, &target);
    if (err == IDE_OK)
        err = ide_km_set_stop(&l.session, &target);
    ide_key_set_wipe(&set);
    return err;
}

static enum ide_err converse(void)
{
    enum ide_err err = spdm_authenticate(&l.requester, 0, &identity.trust);
    if (err == IDE_OK)
        err = session_open(&l.session, &l.requester, &l.transport);
    if (err == IDE_OK)
        err = session_heartbeat(&l.session);
    if (err == IDE_OK)
        err = talk_ide_km();
    if (err == IDE_OK)
        err = session_key_update(&l.session, KEY_UPDATE_ALL);
    if (err == IDE_OK)
        err = session_end(&l.session);
    return err;
}

/* Fails on the way too: what cleans up may not allocate either. */
static enum ide_err converse_badly(void)
{
    uint8_t object[] = {0x01, 0x00, DOE_TYPE_CMA, 0, 3, 0, 0, 0, SPDM_VERSION_12, SPDM_KEY_EXCHANGE, 0, 0};
    enum ide_err err = spdm_authenticate(&l.requester, 0, &identity.trust);
    loopback_object(&l, object, sizeof object);
    l.requester_config.busy_retries = 0;
    if (err == IDE_OK)
        err = spdm_get_certificate(&l.requester, 1, &identity.trust);
    return err;
}

static enum ide_err open_and_end(void)
{
    enum ide_err err = loopback_session(&l);
    return err == IDE_OK ? session_end(&l.session) : err;
}

static void check(enum ide_err (*conversation)(void), enum ide_err expected)
{
    arm();
    enum ide_err err = conversation();
    armed = false;
    CHECK_ERR(err, expected);
    CU_ASSERT_EQUAL(layers, 0);
    if (!may_allocate)
        CU_ASSERT_EQUAL(wolfcrypt, 0);
    loopback_close(&l);
}

static void conversations_do_not_allocate(void)
{
    static const struct {
        enum key_type curve;
        const char *name;
    } rows[] = {{KEY_EC_P256, "P-256"}, {KEY_EC_P384, "P-384"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(rows[i].curve, rows[i].name);
        check(converse, IDE_OK);
        begin(rows[i].curve, rows[i].name);
        check(converse_badly, IDE_E_NO_CERT);
    }
}

/* Certificates and signatures of all kinds. */
static void no_kind_of_key_allocates(void)
{
    static const struct {
        uint32_t asym;
        const char *name;
    } rows[] = {{SPDM_ASYM_ECDSA_P521, "P-521"},      {SPDM_ASYM_RSASSA_2048, "RSA-2048"},
                {SPDM_ASYM_RSAPSS_2048, "RSA-2048, PSS"}, {SPDM_ASYM_RSASSA_3072, "RSA-3072"},
                {SPDM_ASYM_RSAPSS_4096, "RSA-4096"},  {SPDM_ASYM_ED25519, "Ed25519"},
                {SPDM_ASYM_ED448, "Ed448"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(KEY_EC_P384, rows[i].name);
        l.requester_config.base_asym = l.responder_config.base_asym = rows[i].asym;
        check(converse, IDE_OK);
    }
}

/* Whatever the tables have. */
static void no_algorithm_allocates(void)
{
    for (unsigned bit = 0; bit < 16; bit++) {
        const uint16_t dhe = dhe_by_bit(1u << bit) ? (uint16_t)(1u << bit) : 0;
        const uint16_t aead = aead_by_bit(1u << bit) ? (uint16_t)(1u << bit) : 0;
        open_pair(KEY_EC_P384);
        if (dhe)
            l.requester_config.dhe = l.responder_config.dhe = dhe;
        if (aead)
            l.requester_config.aead = l.responder_config.aead = aead;
        if (dhe || aead)
            check(open_and_end, IDE_OK);
        else
            loopback_close(&l);
    }
}

/* The test is worth something only if what is to be seen is seen. */
static void an_allocation_is_noticed(void)
{
    arm();
    void *volatile p = malloc(1);
    void *volatile q = XMALLOC(1, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    armed = false;
    CU_ASSERT_PTR_NULL(p);
    XFREE(q, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    CU_ASSERT_TRUE(may_allocate || !q);
    CU_ASSERT_EQUAL(layers, 1);
    CU_ASSERT_EQUAL(wolfcrypt, 1);
}

/* And only if the way out of it is an error and no crash. */
static void without_memory_there_is_no_generator(void)
{
    struct drbg drbg;
    arm();
    enum ide_err err = drbg_open(&drbg);
    armed = false;
    CHECK_ERR(err, may_allocate ? IDE_OK : IDE_E_RANDOM);
    CU_ASSERT_TRUE(wolfcrypt > 0);
    drbg_close(&drbg);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(an_allocation_is_noticed),
        TEST(without_memory_there_is_no_generator),
        TEST(conversations_do_not_allocate),
        TEST(no_kind_of_key_allocates),
        TEST(no_algorithm_allocates),
        CU_TEST_INFO_NULL,
    };
    if (wolfSSL_SetAllocators(wolf_malloc, free, wolf_realloc) != 0)
        return 1;
    may_allocate = wolfcrypt_allocates();
    if (may_allocate)
        puts("skipped for wolfCrypt, which as it is built here allocates for elliptic curves; the layers are tested");
    return suite_run("no allocation", tests);
}
