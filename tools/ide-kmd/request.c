/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/request.h"

#include <string.h>

#define STEP "request"

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a real number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

/* The member, which must be there and of the type. */
static enum ide_err take(const json_t *object, const char *name, json_type type, const char *wanted,
                         const json_t **value, struct failure *failure)
{
    *value = json_object_get(object, name);
    if (!*value)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, name, "the member \"%s\" is missing", name);
    if (json_typeof(*value) != type)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, name, "the member \"%s\" must be %s and is %s",
                           name, wanted, type_name(*value));
    return IDE_OK;
}

static enum ide_err take_id(json_t *object, struct request *request, struct failure *failure)
{
    json_t *id = json_object_get(object, "id");
    if (!id)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "id", "the member \"id\" is missing");
    if (!json_is_integer(id) && !json_is_string(id))
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "id",
                           "the member \"id\" must be a string or an integer and is %s", type_name(id));
    if (json_is_string(id) && json_string_length(id) > API_ID_MAX)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "id", "the member \"id\" is longer than %u bytes",
                           API_ID_MAX);
    request->id = json_incref(id);
    return IDE_OK;
}

static enum ide_err take_version(const json_t *object, struct failure *failure)
{
    const json_t *v;
    enum ide_err err = take(object, "v", JSON_INTEGER, "an integer", &v, failure);
    if (err == IDE_OK && json_integer_value(v) != API_VERSION)
        err = failure_set(failure, IDE_E_VERSION, STEP, "v",
                          "the request is of version %" JSON_INTEGER_FORMAT
                          ", and this is version %d of the interface",
                          json_integer_value(v), API_VERSION);
    return err;
}

static enum ide_err take_verb(const json_t *object, struct request *request, struct failure *failure)
{
    const json_t *verb;
    enum ide_err err = take(object, "verb", JSON_STRING, "a string", &verb, failure);
    if (err != IDE_OK)
        return err;
    request->verb = api_verb_by_name(json_string_value(verb));
    if (!request->verb)
        return failure_set(failure, IDE_E_UNSUPPORTED, STEP, "verb", "there is no verb \"%.40s\"",
                           json_string_value(verb));
    return IDE_OK;
}

static bool is_cxl_member(const char *name)
{
    return strcmp(name, "mode") == 0 || strcmp(name, "generate") == 0;
}

/* Every member must be one that the verb takes. */
static enum ide_err refuse_unknown(json_t *object, const struct request *request, struct failure *failure)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (strcmp(name, "v") == 0 || strcmp(name, "id") == 0 || strcmp(name, "verb") == 0)
            continue;
        if (strcmp(name, "bdf") == 0 && (request->verb->allowed & API_BDF))
            continue;
        if (strcmp(name, "stream") == 0 && (request->verb->allowed & API_STREAM))
            continue;
        if (request_is_wish(name) && (request->verb->allowed & API_FEATURES))
            continue;
        if (strcmp(name, "max_age_ms") == 0 && (request->verb->allowed & API_MAX_AGE))
            continue;
        if (strcmp(name, "measurements") == 0 && (request->verb->allowed & API_MEASUREMENTS))
            continue;
        if (strcmp(name, "request") == 0 && (request->verb->allowed & API_OTHER))
            continue;
        if (request_is_position(name) && (request->verb->allowed & API_POSITION))
            continue;
        if (is_cxl_member(name) && (request->verb->allowed & API_CXL))
            continue;
        if (request_is_log(name) && (request->verb->allowed & API_LOG_FILTER))
            continue;
        return failure_set(failure, IDE_E_ARGUMENT, STEP, name, "\"%s\" takes no member \"%.40s\"",
                           request->verb->name, name);
    }
    return IDE_OK;
}

static enum ide_err take_bdf(const json_t *object, struct request *request, struct failure *failure)
{
    const json_t *bdf;
    if (!(request->verb->required & API_BDF) && !json_object_get(object, "bdf"))
        return IDE_OK;
    enum ide_err err = take(object, "bdf", JSON_STRING, "a string", &bdf, failure);
    if (err != IDE_OK)
        return err;
    if (pcie_bdf_parse(json_string_value(bdf), &request->bdf) != IDE_OK)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "bdf",
                           "\"%.40s\" is no address of a PCI function, such as 0000:00:03.0",
                           json_string_value(bdf));
    request->has_bdf = true;
    return IDE_OK;
}

static enum ide_err take_stream(const json_t *object, struct request *request, struct failure *failure)
{
    const json_t *stream;
    if (!(request->verb->required & API_STREAM) && !json_object_get(object, "stream"))
        return IDE_OK;
    enum ide_err err = take(object, "stream", JSON_INTEGER, "an integer", &stream, failure);
    if (err != IDE_OK)
        return err;
    json_int_t number = json_integer_value(stream);
    if (number < 0 || number > (json_int_t)API_STREAM_LAST)
        return failure_set(failure, IDE_E_STREAM_RANGE, STEP, "stream",
                           "stream %" JSON_INTEGER_FORMAT " is out of range: 0 to %u", number,
                           API_STREAM_LAST);
    if (!request->has_bdf)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "bdf",
                           "the member \"bdf\" is missing: a stream number says nothing without its port");
    request->stream = (uint8_t)number;
    request->has_stream = true;
    return IDE_OK;
}

/* Of show: how old what it tells may be. */
static enum ide_err take_max_age(const json_t *object, struct request *request, struct failure *failure)
{
    const json_t *age = json_object_get(object, "max_age_ms");
    if (!age)
        return IDE_OK;
    json_int_t ms = json_integer_value(age);
    if (!json_is_integer(age) || ms < 0 || ms > API_AGE_MAX_MS)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "max_age_ms",
                           "the member \"max_age_ms\" must be an integer from 0 to %d", API_AGE_MAX_MS);
    request->max_age_ms = (uint32_t)ms;
    return IDE_OK;
}

/* One of the switches in "measurements". */
static enum ide_err take_switch(const json_t *value, const char *name, bool *on, struct failure *failure)
{
    if (!json_is_boolean(value))
        return failure_set(failure, IDE_E_ARGUMENT, STEP, name,
                           "the member \"%s\" must be a boolean and is %s", name, type_name(value));
    *on = json_is_true(value);
    return IDE_OK;
}

static enum ide_err take_index(const json_t *value, uint8_t *index, struct failure *failure)
{
    if (!json_is_integer(value))
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "index",
                           "the member \"index\" must be an integer and is %s", type_name(value));
    json_int_t number = json_integer_value(value);
    if (number < 1 || number > (json_int_t)API_MEASUREMENT_LAST)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "index",
                           "measurement %" JSON_INTEGER_FORMAT " is out of range: 1 to %u", number,
                           API_MEASUREMENT_LAST);
    *index = (uint8_t)number;
    return IDE_OK;
}

static enum ide_err take_measurement_member(const char *name, const json_t *value,
                                            struct request_measurements *m, struct failure *failure)
{
    bool is_signed = true;
    if (strcmp(name, "index") == 0)
        return take_index(value, &m->index, failure);
    if (strcmp(name, "raw") == 0)
        return take_switch(value, name, &m->raw, failure);
    if (strcmp(name, "in_session") == 0)
        return take_switch(value, name, &m->in_session, failure);
    if (strcmp(name, "mel") == 0)
        return take_switch(value, name, &m->mel, failure);
    if (strcmp(name, "ide_km") == 0)
        return take_switch(value, name, &m->ide_km, failure);
    if (strcmp(name, "signed") != 0)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, name, "\"measurements\" takes no member \"%.40s\"",
                           name);
    enum ide_err err = take_switch(value, name, &is_signed, failure);
    m->is_unsigned = err == IDE_OK && !is_signed;
    return err;
}

static enum ide_err take_measurements(json_t *object, struct request *request, struct failure *failure)
{
    const json_t *measurements;
    const char *name;
    json_t *value;
    if (!json_object_get(object, "measurements"))
        return IDE_OK;
    enum ide_err err = take(object, "measurements", JSON_OBJECT, "an object", &measurements, failure);
    if (err != IDE_OK)
        return err;
    request->measurements.is_there = true;
    json_object_foreach(json_object_get(object, "measurements"), name, value)
    {
        err = take_measurement_member(name, value, &request->measurements, failure);
        if (err != IDE_OK)
            return err;
    }
    return IDE_OK;
}

static enum ide_err take_cxl(const json_t *object, struct request *request, struct failure *failure)
{
    const json_t *mode = json_object_get(object, "mode"), *generate = json_object_get(object, "generate");
    const char *text = json_is_string(mode) ? json_string_value(mode) : "";
    request->cxl_mode = strcmp(text, "skid") == 0 ? CXL_IDE_SKID : CXL_IDE_CONTAINMENT;
    request->cxl_generate = json_is_true(generate);
    if (mode && strcmp(text, "skid") != 0 && strcmp(text, "containment") != 0)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "mode",
                           "the member \"mode\" is neither \"containment\" nor "
                           "\"skid\"");
    if (generate && !json_is_boolean(generate))
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "generate",
                           "the member \"generate\" must be a boolean and is %s", type_name(generate));
    return IDE_OK;
}

static enum ide_err take_events(const json_t *object, struct request *request, struct failure *failure)
{
    if (request->verb->required & API_POSITION)
        return request_take_position(object, &request->position, failure);
    if (!(request->verb->required & API_OTHER))
        return IDE_OK;
    enum ide_err err = request_take_other(object, &request->other, failure);
    request->other = err == IDE_OK ? json_incref(request->other) : NULL;
    return err;
}

static enum ide_err decode_object(json_t *object, struct request *request, struct failure *failure)
{
    if (!json_is_object(object))
        return failure_set(failure, IDE_E_ARGUMENT, STEP, NULL, "the request must be an object and is %s",
                           type_name(object));
    enum ide_err err = take_id(object, request, failure);
    if (err == IDE_OK)
        err = take_version(object, failure);
    if (err == IDE_OK)
        err = take_verb(object, request, failure);
    if (err == IDE_OK)
        err = refuse_unknown(object, request, failure);
    if (err == IDE_OK)
        err = take_bdf(object, request, failure);
    if (err == IDE_OK)
        err = take_stream(object, request, failure);
    if (err == IDE_OK)
        err = request_take_wish(object, &request->wish, failure);
    if (err == IDE_OK)
        err = take_measurements(object, request, failure);
    if (err == IDE_OK)
        err = take_max_age(object, request, failure);
    if (err == IDE_OK)
        err = take_cxl(object, request, failure);
    if (err == IDE_OK)
        err = take_events(object, request, failure);
    if (err == IDE_OK)
        err = request_take_log(object, &request->log, failure);
    return err;
}

enum ide_err request_decode(const void *text, size_t len, struct request *request, struct failure *failure)
{
    json_error_t error;
    *request = (struct request){0};
    if (len > API_REQUEST_MAX)
        return failure_set(failure, IDE_E_LONG, STEP, NULL, "the request has %zu bytes, and %u are allowed",
                           len, API_REQUEST_MAX);
    json_t *object = json_loadb(len > 0 ? text : "", len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!object)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, NULL,
                           "the request is not JSON: line %d, column %d: %s", error.line, error.column,
                           error.text);
    enum ide_err err = decode_object(object, request, failure);
    json_decref(object);
    return err;
}

void request_release(struct request *request)
{
    json_decref(request->id);
    json_decref(request->other);
    request->id = request->other = NULL;
}
