/*
 * The conversation that probes one agent (providers.h): the access token where there must be
 * one, the protocol with the credential, and then once without it. Which phase follows
 * which is decided here; what is said in each, by the protocols and jwt.h.
 */
#include <invsrc/providers.h>
#include <string.h>

#include "agents/a2a.h"
#include "agents/conversation.h"
#include "agents/http.h"
#include "agents/jwt.h"
#include "agents/mcp.h"
#include "core/uri.h"

#define ASSERTION_SECONDS 300
#define LONGEST_ASSERTION 3600 /* seconds */

/* EXCHANGE is of the assertion for an access token. */
enum { EXCHANGE, WITH_CREDENTIAL, WITHOUT_CREDENTIAL, OVER };

typedef struct span {
  const char *bytes;
  size_t length;
} span;

struct protocol;

struct probe {
  const struct protocol *protocol;
  int phase;
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
  void (*begin)(struct probe *probe, const ivs_authorization *authorization);
  int32_t (*ask)(struct probe *probe, int lane, ivs_outgoing *request, int *made);
  int32_t (*look)(struct probe *probe, int lane, const invsrc_http_reply *reply, int *enough);
  int32_t (*hear)(struct probe *probe, int lane, int32_t outcome, const invsrc_http_reply *reply);
  const ivs_verdict *(*verdict)(const struct probe *probe); /* NULL: none yet */
};

static void mcp_begin(struct probe *probe, const ivs_authorization *authorization) {
  const char *tool = probe->tool.length ? probe->tool.bytes : NULL;

  ivs_mcp_begin(&probe->mcp, probe->url.bytes, tool, authorization);
}

static int32_t mcp_ask(struct probe *probe, int lane, ivs_outgoing *request, int *made) {
  return ivs_mcp_ask(&probe->mcp, lane, request, made);
}

static int32_t mcp_look(struct probe *probe, int lane, const invsrc_http_reply *reply,
                        int *enough) {
  return ivs_mcp_look(&probe->mcp, lane, reply, enough);
}

static int32_t mcp_hear(struct probe *probe, int lane, int32_t outcome,
                        const invsrc_http_reply *reply) {
  return ivs_mcp_hear(&probe->mcp, lane, outcome, reply);
}

static const ivs_verdict *mcp_verdict(const struct probe *probe) {
  return ivs_mcp_is_over(&probe->mcp) ? &probe->mcp.verdict : NULL;
}

static void a2a_begin(struct probe *probe, const ivs_authorization *authorization) {
  ivs_a2a_begin(&probe->a2a, probe->url.bytes, authorization);
}

static int32_t a2a_ask(struct probe *probe, int lane, ivs_outgoing *request, int *made) {
  *made = 0;
  if (lane != IVS_LANE_MAIN) return INVSRC_OK;
  return ivs_a2a_ask(&probe->a2a, request, made);
}

static int32_t a2a_look(struct probe *probe, int lane, const invsrc_http_reply *reply,
                        int *enough) {
  (void)probe, (void)lane, (void)reply;
  *enough = 0;
  return INVSRC_OK;
}

static int32_t a2a_hear(struct probe *probe, int lane, int32_t outcome,
                        const invsrc_http_reply *reply) {
  (void)lane;
  return ivs_a2a_hear(&probe->a2a, outcome, reply);
}

static const ivs_verdict *a2a_verdict(const struct probe *probe) {
  return ivs_a2a_is_over(&probe->a2a) ? &probe->a2a.verdict : NULL;
}

static const struct protocol protocols[] = {
    {"MCP", mcp_begin, mcp_ask, mcp_look, mcp_hear, mcp_verdict},
    {"A2A", a2a_begin, a2a_ask, a2a_look, a2a_hear, a2a_verdict},
};

/* ---- The phases --------------------------------------------------------------------- */

static void end_with(struct probe *probe, const ivs_verdict *verdict) {
  probe->verdict = *verdict;
  probe->phase = OVER;
}

static void enter(struct probe *probe, int phase) {
  const ivs_authorization *authorization = &probe->authorization;

  probe->phase = phase;
  if (phase == EXCHANGE || phase == OVER) return;
  if (phase == WITHOUT_CREDENTIAL || !probe->has_credential) authorization = NULL;
  probe->protocol->begin(probe, authorization);
}

/* What follows when the agent was asked with the credential, or without one where there is
 * none. */
static int phase_after(const struct probe *probe, const ivs_verdict *verdict) {
  if (verdict->outcome == INVSRC_OUTCOME_REFUSED && probe->token_is_kept) return EXCHANGE;
  if (verdict->outcome == INVSRC_OUTCOME_OK && probe->has_credential) return WITHOUT_CREDENTIAL;
  return OVER;
}

/* A phase ends when its verdict is in; but another only begins when no exchange is under way,
 * so that there are never more than the lanes have. */
static void go_on(void *talk, int is_busy) {
  struct probe *probe = talk;
  const ivs_verdict *verdict;
  int next;

  if (probe->phase == EXCHANGE) return;
  verdict = probe->protocol->verdict(probe);
  if (!verdict) return;
  if (probe->phase == WITHOUT_CREDENTIAL) {
    if (verdict->outcome == INVSRC_OUTCOME_REFUSED) probe->verdict.outcome = INVSRC_OUTCOME_PROVEN;
    probe->phase = OVER;
    return;
  }
  next = phase_after(probe, verdict);
  if (next != OVER && is_busy) return;
  if (next != EXCHANGE) ivs_buffer_end(&probe->credential);
  probe->verdict = *verdict;
  probe->token_is_kept = 0;
  enter(probe, next);
}

static int32_t hear_token(struct probe *probe, int32_t outcome, const invsrc_http_reply *reply) {
  ivs_verdict verdict = {0, ""};
  int32_t code =
      ivs_jwt_hear(outcome, reply, probe->terms.now, &probe->token, &probe->good_until, &verdict);

  if (code != INVSRC_OK) return code;
  if (verdict.outcome) {
    end_with(probe, &verdict);
    return INVSRC_OK;
  }
  code =
      ivs_authorization_set_token(&probe->authorization, probe->token.bytes, probe->token.length);
  if (code == INVSRC_OK) enter(probe, WITH_CREDENTIAL);
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
static int32_t read_jwt(struct probe *probe, const ivs_json *auth, span text, const char *token) {
  int32_t code;

  if (!token) return ivs_jwt_read(auth, &probe->terms, &probe->jwt);
  if (!ivs_jwt_is_credential(auth)) return INVSRC_EINVAL;
  code = ivs_authorization_set_token(&probe->authorization, token, strlen(token));
  if (code != INVSRC_OK) return code;
  probe->token_is_kept = 1;
  return ivs_buffer_set(&probe->credential, text.bytes, text.length);
}

static int32_t read_auth(struct probe *probe, const ivs_json *auth, span text,
                         const invsrc_probe_setup *setup) {
  int is_mcp = probe->protocol == &protocols[0];
  int32_t code = ivs_authorization_read(auth, is_mcp, setup->api_key_header, &probe->authorization);

  if (code == INVSRC_EMALFORMED) {
    ivs_verdict_set(&probe->verdict, INVSRC_OUTCOME_REFUSED,
                    "no HTTP header can carry the credential: check ",
                    probe->authorization.members);
    probe->phase = OVER;
    return INVSRC_OK;
  }
  if (code != INVSRC_OK || !probe->authorization.is_jwt) return code;
  return read_jwt(probe, auth, text, setup->access_token);
}

static int32_t read_credential(struct probe *probe, span text, const invsrc_probe_setup *setup) {
  ivs_json_document *document = NULL;
  ivs_json_fault fault;
  int32_t code = ivs_json_parse(text.bytes, text.length, &document, &fault);

  probe->has_credential = 1;
  if (code == INVSRC_OK) code = read_auth(probe, ivs_json_root(document), text, setup);
  ivs_json_free(document);
  return code == INVSRC_EMALFORMED ? INVSRC_EINVAL : code;
}

static int32_t prepare(struct probe *probe, const invsrc_source *source, const void *auth,
                       size_t length, const invsrc_probe_setup *setup) {
  uint64_t url_length;
  const char *url = invsrc_source_text(source, INVSRC_SOURCE_ENDPOINT_URL, &url_length);
  int32_t code;

  probe->protocol = protocol_of(source);
  probe->phase = WITH_CREDENTIAL;
  if (!probe->protocol) return INVSRC_EINVAL;
  code = judge_url(url, (size_t)url_length);
  if (code != INVSRC_OK) return code;
  ivs_buffer_append(&probe->url, url, (size_t)url_length);
  if (setup->tool) ivs_buffer_append_text(&probe->tool, setup->tool);
  if (probe->url.failed || probe->tool.failed) return INVSRC_ENOMEM;
  memcpy(probe->random, setup->random, sizeof probe->random);
  probe->terms = (ivs_jwt_terms){setup->now, setup->assertion_seconds, probe->random};
  if (!probe->terms.seconds) probe->terms.seconds = ASSERTION_SECONDS;
  probe->a2a.random = probe->random + IVS_JWT_RANDOM;
  probe->a2a.allow_http = (int)setup->allow_http;
  code = auth ? read_credential(probe, (span){auth, length}, setup) : INVSRC_OK;
  if (code != INVSRC_OK || probe->phase == OVER) return code;
  enter(probe, probe->authorization.is_jwt && !probe->token_is_kept ? EXCHANGE : WITH_CREDENTIAL);
  return INVSRC_OK;
}

/* ---- The exchanges ------------------------------------------------------------------ */

/* Signs with the private key that has waited, which is gone then. */
static int32_t sign(struct probe *probe) {
  ivs_buffer *text = &probe->credential;
  ivs_json_document *document = NULL;
  ivs_json_fault fault;
  int32_t code = ivs_json_parse(text->bytes, text->length, &document, &fault);

  if (code == INVSRC_OK) code = ivs_jwt_read(ivs_json_root(document), &probe->terms, &probe->jwt);
  ivs_json_free(document);
  ivs_buffer_end(text);
  return code;
}

static int32_t ask_for_token(struct probe *probe, ivs_outgoing *request, int *made) {
  static const ivs_verdict no_key = {INVSRC_OUTCOME_FAILED, IVS_JWT_NO_SIGNATURE};
  int32_t code = probe->credential.length ? sign(probe) : INVSRC_OK;

  if (code == INVSRC_ENOMEM) return code;
  *made = code == INVSRC_OK;
  if (*made) return ivs_jwt_ask(&probe->jwt, request);
  end_with(probe, &no_key);
  return INVSRC_OK;
}

static int32_t ask(void *talk, int lane, ivs_outgoing *request, int *made) {
  struct probe *probe = talk;

  if (probe->phase != EXCHANGE) return probe->protocol->ask(probe, lane, request, made);
  *made = 0;
  return lane == IVS_LANE_MAIN ? ask_for_token(probe, request, made) : INVSRC_OK;
}

static int32_t look(void *talk, int lane, const invsrc_http_reply *reply, int *enough) {
  struct probe *probe = talk;

  return probe->protocol->look(probe, lane, reply, enough);
}

static int32_t hear(void *talk, int lane, int32_t outcome, const invsrc_http_reply *reply) {
  struct probe *probe = talk;

  if (probe->phase == EXCHANGE) return hear_token(probe, outcome, reply);
  return probe->protocol->hear(probe, lane, outcome, reply);
}

/* ---- The conversation --------------------------------------------------------------- */

static const ivs_verdict *verdict_of(const void *talk) {
  const struct probe *probe = talk;

  return probe->phase == OVER ? &probe->verdict : NULL;
}

static void end(void *talk) {
  struct probe *probe = talk;

  ivs_mcp_end(&probe->mcp);
  ivs_a2a_end(&probe->a2a);
  ivs_authorization_end(&probe->authorization);
  ivs_buffer_end(&probe->credential);
  ivs_jwt_end(&probe->jwt);
  ivs_buffer_end(&probe->token);
  ivs_buffer_end(&probe->url);
  ivs_buffer_end(&probe->tool);
}

static const ivs_kind kind = {
    .size = sizeof(struct probe),
    .lanes = IVS_LANES,
    .ask = ask,
    .look = look,
    .hear = hear,
    .go_on = go_on,
    .verdict = verdict_of,
    .end = end,
};

int32_t invsrc_conversation_new(const invsrc_source *source, const void *auth, uint64_t length,
                                const invsrc_probe_setup *setup,
                                invsrc_conversation **conversation) {
  struct probe *probe;

  if (!conversation) return INVSRC_EINVAL;
  *conversation = NULL;
  if (!source || !setup || !is_sound(setup)) return INVSRC_EINVAL;
  probe = ivs_conversation_make(&kind, conversation);
  if (!probe) return INVSRC_ENOMEM;
  return ivs_conversation_begun(conversation, prepare(probe, source, auth, (size_t)length, setup));
}

const char *invsrc_conversation_access_token(const invsrc_conversation *conversation,
                                             int64_t *good_until) {
  const struct probe *probe = ivs_conversation_of(conversation, &kind);
  int has_token = probe && probe->token.length;

  if (good_until) *good_until = has_token ? probe->good_until : 0;
  return has_token ? probe->token.bytes : NULL;
}
