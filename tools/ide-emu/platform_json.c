/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/platform_parser.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root_port/kcu_regs.h"
#include "tools/ide-emu/cxl_port.h"
#include "tools/ide-emu/stream_port.h"

#define DEPTH_MAX 32u
#define BAR_SIZE_MAX 0x40000000u
#define KCU_BASE_MAX (INT64_MAX / 2) /* an offset in a file */

/* --- Parts of a function ------------------------------------------------------------------------------------------ */

static const struct {
    const char *key;
    uint32_t bit;
} abilities[] = {
    {"flow_through", PCIE_IDE_CAP_FLOWTHROUGH},
    {"partial_header", PCIE_IDE_CAP_PARTIAL_HEADER},
    {"aggregation", PCIE_IDE_CAP_AGGREGATION},
    {"pcrc", PCIE_IDE_CAP_PCRC},
    {"ide_km", PCIE_IDE_CAP_IDE_KM},
    {"config_requests", PCIE_IDE_CAP_SEL_CFG},
    {"tee_limited", PCIE_IDE_CAP_TEE_LIMITED},
};

static bool take_abilities(struct parser *p, const json_t *object, uint32_t *bits)
{
    for (size_t i = 0; i < sizeof abilities / sizeof abilities[0]; i++) {
        bool on = *bits & abilities[i].bit;
        if (!parse_bool(p, object, abilities[i].key, &on))
            return false;
        *bits = on ? *bits | abilities[i].bit : *bits & ~abilities[i].bit;
    }
    return true;
}

static bool ide_fits(struct parser *p, const struct platform_ide *ide)
{
    size_t bytes = stream_port_size(ide) - PCIE_IDE_CAP;
    if (bytes > IDE_KM_BLOCKS_MAX)
        return parse_wrong(p, "", "its registers have %zu bytes, and %u are possible", bytes, IDE_KM_BLOCKS_MAX);
    return true;
}

/* false: the function has none. */
static bool take_ide(struct parser *p, const json_t *function, struct platform_ide *ide)
{
    static const char *const keys[] = {"link_streams",   "selective_streams", "address_blocks", "flow_through",
                                       "partial_header", "aggregation",       "pcrc",           "ide_km",
                                       "config_requests", "tee_limited",      "algorithm", NULL};
    const json_t *object = json_object_get(function, "ide");
    unsigned algorithm = field_get(PCIE_IDE_CAP_ALG, ide->abilities);
    if (!object || json_is_false(object)) {
        ide->present = ide->present && !object;
        return true;
    }
    size_t was = parse_enter(p, "ide", -1);
    ide->present = true;
    bool ok = parse_only_keys(p, object, keys) &&
              parse_unsigned(p, object, "link_streams", PLATFORM_LINK_STREAMS_MAX, &ide->link_streams) &&
              parse_unsigned(p, object, "selective_streams", PLATFORM_SELECTIVE_STREAMS_MAX, &ide->selective_streams) &&
              parse_unsigned(p, object, "address_blocks", PLATFORM_ADDRESS_BLOCKS_MAX, &ide->address_blocks) &&
              parse_unsigned(p, object, "algorithm", PLATFORM_ALGORITHM_MAX, &algorithm) &&
              take_abilities(p, object, &ide->abilities) && ide_fits(p, ide);
    ide->abilities = (ide->abilities & ~PCIE_IDE_CAP_ALG) | field_put(PCIE_IDE_CAP_ALG, algorithm);
    parse_leave(p, was);
    return ok;
}

static bool take_ids(struct parser *p, const json_t *o, struct platform_function *f)
{
    bool subsystem = json_object_get(o, "subsystem_vendor") || json_object_get(o, "subsystem");
    f->has_subsystem = f->has_subsystem || subsystem;
    return parse_u16(p, o, "vendor", UINT16_MAX, &f->ids.vendor) &&
           parse_u16(p, o, "device", UINT16_MAX, &f->ids.device) &&
           parse_u32(p, o, "class", 0xffffff, &f->ids.class_code) &&
           parse_u8(p, o, "revision", UINT8_MAX, &f->ids.revision) &&
           parse_u16(p, o, "subsystem_vendor", UINT16_MAX, &f->ids.subsystem_vendor) &&
           parse_u16(p, o, "subsystem", UINT16_MAX, &f->ids.subsystem);
}

static bool take_bar(struct parser *p, const json_t *o, struct platform_function *f)
{
    if (!parse_number(p, o, "bar_size", BAR_SIZE_MAX, &f->bar_size))
        return false;
    if (f->bar_size && (f->bar_size < 16 || (f->bar_size & (f->bar_size - 1))))
        return parse_wrong(p, "bar_size", "%" PRIu64 " is no power of two above 8", f->bar_size);
    if (f->bar_size && f->type != PCIE_TYPE_ENDPOINT)
        return parse_wrong(p, "bar_size", "only an endpoint has a BAR");
    return true;
}

/* TC 0 is always VC0's (PCIe 6.x §7.9.1.7). */
static bool take_classes(struct parser *p, const json_t *o, struct platform_function *f)
{
    if (!parse_u8(p, o, "traffic_classes", UINT8_MAX, &f->traffic_classes))
        return false;
    if (json_object_get(o, "traffic_classes") && !(f->traffic_classes & 1))
        return parse_wrong(p, "traffic_classes", "bit 0 is not set, and VC0 always carries TC 0");
    return true;
}

/* A root port, and the endpoint at the other end of its link. Their registers are in BAR 0. */
static bool take_cxl(struct parser *p, const json_t *function, struct platform_function *f)
{
    static const char *const keys[] = {"containment", "skid", "key_generation", "iv_generation", "k_set_stop", NULL};
    const json_t *object = json_object_get(function, "cxl");
    struct platform_cxl *cxl = &f->cxl;
    bool port = f->type == PCIE_TYPE_ROOT_PORT;
    if (!object)
        return true;
    if (!port && f->type != PCIE_TYPE_ENDPOINT)
        return parse_wrong(p, "cxl", "only a root port and an endpoint have CXL");
    size_t was = parse_enter(p, "cxl", -1);
    *cxl = (struct platform_cxl){.present = true, .containment = true, .skid = true, .k_set_stop = true};
    bool ok = parse_only_keys(p, object, keys) && parse_bool(p, object, "containment", &cxl->containment) &&
              parse_bool(p, object, "skid", &cxl->skid) &&
              parse_bool(p, object, "key_generation", &cxl->key_generation) &&
              parse_bool(p, object, "iv_generation", &cxl->iv_generation) &&
              parse_bool(p, object, "k_set_stop", &cxl->k_set_stop);
    parse_leave(p, was);
    uint64_t least = port ? CXL_COMPONENT_SIZE : CXL_ENDPOINT_BAR;
    if (f->bar_size < least)
        f->bar_size = least;
    return ok;
}

/* --- The tree ----------------------------------------------------------------------------------------------------- */

static const char *const type_texts[] = {"root-port", "upstream",    "downstream",
                                         "endpoint",  "rc-endpoint", NULL};
static const enum pcie_port_type types[] = {PCIE_TYPE_ROOT_PORT, PCIE_TYPE_UPSTREAM, PCIE_TYPE_DOWNSTREAM,
                                            PCIE_TYPE_ENDPOINT, PCIE_TYPE_RC_ENDPOINT};

/* What may hang where (PCIe 6.x §1.3): a link has an endpoint or a switch at its lower end, a switch has its ports. */
static bool may_be_below(enum pcie_port_type type, const struct platform_function *parent)
{
    if (!parent)
        return type == PCIE_TYPE_ROOT_PORT || type == PCIE_TYPE_RC_ENDPOINT;
    if (parent->type == PCIE_TYPE_UPSTREAM)
        return type == PCIE_TYPE_DOWNSTREAM;
    return parent->type != PCIE_TYPE_ENDPOINT && (type == PCIE_TYPE_ENDPOINT || type == PCIE_TYPE_UPSTREAM);
}

static bool take_type(struct parser *p, const json_t *o, const struct platform_function *parent,
                      enum pcie_port_type *type)
{
    size_t choice = !parent ? 0 : parent->type == PCIE_TYPE_UPSTREAM ? 2 : 3;
    if (!parse_choice(p, o, "type", type_texts, &choice))
        return false;
    *type = types[choice];
    return may_be_below(*type, parent) || parse_wrong(p, "type", "a function of this type cannot be here");
}

static bool is_link(const struct platform_function *parent)
{
    return parent && parent->type != PCIE_TYPE_UPSTREAM;
}

/* parent's secondary bus is its first child's; all children are on it. */
static bool take_bdf(struct parser *p, const json_t *o, struct platform_function *parent, struct pcie_bdf *bdf)
{
    const char *text = json_string_value(json_object_get(o, "bdf"));
    if (!text || pcie_bdf_parse(text, bdf) != IDE_OK)
        return parse_wrong(p, "bdf", "is no string like \"0000:01:00.0\"");
    for (size_t i = 0; i < p->platform->count; i++)
        if (pcie_bdf_compare(&p->platform->functions[i].bdf, bdf) == 0)
            return parse_wrong(p, "bdf", "there are two functions %s", text);
    if (!parent)
        return true;
    if (parent->secondary == 0)
        parent->secondary = parent->subordinate = bdf->bus;
    if (bdf->domain != parent->bdf.domain || bdf->bus <= parent->bdf.bus || bdf->bus != parent->secondary)
        return parse_wrong(p, "bdf", "%s is not on the bus below its port", text);
    if (is_link(parent) && bdf->device != 0)
        return parse_wrong(p, "bdf", "%s: a link leads to device 0 only", text);
    return true;
}

static bool take_functions(struct parser *p, const json_t *list, size_t parent, unsigned depth);

static bool take_below(struct parser *p, const json_t *o, size_t self, unsigned depth)
{
    struct platform_function *f = &p->platform->functions[self];
    const json_t *below = json_object_get(o, "below");
    if (!parse_u8(p, o, "secondary", UINT8_MAX, &f->secondary))
        return false;
    f->subordinate = f->secondary;
    if (below && !platform_is_port(f))
        return parse_wrong(p, "below", "nothing is below an endpoint");
    if (below && !take_functions(p, below, self, depth + 1))
        return false;
    if (platform_is_port(f) && f->secondary <= f->bdf.bus)
        return parse_wrong(p, "secondary", "a port with nothing below it needs a bus number above its own");
    for (size_t i = self + 1; i < p->platform->count; i++) {
        const struct platform_function *other = &p->platform->functions[i];
        if (other->subordinate > f->subordinate)
            f->subordinate = other->subordinate;
    }
    return true;
}

static bool take_function(struct parser *p, const json_t *o, size_t parent_index, unsigned depth)
{
    static const char *const keys[] = {"bdf",      "type",             "vendor",    "device", "class",
                                       "revision", "subsystem_vendor", "subsystem", "doe",    "ide",
                                       "spdm",     "below",            "secondary", "bar_size", "cxl",
                                       "prefetchable", "flit_mode",    "vfs",       "traffic_classes", NULL};
    struct platform *platform = p->platform;
    struct platform_function *parent = parent_index == PLATFORM_NO_PARENT ? NULL : &platform->functions[parent_index];
    struct pcie_bdf bdf = {0};
    enum pcie_port_type type;
    if (platform->count == PLATFORM_FUNCTIONS_MAX)
        return parse_wrong(p, "", "there are more than %u functions", PLATFORM_FUNCTIONS_MAX);
    if (!parse_only_keys(p, o, keys) || !take_type(p, o, parent, &type) || !take_bdf(p, o, parent, &bdf))
        return false;
    struct platform_function *f = &platform->functions[platform->count];
    *f = platform_function_default(type);
    f->bdf = bdf;
    f->parent = parent_index;
    platform->count++;
    return take_ids(p, o, f) && parse_bool(p, o, "doe", &f->doe) && take_ide(p, o, &f->ide) &&
           parse_spdm(p, o, &f->spdm) && take_bar(p, o, f) &&
           parse_bool(p, o, "prefetchable", &f->prefetchable) && parse_bool(p, o, "flit_mode", &f->flit) &&
           parse_u8(p, o, "vfs", PLATFORM_VFS_MAX, &f->vfs) && take_classes(p, o, f) &&
           take_cxl(p, o, f) && take_below(p, o, (size_t)(f - platform->functions), depth);
}

static bool take_functions(struct parser *p, const json_t *list, size_t parent, unsigned depth)
{
    const char *key = parent == PLATFORM_NO_PARENT ? "functions" : "below";
    if (!json_is_array(list))
        return parse_wrong(p, key, "is no array");
    if (depth > DEPTH_MAX)
        return parse_wrong(p, key, "is more than %u levels deep", DEPTH_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t was = parse_enter(p, key, (int)i);
        if (!take_function(p, json_array_get(list, i), parent, depth))
            return false;
        parse_leave(p, was);
    }
    return true;
}

/* Two ports that forward the same bus would be two answers to one request. */
static bool buses_are_apart(struct parser *p)
{
    const struct platform *platform = p->platform;
    for (size_t i = 0; i < platform->count; i++)
        for (size_t k = i + 1; k < platform->count; k++) {
            const struct platform_function *a = &platform->functions[i], *b = &platform->functions[k];
            if (!platform_is_port(a) || !platform_is_port(b) || a->bdf.domain != b->bdf.domain)
                continue;
            bool nested = b->secondary > a->secondary && b->subordinate <= a->subordinate;
            bool apart = b->secondary > a->subordinate || a->secondary > b->subordinate;
            char name[PCIE_BDF_TEXT];
            if (!nested && !apart)
                return parse_wrong(p, pcie_bdf_format(&b->bdf, name), "another port leads to its bus %02x too", b->secondary);
        }
    return true;
}

/* --- Key providers of root ports ------------------------------------------------------------------------ */

static bool is_served(const struct platform *platform, size_t function)
{
    for (size_t i = 0; i <= platform->kcu_count && i < PLATFORM_KCUS_MAX; i++)
        for (size_t k = 0; !platform->kcus[i].cxl && k < platform->kcus[i].port_count; k++)
            if (platform->kcus[i].ports[k] == function)
                return true;
    for (size_t k = 0; k < platform->rot.port_count; k++)
        if (platform->rot.ports[k] == function)
            return true;
    return false;
}

static size_t find_bdf(const struct platform *platform, const struct pcie_bdf *bdf)
{
    size_t i = 0;
    while (i < platform->count && pcie_bdf_compare(&platform->functions[i].bdf, bdf) != 0)
        i++;
    return i;
}

static bool take_served_port(struct parser *p, const json_t *value, size_t *ports, size_t *count)
{
    struct pcie_bdf bdf;
    const char *text = json_string_value(value);
    if (!text || pcie_bdf_parse(text, &bdf) != IDE_OK)
        return parse_wrong(p, "root_ports", "has what is no string like \"0000:00:03.0\"");
    size_t i = find_bdf(p->platform, &bdf);
    if (i == p->platform->count || p->platform->functions[i].type != PCIE_TYPE_ROOT_PORT || bdf.domain > UINT16_MAX)
        return parse_wrong(p, "root_ports", "%s is no root port", text);
    if (is_served(p->platform, i))
        return parse_wrong(p, "root_ports", "%s has a provider already", text);
    ports[(*count)++] = i;
    return true;
}

static bool take_served_ports(struct parser *p, const json_t *list, size_t *ports, size_t *count)
{
    if (json_array_size(list) == 0 || json_array_size(list) > PLATFORM_KCU_PORTS_MAX)
        return parse_wrong(p, "root_ports", "is no array of 1 to %u", PLATFORM_KCU_PORTS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!take_served_port(p, json_array_get(list, i), ports, count))
            return false;
    return true;
}

static bool take_rot_members(struct parser *p, const json_t *o, struct platform_rot *rot)
{
    static const char *const keys[] = {"bdf", "root_ports", NULL};
    struct pcie_bdf bdf;
    const char *text = json_string_value(json_object_get(o, "bdf"));
    if (!parse_only_keys(p, o, keys))
        return false;
    if (!text || pcie_bdf_parse(text, &bdf) != IDE_OK)
        return parse_wrong(p, "bdf", "is no string like \"0000:00:1f.0\"");
    rot->function = find_bdf(p->platform, &bdf);
    const struct platform_function *f = &p->platform->functions[rot->function];
    bool is_type = rot->function < p->platform->count &&
                   (f->type == PCIE_TYPE_RC_ENDPOINT || f->type == PCIE_TYPE_ROOT_PORT);
    if (!is_type || !f->doe)
        return parse_wrong(p, "bdf", "%s is no rc-endpoint or root port with a mailbox", text);
    rot->present = true;
    return take_served_ports(p, json_object_get(o, "root_ports"), rot->ports, &rot->port_count);
}

static bool take_rot(struct parser *p, const json_t *o)
{
    if (!o)
        return true;
    size_t was = parse_enter(p, "rot", -1);
    bool ok = take_rot_members(p, o, &p->platform->rot);
    parse_leave(p, was);
    return ok;
}

static bool kcu_fits(struct parser *p, const struct platform_kcu *kcu)
{
    if (kcu->streams == 0 || kcu->tx_slots == 0 || kcu->rx_slots == 0)
        return parse_wrong(p, "", "streams and slots are at least 1");
    if (kcu->base == 0 || kcu->base % 4 != 0)
        return parse_wrong(p, "base", "is no address that is a multiple of 4");
    for (size_t i = 0; i < p->platform->kcu_count; i++) {
        const struct platform_kcu *other = &p->platform->kcus[i];
        if (kcu->base < other->base + platform_kcu_size(other) && other->base < kcu->base + platform_kcu_size(kcu))
            return parse_wrong(p, "base", "its registers overlap those of unit %zu", i);
    }
    return true;
}

static bool take_kcu(struct parser *p, const json_t *o)
{
    static const char *const keys[] = {"base", "protocol", "streams", "tx_slots", "rx_slots", "root_ports", NULL};
    static const char *const protocols[] = {"pcie", "cxl", NULL};
    size_t protocol = 0;
    if (p->platform->kcu_count == PLATFORM_KCUS_MAX)
        return parse_wrong(p, "", "there are more than %u units", PLATFORM_KCUS_MAX);
    struct platform_kcu *kcu = &p->platform->kcus[p->platform->kcu_count];
    *kcu = (struct platform_kcu){.streams = 8, .tx_slots = 64, .rx_slots = 64};
    if (!parse_only_keys(p, o, keys) || !parse_choice(p, o, "protocol", protocols, &protocol))
        return false;
    kcu->cxl = protocol == 1;
    if (!parse_number(p, o, "base", KCU_BASE_MAX, &kcu->base) ||
        !parse_unsigned(p, o, "streams", KCU_STREAMS_MAX, &kcu->streams) ||
        !parse_unsigned(p, o, "tx_slots", KCU_SLOTS_MAX, &kcu->tx_slots) ||
        !parse_unsigned(p, o, "rx_slots", KCU_SLOTS_MAX, &kcu->rx_slots) || !kcu_fits(p, kcu) ||
        !take_served_ports(p, json_object_get(o, "root_ports"), kcu->ports, &kcu->port_count))
        return false;
    if (kcu->cxl && (kcu->port_count != 1 || !p->platform->functions[kcu->ports[0]].cxl.present))
        return parse_wrong(p, "root_ports", "a unit of CXL.cachemem is for one root port that has it");
    p->platform->kcu_count++;
    return true;
}

static bool take_kcus(struct parser *p, const json_t *list)
{
    if (list && !json_is_array(list))
        return parse_wrong(p, "kcu", "is no array");
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t was = parse_enter(p, "kcu", (int)i);
        if (!take_kcu(p, json_array_get(list, i)))
            return false;
        parse_leave(p, was);
    }
    return true;
}

static bool take_platform(struct parser *p, const json_t *root)
{
    static const char *const keys[] = {"functions", "kcu", "rot", NULL};
    if (!parse_only_keys(p, root, keys) || !take_functions(p, json_object_get(root, "functions"), PLATFORM_NO_PARENT, 0))
        return false;
    if (p->platform->count == 0)
        return parse_wrong(p, "functions", "is empty");
    return buses_are_apart(p) && take_kcus(p, json_object_get(root, "kcu")) &&
           take_rot(p, json_object_get(root, "rot"));
}

bool platform_parse(struct platform *p, const char *text, size_t len, const char *name, char *error, size_t size)
{
    json_error_t e;
    struct platform *made = calloc(1, sizeof *made);
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
    struct parser parser = {.platform = made, .name = name, .error = error, .size = size};
    bool ok = false;
    if (!made)
        snprintf(error, size, "out of memory");
    else if (!root)
        snprintf(error, size, "%s:%d:%d: %s", name, e.line, e.column, e.text);
    else
        ok = take_platform(&parser, root);
    if (ok)
        *p = *made;
    json_decref(root);
    free(made);
    return ok;
}

#define FILE_MAX ((size_t)1 << 20)

bool platform_load(struct platform *p, const char *path, char *error, size_t size)
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(FILE_MAX) : NULL;
    size_t len = text ? fread(text, 1, FILE_MAX, file) : 0;
    bool ok = false;
    if (!text || ferror(file))
        snprintf(error, size, "%s: %s", path, strerror(errno));
    else if (len == FILE_MAX)
        snprintf(error, size, "%s: is longer than 1 MiB", path);
    else
        ok = platform_parse(p, text, len, path, error, size);
    free(text);
    if (file)
        fclose(file);
    return ok;
}
