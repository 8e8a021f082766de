/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/x509.h"

#include <string.h>

#include "spdm/dice.h"

#define RSA_BITS_MIN      2048u
#define RSA_BITS_MAX      4096u
#define EXPONENT_BITS_MAX 64u

#define OID(...)                                                                                             \
    {                                                                                                        \
        (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                               \
    }

/* RFC 5758 §3.2, RFC 4055 §5, NIST's register for SHA-3, RFC 8410 §3 */
static const struct signature_algorithm {
    struct span oid;
    enum signature_scheme scheme;
    enum hash_id hash;
} signature_algorithms[] = {
    {OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02), SIGNATURE_ECDSA_DER, HASH_SHA256},
    {OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03), SIGNATURE_ECDSA_DER, HASH_SHA384},
    {OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04), SIGNATURE_ECDSA_DER, HASH_SHA512},
    {OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0a), SIGNATURE_ECDSA_DER, HASH_SHA3_256},
    {OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0b), SIGNATURE_ECDSA_DER, HASH_SHA3_384},
    {OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0c), SIGNATURE_ECDSA_DER, HASH_SHA3_512},
    {OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b), SIGNATURE_RSASSA, HASH_SHA256},
    {OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c), SIGNATURE_RSASSA, HASH_SHA384},
    {OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d), SIGNATURE_RSASSA, HASH_SHA512},
    {OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0e), SIGNATURE_RSASSA, HASH_SHA3_256},
    {OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0f), SIGNATURE_RSASSA, HASH_SHA3_384},
    {OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x10), SIGNATURE_RSASSA, HASH_SHA3_512},
    {OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a), SIGNATURE_RSAPSS,
     HASH_NONE /* its parameters say */},
    {OID(0x2b, 0x65, 0x70), SIGNATURE_EDDSA, HASH_NONE},
    {OID(0x2b, 0x65, 0x71), SIGNATURE_EDDSA, HASH_NONE},
};

/* NIST's register, RFC 8017 §A.2.1 */
static const struct digest_algorithm {
    struct span oid;
    enum hash_id hash;
} digest_algorithms[] = {
    {OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01), HASH_SHA256},
    {OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02), HASH_SHA384},
    {OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03), HASH_SHA512},
    {OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x08), HASH_SHA3_256},
    {OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x09), HASH_SHA3_384},
    {OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x0a), HASH_SHA3_512},
};

static const struct span id_mgf1 = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08);

/* RFC 8410 §3 */
static const struct ed_curve {
    struct span oid;
    enum key_type type;
    uint16_t size;
} ed_curves[] = {
    {OID(0x2b, 0x65, 0x70), KEY_ED25519, 32},
    {OID(0x2b, 0x65, 0x71), KEY_ED448, 57},
};

/* RFC 5480 §2.1.1.1 */
static const struct curve {
    struct span oid;
    enum key_type type;
    uint16_t bits, point_size;
} curves[] = {
    {OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07), KEY_EC_P256, 256, 64},
    {OID(0x2b, 0x81, 0x04, 0x00, 0x22), KEY_EC_P384, 384, 96},
    {OID(0x2b, 0x81, 0x04, 0x00, 0x23), KEY_EC_P521, 521, 132},
};

static const struct span id_ec_public_key = OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01);
static const struct span id_rsa_encryption = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01);

static const char signature_algorithm[] = "signatureAlgorithm";

/* AlgorithmIdentifier of a hash, with NULL or nothing for parameters. */
static enum hash_id parse_digest_algorithm(struct reader *r)
{
    struct reader algorithm = der_enter(r, DER_SEQUENCE, signature_algorithm);
    struct span oid = der_content(&algorithm, DER_OID, signature_algorithm);
    if (der_is_next(&algorithm, DER_NULL))
        (void)der_content(&algorithm, DER_NULL, signature_algorithm);
    der_leave(r, &algorithm, signature_algorithm);
    for (size_t i = 0; i < sizeof(digest_algorithms) / sizeof(digest_algorithms[0]); i++)
        if (span_equal(digest_algorithms[i].oid, oid))
            return digest_algorithms[i].hash;
    read_fail(r, IDE_E_UNSUPPORTED, signature_algorithm);
    return HASH_NONE;
}

/* A parameter that, left out, would be what PSS has for SHA-1. */
static struct reader enter_parameter(struct reader *r, uint8_t tag)
{
    if (r->err == IDE_OK && !der_is_next(r, tag))
        read_fail(r, IDE_E_UNSUPPORTED, signature_algorithm);
    return der_enter(r, tag, signature_algorithm);
}

/*
 * RSASSA-PSS-params (RFC 8017 §A.2.3): a hash, MGF1 with the same, a salt of its length, the default trailer.
 * All other choices, SHA-1 as the default among them, nobody makes who has one of these hashes.
 */
static enum hash_id parse_pss(struct reader *r)
{
    struct reader sequence = der_enter(r, DER_SEQUENCE, signature_algorithm);
    struct reader tagged = enter_parameter(&sequence, DER_CONTEXT_CONSTRUCTED(0));
    enum hash_id hash = parse_digest_algorithm(&tagged);
    der_leave(&sequence, &tagged, signature_algorithm);

    tagged = enter_parameter(&sequence, DER_CONTEXT_CONSTRUCTED(1));
    struct reader generator = der_enter(&tagged, DER_SEQUENCE, signature_algorithm);
    bool is_mgf1 = span_equal(der_content(&generator, DER_OID, signature_algorithm), id_mgf1);
    bool same = parse_digest_algorithm(&generator) == hash;
    der_leave(&tagged, &generator, signature_algorithm);
    der_leave(&sequence, &tagged, signature_algorithm);

    tagged = enter_parameter(&sequence, DER_CONTEXT_CONSTRUCTED(2));
    uint32_t salt = der_small(&tagged, signature_algorithm);
    der_leave(&sequence, &tagged, signature_algorithm);
    der_leave(r, &sequence, signature_algorithm);
    if (hash == HASH_NONE || !is_mgf1 || !same || salt != hash_by_id(hash)->size)
        read_fail(r, IDE_E_UNSUPPORTED, signature_algorithm);
    return hash;
}

static void parse_signature_algorithm(struct reader *r, struct x509 *c)
{
    struct reader algorithm = der_enter(r, DER_SEQUENCE, signature_algorithm);
    struct span oid = der_content(&algorithm, DER_OID, signature_algorithm);
    for (size_t i = 0; i < sizeof(signature_algorithms) / sizeof(signature_algorithms[0]); i++) {
        if (!span_equal(signature_algorithms[i].oid, oid))
            continue;
        c->signature_scheme = signature_algorithms[i].scheme;
        c->signature_hash = signature_algorithms[i].hash;
    }
    if (c->signature_scheme == SIGNATURE_NONE)
        read_fail(&algorithm, IDE_E_UNSUPPORTED, signature_algorithm);
    if (c->signature_scheme == SIGNATURE_RSAPSS)
        c->signature_hash = parse_pss(&algorithm);
    else if (der_is_next(&algorithm, DER_NULL))
        (void)der_content(&algorithm, DER_NULL, signature_algorithm);
    der_leave(r, &algorithm, signature_algorithm);
}

static const char spki[] = "subjectPublicKeyInfo";

static void parse_ec_key(struct reader *r, struct span curve_oid, struct public_key *key)
{
    struct span point = der_bits(r, spki);
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (!span_equal(curves[i].oid, curve_oid))
            continue;
        struct reader uncompressed = reader_of(point.data, point.len);
        if (point.len != curves[i].point_size + 1u || read_u8(&uncompressed, spki) != 0x04)
            read_fail(r, IDE_E_CHAIN, spki);
        key->type = curves[i].type;
        key->bits = curves[i].bits;
        key->len = curves[i].point_size;
        read_copy(&uncompressed, key->data, key->len, spki);
        return;
    }
    read_fail(r, IDE_E_UNSUPPORTED, spki);
}

/* The length of a positive INTEGER in bits. */
static size_t integer_bits(struct span integer)
{
    struct reader r = reader_of(integer.data, integer.len);
    uint8_t top = 0;
    while (top == 0 && read_left(&r) > 0)
        top = read_u8(&r, spki);
    size_t bits = 8 * read_left(&r);
    for (; top > 0; top >>= 1)
        bits++;
    return bits;
}

static void parse_rsa_key(struct reader *r, struct public_key *key)
{
    struct span whole = der_bits(r, spki);
    struct reader bits = reader_of(whole.data, whole.len);
    struct reader sequence = der_enter(&bits, DER_SEQUENCE, spki);
    size_t n = integer_bits(der_content(&sequence, DER_INTEGER, spki));
    struct span exponent = der_content(&sequence, DER_INTEGER, spki);
    size_t exponent_bits = integer_bits(exponent);
    der_leave(&bits, &sequence, spki);
    der_leave(r, &bits, spki);
    /* an exponent of 1 would make every padded digest its own signature; wolfCrypt takes up to 64 bits */
    if (n < RSA_BITS_MIN || n > RSA_BITS_MAX || whole.len > sizeof(key->data) || exponent_bits < 2 ||
        exponent_bits > EXPONENT_BITS_MAX) {
        read_fail(r, IDE_E_UNSUPPORTED, spki);
        return;
    }
    key->type = KEY_RSA;
    key->bits = (uint16_t)n;
    key->len = (uint16_t)whole.len;
    memcpy(key->data, whole.data, whole.len);
}

static void parse_ed_key(struct reader *r, struct span oid, struct public_key *key)
{
    struct span point = der_bits(r, spki);
    for (size_t i = 0; i < sizeof(ed_curves) / sizeof(ed_curves[0]); i++) {
        if (!span_equal(ed_curves[i].oid, oid))
            continue;
        struct reader whole = reader_of(point.data, point.len);
        key->type = ed_curves[i].type;
        key->bits = (uint16_t)(8 * ed_curves[i].size);
        key->len = ed_curves[i].size;
        read_copy(&whole, key->data, key->len, spki);
        der_leave(r, &whole, spki);
        return;
    }
    read_fail(r, IDE_E_UNSUPPORTED, spki);
}

static void parse_public_key(struct reader *r, struct public_key *key)
{
    struct reader info = der_enter(r, DER_SEQUENCE, spki);
    struct reader algorithm = der_enter(&info, DER_SEQUENCE, spki);
    struct span oid = der_content(&algorithm, DER_OID, spki);
    if (span_equal(oid, id_ec_public_key)) {
        struct span curve_oid = der_content(&algorithm, DER_OID, spki);
        der_leave(&info, &algorithm, spki);
        parse_ec_key(&info, curve_oid, key);
    } else if (span_equal(oid, id_rsa_encryption)) {
        (void)der_content(&algorithm, DER_NULL, spki);
        der_leave(&info, &algorithm, spki);
        parse_rsa_key(&info, key);
    } else {
        der_leave(&info, &algorithm, spki);
        parse_ed_key(&info, oid, key);
    }
    der_leave(r, &info, spki);
}

enum ide_err x509_parse_public_key(const uint8_t *der, size_t len, struct public_key *key, const char *step,
                                   struct ide_fault *fault)
{
    struct reader r = reader_of(der, len);
    memset(key, 0, sizeof(*key));
    parse_public_key(&r, key);
    if (r.err == IDE_OK && read_left(&r) > 0)
        read_fail(&r, IDE_E_CHAIN, spki);
    return read_done(&r, fault, step);
}

static void parse_validity(struct reader *r, struct x509 *c)
{
    struct reader validity = der_enter(r, DER_SEQUENCE, "validity");
    c->not_before = der_time(&validity, "notBefore");
    c->not_after = der_time(&validity, "notAfter");
    der_leave(r, &validity, "validity");
}

static void parse_basic_constraints(struct reader *r, struct x509 *c)
{
    static const char *const field = "basicConstraints";
    struct reader sequence = der_enter(r, DER_SEQUENCE, field);
    if (c->has_basic_constraints)
        read_fail(r, IDE_E_CHAIN, field);
    c->has_basic_constraints = true;
    c->is_ca = der_optional_true(&sequence, field);
    c->has_path_length = der_is_next(&sequence, DER_INTEGER);
    if (c->has_path_length)
        c->path_length = der_small(&sequence, "pathLenConstraint");
    der_leave(r, &sequence, field);
}

static void parse_key_usage(struct reader *r, struct x509 *c)
{
    static const char *const field = "keyUsage";
    struct reader bits = der_enter(r, DER_BIT_STRING, field);
    if (c->has_key_usage || read_u8(&bits, field) > 7) /* unused bits */
        read_fail(r, IDE_E_CHAIN, field);
    c->has_key_usage = true;
    c->key_usage = read_u8(&bits, field);
    if (read_left(&bits) > 0)
        (void)read_u8(&bits, field); /* decipherOnly: of no interest */
    der_leave(r, &bits, field);
}

/* The content of a SEQUENCE that identity.c looks into; a second one of its kind is an error. */
static void parse_sequence(struct reader *r, struct span *content, const char *field)
{
    if (content->data)
        read_fail(r, IDE_E_CHAIN, field);
    *content = der_content(r, DER_SEQUENCE, field);
    if (content->len == 0)
        read_fail(r, IDE_E_CHAIN, field);
}

static void parse_ext_key_usage(struct reader *r, struct x509 *c)
{
    static const char *const field = "extendedKeyUsage";
    parse_sequence(r, &c->ext_key_usage, field);
    struct reader purposes = reader_of(c->ext_key_usage.data, c->ext_key_usage.len);
    while (read_left(&purposes) > 0)
        (void)der_content(&purposes, DER_OID, field);
    der_leave(r, &purposes, field);
}

static void parse_subject_alt_name(struct reader *r, struct x509 *c)
{
    parse_sequence(r, &c->subject_alt_name, "subjectAltName");
}

/* RFC 5280 §4.2.1: id-ce is 2.5.29 */
static const struct extension {
    struct span oid;
    void (*parse)(struct reader *r, struct x509 *c);
} extensions[] = {
    {OID(0x55, 0x1d, 0x0f), parse_key_usage},
    {OID(0x55, 0x1d, 0x11), parse_subject_alt_name},
    {OID(0x55, 0x1d, 0x13), parse_basic_constraints},
    {OID(0x55, 0x1d, 0x25), parse_ext_key_usage},
};

static const struct extension *extension_of(struct span oid)
{
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
        if (span_equal(extensions[i].oid, oid))
            return &extensions[i];
    return NULL;
}

static void parse_extension(struct reader *r, struct x509 *c)
{
    static const char *const field = "extension";
    struct reader extension = der_enter(r, DER_SEQUENCE, field);
    struct span oid = der_content(&extension, DER_OID, field);
    bool critical = der_optional_true(&extension, field);
    struct reader value = der_enter(&extension, DER_OCTET_STRING, field);
    der_leave(r, &extension, field);
    const struct extension *known = extension_of(oid);
    if (!known && !critical)
        return;
    if (known) {
        known->parse(&value, c);
    } else if (!dice_extension(oid, &value)) {
        c->unknown_critical = true;
        return;
    }
    der_leave(r, &value, field);
}

static void parse_extensions(struct reader *r, struct x509 *c)
{
    static const char *const field = "extensions";
    if (!der_is_next(r, DER_CONTEXT_CONSTRUCTED(3)))
        return;
    struct reader tagged = der_enter(r, DER_CONTEXT_CONSTRUCTED(3), field);
    struct reader list = der_enter(&tagged, DER_SEQUENCE, field);
    while (read_left(&list) > 0)
        parse_extension(&list, c);
    der_leave(&tagged, &list, field);
    der_leave(r, &tagged, field);
}

/* [1] and [2], which nobody uses any more */
static void skip_unique_ids(struct reader *r)
{
    for (uint8_t n = 1; n <= 2; n++)
        if (der_is_next(r, DER_CONTEXT(n)))
            (void)der_content(r, DER_CONTEXT(n), "uniqueID");
}

/* version: v3 is 2 (DSP0274 §10.6.1 asks for v3) */
static void parse_version(struct reader *r)
{
    struct reader tagged = der_enter(r, DER_CONTEXT_CONSTRUCTED(0), "version");
    if (der_small(&tagged, "version") != 2)
        read_fail(&tagged, IDE_E_UNSUPPORTED, "version");
    der_leave(r, &tagged, "version");
}

static void parse_tbs(struct reader *r, struct x509 *c, struct span *algorithm)
{
    struct reader tbs = der_enter(r, DER_SEQUENCE, "tbsCertificate");
    parse_version(&tbs);
    (void)der_content(&tbs, DER_INTEGER, "serialNumber");
    *algorithm = der_whole(&tbs, DER_SEQUENCE, "signature");
    c->issuer = der_whole(&tbs, DER_SEQUENCE, "issuer");
    parse_validity(&tbs, c);
    c->subject = der_whole(&tbs, DER_SEQUENCE, "subject");
    struct reader key = tbs;
    c->public_key_info = der_whole(&key, DER_SEQUENCE, spki);
    parse_public_key(&tbs, &c->key);
    skip_unique_ids(&tbs);
    parse_extensions(&tbs, c);
    der_leave(r, &tbs, "tbsCertificate");
}

static void parse_certificate(struct reader *r, struct x509 *c)
{
    struct reader certificate = der_enter(r, DER_SEQUENCE, "Certificate");
    struct reader ahead = certificate;
    c->tbs = der_whole(&ahead, DER_SEQUENCE, "tbsCertificate");
    struct span inner;
    parse_tbs(&certificate, c, &inner);
    ahead = certificate;
    struct span outer = der_whole(&ahead, DER_SEQUENCE, "signatureAlgorithm");
    if (!span_equal(inner, outer)) /* RFC 5280 §4.1.1.2 */
        read_fail(&certificate, IDE_E_CHAIN, "signatureAlgorithm");
    parse_signature_algorithm(&certificate, c);
    c->signature = der_bits(&certificate, "signatureValue");
    der_leave(r, &certificate, "Certificate");
}

enum ide_err x509_parse(struct reader *r, struct x509 *c, const char *step, struct ide_fault *fault)
{
    memset(c, 0, sizeof(*c));
    struct reader ahead = *r;
    c->whole = der_whole(&ahead, DER_SEQUENCE, "Certificate");
    parse_certificate(r, c);
    if (r->err == IDE_OK)
        return IDE_OK;
    /* a certificate that ends too early is a malformed chain like any other */
    enum ide_err err = r->err == IDE_E_UNSUPPORTED ? IDE_E_UNSUPPORTED : IDE_E_CHAIN;
    return ide_fail(fault, err, step, r->field);
}

bool x509_has_purpose(struct span ext_key_usage, struct span oid)
{
    struct reader r = reader_of(ext_key_usage.data, ext_key_usage.len);
    while (read_left(&r) > 0)
        if (span_equal(der_content(&r, DER_OID, NULL), oid))
            return true;
    return false;
}

bool x509_next_other_name(struct reader *names, struct span type, struct span *text, uint8_t *text_tag)
{
    static const char *const field = "subjectAltName";
    while (read_left(names) > 0) {
        uint8_t tag;
        struct reader name = der_any(names, &tag, field);
        if (tag != DER_CONTEXT_CONSTRUCTED(0))
            continue;
        struct span oid = der_content(&name, DER_OID, field);
        struct reader value = der_enter(&name, DER_CONTEXT_CONSTRUCTED(0), field);
        struct reader string = der_any(&value, text_tag, field);
        size_t n = read_left(&string);
        *text = (struct span){read_bytes(&string, n, field), n};
        der_leave(&name, &value, field);
        der_leave(names, &name, field);
        if (names->err == IDE_OK && span_equal(oid, type))
            return true;
    }
    return false;
}
