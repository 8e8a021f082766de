/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees from bus numbers, also from numbers that a device made up. */
#include "root_port/topology.h"
#include "suite.h"
#include "test_root_port_fake.h"

static struct pcie_bdf bdf_of(const char *text)
{
    struct pcie_bdf bdf = {0};
    CU_ASSERT_EQUAL_FATAL(pcie_bdf_parse(text, &bdf), IDE_OK);
    return bdf;
}

static void add(struct topology *t, const char *name, struct fake_function *f)
{
    struct ide_fault fault;
    struct pcie_bdf bdf = bdf_of(name);
    CU_ASSERT_EQUAL_FATAL(topology_add(t, &bdf, &f->config, &fault), IDE_OK);
}

static void add_endpoint(struct topology *t, const char *name, bool ide)
{
    struct fake_function f;
    fake_init(&f);
    fake_put_express(&f, PCIE_TYPE_ENDPOINT);
    if (ide)
        fake_put_ext_cap(&f, 0x100, PCIE_EXT_CAP_ID_IDE, 0);
    add(t, name, &f);
}

static void add_bridge(struct topology *t, const char *name, enum pcie_port_type type, uint8_t secondary,
                       uint8_t subordinate)
{
    struct fake_function f;
    fake_init(&f);
    fake_put_express(&f, type);
    fake_put_bridge(&f, bdf_of(name).bus, secondary, subordinate);
    add(t, name, &f);
}

/* The default platform of ide-emu, added in no order. */
static void platform(struct topology *t)
{
    *t = (struct topology){0};
    add_endpoint(t, "0000:05:00.0", true);
    add_bridge(t, "0000:03:01.0", PCIE_TYPE_DOWNSTREAM, 5, 5);
    add_bridge(t, "0000:02:00.0", PCIE_TYPE_UPSTREAM, 3, 5);
    add_endpoint(t, "0000:01:00.0", true);
    add_bridge(t, "0000:00:03.0", PCIE_TYPE_ROOT_PORT, 1, 1);
    add_bridge(t, "0000:00:04.0", PCIE_TYPE_ROOT_PORT, 2, 5);
    add_endpoint(t, "0000:04:00.0", true);
    add_bridge(t, "0000:03:00.0", PCIE_TYPE_DOWNSTREAM, 4, 4);
}

static size_t find(const struct topology *t, const char *name)
{
    struct pcie_bdf bdf = bdf_of(name);
    return topology_find(t, &bdf);
}

static void expect_pair(const struct topology *t, const char *given, const char *root_port,
                        const char *endpoint)
{
    struct topology_pair pair;
    struct ide_fault fault;
    struct pcie_bdf bdf = bdf_of(given);
    CU_ASSERT_EQUAL_FATAL(topology_pair(t, &bdf, &pair, &fault), IDE_OK);
    CU_ASSERT_EQUAL(pair.root_port, find(t, root_port));
    CU_ASSERT_EQUAL(pair.endpoint, find(t, endpoint));
}

static void expect_no_pair(const struct topology *t, const char *given, enum ide_err want)
{
    struct topology_pair pair = {1000, 1000};
    struct ide_fault fault;
    struct pcie_bdf bdf = bdf_of(given);
    CU_ASSERT_EQUAL(topology_pair(t, &bdf, &pair, &fault), want);
    CU_ASSERT_EQUAL(fault.err, want);
    CU_ASSERT_EQUAL(pair.root_port, 1000);
}

static void nodes_are_in_order_and_parents_before_children(void)
{
    struct topology t;
    platform(&t);
    topology_link(&t);
    for (size_t i = 0; i < t.count; i++) {
        CU_ASSERT_TRUE(t.nodes[i].parent == TOPOLOGY_NONE || t.nodes[i].parent < i);
        CU_ASSERT_TRUE(i == 0 || pcie_bdf_compare(&t.nodes[i - 1].bdf, &t.nodes[i].bdf) < 0);
    }
    CU_ASSERT_EQUAL(find(&t, "0000:09:00.0"), TOPOLOGY_NONE);
    topology_free(&t);
}

static void path_through_a_switch(void)
{
    static const char *const want[] = {"0000:00:04.0", "0000:02:00.0", "0000:03:01.0", "0000:05:00.0"};
    struct topology t;
    struct ide_fault fault;
    size_t path[TOPOLOGY_DEPTH_MAX], count;
    platform(&t);
    topology_link(&t);
    CU_ASSERT_EQUAL(topology_path(&t, find(&t, "0000:05:00.0"), path, &count, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(count, 4);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(path[i], find(&t, want[i]));
    CU_ASSERT_EQUAL(topology_path(&t, find(&t, "0000:00:03.0"), path, &count, &fault), IDE_OK);
    CU_ASSERT_EQUAL(count, 1);
    topology_free(&t);
}

static void endpoints_below_a_root_port_in_order(void)
{
    struct topology t;
    platform(&t);
    topology_link(&t);
    size_t port = find(&t, "0000:00:04.0");
    size_t first = topology_next_endpoint(&t, port, TOPOLOGY_NONE);
    CU_ASSERT_EQUAL(first, find(&t, "0000:04:00.0"));
    size_t second = topology_next_endpoint(&t, port, first);
    CU_ASSERT_EQUAL(second, find(&t, "0000:05:00.0"));
    CU_ASSERT_EQUAL(topology_next_endpoint(&t, port, second), TOPOLOGY_NONE);
    topology_free(&t);
}

static void pair_from_either_end(void)
{
    struct topology t;
    platform(&t);
    topology_link(&t);
    expect_pair(&t, "0000:00:03.0", "0000:00:03.0", "0000:01:00.0");
    expect_pair(&t, "0000:01:00.0", "0000:00:03.0", "0000:01:00.0");
    expect_pair(&t, "0000:04:00.0", "0000:00:04.0", "0000:04:00.0");
    expect_pair(&t, "0000:05:00.0", "0000:00:04.0", "0000:05:00.0");
    expect_no_pair(&t, "0000:00:04.0", IDE_E_AMBIGUOUS);
    expect_no_pair(&t, "0000:02:00.0", IDE_E_NOT_PORT);
    expect_no_pair(&t, "0000:03:01.0", IDE_E_NOT_PORT);
    expect_no_pair(&t, "0000:09:00.0", IDE_E_NO_DEVICE);
    topology_free(&t);
}

static void pair_prefers_the_endpoint_with_ide(void)
{
    struct topology t = {0};
    add_bridge(&t, "0000:00:03.0", PCIE_TYPE_ROOT_PORT, 1, 1);
    add_endpoint(&t, "0000:01:00.0", false);
    add_endpoint(&t, "0000:01:00.1", true);
    topology_link(&t);
    expect_pair(&t, "0000:00:03.0", "0000:00:03.0", "0000:01:00.1");
    topology_free(&t);

    add_bridge(&t, "0000:00:03.0", PCIE_TYPE_ROOT_PORT, 1, 1);
    add_endpoint(&t, "0000:01:00.0", false);
    topology_link(&t);
    expect_pair(&t, "0000:00:03.0", "0000:00:03.0", "0000:01:00.0");
    topology_free(&t);
}

static void pair_needs_both_ends(void)
{
    struct fake_function f;
    struct topology t = {0};
    add_bridge(&t, "0000:00:03.0", PCIE_TYPE_ROOT_PORT, 1, 1); /* empty slot */
    add_bridge(&t, "0000:00:04.0", PCIE_TYPE_ROOT_PORT, 0, 0); /* not configured */
    add_endpoint(&t, "0000:00:05.0", true);                    /* in the root complex, or lost */
    fake_init(&f);
    add(&t, "0000:00:06.0", &f); /* no PCI Express */
    topology_link(&t);
    expect_no_pair(&t, "0000:00:03.0", IDE_E_NO_PARTNER);
    expect_no_pair(&t, "0000:00:04.0", IDE_E_NO_PARTNER);
    expect_no_pair(&t, "0000:00:05.0", IDE_E_NO_PARTNER);
    expect_no_pair(&t, "0000:00:06.0", IDE_E_NOT_PORT);
    topology_free(&t);
}

static void domains_are_kept_apart(void)
{
    struct topology t = {0};
    add_bridge(&t, "0000:00:03.0", PCIE_TYPE_ROOT_PORT, 1, 1);
    add_endpoint(&t, "0000:01:00.0", true);
    add_bridge(&t, "0001:00:03.0", PCIE_TYPE_ROOT_PORT, 1, 1);
    add_endpoint(&t, "0001:01:00.0", true);
    add_endpoint(&t, "0002:01:00.0", true);
    topology_link(&t);
    expect_pair(&t, "0000:00:03.0", "0000:00:03.0", "0000:01:00.0");
    expect_pair(&t, "0001:01:00.0", "0001:00:03.0", "0001:01:00.0");
    expect_no_pair(&t, "0002:01:00.0", IDE_E_NO_PARTNER);
    topology_free(&t);
}

static void virtual_function_on_a_later_bus_hangs_below_the_same_port(void)
{
    struct topology t = {0};
    add_bridge(&t, "0000:00:03.0", PCIE_TYPE_ROOT_PORT, 1, 3);
    add_endpoint(&t, "0000:01:00.0", true);
    add_endpoint(&t, "0000:02:00.1", false);
    topology_link(&t);
    expect_pair(&t, "0000:02:00.1", "0000:00:03.0", "0000:02:00.1");
    topology_free(&t);
}

static void loops_in_the_bus_numbers_are_survived(void)
{
    struct topology t = {0};
    add_bridge(&t, "0000:00:03.0", PCIE_TYPE_ROOT_PORT, 1, 4);
    add_bridge(&t, "0000:01:00.0", PCIE_TYPE_UPSTREAM, 1, 1); /* below itself */
    add_bridge(&t, "0000:02:00.0", PCIE_TYPE_UPSTREAM, 3, 4);
    add_bridge(&t, "0000:03:00.0", PCIE_TYPE_DOWNSTREAM, 2, 4); /* back up */
    add_bridge(&t, "0000:04:00.0", PCIE_TYPE_DOWNSTREAM, 0, 255);
    topology_link(&t);
    for (size_t i = 0; i < t.count; i++) {
        CU_ASSERT_TRUE(t.nodes[i].parent == TOPOLOGY_NONE || t.nodes[i].parent < i);
        CU_ASSERT_EQUAL(topology_next_endpoint(&t, i, TOPOLOGY_NONE), TOPOLOGY_NONE);
    }
    expect_no_pair(&t, "0000:00:03.0", IDE_E_NO_PARTNER);
    topology_free(&t);
}

static void device_cannot_claim_the_buses_of_another_port(void)
{
    struct topology t = {0};
    add_bridge(&t, "0000:00:03.0", PCIE_TYPE_ROOT_PORT, 1, 1);
    add_bridge(&t, "0000:00:04.0", PCIE_TYPE_ROOT_PORT, 2, 5);
    add_bridge(&t, "0000:01:00.0", PCIE_TYPE_UPSTREAM, 4, 5); /* claims what hangs below 00:04.0 */
    add_endpoint(&t, "0000:04:00.0", true);
    topology_link(&t);
    expect_pair(&t, "0000:04:00.0", "0000:00:04.0", "0000:04:00.0");
    expect_no_pair(&t, "0000:00:03.0", IDE_E_NO_PARTNER);
    topology_free(&t);
}

static void device_that_says_it_is_a_root_port_is_none(void)
{
    struct topology t = {0};
    add_bridge(&t, "0000:00:03.0", PCIE_TYPE_ROOT_PORT, 1, 2);
    add_bridge(&t, "0000:01:00.0", PCIE_TYPE_ROOT_PORT, 2, 2);
    add_endpoint(&t, "0000:02:00.0", true);
    topology_link(&t);
    expect_no_pair(&t, "0000:02:00.0", IDE_E_NO_PARTNER);
    expect_no_pair(&t, "0000:01:00.0", IDE_E_NO_PARTNER);
    topology_free(&t);

    add_bridge(&t, "0000:00:03.0", PCIE_TYPE_UPSTREAM, 1, 2); /* nor is the top always one */
    add_endpoint(&t, "0000:01:00.0", true);
    topology_link(&t);
    expect_no_pair(&t, "0000:01:00.0", IDE_E_NO_PARTNER);
    topology_free(&t);
}

static void deepest_chain_is_walked(void)
{
    struct topology t = {0};
    struct ide_fault fault;
    size_t path[TOPOLOGY_DEPTH_MAX], count;
    char name[PCIE_BDF_TEXT];
    for (unsigned bus = 0; bus < 255; bus++) {
        struct pcie_bdf bdf = {.bus = (uint8_t)bus};
        add_bridge(&t, pcie_bdf_format(&bdf, name), bus ? PCIE_TYPE_DOWNSTREAM : PCIE_TYPE_ROOT_PORT,
                   (uint8_t)(bus + 1), 255);
    }
    add_endpoint(&t, "0000:ff:00.0", true);
    topology_link(&t);
    CU_ASSERT_EQUAL(topology_path(&t, 255, path, &count, &fault), IDE_OK);
    CU_ASSERT_EQUAL(count, TOPOLOGY_DEPTH_MAX);
    expect_pair(&t, "0000:00:00.0", "0000:00:00.0", "0000:ff:00.0");
    topology_free(&t);
}

static void function_that_is_gone_is_not_added(void)
{
    struct topology t = {0};
    struct fake_function f;
    struct ide_fault fault;
    struct pcie_bdf bdf = {0};
    fake_init(&f);
    f.gone = true;
    CU_ASSERT_EQUAL(topology_add(&t, &bdf, &f.config, &fault), IDE_E_NO_DEVICE);
    CU_ASSERT_EQUAL(t.count, 0);
    topology_link(&t);
    topology_free(&t);
}

static void the_top_and_what_is_below(void)
{
    struct topology t;
    platform(&t);
    topology_link(&t);
    size_t root = find(&t, "0000:00:04.0"), other = find(&t, "0000:00:03.0"), end = find(&t, "0000:05:00.0");
    CU_ASSERT_EQUAL(topology_top(&t, end), root);
    CU_ASSERT_EQUAL(topology_top(&t, root), root);
    CU_ASSERT_EQUAL(topology_top(&t, TOPOLOGY_NONE), TOPOLOGY_NONE);
    CU_ASSERT_TRUE(topology_is_below(&t, end, root) && topology_is_below(&t, end, find(&t, "0000:03:01.0")));
    CU_ASSERT_FALSE(topology_is_below(&t, end, other) || topology_is_below(&t, end, find(&t, "0000:03:00.0")));
    CU_ASSERT_FALSE(topology_is_below(&t, end, end) || topology_is_below(&t, root, end));
    topology_free(&t);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"nodes are in order and parents before children", nodes_are_in_order_and_parents_before_children},
        {"path through a switch", path_through_a_switch},
        {"endpoints below a root port in order", endpoints_below_a_root_port_in_order},
        {"pair from either end", pair_from_either_end},
        {"pair prefers the endpoint with IDE", pair_prefers_the_endpoint_with_ide},
        {"pair needs both ends", pair_needs_both_ends},
        {"domains are kept apart", domains_are_kept_apart},
        {"virtual function on a later bus", virtual_function_on_a_later_bus_hangs_below_the_same_port},
        {"loops in the bus numbers are survived", loops_in_the_bus_numbers_are_survived},
        {"device cannot claim the buses of another port", device_cannot_claim_the_buses_of_another_port},
        {"device that says it is a root port is none", device_that_says_it_is_a_root_port_is_none},
        {"deepest chain is walked", deepest_chain_is_walked},
        {"function that is gone is not added", function_that_is_gone_is_not_added},
        {"the top, and what is below", the_top_and_what_is_below},
        CU_TEST_INFO_NULL,
    };
    return suite_run("root_port: topology", tests);
}
