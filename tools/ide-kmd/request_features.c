/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/request_features.h"

#include <string.h>

#include "tools/common/features.h"

#define STEP              "request"
#define TRAFFIC_CLASS_MAX 7

static const char *const members[] = {"link",           "selective",   "tc",
                                      "partial_header", "aggregation", "algorithm"};

bool request_is_wish(const char *member)
{
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (strcmp(members[i], member) == 0)
            return true;
    for (const struct feature_flag *flag = feature_flags; flag->name; flag++)
        if (strcmp(flag->name, member) == 0)
            return true;
    return false;
}

static enum ide_err wrong(struct failure *failure, const char *member, const char *wanted)
{
    return failure_set(failure, IDE_E_ARGUMENT, STEP, member, "the member \"%s\" must be %s", member, wanted);
}

static enum ide_err take_bool(const json_t *object, const char *member, bool *out, struct failure *failure)
{
    const json_t *value = json_object_get(object, member);
    if (value && !json_is_boolean(value))
        return wrong(failure, member, "a boolean");
    if (value)
        *out = json_is_true(value);
    return IDE_OK;
}

static enum ide_err take_flags(const json_t *object, struct ide_features *f, struct failure *failure)
{
    enum ide_err err = IDE_OK;
    for (const struct feature_flag *flag = feature_flags; flag->name && err == IDE_OK; flag++)
        err = take_bool(object, flag->name, flag->place(f), failure);
    return err;
}

static enum ide_err take_class(const json_t *object, struct ide_features *f, struct failure *failure)
{
    const json_t *value = json_object_get(object, "tc");
    if (!value)
        return IDE_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > TRAFFIC_CLASS_MAX)
        return wrong(failure, "tc", "a traffic class, 0 to 7");
    f->traffic_class = (uint8_t)json_integer_value(value);
    return IDE_OK;
}

static enum ide_err take_header(const json_t *object, struct ide_features *f, struct failure *failure)
{
    const json_t *value = json_object_get(object, "partial_header");
    if (!value || json_is_null(value))
        return IDE_OK;
    if (!json_is_string(value) || !feature_header_parse(json_string_value(value), &f->partial_header))
        return wrong(failure, "partial_header", "\"17:2\", \"25:2\", \"33:2\", \"41:2\" or null");
    return IDE_OK;
}

static enum ide_err take_algorithm(const json_t *object, struct failure *failure)
{
    const json_t *value = json_object_get(object, "algorithm");
    if (value && (!json_is_string(value) || strcmp(json_string_value(value), FEATURE_ALGORITHM) != 0))
        return wrong(failure, "algorithm", "\"" FEATURE_ALGORITHM "\"");
    return IDE_OK;
}

static enum ide_aggregation *aggregation_place(struct ide_features *f, const char *class)
{
    if (strcmp(class, "pr") == 0)
        return &f->pr;
    if (strcmp(class, "npr") == 0)
        return &f->npr;
    return strcmp(class, "cpl") == 0 ? &f->cpl : NULL;
}

static enum ide_err take_aggregation(const json_t *object, struct ide_features *f, struct failure *failure)
{
    static const char wanted[] = "an object with \"pr\", \"npr\" or \"cpl\", each 1, 2, 4 or 8";
    json_t *list = json_object_get(object, "aggregation"), *value;
    const char *class;
    if (!list)
        return IDE_OK;
    if (!json_is_object(list))
        return wrong(failure, "aggregation", wanted);
    json_object_foreach(list, class, value)
    {
        enum ide_aggregation *place = aggregation_place(f, class);
        if (!place || !json_is_integer(value) || !feature_aggregation_of(json_integer_value(value), place))
            return wrong(failure, "aggregation", wanted);
    }
    return IDE_OK;
}

/* A selective stream unless link streams alone are asked for. */
static enum ide_err take_kinds(const json_t *object, struct stream_wish *wish, struct failure *failure)
{
    enum ide_err err = take_bool(object, "link", &wish->link, failure);
    wish->selective = !wish->link;
    if (err == IDE_OK)
        err = take_bool(object, "selective", &wish->selective, failure);
    if (err == IDE_OK && !wish->selective && !wish->link)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "selective",
                           "neither a selective stream nor link streams are asked for");
    return err;
}

/* What only a selective stream has is refused if there is to be none. */
static enum ide_err check_link_only(const struct stream_wish *wish, struct failure *failure)
{
    const struct ide_features *f = &wish->features;
    const char *member = f->config_requests  ? "config_requests"
                         : f->default_stream ? "default"
                         : f->tee_limited    ? "tee_limited"
                                             : NULL;
    if (!wish->selective && member)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, member, "a link stream has no \"%s\"", member);
    return IDE_OK;
}

enum ide_err request_take_wish(const json_t *object, struct stream_wish *wish, struct failure *failure)
{
    *wish = (struct stream_wish){.features.algorithm = PCIE_IDE_ALG_AES_GCM_256};
    enum ide_err err = take_kinds(object, wish, failure);
    if (err == IDE_OK)
        err = take_flags(object, &wish->features, failure);
    if (err == IDE_OK)
        err = take_class(object, &wish->features, failure);
    if (err == IDE_OK)
        err = take_header(object, &wish->features, failure);
    if (err == IDE_OK)
        err = take_aggregation(object, &wish->features, failure);
    if (err == IDE_OK)
        err = take_algorithm(object, failure);
    return err == IDE_OK ? check_link_only(wish, failure) : err;
}

json_t *features_json(const struct ide_features *features)
{
    struct ide_features f = *features;
    json_t *object = json_pack(
        "{s:i, s:s, s:s?, s:{s:i, s:i, s:i}}", "tc", (int)f.traffic_class, "algorithm",
        f.algorithm == PCIE_IDE_ALG_AES_GCM_256 ? FEATURE_ALGORITHM : "reserved", "partial_header",
        feature_header_name(f.partial_header), "aggregation", "pr", (int)feature_aggregation_count(f.pr),
        "npr", (int)feature_aggregation_count(f.npr), "cpl", (int)feature_aggregation_count(f.cpl));
    for (const struct feature_flag *flag = feature_flags; flag->name; flag++)
        json_object_set_new(object, flag->name, json_boolean(*flag->place(&f)));
    return object;
}
