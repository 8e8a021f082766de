/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/key_schedule.h"

#include <string.h>

#include "spdm/cursor.h"

/* Length (2), "spdm1.2 ", the longest label, a hash. */
#define INFO_MAX (2u + 8u + 12u + HASH_SIZE_MAX)

/*
 * HKDF-Expand of secret over BinConcat(length, version, label, context) (DSP0274 1.2 §12.2). context is a TH hash, of the
 * hash's size, or NULL.
 */
static enum ide_err derive(const struct key_schedule *k, const uint8_t *secret, const char *label,
                           const uint8_t *context, uint8_t *out, size_t out_len)
{
    uint8_t info[INFO_MAX];
    char prefix[] = "spdm1.0 ";
    prefix[4] = (char)('0' + (k->version >> 4));
    prefix[6] = (char)('0' + (k->version & 0x0f));

    struct writer w = writer_of(info, sizeof(info));
    write_u16(&w, (uint16_t)out_len);
    write_bytes(&w, prefix, strlen(prefix));
    write_bytes(&w, label, strlen(label));
    write_bytes(&w, context, context ? k->hash_size : 0);
    if (write_done(&w) != IDE_OK)
        return IDE_E_INTERNAL;
    return hkdf_expand(k->hash, secret, info, w.pos, out, out_len);
}

/* The same for a secret of the hash's size. */
static enum ide_err derive_secret(const struct key_schedule *k, const uint8_t *secret, const char *label,
                                  const uint8_t *context, uint8_t *out)
{
    return derive(k, secret, label, context, out, k->hash_size);
}

static enum ide_err handshake_secrets(struct key_schedule *k, const uint8_t *th1)
{
    enum ide_err err = derive_secret(k, k->handshake_secret, "req hs data", th1, k->request_secret);
    if (err == IDE_OK)
        err = derive_secret(k, k->handshake_secret, "rsp hs data", th1, k->response_secret);
    if (err == IDE_OK)
        err = derive_secret(k, k->request_secret, "finished", NULL, k->request_finished);
    if (err == IDE_OK)
        err = derive_secret(k, k->response_secret, "finished", NULL, k->response_finished);
    return err;
}

/* The handshake stage from the input keying material that HKDF begins with. */
static enum ide_err begin(struct key_schedule *k, const struct spdm_params *p, uint8_t salt_byte, const uint8_t *ikm,
                          size_t ikm_len, const uint8_t *th1)
{
    uint8_t salt_0[HASH_SIZE_MAX];
    if (k->stage != KEY_STAGE_NONE || !p->hash || !p->aead)
        return IDE_E_STATE;
    k->version = p->version;
    k->hash = p->hash->id;
    k->hash_size = p->hash->size;
    k->aead = p->aead->id;
    k->key_size = p->aead->key_size;
    memset(salt_0, salt_byte, sizeof(salt_0));
    enum ide_err err = hkdf_extract(k->hash, salt_0, k->hash_size, ikm, ikm_len, k->handshake_secret);
    if (err == IDE_OK)
        err = handshake_secrets(k, th1);
    if (err != IDE_OK) {
        key_schedule_clear(k);
        return err;
    }
    k->stage = KEY_STAGE_HANDSHAKE;
    return IDE_OK;
}

enum ide_err key_schedule_handshake(struct key_schedule *k, const struct spdm_params *p, const uint8_t *dhe,
                                    size_t dhe_len, const uint8_t *th1)
{
    return begin(k, p, 0x00, dhe, dhe_len, th1);
}

enum ide_err key_schedule_psk(struct key_schedule *k, const struct spdm_params *p, const uint8_t *psk, size_t psk_len,
                              const uint8_t *th1)
{
    return begin(k, p, p->version >= SPDM_VERSION_13 ? 0xff : 0x00, psk, psk_len, th1);
}

/* The master secret: extracted from zeroes, salted with what the handshake secret derives. */
static enum ide_err master_secret(const struct key_schedule *k, uint8_t *master)
{
    static const uint8_t zeroes[HASH_SIZE_MAX];
    uint8_t salt_1[HASH_SIZE_MAX];
    enum ide_err err = derive_secret(k, k->handshake_secret, "derived", NULL, salt_1);
    if (err == IDE_OK)
        err = hkdf_extract(k->hash, salt_1, k->hash_size, zeroes, k->hash_size, master);
    wipe(salt_1, sizeof(salt_1));
    return err;
}

static enum ide_err data_secrets(struct key_schedule *k, const uint8_t *th2)
{
    uint8_t master[HASH_SIZE_MAX];
    enum ide_err err = master_secret(k, master);
    if (err == IDE_OK)
        err = derive_secret(k, master, "req app data", th2, k->request_secret);
    if (err == IDE_OK)
        err = derive_secret(k, master, "rsp app data", th2, k->response_secret);
    if (err == IDE_OK)
        err = derive_secret(k, master, "exp master", th2, k->export_secret);
    wipe(master, sizeof(master));
    return err;
}

enum ide_err key_schedule_data(struct key_schedule *k, const uint8_t *th2)
{
    if (k->stage != KEY_STAGE_HANDSHAKE)
        return IDE_E_STATE;
    enum ide_err err = data_secrets(k, th2);
    if (err != IDE_OK) {
        key_schedule_clear(k);
        return err;
    }
    wipe(k->handshake_secret, sizeof(k->handshake_secret));
    wipe(k->request_finished, sizeof(k->request_finished));
    wipe(k->response_finished, sizeof(k->response_finished));
    k->stage = KEY_STAGE_DATA;
    return IDE_OK;
}

enum ide_err key_schedule_record_key(const struct key_schedule *k, const uint8_t *secret, struct record_key *out)
{
    if (k->stage == KEY_STAGE_NONE)
        return IDE_E_STATE;
    enum ide_err err = derive(k, secret, "key", NULL, out->key, k->key_size);
    if (err == IDE_OK)
        err = derive(k, secret, "iv", NULL, out->iv, sizeof(out->iv));
    if (err != IDE_OK)
        wipe(out, sizeof(*out));
    return err;
}

enum ide_err key_schedule_next(const struct key_schedule *k, const uint8_t *secret, uint8_t *next)
{
    if (k->stage != KEY_STAGE_DATA)
        return IDE_E_STATE;
    return derive_secret(k, secret, "traffic upd", NULL, next);
}

enum ide_err key_schedule_verify_data(const struct key_schedule *k, const uint8_t *finished_key, const uint8_t *th,
                                      uint8_t *out)
{
    if (k->stage != KEY_STAGE_HANDSHAKE)
        return IDE_E_STATE;
    return hmac_once(k->hash, finished_key, k->hash_size, th, k->hash_size, out);
}

void key_schedule_clear(struct key_schedule *k)
{
    wipe(k, sizeof(*k));
}
