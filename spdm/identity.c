/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/identity.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "spdm/cursor.h"
#include "spdm/x509.h"

#define CHAIN_STEP    "CERTIFICATE"
#define ANCHOR_STEP   "trust anchor"
#define SERIAL_DIGITS 16u
#define NAME_SIZE     64u

#define OID(...)                                                                                             \
    {                                                                                                        \
        (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                               \
    }

/* id-DMTF-spdm is 1.3.6.1.4.1.412.274 (DSP0274 1.2 §10.6.1.3) */
static const struct span eku_responder = OID(0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0x1c, 0x82, 0x12, 0x03);
static const struct span eku_requester = OID(0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0x1c, 0x82, 0x12, 0x04);
/* 2.23.147 (PCIe 6.1 §6.31.3) */
static const struct span cma_name_type = OID(0x67, 0x81, 0x13);

/* One run over a chain. */
struct path {
    const struct trust *trust;
    int64_t now;
    const struct asym_info *asym;
    uint32_t intermediates_left; /* how many more CAs the path lengths so far allow */
    struct identity result;
    struct ide_fault *fault;
};

char *cma_name_text(const struct cma_ids *ids, char *text, size_t size)
{
    int n = snprintf(text, size, "Vendor=%04X:Device=%04X:CC=%06X:REV=%02X", ids->vendor, ids->device,
                     (unsigned)(ids->class_code & 0xffffff), ids->revision);
    if (ids->has_subsystem && n >= 0 && (size_t)n < size)
        (void)snprintf(text + n, size - (size_t)n, ":SSVID=%04X:SSID=%04X", ids->subsystem_vendor,
                       ids->subsystem);
    return text;
}

/* Takes the literal from r, in any case; otherwise takes nothing and gives false. */
static bool take(struct reader *r, const char *literal)
{
    struct reader ahead = *r;
    size_t n = strlen(literal);
    const uint8_t *bytes = read_bytes(&ahead, n, NULL);
    if (!bytes || strncasecmp((const char *)bytes, literal, n) != 0)
        return false;
    *r = ahead;
    return true;
}

/* Takes so many hexadecimal digits, and fails r if there are others. */
static uint64_t take_hex(struct reader *r, size_t digits)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        uint8_t digit = read_u8(r, NULL), letter = digit | 0x20;
        if (digit >= '0' && digit <= '9')
            value = value << 4 | (digit - '0');
        else if (letter >= 'a' && letter <= 'f')
            value = value << 4 | (letter - 'a' + 10u);
        else
            read_fail(r, IDE_E_NAME, NULL);
    }
    return value;
}

/*
 * Whether a CMA name is the device's. What may follow: the subsystem ids, if we know none to compare, and the
 * device serial number, which Linux and PCIe 6.1 put last if the function has one.
 */
static bool name_is_of(const struct cma_ids *ids, struct span name)
{
    char expected[NAME_SIZE];
    struct reader r = reader_of(name.data, name.len);
    if (!take(&r, cma_name_text(ids, expected, sizeof(expected))))
        return false;
    if (!ids->has_subsystem && take(&r, ":SSVID=")) {
        (void)take_hex(&r, 4);
        if (!take(&r, ":SSID="))
            return false;
        (void)take_hex(&r, 4);
    }
    if (take(&r, ":")) {
        uint64_t serial = take_hex(&r, SERIAL_DIGITS);
        if (ids->has_serial && serial != ids->serial)
            return false;
    }
    read_end(&r);
    return r.err == IDE_OK;
}

/* Every CMA name of the leaf must be the device's; there may be other names. */
static enum ide_err check_names(struct path *p, const struct x509 *leaf, const char *step)
{
    static const char *const field = "subjectAltName";
    struct reader names = reader_of(leaf->subject_alt_name.data, leaf->subject_alt_name.len);
    const struct cma_ids *ids = p->trust->ids;
    struct span name;
    uint8_t tag;
    while (x509_next_other_name(&names, cma_name_type, &name, &tag)) {
        p->result.has_cma_name = true;
        if (ids && (tag != DER_UTF8_STRING || !name_is_of(ids, name)))
            return ide_fail(p->fault, IDE_E_NAME, step, field);
    }
    if (names.err != IDE_OK)
        return ide_fail(p->fault, IDE_E_CHAIN, step, field);
    if (ids && p->trust->name_rule == CMA_NAME_REQUIRED && !p->result.has_cma_name)
        return ide_fail(p->fault, IDE_E_NAME, step, field);
    return IDE_OK;
}

/*
 * A key for requesters is not one for responders (DSP0274 1.2 §10.6.1.3). RFC 5280 §4.2.1.12 would have each
 * leaf that lists purposes list ours, too; DMTF's own samples list TLS server and OCSP signing instead, so
 * that is asked only where the CMA name is.
 */
static bool purpose_fits(const struct trust *trust, struct span ext_key_usage)
{
    struct span wanted = trust->requester ? eku_requester : eku_responder;
    struct span other = trust->requester ? eku_responder : eku_requester;
    if (!ext_key_usage.data || x509_has_purpose(ext_key_usage, wanted))
        return true;
    bool is_strict = trust->ids && trust->name_rule == CMA_NAME_REQUIRED;
    return !is_strict && !x509_has_purpose(ext_key_usage, other);
}

static enum ide_err check_leaf(struct path *p, const struct x509 *leaf, const char *step)
{
    if (leaf->is_ca)
        return ide_fail(p->fault, IDE_E_USAGE, step, "basicConstraints");
    if (!leaf->has_key_usage || !(leaf->key_usage & X509_DIGITAL_SIGNATURE))
        return ide_fail(p->fault, IDE_E_USAGE, step, "keyUsage");
    if (!purpose_fits(p->trust, leaf->ext_key_usage))
        return ide_fail(p->fault, IDE_E_USAGE, step, "extendedKeyUsage");
    if (!(asym_of_key(leaf->key.type, leaf->key.bits) & p->asym->bit))
        return ide_fail_value(p->fault, IDE_E_KEY, step, "subjectPublicKeyInfo", leaf->key.bits,
                              p->asym->key_bits);
    p->result.key = leaf->key;
    return check_names(p, leaf, step);
}

/* A certificate that signs others. RFC 5280 §6.1.4 (h) to (n). */
static enum ide_err check_ca(struct path *p, const struct x509 *ca, bool is_anchor, const char *step)
{
    if (!ca->is_ca)
        return ide_fail(p->fault, IDE_E_USAGE, step, "basicConstraints");
    if (ca->has_key_usage && !(ca->key_usage & X509_KEY_CERT_SIGN))
        return ide_fail(p->fault, IDE_E_USAGE, step, "keyUsage");
    bool is_self_issued = span_equal(ca->subject, ca->issuer);
    if (!is_anchor && !is_self_issued) {
        if (p->intermediates_left == 0)
            return ide_fail(p->fault, IDE_E_USAGE, step, "pathLenConstraint");
        p->intermediates_left--;
    }
    if (ca->has_path_length && ca->path_length < p->intermediates_left)
        p->intermediates_left = ca->path_length;
    return IDE_OK;
}

/* What is asked of every certificate of a path, the anchor included. */
static enum ide_err check_common(struct path *p, const struct x509 *c, const char *step)
{
    if (p->now < c->not_before)
        return ide_fail(p->fault, IDE_E_EXPIRED, step, "notBefore");
    if (p->now > c->not_after)
        return ide_fail(p->fault, IDE_E_EXPIRED, step, "notAfter");
    if (c->unknown_critical) /* RFC 5280 §4.2 */
        return ide_fail(p->fault, IDE_E_UNSUPPORTED, step, "critical extension");
    if (c->not_after < p->result.not_after)
        p->result.not_after = c->not_after;
    return IDE_OK;
}

static enum ide_err check_signature(struct path *p, const struct x509 *c, const struct x509 *issuer,
                                    const char *step)
{
    if (!span_equal(c->issuer, issuer->subject))
        return ide_fail(p->fault, IDE_E_CHAIN, step, "issuer");
    if (!signature_fits(c->signature_scheme, issuer->key.type))
        return ide_fail(p->fault, IDE_E_SIGNATURE, step, "signatureAlgorithm");
    uint8_t digest[HASH_SIZE_MAX];
    struct signed_data what = {.scheme = c->signature_scheme, .data = c->tbs.data, .len = c->tbs.len};
    enum ide_err err = IDE_OK;
    if (c->signature_hash != HASH_NONE) {
        what = (struct signed_data){c->signature_scheme, c->signature_hash, digest, 0, NULL};
        what.len = hash_by_id(c->signature_hash)->size;
        err = hash_once(c->signature_hash, c->tbs.data, c->tbs.len, digest);
    }
    if (err == IDE_OK)
        err = public_key_verify(&issuer->key, &what, c->signature.data, c->signature.len);
    return err == IDE_OK ? IDE_OK : ide_fail(p->fault, err, step, "signature");
}

/* The anchor whose hash is RootHash: the chain may have no other root than the one it names itself. */
static enum ide_err find_anchor(struct path *p, enum hash_id hash, const uint8_t *root_hash, size_t hash_size)
{
    for (size_t i = 0; i < p->trust->anchor_count; i++) {
        uint8_t digest[HASH_SIZE_MAX];
        enum ide_err err = hash_once(hash, p->trust->anchors[i].der, p->trust->anchors[i].len, digest);
        if (err != IDE_OK)
            return ide_fail(p->fault, err, CHAIN_STEP, "RootHash");
        if (memcmp(digest, root_hash, hash_size) == 0) {
            p->result.anchor = i;
            return IDE_OK;
        }
    }
    return ide_fail(p->fault, IDE_E_UNTRUSTED, CHAIN_STEP, "RootHash");
}

/* Counts the certificates and sees that nothing else is there. */
static enum ide_err count_certificates(struct path *p, struct reader certificates)
{
    static const char *const field = "Certificate";
    unsigned count = 0;
    while (read_left(&certificates) > 0) {
        (void)der_enter(&certificates, DER_SEQUENCE, field);
        if (++count > CHAIN_CERTIFICATES_MAX)
            return ide_fail_value(p->fault, IDE_E_CHAIN, CHAIN_STEP, "number of certificates", count,
                                  CHAIN_CERTIFICATES_MAX);
    }
    if (certificates.err != IDE_OK || count == 0)
        return ide_fail(p->fault, IDE_E_CHAIN, CHAIN_STEP, field);
    p->result.certificates = (uint8_t)count;
    return IDE_OK;
}

/* Parses and checks the anchor; if the chain begins with it, takes it from there, and *in_chain says so. */
static enum ide_err enter_anchor(struct path *p, struct reader *certificates, struct x509 *anchor,
                                 bool *in_chain)
{
    const struct trust_anchor *given = &p->trust->anchors[p->result.anchor];
    struct reader ahead = *certificates, own = reader_of(given->der, given->len);
    struct span first = der_whole(&ahead, DER_SEQUENCE, NULL);
    *in_chain = span_equal(first, (struct span){given->der, given->len});
    enum ide_err err = x509_parse(*in_chain ? certificates : &own, anchor, ANCHOR_STEP, p->fault);
    if (err == IDE_OK && !*in_chain && read_left(&own) > 0)
        err = ide_fail(p->fault, IDE_E_CHAIN, ANCHOR_STEP, "Certificate");
    if (err == IDE_OK)
        err = check_common(p, anchor, ANCHOR_STEP);
    return err;
}

/* The next certificate down the path: signed by issuer, whose place it then takes. */
static enum ide_err descend(struct path *p, struct reader *certificates, struct x509 *issuer, bool is_leaf)
{
    const char *step = is_leaf ? "leaf certificate" : "intermediate certificate";
    struct x509 c;
    enum ide_err err = x509_parse(certificates, &c, step, p->fault);
    if (err == IDE_OK)
        err = check_signature(p, &c, issuer, step);
    if (err == IDE_OK)
        err = check_common(p, &c, step);
    if (err == IDE_OK)
        err = is_leaf ? check_leaf(p, &c, step) : check_ca(p, &c, false, step);
    *issuer = c;
    return err;
}

static enum ide_err walk(struct path *p, struct reader certificates)
{
    struct x509 issuer;
    bool in_chain;
    enum ide_err err = enter_anchor(p, &certificates, &issuer, &in_chain);
    if (err != IDE_OK)
        return err;
    unsigned done = in_chain ? 1 : 0, count = p->result.certificates;
    if (done == count) /* the user trusts the device's own certificate */
        return check_leaf(p, &issuer, ANCHOR_STEP);
    err = check_ca(p, &issuer, true, ANCHOR_STEP);
    for (; err == IDE_OK && done < count; done++)
        err = descend(p, &certificates, &issuer, done + 1 == count);
    return err;
}

enum ide_err identity_verify(const uint8_t *chain, size_t chain_len, enum hash_id hash,
                             const struct asym_info *asym, int64_t now, const struct trust *trust,
                             struct identity *out, struct ide_fault *fault)
{
    const struct hash_info *info = hash_by_id(hash);
    if (!trust || trust->anchor_count == 0)
        return ide_fail(fault, IDE_E_NO_TRUST, CHAIN_STEP, NULL);
    if (!info || !asym)
        return ide_fail(fault, IDE_E_UNSUPPORTED, CHAIN_STEP, info ? "BaseAsymAlgo" : "BaseHashAlgo");
    struct path p = {.trust = trust,
                     .now = now,
                     .asym = asym,
                     .intermediates_left = UINT32_MAX,
                     .fault = fault,
                     .result = {.not_after = INT64_MAX}};
    struct reader r = reader_of(chain, chain_len);
    /* up to 1.3 two bytes of Length and two Reserved ones, which are 0; one field from 1.4 on */
    uint32_t length = read_u32(&r, "Length");
    if (length != chain_len)
        read_fail_value(&r, IDE_E_CHAIN, "Length", length, chain_len);
    const uint8_t *root_hash = read_bytes(&r, info->size, "RootHash");
    if (!root_hash)
        return ide_fail_value(fault, IDE_E_CHAIN, CHAIN_STEP, r.field, r.got, r.want);
    enum ide_err err = count_certificates(&p, r);
    if (err == IDE_OK)
        err = find_anchor(&p, hash, root_hash, info->size);
    if (err == IDE_OK)
        err = walk(&p, r);
    if (err == IDE_OK)
        *out = p.result;
    return err;
}
