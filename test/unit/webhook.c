/*
 * Webhooks, carried from memory: the request and its signature by known vectors, what is
 * taken and what comes again, and what neither log nor error may tell.
 */
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define URL "http://127.0.0.1:8081/hook?a=b"
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* The example of the Standard Webhooks specification. */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define PAYLOAD "{\"test\": 2432232314}"
#define TIME INT64_C(1614265330)
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

/* The bytes 0 to 63. */
#define LONG_SECRET                                                                               \
  "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=" \
  "="

/* The receiver, the clock and the log. */
static struct world {
  int32_t outcome; /* of the exchange */
  int32_t status;
  int64_t now;
  int32_t clock; /* outcome of reading it */
  int asked;
  char request[1024];
  char log[1024];
} world;

static void note(const invsrc_http_request *request) {
  int end = snprintf(world.request, sizeof world.request, "%s %s\n", request->method, request->url);

  for (uint32_t i = 0; i < request->header_count; i++)
    end += snprintf(world.request + end, sizeof world.request - (size_t)end, "%s\n",
                    request->headers[i]);
  snprintf(world.request + end, sizeof world.request - (size_t)end, "\n%.*s",
           (int)request->body_length, (const char *)request->body);
}

static int32_t exchange(void *context, const invsrc_http_request *request,
                        invsrc_http_reply *reply) {
  assert_ptr_equal(context, &world);
  assert_int_equal(request->size, sizeof *request);
  assert_int_equal(request->redirects, 0);
  assert_int_equal(request->timeout_ms, 10000);
  assert_in_range(request->max_body, 1, 1048576);
  world.asked++;
  note(request);
  if (world.outcome == INVSRC_OUTCOME_OK) {
    invsrc_http_reply_set_status(reply, world.status);
    invsrc_http_reply_append_body(reply, "nobody's business", 17);
  } else {
    invsrc_http_reply_set_reason(reply, "cannot connect");
  }
  return world.outcome;
}

static int32_t now(void *context, int64_t *milliseconds) {
  assert_ptr_equal(context, &world);
  *milliseconds = world.now;
  return world.clock;
}

static void hear(void *context, int32_t level, const char *message, uint64_t length) {
  assert_ptr_equal(context, &world);
  assert_int_equal(level, INVSRC_LOG_WARNING);
  assert_int_equal(strlen(message), length);
  snprintf(world.log, sizeof world.log, "%s", message);
}

static const invsrc_transport_vtable transport = {sizeof transport, 0, exchange};
static const invsrc_world_vtable world_table = {sizeof world_table, 0, now, NULL, hear};

static invsrc_webhook *begin(const char *secret) {
  invsrc_webhook *webhook;

  world = (struct world){INVSRC_OUTCOME_OK, 204, TIME * 1000 + 999, INVSRC_OUTCOME_OK, 0, "", ""};
  assert_int_equal(invsrc_webhook_new(URL, secret, &transport, &world, &webhook, NULL), INVSRC_OK);
  assert_int_equal(invsrc_webhook_set_world(webhook, &world_table, &world), INVSRC_OK);
  return webhook;
}

static invsrc_event *event_of(const char *id, const char *payload) {
  invsrc_event *event = invsrc_event_new();

  if (id)
    assert_int_equal(invsrc_event_set_text(event, INVSRC_EVENT_ID, id, strlen(id)), INVSRC_OK);
  if (payload)
    assert_int_equal(invsrc_event_set_text(event, INVSRC_EVENT_PAYLOAD, payload, strlen(payload)),
                     INVSRC_OK);
  return event;
}

static int32_t deliver(invsrc_webhook *webhook, const char *id, const char *payload) {
  invsrc_event *event = event_of(id, payload);
  int32_t outcome = invsrc_webhook_events()->deliver(webhook, event);

  invsrc_event_free(event);
  return outcome;
}

static void the_request_is_the_one_of_the_specification(void **state) {
  invsrc_webhook *webhook = begin(SECRET);

  (void)state;
  assert_int_equal(deliver(webhook, ID, PAYLOAD), INVSRC_OUTCOME_OK);
  assert_string_equal(world.request, "POST " URL
                                     "\n"
                                     "Content-Type: application/json\n"
                                     "webhook-id: " ID
                                     "\n"
                                     "webhook-timestamp: 1614265330\n"
                                     "webhook-signature: " SIGNATURE
                                     "\n"
                                     "\n" PAYLOAD);
  assert_string_equal(world.log, "");
  invsrc_webhook_free(webhook);
}

static void every_attempt_is_signed_for_its_time(void **state) {
  invsrc_webhook *webhook = begin(LONG_SECRET);

  (void)state;
  world.now = 999;
  assert_int_equal(deliver(webhook, "evt_01", "{\"name\":\"Caf\xc3\xa9\"}"), INVSRC_OUTCOME_OK);
  assert_non_null(strstr(world.request, "\nwebhook-timestamp: 0\n"));
  assert_non_null(strstr(world.request, "v1,NcgFxhBFRBJBTj/qFeKmgtYFk2pSgcqlqMKrRVCGKSg=\n"));
  world.now = 1000;
  assert_int_equal(deliver(webhook, "evt_01", "{\"name\":\"Caf\xc3\xa9\"}"), INVSRC_OUTCOME_OK);
  assert_non_null(strstr(world.request, "\nwebhook-timestamp: 1\n"));
  assert_null(strstr(world.request, "v1,NcgFxhBFRBJBTj/qFeKmgtYFk2pSgcqlqMKrRVCGKSg=\n"));
  assert_non_null(strstr(world.request, "\nwebhook-id: evt_01\n"));
  invsrc_webhook_free(webhook);
}

static void only_2xx_takes_an_event(void **state) {
  static const struct {
    int32_t outcome;
    int32_t status;
    const char *log; /* NULL: it was taken */
  } rows[] = {
      {INVSRC_OUTCOME_OK, 200, NULL},
      {INVSRC_OUTCOME_OK, 204, NULL},
      {INVSRC_OUTCOME_OK, 299, NULL},
      {INVSRC_OUTCOME_OK, 199, "answered 199"},
      {INVSRC_OUTCOME_OK, 302, "answered 302"},
      {INVSRC_OUTCOME_OK, 410, "answered 410"},
      {INVSRC_OUTCOME_OK, 500, "answered 500"},
      {INVSRC_OUTCOME_UNAVAILABLE, 0, "cannot connect"},
      {INVSRC_OUTCOME_REFUSED, 0, "cannot connect"},
      {INVSRC_OUTCOME_FAILED, 0, "cannot connect"},
      {0, 0, "cannot connect"},
  };
  invsrc_webhook *webhook = begin(SECRET);
  char expected[128];

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    world.outcome = rows[i].outcome;
    world.status = rows[i].status;
    world.log[0] = '\0';
    assert_int_equal(deliver(webhook, ID, PAYLOAD),
                     rows[i].log ? INVSRC_OUTCOME_UNAVAILABLE : INVSRC_OUTCOME_OK);
    snprintf(expected, sizeof expected, "webhook: event " ID " was not taken: %s",
             rows[i].log ? rows[i].log : "");
    assert_string_equal(world.log, rows[i].log ? expected : "");
  }
  assert_int_equal(world.asked, sizeof rows / sizeof *rows);
  invsrc_webhook_free(webhook);
}

static void what_cannot_be_sent_is_not(void **state) {
  invsrc_webhook *webhook = begin(SECRET);

  (void)state;
  assert_int_equal(deliver(webhook, NULL, PAYLOAD), INVSRC_OUTCOME_FAILED);
  assert_int_equal(deliver(webhook, "", PAYLOAD), INVSRC_OUTCOME_FAILED);
  assert_int_equal(deliver(webhook, ID, NULL), INVSRC_OUTCOME_FAILED);
  assert_non_null(strstr(world.log, "event " ID " was not taken: "));
  world.clock = INVSRC_OUTCOME_UNAVAILABLE;
  assert_int_equal(deliver(webhook, ID, PAYLOAD), INVSRC_OUTCOME_UNAVAILABLE);
  assert_non_null(strstr(world.log, "clock"));
  world.clock = INVSRC_OUTCOME_OK;
  world.now = -1;
  assert_int_equal(deliver(webhook, ID, PAYLOAD), INVSRC_OUTCOME_UNAVAILABLE);
  world.now = INT64_MAX;
  assert_int_equal(deliver(webhook, ID, PAYLOAD), INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(world.asked, 0);
  assert_int_equal(invsrc_webhook_events()->deliver(NULL, NULL), INVSRC_OUTCOME_FAILED);
  assert_int_equal(invsrc_webhook_events()->deliver(webhook, NULL), INVSRC_OUTCOME_FAILED);
  invsrc_webhook_free(webhook);
}

static void without_a_world_there_is_a_clock_and_no_log(void **state) {
  invsrc_webhook *webhook = begin(SECRET);

  (void)state;
  assert_int_equal(invsrc_webhook_set_world(webhook, NULL, NULL), INVSRC_OK);
  assert_int_equal(deliver(webhook, ID, PAYLOAD), INVSRC_OUTCOME_OK);
  assert_non_null(strstr(world.request, "webhook-timestamp: "));
  assert_null(strstr(world.request, "webhook-timestamp: 1614265330\n"));
  world.status = 500;
  assert_int_equal(deliver(webhook, ID, PAYLOAD), INVSRC_OUTCOME_UNAVAILABLE);
  assert_string_equal(world.log, "");
  invsrc_webhook_free(webhook);
}

static void only_sound_secrets_are_taken(void **state) {
  static const struct {
    const char *secret;
    int32_t code;
  } rows[] = {
      {SECRET, INVSRC_OK},
      {LONG_SECRET, INVSRC_OK},
      {"whsec_" ZEROS, INVSRC_OK},
      {"", INVSRC_EMALFORMED},
      {"whsec_", INVSRC_EMALFORMED},
      {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", INVSRC_EMALFORMED},        /* no prefix */
      {"WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", INVSRC_EMALFORMED},  /* another */
      {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", INVSRC_EMALFORMED},   /* cut */
      {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=", INVSRC_EMALFORMED}, /* too much padding */
      {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS=", INVSRC_EMALFORMED},  /* 23 bytes */
      {"whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", INVSRC_EMALFORMED},
      {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", INVSRC_EMALFORMED},
      {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa_w", INVSRC_EMALFORMED},     /* base64url */
      {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/==", INVSRC_EMALFORMED}, /* loose bits */
      {LONG_SECRET "AAAA", INVSRC_EMALFORMED},                           /* padding inside */
      {"whsec_" ZEROS ZEROS ZEROS, INVSRC_EMALFORMED},
      {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+"
       "P0A=",
       INVSRC_EMALFORMED}, /* 65 bytes */
  };
  invsrc_error *error = invsrc_error_new();
  invsrc_webhook *webhook;

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    assert_int_equal(invsrc_webhook_new(URL, rows[i].secret, &transport, &world, &webhook, error),
                     rows[i].code);
    assert_int_equal(webhook != NULL, rows[i].code == INVSRC_OK);
    invsrc_webhook_free(webhook);
    if (rows[i].code == INVSRC_OK) continue;
    assert_non_null(strstr(invsrc_error_message(error), "24 to 64 bytes"));
    assert_null(strstr(invsrc_error_message(error), "AA"));
    assert_null(strstr(invsrc_error_message(error), "MfKQ"));
  }
  invsrc_error_free(error);
}

static void only_sound_urls_are_taken(void **state) {
  static const char *const bad[] = {"",
                                    "nonsense",
                                    "ftp://a.example/",
                                    "https://",
                                    "https://user:word@a.example/",
                                    "https://a.example/#part"};
  invsrc_error *error = invsrc_error_new();
  invsrc_webhook *webhook;

  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(invsrc_webhook_new(bad[i], SECRET, &transport, &world, &webhook, error),
                     INVSRC_EMALFORMED);
    assert_null(webhook);
    assert_non_null(strstr(invsrc_error_message(error), "the webhook's URL must"));
    assert_null(strstr(invsrc_error_message(error), "word"));
  }
  invsrc_error_free(error);
}

static void wrong_arguments_are_told(void **state) {
  const invsrc_transport_vtable small = {sizeof(uint32_t), 0, exchange};
  const invsrc_transport_vtable empty = {sizeof empty, 0, NULL};
  const invsrc_world_vtable cut = {sizeof(uint32_t), 0, NULL, NULL, NULL};
  invsrc_webhook *webhook = NULL;

  (void)state;
  assert_int_equal(invsrc_webhook_new(NULL, SECRET, &transport, &world, &webhook, NULL),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_webhook_new(URL, NULL, &transport, &world, &webhook, NULL),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_webhook_new(URL, SECRET, NULL, &world, &webhook, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_webhook_new(URL, SECRET, &small, &world, &webhook, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_webhook_new(URL, SECRET, &empty, &world, &webhook, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_webhook_new(URL, SECRET, &transport, &world, NULL, NULL), INVSRC_EINVAL);
  assert_null(webhook);
  invsrc_webhook_free(NULL);
  assert_int_equal(invsrc_webhook_set_world(NULL, NULL, NULL), INVSRC_EINVAL);
  webhook = begin(SECRET);
  assert_int_equal(invsrc_webhook_set_world(webhook, &cut, NULL), INVSRC_EINVAL);
  invsrc_webhook_free(webhook);
  assert_int_equal(invsrc_webhook_events()->size, sizeof(invsrc_events_vtable));
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_request_is_the_one_of_the_specification),
      cmocka_unit_test(every_attempt_is_signed_for_its_time),
      cmocka_unit_test(only_2xx_takes_an_event),
      cmocka_unit_test(what_cannot_be_sent_is_not),
      cmocka_unit_test(without_a_world_there_is_a_clock_and_no_log),
      cmocka_unit_test(only_sound_secrets_are_taken),
      cmocka_unit_test(only_sound_urls_are_taken),
      cmocka_unit_test(wrong_arguments_are_told),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
