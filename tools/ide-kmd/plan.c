/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/plan.h"

static const struct {
    const char *name, *text;
} actions[STEP_COUNT] = {
    [STEP_ATTEST] = {"attest", "prove its identity"},
    [STEP_AUTHENTICATE] = {"authenticate", "check its identity"},
    [STEP_SESSION] = {"session", "open a secure session"},
    [STEP_QUERY] = {"query", "ask for its IDE abilities"},
    [STEP_SETUP] = {"setup", "set the registers up"},
    [STEP_PROGRAM_KEYS] = {"program_keys", "give it the keys"},
    [STEP_GO_RECEIVE] = {"go_receive", "start its receivers"},
    [STEP_GO_TRANSMIT] = {"go_transmit", "start its transmitters"},
    [STEP_ENABLE] = {"enable", "enable the stream"},
    [STEP_AWAIT_SECURE] = {"await_secure", "wait until both ends are Secure"},
    [STEP_DRAIN] = {"drain", "let what is under the old keys arrive"},
    [STEP_DISABLE] = {"disable", "disable the stream"},
    [STEP_STOP_KEYS] = {"stop_keys", "take the keys back"},
    [STEP_RELEASE] = {"release", "free the registers"},
    [STEP_END_SESSION] = {"end_session", "end the session"},
    [STEP_DOCTOR] = {"doctor", "see what it carries and who it is"},
    [STEP_CXL_LOOK] = {"cxl_look", "look at its CXL registers"},
};

const char *step_name(enum step_action action)
{
    return actions[action].name;
}

const char *step_text(enum step_action action)
{
    return actions[action].text;
}

bool step_is_for_both(enum step_action action)
{
    switch (action) {
    case STEP_SETUP:
    case STEP_ENABLE:
    case STEP_AWAIT_SECURE:
    case STEP_DRAIN:
    case STEP_DISABLE:
    case STEP_RELEASE:
        return true;
    case STEP_ATTEST:
    case STEP_AUTHENTICATE:
    case STEP_SESSION:
    case STEP_QUERY:
    case STEP_PROGRAM_KEYS:
    case STEP_GO_RECEIVE:
    case STEP_GO_TRANSMIT:
    case STEP_STOP_KEYS:
    case STEP_END_SESSION:
    case STEP_DOCTOR:
    case STEP_CXL_LOOK:
    case STEP_COUNT:
        return false;
    }
    return false;
}

#define PLAN(label, list, keep_going)                                                                        \
    {                                                                                                        \
        .name = label, .steps = list, .count = sizeof list / sizeof *list, .go_on = keep_going               \
    }

static const struct plan_step attest_endpoint[] = {{STEP_ATTEST, END_ENDPOINT, 0}};
static const struct plan_step attest_root_port[] = {{STEP_ATTEST, END_ROOT_PORT, 0}};
/* A GET_VERSION resets the port's end of every session that we may have had (DSP0274 1.2 §10.2). */
static const struct plan_step forget_endpoint[] = {{STEP_AUTHENTICATE, END_ENDPOINT, 0}, {STEP_END_SESSION, END_ENDPOINT, 1}};
static const struct plan_step forget_root_port[] = {{STEP_AUTHENTICATE, END_ROOT_PORT, 0},
                                                    {STEP_END_SESSION, END_ROOT_PORT, 1}};
const struct plan plan_forget_endpoint = PLAN("forget", forget_endpoint, true);
const struct plan plan_forget_root_port = PLAN("forget", forget_root_port, true);
static const struct plan_step doctor[] = {{STEP_DOCTOR, END_ENDPOINT, 0}, {STEP_DOCTOR, END_ROOT_PORT, 0}};
const struct plan plan_doctor = PLAN("doctor", doctor, true);
const struct plan plan_attest_endpoint = PLAN("attest", attest_endpoint, false);
const struct plan plan_attest_root_port = PLAN("attest", attest_root_port, false);

/* The two columns of the tables are the two ends. */
/* clang-format off */

/*
 * 0  Nothing of the platform changes until both ends have proved who they are.
 * 1  Associations and Stream ID, not enabled, before any key: some ports look at them during KEY_PROG.
 * 2  Each end has all its keys and its receivers run before ...
 * 3  ... any transmitter starts: its first TLP must meet a receiver that can read it.
 * 4  Enable, within it the endpoint before the root port.
 * 5  Only both ends Secure is success, and it takes its time.
 */
static const struct plan_step establish[] = {
    {STEP_AUTHENTICATE, END_ENDPOINT, 0},  {STEP_AUTHENTICATE, END_ROOT_PORT, 0},
    {STEP_SESSION, END_ENDPOINT, 0},       {STEP_SESSION, END_ROOT_PORT, 0},
    {STEP_QUERY, END_ENDPOINT, 0},         {STEP_QUERY, END_ROOT_PORT, 0},
    {STEP_SETUP, END_ROOT_PORT, 1},
    {STEP_PROGRAM_KEYS, END_ENDPOINT, 2},  {STEP_PROGRAM_KEYS, END_ROOT_PORT, 2},
    {STEP_GO_RECEIVE, END_ENDPOINT, 2},    {STEP_GO_RECEIVE, END_ROOT_PORT, 2},
    {STEP_GO_TRANSMIT, END_ENDPOINT, 3},   {STEP_GO_TRANSMIT, END_ROOT_PORT, 3},
    {STEP_ENABLE, END_ROOT_PORT, 4},
    {STEP_AWAIT_SECURE, END_ROOT_PORT, 5},
};
const struct plan plan_establish = PLAN("establish", establish, false);

/*
 * The same for the other key set, without touching enable. Until the old set is stopped either set is read at
 * both ends, whichever its transmitter uses. It is stopped once
 * 2  both ends say that they still are Secure. These looks are requests and completions through the link, and
 *    neither passes a posted request (PCIe 6.x §2.4.1): what was written under the old keys has arrived.
 * 3  Reads and their completions under the old keys may still be on their way, past the looks, as long as
 *    somebody waits for them: until the completion timeout of both ends is over.
 */
static const struct plan_step rekey[] = {
    {STEP_PROGRAM_KEYS, END_ENDPOINT, 0}, {STEP_PROGRAM_KEYS, END_ROOT_PORT, 0},
    {STEP_GO_RECEIVE, END_ENDPOINT, 0},   {STEP_GO_RECEIVE, END_ROOT_PORT, 0},
    {STEP_GO_TRANSMIT, END_ENDPOINT, 1},  {STEP_GO_TRANSMIT, END_ROOT_PORT, 1},
    {STEP_AWAIT_SECURE, END_ROOT_PORT, 2},
    {STEP_DRAIN, END_ROOT_PORT, 3},
    {STEP_STOP_KEYS, END_ENDPOINT, 4},    {STEP_STOP_KEYS, END_ROOT_PORT, 4},
};
const struct plan plan_rekey = PLAN("rekey", rekey, false);

/* Tells every transmitter again: one that had switched already stays where it is. */
static const struct plan_step rekey_complete[] = {
    {STEP_GO_TRANSMIT, END_ENDPOINT, 0},  {STEP_GO_TRANSMIT, END_ROOT_PORT, 0},
    {STEP_AWAIT_SECURE, END_ROOT_PORT, 1},
    {STEP_DRAIN, END_ROOT_PORT, 2},
    {STEP_STOP_KEYS, END_ENDPOINT, 3},    {STEP_STOP_KEYS, END_ROOT_PORT, 3},
};
const struct plan plan_rekey_complete = PLAN("rekey", rekey_complete, false);

/*
 * 0  Root port, then endpoint, with no access to the endpoint in between.
 * 1  The keys go before the session: only it can take them back.
 * 2  Stream ID 255, no associations.
 * 3  A session that keys nothing any more is ended.
 */
static const struct plan_step stop[] = {
    {STEP_DISABLE, END_ROOT_PORT, 0},
    {STEP_STOP_KEYS, END_ENDPOINT, 1},   {STEP_STOP_KEYS, END_ROOT_PORT, 1},
    {STEP_RELEASE, END_ROOT_PORT, 2},
    {STEP_END_SESSION, END_ENDPOINT, 3}, {STEP_END_SESSION, END_ROOT_PORT, 3},
};
const struct plan plan_stop = PLAN("stop", stop, true);

/*
 * A CXL.cachemem link (docs/cxl.md). There are no key sets: a new key waits beside the one in use.
 * 0  Whether both ports can do it, and whether it is nobody else's, before anything is said to them.
 * 2  Modes, errors, delays.
 * 3  The endpoint first: it may be the one who makes the keys.
 * 4  Whoever receives is ready before ...
 * 5  ... the root port sends IDE.Start, the first protected flit under the new key, ...
 * 6  ... and the endpoint, which by then has shown that it took it.
 */
static const struct plan_step cxl_establish[] = {
    {STEP_CXL_LOOK, END_ROOT_PORT, 0},
    {STEP_AUTHENTICATE, END_ENDPOINT, 1},  {STEP_AUTHENTICATE, END_ROOT_PORT, 1},
    {STEP_SESSION, END_ENDPOINT, 1},       {STEP_SESSION, END_ROOT_PORT, 1},
    {STEP_QUERY, END_ENDPOINT, 1},         {STEP_QUERY, END_ROOT_PORT, 1},
    {STEP_SETUP, END_ROOT_PORT, 2},
    {STEP_PROGRAM_KEYS, END_ENDPOINT, 3},
    {STEP_GO_RECEIVE, END_ENDPOINT, 4},    {STEP_PROGRAM_KEYS, END_ROOT_PORT, 4},
                                           {STEP_GO_RECEIVE, END_ROOT_PORT, 4},
                                           {STEP_GO_TRANSMIT, END_ROOT_PORT, 5},
    {STEP_GO_TRANSMIT, END_ENDPOINT, 6},
    {STEP_AWAIT_SECURE, END_ROOT_PORT, 7},
};
const struct plan plan_cxl_establish = PLAN("CXL establish", cxl_establish, false);

/* The same from the keys on. One that fails has nothing to undo: until IDE.Start the old keys are in use, after it the
 * new ones in that direction. The next goes on where it stopped. */
static const struct plan_step cxl_rekey[] = {
    {STEP_PROGRAM_KEYS, END_ENDPOINT, 0},
    {STEP_GO_RECEIVE, END_ENDPOINT, 1},    {STEP_PROGRAM_KEYS, END_ROOT_PORT, 1},
                                           {STEP_GO_RECEIVE, END_ROOT_PORT, 1},
                                           {STEP_GO_TRANSMIT, END_ROOT_PORT, 2},
    {STEP_GO_TRANSMIT, END_ENDPOINT, 3},
    {STEP_AWAIT_SECURE, END_ROOT_PORT, 4},
};
const struct plan plan_cxl_rekey = PLAN("CXL rekey", cxl_rekey, false);

static const struct plan_step cxl_stop[] = {
    {STEP_STOP_KEYS, END_ENDPOINT, 0},
    {STEP_STOP_KEYS, END_ROOT_PORT, 1},
    {STEP_END_SESSION, END_ENDPOINT, 2},   {STEP_END_SESSION, END_ROOT_PORT, 2},
};
const struct plan plan_cxl_stop = PLAN("CXL stop", cxl_stop, true);

/* clang-format on */

static const struct plan_step rekey_undo[] = {
    {STEP_STOP_KEYS, END_ENDPOINT, 0},
    {STEP_STOP_KEYS, END_ROOT_PORT, 0},
};
const struct plan plan_rekey_undo = PLAN("rekey undo", rekey_undo, true);

void coordinator_start(struct coordinator *c, const struct plan *plan,
                       bool (*skip)(const void *context, const struct plan_step *step), const void *context)
{
    *c = (struct coordinator){.plan = plan};
    for (size_t i = 0; i < plan->count; i++)
        if (skip && skip(context, &plan->steps[i]))
            c->state[i] = STEP_SKIPPED;
}

static bool is_open(enum step_state state)
{
    return state == STEP_WAITING || state == STEP_RUNNING;
}

/* Every earlier step that it has to wait for is through. */
static bool may_start(const struct coordinator *c, size_t index)
{
    const struct plan_step *step = &c->plan->steps[index];
    for (size_t i = 0; i < index; i++) {
        const struct plan_step *earlier = &c->plan->steps[i];
        if (is_open(c->state[i]) && (earlier->end == step->end || earlier->stage < step->stage))
            return false;
    }
    return true;
}

const struct plan_step *coordinator_next(struct coordinator *c)
{
    if (c->failed && !c->plan->go_on)
        return NULL;
    for (size_t i = 0; i < c->plan->count; i++) {
        if (c->state[i] == STEP_WAITING && may_start(c, i)) {
            c->state[i] = STEP_RUNNING;
            return &c->plan->steps[i];
        }
    }
    return NULL;
}

void coordinator_ended(struct coordinator *c, const struct plan_step *step, bool ok)
{
    c->state[step - c->plan->steps] = ok ? STEP_DONE : STEP_FAILED;
    if (!ok)
        c->failed = true;
}

bool coordinator_finished(const struct coordinator *c)
{
    for (size_t i = 0; i < c->plan->count; i++) {
        if (c->state[i] == STEP_RUNNING)
            return false;
        if (c->state[i] == STEP_WAITING && (!c->failed || c->plan->go_on))
            return false;
    }
    return true;
}

static bool is_at(const struct plan_step *step, enum step_action action, enum stream_end end)
{
    return step->action == action && (step->end == end || step_is_for_both(action));
}

bool coordinator_has_started(const struct coordinator *c, enum step_action action, enum stream_end end)
{
    for (size_t i = 0; i < c->plan->count; i++)
        if (is_at(&c->plan->steps[i], action, end) && c->state[i] != STEP_WAITING &&
            c->state[i] != STEP_SKIPPED)
            return true;
    return false;
}

bool coordinator_is_running(const struct coordinator *c, enum step_action action)
{
    for (size_t i = 0; i < c->plan->count; i++)
        if (c->plan->steps[i].action == action && c->state[i] == STEP_RUNNING)
            return true;
    return false;
}
