/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_VERSION and VERSION (DSP0274 1.2 §10.3). */
#include "spdm/internal.h"

#define ENTRY_SIZE 2u

static void version_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    (void)p;
    struct spdm_version *m = message;
    read_u8(r, "Reserved");
    m->count = read_u8(r, "VersionNumberEntryCount");
    if (m->count == 0)
        read_fail_value(r, IDE_E_FIELD, "VersionNumberEntryCount", 0, 1);
    m->entries = read_bytes(r, (size_t)m->count * ENTRY_SIZE, "VersionNumberEntry");
}

static void version_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    (void)p;
    const struct spdm_version *m = message;
    write_u8(w, 0);
    write_u8(w, m->count);
    write_bytes(w, m->entries, (size_t)m->count * ENTRY_SIZE);
}

const struct spdm_message spdm_msg_get_version = {SPDM_GET_VERSION, SPDM_VERSION_10, "GET_VERSION", NULL,
                                                  NULL};
const struct spdm_message spdm_msg_version = {SPDM_VERSION, SPDM_VERSION_10, "VERSION", version_decode,
                                              version_encode};

/* The highest version that both sides have, 0 if there is none. */
static uint8_t highest_common(const struct spdm_config *config, const struct spdm_version *m)
{
    struct reader r = reader_of(m->entries, (size_t)m->count * ENTRY_SIZE);
    uint8_t best = 0;
    for (unsigned i = 0; i < m->count; i++) {
        uint8_t version = (uint8_t)(read_u16(&r, "VersionNumberEntry") >> 8);
        if (version >= config->version_min && version <= config->version_max && version > best)
            best = version;
    }
    return best;
}

enum ide_err spdm_step_version(struct spdm_connection *c)
{
    struct spdm_plain request = {0};
    struct spdm_version response = {0};
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_get_version,
        .in = &request,
        .response = &spdm_msg_version,
        .out = &response,
        .transcript = {.vca = true},
    };
    enum ide_err err = spdm_transact(c, &c->clear, &exchange, NULL, NULL);
    if (err != IDE_OK)
        return err;
    uint8_t version = highest_common(c->config, &response);
    if (version == 0)
        return ide_fail(&c->fault, IDE_E_VERSION, "VERSION", "VersionNumberEntry");
    c->params.version = version;
    c->state = SPDM_AFTER_VERSION;
    return IDE_OK;
}

#define VERSIONS_MAX (SPDM_VERSION_14 - SPDM_VERSION_10 + 1)

enum ide_err spdm_handle_get_version(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    const struct spdm_config *config = r->connection.config;
    struct spdm_plain in;
    enum ide_err err = spdm_request_decode(r, &spdm_msg_get_version, request, &in);
    if (err != IDE_OK)
        return err;
    uint8_t entries[VERSIONS_MAX * ENTRY_SIZE];
    struct writer list = writer_of(entries, sizeof entries);
    for (unsigned v = config->version_min; v <= config->version_max; v++)
        write_u16(&list, (uint16_t)(v << 8));
    struct spdm_version out = {.count = (uint8_t)(list.pos / ENTRY_SIZE), .entries = entries};
    err = write_done(&list);
    if (err == IDE_OK)
        err = spdm_reply(&spdm_msg_version, &r->connection.params, &out, w);
    if (err != IDE_OK)
        return err;
    spdm_responder_forget(r);
    r->connection.state = SPDM_AFTER_VERSION;
    return IDE_OK;
}
