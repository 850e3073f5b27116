/*
 * See render.h.
 */
#include "core/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/id.h"

static void write_text(ivs_buffer *out, const invsrc_source *source, int32_t field) {
  uint64_t length;
  const char *text = invsrc_source_text(source, field, &length);

  if (text) ivs_json_write_string(out, text, (size_t)length);
}

static void write_flag(ivs_buffer *out, const invsrc_source *source, int32_t field) {
  ivs_buffer_append_text(out, invsrc_source_number(source, field) ? "true" : "false");
}

static void write_date(ivs_buffer *out, int64_t milliseconds) {
  char text[IVS_TIME_SIZE];

  ivs_time_format(text, milliseconds);
  ivs_json_write_string(out, text, strlen(text));
}

static void write_time(ivs_buffer *out, const invsrc_source *source, int32_t field) {
  write_date(out, invsrc_source_number(source, field));
}

/* The agent is named as its source. */
void ivs_render_consent(ivs_buffer *out, const invsrc_source *source, const char *url,
                        size_t length) {
  ivs_buffer_append_text(out, "{\"authorizationUrl\":");
  ivs_json_write_string(out, url, length);
  ivs_buffer_append_text(out, ",\"agentId\":");
  write_text(out, source, INVSRC_SOURCE_AGENT_ID);
  ivs_buffer_append_text(out, ",\"agentName\":");
  write_text(out, source, INVSRC_SOURCE_NAME);
  ivs_buffer_append_text(out, "}");
}

static void write_oauth(ivs_buffer *out, const invsrc_source *source, int32_t field) {
  uint64_t length;
  const char *url = invsrc_source_text(source, field, &length);

  ivs_render_consent(out, source, url, (size_t)length);
}

/* Only sources with an adapter behind them, which are not made here, say true. */
static void write_false(ivs_buffer *out, const invsrc_source *source, int32_t field) {
  (void)source, (void)field;
  ivs_buffer_append_text(out, "false");
}

#define BETWEEN(name) ",\"" name "\":"
#define KEY(name) BETWEEN(name), sizeof BETWEEN(name) - 1

/* The wire's source, contract §4.1: a text field that is absent is left out. */
static const struct {
  const char *key; /* as it is written, behind another member */
  size_t key_length;
  int32_t field;
  void (*write)(ivs_buffer *out, const invsrc_source *source, int32_t field);
} wire[] = {
    {KEY("id"), INVSRC_SOURCE_ID, write_text},
    {KEY("sourceId"), INVSRC_SOURCE_SOURCE_ID, write_text},
    {KEY("name"), INVSRC_SOURCE_NAME, write_text},
    {KEY("executionType"), INVSRC_SOURCE_EXECUTION_TYPE, write_text},
    {KEY("status"), INVSRC_SOURCE_STATUS, write_text},
    {KEY("agentId"), INVSRC_SOURCE_AGENT_ID, write_text},
    {KEY("type"), INVSRC_SOURCE_TYPE, write_text},
    {KEY("endpointUrl"), INVSRC_SOURCE_ENDPOINT_URL, write_text},
    {KEY("protocol"), INVSRC_SOURCE_PROTOCOL, write_text},
    {KEY("authenticationType"), INVSRC_SOURCE_AUTHENTICATION_TYPE, write_text},
    {KEY("authConfigured"), INVSRC_SOURCE_AUTH_CONFIGURED, write_flag},
    {KEY("oauth"), INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, write_oauth},
    {KEY("description"), INVSRC_SOURCE_DESCRIPTION, write_text},
    {KEY("isAdapterSource"), 0, write_false},
    {KEY("createdAt"), INVSRC_SOURCE_CREATED_AT, write_time},
    {KEY("updatedAt"), INVSRC_SOURCE_UPDATED_AT, write_time},
};

static int is_absent(const invsrc_source *source, int32_t field) {
  return invsrc_source_field_kind(field) == 'T' && !invsrc_source_text(source, field, NULL);
}

static void write_key(ivs_buffer *out, int first, const char *key) {
  ivs_buffer_append_text(out, first ? "{" : ",");
  ivs_json_write_string(out, key, strlen(key));
  ivs_buffer_append_text(out, ":");
}

#define USUAL_SIZE 640 /* of a source that is written */

void ivs_render_source(ivs_buffer *out, const invsrc_source *source) {
  size_t start = out->length;

  ivs_buffer_reserve(out, USUAL_SIZE);
  for (size_t i = 0; i < sizeof wire / sizeof *wire; i++) {
    if (is_absent(source, wire[i].field)) continue;
    ivs_buffer_append(out, wire[i].key, wire[i].key_length);
    wire[i].write(out, source, wire[i].field);
  }
  ivs_buffer_append_text(out, "}");
  if (!out->failed) out->bytes[start] = '{'; /* in place of the first comma */
}

void ivs_render_sources(ivs_buffer *out, const invsrc_source_list *list) {
  uint64_t count = invsrc_source_list_count(list);

  ivs_buffer_append_text(out, "[");
  for (uint64_t i = 0; i < count; i++) {
    if (i > 0) ivs_buffer_append_text(out, ",");
    ivs_render_source(out, invsrc_source_list_at(list, i));
  }
  ivs_buffer_append_text(out, "]");
}

void ivs_render_event(ivs_buffer *out, const char *type, int64_t milliseconds,
                      const invsrc_source *source, const char *reason) {
  write_key(out, 1, "type");
  ivs_json_write_string(out, type, strlen(type));
  write_key(out, 0, "timestamp");
  write_date(out, milliseconds);
  ivs_buffer_append_text(out, ",\"data\":");
  write_key(out, 1, "storefront");
  write_text(out, source, INVSRC_SOURCE_STOREFRONT);
  write_key(out, 0, "source");
  ivs_render_source(out, source);
  if (reason) {
    write_key(out, 0, "reason");
    ivs_json_write_string(out, reason, strlen(reason));
  }
  ivs_buffer_append_text(out, "}}");
}

/* Up to the details; end_error() closes it. */
static void begin_error(ivs_buffer *out, const char *code, const char *message, const char *field) {
  ivs_buffer_append_text(out, "{\"data\":null,\"error\":");
  write_key(out, 1, "code");
  ivs_json_write_string(out, code, strlen(code));
  write_key(out, 0, "message");
  ivs_json_write_string(out, message, strlen(message));
  if (!field) return;
  write_key(out, 0, "field");
  ivs_json_write_string(out, field, strlen(field));
}

static void end_error(ivs_buffer *out) {
  ivs_buffer_append_text(out, "}}");
}

void ivs_render_error(ivs_buffer *out, const char *code, const char *message, const char *field) {
  begin_error(out, code, message, field);
  end_error(out);
}

/* Room for the longest path and message, and a count. */
#define SENTENCE_SIZE 384

static void write_fault(ivs_buffer *out, const ivs_json_fault *fault) {
  char sentence[SENTENCE_SIZE] = "The body must be a JSON object";

  if (fault->message)
    snprintf(sentence, sizeof sentence, "The body is not valid JSON: %s", fault->message);
  begin_error(out, "BAD_REQUEST", sentence, NULL);
  snprintf(sentence, sizeof sentence,
           ",\"details\":{\"offset\":%" PRIu64 ",\"line\":%" PRIu64 ",\"column\":%" PRIu64 "}",
           fault->offset, fault->line, fault->column);
  ivs_buffer_append_text(out, sentence);
  end_error(out);
}

static void write_issues(ivs_buffer *out, const ivs_issues *issues) {
  const ivs_issue *first = &issues->items[0];
  char sentence[SENTENCE_SIZE];
  int length;

  if (!first->path) { /* the request as a whole: then there is nothing else */
    ivs_render_error(out, "VALIDATION_ERROR", first->message, NULL);
    return;
  }
  length = snprintf(sentence, sizeof sentence, "%s %s", first->path, first->message);
  if (issues->count > 1)
    snprintf(sentence + length, sizeof sentence - (size_t)length, "; %zu more in details.issues",
             issues->count - 1);
  begin_error(out, "VALIDATION_ERROR", sentence, first->path);
  ivs_buffer_append_text(out, ",\"details\":{\"issues\":[");
  for (size_t i = 0; i < issues->count; i++) {
    if (i > 0) ivs_buffer_append_text(out, ",");
    write_key(out, 1, "path");
    ivs_json_write_string(out, issues->items[i].path, strlen(issues->items[i].path));
    write_key(out, 0, "message");
    ivs_json_write_string(out, issues->items[i].message, strlen(issues->items[i].message));
    ivs_buffer_append_text(out, "}");
  }
  ivs_buffer_append_text(out, "]}");
  end_error(out);
}

void ivs_render_problem(ivs_buffer *out, const ivs_problem *problem) {
  if (problem->is_json_fault)
    write_fault(out, &problem->fault);
  else
    write_issues(out, &problem->issues);
}
