/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/requester.h"

#include "spdm/internal.h"

#define TIMEOUT_DEFAULT_MS  1000u
#define BUSY_WAIT_MAX_SHIFT 10u
#define CT_EXPONENT_CMA     23u /* the most that CMA allows, 8.4 s (PCIe 6.x §6.31.3): what is longer is not waited for */

/* One exchange under way. What it adds to the transcripts is kept here until the exchange has succeeded. */
struct attempt {
    const struct spdm_channel *channel;
    const struct spdm_exchange *exchange;
    const uint8_t *request; /* in c->tx, or in c->large if it goes in chunks */
    size_t request_len;
    const uint8_t *response;
    size_t response_len;
    struct hash hash;
    struct writer vca;
};

static enum ide_err build(struct spdm_connection *c, struct attempt *a, const struct spdm_message *m, const void *message)
{
    size_t cap = spdm_transfer_room(c, SPDM_TRANSFER_SIZE);
    a->request = c->tx + SPDM_HEADROOM;
    enum ide_err err = spdm_encode(m, &c->params, message, c->tx + SPDM_HEADROOM, cap, &a->request_len);
    if (err != IDE_E_SPACE || !spdm_large_agreed(c))
        return err;
    a->request = c->large.data;
    return spdm_encode(m, &c->params, message, c->large.data, spdm_large_room(c), &a->request_len);
}

static enum ide_err note(struct attempt *a, const uint8_t *data, size_t len)
{
    const struct spdm_transcript *t = &a->exchange->transcript;
    if (t->vca)
        write_bytes(&a->vca, data, len);
    if (t->hash)
        return hash_update(&a->hash, data, len);
    return write_done(&a->vca);
}

/* The request is noted before it is sent, because the channel may encrypt it where it stands. */
static enum ide_err note_request(struct spdm_connection *c, struct attempt *a)
{
    const struct spdm_exchange *e = a->exchange;
    enum ide_err err = spdm_m1m2_request(c, e->request->code, a->channel->secured);
    spdm_l1l2_request(spdm_l1l2_of(c, a->channel), e->request->code);
    a->vca = writer_of(c->vca, sizeof c->vca);
    a->vca.pos = c->vca_len;
    if (err == IDE_OK && e->transcript.hash)
        err = hash_copy(&a->hash, e->transcript.hash);
    if (err == IDE_OK)
        err = note(a, a->request, a->request_len);
    return err;
}

static enum ide_err publish(struct spdm_connection *c, struct attempt *a, size_t response_len)
{
    const struct spdm_exchange *e = a->exchange;
    size_t noted = e->transcript.signed_part_only ? *e->signed_len : response_len;
    enum ide_err err = note(a, a->response, noted);
    if (err == IDE_OK && e->transcript.hash)
        err = hash_copy(e->transcript.hash, &a->hash);
    if (err == IDE_OK && e->transcript.vca)
        c->vca_len = (uint16_t)a->vca.pos;
    return err;
}

/* Requests that the peer has its cryptographic timeout for, CT (DSP0274 1.2 §9.5, table of timing parameters). */
static bool needs_cryptography(uint8_t code)
{
    switch (code) {
    case SPDM_CHALLENGE:
    case SPDM_GET_MEASUREMENTS:
    case SPDM_KEY_EXCHANGE:
    case SPDM_FINISH:
    case SPDM_PSK_EXCHANGE:
    case SPDM_PSK_FINISH:
    case SPDM_GET_CSR:
    case SPDM_SET_CERTIFICATE:
    case SPDM_GET_ENDPOINT_INFO:
    case SPDM_SET_KEY_PAIR_INFO:
        return true;
    default:
        return false;
    }
}

static uint64_t exponent_ms(uint8_t exponent)
{
    return ((UINT64_C(1) << exponent) + 999) / 1000;
}

static uint32_t timeout_of(const struct spdm_connection *c, const struct attempt *a)
{
    uint32_t timeout = c->config->timeout_ms != 0 ? c->config->timeout_ms : TIMEOUT_DEFAULT_MS;
    uint8_t exponent = c->params.peer_ct_exponent;
    if (!needs_cryptography(a->exchange->request->code))
        return timeout;
    return timeout + (uint32_t)exponent_ms(exponent < CT_EXPONENT_CMA ? exponent : CT_EXPONENT_CMA);
}

static enum ide_err peer_fault(struct spdm_connection *c, enum ide_err err, const struct spdm_exchange *e,
                               const struct spdm_error *error)
{
    ide_fail(&c->fault, err, e->request->name, NULL);
    c->fault.peer_code = error->header.param1;
    c->fault.peer_data = error->header.param2;
    return err;
}

/* BUSY and RequestInFlight: wait, twice as long each time, and send the request again. */
static enum ide_err try_again(struct spdm_connection *c, struct attempt *a, uint32_t tries)
{
    uint32_t wait = 1u << (tries < BUSY_WAIT_MAX_SHIFT ? tries : BUSY_WAIT_MAX_SHIFT);
    c->clock.sleep_ms(c->clock.context, wait < timeout_of(c, a) ? wait : timeout_of(c, a));
    return build(c, a, a->exchange->request, a->exchange->in);
}

/* ResponseNotReady: wait as long as the peer asks for, and ask for the response (DSP0274 1.2 §10.12). */
static enum ide_err ask_later(struct spdm_connection *c, struct attempt *a, const struct spdm_error *error)
{
    struct reader r = reader_of(error->extended, error->extended_len);
    uint8_t exponent = read_u8(&r, "RDTExponent");
    uint8_t request_code = read_u8(&r, "RequestCode");
    uint8_t token = read_u8(&r, "Token");
    read_u8(&r, "RDTM");
    read_expect(&r, request_code, a->exchange->request->code, "RequestCode");
    if (exponent > SPDM_CT_EXPONENT_MAX)
        read_fail_value(&r, IDE_E_FIELD, "RDTExponent", exponent, SPDM_CT_EXPONENT_MAX);
    uint64_t wait = r.err == IDE_OK ? exponent_ms(exponent) : 0;
    if (wait > timeout_of(c, a))
        read_fail_value(&r, IDE_E_TIMEOUT, "RDTExponent", wait, timeout_of(c, a));
    enum ide_err err = read_done(&r, &c->fault, "ERROR");
    if (err != IDE_OK)
        return err;
    c->clock.sleep_ms(c->clock.context, (uint32_t)wait);
    struct spdm_plain ready = {.header = {.param1 = request_code, .param2 = token}};
    return build(c, a, &spdm_msg_respond_if_ready, &ready);
}

/* Deals with an ERROR: IDE_OK means that the next request is built. */
static enum ide_err after_error(struct spdm_connection *c, struct attempt *a, uint32_t tries)
{
    struct spdm_error error;
    size_t consumed;
    enum ide_err err =
        spdm_decode(&spdm_msg_error, &c->params, a->response, a->response_len, &error, &consumed, &c->fault);
    if (err != IDE_OK)
        return err;
    switch (error.header.param1) {
    case SPDM_ERROR_BUSY:
    case SPDM_ERROR_REQUEST_IN_FLIGHT:
        if (tries >= c->config->busy_retries)
            return peer_fault(c, IDE_E_BUSY, a->exchange, &error);
        return try_again(c, a, tries);
    case SPDM_ERROR_RESPONSE_NOT_READY:
        if (tries >= c->config->busy_retries)
            return peer_fault(c, IDE_E_BUSY, a->exchange, &error);
        return ask_later(c, a, &error);
    case SPDM_ERROR_REQUEST_RESYNCH:
        spdm_connection_reset(c);
        return peer_fault(c, IDE_E_PEER_ERROR, a->exchange, &error);
    default:
        return peer_fault(c, IDE_E_PEER_ERROR, a->exchange, &error);
    }
}

/* An ERROR may be shorter than the response that is awaited, so the code is looked at first. */
uint8_t spdm_error_code(const uint8_t *response, size_t len)
{
    struct reader r = reader_of(response, len);
    read_u8(&r, "SPDMVersion");
    bool is_error = read_u8(&r, "RequestResponseCode") == SPDM_ERROR;
    uint8_t code = read_u8(&r, "Param1");
    return !is_error ? 0 : r.err == IDE_OK && code != 0 ? code : SPDM_ERROR_UNSPECIFIED;
}

/* The request goes out, whole or in chunks. */
static enum ide_err send(struct spdm_connection *c, struct attempt *a)
{
    if (a->request == c->large.data)
        return spdm_chunk_send(c, a->channel, a->request_len, timeout_of(c, a), &a->response, &a->response_len);
    return a->channel->exchange(a->channel->context, c, a->request_len, &a->response, &a->response_len, timeout_of(c, a));
}

/* LargeResponse: the response is fetched in chunks. */
static enum ide_err fetch(struct spdm_connection *c, struct attempt *a)
{
    struct spdm_error error;
    size_t consumed;
    enum ide_err err =
        spdm_decode(&spdm_msg_error, &c->params, a->response, a->response_len, &error, &consumed, &c->fault);
    if (err != IDE_OK)
        return err;
    return spdm_chunk_get(c, a->channel, error.extended[0], timeout_of(c, a), &a->response, &a->response_len);
}

/* Exchanges until there is a response that is no ERROR. */
static enum ide_err converse(struct spdm_connection *c, struct attempt *a)
{
    for (uint32_t tries = 0;; tries++) {
        enum ide_err err = send(c, a);
        if (err == IDE_OK && spdm_large_agreed(c) &&
            spdm_error_code(a->response, a->response_len) == SPDM_ERROR_LARGE_RESPONSE)
            err = fetch(c, a);
        if (err != IDE_OK || spdm_error_code(a->response, a->response_len) == 0)
            return err;
        err = after_error(c, a, tries);
        if (err != IDE_OK)
            return err;
    }
}

static enum ide_err run(struct spdm_connection *c, struct attempt *a, size_t *consumed)
{
    const struct spdm_exchange *e = a->exchange;
    spdm_large_forget(&c->large);
    enum ide_err err = build(c, a, e->request, e->in);
    if (err == IDE_OK)
        err = note_request(c, a);
    if (err == IDE_OK)
        err = converse(c, a);
    if (err == IDE_OK)
        err = spdm_decode(e->response, &c->params, a->response, a->response_len, e->out, consumed, &c->fault);
    if (err == IDE_OK)
        err = publish(c, a, *consumed);
    return err;
}

enum ide_err spdm_transact(struct spdm_connection *c, const struct spdm_channel *channel,
                           const struct spdm_exchange *e, const uint8_t **raw, size_t *raw_len)
{
    struct attempt a = {.channel = channel, .exchange = e};
    size_t consumed = 0;
    c->fault = (struct ide_fault){0};
    enum ide_err err = run(c, &a, &consumed);
    if (err != IDE_OK && c->fault.err != err)
        ide_fail(&c->fault, err, e->request->name, NULL);
    if (raw)
        *raw = err == IDE_OK ? a.response : NULL;
    if (raw_len)
        *raw_len = err == IDE_OK ? consumed : 0;
    return err;
}

enum ide_err spdm_peer_can(struct spdm_connection *c, uint32_t flags, const char *step, const char *field)
{
    if (c->state != SPDM_NEGOTIATED)
        return ide_fail(&c->fault, IDE_E_STATE, step, NULL);
    if (!(c->params.flags_responder & flags))
        return ide_fail(&c->fault, IDE_E_CAPABILITY, step, field);
    return IDE_OK;
}

enum ide_err spdm_negotiate(struct spdm_connection *c)
{
    spdm_connection_reset(c);
    enum ide_err err = spdm_step_version(c);
    if (err == IDE_OK)
        err = spdm_step_capabilities(c);
    if (err == IDE_OK)
        err = spdm_step_algorithms(c);
    if (err != IDE_OK)
        spdm_connection_reset(c);
    return err;
}

enum ide_err spdm_authenticate(struct spdm_connection *c, uint8_t slot, const struct trust *trust)
{
    uint8_t mask;
    enum ide_err err = spdm_negotiate(c);
    if (err == IDE_OK)
        err = spdm_get_digests(c, &mask, NULL);
    if (err == IDE_OK)
        err = spdm_get_certificate(c, slot, trust);
    if (err == IDE_OK && c->params.flags_responder & SPDM_CAP_CHAL)
        err = spdm_challenge(c);
    return err;
}
