/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/common/features.h"

#define STREAM_LAST 254

void rules_release(struct rules *rules)
{
    free(rules->profile);
    free(rules->device);
    *rules = (struct rules){0};
}

/* One more in the list; NULL if it is full. */
static void *grow(void **list, size_t *count, size_t size)
{
    void *bigger = *count < RULES_MAX ? realloc(*list, (*count + 1) * size) : NULL;
    if (!bigger)
        return NULL;
    *list = bigger;
    void *entry = (char *)bigger + (*count)++ * size;
    memset(entry, 0, size);
    return entry;
}

/* ---- sections ------------------------------------------------------------ */

static bool is_name(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= RULES_NAME_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == len;
}

static enum rules_section refuse_section(unsigned line, struct problems *problems, bool *is_wrong,
                                         const char *what, const char *name)
{
    problem_add(problems, line, "%s: %.60s", what, name);
    *is_wrong = true;
    return RULES_NONE;
}

static enum rules_section begin_stream(struct rules *rules, const char *name, unsigned line,
                                       struct problems *problems, bool *is_wrong)
{
    if (!is_name(name) || strcmp(name, "none") == 0)
        return refuse_section(line, problems, is_wrong,
                              "no name for streams (letters, digits, _ - ., up to 31)", name);
    for (size_t i = 0; i < rules->profile_count; i++)
        if (strcmp(rules->profile[i].name, name) == 0) {
            problem_add(problems, line, "[stream %s] is there already, in line %u", name,
                        rules->profile[i].section_line);
            *is_wrong = true;
            return RULES_NONE;
        }
    struct stream_profile *p = grow((void **)&rules->profile, &rules->profile_count, sizeof *p);
    if (!p)
        return refuse_section(line, problems, is_wrong, "too many [stream] sections", name);
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    p->wish = (struct stream_wish){.selective = true, .features.algorithm = PCIE_IDE_ALG_AES_GCM_256};
    p->cxl_mode = CXL_IDE_CONTAINMENT;
    p->section_line = line;
    return RULES_STREAM;
}

/* "8086:0b60" */
static bool parse_id(const char *text, struct device_rule *rule)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    if (strlen(text) != 9 || text[4] != ':' || strspn(text, digits) != 4 || strspn(text + 5, digits) != 4)
        return false;
    rule->subject = RULE_ID;
    rule->vendor = (uint16_t)strtoul(text, NULL, 16);
    rule->device = (uint16_t)strtoul(text + 5, NULL, 16);
    return true;
}

static bool parse_subject(const char *text, struct device_rule *rule)
{
    if (strcmp(text, "all") == 0) {
        rule->subject = RULE_ALL;
        return true;
    }
    if (pcie_bdf_parse(text, &rule->bdf) == IDE_OK) {
        rule->subject = RULE_BDF;
        return true;
    }
    return parse_id(text, rule);
}

static bool same_subject(const struct device_rule *a, const struct device_rule *b)
{
    return a->subject == b->subject && a->vendor == b->vendor && a->device == b->device &&
           pcie_bdf_compare(&a->bdf, &b->bdf) == 0;
}

/* A section more, unless there is one about the same already. kind: "device". */
static enum rules_section add_rule(struct rules *rules, const struct device_rule *parsed, const char *kind,
                                   const char *who, struct problems *problems, bool *is_wrong)
{
    for (size_t i = 0; i < rules->device_count; i++)
        if (same_subject(&rules->device[i], parsed)) {
            problem_add(problems, parsed->section_line, "[%s %.60s] is there already, in line %u", kind, who,
                        rules->device[i].section_line);
            *is_wrong = true;
            return RULES_NONE;
        }
    struct device_rule *rule = grow((void **)&rules->device, &rules->device_count, sizeof *rule);
    if (!rule)
        return refuse_section(parsed->section_line, problems, is_wrong, "too many [device] and [link] sections", who);
    *rule = *parsed;
    return RULES_DEVICE;
}

static enum rules_section begin_device(struct rules *rules, const char *who, unsigned line,
                                       struct problems *problems, bool *is_wrong)
{
    struct device_rule parsed = {.section_line = line};
    if (!parse_subject(who, &parsed))
        return refuse_section(line, problems, is_wrong,
                              "a device is all, VENDOR:DEVICE as 8086:0b60, or an address as 0000:01:00.0",
                              who);
    return add_rule(rules, &parsed, "device", who, problems, is_wrong);
}

static enum rules_section begin_link(struct rules *rules, const char *who, unsigned line, struct problems *problems,
                                     bool *is_wrong)
{
    struct device_rule parsed = {.subject = RULE_LINK, .section_line = line};
    if (pcie_bdf_parse(who, &parsed.bdf) != IDE_OK)
        return refuse_section(line, problems, is_wrong, "a link is the address of a port at it, as 0000:03:00.0", who);
    return add_rule(rules, &parsed, "link", who, problems, is_wrong);
}

enum rules_section rules_begin_section(struct rules *rules, const char *name, unsigned line,
                                       struct problems *problems, bool *is_wrong)
{
    *is_wrong = false;
    if (strcmp(name, "policy") == 0)
        return RULES_POLICY;
    if (strncmp(name, "stream ", 7) == 0)
        return begin_stream(rules, name + 7 + strspn(name + 7, " "), line, problems, is_wrong);
    if (strncmp(name, "device ", 7) == 0)
        return begin_device(rules, name + 7 + strspn(name + 7, " "), line, problems, is_wrong);
    if (strncmp(name, "link ", 5) == 0)
        return begin_link(rules, name + 5 + strspn(name + 5, " "), line, problems, is_wrong);
    return RULES_NONE;
}

/* ---- keys of [stream] ---------------------------------------------------- */

enum stream_key {
    STREAM_NUMBER,
    STREAM_SELECTIVE,
    STREAM_LINK,
    STREAM_TC,
    STREAM_ALGORITHM,
    STREAM_HEADER,
    STREAM_AGGREGATION,
    STREAM_CXL,
    STREAM_CXL_MODE,
    STREAM_CXL_GENERATE,
    STREAM_FLAGS /* the first of feature_flags */
};

static const char *const stream_keys[] = {"stream",    "selective",      "link",        "tc",
                                          "algorithm", "partial-header", "aggregation", "cxl",
                                          "mode",      "generate",       NULL};

/* The flag's name as a key: with hyphens. */
static const char *flag_key(const struct feature_flag *flag, char key[static RULES_NAME_MAX + 1])
{
    size_t i;
    for (i = 0; i < RULES_NAME_MAX && flag->name[i]; i++)
        key[i] = (char)(flag->name[i] == '_' ? '-' : flag->name[i]);
    key[i] = '\0';
    return key;
}

static int stream_key(const char *name)
{
    for (int i = 0; stream_keys[i]; i++)
        if (strcmp(stream_keys[i], name) == 0)
            return i;
    char key[RULES_NAME_MAX + 1];
    for (int i = 0; feature_flags[i].name; i++)
        if (strcmp(flag_key(&feature_flags[i], key), name) == 0)
            return STREAM_FLAGS + i;
    return -1;
}

/* What a value has to be; NULL: it was that. */
static const char *set_switch(bool *on, const char *text)
{
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return "yes or no";
    *on = strcmp(text, "yes") == 0;
    return NULL;
}

static const char *set_number(uint8_t *number, const char *text, unsigned most, const char *wanted)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (strspn(text, "0123456789") != strlen(text) || *text == '\0' || value > most)
        return wanted;
    *number = (uint8_t)value;
    return NULL;
}

static const char *set_header(struct ide_features *f, const char *text)
{
    f->partial_header = IDE_HEADER_CLEAR;
    if (strcmp(text, "none") == 0 || feature_header_parse(text, &f->partial_header))
        return NULL;
    return "17:2, 25:2, 33:2, 41:2 or none";
}

static const char *set_mode(enum cxl_ide_mode *mode, const char *text)
{
    if (strcmp(text, "containment") != 0 && strcmp(text, "skid") != 0)
        return "containment or skid";
    *mode = strcmp(text, "skid") == 0 ? CXL_IDE_SKID : CXL_IDE_CONTAINMENT;
    return NULL;
}

static const char *set_stream_key(struct stream_profile *p, int key, const char *text)
{
    struct ide_features *f = &p->wish.features;
    switch (key) {
    case STREAM_NUMBER:
        p->has_stream = true;
        return set_number(&p->stream, text, STREAM_LAST, "a number from 0 to 254");
    case STREAM_SELECTIVE:
        p->has_selective = true;
        return set_switch(&p->wish.selective, text);
    case STREAM_LINK:
        return set_switch(&p->wish.link, text);
    case STREAM_TC:
        return set_number(&f->traffic_class, text, 7, "a traffic class, 0 to 7");
    case STREAM_ALGORITHM:
        return strcasecmp(text, FEATURE_ALGORITHM) == 0 ? NULL : FEATURE_ALGORITHM;
    case STREAM_HEADER:
        return set_header(f, text);
    case STREAM_AGGREGATION:
        return feature_aggregation_parse(text, f) ? NULL : "2, 4, 8 or none, or a list such as pr=4,npr=none";
    case STREAM_CXL:
        return set_switch(&p->cxl, text);
    case STREAM_CXL_MODE:
        return set_mode(&p->cxl_mode, text);
    case STREAM_CXL_GENERATE:
        return set_switch(&p->cxl_generate, text);
    default:
        return set_switch(feature_flags[key - STREAM_FLAGS].place(f), text);
    }
}

/* Link streams instead of a selective one, unless that is asked for too: as establish has it. Or a CXL link. */
static void settle_kinds(struct stream_profile *p)
{
    if (!p->has_selective)
        p->wish.selective = !p->wish.link && !p->cxl;
}

/* ---- keys of [device] ---------------------------------------------------- */

#define DEVICE_STREAMS (RULES_KEYS_MAX - 1) /* behind those of policy.h */

static void add_stream_name(struct device_rule *rule, const char *name, unsigned line,
                            struct problems *problems)
{
    if (!is_name(name)) {
        problem_add(problems, line,
                    "streams is a list of [stream] names with commas, or none: \"%.60s\" is no name", name);
        return;
    }
    for (size_t i = 0; i < rule->stream_count; i++)
        if (strcmp(rule->stream[i], name) == 0) {
            problem_add(problems, line, "streams names %s twice", name);
            return;
        }
    if (rule->stream_count == RULES_STREAMS_MAX)
        problem_add(problems, line, "streams names more than %u", RULES_STREAMS_MAX);
    else
        (void)snprintf(rule->stream[rule->stream_count++], sizeof rule->stream[0], "%s", name);
}

/* Names with commas; "none" alone is none. */
static void take_streams(struct device_rule *rule, const char *value, unsigned line,
                         struct problems *problems)
{
    char words[RULES_STREAMS_MAX * (RULES_NAME_MAX + 4)], *rest = words, *word;
    rule->has_streams = true;
    if (strcmp(value, "none") == 0)
        return;
    if (strlen(value) >= sizeof words) {
        problem_add(problems, line, "streams is too long");
        return;
    }
    (void)snprintf(words, sizeof words, "%s", value);
    while ((word = strsep(&rest, ","))) {
        word += strspn(word, " \t");
        word[strcspn(word, " \t")] = '\0';
        add_stream_name(rule, word, line, problems);
    }
}

/* ---- keys ---------------------------------------------------------------- */

/* Whether it is there for the first time. */
static bool is_new(unsigned *seen, const char *name, unsigned line, struct problems *problems)
{
    if (*seen)
        problem_add(problems, line, "%s is there already, in line %u", name, *seen);
    bool new = *seen == 0;
    *seen = new ? line : *seen;
    return new;
}

static void take_policy(struct policy *policy, int key, const char *name, const char *value, unsigned line,
                        struct problems *problems)
{
    char error[POLICY_ERROR];
    if (*value == '\0')
        problem_add(problems, line, "%s is empty", name);
    else if (!policy_set(policy, key, value, error))
        problem_add(problems, line, "%s%s", name, error);
}

static void take_stream(struct stream_profile *p, const char *name, const char *value, unsigned line,
                        struct problems *problems)
{
    int key = stream_key(name);
    if (key < 0) {
        problem_add(problems, line, "there is no key %.60s in [stream]", name);
        return;
    }
    if (!is_new(&p->line[key], name, line, problems))
        return;
    const char *wanted = set_stream_key(p, key, value);
    if (wanted)
        problem_add(problems, line, "%s is not %s: %.60s", name, wanted, value);
    settle_kinds(p);
}

static void take_device(struct device_rule *rule, const char *name, const char *value, unsigned line,
                        struct problems *problems)
{
    int key = policy_key(name);
    if (strcmp(name, "streams") == 0) {
        if (is_new(&rule->line[DEVICE_STREAMS], name, line, problems))
            take_streams(rule, value, line, problems);
    } else if (key < 0) {
        problem_add(problems, line, "there is no key %.60s in [%s]", name,
                    rule->subject == RULE_LINK ? "link" : "device");
    } else if (is_new(&rule->line[key], name, line, problems)) {
        take_policy(&rule->policy, key, name, value, line, problems);
    }
}

void rules_take_key(struct rules *rules, enum rules_section section, const char *name, const char *value,
                    unsigned line, struct problems *problems)
{
    int key = policy_key(name);
    switch (section) {
    case RULES_NONE:
        break;
    case RULES_STREAM:
        take_stream(&rules->profile[rules->profile_count - 1], name, value, line, problems);
        break;
    case RULES_DEVICE:
        take_device(&rules->device[rules->device_count - 1], name, value, line, problems);
        break;
    case RULES_POLICY:
        if (key < 0 || strcmp(name, "require-reference") == 0)
            problem_add(problems, line, "there is no key %.60s in [policy]", name);
        else if (is_new(&rules->policy_line[key], name, line, problems))
            take_policy(&rules->policy, key, name, value, line, problems);
        break;
    }
}

/* ---- whether it goes together -------------------------------------------- */

/* The key's name; flags have theirs made in key. */
static const char *stream_key_name(int number, char key[static RULES_NAME_MAX + 1])
{
    return number < STREAM_FLAGS ? stream_keys[number] : flag_key(&feature_flags[number - STREAM_FLAGS], key);
}

/* CXL.cachemem has one stream a link, and nothing of what streams of PCI Express can be asked for. */
static void check_cxl(const struct stream_profile *p, struct problems *problems)
{
    char key[RULES_NAME_MAX + 1];
    for (int i = 0; i < STREAM_FLAGS || feature_flags[i - STREAM_FLAGS].name; i++) {
        bool about_cxl = i == STREAM_CXL_MODE || i == STREAM_CXL_GENERATE;
        if (!p->line[i] || i == STREAM_CXL || about_cxl == p->cxl)
            continue;
        if (about_cxl)
            problem_add(problems, p->line[i], "%s is about a CXL link, and needs cxl = yes", stream_keys[i]);
        else
            problem_add(problems, p->line[i], "a CXL link has no %s", stream_key_name(i, key));
    }
}

static void check_profile(const struct stream_profile *p, struct problems *problems)
{
    const struct stream_wish *w = &p->wish;
    char key[RULES_NAME_MAX + 1];
    check_cxl(p, problems);
    if (p->cxl)
        return;
    if (!w->selective && !w->link)
        problem_add(problems, p->line[STREAM_SELECTIVE], "[stream %s] is neither selective nor a link's",
                    p->name);
    for (int i = 0; feature_flags[i].name && !w->selective; i++) {
        struct ide_features f = w->features;
        if (*feature_flags[i].place(&f) && strcmp(feature_flags[i].name, "pcrc") != 0)
            problem_add(problems, p->line[STREAM_FLAGS + i], "a link stream has no %s",
                        flag_key(&feature_flags[i], key));
    }
}

static bool share_kind(const struct stream_profile *a, const struct stream_profile *b)
{
    return (a->wish.selective && b->wish.selective) || (a->wish.link && b->wish.link);
}

/* Two streams of one device. */
static void check_pair(const struct device_rule *rule, const struct stream_profile *a,
                       const struct stream_profile *b, struct problems *problems)
{
    unsigned line = rule->line[DEVICE_STREAMS];
    if (a->cxl && b->cxl)
        problem_add(problems, line, "the streams %s and %s are the CXL link both, and a device has one", a->name,
                    b->name);
    if (a->has_stream && b->has_stream && a->stream == b->stream)
        problem_add(problems, line, "the streams %s and %s have the number %u both", a->name, b->name,
                    a->stream);
    if (share_kind(a, b) && a->wish.features.traffic_class == b->wish.features.traffic_class)
        problem_add(problems, line, "the streams %s and %s have traffic class %u both", a->name, b->name,
                    a->wish.features.traffic_class);
}

static void check_streams(const struct rules *rules, const struct device_rule *rule,
                          const struct rules_surroundings *around, struct problems *problems)
{
    if (around->no_sessions && rule->stream_count > 0)
        problem_add(problems, rule->line[DEVICE_STREAMS],
                    "streams need a session, which SPDM has from 1.1 on, and spdm-versions ends with 1.0");
    const struct stream_profile *list[RULES_STREAMS_MAX];
    for (size_t i = 0; i < rule->stream_count; i++) {
        list[i] = rules_profile(rules, rule->stream[i]);
        if (!list[i])
            problem_add(problems, rule->line[DEVICE_STREAMS], "there is no section [stream %s]",
                        rule->stream[i]);
        else if (rule->subject == RULE_LINK && (!list[i]->wish.link || list[i]->wish.selective))
            problem_add(problems, rule->line[DEVICE_STREAMS],
                        "a link has streams with link = yes only, and [stream %s] is another one", rule->stream[i]);
        for (size_t k = 0; list[i] && k < i; k++)
            if (list[k])
                check_pair(rule, list[k], list[i], problems);
    }
    /* Numbers are unique under a host bridge (PCIe 6.x §6.33.3), where devices of a kind may well meet. */
    bool is_one = rule->subject == RULE_BDF || rule->subject == RULE_LINK;
    for (size_t i = 0; i < rule->stream_count && !is_one; i++)
        if (list[i] && list[i]->has_stream)
            problem_add(problems, rule->line[DEVICE_STREAMS],
                        "[stream %s] has a fixed number, and only one device under a host bridge can have it",
                        list[i]->name);
}

/* Not nothing: the next operation notices, and a record of the session that is not authentic is noticed at
 * once. */
static void warn_of_no_watch(const struct policy *section, const unsigned *line,
                             const struct rules_surroundings *around, struct problems *problems)
{
    int interference = policy_key("on-interference"), while_off = policy_key("while-off");
    if (!around->no_watch)
        return;
    if (section->set & (1u << interference))
        problem_warn(
            problems, line[interference],
            "on-interference with watch-interval = 0: nobody looks for errors on the link, and what the next "
            "operation or the session shows is all that is noticed");
    if ((section->set & (1u << while_off)) && section->while_off == POLICY_CLOSED)
        problem_warn(problems, line[while_off],
                     "while-off = closed with watch-interval = 0: that a stream falls is noticed by the "
                     "next operation only, and until then what it protected goes in the clear");
}

static void check_policy(const struct policy *section, const struct policy *whole, const unsigned *line,
                         const struct rules_surroundings *around, struct problems *problems)
{
    static const char needs[] = "mutual is required, and there is no identity to show";
    char error[POLICY_ERROR];
    int key = policy_contradiction(section, whole, error);
    int mutual = policy_key("mutual"), reference = policy_key("require-reference");
    int while_off = policy_key("while-off");
    if (key >= 0)
        problem_add(problems, line[key], "%s", error);
    if ((section->set & (1u << mutual)) && section->mutual == POLICY_MUTUAL_REQUIRED && !around->has_identity)
        problem_add(problems, line[mutual], "%s", needs);
    if ((section->set & (1u << reference)) && section->require_reference && !around->has_reference)
        problem_add(problems, line[reference], "require-reference needs reference, in [measurements]");
    if ((section->set & (1u << while_off)) && section->while_off == POLICY_CLOSED && !around->has_state)
        problem_add(problems, line[while_off],
                    "while-off = closed needs a state file (--state): what is to be opened again is in it");
    warn_of_no_watch(section, line, around, problems);
}

/* What a device sends to the host is associated with no address: it is on its default stream, or on that of a
 * link. */
static void check_what_it_sends(const struct rules *rules, const struct device_rule *rule,
                                const struct policy *whole, struct problems *problems)
{
    bool covered = rule->stream_count == 0 || whole->while_off != POLICY_CLOSED;
    for (size_t i = 0; i < rule->stream_count && !covered; i++) {
        const struct stream_profile *p = rules_profile(rules, rule->stream[i]);
        covered = !p || p->wish.link || p->wish.features.default_stream;
    }
    if (!covered)
        problem_warn(problems, rule->line[DEVICE_STREAMS],
                     "while-off is closed, and none of the streams has default = yes or link = yes: what "
                     "the device itself sends is in the clear even while they are up");
}

void rules_check(const struct rules *rules, const struct rules_surroundings *around,
                 struct problems *problems)
{
    struct policy base = policy_default;
    policy_merge(&base, &rules->policy);
    check_policy(&rules->policy, &base, rules->policy_line, around, problems);
    for (size_t i = 0; i < rules->profile_count; i++)
        check_profile(&rules->profile[i], problems);
    for (size_t i = 0; i < rules->device_count; i++) {
        struct policy whole = base;
        policy_merge(&whole, &rules->device[i].policy);
        check_streams(rules, &rules->device[i], around, problems);
        check_what_it_sends(rules, &rules->device[i], &whole, problems);
        check_policy(&rules->device[i].policy, &whole, rules->device[i].line, around, problems);
    }
}

/* ---- using --------------------------------------------------------------- */

/* How far the rule is from being about this very device; -1: it is not about it. */
static long distance(const struct device_rule *rule, const struct rules_device *device)
{
    switch (rule->subject) {
    case RULE_ALL:
        return (long)device->above_count + 2;
    case RULE_ID:
        return rule->vendor == device->vendor && rule->device == device->device
                   ? (long)device->above_count + 1
                   : -1;
    case RULE_BDF:
        if (pcie_bdf_compare(&rule->bdf, &device->bdf) == 0)
            return 0;
        for (size_t i = 0; i < device->above_count; i++)
            if (pcie_bdf_compare(&rule->bdf, &device->above[i]) == 0)
                return (long)i + 1;
        return -1;
    case RULE_LINK:
        return -1;
    }
    return -1;
}

/* No two rules have the same distance: no two have the same subject. */
const struct device_rule *rules_resolve(const struct rules *rules, const struct policy *base,
                                        const struct rules_device *device, struct policy *policy)
{
    const struct device_rule *streams = NULL;
    *policy = *base;
    policy_merge(policy, &rules->policy);
    for (long far = (long)device->above_count + 2; far >= 0; far--)
        for (size_t i = 0; i < rules->device_count; i++) {
            const struct device_rule *rule = &rules->device[i];
            if (distance(rule, device) != far)
                continue;
            policy_merge(policy, &rule->policy);
            streams = rule->has_streams ? rule : streams;
        }
    return streams;
}

const struct device_rule *rules_link(const struct rules *rules, const struct pcie_bdf *upper,
                                     const struct pcie_bdf *lower)
{
    for (size_t i = 0; i < rules->device_count; i++) {
        const struct device_rule *rule = &rules->device[i];
        if (rule->subject == RULE_LINK &&
            (pcie_bdf_compare(&rule->bdf, upper) == 0 || pcie_bdf_compare(&rule->bdf, lower) == 0))
            return rule;
    }
    return NULL;
}

const struct stream_profile *rules_profile(const struct rules *rules, const char *name)
{
    static const struct stream_profile plain = {
        .name = "default", .wish = {.selective = true, .features.algorithm = PCIE_IDE_ALG_AES_GCM_256}};
    for (size_t i = 0; i < rules->profile_count; i++)
        if (strcmp(rules->profile[i].name, name) == 0)
            return &rules->profile[i];
    return strcmp(name, plain.name) == 0 ? &plain : NULL;
}
