/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Figures as Prometheus reads them, byte for byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"
#include "tools/ide-kmd/meter.h"

enum { DROPPED, COUNT, STATE, TIME, FAMILIES };

static const struct meter_family families[] = {
    [DROPPED] = {"dropped_total", "No room.", METER_COUNTER},
    [COUNT] = {"count_total", "Counted.", METER_COUNTER},
    [STATE] = {"state", "As it is.", METER_GAUGE},
    [TIME] = {"time_seconds", "Taken.", METER_HISTOGRAM},
};

static struct meter *meter;

static int set_up(void)
{
    meter = meter_new(families, FAMILIES);
    return meter == NULL;
}

static int tear_down(void)
{
    meter_free(meter);
    return 0;
}

static bool says(const char *line)
{
    size_t len;
    char *text = meter_text(meter, &len);
    bool found = text && strlen(text) == len && strstr(text, line);
    if (!found)
        printf("%s\nis not in:\n%s\n", line, text ? text : "nothing");
    free(text);
    return found;
}

static void a_family_is_named_before_its_series(void)
{
    struct meter_labels labels = meter_labels("kind", "a");
    meter_label(&labels, "result", "done");
    meter_add(meter, COUNT, &labels, 2);
    meter_add(meter, COUNT, &labels, 1);
    CU_ASSERT(says("# HELP count_total Counted.\n# TYPE count_total counter\n"
                   "count_total{kind=\"a\",result=\"done\"} 3\n# HELP state As it is.\n"));
}

static void what_is_gone_is_not_shown(void)
{
    struct meter_labels first = meter_labels("of", "first"), second = meter_labels("of", "second");
    meter_put(meter, STATE, &first, 1);
    meter_put(meter, STATE, &second, 0.5);
    CU_ASSERT(says("# TYPE state gauge\nstate{of=\"first\"} 1\nstate{of=\"second\"} 0.5\n#"));
    meter_forget(meter, STATE, &first);
    meter_forget(meter, STATE, &first);
    CU_ASSERT(says("# TYPE state gauge\nstate{of=\"second\"} 0.5\n#"));
    meter_put(meter, STATE, NULL, 7);
    CU_ASSERT(says("state{of=\"second\"} 0.5\nstate 7\n"));
}

static void buckets_have_all_that_is_not_longer(void)
{
    meter_observe(meter, TIME, NULL, 0.001);
    meter_observe(meter, TIME, NULL, 0.3);
    meter_observe(meter, TIME, NULL, 100);
    CU_ASSERT(says("time_seconds_bucket{le=\"0.001\"} 1\n"));
    CU_ASSERT(says("time_seconds_bucket{le=\"0.25\"} 1\ntime_seconds_bucket{le=\"0.5\"} 2\n"));
    CU_ASSERT(says("time_seconds_bucket{le=\"30\"} 2\ntime_seconds_bucket{le=\"+Inf\"} 3\n"
                   "time_seconds_sum 100.301\ntime_seconds_count 3\n"));
}

static void a_value_cannot_leave_its_quotation_marks(void)
{
    struct meter_labels labels = meter_labels("name", "a\"} 1\n\\");
    CU_ASSERT_STRING_EQUAL(labels.text, "name=\"a\\\"} 1\\n\\\\\"");
    char value[METER_LABELS];
    memset(value, '"', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    labels = meter_labels("long", value);
    CU_ASSERT_STRING_EQUAL(labels.text, "");
    labels = meter_labels("short", "x");
    meter_label(&labels, "long", value);
    CU_ASSERT_STRING_EQUAL(labels.text, "short=\"x\"");
}

static void series_are_bounded_and_what_is_dropped_is_counted(void)
{
    char number[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(number, sizeof number, "%d", i);
        struct meter_labels labels = meter_labels("n", number);
        meter_add(meter, COUNT, &labels, 1);
    }
    CU_ASSERT(says("count_total{n=\"4000\"} 1\n"));
    CU_ASSERT(says("dropped_total 905\n")); /* 4096 less the one that was there */
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_family_is_named_before_its_series),
        TEST(what_is_gone_is_not_shown),
        TEST(buckets_have_all_that_is_not_longer),
        TEST(a_value_cannot_leave_its_quotation_marks),
        TEST(series_are_bounded_and_what_is_dropped_is_counted),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("figures", set_up, tear_down, tests);
}
