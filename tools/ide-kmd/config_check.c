/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be seen of a configuration without any device. */
#include <stdlib.h>

#include "tools/ide-kmd/config_file.h"
#include "tools/ide-kmd/credentials.h"
#include "tools/ide-kmd/reference_store.h"

static unsigned line_of(const struct controller_settings *settings, const char *name)
{
    const struct setting_value *given = setting_given(settings, setting_find(NULL, name));
    return given ? given->line : 0;
}

static void add_failure(const struct controller_settings *settings, struct problems *problems,
                        const char *name, const struct failure *failure)
{
    char title[64];
    unsigned line = line_of(settings, name);
    problem_add(problems, line, "%s: %s", setting_title(setting_find(NULL, name), line, title),
                failure->message);
}

static void check_listen(const struct controller_settings *settings, struct problems *problems)
{
    char events[API_ENDPOINT_MAX], title[64];
    unsigned line = line_of(settings, "listen");
    if (!api_events_endpoint(settings->listen, events))
        problem_add(problems, line, "%s is neither ipc://PATH nor tcp://ADDRESS:PORT: %.120s",
                    setting_title(setting_find(NULL, "listen"), line, title), settings->listen);
}

/* An empty folder may be filled later, as on a fresh installation, and is nothing wrong. */
static void check_trust(const struct controller_settings *settings, struct problems *problems)
{
    struct failure failure;
    struct trust_store *store = calloc(1, sizeof *store);
    char title[64];
    unsigned line = line_of(settings, "trust");
    if (!store)
        return;
    if (trust_store_read(store, settings->trust, settings->name_rule, &failure) != IDE_OK)
        add_failure(settings, problems, "trust", &failure);
    else if (store->trust.anchor_count == 0)
        problem_warn(
            problems, line,
            "%s: the trust folder %.200s holds no certificate: nothing will be trusted by its certificate "
            "until root certificates are put into it",
            setting_title(setting_find(NULL, "trust"), line, title), settings->trust);
    trust_store_close(store);
    free(store);
}

static void check_reference(const struct controller_settings *settings, struct problems *problems)
{
    struct reference_store store;
    struct failure failure;
    if (reference_store_load(&store, settings->reference, &failure) != IDE_OK)
        add_failure(settings, problems, "reference", &failure);
    reference_store_close(&store);
}

/* Each alone, so that a failure is about the setting that names the file. */
static void check_credential(const struct controller_settings *settings, const struct spdm_options *only,
                             const char *name, struct problems *problems)
{
    struct failure failure;
    struct credentials *c = calloc(1, sizeof *c);
    if (c && credentials_load(c, only, &failure) != IDE_OK)
        add_failure(settings, problems, name, &failure);
    if (c)
        credentials_close(c);
    free(c);
}

static void check_credentials(const struct controller_settings *settings, struct problems *problems)
{
    const struct spdm_options *all = &settings->spdm;
    const struct spdm_options identity = {.identity = all->identity, .is_provisioned = all->is_provisioned},
                              psk = {.psk = all->psk}, keys = {.public_keys = all->public_keys};
    check_credential(settings, &identity, "identity", problems);
    check_credential(settings, &psk, "psk", problems);
    check_credential(settings, &keys, "public-keys", problems);
}

bool config_check_files(const struct controller_settings *settings, struct problems *problems)
{
    unsigned before = problems->count;
    check_listen(settings, problems);
    check_trust(settings, problems);
    check_reference(settings, problems);
    check_credentials(settings, problems);
    return problems->count == before;
}
