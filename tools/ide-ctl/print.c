/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-ctl/print.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "-";
}

long long number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

const char *state_text(const char *state)
{
    if (strcmp(state, "secure") == 0)
        return "Secure";
    return strcmp(state, "insecure") == 0 ? "Insecure" : state;
}

const char *end_text(const json_t *stream, const char *role, char *out, size_t size)
{
    size_t i;
    json_t *end;
    json_array_foreach(json_object_get(stream, "ends"), i, end)
    {
        if (strcmp(text_of(end, "role"), role) != 0)
            continue;
        snprintf(out, size, "%s%s%s", state_text(text_of(end, "state")),
                 json_is_true(json_object_get(end, "enabled")) ? "" : ", disabled",
                 json_is_true(json_object_get(end, "ide_fail")) ? ", IDE fail received" : "");
        return out;
    }
    return "-";
}

void print_algorithms(FILE *out, const json_t *object)
{
    const json_t *algorithms = json_object_get(object, "algorithms");
    static const char *const names[] = {"asym", "hash", "dhe", "aead"};
    fprintf(out, "SPDM %s", text_of(object, "spdm_version"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_is_string(json_object_get(algorithms, names[i])))
            fprintf(out, ", %s", text_of(algorithms, names[i]));
}

/* Of a measurement that is not the reference value. */
static void print_mismatch(FILE *out, const json_t *measurement)
{
    size_t i;
    json_t *value;
    if (!measurement)
        return;
    fprintf(out, "  Measurement %lld: %s\n", number_of(measurement, "index"), text_of(measurement, "got"));
    json_array_foreach(json_object_get(measurement, "expected"), i, value)
    {
        fprintf(out, "  Expected: %s\n", json_string_value(value));
    }
}

/* "0000:01:00.0: authenticate: CERTIFICATE: ..." and below it what became of the stream and what to do. */
void print_error(FILE *out, const json_t *error)
{
    fprintf(out, "ide-ctl: ");
    if (json_is_string(json_object_get(error, "device")))
        fprintf(out, "%s: ", text_of(error, "device"));
    if (json_is_string(json_object_get(error, "step")) && strcmp(text_of(error, "step"), "survey") != 0)
        fprintf(out, "%s: ", text_of(error, "step"));
    fprintf(out, "%s\n", text_of(error, "message"));
    print_mismatch(out, json_object_get(error, "measurement"));
    if (json_is_string(json_object_get(error, "outcome")))
        fprintf(out, "  Now: %s.\n", text_of(error, "outcome"));
    if (json_is_string(json_object_get(error, "hint")))
        fprintf(out, "  Try: %s.\n", text_of(error, "hint"));
}

void print_notes(FILE *out, const json_t *result)
{
    size_t i;
    json_t *note;
    json_array_foreach(json_object_get(result, "notes"), i, note)
    {
        fprintf(out, "Note: %s: %s: %s\n", text_of(note, "device"), text_of(note, "step"),
                text_of(note, "message"));
    }
}

void print_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2));
    putchar('\n');
}

/* What it does, as the register of its lower end says: that of the upper one lacks "default". */
const json_t *stream_features(const json_t *stream)
{
    const json_t *ends = json_object_get(stream, "ends");
    size_t count = json_array_size(ends);
    return count > 0 ? json_object_get(json_array_get(ends, count - 1), "features") : NULL;
}

void print_stream_up(const json_t *stream)
{
    char text[160];
    bool link = strcmp(text_of(stream, "kind"), "link") == 0;
    printf(link ? "Stream %lld is %s: link from %s to %s, key set %lld.\n  "
                : "Stream %lld is %s: root port %s, endpoint %s, key set %lld.\n  ",
           number_of(stream, "stream"), state_text(text_of(stream, "state")), text_of(stream, "root_port"),
           text_of(stream, "endpoint"), number_of(stream, "key_set"));
    print_algorithms(stdout, stream);
    putchar('\n');
    if (strcmp(features_text(stream_features(stream), text, sizeof text), "TC 0") != 0)
        printf("  %s\n", text);
    print_notes(stdout, stream);
}

const char *abilities_text(const json_t *ide, char *out, size_t size)
{
    static const char *const abilities[] = {"ide_km", "flow_through",    "partial_header", "aggregation",
                                            "pcrc",   "config_requests", "tee_limited",    NULL};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; abilities[i] && used < size; i++)
        if (json_is_true(json_object_get(ide, abilities[i])))
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", abilities[i]);
    return out;
}

/* Of UTF-8, which jansson has checked: the controls of ASCII, and those that ISO 8859-1 added. */
static bool hide_controls(char *text)
{
    bool found = false;
    for (unsigned char *at = (unsigned char *)text; *at; at++) {
        bool second = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
        if (*at >= 0x20 && *at != 0x7f && !second)
            continue;
        found = true;
        *at = '?';
        if (second)
            *++at = '?';
    }
    return found;
}

static void make_string_printable(json_t *value)
{
    char *copy = strdup(json_string_value(value));
    if (copy && hide_controls(copy))
        json_string_set(value, copy);
    free(copy);
}

void make_printable(json_t *value)
{
    size_t i;
    const char *name;
    json_t *member;
    if (json_is_string(value))
        make_string_printable(value);
    json_array_foreach(value, i, member)
    {
        make_printable(member);
    }
    json_object_foreach(value, name, member)
    {
        make_printable(member);
    }
}

const char *forwarding_text(const json_t *object)
{
    static const char *const texts[][2] = {
        {"open", "open; closed whenever a stream below it is off (while-off)"},
        {"host_closed", "no memory requests from the host until the device is there (while-off = closed)"},
        {"closed", "no memory requests until what is wanted below it is Secure (while-off = closed)"},
    };
    const char *state = text_of(object, "forwarding");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i][0], state) == 0)
            return texts[i][1];
    return NULL;
}
