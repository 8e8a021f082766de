/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor's checks of what the devices answered, and of the settings that it is held against. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "spdm/x509.h"
#include "tools/ide-kmd/doctor.h"

#define EXPIRES_SOON_S (30LL * 86400)
#define CLOCK_AT_LEAST                                                                                       \
    1704067200LL /* 2024-01-01: no certificate of such a device, and no clock, is older                      \
                  */
#define NAME_TEXT 256u
#define DATE_TEXT 32u

static const enum stream_end both_ends[] = {END_ROOT_PORT, END_ENDPOINT};

/* False, with a line, if there is nobody who was asked. */
static bool was_asked(struct checkup *up)
{
    const struct doctor *d = doctor_of(up);
    if (d->task)
        return true;
    checkup_find(up, FINDING_SKIPPED, NULL, NULL, "it is not known where a stream would end");
    return false;
}

/* ---- what the mailboxes carry ------------------------------------------------------ */

static const char *protocol_text(const struct doe_protocol *p, char *text, size_t size)
{
    static const char *const names[] = {[DOE_TYPE_DISCOVERY] = "discovery",
                                        [DOE_TYPE_CMA] = "CMA/SPDM",
                                        [DOE_TYPE_SECURED_CMA] = "secured CMA/SPDM"};
    if (p->vendor == DOE_VENDOR_PCISIG && p->type < sizeof names / sizeof *names)
        return names[p->type];
    snprintf(text, size, "%04x:%02x", p->vendor, p->type);
    return text;
}

static bool carries(const struct spdm_mailbox *m, uint8_t type)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->protocol[i].vendor == DOE_VENDOR_PCISIG && m->protocol[i].type == type)
            return true;
    return false;
}

static void tell_mailbox(struct checkup *up, const struct pcie_bdf *bdf, const struct spdm_mailbox *m)
{
    char list[256] = "", name[16], fault[160];
    size_t used = 0;
    if (m->err != IDE_OK) {
        checkup_find(up, FINDING_WARNING, bdf, "reset the device; if it stays so, look for a firmware update",
                     "the mailbox at 0x%x does not say: %s", m->offset,
                     ide_fault_text(&m->fault, fault, sizeof fault));
        return;
    }
    for (size_t i = 0; i < m->count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                 protocol_text(&m->protocol[i], name, sizeof name));
    checkup_find(up, FINDING_OK, bdf, NULL, "the mailbox at 0x%x: %s", m->offset,
                 m->count ? list : "nothing");
}

static void protocols_of(struct checkup *up, enum stream_end end)
{
    const struct doctor *d = doctor_of(up);
    const struct probe *p = &d->probe[end];
    const struct pcie_bdf *bdf = stream_mailbox(&d->task->op.ends, end);
    bool usable = false;
    if (p->provider && strcmp(p->provider, PROVIDER_OWN) != 0) {
        checkup_find(up, FINDING_SKIPPED, bdf, NULL, "its keys come another way");
        return;
    }
    for (size_t i = 0; i < p->mailboxes && i < PROBE_MAILBOXES_MAX; i++) {
        tell_mailbox(up, bdf, &p->mailbox[i]);
        usable |= carries(&p->mailbox[i], DOE_TYPE_CMA) && carries(&p->mailbox[i], DOE_TYPE_SECURED_CMA);
    }
    if (!usable)
        checkup_find(up, FINDING_PROBLEM, bdf,
                     "keys travel in a session, which needs both: look for a firmware update",
                     "no mailbox carries CMA/SPDM and secured CMA/SPDM");
}

void doctor_protocols(struct checkup *up)
{
    if (!was_asked(up))
        return;
    for (size_t i = 0; i < END_COUNT; i++)
        protocols_of(up, both_ends[i]);
}

/* ---- trust ------------------------------------------------------------------------- */

static void check_folder(struct checkup *up)
{
    const char *folder = doctor_of(up)->controller->settings->trust;
    DIR *dir = opendir(folder);
    if (dir) {
        closedir(dir);
        checkup_find(up, FINDING_OK, NULL, NULL, "the folder %s can be read", folder);
    } else {
        checkup_find(up, FINDING_PROBLEM, NULL,
                     "make it, and put the root certificates of the devices' makers into it",
                     "the folder %s cannot be read: %s", folder, strerror(errno));
    }
}

void doctor_trust(struct checkup *up)
{
    const struct doctor *d = doctor_of(up);
    if (!d->task) {
        check_folder(up);
        return;
    }
    bool needs_none = d->probe[END_ENDPOINT].given_key && d->probe[END_ROOT_PORT].given_key;
    size_t anchors = d->task->trust.trust.anchor_count;
    if (d->trust_err != IDE_OK)
        checkup_find(up, needs_none ? FINDING_WARNING : FINDING_PROBLEM, NULL, failure_hint(&d->trust), "%s",
                     d->trust.message);
    else
        checkup_find(up, FINDING_OK, NULL, NULL, "%zu root certificate%s in %s", anchors,
                     anchors == 1 ? "" : "s", d->controller->settings->trust);
}

void doctor_clock(struct checkup *up)
{
    char text[DATE_TEXT] = "-";
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
    if (now < CLOCK_AT_LEAST)
        checkup_find(up, FINDING_PROBLEM, NULL, "set it: every certificate is held against it", "it says %s",
                     text);
    else
        checkup_find(up, FINDING_OK, NULL, NULL, "it says %s", text);
}

/* ---- who they are ------------------------------------------------------------------ */

static const char *date_text(int64_t seconds, char text[static DATE_TEXT])
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || strftime(text, DATE_TEXT, "%Y-%m-%d", &tm) == 0)
        return "-";
    return text;
}

/* The anchor's name; its number where it has none. */
static const char *anchor_text(const struct doctor *d, size_t index, char *text, size_t size)
{
    struct x509 certificate;
    struct ide_fault fault;
    const struct trust *trust = &d->task->trust.trust;
    snprintf(text, size, "anchor %zu", index);
    if (index >= trust->anchor_count)
        return text;
    struct reader r = reader_of(trust->anchors[index].der, trust->anchors[index].len);
    if (x509_parse(&r, &certificate, "trust anchor", &fault) == IDE_OK)
        x509_name_text(certificate.subject, text, size);
    return text;
}

static void tell_chain(struct checkup *up, const struct pcie_bdf *bdf, const struct identity *peer)
{
    char name[NAME_TEXT], date[DATE_TEXT];
    const struct doctor *d = doctor_of(up);
    bool soon = peer->not_after - (int64_t)time(NULL) < EXPIRES_SOON_S;
    checkup_find(up, soon ? FINDING_WARNING : FINDING_OK, bdf,
                 soon ? "the device will need a new certificate: without one the next establish fails" : NULL,
                 "%u certificates lead to %s, valid until %s, %s", peer->certificates,
                 anchor_text(d, peer->anchor, name, sizeof name), date_text(peer->not_after, date),
                 peer->has_cma_name ? "in the name of the device" : "without a CMA name, which is allowed");
}

static void identity_of(struct checkup *up, enum stream_end end)
{
    const struct doctor *d = doctor_of(up);
    const struct probe *p = &d->probe[end];
    const struct pcie_bdf *bdf = stream_mailbox(&d->task->op.ends, end);
    if (!p->done) {
        const struct job *job = &d->task->op.job[end];
        char text[160];
        checkup_find(up, FINDING_PROBLEM, bdf, "the device may be gone: `lspci` shows whether it is there",
                     "it could not be asked: %s", ide_fault_text(&job->fault, text, sizeof text));
    } else if (p->err != IDE_OK) {
        struct failure failure;
        failure_fault(&failure, "authenticate", bdf, &p->fault);
        checkup_find(up, FINDING_PROBLEM, bdf, failure_hint(&failure), "%s", failure.message);
    } else if (p->given_key) {
        checkup_find(up, FINDING_OK, bdf, NULL,
                     "known by a key that ide-kmd was given: the session will show it");
    } else if (p->has_peer) {
        tell_chain(up, bdf, &p->peer);
    } else {
        checkup_find(up, FINDING_OK, bdf, NULL, "what gives it its keys may be trusted");
    }
}

void doctor_identity(struct checkup *up)
{
    if (!was_asked(up))
        return;
    for (size_t i = 0; i < END_COUNT; i++)
        identity_of(up, both_ends[i]);
}

/* ---- versions ---------------------------------------------------------------------- */

static void versions_of(struct checkup *up, enum stream_end end)
{
    const struct doctor *d = doctor_of(up);
    const struct probe *p = &d->probe[end];
    const struct spdm_params *params = &p->params;
    const struct pcie_bdf *bdf = stream_mailbox(&d->task->op.ends, end);
    if (params->version == 0)
        checkup_find(up, FINDING_SKIPPED, bdf, NULL,
                     p->err == IDE_OK ? "its keys need no SPDM" : "it did not get that far");
    else if (params->version < 0x11)
        checkup_find(up, FINDING_PROBLEM, bdf,
                     "sessions came with SPDM 1.1: look for a firmware update, or at ide-kmd --spdm-versions",
                     "SPDM 1.0");
    else
        checkup_find(up, FINDING_OK, bdf, NULL, "SPDM %d.%d%s%s%s%s%s%s%s%s", params->version >> 4,
                     params->version & 15, params->asym ? ", " : "", params->asym ? params->asym->name : "",
                     params->hash ? ", " : "", params->hash ? params->hash->name : "",
                     params->dhe ? ", " : "", params->dhe ? params->dhe->name : "", params->aead ? ", " : "",
                     params->aead ? params->aead->name : "");
}

void doctor_versions(struct checkup *up)
{
    if (!was_asked(up))
        return;
    for (size_t i = 0; i < END_COUNT; i++)
        versions_of(up, both_ends[i]);
}

/* ---- reference values --------------------------------------------------------------- */

static size_t count_references(const struct doctor *d)
{
    struct reference_values values = {0};
    const struct topology_node *end = &d->end[END_ENDPOINT];
    struct cma_ids ids = {.vendor = end->ids.vendor,
                          .device = end->ids.device,
                          .class_code = end->ids.class_code,
                          .revision = end->ids.revision,
                          .subsystem_vendor = end->ids.subsystem_vendor,
                          .subsystem = end->ids.subsystem,
                          .has_subsystem = true};
    size_t count = 0;
    if (reference_store_find(&d->task->attestation.references, &end->bdf, &ids, &values) == IDE_OK) {
        count = values.count;
        reference_values_release(&values);
    }
    return count;
}

void doctor_references(struct checkup *up)
{
    const struct doctor *d = doctor_of(up);
    if (!was_asked(up))
        return;
    const struct pcie_bdf *bdf = &d->end[END_ENDPOINT].bdf;
    bool required = d->controller->settings->require_reference;
    size_t count = d->reference_err == IDE_OK ? count_references(d) : 0;
    if (d->reference_err != IDE_OK)
        checkup_find(up, FINDING_PROBLEM, NULL, failure_hint(&d->reference), "%s", d->reference.message);
    else if (count > 0)
        checkup_find(up, FINDING_OK, bdf, NULL, "%zu; `ide-ctl attest` holds what it measures against them",
                     count);
    else if (required)
        checkup_find(
            up, FINDING_PROBLEM, bdf,
            "put them where ide-kmd --reference says; `ide-ctl --json attest` shows what it measures",
            "none, and ide-kmd --require-reference wants some");
    else
        checkup_find(up, FINDING_OK, bdf, NULL, "none, and none are required");
}
