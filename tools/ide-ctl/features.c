/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of establish: what is asked of a stream, as members of the request; and the same in words. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/common/features.h"
#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"

static bool take_class(struct ctl *ctl, const char *text)
{
    char *end;
    errno = 0;
    long class = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return false;
    json_object_set_new(ctl->wish, "tc", json_integer(class));
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
static bool take_aggregation(struct ctl *ctl, const char *text)
{
    json_int_t count;
    if (count_of(text, &count)) {
        json_object_set_new(ctl->wish, "aggregation",
                            json_pack("{s:I, s:I, s:I}", "pr", count, "npr", count, "cpl", count));
        return true;
    }
    char words[64], *rest = words, *word;
    if (strlen(text) >= sizeof words)
        return false;
    snprintf(words, sizeof words, "%s", text);
    json_t *list = json_object();
    bool ok = true;
    while (ok && (word = strsep(&rest, ",")))
        ok = take_one_aggregation(list, word);
    if (ok)
        json_object_set(ctl->wish, "aggregation", list);
    json_decref(list);
    return ok;
}

static bool take_header(struct ctl *ctl, const char *text)
{
    enum ide_partial_header mode;
    json_object_set_new(ctl->wish, "partial_header", json_string(text));
    return feature_header_parse(text, &mode);
}

static bool take_algorithm(struct ctl *ctl, const char *text)
{
    json_object_set_new(ctl->wish, "algorithm", json_string(FEATURE_ALGORITHM));
    return strcasecmp(text, FEATURE_ALGORITHM) == 0;
}

static const struct {
    const char *option;
    const char *member;                                  /* set to true; NULL: take says what */
    bool (*take)(struct ctl *ctl, const char *argument); /* false: the argument is wrong */
    const char *wanted;
} options[] = {
    {"link", "link", NULL, NULL},
    {"selective", "selective", NULL, NULL},
    {"tc", NULL, take_class, "a number: "},
    {"pcrc", "pcrc", NULL, NULL},
    {"partial-header", NULL, take_header, "17:2, 25:2, 33:2 or 41:2: "},
    {"aggregation", NULL, take_aggregation, "none, 2, 4 or 8, or pr=...,npr=...,cpl=... with these: "},
    {"default", "default", NULL, NULL},
    {"tee-limited", "tee_limited", NULL, NULL},
    {"config-requests", "config_requests", NULL, NULL},
    {"algorithm", NULL, take_algorithm, "AES-GCM-256: "},
};

const char *ctl_take_wish(struct ctl *ctl, const char *option, const char *argument)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp(options[i].option, option) != 0)
            continue;
        if (!ctl->wish)
            ctl->wish = json_object();
        if (options[i].member)
            json_object_set_new(ctl->wish, options[i].member, json_true());
        return options[i].take && !options[i].take(ctl, argument) ? options[i].wanted : NULL;
    }
    return NULL;
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
