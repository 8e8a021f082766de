/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file of ide-kmd: what it sets, and each way in which it can be wrong, with the exact
 * words. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_rig.h"
#include "suite.h"

static bool parse(const char *text)
{
    return config_rig_parse(text, strlen(text));
}

static void takes_every_kind_of_setting(void)
{
    char *text = strdup("# comment\n"
                        "[controller]\n"
                        "  listen = ipc:///x ; comment\r\n"
                        "\ttimeout=250ms\n"
                        "[keys]\n"
                        "provider = kcu\n"
                        "provider = 0000:00:03.0=doe\n"
                        "[trust]\n"
                        "allow-unnamed = yes\n"
                        "allow-wrong-bdf = yes\n"
                        "[spdm]\n"
                        "spdm-versions = 1.2");
    CU_ASSERT_TRUE_FATAL(parse(text));
    free(text); /* nothing is borrowed from it */
    CHECK_SAID("");
    CU_ASSERT_STRING_EQUAL(settings.listen, "ipc:///x");
    CU_ASSERT_EQUAL(settings.timeout_ms, 250);
    CU_ASSERT_EQUAL(settings.provider.choice, PROVIDER_KCU);
    CU_ASSERT_EQUAL(settings.provider.override_count, 1);
    CU_ASSERT_EQUAL(settings.name_rule, CMA_NAME_IF_PRESENT);
    CU_ASSERT_TRUE(settings.allow_wrong_bdf);
    CU_ASSERT_EQUAL(settings.spdm.version_max, 0x12);
    CU_ASSERT_STRING_EQUAL(settings.trust, "/etc/ide-kmd/trust");
}

static void an_empty_file_says_nothing(void)
{
    CU_ASSERT_TRUE(parse(""));
    CU_ASSERT_TRUE(parse("\xef\xbb\xbf\n\n ; \n#\n"));
    CU_ASSERT_PTR_NULL(settings.given);
}

static void a_byte_order_mark_is_no_part_of_a_section(void)
{
    CU_ASSERT_TRUE(parse("\xef\xbb\xbf[controller]\ntimeout = 2\n"));
    CU_ASSERT_EQUAL(settings.timeout_ms, 2000);
}

static void unknown_sections_and_keys_are_errors(void)
{
    CHECK_WRONG("[controler]\nlisten = x\n", "f:1: there is no section [controler]\n");
    CHECK_WRONG("[controller]\nlissen = x\n", "f:2: there is no key lissen in [controller]\n");
    CHECK_WRONG("[controller]\n\ntrust = x\n", "f:3: there is no key trust in [controller]\n");
    CHECK_WRONG("listen = x\n[controller]\n", "f:1: a key before the first [section]\n");
}

static void an_indented_key_is_no_more_of_the_value_above(void)
{
    CHECK_WRONG("[controller]\nsysfs = a\n  lissen = x\n", "f:3: there is no key lissen in [controller]\n");
    CU_ASSERT_TRUE(parse("[controller]\nsysfs = a\n  timeout = 3\n"));
    CU_ASSERT_EQUAL(settings.timeout_ms, 3000);
    CU_ASSERT_STRING_EQUAL(settings.sysfs, "a");
}

static void what_is_there_twice_is_an_error(void)
{
    CHECK_WRONG("[controller]\ntimeout = 1\n\ntimeout = 1\n", "f:4: timeout is there already, in line 2\n");
    CHECK_WRONG("[controller]\n[trust]\n[controller]\n", "f:3: [controller] is there already, in line 1\n");
}

static void wrong_values_name_key_and_value(void)
{
    CHECK_WRONG("[controller]\ntimeout = soon\n", "f:2: timeout is no time between 1 ms and an hour: soon\n");
    CHECK_WRONG("[controller]\ntimeout =\n", "f:2: timeout is empty\n");
    CHECK_WRONG("[trust]\nallow-wrong-bdf = 1\n", "f:2: allow-wrong-bdf is neither yes nor no: 1\n");
    CHECK_WRONG("[trust]\nallow-unnamed = maybe\n", "f:2: allow-unnamed is neither yes nor no: maybe\n");
    CHECK_WRONG("[keys]\nrot = 1f.0\n", "f:2: rot is no function like 0000:00:1f.0: 1f.0\n");
    CHECK_WRONG("[keys]\nprovider = kcx\n",
                "f:2: provider is none of auto, doe, kcu, rot, nor one root port's BDF=WHO: kcx\n");
    CHECK_WRONG("[spdm]\nhandshake-in-the-clear = on\n",
                "f:2: handshake-in-the-clear: \"on\" is neither yes nor no\n");
    CHECK_WRONG("[identity]\nidentity = one\n",
                "f:2: identity: \"one\" is not two files, CERTIFICATES,KEY\n");
}

static void what_is_no_ini_is_an_error_of_its_line(void)
{
    CHECK_WRONG("[controller]\nlisten\n", "f:2: neither a [section] nor a key = value\n");
    CHECK_WRONG("[controller]\ntimeout = 1\nlisten", "f:3: neither a [section] nor a key = value\n");
    CHECK_WRONG("[controller\nlisten = x\n", "f:1: a section without its ]\n");
    CHECK_WRONG("[controller] listen = x\n", "f:1: a section and something behind it: listen = x\n");
    CHECK_WRONG("[]\n", "f:1: there is no section []\n");
}

static void a_root_port_has_one_provider(void)
{
    CHECK_WRONG("[keys]\nprovider = 0000:00:03.0=doe\nprovider = 0000:00:03.0=kcu\n",
                "f:3: provider 0000:00:03.0=kcu contradicts line 2, provider 0000:00:03.0=doe\n");
    CHECK_WRONG("[keys]\nprovider = doe\nprovider = kcu\n",
                "f:3: provider kcu contradicts line 2, provider doe\n");
    CHECK_WRONG("[keys]\nprovider = 0000:00:03.0=doe\nprovider = 0000:00:03.0=doe\n",
                "f:3: provider is there already, in line 2\n");
    CHECK_WRONG("[keys]\nprovider = 0000:00:0A.0=doe\nprovider = 0000:00:0a.0=rot\n",
                "f:3: provider 0000:00:0a.0=rot contradicts line 2, provider 0000:00:0A.0=doe\n");
    CU_ASSERT_TRUE(
        parse("[keys]\nprovider = 0000:00:03.0=doe\nprovider = 0000:00:04.0=kcu\nprovider = auto\n"));
    CU_ASSERT_EQUAL(settings.provider.override_count, 2);
}

static void there_are_only_so_many_root_ports(void)
{
    char text[4096] = "[keys]\n";
    for (unsigned i = 0; i <= PROVIDER_OVERRIDES_MAX; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof text - len, "provider = 0000:%02x:00.0=doe\n", i);
    }
    CHECK_WRONG(text, "f:66: provider names more than 64 root ports: 0000:40:00.0=doe\n");
    CU_ASSERT_EQUAL(settings.provider.override_count, PROVIDER_OVERRIDES_MAX);
}

static void bytes_that_are_no_text_are_an_error(void)
{
    static const char nul[] = "[controller]\nsysfs = /a\0b\n", bell[] = "[controller]\nsysfs = \a\n";
    CU_ASSERT_FALSE(config_rig_parse(nul, sizeof nul - 1));
    CHECK_SAID("f:2: a byte that is no text\n");
    CU_ASSERT_PTR_NULL(settings.sysfs);
    CHECK_WRONG(bell, "f:2: a byte that is no text\n");
}

static void long_lines_are_whole_or_refused(void)
{
    char text[2000], path[700];
    memset(path, 'p', sizeof path);
    path[sizeof path - 1] = '\0';
    (void)snprintf(text, sizeof text, "[controller]\nsysfs = %s\n", path);
    CU_ASSERT_TRUE(parse(text));
    CU_ASSERT_STRING_EQUAL(settings.sysfs, path);
    (void)snprintf(text, sizeof text, "[controller]\nsysfs = %s%s\n", path, path);
    CU_ASSERT_FALSE(parse(text));
    CHECK_SAID("f:2: a line of more than 1000 bytes\n");
    (void)snprintf(text, sizeof text, "[controller%s]\n", path);
    CU_ASSERT_FALSE(parse(text));
    CHECK_SAID("f:1: a section's name has more than 99 bytes\n");
}

static void all_that_is_wrong_is_said(void)
{
    CHECK_WRONG("[controller]\ntimeout = 0\nx = 1\n?\n[y]\nz = 1\n[trust]\nallow-unnamed = 2\n",
                "f:2: timeout is no time between 1 ms and an hour: 0\n"
                "f:3: there is no key x in [controller]\n"
                "f:4: neither a [section] nor a key = value\n"
                "f:5: there is no section [y]\n"
                "f:8: allow-unnamed is neither yes nor no: 2\n");
    CU_ASSERT_EQUAL(problems.count, 5);
}

static void contradictions_name_what_is_missing(void)
{
    static const struct {
        const char *text, *row, *said;
    } cases[] = {
        {"[measurements]\nrequire-reference = yes\n", "require-reference",
         "require-reference needs reference"},
        {"[identity]\nidentity-is-provisioned = yes\n", "identity-is-provisioned",
         "identity-is-provisioned needs identity"},
        {"[keys]\nprovider = 0000:00:03.0=rot\n", "provider", "provider rot needs rot"},
        {"[spdm]\nalgorithms = ECDSA P-256\nstrength = 192\n", "algorithms",
         "ECDSA P-256 has less than 192 bits of security"},
    };
    char error[SETTING_ERROR];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CU_ASSERT_TRUE(parse(cases[i].text));
        const struct setting *row = settings_contradiction(&settings, error);
        CU_ASSERT_PTR_NOT_NULL_FATAL(row);
        CU_ASSERT_STRING_EQUAL(row->name, cases[i].row);
        CU_ASSERT_STRING_EQUAL(error, cases[i].said);
    }
    CU_ASSERT_TRUE(parse("[measurements]\nrequire-reference = yes\nreference = /r\n"));
    CU_ASSERT_PTR_NULL(settings_contradiction(&settings, error));
}

static void the_command_line_counts_more_and_need_not_be_in_the_file(void)
{
    char error[SETTING_ERROR];
    CU_ASSERT_TRUE(parse("[controller]\nlisten = ipc:///file\n"));
    CU_ASSERT_TRUE(setting_set(&settings, setting_find(NULL, "listen"), "ipc:///line", 0, error));
    CU_ASSERT_STRING_EQUAL(settings.listen, "ipc:///line");
    CU_ASSERT_EQUAL(setting_given(&settings, setting_find(NULL, "listen"))->line, 0);
}

/* ---- files --------------------------------------------------------------- */

static char path[64];

static void write_file(const char *text, mode_t mode)
{
    strcpy(path, "/tmp/ide-km-config.XXXXXX");
    int fd = mkstemp(path);
    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    CU_ASSERT_EQUAL(fchmod(fd, mode), 0);
    close(fd);
}

static bool load(const char *file)
{
    config_rig_clear(NULL);
    return config_load(file, &settings, &problems);
}

static void a_file_that_others_can_write_is_refused(void)
{
    char wanted[200];
    write_file("[controller]\ntimeout = 2\n", 0644);
    CU_ASSERT_TRUE(load(path));
    CU_ASSERT_EQUAL(settings.timeout_ms, 2000);
    chmod(path, 0664);
    CU_ASSERT_FALSE(load(path));
    (void)snprintf(wanted, sizeof wanted, "%s: others can write it (chmod go-w)\n", path);
    CHECK_SAID(wanted);
    CU_ASSERT_PTR_NULL(settings.given);
    unlink(path);
}

static void a_file_that_is_none_is_said(void)
{
    CU_ASSERT_FALSE(load("/nowhere/x.conf"));
    CHECK_SAID("/nowhere/x.conf: No such file or directory\n");
    CU_ASSERT_FALSE(load("/tmp"));
    CHECK_SAID("/tmp: it is no file\n");
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(takes_every_kind_of_setting),
        TEST(an_empty_file_says_nothing),
        TEST(a_byte_order_mark_is_no_part_of_a_section),
        TEST(unknown_sections_and_keys_are_errors),
        TEST(an_indented_key_is_no_more_of_the_value_above),
        TEST(what_is_there_twice_is_an_error),
        TEST(wrong_values_name_key_and_value),
        TEST(what_is_no_ini_is_an_error_of_its_line),
        TEST(a_root_port_has_one_provider),
        TEST(there_are_only_so_many_root_ports),
        TEST(bytes_that_are_no_text_are_an_error),
        TEST(long_lines_are_whole_or_refused),
        TEST(all_that_is_wrong_is_said),
        TEST(contradictions_name_what_is_missing),
        TEST(the_command_line_counts_more_and_need_not_be_in_the_file),
        TEST(a_file_that_others_can_write_is_refused),
        TEST(a_file_that_is_none_is_said),
        CU_TEST_INFO_NULL,
    };
    int status = suite_run("the configuration file", tests);
    settings_release(&settings);
    return status;
}
