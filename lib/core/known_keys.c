/*
 * See known_keys.h.
 */
#include "core/known_keys.h"

#include <string.h>

/* The one place where a key can be; client ids are random. */
static ivs_known_key *place_of(ivs_known_keys *self, const ivs_apikey *key) {
  unsigned sum = (unsigned char)key->client_id[0] * 31U + (unsigned char)key->client_id[1];

  return &self->all[sum % IVS_KNOWN_MOST];
}

ivs_known_question ivs_known_keys_ask(ivs_known_keys *self, int64_t now) {
  return (ivs_known_question){atomic_load(&self->changes), now};
}

static int is_answer(const ivs_known_key *known, const ivs_known_question *question,
                     const ivs_apikey *key) {
  return known->changes == question->changes && question->at < known->until &&
         ivs_apikey_is_same(&known->key, key);
}

static int32_t tell(invsrc_buffer *storefront, const char *bytes, uint64_t length) {
  return invsrc_buffer_set(storefront, bytes, length) == INVSRC_OK ? INVSRC_OUTCOME_OK
                                                                   : INVSRC_OUTCOME_UNAVAILABLE;
}

int32_t ivs_known_keys_find(ivs_known_keys *self, const ivs_known_question *question,
                            const ivs_apikey *key, invsrc_buffer *storefront) {
  int32_t outcome = INVSRC_OUTCOME_UNKNOWN;
  const ivs_known_key *known = place_of(self, key);

  if (atomic_exchange(&self->in_use, 1)) return outcome;
  if (is_answer(known, question, key)) outcome = tell(storefront, known->storefront, known->length);
  atomic_store(&self->in_use, 0);
  return outcome;
}

void ivs_known_keys_keep(ivs_known_keys *self, const ivs_known_question *question,
                         const ivs_apikey *key, const char *storefront, uint64_t length) {
  ivs_known_key *known = place_of(self, key);

  if (question->at <= 0 || length > sizeof known->storefront) return;
  if (atomic_exchange(&self->in_use, 1)) return;
  known->key = *key;
  known->changes = question->changes;
  known->until = question->at + IVS_KNOWN_MILLISECONDS;
  known->length = length;
  memcpy(known->storefront, storefront, length);
  atomic_store(&self->in_use, 0);
}

/* Where there is no row by zeros, which are no key's digest. */
int32_t ivs_known_keys_judge(ivs_known_keys *self, const ivs_known_question *question,
                             const ivs_apikey *key, const ivs_known_row *row,
                             invsrc_buffer *storefront) {
  ivs_apikey kept = {{0}, {0}};

  if (row->digest && row->digest_length == sizeof kept.digest)
    memcpy(kept.digest, row->digest, sizeof kept.digest);
  if (!ivs_apikey_is_same(&kept, key) || !row->storefront) return INVSRC_OUTCOME_UNKNOWN;
  ivs_known_keys_keep(self, question, key, row->storefront, row->length);
  return tell(storefront, row->storefront, row->length);
}

void ivs_known_keys_change(ivs_known_keys *self) {
  atomic_fetch_add(&self->changes, 1);
}
