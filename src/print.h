/*
 * Texts as the program prints them: times, JSON strings, and what strangers wrote without
 * what a terminal would obey.
 */
#ifndef PRINT_H
#define PRINT_H

#include <stddef.h>
#include <stdint.h>

#define TIME_SIZE 32

/* Milliseconds as an RFC 3339 timestamp; "" where they are none. Returns `text`. */
const char *format_time(int64_t milliseconds, char text[TIME_SIZE]);

/* Prints a JSON string, with its quotes. */
void print_json(const char *text);
/* Prints UTF-8 text with a space for each control character. */
void print_plain(const char *text);
/* How many characters of UTF-8 text that are. */
size_t count_characters(const char *text);

#endif
