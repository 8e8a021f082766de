/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A requester whose peer answers with ERROR, or not at all: what is waited for, how long, and what ends the attempt. */
#include <string.h>

#include "spdm_pair.h"
#include "suite.h"

static struct device_identity identity;
static struct spdm_pair pair;

static void open_pair(void)
{
    CU_ASSERT_FATAL(spdm_pair_open(&pair, &identity));
}

static void close_pair(void)
{
    spdm_pair_close(&pair);
}

static enum ide_err authenticate(void)
{
    return spdm_authenticate(&pair.requester, 0, &identity.trust);
}

static bool fault_is(enum ide_err err, const char *step, const char *field)
{
    return spdm_pair_fault_is(&pair, err, step, field);
}

static const struct alteration busy = {
    .code = SPDM_DIGESTS, .replace = true, .bytes = {0x12, 0x7f, SPDM_ERROR_BUSY, 0}, .count = 4};

static void busy_is_waited_for(void)
{
    open_pair();
    pair.alteration = busy;
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_EQUAL(pair.slept_ms, 1);
    close_pair();
}

static void busy_for_ever_ends_the_attempt(void)
{
    open_pair();
    pair.alteration = busy;
    pair.alteration.repeat = true;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_BUSY);
    CU_ASSERT(fault_is(IDE_E_BUSY, "GET_DIGESTS", NULL));
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_BUSY);
    CU_ASSERT_EQUAL(pair.exchanges, 3 + 1 + spdm_config_requester.busy_retries);
    CU_ASSERT_EQUAL(pair.slept_ms, (1u << spdm_config_requester.busy_retries) - 1);
    close_pair();
}

static void request_in_flight_is_tried_again(void)
{
    open_pair();
    pair.alteration = busy;
    pair.alteration.bytes[2] = SPDM_ERROR_REQUEST_IN_FLIGHT;
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    close_pair();
}

/* ResponseNotReady for GET_DIGESTS: RDTExponent, request code, token, RDTM */
static struct alteration not_ready(uint8_t exponent, uint8_t request_code)
{
    return (struct alteration){
        .code = SPDM_DIGESTS,
        .replace = true,
        .bytes = {0x12, 0x7f, SPDM_ERROR_RESPONSE_NOT_READY, 0, exponent, request_code, 0x5a, 1},
        .count = 8};
}

static void a_response_that_is_not_ready_is_asked_for(void)
{
    static const uint8_t respond_if_ready[] = {0x12, SPDM_RESPOND_IF_READY, SPDM_GET_DIGESTS, 0x5a};
    open_pair();
    pair.alteration = not_ready(14, SPDM_GET_DIGESTS);
    /* it was not our responder that said so: it has nothing pending */
    CU_ASSERT_EQUAL(authenticate(), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_UNEXPECTED_REQUEST);
    CU_ASSERT_EQUAL(pair.last_request_len, sizeof respond_if_ready);
    CU_ASSERT(memcmp(pair.last_request, respond_if_ready, sizeof respond_if_ready) == 0);
    CU_ASSERT_EQUAL(pair.slept_ms, 17); /* 2^14 us, rounded up */
    close_pair();
}

static void not_ready_is_bounded(void)
{
    open_pair();
    pair.alteration = not_ready(20, SPDM_GET_DIGESTS);
    CU_ASSERT_EQUAL(authenticate(), IDE_E_TIMEOUT);
    CU_ASSERT(fault_is(IDE_E_TIMEOUT, "ERROR", "RDTExponent"));
    pair.alteration = not_ready(255, SPDM_GET_DIGESTS);
    CU_ASSERT_EQUAL(authenticate(), IDE_E_FIELD);
    CU_ASSERT(fault_is(IDE_E_FIELD, "ERROR", "RDTExponent"));
    pair.alteration = not_ready(1, SPDM_CHALLENGE);
    CU_ASSERT_EQUAL(authenticate(), IDE_E_FIELD);
    CU_ASSERT(fault_is(IDE_E_FIELD, "ERROR", "RequestCode"));
    pair.alteration = not_ready(1, SPDM_GET_DIGESTS);
    pair.alteration.count = 6;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_SHORT);
    CU_ASSERT_EQUAL(pair.slept_ms, 0);
    close_pair();
}

static void not_ready_for_ever_ends_the_attempt(void)
{
    open_pair();
    CU_ASSERT_EQUAL(spdm_negotiate(&pair.requester), IDE_OK);
    pair.alteration = not_ready(1, SPDM_GET_DIGESTS);
    pair.alteration.any = pair.alteration.repeat = true;
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, NULL, NULL), IDE_E_BUSY);
    CU_ASSERT(fault_is(IDE_E_BUSY, "GET_DIGESTS", NULL));
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_RESPONSE_NOT_READY);
    CU_ASSERT_EQUAL(pair.exchanges, 3 + 1 + spdm_config_requester.busy_retries);
    close_pair();
}

static void request_resynch_forgets_everything(void)
{
    open_pair();
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    pair.alteration = busy;
    pair.alteration.bytes[2] = SPDM_ERROR_REQUEST_RESYNCH;
    uint8_t mask;
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, &mask, NULL), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_REQUEST_RESYNCH);
    CU_ASSERT_EQUAL(pair.requester.state, SPDM_NOT_STARTED);
    CU_ASSERT_FALSE(pair.requester.peer_verified || pair.requester.challenged);
    CU_ASSERT_EQUAL(pair.requester.vca_len, 0);
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    close_pair();
}

static void other_errors_are_reported_with_their_code(void)
{
    open_pair();
    pair.alteration = busy;
    pair.alteration.bytes[2] = SPDM_ERROR_UNSPECIFIED;
    pair.alteration.bytes[3] = 0x77;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_PEER_ERROR);
    CU_ASSERT(fault_is(IDE_E_PEER_ERROR, "GET_DIGESTS", NULL));
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_UNSPECIFIED);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_data, 0x77);
    pair.alteration = busy;
    pair.alteration.bytes[0] = 0x11;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_VERSION);
    CU_ASSERT(fault_is(IDE_E_VERSION, "ERROR", "SPDMVersion"));
    pair.alteration = busy;
    pair.alteration.count = 3;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_SHORT);
    close_pair();
}

static void an_error_does_not_enter_the_transcript(void)
{
    uint8_t before[HASH_SIZE_MAX], after[HASH_SIZE_MAX];
    open_pair();
    CU_ASSERT_EQUAL(spdm_negotiate(&pair.requester), IDE_OK);
    CU_ASSERT_EQUAL(hash_snapshot(&pair.requester.m1m2, before), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 1, &identity.trust), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(hash_snapshot(&pair.requester.m1m2, after), IDE_OK);
    CU_ASSERT(memcmp(before, after, 48) == 0);
    CU_ASSERT_EQUAL(hash_snapshot(&pair.responder.connection.m1m2, after), IDE_OK);
    CU_ASSERT(memcmp(before, after, 48) == 0);
    close_pair();
}

static void a_dead_transport_is_reported_as_it_is(void)
{
    open_pair();
    pair.alteration.fail = IDE_E_TIMEOUT;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_TIMEOUT);
    CU_ASSERT(fault_is(IDE_E_TIMEOUT, "GET_VERSION", NULL));
    close_pair();
}

static enum ide_err no_random(void *context, uint8_t *out, size_t n)
{
    (void)context;
    memset(out, 0, n);
    return IDE_E_RANDOM;
}

static void without_random_numbers_there_is_no_challenge(void)
{
    open_pair();
    pair.requester.rng.random = no_random;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_RANDOM);
    CU_ASSERT(fault_is(IDE_E_RANDOM, "CHALLENGE", "Nonce"));
    close_pair();
    open_pair();
    pair.responder.connection.rng.random = no_random;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_UNSPECIFIED);
    CU_ASSERT_EQUAL(pair.responder.connection.fault.err, IDE_E_RANDOM);
    close_pair();
}

static int make_identity(void)
{
    return device_identity_make(&identity, "retry-p384", "P-384", HASH_SHA384) ? 0 : -1;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(busy_is_waited_for),
        TEST(busy_for_ever_ends_the_attempt),
        TEST(request_in_flight_is_tried_again),
        TEST(a_response_that_is_not_ready_is_asked_for),
        TEST(not_ready_is_bounded),
        TEST(not_ready_for_ever_ends_the_attempt),
        TEST(request_resynch_forgets_everything),
        TEST(other_errors_are_reported_with_their_code),
        TEST(an_error_does_not_enter_the_transcript),
        TEST(a_dead_transport_is_reported_as_it_is),
        TEST(without_random_numbers_there_is_no_challenge),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("retry", make_identity, NULL, tests);
}
