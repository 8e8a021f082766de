/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A requester's whole conversation with a peer that is honest for some
 * responses and then says what the fuzzer wants.
 *
 * Input: version, number of honest responses; then one response for each
 * request, each behind two bytes: its length, little-endian. With bit 15 of
 * it the response is the honest one, with the bytes added to its first ones.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_device.h"

static struct fuzz_device device;
static struct spdm_connection requester;

struct peer {
    struct reader script;
    unsigned honest;
    unsigned exchanges;
};

static void require(int condition)
{
    if (!condition)
        abort();
}

/* Bytes of their own, so that a sanitizer sees what reads behind the response. */
static uint8_t *response_buffer;

static enum ide_err exchange(void *context, struct spdm_connection *c, size_t request_len,
                             const uint8_t **response, size_t *response_len, uint32_t timeout_ms)
{
    struct peer *peer = context;
    uint8_t honest[SPDM_TRANSFER_SIZE];
    size_t len = 0;
    (void)timeout_ms;
    (void)!spdm_respond(&device.responder, NULL, c->tx + SPDM_HEADROOM, request_len, honest, sizeof honest,
                        &len);
    require(++peer->exchanges < 10000);
    free(response_buffer);
    response_buffer = NULL;
    if (peer->honest > 0) {
        peer->honest--;
    } else {
        uint16_t head = read_u16(&peer->script, "head");
        size_t n = head & 0x1fff;
        n = n < read_left(&peer->script) ? n : read_left(&peer->script);
        const uint8_t *bytes = read_bytes(&peer->script, n, "response");
        if (!bytes)
            return IDE_E_TIMEOUT;
        if (!(head & 0x8000))
            memcpy(honest, bytes, len = n < sizeof honest ? n : sizeof honest);
        for (size_t i = 0; head & 0x8000 && i < n && i < len; i++)
            honest[i] = (uint8_t)(honest[i] + bytes[i]);
    }
    response_buffer = malloc(len > 0 ? len : 1);
    memcpy(response_buffer, honest, len);
    *response = response_buffer;
    *response_len = len;
    return IDE_OK;
}

/* Nobody is trusted, so the chain is refused; CHALLENGE is then tried as if it had been accepted. */
static void challenge_anyway(void)
{
    requester.peer_verified = true;
    requester.peer.key = device.public_key;
    requester.chain_slot = 0;
    (void)!hash_once(HASH_SHA256, device.chain, sizeof device.chain, requester.chain_hash);
    enum ide_err err = spdm_challenge(&requester);
    require(err == requester.fault.err);
    require(requester.challenged == (err == IDE_OK));
}

/* All measurements signed, then one not, and the log. */
static void measure(void)
{
    static uint8_t record[8192];
    struct spdm_measurement_request request = {.index = SPDM_MEASUREMENT_ALL, .with_signature = true};
    struct spdm_measurement_result result;
    struct spdm_measurement_block block;
    size_t len;
    for (unsigned i = 0; i < 2; i++) {
        enum ide_err err =
            spdm_get_measurements(&requester, &requester.clear, &request, record, sizeof record, &result);
        require(err == IDE_OK || (err == requester.fault.err && result.record_len == 0 && !result.verified));
        struct reader blocks = reader_of(record, result.record_len);
        unsigned count = 0;
        while (spdm_measurement_next(&blocks, &requester.params, &block))
            count++;
        require(blocks.err == IDE_OK && count == result.count);
        request = (struct spdm_measurement_request){.index = 1, .raw = requester.params.version >= SPDM_VERSION_12};
    }
    enum ide_err err = spdm_get_mel(&requester, &requester.clear, record, sizeof record, &len);
    require(err == IDE_OK || (err == requester.fault.err && len == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t chain[8192], large[9000];
    static const struct trust nobody;
    uint64_t random = 7;
    struct rng rng = fuzz_rng(&random);
    struct peer peer = {.script = reader_of(data, size)};
    uint8_t start = read_u8(&peer.script, "start");
    peer.honest = start >> 3;
    struct spdm_config config = spdm_config_requester;
    config.version_min = SPDM_VERSION_10;
    config.version_max = SPDM_VERSION_14;
    config.mel_spec = 1;
    config.summary_type = start & 1 ? SPDM_SUMMARY_ALL : SPDM_SUMMARY_NONE;
    fuzz_device_open(&device, (uint8_t)(SPDM_VERSION_10 + (start & 7) % 5));
    spdm_connection_init(&requester, SPDM_REQUESTER, &config, &rng, &fuzz_clock);
    requester.clear = (struct spdm_channel){.exchange = exchange, .context = &peer};
    requester.chain = chain;
    requester.chain_cap = sizeof chain;
    requester.large = (struct spdm_large){.data = large, .cap = sizeof large};
    enum ide_err err = spdm_authenticate(&requester, 0, &nobody);
    require(err != IDE_OK && err == requester.fault.err && !requester.peer_verified && !requester.challenged);
    if (requester.state == SPDM_NEGOTIATED && requester.params.asym->bit == SPDM_ASYM_ECDSA_P256 &&
        requester.params.hash->id == HASH_SHA256) {
        challenge_anyway();
        measure();
    }
    free(response_buffer);
    response_buffer = NULL;
    return 0;
}
