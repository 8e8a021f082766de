/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Turns one stream off that a controller has left behind. For recovery.c. */
#ifndef IDE_KMD_RECOVERY_STREAM_H
#define IDE_KMD_RECOVERY_STREAM_H

#include "root_port/pcie_access.h"
#include "tools/ide-kmd/recovery.h"

/*
 * The root port off, what its key unit has of the stream off and erased, then the endpoint, and both ends'
 * blocks idle. *was: what there was of it, for people; static. On failure *device is whom it is about.
 * Errors: IDE_E_IO, IDE_E_REGISTER, IDE_E_ACCESS and those of the key unit; a port that is gone carries no
 * stream and is no error.
 */
enum ide_err recovery_stream_off(const struct recovery *recovery, struct pcie_access *access,
                                 const struct held_stream *held, const char **was, struct pcie_bdf *device,
                                 struct ide_fault *fault) MUST_USE;

#endif
