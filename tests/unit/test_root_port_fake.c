/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "test_root_port_fake.h"

#include <string.h>

static uint64_t clock_now(void *context)
{
    struct fake_clock *clock = context;
    if (clock->cancel_at_us && clock->now_us >= clock->cancel_at_us)
        atomic_store(&clock->cancel, true);
    return clock->now_us;
}

static void clock_sleep(void *context, uint32_t us)
{
    struct fake_clock *clock = context;
    clock->now_us += us;
    clock->slept_us += us;
    clock->sleeps++;
    if (us > clock->longest_us)
        clock->longest_us = us;
}

void fake_clock_init(struct fake_clock *clock)
{
    *clock = (struct fake_clock){.now_us = 1000000};
    atomic_init(&clock->cancel, false);
    clock->ops = (struct wait_ops){
        .now_us = clock_now, .sleep_us = clock_sleep, .context = clock, .cancel = &clock->cancel};
}

static void note(struct fake_function *function, bool write, unsigned offset, uint32_t value)
{
    struct fake_log *log = function->log;
    if (write)
        function->writes++;
    else
        function->reads++;
    if (function->clock)
        function->clock->now_us++;
    if (log && log->count < FAKE_LOG_MAX) {
        log->entry[log->count].function = function;
        log->entry[log->count].write = write;
        log->entry[log->count].offset = offset;
        log->entry[log->count].value = value;
    }
    if (log)
        log->count++;
}

static bool fake_read(void *context, unsigned offset, unsigned size, uint32_t *value)
{
    struct fake_function *function = context;
    note(function, false, offset, 0);
    if (offset + size > function->size)
        return false;
    *value = PCIE_ALL_ONES;
    if (function->gone || (function->on_read && function->on_read(function, offset, value)))
        return true;
    *value = 0;
    for (unsigned i = 0; i < size; i++)
        *value |= (uint32_t)function->space[offset + i] << 8 * i;
    return true;
}

static bool fake_write(void *context, unsigned offset, unsigned size, uint32_t value)
{
    struct fake_function *function = context;
    note(function, true, offset, value);
    if (offset + size > function->size || (function->fail_write_at && offset == function->fail_write_at))
        return false;
    if (function->gone || (function->stuck_at && offset == function->stuck_at))
        return true;
    if (function->on_write && function->on_write(function, offset, value))
        return true;
    for (unsigned i = 0; i < size; i++)
        function->space[offset + i] = (uint8_t)(value >> 8 * i);
    return true;
}

void fake_put32(struct fake_function *function, unsigned offset, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        function->space[offset + i] = (uint8_t)(value >> 8 * i);
}

uint32_t fake_get32(const struct fake_function *function, unsigned offset)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++)
        value |= (uint32_t)function->space[offset + i] << 8 * i;
    return value;
}

void fake_init(struct fake_function *function)
{
    memset(function, 0, sizeof *function);
    function->size = PCIE_CONFIG_SIZE;
    function->config = (struct pcie_config){.read = fake_read, .write = fake_write, .context = function};
    fake_put32(function, 0x00, 0x00101b36);
    fake_put32(function, 0x08, 0x01080202);
    fake_put32(function, 0x2c, 0x11001af4);
}

void fake_put_express(struct fake_function *function, enum pcie_port_type type)
{
    function->space[0x06] |= 0x10;
    function->space[0x34] = 0x40;
    fake_put32(function, 0x40, 0x00020010 | (uint32_t)type << 20);
}

void fake_put_bridge(struct fake_function *function, uint8_t primary, uint8_t secondary, uint8_t subordinate)
{
    function->space[0x0e] = 1;
    fake_put32(function, 0x18, primary | (uint32_t)secondary << 8 | (uint32_t)subordinate << 16);
    fake_put32(function, 0x2c, 0);
}

void fake_put_ext_cap(struct fake_function *function, unsigned offset, uint16_t id, unsigned next)
{
    fake_put32(function, offset, id | 1u << 16 | next << 20);
}
