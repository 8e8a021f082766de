/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Figures by name and labels, written in the text format of Prometheus (0.0.4).
 * Counted in one thread and read in another. No more series are made than fit:
 * what would be one too many is counted as dropped.
 */
#ifndef IDE_KMD_METER_H
#define IDE_KMD_METER_H

#include <stdbool.h>
#include <stddef.h>

enum meter_kind { METER_COUNTER, METER_GAUGE, METER_HISTOGRAM };

struct meter_family {
    const char *name, *help;
    enum meter_kind kind;
};

#define METER_BUCKETS 14u /* from 1 ms to 30 s, of durations in seconds */
extern const double meter_buckets[METER_BUCKETS];

/* Labels as they stand between the braces: operation="rekey",result="done". */
#define METER_LABELS 192u
struct meter_labels {
    char text[METER_LABELS];
};
struct meter_labels meter_labels(const char *name, const char *value);
/* One more; what does not fit is left out, with its name. */
void meter_label(struct meter_labels *labels, const char *name, const char *value);

struct meter;

/* The table of families is borrowed; the one with index 0 is the counter of what was dropped. NULL without
 * memory. */
struct meter *meter_new(const struct meter_family *families, size_t count);
void meter_free(struct meter *meter);

/* family is an index in the table. labels NULL: none. */
void meter_add(struct meter *meter, unsigned family, const struct meter_labels *labels, double value);
void meter_put(struct meter *meter, unsigned family, const struct meter_labels *labels, double value);
void meter_observe(struct meter *meter, unsigned family, const struct meter_labels *labels, double seconds);

/* A gauge's series are of what there is: this one is there no more. */
void meter_forget(struct meter *meter, unsigned family, const struct meter_labels *labels);

/* All of it, or NULL without memory; to be freed with free(). */
char *meter_text(struct meter *meter, size_t *len);

#endif
