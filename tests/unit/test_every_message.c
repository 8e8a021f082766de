/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every message of both roles in every version: cut off at every byte, followed by something, and with every 1, 2, 3 and 4
 * bytes of it at 0, 1, what is left, one more, their largest and about to wrap. Whoever adds a row to a responder's table
 * must add its request and its response here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "any_message.h"
#include "check.h"
#include "loopback.h"
#include "suite.h"

static const uint8_t bytes[256] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

/* A good one of each. What a caller says before decoding stands in it, too. */
static const struct row {
    const struct spdm_message *m;
    union any_message good;
    bool open_end;   /* its last part is what there is: shorter is another good one */
} rows[] = {
    {&spdm_msg_get_version, {.plain = {{0}}}, false},
    {&spdm_msg_version, {.version = {.count = 2, .entries = bytes}}, false},
    {&spdm_msg_get_capabilities, {.capabilities = {.data_transfer_size = 4608, .max_message_size = 4608}}, false},
    {&spdm_msg_capabilities, {.capabilities = {.data_transfer_size = 4608, .max_message_size = 4608}}, false},
    {&spdm_msg_negotiate_algorithms,
     {.algorithms = {.header.param1 = 2, .base_asym = 16, .base_hash = 1, .ext_asym_count = 1, .ext_hash_count = 1, .ext = bytes,
                     .present = 1 << SPDM_ALGORITHM_DHE | 1 << SPDM_ALGORITHM_AEAD}},
     false},
    {&spdm_msg_algorithms,
     {.algorithms = {.header.param1 = 2, .base_asym = 16, .base_hash = 1,
                     .present = 1 << SPDM_ALGORITHM_DHE | 1 << SPDM_ALGORITHM_AEAD}},
     false},
    {&spdm_msg_get_digests, {.plain = {{0}}}, false},
    {&spdm_msg_digests, {.digests = {.header = {.param2 = 5}, .digests = bytes}}, false},
    {&spdm_msg_get_certificate, {.get_certificate = {.offset = 0, .length = 100}}, false},
    {&spdm_msg_certificate, {.certificate = {.portion_length = 20, .remainder_length = 3, .portion = bytes}}, false},
    {&spdm_msg_challenge, {.challenge = {.header = {.param2 = SPDM_SUMMARY_ALL}}}, false},
    {&spdm_msg_challenge_auth,
     {.challenge_auth = {.chain_hash = bytes, .nonce = bytes, .summary_len = 32, .summary = bytes, .opaque_len = 9,
                         .opaque = bytes, .context = bytes, .signature = bytes}},
     false},
    {&spdm_msg_get_measurements, {.get_measurements = {.header = {.param1 = SPDM_MEASUREMENTS_SIGNED}}}, false},
    {&spdm_msg_measurements,
     {.measurements = {.count = 1, .record_len = 12, .record = bytes, .nonce = bytes, .opaque_len = 9, .opaque = bytes,
                       .context = bytes, .has_signature = true, .signature = bytes}},
     false},
    {&spdm_msg_get_mel, {.get_mel = {.length = 100}}, false},
    {&spdm_msg_mel, {.mel = {.portion_length = 20, .remainder_length = 3, .portion = bytes}}, false},
    {&spdm_msg_error, {.error = {.header = {.param1 = SPDM_ERROR_RESPONSE_NOT_READY}, .extended = bytes, .extended_len = 4}},
     true},
    {&spdm_msg_respond_if_ready, {.plain = {{0}}}, false},
    {&spdm_msg_chunk_send, {.chunk = {.size = 20, .total = 100, .data = bytes}}, false},
    {&spdm_msg_chunk_response, {.chunk = {.size = 20, .total = 100, .data = bytes}}, false},
    {&spdm_msg_chunk_send_ack, {.chunk_send_ack = {.sequence = 1}}, true},
    {&spdm_msg_chunk_get, {.chunk_get = {.sequence = 1}}, false},
    {&spdm_msg_vendor_defined_request,
     {.vendor_defined = {.standard_id = 3, .vendor_id_len = 2, .vendor_id = bytes, .payload_len = 10, .payload = bytes}}, false},
    {&spdm_msg_vendor_defined_response,
     {.vendor_defined = {.standard_id = 3, .vendor_id_len = 2, .vendor_id = bytes, .payload_len = 10, .payload = bytes}}, false},
    {&spdm_msg_get_csr, {.get_csr = {.info_len = 11, .opaque_len = 9, .info = bytes, .opaque = bytes}}, false},
    {&spdm_msg_csr, {.csr = {.len = 30, .csr = bytes}}, false},
    {&spdm_msg_set_certificate, {.set_certificate = {.chain_len = 40, .chain = (const uint8_t[40]){40}}}, true},
    {&spdm_msg_set_certificate_rsp, {.plain = {{0}}}, false},
    {&spdm_msg_get_key_pair_info, {.get_key_pair_info = {.id = 1}}, false},
    {&spdm_msg_key_pair_info,
     {.key_pair_info = {.total = 2, .id = 1, .public_key_info_len = 7, .public_key_info = bytes}}, false},
    {&spdm_msg_set_key_pair_info, {.set_key_pair_info = {.id = 1, .usage = 1}}, false},
    {&spdm_msg_set_key_pair_info_ack, {.plain = {{0}}}, false},
    {&spdm_msg_get_endpoint_info,
     {.get_endpoint_info = {.header = {.param1 = SPDM_ENDPOINT_DEVICE_CLASS}, .attributes = SPDM_ENDPOINT_SIGNED}}, false},
    {&spdm_msg_endpoint_info,
     {.endpoint_info = {.is_signed = true, .nonce = bytes, .info_len = 12, .info = bytes, .signature = bytes}}, false},
    {&spdm_msg_get_supported_event_types, {.plain = {{0}}}, false},
    {&spdm_msg_supported_event_types, {.event_groups = {.header = {.param1 = 1}, .len = 14, .list = bytes}}, false},
    {&spdm_msg_subscribe_event_types, {.event_groups = {.header = {.param1 = 1}, .len = 14, .list = bytes}}, false},
    {&spdm_msg_subscribe_event_types_ack, {.plain = {{0}}}, false},
    {&spdm_msg_send_event, {.send_event = {.count = 1, .len = 16, .events = (const uint8_t[16]){[0] = 1, [10] = 1, [12] = 2}}}, false},
    {&spdm_msg_event_ack, {.plain = {{0}}}, false},
    {&spdm_msg_key_exchange,
     {.key_exchange = {.req_session_id = 7, .random = bytes, .exchange_data = bytes, .opaque_len = 9, .opaque = bytes}}, false},
    {&spdm_msg_key_exchange_rsp,
     {.key_exchange_rsp = {.rsp_session_id = 7, .random = bytes, .exchange_data = bytes, .summary_len = 32, .summary = bytes,
                           .opaque_len = 9, .opaque = bytes, .signature = bytes, .verify_data = bytes}},
     false},
    {&spdm_msg_finish,
     {.finish = {.header = {.param1 = SPDM_FINISH_SIGNED}, .opaque_len = 9, .opaque = bytes, .signature = bytes,
                 .verify_data = bytes}},
     false},
    {&spdm_msg_finish_rsp, {.finish_rsp = {.opaque_len = 9, .opaque = bytes}}, false},
    {&spdm_msg_psk_exchange,
     {.psk_exchange = {.req_session_id = 7, .hint_len = 5, .context_len = 32, .opaque_len = 9, .hint = bytes, .context = bytes,
                       .opaque = bytes}},
     false},
    {&spdm_msg_psk_exchange_rsp,
     {.psk_exchange_rsp = {.rsp_session_id = 7, .context_len = 32, .opaque_len = 9, .summary_len = 32, .summary = bytes,
                           .context = bytes, .opaque = bytes, .verify_data = bytes}},
     false},
    {&spdm_msg_psk_finish, {.psk_finish = {.opaque_len = 9, .opaque = bytes, .verify_data = bytes}}, false},
    {&spdm_msg_psk_finish_rsp, {.psk_finish_rsp = {.opaque_len = 9, .opaque = bytes}}, false},
    {&spdm_msg_heartbeat, {.plain = {{0}}}, false},
    {&spdm_msg_heartbeat_ack, {.plain = {{0}}}, false},
    {&spdm_msg_key_update, {.plain = {{.param1 = SPDM_KEY_UPDATE_KEY}}}, false},
    {&spdm_msg_key_update_ack, {.plain = {{.param1 = SPDM_KEY_UPDATE_KEY}}}, false},
    {&spdm_msg_get_encapsulated_request, {.plain = {{0}}}, false},
    {&spdm_msg_encapsulated_request, {.encapsulated = {.message = bytes, .message_len = 20}}, true},
    {&spdm_msg_deliver_encapsulated_response, {.encapsulated = {.message = bytes, .message_len = 20}}, true},
    {&spdm_msg_encapsulated_response_ack,
     {.encapsulated = {.header = {.param2 = SPDM_ENCAP_PRESENT}, .ack_id = 1, .message = bytes, .message_len = 20}}, true},
    {&spdm_msg_end_session, {.plain = {{0}}}, false},
    {&spdm_msg_end_session_ack, {.plain = {{0}}}, false},
};

#define ROWS (sizeof rows / sizeof rows[0])

static struct spdm_params params;
static uint8_t sample[1024];
static size_t sample_len;

static void agree(uint8_t version)
{
    params = (struct spdm_params){.version = version,
                                  .asym = asym_by_bit(SPDM_ASYM_ECDSA_P256),
                                  .req_asym = asym_by_bit(SPDM_ASYM_ECDSA_P256),
                                  .hash = hash_by_bit(SPDM_HASH_SHA256),
                                  .dhe = dhe_by_bit(SPDM_DHE_SECP256R1),
                                  .opaque_format = 1};
}

/* Decodes in a message that a caller has prepared as for the good one; then reads all that it points to. */
static enum ide_err take(const struct row *row, const uint8_t *data, size_t len, size_t *consumed)
{
    static uint8_t again[1 << 17];
    union any_message message = row->good;
    struct ide_fault fault = {.err = IDE_OK};
    size_t again_len;
    enum ide_err err = spdm_decode(row->m, &params, data, len, &message, consumed, &fault);
    if (err != IDE_OK && (fault.err != err || !fault.step))
        CU_FAIL("an error without its place");
    if (err == IDE_OK && *consumed > len)
        CU_FAIL("more was consumed than there was");
    if (err == IDE_OK)
        (void)!spdm_encode(row->m, &params, &message, again, sizeof again, &again_len);
    return err;
}

/* Bytes of their own, so that a sanitizer sees what reads behind them. */
static enum ide_err take_copy(const struct row *row, const uint8_t *data, size_t len, size_t *consumed)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, data, len);
    enum ide_err err = take(row, copy, len, consumed);
    free(copy);
    return err;
}

static void each_sample(void (*check)(const struct row *row))
{
    for (uint8_t version = SPDM_VERSION_10; version <= SPDM_VERSION_14; version++) {
        agree(version);
        for (size_t i = 0; i < ROWS; i++) {
            if (version < rows[i].m->first_version)
                continue;
            CHECK_OK(spdm_encode(rows[i].m, &params, &rows[i].good, sample, sizeof sample, &sample_len));
            check(&rows[i]);
        }
    }
}

static void said(bool right, const struct row *row, size_t at)
{
    if (!right)
        fprintf(stderr, "%s of %02x, %zu bytes, at %zu\n", row->m->name, params.version, sample_len, at);
    CU_ASSERT_TRUE(right);
}

static void check_good(const struct row *row)
{
    size_t consumed = 0;
    said(take_copy(row, sample, sample_len, &consumed) == IDE_OK && consumed == sample_len, row, 0);
}

static void check_cut(const struct row *row)
{
    size_t consumed = 0;
    for (size_t len = 0; len < sample_len; len++) {
        enum ide_err err = take_copy(row, sample, len, &consumed);
        said(err == IDE_E_SHORT || (row->open_end && len >= sizeof(struct spdm_header)), row, len);
    }
}

static void check_longer(const struct row *row)
{
    size_t consumed = 0;
    uint8_t longer[sizeof sample + 8] = {0};
    memcpy(longer, sample, sample_len);
    enum ide_err err = take_copy(row, longer, sample_len + 8, &consumed);
    said(err == IDE_E_LONG || row->open_end, row, sample_len);
}

static void put(uint8_t *at, unsigned width, uint32_t value)
{
    for (unsigned i = 0; i < width; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void check_limits(const struct row *row)
{
    uint8_t *copy = malloc(sample_len);
    size_t consumed = 0;
    memcpy(copy, sample, sample_len);
    for (unsigned width = 1; width <= 4; width++) {
        const uint32_t most = UINT32_MAX >> 8 * (4 - width);
        for (size_t at = 2; at + width <= sample_len; at++) {
            const uint32_t left = (uint32_t)(sample_len - at - width);
            const uint32_t values[] = {0, 1, left, left + 1, most, most - 1, most / 2 + 1, most - left, most - left + 1};
            for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
                put(copy + at, width, values[i]);
                (void)!take(row, copy, sample_len, &consumed);
            }
            memcpy(copy + at, sample + at, width);
        }
    }
    free(copy);
}

static void a_good_one_of_each_is_taken(void)
{
    each_sample(check_good);
}

static void cut_off_anywhere_it_is_short(void)
{
    each_sample(check_cut);
}

static void with_something_behind_it_is_long(void)
{
    each_sample(check_longer);
}

static void each_field_at_its_limits(void)
{
    each_sample(check_limits);
}

static bool is_here(uint8_t code)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].m->code == code)
            return true;
    }
    return false;
}

static void each_message_of_a_responder_is_here(void)
{
    static struct loopback l;
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    const struct spdm_responder *r = &l.responder.spdm;
    size_t count = 0;
    for (size_t t = 0; t < r->table_count; t++) {
        for (size_t i = 0; i < r->tables[t].count; i++, count++) {
            uint8_t code = r->tables[t].rows[i].code;
            if (!is_here(code) || !is_here(code & 0x7f))
                fprintf(stderr, "%s or its response is missing\n", r->tables[t].rows[i].name);
            CU_ASSERT_TRUE(is_here(code) && is_here(code & 0x7f));
        }
    }
    CU_ASSERT_TRUE(count > 25);
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_good_one_of_each_is_taken),
        TEST(cut_off_anywhere_it_is_short),
        TEST(with_something_behind_it_is_long),
        TEST(each_field_at_its_limits),
        TEST(each_message_of_a_responder_is_here),
        CU_TEST_INFO_NULL,
    };
    return suite_run("every message", tests);
}
