/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room for any message that a codec decodes. */
#ifndef TESTS_ANY_MESSAGE_H
#define TESTS_ANY_MESSAGE_H

#include "session/messages.h"
#include "spdm/measurements.h"
#include "spdm/messages.h"
#include "spdm/services.h"

/* The header is the first member of each. */
union any_message {
    struct spdm_header header;
    struct spdm_plain plain;
    struct spdm_version version;
    struct spdm_capabilities capabilities;
    struct spdm_algorithms algorithms;
    struct spdm_digests digests;
    struct spdm_get_certificate get_certificate;
    struct spdm_certificate certificate;
    struct spdm_challenge challenge;
    struct spdm_challenge_auth challenge_auth;
    struct spdm_get_measurements get_measurements;
    struct spdm_measurements measurements;
    struct spdm_get_mel get_mel;
    struct spdm_mel mel;
    struct spdm_error error;
    struct spdm_chunk chunk;
    struct spdm_chunk_send_ack chunk_send_ack;
    struct spdm_chunk_get chunk_get;
    struct spdm_vendor_defined vendor_defined;
    struct spdm_get_csr get_csr;
    struct spdm_csr csr;
    struct spdm_set_certificate set_certificate;
    struct spdm_get_key_pair_info get_key_pair_info;
    struct spdm_key_pair_info key_pair_info;
    struct spdm_set_key_pair_info set_key_pair_info;
    struct spdm_get_endpoint_info get_endpoint_info;
    struct spdm_endpoint_info endpoint_info;
    struct spdm_event_groups event_groups;
    struct spdm_send_event send_event;
    struct spdm_key_exchange key_exchange;
    struct spdm_key_exchange_rsp key_exchange_rsp;
    struct spdm_finish finish;
    struct spdm_finish_rsp finish_rsp;
    struct spdm_encapsulated encapsulated;
    struct spdm_psk_exchange psk_exchange;
    struct spdm_psk_exchange_rsp psk_exchange_rsp;
    struct spdm_psk_finish psk_finish;
    struct spdm_psk_finish_rsp psk_finish_rsp;
};

#endif
