/*
 * Starts of OAuth from memory: a script up to where a client is wanted, what the host gives,
 * and a script for the rest.
 */
#ifndef TEST_SCRIPT_START_H
#define TEST_SCRIPT_START_H

#include "script.h"

#define SCRIPT_REDIRECT "https://host.example/callback?a=b"

struct script_start {
  const char *protocol; /* NULL: MCP */
  const char *url;      /* NULL: SCRIPT_URL */
  const char *audience;
  const char *document_url;
  uint32_t allow_http;
  const struct script_line *lines;
  const char *issuer; /* that a client is wanted for; NULL: none is */
  const char *client; /* that the host gives, or NULL */
  const struct script_line *more;
};

static inline int32_t script_start_begin(const struct script_start *script,
                                         invsrc_conversation **conversation) {
  static uint8_t random[INVSRC_CONVERSATION_RANDOM];
  const char *protocol = script->protocol ? script->protocol : "MCP";
  const char *url = script->url ? script->url : SCRIPT_URL;
  invsrc_oauth_setup setup = {.size = sizeof setup,
                              .allow_http = script->allow_http,
                              .now = INT64_C(1800000000000),
                              .random = random,
                              .redirect_uri = SCRIPT_REDIRECT,
                              .state = "the-state",
                              .client_metadata_url = script->document_url};
  invsrc_source *source = invsrc_source_new();
  int32_t code;

  for (size_t i = 0; i < sizeof random; i++) random[i] = (uint8_t)i;
  invsrc_source_set_text(source, INVSRC_SOURCE_PROTOCOL, protocol, strlen(protocol));
  invsrc_source_set_text(source, INVSRC_SOURCE_ENDPOINT_URL, url, strlen(url));
  if (script->audience)
    invsrc_source_set_text(source, INVSRC_SOURCE_OAUTH_AUDIENCE, script->audience,
                           strlen(script->audience));
  SCRIPT_BEFORE();
  code = invsrc_conversation_new_oauth_start(source, &setup, conversation);
  SCRIPT_AFTER();
  invsrc_source_free(source);
  return code;
}

/* Plays all of it. Returns as script_play() does, and 1 where no client was wanted, or for
 * another issuer, which is told. */
static inline int32_t script_start_play(invsrc_conversation *conversation,
                                        const struct script_start *script) {
  static const struct script_line none[1];
  int32_t code = script_play(conversation, script->lines, SCRIPT_WHOLE);
  const char *issuer = invsrc_conversation_result(conversation, INVSRC_RESULT_ISSUER, NULL);

  if (code != INVSRC_OK || invsrc_conversation_outcome(conversation, NULL)) return code;
  if (!issuer || !script->issuer || strcmp(issuer, script->issuer) != 0) {
    fprintf(stderr, "# a client is wanted for %s\n", issuer ? issuer : "nobody");
    return 1;
  }
  SCRIPT_BEFORE();
  code = invsrc_conversation_give_client(conversation, script->client,
                                         script->client ? strlen(script->client) : 0);
  SCRIPT_AFTER();
  return code != INVSRC_OK
             ? code
             : script_play(conversation, script->more ? script->more : none, SCRIPT_WHOLE);
}

#endif
