/*
 * See tokens.h. A table of chains, and a list by age through all of them.
 */
#include "providers/tokens.h"

#include <invsrc/invsrc.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS 1024

typedef struct entry {
  struct entry *chain;
  struct entry *older;
  struct entry *newer;
  ivs_token_key key;
  ivs_buffer token;
  int64_t good_until;
} entry;

struct ivs_tokens {
  pthread_mutex_t lock; /* guards what follows */
  size_t count;
  entry *oldest;
  entry *newest;
  entry *chains[CHAINS];
};

ivs_tokens *ivs_tokens_new(void) {
  ivs_tokens *tokens = calloc(1, sizeof *tokens);

  if (tokens && pthread_mutex_init(&tokens->lock, NULL) == 0) return tokens;
  free(tokens);
  return NULL;
}

/* Keys are digests, so that any of their bits will do. */
static entry **place_of(ivs_tokens *tokens, const ivs_token_key *key) {
  entry **place = &tokens->chains[(key->bytes[0] << 8 | key->bytes[1]) % CHAINS];

  while (*place && memcmp((*place)->key.bytes, key->bytes, sizeof key->bytes) != 0)
    place = &(*place)->chain;
  return place;
}

static void forget(ivs_tokens *tokens, entry **place) {
  entry *gone = *place;

  *place = gone->chain;
  *(gone->older ? &gone->older->newer : &tokens->oldest) = gone->newer;
  *(gone->newer ? &gone->newer->older : &tokens->newest) = gone->older;
  tokens->count--;
  ivs_buffer_end(&gone->token);
  free(gone);
}

static void forget_key(ivs_tokens *tokens, const ivs_token_key *key) {
  entry **place = place_of(tokens, key);

  if (*place) forget(tokens, place);
}

void ivs_tokens_free(ivs_tokens *tokens) {
  if (!tokens) return;
  while (tokens->oldest) forget_key(tokens, &tokens->oldest->key);
  pthread_mutex_destroy(&tokens->lock);
  free(tokens);
}

int32_t ivs_token_key_make(ivs_token_key *key, const char *owner, size_t owner_length,
                           const void *credential, size_t length) {
  EVP_MD_CTX *context;
  int made;

  /* The queue of errors is the host's thread's: leave it as it was. */
  ERR_set_mark();
  context = EVP_MD_CTX_new();
  made = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
         EVP_DigestUpdate(context, owner, owner_length) == 1 &&
         EVP_DigestUpdate(context, "", 1) == 1 && /* a NUL: no owner's id has one */
         EVP_DigestUpdate(context, credential, length) == 1 &&
         EVP_DigestFinal_ex(context, key->bytes, NULL) == 1;
  EVP_MD_CTX_free(context); /* wipes */
  ERR_pop_to_mark();
  return made ? INVSRC_OK : INVSRC_ECRYPTO;
}

int32_t ivs_tokens_get(ivs_tokens *tokens, const ivs_token_key *key, int64_t now,
                       ivs_buffer *token) {
  int32_t result = INVSRC_OK;
  entry **place;

  pthread_mutex_lock(&tokens->lock);
  place = place_of(tokens, key);
  if (*place && (*place)->good_until <= now)
    forget(tokens, place);
  else if (*place)
    result = ivs_buffer_set(token, (*place)->token.bytes, (*place)->token.length);
  pthread_mutex_unlock(&tokens->lock);
  return result;
}

static void add(ivs_tokens *tokens, const ivs_token_key *key, const char *token,
                int64_t good_until) {
  entry **place = place_of(tokens, key);
  entry *fresh = calloc(1, sizeof *fresh);

  if (!fresh) return;
  if (ivs_buffer_set(&fresh->token, token, strlen(token)) != INVSRC_OK) {
    free(fresh);
    return;
  }
  fresh->key = *key;
  fresh->good_until = good_until;
  fresh->older = tokens->newest;
  *(tokens->newest ? &tokens->newest->newer : &tokens->oldest) = fresh;
  tokens->newest = fresh;
  *place = fresh;
  tokens->count++;
}

void ivs_tokens_put(ivs_tokens *tokens, const ivs_token_key *key, const char *token,
                    int64_t good_until) {
  pthread_mutex_lock(&tokens->lock);
  forget_key(tokens, key);
  if (strlen(token) <= IVS_TOKENS_LONGEST) {
    if (tokens->count == IVS_TOKENS_MOST) forget_key(tokens, &tokens->oldest->key);
    add(tokens, key, token, good_until);
  }
  pthread_mutex_unlock(&tokens->lock);
}

void ivs_tokens_drop(ivs_tokens *tokens, const ivs_token_key *key) {
  pthread_mutex_lock(&tokens->lock);
  forget_key(tokens, key);
  pthread_mutex_unlock(&tokens->lock);
}
