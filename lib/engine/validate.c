/*
 * The judgement of a create request without a service: pure, for hosts that lint
 * and unit-test.
 */
#include <string.h>

#include "engine/call.h"

static invsrc_response *approve(const ivs_draft *draft) {
  invsrc_response *response = ivs_response_new(200);
  uint64_t length;
  const char *source_id = invsrc_source_text(draft->source, INVSRC_SOURCE_SOURCE_ID, &length);

  if (!response) return NULL;
  ivs_buffer_append_text(&response->body, "{\"valid\":true,\"sourceId\":");
  ivs_json_write_string(&response->body, source_id, (size_t)length);
  ivs_buffer_append_text(&response->body, "}");
  return response;
}

int32_t invsrc_validate_create(const invsrc_options *options, const void *body, uint64_t length,
                               invsrc_response **response) {
  static const ivs_switches strict = {0, 0};
  uint64_t limit = options ? options->max_body : INVSRC_MAX_BODY_DEFAULT;
  ivs_draft draft = IVS_DRAFT_EMPTY;
  ivs_problem problem;
  int32_t result;

  if (response) *response = NULL;
  if (!response || (!body && length && length <= limit)) return INVSRC_EINVAL;
  result = ivs_size_response(length, limit, response);
  if (result != INVSRC_OK || *response) return result;
  result = ivs_create_read(body, (size_t)length, options ? &options->switches : &strict, &draft,
                           &problem);
  if (result != INVSRC_OK) return result;
  *response = draft.source ? approve(&draft) : ivs_problem_response(&problem);
  ivs_draft_end(&draft);
  if (*response && !ivs_response_failed(*response)) return INVSRC_OK;
  invsrc_response_free(*response);
  *response = NULL;
  return INVSRC_ENOMEM;
}
