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

/* "none" is what the interface calls 1. */
static bool count_of(const char *text, json_int_t *count)
{
    enum ide_aggregation mode;
    char *end;
    *count = 1;
    if (strcmp(text, "none") == 0)
        return true;
    *count = strtoll(text, &end, 10);
    return *end == '\0' && *count > 1 && feature_aggregation_of(*count, &mode);
}

/* "pr=4" or "npr=none" */
static bool take_one_aggregation(json_t *list, char *word)
{
    json_int_t count;
    char *equals = strchr(word, '=');
    if (!equals || !count_of(equals + 1, &count))
        return false;
    *equals = '\0';
    if (strcmp(word, "pr") != 0 && strcmp(word, "npr") != 0 && strcmp(word, "cpl") != 0)
        return false;
    json_object_set_new(list, word, json_integer(count));
    return true;
}

/* One count for all three, or a list such as pr=4,npr=none. */
bool ctl_take_aggregation(struct ctl *ctl, const struct ctl_option *option, const char *argument)
{
    json_int_t count;
    (void)option;
    if (count_of(argument, &count)) {
        json_object_set_new(wish_of(ctl), "aggregation",
                            json_pack("{s:I, s:I, s:I}", "pr", count, "npr", count, "cpl", count));
        return true;
    }
    char words[64], *rest = words, *word;
    if (strlen(argument) >= sizeof words)
        return false;
    snprintf(words, sizeof words, "%s", argument);
    json_t *list = json_object();
    bool ok = true;
    while (ok && (word = strsep(&rest, ",")))
        ok = take_one_aggregation(list, word);
    if (ok)
        json_object_set(wish_of(ctl), "aggregation", list);
    json_decref(list);
    return ok;
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
