/*
 * The curl transport's border, and many threads on one of them against a small
 * server in this program. What hostile peers do to it is in test/peers.
 */
#include <arpa/inet.h>
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* ---- A server that says "hello" until the peer has had enough --------------- */

/* To /closes it does so once for each connection, and to /silent never: it closes in place of
 * an answer. */
static int listener;
static char hello_url[64];
static atomic_int connections;
static atomic_int asks;
static pthread_t acceptor;

static int is_whole(const char *request) {
  static const char name[] = "Content-Length:";
  const char *end = strstr(request, "\r\n\r\n"), *field = strstr(request, name);

  return end && (!field || strlen(end + 4) >= strtoul(field + sizeof name - 1, NULL, 10));
}

static void *serve(void *argument) {
  static const char hello[] =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"1\"\r\nX-Twice: a\r\nX-Twice: "
      "b\r\n\r\nhello";
  int connection = *(int *)argument;
  char request[4096];
  size_t length = 0;
  int answers = 0;

  free(argument);
  for (;;) {
    ssize_t got = recv(connection, request + length, sizeof request - 1 - length, 0);
    if (got <= 0) break;
    length += (size_t)got;
    request[length] = '\0';
    if (!is_whole(request)) continue;
    length = 0;
    atomic_fetch_add(&asks, 1);
    if (strstr(request, " /silent ") || (strstr(request, " /closes ") && answers)) break;
    answers++;
    if (send(connection, hello, sizeof hello - 1, MSG_NOSIGNAL) < 0) break;
  }
  close(connection);
  return NULL;
}

/* Serves until the listener is shut down, and then waits for its peers to go. */
static void *accept_all(void *unused) {
  pthread_t servers[256];
  size_t count = 0;

  (void)unused;
  while (count < COUNT(servers)) {
    int connection = accept(listener, NULL, NULL);
    int *argument = malloc(sizeof *argument);
    if (connection < 0 || !argument) {
      free(argument);
      break;
    }
    *argument = connection;
    atomic_fetch_add(&connections, 1);
    if (pthread_create(&servers[count], NULL, serve, argument) == 0) count++;
  }
  while (count) pthread_join(servers[--count], NULL);
  return NULL;
}

static int start_server(void **state) {
  struct sockaddr_in name = {.sin_family = AF_INET};
  socklen_t size = sizeof name;

  (void)state;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&name, sizeof name) != 0 ||
      listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&name, &size) != 0)
    return -1;
  snprintf(hello_url, sizeof hello_url, "http://127.0.0.1:%u/", (unsigned)ntohs(name.sin_port));
  return pthread_create(&acceptor, NULL, accept_all, NULL);
}

static int stop_server(void **state) {
  (void)state;
  shutdown(listener, SHUT_RDWR);
  pthread_join(acceptor, NULL);
  return close(listener);
}

/* ---- Exchanges ----------------------------------------------------------- */

static invsrc_http_request request_for(const char *url) {
  invsrc_http_request request = {
      .size = sizeof request, .method = "GET", .url = url, .max_body = 5, .timeout_ms = 20000};

  return request;
}

static int32_t exchange(invsrc_curl *curl, const invsrc_http_request *request,
                        invsrc_http_reply *reply) {
  return invsrc_curl_transport()->exchange(curl, request, reply);
}

static invsrc_curl *new_curl(int32_t on) {
  invsrc_curl *curl;

  assert_int_equal(invsrc_curl_new(&curl, NULL), INVSRC_OK);
  assert_int_equal(invsrc_curl_set_allow_http(curl, on), INVSRC_OK);
  assert_int_equal(invsrc_curl_set_allow_private(curl, on), INVSRC_OK);
  return curl;
}

static void an_answer_is_handed_over(void **state) {
  invsrc_curl *curl = new_curl(1);
  invsrc_http_reply *reply = invsrc_http_reply_new();
  invsrc_http_request request = request_for(hello_url);
  uint64_t length;

  (void)state;
  assert_int_equal(exchange(curl, &request, reply), INVSRC_OUTCOME_OK);
  assert_int_equal(invsrc_http_reply_status(reply), 200);
  assert_string_equal(invsrc_http_reply_body(reply, &length), "hello");
  assert_int_equal(length, 5);
  assert_string_equal(invsrc_http_reply_header(reply, "etag"), "\"1\"");
  assert_string_equal(invsrc_http_reply_header(reply, "x-twice"), "a, b");
  assert_string_equal(invsrc_http_reply_reason(reply), "");
  /* The same reply again, for an exchange that fails: nothing of the old is left. */
  request.max_body = 4;
  assert_int_equal(exchange(curl, &request, reply), INVSRC_OUTCOME_REFUSED);
  assert_string_equal(invsrc_http_reply_reason(reply), "the answer is too large");
  assert_string_equal(invsrc_http_reply_body(reply, NULL), "");
  assert_null(invsrc_http_reply_header(reply, "etag"));
  assert_int_equal(invsrc_http_reply_status(reply), 0);
  invsrc_http_reply_free(reply);
  invsrc_curl_free(curl);
}

static void the_guard_is_on_unless_told(void **state) {
  invsrc_curl *curl = new_curl(0);
  invsrc_http_reply *reply = invsrc_http_reply_new();
  invsrc_http_request request = request_for(hello_url);
  int before = atomic_load(&connections);

  (void)state;
  assert_int_equal(exchange(curl, &request, reply), INVSRC_OUTCOME_REFUSED);
  assert_string_equal(invsrc_http_reply_reason(reply), "not an https URL");
  assert_int_equal(invsrc_curl_set_allow_http(curl, 1), INVSRC_OK);
  assert_int_equal(exchange(curl, &request, reply), INVSRC_OUTCOME_REFUSED);
  assert_string_equal(invsrc_http_reply_reason(reply), "the address is private or reserved");
  assert_int_equal(atomic_load(&connections), before);
  invsrc_http_reply_free(reply);
  invsrc_curl_free(curl);
}

static void connections_are_used_again(void **state) {
  invsrc_curl *curl = new_curl(1);
  invsrc_http_request request = request_for(hello_url);
  int before = atomic_load(&connections);

  (void)state;
  for (int i = 0; i < 10; i++) {
    invsrc_http_reply *reply = invsrc_http_reply_new();
    assert_int_equal(exchange(curl, &request, reply), INVSRC_OUTCOME_OK);
    invsrc_http_reply_free(reply);
  }
  assert_int_equal(atomic_load(&connections), before + 1);
  invsrc_curl_free(curl);
}

/* Posts to a path. Returns the outcome, and says how often the server was asked. */
static int32_t post(invsrc_curl *curl, const char *path, uint32_t once, int *asked) {
  char url[128] = "";
  invsrc_http_request request = request_for(url);
  invsrc_http_reply *reply = invsrc_http_reply_new();
  int before = atomic_load(&asks);
  int32_t outcome;

  snprintf(url, sizeof url, "%s%s", hello_url, path);
  request.method = "POST";
  request.body = "code=c";
  request.body_length = 6;
  request.once = once;
  outcome = exchange(curl, &request, reply);
  *asked = atomic_load(&asks) - before;
  invsrc_http_reply_free(reply);
  return outcome;
}

/* Where a kept connection turns out to be closed libcurl sends again, although the server may
 * have taken the first for good. */
static void what_is_sent_once_is_not_sent_again(void **state) {
  (void)state;
  for (uint32_t once = 0; once <= 1; once++) {
    invsrc_curl *curl = new_curl(1);
    int before = atomic_load(&connections);
    int asked;
    assert_int_equal(post(curl, "closes", 0, &asked), INVSRC_OUTCOME_OK);
    assert_int_equal(asked, 1);
    assert_int_equal(post(curl, "closes", once, &asked), INVSRC_OUTCOME_OK);
    assert_int_equal(asked, once ? 1 : 2);
    assert_int_equal(atomic_load(&connections), before + 2);
    /* Also over a connection that others have left. */
    assert_int_equal(post(curl, "silent", 1, &asked), INVSRC_OUTCOME_UNAVAILABLE);
    assert_int_equal(asked, 1);
    assert_int_equal(atomic_load(&connections), before + 3);
    /* What it goes over is kept for the next, as any other. */
    assert_int_equal(post(curl, "", 1, &asked), INVSRC_OUTCOME_OK);
    assert_int_equal(post(curl, "", 0, &asked), INVSRC_OUTCOME_OK);
    assert_int_equal(atomic_load(&connections), before + 4);
    invsrc_curl_free(curl);
  }
}

#define THREADS 12
#define ROUNDS 10

static void *exchange_often(void *curl) {
  invsrc_http_request request = request_for(hello_url);

  for (int i = 0; i < ROUNDS; i++) {
    invsrc_http_reply *reply = invsrc_http_reply_new();
    int32_t outcome = reply ? exchange(curl, &request, reply) : INVSRC_OUTCOME_FAILED;
    invsrc_http_reply_free(reply);
    if (outcome != INVSRC_OUTCOME_OK) return curl;
  }
  return NULL;
}

static void threads_share_a_transport(void **state) {
  invsrc_curl *curl = new_curl(1);
  pthread_t threads[THREADS];

  (void)state;
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, exchange_often, curl), 0);
  for (int i = 0; i < THREADS; i++) {
    void *bad;
    assert_int_equal(pthread_join(threads[i], &bad), 0);
    assert_null(bad);
  }
  invsrc_curl_free(curl);
}

/* ---- The border ---------------------------------------------------------- */

static void an_unsound_request_is_not_made(void **state) {
  static const char *const bad_lines[] = {"", "no colon", "X:", "X: a\r\nY: b", " X: a", NULL};
  static const char *const good_line[] = {"X: a"};
  const invsrc_http_request sound = request_for(hello_url);
  invsrc_http_request requests[16];
  size_t count = 0;
  invsrc_curl *curl = new_curl(1);
  invsrc_http_reply *reply = invsrc_http_reply_new();

  (void)state;
  for (size_t i = 0; i < COUNT(requests); i++) requests[i] = sound;
  requests[count++].size = sizeof sound - 1;
  requests[count++].method = NULL;
  requests[count++].method = "get";
  requests[count++].method = "GET / HTTP/1.1\r\nX:";
  requests[count++].url = NULL;
  requests[count++].timeout_ms = 0;
  requests[count++].timeout_ms = UINT32_MAX;
  requests[count++].redirects = 4;
  requests[count++].body_length = UINT64_MAX;
  for (size_t i = 0; i < COUNT(bad_lines); i++) {
    requests[count].header_count = 1;
    requests[count++].headers = &bad_lines[i];
  }
  requests[count].header_count = 33;
  requests[count++].headers = good_line;
  assert_int_equal(count, COUNT(requests));
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(exchange(curl, &requests[i], reply), INVSRC_OUTCOME_FAILED);
    assert_string_equal(invsrc_http_reply_reason(reply), "the request is malformed");
  }
  assert_int_equal(exchange(NULL, &sound, reply), INVSRC_OUTCOME_FAILED);
  assert_int_equal(exchange(curl, NULL, reply), INVSRC_OUTCOME_FAILED);
  assert_int_equal(exchange(curl, &sound, NULL), INVSRC_OUTCOME_FAILED);
  assert_int_equal(exchange(curl, &sound, reply), INVSRC_OUTCOME_OK);
  invsrc_http_reply_free(reply);
  invsrc_curl_free(curl);
}

static void setters_judge_what_they_are_given(void **state) {
  static const char *const bad_proxies[] = {"",           "proxy:3128", "file:///x",
                                            "socks5://a", "http://",    "http:x"};
  static const char *const good_proxies[] = {
      "http://127.0.0.1:3128", "https://user:pass@proxy.example", "socks5h://[::1]:1080", NULL};
  invsrc_curl *curl = new_curl(0);
  invsrc_error *error = invsrc_error_new();

  (void)state;
  for (size_t i = 0; i < COUNT(bad_proxies); i++)
    assert_int_equal(invsrc_curl_set_proxy(curl, bad_proxies[i]), INVSRC_EINVAL);
  for (size_t i = 0; i < COUNT(good_proxies); i++)
    assert_int_equal(invsrc_curl_set_proxy(curl, good_proxies[i]), INVSRC_OK);
  assert_int_equal(invsrc_curl_set_ca_file(curl, ""), INVSRC_EINVAL);
  assert_int_equal(invsrc_curl_set_ca_file(curl, "/a.pem"), INVSRC_OK);
  assert_int_equal(invsrc_curl_set_ca_file(curl, NULL), INVSRC_OK);
  assert_int_equal(invsrc_curl_set_allow_http(curl, 2), INVSRC_EINVAL);
  assert_int_equal(invsrc_curl_set_allow_private(curl, -1), INVSRC_EINVAL);
  assert_int_equal(invsrc_curl_set_allow_http(NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_curl_set_allow_private(NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_curl_set_ca_file(NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_curl_set_proxy(NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_curl_new(NULL, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_error_code(error), INVSRC_EINVAL);
  invsrc_error_free(error);
  invsrc_curl_free(curl);
  invsrc_curl_free(NULL);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_answer_is_handed_over),
      cmocka_unit_test(the_guard_is_on_unless_told),
      cmocka_unit_test(connections_are_used_again),
      cmocka_unit_test(what_is_sent_once_is_not_sent_again),
      cmocka_unit_test(threads_share_a_transport),
      cmocka_unit_test(an_unsound_request_is_not_made),
      cmocka_unit_test(setters_judge_what_they_are_given),
  };

  return cmocka_run_group_tests(tests, start_server, stop_server);
}
