/*
 * See verdict.h.
 */
#include "agents/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agents/http.h"
#include "core/text.h"

static void say(ivs_verdict *verdict, int32_t outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A reason that was cut, or that a transport wrote badly, ends before the fault. */
static void say(ivs_verdict *verdict, int32_t outcome, const char *format, ...) {
  va_list arguments;
  size_t fault;

  va_start(arguments, format);
  vsnprintf(verdict->reason, sizeof verdict->reason, format, arguments);
  va_end(arguments);
  verdict->outcome = outcome;
  for (size_t i = strlen(verdict->reason); ivs_text_has_control(verdict->reason, i);)
    verdict->reason[--i] = '\0';
  if (!ivs_text_is_utf8(verdict->reason, strlen(verdict->reason), &fault))
    verdict->reason[fault] = '\0';
}

void ivs_verdict_set(ivs_verdict *verdict, int32_t outcome, const char *prefix,
                     const char *reason) {
  say(verdict, outcome, "%s%s", prefix, reason);
}

void ivs_verdict_set_failure(ivs_verdict *verdict, const ivs_party *party, int32_t outcome,
                             const invsrc_http_reply *reply) {
  const char *reason = invsrc_http_reply_reason(reply);
  int is_theirs = outcome == INVSRC_OUTCOME_UNAVAILABLE || outcome == INVSRC_OUTCOME_REFUSED;

  say(verdict, is_theirs ? INVSRC_OUTCOME_UNREACHABLE : INVSRC_OUTCOME_FAILED, "%s%s%s",
      party->is_agent ? "" : party->name, party->is_agent ? "" : ": ",
      *reason ? reason : "no answer");
}

void ivs_verdict_set_refused(ivs_verdict *verdict, const ivs_party *party, int32_t status) {
  char answer[32] = "said no";

  if (status) snprintf(answer, sizeof answer, "answered %d", (int)status);
  if (party->members)
    say(verdict, INVSRC_OUTCOME_REFUSED, "%s %s: check %s", party->name, answer, party->members);
  else
    say(verdict, INVSRC_OUTCOME_REFUSED, "%s %s: it wants a credential", party->name, answer);
}

void ivs_verdict_write_status(const ivs_party *party, int32_t status, char text[IVS_STATUS_SIZE]) {
  int is_elsewhere = (status >= 300 && status < 400) || status == 404 || status == 405;

  if (is_elsewhere && party->place)
    snprintf(text, IVS_STATUS_SIZE, "answered %d: check %s", (int)status, party->place);
  else
    snprintf(text, IVS_STATUS_SIZE, "answered %d%s", (int)status,
             status == 429 ? ": it is asked too often" : "");
}

void ivs_verdict_set_status(ivs_verdict *verdict, const ivs_party *party, int32_t status) {
  char answer[IVS_STATUS_SIZE];

  ivs_verdict_write_status(party, status, answer);
  say(verdict, INVSRC_OUTCOME_UNREACHABLE, "%s%s%s", party->is_agent ? "" : party->name,
      party->is_agent ? "" : " ", answer);
}

static int is_html(const invsrc_http_reply *reply) {
  const char *body = invsrc_http_reply_body(reply, NULL);

  return ivs_http_reply_is(reply, "text/html") || body[strspn(body, " \t\r\n")] == '<';
}

void ivs_verdict_set_foreign(ivs_verdict *verdict, const ivs_party *party,
                             const invsrc_http_reply *reply, const char *what) {
  int32_t status = invsrc_http_reply_status(reply);

  if (status < 200 || status > 299)
    ivs_verdict_set_status(verdict, party, status);
  else
    say(verdict, INVSRC_OUTCOME_UNREACHABLE, "%s%sanswered%s %s%s%s",
        party->is_agent ? "" : party->name, party->is_agent ? "" : " ",
        is_html(reply) ? " HTML, not" : ", but not", what, party->place ? ": check " : "",
        party->place ? party->place : "");
}

int ivs_verdict_is_refusal(int32_t status) {
  return status == 401 || status == 403;
}
