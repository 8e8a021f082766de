/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From settings to the register image: pure functions, but for reading whom a stream is for. */
#include "root_port/ide_stream.h"

#define STEP        "IDE stream settings"
#define WINDOW_LOW  0xfffffu /* address association is in units of 1 MiB */
#define ADDRESS_LOW 0xfff00000u

/* What the image is refused for: the first row that applies, in this order. */
struct rule {
    bool broken;
    enum ide_err err;
    const char *field;
};

static enum ide_err first_broken(const struct rule *rules, unsigned count, struct ide_fault *fault)
{
    for (unsigned i = 0; i < count; i++)
        if (rules[i].broken)
            return ide_fail(fault, rules[i].err, STEP, rules[i].field);
    return IDE_OK;
}

static enum ide_err check_common(const struct ide_features *f, const struct ide_cap *cap,
                                 struct ide_fault *fault)
{
    bool aggregates = f->npr || f->pr || f->cpl;
    const struct rule rules[] = {
        {f->traffic_class > 7, IDE_E_ARGUMENT, "TC"},
        {f->npr > IDE_AGGREGATION_8, IDE_E_ARGUMENT, "Tx Aggregation Mode NPR"},
        {f->pr > IDE_AGGREGATION_8, IDE_E_ARGUMENT, "Tx Aggregation Mode PR"},
        {f->cpl > IDE_AGGREGATION_8, IDE_E_ARGUMENT, "Tx Aggregation Mode CPL"},
        {f->partial_header > IDE_HEADER_41_2, IDE_E_ARGUMENT, "Partial Header Encryption Mode"},
        {f->algorithm != cap->algorithm, IDE_E_CAPABILITY, "Supported Algorithms"},
        {aggregates && !cap->aggregation, IDE_E_CAPABILITY, "Aggregation Supported"},
        {f->pcrc && !cap->pcrc, IDE_E_CAPABILITY, "PCRC Supported"},
        {f->partial_header && !cap->partial_header, IDE_E_CAPABILITY, "Partial Header Encryption Supported"},
    };
    return first_broken(rules, sizeof rules / sizeof *rules, fault);
}

static enum ide_err check_link(const struct ide_features *f, struct ide_fault *fault)
{
    const struct rule rules[] = {
        {f->config_requests, IDE_E_ARGUMENT, "Selective IDE for Configuration Requests Enable"},
        {f->default_stream, IDE_E_ARGUMENT, "Default Stream"},
        {f->tee_limited, IDE_E_ARGUMENT, "TEE-Limited Stream"},
    };
    return first_broken(rules, sizeof rules / sizeof *rules, fault);
}

static enum ide_err check_selective(const struct ide_features *f, const struct ide_cap *cap,
                                    struct ide_fault *fault)
{
    const struct rule rules[] = {
        {f->config_requests && !cap->config_requests, IDE_E_CAPABILITY,
         "Selective IDE for Configuration Requests Supported"},
        {f->tee_limited && !cap->tee_limited, IDE_E_CAPABILITY, "TEE-Limited Stream Supported"},
    };
    return first_broken(rules, sizeof rules / sizeof *rules, fault);
}

enum ide_err ide_features_check(const struct ide_features *features, enum ide_kind kind,
                                const struct ide_cap *cap, struct ide_fault *fault)
{
    if (ide_block_count(cap, kind) == 0)
        return ide_fail(fault, IDE_E_CAPABILITY, STEP,
                        kind == IDE_LINK ? "Link IDE Stream Supported" : "Selective IDE Streams Supported");
    enum ide_err err = check_common(features, cap, fault);
    if (err != IDE_OK)
        return err;
    return kind == IDE_LINK ? check_link(features, fault) : check_selective(features, cap, fault);
}

/* What the block itself has no place for. */
static enum ide_err check_place(const struct ide_stream_settings *s, const struct ide_cap *cap,
                                struct ide_fault *fault)
{
    bool link = s->block.kind == IDE_LINK;
    const struct rule rules[] = {
        {s->stream_id == IDE_STREAM_ID_IDLE, IDE_E_STREAM_RANGE, "Stream ID"},
        {s->block.index >= ide_block_count(cap, s->block.kind), IDE_E_ARGUMENT, "block"},
        {link && (s->rid_first || s->rid_last || s->segment), IDE_E_ARGUMENT, "RID Association"},
        {link && s->window_count > 0, IDE_E_ARGUMENT, "Address Association"},
        {s->rid_first > s->rid_last, IDE_E_ARGUMENT, "RID Limit"},
        {!link && s->window_count > cap->address_blocks[s->block.index], IDE_E_CAPABILITY,
         "Number of Address Association Register Blocks"},
    };
    return first_broken(rules, sizeof rules / sizeof *rules, fault);
}

static uint32_t control_of(const struct ide_stream_settings *s)
{
    const struct ide_features *f = &s->features;
    return field_put(PCIE_IDE_STREAM_CTL_TX_AGGR_NPR, f->npr) |
           field_put(PCIE_IDE_STREAM_CTL_TX_AGGR_PR, f->pr) |
           field_put(PCIE_IDE_STREAM_CTL_TX_AGGR_CPL, f->cpl) |
           field_put(PCIE_IDE_STREAM_CTL_PCRC_EN, f->pcrc) |
           field_put(PCIE_IDE_SEL_CTL_CFG_EN, f->config_requests) |
           field_put(PCIE_IDE_STREAM_CTL_PART_ENC, f->partial_header) |
           field_put(PCIE_IDE_STREAM_CTL_ALG, f->algorithm) |
           field_put(PCIE_IDE_STREAM_CTL_TC, f->traffic_class) |
           field_put(PCIE_IDE_SEL_CTL_DEFAULT, f->default_stream) |
           field_put(PCIE_IDE_SEL_CTL_TEE_LIMITED, f->tee_limited) |
           field_put(PCIE_IDE_STREAM_CTL_ID, s->stream_id);
}

struct ide_features ide_features_of(uint32_t control, enum ide_kind kind)
{
    bool selective = kind == IDE_SELECTIVE;
    return (struct ide_features){
        .traffic_class = (uint8_t)field_get(PCIE_IDE_STREAM_CTL_TC, control),
        .algorithm = (uint8_t)field_get(PCIE_IDE_STREAM_CTL_ALG, control),
        .npr = (enum ide_aggregation)field_get(PCIE_IDE_STREAM_CTL_TX_AGGR_NPR, control),
        .pr = (enum ide_aggregation)field_get(PCIE_IDE_STREAM_CTL_TX_AGGR_PR, control),
        .cpl = (enum ide_aggregation)field_get(PCIE_IDE_STREAM_CTL_TX_AGGR_CPL, control),
        .partial_header = (enum ide_partial_header)field_get(PCIE_IDE_STREAM_CTL_PART_ENC, control),
        .pcrc = control & PCIE_IDE_STREAM_CTL_PCRC_EN,
        .config_requests = selective && (control & PCIE_IDE_SEL_CTL_CFG_EN),
        .default_stream = selective && (control & PCIE_IDE_SEL_CTL_DEFAULT),
        .tee_limited = selective && (control & PCIE_IDE_SEL_CTL_TEE_LIMITED),
    };
}

/* Bits 31:20 of base and limit share the first register; bits 63:32 have one each (PCIe 6.x §7.9.26.5.6). */
static enum ide_err window_image(const struct pcie_window *window, uint32_t reg[3], struct ide_fault *fault)
{
    if (window->base > window->limit || (window->base & WINDOW_LOW) != 0 ||
        (window->limit & WINDOW_LOW) != WINDOW_LOW)
        return ide_fail_value(fault, IDE_E_ARGUMENT, STEP, "Address Association", window->base,
                              window->limit);
    reg[0] = PCIE_IDE_SEL_ADDR_1_VALID |
             field_put(PCIE_IDE_SEL_ADDR_1_BASE_LOW, field_get(ADDRESS_LOW, (uint32_t)window->base)) |
             field_put(PCIE_IDE_SEL_ADDR_1_LIMIT_LOW, field_get(ADDRESS_LOW, (uint32_t)window->limit));
    reg[1] = (uint32_t)(window->limit >> 32);
    reg[2] = (uint32_t)(window->base >> 32);
    return IDE_OK;
}

enum ide_err ide_stream_image(const struct ide_stream_settings *settings, const struct ide_cap *cap,
                              struct ide_stream_regs *regs, struct ide_fault *fault)
{
    struct ide_stream_regs image = {.control = control_of(settings)};
    enum ide_err err = check_place(settings, cap, fault);
    if (err == IDE_OK)
        err = ide_features_check(&settings->features, settings->block.kind, cap, fault);
    if (err == IDE_OK && settings->block.kind == IDE_SELECTIVE) {
        image.rid_1 = field_put(PCIE_IDE_SEL_RID_1_LIMIT, settings->rid_last);
        image.rid_2 = PCIE_IDE_SEL_RID_2_VALID | field_put(PCIE_IDE_SEL_RID_2_BASE, settings->rid_first) |
                      field_put(PCIE_IDE_SEL_RID_2_SEG, settings->segment);
        image.address_count = cap->address_blocks[settings->block.index];
    }
    for (unsigned i = 0; i < settings->window_count && err == IDE_OK; i++)
        err = window_image(&settings->windows[i], image.address[i].reg, fault);
    if (err == IDE_OK)
        *regs = image;
    return err;
}

static void add_window(struct ide_stream_settings *settings, const struct pcie_window *window, unsigned room)
{
    if (window->base > window->limit)
        return;
    if (settings->window_count < room)
        settings->windows[settings->window_count++] = *window;
    else
        settings->windows_left_out++;
}

/* The requester IDs of a neighbour as a port must see them: only in Flit Mode does a TLP name its segment. */
static void set_partner(struct ide_stream_settings *settings, const struct ide_port *port,
                        const struct ide_port *partner)
{
    bool endpoint = pcie_read_port_type(&partner->config) != PCIE_TYPE_ROOT_PORT;
    settings->rid_first = settings->rid_last = pcie_bdf_rid(&partner->bdf);
    if (endpoint)
        pcie_rid_range(&partner->config, &partner->bdf, &settings->rid_first, &settings->rid_last);
    settings->segment = pcie_flit_mode(&port->config) ? (uint8_t)partner->bdf.domain : 0;
}

void ide_stream_associate(const struct ide_port *root_port, const struct ide_port *endpoint,
                          const struct pcie_config *above, struct ide_stream_settings *root_settings,
                          struct ide_stream_settings *endpoint_settings)
{
    struct pcie_window memory, prefetchable;
    unsigned room = root_port->cap.address_blocks[root_settings->block.index];
    uint16_t last = root_settings->rid_last;
    pcie_bridge_windows(above, &memory, &prefetchable);
    set_partner(root_settings, root_port, endpoint);
    if (root_settings->rid_last < last)
        root_settings->rid_last = last;
    root_settings->window_count = root_settings->windows_left_out = 0;
    add_window(root_settings, &memory, room);
    add_window(root_settings, &prefetchable, room);
    set_partner(endpoint_settings, endpoint, root_port);
    endpoint_settings->window_count = endpoint_settings->windows_left_out = 0;
}

void ide_stream_join_windows(struct ide_stream_settings *root_settings, const struct pcie_config *above)
{
    struct pcie_window memory, prefetchable;
    pcie_bridge_windows(above, &memory, &prefetchable);
    root_settings->windows[0] =
        (struct pcie_window){.base = memory.base < prefetchable.base ? memory.base : prefetchable.base,
                             .limit = memory.limit > prefetchable.limit ? memory.limit : prefetchable.limit};
    root_settings->window_count = 1;
    root_settings->windows_left_out = 0;
}
