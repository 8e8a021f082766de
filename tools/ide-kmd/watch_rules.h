/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the watch makes of what it sees: whether a stream is Secure, and if not,
 * why. Pure functions; time and registers are the caller's.
 */
#ifndef IDE_KMD_WATCH_RULES_H
#define IDE_KMD_WATCH_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "root_port/cxl_ide.h"
#include "root_port/port_view.h"
#include "tools/ide-kmd/plan.h"

/* Why a stream is not Secure. The first one that fits, in this order, is told. */
enum watch_cause {
    WATCH_CAUSE_NONE,
    WATCH_CAUSE_KERNEL,       /* a TEE Security Manager of the kernel has taken the device */
    WATCH_CAUSE_LINK_DOWN,    /* a link between the ends is down */
    WATCH_CAUSE_GONE,         /* an end does not answer */
    WATCH_CAUSE_TAKEN,        /* the block carries another stream */
    WATCH_CAUSE_RESET,        /* the block is as after a reset */
    WATCH_CAUSE_DISABLED,     /* the block is ours, and somebody has turned it off */
    WATCH_CAUSE_IDE_FAIL,     /* the other end received an IDE fail message from this one */
    WATCH_CAUSE_AER,          /* an error of IDE in AER, and no message about it */
    WATCH_CAUSE_SESSION_LOST, /* the session that gave the end its keys is lost */
    WATCH_CAUSE_UNKNOWN
};

/* "ide_fail"; NULL for none. */
const char *watch_cause_name(enum watch_cause cause);
/* One sentence without a full stop. */
const char *watch_cause_text(enum watch_cause cause);

/* What was seen of one end. */
struct watch_end {
    bool looked; /* the rest is meant */
    bool gone;
    bool enabled, fail_received;
    bool blank; /* whom the stream is for is not in the registers: they are as after a reset */
    uint8_t stream_id, state;
    uint32_t errors; /* of AER that were not there when the watch began, or since they were told */
};

/* Of both, and what is around them. */
struct watch_sample {
    struct watch_end end[END_COUNT];
    bool link_down, kernel;
    enum ide_err session_lost[END_COUNT]; /* by what; IDE_OK: it is not */
};

struct watch_end watch_end_of(const struct port_block *block);

/* The end is enabled, carries the stream, and says Secure. */
bool watch_end_is_secure(const struct watch_end *end, uint8_t stream_id);

struct watch_verdict {
    enum watch_cause cause; /* WATCH_CAUSE_NONE: the stream is Secure, as far as was looked */
    enum stream_end at;     /* the end that the cause is about */
};

struct watch_verdict watch_judge(const struct watch_sample *sample, uint8_t stream_id);

/* What was seen of a CXL.cachemem link. */
struct watch_cxl_sample {
    enum cxl_ide_mode mode;   /* that both ends are to be in */
    bool looked[END_COUNT];   /* the rest is meant */
    bool readable[END_COUNT]; /* its registers answer */
    struct cxl_ide_state state[END_COUNT];
    bool link_down;
    enum ide_err session_lost[END_COUNT];
};

/* Whether both ends protect both directions, as far as was looked; and if not, why. */
struct watch_verdict watch_judge_cxl(const struct watch_cxl_sample *sample);

/* What was said of a stream last. */
struct watch_memory {
    bool insecure;
    struct watch_verdict told;
};

/*
 * Whether there is something to say: the stream fell, or is Secure again, or what had made it fall turned out
 * to be worse: it is gone, or the kernel's. Remembers what is said.
 */
bool watch_is_news(struct watch_memory *memory, struct watch_verdict verdict);

/* Certificates. The end itself is valid still (RFC 5280 §4.1.2.5). */
enum watch_expiry { WATCH_VALID, WATCH_EXPIRES_SOON, WATCH_EXPIRED };
enum watch_expiry watch_expiry(int64_t not_after, int64_t now, uint32_t warn_days);

/* A mailbox that shows an error at one look may be in the middle of its recovery: at two looks in a row it is
 * lost. */
struct watch_doe {
    bool had_error, lost;
};
/* Whether lost has changed. */
bool watch_doe_look(struct watch_doe *doe, bool error);

/* The link below a port. It is down if it was active before: a port that never says so says nothing. */
struct watch_link {
    bool was_active, down;
};
/* Whether down has changed. A look that shows nothing leaves it as it was. */
bool watch_link_look(struct watch_link *link, enum port_link seen);

#endif
