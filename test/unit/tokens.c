/*
 * The access tokens that are kept: by whose they are and the credential, for as long as
 * they are good, and no more than fit.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>
#include <invsrc/invsrc.h>

#include "providers/tokens.h"

#define NOON INT64_C(43200000)

static ivs_token_key key_of(const char *owner, const char *credential) {
  ivs_token_key key;

  assert_int_equal(ivs_token_key_make(&key, owner, strlen(owner), credential, strlen(credential)),
                   INVSRC_OK);
  return key;
}

/* What is kept, or "". */
static const char *kept(ivs_tokens *tokens, const ivs_token_key *key, int64_t now) {
  static char text[64];
  ivs_buffer token = IVS_BUFFER_EMPTY;

  assert_int_equal(ivs_tokens_get(tokens, key, now, &token), INVSRC_OK);
  snprintf(text, sizeof text, "%s", token.bytes ? token.bytes : "");
  ivs_buffer_end(&token);
  return text;
}

static void a_token_is_kept_while_it_is_good(void **state) {
  ivs_tokens *tokens = ivs_tokens_new();
  ivs_token_key key = key_of("1", "credential");

  (void)state;
  assert_string_equal(kept(tokens, &key, NOON), "");
  ivs_tokens_put(tokens, &key, "first", NOON + 1000);
  assert_string_equal(kept(tokens, &key, NOON + 999), "first");
  ivs_tokens_put(tokens, &key, "second", NOON + 2000);
  assert_string_equal(kept(tokens, &key, NOON + 1999), "second");
  assert_string_equal(kept(tokens, &key, NOON + 2000), "");
  assert_string_equal(kept(tokens, &key, NOON), ""); /* it was forgotten */
  ivs_tokens_put(tokens, &key, "third", NOON + 1000);
  ivs_tokens_drop(tokens, &key);
  ivs_tokens_drop(tokens, &key);
  assert_string_equal(kept(tokens, &key, NOON), "");
  ivs_tokens_free(tokens);
  ivs_tokens_free(NULL);
}

static void nobody_finds_another_s_token(void **state) {
  ivs_tokens *tokens = ivs_tokens_new();
  ivs_token_key key = key_of("12", "3credential");
  ivs_token_key others[] = {key_of("123", "credential"), key_of("12", "credential"),
                            key_of("1", "23credential"), key_of("13", "3credential")};

  (void)state;
  ivs_tokens_put(tokens, &key, "token", NOON);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    assert_string_equal(kept(tokens, &others[i], 0), "");
  assert_string_equal(kept(tokens, &key, 0), "token");
  ivs_tokens_free(tokens);
}

static void the_oldest_makes_room(void **state) {
  ivs_tokens *tokens = ivs_tokens_new();
  ivs_token_key key;
  char owner[16];

  (void)state;
  for (int i = 0; i <= IVS_TOKENS_MOST; i++) {
    snprintf(owner, sizeof owner, "%d", i);
    key = key_of(owner, "");
    ivs_tokens_put(tokens, &key, owner, NOON);
    key = key_of("0", ""); /* put again, it is new again */
    if (i == 1) ivs_tokens_put(tokens, &key, "again", NOON);
  }
  key = key_of("0", "");
  assert_string_equal(kept(tokens, &key, 0), "again");
  key = key_of("1", "");
  assert_string_equal(kept(tokens, &key, 0), "");
  for (int i = 2; i <= IVS_TOKENS_MOST; i++) {
    snprintf(owner, sizeof owner, "%d", i);
    key = key_of(owner, "");
    assert_string_equal(kept(tokens, &key, 0), owner);
  }
  ivs_tokens_free(tokens);
}

static void a_token_too_long_is_not_kept(void **state) {
  ivs_tokens *tokens = ivs_tokens_new();
  ivs_token_key key = key_of("1", "credential");
  char *text = malloc(IVS_TOKENS_LONGEST + 2);

  (void)state;
  assert_non_null(text);
  memset(text, 'x', IVS_TOKENS_LONGEST + 1);
  text[IVS_TOKENS_LONGEST + 1] = '\0';
  ivs_tokens_put(tokens, &key, "old", NOON);
  ivs_tokens_put(tokens, &key, text, NOON);
  assert_string_equal(kept(tokens, &key, 0), "");
  ivs_tokens_put(tokens, &key, text + 1, NOON);
  assert_int_equal(strlen(kept(tokens, &key, 0)), 63);
  free(text);
  ivs_tokens_free(tokens);
}

#define THREADS 4
#define ROUNDS 2000

/* Each has a key of its own and one that is everybody's. */
static void *use(void *argument) {
  ivs_tokens *tokens = argument;
  ivs_token_key shared = key_of("shared", ""), own;
  ivs_buffer token = IVS_BUFFER_EMPTY;
  char name[32];
  void *bad = NULL;

  snprintf(name, sizeof name, "%lu", (unsigned long)pthread_self());
  own = key_of(name, "");
  for (int i = 0; i < ROUNDS && !bad; i++) {
    ivs_tokens_put(tokens, &own, name, NOON);
    ivs_tokens_put(tokens, &shared, name, NOON);
    if (i % 3 == 0) ivs_tokens_drop(tokens, &shared);
    if (ivs_tokens_get(tokens, &own, 0, &token) != INVSRC_OK || strcmp(token.bytes, name) != 0)
      bad = tokens;
  }
  ivs_buffer_end(&token);
  return bad;
}

static void threads_share_the_tokens(void **state) {
  ivs_tokens *tokens = ivs_tokens_new();
  pthread_t threads[THREADS];

  (void)state;
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, use, tokens), 0);
  for (int i = 0; i < THREADS; i++) {
    void *bad;
    assert_int_equal(pthread_join(threads[i], &bad), 0);
    assert_null(bad);
  }
  ivs_tokens_free(tokens);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_token_is_kept_while_it_is_good),
      cmocka_unit_test(nobody_finds_another_s_token),
      cmocka_unit_test(the_oldest_makes_room),
      cmocka_unit_test(a_token_too_long_is_not_kept),
      cmocka_unit_test(threads_share_the_tokens),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
