/*
 * The source record. Knows nothing of requests, stores or JSON.
 */
#include "core/source.h"

#include <stdlib.h>
#include <string.h>

#include "core/record.h"

struct invsrc_source {
  ivs_record record;
  ivs_value values[INVSRC_SOURCE_FIELD_END];
};

static const ivs_field fields[INVSRC_SOURCE_FIELD_END] = {
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
    [INVSRC_SOURCE_ATTEMPTS] = {'N', "attempts"},
    [INVSRC_SOURCE_LAST_CHECKED_AT] = {'N', "lastCheckedAt"},
    [INVSRC_SOURCE_LAST_ERROR] = {'T', "lastError"},
    [INVSRC_SOURCE_NEXT_CHECK_AT] = {'N', "nextCheckAt"},
    [INVSRC_SOURCE_CREDENTIAL_PROVEN] = {'N', "credentialProven"},
    [INVSRC_SOURCE_UNREACHABLE] = {'N', "unreachable"},
    [INVSRC_SOURCE_OAUTH_STATE] = {'T', "oauthState"},
    [INVSRC_SOURCE_OAUTH_EXPIRES_AT] = {'N', "oauthExpiresAt"},
    [INVSRC_SOURCE_OAUTH_PRIVATE_STATE] = {'T', "oauthPrivateState"},
    [INVSRC_SOURCE_OAUTH_REFRESH_AT] = {'N', "oauthRefreshAt"},
};

static const ivs_form form = {fields, INVSRC_SOURCE_FIELD_END};

int32_t invsrc_source_field_kind(int32_t field) {
  return field > 0 && field < INVSRC_SOURCE_FIELD_END ? fields[field].kind : 0;
}

const char *invsrc_source_field_name(int32_t field) {
  return field > 0 && field < INVSRC_SOURCE_FIELD_END ? fields[field].name : NULL;
}

uint32_t invsrc_source_field_part(int32_t field) {
  switch (invsrc_source_field_kind(field) ? field : INVSRC_SOURCE_ID) {
    case INVSRC_SOURCE_ID:
    case INVSRC_SOURCE_SOURCE_ID:
    case INVSRC_SOURCE_AGENT_ID:
    case INVSRC_SOURCE_STOREFRONT:
      return 0;
    case INVSRC_SOURCE_OAUTH_STATE:
    case INVSRC_SOURCE_OAUTH_EXPIRES_AT:
    case INVSRC_SOURCE_OAUTH_PRIVATE_STATE:
      return INVSRC_PART_RECORD;
    default:
      return field <= INVSRC_SOURCE_REVISION ? INVSRC_PART_RECORD : INVSRC_PART_CHECK;
  }
}

const char *invsrc_source_text(const invsrc_source *source, int32_t field, uint64_t *length) {
  return ivs_record_text(source ? &source->record : NULL, field, length);
}

int64_t invsrc_source_number(const invsrc_source *source, int32_t field) {
  return ivs_record_number(source ? &source->record : NULL, field);
}

invsrc_source *invsrc_source_new(void) {
  invsrc_source *source = malloc(sizeof *source);

  if (source) ivs_record_begin(&source->record, &form, source->values);
  return source;
}

void invsrc_source_free(invsrc_source *source) {
  if (source) ivs_record_end(&source->record);
  free(source);
}

int32_t invsrc_source_set_text(invsrc_source *source, int32_t field, const char *text,
                               uint64_t length) {
  return ivs_record_set_text(source ? &source->record : NULL, field, text, length);
}

int32_t invsrc_source_set_number(invsrc_source *source, int32_t field, int64_t number) {
  return ivs_record_set_number(source ? &source->record : NULL, field, number);
}

int32_t invsrc_source_copy(invsrc_source *to, const invsrc_source *from) {
  return to && from ? ivs_record_copy(&to->record, &from->record) : INVSRC_EINVAL;
}

int ivs_source_is(const invsrc_source *source, int32_t field, const char *text) {
  const char *own = invsrc_source_text(source, field, NULL);

  return own && text && strcmp(own, text) == 0;
}

int ivs_source_is_same(const invsrc_source *a, const invsrc_source *b, int32_t field) {
  uint64_t a_length, b_length;
  const char *a_text = invsrc_source_text(a, field, &a_length);
  const char *b_text = invsrc_source_text(b, field, &b_length);

  return a_length == b_length && !a_text == !b_text &&
         (!a_text || memcmp(a_text, b_text, (size_t)a_length) == 0);
}

int ivs_source_is_whole(const invsrc_source *source) {
  static const int32_t needed[] = {
      INVSRC_SOURCE_ID,           INVSRC_SOURCE_SOURCE_ID,     INVSRC_SOURCE_NAME,
      INVSRC_SOURCE_STATUS,       INVSRC_SOURCE_AGENT_ID,      INVSRC_SOURCE_TYPE,
      INVSRC_SOURCE_ENDPOINT_URL, INVSRC_SOURCE_PROTOCOL,      INVSRC_SOURCE_AUTHENTICATION_TYPE,
      INVSRC_SOURCE_STOREFRONT,   INVSRC_SOURCE_EXECUTION_TYPE};

  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
    if (!invsrc_source_text(source, needed[i], NULL)) return 0;
  return 1;
}

int ivs_source_is_oauth(const invsrc_source *source) {
  return ivs_source_is(source, INVSRC_SOURCE_AUTHENTICATION_TYPE, "OAUTH");
}

int ivs_source_awaits_consent(const invsrc_source *source) {
  return ivs_source_is_oauth(source) &&
         !invsrc_source_number(source, INVSRC_SOURCE_AUTH_CONFIGURED);
}

/* Nothing is taken away that could fail. */
void ivs_source_end_consent(invsrc_source *source) {
  invsrc_source_set_text(source, INVSRC_SOURCE_OAUTH_STATE, NULL, 0);
  invsrc_source_set_number(source, INVSRC_SOURCE_OAUTH_EXPIRES_AT, 0);
  invsrc_source_set_text(source, INVSRC_SOURCE_OAUTH_PRIVATE_STATE, NULL, 0);
  invsrc_source_set_text(source, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, NULL, 0);
}

uint32_t ivs_source_hide_text(invsrc_source *source, int32_t field) {
  uint32_t size = source->values[field].size;

  source->values[field].size = 0;
  return size;
}

void ivs_source_show_text(invsrc_source *source, int32_t field, uint32_t hidden) {
  source->values[field].size = hidden;
}
