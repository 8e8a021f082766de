/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDE errors in AER of what is at a closed root port: its streams are off, so the watch does not look.
 * Somebody who sends IDE TLPs while there is no stream, or what a stream's end said when it fell and could
 * not be asked, would be told by nobody, stay in the registers, and hide the next one.
 */
#include "root_port/aer.h"
#include "tools/ide-kmd/port_gate.h"

/* The capability stays where it is, unless the device is another one. */
static uint16_t find_aer(struct gate_function *f, const struct pcie_config *config)
{
    if (!f->aer || pcie_read16(config, f->aer) != PCIE_EXT_CAP_ID_AER)
        f->aer = aer_find(config);
    return f->aer;
}

/* Those that are new. Where Linux's AER driver is, they are its to clear, and those that were there before
 * the root port was closed were told by the watch. */
static uint32_t take_errors(const struct port_gate *gate, struct gate_function *f, struct pcie_access *access)
{
    struct ide_fault ignored;
    struct pcie_function function = {0};
    uint32_t fresh = 0;
    if (pcie_function_bind(&function, access, &f->bdf, &ignored) == IDE_OK) {
        uint16_t cap = find_aer(f, &function.config);
        uint32_t shown = aer_read(&function.config, cap) & PCIE_AER_IDE;
        bool is_kernels = aer_is_kernels(access, &gate->root_port);
        fresh = is_kernels && !f->has_errors ? 0 : shown & ~f->errors;
        if (shown && !is_kernels && aer_clear(&function.config, cap, shown))
            shown = 0;
        f->errors = shown;
        f->has_errors = true;
    }
    pcie_function_close(&function);
    return fresh;
}

void port_gates_errors(struct port_gates *gates, struct pcie_access *access, const struct pcie_bdf *root_port,
                       const struct gate_buses *buses, const struct gate_errors_ops *ops)
{
    pthread_mutex_lock(&gates->lock);
    struct port_gate *gate = port_gates_find(gates, root_port);
    for (struct gate_function *f = gate && gate->level > GATE_OPEN ? &gate->port : NULL; f;
         f = f == &gate->port ? gate->below : f->next) {
        bool is_meant = f == &gate->port || (f->bdf.bus >= buses->first && f->bdf.bus <= buses->last);
        bool is_ours = is_meant && !ops->is_watched(ops->context, &f->bdf);
        uint32_t errors = is_ours ? take_errors(gate, f, access) : 0;
        if (errors)
            ops->tell(ops->context, &f->bdf, errors);
    }
    pthread_mutex_unlock(&gates->lock);
}
