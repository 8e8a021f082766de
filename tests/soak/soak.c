/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "soak.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STREAMS         8u
#define VIOLATIONS_MAX  20u
#define DETECT_MS       5000u
#define RECOVERIES_MAX  50u
#define LINK_TIMEOUT_MS_SHORT 5u
#define TIMEOUT_MS      3000u /* of an answer: what a cut link costs */

struct soak_counts counts;
atomic_bool soak_ending;
static struct soak_stream streams[STREAMS];
static uint64_t seed = 1;
static unsigned seconds = 600;

/* --- Small things --------------------------------------------------------------------------------------- */

void violation(const struct soak_stream *s, const char *format, ...)
{
    va_list args;
    if (atomic_fetch_add(&counts.violations, 1) >= VIOLATIONS_MAX)
        return;
    va_start(args, format);
    flockfile(stderr);
    fprintf(stderr, "soak: seed %llu, stream %u: ", (unsigned long long)seed, s->number + 1);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    funlockfile(stderr);
    va_end(args);
}

/* A number below n, from the stream's own sequence (xorshift). */
static unsigned below(struct soak_stream *s, unsigned n)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (unsigned)(s->random >> 33) % n;
}

static void pause_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

static struct emu_function *an_end(struct soak_stream *s, enum stream_end end)
{
    return end == END_ROOT_PORT ? s->rig->root : s->rig->device;
}

static void calm(struct soak_stream *s)
{
    emu_lock(&rig.emu);
    for (enum link_way way = LINK_DOWN; way <= LINK_UP; way++)
        adversary_clear(&s->rig->root->link->adversary[way]);
    for (enum stream_end end = 0; end < END_COUNT; end++)
        an_end(s, end)->faults = (struct fault_set){0};
    emu_unlock(&rig.emu);
    s->rig->failure = (struct rig_failure){.action = STEP_COUNT};
}

/* --- Up again, whatever has happened -------------------------------------------------------------------- */

static bool try_again(struct soak_stream *s)
{
    calm(s);
    if (!rig_run(s->rig, OPERATION_STOP) || s->rig->stream.state != STREAM_OFF)
        return false;
    return rig_run(s->rig, OPERATION_ESTABLISH) && soak_begin_clean(s);
}

static void bring_back(struct soak_stream *s)
{
    for (unsigned i = 0; i < RECOVERIES_MAX; i++)
        if (try_again(s)) {
            atomic_fetch_add(&counts.restarts, 1);
            return;
        }
    violation(s, "it does not come back: %s", s->rig->op.failure.message);
    pause_ms(100);
}

/* --- What is done to a stream --------------------------------------------------------------------------- */

static void refresh(struct soak_stream *s)
{
    unsigned rekeys = s->rig->stream.rekeys;
    if (!rig_run(s->rig, OPERATION_REKEY))
        violation(s, "a refresh failed: %s", s->rig->op.failure.message);
    else if (s->rig->stream.rekeys != rekeys + 1 || s->rig->op.note_count > 0)
        violation(s, "a refresh was not whole");
    atomic_fetch_add(&counts.refreshes, 1);
}

/* One that fails leaves the stream as it was for its traffic, and the next one works. */
static void refresh_with_failure(struct soak_stream *s)
{
    s->rig->failure = (struct rig_failure){.end = (enum stream_end)below(s, END_COUNT),
                                           .call = 1 + below(s, 19),
                                           .after = below(s, 2),
                                           .action = STEP_COUNT};
    if (!rig_run(s->rig, OPERATION_REKEY) && s->rig->op.failure.err != IDE_E_PEER_ERROR)
        violation(s, "a refresh failed in another way than it was made to: %s", s->rig->op.failure.message);
    s->rig->failure = (struct rig_failure){.action = STEP_COUNT};
    atomic_fetch_add(&counts.failed_calls, 1);
    refresh(s);
}

static void refresh_with_refusal(struct soak_stream *s)
{
    static const enum fault_id faults[] = {FAULT_KM_REFUSE, FAULT_GO_REFUSE, FAULT_STOP_REFUSE};
    enum fault_id fault = faults[below(s, 3)];
    emu_lock(&rig.emu);
    s->rig->device->faults.left[fault] = 1;
    s->rig->device->faults.value[fault] = KP_ACK_UNSPECIFIED_FAILURE;
    emu_unlock(&rig.emu);
    if (rig_run(s->rig, OPERATION_REKEY) != (fault == FAULT_STOP_REFUSE))
        violation(s, "a refusal came to another end than it must");
    calm(s);
    atomic_fetch_add(&counts.refusals, 1);
    refresh(s);
}

static struct adversary choose_attack(struct soak_stream *s, enum link_way *way)
{
    static const enum attack attacks[] = {ATTACK_DROP,   ATTACK_HOLD, ATTACK_DELAY, ATTACK_REORDER,
                                          ATTACK_REPLAY, ATTACK_FLIP, ATTACK_STREAM};
    static const enum victim victims[] = {VICTIM_PR, VICTIM_NPR, VICTIM_CPL};
    *way = (enum link_way)below(s, LINK_WAYS);
    struct adversary a = {.attack = attacks[below(s, sizeof attacks / sizeof *attacks)],
                          .victim = victims[below(s, 3)],
                          .skip = below(s, 8),
                          .left = 1};
    a.value = a.attack == ATTACK_DELAY ? 1 + below(s, 3) : below(s, 4096);
    if (a.attack == ATTACK_STREAM && (uint8_t)a.value == s->rig->stream.id)
        a.value++;
    return a;
}

/* PCI Express lets reads and completions be passed by others: that alone is nothing to detect. */
static bool must_be_detected(const struct adversary *a)
{
    return a->victim == VICTIM_PR || (a->attack != ATTACK_DELAY && a->attack != ATTACK_REORDER);
}

/* Waits until the attack has met a victim, and then until both ends know. */
static bool await_detection(struct soak_stream *s, enum link_way way, bool *met)
{
    const struct adversary *a = &s->rig->root->link->adversary[way];
    for (unsigned ms = 0; ms < DETECT_MS && !atomic_load(&soak_ending); ms++) {
        emu_lock(&rig.emu);
        *met = a->hit > 0;
        emu_unlock(&rig.emu);
        if (*met && !rig_is_secure(s->rig))
            return true;
        if (*met && a->attack == ATTACK_HOLD && ms % 50 == 49) {
            struct adversary_output out;
            emu_lock(&rig.emu);
            adversary_release(&s->rig->root->link->adversary[way], &out);
            for (size_t i = 0; i < out.count; i++)
                fabric_enqueue(&rig.emu, s->rig->root->link, way, &out.frames[i]);
            fabric_run(&rig.emu);
            emu_unlock(&rig.emu);
        }
        if (*met && !must_be_detected(a) && ms > 50)
            return false;
        pause_ms(1);
    }
    return false;
}

static void attack(struct soak_stream *s)
{
    enum link_way way;
    bool met = false;
    struct adversary chosen = choose_attack(s, &way);
    soak_begin_trouble(s);
    emu_lock(&rig.emu);
    adversary_clear(&s->rig->root->link->adversary[way]);
    s->rig->root->link->adversary[way] = chosen;
    emu_unlock(&rig.emu);
    bool detected = await_detection(s, way, &met);
    if (met && !detected && must_be_detected(&chosen) && !atomic_load(&soak_ending))
        violation(s, "attack %d on victim %d, way %d, value %u was not detected", (int)chosen.attack,
                  (int)chosen.victim, (int)way, chosen.value);
    atomic_fetch_add(detected ? &counts.attacks : met ? &counts.undetectable : &counts.unmet, 1);
    bring_back(s);
}

static void reset_endpoint(struct soak_stream *s)
{
    soak_begin_trouble(s);
    emu_lock(&rig.emu);
    emu_function_reset(s->rig->device);
    emu_unlock(&rig.emu);
    if (rig_run(s->rig, OPERATION_REKEY))
        violation(s, "an endpoint that was reset took new keys");
    atomic_fetch_add(&counts.resets, 1);
    bring_back(s);
}

/* Keys outlive a session that this side has lost, until the device's own end of it is over. */
static void lose_session(struct soak_stream *s)
{
    session_close(&s->rig->agent[END_ENDPOINT]->spdm.session);
    if (rig_run(s->rig, OPERATION_REKEY) || s->rig->op.failure.err != IDE_E_SESSION)
        violation(s, "keys were given without a session");
    atomic_fetch_add(&counts.lost_sessions, 1);
    soak_begin_trouble(s);
    bring_back(s);
}

/* Somebody cuts the link for a while in the middle of a refresh, configuration requests too. */
static void cut(struct soak_stream *s)
{
    enum link_way way = (enum link_way)below(s, LINK_WAYS);
    soak_begin_trouble(s);
    emu_lock(&rig.emu);
    s->rig->root->link->adversary[way] =
        (struct adversary){.attack = ATTACK_DROP, .victim = VICTIM_ALL, .skip = below(s, 1000), .left = 1 + below(s, 5)};
    emu_unlock(&rig.emu);
    bool ok = rig_run(s->rig, OPERATION_REKEY);
    (void)ok; /* whatever came of it */
    atomic_fetch_add(&counts.cuts, 1);
    bring_back(s);
}

static void restart(struct soak_stream *s)
{
    soak_begin_trouble(s);
    bring_back(s);
}

static const struct {
    unsigned share;
    void (*act)(struct soak_stream *s);
} actions[] = {
    {60, refresh}, {12, refresh_with_failure}, {8, refresh_with_refusal}, {10, attack},
    {2, reset_endpoint}, {2, lose_session}, {3, cut}, {3, restart},
};

static void act(struct soak_stream *s)
{
    unsigned n = below(s, 100), i = 0;
    while (n >= actions[i].share)
        n -= actions[i++].share;
    actions[i].act(s);
}

static void *control(void *stream)
{
    struct soak_stream *s = stream;
    while (!atomic_load(&soak_ending) && atomic_load(&counts.violations) < VIOLATIONS_MAX)
        act(s);
    return NULL;
}

/* --- The program ---------------------------------------------------------------------------------------- */

/* Half of the root ports have mailboxes; the others' keys come from a key unit and a root of trust. */
static const enum provider_choice providers[STREAMS] = {PROVIDER_DOE, PROVIDER_DOE, PROVIDER_DOE, PROVIDER_DOE,
                                                        PROVIDER_KCU, PROVIDER_KCU, PROVIDER_ROT, PROVIDER_ROT};

static bool begin(void)
{
    char error[512] = "";
    rig_timeout_ms = TIMEOUT_MS;
    if (!rig_open(STREAMS, providers, error, sizeof error)) {
        fprintf(stderr, "soak: %s\n", error);
        return false;
    }
    rig.emu.fabric->timeout_ms = LINK_TIMEOUT_MS_SHORT;
    for (unsigned i = 0; i < STREAMS; i++) {
        struct soak_stream *s = &streams[i];
        *s = (struct soak_stream){.rig = &rig.stream[i], .number = i, .mode = SOAK_TROUBLE};
        s->random = (seed + i + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
        pthread_mutex_init(&s->lock, NULL);
        if (!rig_run(s->rig, OPERATION_ESTABLISH) || !soak_begin_clean(s))
            violation(s, "it does not come up: %s", s->rig->op.failure.message);
    }
    return true;
}

static void run(void)
{
    for (unsigned i = 0; i < STREAMS; i++)
        if (pthread_create(&streams[i].traffic, NULL, soak_traffic, &streams[i]) != 0 ||
            pthread_create(&streams[i].controller, NULL, control, &streams[i]) != 0)
            abort();
    for (unsigned ms = 0; ms < seconds * 1000 && atomic_load(&counts.violations) < VIOLATIONS_MAX; ms += 100)
        pause_ms(100);
    atomic_store(&soak_ending, true);
    for (unsigned i = 0; i < STREAMS; i++) {
        pthread_join(streams[i].controller, NULL);
        pthread_join(streams[i].traffic, NULL);
    }
}

static void end(void)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        calm(&streams[i]);
        if (!rig_run(streams[i].rig, OPERATION_STOP))
            violation(&streams[i], "it cannot be stopped: %s", streams[i].rig->op.failure.message);
        pthread_mutex_destroy(&streams[i].lock);
    }
    rig_close();
}

static void print_result(void)
{
    printf("{\"seed\": %llu, \"seconds\": %u, \"streams\": %u,\n", (unsigned long long)seed, seconds, STREAMS);
    printf(" \"exchanges\": %lu, \"exchanges_that_failed_in_trouble\": %lu,\n", atomic_load(&counts.exchanges),
           atomic_load(&counts.failed_exchanges));
    printf(" \"refreshes\": %lu, \"refreshes_with_a_failing_call\": %lu, \"refreshes_refused\": %lu,\n",
           atomic_load(&counts.refreshes), atomic_load(&counts.failed_calls), atomic_load(&counts.refusals));
    printf(" \"attacks_detected\": %lu, \"delays_that_pci_express_allows\": %lu, \"attacks_that_met_nothing\": %lu,\n",
           atomic_load(&counts.attacks), atomic_load(&counts.undetectable), atomic_load(&counts.unmet));
    printf(" \"resets\": %lu, \"sessions_lost\": %lu, \"links_cut\": %lu, \"stopped_and_established_again\": %lu,\n",
           atomic_load(&counts.resets), atomic_load(&counts.lost_sessions), atomic_load(&counts.cuts),
           atomic_load(&counts.restarts));
    printf(" \"violations\": %lu}\n", atomic_load(&counts.violations));
}

static bool parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 's'}, {"seed", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
    int code;
    while ((code = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (code == 's')
            seconds = (unsigned)strtoul(optarg, NULL, 10);
        else if (code == 'r')
            seed = strtoull(optarg, NULL, 10);
        else
            return false;
    }
    return optind == argc && seconds > 0;
}

int main(int argc, char **argv)
{
    if (!parse(argc, argv)) {
        fputs("usage: soak [--seconds 600] [--seed 1]\n", stderr);
        return 2;
    }
    if (!begin())
        return EXIT_FAILURE;
    run();
    end();
    print_result();
    return atomic_load(&counts.violations) ? EXIT_FAILURE : EXIT_SUCCESS;
}
