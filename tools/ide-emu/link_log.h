/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes over the links, written down: as a pcap file, or as text. docs/link.md says how to read them. */
#ifndef IDE_EMU_LINK_LOG_H
#define IDE_EMU_LINK_LOG_H

#include "tools/ide-emu/emu.h"

/* Each is made when its path is not NULL. On failure says why in error[size]. */
bool link_log_open(struct emu *emu, const char *pcap, const char *text, char *error, size_t size);
/* After the last use of the links. */
void link_log_close(struct emu *emu);

#endif
