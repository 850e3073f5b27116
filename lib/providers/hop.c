/*
 * See hop.h.
 */
#include "providers/hop.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "agents/http.h"
#include "core/address.h"
#include "core/text.h"
#include "core/uri.h"

#define CONNECT_MS 5000L
#define LONGEST_HEADER 32768 /* bytes of field lines, those of 1xx answers and trailers too */
#define MOST_FIELDS 128      /* field lines of an answer, counted in the same way */
#define MOST_REDIRECTS 3
#define KEPT_CONNECTIONS 4L  /* of a handle that runs alone */
#define KEPT_HEADER "Accept" /* the only one that a redirected request carries on */

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
static const char too_late[] = "took too long"; /* and how long is said where it ends */
static const char no_proxy[] = "cannot connect to the proxy";
static const char nameless_proxy[] = "the proxy's name does not resolve";

/* Ends the exchange with the first reason that is found. Returns 0, as a callback does
 * then. */
static size_t end_with(ivs_hop *hop, int32_t outcome, const char *reason) {
  if (!hop->reason) {
    hop->outcome = outcome;
    hop->reason = reason;
  }
  hop->over = 1;
  return 0;
}

/* ---- The guard ----------------------------------------------------------- */

/* Why nobody goes to a URL, or NULL. */
static const char *judge_url(const ivs_guard *guard, const char *url) {
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
  if (!guard->allow_http && !ivs_uri_scheme_is(&uri, "https")) return is_http;
  if (uri.userinfo.text) return has_userinfo;
  if (guard->allow_private) return NULL;
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
  ivs_hop *hop = context;
  curl_socket_t opened;

  if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKET_BAD;
  if (!hop->guard->allow_private && !hop->guard->proxy.length && !is_public(address)) {
    hop->found.barred++;
    return CURL_SOCKET_BAD;
  }
  hop->found.opened++;
  opened = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (opened < 0 && (errno == EMFILE || errno == ENFILE)) /* our fault, and not the agent's */
    end_with(hop, INVSRC_OUTCOME_FAILED, "too many files are open");
  return opened;
}

/* ---- The answer ---------------------------------------------------------- */

/* The fields are complete: is the body one that we read? */
static size_t end_of_fields(ivs_hop *hop, size_t size) {
  const char *coding = invsrc_http_reply_header(hop->reply, "Content-Encoding");
  const char *transfer = invsrc_http_reply_header(hop->reply, "Transfer-Encoding");
  const char *length = invsrc_http_reply_header(hop->reply, "Content-Length");
  long status = 0;

  hop->found.part = IVS_HOP_BODY;
  curl_easy_getinfo(hop->handle, CURLINFO_RESPONSE_CODE, &status);
  if (invsrc_http_reply_set_status(hop->reply, (int32_t)status) != INVSRC_OK)
    return end_with(hop, INVSRC_OUTCOME_UNAVAILABLE, not_http);
  if (length && strchr(length, ',')) /* more than one: where does the body end? */
    return end_with(hop, INVSRC_OUTCOME_UNAVAILABLE, not_http);
  if ((coding && !ivs_text_is_same(coding, strlen(coding), "identity")) ||
      (transfer && !ivs_text_is_same(transfer, strlen(transfer), "chunked")))
    return end_with(hop, INVSRC_OUTCOME_REFUSED, is_encoded);
  return size;
}

/* Hears of each line of the header: of 1xx answers, of the final one, and of the
 * trailers, which are dropped. */
static size_t take_header_line(char *line, size_t one, size_t size, void *context) {
  ivs_hop *hop = context;
  ivs_http_field field;
  size_t length = size;

  (void)one;
  hop->found.header_bytes += size;
  if (hop->found.header_bytes > LONGEST_HEADER)
    return end_with(hop, INVSRC_OUTCOME_REFUSED, long_header);
  if (++hop->found.header_fields > MOST_FIELDS)
    return end_with(hop, INVSRC_OUTCOME_REFUSED, many_fields);
  while (length && (line[length - 1] == '\n' || line[length - 1] == '\r')) length--;
  if (hop->found.part != IVS_HOP_FIELDS) {
    if (length < 5 || memcmp(line, "HTTP/", 5) != 0) return size;
    ivs_http_reply_clear(hop->reply);
    hop->found.part = IVS_HOP_FIELDS;
    return size;
  }
  if (length == 0) return end_of_fields(hop, size);
  if (!ivs_http_field_read(line, length, &field))
    return end_with(hop, INVSRC_OUTCOME_UNAVAILABLE, not_http);
  if (invsrc_http_reply_add_header(hop->reply, field.name, field.name_length, field.value,
                                   field.value_length) != INVSRC_OK)
    return end_with(hop, INVSRC_OUTCOME_FAILED, no_memory);
  return size;
}

static size_t take_body(char *bytes, size_t one, size_t size, void *context) {
  ivs_hop *hop = context;

  (void)one;
  if (size > hop->request->max_body - hop->found.body_bytes)
    return end_with(hop, INVSRC_OUTCOME_REFUSED, long_body);
  hop->found.body_bytes += size;
  if (invsrc_http_reply_append_body(hop->reply, bytes, size) != INVSRC_OK)
    return end_with(hop, INVSRC_OUTCOME_FAILED, no_memory);
  if (!hop->look || !hop->look(hop->context, hop->reply)) return size;
  hop->found.complete = 1;
  return 0;
}

/* ---- Reasons ------------------------------------------------------------- */

static const struct {
  CURLcode code;
  int32_t outcome;
  const char *reason;
} faults[] = {
    {CURLE_COULDNT_RESOLVE_HOST, INVSRC_OUTCOME_UNAVAILABLE, "the name does not resolve"},
    {CURLE_COULDNT_RESOLVE_PROXY, INVSRC_OUTCOME_UNAVAILABLE, nameless_proxy},
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
    {CURLE_OUT_OF_MEMORY, INVSRC_OUTCOME_FAILED, no_memory},
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
static int is_endless_line(const ivs_hop *hop, CURLcode code) {
  long sent = 0;

  curl_easy_getinfo(hop->handle, CURLINFO_REQUEST_SIZE, &sent);
  return code == CURLE_OUT_OF_MEMORY && sent > 0 && hop->found.part != IVS_HOP_BODY;
}

/* The proxy has the only sockets: it was not reached where it said nothing, or where time
 * ran out before there was a connection. */
static int is_without_proxy(const ivs_hop *hop, CURLcode code) {
  curl_off_t connected = 0;
  long status = 0;

  curl_easy_getinfo(hop->handle, CURLINFO_HTTP_CONNECTCODE, &status);
  curl_easy_getinfo(hop->handle, CURLINFO_CONNECT_TIME_T, &connected);
  return hop->guard->proxy.length && status == 0 &&
         (code == CURLE_COULDNT_CONNECT || (code == CURLE_OPERATION_TIMEDOUT && connected == 0));
}

/* Ends an exchange whose hop libcurl ended with a fault. */
static void judge_fault(ivs_hop *hop, CURLcode code) {
  if (is_without_proxy(hop, code)) end_with(hop, INVSRC_OUTCOME_UNAVAILABLE, no_proxy);
  if (code == CURLE_COULDNT_CONNECT && hop->found.barred && !hop->found.opened)
    end_with(hop, INVSRC_OUTCOME_REFUSED, leads_inside);
  if (code == CURLE_PEER_FAILED_VERIFICATION)
    end_with(hop, INVSRC_OUTCOME_UNAVAILABLE, certificate_reason(hop->handle));
  if (is_endless_line(hop, code)) end_with(hop, INVSRC_OUTCOME_REFUSED, long_header);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
    if (faults[i].code == code) end_with(hop, faults[i].outcome, faults[i].reason);
  end_with(hop, INVSRC_OUTCOME_UNAVAILABLE, "the exchange failed");
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
static void add_header(ivs_hop *hop, size_t *count, const char *line) {
  struct curl_slist *node = &hop->headers[*count];

  node->data = (char *)line;
  node->next = NULL;
  if (*count) hop->headers[*count - 1].next = node;
  ++*count;
}

/* A redirect is asked without what might be a credential. */
static void set_headers(ivs_hop *hop, int redirected) {
  size_t count = 0;
  ivs_http_field field;

  for (uint32_t i = 0; i < hop->request->header_count; i++) {
    const char *line = hop->request->headers[i];
    if (redirected && (!ivs_http_field_read(line, strlen(line), &field) ||
                       !ivs_text_is_same(field.name, field.name_length, KEPT_HEADER)))
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
  /* On a connection that was kept, and is closed, libcurl sends it again by itself. */
  failed |= curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, request->once ? 1L : 0L) != CURLE_OK;
  return failed;
}

static int set_callbacks(CURL *handle, ivs_hop *hop) {
  int failed = 0;

  failed |= curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, hop) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header_line) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_HEADERDATA, hop) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_WRITEDATA, hop) != CURLE_OK;
  return failed;
}

/* Whom to trust. */
static int set_authorities(CURL *handle, const ivs_guard *guard) {
  const char *path = guard->ca_file.length ? guard->ca_file.bytes : guard->system_ca_file;
  int failed = 0;

  if (!path) return 0;
  failed |= curl_easy_setopt(handle, CURLOPT_CAINFO, path) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_CAPATH, NULL) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_PROXY_CAINFO, path) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_PROXY_CAPATH, NULL) != CURLE_OK;
  return failed;
}

/* The proxy that was set and no other: the empty texts rule the environment out. */
static int set_route(CURL *handle, const ivs_guard *guard) {
  const char *schemes = guard->allow_http ? "http,https" : "https";
  const char *proxy = guard->proxy.length ? guard->proxy.bytes : "";
  int failed = 0;

  failed |= curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, schemes) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_PROXY, proxy) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_NOPROXY, "") != CURLE_OK;
  return failed;
}

static int set_options(CURL *handle, ivs_hop *hop, long left_ms) {
  const invsrc_http_request *request = hop->request;
  int failed = 0;

  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
    failed |= curl_easy_setopt(handle, fixed[i].option, fixed[i].value) != CURLE_OK;
  failed |= set_route(handle, hop->guard);
  failed |= set_authorities(handle, hop->guard);
  failed |= set_callbacks(handle, hop);
  failed |= set_method(handle, request);
  failed |= curl_easy_setopt(handle, CURLOPT_HTTPHEADER, hop->headers) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_USERAGENT, "libinvsrc/" INVSRC_VERSION) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_URL, hop->url.bytes) != CURLE_OK;
  failed |= curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, left_ms) != CURLE_OK;
  /* An announced length that is too long ends the hop before the body comes. */
  if (request->max_body > 0 && request->max_body <= INT64_MAX)
    failed |= curl_easy_setopt(handle, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_body) !=
              CURLE_OK;
  return failed;
}

/* ---- The exchange -------------------------------------------------------- */

int64_t ivs_hop_now(void) {
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int is_sound(const invsrc_http_request *request) {
  static const char *const methods[] = {"GET", "POST", "DELETE"};
  ivs_http_field field;
  int known = 0;

  if (request->size < sizeof *request || !request->method || !request->url ||
      request->timeout_ms == 0 || request->timeout_ms > INT32_MAX ||
      request->redirects > MOST_REDIRECTS || request->header_count > IVS_HOP_HEADERS ||
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

void ivs_hop_begin(ivs_hop *hop, const ivs_guard *guard, const invsrc_http_request *request,
                   invsrc_http_reply *reply) {
  memset(hop, 0, sizeof *hop);
  hop->guard = guard;
  hop->request = request;
  hop->reply = reply;
  hop->outcome = INVSRC_OUTCOME_OK;
  hop->begun = ivs_hop_now();
  hop->deadline = hop->begun + request->timeout_ms;
  if (!is_sound(request))
    end_with(hop, INVSRC_OUTCOME_FAILED, bad_request);
  else if (ivs_buffer_set(&hop->url, request->url, strlen(request->url)) != INVSRC_OK)
    end_with(hop, INVSRC_OUTCOME_FAILED, no_memory);
}

int ivs_hop_go(ivs_hop *hop, CURL *handle) {
  const char *reason;
  int64_t left_ms = hop->deadline - ivs_hop_now();

  if (hop->over) return 0;
  reason = handle ? judge_url(hop->guard, hop->url.bytes) : no_memory;
  if (reason) {
    end_with(hop, reason == no_memory ? INVSRC_OUTCOME_FAILED : INVSRC_OUTCOME_REFUSED, reason);
    return 0;
  }
  if (left_ms <= 0) {
    end_with(hop, INVSRC_OUTCOME_UNAVAILABLE, too_late);
    return 0;
  }
  memset(&hop->found, 0, sizeof hop->found);
  ivs_http_reply_clear(hop->reply);
  set_headers(hop, hop->count++ > 0);
  hop->handle = handle;
  curl_easy_reset(handle);
  if (set_options(handle, hop, (long)left_ms)) {
    end_with(hop, INVSRC_OUTCOME_FAILED, no_memory);
    return 0;
  }
  return 1;
}

/* The URL that an answer leads on to, or NULL; it belongs to the handle. */
static const char *redirect(const ivs_hop *hop) {
  static const int32_t statuses[] = {301, 302, 303, 307, 308};
  int32_t status = invsrc_http_reply_status(hop->reply);
  char *next = NULL;

  if (hop->count > hop->request->redirects || strcmp(hop->request->method, "GET") != 0) return NULL;
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
    if (statuses[i] == status) curl_easy_getinfo(hop->handle, CURLINFO_REDIRECT_URL, &next);
  return next;
}

void ivs_hop_arrive(ivs_hop *hop, CURLcode code) {
  const char *next;

  if (hop->over) return;
  if (code != CURLE_OK && !hop->found.complete) {
    judge_fault(hop, code);
    return;
  }
  if (hop->found.part != IVS_HOP_BODY) { /* an answer without a header */
    end_with(hop, INVSRC_OUTCOME_UNAVAILABLE, not_http);
    return;
  }
  next = redirect(hop);
  if (!next)
    hop->over = 1;
  else if (ivs_buffer_set(&hop->url, next, strlen(next)) != INVSRC_OK)
    end_with(hop, INVSRC_OUTCOME_FAILED, no_memory);
}

void ivs_hop_write_late(int64_t milliseconds, char text[IVS_HOP_LATE_SIZE]) {
  long seconds = (long)((milliseconds + 500) / 1000);

  if (seconds > 0)
    snprintf(text, IVS_HOP_LATE_SIZE, "%s: not done after %ld s", too_late, seconds);
  else
    snprintf(text, IVS_HOP_LATE_SIZE, "%s", too_late);
}

int32_t ivs_hop_end(ivs_hop *hop) {
  char late[IVS_HOP_LATE_SIZE];

  if (!hop->over) end_with(hop, INVSRC_OUTCOME_UNAVAILABLE, "was given up");
  ivs_buffer_end(&hop->url);
  if (hop->outcome != INVSRC_OUTCOME_OK) {
    ivs_hop_write_late(ivs_hop_now() - hop->begun, late);
    ivs_http_reply_clear(hop->reply);
    invsrc_http_reply_set_reason(hop->reply, ivs_hop_is_late(hop) ? late : hop->reason);
  }
  return hop->outcome;
}

int ivs_hop_lacks_memory(const ivs_hop *hop) {
  return hop->reason == no_memory;
}

int ivs_hop_lacks_proxy(const ivs_hop *hop) {
  return hop->reason == no_proxy || hop->reason == nameless_proxy;
}

int ivs_hop_is_late(const ivs_hop *hop) {
  return hop->reason == too_late;
}
