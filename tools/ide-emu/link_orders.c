/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/link_orders.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ide-emu/fabric.h"
#include "tools/ide-emu/link_host.h"

#define BYTES_MAX 4096u /* that one order reads */

static char *say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *say(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    return n < 0 ? NULL : text;
}

static bool parse_number(const char *text, uint64_t most, uint64_t *value)
{
    char *end;
    *value = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && *end == '\0' && *value <= most;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_hex(const char *text, uint8_t *bytes, size_t cap, size_t *len)
{
    size_t digits = strlen(text);
    if (digits == 0 || digits % 2 || digits / 2 > cap)
        return false;
    for (size_t i = 0; i < digits / 2; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    *len = digits / 2;
    return true;
}

static char *hex_of(const uint8_t *bytes, size_t len)
{
    char *text = malloc(2 * len + 1);
    for (size_t i = 0; text && i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return text;
}

static struct emu_function *function_of(struct emu *emu, const char *text)
{
    struct pcie_bdf bdf;
    return pcie_bdf_parse(text, &bdf) == IDE_OK ? emu_find(emu, &bdf) : NULL;
}

/* --- Memory --------------------------------------------------------------------------------------------- */

struct transfer {
    bool write;
    uint64_t address;
    uint8_t bytes[BYTES_MAX];
    size_t len;
};

/* read ADDRESS LENGTH, write ADDRESS HEX */
static bool parse_transfer(char *const *words, struct transfer *t)
{
    uint64_t len;
    t->write = strcmp(words[0], "write") == 0;
    if ((!t->write && strcmp(words[0], "read") != 0) ||
        !parse_number(words[1], UINT64_MAX - BYTES_MAX, &t->address))
        return false;
    if (t->write)
        return parse_hex(words[2], t->bytes, sizeof t->bytes, &t->len);
    bool ok = parse_number(words[2], BYTES_MAX, &len) && len > 0;
    t->len = (size_t)len;
    return ok;
}

static char *do_dma(struct emu *emu, char *const *words, size_t count)
{
    struct transfer t;
    struct emu_function *f = function_of(emu, words[1]);
    bool trusted = count == 6 && strcmp(words[5], "trusted") == 0;
    if (!f || (count == 6 && !trusted) || !parse_transfer(words + 2, &t))
        return say("error: dma takes an endpoint, then read ADDRESS LENGTH or write ADDRESS HEX");
    enum link_result result = t.write ? link_dma_write(f, t.address, trusted, t.bytes, t.len)
                                      : link_dma_read(f, t.address, trusted, t.bytes, t.len);
    if (result != LINK_DONE)
        return say("error: %s", link_result_text(result));
    return t.write ? say("ok") : hex_of(t.bytes, t.len);
}

static char *do_host(struct emu *emu, char *const *words, size_t count)
{
    struct transfer t;
    (void)count;
    if (!parse_transfer(words + 1, &t))
        return say("error: host takes read ADDRESS LENGTH or write ADDRESS HEX");
    emu_lock(emu);
    if (t.write)
        memory_write(&emu->fabric->host, t.address, t.bytes, t.len);
    else
        memory_read(&emu->fabric->host, t.address, t.bytes, t.len);
    emu_unlock(emu);
    return t.write ? say("ok") : hex_of(t.bytes, t.len);
}

static char *do_class(struct emu *emu, char *const *words, size_t count)
{
    uint64_t class;
    struct emu_function *f = function_of(emu, words[1]);
    (void)count;
    if (!f || !parse_number(words[2], 7, &class))
        return say("error: class takes a function, then 0 to 7");
    emu_lock(emu);
    f->traffic_class = (uint8_t)class;
    emu_unlock(emu);
    return say("ok");
}

/* --- The adversary -------------------------------------------------------------------------------------- */

struct seat {
    struct emu *emu;
    struct link *link;
    enum link_way way;
    struct adversary *adversary;
};

static bool find_seat(struct emu *emu, char *const *words, struct seat *seat)
{
    struct emu_function *f = function_of(emu, words[1]);
    if (f && !f->link)
        f = f->parent;
    bool down = strcmp(words[2], "down") == 0;
    if (!f || !f->link || (!down && strcmp(words[2], "up") != 0))
        return false;
    enum link_way way = down ? LINK_DOWN : LINK_UP;
    *seat = (struct seat){emu, f->link, way, &f->link->adversary[way]};
    return true;
}

/* An adversary's own frames do not pass by itself again. */
static void put_on_link(const struct seat *seat, const struct frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < sizeof seat->emu->fabric->taps / sizeof seat->emu->fabric->taps[0]; t++)
            if (seat->emu->fabric->taps[t].saw)
                seat->emu->fabric->taps[t].saw(seat->emu->fabric->taps[t].context, seat->link, seat->way,
                                               LINK_TOUCHED, &frames[i]);
        fabric_enqueue(seat->emu, seat->link, seat->way, &frames[i]);
    }
    fabric_run(seat->emu);
}

static char *do_release(const struct seat *seat)
{
    struct adversary_output out;
    adversary_release(seat->adversary, &out);
    put_on_link(seat, out.frames, out.count);
    return say("ok");
}

static char *do_recorded(const struct seat *seat)
{
    json_t *list = json_array();
    for (size_t i = 0; i < seat->adversary->recorded_count; i++) {
        char *hex = hex_of(seat->adversary->recorded[i].data, seat->adversary->recorded[i].len);
        json_array_append_new(list, json_string(hex ? hex : ""));
        free(hex);
    }
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

static char *do_send(const struct seat *seat, const char *index)
{
    uint64_t i;
    if (!parse_number(index, ADVERSARY_FRAMES, &i) || i >= seat->adversary->recorded_count)
        return say("error: %.32s: nothing is recorded under that number", index);
    struct frame frame = seat->adversary->recorded[i];
    put_on_link(seat, &frame, 1);
    return say("ok");
}

static char *do_inject(const struct seat *seat, const char *hex)
{
    struct frame frame;
    size_t len;
    if (!parse_hex(hex, frame.data, sizeof frame.data, &len))
        return say("error: inject takes 1 to %u bytes in hex", TLP_FRAME_MAX);
    frame.len = (uint16_t)len;
    put_on_link(seat, &frame, 1);
    return say("ok");
}

/* ATTACK VICTIM [COUNT [SKIP]]; what it holds and recorded stays. */
static char *do_attack(const struct seat *seat, char *const *words, size_t count)
{
    struct adversary wanted = {0};
    uint64_t left = ADVERSARY_FOREVER, skip = 0;
    bool ok = count >= 2 && count <= 4 && adversary_parse_attack(words[0], &wanted) &&
              adversary_parse_victim(words[1], &wanted.victim) &&
              (count < 3 || parse_number(words[2], ADVERSARY_FOREVER, &left)) &&
              (count < 4 || parse_number(words[3], UINT32_MAX, &skip));
    if (!ok)
        return say("error: adversary takes ATTACK[=VALUE] VICTIM [COUNT [SKIP]]");
    seat->adversary->attack = wanted.attack;
    seat->adversary->value = wanted.value;
    seat->adversary->victim = wanted.victim;
    seat->adversary->left = (uint32_t)left;
    seat->adversary->skip = (uint32_t)skip;
    return say("ok");
}

static char *command_adversary(const struct seat *seat, char *const *words, size_t count)
{
    if (strcmp(words[0], "off") == 0 && count == 1) {
        adversary_clear(seat->adversary);
        return say("ok");
    }
    if (strcmp(words[0], "release") == 0 && count == 1)
        return do_release(seat);
    if (strcmp(words[0], "recorded") == 0 && count == 1)
        return do_recorded(seat);
    if (strcmp(words[0], "send") == 0 && count == 2)
        return do_send(seat, words[1]);
    if (strcmp(words[0], "inject") == 0 && count == 2)
        return do_inject(seat, words[1]);
    return do_attack(seat, words, count);
}

static char *do_adversary(struct emu *emu, char *const *words, size_t count)
{
    struct seat seat;
    if (!find_seat(emu, words, &seat))
        return say("error: adversary takes a function at a link, and down or up");
    emu_lock(emu);
    char *answer = command_adversary(&seat, words + 3, count - 3);
    emu_unlock(emu);
    return answer;
}

/* --- Errors --------------------------------------------------------------------------------------------- */

static char *do_errors(struct emu *emu, char *const *words, size_t count)
{
    struct emu_function *f = function_of(emu, words[1]);
    (void)count;
    if (!f)
        return say("error: %.32s: there is no such function", words[1]);
    json_t *list = json_array();
    emu_lock(emu);
    const struct aer_log *log = &f->aer.log;
    for (uint64_t i = log->count > AER_TOLD ? log->count - AER_TOLD : 0; i < log->count; i++) {
        const struct aer_entry *e = &log->last[i % AER_TOLD];
        json_t *stream = e->stream_id == AER_NO_STREAM ? json_null() : json_integer(e->stream_id);
        json_array_append_new(list, json_pack("{s:s, s:o, s:s}", "error", aer_error_name(e->error), "stream",
                                              stream, "why", e->why));
    }
    emu_unlock(emu);
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

static const struct {
    const char *name;
    size_t words_min, words_max;
    char *(*obey)(struct emu *emu, char *const *words, size_t count);
} known[] = {
    {"dma", 5, 6, do_dma},
    {"host", 4, 4, do_host},
    {"class", 3, 3, do_class},
    {"adversary", 4, 7, do_adversary},
    {"errors", 2, 2, do_errors},
};

bool link_orders_obey(struct emu *emu, char *const *words, size_t count, char **answer)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (count == 0 || strcmp(words[0], known[i].name) != 0)
            continue;
        if (count < known[i].words_min || count > known[i].words_max)
            *answer = say("error: %s: wrong number of words", words[0]);
        else
            *answer = known[i].obey(emu, words, count);
        return true;
    }
    return false;
}
