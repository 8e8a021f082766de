/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/sysfs_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "spdm/cursor.h"

/* Flags of a resource line, as Linux has them in include/linux/ioport.h. */
#define RESOURCE_MEM 0x00000200u
#define RESOURCE_MEM_64 0x00100000u
#define RESOURCE_PREFETCH 0x00002000u
#define RESOURCE_SIZEALIGN 0x00040000u
#define RESOURCE_BAR_64 0x4u
#define RESOURCE_BARS_AND_ROM 7u
#define RESOURCE_BRIDGE_WINDOWS 4u

static size_t print(char text[static SYSFS_TEXT_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static size_t print(char text[static SYSFS_TEXT_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, SYSFS_TEXT_MAX, format, args);
    va_end(args);
    return n < 0 ? 0 : (size_t)n;
}

static uint32_t read_register(struct emu_function *f, unsigned offset)
{
    uint8_t bytes[4];
    emu_config_read(f, offset, bytes, sizeof bytes);
    struct reader r = reader_of(bytes, sizeof bytes);
    return read_u32(&r, "register");
}

static size_t text_vendor(struct emu_function *f, char text[static SYSFS_TEXT_MAX])
{
    return print(text, "0x%04x\n", f->desc.ids.vendor);
}

static size_t text_device(struct emu_function *f, char text[static SYSFS_TEXT_MAX])
{
    return print(text, "0x%04x\n", f->desc.ids.device);
}

static size_t text_class(struct emu_function *f, char text[static SYSFS_TEXT_MAX])
{
    return print(text, "0x%06" PRIx32 "\n", f->desc.ids.class_code);
}

static size_t text_revision(struct emu_function *f, char text[static SYSFS_TEXT_MAX])
{
    return print(text, "0x%02x\n", f->desc.ids.revision);
}

static size_t text_subsystem_vendor(struct emu_function *f, char text[static SYSFS_TEXT_MAX])
{
    return print(text, "0x%04x\n", f->desc.ids.subsystem_vendor);
}

static size_t text_subsystem_device(struct emu_function *f, char text[static SYSFS_TEXT_MAX])
{
    return print(text, "0x%04x\n", f->desc.ids.subsystem);
}

static size_t text_irq(struct emu_function *f, char text[static SYSFS_TEXT_MAX])
{
    (void)f;
    return print(text, "0\n");
}

static size_t text_numa_node(struct emu_function *f, char text[static SYSFS_TEXT_MAX])
{
    (void)f;
    return print(text, "-1\n");
}

struct resource {
    uint64_t start, end, flags;
};

static struct resource bar0(struct emu_function *f)
{
    uint64_t size = f->desc.bar_size;
    if (size == 0)
        return (struct resource){0};
    uint64_t base = read_register(f, 0x10) | (uint64_t)read_register(f, 0x14) << 32;
    base &= ~(size - 1);
    return (struct resource){base, base + size - 1,
                             RESOURCE_MEM | RESOURCE_MEM_64 | RESOURCE_SIZEALIGN | RESOURCE_BAR_64 |
                                 (f->desc.prefetchable ? RESOURCE_PREFETCH : 0)};
}

static struct resource prefetchable_window(struct emu_function *f)
{
    uint32_t window = read_register(f, PCIE_PREFETCHABLE_WINDOW);
    uint64_t base = (uint64_t)read_register(f, PCIE_PREFETCHABLE_BASE_UPPER) << 32 |
                    (uint64_t)field_get(PCIE_WINDOW_BASE, window) << 20;
    uint64_t limit = (uint64_t)read_register(f, PCIE_PREFETCHABLE_LIMIT_UPPER) << 32 |
                     (uint64_t)field_get(PCIE_WINDOW_LIMIT, window) << 20 | 0xfffff;
    return base <= limit ? (struct resource){base, limit, RESOURCE_MEM | RESOURCE_MEM_64 | RESOURCE_PREFETCH}
                         : (struct resource){0};
}

static struct resource memory_window(struct emu_function *f)
{
    uint32_t window = read_register(f, PCIE_MEMORY_WINDOW);
    uint64_t base = (uint64_t)field_get(PCIE_WINDOW_BASE, window) << 20;
    uint64_t limit = (uint64_t)field_get(PCIE_WINDOW_LIMIT, window) << 20 | 0xfffff;
    return base <= limit ? (struct resource){base, limit, RESOURCE_MEM} : (struct resource){0};
}

static size_t text_resource(struct emu_function *f, char text[static SYSFS_TEXT_MAX])
{
    bool port = platform_is_port(&f->desc);
    struct resource lines[RESOURCE_BARS_AND_ROM + RESOURCE_BRIDGE_WINDOWS] = {0};
    if (port) { /* after the I/O window */
        lines[RESOURCE_BARS_AND_ROM + 1] = memory_window(f);
        lines[RESOURCE_BARS_AND_ROM + 2] = prefetchable_window(f);
    }
    lines[0] = bar0(f);

    size_t count = RESOURCE_BARS_AND_ROM + (port ? RESOURCE_BRIDGE_WINDOWS : 0), at = 0;
    for (size_t i = 0; i < count; i++) {
        int n = snprintf(text + at, SYSFS_TEXT_MAX - at, "0x%016" PRIx64 " 0x%016" PRIx64 " 0x%016" PRIx64 "\n",
                         lines[i].start, lines[i].end, lines[i].flags);
        at += n < 0 ? 0 : (size_t)n;
    }
    return at;
}

const struct sysfs_file sysfs_files[] = {
    {"config", 0644, NULL},
    {"resource0", 0600, NULL},
    {"resource", 0444, text_resource},
    {"irq", 0444, text_irq},
    {"vendor", 0444, text_vendor},
    {"device", 0444, text_device},
    {"class", 0444, text_class},
    {"revision", 0444, text_revision},
    {"subsystem_vendor", 0444, text_subsystem_vendor},
    {"subsystem_device", 0444, text_subsystem_device},
    {"numa_node", 0444, text_numa_node},
};
const size_t sysfs_file_count = sizeof sysfs_files / sizeof sysfs_files[0];

bool sysfs_is_bar(const struct sysfs_file *file)
{
    return file == &sysfs_files[1];
}
