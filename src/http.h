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
  uint64_t size;         /* bytes of libmicrohttpd's memory that it takes, at most */
  uint64_t declared;     /* the length of the body, 0 where it is not known */
} http_head;

/* Reads the head; `target` is as it was sent. */
void http_read_head(struct MHD_Connection *connection, const char *version, const char *target,
                    http_head *head);

/* Turns "http://host/path" into "/path", in place. */
void http_make_origin_form(char *target);

/* An answer that is not the library's, and a header that only it has. */
typedef struct own_answer {
  int status;
  const char *name; /* NULL: none */
  const char *value;
  const char *body; /* JSON */
} own_answer;

/* An error in the form of the API's, as a constant. */
#define OWN_ERROR(code, message) \
  "{\"data\":null,\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}"

/* The socket of a connection, or -1. */
int http_socket(struct MHD_Connection *connection);

/* Both write an answer past libmicrohttpd, which takes none but for a request that is whole;
 * the connection must be closed after it. HEAD gets no body. They never wait. How many bytes of its
 * body were written. */
uint64_t http_write(int connection, const invsrc_response *response, int is_head);
uint64_t http_write_own(int connection, const own_answer *own, int is_head);

/* The status of a page of libmicrohttpd's own, or 0. */
int http_own_status(struct MHD_Connection *connection);

#endif
