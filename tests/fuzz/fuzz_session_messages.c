/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoders of session/ and of its opaque data. What decodes must encode, and decode to the same again. The first
 * byte chooses the message, the second what was agreed on.
 */
#include <string.h>

#include "session/messages.h"
#include "session/opaque.h"

union any_message {
    struct spdm_header header;
    struct spdm_plain plain;
    struct spdm_key_exchange key_exchange;
    struct spdm_key_exchange_rsp key_exchange_rsp;
    struct spdm_finish finish;
    struct spdm_finish_rsp finish_rsp;
};

static const struct spdm_message *const messages[] = {
    &spdm_msg_key_exchange, &spdm_msg_key_exchange_rsp, &spdm_msg_finish,        &spdm_msg_finish_rsp,
    &spdm_msg_heartbeat,    &spdm_msg_heartbeat_ack,    &spdm_msg_key_update,    &spdm_msg_key_update_ack,
    &spdm_msg_end_session,  &spdm_msg_end_session_ack,
};
#define COUNT (sizeof messages / sizeof messages[0])

static struct spdm_params params_of(uint8_t choice)
{
    static const uint8_t versions[] = {SPDM_VERSION_12, SPDM_VERSION_11, SPDM_VERSION_13, SPDM_VERSION_14};
    struct spdm_params p = {.version = versions[choice & 3], .opaque_format = (choice & 3) != 1};
    p.hash = hash_by_bit(choice & 4 ? SPDM_HASH_SHA384 : SPDM_HASH_SHA256);
    p.asym = asym_by_bit(choice & 4 ? SPDM_ASYM_ECDSA_P384 : SPDM_ASYM_ECDSA_P256);
    p.req_asym = choice & 8 ? p.asym : NULL;
    p.dhe = dhe_by_bit(choice & 16 ? SPDM_DHE_SECP384R1 : SPDM_DHE_SECP256R1);
    p.flags_requester = p.flags_responder = choice & 32 ? SPDM_CAP_HANDSHAKE_CLEAR : 0;
    if (choice & 64)   /* nothing agreed on yet */
        p.hash = NULL, p.asym = NULL, p.dhe = NULL;
    return p;
}

/* Where reserved bytes are not zero the encoding differs, once. */
static void round_trip(const struct spdm_message *d, const struct spdm_params *p, uint8_t summary_len,
                       const uint8_t *data, size_t size)
{
    union any_message m = {0}, again = {0};
    uint8_t first[8192], second[8192];
    size_t consumed, first_len, second_len;
    struct ide_fault fault;
    m.key_exchange_rsp.summary_len = again.key_exchange_rsp.summary_len =
        d == &spdm_msg_key_exchange_rsp ? summary_len : 0;
    if (spdm_decode(d, p, data, size, &m, &consumed, &fault) != IDE_OK)
        return;
    if (spdm_encode(d, p, &m, first, sizeof first, &first_len) != IDE_OK || first_len != consumed)
        __builtin_trap();
    if (spdm_decode(d, p, first, first_len, &again, &consumed, &fault) != IDE_OK || consumed != first_len)
        __builtin_trap();
    if (spdm_encode(d, p, &again, second, sizeof second, &second_len) != IDE_OK || second_len != first_len ||
        memcmp(first, second, first_len) != 0)
        __builtin_trap();
}

static void read_opaque(const struct spdm_params *p, const uint8_t *data, size_t size)
{
    static struct spdm_connection c;
    struct reader r = reader_of(data, size);
    c.config = &spdm_config_requester;
    c.params = *p;
    uint16_t version = opaque_read_supported(&r, &c);
    if ((version == 0) != (r.err != IDE_OK) || version > 0x1200)
        __builtin_trap();
    r = reader_of(data, size);
    version = opaque_read_selected(&r, &c);
    if ((version == 0) != (r.err != IDE_OK) || version > 0x1200)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 4096)
        return 0;
    struct spdm_params p = params_of(data[1]);
    uint8_t summary_len = data[1] & 128 && p.hash ? p.hash->size : 0;
    if (data[0] % (COUNT + 1) == COUNT)
        read_opaque(&p, data + 2, size - 2);
    else
        round_trip(messages[data[0] % (COUNT + 1)], &p, summary_len, data + 2, size - 2);
    return 0;
}
