/*
 * The conversations with a token endpoint that follow a consent: what is asked, to the byte,
 * for each way to show who the client is; what each answer comes to; and the credential that
 * is kept of it.
 */
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define NOW INT64_C(1800000000000)
#define TOKEN_URL "https://auth.example/token"
#define REVOKE_URL "https://auth.example/revoke"
#define WHO "the authorization server"
#define AGAIN ": consent must be given again"

#define OK INVSRC_OUTCOME_OK
#define REFUSED INVSRC_OUTCOME_REFUSED
#define UNKNOWN INVSRC_OUTCOME_UNKNOWN
#define UNREACHABLE INVSRC_OUTCOME_UNREACHABLE
#define UNAVAILABLE INVSRC_OUTCOME_UNAVAILABLE
#define FAILED INVSRC_OUTCOME_FAILED
#define NOT_IMPLEMENTED INVSRC_OUTCOME_NOT_IMPLEMENTED

#define NONE "\"client_id\":\"a client\",\"token_endpoint_auth_method\":\"none\""
#define BASIC                                                   \
  "\"client_id\":\"a client\",\"client_secret\":\"s:e/c+ret\"," \
  "\"token_endpoint_auth_method\":\"client_secret_basic\""
#define POST                                                    \
  "\"client_id\":\"a client\",\"client_secret\":\"s:e/c+ret\"," \
  "\"token_endpoint_auth_method\":\"client_secret_post\""
/* base64 of a%20client:s%3Ae%2Fc%2Bret */
#define PAIR "Authorization: Basic YSUyMGNsaWVudDpzJTNBZSUyRmMlMkJyZXQ="

#define SERVER                                                           \
  "\"issuer\":\"https://auth.example/\",\"token_endpoint\":\"" TOKEN_URL \
  "\","                                                                  \
  "\"resource\":\"https://agent.example/mcp?a=b\""
#define STATE(client, more)                          \
  "{" SERVER "," client                              \
  ",\"redirect_uri\":\"https://host.example/back\"," \
  "\"code_verifier\":\"ver-if.ier_~\"" more "}"
#define LAX ",\"iss_required\":false"
#define STRICT ",\"iss_required\":true"
#define CREDENTIAL(client, more) \
  "{\"type\":\"oauth\",\"access_token\":\"at\"," SERVER "," client more "}"
#define REFRESHES ",\"refresh_token\":\"r/t\""
#define REVOKES ",\"revocation_endpoint\":\"" REVOKE_URL "\""

/* ---- Conversations ------------------------------------------------------------------ */

enum errand { FINISH, REFRESH, REVOKE };

static invsrc_redirect came_back(const char *code, const char *issuer, const char *error) {
  invsrc_redirect redirect = {
      .size = sizeof redirect, .code = code, .issuer = issuer, .error = error};

  if (code) redirect.code_length = strlen(code);
  if (issuer) redirect.issuer_length = strlen(issuer);
  if (error) redirect.error_length = strlen(error);
  return redirect;
}

static int32_t begin(enum errand errand, const char *text, const invsrc_oauth_setup *setup,
                     invsrc_conversation **conversation) {
  const invsrc_redirect redirect = came_back("c/o de", NULL, NULL);
  size_t length = text ? strlen(text) : 0;

  if (errand == FINISH)
    return invsrc_conversation_new_oauth_finish(text, length, &redirect, setup, conversation);
  if (errand == REFRESH)
    return invsrc_conversation_new_oauth_refresh(text, length, setup, conversation);
  return invsrc_conversation_new_oauth_revoke(text, length, setup, conversation);
}

static invsrc_conversation *open_one(enum errand errand, const char *text) {
  const invsrc_oauth_setup setup = {.size = sizeof setup, .now = NOW};
  invsrc_conversation *conversation;

  assert_int_equal(begin(errand, text, &setup, &conversation), INVSRC_OK);
  return conversation;
}

static void assert_over(const invsrc_conversation *conversation, int32_t outcome,
                        const char *reason) {
  const char *said;

  assert_int_equal(invsrc_conversation_outcome(conversation, &said), outcome);
  assert_string_equal(said, reason);
}

/* The one request that is to come now, and no other beside it. */
static int32_t next(invsrc_conversation *conversation, const invsrc_http_request **request) {
  const invsrc_http_request *other;
  int32_t exchange = invsrc_conversation_next(conversation, request);

  assert_true(exchange > 0);
  assert_int_equal(invsrc_conversation_next(conversation, &other), 0);
  assert_int_equal(invsrc_conversation_outcome(conversation, NULL), 0);
  assert_null(invsrc_conversation_result(conversation, INVSRC_RESULT_CREDENTIAL, NULL));
  return exchange;
}

/* An answer, or with the status 0 none for a reason. */
static void answer(invsrc_conversation *conversation, int32_t exchange, int32_t status,
                   const char *body) {
  invsrc_http_reply *reply = invsrc_http_reply_new();

  if (status) invsrc_http_reply_set_status(reply, status);
  if (status)
    invsrc_http_reply_append_body(reply, body, strlen(body));
  else
    invsrc_http_reply_set_reason(reply, body);
  assert_int_equal(invsrc_conversation_answer(conversation, exchange,
                                              status ? INVSRC_OUTCOME_OK : UNAVAILABLE, reply),
                   INVSRC_OK);
  invsrc_http_reply_free(reply);
}

static void answer_next(invsrc_conversation *conversation, int32_t status, const char *body) {
  const invsrc_http_request *request;
  int32_t exchange = next(conversation, &request);

  answer(conversation, exchange, status, body);
}

static void assert_credential(const invsrc_conversation *conversation, const char *text,
                              int64_t refresh_in) {
  uint64_t length = 99;
  const char *result = invsrc_conversation_result(conversation, INVSRC_RESULT_CREDENTIAL, &length);

  if (text) {
    assert_non_null(result);
    assert_string_equal(result, text);
  } else {
    assert_null(result);
  }
  assert_int_equal(length, text ? strlen(text) : 0);
  assert_int_equal(invsrc_conversation_refresh_at(conversation), refresh_in ? NOW + refresh_in : 0);
}

/* ---- Requests ----------------------------------------------------------------------- */

#define CODE_FORM(client)                                                                  \
  "grant_type=authorization_code&code=c%2Fo%20de&code_verifier=ver-if.ier_~&redirect_uri=" \
  "https%3A%2F%2Fhost.example%2Fback" client "&resource=https%3A%2F%2Fagent.example%2Fmcp%3Fa%3Db"
#define REFRESH_FORM(client)                            \
  "grant_type=refresh_token&refresh_token=r%2Ft" client \
  "&resource=https%3A%2F%2Fagent.example%2Fmcp%3Fa%3Db"
#define BY_ID "&client_id=a%20client"
#define BY_SECRET "&client_id=a%20client&client_secret=s%3Ae%2Fc%2Bret"

static void requests_are_made_to_the_byte(void **state) {
  static const struct {
    enum errand errand;
    const char *text;
    const char *url;
    const char *line; /* NULL: none */
    const char *form;
  } rows[] = {
      {FINISH, STATE(NONE, LAX), TOKEN_URL, NULL, CODE_FORM(BY_ID)},
      {FINISH, STATE(POST, LAX), TOKEN_URL, NULL, CODE_FORM(BY_SECRET)},
      {FINISH, STATE(BASIC, LAX), TOKEN_URL, PAIR, CODE_FORM("")},
      {REFRESH, CREDENTIAL(NONE, REFRESHES), TOKEN_URL, NULL, REFRESH_FORM(BY_ID)},
      {REFRESH, CREDENTIAL(POST, REFRESHES), TOKEN_URL, NULL, REFRESH_FORM(BY_SECRET)},
      {REFRESH, CREDENTIAL(BASIC, REFRESHES), TOKEN_URL, PAIR, REFRESH_FORM("")},
      {REVOKE, CREDENTIAL(NONE, REFRESHES REVOKES), REVOKE_URL, NULL,
       "token=r%2Ft&token_type_hint=refresh_token" BY_ID},
      {REVOKE, CREDENTIAL(POST, REVOKES), REVOKE_URL, NULL,
       "token=at&token_type_hint=access_token" BY_SECRET},
      {REVOKE, CREDENTIAL(BASIC, REVOKES), REVOKE_URL, PAIR,
       "token=at&token_type_hint=access_token"},
      /* A secret that goes nowhere. */
      {REFRESH, CREDENTIAL(NONE, REFRESHES ",\"client_secret\":\"x\""), TOKEN_URL, NULL,
       REFRESH_FORM(BY_ID)},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    invsrc_conversation *conversation = open_one(rows[i].errand, rows[i].text);
    const invsrc_http_request *request;

    next(conversation, &request);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->url, rows[i].url);
    assert_int_equal(request->header_count, rows[i].line ? 3 : 2);
    assert_string_equal(request->headers[0], "Accept: application/json");
    assert_string_equal(request->headers[1], "Content-Type: application/x-www-form-urlencoded");
    if (rows[i].line) assert_string_equal(request->headers[2], rows[i].line);
    assert_string_equal(request->body, rows[i].form);
    assert_int_equal(request->body_length, strlen(rows[i].form));
    assert_int_equal(request->redirects, 0);
    assert_int_equal(request->looks, 0);
    assert_int_equal(request->max_body, 262144);
    invsrc_conversation_free(conversation);
  }
}

/* ---- The redirect ------------------------------------------------------------------- */

static void redirects_are_judged_before_anything_is_asked(void **state) {
  static const char issuer[] = "https://auth.example/";
  static const struct {
    int32_t is_required;
    int32_t outcome; /* 0: the code is exchanged */
    const char *code, *issuer, *error;
    const char *reason;
  } rows[] = {
      {0, 0, "c", NULL, NULL, ""},
      {0, 0, "c", issuer, NULL, ""},
      {1, 0, "c", issuer, NULL, ""},
      {1, UNKNOWN, "c", NULL, NULL, "the answer does not say that it is of " WHO " that was asked"},
      {1, UNKNOWN, NULL, NULL, "access_denied",
       "the answer does not say that it is of " WHO " that was asked"},
      {0, UNKNOWN, "c", "https://auth.example", NULL,
       "the answer is not of " WHO " that was asked"},
      {0, UNKNOWN, "c", "https://AUTH.example/", NULL,
       "the answer is not of " WHO " that was asked"},
      {0, UNKNOWN, "c", "", NULL, "the answer is not of " WHO " that was asked"},
      {0, UNKNOWN, NULL, "https://evil.example/", "access_denied",
       "the answer is not of " WHO " that was asked"},
      {1, REFUSED, NULL, issuer, "access_denied", WHO " was told that consent is not given"},
      {0, REFUSED, "c", NULL, "access_denied", WHO " was told that consent is not given"},
      {0, REFUSED, NULL, NULL, "invalid_scope", WHO " refused the scope"},
      {0, REFUSED, NULL, NULL, "invalid_target", WHO " gives no token for this agent"},
      {0, REFUSED, NULL, NULL, "unauthorized_client", WHO " lets this client ask for no consent"},
      {0, REFUSED, NULL, NULL, "server_error", WHO " is in trouble" AGAIN},
      {0, REFUSED, NULL, NULL, "temporarily_unavailable", WHO " is not available now" AGAIN},
      {0, REFUSED, NULL, NULL, "secret", WHO " came back without consent"},
      {0, REFUSED, NULL, NULL, "", WHO " came back without consent"},
      {0, REFUSED, NULL, NULL, NULL, WHO " came back without a code"},
      {0, REFUSED, "", issuer, NULL, WHO " came back without a code"},
  };
  const invsrc_oauth_setup setup = {.size = sizeof setup, .now = NOW};

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const invsrc_redirect redirect = came_back(rows[i].code, rows[i].issuer, rows[i].error);
    const char *text = rows[i].is_required ? STATE(NONE, STRICT) : STATE(NONE, LAX);
    const invsrc_http_request *request;
    invsrc_conversation *conversation;

    assert_int_equal(
        invsrc_conversation_new_oauth_finish(text, strlen(text), &redirect, &setup, &conversation),
        INVSRC_OK);
    assert_over(conversation, rows[i].outcome, rows[i].reason);
    assert_int_equal(invsrc_conversation_next(conversation, &request) > 0, !rows[i].outcome);
    assert_credential(conversation, NULL, 0);
    invsrc_conversation_free(conversation);
  }
}

/* ---- Tokens ------------------------------------------------------------------------- */

static void tokens_become_a_credential(void **state) {
  static const char answered[] =
      "{\"access_token\":\"new\",\"token_type\":\"bearer\",\"expires_in\":100,"
      "\"refresh_token\":\"r\\\"2\",\"scope\":\"a b\"}";
  static const struct {
    enum errand errand;
    const char *text;
    const char *answer;
    const char *credential;
  } rows[] = {
      {FINISH, STATE(NONE, LAX ",\"scope\":\"asked\"" REVOKES), answered,
       "{\"type\":\"oauth\",\"access_token\":\"new\",\"refresh_token\":\"r\\\"2\",\"scope\":\"a "
       "b\","
       "\"issuer\":\"https://auth.example/\",\"token_endpoint\":\"" TOKEN_URL "\"" REVOKES "," NONE
       ",\"resource\":\"https://agent.example/mcp?a=b\"}"},
      /* The scope that was asked for, where another is not named. */
      {FINISH, STATE(POST, LAX ",\"scope\":\"asked\""), "{\"access_token\":\"new\"}",
       "{\"type\":\"oauth\",\"access_token\":\"new\",\"scope\":\"asked\","
       "\"issuer\":\"https://auth.example/\",\"token_endpoint\":\"" TOKEN_URL "\"," POST
       ",\"resource\":\"https://agent.example/mcp?a=b\"}"},
      {FINISH, STATE(BASIC, LAX),
       "{\"access_token\":\"new\",\"refresh_token\":null,\"scope\":[\"a\"]}",
       "{\"type\":\"oauth\",\"access_token\":\"new\","
       "\"issuer\":\"https://auth.example/\",\"token_endpoint\":\"" TOKEN_URL "\"," BASIC
       ",\"resource\":\"https://agent.example/mcp?a=b\"}"},
      {FINISH, STATE(NONE, LAX),
       "{\"access_token\":\"new\",\"refresh_token\":\"a\\u0000b\",\"scope\":\"\"}",
       "{\"type\":\"oauth\",\"access_token\":\"new\","
       "\"issuer\":\"https://auth.example/\",\"token_endpoint\":\"" TOKEN_URL "\"," NONE
       ",\"resource\":\"https://agent.example/mcp?a=b\"}"},
      /* A rotation. */
      {REFRESH, CREDENTIAL(NONE, REFRESHES REVOKES ",\"scope\":\"old\""), answered,
       "{\"type\":\"oauth\",\"access_token\":\"new\",\"refresh_token\":\"r\\\"2\",\"scope\":\"a "
       "b\","
       "\"issuer\":\"https://auth.example/\",\"token_endpoint\":\"" TOKEN_URL "\"" REVOKES "," NONE
       ",\"resource\":\"https://agent.example/mcp?a=b\"}"},
      /* And none. */
      {REFRESH, CREDENTIAL(BASIC, REFRESHES ",\"scope\":\"old\",\"more\":[1]"),
       "{\"access_token\":\"new\"}",
       "{\"type\":\"oauth\",\"access_token\":\"new\",\"refresh_token\":\"r/t\",\"scope\":\"old\","
       "\"issuer\":\"https://auth.example/\",\"token_endpoint\":\"" TOKEN_URL "\"," BASIC
       ",\"resource\":\"https://agent.example/mcp?a=b\"}"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    invsrc_conversation *conversation = open_one(rows[i].errand, rows[i].text);
    const invsrc_http_request *request;
    char kept[1024];

    answer_next(conversation, 200, rows[i].answer);
    assert_over(conversation, OK, "");
    assert_int_equal(invsrc_conversation_next(conversation, &request), 0);
    snprintf(kept, sizeof kept, "%s",
             invsrc_conversation_result(conversation, INVSRC_RESULT_CREDENTIAL, NULL));
    assert_string_equal(kept, rows[i].credential);
    invsrc_conversation_free(conversation);
    /* It is read again. */
    invsrc_conversation_free(open_one(REFRESH, kept));
  }
}

#define DAYS INT64_C(86400000)

static void tokens_are_refreshed_in_time(void **state) {
  static const struct {
    const char *refresh_token; /* "" or a member */
    const char *life;
    int64_t refresh_in; /* 0: never */
  } rows[] = {
      {",\"refresh_token\":\"r\"", ",\"expires_in\":100", 80000},
      {",\"refresh_token\":\"r\"", ",\"expires_in\":1.5", 5000},
      {",\"refresh_token\":\"r\"", ",\"expires_in\":0", 5000},
      {",\"refresh_token\":\"r\"", ",\"expires_in\":-7", 5000},
      {",\"refresh_token\":\"r\"", ",\"expires_in\":2592000", 24 * DAYS},
      {",\"refresh_token\":\"r\"", ",\"expires_in\":31536000", 24 * DAYS},
      {",\"refresh_token\":\"r\"", ",\"expires_in\":1e400", 24 * DAYS},
      {",\"refresh_token\":\"r\"", "", 2880000},
      {",\"refresh_token\":\"r\"", ",\"expires_in\":\"100\"", 2880000},
      {",\"refresh_token\":\"r\"", ",\"expires_in\":null", 2880000},
      {"", ",\"expires_in\":100", 100000},
      {"", ",\"expires_in\":2", 5000},
      {"", ",\"expires_in\":31536000", 30 * DAYS},
      {"", ",\"expires_in\":true", 0},
      {"", "", 0},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    invsrc_conversation *conversation = open_one(FINISH, STATE(NONE, LAX));
    char body[256];

    snprintf(body, sizeof body, "{\"access_token\":\"new\"%s%s}", rows[i].refresh_token,
             rows[i].life);
    answer_next(conversation, 200, body);
    assert_over(conversation, OK, "");
    assert_int_equal(invsrc_conversation_refresh_at(conversation),
                     rows[i].refresh_in ? NOW + rows[i].refresh_in : 0);
    invsrc_conversation_free(conversation);
  }
}

/* At the end of time, there is no later. */
static void no_refresh_is_later_than_time_has(void **state) {
  const invsrc_oauth_setup setup = {.size = sizeof setup, .now = INVSRC_TIME_LIMIT - 1000};
  invsrc_conversation *conversation;

  (void)state;
  assert_int_equal(begin(FINISH, STATE(NONE, LAX), &setup, &conversation), INVSRC_OK);
  answer_next(conversation, 200, "{\"access_token\":\"new\",\"expires_in\":100}");
  assert_int_equal(invsrc_conversation_refresh_at(conversation), INVSRC_TIME_LIMIT);
  invsrc_conversation_free(conversation);
}

/* ---- What is no token ------------------------------------------------------------------ */

static const struct {
  int32_t status; /* 0: no answer, for the reason in `body` */
  const char *body;
  struct {
    int32_t outcome;
    const char *reason;
  } comes[2]; /* FINISH, REFRESH */
} answers[] = {
    {400,
     "{\"error\":\"invalid_grant\",\"error_description\":\"secret\"}",
     {{REFUSED, WHO " refused the code" AGAIN},
      {REFUSED, WHO " takes the consent for ended" AGAIN}}},
    {401,
     "{\"error\":\"invalid_client\"}",
     {{FAILED, WHO " does not know the client, or not by its secret"},
      {REFUSED, WHO " does not know the client any more" AGAIN}}},
    {400,
     "{\"error\":\"unauthorized_client\"}",
     {{REFUSED, WHO " gives this client no token"},
      {REFUSED, WHO " gives this client no token" AGAIN}}},
    {403,
     "{\"error\":\"access_denied\"}",
     {{REFUSED, WHO " gives this client no token"},
      {REFUSED, WHO " gives this client no token" AGAIN}}},
    {400,
     "{\"error\":\"invalid_scope\"}",
     {{REFUSED, WHO " refused the scope"}, {REFUSED, WHO " refused the scope" AGAIN}}},
    {400,
     "{\"error\":\"invalid_target\"}",
     {{REFUSED, WHO " gives no token for this agent"},
      {REFUSED, WHO " gives no token for this agent" AGAIN}}},
    {400,
     "{\"error\":\"unsupported_grant_type\"}",
     {{REFUSED, WHO " takes no codes"}, {REFUSED, WHO " refreshes no tokens" AGAIN}}},
    {400,
     "{\"error\":\"invalid_request\"}",
     {{REFUSED, WHO " does not understand the request"},
      {REFUSED, WHO " refused to refresh the tokens" AGAIN}}},
    {400,
     "{\"error\":\"secret\"}",
     {{REFUSED, WHO " said no to the code" AGAIN},
      {REFUSED, WHO " refused to refresh the tokens" AGAIN}}},
    {200,
     "{\"error\":\"bad_refresh_token\",\"access_token\":\"x\"}",
     {{REFUSED, WHO " said no to the code" AGAIN},
      {REFUSED, WHO " refused to refresh the tokens" AGAIN}}},
    {404,
     "{\"error\":\"invalid_grant\"}",
     {{REFUSED, WHO " refused the code" AGAIN},
      {REFUSED, WHO " takes the consent for ended" AGAIN}}},
    /* Not of this protocol. */
    {404,
     "{\"error\":\"Not Found\"}",
     {{UNAVAILABLE, WHO " answered 404"}, {UNREACHABLE, WHO " answered 404"}}},
    {400,
     "{\"error\":{\"code\":400}}",
     {{UNAVAILABLE, WHO " answered 400"}, {UNREACHABLE, WHO " answered 400"}}},
    {401, "", {{UNAVAILABLE, WHO " answered 401"}, {UNREACHABLE, WHO " answered 401"}}},
    {403, "<html>", {{UNAVAILABLE, WHO " answered 403"}, {UNREACHABLE, WHO " answered 403"}}},
    {302, "", {{UNAVAILABLE, WHO " answered 302"}, {UNREACHABLE, WHO " answered 302"}}},
    {201,
     "{\"access_token\":\"x\"}",
     {{UNAVAILABLE, WHO " answered, but not a token"},
      {UNREACHABLE, WHO " answered, but not a token"}}},
    {200,
     "<html>",
     {{UNAVAILABLE, WHO " answered HTML, not a token"},
      {UNREACHABLE, WHO " answered HTML, not a token"}}},
    {200,
     "{}",
     {{UNAVAILABLE, WHO " answered without a token"},
      {UNREACHABLE, WHO " answered without a token"}}},
    {200,
     "{\"access_token\":\"a\\r\\nX: b\"}",
     {{UNAVAILABLE, WHO " answered without a token"},
      {UNREACHABLE, WHO " answered without a token"}}},
    {200,
     "{\"access_token\":\"x\",\"token_type\":\"DPoP\"}",
     {{UNAVAILABLE, WHO " gave a token that is no Bearer token"},
      {UNREACHABLE, WHO " gave a token that is no Bearer token"}}},
    /* Trouble refuses nobody. */
    {503,
     "{\"error\":\"temporarily_unavailable\"}",
     {{UNAVAILABLE, WHO " is not available now"}, {UNREACHABLE, WHO " is not available now"}}},
    {400,
     "{\"error\":\"server_error\"}",
     {{UNAVAILABLE, WHO " is in trouble"}, {UNREACHABLE, WHO " is in trouble"}}},
    {500,
     "{\"error\":\"invalid_grant\"}",
     {{UNAVAILABLE, WHO " answered 500"}, {UNREACHABLE, WHO " answered 500"}}},
    {503,
     "{\"error\":\"invalid_client\"}",
     {{UNAVAILABLE, WHO " answered 503"}, {UNREACHABLE, WHO " answered 503"}}},
    {429,
     "{\"error\":\"invalid_grant\"}",
     {{UNAVAILABLE, WHO " answered 429: it is asked too often"},
      {UNREACHABLE, WHO " answered 429: it is asked too often"}}},
    {0,
     "took too long",
     {{UNAVAILABLE, WHO ": took too long"}, {UNREACHABLE, WHO ": took too long"}}},
};

static void what_is_no_token_is_told(void **state) {
  static const char *const texts[] = {STATE(NONE, LAX), CREDENTIAL(NONE, REFRESHES)};

  (void)state;
  for (size_t i = 0; i < COUNT(answers); i++)
    for (int errand = FINISH; errand <= REFRESH; errand++) {
      invsrc_conversation *conversation = open_one((enum errand)errand, texts[errand]);
      const invsrc_http_request *request;

      answer_next(conversation, answers[i].status, answers[i].body);
      assert_over(conversation, answers[i].comes[errand].outcome, answers[i].comes[errand].reason);
      assert_int_equal(invsrc_conversation_next(conversation, &request), 0);
      assert_credential(conversation, NULL, 0);
      invsrc_conversation_free(conversation);
    }
}

static void other_ends_of_an_exchange_are_told(void **state) {
  static const struct {
    enum errand errand;
    const char *text;
    int32_t outcome, comes;
  } rows[] = {
      {FINISH, STATE(NONE, LAX), REFUSED, UNAVAILABLE},
      {FINISH, STATE(NONE, LAX), FAILED, FAILED},
      {REFRESH, CREDENTIAL(NONE, REFRESHES), REFUSED, UNREACHABLE},
      {REFRESH, CREDENTIAL(NONE, REFRESHES), FAILED, FAILED},
      {REVOKE, CREDENTIAL(NONE, REVOKES), REFUSED, UNAVAILABLE},
      {REVOKE, CREDENTIAL(NONE, REVOKES), FAILED, FAILED},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    invsrc_conversation *conversation = open_one(rows[i].errand, rows[i].text);
    invsrc_http_reply *reply = invsrc_http_reply_new();
    const invsrc_http_request *request;
    int32_t exchange = next(conversation, &request);

    invsrc_http_reply_set_reason(reply, "the address is private or reserved");
    assert_int_equal(invsrc_conversation_answer(conversation, exchange, rows[i].outcome, reply),
                     INVSRC_OK);
    assert_over(conversation, rows[i].comes, WHO ": the address is private or reserved");
    invsrc_http_reply_free(reply);
    invsrc_conversation_free(conversation);
  }
}

static void without_a_refresh_token_consent_is_needed(void **state) {
  invsrc_conversation *conversation = open_one(REFRESH, CREDENTIAL(NONE, ""));
  const invsrc_http_request *request;

  (void)state;
  assert_over(conversation, REFUSED, WHO " gave no refresh token" AGAIN);
  assert_int_equal(invsrc_conversation_next(conversation, &request), 0);
  assert_credential(conversation, NULL, 0);
  invsrc_conversation_free(conversation);
}

/* ---- Revocation ------------------------------------------------------------------------ */

#define UNSUPPORTED "{\"error\":\"unsupported_token_type\"}"

static void tokens_are_revoked_one_after_the_other(void **state) {
  static const struct {
    const char *text;
    struct {
      int32_t status; /* 0: no answer */
      const char *body;
    } answers[2]; /* with a NULL there is no request */
    int32_t outcome;
    const char *reason;
  } rows[] = {
      {CREDENTIAL(NONE, REFRESHES REVOKES), {{200, "any"}, {200, ""}}, OK, ""},
      {CREDENTIAL(NONE, REFRESHES REVOKES), {{204, ""}, {200, "{\"error\":\"x\"}"}}, OK, ""},
      {CREDENTIAL(NONE, REVOKES), {{200, ""}, {0, NULL}}, OK, ""},
      /* The access token goes with the refresh token. */
      {CREDENTIAL(NONE, REFRESHES REVOKES), {{200, ""}, {400, UNSUPPORTED}}, OK, ""},
      {CREDENTIAL(NONE, REFRESHES REVOKES),
       {{400, UNSUPPORTED}, {200, ""}},
       NOT_IMPLEMENTED,
       WHO " revokes no such token"},
      {CREDENTIAL(NONE, REVOKES),
       {{400, UNSUPPORTED}, {0, NULL}},
       NOT_IMPLEMENTED,
       WHO " revokes no such token"},
      {CREDENTIAL(NONE, REFRESHES REVOKES),
       {{503, ""}, {200, ""}},
       UNAVAILABLE,
       WHO " answered 503"},
      {CREDENTIAL(NONE, REFRESHES REVOKES),
       {{200, ""}, {400, "{\"error\":\"invalid_client\"}"}},
       UNAVAILABLE,
       WHO " answered 400"},
      {CREDENTIAL(NONE, REFRESHES REVOKES),
       {{302, ""}, {429, ""}},
       UNAVAILABLE,
       WHO " answered 302"},
      {CREDENTIAL(NONE, REFRESHES REVOKES),
       {{0, "took too long"}, {0, NULL}},
       UNAVAILABLE,
       WHO ": took too long"},
      {CREDENTIAL(NONE, REFRESHES REVOKES),
       {{200, ""}, {0, "took too long"}},
       UNAVAILABLE,
       WHO ": took too long"},
      {CREDENTIAL(NONE, REFRESHES),
       {{0, NULL}, {0, NULL}},
       NOT_IMPLEMENTED,
       WHO " revokes no tokens"},
  };
  static const char *const hints[] = {"token=r%2Ft&token_type_hint=refresh_token",
                                      "token=at&token_type_hint=access_token"};

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    invsrc_conversation *conversation = open_one(REVOKE, rows[i].text);
    int has_refresh_token = strstr(rows[i].text, "refresh_token") != NULL;
    const invsrc_http_request *request;

    for (size_t k = 0; k < 2 && rows[i].answers[k].body; k++) {
      int32_t exchange = next(conversation, &request);
      const char *hint = hints[has_refresh_token ? k : 1];
      assert_memory_equal(request->body, hint, strlen(hint));
      answer(conversation, exchange, rows[i].answers[k].status, rows[i].answers[k].body);
    }
    assert_over(conversation, rows[i].outcome, rows[i].reason);
    assert_int_equal(invsrc_conversation_next(conversation, &request), 0);
    assert_credential(conversation, NULL, 0);
    invsrc_conversation_free(conversation);
  }
}

/* ---- The rules of the calls ------------------------------------------------------------ */

static void assert_none(enum errand errand, const char *text, const invsrc_oauth_setup *setup) {
  static int any;
  invsrc_conversation *conversation = (invsrc_conversation *)&any;

  assert_int_equal(begin(errand, text, setup, &conversation), INVSRC_EINVAL);
  assert_null(conversation);
}

static void what_cannot_be_held_is_not_begun(void **state) {
  static const char *const states[] = {
      "",
      "[]",
      "{}",
      "{",
      "7",
      CREDENTIAL(NONE, REFRESHES),
      STATE(NONE, ""),                                    /* iss_required */
      STATE(NONE, ",\"iss_required\":\"true\""),          /* no boolean */
      STATE(NONE, LAX ",\"scope\":7"),                    /* no text */
      STATE(NONE, LAX ",\"scope\":\"a\\u0000\""),         /* a NUL */
      STATE(NONE, LAX LAX),                               /* twice */
      STATE(NONE, LAX ",\"revocation_endpoint\":\"/x\""), /* no URL */
      STATE(NONE, LAX ",\"revocation_endpoint\":\"https://u@auth.example/\""),
      STATE(NONE, LAX ",\"revocation_endpoint\":\"https://auth.example/#x\""),
      STATE(NONE, LAX ",\"revocation_endpoint\":\"http://auth.example/\""),
      STATE("\"client_id\":\"\",\"token_endpoint_auth_method\":\"none\"", LAX),
      STATE("\"client_id\":\"c\"", LAX),
      STATE("\"client_id\":\"c\",\"token_endpoint_auth_method\":\"private_key_jwt\"", LAX),
      STATE("\"client_id\":\"c\",\"token_endpoint_auth_method\":\"client_secret_basic\"", LAX),
      STATE("\"client_id\":\"c\",\"token_endpoint_auth_method\":\"client_secret_post\","
            "\"client_secret\":\"\"",
            LAX)};
  static const char *const credentials[] = {
      "{}",
      STATE(NONE, LAX),
      "{\"type\":\"jwt\",\"access_token\":\"at\"," SERVER "," NONE "}",
      "{\"type\":\"oauth\"," SERVER "," NONE "}",
      "{\"type\":\"oauth\",\"access_token\":\"at\"," SERVER "}",
      CREDENTIAL(NONE, ",\"refresh_token\":7")};
  const invsrc_oauth_setup good = {.size = sizeof good, .now = NOW};

  (void)state;
  for (size_t i = 0; i < COUNT(states); i++) assert_none(FINISH, states[i], &good);
  for (size_t i = 0; i < COUNT(credentials); i++) {
    assert_none(REFRESH, credentials[i], &good);
    assert_none(REVOKE, credentials[i], &good);
  }
  for (int errand = FINISH; errand <= REVOKE; errand++)
    assert_none((enum errand)errand, NULL, &good);
}

static void setups_are_judged(void **state) {
  const invsrc_oauth_setup good = {.size = sizeof good, .now = NOW};
  const invsrc_oauth_setup bad[] = {
      {.size = sizeof good - 1, .now = NOW},
      {.size = sizeof good, .now = -1},
      {.size = sizeof good, .now = INVSRC_TIME_LIMIT + 1},
      {.size = sizeof good, .now = NOW, .allow_http = 2},
  };
  static const char text[] = STATE(NONE, LAX);
  invsrc_redirect redirect = came_back("c", NULL, NULL);
  invsrc_conversation *conversation;

  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++) {
    assert_none(FINISH, text, &bad[i]);
    assert_none(REFRESH, CREDENTIAL(NONE, REFRESHES), &bad[i]);
    assert_none(REVOKE, CREDENTIAL(NONE, REVOKES), &bad[i]);
  }
  assert_none(FINISH, text, NULL);
  assert_int_equal(begin(FINISH, text, &good, NULL), INVSRC_EINVAL);
  assert_int_equal(
      invsrc_conversation_new_oauth_finish(text, sizeof text - 1, NULL, &good, &conversation),
      INVSRC_EINVAL);
  redirect.size--;
  assert_int_equal(
      invsrc_conversation_new_oauth_finish(text, sizeof text - 1, &redirect, &good, &conversation),
      INVSRC_EINVAL);
  assert_null(conversation);
}

static void http_is_asked_where_it_may_be(void **state) {
  static const char text[] = CREDENTIAL(NONE, ",\"revocation_endpoint\":\"http://auth.example/\"");
  const invsrc_oauth_setup setup = {.size = sizeof setup, .now = NOW, .allow_http = 1};
  const invsrc_http_request *request;
  invsrc_conversation *conversation;

  (void)state;
  assert_int_equal(begin(REVOKE, text, &setup, &conversation), INVSRC_OK);
  next(conversation, &request);
  assert_string_equal(request->url, "http://auth.example/");
  invsrc_conversation_free(conversation);
}

static void results_are_of_who_has_them(void **state) {
  invsrc_conversation *conversation = open_one(FINISH, STATE(NONE, LAX));
  uint64_t length = 99;

  (void)state;
  answer_next(conversation, 200, "{\"access_token\":\"new\"}");
  assert_null(invsrc_conversation_result(conversation, 0, &length));
  assert_int_equal(length, 0);
  assert_null(invsrc_conversation_result(conversation, INVSRC_RESULT_CREDENTIAL + 1, NULL));
  assert_null(invsrc_conversation_access_token(conversation, NULL));
  invsrc_conversation_free(conversation);
  assert_null(invsrc_conversation_result(NULL, INVSRC_RESULT_CREDENTIAL, &length));
  assert_int_equal(invsrc_conversation_refresh_at(NULL), 0);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_are_made_to_the_byte),
      cmocka_unit_test(redirects_are_judged_before_anything_is_asked),
      cmocka_unit_test(tokens_become_a_credential),
      cmocka_unit_test(tokens_are_refreshed_in_time),
      cmocka_unit_test(no_refresh_is_later_than_time_has),
      cmocka_unit_test(what_is_no_token_is_told),
      cmocka_unit_test(other_ends_of_an_exchange_are_told),
      cmocka_unit_test(without_a_refresh_token_consent_is_needed),
      cmocka_unit_test(tokens_are_revoked_one_after_the_other),
      cmocka_unit_test(what_cannot_be_held_is_not_begun),
      cmocka_unit_test(setups_are_judged),
      cmocka_unit_test(http_is_asked_where_it_may_be),
      cmocka_unit_test(results_are_of_who_has_them),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
