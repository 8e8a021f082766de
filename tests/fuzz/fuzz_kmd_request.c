/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request from a client: any bytes. Whatever comes is either understood or refused with words that make
 * JSON. */
#include <stdlib.h>

#include "tools/ide-kmd/request.h"

static void check_understood(const struct request *request)
{
    if (!request->verb || !request->id)
        abort();
    if ((request->verb->required & API_BDF) && !request->has_bdf)
        abort();
    if ((request->verb->required & API_STREAM) && !request->has_stream)
        abort();
    if (request->has_stream && (!request->has_bdf || request->stream > API_STREAM_LAST))
        abort();
}

static void check_refused(const struct failure *failure)
{
    json_t *object = failure_json(failure);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    if (!text || failure->err == IDE_OK || failure->message[0] == '\0')
        abort();
    free(text);
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request;
    struct failure failure = {0};
    if (request_decode(data, size, &request, &failure) == IDE_OK)
        check_understood(&request);
    else
        check_refused(&failure);
    request_release(&request);
    return 0;
}
