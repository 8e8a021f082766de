/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream, somebody who watches its links, and an adversary: for the tests of what goes over them. One for
 * all. */
#ifndef TESTS_EMU_LINK_BENCH_H
#define TESTS_EMU_LINK_BENCH_H

#include "check.h"
#include "emu_stream.h"
#include "suite.h"
#include "suite.h"
#include "tools/ide-emu/fabric.h"
#include "tools/ide-emu/link_host.h"

extern struct test_stream t;
extern const struct test_stream_options plain;

/* Counts what goes over the links, and keeps the last IDE TLP. */
struct link_seen {
    size_t clear_memory, ide, clear_config, with_mac, longest_unit, unit, sync;
    struct frame last;
};
extern struct link_seen seen;

void up_between(const char *root, const char *device, const struct test_stream_options *options);
void up(const struct test_stream_options *options);
void expect_secure(bool secure);
uint64_t errors(const struct emu_function *f, enum aer_error error);
const char *last_why(const struct emu_function *f);
struct adversary *adversary(enum link_way way);
void attack(enum link_way way, enum attack attack, enum victim victim, uint32_t value, uint32_t left);
void release(enum link_way way);
void put_frame(enum link_way way, const struct frame *frame);
void write_bar(uint64_t at, uint8_t value, size_t n);
bool bar_is(uint64_t at, uint8_t value, size_t n);
enum link_result read_bar(uint64_t at, uint8_t *value);
enum link_result dma(uint64_t at, uint8_t value);
uint8_t host_byte(uint64_t at);
void expect_device_detected(const char *why);
struct frame forged_write(uint64_t address);

/* main() of such a test program. */
int run_link_tests(CU_TestInfo *tests);

#endif
