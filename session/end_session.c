/* SPDX-License-Identifier: GPL-2.0-or-later */
/* END_SESSION and END_SESSION_ACK (DSP0274 1.2 §10.24). */
#include "session/internal.h"

const struct spdm_message spdm_msg_end_session = {SPDM_END_SESSION, SPDM_VERSION_11, "END_SESSION", NULL, NULL};
const struct spdm_message spdm_msg_end_session_ack = {
    SPDM_END_SESSION_ACK, SPDM_VERSION_11, "END_SESSION_ACK", NULL, NULL};

enum ide_err session_end(struct session *s)
{
    enum ide_err err = session_usable(s, "END_SESSION");
    if (err == IDE_OK)
        err = session_plain_exchange(s, &spdm_msg_end_session, 0, 0, &spdm_msg_end_session_ack, false);
    session_close(s);
    return err;
}

enum ide_err session_handle_end_session(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_plain in, out = {0};
    struct session *s = session_of_request(r, request, SESSION_ESTABLISHED, "END_SESSION");
    if (!s)
        return r->connection.fault.err;
    enum ide_err err = session_request_decode(r, &spdm_msg_end_session, request, &in);
    if (err != IDE_OK)
        return err;
    spdm_write(&spdm_msg_end_session_ack, &r->connection.params, &out, w);
    err = write_done(w);
    if (err == IDE_OK)
        s->state = SESSION_ENDING;
    return err;
}
