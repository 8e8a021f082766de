/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A key configuration unit made of memory, and two root ports that share it. */
#ifndef TESTS_KCU_RIG_H
#define TESTS_KCU_RIG_H

#include "check.h"
#include "root_port/kcu.h"
#include "test_root_port_fake.h"

#define STREAMS  3u
#define TX_SLOTS 7u
#define RX_SLOTS 8u
#define SIZE     (4 + 36 * STREAMS + 40 * (TX_SLOTS + RX_SLOTS))
#define LOG_MAX  256 /* writes that are kept */

#define TX_KEY(slot) (4 + 36 * STREAMS + 32 * (slot))
#define TX_IV(slot)  (TX_KEY(TX_SLOTS) + 8 * (slot))
#define RX_KEY(slot) (TX_IV(TX_SLOTS) + 32 * (slot))
#define RX_IV(slot)  (RX_KEY(RX_SLOTS) + 8 * (slot))
#define BLOCK(n)     (4 + 36 * (n))

/* What is primed is ready at once, and what is selected is used. */
struct kcu_bench {
    struct fake_clock clock;
    uint32_t regs[SIZE / 4];
    struct {
        uint32_t offset, value;
    } write[LOG_MAX];
    size_t writes;
    uint32_t stuck_at; /* writes there are ignored; 0: none */
    bool gone, never_ready, never_changes;
    struct kcu unit;
    struct kcu_port a, b;
};
extern struct kcu_bench bench;

void kcu_set_up(void);

/* Opens the unit anew, as who comes after a kill does. */
void start_anew(void);
extern const struct kcu_access bench_access;

struct ide_km_target target_of(uint8_t id, unsigned set, unsigned direction, unsigned substream);

/* The nth of the six keys of a set; all of them; and taken back. */
enum ide_err give(struct kcu_port *port, uint8_t id, unsigned set, unsigned n, struct ide_fault *fault);
void give_all(struct kcu_port *port, uint8_t id, unsigned set);
void take_all(struct kcu_port *port, uint8_t id, unsigned set);

/* A stream that is on; nothing was written then. */
void bring_up(struct kcu_port *port, uint8_t id);

void expect_write(size_t at, uint32_t offset, uint32_t value);
/* Nothing is in any register but the capability. */
bool is_blank(void);

#endif
