/*
 * See samples.h.
 */
#include "testkit/samples.h"

#include <stdio.h>
#include <string.h>

invsrc_source *ivs_sample_source(const char *storefront, const char *source_id, const char *id) {
  invsrc_source *source = invsrc_source_new();
  int32_t result = source ? INVSRC_OK : INVSRC_ENOMEM;
  char agent_id[64];
  const struct {
    int32_t field;
    const char *text;
  } texts[] = {
      {INVSRC_SOURCE_ID, id},
      {INVSRC_SOURCE_SOURCE_ID, source_id},
      {INVSRC_SOURCE_NAME, "A name"},
      {INVSRC_SOURCE_EXECUTION_TYPE, "AGENT"},
      {INVSRC_SOURCE_STATUS, "PENDING"},
      {INVSRC_SOURCE_AGENT_ID, agent_id},
      {INVSRC_SOURCE_TYPE, "SALES"},
      {INVSRC_SOURCE_ENDPOINT_URL, "https://agent.example/mcp"},
      {INVSRC_SOURCE_PROTOCOL, "MCP"},
      {INVSRC_SOURCE_AUTHENTICATION_TYPE, "API_KEY"},
      {INVSRC_SOURCE_STOREFRONT, storefront},
  };

  snprintf(agent_id, sizeof agent_id, "agent_%s", id);
  for (size_t i = 0; i < sizeof texts / sizeof *texts && result == INVSRC_OK; i++)
    result = invsrc_source_set_text(source, texts[i].field, texts[i].text, strlen(texts[i].text));
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_CREATED_AT, INT64_C(253402300799999));
  invsrc_source_set_number(source, INVSRC_SOURCE_UPDATED_AT, 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, 1);
  if (result == INVSRC_OK) return source;
  invsrc_source_free(source);
  return NULL;
}

invsrc_event *ivs_sample_event(const char *id) {
  static const char payload[] = "{\"é\":\"😀\"}";
  invsrc_event *event = invsrc_event_new();

  if (invsrc_event_set_text(event, INVSRC_EVENT_ID, id, strlen(id)) == INVSRC_OK &&
      invsrc_event_set_text(event, INVSRC_EVENT_TYPE, "source.updated", 14) == INVSRC_OK &&
      invsrc_event_set_text(event, INVSRC_EVENT_STOREFRONT, "acme", 4) == INVSRC_OK &&
      invsrc_event_set_number(event, INVSRC_EVENT_TIME, IVS_SAMPLE_TIME) == INVSRC_OK &&
      invsrc_event_set_text(event, INVSRC_EVENT_PAYLOAD, payload, strlen(payload)) == INVSRC_OK)
    return event;
  invsrc_event_free(event);
  return NULL;
}

void ivs_sample_sealed(char *sealed, size_t size, const char *id) {
  snprintf(sealed, size, "sealed %s", id);
}

int32_t ivs_sample_difference(const invsrc_source *a, const invsrc_source *b) {
  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    uint64_t a_length, b_length;
    const char *a_text = invsrc_source_text(a, field, &a_length);
    const char *b_text = invsrc_source_text(b, field, &b_length);

    if (!a_text != !b_text || a_length != b_length ||
        (a_text && memcmp(a_text, b_text, (size_t)a_length) != 0) ||
        invsrc_source_number(a, field) != invsrc_source_number(b, field))
      return field;
  }
  return 0;
}

void ivs_sample_ids(const invsrc_source_list *list, char *ids, size_t size) {
  size_t length = 0;

  ids[0] = '\0';
  for (uint64_t i = 0; i < invsrc_source_list_count(list); i++) {
    const char *id = invsrc_source_text(invsrc_source_list_at(list, i), INVSRC_SOURCE_ID, NULL);

    if (length >= size) return;
    length += (size_t)snprintf(ids + length, size - length, "%s%s", i ? " " : "", id ? id : "?");
  }
}
