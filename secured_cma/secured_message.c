/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "secured_cma/secured_message.h"

#include <string.h>

#include "spdm/cursor.h"

#define STEP        "secured message"
#define HEADER_SIZE 6u   /* session id and Length: the associated data. No sequence number on DOE's wire. */
#define INNER_SIZE  2u   /* ApplicationDataLength, the first of what is encrypted */
#define DOE_PADDING 3u

enum ide_err secured_set_key(struct secured_direction *d, enum aead_id aead, const uint8_t *key, const uint8_t *iv)
{
    return secured_restore_key(d, aead, key, iv, 0);
}

enum ide_err secured_restore_key(struct secured_direction *d, enum aead_id aead, const uint8_t *key,
                                 const uint8_t *iv, uint64_t sequence)
{
    secured_clear(d);
    enum ide_err err = aead_set_key(&d->key, aead, key);
    if (err != IDE_OK) {
        secured_clear(d);
        return err;
    }
    memcpy(d->iv, iv, sizeof(d->iv));
    d->sequence = sequence;
    return IDE_OK;
}

void secured_clear(struct secured_direction *d)
{
    aead_clear(&d->key);
    wipe(d, sizeof(*d));
}

/* The nonce of the next record: the number, little-endian from the first byte on, over the IV (DSP0277 §"AEAD"). */
static void make_nonce(const struct secured_direction *d, uint8_t nonce[AEAD_IV_SIZE])
{
    memcpy(nonce, d->iv, AEAD_IV_SIZE);
    for (size_t i = 0; i < sizeof(d->sequence); i++)
        nonce[i] ^= (uint8_t)(d->sequence >> (8 * i));
}

enum ide_err secured_seal(struct secured_direction *d, uint32_t session_id, uint8_t *record, size_t cap,
                          size_t message_len, size_t *record_len)
{
    return secured_seal_padded(d, session_id, record, cap, message_len, 0, record_len);
}

enum ide_err secured_seal_padded(struct secured_direction *d, uint32_t session_id, uint8_t *record, size_t cap,
                                 size_t message_len, size_t padding_len, size_t *record_len)
{
    if (d->key.id == AEAD_NONE)
        return IDE_E_STATE;
    if (d->sequence >= SECURED_SEQUENCE_LIMIT)
        return IDE_E_LIMIT;
    if (message_len > UINT16_MAX || padding_len > UINT16_MAX)
        return IDE_E_SPACE;
    size_t inner_len = INNER_SIZE + message_len + padding_len;
    if (inner_len > UINT16_MAX - AEAD_TAG_SIZE)
        return IDE_E_SPACE;

    struct writer w = writer_of(record, cap);
    write_u32(&w, session_id);
    write_u16(&w, (uint16_t)(inner_len + AEAD_TAG_SIZE));
    uint8_t *inner = record + w.pos;
    write_u16(&w, (uint16_t)message_len);
    write_space(&w, message_len + padding_len);
    uint8_t *tag = write_space(&w, AEAD_TAG_SIZE);
    if (write_done(&w) != IDE_OK)
        return IDE_E_SPACE;

    uint8_t nonce[AEAD_IV_SIZE];
    make_nonce(d, nonce);
    enum ide_err err = aead_seal(&d->key, nonce, record, HEADER_SIZE, inner, inner_len, tag);
    wipe(nonce, sizeof(nonce));
    if (err != IDE_OK)
        return err;
    d->sequence++;
    *record_len = w.pos;
    return IDE_OK;
}

/* Takes a record's frame apart: *inner_len bytes of ciphertext, then the tag. */
static enum ide_err read_frame(const uint8_t *record, size_t len, uint32_t session_id, size_t *inner_len,
                               const uint8_t **tag, struct ide_fault *fault)
{
    struct reader r = reader_of(record, len);
    uint32_t id = read_u32(&r, "SessionID");
    if (id != session_id)
        read_fail_value(&r, IDE_E_SESSION, "SessionID", id, session_id);
    uint16_t length = read_u16(&r, "Length");
    if (length < INNER_SIZE + AEAD_TAG_SIZE)
        read_fail_value(&r, IDE_E_FIELD, "Length", length, INNER_SIZE + AEAD_TAG_SIZE);
    if (length <= read_left(&r) && read_left(&r) - length > DOE_PADDING)
        read_fail(&r, IDE_E_LONG, "Length");
    *inner_len = r.err == IDE_OK ? length - AEAD_TAG_SIZE : 0;
    read_bytes(&r, *inner_len, "Length");
    *tag = read_bytes(&r, AEAD_TAG_SIZE, "Length");
    return read_done(&r, fault, STEP);
}

enum ide_err secured_open(struct secured_direction *d, uint32_t session_id, uint8_t *record, size_t len,
                          const uint8_t **message, size_t *message_len, struct ide_fault *fault)
{
    size_t inner_len;
    const uint8_t *tag;
    if (d->key.id == AEAD_NONE)
        return ide_fail(fault, IDE_E_STATE, STEP, NULL);
    if (d->sequence >= SECURED_SEQUENCE_LIMIT)
        return ide_fail(fault, IDE_E_LIMIT, STEP, "sequence number");
    enum ide_err err = read_frame(record, len, session_id, &inner_len, &tag, fault);
    if (err != IDE_OK)
        return err;

    uint8_t nonce[AEAD_IV_SIZE];
    uint8_t *inner = record + HEADER_SIZE;
    make_nonce(d, nonce);
    err = aead_open(&d->key, nonce, record, HEADER_SIZE, inner, inner_len, tag);
    wipe(nonce, sizeof(nonce));
    if (err != IDE_OK)
        return ide_fail(fault, err, STEP, "tag");

    /* what is behind the message is padding of random length (DSP0277 §"Random data") */
    struct reader r = reader_of(inner, inner_len);
    uint16_t application_len = read_u16(&r, "ApplicationDataLength");
    const uint8_t *application = read_bytes(&r, application_len, "ApplicationDataLength");
    err = read_done(&r, fault, STEP);
    if (err != IDE_OK) {
        wipe(inner, inner_len);
        return err;
    }
    d->sequence++;
    *message = application;
    *message_len = application_len;
    return IDE_OK;
}

enum ide_err secured_session_id(const uint8_t *record, size_t len, uint32_t *session_id)
{
    struct reader r = reader_of(record, len);
    *session_id = read_u32(&r, "SessionID");
    return r.err;
}
