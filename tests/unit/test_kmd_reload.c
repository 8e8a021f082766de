/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Generations of settings: SIGHUP makes one, and it is freed as soon as neither the controller nor a port has it. */
#include <stdlib.h>

#include "check.h"
#include "suite.h"
#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/settings.h"

/* ---- counted ------------------------------------------------------------------ */

static int alive; /* credentials that were loaded and not closed: each generation has its own */

enum ide_err __real_credentials_load(struct credentials *credentials, const struct spdm_options *options,
                                     struct failure *failure);
void __real_credentials_close(struct credentials *credentials);
enum ide_err __wrap_credentials_load(struct credentials *credentials, const struct spdm_options *options,
                                     struct failure *failure);
void __wrap_credentials_close(struct credentials *credentials);

enum ide_err __wrap_credentials_load(struct credentials *credentials, const struct spdm_options *options,
                                     struct failure *failure)
{
    enum ide_err err = __real_credentials_load(credentials, options, failure);
    alive += err == IDE_OK;
    return err;
}

static bool reads = true; /* the configuration can be read */

void __wrap_credentials_close(struct credentials *credentials)
{
    alive -= reads;
    __real_credentials_close(credentials);
}

/* ---- the controller ------------------------------------------------------------- */

static struct controller c;
static struct controller_settings start;
static unsigned timeout_s; /* what stands in the configuration */

static bool read_configuration(void *context, struct controller_settings *settings)
{
    char error[SETTING_ERROR], text[16];
    (void)context;
    settings_init(settings);
    snprintf(text, sizeof text, "%us", ++timeout_s);
    return reads && setting_set(settings, setting_find(NULL, "timeout"), text, 1, error) &&
           setting_set(settings, setting_find(NULL, "log-level"), "error", 2, error);
}

static void open_controller(void)
{
    settings_init(&start);
    c = (struct controller){.settings = &start, .start = &start, .agent.timeout_ms = 1};
    c.workers.settings = &c.agent;
    c.reload.read = read_configuration;
    reload_open(&c);
    timeout_s = 0;
    alive = 0;
    log_set_priority(LOG_ERR);
}

static void close_controller(void)
{
    c.workers.first = NULL;
    reload_close(&c);
    CU_ASSERT_EQUAL(alive, 0);
    settings_release(&start);
    log_set_priority(LOG_INFO);
}

static void sighup(unsigned times)
{
    while (times-- > 0)
        reload_run(&c);
}

/* ---- tests ---------------------------------------------------------------------- */

static void a_hundred_reloads_leave_one_generation(void)
{
    open_controller();
    for (unsigned i = 1; i <= 100; i++) {
        sighup(1);
        CU_ASSERT_EQUAL(alive, 1);
        CU_ASSERT_EQUAL(c.settings->timeout_ms, i * 1000);
        CU_ASSERT_EQUAL(c.reload.agent->timeout_ms, i * 1000);
        CU_ASSERT_PTR_EQUAL(c.workers.settings, c.reload.agent);
    }
    close_controller();
}

static void a_generation_that_a_port_is_open_with_lives_as_long_as_that(void)
{
    struct worker worker = {0};
    open_controller();
    sighup(1);
    worker.settings = worker.offered = c.reload.agent; /* opened with the first */
    c.workers.first = &worker;
    sighup(50);
    CU_ASSERT_EQUAL(alive, 2);
    CU_ASSERT_EQUAL(worker.settings->timeout_ms, 1000); /* it is all there still */
    worker.settings = worker.offered = c.reload.agent;  /* opened anew, with the one that counts now */
    sighup(1);
    CU_ASSERT_EQUAL(alive, 2);
    sighup(50);
    CU_ASSERT_EQUAL(alive, 2);
    worker.settings = worker.offered = NULL;
    sighup(1);
    CU_ASSERT_EQUAL(alive, 1);
    close_controller();
}

/* A job on its way may open the port with what it brings; until it is back nobody knows. */
static void a_generation_that_is_on_its_way_to_a_port_is_kept(void)
{
    struct worker worker[2] = {{.next = &worker[1]}};
    open_controller();
    sighup(1);
    c.workers.first = worker;
    worker[0].settings = c.reload.agent;
    sighup(1);
    worker[0].offered = c.reload.agent;
    worker[1].settings = worker[1].offered = c.reload.agent;
    sighup(30);
    CU_ASSERT_EQUAL(alive, 3);
    CU_ASSERT_EQUAL(worker[0].settings->timeout_ms, 1000);
    CU_ASSERT_EQUAL(worker[0].offered->timeout_ms, 2000);
    worker[0].settings = worker[0].offered; /* it did */
    sighup(1);
    CU_ASSERT_EQUAL(alive, 2);
    close_controller();
}

static void a_configuration_that_cannot_be_read_leaves_all_as_it_was(void)
{
    open_controller();
    sighup(1);
    const struct agent_settings *before = c.reload.agent;
    reads = false;
    sighup(20);
    reads = true;
    CU_ASSERT_PTR_EQUAL(c.reload.agent, before);
    CU_ASSERT_EQUAL(c.settings->timeout_ms, 1000);
    CU_ASSERT_EQUAL(alive, 1);
    close_controller();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_hundred_reloads_leave_one_generation),
        TEST(a_generation_that_a_port_is_open_with_lives_as_long_as_that),
        TEST(a_generation_that_is_on_its_way_to_a_port_is_kept),
        TEST(a_configuration_that_cannot_be_read_leaves_all_as_it_was),
        CU_TEST_INFO_NULL,
    };
    return suite_run("generations of settings", tests);
}
