/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/attestation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root_port/key_provider.h"
#include "spdm/x509.h"

#define CHAIN_HEADER 4u
#define NAME_TEXT    256u
#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum ide_err try_err = (call);                                                                       \
        if (try_err != IDE_OK)                                                                               \
            return try_err;                                                                                  \
    } while (0)

/* Measurements as they came. */
struct record {
    uint8_t bytes[SPDM_MESSAGE_MAX];
    struct spdm_measurement_result result;
    bool in_session;
};

static const char *const type_names[] = {
    [SPDM_MEASURED_ROM] = "rom",
    [SPDM_MEASURED_FIRMWARE] = "firmware",
    [SPDM_MEASURED_HARDWARE_CONFIG] = "hardware_config",
    [SPDM_MEASURED_FIRMWARE_CONFIG] = "firmware_config",
    [SPDM_MEASURED_MANIFEST] = "manifest",
    [SPDM_MEASURED_DEVICE_MODE] = "device_mode",
    [SPDM_MEASURED_VERSION] = "version",
    [SPDM_MEASURED_SVN] = "svn",
    [SPDM_MEASURED_HASH_EXTEND] = "hash_extend",
    [SPDM_MEASURED_INFORMATIONAL] = "informational",
    [SPDM_MEASURED_STRUCTURED_MANIFEST] = "structured_manifest",
};

static json_t *hex_json(const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(2 * len + 1);
    for (size_t i = 0; text && i < len; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    json_t *string = text ? json_stringn(text, 2 * len) : NULL;
    free(text);
    return string;
}

static json_t *type_json(uint8_t type)
{
    uint8_t kind = type & SPDM_MEASURED_TYPE_MASK;
    if (kind < sizeof type_names / sizeof *type_names)
        return json_string(type_names[kind]);
    return json_sprintf("type_%u", kind);
}

/* ---- certificates ---------------------------------------------------------- */

static json_t *certificate_json(const struct x509 *c)
{
    char subject[NAME_TEXT], issuer[NAME_TEXT];
    return json_pack("{s:s, s:s, s:I, s:I}", "subject", x509_name_text(c->subject, subject, sizeof subject),
                     "issuer", x509_name_text(c->issuer, issuer, sizeof issuer), "not_before",
                     (json_int_t)c->not_before, "not_after", (json_int_t)c->not_after);
}

/* The root's first; nothing for a provisioned public key. */
static json_t *chain_json(const struct spdm_connection *c)
{
    json_t *list = json_array();
    size_t head = CHAIN_HEADER + (c->params.hash ? c->params.hash->size : 0);
    if (c->chain_len <= head)
        return list;
    struct reader r = reader_of(c->chain + head, c->chain_len - head);
    struct x509 certificate;
    struct ide_fault fault;
    while (read_left(&r) > 0 && x509_parse(&r, &certificate, "CERTIFICATE", &fault) == IDE_OK)
        json_array_append_new(list, certificate_json(&certificate));
    return list;
}

/* ---- measurements ---------------------------------------------------------- */

static const char *changed_text(enum spdm_content_changed changed)
{
    switch (changed) {
    case SPDM_CONTENT_UNKNOWN:
        break;
    case SPDM_CONTENT_CHANGED:
        return "changed";
    case SPDM_CONTENT_UNCHANGED:
        return "unchanged";
    }
    return "unknown";
}

static bool has_reference(const struct reference_values *values, uint8_t index)
{
    for (size_t i = 0; i < values->count; i++)
        if (values->list[i].index == index)
            return true;
    return false;
}

static json_t *block_json(const struct spdm_measurement_block *b, const struct reference_values *values)
{
    return json_pack("{s:i, s:o, s:b, s:o, s:b}", "index", (int)b->index, "type", type_json(b->type), "raw",
                     (b->type & SPDM_MEASURED_RAW) != 0, "value", hex_json(b->value, b->len), "as_expected",
                     has_reference(values, b->index));
}

static json_t *measurements_json(const struct spdm_params *p, const struct record *record,
                                 const struct reference_values *values)
{
    json_t *list = json_array();
    struct reader blocks = reader_of(record->bytes, record->result.record_len);
    struct spdm_measurement_block block;
    while (spdm_measurement_next(&blocks, p, &block))
        json_array_append_new(list, block_json(&block, values));
    return json_pack("{s:b, s:b, s:s?, s:s, s:i, s:o}", "signed", record->result.verified, "in_session",
                     record->in_session, "hash", p->measurement_hash ? p->measurement_hash->name : NULL,
                     "content_changed", changed_text(record->result.content_changed), "references",
                     (int)values->count, "list", list);
}

static json_t *mel_json(const uint8_t *mel, size_t len)
{
    json_t *list = json_array();
    struct reader entries = spdm_mel_entries(mel, len);
    struct spdm_mel_entry e;
    while (spdm_mel_next(&entries, &e))
        json_array_append_new(list, json_pack("{s:I, s:i, s:o, s:b, s:o}", "number", (json_int_t)e.number,
                                              "index", (int)e.index, "type", type_json(e.type), "raw",
                                              (e.type & SPDM_MEASURED_RAW) != 0, "value",
                                              hex_json(e.value, e.len)));
    return list;
}

/* ---- reference values ------------------------------------------------------ */

static void note_value(struct measurement_value *to, const uint8_t *value, uint16_t len)
{
    to->len = len;
    memcpy(to->bytes, value, len < sizeof to->bytes ? len : sizeof to->bytes);
}

/* What the fault is about, for people: the block that came, if one did, and what was expected. */
static void note_mismatch(const struct reference_values *values, const struct spdm_params *p,
                          const struct record *record, const struct ide_fault *fault,
                          struct measurement_mismatch *out)
{
    struct spdm_measurement_block block;
    *out = (struct measurement_mismatch){.index = fault->measurement};
    if (spdm_measurement_find(record->bytes, record->result.record_len, p, fault->measurement, &block))
        note_value(&out->got, block.value, block.len);
    for (size_t i = 0; i < values->count && out->expected_count < MISMATCH_EXPECTED_MAX; i++)
        if (values->list[i].index == fault->measurement)
            note_value(&out->expected[out->expected_count++], values->list[i].value, values->list[i].len);
}

/* A signature is no use where nobody's key is known: after PSK_EXCHANGE. */
static bool can_sign(const struct spdm_port *port)
{
    return port->connection.peer_verified &&
           (port->connection.params.flags_responder & SPDM_CAP_MEAS_MASK) == SPDM_CAP_MEAS_SIG;
}

/* What is compared is signed, or comes in a session with whoever proved its identity. */
static enum ide_err compare(struct spdm_port *port, const struct reference_values *values, bool in_session,
                            struct record *record, struct measurement_mismatch *mismatch,
                            struct ide_fault *fault)
{
    const struct spdm_measurement_request all = {.index = SPDM_MEASUREMENT_ALL,
                                                 .with_signature = can_sign(port)};
    const struct spdm_params *p = &port->connection.params;
    record->in_session = in_session || !all.with_signature;
    TRY(spdm_port_measure(port, &all, record->in_session, record->bytes, sizeof record->bytes, &record->result,
                          fault));
    enum ide_err err = reference_values_check(values, p, record->bytes, record->result.record_len, fault);
    if (err == IDE_E_MEASUREMENT)
        note_mismatch(values, p, record, fault, mismatch);
    return err;
}

/* What is shown; the record that was compared if that is what was asked for. */
static enum ide_err show(const struct attestation *a, struct spdm_port *port,
                         const struct reference_values *values, struct record *record, struct ide_fault *fault)
{
    const struct spdm_measurement_request how = {
        .index = a->index ? a->index : SPDM_MEASUREMENT_ALL,
        .with_signature = can_sign(port) && !a->is_unsigned,
        .raw = a->raw,
    };
    bool is_there = values->count > 0 && a->index == 0 && !a->raw && !a->is_unsigned &&
                    record->in_session == a->in_session;
    if (is_there)
        return IDE_OK;
    record->in_session = a->in_session;
    return spdm_port_measure(port, &how, a->in_session, record->bytes, sizeof record->bytes, &record->result,
                             fault);
}

/* Nothing signs the log: it has to add up to measurements that are signed, or come as it does in a session. */
static enum ide_err collect_mel(const struct attestation *a, struct spdm_port *port, struct record *record,
                                json_t **out, struct ide_fault *fault)
{
    const struct spdm_measurement_request all = {.index = SPDM_MEASUREMENT_ALL,
                                                 .with_signature = can_sign(port)};
    bool in_session = a->in_session || !all.with_signature;
    uint8_t *mel = malloc(SPDM_MESSAGE_MAX);
    size_t len = 0;
    if (!mel)
        return ide_fail(fault, IDE_E_MEMORY, NULL, NULL);
    enum ide_err err = spdm_port_get_mel(port, in_session, mel, SPDM_MESSAGE_MAX, &len, fault);
    if (err == IDE_OK)
        err = spdm_port_measure(port, &all, in_session, record->bytes, sizeof record->bytes, &record->result,
                                fault);
    if (err == IDE_OK)
        err = spdm_mel_check(&port->connection.params, mel, len, record->bytes, record->result.record_len,
                             fault);
    *out = err == IDE_OK ? mel_json(mel, len) : NULL;
    free(mel);
    return err;
}

/* Which ports it gives keys to, by its own account: QUERY changes nothing. */
static enum ide_err collect_ports(struct spdm_port *port, json_t *list, struct ide_fault *fault)
{
    struct key_provider keys = key_provider_doe(port);
    struct ide_km_query_resp resp = {0};
    char name[PCIE_BDF_TEXT];
    uint8_t own_index = port->km_index;
    enum ide_err err = keys.ops->open(keys.context, fault);
    for (unsigned index = 0; err == IDE_OK && index <= resp.max_port_index; index++) {
        port->km_index = (uint8_t)index;
        err = keys.ops->query(keys.context, &resp, fault);
        const struct pcie_bdf bdf = {.domain = resp.segment,
                                     .bus = resp.bus,
                                     .device = resp.devfn >> 3,
                                     .function = resp.devfn & 7};
        if (err == IDE_OK)
            json_array_append_new(list, json_pack("{s:i, s:s, s:i}", "index", (int)index, "bdf",
                                                  pcie_bdf_format(&bdf, name), "register_bytes", (int)resp.block_len));
    }
    port->km_index = own_index;
    return err;
}

static enum ide_err collect(const struct attestation *a, struct spdm_port *port,
                            const struct reference_values *values, struct record *record, json_t *evidence,
                            struct measurement_mismatch *mismatch, struct ide_fault *fault)
{
    json_t *mel = NULL;
    bool measures = port->connection.params.flags_responder & SPDM_CAP_MEAS_MASK;
    json_object_set_new(evidence, "chain", chain_json(&port->connection));
    json_object_set_new(evidence, "measurements", json_null());
    json_object_set_new(evidence, "mel", json_null());
    json_object_set_new(evidence, "ide_km", a->ide_km ? json_array() : json_null());
    if (a->ide_km)
        TRY(collect_ports(port, json_object_get(evidence, "ide_km"), fault));
    if (!measures && !a->is_explicit && values->count == 0)
        return IDE_OK;
    if (values->count > 0)
        TRY(compare(port, values, a->in_session, record, mismatch, fault));
    TRY(show(a, port, values, record, fault));
    json_object_set_new(evidence, "measurements",
                        measurements_json(&port->connection.params, record, values));
    if (!a->mel)
        return IDE_OK;
    TRY(collect_mel(a, port, record, &mel, fault));
    json_object_set_new(evidence, "mel", mel);
    return IDE_OK;
}

enum ide_err attestation_collect(const struct attestation *a, struct spdm_port *port,
                                 const struct pcie_bdf *bdf, bool in_use, json_t **evidence,
                                 struct measurement_mismatch *mismatch, struct ide_fault *fault)
{
    struct reference_values values;
    bool had_session = spdm_port_has_session(port);
    struct record *record = malloc(sizeof *record);
    *evidence = json_object();
    enum ide_err err = record ? reference_store_find(&a->references, bdf, &port->ids, &values) : IDE_E_MEMORY;
    if (err != IDE_OK) {
        free(record);
        return ide_fail(fault, err, NULL, NULL);
    }
    err = collect(a, port, &values, record, *evidence, mismatch, fault);
    /* a session that was opened for this keys nothing; with streams in use one may be needed yet */
    if (!had_session && !in_use && spdm_port_has_session(port))
        spdm_port_end_session(port);
    reference_values_release(&values);
    free(record);
    return err;
}

enum ide_err attestation_require(const struct attestation *a, struct spdm_port *port,
                                 const struct pcie_bdf *bdf, struct measurement_mismatch *mismatch,
                                 struct ide_fault *fault)
{
    struct reference_values values;
    struct record *record = malloc(sizeof *record);
    enum ide_err err = record ? reference_store_find(&a->references, bdf, &port->ids, &values) : IDE_E_MEMORY;
    if (err != IDE_OK) {
        free(record);
        return ide_fail(fault, err, NULL, NULL);
    }
    err = values.count > 0 ? compare(port, &values, true, record, mismatch, fault)
                           : ide_fail(fault, IDE_E_NO_REFERENCE, "MEASUREMENTS", NULL);
    reference_values_release(&values);
    free(record);
    return err;
}
