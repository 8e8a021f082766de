/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/config_check.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "root_port/pcie_access.h"
#include "tools/ide-kmd/credentials.h"
#include "tools/ide-kmd/metrics_door.h"
#include "tools/ide-kmd/reference_store.h"

struct check {
    const struct controller_settings *settings;
    enum config_use use;
    struct problems *problems;
};

/* ---- saying it ------------------------------------------------------------ */

typedef void say_problem(struct problems *problems, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The one form of all that is wrong with a setting: where it stands, what is wrong, and in a line of its own
 * what to try. */
static void say_of(const struct controller_settings *settings, struct problems *problems, say_problem *say,
                   const struct setting *row, const struct failure *failure)
{
    char title[64];
    const char *hint = failure_hint(failure);
    unsigned line = setting_line(settings, row);
    say(problems, line, "%s: %s%s%s", setting_title(row, line, title), failure->message, *hint ? "\n" : "",
        hint);
}

static void add(const struct check *c, const char *name, const struct failure *failure)
{
    say_of(c->settings, c->problems, problem_add, setting_find(NULL, name), failure);
}

static void warn(const struct check *c, const char *name, const struct failure *failure)
{
    say_of(c->settings, c->problems, problem_warn, setting_find(NULL, name), failure);
}

/* Of what may be mended after the start. */
static void add_or_warn(const struct check *c, const char *name, const struct failure *failure)
{
    (c->use == CONFIG_START ? warn : add)(c, name, failure);
}

void config_add_failure(const struct controller_settings *settings, struct problems *problems,
                        const struct failure *failure)
{
    /* Fields of messages may be called as settings are; they have the exchange with them. */
    const struct setting *row = failure->fault.step ? NULL : setting_find(NULL, failure->field);
    const char *hint = failure_hint(failure);
    if (row)
        say_of(settings, problems, problem_add, row, failure);
    else
        problem_add(problems, 0, "%s%s%s", failure->message, *hint ? "\n" : "", hint);
}

/* ---- values --------------------------------------------------------------- */

static void check_values(const struct check *c)
{
    struct failure failure;
    bool places = c->use != CONFIG_RELOAD;
    const struct front_settings front = settings_front(c->settings);
    if (front_check_listen(&front, places, &failure) != IDE_OK)
        add(c, failure.field, &failure);
    if (front_check_listen_tcp(&front, places, &failure) != IDE_OK)
        add(c, failure.field, &failure);
    if (c->settings->metrics && metrics_door_check(c->settings->metrics, places, &failure) != IDE_OK)
        add(c, failure.field, &failure);
}

/* ---- what is read for every operation -------------------------------------- */

/* An empty folder may be filled later, as on a fresh installation, and is nothing wrong; one that is not
 * there is a setting that is wrong. */
static void check_trust(const struct check *c)
{
    struct failure failure;
    struct trust_store *store = calloc(1, sizeof *store);
    const struct controller_settings *s = c->settings;
    if (!store)
        return;
    bool is_there = access(s->trust, R_OK | X_OK) == 0;
    if (trust_store_read(store, s->trust, s->name_rule, &failure) != IDE_OK) {
        (is_there ? add_or_warn : add)(c, "trust", &failure);
    } else if (store->trust.anchor_count == 0) {
        (void)failure_set(
            &failure, IDE_OK, "trust", NULL,
            "the trust folder %.200s holds no certificate: nothing will be trusted by its certificate "
            "until root certificates are put into it",
            s->trust);
        warn(c, "trust", &failure);
    }
    trust_store_close(store);
    free(store);
}

static void check_reference(const struct check *c)
{
    struct reference_store store;
    struct failure failure;
    if (reference_store_load(&store, c->settings->reference, &failure) != IDE_OK)
        add_or_warn(c, "reference", &failure);
    reference_store_close(&store);
}

/* ---- what is read once ----------------------------------------------------- */

/* Each alone, so that a failure is about the setting that names the file. */
static void check_credential(const struct check *c, const struct spdm_options *only, const char *name)
{
    struct failure failure;
    struct credentials *credentials = calloc(1, sizeof *credentials);
    if (credentials && credentials_load(credentials, only, &failure) != IDE_OK)
        add(c, name, &failure);
    if (credentials)
        credentials_close(credentials);
    free(credentials);
}

static void check_credentials(const struct check *c)
{
    const struct spdm_options *all = &c->settings->spdm;
    const struct spdm_options identity = {.identity = all->identity, .is_provisioned = all->is_provisioned},
                              psk = {.psk = all->psk}, keys = {.public_keys = all->public_keys};
    check_credential(c, &identity, "identity");
    check_credential(c, &psk, "psk");
    check_credential(c, &keys, "public-keys");
}

/* ---- what only a start opens ------------------------------------------------ */

static void check_keys_for_tcp(const struct check *c)
{
    struct failure failure;
    struct authorized_list list;
    char error[CURVE_ERROR_MAX];
    if (curve_guard_check(c->settings->server_key, &failure) != IDE_OK)
        add(c, failure.field, &failure);
    if (c->use == CONFIG_START)
        return; /* which reads the list next, and again whenever it is another one, and says the same */
    if (!authorized_read(c->settings->authorized, &list, error)) {
        (void)failure_set(&failure, IDE_E_KEY, "authorized", NULL, "%s", error);
        add(c, "authorized", &failure);
    }
    authorized_release(&list);
}

/* Without the group there is nobody in it, as on a machine where nobody but root is to do anything. */
static void check_group(const struct check *c, const char *name, const char *group)
{
    struct failure failure;
    if (!setting_given(c->settings, setting_find(NULL, name)) || getgrnam(group))
        return;
    (void)failure_set(&failure, IDE_OK, "access", NULL, "there is no group %.80s, and so nobody in it",
                      group);
    warn(c, name, &failure);
}

static void check_sysfs(const struct check *c)
{
    char devices[PCIE_SYSFS_PATH_MAX + sizeof "/devices"];
    struct failure failure;
    const char *sysfs = c->settings->sysfs;
    if (!sysfs)
        return;
    int n = snprintf(devices, sizeof devices, "%s/devices", sysfs);
    int why = n < 0 || (size_t)n >= sizeof devices ? ENAMETOOLONG
              : access(devices, R_OK | X_OK) != 0  ? errno
                                                   : 0;
    if (why == 0)
        return;
    (void)failure_set(&failure, IDE_E_ACCESS, "sysfs", NULL, "%.200s: %s", devices, strerror(why));
    add(c, "sysfs", &failure);
}

/* A start looks into the file as soon as it has it, and says the same of what is in it. */
static void check_state(const struct check *c)
{
    struct failure failure;
    struct store_settings store = c->settings->store;
    store.path = settings_state(c->settings);
    if (store_check(&store, c->use == CONFIG_CHECK, &failure) != IDE_OK)
        add(c, failure.field, &failure);
}

static void check_key_table(const struct check *c)
{
    struct failure failure;
    if (providers_check_table(&c->settings->provider, c->settings->sysfs, &failure) != IDE_OK)
        add(c, failure.field, &failure);
}

static void check_start(const struct check *c)
{
    struct failure failure;
    const struct front_settings front = settings_front(c->settings);
    check_sysfs(c);
    if (front_needs_keys(&front))
        check_keys_for_tcp(c);
    check_group(c, "admin-group", c->settings->admin_group);
    check_group(c, "view-group", c->settings->view_group);
    if (front_check_message_log(&front, &failure) != IDE_OK)
        add(c, failure.field, &failure);
    if (providers_check_memory(&c->settings->provider, &failure) != IDE_OK)
        add_or_warn(c, failure.field, &failure);
    check_state(c);
    if (c->use == CONFIG_CHECK) /* a start reads it next, and says the same */
        check_key_table(c);
}

/* ---- all --------------------------------------------------------------------- */

bool config_check(const struct controller_settings *settings, enum config_use use, struct problems *problems)
{
    unsigned before = problems->count;
    const struct check check = {settings, use, problems};
    check_values(&check);
    check_trust(&check);
    check_reference(&check);
    check_credentials(&check);
    if (use != CONFIG_RELOAD)
        check_start(&check);
    return problems->count == before;
}
