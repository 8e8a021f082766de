/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl attest: does the device prove that it is who it says it is, and what does it measure. */
#include <stdio.h>
#include <time.h>

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"
#include "tools/ide-ctl/table.h"
#include "tools/ide-ctl/terminal.h"

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

static const char *block_index(const json_t *block, char *text)
{
    snprintf(text, TABLE_TEXT_MAX, "%lld", number_of(block, "index"));
    return text;
}

static const char *block_type(const json_t *block, char *text)
{
    (void)text;
    return text_of(block, "type");
}

static const char *block_form(const json_t *block, char *text)
{
    (void)text;
    return json_is_true(json_object_get(block, "raw")) ? "raw" : "digest";
}

static const char *block_reference(const json_t *block, char *text)
{
    (void)text;
    return json_is_true(json_object_get(block, "as_expected")) ? "as expected" : "-";
}

static const char *block_value(const json_t *block, char *text)
{
    (void)text;
    return text_of(block, "value");
}

static const struct table_column columns[] = {
    {"INDEX", true, 0, SCOLS_FL_RIGHT, block_index, NULL, "the number of the measurement"},
    {"TYPE", true, 0, 0, block_type, NULL, "what is measured"},
    {"FORM", true, 0, 0, block_form, NULL, "digest or raw"},
    {"REFERENCE", true, 0, 0, block_reference, NULL, "whether it was held against a reference value"},
    {"VALUE", true, 0.1, SCOLS_FL_TRUNC, block_value, NULL, "what came"},
};
static const struct table_kind blocks_table = {columns, sizeof columns / sizeof *columns};
static struct table_view view;

void command_attest_columns(void)
{
    table_help(&blocks_table);
}

static void print_blocks(const json_t *list)
{
    size_t i;
    json_t *block;
    struct libscols_table *table = table_new(&view);
    if (!table)
        return;
    json_array_foreach(list, i, block)
    {
        table_add(table, &view, NULL, block);
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

static void print_ide_km(const json_t *list)
{
    size_t i;
    const json_t *port;
    json_array_foreach(list, i, port)
    {
        printf("  IDE_KM: port index %lld is %s, with %lld bytes of IDE registers\n", number_of(port, "index"),
               text_of(port, "bdf"), number_of(port, "register_bytes"));
    }
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
    print_ide_km(json_object_get(result, "ide_km"));
    print_measurements(json_object_get(result, "measurements"));
    print_mel(json_object_get(result, "mel"));
}

enum ctl_status command_attest(const struct ctl *ctl)
{
    enum ctl_status status = table_choose(ctl, &blocks_table, &view);
    if (status != CTL_DONE)
        return status;
    terminal_use_color(ctl);
    return ctl_call(ctl, API_ATTEST, true, print);
}
