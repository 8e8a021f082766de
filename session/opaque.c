/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/opaque.h"

#include <stdbool.h>

/* DSP0277's table header before SPDM 1.2 */
#define SPEC_ID        0x444d5446u   /* "DMTF" */
#define OPAQUE_VERSION 1u

#define REGISTRY_DMTF 0u
#define DATA_VERSION  1u
#define ALIGNMENT     4u

enum data_id { VERSION_SELECTION = 0, SUPPORTED_VERSIONS = 1 };

/* Low byte: update and alpha, which do not count. */
#define VERSION_MASK 0xff00u

static const uint16_t our_versions[] = {0x1000, 0x1100, 0x1200};
#define OUR_COUNT (sizeof(our_versions) / sizeof(our_versions[0]))

static bool is_offered(const struct spdm_config *config, uint16_t version)
{
    uint8_t digits = (uint8_t)(version >> 8);
    return config->secured_max == 0 || (digits >= config->secured_min && digits <= config->secured_max);
}

static bool is_ours(const struct spdm_config *config, uint16_t version)
{
    for (size_t i = 0; i < OUR_COUNT; i++) {
        if (our_versions[i] == version)
            return is_offered(config, version);
    }
    return false;
}

static uint8_t offered_count(const struct spdm_config *config)
{
    uint8_t count = 0;
    for (size_t i = 0; i < OUR_COUNT; i++)
        count += is_offered(config, our_versions[i]);
    return count;
}

static bool has_format_1(const struct spdm_params *p)
{
    return p->version >= SPDM_VERSION_12;
}

enum ide_err opaque_usable(const struct spdm_params *p, struct ide_fault *fault, const char *step)
{
    if (has_format_1(p) && p->opaque_format != 1)
        return ide_fail(fault, IDE_E_UNSUPPORTED, step, "OpaqueDataFmt1");
    return IDE_OK;
}

static size_t padding_of(size_t pos)
{
    return (ALIGNMENT - pos % ALIGNMENT) % ALIGNMENT;
}

static void write_table(struct writer *w, const struct spdm_params *p)
{
    if (!has_format_1(p)) {
        write_u32(w, SPEC_ID);
        write_u8(w, OPAQUE_VERSION);
    }
    write_u8(w, 1);   /* TotalElements */
    if (has_format_1(p))
        write_u24(w, 0);
    else
        write_u16(w, 0);
}

/* One element of DMTF's with our data; the caller writes data_len bytes less two, then closes it. */
static void write_element(struct writer *w, enum data_id id, size_t data_len)
{
    write_u8(w, REGISTRY_DMTF);
    write_u8(w, 0);   /* VendorLen */
    write_u16(w, (uint16_t)data_len);
    write_u8(w, DATA_VERSION);
    write_u8(w, (uint8_t)id);
}

void opaque_write_supported(struct writer *w, const struct spdm_connection *c)
{
    size_t start = w->pos;
    uint8_t count = offered_count(c->config);
    write_table(w, &c->params);
    write_element(w, SUPPORTED_VERSIONS, 3 + count * sizeof our_versions[0]);
    write_u8(w, count);
    for (size_t i = 0; i < OUR_COUNT; i++)
        if (is_offered(c->config, our_versions[i]))
            write_u16(w, our_versions[i]);
    write_zero(w, padding_of(w->pos - start));
}

void opaque_write_selected(struct writer *w, const struct spdm_params *p, uint16_t version)
{
    write_table(w, p);
    write_element(w, VERSION_SELECTION, 4);
    write_u16(w, version);
}

/* The table's header; gives the number of elements. */
static uint8_t read_table(struct reader *r, const struct spdm_params *p)
{
    if (has_format_1(p)) {
        uint8_t elements = read_u8(r, "TotalElements");
        read_expect(r, read_u24(r, "Reserved"), 0, "Reserved");
        return elements;
    }
    read_expect(r, read_u32(r, "SpecID"), SPEC_ID, "SpecID");
    read_expect(r, read_u8(r, "OpaqueVersion"), OPAQUE_VERSION, "OpaqueVersion");
    uint8_t elements = read_u8(r, "TotalElements");
    read_u16(r, "Reserved");
    return elements;
}

/* The data of one element, behind its two head bytes, if it is DMTF's and has that id; else a reader with nothing left. */
static struct reader read_element(struct reader *r, enum data_id id, bool *found)
{
    uint8_t registry = read_u8(r, "ElementID");
    read_bytes(r, read_u8(r, "VendorLen"), "VendorID");
    uint16_t data_len = read_u16(r, "OpaqueElementDataLen");
    struct reader data = read_sub(r, data_len, "OpaqueElementData");
    /* some peers leave the last element's padding out */
    size_t padding = padding_of(r->pos);
    read_bytes(r, padding < read_left(r) ? padding : read_left(r), "AlignPadding");
    *found = false;
    if (registry != REGISTRY_DMTF || data.err != IDE_OK)
        return reader_of(NULL, 0);
    read_expect(&data, read_u8(&data, "SMDataVersion"), DATA_VERSION, "SMDataVersion");
    *found = read_u8(&data, "SMDataID") == id || data.err != IDE_OK;
    return data;
}

/* The one element of ours with that id, among others that are skipped. r is at the opaque data's start. */
static struct reader find_element(struct reader *r, const struct spdm_params *p, enum data_id id, const char *field)
{
    uint8_t elements = read_table(r, p);
    struct reader result = reader_of(NULL, 0);
    bool have = false;
    for (unsigned i = 0; i < elements && r->err == IDE_OK; i++) {
        bool found;
        struct reader data = read_element(r, id, &found);
        if (found && have)
            read_fail(r, IDE_E_FIELD, field);
        if (found && !have)
            result = data;
        have = have || found;
    }
    if (!have)
        read_fail(r, IDE_E_FIELD, field);
    return result;
}

/* Takes a failure of an element's reader over to the whole's. */
static void join(struct reader *r, const struct reader *part)
{
    if (part->err == IDE_OK || r->err != IDE_OK)
        return;
    r->err = part->err;
    r->field = part->field;
    r->has_values = part->has_values;
    r->got = part->got;
    r->want = part->want;
}

uint16_t opaque_read_supported(struct reader *r, const struct spdm_connection *c)
{
    struct reader data = find_element(r, &c->params, SUPPORTED_VERSIONS, "SupportedVersionList");
    uint8_t count = r->err == IDE_OK ? read_u8(&data, "VersionCount") : 0;
    uint16_t best = 0;
    for (unsigned i = 0; i < count && data.err == IDE_OK; i++) {
        uint16_t version = read_u16(&data, "VersionsList") & VERSION_MASK;
        if (is_ours(c->config, version) && version > best)
            best = version;
    }
    if (best == 0)
        read_fail(&data, IDE_E_NO_COMMON, "VersionsList");
    join(r, &data);
    return r->err == IDE_OK ? best : 0;
}

uint16_t opaque_read_selected(struct reader *r, const struct spdm_connection *c)
{
    struct reader data = find_element(r, &c->params, VERSION_SELECTION, "SelectedVersion");
    if (r->err != IDE_OK)
        return 0;
    uint16_t version = read_u16(&data, "SelectedVersion") & VERSION_MASK;
    if (!is_ours(c->config, version))
        read_fail_value(&data, IDE_E_NOT_OFFERED, "SelectedVersion", version,
                        c->config->secured_max ? c->config->secured_max << 8 : our_versions[OUR_COUNT - 1]);
    read_end(&data);
    join(r, &data);
    return r->err == IDE_OK ? version : 0;
}
