/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The faults of fault.h that change data objects: some answer instead of the
 * responder, some alter what it answered. The responder knows nothing of them.
 */
#ifndef IDE_EMU_MISBEHAVE_H
#define IDE_EMU_MISBEHAVE_H

#include "tools/ide-emu/device.h"

struct exchange {
    struct device *device;
    const uint8_t *request;
    size_t request_len;
    uint8_t *response;
    size_t cap;
    struct answer answer;
};

/* True if a fault has answered. The device's lock is held, the model's not. */
bool misbehave_before(struct exchange *e);
void misbehave_after(struct exchange *e);

#endif
