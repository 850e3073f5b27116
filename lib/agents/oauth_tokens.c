/*
 * The conversations with a token endpoint that follow a consent (providers.h): the code for
 * tokens, a refresh token for others, and at last their revocation.
 */
#include <invsrc/providers.h>
#include <string.h>

#include "agents/conversation.h"
#include "agents/oauth_credential.h"
#include "agents/token_answer.h"
#include "core/base64.h"
#include "core/json.h"
#include "core/uri.h"

#define PARTY "the authorization server"
#define SOONEST INT64_C(5000)      /* milliseconds from now */
#define LATEST INT64_C(2592000000) /* the same */
#define AGAIN ": consent must be given again"

struct errand;

struct talk {
  const struct errand *errand;
  int64_t now;
  ivs_oauth_record record;
  ivs_buffer code; /* finish */
  int is_asked;
  int is_over;
  ivs_verdict verdict;
  ivs_buffer credential; /* finish and refresh, when OK */
  int64_t refresh_at;
  /* Revocation */
  int is_second; /* the access token's turn, after the refresh token's */
  int has_revoked;
  ivs_verdict failure; /* the first, or the outcome 0 */
};

/* What is asked of the server, with the words for what it answers. */
struct errand {
  enum ivs_oauth_member url;
  void (*write)(const struct talk *talk, ivs_buffer *form);
  int32_t (*hear)(struct talk *talk, int32_t outcome, const invsrc_http_reply *reply);
  ivs_token_endpoint server;
  int32_t unreachable; /* what UNREACHABLE comes to */
};

static void end_with(struct talk *talk, int32_t outcome, const char *prefix, const char *reason) {
  ivs_verdict_set(&talk->verdict, outcome, prefix, reason);
  talk->is_over = 1;
}

/* ---- The request -------------------------------------------------------------------- */

static const char *text_of(const struct talk *talk, enum ivs_oauth_member member) {
  return ivs_oauth_record_text(&talk->record, member);
}

static int has_method(const struct talk *talk, const char *method) {
  return strcmp(text_of(talk, IVS_OAUTH_AUTH_METHOD), method) == 0;
}

/* Appends `name=value` to a form, and the "&" before it. */
static void write_pair(ivs_buffer *form, const char *name, const char *value, size_t length) {
  if (form->length) ivs_buffer_append_text(form, "&");
  ivs_buffer_append_text(form, name);
  ivs_buffer_append_text(form, "=");
  ivs_uri_append_escaped(form, value, length);
}

static void write_member(const struct talk *talk, ivs_buffer *form, const char *name,
                         enum ivs_oauth_member member) {
  const ivs_buffer *text = &talk->record.texts[member];

  if (text->length) write_pair(form, name, text->bytes, text->length);
}

/* With client_secret_basic the field line says who the client is, and nothing else does. */
static void write_client(const struct talk *talk, ivs_buffer *form) {
  if (has_method(talk, IVS_OAUTH_METHOD_BASIC)) return;
  write_member(talk, form, "client_id", IVS_OAUTH_CLIENT_ID);
  if (has_method(talk, IVS_OAUTH_METHOD_POST))
    write_member(talk, form, "client_secret", IVS_OAUTH_CLIENT_SECRET);
}

/* RFC 6749 §2.3.1: both are escaped as in a form before they are joined. */
static void add_basic(const struct talk *talk, ivs_outgoing *request) {
  const ivs_buffer *texts = talk->record.texts;
  ivs_buffer pair = IVS_BUFFER_EMPTY, line = IVS_BUFFER_EMPTY;

  ivs_uri_append_escaped(&pair, texts[IVS_OAUTH_CLIENT_ID].bytes,
                         texts[IVS_OAUTH_CLIENT_ID].length);
  ivs_buffer_append_text(&pair, ":");
  ivs_uri_append_escaped(&pair, texts[IVS_OAUTH_CLIENT_SECRET].bytes,
                         texts[IVS_OAUTH_CLIENT_SECRET].length);
  if (!pair.failed) ivs_base64_append(&line, pair.bytes, pair.length);
  ivs_outgoing_add(request, "Authorization: Basic ", line.bytes ? line.bytes : "");
  request->body.failed |= pair.failed | line.failed;
  ivs_buffer_end(&pair);
  ivs_buffer_end(&line);
}

static int32_t ask(void *of, int lane, ivs_outgoing *request, int *made) {
  struct talk *talk = of;

  (void)lane;
  *made = !talk->is_asked;
  if (!*made) return INVSRC_OK;
  talk->is_asked = 1;
  ivs_outgoing_begin(request, "POST", text_of(talk, talk->errand->url));
  ivs_outgoing_add(request, "Accept: ", "application/json");
  ivs_outgoing_add(request, "Content-Type: ", "application/x-www-form-urlencoded");
  if (has_method(talk, IVS_OAUTH_METHOD_BASIC)) add_basic(talk, request);
  talk->errand->write(talk, &request->body);
  request->http.once = 1;
  return ivs_outgoing_finish(request);
}

/* ---- Tokens ------------------------------------------------------------------------- */

/* When the tokens are to be refreshed; without a refresh token, when that is to be found
 * out. 0: never. */
static int64_t refresh_at(const ivs_token_answer *answer, int64_t now, int can_refresh) {
  double seconds = answer->says_life ? answer->seconds : IVS_TOKEN_SECONDS;
  int64_t life = (int64_t)(seconds * (can_refresh ? IVS_TOKEN_USED : 1000));

  if (!answer->says_life && !can_refresh) return 0;
  if (life < SOONEST) life = SOONEST;
  if (life > LATEST) life = LATEST;
  return now + life < INVSRC_TIME_LIMIT ? now + life : INVSRC_TIME_LIMIT;
}

/* What the answer does not name stays as it was. */
static int32_t take_text(struct talk *talk, enum ivs_oauth_member member, const ivs_buffer *text) {
  return text->length ? ivs_oauth_record_set(&talk->record, member, text->bytes, text->length)
                      : INVSRC_OK;
}

static int32_t take_tokens(struct talk *talk, const ivs_token_answer *answer) {
  int32_t code = take_text(talk, IVS_OAUTH_ACCESS_TOKEN, &answer->access_token);

  if (code == INVSRC_OK) code = take_text(talk, IVS_OAUTH_REFRESH_TOKEN, &answer->refresh_token);
  if (code == INVSRC_OK) code = take_text(talk, IVS_OAUTH_SCOPE, &answer->scope);
  if (code != INVSRC_OK) return code;
  ivs_oauth_record_write(&talk->record, IVS_OAUTH_CREDENTIAL, &talk->credential);
  if (talk->credential.failed) return INVSRC_ENOMEM;
  talk->refresh_at = refresh_at(answer, talk->now, text_of(talk, IVS_OAUTH_REFRESH_TOKEN) != NULL);
  end_with(talk, INVSRC_OUTCOME_OK, "", "");
  return INVSRC_OK;
}

static int32_t hear_tokens(struct talk *talk, int32_t outcome, const invsrc_http_reply *reply) {
  ivs_token_answer answer = {.says_life = 0};
  ivs_verdict verdict = {0, ""};
  int32_t code = ivs_token_answer_read(&talk->errand->server, outcome, reply, &answer, &verdict);

  if (verdict.outcome == INVSRC_OUTCOME_UNREACHABLE) verdict.outcome = talk->errand->unreachable;
  if (code == INVSRC_OK && verdict.outcome)
    end_with(talk, verdict.outcome, "", verdict.reason);
  else if (code == INVSRC_OK)
    code = take_tokens(talk, &answer);
  ivs_token_answer_end(&answer);
  return code;
}

/* ---- Finish ------------------------------------------------------------------------- */

static void write_finish(const struct talk *talk, ivs_buffer *form) {
  ivs_buffer_append_text(form, "grant_type=authorization_code");
  write_pair(form, "code", talk->code.bytes, talk->code.length);
  write_member(talk, form, "code_verifier", IVS_OAUTH_CODE_VERIFIER);
  write_member(talk, form, "redirect_uri", IVS_OAUTH_REDIRECT_URI);
  write_client(talk, form);
  write_member(talk, form, "resource", IVS_OAUTH_RESOURCE);
}

/* Errors of RFC 6749 §5.2 and RFC 8707. */
static const ivs_token_error finish_errors[] = {
    {"invalid_client", INVSRC_OUTCOME_FAILED, " does not know the client, or not by its secret"},
    {"invalid_grant", INVSRC_OUTCOME_REFUSED, " refused the code" AGAIN},
    {"unauthorized_client", INVSRC_OUTCOME_REFUSED, " gives this client no token"},
    {"access_denied", INVSRC_OUTCOME_REFUSED, " gives this client no token"},
    {"invalid_scope", INVSRC_OUTCOME_REFUSED, " refused the scope"},
    {"invalid_target", INVSRC_OUTCOME_REFUSED, " gives no token for this agent"},
    {"unsupported_grant_type", INVSRC_OUTCOME_REFUSED, " takes no codes"},
    {"invalid_request", INVSRC_OUTCOME_REFUSED, " does not understand the request"},
    {"server_error", INVSRC_OUTCOME_UNREACHABLE, " is in trouble"},
    {"temporarily_unavailable", INVSRC_OUTCOME_UNREACHABLE, " is not available now"},
    {NULL, INVSRC_OUTCOME_REFUSED, " said no to the code" AGAIN},
};

static const struct errand finish = {IVS_OAUTH_TOKEN_ENDPOINT,
                                     write_finish,
                                     hear_tokens,
                                     {{PARTY, 0, NULL, NULL}, finish_errors},
                                     INVSRC_OUTCOME_UNAVAILABLE};

/* Errors of RFC 6749 §4.1.2.1, in the redirect. */
static const struct {
  const char *code; /* NULL: any other */
  const char *reason;
} redirect_errors[] = {
    {"access_denied", " was told that consent is not given"},
    {"invalid_scope", " refused the scope"},
    {"invalid_target", " gives no token for this agent"},
    {"unauthorized_client", " lets this client ask for no consent"},
    {"server_error", " is in trouble" AGAIN},
    {"temporarily_unavailable", " is not available now" AGAIN},
    {NULL, " came back without consent"},
};

static const char *reason_of(const char *error, size_t length) {
  size_t i = 0;

  while (redirect_errors[i].code && !(strlen(redirect_errors[i].code) == length &&
                                      memcmp(redirect_errors[i].code, error, length) == 0))
    i++;
  return redirect_errors[i].reason;
}

/* Whether the redirect came from the server that was asked (RFC 9207). */
static int is_from(const struct talk *talk, const invsrc_redirect *redirect) {
  const ivs_buffer *issuer = &talk->record.texts[IVS_OAUTH_ISSUER];

  if (!redirect->issuer) return !talk->record.is_iss_required;
  return redirect->issuer_length == issuer->length &&
         memcmp(redirect->issuer, issuer->bytes, issuer->length) == 0;
}

static int32_t take_redirect(struct talk *talk, const invsrc_redirect *redirect) {
  if (!is_from(talk, redirect)) {
    end_with(talk, INVSRC_OUTCOME_UNKNOWN, "",
             redirect->issuer ? "the answer is not of " PARTY " that was asked"
                              : "the answer does not say that it is of " PARTY " that was asked");
    return INVSRC_OK;
  }
  if (redirect->error || !redirect->code || !redirect->code_length) {
    end_with(talk, INVSRC_OUTCOME_REFUSED, PARTY,
             redirect->error ? reason_of(redirect->error, (size_t)redirect->error_length)
                             : " came back without a code");
    return INVSRC_OK;
  }
  return ivs_buffer_set(&talk->code, redirect->code, (size_t)redirect->code_length);
}

/* ---- Refresh ------------------------------------------------------------------------ */

static void write_refresh(const struct talk *talk, ivs_buffer *form) {
  ivs_buffer_append_text(form, "grant_type=refresh_token");
  write_member(talk, form, "refresh_token", IVS_OAUTH_REFRESH_TOKEN);
  write_client(talk, form);
  write_member(talk, form, "resource", IVS_OAUTH_RESOURCE);
}

static const ivs_token_error refresh_errors[] = {
    {"invalid_grant", INVSRC_OUTCOME_REFUSED, " takes the consent for ended" AGAIN},
    {"invalid_client", INVSRC_OUTCOME_REFUSED, " does not know the client any more" AGAIN},
    {"unauthorized_client", INVSRC_OUTCOME_REFUSED, " gives this client no token" AGAIN},
    {"access_denied", INVSRC_OUTCOME_REFUSED, " gives this client no token" AGAIN},
    {"invalid_scope", INVSRC_OUTCOME_REFUSED, " refused the scope" AGAIN},
    {"invalid_target", INVSRC_OUTCOME_REFUSED, " gives no token for this agent" AGAIN},
    {"unsupported_grant_type", INVSRC_OUTCOME_REFUSED, " refreshes no tokens" AGAIN},
    {"server_error", INVSRC_OUTCOME_UNREACHABLE, " is in trouble"},
    {"temporarily_unavailable", INVSRC_OUTCOME_UNREACHABLE, " is not available now"},
    {NULL, INVSRC_OUTCOME_REFUSED, " refused to refresh the tokens" AGAIN},
};

static const struct errand refresh = {IVS_OAUTH_TOKEN_ENDPOINT,
                                      write_refresh,
                                      hear_tokens,
                                      {{PARTY, 0, NULL, NULL}, refresh_errors},
                                      INVSRC_OUTCOME_UNREACHABLE};

/* ---- Revocation --------------------------------------------------------------------- */

static void write_revoke(const struct talk *talk, ivs_buffer *form) {
  write_member(talk, form, "token",
               talk->is_second ? IVS_OAUTH_ACCESS_TOKEN : IVS_OAUTH_REFRESH_TOKEN);
  ivs_buffer_append_text(
      form, talk->is_second ? "&token_type_hint=access_token" : "&token_type_hint=refresh_token");
  write_client(talk, form);
}

static int is_unsupported(const invsrc_http_reply *reply, int32_t *code) {
  static const char unsupported[] = "unsupported_token_type";
  ivs_json_document *document = NULL;
  ivs_json_fault fault;
  uint64_t body_length;
  size_t length = 0;
  const char *body = invsrc_http_reply_body(reply, &body_length), *error = NULL;

  *code = ivs_json_parse_reply(body, (size_t)body_length, &document, &fault);
  if (*code != INVSRC_ENOMEM) *code = INVSRC_OK;
  if (document) error = ivs_json_string(ivs_json_member(ivs_json_root(document), "error"), &length);
  length = error && length == strlen(unsupported) ? length : 0;
  if (length && memcmp(error, unsupported, length) != 0) length = 0;
  ivs_json_free(document);
  return length > 0;
}

/* Where a refresh token was revoked the access token, which the server may not know how to
 * revoke, goes with it (RFC 7009 §2.1). */
static int32_t judge_revoked(struct talk *talk, const invsrc_http_reply *reply,
                             ivs_verdict *verdict) {
  int32_t status = invsrc_http_reply_status(reply), code = INVSRC_OK;

  if (status >= 200 && status <= 299) {
    talk->has_revoked = 1;
  } else if (!is_unsupported(reply, &code)) {
    ivs_verdict_set_status(verdict, &talk->errand->server.party, status);
    verdict->outcome = INVSRC_OUTCOME_UNAVAILABLE;
  } else if (!talk->has_revoked) {
    ivs_verdict_set(verdict, INVSRC_OUTCOME_NOT_IMPLEMENTED, PARTY, " revokes no such token");
  }
  return code;
}

/* What one token came to does not keep the other from being revoked, as long as there are
 * answers. */
static int32_t hear_revoke(struct talk *talk, int32_t outcome, const invsrc_http_reply *reply) {
  ivs_verdict verdict = {0, ""};
  int32_t code = INVSRC_OK;

  if (outcome == INVSRC_OUTCOME_OK)
    code = judge_revoked(talk, reply, &verdict);
  else
    ivs_verdict_set_failure(&verdict, &talk->errand->server.party, outcome, reply);
  if (code != INVSRC_OK) return code;
  if (verdict.outcome == INVSRC_OUTCOME_UNREACHABLE) verdict.outcome = INVSRC_OUTCOME_UNAVAILABLE;
  if (!talk->failure.outcome) talk->failure = verdict;
  if (outcome == INVSRC_OUTCOME_OK && !talk->is_second) {
    talk->is_second = 1;
    talk->is_asked = 0;
  } else if (talk->failure.outcome) {
    end_with(talk, talk->failure.outcome, "", talk->failure.reason);
  } else {
    end_with(talk, INVSRC_OUTCOME_OK, "", "");
  }
  return INVSRC_OK;
}

static const struct errand revoke = {IVS_OAUTH_REVOCATION_ENDPOINT,
                                     write_revoke,
                                     hear_revoke,
                                     {{PARTY, 0, NULL, NULL}, NULL},
                                     INVSRC_OUTCOME_UNAVAILABLE};

/* ---- The conversations --------------------------------------------------------------- */

static int32_t hear(void *of, int lane, int32_t outcome, const invsrc_http_reply *reply) {
  struct talk *talk = of;

  (void)lane;
  return talk->errand->hear(talk, outcome, reply);
}

static const ivs_verdict *verdict_of(const void *of) {
  const struct talk *talk = of;

  return talk->is_over ? &talk->verdict : NULL;
}

static const ivs_buffer *result_of(const void *of, int32_t result) {
  const struct talk *talk = of;

  return result == INVSRC_RESULT_CREDENTIAL && talk->is_over ? &talk->credential : NULL;
}

static void end(void *of) {
  struct talk *talk = of;

  ivs_oauth_record_end(&talk->record);
  ivs_buffer_end(&talk->code);
  ivs_buffer_end(&talk->credential);
}

static const ivs_kind kind = {
    .size = sizeof(struct talk),
    .lanes = 1,
    .ask = ask,
    .hear = hear,
    .verdict = verdict_of,
    .result = result_of,
    .end = end,
};

static int is_sound(const invsrc_oauth_setup *setup) {
  return setup && setup->size >= sizeof *setup && setup->allow_http <= 1 && setup->now >= 0 &&
         setup->now <= INVSRC_TIME_LIMIT;
}

static int32_t prepare(struct talk *talk, const struct errand *errand, const void *text,
                       uint64_t length, const invsrc_oauth_setup *setup) {
  enum ivs_oauth_form form = errand == &finish ? IVS_OAUTH_PRIVATE_STATE : IVS_OAUTH_CREDENTIAL;
  int32_t code = ivs_oauth_record_read(text, (size_t)length, form, &talk->record);

  talk->errand = errand;
  talk->now = setup->now;
  if (code == INVSRC_OK) code = ivs_oauth_record_judge_urls(&talk->record, (int)setup->allow_http);
  return code;
}

/* Begins the conversation, if there is what it takes; `*talk` is NULL if not. */
static int32_t begin(const struct errand *errand, const void *text, uint64_t length,
                     const invsrc_oauth_setup *setup, invsrc_conversation **conversation,
                     struct talk **talk) {
  int32_t code;

  *talk = NULL;
  if (!conversation) return INVSRC_EINVAL;
  *conversation = NULL;
  if (!text || !is_sound(setup)) return INVSRC_EINVAL;
  *talk = ivs_conversation_make(&kind, conversation);
  if (!*talk) return INVSRC_ENOMEM;
  code = prepare(*talk, errand, text, length, setup);
  if (code != INVSRC_OK) *talk = NULL;
  return ivs_conversation_begun(conversation, code);
}

int32_t invsrc_conversation_new_oauth_finish(const void *private_state, uint64_t length,
                                             const invsrc_redirect *redirect,
                                             const invsrc_oauth_setup *setup,
                                             invsrc_conversation **conversation) {
  struct talk *talk;
  int is_whole = redirect && redirect->size >= sizeof *redirect;
  int32_t code =
      begin(&finish, is_whole ? private_state : NULL, length, setup, conversation, &talk);

  return talk ? ivs_conversation_begun(conversation, take_redirect(talk, redirect)) : code;
}

int32_t invsrc_conversation_new_oauth_refresh(const void *credential, uint64_t length,
                                              const invsrc_oauth_setup *setup,
                                              invsrc_conversation **conversation) {
  struct talk *talk;
  int32_t code = begin(&refresh, credential, length, setup, conversation, &talk);

  if (talk && !text_of(talk, IVS_OAUTH_REFRESH_TOKEN))
    end_with(talk, INVSRC_OUTCOME_REFUSED, PARTY, " gave no refresh token" AGAIN);
  return code;
}

int32_t invsrc_conversation_new_oauth_revoke(const void *credential, uint64_t length,
                                             const invsrc_oauth_setup *setup,
                                             invsrc_conversation **conversation) {
  struct talk *talk;
  int32_t code = begin(&revoke, credential, length, setup, conversation, &talk);

  if (!talk) return code;
  talk->is_second = !text_of(talk, IVS_OAUTH_REFRESH_TOKEN);
  if (!text_of(talk, IVS_OAUTH_REVOCATION_ENDPOINT))
    end_with(talk, INVSRC_OUTCOME_NOT_IMPLEMENTED, PARTY, " revokes no tokens");
  return code;
}

int64_t invsrc_conversation_refresh_at(const invsrc_conversation *conversation) {
  const struct talk *talk = ivs_conversation_of(conversation, &kind);

  return talk && talk->is_over ? talk->refresh_at : 0;
}
