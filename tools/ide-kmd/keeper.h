/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps streams as they are wanted: by the configuration, and by whoever established one, until he stops it.
 * Establishes what is wanted and can be, tries again after failures, refreshes keys, turns off what fell or
 * is wanted no longer, and quarantines, all as the stream's policy says.
 *
 * Pure logic: it is told what happened and what time it is, and says through its ops what is to be done. No
 * socket, device, thread or clock of its own; a test is its controller (tests/unit/keeper_rig.h).
 *
 * Who calls what:
 *   configuration  keeper_plan_begin(), keeper_plan_want() for each stream, keeper_plan_end(): at the start,
 *                  after SIGHUP, and when the platform has changed
 *   operations     keeper_started() and keeper_ended(), for those of clients and its own alike
 *   watching       keeper_fell() when a stream is no longer Secure, keeper_port() when a port goes or comes
 *   recovery       keeper_restore(), before the first plan
 *   the loop       keeper_run() when keeper_due() says so, and after each of the above
 *
 * None of them calls an op but keeper_run(), so they may be called from anywhere; an op may call
 * keeper_started() and keeper_ended() and no other.
 */
#ifndef IDE_KMD_KEEPER_H
#define IDE_KMD_KEEPER_H

#include "ide_km/cxl_ide_km.h"
#include "root_port/ide_stream.h"
#include "root_port/pcie_bdf.h"
#include "spdm/transport.h"
#include "tools/ide-kmd/policy.h"
#include "tools/ide-kmd/refresh_due.h"

/* Which stream: a number is only given when it is established, and may be another one the next time. */
struct keeper_key {
    bool cxl; /* the CXL.cachemem link of the two; kind and class are 0, and it has no number */
    enum ide_kind kind;
    struct pcie_bdf root_port, endpoint; /* of a link stream the ports above and below the link */
    uint8_t traffic_class;
};

struct keeper_want {
    struct keeper_key key;
    struct ide_features features;
    bool has_stream; /* with this number and no other */
    uint8_t stream;
    enum cxl_ide_mode cxl_mode; /* of a CXL link, as is what follows */
    bool cxl_generate;
    struct policy policy;
};

enum keeper_state {
    KEEPER_ABSENT,   /* one of its ports is not there */
    KEEPER_WAITING,  /* off; to be established at due_ms */
    KEEPER_STARTING, /* an establish runs */
    KEEPER_UP,
    KEEPER_REFRESHING,  /* a rekey runs */
    KEEPER_FALLEN,      /* not Secure any more, or to be replaced or given up: to be stopped at due_ms */
    KEEPER_STOPPING,    /* a stop runs */
    KEEPER_LEFT_OFF,    /* by policy */
    KEEPER_QUARANTINED, /* by policy, with all of its device */
    KEEPER_STOPPED,     /* by somebody's stop */
};

enum keeper_source {
    KEEPER_BY_CONFIG, /* in the configuration */
    KEEPER_BY_CLIENT, /* established by somebody */
};

#define KEEPER_CAUSE_MAX 320u

/* Of the last failure. */
struct keeper_reason {
    char cause[KEEPER_CAUSE_MAX]; /* in words; empty if there was none */
    enum policy_cause kind;
    struct policy_rule rule; /* what the policy said to it; without key: nothing yet */
};

struct keeper_item {
    struct keeper_item *next;
    struct keeper_want want;   /* as it is to be established the next time */
    struct keeper_want config; /* KEEPER_BY_CONFIG: as it was in the configuration */
    enum keeper_source source;
    enum keeper_state state;
    enum keeper_state told;    /* as of the last changed() */
    enum keeper_state then;    /* of one that is being turned off: WAITING, LEFT_OFF or STOPPED */
    enum keeper_state before;  /* of a client's establish: what it is again if that fails */
    bool must_stop;            /* to be turned off as soon as the operation that runs has ended */
    bool dropped;              /* wanted no longer: forgotten once it is off */
    bool gone;                 /* forgotten: to be freed */
    bool seen;                 /* in the plan that is being made */
    bool otherwise;            /* and wanted otherwise than in the one before, or by another policy */
    bool own;                  /* the operation that runs is the keeper's */
    bool anew;                 /* somebody's stop runs, and the configuration wants it otherwise since */
    bool restored;             /* from an earlier life, and not established since */
    bool had_stream;           /* it has been up, and is no CXL link: */
    uint8_t stream;            /* its number, now or the last time */
    uint64_t presence[2];      /* of root port and endpoint, as keeper_port() was told last; 0: not known */
    uint64_t due_ms;           /* when the next thing is to be done; UINT64_MAX: nothing */
    uint64_t up_ms;            /* since when it is up */
    uint64_t early_ms;         /* how much before its time it is refreshed, so that not all are at once */
    unsigned attempts;         /* establishes that failed in a row, and falls soon after one that did not */
    unsigned refresh_failures; /* in a row */
    unsigned stop_failures;    /* in a row */
    struct keeper_reason reason;
};

struct keeper_ops {
    /*
     * Begin an operation; keeper_started() and keeper_ended() follow, perhaps before the op returns. False if
     * it cannot be begun now: the keeper asks again a little later.
     */
    bool (*establish)(void *context, const struct keeper_want *want);
    bool (*refresh)(void *context, const struct keeper_item *item);
    bool (*stop)(void *context, const struct keeper_item *item);
    /* Of the stream's present keys; NULL if it has none. */
    const struct refresh_use *(*use)(void *context, const struct keeper_key *key);
    /* Its state is another one: to be published. Or it was off, and is gone: nobody wants it any more. */
    void (*changed)(void *context, const struct keeper_item *item);
    void *context;
};

struct keeper {
    const struct keeper_ops *ops;
    const struct rng *rng;          /* for jitter */
    uint64_t now_ms;                /* as last told */
    struct keeper_item *first;      /* in the order they were wanted */
    struct keeper_mark *quarantine; /* endpoints */
    struct keeper_mark *absent;     /* ports */
    bool planning;
};

void keeper_init(struct keeper *keeper, const struct keeper_ops *ops, const struct rng *rng);
void keeper_close(struct keeper *keeper);

/* ---- what is wanted ------------------------------------------------------ */

/* All that the configuration wants now. What was in the last plan and is the same in this one is not touched.
 */
void keeper_plan_begin(struct keeper *keeper);
/* False without memory. Of two wants with the same key the first counts: the caller gives the most specific
 * first. */
bool keeper_plan_want(struct keeper *keeper, const struct keeper_want *want);
/*
 * What the configuration wants no longer is turned off. renew: the configuration was read again, so what
 * failed or was left off is tried again, what somebody has stopped is wanted again if it is wanted otherwise
 * than before, and ports that are not there are nobody's any more; else they are waited for.
 */
void keeper_plan_end(struct keeper *keeper, bool renew, uint64_t now_ms);

/* From an earlier life of this program. state: WAITING, STOPPED, LEFT_OFF or QUARANTINED; reason: why, or NULL. False
 * without memory. */
bool keeper_restore(struct keeper *keeper, const struct keeper_want *want, enum keeper_source source,
                    enum keeper_state state, const struct keeper_reason *reason, uint64_t now_ms);

/* ---- what happened ------------------------------------------------------- */

enum keeper_operation { KEEPER_ESTABLISH, KEEPER_REFRESH, KEEPER_STOP };

/* An operation begins. own: it was the keeper who asked for it. */
void keeper_started(struct keeper *keeper, const struct keeper_key *key, enum keeper_operation operation,
                    bool own, uint64_t now_ms);

struct keeper_result {
    enum keeper_operation operation;
    bool own;
    bool ok;
    bool is_up;                     /* the stream is there now: Secure, or at least not turned off */
    bool session_lost;              /* it cannot be refreshed in its session */
    const struct keeper_want *want; /* of an establish: with what it was established */
    uint8_t stream;                 /* its number */
    const char *cause;              /* of a failure */
    enum policy_cause cause_kind;
};

/* An operation has ended. One of a client on a stream that nobody had wanted makes it wanted, until it is
 * stopped. */
void keeper_ended(struct keeper *keeper, const struct keeper_key *key, const struct keeper_result *result,
                  uint64_t now_ms);

/* The stream is no longer Secure at one of its ends, or the session that keyed it is lost. cause: in words.
 */
void keeper_fell(struct keeper *keeper, const struct keeper_key *key, enum policy_cause kind,
                 const char *cause, uint64_t now_ms);

/*
 * What is at the port's address: 0: nothing; else a number that another device there does not have. One that
 * is another device than the last time has gone, and come. Ports are there until told otherwise.
 */
void keeper_port(struct keeper *keeper, const struct pcie_bdf *port, uint64_t presence, uint64_t now_ms);

/*
 * Somebody stops a stream by its number that is off at the moment: it is not tried again. NULL if no such
 * stream is wanted at the port; else it, as it is now.
 */
const struct keeper_item *keeper_give_up(struct keeper *keeper, const struct pcie_bdf *port, uint8_t stream,
                                         uint64_t now_ms);
/* The same of the CXL link at the port. */
const struct keeper_item *keeper_give_up_cxl(struct keeper *keeper, const struct pcie_bdf *port, uint64_t now_ms);

/* ---- what is due --------------------------------------------------------- */

/* Does all that is due. */
void keeper_run(struct keeper *keeper, uint64_t now_ms);

/* When keeper_run() has to be called next; UINT64_MAX: not until something happens. */
uint64_t keeper_due(const struct keeper *keeper);

/* ---- looking ------------------------------------------------------------- */

const struct keeper_item *keeper_find(const struct keeper *keeper, const struct keeper_key *key);
bool keeper_is_quarantined(const struct keeper *keeper, const struct pcie_bdf *endpoint);
/* "waiting": in JSON and logs. */
const char *keeper_state_name(enum keeper_state state);

#endif
