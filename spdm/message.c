/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/message.h"

#include "spdm/internal.h"

/* What a transport may add behind a message: DOE pads to a dword. */
#define PADDING_MAX 3u

/* GET_VERSION and VERSION are 1.0 for ever (DSP0274 1.2 §10.3); so is an ERROR before a version is agreed. */
static uint8_t version_of(const struct spdm_message *m, const struct spdm_params *p)
{
    if (m->code == SPDM_GET_VERSION || m->code == SPDM_VERSION || p->version == 0)
        return SPDM_VERSION_10;
    return p->version;
}

static void read_header(struct reader *r, const struct spdm_message *m, const struct spdm_params *p,
                        struct spdm_header *h)
{
    uint8_t version = version_of(m, p);
    h->version = read_u8(r, "SPDMVersion");
    if (h->version != version)
        read_fail_value(r, IDE_E_VERSION, "SPDMVersion", h->version, version);
    h->code = read_u8(r, "RequestResponseCode");
    if (h->code != m->code)
        read_fail_value(r, IDE_E_UNEXPECTED, "RequestResponseCode", h->code, m->code);
    h->param1 = read_u8(r, "Param1");
    h->param2 = read_u8(r, "Param2");
    if (version < m->first_version)
        read_fail_value(r, IDE_E_UNSUPPORTED, "SPDMVersion", version, m->first_version);
}

enum ide_err spdm_decode(const struct spdm_message *m, const struct spdm_params *p, const uint8_t *data,
                         size_t len, void *message, size_t *consumed, struct ide_fault *fault)
{
    struct reader r = reader_of(data, len);
    read_header(&r, m, p, message);
    if (r.err == IDE_OK && m->decode)
        m->decode(&r, p, message);
    if (read_left(&r) > PADDING_MAX)
        read_fail(&r, IDE_E_LONG, "length");
    *consumed = r.pos;
    return read_done(&r, fault, m->name);
}

void spdm_write(const struct spdm_message *m, const struct spdm_params *p, const void *message,
                struct writer *w)
{
    const struct spdm_header *h = message;
    write_u8(w, version_of(m, p));
    write_u8(w, m->code);
    write_u8(w, h->param1);
    write_u8(w, h->param2);
    if (m->encode)
        m->encode(w, p, message);
}

enum ide_err spdm_encode(const struct spdm_message *m, const struct spdm_params *p, const void *message,
                         uint8_t *data, size_t cap, size_t *len)
{
    struct writer w = writer_of(data, cap);
    spdm_write(m, p, message, &w);
    *len = w.pos;
    return write_done(&w);
}

const uint8_t *read_hash(struct reader *r, const struct spdm_params *p, const char *field)
{
    if (!p->hash)
        read_fail(r, IDE_E_STATE, "BaseHashSel");
    return read_bytes(r, p->hash ? p->hash->size : 0, field);
}

void write_hash(struct writer *w, const struct spdm_params *p, const uint8_t *hash)
{
    write_bytes(w, hash, p->hash ? p->hash->size : 0);
}
