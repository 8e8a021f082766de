/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config_rig.h"

struct controller_settings settings;
struct problems problems;
char said[4096];

static void say(void *context, const char *text)
{
    size_t len = strlen(said);
    (void)context;
    (void)snprintf(said + len, sizeof said - len, "%s\n", text);
}

void config_rig_clear(const char *file)
{
    settings_release(&settings);
    settings_init(&settings);
    said[0] = '\0';
    problems = (struct problems){.file = file, .say = say, .warn = say};
}

bool config_rig_parse(const char *text, size_t len)
{
    config_rig_clear("f");
    return config_parse(text, len, &settings, &problems);
}
