/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/watch_rules.h"

const char *watch_cause_name(enum watch_cause cause)
{
    switch (cause) {
    case WATCH_CAUSE_NONE:
        return NULL;
    case WATCH_CAUSE_KERNEL:
        return "kernel";
    case WATCH_CAUSE_LINK_DOWN:
        return "link_down";
    case WATCH_CAUSE_GONE:
        return "gone";
    case WATCH_CAUSE_TAKEN:
        return "taken";
    case WATCH_CAUSE_RESET:
        return "reset";
    case WATCH_CAUSE_DISABLED:
        return "disabled";
    case WATCH_CAUSE_IDE_FAIL:
        return "ide_fail";
    case WATCH_CAUSE_AER:
        return "aer";
    case WATCH_CAUSE_SESSION_LOST:
        return "session_lost";
    case WATCH_CAUSE_UNKNOWN:
        return "unknown";
    }
    return NULL;
}

const char *watch_cause_text(enum watch_cause cause)
{
    switch (cause) {
    case WATCH_CAUSE_NONE:
        return "both ends say Secure";
    case WATCH_CAUSE_KERNEL:
        return "the kernel's TEE Security Manager has taken the device";
    case WATCH_CAUSE_LINK_DOWN:
        return "the link is down";
    case WATCH_CAUSE_GONE:
        return "the function does not answer any more";
    case WATCH_CAUSE_TAKEN:
        return "the stream's registers carry another stream: somebody else has taken them";
    case WATCH_CAUSE_RESET:
        return "the function was reset: its registers know nothing of the stream";
    case WATCH_CAUSE_DISABLED:
        return "somebody else has turned the stream off";
    case WATCH_CAUSE_IDE_FAIL:
        return "it received a TLP that it could not authenticate, and told the other end";
    case WATCH_CAUSE_AER:
        return "it logged an IDE error";
    case WATCH_CAUSE_SESSION_LOST:
        return "the session that its keys came from is lost";
    case WATCH_CAUSE_UNKNOWN:
        return "it does not say why";
    }
    return "";
}

struct watch_end watch_end_of(const struct port_block *block)
{
    if (block->control == PCIE_ALL_ONES || block->status == PCIE_ALL_ONES)
        return (struct watch_end){.looked = true, .gone = true};
    struct ide_block_state state = ide_block_state_of(block->control, block->status);
    return (struct watch_end){.looked = true,
                              .enabled = state.use == IDE_USE_ENABLED,
                              .fail_received = state.fail_received,
                              .stream_id = state.stream_id,
                              .state = state.state};
}

bool watch_end_is_secure(const struct watch_end *end, uint8_t stream_id)
{
    return !end->gone && end->enabled && end->stream_id == stream_id && end->state == PCIE_IDE_STATE_SECURE;
}

static enum stream_end other(enum stream_end end)
{
    return end == END_ROOT_PORT ? END_ENDPOINT : END_ROOT_PORT;
}

/* A cause that an end's own registers show; those of the lowest number are the strongest. */
static enum watch_cause cause_at(const struct watch_sample *sample, enum stream_end at, uint8_t stream_id)
{
    const struct watch_end *end = &sample->end[at], *partner = &sample->end[other(at)];
    if (end->looked && end->gone)
        return WATCH_CAUSE_GONE;
    if (end->looked && end->stream_id != stream_id)
        return end->enabled ? WATCH_CAUSE_TAKEN : WATCH_CAUSE_RESET;
    if (end->looked && !end->enabled)
        return end->blank ? WATCH_CAUSE_RESET : WATCH_CAUSE_DISABLED;
    if (partner->looked && partner->fail_received)
        return WATCH_CAUSE_IDE_FAIL;
    if (end->looked && end->errors & PCIE_AER_IDE)
        return WATCH_CAUSE_AER;
    if (sample->session_lost[at])
        return WATCH_CAUSE_SESSION_LOST;
    return WATCH_CAUSE_UNKNOWN;
}

static bool is_secure(const struct watch_sample *sample, uint8_t stream_id)
{
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (sample->end[end].looked && !watch_end_is_secure(&sample->end[end], stream_id))
            return false;
    return true;
}

/* Of an end that has fallen, if only one has, and else of the endpoint: it is what gets reset and pulled out.
 */
static struct watch_verdict strongest(const struct watch_sample *sample, uint8_t stream_id)
{
    struct watch_verdict verdict = {WATCH_CAUSE_UNKNOWN, END_ROOT_PORT};
    const struct watch_end *endpoint = &sample->end[END_ENDPOINT];
    if (endpoint->looked && !watch_end_is_secure(endpoint, stream_id))
        verdict.at = END_ENDPOINT;
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        enum watch_cause cause = cause_at(sample, end, stream_id);
        if (cause < verdict.cause)
            verdict = (struct watch_verdict){cause, end};
    }
    return verdict;
}

struct watch_verdict watch_judge(const struct watch_sample *sample, uint8_t stream_id)
{
    if (is_secure(sample, stream_id))
        return (struct watch_verdict){WATCH_CAUSE_NONE, END_ROOT_PORT};
    if (sample->kernel)
        return (struct watch_verdict){WATCH_CAUSE_KERNEL, END_ENDPOINT};
    if (sample->link_down)
        return (struct watch_verdict){WATCH_CAUSE_LINK_DOWN, END_ROOT_PORT};
    return strongest(sample, stream_id);
}

static enum watch_cause cxl_cause_at(const struct watch_cxl_sample *sample, enum stream_end at)
{
    if (sample->looked[at] && !sample->readable[at])
        return WATCH_CAUSE_GONE;
    if (sample->looked[at] && sample->state[at].error)
        return WATCH_CAUSE_AER;
    return sample->session_lost[at] ? WATCH_CAUSE_SESSION_LOST : WATCH_CAUSE_UNKNOWN;
}

static bool cxl_is_fine(const struct watch_cxl_sample *sample, enum stream_end at)
{
    return !sample->looked[at] ||
           (sample->readable[at] && cxl_ide_is_active(&sample->state[at], sample->mode));
}

struct watch_verdict watch_judge_cxl(const struct watch_cxl_sample *sample)
{
    if (cxl_is_fine(sample, END_ENDPOINT) && cxl_is_fine(sample, END_ROOT_PORT))
        return (struct watch_verdict){WATCH_CAUSE_NONE, END_ROOT_PORT};
    if (sample->link_down)
        return (struct watch_verdict){WATCH_CAUSE_LINK_DOWN, END_ROOT_PORT};
    enum stream_end fallen = cxl_is_fine(sample, END_ENDPOINT) ? END_ROOT_PORT : END_ENDPOINT;
    struct watch_verdict verdict = {WATCH_CAUSE_UNKNOWN, fallen};
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        enum watch_cause cause = cxl_cause_at(sample, end);
        if (cause < verdict.cause)
            verdict = (struct watch_verdict){cause, end};
    }
    return verdict;
}

/* What an operator has to know even if the stream is known to have fallen. */
static bool is_worse(enum watch_cause cause, enum watch_cause told)
{
    return cause < told && (cause == WATCH_CAUSE_KERNEL || cause == WATCH_CAUSE_GONE);
}

bool watch_is_news(struct watch_memory *memory, struct watch_verdict verdict)
{
    bool insecure = verdict.cause != WATCH_CAUSE_NONE;
    if (insecure == memory->insecure && !(insecure && is_worse(verdict.cause, memory->told.cause)))
        return false;
    *memory = (struct watch_memory){insecure, verdict};
    return true;
}

#define SECONDS_A_DAY 86400

enum watch_expiry watch_expiry(int64_t not_after, int64_t now, uint32_t warn_days)
{
    int64_t warn = (int64_t)warn_days * SECONDS_A_DAY;
    if (not_after == 0 || not_after == INT64_MAX)
        return WATCH_VALID;
    if (now > not_after)
        return WATCH_EXPIRED;
    int64_t from = not_after < INT64_MIN + warn ? INT64_MIN : not_after - warn;
    return now >= from ? WATCH_EXPIRES_SOON : WATCH_VALID;
}

bool watch_doe_look(struct watch_doe *doe, bool error)
{
    bool was_lost = doe->lost;
    doe->lost = error && (doe->had_error || doe->lost);
    doe->had_error = error;
    return doe->lost != was_lost;
}

bool watch_link_look(struct watch_link *link, enum port_link seen)
{
    bool was_down = link->down;
    if (seen == PORT_LINK_UNKNOWN)
        return false;
    link->down = link->was_active && seen == PORT_LINK_INACTIVE;
    link->was_active = link->was_active || seen == PORT_LINK_ACTIVE;
    return link->down != was_down;
}
