/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/bounded_wait.h"

#include <errno.h>
#include <time.h>

#define LOOKS_AT_ONCE  1u
#define PAUSE_SHARE    8u /* of the time waited so far */
#define PAUSE_LEAST_US 10u
#define PAUSE_MOST_US  1000u
#define USUAL_LEAST_US 60u
#define SLICE_US       10000u

static uint64_t system_now_us(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void system_sleep_us(void *context, uint32_t us)
{
    (void)context;
    struct timespec left = {.tv_sec = us / 1000000u, .tv_nsec = (long)(us % 1000000u) * 1000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

struct wait_ops wait_system(const atomic_bool *cancel)
{
    return (struct wait_ops){.now_us = system_now_us, .sleep_us = system_sleep_us, .cancel = cancel};
}

struct bounded_wait wait_start_always(const struct wait_ops *ops, uint32_t timeout_ms)
{
    uint64_t now = ops->now_us(ops->context);
    return (struct bounded_wait){
        .ops = ops, .pace_us = now, .deadline_us = now + (uint64_t)timeout_ms * 1000u};
}

struct bounded_wait wait_start(const struct wait_ops *ops, uint32_t timeout_ms)
{
    struct bounded_wait wait = wait_start_always(ops, timeout_ms);
    wait.cancellable = true;
    return wait;
}

void wait_pace(struct bounded_wait *wait)
{
    wait->pace_us = wait->ops->now_us(wait->ops->context);
    wait->looks = 0;
    wait->expected = false;
}

static enum ide_err check_at(const struct bounded_wait *wait, uint64_t now)
{
    if (wait->cancellable && wait->ops->cancel && atomic_load(wait->ops->cancel))
        return IDE_E_CANCELLED;
    return now >= wait->deadline_us ? IDE_E_TIMEOUT : IDE_OK;
}

/* In slices, so that whoever cancels need not wait for it. */
static void pass_time(const struct bounded_wait *wait, uint32_t us)
{
    uint64_t now = wait->pace_us, end = now + us;
    while (now < end && check_at(wait, now) == IDE_OK) {
        uint64_t slice = end - now < SLICE_US ? end - now : SLICE_US;
        wait->ops->sleep_us(wait->ops->context, (uint32_t)slice);
        now = wait->ops->now_us(wait->ops->context);
    }
}

void wait_expect(struct bounded_wait *wait, uint32_t usual_us)
{
    uint32_t most = usual_us / 16 * 15;
    wait_pace(wait);
    if (usual_us < USUAL_LEAST_US || wait->pace_us + most >= wait->deadline_us)
        return;
    pass_time(wait, most);
    wait->looks = LOOKS_AT_ONCE;
    wait->expected = true;
}

uint32_t wait_took(const struct bounded_wait *wait)
{
    uint64_t took = wait->ops->now_us(wait->ops->context) - wait->pace_us;
    if (wait->expected &&
        wait->looks == LOOKS_AT_ONCE) /* the first look found it: it may have been there for long */
        took /= 2;
    return took < WAIT_USUAL_MOST_US ? (uint32_t)took : WAIT_USUAL_MOST_US;
}

enum ide_err wait_check(const struct bounded_wait *wait)
{
    return check_at(wait, wait->ops->now_us(wait->ops->context));
}

enum ide_err wait_pause(struct bounded_wait *wait)
{
    uint64_t now = wait->ops->now_us(wait->ops->context);
    enum ide_err err = check_at(wait, now);
    if (err != IDE_OK || wait->looks++ < LOOKS_AT_ONCE)
        return err;

    uint64_t pause = (now - wait->pace_us) / PAUSE_SHARE;
    if (pause < PAUSE_LEAST_US)
        pause = PAUSE_LEAST_US;
    if (pause > PAUSE_MOST_US)
        pause = PAUSE_MOST_US;
    if (pause > wait->deadline_us - now)
        pause = wait->deadline_us - now;
    wait->ops->sleep_us(wait->ops->context, (uint32_t)pause);
    return IDE_OK;
}
