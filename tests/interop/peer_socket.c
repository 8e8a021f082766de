/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

/* Theirs are three small segments a message, each of which waits for our acknowledgement. */
static void prompt(int fd)
{
    const int yes = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof yes) != 0)
        die("socket", "has no options");
}

static void read_all(int fd, uint8_t *data, size_t n)
{
    while (n > 0) {
        ssize_t got = read(fd, data, n);
        prompt(fd);
        if (got <= 0)
            die("socket", "closed");
        data += got;
        n -= (size_t)got;
    }
}

static uint32_t word_at(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

void receive(int fd, struct frame *f)
{
    read_all(fd, f->header, sizeof f->header);
    f->command = word_at(f->header);
    f->transport = word_at(f->header + 4);
    f->len = word_at(f->header + 8);
    if (f->len > sizeof f->payload)
        die("socket", "the message is too long");
    read_all(fd, f->payload, f->len);
}

void transmit(int fd, uint32_t command, const uint8_t *payload, size_t len)
{
    static uint8_t whole[12 + SPDM_BUFFER_SIZE];
    const uint32_t words[] = {htonl(command), htonl(TRANSPORT_DOE), htonl((uint32_t)len)};
    memcpy(whole, words, sizeof words);
    memcpy(whole + sizeof words, payload, len);
    if (write(fd, whole, sizeof words + len) != (ssize_t)(sizeof words + len))
        die("socket", "cannot be written to");
}

void connect_to(struct peer *p, uint16_t port)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || connect(p->fd, (const struct sockaddr *)&at, sizeof at) != 0)
        die("connect", "nobody is there");
    prompt(p->fd);
}

void accept_one(struct peer *p, uint16_t port)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int yes = 1;
    int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (door < 0 || setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(door, (const struct sockaddr *)&at, sizeof at) != 0 || listen(door, 1) != 0)
        die("listen", "the port is taken");
    p->fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
    close(door);
    if (p->fd < 0)
        die("accept", "nobody came");
    prompt(p->fd);
}
