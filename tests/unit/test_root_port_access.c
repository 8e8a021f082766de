/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libpci on a tree of plain files: devices/<bdf>/config and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "root_port/kernel_owner.h"
#include "root_port/pcie_access.h"
#include "root_port/pcie_ahead.h"
#include "root_port/topology.h"
#include "suite.h"
#include "test_root_port_fake.h"

/* One tree at a time, removed at the end of its test. */
struct tree {
    char path[64];
};

__attribute__((format(printf, 1, 0))) static void run(const char *command, const char *path)
{
    char line[256];
    snprintf(line, sizeof line, command, path);
    CU_ASSERT_EQUAL_FATAL(system(line), 0);
}

static void tree_make(struct tree *tree)
{
    strcpy(tree->path, "/tmp/test_root_port.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(tree->path));
    run("mkdir '%s/devices'", tree->path);
}

static void tree_remove(const struct tree *tree)
{
    run("rm -r '%s'", tree->path);
}

static void config_path(const struct tree *tree, const char *name, char path[static 128])
{
    snprintf(path, 128, "%s/devices/%s", tree->path, name);
    mkdir(path, 0755);
    snprintf(path, 128, "%s/devices/%s/config", tree->path, name);
}

static void tree_add(const struct tree *tree, const char *name, const struct fake_function *function,
                     size_t size)
{
    char path[128];
    config_path(tree, name, path);
    FILE *file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(function->space, 1, size, file), size);
    fclose(file);
}

static struct pcie_bdf bdf_of(const char *text)
{
    struct pcie_bdf bdf = {0};
    CU_ASSERT_EQUAL_FATAL(pcie_bdf_parse(text, &bdf), IDE_OK);
    return bdf;
}

static void endpoint(struct fake_function *f)
{
    fake_init(f);
    fake_put_express(f, PCIE_TYPE_ENDPOINT);
    fake_put_ext_cap(f, 0x100, PCIE_EXT_CAP_ID_DOE, 0x140);
    fake_put_ext_cap(f, 0x140, PCIE_EXT_CAP_ID_IDE, 0);
}

static void bridge(struct fake_function *f, enum pcie_port_type type, uint8_t bus, uint8_t secondary,
                   uint8_t subordinate)
{
    fake_init(f);
    fake_put_express(f, type);
    fake_put_bridge(f, bus, secondary, subordinate);
}

static void open_refuses_what_is_no_tree(void)
{
    struct pcie_access access;
    struct ide_fault fault;
    char longest[PCIE_SYSFS_PATH_MAX + 1];
    CU_ASSERT_EQUAL(pcie_access_open(&access, "/nonexistent", &fault), IDE_E_ACCESS);
    pcie_access_close(&access);
    memset(longest, 'x', sizeof longest);
    longest[PCIE_SYSFS_PATH_MAX] = '\0';
    CU_ASSERT_EQUAL(pcie_access_open(&access, longest, &fault), IDE_E_ARGUMENT);
    pcie_access_close(&access);
    CU_ASSERT_EQUAL(pcie_access_open(&access, "/etc/passwd", &fault), IDE_E_ACCESS);
    pcie_access_close(&access);
}

static void function_reads_and_writes_all_sizes(void)
{
    struct tree tree;
    struct fake_function f;
    struct pcie_access access;
    struct pcie_function function;
    struct ide_fault fault;
    struct pcie_bdf bdf = bdf_of("0001:02:03.4");
    tree_make(&tree);
    endpoint(&f);
    tree_add(&tree, "0001:02:03.4", &f, PCIE_CONFIG_SIZE);
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&access, tree.path, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(pcie_function_open(&function, &access, &bdf, &fault), IDE_OK);
    CU_ASSERT_EQUAL(pcie_read32(&function.config, 0), 0x00101b36);
    CU_ASSERT_EQUAL(pcie_read16(&function.config, 2), 0x0010);
    CU_ASSERT_EQUAL(pcie_read8(&function.config, 1), 0x1b);
    CU_ASSERT_TRUE(pcie_write32(&function.config, 0xffc, 0x11223344));
    CU_ASSERT_TRUE(pcie_write16(&function.config, 0xffe, 0xaabb));
    CU_ASSERT_TRUE(pcie_write8(&function.config, 0xffc, 0xcc));
    CU_ASSERT_EQUAL(pcie_read32(&function.config, 0xffc), 0xaabb33cc);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&function.config, PCIE_EXT_CAP_ID_IDE, 0), 0x140);
    pcie_function_close(&function);
    pcie_access_close(&access);
    tree_remove(&tree);
}

static enum ide_err open_one(const struct tree *tree, const char *name)
{
    struct pcie_access access;
    struct pcie_function function;
    struct ide_fault fault;
    struct pcie_bdf bdf = bdf_of(name);
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&access, tree->path, &fault), IDE_OK);
    enum ide_err err = pcie_function_open(&function, &access, &bdf, &fault);
    CU_ASSERT_TRUE(err == IDE_OK || fault.err == err);
    pcie_function_close(&function);
    pcie_access_close(&access);
    return err;
}

static void function_open_tells_absent_from_unreadable(void)
{
    struct tree tree;
    struct fake_function f;
    tree_make(&tree);
    endpoint(&f);
    tree_add(&tree, "0000:00:01.0", &f, 0);
    tree_add(&tree, "0000:00:02.0", &f, PCIE_STD_HEADER_SIZE); /* what Linux shows to others than root */
    tree_add(&tree, "0000:00:03.0", &f, 256);                  /* conventional PCI */
    memset(f.space, 0xff, sizeof f.space);
    tree_add(&tree, "0000:00:04.0", &f, PCIE_CONFIG_SIZE);
    CU_ASSERT_EQUAL(open_one(&tree, "0000:00:00.0"), IDE_E_NO_DEVICE);
    CU_ASSERT_EQUAL(open_one(&tree, "0000:00:01.0"), IDE_E_ACCESS);
    CU_ASSERT_EQUAL(open_one(&tree, "0000:00:02.0"), IDE_E_ACCESS);
    CU_ASSERT_EQUAL(open_one(&tree, "0000:00:03.0"), IDE_OK);
    CU_ASSERT_EQUAL(open_one(&tree, "0000:00:04.0"), IDE_E_NO_DEVICE);
    tree_remove(&tree);
}

static void function_that_vanishes_reads_all_ones(void)
{
    struct tree tree;
    struct fake_function f;
    struct pcie_access pci;
    struct pcie_function function;
    struct ide_fault fault;
    struct pcie_bdf bdf = bdf_of("0000:00:01.0");
    char path[128];
    tree_make(&tree);
    endpoint(&f);
    tree_add(&tree, "0000:00:01.0", &f, PCIE_CONFIG_SIZE);
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&pci, tree.path, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(pcie_function_open(&function, &pci, &bdf, &fault), IDE_OK);
    config_path(&tree, "0000:00:01.0", path);
    CU_ASSERT_EQUAL(truncate(path, 0), 0);
    CU_ASSERT_EQUAL(pcie_read32(&function.config, 0), PCIE_ALL_ONES);
    CU_ASSERT_EQUAL(unlink(path), 0);
    /* the first write opens the file anew, for writing: it is not there, and neither libpci nor we end or
     * make it */
    CU_ASSERT_FALSE(pcie_write32(&function.config, 0x100, 0));
    CU_ASSERT_EQUAL(pcie_read32(&function.config, 0), PCIE_ALL_ONES);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    pcie_function_close(&function);
    pcie_access_close(&pci);
    tree_remove(&tree);
}

static void list_is_in_order_and_passes_over_other_names(void)
{
    static const char *const want[] = {"0000:00:03.0", "0000:01:00.0", "0000:01:00.1", "0001:00:00.0",
                                       "10000:00:00.0"};
    struct tree tree;
    struct fake_function f;
    struct pcie_access access;
    struct ide_fault fault;
    struct pcie_presence *list;
    size_t count;
    char text[PCIE_BDF_TEXT];
    tree_make(&tree);
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&access, tree.path, &fault), IDE_OK);
    CU_ASSERT_EQUAL(pcie_access_list(&access, &list, &count, &fault), IDE_OK);
    CU_ASSERT_TRUE(list == NULL && count == 0);
    endpoint(&f);
    for (size_t i = 5; i-- > 0;)
        tree_add(&tree, want[i], &f, PCIE_CONFIG_SIZE);
    run("mkdir '%s/devices/surprise'", tree.path); /* pci_scan_bus() would end the program here */
    CU_ASSERT_EQUAL(pcie_access_list(&access, &list, &count, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(count, 5);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_STRING_EQUAL(pcie_bdf_format(&list[i].bdf, text), want[i]);
    free(list);
    pcie_access_close(&access);
    tree_remove(&tree);
}

static uint64_t digest_of(const struct pcie_access *access)
{
    struct pcie_presence *list;
    struct ide_fault fault;
    size_t count;
    CU_ASSERT_EQUAL_FATAL(pcie_access_list(access, &list, &count, &fault), IDE_OK);
    uint64_t digest = pcie_presence_digest(list, count);
    free(list);
    return digest;
}

/* Another one with the same name, while the old one still has its inode. */
static void put_another(const struct tree *tree, const char *name)
{
    char line[256];
    snprintf(line, sizeof line, "cd '%s' && rm -rf before && mv devices/%s before && cp -r before devices/%s",
             tree->path, name, name);
    CU_ASSERT_EQUAL_FATAL(system(line), 0);
}

static void another_function_with_the_same_address_has_another_serial(void)
{
    struct pcie_presence list[2] = {{.bdf = {0, 1, 0, 0}, .serial = 7}, {.bdf = {0, 2, 0, 0}, .serial = 8}};
    struct tree tree;
    struct fake_function f;
    struct pcie_access access;
    struct ide_fault fault;
    uint64_t two = pcie_presence_digest(list, 2), one = pcie_presence_digest(list, 1);
    CU_ASSERT_TRUE(one != two && one != 0 && pcie_presence_digest(NULL, 0) != 0);
    list[1].serial = 9;
    CU_ASSERT_NOT_EQUAL(pcie_presence_digest(list, 2), two);
    list[1].serial = 8;
    list[1].silent = true;
    CU_ASSERT_NOT_EQUAL(pcie_presence_digest(list, 2), two);
    list[1] = (struct pcie_presence){.bdf = {0, 2, 0, 1}, .serial = 8};
    CU_ASSERT_NOT_EQUAL(pcie_presence_digest(list, 2), two);

    tree_make(&tree);
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&access, tree.path, &fault), IDE_OK);
    endpoint(&f);
    tree_add(&tree, "0000:01:00.0", &f, PCIE_CONFIG_SIZE);
    tree_add(&tree, "0000:02:00.0", &f, PCIE_CONFIG_SIZE);
    uint64_t before = digest_of(&access);
    CU_ASSERT_EQUAL(digest_of(&access), before);
    put_another(&tree, "0000:02:00.0");
    CU_ASSERT_NOT_EQUAL(digest_of(&access), before);
    pcie_access_close(&access);
    tree_remove(&tree);
}

static void topology_is_read_from_the_tree(void)
{
    struct tree tree;
    struct fake_function f;
    struct pcie_access access;
    struct topology topology;
    struct topology_pair pair;
    struct ide_fault fault;
    struct pcie_bdf bdf = bdf_of("0000:01:00.0");
    tree_make(&tree);
    bridge(&f, PCIE_TYPE_ROOT_PORT, 0, 1, 1);
    tree_add(&tree, "0000:00:03.0", &f, PCIE_CONFIG_SIZE);
    endpoint(&f);
    tree_add(&tree, "0000:01:00.0", &f, PCIE_CONFIG_SIZE);
    tree_add(&tree, "0000:01:00.1", &f, 0); /* unreadable: left out */
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&access, tree.path, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(topology_read(&topology, &access, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(topology.count, 2);
    CU_ASSERT_EQUAL_FATAL(topology_pair(&topology, &bdf, &pair, &fault), IDE_OK);
    CU_ASSERT_TRUE(pair.root_port == 0 && pair.endpoint == 1);
    CU_ASSERT_TRUE(topology.nodes[1].ide == 0x140 && topology.nodes[1].doe_count == 1);
    topology_free(&topology);
    pcie_access_close(&access);
    tree_remove(&tree);
}

static void topology_of_unreadable_functions_is_an_error(void)
{
    struct tree tree;
    struct fake_function f;
    struct pcie_access access;
    struct topology topology;
    struct ide_fault fault;
    tree_make(&tree);
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&access, tree.path, &fault), IDE_OK);
    CU_ASSERT_EQUAL(topology_read(&topology, &access, &fault), IDE_OK);
    CU_ASSERT_EQUAL(topology.count, 0);
    topology_free(&topology);
    endpoint(&f);
    tree_add(&tree, "0000:00:02.0", &f, PCIE_STD_HEADER_SIZE);
    CU_ASSERT_EQUAL(topology_read(&topology, &access, &fault), IDE_E_ACCESS);
    topology_free(&topology);
    run("rm -r '%s/devices'", tree.path); /* gone while open */
    CU_ASSERT_EQUAL(topology_read(&topology, &access, &fault), IDE_E_ACCESS);
    topology_free(&topology);
    pcie_access_close(&access);
    tree_remove(&tree);
}

static void put_root_port(const struct tree *tree, const char *name, uint8_t secondary)
{
    struct fake_function f;
    bridge(&f, PCIE_TYPE_ROOT_PORT, 0, secondary, secondary);
    tree_add(tree, name, &f, PCIE_CONFIG_SIZE);
}

static void put_endpoint(const struct tree *tree, const char *name)
{
    struct fake_function f;
    endpoint(&f);
    tree_add(tree, name, &f, PCIE_CONFIG_SIZE);
}

static void put_plain_device(const struct tree *tree, const char *name)
{
    struct fake_function f;
    fake_init(&f);
    fake_put_express(&f, PCIE_TYPE_LEGACY_ENDPOINT);
    tree_add(tree, name, &f, PCIE_CONFIG_SIZE);
}

static void make_two_branches(const struct tree *tree, struct pcie_access *access, struct topology *topology)
{
    struct ide_fault fault;
    put_root_port(tree, "0000:00:03.0", 1);
    put_root_port(tree, "0000:00:04.0", 2);
    put_endpoint(tree, "0000:01:00.0");
    put_endpoint(tree, "0000:02:00.0");
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(access, tree->path, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(topology_read(topology, access, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(topology->count, 4);
}

static void what_is_below_a_root_port_is_read_anew(void)
{
    struct tree tree;
    struct pcie_access access;
    struct topology topology;
    tree_make(&tree);
    make_two_branches(&tree, &access, &topology);
    /* other devices in their places, without IDE */
    put_plain_device(&tree, "0000:01:00.0");
    put_plain_device(&tree, "0000:02:00.0");
    for (size_t i = 0; i <= 2; i += 2) { /* from the root port, and from the function itself */
        topology.nodes[2].type = PCIE_TYPE_NONE;
        CU_ASSERT_TRUE(topology_renew(&topology, i, &access));
        const struct topology_node *node = &topology.nodes[2];
        CU_ASSERT_TRUE(node->type == PCIE_TYPE_LEGACY_ENDPOINT && node->ide == 0 && node->doe_count == 0);
        CU_ASSERT_TRUE(node->parent == 0 && topology.nodes[0].bridge);
    }
    CU_ASSERT_EQUAL(topology.nodes[3].ide, 0x140); /* another root port's is as it was read */

    put_root_port(&tree, "0000:00:03.0", 5);
    CU_ASSERT_FALSE(topology_renew(&topology, 0, &access));
    CU_ASSERT_FALSE(topology_renew(&topology, 2, &access));
    CU_ASSERT_TRUE(topology_renew(&topology, 3, &access));
    put_root_port(&tree, "0000:00:03.0", 1);
    CU_ASSERT_TRUE(topology_renew(&topology, 2, &access));
    run("rm '%s/devices/0000:01:00.0/config'", tree.path);
    CU_ASSERT_FALSE(topology_renew(&topology, 0, &access));
    topology_free(&topology);
    pcie_access_close(&access);
    tree_remove(&tree);
}

static void a_function_that_comes_or_goes_is_seen_by_its_name(void)
{
    struct tree tree;
    struct pcie_access access;
    struct topology topology;
    tree_make(&tree);
    make_two_branches(&tree, &access, &topology);
    CU_ASSERT_TRUE(topology_is_listed(&topology, &access));
    put_endpoint(&tree, "0000:01:00.1");
    CU_ASSERT_FALSE(topology_is_listed(&topology, &access));
    run("rm -r '%s/devices/0000:01:00.1'", tree.path);
    CU_ASSERT_TRUE(topology_is_listed(&topology, &access));
    run("rm -r '%s/devices/0000:02:00.0'", tree.path);
    CU_ASSERT_FALSE(topology_is_listed(&topology, &access));
    put_endpoint(&tree, "0000:03:00.0"); /* as many as there were */
    CU_ASSERT_FALSE(topology_is_listed(&topology, &access));
    topology_free(&topology);
    pcie_access_close(&access);
    tree_remove(&tree);
}

static void another_function_with_the_same_address_is_seen(void)
{
    struct tree tree;
    struct pcie_access access;
    struct topology topology;
    struct ide_fault fault;
    const struct pcie_bdf bdf = bdf_of("0000:01:00.0"), none = bdf_of("0000:07:00.0");
    tree_make(&tree);
    make_two_branches(&tree, &access, &topology);
    uint64_t before = topology_presence(&topology, &bdf);
    CU_ASSERT_NOT_EQUAL(before, 0);
    CU_ASSERT_EQUAL(topology_presence(&topology, &none), 0);
    put_another(&tree, "0000:01:00.0");
    CU_ASSERT_FALSE(topology_is_listed(&topology, &access));
    topology_free(&topology);
    CU_ASSERT_EQUAL_FATAL(topology_read(&topology, &access, &fault), IDE_OK);
    CU_ASSERT_TRUE(topology_is_listed(&topology, &access));
    uint64_t after = topology_presence(&topology, &bdf);
    CU_ASSERT_TRUE(after != 0 && after != before);
    topology_free(&topology);
    pcie_access_close(&access);
    tree_remove(&tree);
}

static void who_is_in_the_tree_and_does_not_answer_is_silent(void)
{
    struct tree tree;
    struct pcie_access access;
    struct topology topology;
    struct ide_fault fault;
    struct fake_function f;
    const struct pcie_bdf bdf = bdf_of("0000:01:00.1");
    tree_make(&tree);
    make_two_branches(&tree, &access, &topology);
    CU_ASSERT_EQUAL(topology.found, topology.listing);
    topology_free(&topology);
    memset(&f, 0xff, sizeof f); /* its link is down */
    tree_add(&tree, "0000:01:00.1", &f, PCIE_CONFIG_SIZE);
    CU_ASSERT_EQUAL_FATAL(topology_read(&topology, &access, &fault), IDE_OK);
    CU_ASSERT_NOT_EQUAL(topology.found, topology.listing);
    CU_ASSERT_EQUAL(topology_presence(&topology, &bdf), 0);
    CU_ASSERT_TRUE(topology_is_listed(&topology, &access));
    topology_free(&topology);
    put_endpoint(&tree, "0000:01:00.1");
    CU_ASSERT_EQUAL_FATAL(topology_read(&topology, &access, &fault), IDE_OK);
    CU_ASSERT_EQUAL(topology.found, topology.listing);
    CU_ASSERT_NOT_EQUAL(topology_presence(&topology, &bdf), 0);
    topology_free(&topology);
    pcie_access_close(&access);
    tree_remove(&tree);
}

/* --- What is read ahead */

static void registers_in_their_order_are_read_ahead(void)
{
    struct tree tree;
    struct fake_function f;
    struct pcie_access access;
    struct pcie_function function;
    struct pcie_ahead ahead;
    struct ide_fault fault;
    const struct pcie_bdf bdf = bdf_of("0000:01:00.0");
    tree_make(&tree);
    endpoint(&f);
    for (unsigned i = 0; i < 5; i++)
        fake_put32(&f, 0x200 + 4 * i, 0x87654321 + i);
    tree_add(&tree, "0000:01:00.0", &f, PCIE_CONFIG_SIZE);
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&access, tree.path, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(pcie_function_open(&function, &access, &bdf, &fault), IDE_OK);
    const struct pcie_config config = pcie_ahead_open(&ahead, &function);
    CU_ASSERT_EQUAL(pcie_read32(&config, 0x200), 0x87654321);
    for (unsigned i = 0; i < 5; i++)
        CU_ASSERT_TRUE(pcie_write32(&function.config, 0x200 + 4 * i, 0));
    CU_ASSERT_EQUAL(pcie_read32(&config, 0x20c), 0x87654324); /* as they were at the first access */
    CU_ASSERT_EQUAL(pcie_read16(&config, 0x202), 0x8765);
    CU_ASSERT_EQUAL(pcie_read8(&config, 0x201), 0x43);
    CU_ASSERT_EQUAL(pcie_read32(&config, 0x210), 0);
    CU_ASSERT_EQUAL(pcie_read32(&config, 0x20c), 0); /* what was read before is not kept */
    CU_ASSERT_FALSE(pcie_write32(&config, 0x200, 1));
    CU_ASSERT_EQUAL(pcie_read32(&function.config, 0x200), 0);
    pcie_function_close(&function);
    pcie_access_close(&access);
    tree_remove(&tree);
}

/* At the end of configuration space, and of what the function has of it. */
static void where_nothing_follows_one_register_is_read(void)
{
    struct tree tree;
    struct fake_function f;
    struct pcie_access access;
    struct pcie_function function;
    struct pcie_ahead ahead;
    struct ide_fault fault;
    const struct pcie_bdf bdf[] = {bdf_of("0000:01:00.0"), bdf_of("0000:02:00.0")};
    tree_make(&tree);
    endpoint(&f);
    fake_put32(&f, 0xfc, 0x11111111);
    fake_put32(&f, PCIE_CONFIG_SIZE - 4, 0x22222222);
    tree_add(&tree, "0000:01:00.0", &f, PCIE_CONFIG_SIZE);
    tree_add(&tree, "0000:02:00.0", &f, 256);
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&access, tree.path, &fault), IDE_OK);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL_FATAL(pcie_function_open(&function, &access, &bdf[i], &fault), IDE_OK);
        const struct pcie_config config = pcie_ahead_open(&ahead, &function);
        CU_ASSERT_EQUAL(pcie_read32(&config, 0xfc), 0x11111111);
        CU_ASSERT_EQUAL(pcie_read32(&config, PCIE_CONFIG_SIZE - 4), i == 0 ? 0x22222222 : PCIE_ALL_ONES);
        CU_ASSERT_EQUAL(pcie_read32(&config, PCIE_CONFIG_SIZE), PCIE_ALL_ONES);
        pcie_function_close(&function);
    }
    pcie_access_close(&access);
    tree_remove(&tree);
}

/* --- What the kernel says that is its own */

/* A tree as Linux has it, with links from devices/ to below the host bridge. */
static void make_host_bridge(const struct tree *tree)
{
    run("mkdir -p '%s/all/pci0000:00/0000:00:03.0/0000:01:00.0/tsm'", tree->path);
    run("ln -s ../all/pci0000:00/0000:00:03.0 '%s/devices/'", tree->path);
    run("ln -s ../all/pci0000:00/0000:00:03.0/0000:01:00.0 '%s/devices/'", tree->path);
    run("cd '%s/all/pci0000:00' && ln -s 0000:00:03.0/0000:01:00.0 stream0.2.1", tree->path);
    run("cd '%s/all/pci0000:00' && ln -s 0000:00:03.0/0000:01:00.0 stream1.1000.1", tree->path);
    run("cd '%s/all/pci0000:00' && ln -s 0000:00:03.0/0000:01:00.0 stream1.1", tree->path);
    run("cd '%s/all/pci0000:00' && ln -s 0000:00:03.0/nowhere stream2.3.4", tree->path);
    run("cd '%s/all/pci0000:00' && ln -s 0000:00:03.0/0000:01:00.0 streams.3.4", tree->path);
}

static void the_kernels_streams_are_found(void)
{
    struct tree tree;
    struct ide_fault fault;
    struct pcie_access access;
    struct kernel_stream list[4];
    const struct pcie_bdf root = bdf_of("0000:00:03.0"), device = bdf_of("0000:01:00.0");
    tree_make(&tree);
    make_host_bridge(&tree);
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&access, tree.path, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(kernel_streams(&access, &root, list, 4), 1);
    CU_ASSERT_EQUAL(pcie_bdf_compare(&list[0].root_port, &root), 0);
    CU_ASSERT_EQUAL(pcie_bdf_compare(&list[0].endpoint, &device), 0);
    CU_ASSERT_TRUE(kernel_has_block(list, 1, &root, 2) && kernel_has_block(list, 1, &device, 1));
    CU_ASSERT_FALSE(kernel_has_block(list, 1, &root, 1) || kernel_has_block(list, 1, &device, 2));
    CU_ASSERT_EQUAL(kernel_streams(&access, &root, list, 0), 0);
    struct ide_port port = {.bdf = root, .cap.selective_count = 4};
    kernel_keep_blocks(&access, &root, &port);
    CU_ASSERT_EQUAL(port.kept[0], 4);
    pcie_access_close(&access);
    tree_remove(&tree);
}

static void without_a_host_bridge_the_kernel_has_no_streams(void)
{
    struct tree tree;
    struct ide_fault fault;
    struct pcie_access access;
    struct kernel_stream list[4];
    const struct pcie_bdf root = bdf_of("0000:00:03.0"), other = bdf_of("0001:00:03.0");
    tree_make(&tree);
    run("mkdir '%s/devices/0000:00:03.0'", tree.path);
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&access, tree.path, &fault), IDE_OK);
    CU_ASSERT_EQUAL(kernel_streams(&access, &root, list, 4), 0);
    CU_ASSERT_EQUAL(kernel_streams(&access, &other, list, 4), 0);
    run("mkdir -p '%s/pci0000:00/0000:00:03.0/0000:01:00.0'", tree.path); /* no links: next to devices/ */
    run("cd '%s/pci0000:00' && ln -s 0000:00:03.0/0000:01:00.0 stream0.0.255", tree.path);
    CU_ASSERT_EQUAL_FATAL(kernel_streams(&access, &root, list, 4), 1);
    CU_ASSERT_EQUAL(list[0].endpoint_block, 255);
    pcie_access_close(&access);
    tree_remove(&tree);
}

static void a_connected_tsm_is_named(void)
{
    struct tree tree;
    struct ide_fault fault;
    struct pcie_access access;
    char name[KERNEL_TSM_MAX];
    const struct pcie_bdf device = bdf_of("0000:01:00.0");
    tree_make(&tree);
    make_host_bridge(&tree);
    CU_ASSERT_EQUAL_FATAL(pcie_access_open(&access, tree.path, &fault), IDE_OK);
    CU_ASSERT_FALSE(kernel_tsm(&access, &device, name));
    run("echo > '%s/devices/0000:01:00.0/tsm/connect'", tree.path);
    CU_ASSERT_FALSE(kernel_tsm(&access, &device, name));
    run("echo tsm0 > '%s/devices/0000:01:00.0/tsm/connect'", tree.path);
    CU_ASSERT_TRUE(kernel_tsm(&access, &device, name));
    CU_ASSERT_STRING_EQUAL(name, "tsm0");
    pcie_access_close(&access);
    tree_remove(&tree);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"open refuses what is no tree", open_refuses_what_is_no_tree},
        {"function reads and writes all sizes", function_reads_and_writes_all_sizes},
        {"function open tells absent from unreadable", function_open_tells_absent_from_unreadable},
        {"function that vanishes reads all ones", function_that_vanishes_reads_all_ones},
        {"list is in order and passes over other names", list_is_in_order_and_passes_over_other_names},
        {"another function with the same address has another serial",
         another_function_with_the_same_address_has_another_serial},
        {"topology is read from the tree", topology_is_read_from_the_tree},
        {"topology of unreadable functions is an error", topology_of_unreadable_functions_is_an_error},
        {"what is below a root port is read anew", what_is_below_a_root_port_is_read_anew},
        {"a function that comes or goes is seen by its name",
         a_function_that_comes_or_goes_is_seen_by_its_name},
        {"another function with the same address is seen", another_function_with_the_same_address_is_seen},
        {"who is in the tree and does not answer is silent",
         who_is_in_the_tree_and_does_not_answer_is_silent},
        {"registers in their order are read ahead", registers_in_their_order_are_read_ahead},
        {"where nothing follows one register is read", where_nothing_follows_one_register_is_read},
        {"the kernel's streams are found", the_kernels_streams_are_found},
        {"without a host bridge the kernel has no streams", without_a_host_bridge_the_kernel_has_no_streams},
        {"a connected TSM is named", a_connected_tsm_is_named},
        CU_TEST_INFO_NULL,
    };
    return suite_run("root_port: libpci", tests);
}
