/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who the peer is: SPDM certificate chains (DSP0274 1.2 §10.6), their path to a
 * trust anchor that the user gave, and the PCIe CMA rules for the leaf
 * (PCIe 6.x §6.31.3).
 */
#ifndef SPDM_IDENTITY_H
#define SPDM_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spdm/algorithms.h"
#include "spdm/crypto.h"
#include "spdm/error.h"

#define SPDM_SLOTS 8u
#define CHAIN_CERTIFICATES_MAX 10u

/* What config space says of the function, and what its certificate must say too. */
struct cma_ids {
    uint16_t vendor, device;
    uint32_t class_code;               /* 24 bits: base class, sub-class, interface */
    uint8_t revision;
    uint16_t subsystem_vendor, subsystem;
    bool has_subsystem;                /* type 0 header; without one SSVID and SSID are not compared */
    bool has_serial;                   /* Device Serial Number capability; compared if the certificate names one */
    uint64_t serial;
};

struct trust_anchor {
    const uint8_t *der;   /* one X.509 certificate, borrowed */
    size_t len;
};

enum cma_name_rule {
    CMA_NAME_REQUIRED,     /* the leaf must carry the CMA name, and it must be the device's; see the EKU below */
    CMA_NAME_IF_PRESENT,   /* a leaf without any CMA name is accepted; a wrong one never */
};

/* Whom the caller trusts. No anchor: nothing is accepted. */
struct trust {
    const struct trust_anchor *anchors;
    size_t anchor_count;
    const struct cma_ids *ids;         /* NULL: the caller has no config space to compare with */
    enum cma_name_rule name_rule;
    bool requester;                    /* the peer is a requester: its purpose is looked for, not the responder's */
};

struct identity {
    struct public_key key;         /* the leaf's */
    uint8_t certificates;          /* number in the chain */
    size_t anchor;                 /* index into trust->anchors */
    bool has_cma_name;
    int64_t not_after;             /* unix seconds, the earliest end in the chain */
};

/*
 * Verifies a chain as GET_CERTIFICATE brings it: Length, Reserved, RootHash, certificates.
 *
 *   hash     the negotiated base hash, for RootHash
 *   asym     the negotiated base asymmetric algorithm, which the leaf must have a key for
 *   now      unix seconds
 *
 * The anchor is the one whose hash is RootHash; the chain begins with it or with a certificate that it signed. Its own
 * signature is not looked at, so a chain of three costs two verifications.
 *
 * Checks: form and lengths; every signature up to the anchor; issuer names; CA, keyCertSign and path length; validity
 * of each; no critical extension but known ones (x509.c, dice.h). Leaf: not a CA; keyUsage digitalSignature; the type of key; every name of
 * type 2.23.147 in subjectAltName against trust->ids. If it has an extendedKeyUsage: with CMA_NAME_REQUIRED and ids it
 * must list DSP0274's responder purpose (1.3.6.1.4.1.412.274.3); otherwise it must not list the requester's (….4)
 * without it. out is written only on success.
 *
 * Errors: IDE_E_NO_TRUST, IDE_E_CHAIN, IDE_E_UNTRUSTED, IDE_E_SIGNATURE, IDE_E_EXPIRED, IDE_E_USAGE, IDE_E_NAME,
 * IDE_E_KEY, IDE_E_UNSUPPORTED, each with the field at fault, under the step "CERTIFICATE", "trust anchor",
 * "intermediate certificate" or "leaf certificate".
 */
enum ide_err identity_verify(const uint8_t *chain, size_t chain_len, enum hash_id hash, const struct asym_info *asym,
                             int64_t now, const struct trust *trust, struct identity *out,
                             struct ide_fault *fault) MUST_USE;

/*
 * The CMA name of ids: "Vendor=1B36:Device=0010:CC=010802:REV=02:SSVID=1AF4:SSID=1100", without a serial number.
 * size at least 64; returns text.
 */
char *cma_name_text(const struct cma_ids *ids, char *text, size_t size);

#endif
