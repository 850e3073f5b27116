/*
 * A whole request, whose lines are the input's: method, target, two field lines, and the
 * rest as body. Every one has an answer, and the two ways give the same.
 */
#include <invsrc/providers.h>
#include <invsrc/testkit.h>

#include "fuzz/fuzz.h"

/* Takes a line off the front. */
static const char *take(const char **text, size_t *left, size_t *length) {
  const char *line = *text;
  const char *end = memchr(line, '\n', *left);

  *length = end ? (size_t)(end - line) : *left;
  *text += *length + (end != NULL);
  *left -= *length + (end != NULL);
  return line;
}

static void add_header(invsrc_request *request, const char *line, size_t length) {
  const char *colon = length ? memchr(line, ':', length) : NULL;

  if (colon)
    invsrc_request_add_header(request, line, (uint64_t)(colon - line), colon + 1,
                              length - (size_t)(colon - line) - 1);
}

static invsrc_service *make_service(void) {
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = {1};
  invsrc_testkit *kit = invsrc_testkit_new();
  invsrc_options *options = invsrc_options_new();
  invsrc_service *service = NULL;
  invsrc_keyring *keyring;
  invsrc_memory *memory;

  CHECK(invsrc_memory_new(&memory) == INVSRC_OK && invsrc_keyring_new(&keyring) == INVSRC_OK);
  invsrc_keyring_add(keyring, key, sizeof key);
  invsrc_testkit_add_key(kit, "key", "acme");
  invsrc_testkit_register(kit, "https://agent.example/mcp");
  invsrc_testkit_use_store(kit, invsrc_memory_store(), memory);
  invsrc_testkit_use_sealer(kit, invsrc_keyring_sealer(), keyring);
  invsrc_testkit_install(kit, options);
  /* Nothing is stored, so that no input depends on those before it. */
  invsrc_testkit_fail(kit, INVSRC_EFFECT_INSERT, 0, INVSRC_OUTCOME_UNAVAILABLE);
  CHECK(invsrc_service_new(options, &service, NULL) == INVSRC_OK);
  invsrc_options_free(options);
  return service; /* for as long as the process lives, with what is behind it */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static invsrc_service *service;
  const char *text = size ? (const char *)data : "";
  invsrc_request *request = invsrc_request_new();
  invsrc_response *response = NULL;
  invsrc_call *call = NULL;
  size_t length;
  const char *line;

  if (!service) service = make_service();
  line = take(&text, &size, &length);
  invsrc_request_set_method(request, line, length);
  line = take(&text, &size, &length);
  invsrc_request_set_target(request, line, length);
  for (int i = 0; i < 2; i++) {
    line = take(&text, &size, &length);
    add_header(request, line, length);
  }
  invsrc_request_set_body(request, text, size);
  CHECK(invsrc_handle(service, request, &response, NULL) == INVSRC_OK);
  CHECK(invsrc_call_new(service, request, &call) == INVSRC_OK);
  while (invsrc_call_step(call) > INVSRC_WANT_NONE) CHECK(invsrc_call_perform(call) == INVSRC_OK);
  invsrc_response_free(response);
  CHECK(invsrc_call_take_response(call, &response) == INVSRC_OK);
  CHECK(invsrc_response_status(response) >= 200 && invsrc_response_status(response) < 600);
  invsrc_response_free(response);
  invsrc_call_free(call);
  invsrc_request_free(request);
  return 0;
}
