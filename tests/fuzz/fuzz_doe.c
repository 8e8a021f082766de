/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOE data objects: taking them apart, discovery by a mailbox that answers anything, and answering it. */
#include <string.h>

#include "secured_cma/doe.h"

/* Answers discovery with the input, 12 bytes at a time. */
struct mailbox {
    const uint8_t *data;
    size_t left;
};

static enum ide_err exchange(void *context, const uint8_t *request, size_t request_len, uint8_t *response, size_t cap,
                             size_t *response_len, uint32_t timeout_ms, struct ide_fault *fault)
{
    struct mailbox *m = context;
    (void)request, (void)request_len, (void)timeout_ms;
    if (m->left == 0)
        return ide_fail(fault, IDE_E_TIMEOUT, "mailbox", NULL);
    size_t n = m->left < cap ? m->left : cap;
    memcpy(response, m->data, n);
    m->data += n;
    m->left -= n;
    *response_len = n;
    return IDE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct doe_protocol protocols[] = {{1, 0}, {1, 1}, {1, 2}};
    struct ide_fault fault;
    uint8_t type, response[64];
    const uint8_t *payload;
    size_t len = 0, count = 0;
    if (doe_unwrap(data, size, &type, &payload, &len, &fault) == IDE_OK &&
        (payload != data + DOE_HEADER_SIZE || len != size - DOE_HEADER_SIZE))
        __builtin_trap();

    struct mailbox m = {data, size};
    const struct doe_transport transport = {exchange, &m};
    struct doe_protocol found[8];
    if (doe_discover(&transport, 1, found, 8, &count, &fault) == IDE_OK && (count == 0 || count > 256))
        __builtin_trap();

    doe_answer_discovery(protocols, 3, data, size, response, sizeof response, &len);
    if (len != 0 && len != 12)
        __builtin_trap();
    return 0;
}
