/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Platform files: what they make, and what is said of those that make none. */
#include <string.h>

#include "check.h"
#include "suite.h"
#include "tools/ide-emu/emu.h"

static struct platform p;
static char error[512];

static bool parse(const char *text)
{
    error[0] = '\0';
    return platform_parse(&p, text, strlen(text), "f", error, sizeof error);
}

static void least_file_makes_a_port_like_the_default_one(void)
{
    CU_ASSERT_TRUE(parse("{\"functions\": [{\"bdf\": \"0000:00:1c.0\", \"secondary\": 1}]}"));
    CU_ASSERT_EQUAL(p.count, 1);
    CU_ASSERT_EQUAL(p.functions[0].type, PCIE_TYPE_ROOT_PORT);
    CU_ASSERT_EQUAL(p.functions[0].ids.vendor, 0x1b36);
    CU_ASSERT_EQUAL(p.functions[0].subordinate, 1);
    CU_ASSERT_EQUAL(p.functions[0].spdm.base_asym, SPDM_ASYM_ECDSA_P384);
    CU_ASSERT_TRUE(p.functions[0].doe);
    CU_ASSERT_TRUE(p.functions[0].ide.present);
}

static void every_key_is_taken(void)
{
    CU_ASSERT_TRUE_FATAL(
        parse("{\"functions\": [{\"bdf\": \"0002:10:00.0\", \"below\": ["
              "{\"bdf\": \"0002:11:00.0\", \"type\": \"endpoint\","
              "\"vendor\": \"0x8086\", \"device\": 4660, \"class\": \"0x120000\", \"revision\": 3,"
              "\"subsystem_vendor\": \"0xabcd\", \"subsystem\": \"0x0001\", \"bar_size\": 65536, \"doe\": false,"
              "\"spdm\": {\"algorithm\": \"P-256\", \"heartbeat\": 7},"
              "\"ide\": {\"link_streams\": 0, \"selective_streams\": 9, \"address_blocks\": 2, \"flow_through\": true,"
              "\"partial_header\": true, \"aggregation\": false, \"pcrc\": false, \"ide_km\": false,"
              "\"config_requests\": false, \"tee_limited\": false, \"algorithm\": 31},"
              "\"traffic_classes\": \"0x81\"}]}]}"));
    const struct platform_function *f = &p.functions[1];
    CU_ASSERT_EQUAL(f->parent, 0);
    CU_ASSERT_EQUAL(f->bdf.domain, 2);
    CU_ASSERT_EQUAL(f->ids.vendor, 0x8086);
    CU_ASSERT_EQUAL(f->ids.device, 0x1234);
    CU_ASSERT_EQUAL(f->ids.class_code, 0x120000);
    CU_ASSERT_EQUAL(f->ids.revision, 3);
    CU_ASSERT_EQUAL(f->ids.subsystem_vendor, 0xabcd);
    CU_ASSERT_EQUAL(f->ids.subsystem, 1);
    CU_ASSERT_EQUAL(f->bar_size, 65536);
    CU_ASSERT_FALSE(f->doe);
    CU_ASSERT_EQUAL(f->spdm.base_hash, SPDM_HASH_SHA256);
    CU_ASSERT_EQUAL(f->spdm.heartbeat, 7);
    CU_ASSERT_EQUAL(f->ide.link_streams, 0);
    CU_ASSERT_EQUAL(f->ide.selective_streams, 9);
    CU_ASSERT_EQUAL(f->ide.address_blocks, 2);
    CU_ASSERT_EQUAL(f->ide.abilities & ~(PCIE_IDE_CAP_LINK | PCIE_IDE_CAP_SELECTIVE),
                    PCIE_IDE_CAP_FLOWTHROUGH | PCIE_IDE_CAP_PARTIAL_HEADER | PCIE_IDE_CAP_ALG);
    CU_ASSERT_EQUAL(f->traffic_classes, 0x81);
}

static void ide_false_takes_the_capability_away(void)
{
    struct emu emu;
    CU_ASSERT_TRUE_FATAL(parse("{\"functions\": [{\"bdf\": \"0000:00:01.0\", \"secondary\": 1, \"ide\": false}]}"));
    CU_ASSERT_TRUE_FATAL(emu_init(&emu, &p, error, sizeof error));
    CU_ASSERT_EQUAL(emu.functions[0].ide.cap, 0);
    CU_ASSERT_NOT_EQUAL(emu.functions[0].doe_cap, 0);
    emu_free(&emu);
}

/* Buses: root port 1 to 4, upstream 2 to 4, downstream 3 and 4. */
static void bus_numbers_follow_the_tree(void)
{
    CU_ASSERT_TRUE_FATAL(parse("{\"functions\": [{\"bdf\": \"0000:00:01.0\", \"below\": [{\"bdf\": \"0000:01:00.0\","
                               "\"type\": \"upstream\", \"below\": [{\"bdf\": \"0000:02:00.0\", \"below\":"
                               "[{\"bdf\": \"0000:03:00.0\"}, {\"bdf\": \"0000:03:00.1\"}]},"
                               "{\"bdf\": \"0000:02:01.0\", \"secondary\": 4}]}]}]}"));
    CU_ASSERT_EQUAL(p.count, 6);
    CU_ASSERT_EQUAL(p.functions[0].secondary, 1);
    CU_ASSERT_EQUAL(p.functions[0].subordinate, 4);
    CU_ASSERT_EQUAL(p.functions[1].secondary, 2);
    CU_ASSERT_EQUAL(p.functions[1].subordinate, 4);
    CU_ASSERT_EQUAL(p.functions[2].type, PCIE_TYPE_DOWNSTREAM);
    CU_ASSERT_EQUAL(p.functions[2].subordinate, 3);
    CU_ASSERT_EQUAL(p.functions[5].secondary, 4);
}

#define ONE(members) "{\"functions\": [{\"bdf\": \"0000:00:01.0\", \"secondary\": 1, " members "}]}"
#define BELOW(members) "{\"functions\": [{\"bdf\": \"0000:00:01.0\", \"below\": [{" members "}]}]}"

#define KCU(list) "{\"functions\": [{\"bdf\": \"0000:00:01.0\", \"secondary\": 1}], \"kcu\": " list "}"

#define ROT(object)                                                                                          \
    "{\"functions\": [{\"bdf\": \"0000:00:01.0\", \"secondary\": 1},"                                        \
    "{\"bdf\": \"0000:00:1f.0\", \"type\": \"rc-endpoint\"}], \"rot\": " object "}"

static void what_is_wrong_is_said_with_its_place(void)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "f:1:0: '[' or '{' expected near end of file"},
        {"[]", "f: is no object"},
        {"{}", "f: functions: is no array"},
        {"{\"functions\": []}", "f: functions: is empty"},
        {"{\"functions\": [], \"x\": 1}", "f: x: there is no such key"},
        {"{\"functions\": [1]}", "f: functions[0]: is no object"},
        {"{\"functions\": [{}]}", "f: functions[0].bdf: is no string like \"0000:01:00.0\""},
        {"{\"functions\": [{\"bdf\": \"0:1.0\"}]}",
         "f: functions[0].bdf: is no string like \"0000:01:00.0\""},
        {"{\"functions\": [{\"bdf\": \"0000:00:01.0\"}]}",
         "f: functions[0].secondary: a port with nothing below it needs a bus number above its own"},
        {"{\"functions\": [{\"bdf\": 1, \"bdf\": 2}]}", "f:1:31: duplicate object key near '\"bdf\"'"},
        {ONE("\"vendor\": true"), "f: functions[0].vendor: is neither a number nor a string like \"0x1b36\""},
        {ONE("\"vendor\": \"1b36\""),
         "f: functions[0].vendor: is neither a number nor a string like \"0x1b36\""},
        {ONE("\"vendor\": \"0x\""),
         "f: functions[0].vendor: is neither a number nor a string like \"0x1b36\""},
        {ONE("\"vendor\": \"0x-1\""),
         "f: functions[0].vendor: is neither a number nor a string like \"0x1b36\""},
        {ONE("\"vendor\": -1"), "f: functions[0].vendor: is neither a number nor a string like \"0x1b36\""},
        {ONE("\"vendor\": 65536"), "f: functions[0].vendor: 65536 is not 0 to 65535"},
        {ONE("\"class\": \"0x1000000\""), "f: functions[0].class: 16777216 is not 0 to 16777215"},
        {ONE("\"vendr\": 1"), "f: functions[0].vendr: there is no such key"},
        {ONE("\"doe\": 1"), "f: functions[0].doe: is neither true nor false"},
        {ONE("\"bar_size\": 4096"), "f: functions[0].bar_size: only an endpoint has a BAR"},
        {ONE("\"type\": \"endpoint\""), "f: functions[0].type: a function of this type cannot be here"},
        {ONE("\"type\": \"bridge\""), "f: functions[0].type: is none of \"root-port\", \"upstream\", "
                                      "\"downstream\", \"endpoint\", \"rc-endpoint\""},
        {ONE("\"ide\": true"), "f: functions[0].ide: is no object"},
        {ONE("\"ide\": {\"link_streams\": 9}"), "f: functions[0].ide.link_streams: 9 is not 0 to 8"},
        {ONE("\"ide\": {\"algorithm\": 32}"), "f: functions[0].ide.algorithm: 32 is not 0 to 31"},
        {ONE("\"traffic_classes\": 256"), "f: functions[0].traffic_classes: 256 is not 0 to 255"},
        {ONE("\"traffic_classes\": 254"),
         "f: functions[0].traffic_classes: bit 0 is not set, and VC0 always carries TC 0"},
        {ONE("\"ide\": {\"selective_streams\": 256, \"address_blocks\": 1}"),
         "f: functions[0].ide: its registers have 8208 bytes, and 1024 are possible"},
        {ONE("\"spdm\": {\"algorithm\": \"RSA\"}"), "f: functions[0].spdm.algorithm: is none of \"P-256\", \"P-384\", \"P-521\", \"RSA-2048\", "
         "\"RSA-3072\", \"RSA-4096\", \"Ed25519\", \"Ed448\""},
        {ONE("\"below\": {}"), "f: functions[0].below: is no array"},
        {BELOW("\"bdf\": \"0000:00:02.0\""),
         "f: functions[0].below[0].bdf: 0000:00:02.0 is not on the bus below its port"},
        {BELOW("\"bdf\": \"0001:01:00.0\""),
         "f: functions[0].below[0].bdf: 0001:01:00.0 is not on the bus below its port"},
        {BELOW("\"bdf\": \"0000:01:01.0\""),
         "f: functions[0].below[0].bdf: 0000:01:01.0: a link leads to device 0 only"},
        {BELOW("\"bdf\": \"0000:00:01.0\""),
         "f: functions[0].below[0].bdf: there are two functions 0000:00:01.0"},
        {BELOW("\"bdf\": \"0000:01:00.0\", \"type\": \"downstream\""),
         "f: functions[0].below[0].type: a function of this type cannot be here"},
        {BELOW("\"bdf\": \"0000:01:00.0\", \"below\": []"),
         "f: functions[0].below[0].below: nothing is below an endpoint"},
        {BELOW("\"bdf\": \"0000:01:00.0\", \"bar_size\": 24"),
         "f: functions[0].below[0].bar_size: 24 is no power of two above 8"},
        {"{\"functions\": [{\"bdf\": \"0000:00:01.0\", \"secondary\": 1},"
         "{\"bdf\": \"0000:00:02.0\", \"secondary\": 1}]}",
         "f: 0000:00:02.0: another port leads to its bus 01 too"},
        {KCU("1"), "f: kcu: is no array"},
        {KCU("[1]"), "f: kcu[0]: is no object"},
        {KCU("[{\"bse\": 1}]"), "f: kcu[0].bse: there is no such key"},
        {KCU("[{}]"), "f: kcu[0].base: is no address that is a multiple of 4"},
        {KCU("[{\"base\": 4098}]"), "f: kcu[0].base: is no address that is a multiple of 4"},
        {KCU("[{\"base\": 4096, \"streams\": 0}]"), "f: kcu[0]: streams and slots are at least 1"},
        {KCU("[{\"base\": 4096, \"tx_slots\": 1025}]"), "f: kcu[0].tx_slots: 1025 is not 0 to 1024"},
        {KCU("[{\"base\": 4096}]"), "f: kcu[0].root_ports: is no array of 1 to 64"},
        {KCU("[{\"base\": 4096, \"root_ports\": [1]}]"),
         "f: kcu[0].root_ports: has what is no string like \"0000:00:03.0\""},
        {KCU("[{\"base\": 4096, \"root_ports\": [\"0000:01:00.0\"]}]"),
         "f: kcu[0].root_ports: 0000:01:00.0 is no root port"},
        {KCU("[{\"base\": 4096, \"root_ports\": [\"0000:00:01.0\", \"0000:00:01.0\"]}]"),
         "f: kcu[0].root_ports: 0000:00:01.0 has a provider already"},
        {ROT("1"), "f: rot: is no object"},
        {ROT("{\"root_ports\": []}"), "f: rot.bdf: is no string like \"0000:00:1f.0\""},
        {ROT("{\"bdf\": \"0000:00:02.0\"}"),
         "f: rot.bdf: 0000:00:02.0 is no rc-endpoint or root port with a mailbox"},
        {ROT("{\"bdf\": \"0000:00:1f.0\"}"), "f: rot.root_ports: is no array of 1 to 64"},
        {ROT("{\"bdf\": \"0000:00:1f.0\", \"root_ports\": [\"0000:00:1f.0\"]}"),
         "f: rot.root_ports: 0000:00:1f.0 is no root port"},
        {ROT("{\"bdf\": \"0000:00:1f.0\", \"root_ports\": [\"0000:00:01.0\", \"0000:00:01.0\"]}"),
         "f: rot.root_ports: 0000:00:01.0 has a provider already"},
        {ONE("\"cxl\": {\"skid\": 1}"), "f: functions[0].cxl.skid: is neither true nor false"},
        {ONE("\"cxl\": {\"mode\": 1}"), "f: functions[0].cxl.mode: there is no such key"},
        {"{\"functions\": [{\"bdf\": \"0000:00:1f.0\", \"type\": \"rc-endpoint\", \"cxl\": {}}]}",
         "f: functions[0].cxl: only a root port and an endpoint have CXL"},
        {KCU("[{\"base\": 4096, \"protocol\": \"cxl\", \"root_ports\": [\"0000:00:01.0\"]}]"),
         "f: kcu[0].root_ports: a unit of CXL.cachemem is for one root port that has it"},
        {KCU("[{\"base\": 4096, \"root_ports\": [\"0000:00:01.0\"]}, {\"base\": 8192}]"),
         "f: kcu[1].base: its registers overlap those of unit 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CU_ASSERT_FALSE(parse(cases[i].text));
        if (strcmp(error, cases[i].error) != 0)
            fprintf(stderr, "%s\n  %s\n  expected %s\n", cases[i].text, error, cases[i].error);
        CU_ASSERT_STRING_EQUAL(error, cases[i].error);
    }
}

static void a_failure_leaves_the_platform_alone(void)
{
    platform_default(&p);
    size_t count = p.count;
    CU_ASSERT_FALSE(parse("{}"));
    CU_ASSERT_EQUAL(p.count, count);
}

static void too_many_functions_and_levels_are_refused(void)
{
    static char text[64 * 1024];
    size_t at = (size_t)snprintf(text, sizeof text, "{\"functions\": [");
    for (unsigned i = 0; i < 1025; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s{\"bdf\": \"%04x:00:01.0\", \"secondary\": 1}",
                               i ? "," : "", i);
    snprintf(text + at, sizeof text - at, "]}");
    CU_ASSERT_FALSE(parse(text));
    CU_ASSERT_STRING_EQUAL(error, "f: functions[1024]: there are more than 1024 functions");

    at = (size_t)snprintf(text, sizeof text, "{\"functions\": [{\"bdf\": \"0000:00:01.0\"");
    for (unsigned bus = 1; bus < 60; bus++)
        at += (size_t)snprintf(text + at, sizeof text - at, ", \"below\": [{\"bdf\": \"0000:%02x:00.0\"%s", bus,
                               bus % 2 ? ", \"type\": \"upstream\"" : "");
    CU_ASSERT_FALSE(parse(text)); /* no JSON yet */
    for (unsigned bus = 1; bus < 60; bus++)
        at += (size_t)snprintf(text + at, sizeof text - at, "}]");
    snprintf(text + at, sizeof text - at, "}]}");
    CU_ASSERT_FALSE(parse(text));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "is more than 32 levels deep"));
}

static void the_default_platform_fits(void)
{
    struct emu emu;
    platform_default(&p);
    CU_ASSERT_TRUE_FATAL(emu_init(&emu, &p, error, sizeof error));
    CU_ASSERT_EQUAL(emu.count, 8);
    emu_free(&emu);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(least_file_makes_a_port_like_the_default_one),
        TEST(every_key_is_taken),
        TEST(ide_false_takes_the_capability_away),
        TEST(bus_numbers_follow_the_tree),
        TEST(what_is_wrong_is_said_with_its_place),
        TEST(a_failure_leaves_the_platform_alone),
        TEST(too_many_functions_and_levels_are_refused),
        TEST(the_default_platform_fits),
        CU_TEST_INFO_NULL,
    };
    return suite_run("platform files", tests);
}
