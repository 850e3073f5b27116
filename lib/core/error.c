/*
 * Result codes in words, and the error object that a caller owns. Its message
 * has a fixed place, so that reporting a failure needs no memory.
 */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_SIZE 512

struct invsrc_error {
  int32_t code;
  uint64_t offset;
  char message[MESSAGE_SIZE];
};

static const struct {
  int32_t code;
  const char *sentence;
} sentences[] = {
    {INVSRC_OK, "No error"},
    {INVSRC_EINVAL, "An argument is NULL, out of range or of an unknown kind"},
    {INVSRC_ESTATE, "That is not possible in the present state"},
    {INVSRC_EMALFORMED, "The text is malformed"},
    {INVSRC_ERANGE, "The buffer is too small"},
    {INVSRC_EUNAVAILABLE, "Something that is needed cannot be reached now"},
    {INVSRC_EREFUSED, "Refused for good"},
    {INVSRC_ENOTFOUND, "What was named is not there"},
    {INVSRC_EIO, "Reading or writing failed"},
    {INVSRC_ENOMEM, "Memory ran out"},
    {INVSRC_ECRYPTO, "The cryptographic library failed"},
};

const char *invsrc_version(void) {
  return INVSRC_VERSION;
}

const char *invsrc_strerror(int32_t code) {
  for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
    if (sentences[i].code == code) return sentences[i].sentence;
  return "Unknown result code";
}

invsrc_error *invsrc_error_new(void) {
  invsrc_error *error = calloc(1, sizeof *error);

  if (error) error->offset = INVSRC_NO_OFFSET;
  return error;
}

void invsrc_error_free(invsrc_error *error) {
  free(error);
}

int32_t invsrc_error_code(const invsrc_error *error) {
  return error ? error->code : INVSRC_OK;
}

const char *invsrc_error_message(const invsrc_error *error) {
  return error ? error->message : "";
}

uint64_t invsrc_error_offset(const invsrc_error *error) {
  return error ? error->offset : INVSRC_NO_OFFSET;
}

/* Drops the UTF-8 character at the end of a full message, of which the last
 * bytes may be missing. */
static void drop_last_character(char *message) {
  size_t end = strlen(message);

  while (end > 0 && ((unsigned char)message[end - 1] & 0xC0) == 0x80) end--;
  if (end > 0) message[end - 1] = '\0';
}

void ivs_error_set(invsrc_error *error, int32_t code, uint64_t offset, const char *format, ...) {
  va_list arguments;
  int length;

  if (!error) return;
  error->code = code;
  error->offset = offset;
  va_start(arguments, format);
  length = vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  if (length < 0) error->message[0] = '\0';
  if (length >= (int)sizeof error->message) drop_last_character(error->message);
}
