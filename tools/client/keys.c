/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CURVE keys and their files. */
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "tools/client/internal.h"
#include "tools/common/curve.h"

enum ide_client_status ide_client_keys_generate(struct ide_client_keys *keys)
{
    do {
        if (zmq_curve_keypair(keys->public_key, keys->secret_key) != 0)
            return IDE_CLIENT_ARGUMENT;
    } while (keys->public_key[0] == '-');
    return IDE_CLIENT_OK;
}

void ide_client_keys_wipe(struct ide_client_keys *keys)
{
    explicit_bzero(keys, sizeof *keys);
}

enum ide_client_status ide_client_keys_write(const struct ide_client_keys *keys, const char *path,
                                             char *error, size_t size)
{
    struct curve_keys pair;
    char text[CURVE_ERROR_MAX];
    memcpy(pair.public_key, keys->public_key, sizeof pair.public_key);
    memcpy(pair.secret_key, keys->secret_key, sizeof pair.secret_key);
    bool good = curve_keys_write(&pair, path, text);
    explicit_bzero(&pair, sizeof pair);
    if (!good && error)
        snprintf(error, size, "%s", text);
    return good ? IDE_CLIENT_OK : IDE_CLIENT_ARGUMENT;
}

enum ide_client_status ide_client_keys_read(struct ide_client_keys *keys, const char *path, char *error,
                                            size_t size)
{
    struct curve_keys pair;
    char text[CURVE_ERROR_MAX];
    bool good = curve_keys_read(&pair, path, text);
    if (good) {
        memcpy(keys->public_key, pair.public_key, sizeof pair.public_key);
        memcpy(keys->secret_key, pair.secret_key, sizeof pair.secret_key);
    } else if (error)
        snprintf(error, size, "%s", text);
    explicit_bzero(&pair, sizeof pair);
    return good ? IDE_CLIENT_OK : IDE_CLIENT_ARGUMENT;
}
