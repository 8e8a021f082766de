/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two halves of the watch: watch.c keeps the lists and the time, watch_look.c looks. */
#ifndef IDE_KMD_WATCH_LOOK_H
#define IDE_KMD_WATCH_LOOK_H

#include <stdatomic.h>

#include "tools/ide-kmd/watch.h"
#include "tools/ide-kmd/watch_port.h"

#define WATCH_SLOW_MS   1000u
#define WATCH_HEALTH_MS 5000u
#define WATCH_CXL_MS    20u /* of each link: so many share the looks at CXL links */
/* Opening a port takes dozens of reads: what is open is not to wait for many of them. */
#define WATCH_OPENING_MS 15u

/* An end of a stream, with the others of its port. */
struct watched_end {
    struct watched_end *next;
    struct watched *stream;
    enum stream_end end;
    struct watch_end seen; /* at the last look */
};

/* A stream. Belongs to the thread, but for what is atomic. */
struct watched {
    struct watched *next;
    struct watched_end here[END_COUNT];
    uint64_t serial;
    uint8_t id;
    struct stream_ends ends;
    struct ide_block block[END_COUNT];
    struct watch_port *port[END_COUNT];
    atomic_bool forgotten;
    atomic_int session_lost[END_COUNT]; /* by which enum ide_err; IDE_OK: it is not */
    struct watch_memory memory;
    int64_t not_after[END_COUNT]; /* of the ends' certificates */
    bool by_mailbox[END_COUNT];   /* the end's keys come through its own mailbox */
    uint64_t active_links;        /* of struct stream */
    bool is_known;                /* its ports know these three */
    bool kernel;                  /* it was told that the kernel has its device */
};

/* A CXL.cachemem link. As above. */
struct watched_cxl {
    struct watched_cxl *next;
    uint64_t serial;
    struct stream_ends ends;
    enum cxl_ide_mode mode;
    pthread_mutex_t *gate; /* as of a port */
    atomic_uint held;
    atomic_bool forgotten;
    atomic_int session_lost[END_COUNT];
    struct watch_memory memory;
    struct watch_link link;
    uint64_t next_ms;
};

struct watch {
    struct watch_settings settings;
    pthread_t thread;
    bool is_running;
    pthread_mutex_t lock; /* of the lists below; only the thread takes something out */
    pthread_cond_t changed;
    bool ending;
    struct watched *streams;
    struct watched_cxl *links;
    struct watch_port *ports;
    atomic_ulong changes; /* how often something came to a list or was forgotten in it */
    uint64_t serial;
    struct watch_news *news, **last_news;
    int fd;
    atomic_ullong known, generation;

    /* the thread's */
    unsigned long dropped, gathered; /* changes when that was done last */
    const struct watched *gathered_from;
    struct watch_batch batch;
    struct pcie_access tree; /* for names only */
    bool has_tree;
    struct pcie_presence *functions; /* that there were; NULL before the first look */
    size_t function_count;
    struct watch_port *side[2]; /* the ports that have ends: root ports, and those across a link */
    bool across;                /* the latter are next */
    uint64_t scan_ms, health_ms;
    uint64_t port_health_ms; /* when ports are asked whether they are due */
    uint64_t slow_ms;        /* when what has fallen is looked at again */
    uint64_t open_until_ms;  /* no more ports are opened in this look from then on */
};

/* All that is due now. The lists may grow at their front meanwhile. */
void watch_look(struct watch *watch, struct watched *streams, struct watch_port *ports, uint64_t now_ms);
void watch_look_end(struct watch *watch);
/* Opens the tree; false if it cannot be. */
bool watch_need_tree(struct watch *watch);

/* Says something of a port. errors: of AER. */
void watch_tell_port(struct watch *watch, const struct pcie_bdf *bdf, const char *state, uint32_t errors,
                     const char *text);
/* Takes what was seen of the link below the port, and tells if that is news. Whether it is down. */
bool watch_take_link(struct watch *watch, struct watch_port *port, enum port_link seen);

/* watch_health.c: the ports whose time has come. */
void watch_look_at_health(struct watch *watch, struct watch_port *ports, uint64_t now_ms);

/* watch_cxl.c: the links whose time has come. */
void watch_look_at_links(struct watch *watch, struct watched_cxl *links, uint64_t now_ms);

#endif
