/*
 * The sealer with local keys: what it seals opens for its own binding only, under
 * a key of the ring only, and unaltered only; and files of master keys.
 */
#include "providers/keyring.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "scratch.h"

#define HEADER (1 + 8 + 12)
#define OVERHEAD (HEADER + 16)

static const uint8_t key_a[INVSRC_MASTER_KEY_SIZE] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                                      11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                                      22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
#define TEXT_A "invsrc_key1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
static const uint8_t key_b[INVSRC_MASTER_KEY_SIZE] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
#define TEXT_B "invsrc_key1___________________________________________8"

static invsrc_keyring *ring_of(const uint8_t *current, const uint8_t *older) {
  invsrc_keyring *ring = NULL;

  assert_int_equal(invsrc_keyring_new(&ring), INVSRC_OK);
  if (current)
    assert_int_equal(invsrc_keyring_add(ring, current, INVSRC_MASTER_KEY_SIZE), INVSRC_OK);
  if (older) assert_int_equal(invsrc_keyring_add(ring, older, INVSRC_MASTER_KEY_SIZE), INVSRC_OK);
  return ring;
}

static invsrc_binding bind(const char *storefront, const char *id, const char *purpose) {
  invsrc_binding binding = {sizeof binding, 0,       storefront,     strlen(storefront), id,
                            strlen(id),     purpose, strlen(purpose)};

  return binding;
}

static int32_t seal(invsrc_keyring *ring, const invsrc_binding *binding, const void *bytes,
                    uint64_t length, invsrc_buffer *out) {
  return invsrc_keyring_sealer()->seal(ring, binding, bytes, length, out);
}

static int32_t unseal(invsrc_keyring *ring, const invsrc_binding *binding, const void *bytes,
                      uint64_t length, invsrc_buffer *out) {
  return invsrc_keyring_sealer()->open(ring, binding, bytes, length, out);
}

/* ---- Sealing ------------------------------------------------------------------- */

#define LONGEST 70000

static void what_is_sealed_opens(void **state) {
  static const uint64_t lengths[] = {0, 1, 15, 16, 17, 31, 32, 33, 100, 4096, LONGEST};
  static uint8_t plaintext[LONGEST];
  invsrc_keyring *ring = ring_of(key_a, NULL);
  invsrc_binding binding = bind("acme", "42", INVSRC_PURPOSE_CREDENTIAL);

  (void)state;
  for (size_t i = 0; i < LONGEST; i++) plaintext[i] = (uint8_t)(i * 7 + i / 256);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    invsrc_buffer *sealed = invsrc_buffer_new(), *opened = invsrc_buffer_new();
    uint64_t length, opened_length;
    const void *bytes;
    assert_int_equal(seal(ring, &binding, plaintext, lengths[i], sealed), INVSRC_OUTCOME_OK);
    bytes = invsrc_buffer_bytes(sealed, &length);
    assert_int_equal(length, lengths[i] + OVERHEAD);
    assert_int_equal(unseal(ring, &binding, bytes, length, opened), INVSRC_OUTCOME_OK);
    bytes = invsrc_buffer_bytes(opened, &opened_length);
    assert_int_equal(opened_length, lengths[i]);
    assert_memory_equal(bytes, plaintext, lengths[i]);
    invsrc_buffer_free(sealed);
    invsrc_buffer_free(opened);
  }
  invsrc_keyring_free(ring);
}

static void put(EVP_CIPHER_CTX *cipher, const char *text) {
  uint8_t length[4] = {0, 0, 0, (uint8_t)strlen(text)};
  int ignored;

  assert_int_equal(EVP_DecryptUpdate(cipher, NULL, &ignored, length, sizeof length), 1);
  assert_int_equal(
      EVP_DecryptUpdate(cipher, NULL, &ignored, (const uint8_t *)text, (int)strlen(text)), 1);
}

/* The layout must never change unnoticed: what is stored must open for ever. */
static void the_layout_is_as_documented(void **state) {
  invsrc_keyring *ring = ring_of(key_a, NULL);
  invsrc_binding binding = bind("acme", "42", INVSRC_PURPOSE_CREDENTIAL);
  invsrc_buffer *sealed = invsrc_buffer_new();
  EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
  uint8_t named[13 + INVSRC_MASTER_KEY_SIZE] = "invsrc key id";
  uint8_t digest[32], copy[OVERHEAD + 6], opened[6];
  const uint8_t *bytes;
  uint64_t length;
  int written;

  (void)state;
  assert_int_equal(seal(ring, &binding, "secret", 6, sealed), INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(length, sizeof copy);
  memcpy(copy, bytes, sizeof copy);
  assert_int_equal(copy[0], 1);
  memcpy(named + 13, key_a, sizeof key_a);
  assert_int_equal(EVP_Digest(named, sizeof named, digest, NULL, EVP_sha256(), NULL), 1);
  assert_memory_equal(copy + 1, digest, 8);

  assert_int_equal(EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key_a, copy + 9), 1);
  assert_int_equal(EVP_DecryptUpdate(cipher, NULL, &written, copy, HEADER), 1);
  put(cipher, "acme");
  put(cipher, "42");
  put(cipher, "credential");
  assert_int_equal(EVP_DecryptUpdate(cipher, opened, &written, copy + HEADER, 6), 1);
  assert_int_equal(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, 16, copy + HEADER + 6), 1);
  assert_int_equal(EVP_DecryptFinal_ex(cipher, opened + 6, &written), 1);
  assert_memory_equal(opened, "secret", 6);
  EVP_CIPHER_CTX_free(cipher);
  invsrc_buffer_free(sealed);
  invsrc_keyring_free(ring);
}

#define SEALS 2000

static int compare_nonces(const void *a, const void *b) {
  return memcmp(a, b, 12);
}

static void every_nonce_is_fresh(void **state) {
  static uint8_t nonces[SEALS][12];
  invsrc_keyring *ring = ring_of(key_a, NULL);
  invsrc_binding binding = bind("acme", "42", INVSRC_PURPOSE_CREDENTIAL);
  invsrc_buffer *sealed = invsrc_buffer_new();

  (void)state;
  for (int i = 0; i < SEALS; i++) {
    const uint8_t *bytes;
    assert_int_equal(seal(ring, &binding, "same", 4, sealed), INVSRC_OUTCOME_OK);
    bytes = invsrc_buffer_bytes(sealed, NULL);
    memcpy(nonces[i], bytes + 9, 12);
  }
  qsort(nonces, SEALS, sizeof *nonces, compare_nonces);
  for (int i = 1; i < SEALS; i++) assert_memory_not_equal(nonces[i - 1], nonces[i], 12);
  invsrc_buffer_free(sealed);
  invsrc_keyring_free(ring);
}

/* ---- Refusing ------------------------------------------------------------------- */

/* A sealed text, and what is needed to try to open it. */
struct sample {
  invsrc_keyring *ring;
  invsrc_binding binding;
  invsrc_buffer *opened;
  uint8_t bytes[64];
  uint64_t length;
};

static void make_sample(struct sample *sample, const char *text) {
  invsrc_buffer *sealed = invsrc_buffer_new();
  const void *bytes;

  sample->ring = ring_of(key_a, key_b);
  sample->binding = bind("acme", "42", INVSRC_PURPOSE_CREDENTIAL);
  sample->opened = invsrc_buffer_new();
  assert_int_equal(seal(sample->ring, &sample->binding, text, strlen(text), sealed),
                   INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &sample->length);
  assert_true(sample->length <= sizeof sample->bytes);
  memset(sample->bytes, 0, sizeof sample->bytes);
  memcpy(sample->bytes, bytes, sample->length);
  invsrc_buffer_free(sealed);
}

static void end_sample(struct sample *sample) {
  invsrc_buffer_free(sample->opened);
  invsrc_keyring_free(sample->ring);
}

static void refuses(struct sample *sample, const invsrc_binding *binding, uint64_t length) {
  uint64_t opened;

  assert_int_equal(unseal(sample->ring, binding, sample->bytes, length, sample->opened),
                   INVSRC_OUTCOME_REFUSED);
  invsrc_buffer_bytes(sample->opened, &opened);
  assert_int_equal(opened, 0);
}

static void every_bit_counts(void **state) {
  struct sample sample;

  (void)state;
  make_sample(&sample, "s3cret");
  for (uint64_t i = 0; i < sample.length; i++)
    for (int bit = 0; bit < 8; bit++) {
      sample.bytes[i] ^= (uint8_t)(1 << bit);
      refuses(&sample, &sample.binding, sample.length);
      sample.bytes[i] ^= (uint8_t)(1 << bit);
    }
  assert_int_equal(unseal(sample.ring, &sample.binding, sample.bytes, sample.length, sample.opened),
                   INVSRC_OUTCOME_OK);
  end_sample(&sample);
}

static void no_other_length_opens(void **state) {
  struct sample sample;

  (void)state;
  make_sample(&sample, "s3cret");
  for (uint64_t length = 0; length <= sample.length + 8; length++)
    if (length != sample.length) refuses(&sample, &sample.binding, length);
  refuses(&sample, &sample.binding, (uint64_t)INT32_MAX + 1);
  refuses(&sample, &sample.binding, UINT64_MAX);
  end_sample(&sample);
}

static void no_other_binding_opens(void **state) {
  static const char *const others[][3] = {
      {"acme2", "42", "credential"}, {"Acme", "42", "credential"},  {"", "42", "credential"},
      {"acme", "43", "credential"},  {"acme", "42 ", "credential"}, {"acme", "", "credential"},
      {"acme", "42", "oauth-state"}, {"acme", "42", "Credential"},  {"acme", "42", ""},
      {"acme4", "2", "credential"},  {"acm", "e42", "credential"},  {"acme", "42c", "redential"},
      {"42", "acme", "credential"},  {"acme42credential", "", ""},  {"", "", "acme42credential"},
      {"acme", "42credential", ""},  {"", "acme42", "credential"},
  };
  struct sample sample;

  (void)state;
  make_sample(&sample, "s3cret");
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    invsrc_binding other = bind(others[i][0], others[i][1], others[i][2]);
    refuses(&sample, &other, sample.length);
  }
  end_sample(&sample);
}

static void a_refusal_leaves_the_queue_of_errors_alone(void **state) {
  struct sample sample;

  (void)state;
  make_sample(&sample, "s3cret");
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 7);
  sample.bytes[HEADER] ^= 1;
  refuses(&sample, &sample.binding, sample.length);
  assert_int_equal(ERR_GET_REASON(ERR_get_error()), 7);
  assert_int_equal(ERR_get_error(), 0);
  end_sample(&sample);
}

/* ---- The ring --------------------------------------------------------------------- */

/* Whether what one ring seals another opens. */
static int32_t passes(invsrc_keyring *from, invsrc_keyring *to) {
  invsrc_binding binding = bind("acme", "42", INVSRC_PURPOSE_CREDENTIAL);
  invsrc_buffer *sealed = invsrc_buffer_new(), *opened = invsrc_buffer_new();
  const void *bytes;
  uint64_t length;
  int32_t outcome;

  assert_int_equal(seal(from, &binding, "secret", 6, sealed), INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  outcome = unseal(to, &binding, bytes, length, opened);
  if (outcome == INVSRC_OUTCOME_OK)
    assert_string_equal(invsrc_buffer_bytes(opened, NULL), "secret");
  invsrc_buffer_free(sealed);
  invsrc_buffer_free(opened);
  return outcome;
}

static void the_first_key_seals_and_every_key_opens(void **state) {
  invsrc_keyring *a = ring_of(key_a, NULL), *b = ring_of(key_b, NULL);
  invsrc_keyring *ab = ring_of(key_a, key_b), *ba = ring_of(key_b, key_a);

  (void)state;
  assert_int_equal(passes(a, a), INVSRC_OUTCOME_OK);
  assert_int_equal(passes(a, ab), INVSRC_OUTCOME_OK);
  assert_int_equal(passes(a, ba), INVSRC_OUTCOME_OK);
  assert_int_equal(passes(ab, a), INVSRC_OUTCOME_OK);
  assert_int_equal(passes(ba, b), INVSRC_OUTCOME_OK);
  assert_int_equal(passes(a, b), INVSRC_OUTCOME_REFUSED);
  assert_int_equal(passes(ab, b), INVSRC_OUTCOME_REFUSED);
  assert_int_equal(passes(ba, a), INVSRC_OUTCOME_REFUSED);
  invsrc_keyring_free(a);
  invsrc_keyring_free(b);
  invsrc_keyring_free(ab);
  invsrc_keyring_free(ba);
}

static void the_current_key_is_known_by_the_bytes(void **state) {
  invsrc_keyring *ab = ring_of(key_a, key_b), *b = ring_of(key_b, NULL);
  invsrc_binding binding = bind("acme", "42", INVSRC_PURPOSE_CREDENTIAL);
  invsrc_buffer *sealed = invsrc_buffer_new();
  const void *bytes;
  uint64_t length;

  (void)state;
  assert_int_equal(seal(ab, &binding, "secret", 6, sealed), INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_true(ivs_keyring_is_current(ab, bytes, length));
  assert_false(ivs_keyring_is_current(b, bytes, length));
  assert_int_equal(seal(b, &binding, "secret", 6, sealed), INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_false(ivs_keyring_is_current(ab, bytes, length));
  assert_false(ivs_keyring_is_current(ab, bytes, OVERHEAD - 1));
  invsrc_buffer_free(sealed);
  invsrc_keyring_free(ab);
  invsrc_keyring_free(b);
}

static void a_ring_takes_only_keys(void **state) {
  invsrc_keyring *ring = ring_of(NULL, NULL);
  invsrc_binding binding = bind("acme", "42", INVSRC_PURPOSE_CREDENTIAL);
  invsrc_buffer *sealed = invsrc_buffer_new();

  (void)state;
  assert_int_equal(seal(ring, &binding, "secret", 6, sealed), INVSRC_OUTCOME_REFUSED);
  assert_int_equal(unseal(ring, &binding, key_a, 32, sealed), INVSRC_OUTCOME_REFUSED);
  assert_int_equal(invsrc_keyring_add(NULL, key_a, 32), INVSRC_EINVAL);
  assert_int_equal(invsrc_keyring_add(ring, NULL, 32), INVSRC_EINVAL);
  assert_int_equal(invsrc_keyring_add(ring, key_a, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_keyring_add(ring, key_a, 16), INVSRC_EINVAL);
  assert_int_equal(invsrc_keyring_add(ring, key_a, 31), INVSRC_EINVAL);
  assert_int_equal(invsrc_keyring_add(ring, key_a, 33), INVSRC_EINVAL);
  assert_int_equal(invsrc_keyring_add(ring, key_a, 32), INVSRC_OK);
  assert_int_equal(invsrc_keyring_add(ring, key_a, 32), INVSRC_EINVAL);
  assert_int_equal(invsrc_keyring_add(ring, key_b, 32), INVSRC_OK);
  assert_int_equal(invsrc_keyring_add(ring, key_b, 32), INVSRC_EINVAL);
  assert_int_equal(invsrc_keyring_new(NULL), INVSRC_EINVAL);
  invsrc_keyring_free(NULL);
  invsrc_keyring_free(ring);
  invsrc_buffer_free(sealed);
}

struct sealing {
  invsrc_keyring *ring;
  int failures;
};

static void *seal_many(void *argument) {
  struct sealing *sealing = argument;
  invsrc_buffer *sealed = invsrc_buffer_new(), *opened = invsrc_buffer_new();
  invsrc_binding binding = bind("acme", "42", INVSRC_PURPOSE_CREDENTIAL);

  for (int i = 0; i < 200; i++) {
    uint64_t length;
    const void *bytes;
    sealing->failures += seal(sealing->ring, &binding, "secret", 6, sealed) != INVSRC_OUTCOME_OK;
    bytes = invsrc_buffer_bytes(sealed, &length);
    sealing->failures +=
        unseal(sealing->ring, &binding, bytes, length, opened) != INVSRC_OUTCOME_OK;
    sealing->failures += memcmp(invsrc_buffer_bytes(opened, NULL), "secret", 7) != 0;
  }
  invsrc_buffer_free(sealed);
  invsrc_buffer_free(opened);
  return NULL;
}

static void many_threads_share_a_ring(void **state) {
  invsrc_keyring *ring = ring_of(key_a, key_b);
  struct sealing sealings[8];
  pthread_t threads[8];

  (void)state;
  for (int i = 0; i < 8; i++) {
    sealings[i] = (struct sealing){ring, 0};
    assert_int_equal(pthread_create(&threads[i], NULL, seal_many, &sealings[i]), 0);
  }
  for (int i = 0; i < 8; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(sealings[i].failures, 0);
  }
  invsrc_keyring_free(ring);
}

/* ---- Files ------------------------------------------------------------------------ */

static const char path[] = "keys";
static invsrc_error *error;

static int set_up(void **state) {
  error = invsrc_error_new();
  return error ? scratch_enter(state) : -1;
}

static int tear_down(void **state) {
  invsrc_error_free(error);
  return scratch_leave(state);
}

static void write_file(const char *text, size_t length, mode_t mode) {
  int file;

  unlink(path);
  file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  assert_true(file >= 0);
  assert_int_equal(write(file, text, length), (ssize_t)length);
  assert_int_equal(fchmod(file, mode), 0);
  close(file);
}

/* Loads, and says which of the rings it is: "a", "ab", "ba", … or "" for none. */
static void loads(const char *text, const char *wanted) {
  invsrc_keyring *a = ring_of(key_a, NULL), *b = ring_of(key_b, NULL), *ring = NULL;
  char found[3] = "";

  write_file(text, strlen(text), 0600);
  if (invsrc_keyring_load(path, &ring, error) != INVSRC_OK)
    fail_msg("%s", invsrc_error_message(error));
  found[0] = passes(ring, a) == INVSRC_OUTCOME_OK ? 'a' : 'b';
  if (found[0] == 'a' && passes(b, ring) == INVSRC_OUTCOME_OK) found[1] = 'b';
  if (found[0] == 'b' && passes(a, ring) == INVSRC_OUTCOME_OK) found[1] = 'a';
  assert_string_equal(found, wanted);
  invsrc_keyring_free(ring);
  invsrc_keyring_free(a);
  invsrc_keyring_free(b);
}

static void files_of_keys_load(void **state) {
  (void)state;
  loads(TEXT_A "\n", "a");
  loads(TEXT_A, "a");
  loads(TEXT_B "\n", "b");
  loads(TEXT_A "\n" TEXT_B "\n", "ab");
  loads(TEXT_B "\n" TEXT_A, "ba");
  loads("# the current one\n" TEXT_A "\n\n#\n  # the old one\n\n" TEXT_B "\n\n\n", "ab");
  loads(TEXT_A "\r\n" TEXT_B "\r\n", "ab");
  loads("\n\t " TEXT_A " \t \n", "a");
  loads("#" TEXT_A "\n" TEXT_B "\n", "b");
}

static void refuses_file(const char *text, size_t length, const char *why) {
  invsrc_keyring *ring = (invsrc_keyring *)error;
  const char *message;

  write_file(text, length, 0600);
  assert_int_equal(invsrc_keyring_load(path, &ring, error), INVSRC_EMALFORMED);
  assert_null(ring);
  assert_int_equal(invsrc_error_code(error), INVSRC_EMALFORMED);
  message = invsrc_error_message(error);
  assert_int_equal(strncmp(message, path, strlen(path)), 0);
  assert_string_equal(message + strlen(path), why);
}

static void other_files_do_not(void **state) {
  static const char no_key[] = " is not a master key (invsrc_key1_ and 43 characters)";
  static const struct {
    const char *text;
    int line; /* 0: the file has no key */
  } cases[] = {
      {"", 0},
      {"\n\n", 0},
      {"# " TEXT_A "\n", 0},
      {"hunter2\n", 1},
      {TEXT_A "A\n", 1},
      {TEXT_A "=\n", 1},
      {"\xef\xbb\xbf" TEXT_A "\n", 1},
      {"invsrc_key2_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", 1},
      {"invsrc_key1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh\n", 1},
      {"invsrc_key1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9\n", 1}, /* bits left over */
      {"invsrc_key1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh/\n", 1}, /* not the URL's */
      {"invsrc_key1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH h\n", 1},
      {"\n#\n" TEXT_A " # mine\n", 3},
      {TEXT_A " " TEXT_B "\n", 1},
      {TEXT_A "\n" TEXT_B "\nleft over", 3},
  };
  static const char nul[] = TEXT_A "\0\n";
  char why[128];

  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    snprintf(why, sizeof why, ": line %d%s", cases[i].line, no_key);
    refuses_file(cases[i].text, strlen(cases[i].text), cases[i].line ? why : ": has no master key");
  }
  refuses_file(nul, sizeof nul - 1,
               ": line 1 is not a master key (invsrc_key1_ and 43 characters)");
  refuses_file(TEXT_A "\n\n" TEXT_A "\n", 2 * strlen(TEXT_A) + 3,
               ": line 3 is a key that stands above already");
}

static void a_file_without_end_is_refused(void **state) {
  static char text[65536 + 2];

  (void)state;
  memset(text, '\n', sizeof text - 1);
  refuses_file(text, sizeof text - 1, ": is too long for a file of master keys");
  memcpy(text, TEXT_A, strlen(TEXT_A));
  text[65536] = '\0'; /* where a file may end */
  loads(text, "a");
}

static void generated_keys_load(void **state) {
  invsrc_buffer *key = invsrc_buffer_new(), *other = invsrc_buffer_new();
  invsrc_keyring *ring = NULL;
  uint64_t length;
  const char *text;

  (void)state;
  assert_int_equal(invsrc_master_key_generate(NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_master_key_generate(other), INVSRC_OK);
  for (int i = 0; i < 50; i++) {
    assert_int_equal(invsrc_master_key_generate(key), INVSRC_OK);
    text = invsrc_buffer_bytes(key, &length);
    assert_int_equal(length, 12 + 43);
    assert_string_not_equal(text, invsrc_buffer_bytes(other, NULL));
    write_file(text, length, 0400);
    assert_int_equal(invsrc_keyring_load(path, &ring, error), INVSRC_OK);
    assert_int_equal(passes(ring, ring), INVSRC_OUTCOME_OK);
    invsrc_keyring_free(ring);
  }
  invsrc_buffer_free(key);
  invsrc_buffer_free(other);
}

static void modes_are_judged(void **state) {
  static const struct {
    mode_t mode;
    int fits_root; /* where root owns it */
    int fits;
  } cases[] = {
      {0600, 1, 1}, {0400, 1, 1}, {0700, 1, 1}, {0640, 1, 0}, {0440, 1, 0},
      {0660, 0, 0}, {0620, 0, 0}, {0610, 0, 0}, {0604, 0, 0}, {0602, 0, 0},
      {0601, 0, 0}, {0644, 0, 0}, {0666, 0, 0}, {0777, 0, 0},
  };
  int is_root = geteuid() == 0;

  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int by_root = 0; by_root <= is_root; by_root++) {
      int fits = by_root ? cases[i].fits_root : cases[i].fits;
      invsrc_keyring *ring = NULL;
      write_file(TEXT_A, strlen(TEXT_A), cases[i].mode);
      if (is_root && !by_root) assert_int_equal(chown(path, 65534, 65534), 0);
      assert_int_equal(invsrc_keyring_load(path, &ring, error), fits ? INVSRC_OK : INVSRC_EREFUSED);
      if (!fits) assert_non_null(strstr(invsrc_error_message(error), "is open to others"));
      invsrc_keyring_free(ring);
    }
}

static void only_files_are_read(void **state) {
  invsrc_keyring *ring;

  (void)state;
  unlink(path);
  assert_int_equal(invsrc_keyring_load(path, &ring, error), INVSRC_ENOTFOUND);
  assert_null(ring);
  assert_int_equal(invsrc_keyring_load(".", &ring, error), INVSRC_EREFUSED);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(invsrc_keyring_load(path, &ring, error), INVSRC_EREFUSED);
  unlink(path);
  assert_int_equal(symlink("keys", path), 0);
  assert_int_equal(invsrc_keyring_load(path, &ring, error), INVSRC_EIO);
  unlink(path);
  assert_int_equal(invsrc_keyring_load(NULL, &ring, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_keyring_load(path, NULL, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_keyring_load(path, NULL, NULL), INVSRC_EINVAL);
}

/* In a process that is not root, which may read everything. */
static void a_file_of_another_cannot_be_read(void **state) {
  int status;
  pid_t child;

  (void)state;
  write_file(TEXT_A, strlen(TEXT_A), 0000);
  child = fork();
  if (child == 0) {
    invsrc_keyring *ring = NULL;
    if (geteuid() == 0 && (setgid(65534) || setuid(65534))) _exit(2);
    if (invsrc_keyring_load(path, &ring, error) != INVSRC_EIO) _exit(3);
    if (!strstr(invsrc_error_message(error), "may not be read by this user")) _exit(4);
    _exit(0);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

/* ---- What is left in memory ------------------------------------------------------- */

#define CHUNK 65536
#define MASK 0x5a
#define PIECE 16

#define LARGEST ((uintptr_t)1 << 30) /* a sanitizer's shadow is larger, ours is not */

static size_t count_in(const uint8_t *bytes, size_t length, const uint8_t masked[PIECE]) {
  const uint8_t *at = bytes, *end = bytes + length;
  size_t found = 0;

  while (at < end && (at = memchr(at, masked[0] ^ MASK, (size_t)(end - at)))) {
    size_t same = 0;
    while (same < PIECE && at + same < end && (at[same] ^ MASK) == masked[same]) same++;
    found += same == PIECE;
    at++;
  }
  return found;
}

/* How often half of a key, known only masked, stands in writable memory. */
static size_t count_copies(const uint8_t masked[PIECE]) {
  static uint8_t chunk[CHUNK];
  FILE *maps = fopen("/proc/self/maps", "r");
  int memory = open("/proc/self/mem", O_RDONLY);
  uintptr_t from, to;
  char line[512], access[8];
  size_t found = 0;

  assert_non_null(maps);
  assert_true(memory >= 0);
  while (fgets(line, sizeof line, maps)) {
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &from, &to, access) != 3) continue;
    if (access[1] != 'w' || to - from > LARGEST) continue;
    for (uintptr_t at = from; at < to; at += CHUNK - PIECE + 1) {
      ssize_t got = pread(memory, chunk, to - at < CHUNK ? to - at : CHUNK, (off_t)at);
      if (got > 0) found += count_in(chunk, (size_t)got, masked);
      OPENSSL_cleanse(chunk, sizeof chunk);
    }
  }
  close(memory);
  fclose(maps);
  return found;
}

static void use_ring(invsrc_keyring *ring) {
  assert_int_equal(passes(ring, ring), INVSRC_OUTCOME_OK);
  invsrc_keyring_free(ring);
}

static void keys_are_gone_with_their_ring(void **state) {
  uint8_t masked[PIECE], key[INVSRC_MASTER_KEY_SIZE];
  invsrc_keyring *ring;

  (void)state;
  assert_int_equal(RAND_bytes(key, sizeof key), 1);
  for (size_t i = 0; i < PIECE; i++) masked[i] = key[i] ^ MASK;
  ring = ring_of(key, NULL);
  assert_true(count_copies(masked) >= 2);
  OPENSSL_cleanse(key, sizeof key);
  assert_int_equal(count_copies(masked), 1);
  use_ring(ring);
  assert_int_equal(count_copies(masked), 0);
}

static void keys_from_files_are_gone_too(void **state) {
  uint8_t masked_text[PIECE], masked_key[PIECE], key[2 * PIECE] = "";
  invsrc_buffer *text = invsrc_buffer_new();
  invsrc_keyring *ring;
  const char *bytes;
  uint64_t length;

  (void)state;
  assert_int_equal(invsrc_master_key_generate(text), INVSRC_OK);
  bytes = invsrc_buffer_bytes(text, &length);
  write_file(bytes, length, 0600);
  for (size_t i = 0; i < PIECE; i++) masked_text[i] = (uint8_t)bytes[12 + i] ^ MASK;
  {
    char code[25] = "";
    for (size_t i = 0; i < 24; i++)
      code[i] = bytes[12 + i] == '-' ? '+' : bytes[12 + i] == '_' ? '/' : bytes[12 + i];
    EVP_DecodeBlock(key, (const uint8_t *)code, 24);
    OPENSSL_cleanse(code, sizeof code);
  }
  for (size_t i = 0; i < PIECE; i++) masked_key[i] = key[i] ^ MASK;
  OPENSSL_cleanse(key, sizeof key);
  invsrc_buffer_free(text);
  assert_int_equal(count_copies(masked_text), 0);
  assert_int_equal(count_copies(masked_key), 0);
  assert_int_equal(invsrc_keyring_load(path, &ring, error), INVSRC_OK);
  assert_int_equal(count_copies(masked_text), 0);
  assert_int_equal(count_copies(masked_key), 1);
  use_ring(ring);
  assert_int_equal(count_copies(masked_key), 0);
}

/* The buffer wipes what it held: nothing is left of what was sealed and opened. */
static void plaintext_is_gone_with_its_buffer(void **state) {
  uint8_t masked[PIECE], secret[4 * PIECE];
  invsrc_keyring *ring = ring_of(key_a, NULL);
  invsrc_binding binding = bind("acme", "42", INVSRC_PURPOSE_CREDENTIAL);
  invsrc_buffer *sealed = invsrc_buffer_new(), *opened = invsrc_buffer_new();
  const void *bytes;
  uint64_t length;

  (void)state;
  assert_int_equal(RAND_bytes(secret, sizeof secret), 1);
  /* Not its beginning, where the allocator writes when it frees. */
  for (size_t i = 0; i < PIECE; i++) masked[i] = secret[2 * PIECE + i] ^ MASK;
  assert_int_equal(seal(ring, &binding, secret, sizeof secret, sealed), INVSRC_OUTCOME_OK);
  OPENSSL_cleanse(secret, sizeof secret);
  assert_int_equal(count_copies(masked), 0);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(unseal(ring, &binding, bytes, length, opened), INVSRC_OUTCOME_OK);
  assert_int_equal(count_copies(masked), 1);
  invsrc_buffer_free(opened);
  assert_int_equal(count_copies(masked), 0);
  invsrc_buffer_free(sealed);
  invsrc_keyring_free(ring);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_sealed_opens),
      cmocka_unit_test(the_layout_is_as_documented),
      cmocka_unit_test(every_nonce_is_fresh),
      cmocka_unit_test(every_bit_counts),
      cmocka_unit_test(no_other_length_opens),
      cmocka_unit_test(no_other_binding_opens),
      cmocka_unit_test(a_refusal_leaves_the_queue_of_errors_alone),
      cmocka_unit_test(the_first_key_seals_and_every_key_opens),
      cmocka_unit_test(the_current_key_is_known_by_the_bytes),
      cmocka_unit_test(a_ring_takes_only_keys),
      cmocka_unit_test(many_threads_share_a_ring),
      cmocka_unit_test(files_of_keys_load),
      cmocka_unit_test(other_files_do_not),
      cmocka_unit_test(a_file_without_end_is_refused),
      cmocka_unit_test(generated_keys_load),
      cmocka_unit_test(modes_are_judged),
      cmocka_unit_test(only_files_are_read),
      cmocka_unit_test(a_file_of_another_cannot_be_read),
      cmocka_unit_test(keys_are_gone_with_their_ring),
      cmocka_unit_test(keys_from_files_are_gone_too),
      cmocka_unit_test(plaintext_is_gone_with_its_buffer),
  };

  return cmocka_run_group_tests(tests, set_up, tear_down);
}
