/*
 * A create request: any body has a judgement, which is JSON itself.
 */
#include <invsrc/invsrc.h>

#include "core/json.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  invsrc_response *response = NULL;
  ivs_json_document *document = NULL;
  ivs_json_fault fault;
  uint64_t length;
  const char *body;
  int32_t status;

  CHECK(invsrc_validate_create(NULL, size ? (const void *)data : "", size, &response) == INVSRC_OK);
  status = invsrc_response_status(response);
  CHECK(status == 200 || status == 400 || status == 413);
  body = invsrc_response_body(response, &length);
  CHECK(ivs_json_parse(body, (size_t)length, &document, &fault) == INVSRC_OK);
  ivs_json_free(document);
  invsrc_response_free(response);
  return 0;
}
