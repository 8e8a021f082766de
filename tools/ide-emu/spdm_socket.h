/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages that DMTF's spdm-emu and QEMU's SPDM back end exchange over TCP:
 * command, transport type, length, each 32 bits big-endian, then the payload.
 */
#ifndef IDE_EMU_SPDM_SOCKET_H
#define IDE_EMU_SPDM_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPDM_SOCKET_HEADER 12u

enum spdm_socket_command {
    SPDM_SOCKET_NORMAL = 0x0001,
    SPDM_SOCKET_TEST = 0xdead,
    SPDM_SOCKET_CONTINUE = 0xfffd,
    SPDM_SOCKET_SHUTDOWN = 0xfffe,
    SPDM_SOCKET_UNKNOWN = 0xffff,
};

#define SPDM_SOCKET_PCI_DOE 2u   /* transport type */

struct spdm_socket_message {
    uint32_t command, transport;
    size_t len;
};

/*
 * Receives one message into payload[cap]. False if the peer closed, the deadline (a monotonic time in ms; 0: none)
 * passed, or the message is longer than cap: then nothing of it is read beyond its header. why is a static string, NULL
 * if the peer closed between two messages.
 */
bool spdm_socket_receive(int fd, struct spdm_socket_message *m, uint8_t *payload, size_t cap, uint64_t deadline_ms,
                         const char **why);

/* Sends one message as one segment where it fits: a peer that waits for the rest of a reply waits for 40 ms. */
bool spdm_socket_send(int fd, uint32_t command, const uint8_t *payload, size_t len);

/* TCP_NODELAY, and no SIGPIPE later. */
void spdm_socket_prepare(int fd);

uint64_t monotonic_ms(void);

#endif
