/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "services_rig.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "spdm/cursor.h"

struct loopback loop;
static uint8_t requester_large[70000], device_large[80000];

/* --- the owner ------------------------------------------------------------------------------------------------------- */

struct services_owner owner;

static enum ide_err make_csr(void *context, const struct spdm_get_csr *request, struct writer *w)
{
    (void)context;
    owner.calls++;
    if (owner.answer != IDE_OK)
        return owner.answer;
    write_bytes(w, request->info, request->info_len);
    for (size_t i = request->info_len; i < owner.csr_len; i++)
        write_u8(w, (uint8_t)i);
    return IDE_OK;
}

static enum ide_err set_certificate(void *context, const void *session, const struct spdm_set_certificate *request)
{
    (void)context;
    owner.calls++;
    if (owner.answer != IDE_OK)
        return owner.answer;
    owner.in_session = session != NULL;
    owner.slot = request->header.param1 & SPDM_SLOT_MASK;
    owner.erased = request->chain_len == 0;
    owner.chain_len = request->chain_len;
    memcpy(owner.chain, request->chain, request->chain_len);
    return IDE_OK;
}

static enum ide_err key_pair(void *context, uint8_t id, struct spdm_key_pair_info *out)
{
    static const uint8_t info[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
    (void)context;
    *out = owner.pair;
    out->id = id;
    out->total = 3;
    out->public_key_info = info;
    out->public_key_info_len = sizeof info;
    return owner.answer;
}

static enum ide_err set_key_pair(void *context, const void *session, const struct spdm_set_key_pair_info *request)
{
    (void)context, (void)session;
    owner.calls++;
    owner.pair.usage = request->usage;
    return owner.answer;
}

static enum ide_err endpoint_info(void *context, uint8_t sub_code, struct writer *w)
{
    (void)context;
    if (sub_code != SPDM_ENDPOINT_DEVICE_CLASS)
        return IDE_E_UNSUPPORTED;
    write_bytes(w, "\1\0\0\0class", 9);
    return IDE_OK;
}

static enum ide_err event_types(void *context, const void *session, struct writer *w, uint8_t *groups)
{
    (void)context;
    CU_ASSERT_PTR_NOT_NULL(session);
    *groups = 2;
    write_bytes(w, "groups", 6);
    return IDE_OK;
}

static enum ide_err subscribe(void *context, const void *session, const struct spdm_event_groups *request)
{
    (void)context, (void)session;
    owner.subscribed = request->header.param1;
    return owner.answer;
}

static void on_event(void *context, const void *session, const struct spdm_event *event)
{
    (void)context, (void)session;
    if (owner.events++ == 0)
        owner.first_event = event->instance;
    owner.last_event = event->instance;
}

const struct spdm_services all_services = {NULL, make_csr, set_certificate, key_pair, set_key_pair, endpoint_info,
                                         event_types, subscribe, on_event};

void open_loop(uint8_t version)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&loop, KEY_EC_P256));
    loop.requester_config.version_max = loop.responder_config.version_max = version;
    loop.requester_config.version_min = loop.responder_config.version_min = version;
    loop.requester_config.flags |= SPDM_CAP_EVENT;
    loop.responder_config.flags |= DEVICE_CAPS;
    loop.requester.large = (struct spdm_large){.data = requester_large, .cap = sizeof requester_large};
    loop.responder.spdm.connection.large = (struct spdm_large){.data = device_large, .cap = sizeof device_large};
    loop.responder.spdm.services = &all_services;
    memset(&owner, 0, sizeof owner);
    owner.csr_len = 600;
    owner.pair = (struct spdm_key_pair_info){.capabilities = 0x3f, .usage_capabilities = 0x1f, .usage = 1,
                                             .asym_capabilities = 0x18, .asym = 8, .pqc_capabilities = 4};
}

void finish(void)
{
    session_close(&loop.session);
    loopback_close(&loop);
}

/* In the clear, then in a session, in each version that has it. */
void everywhere(uint8_t first, void (*test)(const struct spdm_channel *channel, uint8_t version))
{
    for (uint8_t version = first; version <= SPDM_VERSION_14; version++) {
        open_loop(version);
        CHECK_OK(loopback_session(&loop));
        struct spdm_channel secured = session_channel(&loop.session);
        test(&loop.requester.clear, version);
        test(&secured, version);
        CU_ASSERT_EQUAL(loop.session.state, SESSION_ESTABLISHED);
        finish();
    }
}

void in_sessions(void (*test)(const struct spdm_channel *channel))
{
    for (uint8_t version = SPDM_VERSION_13; version <= SPDM_VERSION_14; version++) {
        open_loop(version);
        CHECK_OK(loopback_session(&loop));
        struct spdm_channel secured = session_channel(&loop.session);
        test(&secured);
        finish();
    }
}

bool peer_said(enum ide_err err, uint8_t code, uint8_t data)
{
    const struct ide_fault *f = &loop.requester.fault;
    bool same = err == IDE_E_PEER_ERROR && f->peer_code == code && f->peer_data == data;
    if (!same)
        fprintf(stderr, "\n  %s: %02x %02x\n", ide_err_name(err), f->peer_code, f->peer_data);
    return same;
}

