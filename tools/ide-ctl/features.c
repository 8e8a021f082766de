/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of establish: what is asked of a stream, as members of the request; and the same in words. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/common/features.h"
#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"

static json_t *wish_of(struct ctl *ctl)
{
    if (!ctl->wish)
        ctl->wish = json_object();
    return ctl->wish;
}

bool ctl_take_wish(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)argument;
    json_object_set_new(wish_of(ctl), option->member, json_true());
    return true;
}

bool ctl_take_class(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    char *end;
    (void)option;
    errno = 0;
    long class = strtol(argument, &end, 10);
    if (errno != 0 || end == argument || *end != '\0')
        return false;
    json_object_set_new(wish_of(ctl), "tc", json_integer(class));
    return true;
}

bool ctl_take_aggregation(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    struct ide_features f = {0};
    (void)option;
    if (!feature_aggregation_parse(argument, &f))
        return false;
    json_object_set_new(wish_of(ctl), "aggregation",
                        json_pack("{s:i, s:i, s:i}", "pr", (int)feature_aggregation_count(f.pr), "npr",
                                  (int)feature_aggregation_count(f.npr), "cpl",
                                  (int)feature_aggregation_count(f.cpl)));
    return true;
}

bool ctl_take_header(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    enum ide_partial_header mode;
    (void)option;
    json_object_set_new(wish_of(ctl), "partial_header", json_string(argument));
    return feature_header_parse(argument, &mode);
}

bool ctl_take_algorithm(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    (void)option;
    json_object_set_new(wish_of(ctl), "algorithm", json_string(FEATURE_ALGORITHM));
    return strcasecmp(argument, FEATURE_ALGORITHM) == 0;
}

/* "tc 1, pcrc, partial header 17:2, aggregation pr 4 npr 1 cpl 1" */
const char *features_text(const json_t *features, char *out, size_t size)
{
    const json_t *aggregation = json_object_get(features, "aggregation");
    size_t used = (size_t)snprintf(out, size, "TC %lld", number_of(features, "tc"));
    for (const struct feature_flag *flag = feature_flags; flag->name; flag++)
        if (json_is_true(json_object_get(features, flag->name)) && used < size)
            used += (size_t)snprintf(out + used, size - used, ", %s", flag->name);
    if (json_is_string(json_object_get(features, "partial_header")) && used < size)
        used += (size_t)snprintf(out + used, size - used, ", partial_header %s",
                                 text_of(features, "partial_header"));
    static const char *const classes[] = {"pr", "npr", "cpl"};
    const char *separator = ", aggregation ";
    for (size_t i = 0; i < sizeof classes / sizeof *classes && used < size; i++)
        if (number_of(aggregation, classes[i]) > 1) {
            used += (size_t)snprintf(out + used, size - used, "%s%s=%lld", separator, classes[i],
                                     number_of(aggregation, classes[i]));
            separator = ",";
        }
    return out;
}
