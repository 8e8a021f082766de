/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "identity_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct cma_ids ids = {.vendor = 0x1b36,
                                   .device = 0x0010,
                                   .class_code = 0x010802,
                                   .revision = 2,
                                   .subsystem_vendor = 0x1af4,
                                   .subsystem = 0x1100,
                                   .has_subsystem = true};

struct chain chain;
struct identity identity;
struct ide_fault fault;

void build_good(unsigned count, const char *cma_name)
{
    struct chain_spec spec = chain_spec_good(count, cma_name);
    chain_build(&chain, &spec, HASH_SHA384);
}

struct question question_good(void)
{
    return (struct question){.anchors = {{chain.certs[0].der, chain.certs[0].len}},
                             .trust = {.anchor_count = 1, .ids = &ids, .name_rule = CMA_NAME_REQUIRED},
                             .hash = HASH_SHA384,
                             .asym = SPDM_ASYM_ECDSA_P384,
                             .now = NOW};
}

/* Asks about a copy that ends where the chain ends, so that a sanitizer sees each byte read too many. */
enum ide_err ask_about(struct question *q, const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    if (n > 0)
        memcpy(copy, data, n);
    if (q->trust.anchor_count > 0)
        q->trust.anchors = q->anchors;
    memset(&identity, 0xee, sizeof(identity));
    memset(&fault, 0, sizeof(fault));
    enum ide_err err = identity_verify(copy, n, q->hash, asym_by_bit(q->asym), q->now, &q->trust, &identity, &fault);
    free(copy);
    CU_ASSERT_EQUAL(err, fault.err);
    return err;
}

enum ide_err ask(struct question *q)
{
    return ask_about(q, chain.data, chain.len);
}

bool nothing_was_published(void)
{
    const uint8_t *bytes = (const uint8_t *)&identity;
    for (size_t i = 0; i < sizeof(identity); i++)
        if (bytes[i] != 0xee)
            return false;
    return true;
}

/* Says which case went wrong, and how. */
void expect(const char *name, enum ide_err got, enum ide_err err, const char *step, const char *field)
{
    bool right = got == err && (err == IDE_OK || strcmp(fault.step, step) == 0);
    if (right && err != IDE_OK && field)
        right = fault.field && strcmp(fault.field, field) == 0;
    char text[200];
    if (!right)
        fprintf(stderr, "%s: %s\n", name,
                got == IDE_OK ? "accepted" : ide_fault_text(&fault, text, sizeof(text)));
    CU_ASSERT_TRUE(right);
    CU_ASSERT_TRUE(got == IDE_OK || nothing_was_published());
}

