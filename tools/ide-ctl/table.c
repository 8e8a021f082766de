/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-ctl/table.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tools/ide-ctl/terminal.h"

static const struct table_column *find_column(const struct table_kind *kind, const char *name)
{
    for (size_t i = 0; i < kind->count; i++)
        if (strcasecmp(kind->column[i].name, name) == 0)
            return &kind->column[i];
    return NULL;
}

void table_usual(const struct table_kind *kind, struct table_view *view)
{
    view->count = 0;
    for (size_t i = 0; i < kind->count && view->count < TABLE_COLUMNS_MAX; i++)
        if (kind->column[i].usual)
            view->column[view->count++] = &kind->column[i];
}

static enum ctl_status no_column(const struct ctl *ctl, const struct table_kind *kind, const char *name)
{
    char list[512] = "";
    size_t used = 0;
    for (size_t i = 0; i < kind->count && used < sizeof list; i++)
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", kind->column[i].name);
    return ctl_usage(ctl->command, "no such column: %s; there are %s", name, list);
}

enum ctl_status table_choose(const struct ctl *ctl, const struct table_kind *kind, struct table_view *view)
{
    char names[512], *rest = names, *name;
    const char *asked = ctl->columns;
    *view = (struct table_view){.no_headings = ctl->no_headings};
    if (!asked || *asked == '+')
        table_usual(kind, view);
    if (!asked)
        return CTL_DONE;
    if (strlen(asked) >= sizeof names)
        return ctl_usage(ctl->command, "--output is too long");
    snprintf(names, sizeof names, "%s", asked + (*asked == '+'));
    while ((name = strsep(&rest, ","))) {
        const struct table_column *column = find_column(kind, name);
        if (!column)
            return no_column(ctl, kind, name);
        if (view->count == TABLE_COLUMNS_MAX)
            return ctl_usage(ctl->command, "--output names more than %u columns", TABLE_COLUMNS_MAX);
        view->column[view->count++] = column;
    }
    return CTL_DONE;
}

struct libscols_table *table_new(const struct table_view *view)
{
    struct libscols_table *table = scols_new_table();
    if (!table)
        return NULL;
    scols_table_enable_colors(table, terminal_has_color());
    scols_table_enable_noheadings(table, view->no_headings);
    for (size_t i = 0; i < view->count; i++) {
        const struct table_column *column = view->column[i];
        if (!scols_table_new_column(table, column->name, column->width, column->flags)) {
            scols_unref_table(table);
            return NULL;
        }
    }
    return table;
}

struct libscols_line *table_add(struct libscols_table *table, const struct table_view *view,
                                struct libscols_line *parent, const json_t *item)
{
    char text[TABLE_TEXT_MAX];
    struct libscols_line *line = scols_table_new_line(table, parent);
    for (size_t i = 0; line && i < view->count; i++) {
        const struct table_column *column = view->column[i];
        scols_line_set_data(line, i, column->text(item, text));
        if (column->color && terminal_has_color())
            scols_cell_set_color(scols_line_get_cell(line, i), column->color(item));
    }
    return line;
}

void table_print(struct libscols_table *table)
{
    scols_print_table(table);
    scols_unref_table(table);
}

void table_help(const struct table_kind *kind)
{
    printf("\nColumns, for --output; those with a star are the usual ones:\n\n");
    for (size_t i = 0; i < kind->count; i++)
        printf("%c %-20s  %s\n", kind->column[i].usual ? '*' : ' ', kind->column[i].name,
               kind->column[i].help);
}

const char *table_state_color(const char *state)
{
    static const char *const colors[][2] = {
        {"secure", TERMINAL_GREEN},   {"rekeyed", TERMINAL_GREEN},   {"insecure", TERMINAL_RED},
        {"half_off", TERMINAL_RED},   {"quarantined", TERMINAL_RED}, {"starting", TERMINAL_YELLOW},
        {"absent", TERMINAL_YELLOW},  {"left_off", TERMINAL_YELLOW}, {"wanted", TERMINAL_YELLOW},
        {"waiting", TERMINAL_YELLOW},
    };
    for (size_t i = 0; i < sizeof colors / sizeof *colors; i++)
        if (strcmp(colors[i][0], state) == 0)
            return colors[i][1];
    return NULL;
}
