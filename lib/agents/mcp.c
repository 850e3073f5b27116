/*
 * See mcp.h. One request after the other, each a step; what answers it is read from the
 * reply, or from the stream beside it, and decides the next.
 */
#include "agents/mcp.h"

#include <string.h>

#include "agents/http.h"
#include "agents/origin.h"

#define STATELESS_VERSION "2026-07-28"
#define MOST_PAGES 20
#define LONGEST_SESSION 1024 /* bytes of a session's id */
#define WRONG_VERSION (-32022)
#define NO_SUCH_METHOD (-32601)
#define CLIENT "{\"name\":\"libinvsrc\",\"version\":\"" INVSRC_VERSION "\"}"

/* With sessions, the best first. */
static const char *const versions[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};

enum { DISCOVER, OPEN, INITIALIZE, INITIALIZED, LIST, CALL, CLOSE, DONE };

/* Without the credential one request says enough: the tool's, where there is one. */
static int last_step_suffices(const ivs_mcp *mcp) {
  return mcp->tool && !mcp->authorization;
}

void ivs_mcp_begin(ivs_mcp *mcp, const char *url, const char *tool,
                   const ivs_authorization *authorization) {
  static const int first_steps[] = {DISCOVER, LIST, INITIALIZE, OPEN};
  enum ivs_mcp_dialect dialect = mcp->dialect;
  const char *version = mcp->version;

  ivs_mcp_end(mcp);
  mcp->url = url;
  mcp->tool = tool;
  mcp->authorization = authorization;
  mcp->agent = (ivs_party){"the agent", 1, authorization ? authorization->members : NULL,
                           IVS_PLACE_OF_AGENT};
  mcp->dialect = dialect;
  mcp->version = version ? version : versions[0];
  mcp->step = first_steps[dialect];
  mcp->asked = DONE;
  if (mcp->step == LIST && last_step_suffices(mcp)) mcp->step = CALL;
}

void ivs_mcp_end(ivs_mcp *mcp) {
  ivs_buffer_end(&mcp->session);
  ivs_buffer_end(&mcp->cursor);
  ivs_buffer_end(&mcp->post_url);
  for (int lane = 0; lane < IVS_LANES; lane++) ivs_sse_end(&mcp->events[lane]);
  ivs_rpc_answer_end(&mcp->answer);
  memset(mcp, 0, sizeof *mcp);
}

int ivs_mcp_is_over(const ivs_mcp *mcp) {
  return mcp->step == DONE;
}

/* ---- Requests -------------------------------------------------------------------- */

/* What each step asks. */
static const struct {
  const char *method;
  int is_notification;
} requests[] = {
    [DISCOVER] = {"server/discover", 0},
    [INITIALIZE] = {"initialize", 0},
    [INITIALIZED] = {"notifications/initialized", 1},
    [LIST] = {"tools/list", 0},
    [CALL] = {"tools/call", 0},
};

/* Appends `"name":`, with a comma where the object has a member already. */
static void write_name(ivs_buffer *out, const char *name) {
  if (out->bytes && out->bytes[out->length - 1] != '{') ivs_buffer_append_text(out, ",");
  ivs_buffer_append_text(out, "\"");
  ivs_buffer_append_text(out, name);
  ivs_buffer_append_text(out, "\":");
}

static void write_text(ivs_buffer *out, const char *name, const char *text) {
  write_name(out, name);
  ivs_json_write_string(out, text, strlen(text));
}

static void write_params(const ivs_mcp *mcp, ivs_buffer *out) {
  if (mcp->step == INITIALIZE) {
    write_text(out, "protocolVersion", mcp->version);
    ivs_buffer_append_text(out, ",\"capabilities\":{},\"clientInfo\":" CLIENT);
  }
  if (mcp->step == LIST && mcp->cursor.length) {
    write_name(out, "cursor");
    ivs_json_write_string(out, mcp->cursor.bytes, mcp->cursor.length);
  }
  if (mcp->step == CALL) {
    write_text(out, "name", mcp->tool);
    ivs_buffer_append_text(out, ",\"arguments\":{}");
  }
  if (mcp->dialect == IVS_MCP_STATELESS || mcp->step == DISCOVER) {
    write_name(out, "_meta");
    ivs_buffer_append_text(out, "{\"io.modelcontextprotocol/protocolVersion\":\"" STATELESS_VERSION
                                "\",\"io.modelcontextprotocol/clientInfo\":" CLIENT
                                ",\"io.modelcontextprotocol/clientCapabilities\":{}}");
  }
}

/* The headers that name the version, and the session if there is one. */
static void add_protocol(const ivs_mcp *mcp, ivs_outgoing *request) {
  if (mcp->dialect == IVS_MCP_STATELESS || mcp->step == DISCOVER) {
    ivs_outgoing_add(request, "MCP-Protocol-Version: ", STATELESS_VERSION);
    ivs_outgoing_add(request, "Mcp-Method: ", requests[mcp->step].method);
    if (mcp->step == CALL) ivs_outgoing_add(request, "Mcp-Name: ", mcp->tool);
  } else if (mcp->dialect == IVS_MCP_SESSIONS && mcp->step != INITIALIZE) {
    ivs_outgoing_add(request, "MCP-Protocol-Version: ", mcp->version);
    if (mcp->session.length) ivs_outgoing_add(request, "MCP-Session-Id: ", mcp->session.bytes);
  }
}

static int32_t make_post(ivs_mcp *mcp, ivs_outgoing *request) {
  int is_notification = requests[mcp->step].is_notification;

  ivs_outgoing_begin(request, "POST",
                     mcp->dialect == IVS_MCP_STREAM ? mcp->post_url.bytes : mcp->url);
  ivs_outgoing_add(request, "Content-Type: ", "application/json");
  ivs_outgoing_add(request, "Accept: ", "application/json, text/event-stream");
  add_protocol(mcp, request);
  ivs_authorization_send(mcp->authorization, request);
  if (!is_notification) mcp->id++;
  ivs_rpc_begin(&request->body, is_notification ? 0 : mcp->id, requests[mcp->step].method);
  write_params(mcp, &request->body);
  ivs_rpc_end(&request->body);
  request->http.looks = !is_notification && mcp->dialect != IVS_MCP_STREAM;
  return ivs_outgoing_finish(request);
}

static int32_t make_stream(const ivs_mcp *mcp, ivs_outgoing *request) {
  ivs_outgoing_begin(request, "GET", mcp->url);
  ivs_outgoing_add(request, "Accept: ", "text/event-stream");
  ivs_authorization_send(mcp->authorization, request);
  request->http.looks = 1;
  return ivs_outgoing_finish(request);
}

static int32_t make_close(const ivs_mcp *mcp, ivs_outgoing *request) {
  ivs_outgoing_begin(request, "DELETE", mcp->url);
  add_protocol(mcp, request);
  ivs_authorization_send(mcp->authorization, request);
  return ivs_outgoing_finish(request);
}

int32_t ivs_mcp_ask(ivs_mcp *mcp, int lane, ivs_outgoing *request, int *made) {
  int opens = mcp->step == OPEN;

  *made = lane == IVS_LANE_STREAM ? opens && !mcp->streams : !opens && mcp->asked != mcp->step;
  if (mcp->step == DONE) *made = 0;
  if (!*made) return INVSRC_OK;
  if (lane == IVS_LANE_STREAM) {
    mcp->streams++;
    return make_stream(mcp, request);
  }
  mcp->asked = mcp->step;
  return mcp->step == CLOSE ? make_close(mcp, request) : make_post(mcp, request);
}

/* ---- What follows from an answer --------------------------------------------------- */

/* What was read for the last step goes: what an agent sends may be large. */
static void go(ivs_mcp *mcp, int step) {
  ivs_rpc_answer_end(&mcp->answer);
  ivs_sse_end(&mcp->events[IVS_LANE_MAIN]);
  mcp->step = step;
  mcp->asked = DONE;
}

/* The verdict is in; a session is still to be closed. */
static void finish(ivs_mcp *mcp) {
  go(mcp, mcp->session.length ? CLOSE : DONE);
}

static void succeed(ivs_mcp *mcp) {
  ivs_verdict_set(&mcp->verdict, INVSRC_OUTCOME_OK, "", "");
  finish(mcp);
}

static void fail(ivs_mcp *mcp, const char *reason) {
  ivs_verdict_set(&mcp->verdict, INVSRC_OUTCOME_UNREACHABLE, "", reason);
  finish(mcp);
}

static void refuse(ivs_mcp *mcp, int32_t status) {
  ivs_verdict_set_refused(&mcp->verdict, &mcp->agent, status);
  finish(mcp);
}

/* An error where a result should be, or no answer at all. */
static void reject(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  int32_t status = invsrc_http_reply_status(reply);

  if (mcp->answer.error && ivs_rpc_is_refusal(&mcp->answer)) {
    refuse(mcp, 0);
  } else if (mcp->answer.error && status < 300) {
    fail(mcp, "answered with an error of MCP");
  } else {
    ivs_verdict_set_foreign(&mcp->verdict, &mcp->agent, reply, "MCP");
    finish(mcp);
  }
}

static int has_text(const ivs_json *list, const char *text) {
  for (const ivs_json *node = ivs_json_first(list); node; node = ivs_json_next(node))
    if (ivs_rpc_is_text(node, text)) return 1;
  return 0;
}

/* The agent has named the versions that it has: takes the best one, once. */
static void take_offer(ivs_mcp *mcp, const ivs_json *list) {
  for (size_t i = 0; mcp->offers == 0 && i < sizeof versions / sizeof *versions; i++) {
    if (!has_text(list, versions[i])) continue;
    mcp->offers++;
    mcp->version = versions[i];
    mcp->dialect = IVS_MCP_SESSIONS;
    go(mcp, INITIALIZE);
    return;
  }
  fail(mcp, "speaks no version of MCP that is known here");
}

static const ivs_json *offer_of(const ivs_mcp *mcp) {
  const ivs_json *list = ivs_json_member(ivs_json_member(mcp->answer.error, "data"), "supported");

  return ivs_json_is_array(list) ? list : NULL;
}

/* Some servers of the versions with sessions answer a method that they do not know with 500
 * or 501. */
static void hear_discover(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  const ivs_json *list = ivs_json_member(mcp->answer.result, "supportedVersions");
  int32_t status = invsrc_http_reply_status(reply);

  if (has_text(list, STATELESS_VERSION)) {
    mcp->dialect = IVS_MCP_STATELESS;
    go(mcp, LIST);
  } else if (ivs_json_is_array(list)) {
    take_offer(mcp, list);
  } else if (ivs_rpc_code(&mcp->answer) == WRONG_VERSION && offer_of(mcp)) {
    take_offer(mcp, offer_of(mcp));
  } else if (status > 501 || (status >= 300 && status < 400) ||
             (mcp->answer.error && ivs_rpc_is_refusal(&mcp->answer))) {
    reject(mcp, reply);
  } else {
    mcp->dialect = IVS_MCP_SESSIONS;
    go(mcp, INITIALIZE);
  }
}

/* Keeps what the session goes by. */
static int32_t begin_session(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  const ivs_json *version = ivs_json_member(mcp->answer.result, "protocolVersion");
  const char *session = invsrc_http_reply_header(reply, "MCP-Session-Id");
  const char *known = NULL;

  for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
    if (ivs_rpc_is_text(version, versions[i])) known = versions[i];
  if (mcp->dialect == IVS_MCP_STREAM) session = NULL;
  if (session && (strlen(session) > LONGEST_SESSION ||
                  !ivs_authorization_is_visible(session, strlen(session)))) {
    fail(mcp, "gave its session an id that no header can carry");
    return INVSRC_OK;
  }
  if (session && ivs_buffer_set(&mcp->session, session, strlen(session)) != INVSRC_OK)
    return INVSRC_ENOMEM;
  if (!known) {
    fail(mcp, "speaks no version of MCP that is known here");
    return INVSRC_OK;
  }
  mcp->version = known;
  go(mcp, INITIALIZED);
  return INVSRC_OK;
}

static int32_t hear_initialize(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  int32_t status = invsrc_http_reply_status(reply);

  if (ivs_json_is_object(mcp->answer.result)) return begin_session(mcp, reply);
  if (offer_of(mcp)) {
    take_offer(mcp, offer_of(mcp));
  } else if ((status == 400 || status == 404 || status == 405) && !mcp->streams &&
             !(mcp->answer.error && ivs_rpc_is_refusal(&mcp->answer))) {
    mcp->first_status = status;
    mcp->dialect = IVS_MCP_STREAM;
    go(mcp, OPEN);
  } else {
    reject(mcp, reply);
  }
  return INVSRC_OK;
}

static void hear_initialized(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  int32_t status = invsrc_http_reply_status(reply);

  if (status < 200 || status > 299)
    reject(mcp, reply);
  else
    go(mcp, last_step_suffices(mcp) ? CALL : LIST);
}

static int32_t hear_list(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  const ivs_json *cursor = ivs_json_member(mcp->answer.result, "nextCursor");
  size_t length;
  const char *next = ivs_json_string(cursor, &length);

  if (!ivs_json_is_array(ivs_json_member(mcp->answer.result, "tools")) &&
      ivs_rpc_code(&mcp->answer) != NO_SUCH_METHOD) {
    reject(mcp, reply);
    return INVSRC_OK;
  }
  if (next && length && mcp->authorization && ++mcp->pages < MOST_PAGES) {
    if (ivs_buffer_set(&mcp->cursor, next, length) != INVSRC_OK) return INVSRC_ENOMEM;
    go(mcp, LIST);
    return INVSRC_OK;
  }
  if (mcp->tool)
    go(mcp, CALL);
  else
    succeed(mcp);
  return INVSRC_OK;
}

/* That a tool fails, or is not there, is an answer; but not that the server does. */
static void hear_call(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  if (mcp->answer.document && invsrc_http_reply_status(reply) < 500 &&
      !(mcp->answer.error && ivs_rpc_is_refusal(&mcp->answer)))
    succeed(mcp);
  else
    reject(mcp, reply);
}

/* The answer to the current step is there, or will not come. */
static int32_t judge(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  switch (mcp->step) {
    case DISCOVER:
      hear_discover(mcp, reply);
      return INVSRC_OK;
    case INITIALIZE:
      return hear_initialize(mcp, reply);
    case INITIALIZED:
      hear_initialized(mcp, reply);
      return INVSRC_OK;
    case LIST:
      return hear_list(mcp, reply);
    default:
      hear_call(mcp, reply);
      return INVSRC_OK;
  }
}

/* ---- Replies ----------------------------------------------------------------------- */

static int is_stream(const invsrc_http_reply *reply) {
  return ivs_http_reply_is(reply, "text/event-stream");
}

/* Reads events until one answers the request. */
static int32_t read_events(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  ivs_sse *events = &mcp->events[IVS_LANE_MAIN];
  uint64_t length;
  const char *body = invsrc_http_reply_body(reply, &length);
  int found = 1;

  while (!mcp->answer.document && found) {
    int32_t code = ivs_sse_next(events, body, (size_t)length, &found);
    if (code == INVSRC_OK && found)
      code = ivs_rpc_read(events->data.bytes, events->data.length, mcp->id, &mcp->answer);
    if (code != INVSRC_OK) return code;
  }
  return INVSRC_OK;
}

static int32_t take_endpoint(ivs_mcp *mcp, const ivs_buffer *reference) {
  int same = 0;
  int32_t code = ivs_origin_resolve(mcp->url, reference->bytes, reference->length, &mcp->post_url);

  if (code == INVSRC_OK) code = ivs_origin_compare(mcp->url, mcp->post_url.bytes, &same);
  if (code == INVSRC_ENOMEM) return code;
  if (same)
    go(mcp, INITIALIZE);
  else
    fail(mcp, code == INVSRC_OK ? "the agent's stream names another origin"
                                : "the agent's stream names no URL");
  return INVSRC_OK;
}

/* An event of the HTTP+SSE stream, which is over when it is spoken no more. */
static int32_t take_event(ivs_mcp *mcp, const ivs_sse *event, const invsrc_http_reply *reply) {
  static const char endpoint[] = "endpoint";
  int is_endpoint = event->type.length == strlen(endpoint) &&
                    memcmp(event->type.bytes, endpoint, event->type.length) == 0;
  int32_t code;

  if (mcp->step == OPEN) return is_endpoint ? take_endpoint(mcp, &event->data) : INVSRC_OK;
  if (is_endpoint || mcp->asked != mcp->step || requests[mcp->step].is_notification ||
      mcp->answer.document)
    return INVSRC_OK;
  code = ivs_rpc_read(event->data.bytes, event->data.length, mcp->id, &mcp->answer);
  return code == INVSRC_OK && mcp->answer.document ? judge(mcp, reply) : code;
}

/* Whether the stream may still say something. The agent may have named a version, meanwhile,
 * that is spoken without it. */
static int listens(const ivs_mcp *mcp) {
  return mcp->step != DONE && mcp->dialect == IVS_MCP_STREAM;
}

static int32_t read_stream(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  ivs_sse *events = &mcp->events[IVS_LANE_STREAM];
  uint64_t length;
  const char *body = invsrc_http_reply_body(reply, &length);
  int found = 1;

  while (listens(mcp) && found) {
    int32_t code = ivs_sse_next(events, body, (size_t)length, &found);
    if (code == INVSRC_OK && found) code = take_event(mcp, events, reply);
    if (code != INVSRC_OK) return code;
  }
  return INVSRC_OK;
}

int32_t ivs_mcp_look(ivs_mcp *mcp, int lane, const invsrc_http_reply *reply, int *enough) {
  int is_good = invsrc_http_reply_status(reply) == 200 && is_stream(reply);
  int32_t code;

  if (lane == IVS_LANE_STREAM) {
    mcp->is_open |= is_good;
    code = is_good ? read_stream(mcp, reply) : INVSRC_OK;
    *enough = !is_good || !listens(mcp);
  } else {
    code = is_stream(reply) ? read_events(mcp, reply) : INVSRC_OK;
    *enough = mcp->answer.document != NULL;
  }
  return code;
}

/* The stream of HTTP+SSE is over, and should not be before all was answered. */
static int32_t hear_stream(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  int32_t status = invsrc_http_reply_status(reply), code = INVSRC_OK;
  int is_good = status == 200 && is_stream(reply);

  if (is_good) code = read_stream(mcp, reply);
  if (code != INVSRC_OK || !listens(mcp)) return code;
  if (ivs_verdict_is_refusal(status))
    refuse(mcp, status);
  else if (is_good)
    fail(mcp, "the agent's stream ended before the answer");
  else
    ivs_verdict_set_status(&mcp->verdict, &mcp->agent,
                           status >= 500 || !mcp->first_status ? status : mcp->first_status);
  go(mcp, DONE);
  return INVSRC_OK;
}

/* A request beside the stream: what it asked for comes there, if it was taken. */
static void hear_beside(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  int32_t status = invsrc_http_reply_status(reply);

  if (status < 200 || status > 299 || mcp->step == INITIALIZED) hear_initialized(mcp, reply);
}

/* The reply to a request of Streamable HTTP. */
static int32_t hear_reply(ivs_mcp *mcp, const invsrc_http_reply *reply) {
  uint64_t length;
  const char *body = invsrc_http_reply_body(reply, &length);
  int32_t code = INVSRC_OK;

  if (!mcp->answer.document && !requests[mcp->step].is_notification)
    code = is_stream(reply) ? read_events(mcp, reply)
                            : ivs_rpc_read(body, (size_t)length, mcp->id, &mcp->answer);
  if (mcp->answer.result && invsrc_http_reply_status(reply) > 299) ivs_rpc_answer_end(&mcp->answer);
  return code == INVSRC_OK ? judge(mcp, reply) : code;
}

/* That a stream which never was there does not come says less than what led to it. */
static void hear_failure(ivs_mcp *mcp, int lane, int32_t outcome, const invsrc_http_reply *reply) {
  if (lane == IVS_LANE_STREAM && !mcp->is_open && mcp->first_status &&
      outcome == INVSRC_OUTCOME_UNAVAILABLE)
    ivs_verdict_set_status(&mcp->verdict, &mcp->agent, mcp->first_status);
  else
    ivs_verdict_set_failure(&mcp->verdict, &mcp->agent, outcome, reply);
  go(mcp, DONE);
}

int32_t ivs_mcp_hear(ivs_mcp *mcp, int lane, int32_t outcome, const invsrc_http_reply *reply) {
  int32_t status = invsrc_http_reply_status(reply);

  if (mcp->step == DONE) return INVSRC_OK;
  /* The stream has answered this request already, or is not spoken any more. */
  if (lane == IVS_LANE_MAIN ? mcp->asked != mcp->step : !listens(mcp)) return INVSRC_OK;
  if (mcp->step == CLOSE) {
    go(mcp, DONE); /* whatever became of it */
    return INVSRC_OK;
  }
  if (outcome != INVSRC_OUTCOME_OK) {
    hear_failure(mcp, lane, outcome, reply);
    return INVSRC_OK;
  }
  if (lane == IVS_LANE_STREAM) return hear_stream(mcp, reply);
  if (ivs_verdict_is_refusal(status)) {
    refuse(mcp, status);
    return INVSRC_OK;
  }
  if (mcp->dialect != IVS_MCP_STREAM) return hear_reply(mcp, reply);
  hear_beside(mcp, reply);
  return INVSRC_OK;
}
