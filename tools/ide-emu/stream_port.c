/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/stream_port.h"

#include <stdlib.h>

#include "spdm/cursor.h"

#define CONTROL_ALWAYS                                                                                       \
    (PCIE_IDE_STREAM_CTL_EN | PCIE_IDE_STREAM_CTL_ALG | PCIE_IDE_STREAM_CTL_TC | PCIE_IDE_STREAM_CTL_ID)
#define CONTROL_AGGREGATION                                                                                  \
    (PCIE_IDE_STREAM_CTL_TX_AGGR_NPR | PCIE_IDE_STREAM_CTL_TX_AGGR_PR | PCIE_IDE_STREAM_CTL_TX_AGGR_CPL)

/* A field of a stream's control register belongs to software only where the capability says that the port can do it. */
static const struct {
    uint32_t ability, control;
    bool selective_only;
} control_fields[] = {
    {PCIE_IDE_CAP_AGGREGATION, CONTROL_AGGREGATION, false},
    {PCIE_IDE_CAP_PCRC, PCIE_IDE_STREAM_CTL_PCRC_EN, false},
    {PCIE_IDE_CAP_PARTIAL_HEADER, PCIE_IDE_STREAM_CTL_PART_ENC, false},
    {PCIE_IDE_CAP_SEL_CFG, PCIE_IDE_SEL_CTL_CFG_EN, true},
    {PCIE_IDE_CAP_TEE_LIMITED, PCIE_IDE_SEL_CTL_TEE_LIMITED, true},
};

static void key_slot_clear(struct ide_key_slot *slot)
{
    if (slot->schedule)
        aead_clear(slot->schedule);
    free(slot->schedule);
    wipe(slot, sizeof *slot);
}

const struct aead_key *key_slot_schedule(struct ide_key_slot *slot)
{
    if (slot->schedule || !slot->programmed)
        return slot->schedule;
    slot->schedule = malloc(sizeof *slot->schedule);
    if (slot->schedule && aead_set_key(slot->schedule, AEAD_AES_256_GCM, slot->key.key) != IDE_OK) {
        free(slot->schedule);
        slot->schedule = NULL;
    }
    return slot->schedule;
}

static void flow_clear(struct stream_flow *flow)
{
    free(flow->pending);
    *flow = (struct stream_flow){0};
}

static uint32_t control_mask(uint32_t abilities, bool selective)
{
    uint32_t mask = CONTROL_ALWAYS | (selective ? PCIE_IDE_SEL_CTL_DEFAULT : 0);
    for (size_t i = 0; i < sizeof control_fields / sizeof control_fields[0]; i++)
        if ((abilities & control_fields[i].ability) && (selective || !control_fields[i].selective_only))
            mask |= control_fields[i].control;
    return mask;
}

size_t stream_port_size(const struct platform_ide *ide)
{
    return PCIE_IDE_LINK_STREAM_0 + ide->link_streams * PCIE_IDE_LINK_BLOCK_SIZE +
           ide->selective_streams * PCIE_IDE_SEL_BLOCK_SIZE(ide->address_blocks);
}

static void build_selective(struct port_stream *s, const struct platform_ide *ide, struct config_space *c, unsigned at)
{
    s->control = (uint16_t)(at + PCIE_IDE_SEL_CTL);
    s->status = (uint16_t)(at + PCIE_IDE_SEL_STS);
    s->rid = (uint16_t)(at + PCIE_IDE_SEL_RID_1);
    config_put32(c, at + PCIE_IDE_SEL_CAP, ide->address_blocks);
    config_writable(c, at + PCIE_IDE_SEL_RID_1, PCIE_IDE_SEL_RID_1_LIMIT);
    config_writable(c, at + PCIE_IDE_SEL_RID_2,
                    PCIE_IDE_SEL_RID_2_VALID | PCIE_IDE_SEL_RID_2_BASE | PCIE_IDE_SEL_RID_2_SEG);
    for (unsigned i = 0; i < ide->address_blocks; i++) {
        unsigned block = at + PCIE_IDE_SEL_ADDR_FIRST + i * PCIE_IDE_SEL_ADDR_SIZE;
        config_writable(c, block + PCIE_IDE_SEL_ADDR_1,
                        PCIE_IDE_SEL_ADDR_1_VALID | PCIE_IDE_SEL_ADDR_1_BASE_LOW | PCIE_IDE_SEL_ADDR_1_LIMIT_LOW);
        config_writable(c, block + PCIE_IDE_SEL_ADDR_2, UINT32_MAX);
        config_writable(c, block + PCIE_IDE_SEL_ADDR_3, UINT32_MAX);
    }
}

static unsigned build_stream(struct port_stream *s, const struct platform_ide *ide, struct config_space *c, unsigned at)
{
    unsigned size = PCIE_IDE_LINK_BLOCK_SIZE;
    if (s->selective) {
        build_selective(s, ide, c, at);
        size = PCIE_IDE_SEL_BLOCK_SIZE(ide->address_blocks);
    } else {
        s->control = (uint16_t)(at + PCIE_IDE_LINK_CTL);
        s->status = (uint16_t)(at + PCIE_IDE_LINK_STS);
    }
    config_writable(c, s->control, control_mask(ide->abilities, s->selective));
    config_clearable(c, s->status, PCIE_IDE_STREAM_STS_FAIL);
    return at + size;
}

static uint32_t capability_register(const struct platform_ide *ide)
{
    uint32_t value = ide->abilities & ~(PCIE_IDE_CAP_LINK | PCIE_IDE_CAP_SELECTIVE);
    if (ide->link_streams)
        value |= PCIE_IDE_CAP_LINK | field_put(PCIE_IDE_CAP_LINK_TC_NUM, ide->link_streams - 1);
    if (ide->selective_streams)
        value |= PCIE_IDE_CAP_SELECTIVE | field_put(PCIE_IDE_CAP_SEL_NUM, ide->selective_streams - 1);
    return value;
}

bool stream_port_build(struct stream_port *port, const struct platform_ide *ide, struct config_space *config)
{
    size_t size = stream_port_size(ide);
    *port = (struct stream_port){.count = ide->link_streams + ide->selective_streams};
    port->cap = (uint16_t)config_add_ext_cap(config, PCIE_EXT_CAP_ID_IDE, 1, (unsigned)size);
    port->streams = calloc(port->count + 1, sizeof *port->streams);
    if (!port->cap || !port->streams)
        return false;
    port->end = (uint16_t)(port->cap + size);

    config_put32(config, port->cap + PCIE_IDE_CAP, capability_register(ide));
    if (ide->abilities & PCIE_IDE_CAP_FLOWTHROUGH)
        config_writable(config, port->cap + PCIE_IDE_CTL, PCIE_IDE_CTL_FLOWTHROUGH);

    unsigned at = port->cap + PCIE_IDE_LINK_STREAM_0;
    for (size_t i = 0; i < port->count; i++) {
        struct port_stream *s = &port->streams[i];
        s->selective = i >= ide->link_streams;
        s->index = (unsigned)(s->selective ? i - ide->link_streams : i);
        at = build_stream(s, ide, config, at);
    }
    stream_port_reset(port, config);
    return true;
}

void stream_port_free(struct stream_port *port)
{
    for (size_t i = 0; i < port->count && port->streams; i++)
        port_stream_wipe(&port->streams[i]);
    free(port->streams);
    *port = (struct stream_port){0};
}

void stream_port_reset(struct stream_port *port, struct config_space *config)
{
    for (unsigned at = port->cap + PCIE_IDE_CTL; at < port->end; at += 4)
        config_write(config, at, 0, UINT32_MAX);
    for (size_t i = 0; i < port->count; i++) {
        struct port_stream *s = &port->streams[i];
        port_stream_wipe(s);
        config_put32(config, s->control, field_put(PCIE_IDE_STREAM_CTL_ID, IDE_STREAM_ID_IDLE));
        config_put32(config, s->status, PCIE_IDE_STATE_INSECURE);
    }
}

bool port_stream_enabled(const struct port_stream *s, const struct config_space *config)
{
    return config_get32(config, s->control) & PCIE_IDE_STREAM_CTL_EN;
}

uint8_t port_stream_id(const struct port_stream *s, const struct config_space *config)
{
    return (uint8_t)field_get(PCIE_IDE_STREAM_CTL_ID, config_get32(config, s->control));
}

/*
 * The control register: while a stream is enabled and stays so, its other fields do not change (software must not
 * write them then, so a port may do as it likes). Disabling it makes it Insecure and its keys are gone (§6.33.1); so
 * are they with another Stream ID, because keys are programmed by that name.
 */
static void write_control(struct port_stream *s, struct config_space *config, uint32_t value, uint32_t enabled)
{
    bool was_enabled = port_stream_enabled(s, config);
    uint8_t was_id = port_stream_id(s, config);
    bool stays = was_enabled && (!(enabled & PCIE_IDE_STREAM_CTL_EN) || (value & PCIE_IDE_STREAM_CTL_EN));
    if (stays)
        return;
    config_write(config, s->control, value, enabled);
    if (was_enabled || port_stream_id(s, config) != was_id)
        port_stream_wipe(s);
}

void stream_port_write(struct stream_port *port, struct config_space *config, unsigned offset, uint32_t value,
                    uint32_t enabled)
{
    for (size_t i = 0; i < port->count; i++)
        if (port->streams[i].control == offset) {
            write_control(&port->streams[i], config, value, enabled);
            return;
        }
    config_write(config, offset, value, enabled);
}

struct port_stream *stream_port_find(struct stream_port *port, const struct config_space *config, uint8_t stream_id)
{
    struct port_stream *found = NULL;
    for (size_t i = 0; i < port->count; i++) {
        if (port_stream_id(&port->streams[i], config) != stream_id)
            continue;
        if (found)
            return NULL;
        found = &port->streams[i];
    }
    return found;
}

static bool target_exists(const struct ide_km_target *t)
{
    return t->key_set < IDE_KEY_SETS && (unsigned)t->direction < IDE_DIRECTIONS &&
           (unsigned)t->substream < IDE_SUBSTREAMS;
}

static bool session_owns(const struct port_stream *s, uint32_t session)
{
    return !port_stream_has_keys(s) || s->session == session;
}

static bool set_in_use(const struct port_stream *s, int key_set)
{
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
        if (s->transmit_set[sub] == key_set)
            return s->secure;
    return false;
}

/* The first new key of a set that was in use before: what is left of that round is void, so that rounds never mix. */
static void end_last_round(struct port_stream *s, int key_set)
{
    for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
            if (s->key[key_set][d][sub].started)
                key_slot_clear(&s->key[key_set][d][sub]);
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
        if (s->transmit_set[sub] == key_set)
            s->transmit_set[sub] = IDE_TX_NONE;
}

enum kp_ack_status port_stream_key_prog(struct port_stream *s, uint32_t session, const struct ide_km_target *target,
                                       const struct ide_key *key)
{
    /* The invocation field starts at 1 (§6.33.5): any other value is none that a port supports. */
    if (!target_exists(target) || key->ifv != 1)
        return KP_ACK_UNSUPPORTED_VALUE;
    if (!session_owns(s, session) || set_in_use(s, target->key_set))
        return KP_ACK_UNSPECIFIED_FAILURE;
    end_last_round(s, target->key_set);
    s->session = session;
    struct ide_key_slot *slot = &s->key[target->key_set][target->direction][target->substream];
    key_slot_clear(slot);
    *slot = (struct ide_key_slot){.programmed = true, .key = *key, .generation = ++s->flow.generation};
    return KP_ACK_SUCCESS;
}

static bool set_complete(const struct port_stream *s, unsigned key_set)
{
    for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
            if (!s->key[key_set][d][sub].programmed)
                return false;
    return true;
}

bool port_stream_set_go(struct port_stream *s, uint32_t session, const struct ide_km_target *target)
{
    if (!target_exists(target) || !set_complete(s, target->key_set) || s->session != session)
        return false;
    s->key[target->key_set][target->direction][target->substream].started = true;
    if (target->direction == IDE_TX)
        s->transmit_set[target->substream] = target->key_set;
    return true;
}

bool port_stream_set_stop(struct port_stream *s, uint32_t session, const struct ide_km_target *target)
{
    if (!target_exists(target) || !session_owns(s, session))
        return false;
    struct ide_key_slot *slot = &s->key[target->key_set][target->direction][target->substream];
    key_slot_clear(slot);
    if (target->direction == IDE_TX && s->transmit_set[target->substream] == target->key_set)
        s->transmit_set[target->substream] = IDE_TX_NONE;
    return true;
}

bool port_stream_has_keys(const struct port_stream *s)
{
    for (unsigned set = 0; set < IDE_KEY_SETS; set++)
        for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
            for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
                if (s->key[set][d][sub].programmed)
                    return true;
    return false;
}

void port_stream_wipe(struct port_stream *s)
{
    for (unsigned set = 0; set < IDE_KEY_SETS; set++)
        for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
            for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
                key_slot_clear(&s->key[set][d][sub]);
    flow_clear(&s->flow);
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
        s->transmit_set[sub] = IDE_TX_NONE;
    s->session = 0;
}

static bool receives(const struct port_stream *s, unsigned substream)
{
    return s->key[0][IDE_RX][substream].started || s->key[1][IDE_RX][substream].started;
}

bool port_stream_ready(const struct port_stream *s)
{
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
        if (s->transmit_set[sub] == IDE_TX_NONE || !receives(s, sub))
            return false;
    return true;
}

bool port_stream_flows(const struct port_stream *tx, const struct port_stream *rx, unsigned substream)
{
    int set = tx->transmit_set[substream];
    if (set == IDE_TX_NONE)
        return false;
    const struct ide_key_slot *out = &tx->key[set][IDE_TX][substream];
    const struct ide_key_slot *in = &rx->key[set][IDE_RX][substream];
    return out->started && in->started && out->key.ifv == in->key.ifv &&
           equal_secret(out->key.key, in->key.key, sizeof in->key.key);
}

void port_stream_report(struct port_stream *s, struct config_space *config, bool admits)
{
    uint32_t status = config_get32(config, s->status) & ~PCIE_IDE_STREAM_STS_STATE;
    s->reported = s->secure && admits;
    config_put32(config, s->status, status | (s->reported ? PCIE_IDE_STATE_SECURE : PCIE_IDE_STATE_INSECURE));
}

void port_stream_fail_message(const struct port_stream *s, struct config_space *config)
{
    config_put32(config, s->status, config_get32(config, s->status) | PCIE_IDE_STREAM_STS_FAIL);
}
