/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the operator expects devices to measure: a JSON file, or a folder of
 * them. ide-kmd(8), "REFERENCE VALUES", says what is in them.
 */
#ifndef IDE_KMD_REFERENCE_STORE_H
#define IDE_KMD_REFERENCE_STORE_H

#include "root_port/pcie_bdf.h"
#include "spdm/identity.h"
#include "spdm/reference_values.h"
#include "tools/ide-kmd/failure.h"

#define REFERENCE_FILE_MAX  1048576u /* bytes */
#define REFERENCE_VALUE_MAX 4096u    /* bytes */

struct reference_set;

struct reference_store {
    struct reference_set *first; /* owned */
};

/*
 * Reads path, or all *.json in it if it is a folder; NULL: nothing. It is read for each operation, so that
 * what is put there or taken away counts at once. A file that is wrong is IDE_E_NO_REFERENCE, and says where.
 * Close with reference_store_close(), also after a failure.
 */
enum ide_err reference_store_load(struct reference_store *store, const char *path,
                                  struct failure *failure) MUST_USE;
void reference_store_close(struct reference_store *store);

/*
 * All values for a device, out->count 0 if there are none. out borrows from store, but for its list, which
 * the caller frees with reference_values_release(). IDE_E_MEMORY.
 */
enum ide_err reference_store_find(const struct reference_store *store, const struct pcie_bdf *bdf,
                                  const struct cma_ids *ids, struct reference_values *out) MUST_USE;
void reference_values_release(struct reference_values *values);

#endif
