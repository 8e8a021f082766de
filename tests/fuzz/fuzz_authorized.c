/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of CURVE keys, and a key file: any text. What is taken is what a line says, word for word. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/authorized.h"

static void check_list(const struct authorized_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct authorized_key *key = &list->key[i];
        if (!curve_key_is_one(key->key, strlen(key->key)) || authorized_find(list, key->key) != key)
            abort();
        if (*key->name && !authorized_name_is_one(key->name, strlen(key->name)))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct authorized_list list;
    struct curve_keys keys;
    unsigned line;
    const char *wrong;
    if (authorized_parse((const char *)data, size, &list, &line, &wrong)
            ? wrong != NULL
            : !wrong || list.count > 0 || line == 0)
        abort();
    check_list(&list);
    authorized_release(&list);
    if (curve_keys_parse((const char *)data, size, &keys, &line, &wrong) &&
        (!curve_key_is_one(keys.public_key, strlen(keys.public_key)) ||
         !curve_key_is_one(keys.secret_key, strlen(keys.secret_key))))
        abort();
    return 0;
}
