/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the platform looks like, as the objects of docs/api.md. */
#include <czmq.h>
#include <stdio.h>
#include <string.h>

#include "tools/ide-kmd/bdf_json.h"
#include "tools/ide-kmd/port_gate_host.h"
#include "tools/ide-kmd/survey.h"

/* One end of a stream as its registers tell it. */
struct end_view {
    enum stream_end end;
    struct pcie_bdf bdf;
    struct ide_block block;
    struct ide_block_state state;
    bool readable;
};

static const char *state_text(const struct end_view *view)
{
    if (!view->readable)
        return "unreadable";
    if (view->state.state == PCIE_IDE_STATE_SECURE)
        return "secure";
    return view->state.state == PCIE_IDE_STATE_INSECURE ? "insecure" : "reserved";
}

static json_t *hex_json(unsigned digits, unsigned value)
{
    char text[12];
    snprintf(text, sizeof text, "%0*x", (int)digits, value);
    return json_string(text);
}

json_t *version_json(const struct spdm_params *params)
{
    char text[8];
    if (params->version == 0)
        return json_null();
    snprintf(text, sizeof text, "%d.%d", params->version >> 4, params->version & 15);
    return json_string(text);
}

json_t *secured_version_json(uint16_t version)
{
    const struct spdm_params digits = {.version = (uint8_t)(version >> 8)};
    return version_json(&digits);
}

json_t *algorithms_json(const struct spdm_params *params)
{
    if (params->version == 0)
        return json_null();
    return json_pack("{s:s?, s:s?, s:s?, s:s?}", "hash", params->hash ? params->hash->name : NULL, "asym",
                     params->asym ? params->asym->name : NULL, "dhe", params->dhe ? params->dhe->name : NULL,
                     "aead", params->aead ? params->aead->name : NULL);
}

/* How the port's session began; null without one. */
static json_t *authentication_json(const struct key_provider_status *s)
{
    if (s->secured_version == 0)
        return json_null();
    const char *by = s->psk ? "psk" : s->public_key ? "public_key" : "certificate";
    return json_pack("{s:s, s:b, s:b}", "by", by, "mutual", s->mutual, "in_the_clear", s->in_the_clear);
}

/* What its control register says that it does; null if it does not say. */
static json_t *end_features_json(const struct end_view *view)
{
    if (!view->readable || view->state.use == IDE_USE_IDLE)
        return json_null();
    struct ide_features features = ide_features_of(view->state.control, view->block.kind);
    return features_json(&features);
}

static json_t *end_json(const struct end_view *view)
{
    return json_pack("{s:s, s:o, s:i, s:b, s:s, s:b, s:o}", "role", stream_end_name(view->end), "bdf",
                     bdf_json(&view->bdf), "block", (int)view->block.index, "enabled",
                     view->readable && view->state.use == IDE_USE_ENABLED, "state", state_text(view),
                     "ide_fail", view->readable && view->state.fail_received, "features",
                     end_features_json(view));
}

static const char *kind_text(enum ide_kind kind)
{
    return kind == IDE_LINK ? "link" : "selective";
}

static bool read_port(struct survey *survey, const struct pcie_bdf *bdf, struct survey_reading *port)
{
    struct ide_fault fault;
    return survey_read_ide(survey, bdf, port, &fault) == IDE_OK;
}

static void view_end(struct survey *survey, const struct stream *stream, enum stream_end end,
                     struct end_view *view)
{
    struct ide_fault fault;
    struct survey_reading port = {.function.dev = NULL};
    *view = (struct end_view){.end = end, .bdf = stream->ends.bdf[end], .block = stream->block[end]};
    if (stream->state == STREAM_OFF) { /* its last step has seen to that, and the block is nobody's now */
        view->state = (struct ide_block_state){.use = IDE_USE_IDLE, .stream_id = IDE_STREAM_ID_IDLE};
        view->readable = true;
    } else if (read_port(survey, &view->bdf, &port))
        view->readable = ide_block_read(&port.ide, stream->block[end], &view->state, &fault) == IDE_OK &&
                         (view->state.stream_id == stream->id || view->state.use == IDE_USE_IDLE);
    pcie_function_close(&port.function);
}

/* Secure is a stream that both ends say is so; anything else is one word about what it is instead. */
static const char *overall(const struct stream *stream, const struct end_view view[END_COUNT])
{
    if (stream->state == STREAM_STARTING)
        return "starting";
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (!view[end].readable || view[end].state.use != IDE_USE_ENABLED ||
            view[end].state.state != PCIE_IDE_STATE_SECURE)
            return "insecure";
    return "secure";
}

static json_t *count_json(uint64_t count)
{
    return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

json_t *refresh_json(const struct refresh_use *use)
{
    struct refresh_due due = refresh_due(use, (uint64_t)zclock_mono());
    if (use->keyed_ms == 0)
        return json_null();
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "due_in_s", count_json(due.in_s), "reason",
                     refresh_reason_name(due.reason), "keyed_s", count_json(due.keyed_s), "bytes_per_second",
                     use->bytes_per_second ? count_json(use->bytes_per_second) : json_null(), "bytes_at_most",
                     count_json(due.bytes_at_most), "ivs_at_most", count_json(due.ivs_at_most), "records",
                     count_json(use->records));
}

json_t *watch_json(const struct stream_seen *seen)
{
    if (seen->serial == 0)
        return json_null();
    return json_pack("{s:s, s:o, s:s?, s:o}", "state", seen->insecure ? "insecure" : "secure", "changed",
                     seen->changed ? json_integer(seen->changed) : json_null(), "cause", seen->cause,
                     "device", seen->cause ? bdf_json(&seen->device) : json_null());
}

json_t *survey_stream_json(struct survey *survey, const struct stream *stream)
{
    struct end_view view[END_COUNT];
    for (enum stream_end end = 0; end < END_COUNT; end++)
        view_end(survey, stream, end, &view[end]);
    const struct key_provider_status *agreed = &stream->provider[END_ENDPOINT];
    const struct spdm_params *params = &agreed->params;
    return json_pack(
        "{s:i, s:s, s:o, s:o, s:s, s:s, s:i, s:b, s:i, s:o, s:s?, s:o, s:o, s:o, s:o, s:[o, o], s:o}",
        "stream", (int)stream->id, "kind", kind_text(stream->kind), "root_port",
        bdf_json(&stream->ends.bdf[END_ROOT_PORT]), "endpoint", bdf_json(&stream->ends.bdf[END_ENDPOINT]),
        "owner", "controller", "state", overall(stream, view), "key_set", (int)stream->key_set,
        "both_key_sets", stream->both_sets, "rekeys", (int)stream->rekeys, "refresh",
        refresh_json(&stream->use), "provider", stream->provider_name[END_ROOT_PORT], "spdm_version",
        version_json(params), "secured_version", secured_version_json(agreed->secured_version),
        "authentication", authentication_json(agreed), "algorithms", algorithms_json(params), "ends",
        end_json(&view[END_ROOT_PORT]), end_json(&view[END_ENDPOINT]), "watch", watch_json(&stream->seen));
}

/* A block in use that this controller has not set up: only its own end is known. */
static json_t *foreign_json(const struct survey *survey, const struct topology_node *node,
                            struct ide_block block, const struct ide_block_state *state)
{
    bool root = node->type == PCIE_TYPE_ROOT_PORT || node->type == PCIE_TYPE_DOWNSTREAM;
    struct end_view view = {.end = root ? END_ROOT_PORT : END_ENDPOINT,
                            .bdf = node->bdf,
                            .block = block,
                            .state = *state,
                            .readable = true};
    bool secure = state->use == IDE_USE_ENABLED && state->state == PCIE_IDE_STATE_SECURE;
    return json_pack(
        "{s:i, s:s, s:o, s:o, s:s, s:s, s:n, s:b, s:i, s:n, s:n, s:n, s:n, s:n, s:n, s:[o], s:n}", "stream",
        (int)state->stream_id, "kind", kind_text(block.kind), "root_port",
        root ? bdf_json(&node->bdf) : json_null(), "endpoint", root ? json_null() : bdf_json(&node->bdf),
        "owner", survey_owner(survey, &node->bdf, block), "state", secure ? "secure" : "insecure", "key_set",
        "both_key_sets", 0, "rekeys", 0, "refresh", "provider", "spdm_version", "secured_version",
        "authentication", "algorithms", "ends", end_json(&view), "watch");
}

static void add_foreign_kind(struct survey *survey, const struct topology_node *node,
                             const struct ide_port *port, enum ide_kind kind, json_t *list)
{
    for (unsigned i = 0; i < ide_block_count(&port->cap, kind); i++) {
        struct ide_fault fault;
        struct ide_block_state state;
        struct ide_block block = {.kind = kind, .index = (uint8_t)i};
        if (ide_block_read(port, block, &state, &fault) != IDE_OK)
            return;
        if (state.use != IDE_USE_IDLE && !stream_find(survey->streams, &node->bdf, state.stream_id))
            json_array_append_new(list, foreign_json(survey, node, block, &state));
    }
}

static void add_foreign(struct survey *survey, const struct topology_node *node, const struct ide_port *port,
                        json_t *list)
{
    add_foreign_kind(survey, node, port, IDE_SELECTIVE, list);
    add_foreign_kind(survey, node, port, IDE_LINK, list);
}

static json_t *ide_json(const struct ide_cap *cap)
{
    return json_pack("{s:i, s:i, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:s}", "selective_streams",
                     (int)cap->selective_count, "link_streams", (int)cap->link_count, "ide_km", cap->ide_km,
                     "flow_through", cap->flow_through, "partial_header", cap->partial_header, "aggregation",
                     cap->aggregation, "pcrc", cap->pcrc, "config_requests", cap->config_requests,
                     "tee_limited", cap->tee_limited, "algorithm",
                     cap->algorithm == PCIE_IDE_ALG_AES_GCM_256 ? "AES-GCM-256" : "reserved");
}

/* The streams that end at the node; port is NULL if it has no IDE. */
static json_t *node_streams(struct survey *survey, const struct topology_node *node,
                            const struct ide_port *port)
{
    json_t *list = json_array();
    for (const struct stream *s = survey->streams->first; s; s = s->next)
        if (stream_has_end(s, &node->bdf))
            json_array_append_new(list, survey_stream_json(survey, s));
    if (port)
        add_foreign(survey, node, port, list);
    return list;
}

/* Who gives a root port its keys, if anyone can. */
static const char *provider_text(const struct survey *survey, const struct topology_node *node,
                                 const struct ide_cap *cap)
{
    const char *name = node->type == PCIE_TYPE_ROOT_PORT
                           ? providers_name(survey->providers, &node->bdf, node->doe_count > 0)
                           : NULL;
    bool by_itself = name && strcmp(name, PROVIDER_OWN) == 0;
    return by_itself && (node->doe_count == 0 || !cap->ide_km) ? NULL : name;
}

static json_t *node_json(struct survey *survey, const struct topology_node *node)
{
    struct survey_reading port = {.function.dev = NULL};
    bool has_ide = node->ide != 0 && read_port(survey, &node->bdf, &port);
    const struct topology_node *parent =
        node->parent == TOPOLOGY_NONE ? NULL : &survey->topology.nodes[node->parent];
    json_t *object =
        json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:i, s:o, s:s?, s:s?, s:o}", "bdf", bdf_json(&node->bdf),
                  "parent", parent ? bdf_json(&parent->bdf) : json_null(), "type",
                  pcie_port_type_name(node->type), "vendor", hex_json(4, node->ids.vendor), "device",
                  hex_json(4, node->ids.device), "class", hex_json(6, node->ids.class_code), "doe",
                  (int)node->doe_count, "ide", has_ide ? ide_json(&port.ide.cap) : json_null(), "provider",
                  has_ide ? provider_text(survey, node, &port.ide.cap) : NULL, "forwarding",
                  survey->gates ? port_gate_state(survey->gates, &node->bdf) : NULL, "streams",
                  node_streams(survey, node, has_ide ? &port.ide : NULL));
    pcie_function_close(&port.function);
    return object;
}

json_t *survey_ports_json(struct survey *survey)
{
    json_t *list = json_array();
    for (size_t i = 0; i < survey->topology.count; i++)
        if (survey->topology.nodes[i].type != PCIE_TYPE_NONE)
            json_array_append_new(list, node_json(survey, &survey->topology.nodes[i]));
    return list;
}

json_t *survey_port_json(struct survey *survey, const struct pcie_bdf *bdf)
{
    size_t index = topology_find(&survey->topology, bdf);
    return index == TOPOLOGY_NONE ? json_null() : node_json(survey, &survey->topology.nodes[index]);
}

json_t *survey_streams_json(struct survey *survey)
{
    json_t *list = json_array();
    for (const struct stream *s = survey->streams->first; s; s = s->next)
        json_array_append_new(list, survey_stream_json(survey, s));
    for (size_t i = 0; i < survey->topology.count; i++) {
        const struct topology_node *node = &survey->topology.nodes[i];
        struct survey_reading port = {.function.dev = NULL};
        if (node->ide != 0 && read_port(survey, &node->bdf, &port))
            add_foreign(survey, node, &port.ide, list);
        pcie_function_close(&port.function);
    }
    return list;
}
