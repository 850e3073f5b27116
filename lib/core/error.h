/*
 * Filling the caller's error object. Knows nothing of what can go wrong; must
 * never be given a secret, for its text is for logs and screens.
 */
#ifndef IVS_CORE_ERROR_H
#define IVS_CORE_ERROR_H

#include <invsrc/invsrc.h>

#if defined(__GNUC__)
#define IVS_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define IVS_PRINTF(text, first)
#endif

/* Reports a failure into `error`, which may be NULL: its code, the byte of the
 * input where it went wrong (or INVSRC_NO_OFFSET) and a message, which is cut
 * between two characters where it is too long. Never fails. The arguments must
 * not point into the error's own message. */
void ivs_error_set(invsrc_error *error, int32_t code, uint64_t offset, const char *format, ...)
    IVS_PRINTF(4, 5);
/* The same without an offset, of a message as it is; returns the code, which a reader of the caller
 * alone can see. */
static inline int32_t ivs_error_fail(invsrc_error *error, int32_t code, const char *message) {
  ivs_error_set(error, code, INVSRC_NO_OFFSET, "%s", message);
  return code;
}

#endif
