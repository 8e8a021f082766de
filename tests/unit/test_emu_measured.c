/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ide-emu's devices measure, as a requester gets it: in order, signed, and with a log that adds up. */

#include "check.h"
#include "loopback.h"
#include "suite.h"
#include "tools/ide-emu/measured.h"

static struct loopback pair;

static void they_are_signed_and_the_log_adds_up(void)
{
    const struct spdm_measurement_request all = {SPDM_MEASUREMENT_ALL, true, false};
    struct spdm_measurement_result result;
    struct spdm_connection *c = &pair.requester;
    uint8_t record[1024], log[256], last = 0;
    size_t len;
    CU_ASSERT_FATAL(loopback_open(&pair, KEY_EC_P384));
    pair.requester_config.version_min = pair.requester_config.version_max = SPDM_VERSION_13;
    pair.responder_config.version_max = SPDM_VERSION_13;
    pair.responder_config.flags |= SPDM_CAP_CERT;
    pair.requester_config.mel_spec = 1;
    emu_measure(&pair.responder_config);
    pair.responder.spdm.measurements = &emu_measurements;
    CHECK_OK(loopback_connect(&pair));
    CHECK_OK(spdm_get_measurements(c, &c->clear, &all, record, sizeof record, &result));
    CU_ASSERT(result.verified && result.count == emu_measurements.count);
    for (size_t i = 0; i < emu_measurements.count; i++) {
        CU_ASSERT(emu_measurements.list[i].index > last);
        last = emu_measurements.list[i].index;
    }
    CHECK_OK(spdm_get_mel(c, &c->clear, log, sizeof log, &len));
    CHECK_OK(spdm_mel_check(&c->params, log, len, record, result.record_len, &c->fault));
    loopback_close(&pair);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(they_are_signed_and_the_log_adds_up),
        CU_TEST_INFO_NULL,
    };
    return suite_run("ide-emu's measurements", tests);
}
