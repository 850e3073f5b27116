/*
 * See log.h.
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "print.h"

#define LINE_SIZE 2048
#define LONGEST_SOURCE_ID 1020 /* 255 characters */

static const struct {
  int32_t level;
  const char *name;
} levels[] = {{INVSRC_LOG_DEBUG, "debug"},
              {INVSRC_LOG_INFO, "info"},
              {INVSRC_LOG_WARNING, "warning"},
              {INVSRC_LOG_ERROR, "error"}};

/* Set before there are threads. */
static int32_t lowest = INVSRC_LOG_INFO;
static int is_beside_count = 0;

int log_set_level(const char *name) {
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
    if (strcmp(levels[i].name, name) != 0) continue;
    lowest = levels[i].level;
    return 1;
  }
  return 0;
}

void log_beside_count(void) {
  lowest = INVSRC_LOG_WARNING;
  is_beside_count = 1;
}

/* A line that is cut where it is full, but always ends as JSON does. */
typedef struct line {
  char text[LINE_SIZE];
  size_t length;
} line;

#define RESERVED 4 /* for what ends a line */

static void append(line *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(line *to, const char *format, ...) {
  size_t room = LINE_SIZE - RESERVED - to->length;
  va_list values;
  int length;

  va_start(values, format);
  length = vsnprintf(to->text + to->length, room, format, values);
  va_end(values);
  if (length > 0 && (size_t)length < room) to->length += (size_t)length;
}

#define NO_CHARACTER 0xfffd /* the replacement character, where the text is not UTF-8 */

/* The character at `*at`, which is passed. */
static unsigned long take_character(const char **at) {
  static const unsigned long least[] = {0, 0x80, 0x800, 0x10000};
  const unsigned char *bytes = (const unsigned char *)(*at)++;
  size_t more = *bytes < 0xe0 ? 1 : *bytes < 0xf0 ? 2 : 3;
  unsigned long c = *bytes & (0x3fu >> more);

  if (*bytes < 0x80) return *bytes;
  if (*bytes < 0xc0 || *bytes > 0xf4) return NO_CHARACTER;
  for (size_t i = 1; i <= more; i++) {
    if ((bytes[i] & 0xc0) != 0x80) return NO_CHARACTER;
    c = c << 6 | (bytes[i] & 0x3fu);
  }
  if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return NO_CHARACTER;
  *at += more;
  return c;
}

/* How many characters a text begins with that stand for themselves in a string of JSON. */
static size_t plain_length(const char *text) {
  size_t length = 0;

  while (text[length] >= ' ' && text[length] <= '~' && text[length] != '"' && text[length] != '\\')
    length++;
  return length;
}

#define ESCAPE_SIZE 24

/* One character that does not, as it is written. */
static void escape(char piece[ESCAPE_SIZE], unsigned long c) {
  if (c > 0xffff)
    snprintf(piece, ESCAPE_SIZE, "\\u%04lx\\u%04lx", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
  else if (c < 0x20 || c > 0x7e)
    snprintf(piece, ESCAPE_SIZE, "\\u%04lx", c);
  else
    snprintf(piece, ESCAPE_SIZE, "\\%c", (int)c);
}

/* What came from outside is ASCII in the log: everything else is escaped. A text that
 * is too long is cut, between characters, so that its quote fits. */
static void append_text(line *to, const char *text) {
  const size_t most = LINE_SIZE - RESERVED - sizeof "\"";
  char piece[ESCAPE_SIZE];

  append(to, "\"");
  while (*text && to->length < most) {
    size_t length = plain_length(text);
    if (length > most - to->length) length = most - to->length;
    memcpy(to->text + to->length, text, length);
    to->length += length;
    text += length;
    if (!*text || plain_length(text)) continue;
    escape(piece, take_character(&text));
    if (to->length + strlen(piece) > most) break;
    append(to, "%s", piece);
  }
  append(to, "\"");
}

static void begin(line *to, int32_t level, const char *event) {
  struct timespec now = {0, 0};
  char date[32] = "";
  struct tm tm;

  clock_gettime(CLOCK_REALTIME, &now);
  if (gmtime_r(&now.tv_sec, &tm)) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
  to->length = 0;
  if (is_beside_count) append(to, CLEAR_LINE);
  append(to, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"event\":\"%s\"", date,
         now.tv_nsec / 1000000, levels[level - INVSRC_LOG_DEBUG].name, event);
}

static void end(line *to) {
  ssize_t ignored;

  memcpy(to->text + to->length, "}\n", 2);
  ignored = write(STDERR_FILENO, to->text, to->length + 2);
  (void)ignored; /* there is nowhere to complain */
}

void log_write_request(const log_request *request) {
  int32_t level = request->status >= 500 ? INVSRC_LOG_ERROR : INVSRC_LOG_INFO;
  /* No fraction is handed over as one: with it the vector registers would be saved to the
   * stack, where what a request has left in them could not be wiped. */
  unsigned long long microseconds = (unsigned long long)(request->milliseconds * 1000);
  line out;

  if (level < lowest) return;
  begin(&out, level, "request");
  append(&out, ",\"number\":%llu,\"remote\":", (unsigned long long)request->number);
  append_text(&out, request->remote);
  append(&out, ",\"status\":%d,\"bytes\":%llu,\"ms\":%llu.%03llu,\"method\":", request->status,
         (unsigned long long)request->bytes, microseconds / 1000, microseconds % 1000);
  append_text(&out, request->method);
  append(&out, ",\"path\":");
  append_text(&out, request->path);
  end(&out);
}

void log_write(int32_t level, const char *message) {
  line out;

  if (level < lowest) return;
  begin(&out, level, "message");
  append(&out, ",\"message\":");
  append_text(&out, message);
  end(&out);
}

/* ---- Sources ------------------------------------------------------------------- */

static const struct {
  const char *name;
  int32_t level;
} outcomes[] = {
    [INVSRC_OUTCOME_OK] = {"ok", INVSRC_LOG_INFO},
    [INVSRC_OUTCOME_PROVEN] = {"proven", INVSRC_LOG_INFO},
    [INVSRC_OUTCOME_REFUSED] = {"refused", INVSRC_LOG_WARNING},
    [INVSRC_OUTCOME_UNREACHABLE] = {"unreachable", INVSRC_LOG_WARNING},
    [INVSRC_OUTCOME_UNAVAILABLE] = {"unavailable", INVSRC_LOG_WARNING},
    [INVSRC_OUTCOME_FAILED] = {"failed", INVSRC_LOG_WARNING},
    [INVSRC_OUTCOME_CONFLICT] = {"conflict", INVSRC_LOG_INFO},
};

static void append_field(line *to, const char *name, const char *text) {
  append(to, ",\"%s\":", name);
  append_text(to, text ? text : "");
}

void log_write_check(const invsrc_check *check) {
  int32_t level = outcomes[check->outcome].level;
  int64_t next = invsrc_source_number(check->source, INVSRC_SOURCE_NEXT_CHECK_AT);
  char time[TIME_SIZE];
  line out;

  if (level < lowest) return;
  begin(&out, level, "check");
  append_field(&out, "outcome", outcomes[check->outcome].name);
  append_field(&out, "status", invsrc_source_text(check->source, INVSRC_SOURCE_STATUS, NULL));
  append(&out, ",\"attempts\":%lld",
         (long long)invsrc_source_number(check->source, INVSRC_SOURCE_ATTEMPTS));
  if (next) append_field(&out, "nextCheckAt", format_time(next, time));
  if (*check->reason) append_field(&out, "reason", check->reason);
  append_field(&out, "storefront",
               invsrc_source_text(check->source, INVSRC_SOURCE_STOREFRONT, NULL));
  append_field(&out, "sourceId", invsrc_source_text(check->source, INVSRC_SOURCE_SOURCE_ID, NULL));
  end(&out);
}

/* Which source an event is about stands in its payload. */
static void append_source_id(line *to, const char *payload) {
  static const char key[] = "\"sourceId\":\"";
  const char *at = strstr(payload, key);
  char id[LONGEST_SOURCE_ID + 1];
  size_t length = 0;

  if (!at) return;
  for (at += sizeof key - 1; *at && *at != '"' && length < LONGEST_SOURCE_ID; at++) {
    if (*at == '\\' && at[1]) at++; /* it has no control characters, so that is all */
    id[length++] = *at;
  }
  id[length] = '\0';
  append_field(to, "sourceId", id);
}

void log_write_event(const invsrc_event *event, int is_taken) {
  const char *type = invsrc_event_text(event, INVSRC_EVENT_TYPE, NULL);
  const char *payload = invsrc_event_text(event, INVSRC_EVENT_PAYLOAD, NULL);
  int is_trouble =
      strcmp(type, "source.unreachable") == 0 || strcmp(type, "source.consent_required") == 0;
  int32_t level = is_trouble ? INVSRC_LOG_WARNING : INVSRC_LOG_INFO;
  line out;

  if (level < lowest) return;
  begin(&out, level, type);
  append(&out, ",\"taken\":%s", is_taken ? "true" : "false");
  append_field(&out, "id", invsrc_event_text(event, INVSRC_EVENT_ID, NULL));
  append_field(&out, "storefront", invsrc_event_text(event, INVSRC_EVENT_STOREFRONT, NULL));
  append_source_id(&out, payload ? payload : "");
  end(&out);
}
