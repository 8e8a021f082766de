/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test identities of a platform's devices, made by the `openssl` command: a root,
 * an intermediate, and for each function with a mailbox a leaf with its CMA name.
 * In a directory that the user gives they are kept, and made again only when the
 * platform has changed; otherwise they live in a temporary one.
 *
 *   trust/root.pem        what to trust
 *   authority/, foreign/  the two roots with their intermediates
 *   0000:01:00.0/         leaf.key, leaf.der, and variants with a fault once wanted
 *   made-for              what they were made for
 */
#ifndef IDE_EMU_IDENTITIES_H
#define IDE_EMU_IDENTITIES_H

#include "tools/ide-emu/credential.h"
#include "tools/ide-emu/platform.h"

#define IDENTITIES_PATH_MAX 4000u

struct identities {
    const struct platform *platform;   /* borrowed */
    char directory[IDENTITIES_PATH_MAX];
    bool temporary;
};

enum identity_kind {
    IDENTITY_OWN,
    IDENTITY_EXPIRED,
    IDENTITY_FOREIGN,      /* of another root */
    IDENTITY_WRONG_NAME,
    IDENTITY_NO_NAME,
    IDENTITY_DEFORMED,     /* no certificate at all */
    IDENTITY_KINDS
};

/* directory NULL: a temporary one. Makes what is not there. On failure says why in error[size]. */
bool identities_open(struct identities *ids, const struct platform *platform, const char *directory, char *error,
                     size_t size);

/* Removes a temporary directory. */
void identities_close(struct identities *ids);

/* The identity of a function, which is made first if it is a faulty one that was not wanted before. */
bool identities_load(const struct identities *ids, const struct platform_function *f, enum identity_kind kind,
                     struct credential *credential, char *error, size_t size);

#endif
