/*
 * The AAO provider, carried from memory: a registry that answers as it is told, a
 * clock that is set by hand, and a count of what was asked.
 */
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define A "https://a.example/mcp"
#define B "https://b.example/mcp"
#define LIST(agents) "{\"agents\":[" agents "]}"
#define AGENT(url) "{\"url\":\"" url "\"}"
#define YES INVSRC_OUTCOME_OK
#define NO INVSRC_OUTCOME_NOT_REGISTERED
#define OUTAGE INVSRC_OUTCOME_UNAVAILABLE

/* What the registry says to one of its two calls. */
struct page {
  int32_t outcome;
  int32_t status;
  const char *body;
  const char *etag;
  const char *retry_after;
  int asked;
};

static struct world {
  pthread_mutex_t lock;
  struct page catalogue;
  struct page operator_list;
  int64_t takes; /* milliseconds on the clock for an exchange */
  long sleeps;   /* real milliseconds for an exchange */
  int64_t now;
  int32_t clock; /* outcome of reading it */
  char url[512];
  char headers[512];
  char log[512];
} world;

static const char *header_of(const invsrc_http_request *request, const char *name) {
  for (uint32_t i = 0; i < request->header_count; i++)
    if (strncmp(request->headers[i], name, strlen(name)) == 0)
      return request->headers[i] + strlen(name) + 2;
  return NULL;
}

static void note(const invsrc_http_request *request) {
  snprintf(world.url, sizeof world.url, "%s", request->url);
  world.headers[0] = '\0';
  for (uint32_t i = 0; i < request->header_count; i++) {
    size_t end = strlen(world.headers);
    snprintf(world.headers + end, sizeof world.headers - end, "%s\n", request->headers[i]);
  }
}

static int32_t answer(const struct page *page, const char *if_none_match,
                      invsrc_http_reply *reply) {
  int unchanged = page->etag && if_none_match && strcmp(page->etag, if_none_match) == 0;

  if (page->outcome != INVSRC_OUTCOME_OK) {
    invsrc_http_reply_set_reason(reply, "cannot connect");
    return page->outcome;
  }
  invsrc_http_reply_set_status(reply, unchanged ? 304 : page->status);
  if (!unchanged) invsrc_http_reply_append_body(reply, page->body, strlen(page->body));
  if (page->etag) invsrc_http_reply_add_header(reply, "ETag", 4, page->etag, strlen(page->etag));
  if (page->retry_after)
    invsrc_http_reply_add_header(reply, "Retry-After", 11, page->retry_after,
                                 strlen(page->retry_after));
  return INVSRC_OUTCOME_OK;
}

static int32_t exchange(void *context, const invsrc_http_request *request,
                        invsrc_http_reply *reply) {
  const struct timespec nap = {0, world.sleeps * 1000000};
  struct page *page;
  int32_t outcome;

  assert_ptr_equal(context, &world);
  if (nap.tv_nsec) nanosleep(&nap, NULL);
  pthread_mutex_lock(&world.lock);
  page = strstr(request->url, "/api/registry/agents") ? &world.catalogue : &world.operator_list;
  page->asked++;
  world.now += world.takes;
  note(request);
  outcome = answer(page, header_of(request, "If-None-Match"), reply);
  pthread_mutex_unlock(&world.lock);
  return outcome;
}

static const invsrc_transport_vtable transport = {sizeof transport, 0, exchange};

static int32_t now(void *context, int64_t *milliseconds) {
  assert_ptr_equal(context, &world);
  pthread_mutex_lock(&world.lock);
  *milliseconds = world.now;
  pthread_mutex_unlock(&world.lock);
  return world.clock;
}

static void hear(void *context, int32_t level, const char *message, uint64_t length) {
  assert_ptr_equal(context, &world);
  assert_int_equal(level, INVSRC_LOG_WARNING);
  assert_int_equal(strlen(message), length);
  snprintf(world.log, sizeof world.log, "%s", message);
}

static const invsrc_world_vtable world_table = {sizeof world_table, 0, now, NULL, hear};

/* A fresh registry that lists nothing, and the provider that asks it. */
static invsrc_aao *begin(void) {
  invsrc_aao *aao;

  pthread_mutex_init(&world.lock, NULL);
  world.catalogue = (struct page){INVSRC_OUTCOME_OK, 200, LIST(""), NULL, NULL, 0};
  world.operator_list = world.catalogue;
  world.takes = world.sleeps = 0;
  world.now = 1000000;
  world.clock = INVSRC_OUTCOME_OK;
  world.url[0] = world.headers[0] = world.log[0] = '\0';
  assert_int_equal(invsrc_aao_new("https://aao.example/", &transport, &world, &aao, NULL),
                   INVSRC_OK);
  assert_int_equal(invsrc_aao_set_world(aao, &world_table, &world), INVSRC_OK);
  return aao;
}

static int32_t look_up(invsrc_aao *aao, const char *url) {
  return invsrc_aao_registry()->lookup(aao, url, strlen(url));
}

/* Looks an endpoint up, and holds the outcome and what was asked since the last
 * time against what is expected. */
static void expect(invsrc_aao *aao, const char *url, int32_t outcome, int catalogues,
                   int operators) {
  world.catalogue.asked = world.operator_list.asked = 0;
  assert_int_equal(look_up(aao, url), outcome);
  assert_int_equal(world.catalogue.asked, catalogues);
  assert_int_equal(world.operator_list.asked, operators);
}

/* ---- Yes ----------------------------------------------------------------- */

static void a_listed_endpoint_is_asked_for_once_in_its_time(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  world.catalogue.body = LIST(AGENT("HTTPS://A.example/MCP/"));
  expect(aao, A, YES, 1, 0);
  assert_string_equal(world.url, "https://aao.example/api/registry/agents");
  world.now += 299999;
  expect(aao, A, YES, 0, 0);
  world.now += 1;
  expect(aao, A, YES, 1, 0);
  assert_int_equal(invsrc_aao_set_time_to_live(aao, 1), INVSRC_OK);
  world.now += 1000;
  expect(aao, A, YES, 1, 0);
  assert_string_equal(world.log, "");
  invsrc_aao_free(aao);
}

static void an_unchanged_catalogue_lives_again(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  world.catalogue.body = LIST(AGENT(A));
  world.catalogue.etag = "\"1\"";
  expect(aao, A, YES, 1, 0);
  assert_null(strstr(world.headers, "If-None-Match"));
  world.now += 300000;
  expect(aao, A, YES, 1, 0);
  assert_non_null(strstr(world.headers, "If-None-Match: \"1\"\n"));
  world.now += 299999;
  expect(aao, A, YES, 0, 0);
  world.now += 1;
  world.catalogue.body = LIST(AGENT(B));
  world.catalogue.etag = "\"2\"";
  expect(aao, A, NO, 1, 1);
  expect(aao, B, YES, 0, 0);
  invsrc_aao_free(aao);
}

static void an_operators_yes_is_a_yes(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  world.operator_list.body = LIST(AGENT(A));
  expect(aao, A, YES, 1, 1);
  assert_string_equal(world.url, "https://aao.example/api/registry/operator?domain=a.example");
  world.catalogue.outcome = OUTAGE;
  world.now += 300000;
  expect(aao, A, YES, 1, 1);
  invsrc_aao_free(aao);
}

/* ---- No ------------------------------------------------------------------ */

static void an_operator_is_asked_once_a_minute(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  expect(aao, A, NO, 1, 1);
  world.operator_list.body = LIST(AGENT(A));
  world.now += 59999;
  expect(aao, A, NO, 0, 0);
  expect(aao, "https://a.example/other", NO, 0, 0);
  expect(aao, B, NO, 0, 1);
  world.now += 1;
  expect(aao, A, YES, 0, 1);
  expect(aao, "https://a.example/other", NO, 0, 0);
  invsrc_aao_free(aao);
}

#define FOUR                 \
  AGENT("https://x.example") \
  "," AGENT("https://x.example") "," AGENT("https://x.example") "," AGENT("https://x.example")
#define TWENTY FOUR "," FOUR "," FOUR "," FOUR "," FOUR

static void a_full_list_is_no_no(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  world.operator_list.body = LIST(TWENTY);
  /* A fresh catalogue settles it; an older one is fetched anew. */
  expect(aao, A, NO, 1, 1);
  world.now += 60000;
  expect(aao, A, NO, 1, 1);
  world.now += 60000;
  world.catalogue.body = LIST(AGENT(A));
  expect(aao, A, YES, 1, 1);
  world.now += 60000;
  world.catalogue.outcome = OUTAGE;
  expect(aao, B, OUTAGE, 1, 1);
  expect(aao, A, YES, 0, 0);
  invsrc_aao_free(aao);
}

/* ---- Outage -------------------------------------------------------------- */

static void an_outage_is_neither_yes_nor_no(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  world.catalogue.body = LIST(AGENT(A));
  expect(aao, A, YES, 1, 0);
  world.catalogue.outcome = world.operator_list.outcome = OUTAGE;
  expect(aao, B, OUTAGE, 0, 1);
  expect(aao, A, YES, 0, 0);
  world.now += 300000;
  expect(aao, A, OUTAGE, 1, 1);
  assert_string_equal(world.log, "AAO registry: no list of the operator's agents: cannot connect");
  /* It ends soon after the registry is back. */
  world.catalogue.outcome = INVSRC_OUTCOME_OK;
  world.now += 1000;
  expect(aao, A, YES, 1, 0);
  expect(aao, B, OUTAGE, 0, 1);
  world.operator_list.outcome = INVSRC_OUTCOME_OK;
  world.now += 2000;
  expect(aao, B, NO, 0, 1);
  invsrc_aao_free(aao);
}

static void what_is_no_document_is_an_outage(void **state) {
  static const struct page pages[] = {
      {INVSRC_OUTCOME_UNAVAILABLE, 200, LIST(AGENT(A)), NULL, NULL, 0},
      {INVSRC_OUTCOME_REFUSED, 200, LIST(AGENT(A)), NULL, NULL, 0},
      {INVSRC_OUTCOME_FAILED, 200, LIST(AGENT(A)), NULL, NULL, 0},
      {0, 200, LIST(AGENT(A)), NULL, NULL, 0},
      {INVSRC_OUTCOME_OK, 500, LIST(AGENT(A)), NULL, NULL, 0},
      {INVSRC_OUTCOME_OK, 404, LIST(AGENT(A)), NULL, NULL, 0},
      {INVSRC_OUTCOME_OK, 304, LIST(AGENT(A)), NULL, NULL, 0},
      {INVSRC_OUTCOME_OK, 204, "", NULL, NULL, 0},
      {INVSRC_OUTCOME_OK, 200, "", NULL, NULL, 0},
      {INVSRC_OUTCOME_OK, 200, "<html>" A "</html>", NULL, NULL, 0},
      {INVSRC_OUTCOME_OK, 200, LIST(AGENT(A)) ",", NULL, NULL, 0},
      {INVSRC_OUTCOME_OK, 200, "[" AGENT(A) "]", NULL, NULL, 0},
      {INVSRC_OUTCOME_OK, 200, "{\"agents\":[\"" A "\"]}", NULL, NULL, 0},
      {INVSRC_OUTCOME_OK, 200, "{\"agents\":null}", NULL, NULL, 0},
      {INVSRC_OUTCOME_OK, 200, "{\"error\":\"down\"}", NULL, NULL, 0},
  };

  (void)state;
  for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
    invsrc_aao *aao = begin();
    world.catalogue = world.operator_list = pages[i];
    expect(aao, A, OUTAGE, 1, 1);
    assert_memory_equal(world.log, "AAO registry: no ", 17);
    invsrc_aao_free(aao);
  }
}

static void the_registry_may_ask_for_patience(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  world.catalogue.status = world.operator_list.status = 429;
  world.catalogue.retry_after = world.operator_list.retry_after = "30";
  expect(aao, A, OUTAGE, 1, 1);
  world.now += 29999;
  expect(aao, A, OUTAGE, 0, 0);
  expect(aao, B, OUTAGE, 0, 0);
  world.now += 1;
  world.catalogue.retry_after = "86400";
  expect(aao, A, OUTAGE, 1, 1);
  world.now += 60000;
  world.catalogue.status = 200;
  world.catalogue.body = LIST(AGENT(A));
  expect(aao, A, YES, 1, 0);
  invsrc_aao_free(aao);
}

/* A registry that says no more than that it is down is asked ever more rarely, for the
 * catalogue as for one host; another host has a question of its own. */
static void what_fails_at_once_is_repeated_ever_more_rarely(void **state) {
  static const int64_t seconds[] = {1, 2, 4, 8, 16, 32, 60, 60};
  invsrc_aao *aao = begin();

  (void)state;
  world.catalogue.status = world.operator_list.status = 503;
  expect(aao, A, OUTAGE, 1, 1);
  for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
    world.now += seconds[i] * 1000 - 1;
    for (int j = 0; j < 100; j++) expect(aao, A, OUTAGE, 0, 0);
    world.now += 1;
    expect(aao, A, OUTAGE, 1, 1);
  }
  expect(aao, B, OUTAGE, 0, 1);
  expect(aao, B, OUTAGE, 0, 0);
  world.now += 1000;
  expect(aao, A, OUTAGE, 0, 0);
  world.operator_list.status = 200;
  expect(aao, B, NO, 0, 1);
  invsrc_aao_free(aao);
}

static void an_answer_makes_good_for_failures(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  world.catalogue.status = world.operator_list.status = 503;
  expect(aao, A, OUTAGE, 1, 1);
  world.now += 1000;
  expect(aao, A, OUTAGE, 1, 1);
  world.now += 2000;
  world.catalogue.status = world.operator_list.status = 200;
  expect(aao, A, NO, 1, 1);
  world.now += 300000;
  world.catalogue.status = world.operator_list.status = 503;
  expect(aao, A, OUTAGE, 1, 1);
  world.now += 999;
  expect(aao, A, OUTAGE, 0, 0);
  world.now += 1;
  expect(aao, A, OUTAGE, 1, 1);
  invsrc_aao_free(aao);
}

static void what_fails_slowly_is_not_repeated_at_once(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  world.catalogue.outcome = world.operator_list.outcome = OUTAGE;
  world.takes = 10000;
  expect(aao, A, OUTAGE, 1, 1);
  /* The catalogue failed ten seconds ago, the operator just now. */
  world.now += 29999;
  expect(aao, A, OUTAGE, 0, 0);
  world.takes = 0;
  world.now += 1;
  expect(aao, A, OUTAGE, 1, 0);
  world.now += 10000;
  expect(aao, A, OUTAGE, 1, 1);
  invsrc_aao_free(aao);
}

/* ---- The clock ----------------------------------------------------------- */

static void a_clock_that_goes_back_makes_nothing_younger(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  world.catalogue.body = LIST(AGENT(A));
  expect(aao, A, YES, 1, 0);
  expect(aao, B, NO, 0, 1);
  world.now -= 1;
  world.catalogue.outcome = OUTAGE;
  world.operator_list.outcome = OUTAGE;
  expect(aao, A, OUTAGE, 1, 1);
  expect(aao, B, OUTAGE, 0, 1);
  invsrc_aao_free(aao);
}

/* An answer is as old as its question: the registry may have written it at once. */
static void ages_count_from_the_question(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  world.catalogue.body = LIST(AGENT(A));
  world.catalogue.etag = "\"1\"";
  world.takes = 20000;
  for (int i = 0; i < 2; i++) { /* a whole catalogue, and an unchanged one */
    expect(aao, A, YES, 1, 0);
    world.now += 279999;
    expect(aao, A, YES, 0, 0);
    world.now += 1;
  }
  expect(aao, B, NO, 1, 1);
  world.now += 39999;
  expect(aao, B, NO, 0, 0);
  world.now += 1;
  expect(aao, B, NO, 0, 1);
  invsrc_aao_free(aao);
}

static void without_a_clock_nothing_is_known(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  world.catalogue.body = LIST(AGENT(A));
  expect(aao, A, YES, 1, 0);
  world.clock = INVSRC_OUTCOME_UNAVAILABLE;
  expect(aao, A, OUTAGE, 0, 0);
  world.clock = INVSRC_OUTCOME_FAILED;
  expect(aao, A, INVSRC_OUTCOME_FAILED, 0, 0);
  world.clock = -7;
  expect(aao, A, INVSRC_OUTCOME_FAILED, 0, 0);
  world.clock = INVSRC_OUTCOME_OK;
  world.now = -1;
  expect(aao, A, INVSRC_OUTCOME_FAILED, 0, 0);
  world.now = INT64_MAX;
  expect(aao, A, INVSRC_OUTCOME_FAILED, 0, 0);
  invsrc_aao_free(aao);
}

static void the_systems_clock_serves_too(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  assert_int_equal(invsrc_aao_set_world(aao, NULL, NULL), INVSRC_OK);
  world.catalogue.body = LIST(AGENT(A));
  expect(aao, A, YES, 1, 0);
  expect(aao, A, YES, 0, 0);
  expect(aao, B, NO, 0, 1);
  expect(aao, B, NO, 0, 0);
  world.operator_list.status = 503;
  expect(aao, "https://c.example/", OUTAGE, 0, 1);
  invsrc_aao_free(aao);
}

/* ---- Many hosts, many threads -------------------------------------------- */

static void only_the_latest_hosts_are_kept(void **state) {
  invsrc_aao *aao = begin();
  char url[64];

  (void)state;
  expect(aao, A, NO, 1, 1);
  for (int i = 0; i < 1024; i++) {
    world.now++;
    snprintf(url, sizeof url, "https://h%d.example/", i);
    expect(aao, url, NO, 0, 1);
  }
  expect(aao, "https://h1023.example/", NO, 0, 0);
  expect(aao, "https://h0.example/", NO, 0, 0);
  expect(aao, A, NO, 0, 1);
  invsrc_aao_free(aao);
}

#define THREADS 8

static void *look_up_both(void *context) {
  int32_t *outcomes = calloc(2, sizeof *outcomes);

  outcomes[0] = look_up(context, A);
  outcomes[1] = look_up(context, B);
  return outcomes;
}

static void threads_share_a_question(void **state) {
  invsrc_aao *aao = begin();
  pthread_t threads[THREADS];

  (void)state;
  world.catalogue.body = LIST(AGENT(A));
  world.sleeps = 100;
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, look_up_both, aao), 0);
  for (int i = 0; i < THREADS; i++) {
    void *result;
    int32_t *outcomes;
    assert_int_equal(pthread_join(threads[i], &result), 0);
    outcomes = result;
    assert_int_equal(outcomes[0], YES);
    assert_int_equal(outcomes[1], NO);
    free(outcomes);
  }
  assert_int_equal(world.catalogue.asked, 1);
  assert_int_equal(world.operator_list.asked, 1);
  invsrc_aao_free(aao);
}

/* ---- The border ---------------------------------------------------------- */

static void an_api_key_is_sent_and_not_logged(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  assert_int_equal(invsrc_aao_set_api_key(aao, "sk_secret"), INVSRC_OK);
  world.catalogue.status = world.operator_list.status = 401;
  expect(aao, A, OUTAGE, 1, 1);
  assert_non_null(strstr(world.headers, "Authorization: Bearer sk_secret\n"));
  assert_non_null(strstr(world.log, "answered 401"));
  assert_null(strstr(world.log, "sk_"));
  assert_int_equal(invsrc_aao_set_api_key(aao, NULL), INVSRC_OK);
  world.now += 1000;
  expect(aao, A, OUTAGE, 1, 1);
  assert_null(strstr(world.headers, "Authorization"));
  invsrc_aao_free(aao);
}

static void hosts_are_asked_for_in_the_form_of_a_query(void **state) {
  invsrc_aao *aao = begin();

  (void)state;
  expect(aao, "https://[2606:4700::1]:8443/mcp", NO, 1, 1);
  assert_non_null(strstr(world.url, "operator?domain=2606%3A4700%3A%3A1"));
  expect(aao, "https://a_b.example:8443/mcp?x", NO, 0, 1);
  assert_non_null(strstr(world.url, "operator?domain=a_b.example"));
  invsrc_aao_free(aao);
}

static void is_no_registry(const char *base, const invsrc_transport_vtable *table, void *context,
                           invsrc_aao **aao) {
  invsrc_error *error = invsrc_error_new();

  assert_int_equal(invsrc_aao_new(base, table, context, aao, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_error_code(error), INVSRC_EINVAL);
  assert_int_equal(invsrc_aao_new(base, table, context, aao, NULL), INVSRC_EINVAL);
  invsrc_error_free(error);
}

static void wrong_arguments_are_told(void **state) {
  static const invsrc_transport_vtable no_function = {sizeof no_function, 0, NULL};
  static const invsrc_transport_vtable no_size = {8, 0, exchange};
  static const invsrc_world_vtable no_world = {4, 0, NULL, NULL, NULL};
  invsrc_error *error = invsrc_error_new();
  invsrc_aao *aao = NULL;
  char key[1026];

  (void)state;
  is_no_registry(NULL, &transport, NULL, &aao);
  is_no_registry("https://a", NULL, NULL, &aao);
  is_no_registry("https://a", &no_function, NULL, &aao);
  is_no_registry("https://a", &no_size, NULL, &aao);
  is_no_registry("https://a", &transport, NULL, NULL);
  assert_int_equal(invsrc_aao_new("file:x", &transport, NULL, &aao, error), INVSRC_EMALFORMED);
  assert_memory_equal(invsrc_error_message(error), "the registry's base URL must ", 29);
  assert_null(aao);
  invsrc_error_free(error);

  aao = begin();
  memset(key, 'k', sizeof key);
  key[1025] = '\0';
  assert_int_equal(invsrc_aao_set_api_key(aao, key), INVSRC_EINVAL);
  assert_int_equal(invsrc_aao_set_api_key(aao, ""), INVSRC_EINVAL);
  assert_int_equal(invsrc_aao_set_api_key(aao, "a\r\nb"), INVSRC_EINVAL);
  assert_int_equal(invsrc_aao_set_api_key(NULL, "a"), INVSRC_EINVAL);
  assert_int_equal(invsrc_aao_set_time_to_live(aao, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_aao_set_time_to_live(aao, 86401), INVSRC_EINVAL);
  assert_int_equal(invsrc_aao_set_time_to_live(NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_aao_set_world(NULL, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_aao_set_world(aao, &no_world, NULL), INVSRC_EINVAL);
  expect(aao, "a.example", INVSRC_OUTCOME_FAILED, 0, 0);
  assert_int_equal(invsrc_aao_registry()->lookup(NULL, A, strlen(A)), INVSRC_OUTCOME_FAILED);
  assert_int_equal(invsrc_aao_registry()->lookup(aao, NULL, 0), INVSRC_OUTCOME_FAILED);
  invsrc_aao_free(aao);
  invsrc_aao_free(NULL);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_listed_endpoint_is_asked_for_once_in_its_time),
      cmocka_unit_test(an_unchanged_catalogue_lives_again),
      cmocka_unit_test(an_operators_yes_is_a_yes),
      cmocka_unit_test(an_operator_is_asked_once_a_minute),
      cmocka_unit_test(a_full_list_is_no_no),
      cmocka_unit_test(an_outage_is_neither_yes_nor_no),
      cmocka_unit_test(what_is_no_document_is_an_outage),
      cmocka_unit_test(the_registry_may_ask_for_patience),
      cmocka_unit_test(what_fails_at_once_is_repeated_ever_more_rarely),
      cmocka_unit_test(an_answer_makes_good_for_failures),
      cmocka_unit_test(what_fails_slowly_is_not_repeated_at_once),
      cmocka_unit_test(a_clock_that_goes_back_makes_nothing_younger),
      cmocka_unit_test(ages_count_from_the_question),
      cmocka_unit_test(without_a_clock_nothing_is_known),
      cmocka_unit_test(the_systems_clock_serves_too),
      cmocka_unit_test(only_the_latest_hosts_are_kept),
      cmocka_unit_test(threads_share_a_question),
      cmocka_unit_test(an_api_key_is_sent_and_not_logged),
      cmocka_unit_test(hosts_are_asked_for_in_the_form_of_a_query),
      cmocka_unit_test(wrong_arguments_are_told),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
