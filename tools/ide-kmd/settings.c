/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root_port/doe_mailbox.h"
#include "tools/common/duration.h"
#include "tools/ide-kmd/log.h"

#define TRUST_DEFAULT "/etc/ide-kmd/trust"

/* ---- setters ------------------------------------------------------------- */

static bool refuse(char *error, const char *why, const char *text)
{
    (void)snprintf(error, SETTING_ERROR, "%s: %.200s", why, text);
    return false;
}

static bool set_provider(struct controller_settings *s, const struct setting *row, const char *text,
                         char *error)
{
    (void)row;
    enum ide_err err = provider_settings_parse(&s->provider, text);
    if (err == IDE_OK)
        return true;
    if (err == IDE_E_RESOURCES)
        return refuse(error, " names more than 64 root ports", text);
    return refuse(error, " is none of auto, doe, kcu, rot, nor one root port's BDF=WHO", text);
}

static bool set_rot(struct controller_settings *s, const struct setting *row, const char *text, char *error)
{
    (void)row;
    if (pcie_bdf_parse(text, &s->provider.rot) != IDE_OK)
        return refuse(error, " is no function like 0000:00:1f.0", text);
    s->provider.has_rot = true;
    return true;
}

static bool set_unnamed(struct controller_settings *s, const struct setting *row, const char *text,
                        char *error)
{
    (void)row;
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return refuse(error, " is neither yes nor no", text);
    s->name_rule = strcmp(text, "yes") == 0 ? CMA_NAME_IF_PRESENT : CMA_NAME_REQUIRED;
    return true;
}

static bool set_spdm(struct controller_settings *s, const struct setting *row, const char *text, char *error)
{
    char why[SPDM_OPTIONS_ERROR];
    if (spdm_options_set(&s->spdm, row->name, text, why, sizeof why))
        return true;
    (void)snprintf(error, SETTING_ERROR, ": %s", why);
    return false;
}

static bool set_rate(struct controller_settings *s, const struct setting *row, const char *text, char *error)
{
    char *end;
    unsigned long rate = strtoul(text, &end, 10);
    (void)row;
    if (end == text || *end || strspn(text, "0123456789") != strlen(text) || rate > CLIENT_RATE_MAX)
        return refuse(error, " is no number between 0 and 1000000", text);
    s->request_rate = (uint32_t)rate;
    return true;
}

static bool set_log_level(struct controller_settings *s, const struct setting *row, const char *text,
                          char *error)
{
    (void)row;
    return log_level_parse(text, &s->log_level) ||
           refuse(error, " is none of error, warning, notice, info, debug", text);
}

/* A bound of the log; "none" is 0. */
static bool set_bound(struct controller_settings *s, const struct setting *row, const char *text, char *error)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    bool none = strcmp(text, "none") == 0;
    if (!none && (*text < '1' || *text > '9' || *end != '\0' || n > 1000000000))
        return refuse(error, " is neither none nor a number from 1 to 1000000000", text);
    uint32_t *bound = strcmp(row->name, "log-rows") == 0 ? &s->store.log_rows : &s->store.log_days;
    *bound = none ? 0 : (uint32_t)n;
    return true;
}

/* Off is 0: then no register is read on the watch's own account. */
static bool set_watch_interval(struct controller_settings *s, const struct setting *row, const char *text,
                               char *error)
{
    uint32_t ms = 0;
    (void)row;
    if (strcmp(text, "0") != 0 && (!duration_parse(text, &ms) || ms < 10 || ms > 60000))
        return refuse(error, " is neither 0 nor a time between 10 ms and a minute", text);
    s->watch.interval_ms = ms;
    return true;
}

static bool set_warning(struct controller_settings *s, const struct setting *row, const char *text, char *error)
{
    char *end;
    unsigned long days = strtoul(text, &end, 10);
    (void)row;
    if (*text < '0' || *text > '9' || *end != '\0' || days > 3650)
        return refuse(error, " is no number of days up to 3650", text);
    s->watch.warn_days = (uint32_t)days;
    return true;
}

/* ---- the table ----------------------------------------------------------- */

#define AT(member) offsetof(struct controller_settings, member)

/* In the order of --help. */
const struct setting settings_table[] = {
    {"sysfs", "controller", "DIR", SETTING_TEXT, AT(sysfs), .at_start = true,
     .help = "the tree that libpci reads (default: /sys/bus/pci)"},
    {"listen", "controller", "ENDPOINT", SETTING_TEXT, AT(listen), .at_start = true,
     .help = "where ide-ctl connects: ipc://PATH, or tcp://ADDRESS:PORT\n"
             "(default: " API_ENDPOINT_DEFAULT ")"},
    {"listen-tcp", "controller", "ENDPOINT", SETTING_TEXT, AT(listen_tcp), .at_start = true,
     .help = "tcp://ADDRESS:PORT, besides; tcp is for CURVE keys only"},
    {"server-key", "access", "FILE", SETTING_TEXT, AT(server_key), .at_start = true,
     .help = "the controller's CURVE key pair, for tcp: `ide-ctl keygen`\n"
             "(default: " CURVE_KEY_DEFAULT ")"},
    {"authorized", "access", "FILE", SETTING_TEXT, AT(authorized), .at_start = true,
     .help = "the keys that are let in over tcp: `ide-ctl authorize`\n"
             "(default: " AUTHORIZED_DEFAULT ")"},
    {"admin-group", "access", "GROUP", SETTING_TEXT, AT(admin_group), .at_start = true,
     .help = "who may do all, besides root (default: " ACCESS_ADMIN_GROUP ")"},
    {"request-rate", "controller", "N", SETTING_OTHER, .set = set_rate, .at_start = true,
     .help = "requests a second of one connection, others are refused; 0: any\n"
             "number (default: 2000)"},
    {"message-log", "controller", "FILE", SETTING_TEXT, AT(message_log), .at_start = true,
     .help = "every message of the interface, a line each; for debugging"},
    {"view-group", "access", "GROUP", SETTING_TEXT, AT(view_group), .at_start = true,
     .help = "who may look (default: " ACCESS_VIEW_GROUP ")"},
    {"trust", "trust", "DIR", SETTING_TEXT, AT(trust),
     .help = "folder of the root certificates that are trusted, *.pem, *.crt,\n"
             "*.cer or *.der (default: " TRUST_DEFAULT ")"},
    {"allow-unnamed", "trust", NULL, SETTING_OTHER, .set = set_unnamed,
     .help = "accept a certificate without any CMA name; one that names\n"
             "another device is never accepted"},
    {"allow-wrong-bdf", "trust", NULL, SETTING_SWITCH, AT(allow_wrong_bdf),
     .help = "accept a device whose IDE_KM answer names another function,\n"
             "and say so; its certificate must name it all the same"},
    {"provider", "keys", "[BDF=]WHO", SETTING_OTHER, .set = set_provider, .at_start = true,
     .clash = provider_settings_clash,
     .help = "what gives root ports, or this one, their keys: doe, their own\n"
             "mailbox; kcu, the Intel Key Configuration Unit that firmware names;\n"
             "rot, the root of trust that --rot names; or auto, the first that\n"
             "there is of unit, mailbox and root of trust (default: auto)"},
    {"rot", "keys", "BDF", SETTING_OTHER, .set = set_rot, .at_start = true,
     .help = "a function whose IDE_KM answers for root ports by port index"},
    {"keyp", "keys", "FILE", SETTING_TEXT, AT(provider.keyp), .at_start = true,
     .help = "the ACPI table that names the units (default: with --sysfs\n"
             "DIR/firmware/acpi/tables/KEYP, else that in /sys)"},
    {"memory", "keys", "FILE", SETTING_TEXT, AT(provider.memory), .at_start = true,
     .help = "physical memory, for the units' registers (default: with --sysfs\n"
             "DIR/mem, else /dev/mem)"},
    {"state", "controller", "FILE", SETTING_TEXT, AT(store.path), .at_start = true,
     .help = "what outlives ide-kmd: streams wanted and held, and the log; none: in\n"
             "memory only, as with --sysfs unless told\n"
             "(default: " STORE_DEFAULT ")"},
    {"new-state", "controller", NULL, SETTING_SWITCH, AT(store.set_aside), .at_start = true,
     .help = "a state file that is damaged is renamed, and a new one begun"},
    {"log-rows", "controller", "N", SETTING_OTHER, .set = set_bound, .at_start = true,
     .help = "how many entries the log keeps, or none: no bound (default: 100000)"},
    {"log-days", "controller", "N", SETTING_OTHER, .set = set_bound, .at_start = true,
     .help = "how many days the log goes back, or none: no bound (default: 90)"},
    {"timeout", "controller", "TIME", SETTING_TIME, AT(timeout_ms),
     .help = "the most that a device may take for one answer, and a stream\n"
             "for becoming Secure: 2, 0.5, 500ms (default: 1)"},
    {"watch-interval", "watch", "TIME", SETTING_OTHER, .set = set_watch_interval, .at_start = true,
     .help = "how often both ends of streams are looked at: 90ms, 0.5;\n"
             "0: never, and what happens to a stream is not noticed (default: 90ms)"},
    {"certificate-warning", "watch", "DAYS", SETTING_OTHER, .set = set_warning, .at_start = true,
     .help = "how long before a device's certificate ends it is told (default: 30)"},
    {"reference", "measurements", "PATH", SETTING_TEXT, AT(reference),
     .help = "what devices are expected to measure: a JSON file, or a folder of\n"
             "them; attest compares, and fails if something differs"},
    {"require-reference", "measurements", NULL, SETTING_SWITCH, AT(require_reference),
     .help = "no stream with an endpoint that does not measure what is expected,\n"
             "or of which nothing is"},
    {"spdm-versions", "spdm", "VERSIONS", SETTING_OTHER, .set = set_spdm,
     .help = "the versions of SPDM to speak: 1.2, or 1.1-1.3 (default: 1.0-1.4;\n"
             "the highest that the device has too is used, and sessions, and so\n"
             "streams, need 1.1)"},
    {"secured-versions", "spdm", "VERSIONS", SETTING_OTHER, .set = set_spdm,
     .help = "the same of secured messages (default: 1.0-1.2)"},
    {"algorithms", "spdm", "LIST", SETTING_OTHER, .set = set_spdm,
     .help = "the algorithms to use, the most wanted first: signatures, hashes,\n"
             "key exchanges and ciphers, such as \"ECDSA P-384, SHA-384\"; a kind\n"
             "that is not named stays as PCIe CMA and IDE ask for; `all`"},
    {"strength", "spdm", "BITS", SETTING_OTHER, .set = set_spdm,
     .help = "the least security of each (default: 128)"},
    {"identity", "identity", "CERTIFICATES,KEY", SETTING_OTHER, .set = set_spdm,
     .help = "who the controller is, for devices that ask: a chain, the root's\n"
             "first, and the last one's private key, all PEM"},
    {"identity-is-provisioned", "identity", NULL, SETTING_OTHER, .set = set_spdm,
     .help = "devices that ask have its public key already"},
    {"psk", "identity", "FILE", SETTING_OTHER, .set = set_spdm,
     .help = "pre-shared keys: lines of BDF, hint and key in hexadecimal digits"},
    {"public-keys", "trust", "DIR", SETTING_OTHER, .set = set_spdm,
     .help = "devices' public keys, BDF.pem, for those without certificates"},
    {"handshake-in-the-clear", "spdm", NULL, SETTING_OTHER, .set = set_spdm,
     .help = "for devices that want it so"},
    {"metrics", "controller", "WHERE", SETTING_TEXT, AT(metrics), .at_start = true,
     .help = "where Prometheus finds /metrics: 127.0.0.1:PORT, [::1]:PORT, or a\n"
             "socket's path (default: nowhere)"},
    {"log-level", "controller", "LEVEL", SETTING_OTHER, .set = set_log_level,
     .help = "what is said, at least as important as error, warning, notice,\n"
             "info or debug (default: info)"},
    {"no-sandbox", "controller", NULL, SETTING_SWITCH, AT(no_sandbox), .at_start = true,
     .help = "keep root's capabilities and system calls; for debugging only"},
    {.name = NULL},
};

/* ---- one setting ---------------------------------------------------------- */

const struct setting *setting_find(const char *section, const char *name)
{
    for (const struct setting *row = settings_table; row->name; row++)
        if (strcmp(row->name, name) == 0 && (!section || strcmp(row->section, section) == 0))
            return row;
    return NULL;
}

bool setting_is_section(const char *name)
{
    for (const struct setting *row = settings_table; row->name; row++)
        if (strcmp(row->section, name) == 0)
            return true;
    return false;
}

static bool set(struct controller_settings *s, const struct setting *row, const char *text, char *error)
{
    char *place = (char *)s + row->offset;
    uint32_t ms;
    switch (row->type) {
    case SETTING_TEXT:
        memcpy(place, &text, sizeof text);
        return true;
    case SETTING_SWITCH:
        if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
            return refuse(error, " is neither yes nor no", text);
        *(bool *)place = strcmp(text, "yes") == 0;
        return true;
    case SETTING_TIME:
        if (!duration_parse(text, &ms))
            return refuse(error, " is no time between 1 ms and an hour", text);
        memcpy(place, &ms, sizeof ms);
        return true;
    case SETTING_OTHER:
        return row->set(s, row, text, error);
    }
    return false;
}

bool setting_set(struct controller_settings *settings, const struct setting *row, const char *text,
                 unsigned line, char error[static SETTING_ERROR])
{
    struct setting_value **last = &settings->given;
    size_t size = strlen(text) + 1;
    if (*text == '\0') {
        (void)snprintf(error, SETTING_ERROR, " is empty");
        return false;
    }
    struct setting_value *value = calloc(1, sizeof *value + size);
    if (!value) {
        (void)snprintf(error, SETTING_ERROR, ": out of memory");
        return false;
    }
    value->row = row;
    value->line = line;
    memcpy(value->text, text, size);
    if (!set(settings, row, value->text, error)) {
        free(value);
        return false;
    }
    while (*last)
        last = &(*last)->next;
    *last = value;
    return true;
}

const struct setting_value *setting_given(const struct controller_settings *settings,
                                          const struct setting *row)
{
    const struct setting_value *found = NULL;
    for (const struct setting_value *v = settings->given; v; v = v->next)
        if (v->row == row)
            found = v;
    return found;
}

const struct setting_value *setting_clash(const struct controller_settings *settings,
                                          const struct setting *row, const char *text)
{
    for (const struct setting_value *v = settings->given; v; v = v->next)
        if (v->row == row && (!row->clash || row->clash(v->text, text)))
            return v;
    return NULL;
}

unsigned setting_line(const struct controller_settings *settings, const struct setting *row)
{
    const struct setting_value *given = setting_given(settings, row);
    return given ? given->line : 0;
}

const char *setting_title(const struct setting *row, unsigned line, char title[static 64])
{
    (void)snprintf(title, 64, "%s%s", line ? "" : "--", row->name);
    return title;
}

/* ---- all of them ---------------------------------------------------------- */

void settings_init(struct controller_settings *settings)
{
    *settings = (struct controller_settings){
        .listen = API_ENDPOINT_DEFAULT,
        .server_key = CURVE_KEY_DEFAULT,
        .authorized = AUTHORIZED_DEFAULT,
        .admin_group = ACCESS_ADMIN_GROUP,
        .view_group = ACCESS_VIEW_GROUP,
        .request_rate = CLIENT_RATE_DEFAULT,
        .trust = TRUST_DEFAULT,
        .name_rule = CMA_NAME_REQUIRED,
        .timeout_ms = DOE_TIMEOUT_MS,
        .log_level = LOG_INFO,
        .store = {.log_rows = STORE_LOG_ROWS, .log_days = STORE_LOG_DAYS},
        .watch = {.interval_ms = WATCH_INTERVAL_MS, .warn_days = WATCH_WARN_DAYS},
        .spdm = spdm_options_default,
    };
}

void settings_release(struct controller_settings *settings)
{
    while (settings->given) {
        struct setting_value *value = settings->given;
        settings->given = value->next;
        free(value);
    }
    rules_release(&settings->rules);
}

static size_t size_of(enum setting_type type)
{
    switch (type) {
    case SETTING_TEXT:
        return sizeof(const char *);
    case SETTING_SWITCH:
        return sizeof(bool);
    case SETTING_TIME:
        return sizeof(uint32_t);
    case SETTING_OTHER:
        break;
    }
    return 0;
}

void settings_take_live(struct controller_settings *now, const struct controller_settings *read)
{
    for (const struct setting *row = settings_table; row->name; row++)
        if (!row->at_start)
            memcpy((char *)now + row->offset, (const char *)read + row->offset, size_of(row->type));
    now->name_rule = read->name_rule;
    now->log_level = read->log_level;
    now->spdm = read->spdm;
    now->rules = read->rules;
}

const char *settings_state(const struct controller_settings *settings)
{
    const char *path = settings->store.path;
    if (!path)
        return settings->sysfs ? NULL : STORE_DEFAULT;
    return strcmp(path, "none") == 0 ? NULL : path;
}

struct front_settings settings_front(const struct controller_settings *s)
{
    return (struct front_settings){.listen = s->listen,
                                   .listen_tcp = s->listen_tcp,
                                   .server_key = s->server_key,
                                   .authorized = s->authorized,
                                   .admin_group = s->admin_group,
                                   .view_group = s->view_group,
                                   .message_log = s->message_log,
                                   .rate = s->request_rate};
}

/* One that makes sense only with another. */
static const struct setting *needs(const struct controller_settings *s, const char *name, const char *value,
                                   const char *other, char *error)
{
    const struct setting *row = setting_find(NULL, name);
    char title[64], wanted[64];
    unsigned line = setting_line(s, row);
    (void)snprintf(error, SETTING_ERROR, "%s%s needs %s", setting_title(row, line, title), value,
                   setting_title(setting_find(NULL, other), line, wanted));
    return row;
}

const struct setting *settings_contradiction(const struct controller_settings *settings,
                                             char error[static SETTING_ERROR])
{
    const struct provider_settings *p = &settings->provider;
    bool rot = p->choice == PROVIDER_ROT;
    for (size_t i = 0; i < p->override_count; i++)
        rot = rot || p->override[i].choice == PROVIDER_ROT;
    if (settings->require_reference && !settings->reference)
        return needs(settings, "require-reference", "", "reference", error);
    if (settings->spdm.is_provisioned && !settings->spdm.identity)
        return needs(settings, "identity-is-provisioned", "", "identity", error);
    if (rot && !p->has_rot)
        return needs(settings, "provider", " rot", "rot", error);
    if (!spdm_options_check(&settings->spdm, error, SETTING_ERROR))
        return setting_find(NULL, setting_given(settings, setting_find(NULL, "algorithms")) ? "algorithms"
                                                                                            : "strength");
    return NULL;
}
