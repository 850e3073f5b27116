/*
 * API keys that a database has answered for a moment ago, so that a caller who asks again and
 * again need not be looked up each time. Knows what a database keeps of a key, and never the
 * key itself; of the time only what it is told. All zeros, it knows none.
 */
#ifndef IVS_CORE_KNOWN_KEYS_H
#define IVS_CORE_KNOWN_KEYS_H

#include <stdatomic.h>

#include "core/apikey.h"

/* For so long what was answered is good, and with it a key that another process has revoked. */
#define IVS_KNOWN_MILLISECONDS 10
#define IVS_KNOWN_MOST 64

typedef struct ivs_known_key {
  ivs_apikey key;
  unsigned long changes; /* of the keys, when it was asked */
  int64_t until;         /* milliseconds */
  uint64_t length;
  char storefront[IVS_APIKEY_TEXT];
} ivs_known_key;

/* For any thread; and none waits for another. */
typedef struct ivs_known_keys {
  atomic_int in_use;    /* by a thread: who comes meanwhile knows nothing */
  atomic_ulong changes; /* of keys, by this process */
  ivs_known_key all[IVS_KNOWN_MOST];
} ivs_known_keys;

/* What a database has of a key; NULL where it has none. */
typedef struct ivs_known_row {
  const void *digest;
  uint64_t digest_length;
  const char *storefront;
  uint64_t length;
} ivs_known_row;

/* When a database is asked. */
typedef struct ivs_known_question {
  unsigned long changes;
  int64_t at; /* milliseconds of a clock that nobody sets; 0: there is none, and nothing is known */
} ivs_known_question;

/* Before all else. */
ivs_known_question ivs_known_keys_ask(ivs_known_keys *self, int64_t now);
/* OK with the storefront where the key is known; UNKNOWN: the database is to be asked;
 * UNAVAILABLE where memory ran out. */
int32_t ivs_known_keys_find(ivs_known_keys *self, const ivs_known_question *question,
                            const ivs_apikey *key, invsrc_buffer *storefront);
/* Keeps what the database has answered since. */
void ivs_known_keys_keep(ivs_known_keys *self, const ivs_known_question *question,
                         const ivs_apikey *key, const char *storefront, uint64_t length);
/* Judges the key by its row, in the same time where there is none, and keeps a good one: OK with
 * the storefront; UNKNOWN; UNAVAILABLE where memory ran out. */
int32_t ivs_known_keys_judge(ivs_known_keys *self, const ivs_known_question *question,
                             const ivs_apikey *key, const ivs_known_row *row,
                             invsrc_buffer *storefront);
/* To be called after a key was revoked in the database, or may have been: no answer from before
 * counts any more. */
void ivs_known_keys_change(ivs_known_keys *self);

#endif
