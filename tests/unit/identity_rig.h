/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A good chain, and a question about it that is answered with yes: for tests that change one thing. */
#ifndef TESTS_IDENTITY_RIG_H
#define TESTS_IDENTITY_RIG_H

#include "cert_builder.h"
#include "spdm/identity.h"
#include "suite.h"

#define NOW         1800000000 /* 2027-01-15 */
#define END_OF_2099 4102444799 /* what the builder's certificates say */
#define NAME        "Vendor=1B36:Device=0010:CC=010802:REV=02:SSVID=1AF4:SSID=1100"
#define OTHER_NAME  "Vendor=1B36:Device=0011:CC=010802:REV=02:SSVID=1AF4:SSID=1100"
#define BRIDGE_NAME "Vendor=1B36:Device=0010:CC=010802:REV=02"

#define RESPONDER  "2b06010401831c821203"
#define REQUESTER  "2b06010401831c821204"
#define TLS_SERVER "2b06010505070301"

#define CHAIN  "CERTIFICATE"
#define ANCHOR "trust anchor"
#define MIDDLE "intermediate certificate"
#define LEAF   "leaf certificate"

/* What a verification is asked, good by default. */
struct question {
    struct trust_anchor anchors[2];
    struct trust trust;
    enum hash_id hash;
    uint32_t asym;
    int64_t now;
};

extern const struct cma_ids ids;
extern struct chain chain;         /* the one under test */
extern struct identity identity;   /* what became of it */
extern struct ide_fault fault;

void build_good(unsigned count, const char *cma_name);
struct question question_good(void);
/* About these bytes, or about chain. */
enum ide_err ask_about(struct question *q, const uint8_t *data, size_t n);
enum ide_err ask(struct question *q);
bool nothing_was_published(void);
/* Says which case went wrong, and how. */
void expect(const char *name, enum ide_err got, enum ide_err err, const char *step, const char *field);

#endif
