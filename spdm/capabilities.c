/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_CAPABILITIES and CAPABILITIES (DSP0274 1.2 §10.4). */
#include "spdm/internal.h"

static void sizes_decode(struct reader *r, struct spdm_capabilities *m)
{
    m->data_transfer_size = read_u32(r, "DataTransferSize");
    m->max_message_size = read_u32(r, "MaxSPDMmsgSize");
    if (m->data_transfer_size < SPDM_TRANSFER_SIZE_MIN)
        read_fail_value(r, IDE_E_FIELD, "DataTransferSize", m->data_transfer_size, SPDM_TRANSFER_SIZE_MIN);
    if (m->max_message_size < m->data_transfer_size)
        read_fail_value(r, IDE_E_FIELD, "MaxSPDMmsgSize", m->max_message_size, m->data_transfer_size);
}

/* In 1.0 the request is its header; the response never is. */
static bool has_body(const struct spdm_params *p, const struct spdm_capabilities *m)
{
    return p->version > SPDM_VERSION_10 || m->header.code == SPDM_CAPABILITIES;
}

static void capabilities_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_capabilities *m = message;
    *m = (struct spdm_capabilities){.header = m->header};
    if (!has_body(p, m))
        return;
    read_u8(r, "Reserved");
    m->ct_exponent = read_u8(r, "CTExponent");
    if (m->ct_exponent > SPDM_CT_EXPONENT_MAX)
        read_fail_value(r, IDE_E_FIELD, "CTExponent", m->ct_exponent, SPDM_CT_EXPONENT_MAX);
    m->ext_flags = read_u16(r, "ExtFlags");
    m->flags = read_u32(r, "Flags");
    if (p->version >= SPDM_VERSION_12)
        sizes_decode(r, m);
}

static void body_encode(struct writer *w, const struct spdm_params *p, const struct spdm_capabilities *m)
{
    write_u8(w, 0);
    write_u8(w, m->ct_exponent);
    write_u16(w, m->ext_flags);
    write_u32(w, m->flags);
    if (p->version < SPDM_VERSION_12)
        return;
    write_u32(w, m->data_transfer_size);
    write_u32(w, m->max_message_size);
}

static void request_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    if (p->version > SPDM_VERSION_10)
        body_encode(w, p, message);
}

static void response_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    body_encode(w, p, message);
}

const struct spdm_message spdm_msg_get_capabilities = {
    SPDM_GET_CAPABILITIES, SPDM_VERSION_10, "GET_CAPABILITIES", capabilities_decode, request_encode};
const struct spdm_message spdm_msg_capabilities = {SPDM_CAPABILITIES, SPDM_VERSION_10, "CAPABILITIES",
                                                   capabilities_decode, response_encode};

/* Flags that make sense only together: if one of when is set, one of needs must be (§10.4, flag tables). */
struct flag_rule {
    uint32_t when, needs;
    bool responder_only;
};

#define SESSION_KEYS (SPDM_CAP_KEY_EX | SPDM_CAP_PSK_MASK)
#define PUBLIC_KEYS  (SPDM_CAP_CERT | SPDM_CAP_PUB_KEY_ID)

static const struct flag_rule flag_rules[] = {
    {SESSION_KEYS, SPDM_CAP_ENCRYPT | SPDM_CAP_MAC, false},
    {SPDM_CAP_ENCRYPT | SPDM_CAP_MAC | SPDM_CAP_HBEAT | SPDM_CAP_KEY_UPD, SESSION_KEYS, false},
    {SPDM_CAP_HANDSHAKE_CLEAR, SPDM_CAP_KEY_EX, false},
    {SPDM_CAP_CHAL | SPDM_CAP_MUT_AUTH, PUBLIC_KEYS, false},
    {SPDM_CAP_MUT_AUTH, SPDM_CAP_KEY_EX | SPDM_CAP_CHAL, false},
    {SPDM_CAP_KEY_EX | SPDM_CAP_MEAS_SIG, PUBLIC_KEYS, true},
    {SPDM_CAP_MEAS_FRESH, SPDM_CAP_MEAS_MASK, true},
};

static bool flags_reserved(uint32_t flags, bool responder)
{
    uint32_t psk = flags & SPDM_CAP_PSK_MASK;
    if (psk == SPDM_CAP_PSK_MASK || (!responder && psk == (2u << 10)))
        return true;
    if (responder && (flags & SPDM_CAP_MEAS_MASK) == SPDM_CAP_MEAS_MASK)
        return true;
    if ((flags & SPDM_CAP_EP_INFO_MASK) == SPDM_CAP_EP_INFO_MASK)
        return true;
    return (flags & PUBLIC_KEYS) == PUBLIC_KEYS;
}

static bool flags_consistent(uint8_t version, uint32_t flags, bool responder)
{
    if (version < SPDM_VERSION_11)
        return true;
    for (size_t i = 0; i < sizeof flag_rules / sizeof flag_rules[0]; i++) {
        const struct flag_rule *rule = &flag_rules[i];
        if (rule->responder_only && !responder)
            continue;
        if (flags & rule->when && !(flags & rule->needs))
            return false;
    }
    return !flags_reserved(flags, responder);
}

/* The flags that a version has; in 1.0 a requester has none. */
static uint32_t flags_of(uint8_t version, bool responder)
{
    switch (version) {
    case SPDM_VERSION_10:
        return responder
                   ? SPDM_CAP_CACHE | SPDM_CAP_CERT | SPDM_CAP_CHAL | SPDM_CAP_MEAS_MASK | SPDM_CAP_MEAS_FRESH
                   : 0;
    case SPDM_VERSION_11:
        return SPDM_CAP_CHUNK - 1;
    case SPDM_VERSION_12:
        return SPDM_CAP_EP_INFO_NO_SIG - 1;
    case SPDM_VERSION_13:
        return 2 * SPDM_CAP_SET_KEY_PAIR - 1;
    default:
        return UINT32_MAX;
    }
}

static struct spdm_capabilities own_capabilities(const struct spdm_connection *c, uint8_t version)
{
    uint32_t flags = c->config->flags & flags_of(version, c->role == SPDM_RESPONDER);
    uint32_t transfer = (uint32_t)spdm_own_transfer_size(c);
    if (!spdm_large_offered(c))
        flags &= ~SPDM_CAP_CHUNK;
    return (struct spdm_capabilities){
        .ct_exponent = c->config->ct_exponent,
        .flags = flags,
        .data_transfer_size = transfer,
        .max_message_size = flags & SPDM_CAP_CHUNK ? (uint32_t)c->large.cap : transfer,
    };
}

static void adopt(struct spdm_connection *c, const struct spdm_capabilities *own,
                  const struct spdm_capabilities *peer)
{
    bool requester = c->role == SPDM_REQUESTER;
    uint32_t known = flags_of(c->params.version, requester);
    c->params.flags_requester = requester ? own->flags : peer->flags & known;
    c->params.flags_responder = requester ? peer->flags & known : own->flags;
    c->params.peer_ct_exponent = peer->ct_exponent;
    c->params.peer_transfer_size = peer->data_transfer_size;
    c->params.peer_message_size = peer->max_message_size;
    c->state = SPDM_AFTER_CAPABILITIES;
}

enum ide_err spdm_step_capabilities(struct spdm_connection *c)
{
    struct spdm_capabilities request = own_capabilities(c, c->params.version), response = {0};
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_get_capabilities,
        .in = &request,
        .response = &spdm_msg_capabilities,
        .out = &response,
        .transcript = {.vca = true},
    };
    enum ide_err err = spdm_transact(c, &c->clear, &exchange, NULL, NULL);
    if (err != IDE_OK)
        return err;
    if (!flags_consistent(c->params.version, response.flags, true))
        return ide_fail_value(&c->fault, IDE_E_FIELD, "CAPABILITIES", "Flags", response.flags, 0);
    adopt(c, &request, &response);
    return IDE_OK;
}

/* The requester's choice of version stands in the header. */
static enum ide_err check_version(struct spdm_responder *r, uint8_t version)
{
    const struct spdm_config *config = r->connection.config;
    if (version >= config->version_min && version <= config->version_max)
        return IDE_OK;
    return ide_fail_value(&r->connection.fault, IDE_E_VERSION, "GET_CAPABILITIES", "SPDMVersion", version,
                          config->version_max);
}

static enum ide_err check_request(struct spdm_responder *r, uint8_t version,
                                  const struct spdm_capabilities *in)
{
    struct ide_fault *fault = &r->connection.fault;
    if (!flags_consistent(version, in->flags, false))
        return ide_fail_value(fault, IDE_E_FIELD, "GET_CAPABILITIES", "Flags", in->flags, 0);
    /* without CHUNK nothing longer than one transfer can come */
    if (!(in->flags & SPDM_CAP_CHUNK) && in->max_message_size != in->data_transfer_size)
        return ide_fail_value(fault, IDE_E_FIELD, "GET_CAPABILITIES", "MaxSPDMmsgSize", in->max_message_size,
                              in->data_transfer_size);
    return IDE_OK;
}

enum ide_err spdm_handle_get_capabilities(struct spdm_responder *r, struct spdm_request *request,
                                          struct writer *w)
{
    struct spdm_connection *c = &r->connection;
    struct reader first = reader_of(request->data, request->len);
    struct spdm_params chosen = {.version = read_u8(&first, "SPDMVersion")};
    struct spdm_capabilities in;
    enum ide_err err = check_version(r, chosen.version);
    if (err == IDE_OK) {
        r->error_version = chosen.version;
        err = spdm_decode(&spdm_msg_get_capabilities, &chosen, request->data, request->len, &in,
                          &request->consumed, &c->fault);
    }
    if (err == IDE_OK)
        err = check_request(r, chosen.version, &in);
    if (err != IDE_OK)
        return err;
    struct spdm_capabilities out = own_capabilities(c, chosen.version);
    err = spdm_reply(&spdm_msg_capabilities, &chosen, &out, w);
    if (err != IDE_OK)
        return err;
    c->params.version = chosen.version;
    adopt(c, &out, &in);
    return IDE_OK;
}
