/*
 * See apikey.h.
 */
#include "core/apikey.h"

#include <openssl/crypto.h>
#include <string.h>

#include "core/digest.h"
#include "core/error.h"
#include "core/text.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648 §6, lower case */

/* Each character from the low five bits of a random byte of its own: no bias. */
static void write_text(char *text, const uint8_t *random, size_t length) {
  for (size_t i = 0; i < length; i++) text[i] = alphabet[random[i] & 31];
}

int32_t ivs_apikey_make(const uint8_t random[IVS_APIKEY_RANDOM], ivs_apikey *key,
                        invsrc_buffer *text) {
  char token[IVS_APIKEY_LENGTH] = IVS_APIKEY_PREFIX;
  char *client_id = token + sizeof IVS_APIKEY_PREFIX - 1;
  int32_t result;

  write_text(client_id, random, IVS_APIKEY_CLIENT_ID);
  client_id[IVS_APIKEY_CLIENT_ID] = '_';
  write_text(client_id + IVS_APIKEY_CLIENT_ID + 1, random + IVS_APIKEY_CLIENT_ID,
             IVS_APIKEY_SECRET);
  result = ivs_digest(token, sizeof token, key->digest);
  if (result == INVSRC_OK) result = invsrc_buffer_set(text, token, sizeof token);
  memcpy(key->client_id, client_id, IVS_APIKEY_CLIENT_ID);
  key->client_id[IVS_APIKEY_CLIENT_ID] = '\0';
  OPENSSL_cleanse(token, sizeof token);
  return result;
}

/* What is checked of the form is no secret; the secret is judged by its digest. */
int32_t ivs_apikey_parse(const char *token, uint64_t length, ivs_apikey *key) {
  static const size_t prefix = sizeof IVS_APIKEY_PREFIX - 1;

  if (length != IVS_APIKEY_LENGTH || memcmp(token, IVS_APIKEY_PREFIX, prefix) != 0)
    return INVSRC_OUTCOME_UNKNOWN;
  if (token[prefix + IVS_APIKEY_CLIENT_ID] != '_') return INVSRC_OUTCOME_UNKNOWN;
  memcpy(key->client_id, token + prefix, IVS_APIKEY_CLIENT_ID);
  key->client_id[IVS_APIKEY_CLIENT_ID] = '\0';
  if (strspn(key->client_id, alphabet) != IVS_APIKEY_CLIENT_ID) return INVSRC_OUTCOME_UNKNOWN;
  return ivs_digest(token, (size_t)length, key->digest) == INVSRC_OK ? INVSRC_OUTCOME_OK
                                                                     : INVSRC_OUTCOME_UNAVAILABLE;
}

int ivs_apikey_is_same(const ivs_apikey *a, const ivs_apikey *b) {
  return CRYPTO_memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

static int is_fit(const char *text) {
  size_t length = strlen(text);

  return length <= IVS_APIKEY_TEXT && ivs_text_is_utf8(text, length, NULL) &&
         !ivs_text_has_control(text, length);
}

int32_t ivs_apikey_check(const char *storefront, const char *name, invsrc_error *error) {
  const char *message = NULL;

  if (!storefront || !*storefront || !is_fit(storefront))
    message = "the storefront must be 1 to 255 bytes of UTF-8 without control characters";
  else if (name && !is_fit(name))
    message = "the name must be at most 255 bytes of UTF-8 without control characters";
  return message ? ivs_error_fail(error, INVSRC_EINVAL, message) : INVSRC_OK;
}
