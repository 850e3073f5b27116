/*
 * What one would assemble by hand today, to measure `invsrc serve` against: libmicrohttpd,
 * cJSON, OpenSSL and SQLite, each as its documentation shows it, and a prepared insert for
 * each 201. It authenticates, validates, seals and stores, but knows no more than the bench
 * needs: no precise errors, strict JSON, canonical URLs, events, activation or updates.
 *
 *     assembled DATABASE SYNCHRONOUS API-KEY     prints its URL, and ends with a signal
 */
#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <ctype.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_BODY 65536
#define THREADS 16

static sqlite3 *db;
static sqlite3_stmt *find_key, *insert_source;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the database */
static unsigned char master_key[32];

/* ---- Storing --------------------------------------------------------------------- */

static int prepare(const char *sql, sqlite3_stmt **statement) {
  return sqlite3_prepare_v2(db, sql, -1, statement, NULL) == SQLITE_OK;
}

static void digest_of(const char *text, unsigned char digest[32]) {
  EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
}

static int add_key(const char *key) {
  unsigned char digest[32];
  sqlite3_stmt *statement;
  int done;

  digest_of(key, digest);
  if (!prepare("INSERT OR REPLACE INTO api_keys VALUES (?, 'bench')", &statement)) return 0;
  sqlite3_bind_blob(statement, 1, digest, sizeof digest, SQLITE_STATIC);
  done = sqlite3_step(statement) == SQLITE_DONE;
  sqlite3_finalize(statement);
  return done;
}

static int open_database(const char *path, const char *synchronous, const char *key) {
  char sql[64];

  snprintf(sql, sizeof sql, "PRAGMA synchronous = %s", synchronous);
  return sqlite3_open(path, &db) == SQLITE_OK &&
         sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) == SQLITE_OK &&
         sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK &&
         sqlite3_exec(db,
                      "CREATE TABLE IF NOT EXISTS api_keys (digest BLOB PRIMARY KEY, storefront);"
                      "CREATE TABLE IF NOT EXISTS sources (id INTEGER PRIMARY KEY, storefront,"
                      " source_id, name, type, endpoint_url, protocol, authentication_type,"
                      " description, sealed, created_at, UNIQUE (storefront, source_id))",
                      NULL, NULL, NULL) == SQLITE_OK &&
         add_key(key) && prepare("SELECT storefront FROM api_keys WHERE digest = ?", &find_key) &&
         prepare(
             "INSERT INTO sources (storefront, source_id, name, type, endpoint_url, protocol,"
             " authentication_type, description, sealed, created_at)"
             " VALUES (?,?,?,?,?,?,?,?,?,?)",
             &insert_source);
}

static int authenticate(const char *authorization, char storefront[64]) {
  unsigned char digest[32];
  int found;

  if (!authorization || strncmp(authorization, "Bearer ", 7) != 0) return 0;
  digest_of(authorization + 7, digest);
  pthread_mutex_lock(&lock);
  sqlite3_bind_blob(find_key, 1, digest, sizeof digest, SQLITE_STATIC);
  found = sqlite3_step(find_key) == SQLITE_ROW;
  if (found) snprintf(storefront, 64, "%s", (const char *)sqlite3_column_text(find_key, 0));
  sqlite3_reset(find_key);
  pthread_mutex_unlock(&lock);
  return found;
}

/* ---- A source ---------------------------------------------------------------------- */

/* The fields of the request that are stored, in the order of the insert. */
static const char *const fields[] = {
    "name", "type", "endpointUrl", "protocol", "authenticationType", "description"};
#define FIELDS ((int)(sizeof fields / sizeof *fields))
#define REQUIRED 5

static const char *text_of(const cJSON *request, const char *key) {
  return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, key));
}

static int is_one_of(const char *text, const char *const *choices) {
  while (*choices && strcmp(*choices, text) != 0) choices++;
  return *choices != NULL;
}

static int is_valid(const cJSON *request) {
  static const char *const types[] = {"SALES", "SIGNAL", "CREATIVE", "OUTCOME", NULL};
  static const char *const protocols[] = {"MCP", "A2A", NULL};

  for (int i = 0; i < REQUIRED; i++)
    if (!text_of(request, fields[i])) return 0;
  return strlen(text_of(request, "name")) <= 255 && is_one_of(text_of(request, "type"), types) &&
         is_one_of(text_of(request, "protocol"), protocols) &&
         strncmp(text_of(request, "endpointUrl"), "https://", 8) == 0 &&
         strcmp(text_of(request, "authenticationType"), "API_KEY") == 0 &&
         text_of(cJSON_GetObjectItemCaseSensitive(request, "auth"), "token");
}

static void slugify(const char *name, char slug[256]) {
  size_t length = 0;

  for (; *name && length < 255; name++)
    if (isalnum((unsigned char)*name))
      slug[length++] = (char)tolower((unsigned char)*name);
    else if (length && slug[length - 1] != '-')
      slug[length++] = '-';
  while (length && slug[length - 1] == '-') length--;
  slug[length] = '\0';
}

/* nonce | ciphertext | tag */
static int seal(const char *token, const char *source_id, unsigned char *sealed) {
  EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
  int length = (int)strlen(token), ignored;
  int good =
      cipher && RAND_bytes(sealed, 12) == 1 &&
      EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, master_key, sealed) == 1 &&
      EVP_EncryptUpdate(cipher, NULL, &ignored, (const unsigned char *)source_id,
                        (int)strlen(source_id)) == 1 &&
      EVP_EncryptUpdate(cipher, sealed + 12, &ignored, (const unsigned char *)token, length) == 1 &&
      EVP_EncryptFinal_ex(cipher, sealed + 12 + length, &ignored) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, 16, sealed + 12 + length) == 1;

  EVP_CIPHER_CTX_free(cipher);
  return good ? 12 + length + 16 : 0;
}

/* The row, or 0 where there is one of that name. */
static sqlite3_int64 insert(const char *storefront, const char *source_id, const cJSON *request,
                            const unsigned char *sealed, int sealed_length) {
  sqlite3_int64 id = 0;

  pthread_mutex_lock(&lock);
  sqlite3_bind_text(insert_source, 1, storefront, -1, SQLITE_STATIC);
  sqlite3_bind_text(insert_source, 2, source_id, -1, SQLITE_STATIC);
  for (int i = 0; i < FIELDS; i++)
    sqlite3_bind_text(insert_source, 3 + i, text_of(request, fields[i]), -1, SQLITE_STATIC);
  sqlite3_bind_blob(insert_source, 3 + FIELDS, sealed, sealed_length, SQLITE_STATIC);
  sqlite3_bind_int64(insert_source, 4 + FIELDS, time(NULL));
  if (sqlite3_step(insert_source) == SQLITE_DONE) id = sqlite3_last_insert_rowid(db);
  sqlite3_reset(insert_source);
  pthread_mutex_unlock(&lock);
  return id;
}

static char *show(sqlite3_int64 id, const char *source_id, const cJSON *request) {
  cJSON *source = cJSON_CreateObject();
  char number[24], *text;

  snprintf(number, sizeof number, "%lld", id);
  cJSON_AddStringToObject(source, "id", number);
  cJSON_AddStringToObject(source, "sourceId", source_id);
  cJSON_AddStringToObject(source, "status", "PENDING");
  for (int i = 0; i < FIELDS; i++)
    if (text_of(request, fields[i]))
      cJSON_AddStringToObject(source, fields[i], text_of(request, fields[i]));
  cJSON_AddBoolToObject(source, "authConfigured", 1);
  text = cJSON_PrintUnformatted(source);
  cJSON_Delete(source);
  return text;
}

/* The status; `text` is the body, to be freed, or NULL. */
static unsigned create(const char *storefront, const char *body, size_t length, char **text) {
  cJSON *request = cJSON_ParseWithLength(body, length);
  unsigned char *sealed = malloc(MOST_BODY);
  char source_id[256];
  unsigned status = 400;
  sqlite3_int64 id;

  if (sealed && request && is_valid(request)) {
    const char *token = text_of(cJSON_GetObjectItemCaseSensitive(request, "auth"), "token");
    slugify(text_of(request, "name"), source_id);
    id = insert(storefront, source_id, request, sealed, seal(token, source_id, sealed));
    status = id ? 201 : 409;
    if (id) *text = show(id, source_id, request);
  }
  free(sealed);
  cJSON_Delete(request);
  return status;
}

/* ---- HTTP --------------------------------------------------------------------------- */

typedef struct upload {
  size_t length;
  char body[MOST_BODY];
} upload;

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *length, void **state) {
  upload *it = *state;
  struct MHD_Response *response;
  char storefront[64], *text = NULL;
  enum MHD_Result result;
  unsigned status;

  (void)context, (void)url, (void)method, (void)version;
  if (!it) {
    *state = it = malloc(sizeof *it);
    if (it) it->length = 0;
    return it ? MHD_YES : MHD_NO;
  }
  if (*length) {
    if (it->length + *length > sizeof it->body) return MHD_NO;
    memcpy(it->body + it->length, data, *length);
    it->length += *length;
    *length = 0;
    return MHD_YES;
  }
  if (authenticate(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization"),
                   storefront))
    status = create(storefront, it->body, it->length, &text);
  else
    status = 401;
  response = text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE)
                  : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
  MHD_add_response_header(response, "Content-Type", "application/json");
  result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code) {
  (void)context, (void)connection, (void)code;
  free(*state);
  *state = NULL;
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  struct MHD_Daemon *daemon;
  sigset_t signals;
  int number;

  if (argc != 4 || RAND_bytes(master_key, sizeof master_key) != 1 ||
      !open_database(argv[1], argv[2], argv[3])) {
    fprintf(stderr, "usage: assembled DATABASE SYNCHRONOUS API-KEY\n");
    return 2;
  }
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, NULL,
                            MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
                            MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,
                            MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
  if (!daemon) return 1;
  printf("http://127.0.0.1:%d\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
  fflush(stdout);
  sigwait(&signals, &number);
  MHD_stop_daemon(daemon);
  sqlite3_finalize(find_key);
  sqlite3_finalize(insert_source);
  sqlite3_close(db);
  return 0;
}
