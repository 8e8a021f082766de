/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CXL.cachemem IDE of the emulated platform: what keys, modes and their order make of a link, and what
 * registers show. */
#include "check.h"
#include "root_port/cxl_regs.h"
#include "spdm/cursor.h"
#include "suite.h"
#include "tools/ide-emu/emu.h"
#include "tools/ide-emu/key_unit.h"
#include "tools/ide-emu/link_host.h"

#define UNIT 0xfe100000u

static struct emu emu;
static struct emu_function *port, *device;

static void begin_with(const char *device_cxl)
{
    static struct platform platform;
    char text[700], error[200] = "";
    snprintf(
        text, sizeof text,
        "{\"functions\": [{\"bdf\": \"0000:00:03.0\", \"cxl\": {}, \"below\": [{\"bdf\": \"0000:01:00.0\","
        "\"cxl\": %s}]}], \"kcu\": [{\"base\": %u, \"protocol\": \"cxl\", \"root_ports\": "
        "[\"0000:00:03.0\"]}]}",
        device_cxl, UNIT);
    CU_ASSERT_TRUE_FATAL(platform_parse(&platform, text, strlen(text), "f", error, sizeof error));
    CU_ASSERT_TRUE_FATAL(emu_init(&emu, &platform, error, sizeof error));
    port = &emu.functions[0];
    device = &emu.functions[1];
}

static void begin(void)
{
    begin_with("{\"key_generation\": true, \"iv_generation\": true}");
}

static struct cxl_ide_key key_of(uint8_t seed)
{
    struct cxl_ide_key key;
    memset(key.key, seed, sizeof key.key);
    cxl_ide_default_iv(key.iv);
    return key;
}

static uint32_t reg(struct emu_function *f, unsigned at)
{
    uint64_t component = f == port ? 0 : f->desc.bar_size - CXL_COMPONENT_SIZE;
    uint8_t b[4] = {0};
    CU_ASSERT_EQUAL(link_bar_read(f, component + CXL_CACHEMEM + 0x200 + at, b, sizeof b), LINK_DONE);
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void write_reg(struct emu_function *f, unsigned at, uint32_t value)
{
    uint64_t component = f == port ? 0 : f->desc.bar_size - CXL_COMPONENT_SIZE;
    uint8_t b[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    CU_ASSERT_EQUAL(link_bar_write(f, component + CXL_CACHEMEM + 0x200 + at, b, sizeof b), LINK_DONE);
}

static bool states_are(const char *rx, const char *tx)
{
    bool same = true;
    for (size_t i = 0; i < emu.count; i++) {
        struct emu_function *f = &emu.functions[i];
        bool at_port = f == port;
        same = same && strcmp(cxl_port_state(f, IDE_RX), at_port ? rx : tx) == 0 &&
               strcmp(cxl_port_state(f, IDE_TX), at_port ? tx : rx) == 0;
    }
    return same;
}

/* From -> to, at both ends, in the right order. */
static bool bring_up(struct emu_function *from, struct emu_function *to, uint8_t seed, enum cxl_ide_mode mode)
{
    struct cxl_ide_key key = key_of(seed);
    return cxl_port_key_prog(from, 1, IDE_TX, &key, false) && cxl_port_key_prog(to, 1, IDE_RX, &key, false) &&
           cxl_port_set_go(to, 1, IDE_RX, mode) && cxl_port_set_go(from, 1, IDE_TX, mode);
}

static void both_directions_become_active_one_by_one(void)
{
    begin();
    CU_ASSERT_TRUE(states_are("insecure", "insecure"));
    CU_ASSERT_TRUE(bring_up(port, device, 1, CXL_IDE_CONTAINMENT));
    CU_ASSERT_TRUE(states_are("insecure", "containment"));
    CU_ASSERT_TRUE(bring_up(device, port, 2, CXL_IDE_CONTAINMENT));
    CU_ASSERT_TRUE(states_are("containment", "containment"));
    CU_ASSERT_EQUAL(reg(port, CXL_IDE_STS), CXL_IDE_STS_CONTAINMENT | CXL_IDE_STS_CONTAINMENT << 4);
    CU_ASSERT_EQUAL(reg(device, CXL_IDE_STS), CXL_IDE_STS_CONTAINMENT | CXL_IDE_STS_CONTAINMENT << 4);
    CU_ASSERT_TRUE(bring_up(port, device, 3, CXL_IDE_CONTAINMENT)); /* new keys while it goes on */
    CU_ASSERT_TRUE(states_are("containment", "containment"));
    CU_ASSERT_TRUE(cxl_port_set_stop(device, 1, IDE_RX));
    CU_ASSERT_TRUE(states_are("containment", "insecure"));
    emu_free(&emu);
}

static void keys_alone_do_nothing(void)
{
    struct cxl_ide_key key = key_of(1);
    begin();
    CU_ASSERT_TRUE(cxl_port_key_prog(port, 1, IDE_TX, &key, false) &&
                   cxl_port_key_prog(device, 1, IDE_RX, &key, false));
    CU_ASSERT_TRUE(states_are("insecure", "insecure"));
    CU_ASSERT_TRUE(cxl_port_set_go(device, 1, IDE_RX, CXL_IDE_SKID));
    CU_ASSERT_TRUE(states_are("insecure", "insecure"));
    CU_ASSERT_TRUE(cxl_port_set_go(port, 1, IDE_TX, CXL_IDE_SKID));
    CU_ASSERT_TRUE(states_are("insecure", "skid"));
    emu_free(&emu);
}

/* What differs between the ends, and what the receiver makes of it. */
static void ends_that_differ_are_insecure(void)
{
    static const struct {
        uint8_t rx_seed, rx_iv;
        enum cxl_ide_mode rx_mode;
        bool go;
        uint8_t error;
    } rows[] = {{1, 0, CXL_IDE_SKID, true, 0},
                {2, 0, CXL_IDE_SKID, true, CXL_ERROR_INTEGRITY},
                {1, 9, CXL_IDE_SKID, true, CXL_ERROR_INTEGRITY},
                {1, 0, CXL_IDE_CONTAINMENT, true, CXL_ERROR_INTEGRITY},
                {1, 0, CXL_IDE_SKID, false, CXL_ERROR_ESTABLISHMENT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cxl_ide_key tx = key_of(1), rx = key_of(rows[i].rx_seed);
        begin();
        rx.iv[5] ^= rows[i].rx_iv;
        CU_ASSERT_TRUE(cxl_port_key_prog(port, 1, IDE_TX, &tx, true) &&
                       cxl_port_key_prog(device, 1, IDE_RX, &rx, true));
        if (rows[i].go)
            CU_ASSERT_TRUE(cxl_port_set_go(device, 1, IDE_RX, rows[i].rx_mode));
        CU_ASSERT_TRUE(cxl_port_set_go(port, 1, IDE_TX, CXL_IDE_SKID));
        CU_ASSERT_TRUE(states_are("insecure", rows[i].error ? "insecure" : "skid"));
        CU_ASSERT_EQUAL(reg(device, CXL_IDE_ERROR), rows[i].error);
        write_reg(device, CXL_IDE_ERROR, 0xff);
        CU_ASSERT_EQUAL(reg(device, CXL_IDE_ERROR), 0);
        emu_free(&emu);
    }
}

static void what_is_refused(void)
{
    struct cxl_ide_key key = key_of(1), other = key_of(2), random = key_of(3), offer;
    begin_with("{\"key_generation\": true, \"iv_generation\": true, \"containment\": false}");
    CU_ASSERT_FALSE(cxl_port_set_go(device, 1, IDE_RX, CXL_IDE_SKID)); /* no key */
    CU_ASSERT_TRUE(cxl_port_key_prog(device, 1, IDE_RX, &key, false));
    CU_ASSERT_FALSE(cxl_port_key_prog(device, 1, IDE_RX, &other, false)); /* one waits */
    CU_ASSERT_FALSE(cxl_port_key_prog(device, 2, IDE_TX, &other, false)); /* another session's */
    CU_ASSERT_FALSE(cxl_port_set_go(device, 2, IDE_RX, CXL_IDE_SKID));
    CU_ASSERT_FALSE(cxl_port_set_stop(device, 2, IDE_RX));
    CU_ASSERT_FALSE(cxl_port_set_go(device, 1, IDE_RX, CXL_IDE_CONTAINMENT)); /* it cannot */
    CU_ASSERT_FALSE(cxl_port_get_key(device, 2, &random, &offer)); /* another session's again */
    CU_ASSERT_TRUE(cxl_port_get_key(device, 1, &random, &offer));
    CU_ASSERT_TRUE(memcmp(offer.key, random.key, sizeof offer.key) == 0 && offer.iv[0] == 0x80);
    CU_ASSERT_FALSE(cxl_port_key_prog(device, 1, IDE_TX, &other, false)); /* not what was offered */
    offer.iv[11] ^= 1;
    CU_ASSERT_FALSE(cxl_port_key_prog(device, 1, IDE_TX, &offer, true));
    CU_ASSERT_TRUE(cxl_port_key_prog(device, 1, IDE_TX, &offer, false)); /* its IV does not count */
    CU_ASSERT_FALSE(cxl_port_get_key(port, 1, &random, &offer));
    emu_free(&emu);
}

/* What it has offered is for whoever it was offered to, and gone with him. */
static void an_offer_is_of_one_session(void)
{
    struct cxl_ide_key other = key_of(2), random = key_of(3), offer, second;
    begin_with("{\"key_generation\": true, \"iv_generation\": true}");
    CU_ASSERT_TRUE(cxl_port_get_key(device, 1, &random, &offer));
    CU_ASSERT_FALSE(cxl_port_get_key(device, 2, &other, &second));
    CU_ASSERT_FALSE(cxl_port_key_prog(device, 2, IDE_RX, &other, false));
    CU_ASSERT_FALSE(cxl_port_set_stop(device, 2, IDE_RX));
    CU_ASSERT_TRUE(cxl_port_key_prog(device, 1, IDE_TX, &offer, true));
    cxl_port_session_end(device, 1);
    CU_ASSERT_TRUE(cxl_port_get_key(device, 1, &random, &offer));
    cxl_port_session_end(device, 1);
    CU_ASSERT_TRUE(cxl_port_key_prog(device, 2, IDE_TX, &other, false)); /* nothing is offered any more */
    emu_free(&emu);
}

static void the_sessions_end_and_a_reset_take_the_keys(void)
{
    static const struct cxl_port nothing;
    begin();
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(bring_up(port, device, 1, CXL_IDE_SKID) && bring_up(device, port, 2, CXL_IDE_SKID));
        CU_ASSERT_TRUE(states_are("skid", "skid"));
        cxl_port_session_end(device, 7);
        CU_ASSERT_TRUE(states_are("skid", "skid"));
        if (i == 0)
            cxl_port_session_end(device, 1);
        else
            emu_function_reset(device);
        CU_ASSERT_TRUE(states_are("insecure", "insecure"));
        CU_ASSERT_EQUAL(memcmp(&device->cxl, &nothing, sizeof nothing), 0);
        cxl_port_session_end(port, 1);
    }
    emu_free(&emu);
}

/* Its keys are an external responder's, and unknown here. */
static void of_a_bridged_endpoint_the_root_port_decides(void)
{
    struct cxl_ide_key tx = key_of(1), rx = key_of(2);
    begin();
    device->bridged = true;
    CU_ASSERT_TRUE(cxl_port_key_prog(port, 1, IDE_TX, &tx, false) &&
                   cxl_port_key_prog(port, 1, IDE_RX, &rx, false));
    CU_ASSERT_TRUE(cxl_port_set_go(port, 1, IDE_RX, CXL_IDE_SKID));
    CU_ASSERT_TRUE(states_are("insecure", "insecure"));
    CU_ASSERT_TRUE(cxl_port_set_go(port, 1, IDE_TX, CXL_IDE_SKID));
    CU_ASSERT_TRUE(states_are("skid", "skid"));
    CU_ASSERT_TRUE(cxl_port_set_stop(port, 1, IDE_RX));
    CU_ASSERT_TRUE(states_are("insecure", "skid"));
    port->bridged = true; /* and of two that are bridged nothing is known */
    CU_ASSERT_TRUE(cxl_port_set_stop(port, 1, IDE_RX));
    CU_ASSERT_TRUE(states_are("insecure", "insecure"));
    emu_free(&emu);
}

/* --- the unit ------------------------------------------------------------------------------------------- */

static void unit_write(uint32_t at, uint32_t value)
{
    CU_ASSERT_TRUE(key_units_write(&emu, UNIT + at, value));
}

static uint32_t unit_read(uint32_t at)
{
    uint32_t value = 0;
    CU_ASSERT_TRUE(key_units_read(&emu, UNIT + at, &value));
    return value;
}

/* tee-io-validator doc/key_byte_order.md: key bytes in their own order, of the IV the last dword first. */
static void unit_key(uint32_t key_at, uint32_t iv_at, const struct cxl_ide_key *key)
{
    struct reader r = reader_of(key->key, sizeof key->key);
    for (unsigned i = 0; i < IDE_KEY_SIZE / 4; i++)
        unit_write(key_at + 4 * i, read_u32(&r, NULL));
    const uint8_t *iv = key->iv;
    unit_write(iv_at, iv[11] | (uint32_t)iv[10] << 8 | (uint32_t)iv[9] << 16 | (uint32_t)iv[8] << 24);
    unit_write(iv_at + 4, iv[7] | (uint32_t)iv[6] << 8 | (uint32_t)iv[5] << 16 | (uint32_t)iv[4] << 24);
}

static void a_unit_keys_the_root_port(void)
{
    struct cxl_ide_key down = key_of(1), up = key_of(2);
    down.key[31] = 7;
    up.iv[4] = 5;
    up.iv[11] = 6;
    begin();
    CU_ASSERT_TRUE(cxl_port_key_prog(device, 1, IDE_RX, &down, true) &&
                   cxl_port_key_prog(device, 1, IDE_TX, &up, true));
    unit_key(CXL_KCU_TX_KEY, CXL_KCU_TX_IV, &down);
    unit_key(CXL_KCU_RX_KEY, CXL_KCU_RX_IV, &up);
    unit_write(CXL_KCU_CONFIG, field_put(CXL_KCU_CONFIG_MODE, CXL_KCU_MODE_CONTAINMENT));
    unit_write(CXL_KCU_CONTROL, CXL_KCU_TX_VALID | CXL_KCU_RX_VALID);
    CU_ASSERT_EQUAL(unit_read(CXL_KCU_CONTROL), CXL_KCU_TX_VALID | CXL_KCU_RX_VALID);
    CU_ASSERT_TRUE(cxl_port_set_go(device, 1, IDE_RX, CXL_IDE_CONTAINMENT));
    unit_write(CXL_KCU_CONTROL, CXL_KCU_TX_VALID | CXL_KCU_RX_VALID | CXL_KCU_START);
    CU_ASSERT_TRUE(states_are("insecure", "insecure")); /* it is not enabled */
    unit_write(CXL_KCU_CONFIG,
               field_put(CXL_KCU_CONFIG_MODE, CXL_KCU_MODE_CONTAINMENT) | CXL_KCU_CONFIG_ENABLE);
    unit_write(CXL_KCU_CONTROL, CXL_KCU_TX_VALID | CXL_KCU_RX_VALID | CXL_KCU_START);
    CU_ASSERT_TRUE(states_are("insecure", "containment"));
    CU_ASSERT_EQUAL(unit_read(CXL_KCU_CONTROL), CXL_KCU_RX_VALID);
    CU_ASSERT_TRUE(cxl_port_set_go(device, 1, IDE_TX, CXL_IDE_CONTAINMENT));
    CU_ASSERT_TRUE(states_are("containment", "containment"));
    CU_ASSERT_EQUAL(unit_read(CXL_KCU_CONTROL), 0);
    for (uint32_t at = CXL_KCU_TX_KEY; at < CXL_KCU_SIZE; at += 4)
        CU_ASSERT_EQUAL(unit_read(at), 0);
    unit_write(CXL_KCU_CONFIG, 0);
    CU_ASSERT_TRUE(states_are("insecure", "insecure"));
    emu_free(&emu);
}

static void registers_are_found_and_mostly_cannot_be_written(void)
{
    uint8_t b[4];
    begin();
    for (size_t i = 0; i < emu.count; i++) {
        struct emu_function *f = &emu.functions[i];
        CU_ASSERT_EQUAL(reg(f, CXL_IDE_CAP),
                        CXL_IDE_CAP_CAPABLE | CXL_IDE_CAP_SKID | CXL_IDE_CAP_CONTAINMENT);
        for (unsigned at = 0; at < CXL_IDE_SIZE; at += 4) {
            uint32_t was = reg(f, at);
            bool writable =
                at == CXL_IDE_CTL || at == CXL_IDE_KEY_REFRESH_CTL || at == CXL_IDE_TRUNCATION_CTL;
            write_reg(f, at, 0xffffffff);
            CU_ASSERT_TRUE((reg(f, at) != was) == writable);
        }
    }
    CU_ASSERT_EQUAL(link_bar_read(port, CXL_CACHEMEM, b, sizeof b), LINK_DONE);
    CU_ASSERT_TRUE(b[0] == CXL_CAP_ID_CXL && b[2] == 0x11 && b[3] == 2);
    emu_free(&emu);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(both_directions_become_active_one_by_one),
        TEST(keys_alone_do_nothing),
        TEST(ends_that_differ_are_insecure),
        TEST(what_is_refused),
        TEST(an_offer_is_of_one_session),
        TEST(the_sessions_end_and_a_reset_take_the_keys),
        TEST(of_a_bridged_endpoint_the_root_port_decides),
        TEST(a_unit_keys_the_root_port),
        TEST(registers_are_found_and_mostly_cannot_be_written),
        CU_TEST_INFO_NULL,
    };
    return suite_run("emulated CXL", tests);
}
