/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Door 3: a UNIX socket that carries the register accesses of config_message.h, for a QEMU whose devices have
 * the IDE and DOE capabilities of this model. One thread a connection; each access is answered before the
 * next is read.
 */
#ifndef IDE_EMU_CONFIG_DOOR_H
#define IDE_EMU_CONFIG_DOOR_H

#include "tools/ide-emu/emu.h"
#include "tools/ide-emu/socket_server.h"

/* NULL on failure: error[size] says why. */
struct socket_server *config_door_open(struct emu *emu, const char *path, char *error, size_t size);

#endif
