/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records: the input as it comes, which never opens, and the input as what an authentic record encrypts, so that the
 * checks behind the tag are reached. The first byte chooses the cipher.
 */
#include <string.h>

#include "secured_cma/secured_message.h"

#define ID   0xffffffffu
#define HEAD 6u

static const uint8_t key[AEAD_KEY_MAX] = {1, 2, 3}, iv[AEAD_IV_SIZE] = {4, 5, 6};

static void open_as_is(enum aead_id aead, const uint8_t *data, size_t size)
{
    struct secured_direction d = {0};
    uint8_t record[8192];
    const uint8_t *message;
    size_t len;
    struct ide_fault fault;
    memcpy(record, data, size);
    if (secured_set_key(&d, aead, key, iv) != IDE_OK)
        __builtin_trap();
    if (secured_open(&d, ID, record, size, &message, &len, &fault) != IDE_OK && d.sequence != 0)
        __builtin_trap();
    secured_clear(&d);
}

static void open_sealed(enum aead_id aead, const uint8_t *inner, size_t size)
{
    struct secured_direction d = {0};
    uint8_t record[8192] = {0xff, 0xff, 0xff, 0xff, (uint8_t)(size + 16), (uint8_t)((size + 16) >> 8)};
    const uint8_t *message = NULL;
    size_t len = 0;
    struct ide_fault fault;
    memcpy(record + HEAD, inner, size);
    if (secured_set_key(&d, aead, key, iv) != IDE_OK ||
        aead_seal(&d.key, iv, record, HEAD, record + HEAD, size, record + HEAD + size) != IDE_OK)
        __builtin_trap();
    enum ide_err err = secured_open(&d, ID, record, HEAD + size + 16, &message, &len, &fault);
    if (err == IDE_E_RECORD || (err == IDE_OK && (len > size - 2 || memcmp(message, inner + 2, len) != 0)))
        __builtin_trap();
    secured_clear(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum aead_id ciphers[] = {AEAD_AES_128_GCM, AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305};
    if (size < 1 || size > 4096)
        return 0;
    enum aead_id aead = ciphers[data[0] % 3];
    open_as_is(aead, data + 1, size - 1);
    open_sealed(aead, data + 1, size - 1);
    return 0;
}
