/*
 * Opens what a store holds: for each sourceId on standard input, a line with the
 * clear credential, "none" where the source has none, or what is wrong. Then counts
 * the sources that are half there. For tests of what survives.
 *
 *     reopen DATABASE MASTER_KEY_FILE STOREFRONT
 */
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static invsrc_sqlite *db;
static invsrc_keyring *keyring;

static void open_sealed(const char *storefront, const invsrc_source *source,
                        const invsrc_buffer *sealed) {
  invsrc_binding binding = {.size = sizeof binding};
  invsrc_buffer *plaintext = invsrc_buffer_new();
  uint64_t length;
  const void *bytes = invsrc_buffer_bytes(sealed, &length);
  int configured = invsrc_source_number(source, INVSRC_SOURCE_AUTH_CONFIGURED) != 0;

  binding.storefront = storefront;
  binding.storefront_length = strlen(storefront);
  binding.id = invsrc_source_text(source, INVSRC_SOURCE_ID, &binding.id_length);
  binding.purpose = INVSRC_PURPOSE_CREDENTIAL;
  binding.purpose_length = strlen(binding.purpose);
  if (length == 0)
    puts(configured ? "lost" : "none");
  else if (invsrc_keyring_sealer()->open(keyring, &binding, bytes, length, plaintext) ==
           INVSRC_OUTCOME_OK)
    puts(invsrc_buffer_bytes(plaintext, NULL));
  else
    puts("refused");
  invsrc_buffer_free(plaintext);
}

static void look_up(const char *storefront, const char *source_id) {
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();

  if (invsrc_sqlite_store()->get(db, storefront, strlen(storefront), source_id, strlen(source_id),
                                 source, sealed) == INVSRC_OUTCOME_OK)
    open_sealed(storefront, source, sealed);
  else
    puts("missing");
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

/* Sources whose credential is not where it should be, or the reverse; -1 where the
 * database is not sound. */
static int count_halves(const char *path) {
  static const char sql[] =
      "SELECT CASE (SELECT integrity_check FROM pragma_integrity_check) WHEN 'ok' THEN"
      " (SELECT count(*) FROM sources LEFT JOIN row_keys USING (seq)"
      "   WHERE (sealed IS NULL) != (authentication_type = 'NO_AUTH')"
      "    OR (sealed IS NULL) != (coalesce(key, zeroblob(32)) = zeroblob(32)))"
      " ELSE -1 END";
  sqlite3 *handle = NULL;
  sqlite3_stmt *statement = NULL;
  int count = -1;

  if (sqlite3_open(path, &handle) == SQLITE_OK &&
      sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW)
    count = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(handle);
  return count;
}

int main(int argc, char **argv) {
  char line[512];

  if (argc != 4 || invsrc_sqlite_open(argv[1], &db, NULL) ||
      invsrc_keyring_load(argv[2], &keyring, NULL)) {
    fputs("reopen: cannot open\n", stderr);
    return 1;
  }
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = '\0';
    look_up(argv[3], line);
  }
  printf("half there: %d\n", count_halves(argv[1]));
  invsrc_sqlite_free(db);
  invsrc_keyring_free(keyring);
  return 0;
}
