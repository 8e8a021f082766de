/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a person reads: errors, steps, tables. */
#ifndef IDE_CTL_PRINT_H
#define IDE_CTL_PRINT_H

#include <jansson.h>
#include <stdio.h>

/* The member's string, or "-" for null, what is missing and what is no string. Borrowed. */
const char *text_of(const json_t *object, const char *name);
long long number_of(const json_t *object, const char *name);

/* "secure" -> "Secure": states as the specification writes them. */
const char *state_text(const char *state);

/* The state of a stream's end: "Secure", "Insecure, disabled", ... into out. */
const char *end_text(const json_t *stream, const char *role, char *out, size_t size);

/* "SPDM 1.2, ECDSA P-384, SHA-384, secp384r1, AES-256-GCM" */
void print_algorithms(FILE *out, const json_t *object);

/* What its lower end's register says that it does; NULL if it does not say. */
const json_t *stream_features(const json_t *stream);

/* What an IDE capability can do besides: "ide_km, pcrc" into out. */
const char *abilities_text(const json_t *ide, char *out, size_t size);

/* What a stream does, a "features" object: "TC 0, pcrc, aggregation pr=4,cpl=2" into out. */
const char *features_text(const json_t *features, char *out, size_t size);

/*
 * Texts of devices may be in what the controller says, and they are not to move the cursor of whoever reads
 * them: every control character in any string of the value becomes a question mark.
 */
void make_printable(json_t *value);

void print_error(FILE *out, const json_t *error);
void print_notes(FILE *out, const json_t *result);

void print_json(const json_t *value);

/* "Stream 0 is Secure: root port ..., endpoint ..., key set 0." with whatever it does besides. */
void print_stream_up(const json_t *stream);

/* "cxl_links" of a result. */
void print_cxl_links(const json_t *links);

/* What while-off makes of the root port's "forwarding", as it goes on after its name or heading; NULL if that
 * has no say. */
const char *forwarding_text(const json_t *object);

#endif
