/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/doe_mailbox.h"

#include "spdm/cursor.h"

#define STEP_OPEN    "DOE open"
#define STEP_SEND    "DOE send"
#define STEP_RECEIVE "DOE receive"

#define HEADER_DWORDS 2u
#define HEADER_BYTES  ((size_t)4 * HEADER_DWORDS)
#define CHECK_EVERY   32u /* dwords: between two of them the deadline and the cancel flag are not looked at */

/* One exchange under way. */
struct transfer {
    struct doe_mailbox *mailbox;
    struct bounded_wait wait;
    struct ide_fault *fault;
    const char *step;
};

static uint32_t get(const struct doe_mailbox *mailbox, unsigned reg)
{
    return pcie_read32(&mailbox->config, mailbox->offset + reg);
}

static bool put(const struct doe_mailbox *mailbox, unsigned reg, uint32_t value)
{
    return pcie_write32(&mailbox->config, mailbox->offset + reg, value);
}

/*
 * Brings the mailbox back to idle, whatever is being cancelled. The specification
 * gives it 1 s; one that needs longer cannot be trusted with another object, since
 * nobody knows whose answer would come (PCIe 6.x §6.30.2).
 */
static bool reset(struct doe_mailbox *mailbox)
{
    struct bounded_wait wait = wait_start_always(mailbox->wait, DOE_TIMEOUT_MS);
    uint32_t status = PCIE_ALL_ONES;
    if (put(mailbox, PCIE_DOE_CTRL, PCIE_DOE_CTRL_ABORT)) {
        do {
            status = get(mailbox, PCIE_DOE_STATUS);
            if (!(status & (PCIE_DOE_STATUS_BUSY | PCIE_DOE_STATUS_ERROR | PCIE_DOE_STATUS_READY)))
                return true;
        } while (status != PCIE_ALL_ONES && wait_pause(&wait) == IDE_OK);
    }
    mailbox->dead = true;
    return false;
}

/* Ends a transfer that has begun: the answer that may still come must not meet the next request. */
static enum ide_err give_up(struct transfer *t, enum ide_err err, const char *field)
{
    reset(t->mailbox); /* if it fails the mailbox is dead, which the next exchange says */
    return ide_fail(t->fault, err, t->step, field);
}

static enum ide_err give_up_value(struct transfer *t, enum ide_err err, const char *field, uint64_t got,
                                  uint64_t want)
{
    reset(t->mailbox);
    return ide_fail_value(t->fault, err, t->step, field, got, want);
}

/* Waits while BUSY, at most the second in which its user must have been answered. Aborts nothing. */
static enum ide_err wait_while_busy(struct transfer *t, struct bounded_wait wait, uint32_t *status)
{
    for (;;) {
        *status = get(t->mailbox, PCIE_DOE_STATUS);
        if (*status == PCIE_ALL_ONES)
            return ide_fail(t->fault, IDE_E_IO, t->step, "DOE Status");
        /* with ERROR set BUSY need not clear before an abort */
        if (!(*status & PCIE_DOE_STATUS_BUSY) || (*status & PCIE_DOE_STATUS_ERROR))
            return IDE_OK;
        enum ide_err err = wait_pause(&wait);
        if (err != IDE_OK)
            return ide_fail(t->fault, err == IDE_E_TIMEOUT ? IDE_E_DOE_BUSY : err, t->step, "DOE Busy");
    }
}

/* Makes sure that the mailbox is idle. An error or an object that nobody has fetched is cleared away. */
static enum ide_err claim(struct transfer *t, uint32_t timeout_ms)
{
    uint32_t status;
    uint32_t busy_ms = timeout_ms < DOE_TIMEOUT_MS ? timeout_ms : DOE_TIMEOUT_MS;
    enum ide_err err = wait_while_busy(t, wait_start(t->mailbox->wait, busy_ms), &status);
    if (err != IDE_OK)
        return err;
    if ((status & (PCIE_DOE_STATUS_ERROR | PCIE_DOE_STATUS_READY)) && !reset(t->mailbox))
        return ide_fail(t->fault, IDE_E_DOE_ABORT, t->step, "DOE Abort");
    return IDE_OK;
}

static enum ide_err check_progress(struct transfer *t, size_t dwords)
{
    if (dwords % CHECK_EVERY != 0)
        return IDE_OK;
    enum ide_err err = wait_check(&t->wait);
    return err == IDE_OK ? IDE_OK : give_up(t, err, NULL);
}

static enum ide_err send_object(struct transfer *t, const uint8_t *request, size_t request_len)
{
    struct reader r = reader_of(request, request_len);
    t->step = STEP_SEND;
    for (size_t sent = 0; sent < request_len / 4;) {
        if (!put(t->mailbox, PCIE_DOE_WRITE, read_u32(&r, "data object")))
            return give_up(t, IDE_E_IO, "DOE Write Data Mailbox");
        enum ide_err err = check_progress(t, ++sent);
        if (err != IDE_OK)
            return err;
    }
    if (!put(t->mailbox, PCIE_DOE_CTRL, PCIE_DOE_CTRL_GO))
        return give_up(t, IDE_E_IO, "DOE Go");
    return IDE_OK;
}

/* One answer that was late, on a busy machine say, does not make the next one wait. */
static void note_time(struct doe_mailbox *mailbox, uint32_t took_us)
{
    mailbox->usual_us = took_us < mailbox->last_us ? took_us : mailbox->last_us;
    mailbox->last_us = took_us;
}

static enum ide_err wait_ready(struct transfer *t)
{
    t->step = STEP_RECEIVE;
    wait_expect(&t->wait,
                t->mailbox->usual_us); /* from GO: what sending took says nothing about the device */
    for (;;) {
        uint32_t status = get(t->mailbox, PCIE_DOE_STATUS);
        if (status == PCIE_ALL_ONES)
            return give_up(t, IDE_E_IO, "DOE Status");
        if (status & PCIE_DOE_STATUS_ERROR)
            return give_up(t, IDE_E_DOE_ERROR, "DOE Error");
        if (status & PCIE_DOE_STATUS_READY) {
            note_time(t->mailbox, wait_took(&t->wait));
            return IDE_OK;
        }
        enum ide_err err = wait_pause(&t->wait);
        if (err != IDE_OK)
            return give_up(t, err, "Data Object Ready");
    }
}

/* The length in the header's second dword, checked against the room there is. */
static enum ide_err object_length(struct transfer *t, uint32_t header, size_t room, size_t *dwords)
{
    if (header == PCIE_ALL_ONES) /* 14 of its bits are reserved: the function is gone */
        return give_up(t, IDE_E_IO, "DOE Read Data Mailbox");
    size_t length = header & PCIE_DOE_LENGTH;
    if (length == 0) /* PCIe 6.x §6.30.1 */
        length = DOE_OBJECT_MAX / 4;
    if (length < HEADER_DWORDS)
        return give_up_value(t, IDE_E_DOE_LENGTH, "Length", length, HEADER_DWORDS);
    if (length > room)
        return give_up_value(t, IDE_E_SPACE, "Length", length, room);
    *dwords = length;
    return IDE_OK;
}

/*
 * Before the last dword is acknowledged the device must still say READY: afterwards
 * it may not, and an object shorter than its header says would go unnoticed.
 */
static enum ide_err check_last(struct transfer *t)
{
    uint32_t status = get(t->mailbox, PCIE_DOE_STATUS);
    if (status == PCIE_ALL_ONES)
        return give_up(t, IDE_E_IO, "DOE Status");
    if (status & PCIE_DOE_STATUS_ERROR)
        return give_up(t, IDE_E_DOE_ERROR, "DOE Error");
    if (!(status & PCIE_DOE_STATUS_READY))
        return give_up(t, IDE_E_DOE_LENGTH, "Data Object Ready");
    return IDE_OK;
}

static enum ide_err receive_object(struct transfer *t, struct writer *response)
{
    size_t dwords = HEADER_DWORDS; /* at least; the second one says */
    enum ide_err err = IDE_OK;
    for (size_t i = 0; i < dwords; i++) {
        uint32_t value = get(t->mailbox, PCIE_DOE_READ);
        if (i == HEADER_DWORDS - 1)
            err = object_length(t, value, response->cap / 4, &dwords);
        write_u32(response, value);
        if (err == IDE_OK)
            err = i + 1 == dwords ? check_last(t) : check_progress(t, i + 1);
        if (err != IDE_OK)
            return err;
        /* any write acknowledges the dword and brings the next */
        if (!put(t->mailbox, PCIE_DOE_READ, 0))
            return give_up(t, IDE_E_IO, "DOE Read Data Mailbox");
    }
    uint32_t status = get(t->mailbox, PCIE_DOE_STATUS);
    if (status == PCIE_ALL_ONES)
        return give_up(t, IDE_E_IO, "DOE Status");
    if (status & PCIE_DOE_STATUS_ERROR)
        return give_up(t, IDE_E_DOE_ERROR, "DOE Error");
    return IDE_OK;
}

/* A request is a whole number of dwords, and its header says how many: the device waits for as many. */
static enum ide_err check_request(const uint8_t *request, size_t request_len, struct ide_fault *fault)
{
    if (request_len % 4 != 0 || request_len < HEADER_BYTES || request_len > DOE_OBJECT_MAX)
        return ide_fail_value(fault, IDE_E_ARGUMENT, STEP_SEND, "length", request_len, HEADER_BYTES);
    struct reader r = reader_of(request, request_len);
    read_u32(&r, "header");
    uint32_t length = read_u32(&r, "Length") & PCIE_DOE_LENGTH;
    uint32_t want = (uint32_t)(request_len / 4) & PCIE_DOE_LENGTH;
    if (length != want)
        return ide_fail_value(fault, IDE_E_ARGUMENT, STEP_SEND, "Length", length, want);
    return IDE_OK;
}

enum ide_err doe_mailbox_exchange(void *context, const uint8_t *request, size_t request_len,
                                  uint8_t *response, size_t response_cap, size_t *response_len,
                                  uint32_t timeout_ms, struct ide_fault *fault)
{
    struct doe_mailbox *mailbox = context;
    struct writer out = writer_of(response, response_cap);
    *response_len = 0;
    enum ide_err err = check_request(request, request_len, fault);
    if (err != IDE_OK)
        return err;
    if (response_cap < HEADER_BYTES)
        return ide_fail_value(fault, IDE_E_SPACE, STEP_RECEIVE, "length", response_cap, HEADER_BYTES);
    if (mailbox->dead)
        return ide_fail(fault, IDE_E_DOE_ABORT, STEP_SEND, "DOE Abort");

    if (timeout_ms == 0)
        timeout_ms = DOE_TIMEOUT_MS;
    struct transfer t = {
        .mailbox = mailbox, .wait = wait_start(mailbox->wait, timeout_ms), .fault = fault, .step = STEP_SEND};
    if ((err = claim(&t, timeout_ms)) != IDE_OK || (err = send_object(&t, request, request_len)) != IDE_OK ||
        (err = wait_ready(&t)) != IDE_OK || (err = receive_object(&t, &out)) != IDE_OK)
        return err;
    *response_len = out.pos;
    return IDE_OK;
}

struct doe_transport doe_mailbox_transport(struct doe_mailbox *mailbox)
{
    return (struct doe_transport){.exchange = doe_mailbox_exchange, .context = mailbox};
}

static bool fits(uint16_t offset)
{
    return offset + PCIE_DOE_SIZE <= PCIE_CONFIG_SIZE;
}

uint16_t doe_mailbox_find(const struct pcie_config *config, unsigned nth)
{
    for (unsigned i = 0;; i++) {
        uint16_t offset = pcie_find_ext_cap(config, PCIE_EXT_CAP_ID_DOE, i);
        if (offset == 0 || (fits(offset) && nth-- == 0))
            return offset;
    }
}

enum ide_err doe_mailbox_open(struct doe_mailbox *mailbox, const struct pcie_config *config, uint16_t offset,
                              const struct wait_ops *wait, struct ide_fault *fault)
{
    *mailbox = (struct doe_mailbox){
        .config = *config, .wait = wait, .offset = offset, .last_us = UINT32_MAX, .dead = true};
    uint32_t header = offset >= PCIE_EXT_CAP_FIRST && fits(offset) ? pcie_read32(config, offset) : 0;
    if (field_get(PCIE_EXT_CAP_ID, header) != PCIE_EXT_CAP_ID_DOE)
        return ide_fail(fault, IDE_E_NO_DOE, STEP_OPEN, NULL);

    struct transfer t = {.mailbox = mailbox, .fault = fault, .step = STEP_OPEN};
    uint32_t status;
    enum ide_err err = wait_while_busy(&t, wait_start(wait, DOE_TIMEOUT_MS), &status);
    if (err != IDE_OK && err != IDE_E_DOE_BUSY)
        return err;
    mailbox->dead = false;
    if (!reset(mailbox))
        return ide_fail(fault, IDE_E_DOE_ABORT, STEP_OPEN, "DOE Abort");
    return IDE_OK;
}
