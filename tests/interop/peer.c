/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One side of an SPDM connection over the TCP socket protocol of DMTF's spdm-emu, on the libraries alone:
 *
 *   interop_peer requester|responder PORT KEYS [WORD...]
 *
 * KEYS is a folder of DMTF's sample keys (ecp256, ecp384, rsa3072, ...). Words:
 *   ver=12            the one version that is offered
 *   hash=, asym=, dhe=, aead=   the algorithms that are offered, as the specification's bits, in hexadecimal
 *   clear             the handshake in the clear
 *   psk, psk-context  PSK_EXCHANGE with DMTF's sample key, instead of KEY_EXCHANGE
 *   mut, encap, digests   mutual authentication; the responder asks in that form
 *   pubkey            provisioned public keys on both sides
 *   slot=N            the requester's choice of chain; req-slot=N: the responder's choice of the requester's
 *   heartbeat         the responder wants one each 5 seconds
 *   chunk=SIZE        chunks, and the DataTransferSize that is announced
 *   meas, mel, csr, set-cert, pairs, endpoint, events, ide-km   the requester asks for it, outside and within the session
 *                     as far as both are allowed; the responder has it
 *   summary=TYPE      the requester wants a measurement summary hash: 1 or ff
 *   update            the responder updates its key itself, by an encapsulated KEY_UPDATE
 *
 * The requester negotiates, authenticates, opens a session (not in 1.0), beats, updates the keys both ways, ends it, and
 * says "ok". The responder prints what it was asked for: the code of each request, with an "s" behind it in a session.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "session/messages.h"
#include "spdm/chain.h"
#include "spdm/cursor.h"
#include "spdm/requester.h"

static const uint8_t psk_hint[] = "TestPskHint", psk_secret[] = "TestPskData";   /* with their NUL */
static const struct session_psk sample_psk = {psk_hint, sizeof psk_hint, psk_secret, sizeof psk_secret};

void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

void must(const struct spdm_connection *c, enum ide_err err, const char *what)
{
    char text[200];
    if (err != IDE_OK)
        die(what, c->fault.err == err ? ide_fault_text(&c->fault, text, sizeof text) : ide_err_text(err));
}

const char *word(const struct peer *p, const char *name)
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

uint32_t number(const struct peer *p, const char *name, int base)
{
    const char *value = word(p, name);
    return value ? (uint32_t)strtoul(value, NULL, base) : 0;
}

/* --- the requester --- */

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

static void authenticate(struct peer *p)
{
    struct spdm_connection *c = &p->connection;
    if (word(p, "pubkey")) {
        must(c, spdm_use_public_key(c, p->them.public_key.data, p->them.public_key.len), "public key");
    } else {
        must(c, spdm_get_digests(c, NULL, NULL), "digests");
        must(c, spdm_get_certificate(c, (uint8_t)number(p, "slot", 0), &p->them.trust), "certificate");
    }
    if (c->params.flags_responder & SPDM_CAP_CHAL)
        must(c, spdm_challenge(c), "challenge");
}

static bool is_psk(const struct peer *p)
{
    return word(p, "psk") || word(p, "psk-context");
}

static void open_session(struct peer *p)
{
    struct spdm_connection *c = &p->connection;
    if (is_psk(p))
        must(c, session_open_psk(&p->session, c, &p->transport, &sample_psk), "PSK session");
    else
        must(c, session_open(&p->session, c, &p->transport), "session");
}

/* Their responder is told to want a KEY_UPDATE of its own key, and asked for what it wants. */
static void let_update(struct peer *p)
{
    const uint32_t id = p->session.id;
    transmit(p->fd, COMMAND_UPDATE, (const uint8_t *)&id, sizeof id);
    receive(p->fd, &p->in);
    if (p->in.command != COMMAND_UPDATE)
        die("update", "is not understood");
    must(&p->connection, session_answer_requests(&p->session), "encapsulated requests");
    must(&p->connection, session_answer_requests(&p->session), "no encapsulated request");
}

static void use_session(struct peer *p)
{
    struct spdm_connection *c = &p->connection;
    struct session *s = &p->session;
    const struct spdm_channel channel = session_channel(s);
    if (s->heartbeat_period > 0)
        must(c, session_heartbeat(s), "heartbeat");
    if (c->params.flags_responder & SPDM_CAP_KEY_UPD) {
        must(c, session_key_update(s, KEY_UPDATE_REQUESTER), "key update");
        must(c, session_key_update(s, KEY_UPDATE_ALL), "key update of both");
    }
    if (word(p, "update"))
        let_update(p);
    ask_all(p, &channel);
    must(c, session_end(s), "end");
}

static int request(struct peer *p, uint16_t port)
{
    struct spdm_connection *c = &p->connection;
    prepare(p, true);
    connect_to(p, port);
    p->transport = (struct doe_transport){exchange, p};
    spdm_connection_init(c, SPDM_REQUESTER, &p->config, &p->rng, &p->clock);
    c->clear = doe_clear_channel(&p->transport);
    c->chain = p->room;
    c->chain_cap = sizeof p->room;
    c->large = (struct spdm_large){.data = p->large, .cap = sizeof p->large};
    c->own = p->slots;
    must(c, spdm_negotiate(c), "negotiate");
    if (!is_psk(p)) {
        authenticate(p);
        ask_all(p, &c->clear);
    }
    if (c->params.version > SPDM_VERSION_10) {
        open_session(p);
        printf("version %x, MutAuthRequested %u, records %x, heartbeat %u\n", c->params.version, p->session.mut_auth,
               p->session.secured_version, p->session.heartbeat_period);
        use_session(p);
    }
    transmit(p->fd, COMMAND_SHUTDOWN, p->in.payload, 0);
    printf("ok\n");
    return 0;
}

/* --- the responder --- */

static enum ide_err tell(void *context, const struct spdm_request *request, uint8_t code, uint8_t token)
{
    (void)context, (void)token;
    printf("<%02x%s>\n", code, request->session ? "s" : "");
    return IDE_OK;
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

/* Their requester tells what the responder shall want of it, and then asks. */
static void want_update(struct peer *p)
{
    for (size_t i = 0; i < sizeof p->sessions / sizeof p->sessions[0]; i++) {
        struct session *s = &p->sessions[i];
        if (s->state == SESSION_ESTABLISHED)
            must(&p->responder.spdm.connection, session_responder_update_key(&p->responder, s), "update");
    }
}

static void set_up_responder(struct peer *p)
{
    struct session_responder *r = &p->responder;
    prepare(p, false);
    session_responder_init(r, &p->config, &p->rng, &p->clock, p->sessions, sizeof p->sessions / sizeof p->sessions[0]);
    memcpy(r->spdm.slots, p->slots, sizeof r->spdm.slots);
    r->spdm.ready = tell;
    r->spdm.connection.chain = p->room;
    r->spdm.connection.chain_cap = sizeof p->room;
    r->spdm.connection.large = (struct spdm_large){.data = p->large, .cap = sizeof p->large};
    r->psks = &sample_psk;
    r->psk_count = 1;
    r->heartbeat_period = word(p, "heartbeat") ? 5 : 0;
    r->mutual = (struct session_mutual){
        .ask = word(p, "digests") ? SPDM_MUT_AUTH_DIGESTS : word(p, "encap") ? SPDM_MUT_AUTH_ENCAP : 0,
        .required = true, .slot = (uint8_t)number(p, "req-slot", 0), .trust = &p->them.trust,
        .public_key = word(p, "pubkey") ? p->them.public_key.data : NULL, .public_key_len = p->them.public_key.len};
    if (word(p, "mut"))
        r->mutual.ask = SPDM_MUT_AUTH;
    prepare_device(p);
}

static int respond(struct peer *p, uint16_t port)
{
    set_up_responder(p);
    accept_one(p, port);
    for (;;) {
        receive(p->fd, &p->in);
        if (p->in.command == COMMAND_UPDATE)
            want_update(p);
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
        die("usage", "interop_peer requester|responder PORT KEYS [WORD...]");
    setvbuf(stdout, NULL, _IOLBF, 0);
    p.keys = argv[3];
    p.words = argv + 4;
    uint16_t port = (uint16_t)strtoul(argv[2], NULL, 10);
    return strcmp(argv[1], "requester") == 0 ? request(&p, port) : respond(&p, port);
}
