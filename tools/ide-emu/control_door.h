/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A UNIX socket that takes the lines of orders.h and answers each with one line. */
#ifndef IDE_EMU_CONTROL_DOOR_H
#define IDE_EMU_CONTROL_DOOR_H

#include "tools/ide-emu/orders.h"

struct control_door;

/* Listens at path, for the user that started it only; a socket that nobody listens at any more is replaced. */
struct control_door *control_door_open(const struct orders *orders, const char *path, char *error, size_t size);
void control_door_close(struct control_door *door);

#endif
