/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configuration file: any bytes. What is wrong is said with a line of the file; what is taken is the
 * settings' own. */
#include <stdlib.h>
#include <string.h>

#include "tools/ide-kmd/config_file.h"

static void say(void *context, const char *text)
{
    unsigned *lines = context, line = (unsigned)strtoul(text + 2, NULL, 10);
    if (strncmp(text, "f:", 2) != 0 || line == 0 || line > *lines)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct controller_settings settings;
    char error[SETTING_ERROR];
    unsigned lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    struct problems problems = {.file = "f", .say = say, .warn = say, .context = &lines};
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    settings_init(&settings);
    bool ok = config_parse(text, size, &settings, &problems);
    free(text);
    if (ok != (problems.count == 0))
        abort();
    for (const struct setting_value *v = settings.given; v; v = v->next)
        if (*v->text == '\0' || v->line == 0 || v->line > lines)
            abort();
    const struct rules_surroundings around = {
        .has_state = size % 2, .no_sessions = size % 3 == 0, .no_watch = size % 5 == 0};
    rules_check(&settings.rules, &around, &problems);
    if (settings_contradiction(&settings, error) && *error == '\0')
        abort();
    settings_release(&settings);
    return 0;
}
