/*
 * The inside of a conversation (providers.h): a shell around one of several kinds. The shell
 * counts exchanges, keeps their requests, turns away replies that are too large, and ends it
 * all when memory runs out; the kind knows what is said.
 *
 * A kind is a file of its own, with a struct for where it stands, a table of the functions
 * below, and the public functions that are its alone:
 *
 *     static const ivs_kind kind = {.size = sizeof(struct talk), .lanes = 1, .ask = ask, …};
 *
 *     int32_t invsrc_conversation_new_…(…, invsrc_conversation **conversation) {
 *       struct talk *talk = ivs_conversation_make(&kind, conversation);
 *       if (!talk) return INVSRC_ENOMEM;
 *       return ivs_conversation_begun(conversation, prepare(talk, …));
 *     }
 *
 * What has mere begin, ask and hear (mcp.h) is put into such a struct. A kind may wait for
 * its host: then it makes no request and has no verdict, until a public function of its own,
 * which finds the struct by ivs_conversation_of(), has told it what it waits for.
 */
#ifndef IVS_AGENTS_CONVERSATION_H
#define IVS_AGENTS_CONVERSATION_H

#include <stddef.h>

#include "agents/outgoing.h"
#include "agents/verdict.h"

/* The exchanges that may be under way at a time. */
#define IVS_LANE_MAIN 0
#define IVS_LANE_STREAM 1 /* of MCP 2024-11-05 */
#define IVS_LANES 2

#define IVS_OUT_OF_MEMORY "memory ran out"

/* `talk` is the struct of the kind, which comes as zeros. What returns an int32_t returns
 * INVSRC_OK or INVSRC_ENOMEM, which ends the conversation. Those that may be NULL are marked. */
typedef struct ivs_kind {
  size_t size; /* of the struct */
  int lanes;   /* 1 to IVS_LANES */
  /* Makes the next request of a lane that has none under way, if there is one: sets `*made`. */
  int32_t (*ask)(void *talk, int lane, ivs_outgoing *request, int *made);
  /* NULL: no request has `looks`. Looks at what has come so far: sets `*enough` where no more
   * is needed. */
  int32_t (*look)(void *talk, int lane, const invsrc_http_reply *reply, int *enough);
  /* Hears how the exchange of a lane ended. */
  int32_t (*hear)(void *talk, int lane, int32_t outcome, const invsrc_http_reply *reply);
  /* NULL: nothing is to be done. After each look and each answer: `is_busy` says whether an
   * exchange is under way. */
  void (*go_on)(void *talk, int is_busy);
  /* What it came to, or NULL while it is under way. */
  const ivs_verdict *(*verdict)(const void *talk);
  /* NULL: there are none. One of INVSRC_RESULT_…: NULL, or empty, while there is none. */
  const ivs_buffer *(*result)(const void *talk, int32_t result);
  /* Frees what the struct holds; the struct itself is wiped. */
  void (*end)(void *talk);
} ivs_kind;

/* Makes a conversation, and gives its struct, or NULL when memory ran out. */
void *ivs_conversation_make(const ivs_kind *kind, invsrc_conversation **conversation);
/* Returns `code`: with another than INVSRC_OK there is no conversation any more. */
int32_t ivs_conversation_begun(invsrc_conversation **conversation, int32_t code);
/* The struct of a conversation of this kind, or NULL. */
void *ivs_conversation_of(const invsrc_conversation *conversation, const ivs_kind *kind);

#endif
