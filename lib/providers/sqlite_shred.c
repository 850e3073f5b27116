/*
 * What is sealed leaves the disk by its key: it is kept encrypted under a key that the source
 * has in `row_keys`, and is gone when that is overwritten. This is for forgetting only: the
 * key lies in the same file. AES-256-GCM: ciphertext | tag (16).
 *
 * Why a key: SQLite leaves copies behind when it moves rows between pages, which no
 * secure_delete wipes. A row of `row_keys` is never moved, and so never copied:
 *
 * - Each source has one, from its insert on, with a seq that is in the table or is the next.
 *   A row that is new is behind all others: where its page is full, SQLite begins another
 *   with it (balance_quick), and moves none. Only the table's first page is ever moved, as a
 *   whole, when the second begins; secure_delete wipes where it was.
 * - No row is deleted, as long as the file is; a key is overwritten by the next or by zeros. It
 *   is as long as it was, so SQLite writes it where it is.
 * - What was in the log leaves it with the step (`forgets`). A statement's own journal is in
 *   memory, and the file is not vacuumed.
 */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "providers/sqlite.h"

#define TAG_SIZE 16

/* Each key encrypts once, so its nonce may be the same each time. */
static const uint8_t nonce[12];

static int draw(uint8_t *bytes, size_t length) {
  return RAND_priv_bytes(bytes, (int)length) == 1;
}

ivs_pool *ivs_sqlite_new_keys(void) {
  return ivs_pool_new(draw);
}

/* ---- Ciphers --------------------------------------------------------------------------- */

/* The connection's own, made when it is first asked for: that takes longer than its work. The
 * key that it used last stays in it, as it does in SQLite's cache. NULL: memory ran out. */
static EVP_CIPHER_CTX *cipher_of(ivs_connection *connection) {
  EVP_CIPHER_CTX *made;

  if (connection->cipher) return connection->cipher;
  made = EVP_CIPHER_CTX_new();
  if (made && EVP_CipherInit_ex(made, EVP_aes_256_gcm(), NULL, NULL, NULL, 1) == 1)
    return connection->cipher = made;
  EVP_CIPHER_CTX_free(made);
  return NULL;
}

/* `out` has room for a tag more. 1, or 0 where libcrypto failed. */
static int encrypt_into(EVP_CIPHER_CTX *cipher, const uint8_t key[IVS_ROW_KEY_SIZE],
                        const uint8_t *bytes, size_t length, uint8_t *out) {
  int written;

  return cipher && EVP_CipherInit_ex(cipher, NULL, NULL, key, nonce, 1) == 1 &&
         EVP_CipherUpdate(cipher, out, &written, bytes, (int)length) == 1 &&
         EVP_CipherFinal_ex(cipher, out + length, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, out + length) == 1;
}

/* The tag is behind the bytes. INVSRC_OK; INVSRC_EMALFORMED (the tag says no); INVSRC_ENOMEM. */
static int32_t decrypt_in_place(EVP_CIPHER_CTX *cipher, const uint8_t key[IVS_ROW_KEY_SIZE],
                                uint8_t *bytes, size_t length) {
  int written;

  if (!cipher || EVP_CipherInit_ex(cipher, NULL, NULL, key, nonce, 0) != 1 ||
      EVP_CipherUpdate(cipher, bytes, &written, bytes, (int)length) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, bytes + length) != 1)
    return INVSRC_ENOMEM;
  return EVP_CipherFinal_ex(cipher, bytes + length, &written) == 1 ? INVSRC_OK : INVSRC_EMALFORMED;
}

/* ---- Putting --------------------------------------------------------------------------- */

int ivs_shreddable_make(ivs_shreddable *made, ivs_step *step, const void *sealed, uint64_t length) {
  int is_encrypted;

  *made = (ivs_shreddable){.bytes = NULL};
  if (step->status != SQLITE_OK || length == 0) return step->status;
  if (length > INT32_MAX - TAG_SIZE) return SQLITE_TOOBIG;
  made->length = (size_t)length + TAG_SIZE;
  made->bytes = malloc(made->length);
  if (!made->bytes) return SQLITE_NOMEM;
  /* The queue of errors is the host's thread's: leave it as it was. */
  ERR_set_mark();
  is_encrypted =
      ivs_pool_take(step->db->keys, made->key, sizeof made->key) &&
      encrypt_into(cipher_of(step->connection), made->key, sealed, (size_t)length, made->bytes);
  ERR_pop_to_mark();
  return is_encrypted ? SQLITE_OK : SQLITE_NOMEM;
}

void ivs_shreddable_end(ivs_shreddable *it) {
  OPENSSL_cleanse(it->key, sizeof it->key);
  free(it->bytes);
}

/* Runs what takes the seq of a row, and bytes for it. SQLITE_OK or why not. */
static int run(ivs_step *step, ivs_sql which, int64_t seq, const void *bytes, size_t length) {
  ivs_query query;

  ivs_query_join(&query, step, which);
  ivs_query_bind_number(&query, 1, seq);
  ivs_query_bind_blob(&query, 2, bytes, length);
  ivs_query_step(&query);
  ivs_query_end(&query);
  return query.status == SQLITE_DONE ? SQLITE_OK : query.status;
}

int ivs_sqlite_keep_key(ivs_step *step, int64_t seq, const ivs_shreddable *it) {
  return run(step, IVS_SQL_KEY_PUT, seq, it->key, sizeof it->key);
}

int ivs_sqlite_put_sealed(ivs_step *step, int64_t seq, const void *sealed, uint64_t length) {
  ivs_shreddable made;
  int status = ivs_shreddable_make(&made, step, sealed, length);

  if (status == SQLITE_OK) status = ivs_sqlite_keep_key(step, seq, &made);
  if (status == SQLITE_OK) status = run(step, IVS_SQL_SEALED_PUT, seq, made.bytes, made.length);
  ivs_shreddable_end(&made);
  return status;
}

/* ---- Opening --------------------------------------------------------------------------- */

int32_t ivs_query_open(ivs_query *query, int column, ivs_buffer *opened) {
  uint64_t length, key_length;
  const void *stored = ivs_query_blob(query, column, &length);
  const void *key = ivs_query_blob(query, column + 1, &key_length);
  int32_t result;

  ivs_buffer_clear(opened);
  if (!stored || query->status != SQLITE_ROW) return INVSRC_OK; /* the status says it */
  if (!key || key_length != IVS_ROW_KEY_SIZE || length <= TAG_SIZE || length > INT32_MAX)
    return INVSRC_EMALFORMED;
  if (ivs_buffer_set(opened, stored, (size_t)length) != INVSRC_OK) return INVSRC_ENOMEM;
  ERR_set_mark();
  result = decrypt_in_place(cipher_of(query->connection), key, (uint8_t *)opened->bytes,
                            (size_t)length - TAG_SIZE);
  ERR_pop_to_mark();
  if (result == INVSRC_OK)
    opened->length -= TAG_SIZE;
  else
    ivs_buffer_clear(opened);
  return result;
}
