/*
 * See base64.h.
 */
#include "agents/base64.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static void append(ivs_buffer *out, const unsigned char *bytes, size_t length, const char *alphabet,
                   int padded) {
  for (size_t at = 0; at < length; at += 3) {
    size_t left = length - at < 3 ? length - at : 3;
    unsigned long group = (unsigned long)bytes[at] << 16;
    char text[4];

    if (left > 1) group |= (unsigned long)bytes[at + 1] << 8;
    if (left > 2) group |= bytes[at + 2];
    for (int i = 0; i < 4; i++) text[i] = alphabet[group >> (18 - 6 * i) & 63];
    ivs_buffer_append(out, text, left + 1);
    if (padded) ivs_buffer_append(out, "==", 3 - left);
  }
}

void ivs_base64_append(ivs_buffer *out, const void *bytes, size_t length) {
  append(out, bytes, length, LETTERS "+/", 1);
}

void ivs_base64url_append(ivs_buffer *out, const void *bytes, size_t length) {
  append(out, bytes, length, LETTERS "-_", 0);
}
