/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "root_port/pcie_regs.h"
#include "spdm/cursor.h"
#include "spdm/transport.h"

#define REQUEST_CAP_FIRST 4096u

void mailbox_init(struct mailbox *m)
{
    memset(m, 0, sizeof *m);
}

void mailbox_free(struct mailbox *m)
{
    free(m->request);
    free(m->response);
    memset(m, 0, sizeof *m);
}

uint32_t mailbox_status(const struct mailbox *m)
{
    uint32_t status = 0;
    if (m->busy || m->held_busy)
        status |= PCIE_DOE_STATUS_BUSY;
    if (m->error)
        status |= PCIE_DOE_STATUS_ERROR;
    if (m->ready)
        status |= PCIE_DOE_STATUS_READY;
    return status;
}

uint32_t mailbox_read(const struct mailbox *m)
{
    if (!m->ready)
        return 0;
    struct reader r = reader_of(m->response + m->response_at, m->response_len - m->response_at);
    return read_u32(&r, "Read Data Mailbox");
}

/* What is in transit in either direction is lost; the error flag stays the caller's. */
static void forget(struct mailbox *m)
{
    m->request_len = 0;
    free(m->response);
    m->response = NULL;
    m->response_len = m->response_at = 0;
    m->busy = m->ready = m->waiting = false;
    m->generation++;
}

void mailbox_error(struct mailbox *m)
{
    forget(m);
    m->error = true;
}

void mailbox_abort(struct mailbox *m)
{
    forget(m);
    m->error = m->deaf;
}

static bool make_room(struct mailbox *m)
{
    if (m->request_len < m->request_cap)
        return true;
    size_t cap = m->request_cap ? 2 * m->request_cap : REQUEST_CAP_FIRST;
    if (cap > DOE_OBJECT_MAX)
        return false;
    uint8_t *grown = realloc(m->request, cap);
    if (!grown)
        return false;
    m->request = grown;
    m->request_cap = cap;
    return true;
}

void mailbox_write(struct mailbox *m, uint32_t dword)
{
    if (m->busy || m->held_busy || m->error)
        return;
    /* One object at a time (§6.30.2): the last answer must have been read before the next object is written. */
    if (m->ready || !make_room(m)) {
        mailbox_error(m);
        return;
    }
    struct writer w = writer_of(m->request + m->request_len, sizeof dword);
    write_u32(&w, dword);
    m->request_len += sizeof dword;
}

/* The length that the object's header claims, in bytes; 0 stands for 2^18 dwords (§6.30.1). */
static size_t claimed_length(const struct mailbox *m)
{
    struct reader r = reader_of(m->request, m->request_len);
    read_u32(&r, "Data Object Header 1");
    size_t dwords = read_u32(&r, "Data Object Header 2") & PCIE_DOE_LENGTH;
    if (r.err != IDE_OK)
        return 0;
    return dwords ? dwords * 4 : DOE_OBJECT_MAX;
}

void mailbox_go(struct mailbox *m)
{
    if (m->busy || m->held_busy || m->error)
        return;
    if (m->ready) {
        mailbox_error(m);
        return;
    }
    /* An object whose length is not what was written is silently discarded (§6.30.1). */
    if (m->request_len == 0 || claimed_length(m) != m->request_len) {
        m->request_len = 0;
        return;
    }
    m->busy = m->waiting = true;
}

void mailbox_ack(struct mailbox *m)
{
    if (m->held_busy || m->error)
        return;
    if (!m->ready) {
        mailbox_error(m);
        return;
    }
    m->response_at += 4;
    if (m->response_at < m->response_len)
        return;
    free(m->response);
    m->response = NULL;
    m->response_len = m->response_at = 0;
    m->ready = false;
}

bool mailbox_take(struct mailbox *m, struct doe_object *object)
{
    if (!m->waiting)
        return false;
    *object = (struct doe_object){m->request, m->request_len, m->generation};
    m->request = NULL;
    m->request_len = m->request_cap = 0;
    m->waiting = false;
    return true;
}

bool mailbox_wants(const struct mailbox *m, const struct doe_object *object)
{
    return m->generation == object->generation;
}

void mailbox_answer(struct mailbox *m, const struct doe_object *object, const uint8_t *data, size_t len)
{
    if (!mailbox_wants(m, object))
        return;
    uint8_t *copy = malloc(len);
    if (!copy) {
        mailbox_error(m);
        return;
    }
    memcpy(copy, data, len);
    m->response = copy;
    m->response_len = len;
    m->response_at = 0;
    m->ready = true;
    m->busy = false;
}

void mailbox_discard(struct mailbox *m, const struct doe_object *object)
{
    if (mailbox_wants(m, object))
        m->busy = false;
}

void mailbox_fail(struct mailbox *m, const struct doe_object *object)
{
    if (mailbox_wants(m, object))
        mailbox_error(m);
}
