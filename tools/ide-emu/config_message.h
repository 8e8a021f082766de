/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Register accesses as a QEMU with tests/qemu/patches sends them over a socket, one function a connection. A request
 * has 24 bytes: operation, size, two zero bytes, function, address, value; a reply 16: status, seven zero bytes, value.
 * Numbers are big-endian. No I/O in here.
 *
 *   operation           size     address               value          the reply's value
 *   hello               0        version of this, 1    0              the version
 *   capability          0        which, from 0         0              see below
 *   config read         1, 2, 4  offset                0              what is there
 *   config write        1, 2, 4  offset                what to write  0
 *   reset               0        0                     0              0
 *   BAR read, write     1 to 8   offset in BAR 0       as above       as above
 *   memory read, write  4        physical address      as above       as above
 *
 * A capability is id | version << 16 | offset << 32 | size << 48. What is read without a completion is all ones. Memory
 * is the registers of key units; function 0 stands for it, in hello too.
 */
#ifndef IDE_EMU_CONFIG_MESSAGE_H
#define IDE_EMU_CONFIG_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/ide-emu/emu.h"

#define CONFIG_REQUEST_SIZE 24u
#define CONFIG_REPLY_SIZE   16u
#define CONFIG_PROTOCOL     1u

enum config_operation {
    CONFIG_HELLO = 1,
    CONFIG_CAPABILITY,
    CONFIG_READ,
    CONFIG_WRITE,
    CONFIG_RESET,
    CONFIG_BAR_READ,
    CONFIG_BAR_WRITE,
    CONFIG_MEMORY_READ,
    CONFIG_MEMORY_WRITE,
};

enum config_status {
    CONFIG_DONE,
    CONFIG_REFUSED, /* the request is none: the connection ends */
    CONFIG_NO_FUNCTION,
    CONFIG_NO_CAPABILITY,
    CONFIG_NO_COMPLETION,
};

struct config_request {
    enum config_operation operation;
    unsigned size;
    struct pcie_bdf bdf;
    uint64_t address, value;
};

struct config_reply {
    enum config_status status;
    uint64_t value;
};

/* False if it is no request of this protocol: an unknown operation, or a field with a value that it may not
 * have. */
bool config_request_decode(const uint8_t bytes[static CONFIG_REQUEST_SIZE], struct config_request *request);
void config_reply_encode(const struct config_reply *reply, uint8_t bytes[static CONFIG_REPLY_SIZE]);

/* Does it, and says what came of it. The model's lock is taken in here. */
struct config_reply config_request_serve(struct emu *emu, const struct config_request *request);

#endif
