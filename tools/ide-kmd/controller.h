/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The controller: one loop in the main thread that takes requests, hands steps
 * to the workers and publishes what happens. All state is its own; workers have
 * only what a job gives them.
 */
#ifndef IDE_KMD_CONTROLLER_H
#define IDE_KMD_CONTROLLER_H

#include <czmq.h>

#include "spdm/crypto.h"
#include "tools/ide-kmd/cxl_links.h"
#include "tools/ide-kmd/front.h"
#include "tools/ide-kmd/keeper_host.h"
#include "tools/ide-kmd/metrics.h"
#include "tools/ide-kmd/notify.h"
#include "tools/ide-kmd/operation.h"
#include "tools/ide-kmd/own_certificates.h"
#include "tools/ide-kmd/port_gate_host.h"
#include "tools/ide-kmd/reload.h"
#include "tools/ide-kmd/rules.h"
#include "tools/ide-kmd/store_hold.h"
#include "tools/ide-kmd/store_log.h"
#include "tools/ide-kmd/recovery.h"
#include "tools/ide-kmd/show_cache.h"
#include "tools/ide-kmd/stream.h"
#include "tools/ide-kmd/survey.h"
#include "tools/ide-kmd/ticket.h"
#include "tools/ide-kmd/trust_store.h"
#include "tools/ide-kmd/watch.h"
#include "tools/ide-kmd/worker.h"

struct controller_settings {
    bool no_sandbox; /* for debugging: privileges are kept */
    const char *metrics; /* where Prometheus reads; NULL: nowhere */
    int log_level;   /* of log.h: what is less important is left out */
    const char *sysfs; /* NULL: the machine's */
    const char *listen, *listen_tcp;     /* the second NULL: none */
    const char *server_key, *authorized; /* CURVE: key file, list of the keys that are let in */
    const char *admin_group, *view_group;
    const char *message_log; /* NULL: none */
    uint32_t request_rate;   /* of one connection, a second; 0: any */
    const char *trust;
    enum cma_name_rule name_rule;
    struct provider_settings provider;
    struct store_settings store;
    bool allow_wrong_bdf; /* of QUERY_RESP */
    uint32_t timeout_ms;
    struct watch_settings watch;
    struct spdm_options spdm;
    const char *reference;  /* file or folder of reference values; NULL: none */
    bool require_reference; /* no stream with an endpoint whose measurements are not as they say */
    struct rules rules;     /* which device gets which streams, and policy */
    const char *file;       /* the configuration file that was read, borrowed; NULL: none */
    struct setting_value *given; /* what was set, which owns the text above: settings.h */
};

/* One operation with all that it needs as long as it lives. */
struct task {
    struct operation op; /* first: an operation's task is found by it */
    struct task *next;   /* in the queue */
    uint8_t stream_id;
    struct policy policy; /* of its endpoint */
    bool by_keeper;  /* it is the keeper who wants it */
    bool has_number; /* of establish: its number was asked for */
    char asked_by[ASKED_BY_CAP]; /* "policy", "recovery", "uid 0 pid 17"; empty: nobody knows */
    struct cxl_order order; /* of an operation about a CXL link */
    struct trust_store trust;
    struct attestation attestation;
    struct doctor *doctor; /* owned: of its operation */
    struct ticket *ticket; /* NULL: nobody waits for it */
    struct worker *worker[END_COUNT];
};

/* A request that came while the platform must not be looked at. */
struct deferred {
    struct deferred *next;
    struct client client;
    zframe_t *payload;
};

struct controller {
    const struct controller_settings *settings; /* as they count now */
    const struct controller_settings *start;    /* as they were at the start */
    struct reload reload;
    struct agent_settings agent;
    struct drbg drbg;
    struct rng rng;
    struct providers providers;
    struct credentials credentials;
    struct flow_through flow;
    struct port_gates gates; /* root ports that let nothing through while a stream is off */
    struct gate_host gate;
    struct survey survey;
    struct stream_table streams;
    struct cxl_link_table cxl;
    struct worker_pool workers;
    struct store *store;
    struct recovery recovery;
    struct watch *watch;
    struct show_cache shown;
    uint64_t changes; /* how many events there were */
    uint64_t surveyed; /* watch_generation() as of the last survey for show */
    struct front front;
    struct operation_hooks hooks;
    zloop_t *loop;
    struct task *queue; /* waiting for their ports, first come first served */
    struct deferred *deferred;
    unsigned running;
    struct notify notify;
    struct keeper_host kept; /* what is wanted, and kept so */
    struct own_certificates own;
    struct metrics *metrics; /* NULL: none are wanted */
    bool flushing; /* flush_timer runs: a client is to be sent what it did not take (clients.h) */
    int flush_timer;
    int log_timer; /* runs if not 0: whoever reads the log is behind */
    bool restarting;            /* ending, so that another one may begin: what is wanted stays so */
    bool closing, stops_queued; /* ending: no new requests; every stream's stop is on its way */
};

/* Opens the platform, the random numbers and the sockets; says what fails. controller_close() also after a
 * failure. */
enum ide_err controller_open(struct controller *c, const struct controller_settings *settings,
                             struct failure *failure) MUST_USE;

/* Serves until stop_fd, a signalfd, can be read; then ends what runs, turns all streams off, and returns. */
void controller_run(struct controller *c, int stop_fd);

void controller_close(struct controller *c);

/* ---- for verbs.c -------------------------------------------------------- */

/* Does what the request asks; takes the ticket over. */
void verb_run(struct controller *c, const struct request *request, struct ticket *ticket);

/* A new task for the ends; ticket->pending counts it. NULL without memory. */
struct task *task_new(struct controller *c, enum operation_kind kind, const struct stream_ends *ends,
                      uint8_t stream_id, struct ticket *ticket);
void task_free(struct task *task);

/* Brings up to date what is known of the use of each stream's keys, or of those of one port: refresh_due.h. */
void controller_count_use(struct controller *c, const struct pcie_bdf *bdf);

/* Reads the task's trust and reference values from their files, as they are now. */
enum ide_err controller_load_trust(struct controller *c, struct task *task, struct failure *failure) MUST_USE;

/*
 * A stream with the task that establishes it, its trust and reference values read. Once it is in the table its
 * number and place are taken. After a failure *task may be set: controller_drop_stream(). has_number of it is the
 * caller's to set.
 */
enum ide_err controller_add_stream(struct controller *c, const struct planned_stream *planned, uint8_t id,
                                   struct ticket *ticket, struct task **task, struct failure *failure) MUST_USE;
/* Takes both back; the task has not been submitted. */
void controller_drop_stream(struct controller *c, struct task *task);

/* One end of a stream is on and the other off: nobody may look at the platform. */
bool controller_is_delicate(const struct controller *c);

/* After whatever may let something start: what a handler of the loop returns. */
int controller_settle(struct controller *c);

/* Queues it; it starts when its ports are free. */
void controller_submit(struct controller *c, struct task *task);

/* Calls visit with each task that runs, and then with each that waits for its ports; it must not end one. */
void controller_each_task(struct controller *c, void (*visit)(void *context, struct task *task, bool running),
                          void *context);

/* Cancels what is not done yet of the ticket's operations; the ticket may be gone afterwards. False if there is nothing
 * that can be: operation_cancel(). */
bool controller_cancel(struct controller *c, struct ticket *ticket, const char *why);

/* verbs_events.c */
void run_snapshot(struct controller *c, const struct request *request, struct ticket *ticket);
void run_events(struct controller *c, const struct request *request, struct ticket *ticket);
void run_cancel(struct controller *c, const struct request *request, struct ticket *ticket);

/* ---- for events.c ------------------------------------------------------- */

/* What an operation is about: the members that all its events have. */
json_t *task_json(const struct task *task);

void publish_step(struct controller *c, const struct task *task, const struct job *job,
                  enum step_progress progress);
void publish_operation(struct controller *c, const struct task *task, const char *state);
void publish_stream(struct controller *c, const struct task *task, const char *state);
/* What has become of a stream that is wanted, without any operation: it waits, was left off, ... */
void publish_kept(struct controller *c, const struct keeper_item *item);
/* What nobody asked for: an event as watching.c makes them. Takes it over. */
void publish_watch(struct controller *c, json_t *event);

#endif
