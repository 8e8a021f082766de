/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A responder and a sequence of requests.
 *
 * Input: version, how far it is already negotiated, whether with chunks; then requests, each
 * behind two bytes: its length, little-endian, with bit 15 for "in a session".
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_device.h"

static struct fuzz_device device;

static void require(int condition)
{
    if (!condition)
        abort();
}

static void send(void *session, const uint8_t *request, size_t len)
{
    uint8_t response[SPDM_TRANSFER_SIZE];
    uint8_t *exact = malloc(len > 0 ? len : 1);
    size_t response_len = 0;
    struct spdm_connection *c = &device.responder.connection;
    uint16_t vca_len = c->vca_len;
    enum spdm_state state = c->state;
    memcpy(exact, request, len);
    enum ide_err err =
        spdm_respond(&device.responder, session, exact, len, response, sizeof response, &response_len);
    require(response_len >= 4 && response_len <= sizeof response);
    bool refused = response[1] == SPDM_ERROR && response[2] != SPDM_ERROR_LARGE_RESPONSE;
    require((err != IDE_OK) == refused || response[1] == SPDM_CHUNK_SEND_ACK);
    require(err == c->fault.err);
    /* a refused request changes nothing */
    require(err == IDE_OK || (c->vca_len == vca_len && c->state == state));
    require(c->vca_len <= SPDM_VCA_MAX && c->state <= SPDM_NEGOTIATED);
    require(c->state != SPDM_NEGOTIATED || c->params.hash);
    require(c->large.done <= c->large.len && c->large.len <= c->large.cap);
    free(exact);
}

static void negotiate(uint8_t version, unsigned steps, bool chunks)
{
    uint8_t requests[][44] = {
        {0x10, SPDM_GET_VERSION},
        {version, SPDM_GET_CAPABILITIES, 0, 0, 0, 0, 0, 0, 0xc0, 0x62, 0, 0, 0, 0x12, 0, 0, 0, 0x12, 0, 0},
        {version, SPDM_NEGOTIATE_ALGORITHMS,
         3,       0,
         44,      0,
         1,       2,
         0x90,    0,
         0,       0,
         3,       0,
         0,       0,
         0,       0,
         0,       0,
         0,       0,
         0,       0,
         0,       0,
         0,       0,
         0,       0,
         0,       0,
         2,       0x20,
         0x18,    0,
         3,       0x20,
         7,       0,
         5,       0x20,
         1,       0},
    };
    const size_t lens[] = {4, version >= SPDM_VERSION_12 ? 20 : 12, 44};
    if (chunks && version >= SPDM_VERSION_12) {
        requests[1][10] = SPDM_CAP_CHUNK >> 16;
        requests[1][17] = 0xff;
    }
    if (version >= SPDM_VERSION_13)
        requests[1][11] = SPDM_CAP_EVENT >> 24;
    for (unsigned i = 0; i < steps; i++)
        send(NULL, requests[i], lens[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int session;
    struct reader r = reader_of(data, size);
    uint8_t start = read_u8(&r, "start");
    uint8_t version = (uint8_t)(SPDM_VERSION_11 + start % 4);
    fuzz_device_open(&device, version);
    negotiate(version, (start >> 4) % 4, start & 0x40);
    while (read_left(&r) > 2) {
        uint16_t head = read_u16(&r, "head");
        size_t len = head & 0x1fff;
        len = len < read_left(&r) ? len : read_left(&r);
        send(head & 0x8000 ? &session : NULL, read_bytes(&r, len, "request"), len);
    }
    return 0;
}
