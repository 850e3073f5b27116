/*
 * What libmicrohttpd leaves to its user: requests of whose body one reader of RFC 9112 may
 * see the end elsewhere than another, targets in absolute form, and answers to a request
 * that has not come to its end. Knows nothing of what is served.
 */
#ifndef HTTP_H
#define HTTP_H

#include <invsrc/invsrc.h>
#include <microhttpd.h>
#include <stdint.h>

/* What the head of a request says. */
typedef struct http_head {
  const char *fault;     /* why it must not be answered as if it were one, or NULL */
  int has_authorization; /* whatever it is worth */
  int has_body;          /* by its framing */
  int waits;             /* Expect: 100-continue */
  uint64_t declared;     /* the length of the body, 0 where it is not known */
} http_head;

/* Reads the head; `target` is as it was sent. */
void http_read_head(struct MHD_Connection *connection, const char *version, const char *target,
                    http_head *head);

/* Turns "http://host/path" into "/path", in place. */
void http_make_origin_form(char *target);

/* Writes an answer past libmicrohttpd, which takes none in the middle of a body; the
 * connection must be closed after it. How many bytes of its body were written. */
uint64_t http_write(struct MHD_Connection *connection, const invsrc_response *response);

/* Takes in what the client still sends, until it hangs up or for a short time: a connection
 * that is closed over unread bytes is reset, and takes the answer with it. */
void http_linger(struct MHD_Connection *connection);

/* The status of a page of libmicrohttpd's own, or 0. */
int http_own_status(struct MHD_Connection *connection);

#endif
