/*
 * The probe of one agent as a whole (providers.h): the access token where there must be
 * one, the protocol with the credential, and then once without it. Which phase follows
 * which is decided here; what is said in each, by the protocols and jwt.h.
 */
#include <invsrc/providers.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "agents/a2a.h"
#include "agents/http.h"
#include "agents/jwt.h"
#include "agents/mcp.h"
#include "core/uri.h"

#define ASSERTION_SECONDS 300
#define LONGEST_ASSERTION 3600 /* seconds */
#define OUT_OF_MEMORY "memory ran out"

/* EXCHANGE is of the assertion for an access token. */
enum { EXCHANGE, WITH_CREDENTIAL, WITHOUT_CREDENTIAL, OVER };

/* An exchange that may be under way. */
struct lane {
  int32_t exchange; /* 0: none is */
  ivs_outgoing request;
};

typedef struct span {
  const char *bytes;
  size_t length;
} span;

struct protocol;

struct invsrc_conversation {
  const struct protocol *protocol;
  int phase;
  int32_t last_exchange;
  struct lane lanes[IVS_LANES];
  ivs_verdict verdict;
  ivs_buffer url;
  ivs_buffer tool;
  int has_credential;
  ivs_authorization authorization;
  /* JWT */
  ivs_buffer credential; /* while its private key may be needed yet */
  ivs_jwt jwt;
  ivs_jwt_terms terms;
  int token_is_kept; /* the access token is one of an earlier exchange */
  ivs_buffer token;  /* that the token endpoint gave in this conversation */
  int64_t good_until;
  ivs_mcp mcp; /* of the two, the one that the protocol is */
  ivs_a2a a2a;
  uint8_t random[INVSRC_CONVERSATION_RANDOM];
};

/* ---- The protocols ------------------------------------------------------------------ */

struct protocol {
  const char *name;
  void (*begin)(invsrc_conversation *conversation, const ivs_authorization *authorization);
  int32_t (*ask)(invsrc_conversation *conversation, int lane, int *made);
  int32_t (*look)(invsrc_conversation *conversation, int lane, const invsrc_http_reply *reply,
                  int *enough);
  int32_t (*hear)(invsrc_conversation *conversation, int lane, int32_t outcome,
                  const invsrc_http_reply *reply);
  const ivs_verdict *(*verdict)(const invsrc_conversation *conversation); /* NULL: none yet */
};

static void mcp_begin(invsrc_conversation *conversation, const ivs_authorization *authorization) {
  const char *tool = conversation->tool.length ? conversation->tool.bytes : NULL;

  ivs_mcp_begin(&conversation->mcp, conversation->url.bytes, tool, authorization);
}

static int32_t mcp_ask(invsrc_conversation *conversation, int lane, int *made) {
  return ivs_mcp_ask(&conversation->mcp, lane, &conversation->lanes[lane].request, made);
}

static int32_t mcp_look(invsrc_conversation *conversation, int lane, const invsrc_http_reply *reply,
                        int *enough) {
  return ivs_mcp_look(&conversation->mcp, lane, reply, enough);
}

static int32_t mcp_hear(invsrc_conversation *conversation, int lane, int32_t outcome,
                        const invsrc_http_reply *reply) {
  return ivs_mcp_hear(&conversation->mcp, lane, outcome, reply);
}

static const ivs_verdict *mcp_verdict(const invsrc_conversation *conversation) {
  return ivs_mcp_is_over(&conversation->mcp) ? &conversation->mcp.verdict : NULL;
}

static void a2a_begin(invsrc_conversation *conversation, const ivs_authorization *authorization) {
  ivs_a2a_begin(&conversation->a2a, conversation->url.bytes, authorization);
}

static int32_t a2a_ask(invsrc_conversation *conversation, int lane, int *made) {
  *made = 0;
  if (lane != IVS_LANE_MAIN) return INVSRC_OK;
  return ivs_a2a_ask(&conversation->a2a, &conversation->lanes[lane].request, made);
}

static int32_t a2a_look(invsrc_conversation *conversation, int lane, const invsrc_http_reply *reply,
                        int *enough) {
  (void)conversation, (void)lane, (void)reply;
  *enough = 0;
  return INVSRC_OK;
}

static int32_t a2a_hear(invsrc_conversation *conversation, int lane, int32_t outcome,
                        const invsrc_http_reply *reply) {
  (void)lane;
  return ivs_a2a_hear(&conversation->a2a, outcome, reply);
}

static const ivs_verdict *a2a_verdict(const invsrc_conversation *conversation) {
  return ivs_a2a_is_over(&conversation->a2a) ? &conversation->a2a.verdict : NULL;
}

static const struct protocol protocols[] = {
    {"MCP", mcp_begin, mcp_ask, mcp_look, mcp_hear, mcp_verdict},
    {"A2A", a2a_begin, a2a_ask, a2a_look, a2a_hear, a2a_verdict},
};

/* ---- The phases --------------------------------------------------------------------- */

static void end_with(invsrc_conversation *conversation, const ivs_verdict *verdict) {
  conversation->verdict = *verdict;
  conversation->phase = OVER;
}

static int32_t end_without_memory(invsrc_conversation *conversation) {
  ivs_verdict_set(&conversation->verdict, INVSRC_OUTCOME_UNAVAILABLE, "", OUT_OF_MEMORY);
  conversation->phase = OVER;
  return INVSRC_ENOMEM;
}

static void enter(invsrc_conversation *conversation, int phase) {
  const ivs_authorization *authorization = &conversation->authorization;

  conversation->phase = phase;
  if (phase == EXCHANGE || phase == OVER) return;
  if (phase == WITHOUT_CREDENTIAL || !conversation->has_credential) authorization = NULL;
  conversation->protocol->begin(conversation, authorization);
}

/* What follows when the agent was asked with the credential, or without one where there is
 * none. */
static int phase_after(const invsrc_conversation *conversation, const ivs_verdict *verdict) {
  if (verdict->outcome == INVSRC_OUTCOME_REFUSED && conversation->token_is_kept) return EXCHANGE;
  if (verdict->outcome == INVSRC_OUTCOME_OK && conversation->has_credential)
    return WITHOUT_CREDENTIAL;
  return OVER;
}

static int is_busy(const invsrc_conversation *conversation) {
  for (int lane = 0; lane < IVS_LANES; lane++)
    if (conversation->lanes[lane].exchange) return 1;
  return 0;
}

/* A phase ends when its verdict is in; but another only begins when no exchange is under way,
 * so that there are never more than the lanes have. */
static void go_on(invsrc_conversation *conversation) {
  const ivs_verdict *verdict;
  int next;

  if (conversation->phase == OVER || conversation->phase == EXCHANGE) return;
  verdict = conversation->protocol->verdict(conversation);
  if (!verdict) return;
  if (conversation->phase == WITHOUT_CREDENTIAL) {
    if (verdict->outcome == INVSRC_OUTCOME_REFUSED)
      conversation->verdict.outcome = INVSRC_OUTCOME_PROVEN;
    conversation->phase = OVER;
    return;
  }
  next = phase_after(conversation, verdict);
  if (next != OVER && is_busy(conversation)) return;
  if (next != EXCHANGE) ivs_buffer_end(&conversation->credential);
  conversation->verdict = *verdict;
  conversation->token_is_kept = 0;
  enter(conversation, next);
}

static int32_t hear_token(invsrc_conversation *conversation, int32_t outcome,
                          const invsrc_http_reply *reply) {
  ivs_verdict verdict = {0, ""};
  int32_t code = ivs_jwt_hear(outcome, reply, conversation->terms.now, &conversation->token,
                              &conversation->good_until, &verdict);

  if (code != INVSRC_OK) return code;
  if (verdict.outcome) {
    end_with(conversation, &verdict);
    return INVSRC_OK;
  }
  code = ivs_authorization_set_token(&conversation->authorization, conversation->token.bytes,
                                     conversation->token.length);
  if (code == INVSRC_OK) enter(conversation, WITH_CREDENTIAL);
  return code;
}

/* ---- The beginning ------------------------------------------------------------------ */

static const struct protocol *protocol_of(const invsrc_source *source) {
  const char *name = invsrc_source_text(source, INVSRC_SOURCE_PROTOCOL, NULL);

  for (size_t i = 0; name && i < sizeof protocols / sizeof *protocols; i++)
    if (strcmp(protocols[i].name, name) == 0) return &protocols[i];
  return NULL;
}

static int is_sound(const invsrc_probe_setup *setup) {
  return setup->size >= sizeof *setup && setup->random &&
         setup->assertion_seconds <= LONGEST_ASSERTION && setup->now >= 0 &&
         setup->now <= INVSRC_TIME_LIMIT && setup->allow_http <= 1 &&
         (!setup->tool || ivs_authorization_is_visible(setup->tool, strlen(setup->tool))) &&
         (!setup->api_key_header || ivs_http_is_free_name(setup->api_key_header));
}

/* INVSRC_OK, INVSRC_EINVAL or INVSRC_ENOMEM. */
static int32_t judge_url(const char *url, size_t length) {
  ivs_uri uri;
  const char *reason;
  size_t offset;
  int32_t code = url ? ivs_url_parse(url, length, &uri, &reason, &offset) : INVSRC_EMALFORMED;

  return code == INVSRC_EMALFORMED ? INVSRC_EINVAL : code;
}

/* A signature takes its time: none is made, and the private key waits, where there is an
 * access token that may be good. Without one no private key is kept. */
static int32_t read_jwt(invsrc_conversation *conversation, const ivs_json *auth, span text,
                        const char *token) {
  int32_t code;

  if (!token) return ivs_jwt_read(auth, &conversation->terms, &conversation->jwt);
  if (!ivs_jwt_is_credential(auth)) return INVSRC_EINVAL;
  code = ivs_authorization_set_token(&conversation->authorization, token, strlen(token));
  if (code != INVSRC_OK) return code;
  conversation->token_is_kept = 1;
  return ivs_buffer_set(&conversation->credential, text.bytes, text.length);
}

static int32_t read_auth(invsrc_conversation *conversation, const ivs_json *auth, span text,
                         const invsrc_probe_setup *setup) {
  int is_mcp = conversation->protocol == &protocols[0];
  int32_t code =
      ivs_authorization_read(auth, is_mcp, setup->api_key_header, &conversation->authorization);

  if (code == INVSRC_EMALFORMED) {
    ivs_verdict_set(&conversation->verdict, INVSRC_OUTCOME_REFUSED, "",
                    "no HTTP header can carry the credential: check auth.token");
    conversation->phase = OVER;
    return INVSRC_OK;
  }
  if (code != INVSRC_OK || !conversation->authorization.is_jwt) return code;
  return read_jwt(conversation, auth, text, setup->access_token);
}

static int32_t read_credential(invsrc_conversation *conversation, span text,
                               const invsrc_probe_setup *setup) {
  ivs_json_document *document = NULL;
  ivs_json_fault fault;
  int32_t code = ivs_json_parse(text.bytes, text.length, &document, &fault);

  conversation->has_credential = 1;
  if (code == INVSRC_OK) code = read_auth(conversation, ivs_json_root(document), text, setup);
  ivs_json_free(document);
  return code == INVSRC_EMALFORMED ? INVSRC_EINVAL : code;
}

static int32_t prepare(invsrc_conversation *conversation, const invsrc_source *source,
                       const void *auth, size_t length, const invsrc_probe_setup *setup) {
  uint64_t url_length;
  const char *url = invsrc_source_text(source, INVSRC_SOURCE_ENDPOINT_URL, &url_length);
  int32_t code;

  conversation->protocol = protocol_of(source);
  conversation->phase = WITH_CREDENTIAL;
  if (!conversation->protocol) return INVSRC_EINVAL;
  code = judge_url(url, (size_t)url_length);
  if (code != INVSRC_OK) return code;
  ivs_buffer_append(&conversation->url, url, (size_t)url_length);
  if (setup->tool) ivs_buffer_append_text(&conversation->tool, setup->tool);
  if (conversation->url.failed || conversation->tool.failed) return INVSRC_ENOMEM;
  memcpy(conversation->random, setup->random, sizeof conversation->random);
  conversation->terms = (ivs_jwt_terms){setup->now, setup->assertion_seconds, conversation->random};
  if (!conversation->terms.seconds) conversation->terms.seconds = ASSERTION_SECONDS;
  conversation->a2a.random = conversation->random + IVS_JWT_RANDOM;
  conversation->a2a.allow_http = (int)setup->allow_http;
  code = auth ? read_credential(conversation, (span){auth, length}, setup) : INVSRC_OK;
  if (code != INVSRC_OK || conversation->phase == OVER) return code;
  enter(conversation, conversation->authorization.is_jwt && !conversation->token_is_kept
                          ? EXCHANGE
                          : WITH_CREDENTIAL);
  return INVSRC_OK;
}

int32_t invsrc_conversation_new(const invsrc_source *source, const void *auth, uint64_t length,
                                const invsrc_probe_setup *setup,
                                invsrc_conversation **conversation) {
  invsrc_conversation *fresh;
  int32_t code;

  if (!conversation) return INVSRC_EINVAL;
  *conversation = NULL;
  if (!source || !setup || !is_sound(setup)) return INVSRC_EINVAL;
  fresh = calloc(1, sizeof *fresh);
  if (!fresh) return INVSRC_ENOMEM;
  code = prepare(fresh, source, auth, (size_t)length, setup);
  if (code == INVSRC_OK)
    *conversation = fresh;
  else
    invsrc_conversation_free(fresh);
  return code;
}

void invsrc_conversation_free(invsrc_conversation *conversation) {
  if (!conversation) return;
  for (int lane = 0; lane < IVS_LANES; lane++) ivs_outgoing_end(&conversation->lanes[lane].request);
  ivs_mcp_end(&conversation->mcp);
  ivs_a2a_end(&conversation->a2a);
  ivs_authorization_end(&conversation->authorization);
  ivs_buffer_end(&conversation->credential);
  ivs_jwt_end(&conversation->jwt);
  ivs_buffer_end(&conversation->token);
  ivs_buffer_end(&conversation->url);
  ivs_buffer_end(&conversation->tool);
  OPENSSL_cleanse(conversation, sizeof *conversation);
  free(conversation);
}

/* ---- The exchanges ------------------------------------------------------------------ */

/* Signs with the private key that has waited, which is gone then. */
static int32_t sign(invsrc_conversation *conversation) {
  ivs_buffer *text = &conversation->credential;
  ivs_json_document *document = NULL;
  ivs_json_fault fault;
  int32_t code = ivs_json_parse(text->bytes, text->length, &document, &fault);

  if (code == INVSRC_OK)
    code = ivs_jwt_read(ivs_json_root(document), &conversation->terms, &conversation->jwt);
  ivs_json_free(document);
  ivs_buffer_end(text);
  return code;
}

static int32_t ask_for_token(invsrc_conversation *conversation, int *made) {
  static const ivs_verdict no_key = {INVSRC_OUTCOME_FAILED, IVS_JWT_NO_SIGNATURE};
  int32_t code = conversation->credential.length ? sign(conversation) : INVSRC_OK;

  if (code == INVSRC_ENOMEM) return code;
  *made = code == INVSRC_OK;
  if (*made) return ivs_jwt_ask(&conversation->jwt, &conversation->lanes[IVS_LANE_MAIN].request);
  end_with(conversation, &no_key);
  return INVSRC_OK;
}

static int32_t ask(invsrc_conversation *conversation, int lane, int *made) {
  if (conversation->phase != EXCHANGE) return conversation->protocol->ask(conversation, lane, made);
  *made = 0;
  return lane == IVS_LANE_MAIN ? ask_for_token(conversation, made) : INVSRC_OK;
}

int32_t invsrc_conversation_next(invsrc_conversation *conversation,
                                 const invsrc_http_request **request) {
  if (!conversation || !request) return INVSRC_EINVAL;
  *request = NULL;
  for (int i = 0; i < IVS_LANES && conversation->phase != OVER; i++) {
    struct lane *lane = &conversation->lanes[i];
    int made = 0;
    if (lane->exchange) continue;
    if (ask(conversation, i, &made) != INVSRC_OK) {
      end_without_memory(conversation);
    } else if (made) {
      lane->exchange = ++conversation->last_exchange;
      *request = &lane->request.http;
      return lane->exchange;
    }
  }
  return 0;
}

/* The lane of an exchange that is under way, or -1. */
static int lane_of(const invsrc_conversation *conversation, int32_t exchange) {
  for (int lane = 0; exchange > 0 && lane < IVS_LANES; lane++)
    if (conversation->lanes[lane].exchange == exchange) return lane;
  return -1;
}

static int is_too_large(const struct lane *lane, const invsrc_http_reply *reply) {
  uint64_t length;

  invsrc_http_reply_body(reply, &length);
  return length > lane->request.http.max_body;
}

int32_t invsrc_conversation_look(invsrc_conversation *conversation, int32_t exchange,
                                 const invsrc_http_reply *reply) {
  int lane = conversation && reply ? lane_of(conversation, exchange) : -1;
  int enough = 0;

  if (lane < 0) return 0;
  if (conversation->phase == OVER || is_too_large(&conversation->lanes[lane], reply)) return 1;
  if (!conversation->lanes[lane].request.http.looks) return 0;
  if (conversation->protocol->look(conversation, lane, reply, &enough) != INVSRC_OK)
    end_without_memory(conversation);
  go_on(conversation);
  return enough || conversation->phase == OVER;
}

static int32_t hear(invsrc_conversation *conversation, int lane, int32_t outcome,
                    const invsrc_http_reply *reply) {
  if (conversation->phase == EXCHANGE) return hear_token(conversation, outcome, reply);
  return conversation->protocol->hear(conversation, lane, outcome, reply);
}

int32_t invsrc_conversation_answer(invsrc_conversation *conversation, int32_t exchange,
                                   int32_t outcome, const invsrc_http_reply *reply) {
  static const char too_large[] = "the answer is too large";
  invsrc_http_reply *told = NULL;
  int32_t code = INVSRC_OK;
  int lane;

  if (!conversation || !reply) return INVSRC_EINVAL;
  lane = lane_of(conversation, exchange);
  if (lane < 0) return INVSRC_ESTATE;
  conversation->lanes[lane].exchange = 0;
  if (conversation->phase != OVER && outcome == INVSRC_OUTCOME_OK &&
      is_too_large(&conversation->lanes[lane], reply)) {
    told = invsrc_http_reply_new();
    outcome = INVSRC_OUTCOME_REFUSED;
    code = invsrc_http_reply_set_reason(told, too_large) == INVSRC_OK ? INVSRC_OK : INVSRC_ENOMEM;
  }
  if (code == INVSRC_OK && conversation->phase != OVER)
    code = hear(conversation, lane, outcome, told ? told : reply);
  ivs_outgoing_end(&conversation->lanes[lane].request);
  invsrc_http_reply_free(told);
  if (code != INVSRC_OK) return end_without_memory(conversation);
  go_on(conversation);
  return INVSRC_OK;
}

int32_t invsrc_conversation_outcome(const invsrc_conversation *conversation, const char **reason) {
  int is_over = conversation && conversation->phase == OVER;

  if (reason) *reason = is_over ? conversation->verdict.reason : "";
  return is_over ? conversation->verdict.outcome : 0;
}

const char *invsrc_conversation_access_token(const invsrc_conversation *conversation,
                                             int64_t *good_until) {
  int has_token = conversation && conversation->token.length;

  if (good_until) *good_until = has_token ? conversation->good_until : 0;
  return has_token ? conversation->token.bytes : NULL;
}
