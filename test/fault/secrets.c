/*
 * After a create, an update, a probe, a conversation or a removal, no copy of the credential is
 * left in the writable memory of the process: not on the heap, in freed blocks, on the stack or in
 * static data. The test itself knows its secrets only xored, so that what it finds is not its own.
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
#include <time.h>
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

static int32_t no_insert(void *context, const invsrc_source *source, const void *sealed,
                         uint64_t length, const invsrc_event *event) {
  (void)context, (void)source, (void)sealed, (void)length, (void)event;
  return INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t no_update(void *context, const invsrc_source *source, uint64_t revision,
                         int64_t lease_end, uint32_t parts, const void *sealed, uint64_t length,
                         const invsrc_event *event, invsrc_buffer *replaced) {
  (void)context, (void)source, (void)revision, (void)lease_end, (void)parts, (void)sealed;
  (void)length, (void)event, (void)replaced;
  return INVSRC_OUTCOME_UNAVAILABLE;
}

/* What the agent says to each probe (0: the prober drops it), and how many there were. */
static struct {
  int32_t outcome;
  int probes;
} agent;

static int32_t probe_agent(void *context, invsrc_probes *probes) {
  invsrc_probe *probe;

  (void)context;
  while ((probe = invsrc_probes_next(probes))) {
    assert_non_null(invsrc_probe_credential(probe, NULL));
    agent.probes++;
    if (agent.outcome) invsrc_probe_end(probe, agent.outcome, "says no");
  }
  return INVSRC_OUTCOME_OK;
}

static int32_t take_event(void *context, const invsrc_event *event) {
  (void)context, (void)event;
  return INVSRC_OUTCOME_OK;
}

/* What was logged stays, to be found. */
static struct {
  char lines[65536];
  size_t length;
} logged;

static void hear(void *context, int32_t level, const char *message, uint64_t length) {
  (void)context, (void)level;
  assert_true(logged.length + length < sizeof logged.lines);
  memcpy(logged.lines + logged.length, message, (size_t)length);
  logged.length += (size_t)length;
}

static const invsrc_world_vtable ears = {.size = sizeof ears, .log = hear};
static const invsrc_registry_vtable registry = {sizeof registry, 0, registered};
static const invsrc_prober_vtable prober = {sizeof prober, 0, probe_agent};
static const invsrc_events_vtable events = {sizeof events, 0, take_event};

/* What the store of a world cannot do. */
enum broken { NOTHING, INSERT, UPDATE };

struct world {
  invsrc_keyring *keyring;
  invsrc_sqlite *db;
  invsrc_options *options;
  invsrc_service *service;
};

static void make_world(struct world *world, enum broken broken) {
  unsigned char key[INVSRC_MASTER_KEY_SIZE];
  invsrc_store_vtable store = *invsrc_sqlite_store();

  assert_int_equal(RAND_bytes(key, sizeof key), 1);
  assert_int_equal(invsrc_keyring_new(&world->keyring), INVSRC_OK);
  assert_int_equal(invsrc_keyring_add(world->keyring, key, sizeof key), INVSRC_OK);
  assert_int_equal(invsrc_sqlite_open(path, &world->db, NULL), INVSRC_OK);
  if (broken == INSERT) store.insert = no_insert;
  if (broken == UPDATE) store.update = no_update;
  world->options = invsrc_options_new();
  invsrc_options_set_world(world->options, &ears, NULL);
  invsrc_options_set_registry(world->options, &registry, NULL);
  invsrc_options_set_sealer(world->options, invsrc_keyring_sealer(), world->keyring);
  invsrc_options_set_prober(world->options, &prober, NULL);
  invsrc_options_set_events(world->options, &events, NULL);
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
                  const char *after, const struct masked *also, enum broken broken,
                  int32_t status) {
  struct world world;

  make_world(&world, broken);
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
#define JWT_MEMBERS                                                                             \
  "\",\"issuer\":\"i\",\"subject\":\"s\",\"keyId\":\"k\",\"scope\":\"c\",\"tokenEndpointUrl\":" \
  "\"https://a.example/token\",\"audienceUrl\":\"https://a.example/\""
#define JWT_END JWT_MEMBERS "}}"

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
  check("token", API_KEY, &secret, "\"}}", NULL, NOTHING, 201);
}

static void escaped_tokens_are_gone(void **state) {
  struct masked secret;

  (void)state;
  make_token(&secret);
  check("escaped", API_KEY "\\u00e9\\n\\\"", &secret, "\\u0041\"},\"x\":[[\"deep\"]]}", NULL,
        NOTHING, 400); /* a line end: refused, and yet wiped */
}

static void passwords_are_gone(void **state) {
  struct masked secret;

  (void)state;
  make_token(&secret);
  check("password", BASIC, &secret, "\"}}", NULL, NOTHING, 201);
}

static void private_keys_are_gone(void **state) {
  struct masked pem, number;

  (void)state;
  make_key("EC", &pem, &number);
  check("ec", JWT, &pem, JWT_END, &number, NOTHING, 201);
  make_key("RSA", &pem, &number);
  check("rsa", JWT, &pem, JWT_END, &number, NOTHING, 201);
}

static void secrets_of_refused_requests_are_gone(void **state) {
  struct masked secret;

  (void)state;
  make_token(&secret);
  check("", API_KEY, &secret, "\"}}", NULL, NOTHING, 400);
  check("syntax", API_KEY, &secret, "\"}", NULL, NOTHING, 400);
  check("key", JWT, &secret, JWT_END, NULL, NOTHING, 400);
}

static void secrets_of_failed_inserts_are_gone(void **state) {
  struct masked secret;

  (void)state;
  make_token(&secret);
  check("failed", API_KEY, &secret, "\"}}", NULL, INSERT, 503);
}

/* And the file has none either. */
static void the_database_has_no_secret(void **state) {
  static unsigned char file[1 << 22];
  struct masked secret;
  const char *suffixes[] = {"", "-wal", "-shm"};
  char name[sizeof path + 8];

  (void)state;
  make_token(&secret);
  check("file", API_KEY, &secret, "\"}}", NULL, NOTHING, 201);
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

/* ---- The rest of a source's life ---------------------------------------------- */

#define NEW_TOKEN "\"auth\":{\"type\":\"bearer\",\"token\":\""
#define NEW_TOKEN_END "\"}}"

/* Sends an update: text, the secret where there is one, text. */
static void update(struct world *world, const char *id, const char *before,
                   const struct masked *secret, const char *after, int32_t status) {
  invsrc_response *response = NULL;
  size_t length = 0;

  append(&length, "{", NULL);
  append(&length, before, NULL);
  if (secret) append(&length, NULL, secret);
  append(&length, after, NULL);
  assert_int_equal(
      invsrc_update(world->service, "s", 1, id, strlen(id), body, length, &response, NULL),
      INVSRC_OK);
  if (invsrc_response_status(response) != status)
    fail_msg("%s", invsrc_response_body(response, NULL));
  invsrc_response_free(response);
  OPENSSL_cleanse(body, sizeof body);
}

static void assert_gone(struct world *world, const struct masked *secret,
                        const struct masked *also) {
  assert_int_equal(search(secret), 0);
  if (also) assert_int_equal(search(also), 0);
  end_world(world);
  assert_int_equal(search(secret), 0);
  if (also) assert_int_equal(search(also), 0);
}

static void begin_life(struct world *world, const char *id, struct masked *secret,
                       enum broken broken) {
  make_token(secret);
  make_world(world, broken);
  create(world, write_body(id, API_KEY, secret, "\"}}"), 201);
  agent.probes = 0;
}

static void rotated_tokens_are_gone(void **state) {
  struct masked old, new;
  struct world world;

  (void)state;
  begin_life(&world, "rotated", &old, NOTHING);
  make_token(&new);
  update(&world, "rotated", NEW_TOKEN, &new, NEW_TOKEN_END, 200);
  assert_gone(&world, &old, &new);
}

static void tokens_of_refused_updates_are_gone(void **state) {
  struct masked old, new;
  struct world world;

  (void)state;
  begin_life(&world, "refused", &old, UPDATE);
  make_token(&new);
  update(&world, "nobody", NEW_TOKEN, &new, NEW_TOKEN_END, 404);
  update(&world, "refused", NEW_TOKEN, &new, NEW_TOKEN_END, 503);
  update(&world, "refused", "\"protocol\":\"x\"," NEW_TOKEN, &new, NEW_TOKEN_END, 400);
  update(&world, "refused", NEW_TOKEN, &new, "\\n" NEW_TOKEN_END, 400);
  update(&world, "refused", NEW_TOKEN, &new, "\"", 400);
  assert_gone(&world, &old, &new);
}

/* The stored one is opened for it, a new one comes with it. */
static void probed_tokens_are_gone(void **state) {
  static const struct {
    const char *id;
    int32_t outcome;
    int32_t status;
  } rows[] = {{"proven", INVSRC_OUTCOME_PROVEN, 200},
              {"no", INVSRC_OUTCOME_REFUSED, 400},
              {"dead", INVSRC_OUTCOME_UNREACHABLE, 400},
              {"later", INVSRC_OUTCOME_UNAVAILABLE, 503},
              {"dropped", 0, 500}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct masked old, new;
    struct world world;
    begin_life(&world, rows[i].id, &old, NOTHING);
    make_token(&new);
    agent.outcome = rows[i].outcome;
    update(&world, rows[i].id, "\"status\":\"ACTIVE\"", NULL, "}", rows[i].status);
    update(&world, rows[i].id, "\"status\":\"ACTIVE\"," NEW_TOKEN, &new, NEW_TOKEN_END,
           rows[i].status);
    assert_int_equal(agent.probes, 2);
    assert_gone(&world, &old, &new);
  }
}

static void checked_tokens_are_gone(void **state) {
  static const struct {
    const char *id;
    int32_t outcome;
  } rows[] = {{"check-ok", INVSRC_OUTCOME_OK},
              {"check-no", INVSRC_OUTCOME_REFUSED},
              {"check-dead", INVSRC_OUTCOME_UNREACHABLE},
              {"check-failed", INVSRC_OUTCOME_FAILED},
              {"check-dropped", 0}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct masked secret;
    struct world world;
    begin_life(&world, rows[i].id, &secret, NOTHING);
    agent.outcome = rows[i].outcome;
    assert_int_equal(
        invsrc_activate_due(world.service, (int64_t)(time(NULL) + 1) * 1000, 100, NULL, NULL, NULL),
        INVSRC_OK);
    assert_true(agent.probes > 0);
    assert_gone(&world, &secret, NULL);
  }
}

static void tokens_of_removed_sources_are_gone(void **state) {
  static const char id[] = "removed";
  invsrc_response *response = NULL;
  struct masked secret;
  struct world world;

  (void)state;
  begin_life(&world, id, &secret, NOTHING);
  assert_int_equal(invsrc_remove(world.service, "s", 1, id, strlen(id), &response, NULL),
                   INVSRC_OK);
  assert_int_equal(invsrc_response_status(response), 204);
  invsrc_response_free(response);
  assert_gone(&world, &secret, NULL);
}

/* ---- Consents --------------------------------------------------------------- */

/* The secrets of one consent, and what the provider makes of it. */
static struct {
  struct masked state;   /* as it was drawn, */
  struct masked raw;     /* and the bytes that it stands for */
  struct masked private; /* that the start gives */
  struct masked code;
  struct masked token; /* of the tokens that there are */
  struct masked fresh; /* and of those that they are refreshed to */
  int32_t finish;
  int32_t refresh;
  int broken_at; /* that update, and those after it, come to `broken`; 0: none */
  int32_t broken;
  int updates;
  int finishes;
  int refreshes;
  int revokes;
} grant;

static unsigned value_of(unsigned char letter) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

  return (unsigned)(strchr(alphabet, letter) - alphabet);
}

/* Never more than a few bits of it at a time. */
static void take_state(const char *text, uint64_t length) {
  grant.state.length = (size_t)length;
  grant.raw.length = (size_t)length * 3 / 4;
  for (size_t i = 0; i < length; i++) grant.state.bytes[i] = (unsigned char)text[i] ^ MASK;
  for (size_t i = 0; i < grant.raw.length; i++) {
    size_t bit = 8 * i, at = bit / 6;
    unsigned two = value_of(grant.state.bytes[at] ^ MASK) << 6;
    if (at + 1 < length) two |= value_of(grant.state.bytes[at + 1] ^ MASK);
    grant.raw.bytes[i] = (unsigned char)(two >> (4 - bit % 6)) ^ MASK;
  }
}

static void give(invsrc_buffer *buffer, const char *before, const struct masked *secret,
                 const char *after) {
  size_t length = 0;

  append(&length, before, NULL);
  append(&length, NULL, secret);
  append(&length, after, NULL);
  assert_int_equal(invsrc_buffer_set(buffer, body, length), INVSRC_OK);
  OPENSSL_cleanse(body, sizeof body);
}

/* Whether it is what was given before, but for the mask. */
static void assert_given(const char *text, uint64_t length, const char *before,
                         const struct masked *secret) {
  size_t start = strlen(before);

  assert_true(length >= start + secret->length);
  assert_memory_equal(text, before, start);
  for (size_t i = 0; i < secret->length; i++)
    assert_int_equal((unsigned char)text[start + i] ^ MASK, secret->bytes[i]);
}

/* The URL has no state, which it is not the engine's to hide there. */
static int32_t grant_start(void *context, const invsrc_source *source,
                           const invsrc_consent *consent, invsrc_buffer *url,
                           invsrc_buffer *private_state, invsrc_buffer *reason) {
  static const char text[] = "https://s.example/authorize";

  (void)context, (void)source, (void)reason;
  take_state(consent->state, consent->state_length);
  make_token(&grant.private);
  assert_int_equal(invsrc_buffer_set(url, text, strlen(text)), INVSRC_OK);
  give(private_state, "", &grant.private, "");
  return INVSRC_OUTCOME_OK;
}

#define BEFORE_TOKEN "{\"type\":\"oauth\",\"access_token\":\""

static int32_t grant_finish(void *context, const invsrc_source *source, const void *private_state,
                            uint64_t length, const invsrc_redirect *redirect,
                            invsrc_buffer *credential, int64_t *refresh_at, invsrc_buffer *reason) {
  (void)context, (void)source;
  grant.finishes++;
  assert_given(private_state, length, "", &grant.private);
  if (redirect->code) assert_given(redirect->code, redirect->code_length, "", &grant.code);
  make_token(&grant.token);
  give(credential, BEFORE_TOKEN, &grant.token, "\"}");
  invsrc_buffer_set(reason, "because", 7);
  *refresh_at = 1;
  return grant.finish ? grant.finish : INVSRC_OUTCOME_OK;
}

static int32_t grant_revoke(void *context, const invsrc_source *source, const void *credential,
                            uint64_t length, invsrc_buffer *reason) {
  (void)context, (void)source, (void)credential, (void)length;
  grant.revokes++;
  invsrc_buffer_set(reason, "because", 7);
  return INVSRC_OUTCOME_UNAVAILABLE;
}

static void grant_refresh(invsrc_probe *probe) {
  size_t length = 0;
  uint64_t old_length;
  const void *old = invsrc_probe_credential(probe, &old_length);

  grant.refreshes++;
  assert_given(old, old_length, BEFORE_TOKEN, &grant.token);
  if (grant.refresh) {
    invsrc_probe_end(probe, grant.refresh, "because");
    return;
  }
  append(&length, BEFORE_TOKEN, NULL);
  append(&length, NULL, &grant.fresh);
  append(&length, "\"}", NULL);
  invsrc_probe_end_refreshed(probe, body, length, 0);
  OPENSSL_cleanse(body, sizeof body);
}

static int32_t grant_probe(void *context, invsrc_probes *probes) {
  invsrc_probe *probe;

  (void)context;
  while ((probe = invsrc_probes_next(probes))) {
    if (invsrc_probe_is_refresh(probe)) {
      grant_refresh(probe);
    } else {
      agent.probes++;
      invsrc_probe_end(probe, agent.outcome, "says no");
    }
  }
  return INVSRC_OUTCOME_OK;
}

static int32_t grant_update(void *context, const invsrc_source *source, uint64_t revision,
                            int64_t lease_end, uint32_t parts, const void *sealed, uint64_t length,
                            const invsrc_event *event, invsrc_buffer *replaced) {
  if (++grant.updates >= grant.broken_at && grant.broken_at) return grant.broken;
  return invsrc_sqlite_store()->update(context, source, revision, lease_end, parts, sealed, length,
                                       event, replaced);
}

static size_t search_grant(void) {
  return search(&grant.state) + search(&grant.raw) + search(&grant.private) + search(&grant.code) +
         search(&grant.token) + search(&grant.fresh);
}

#define AS_OAUTH "\"authenticationType\":\"OAUTH\""

/* A world with a source that awaits consent. */
static void begin_consent(struct world *world, const char *id) {
  static const invsrc_oauth_vtable oauth = {sizeof oauth, 0, grant_start, grant_finish,
                                            grant_revoke};
  static const invsrc_prober_vtable granted = {sizeof granted, 0, grant_probe};
  invsrc_store_vtable store = *invsrc_sqlite_store();
  static const struct masked nothing;

  memset(&grant, 0, sizeof grant);
  agent.probes = 0;
  agent.outcome = INVSRC_OUTCOME_OK;
  make_token(&grant.code);
  make_token(&grant.token);
  make_token(&grant.fresh);
  make_world(world, NOTHING);
  store.update = grant_update;
  invsrc_options_set_oauth(world->options, &oauth, NULL);
  invsrc_options_set_prober(world->options, &granted, NULL);
  invsrc_options_set_store(world->options, &store, world->db);
  invsrc_service_free(world->service);
  assert_int_equal(invsrc_service_new(world->options, &world->service, NULL), INVSRC_OK);
  create(world, write_body(id, AS_OAUTH, &nothing, "}"), 201);
  assert_int_equal(grant.state.length, 43);
  assert_int_equal(search_grant(), 0);
}

/* The operator comes back with `before`, the code, and the state; and what the page, the log and
 * the memory behind them hold is none of it. */
static void come_back(struct world *world, const char *before, int32_t status) {
  static const char route[] = "/api/v2/storefront/oauth/callback?";
  invsrc_request *request = invsrc_request_new();
  invsrc_response *response = NULL;
  size_t length = 0;

  append(&length, route, NULL);
  append(&length, before, NULL);
  append(&length, NULL, &grant.code);
  append(&length, "&state=", NULL);
  append(&length, NULL, &grant.state);
  invsrc_request_set_method(request, "GET", 3);
  invsrc_request_set_target(request, body, length);
  OPENSSL_cleanse(body, sizeof body);
  assert_int_equal(invsrc_handle(world->service, request, &response, NULL), INVSRC_OK);
  invsrc_request_free(request);
  if (invsrc_response_status(response) != status)
    fail_msg("%s", invsrc_response_body(response, NULL));
  assert_int_equal(search_grant(), 0);
  invsrc_response_free(response);
  assert_int_equal(search_grant(), 0);
}

static void end_consent(struct world *world) {
  end_world(world);
  assert_int_equal(search_grant(), 0);
}

static void what_a_consent_needs_is_gone(void **state) {
  static const struct {
    const char *id;
    const char *before;
    int32_t finish;
    int broken_at;
    int32_t status;
    int finishes;
    int revokes;
  } rows[] = {{"consent-ok", "code=", 0, 0, 200, 1, 0},
              {"consent-no", "error=access_denied&code=", INVSRC_OUTCOME_REFUSED, 0, 400, 1, 0},
              {"consent-other", "code=", INVSRC_OUTCOME_UNKNOWN, 0, 400, 1, 0},
              {"consent-later", "code=", INVSRC_OUTCOME_UNAVAILABLE, 0, 503, 1, 0},
              {"consent-illegal", "code=", 99, 0, 500, 1, 0},
              {"consent-broken", "code=", 0, 2, 500, 1, 1},
              {"consent-twice", "code=x&code=", 0, 0, 400, 0, 0},
              {"consent-escape", "iss=%zz&code=", 0, 0, 400, 0, 0}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct world world;
    begin_consent(&world, rows[i].id);
    grant.finish = rows[i].finish;
    grant.broken_at = rows[i].broken_at;
    grant.broken = INVSRC_OUTCOME_FAILED;
    come_back(&world, rows[i].before, rows[i].status);
    assert_int_equal(grant.finishes, rows[i].finishes);
    assert_int_equal(grant.revokes, rows[i].revokes);
    if (rows[i].finishes) come_back(&world, "code=", 400); /* it was used */
    end_consent(&world);
  }
}

static void check_due(struct world *world) {
  assert_int_equal(
      invsrc_activate_due(world->service, (int64_t)(time(NULL) + 1) * 1000, 100, NULL, NULL, NULL),
      INVSRC_OK);
  assert_int_equal(search_grant(), 0);
}

static void tokens_that_were_refreshed_are_gone(void **state) {
  static const struct {
    const char *id;
    int32_t refresh;
    int32_t agent;
    int broken_at; /* the third update renews the claim, the fourth stores */
    int32_t broken;
    int refreshes;
    int probes;
    int revokes;
  } rows[] = {{"refresh-ok", 0, INVSRC_OUTCOME_OK, 0, 0, 1, 1, 0},
              {"refresh-no", INVSRC_OUTCOME_REFUSED, 0, 0, 0, 1, 0, 0},
              {"refresh-dead", INVSRC_OUTCOME_UNREACHABLE, 0, 0, 0, 1, 0, 0},
              {"refresh-illegal", INVSRC_OUTCOME_PROVEN, 0, 0, 0, 1, 0, 0},
              {"refresh-late", 0, 0, 3, INVSRC_OUTCOME_CONFLICT, 0, 0, 0},
              {"refresh-unclaimed", 0, 0, 3, INVSRC_OUTCOME_FAILED, 0, 0, 0},
              {"refresh-broken", 0, 0, 4, INVSRC_OUTCOME_FAILED, 1, 0, 0},
              {"refresh-gone", 0, 0, 4, INVSRC_OUTCOME_NOT_FOUND, 1, 0, 1},
              {"refresh-vain", 0, INVSRC_OUTCOME_REFUSED, 0, 0, 1, 1, 0}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct world world;
    begin_consent(&world, rows[i].id);
    come_back(&world, "code=", 200);
    grant.refresh = rows[i].refresh;
    grant.broken_at = rows[i].broken_at;
    grant.broken = rows[i].broken;
    agent.outcome = rows[i].agent;
    check_due(&world);
    assert_int_equal(grant.refreshes, rows[i].refreshes);
    assert_int_equal(agent.probes, rows[i].probes);
    assert_int_equal(grant.revokes, rows[i].revokes);
    end_consent(&world);
  }
}

static void tokens_that_were_revoked_are_gone(void **state) {
  static const char *const ids[] = {"revoked", "moved"};

  (void)state;
  for (size_t i = 0; i < 2; i++) {
    invsrc_response *response = NULL;
    struct world world;
    begin_consent(&world, ids[i]);
    come_back(&world, "code=", 200);
    if (i == 0)
      assert_int_equal(
          invsrc_remove(world.service, "s", 1, ids[i], strlen(ids[i]), &response, NULL), INVSRC_OK);
    else
      update(&world, ids[i], "\"oauthAudience\":\"urn:a\"", NULL, "}", 200);
    invsrc_response_free(response);
    assert_int_equal(grant.revokes, 1);
    end_consent(&world);
  }
}

/* ---- Conversations --------------------------------------------------------- */

/* Numbers of keys lie in memory in both byte orders. */
static void reverse(const struct masked *number, struct masked *to) {
  to->length = number->length;
  for (size_t i = 0; i < number->length; i++) to->bytes[i] = number->bytes[number->length - 1 - i];
}

/* The agent refuses whatever it is shown; the token endpoint gives `token`. */
static void answer_all(invsrc_conversation *conversation, const struct masked *token) {
  const invsrc_http_request *request;
  int32_t exchange;

  while ((exchange = invsrc_conversation_next(conversation, &request)) > 0) {
    invsrc_http_reply *reply = invsrc_http_reply_new();
    int is_exchange = strstr(request->url, "/token") != NULL;
    size_t length = 0;

    append(&length, "{\"access_token\":\"", NULL);
    if (is_exchange) append(&length, NULL, token);
    append(&length, "\"}", NULL);
    invsrc_http_reply_set_status(reply, is_exchange ? 200 : 401);
    invsrc_http_reply_append_body(reply, body, length);
    OPENSSL_cleanse(body, sizeof body);
    assert_int_equal(invsrc_conversation_answer(conversation, exchange, INVSRC_OUTCOME_OK, reply),
                     INVSRC_OK);
    invsrc_http_reply_free(reply);
  }
}

/* Holds one with the secret in the credential; `kept` is gone while it lasts already. */
static void converse(const char *before, const struct masked *secret, const char *after,
                     const struct masked *kept) {
  static const uint8_t random[INVSRC_CONVERSATION_RANDOM] = {1};
  invsrc_probe_setup setup = {.size = sizeof setup, .random = random, .api_key_header = "X-Key"};
  invsrc_source *source = invsrc_source_new();
  invsrc_conversation *conversation;
  struct masked token, reversed;
  size_t length = 0;

  make_token(&token);
  invsrc_source_set_text(source, INVSRC_SOURCE_PROTOCOL, "MCP", 3);
  invsrc_source_set_text(source, INVSRC_SOURCE_ENDPOINT_URL, "https://a.example/", 18);
  append(&length, before, NULL);
  append(&length, NULL, secret);
  append(&length, after, NULL);
  assert_int_equal(invsrc_conversation_new(source, body, length, &setup, &conversation), INVSRC_OK);
  OPENSSL_cleanse(body, sizeof body);
  if (kept) {
    reverse(kept, &reversed);
    assert_int_equal(search(secret) + search(kept) + search(&reversed), 0);
  }
  answer_all(conversation, &token);
  assert_int_equal(invsrc_conversation_outcome(conversation, NULL), INVSRC_OUTCOME_REFUSED);
  invsrc_conversation_free(conversation);
  invsrc_source_free(source);
  assert_int_equal(search(secret), 0);
  assert_int_equal(search(&token), 0);
  if (kept) assert_int_equal(search(kept) + search(&reversed), 0);
}

static void conversations_leave_nothing(void **state) {
  struct masked secret, number;

  (void)state;
  make_token(&secret);
  converse("{\"type\":\"bearer\",\"token\":\"", &secret, "\"}", NULL);
  converse("{\"type\":\"api_key\",\"token\":\"", &secret, "\"}", NULL);
  converse("{\"type\":\"basic\",\"username\":\"u\",\"password\":\"", &secret, "\"}", NULL);
  make_key("EC", &secret, &number);
  converse("{\"type\":\"jwt\",\"algorithm\":\"ES256\",\"privateKey\":\"", &secret, JWT_MEMBERS "}",
           &number);
  make_key("RSA", &secret, &number);
  converse("{\"type\":\"jwt\",\"algorithm\":\"RS256\",\"privateKey\":\"", &secret, JWT_MEMBERS "}",
           &number);
}

/* Holds those that take a credential, with the secret in it. */
static void converse_oauth(const char *before, const struct masked *secret, const char *after) {
  const invsrc_oauth_setup setup = {.size = sizeof setup};
  int32_t (*const begin[])(const void *, uint64_t, const invsrc_oauth_setup *,
                           invsrc_conversation **) = {invsrc_conversation_new_oauth_refresh,
                                                      invsrc_conversation_new_oauth_revoke};
  struct masked token;

  make_token(&token);
  for (size_t i = 0; i < 2; i++) {
    invsrc_conversation *conversation;
    size_t length = 0;

    append(&length, before, NULL);
    append(&length, NULL, secret);
    append(&length, after, NULL);
    assert_int_equal(begin[i](body, length, &setup, &conversation), INVSRC_OK);
    OPENSSL_cleanse(body, sizeof body);
    answer_all(conversation, &token);
    assert_true(invsrc_conversation_outcome(conversation, NULL) != 0);
    invsrc_conversation_free(conversation);
    assert_int_equal(search(secret) + search(&token), 0);
  }
}

/* Holds the one that takes a code, which is the secret. */
static void finish_oauth(const char *state, const struct masked *secret) {
  const invsrc_oauth_setup setup = {.size = sizeof setup};
  invsrc_redirect redirect = {.size = sizeof redirect, .code = body};
  invsrc_conversation *conversation;
  struct masked token;
  size_t length = 0;

  make_token(&token);
  append(&length, NULL, secret);
  redirect.code_length = length;
  assert_int_equal(
      invsrc_conversation_new_oauth_finish(state, strlen(state), &redirect, &setup, &conversation),
      INVSRC_OK);
  OPENSSL_cleanse(body, sizeof body);
  answer_all(conversation, &token);
  assert_int_equal(invsrc_conversation_outcome(conversation, NULL), INVSRC_OUTCOME_OK);
  invsrc_conversation_free(conversation);
  assert_int_equal(search(secret) + search(&token), 0);
}

#define SERVER                                                                          \
  "\"issuer\":\"https://s.example\",\"resource\":\"https://a.example/\",\"client_id\":" \
  "\"c\",\"token_endpoint\":\"https://s.example/token\",\"revocation_endpoint\":"       \
  "\"https://s.example/revoke\",\"token_endpoint_auth_method\":\"client_secret_"
#define GRANT(method, members) "{\"type\":\"oauth\"," SERVER method "\"," members

#define SAYS(json) "{" json "}"
#define NAMES_SERVER \
  "\"resource\":\"https://a.example/\",\"authorization_servers\":[\"https://s.example\"]"
#define DESCRIBES_SERVER                                                                 \
  "\"issuer\":\"https://s.example\",\"authorization_endpoint\":\"https://s.example/a\"," \
  "\"token_endpoint\":\"https://s.example/t\",\"registration_endpoint\":"                \
  "\"https://s.example/r\",\"response_types_supported\":[\"code\"],"                     \
  "\"code_challenge_methods_supported\":[\"S256\"]"

/* Answers the next exchange of a start with 200 and what `body` holds, which is gone then. */
static void answer_with_body(invsrc_conversation *conversation, size_t length) {
  const invsrc_http_request *request;
  int32_t exchange = invsrc_conversation_next(conversation, &request);
  invsrc_http_reply *reply = invsrc_http_reply_new();

  invsrc_http_reply_set_status(reply, 200);
  invsrc_http_reply_append_body(reply, body, length);
  OPENSSL_cleanse(body, sizeof body);
  assert_int_equal(invsrc_conversation_answer(conversation, exchange, INVSRC_OUTCOME_OK, reply),
                   INVSRC_OK);
  invsrc_http_reply_free(reply);
}

static size_t write_client(const struct masked *secret) {
  size_t length = 0;

  append(&length, "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"client_secret_post\",",
         NULL);
  append(&length, "\"client_secret\":\"", NULL);
  append(&length, NULL, secret);
  append(&length, "\"}", NULL);
  return length;
}

/* The secret is that of a client that the host gives, or that is registered. */
static void start_oauth(int is_given, const struct masked *secret) {
  static const char *const says[] = {"", SAYS(NAMES_SERVER), SAYS(DESCRIBES_SERVER)};
  static const uint8_t random[INVSRC_CONVERSATION_RANDOM] = {1};
  const invsrc_oauth_setup setup = {
      .size = sizeof setup, .random = random, .redirect_uri = "https://h.example/", .state = "s"};
  invsrc_source *source = invsrc_source_new();
  invsrc_conversation *conversation;

  invsrc_source_set_text(source, INVSRC_SOURCE_PROTOCOL, "MCP", 3);
  invsrc_source_set_text(source, INVSRC_SOURCE_ENDPOINT_URL, "https://a.example/mcp", 21);
  assert_int_equal(invsrc_conversation_new_oauth_start(source, &setup, &conversation), INVSRC_OK);
  for (size_t i = 0; i < 3; i++) {
    size_t length = 0;
    append(&length, says[i], NULL);
    answer_with_body(conversation, length);
  }
  assert_int_equal(invsrc_conversation_give_client(conversation, is_given ? body : NULL,
                                                   is_given ? write_client(secret) : 0),
                   INVSRC_OK);
  OPENSSL_cleanse(body, sizeof body);
  if (!is_given) answer_with_body(conversation, write_client(secret));
  assert_non_null(invsrc_conversation_result(conversation, INVSRC_RESULT_PRIVATE_STATE, NULL));
  invsrc_conversation_free(conversation);
  invsrc_source_free(source);
  assert_int_equal(search(secret), 0);
}

static void consents_leave_nothing(void **state) {
  struct masked secret;

  (void)state;
  make_token(&secret);
  converse_oauth(GRANT("post",
                       "\"access_token\":\"a\",\"client_secret\":\"s\","
                       "\"refresh_token\":\""),
                 &secret, "\"}");
  converse_oauth(GRANT("post",
                       "\"refresh_token\":\"r\",\"client_secret\":\"s\","
                       "\"access_token\":\""),
                 &secret, "\"}");
  converse_oauth(GRANT("post",
                       "\"refresh_token\":\"r\",\"access_token\":\"a\","
                       "\"client_secret\":\""),
                 &secret, "\"}");
  converse_oauth(GRANT("basic",
                       "\"refresh_token\":\"r\",\"access_token\":\"a\","
                       "\"client_secret\":\""),
                 &secret, "\"}");
  finish_oauth("{" SERVER
               "post\",\"client_secret\":\"s\",\"iss_required\":false,"
               "\"redirect_uri\":\"https://h.example/\",\"code_verifier\":\"v\"}",
               &secret);
  start_oauth(0, &secret);
  start_oauth(1, &secret);
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
      cmocka_unit_test(rotated_tokens_are_gone),
      cmocka_unit_test(tokens_of_refused_updates_are_gone),
      cmocka_unit_test(probed_tokens_are_gone),
      cmocka_unit_test(checked_tokens_are_gone),
      cmocka_unit_test(tokens_of_removed_sources_are_gone),
      cmocka_unit_test(what_a_consent_needs_is_gone),
      cmocka_unit_test(tokens_that_were_refreshed_are_gone),
      cmocka_unit_test(tokens_that_were_revoked_are_gone),
      cmocka_unit_test(conversations_leave_nothing),
      cmocka_unit_test(consents_leave_nothing),
      cmocka_unit_test(the_database_has_no_secret),
  };

  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
