/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_KEY_PAIR_INFO and KEY_PAIR_INFO (DSP0274 1.3 §10.27). */
#include "spdm/internal.h"

#define PQC_SIZE 4u

static void request_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    (void)p;
    struct spdm_get_key_pair_info *m = message;
    m->id = read_u8(r, "KeyPairID");
}

static void request_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    (void)p;
    const struct spdm_get_key_pair_info *m = message;
    write_u8(w, m->id);
}

uint32_t pqc_decode(struct reader *r, const char *field)
{
    uint8_t len = read_u8(r, field);
    struct reader bits = read_sub(r, len, field);
    uint32_t value = 0;
    for (unsigned i = 0; i < len; i++) {
        uint32_t byte = read_u8(&bits, field);
        if (i < PQC_SIZE)
            value |= byte << (8 * i);
        else if (byte != 0)
            read_fail_value(r, IDE_E_UNSUPPORTED, field, len, PQC_SIZE);
    }
    return value;
}

void pqc_encode(struct writer *w, uint32_t value)
{
    write_u8(w, PQC_SIZE);
    write_u32(w, value);
}

static void response_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_key_pair_info *m = message;
    m->total = read_u8(r, "TotalKeyPairs");
    m->id = read_u8(r, "KeyPairID");
    m->capabilities = read_u16(r, "Capabilities");
    m->usage_capabilities = read_u16(r, "KeyUsageCapabilities");
    m->usage = read_u16(r, "CurrentKeyUsage");
    m->asym_capabilities = read_u32(r, "AsymAlgoCapabilities");
    m->asym = read_u32(r, "CurrentAsymAlgo");
    m->public_key_info_len = read_u16(r, "PublicKeyInfoLen");
    m->slots = read_u8(r, "AssocCertSlotMask");
    m->public_key_info = read_bytes(r, m->public_key_info_len, "PublicKeyInfo");
    bool pqc = p->version >= SPDM_VERSION_14;
    m->pqc_capabilities = pqc ? pqc_decode(r, "PqcAsymAlgoCapabilities") : 0;
    m->pqc = pqc ? pqc_decode(r, "CurrentPqcAsymAlgo") : 0;
}

static void response_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_key_pair_info *m = message;
    write_u8(w, m->total);
    write_u8(w, m->id);
    write_u16(w, m->capabilities);
    write_u16(w, m->usage_capabilities);
    write_u16(w, m->usage);
    write_u32(w, m->asym_capabilities);
    write_u32(w, m->asym);
    write_u16(w, m->public_key_info_len);
    write_u8(w, m->slots);
    write_bytes(w, m->public_key_info, m->public_key_info_len);
    if (p->version < SPDM_VERSION_14)
        return;
    pqc_encode(w, m->pqc_capabilities);
    pqc_encode(w, m->pqc);
}

const struct spdm_message spdm_msg_get_key_pair_info = {SPDM_GET_KEY_PAIR_INFO, SPDM_VERSION_13, "GET_KEY_PAIR_INFO",
                                                        request_decode, request_encode};
const struct spdm_message spdm_msg_key_pair_info = {SPDM_KEY_PAIR_INFO, SPDM_VERSION_13, "KEY_PAIR_INFO",
                                                    response_decode, response_encode};

enum ide_err spdm_get_key_pair_info(struct spdm_connection *c, const struct spdm_channel *channel, uint8_t id,
                                    struct spdm_key_pair_info *info)
{
    const struct spdm_get_key_pair_info request = {.id = id};
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_get_key_pair_info, .in = &request, .response = &spdm_msg_key_pair_info, .out = info};
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_GET_KEY_PAIR, "GET_KEY_PAIR_INFO", "GET_KEY_PAIR_INFO_CAP");
    if (err == IDE_OK)
        err = spdm_transact(c, channel, &exchange, NULL, NULL);
    if (err == IDE_OK && info->id != id)
        return ide_fail_value(&c->fault, IDE_E_FIELD, "KEY_PAIR_INFO", "KeyPairID", info->id, id);
    if (err == IDE_OK && info->total < id)
        return ide_fail_value(&c->fault, IDE_E_FIELD, "KEY_PAIR_INFO", "TotalKeyPairs", info->total, id);
    return err;
}

enum ide_err spdm_find_key_pair(struct spdm_responder *r, uint8_t id, const char *step, struct spdm_key_pair_info *out)
{
    const struct spdm_services *s = spdm_services_of(r);
    *out = (struct spdm_key_pair_info){.id = id};
    enum ide_err err = s->key_pair(s->context, id, out);
    if (err == IDE_OK && (id == 0 || id > out->total))
        return ide_fail_value(&r->connection.fault, IDE_E_FIELD, step, "KeyPairID", id, out->total);
    return err;
}

enum ide_err spdm_handle_get_key_pair_info(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    const struct spdm_params *p = &r->connection.params;
    struct spdm_get_key_pair_info in;
    struct spdm_key_pair_info out;
    if (!(spdm_services_of(r)->key_pair))
        return spdm_no_service(r, &spdm_msg_get_key_pair_info);
    enum ide_err err = spdm_request_decode(r, &spdm_msg_get_key_pair_info, request, &in);
    if (err == IDE_OK)
        err = spdm_find_key_pair(r, in.id, "GET_KEY_PAIR_INFO", &out);
    if (err != IDE_OK)
        return err;
    if (!(p->flags_responder & SPDM_CAP_SET_KEY_PAIR)) /* then nothing can be done with it (§10.27) */
        out.capabilities = 0;
    return spdm_reply(&spdm_msg_key_pair_info, p, &out, w);
}
