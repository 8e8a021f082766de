/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/port_gate_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root_port/forwarding.h"
#include "root_port/ide_cap.h"
#include "tools/ide-kmd/bdf_json.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/task.h"

#define LOOK_MS     50u /* at the Command register of a root port that is closed */
#define BELOW_TICKS 20u /* of them between looks at what is below it */
#define ERROR_TICKS 100u /* between looks at IDE errors, as often as the watch does */
#define RETRY_MS    1000u
#define ALL_BUSES   0, UINT8_MAX

/* A CXL link is not waited for: its registers, which are in BARs, are reached only while the root port lets
 * memory requests through. */
int gate_level_for(const struct keeper_item *item)
{
    /* a CXL.cachemem link does not go by the Command register, and needs memory requests to come up */
    if (item->want.key.cxl || item->gone || item->dropped || item->want.policy.while_off != POLICY_CLOSED)
        return -1;
    switch (item->state) {
    case KEEPER_UP:
        return GATE_OPEN;
    case KEEPER_REFRESHING:
        return item->must_stop ? GATE_CLOSED : GATE_OPEN;
    case KEEPER_ABSENT:
        return GATE_HOST;
    case KEEPER_STOPPING: /* by whomever: it opens for a stream that is off, not for one that is half on */
    case KEEPER_WAITING:
    case KEEPER_STARTING:
    case KEEPER_FALLEN:
    case KEEPER_LEFT_OFF:
    case KEEPER_QUARANTINED:
    case KEEPER_STOPPED:
        break;
    }
    return GATE_CLOSED;
}

const char *port_gate_state(struct port_gates *gates, const struct pcie_bdf *root_port)
{
    struct gate_view view = port_gates_look(gates, root_port);
    return view.level < 0 ? NULL : gate_level_name((enum gate_level)view.level);
}

void port_gate_tell(struct controller *c, const struct pcie_bdf *root_port, json_t *result)
{
    const char *state = port_gate_state(&c->gates, root_port);
    json_object_set_new(result, "forwarding", state ? json_string(state) : json_null());
}

/* ---- telling ------------------------------------------------------------------ */

static void tell(struct controller *c, const struct pcie_bdf *device, const char *state, const char *message)
{
    publish_watch(c, json_pack("{s:s, s:n, s:n, s:s, s:n, s:n, s:n, s:o, s:s, s:s, s:[]}", "event", "port",
                               "request", "asked_by", "operation", "watch", "root_port", "endpoint", "stream",
                               "device", bdf_json(device), "state", state, "message", message, "aer"));
}

static void tell_level(struct controller *c, const struct gate_seat *seat, enum gate_level level)
{
    static const struct {
        const char *state, *message;
    } texts[] = {
        [GATE_OPEN] = {"opened", "it passes memory requests on again"},
        [GATE_HOST] = {"host_closed", "it takes no memory requests from the host until its device is there"},
        [GATE_CLOSED] = {"closed", "it passes no memory requests on until what is wanted below it is Secure"},
    };
    tell(c, &seat->root_port, texts[level].state, texts[level].message);
}

static void tell_reopened(struct controller *c, const struct gate_result *result)
{
    static const struct {
        uint16_t bit;
        const char *name;
    } bits[] = {{PCIE_COMMAND_IO, "I/O Space Enable"},
                {PCIE_COMMAND_MEMORY, "Memory Space Enable"},
                {PCIE_COMMAND_MASTER, "Bus Master Enable"}};
    char text[160] = "somebody has set";
    size_t len = strlen(text);
    if (!result->reopened)
        return;
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        if (result->reopened & bits[i].bit)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s %s",
                                    result->reopened & (bits[i].bit - 1) ? "," : "", bits[i].name);
    (void)snprintf(text + len, sizeof text - len, " in its Command register: it is closed again");
    tell(c, &result->device, "reopened", text);
}

static void take_failure(struct controller *c, struct gate_seat *seat, const struct gate_result *result)
{
    char text[FAILURE_MESSAGE_MAX];
    if (result->err != IDE_OK && !seat->failed)
        tell(c, &result->device, "gate_failed", ide_fault_text(&result->fault, text, sizeof text));
    seat->failed = result->err != IDE_OK;
}

static uint64_t now_ms(void)
{
    return (uint64_t)zclock_mono();
}

/* ---- one root port -------------------------------------------------------------- */

static void set_level(struct controller *c, struct gate_seat *seat, enum gate_level level)
{
    struct gate_result result = port_gates_set(&c->gates, &c->survey.access, &seat->root_port, level);
    tell_reopened(c, &result);
    if (result.changed)
        tell_level(c, seat, level);
    if (result.err != IDE_OK)
        seat->retry_ms = now_ms() + RETRY_MS;
    take_failure(c, seat, &result);
}

/* A function that does not answer, or is gone, sends nothing, and is looked at again. */
static bool is_absence(const struct gate_result *result)
{
    return result->err == IDE_E_IO || result->err == IDE_E_NO_DEVICE;
}

static void set_below(struct controller *c, struct gate_seat *seat)
{
    port_gates_members(&c->gates, &c->survey.access, &c->survey.topology, &seat->root_port);
    struct gate_result result = port_gates_below(&c->gates, &c->survey.access, &seat->root_port, ALL_BUSES);
    tell_reopened(c, &result);
    if (result.err != IDE_OK)
        seat->below_ms = now_ms() + RETRY_MS;
    if (!is_absence(&result))
        take_failure(c, seat, &result);
}

bool port_gate_may_talk(const struct stream *stream)
{
    return !stream || stream->state == STREAM_OFF || stream->state == STREAM_STARTING ||
           (stream->seen.serial != 0 && (!stream->seen.insecure || stream->seen.both_on));
}

static bool may_talk_below(const struct controller *c, const struct pcie_bdf *root_port)
{
    if (controller_is_delicate(c))
        return false;
    for (const struct stream *s = c->streams.first; s; s = s->next)
        if (pcie_bdf_compare(&s->ends.top, root_port) == 0 && !port_gate_may_talk(s))
            return false;
    return true;
}

/* ---- IDE errors, while nobody else looks ----------------------------------------- */

static void tell_errors(void *context, const struct pcie_bdf *function, uint32_t errors)
{
    struct controller *c = context;
    const struct watch_news news = {
        .kind = WATCH_NEWS_PORT,
        .device = *function,
        .state = "error",
        .errors = errors,
        .text = "it has logged IDE errors while its root port was closed (while-off)"};
    watch_tell(c->watch, &news);
}

static bool is_watched(void *context, const struct pcie_bdf *function)
{
    const struct controller *c = context;
    for (const struct stream *s = c->streams.first; s; s = s->next)
        if (s->seen.serial != 0 && stream_has_end(s, function))
            return true;
    return false;
}

static void look_at_errors(struct controller *c, const struct pcie_bdf *root_port, struct gate_buses buses)
{
    const struct gate_errors_ops ops = {is_watched, tell_errors, c};
    port_gates_errors(&c->gates, &c->survey.access, root_port, &buses, &ops);
}

void port_gate_take_ended(struct controller *c, const struct stream *stream)
{
    const struct gate_buses endpoint = {stream->ends.bdf[END_ENDPOINT].bus,
                                        stream->ends.bdf[END_ENDPOINT].bus};
    if (stream->state == STREAM_UP && !controller_is_delicate(c))
        look_at_errors(c, &stream->ends.top, endpoint);
}

static enum gate_level wanted_level(const struct gate_seat *seat)
{
    return seat->wanted < 0 ? GATE_OPEN : (enum gate_level)seat->wanted;
}

/* Whether it is none any more. */
static bool settle_seat(struct controller *c, struct gate_seat *seat)
{
    struct gate_view view = port_gates_look(&c->gates, &seat->root_port);
    if (seat->wanted < 0 && view.level < 0)
        return true;
    if (now_ms() < seat->retry_ms || (c->closing && seat->wanted >= 0))
        return false; /* at the end nothing is opened that stays wanted */
    if (view.level != (int)wanted_level(seat)) {
        set_level(c, seat, wanted_level(seat));
        view = port_gates_look(&c->gates, &seat->root_port);
    }
    if (view.pending && now_ms() >= seat->below_ms && may_talk_below(c, &seat->root_port)) {
        set_below(c, seat);
        view = port_gates_look(&c->gates, &seat->root_port);
    }
    if (seat->wanted >= 0 || view.level != GATE_OPEN || view.pending)
        return false;
    port_gates_forget(&c->gates, &seat->root_port);
    return true;
}

/* ---- all of them ------------------------------------------------------------------ */

static struct gate_seat *need_seat(struct gate_host *host, const struct pcie_bdf *root_port)
{
    struct gate_seat **at = &host->first;
    while (*at && pcie_bdf_compare(&(*at)->root_port, root_port) != 0)
        at = &(*at)->next;
    if (!*at && (*at = calloc(1, sizeof **at)) != NULL)
        **at = (struct gate_seat){.root_port = *root_port, .wanted = -1};
    return *at;
}

/* The root port above a stream's upper end; false if that is not there: a switch that was pulled out, with
 * all below it. */
static bool find_top(const struct controller *c, const struct keeper_key *key, struct pcie_bdf *top)
{
    const struct topology *topology = &c->survey.topology;
    size_t i = topology_find(topology, &key->root_port);
    *top = key->root_port;
    if (i == TOPOLOGY_NONE)
        return key->kind == IDE_SELECTIVE;
    *top = topology->nodes[topology_top(topology, i)].bdf;
    return true;
}

/* Who ends the controller for good takes back what somebody has established. */
static bool outlives(const struct controller *c, const struct keeper_item *item)
{
    return !c->closing || c->restarting || item->source == KEEPER_BY_CONFIG;
}

static void take_wish(struct controller *c, const struct keeper_item *item)
{
    struct pcie_bdf top;
    int level = gate_level_for(item);
    if (level < 0 || !outlives(c, item) || !find_top(c, &item->want.key, &top))
        return;
    struct gate_seat *seat = need_seat(&c->gate, &top);
    if (seat && level > seat->wanted)
        seat->wanted = level;
}

/* Where the rule's device would be, if it is not there: the root port itself, or the one above its bus. */
static size_t find_slot(const struct topology *topology, const struct pcie_bdf *bdf)
{
    size_t at = topology_find(topology, bdf);
    if (at != TOPOLOGY_NONE)
        return topology->nodes[at].type == PCIE_TYPE_ROOT_PORT ? at : TOPOLOGY_NONE;
    for (size_t i = 0; i < topology->count; i++) {
        const struct topology_node *node = &topology->nodes[i];
        if (node->type == PCIE_TYPE_ROOT_PORT && node->bridge && node->bdf.domain == bdf->domain &&
            node->secondary <= bdf->bus && bdf->bus <= node->subordinate)
            return i;
    }
    return TOPOLOGY_NONE;
}

/* A slot that is named and empty: whoever comes is not to find it open to its driver. */
static void take_slot(struct controller *c, const struct device_rule *rule)
{
    const struct topology *topology = &c->survey.topology;
    struct policy policy;
    size_t slot =
        rule->subject == RULE_BDF && rule->stream_count > 0 ? find_slot(topology, &rule->bdf) : TOPOLOGY_NONE;
    if (slot == TOPOLOGY_NONE || topology_next_endpoint(topology, slot, TOPOLOGY_NONE) != TOPOLOGY_NONE)
        return;
    const struct pcie_bdf *root_port = &topology->nodes[slot].bdf;
    const struct rules_device device = {.bdf = rule->bdf, .above = root_port, .above_count = 1};
    const struct device_rule *streams = rules_resolve(&c->settings->rules, &policy_default, &device, &policy);
    if (!streams || streams->stream_count == 0 || policy.while_off != POLICY_CLOSED)
        return;
    struct gate_seat *seat = need_seat(&c->gate, root_port);
    if (seat)
        seat->is_slot = true;
}

void port_gate_plan(struct controller *c)
{
    for (struct gate_seat *seat = c->gate.first; seat; seat = seat->next)
        seat->is_slot = false;
    for (size_t i = 0; i < c->settings->rules.device_count; i++)
        take_slot(c, &c->settings->rules.device[i]);
}

static int on_timer(zloop_t *loop, int timer, void *argument)
{
    struct controller *c = argument;
    bool below = ++c->gate.ticks % BELOW_TICKS == 0, errors = c->gate.ticks % ERROR_TICKS == 0;
    (void)loop;
    (void)timer;
    for (struct gate_seat *seat = c->gate.first; seat; seat = seat->next) {
        struct gate_view view = port_gates_look(&c->gates, &seat->root_port);
        if (view.level <= GATE_OPEN || now_ms() < seat->retry_ms)
            continue;
        set_level(c, seat, (enum gate_level)view.level);
        if (below && may_talk_below(c, &seat->root_port))
            set_below(c, seat);
        if (errors)
            look_at_errors(c, &seat->root_port,
                           may_talk_below(c, &seat->root_port) ? (struct gate_buses){ALL_BUSES}
                                                               : (struct gate_buses){1, 0});
    }
    return controller_settle(c);
}

static void set_timer(struct controller *c)
{
    bool busy = false;
    for (const struct gate_seat *seat = c->gate.first; seat && !busy; seat = seat->next) {
        struct gate_view view = port_gates_look(&c->gates, &seat->root_port);
        busy = seat->failed || view.level > GATE_OPEN || view.pending;
    }
    if (busy && !c->gate.timer)
        c->gate.timer = zloop_timer(c->loop, LOOK_MS, 0, on_timer, c);
    if (!busy && c->gate.timer) {
        zloop_timer_end(c->loop, c->gate.timer);
        c->gate.timer = 0;
    }
}

void port_gate_run(struct controller *c)
{
    for (struct gate_seat *seat = c->gate.first; seat; seat = seat->next)
        seat->wanted = seat->is_slot ? GATE_HOST : -1;
    for (const struct keeper_item *item = c->kept.keeper.first; item; item = item->next)
        take_wish(c, item);
    if (!c->gate.first)
        return;
    for (struct gate_seat **at = &c->gate.first; *at;) {
        struct gate_seat *seat = *at;
        if (settle_seat(c, seat)) {
            *at = seat->next;
            free(seat);
        } else {
            at = &seat->next;
        }
    }
    set_timer(c);
}

bool port_gate_closes(struct controller *c, const struct task *task)
{
    if (!task->op.stream)
        return false;
    struct keeper_key key = keeper_key_of(task->op.stream);
    const struct keeper_item *item = keeper_find(&c->kept.keeper, &key);
    int level = item ? gate_level_for(item) : -1;
    return c->closing ? level >= 0 && outlives(c, item) : level > GATE_OPEN;
}

/* ---- the start and the end ---------------------------------------------------------- */

/* Both ends of each of its streams are on: what is below may be looked at. */
static bool all_are_secure(struct pcie_access *access, const struct pcie_bdf *root_port)
{
    struct ide_fault fault;
    struct pcie_function function = {0};
    struct ide_port port;
    unsigned secure = 0, others = 0;
    if (pcie_function_open(&function, access, root_port, &fault) != IDE_OK ||
        ide_port_open(&port, root_port, &function.config, &fault) != IDE_OK)
        others = 1;
    for (unsigned i = 0; others == 0 && i < port.cap.selective_count; i++) {
        struct ide_block_state state;
        const struct ide_block block = {.kind = IDE_SELECTIVE, .index = (uint8_t)i};
        if (ide_block_read(&port, block, &state, &fault) != IDE_OK)
            others = 1;
        else if (state.use == IDE_USE_ENABLED)
            *(state.state == PCIE_IDE_STATE_SECURE ? &secure : &others) += 1;
    }
    pcie_function_close(&function);
    return secure > 0 && others == 0;
}

static bool has_links(const struct held *held)
{
    for (size_t i = 0; i < held->streams; i++)
        if (held->stream[i].kind == IDE_LINK)
            return true;
    return false;
}

static void say_recovered(const struct gate_result *result)
{
    char bdf[PCIE_BDF_TEXT], text[FAILURE_MESSAGE_MAX];
    pcie_bdf_format(&result->device, bdf);
    if (result->err == IDE_OK)
        log_say(LOG_NOTICE, LOG_PLAIN,
                "%s: it passes no memory requests on until what is wanted below it is Secure", bdf);
    else
        log_say(LOG_ERR, LOG_PLAIN, "%s: it could not be closed: %s", bdf,
                ide_fault_text(&result->fault, text, sizeof text));
}

void port_gate_recover(struct port_gates *gates, struct pcie_access *access, const struct held *held)
{
    for (const struct port_gate *gate = gates->first; gate; gate = gate->next) {
        struct gate_result result = port_gates_set(gates, access, &gate->root_port, GATE_CLOSED);
        say_recovered(&result);
        if (!has_links(held) && all_are_secure(access, &gate->root_port))
            (void)port_gates_below(gates, access, &gate->root_port, ALL_BUSES);
    }
}

void port_gate_open(struct controller *c)
{
    for (const struct port_gate *gate = c->gates.first; gate; gate = gate->next)
        (void)!need_seat(&c->gate, &gate->root_port);
}

void port_gate_close(struct controller *c)
{
    while (c->gate.first) {
        struct gate_seat *seat = c->gate.first;
        c->gate.first = seat->next;
        free(seat);
    }
    port_gates_close(&c->gates);
}
