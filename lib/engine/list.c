/*
 * GET /inventory-sources: the storefront's sources, a page at a time.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/form.h"
#include "core/render.h"
#include "core/source.h"
#include "core/text.h"
#include "engine/reveal.h"

/* The parameters of the query, contract §1. */
static const struct parameter {
  const char *name;
  uint64_t least;
  uint64_t most;
  const char *message;
} parameters[] = {
    {"skip", 0, INVSRC_SKIP_LIMIT, "must be a whole number from 0"},
    {"take", 1, INVSRC_TAKE_LIMIT, "must be a whole number from 1 to 200"},
};

/* No more digits than make a number that fits. */
static int read_number(const char *text, size_t length, const struct parameter *it,
                       uint64_t *number) {
  uint64_t value = 0;

  if (length == 0 || length > 18) return 0;
  for (size_t i = 0; i < length; i++) {
    if (!ivs_text_is_digit(text[i])) return 0;
    value = value * 10 + (uint64_t)(text[i] - '0');
  }
  if (value < it->least || value > it->most) return 0;
  *number = value;
  return 1;
}

static void read_query(const invsrc_call *call, uint64_t numbers[], ivs_issues *issues) {
  for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
    const char *value = NULL;
    size_t length = 0;
    int count = ivs_form_find(&call->query, parameters[i].name, &value, &length);

    if (count > 1)
      ivs_issues_add(issues, parameters[i].name, "must be given once");
    else if (count && !read_number(value, length, &parameters[i], &numbers[i]))
      ivs_issues_add(issues, parameters[i].name, parameters[i].message);
  }
}

/* Bare, or in an envelope with what page of how many it is. */
static invsrc_response *listed(const invsrc_call *call) {
  invsrc_response *response = ivs_response_new(200);
  uint64_t end = call->skip + invsrc_source_list_count(call->list);
  char meta[160];

  if (!response) return NULL;
  if (call->service->options.envelope) ivs_buffer_append_text(&response->body, "{\"data\":");
  ivs_render_sources(&response->body, call->list);
  if (!call->service->options.envelope) return response;
  snprintf(meta, sizeof meta,
           ",\"error\":null,\"meta\":{\"pagination\":{\"skip\":%" PRIu64 ",\"take\":%" PRIu64
           ",\"total\":%" PRIu64 ",\"hasMore\":%s}}}",
           call->skip, call->take, call->total, end < call->total ? "true" : "false");
  ivs_buffer_append_text(&response->body, meta);
  return response;
}

static void answer(invsrc_call *call) {
  invsrc_response *response = listed(call);

  if (response) {
    response->sources = call->list;
    response->total = call->total;
    call->list = NULL;
  }
  ivs_call_finish(call, response);
}

/* One after the other, as each may have to be opened. */
static void reveal_next(invsrc_call *call) {
  invsrc_source *source = ivs_source_list_edit(call->list, call->index++);

  if (source)
    ivs_reveal(call, source, reveal_next);
  else
    answer(call);
}

static void after_list(invsrc_call *call) {
  if (ivs_call_went_well(call)) reveal_next(call);
}

static void start(invsrc_call *call) {
  uint64_t numbers[] = {call->skip, call->take ? call->take : INVSRC_TAKE_DEFAULT};
  ivs_problem problem = {.is_json_fault = 0, .issues = {.count = 0}};

  read_query(call, numbers, &problem.issues);
  call->skip = numbers[0];
  call->take = numbers[1];
  if (problem.issues.count)
    ivs_call_finish(call, ivs_problem_response(&problem));
  else
    ivs_call_want(call, INVSRC_WANT_LIST, after_list);
}

const ivs_operation ivs_list_operation = {start, IVS_NEEDS_STORE};
