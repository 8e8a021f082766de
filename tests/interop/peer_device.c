/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the responder has to tell when the words ask for it: measurements, certificates, key pairs, itself, IDE keys. */
#include <string.h>

#include "measured_device.h"
#include "peer.h"
#include "spdm/cursor.h"

#define CSR_SIZE  600u
#define PORT_MAX  1u   /* their requester asks for the keys of port index 1 */
#define KEY_PAIRS 2u
#define FEW       3u

/* A PKCS #10 request would be for a certification authority: their requester takes any bytes. */
static enum ide_err make_csr(void *context, const struct spdm_get_csr *request, struct writer *w)
{
    (void)context, (void)request;
    for (size_t i = 0; i < CSR_SIZE; i++)
        write_u8(w, (uint8_t)i);
    return IDE_OK;
}

static enum ide_err set_certificate(void *context, const void *session, const struct spdm_set_certificate *request)
{
    const struct peer *p = context;
    (void)session;
    bool same = request->chain_len == p->us.chain.len && memcmp(request->chain, p->us.chain.data, request->chain_len) == 0;
    return same ? IDE_OK : IDE_E_CHAIN;
}

static enum ide_err key_pair(void *context, uint8_t id, struct spdm_key_pair_info *out)
{
    static const uint8_t p384[] = {0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                   0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
    (void)context;
    *out = (struct spdm_key_pair_info){
        .total = KEY_PAIRS, .id = id, .usage_capabilities = 0x000f, .usage = 0x0003, .asym_capabilities = 0x80, .asym = 0x80,
        .capabilities = SPDM_KEY_PAIR_GEN | SPDM_KEY_PAIR_ERASABLE | SPDM_KEY_PAIR_ASSOC | SPDM_KEY_PAIR_USAGE,
        .public_key_info = p384, .public_key_info_len = sizeof p384};
    return IDE_OK;
}

static enum ide_err set_key_pair(void *context, const void *session, const struct spdm_set_key_pair_info *request)
{
    (void)context, (void)session, (void)request;
    return IDE_OK;
}

/*
 * One identifier: its length, a registry (PCI-SIG, 3), its vendor id, one subordinate identifier of a byte. As long as it is
 * the message needs no padding, which their requester does not expect.
 */
static enum ide_err endpoint_info(void *context, uint8_t sub_code, struct writer *w)
{
    static const uint8_t info[] = {1, 0, 0, 0, 7, 3, 2, 0x01, 0x00, 1, 1, 0x42};
    (void)context;
    if (sub_code != SPDM_ENDPOINT_DEVICE_CLASS)
        return IDE_E_UNSUPPORTED;
    write_bytes(w, info, sizeof info);
    return IDE_OK;
}

static bool km_query(void *context, uint8_t port_index, struct ide_km_query_resp *out)
{
    (void)context;
    out->max_port_index = PORT_MAX;
    out->block_len = 12;
    return port_index <= PORT_MAX;
}

static enum kp_ack_status km_key_prog(void *context, uint32_t session_id, const struct ide_km_target *target,
                                      const struct ide_key *key)
{
    (void)context, (void)session_id;
    return target->port_index <= PORT_MAX && key->ifv == 1 ? KP_ACK_SUCCESS : KP_ACK_UNSUPPORTED_VALUE;
}

/* Their requester programs the keys of one sub-stream and starts them. */
static bool km_go_or_stop(void *context, uint32_t session_id, const struct ide_km_target *target)
{
    (void)context, (void)session_id;
    return target->port_index <= PORT_MAX;
}

static void km_session_end(void *context, uint32_t session_id)
{
    (void)context, (void)session_id;
}

static const struct ide_km_port_ops km_ops = {km_query, km_key_prog, km_go_or_stop, km_go_or_stop, km_session_end};

void prepare_device(struct peer *p)
{
    static struct device_measurements few;
    static struct spdm_services services = {NULL, make_csr, set_certificate, key_pair, set_key_pair, endpoint_info,
                                            NULL, NULL,     NULL};
    services.context = p;
    p->responder.spdm.services = &services;
    /* those with low indices: their requester tries all up to the last that there is */
    few = measured_device;
    few.count = FEW;
    if (p->config.measurement_spec != 0)
        p->responder.spdm.measurements = word(p, "mel") ? &measured_device : &few;
    p->ide_km.ops = &km_ops;
    if (word(p, "ide-km"))
        ide_km_responder_attach(&p->ide_km, &p->responder);
}
