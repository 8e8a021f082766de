/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/recovery_stream.h"

#include "root_port/ide_stream.h"
#include "root_port/kernel_owner.h"
#include "tools/ide-kmd/kill_switch.h"

#define STEP "recovery"

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum ide_err try_err = (call);                                                                       \
        if (try_err != IDE_OK)                                                                               \
            return try_err;                                                                                  \
    } while (0)

/* What a block that we held is now. */
enum remains {
    REMAINS_NOTHING, /* somebody else's, or gone with its port */
    REMAINS_PARTS,   /* not enabled */
    REMAINS_ENABLED
};

/* One end, as it is opened for this. */
struct side {
    struct pcie_function function;
    struct ide_port port;
    struct ide_stream stream;
    enum remains remains;
    bool secure;
};

static struct ide_block block_of(const struct held_stream *held, enum stream_end end)
{
    return (struct ide_block){.kind = held->kind, .index = (uint8_t)held->end[end].block};
}

/* A selective block is associated with the other end: one of somebody else's stream mostly is with another
 * function. */
static bool is_associated(const struct side *side, const struct held_stream *held, enum stream_end end,
                          bool *valid)
{
    const struct pcie_bdf *other = &held->end[!end].bdf;
    uint32_t rid = side->stream.regs.rid_2;
    *valid = rid & PCIE_IDE_SEL_RID_2_VALID;
    return *valid && field_get(PCIE_IDE_SEL_RID_2_BASE, rid) == pcie_bdf_rid(other);
}

static bool is_kernels(const struct side *side, const struct held_stream *held, enum stream_end end)
{
    unsigned index = (unsigned)held->end[end].block;
    return held->kind == IDE_SELECTIVE && side->port.kept[index / 8] & 1u << index % 8;
}

/*
 * Ours is what carries our number and is for our other end. In the middle of a setup or release the
 * association may be there without the number, or neither: such a block is not enabled, and nobody lives on
 * it.
 */
static enum remains judge(const struct side *side, const struct held_stream *held, enum stream_end end)
{
    bool number = field_get(PCIE_IDE_STREAM_CTL_ID, side->stream.regs.control) == held->id, valid;
    bool ours = is_associated(side, held, end, &valid) || held->kind == IDE_LINK;
    if (is_kernels(side, held, end))
        return REMAINS_NOTHING;
    if (side->stream.enabled)
        return number && ours ? REMAINS_ENABLED : REMAINS_NOTHING;
    if (held->kind == IDE_LINK)
        return number ? REMAINS_PARTS : REMAINS_NOTHING;
    return ours || !valid ? REMAINS_PARTS : REMAINS_NOTHING;
}

static enum ide_err look(struct pcie_access *access, const struct held_stream *held, enum stream_end end,
                         struct side *side, struct ide_fault *fault)
{
    struct ide_block_state state;
    const struct pcie_bdf *bdf = &held->end[end].bdf;
    TRY(pcie_function_open(&side->function, access, bdf, fault));
    TRY(ide_port_open(&side->port, bdf, &side->function.config, fault));
    kernel_keep_blocks(access, &held->top, &side->port);
    TRY(ide_stream_attach(&side->stream, &side->port, block_of(held, end), fault));
    TRY(ide_stream_status(&side->stream, &state, fault));
    side->remains = judge(side, held, end);
    side->secure = state.state == PCIE_IDE_STATE_SECURE;
    return IDE_OK;
}

/* A port that is not there, is another one by now, or has been reset, has nothing of ours. */
static enum ide_err forgive_absence(enum ide_err err, struct side *side)
{
    bool gone = err == IDE_E_NO_DEVICE || err == IDE_E_NO_IDE || err == IDE_E_ARGUMENT || err == IDE_E_FIELD;
    if (gone)
        side->remains = REMAINS_NOTHING;
    return gone ? IDE_OK : err;
}

static enum ide_err root_port_off(struct pcie_access *access, const struct held_stream *held,
                                  struct side *root, struct ide_fault *fault)
{
    struct ide_block_state state;
    enum ide_err err = forgive_absence(look(access, held, END_ROOT_PORT, root, fault), root);
    if (err != IDE_OK || root->remains != REMAINS_ENABLED)
        return err;
    TRY(ide_stream_disable(&root->stream, fault));
    kill_point("recovery: the root port is off");
    TRY(ide_stream_status(&root->stream, &state, fault));
    return state.use == IDE_USE_ENABLED ? ide_fail(fault, IDE_E_REGISTER, STEP, "IDE Stream Control")
                                        : IDE_OK;
}

static enum ide_err key_unit_off(const struct recovery *recovery, const struct held_stream *held,
                                 struct ide_fault *fault)
{
    const struct pcie_bdf *root = &held->end[END_ROOT_PORT].bdf;
    for (size_t i = 0; i < recovery->held.slot_sets; i++) {
        const struct held_slots *slots = &recovery->held.slots[i];
        struct kcu_remains remains = {.block = slots->block, .stream_id = slots->id};
        if (slots->id != held->id || pcie_bdf_compare(&slots->root_port, root) != 0)
            continue;
        for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
            for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
                remains.slot[d][sub] = slots->slot[d][sub];
        enum ide_err err = providers_clear_remains(recovery->providers, root, &remains, fault);
        if (err != IDE_OK && err != IDE_E_PROVIDER &&
            err != IDE_E_ARGUMENT) /* these: it is another unit by now */
            return err;
        store_let_slots_go(recovery->store, root, slots->id, slots->key_set);
    }
    return IDE_OK;
}

/*
 * Written without a look. While the root port said Secure it was the endpoint that we had keyed, and its
 * register was where it had been; and a link whose upper end is off may carry no answer until the lower end
 * is off too.
 */
static enum ide_err endpoint_off_unseen(struct pcie_access *access, const struct held_end *end,
                                        struct ide_fault *fault)
{
    struct pcie_function function = {0};
    enum ide_err err = pcie_function_bind(&function, access, &end->bdf, fault);
    bool ok = err == IDE_OK && pcie_write32(&function.config, end->control_at, end->control);
    kill_point("recovery: the endpoint is off");
    pcie_function_close(&function);
    if (err == IDE_OK && !ok)
        err = ide_fail(fault, IDE_E_IO, STEP, "IDE Stream Control");
    return err == IDE_E_NO_DEVICE ? IDE_OK : err;
}

static enum ide_err look_at_endpoint(struct pcie_access *access, const struct held_stream *held,
                                     struct side *endpoint, struct ide_fault *fault)
{
    struct ide_fault later;
    enum ide_err err = look(access, held, END_ENDPOINT, endpoint, fault);
    if (err != IDE_E_NO_DEVICE || held->kind != IDE_LINK)
        return forgive_absence(err, endpoint);
    /* nobody answers on the link: perhaps because its lower end alone is on */
    pcie_function_close(&endpoint->function);
    TRY(endpoint_off_unseen(access, &held->end[END_ENDPOINT], &later));
    return forgive_absence(look(access, held, END_ENDPOINT, endpoint, fault), endpoint);
}

static enum ide_err release(struct side *side, struct ide_fault *fault)
{
    if (side->remains == REMAINS_NOTHING)
        return IDE_OK;
    enum ide_err err = ide_stream_release(&side->stream, fault);
    kill_point("recovery: a block is idle");
    return err;
}

static const char *what_was(const struct side *root, const struct side *endpoint)
{
    if (root->remains == REMAINS_ENABLED || endpoint->remains == REMAINS_ENABLED)
        return "it was on, and is off at both ends";
    if (root->remains == REMAINS_PARTS || endpoint->remains == REMAINS_PARTS)
        return "it was being set up or turned off, and is off at both ends";
    return "the ports have nothing of it any more";
}

enum ide_err recovery_stream_off(const struct recovery *recovery, struct pcie_access *access,
                                 const struct held_stream *held, const char **was, struct pcie_bdf *device,
                                 struct ide_fault *fault)
{
    struct side root = {0}, endpoint = {0};
    *device = held->end[END_ROOT_PORT].bdf;
    enum ide_err err = root_port_off(access, held, &root, fault);
    if (err == IDE_OK)
        err = key_unit_off(recovery, held, fault);
    if (err == IDE_OK && root.remains == REMAINS_ENABLED && root.secure)
        err = endpoint_off_unseen(access, &held->end[END_ENDPOINT], fault);
    if (err == IDE_OK) {
        *device = held->end[END_ENDPOINT].bdf;
        err = look_at_endpoint(access, held, &endpoint, fault);
    }
    if (err == IDE_OK)
        err = release(&endpoint, fault);
    if (err == IDE_OK)
        err = release(&root, fault);
    *was = what_was(&root, &endpoint);
    pcie_function_close(&endpoint.function);
    pcie_function_close(&root.function);
    return err;
}
