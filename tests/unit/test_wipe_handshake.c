/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No secret outlives a handshake of any form that fails at any step: by certificate, in the clear, by PSK, with mutual
 * authentication; nor the session that comes of one that does not.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "device_identity.h"
#include "secrets.h"
#include "session/messages.h"
#include "suite.h"
#include "wipe_rig.h"

static struct device_identity host;
static struct trust device_trust;
static struct spdm_slot own[SPDM_SLOT_PLACES];
static uint8_t device_room[16384];

static const uint8_t secret[] = "a secret of twenty-eight bytes";
static const struct session_psk psk = {.secret = secret, .secret_len = sizeof secret};

/* --- the forms --- */

static void plain(void)
{
}

static void in_the_clear(void)
{
    l.requester_config.flags |= SPDM_CAP_HANDSHAKE_CLEAR;
    l.responder_config.flags |= SPDM_CAP_HANDSHAKE_CLEAR;
}

static void by_psk(void)
{
    l.requester_config.flags |= SPDM_CAP_PSK;
    l.responder_config.flags |= SPDM_CAP_PSK_CONTEXT;
    l.responder.psks = &psk;
    l.responder.psk_count = 1;
    secrets_learn("psk", secret, sizeof secret);
}

static void mutual(void)
{
    own[0] = (struct spdm_slot){.chain = host.chain, .chain_len = host.chain_len, .key = &host.key};
    l.requester.own = own;
    l.requester_config.flags |= SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP | SPDM_CAP_CERT;
    l.responder_config.flags |= SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP;
    l.requester_config.req_asym = l.responder_config.req_asym = SPDM_ASYM_ECDSA_P384;
    device_trust = (struct trust){.anchors = &host.anchor, .anchor_count = 1, .name_rule = CMA_NAME_IF_PRESENT};
    l.responder.mutual =
        (struct session_mutual){.ask = SPDM_MUT_AUTH_ENCAP, .required = true, .slot = 0, .trust = &device_trust};
    l.responder.spdm.connection.chain = device_room;
    l.responder.spdm.connection.chain_cap = sizeof device_room;
}

static void mutual_in_the_clear(void)
{
    mutual();
    in_the_clear();
}

static const struct form {
    const char *name;
    void (*prepare)(void);
    unsigned exchanges;   /* to its end, at least */
} forms[] = {
    {"certificate", plain, 5},
    {"in the clear", in_the_clear, 5},
    {"PSK", by_psk, 5},
    {"mutual", mutual, 8},
    {"mutual in the clear", mutual_in_the_clear, 8},
};

#define FORMS (sizeof forms / sizeof forms[0])

static const struct form *form;   /* of the scenario */

static void try_session(void)
{
    if (form->prepare != by_psk) {
        result = loopback_session(&l);
        return;
    }
    result = spdm_negotiate(&l.requester);
    if (result == IDE_OK)
        result = session_open_psk(&l.session, &l.requester, &l.transport, &psk);
}

static void use_and_end(void)
{
    try_session();
    if (result == IDE_OK)
        result = use();
    if (result == IDE_OK)
        result = session_end(&l.session);
}

static void after_a_session_of_each_form(void)
{
    for (form = forms; form < forms + FORMS; form++) {
        begin();
        form->prepare();
        run(use_and_end, IDE_OK);
        CU_ASSERT_TRUE(secrets_count() > 10);
        check_gone(form->name);
        loopback_close(&l);
    }
}

/* --- what fails --- */

/* fail_at is the number of this exchange, or of this draw of random numbers */
static unsigned draws;

/* In verify data or tag, before the padding. */
static void alter(struct loopback *loop, uint8_t *object, size_t *len)
{
    if (loop->exchanges == fail_at)
        object[*len - 5] ^= 1;
}

static enum ide_err draw(void *context, uint8_t *out, size_t n)
{
    (void)context;
    struct rng rng = drbg_rng(&l.drbg);
    return ++draws == fail_at ? IDE_E_RANDOM : rng.random(rng.context, out, n);
}

static const struct failure {
    const char *name;
    loopback_hook *on_request, *on_response;
    bool requesters_draw, devices_draw;
    bool always;   /* there is no step that survives it */
} failures[] = {
    {"lost request", .on_request = lose, .always = true},
    {"lost response", .on_response = lose, .always = true},
    {"altered request", .on_request = alter},
    {"altered response", .on_response = alter},
    {"requester's random", .requesters_draw = true, .always = true},
    {"device's random", .devices_draw = true, .always = true},
};

#define FAILURES (sizeof failures / sizeof failures[0])

static void arm(const struct failure *failure)
{
    l.on_request = failure->on_request;
    l.on_response = failure->on_response;
    draws = 0;
    if (failure->requesters_draw)
        l.requester.rng.random = draw;
    if (failure->devices_draw)
        l.responder.spdm.connection.rng.random = draw;
}

/* true if the handshake fails; then nothing is left of it. */
static bool fails(const struct failure *failure)
{
    char title[80];
    snprintf(title, sizeof title, "%s, %s %u", form->name, failure->name, fail_at);
    begin();
    form->prepare();
    arm(failure);
    result = IDE_E_INTERNAL;
    secrets_run(try_session);
    bool failed = result != IDE_OK;
    if (failed) {
        CU_ASSERT_EQUAL(l.session.state, SESSION_NONE);
        check_gone_from_requester(title);
        run(reset_device, IDE_OK);   /* it may wait for a FINISH still */
        CU_ASSERT_EQUAL(find_at_device(title), 0);
    }
    return failed;
}

/* How many steps there are when nothing fails. */
static unsigned steps(const struct failure *failure)
{
    fail_at = 0;
    CU_ASSERT_FALSE(fails(failure));
    unsigned n = failure->requesters_draw || failure->devices_draw ? draws : l.exchanges;
    loopback_close(&l);
    return n;
}

static void check_failing(const struct failure *failure)
{
    unsigned n = steps(failure), failed = 0;
    for (unsigned step = 1; step <= n; step++) {
        fail_at = step;
        failed += fails(failure);
        loopback_close(&l);
    }
    CU_ASSERT_TRUE(failure->requesters_draw || failure->devices_draw ? n > 0 : n >= form->exchanges);
    CU_ASSERT_TRUE(failed >= 1 && failed >= (failure->always ? n : 1));
}

static void after_each_failure_of_each_form(void)
{
    for (form = forms; form < forms + FORMS; form++) {
        for (size_t i = 0; i < FAILURES; i++)
            check_failing(&failures[i]);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(after_a_session_of_each_form),
        TEST(after_each_failure_of_each_form),
        CU_TEST_INFO_NULL,
    };
    if (!device_identity_make(&host, "wipe-handshake", "P-384", HASH_SHA384))
        return 1;
    return suite_run("wipe: handshakes", tests);
}
