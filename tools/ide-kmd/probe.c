/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/probe.h"

#include <string.h>

#include "tools/ide-kmd/agent.h"

static bool is_own_mailbox(const struct agent *agent)
{
    return strcmp(agent->provider.ops->name, PROVIDER_OWN) == 0;
}

static void take_identity(const struct agent *agent, struct probe *probe)
{
    const struct spdm_port *spdm = &agent->spdm;
    probe->given_key = spdm->settings.psk || spdm->settings.public_key;
    probe->params = spdm->connection.params;
    probe->secured_cma = spdm->secured_cma;
    probe->has_peer = probe->err == IDE_OK && spdm->connection.peer_verified && !probe->given_key;
    if (probe->has_peer)
        probe->peer = spdm->connection.peer;
}

/* The mailboxes after the rest: by then the one that is meant is in use, and is not taken into use once more.
 */
enum ide_err probe_run(struct agent *agent, struct job *job)
{
    struct probe *probe = job->probe;
    *probe = (struct probe){.done = true, .in_use = job->in_use, .provider = agent->provider.ops->name};
    probe->err =
        agent->provider.ops->authenticate(agent->provider.context, job->trust, job->in_use, &probe->fault);
    if (is_own_mailbox(agent)) {
        take_identity(agent, probe);
        probe->mailboxes = spdm_port_mailboxes(&agent->spdm, probe->mailbox, PROBE_MAILBOXES_MAX);
    }
    if (probe->err != IDE_OK && !job->in_use && !spdm_port_has_session(&agent->spdm))
        agent_close(agent); /* the next attempt starts from nothing, as after an authenticate that failed */
    return IDE_OK;
}
