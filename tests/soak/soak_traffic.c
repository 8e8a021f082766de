/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <time.h>

#include "soak.h"

#define PLACES    64u
#define DMA_BASE  0x100000u
#define DMA_SPACE 0x10000u
#define PAUSE_NS  200000

/* What is written: says itself where it belongs and when it was written, so that it can be told from all else. */
struct record {
    uint64_t number, place, check[2];
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
    return a ^ a >> 29;
}

static struct record record_of(const struct soak_stream *s, uint64_t number, uint64_t place)
{
    uint64_t check = mix(mix(number, place), s->number + 1);
    return (struct record){number, place, {check, ~check}};
}

/* It is one that was written to that place at some time, or nothing was yet. */
static bool is_ours(const struct soak_stream *s, const struct record *got, uint64_t place)
{
    static const struct record nothing;
    struct record want = record_of(s, got->number, place);
    return memcmp(got, &nothing, sizeof nothing) == 0 ||
           (got->number <= s->written && memcmp(got, &want, sizeof want) == 0);
}

static enum link_result write_to(const struct soak_stream *s, bool by_host, uint64_t at, const struct record *r)
{
    struct emu_function *f = s->rig->device;
    return by_host ? link_bar_write(f, at, (const uint8_t *)r, sizeof *r)
                   : link_dma_write(f, DMA_BASE + DMA_SPACE * s->number + at, false, (const uint8_t *)r, sizeof *r);
}

static enum link_result read_from(const struct soak_stream *s, bool by_host, uint64_t at, struct record *r)
{
    struct emu_function *f = s->rig->device;
    return by_host ? link_bar_read(f, at, (uint8_t *)r, sizeof *r)
                   : link_dma_read(f, DMA_BASE + DMA_SPACE * s->number + at, false, (uint8_t *)r, sizeof *r);
}

static void exchange(struct soak_stream *s, bool by_host)
{
    uint64_t place = s->written % PLACES, at = place * sizeof(struct record);
    struct record out = record_of(s, s->written, place), in = {0};
    enum link_result wrote = write_to(s, by_host, at, &out), read = read_from(s, by_host, at, &in);
    bool done = wrote == LINK_DONE && read == LINK_DONE;
    atomic_fetch_add(done ? &counts.exchanges : &counts.failed_exchanges, 1);
    if (read == LINK_DONE && !is_ours(s, &in, place))
        violation(s, "an altered record was delivered");
    if (s->mode == SOAK_TROUBLE)
        return;
    if (!done)
        violation(s, "an access failed: %s, %s", link_result_text(wrote), link_result_text(read));
    else if (memcmp(&in, &out, sizeof in) != 0)
        violation(s, "a write was lost or a read was of another place");
}

static uint64_t errors_of(const struct soak_stream *s)
{
    return s->rig->root->aer.log.count + s->rig->device->aer.log.count;
}

/* Both ends say the same, whatever it is; and a stream that nobody meddles with stays as it is. */
static void check_ends(const struct soak_stream *s)
{
    emu_lock(&rig.emu);
    const struct port_stream *a = rig_block(s->rig, END_ROOT_PORT), *b = rig_block(s->rig, END_ENDPOINT);
    bool secure_a = a && a->secure, secure_b = b && b->secure;
    uint64_t errors = errors_of(s);
    emu_unlock(&rig.emu);
    if (secure_a != secure_b)
        violation(s, "one end is Secure and the other is not");
    if (s->mode == SOAK_TROUBLE)
        return;
    if (!secure_a)
        violation(s, "it is not Secure any more");
    if (rig_falls(s->rig) != s->falls)
        violation(s, "an end fell from Secure");
    if (errors != s->errors)
        violation(s, "a port has logged an error");
}

void *soak_traffic(void *stream)
{
    struct soak_stream *s = stream;
    while (!atomic_load(&soak_ending)) {
        pthread_mutex_lock(&s->lock);
        s->written++;
        exchange(s, true);
        exchange(s, false);
        check_ends(s);
        pthread_mutex_unlock(&s->lock);
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    return NULL;
}

bool soak_begin_clean(struct soak_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool secure = rig_is_secure(s->rig);
    if (secure) {
        s->mode = SOAK_CLEAN;
        s->falls = rig_falls(s->rig);
        emu_lock(&rig.emu);
        s->errors = errors_of(s);
        emu_unlock(&rig.emu);
    }
    pthread_mutex_unlock(&s->lock);
    return secure;
}

void soak_begin_trouble(struct soak_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->mode = SOAK_TROUBLE;
    pthread_mutex_unlock(&s->lock);
}
