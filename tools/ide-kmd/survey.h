/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking at the platform: which functions there are, what hangs where, what the
 * ports' registers say. Reads only, through an access of its own, and never
 * while an operation is at a point where the endpoint must be left alone.
 */
#ifndef IDE_KMD_SURVEY_H
#define IDE_KMD_SURVEY_H

#include <jansson.h>

#include "root_port/topology.h"
#include "tools/ide-kmd/failure.h"
#include "tools/ide-kmd/providers.h"
#include "tools/ide-kmd/stream.h"

struct survey {
    bool is_fresh; /* the topology was read for the requests at hand: survey_refresh() has nothing to do */
    const char *sysfs;
    struct pcie_access access;
    struct topology topology;
    const struct stream_table *streams; /* borrowed */
    const struct providers *providers;  /* borrowed */
};

enum ide_err survey_open(struct survey *survey, const char *sysfs, const struct stream_table *streams,
                         struct failure *failure) MUST_USE;
void survey_close(struct survey *survey);

/* Reads the topology anew; all below use what was read last. */
enum ide_err survey_refresh(struct survey *survey, struct failure *failure) MUST_USE;

/* The function must exist and be a root port or an endpoint. */
enum ide_err survey_port(const struct survey *survey, const struct pcie_bdf *bdf,
                         struct failure *failure) MUST_USE;

/*
 * Both ends of a stream, one of them given, and that both have all that a selective stream needs: IDE with
 * selective streams and AES-GCM-256, and DOE and IDE_KM where the port itself is given its keys.
 */
enum ide_err survey_ends(struct survey *survey, const struct pcie_bdf *bdf, struct stream_ends *ends,
                         struct failure *failure) MUST_USE;

/* Whether the number is free at both ends and under the host bridge; IDE_E_STREAM_USED, IDE_E_FOREIGN if it
 * is not ours. */
enum ide_err survey_stream_free(struct survey *survey, const struct stream_ends *ends, uint8_t id,
                                struct failure *failure) MUST_USE;

/* The lowest number that is free. IDE_E_RESOURCES. */
enum ide_err survey_choose_stream(struct survey *survey, const struct stream_ends *ends, uint8_t *id,
                                  struct failure *failure) MUST_USE;

/* Whether a block of the port carries the number, without this controller having set it up. */
bool survey_is_foreign(struct survey *survey, const struct pcie_bdf *bdf, uint8_t id);

/* The objects of docs/api.md. */
json_t *survey_ports_json(struct survey *survey);
json_t *survey_port_json(struct survey *survey, const struct pcie_bdf *bdf);
json_t *survey_streams_json(struct survey *survey);
json_t *survey_stream_json(struct survey *survey, const struct stream *stream);

/* What was negotiated with a port, null if nothing was: "secured_version", "algorithms", "spdm_version". */
json_t *secured_version_json(uint16_t version);
json_t *algorithms_json(const struct spdm_params *params);
json_t *version_json(const struct spdm_params *params);

#endif
