/*
 * The store in PostgreSQL: what every store must do, in threads and in processes.
 */
#include "postgres/postgres.h"

#include "store_life_checks.h"

/* It comes behind the checks, for its variables are their parameters. */
#include "postgres/scratch_pg.h"

#include "client_checks.h"
#include "process_tests.h"
#include "suites.h"

static void the_store_conforms(void **state) {
  (void)state;
  assert_store_conforms(invsrc_postgres_store(), SCRATCH_SUITE);
}

static void claims_that_fail_claim_nothing(void **state) {
  (void)state;
  check_failed_claims(store);
}

/* ---- Clients and keys ------------------------------------------------------------------- */

static struct clients clients(void) {
  return (struct clients){invsrc_postgres_clients(), pg};
}

static void clients_conform(void **state) {
  (void)state;
  assert_clients_conform(invsrc_postgres_clients(), SCRATCH_SUITE);
}

/* An index of PostgreSQL takes no more than a third of a page. */
static void long_names_are_kept(void **state) {
  static char issuer[8001], uri[8001];
  uint32_t bits = 1;

  (void)state;
  for (size_t i = 0; i < sizeof issuer - 1; i++) { /* what cannot be compressed */
    bits = bits * UINT32_C(1664525) + UINT32_C(1013904223);
    issuer[i] = (char)('!' + (bits >> 16) % 90);
    uri[i] = (char)('!' + (bits >> 24) % 90);
  }
  assert_int_equal(put_client(clients(), issuer, uri, "one"), INVSRC_OUTCOME_OK);
  assert_client(clients(), issuer, uri, "one");
  assert_client(clients(), uri, issuer, NULL);
}

static invsrc_buffer *add_key(const char *storefront, const char *name) {
  invsrc_buffer *key = invsrc_buffer_new();

  assert_int_equal(invsrc_postgres_apikey_add(pg, storefront, name, key, error), INVSRC_OK);
  return key;
}

static void keys_speak_for_their_storefront(void **state) {
  invsrc_buffer *acme = add_key("acme", NULL), *other = add_key("other", "a name");

  (void)state;
  check_keys(invsrc_postgres_authenticator(), pg, invsrc_buffer_bytes(acme, NULL),
             invsrc_buffer_bytes(other, NULL));
  invsrc_buffer_free(acme);
  invsrc_buffer_free(other);
}

static void print_key(void *context, const invsrc_apikey *key) {
  char *text = context;

  snprintf(text + strlen(text), 256 - strlen(text), "%s/%s/%d/%d ", key->storefront, key->name,
           (int)key->status, key->revoked_at >= key->created_at);
}

static const char *keys_of(const char *storefront) {
  static char text[256];

  text[0] = '\0';
  assert_int_equal(invsrc_postgres_apikey_list(pg, storefront, print_key, text, error), INVSRC_OK);
  return text;
}

/* Whom a key speaks for; "" for nobody. */
static const char *whose(const invsrc_buffer *key) {
  static char text[64];
  invsrc_buffer *storefront = invsrc_buffer_new();

  snprintf(text, sizeof text, "%s",
           authenticate(invsrc_postgres_authenticator(), pg, invsrc_buffer_bytes(key, NULL),
                        storefront));
  invsrc_buffer_free(storefront);
  return text;
}

/* It shows in that one counts still which has just been taken away; unless that took too long. */
static void a_key_is_known_for_a_moment(void **state) {
  static const struct timespec moment = {0, 10000000};
  int is_known = 0;

  (void)state;
  for (int i = 0; i < 100 && !is_known; i++) {
    invsrc_buffer *key = add_key("acme", NULL);
    assert_string_equal(whose(key), "acme");
    run_sql("DELETE FROM invsrc_api_keys");
    is_known = strcmp(whose(key), "acme") == 0;
    nanosleep(&moment, NULL);
    assert_string_equal(whose(key), "");
    invsrc_buffer_free(key);
  }
  assert_true(is_known);
}

static void keys_are_listed_and_revoked(void **state) {
  invsrc_buffer *first = add_key("acme", "é"), *second = add_key("other", "");
  char client_id[17] = "";

  (void)state;
  assert_string_equal(keys_of(NULL), "acme/é/1/0 other//1/0 ");
  assert_string_equal(keys_of("other"), "other//1/0 ");
  assert_string_equal(keys_of("nobody"), "");
  memcpy(client_id, (const char *)invsrc_buffer_bytes(first, NULL) + strlen("scope3_"), 16);
  assert_string_equal(whose(first), "acme");
  for (int i = 0; i < 2; i++)
    assert_int_equal(invsrc_postgres_apikey_revoke(pg, client_id, error), INVSRC_OK);
  assert_string_equal(keys_of(NULL), "acme/é/2/1 other//1/0 ");
  assert_string_equal(whose(first), "");
  assert_int_equal(invsrc_postgres_apikey_revoke(pg, "abcdefghijklmnop", error), INVSRC_ENOTFOUND);
  assert_int_equal(invsrc_postgres_apikey_revoke(pg, "\xff", error), INVSRC_ENOTFOUND);
  assert_string_equal(keys_of("\xff"), "");
  assert_int_equal(invsrc_postgres_apikey_revoke(pg, NULL, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_postgres_apikey_add(pg, "", NULL, first, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_postgres_apikey_add(NULL, "a", NULL, first, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_postgres_apikey_list(pg, NULL, NULL, NULL, error), INVSRC_EINVAL);
  invsrc_buffer_free(first);
  invsrc_buffer_free(second);
}

static void revoke_key(void *context, const invsrc_apikey *key) {
  (void)context;
  assert_int_equal(invsrc_postgres_apikey_revoke(pg, key->client_id, error), INVSRC_OK);
}

/* Who is shown the keys needs no connection beside the one that they came over. */
static void keys_are_revoked_as_they_are_listed(void **state) {
  (void)state;
  invsrc_buffer_free(add_key("acme", "1"));
  invsrc_buffer_free(add_key("acme", "2"));
  assert_int_equal(invsrc_postgres_set_pool_size(pg, 1), INVSRC_OK);
  assert_int_equal(invsrc_postgres_apikey_list(pg, NULL, revoke_key, NULL, error), INVSRC_OK);
  assert_string_equal(keys_of(NULL), "acme/1/2/1 acme/2/2/1 ");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_anew, leave_nothing)
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_store_conforms),
      TEST(claims_that_fail_claim_nothing),
      PROCESS_TESTS(TEST),
      cmocka_unit_test(clients_conform),
      TEST(long_names_are_kept),
      TEST(keys_speak_for_their_storefront),
      TEST(a_key_is_known_for_a_moment),
      TEST(keys_are_listed_and_revoked),
      TEST(keys_are_revoked_as_they_are_listed),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
