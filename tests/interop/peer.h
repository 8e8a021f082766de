/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of interop_peer share: one side of a connection, its keys, its socket. */
#ifndef INTEROP_PEER_H
#define INTEROP_PEER_H

#include "ide_km/responder.h"
#include "session/responder.h"

#define COMMAND_NORMAL   0x0001u
#define COMMAND_TEST     0xdeadu
#define COMMAND_UPDATE   0x8001u   /* the requester wants the responder to update its key; payload: session id */
#define COMMAND_ENDPOINT 0x8002u   /* the same of GET_ENDPOINT_INFO */
#define COMMAND_CONTINUE 0xfffdu
#define COMMAND_SHUTDOWN 0xfffeu
#define TRANSPORT_DOE    2u
#define FILE_MAX         16384u
#define LARGE_MAX        65536u

struct frame {
    uint8_t header[12], payload[SPDM_BUFFER_SIZE];
    uint32_t command, transport;
    size_t len;
};

struct bytes {
    uint8_t data[FILE_MAX];
    size_t len;
};

/* Who one side is. */
struct party {
    struct bytes chain, public_key, root, root1;   /* root1: of the chain in slot 1 */
    struct private_key key;
    struct trust_anchor anchors[2];
    struct trust trust;
};

struct peer {
    int fd;
    const char *keys;
    char **words;
    struct party us, them;
    struct spdm_slot slots[SPDM_SLOT_PLACES];
    struct spdm_config config;
    struct drbg drbg;
    struct rng rng;
    struct clock clock;
    struct doe_transport transport;
    struct spdm_connection connection;
    struct session session;
    struct session_responder responder;
    struct session sessions[4];
    struct ide_km_responder ide_km;
    struct session *updating;         /* responder: whose keys it updates of its own accord */
    uint8_t room[FILE_MAX], large[LARGE_MAX];
    struct frame in, out;
};

/* Ends the program. */
void die(const char *what, const char *why) __attribute__((noreturn));
void must(const struct spdm_connection *c, enum ide_err err, const char *what);

/* The value of WORD=value, "" of a bare word, NULL if it is not there. */
const char *word(const struct peer *p, const char *name);
uint32_t number(const struct peer *p, const char *name, int base);

/* Reads both sides' sample keys, and makes the configuration of the words. */
void prepare(struct peer *p, bool requester);
/* The responder's measurements, services and IDE_KM, as far as the words ask for them. */
void prepare_device(struct peer *p);

/* The socket protocol: three big-endian words, then the payload. */
void connect_to(struct peer *p, uint16_t port);
void accept_one(struct peer *p, uint16_t port);
void receive(int fd, struct frame *f);
void transmit(int fd, uint32_t command, const uint8_t *payload, size_t len);

/* The requester's steps behind the words, over a channel in or out of a session. */
void ask_all(struct peer *p, const struct spdm_channel *channel);

#endif
