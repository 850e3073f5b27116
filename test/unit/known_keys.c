/*
 * API keys that are known from a moment ago: for how long, and when they are not any more.
 */
#include "core/known_keys.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define THEN 1000000

static ivs_known_keys known;
static invsrc_buffer *storefront;

static int set_up(void **state) {
  (void)state;
  memset(&known, 0, sizeof known);
  storefront = invsrc_buffer_new();
  return storefront ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  invsrc_buffer_free(storefront);
  return 0;
}

/* As with real ones, the digest is of both. */
static ivs_apikey key_of(unsigned client, int secret) {
  ivs_apikey key = {{0}, {0}};

  snprintf(key.client_id, sizeof key.client_id, "%-16u", client);
  memset(key.digest, secret, sizeof key.digest);
  memcpy(key.digest, &client, sizeof client);
  return key;
}

static void keep(int64_t asked_at, const ivs_apikey *key, const char *whose) {
  ivs_known_question question = ivs_known_keys_ask(&known, asked_at);

  ivs_known_keys_keep(&known, &question, key, whose, strlen(whose));
}

/* Whose the key is said to be; "" where that is not known. */
static const char *find(int64_t at, const ivs_apikey *key) {
  ivs_known_question question = ivs_known_keys_ask(&known, at);
  int32_t outcome = ivs_known_keys_find(&known, &question, key, storefront);

  if (outcome == INVSRC_OUTCOME_UNKNOWN) return "";
  assert_int_equal(outcome, INVSRC_OUTCOME_OK);
  return invsrc_buffer_bytes(storefront, NULL);
}

static void nothing_is_known_at_first(void **state) {
  ivs_apikey zeros = {{0}, {0}}, key = key_of(1, 1);

  (void)state;
  assert_string_equal(find(0, &zeros), "");
  assert_string_equal(find(-1, &zeros), "");
  assert_string_equal(find(THEN, &key), "");
}

static void an_answer_is_good_for_a_moment(void **state) {
  ivs_apikey key = key_of(1, 1);

  (void)state;
  keep(THEN, &key, "acme");
  assert_string_equal(find(THEN, &key), "acme");
  assert_string_equal(find(THEN + 9, &key), "acme");
  assert_string_equal(find(THEN + 10, &key), "");
  assert_string_equal(find(THEN + 10000000, &key), "");
}

/* It is as old as the question, and not as the answer. */
static void to_find_an_answer_does_not_renew_it(void **state) {
  ivs_apikey key = key_of(1, 1);
  ivs_known_question early = ivs_known_keys_ask(&known, THEN - 8);

  (void)state;
  ivs_known_keys_keep(&known, &early, &key, "acme", 4);
  assert_string_equal(find(THEN + 1, &key), "acme");
  assert_string_equal(find(THEN + 2, &key), "");
}

static void another_secret_is_not_known(void **state) {
  ivs_apikey key = key_of(1, 1), other_secret = key_of(1, 2), other_client = key_of(2, 1);

  (void)state;
  keep(THEN, &key, "acme");
  assert_string_equal(find(THEN, &other_secret), "");
  assert_string_equal(find(THEN, &other_client), "");
  for (size_t i = 0; i < sizeof key.digest; i++) {
    ivs_apikey crossed = key;
    crossed.digest[i] ^= 1;
    assert_string_equal(find(THEN, &crossed), "");
  }
  assert_string_equal(find(THEN, &key), "acme");
}

/* Of those in one place the last is known, and each is its own storefront's. */
static void many_share_the_place_and_none_is_mixed_up(void **state) {
  char whose[16];
  unsigned found = 0;

  (void)state;
  for (unsigned i = 0; i < 1000; i++) {
    ivs_apikey key = key_of(i * 1000003u, (int)i);
    snprintf(whose, sizeof whose, "acme-%u", i);
    keep(THEN, &key, whose);
    assert_string_equal(find(THEN, &key), whose);
  }
  for (unsigned i = 0; i < 1000; i++) {
    ivs_apikey key = key_of(i * 1000003u, (int)i);
    const char *is = find(THEN, &key);
    snprintf(whose, sizeof whose, "acme-%u", i);
    if (!*is) continue;
    assert_string_equal(is, whose);
    found++;
  }
  assert_in_range(found, IVS_KNOWN_MOST / 4, IVS_KNOWN_MOST);
}

static void without_a_clock_nothing_is_known(void **state) {
  ivs_apikey key = key_of(1, 1);

  (void)state;
  keep(0, &key, "acme");
  assert_string_equal(find(0, &key), "");
}

static void a_change_ends_what_was_known(void **state) {
  ivs_apikey key = key_of(1, 1);

  (void)state;
  keep(THEN, &key, "acme");
  ivs_known_keys_change(&known);
  assert_string_equal(find(THEN, &key), "");
  keep(THEN, &key, "acme");
  assert_string_equal(find(THEN, &key), "acme");
}

/* The row may have been read before it was changed. */
static void an_answer_from_before_a_change_is_none(void **state) {
  ivs_apikey key = key_of(1, 1);
  ivs_known_question before = ivs_known_keys_ask(&known, THEN);

  (void)state;
  ivs_known_keys_change(&known);
  ivs_known_keys_keep(&known, &before, &key, "acme", 4);
  assert_string_equal(find(THEN, &key), "");
}

static void a_storefront_that_is_too_long_is_looked_up(void **state) {
  static char longest[IVS_APIKEY_TEXT + 2];
  ivs_apikey key = key_of(1, 1), other = key_of(2, 2);

  (void)state;
  memset(longest, 'a', IVS_APIKEY_TEXT + 1);
  keep(THEN, &key, longest);
  assert_string_equal(find(THEN, &key), "");
  longest[IVS_APIKEY_TEXT] = '\0';
  keep(THEN, &other, longest);
  assert_string_equal(find(THEN, &other), longest);
}

/* Who finds another thread at it asks the database. */
static void nobody_waits(void **state) {
  ivs_apikey key = key_of(1, 1), other = key_of(2, 2);

  (void)state;
  keep(THEN, &key, "acme");
  known.in_use = 1;
  assert_string_equal(find(THEN, &key), "");
  keep(THEN, &other, "other");
  assert_int_equal(known.in_use, 1);
  known.in_use = 0;
  assert_string_equal(find(THEN, &key), "acme");
  assert_string_equal(find(THEN, &other), "");
}

/* ---- Threads ---------------------------------------------------------------------------- */

#define ASKERS 3
#define ROUNDS 5000

/* Each round has a key of its own, by its number, which is valid until it is revoked. */
static atomic_uint latest, valid, revoked;
static atomic_int is_over;

/* Whether none was known after its revocation had returned. */
static void *be_asker(void *is_good) {
  invsrc_buffer *whose = invsrc_buffer_new();

  while (!is_over) {
    unsigned gone = revoked, number = latest;
    ivs_apikey key = key_of(number, 1);
    ivs_known_question question = ivs_known_keys_ask(&known, THEN);
    if (ivs_known_keys_find(&known, &question, &key, whose) == INVSRC_OUTCOME_OK)
      *(int *)is_good &= number > gone;
    else if (valid == number)
      ivs_known_keys_keep(&known, &question, &key, "acme", 4);
    sched_yield();
  }
  invsrc_buffer_free(whose);
  return NULL;
}

static void no_thread_knows_a_revoked_key(void **state) {
  int good[ASKERS] = {1, 1, 1}, all_good = 1;
  pthread_t threads[ASKERS];

  (void)state;
  latest = valid = 1;
  for (int i = 0; i < ASKERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, be_asker, &good[i]), 0);
  for (unsigned number = 1; number <= ROUNDS; number++) {
    latest = number;
    valid = number;
    sched_yield();
    valid = 0;
    ivs_known_keys_change(&known);
    revoked = number;
    sched_yield();
  }
  is_over = 1;
  for (int i = 0; i < ASKERS; i++) {
    pthread_join(threads[i], NULL);
    all_good &= good[i];
  }
  assert_true(all_good);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  static const struct CMUnitTest tests[] = {
      TEST(nothing_is_known_at_first),
      TEST(an_answer_is_good_for_a_moment),
      TEST(to_find_an_answer_does_not_renew_it),
      TEST(another_secret_is_not_known),
      TEST(many_share_the_place_and_none_is_mixed_up),
      TEST(without_a_clock_nothing_is_known),
      TEST(a_change_ends_what_was_known),
      TEST(an_answer_from_before_a_change_is_none),
      TEST(a_storefront_that_is_too_long_is_looked_up),
      TEST(nobody_waits),
      TEST(no_thread_knows_a_revoked_key),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
