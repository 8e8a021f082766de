/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a controller says, as ide-ctl puts it into words and tables: any JSON, and nothing in it reaches the
 * terminal as more than text. */
#include <stdlib.h>

#include "tools/ide-ctl/ports_table.h"
#include "tools/ide-ctl/print.h"
#include "tools/ide-ctl/story.h"
#include "tools/ide-ctl/streams_table.h"

static void check_text(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            abort();
}

static void try_columns(const struct table_kind *kind, const json_t *item)
{
    char text[TABLE_TEXT_MAX];
    for (size_t i = 0; i < kind->count; i++) {
        check_text(kind->column[i].text(item, text));
        if (kind->column[i].color)
            kind->column[i].color(item);
    }
}

/* As one event, and as a list of them. */
static void try_events(json_t *value)
{
    size_t i;
    json_t *event;
    struct story story = {0};
    struct story_line line;
    if (story_take(&story, value, &line))
        check_text(line.text);
    json_array_foreach(value, i, event)
    {
        if (story_take(&story, event, &line))
            check_text(line.text);
    }
    story_clear(&story);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
    if (!value)
        return 0;
    make_printable(value);
    try_events(value);
    try_columns(&streams_table, value);
    try_columns(&ports_table, value);
    json_decref(value);
    return 0;
}
