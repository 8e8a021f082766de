/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_MEASUREMENT_EXTENSION_LOG and MEASUREMENT_EXTENSION_LOG (DSP0274 1.3), and the log itself. */
#include <string.h>

#include "spdm/internal.h"

#define REQUEST_NAME    "GET_MEASUREMENT_EXTENSION_LOG"
#define RESPONSE_NAME   "MEASUREMENT_EXTENSION_LOG"
#define RESPONSE_FIXED  (SPDM_HEADER_SIZE + 8u)
#define MEL_SPEC_DMTF   1u
#define MEL_HEADER_SIZE 16u   /* NumberOfEntries, MELEntriesLength, Reserved */

static void request_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_get_mel *m = message;
    (void)p;
    m->offset = read_u32(r, "Offset");
    m->length = read_u32(r, "Length");
}

static void request_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_get_mel *m = message;
    (void)p;
    write_u32(w, m->offset);
    write_u32(w, m->length);
}

static void response_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_mel *m = message;
    (void)p;
    m->portion_length = read_u32(r, "PortionLength");
    m->remainder_length = read_u32(r, "RemainderLength");
    m->portion = read_bytes(r, m->portion_length, "MEL");
}

static void response_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_mel *m = message;
    (void)p;
    write_u32(w, m->portion_length);
    write_u32(w, m->remainder_length);
    write_bytes(w, m->portion, m->portion_length);
}

const struct spdm_message spdm_msg_get_mel = {SPDM_GET_MEASUREMENT_EXTENSION_LOG, SPDM_VERSION_13, REQUEST_NAME,
                                              request_decode, request_encode};
const struct spdm_message spdm_msg_mel = {SPDM_MEASUREMENT_EXTENSION_LOG, SPDM_VERSION_13, RESPONSE_NAME,
                                          response_decode, response_encode};

/* --- the log -------------------------------------------------------------------------------------------------- */

bool spdm_mel_next(struct reader *entries, struct spdm_mel_entry *entry)
{
    struct reader whole = *entries;
    *entry = (struct spdm_mel_entry){0};
    if (entries->err != IDE_OK || read_left(entries) == 0)
        return false;
    entry->number = read_u32(entries, "MELIndex");
    entry->index = read_u8(entries, "MeasIndex");
    read_u24(entries, "Reserved");
    entry->type = read_u8(entries, "DMTFSpecMeasurementValueType");
    entry->len = read_u16(entries, "DMTFSpecMeasurementValueSize");
    entry->value = read_bytes(entries, entry->len, "DMTFSpecMeasurementValue");
    entry->bytes_len = entries->pos - whole.pos;
    entry->bytes = read_bytes(&whole, entry->bytes_len, "MELEntry");
    return entries->err == IDE_OK;
}

struct reader spdm_mel_entries(const uint8_t *mel, size_t len)
{
    struct reader r = reader_of(mel, len);
    struct spdm_mel_entry entry;
    uint32_t count = read_u32(&r, "NumberOfEntries");
    uint32_t entries_len = read_u32(&r, "MELEntriesLength");
    read_u64(&r, "Reserved");
    if (r.err == IDE_OK)
        read_expect(&r, entries_len, read_left(&r), "MELEntriesLength");
    struct reader entries = r, counted = r;
    uint32_t found = 0;
    while (spdm_mel_next(&counted, &entry))
        found++;
    if (counted.err != IDE_OK)
        return counted;
    read_expect(&entries, count, found, "NumberOfEntries");
    return entries;
}

/* What the entries of one measurement add up to. */
static enum ide_err extend(const struct hash_info *hash, struct reader entries, uint8_t index, uint8_t *digest)
{
    struct spdm_mel_entry entry;
    struct hash h;
    enum ide_err err = IDE_OK;
    memset(digest, 0, hash->size);
    while (err == IDE_OK && spdm_mel_next(&entries, &entry)) {
        if (entry.index != index)
            continue;
        err = hash_init(&h, hash->id);
        if (err == IDE_OK)
            err = hash_update(&h, digest, hash->size);
        if (err == IDE_OK)
            err = hash_update(&h, entry.bytes, entry.bytes_len);
        if (err == IDE_OK)
            err = hash_final(&h, digest);
    }
    return err;
}

static enum ide_err check_block(const struct spdm_params *p, struct reader entries,
                                const struct spdm_measurement_block *block)
{
    uint8_t digest[HASH_SIZE_MAX];
    if (block->type != SPDM_MEASURED_HASH_EXTEND)
        return IDE_OK;
    if (!p->measurement_hash)
        return IDE_E_UNSUPPORTED;
    enum ide_err err = extend(p->measurement_hash, entries, block->index, digest);
    if (err != IDE_OK)
        return err;
    bool same = block->len == p->measurement_hash->size && equal_secret(digest, block->value, block->len);
    return same ? IDE_OK : IDE_E_MEASUREMENT;
}

enum ide_err spdm_mel_check(const struct spdm_params *p, const uint8_t *mel, size_t mel_len, const uint8_t *record,
                            size_t record_len, struct ide_fault *fault)
{
    struct reader entries = spdm_mel_entries(mel, mel_len), blocks = reader_of(record, record_len);
    struct spdm_measurement_block block;
    enum ide_err err = read_done(&entries, fault, RESPONSE_NAME);
    while (err == IDE_OK && spdm_measurement_next(&blocks, p, &block)) {
        err = check_block(p, entries, &block);
        if (err != IDE_OK) {
            ide_fail(fault, err, RESPONSE_NAME, "DMTFSpecMeasurementValue");
            fault->measurement = block.index;
        }
    }
    return err == IDE_OK ? read_done(&blocks, fault, "MEASUREMENTS") : err;
}

/* --- the requester -------------------------------------------------------------------------------------------- */

/* The log as it grows portion by portion. total is what the first one said; a log that grew meanwhile is cut there. */
struct log_progress {
    struct writer log;
    uint64_t total;
};

static enum ide_err take_portion(struct log_progress *progress, const struct spdm_get_mel *request,
                                 const struct spdm_mel *m, struct ide_fault *fault)
{
    uint64_t total = (uint64_t)progress->log.pos + m->portion_length + m->remainder_length;
    if (m->portion_length == 0 || m->portion_length > request->length)
        return ide_fail_value(fault, IDE_E_FIELD, RESPONSE_NAME, "PortionLength", m->portion_length, request->length);
    if (progress->total == 0)
        progress->total = total;
    if (total < progress->total)
        return ide_fail_value(fault, IDE_E_FIELD, RESPONSE_NAME, "RemainderLength", total, progress->total);
    if (progress->total > progress->log.cap)
        return ide_fail_value(fault, IDE_E_SPACE, RESPONSE_NAME, "RemainderLength", progress->total,
                              progress->log.cap);
    write_bytes(&progress->log, m->portion, m->portion_length);
    return write_done(&progress->log);
}

static enum ide_err get_portion(struct spdm_connection *c, const struct spdm_channel *channel,
                                struct log_progress *progress)
{
    uint64_t limit = spdm_own_transfer_size(c) - RESPONSE_FIXED;
    uint64_t left = progress->total != 0 ? progress->total - progress->log.pos : limit;
    struct spdm_get_mel request = {
        .offset = (uint32_t)progress->log.pos,
        .length = (uint32_t)(left < limit ? left : limit),
    };
    struct spdm_mel response = {0};
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_get_mel,
        .in = &request,
        .response = &spdm_msg_mel,
        .out = &response,
    };
    enum ide_err err = spdm_transact(c, channel, &exchange, NULL, NULL);
    return err == IDE_OK ? take_portion(progress, &request, &response, &c->fault) : err;
}

static enum ide_err get_log(struct spdm_connection *c, const struct spdm_channel *channel,
                            struct log_progress *progress)
{
    enum ide_err err = IDE_OK;
    while (err == IDE_OK && (progress->total == 0 || progress->log.pos < progress->total))
        err = get_portion(c, channel, progress);
    if (err != IDE_OK)
        return err;
    struct reader entries = spdm_mel_entries(progress->log.data, progress->log.pos);
    return read_done(&entries, &c->fault, RESPONSE_NAME);
}

enum ide_err spdm_get_mel(struct spdm_connection *c, const struct spdm_channel *channel, uint8_t *mel, size_t cap,
                          size_t *len)
{
    struct log_progress progress = {.log = writer_of(mel, cap < UINT32_MAX ? cap : UINT32_MAX)};
    *len = 0;
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_MEL, REQUEST_NAME, "MEL_CAP");
    if (err == IDE_OK && c->params.version < SPDM_VERSION_13)
        err = ide_fail_value(&c->fault, IDE_E_UNSUPPORTED, REQUEST_NAME, "SPDMVersion", c->params.version,
                             SPDM_VERSION_13);
    if (err == IDE_OK && c->params.mel_spec != MEL_SPEC_DMTF)
        err = ide_fail(&c->fault, IDE_E_STATE, REQUEST_NAME, "MELspecificationSel");
    if (err == IDE_OK)
        err = get_log(c, channel, &progress);
    if (err == IDE_OK)
        *len = progress.log.pos;
    else
        wipe(mel, progress.log.pos);
    return err;
}

/* --- the responder -------------------------------------------------------------------------------------------- */

enum ide_err spdm_handle_get_mel(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_connection *c = &r->connection;
    const struct device_measurements *d = r->measurements;
    struct spdm_get_mel in;
    enum ide_err err = spdm_request_decode(r, &spdm_msg_get_mel, request, &in);
    if (err != IDE_OK)
        return err;
    if (c->params.mel_spec != MEL_SPEC_DMTF)
        return ide_fail(&c->fault, IDE_E_STATE, REQUEST_NAME, "MELspecificationSel");
    if (!d || !d->mel || d->mel_len > UINT32_MAX)
        return ide_fail(&c->fault, IDE_E_INTERNAL, REQUEST_NAME, "MEL");
    struct reader log = reader_of(d->mel, d->mel_len);
    read_bytes(&log, in.offset, "Offset");
    if (log.err != IDE_OK || read_left(&log) == 0)
        return ide_fail_value(&c->fault, IDE_E_FIELD, REQUEST_NAME, "Offset", in.offset, d->mel_len);
    if (in.length == 0)
        return ide_fail_value(&c->fault, IDE_E_FIELD, REQUEST_NAME, "Length", 0, read_left(&log));
    size_t room = w->cap > RESPONSE_FIXED ? w->cap - RESPONSE_FIXED : 0;
    size_t length = in.length < room ? in.length : room;
    if (length > read_left(&log))
        length = read_left(&log);
    struct spdm_mel out = {.portion_length = (uint32_t)length};
    out.portion = read_bytes(&log, length, "Length");
    out.remainder_length = (uint32_t)read_left(&log);
    return spdm_reply(&spdm_msg_mel, &c->params, &out, w);
}
