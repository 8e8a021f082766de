/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CXL_IDE_KM of an emulated function: between its responder and its port (cxl_port.h). */
#ifndef IDE_EMU_CXL_DEVICE_H
#define IDE_EMU_CXL_DEVICE_H

#include "ide_km/cxl_responder.h"
#include "tools/ide-emu/emu.h"

struct cxl_device {
    struct emu_function *function;
    struct rng rng;
    struct cxl_ide_responder responder;
};

/* Makes r answer for the function, if it has CXL. Borrows d, which must outlive r. */
void cxl_device_attach(struct cxl_device *d, struct emu_function *f, const struct rng *rng,
                       struct session_responder *r);

#endif
