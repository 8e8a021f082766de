/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz_device.h"

#include <stdlib.h>
#include <string.h>

#include "measured_device.h"

/* SEC1 ECPrivateKey of P-256 with the scalar 1, and its public point, the curve's generator. */
static const uint8_t key_one[] = {0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20, 0,    0,    0,    0,    0,   0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,   0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,   0x01,
                                  0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

static const uint8_t generator[64] = {
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
    0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
    0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
    0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

static uint64_t monotonic_ms(void *context)
{
    (void)context;
    return 0;
}

static int64_t unix_seconds(void *context)
{
    (void)context;
    return 1700000000;
}

static void sleep_ms(void *context, uint32_t ms)
{
    (void)context;
    (void)ms;
}

const struct clock fuzz_clock = {monotonic_ms, unix_seconds, sleep_ms, NULL};

static enum ide_err next_random(void *context, uint8_t *out, size_t n)
{
    uint64_t *state = context;
    for (size_t i = 0; i < n; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(*state >> 56);
    }
    return IDE_OK;
}

struct rng fuzz_rng(uint64_t *state)
{
    return (struct rng){next_random, state};
}

static enum ide_err echo(void *context, struct spdm_responder *r, const struct spdm_request *request,
                         const uint8_t *payload, size_t len, struct writer *w)
{
    (void)context;
    (void)r;
    (void)request;
    write_bytes(w, payload, len);
    return IDE_OK;
}

/* The owner: what it is told it takes, but for what begins with a byte that is not even. */
static enum ide_err make_csr(void *context, const struct spdm_get_csr *request, struct writer *w)
{
    (void)context;
    write_bytes(w, request->info, request->info_len);
    write_bytes(w, request->opaque, request->opaque_len);
    return request->info_len == 0 ? IDE_E_RESET : IDE_OK;
}

static enum ide_err set_certificate(void *context, const void *session, const struct spdm_set_certificate *request)
{
    (void)context;
    (void)session;
    return request->chain_len % 2 ? IDE_E_CHAIN : IDE_OK;
}

static enum ide_err key_pair(void *context, uint8_t id, struct spdm_key_pair_info *out)
{
    (void)context;
    out->total = 2;
    out->capabilities = out->usage_capabilities = 0x3f;
    out->asym_capabilities = out->pqc_capabilities = 0xff;
    out->slots = id == 1;
    return IDE_OK;
}

static enum ide_err set_key_pair(void *context, const void *session, const struct spdm_set_key_pair_info *request)
{
    (void)context;
    (void)session;
    return request->usage % 2 ? IDE_E_IO : IDE_OK;
}

static enum ide_err endpoint_info(void *context, uint8_t sub_code, struct writer *w)
{
    (void)context;
    write_u32(w, 0);
    return sub_code == SPDM_ENDPOINT_DEVICE_CLASS ? IDE_OK : IDE_E_UNSUPPORTED;
}

static enum ide_err event_types(void *context, const void *session, struct writer *w, uint8_t *groups)
{
    (void)context;
    (void)session;
    *groups = 1;
    write_u32(w, 7);
    return IDE_OK;
}

static enum ide_err subscribe(void *context, const void *session, const struct spdm_event_groups *request)
{
    (void)context;
    (void)session;
    return request->len > 0 && request->list[0] % 2 ? IDE_E_FIELD : IDE_OK;
}

static void on_event(void *context, const void *session, const struct spdm_event *event)
{
    struct fuzz_device *d = context;
    (void)session;
    for (unsigned i = 0; i < event->detail_len; i++)
        d->random += event->detail[i];
}

/* Sometimes not ready, sometimes busy. */
static enum ide_err ready(void *context, const struct spdm_request *request, uint8_t code, uint8_t token)
{
    struct fuzz_device *d = context;
    (void)request;
    (void)code;
    (void)token;
    unsigned turn = d->asked++ % 11;
    return turn == 5 ? IDE_E_NOT_READY : turn == 8 ? IDE_E_BUSY : IDE_OK;
}

struct spdm_services fuzz_services(struct fuzz_device *d)
{
    return (struct spdm_services){d, make_csr, set_certificate, key_pair, set_key_pair, endpoint_info,
                                  event_types, subscribe, on_event};
}

void fuzz_device_open(struct fuzz_device *d, uint8_t version)
{
    memset(d, 0, sizeof *d);
    d->config = spdm_config_responder;
    d->config.version_min = d->config.version_max = version;
    d->config.base_asym = SPDM_ASYM_ECDSA_P256;
    d->config.base_hash = SPDM_HASH_SHA256;
    struct rng rng = fuzz_rng(&d->random);
    measured_device_configure(&d->config);
    spdm_responder_init(&d->responder, &d->config, &rng, &fuzz_clock, &spdm_handlers, 1);
    d->services = fuzz_services(d);
    d->responder.services = &d->services;
    d->config.flags |= SPDM_CAP_SET_CERT | SPDM_CAP_CSR | SPDM_CAP_EP_INFO_SIG | SPDM_CAP_EVENT | SPDM_CAP_GET_KEY_PAIR |
                       SPDM_CAP_SET_KEY_PAIR | SPDM_CAP_CERT_INSTALL_RESET;
    d->responder.ready = ready;
    d->responder.ready_context = d;
    if (private_key_load(&d->key, key_one, sizeof key_one) != IDE_OK)
        abort();
    d->public_key = (struct public_key){.type = KEY_EC_P256, .bits = 256, .len = sizeof generator};
    memcpy(d->public_key.data, generator, sizeof generator);
    d->responder.measurements = &measured_device;
    memset(d->chain, 0x30, sizeof d->chain);
    d->responder.slots[0] = d->responder.slots[3] =
        (struct spdm_slot){.chain = d->chain, .chain_len = sizeof d->chain, .key = &d->key};
    d->responder.connection.large = (struct spdm_large){.data = d->large, .cap = sizeof d->large};
    d->vendor = (struct spdm_vendor){.standard_id = 3,
                                     .vendor_id_len = 2,
                                     .vendor_id = {1, 0},
                                     .in_session = true,
                                     .out_session = true,
                                     .handle = echo};
    spdm_responder_add_vendor(&d->responder, &d->vendor);
}
