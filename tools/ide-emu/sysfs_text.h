/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a function's directory in /sys/bus/pci/devices. */
#ifndef IDE_EMU_SYSFS_TEXT_H
#define IDE_EMU_SYSFS_TEXT_H

#include "tools/ide-emu/emu.h"

#define SYSFS_TEXT_MAX 1024u

struct sysfs_file {
    const char *name;
    unsigned mode;
    /* Writes the content; NULL for config and resource0, which are no text. Takes the model's lock itself. */
    size_t (*text)(struct emu_function *f, char text[static SYSFS_TEXT_MAX]);
};

/* BAR 0 of an endpoint that has one; what else has no text is config. */
bool sysfs_is_bar(const struct sysfs_file *file);

extern const struct sysfs_file sysfs_files[];
extern const size_t sysfs_file_count;

#endif
