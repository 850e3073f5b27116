/*
 * The text form of API keys, and what is kept of one.
 */
#include "providers/apikey.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define DRAWS 500
#define ALPHABET "abcdefghijklmnopqrstuvwxyz234567"
#define CLIENT_ID_AT (sizeof IVS_APIKEY_PREFIX - 1)
#define SECRET_AT (CLIENT_ID_AT + IVS_APIKEY_CLIENT_ID + 1)

static invsrc_error *error;
static invsrc_buffer *text;

static int set_up(void **state) {
  (void)state;
  error = invsrc_error_new();
  text = invsrc_buffer_new();
  return error && text ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  invsrc_error_free(error);
  invsrc_buffer_free(text);
  return 0;
}

static void draw(ivs_apikey *key, char token[IVS_APIKEY_LENGTH + 1]) {
  uint64_t length;

  assert_int_equal(ivs_apikey_draw(key, text, error), INVSRC_OK);
  memcpy(token, invsrc_buffer_bytes(text, &length), IVS_APIKEY_LENGTH + 1);
  assert_int_equal(length, IVS_APIKEY_LENGTH);
}

/* ---- Making ------------------------------------------------------------------ */

static void a_key_has_the_form(void **state) {
  char token[IVS_APIKEY_LENGTH + 1];
  ivs_apikey key;

  (void)state;
  draw(&key, token);
  assert_int_equal(strlen(token), 76);
  assert_memory_equal(token, "scope3_", 7);
  assert_int_equal(strspn(token + 7, ALPHABET), 16);
  assert_int_equal(token[23], '_');
  assert_int_equal(strspn(token + 24, ALPHABET), 52);
  assert_int_equal(strlen(key.client_id), 16);
  assert_memory_equal(key.client_id, token + 7, 16);
}

static void what_is_kept_is_the_sha_256(void **state) {
  char token[IVS_APIKEY_LENGTH + 1];
  uint8_t digest[IVS_APIKEY_DIGEST];
  ivs_apikey key;

  (void)state;
  draw(&key, token);
  assert_int_equal(EVP_Digest(token, strlen(token), digest, NULL, EVP_sha256(), NULL), 1);
  assert_memory_equal(key.digest, digest, sizeof digest);
}

static int compare(const void *a, const void *b) {
  return strcmp(a, b);
}

static void every_key_is_new_and_uses_the_whole_alphabet(void **state) {
  static char tokens[DRAWS][IVS_APIKEY_LENGTH + 1];
  char client_ids[DRAWS][IVS_APIKEY_CLIENT_ID + 1];
  int seen[256] = {0};
  ivs_apikey key;

  (void)state;
  for (int i = 0; i < DRAWS; i++) {
    draw(&key, tokens[i]);
    memcpy(client_ids[i], key.client_id, sizeof client_ids[i]);
    for (const char *at = tokens[i] + SECRET_AT; *at; at++) seen[(unsigned char)*at]++;
  }
  qsort(tokens, DRAWS, sizeof *tokens, compare);
  qsort(client_ids, DRAWS, sizeof *client_ids, compare);
  for (int i = 1; i < DRAWS; i++) {
    assert_string_not_equal(tokens[i - 1], tokens[i]);
    assert_string_not_equal(client_ids[i - 1], client_ids[i]);
  }
  /* About 812 of each, give or take 28: these bounds are beyond all chance. */
  for (const char *at = ALPHABET; *at; at++) assert_in_range(seen[(unsigned char)*at], 600, 1050);
}

/* ---- Reading ----------------------------------------------------------------- */

static void a_key_is_read_back(void **state) {
  char token[IVS_APIKEY_LENGTH + 1];
  ivs_apikey key, read;

  (void)state;
  draw(&key, token);
  assert_int_equal(ivs_apikey_parse(token, IVS_APIKEY_LENGTH, &read), INVSRC_OUTCOME_OK);
  assert_string_equal(read.client_id, key.client_id);
  assert_true(ivs_apikey_is_same(&read, &key));
}

static void no_other_key_is_the_same(void **state) {
  char token[IVS_APIKEY_LENGTH + 1];
  ivs_apikey key, read;

  (void)state;
  draw(&key, token);
  for (size_t i = 0; i < IVS_APIKEY_LENGTH; i++)
    for (int bit = 0; bit < 8; bit++) {
      token[i] = (char)(token[i] ^ 1 << bit);
      if (ivs_apikey_parse(token, IVS_APIKEY_LENGTH, &read) == INVSRC_OUTCOME_OK) {
        assert_true(i >= CLIENT_ID_AT);
        assert_false(ivs_apikey_is_same(&read, &key));
      }
      token[i] = (char)(token[i] ^ 1 << bit);
    }
  for (size_t i = 0; i < IVS_APIKEY_DIGEST; i++) {
    read = key;
    read.digest[i] ^= 1;
    assert_false(ivs_apikey_is_same(&read, &key));
  }
}

static void another_length_is_no_key(void **state) {
  char token[IVS_APIKEY_LENGTH + 2] = "";
  ivs_apikey key, read;

  (void)state;
  draw(&key, token);
  token[IVS_APIKEY_LENGTH] = 'a';
  for (size_t length = 0; length <= IVS_APIKEY_LENGTH + 1; length++)
    assert_int_equal(ivs_apikey_parse(token, length, &read),
                     length == IVS_APIKEY_LENGTH ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNKNOWN);
  assert_int_equal(ivs_apikey_parse(token, UINT64_MAX, &read), INVSRC_OUTCOME_UNKNOWN);
}

static void other_characters_are_no_key(void **state) {
  char token[IVS_APIKEY_LENGTH + 1];
  ivs_apikey key, read;

  (void)state;
  draw(&key, token);
  for (size_t at = CLIENT_ID_AT; at < SECRET_AT; at++) {
    char was = token[at];
    for (int c = 0; c < 256; c++) {
      int fits = at == SECRET_AT - 1 ? c == '_' : c && strchr(ALPHABET, c) != NULL;
      token[at] = (char)c;
      assert_int_equal(ivs_apikey_parse(token, IVS_APIKEY_LENGTH, &read),
                       fits ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNKNOWN);
    }
    token[at] = was;
  }
  memcpy(token, "SCOPE3_", 7);
  assert_int_equal(ivs_apikey_parse(token, IVS_APIKEY_LENGTH, &read), INVSRC_OUTCOME_UNKNOWN);
}

static void the_queue_of_errors_is_left_alone(void **state) {
  char token[IVS_APIKEY_LENGTH + 1];
  ivs_apikey key;

  (void)state;
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 7);
  draw(&key, token);
  ivs_apikey_parse(token, IVS_APIKEY_LENGTH, &key);
  assert_int_equal(ERR_GET_REASON(ERR_get_error()), 7);
  assert_int_equal(ERR_get_error(), 0);
}

/* ---- What an operator gives ------------------------------------------------------ */

static void storefronts_and_names_are_judged(void **state) {
  static char long255[256], long256[257];
  static const struct {
    const char *storefront;
    const char *name;
    const char *message; /* "" where it is well */
  } cases[] = {
      {"acme", NULL, ""},
      {"acme", "", ""},
      {"acme", "CI", ""},
      {"東京", "Büro", ""},
      {long255, long255, ""},
      {NULL, NULL, "the storefront must be 1 to 255 bytes of UTF-8 without control characters"},
      {"", NULL, "the storefront must be 1 to 255 bytes of UTF-8 without control characters"},
      {long256, NULL, "the storefront must be 1 to 255 bytes of UTF-8 without control characters"},
      {"a\nb", NULL, "the storefront must be 1 to 255 bytes of UTF-8 without control characters"},
      {"a\x7f", NULL, "the storefront must be 1 to 255 bytes of UTF-8 without control characters"},
      {"\xc3", NULL, "the storefront must be 1 to 255 bytes of UTF-8 without control characters"},
      {"acme", long256, "the name must be at most 255 bytes of UTF-8 without control characters"},
      {"acme", "\t", "the name must be at most 255 bytes of UTF-8 without control characters"},
      {"acme", "\xff", "the name must be at most 255 bytes of UTF-8 without control characters"},
  };

  (void)state;
  memset(long255, 'x', 255);
  memset(long256, 'x', 256);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    invsrc_error *fresh = invsrc_error_new();
    int32_t result = ivs_apikey_check(cases[i].storefront, cases[i].name, fresh);
    assert_int_equal(result, *cases[i].message ? INVSRC_EINVAL : INVSRC_OK);
    assert_string_equal(invsrc_error_message(fresh), cases[i].message);
    assert_int_equal(invsrc_error_code(fresh), result);
    invsrc_error_free(fresh);
  }
  assert_int_equal(ivs_apikey_check("", NULL, NULL), INVSRC_EINVAL);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_key_has_the_form),
      cmocka_unit_test(what_is_kept_is_the_sha_256),
      cmocka_unit_test(every_key_is_new_and_uses_the_whole_alphabet),
      cmocka_unit_test(a_key_is_read_back),
      cmocka_unit_test(no_other_key_is_the_same),
      cmocka_unit_test(another_length_is_no_key),
      cmocka_unit_test(other_characters_are_no_key),
      cmocka_unit_test(the_queue_of_errors_is_left_alone),
      cmocka_unit_test(storefronts_and_names_are_judged),
  };

  return cmocka_run_group_tests(tests, set_up, tear_down);
}
