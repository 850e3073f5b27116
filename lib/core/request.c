/*
 * See request.h. Knows nothing of what becomes of a source.
 */
#include "core/request.h"

#include <string.h>

#include "core/credential.h"

static const char *const execution_types[] = {"AGENT", NULL};
static const char *const types[] = {"SALES", "SIGNAL", "CREATIVE", "OUTCOME", NULL};
static const char *const protocols[] = {"MCP", "A2A", NULL};
static const char *const authentication_types[] = {"API_KEY", "JWT",   "BASIC_AUTH",
                                                   "NO_AUTH", "OAUTH", NULL};

#define NAME_LENGTH 1, 255, "must be 1 to 255 characters long", NULL, NULL
#define URL_LENGTH 1, IVS_RULE_URL_LONGEST, IVS_RULE_URL_LENGTH, NULL, NULL
#define CHOICE 0, 0, NULL

/* The fields of contract §3 in its order; `auth` has a table of its own. */
static const struct row {
  int32_t field;
  ivs_rule rule;
} rows[] = {
    {INVSRC_SOURCE_NAME, {"name", "name", IVS_RULE_REQUIRED | IVS_RULE_NO_CONTROL, NAME_LENGTH}},
    {INVSRC_SOURCE_SOURCE_ID,
     {"sourceId", "sourceId", IVS_RULE_NO_CONTROL | IVS_RULE_NO_DOTS, NAME_LENGTH}},
    {INVSRC_SOURCE_EXECUTION_TYPE,
     {"executionType", "executionType", 0, CHOICE, execution_types, "must be AGENT"}},
    {INVSRC_SOURCE_TYPE,
     {"type", "type", IVS_RULE_REQUIRED, CHOICE, types,
      "must be one of SALES, SIGNAL, CREATIVE, OUTCOME"}},
    {INVSRC_SOURCE_ENDPOINT_URL,
     {"endpointUrl", "endpointUrl", IVS_RULE_REQUIRED | IVS_RULE_URL, URL_LENGTH}},
    {INVSRC_SOURCE_PROTOCOL,
     {"protocol", "protocol", IVS_RULE_REQUIRED, CHOICE, protocols, "must be one of MCP, A2A"}},
    {INVSRC_SOURCE_AUTHENTICATION_TYPE,
     {"authenticationType", "authenticationType", IVS_RULE_REQUIRED, CHOICE, authentication_types,
      "must be one of API_KEY, JWT, BASIC_AUTH, NO_AUTH, OAUTH"}},
    {INVSRC_SOURCE_DESCRIPTION,
     {"description", "description", IVS_RULE_NO_NUL, 0, 2000,
      "must be at most 2000 characters long", NULL, NULL}},
    {INVSRC_SOURCE_OAUTH_AUDIENCE, {"oauthAudience", "oauthAudience", IVS_RULE_URI, URL_LENGTH}},
};

/* Kinds that are known, but that other flows create: they deserve to be told so. */
static const struct {
  const char *kind;
  const char *message;
} elsewhere[] = {
    {"MANAGED_SALES_AGENT",
     "must be AGENT: MANAGED_SALES_AGENT sources are created by another flow"},
    {"LINKED_STOREFRONT", "must be AGENT: LINKED_STOREFRONT sources are created by another flow"},
    {"MODULAR_SOURCE", "must be AGENT: MODULAR_SOURCE sources are created by another flow"},
};

static void explain_execution_type(const ivs_json *request, ivs_issue *issue) {
  size_t length;
  const char *text = ivs_json_string(ivs_json_member(request, "executionType"), &length);

  for (size_t i = 0; text && i < sizeof elsewhere / sizeof *elsewhere; i++)
    if (strlen(elsewhere[i].kind) == length && memcmp(elsewhere[i].kind, text, length) == 0)
      issue->message = elsewhere[i].message;
}

/* What a field's neighbours have to say of it, after its own row has been judged. */
static int32_t judge_together(const struct row *row, int good, const ivs_json *request,
                              const ivs_switches *switches, ivs_issues *issues, ivs_draft *draft) {
  const char *authentication_type;

  switch (row->field) {
    case INVSRC_SOURCE_EXECUTION_TYPE:
      if (!good && ivs_json_member(request, "executionType"))
        explain_execution_type(request, &issues->items[issues->count - 1]);
      return INVSRC_OK;
    case INVSRC_SOURCE_AUTHENTICATION_TYPE:
      if (!good) return INVSRC_OK; /* then there is nothing to hold `auth` to */
      authentication_type = invsrc_source_text(draft->source, row->field, NULL);
      return ivs_credential_read(request, authentication_type, switches, issues,
                                 &draft->credential);
    case INVSRC_SOURCE_OAUTH_AUDIENCE:
      authentication_type =
          invsrc_source_text(draft->source, INVSRC_SOURCE_AUTHENTICATION_TYPE, NULL);
      if (authentication_type && strcmp(authentication_type, "OAUTH") != 0 &&
          ivs_json_member(request, "oauthAudience"))
        ivs_issues_add(issues, "oauthAudience", "is only allowed with authenticationType OAUTH");
      return INVSRC_OK;
    default:
      return INVSRC_OK;
  }
}

static int32_t judge_fields(const ivs_json *request, const ivs_switches *switches,
                            ivs_issues *issues, ivs_draft *draft) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int32_t result = ivs_rule_judge(&rows[i].rule, request, switches, issues);
    int good = result == 1;

    if (good) {
      size_t length;
      const char *text = ivs_json_string(ivs_json_member(request, rows[i].rule.key), &length);
      result = invsrc_source_set_text(draft->source, rows[i].field, text, length);
    }
    if (result >= 0) result = judge_together(&rows[i], good, request, switches, issues, draft);
    if (result < 0) return result;
  }
  return INVSRC_OK;
}

static int32_t set_default(invsrc_source *source, int32_t field, const char *text) {
  if (invsrc_source_text(source, field, NULL)) return INVSRC_OK;
  return invsrc_source_set_text(source, field, text, strlen(text));
}

/* Fills in what a good request leaves open. */
static int32_t complete(ivs_draft *draft) {
  char slug[INVSRC_SLUG_SIZE];
  char canonical[IVS_RULE_URL_LONGEST + 2];
  uint64_t length;
  const char *text = invsrc_source_text(draft->source, INVSRC_SOURCE_NAME, &length);
  int32_t result = invsrc_slugify(text, length, slug, sizeof slug, NULL);

  if (result == INVSRC_OK) result = set_default(draft->source, INVSRC_SOURCE_SOURCE_ID, slug);
  if (result == INVSRC_OK)
    result = set_default(draft->source, INVSRC_SOURCE_EXECUTION_TYPE, execution_types[0]);
  if (result != INVSRC_OK) return result;
  text = invsrc_source_text(draft->source, INVSRC_SOURCE_ENDPOINT_URL, &length);
  result = invsrc_uri_canonicalize(text, length, canonical, sizeof canonical, &length, NULL);
  if (result != INVSRC_OK) return result;
  return ivs_buffer_set(&draft->endpoint, canonical, (size_t)length);
}

void ivs_draft_end(ivs_draft *draft) {
  invsrc_source_free(draft->source);
  draft->source = NULL;
  ivs_buffer_end(&draft->endpoint);
  ivs_buffer_end(&draft->credential);
}

int32_t ivs_create_read(const char *body, size_t length, const ivs_switches *switches,
                        ivs_draft *draft, ivs_problem *problem) {
  ivs_json_document *document = NULL;
  int32_t result;

  problem->is_json_fault = 0;
  problem->issues.count = 0;
  result = ivs_json_parse(body, length, &document, &problem->fault);
  if (result == INVSRC_EMALFORMED) {
    problem->is_json_fault = 1;
    return INVSRC_OK;
  }
  if (result != INVSRC_OK) return result;
  if (!ivs_json_is_object(ivs_json_root(document))) {
    problem->is_json_fault = 1;
    ivs_json_start(body, length, &problem->fault);
    goto done;
  }
  draft->source = invsrc_source_new();
  result = draft->source ? judge_fields(ivs_json_root(document), switches, &problem->issues, draft)
                         : INVSRC_ENOMEM;
  if (result == INVSRC_OK && problem->issues.count == 0) result = complete(draft);

done:
  ivs_json_free(document);
  if (result != INVSRC_OK || problem->is_json_fault || problem->issues.count) ivs_draft_end(draft);
  return result;
}
