/*
 * Queries and forms: application/x-www-form-urlencoded, read. Knows no parameter.
 */
#ifndef IVS_CORE_FORM_H
#define IVS_CORE_FORM_H

#include <stddef.h>

#include "core/buffer.h"

/* The value of a parameter as it is written: how often it is there, and the last one, which is
 * empty where there is no "=". */
int ivs_form_find(const ivs_buffer *form, const char *name, const char **value, size_t *length);
/* Appends what a value stands for. Returns 0 where a "%" is not followed by two digits. */
int ivs_form_decode(const char *value, size_t length, ivs_buffer *out);

#endif
