/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host, two IDE_KM sessions and a device at the default platform, doing anything in any order. Whatever they do:
 * identities stay, the mailbox's registers agree with it, and a stream is Secure only with both ends enabled and every
 * sub-stream's key started and equal.
 *
 * Input: steps of 8 bytes: what, function, offset or stream (2), value (4).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spdm/cursor.h"
#include "tools/ide-emu/ide_link.h"

#define STEP_BYTES 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct emu emu;
static struct doe_object taken;
static struct emu_function *taken_from;

static void require(int condition)
{
    if (!condition)
        abort();
}

struct step {
    uint8_t what;
    struct emu_function *f;
    uint16_t offset;
    uint32_t value;
};

static void drop_taken(void)
{
    free(taken.data);
    taken = (struct doe_object){0};
    taken_from = NULL;
}

static void device_acts(const struct step *s)
{
    if (!taken_from) {
        if (s->f->doe_cap && mailbox_take(&s->f->mailbox, &taken))
            taken_from = s->f;
        return;
    }
    static const uint8_t answer[16] = {1, 0, 0, 0, 4};
    if (s->value & 1)
        mailbox_answer(&taken_from->mailbox, &taken, answer, sizeof answer);
    else if (s->value & 2)
        mailbox_discard(&taken_from->mailbox, &taken);
    else
        mailbox_fail(&taken_from->mailbox, &taken);
    emu_mailbox_show(taken_from);
    drop_taken();
}

static struct ide_km_target target_of(const struct step *s)
{
    return (struct ide_km_target){.port_index = (uint8_t)(s->offset >> 12 == 15),
                                  .stream_id = (uint8_t)s->offset,
                                  .key_set = (uint8_t)(s->offset >> 8 & 1),
                                  .direction = (enum ide_direction)(s->offset >> 9 & 1),
                                  .substream = (enum ide_substream)(s->offset >> 10 & 3)};
}

static void km(const struct step *s)
{
    struct ide_km_target t = target_of(s);
    struct ide_key key = {.ifv = (s->value >> 8 & 15) != 15};
    uint32_t session = s->value & 1;
    memset(key.key, (int)(s->value >> 1 & 3), sizeof key.key);
    if (s->what % 4 == 0)
        (void)ide_link_key_prog(s->f, session, &t, &key);
    else if (s->what % 4 == 1)
        ide_link_set_go(s->f, session, &t);
    else if (s->what % 4 == 2)
        ide_link_set_stop(s->f, session, &t);
    else
        ide_link_session_end(s->f, session);
}

/* Both ends keyed and the stream's registers set, which random steps seldom reach. */
static void bring_up(const struct step *s)
{
    struct emu_function *ends[] = {&emu.functions[0], &emu.functions[1]};
    uint8_t id = (uint8_t)s->value;
    for (unsigned e = 0; e < 2; e++) {
        struct port_stream *p = &ends[e]->ide.streams[1];
        uint8_t registers[] = {0x00, 0xff, 0xff, 0x00, 0x01, 0x00, 0x00, 0x00}, control[] = {0, 0, 0, id};
        emu_config_write(ends[e], p->rid, registers, sizeof registers);
        emu_config_write(ends[e], p->control, control, sizeof control);
        for (unsigned i = 0; i < 12; i++) {
            struct ide_km_target t = {.stream_id = id,
                                      .direction = (enum ide_direction)(i / 3 % 2),
                                      .substream = (enum ide_substream)(i % 3)};
            struct ide_key key = {.ifv = 1};
            if (i < 6)
                (void)ide_link_key_prog(ends[e], 0, &t, &key);
            else
                ide_link_set_go(ends[e], 0, &t);
        }
        control[0] = PCIE_IDE_STREAM_CTL_EN;
        emu_config_write(ends[e], p->control, control, sizeof control);
    }
}

static void act(const struct step *s)
{
    uint8_t bytes[4];
    unsigned offset = s->offset % (PCIE_CONFIG_SIZE - 3), n = 1 + s->what / 8 % 4;
    memcpy(bytes, &s->value, sizeof bytes);
    switch (s->what % 8) {
    case 0:
        emu_config_read(s->f, offset, bytes, n);
        break;
    case 1:
        emu_config_write(s->f, offset, bytes, n);
        break;
    case 2: /* near the two capabilities, whole dwords */
        offset = (s->f->doe_cap ? s->f->doe_cap : s->f->ide.cap) + s->offset % 128u * 4u;
        emu_config_write(s->f, offset, bytes, 4);
        break;
    case 3:
        device_acts(s);
        break;
    case 4:
        bring_up(s);
        break;
    case 5:
        if (s->value % 4 == 0)
            emu_function_reset(s->f);
        break;
    default:
        if (s->f->ide.cap)
            km(&(struct step){s->what / 8, s->f, s->offset, s->value});
    }
}

static void check_secure(struct emu_function *f, struct port_stream *s)
{
    struct link_end end = {f, s}, other = ide_link_partner(end);
    if (!s->secure)
        return;
    require(port_stream_enabled(s, &f->config) && other.stream && other.stream->secure);
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
        int set = s->transmit_set[sub];
        require(set == 0 || set == 1);
        const struct ide_key_slot *tx = &s->key[set][IDE_TX][sub], *rx = &other.stream->key[set][IDE_RX][sub];
        require(tx->programmed && tx->started && rx->programmed && rx->started);
        require(memcmp(tx->key.key, rx->key.key, sizeof tx->key.key) == 0);
    }
}

static void check(void)
{
    for (size_t i = 0; i < emu.count; i++) {
        struct emu_function *f = &emu.functions[i];
        require(config_get16(&f->config, PCIE_VENDOR_ID) == f->desc.ids.vendor);
        require(!f->doe_cap || config_get32(&f->config, f->doe_cap + PCIE_DOE_STATUS) == mailbox_status(&f->mailbox));
        for (size_t k = 0; k < f->ide.count; k++)
            check_secure(f, &f->ide.streams[k]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct platform p;
    char error[256];
    platform_default(&p);
    require(emu_init(&emu, &p, error, sizeof error));
    struct reader r = reader_of(data, size);
    while (read_left(&r) >= STEP_BYTES) {
        struct step s = {.what = read_u8(&r, "what")};
        s.f = &emu.functions[read_u8(&r, "function") % emu.count];
        s.offset = read_u16(&r, "offset");
        s.value = read_u32(&r, "value");
        act(&s);
        check();
    }
    drop_taken();
    emu_free(&emu);
    return 0;
}
