/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of session/ share among themselves: the steps of both roles.
 * Not for the layers above.
 */
#ifndef SESSION_INTERNAL_H
#define SESSION_INTERNAL_H

#include "session/messages.h"
#include "session/responder.h"
#include "session/session.h"
#include "spdm/requester.h"

/* What KEY_EXCHANGE_RSP's signature is over (DSP0274 1.2 §15). */
#define SESSION_SIGNING_CONTEXT "responder-key_exchange_rsp signing"

/* Is everything agreed on that a session, by PSK or not, needs? IDE_E_STATE or IDE_E_CAPABILITY if not. */
enum ide_err session_agreed(struct spdm_connection *c, bool psk, const char *step) MUST_USE;

/* Starts TH with the VCA and the hash of the responder's chain, NULL with a PSK. */
enum ide_err session_start_th(struct session *s, const uint8_t *chain_hash) MUST_USE;

/* Both directions on the keys of the present stage, from number 0 on. */
enum ide_err session_set_keys(struct session *s) MUST_USE;

/* TH is complete with FINISH_RSP: the data stage, and the session is established. */
enum ide_err session_establish(struct session *s) MUST_USE;

/* Did both sides agree on the handshake in the clear? It is KEY_EXCHANGE's; PSK_FINISH always comes in its session. */
bool session_in_the_clear(const struct spdm_params *p);

/* Parts of the handshake's messages: opaque data of a bounded length; in FINISH and its like with the length, from 1.4 on. */
const uint8_t *session_read_opaque(struct reader *r, uint16_t len);
const uint8_t *session_read_finish_opaque(struct reader *r, const struct spdm_params *p, uint16_t *len);
void session_write_finish_opaque(struct writer *w, const struct spdm_params *p, const uint8_t *opaque, uint16_t len);
size_t session_hash_size(struct reader *r, const struct spdm_params *p);

/* This side's half of a session id; never 0. */
enum ide_err session_draw_id(const struct spdm_connection *c, uint16_t *half) MUST_USE;

/* HMAC with a finished key over TH as th has it. */
enum ide_err session_verify_data(const struct session *s, const uint8_t *finished_key, const struct hash *th,
                                 uint8_t *out) MUST_USE;
/* Compares verify data with what it must be over TH, and adds it to TH. IDE_E_HMAC at step and field. */
enum ide_err session_check_verify_data(struct session *s, const uint8_t *finished_key, const uint8_t *verify_data,
                                       const char *step, const char *field) MUST_USE;
/* Writes ResponderVerifyData over TH, and adds it to TH. */
enum ide_err session_write_verify_data(struct session *s, struct writer *w) MUST_USE;
/* TH with a message that ends before its signature or verify data. */
enum ide_err session_th_with_head(const struct session *s, const struct spdm_message *m, const void *in,
                                  struct hash *th) MUST_USE;

/* The period that the responder chose, if a heartbeat was offered. */
enum ide_err session_check_heartbeat(struct session *s, uint8_t period, const char *step) MUST_USE;

/* A place for a new session, or NULL with the fault set. */
struct session *session_free_place(struct session_responder *sr, const char *step);
/* A new session in that place, with its id; the state stays SESSION_NONE. */
enum ide_err session_prepare(struct session_responder *sr, struct session *s, uint16_t requester_half,
                             uint16_t secured_version, uint8_t policy) MUST_USE;

/* Does the responder give a context of its own, so that there is PSK_FINISH? */
bool session_psk_with_context(const struct spdm_params *p);

/* Is s established? IDE_E_SESSION if not. */
enum ide_err session_usable(struct session *s, const char *step) MUST_USE;

/* spdm_transact() in the session. */
enum ide_err session_transact(struct session *s, const struct spdm_exchange *e, const uint8_t **raw,
                              size_t *raw_len) MUST_USE;

/*
 * The requester's exchange of one pair of plain messages in an established session: params go out, and must come back
 * where same_params. A failure that makes the session unusable has closed it.
 */
enum ide_err session_plain_exchange(struct session *s, const struct spdm_message *request, uint8_t param1,
                                    uint8_t param2, const struct spdm_message *response, bool same_params) MUST_USE;

/* Decodes the request that r is answering. Within a session nothing may stand behind it. */
enum ide_err session_request_decode(struct spdm_responder *r, const struct spdm_message *m,
                                    struct spdm_request *request, void *message) MUST_USE;

/* The session of a request, or NULL with the fault set if it is in another state. */
struct session *session_of_request(struct spdm_responder *r, const struct spdm_request *request,
                                   enum session_state state, const char *step);

/* Tells on_session_end and wipes s. */
void session_responder_end(struct session_responder *r, struct session *s);

/* spdm_transact() of the handshake: in the session, or in the clear if that is agreed. */
enum ide_err session_handshake_transact(struct session *s, const struct spdm_exchange *e) MUST_USE;

/* Mutual authentication, the requester's part: is what KEY_EXCHANGE_RSP asks for what we can? */
enum ide_err session_mutual_accept(struct session *s, const struct spdm_key_exchange_rsp *rsp) MUST_USE;
/* Answers encapsulated requests until there are no more; *slot changes if the responder names one. */
enum ide_err session_answer_encapsulated(struct session *s, bool implicit, uint8_t *slot) MUST_USE;
/* After KEY_EXCHANGE: encapsulated requests if they were asked for, then TH goes on with our own chain. */
enum ide_err session_mutual_run(struct session *s) MUST_USE;
/* The signature of FINISH over TH, which goes on with it. */
enum ide_err session_mutual_sign(struct session *s, struct hash *th, uint8_t *signature) MUST_USE;

/* The responder's part: what to ask for, into s and rsp. */
enum ide_err session_mutual_ask(struct session_responder *sr, struct session *s,
                                struct spdm_key_exchange_rsp *rsp) MUST_USE;
/* May such a request come in the handshake? */
bool session_encapsulated_code(const struct session *s, uint8_t code);
/* FINISH, up to its verify data, against what was asked for; TH goes on with all of it. */
enum ide_err session_mutual_check(struct session_responder *sr, struct session *s, const uint8_t *finish,
                                  const struct spdm_finish *in) MUST_USE;

/* The responder's encapsulated KEY_UPDATE: the request, and what becomes of its answer. */
enum ide_err session_ask_update(struct spdm_responder *r, struct session *s, struct writer *w) MUST_USE;
enum ide_err session_take_update(struct spdm_responder *r, struct session *s, const struct spdm_encapsulated *in,
                                 struct writer *w) MUST_USE;
/* Do both sides know encapsulated requests? */
bool session_can_encapsulate(const struct spdm_params *p);

/* The requester's steps of session_open() and session_open_psk(). */
enum ide_err session_key_exchange(struct session *s) MUST_USE;
enum ide_err session_finish(struct session *s) MUST_USE;
enum ide_err session_psk_exchange(struct session *s, const struct session_psk *psk) MUST_USE;
enum ide_err session_psk_finish(struct session *s) MUST_USE;

/* Is there a KEY_UPDATE whose old keys may still be needed? */
bool key_update_pending(const struct session *s);
/* Both directions back on the keys before the KEY_UPDATE that is pending. */
enum ide_err key_update_roll_back(struct session *s) MUST_USE;
/* May a KEY_UPDATE begin? IDE_E_SESSION, IDE_E_CAPABILITY or IDE_E_STATE if not. */
enum ide_err key_update_possible(struct session *s) MUST_USE;
/* The response key alone: on to the next one, and later: the old one is forgotten. */
enum ide_err key_update_response(struct session *s) MUST_USE;
void key_update_done(struct session *s);
/* The requester's part of an encapsulated operation; IDE_E_FIELD: it is not to be had. */
enum ide_err key_update_answer(struct session *s, uint8_t operation) MUST_USE;
/* Opens an answer that may be the first under the new response key: under it, or under the old one if it is not. */
enum ide_err key_update_open(struct session *s, uint8_t *record, size_t len, const uint8_t **message,
                             size_t *message_len) MUST_USE;

/* The responder's handlers (struct spdm_handler). */
enum ide_err session_handle_key_exchange(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err session_handle_finish(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err session_handle_get_encapsulated(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err session_handle_deliver_encapsulated(struct spdm_responder *r, struct spdm_request *request,
                                                 struct writer *w);
enum ide_err session_handle_psk_exchange(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err session_handle_psk_finish(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err session_handle_heartbeat(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err session_handle_key_update(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err session_handle_end_session(struct spdm_responder *r, struct spdm_request *request, struct writer *w);

#endif
