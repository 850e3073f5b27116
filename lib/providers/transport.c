/*
 * The HTTP transport: one exchange at a time for each thread, on handles that are kept with
 * their connections. What an exchange is, and what it may not do, is in hop.h.
 */
#include "providers/transport.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/uri.h"

#define KEPT_HANDLES 8 /* with their connections, for the next exchanges */

struct invsrc_curl {
  ivs_guard guard;
  pthread_mutex_t lock; /* guards what follows */
  size_t kept_count;
  CURL *kept[KEPT_HANDLES];
};

const ivs_guard *ivs_curl_guard(const invsrc_curl *curl) {
  return &curl->guard;
}

static CURL *take_handle(invsrc_curl *curl) {
  CURL *handle = NULL;

  pthread_mutex_lock(&curl->lock);
  if (curl->kept_count) handle = curl->kept[--curl->kept_count];
  pthread_mutex_unlock(&curl->lock);
  return handle ? handle : curl_easy_init();
}

static void give_handle(invsrc_curl *curl, CURL *handle) {
  if (!handle) return;
  curl_easy_reset(handle); /* it points to the request no more */
  pthread_mutex_lock(&curl->lock);
  if (curl->kept_count < KEPT_HANDLES) {
    curl->kept[curl->kept_count++] = handle;
    handle = NULL;
  }
  pthread_mutex_unlock(&curl->lock);
  curl_easy_cleanup(handle);
}

static int32_t exchange(void *context, const invsrc_http_request *request,
                        invsrc_http_reply *reply) {
  invsrc_curl *curl = context;
  CURL *handle;
  int32_t outcome;
  ivs_hop hop;

  if (!curl || !request || !reply) return INVSRC_OUTCOME_FAILED;
  handle = take_handle(curl);
  ivs_hop_begin(&hop, &curl->guard, request, reply);
  while (ivs_hop_go(&hop, handle)) ivs_hop_arrive(&hop, curl_easy_perform(handle));
  give_handle(curl, handle);
  outcome = ivs_hop_end(&hop);
  /* Memory may be there again, so that is no failure for good. */
  return ivs_hop_lacks_memory(&hop) ? INVSRC_OUTCOME_UNAVAILABLE : outcome;
}

/* ---- The object ---------------------------------------------------------- */

/* From a file libcurl reads the system's certificates once for many connections; from a
 * folder, for each: a megabyte and 30 ms. */
static const char *system_ca_file(void) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

  if (info->age < CURLVERSION_SEVENTH || !info->cainfo) return NULL;
  return access(info->cainfo, R_OK) == 0 ? info->cainfo : NULL;
}

int32_t invsrc_curl_new(invsrc_curl **curl, invsrc_error *error) {
  invsrc_curl *fresh;

  if (!curl) return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  *curl = NULL;
  fresh = calloc(1, sizeof *fresh);
  if (!fresh || pthread_mutex_init(&fresh->lock, NULL) != 0) {
    free(fresh);
    ivs_error_set(error, INVSRC_ENOMEM, INVSRC_NO_OFFSET, "memory ran out");
    return INVSRC_ENOMEM;
  }
  /* The first handle: it starts libcurl, where nobody has. */
  fresh->kept[0] = curl_easy_init();
  if (!fresh->kept[0]) {
    invsrc_curl_free(fresh);
    ivs_error_set(error, INVSRC_EIO, INVSRC_NO_OFFSET, "libcurl does not start");
    return INVSRC_EIO;
  }
  fresh->kept_count = 1;
  fresh->guard.system_ca_file = system_ca_file();
  *curl = fresh;
  return INVSRC_OK;
}

void invsrc_curl_free(invsrc_curl *curl) {
  if (!curl) return;
  while (curl->kept_count) curl_easy_cleanup(curl->kept[--curl->kept_count]);
  ivs_buffer_end(&curl->guard.ca_file);
  ivs_buffer_end(&curl->guard.proxy);
  pthread_mutex_destroy(&curl->lock);
  free(curl);
}

static int32_t set_switch(int *slot, int32_t on) {
  if (on != 0 && on != 1) return INVSRC_EINVAL;
  *slot = on;
  return INVSRC_OK;
}

int32_t invsrc_curl_set_allow_http(invsrc_curl *curl, int32_t on) {
  return curl ? set_switch(&curl->guard.allow_http, on) : INVSRC_EINVAL;
}

int32_t invsrc_curl_set_allow_private(invsrc_curl *curl, int32_t on) {
  return curl ? set_switch(&curl->guard.allow_private, on) : INVSRC_EINVAL;
}

/* NULL unsets; an empty text would mean the same and is a mistake. */
static int32_t set_text(ivs_buffer *slot, const char *text) {
  if (text && !*text) return INVSRC_EINVAL;
  if (text) return ivs_buffer_set(slot, text, strlen(text));
  ivs_buffer_end(slot);
  return INVSRC_OK;
}

int32_t invsrc_curl_set_ca_file(invsrc_curl *curl, const char *path) {
  return curl ? set_text(&curl->guard.ca_file, path) : INVSRC_EINVAL;
}

/* Proxies that are given the name and not an address of it: what a name resolves
 * to is then the proxy's to judge. */
static int is_proxy_url(const char *url) {
  static const char *const schemes[] = {"http", "https", "socks5h"};
  const char *reason;
  size_t offset;
  ivs_uri uri;

  if (ivs_uri_parse(url, strlen(url), &uri, &reason, &offset) != INVSRC_OK) return 0;
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
    if (ivs_uri_scheme_is(&uri, schemes[i])) return uri.host.length > 0;
  return 0;
}

int32_t invsrc_curl_set_proxy(invsrc_curl *curl, const char *url) {
  if (!curl || (url && !is_proxy_url(url))) return INVSRC_EINVAL;
  return set_text(&curl->guard.proxy, url);
}

const invsrc_transport_vtable *invsrc_curl_transport(void) {
  static const invsrc_transport_vtable table = {
      .size = sizeof(invsrc_transport_vtable),
      .exchange = exchange,
  };

  return &table;
}
