/*
 * See log.h.
 */
#include "log.h"

#include <invsrc/invsrc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 2048

static const struct {
  int32_t level;
  const char *name;
} levels[] = {{INVSRC_LOG_DEBUG, "debug"},
              {INVSRC_LOG_INFO, "info"},
              {INVSRC_LOG_WARNING, "warning"},
              {INVSRC_LOG_ERROR, "error"}};

static int32_t lowest = INVSRC_LOG_INFO; /* set before there are threads */

int log_set_level(const char *name) {
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
    if (strcmp(levels[i].name, name) != 0) continue;
    lowest = levels[i].level;
    return 1;
  }
  return 0;
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

/* What came from outside is ASCII in the log: everything else is escaped. A text that
 * is too long is cut, between characters, so that its quote fits. */
static void append_text(line *to, const char *text) {
  char piece[8];

  append(to, "\"");
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    const char *form = c < 0x20 || c > 0x7e ? "\\u%04x" : c == '"' || c == '\\' ? "\\%c" : "%c";
    int length = snprintf(piece, sizeof piece, form, c);
    if (to->length + (size_t)length + sizeof "\"" > LINE_SIZE - RESERVED) break;
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
  line out;

  if (level < lowest) return;
  begin(&out, level, "request");
  append(&out, ",\"number\":%llu,\"remote\":", (unsigned long long)request->number);
  append_text(&out, request->remote);
  append(&out, ",\"status\":%d,\"bytes\":%llu,\"ms\":%.3f,\"method\":", request->status,
         (unsigned long long)request->bytes, request->milliseconds);
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
