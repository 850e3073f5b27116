/*
 * See form.h.
 */
#include "core/form.h"

#include <string.h>

#include "core/uri.h"

int ivs_form_find(const ivs_buffer *form, const char *name, const char **value, size_t *length) {
  const char *at = form->bytes;
  const char *end = at ? at + form->length : at;
  size_t name_length = strlen(name);
  int count = 0;

  while (at < end) {
    const char *next = memchr(at, '&', (size_t)(end - at));
    size_t size = (size_t)((next ? next : end) - at);
    int is_bare = size == name_length;
    if (size >= name_length && memcmp(at, name, name_length) == 0 &&
        (is_bare || at[name_length] == '=')) {
      *value = at + name_length + !is_bare;
      *length = size - name_length - !is_bare;
      count++;
    }
    at = next ? next + 1 : end;
  }
  return count;
}

int ivs_form_decode(const char *value, size_t length, ivs_buffer *out) {
  const char *end = value + length;

  while (value < end) {
    const char *plus = memchr(value, '+', (size_t)(end - value));
    if (!ivs_uri_unescape(value, (size_t)((plus ? plus : end) - value), out)) return 0;
    if (plus) ivs_buffer_append_text(out, " ");
    value = plus ? plus + 1 : end;
  }
  return 1;
}
