/*
 * The source record: a value with a text or a number for each field, and the
 * table that names them. Knows nothing of requests, stores or JSON.
 */
#include <invsrc/invsrc.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

/* Long enough for every field; keeps lengths far from overflow. */
#define LONGEST_TEXT 65536

struct invsrc_source {
  ivs_buffer texts[INVSRC_SOURCE_FIELD_END];
  int64_t numbers[INVSRC_SOURCE_FIELD_END];
};

static const struct {
  char kind;
  const char *name;
} fields[INVSRC_SOURCE_FIELD_END] = {
    [INVSRC_SOURCE_ID] = {'T', "id"},
    [INVSRC_SOURCE_SOURCE_ID] = {'T', "sourceId"},
    [INVSRC_SOURCE_NAME] = {'T', "name"},
    [INVSRC_SOURCE_EXECUTION_TYPE] = {'T', "executionType"},
    [INVSRC_SOURCE_STATUS] = {'T', "status"},
    [INVSRC_SOURCE_AGENT_ID] = {'T', "agentId"},
    [INVSRC_SOURCE_TYPE] = {'T', "type"},
    [INVSRC_SOURCE_ENDPOINT_URL] = {'T', "endpointUrl"},
    [INVSRC_SOURCE_PROTOCOL] = {'T', "protocol"},
    [INVSRC_SOURCE_AUTHENTICATION_TYPE] = {'T', "authenticationType"},
    [INVSRC_SOURCE_AUTH_CONFIGURED] = {'N', "authConfigured"},
    [INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL] = {'T', "authorizationUrl"},
    [INVSRC_SOURCE_DESCRIPTION] = {'T', "description"},
    [INVSRC_SOURCE_CREATED_AT] = {'N', "createdAt"},
    [INVSRC_SOURCE_UPDATED_AT] = {'N', "updatedAt"},
    [INVSRC_SOURCE_STOREFRONT] = {'T', "storefront"},
    [INVSRC_SOURCE_OAUTH_AUDIENCE] = {'T', "oauthAudience"},
    [INVSRC_SOURCE_REVISION] = {'N', "revision"},
};

static int is_kind(int32_t field, char kind) {
  return field > 0 && field < INVSRC_SOURCE_FIELD_END && fields[field].kind == kind;
}

int32_t invsrc_source_field_kind(int32_t field) {
  return field > 0 && field < INVSRC_SOURCE_FIELD_END ? fields[field].kind : 0;
}

const char *invsrc_source_field_name(int32_t field) {
  return field > 0 && field < INVSRC_SOURCE_FIELD_END ? fields[field].name : NULL;
}

const char *invsrc_source_text(const invsrc_source *source, int32_t field, uint64_t *length) {
  if (length) *length = 0;
  if (!source || !is_kind(field, 'T')) return NULL;
  if (length) *length = source->texts[field].length;
  return source->texts[field].bytes;
}

int64_t invsrc_source_number(const invsrc_source *source, int32_t field) {
  return source && is_kind(field, 'N') ? source->numbers[field] : 0;
}

invsrc_source *invsrc_source_new(void) {
  return calloc(1, sizeof(invsrc_source));
}

static void clear(invsrc_source *source) {
  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++)
    ivs_buffer_end(&source->texts[field]);
}

void invsrc_source_free(invsrc_source *source) {
  if (!source) return;
  clear(source);
  free(source);
}

int32_t invsrc_source_set_text(invsrc_source *source, int32_t field, const char *text,
                               uint64_t length) {
  if (!source || !text || !is_kind(field, 'T') || length > LONGEST_TEXT) return INVSRC_EINVAL;
  return ivs_buffer_set(&source->texts[field], text, (size_t)length);
}

int32_t invsrc_source_set_number(invsrc_source *source, int32_t field, int64_t number) {
  if (!source || !is_kind(field, 'N')) return INVSRC_EINVAL;
  source->numbers[field] = number;
  return INVSRC_OK;
}

int32_t invsrc_source_copy(invsrc_source *to, const invsrc_source *from) {
  invsrc_source fresh;
  int32_t result = INVSRC_OK;

  if (!to || !from) return INVSRC_EINVAL;
  if (to == from) return INVSRC_OK;
  fresh = *from;
  memset(fresh.texts, 0, sizeof fresh.texts);
  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END && result == INVSRC_OK; field++)
    if (from->texts[field].bytes)
      result =
          ivs_buffer_set(&fresh.texts[field], from->texts[field].bytes, from->texts[field].length);
  if (result != INVSRC_OK) {
    clear(&fresh);
    return result;
  }
  clear(to);
  *to = fresh;
  return INVSRC_OK;
}
