/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a client of the config socket sends: requests are taken whole or refused, and whatever they do to the
 * platform, the functions stay what they are.
 *
 * Input: requests of 24 bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "tools/ide-emu/config_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check(const struct emu *emu)
{
    for (size_t i = 0; i < emu->count; i++) {
        const struct emu_function *f = &emu->functions[i];
        require(config_get16(&f->config, PCIE_VENDOR_ID) == f->desc.ids.vendor);
        for (size_t k = 0; k < f->ide.count; k++)
            require(!f->ide.streams[k].secure); /* nobody has programmed a key */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct platform platform;
    static struct emu emu;
    char error[256];
    platform_default(&platform);
    platform.kcus[0] = (struct platform_kcu){
        .base = 0xfe000000, .streams = 2, .tx_slots = 12, .rx_slots = 12, .port_count = 1};
    platform.kcu_count = 1;
    if (!emu_init(&emu, &platform, error, sizeof error))
        return 0;
    for (; size >= CONFIG_REQUEST_SIZE; data += CONFIG_REQUEST_SIZE, size -= CONFIG_REQUEST_SIZE) {
        struct config_request request;
        uint8_t bytes[CONFIG_REPLY_SIZE];
        if (!config_request_decode(data, &request))
            continue;
        struct config_reply reply = config_request_serve(&emu, &request);
        config_reply_encode(&reply, bytes);
        require(bytes[0] <= CONFIG_NO_COMPLETION);
    }
    check(&emu);
    emu_free(&emu);
    return 0;
}
