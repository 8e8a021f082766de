/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/kcu_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "root_port/pcie_regs.h"

#define STEP "KCU open"

static bool is_inside(const struct kcu_memory *m, uint32_t offset)
{
    return offset % 4 == 0 && m->size >= 4 && offset <= m->size - 4;
}

static bool read32(void *context, uint32_t offset, uint32_t *value)
{
    const struct kcu_memory *m = context;
    *value = PCIE_ALL_ONES;
    if (!is_inside(m, offset))
        return false;
    if (!m->regs)
        return pread(m->fd, value, sizeof *value, (off_t)(m->base + offset)) == (ssize_t)sizeof *value;
    *value = m->regs[offset / 4];
    return true;
}

static bool write32(void *context, uint32_t offset, uint32_t value)
{
    const struct kcu_memory *m = context;
    if (!is_inside(m, offset))
        return false;
    if (!m->regs)
        return pwrite(m->fd, &value, sizeof value, (off_t)(m->base + offset)) == (ssize_t)sizeof value;
    m->regs[offset / 4] = value;
    return true;
}

struct kcu_access kcu_memory_access(struct kcu_memory *memory)
{
    return (struct kcu_access){.read32 = read32, .write32 = write32, .context = memory};
}

static void unmap(struct kcu_memory *m)
{
    if (m->map)
        munmap(m->map, m->map_size);
    m->map = NULL;
    m->regs = NULL;
}

/* A file system without maps that are shared says ENODEV: then the file is read and written. */
static bool map(struct kcu_memory *m, uint32_t size)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), start = m->base & ~(page - 1);
    unmap(m);
    m->size = size;
    m->map_size = (size_t)(m->base - start + size);
    void *at = mmap(NULL, m->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, (off_t)start);
    if (at == MAP_FAILED)
        return errno == ENODEV;
    m->map = at;
    m->regs = (volatile uint32_t *)at + (m->base - start) / 4; /* KEYP allows multiples of 4 only */
    return true;
}

enum ide_err kcu_memory_open_size(struct kcu_memory *memory, const char *path, uint64_t base, uint32_t size,
                                  const char *step, struct ide_fault *fault)
{
    *memory = (struct kcu_memory){.fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC), .base = base};
    return memory->fd >= 0 && map(memory, size) ? IDE_OK : ide_fail(fault, IDE_E_ACCESS, step, "memory");
}

enum ide_err kcu_memory_open(struct kcu_memory *memory, const char *path, uint64_t base,
                             struct ide_fault *fault)
{
    uint32_t capability;
    enum ide_err err = kcu_memory_open_size(memory, path, base, 4, STEP, fault);
    if (err != IDE_OK)
        return err;
    if (!read32(memory, KCU_CAP, &capability) || capability == PCIE_ALL_ONES)
        return ide_fail(fault, IDE_E_IO, STEP, "Stream Capability");
    if (!map(memory, kcu_size(capability)))
        return ide_fail(fault, IDE_E_ACCESS, STEP, "memory");
    return IDE_OK;
}

void kcu_memory_close(struct kcu_memory *memory)
{
    unmap(memory);
    if (memory->fd >= 0)
        close(memory->fd);
    memory->fd = -1;
}
