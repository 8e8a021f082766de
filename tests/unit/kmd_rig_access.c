/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of the rig stands in the place of libpci and /dev/mem, put there at link time (ide_km_rig() in CMakeLists.txt). */
#include "kmd_rig.h"

#include "tools/ide-emu/key_unit.h"

enum ide_err __wrap_pcie_access_open(struct pcie_access *access, const char *path, struct ide_fault *fault);
void __wrap_pcie_access_close(struct pcie_access *access);
enum ide_err __wrap_pcie_function_open(struct pcie_function *function, struct pcie_access *access,
                                       const struct pcie_bdf *bdf, struct ide_fault *fault);
enum ide_err __wrap_pcie_function_bind(struct pcie_function *function, struct pcie_access *access,
                                       const struct pcie_bdf *bdf, struct ide_fault *fault);
bool __wrap_pcie_function_read(const struct pcie_function *function, unsigned offset, uint8_t *bytes, unsigned size);
void __wrap_pcie_function_close(struct pcie_function *function);
enum ide_err __wrap_kcu_memory_open(struct kcu_memory *memory, const char *path, uint64_t base,
                                    struct ide_fault *fault);
void __wrap_kcu_memory_close(struct kcu_memory *memory);
struct kcu_access __wrap_kcu_memory_access(struct kcu_memory *memory);

static bool read_config(void *context, unsigned offset, unsigned size, uint32_t *value)
{
    uint8_t bytes[4] = {0};
    if (rig.watch && !rig.watch(context, offset, false, 0))
        return false;
    link_config_read(context, offset, bytes, size);
    *value = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    atomic_fetch_add(&rig.config_reads, 1);
    return true;
}

static bool write_config(void *context, unsigned offset, unsigned size, uint32_t value)
{
    const struct emu_function *f = context;
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};
    if (rig.watch && !rig.watch(f, offset, true, value))
        return false;
    link_config_write(context, offset, bytes, size);
    atomic_fetch_add(&rig.config_writes, 1);
    if (f->doe_cap && offset == f->doe_cap + PCIE_DOE_CTRL && (value & PCIE_DOE_CTRL_GO))
        atomic_fetch_add(&rig.doe_objects, 1);
    return true;
}

enum ide_err __wrap_pcie_access_open(struct pcie_access *access, const char *path, struct ide_fault *fault)
{
    (void)path;
    (void)fault;
    *access = (struct pcie_access){0};
    return IDE_OK;
}

void __wrap_pcie_access_close(struct pcie_access *access)
{
    (void)access;
}

enum ide_err __wrap_pcie_function_open(struct pcie_function *function, struct pcie_access *access,
                                       const struct pcie_bdf *bdf, struct ide_fault *fault)
{
    struct emu_function *f = emu_find(&rig.emu, bdf);
    (void)access;
    *function = (struct pcie_function){.bdf = *bdf, .config = {read_config, write_config, f}};
    return f ? IDE_OK : ide_fail(fault, IDE_E_NO_DEVICE, "rig", NULL);
}

enum ide_err __wrap_pcie_function_bind(struct pcie_function *function, struct pcie_access *access,
                                       const struct pcie_bdf *bdf, struct ide_fault *fault)
{
    return __wrap_pcie_function_open(function, access, bdf, fault);
}

bool __wrap_pcie_function_read(const struct pcie_function *function, unsigned offset, uint8_t *bytes, unsigned size)
{
    struct emu_function *f = function->config.context;
    if (!f || (rig.watch && !rig.watch(f, offset, false, 0)))
        return false;
    link_config_read(f, offset, bytes, size);
    atomic_fetch_add(&rig.config_reads, 1);
    return true;
}

void __wrap_pcie_function_close(struct pcie_function *function)
{
    *function = (struct pcie_function){0};
}

enum ide_err __wrap_kcu_memory_open(struct kcu_memory *memory, const char *path, uint64_t base,
                                    struct ide_fault *fault)
{
    (void)path;
    (void)fault;
    *memory = (struct kcu_memory){.fd = -1, .base = base};
    return IDE_OK;
}

void __wrap_kcu_memory_close(struct kcu_memory *memory)
{
    (void)memory;
}

static bool read_unit(void *context, uint32_t offset, uint32_t *value)
{
    const struct kcu_memory *memory = context;
    return key_units_read(&rig.emu, memory->base + offset, value);
}

static bool write_unit(void *context, uint32_t offset, uint32_t value)
{
    const struct kcu_memory *memory = context;
    return key_units_write(&rig.emu, memory->base + offset, value);
}

struct kcu_access __wrap_kcu_memory_access(struct kcu_memory *memory)
{
    return (struct kcu_access){read_unit, write_unit, memory};
}

/* The endpoint's DMA goes on the stream too: of both directions there shall be traffic to lose. */
void __real_ide_stream_associate(const struct ide_port *root_port, const struct ide_port *endpoint,
                                 const struct pcie_config *above, struct ide_stream_settings *root_settings,
                                 struct ide_stream_settings *endpoint_settings);
void __wrap_ide_stream_associate(const struct ide_port *root_port, const struct ide_port *endpoint,
                                 const struct pcie_config *above, struct ide_stream_settings *root_settings,
                                 struct ide_stream_settings *endpoint_settings);

void __wrap_ide_stream_associate(const struct ide_port *root_port, const struct ide_port *endpoint,
                                 const struct pcie_config *above, struct ide_stream_settings *root_settings,
                                 struct ide_stream_settings *endpoint_settings)
{
    __real_ide_stream_associate(root_port, endpoint, above, root_settings, endpoint_settings);
    endpoint_settings->features.default_stream = true;
}
