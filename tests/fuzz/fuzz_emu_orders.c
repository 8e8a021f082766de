/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of the control socket, on the default platform without devices: each has one answer on one line.
 *
 * Input: lines.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ide-emu/orders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct platform p;
    static struct identities identities;
    struct emu emu;
    char error[256], line[512];
    platform_default(&p);
    require(emu_init(&emu, &p, error, sizeof error));
    struct orders orders = {&emu, &identities};
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t len = end ? (size_t)(end - data) : size;
        if (len < sizeof line) {
            memcpy(line, data, len);
            line[len] = '\0';
            char *answer = orders_obey(&orders, line);
            require(answer && !strchr(answer, '\n'));
            free(answer);
        }
        size -= end ? len + 1 : len;
        data += end ? len + 1 : len;
    }
    emu_free(&emu);
    return 0;
}
