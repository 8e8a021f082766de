/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model as a directory shaped like /sys/bus/pci, through FUSE: what libpci,
 * lspci and setpci read with `sysfs.path=` set to it. Files use direct I/O, so
 * every access reaches the model.
 */
#ifndef IDE_EMU_FUSE_DOOR_H
#define IDE_EMU_FUSE_DOOR_H

#include "tools/ide-emu/emu.h"

struct fuse_door;

/*
 * Mounts at the directory, which is made if it is not there; what a dead ide-emu left mounted there is taken away
 * first. on_unmount is called, from another thread, when somebody else unmounts it. NULL on failure, with error[size].
 */
struct fuse_door *fuse_door_open(struct emu *emu, const char *directory, void (*on_unmount)(void), char *error,
                                 size_t size);

/* Unmounts and frees. NULL does nothing. */
void fuse_door_close(struct fuse_door *door);

#endif
