/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every descriptor of spdm/ on arbitrary bytes. What decodes must encode, and
 * what was encoded must decode to the same bytes again.
 *
 * Input: descriptor, version, algorithms, summary; then the message.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "any_message.h"

static const struct spdm_message *const descriptors[] = {
    &spdm_msg_get_version,
    &spdm_msg_version,
    &spdm_msg_get_capabilities,
    &spdm_msg_capabilities,
    &spdm_msg_negotiate_algorithms,
    &spdm_msg_algorithms,
    &spdm_msg_get_digests,
    &spdm_msg_digests,
    &spdm_msg_get_certificate,
    &spdm_msg_certificate,
    &spdm_msg_challenge,
    &spdm_msg_challenge_auth,
    &spdm_msg_error,
    &spdm_msg_respond_if_ready,
    &spdm_msg_vendor_defined_request,
    &spdm_msg_vendor_defined_response,
    &spdm_msg_get_measurements,
    &spdm_msg_measurements,
    &spdm_msg_get_mel,
    &spdm_msg_mel,
    &spdm_msg_chunk_send,
    &spdm_msg_chunk_send_ack,
    &spdm_msg_chunk_get,
    &spdm_msg_chunk_response,
    &spdm_msg_get_csr,
    &spdm_msg_csr,
    &spdm_msg_set_certificate,
    &spdm_msg_set_certificate_rsp,
    &spdm_msg_get_key_pair_info,
    &spdm_msg_key_pair_info,
    &spdm_msg_set_key_pair_info,
    &spdm_msg_set_key_pair_info_ack,
    &spdm_msg_get_endpoint_info,
    &spdm_msg_endpoint_info,
    &spdm_msg_get_supported_event_types,
    &spdm_msg_supported_event_types,
    &spdm_msg_subscribe_event_types,
    &spdm_msg_subscribe_event_types_ack,
    &spdm_msg_send_event,
    &spdm_msg_event_ack,
};

#define DESCRIPTORS (sizeof descriptors / sizeof descriptors[0])

static void require(int condition)
{
    if (!condition)
        abort();
}

static struct spdm_params params_of(uint8_t version, uint8_t algorithms)
{
    return (struct spdm_params){
        .version = (uint8_t)(SPDM_VERSION_10 + version % 5),
        .hash = algorithms & 1 ? hash_by_id(HASH_SHA384) : hash_by_id(HASH_SHA256),
        .asym = asym_by_bit(algorithms & 2 ? SPDM_ASYM_ECDSA_P384 : SPDM_ASYM_ECDSA_P256),
        .multi_key = algorithms & 4,
        .measurement_spec = 1,
        .measurement_hash_size = algorithms & 8 ? 64 : 0,
    };
}

static enum ide_err decode(const struct spdm_message *m, const struct spdm_params *p, uint8_t summary,
                           const uint8_t *data, size_t len, union any_message *message, size_t *consumed)
{
    struct ide_fault fault = {0};
    memset(message, 0, sizeof *message);
    if (m->code == SPDM_CHALLENGE_AUTH)
        message->challenge_auth.summary_len = summary & 1 ? p->hash->size : 0;
    if (m->code == SPDM_MEASUREMENTS)
        message->measurements.has_signature = summary & 1;
    if (m->code == SPDM_ENDPOINT_INFO)
        message->endpoint_info.is_signed = summary & 1;
    enum ide_err err = spdm_decode(m, p, data, len, message, consumed, &fault);
    require(*consumed <= len);
    require(fault.err == err);
    return err;
}

/* What the struct does not keep: structures that are skipped. */
static int keeps_all(const struct spdm_message *m, const union any_message *message)
{
    if (m->code != SPDM_ALGORITHMS && m->code != SPDM_NEGOTIATE_ALGORITHMS)
        return 1;
    return !message->algorithms.unknown_structure && !message->algorithms.ext_structure;
}

/* What is inside: a record's blocks and a log's entries stay within it. */
static void walk(const struct spdm_message *m, const struct spdm_params *p, const union any_message *message)
{
    const struct spdm_measurements *measurements = &message->measurements;
    struct spdm_measurement_block block;
    struct spdm_mel_entry entry;
    size_t total = 0;
    if (m->code == SPDM_MEASUREMENTS) {
        struct reader record = reader_of(measurements->record, measurements->record_len);
        while (spdm_measurement_next(&record, p, &block)) {
            require(block.index != 0 && block.index != 0xff && block.bytes_len == 7u + block.len);
            total += block.bytes_len;
        }
        require((record.err == IDE_OK) == (total == measurements->record_len));
    }
    if (m->code == SPDM_MEASUREMENT_EXTENSION_LOG) {
        struct reader entries = spdm_mel_entries(message->mel.portion, message->mel.portion_length);
        while (spdm_mel_next(&entries, &entry))
            total += entry.bytes_len;
        require(entries.err != IDE_OK || total + 16 == message->mel.portion_length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[1 << 17], second[1 << 17];
    union any_message message, again;
    size_t consumed, len, len_again;
    if (size < 4 || size > sizeof first / 2)
        return 0;
    const struct spdm_message *m = descriptors[data[0] % DESCRIPTORS];
    struct spdm_params p = params_of(data[1], data[2]);
    if (decode(m, &p, data[3], data + 4, size - 4, &message, &consumed) != IDE_OK || !keeps_all(m, &message))
        return 0;
    walk(m, &p, &message);
    require(spdm_encode(m, &p, &message, first, sizeof first, &len) == IDE_OK);
    require(decode(m, &p, data[3], first, len, &again, &consumed) == IDE_OK && consumed == len);
    require(spdm_encode(m, &p, &again, second, sizeof second, &len_again) == IDE_OK);
    require(len == len_again && memcmp(first, second, len) == 0);
    return 0;
}
