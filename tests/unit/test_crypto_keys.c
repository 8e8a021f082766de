/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asymmetric half of spdm/crypto.h: Diffie-Hellman and signatures, known answers and refusals. */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "spdm/algorithms.h"
#include "spdm/crypto.h"
#include "suite.h"

/* a generator that gives what it is told, piece by piece, and then fails */
struct script {
    const char *pieces[4];
    size_t next;
};

static enum ide_err script_random(void *context, uint8_t *out, size_t n)
{
    struct script *s = context;
    if (s->next >= 4 || !s->pieces[s->next])
        return IDE_E_RANDOM;
    struct bytes b = unhex(s->pieces[s->next++]);
    CU_ASSERT_EQUAL(b.len, n);
    memcpy(out, b.data, n);
    return IDE_OK;
}

static enum ide_err zero_random(void *context, uint8_t *out, size_t n)
{
    (void)context;
    memset(out, 0, n);
    return IDE_OK;
}

/* Diffie-Hellman */

/* RFC 5903 8.1 to 8.3 */
static const struct dhe_answer {
    uint16_t bit;
    const char *i, *gi, *gr, *secret, *order;
} dhe_answers[] = {
    {SPDM_DHE_SECP256R1, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
     "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c456fa3e59ab1f45b3"
     "3"
     "accf5f58389e0577b8990bb3",
     "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f04"
     "6"
     "ada30f8353e74f33039872ab",
     "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
     "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"},
    {SPDM_DHE_SECP384R1,
     "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194",
     "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa9482ed1"
     "f"
     "c0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
     "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571dcfbec7"
     "a"
     "acf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
     "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746",
     "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"},
    {SPDM_DHE_SECP521R1,
     "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c2952c6771d937ba9777f5957b2"
     "6"
     "39bab072462f68c27a57382d4a52",
     "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbee1e3bf42e00b8e380aeae57c2d1075649418859"
     "4"
     "2af5a7f4601723c4195d176ced3e017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4a10ad8a788015ac"
     "4"
     "05d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3926f9582",
     "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a219b97c356436adc6e95bb0352f6be64a6c2912d4"
     "e"
     "f2d0433ced2b6171640012d9460f015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d9852077b87220b6536c5c"
     "4"
     "08a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd17f0fc56a",
     "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73ca4baa240a34786859810c06b3c715a"
     "3"
     "a8cc3151f2bee417996d19f3ddea",
     "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb"
     "5"
     "c9b8899c47aebb6fb71e91386409"},
};

#define DHE_ANSWERS (sizeof(dhe_answers) / sizeof(dhe_answers[0]))

static void dhe_gives_the_known_answers(void)
{
    for (size_t n = 0; n < DHE_ANSWERS; n++) {
        const struct dhe_answer *a = &dhe_answers[n];
        struct script script = {.pieces = {a->i}};
        struct rng rng = {script_random, &script};
        struct dhe_key k;
        uint8_t public[DHE_PUBLIC_MAX], secret[DHE_SECRET_MAX];
        CU_ASSERT_EQUAL(dhe_generate(&k, dhe_by_bit(a->bit), &rng, public), IDE_OK);
        check_bytes(public, a->gi);
        CU_ASSERT_EQUAL(dhe_compute(&k, unhex(a->gr).data, secret), IDE_OK);
        check_bytes(secret, a->secret);
        dhe_clear(&k);
        CU_ASSERT_TRUE(is_zero(&k, sizeof(k)));
    }
}

static void a_scalar_out_of_range_is_drawn_again(void)
{
    for (size_t n = 0; n < DHE_ANSWERS; n++) {
        const struct dhe_answer *a = &dhe_answers[n];
        char zero[BYTES_MAX] = "";
        memset(zero, '0', strlen(a->order));
        struct script script = {.pieces = {a->order, zero, a->i}};
        struct rng rng = {script_random, &script};
        struct dhe_key k;
        uint8_t public[DHE_PUBLIC_MAX];
        CU_ASSERT_EQUAL(dhe_generate(&k, dhe_by_bit(a->bit), &rng, public), IDE_OK);
        CU_ASSERT_EQUAL(script.next, 3);
        check_bytes(public, a->gi);
        dhe_clear(&k);
    }
}

static void without_random_numbers_there_is_no_key(void)
{
    struct script empty = {.pieces = {NULL}};
    struct rng failing = {script_random, &empty}, stuck = {zero_random, NULL};
    struct dhe_key k;
    uint8_t public[DHE_PUBLIC_MAX], secret[DHE_SECRET_MAX];
    CU_ASSERT_EQUAL(dhe_generate(&k, dhe_by_bit(SPDM_DHE_SECP384R1), &failing, public), IDE_E_RANDOM);
    CU_ASSERT_TRUE(is_zero(&k, sizeof(k)));
    CU_ASSERT_EQUAL(dhe_generate(&k, dhe_by_bit(SPDM_DHE_SECP384R1), &stuck, public), IDE_E_RANDOM);
    CU_ASSERT_EQUAL(dhe_compute(&k, public, secret), IDE_E_STATE);
    CU_ASSERT_EQUAL(dhe_generate(&k, NULL, &failing, public), IDE_E_UNSUPPORTED);
}

/* A peer's value that is no point: the secret stays cleared. */
static void check_bad_peer(const struct dhe_answer *a, const uint8_t *peer)
{
    struct script script = {.pieces = {a->i}};
    struct rng rng = {script_random, &script};
    struct dhe_key k;
    uint8_t public[DHE_PUBLIC_MAX], secret[DHE_SECRET_MAX];
    memset(secret, 0xee, sizeof(secret));
    CU_ASSERT_EQUAL(dhe_generate(&k, dhe_by_bit(a->bit), &rng, public), IDE_OK);
    CU_ASSERT_EQUAL(dhe_compute(&k, peer, secret), IDE_E_KEY);
    CU_ASSERT_TRUE(is_zero(secret, k.info->secret_size));
    dhe_clear(&k);
}

static void a_peer_off_the_curve_is_refused(void)
{
    for (size_t n = 0; n < DHE_ANSWERS; n++) {
        const struct dhe_answer *a = &dhe_answers[n];
        struct bytes peer = unhex(a->gr), all_zero = {.len = peer.len}, all_ones = {.len = peer.len};
        peer.data[peer.len - 1] ^= 1;
        check_bad_peer(a, peer.data);
        check_bad_peer(a, all_zero.data);
        memset(all_ones.data, 0xff, all_ones.len);
        check_bad_peer(a, all_ones.data);
    }
}

/* x + p is the same residue as x, but not the one encoding of it: P-256's point with x = 5. */
static void a_coordinate_above_the_prime_is_refused(void)
{
    static const char over[] = "ffffffff00000001000000000000000000000001000000000000000000000004"
                               "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc";
    static const char reduced[] = "0000000000000000000000000000000000000000000000000000000000000005"
                                  "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc";
    struct script script = {.pieces = {dhe_answers[0].i}};
    struct rng rng = {script_random, &script};
    struct dhe_key k;
    uint8_t public[DHE_PUBLIC_MAX], secret[DHE_SECRET_MAX];
    CU_ASSERT_EQUAL(dhe_generate(&k, dhe_by_bit(SPDM_DHE_SECP256R1), &rng, public), IDE_OK);
    CU_ASSERT_EQUAL(dhe_compute(&k, unhex(reduced).data, secret), IDE_OK);
    CU_ASSERT_EQUAL(dhe_compute(&k, unhex(over).data, secret), IDE_E_KEY);
    dhe_clear(&k);
}

/* signatures */

/* RFC 6979 A.2.5 to A.2.7, message "sample" */
static const struct sign_answer {
    enum key_type type;
    enum hash_id hash;
    const char *d, *xy, *rs;
    const char *sec1_head, *sec1_tail; /* around d in an ECPrivateKey */
} sign_answers[] = {
    {KEY_EC_P256, HASH_SHA256, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
     "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20"
     "c"
     "2d7e9f5177a3c294d4462299",
     "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900d"
     "b"
     "b9aff4064dc4ab2f843acda8",
     "30310201010420", "a00a06082a8648ce3d030107"},
    {KEY_EC_P384, HASH_SHA384,
     "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5",
     "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc138015d9b"
     "7"
     "2d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
     "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe4699ef4ae"
     "b"
     "15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
     "303e0201010430", "a00706052b81040022"},
    {KEY_EC_P521, HASH_SHA512,
     "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16fcc1466f6d"
     "8"
     "fbec67db89ec0c08b0e996b83538",
     "01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7f20fb633155d38f"
     "f"
     "a16d2bd761dcac474b9a2f5023a400493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28a0db25741"
     "b"
     "5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5",
     "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b534931d7d"
     "4"
     "e8455cc91f9b15bf05ec36e377fa00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63"
     "e"
     "5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a",
     "30500201010442", "a00706052b81040023"},
};

#define SIGN_ANSWERS (sizeof(sign_answers) / sizeof(sign_answers[0]))

static struct public_key public_key_of(const struct sign_answer *a)
{
    struct bytes xy = unhex(a->xy);
    struct public_key k = {.type = a->type, .len = (uint16_t)xy.len};
    memcpy(k.data, xy.data, xy.len);
    return k;
}

/* The SEC1 form of the private key. */
static struct bytes sec1_of(const struct sign_answer *a)
{
    char text[2 * BYTES_MAX + 1];
    snprintf(text, sizeof(text), "%s%s%s", a->sec1_head, a->d, a->sec1_tail);
    return unhex(text);
}

static struct bytes digest_of(const struct sign_answer *a)
{
    struct bytes b = {.len = hash_by_id(a->hash)->size};
    CU_ASSERT_EQUAL(hash_once(a->hash, "sample", 6, b.data), IDE_OK);
    return b;
}

static enum ide_err verify(const struct public_key *k, enum signature_scheme scheme, enum hash_id hash,
                           const struct bytes *digest, const uint8_t *signature, size_t signature_len)
{
    struct signed_data what = {scheme, hash, digest->data, hash ? hash_by_id(hash)->size : 0, NULL};
    return public_key_verify(k, &what, signature, signature_len);
}

static enum ide_err sign(const struct private_key *k, enum hash_id hash, const struct bytes *digest,
                         const struct rng *rng, uint8_t *signature, size_t signature_len)
{
    struct signed_data what = {SIGNATURE_ECDSA, hash, digest->data, hash ? hash_by_id(hash)->size : 0, NULL};
    return private_key_sign(k, &what, rng, signature, signature_len);
}

static void known_signatures_verify(void)
{
    for (size_t i = 0; i < SIGN_ANSWERS; i++) {
        const struct sign_answer *a = &sign_answers[i];
        struct public_key k = public_key_of(a);
        struct bytes rs = unhex(a->rs), digest = digest_of(a);
        CU_ASSERT_EQUAL(verify(&k, SIGNATURE_ECDSA, a->hash, &digest, rs.data, rs.len), IDE_OK);
        digest.data[0] ^= 1;
        CU_ASSERT_EQUAL(verify(&k, SIGNATURE_ECDSA, a->hash, &digest, rs.data, rs.len),
                        IDE_E_SIGNATURE);
        digest.data[0] ^= 1;
        rs.data[rs.len - 1] ^= 1;
        CU_ASSERT_EQUAL(verify(&k, SIGNATURE_ECDSA, a->hash, &digest, rs.data, rs.len),
                        IDE_E_SIGNATURE);
    }
}

static void a_signature_of_a_wrong_form_is_refused(void)
{
    for (size_t i = 0; i < SIGN_ANSWERS; i++) {
        const struct sign_answer *a = &sign_answers[i];
        struct public_key k = public_key_of(a);
        struct bytes rs = unhex(a->rs), digest = digest_of(a), zero = {.len = rs.len}, no_r = rs, no_s = rs;
        memset(no_r.data, 0, rs.len / 2);
        memset(no_s.data + rs.len / 2, 0, rs.len / 2);
        const struct bytes *bad[] = {&zero, &no_r, &no_s};
        for (size_t n = 0; n < 3; n++)
            CU_ASSERT_EQUAL(verify(&k, SIGNATURE_ECDSA, a->hash, &digest, bad[n]->data, rs.len),
                            IDE_E_SIGNATURE);
        CU_ASSERT_EQUAL(verify(&k, SIGNATURE_ECDSA, a->hash, &digest, rs.data, rs.len - 1),
                        IDE_E_SIGNATURE);
        CU_ASSERT_EQUAL(verify(&k, SIGNATURE_ECDSA, a->hash, &digest, rs.data, 0),
                        IDE_E_SIGNATURE);
        CU_ASSERT_EQUAL(verify(&k, SIGNATURE_ECDSA_DER, a->hash, &digest, rs.data, rs.len),
                        IDE_E_SIGNATURE);
    }
}

static void a_bad_public_key_is_refused(void)
{
    for (size_t i = 0; i < SIGN_ANSWERS; i++) {
        const struct sign_answer *a = &sign_answers[i];
        struct public_key k = public_key_of(a);
        struct bytes rs = unhex(a->rs), digest = digest_of(a);
        k.data[0] ^= 1;
        CU_ASSERT_EQUAL(verify(&k, SIGNATURE_ECDSA, a->hash, &digest, rs.data, rs.len),
                        IDE_E_KEY);
        k = public_key_of(a);
        k.len--;
        CU_ASSERT_EQUAL(verify(&k, SIGNATURE_ECDSA, a->hash, &digest, rs.data, rs.len),
                        IDE_E_KEY);
        k = public_key_of(a);
        k.type = KEY_NONE;
        CU_ASSERT_EQUAL(verify(&k, SIGNATURE_ECDSA, a->hash, &digest, rs.data, rs.len),
                        IDE_E_UNSUPPORTED);
        k.type = KEY_RSA;
        CU_ASSERT_EQUAL(verify(&k, SIGNATURE_RSASSA, a->hash, &digest, rs.data, rs.len),
                        IDE_E_KEY);
        k.len = sizeof(k.data) + 1;
        CU_ASSERT_EQUAL(verify(&k, SIGNATURE_RSASSA, a->hash, &digest, rs.data, rs.len),
                        IDE_E_ARGUMENT);
        k = public_key_of(a);
        CU_ASSERT_EQUAL(verify(&k, SIGNATURE_ECDSA, HASH_NONE, &digest, rs.data, rs.len),
                        IDE_E_UNSUPPORTED);
    }
}

/* Signs with every key and every hash, with random numbers from rng, and verifies. */
static void check_signing(const struct rng *rng)
{
    static const enum hash_id ids[] = {HASH_SHA256, HASH_SHA384, HASH_SHA512};
    for (size_t i = 0; i < SIGN_ANSWERS; i++) {
        const struct sign_answer *a = &sign_answers[i];
        struct public_key public = public_key_of(a);
        struct bytes der = sec1_of(a), digest = {.data = {1, 2, 3}};
        struct private_key k;
        uint8_t signature[SIGNATURE_SIZE_MAX];
        CU_ASSERT_EQUAL(private_key_load(&k, der.data, der.len), IDE_OK);
        CU_ASSERT_EQUAL(k.type, a->type);
        for (size_t n = 0; n < 3; n++) {
            CU_ASSERT_EQUAL(sign(&k, ids[n], &digest, rng, signature, public.len), IDE_OK);
            CU_ASSERT_EQUAL(
                verify(&public, SIGNATURE_ECDSA, ids[n], &digest, signature, public.len),
                IDE_OK);
        }
        private_key_clear(&k);
        CU_ASSERT_TRUE(is_zero(&k, sizeof(k)));
    }
}

static enum ide_err counting_random(void *context, uint8_t *out, size_t n)
{
    uint8_t *counter = context;
    for (size_t i = 0; i < n; i++)
        out[i] = (*counter)++;
    return IDE_OK;
}

static void what_is_signed_verifies(void)
{
    struct drbg drbg;
    uint8_t counter = 0;
    CU_ASSERT_EQUAL_FATAL(drbg_open(&drbg), IDE_OK);
    struct rng ours = drbg_rng(&drbg), foreign = {counting_random, &counter};
    check_signing(&ours);
    check_signing(&foreign);
    CU_ASSERT_NOT_EQUAL(counter, 0);
    drbg_close(&drbg);
}

static void two_signatures_never_share_a_nonce(void)
{
    struct rng stuck = {zero_random, NULL};
    struct bytes der = sec1_of(&sign_answers[1]), digest = digest_of(&sign_answers[1]);
    struct private_key k;
    uint8_t one[96], two[96];
    CU_ASSERT_EQUAL(private_key_load(&k, der.data, der.len), IDE_OK);
    CU_ASSERT_EQUAL(sign(&k, HASH_SHA384, &digest, &stuck, one, sizeof(one)), IDE_OK);
    CU_ASSERT_EQUAL(sign(&k, HASH_SHA384, &digest, &stuck, two, sizeof(two)), IDE_OK);
    CU_ASSERT_NOT_EQUAL(memcmp(one, two, 48), 0);
    private_key_clear(&k);
}

static void signing_fails_closed(void)
{
    struct script empty = {.pieces = {NULL}};
    struct rng failing = {script_random, &empty};
    struct bytes der = sec1_of(&sign_answers[1]), digest = digest_of(&sign_answers[1]);
    struct private_key k;
    uint8_t signature[SIGNATURE_SIZE_MAX];
    memset(signature, 0xee, sizeof(signature));
    CU_ASSERT_EQUAL(private_key_load(&k, der.data, der.len), IDE_OK);
    CU_ASSERT_EQUAL(sign(&k, HASH_SHA384, &digest, &failing, signature, 96), IDE_E_RANDOM);
    CU_ASSERT_TRUE(is_zero(signature, 96));
    CU_ASSERT_EQUAL(sign(&k, HASH_SHA384, &digest, &failing, signature, 64), IDE_E_ARGUMENT);
    CU_ASSERT_EQUAL(sign(&k, HASH_NONE, &digest, &failing, signature, 96), IDE_E_UNSUPPORTED);
    private_key_clear(&k);
    CU_ASSERT_EQUAL(sign(&k, HASH_SHA384, &digest, &failing, signature, 96),
                    IDE_E_UNSUPPORTED);
}

static void what_is_no_private_key_is_refused(void)
{
    struct bytes der = sec1_of(&sign_answers[0]);
    struct private_key k;
    static const uint8_t huge[sizeof(k.der) + 1] = {0x30};
    for (size_t n = 0; n < der.len; n++)
        CU_ASSERT_EQUAL(private_key_load(&k, der.data, n), IDE_E_KEY);
    CU_ASSERT_EQUAL(private_key_load(&k, huge, sizeof(huge)), IDE_E_KEY);
    der.data[der.len] = 0;
    CU_ASSERT_EQUAL(private_key_load(&k, der.data, der.len + 1), IDE_E_KEY);
    CU_ASSERT_TRUE(is_zero(&k, sizeof(k)));
}

static void a_pkcs8_key_is_taken_too(void)
{
    /* PrivateKeyInfo around the P-256 key of RFC 6979 A.2.5 */
    struct bytes der = unhex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420"
                             "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    struct private_key k;
    CU_ASSERT_EQUAL(private_key_load(&k, der.data, der.len), IDE_OK);
    CU_ASSERT_EQUAL(k.type, KEY_EC_P256);
    private_key_clear(&k);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(dhe_gives_the_known_answers),
        TEST(a_scalar_out_of_range_is_drawn_again),
        TEST(without_random_numbers_there_is_no_key),
        TEST(a_peer_off_the_curve_is_refused),
        TEST(a_coordinate_above_the_prime_is_refused),
        TEST(known_signatures_verify),
        TEST(a_signature_of_a_wrong_form_is_refused),
        TEST(a_bad_public_key_is_refused),
        TEST(what_is_signed_verifies),
        TEST(two_signatures_never_share_a_nonce),
        TEST(signing_fails_closed),
        TEST(what_is_no_private_key_is_refused),
        TEST(a_pkcs8_key_is_taken_too),
        CU_TEST_INFO_NULL,
    };
    return suite_run("crypto_keys", tests);
}
