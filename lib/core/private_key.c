/*
 * See private_key.h. OpenSSL's own PEM reader leaves pieces of the text in freed
 * memory, so the armour (RFC 7468) is taken off here, in a block that is wiped.
 */
#include "core/private_key.h"

#include <invsrc/invsrc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define RSA_SHORTEST 2048
#define RSA_LONGEST 16384 /* beyond it a signature takes seconds */

/* A piece of the PEM text. */
typedef struct span {
  const char *text;
  size_t length;
} span;

static const char *find(span in, const char *needle) {
  size_t length = strlen(needle);

  for (size_t i = 0; i + length <= in.length; i++)
    if (memcmp(in.text + i, needle, length) == 0) return in.text + i;
  return NULL;
}

static int is(span text, const char *other) {
  return strlen(other) == text.length && memcmp(text.text, other, text.length) == 0;
}

static span between(const char *from, const char *to) {
  span piece = {from, (size_t)(to - from)};

  return piece;
}

/* Takes the next block off the front of `rest`. Returns 0 when there is none, or
 * it does not end with its own label. */
static int next_block(span *rest, span *label, span *body) {
  static const char begin[] = "-----BEGIN ", end[] = "-----END ", dashes[] = "-----";
  const char *limit = rest->text + rest->length;
  const char *start = find(*rest, begin);
  const char *stop;

  if (!start) return 0;
  start += sizeof begin - 1;
  stop = find(between(start, limit), dashes);
  if (!stop) return 0;
  *label = between(start, stop);
  start = stop + sizeof dashes - 1;
  stop = find(between(start, limit), end);
  if (!stop) return 0;
  *body = between(start, stop);
  stop += sizeof end - 1;
  if ((size_t)(limit - stop) < label->length + sizeof dashes - 1) return 0;
  if (memcmp(stop, label->text, label->length) != 0) return 0;
  stop += label->length;
  if (memcmp(stop, dashes, sizeof dashes - 1) != 0) return 0;
  *rest = between(stop + sizeof dashes - 1, limit);
  return 1;
}

/* Decodes base64 with white space, in place of `text`, which is ours. Returns the
 * number of bytes, 0 where it is not base64. */
static size_t decode(char *text, size_t length) {
  size_t count = 0, padding = 0;
  int bytes;

  for (size_t i = 0; i < length; i++)
    if (!memchr(" \t\r\n", text[i], 4)) text[count++] = text[i];
  if (count == 0 || count % 4 != 0 || count > INT32_MAX) return 0;
  while (padding < 2 && text[count - 1 - padding] == '=') padding++;
  bytes = EVP_DecodeBlock((unsigned char *)text, (unsigned char *)text, (int)count);
  return bytes > 0 ? (size_t)bytes - padding : 0;
}

static int kind_of(const EVP_PKEY *key) {
  char group[32] = "";
  size_t length;
  int bits = EVP_PKEY_get_bits(key);

  if (EVP_PKEY_is_a(key, "RSA"))
    return bits >= RSA_SHORTEST && bits <= RSA_LONGEST ? IVS_KEY_RSA : IVS_KEY_OTHER;
  if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &length) == 1)
    return strcmp(group, "prime256v1") == 0 ? IVS_KEY_P256 : IVS_KEY_OTHER;
  return IVS_KEY_OTHER;
}

/* libcrypto's allocations fail like ours; tells that from a text that is no key. */
static int ran_out_of_memory(void) {
  return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
}

static int32_t judge_block(span body, int *kind) {
  char *block = malloc(body.length ? body.length : 1);
  const unsigned char *der = (const unsigned char *)block;
  int32_t result = INVSRC_OK;
  size_t length;
  EVP_PKEY *key;

  if (!block) return INVSRC_ENOMEM;
  memcpy(block, body.text, body.length);
  length = decode(block, body.length);
  /* The queue of errors is the host's thread's: leave it as it was. */
  ERR_set_mark();
  key = length ? d2i_AutoPrivateKey(NULL, &der, (long)length) : NULL;
  if (key && der == (const unsigned char *)block + length)
    *kind = kind_of(key);
  else if (length && !key && ran_out_of_memory())
    result = INVSRC_ENOMEM;
  ERR_pop_to_mark();
  EVP_PKEY_free(key);
  OPENSSL_cleanse(block, body.length);
  free(block);
  return result;
}

int32_t ivs_private_key_judge(const char *pem, size_t length, int *kind) {
  static const char *const labels[] = {"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"};
  span rest = {pem, length}, label, body;

  *kind = IVS_KEY_NONE;
  /* The first private key counts: `openssl ecparam` writes EC PARAMETERS first. */
  while (next_block(&rest, &label, &body)) {
    if (is(label, "ENCRYPTED PRIVATE KEY")) {
      *kind = IVS_KEY_ENCRYPTED;
      return INVSRC_OK;
    }
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
      if (!is(label, labels[i])) continue;
      if (!find(body, "ENCRYPTED")) return judge_block(body, kind);
      *kind = IVS_KEY_ENCRYPTED; /* RFC 1421 headers: Proc-Type: 4,ENCRYPTED */
      return INVSRC_OK;
    }
  }
  return INVSRC_OK;
}
