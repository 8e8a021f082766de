/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One side of an SPDM connection over the TCP socket protocol of DMTF's spdm-emu, on the libraries alone:
 *
 *   peer requester|responder PORT KEYS [WORD...]
 *
 * KEYS is a folder of DMTF's sample keys (ecp256, ecp384, ...). Words:
 *   ver=12            the one version that is offered
 *   clear             the handshake in the clear
 *   psk, psk-context  PSK_EXCHANGE with DMTF's sample key, instead of KEY_EXCHANGE
 *   mut, encap, digests   mutual authentication; the responder asks in that form
 *   pubkey            provisioned public keys on both sides
 *   slot=N            the requester's choice of chain; req-slot=N: the responder's choice of the requester's
 *   heartbeat         the responder wants one each 5 seconds
 *
 * The requester negotiates, authenticates, opens a session, beats, updates the keys both ways, ends it, and says "ok".
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "session/messages.h"
#include "session/responder.h"
#include "spdm/chain.h"
#include "spdm/cursor.h"
#include "spdm/requester.h"

#define COMMAND_NORMAL   0x0001u
#define COMMAND_TEST     0xdeadu
#define COMMAND_CONTINUE 0xfffdu
#define COMMAND_SHUTDOWN 0xfffeu
#define TRANSPORT_DOE    2u
#define FILE_MAX         16384u

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
    uint8_t room[FILE_MAX];
    struct frame in, out;
};

static const uint8_t psk_hint[] = "TestPskHint", psk_secret[] = "TestPskData";   /* with their NUL */
static const struct session_psk sample_psk = {psk_hint, sizeof psk_hint, psk_secret, sizeof psk_secret};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void must(const struct spdm_connection *c, enum ide_err err, const char *what)
{
    char text[200];
    if (err != IDE_OK)
        die(what, c->fault.err == err ? ide_fault_text(&c->fault, text, sizeof text) : ide_err_text(err));
}

/* The value of WORD=value, "" of a bare word, NULL if it is not there. */
static const char *word(const struct peer *p, const char *name)
{
    size_t n = strlen(name);
    for (char **w = p->words; *w; w++) {
        if (strncmp(*w, name, n) == 0 && (*w)[n] == '\0')
            return "";
        if (strncmp(*w, name, n) == 0 && (*w)[n] == '=')
            return *w + n + 1;
    }
    return NULL;
}

static uint8_t number(const struct peer *p, const char *name, int base)
{
    const char *value = word(p, name);
    return value ? (uint8_t)strtoul(value, NULL, base) : 0;
}

/* --- files --- */

static void read_file(const struct peer *p, const char *name, struct bytes *out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", p->keys, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        die(path, "cannot be read");
    out->len = fread(out->data, 1, sizeof out->data, f);
    fclose(f);
}

static enum hash_id hash_of(const struct peer *p)
{
    return strstr(p->keys, "256") ? HASH_SHA256 : strstr(p->keys, "384") ? HASH_SHA384 : HASH_SHA512;
}

/* Length, Reserved, RootHash and the certificates, of which the first is the root. */
static void make_chain(const struct peer *p, struct party *party, const struct bytes *certificates)
{
    const struct hash_info *hash = hash_by_id(hash_of(p));
    struct writer w = writer_of(party->chain.data, sizeof party->chain.data);
    write_u32(&w, (uint32_t)(4 + hash->size + certificates->len));
    uint8_t *root_hash = write_space(&w, hash->size);
    if (!root_hash || hash_once(hash->id, party->root.data, party->root.len, root_hash) != IDE_OK)
        die("chain", "no hash");
    write_bytes(&w, certificates->data, certificates->len);
    party->chain.len = w.pos;
}

static void read_party(const struct peer *p, const char *role, struct party *party)
{
    static struct bytes file;
    char name[64];
    read_file(p, "ca.cert.der", &party->root);
    snprintf(name, sizeof name, "bundle_%s.certchain.der", role);
    read_file(p, name, &file);
    make_chain(p, party, &file);
    snprintf(name, sizeof name, "end_%s.key.pub.der", role);
    read_file(p, name, &party->public_key);
    snprintf(name, sizeof name, "end_%s.key.der", role);
    read_file(p, name, &file);
    if (private_key_load(&party->key, file.data, file.len) != IDE_OK)
        die(name, "is no private key");
    read_file(p, "ca1.cert.der", &party->root1);
    party->anchors[0] = (struct trust_anchor){party->root.data, party->root.len};
    party->anchors[1] = (struct trust_anchor){party->root1.data, party->root1.len};
    party->trust = (struct trust){.anchors = party->anchors, .anchor_count = 2, .name_rule = CMA_NAME_IF_PRESENT,
                                  .requester = strcmp(role, "requester") == 0};
}

/* --- the socket protocol: three big-endian words, then the payload --- */

static void read_all(int fd, uint8_t *data, size_t n)
{
    while (n > 0) {
        ssize_t got = read(fd, data, n);
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

static void receive(int fd, struct frame *f)
{
    read_all(fd, f->header, sizeof f->header);
    f->command = word_at(f->header);
    f->transport = word_at(f->header + 4);
    f->len = word_at(f->header + 8);
    if (f->len > sizeof f->payload)
        die("socket", "the message is too long");
    read_all(fd, f->payload, f->len);
}

static void transmit(int fd, uint32_t command, const uint8_t *payload, size_t len)
{
    static uint8_t whole[12 + SPDM_BUFFER_SIZE];
    const uint32_t words[] = {htonl(command), htonl(TRANSPORT_DOE), htonl((uint32_t)len)};
    memcpy(whole, words, sizeof words);
    memcpy(whole + sizeof words, payload, len);
    if (write(fd, whole, sizeof words + len) != (ssize_t)(sizeof words + len))
        die("socket", "cannot be written to");
}

static enum ide_err exchange(void *context, const uint8_t *request, size_t request_len, uint8_t *response,
                             size_t response_cap, size_t *response_len, uint32_t timeout_ms, struct ide_fault *fault)
{
    struct peer *p = context;
    (void)timeout_ms;
    transmit(p->fd, COMMAND_NORMAL, request, request_len);
    receive(p->fd, &p->in);
    if (p->in.len > response_cap)
        return ide_fail(fault, IDE_E_SPACE, "socket", NULL);
    memcpy(response, p->in.payload, p->in.len);
    *response_len = p->in.len;
    return IDE_OK;
}

/* --- set up --- */

static uint64_t monotonic_ms(void *context)
{
    struct timespec t;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int64_t unix_seconds(void *context)
{
    (void)context;
    return time(NULL);
}

static void sleep_ms(void *context, uint32_t ms)
{
    (void)context;
    usleep(ms * 1000);
}

static uint32_t asym_bit(enum key_type type)
{
    return type == KEY_EC_P256 ? SPDM_ASYM_ECDSA_P256 : type == KEY_EC_P384 ? SPDM_ASYM_ECDSA_P384 : SPDM_ASYM_ECDSA_P521;
}

static void configure(struct peer *p, bool requester)
{
    struct spdm_config *c = &p->config;
    const bool mut = word(p, "mut") || word(p, "encap") || word(p, "digests");
    *c = requester ? spdm_config_requester : spdm_config_responder;
    if (word(p, "ver"))
        c->version_min = c->version_max = number(p, "ver", 16);
    c->base_hash = hash_by_id(hash_of(p))->bit;
    c->base_asym = asym_bit(p->us.key.type);
    c->req_asym = mut ? (uint16_t)asym_bit(p->us.key.type) : 0;
    c->timeout_ms = 10000;
    if (word(p, "clear"))
        c->flags |= SPDM_CAP_HANDSHAKE_CLEAR;
    if (word(p, "psk") || word(p, "psk-context"))
        c->flags |= requester || word(p, "psk") ? SPDM_CAP_PSK : SPDM_CAP_PSK_CONTEXT;
    if (mut)
        c->flags |= SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP | SPDM_CAP_CERT;   /* 1.1 has the first with the second only */
    if (word(p, "pubkey"))
        c->flags = (c->flags & ~SPDM_CAP_CERT) | SPDM_CAP_PUB_KEY_ID;
}

static void prepare(struct peer *p, bool requester)
{
    read_party(p, requester ? "requester" : "responder", &p->us);
    read_party(p, requester ? "responder" : "requester", &p->them);
    configure(p, requester);
    if (drbg_open(&p->drbg) != IDE_OK)
        die("DRBG", "cannot be opened");
    p->rng = drbg_rng(&p->drbg);
    p->clock = (struct clock){monotonic_ms, unix_seconds, sleep_ms, NULL};
    for (unsigned slot = 0; slot < SPDM_SLOTS; slot++)
        p->slots[slot] = (struct spdm_slot){p->us.chain.data, p->us.chain.len, &p->us.key};
    if (word(p, "pubkey"))
        memset(p->slots, 0, sizeof p->slots);
    p->slots[SPDM_PLACE_PROVISIONED] = (struct spdm_slot){p->us.public_key.data, p->us.public_key.len, &p->us.key};
}

/* --- the requester --- */

static void connect_to(struct peer *p, uint16_t port)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || connect(p->fd, (const struct sockaddr *)&at, sizeof at) != 0)
        die("connect", "nobody is there");
}

static void open_session(struct peer *p)
{
    struct spdm_connection *c = &p->connection;
    bool psk = word(p, "psk") || word(p, "psk-context");
    must(c, spdm_negotiate(c), "negotiate");
    if (psk) {
        must(c, session_open_psk(&p->session, c, &p->transport, &sample_psk), "PSK session");
        return;
    }
    if (word(p, "pubkey")) {
        must(c, spdm_use_public_key(c, p->them.public_key.data, p->them.public_key.len), "public key");
    } else {
        must(c, spdm_get_digests(c, NULL, NULL), "digests");
        must(c, spdm_get_certificate(c, number(p, "slot", 0), &p->them.trust), "certificate");
    }
    if (c->params.flags_responder & SPDM_CAP_CHAL)
        must(c, spdm_challenge(c), "challenge");
    must(c, session_open(&p->session, c, &p->transport), "session");
}

static int request(struct peer *p, uint16_t port)
{
    struct spdm_connection *c = &p->connection;
    struct session *s = &p->session;
    prepare(p, true);
    connect_to(p, port);
    p->transport = (struct doe_transport){exchange, p};
    spdm_connection_init(c, SPDM_REQUESTER, &p->config, &p->rng, &p->clock);
    c->clear = doe_clear_channel(&p->transport);
    c->chain = p->room;
    c->chain_cap = sizeof p->room;
    c->own = p->slots;
    open_session(p);
    printf("version %x, MutAuthRequested %u, records %x, heartbeat %u\n", c->params.version, s->mut_auth,
           s->secured_version, s->heartbeat_period);
    if (s->heartbeat_period > 0)
        must(c, session_heartbeat(s), "heartbeat");
    if (c->params.flags_responder & SPDM_CAP_KEY_UPD) {
        must(c, session_key_update(s, KEY_UPDATE_REQUESTER), "key update");
        must(c, session_key_update(s, KEY_UPDATE_ALL), "key update of both");
    }
    must(c, session_end(s), "end");
    transmit(p->fd, COMMAND_SHUTDOWN, p->in.payload, 0);
    printf("ok\n");
    return 0;
}

/* --- the responder --- */

static void accept_one(struct peer *p, uint16_t port)
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
    if (p->fd < 0 || setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0)
        die("accept", "nobody came");
}

static void answer(struct peer *p)
{
    char text[200];
    size_t len = 0;
    enum ide_err err =
        session_respond_object(&p->responder, p->in.payload, p->in.len, p->out.payload, sizeof p->out.payload, &len);
    if (err != IDE_OK)
        printf("refused: %s\n", ide_fault_text(&p->responder.spdm.connection.fault, text, sizeof text));
    transmit(p->fd, COMMAND_NORMAL, p->out.payload, len);
}

static int respond(struct peer *p, uint16_t port)
{
    struct session_responder *r = &p->responder;
    prepare(p, false);
    session_responder_init(r, &p->config, &p->rng, &p->clock, p->sessions, sizeof p->sessions / sizeof p->sessions[0]);
    memcpy(r->spdm.slots, p->slots, sizeof r->spdm.slots);
    r->spdm.connection.chain = p->room;
    r->spdm.connection.chain_cap = sizeof p->room;
    r->psks = &sample_psk;
    r->psk_count = 1;
    r->heartbeat_period = word(p, "heartbeat") ? 5 : 0;
    r->mutual = (struct session_mutual){
        .ask = word(p, "digests") ? SPDM_MUT_AUTH_DIGESTS : word(p, "encap") ? SPDM_MUT_AUTH_ENCAP : 0,
        .required = true, .slot = number(p, "req-slot", 0), .trust = &p->them.trust,
        .public_key = word(p, "pubkey") ? p->them.public_key.data : NULL, .public_key_len = p->them.public_key.len};
    if (word(p, "mut"))
        r->mutual.ask = SPDM_MUT_AUTH;
    accept_one(p, port);
    for (;;) {
        receive(p->fd, &p->in);
        if (p->in.command == COMMAND_NORMAL)
            answer(p);
        else
            transmit(p->fd, p->in.command, (const uint8_t *)"Server Hello!", p->in.command == COMMAND_TEST ? 14 : 0);
        if (p->in.command == COMMAND_SHUTDOWN || p->in.command == COMMAND_CONTINUE)
            break;
    }
    printf("ok\n");
    return 0;
}

int main(int argc, char **argv)
{
    static struct peer p;
    if (argc < 4)
        die("usage", "peer requester|responder PORT KEYS [WORD...]");
    setvbuf(stdout, NULL, _IOLBF, 0);
    p.keys = argv[3];
    p.words = argv + 4;
    uint16_t port = (uint16_t)strtoul(argv[2], NULL, 10);
    return strcmp(argv[1], "requester") == 0 ? request(&p, port) : respond(&p, port);
}
