/*
 * The probe of an MCP agent: version 2026-07-28 first, then versions with sessions, then
 * the HTTP+SSE transport of 2024-11-05. Knows no transport, and nothing of how the
 * credential was come by.
 */
#ifndef IVS_AGENTS_MCP_H
#define IVS_AGENTS_MCP_H

#include "agents/authorization.h"
#include "agents/conversation.h"
#include "agents/rpc.h"
#include "agents/sse.h"
#include "agents/verdict.h"

enum ivs_mcp_dialect { IVS_MCP_UNKNOWN, IVS_MCP_STATELESS, IVS_MCP_SESSIONS, IVS_MCP_STREAM };

typedef struct ivs_mcp {
  /* What to ask, borrowed. */
  const char *url;
  const char *tool;                       /* NULL for none */
  const ivs_authorization *authorization; /* NULL: ask without */
  ivs_party agent;
  ivs_verdict verdict; /* what it came to, when ivs_mcp_is_over() */
  /* Where it stands. */
  enum ivs_mcp_dialect dialect; /* kept from one probe of an agent to the next */
  const char *version;          /* the same: of a session */
  int step;
  int asked; /* the step whose request was made; DONE: it is to be made yet */
  int32_t id;
  int pages;
  int offers;           /* times that the agent has named versions */
  int32_t first_status; /* of what led to HTTP+SSE */
  int streams;          /* asked for */
  int is_open;          /* a stream has come */
  ivs_buffer session;
  ivs_buffer cursor;
  ivs_buffer post_url; /* of HTTP+SSE */
  ivs_sse events[IVS_LANES];
  ivs_rpc_answer answer;
} ivs_mcp;

/* Begins a probe of the agent at `url`. What an earlier one has found out about it shortens
 * this one. */
void ivs_mcp_begin(ivs_mcp *mcp, const char *url, const char *tool,
                   const ivs_authorization *authorization);
void ivs_mcp_end(ivs_mcp *mcp);
int ivs_mcp_is_over(const ivs_mcp *mcp);

/* Makes the next request of a lane that has none under way: sets `*made`. INVSRC_OK or
 * INVSRC_ENOMEM, as the next two. */
int32_t ivs_mcp_ask(ivs_mcp *mcp, int lane, ivs_outgoing *request, int *made);
/* Looks at what has come so far: sets `*enough` where no more is needed. */
int32_t ivs_mcp_look(ivs_mcp *mcp, int lane, const invsrc_http_reply *reply, int *enough);
/* Hears how the exchange of a lane ended. */
int32_t ivs_mcp_hear(ivs_mcp *mcp, int lane, int32_t outcome, const invsrc_http_reply *reply);

#endif
