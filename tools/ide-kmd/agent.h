/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that this controller has of one port: config space, mailbox, session, key
 * provider. Does the steps of the plans, one at a time. Belongs to one thread
 * (worker.h) and knows nothing of it.
 */
#ifndef IDE_KMD_AGENT_H
#define IDE_KMD_AGENT_H

#include <stdatomic.h>

#include "root_port/key_provider.h"
#include "root_port/pcie_access.h"
#include "tools/ide-kmd/credentials.h"
#include "tools/ide-kmd/flow_through.h"
#include "tools/ide-kmd/job.h"
#include "tools/ide-kmd/providers.h"
#include "tools/ide-kmd/spdm_options.h"

struct agent_settings {
    const char *sysfs;    /* NULL: the machine's */
    bool allow_wrong_bdf; /* a QUERY_RESP that names another function is noted, and no error */
    uint32_t timeout_ms;  /* for one answer, and for a stream to become Secure */
    struct providers *providers; /* of root ports' keys; borrowed */
    struct flow_through *flow;   /* of switch ports; borrowed */
    struct port_gates *gates;    /* of root ports; borrowed; NULL: none */
    struct store *store;         /* where what is held is written down first; borrowed; NULL: nowhere */
    const struct spdm_options *spdm; /* borrowed */
    const struct credentials *credentials; /* borrowed; NULL: none */
};

struct agent {
    const struct agent_settings *settings; /* borrowed */
    struct pcie_bdf bdf;
    atomic_ullong records; /* of its session, for whoever wants to know: key_provider_status */
    atomic_ullong seen_us; /* when it last looked at the clock: that it is alive */
    atomic_bool cancel; /* set by other threads: waits end with IDE_E_CANCELLED */
    struct wait_ops wait;
    bool is_open;
    bool has_provider; /* of stream keys; before that provider is the mailbox */
    struct pcie_access access;
    struct pcie_function function;
    struct spdm_port spdm;
    struct provider_seat seat;
    struct key_provider provider;
    bool is_anonymous;      /* the port is not shown who we are, as its policy says */
    uint64_t heartbeat_ms;  /* it is asked for a sign of life so often; 0: as often as it wants */
    uint64_t spoke_ms;      /* when it was last spoken to */
    struct key_provider mailbox; /* the port's own, whoever gives it its stream's keys: for CXL.cachemem's */
};

void agent_init(struct agent *agent, const struct agent_settings *settings, const struct pcie_bdf *bdf);
void agent_close(struct agent *agent);

/* Does the step; opens the port first if it is not open. Results go into the job. */
void agent_run(struct agent *agent, struct job *job);

/* For how long it has not looked at the clock, from any thread; agent_touch() counts as a look. */
uint64_t agent_silent_ms(const struct agent *agent);
void agent_touch(struct agent *agent);
/* Opens a session of one of its providers for the job, and looks at the endpoint's measurements if that is required. */
enum ide_err agent_open_session(struct agent *agent, const struct key_provider *provider, struct job *job);

/* Whether an answer to QUERY is about the agent's function; allowed to be wrong, it is the job's note. */
enum ide_err agent_check_bdf(const struct agent *agent, const struct ide_km_query_resp *resp, struct job *job);

/* ---- agent_policy.c */

/* From the job's policy, before the port is opened for it: true if an open one is of no use, and has to be closed. */
bool agent_take_policy(struct agent *agent, const struct job *job);
/* What we show of ourselves. */
void agent_apply_policy(const struct agent *agent, struct spdm_port_settings *settings);
/* Of a session that has just been opened. IDE_E_CAPABILITY if it should be mutual and is not. */
enum ide_err agent_check_policy(struct agent *agent, struct job *job) MUST_USE;
/* In how many ms a sign of life is due that only the policy asks for; UINT64_MAX: none is. */
uint64_t agent_sign_due(const struct agent *agent);
/* Asks for it: by a HEARTBEAT, or by a QUERY where the device has none. */
enum ide_err agent_ask_for_sign(struct agent *agent, struct ide_fault *fault) MUST_USE;

/* How long the agent can be left alone, as poll() takes it: in ms, -1 for ever. */
int agent_idle_ms(const struct agent *agent);

/* To be called when that time is over. IDE_OK if there was nothing to do. A failure has cost the session. */
enum ide_err agent_keep_alive(struct agent *agent, struct ide_fault *fault);

#endif
