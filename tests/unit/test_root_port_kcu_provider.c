/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key unit as a key provider, and its registers in memory. */
#include <stdlib.h>
#include <unistd.h>

#include "kcu_rig.h"
#include "root_port/kcu_memory.h"
#include "root_port/key_provider.h"
#include "suite.h"

static void the_provider_needs_to_be_open_and_forgets_all_when_closed(void)
{
    struct ide_fault fault;
    struct ide_km_query_resp who;
    struct key_provider_status status;
    struct ide_key key = {.ifv = 1};
    struct ide_km_target t = target_of(5, 0, IDE_TX, IDE_PR);
    kcu_set_up();
    struct key_provider p = key_provider_kcu(&bench.a);
    CHECK_ERR(p.ops->program_key(p.context, &t, &key, &fault), IDE_E_SESSION);
    CHECK_ERR(p.ops->query(p.context, &who, &fault), IDE_E_SESSION);
    CHECK_OK(p.ops->authenticate(p.context, NULL, false, &fault));
    CHECK_OK(p.ops->open(p.context, &fault));
    CHECK_OK(p.ops->open(p.context, &fault)); /* it is open already */
    p.ops->status(p.context, &status);
    CU_ASSERT_TRUE(status.ready && status.session == 1 && status.params.version == 0);
    CHECK_OK(p.ops->query(p.context, &who, &fault));
    CU_ASSERT_TRUE(who.bus == 0 && who.devfn == 3 << 3);
    CHECK_ERR(p.ops->go(p.context, &(struct ide_km_target){.stream_id = 5, .direction = IDE_RX}, &fault),
              IDE_E_STATE);
    bring_up(&bench.a, 5);
    CHECK_OK(p.ops->go(p.context, &(struct ide_km_target){.stream_id = 5, .direction = IDE_RX}, &fault));
    p.ops->close(p.context);
    CU_ASSERT_TRUE(is_blank());
    p.ops->status(p.context, &status);
    CU_ASSERT_FALSE(status.ready);
    CHECK_OK(p.ops->open(p.context, &fault));
    p.ops->status(p.context, &status);
    CU_ASSERT_EQUAL(status.session, 2); /* keys of the first time are not these */
}

/* A file can be mapped, as /dev/mem can. The unit need not begin at a page. */
static void memory_is_mapped_where_it_can_be(void)
{
    char path[] = "/tmp/test_kcu.XXXXXX";
    int fd = mkstemp(path);
    uint32_t capability = (STREAMS - 1) | (TX_SLOTS - 1) << 10 | (RX_SLOTS - 1) << 20, value;
    struct ide_fault fault;
    struct kcu_memory m;
    const uint64_t base = 0x2f10;
    CU_ASSERT_FATAL(fd >= 0 && ftruncate(fd, 0x4000) == 0);
    CU_ASSERT_EQUAL(pwrite(fd, &capability, 4, (off_t)base), 4);
    CHECK_OK(kcu_memory_open(&m, path, base, &fault));
    struct kcu_access a = kcu_memory_access(&m);
    CU_ASSERT_TRUE(m.regs != NULL && a.read32(a.context, 0, &value) && value == capability);
    CU_ASSERT_TRUE(a.write32(a.context, SIZE - 4, 0x12345678));
    CU_ASSERT_FALSE(a.write32(a.context, SIZE, 1)); /* beyond its registers */
    CU_ASSERT_FALSE(a.read32(a.context, 2, &value));
    CU_ASSERT_TRUE(pread(fd, &value, 4, (off_t)base + SIZE - 4) == 4 && value == 0x12345678);
    kcu_memory_close(&m);
    CHECK_ERR(kcu_memory_open(&m, "/nonexistent", base, &fault), IDE_E_ACCESS);
    kcu_memory_close(&m);
    close(fd);
    unlink(path);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(the_provider_needs_to_be_open_and_forgets_all_when_closed),
        TEST(memory_is_mapped_where_it_can_be),
        CU_TEST_INFO_NULL,
    };
    return suite_run("key unit as a key provider", tests);
}
