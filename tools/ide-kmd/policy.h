/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is to be done with a stream without being asked: when its keys are made new, how its session is kept
 * alive, what follows when it fails. Keys of the configuration file, in [policy] for all devices and in
 * [device ...] for some. ide-kmd.conf(5)
 */
#ifndef IDE_KMD_POLICY_H
#define IDE_KMD_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum policy_action {
    POLICY_RETRY,      /* turn it off, and try again, each time after a longer pause */
    POLICY_QUARANTINE, /* all streams of the device off, and none until somebody establishes one */
    POLICY_LEAVE_OFF   /* this stream off, until somebody establishes it or the device is put in anew */
};

/* What kind of thing went wrong; which failure is of which kind, cause.h says. */
enum policy_cause {
    POLICY_CAUSE_FAILURE,        /* no answer, a reset, a link that is down: whatever is none of the others */
    POLICY_CAUSE_WRONG_IDENTITY, /* the device is not who or what it should be */
    POLICY_CAUSE_INTERFERENCE    /* somebody interferes with the link, or with what is said to the device */
};

enum policy_mutual {
    POLICY_MUTUAL_WANTED,   /* shown to devices that ask for it, if there is an identity */
    POLICY_MUTUAL_NO,       /* not even then */
    POLICY_MUTUAL_REQUIRED, /* a session that is not mutual is none */
};

/* Of memory requests, while a stream that is wanted is not Secure: port_gate.h. */
enum policy_while_off {
    POLICY_OPEN,  /* they go over the link in the clear */
    POLICY_CLOSED /* they do not go at all */
};

struct policy {
    enum policy_mutual mutual;
    bool require_reference;    /* as --require-reference, for some devices */
    uint64_t refresh_every_ms; /* 0: only when it has to be (refresh_due.h) */
    uint64_t refresh_tlps;     /* that may have gone under one key of a sub-stream; 0: the same */
    uint64_t refresh_records;  /* of the session, under one key; 0: the same */
    unsigned refresh_attempts; /* after as many failures the stream is turned off and established anew */
    uint64_t heartbeat_ms; /* the device is asked for a sign of life so often; 0: as often as it wants it */
    enum policy_action on_failure;
    enum policy_action on_wrong_identity, on_interference; /* if they were given; else as on_failure */
    uint64_t retry_first_ms, retry_most_ms;
    unsigned retry_attempts;       /* 0: without end */
    enum policy_action on_give_up; /* after them; never POLICY_RETRY */
    enum policy_while_off while_off;
    uint32_t set;                  /* the keys that were given: bits in the order of policy_keys */
};

/* What counts if nothing is given. */
extern const struct policy policy_default;

/* Its name; NULL for -1. */
const char *policy_key_name(int key);

/* The key's number, for policy_set() and struct policy's set; -1 if there is no such key. */
int policy_key(const char *name);

#define POLICY_ERROR 160u
/* Sets one and its bit. False with what is wrong, as it goes on after the key: " is no time: x". */
bool policy_set(struct policy *policy, int key, const char *text, char error[static POLICY_ERROR]);

/*
 * Whether what a section has set makes sense in what comes of it with what it did not set; if not, says so,
 * as a whole sentence, and gives the key.
 */
int policy_contradiction(const struct policy *section, const struct policy *whole,
                         char error[static POLICY_ERROR]);

/* What over has set, over under: the more specific over the less. */
void policy_merge(struct policy *under, const struct policy *over);

/* Whether they come to the same, whichever keys were given for it. */
bool policy_same(const struct policy *a, const struct policy *b);

/* The most records of a session under one key: what the policy says, or what refresh_due.h has. */
uint64_t policy_records(const struct policy *policy);

/* "retry": as in the file. */
const char *policy_action_name(enum policy_action action);
/* "wrong_identity": in JSON and logs. */
const char *policy_cause_name(enum policy_cause cause);
/* False if there is no such cause. */
bool policy_cause_parse(const char *text, enum policy_cause *cause);

/* Which key decides, and what it says. */
struct policy_rule {
    const char *key; /* "on-interference"; static; NULL: none has decided anything */
    enum policy_action action;
};

/* After a failure of this kind. failures: how many in a row, of any kind, with this one. */
struct policy_rule policy_decide(const struct policy *policy, enum policy_cause cause, unsigned failures);

#endif
