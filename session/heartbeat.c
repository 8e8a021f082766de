/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HEARTBEAT and HEARTBEAT_ACK (DSP0274 1.2 §10.20). */
#include "session/internal.h"

const struct spdm_message spdm_msg_heartbeat = {SPDM_HEARTBEAT, SPDM_VERSION_11, "HEARTBEAT", NULL, NULL};
const struct spdm_message spdm_msg_heartbeat_ack = {
    SPDM_HEARTBEAT_ACK, SPDM_VERSION_11, "HEARTBEAT_ACK", NULL, NULL};

enum ide_err session_heartbeat(struct session *s)
{
    enum ide_err err = session_usable(s, "HEARTBEAT");
    if (err != IDE_OK)
        return err;
    if (s->heartbeat_period == 0)   /* the responder wants none in this session */
        return ide_fail(&s->connection->fault, IDE_E_STATE, "HEARTBEAT", "HeartbeatPeriod");
    return session_plain_exchange(s, &spdm_msg_heartbeat, 0, 0, &spdm_msg_heartbeat_ack, false);
}

enum ide_err session_handle_heartbeat(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_plain in, out = {0};
    const struct session *s = session_of_request(r, request, SESSION_ESTABLISHED, "HEARTBEAT");
    if (!s)
        return r->connection.fault.err;
    if (s->heartbeat_period == 0)
        return ide_fail(&r->connection.fault, IDE_E_UNEXPECTED, "HEARTBEAT", "HeartbeatPeriod");
    enum ide_err err = session_request_decode(r, &spdm_msg_heartbeat, request, &in);
    if (err != IDE_OK)
        return err;
    spdm_write(&spdm_msg_heartbeat_ack, &r->connection.params, &out, w);
    return write_done(w);
}
