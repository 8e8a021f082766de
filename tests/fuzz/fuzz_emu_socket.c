/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a TCP client sends: messages are taken whole or not at all, and never beyond the buffer.
 *
 * Input: the bytes of one connection.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/ide-emu/spdm_socket.h"

#define PAYLOAD_CAP 256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    uint8_t *payload = malloc(PAYLOAD_CAP);
    if (!payload || size > 4096 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        free(payload);
        return 0;
    }
    if (send(pair[0], data, size, MSG_DONTWAIT) == (ssize_t)size) {
        struct spdm_socket_message m;
        const char *why;
        size_t used = 0;
        shutdown(pair[0], SHUT_WR);
        while (spdm_socket_receive(pair[1], &m, payload, PAYLOAD_CAP, 0, &why))
            used += SPDM_SOCKET_HEADER + m.len;
        if (used > size)
            abort();
    }
    close(pair[0]);
    close(pair[1]);
    free(payload);
    return 0;
}
