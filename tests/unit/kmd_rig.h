/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-kmd's operations, agents and providers on an emulated platform, all in one process: root ports with one
 * endpoint each, no mount, no sockets. What opens config space and a key unit's memory is replaced at link
 * time (ide_km_rig() in CMakeLists.txt); all else is what the programs run. An operation runs in the thread
 * that asks for it; operations on different streams may run in several.
 */
#ifndef TESTS_KMD_RIG_H
#define TESTS_KMD_RIG_H

#include <stdatomic.h>

#include "tools/ide-emu/device.h"
#include "tools/ide-emu/fabric.h"
#include "tools/ide-emu/link_host.h"
#include "tools/ide-kmd/agent.h"
#include "tools/ide-kmd/operation.h"
#include "tools/ide-kmd/port_gate.h"

#define RIG_STREAMS_MAX 32u

/* One thing that goes wrong in an operation: the nth (from 1) call of an end's provider, or job of a kind. */
struct rig_failure {
    enum stream_end end;
    unsigned call;           /* of renew, program_key, prime, go, stop; 0: none */
    enum step_action action; /* the job, if call is 0; STEP_COUNT: none */
    bool after;              /* it took effect, and is reported as failed all the same */
};

struct rig_stream {
    struct stream stream;
    struct operation op; /* the last one; failure and outcome are in it */
    struct agent *agent[END_COUNT];
    struct emu_function *root, *device;

    struct rig_failure failure;
    bool closes, spares_below, renews;     /* as of the operation */
    unsigned calls[END_COUNT];             /* of this operation, so far */
    void (*between)(struct rig_stream *s); /* called at every step and every call; NULL: not */
    void *context;                         /* the caller's */

    /* within */
    struct rig_provider {
        struct key_provider inner;
        struct rig_stream *owner;
        enum stream_end end;
    } provider[END_COUNT];
    struct rig_clock {
        atomic_ulong skipped_us;
        struct rig_stream *owner;
    } clock[END_COUNT];
    struct job *job[END_COUNT * 2];
    size_t jobs;
    unsigned seed; /* in which order jobs of both ends are done */
    uint8_t next_id;
};

struct rig {
    struct platform platform;
    struct identities identities;
    struct emu emu;
    uint8_t root[4096];
    struct trust_anchor anchor;
    struct trust trust;
    struct provider_settings provider;
    struct providers providers;
    struct agent_settings settings;
    struct drbg drbg;
    pthread_mutex_t random;
    struct rng rng;
    struct rig_stream *stream;
    size_t streams;
    atomic_ulong config_reads, config_writes, doe_objects;
    struct flow_through flow;
    struct port_gates gates;
    /* sees each access of the controller to config space; false: it fails. NULL: all succeed. A read has no value. */
    bool (*watch)(const struct emu_function *f, unsigned offset, bool write, uint32_t value);
    /* called while a refresh lets time pass so that what is under the old keys arrives; NULL: not */
    void (*drained)(void);
};
extern struct rig rig;

/* For an answer, and to become Secure; as rig_open() finds it. */
extern uint32_t rig_timeout_ms;

/* Changes the platform before it is built; NULL: it is as rig_open() says. */
extern void (*rig_alter)(struct platform *p);

/* Root ports 0000:00:00.0 on with one endpoint each. choice: who gives each of them its keys, its own mailbox,
 * the one key unit or the one root of trust. False: error says why. */
bool rig_open(unsigned streams, const enum provider_choice choice[], char *error, size_t size);
void rig_close(void);

/* True if it succeeded. */
bool rig_run(struct rig_stream *s, enum operation_kind kind);

/* Both ends say Secure now, by the model. */
bool rig_is_secure(const struct rig_stream *s);
/* How often an end fell from Secure since it was set up. */
unsigned rig_falls(const struct rig_stream *s);
/* The offset is that of a stream's control register in the function. */
bool rig_is_control(const struct emu_function *f, unsigned offset);
/* The stream's block at an end; NULL if it has none. */
struct port_stream *rig_block(const struct rig_stream *s, enum stream_end end);

#endif
