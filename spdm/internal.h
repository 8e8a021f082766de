/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of spdm/ share among themselves: the requester's steps, the
 * responder's handlers, and the transcripts. Not for the layers above.
 */
#ifndef SPDM_INTERNAL_H
#define SPDM_INTERNAL_H

#include "spdm/measurements.h"
#include "spdm/messages.h"
#include "spdm/requester.h"
#include "spdm/responder.h"

#define SPDM_HEADER_SIZE 4u

/* Reads bytes of the base hash's size; the reader fails if no hash is agreed on. */
const uint8_t *read_hash(struct reader *r, const struct spdm_params *p, const char *field);
void write_hash(struct writer *w, const struct spdm_params *p, const uint8_t *hash);

/* M1/M2 as it is before B: message A only. */
enum ide_err spdm_m1m2_restart(struct spdm_connection *c) MUST_USE;
/* What a request does to M1/M2 by being sent or answered at all (DSP0274 1.2 §10.8.3). */
enum ide_err spdm_m1m2_request(struct spdm_connection *c, uint8_t code, bool in_session) MUST_USE;

/* L1/L2 of a channel of the requester. */
struct hash *spdm_l1l2_of(struct spdm_connection *c, const struct spdm_channel *channel);
/* Starts it if it is null: with message A from 1.2 on (DSP0274 1.2, "MEASUREMENTS signature"). */
enum ide_err spdm_l1l2_start(struct spdm_connection *c, struct hash *l1l2) MUST_USE;
/* Makes it null if the request is another than GET_MEASUREMENTS. */
void spdm_l1l2_request(struct hash *l1l2, uint8_t code);
void spdm_l1l2_forget(struct hash *l1l2);

/* The device's measurement of an index, or NULL; and its block, behind what stands in w. */
const struct device_measurement *device_measurement_find(const struct device_measurements *d, uint8_t index);
enum ide_err device_measurement_write(const struct spdm_params *p, const struct device_measurement *m, bool raw,
                                      struct writer *w) MUST_USE;

/* IDE_OK, or IDE_E_CAPABILITY at field if the peer of a requester has none of the flags. */
enum ide_err spdm_peer_can(struct spdm_connection *c, uint32_t flags, const char *step, const char *field) MUST_USE;

/* The requester's steps of spdm_negotiate(), each of which moves c->state on. */
enum ide_err spdm_step_version(struct spdm_connection *c) MUST_USE;
enum ide_err spdm_step_capabilities(struct spdm_connection *c) MUST_USE;
enum ide_err spdm_step_algorithms(struct spdm_connection *c) MUST_USE;

/* The responder's handlers (struct spdm_handler). */
enum ide_err spdm_handle_get_version(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_get_capabilities(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_negotiate_algorithms(struct spdm_responder *r, struct spdm_request *request,
                                              struct writer *w);
enum ide_err spdm_handle_get_digests(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_get_certificate(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_challenge(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_get_measurements(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_get_mel(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_vendor_defined(struct spdm_responder *r, struct spdm_request *request, struct writer *w);

enum ide_err spdm_handle_get_csr(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_set_certificate(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_get_key_pair_info(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_set_key_pair_info(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_get_endpoint_info(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_get_supported_event_types(struct spdm_responder *r, struct spdm_request *request,
                                                   struct writer *w);
enum ide_err spdm_handle_subscribe_event_types(struct spdm_responder *r, struct spdm_request *request,
                                               struct writer *w);
enum ide_err spdm_handle_send_event(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_respond_if_ready(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_chunk_send(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
enum ide_err spdm_handle_chunk_get(struct spdm_responder *r, struct spdm_request *request, struct writer *w);

/* Serves a request by its row; keeps one whose response is not ready; forgets it. */
enum ide_err spdm_serve(struct spdm_responder *r, uint8_t code, struct spdm_request *q, struct writer *w) MUST_USE;
enum ide_err spdm_put_off(struct spdm_responder *r, uint8_t code, const struct spdm_request *q) MUST_USE;
void spdm_pending_forget(struct spdm_responder *r);

/* --- the owner's services --- */

/* Never NULL. */
const struct spdm_services *spdm_services_of(const struct spdm_responder *r);
/* UnsupportedRequest: the device has not what the request needs. */
enum ide_err spdm_no_service(struct spdm_responder *r, const struct spdm_message *m) MUST_USE;
/* What an op that changes something gave back; a failure is OperationFailed, which 1.3 brought. */
enum ide_err spdm_service_result(struct spdm_responder *r, enum ide_err err) MUST_USE;

/* Which key a request is about, and for which kind of certificate (1.3): both only where there are several keys. */
struct spdm_key_choice {
    const char *step;
    uint8_t key_pair, model;
    bool erase;
};

enum ide_err spdm_check_key_choice(struct spdm_responder *r, const struct spdm_key_choice *choice) MUST_USE;
/* The owner's key pair of an id, or IDE_E_FIELD at KeyPairID. */
enum ide_err spdm_find_key_pair(struct spdm_responder *r, uint8_t id, const char *step,
                                struct spdm_key_pair_info *out) MUST_USE;
/* A bit field behind its own length (1.4). */
uint32_t pqc_decode(struct reader *r, const char *field);
void pqc_encode(struct writer *w, uint32_t value);

/* --- messages longer than one transfer (large.c, chunk_send.c, chunk_get.c) --- */

/* Whether this side offers chunks; whether both sides do; how long a message to the peer may be then. */
bool spdm_large_offered(const struct spdm_connection *c);
bool spdm_large_agreed(const struct spdm_connection *c);
size_t spdm_large_room(const struct spdm_connection *c);
/* How much goes to the peer in one piece. */
size_t spdm_transfer_room(const struct spdm_connection *c, size_t cap);

/* Codec of the number, which became wider in 1.4; of the whole of CHUNK_SEND and CHUNK_RESPONSE. */
uint32_t chunk_sequence_decode(struct reader *r, const struct spdm_params *p);
void chunk_sequence_encode(struct writer *w, const struct spdm_params *p, uint32_t sequence);
void chunk_decode(struct reader *r, const struct spdm_params *p, void *message);
void chunk_encode(struct writer *w, const struct spdm_params *p, const void *message);

/* One transfer: the next chunk that fits cap, which stays the next until it is sent; a chunk that came, checked. */
void spdm_large_start(struct spdm_large *l, uint8_t handle, size_t len, const void *session);
struct spdm_chunk spdm_large_next(const struct spdm_large *l, size_t cap);
void spdm_large_sent(struct spdm_large *l, const struct spdm_chunk *chunk);
enum ide_err spdm_large_take(struct spdm_large *l, const struct spdm_chunk *chunk, size_t message_len, const char *step,
                             struct ide_fault *fault) MUST_USE;
/* Ends the transfer and wipes the message. */
void spdm_large_forget(struct spdm_large *l);

/*
 * The requester's side: sends the message of len bytes that stands in c->large, or fetches the one with that handle into
 * it. *response may also be an ERROR, which the caller deals with as with one in answer to the whole message.
 */
enum ide_err spdm_chunk_send(struct spdm_connection *c, const struct spdm_channel *channel, size_t len,
                             uint32_t timeout_ms, const uint8_t **response, size_t *response_len) MUST_USE;
enum ide_err spdm_chunk_get(struct spdm_connection *c, const struct spdm_channel *channel, uint8_t handle,
                            uint32_t timeout_ms, const uint8_t **response, size_t *response_len) MUST_USE;

/* Whether a response is an ERROR, and its code; 0 if it is none. */
uint8_t spdm_error_code(const uint8_t *response, size_t len);

/*
 * The responder's side: answers a request whose response may be a large one. It is written behind kept bytes of c->large,
 * and copied to response if it fits limit; else it stays to be fetched, and the response is an ERROR LargeResponse.
 */
enum ide_err spdm_answer_large(struct spdm_responder *r, struct spdm_request *q, size_t kept, uint8_t *response,
                               size_t limit, size_t *response_len) MUST_USE;
/* IDE_OK if CHUNK_SEND or CHUNK_GET may come at this point of a transfer, in this session. */
enum ide_err spdm_chunk_allowed(struct spdm_responder *r, const struct spdm_request *request, uint8_t code) MUST_USE;
/* IDE_OK if a request may come while a transfer is under way. */
enum ide_err spdm_large_admit(struct spdm_responder *r, uint8_t code) MUST_USE;

/* Answers one request into w; the ERROR that a failure becomes. */
enum ide_err spdm_answer(struct spdm_responder *r, struct spdm_request *q, struct writer *w) MUST_USE;
size_t spdm_write_error(const struct spdm_responder *r, enum ide_err err, uint8_t *response, size_t cap);

/* Forgets the connection and tells the layers above. */
void spdm_responder_forget(struct spdm_responder *r);

/* Decodes the request that r is answering; its length goes to request->consumed. */
enum ide_err spdm_request_decode(struct spdm_responder *r, const struct spdm_message *m, struct spdm_request *request,
                                 void *message) MUST_USE;

/* Writes a response; says at once whether it fits, so that a handler can stop before it changes anything. */
enum ide_err spdm_reply(const struct spdm_message *m, const struct spdm_params *p, const void *message,
                        struct writer *w) MUST_USE;

/* The slot, if it holds a chain, else NULL with the fault set. */
const struct spdm_slot *spdm_responder_slot(struct spdm_responder *r, uint8_t slot, const char *step);

#endif
