/*
 * One run of the prober: takes probes, holds a conversation for each, and carries the
 * exchanges of all of them over one multi handle, on the thread that called. Knows nothing
 * of what is said.
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "agents/http.h"
#include "agents/jwt.h"
#include "providers/agents.h"
#include "providers/hop.h"
#include "providers/transport.h"

#define EXCHANGES 2           /* of a conversation at a time */
#define PAUSE_MS INT64_C(500) /* after which those who had no more are asked again */
/* Sockets wait while signatures are made and results are stored: for about as long. */
#define OPENED_AT_ONCE 32
#define OPENED_MS INT64_C(100)
#define ENDED_MS INT64_C(100)
/* Whoever is late may blame nobody else if sockets had to wait for so long in all, in waits
 * that were longer than meant. */
#define WAIT_MS INT64_C(250)
#define WAITED_MS INT64_C(1000)
/* A refresh has one exchange, which is bounded by itself: tokens that come late must not be
 * lost. */
#define REFRESH_MS INT64_C(15000)

static const char no_memory[] = "memory ran out";
static const char too_busy[] = "this host was too busy";
static const char stopped[] = "stopped";

struct talk;

/* One exchange of a conversation; kept with its handle for the next one. */
struct exchange {
  struct exchange *next; /* of those that are spare */
  CURL *handle;
  invsrc_http_reply *reply;
  struct talk *talk;
  int32_t number;
  int64_t waited; /* of the run, when it began; as in the next */
  ivs_hop hop;
};

/* One probe under way. */
struct talk {
  struct talk *next;
  invsrc_probe *probe;
  invsrc_conversation *conversation;
  int64_t waited;
  int64_t deadline;
  int moved;          /* the conversation has heard something */
  const char *ours;   /* what was not the agent's fault when an exchange failed, or NULL */
  int32_t outcome;    /* 0: it goes on */
  const char *reason; /* static, the conversation's, or this: */
  char late[IVS_HOP_LATE_SIZE];
  int is_refresh; /* of OAuth tokens */
  int has_key;
  ivs_token_key key;
  struct exchange *exchanges[EXCHANGES];
};

struct run {
  ivs_running running;
  invsrc_agents *agents;
  const ivs_guard *guard;
  invsrc_probes *probes;
  struct talk *talks; /* in the order in which they were begun */
  struct talk **end;
  uint32_t count;
  int has_more;    /* there was a probe when one was last asked for */
  int64_t ask_at;  /* when to ask for more probes */
  int64_t late_at; /* when the first of those under way is late */
  int64_t left_at; /* when sockets were last waited for */
  int64_t waited;  /* how long they have waited, in long waits */
  struct exchange *spare;
};

/* ---- Exchanges ----------------------------------------------------------- */

static void free_exchange(struct exchange *gone) {
  if (!gone) return;
  curl_easy_cleanup(gone->handle);
  invsrc_http_reply_free(gone->reply);
  free(gone);
}

static struct exchange *take_exchange(struct run *run) {
  struct exchange *taken = run->spare;

  if (taken) {
    run->spare = taken->next;
    return taken;
  }
  taken = calloc(1, sizeof *taken);
  if (!taken) return NULL;
  taken->handle = curl_easy_init();
  taken->reply = invsrc_http_reply_new();
  if (taken->handle && taken->reply) return taken;
  free_exchange(taken);
  return NULL;
}

/* The reply is wiped, and the handle points to the request no more. */
static void give_exchange(struct run *run, struct exchange *given) {
  ivs_http_reply_clear(given->reply);
  curl_easy_reset(given->handle);
  given->next = run->spare;
  run->spare = given;
}

static int look(void *context, const invsrc_http_reply *reply) {
  struct exchange *exchange = context;

  exchange->talk->moved = 1;
  return invsrc_conversation_look(exchange->talk->conversation, exchange->number, reply) == 1;
}

static void leave(struct exchange *exchange) {
  struct talk *talk = exchange->talk;

  for (size_t i = 0; i < EXCHANGES; i++)
    if (talk->exchanges[i] == exchange) talk->exchanges[i] = NULL;
}

/* How long sockets have waited for us up to now. */
static int64_t waited(const struct run *run) {
  int64_t wait = ivs_hop_now() - run->left_at;

  return run->waited + (wait > WAIT_MS ? wait : 0);
}

/* What is not the agent's fault, or NULL. */
static const char *our_fault(const struct run *run, const struct exchange *exchange) {
  if (ivs_hop_lacks_memory(&exchange->hop)) return no_memory;
  if (ivs_hop_lacks_proxy(&exchange->hop)) return exchange->hop.reason;
  if (!ivs_hop_is_late(&exchange->hop)) return NULL;
  return waited(run) - exchange->waited > WAITED_MS ? too_busy : NULL;
}

/* What came of it goes to the conversation, which may know already what it came to. */
static void finish(struct run *run, struct exchange *exchange) {
  int32_t outcome = ivs_hop_end(&exchange->hop);
  const char *ours = our_fault(run, exchange);

  if (ours) {
    exchange->talk->ours = ours;
    outcome = INVSRC_OUTCOME_FAILED;
  }
  invsrc_conversation_answer(exchange->talk->conversation, exchange->number, outcome,
                             exchange->reply);
  exchange->talk->moved = 1;
  leave(exchange);
  give_exchange(run, exchange);
}

/* libcurl ends what is late without a look at what has come meanwhile. Tokens that came while
 * the store held us up must not be lost, so that tend() sees to refreshes. */
static int disarm(const struct exchange *exchange) {
  return !exchange->talk->is_refresh ||
         curl_easy_setopt(exchange->handle, CURLOPT_TIMEOUT_MS, 0L) == CURLE_OK;
}

/* Goes to the next hop, or is over. */
static void go_on(struct run *run, struct exchange *exchange) {
  while (ivs_hop_go(&exchange->hop, exchange->handle)) {
    if (disarm(exchange) &&
        curl_easy_setopt(exchange->handle, CURLOPT_PRIVATE, exchange) == CURLE_OK &&
        curl_multi_add_handle(run->running.multi, exchange->handle) == CURLM_OK)
      return;
    ivs_hop_arrive(&exchange->hop, CURLE_OUT_OF_MEMORY);
  }
  finish(run, exchange);
}

static void cancel(struct run *run, struct exchange *exchange) {
  curl_multi_remove_handle(run->running.multi, exchange->handle);
  ivs_hop_end(&exchange->hop);
  leave(exchange);
  give_exchange(run, exchange);
}

/* ---- Conversations ------------------------------------------------------- */

/* A token that was refused is of no more use, a new one is. */
static void keep_token(const struct run *run, const struct talk *talk) {
  int64_t good_until = 0;
  const char *token;

  if (!talk->has_key) return;
  token = invsrc_conversation_access_token(talk->conversation, &good_until);
  if (talk->outcome == INVSRC_OUTCOME_REFUSED)
    ivs_tokens_drop(run->agents->tokens, &talk->key);
  else if (token)
    ivs_tokens_put(run->agents->tokens, &talk->key, token, good_until);
}

/* Hands over what came of it. */
static void end_probe(const struct talk *talk) {
  const char *credential;
  uint64_t length;

  if (!talk->is_refresh || talk->outcome != INVSRC_OUTCOME_OK) {
    invsrc_probe_end(talk->probe, talk->outcome, talk->reason);
    return;
  }
  credential = invsrc_conversation_result(talk->conversation, INVSRC_RESULT_CREDENTIAL, &length);
  invsrc_probe_end_refreshed(talk->probe, credential, length,
                             invsrc_conversation_refresh_at(talk->conversation));
}

/* It is in no list any more. Behind a refresh the agent is to be asked. */
static void end_talk(struct run *run, struct talk *talk) {
  for (size_t i = 0; i < EXCHANGES; i++)
    if (talk->exchanges[i]) cancel(run, talk->exchanges[i]);
  keep_token(run, talk);
  end_probe(talk);
  if (run->has_more || talk->is_refresh) run->ask_at = 0; /* there is room */
  invsrc_conversation_free(talk->conversation);
  free(talk);
  run->count--;
}

/* Returns 0 where memory ran out. */
static int begin(struct run *run, struct talk *talk, size_t slot, int32_t number,
                 const invsrc_http_request *request) {
  struct exchange *begun = take_exchange(run);

  if (!begun) return 0;
  begun->talk = talk;
  begun->number = number;
  begun->waited = waited(run);
  talk->exchanges[slot] = begun;
  ivs_hop_begin(&begun->hop, run->guard, request, begun->reply);
  if (request->looks) {
    begun->hop.look = look;
    begun->hop.context = begun;
  }
  go_on(run, begun);
  return 1;
}

/* What has come of a stream may be enough now that another exchange was answered. */
static void look_again(struct run *run, struct talk *talk) {
  for (size_t i = 0; i < EXCHANGES; i++) {
    struct exchange *exchange = talk->exchanges[i];
    if (!exchange || !exchange->hop.look || exchange->hop.found.part != IVS_HOP_BODY ||
        !look(exchange, exchange->reply))
      continue;
    curl_multi_remove_handle(run->running.multi, exchange->handle);
    exchange->hop.found.complete = 1;
    ivs_hop_arrive(&exchange->hop, CURLE_OK);
    finish(run, exchange);
  }
}

static void come_to(struct talk *talk, int32_t outcome, const char *reason) {
  talk->outcome = outcome;
  talk->reason = reason;
}

/* Makes the requests that the conversation has, or takes what it came to. */
static void advance(struct run *run, struct talk *talk) {
  const invsrc_http_request *request;
  int32_t number;
  int under_way = 0;

  look_again(run, talk);
  talk->moved = 0;
  for (size_t i = 0; i < EXCHANGES; i++)
    while (!talk->exchanges[i] && !invsrc_conversation_outcome(talk->conversation, NULL)) {
      number = invsrc_conversation_next(talk->conversation, &request);
      if (number <= 0) break;
      if (begin(run, talk, i, number, request)) continue;
      come_to(talk, INVSRC_OUTCOME_UNAVAILABLE, no_memory);
      return;
    }
  talk->outcome = invsrc_conversation_outcome(talk->conversation, &talk->reason);
  if (talk->outcome == INVSRC_OUTCOME_FAILED && talk->ours)
    come_to(talk, INVSRC_OUTCOME_UNAVAILABLE, talk->ours);
  for (size_t i = 0; i < EXCHANGES; i++) under_way |= talk->exchanges[i] != NULL;
  if (!talk->outcome && !under_way)
    come_to(talk, INVSRC_OUTCOME_FAILED, "the conversation came to nothing");
}

/* Only what was got with this credential for this source is used. */
static int32_t find_token(struct run *run, struct talk *talk, int64_t now, ivs_buffer *token) {
  const invsrc_source *source = invsrc_probe_source(talk->probe);
  const char *kind = invsrc_source_text(source, INVSRC_SOURCE_AUTHENTICATION_TYPE, NULL);
  uint64_t id_length, length;
  const char *id = invsrc_source_text(source, INVSRC_SOURCE_ID, &id_length);
  const void *credential = invsrc_probe_credential(talk->probe, &length);

  if (!kind || strcmp(kind, "JWT") != 0 || !id || !credential) return INVSRC_OK;
  if (ivs_token_key_make(&talk->key, id, (size_t)id_length, credential, (size_t)length) !=
      INVSRC_OK)
    return INVSRC_OK; /* it is asked for anew */
  talk->has_key = 1;
  return ivs_tokens_get(run->agents->tokens, &talk->key, now, token);
}

static int32_t new_refresh(const struct run *run, struct talk *talk) {
  invsrc_oauth_setup setup = {.size = sizeof setup, .allow_http = (uint32_t)run->guard->allow_http};
  uint64_t length;
  const void *credential = invsrc_probe_credential(talk->probe, &length);

  talk->is_refresh = 1;
  if (run->agents->time_limit < REFRESH_MS) talk->deadline = ivs_hop_now() + REFRESH_MS;
  if (ivs_world_now(&run->agents->world, &setup.now) != INVSRC_OUTCOME_OK)
    return INVSRC_EUNAVAILABLE;
  return invsrc_conversation_new_oauth_refresh(credential, length, &setup, &talk->conversation);
}

static int32_t new_probe(struct run *run, struct talk *talk) {
  const invsrc_agents *agents = run->agents;
  invsrc_probe_setup setup = {.size = sizeof setup,
                              .assertion_seconds = agents->assertion_seconds,
                              .tool = invsrc_probe_tool(talk->probe),
                              .api_key_header = agents->api_key_header.bytes,
                              .allow_http = (uint32_t)run->guard->allow_http};
  uint8_t random[INVSRC_CONVERSATION_RANDOM];
  ivs_buffer token = IVS_BUFFER_EMPTY;
  int32_t result = INVSRC_EUNAVAILABLE;
  const void *credential;
  uint64_t length;

  if (ivs_world_now(&agents->world, &setup.now) != INVSRC_OUTCOME_OK ||
      ivs_world_random(&agents->world, random, sizeof random) != INVSRC_OUTCOME_OK)
    goto done;
  setup.random = random;
  result = find_token(run, talk, setup.now, &token);
  if (result != INVSRC_OK) goto done;
  setup.access_token = token.bytes;
  credential = invsrc_probe_credential(talk->probe, &length);
  result = invsrc_conversation_new(invsrc_probe_source(talk->probe), credential, length, &setup,
                                   &talk->conversation);
done:
  ivs_buffer_end(&token);
  OPENSSL_cleanse(random, sizeof random);
  return result;
}

static int32_t new_conversation(struct run *run, struct talk *talk) {
  return invsrc_probe_is_refresh(talk->probe) ? new_refresh(run, talk) : new_probe(run, talk);
}

static const struct {
  int32_t result; /* of new_conversation() */
  int32_t outcome;
  const char *reason;
} beginnings[] = {
    {INVSRC_ENOMEM, INVSRC_OUTCOME_UNAVAILABLE, no_memory},
    {INVSRC_EUNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE, "the clock or the entropy failed"},
    {INVSRC_ECRYPTO, INVSRC_OUTCOME_FAILED, IVS_JWT_NO_SIGNATURE},
    {INVSRC_EINVAL, INVSRC_OUTCOME_FAILED, "the source cannot be probed"},
};

/* Ends a probe whose conversation does not begin. */
static void end_early(invsrc_probe *probe, int32_t result) {
  const char *reason;
  size_t i = 0;

  while (i + 1 < sizeof beginnings / sizeof *beginnings && beginnings[i].result != result) i++;
  reason = beginnings[i].reason;
  if (result == INVSRC_EINVAL && invsrc_probe_is_refresh(probe))
    reason = "the stored tokens cannot be refreshed";
  invsrc_probe_end(probe, beginnings[i].outcome, reason);
}

static void open_talk(struct run *run, invsrc_probe *probe) {
  struct talk *opened = calloc(1, sizeof *opened);
  int32_t result;

  if (!opened) {
    end_early(probe, INVSRC_ENOMEM);
    return;
  }
  opened->probe = probe;
  opened->waited = waited(run);
  opened->deadline = ivs_hop_now() + run->agents->time_limit;
  opened->moved = 1;
  result = new_conversation(run, opened);
  if (result == INVSRC_OK) {
    invsrc_probe_forget(probe);
    *run->end = opened;
    run->end = &opened->next;
    run->count++;
    return;
  }
  free(opened);
  end_early(probe, result);
}

/* ---- The run ------------------------------------------------------------- */

/* Takes probes while there is room, but not so many that those under way are kept
 * waiting. Returns 0 when there are none, or none are to be taken. */
static int take_probes(struct run *run) {
  int64_t start = ivs_hop_now();
  invsrc_probe *probe;

  if (ivs_agents_are_stopped(run->agents)) return 0;
  if (run->count && start < run->ask_at) return 1;
  for (int i = 0; i < OPENED_AT_ONCE && run->count < run->agents->parallel; i++) {
    if (i > 0 && ivs_hop_now() - start >= OPENED_MS) break;
    probe = invsrc_probes_next(run->probes);
    run->has_more = probe != NULL;
    if (!probe) {
      run->ask_at = ivs_hop_now() + PAUSE_MS;
      return 0;
    }
    open_talk(run, probe);
  }
  return 1;
}

/* Waits for sockets, but no longer than until a probe is late or more are asked for. */
static int carry(struct run *run) {
  int64_t until = run->late_at;
  int64_t left;
  int running;
  int good;

  if (run->count < run->agents->parallel && run->ask_at < until) until = run->ask_at;
  left = until - ivs_hop_now();
  run->waited = waited(run);
  good = curl_multi_poll(run->running.multi, NULL, 0, left > 0 ? (int)left : 0, NULL) == CURLM_OK &&
         curl_multi_perform(run->running.multi, &running) == CURLM_OK;
  run->left_at = ivs_hop_now();
  return good;
}

static void collect(struct run *run) {
  struct exchange *exchange;
  CURLMsg *message;
  CURLcode code;
  int left;

  while ((message = curl_multi_info_read(run->running.multi, &left))) {
    if (message->msg != CURLMSG_DONE) continue;
    code = message->data.result; /* the message goes with the handle */
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
    curl_multi_remove_handle(run->running.multi, exchange->handle);
    ivs_hop_arrive(&exchange->hop, code);
    go_on(run, exchange);
  }
}

static void be_late(const struct run *run, struct talk *talk) {
  if (waited(run) - talk->waited > WAITED_MS) {
    come_to(talk, INVSRC_OUTCOME_UNAVAILABLE, too_busy);
    return;
  }
  ivs_hop_write_late(run->agents->time_limit, talk->late);
  come_to(talk, INVSRC_OUTCOME_UNREACHABLE, talk->late);
}

/* Ends the exchanges of a refresh that are late. Returns whether there were any. */
static int time_out(struct run *run, struct talk *talk, int64_t now) {
  for (size_t i = 0; i < EXCHANGES; i++) {
    struct exchange *exchange = talk->exchanges[i];
    if (exchange && now >= exchange->hop.deadline) {
      curl_multi_remove_handle(run->running.multi, exchange->handle);
      ivs_hop_arrive(&exchange->hop, CURLE_OPERATION_TIMEDOUT);
      finish(run, exchange);
    } else if (exchange && exchange->hop.deadline < run->late_at) {
      run->late_at = exchange->hop.deadline;
    }
  }
  return talk->moved;
}

/* Lets those that heard something go on, and finds those that were late when sockets were last
 * looked at: nobody is for what has come since. */
static void tend(struct run *run) {
  int64_t now = run->left_at;

  run->late_at = INT64_MAX;
  for (struct talk *talk = run->talks; talk; talk = talk->next) {
    if (!talk->outcome && talk->moved) advance(run, talk);
    if (!talk->outcome && talk->is_refresh && time_out(run, talk, now)) advance(run, talk);
    if (!talk->outcome && now >= talk->deadline) be_late(run, talk);
    if (!talk->outcome && talk->deadline < run->late_at) run->late_at = talk->deadline;
  }
}

/* Ends those that came to something, the oldest first, and as many as there is time for. */
static void end_talks(struct run *run) {
  struct talk **at = &run->talks;
  int64_t start = ivs_hop_now();
  struct talk *talk;

  while ((talk = *at)) {
    if (!talk->outcome) {
      at = &talk->next;
      continue;
    }
    if (ivs_hop_now() - start >= ENDED_MS) {
      run->late_at = start; /* it is not kept waiting */
      return;
    }
    *at = talk->next;
    end_talk(run, talk);
  }
  run->end = at;
}

/* Those that are stopped leave refreshes to come to their end: tokens that a server has given
 * out must not be lost. */
static void stop(struct run *run) {
  run->ask_at = INT64_MAX;
  for (struct talk *talk = run->talks; talk; talk = talk->next)
    if (!talk->outcome && !talk->is_refresh) come_to(talk, INVSRC_OUTCOME_UNAVAILABLE, stopped);
}

static void break_off(struct run *run, const char *reason) {
  struct talk *talk;

  while ((talk = run->talks)) {
    run->talks = talk->next;
    if (!talk->outcome) come_to(talk, INVSRC_OUTCOME_UNAVAILABLE, reason);
    end_talk(run, talk);
  }
  run->end = &run->talks;
}

/* Each agent has two connections at most, and some are kept between two requests. */
static int set_bounds(const struct run *run) {
  long parallel = (long)run->agents->parallel;

  return curl_multi_setopt(run->running.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                           EXCHANGES * parallel) == CURLM_OK &&
         curl_multi_setopt(run->running.multi, CURLMOPT_MAXCONNECTS, parallel) == CURLM_OK &&
         curl_multi_setopt(run->running.multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK;
}

static void free_spare(struct run *run) {
  struct exchange *gone;

  while ((gone = run->spare)) {
    run->spare = gone->next;
    free_exchange(gone);
  }
}

int32_t ivs_agents_run(invsrc_agents *agents, invsrc_probes *probes) {
  struct run run = {.agents = agents, .guard = ivs_curl_guard(agents->curl), .probes = probes};
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;

  run.end = &run.talks;
  run.left_at = ivs_hop_now();
  run.running.multi = curl_multi_init();
  if (!run.running.multi) return outcome;
  ivs_agents_register(agents, &run.running);
  if (!set_bounds(&run)) goto done;
  while (take_probes(&run) || run.count) {
    if (ivs_agents_are_stopped(agents)) stop(&run);
    tend(&run);
    end_talks(&run);
    if (!run.count) continue;
    if (!carry(&run)) goto done;
    collect(&run);
  }
  outcome = INVSRC_OUTCOME_OK;
done:
  break_off(&run, "libcurl failed");
  ivs_agents_unregister(agents, &run.running);
  free_spare(&run);
  curl_multi_cleanup(run.running.multi);
  return outcome;
}
