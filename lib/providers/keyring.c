/*
 * Sealing with local keys: AES-256-GCM (NIST SP 800-38D) under a ring of master
 * keys. The sealed bytes are
 *
 *     version (1) | key id (8) | nonce (12) | ciphertext | tag (16)
 *
 * and the additional data are version, key id and nonce, then storefront, source
 * and purpose, each behind its length. Nonces are random, so a key should seal
 * no more than 2^32 times; rotating it starts anew.
 *
 * Keys stand in blocks of their own, wiped when they end. They are not locked into
 * memory: the limits on that are small and shared with the host, and credentials
 * pass through ordinary memory as well. A host that fears its swap encrypts it.
 */
#include "providers/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base64.h"
#include "core/buffer.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/pool.h"

#define VERSION 1
#define ID_SIZE 8
#define NONCE_SIZE 12
#define TAG_SIZE 16
#define HEADER_SIZE (1 + ID_SIZE + NONCE_SIZE)
#define OVERHEAD (HEADER_SIZE + TAG_SIZE)

#define KEY_PREFIX "invsrc_key1_"
#define KEY_CHARACTERS 43 /* 32 bytes in base64url, RFC 4648 §5, without padding */

/* Ciphers that are kept: setting one up anew takes longer than sealing with it. */
#define IDLE_CIPHERS 8

typedef struct master_key {
  struct master_key *next;
  uint8_t id[ID_SIZE];
  uint8_t bytes[INVSRC_MASTER_KEY_SIZE];
  _Atomic(EVP_CIPHER_CTX *) idle[IDLE_CIPHERS]; /* that know the key, and that nobody uses */
} master_key;

struct invsrc_keyring {
  master_key *keys; /* the first is current */
  ivs_pool *nonces;
};

/* ---- The ring ------------------------------------------------------------------ */

/* A name for a key that says nothing of it. */
static int name_key(master_key *key) {
  static const char domain[] = "invsrc key id";
  uint8_t input[sizeof domain - 1 + INVSRC_MASTER_KEY_SIZE], digest[IVS_DIGEST_SIZE];
  int32_t result;

  memcpy(input, domain, sizeof domain - 1);
  memcpy(input + sizeof domain - 1, key->bytes, sizeof key->bytes);
  result = ivs_digest(input, sizeof input, digest);
  OPENSSL_cleanse(input, sizeof input);
  if (result == INVSRC_OK) memcpy(key->id, digest, sizeof key->id);
  return result == INVSRC_OK;
}

static master_key *find_key(const invsrc_keyring *keyring, const uint8_t id[ID_SIZE]) {
  master_key *key = keyring->keys;

  while (key && memcmp(key->id, id, ID_SIZE) != 0) key = key->next;
  return key;
}

static void key_free(master_key *key) {
  if (!key) return;
  for (int i = 0; i < IDLE_CIPHERS; i++) EVP_CIPHER_CTX_free(key->idle[i]); /* which wipes it */
  OPENSSL_cleanse(key, sizeof *key);
  free(key);
}

static int draw(uint8_t *bytes, size_t length) {
  return RAND_bytes(bytes, (int)length) == 1;
}

int32_t invsrc_keyring_new(invsrc_keyring **keyring) {
  if (!keyring) return INVSRC_EINVAL;
  *keyring = calloc(1, sizeof **keyring);
  if (!*keyring) return INVSRC_ENOMEM;
  (*keyring)->nonces = ivs_pool_new(draw);
  if ((*keyring)->nonces) return INVSRC_OK;
  free(*keyring);
  *keyring = NULL;
  return INVSRC_ENOMEM;
}

void invsrc_keyring_free(invsrc_keyring *keyring) {
  if (!keyring) return;
  while (keyring->keys) {
    master_key *next = keyring->keys->next;
    key_free(keyring->keys);
    keyring->keys = next;
  }
  ivs_pool_free(keyring->nonces);
  free(keyring);
}

int32_t invsrc_keyring_add(invsrc_keyring *keyring, const uint8_t *key, uint64_t length) {
  master_key **end, *made;

  if (!keyring || !key || length != INVSRC_MASTER_KEY_SIZE) return INVSRC_EINVAL;
  made = calloc(1, sizeof *made);
  if (!made) return INVSRC_ENOMEM;
  memcpy(made->bytes, key, sizeof made->bytes);
  if (!name_key(made)) {
    key_free(made);
    return INVSRC_ECRYPTO;
  }
  if (find_key(keyring, made->id)) {
    key_free(made);
    return INVSRC_EINVAL;
  }
  for (end = &keyring->keys; *end;) end = &(*end)->next;
  *end = made;
  return INVSRC_OK;
}

/* ---- Ciphers -------------------------------------------------------------------- */

/* One that knows the key, or NULL. */
static EVP_CIPHER_CTX *new_cipher(const master_key *key) {
  EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();

  if (cipher && EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, NULL, 1) == 1)
    return cipher;
  EVP_CIPHER_CTX_free(cipher);
  return NULL;
}

static EVP_CIPHER_CTX *take_cipher(master_key *key) {
  EVP_CIPHER_CTX *cipher = NULL;

  for (int i = 0; i < IDLE_CIPHERS && !cipher; i++) cipher = atomic_exchange(&key->idle[i], NULL);
  return cipher ? cipher : new_cipher(key);
}

/* Keeps it for the next, but not where something failed: who knows how it is left. */
static void give_back(master_key *key, EVP_CIPHER_CTX *cipher, int is_good) {
  for (int i = 0; i < IDLE_CIPHERS && is_good; i++) {
    EVP_CIPHER_CTX *none = NULL;
    if (atomic_compare_exchange_strong(&key->idle[i], &none, cipher)) return;
  }
  EVP_CIPHER_CTX_free(cipher);
}

/* ---- Sealing -------------------------------------------------------------------- */

static int add_part(EVP_CIPHER_CTX *cipher, const char *text, uint64_t length) {
  uint8_t size[4] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                     (uint8_t)length};
  int ignored;

  return length <= INT32_MAX && EVP_CipherUpdate(cipher, NULL, &ignored, size, sizeof size) == 1 &&
         (length == 0 ||
          EVP_CipherUpdate(cipher, NULL, &ignored, (const unsigned char *)text, (int)length) == 1);
}

/* Begins with a header and a binding. */
static int begin(EVP_CIPHER_CTX *cipher, const uint8_t *header, const invsrc_binding *binding,
                 int sealing) {
  int ignored;

  return EVP_CipherInit_ex(cipher, NULL, NULL, NULL, header + 1 + ID_SIZE, sealing) == 1 &&
         EVP_CipherUpdate(cipher, NULL, &ignored, header, HEADER_SIZE) == 1 &&
         add_part(cipher, binding->storefront, binding->storefront_length) &&
         add_part(cipher, binding->id, binding->id_length) &&
         add_part(cipher, binding->purpose, binding->purpose_length);
}

/* Seals `length` bytes into `out`, which has room for OVERHEAD more. */
static int seal_into(const invsrc_keyring *keyring, const invsrc_binding *binding,
                     const void *plaintext, size_t length, uint8_t *out) {
  master_key *key = keyring->keys;
  EVP_CIPHER_CTX *cipher = take_cipher(key);
  uint8_t *tag = out + HEADER_SIZE + length;
  int written, ok;

  out[0] = VERSION;
  memcpy(out + 1, key->id, ID_SIZE);
  ok = cipher && ivs_pool_take(keyring->nonces, out + 1 + ID_SIZE, NONCE_SIZE) &&
       begin(cipher, out, binding, 1) &&
       (length == 0 ||
        EVP_CipherUpdate(cipher, out + HEADER_SIZE, &written, plaintext, (int)length) == 1) &&
       EVP_CipherFinal_ex(cipher, tag, &written) == 1 &&
       EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, tag) == 1;
  give_back(key, cipher, ok);
  return ok;
}

/* Opens `length` bytes of ciphertext into `out`. An outcome: only the tag says no,
 * everything else that fails is libcrypto. */
static int32_t open_into(master_key *key, const invsrc_binding *binding, const uint8_t *sealed,
                         size_t length, uint8_t *out) {
  EVP_CIPHER_CTX *cipher = take_cipher(key);
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;
  uint8_t tag[TAG_SIZE];
  int written;

  memcpy(tag, sealed + HEADER_SIZE + length, sizeof tag);
  if (cipher && begin(cipher, sealed, binding, 0) &&
      (length == 0 ||
       EVP_CipherUpdate(cipher, out, &written, sealed + HEADER_SIZE, (int)length) == 1) &&
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1)
    outcome = EVP_CipherFinal_ex(cipher, out + length, &written) == 1 ? INVSRC_OUTCOME_OK
                                                                      : INVSRC_OUTCOME_REFUSED;
  give_back(key, cipher, outcome == INVSRC_OUTCOME_OK);
  return outcome;
}

static int32_t seal(void *context, const invsrc_binding *binding, const void *plaintext,
                    uint64_t length, invsrc_buffer *sealed) {
  const invsrc_keyring *keyring = context;
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;
  uint8_t *out;

  if (!keyring->keys || length > INT32_MAX) return INVSRC_OUTCOME_REFUSED;
  out = malloc((size_t)length + OVERHEAD);
  if (!out) return INVSRC_OUTCOME_UNAVAILABLE;
  ERR_set_mark();
  if (seal_into(keyring, binding, plaintext, (size_t)length, out) &&
      invsrc_buffer_set(sealed, out, length + OVERHEAD) == INVSRC_OK)
    outcome = INVSRC_OUTCOME_OK;
  ERR_pop_to_mark();
  free(out);
  return outcome;
}

/* The key that the bytes name, or NULL: not ours, or a key that is not at hand. */
static master_key *key_of(const invsrc_keyring *keyring, const uint8_t *sealed, uint64_t length) {
  if (length < OVERHEAD || length > INT32_MAX || sealed[0] != VERSION) return NULL;
  return find_key(keyring, sealed + 1);
}

static int32_t unseal(void *context, const invsrc_binding *binding, const void *sealed,
                      uint64_t length, invsrc_buffer *plaintext) {
  master_key *key = key_of(context, sealed, length);
  int32_t outcome;
  size_t size = key ? (size_t)length - OVERHEAD : 0;
  uint8_t *out;

  if (!key) return INVSRC_OUTCOME_REFUSED;
  out = malloc(size + 1);
  if (!out) return INVSRC_OUTCOME_UNAVAILABLE;
  ERR_set_mark();
  outcome = open_into(key, binding, sealed, size, out);
  ERR_pop_to_mark();
  if (outcome == INVSRC_OUTCOME_OK && invsrc_buffer_set(plaintext, out, size) != INVSRC_OK)
    outcome = INVSRC_OUTCOME_UNAVAILABLE;
  OPENSSL_cleanse(out, size + 1);
  free(out);
  return outcome;
}

const invsrc_sealer_vtable *invsrc_keyring_sealer(void) {
  static const invsrc_sealer_vtable table = {sizeof table, 0, seal, unseal, NULL};

  return &table;
}

int ivs_keyring_is_current(const invsrc_keyring *keyring, const void *sealed, uint64_t length) {
  const master_key *key = key_of(keyring, sealed, length);

  return key && key == keyring->keys;
}

/* ---- Text form -------------------------------------------------------------------- */

int32_t invsrc_master_key_generate(invsrc_buffer *key) {
  uint8_t bytes[INVSRC_MASTER_KEY_SIZE];
  ivs_buffer text = IVS_BUFFER_EMPTY;
  int32_t result = INVSRC_ECRYPTO;

  if (!key) return INVSRC_EINVAL;
  ERR_set_mark();
  if (RAND_priv_bytes(bytes, sizeof bytes) == 1) {
    ivs_buffer_append_text(&text, KEY_PREFIX);
    ivs_base64url_append(&text, bytes, sizeof bytes);
    result = text.failed ? INVSRC_ENOMEM : invsrc_buffer_set(key, text.bytes, text.length);
  }
  ERR_pop_to_mark();
  OPENSSL_cleanse(bytes, sizeof bytes);
  ivs_buffer_end(&text);
  return result;
}

/* Reads the text form of a key. INVSRC_OK; INVSRC_EMALFORMED; INVSRC_ENOMEM. */
static int32_t read_key(const char *text, size_t length, uint8_t bytes[INVSRC_MASTER_KEY_SIZE]) {
  size_t prefix = sizeof KEY_PREFIX - 1;
  ivs_buffer decoded = IVS_BUFFER_EMPTY;
  int32_t result = INVSRC_EMALFORMED;

  if (length != prefix + KEY_CHARACTERS || memcmp(text, KEY_PREFIX, prefix) != 0) return result;
  if (ivs_base64url_decode(&decoded, text + prefix, KEY_CHARACTERS))
    result = decoded.failed ? INVSRC_ENOMEM : INVSRC_OK;
  if (result == INVSRC_OK) memcpy(bytes, decoded.bytes, INVSRC_MASTER_KEY_SIZE);
  ivs_buffer_end(&decoded);
  return result;
}

/* ---- Key files ---------------------------------------------------------------------- */

#define FILE_LONGEST 65536

static int32_t refuse(invsrc_error *error, int32_t code, const char *path, const char *why) {
  ivs_error_set(error, code, INVSRC_NO_OFFSET, "%s: %s", path, why);
  return code;
}

/* The rule of PostgreSQL's client for private keys: open to its owner only, or where that is
 * root, to a group that may read. */
static int is_private(const struct stat *status) {
  mode_t forbidden = status->st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;

  return (status->st_mode & forbidden) == 0;
}

static int32_t read_file(const char *path, ivs_buffer *out, invsrc_error *error) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  int32_t result = INVSRC_OK;
  struct stat status;
  char chunk[4096];
  ssize_t got;

  if (file < 0)
    return errno == ENOENT
               ? refuse(error, INVSRC_ENOTFOUND, path, "there is no such file")
               : refuse(error, INVSRC_EIO, path,
                        errno == EACCES ? "may not be read by this user" : "cannot be opened");
  if (fstat(file, &status) != 0)
    result = refuse(error, INVSRC_EIO, path, "cannot be read");
  else if (!S_ISREG(status.st_mode))
    result = refuse(error, INVSRC_EREFUSED, path, "is not a regular file");
  else if (!is_private(&status))
    result = refuse(error, INVSRC_EREFUSED, path,
                    "is open to others; its mode must be 0600 or less, or 0640 or less where root "
                    "owns it");
  while (result == INVSRC_OK && (got = read(file, chunk, sizeof chunk)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got > 0) ivs_buffer_append(out, chunk, (size_t)got);
    if (got < 0)
      result = refuse(error, INVSRC_EIO, path, "cannot be read");
    else if (out->length > FILE_LONGEST)
      result = refuse(error, INVSRC_EMALFORMED, path, "is too long for a file of master keys");
    else if (out->failed)
      result = refuse(error, INVSRC_ENOMEM, path, "memory ran out");
  }
  OPENSSL_cleanse(chunk, sizeof chunk);
  close(file);
  return result;
}

/* Adds the key of one line, trimmed; `line` counts from 1. */
static int32_t add_line(invsrc_keyring *keyring, const char *text, size_t length, unsigned line,
                        const char *path, invsrc_error *error) {
  uint8_t key[INVSRC_MASTER_KEY_SIZE];
  const char *why = "is not a master key (invsrc_key1_ and 43 characters)";
  int32_t result;

  while (length && strchr(" \t\r", text[length - 1]) && text[length - 1]) length--;
  while (length && (*text == ' ' || *text == '\t')) text++, length--;
  if (length == 0 || *text == '#') return INVSRC_OK;
  result = read_key(text, length, key);
  if (result != INVSRC_EMALFORMED) {
    if (result == INVSRC_OK) result = invsrc_keyring_add(keyring, key, sizeof key);
    why = invsrc_strerror(result);
    if (result == INVSRC_EINVAL) {
      result = INVSRC_EMALFORMED;
      why = "is a key that stands above already";
    }
  }
  OPENSSL_cleanse(key, sizeof key);
  if (result != INVSRC_OK)
    ivs_error_set(error, result, INVSRC_NO_OFFSET, "%s: line %u %s", path, line, why);
  return result;
}

static int32_t add_lines(invsrc_keyring *keyring, const ivs_buffer *text, const char *path,
                         invsrc_error *error) {
  int32_t result = INVSRC_OK;
  unsigned line = 1;

  for (size_t at = 0; at < text->length && result == INVSRC_OK; line++) {
    const char *start = text->bytes + at;
    const char *end = memchr(start, '\n', text->length - at);
    size_t length = end ? (size_t)(end - start) : text->length - at;
    result = add_line(keyring, start, length, line, path, error);
    at += length + 1;
  }
  if (result == INVSRC_OK && !keyring->keys)
    return refuse(error, INVSRC_EMALFORMED, path, "has no master key");
  return result;
}

int32_t invsrc_keyring_load(const char *path, invsrc_keyring **keyring, invsrc_error *error) {
  ivs_buffer text = IVS_BUFFER_EMPTY;
  int32_t result;

  if (keyring) *keyring = NULL;
  if (!path || !keyring)
    return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  result = read_file(path, &text, error);
  if (result == INVSRC_OK) {
    result = invsrc_keyring_new(keyring);
    if (result == INVSRC_OK)
      result = add_lines(*keyring, &text, path, error);
    else
      refuse(error, result, path, invsrc_strerror(result));
  }
  if (result != INVSRC_OK) {
    invsrc_keyring_free(*keyring);
    *keyring = NULL;
  }
  ivs_buffer_end(&text);
  return result;
}
