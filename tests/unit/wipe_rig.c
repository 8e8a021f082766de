/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wipe_rig.h"

#include "check.h"
#include "secrets.h"

struct loopback l;
enum ide_err result;   /* of a scenario, which runs in another thread */

/* --- what is searched --- */

static size_t find_at_requester(const char *title)
{
    return secrets_find(title, &l.requester, sizeof l.requester) + secrets_find(title, &l.session, sizeof l.session);
}

size_t find_at_device(const char *title)
{
    return secrets_find(title, &l.responder, sizeof l.responder) +
           secrets_find(title, l.device_sessions, sizeof l.device_sessions) +
           secrets_find(title, l.request, sizeof l.request) + secrets_find(title, l.response, sizeof l.response);
}

void check_gone_from_requester(const char *title)
{
    CU_ASSERT_EQUAL(secrets_find_on_stack(title), 0);
    CU_ASSERT_EQUAL(find_at_requester(title), 0);
}

void check_gone(const char *title)
{
    check_gone_from_requester(title);
    CU_ASSERT_EQUAL(find_at_device(title), 0);
}

/* What a live session needs, it may have; nothing else. */
void check_only_in_use(const char *title)
{
    const struct key_schedule *keys = &l.session.keys;
    CU_ASSERT_EQUAL(keys->stage, KEY_STAGE_DATA);
    secrets_allow(keys->request_secret, sizeof keys->request_secret);
    secrets_allow(keys->response_secret, sizeof keys->response_secret);
    secrets_allow(keys->export_secret, sizeof keys->export_secret);
    check_gone(title);
}

/* --- scenarios --- */

void begin(void)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P384));
    secrets_forget();
}

void run(void (*scenario)(void), enum ide_err expected)
{
    result = IDE_E_INTERNAL;
    secrets_run(scenario);
    CHECK_ERR(result, expected);
}

/* A scenario from a fresh connection on, after which nothing may be left anywhere. */
void check_scenario(const char *title, void (*scenario)(void), enum ide_err expected)
{
    begin();
    run(scenario, expected);
    CU_ASSERT_TRUE(secrets_count() > 20);
    check_gone(title);
    loopback_close(&l);
}

enum ide_err use(void)
{
    const uint8_t request[] = {SPDM_VERSION_12, SPDM_GET_DIGESTS, 0, 0};
    const uint8_t *response;
    size_t len;
    return loopback_send(&l, &l.session, request, sizeof request, &response, &len);
}

void open_session(void)
{
    result = loopback_session(&l);
    if (result == IDE_OK)
        result = use();
}

void end_session(void)
{
    open_session();
    if (result == IDE_OK)
        result = session_end(&l.session);
}

void reset_device(void)
{
    session_responder_reset(&l.responder);
    result = IDE_OK;
}

unsigned fail_at;

void lose(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)object;
    if (loop->exchanges == fail_at)
        *len = 0;
}
