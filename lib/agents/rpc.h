/*
 * JSON-RPC 2.0, as MCP and A2A use it: how requests begin, and what answers one.
 */
#ifndef IVS_AGENTS_RPC_H
#define IVS_AGENTS_RPC_H

#include "core/buffer.h"
#include "core/json.h"

/* The answer to one request. The nodes point into the document. */
typedef struct ivs_rpc_answer {
  ivs_json_document *document; /* NULL: none has come */
  const ivs_json *result;      /* NULL where it is an error */
  const ivs_json *error;
} ivs_rpc_answer;

/* Begins a request with the id, or a notification where it is 0. What follows is the
 * members of `params`, and then ivs_rpc_end(). */
void ivs_rpc_begin(ivs_buffer *out, int32_t id, const char *method);
void ivs_rpc_end(ivs_buffer *out);

/* Takes `text` if it is an answer to the request with this id, or an error that names
 * none. `*answer` must be empty. INVSRC_OK, whether it is one or not, or INVSRC_ENOMEM. */
int32_t ivs_rpc_read(const char *text, size_t length, int32_t id, ivs_rpc_answer *answer);
void ivs_rpc_answer_end(ivs_rpc_answer *answer);

/* Whether a node is this text. */
int ivs_rpc_is_text(const ivs_json *node, const char *text);

/* The code of an error, or 0. */
int32_t ivs_rpc_code(const ivs_rpc_answer *answer);
/* Whether an error says that the credential is refused: there is no code for it. */
int ivs_rpc_is_refusal(const ivs_rpc_answer *answer);

#endif
