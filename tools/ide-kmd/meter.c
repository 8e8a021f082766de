/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/meter.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MAX 4096u /* of one family: more than there are streams */

const double meter_buckets[METER_BUCKETS] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                             0.25,  0.5,    1,     2.5,  5,     10,   30};

struct series {
    struct series *next; /* in the order they were made */
    struct meter_labels labels;
    double value; /* of a histogram: the sum */
    uint64_t count, bucket[METER_BUCKETS];
};

struct meter {
    pthread_mutex_t lock;
    const struct meter_family *families;
    size_t count;
    struct series **first; /* one list a family */
};

/* ---- labels -------------------------------------------------------------- */

/* As the format has it: backslash, quotation mark and newline are escaped. */
static size_t escape(char *out, size_t size, const char *value)
{
    size_t len = 0;
    for (; *value && len + 3 < size; value++) {
        char c = *value;
        if (c == '\n')
            c = 'n';
        if (c != *value || c == '\\' || c == '"')
            out[len++] = '\\';
        out[len++] = c;
    }
    out[len] = '\0';
    return *value ? size : len;
}

void meter_label(struct meter_labels *labels, const char *name, const char *value)
{
    char escaped[METER_LABELS];
    size_t used = strlen(labels->text), len = escape(escaped, sizeof escaped, value);
    if (used + strlen(name) + len + 5 < METER_LABELS)
        snprintf(labels->text + used, METER_LABELS - used, "%s%s=\"%s\"", used ? "," : "", name, escaped);
}

struct meter_labels meter_labels(const char *name, const char *value)
{
    struct meter_labels labels = {.text = ""};
    meter_label(&labels, name, value);
    return labels;
}

/* ---- counting ------------------------------------------------------------ */

struct meter *meter_new(const struct meter_family *families, size_t count)
{
    struct meter *meter = calloc(1, sizeof *meter);
    struct series **first = calloc(count, sizeof(struct series *));
    if (!meter || !first) {
        free(meter);
        free(first);
        return NULL;
    }
    *meter = (struct meter){.families = families, .count = count, .first = first};
    pthread_mutex_init(&meter->lock, NULL);
    return meter;
}

void meter_free(struct meter *meter)
{
    if (!meter)
        return;
    for (size_t i = 0; i < meter->count; i++)
        while (meter->first[i]) {
            struct series *series = meter->first[i];
            meter->first[i] = series->next;
            free(series);
        }
    pthread_mutex_destroy(&meter->lock);
    free(meter->first);
    free(meter);
}

static struct series *find(struct meter *meter, unsigned family, const struct meter_labels *labels, bool make)
{
    struct series **at = &meter->first[family];
    unsigned count = 0;
    for (; *at; at = &(*at)->next, count++)
        if (strcmp((*at)->labels.text, labels ? labels->text : "") == 0)
            return *at;
    if (!make || count >= SERIES_MAX)
        return NULL;
    *at = calloc(1, sizeof **at);
    if (*at && labels)
        (*at)->labels = *labels;
    return *at;
}

/* Locked, or NULL; and then that something was dropped has been counted. */
static struct series *lock_series(struct meter *meter, unsigned family, const struct meter_labels *labels)
{
    pthread_mutex_lock(&meter->lock);
    struct series *series = find(meter, family, labels, true);
    if (series)
        return series;
    series = find(meter, 0, NULL, true);
    if (series)
        series->value += 1;
    pthread_mutex_unlock(&meter->lock);
    return NULL;
}

void meter_add(struct meter *meter, unsigned family, const struct meter_labels *labels, double value)
{
    struct series *series = lock_series(meter, family, labels);
    if (!series)
        return;
    series->value += value;
    pthread_mutex_unlock(&meter->lock);
}

void meter_put(struct meter *meter, unsigned family, const struct meter_labels *labels, double value)
{
    struct series *series = lock_series(meter, family, labels);
    if (!series)
        return;
    series->value = value;
    pthread_mutex_unlock(&meter->lock);
}

void meter_observe(struct meter *meter, unsigned family, const struct meter_labels *labels, double seconds)
{
    struct series *series = lock_series(meter, family, labels);
    if (!series)
        return;
    series->value += seconds;
    series->count++;
    for (size_t i = 0; i < METER_BUCKETS; i++)
        series->bucket[i] += seconds <= meter_buckets[i];
    pthread_mutex_unlock(&meter->lock);
}

void meter_forget(struct meter *meter, unsigned family, const struct meter_labels *labels)
{
    pthread_mutex_lock(&meter->lock);
    for (struct series **at = &meter->first[family]; *at; at = &(*at)->next)
        if (strcmp((*at)->labels.text, labels->text) == 0) {
            struct series *gone = *at;
            *at = gone->next;
            free(gone);
            break;
        }
    pthread_mutex_unlock(&meter->lock);
}

/* ---- writing ------------------------------------------------------------- */

static void write_histogram(FILE *out, const char *name, const struct series *s)
{
    const char *labels = s->labels.text, *comma = *labels ? "," : "";
    for (size_t i = 0; i < METER_BUCKETS; i++)
        fprintf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", name, labels, comma, meter_buckets[i],
                (unsigned long long)s->bucket[i]);
    fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma, (unsigned long long)s->count);
    fprintf(out, "%s_sum%s%s%s %.9g\n", name, *labels ? "{" : "", labels, *labels ? "}" : "", s->value);
    fprintf(out, "%s_count%s%s%s %llu\n", name, *labels ? "{" : "", labels, *labels ? "}" : "",
            (unsigned long long)s->count);
}

static void write_family(FILE *out, const struct meter_family *family, const struct series *first)
{
    static const char *const kinds[] = {
        [METER_COUNTER] = "counter", [METER_GAUGE] = "gauge", [METER_HISTOGRAM] = "histogram"};
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
            kinds[family->kind]);
    for (const struct series *s = first; s; s = s->next)
        if (family->kind == METER_HISTOGRAM)
            write_histogram(out, family->name, s);
        else
            fprintf(out, "%s%s%s%s %.17g\n", family->name, *s->labels.text ? "{" : "", s->labels.text,
                    *s->labels.text ? "}" : "", s->value);
}

char *meter_text(struct meter *meter, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (!out)
        return NULL;
    pthread_mutex_lock(&meter->lock);
    for (size_t i = 0; i < meter->count; i++)
        write_family(out, &meter->families[i], meter->first[i]);
    pthread_mutex_unlock(&meter->lock);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}
