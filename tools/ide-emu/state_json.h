/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IDE_EMU_STATE_JSON_H
#define IDE_EMU_STATE_JSON_H

#include "tools/ide-emu/emu.h"

/* The platform's state as one line of JSON, without keys (ide-emu(1), "STATE"); malloced, NULL without memory. */
char *state_json(struct emu *emu);

#endif
