/*
 * See wants.h.
 */
#include "engine/wants.h"

#include <stddef.h>

#define VALIDATION "VALIDATION_ERROR"
#define BAD "BAD_REQUEST"
#define UNAVAILABLE(what) \
  { 503, "SERVICE_UNAVAILABLE", what " cannot be reached now; nothing was stored", NULL, NULL }
#define INTERNAL \
  { 500, "INTERNAL_ERROR", "Something failed inside; nothing was stored", NULL, NULL }

#define NO_SOURCE \
  { 404, "NOT_FOUND", "No such inventory source", NULL, NULL }
#define CHANGED \
  { 409, "CONFLICT", "The source has been changed meanwhile; read it again", NULL, NULL }
#define NO_AGENT \
  { 404, "NOT_FOUND", "No such agent", NULL, NULL }
#define NO_CONSENT \
  { 400, BAD, "The consent was refused", NULL, NULL }
#define NOT_ACTIVE \
  { 400, VALIDATION, "cannot be ACTIVE", "status", NULL }

const ivs_failure ivs_failure_no_route = {404, "NOT_FOUND", "No such route", NULL, NULL};
const ivs_failure ivs_failure_unauthorized = {401, "UNAUTHORIZED", "A valid API key is required",
                                              NULL, NULL};
const ivs_failure ivs_failure_content_type = {415, BAD, "Content-Type must be application/json",
                                              NULL, NULL};
const ivs_failure ivs_failure_content_encoding = {415, BAD, "Content-Encoding is not supported",
                                                  NULL, NULL};
const ivs_failure ivs_failure_no_agent = NO_AGENT;
const ivs_failure ivs_failure_internal = INTERNAL;

/* Legal for every want, and not listed again: OK and FAILED. */
static const struct row {
  int32_t want;
  int32_t outcome;
  ivs_failure failure;
} rows[] = {
    {INVSRC_WANT_AUTHENTICATE,
     INVSRC_OUTCOME_UNKNOWN,
     {401, "UNAUTHORIZED", "A valid API key is required", NULL, NULL}},
    {INVSRC_WANT_AUTHENTICATE, INVSRC_OUTCOME_UNAVAILABLE,
     UNAVAILABLE("The authentication service")},
    {INVSRC_WANT_NOW, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The clock")},
    {INVSRC_WANT_RANDOM, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The random generator")},
    {INVSRC_WANT_LOOKUP,
     INVSRC_OUTCOME_NOT_REGISTERED,
     {400, VALIDATION, "is not registered with AAO", "endpointUrl", NULL}},
    {INVSRC_WANT_LOOKUP, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The AAO registry")},
    {INVSRC_WANT_OAUTH_START, /* with the reason, see consent.c */
     INVSRC_OUTCOME_NO_OAUTH,
     {400, VALIDATION, "must not be OAUTH: the agent offers no OAuth", "authenticationType", NULL}},
    {INVSRC_WANT_OAUTH_START,
     INVSRC_OUTCOME_REFUSED,
     {400, VALIDATION, "is not one of this server's redirect URIs", "redirectUri", NULL}},
    {INVSRC_WANT_OAUTH_START,
     INVSRC_OUTCOME_NOT_IMPLEMENTED,
     {501, "NOT_IMPLEMENTED", "This server cannot start OAuth", NULL, NULL}},
    {INVSRC_WANT_OAUTH_START, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The OAuth server")},
    {INVSRC_WANT_SEAL, INVSRC_OUTCOME_REFUSED, INTERNAL},
    {INVSRC_WANT_SEAL, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The vault")},
    {INVSRC_WANT_INSERT,
     INVSRC_OUTCOME_CONFLICT,
     {409, "CONFLICT", "sourceId is already taken on this storefront", "sourceId", NULL}},
    /* The next try draws another id. */
    {INVSRC_WANT_INSERT,
     INVSRC_OUTCOME_DUPLICATE,
     {503, "SERVICE_UNAVAILABLE", "The id that was drawn is taken; nothing was stored", NULL,
      NULL}},
    {INVSRC_WANT_INSERT, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The store")},
    {INVSRC_WANT_DISCARD, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The vault")},
    {INVSRC_WANT_GET, INVSRC_OUTCOME_NOT_FOUND, NO_SOURCE},
    {INVSRC_WANT_GET, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The store")},
    {INVSRC_WANT_LIST, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The store")},
    {INVSRC_WANT_UPDATE, INVSRC_OUTCOME_CONFLICT, CHANGED},
    {INVSRC_WANT_UPDATE, INVSRC_OUTCOME_NOT_FOUND, NO_SOURCE},
    {INVSRC_WANT_UPDATE, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The store")},
    {INVSRC_WANT_REMOVE, INVSRC_OUTCOME_CONFLICT, CHANGED},
    {INVSRC_WANT_REMOVE, INVSRC_OUTCOME_NOT_FOUND, NO_SOURCE},
    {INVSRC_WANT_REMOVE, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The store")},
    {INVSRC_WANT_OPEN, INVSRC_OUTCOME_REFUSED, INTERNAL},
    {INVSRC_WANT_OPEN, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The vault")},
    {INVSRC_WANT_PROBE, INVSRC_OUTCOME_REFUSED, NOT_ACTIVE}, /* with the reason, see update.c */
    {INVSRC_WANT_PROBE, INVSRC_OUTCOME_UNREACHABLE, NOT_ACTIVE},
    {INVSRC_WANT_PROBE,
     INVSRC_OUTCOME_NOT_IMPLEMENTED,
     {501, "NOT_IMPLEMENTED", "This server cannot probe agents", NULL, NULL}},
    {INVSRC_WANT_PROBE, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The prober")},
    {INVSRC_WANT_FIND, INVSRC_OUTCOME_NOT_FOUND, NO_AGENT},
    {INVSRC_WANT_FIND, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The store")},
    {INVSRC_WANT_FIND,
     INVSRC_OUTCOME_NOT_IMPLEMENTED,
     {501, "NOT_IMPLEMENTED", "This server cannot start OAuth", NULL, NULL}},
    /* What follows answers no request, but for pages, see callback.c: here are the statuses for
     * the log, and what is legal. */
    {INVSRC_WANT_OAUTH_FINISH, INVSRC_OUTCOME_REFUSED, NO_CONSENT},
    {INVSRC_WANT_OAUTH_FINISH, INVSRC_OUTCOME_UNKNOWN, NO_CONSENT},
    {INVSRC_WANT_OAUTH_FINISH,
     INVSRC_OUTCOME_NOT_IMPLEMENTED,
     {501, "NOT_IMPLEMENTED", "This server cannot finish OAuth", NULL, NULL}},
    {INVSRC_WANT_OAUTH_FINISH, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The OAuth server")},
    {INVSRC_WANT_OAUTH_REFRESH, INVSRC_OUTCOME_REFUSED, NO_CONSENT},
    {INVSRC_WANT_OAUTH_REFRESH, INVSRC_OUTCOME_UNREACHABLE, UNAVAILABLE("The OAuth server")},
    {INVSRC_WANT_OAUTH_REFRESH,
     INVSRC_OUTCOME_NOT_IMPLEMENTED,
     {501, "NOT_IMPLEMENTED", "This server cannot refresh tokens", NULL, NULL}},
    {INVSRC_WANT_OAUTH_REFRESH, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The prober")},
    {INVSRC_WANT_OAUTH_REVOKE,
     INVSRC_OUTCOME_NOT_IMPLEMENTED,
     {501, "NOT_IMPLEMENTED", "The OAuth server cannot revoke tokens", NULL, NULL}},
    {INVSRC_WANT_OAUTH_REVOKE, INVSRC_OUTCOME_UNAVAILABLE, UNAVAILABLE("The OAuth server")},
};

static const struct row *find(int32_t want, int32_t outcome) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].want == want && rows[i].outcome == outcome) return &rows[i];
  return NULL;
}

const ivs_failure *ivs_want_failure(int32_t want, int32_t outcome) {
  const struct row *row = find(want, outcome);

  return row ? &row->failure : &ivs_failure_internal;
}

int ivs_want_is_legal(int32_t want, int32_t outcome) {
  return outcome == INVSRC_OUTCOME_OK || outcome == INVSRC_OUTCOME_FAILED || find(want, outcome);
}

const char *ivs_want_name(int32_t want) {
  static const char *const names[] = {
      [INVSRC_WANT_NONE] = "none",
      [INVSRC_WANT_AUTHENTICATE] = "authenticate",
      [INVSRC_WANT_NOW] = "now",
      [INVSRC_WANT_RANDOM] = "random",
      [INVSRC_WANT_LOOKUP] = "lookup",
      [INVSRC_WANT_OAUTH_START] = "oauth start",
      [INVSRC_WANT_SEAL] = "seal",
      [INVSRC_WANT_INSERT] = "insert",
      [INVSRC_WANT_DISCARD] = "discard",
      [INVSRC_WANT_GET] = "get",
      [INVSRC_WANT_LOG] = "log",
      [INVSRC_WANT_LIST] = "list",
      [INVSRC_WANT_UPDATE] = "update",
      [INVSRC_WANT_REMOVE] = "remove",
      [INVSRC_WANT_OPEN] = "open",
      [INVSRC_WANT_PROBE] = "probe",
      [INVSRC_WANT_FIND] = "find",
      [INVSRC_WANT_OAUTH_FINISH] = "oauth finish",
      [INVSRC_WANT_OAUTH_REFRESH] = "oauth refresh",
      [INVSRC_WANT_OAUTH_REVOKE] = "oauth revoke",
  };

  return names[want];
}
