/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl attest: does the device prove that it is who it says it is, and what does it measure. */
#include <stdio.h>
#include <time.h>

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"

#define DATE_TEXT 32u

static const char *date_text(long long seconds, char text[static DATE_TEXT])
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || strftime(text, DATE_TEXT, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        return "-";
    return text;
}

static void print_chain(const json_t *result)
{
    size_t i;
    json_t *c;
    char from[DATE_TEXT], to[DATE_TEXT];
    printf("  Certificates: %lld, valid until %s\n", number_of(result, "certificates"),
           date_text(number_of(result, "not_after"), to));
    json_array_foreach(json_object_get(result, "chain"), i, c)
    {
        printf("    %s, issued by %s, valid from %s to %s\n", text_of(c, "subject"), text_of(c, "issuer"),
               date_text(number_of(c, "not_before"), from), date_text(number_of(c, "not_after"), to));
    }
}

/* The value in full is for --json: digests are long, and one differs from another in its first bytes. */
static void add_line(struct libscols_table *table, const json_t *block)
{
    char number[16];
    struct libscols_line *line = scols_table_new_line(table, NULL);
    if (!line)
        return;
    snprintf(number, sizeof number, "%lld", number_of(block, "index"));
    scols_line_set_data(line, 0, number);
    scols_line_set_data(line, 1, text_of(block, "type"));
    scols_line_set_data(line, 2, json_is_true(json_object_get(block, "raw")) ? "raw" : "digest");
    scols_line_set_data(line, 3, json_is_true(json_object_get(block, "as_expected")) ? "as expected" : "-");
    scols_line_set_data(line, 4, text_of(block, "value"));
}

static void print_blocks(const json_t *list)
{
    static const char *const columns[] = {"INDEX", "TYPE", "FORM", "REFERENCE", "VALUE", NULL};
    size_t i;
    json_t *block;
    struct libscols_table *table = table_new(columns);
    if (!table)
        return;
    json_array_foreach(list, i, block)
    {
        add_line(table, block);
    }
    table_print(table);
}

static void print_measurements(const json_t *m)
{
    if (!json_is_object(m))
        return;
    printf("  Measurements: %zu, %s%s, %s; %lld reference values\n",
           json_array_size(json_object_get(m, "list")),
           json_is_true(json_object_get(m, "signed")) ? "signed" : "not signed",
           json_is_true(json_object_get(m, "in_session")) ? ", in a session" : "", text_of(m, "hash"),
           number_of(m, "references"));
    print_blocks(json_object_get(m, "list"));
}

static void print_mel(const json_t *list)
{
    if (!json_is_array(list))
        return;
    printf("Measurement extension log: %zu entries, which add up to the measurements\n",
           json_array_size(list));
    print_blocks(list);
}

static void print(const json_t *result)
{
    printf("%s has proved its identity.\n", text_of(result, "device"));
    printf("  Name: %s%s\n", text_of(result, "cma_name"),
           json_is_true(json_object_get(result, "has_cma_name"))
               ? ""
               : " (in config space; its certificate has none)");
    print_chain(result);
    printf("  ");
    print_algorithms(stdout, result);
    putchar('\n');
    print_measurements(json_object_get(result, "measurements"));
    print_mel(json_object_get(result, "mel"));
}

enum ctl_status command_attest(const struct ctl *ctl)
{
    return ctl_call(ctl, API_ATTEST, true, print);
}
