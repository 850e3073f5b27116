/*
 * After a create, no copy of the credential is left in the writable memory of the
 * process: not on the heap, in freed blocks, on the stack or in static data. The
 * test itself knows its secrets only xored, so that what it finds is not its own.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define MASK 0x5a
#define SECRET_SIZE 4096
/* A find of this many bytes in a row is a leak. */
#define PIECE 16

/* A secret as the test may keep it. */
struct masked {
  size_t length;
  unsigned char bytes[SECRET_SIZE];
};

static void hide(struct masked *secret, void *clear, size_t length) {
  assert_in_range(length, PIECE, SECRET_SIZE);
  for (size_t i = 0; i < length; i++) secret->bytes[i] = ((unsigned char *)clear)[i] ^ MASK;
  secret->length = length;
  OPENSSL_cleanse(clear, length);
}

/* ---- The search ------------------------------------------------------------ */

#define CHUNK 65536

static int is_piece(const unsigned char *memory, const unsigned char *masked) {
  for (size_t i = 0; i < PIECE; i++)
    if ((memory[i] ^ MASK) != masked[i]) return 0;
  return 1;
}

/* Counts the places in `memory` where any aligned piece of the secret stands. */
static size_t count_pieces(const unsigned char *memory, size_t length,
                           const struct masked *secret) {
  size_t found = 0;

  for (size_t piece = 0; piece + PIECE <= secret->length; piece += PIECE) {
    unsigned char first = secret->bytes[piece] ^ MASK;
    const unsigned char *at = memory, *end = memory + length - PIECE + 1;
    while (at < end && (at = memchr(at, first, (size_t)(end - at)))) {
      if (is_piece(at, secret->bytes + piece)) {
        found++;
        if (getenv("SECRETS_VERBOSE"))
          fprintf(stderr, "# piece at byte %zu of the secret\n", piece);
      }
      at++;
    }
  }
  return found;
}

/* Searches one mapping, chunk by overlapping chunk, but not the chunk itself. */
static size_t search_mapping(int memory, uintptr_t from, uintptr_t to, const struct masked *secret,
                             unsigned char *chunk) {
  size_t found = 0;

  for (uintptr_t at = from; at < to; at += CHUNK - PIECE) {
    size_t want = to - at < CHUNK ? to - at : CHUNK;
    ssize_t got = pread(memory, chunk, want, (off_t)at);
    if (got >= PIECE) found += count_pieces(chunk, (size_t)got, secret);
    OPENSSL_cleanse(chunk, CHUNK);
  }
  return found;
}

/* How often pieces of the secret stand in writable memory. */
static size_t search(const struct masked *secret) {
  static unsigned char chunk[CHUNK];
  FILE *maps = fopen("/proc/self/maps", "r");
  int memory = open("/proc/self/mem", O_RDONLY);
  char line[512], access[8];
  uintptr_t from, to;
  size_t found = 0;

  assert_non_null(maps);
  assert_true(memory >= 0);
  while (fgets(line, sizeof line, maps))
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &from, &to, access) == 3 && access[1] == 'w')
      found += search_mapping(memory, from, to, secret, chunk);
  close(memory);
  fclose(maps);
  return found;
}

/* ---- The world ------------------------------------------------------------- */

static char folder[] = "/tmp/invsrc-secrets-XXXXXX";
static char path[sizeof folder + 16];

static int32_t registered(void *context, const char *endpoint_url, uint64_t length) {
  (void)context, (void)endpoint_url, (void)length;
  return INVSRC_OUTCOME_OK;
}

static int32_t unavailable(void *context, const invsrc_source *source, const void *sealed,
                           uint64_t length) {
  (void)context, (void)source, (void)sealed, (void)length;
  return INVSRC_OUTCOME_UNAVAILABLE;
}

static const invsrc_registry_vtable registry = {sizeof registry, 0, registered};

struct world {
  invsrc_keyring *keyring;
  invsrc_sqlite *db;
  invsrc_options *options;
  invsrc_service *service;
};

static void make_world(struct world *world, int broken_store) {
  unsigned char key[INVSRC_MASTER_KEY_SIZE];
  invsrc_store_vtable store = *invsrc_sqlite_store();

  assert_int_equal(RAND_bytes(key, sizeof key), 1);
  assert_int_equal(invsrc_keyring_new(&world->keyring), INVSRC_OK);
  assert_int_equal(invsrc_keyring_add(world->keyring, key, sizeof key), INVSRC_OK);
  assert_int_equal(invsrc_sqlite_open(path, &world->db, NULL), INVSRC_OK);
  if (broken_store) store.insert = unavailable;
  world->options = invsrc_options_new();
  invsrc_options_set_registry(world->options, &registry, NULL);
  invsrc_options_set_sealer(world->options, invsrc_keyring_sealer(), world->keyring);
  invsrc_options_set_store(world->options, &store, world->db);
  assert_int_equal(invsrc_service_new(world->options, &world->service, NULL), INVSRC_OK);
}

static void end_world(struct world *world) {
  invsrc_service_free(world->service);
  invsrc_options_free(world->options);
  invsrc_sqlite_free(world->db);
  invsrc_keyring_free(world->keyring);
}

/* ---- Bodies ---------------------------------------------------------------- */

#define BODY_SIZE 16384
static char body[BODY_SIZE];

/* Appends text to the body, or a secret where `secret` is given, escaped as JSON
 * when it has line ends. */
static void append(size_t *length, const char *text, const struct masked *secret) {
  size_t count = secret ? secret->length : strlen(text);

  assert_true(*length + 2 * count < BODY_SIZE);
  for (size_t i = 0; i < count; i++) {
    char c = (char)(secret ? secret->bytes[i] ^ MASK : text[i]);
    if (secret && c == '\n') {
      body[(*length)++] = '\\';
      c = 'n';
    }
    body[(*length)++] = c;
  }
}

/* What one request carries: text, the secret, text. */
static size_t write_body(const char *name, const char *before, const struct masked *secret,
                         const char *after) {
  size_t length = 0;

  append(&length, "{\"name\":\"", NULL);
  append(&length, name, NULL);
  append(
      &length,
      "\",\"type\":\"SALES\",\"endpointUrl\":\"https://agent.example/mcp\",\"protocol\":\"MCP\",",
      NULL);
  append(&length, before, NULL);
  append(&length, NULL, secret);
  append(&length, after, NULL);
  return length;
}

static void make_token(struct masked *secret) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  unsigned char token[64];

  assert_int_equal(RAND_bytes(token, sizeof token), 1);
  for (size_t i = 0; i < sizeof token; i++) token[i] = (unsigned char)alphabet[token[i] & 63];
  hide(secret, token, sizeof token);
}

/* A PEM text, and the private number within it. The child makes it, so that this
 * process has never held the key. */
static void make_key(const char *type, struct masked *pem, struct masked *number) {
  int ends[2];
  pid_t child;

  assert_int_equal(pipe(ends), 0);
  child = fork();
  if (child == 0) {
    EVP_PKEY *key = strcmp(type, "EC") == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
    const char *name =
        strcmp(type, "EC") == 0 ? OSSL_PKEY_PARAM_PRIV_KEY : OSSL_PKEY_PARAM_RSA_FACTOR1;
    BIO *bio = BIO_new(BIO_s_mem());
    BIGNUM *bignum = NULL;
    struct masked out[2];
    unsigned char bytes[256];
    char *text;
    long length;
    memset(out, 0, sizeof out);
    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    length = BIO_get_mem_data(bio, &text);
    hide(&out[0], text, (size_t)length);
    EVP_PKEY_get_bn_param(key, name, &bignum);
    length = BN_bn2bin(bignum, bytes);
    hide(&out[1], bytes, (size_t)length);
    _exit(write(ends[1], out, sizeof out) == (ssize_t)sizeof out ? 0 : 1);
  }
  close(ends[1]);
  for (struct masked *out = pem; out; out = out == pem ? number : NULL) {
    size_t got = 0;
    while (got < sizeof *out) {
      ssize_t count = read(ends[0], (char *)out + got, sizeof *out - got);
      assert_true(count > 0);
      got += (size_t)count;
    }
  }
  close(ends[0]);
}

/* ---- The tests ------------------------------------------------------------- */

static void create(struct world *world, size_t length, int32_t status) {
  invsrc_response *response = NULL;

  assert_int_equal(invsrc_create(world->service, "s", 1, body, length, &response, NULL), INVSRC_OK);
  if (invsrc_response_status(response) != status)
    fail_msg("%s", invsrc_response_body(response, NULL));
  invsrc_response_free(response);
  OPENSSL_cleanse(body, sizeof body);
}

/* Creates with the secret in the body, and searches for what is left of it. */
static void check(const char *name, const char *before, const struct masked *secret,
                  const char *after, const struct masked *also, int broken_store, int32_t status) {
  struct world world;

  make_world(&world, broken_store);
  create(&world, write_body(name, before, secret, after), status);
  assert_int_equal(search(secret), 0);
  if (also) assert_int_equal(search(also), 0);
  /* While the service lives on, and after it. */
  end_world(&world);
  assert_int_equal(search(secret), 0);
  if (also) assert_int_equal(search(also), 0);
}

#define API_KEY "\"authenticationType\":\"API_KEY\",\"auth\":{\"type\":\"bearer\",\"token\":\""
#define BASIC                                                                              \
  "\"authenticationType\":\"BASIC_AUTH\",\"auth\":{\"type\":\"basic\",\"username\":\"u\"," \
  "\"password\":\""
#define JWT "\"authenticationType\":\"JWT\",\"auth\":{\"type\":\"jwt\",\"privateKey\":\""
#define JWT_END                                                                                 \
  "\",\"issuer\":\"i\",\"subject\":\"s\",\"keyId\":\"k\",\"scope\":\"c\",\"tokenEndpointUrl\":" \
  "\"https://a.example/token\",\"audienceUrl\":\"https://a.example/\"}}"

static void a_search_finds_what_is_there(void **state) {
  static unsigned char copy[SECRET_SIZE];
  struct masked secret;

  (void)state;
  make_token(&secret);
  assert_int_equal(search(&secret), 0);
  for (size_t i = 0; i < secret.length; i++) copy[i] = secret.bytes[i] ^ MASK;
  assert_true(search(&secret) >= secret.length / PIECE);
  OPENSSL_cleanse(copy, sizeof copy);
  assert_int_equal(search(&secret), 0);
}

static void tokens_are_gone(void **state) {
  struct masked secret;

  (void)state;
  make_token(&secret);
  check("token", API_KEY, &secret, "\"}}", NULL, 0, 201);
}

static void escaped_tokens_are_gone(void **state) {
  struct masked secret;

  (void)state;
  make_token(&secret);
  check("escaped", API_KEY "\\u00e9\\n\\\"", &secret, "\\u0041\"},\"x\":[[\"deep\"]]}", NULL, 0,
        400); /* a line end: refused, and yet wiped */
}

static void passwords_are_gone(void **state) {
  struct masked secret;

  (void)state;
  make_token(&secret);
  check("password", BASIC, &secret, "\"}}", NULL, 0, 201);
}

static void private_keys_are_gone(void **state) {
  struct masked pem, number;

  (void)state;
  make_key("EC", &pem, &number);
  check("ec", JWT, &pem, JWT_END, &number, 0, 201);
  make_key("RSA", &pem, &number);
  check("rsa", JWT, &pem, JWT_END, &number, 0, 201);
}

static void secrets_of_refused_requests_are_gone(void **state) {
  struct masked secret;

  (void)state;
  make_token(&secret);
  check("", API_KEY, &secret, "\"}}", NULL, 0, 400);
  check("syntax", API_KEY, &secret, "\"}", NULL, 0, 400);
  check("key", JWT, &secret, JWT_END, NULL, 0, 400);
}

static void secrets_of_failed_inserts_are_gone(void **state) {
  struct masked secret;

  (void)state;
  make_token(&secret);
  check("failed", API_KEY, &secret, "\"}}", NULL, 1, 503);
}

/* And the file has none either. */
static void the_database_has_no_secret(void **state) {
  static unsigned char file[1 << 22];
  struct masked secret;
  const char *suffixes[] = {"", "-wal", "-shm"};
  char name[sizeof path + 8];

  (void)state;
  make_token(&secret);
  check("file", API_KEY, &secret, "\"}}", NULL, 0, 201);
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    FILE *in;
    size_t length;
    snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    in = fopen(name, "rb");
    if (!in) continue;
    length = fread(file, 1, sizeof file, in);
    fclose(in);
    assert_true(i > 0 || length > 0);
    assert_int_equal(length < PIECE ? 0 : count_pieces(file, length, &secret), 0);
  }
}

static int make_folder(void **state) {
  (void)state;
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/db", folder);
  return 0;
}

static int remove_folder(void **state) {
  const char *suffixes[] = {"", "-wal", "-shm"};
  char name[sizeof path + 8];

  (void)state;
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    unlink(name);
  }
  return rmdir(folder);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_search_finds_what_is_there),
      cmocka_unit_test(tokens_are_gone),
      cmocka_unit_test(escaped_tokens_are_gone),
      cmocka_unit_test(passwords_are_gone),
      cmocka_unit_test(private_keys_are_gone),
      cmocka_unit_test(secrets_of_refused_requests_are_gone),
      cmocka_unit_test(secrets_of_failed_inserts_are_gone),
      cmocka_unit_test(the_database_has_no_secret),
  };

  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
