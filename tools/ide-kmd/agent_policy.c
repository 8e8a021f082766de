/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a device's policy means for its port: whether we show who we are, and how often it has to show that it
 * is alive. */
#include "tools/ide-kmd/agent.h"
#include "tools/ide-kmd/policy.h"

bool agent_take_policy(struct agent *agent, const struct job *job)
{
    bool anonymous = job->policy && job->policy->mutual == POLICY_MUTUAL_NO;
    bool other = agent->is_open && anonymous != agent->is_anonymous;
    agent->is_anonymous = anonymous;
    return other;
}

void agent_apply_policy(const struct agent *agent, struct spdm_port_settings *settings)
{
    if (!agent->is_anonymous)
        return;
    settings->own = NULL;
    settings->spdm.req_asym = 0;
    settings->spdm.flags &=
        ~(uint32_t)(SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP | SPDM_CAP_CERT | SPDM_CAP_PUB_KEY_ID);
}

enum ide_err agent_check_policy(struct agent *agent, struct job *job)
{
    if (job->end != END_ENDPOINT || !job->policy)
        return IDE_OK;
    agent->heartbeat_ms = job->policy->heartbeat_ms;
    if (job->policy->mutual != POLICY_MUTUAL_REQUIRED || job->provider.mutual)
        return IDE_OK;
    return ide_fail(&job->fault, IDE_E_CAPABILITY, "KEY_EXCHANGE_RSP", "MutAuthRequested");
}

uint64_t agent_sign_due(const struct agent *agent)
{
    if (!agent->is_open || agent->heartbeat_ms == 0 || !spdm_port_has_session(&agent->spdm))
        return UINT64_MAX;
    uint64_t now = agent->wait.now_us(agent->wait.context) / 1000,
             due = agent->spoke_ms + agent->heartbeat_ms;
    return due > now ? due - now : 0;
}

/* A session for which the device wants no HEARTBEAT must have none (DSP0274 1.2 §10.20). A QUERY changes
 * nothing. */
enum ide_err agent_ask_for_sign(struct agent *agent, struct ide_fault *fault)
{
    struct ide_km_query_resp resp;
    const struct key_provider *p = &agent->provider;
    return p->ops->due_ms(p->context) != UINT64_MAX ? p->ops->keep_alive(p->context, fault)
                                                    : p->ops->query(p->context, &resp, fault);
}
