/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The certificates that the operator trusts: a folder of PEM and DER files. */
#ifndef IDE_KMD_TRUST_STORE_H
#define IDE_KMD_TRUST_STORE_H

#include "spdm/identity.h"
#include "tools/ide-kmd/failure.h"

#define TRUST_ANCHORS_MAX 256u
#define TRUST_FILE_MAX    262144u /* bytes */

struct trust_store {
    struct trust trust; /* its anchors are below */
    struct trust_anchor anchors[TRUST_ANCHORS_MAX];
};

/*
 * Reads *.pem, *.crt, *.cer and *.der of the folder; a PEM file may hold several certificates. It is read for
 * each operation, so that what is put there or taken away counts at once. Fails closed: a folder that is not
 * there, has no certificate, or has one that cannot be read, is IDE_E_NO_TRUST and says which file. Close
 * with trust_store_close(), also after a failure.
 */
enum ide_err trust_store_load(struct trust_store *store, const char *folder, enum cma_name_rule rule,
                              struct failure *failure) MUST_USE;
/* The same, but a folder without certificates is as good as any. */
enum ide_err trust_store_read(struct trust_store *store, const char *folder, enum cma_name_rule rule,
                              struct failure *failure) MUST_USE;
/* Each file of the folder that by its name has certificates, until take says false. False if the folder
 * cannot be read; errno says why. */
bool trust_store_each_file(const char *folder, bool (*take)(void *context, const char *path), void *context);
/* Takes the certificates of one file, in their order. False if it has none, or something that is none. */
bool trust_store_add_file(struct trust_store *store, const char *path);
/*
 * Decodes a text's first PEM block whose BEGIN line ends so ("PRIVATE KEY-----") into der, which is as long
 * as text. Bytes; 0 if there is none.
 */
size_t pem_decode_block(const char *text, const char *ending, uint8_t *der);
void trust_store_close(struct trust_store *store);

#endif
