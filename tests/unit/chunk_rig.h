/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two sides with room for long messages, and a vendor's echo, for tests of chunks. */
#ifndef TESTS_CHUNK_RIG_H
#define TESTS_CHUNK_RIG_H

#include "loopback.h"
#include "session/messages.h"

#define LARGE 65536u
#define VENDOR_HEAD 11u   /* header, StandardID, VendorIDLen, VendorID of two bytes, PayloadLength */

extern struct loopback loop;
extern uint8_t requester_large[LARGE], device_large[LARGE], payload[LARGE];
extern unsigned echoes, answer_len;   /* how often the echo was asked; how long its answer is, 0: as the request */
extern const uint8_t id[2];           /* the vendor's */
extern struct spdm_vendor vendor;

/* Of one version; each side with a buffer for long messages or without one. Nothing is negotiated. */
void open_with(uint8_t version, bool requester, bool device);
/* Both with one, and negotiated. */
void connect_with(uint8_t version);
void finish(void);
/* A request of len bytes of payload, and its echo held against what it must be. */
enum ide_err exchange(const struct spdm_channel *channel, size_t len) MUST_USE;
enum ide_err exchange_clear(size_t len) MUST_USE;
bool all_zero(const uint8_t *data, size_t n);

#endif
