/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/duration.h"
#include "tools/ide-kmd/refresh_due.h"

const struct policy policy_default = {
    .mutual = POLICY_MUTUAL_WANTED,
    .refresh_attempts = 3,
    .on_failure = POLICY_RETRY,
    .retry_first_ms = 1000,
    .retry_most_ms = 300000,
    .on_give_up = POLICY_LEAVE_OFF,
};

static bool wrong(char *error, const char *why, const char *text)
{
    (void)snprintf(error, POLICY_ERROR, " is %s: %.80s", why, text);
    return false;
}

uint64_t policy_records(const struct policy *policy)
{
    return policy->refresh_records && policy->refresh_records < REFRESH_RECORDS_DUE ? policy->refresh_records
                                                                                    : REFRESH_RECORDS_DUE;
}

/* ---- values -------------------------------------------------------------- */

/* The place of the text in the list, which ends with NULL; -1 if it is not there. */
static int choice(const char *const *list, const char *text)
{
    for (int i = 0; list[i]; i++)
        if (strcmp(list[i], text) == 0)
            return i;
    return -1;
}

static const char *const actions[] = {
    [POLICY_RETRY] = "retry", [POLICY_QUARANTINE] = "quarantine", [POLICY_LEAVE_OFF] = "leave-off", NULL};
static const char *const causes[] = {[POLICY_CAUSE_FAILURE] = "failure",
                                     [POLICY_CAUSE_WRONG_IDENTITY] = "wrong_identity",
                                     [POLICY_CAUSE_INTERFERENCE] = "interference",
                                     NULL};
static const char *const mutuals[] = {[POLICY_MUTUAL_WANTED] = "wanted",
                                      [POLICY_MUTUAL_NO] = "no",
                                      [POLICY_MUTUAL_REQUIRED] = "required",
                                      NULL};

const char *policy_action_name(enum policy_action action)
{
    return actions[action];
}

const char *policy_cause_name(enum policy_cause cause)
{
    return causes[cause];
}

bool policy_cause_parse(const char *text, enum policy_cause *cause)
{
    int i = choice(causes, text);
    if (i >= 0)
        *cause = (enum policy_cause)i;
    return i >= 0;
}

/* "never" is 0. */
static bool set_time(uint64_t *ms, const char *text, const char *never, char *error)
{
    if (never && strcmp(text, never) == 0) {
        *ms = 0;
        return true;
    }
    return duration_parse_long(text, ms) || wrong(error, "no time such as 30s, 15min, 12h or 7d", text);
}

/* Digits, or 2^N. */
static bool parse_count(const char *text, uint64_t *count)
{
    bool power = strncmp(text, "2^", 2) == 0;
    const char *digits = power ? text + 2 : text;
    errno = 0;
    unsigned long long value = strtoull(digits, NULL, 10);
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0' || errno != 0 ||
        (power && value > 63))
        return false;
    *count = power ? UINT64_C(1) << value : value;
    return true;
}

static bool set_count(uint64_t *count, const char *text, char *error)
{
    uint64_t value = 0;
    if (strcmp(text, "never") != 0 && (!parse_count(text, &value) || value == 0))
        return wrong(error, "neither a number, such as 1000000 or 2^40, nor never", text);
    *count = value;
    return true;
}

static bool set_attempts(unsigned *attempts, const char *text, const char *endless, char *error)
{
    uint64_t value = 0;
    if (endless && strcmp(text, endless) == 0) {
        *attempts = 0;
        return true;
    }
    if (!parse_count(text, &value) || value == 0 || value > 1000000)
        return wrong(error, "no number from 1 to 1000000", text);
    *attempts = (unsigned)value;
    return true;
}

/* ---- keys ---------------------------------------------------------------- */

static bool set_mutual(struct policy *p, const char *text, char *error)
{
    int i = choice(mutuals, text);
    if (i >= 0)
        p->mutual = (enum policy_mutual)i;
    return i >= 0 || wrong(error, "none of no, wanted, required", text);
}

static bool set_require_reference(struct policy *p, const char *text, char *error)
{
    static const char *const words[] = {"no", "yes", NULL};
    int i = choice(words, text);
    if (i >= 0)
        p->require_reference = i == 1;
    return i >= 0 || wrong(error, "neither yes nor no", text);
}

static bool set_refresh_every(struct policy *p, const char *text, char *error)
{
    return set_time(&p->refresh_every_ms, text, "never", error);
}

static bool set_refresh_tlps(struct policy *p, const char *text, char *error)
{
    return set_count(&p->refresh_tlps, text, error);
}

static bool set_refresh_records(struct policy *p, const char *text, char *error)
{
    return set_count(&p->refresh_records, text, error);
}

static bool set_refresh_attempts(struct policy *p, const char *text, char *error)
{
    return set_attempts(&p->refresh_attempts, text, NULL, error);
}

static bool set_heartbeat(struct policy *p, const char *text, char *error)
{
    return set_time(&p->heartbeat_ms, text, "device", error);
}

static bool set_action(enum policy_action *action, const char *text, char *error)
{
    int i = choice(actions, text);
    if (i >= 0)
        *action = (enum policy_action)i;
    return i >= 0 || wrong(error, "none of retry, quarantine, leave-off", text);
}

static bool set_on_failure(struct policy *p, const char *text, char *error)
{
    return set_action(&p->on_failure, text, error);
}

static bool set_on_wrong_identity(struct policy *p, const char *text, char *error)
{
    return set_action(&p->on_wrong_identity, text, error);
}

static bool set_on_interference(struct policy *p, const char *text, char *error)
{
    return set_action(&p->on_interference, text, error);
}

static bool set_retry_first(struct policy *p, const char *text, char *error)
{
    return set_time(&p->retry_first_ms, text, NULL, error);
}

static bool set_retry_most(struct policy *p, const char *text, char *error)
{
    return set_time(&p->retry_most_ms, text, NULL, error);
}

static bool set_retry_attempts(struct policy *p, const char *text, char *error)
{
    return set_attempts(&p->retry_attempts, text, "endless", error);
}

static bool set_on_give_up(struct policy *p, const char *text, char *error)
{
    int i = choice(actions, text);
    if (i > POLICY_RETRY)
        p->on_give_up = (enum policy_action)i;
    return i > POLICY_RETRY || wrong(error, "neither quarantine nor leave-off", text);
}

static bool set_while_off(struct policy *p, const char *text, char *error)
{
    static const char *const words[] = {[POLICY_OPEN] = "open", [POLICY_CLOSED] = "closed", NULL};
    int i = choice(words, text);
    if (i >= 0)
        p->while_off = (enum policy_while_off)i;
    return i >= 0 || wrong(error, "neither open nor closed", text);
}

enum {
    KEY_MUTUAL,
    KEY_REQUIRE_REFERENCE,
    KEY_REFRESH_EVERY,
    KEY_REFRESH_TLPS,
    KEY_REFRESH_RECORDS,
    KEY_REFRESH_ATTEMPTS,
    KEY_HEARTBEAT,
    KEY_ON_FAILURE,
    KEY_ON_WRONG_IDENTITY,
    KEY_ON_INTERFERENCE,
    KEY_RETRY_FIRST,
    KEY_RETRY_MOST,
    KEY_RETRY_ATTEMPTS,
    KEY_ON_GIVE_UP,
    KEY_WHILE_OFF,
    KEY_COUNT
};

#define FIELD(member) offsetof(struct policy, member), sizeof(((struct policy *)0)->member)

static const struct policy_key_row {
    const char *name;
    bool (*set)(struct policy *p, const char *text, char *error);
    size_t offset, size; /* of what it sets */
} rows[KEY_COUNT] = {
    [KEY_MUTUAL] = {"mutual", set_mutual, FIELD(mutual)},
    [KEY_REQUIRE_REFERENCE] = {"require-reference", set_require_reference, FIELD(require_reference)},
    [KEY_REFRESH_EVERY] = {"refresh-every", set_refresh_every, FIELD(refresh_every_ms)},
    [KEY_REFRESH_TLPS] = {"refresh-tlps", set_refresh_tlps, FIELD(refresh_tlps)},
    [KEY_REFRESH_RECORDS] = {"refresh-records", set_refresh_records, FIELD(refresh_records)},
    [KEY_REFRESH_ATTEMPTS] = {"refresh-attempts", set_refresh_attempts, FIELD(refresh_attempts)},
    [KEY_HEARTBEAT] = {"heartbeat", set_heartbeat, FIELD(heartbeat_ms)},
    [KEY_ON_FAILURE] = {"on-failure", set_on_failure, FIELD(on_failure)},
    [KEY_ON_WRONG_IDENTITY] = {"on-wrong-identity", set_on_wrong_identity, FIELD(on_wrong_identity)},
    [KEY_ON_INTERFERENCE] = {"on-interference", set_on_interference, FIELD(on_interference)},
    [KEY_RETRY_FIRST] = {"retry-first", set_retry_first, FIELD(retry_first_ms)},
    [KEY_RETRY_MOST] = {"retry-most", set_retry_most, FIELD(retry_most_ms)},
    [KEY_RETRY_ATTEMPTS] = {"retry-attempts", set_retry_attempts, FIELD(retry_attempts)},
    [KEY_ON_GIVE_UP] = {"on-give-up", set_on_give_up, FIELD(on_give_up)},
    [KEY_WHILE_OFF] = {"while-off", set_while_off, FIELD(while_off)},
};

int policy_key(const char *name)
{
    for (int key = 0; key < KEY_COUNT; key++)
        if (strcmp(rows[key].name, name) == 0)
            return key;
    return -1;
}

const char *policy_key_name(int key)
{
    return key < 0 ? NULL : rows[key].name;
}

bool policy_set(struct policy *policy, int key, const char *text, char error[static POLICY_ERROR])
{
    if (!rows[key].set(policy, text, error))
        return false;
    policy->set |= 1u << key;
    return true;
}

void policy_merge(struct policy *under, const struct policy *over)
{
    for (int key = 0; key < KEY_COUNT; key++)
        if (over->set & (1u << key))
            memcpy((char *)under + rows[key].offset, (const char *)over + rows[key].offset, rows[key].size);
    under->set |= over->set;
}

static bool has(const struct policy *policy, int key)
{
    return policy->set & (1u << key);
}

/* ---- after a failure ----------------------------------------------------- */

/* The key about the very cause, if it was given; else the one for all. */
static struct policy_rule rule_for(const struct policy *policy, enum policy_cause cause)
{
    int key = KEY_ON_FAILURE;
    enum policy_action action = policy->on_failure;
    if (cause == POLICY_CAUSE_WRONG_IDENTITY && has(policy, KEY_ON_WRONG_IDENTITY)) {
        key = KEY_ON_WRONG_IDENTITY;
        action = policy->on_wrong_identity;
    } else if (cause == POLICY_CAUSE_INTERFERENCE && has(policy, KEY_ON_INTERFERENCE)) {
        key = KEY_ON_INTERFERENCE;
        action = policy->on_interference;
    }
    return (struct policy_rule){rows[key].name, action};
}

bool policy_same(const struct policy *a, const struct policy *b)
{
    for (int cause = POLICY_CAUSE_FAILURE; cause <= POLICY_CAUSE_INTERFERENCE; cause++)
        if (rule_for(a, (enum policy_cause)cause).action != rule_for(b, (enum policy_cause)cause).action)
            return false;
    for (int key = 0; key < KEY_COUNT; key++)
        if (key != KEY_ON_WRONG_IDENTITY && key != KEY_ON_INTERFERENCE &&
            memcmp((const char *)a + rows[key].offset, (const char *)b + rows[key].offset,
                   rows[key].size) != 0)
            return false;
    return true;
}

struct policy_rule policy_decide(const struct policy *policy, enum policy_cause cause, unsigned failures)
{
    struct policy_rule rule = rule_for(policy, cause);
    if (rule.action == POLICY_RETRY && policy->retry_attempts && failures >= policy->retry_attempts)
        return (struct policy_rule){rows[KEY_ON_GIVE_UP].name, policy->on_give_up};
    return rule;
}

/* ---- whether it makes sense ---------------------------------------------- */

static bool retries(const struct policy *policy)
{
    for (int cause = POLICY_CAUSE_FAILURE; cause <= POLICY_CAUSE_INTERFERENCE; cause++)
        if (rule_for(policy, (enum policy_cause)cause).action == POLICY_RETRY)
            return true;
    return false;
}

int policy_contradiction(const struct policy *section, const struct policy *whole,
                         char error[static POLICY_ERROR])
{
    static const int of_retry[] = {KEY_RETRY_FIRST, KEY_RETRY_MOST, KEY_RETRY_ATTEMPTS, KEY_ON_GIVE_UP};
    for (size_t i = 0; i < sizeof of_retry / sizeof *of_retry; i++)
        if (has(section, of_retry[i]) && !retries(whole)) {
            (void)snprintf(error, POLICY_ERROR, "%s says how to retry, and on-failure is %s",
                           rows[of_retry[i]].name, policy_action_name(whole->on_failure));
            return of_retry[i];
        }
    if (has(section, KEY_ON_GIVE_UP) && whole->retry_attempts == 0) {
        (void)snprintf(error, POLICY_ERROR, "on-give-up needs retry-attempts, which are endless");
        return KEY_ON_GIVE_UP;
    }
    if ((has(section, KEY_RETRY_FIRST) || has(section, KEY_RETRY_MOST)) &&
        whole->retry_first_ms > whole->retry_most_ms) {
        (void)snprintf(error, POLICY_ERROR, "retry-first is longer than retry-most");
        return has(section, KEY_RETRY_FIRST) ? KEY_RETRY_FIRST : KEY_RETRY_MOST;
    }
    return -1;
}
