/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NEGOTIATE_ALGORITHMS and ALGORITHMS (DSP0274 1.2 §10.5): what this side offers,
 * what a responder selects, and the one check that both roles put a selection
 * through before anything is adopted. The codec is in negotiate.c.
 */
#include "spdm/internal.h"
#include "spdm/policy.h"

#define MEASUREMENT_SPEC_DMTF 1u
#define MEL_SPEC_DMTF         1u

/* One selection of ALGORITHMS against what was offered for it. */
struct choice {
    const char *field;
    uint32_t selected, offered;
    bool required;
};

static enum ide_err check_choice(const struct choice *choice, const char *step, struct ide_fault *fault)
{
    uint32_t selected = choice->selected;
    if (selected & ~choice->offered)
        return ide_fail_value(fault, IDE_E_NOT_OFFERED, step, choice->field, selected, choice->offered);
    if (selected & (selected - 1))
        return ide_fail_value(fault, IDE_E_FIELD, step, choice->field, selected, selected & -selected);
    if (selected == 0 && choice->required)
        return ide_fail_value(fault, IDE_E_NO_COMMON, step, choice->field, 0, choice->offered);
    return IDE_OK;
}

/* What was never offered by anyone here: extended algorithms, structures of unknown type. */
static enum ide_err check_extensions(const struct spdm_algorithms *a, const char *step,
                                     struct ide_fault *fault)
{
    if (a->ext_asym_count > 0)
        return ide_fail_value(fault, IDE_E_NOT_OFFERED, step, "ExtAsymSelCount", a->ext_asym_count, 0);
    if (a->ext_hash_count > 0)
        return ide_fail_value(fault, IDE_E_NOT_OFFERED, step, "ExtHashSelCount", a->ext_hash_count, 0);
    if (a->unknown_structure)
        return ide_fail(fault, IDE_E_NOT_OFFERED, step, "AlgType");
    if (a->ext_structure)
        return ide_fail(fault, IDE_E_NOT_OFFERED, step, "AlgExternal");
    return IDE_OK;
}

/* Every selection of the response against the request. What capabilities make necessary must have been
 * selected. */
static enum ide_err check_selection(const struct spdm_params *p, const struct spdm_algorithms *request,
                                    const struct spdm_algorithms *response, const char *step,
                                    struct ide_fault *fault)
{
    uint32_t both = p->flags_requester & p->flags_responder;
    bool key_ex = both & SPDM_CAP_KEY_EX;
    bool records = both & (SPDM_CAP_ENCRYPT | SPDM_CAP_MAC);
    bool schedule =
        key_ex || (p->flags_requester & SPDM_CAP_PSK_MASK && p->flags_responder & SPDM_CAP_PSK_MASK);
    bool asym = key_ex || p->flags_responder & (SPDM_CAP_CERT | SPDM_CAP_CHAL | SPDM_CAP_MEAS_SIG);
    bool measurements = p->flags_responder & SPDM_CAP_MEAS_MASK && request->measurement_spec;
    bool other_params = p->version >= SPDM_VERSION_12;
    bool mel = p->version >= SPDM_VERSION_13;
    const uint16_t *offered = request->structure, *selected = response->structure;
    const struct choice choices[] = {
        {"MeasurementSpecificationSel", response->measurement_spec, request->measurement_spec, measurements},
        {"MeasurementHashAlgo", response->measurement_hash, UINT32_MAX, measurements},
        {"MELspecificationSel", mel ? response->mel_spec : 0, request->mel_spec,
         mel && p->flags_responder & SPDM_CAP_MEL && request->mel_spec},
        /* the bit of MULTI_KEY_CONN is about the requester's keys here, and it has none */
        {"OtherParamsSelection", other_params ? response->other_params : 0,
         request->other_params & SPDM_OTHER_PARAMS_OPAQUE, other_params && schedule},
        {"BaseAsymSel", response->base_asym, request->base_asym, asym},
        {"BaseHashSel", response->base_hash, request->base_hash, true},
        {"PqcAsymSel", p->version >= SPDM_VERSION_14 ? response->pqc_asym : 0, request->pqc_asym, false},
        {"DHE", selected[SPDM_ALGORITHM_DHE], offered[SPDM_ALGORITHM_DHE], key_ex},
        {"AEAD", selected[SPDM_ALGORITHM_AEAD], offered[SPDM_ALGORITHM_AEAD], schedule && records},
        {"ReqBaseAsymAlg", selected[SPDM_ALGORITHM_REQ_ASYM], offered[SPDM_ALGORITHM_REQ_ASYM],
         both & SPDM_CAP_MUT_AUTH},
        {"KeySchedule", selected[SPDM_ALGORITHM_KEY_SCHEDULE], offered[SPDM_ALGORITHM_KEY_SCHEDULE],
         schedule},
        {"ReqPqcAsymAlg", selected[SPDM_ALGORITHM_REQ_PQC], offered[SPDM_ALGORITHM_REQ_PQC], false},
        {"KEMAlg", selected[SPDM_ALGORITHM_KEM], offered[SPDM_ALGORITHM_KEM], false},
    };
    /* post-quantum signatures only (1.4): more than having nothing in common */
    uint32_t pqc = p->version >= SPDM_VERSION_14 ? request->pqc_asym | response->pqc_asym : 0;
    if (asym && response->base_asym == 0 && pqc != 0)
        return ide_fail_value(fault, IDE_E_UNSUPPORTED, step, "PqcAsymSel", pqc, 0);
    enum ide_err err = check_extensions(response, step, fault);
    for (size_t i = 0; err == IDE_OK && i < sizeof choices / sizeof choices[0]; i++)
        err = check_choice(&choices[i], step, fault);
    return err;
}

/* Bytes of a measurement's digest by MeasurementHashAlgo; a raw bit stream has none. */
static uint8_t measurement_hash_size(uint32_t bit)
{
    static const uint8_t sizes[] = {0, 32, 48, 64, 32, 48, 64, 32};
    for (unsigned i = 0; i < sizeof sizes; i++) {
        if (bit == 1u << i)
            return sizes[i];
    }
    return 0;
}

/* Makes a checked selection the connection's. */
static enum ide_err adopt(struct spdm_connection *c, const struct spdm_algorithms *request,
                          const struct spdm_algorithms *a, const char *step)
{
    struct spdm_params p = c->params;
    /* as a responder this stack has one key a slot, and says so in its flags */
    p.multi_key = c->role == SPDM_REQUESTER && p.version >= SPDM_VERSION_13 &&
                  request->other_params & SPDM_MULTI_KEY_CONN;
    p.asym = asym_by_bit(a->base_asym);
    p.hash = hash_by_bit(a->base_hash);
    p.req_asym = asym_by_bit(a->structure[SPDM_ALGORITHM_REQ_ASYM]);
    p.dhe = dhe_by_bit(a->structure[SPDM_ALGORITHM_DHE]);
    p.aead = aead_by_bit(a->structure[SPDM_ALGORITHM_AEAD]);
    p.opaque_format = p.version >= SPDM_VERSION_12 && a->other_params & SPDM_OPAQUE_FORMAT_1;
    p.measurement_spec = a->measurement_spec;
    p.measurement_hash_size = measurement_hash_size(a->measurement_hash);
    p.measurement_hash = hash_by_bit(a->measurement_hash >> 1);
    p.mel_spec = p.version >= SPDM_VERSION_13 ? a->mel_spec : 0;
    /* a selection without a row was offered by the configuration, but is not in this build */
    if (!p.hash || (a->base_asym && !p.asym) || (a->structure[SPDM_ALGORITHM_REQ_ASYM] && !p.req_asym) ||
        (a->structure[SPDM_ALGORITHM_DHE] && !p.dhe) || (a->structure[SPDM_ALGORITHM_AEAD] && !p.aead))
        return ide_fail(&c->fault, IDE_E_UNSUPPORTED, step, "algorithm");
    c->params = p;
    c->state = SPDM_NEGOTIATED;
    return IDE_OK;
}

static void offer(struct spdm_algorithms *a, enum spdm_algorithm_type type, uint16_t bits)
{
    a->structure[type] = bits;
    if (bits == 0)
        return; /* a structure that offers nothing is refused by some responders */
    a->present |= (uint8_t)(1u << type);
    a->header.param1++;
}

/* EdDSA came with 1.2: before, its bits are reserved (DSP0274 1.2 §10.5). */
static uint32_t of_version(const struct spdm_connection *c, uint32_t asym)
{
    return c->params.version < SPDM_VERSION_12 ? asym & ~(SPDM_ASYM_ED25519 | SPDM_ASYM_ED448) : asym;
}

static uint32_t allowed(const struct spdm_connection *c, enum spdm_kind kind, uint32_t bits)
{
    uint32_t filtered = spdm_policy_filter(c->config->policy, kind, bits);
    return kind == SPDM_KIND_ASYM ? of_version(c, filtered) : filtered;
}

static struct spdm_algorithms own_offer(const struct spdm_connection *c)
{
    const struct spdm_config *config = c->config;
    struct spdm_algorithms a = {
        .measurement_spec = config->measurement_spec,
        .mel_spec = c->params.version >= SPDM_VERSION_13 ? config->mel_spec : 0,
        .other_params = c->params.version >= SPDM_VERSION_12 ? SPDM_OPAQUE_FORMAT_1 : 0,
        .base_asym = allowed(c, SPDM_KIND_ASYM, config->base_asym),
        .base_hash = allowed(c, SPDM_KIND_HASH, config->base_hash),
    };
    if (c->params.version == SPDM_VERSION_10)
        return a;
    /* a responder that has nothing but several keys must be asked for them (1.3) */
    if (c->params.version >= SPDM_VERSION_13 &&
        (c->params.flags_responder & SPDM_CAP_MULTI_KEY_MASK) == SPDM_CAP_MULTI_KEY_ONLY)
        a.other_params |= SPDM_MULTI_KEY_CONN;
    offer(&a, SPDM_ALGORITHM_DHE, (uint16_t)allowed(c, SPDM_KIND_DHE, config->dhe));
    offer(&a, SPDM_ALGORITHM_AEAD, (uint16_t)allowed(c, SPDM_KIND_AEAD, config->aead));
    offer(&a, SPDM_ALGORITHM_REQ_ASYM, (uint16_t)allowed(c, SPDM_KIND_ASYM, config->req_asym));
    offer(&a, SPDM_ALGORITHM_KEY_SCHEDULE, config->key_schedule);
    return a;
}

enum ide_err spdm_step_algorithms(struct spdm_connection *c)
{
    struct spdm_algorithms request = own_offer(c), response = {0};
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_negotiate_algorithms,
        .in = &request,
        .response = &spdm_msg_algorithms,
        .out = &response,
        .transcript = {.vca = true},
    };
    enum ide_err err = spdm_transact(c, &c->clear, &exchange, NULL, NULL);
    if (err == IDE_OK)
        err = check_selection(&c->params, &request, &response, "ALGORITHMS", &c->fault);
    if (err == IDE_OK)
        err = adopt(c, &request, &response, "ALGORITHMS");
    return err == IDE_OK ? spdm_m1m2_restart(c) : err;
}

static uint32_t choose(const struct spdm_connection *c, enum spdm_kind kind, uint32_t bits)
{
    return spdm_policy_choose(c->config->policy, kind, allowed(c, kind, bits));
}

/* The responder's choice: what its policy wants most of what both have, nothing where they have nothing in
 * common. */
static struct spdm_algorithms select_from(const struct spdm_connection *c, const struct spdm_algorithms *in)
{
    const struct spdm_config *config = c->config;
    const uint16_t *offered = in->structure;
    bool measures = config->flags & SPDM_CAP_MEAS_MASK;
    struct spdm_algorithms out = {
        .measurement_spec =
            measures ? in->measurement_spec & config->measurement_spec & MEASUREMENT_SPEC_DMTF : 0,
        .other_params = c->params.version >= SPDM_VERSION_12 ? in->other_params & SPDM_OPAQUE_FORMAT_1 : 0,
        .base_asym = choose(c, SPDM_KIND_ASYM, in->base_asym & config->base_asym),
        .base_hash = choose(c, SPDM_KIND_HASH, in->base_hash & config->base_hash),
        .present = in->present,
    };
    out.measurement_hash = out.measurement_spec ? config->measurement_hash : 0;
    if (c->params.version >= SPDM_VERSION_13 && config->flags & SPDM_CAP_MEL)
        out.mel_spec = in->mel_spec & config->mel_spec & MEL_SPEC_DMTF;
    out.structure[SPDM_ALGORITHM_REQ_ASYM] =
        (uint16_t)choose(c, SPDM_KIND_ASYM, offered[SPDM_ALGORITHM_REQ_ASYM] & config->req_asym);
    out.structure[SPDM_ALGORITHM_DHE] =
        (uint16_t)choose(c, SPDM_KIND_DHE, offered[SPDM_ALGORITHM_DHE] & config->dhe);
    out.structure[SPDM_ALGORITHM_AEAD] =
        (uint16_t)choose(c, SPDM_KIND_AEAD, offered[SPDM_ALGORITHM_AEAD] & config->aead);
    out.structure[SPDM_ALGORITHM_KEY_SCHEDULE] =
        offered[SPDM_ALGORITHM_KEY_SCHEDULE] & config->key_schedule & SPDM_KEY_SCHEDULE_SPDM;
    for (unsigned type = 0; type < SPDM_ALGORITHM_TYPES; type++)
        out.header.param1 += out.present >> type & 1;
    return out;
}

enum ide_err spdm_handle_negotiate_algorithms(struct spdm_responder *r, struct spdm_request *request,
                                              struct writer *w)
{
    struct spdm_connection *c = &r->connection;
    const char *step = spdm_msg_negotiate_algorithms.name;
    struct spdm_algorithms in;
    enum ide_err err = spdm_request_decode(r, &spdm_msg_negotiate_algorithms, request, &in);
    if (err != IDE_OK)
        return err;
    struct spdm_algorithms out = select_from(c, &in);
    err = check_selection(&c->params, &in, &out, step, &c->fault);
    if (err == IDE_E_UNSUPPORTED) /* the algorithm, not the request */
        r->error_code = SPDM_ERROR_INVALID_REQUEST;
    if (err == IDE_OK)
        err = spdm_reply(&spdm_msg_algorithms, &c->params, &out, w);
    return err == IDE_OK ? adopt(c, &in, &out, step) : err;
}
