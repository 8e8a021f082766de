/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/own_certificates.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "spdm/cursor.h"
#include "spdm/x509.h"
#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/log.h"

#define STEP        "certificates"
#define LOOK_S      60 /* a file may be put there or taken away, and the clock set */
#define DAY_S       86400
#define FILE_MAX    1024u
#define MESSAGE_MAX 160u

struct look {
    struct controller *c;
    int64_t now;
    int64_t next_s; /* until one of them is to be told, if that is soon */
    json_t *told;   /* what there is to tell, told or not */
};

/* ---- one file -------------------------------------------------------------------- */

static const char *text_of(enum watch_expiry expiry, bool is_ours)
{
    if (is_ours)
        return expiry == WATCH_EXPIRED ? "a certificate of the controller's own chain has expired: devices "
                                         "that want to know who it is refuse it"
                                       : "a certificate of the controller's own chain expires soon";
    return expiry == WATCH_EXPIRED
               ? "a trusted certificate has expired: devices whose chain leads to it are refused"
               : "a trusted certificate expires soon";
}

static void tell(struct controller *c, const char *file, const char *state, int64_t not_after,
                 const char *message)
{
    json_t *event =
        json_pack("{s:s, s:n, s:n, s:s, s:n, s:n, s:n, s:n, s:s, s:s, s:I, s:s}", "event", "certificate",
                  "request", "asked_by", "operation", "watch", "root_port", "endpoint", "stream", "device",
                  "state", state, "message", message, "not_after", (json_int_t)not_after, "file", file);
    if (event)
        publish_watch(c, event);
}

/* When there is to be told more of it. */
static void note_next(struct look *look, int64_t at)
{
    int64_t in_s = at - look->now;
    if (in_s >= 0 && in_s < look->next_s)
        look->next_s = in_s;
}

static void take_end(struct look *look, const char *path, int64_t not_after, bool is_ours)
{
    uint32_t warn_days = look->c->settings->watch.warn_days;
    enum watch_expiry expiry = watch_expiry(not_after, look->now, warn_days);
    char file[FILE_MAX];
    snprintf(file, sizeof file, "%s", path);
    for (char *c = file; *c; c++) /* names of files are any bytes */
        if (*c < ' ' || *c > '~')
            *c = '?';
    note_next(look, not_after - (int64_t)warn_days * DAY_S);
    note_next(look, not_after + 1);
    if (expiry == WATCH_VALID)
        return;
    const char *state = expiry == WATCH_EXPIRED ? "expired" : "expires_soon";
    json_t *said = json_pack("{s:s, s:I}", "state", state, "not_after", (json_int_t)not_after);
    json_object_set_new(look->told, file, said);
    if (!json_equal(json_object_get(look->c->own.told, file), said))
        tell(look->c, file, state, not_after, text_of(expiry, is_ours));
}

/* The earliest end of what can be read of it; INT64_MAX: none. */
static int64_t end_of(struct reader certificates)
{
    struct x509 certificate;
    struct ide_fault fault = {0};
    int64_t end = INT64_MAX;
    while (read_left(&certificates) > 0 && x509_parse(&certificates, &certificate, STEP, &fault) == IDE_OK)
        end = certificate.not_after < end ? certificate.not_after : end;
    return end;
}

static bool take_trusted(void *context, const char *path)
{
    struct trust_store store = {.trust.anchor_count = 0};
    int64_t end = INT64_MAX;
    if (trust_store_add_file(&store, path))
        for (size_t i = 0; i < store.trust.anchor_count; i++) {
            int64_t this_end = end_of(reader_of(store.anchors[i].der, store.anchors[i].len));
            end = this_end < end ? this_end : end;
        }
    trust_store_close(&store);
    if (end != INT64_MAX)
        take_end(context, path, end, false);
    return true;
}

/* As it was read, not as the file is by now: that is what devices are shown. Those that know the public key
 * look at no certificate. */
static void take_identity(struct look *look)
{
    const struct credentials *credentials = look->c->reload.agent->credentials;
    const char *option = look->c->settings->spdm.identity;
    char path[FILE_MAX];
    if (!credentials->has_identity || credentials->is_provisioned)
        return;
    snprintf(path, sizeof path, "%.*s", (int)strcspn(option, ","), option);
    const struct spdm_slot *slot = &credentials->slots[HASH_SHA256][0];
    struct reader chain = reader_of(slot->chain, slot->chain_len);
    read_bytes(&chain, 4 + (size_t)hash_by_id(HASH_SHA256)->size, NULL);
    int64_t end = end_of(chain);
    if (end != INT64_MAX)
        take_end(look, path, end, true);
}

/* ---- all ------------------------------------------------------------------------- */

static int on_timer(zloop_t *loop, int timer, void *argument);

static void again(struct controller *c, size_t in_ms)
{
    if (zloop_timer(c->loop, in_ms, 1, on_timer, c) == -1)
        log_say(LOG_ERR, LOG_PLAIN, "out of memory: the end of our own certificates is not watched");
}

static int on_timer(zloop_t *loop, int timer, void *argument)
{
    struct controller *c = argument;
    struct look look = {.c = c, .now = (int64_t)time(NULL), .next_s = LOOK_S, .told = json_object()};
    (void)loop;
    (void)timer;
    take_identity(&look);
    (void)trust_store_each_file(c->settings->trust, take_trusted,
                                &look); /* without it an operation says why */
    json_decref(c->own.told);
    c->own.told = look.told;
    again(c, (size_t)(look.next_s + 1) * 1000);
    return 0;
}

void own_certificates_start(struct controller *c)
{
    again(c, 1);
}

void own_certificates_close(struct controller *c)
{
    json_decref(c->own.told);
    c->own.told = NULL;
}
