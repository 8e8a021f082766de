/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kind of stream an establish asks for, and what the streams there are have of it. docs/api.md */
#ifndef IDE_KMD_REQUEST_FEATURES_H
#define IDE_KMD_REQUEST_FEATURES_H

#include <jansson.h>

#include "root_port/ide_stream.h"
#include "tools/ide-kmd/failure.h"

/* Which streams, and what each does. */
struct stream_wish {
    bool selective; /* from end to end */
    bool link;      /* on each link between the ends */
    struct ide_features features;
};

/* Whether the member is one of those that request_take_wish() looks at. */
bool request_is_wish(const char *member);

/*
 * Takes them from a request; what is not there stays as a plain selective stream has it. IDE_E_ARGUMENT for a
 * wrong type or value, and for what a link stream cannot have.
 */
enum ide_err request_take_wish(const json_t *object, struct stream_wish *wish,
                               struct failure *failure) MUST_USE;

/* The "features" object of docs/api.md. */
json_t *features_json(const struct ide_features *features);

#endif
