/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Key files and the list of keys, strictly read: tools/common/curve.h, authorized.h; and whom a connection is
 * from. */
#include <string.h>

#include "check.h"
#include "suite.h"
#include "tools/client/ide_client.h"
#include "tools/common/authorized.h"
#include "tools/ide-kmd/access.h"

#define KEY_A "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define KEY_B "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"

static void a_key_is_forty_characters_of_z85(void)
{
    char key[] = KEY_A;
    CU_ASSERT_TRUE(curve_key_is_one(KEY_A, 40) && curve_key_is_one(KEY_B, 40));
    CU_ASSERT_FALSE(curve_key_is_one(KEY_A, 39) || curve_key_is_one(KEY_A "0", 41) ||
                    curve_key_is_one("", 0));
    for (size_t i = 0; i < 40; i++) {
        static const char bad[] = {' ', '"', '\'', ',',  ';',  '\\',   '_',
                                   '`', '|', '~',  '\0', '\n', '\x7f', '\xff'};
        char was = key[i];
        for (size_t k = 0; k < sizeof bad; k++) {
            key[i] = bad[k];
            CU_ASSERT_FALSE(curve_key_is_one(key, 40));
        }
        key[i] = was;
    }
    /* "%nSc0" is the largest group, 2^32 - 1 (ZeroMQ RFC 32) */
    memcpy(key, "%nSc0", 5);
    CU_ASSERT_TRUE(curve_key_is_one(key, 40));
    memcpy(key, "%nSc1", 5);
    CU_ASSERT_FALSE(curve_key_is_one(key, 40));
    memcpy(key, "#####", 5);
    CU_ASSERT_FALSE(curve_key_is_one(key, 40));
}

/* One in 85 would begin with it. */
static void a_new_public_key_looks_like_no_option(void)
{
    struct ide_client_keys keys;
    for (unsigned i = 0; i < 1500; i++) {
        CU_ASSERT_EQUAL_FATAL(ide_client_keys_generate(&keys), IDE_CLIENT_OK);
        CU_ASSERT_TRUE_FATAL(curve_key_is_one(keys.public_key, 40) && curve_key_is_one(keys.secret_key, 40));
        CU_ASSERT_NOT_EQUAL_FATAL(keys.public_key[0], '-');
    }
}

static void key_file(const char *text, unsigned line, const char *wrong)
{
    struct curve_keys keys;
    unsigned at;
    const char *what;
    CU_ASSERT_EQUAL(curve_keys_parse(text, strlen(text), &keys, &at, &what), wrong == NULL);
    CU_ASSERT_EQUAL(at, line);
    CU_ASSERT_TRUE(wrong ? what && strcmp(what, wrong) == 0 : !what);
}

static void a_key_file_has_one_key_of_each_kind(void)
{
    key_file("public " KEY_A "\nsecret " KEY_B "\n", 0, NULL);
    key_file("# a pair\n\nsecret " KEY_B "\npublic " KEY_A, 0, NULL);
    key_file("", 0, "the line `public KEY` is missing");
    key_file("public " KEY_A "\n", 0, "the line `secret KEY` is missing");
    key_file("public " KEY_A "\npublic " KEY_B "\n", 2, "there are two keys of this kind");
    key_file("Public " KEY_A "\n", 1, "it is neither `public KEY` nor `secret KEY`");
    key_file(" public " KEY_A "\n", 1, "it is neither `public KEY` nor `secret KEY`");
    key_file("\n\npublic\n", 3, "it is neither `public KEY` nor `secret KEY`");
    key_file("secret  " KEY_A "\n", 1, "that is no CURVE key, which has 40 characters of Z85");
    key_file("secret " KEY_A "\r\n", 1, "that is no CURVE key, which has 40 characters of Z85");
    key_file("secret " KEY_A " laptop\n", 1, "that is no CURVE key, which has 40 characters of Z85");
}

static void list(const char *text, size_t count, unsigned line, const char *wrong)
{
    struct authorized_list found;
    unsigned at;
    const char *what;
    CU_ASSERT_EQUAL(authorized_parse(text, strlen(text), &found, &at, &what), wrong == NULL);
    CU_ASSERT_EQUAL(found.count, count);
    CU_ASSERT_TRUE(wrong ? what && strcmp(what, wrong) == 0 && at == line : !what);
    authorized_release(&found);
}

#define WORD "it begins with neither `admin` nor `view`"
#define NONE "there is no CURVE key, which has 40 characters of Z85, behind the first word"
#define NAME "the name has other characters than letters, digits, . _ - and @, or is longer than 32"

static void a_list_is_read_strictly(void)
{
    list("", 0, 0, NULL);
    list("# nobody\n\n", 0, 0, NULL);
    list("admin " KEY_A "\nview " KEY_B " me@host-1.example_\n", 2, 0, NULL);
    list("admin " KEY_A, 1, 0, NULL);
    list("admin\n", 0, 1, WORD);
    list("\nAdmin " KEY_A "\n", 0, 2, WORD);
    list(" admin " KEY_A "\n", 0, 1, WORD);
    list("administrator " KEY_A "\n", 0, 1, WORD);
    list(KEY_A "\n", 0, 1, WORD);
    list("admin  " KEY_A "\n", 0, 1, NONE);
    list("admin laptop\n", 0, 1, NONE);
    list("view " KEY_A "laptop\n", 0, 1, NONE);
    list("view " KEY_A "\t\n", 0, 1, NONE);
    list("view " KEY_A " \n", 0, 1, NAME);
    list("view " KEY_A " a b\n", 0, 1, NAME);
    list("view " KEY_A " a\r\n", 0, 1, NAME);
    list("view " KEY_A " \x1b[31m\n", 0, 1, NAME);
    list("view " KEY_A " 12345678901234567890123456789012\n", 1, 0, NULL);
    list("view " KEY_A " 123456789012345678901234567890123\n", 0, 1, NAME);
    /* whoever wrote both lines meant one of them: it is not guessed which */
    list("view " KEY_A "\nadmin " KEY_A "\n", 0, 2, "this key is on the list already");
}

static void what_a_key_may_is_what_its_line_says(void)
{
    struct authorized_list found;
    unsigned line;
    const char *wrong, text[] = "admin " KEY_A " a\nview " KEY_B "\n";
    CU_ASSERT_TRUE(authorized_parse(text, strlen(text), &found, &line, &wrong));
    const struct authorized_key *a = authorized_find(&found, KEY_A), *b = authorized_find(&found, KEY_B);
    CU_ASSERT_TRUE_FATAL(a && b);
    CU_ASSERT_TRUE(a->admin && !b->admin);
    CU_ASSERT_STRING_EQUAL(a->name, "a");
    CU_ASSERT_STRING_EQUAL(b->name, "");
    CU_ASSERT_PTR_NULL(authorized_find(&found, "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hIE"));
    CU_ASSERT_PTR_NULL(authorized_find(&found, ""));
    authorized_release(&found);
}

static void a_peer_is_what_libzmq_knows_for_sure(void)
{
    struct peer user = peer_of("localhost:1000:100:4711", NULL), key = peer_of("10.0.0.1", KEY_A);
    CU_ASSERT_TRUE(user.kind == PEER_USER && user.uid == 1000 && user.gid == 100 && user.pid == 4711);
    CU_ASSERT_TRUE(key.kind == PEER_KEY && strcmp(key.key, KEY_A) == 0);
    static const char *const none[] = {NULL,
                                       "",
                                       "10.0.0.1",
                                       "localhost",
                                       "localhost:",
                                       "localhost:0",
                                       "localhost:0:0",
                                       "localhost:0:0:",
                                       "localhost:0:0:1x",
                                       "localhost:0:0:1:2",
                                       "fe80::1"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        CU_ASSERT_EQUAL(peer_of(none[i], NULL).kind, PEER_UNKNOWN);
    CU_ASSERT_EQUAL(peer_of("localhost:0:0:1", "root").kind, PEER_UNKNOWN);
    CU_ASSERT_TRUE(peer_is_same(&user, &user) && peer_is_same(&key, &key));
    CU_ASSERT_FALSE(peer_is_same(&user, &key));
    struct peer unknown = {.kind = PEER_UNKNOWN};
    CU_ASSERT_FALSE(peer_is_same(&unknown, &unknown)); /* nobody is nobody else */
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_key_is_forty_characters_of_z85),
        TEST(a_new_public_key_looks_like_no_option),
        TEST(a_key_file_has_one_key_of_each_kind),
        TEST(a_list_is_read_strictly),
        TEST(what_a_key_may_is_what_its_line_says),
        TEST(a_peer_is_what_libzmq_knows_for_sure),
        CU_TEST_INFO_NULL,
    };
    return suite_run("lists of CURVE keys", tests);
}
