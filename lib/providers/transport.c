/*
 * The HTTP transport: libcurl behind the network guard. Follows redirects itself,
 * so that each hop is judged like the first. Knows nothing of what it carries, and
 * nothing that libcurl or the peer says reaches the caller: reasons are ours.
 */
#include <curl/curl.h>
#include <invsrc/providers.h>
#include <netinet/in.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "agents/http.h"
#include "core/address.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/uri.h"

#define CONNECT_MS 5000L
#define LONGEST_HEADER 32768 /* bytes of field lines, those of 1xx answers and trailers too */
#define MOST_FIELDS 128      /* field lines of an answer, counted in the same way */
#define MOST_REQUEST_HEADERS 32
#define MOST_REDIRECTS 3
#define KEPT_HANDLES 8       /* with their connections, for the next exchanges */
#define KEPT_CONNECTIONS 4L  /* of each handle */
#define KEPT_HEADER "Accept" /* the only one that a redirected request carries on */

struct invsrc_curl {
  int allow_http;
  int allow_private;
  ivs_buffer ca_file;
  ivs_buffer proxy;
  pthread_mutex_t lock; /* guards what follows */
  size_t kept_count;
  CURL *kept[KEPT_HANDLES];
};

/* Where the header of an answer stands. */
enum part { STATUS_LINE, FIELDS, BODY };

/* One hop: what is asked, and what its callbacks found. */
struct hop {
  const invsrc_curl *curl;
  const invsrc_http_request *request;
  invsrc_http_reply *reply;
  enum part part;
  size_t header_bytes;
  size_t header_fields;
  uint64_t body_bytes;
  int opened;         /* sockets */
  int barred;         /* addresses that no socket was opened to */
  int32_t outcome;    /* set by the callback that ended it, else 0 */
  const char *reason; /* with it */
  struct curl_slist headers[MOST_REQUEST_HEADERS + 2];
};

/* What the guard and the limits say; the rest is in the table of faults below. */
static const char not_a_url[] = "not an http or https URL";
static const char is_http[] = "not an https URL";
static const char has_userinfo[] = "the URL has user information";
static const char is_private[] = "the address is private or reserved";
static const char leads_inside[] = "the name resolves to a private or reserved address";
static const char bad_request[] = "the request is malformed";
static const char no_memory[] = "memory ran out";
static const char not_http[] = "the answer is not HTTP";
static const char long_header[] = "the header of the answer is too large";
static const char many_fields[] = "the answer has too many header fields";
static const char long_body[] = "the answer is too large";
static const char is_encoded[] = "the answer is compressed";
static const char too_late[] = "took too long";

/* Ends the hop from within a callback, with the first reason that is found. */
static size_t end_hop(struct hop *hop, int32_t outcome, const char *reason) {
  if (!hop->reason) {
    hop->outcome = outcome;
    hop->reason = reason;
  }
  return 0;
}

/* ---- The guard ----------------------------------------------------------- */

/* Why the transport does not go to a URL, or NULL. */
static const char *judge_url(const invsrc_curl *curl, const char *url) {
  ivs_uri uri;
  ivs_address address;
  const char *reason;
  size_t offset;

  switch (ivs_url_parse(url, strlen(url), &uri, &reason, &offset)) {
    case INVSRC_OK:
      break;
    case INVSRC_ENOMEM:
      return no_memory;
    default:
      return not_a_url;
  }
  if (!curl->allow_http && !ivs_uri_scheme_is(&uri, "https")) return is_http;
  if (uri.userinfo.text) return has_userinfo;
  if (curl->allow_private) return NULL;
  if (ivs_address_parse(uri.host.text, uri.host.length, &address))
    return ivs_address_is_public(&address) ? NULL : is_private;
  return ivs_host_is_internal(uri.host.text, uri.host.length) ? is_private : NULL;
}

static int is_public(const struct curl_sockaddr *socket_address) {
  const void *name = &socket_address->addr; /* declared short; addrlen is the truth */
  ivs_address address = {0, {0}};
  struct sockaddr_in in;
  struct sockaddr_in6 in6;

  if (socket_address->family == AF_INET && socket_address->addrlen >= sizeof in) {
    memcpy(&in, name, sizeof in);
    address.version = 4;
    memcpy(address.bytes, &in.sin_addr, sizeof in.sin_addr);
  } else if (socket_address->family == AF_INET6 && socket_address->addrlen >= sizeof in6) {
    memcpy(&in6, name, sizeof in6);
    address.version = 6;
    memcpy(address.bytes, &in6.sin6_addr, sizeof in6.sin6_addr);
  }
  return address.version && ivs_address_is_public(&address);
}

/* Here the address is certain, whatever was resolved before. With a proxy all
 * sockets lead to it, and the host has chosen it. */
static curl_socket_t open_socket(void *context, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
  struct hop *hop = context;

  if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKET_BAD;
  if (!hop->curl->allow_private && !hop->curl->proxy.length && !is_public(address)) {
    hop->barred++;
    return CURL_SOCKET_BAD;
  }
  hop->opened++;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- The answer ---------------------------------------------------------- */

/* The fields are complete: is the body one that we read? */
static size_t end_of_fields(struct hop *hop, size_t size) {
  const char *coding = invsrc_http_reply_header(hop->reply, "Content-Encoding");
  const char *transfer = invsrc_http_reply_header(hop->reply, "Transfer-Encoding");
  const char *length = invsrc_http_reply_header(hop->reply, "Content-Length");

  hop->part = BODY;
  if (length && strchr(length, ',')) /* more than one: where does the body end? */
    return end_hop(hop, INVSRC_OUTCOME_UNAVAILABLE, not_http);
  if ((coding && !ivs_http_is_same(coding, strlen(coding), "identity")) ||
      (transfer && !ivs_http_is_same(transfer, strlen(transfer), "chunked")))
    return end_hop(hop, INVSRC_OUTCOME_REFUSED, is_encoded);
  return size;
}

/* Hears of each line of the header: of 1xx answers, of the final one, and of the
 * trailers, which are dropped. */
static size_t take_header_line(char *line, size_t one, size_t size, void *context) {
  struct hop *hop = context;
  ivs_http_field field;
  size_t length = size;

  (void)one;
  hop->header_bytes += size;
  if (hop->header_bytes > LONGEST_HEADER) return end_hop(hop, INVSRC_OUTCOME_REFUSED, long_header);
  if (++hop->header_fields > MOST_FIELDS) return end_hop(hop, INVSRC_OUTCOME_REFUSED, many_fields);
  while (length && (line[length - 1] == '\n' || line[length - 1] == '\r')) length--;
  if (hop->part != FIELDS) {
    if (length < 5 || memcmp(line, "HTTP/", 5) != 0) return size;
    ivs_http_reply_clear(hop->reply);
    hop->part = FIELDS;
    return size;
  }
  if (length == 0) return end_of_fields(hop, size);
  if (!ivs_http_field_read(line, length, &field))
    return end_hop(hop, INVSRC_OUTCOME_UNAVAILABLE, not_http);
  if (invsrc_http_reply_add_header(hop->reply, field.name, field.name_length, field.value,
                                   field.value_length) != INVSRC_OK)
    return end_hop(hop, INVSRC_OUTCOME_UNAVAILABLE, no_memory);
  return size;
}

static size_t take_body(char *bytes, size_t one, size_t size, void *context) {
  struct hop *hop = context;

  (void)one;
  if (size > hop->request->max_body - hop->body_bytes)
    return end_hop(hop, INVSRC_OUTCOME_REFUSED, long_body);
  hop->body_bytes += size;
  if (invsrc_http_reply_append_body(hop->reply, bytes, size) != INVSRC_OK)
    return end_hop(hop, INVSRC_OUTCOME_UNAVAILABLE, no_memory);
  return size;
}

/* ---- Reasons ------------------------------------------------------------- */

static const struct {
  CURLcode code;
  int32_t outcome;
  const char *reason;
} faults[] = {
    {CURLE_COULDNT_RESOLVE_HOST, INVSRC_OUTCOME_UNAVAILABLE, "the name does not resolve"},
    {CURLE_COULDNT_RESOLVE_PROXY, INVSRC_OUTCOME_UNAVAILABLE, "the proxy's name does not resolve"},
    {CURLE_PROXY, INVSRC_OUTCOME_UNAVAILABLE, "the proxy refuses"},
    {CURLE_COULDNT_CONNECT, INVSRC_OUTCOME_UNAVAILABLE, "cannot connect"},
    {CURLE_OPERATION_TIMEDOUT, INVSRC_OUTCOME_UNAVAILABLE, too_late},
    {CURLE_SSL_CONNECT_ERROR, INVSRC_OUTCOME_UNAVAILABLE, "TLS handshake failed"},
    {CURLE_SSL_CACERT_BADFILE, INVSRC_OUTCOME_FAILED, "the CA file cannot be read"},
    {CURLE_GOT_NOTHING, INVSRC_OUTCOME_UNAVAILABLE, "closed the connection without an answer"},
    {CURLE_SEND_ERROR, INVSRC_OUTCOME_UNAVAILABLE, "the connection broke"},
    {CURLE_RECV_ERROR, INVSRC_OUTCOME_UNAVAILABLE, "the connection broke"},
    {CURLE_PARTIAL_FILE, INVSRC_OUTCOME_UNAVAILABLE, "the answer was cut short"},
    {CURLE_FILESIZE_EXCEEDED, INVSRC_OUTCOME_REFUSED, long_body},
    {CURLE_WEIRD_SERVER_REPLY, INVSRC_OUTCOME_UNAVAILABLE, not_http},
    {CURLE_UNSUPPORTED_PROTOCOL, INVSRC_OUTCOME_UNAVAILABLE, not_http},
    {CURLE_OUT_OF_MEMORY, INVSRC_OUTCOME_UNAVAILABLE, no_memory},
};

/* A certificate that verifies and still fails names another host; libcurl leaves
 * the result unspecified then. */
static const struct {
  long result;
  const char *reason;
} certificates[] = {
    {X509_V_OK, "TLS certificate is for another host"},
    {X509_V_ERR_UNSPECIFIED, "TLS certificate is for another host"},
    {X509_V_ERR_HOSTNAME_MISMATCH, "TLS certificate is for another host"},
    {X509_V_ERR_CERT_HAS_EXPIRED, "TLS certificate expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "TLS certificate is not valid yet"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "TLS certificate is self-signed"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "TLS certificate of an unknown authority"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "TLS certificate of an unknown authority"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "TLS certificate of an unknown authority"},
    {X509_V_ERR_CERT_REVOKED, "TLS certificate was revoked"},
};

static const char *certificate_reason(CURL *handle) {
  long result = -1;

  curl_easy_getinfo(handle, CURLINFO_SSL_VERIFYRESULT, &result);
  for (size_t i = 0; i < sizeof certificates / sizeof *certificates; i++)
    if (certificates[i].result == result) return certificates[i].reason;
  return "TLS certificate is not valid";
}

/* A line of the header past libcurl's own limit is to it a lack of memory. */
static int is_endless_line(const struct hop *hop, CURL *handle, CURLcode code) {
  long sent = 0;

  curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &sent);
  return code == CURLE_OUT_OF_MEMORY && sent > 0 && hop->part != BODY;
}

/* Sets outcome and reason of a hop that libcurl ended. */
static void judge_fault(struct hop *hop, CURL *handle, CURLcode code) {
  if (code == CURLE_OK || hop->reason) return;
  if (code == CURLE_COULDNT_CONNECT && hop->barred && !hop->opened)
    end_hop(hop, INVSRC_OUTCOME_REFUSED, leads_inside);
  if (code == CURLE_PEER_FAILED_VERIFICATION)
    end_hop(hop, INVSRC_OUTCOME_UNAVAILABLE, certificate_reason(handle));
  if (is_endless_line(hop, handle, code)) end_hop(hop, INVSRC_OUTCOME_REFUSED, long_header);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
    if (faults[i].code == code) end_hop(hop, faults[i].outcome, faults[i].reason);
  end_hop(hop, INVSRC_OUTCOME_UNAVAILABLE, "the exchange failed");
}

/* ---- One hop ------------------------------------------------------------- */

/* What never depends on the request. */
static const struct {
  CURLoption option;
  long value;
} fixed[] = {
    {CURLOPT_NOSIGNAL, 1},
    {CURLOPT_QUICK_EXIT, 1}, /* a resolver that hangs is not waited for */
    {CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS},
    {CURLOPT_MAXCONNECTS, KEPT_CONNECTIONS},
    {CURLOPT_FOLLOWLOCATION, 0},
    {CURLOPT_NETRC, CURL_NETRC_IGNORED},
    {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
    {CURLOPT_HTTP09_ALLOWED, 0},
    {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
    {CURLOPT_SSL_VERIFYPEER, 1},
    {CURLOPT_SSL_VERIFYHOST, 2},
    {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
    {CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
};

/* Lines borrowed from the request, so that no copy of a credential is left. */
static void add_header(struct hop *hop, size_t *count, const char *line) {
  struct curl_slist *node = &hop->headers[*count];

  node->data = (char *)line;
  node->next = NULL;
  if (*count) hop->headers[*count - 1].next = node;
  ++*count;
}

/* A redirect is asked without what might be a credential. */
static void set_headers(struct hop *hop, int redirected) {
  size_t count = 0;
  ivs_http_field field;

  for (uint32_t i = 0; i < hop->request->header_count; i++) {
    const char *line = hop->request->headers[i];
    if (redirected && (!ivs_http_field_read(line, strlen(line), &field) ||
                       !ivs_http_is_same(field.name, field.name_length, KEPT_HEADER)))
      continue;
    add_header(hop, &count, line);
  }
  add_header(hop, &count, "Accept-Encoding: identity");
  add_header(hop, &count, "Expect:"); /* none: libcurl would wait for a 100 */
}

/* The method, and the body if there is one. */
static int set_method(CURL *handle, const invsrc_http_request *request) {
  int failed = 0;

  if (request->body || strcmp(request->method, "POST") == 0) {
    failed |= curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)request->body_length) != CURLE_OK;
    failed |= curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request->body ? request->body : "") !=
              CURLE_OK;
  }
  failed |= curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request->method) != CURLE_OK;
  return failed;
}

static int set_callbacks(CURL *handle, struct hop *hop) {
  int failed = 0;

  failed |= curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, hop) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header_line) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_HEADERDATA, hop) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_WRITEDATA, hop) != CURLE_OK;
  return failed;
}

/* The proxy that was set and no other: the empty texts rule the environment out. */
static int set_route(CURL *handle, const invsrc_curl *curl) {
  const char *schemes = curl->allow_http ? "http,https" : "https";
  const char *proxy = curl->proxy.length ? curl->proxy.bytes : "";
  int failed = 0;

  failed |= curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, schemes) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_PROXY, proxy) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_NOPROXY, "") != CURLE_OK;
  if (!curl->ca_file.length) return failed;
  failed |= curl_easy_setopt(handle, CURLOPT_CAINFO, curl->ca_file.bytes) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_CAPATH, NULL) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_PROXY_CAINFO, curl->ca_file.bytes) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_PROXY_CAPATH, NULL) != CURLE_OK;
  return failed;
}

static int set_options(CURL *handle, struct hop *hop, const char *url, long left_ms) {
  const invsrc_http_request *request = hop->request;
  int failed = 0;

  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
    failed |= curl_easy_setopt(handle, fixed[i].option, fixed[i].value) != CURLE_OK;
  failed |= set_route(handle, hop->curl);
  failed |= set_callbacks(handle, hop);
  failed |= set_method(handle, request);
  failed |= curl_easy_setopt(handle, CURLOPT_HTTPHEADER, hop->headers) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_USERAGENT, "libinvsrc/" INVSRC_VERSION) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_URL, url) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, left_ms) != CURLE_OK;
  /* An announced length that is too long ends the hop before the body comes. */
  if (request->max_body > 0 && request->max_body <= INT64_MAX)
    failed |= curl_easy_setopt(handle, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_body) !=
              CURLE_OK;
  return failed;
}

/* Goes to one URL. Returns an outcome; where it is not OK, `reason` says why. */
static int32_t go(struct hop *hop, CURL *handle, const char *url, int64_t left_ms) {
  long status = 0;

  if (left_ms <= 0) {
    end_hop(hop, INVSRC_OUTCOME_UNAVAILABLE, too_late);
    return hop->outcome;
  }
  curl_easy_reset(handle);
  if (set_options(handle, hop, url, (long)left_ms)) {
    end_hop(hop, INVSRC_OUTCOME_UNAVAILABLE, no_memory);
    return hop->outcome;
  }
  judge_fault(hop, handle, curl_easy_perform(handle));
  if (hop->reason) return hop->outcome;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  if (invsrc_http_reply_set_status(hop->reply, (int32_t)status) != INVSRC_OK) {
    end_hop(hop, INVSRC_OUTCOME_UNAVAILABLE, not_http);
    return hop->outcome;
  }
  return INVSRC_OUTCOME_OK;
}

/* ---- The exchange -------------------------------------------------------- */

static int64_t now_ms(void) {
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
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

static int is_sound(const invsrc_http_request *request) {
  static const char *const methods[] = {"GET", "POST", "DELETE"};
  ivs_http_field field;
  int known = 0;

  if (request->size < sizeof *request || !request->method || !request->url ||
      request->timeout_ms == 0 || request->timeout_ms > INT32_MAX ||
      request->redirects > MOST_REDIRECTS || request->header_count > MOST_REQUEST_HEADERS ||
      request->body_length > INT64_MAX)
    return 0;
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
    known |= strcmp(request->method, methods[i]) == 0;
  for (uint32_t i = 0; i < request->header_count; i++) {
    const char *line = request->headers[i];
    if (!line || !ivs_http_field_read(line, strlen(line), &field) || !field.value_length) return 0;
  }
  return known;
}

/* The URL that an answer leads on to, or NULL; it belongs to the handle. */
static const char *redirect(const struct hop *hop, uint32_t hops, CURL *handle) {
  static const int32_t statuses[] = {301, 302, 303, 307, 308};
  int32_t status = invsrc_http_reply_status(hop->reply);
  char *next = NULL;

  if (hops >= hop->request->redirects || strcmp(hop->request->method, "GET") != 0) return NULL;
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
    if (statuses[i] == status) curl_easy_getinfo(handle, CURLINFO_REDIRECT_URL, &next);
  return next;
}

static int32_t follow(invsrc_curl *curl, CURL *handle, const invsrc_http_request *request,
                      invsrc_http_reply *reply, const char **reason) {
  int64_t deadline = now_ms() + request->timeout_ms;
  ivs_buffer url = IVS_BUFFER_EMPTY;
  const char *next = request->url;
  int32_t outcome = INVSRC_OUTCOME_OK;

  for (uint32_t hops = 0; next && outcome == INVSRC_OUTCOME_OK; hops++) {
    struct hop hop = {.curl = curl, .request = request, .reply = reply};
    *reason = no_memory;
    outcome = INVSRC_OUTCOME_UNAVAILABLE;
    if (ivs_buffer_set(&url, next, strlen(next)) != INVSRC_OK) break;
    *reason = judge_url(curl, url.bytes);
    outcome = *reason == no_memory ? INVSRC_OUTCOME_UNAVAILABLE : INVSRC_OUTCOME_REFUSED;
    if (*reason) break;
    ivs_http_reply_clear(reply);
    set_headers(&hop, hops > 0);
    outcome = go(&hop, handle, url.bytes, deadline - now_ms());
    *reason = hop.reason;
    next = outcome == INVSRC_OUTCOME_OK ? redirect(&hop, hops, handle) : NULL;
  }
  ivs_buffer_end(&url);
  return outcome;
}

static int32_t exchange(void *context, const invsrc_http_request *request,
                        invsrc_http_reply *reply) {
  invsrc_curl *curl = context;
  CURL *handle = NULL;
  const char *reason = bad_request;
  int32_t outcome = INVSRC_OUTCOME_FAILED;

  if (!curl || !request || !reply) return outcome;
  if (!is_sound(request)) goto done;
  outcome = INVSRC_OUTCOME_UNAVAILABLE;
  reason = no_memory;
  handle = take_handle(curl);
  if (!handle) goto done;
  outcome = follow(curl, handle, request, reply, &reason);
done:
  give_handle(curl, handle);
  if (outcome != INVSRC_OUTCOME_OK) {
    ivs_http_reply_clear(reply);
    invsrc_http_reply_set_reason(reply, reason);
  }
  return outcome;
}

/* ---- The object ---------------------------------------------------------- */

int32_t invsrc_curl_new(invsrc_curl **curl, invsrc_error *error) {
  invsrc_curl *fresh;

  if (!curl) {
    ivs_error_set(error, INVSRC_EINVAL, INVSRC_NO_OFFSET, "%s", invsrc_strerror(INVSRC_EINVAL));
    return INVSRC_EINVAL;
  }
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
  *curl = fresh;
  return INVSRC_OK;
}

void invsrc_curl_free(invsrc_curl *curl) {
  if (!curl) return;
  while (curl->kept_count) curl_easy_cleanup(curl->kept[--curl->kept_count]);
  ivs_buffer_end(&curl->ca_file);
  ivs_buffer_end(&curl->proxy);
  pthread_mutex_destroy(&curl->lock);
  free(curl);
}

static int32_t set_switch(int *slot, int32_t on) {
  if (on != 0 && on != 1) return INVSRC_EINVAL;
  *slot = on;
  return INVSRC_OK;
}

int32_t invsrc_curl_set_allow_http(invsrc_curl *curl, int32_t on) {
  return curl ? set_switch(&curl->allow_http, on) : INVSRC_EINVAL;
}

int32_t invsrc_curl_set_allow_private(invsrc_curl *curl, int32_t on) {
  return curl ? set_switch(&curl->allow_private, on) : INVSRC_EINVAL;
}

/* NULL unsets; an empty text would mean the same and is a mistake. */
static int32_t set_text(ivs_buffer *slot, const char *text) {
  if (text && !*text) return INVSRC_EINVAL;
  if (text) return ivs_buffer_set(slot, text, strlen(text));
  ivs_buffer_end(slot);
  return INVSRC_OK;
}

int32_t invsrc_curl_set_ca_file(invsrc_curl *curl, const char *path) {
  return curl ? set_text(&curl->ca_file, path) : INVSRC_EINVAL;
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
  return set_text(&curl->proxy, url);
}

const invsrc_transport_vtable *invsrc_curl_transport(void) {
  static const invsrc_transport_vtable table = {
      .size = sizeof(invsrc_transport_vtable),
      .exchange = exchange,
  };

  return &table;
}
