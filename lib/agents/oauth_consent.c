/*
 * See oauth_consent.h.
 */
#include "agents/oauth_consent.h"

#include <invsrc/invsrc.h>
#include <string.h>

#include "core/base64.h"
#include "core/digest.h"
#include "core/uri.h"

#define LONGEST 8192 /* of the whole URL */

/* ---- Scopes ------------------------------------------------------------------------------ */

static int has_scope(const ivs_buffer *scope, const char *text) {
  size_t length = strlen(text);
  const char *at = scope->length ? scope->bytes : "";

  for (; *at; at += strcspn(at, " "), at += *at == ' ')
    if (strcspn(at, " ") == length && memcmp(at, text, length) == 0) return 1;
  return 0;
}

void ivs_oauth_scope_add(ivs_buffer *scope, const char *text) {
  if (has_scope(scope, text)) return;
  if (scope->length) ivs_buffer_append(scope, " ", 1);
  ivs_buffer_append_text(scope, text);
}

/* ---- The URL ----------------------------------------------------------------------------- */

static void add(ivs_buffer *url, const char *name, const char *text, size_t length) {
  char last = url->length ? url->bytes[url->length - 1] : '\0';

  if (url->failed || !length) return;
  if (!memchr(url->bytes, '?', url->length))
    ivs_buffer_append_text(url, "?");
  else if (last != '?' && last != '&')
    ivs_buffer_append_text(url, "&");
  ivs_buffer_append_text(url, name);
  ivs_buffer_append_text(url, "=");
  ivs_uri_append_escaped(url, text, length);
}

static void add_text(ivs_buffer *url, const char *name, const char *text) {
  add(url, name, text, strlen(text));
}

static void add_member(ivs_buffer *url, const char *name, const ivs_oauth_record *record,
                       enum ivs_oauth_member member) {
  add(url, name, record->texts[member].bytes, record->texts[member].length);
}

static int32_t add_challenge(ivs_buffer *url, const ivs_buffer *verifier) {
  ivs_buffer challenge = IVS_BUFFER_EMPTY;
  uint8_t digest[IVS_DIGEST_SIZE];
  int32_t code = ivs_digest(verifier->bytes, verifier->length, digest);

  if (code == INVSRC_OK) ivs_base64url_append(&challenge, digest, sizeof digest);
  if (challenge.failed) code = INVSRC_ENOMEM;
  if (code == INVSRC_OK) add(url, "code_challenge", challenge.bytes, challenge.length);
  ivs_buffer_end(&challenge);
  add_text(url, "code_challenge_method", "S256");
  return code;
}

int32_t ivs_oauth_consent_write(const ivs_buffer *endpoint, const ivs_oauth_record *record,
                                const ivs_buffer *state, const ivs_buffer *audience,
                                ivs_buffer *url) {
  int32_t code;

  ivs_buffer_append(url, endpoint->bytes, endpoint->length);
  add_text(url, "response_type", "code");
  add_member(url, "client_id", record, IVS_OAUTH_CLIENT_ID);
  code = add_challenge(url, &record->texts[IVS_OAUTH_CODE_VERIFIER]);
  add_member(url, "redirect_uri", record, IVS_OAUTH_REDIRECT_URI);
  add(url, "state", state->bytes, state->length);
  add_member(url, "scope", record, IVS_OAUTH_SCOPE);
  add_member(url, "resource", record, IVS_OAUTH_RESOURCE);
  add(url, "audience", audience->bytes, audience->length);
  /* Without it the scope counts for nothing (OpenID Connect Core §11). */
  if (has_scope(&record->texts[IVS_OAUTH_SCOPE], IVS_OAUTH_OFFLINE))
    add_text(url, "prompt", "consent");
  if (url->failed) return INVSRC_ENOMEM;
  return code == INVSRC_OK && url->length > LONGEST ? INVSRC_ERANGE : code;
}
