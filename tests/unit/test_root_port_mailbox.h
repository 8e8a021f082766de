/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A DOE mailbox that behaves, over the memory of test_root_port_fake.h, with a switch for each way not to. */
#ifndef TEST_ROOT_PORT_MAILBOX_H
#define TEST_ROOT_PORT_MAILBOX_H

#include "root_port/doe_mailbox.h"
#include "test_root_port_fake.h"

#define OFFSET     0x150u
#define BIG_DWORDS (DOE_OBJECT_MAX / 4)

/* A mailbox as the device has it. What a test changes is in the second part. */
struct device {
    struct fake_function function;
    struct fake_clock clock;
    struct doe_mailbox mailbox;
    uint32_t *in, *out; /* BIG_DWORDS each */
    size_t in_count, out_count, out_at;
    bool busy, error, ready, going;
    uint64_t ready_at_us;
    unsigned aborts, gos;

    uint32_t latency_us; /* from GO to READY */
    bool never_ready;
    bool error_on_go;
    bool abort_hangs;
    uint32_t abort_us;      /* how long an abort takes */
    bool abort_shows_ready; /* what is seen meanwhile: READY, else BUSY */
    uint64_t abort_until_us;
    uint64_t busy_until_us; /* somebody else's */
    size_t ready_drops_at;  /* READY is lost before this dword is acknowledged; 0: never */
    size_t error_at;        /* ERROR comes with the acknowledgement of this dword, counted from 1; 0: never */
    size_t gone_at;         /* the device is gone after this many acknowledgements; 0: never */
    bool error_in_write;    /* ERROR from the first dword on */
    uint32_t length_field;  /* what the answer's header says, if answer_length is set */
    bool answer_length;
    size_t extra; /* dwords that come after those */
};

/* Not opened yet. All devices share the memory of the objects: one at a time. */
void device_init(struct device *d);
/* Opened, and the counts at 0. */
void device_open(struct device *d);

void put_dword(uint8_t *at, uint32_t value);

/* A request of so many dwords; its length in bytes. */
size_t make_request(uint8_t *request, size_t dwords, uint8_t seed);

/* One exchange of dwords each way with room for room dwords; checks that a success brings the right answer. */
enum ide_err exchange_room(struct device *d, size_t dwords, size_t room, uint32_t timeout_ms,
                           struct ide_fault *fault);
enum ide_err exchange(struct device *d, struct ide_fault *fault);

/* After a failure: the mailbox was aborted once, and with the fault mended the next exchange gets its own answer. */
void expect_recovery(struct device *d);

#endif
