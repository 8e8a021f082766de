/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The emulated DOE mailbox, register by register (PCIe 6.x §6.30). */
#include <stdlib.h>

#include "check.h"
#include "root_port/pcie_regs.h"
#include "spdm/transport.h"
#include "suite.h"
#include "tools/ide-emu/mailbox.h"

#define HEADER 0x00000001u /* PCI-SIG, discovery */

static struct mailbox m;

static void fresh(void)
{
    mailbox_free(&m);
    mailbox_init(&m);
}

static void write_object(uint32_t length, unsigned dwords)
{
    for (unsigned i = 0; i < dwords; i++)
        mailbox_write(&m, i == 0 ? HEADER : i == 1 ? length : 0x11111111u * i);
    mailbox_go(&m);
}

/* Writes an object and takes it, as the device does. */
static struct doe_object taken(unsigned dwords)
{
    struct doe_object object = {0};
    write_object(dwords, dwords);
    CU_ASSERT_TRUE_FATAL(mailbox_take(&m, &object));
    CU_ASSERT_EQUAL(object.len, 4 * dwords);
    return object;
}

static void answer(struct doe_object *object, unsigned dwords)
{
    uint8_t data[64];
    for (unsigned i = 0; i < 4 * dwords; i++)
        data[i] = (uint8_t)i;
    mailbox_answer(&m, object, data, 4 * dwords);
    free(object->data);
}

static void an_exchange_goes_from_busy_to_ready_to_idle(void)
{
    fresh();
    CU_ASSERT_EQUAL(mailbox_status(&m), 0);
    struct doe_object object = taken(3);
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_BUSY);
    CU_ASSERT_EQUAL(object.data[8], 0x22);
    answer(&object, 3);
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_READY);
    CU_ASSERT_EQUAL(mailbox_read(&m), 0x03020100);
    CU_ASSERT_EQUAL(mailbox_read(&m), 0x03020100); /* reading does not move on, acknowledging does */
    mailbox_ack(&m);
    CU_ASSERT_EQUAL(mailbox_read(&m), 0x07060504);
    mailbox_ack(&m);
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_READY);
    mailbox_ack(&m);
    CU_ASSERT_EQUAL(mailbox_status(&m), 0);
    CU_ASSERT_EQUAL(mailbox_read(&m), 0);
}

static void an_object_of_another_length_than_written_is_discarded(void)
{
    static const struct {
        uint32_t length;
        unsigned dwords;
    } bad[] = {{3, 2}, {2, 3}, {0, 3}, {1, 1}, {0x3ffff, 3}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct doe_object object;
        fresh();
        write_object(bad[i].length, bad[i].dwords);
        CU_ASSERT_FALSE(mailbox_take(&m, &object));
        CU_ASSERT_EQUAL(mailbox_status(&m), 0);
        object = taken(2); /* and nothing of it is left */
        free(object.data);
    }
}

static void go_without_an_object_does_nothing(void)
{
    struct doe_object object;
    fresh();
    mailbox_go(&m);
    CU_ASSERT_FALSE(mailbox_take(&m, &object));
    CU_ASSERT_EQUAL(mailbox_status(&m), 0);
}

static void length_zero_means_two_to_the_eighteen_dwords(void)
{
    struct doe_object object;
    fresh();
    write_object(0, 1u << 18);
    CU_ASSERT_TRUE_FATAL(mailbox_take(&m, &object));
    CU_ASSERT_EQUAL(object.len, DOE_OBJECT_MAX);
    free(object.data);
}

static void more_than_two_to_the_eighteen_dwords_is_an_error(void)
{
    struct doe_object object;
    fresh();
    write_object(0, (1u << 18) + 1);
    CU_ASSERT_FALSE(mailbox_take(&m, &object));
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_ERROR);
}

static void an_error_stays_until_an_abort(void)
{
    fresh();
    struct doe_object object = taken(2);
    mailbox_fail(&m, &object);
    free(object.data);
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_ERROR);
    write_object(2, 2);
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_ERROR);
    mailbox_abort(&m);
    CU_ASSERT_EQUAL(mailbox_status(&m), 0);
    object = taken(2);
    free(object.data);
}

static void an_answer_after_an_abort_is_nobodys(void)
{
    fresh();
    struct doe_object old = taken(2);
    CU_ASSERT_TRUE(mailbox_wants(&m, &old));
    mailbox_abort(&m);
    CU_ASSERT_FALSE(mailbox_wants(&m, &old));
    struct doe_object new = taken(2);
    answer(&old, 2);
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_BUSY);
    mailbox_fail(&m, &old);
    mailbox_discard(&m, &old);
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_BUSY);
    answer(&new, 2);
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_READY);
}

static void an_abort_drops_a_half_written_and_a_half_read_object(void)
{
    fresh();
    mailbox_write(&m, HEADER);
    mailbox_abort(&m);
    struct doe_object object = taken(2);
    answer(&object, 2);
    mailbox_ack(&m);
    mailbox_abort(&m);
    CU_ASSERT_EQUAL(mailbox_status(&m), 0);
    object = taken(2);
    free(object.data);
}

static void an_object_without_an_answer_leaves_the_mailbox_idle(void)
{
    fresh();
    struct doe_object object = taken(2);
    mailbox_discard(&m, &object);
    free(object.data);
    CU_ASSERT_EQUAL(mailbox_status(&m), 0);
}

static void while_busy_writes_are_not_taken(void)
{
    fresh();
    struct doe_object object = taken(2), other;
    write_object(2, 2);
    CU_ASSERT_FALSE(mailbox_take(&m, &other));
    answer(&object, 2);
    CU_ASSERT_EQUAL(m.request_len, 0);
}

static void writing_over_an_unread_answer_is_an_error(void)
{
    fresh();
    struct doe_object object = taken(2);
    answer(&object, 2);
    mailbox_write(&m, HEADER);
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_ERROR);
}

static void acknowledging_what_is_not_there_is_an_error(void)
{
    fresh();
    mailbox_ack(&m);
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_ERROR);
}

static void a_mailbox_held_busy_takes_nothing_and_recovers(void)
{
    struct doe_object object;
    fresh();
    m.held_busy = true;
    write_object(2, 2);
    mailbox_abort(&m);
    CU_ASSERT_FALSE(mailbox_take(&m, &object));
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_BUSY);
    m.held_busy = false;
    object = taken(2);
    free(object.data);
}

static void a_deaf_mailbox_shows_an_error_after_an_abort(void)
{
    fresh();
    m.deaf = true;
    mailbox_abort(&m);
    CU_ASSERT_EQUAL(mailbox_status(&m), PCIE_DOE_STATUS_ERROR);
    m.deaf = false;
    mailbox_abort(&m);
    CU_ASSERT_EQUAL(mailbox_status(&m), 0);
}

static int tear_down(void)
{
    mailbox_free(&m);
    return 0;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(an_exchange_goes_from_busy_to_ready_to_idle),
        TEST(an_object_of_another_length_than_written_is_discarded),
        TEST(go_without_an_object_does_nothing),
        TEST(length_zero_means_two_to_the_eighteen_dwords),
        TEST(more_than_two_to_the_eighteen_dwords_is_an_error),
        TEST(an_error_stays_until_an_abort),
        TEST(an_answer_after_an_abort_is_nobodys),
        TEST(an_abort_drops_a_half_written_and_a_half_read_object),
        TEST(an_object_without_an_answer_leaves_the_mailbox_idle),
        TEST(while_busy_writes_are_not_taken),
        TEST(writing_over_an_unread_answer_is_an_error),
        TEST(acknowledging_what_is_not_there_is_an_error),
        TEST(a_mailbox_held_busy_takes_nothing_and_recovers),
        TEST(a_deaf_mailbox_shows_an_error_after_an_abort),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("emulated mailbox", NULL, tear_down, tests);
}
