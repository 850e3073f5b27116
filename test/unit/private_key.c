/*
 * Which PEM texts are private keys that can sign.
 */
#include "core/private_key.h"

#include <invsrc/invsrc.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define PEM_SIZE 16384

enum form { PKCS8, TRADITIONAL, PKCS8_ENCRYPTED, TRADITIONAL_ENCRYPTED, PUBLIC };

static EVP_PKEY *p256, *p384, *rsa2048, *rsa1024, *ed25519, *rsa_pss;

static EVP_PKEY *restricted_rsa(void) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
  EVP_PKEY *key = NULL;

  assert_int_equal(EVP_PKEY_keygen_init(context), 1);
  assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), 1);
  assert_int_equal(EVP_PKEY_keygen(context, &key), 1);
  EVP_PKEY_CTX_free(context);
  return key;
}

static int make_keys(void **state) {
  (void)state;
  p256 = EVP_EC_gen("P-256");
  p384 = EVP_EC_gen("P-384");
  rsa2048 = EVP_RSA_gen(2048);
  rsa1024 = EVP_RSA_gen(1024);
  ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
  rsa_pss = restricted_rsa();
  return p256 && p384 && rsa2048 && rsa1024 && ed25519 ? 0 : -1;
}

static int free_keys(void **state) {
  EVP_PKEY *keys[] = {p256, p384, rsa2048, rsa1024, ed25519, rsa_pss};

  (void)state;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) EVP_PKEY_free(keys[i]);
  return 0;
}

static size_t write_pem(EVP_PKEY *key, enum form form, char *pem) {
  BIO *bio = BIO_new(BIO_s_mem());
  char pass[] = "pass";
  char *bytes;
  long length;

  switch (form) {
    case PKCS8:
      PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
      break;
    case TRADITIONAL:
      PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL);
      break;
    case PKCS8_ENCRYPTED:
      PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), pass, 4, NULL, NULL);
      break;
    case TRADITIONAL_ENCRYPTED:
      PEM_write_bio_PrivateKey_traditional(bio, key, EVP_aes_256_cbc(), (unsigned char *)pass, 4,
                                           NULL, NULL);
      break;
    case PUBLIC:
      PEM_write_bio_PUBKEY(bio, key);
      break;
  }
  length = BIO_get_mem_data(bio, &bytes);
  assert_in_range(length, 1, PEM_SIZE - 1);
  memcpy(pem, bytes, (size_t)length);
  pem[length] = '\0';
  BIO_free(bio);
  return (size_t)length;
}

static int kind_of(const char *pem, size_t length) {
  int kind = -1;

  assert_int_equal(ivs_private_key_judge(pem, length, &kind), 0);
  assert_int_equal(ERR_peek_error(), 0);
  return kind;
}

static void keys_of_every_form(void **state) {
  const struct {
    EVP_PKEY *key;
    enum form form;
    int kind;
  } rows[] = {
      {p256, PKCS8, IVS_KEY_P256},
      {p256, TRADITIONAL, IVS_KEY_P256},
      {p256, PKCS8_ENCRYPTED, IVS_KEY_ENCRYPTED},
      {p256, TRADITIONAL_ENCRYPTED, IVS_KEY_ENCRYPTED},
      {p256, PUBLIC, IVS_KEY_NONE},
      {p384, PKCS8, IVS_KEY_OTHER},
      {p384, TRADITIONAL, IVS_KEY_OTHER},
      {rsa2048, PKCS8, IVS_KEY_RSA},
      {rsa2048, TRADITIONAL, IVS_KEY_RSA},
      {rsa2048, PKCS8_ENCRYPTED, IVS_KEY_ENCRYPTED},
      {rsa2048, TRADITIONAL_ENCRYPTED, IVS_KEY_ENCRYPTED},
      {rsa2048, PUBLIC, IVS_KEY_NONE},
      {rsa1024, PKCS8, IVS_KEY_OTHER},
      {ed25519, PKCS8, IVS_KEY_OTHER},
      {rsa_pss, PKCS8, IVS_KEY_OTHER},
  };
  char pem[PEM_SIZE];

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    size_t length = write_pem(rows[i].key, rows[i].form, pem);
    assert_int_equal(kind_of(pem, length), rows[i].kind);
  }
}

static const char *const number_names[] = {
    OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,           OSSL_PKEY_PARAM_RSA_D,
    OSSL_PKEY_PARAM_RSA_FACTOR1,   OSSL_PKEY_PARAM_RSA_FACTOR2,     OSSL_PKEY_PARAM_RSA_EXPONENT1,
    OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};

/* An RSA key as it is, or with another number in place of one. */
static int kind_with(EVP_PKEY *key, const char *name, const BIGNUM *other) {
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  BIGNUM *numbers[8] = {NULL};
  EVP_PKEY *altered = NULL;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
  OSSL_PARAM *params;
  char pem[PEM_SIZE];
  int kind;

  for (size_t i = 0; i < 8; i++) {
    const char *each = number_names[i];
    EVP_PKEY_get_bn_param(key, each, &numbers[i]);
    OSSL_PARAM_BLD_push_BN(builder, each, name && strcmp(each, name) == 0 ? other : numbers[i]);
  }
  params = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_fromdata_init(context);
  assert_int_equal(EVP_PKEY_fromdata(context, &altered, EVP_PKEY_KEYPAIR, params), 1);
  kind = kind_of(pem, write_pem(altered, TRADITIONAL, pem));
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(builder);
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(altered);
  for (size_t i = 0; i < 8; i++) BN_clear_free(numbers[i]);
  return kind;
}

/* With numbers that do not fit a signature takes many times as long, or is none. */
static void the_numbers_of_a_key_must_fit(void **state) {
  static const char *const names[] = {
      OSSL_PKEY_PARAM_RSA_N,           OSSL_PKEY_PARAM_RSA_E,         OSSL_PKEY_PARAM_RSA_FACTOR1,
      OSSL_PKEY_PARAM_RSA_FACTOR2,     OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
      OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
  static const unsigned long small[] = {1, 2, 3};
  BIGNUM *number = NULL;

  (void)state;
  assert_int_equal(kind_with(rsa2048, NULL, NULL), IVS_KEY_RSA);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    assert_int_equal(EVP_PKEY_get_bn_param(rsa2048, names[i], &number), 1);
    BN_add_word(number, 2);
    assert_int_equal(kind_with(rsa2048, names[i], number), IVS_KEY_NONE);
    for (size_t k = 0; i > 0 && k < sizeof small / sizeof *small; k++) {
      BN_set_word(number, small[k]);
      assert_int_equal(kind_with(rsa2048, names[i], number), IVS_KEY_NONE);
    }
    BN_clear_free(number);
    number = NULL;
  }
  /* An exponent that is longer than the modulus is of no use, either. */
  number = BN_new();
  BN_set_bit(number, 2048);
  assert_int_equal(kind_with(rsa2048, OSSL_PKEY_PARAM_RSA_D, number), IVS_KEY_NONE);
  BN_clear_free(number);
}

/* What has the same rest but is longer signs the same, only later. */
static void the_numbers_of_a_key_are_the_shortest(void **state) {
  static const struct {
    const char *name, *modulus;
    BN_ULONG less;
  } rows[] = {{OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_FACTOR1, 1},
              {OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_FACTOR2, 1},
              {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, OSSL_PKEY_PARAM_RSA_FACTOR1, 0}};
  static const int shifts[] = {0, 3000};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (size_t k = 0; k < sizeof shifts / sizeof *shifts; k++) {
      BIGNUM *number = NULL, *modulus = NULL;

      assert_int_equal(EVP_PKEY_get_bn_param(rsa2048, rows[i].name, &number), 1);
      assert_int_equal(EVP_PKEY_get_bn_param(rsa2048, rows[i].modulus, &modulus), 1);
      BN_sub_word(modulus, rows[i].less);
      BN_lshift(modulus, modulus, shifts[k]);
      BN_add(number, number, modulus);
      assert_int_equal(kind_with(rsa2048, rows[i].name, number), IVS_KEY_NONE);
      BN_clear_free(number);
      BN_clear_free(modulus);
    }
}

/* 4 and a number that is odd: of them all the numbers of a key can be made that fit. */
static void a_modulus_is_odd(void **state) {
  BIGNUM *numbers[8];
  BN_CTX *context = BN_CTX_new();
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
  OSSL_PARAM *params;
  BIGNUM *less = BN_new(), *four = BN_new();
  char pem[PEM_SIZE];
  enum { N, E, D, P, Q, DP, DQ, QINV };

  (void)state;
  for (size_t i = 0; i < 8; i++) numbers[i] = BN_new();
  BN_set_word(numbers[P], 4);
  BN_set_word(numbers[E], 65537);
  do {
    BN_rand(numbers[Q], 2046, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
    BN_copy(less, numbers[Q]);
    BN_sub_word(less, 1);
  } while (!BN_mod_inverse(numbers[DQ], numbers[E], less, context));
  BN_mul(numbers[N], numbers[P], numbers[Q], context);
  BN_copy(numbers[D], numbers[DQ]);
  BN_set_word(four, 3);
  BN_mod_inverse(numbers[DP], numbers[E], four, context);
  BN_set_word(four, 4);
  BN_mod_inverse(numbers[QINV], numbers[Q], four, context);
  for (size_t i = 0; i < 8; i++) OSSL_PARAM_BLD_push_BN(builder, number_names[i], numbers[i]);
  params = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_fromdata_init(maker);
  assert_int_equal(EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, params), 1);
  assert_int_equal(kind_of(pem, write_pem(key, TRADITIONAL, pem)), IVS_KEY_NONE);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(builder);
  EVP_PKEY_CTX_free(maker);
  EVP_PKEY_free(key);
  BN_CTX_free(context);
  BN_free(less);
  BN_free(four);
  for (size_t i = 0; i < 8; i++) BN_clear_free(numbers[i]);
}

/* The DER of an RSA key whose numbers all have this many bits. */
static size_t write_long(size_t bits, char *pem) {
  static const char begin[] = "-----BEGIN RSA PRIVATE KEY-----\n";
  static unsigned char der[65536];
  size_t bytes = bits / 8 + 1, length = 0, count = sizeof begin - 1;
  const unsigned char head[] = {0x30, 0x83, 0, 0, 0, 0x02, 1, 0};

  memset(der, 0, sizeof der);
  memcpy(der, head, sizeof head);
  for (length = sizeof head; length < sizeof head + 8 * (bytes + 4); length += bytes) {
    der[length++] = 0x02;
    der[length++] = 0x82;
    der[length++] = (unsigned char)(bytes >> 8);
    der[length++] = (unsigned char)bytes;
    der[length + 1] = 0x80;
  }
  der[3] = (unsigned char)((length - 5) >> 8);
  der[4] = (unsigned char)(length - 5);
  memcpy(pem, begin, count);
  for (size_t at = 0; at < length; at += 48) {
    size_t piece = length - at < 48 ? length - at : 48;
    count += (size_t)EVP_EncodeBlock((unsigned char *)pem + count, der + at, (int)piece);
    pem[count++] = '\n';
  }
  return count + (size_t)sprintf(pem + count, "-----END RSA PRIVATE KEY-----\n");
}

/* Up to 8192 bits the numbers count. */
static void long_keys_are_refused(void **state) {
  static char pem[100000];

  (void)state;
  assert_int_equal(kind_of(pem, write_long(2048, pem)), IVS_KEY_NONE);
  assert_int_equal(kind_of(pem, write_long(8192, pem)), IVS_KEY_NONE);
  assert_int_equal(kind_of(pem, write_long(8200, pem)), IVS_KEY_OTHER);
  assert_int_equal(kind_of(pem, write_long(16384, pem)), IVS_KEY_OTHER);
}

static void text_around_a_key_is_allowed(void **state) {
  static const char before[] =
      "Bag Attributes\r\n-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
      "-----END EC PARAMETERS-----\n";
  char pem[PEM_SIZE], text[PEM_SIZE];
  size_t length = write_pem(p256, TRADITIONAL, pem);
  int written;

  (void)state;
  assert_int_equal(kind_of(pem, length - 1), IVS_KEY_P256);
  written = snprintf(text, sizeof text, "%s%s\nmore\n", before, pem);
  assert_int_equal(kind_of(text, (size_t)written), IVS_KEY_P256);
}

/* The text of a key with other lines: after `begin`, each line of base64 between `before`
 * and `after`; at most `width` characters of it. */
struct layout {
  const char *begin, *before, *after, *end;
  size_t width;
  int kind;
};

static size_t lay_out(const struct layout *layout, const char *base64, char *text) {
  size_t length = strlen(base64), count = (size_t)sprintf(text, "%s", layout->begin);

  for (size_t at = 0; at < length; at += layout->width)
    count += (size_t)sprintf(text + count, "%s%.*s%s", layout->before, (int)layout->width,
                             base64 + at, layout->after);
  return count + (size_t)sprintf(text + count, "%s", layout->end);
}

static int is_read_by_openssl(const char *pem, size_t length) {
  BIO *bio = BIO_new_mem_buf(pem, (int)length);
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
  int is_read = key != NULL;

  EVP_PKEY_free(key);
  BIO_free(bio);
  ERR_clear_error();
  return is_read;
}

#define BEGIN "-----BEGIN PRIVATE KEY-----"
#define END "-----END PRIVATE KEY-----"

/* What we take, OpenSSL takes too: a host may hand the text to it. */
static void lines_are_as_openssl_wants_them(void **state) {
  static const struct layout layouts[] = {
      {BEGIN "\n", "", "\n", END "\n", 64, IVS_KEY_RSA},
      {BEGIN "\n", "", "\n", END, 64, IVS_KEY_RSA},
      {BEGIN "\r\n", "", "\r\n", END "\r\n", 64, IVS_KEY_RSA},
      {BEGIN "\n", "", "\n", END "\n", 7, IVS_KEY_RSA},
      {BEGIN "\n", "", "\n", END "\n", 4096, IVS_KEY_RSA},
      {BEGIN " \t\n", " ", "\t \n", END " \n", 64, IVS_KEY_RSA},
      {"text\n\n" BEGIN "\n", "", "\n", END "\nmore", 64, IVS_KEY_RSA},
      {BEGIN "text\n" BEGIN "\n", "", "\n", END "\n", 64, IVS_KEY_RSA},
      {BEGIN, "", "", END, 4096, IVS_KEY_NONE},
      {BEGIN " ", "", " ", END " ", 64, IVS_KEY_NONE},
      {BEGIN "\r", "", "\r", END "\r", 64, IVS_KEY_NONE},
      {BEGIN, "", "\n", END "\n", 64, IVS_KEY_NONE},
      {"x " BEGIN "\n", "", "\n", END "\n", 64, IVS_KEY_NONE},
      {" " BEGIN "\n", "", "\n", END "\n", 64, IVS_KEY_NONE},
      {"-" BEGIN "\n", "", "\n", END "\n", 64, IVS_KEY_NONE},
      {BEGIN "-\n", "", "\n", END "\n", 64, IVS_KEY_NONE},
      {BEGIN "x\n", "", "\n", END "\n", 64, IVS_KEY_NONE},
      {BEGIN "\n", "", "\n", " " END "\n", 64, IVS_KEY_NONE},
      {BEGIN "\n", "", "\n", END "x\n", 64, IVS_KEY_NONE},
      {BEGIN "\n", "", "", END "\n", 4096, IVS_KEY_NONE},
      {BEGIN "\n\n", "", "\n", END "\n", 64, IVS_KEY_NONE},
      {BEGIN "\n", "", "\n", " \n" END "\n", 64, IVS_KEY_NONE},
      {BEGIN "\n", "", "\n\n", END "\n", 64, IVS_KEY_NONE},
      {BEGIN "\nFoo: bar\n\n", "", "\n", END "\n", 64, IVS_KEY_NONE},
  };
  char pem[PEM_SIZE], base64[PEM_SIZE], text[2 * PEM_SIZE];
  size_t length = write_pem(rsa2048, PKCS8, pem), count = 0;

  (void)state;
  for (size_t i = strlen(BEGIN); i < length && pem[i] != '-'; i++)
    if (pem[i] != '\n') base64[count++] = pem[i];
  base64[count] = '\0';
  for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
    size_t size = lay_out(&layouts[i], base64, text);
    if (kind_of(text, size) != layouts[i].kind) fail_msg("layout %zu", i);
    if (layouts[i].kind != IVS_KEY_NONE) assert_true(is_read_by_openssl(text, size));
  }
}

static void what_is_no_key(void **state) {
  static const char *const texts[] = {
      "",
      "not a key",
      "-----BEGIN PRIVATE KEY-----",
      "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
      "-----BEGIN PRIVATE KEY-----\nAAA\n-----END PRIVATE KEY-----\n",
      "-----BEGIN PRIVATE KEY-----\n====\n-----END PRIVATE KEY-----\n",
      "-----BEGIN PRIVATE KEY-----\n*&!?\n-----END PRIVATE KEY-----\n",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY",
      "-----BEGIN PRIVATE KEY",
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  };
  char pem[PEM_SIZE];
  size_t length = write_pem(p256, PKCS8, pem);

  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    assert_int_equal(kind_of(texts[i], strlen(texts[i])), IVS_KEY_NONE);
  /* Any cut of a good one, and a NUL where it begins. */
  for (size_t i = 0; i < length - 1; i++) assert_int_equal(kind_of(pem, i), IVS_KEY_NONE);
  pem[0] = '\0';
  assert_int_equal(kind_of(pem, length), IVS_KEY_NONE);
}

/* Any one byte changed: the answer may be either, but it is an answer. */
static void damaged_keys(void **state) {
  char pem[PEM_SIZE];
  size_t length = write_pem(p256, PKCS8, pem);

  (void)state;
  for (size_t i = 0; i < length; i++) {
    char was = pem[i];
    pem[i] = (char)(was ^ 1);
    assert_in_range(kind_of(pem, length), IVS_KEY_NONE, IVS_KEY_RSA);
    pem[i] = was;
  }
}

/* A number as OpenSSL has it. */
static void check_number(const ivs_private_key *key, size_t index, EVP_PKEY *from,
                         const char *name) {
  unsigned char bytes[512];
  BIGNUM *number = NULL;
  int length;

  assert_int_equal(EVP_PKEY_get_bn_param(from, name, &number), 1);
  length = BN_bn2bin(number, bytes);
  assert_int_equal(key->numbers[index].length, length);
  assert_memory_equal(key->numbers[index].bytes, bytes, (size_t)length);
  BN_clear_free(number);
}

static void the_numbers_of_a_key_are_given(void **state) {
  static const char *const names[] = {
      OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,           OSSL_PKEY_PARAM_RSA_D,
      OSSL_PKEY_PARAM_RSA_FACTOR1,   OSSL_PKEY_PARAM_RSA_FACTOR2,     OSSL_PKEY_PARAM_RSA_EXPONENT1,
      OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
  char pem[PEM_SIZE];
  ivs_private_key key;

  (void)state;
  for (int form = PKCS8; form <= TRADITIONAL; form++) {
    size_t length = write_pem(p256, (enum form)form, pem);
    assert_int_equal(ivs_private_key_read(pem, length, &key), INVSRC_OK);
    assert_int_equal(key.kind, IVS_KEY_P256);
    assert_int_equal(key.count, 1);
    check_number(&key, 0, p256, OSSL_PKEY_PARAM_PRIV_KEY);
    ivs_private_key_end(&key);
    length = write_pem(rsa2048, (enum form)form, pem);
    assert_int_equal(ivs_private_key_read(pem, length, &key), INVSRC_OK);
    assert_int_equal(key.kind, IVS_KEY_RSA);
    assert_int_equal(key.count, IVS_KEY_NUMBERS);
    for (size_t i = 0; i < IVS_KEY_NUMBERS; i++) check_number(&key, i, rsa2048, names[i]);
    ivs_private_key_end(&key);
    length = write_pem(rsa1024, (enum form)form, pem);
    assert_int_equal(ivs_private_key_read(pem, length, &key), INVSRC_OK);
    assert_int_equal(key.kind, IVS_KEY_OTHER);
    assert_int_equal(key.count, 0);
    ivs_private_key_end(&key);
    assert_null(key.block);
  }
}

static void the_error_queue_of_the_host_is_left_alone(void **state) {
  int kind;

  (void)state;
  ERR_raise(ERR_LIB_USER, ERR_R_PASSED_NULL_PARAMETER);
  assert_int_equal(ivs_private_key_judge(
                       "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", 59, &kind),
                   0);
  assert_int_equal(ERR_GET_REASON(ERR_get_error()), ERR_R_PASSED_NULL_PARAMETER);
  assert_int_equal(ERR_get_error(), 0);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_of_every_form),
      cmocka_unit_test(the_numbers_of_a_key_must_fit),
      cmocka_unit_test(the_numbers_of_a_key_are_the_shortest),
      cmocka_unit_test(a_modulus_is_odd),
      cmocka_unit_test(long_keys_are_refused),
      cmocka_unit_test(text_around_a_key_is_allowed),
      cmocka_unit_test(lines_are_as_openssl_wants_them),
      cmocka_unit_test(what_is_no_key),
      cmocka_unit_test(damaged_keys),
      cmocka_unit_test(the_numbers_of_a_key_are_given),
      cmocka_unit_test(the_error_queue_of_the_host_is_left_alone),
  };

  return cmocka_run_group_tests(tests, make_keys, free_keys);
}
