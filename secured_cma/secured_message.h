/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secured messages (DSP0277) as DOE carries them: session id, no sequence number
 * on the wire, length, and the encrypted rest with its tag.
 */
#ifndef SECURED_CMA_SECURED_MESSAGE_H
#define SECURED_CMA_SECURED_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "spdm/crypto.h"
#include "spdm/error.h"

/* Session id (4), Length (2), ApplicationDataLength (2), before the message. */
#define SECURED_HEADROOM 8u

/* No direction counts further than this; the key must be updated before (DSP0277 §"Sequence number"). */
#define SECURED_SEQUENCE_LIMIT ((uint64_t)1 << 32)

/* One direction of one session: a key, and the number of the next record. */
struct secured_direction {
    struct aead_key key;
    uint8_t iv[AEAD_IV_SIZE];
    uint64_t sequence;
};

/*
 * Sets key and IV and starts at sequence number 0, in one place. key has the algorithm's key_size bytes (16
 * or 32), iv AEAD_IV_SIZE (12); both are copied. Errors of aead_set_key().
 */
enum ide_err secured_set_key(struct secured_direction *d, enum aead_id aead, const uint8_t *key,
                             const uint8_t *iv) MUST_USE;
/* Goes back to a key at the number where it stopped, after a KEY_UPDATE that failed. On failure d is cleared. */
enum ide_err secured_restore_key(struct secured_direction *d, enum aead_id aead, const uint8_t *key,
                                 const uint8_t *iv, uint64_t sequence) MUST_USE;
void secured_clear(struct secured_direction *d);

/*
 * Seals in place: message_len bytes stand at record + SECURED_HEADROOM; record has cap bytes in all.
 * *record_len is the record's length; the sequence number moves on. IDE_E_STATE if d has no key, IDE_E_LIMIT
 * at the end of the numbers, IDE_E_SPACE if the record would be longer than cap, or than its Length field can
 * say.
 */
enum ide_err secured_seal(struct secured_direction *d, uint32_t session_id, uint8_t *record, size_t cap,
                          size_t message_len, size_t *record_len) MUST_USE;

/* The same with padding_len bytes of random padding, which stand behind the message already. We send none; peers do. */
enum ide_err secured_seal_padded(struct secured_direction *d, uint32_t session_id, uint8_t *record, size_t cap,
                                 size_t message_len, size_t padding_len, size_t *record_len) MUST_USE;

/*
 * Opens in place. len may count DOE padding (at most 3 bytes). The message points into record.
 * Errors: IDE_E_STATE (d has no key), IDE_E_SHORT, IDE_E_LONG, IDE_E_SESSION (another session's id),
 * IDE_E_FIELD, IDE_E_RECORD (not authentic: wrong key, altered, replayed, out of order), IDE_E_LIMIT. Nothing
 * moves on but by success.
 */
enum ide_err secured_open(struct secured_direction *d, uint32_t session_id, uint8_t *record, size_t len,
                          const uint8_t **message, size_t *message_len, struct ide_fault *fault) MUST_USE;

/* The session id that a record claims, for choosing the session; IDE_E_SHORT if there is none. */
enum ide_err secured_session_id(const uint8_t *record, size_t len, uint32_t *session_id) MUST_USE;

#endif
