/*
 * One row of a table of rules for a text member of a JSON object, and the judge
 * that holds a member to its row. Top-level fields and credential members are
 * tables of the same rows.
 */
#ifndef IVS_CORE_RULE_H
#define IVS_CORE_RULE_H

#include "core/issues.h"
#include "core/json.h"
#include "core/uri.h"

/* What the host's options relax. */
typedef struct ivs_switches {
  int allow_http;
  int allow_private;
} ivs_switches;

/* Characters that a text must not contain. */
#define IVS_RULE_NO_CONTROL 1u  /* category Cc */
#define IVS_RULE_NO_NUL 2u      /* U+0000 */
#define IVS_RULE_NO_LINE_END 4u /* CR, LF, NUL: it travels in an HTTP header */
#define IVS_RULE_NO_COLON 8u    /* RFC 7617 user-id */
#define IVS_RULE_NO_DOTS 16u    /* "." and "..": it travels in a path */
#define IVS_RULE_REQUIRED 32u
#define IVS_RULE_URL 64u  /* an agent's URL, contract §3 */
#define IVS_RULE_URI 128u /* an absolute URI without fragment, RFC 8707 §2 */

typedef struct ivs_rule {
  const char *key;
  const char *path;
  unsigned checks;
  size_t shortest; /* code points */
  size_t longest;  /* 0: as long as the body allows */
  const char *length_message;
  const char *const *choices; /* NULL: any text; else NULL-terminated */
  const char *choices_message;
} ivs_rule;

#define IVS_RULE_URL_LONGEST 2048
#define IVS_RULE_URL_LENGTH "must be 1 to 2048 characters long"

/* Judges the member that the rule is for, NULL where it is absent, and adds what is wrong. Fills
 * `url` where the rule is IVS_RULE_URL and the member is right: with pieces of its text.
 * Returns 1 when the member is there and nothing is wrong with it, 0 when it is absent
 * or something is, and INVSRC_ENOMEM. */
int32_t ivs_rule_judge(const ivs_rule *rule, const ivs_json *node, const ivs_switches *switches,
                       ivs_issues *issues, ivs_uri *url);

/* Whether `text` is one of the NULL-terminated choices. */
int ivs_rule_is_choice(const char *const *choices, const char *text, size_t length);

#endif
