/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/common/features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const header_names[] = {
    [IDE_HEADER_17_2] = "17:2",
    [IDE_HEADER_25_2] = "25:2",
    [IDE_HEADER_33_2] = "33:2",
    [IDE_HEADER_41_2] = "41:2",
};

const char *feature_header_name(enum ide_partial_header mode)
{
    return (unsigned)mode < sizeof header_names / sizeof *header_names ? header_names[mode] : NULL;
}

bool feature_header_parse(const char *text, enum ide_partial_header *mode)
{
    for (unsigned i = IDE_HEADER_17_2; i <= IDE_HEADER_41_2; i++)
        if (strcmp(text, header_names[i]) == 0) {
            *mode = (enum ide_partial_header)i;
            return true;
        }
    return false;
}

unsigned feature_aggregation_count(enum ide_aggregation mode)
{
    return 1u << mode;
}

bool feature_aggregation_of(long long count, enum ide_aggregation *mode)
{
    for (unsigned i = IDE_AGGREGATION_NONE; i <= IDE_AGGREGATION_8; i++)
        if (count == (long long)feature_aggregation_count((enum ide_aggregation)i)) {
            *mode = (enum ide_aggregation)i;
            return true;
        }
    return false;
}

static bool parse_count(const char *text, enum ide_aggregation *mode)
{
    char *end;
    if (strcmp(text, "none") == 0) {
        *mode = IDE_AGGREGATION_NONE;
        return true;
    }
    long long count = strtoll(text, &end, 10);
    return *end == '\0' && count > 1 && feature_aggregation_of(count, mode);
}

/* "pr=4" */
static bool parse_class(const char *word, struct ide_features *f)
{
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : 0;
    if (len == 2 && memcmp(word, "pr", len) == 0)
        return parse_count(equals + 1, &f->pr);
    if (len == 3 && memcmp(word, "npr", len) == 0)
        return parse_count(equals + 1, &f->npr);
    return len == 3 && memcmp(word, "cpl", len) == 0 && parse_count(equals + 1, &f->cpl);
}

bool feature_aggregation_parse(const char *text, struct ide_features *features)
{
    struct ide_features f = *features;
    char words[64], *rest = words, *word;
    bool ok = strlen(text) < sizeof words;
    if (parse_count(text, &f.pr)) {
        f.npr = f.cpl = f.pr;
    } else if (ok) {
        (void)snprintf(words, sizeof words, "%s", text);
        while (ok && (word = strsep(&rest, ",")))
            ok = parse_class(word + strspn(word, " "), &f);
    }
    if (ok)
        *features = f;
    return ok;
}

static bool *pcrc(struct ide_features *f)
{
    return &f->pcrc;
}

static bool *config_requests(struct ide_features *f)
{
    return &f->config_requests;
}

static bool *default_stream(struct ide_features *f)
{
    return &f->default_stream;
}

static bool *tee_limited(struct ide_features *f)
{
    return &f->tee_limited;
}

const struct feature_flag feature_flags[] = {
    {"pcrc", pcrc},
    {"config_requests", config_requests},
    {"default", default_stream},
    {"tee_limited", tee_limited},
    {NULL, NULL},
};
