/*
 * `invsrc validate`, `slug` and `uri`: the library's pure helpers, without a store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "host.h"
#include "input.h"

static int validate(const host *self, const input *body) {
  invsrc_response *response = NULL;
  int status;

  if (invsrc_validate_create(self->options, body->bytes, body->length, &response) != INVSRC_OK)
    return complain(EXIT_FAILED, "memory ran out");
  puts(invsrc_response_body(response, NULL));
  status = invsrc_response_status(response) == 200 ? EXIT_DONE : EXIT_REFUSED;
  invsrc_response_free(response);
  return status;
}

static int run_validate(const arguments *given) {
  host self = {0};
  input body;
  int status = host_set_switches(&self, given);

  if (status == EXIT_DONE)
    status = input_read(&body, given->operand_count ? given->operands[0] : "-", self.max_body);
  if (status == EXIT_DONE) {
    status = validate(&self, &body);
    input_end(&body);
  }
  host_close(&self);
  return status;
}

const command validate_command = {
    "validate", "[FILE|-]",   "Judge the body of a create request, without a store or a network", 0,
    1,          run_validate, {&allow_http_option, &allow_private_option, &max_body_option, NULL}};

static int run_slug(const arguments *given) {
  char slug[INVSRC_SLUG_SIZE];
  int status = EXIT_DONE;

  for (int i = 0; i < given->operand_count; i++) {
    const char *name = given->operands[i];
    int32_t result = invsrc_slugify(name, strlen(name), slug, sizeof slug, NULL);
    if (result == INVSRC_OK)
      puts(slug);
    else
      status =
          complain(result == INVSRC_EMALFORMED ? EXIT_REFUSED : EXIT_FAILED, "name %d: %s", i + 1,
                   result == INVSRC_EMALFORMED ? "is not UTF-8" : invsrc_strerror(result));
  }
  return status;
}

const command slug_command = {"slug",   "NAME…", "Print the sourceId that a name gives", 1, -1,
                              run_slug, {NULL}};

/* The URL is not repeated in a complaint: it may have a password in it. */
static int canonicalize(const char *url, int number, invsrc_error *error) {
  size_t size = strlen(url) + 2;
  char *canonical = malloc(size);
  int32_t result = INVSRC_ENOMEM;
  int status = EXIT_DONE;

  if (canonical) result = invsrc_uri_canonicalize(url, size - 2, canonical, size, NULL, error);
  if (result == INVSRC_OK)
    puts(canonical);
  else if (result == INVSRC_EMALFORMED)
    status = complain(EXIT_REFUSED, "URL %d: %s (at byte %llu)", number,
                      invsrc_error_message(error), (unsigned long long)invsrc_error_offset(error));
  else
    status = complain(EXIT_FAILED, "URL %d: %s", number, invsrc_strerror(result));
  free(canonical);
  return status;
}

static int run_uri(const arguments *given) {
  invsrc_error *error = invsrc_error_new();
  int worst = EXIT_DONE;

  for (int i = 0; i < given->operand_count; i++) {
    int status = canonicalize(given->operands[i], i + 1, error);
    if (status > worst) worst = status;
  }
  invsrc_error_free(error);
  return worst;
}

const command uri_command = {"uri",   "URL…", "Print the canonical form of an agent's URL", 1, -1,
                             run_uri, {NULL}};
