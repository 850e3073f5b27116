/*
 * See form.h.
 */
#include "core/form.h"

#include <string.h>

#include "core/text.h"

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
  for (size_t i = 0; i < length; i++) {
    char c = value[i] == '+' ? ' ' : value[i];

    if (c == '%') {
      int high = i + 2 < length ? ivs_text_hex(value[i + 1]) : -1;
      int low = i + 2 < length ? ivs_text_hex(value[i + 2]) : -1;
      if (high < 0 || low < 0) return 0;
      c = (char)(high << 4 | low);
      i += 2;
    }
    ivs_buffer_append(out, &c, 1);
  }
  return 1;
}
