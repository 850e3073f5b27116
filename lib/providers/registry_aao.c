/*
 * The AAO registry as a provider: carries the conversation of agents/aao on a
 * transport, and keeps what was answered: the catalogue, and the lists of the
 * operators that were asked for lately. Threads share a question that is under
 * way. What follows from an answer is not decided here.
 */
#include <invsrc/providers.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agents/aao.h"
#include "core/error.h"
#include "core/uri.h"

#define LONGEST_API_KEY 1024
#define LONGEST_TIME_TO_LIVE 86400
#define HOSTS 1024      /* whose operators' lists are kept; the oldest makes room */
#define LONGEST_WAIT 60 /* seconds that a thread waits for another's question */
#define LONGEST_MESSAGE 256
#define LATEST INT64_C(253402300799999) /* of a host's clock: the end of year 9999 */

/* When a question was left without an answer, and how long not to repeat it. */
struct pause {
  int64_t since;
  int64_t length;
  unsigned failures; /* in a row */
};

/* The operator's list of one host. */
struct host {
  int used;
  int asking; /* some thread asks for it; then it keeps its place */
  ivs_aao_key key;
  ivs_aao_set *set; /* NULL while it is asked for, and where there was no answer */
  int64_t asked_at;
  struct pause pause; /* for this host; what was wrong may be about it alone */
};

struct invsrc_aao {
  ivs_buffer base;
  ivs_buffer api_key;
  invsrc_transport_vtable transport;
  void *transport_context;
  invsrc_world_vtable world;
  void *world_context;
  int64_t time_to_live; /* milliseconds */

  pthread_mutex_t lock; /* guards what follows; not held while a callback runs */
  pthread_cond_t changed;
  uint64_t changes;       /* counts the answers and failures that came in */
  int refreshing;         /* some thread asks for the catalogue */
  ivs_aao_set *catalogue; /* also one past its life: it may prove to be unchanged */
  int64_t catalogue_at;
  ivs_buffer etag;
  ivs_buffer last_modified;
  struct pause refresh_pause;
  struct pause ask_pause;
  struct host *hosts;
};

/* One look-up, on the stack of its thread. */
struct lookup {
  invsrc_aao *aao;
  ivs_slice host; /* of the endpoint */
  ivs_aao_key host_key;
  ivs_aao_key url_key;
  int64_t now;
  int refreshed; /* it asked for the catalogue, or waited for it */
  int asked;     /* the same for the operator's list */
};

/* ---- The world ----------------------------------------------------------- */

/* Ages want a clock that nobody sets and that does not stand still in a sleep. */
#ifdef CLOCK_BOOTTIME
#define CLOCK_OF_AGES CLOCK_BOOTTIME
#else
#define CLOCK_OF_AGES CLOCK_MONOTONIC
#endif

static int32_t read_system_clock(int64_t *now) {
  struct timespec time;

  if (clock_gettime(CLOCK_OF_AGES, &time) != 0) return INVSRC_OUTCOME_FAILED;
  *now = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
  return INVSRC_OUTCOME_OK;
}

static int32_t read_clock(const invsrc_aao *aao, int64_t *now) {
  int32_t outcome =
      aao->world.now ? aao->world.now(aao->world_context, now) : read_system_clock(now);

  if (outcome == INVSRC_OUTCOME_UNAVAILABLE) return outcome;
  return outcome == INVSRC_OUTCOME_OK && *now >= 0 && *now <= LATEST ? outcome
                                                                     : INVSRC_OUTCOME_FAILED;
}

static void warn(const invsrc_aao *aao, const char *what, const char *reason) {
  char message[LONGEST_MESSAGE];
  int length = snprintf(message, sizeof message, "AAO registry: no %s: %s", what, reason);

  if (length < 0 || !aao->world.log) return;
  if (length >= LONGEST_MESSAGE) length = LONGEST_MESSAGE - 1;
  aao->world.log(aao->world_context, INVSRC_LOG_WARNING, message, (uint64_t)length);
}

/* ---- Questions ----------------------------------------------------------- */

/* What a question brought, and when. */
struct news {
  invsrc_http_reply *reply;
  ivs_aao_answer answer;
  int32_t clock; /* outcome of reading it; `at` is set where it is OK */
  int64_t at;
};

/* Carries a request; without the lock. INVSRC_OK, with or without an answer, or
 * INVSRC_ENOMEM. */
static int32_t carry(const invsrc_aao *aao, const ivs_aao_request *request, const char *what,
                     struct news *news) {
  int32_t outcome, code;

  news->reply = invsrc_http_reply_new();
  if (!news->reply) return INVSRC_ENOMEM;
  outcome = aao->transport.exchange(aao->transport_context, &request->http, news->reply);
  code = ivs_aao_answer_read(&news->answer, request, outcome, news->reply);
  news->clock = read_clock(aao, &news->at);
  if (news->answer.reason[0]) warn(aao, what, news->answer.reason);
  return code;
}

static void end_news(struct news *news) {
  ivs_aao_answer_end(&news->answer);
  invsrc_http_reply_free(news->reply);
}

static struct pause pause_after(const struct lookup *lookup, const struct news *news,
                                unsigned failures) {
  int64_t took = news->at - lookup->now;

  return (struct pause){news->at, ivs_aao_pause(&news->answer, took, failures), failures};
}

/* Waits until another thread's question is answered: bounded, for the transport
 * may be a host's. Comes and goes with the lock. */
static void wait_while(const struct lookup *lookup, int (*pending)(const struct lookup *)) {
  struct timespec until;

  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += LONGEST_WAIT;
  while (pending(lookup))
    if (pthread_cond_timedwait(&lookup->aao->changed, &lookup->aao->lock, &until) != 0) break;
}

static void tell_waiters(invsrc_aao *aao) {
  aao->changes++;
  pthread_cond_broadcast(&aao->changed);
}

/* ---- The catalogue ------------------------------------------------------- */

static int is_refreshing(const struct lookup *lookup) {
  return lookup->aao->refreshing;
}

static const char *text_or_null(const ivs_buffer *buffer) {
  return buffer->length ? buffer->bytes : NULL;
}

/* Keeps a validator for the next question; one that finds no memory is forgotten. */
static void keep_validator(ivs_buffer *slot, const struct news *news, const char *name) {
  const char *value = ivs_aao_validator(news->reply, name);

  ivs_buffer_end(slot);
  if (value) ivs_buffer_append_text(slot, value);
  if (slot->failed) ivs_buffer_end(slot);
}

/* An answer is as old as its question: it may have been written at once. */
static void keep_catalogue(invsrc_aao *aao, struct news *news, int64_t asked_at) {
  if (news->answer.set) {
    ivs_aao_set_free(aao->catalogue);
    aao->catalogue = news->answer.set;
    news->answer.set = NULL;
    keep_validator(&aao->etag, news, "ETag");
    keep_validator(&aao->last_modified, news, "Last-Modified");
  }
  aao->catalogue_at = asked_at;
  aao->refresh_pause = (struct pause){0, 0, 0};
}

/* Asks for the catalogue, or waits for the thread that does. Comes and goes with
 * the lock. INVSRC_OK or INVSRC_ENOMEM. */
static int32_t refresh(struct lookup *lookup) {
  invsrc_aao *aao = lookup->aao;
  ivs_aao_site site = {aao->base.bytes, text_or_null(&aao->api_key)};
  const char *etag = text_or_null(&aao->etag), *last_modified = text_or_null(&aao->last_modified);
  ivs_aao_request request;
  struct news news = {0};
  int32_t code;

  lookup->refreshed = 1;
  if (aao->refreshing) {
    wait_while(lookup, is_refreshing);
    return INVSRC_OK;
  }
  aao->refreshing = 1;
  code = ivs_aao_request_catalogue(&request, &site, etag, last_modified);
  pthread_mutex_unlock(&aao->lock);
  if (code == INVSRC_OK) code = carry(aao, &request, "catalogue", &news);
  pthread_mutex_lock(&aao->lock);
  aao->refreshing = 0;
  if (code == INVSRC_OK && news.clock == INVSRC_OUTCOME_OK) {
    if (news.answer.set || news.answer.unchanged)
      keep_catalogue(aao, &news, lookup->now);
    else
      aao->refresh_pause = pause_after(lookup, &news, aao->refresh_pause.failures + 1);
  }
  tell_waiters(aao);
  ivs_aao_request_end(&request);
  end_news(&news);
  return code;
}

/* ---- The operators' lists ------------------------------------------------ */

static struct host *find_host(const struct lookup *lookup) {
  struct host *hosts = lookup->aao->hosts;

  for (size_t i = 0; i < HOSTS; i++)
    if (hosts[i].used && memcmp(&hosts[i].key, &lookup->host_key, sizeof hosts[i].key) == 0)
      return &hosts[i];
  return NULL;
}

static int is_asking(const struct lookup *lookup) {
  const struct host *host = find_host(lookup);

  return host && host->asking;
}

static void forget_host(struct host *host) {
  ivs_aao_set_free(host->set);
  memset(host, 0, sizeof *host);
}

static struct host *oldest(struct host *hosts) {
  struct host *found = NULL;

  for (size_t i = 0; i < HOSTS; i++)
    if (!hosts[i].asking && (!found || hosts[i].asked_at < found->asked_at)) found = &hosts[i];
  return found;
}

/* A place for the host, emptied: its own, a free one or the oldest's; NULL where
 * all of them are being asked for. */
static struct host *make_room(const struct lookup *lookup) {
  struct host *hosts = lookup->aao->hosts, *room = find_host(lookup);

  for (size_t i = 0; i < HOSTS && !room; i++)
    if (!hosts[i].used) room = &hosts[i];
  if (!room) room = oldest(hosts);
  if (room) forget_host(room);
  return room;
}

/* Keeps what a host's question came to: its list; where there was no answer, the pauses
 * that follow, for this host and for all; or nothing where that is not known. */
static void keep_host(struct lookup *lookup, struct host *host, struct news *news, int32_t code) {
  host->asking = 0;
  if (code != INVSRC_OK || news->clock != INVSRC_OUTCOME_OK) {
    forget_host(host);
  } else if (news->answer.set) {
    host->set = news->answer.set;
    news->answer.set = NULL;
    host->pause = (struct pause){0, 0, 0};
  } else {
    host->pause = pause_after(lookup, news, host->pause.failures + 1);
    lookup->aao->ask_pause = pause_after(lookup, news, 0);
  }
}

/* Asks for the list of the endpoint's operator, or waits for the thread that
 * does. Comes and goes with the lock. INVSRC_OK or INVSRC_ENOMEM. */
static int32_t ask(struct lookup *lookup) {
  invsrc_aao *aao = lookup->aao;
  ivs_aao_site site = {aao->base.bytes, text_or_null(&aao->api_key)};
  struct news news = {0};
  ivs_aao_request request;
  struct host *host = find_host(lookup);
  unsigned failures = host ? host->pause.failures : 0;
  int32_t code;

  lookup->asked = 1;
  if (is_asking(lookup)) {
    wait_while(lookup, is_asking);
    return INVSRC_OK;
  }
  host = make_room(lookup);
  if (!host) return INVSRC_OK;
  *host = (struct host){.used = 1,
                        .asking = 1,
                        .key = lookup->host_key,
                        .asked_at = lookup->now,
                        .pause = {0, 0, failures}};
  pthread_mutex_unlock(&aao->lock);
  code = ivs_aao_request_operator(&request, &site, lookup->host.text, lookup->host.length);
  if (code == INVSRC_OK) code = carry(aao, &request, "list of the operator's agents", &news);
  pthread_mutex_lock(&aao->lock);
  keep_host(lookup, host, &news, code);
  tell_waiters(aao);
  ivs_aao_request_end(&request);
  end_news(&news);
  return code;
}

/* ---- The look-up --------------------------------------------------------- */

static int is_paused(const struct pause *pause, int64_t now) {
  return ivs_aao_is_within(now, pause->since, pause->length);
}

static ivs_aao_view look(const struct lookup *lookup) {
  const invsrc_aao *aao = lookup->aao;
  const struct host *host = find_host(lookup);
  int64_t now = lookup->now;
  int is_known = host && ivs_aao_is_within(now, host->asked_at, IVS_AAO_MINUTE);
  int is_spared = is_paused(&aao->ask_pause, now) || (host && is_paused(&host->pause, now));
  ivs_aao_view view = {
      .is_listed = ivs_aao_set_has(aao->catalogue, &lookup->url_key),
      .can_refresh = !lookup->refreshed && !is_paused(&aao->refresh_pause, now),
      .operator_list = ivs_aao_operator_list(is_known ? host->set : NULL, &lookup->url_key),
      .can_ask = !lookup->asked && !is_spared,
  };

  if (aao->catalogue && ivs_aao_is_within(now, aao->catalogue_at, aao->time_to_live))
    view.catalogue =
        ivs_aao_is_within(now, aao->catalogue_at, IVS_AAO_MINUTE) ? IVS_AAO_FRESH : IVS_AAO_LIVE;
  return view;
}

/* Reads the clock, so that it is later than all that the lock shows. Comes and
 * goes with the lock. */
static int32_t set_now(struct lookup *lookup) {
  invsrc_aao *aao = lookup->aao;
  uint64_t changes;
  int32_t outcome;

  do {
    changes = aao->changes;
    pthread_mutex_unlock(&aao->lock);
    outcome = read_clock(aao, &lookup->now);
    pthread_mutex_lock(&aao->lock);
  } while (outcome == INVSRC_OUTCOME_OK && changes != aao->changes);
  return outcome;
}

/* Asks what the decision wants asked, each question once at most. */
static int32_t find_out(struct lookup *lookup) {
  for (;;) {
    ivs_aao_view view;
    int32_t step, code;
    int32_t outcome = set_now(lookup);
    if (outcome != INVSRC_OUTCOME_OK) return outcome;
    view = look(lookup);
    step = ivs_aao_decide(&view);
    if (step > 0) return step;
    code = step == IVS_AAO_DO_REFRESH ? refresh(lookup) : ask(lookup);
    if (code != INVSRC_OK) return ivs_aao_outcome(code);
  }
}

static int32_t lookup(void *context, const char *endpoint_url, uint64_t length) {
  struct lookup lookup = {.aao = context};
  const char *reason;
  size_t offset;
  ivs_uri uri;
  int32_t code, outcome;

  if (!context || !endpoint_url) return INVSRC_OUTCOME_FAILED;
  code = ivs_url_parse(endpoint_url, (size_t)length, &uri, &reason, &offset);
  if (code == INVSRC_OK) code = ivs_aao_key_of_url(endpoint_url, (size_t)length, &lookup.url_key);
  if (code == INVSRC_OK)
    code = ivs_aao_key_of_host(uri.host.text, uri.host.length, &lookup.host_key);
  if (code != INVSRC_OK) return ivs_aao_outcome(code);
  lookup.host = uri.host;
  pthread_mutex_lock(&lookup.aao->lock);
  outcome = find_out(&lookup);
  pthread_mutex_unlock(&lookup.aao->lock);
  return outcome;
}

/* ---- The object ---------------------------------------------------------- */

/* Waiting is by the monotonic clock, so that setting the time wakes nobody. */
static int start_lock(invsrc_aao *aao) {
  pthread_condattr_t attributes;
  int failed;

  if (pthread_mutex_init(&aao->lock, NULL) != 0) return INVSRC_ENOMEM;
  failed = pthread_condattr_init(&attributes);
  if (!failed) {
    failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) ||
             pthread_cond_init(&aao->changed, &attributes);
    pthread_condattr_destroy(&attributes);
  }
  if (!failed) return INVSRC_OK;
  pthread_mutex_destroy(&aao->lock);
  return INVSRC_ENOMEM;
}

static int32_t report(invsrc_error *error, int32_t code) {
  ivs_error_set(error, code, INVSRC_NO_OFFSET, "%s",
                code == INVSRC_ENOMEM ? "memory ran out" : invsrc_strerror(code));
  return code;
}

int32_t invsrc_aao_new(const char *base_url, const invsrc_transport_vtable *transport,
                       void *transport_context, invsrc_aao **aao, invsrc_error *error) {
  invsrc_aao *fresh;
  int32_t code = INVSRC_ENOMEM;

  if (aao) *aao = NULL;
  if (!aao || !base_url || !transport || transport->size < sizeof *transport ||
      !transport->exchange)
    return report(error, INVSRC_EINVAL);
  fresh = calloc(1, sizeof *fresh);
  if (!fresh) return report(error, INVSRC_ENOMEM);
  fresh->transport = *transport;
  fresh->transport_context = transport_context;
  fresh->time_to_live = IVS_AAO_TIME_TO_LIVE * INT64_C(1000);
  fresh->hosts = calloc(HOSTS, sizeof *fresh->hosts);
  if (fresh->hosts) code = ivs_aao_base_read(base_url, &fresh->base, error);
  if (code == INVSRC_OK) code = start_lock(fresh);
  if (code == INVSRC_OK) {
    *aao = fresh;
    return INVSRC_OK;
  }
  ivs_buffer_end(&fresh->base);
  free(fresh->hosts);
  free(fresh);
  return code == INVSRC_ENOMEM ? report(error, code) : code;
}

void invsrc_aao_free(invsrc_aao *aao) {
  if (!aao) return;
  for (size_t i = 0; i < HOSTS; i++) forget_host(&aao->hosts[i]);
  free(aao->hosts);
  ivs_aao_set_free(aao->catalogue);
  ivs_buffer_end(&aao->etag);
  ivs_buffer_end(&aao->last_modified);
  ivs_buffer_end(&aao->api_key);
  ivs_buffer_end(&aao->base);
  pthread_cond_destroy(&aao->changed);
  pthread_mutex_destroy(&aao->lock);
  free(aao);
}

int32_t invsrc_aao_set_api_key(invsrc_aao *aao, const char *key) {
  if (!aao) return INVSRC_EINVAL;
  if (!key) {
    ivs_buffer_end(&aao->api_key);
    return INVSRC_OK;
  }
  if (!*key || strlen(key) > LONGEST_API_KEY) return INVSRC_EINVAL;
  for (const char *c = key; *c; c++)
    if (*c <= ' ' || *c > '~') return INVSRC_EINVAL;
  return ivs_buffer_set(&aao->api_key, key, strlen(key));
}

int32_t invsrc_aao_set_time_to_live(invsrc_aao *aao, uint32_t seconds) {
  if (!aao || seconds < 1 || seconds > LONGEST_TIME_TO_LIVE) return INVSRC_EINVAL;
  aao->time_to_live = seconds * INT64_C(1000);
  return INVSRC_OK;
}

int32_t invsrc_aao_set_world(invsrc_aao *aao, const invsrc_world_vtable *vtable, void *context) {
  invsrc_world_vtable world = {0};

  if (!aao || (vtable && vtable->size < 2 * sizeof(uint32_t))) return INVSRC_EINVAL;
  if (vtable) memcpy(&world, vtable, vtable->size < sizeof world ? vtable->size : sizeof world);
  aao->world = world;
  aao->world_context = context;
  return INVSRC_OK;
}

const invsrc_registry_vtable *invsrc_aao_registry(void) {
  static const invsrc_registry_vtable table = {
      .size = sizeof(invsrc_registry_vtable),
      .lookup = lookup,
  };

  return &table;
}
