/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/common/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct api_verb_row verbs[] = {
    {API_PING, "ping", 0, 0, true},
    {API_LIST, "list", 0, 0, true},
    {API_SHOW, "show", 0, API_BDF | API_MAX_AGE, true},
    {API_ATTEST, "attest", API_BDF, API_BDF | API_MEASUREMENTS, false},
    {API_ESTABLISH, "establish", API_BDF, API_BDF | API_STREAM | API_FEATURES, false},
    {API_REKEY, "rekey", 0, API_BDF | API_STREAM, false},
    {API_STOP, "stop", API_BDF | API_STREAM, API_BDF | API_STREAM, false},
    {API_CXL_ESTABLISH, "cxl_establish", API_BDF, API_BDF | API_CXL, false},
    {API_CXL_REKEY, "cxl_rekey", API_BDF, API_BDF, false},
    {API_CXL_STOP, "cxl_stop", API_BDF, API_BDF, false},
    /* one's own requests: run_cancel() */
    {API_CANCEL, "cancel", API_OTHER, API_OTHER, true},
    {API_SNAPSHOT, "snapshot", 0, 0, true},
    {API_EVENTS, "events", API_POSITION, API_POSITION, true},
    {API_DOCTOR, "doctor", API_BDF, API_BDF, true},
    {API_LOG, "log", 0, API_BDF | API_STREAM | API_LOG_FILTER, true},
};

const struct api_verb_row *api_verb_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

const struct api_verb_row *api_verb_row(enum api_verb verb)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (verbs[i].verb == verb)
            return &verbs[i];
    return NULL;
}

static bool next_port(const char *endpoint, char *out)
{
    const char *colon = strrchr(endpoint, ':');
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || port == 0 || port >= 65535)
        return false;
    int n = snprintf(out, API_ENDPOINT_MAX, "%.*s:%lu", (int)(colon - endpoint), endpoint, port + 1);
    return n > 0 && (unsigned)n < API_ENDPOINT_MAX;
}

bool api_events_endpoint(const char *endpoint, char out[static API_ENDPOINT_MAX])
{
    if (strncmp(endpoint, "tcp://", 6) == 0 && strlen(endpoint) < API_ENDPOINT_MAX)
        return next_port(endpoint, out);
    if (strncmp(endpoint, "ipc://", 6) != 0 || endpoint[6] == '\0')
        return false;
    int n = snprintf(out, API_ENDPOINT_MAX, "%s.events", endpoint);
    return n > 0 && (unsigned)n < API_ENDPOINT_MAX;
}
