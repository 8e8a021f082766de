/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measurements within a session; the messages are those of spdm/measurements.c and spdm/mel.c. */
#include "session/internal.h"
#include "spdm/measurements.h"

enum ide_err session_get_measurements(struct session *s, const struct spdm_measurement_request *request,
                                      uint8_t *record, size_t cap, struct spdm_measurement_result *result)
{
    struct spdm_channel channel = session_channel(s);
    *result = (struct spdm_measurement_result){0};
    enum ide_err err = session_usable(s, "GET_MEASUREMENTS");
    if (err != IDE_OK)
        return err;
    return spdm_get_measurements(s->connection, &channel, request, record, cap, result);
}

enum ide_err session_get_mel(struct session *s, uint8_t *mel, size_t cap, size_t *len)
{
    struct spdm_channel channel = session_channel(s);
    *len = 0;
    enum ide_err err = session_usable(s, "GET_MEASUREMENT_EXTENSION_LOG");
    if (err != IDE_OK)
        return err;
    return spdm_get_mel(s->connection, &channel, mel, cap, len);
}
