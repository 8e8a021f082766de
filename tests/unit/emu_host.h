/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a host does to an emulated platform, in the tests of the model: no mount, no socket. */
#ifndef TESTS_EMU_HOST_H
#define TESTS_EMU_HOST_H

#include "tools/ide-emu/emu.h"
#include "tools/ide-emu/identities.h"

/* Functions of the default platform. */
#define ROOT_PORT_A "0000:00:03.0"
#define ENDPOINT_A "0000:01:00.0"
#define ROOT_PORT_B "0000:00:04.0"
#define UPSTREAM_B "0000:02:00.0"
#define DOWNSTREAM_B "0000:03:00.0"
#define ENDPOINT_B "0000:04:00.0"
#define ENDPOINT_C "0000:05:00.0"

struct emu_function *host_find(struct emu *emu, const char *bdf);

uint32_t host_read(struct emu_function *f, unsigned offset, unsigned size);
void host_write(struct emu_function *f, unsigned offset, unsigned size, uint32_t value);

/* The root certificate of a platform's identities, DER. */
bool host_read_anchor(const struct identities *identities, uint8_t *der, size_t cap, size_t *len);

/* The same as root_port/ wants it. */
struct pcie_config host_config(struct emu_function *f);

#endif
