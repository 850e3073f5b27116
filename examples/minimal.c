/*
 * The smallest host: SQLite, a ring of master keys and a registry in a file; one
 * source is created with a blocking call, and the answer printed.
 *
 *     minimal DATABASE MASTER-KEYS REGISTRY
 *
 * Exits with 0 when the source was created.
 */
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <stdio.h>
#include <string.h>

static const char body[] =
    "{\"name\": \"Retail Network Agent\", \"type\": \"SALES\", \"protocol\": \"MCP\","
    " \"endpointUrl\": \"https://agent.example.com/mcp\","
    " \"authenticationType\": \"API_KEY\","
    " \"auth\": {\"type\": \"bearer\", \"token\": \"secret-of-the-agent\"}}";

int main(int argc, char **argv) {
  invsrc_error *error = invsrc_error_new();
  invsrc_options *options = invsrc_options_new();
  invsrc_sqlite *db = NULL;
  invsrc_keyring *keyring = NULL;
  invsrc_registry_file *registry = NULL;
  invsrc_service *service = NULL;
  invsrc_response *response = NULL;
  int32_t status = 0;

  if (argc != 4 || !error || !options) {
    fprintf(stderr, "usage: minimal DATABASE MASTER-KEYS REGISTRY\n");
    goto done;
  }
  if (invsrc_sqlite_open(argv[1], &db, error) < 0 ||
      invsrc_keyring_load(argv[2], &keyring, error) < 0 ||
      invsrc_registry_file_new(argv[3], &registry, error) < 0)
    goto done;
  invsrc_options_set_store(options, invsrc_sqlite_store(), db);
  invsrc_options_set_sealer(options, invsrc_keyring_sealer(), keyring);
  invsrc_options_set_registry(options, invsrc_registry_file_registry(), registry);

  if (invsrc_service_new(options, &service, error) < 0 ||
      invsrc_create(service, "acme", 4, body, strlen(body), &response, error) < 0)
    goto done;
  status = invsrc_response_status(response);
  printf("%d %s\n", (int)status, invsrc_response_body(response, NULL));

done:
  if (error && invsrc_error_code(error)) fprintf(stderr, "%s\n", invsrc_error_message(error));
  invsrc_response_free(response);
  invsrc_service_free(service);
  invsrc_registry_file_free(registry);
  invsrc_keyring_free(keyring);
  invsrc_sqlite_free(db);
  invsrc_options_free(options);
  invsrc_error_free(error);
  return status == 201 ? 0 : 1;
}
