/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links that go down and functions that are pulled out, and back. All with the model's lock held. */
#ifndef IDE_EMU_HOTPLUG_H
#define IDE_EMU_HOTPLUG_H

#include "tools/ide-emu/emu.h"

/*
 * The link below a root port or downstream port, or the one above another function, goes down or comes up. Whatever is
 * below loses its state as by a reset, and the port's Link Status says so. False if the function is at no link, or its
 * link cannot come up because nothing is there.
 */
bool hotplug_link(struct emu_function *f, bool up);

/*
 * The function and all below it are pulled out, or put in as after power-on; the slot and its link follow. False for a
 * root port, which is part of its host, and for what is as wanted already.
 */
bool hotplug_insert(struct emu_function *f, bool present);

/* All ports above are there and the links between are up, and so the host can reach it. */
bool hotplug_is_reachable(const struct emu_function *f);

#endif
