/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Certificate chains from a peer. The input is the certificates alone: the
 * harness puts the header there and trusts the first one, so that inputs get
 * past RootHash. Each is also taken as a whole chain, header and all.
 */
#include <stdlib.h>
#include <string.h>

#include "spdm/cursor.h"
#include "spdm/der.h"
#include "spdm/identity.h"
#include "spdm/x509.h"

#define NOW       1800000000
#define HASH_SIZE 48u
#define INPUT_MAX 8192u

static const struct cma_ids ids = {.vendor = 0x1b36,
                                   .device = 0x0010,
                                   .class_code = 0x010802,
                                   .revision = 2,
                                   .subsystem_vendor = 0x1af4,
                                   .subsystem = 0x1100,
                                   .has_subsystem = true};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void verify(const uint8_t *chain, size_t n, struct span root, enum cma_name_rule rule)
{
    struct trust_anchor anchor = {root.data, root.len};
    struct trust trust = {.anchors = &anchor, .anchor_count = 1, .ids = &ids, .name_rule = rule};
    struct identity identity, untouched;
    struct ide_fault fault = {.err = IDE_OK};
    char text[256];
    memset(&identity, 0xee, sizeof(identity));
    memset(&untouched, 0xee, sizeof(untouched));
    enum ide_err err = identity_verify(chain, n, HASH_SHA384, asym_by_bit(SPDM_ASYM_ECDSA_P384), NOW, &trust, &identity, &fault);
    if (err != fault.err)
        abort();
    if (err == IDE_OK && (identity.certificates < 1 || identity.certificates > CHAIN_CERTIFICATES_MAX))
        abort();
    if (err != IDE_OK && (memcmp(&identity, &untouched, sizeof(identity)) != 0 || !fault.step))
        abort();
    if (err != IDE_OK)
        ide_fault_text(&fault, text, sizeof(text));
}

/* The names that people are shown. */
static void name(const uint8_t *data, size_t n)
{
    struct reader r = reader_of(data, n);
    struct ide_fault fault;
    struct x509 c;
    char text[64];
    if (x509_parse(&r, &c, "certificate", &fault) != IDE_OK)
        c.subject = (struct span){data, n};
    x509_name_text(c.subject, text, sizeof text);
    for (const char *t = text; *t; t++)
        if (*t < 0x20 || *t > 0x7e)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > INPUT_MAX)
        return 0;
    struct reader r = reader_of(data, n);
    struct span root = der_whole(&r, DER_SEQUENCE, "Certificate");
    if (!root.data)
        root = (struct span){data, n};
    uint8_t digest[HASH_SIZE_MAX];
    if (hash_once(HASH_SHA384, root.data, root.len, digest) != IDE_OK)
        return 0;
    size_t len = 4 + HASH_SIZE + n;
    uint8_t *chain = malloc(len);
    struct writer w = writer_of(chain, len);
    write_u32(&w, (uint32_t)len);
    write_bytes(&w, digest, HASH_SIZE);
    write_bytes(&w, data, n);
    verify(chain, len, root, CMA_NAME_REQUIRED);
    verify(chain, len, root, CMA_NAME_IF_PRESENT);
    free(chain);
    verify(data, n, root, CMA_NAME_REQUIRED);
    name(data, n);
    return 0;
}
