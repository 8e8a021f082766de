/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "secured_cma/doe.h"

#include "spdm/cursor.h"

#define STEP           "DOE"
#define STEP_DISCOVERY "DOE discovery"
#define LENGTH_MASK    0x3ffffu   /* dwords, 18 bits; 0 stands for 2^18 */
#define DWORD          4u

#define DISCOVERY_REQUEST_SIZE  4u
#define DISCOVERY_RESPONSE_SIZE 4u
#define DISCOVERY_ROOM          64u   /* more than there may be, so that an answer that is too long is told as that */
#define NO_VENDOR               0xffffu   /* the answer to an index that there is not */
#define NO_TYPE                 0xffu

size_t doe_wrap(uint8_t *object, size_t cap, uint8_t type, size_t payload_len)
{
    if (cap < DOE_HEADER_SIZE || payload_len > cap - DOE_HEADER_SIZE)
        return 0;
    size_t padding = (DWORD - payload_len % DWORD) % DWORD;
    size_t len = DOE_HEADER_SIZE + payload_len + padding;
    struct writer w = writer_of(object, cap);
    write_u16(&w, DOE_VENDOR_PCISIG);
    write_u8(&w, type);
    write_u8(&w, 0);
    write_u32(&w, (uint32_t)(len / DWORD) & LENGTH_MASK);
    write_space(&w, payload_len);
    write_zero(&w, padding);
    if (write_done(&w) != IDE_OK || len > DOE_OBJECT_MAX)
        return 0;
    return len;
}

enum ide_err doe_unwrap(const uint8_t *object, size_t len, uint8_t *type, const uint8_t **payload,
                        size_t *payload_len, struct ide_fault *fault)
{
    struct reader r = reader_of(object, len);
    uint16_t vendor = read_u16(&r, "VendorID");
    uint8_t object_type = read_u8(&r, "DataObjectType");
    read_expect(&r, read_u8(&r, "Reserved"), 0, "Reserved");
    uint32_t length = read_u32(&r, "Length");
    read_expect(&r, length & ~LENGTH_MASK, 0, "Reserved");
    if (vendor != DOE_VENDOR_PCISIG)
        read_fail_value(&r, IDE_E_DOE_TYPE, "VendorID", vendor, DOE_VENDOR_PCISIG);
    size_t bytes = length ? (size_t)length * DWORD : DOE_OBJECT_MAX;
    if (bytes != len)
        read_fail_value(&r, IDE_E_DOE_LENGTH, "Length", length, len / DWORD);
    size_t left = read_left(&r);
    const uint8_t *rest = read_bytes(&r, left, "payload");
    enum ide_err err = read_done(&r, fault, STEP);
    if (err != IDE_OK)
        return err;
    *type = object_type;
    *payload = rest;
    *payload_len = left;
    return IDE_OK;
}

/* One exchange of discovery: the protocol at an index, and which index is next (0: that was the last). */
static enum ide_err discover_one(const struct doe_transport *transport, uint32_t timeout_ms, uint8_t index,
                                 struct doe_protocol *found, uint8_t *next, struct ide_fault *fault)
{
    uint8_t request[DOE_HEADER_SIZE + DISCOVERY_REQUEST_SIZE] = {0};
    uint8_t response[DOE_HEADER_SIZE + DISCOVERY_ROOM];
    request[DOE_HEADER_SIZE] = index;
    size_t request_len = doe_wrap(request, sizeof(request), DOE_TYPE_DISCOVERY, DISCOVERY_REQUEST_SIZE);
    size_t response_len = 0;
    enum ide_err err = transport->exchange(transport->context, request, request_len, response, sizeof(response),
                                           &response_len, timeout_ms, fault);
    if (err != IDE_OK)
        return err;

    uint8_t type;
    const uint8_t *payload;
    size_t payload_len;
    err = doe_unwrap(response, response_len, &type, &payload, &payload_len, fault);
    if (err != IDE_OK)
        return err;
    struct reader r = reader_of(payload, payload_len);
    if (type != DOE_TYPE_DISCOVERY)
        read_fail_value(&r, IDE_E_DOE_TYPE, "DataObjectType", type, DOE_TYPE_DISCOVERY);
    found->vendor = read_u16(&r, "VendorID");
    found->type = read_u8(&r, "DataObjectType");
    *next = read_u8(&r, "NextIndex");
    if (*next != 0 && *next <= index)
        read_fail_value(&r, IDE_E_FIELD, "NextIndex", *next, (uint64_t)index + 1);
    read_end(&r);
    return read_done(&r, fault, STEP_DISCOVERY);
}

enum ide_err doe_discover(const struct doe_transport *transport, uint32_t timeout_ms, struct doe_protocol *protocols,
                          size_t cap, size_t *count, struct ide_fault *fault)
{
    size_t found = 0;
    uint8_t index = 0;
    do {
        struct doe_protocol protocol;
        enum ide_err err = discover_one(transport, timeout_ms, index, &protocol, &index, fault);
        if (err != IDE_OK)
            return err;
        if (found < cap)
            protocols[found] = protocol;
        found++;
    } while (index != 0);   /* indices ascend and have 8 bits: this ends */
    *count = found;
    return IDE_OK;
}

void doe_answer_discovery(const struct doe_protocol *protocols, size_t count, const uint8_t *request, size_t len,
                          uint8_t *response, size_t cap, size_t *response_len)
{
    struct ide_fault ignored;
    uint8_t type;
    const uint8_t *payload;
    size_t payload_len;
    *response_len = 0;
    if (doe_unwrap(request, len, &type, &payload, &payload_len, &ignored) != IDE_OK || type != DOE_TYPE_DISCOVERY)
        return;
    struct reader r = reader_of(payload, payload_len);
    uint8_t index = read_u8(&r, "Index");
    read_u24(&r, "DiscoveryVersion");
    read_end(&r);
    if (r.err != IDE_OK)
        return;
    bool known = index < count;
    struct writer w = writer_of(response, cap);
    write_space(&w, DOE_HEADER_SIZE);
    write_u16(&w, known ? protocols[index].vendor : NO_VENDOR);
    write_u8(&w, known ? protocols[index].type : NO_TYPE);
    write_u8(&w, known && (size_t)index + 1 < count ? (uint8_t)(index + 1) : 0);
    if (write_done(&w) == IDE_OK)
        *response_len = doe_wrap(response, cap, DOE_TYPE_DISCOVERY, DISCOVERY_RESPONSE_SIZE);
}

enum ide_err doe_exchange(const struct doe_transport *transport, struct spdm_connection *c, uint8_t type, size_t offset,
                          size_t payload_len, uint8_t **payload, size_t *response_len, uint32_t timeout_ms)
{
    if (offset < DOE_HEADER_SIZE || offset > sizeof(c->tx))
        return ide_fail(&c->fault, IDE_E_ARGUMENT, STEP, "offset");
    uint8_t *object = c->tx + (offset - DOE_HEADER_SIZE);
    size_t len = doe_wrap(object, sizeof(c->tx) - (offset - DOE_HEADER_SIZE), type, payload_len);
    if (len == 0)
        return ide_fail(&c->fault, IDE_E_SPACE, STEP, "request");
    size_t received = 0;
    enum ide_err err = transport->exchange(transport->context, object, len, c->rx, sizeof(c->rx), &received, timeout_ms,
                                           &c->fault);
    if (err != IDE_OK)
        return err;
    if (received > sizeof(c->rx))
        return ide_fail(&c->fault, IDE_E_INTERNAL, STEP, "response");

    uint8_t answered;
    const uint8_t *borrowed;
    err = doe_unwrap(c->rx, received, &answered, &borrowed, response_len, &c->fault);
    if (err != IDE_OK)
        return err;
    if (answered != type)
        return ide_fail_value(&c->fault, IDE_E_DOE_TYPE, STEP, "DataObjectType", answered, type);
    *payload = c->rx + DOE_HEADER_SIZE;
    return IDE_OK;
}

static enum ide_err exchange_clear(void *context, struct spdm_connection *c, size_t request_len,
                                   const uint8_t **response, size_t *response_len, uint32_t timeout_ms)
{
    uint8_t *payload = NULL;
    enum ide_err err = doe_exchange(context, c, DOE_TYPE_CMA, SPDM_HEADROOM, request_len, &payload, response_len,
                                    timeout_ms);
    *response = payload;
    return err;
}

struct spdm_channel doe_clear_channel(const struct doe_transport *transport)
{
    /* the context is only read, as a transport again */
    return (struct spdm_channel){.exchange = exchange_clear, .context = (void *)transport, .secured = false};
}
