/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/state_json.h"

#include <jansson.h>

#include "tools/ide-emu/hotplug.h"
#include "tools/ide-emu/ide_link.h"
#include "tools/ide-emu/key_unit.h"

/* "rx" and "tx": for each sub-stream what its key is. */
static json_t *keys_json(const struct port_stream *s, unsigned set, enum ide_direction direction)
{
    json_t *list = json_array();
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
        const struct ide_key_slot *slot = &s->key[set][direction][sub];
        json_array_append_new(list, json_string(slot->started ? "started" : slot->programmed ? "programmed" : "none"));
    }
    return list;
}

static json_t *key_sets_json(const struct port_stream *s)
{
    json_t *sets = json_array();
    for (unsigned set = 0; set < IDE_KEY_SETS; set++)
        json_array_append_new(sets, json_pack("{s:o, s:o}", "rx", keys_json(s, set, IDE_RX), "tx",
                                              keys_json(s, set, IDE_TX)));
    return sets;
}

static json_t *transmit_json(const struct port_stream *s)
{
    json_t *list = json_array();
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
        json_array_append_new(list, s->transmit_set[sub] == IDE_TX_NONE ? json_null()
                                                                        : json_integer(s->transmit_set[sub]));
    return list;
}

static json_t *stream_json(struct emu_function *f, struct port_stream *s)
{
    struct link_end partner = ide_link_partner((struct link_end){f, s});
    uint32_t status = config_get32(&f->config, s->status);
    return json_pack("{s:s, s:i, s:i, s:b, s:s, s:b, s:i, s:I, s:s?, s:o, s:o}", "kind", s->selective ? "selective" : "link",
                     "index", (int)s->index, "stream_id", (int)port_stream_id(s, &f->config), "enabled",
                     port_stream_enabled(s, &f->config), "state", s->reported ? "secure" : "insecure",
                     "fail_message", (int)((status & PCIE_IDE_STREAM_STS_FAIL) != 0), "falls", (int)s->falls, "fell_us", (json_int_t)s->fell_us, "partner",
                     partner.function ? partner.function->name : NULL, "transmit_key_set", transmit_json(s),
                     "key_sets", key_sets_json(s));
}

static json_t *faults_json(const struct emu_function *f)
{
    json_t *faults = json_array();
    for (int i = 0; i < FAULT_COUNT; i++)
        if (fault_is_on(&f->faults, (enum fault_id)i))
            json_array_append_new(faults, json_string(fault_table[i].name));
    return faults;
}

/* null without CXL. */
static json_t *cxl_json(struct emu_function *f)
{
    if (!f->desc.cxl.present)
        return json_null();
    return json_pack("{s:s, s:s, s:i}", "rx", cxl_port_state(f, IDE_RX), "tx", cxl_port_state(f, IDE_TX), "error",
                     (int)f->cxl.error);
}

static json_t *function_json(struct emu_function *f)
{
    json_t *streams = json_array();
    for (size_t i = 0; i < f->ide.count; i++)
        json_array_append_new(streams, stream_json(f, &f->ide.streams[i]));
    json_t *counted = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "config_reads", (json_int_t)f->config_reads,
                                "config_writes", (json_int_t)f->config_writes, "looks_while_busy",
                                (json_int_t)f->looks_while_busy, "data_objects", (json_int_t)f->data_objects,
                                "dwords_sent", (json_int_t)f->dwords_sent, "dwords_taken", (json_int_t)f->dwords_taken);
    json_t *function = json_pack(
        "{s:s, s:s, s:s?, s:b, s:b, s:b, s:b, s:b, s:o, s:o, s:o}", "bdf", f->name, "type",
        pcie_port_type_name(f->desc.type), "parent", f->parent ? f->parent->name : NULL, "doe", f->doe_cap != 0, "ide",
        f->ide.cap != 0, "bridged", (int)f->bridged, "present", (int)!f->absent, "reachable",
        (int)hotplug_is_reachable(f), "faults", faults_json(f), "cxl", cxl_json(f), "streams", streams);
    json_object_update(function, counted);
    json_decref(counted);
    return function;
}

static json_t *key_unit_json(const struct key_unit *u)
{
    if (u->desc.cxl)
        return json_pack("{s:I, s:s}", "base", (json_int_t)u->desc.base, "protocol", "cxl");
    json_t *streams = json_array();
    for (unsigned i = 0; i < u->desc.streams; i++) {
        uint32_t control = u->regs[(KCU_STREAM_0 + KCU_STREAM_SIZE * i + KCU_CTL) / 4];
        json_array_append_new(streams, json_pack("{s:i, s:b}", "stream_id", (int)field_get(KCU_CTL_ID, control),
                                                 "enabled", (int)(control & KCU_CTL_EN)));
    }
    return json_pack("{s:I, s:o, s:i, s:i}", "base", (json_int_t)u->desc.base, "streams", streams, "tx_slots_in_use",
                     (int)key_unit_slots_in_use(u, IDE_TX), "rx_slots_in_use", (int)key_unit_slots_in_use(u, IDE_RX));
}

char *state_json(struct emu *emu)
{
    json_t *functions = json_array(), *units = json_array();
    emu_lock(emu);
    for (size_t i = 0; i < emu->count; i++)
        json_array_append_new(functions, function_json(&emu->functions[i]));
    for (size_t i = 0; i < emu->key_unit_count; i++)
        json_array_append_new(units, key_unit_json(&emu->key_units[i]));
    emu_unlock(emu);
    json_t *state = json_pack("{s:o, s:o}", "functions", functions, "kcu", units);
    char *text = state ? json_dumps(state, JSON_COMPACT) : NULL;
    json_decref(state);
    return text;
}
