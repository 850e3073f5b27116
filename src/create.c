/*
 * `invsrc create`: one create, from a file, without HTTP.
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "host.h"
#include "input.h"

static int print_response(const invsrc_response *response) {
  int32_t status = invsrc_response_status(response);

  puts(invsrc_response_body(response, NULL));
  return status < 400 ? EXIT_DONE : status < 500 ? EXIT_REFUSED : EXIT_FAILED;
}

static int create(host *self, const char *storefront, const input *body) {
  invsrc_response *response = NULL;
  int status;

  if (invsrc_create(self->service, storefront, strlen(storefront), body->bytes, body->length,
                    &response, self->error) != INVSRC_OK)
    return host_complain(self, "cannot create");
  status = print_response(response);
  invsrc_response_free(response);
  return status;
}

/* What the body of a 5xx does not tell, such as why the registry cannot be reached. */
static void hear(void *context, int32_t level, const char *message, uint64_t length) {
  (void)context, (void)length;
  if (level >= INVSRC_LOG_WARNING) complain(EXIT_DONE, "%s", message);
}

static int run(const arguments *given) {
  static const invsrc_world_vtable world = {sizeof world, 0, NULL, NULL, hear};
  const char *storefront = value_of(given, &storefront_option);
  host self = {0};
  input body;
  int status;

  if (!storefront || !host_is_storefront(storefront))
    return complain(EXIT_USAGE,
                    "create needs --storefront ID, of 1 to 255 bytes of UTF-8 without "
                    "control characters");
  status = host_open(&self, given, &world, NULL);
  if (status == EXIT_DONE)
    status = input_read(&body, given->operand_count ? given->operands[0] : "-", self.max_body);
  if (status == EXIT_DONE) {
    status = create(&self, storefront, &body);
    input_end(&body);
  }
  host_close(&self);
  return status;
}

const command create_command = {
    "create",
    "[FILE|-]",
    "Create an inventory source from a request body and print the answer",
    0,
    1,
    run,
    {&store_option, &master_key_file_option, &registry_option, &storefront_option, &envelope_option,
     &allow_http_option, &allow_private_option, &max_body_option, &registry_key_file_option,
     &ca_file_option, &proxy_option, NULL}};
