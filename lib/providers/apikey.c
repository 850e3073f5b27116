/*
 * See apikey.h.
 */
#include "providers/apikey.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>

#include "core/digest.h"
#include "core/error.h"
#include "core/text.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648 §6, lower case */

/* Each character from the low five bits of a random byte of its own: no bias. */
static int draw_text(char *text, size_t length) {
  int ok;

  ERR_set_mark();
  ok = RAND_priv_bytes((unsigned char *)text, (int)length);
  ERR_pop_to_mark();
  for (size_t i = 0; i < length; i++) text[i] = alphabet[text[i] & 31];
  return ok == 1;
}

int32_t ivs_apikey_draw(ivs_apikey *key, invsrc_buffer *text, invsrc_error *error) {
  char token[IVS_APIKEY_LENGTH] = IVS_APIKEY_PREFIX;
  char *client_id = token + sizeof IVS_APIKEY_PREFIX - 1;
  int32_t result = INVSRC_ECRYPTO;

  client_id[IVS_APIKEY_CLIENT_ID] = '_';
  if (draw_text(client_id, IVS_APIKEY_CLIENT_ID) &&
      draw_text(client_id + IVS_APIKEY_CLIENT_ID + 1, IVS_APIKEY_SECRET) &&
      ivs_digest(token, sizeof token, key->digest) == INVSRC_OK)
    result = invsrc_buffer_set(text, token, sizeof token);
  memcpy(key->client_id, client_id, IVS_APIKEY_CLIENT_ID);
  key->client_id[IVS_APIKEY_CLIENT_ID] = '\0';
  OPENSSL_cleanse(token, sizeof token);
  if (result != INVSRC_OK)
    ivs_error_set(error, result, INVSRC_NO_OFFSET, "%s", invsrc_strerror(result));
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

#define LONGEST_TEXT 255

static int is_fit(const char *text) {
  size_t length = strlen(text);

  return length <= LONGEST_TEXT && ivs_text_is_utf8(text, length, NULL) &&
         !ivs_text_has_control(text, length);
}

int32_t ivs_apikey_check(const char *storefront, const char *name, invsrc_error *error) {
  const char *message = NULL;

  if (!storefront || !*storefront || !is_fit(storefront))
    message = "the storefront must be 1 to 255 bytes of UTF-8 without control characters";
  else if (name && !is_fit(name))
    message = "the name must be at most 255 bytes of UTF-8 without control characters";
  if (!message) return INVSRC_OK;
  ivs_error_set(error, INVSRC_EINVAL, INVSRC_NO_OFFSET, "%s", message);
  return INVSRC_EINVAL;
}
