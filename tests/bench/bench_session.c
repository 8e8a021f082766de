/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a handshake and a secured exchange cost, next to the cryptography in them.
 *
 * Requester and responder are connected in memory: SPDM 1.2, P-384, SHA-384, AES-256-GCM, a chain of three certificates,
 * fresh keys each time, pinned to one core, medians. Every cryptographic call of the layers goes through a stopwatch
 * (the linker's --wrap), and the requester's time is what is left when the responder's is taken away; so the ratios are
 * of one run. The counts show that no more is computed than the protocol needs.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device_identity.h"
#include "session/responder.h"
#include "spdm/requester.h"

#define ROUNDS       301
#define EXCHANGES    20001
#define PAYLOAD_SIZE 64u

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- the stopwatch around the cryptography ------------------------------------------------------------------------ */

enum operation { HASHING, HMAC, AEAD_KEY, AEAD, DHE_KEY, DHE_SECRET, VERIFY, SIGN, OPERATIONS };

struct tally {
    uint64_t ns[OPERATIONS];
    unsigned calls[OPERATIONS];
};

static struct tally tallies[2], *tally = &tallies[0];   /* of the requester, of the responder */

static uint64_t tally_total(const struct tally *t)
{
    uint64_t total = 0;
    for (int i = 0; i < OPERATIONS; i++)
        total += t->ns[i];
    return total;
}

#define WRAP(operation, name, parameters, arguments)                                                         \
    enum ide_err __real_##name parameters;                                                                   \
    enum ide_err __wrap_##name parameters;                                                                   \
    enum ide_err __wrap_##name parameters                                                                    \
    {                                                                                                        \
        uint64_t start = now_ns();                                                                           \
        enum ide_err err = __real_##name arguments;                                                          \
        tally->ns[operation] += now_ns() - start;                                                            \
        tally->calls[operation]++;                                                                           \
        return err;                                                                                          \
    }

WRAP(HASHING, hash_init, (struct hash * h, enum hash_id id), (h, id))
WRAP(HASHING, hash_update, (struct hash * h, const void *data, size_t n), (h, data, n))
WRAP(HASHING, hash_final, (struct hash * h, uint8_t *out), (h, out))
WRAP(HASHING, hash_snapshot, (const struct hash *h, uint8_t *out), (h, out))
WRAP(HASHING, hash_once, (enum hash_id id, const void *data, size_t n, uint8_t *out), (id, data, n, out))
WRAP(HMAC, hmac_once,
     (enum hash_id id, const void *key, size_t key_len, const void *data, size_t n, uint8_t *out),
     (id, key, key_len, data, n, out))
WRAP(HMAC, hkdf_extract,
     (enum hash_id id, const void *salt, size_t salt_len, const void *ikm, size_t ikm_len, uint8_t *out),
     (id, salt, salt_len, ikm, ikm_len, out))
WRAP(HMAC, hkdf_expand,
     (enum hash_id id, const void *prk, const void *info, size_t info_len, uint8_t *out, size_t out_len),
     (id, prk, info, info_len, out, out_len))
WRAP(AEAD_KEY, aead_set_key, (struct aead_key * k, enum aead_id id, const uint8_t *key), (k, id, key))
WRAP(AEAD, aead_seal,
     (const struct aead_key *k, const uint8_t *iv, const void *aad, size_t aad_len, uint8_t *data, size_t n,
      uint8_t *tag),
     (k, iv, aad, aad_len, data, n, tag))
WRAP(AEAD, aead_open,
     (const struct aead_key *k, const uint8_t *iv, const void *aad, size_t aad_len, uint8_t *data, size_t n,
      const uint8_t *tag),
     (k, iv, aad, aad_len, data, n, tag))
WRAP(DHE_KEY, dhe_generate,
     (struct dhe_key * k, const struct dhe_info *info, const struct rng *rng, uint8_t *public_out),
     (k, info, rng, public_out))
WRAP(DHE_SECRET, dhe_compute, (const struct dhe_key *k, const uint8_t *peer_public, uint8_t *secret),
     (k, peer_public, secret))
WRAP(VERIFY, public_key_verify,
     (const struct public_key *k, const struct signed_data *what, const uint8_t *signature, size_t signature_len),
     (k, what, signature, signature_len))
WRAP(SIGN, private_key_sign,
     (const struct private_key *k, const struct signed_data *what, const struct rng *rng, uint8_t *signature,
      size_t signature_len),
     (k, what, rng, signature, signature_len))

/* --- the two sides ----------------------------------------------------------------------------------------------- */

struct bench {
    struct device_identity identity;
    struct drbg drbg;
    struct rng rng;
    struct clock clock;
    struct spdm_connection requester;
    struct session session;
    struct session_responder responder;
    struct session responder_sessions[1];
    struct spdm_config requester_config, responder_config;
    struct spdm_vendor echo;
    uint8_t chain[8192];
    struct doe_transport transport;
    uint64_t responder_ns;
};

static uint64_t monotonic_ms(void *context)
{
    (void)context;
    return now_ns() / 1000000;
}

static int64_t unix_seconds(void *context)
{
    (void)context;
    return time(NULL);
}

static void no_sleep(void *context, uint32_t ms)
{
    (void)context;
    (void)ms;
}

static enum ide_err exchange(void *context, const uint8_t *request, size_t request_len, uint8_t *response,
                             size_t response_cap, size_t *response_len, uint32_t timeout_ms, struct ide_fault *fault)
{
    struct bench *b = context;
    (void)timeout_ms;
    (void)fault;
    uint64_t start = now_ns();
    tally = &tallies[1];
    enum ide_err err =
        session_respond_object(&b->responder, request, request_len, response, response_cap, response_len);
    tally = &tallies[0];
    b->responder_ns += now_ns() - start;
    if (err != IDE_OK)
        fprintf(stderr, "the responder: %s\n", ide_err_text(err));
    return *response_len > 0 ? IDE_OK : IDE_E_IO;
}

static void must(const struct bench *b, enum ide_err err, const char *what)
{
    char text[160];
    if (err == IDE_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, ide_fault_text(&b->requester.fault, text, sizeof text));
    exit(1);
}

/* The responder's part of a vendor-defined exchange: the payload comes back. */
static enum ide_err echo(void *context, struct spdm_responder *r, const struct spdm_request *request,
                         const uint8_t *payload, size_t len, struct writer *w)
{
    (void)context;
    (void)r;
    (void)request;
    write_bytes(w, payload, len);
    return write_done(w);
}

static void bench_open(struct bench *b)
{
    if (!device_identity_make(&b->identity, "bench", "P-384", HASH_SHA384))
        exit(1);
    must(b, drbg_open(&b->drbg), "DRBG");
    b->rng = drbg_rng(&b->drbg);
    b->clock = (struct clock){monotonic_ms, unix_seconds, no_sleep, NULL};
    b->transport = (struct doe_transport){exchange, b};
    b->requester_config = spdm_config_requester;
    b->responder_config = spdm_config_responder;
    b->requester_config.version_max = b->responder_config.version_max = SPDM_VERSION_12;
    b->responder_config.base_asym = SPDM_ASYM_ECDSA_P384;
    session_responder_init(&b->responder, &b->responder_config, &b->rng, &b->clock, b->responder_sessions, 1);
    b->echo = (struct spdm_vendor){
        .standard_id = 3, .vendor_id_len = 2, .vendor_id = {0x01, 0x00}, .in_session = true, .handle = echo};
    spdm_responder_add_vendor(&b->responder.spdm, &b->echo);
    b->responder.spdm.slots[0] = (struct spdm_slot){b->identity.chain, b->identity.chain_len, &b->identity.key};
}

/* One side's figures for one handshake. */
struct sample {
    double total, crypto;
};

static void handshake(struct bench *b, struct sample *requester, struct sample *responder)
{
    memset(tallies, 0, sizeof tallies);
    b->responder_ns = 0;
    uint64_t start = now_ns();
    spdm_connection_init(&b->requester, SPDM_REQUESTER, &b->requester_config, &b->rng, &b->clock);
    b->requester.chain = b->chain;
    b->requester.chain_cap = sizeof b->chain;
    b->requester.clear = doe_clear_channel(&b->transport);
    must(b, spdm_negotiate(&b->requester), "negotiate");
    must(b, spdm_get_digests(&b->requester, NULL, NULL), "digests");
    must(b, spdm_get_certificate(&b->requester, 0, &b->identity.trust), "certificate");
    must(b, session_open(&b->session, &b->requester, &b->transport), "session");
    uint64_t total = now_ns() - start;
    *requester = (struct sample){(double)(total - b->responder_ns) / 1e3, (double)tally_total(&tallies[0]) / 1e3};
    *responder = (struct sample){(double)b->responder_ns / 1e3, (double)tally_total(&tallies[1]) / 1e3};
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof values[0], compare);
    return values[n / 2];
}

static void print_side(const char *name, double *total, double *crypto, double *ratio, const struct tally *t)
{
    printf("  \"%s\": {\"us\": %.1f, \"crypto_us\": %.1f, \"ratio\": %.3f,\n", name, median(total, ROUNDS),
           median(crypto, ROUNDS), median(ratio, ROUNDS));
    printf("    \"calls\": {\"dhe_generate\": %u, \"dhe_compute\": %u, \"verify\": %u, \"sign\": %u, \"hash\": %u, "
           "\"hmac\": %u, \"aead_key\": %u, \"aead\": %u}},\n",
           t->calls[DHE_KEY], t->calls[DHE_SECRET], t->calls[VERIFY], t->calls[SIGN], t->calls[HASHING],
           t->calls[HMAC], t->calls[AEAD_KEY], t->calls[AEAD]);
}

static void bench_handshakes(struct bench *b)
{
    static double total[2][ROUNDS], crypto[2][ROUNDS], ratio[2][ROUNDS];
    struct tally last[2];
    for (int i = -3; i < ROUNDS; i++) {   /* the first few warm up */
        struct sample s[2];
        handshake(b, &s[0], &s[1]);
        memcpy(last, tallies, sizeof last);
        for (int side = 0; i >= 0 && side < 2; side++) {
            total[side][i] = s[side].total;
            crypto[side][i] = s[side].crypto;
            ratio[side][i] = s[side].total / s[side].crypto;
        }
        if (i + 1 < ROUNDS)
            must(b, session_end(&b->session), "end");
    }
    print_side("handshake_requester", total[0], crypto[0], ratio[0], &last[0]);
    print_side("handshake_responder", total[1], crypto[1], ratio[1], &last[1]);
}

static void bench_exchanges(struct bench *b)
{
    static double total[EXCHANGES], ratio[EXCHANGES];
    const struct session_vendor vendor = {.registry = 3, .vendor_len = 2, .vendor_id = {0x01, 0x00}};
    uint8_t payload[PAYLOAD_SIZE] = {0};
    for (int i = 0; i < EXCHANGES; i++) {
        const uint8_t *response;
        size_t response_len;
        memset(tallies, 0, sizeof tallies);
        b->responder_ns = 0;
        uint64_t start = now_ns();
        must(b, session_vendor_exchange(&b->session, &vendor, payload, sizeof payload, &response, &response_len),
             "vendor-defined exchange");
        total[i] = (double)(now_ns() - start - b->responder_ns);
        ratio[i] = total[i] / (double)tallies[0].ns[AEAD];
    }
    printf("  \"vendor_exchange_64_bytes\": {\"ns\": %.0f, \"ratio_to_aead\": %.2f},\n", median(total, EXCHANGES),
           median(ratio, EXCHANGES));
}

int main(void)
{
    static struct bench b;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        perror("sched_setaffinity");
    bench_open(&b);
    printf("{\n");
    bench_handshakes(&b);
    bench_exchanges(&b);
    printf("  \"state_bytes\": {\"connection\": %zu, \"session\": %zu, \"both\": %zu}\n}\n", sizeof b.requester,
           sizeof b.session, sizeof b.requester + sizeof b.session);
    drbg_close(&b.drbg);
    return 0;
}
