/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOE data objects, discovery, and the channel in the clear. */
#include "check.h"
#include "secured_cma/doe.h"
#include "spdm/cursor.h"
#include "suite.h"

/* header of an SPDM object of 12 bytes */
#define CMA_12 0x01, 0x00, 0x01, 0x00, 0x03, 0x00, 0x00, 0x00

/* A mailbox that gives prepared answers. */
struct mailbox {
    uint8_t answers[300][12];
    size_t lens[300];
    unsigned asked;
    uint8_t last[64];
    size_t last_len;
    enum ide_err fail;
};

static enum ide_err exchange(void *context, const uint8_t *request, size_t request_len, uint8_t *response, size_t cap,
                             size_t *response_len, uint32_t timeout_ms, struct ide_fault *fault)
{
    struct mailbox *m = context;
    CU_ASSERT_EQUAL(timeout_ms, 1234);
    if (m->fail != IDE_OK)
        return ide_fail(fault, m->fail, "mailbox", NULL);
    memcpy(m->last, request, request_len < sizeof m->last ? request_len : sizeof m->last);
    m->last_len = request_len;
    size_t len = m->lens[m->asked];
    CU_ASSERT_FATAL(len <= cap);
    memcpy(response, m->answers[m->asked++], len);
    *response_len = len;
    return IDE_OK;
}

static void discovery_answer(struct mailbox *m, unsigned n, uint16_t vendor, uint8_t type, uint8_t next)
{
    const uint8_t object[] = {1, 0, 0, 0, 3, 0, 0, 0, (uint8_t)vendor, (uint8_t)(vendor >> 8), type, next};
    memcpy(m->answers[n], object, sizeof object);
    m->lens[n] = sizeof object;
}

static void wrap_pads_to_a_dword(void)
{
    for (size_t payload = 0; payload <= 9; payload++) {
        uint8_t object[32];
        memset(object, 0xee, sizeof object);
        size_t len = doe_wrap(object, sizeof object, DOE_TYPE_CMA, payload);
        CU_ASSERT_EQUAL(len, 8 + (payload + 3) / 4 * 4);
        CU_ASSERT_EQUAL(object[4], len / 4);
        for (size_t i = 8; i < len; i++)
            CU_ASSERT_EQUAL(object[i], i < 8 + payload ? 0xee : 0);
        CU_ASSERT_EQUAL(object[len], 0xee);
    }
}

static void wrap_refuses_what_does_not_fit(void)
{
    static uint8_t big[DOE_OBJECT_MAX + 16];
    uint8_t object[16];
    CU_ASSERT_EQUAL(doe_wrap(object, 7, DOE_TYPE_CMA, 0), 0);
    CU_ASSERT_EQUAL(doe_wrap(object, 8, DOE_TYPE_CMA, 0), 8);
    CU_ASSERT_EQUAL(doe_wrap(object, 11, DOE_TYPE_CMA, 1), 0);   /* the padding does not fit */
    CU_ASSERT_EQUAL(doe_wrap(object, sizeof object, DOE_TYPE_CMA, SIZE_MAX), 0);
    CU_ASSERT_EQUAL(doe_wrap(big, sizeof big, DOE_TYPE_CMA, DOE_OBJECT_MAX - 8), DOE_OBJECT_MAX);
    CU_ASSERT_EQUAL(big[4] | big[5] | big[6] | big[7], 0);   /* 0 stands for 2^18 dwords */
    CU_ASSERT_EQUAL(doe_wrap(big, sizeof big, DOE_TYPE_CMA, DOE_OBJECT_MAX - 7), 0);
}

static enum ide_err unwrap(const uint8_t *object, size_t len, struct ide_fault *fault)
{
    uint8_t type;
    const uint8_t *payload;
    size_t payload_len;
    return doe_unwrap(object, len, &type, &payload, &payload_len, fault);
}

static void unwrap_gives_the_payload(void)
{
    const uint8_t object[12] = {CMA_12, 1, 2, 3, 4};
    struct ide_fault fault;
    uint8_t type;
    const uint8_t *payload;
    size_t len;
    CHECK_OK(doe_unwrap(object, sizeof object, &type, &payload, &len, &fault));
    CU_ASSERT_EQUAL(type, DOE_TYPE_CMA);
    CU_ASSERT_PTR_EQUAL(payload, object + 8);
    CU_ASSERT_EQUAL(len, 4);
}

static void unwrap_takes_length_0_as_the_longest(void)
{
    static uint8_t big[DOE_OBJECT_MAX];
    struct ide_fault fault;
    CU_ASSERT_EQUAL(doe_wrap(big, sizeof big, DOE_TYPE_CMA, DOE_OBJECT_MAX - 8), DOE_OBJECT_MAX);
    CHECK_OK(unwrap(big, sizeof big, &fault));
    CHECK_ERR(unwrap(big, 12, &fault), IDE_E_DOE_LENGTH);
}

/* One field changed in a good object. */
static void unwrap_names_the_field(void)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum ide_err err;
        const char *field;
    } rows[] = {
        {0, 0x02, IDE_E_DOE_TYPE, "VendorID"},  {1, 0x80, IDE_E_DOE_TYPE, "VendorID"},
        {3, 0x01, IDE_E_FIELD, "Reserved"},     {4, 0x02, IDE_E_DOE_LENGTH, "Length"},
        {4, 0x04, IDE_E_DOE_LENGTH, "Length"},  {4, 0x01, IDE_E_DOE_LENGTH, "Length"},
        {4, 0x00, IDE_E_DOE_LENGTH, "Length"},  {6, 0x04, IDE_E_FIELD, "Reserved"},
        {7, 0x80, IDE_E_FIELD, "Reserved"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t object[12] = {CMA_12};
        struct ide_fault fault;
        object[rows[i].at] = rows[i].value;
        CHECK_ERR(unwrap(object, sizeof object, &fault), rows[i].err);
        CHECK_FAULT(&fault, rows[i].err, "DOE", rows[i].field);
    }
}

static void unwrap_refuses_each_truncation(void)
{
    const uint8_t object[12] = {CMA_12};
    struct ide_fault fault;
    for (size_t len = 0; len < sizeof object; len++)
        CHECK_ERR(unwrap(object, len, &fault), len < 8 ? IDE_E_SHORT : IDE_E_DOE_LENGTH);
}

static enum ide_err discover(struct mailbox *m, struct doe_protocol *found, size_t cap, size_t *count,
                             struct ide_fault *fault)
{
    const struct doe_transport transport = {exchange, m};
    *count = 99;
    return doe_discover(&transport, 1234, found, cap, count, fault);
}

static void discovery_lists_all(void)
{
    static struct mailbox m;
    struct doe_protocol found[4];
    struct ide_fault fault;
    size_t count;
    memset(&m, 0, sizeof m);
    discovery_answer(&m, 0, 1, 0, 1);
    discovery_answer(&m, 1, 1, 1, 5);   /* indices may leave gaps */
    discovery_answer(&m, 2, 0x8086, 9, 0);
    CHECK_OK(discover(&m, found, 4, &count, &fault));
    CU_ASSERT_EQUAL(count, 3);
    CU_ASSERT_EQUAL(found[2].vendor, 0x8086);
    CU_ASSERT_EQUAL(found[2].type, 9);
    const uint8_t wanted[] = {1, 0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0};
    CU_ASSERT_EQUAL(m.last_len, sizeof wanted);
    CU_ASSERT_EQUAL(memcmp(m.last, wanted, sizeof wanted), 0);
}

static void discovery_counts_what_it_cannot_store(void)
{
    static struct mailbox m;
    struct doe_protocol found[1];
    struct ide_fault fault;
    size_t count;
    memset(&m, 0, sizeof m);
    for (unsigned i = 0; i < 256; i++)
        discovery_answer(&m, i, 1, (uint8_t)i, (uint8_t)(i + 1));   /* 255's next is 0 */
    CHECK_OK(discover(&m, found, 1, &count, &fault));
    CU_ASSERT_EQUAL(count, 256);
    CU_ASSERT_EQUAL(m.asked, 256);
}

static void discovery_that_goes_round_is_refused(void)
{
    static struct mailbox m;
    struct ide_fault fault;
    size_t count;
    memset(&m, 0, sizeof m);
    discovery_answer(&m, 0, 1, 0, 1);
    discovery_answer(&m, 1, 1, 1, 1);
    CHECK_ERR(discover(&m, NULL, 0, &count, &fault), IDE_E_FIELD);
    CHECK_FAULT(&fault, IDE_E_FIELD, "DOE discovery", "NextIndex");
    CU_ASSERT_EQUAL(count, 99);
    CU_ASSERT_EQUAL(m.asked, 2);
}

static void discovery_names_what_is_wrong(void)
{
    static struct mailbox m;
    struct ide_fault fault;
    size_t count;

    memset(&m, 0, sizeof m);
    discovery_answer(&m, 0, 1, 0, 0);
    m.answers[0][2] = DOE_TYPE_CMA;
    CHECK_ERR(discover(&m, NULL, 0, &count, &fault), IDE_E_DOE_TYPE);
    CHECK_FAULT(&fault, IDE_E_DOE_TYPE, "DOE discovery", "DataObjectType");

    memset(&m, 0, sizeof m);
    const uint8_t empty[] = {1, 0, 0, 0, 2, 0, 0, 0};
    memcpy(m.answers[0], empty, sizeof empty);
    m.lens[0] = sizeof empty;
    CHECK_ERR(discover(&m, NULL, 0, &count, &fault), IDE_E_SHORT);
    CHECK_FAULT(&fault, IDE_E_SHORT, "DOE discovery", "VendorID");

    memset(&m, 0, sizeof m);
    m.fail = IDE_E_TIMEOUT;
    CHECK_ERR(discover(&m, NULL, 0, &count, &fault), IDE_E_TIMEOUT);
    CHECK_FAULT(&fault, IDE_E_TIMEOUT, "mailbox", NULL);
}

static const struct doe_protocol protocols[] = {{1, 0}, {1, 1}, {1, 2}};

static size_t answer(const uint8_t *request, size_t len, uint8_t response[12], size_t cap)
{
    size_t response_len = 99;
    doe_answer_discovery(protocols, 3, request, len, response, cap, &response_len);
    return response_len;
}

static void device_answers_discovery(void)
{
    for (uint8_t index = 0; index < 5; index++) {
        const uint8_t request[] = {1, 0, 0, 0, 3, 0, 0, 0, index, 2, 0, 0};
        uint8_t response[12];
        const uint8_t known[] = {1, 0, 0, 0, 3, 0, 0, 0, 1, 0, index, (uint8_t)(index == 2 ? 0 : index + 1)};
        const uint8_t unknown[] = {1, 0, 0, 0, 3, 0, 0, 0, 0xff, 0xff, 0xff, 0};
        CU_ASSERT_EQUAL(answer(request, sizeof request, response, sizeof response), 12);
        CU_ASSERT_EQUAL(memcmp(response, index < 3 ? known : unknown, 12), 0);
    }
}

static void device_drops_what_is_no_discovery(void)
{
    uint8_t request[16] = {1, 0, 0, 0, 3, 0, 0, 0}, response[12];
    CU_ASSERT_EQUAL(answer(request, 12, response, 11), 0);
    CU_ASSERT_EQUAL(answer(request, 8, response, 12), 0);
    request[4] = 4;
    CU_ASSERT_EQUAL(answer(request, 16, response, 12), 0);
    request[4] = 3;
    request[2] = DOE_TYPE_CMA;
    CU_ASSERT_EQUAL(answer(request, 12, response, 12), 0);
}

/* --- the channel in the clear --- */

static struct spdm_connection connection;

static enum ide_err send_clear(struct mailbox *m, size_t len, const uint8_t **response, size_t *response_len)
{
    static struct doe_transport transport;
    transport = (struct doe_transport){exchange, m};
    struct spdm_channel channel = doe_clear_channel(&transport);
    CU_ASSERT_FALSE(channel.secured);
    return channel.exchange(channel.context, &connection, len, response, response_len, 1234);
}

static void clear_channel_carries_a_message(void)
{
    static struct mailbox m;
    const uint8_t wanted[] = {CMA_12, 'a', 'b', 'c', 0}, came[] = {CMA_12, 'd', 'e', 'f', 0};
    const uint8_t *response;
    size_t response_len;
    memset(&m, 0, sizeof m);
    memcpy(m.answers[0], came, sizeof came);
    m.lens[0] = sizeof came;
    memset(connection.tx, 0xee, sizeof connection.tx);
    memcpy(connection.tx + SPDM_HEADROOM, "abc", 3);
    CHECK_OK(send_clear(&m, 3, &response, &response_len));
    CU_ASSERT_EQUAL(m.last_len, sizeof wanted);
    CU_ASSERT_EQUAL(memcmp(m.last, wanted, sizeof wanted), 0);
    CU_ASSERT_EQUAL(response_len, 4);   /* with its padding */
    CU_ASSERT_EQUAL(memcmp(response, "def", 4), 0);
}

static void clear_channel_wants_the_same_type_back(void)
{
    static struct mailbox m;
    const uint8_t *response;
    size_t response_len;
    memset(&m, 0, sizeof m);
    discovery_answer(&m, 0, 1, 0, 0);
    CHECK_ERR(send_clear(&m, 3, &response, &response_len), IDE_E_DOE_TYPE);
    CHECK_FAULT(&connection.fault, IDE_E_DOE_TYPE, "DOE", "DataObjectType");
}

static void exchange_checks_its_arguments(void)
{
    static struct mailbox m;
    const struct doe_transport transport = {exchange, &m};
    uint8_t *payload;
    size_t len;
    memset(&m, 0, sizeof m);
    CHECK_ERR(doe_exchange(&transport, &connection, 1, 7, 4, &payload, &len, 1234), IDE_E_ARGUMENT);
    CHECK_ERR(doe_exchange(&transport, &connection, 1, SPDM_BUFFER_SIZE + 1, 4, &payload, &len, 1234), IDE_E_ARGUMENT);
    CHECK_ERR(doe_exchange(&transport, &connection, 1, 8, SPDM_BUFFER_SIZE - 7, &payload, &len, 1234), IDE_E_SPACE);
    CHECK_ERR(doe_exchange(&transport, &connection, 1, 8, SIZE_MAX, &payload, &len, 1234), IDE_E_SPACE);
    CU_ASSERT_EQUAL(m.asked, 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(wrap_pads_to_a_dword),
        TEST(wrap_refuses_what_does_not_fit),
        TEST(unwrap_gives_the_payload),
        TEST(unwrap_takes_length_0_as_the_longest),
        TEST(unwrap_names_the_field),
        TEST(unwrap_refuses_each_truncation),
        TEST(discovery_lists_all),
        TEST(discovery_counts_what_it_cannot_store),
        TEST(discovery_that_goes_round_is_refused),
        TEST(discovery_names_what_is_wrong),
        TEST(device_answers_discovery),
        TEST(device_drops_what_is_no_discovery),
        TEST(clear_channel_carries_a_message),
        TEST(clear_channel_wants_the_same_type_back),
        TEST(exchange_checks_its_arguments),
        CU_TEST_INFO_NULL,
    };
    return suite_run("DOE", tests);
}
