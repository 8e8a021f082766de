/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches both ends of the streams that this controller holds, and the ports
 * that there are: a thread of its own with its own accesses. It reads; all that
 * it writes is the clearing of IDE errors in AER that it has told.
 *
 * Both ends of every stream are read every interval: all root ports in one wait, and half an interval later
 * all ports across a link. When an end falls its partner gets an IDE fail message, so mostly both show it.
 *
 * Both ends of every CXL.cachemem link are read as often, with more than four links less often, down to every
 * second.
 *
 * Every second: what has fallen, whether it is Secure again; which functions there are, by their names and
 * inode numbers, without a register.
 *
 * Every 5 seconds: AER, DOE, the link, the kernel's ownership, certificates.
 *
 * At any change: both ends and all of that at once, to find the cause.
 *
 * No link is crossed while an operation may have left its two ends apart: a read
 * across it needs the port's gate (worker.h's quiet), and is left out, not waited
 * for, if it is closed. An operation waits for a look, which takes some milliseconds for hundreds of ports.
 */
#ifndef IDE_KMD_WATCH_H
#define IDE_KMD_WATCH_H

#include <pthread.h>

#include "tools/ide-kmd/cxl_link.h"
#include "tools/ide-kmd/stream.h"
#include "tools/ide-kmd/watch_rules.h"

#define WATCH_INTERVAL_MS 90u /* the fall of a stream is to be told within 100 */
#define WATCH_WARN_DAYS   30u

struct watch_settings {
    const char *sysfs;    /* NULL: the machine's; borrowed */
    uint32_t interval_ms; /* 0: no register is read; who comes and goes, and certificates, are watched all the
                             same */
    uint32_t warn_days;   /* before a certificate ends */
};

enum watch_news_kind {
    WATCH_NEWS_STREAM,      /* verdict, sample */
    WATCH_NEWS_PORT,        /* state, text, errors: a function came, went, or changed */
    WATCH_NEWS_CERTIFICATE, /* state, not_after */
    WATCH_NEWS_SESSION,     /* state, text */
    WATCH_NEWS_CXL          /* verdict, cxl: of a CXL.cachemem link */
};

#define WATCH_TEXT 200

/* Something to be told. */
struct watch_news {
    struct watch_news *next;
    enum watch_news_kind kind;
    uint64_t serial; /* of the stream or link; 0: it is about none */
    struct watch_verdict verdict;
    struct watch_sample sample;
    struct watch_cxl_sample cxl;
    struct pcie_bdf device;
    const char *state;     /* static */
    const char *cause;     /* static; NULL: none */
    char text[WATCH_TEXT]; /* for people */
    uint32_t errors;       /* of AER */
    int64_t not_after;
};

struct watch;

/* NULL without memory. */
struct watch *watch_open(const struct watch_settings *settings);
/* Starts the thread: once this process has given up what it does not need, as a thread keeps what it was born
 * with. */
bool watch_start(struct watch *watch) MUST_USE;
/* Ends the thread, before the gates are gone; others may still tell it something. NULL is fine, to both. */
void watch_stop(struct watch *watch);
void watch_close(struct watch *watch);

/* Can be read when there is news. */
int watch_fd(const struct watch *watch);
/* It can be read though there is none, as watch_generation() has changed. */
void watch_wake(struct watch *watch);
/* The next one, to be free()d; NULL if there is none. */
struct watch_news *watch_take(struct watch *watch);

/* Puts news in as if the watch had found it; from any thread. Copies it. */
void watch_tell(struct watch *watch, const struct watch_news *news);

/* What has to be locked while an end is read across a link; NULL for an end that is the root port. */
struct watch_gates {
    pthread_mutex_t *end[END_COUNT];
};

/* From now on, until watch_forget(): the stream's number in news. 0 without memory. */
uint64_t watch_add(struct watch *watch, const struct stream *stream, const struct watch_gates *gates);
/* The same for a CXL.cachemem link. gate: to be locked while its endpoint is read. */
uint64_t watch_add_cxl(struct watch *watch, const struct cxl_link *link, pthread_mutex_t *gate);
/* Once it has returned nothing new is said of it, and its registers are read no more once the present look is
 * over. */
void watch_forget(struct watch *watch, uint64_t serial);

/* An operation works on a link above the function, or has ended: meanwhile nothing is read across it. */
void watch_hold(struct watch *watch, const struct stream_ends *ends, bool on);

/* The port's session is lost: what falls now falls because of it. From any thread. */
void watch_session_lost(struct watch *watch, const struct pcie_bdf *port, const struct ide_fault *fault);

/* The functions that the controller knows of, as pcie_presence_digest() has them; from any thread. */
void watch_known(struct watch *watch, uint64_t digest);
/* Changes, with a watch_wake(), at each look at the tree that finds others there; from any thread. */
uint64_t watch_generation(const struct watch *watch);

#endif
