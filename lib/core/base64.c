/*
 * See base64.h.
 */
#include "core/base64.h"

#include <string.h>

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

/* The six bits that a letter stands for, or -1. */
static int bits_of(char letter) {
  static const char alphabet[] = LETTERS "-_";
  const char *at = letter ? strchr(alphabet, letter) : NULL;

  return at ? (int)(at - alphabet) : -1;
}

int ivs_base64url_decode(ivs_buffer *out, const char *text, size_t length) {
  unsigned long group = 0;
  int bits = 0;

  if (length % 4 == 1) return 0;
  for (size_t i = 0; i < length; i++) {
    int six = bits_of(text[i]);
    char byte;
    if (six < 0) return 0;
    group = (group << 6 | (unsigned long)six) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    byte = (char)(group >> bits & 0xff);
    ivs_buffer_append(out, &byte, 1);
  }
  return (group & ((1u << bits) - 1)) == 0;
}
