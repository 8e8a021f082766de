/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The links between the functions of a platform, and the TLPs on them. Sending puts frames into one queue,
 * fabric_run() delivers them one after the other until none is left; what that makes happen at a port may
 * send more. No I/O and no time: who waits for a completion, and how long, is link_host.h's. All is under the
 * model's lock.
 *
 *   fabric_send.c      which stream covers a TLP, sealing, the wire and who sits on it
 *   fabric_receive.c   what a port does with a frame: open it, refuse it, pass it on, take it
 *   fabric_take.c      what a function does with a TLP that is for it
 */
#ifndef IDE_EMU_FABRIC_H
#define IDE_EMU_FABRIC_H

#include "tools/ide-emu/adversary.h"
#include "tools/ide-emu/aer.h"
#include "tools/ide-emu/emu.h"
#include "tools/ide-emu/ide_flow.h"
#include "tools/ide-emu/memory.h"

enum link_way { LINK_DOWN, LINK_UP };
#define LINK_WAYS 2u

/* Below a root port or a switch's downstream port. */
struct link {
    struct emu_function *port;
    bool down; /* hotplug.h: what is sent on it is lost */
    struct adversary adversary[LINK_WAYS];
};

/* What happened to a frame on a link. */
enum link_event { LINK_PASSED, LINK_KEPT, LINK_TOUCHED };

/* Sees every frame; called with the model's lock held. */
struct link_tap {
    void (*saw)(void *context, const struct link *link, enum link_way way, enum link_event event,
                const struct frame *frame);
    void *context;
};

/* A non-posted request that waits for its completion. */
struct request {
    bool used, done;
    bool late; /* nobody waits any more, and its tag is not to be used again */
    struct emu_function *by;
    struct port_stream *stream; /* that it was sent on; NULL: in the clear */
    uint32_t session;           /* whose keys the stream had then */
    uint8_t tag, status;
    bool trusted;  /* its T bit */
    uint16_t want; /* bytes of payload */
    uint8_t data[TLP_PAYLOAD_MAX];
};
#define REQUESTS_MAX 64u

struct flight {
    struct link *link;
    enum link_way way;
    struct frame frame;
};

struct fabric {
    struct memory host; /* the host's memory, where it is no function's */
    struct request requests[REQUESTS_MAX];
    uint8_t next_tag;
    struct flight *queue; /* a ring */
    size_t first, waiting, room;
    struct link_tap taps[2];
    pthread_cond_t completed; /* a request is done; with the model's lock */
    uint32_t timeout_ms;      /* for completions; 0: LINK_TIMEOUT_MS */
    uint64_t lost;            /* TLPs that a port did not send, because their stream is not Secure any more */
};

/* Made by emu_init(). */
struct fabric *fabric_new(void);
void fabric_free(struct fabric *fabric);

/* The stream on which a TLP came, or is to go: of the port where it is opened or sealed. */
struct via {
    struct port_stream *stream; /* NULL: in the clear */
    bool trusted;
};

/*
 * Sends n TLPs of one class from a function, towards the host or away from it. Requests and messages go on
 * the stream that covers them; completions on their request's, via, where memory says that it was a memory
 * request. *used, if asked for, is the stream that protects the last one.
 */
void fabric_request(struct emu_function *from, const struct tlp *tlps, size_t n, bool trusted,
                    struct port_stream **used);
void fabric_complete(struct emu_function *from, const struct tlp *tlp, struct via via, bool memory);
void fabric_message(struct emu_function *from, const struct tlp *tlp);

/* Delivers all that is on the links. */
void fabric_run(struct emu *emu);

/* --- Between the files of the fabric -------------------------------------------------------------------- */

/* Whose IDE capability is a function's: its own, or else that of its device's function 0. */
struct emu_function *fabric_ide_of(struct emu_function *f);
/* The selective stream that covers a request or message that f would send; NULL: none. */
struct port_stream *fabric_covers(struct emu_function *f, const struct tlp *tlp);
/* The link stream of a traffic class at a port. */
struct port_stream *fabric_link_stream(struct emu_function *port, uint8_t tc);
/* The stream's TLPs are IDE TLPs now. A bridged end has keys that are not known here: its TLPs stay in the
 * clear. */
bool fabric_protects(struct emu_function *f, struct port_stream *s);
/* A frame leaves through a port: sealed for the link if a link stream is on and it is no IDE TLP yet. */
void fabric_leave(struct emu_function *egress, enum link_way way, const struct frame *frame);
/* Puts a frame on the link as it is: an adversary's, or a port's once it is sealed. */
void fabric_wire(struct emu *emu, struct link *link, enum link_way way, const struct frame *frame);
void fabric_enqueue(struct emu *emu, struct link *link, enum link_way way, const struct frame *frame);

void fabric_receive(struct link *link, enum link_way way, struct frame *frame);
/* A TLP for this function. via.stream NULL: it came in the clear. */
void fabric_take(struct emu_function *f, const struct tlp *tlp, struct via via, const struct frame *frame);

/* Logs an error at a port, and tells the root port. */
void fabric_error(struct emu_function *f, enum aer_error error, int stream_id, const char *why,
                  const struct frame *frame);
/* IDE Check Failed: the stream is Insecure without keys, and its other end gets an IDE Fail message
 * (§6.33.8). */
void fabric_check_failed(struct emu_function *f, struct port_stream *s, const char *why,
                         const struct frame *frame);

bool fabric_is_switch(const struct emu_function *f);
struct emu_function *fabric_root_port(struct emu_function *f);
/* The function with this requester ID in the tree of a root port. */
struct emu_function *fabric_by_id(struct emu_function *root_port, uint16_t rid);
/* A port's memory window covers the address. */
bool fabric_window_has(const struct emu_function *port, uint64_t address);
/* A port takes memory requests for the address from above: Memory Space Enable, and a window (§7.5.1.1.3). */
bool fabric_claims(const struct emu_function *port, uint64_t address);
/* A port passes memory requests from below on: Bus Master Enable. Completions, configuration requests and
 * messages pass whatever the two bits say. */
bool fabric_is_master(const struct emu_function *port);

#endif
