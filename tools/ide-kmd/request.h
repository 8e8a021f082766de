/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request as it comes in: strictly decoded, so that nothing that a client meant is silently ignored. */
#ifndef IDE_KMD_REQUEST_H
#define IDE_KMD_REQUEST_H

#include <jansson.h>

#include "ide_km/cxl_ide_km.h"
#include "root_port/pcie_bdf.h"
#include "spdm/error.h"
#include "tools/common/api.h"
#include "tools/ide-kmd/failure.h"
#include "tools/ide-kmd/request_events.h"
#include "tools/ide-kmd/request_features.h"
#include "tools/ide-kmd/request_log.h"

/* The member "measurements" of attest. */
struct request_measurements {
    bool is_there;
    bool is_unsigned, raw, in_session, mel, ide_km;
    uint8_t index; /* 0: all */
};

struct request {
    json_t *id; /* owned; NULL if the request did not get that far */
    const struct api_verb_row *verb;
    bool has_bdf, has_stream;
    struct pcie_bdf bdf;
    uint8_t stream;
    struct stream_wish wish; /* of establish */
    struct request_measurements measurements;
    enum cxl_ide_mode cxl_mode; /* of cxl_establish: containment unless told */
    bool cxl_generate;
    json_t *other;                    /* owned; of cancel: which request */
    struct request_position position; /* of events */
    struct request_log log; /* of log */
    uint32_t max_age_ms;    /* of show: how old the answer may be */
};

/* clang-format off */
/*
 * Decodes one request. Members that the verb does not know are refused like wrong ones. On failure *failure
 * says which member is wrong, and request->id is set if it could be read, so that the client can match the
 * reply.
 *
 *   IDE_E_LONG          more than API_REQUEST_MAX bytes
 *   IDE_E_ARGUMENT      no JSON, no object, a member that lacks, has a wrong type or is unknown,
 *                       a BDF that is none
 *   IDE_E_VERSION       another "v"
 *   IDE_E_UNSUPPORTED   an unknown verb
 *   IDE_E_STREAM_RANGE  a stream number outside 0 to 254
 *
 * Release with request_release() in any case.
 */
/* clang-format on */
enum ide_err request_decode(const void *text, size_t len, struct request *request,
                            struct failure *failure) MUST_USE;
void request_release(struct request *request);

#endif
