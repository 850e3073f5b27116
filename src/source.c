/*
 * `invsrc source`: the sources of a storefront, listed, shown, changed and removed without
 * HTTP, and for the operator what the checks of their agents came to.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "host.h"
#include "input.h"
#include "print.h"

static const option skip_option = {"skip", "N", "pass over the N oldest (0)"};
static const option take_option = {"take", "N", "show at most N (50, at most 200)"};

/* ---- Answers ---------------------------------------------------------------------- */

/* How to end after an answer that is no success: a line for a person, the body for a
 * program. */
static int tell_failure(const invsrc_response *response, const char *source_id, int is_json) {
  if (is_json) return host_print(response);
  if (invsrc_response_status(response) == 404)
    return complain(EXIT_REFUSED, "there is no source %s on this storefront", source_id);
  return complain(invsrc_response_status(response) < 500 ? EXIT_REFUSED : EXIT_FAILED,
                  "it was answered: %s", invsrc_response_body(response, NULL));
}

static int is_success(const invsrc_response *response) {
  return invsrc_response_status(response) < 300;
}

/* ---- Fields, as a person reads them ------------------------------------------------ */

/* Those that only some sources have. */
static int is_oauth_time(int32_t field) {
  return field == INVSRC_SOURCE_OAUTH_EXPIRES_AT || field == INVSRC_SOURCE_OAUTH_REFRESH_AT;
}

static int is_time(int32_t field) {
  return field == INVSRC_SOURCE_CREATED_AT || field == INVSRC_SOURCE_UPDATED_AT ||
         field == INVSRC_SOURCE_LAST_CHECKED_AT || field == INVSRC_SOURCE_NEXT_CHECK_AT ||
         is_oauth_time(field);
}

static int is_switch(int32_t field) {
  return field == INVSRC_SOURCE_AUTH_CONFIGURED || field == INVSRC_SOURCE_CREDENTIAL_PROVEN ||
         field == INVSRC_SOURCE_UNREACHABLE;
}

/* The value of any field; "" where it is absent. A number is written into `text`. */
static const char *value(const invsrc_source *source, int32_t field, char text[TIME_SIZE]) {
  int64_t number = invsrc_source_number(source, field);
  const char *found = invsrc_source_text(source, field, NULL);

  if (invsrc_source_field_kind(field) == 'T') return found ? found : "";
  if (is_switch(field)) return number ? "yes" : "no";
  if (is_time(field)) return number ? format_time(number, text) : "";
  snprintf(text, TIME_SIZE, "%" PRId64, number);
  return text;
}

/* ---- JSON: the wire's, with the check -------------------------------------------- */

/* A time that is known. */
static void print_time(const char *name, int32_t field, const invsrc_source *source) {
  int64_t time = invsrc_source_number(source, field);
  char text[TIME_SIZE];

  if (time) printf(",\"%s\":\"%s\"", name, format_time(time, text));
}

static void print_check(const invsrc_source *source) {
  const char *error = invsrc_source_text(source, INVSRC_SOURCE_LAST_ERROR, NULL);

  printf(",\"check\":{\"attempts\":%" PRId64, invsrc_source_number(source, INVSRC_SOURCE_ATTEMPTS));
  print_time("lastCheckedAt", INVSRC_SOURCE_LAST_CHECKED_AT, source);
  if (error) {
    printf(",\"lastError\":");
    print_json(error);
  }
  print_time("nextCheckAt", INVSRC_SOURCE_NEXT_CHECK_AT, source);
  print_time("oauthExpiresAt", INVSRC_SOURCE_OAUTH_EXPIRES_AT, source);
  print_time("oauthRefreshAt", INVSRC_SOURCE_OAUTH_REFRESH_AT, source);
  printf(",\"credentialProven\":%s,\"unreachable\":%s}",
         invsrc_source_number(source, INVSRC_SOURCE_CREDENTIAL_PROVEN) ? "true" : "false",
         invsrc_source_number(source, INVSRC_SOURCE_UNREACHABLE) ? "true" : "false");
}

/* Prints the body, which is the library's own JSON, with the check at the end of each
 * object that is a source. */
static void print_with_checks(const invsrc_response *response) {
  const invsrc_source *one = invsrc_response_source(response);
  const invsrc_source_list *list = invsrc_response_sources(response);
  uint64_t count = 0;
  int depth = 0, in_string = 0;

  for (const char *at = invsrc_response_body(response, NULL); *at; at++) {
    if (in_string && *at == '\\') {
      putchar(*at++);
    } else if (*at == '"') {
      in_string = !in_string;
    } else if (!in_string && *at == '{') {
      depth++;
    } else if (!in_string && *at == '}' && --depth == 0) {
      print_check(one ? one : invsrc_source_list_at(list, count++));
    }
    putchar(*at);
  }
  putchar('\n');
}

/* ---- List ------------------------------------------------------------------------- */

/* The columns, the last of which has any width. */
static const struct {
  int32_t field;
  const char *heading;
} columns[] = {
    {INVSRC_SOURCE_SOURCE_ID, "SOURCE ID"},
    {INVSRC_SOURCE_STATUS, "STATUS"},
    {INVSRC_SOURCE_TYPE, "TYPE"},
    {INVSRC_SOURCE_PROTOCOL, "PROTOCOL"},
    {INVSRC_SOURCE_AUTHENTICATION_TYPE, "AUTHENTICATION"},
    {INVSRC_SOURCE_CREDENTIAL_PROVEN, "PROVEN"},
    {INVSRC_SOURCE_ATTEMPTS, "ATTEMPTS"},
    {INVSRC_SOURCE_LAST_CHECKED_AT, "LAST CHECK"},
    {INVSRC_SOURCE_NEXT_CHECK_AT, "NEXT CHECK"},
    {INVSRC_SOURCE_LAST_ERROR, "LAST ERROR"},
};

#define COLUMNS (sizeof columns / sizeof *columns)
#define GAP 2

static void print_cell(const char *text, size_t width, int is_last) {
  size_t length = count_characters(text);

  print_plain(text);
  for (; !is_last && length < width + GAP; length++) putchar(' ');
}

/* A table with a heading, each column as wide as what is in it. */
static void print_table(const invsrc_source_list *list) {
  uint64_t count = invsrc_source_list_count(list);
  size_t widths[COLUMNS];
  char text[TIME_SIZE];

  for (size_t i = 0; i < COLUMNS; i++) {
    widths[i] = strlen(columns[i].heading);
    for (uint64_t row = 0; row < count; row++) {
      size_t width =
          count_characters(value(invsrc_source_list_at(list, row), columns[i].field, text));
      if (width > widths[i]) widths[i] = width;
    }
  }
  for (size_t i = 0; i < COLUMNS; i++) print_cell(columns[i].heading, widths[i], i + 1 == COLUMNS);
  for (uint64_t row = 0; row < count; row++) {
    putchar('\n');
    for (size_t i = 0; i < COLUMNS; i++) {
      const char *shown = value(invsrc_source_list_at(list, row), columns[i].field, text);
      print_cell(*shown ? shown : "-", widths[i], i + 1 == COLUMNS);
    }
  }
  putchar('\n');
}

static void print_rows(const invsrc_source_list *list) {
  char text[TIME_SIZE];

  for (uint64_t row = 0; row < invsrc_source_list_count(list); row++)
    for (size_t i = 0; i < COLUMNS; i++) {
      print_plain(value(invsrc_source_list_at(list, row), columns[i].field, text));
      putchar(i + 1 == COLUMNS ? '\n' : '\t');
    }
}

static void show_list(const invsrc_response *response, uint64_t skip, int is_json) {
  const invsrc_source_list *list = invsrc_response_sources(response);
  uint64_t total = invsrc_response_total(response);
  uint64_t shown = skip + invsrc_source_list_count(list);

  if (is_json) {
    print_with_checks(response);
  } else if (isatty(STDOUT_FILENO)) {
    if (invsrc_source_list_count(list)) print_table(list);
    if (shown < total)
      printf("%" PRIu64 " more; --skip %" PRIu64 " shows them\n", total - shown, shown);
  } else {
    print_rows(list);
  }
}

static int list_sources(host *self, const arguments *given, const char *storefront) {
  int is_json = value_of(given, &json_option) != NULL;
  uint64_t skip = 0, take = INVSRC_TAKE_DEFAULT;
  invsrc_response *response = NULL;
  int status = host_number(given, &skip_option, 0, INVSRC_SKIP_LIMIT, &skip);

  if (status == EXIT_DONE) status = host_number(given, &take_option, 1, INVSRC_TAKE_LIMIT, &take);
  if (status != EXIT_DONE) return status;
  if (invsrc_list(self->service, storefront, strlen(storefront), skip, take, &response,
                  self->error) != INVSRC_OK)
    return host_complain(self, "cannot list sources");
  if (is_success(response))
    show_list(response, skip, is_json);
  else
    status = tell_failure(response, "", is_json);
  invsrc_response_free(response);
  return status;
}

/* ---- Get --------------------------------------------------------------------------- */

#define LABEL_WIDTH 20

/* What says nothing to a person. */
static int is_inner(int32_t field) {
  return field == INVSRC_SOURCE_STOREFRONT || field == INVSRC_SOURCE_REVISION ||
         field == INVSRC_SOURCE_OAUTH_STATE || field == INVSRC_SOURCE_OAUTH_PRIVATE_STATE;
}

/* Every field that is there, by its name: those of the wire, and the check. */
static void show_source(const invsrc_source *source) {
  char text[TIME_SIZE];

  for (int32_t field = 1; invsrc_source_field_kind(field); field++) {
    const char *shown = value(source, field, text);
    if (!*shown && is_time(field) && !is_oauth_time(field)) shown = "never";
    if (is_inner(field) || !*shown) continue;
    printf("%-*s", LABEL_WIDTH, invsrc_source_field_name(field));
    print_plain(shown);
    putchar('\n');
  }
}

static int get_source(host *self, const arguments *given, const char *storefront) {
  const char *source_id = given->operands[0];
  int is_json = value_of(given, &json_option) != NULL;
  invsrc_response *response = NULL;
  int status = EXIT_DONE;

  if (invsrc_get(self->service, storefront, strlen(storefront), source_id, strlen(source_id),
                 &response, self->error) != INVSRC_OK)
    return host_complain(self, "cannot get the source");
  if (!is_success(response))
    status = tell_failure(response, source_id, is_json);
  else if (is_json)
    print_with_checks(response);
  else
    show_source(invsrc_response_source(response));
  invsrc_response_free(response);
  return status;
}

/* ---- Update ------------------------------------------------------------------------ */

static int update_source(host *self, const arguments *given, const char *storefront) {
  const char *source_id = given->operands[0];
  invsrc_response *response = NULL;
  input body;
  int status = input_read(&body, given->operand_count > 1 ? given->operands[1] : "-",
                          (size_t)self->max_body);

  if (status != EXIT_DONE) return status;
  if (invsrc_update(self->service, storefront, strlen(storefront), source_id, strlen(source_id),
                    body.bytes, body.length, &response, self->error) == INVSRC_OK)
    status = host_print(response);
  else
    status = host_complain(self, "cannot update the source");
  invsrc_response_free(response);
  input_end(&body);
  return status;
}

/* ---- Remove ------------------------------------------------------------------------- */

/* Without keys tokens cannot be revoked: what they are sealed with has to be opened. */
static int has_keys(const arguments *given) {
  return value_of(given, &optional_key_file_option) != NULL;
}

static int has_tokens(const host *self, const char *storefront, const char *source_id) {
  invsrc_response *response = NULL;
  const invsrc_source *source = NULL;
  const char *type = NULL;
  int found;

  if (invsrc_get(self->service, storefront, strlen(storefront), source_id, strlen(source_id),
                 &response, self->error) == INVSRC_OK)
    source = invsrc_response_source(response);
  if (source) type = invsrc_source_text(source, INVSRC_SOURCE_AUTHENTICATION_TYPE, NULL);
  found = type && strcmp(type, "OAUTH") == 0 &&
          invsrc_source_number(source, INVSRC_SOURCE_AUTH_CONFIGURED);
  invsrc_response_free(response);
  return found;
}

static int remove_source(host *self, const arguments *given, const char *storefront) {
  const char *source_id = given->operands[0];
  invsrc_response *response = NULL;
  int loses = !has_keys(given) && has_tokens(self, storefront, source_id);
  int status = EXIT_DONE;

  if (invsrc_remove(self->service, storefront, strlen(storefront), source_id, strlen(source_id),
                    &response, self->error) != INVSRC_OK)
    return host_complain(self, "cannot remove the source");
  if (!is_success(response))
    status = tell_failure(response, source_id, 0);
  else if (loses)
    complain(EXIT_DONE, "%s: its tokens were not revoked: that takes --master-key-file", source_id);
  invsrc_response_free(response);
  return status;
}

/* ---- The commands ------------------------------------------------------------------- */

/* What the four have in common: a storefront of a database that is there. */
static int run_with(const arguments *given, unsigned needs,
                    int (*act)(host *, const arguments *, const char *)) {
  const char *storefront;
  host self = {0};
  int status = host_storefront(given, &storefront);

  if (status == EXIT_DONE && given->operand_count && !*given->operands[0])
    status = complain(EXIT_USAGE, "%s needs a SOURCE_ID that is not empty", given->command->name);
  if (status == EXIT_DONE) status = host_open(&self, given, OLD_STORE, needs);
  if (status == EXIT_DONE) status = act(&self, given, storefront);
  host_close(&self);
  return status;
}

static int run_list(const arguments *given) {
  return run_with(given, 0, list_sources);
}

static int run_get(const arguments *given) {
  return run_with(given, 0, get_source);
}

static int run_update(const arguments *given) {
  return run_with(given, HOST_KEYRING | HOST_REGISTRY | HOST_AGENTS | HOST_OAUTH | HOST_EVENTS,
                  update_source);
}

static int run_remove(const arguments *given) {
  return run_with(given, (has_keys(given) ? HOST_KEYRING | HOST_OAUTH : 0) | HOST_EVENTS,
                  remove_source);
}

const command source_list_command = {
    "source list",
    "",
    "Show the sources of a storefront, oldest first, and their checks",
    0,
    0,
    run_list,
    {&database_option, &storefront_option, &skip_option, &take_option, &json_option, NULL}};

const command source_get_command = {"source get",
                                    "SOURCE_ID",
                                    "Show a source and what its last check came to",
                                    1,
                                    1,
                                    run_get,
                                    {&database_option, &storefront_option, &json_option, NULL}};

const command source_update_command = {
    "source update",
    "SOURCE_ID [FILE|-]",
    "Change a source by a request body and print the answer",
    1,
    2,
    run_update,
    {&database_option, &master_key_file_option, &registry_option, &storefront_option,
     &envelope_option, &allow_http_option, &allow_private_option, &max_body_option,
     &registry_key_file_option, &ca_file_option, &proxy_option, &recheck_option, &probe_tool_option,
     &api_key_header_option, &public_url_option, &oauth_clients_file_option,
     &oauth_client_name_option, NULL}};

const command source_remove_command = {
    "source rm",
    "SOURCE_ID",
    "Remove a source and its credential",
    1,
    1,
    run_remove,
    {&database_option, &storefront_option, &optional_key_file_option, &allow_http_option,
     &allow_private_option, &ca_file_option, &proxy_option, NULL}};
