/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/hotplug.h"

#include "tools/ide-emu/fabric.h"
#include "tools/ide-emu/function_config.h"
#include "tools/ide-emu/ide_link.h"

static bool is_below(const struct emu_function *f, const struct emu_function *port)
{
    for (f = f->parent; f; f = f->parent)
        if (f == port)
            return true;
    return false;
}

/* The port above the link that f is at: f itself, or the one that it hangs below. */
static struct emu_function *port_of(struct emu_function *f)
{
    return f->link ? f : f->parent && f->parent->link ? f->parent : NULL;
}

/* What the port's registers say of its slot and link (PCIe 6.x §7.5.3.8, §7.5.3.11). */
static void show(struct emu_function *port, bool present)
{
    uint16_t link = config_get16(&port->config, port->exp_cap + PCIE_EXP_LNKSTA);
    uint16_t slot = config_get16(&port->config, port->exp_cap + EXP_SLTSTA);
    link = port->link->down ? link & (uint16_t)~PCIE_EXP_LNKSTA_DLLLA : link | PCIE_EXP_LNKSTA_DLLLA;
    slot = present ? slot | EXP_SLTSTA_PRESENT : slot & (uint16_t)~EXP_SLTSTA_PRESENT;
    config_put16(&port->config, port->exp_cap + PCIE_EXP_LNKSTA, link);
    config_put16(&port->config, port->exp_cap + EXP_SLTSTA, slot);
}

static bool has_children(const struct emu_function *port)
{
    for (size_t i = 0; i < port->emu->count; i++)
        if (port->emu->functions[i].parent == port && !port->emu->functions[i].absent)
            return true;
    return false;
}

/* A link that goes down resets all that is below it (PCIe 6.x §2.9.1, §6.6.1). */
static void set_link(struct emu_function *port, bool up)
{
    port->link->down = !up;
    for (size_t i = 0; !up && i < port->emu->count; i++)
        if (is_below(&port->emu->functions[i], port))
            emu_function_reset(&port->emu->functions[i]);
    show(port, has_children(port));
    ide_link_settle(port->emu);
}

bool hotplug_link(struct emu_function *f, bool up)
{
    struct emu_function *port = port_of(f);
    if (!port || (up && !has_children(port)))
        return false;
    set_link(port, up);
    return true;
}

bool hotplug_insert(struct emu_function *f, bool present)
{
    if (!f->parent || f->absent == !present)
        return false;
    for (size_t i = 0; i < f->emu->count; i++) {
        struct emu_function *other = &f->emu->functions[i];
        if (other != f && !is_below(other, f))
            continue;
        emu_function_reset(other);
        other->presence += present;
        other->absent = !present;
        if (present) /* as the operating system sets up what is new */
            config_put16(&other->config, FUNCTION_COMMAND, FUNCTION_COMMAND_MEMORY | FUNCTION_COMMAND_MASTER);
    }
    /* a device of several functions keeps its link until the last one is gone */
    if (f->parent->link && (present || !has_children(f->parent)))
        set_link(f->parent, present);
    ide_link_settle(f->emu);
    return true;
}

bool hotplug_is_reachable(const struct emu_function *f)
{
    if (f->absent)
        return false;
    for (const struct emu_function *port = f->parent; port; port = port->parent)
        if (port->absent || (port->link && port->link->down))
            return false;
    return true;
}
