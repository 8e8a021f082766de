/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SET_KEY_PAIR_INFO and SET_KEY_PAIR_INFO_ACK (DSP0274 1.3 §10.28). */
#include "spdm/internal.h"

static void request_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_set_key_pair_info *m = message;
    *m = (struct spdm_set_key_pair_info){.header = m->header};
    m->id = read_u8(r, "KeyPairID");
    if (m->header.param1 == SPDM_KEY_PAIR_ERASE)
        return;
    read_u8(r, "Reserved");
    m->usage = read_u16(r, "DesiredKeyUsage");
    m->asym = read_u32(r, "DesiredAsymAlgo");
    m->slots = read_u8(r, "DesiredAssocCertSlotMask");
    if (p->version >= SPDM_VERSION_14)
        m->pqc = pqc_decode(r, "DesiredPqcAsymAlgo");
}

static void request_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_set_key_pair_info *m = message;
    write_u8(w, m->id);
    if (m->header.param1 == SPDM_KEY_PAIR_ERASE)
        return;
    write_u8(w, 0);
    write_u16(w, m->usage);
    write_u32(w, m->asym);
    write_u8(w, m->slots);
    if (p->version >= SPDM_VERSION_14)
        pqc_encode(w, m->pqc);
}

const struct spdm_message spdm_msg_set_key_pair_info = {SPDM_SET_KEY_PAIR_INFO, SPDM_VERSION_13, "SET_KEY_PAIR_INFO",
                                                        request_decode, request_encode};
const struct spdm_message spdm_msg_set_key_pair_info_ack = {SPDM_SET_KEY_PAIR_INFO_ACK, SPDM_VERSION_13,
                                                            "SET_KEY_PAIR_INFO_ACK", NULL, NULL};

enum ide_err spdm_set_key_pair_info(struct spdm_connection *c, const struct spdm_channel *channel,
                                    const struct spdm_set_key_pair_info *request)
{
    struct spdm_plain response = {0};
    const struct spdm_exchange exchange = {.request = &spdm_msg_set_key_pair_info, .in = request,
                                           .response = &spdm_msg_set_key_pair_info_ack, .out = &response};
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_SET_KEY_PAIR, "SET_KEY_PAIR_INFO", "SET_KEY_PAIR_INFO_CAP");
    return err == IDE_OK ? spdm_transact(c, channel, &exchange, NULL, NULL) : err;
}

static bool at_most_one(uint32_t bits)
{
    return (bits & (bits - 1)) == 0;
}

/* What is desired, against what the key pair's capabilities let be changed (§10.28, table of the request). */
static enum ide_err check_desires(struct spdm_responder *r, const struct spdm_set_key_pair_info *in,
                                  const struct spdm_key_pair_info *now)
{
    bool algorithm = in->asym != 0 || in->pqc != 0;
    const struct {
        const char *field;
        bool bad;
    } rules[] = {
        {"Operation", in->header.param1 > SPDM_KEY_PAIR_GENERATE},
        {"Operation", in->header.param1 == SPDM_KEY_PAIR_GENERATE && !(now->capabilities & SPDM_KEY_PAIR_GEN)},
        {"Operation", in->header.param1 == SPDM_KEY_PAIR_ERASE && !(now->capabilities & SPDM_KEY_PAIR_ERASABLE)},
        {"DesiredAssocCertSlotMask",
         in->slots != 0 && in->slots != now->slots && !(now->capabilities & SPDM_KEY_PAIR_ASSOC)},
        {"DesiredAssocCertSlotMask", !at_most_one(in->slots) && !(now->capabilities & SPDM_KEY_PAIR_SHAREABLE)},
        {"DesiredKeyUsage", in->usage != 0 && !(now->capabilities & SPDM_KEY_PAIR_USAGE)},
        {"DesiredKeyUsage", in->usage & ~now->usage_capabilities},
        {"DesiredAsymAlgo", algorithm && !(now->capabilities & SPDM_KEY_PAIR_ASYM)},
        {"DesiredAsymAlgo", !at_most_one(in->asym) || !at_most_one(in->pqc) || (in->asym && in->pqc)},
        {"DesiredAsymAlgo", in->asym & ~now->asym_capabilities},
        {"DesiredPqcAsymAlgo", in->pqc & ~now->pqc_capabilities},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].bad)
            return ide_fail(&r->connection.fault, IDE_E_FIELD, "SET_KEY_PAIR_INFO", rules[i].field);
    }
    return IDE_OK;
}

enum ide_err spdm_handle_set_key_pair_info(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    const struct spdm_services *s = spdm_services_of(r);
    struct spdm_set_key_pair_info in;
    struct spdm_key_pair_info now;
    if (!s->key_pair || !s->set_key_pair)
        return spdm_no_service(r, &spdm_msg_set_key_pair_info);
    enum ide_err err = spdm_request_decode(r, &spdm_msg_set_key_pair_info, request, &in);
    if (err == IDE_OK)
        err = spdm_find_key_pair(r, in.id, "SET_KEY_PAIR_INFO", &now);
    if (err == IDE_OK)
        err = check_desires(r, &in, &now);
    if (err != IDE_OK)
        return err;
    /* a key pair that a certificate belongs to stays (§10.28) */
    if (in.header.param1 != SPDM_KEY_PAIR_CHANGE && now.slots != 0) {
        ide_fail(&r->connection.fault, IDE_E_RESOURCES, "SET_KEY_PAIR_INFO", "AssocCertSlotMask");
        return spdm_service_result(r, IDE_E_RESOURCES);
    }
    const struct spdm_plain out = {0};
    err = spdm_reply(&spdm_msg_set_key_pair_info_ack, &r->connection.params, &out, w);
    return err == IDE_OK ? spdm_service_result(r, s->set_key_pair(s->context, request->session, &in)) : err;
}
