/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spdm/identity.h on certificates that openssl makes: RSA and EC mixed, names among other names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cert_builder.h"
#include "spdm/identity.h"
#include "suite.h"

#define NAME "Vendor=1B36:Device=0010:CC=010802:REV=02:SSVID=1AF4:SSID=1100"

static const struct cma_ids ids = {.vendor = 0x1b36,
                                   .device = 0x0010,
                                   .class_code = 0x010802,
                                   .revision = 2,
                                   .subsystem_vendor = 0x1af4,
                                   .subsystem = 0x1100,
                                   .has_subsystem = true};
static struct chain chain;

/* What openssl makes: an RSA root, a P-521 intermediate, a P-384 leaf. $1 is the folder. */
static const char openssl_script[] =
    "set -e; rm -rf \"$1\"; mkdir -p \"$1\"; cd \"$1\"\n"
    "ca='-addext basicConstraints=critical,CA:TRUE,pathlen:3 -addext keyUsage=critical,keyCertSign,cRLSign'\n"
    "printf '[req]\\ndistinguished_name=dn\\n[dn]\\n' > req.cnf\n"
    "new='openssl req -x509 -nodes -days 3650 -config req.cnf -newkey'\n"
    "$new rsa:2048 -sha512 $ca -subj /O=x/CN=root -keyout root.key -out c0.pem\n"
    "$new ec -pkeyopt ec_paramgen_curve:P-521 -sha256 $ca -subj /O=x/CN=mid -CA c0.pem -CAkey root.key "
    "-keyout mid.key"
    " -out c1.pem\n"
    "$new ec -pkeyopt ec_paramgen_curve:P-384 -sha512 -subj /O=x/CN=leaf -CA c1.pem -CAkey mid.key -keyout "
    "leaf.key"
    " -out c2.pem -addext basicConstraints=critical,CA:FALSE -addext keyUsage=digitalSignature,nonRepudiation"
    " -addext "
    "'subjectAltName=DNS:a.example,otherName:1.3.6.1.4.1.412.274.1;UTF8:A:B:C,otherName:2.23.147;UTF8:" NAME
    "' -addext extendedKeyUsage=serverAuth,1.3.6.1.4.1.412.274.3\n"
    "$new rsa:1024 $ca -subj /O=x/CN=weak -keyout weak.key -out c3.pem\n"
    "$new rsa:2048 $ca -sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20 -subj /O=x/CN=salt -keyout s.key"
    " -out c4.pem\n"
    "for n in 0 1 2 3 4; do openssl x509 -in c$n.pem -outform DER -out c$n.der; done\n";

static bool read_certificate(struct cert *c, unsigned n)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/identity_openssl/c%u.der", TEST_BINARY_DIR, n);
    FILE *f = fopen(path, "rb");
    c->len = f ? fread(c->der, 1, sizeof(c->der), f) : 0;
    if (f)
        fclose(f);
    return c->len > 0;
}

static bool make_chain(void)
{
    static char command[4096];
    snprintf(command, sizeof(command), "exec 2>'%s/identity_openssl.log'; set -- '%s/identity_openssl'; %s",
             TEST_BINARY_DIR, TEST_BINARY_DIR, openssl_script);
    chain.count = 3;
    bool made = system(command) == 0;
    for (unsigned n = 0; n < chain.count; n++)
        made = made && read_certificate(&chain.certs[n], n);
    return made;
}

/* Verifies the chain as it stands in chain.data. */
static enum ide_err verify(int64_t now, struct identity *identity, struct ide_fault *fault)
{
    struct trust_anchor anchor = {chain.certs[0].der, chain.certs[0].len};
    struct trust trust = {.anchors = &anchor, .anchor_count = 1, .ids = &ids, .name_rule = CMA_NAME_REQUIRED};
    return identity_verify(chain.data, chain.len, HASH_SHA384, asym_by_bit(SPDM_ASYM_ECDSA_P384), now, &trust, identity, fault);
}

static void what_openssl_makes_is_accepted(void)
{
    struct identity identity;
    struct ide_fault fault;
    CU_ASSERT_TRUE_FATAL(make_chain());
    int64_t now = (int64_t)time(NULL); /* after the certificates' notBefore */
    chain_assemble(&chain, HASH_SHA384, false);
    CU_ASSERT_EQUAL(verify(now, &identity, &fault), IDE_OK);
    CU_ASSERT_EQUAL(identity.certificates, 3);
    CU_ASSERT_TRUE(identity.has_cma_name);
    CU_ASSERT_TRUE(identity.not_after > now + 3649 * 86400 && identity.not_after <= now + 3651 * 86400);
    chain_assemble(&chain, HASH_SHA384, true);
    CU_ASSERT_EQUAL(verify(now, &identity, &fault), IDE_OK);
    CU_ASSERT_EQUAL(identity.certificates, 2);
}

static void a_short_rsa_key_is_refused(void)
{
    struct cert root = chain.certs[0];
    struct identity identity;
    struct ide_fault fault;
    CU_ASSERT_TRUE_FATAL(read_certificate(&chain.certs[0], 3));
    chain_assemble(&chain, HASH_SHA384, false);
    CU_ASSERT_EQUAL(verify((int64_t)time(NULL), &identity, &fault), IDE_E_UNSUPPORTED);
    CU_ASSERT_STRING_EQUAL(fault.step, "trust anchor");
    CU_ASSERT_STRING_EQUAL(fault.field, "subjectPublicKeyInfo");
    chain.certs[0] = root;
}

/* Takes another anchor, and says where it is refused. */
static void expect_anchor_refused(const struct cert *anchor, const char *field)
{
    struct cert root = chain.certs[0];
    struct identity identity;
    struct ide_fault fault;
    chain.certs[0] = *anchor;
    chain_assemble(&chain, HASH_SHA384, false);
    CU_ASSERT_EQUAL(verify((int64_t)time(NULL), &identity, &fault), IDE_E_UNSUPPORTED);
    CU_ASSERT_STRING_EQUAL(fault.step, "trust anchor");
    CU_ASSERT_STRING_EQUAL(fault.field, field);
    chain.certs[0] = root;
}

static void a_pss_salt_of_another_length_is_refused(void)
{
    struct cert salt;
    CU_ASSERT_TRUE_FATAL(read_certificate(&salt, 4));
    expect_anchor_refused(&salt, "signatureAlgorithm");
}

/* With an exponent of 1, whatever is padded is its own signature. */
static void an_rsa_exponent_of_one_is_refused(void)
{
    static const uint8_t exponent[] = {0x02, 0x03, 0x01, 0x00, 0x01};
    struct cert root = chain.certs[0];
    uint8_t *at = memmem(root.der, root.len, exponent, sizeof(exponent));
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    at[2] = 0;
    expect_anchor_refused(&root, "subjectPublicKeyInfo");
}

static void its_validity_is_read_right(void)
{
    struct identity identity;
    struct ide_fault fault;
    chain_assemble(&chain, HASH_SHA384, false);
    CU_ASSERT_EQUAL(verify(0, &identity, &fault), IDE_E_EXPIRED);
    CU_ASSERT_STRING_EQUAL(fault.field, "notBefore");
    CU_ASSERT_EQUAL(verify((int64_t)time(NULL) + 3652 * 86400, &identity, &fault), IDE_E_EXPIRED);
    CU_ASSERT_STRING_EQUAL(fault.field, "notAfter");
}

/* openssl's serial numbers are of 20 random bytes: 30 82 .. .. 30 82 .. .. a0 03 02 01 02 02 14 and these. */
static size_t serial_number_at(unsigned n)
{
    size_t at = 4 + 48 + 15 + 10;
    for (unsigned i = 0; i < n; i++)
        at += chain.certs[i].len;
    return at;
}

static void what_rsa_did_not_sign_is_refused(void)
{
    struct identity identity;
    struct ide_fault fault;
    chain_assemble(&chain, HASH_SHA384, false);
    chain.data[serial_number_at(1)] ^= 1;
    CU_ASSERT_EQUAL(verify((int64_t)time(NULL), &identity, &fault), IDE_E_SIGNATURE);
    CU_ASSERT_STRING_EQUAL(fault.step, "intermediate certificate");
}

static void an_altered_rsa_signature_is_refused(void)
{
    struct identity identity;
    struct ide_fault fault;
    chain_assemble(&chain, HASH_SHA384, false);
    chain.data[4 + 48 + chain.certs[0].len + chain.certs[1].len - 1] ^= 1;
    CU_ASSERT_EQUAL(verify((int64_t)time(NULL), &identity, &fault), IDE_E_SIGNATURE);
    CU_ASSERT_STRING_EQUAL(fault.step, "intermediate certificate");
    CU_ASSERT_STRING_EQUAL(fault.field, "signature");
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(what_openssl_makes_is_accepted),      TEST(a_short_rsa_key_is_refused),
        TEST(its_validity_is_read_right),          TEST(what_rsa_did_not_sign_is_refused),
        TEST(an_altered_rsa_signature_is_refused), TEST(a_pss_salt_of_another_length_is_refused),
        TEST(an_rsa_exponent_of_one_is_refused),   CU_TEST_INFO_NULL,
    };
    return suite_run("identity_openssl", tests);
}
