/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sample keys of DMTF's programs, and what the words of the command line mean for the configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"
#include "spdm/cursor.h"
#include "spdm/policy.h"

/* --- files --- */

static void read_file(const struct peer *p, const char *name, struct bytes *out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", p->keys, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        die(path, "cannot be read");
    out->len = fread(out->data, 1, sizeof out->data, f);
    fclose(f);
}

/* Without a word for it, the hash of the curve's size. */
static uint32_t hash_bit(const struct peer *p)
{
    if (word(p, "hash"))
        return number(p, "hash", 16);
    return strstr(p->keys, "256") ? SPDM_HASH_SHA256 : strstr(p->keys, "384") ? SPDM_HASH_SHA384 : SPDM_HASH_SHA512;
}

/* Length, Reserved, RootHash and the certificates, of which the first is the root. */
static void make_chain(const struct peer *p, struct party *party, const struct bytes *certificates)
{
    const struct hash_info *hash = hash_by_bit(hash_bit(p));
    if (!hash)
        die("hash", "is not in this build");
    struct writer w = writer_of(party->chain.data, sizeof party->chain.data);
    write_u32(&w, (uint32_t)(4 + hash->size + certificates->len));
    uint8_t *root_hash = write_space(&w, hash->size);
    if (!root_hash || hash_once(hash->id, party->root.data, party->root.len, root_hash) != IDE_OK)
        die("chain", "no hash");
    write_bytes(&w, certificates->data, certificates->len);
    party->chain.len = w.pos;
}

static void read_party(const struct peer *p, const char *role, struct party *party)
{
    static struct bytes file;
    char name[64];
    read_file(p, "ca.cert.der", &party->root);
    snprintf(name, sizeof name, "bundle_%s.certchain.der", role);
    read_file(p, name, &file);
    make_chain(p, party, &file);
    snprintf(name, sizeof name, "end_%s.key.pub.der", role);
    read_file(p, name, &party->public_key);
    snprintf(name, sizeof name, "end_%s.key.der", role);
    read_file(p, name, &file);
    if (private_key_load(&party->key, file.data, file.len) != IDE_OK)
        die(name, "is no private key");
    read_file(p, "ca1.cert.der", &party->root1);
    party->anchors[0] = (struct trust_anchor){party->root.data, party->root.len};
    party->anchors[1] = (struct trust_anchor){party->root1.data, party->root1.len};
    party->trust = (struct trust){.anchors = party->anchors, .anchor_count = 2, .name_rule = CMA_NAME_IF_PRESENT,
                                  .requester = strcmp(role, "requester") == 0};
}

/* --- set up --- */

static uint64_t monotonic_ms(void *context)
{
    struct timespec t;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int64_t unix_seconds(void *context)
{
    (void)context;
    return time(NULL);
}

static void sleep_ms(void *context, uint32_t ms)
{
    (void)context;
    usleep(ms * 1000);
}

/* Without a word for it, the curve's. */
static uint32_t asym_bit(const struct peer *p)
{
    return word(p, "asym") ? number(p, "asym", 16) : asym_of_key(p->us.key.type, p->us.key.bits);
}

/* What a word adds to the capabilities; of a responder's the requester has none. */
static const struct {
    const char *word;
    uint32_t requester, responder;
} abilities[] = {
    {"clear", SPDM_CAP_HANDSHAKE_CLEAR, SPDM_CAP_HANDSHAKE_CLEAR},
    {"psk", SPDM_CAP_PSK, SPDM_CAP_PSK},
    {"psk-context", SPDM_CAP_PSK, SPDM_CAP_PSK_CONTEXT},
    {"mut", SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP | SPDM_CAP_CERT, SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP},
    {"encap", SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP | SPDM_CAP_CERT, SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP},
    {"digests", SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP | SPDM_CAP_CERT, SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP},
    {"chunk", SPDM_CAP_CHUNK, SPDM_CAP_CHUNK},
    {"meas", 0, SPDM_CAP_MEAS_SIG | SPDM_CAP_MEAS_FRESH},
    {"mel", 0, SPDM_CAP_MEL},
    {"csr", 0, SPDM_CAP_CSR | SPDM_CAP_SET_CERT},
    {"set-cert", 0, SPDM_CAP_SET_CERT},
    {"pairs", 0, SPDM_CAP_GET_KEY_PAIR | SPDM_CAP_SET_KEY_PAIR},
    {"endpoint", 0, SPDM_CAP_EP_INFO_SIG},
    {"events", SPDM_CAP_EVENT, SPDM_CAP_EVENT},
};

static void configure_abilities(const struct peer *p, struct spdm_config *c, bool requester)
{
    for (size_t i = 0; i < sizeof abilities / sizeof abilities[0]; i++)
        if (word(p, abilities[i].word))
            c->flags |= requester ? abilities[i].requester : abilities[i].responder;
    if (word(p, "pubkey"))
        c->flags = (c->flags & ~(uint32_t)SPDM_CAP_CERT) | SPDM_CAP_PUB_KEY_ID;
    c->transfer_size = number(p, "chunk", 10);
    if (word(p, "meas") || word(p, "mel") || word(p, "summary"))
        c->measurement_spec = SPDM_MEASUREMENT_SPEC_DMTF;
    c->measurement_hash = SPDM_MEASUREMENT_HASH_SHA256;
    c->mel_spec = word(p, "mel") ? 1 : 0;
    c->summary_type = (uint8_t)number(p, "summary", 16);
}

static void configure(struct peer *p, bool requester)
{
    struct spdm_config *c = &p->config;
    *c = requester ? spdm_config_requester : spdm_config_responder;
    c->policy = &spdm_policy_all;
    if (word(p, "ver"))
        c->version_min = c->version_max = (uint8_t)number(p, "ver", 16);
    c->base_hash = hash_bit(p);
    c->base_asym = asym_bit(p);
    if (word(p, "dhe"))
        c->dhe = (uint16_t)number(p, "dhe", 16);
    if (word(p, "aead"))
        c->aead = (uint16_t)number(p, "aead", 16);
    c->timeout_ms = 10000;
    configure_abilities(p, c, requester);
    c->req_asym = c->flags & SPDM_CAP_MUT_AUTH ? (uint16_t)asym_bit(p) : 0;
}

void prepare(struct peer *p, bool requester)
{
    read_party(p, requester ? "requester" : "responder", &p->us);
    read_party(p, requester ? "responder" : "requester", &p->them);
    configure(p, requester);
    if (drbg_open(&p->drbg) != IDE_OK)
        die("DRBG", "cannot be opened");
    p->rng = drbg_rng(&p->drbg);
    p->clock = (struct clock){monotonic_ms, unix_seconds, sleep_ms, NULL};
    for (unsigned slot = 0; slot < SPDM_SLOTS; slot++)
        p->slots[slot] = (struct spdm_slot){p->us.chain.data, p->us.chain.len, &p->us.key};
    if (word(p, "pubkey"))
        memset(p->slots, 0, sizeof p->slots);
    p->slots[SPDM_PLACE_PROVISIONED] = (struct spdm_slot){p->us.public_key.data, p->us.public_key.len, &p->us.key};
}

