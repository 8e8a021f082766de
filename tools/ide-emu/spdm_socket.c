/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/spdm_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "spdm/cursor.h"

#define WAIT_MOST_MS 60000u

uint64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void set_option(int fd, int option)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, option, &on, sizeof on);
}

void spdm_socket_prepare(int fd)
{
    set_option(fd, TCP_NODELAY);
    set_option(fd, TCP_QUICKACK);
}

static bool wait_readable(int fd, uint64_t deadline_ms)
{
    for (;;) {
        uint64_t now = monotonic_ms();
        if (deadline_ms && now >= deadline_ms)
            return false;
        uint64_t left = deadline_ms && deadline_ms - now < WAIT_MOST_MS ? deadline_ms - now : WAIT_MOST_MS;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = poll(&p, 1, (int)left);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

/* Reads n bytes; *started tells whether there was at least one. */
static bool receive_all(int fd, uint8_t *data, size_t n, uint64_t deadline_ms, bool *started)
{
    while (n > 0) {
        if (!wait_readable(fd, deadline_ms))
            return false;
        ssize_t got = recv(fd, data, n, 0);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            return false;
        /* Three small segments make QEMU's message, and each waits for our acknowledgement; it is not a lasting option. */
        set_option(fd, TCP_QUICKACK);
        *started = true;
        data += got;
        n -= (size_t)got;
    }
    return true;
}

static uint32_t read_u32be(struct reader *r, const char *field)
{
    uint32_t high = read_u16be(r, field);
    return high << 16 | read_u16be(r, field);
}

bool spdm_socket_receive(int fd, struct spdm_socket_message *m, uint8_t *payload, size_t cap, uint64_t deadline_ms,
                         const char **why)
{
    uint8_t header[SPDM_SOCKET_HEADER];
    bool started = false;
    *why = NULL;
    if (!receive_all(fd, header, sizeof header, deadline_ms, &started)) {
        if (started || deadline_ms)
            *why = "the connection ended, or the answer did not come in time";
        return false;
    }
    struct reader r = reader_of(header, sizeof header);
    m->command = read_u32be(&r, "command");
    m->transport = read_u32be(&r, "transport type");
    m->len = read_u32be(&r, "length");
    if (m->len > cap) {
        *why = "a message is longer than a data object may be";
        return false;
    }
    if (!receive_all(fd, payload, m->len, deadline_ms, &started)) {
        *why = "the connection ended within a message";
        return false;
    }
    return true;
}

static void put_u32be(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
}

bool spdm_socket_send(int fd, uint32_t command, const uint8_t *payload, size_t len)
{
    uint8_t header[SPDM_SOCKET_HEADER];
    put_u32be(header, command);
    put_u32be(header + 4, SPDM_SOCKET_PCI_DOE);
    put_u32be(header + 8, (uint32_t)len);
    struct iovec parts[] = {{header, sizeof header}, {(void *)(uintptr_t)payload, len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = len ? 2 : 1};
    while (message.msg_iovlen > 0) {
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        for (; message.msg_iovlen > 0 && (size_t)sent >= message.msg_iov->iov_len; message.msg_iovlen--)
            sent -= (ssize_t)message.msg_iov++->iov_len;
        if (message.msg_iovlen > 0) {
            message.msg_iov->iov_base = (uint8_t *)message.msg_iov->iov_base + sent;
            message.msg_iov->iov_len -= (size_t)sent;
        }
    }
    return true;
}
