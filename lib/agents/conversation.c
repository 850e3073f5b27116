/*
 * See conversation.h. Knows no protocol.
 */
#include "agents/conversation.h"

#include <openssl/crypto.h>
#include <stdalign.h>
#include <stdlib.h>

/* An exchange that may be under way. */
struct lane {
  int32_t exchange; /* 0: none is */
  ivs_outgoing request;
};

struct invsrc_conversation {
  const ivs_kind *kind;
  int32_t last_exchange;
  int is_out_of_memory;
  struct lane lanes[IVS_LANES];
  alignas(max_align_t) unsigned char talk[];
};

/* ---- Beginning and end -------------------------------------------------------------- */

void *ivs_conversation_make(const ivs_kind *kind, invsrc_conversation **conversation) {
  *conversation = calloc(1, sizeof **conversation + kind->size);
  if (!*conversation) return NULL;
  (*conversation)->kind = kind;
  return (*conversation)->talk;
}

int32_t ivs_conversation_begun(invsrc_conversation **conversation, int32_t code) {
  if (code == INVSRC_OK) return code;
  invsrc_conversation_free(*conversation);
  *conversation = NULL;
  return code;
}

void *ivs_conversation_of(const invsrc_conversation *conversation, const ivs_kind *kind) {
  return conversation && conversation->kind == kind ? (void *)conversation->talk : NULL;
}

void invsrc_conversation_free(invsrc_conversation *conversation) {
  size_t size;

  if (!conversation) return;
  size = sizeof *conversation + conversation->kind->size;
  for (int lane = 0; lane < IVS_LANES; lane++) ivs_outgoing_end(&conversation->lanes[lane].request);
  conversation->kind->end(conversation->talk);
  OPENSSL_cleanse(conversation, size);
  free(conversation);
}

/* ---- The verdict -------------------------------------------------------------------- */

/* NULL: it is under way. */
static const ivs_verdict *verdict_of(const invsrc_conversation *conversation) {
  static const ivs_verdict no_memory = {INVSRC_OUTCOME_UNAVAILABLE, IVS_OUT_OF_MEMORY};

  if (conversation->is_out_of_memory) return &no_memory;
  return conversation->kind->verdict(conversation->talk);
}

static int32_t end_without_memory(invsrc_conversation *conversation) {
  conversation->is_out_of_memory = 1;
  return INVSRC_ENOMEM;
}

int32_t invsrc_conversation_outcome(const invsrc_conversation *conversation, const char **reason) {
  const ivs_verdict *verdict = conversation ? verdict_of(conversation) : NULL;

  if (reason) *reason = verdict ? verdict->reason : "";
  return verdict ? verdict->outcome : 0;
}

const char *invsrc_conversation_result(const invsrc_conversation *conversation, int32_t result,
                                       uint64_t *length) {
  const ivs_buffer *text = NULL;

  if (conversation && conversation->kind->result)
    text = conversation->kind->result(conversation->talk, result);
  if (text && !text->length) text = NULL;
  if (length) *length = text ? text->length : 0;
  return text ? text->bytes : NULL;
}

/* ---- The exchanges ------------------------------------------------------------------ */

int32_t invsrc_conversation_next(invsrc_conversation *conversation,
                                 const invsrc_http_request **request) {
  if (!conversation || !request) return INVSRC_EINVAL;
  *request = NULL;
  for (int i = 0; i < conversation->kind->lanes && !verdict_of(conversation); i++) {
    struct lane *lane = &conversation->lanes[i];
    int made = 0;
    if (lane->exchange) continue;
    if (conversation->kind->ask(conversation->talk, i, &lane->request, &made) != INVSRC_OK) {
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

static int is_busy(const invsrc_conversation *conversation) {
  for (int lane = 0; lane < IVS_LANES; lane++)
    if (conversation->lanes[lane].exchange) return 1;
  return 0;
}

static void go_on(invsrc_conversation *conversation) {
  if (conversation->kind->go_on && !verdict_of(conversation))
    conversation->kind->go_on(conversation->talk, is_busy(conversation));
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
  if (verdict_of(conversation) || is_too_large(&conversation->lanes[lane], reply)) return 1;
  if (!conversation->lanes[lane].request.http.looks) return 0;
  if (conversation->kind->look(conversation->talk, lane, reply, &enough) != INVSRC_OK)
    end_without_memory(conversation);
  go_on(conversation);
  return enough || verdict_of(conversation);
}

int32_t invsrc_conversation_answer(invsrc_conversation *conversation, int32_t exchange,
                                   int32_t outcome, const invsrc_http_reply *reply) {
  static const char too_large[] = "the answer is too large";
  invsrc_http_reply *told = NULL;
  int32_t code = INVSRC_OK;
  int lane, is_over;

  if (!conversation || !reply) return INVSRC_EINVAL;
  lane = lane_of(conversation, exchange);
  if (lane < 0) return INVSRC_ESTATE;
  is_over = verdict_of(conversation) != NULL;
  conversation->lanes[lane].exchange = 0;
  if (!is_over && outcome == INVSRC_OUTCOME_OK && is_too_large(&conversation->lanes[lane], reply)) {
    told = invsrc_http_reply_new();
    outcome = INVSRC_OUTCOME_REFUSED;
    code = invsrc_http_reply_set_reason(told, too_large) == INVSRC_OK ? INVSRC_OK : INVSRC_ENOMEM;
  }
  if (code == INVSRC_OK && !is_over)
    code = conversation->kind->hear(conversation->talk, lane, outcome, told ? told : reply);
  ivs_outgoing_end(&conversation->lanes[lane].request);
  invsrc_http_reply_free(told);
  if (code != INVSRC_OK) return end_without_memory(conversation);
  go_on(conversation);
  return INVSRC_OK;
}
