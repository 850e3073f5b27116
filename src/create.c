/*
 * `invsrc create`: one create, from a file, without HTTP.
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "host.h"
#include "input.h"

static int create(host *self, const char *storefront, const input *body) {
  invsrc_response *response = NULL;
  int status;

  if (invsrc_create(self->service, storefront, strlen(storefront), body->bytes, body->length,
                    &response, self->error) != INVSRC_OK)
    return host_complain(self, "cannot create");
  status = host_print(response);
  invsrc_response_free(response);
  return status;
}

static int run(const arguments *given) {
  const char *storefront;
  host self = {0};
  input body;
  int status = host_storefront(given, &storefront);

  if (status == EXIT_DONE)
    status =
        host_open(&self, given, ANY_STORE, HOST_KEYRING | HOST_REGISTRY | HOST_OAUTH | HOST_EVENTS);
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
     &ca_file_option, &proxy_option, &recheck_option, &public_url_option,
     &oauth_clients_file_option, &oauth_client_name_option, NULL}};
