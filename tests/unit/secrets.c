/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "secrets.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "session/session.h"
#include "spdm/crypto_wolf.h"

#if !defined(__has_feature)
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define STACK_IS_MEANT 0
#else
#define STACK_IS_MEANT 1
#endif

#define SECRETS_MAX  512u
#define SECRET_MAX   512u
#define WINDOW       8u
#define TABLE_SIZE   (1u << 19)
#define STACK_SIZE   ((size_t)1 << 20)
#define STACK_FILL   0xa5
#define DISTINCT_MIN 5u   /* a window with fewer different bytes says nothing */

struct secret {
    char name[24];
    uint8_t data[SECRET_MAX];
    size_t len;
    uint8_t parent[16];   /* the head of what it was derived from */
    bool allowed, told;
};

static struct secret secrets[SECRETS_MAX];
static size_t count;
static bool signing;

/* An open hash table of windows. */
static struct {
    uint64_t window;
    uint16_t owner;   /* index + 1; 0: free */
} table[TABLE_SIZE];
static size_t used;

/* --- learning --- */

static void add(const char *name, const void *data, size_t n, const uint8_t *parent)
{
    if (count == SECRETS_MAX || n > SECRET_MAX) {
        fprintf(stderr, "secrets.c: no room for %s\n", name);
        abort();
    }
    struct secret *s = &secrets[count++];
    memset(s, 0, sizeof *s);
    /* no snprintf(): it would save vector registers, in which the crypto layer may have left a piece, on the stack */
    memcpy(s->name, name, strnlen(name, sizeof s->name - 1));
    memcpy(s->data, data, n);
    s->len = n;
    if (parent)
        memcpy(s->parent, parent, sizeof s->parent);
}

void secrets_forget(void)
{
    memset(secrets, 0, sizeof secrets);
    count = 0;
}

void secrets_learn(const char *name, const void *data, size_t n)
{
    add(name, data, n, NULL);
}

size_t secrets_count(void)
{
    return count;
}

static bool contains(const uint8_t *memory, size_t n, const uint8_t *what, size_t len)
{
    for (size_t i = 0; i + len <= n; i++) {
        if (memcmp(memory + i, what, len) == 0)
            return true;
    }
    return false;
}

static bool parent_is_allowed(const struct secret *s)
{
    for (size_t p = 0; p < count; p++) {
        if (secrets[p].allowed && memcmp(s->parent, secrets[p].data, sizeof s->parent) == 0)
            return true;
    }
    return false;
}

void secrets_allow(const void *data, size_t n)
{
    for (size_t i = 0; i < count; i++) {
        if (contains(data, n, secrets[i].data, secrets[i].len))
            secrets[i].allowed = true;
    }
    static const char *const derived[] = {"key", "iv", "schedule", "hash key"};   /* each from those before it */
    for (size_t d = 0; d < sizeof derived / sizeof derived[0]; d++) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(secrets[i].name, derived[d]) == 0 && parent_is_allowed(&secrets[i]))
                secrets[i].allowed = true;
        }
    }
}

/* --- between the layers and the crypto layer --- */

enum ide_err __real_hkdf_expand(enum hash_id id, const void *prk, const void *info, size_t info_len, uint8_t *out,
                                size_t out_len);
enum ide_err __wrap_hkdf_expand(enum hash_id id, const void *prk, const void *info, size_t info_len, uint8_t *out,
                                size_t out_len);
enum ide_err __wrap_hkdf_expand(enum hash_id id, const void *prk, const void *info, size_t info_len, uint8_t *out,
                                size_t out_len)
{
    enum ide_err err = __real_hkdf_expand(id, prk, info, info_len, out, out_len);
    char label[16] = "?";
    const char *text = (const char *)info + 10;   /* behind the length and "spdm1.2 " */
    for (size_t i = 0; i + 1 < sizeof label && 10 + i < info_len && text[i] >= ' ' && text[i] <= 'z'; i++)
        label[i] = text[i], label[i + 1] = 0;
    if (err == IDE_OK)
        add(label, out, out_len, prk);
    return err;
}

enum ide_err __real_hkdf_extract(enum hash_id id, const void *salt, size_t salt_len, const void *ikm, size_t ikm_len,
                                 uint8_t *out);
enum ide_err __wrap_hkdf_extract(enum hash_id id, const void *salt, size_t salt_len, const void *ikm, size_t ikm_len,
                                 uint8_t *out);
enum ide_err __wrap_hkdf_extract(enum hash_id id, const void *salt, size_t salt_len, const void *ikm, size_t ikm_len,
                                 uint8_t *out)
{
    enum ide_err err = __real_hkdf_extract(id, salt, salt_len, ikm, ikm_len, out);
    add("ikm", ikm, ikm_len, NULL);
    if (err == IDE_OK)
        add("extracted", out, hash_by_id(id)->size, NULL);
    return err;
}

enum ide_err __real_dhe_generate(struct dhe_key *k, const struct dhe_info *info, const struct rng *rng,
                                 uint8_t *public_out);
enum ide_err __wrap_dhe_generate(struct dhe_key *k, const struct dhe_info *info, const struct rng *rng,
                                 uint8_t *public_out);
enum ide_err __wrap_dhe_generate(struct dhe_key *k, const struct dhe_info *info, const struct rng *rng,
                                 uint8_t *public_out)
{
    enum ide_err err = __real_dhe_generate(k, info, rng, public_out);
    if (err == IDE_OK)
        add("DHE private key", k->private_key, k->private_len, NULL);
    return err;
}

enum ide_err __real_dhe_compute(const struct dhe_key *k, const uint8_t *peer_public, uint8_t *secret);
enum ide_err __wrap_dhe_compute(const struct dhe_key *k, const uint8_t *peer_public, uint8_t *secret);
enum ide_err __wrap_dhe_compute(const struct dhe_key *k, const uint8_t *peer_public, uint8_t *secret)
{
    enum ide_err err = __real_dhe_compute(k, peer_public, secret);
    if (err == IDE_OK)
        add("DHE secret", secret, k->info->secret_size, NULL);
    return err;
}

/* AES's round keys, from which the key follows, and GCM's hash key, from which forgeries do. */
enum ide_err __real_aead_set_key(struct aead_key *k, enum aead_id id, const uint8_t *key);
enum ide_err __wrap_aead_set_key(struct aead_key *k, enum aead_id id, const uint8_t *key);
enum ide_err __wrap_aead_set_key(struct aead_key *k, enum aead_id id, const uint8_t *key)
{
    enum ide_err err = __real_aead_set_key(k, id, key);
    if (err == IDE_OK && id != AEAD_CHACHA20_POLY1305) {
        const Aes *aes = (const void *)k->state;
        add("schedule", aes->key, 16u * (aes->rounds + 1u), key);
        add("hash key", aes->H, sizeof aes->H, key);
    }
    return err;
}

/* What a signature draws is its nonce, from which the key follows. wolfCrypt's own draws are seen if it is linked in. */
enum ide_err __real_private_key_sign(const struct private_key *k, const struct signed_data *what,
                                     const struct rng *rng, uint8_t *signature, size_t signature_len);
enum ide_err __wrap_private_key_sign(const struct private_key *k, const struct signed_data *what,
                                     const struct rng *rng, uint8_t *signature, size_t signature_len);
enum ide_err __wrap_private_key_sign(const struct private_key *k, const struct signed_data *what,
                                     const struct rng *rng, uint8_t *signature, size_t signature_len)
{
    signing = true;
    enum ide_err err = __real_private_key_sign(k, what, rng, signature, signature_len);
    signing = false;
    return err;
}

int __real_wc_RNG_GenerateBlock(WC_RNG *rng, byte *out, word32 n);
int __wrap_wc_RNG_GenerateBlock(WC_RNG *rng, byte *out, word32 n);
int __wrap_wc_RNG_GenerateBlock(WC_RNG *rng, byte *out, word32 n)
{
    int rc = __real_wc_RNG_GenerateBlock(rng, out, n);
    if (signing && n >= 16)
        add("signature nonce", out, n, NULL);
    return rc;
}

/* --- looking --- */

static uint64_t window_at(const uint8_t *at)
{
    uint64_t w;
    memcpy(&w, at, sizeof w);
    return w;
}

static size_t slot_of(uint64_t window)
{
    return (size_t)((window * UINT64_C(0x9e3779b97f4a7c15)) >> 45) & (TABLE_SIZE - 1);
}

static bool tells_something(const uint8_t *at)
{
    unsigned distinct = 0;
    for (unsigned i = 0; i < WINDOW; i++) {
        bool seen = false;
        for (unsigned j = 0; j < i; j++)
            seen |= at[i] == at[j];
        distinct += !seen;
    }
    return distinct >= DISTINCT_MIN;
}

static void enter(const uint8_t *data, size_t n, uint16_t owner)
{
    for (size_t i = 0; i + WINDOW <= n; i++) {
        if (!tells_something(data + i))
            continue;
        size_t slot = slot_of(window_at(data + i));
        while (table[slot].owner != 0 && table[slot].window != window_at(data + i))
            slot = (slot + 1) & (TABLE_SIZE - 1);
        if (table[slot].owner == 0 && ++used > TABLE_SIZE / 2)
            abort();
        table[slot].window = window_at(data + i);
        table[slot].owner = owner;
    }
}

/* The n bytes with each group of size bytes turned round; group 0: all of them. */
static void turn(const uint8_t *from, size_t n, size_t group, uint8_t *to)
{
    memcpy(to, from, n);
    size_t size = group ? group : n;
    for (size_t start = 0; start + size <= n; start += size) {
        for (size_t i = 0; i < size; i++)
            to[start + i] = from[start + size - 1 - i];
    }
}

static void enter_secret(const struct secret *s, uint16_t owner)
{
    static const uint8_t pads[] = {0x00, 0x36, 0x5c};   /* plain, HMAC's ipad and opad */
    static const size_t groups[] = {1, 4, 8, 0};
    for (size_t p = 0; p < sizeof pads; p++) {
        uint8_t padded[SECRET_MAX], turned[SECRET_MAX];
        for (size_t i = 0; i < s->len; i++)
            padded[i] = s->data[i] ^ pads[p];
        for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
            turn(padded, s->len, groups[g], turned);
            enter(turned, s->len, owner);
        }
    }
}

static void build_table(void)
{
    memset(table, 0, sizeof table);
    used = 0;
    for (size_t i = 0; i < count; i++) {
        secrets[i].told = false;
        if (!secrets[i].allowed)
            enter_secret(&secrets[i], (uint16_t)(i + 1));
    }
}

static uint16_t owner_of(uint64_t window)
{
    for (size_t slot = slot_of(window); table[slot].owner != 0; slot = (slot + 1) & (TABLE_SIZE - 1)) {
        if (table[slot].window == window)
            return table[slot].owner;
    }
    return 0;
}

size_t secrets_find(const char *title, const void *memory, size_t n)
{
    const uint8_t *bytes = memory;
    size_t finds = 0;
    build_table();
    for (size_t i = 0; i + WINDOW <= n; i++) {
        uint16_t owner = owner_of(window_at(bytes + i));
        if (owner == 0)
            continue;
        finds++;
        struct secret *s = &secrets[owner - 1];
        if (!s->told)
            fprintf(stderr, "%s: \"%s\" (%zu bytes) is left at %zu, %zu from the end\n", title, s->name, s->len, i,
                    n - i);
        s->told = true;
    }
    return finds;
}

/* --- a stack of its own --- */

static uint8_t *stack;
static void (*to_run)(void);

static void *body(void *unused)
{
    (void)unused;
    to_run();
    return NULL;
}

void secrets_run(void (*f)(void))
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (!stack) {
        stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (stack == MAP_FAILED)
            abort();
    }
    memset(stack, STACK_FILL, STACK_SIZE);
    to_run = f;
    if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstack(&attributes, stack, STACK_SIZE) != 0 ||
        pthread_create(&thread, &attributes, body, NULL) != 0 || pthread_join(thread, NULL) != 0)
        abort();
    pthread_attr_destroy(&attributes);
}

/* AddressSanitizer moves locals about and copies them: what is left then says nothing about the program as it is built. */
size_t secrets_find_on_stack(const char *title)
{
    return STACK_IS_MEANT ? secrets_find(title, stack, STACK_SIZE) : 0;
}
