/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cert_builder.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "spdm/cursor.h"
#include "spdm/der.h"

#define CMA_OID              "678113"
#define DMTF_DEVICE_INFO_OID "2b06010401831c821201"

static struct test_key keys[CHAIN_LINKS_MAX];
static struct drbg drbg;
static bool drbg_is_open;

/* What a type of key is called in the tables, in a certificate and in SEC1. */
static const struct key_form {
    enum key_type type;
    uint16_t dhe;
    const char *curve_oid, *sec1_head, *sec1_tail;
} key_forms[] = {
    {KEY_EC_P256, SPDM_DHE_SECP256R1, "2a8648ce3d030107", "30310201010420", "a00a06082a8648ce3d030107"},
    {KEY_EC_P384, SPDM_DHE_SECP384R1, "2b81040022", "303e0201010430", "a00706052b81040022"},
    {KEY_EC_P521, SPDM_DHE_SECP521R1, "2b81040023", "30500201010442", "a00706052b81040023"},
};

static const struct key_form *form_of(enum key_type type)
{
    for (size_t i = 0; i < sizeof(key_forms) / sizeof(key_forms[0]); i++)
        if (key_forms[i].type == type)
            return &key_forms[i];
    abort();
}

/* DER is written inside out: begin() leaves a mark, end() puts the length there and moves the content. */

static void put(struct cert *c, const void *data, size_t n)
{
    if (n > sizeof(c->der) - c->len)
        abort();
    memcpy(c->der + c->len, data, n);
    c->len += n;
}

static void put_byte(struct cert *c, uint8_t byte)
{
    put(c, &byte, 1);
}

static void put_hex(struct cert *c, const char *text)
{
    struct bytes b = unhex(text);
    put(c, b.data, b.len);
}

static size_t begin(struct cert *c, uint8_t tag)
{
    put_byte(c, tag);
    return c->len;
}

static void end(struct cert *c, size_t mark)
{
    size_t n = c->len - mark, extra = n < 0x80 ? 1 : n < 0x100 ? 2 : 3;
    static const uint8_t room[3];
    put(c, room, extra);
    memmove(c->der + mark + extra, c->der + mark, n);
    uint8_t *length = c->der + mark;
    if (extra == 1) {
        length[0] = (uint8_t)n;
        return;
    }
    length[0] = (uint8_t)(0x80 + extra - 1);
    for (size_t i = 1; i < extra; i++)
        length[i] = (uint8_t)(n >> (8 * (extra - 1 - i)));
}

static void put_element(struct cert *c, uint8_t tag, const void *data, size_t n)
{
    size_t mark = begin(c, tag);
    put(c, data, n);
    end(c, mark);
}

static void put_oid(struct cert *c, const char *hex)
{
    size_t mark = begin(c, DER_OID);
    put_hex(c, hex);
    end(c, mark);
}

static void put_small(struct cert *c, int value)
{
    const uint8_t byte = (uint8_t)value;
    put_element(c, DER_INTEGER, &byte, 1);
}

static void put_name(struct cert *c, const char *common_name)
{
    size_t name = begin(c, DER_SEQUENCE), set = begin(c, 0x31), attribute = begin(c, DER_SEQUENCE);
    put_oid(c, "550403");
    put_element(c, DER_UTF8_STRING, common_name, strlen(common_name));
    end(c, attribute);
    end(c, set);
    end(c, name);
}

static void put_time(struct cert *c, const char *time)
{
    put_element(c, strlen(time) == 13 ? DER_UTC_TIME : DER_GENERALIZED_TIME, time, strlen(time));
}

static void put_signature_algorithm(struct cert *c, enum hash_id hash)
{
    size_t mark = begin(c, DER_SEQUENCE);
    put_oid(c, hash == HASH_SHA512   ? "2a8648ce3d040304"
               : hash == HASH_SHA384 ? "2a8648ce3d040303"
                                     : "2a8648ce3d040302");
    end(c, mark);
}

static void put_public_key(struct cert *c, const struct test_key *key)
{
    size_t info = begin(c, DER_SEQUENCE), algorithm = begin(c, DER_SEQUENCE);
    put_oid(c, "2a8648ce3d0201");
    put_oid(c, form_of(key->type)->curve_oid);
    end(c, algorithm);
    size_t bits = begin(c, DER_BIT_STRING);
    put_hex(c, "0004");
    put(c, key->public_key, key->public_len);
    end(c, bits);
    end(c, info);
}

/* An extension up to its value, which the caller writes; ended by extension_end(). */
struct extension {
    size_t sequence, value;
};

static struct extension extension_begin(struct cert *c, const char *oid, bool critical)
{
    struct extension e = {.sequence = begin(c, DER_SEQUENCE)};
    put_oid(c, oid);
    if (critical)
        put_hex(c, "0101ff");
    e.value = begin(c, DER_OCTET_STRING);
    return e;
}

static void extension_end(struct cert *c, struct extension e)
{
    end(c, e.value);
    end(c, e.sequence);
}

static void put_basic_constraints(struct cert *c, const struct cert_spec *spec)
{
    const uint8_t ca = spec->ca ? 0xff : 0x00;
    struct extension e = extension_begin(c, "551d13", true);
    size_t mark = begin(c, DER_SEQUENCE);
    put_element(c, DER_BOOLEAN, &ca, 1);
    if (spec->path_length != ABSENT)
        put_small(c, spec->path_length);
    end(c, mark);
    extension_end(c, e);
}

static void put_key_usage(struct cert *c, const struct cert_spec *spec)
{
    struct extension e = extension_begin(c, "551d0f", true);
    put_element(c, DER_BIT_STRING, (uint8_t[]){0, (uint8_t)spec->key_usage, (uint8_t)(spec->key_usage >> 8)},
                spec->key_usage > 0xff ? 3 : 2);
    extension_end(c, e);
}

static void put_purposes(struct cert *c, const struct cert_spec *spec)
{
    struct extension e = extension_begin(c, "551d25", false);
    size_t mark = begin(c, DER_SEQUENCE);
    for (size_t i = 0; i < 3 && spec->purposes[i] && spec->purposes[i][0]; i++)
        put_oid(c, spec->purposes[i]);
    end(c, mark);
    extension_end(c, e);
}

static void put_other_name(struct cert *c, const char *oid, uint8_t tag, const char *text)
{
    size_t name = begin(c, DER_CONTEXT_CONSTRUCTED(0));
    put_oid(c, oid);
    size_t value = begin(c, DER_CONTEXT_CONSTRUCTED(0));
    put_element(c, tag, text, strlen(text));
    end(c, value);
    end(c, name);
}

static void put_alt_names(struct cert *c, const struct cert_spec *spec)
{
    struct extension e = extension_begin(c, "551d11", false);
    size_t mark = begin(c, DER_SEQUENCE);
    put_element(c, DER_CONTEXT(2), "device.example", 14); /* dNSName */
    if (spec->other_name)
        put_other_name(c, DMTF_DEVICE_INFO_OID, DER_UTF8_STRING, spec->other_name);
    for (size_t i = 0; i < 2 && spec->cma_names[i]; i++)
        put_other_name(c, CMA_OID, spec->name_tag, spec->cma_names[i]);
    if (spec->raw_name)
        put_hex(c, spec->raw_name);
    end(c, mark);
    extension_end(c, e);
}

static bool has_extension(const struct cert_spec *spec, enum known_extension id)
{
    switch (id) {
    case BASIC_CONSTRAINTS:
        return spec->ca != ABSENT;
    case KEY_USAGE:
        return spec->key_usage != ABSENT;
    case EXT_KEY_USAGE:
        return spec->purposes[0] != NULL;
    case SUBJECT_ALT_NAME:
        return spec->cma_names[0] || spec->other_name;
    case NO_EXTENSION:
        break;
    }
    return false;
}

static void put_known_extensions(struct cert *c, const struct cert_spec *spec)
{
    static void (*const put_extension[])(struct cert *, const struct cert_spec *) = {
        [BASIC_CONSTRAINTS] = put_basic_constraints,
        [KEY_USAGE] = put_key_usage,
        [EXT_KEY_USAGE] = put_purposes,
        [SUBJECT_ALT_NAME] = put_alt_names,
    };
    for (enum known_extension id = BASIC_CONSTRAINTS; id <= SUBJECT_ALT_NAME; id++)
        for (int times = has_extension(spec, id) ? 1 + (spec->twice == id) : 0; times > 0; times--)
            put_extension[id](c, spec);
}

static void put_extensions(struct cert *c, const struct cert_spec *spec)
{
    size_t tagged = begin(c, DER_CONTEXT_CONSTRUCTED(3)), list = begin(c, DER_SEQUENCE);
    put_known_extensions(c, spec);
    if (spec->extension) {
        const char *oid = spec->extension_oid ? spec->extension_oid : "2b06010401831c821206";
        struct extension e = extension_begin(c, oid, spec->extension_is_critical);
        put_hex(c, spec->extension);
        extension_end(c, e);
    }
    end(c, list);
    end(c, tagged);
}

static void put_tbs(struct cert *c, const struct cert_spec *spec)
{
    size_t tbs = begin(c, DER_SEQUENCE), version = begin(c, DER_CONTEXT_CONSTRUCTED(0));
    put_small(c, spec->version);
    end(c, version);
    put_small(c, 1);
    put_signature_algorithm(c, spec->hash);
    put_name(c, spec->issuer);
    size_t validity = begin(c, DER_SEQUENCE);
    put_time(c, spec->not_before);
    put_time(c, spec->not_after);
    end(c, validity);
    put_name(c, spec->subject);
    put_public_key(c, spec->key);
    put_extensions(c, spec);
    end(c, tbs);
}

/* A big-endian number as a positive INTEGER. */
static void put_integer(struct cert *c, const uint8_t *bytes, size_t n)
{
    while (n > 1 && bytes[0] == 0) {
        bytes++;
        n--;
    }
    size_t mark = begin(c, DER_INTEGER);
    if (bytes[0] >= 0x80)
        put_byte(c, 0);
    put(c, bytes, n);
    end(c, mark);
}

static void put_signature(struct cert *c, const struct test_key *signer, enum hash_id hash,
                          const uint8_t *tbs, size_t n)
{
    uint8_t digest[HASH_SIZE_MAX], rs[SIGNATURE_SIZE_MAX];
    struct rng rng = drbg_rng(&drbg);
    size_t size = signer->public_len;
    struct signed_data what = {SIGNATURE_ECDSA, hash, digest, hash_by_id(hash)->size, NULL};
    if (hash_once(hash, tbs, n, digest) != IDE_OK ||
        private_key_sign(&signer->private_key, &what, &rng, rs, size) != IDE_OK)
        abort();
    size_t bits = begin(c, DER_BIT_STRING);
    put_byte(c, 0);
    size_t sequence = begin(c, DER_SEQUENCE);
    put_integer(c, rs, size / 2);
    put_integer(c, rs + size / 2, size / 2);
    end(c, sequence);
    end(c, bits);
}

static void cert_build(struct cert *c, const struct cert_spec *spec)
{
    c->len = 0;
    size_t whole = begin(c, DER_SEQUENCE);
    put_tbs(c, spec);
    size_t tbs_len = c->len - whole;
    put_signature_algorithm(c, spec->hash);
    put_signature(c, spec->signer, spec->hash, c->der + whole, tbs_len);
    end(c, whole);
}

static bool key_make(struct test_key *k, enum key_type type)
{
    const struct key_form *form = form_of(type);
    struct rng rng = drbg_rng(&drbg);
    struct dhe_key pair;
    struct cert der = {.len = 0};
    k->type = type;
    if (dhe_generate(&pair, dhe_by_bit(form->dhe), &rng, k->public_key) != IDE_OK)
        return false;
    k->public_len = pair.info->public_size;
    put_hex(&der, form->sec1_head);
    put(&der, pair.private_key, pair.private_len);
    put_hex(&der, form->sec1_tail);
    return private_key_load(&k->private_key, der.der, der.len) == IDE_OK;
}

bool test_keys_open(enum key_type type)
{
    if (!drbg_is_open && drbg_open(&drbg) != IDE_OK)
        return false;
    drbg_is_open = true;
    for (size_t i = 0; i < CHAIN_LINKS_MAX; i++)
        if (!key_make(&keys[i], type))
            return false;
    return true;
}

void test_keys_close(void)
{
    if (drbg_is_open)
        drbg_close(&drbg);
    drbg_is_open = false;
}

const struct test_key *test_key(unsigned position)
{
    return &keys[position];
}

struct chain_spec chain_spec_good(unsigned count, const char *cma_name)
{
    static const char *const names[] = {"c0", "c1", "c2", "c3", "c4",  "c5",
                                        "c6", "c7", "c8", "c9", "c10", "c11"};
    struct chain_spec chain = {.count = count};
    for (unsigned i = 0; i < count; i++) {
        unsigned issuer = i == 0 ? 0 : i - 1;
        bool is_leaf = i + 1 == count;
        chain.certs[i] = (struct cert_spec){
            .subject = names[i],
            .issuer = names[issuer],
            .not_before = "200101000000Z",
            .not_after = "20991231235959Z",
            .version = 2,
            .ca = !is_leaf,
            .path_length = ABSENT,
            .key_usage = is_leaf ? 0x80 : 0x04,
            .name_tag = DER_UTF8_STRING,
            .hash = HASH_SHA384,
            .key = test_key(i),
            .signer = test_key(issuer),
        };
    }
    chain.certs[count - 1].cma_names[0] = cma_name;
    chain.certs[count - 1].purposes[0] = "2b06010401831c821203";
    return chain;
}

void chain_assemble(struct chain *c, enum hash_id root_hash, bool without_root)
{
    uint8_t digest[HASH_SIZE_MAX];
    struct writer w = writer_of(c->data, sizeof(c->data));
    if (hash_once(root_hash, c->certs[0].der, c->certs[0].len, digest) != IDE_OK)
        abort();
    write_u32(&w, 0);
    write_bytes(&w, digest, hash_by_id(root_hash)->size);
    for (unsigned i = without_root ? 1 : 0; i < c->count; i++)
        write_bytes(&w, c->certs[i].der, c->certs[i].len);
    if (write_done(&w) != IDE_OK)
        abort();
    c->len = w.pos;
    struct writer length = writer_of(c->data, sizeof(c->data));
    write_u32(&length, (uint32_t)c->len);
}

void chain_build(struct chain *c, const struct chain_spec *spec, enum hash_id root_hash)
{
    c->count = spec->count;
    for (unsigned i = 0; i < spec->count; i++)
        cert_build(&c->certs[i], &spec->certs[i]);
    chain_assemble(c, root_hash, spec->without_root);
}
