/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IDE capability and one stream at one port: layout, image, verbs. */
#include <string.h>

#include "root_port/ide_stream.h"
#include "suite.h"
#include "test_root_port_fake.h"

#define CAP 0x200u
/* Offsets written out by hand, as an independent reading of the layout: 2 link blocks, then selective blocks
 * with 2, 0 and 1 address association blocks. */
#define LINK_0 0x20cu
#define LINK_1 0x214u
#define SEL_0  0x21cu
#define SEL_1  0x248u /* 20 + 2 * 12 further */
#define SEL_2  0x25cu
#define END    0x27cu

#define ALL_ABILITIES                                                                                        \
    0x010200ffu /* link, selective, ..., 1 + 2 selective blocks, TEE-limited; traffic classes below */

/* A port with everything, at all blocks the reset value. */
static void make_port(struct fake_function *f, struct fake_log *log)
{
    fake_init(f);
    fake_put_express(f, PCIE_TYPE_ROOT_PORT);
    fake_put_ext_cap(f, 0x100, 0x0001, CAP);
    fake_put_ext_cap(f, CAP, PCIE_EXT_CAP_ID_IDE, 0);
    fake_put32(f, CAP + 4, ALL_ABILITIES | 1u << 13);
    fake_put32(f, SEL_0, 2);
    fake_put32(f, SEL_1, 0);
    fake_put32(f, SEL_2, 1);
    f->log = log;
}

static void open_port(struct ide_port *port, struct fake_function *f, struct fake_log *log)
{
    struct ide_fault fault;
    struct pcie_bdf bdf = {.device = 3};
    make_port(f, log);
    CU_ASSERT_EQUAL_FATAL(ide_port_open(port, &bdf, &f->config, &fault), IDE_OK);
    f->reads = f->writes = 0;
    if (log)
        log->count = 0;
}

static struct ide_stream_settings plain(void)
{
    return (struct ide_stream_settings){
        .block = {IDE_SELECTIVE, 0}, .stream_id = 7, .rid_first = 0x0100, .rid_last = 0x0107};
}

static void capability_is_parsed(void)
{
    struct fake_function f;
    struct ide_port port;
    open_port(&port, &f, NULL);
    const struct ide_cap *cap = &port.cap;
    CU_ASSERT_EQUAL(cap->offset, CAP);
    CU_ASSERT_TRUE(cap->flow_through && cap->partial_header && cap->aggregation && cap->pcrc);
    CU_ASSERT_TRUE(cap->ide_km && cap->config_requests && cap->tee_limited);
    CU_ASSERT_EQUAL(cap->algorithm, PCIE_IDE_ALG_AES_GCM_256);
    CU_ASSERT_TRUE(cap->link_count == 2 && cap->selective_count == 3);
    CU_ASSERT_TRUE(cap->address_blocks[0] == 2 && cap->address_blocks[1] == 0 && cap->address_blocks[2] == 1);
    CU_ASSERT_EQUAL(f.writes, 0);
}

static void each_ability_is_its_own_bit(void)
{
    for (unsigned bit = 0; bit < 25; bit++) {
        struct fake_function f;
        struct ide_port port;
        struct ide_fault fault;
        make_port(&f, NULL);
        fake_put32(&f, CAP + 4, 1u << bit);
        CU_ASSERT_EQUAL(ide_port_open(&port, &(struct pcie_bdf){0}, &f.config, &fault), IDE_OK);
        const struct ide_cap *cap = &port.cap;
        CU_ASSERT_EQUAL(cap->link_count, bit == 0);
        CU_ASSERT_EQUAL(cap->selective_count, bit == 1);
        CU_ASSERT_EQUAL(cap->flow_through, bit == 2);
        CU_ASSERT_EQUAL(cap->partial_header, bit == 3);
        CU_ASSERT_EQUAL(cap->aggregation, bit == 4);
        CU_ASSERT_EQUAL(cap->pcrc, bit == 5);
        CU_ASSERT_EQUAL(cap->ide_km, bit == 6);
        CU_ASSERT_EQUAL(cap->config_requests, bit == 7);
        CU_ASSERT_EQUAL(cap->algorithm, bit >= 8 && bit <= 12 ? 1u << (bit - 8) : 0);
        CU_ASSERT_EQUAL(cap->tee_limited, bit == 24);
    }
}

static void blocks_are_where_the_layout_puts_them(void)
{
    struct fake_function f;
    struct ide_port port;
    open_port(&port, &f, NULL);
    CU_ASSERT_EQUAL(ide_block_offset(&port.cap, IDE_LINK, 0), LINK_0);
    CU_ASSERT_EQUAL(ide_block_offset(&port.cap, IDE_LINK, 1), LINK_1);
    CU_ASSERT_EQUAL(ide_block_offset(&port.cap, IDE_SELECTIVE, 0), SEL_0);
    CU_ASSERT_EQUAL(ide_block_offset(&port.cap, IDE_SELECTIVE, 1), SEL_1);
    CU_ASSERT_EQUAL(ide_block_offset(&port.cap, IDE_SELECTIVE, 2), SEL_2);
    CU_ASSERT_EQUAL(ide_block_offset(&port.cap, IDE_SELECTIVE, 3), END);
    CU_ASSERT_EQUAL(ide_control_offset(&port.cap, (struct ide_block){IDE_SELECTIVE, 2}), SEL_2 + 4);
    CU_ASSERT_EQUAL(ide_status_offset(&port.cap, (struct ide_block){IDE_SELECTIVE, 2}), SEL_2 + 8);
    CU_ASSERT_EQUAL(ide_control_offset(&port.cap, (struct ide_block){IDE_LINK, 1}), LINK_1);
    CU_ASSERT_EQUAL(ide_status_offset(&port.cap, (struct ide_block){IDE_LINK, 1}), LINK_1 + 4);
}

static enum ide_err open_with(struct fake_function *f)
{
    struct ide_port port;
    struct ide_fault fault;
    enum ide_err err = ide_port_open(&port, &(struct pcie_bdf){0}, &f->config, &fault);
    CU_ASSERT_TRUE(err == IDE_OK || fault.err == err);
    CU_ASSERT_EQUAL(f->writes, 0);
    return err;
}

static void capability_beyond_the_space_is_refused(void)
{
    struct fake_function f;
    make_port(&f, NULL);
    fake_put32(&f, CAP + 4, 0x00ff0002); /* 256 selective blocks */
    CU_ASSERT_EQUAL(open_with(&f), IDE_E_FIELD);
    for (unsigned offset = CAP + 12; offset < 0x1000; offset += 4)
        fake_put32(&f, offset, 0xf); /* of 15 address blocks each */
    CU_ASSERT_EQUAL(open_with(&f), IDE_E_FIELD);
    CU_ASSERT_TRUE(f.reads < 400);
    fake_put32(&f, CAP + 4, 0x00000001 | 7u << 13);
    CU_ASSERT_EQUAL(open_with(&f), IDE_OK);

    make_port(&f, NULL);
    fake_put_ext_cap(&f, 0x100, 0x0001, 0xffc);
    fake_put_ext_cap(&f, 0xffc, PCIE_EXT_CAP_ID_IDE, 0); /* its registers would be outside */
    CU_ASSERT_EQUAL(open_with(&f), IDE_E_IO);
    fake_put_ext_cap(&f, 0x100, 0x0001, 0xfec);
    fake_put_ext_cap(&f, 0xfec, PCIE_EXT_CAP_ID_IDE, 0);
    fake_put32(&f, 0xff0, 2); /* its only block does not fit */
    CU_ASSERT_EQUAL(open_with(&f), IDE_E_FIELD);
}

static void port_without_ide_or_gone(void)
{
    struct fake_function f;
    make_port(&f, NULL);
    fake_put_ext_cap(&f, 0x100, 0x0001, 0);
    CU_ASSERT_EQUAL(open_with(&f), IDE_E_NO_IDE);
    make_port(&f, NULL);
    f.size = 0x100;
    CU_ASSERT_EQUAL(open_with(&f), IDE_E_NO_IDE);
    f.size = CAP + 4; /* the space ends in the capability */
    CU_ASSERT_EQUAL(open_with(&f), IDE_E_IO);
    f.size = SEL_1;
    CU_ASSERT_EQUAL(open_with(&f), IDE_E_IO);
    f.size = PCIE_CONFIG_SIZE;
    f.gone = true;
    CU_ASSERT_EQUAL(open_with(&f), IDE_E_NO_IDE);
}

static void image_of_plain_settings(void)
{
    struct fake_function f;
    struct ide_port port;
    struct ide_fault fault;
    struct ide_stream_regs regs;
    struct ide_stream_settings s = plain();
    open_port(&port, &f, NULL);
    s.window_count = 1;
    s.windows[0] = (struct pcie_window){0xfe000000, 0xfe2fffff};
    CU_ASSERT_EQUAL_FATAL(ide_stream_image(&s, &port.cap, &regs, &fault), IDE_OK);
    CU_ASSERT_EQUAL(regs.control, 0x07000000);
    CU_ASSERT_EQUAL(regs.rid_1, 0x00010700);
    CU_ASSERT_EQUAL(regs.rid_2, 0x00010001);
    CU_ASSERT_EQUAL(regs.address_count, 2);
    CU_ASSERT_TRUE(regs.address[0].reg[0] == 0xfe2fe001 && regs.address[0].reg[1] == 0 &&
                   regs.address[0].reg[2] == 0);
    CU_ASSERT_TRUE(regs.address[1].reg[0] == 0 && regs.address[1].reg[1] == 0 && regs.address[1].reg[2] == 0);
    CU_ASSERT_EQUAL(f.reads + f.writes, 0);
}

static void image_of_each_setting(void)
{
    static const struct {
        struct ide_stream_settings settings;
        uint32_t control, rid_1, rid_2;
    } rows[] = {
        {{.stream_id = 254}, 0xfe000000, 0, 1},
        {{.features.traffic_class = 7}, 0x00380000, 0, 1},
        {{.features.npr = IDE_AGGREGATION_2}, 0x00000004, 0, 1},
        {{.features.npr = IDE_AGGREGATION_8}, 0x0000000c, 0, 1},
        {{.features.pr = IDE_AGGREGATION_4}, 0x00000020, 0, 1},
        {{.features.cpl = IDE_AGGREGATION_8}, 0x000000c0, 0, 1},
        {{.features.pcrc = true}, 0x00000100, 0, 1},
        {{.features.config_requests = true}, 0x00000200, 0, 1},
        {{.features.partial_header = IDE_HEADER_17_2}, 0x00000400, 0, 1},
        {{.features.partial_header = IDE_HEADER_41_2}, 0x00001000, 0, 1},
        {{.features.default_stream = true}, 0x00400000, 0, 1},
        {{.features.tee_limited = true}, 0x00800000, 0, 1},
        {{.rid_last = 0xffff}, 0, 0x00ffff00, 1},
        {{.rid_first = 0xabcd, .rid_last = 0xabcd}, 0, 0x00abcd00, 0x00abcd01},
        {{.segment = 0xff}, 0, 0, 0xff000001},
    };
    struct fake_function f;
    struct ide_port port;
    open_port(&port, &f, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ide_stream_regs regs;
        struct ide_fault fault;
        CU_ASSERT_EQUAL_FATAL(ide_stream_image(&rows[i].settings, &port.cap, &regs, &fault), IDE_OK);
        CU_ASSERT_EQUAL(regs.control, rows[i].control);
        CU_ASSERT_EQUAL(regs.rid_1, rows[i].rid_1);
        CU_ASSERT_EQUAL(regs.rid_2, rows[i].rid_2);
        const struct ide_features back = ide_features_of(regs.control, IDE_SELECTIVE), *got = &back;
        const struct ide_features *want = &rows[i].settings.features;
        CU_ASSERT_TRUE(got->traffic_class == want->traffic_class && got->npr == want->npr &&
                       got->pr == want->pr && got->cpl == want->cpl &&
                       got->partial_header == want->partial_header && got->algorithm == want->algorithm);
        CU_ASSERT_TRUE(got->pcrc == want->pcrc && got->config_requests == want->config_requests &&
                       got->default_stream == want->default_stream && got->tee_limited == want->tee_limited);
    }
}

static void image_of_a_window_above_4_gib(void)
{
    struct fake_function f;
    struct ide_port port;
    struct ide_fault fault;
    struct ide_stream_regs regs;
    struct ide_stream_settings s = plain();
    open_port(&port, &f, NULL);
    s.window_count = 2;
    s.windows[0] = (struct pcie_window){0x123fff00000, 0x456001fffff};
    s.windows[1] = (struct pcie_window){0, UINT64_MAX};
    CU_ASSERT_EQUAL_FATAL(ide_stream_image(&s, &port.cap, &regs, &fault), IDE_OK);
    CU_ASSERT_EQUAL(regs.address[0].reg[0], 0x001fff01);
    CU_ASSERT_EQUAL(regs.address[0].reg[1], 0x456);
    CU_ASSERT_EQUAL(regs.address[0].reg[2], 0x123);
    CU_ASSERT_EQUAL(regs.address[1].reg[0], 0xfff00001);
    CU_ASSERT_EQUAL(regs.address[1].reg[1], 0xffffffff);
    CU_ASSERT_EQUAL(regs.address[1].reg[2], 0);
}

static void expect_refused(const struct ide_cap *cap, const struct ide_stream_settings *s, enum ide_err err,
                           const char *field)
{
    struct ide_fault fault;
    struct ide_stream_regs regs = {.control = 0x5a5a};
    CU_ASSERT_EQUAL(ide_stream_image(s, cap, &regs, &fault), err);
    CU_ASSERT_EQUAL(fault.err, err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(fault.field);
    CU_ASSERT_STRING_EQUAL(fault.field, field);
    CU_ASSERT_EQUAL(regs.control, 0x5a5a);
}

static void image_refuses_what_is_out_of_range(void)
{
    static const struct {
        struct ide_stream_settings settings;
        enum ide_err err;
        const char *field;
    } rows[] = {
        {{.stream_id = 255}, IDE_E_STREAM_RANGE, "Stream ID"},
        {{.block = {IDE_SELECTIVE, 3}}, IDE_E_ARGUMENT, "block"},
        {{.block = {IDE_LINK, 2}}, IDE_E_ARGUMENT, "block"},
        {{.features.traffic_class = 8}, IDE_E_ARGUMENT, "TC"},
        {{.features.npr = (enum ide_aggregation)4}, IDE_E_ARGUMENT, "Tx Aggregation Mode NPR"},
        {{.features.pr = (enum ide_aggregation)4}, IDE_E_ARGUMENT, "Tx Aggregation Mode PR"},
        {{.features.cpl = (enum ide_aggregation)4}, IDE_E_ARGUMENT, "Tx Aggregation Mode CPL"},
        {{.features.partial_header = (enum ide_partial_header)5},
         IDE_E_ARGUMENT,
         "Partial Header Encryption Mode"},
        {{.features.algorithm = 1}, IDE_E_CAPABILITY, "Supported Algorithms"},
        {{.rid_first = 2, .rid_last = 1}, IDE_E_ARGUMENT, "RID Limit"},
        {{.window_count = 3}, IDE_E_CAPABILITY, "Number of Address Association Register Blocks"},
        {{.window_count = 1, .windows = {{0x100000, 0}}}, IDE_E_ARGUMENT, "Address Association"},
        {{.window_count = 1, .windows = {{0x1000, 0xfffff}}}, IDE_E_ARGUMENT, "Address Association"},
        {{.window_count = 1, .windows = {{0, 0xffffe}}}, IDE_E_ARGUMENT, "Address Association"},
        {{.block = {IDE_LINK, 0}, .features.config_requests = true},
         IDE_E_ARGUMENT,
         "Selective IDE for Configuration Requests Enable"},
        {{.block = {IDE_LINK, 0}, .features.default_stream = true}, IDE_E_ARGUMENT, "Default Stream"},
        {{.block = {IDE_LINK, 0}, .features.tee_limited = true}, IDE_E_ARGUMENT, "TEE-Limited Stream"},
        {{.block = {IDE_LINK, 0}, .rid_last = 1}, IDE_E_ARGUMENT, "RID Association"},
        {{.block = {IDE_LINK, 0}, .window_count = 1}, IDE_E_ARGUMENT, "Address Association"},
    };
    struct fake_function f;
    struct ide_port port;
    open_port(&port, &f, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_refused(&port.cap, &rows[i].settings, rows[i].err, rows[i].field);
}

static void image_refuses_what_the_port_cannot(void)
{
    static const struct {
        struct ide_stream_settings settings;
        uint32_t ability;
        const char *field;
    } rows[] = {
        {{.features.npr = IDE_AGGREGATION_2}, PCIE_IDE_CAP_AGGREGATION, "Aggregation Supported"},
        {{.features.pr = IDE_AGGREGATION_2}, PCIE_IDE_CAP_AGGREGATION, "Aggregation Supported"},
        {{.features.cpl = IDE_AGGREGATION_2}, PCIE_IDE_CAP_AGGREGATION, "Aggregation Supported"},
        {{.features.pcrc = true}, PCIE_IDE_CAP_PCRC, "PCRC Supported"},
        {{.features.partial_header = IDE_HEADER_25_2},
         PCIE_IDE_CAP_PARTIAL_HEADER,
         "Partial Header Encryption Supported"},
        {{.features.config_requests = true},
         PCIE_IDE_CAP_SEL_CFG,
         "Selective IDE for Configuration Requests Supported"},
        {{.features.tee_limited = true}, PCIE_IDE_CAP_TEE_LIMITED, "TEE-Limited Stream Supported"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fake_function f;
        struct ide_port port;
        struct ide_fault fault;
        make_port(&f, NULL);
        fake_put32(&f, CAP + 4, (ALL_ABILITIES | 1u << 13) & ~rows[i].ability);
        CU_ASSERT_EQUAL_FATAL(ide_port_open(&port, &(struct pcie_bdf){0}, &f.config, &fault), IDE_OK);
        expect_refused(&port.cap, &rows[i].settings, IDE_E_CAPABILITY, rows[i].field);
    }
}

static void expect_log(const struct fake_log *log, unsigned *at, unsigned offset, uint32_t value)
{
    while (*at < log->count && !log->entry[*at].write)
        (*at)++;
    CU_ASSERT_TRUE_FATAL(*at < log->count);
    CU_ASSERT_EQUAL(log->entry[*at].offset, offset);
    CU_ASSERT_EQUAL(log->entry[*at].value, value);
    (*at)++;
}

static void expect_no_more_writes(const struct fake_log *log, unsigned at)
{
    for (; at < log->count; at++)
        CU_ASSERT_FALSE(log->entry[at].write);
}

static void setup_writes_in_order_and_release_undoes_it_in_reverse(void)
{
    struct fake_function f;
    struct fake_log log;
    struct ide_port port;
    struct ide_stream stream;
    struct ide_fault fault;
    struct ide_stream_settings s = plain();
    unsigned at = 0;
    open_port(&port, &f, &log);
    s.window_count = 1;
    s.windows[0] = (struct pcie_window){0xfe000000, 0xfe2fffff};
    f.stuck_at = SEL_0 + 8; /* the status register is not memory */
    CU_ASSERT_EQUAL_FATAL(ide_stream_setup(&stream, &port, &s, &fault), IDE_OK);
    expect_log(&log, &at, SEL_0 + 8, PCIE_IDE_STREAM_STS_FAIL);
    expect_log(&log, &at, SEL_0 + 24, 0); /* upper limit and base before the valid bit */
    expect_log(&log, &at, SEL_0 + 28, 0);
    expect_log(&log, &at, SEL_0 + 20, 0xfe2fe001);
    expect_log(&log, &at, SEL_0 + 36, 0);
    expect_log(&log, &at, SEL_0 + 40, 0);
    expect_log(&log, &at, SEL_0 + 32, 0);
    expect_log(&log, &at, SEL_0 + 12, 0x00010700);
    expect_log(&log, &at, SEL_0 + 16, 0x00010001);
    expect_log(&log, &at, SEL_0 + 4, 0x07000000); /* the Stream ID last, not enabled */
    expect_no_more_writes(&log, at);
    CU_ASSERT_TRUE(stream.set_up && !stream.enabled);

    log.count = at = 0;
    CU_ASSERT_EQUAL(ide_stream_enable(&stream, &fault), IDE_OK);
    expect_log(&log, &at, SEL_0 + 4, 0x07000001);
    CU_ASSERT_EQUAL(ide_stream_disable(&stream, &fault), IDE_OK);
    expect_log(&log, &at, SEL_0 + 4, 0x07000000);
    CU_ASSERT_EQUAL(log.count, 2); /* no reads */
    CU_ASSERT_EQUAL(ide_stream_enable(&stream, &fault), IDE_OK);

    log.count = at = 0;
    CU_ASSERT_EQUAL(ide_stream_release(&stream, &fault), IDE_OK);
    expect_log(&log, &at, SEL_0 + 4, 0x07000000);
    expect_log(&log, &at, SEL_0 + 4, 0xff000000);
    expect_log(&log, &at, SEL_0 + 16, 0);
    expect_log(&log, &at, SEL_0 + 12, 0);
    expect_log(&log, &at, SEL_0 + 32, 0);
    expect_log(&log, &at, SEL_0 + 40, 0);
    expect_log(&log, &at, SEL_0 + 36, 0);
    expect_log(&log, &at, SEL_0 + 20, 0);
    expect_log(&log, &at, SEL_0 + 28, 0);
    expect_log(&log, &at, SEL_0 + 24, 0);
    CU_ASSERT_EQUAL(log.count, at);
    CU_ASSERT_FALSE(stream.set_up || stream.enabled);
    CU_ASSERT_EQUAL(ide_stream_release(&stream, &fault), IDE_OK); /* nothing left to do */
    CU_ASSERT_EQUAL(log.count, at);
}

static void link_stream_is_one_register(void)
{
    struct fake_function f;
    struct fake_log log;
    struct ide_port port;
    struct ide_stream stream;
    struct ide_fault fault;
    struct ide_stream_settings s = {.block = {IDE_LINK, 1}, .stream_id = 3, .features.traffic_class = 1};
    unsigned at = 0;
    open_port(&port, &f, &log);
    CU_ASSERT_EQUAL_FATAL(ide_stream_setup(&stream, &port, &s, &fault), IDE_OK);
    expect_log(&log, &at, LINK_1 + 4, PCIE_IDE_STREAM_STS_FAIL);
    expect_log(&log, &at, LINK_1, 0x03080000);
    expect_no_more_writes(&log, at);
    CU_ASSERT_EQUAL(ide_stream_release(&stream, &fault), IDE_OK);
    CU_ASSERT_EQUAL(fake_get32(&f, LINK_1), 0xff000000);
}

static void setup_moves_idle_blocks_off_the_stream_id(void)
{
    struct fake_function f;
    struct fake_log log;
    struct ide_port port;
    struct ide_stream stream;
    struct ide_fault fault;
    struct ide_stream_settings s = plain();
    open_port(&port, &f, &log);
    s.stream_id = 0; /* what all blocks carry after reset */
    fake_put32(&f, LINK_0, 0x00000001);
    fake_put32(&f, SEL_2 + 16, 1); /* somebody is preparing this one */
    CU_ASSERT_EQUAL_FATAL(ide_stream_setup(&stream, &port, &s, &fault), IDE_OK);
    CU_ASSERT_EQUAL(fake_get32(&f, SEL_1 + 4), 0xff000000);
    CU_ASSERT_EQUAL(fake_get32(&f, LINK_1), 0xff000000);
    CU_ASSERT_EQUAL(fake_get32(&f, LINK_0), 0x00000001); /* enabled: left alone */
    CU_ASSERT_EQUAL(fake_get32(&f, SEL_2 + 4), 0);
    CU_ASSERT_EQUAL(fake_get32(&f, SEL_0 + 4), 0);
    for (unsigned i = 0; i < log.count; i++) /* its own block is written once */
        CU_ASSERT_FALSE(log.entry[i].write && log.entry[i].offset == SEL_0 + 4 && log.entry[i].value != 0);
}

static void setup_leaves_an_enabled_block_alone(void)
{
    struct fake_function f;
    struct ide_port port;
    struct ide_stream stream;
    struct ide_fault fault;
    struct ide_stream_settings s = plain();
    open_port(&port, &f, NULL);
    fake_put32(&f, SEL_0 + 4, 0x09000001);
    CU_ASSERT_EQUAL(ide_stream_setup(&stream, &port, &s, &fault), IDE_E_STREAM_USED);
    CU_ASSERT_EQUAL(fault.got, 9);
    CU_ASSERT_FALSE(stream.set_up);
    CU_ASSERT_EQUAL(ide_stream_release(&stream, &fault), IDE_OK);
    CU_ASSERT_EQUAL(f.writes, 0);
}

static void setup_refused_by_the_image_touches_nothing(void)
{
    struct fake_function f;
    struct ide_port port;
    struct ide_stream stream;
    struct ide_fault fault;
    struct ide_stream_settings s = plain();
    open_port(&port, &f, NULL);
    s.stream_id = 255;
    CU_ASSERT_EQUAL(ide_stream_setup(&stream, &port, &s, &fault), IDE_E_STREAM_RANGE);
    CU_ASSERT_EQUAL(f.reads + f.writes, 0);
    CU_ASSERT_EQUAL(ide_stream_enable(&stream, &fault), IDE_E_STATE);
    CU_ASSERT_EQUAL(f.writes, 0);
}

static void register_that_does_not_take_fails_the_setup(void)
{
    static const struct {
        unsigned offset;
        const char *name;
    } rows[] = {
        {SEL_0 + 4, "IDE Stream Control"},         {SEL_0 + 12, "IDE RID Association 1"},
        {SEL_0 + 16, "IDE RID Association 2"},     {SEL_0 + 20, "IDE Address Association 1"},
        {SEL_0 + 24, "IDE Address Association 2"}, {SEL_0 + 28, "IDE Address Association 3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fake_function f;
        struct ide_port port;
        struct ide_stream stream;
        struct ide_fault fault;
        struct ide_stream_settings s = plain();
        open_port(&port, &f, NULL);
        s.window_count = 1;
        s.windows[0] = (struct pcie_window){0x1fe000000, 0x1fe2fffff};
        f.stuck_at = rows[i].offset;
        CU_ASSERT_EQUAL(ide_stream_setup(&stream, &port, &s, &fault), IDE_E_REGISTER);
        CU_ASSERT_STRING_EQUAL(fault.field, rows[i].name);
        CU_ASSERT_FALSE(stream.set_up);
        CU_ASSERT_EQUAL(fake_get32(&f, SEL_0 + 16), 0); /* no association stays */
        CU_ASSERT_EQUAL(fake_get32(&f, SEL_0 + 20), 0);
        CU_ASSERT_EQUAL(fake_get32(&f, SEL_0 + 4) & PCIE_IDE_STREAM_CTL_EN, 0);
    }
}

static void failing_writes_are_told_and_the_rest_is_undone(void)
{
    struct fake_function f;
    struct ide_port port;
    struct ide_stream stream;
    struct ide_fault fault;
    struct ide_stream_settings s = plain();
    open_port(&port, &f, NULL);
    f.fail_write_at = SEL_0 + 4;
    CU_ASSERT_EQUAL(ide_stream_setup(&stream, &port, &s, &fault), IDE_E_IO);
    CU_ASSERT_EQUAL(fake_get32(&f, SEL_0 + 16), 0);

    open_port(&port, &f, NULL);
    CU_ASSERT_EQUAL_FATAL(ide_stream_setup(&stream, &port, &s, &fault), IDE_OK);
    f.fail_write_at = SEL_0 + 4;
    CU_ASSERT_EQUAL(ide_stream_enable(&stream, &fault), IDE_E_IO);
    CU_ASSERT_TRUE(stream.enabled); /* it may be: to be undone */
    CU_ASSERT_EQUAL(ide_stream_release(&stream, &fault), IDE_E_IO);
    CU_ASSERT_EQUAL(fake_get32(&f, SEL_0 + 16), 0); /* the rest of it was done */
    CU_ASSERT_TRUE(stream.set_up);
    f.fail_write_at = 0; /* and can be done again */
    CU_ASSERT_EQUAL(ide_stream_release(&stream, &fault), IDE_OK);
    CU_ASSERT_EQUAL(fake_get32(&f, SEL_0 + 4), 0xff000000);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"capability is parsed", capability_is_parsed},
        {"each ability is its own bit", each_ability_is_its_own_bit},
        {"blocks are where the layout puts them", blocks_are_where_the_layout_puts_them},
        {"capability beyond the space is refused", capability_beyond_the_space_is_refused},
        {"port without IDE, or gone", port_without_ide_or_gone},
        {"image of plain settings", image_of_plain_settings},
        {"image of each setting", image_of_each_setting},
        {"image of a window above 4 GiB", image_of_a_window_above_4_gib},
        {"image refuses what is out of range", image_refuses_what_is_out_of_range},
        {"image refuses what the port cannot", image_refuses_what_the_port_cannot},
        {"setup in order, release in reverse", setup_writes_in_order_and_release_undoes_it_in_reverse},
        {"link stream is one register", link_stream_is_one_register},
        {"setup moves idle blocks off the Stream ID", setup_moves_idle_blocks_off_the_stream_id},
        {"setup leaves an enabled block alone", setup_leaves_an_enabled_block_alone},
        {"setup refused by the image touches nothing", setup_refused_by_the_image_touches_nothing},
        {"register that does not take fails the setup", register_that_does_not_take_fails_the_setup},
        {"failing writes are told, the rest is undone", failing_writes_are_told_and_the_rest_is_undone},
        CU_TEST_INFO_NULL,
    };
    return suite_run("root_port: IDE capability and stream", tests);
}
