/*
 * What is wrong with a request: paths and messages, all of them static text, so
 * that collecting them cannot fail and no value of a request can slip in.
 */
#ifndef IVS_CORE_ISSUES_H
#define IVS_CORE_ISSUES_H

#include <stddef.h>

/* More than the rules can produce at once. */
#define IVS_ISSUES_MAX 64

typedef struct ivs_issue {
  const char *path; /* NULL: the request as a whole */
  const char *message;
} ivs_issue;

typedef struct ivs_issues {
  size_t count;
  ivs_issue items[IVS_ISSUES_MAX];
} ivs_issues;

void ivs_issues_add(ivs_issues *issues, const char *path, const char *message);

#endif
