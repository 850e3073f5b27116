/*
 * The page that an operator sees when a consent is over: plain HTML that works without
 * scripts, and what it may not do (Content-Security-Policy). Whatever comes from outside is
 * escaped here.
 */
#ifndef IVS_CORE_PAGE_H
#define IVS_CORE_PAGE_H

#include <invsrc/invsrc.h>

#include "core/buffer.h"

enum ivs_page {
  IVS_PAGE_CONNECTED,
  IVS_PAGE_REFUSED,
  IVS_PAGE_EXPIRED, /* the link was used before, or is too old */
  IVS_PAGE_INVALID, /* it is none of ours */
  IVS_PAGE_FAILED,
  IVS_PAGE_BUSY, /* it failed, and another try may not */
  IVS_PAGE_END
};

/* What is on a page; NULL for what is not known. */
typedef struct ivs_page_content {
  const char *name;        /* of the source */
  const char *reason;      /* ours */
  const char *error;       /* the code that the authorization server gave, */
  const char *description; /* and what it said to it */
} ivs_page_content;

#define IVS_PAGE_STYLE                                                                           \
  "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:12vh auto;padding:0 1.5rem;" \
  "color:#1a1a1a;background:#fff}h1{font-size:1.6rem;line-height:1.25}"                          \
  "dt{font-weight:600}dd{margin:0 0 .5rem;overflow-wrap:anywhere}"

/* Nothing but the style above, by its digest. */
#define IVS_PAGE_POLICY                                                                            \
  "default-src 'none'; style-src 'sha256-HRwZI0Q/YYDlo5Wt8OocTpTqwiAMlDCnDTHWangUB+c='; base-uri " \
  "'none'; form-action 'none'; "                                                                   \
  "frame-ancestors 'none'"

/* The status of the response, and the word for the host's own page. */
int32_t ivs_page_status(enum ivs_page page);
const char *ivs_page_word(enum ivs_page page);
void ivs_page_write(ivs_buffer *out, enum ivs_page page, const ivs_page_content *content);

#endif
