/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space made of memory, for the tests of root_port/: what is set
 * reads back, and a test overrides one thing. Every access is logged and takes
 * virtual time.
 */
#ifndef TEST_ROOT_PORT_FAKE_H
#define TEST_ROOT_PORT_FAKE_H

#include <CUnit/Basic.h>

#include "root_port/bounded_wait.h"
#include "root_port/pcie_config.h"

#define FAKE_LOG_MAX 512

struct fake_clock {
    uint64_t now_us;
    uint64_t slept_us;
    uint32_t longest_us;
    unsigned sleeps;
    atomic_bool cancel;
    uint64_t cancel_at_us; /* cancel becomes true then; 0: never */
    struct wait_ops ops;
};

void fake_clock_init(struct fake_clock *clock);

/* Several functions may share a log, to see the order between them. */
struct fake_log {
    unsigned count; /* all accesses; the first FAKE_LOG_MAX are kept */
    struct {
        const void *function;
        bool write;
        unsigned offset;
        uint32_t value;
    } entry[FAKE_LOG_MAX];
};

struct fake_function {
    uint8_t space[PCIE_CONFIG_SIZE];
    struct pcie_config config;
    struct fake_clock *clock; /* moved on by 1 us an access; may be NULL */
    struct fake_log *log;     /* may be NULL */
    unsigned reads, writes;
    bool gone;              /* reads as all ones, ignores writes */
    unsigned size;          /* accesses at or beyond it fail: a file that is short */
    unsigned fail_write_at; /* writes to this offset fail; 0: none */
    unsigned stuck_at;      /* writes to this offset are ignored; 0: none */
    /* instead of the memory, if set; both 4 bytes wide. A read that is not theirs says false. */
    bool (*on_read)(struct fake_function *function, unsigned offset, uint32_t *value);
    bool (*on_write)(struct fake_function *function, unsigned offset, uint32_t value);
    void *context;
};

/* vendor 1b36, device 0010, class 010802, revision 2, subsystem 1af4:1100; no capability. */
void fake_init(struct fake_function *function);
void fake_put32(struct fake_function *function, unsigned offset, uint32_t value);
uint32_t fake_get32(const struct fake_function *function, unsigned offset);

/* A capability list of one PCI Express capability at 0x40 with this type. */
void fake_put_express(struct fake_function *function, enum pcie_port_type type);
/* A type 1 header. */
void fake_put_bridge(struct fake_function *function, uint8_t primary, uint8_t secondary, uint8_t subordinate);
/* An extended capability's header. */
void fake_put_ext_cap(struct fake_function *function, unsigned offset, uint16_t id, unsigned next);

#endif
