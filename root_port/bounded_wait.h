/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting for a register: bounded, cancellable, and never much longer than the
 * device needs. The second look follows the first at once; after it the pause
 * is an eighth of the time waited so far, from 10 us to 1 ms. So an answer is
 * seen at most an eighth late, and a device that takes a second is not polled
 * a hundred thousand times.
 *
 *     struct bounded_wait wait = wait_start(ops, 1000);
 *     while (!ready())
 *         if ((err = wait_pause(&wait)) != IDE_OK)
 *             return err;
 */
#ifndef ROOT_PORT_BOUNDED_WAIT_H
#define ROOT_PORT_BOUNDED_WAIT_H

#include <stdatomic.h>
#include <stdint.h>

#include "spdm/error.h"

/* Time in microseconds, because a mailbox answers in less than a millisecond. Tests bring their own. */
struct wait_ops {
    uint64_t (*now_us)(void *context); /* monotonic */
    void (*sleep_us)(void *context, uint32_t us);
    void *context;
    const atomic_bool *cancel; /* borrowed; another thread sets it; NULL: never cancelled */
};

/* The system's monotonic clock. cancel as above. */
struct wait_ops wait_system(const atomic_bool *cancel);

struct bounded_wait {
    const struct wait_ops *ops; /* borrowed */
    uint64_t pace_us;           /* pauses are a share of the time since then */
    uint64_t deadline_us;
    unsigned looks;
    bool cancellable;
    bool expected; /* wait_expect() has passed time before the first look */
};

/* Starts the time. ops must outlive the result. */
struct bounded_wait wait_start(const struct wait_ops *ops, uint32_t timeout_ms);

/* The same for what must be finished even when all is being cancelled: an abort, a clean-up. */
struct bounded_wait wait_start_always(const struct wait_ops *ops, uint32_t timeout_ms);

/* Starts the pauses anew; the deadline stays. */
void wait_pace(struct bounded_wait *wait);

/*
 * The same, where what is waited for has usually taken that long: passes nearly all of it before the first
 * look, so that who is looked at is not kept from its work, and nobody from his by looks that find nothing.
 * Nothing of it for a usual time that a pause is too coarse for.
 */
void wait_expect(struct bounded_wait *wait, uint32_t usual_us);

/*
 * After the look that found it: what to expect the next time, which is how long it has taken since
 * wait_pace() or wait_expect(), at most WAIT_USUAL_MOST_US. If the first look after an expected time found
 * it, nobody knows how long: half, so that who has become quicker is found out soon.
 */
uint32_t wait_took(const struct bounded_wait *wait);
#define WAIT_USUAL_MOST_US 200000u

/*
 * After a look that found nothing: pauses and says IDE_OK to look again, or IDE_E_TIMEOUT, or
 * IDE_E_CANCELLED. A look follows every pause, so being put aside by the scheduler is not taken for a device
 * that is late.
 */
enum ide_err wait_pause(struct bounded_wait *wait) MUST_USE;

/* In a long transfer: IDE_OK to go on, or IDE_E_TIMEOUT, or IDE_E_CANCELLED. Never pauses. */
enum ide_err wait_check(const struct bounded_wait *wait) MUST_USE;

#endif
