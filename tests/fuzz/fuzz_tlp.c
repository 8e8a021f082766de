/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A TLP's bytes: whatever is decoded and encoded again is the same TLP, and the parts of a frame lie inside
 * it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ide-emu/ide_tlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_parts(const struct frame_parts *p, size_t size)
{
    require(p->payload == p->header + p->header_len);
    require(p->payload + p->payload_len + (p->pcrc ? TLP_PCRC_SIZE : 0) + (p->mac ? TLP_MAC_SIZE : 0) ==
            size);
    require(p->payload_len <= TLP_PAYLOAD_MAX && (p->ide || (!p->pcrc && !p->mac)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct aead_key key;
    static const uint8_t raw[32];
    struct frame_parts p;
    struct frame frame, again;
    struct tlp tlp, twice;
    uint8_t bad;
    if (key.id == AEAD_NONE)
        require(aead_set_key(&key, AEAD_AES_256_GCM, raw) == IDE_OK);
    bool split = frame_split(data, size, &p);
    if (split)
        check_parts(&p, size);
    if (size > TLP_FRAME_MAX) {
        require(!split);
        return 0;
    }
    memcpy(frame.data, data, size);
    frame.len = (uint16_t)size;
    if (!tlp_decode(&frame, &tlp))
        return 0;
    require(split);
    tlp_encode(&tlp, &again);
    require(tlp_decode(&again, &twice) && memcmp(&tlp, &twice, sizeof tlp) == 0);
    struct ide_crypt c = {&key, data[0], data[size - 1], data[size / 2] % 5, 0};
    require(ide_open(&c, &frame, 1, &bad) != IDE_OPENED || p.mac);
    ide_remove_prefix(&again);
    return 0;
}
