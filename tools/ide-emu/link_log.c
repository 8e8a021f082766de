/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/link_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/ide-emu/fabric.h"

#define PCAP_MAGIC     0xa1b2c3d4u /* microseconds, in the writer's byte order */
#define LINKTYPE_USER0 147u
#define PSEUDO_HEADER  8u
#define PSEUDO_VERSION 1u

struct pcap_file_header {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy, longest, linktype;
};

struct pcap_record {
    uint32_t seconds, microseconds, kept, length;
};

/* The lower end that a link is named by. */
static const struct emu_function *lower(const struct link *link)
{
    const struct emu *emu = link->port->emu;
    for (size_t i = 0; i < emu->count; i++)
        if (emu->functions[i].parent == link->port)
            return &emu->functions[i];
    return link->port;
}

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void write_pcap(void *context, const struct link *link, enum link_way way, enum link_event event,
                       const struct frame *frame)
{
    uint8_t pseudo[PSEUDO_HEADER] = {PSEUDO_VERSION, (uint8_t)way, (uint8_t)event,
                                     (uint8_t)link->port->desc.bdf.domain};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    put16(pseudo + 4, pcie_bdf_rid(&link->port->desc.bdf));
    put16(pseudo + 6, pcie_bdf_rid(&lower(link)->desc.bdf));
    uint32_t len = PSEUDO_HEADER + frame->len;
    struct pcap_record record = {(uint32_t)now.tv_sec, (uint32_t)(now.tv_nsec / 1000), len, len};
    fwrite(&record, sizeof record, 1, context);
    fwrite(pseudo, sizeof pseudo, 1, context);
    fwrite(frame->data, frame->len, 1, context);
    fflush(context);
}

static void print_where(FILE *out, const struct tlp *t)
{
    if (tlp_is_memory(t->code))
        fprintf(out, " 0x%" PRIx64 " %u", t->address, t->length * 4u);
    else if (tlp_is_config(t->code))
        fprintf(out, " to %04x +%03x", t->target, t->reg);
    else if (tlp_is_message(t->code))
        fprintf(out, " %s to %04x", t->message == TLP_MESSAGE_IDE_SYNC ? "IDE-Sync" : "IDE-Fail", t->target);
    else
        fprintf(out, " status %u", t->status);
    fprintf(out, " from %04x tag %u", t->requester, t->tag);
}

static void write_text(void *context, const struct link *link, enum link_way way, enum link_event event,
                       const struct frame *frame)
{
    static const char *const events[] = {
        [LINK_PASSED] = "", [LINK_KEPT] = " kept", [LINK_TOUCHED] = " touched"};
    static const char *const substreams[] = {"PR", "NPR", "CPL"};
    struct frame_parts p;
    struct tlp t;
    FILE *out = context;
    fprintf(out, "%s %s %s%s:", link->port->name, way == LINK_DOWN ? ">" : "<", lower(link)->name,
            events[event]);
    if (!tlp_decode(frame, &t) || !frame_split(frame->data, frame->len, &p)) {
        fputs(" malformed", out);
    } else {
        if (p.ide)
            fprintf(out, " IDE stream %u %s K%d%s%s%s %s %u |", p.prefix.stream_id,
                    p.prefix.substream < 3 ? substreams[p.prefix.substream] : "?", p.prefix.key_set,
                    p.prefix.mac ? " M" : "", p.prefix.trusted ? " T" : "", p.prefix.pcrc ? " P" : "",
                    p.prefix.escort ? "sync" : "pr", p.prefix.pr_sent);
        fprintf(out, " %s", tlp_code_name(t.code));
        print_where(out, &t);
    }
    fputs(" |", out);
    for (unsigned i = 0; i < frame->len; i++)
        fprintf(out, "%s%02x", i % 4 == 0 ? " " : "", frame->data[i]);
    fputc('\n', out);
    fflush(out);
}

static FILE *create(const char *path, char *error, size_t size)
{
    FILE *f = fopen(path, "we");
    if (!f)
        snprintf(error, size, "%s: %s", path, strerror(errno));
    return f;
}

bool link_log_open(struct emu *emu, const char *pcap, const char *text, char *error, size_t size)
{
    struct link_tap *taps = emu->fabric->taps;
    if (pcap) {
        struct pcap_file_header header = {PCAP_MAGIC,    2, 4, 0, 0, PSEUDO_HEADER + TLP_FRAME_MAX,
                                          LINKTYPE_USER0};
        FILE *f = create(pcap, error, size);
        if (!f)
            return false;
        fwrite(&header, sizeof header, 1, f);
        fflush(f);
        taps[0] = (struct link_tap){write_pcap, f};
    }
    if (text) {
        FILE *f = create(text, error, size);
        if (!f)
            return false;
        taps[1] = (struct link_tap){write_text, f};
    }
    return true;
}

void link_log_close(struct emu *emu)
{
    for (size_t i = 0; emu->fabric && i < sizeof emu->fabric->taps / sizeof emu->fabric->taps[0]; i++) {
        if (emu->fabric->taps[i].context)
            fclose(emu->fabric->taps[i].context);
        emu->fabric->taps[i] = (struct link_tap){0};
    }
}
