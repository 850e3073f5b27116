/*
 * See http.h.
 */
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define LARGEST_HEAD 1024
#define RECORD 64     /* what libmicrohttpd keeps of a field or a parameter, besides its text */
#define FIRST_LINE 64 /* the same of the first line, besides the target */

/* ---- Reading ----------------------------------------------------------------------- */

/* How often the fields came that frame a message. */
typedef struct fields {
  http_head *head;
  int hosts;
  int lengths;
  int codings;
  int is_malformed;
  int is_chunked;
} fields;

/* RFC 9110 §5.6.2. A space before the colon is what smugglers try. */
static int is_token(const char *name) {
  static const char characters[] =
      "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      "abcdefghijklmnopqrstuvwxyz";

  return *name && !name[strspn(name, characters)];
}

/* To a name whose line goes on in the next one, which RFC 9112 §5.2 lets a server refuse,
 * libmicrohttpd adds the next line. */
static int is_continued(const char *name) {
  static const char *const framing[] = {"Host", "Content-Length", "Transfer-Encoding"};
  size_t i = 0, length = 0;

  while (i < sizeof framing / sizeof *framing &&
         strncasecmp(name, framing[i], length = strlen(framing[i])) != 0)
    i++;
  return i < sizeof framing / sizeof *framing && name[length];
}

/* Whether a text has a control character; a tab may be in the value of a field only. */
static int has_control(const char *text, char allowed) {
  while (*text && (*text == allowed || ((unsigned char)*text >= ' ' && *text != 0x7f))) text++;
  return *text != '\0';
}

static enum MHD_Result read_field(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value) {
  fields *all = context;
  http_head *head = all->head;

  (void)kind;
  if (!value) value = "";
  if (!is_token(name) || is_continued(name) || has_control(value, '\t')) all->is_malformed = 1;
  if (strcasecmp(name, "Host") == 0) all->hosts++;
  if (strcasecmp(name, "Authorization") == 0) head->has_authorization = 1;
  if (strcasecmp(name, "Expect") == 0) head->waits = strcasecmp(value, "100-continue") == 0;
  if (strcasecmp(name, "Content-Length") == 0) {
    all->lengths++;
    head->declared = strtoull(value, NULL, 10); /* libmicrohttpd has looked at its form */
  }
  if (strcasecmp(name, "Transfer-Encoding") == 0) {
    all->codings++;
    all->is_chunked = strcasecmp(value, "chunked") == 0;
  }
  return MHD_YES;
}

static enum MHD_Result measure(void *context, enum MHD_ValueKind kind, const char *name,
                               const char *value) {
  http_head *head = context;

  head->size += RECORD;
  if (kind == MHD_GET_ARGUMENT_KIND) return MHD_YES; /* which is a part of the target */
  head->size += strlen(name) + strlen(": \r\n") + (value ? strlen(value) : 0);
  return MHD_YES;
}

void http_read_head(struct MHD_Connection *connection, const char *version, const char *target,
                    http_head *head) {
  fields all = {.head = head};
  int is_old = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;

  memset(head, 0, sizeof *head);
  MHD_get_connection_values(connection, MHD_HEADER_KIND, read_field, &all);
  head->size = FIRST_LINE + strlen(target);
  MHD_get_connection_values(connection, MHD_HEADER_KIND, measure, head);
  MHD_get_connection_values(connection, MHD_COOKIE_KIND, measure, head);
  MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, measure, head);
  head->has_body = head->declared > 0 || all.codings > 0;
  if (!*target || has_control(target, '\0') || strchr(target, ' '))
    head->fault = "The request's target is malformed";
  else if (all.is_malformed)
    head->fault = "A header field is malformed";
  else if (all.hosts > 1 || (all.hosts == 0 && !is_old))
    head->fault = "There must be one Host";
  else if (all.lengths > 1 || (all.lengths && all.codings))
    head->fault = "There must be one Content-Length, or Transfer-Encoding";
  else if (all.codings > 1 || (all.codings && (!all.is_chunked || is_old)))
    head->fault = "Transfer-Encoding must be chunked, and only that";
}

void http_make_origin_form(char *target) {
  static const char *const schemes[] = {"http://", "https://"};

  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
    size_t length = strlen(schemes[i]);
    const char *path;
    if (strncasecmp(target, schemes[i], length) != 0) continue;
    path = target + length + strcspn(target + length, "/?");
    if (path == target + length) return; /* without a host it is no URL */
    *target = '/';
    if (*path == '/') path++;
    memmove(target + 1, path, strlen(path) + 1);
    return;
  }
}

/* ---- Answering ----------------------------------------------------------------------- */

int http_socket(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

  return info ? info->connect_fd : -1;
}

/* An answer is so small that it fits into what the system keeps of a fresh connection. */
static int send_all(int connection, const char *text, size_t length) {
  return send(connection, text, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length;
}

/* Writes a head, whose own fields are `lines`, and a body. */
static uint64_t write_answer(int connection, int status, const char *lines, const char *body,
                             uint64_t length, int is_head) {
  char head[LARGEST_HEAD];
  int used = snprintf(
      head, sizeof head, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %llu\r\n%s\r\n",
      status, MHD_get_reason_phrase_for((unsigned)status), (unsigned long long)length, lines);

  if (used >= LARGEST_HEAD || !send_all(connection, head, (size_t)used) || is_head ||
      !send_all(connection, body, (size_t)length))
    return 0;
  return length;
}

uint64_t http_write(int connection, const invsrc_response *response, int is_head) {
  char lines[LARGEST_HEAD] = "";
  uint64_t length;
  const char *body = invsrc_response_body(response, &length);
  int used = 0;

  for (uint32_t i = 0; i < invsrc_response_header_count(response) && used < LARGEST_HEAD; i++)
    used += snprintf(lines + used, sizeof lines - (size_t)used, "%s: %s\r\n",
                     invsrc_response_header_name(response, i),
                     invsrc_response_header_value(response, i));
  if (used >= LARGEST_HEAD) return 0;
  return write_answer(connection, invsrc_response_status(response), lines, body, length, is_head);
}

uint64_t http_write_own(int connection, const own_answer *own, int is_head) {
  char lines[LARGEST_HEAD];

  snprintf(lines, sizeof lines,
           "Content-Type: application/json\r\nCache-Control: no-store\r\n%s%s%s%s",
           own->name ? own->name : "", own->name ? ": " : "", own->name ? own->value : "",
           own->name ? "\r\n" : "");
  return write_answer(connection, own->status, lines, own->body, strlen(own->body), is_head);
}

int http_own_status(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);

  return info ? (int)info->http_status : 0;
}
