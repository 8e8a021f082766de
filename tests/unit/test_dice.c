/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Critical extensions of TCG's DICE in certificates (spdm/dice.h): those that are known and well-formed are no reason to
 * refuse a chain, everything else is.
 */
#include <stdio.h>
#include <string.h>

#include "cert_builder.h"
#include "check.h"
#include "spdm/identity.h"
#include "suite.h"

#define NOW        1800000000
#define NAME       "Vendor=1B36:Device=0010:CC=010802:REV=02"
#define TCB_INFO   "678105050401"
#define UEID       "678105050404"
#define MULTI      "678105050405"
#define EVIDENCE   "678105050406"   /* UCCS evidence: not known here */
#define LEAF       "leaf certificate"
#define MIDDLE     "intermediate certificate"

/* vendor "ABC", model "D", version "1", svn 1, layer 0, index 0 */
#define WHO        "8003414243" "810144" "820131" "830101" "840100" "850100"
/* one FWID: SHA-256, four bytes of a digest */
#define FWID       "3011" "0609608648016503040201" "040401020304"
#define FULL       WHO "a613" FWID "87020780" "88020102" "890103" "8a020780" "ab00"

static struct chain chain;
static struct ide_fault fault;

/* A good chain in which one certificate has this extension, critical or not. */
static enum ide_err verify(unsigned which, const char *oid, const char *value, bool critical)
{
    struct chain_spec spec = chain_spec_good(3, NAME);
    spec.certs[which].extension_oid = oid;
    spec.certs[which].extension = value;
    spec.certs[which].extension_is_critical = critical;
    chain_build(&chain, &spec, HASH_SHA384);
    struct trust_anchor anchor = {chain.certs[0].der, chain.certs[0].len};
    struct trust trust = {.anchors = &anchor, .anchor_count = 1, .name_rule = CMA_NAME_IF_PRESENT};
    struct identity identity;
    memset(&fault, 0, sizeof fault);
    return identity_verify(chain.data, chain.len, HASH_SHA384, asym_by_bit(SPDM_ASYM_ECDSA_P384), NOW, &trust, &identity,
                           &fault);
}

static const struct {
    const char *oid, *value;
} good[] = {
    {TCB_INFO, "3000"},
    {TCB_INFO, "3014" WHO},
    {TCB_INFO, "303a" FULL},
    {TCB_INFO, "3003" "830105"},
    {TCB_INFO, "3002" "a600"},
    {UEID, "3006" "0404deadbeef"},
    {MULTI, "3002" "3000"},
    {MULTI, "3018" "3014" WHO "3000"},
};

static void known_critical_extensions_are_accepted(void)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (unsigned which = 1; which <= 2; which++) {
            enum ide_err err = verify(which, good[i].oid, good[i].value, true);
            if (err != IDE_OK)
                fprintf(stderr, "%s: ", good[i].value);
            CHECK_OK(err);
        }
        CHECK_OK(verify(2, good[i].oid, good[i].value, false));
    }
}

static const struct {
    const char *oid, *value, *field;
} bad[] = {
    {TCB_INFO, "", "TcbInfo"},
    {TCB_INFO, "0500", "TcbInfo"},
    {TCB_INFO, "31038301" "05", "TcbInfo"},                       /* a SET */
    {TCB_INFO, "3006" "840100" "830101", "TcbInfo"},              /* out of order */
    {TCB_INFO, "3006" "830101" "830101", "TcbInfo"},              /* twice */
    {TCB_INFO, "3003" "8c0101", "TcbInfo"},                       /* behind the last */
    {TCB_INFO, "3003" "020101", "TcbInfo"},                       /* not a context tag */
    {TCB_INFO, "3004" "9f200101", "TcbInfo"},                     /* a tag of two bytes */
    {TCB_INFO, "3003" "830201", "TcbInfo"},                       /* longer than there is room */
    {TCB_INFO, "3006" "8384ffffffff", "TcbInfo"},                 /* about to wrap */
    {TCB_INFO, "308401000000" "830101", "TcbInfo"},
    {TCB_INFO, "3002" "8600", "TcbInfo"},                         /* primitive fwids */
    {TCB_INFO, "3004" "a6023000", "TcbInfo"},                     /* neither hash nor digest */
    {TCB_INFO, "300f" "a60d300b0609608648016503040201", "TcbInfo"}, /* no digest */
    {TCB_INFO, "3000" "00", "extension"},                         /* something behind it */
    {UEID, "3000", "Ueid"},
    {UEID, "3002" "0400", "Ueid"},
    {UEID, "3006" "0c04deadbeef", "Ueid"},
    {UEID, "3007" "0404deadbeef00", "Ueid"},
    {MULTI, "3000", "MultiTcbInfo"},
    {MULTI, "3003" "830101", "MultiTcbInfo"},
};

static void malformed_ones_are_refused_if_critical(void)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        enum ide_err err = verify(2, bad[i].oid, bad[i].value, true);
        if (err != IDE_E_CHAIN)
            fprintf(stderr, "%s %s: ", bad[i].oid, bad[i].value);
        CHECK_ERR(err, IDE_E_CHAIN);
        CHECK_FAULT(&fault, IDE_E_CHAIN, LEAF, bad[i].field);
        CHECK_OK(verify(2, bad[i].oid, bad[i].value, false));
    }
    CHECK_ERR(verify(1, UEID, "3000", true), IDE_E_CHAIN);
    CHECK_FAULT(&fault, IDE_E_CHAIN, MIDDLE, "Ueid");
}

static void cut_off_anywhere_it_is_refused(void)
{
    static const char full[] = "303a" FULL;
    for (size_t len = 2; len < sizeof full - 1; len += 2) {
        char cut[sizeof full];
        memcpy(cut, full, len);
        cut[len] = '\0';
        CHECK_ERR(verify(2, TCB_INFO, cut, true), IDE_E_CHAIN);
        CHECK_FAULT(&fault, IDE_E_CHAIN, LEAF, "TcbInfo");
    }
}

static void unknown_critical_ones_are_refused(void)
{
    static const char *const unknown[] = {EVIDENCE, "6781050504", "67810505040101", "678105050400", "6781050504ff",
                                          "678105050301"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        CHECK_ERR(verify(2, unknown[i], "3000", true), IDE_E_UNSUPPORTED);
        CHECK_FAULT(&fault, IDE_E_UNSUPPORTED, LEAF, "critical extension");
        CHECK_OK(verify(2, unknown[i], "3000", false));
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(known_critical_extensions_are_accepted),
        TEST(malformed_ones_are_refused_if_critical),
        TEST(cut_off_anywhere_it_is_refused),
        TEST(unknown_critical_ones_are_refused),
        CU_TEST_INFO_NULL,
    };
    if (!test_keys_open(KEY_EC_P384))
        return 1;
    int failed = suite_run("DICE", tests);
    test_keys_close();
    return failed;
}
