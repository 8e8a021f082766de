/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A DOE mailbox as hardware has it (PCIe 6.x §6.30, §7.9.24): what software's
 * register accesses do to it, and what the device behind it does. No I/O, no
 * thread: whoever computes answers takes the object and gives one back later,
 * and software sees that by polling.
 */
#ifndef IDE_EMU_MAILBOX_H
#define IDE_EMU_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mailbox {
    uint8_t *request;              /* the object that software is writing; grows with it */
    size_t request_len, request_cap;
    uint8_t *response;             /* the object that software is reading */
    size_t response_len, response_at;
    bool busy, error, ready;
    bool waiting;                  /* an object waits for mailbox_take() */
    unsigned generation;           /* moves with every abort: what was taken before it has no answer any more */

    /* misbehaviour */
    bool held_busy;                /* BUSY whatever happens, nothing is taken */
    bool deaf;                     /* an abort does nothing and leaves ERROR */
};

void mailbox_init(struct mailbox *m);
void mailbox_free(struct mailbox *m);

/* Registers, as software sees and writes them. */
uint32_t mailbox_status(const struct mailbox *m);
uint32_t mailbox_read(const struct mailbox *m);
void mailbox_write(struct mailbox *m, uint32_t dword);
void mailbox_ack(struct mailbox *m);      /* a write to the read mailbox: the dword was read */
void mailbox_go(struct mailbox *m);
void mailbox_abort(struct mailbox *m);
void mailbox_error(struct mailbox *m);    /* an access that the specification does not allow */

/* The device's side. The object taken belongs to the caller, who frees it. */
struct doe_object {
    uint8_t *data;
    size_t len;
    unsigned generation;
};
bool mailbox_take(struct mailbox *m, struct doe_object *object);

/* Whether anybody still waits for the answer to what was taken. */
bool mailbox_wants(const struct mailbox *m, const struct doe_object *object);

/* One of these ends an exchange; none has an effect after an abort. answer copies len bytes, whole dwords. */
void mailbox_answer(struct mailbox *m, const struct doe_object *object, const uint8_t *data, size_t len);
void mailbox_discard(struct mailbox *m, const struct doe_object *object);   /* no answer ever comes */
void mailbox_fail(struct mailbox *m, const struct doe_object *object);      /* DOE Error */

#endif
