/*
 * See request.h. Knows nothing of what becomes of a source.
 */
#include "core/request.h"

#include <string.h>

#include "core/credential.h"
#include "core/source.h"
#include "core/uri.h"

static const char *const execution_types[] = {"AGENT", NULL};
static const char *const statuses[] = {"PENDING", "ACTIVE", "DISABLED", NULL};
static const char *const types[] = {"SALES", "SIGNAL", "CREATIVE", "OUTCOME", NULL};
static const char *const protocols[] = {"MCP", "A2A", NULL};
static const char *const authentication_types[] = {"API_KEY", "JWT",   "BASIC_AUTH",
                                                   "NO_AUTH", "OAUTH", NULL};

#define NAME_LENGTH 1, 255, "must be 1 to 255 characters long", NULL, NULL
#define URL_LENGTH 1, IVS_RULE_URL_LONGEST, IVS_RULE_URL_LENGTH, NULL, NULL
#define CHOICE 0, 0, NULL

/* Which requests have a field. */
#define CREATE 1u
#define UPDATE 2u

/* The fields of contract §3 in its order, and of §7; `auth` has a table of its own. */
static const struct row {
  int32_t field;
  unsigned requests;
  ivs_rule rule;
} rows[] = {
    {INVSRC_SOURCE_NAME,
     CREATE | UPDATE,
     {"name", "name", IVS_RULE_REQUIRED | IVS_RULE_NO_CONTROL, NAME_LENGTH}},
    {INVSRC_SOURCE_SOURCE_ID,
     CREATE,
     {"sourceId", "sourceId", IVS_RULE_NO_CONTROL | IVS_RULE_NO_DOTS, NAME_LENGTH}},
    {INVSRC_SOURCE_EXECUTION_TYPE,
     CREATE | UPDATE,
     {"executionType", "executionType", 0, CHOICE, execution_types, "must be AGENT"}},
    {INVSRC_SOURCE_STATUS,
     UPDATE,
     {"status", "status", 0, CHOICE, statuses, "must be one of PENDING, ACTIVE, DISABLED"}},
    {INVSRC_SOURCE_TYPE,
     CREATE,
     {"type", "type", IVS_RULE_REQUIRED, CHOICE, types,
      "must be one of SALES, SIGNAL, CREATIVE, OUTCOME"}},
    {INVSRC_SOURCE_ENDPOINT_URL,
     CREATE | UPDATE,
     {"endpointUrl", "endpointUrl", IVS_RULE_REQUIRED | IVS_RULE_URL, URL_LENGTH}},
    {INVSRC_SOURCE_PROTOCOL,
     CREATE | UPDATE,
     {"protocol", "protocol", IVS_RULE_REQUIRED, CHOICE, protocols, "must be one of MCP, A2A"}},
    {INVSRC_SOURCE_AUTHENTICATION_TYPE,
     CREATE | UPDATE,
     {"authenticationType", "authenticationType", IVS_RULE_REQUIRED, CHOICE, authentication_types,
      "must be one of API_KEY, JWT, BASIC_AUTH, NO_AUTH, OAUTH"}},
    {INVSRC_SOURCE_DESCRIPTION,
     CREATE | UPDATE,
     {"description", "description", IVS_RULE_NO_NUL, 0, 2000,
      "must be at most 2000 characters long", NULL, NULL}},
    {INVSRC_SOURCE_OAUTH_AUDIENCE,
     CREATE | UPDATE,
     {"oauthAudience", "oauthAudience", IVS_RULE_URI, URL_LENGTH}},
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

/* What a source cannot become, contract §7. */
static const struct {
  const char *from;
  const char *to;
  const char *message;
} barred[] = {
    {"ACTIVE", "PENDING", "must be ACTIVE or DISABLED: an active source does not become PENDING"},
    {"DISABLED", "PENDING",
     "must be ACTIVE or DISABLED: a disabled source does not become PENDING"},
};

/* One request being judged. */
typedef struct judgement {
  const ivs_json *request;
  const invsrc_source *stored; /* what an update is of, or NULL */
  const ivs_switches *switches;
  ivs_issues *issues;
  ivs_draft *draft;
  ivs_uri endpoint; /* the endpointUrl, where it is right */
} judgement;

static void judge_transition(const judgement *it) {
  for (size_t i = 0; i < sizeof barred / sizeof *barred; i++)
    if (ivs_source_is(it->stored, INVSRC_SOURCE_STATUS, barred[i].from) &&
        ivs_source_is(it->draft->source, INVSRC_SOURCE_STATUS, barred[i].to))
      ivs_issues_add(it->issues, "status", barred[i].message);
}

/* What the rest of the request is held to: the authenticationType that it names, or else
 * the stored one. NULL where it names a wrong one, or none at all. */
static const char *authentication_type_of(const judgement *it) {
  const char *type = invsrc_source_text(it->draft->source, INVSRC_SOURCE_AUTHENTICATION_TYPE, NULL);
  const ivs_json *named = ivs_json_member(it->request, "authenticationType");
  size_t length;
  const char *text = ivs_json_string(named, &length);

  if (!named) return type;
  return text && ivs_rule_is_choice(authentication_types, text, length) ? type : NULL;
}

/* An update keeps the credential where it neither names one nor another type. */
static int32_t judge_auth(const judgement *it) {
  const char *type = authentication_type_of(it);

  if (!type) return INVSRC_OK; /* then there is nothing to hold `auth` to */
  if (it->stored && !ivs_json_member(it->request, "auth") &&
      ivs_source_is(it->stored, INVSRC_SOURCE_AUTHENTICATION_TYPE, type))
    return INVSRC_OK;
  return ivs_credential_read(it->request, type, it->switches, it->issues, &it->draft->credential);
}

static void judge_audience(const judgement *it) {
  const char *type;

  if (!ivs_json_member(it->request, "oauthAudience")) return;
  type = authentication_type_of(it);
  if (type && strcmp(type, "OAUTH") != 0)
    ivs_issues_add(it->issues, "oauthAudience", "is only allowed with authenticationType OAUTH");
}

/* What a field's neighbours have to say of it, after its own row has been judged. */
static int32_t judge_together(const judgement *it, int32_t field, int good) {
  switch (field) {
    case INVSRC_SOURCE_EXECUTION_TYPE:
      if (!good && ivs_json_member(it->request, "executionType"))
        explain_execution_type(it->request, &it->issues->items[it->issues->count - 1]);
      return INVSRC_OK;
    case INVSRC_SOURCE_STATUS:
      it->draft->asks_active =
          good && ivs_source_is(it->draft->source, INVSRC_SOURCE_STATUS, "ACTIVE");
      if (good) judge_transition(it);
      return INVSRC_OK;
    case INVSRC_SOURCE_AUTHENTICATION_TYPE:
      return judge_auth(it);
    case INVSRC_SOURCE_OAUTH_AUDIENCE:
      judge_audience(it);
      return INVSRC_OK;
    default:
      return INVSRC_OK;
  }
}

static int32_t judge_field(judgement *it, const struct row *row) {
  ivs_rule rule = row->rule;
  const ivs_json *member = ivs_json_member(it->request, rule.key);
  int32_t result;

  if (it->stored) rule.checks &= ~IVS_RULE_REQUIRED;
  result = ivs_rule_judge(&rule, member, it->switches, it->issues, &it->endpoint);
  if (result < 0) return result;
  if (result == 1) {
    size_t length;
    const char *text = ivs_json_string(member, &length);
    int32_t set = invsrc_source_set_text(it->draft->source, row->field, text, length);
    if (set != INVSRC_OK) return set;
  }
  return judge_together(it, row->field, result == 1);
}

static int32_t judge_fields(judgement *it) {
  unsigned request = it->stored ? UPDATE : CREATE;
  int32_t result = INVSRC_OK;

  for (size_t i = 0; i < sizeof rows / sizeof *rows && result >= 0; i++)
    if (rows[i].requests & request) result = judge_field(it, &rows[i]);
  return result < 0 ? result : INVSRC_OK;
}

/* An update must name something that it can change. */
static void judge_emptiness(const judgement *it) {
  int named = ivs_json_member(it->request, "auth") != NULL;

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].requests & UPDATE) named |= ivs_json_member(it->request, rows[i].rule.key) != NULL;
  if (!named)
    ivs_issues_add(it->issues, NULL,
                   "At least one of name, executionType, status, description, endpointUrl, "
                   "protocol, authenticationType, auth, oauthAudience is required");
}

static int32_t set_default(invsrc_source *source, int32_t field, const char *text) {
  if (invsrc_source_text(source, field, NULL)) return INVSRC_OK;
  return invsrc_source_set_text(source, field, text, strlen(text));
}

/* Puts the endpointUrl, in canonical form, into the draft. */
static int32_t take_endpoint(const judgement *it) {
  ivs_url_append_canonical(&it->draft->endpoint, &it->endpoint);
  return it->draft->endpoint.failed ? INVSRC_ENOMEM : INVSRC_OK;
}

static int32_t derive_source_id(invsrc_source *source) {
  char slug[INVSRC_SLUG_SIZE];
  uint64_t length;
  const char *name = invsrc_source_text(source, INVSRC_SOURCE_NAME, &length);
  int32_t result = invsrc_slugify(name, length, slug, sizeof slug, &length);

  if (result != INVSRC_OK) return result;
  return invsrc_source_set_text(source, INVSRC_SOURCE_SOURCE_ID, slug, length);
}

/* Fills in what a good create leaves open. */
static int32_t complete_create(const judgement *it) {
  ivs_draft *draft = it->draft;
  int32_t result = INVSRC_OK;

  if (!invsrc_source_text(draft->source, INVSRC_SOURCE_SOURCE_ID, NULL))
    result = derive_source_id(draft->source);
  if (result == INVSRC_OK)
    result = set_default(draft->source, INVSRC_SOURCE_EXECUTION_TYPE, execution_types[0]);
  return result == INVSRC_OK ? take_endpoint(it) : result;
}

/* Finds out what a good update changes, and drops what has lost its meaning. */
static int32_t complete_update(const judgement *it) {
  const invsrc_source *stored = it->stored;
  ivs_draft *draft = it->draft;
  static const struct {
    int32_t field;
    unsigned change;
  } marks[] = {
      {INVSRC_SOURCE_ENDPOINT_URL, IVS_CHANGE_ENDPOINT},
      {INVSRC_SOURCE_PROTOCOL, IVS_CHANGE_PROTOCOL},
      {INVSRC_SOURCE_AUTHENTICATION_TYPE, IVS_CHANGE_AUTHENTICATION_TYPE | IVS_CHANGE_AUTH},
  };

  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (!ivs_source_is_same(draft->source, stored, marks[i].field))
      draft->changes |= marks[i].change;
  if (draft->credential.length) draft->changes |= IVS_CHANGE_AUTH;
  if (!ivs_source_is(draft->source, INVSRC_SOURCE_AUTHENTICATION_TYPE, "OAUTH"))
    invsrc_source_set_text(draft->source, INVSRC_SOURCE_OAUTH_AUDIENCE, NULL, 0);
  else if (draft->changes & (IVS_CHANGE_AUTH | IVS_CHANGE_ENDPOINT) ||
           !ivs_source_is_same(draft->source, stored, INVSRC_SOURCE_OAUTH_AUDIENCE))
    draft->changes |= IVS_CHANGE_CONSENT | IVS_CHANGE_AUTH;
  if (draft->changes & IVS_CHANGE_AUTH) {
    ivs_source_end_consent(draft->source);
    invsrc_source_set_number(draft->source, INVSRC_SOURCE_OAUTH_REFRESH_AT, 0);
  }
  return draft->changes & IVS_CHANGE_ENDPOINT ? take_endpoint(it) : INVSRC_OK;
}

void ivs_draft_end(ivs_draft *draft) {
  invsrc_source_free(draft->source);
  draft->source = NULL;
  ivs_buffer_end(&draft->endpoint);
  ivs_buffer_end(&draft->credential);
}

/* Judges a request that is an object. */
static int32_t judge(judgement *it) {
  int32_t result = INVSRC_OK;

  it->draft->source = invsrc_source_new();
  if (!it->draft->source) return INVSRC_ENOMEM;
  if (it->stored) {
    judge_emptiness(it);
    result = invsrc_source_copy(it->draft->source, it->stored);
  }
  if (result == INVSRC_OK) result = judge_fields(it);
  if (result != INVSRC_OK || it->issues->count) return result;
  return it->stored ? complete_update(it) : complete_create(it);
}

/* An update where `stored` is not NULL, else a create. */
static int32_t read_request(const char *body, size_t length, const invsrc_source *stored,
                            const ivs_switches *switches, ivs_draft *draft, ivs_problem *problem) {
  ivs_json_document *document = NULL;
  int32_t result;

  problem->issues.count = 0;
  result = ivs_json_parse_object(body, length, &document, &problem->fault);
  problem->is_json_fault = result == INVSRC_EMALFORMED;
  if (problem->is_json_fault) return INVSRC_OK;
  if (result == INVSRC_OK) {
    judgement it = {.request = ivs_json_root(document),
                    .stored = stored,
                    .switches = switches,
                    .issues = &problem->issues,
                    .draft = draft};
    result = judge(&it);
    if (result != INVSRC_OK || problem->issues.count) ivs_draft_end(draft);
  }
  ivs_json_free(document);
  return result;
}

int32_t ivs_create_read(const char *body, size_t length, const ivs_switches *switches,
                        ivs_draft *draft, ivs_problem *problem) {
  return read_request(body, length, NULL, switches, draft, problem);
}

int32_t ivs_update_read(const char *body, size_t length, const invsrc_source *stored,
                        const ivs_switches *switches, ivs_draft *draft, ivs_problem *problem) {
  return read_request(body, length, stored, switches, draft, problem);
}
