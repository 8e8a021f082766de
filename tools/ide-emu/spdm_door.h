/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP ports of 127.0.0.1, one a function, that speak the protocol of
 * spdm_socket.h: QEMU's `spdm_port=` and DMTF's spdm_requester_emu connect here.
 */
#ifndef IDE_EMU_SPDM_DOOR_H
#define IDE_EMU_SPDM_DOOR_H

#include "tools/ide-emu/emu.h"
#include "tools/ide-emu/socket_server.h"

/* Listens for the function, which has a device; port 0: any. *chosen is the port. NULL on failure, with
 * error[size]. */
struct socket_server *spdm_door_open(struct emu_function *f, uint16_t port, uint16_t *chosen, char *error,
                                     size_t size);

#endif
