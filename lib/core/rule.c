/*
 * See rule.h. Knows nothing of which rows there are.
 */
#include "core/rule.h"

#include <invsrc/invsrc.h>
#include <string.h>

#include "core/address.h"
#include "core/text.h"
#include "core/uri.h"

#define FRAGMENT_MESSAGE "must not contain a fragment"

int ivs_rule_is_choice(const char *const *choices, const char *text, size_t length) {
  for (; *choices; choices++)
    if (strlen(*choices) == length && memcmp(*choices, text, length) == 0) return 1;
  return 0;
}

/* Whether any byte of `text` is one of the `count` bytes of `set`. */
static int has_any(const char *text, size_t length, const char *set, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (memchr(text, set[i], length)) return 1;
  return 0;
}

static void judge_characters(const ivs_rule *rule, const char *text, size_t length,
                             ivs_issues *issues) {
  static const struct {
    unsigned check;
    const char *set;
    size_t count;
    const char *message;
  } sets[] = {
      {IVS_RULE_NO_NUL, "\0", 1, "must not contain U+0000"},
      {IVS_RULE_NO_LINE_END, "\r\n\0", 3, "must not contain CR, LF or NUL"},
      {IVS_RULE_NO_COLON, ":", 1, "must not contain a colon"},
  };
  static const char *const dots[] = {".", "..", NULL};

  if (rule->checks & IVS_RULE_NO_CONTROL && ivs_text_has_control(text, length))
    ivs_issues_add(issues, rule->path, "must not contain control characters");
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    if (rule->checks & sets[i].check && has_any(text, length, sets[i].set, sets[i].count))
      ivs_issues_add(issues, rule->path, sets[i].message);
  if (rule->checks & IVS_RULE_NO_DOTS && ivs_rule_is_choice(dots, text, length))
    ivs_issues_add(issues, rule->path, "must not be \".\" or \"..\"");
}

static int is_inside(const ivs_slice *host) {
  ivs_address address;

  if (ivs_address_parse(host->text, host->length, &address))
    return !ivs_address_is_public(&address);
  return ivs_host_is_internal(host->text, host->length);
}

/* Contract §3, endpointUrl. */
static int32_t judge_url(const ivs_rule *rule, const char *text, size_t length,
                         const ivs_switches *switches, ivs_issues *issues, ivs_uri *url) {
  const char *reason = NULL;
  size_t offset;
  int32_t result = ivs_url_parse(text, length, url, &reason, &offset);

  if (result == INVSRC_ENOMEM) return result;
  if (result != INVSRC_OK) {
    ivs_issues_add(issues, rule->path, reason);
    return INVSRC_OK;
  }
  if (!switches->allow_http && ivs_uri_scheme_is(url, "http"))
    ivs_issues_add(issues, rule->path, "must be an https URL");
  if (url->userinfo.text) ivs_issues_add(issues, rule->path, "must not contain user information");
  if (url->fragment.text) ivs_issues_add(issues, rule->path, FRAGMENT_MESSAGE);
  if (!switches->allow_private && is_inside(&url->host))
    ivs_issues_add(issues, rule->path,
                   "must not be a private, loopback or otherwise reserved address");
  return INVSRC_OK;
}

static int32_t judge_uri(const ivs_rule *rule, const char *text, size_t length,
                         ivs_issues *issues) {
  const char *reason = NULL;
  size_t offset;
  ivs_uri uri;
  int32_t result = ivs_uri_parse(text, length, &uri, &reason, &offset);

  if (result == INVSRC_ENOMEM) return result;
  if (result != INVSRC_OK)
    ivs_issues_add(issues, rule->path, reason);
  else if (uri.fragment.text)
    ivs_issues_add(issues, rule->path, FRAGMENT_MESSAGE);
  return INVSRC_OK;
}

static int is_length(const ivs_rule *rule, const char *text, size_t length) {
  size_t points;

  /* A code point takes 1 to 4 bytes, so that the number of bytes mostly says enough. */
  if (length >= 4 * rule->shortest && (!rule->longest || length <= rule->longest)) return 1;
  points = ivs_text_code_points(text, length);
  return points >= rule->shortest && (!rule->longest || points <= rule->longest);
}

int32_t ivs_rule_judge(const ivs_rule *rule, const ivs_json *node, const ivs_switches *switches,
                       ivs_issues *issues, ivs_uri *url) {
  size_t before = issues->count;
  size_t length;
  const char *text = ivs_json_string(node, &length);
  int32_t result = INVSRC_OK;

  if (!node) {
    if (rule->checks & IVS_RULE_REQUIRED) ivs_issues_add(issues, rule->path, "is required");
    return 0;
  }
  if (!text) {
    ivs_issues_add(issues, rule->path, "must be a string");
    return 0;
  }
  if (rule->choices) {
    if (!ivs_rule_is_choice(rule->choices, text, length))
      ivs_issues_add(issues, rule->path, rule->choices_message);
    return issues->count == before;
  }
  if (!is_length(rule, text, length)) ivs_issues_add(issues, rule->path, rule->length_message);
  judge_characters(rule, text, length, issues);
  if (issues->count == before && rule->checks & IVS_RULE_URL)
    result = judge_url(rule, text, length, switches, issues, url);
  if (issues->count == before && rule->checks & IVS_RULE_URI)
    result = judge_uri(rule, text, length, issues);
  return result == INVSRC_OK ? issues->count == before : result;
}
