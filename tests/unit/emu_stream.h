/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Secure stream on the default platform, keyed without any session, for tests of what goes over the links.
 */
#ifndef TESTS_EMU_STREAM_H
#define TESTS_EMU_STREAM_H

#include "emu_host.h"
#include "root_port/ide_stream.h"

struct test_stream {
    struct emu emu;
    struct emu_function *root, *device;
    struct ide_port root_port, device_port;
    struct ide_pair pair;
    uint8_t id;
};

/* How the stream differs from a selective one with nothing special. */
struct test_stream_options {
    enum ide_kind kind;
    bool clear_dma; /* the endpoint has no default stream */
    bool pcrc, config_requests, tee_limited;
    enum ide_aggregation aggregation;
    enum ide_partial_header header;
};

/* Builds the platform, prepares both ends, keys set 0 and enables. ROOT_PORT_A and ENDPOINT_A, or through the
 * switch. */
void test_stream_up(struct test_stream *t, const char *root, const char *device,
                    const struct test_stream_options *options);
void test_stream_free(struct test_stream *t);

/* A second stream between the same ports, on the last block of its kind, with the next traffic class. It
 * lives as long as the first. */
void test_stream_join(struct test_stream *second, struct test_stream *first, enum ide_kind kind, uint8_t id);

/* New keys into a set, receivers started first, then the transmitters go over to it. round makes them differ.
 */
void test_stream_key(struct test_stream *t, unsigned set, unsigned round);
void test_stream_stop(struct test_stream *t, unsigned set);
/* One sub-stream's transmitter of an end. */
void test_stream_go(struct emu_function *f, uint8_t id, unsigned set, unsigned direction, unsigned substream);

bool test_stream_is_secure(const struct test_stream *t, const struct emu_function *f);
bool test_stream_fail_message(struct test_stream *t, struct emu_function *f);

#endif
