/*
 * The JSON that goes out: a source (contract §4.1) and an error (§4.2), in the
 * order of their tables. Can only render what a source has, and that is no secret.
 */
#ifndef IVS_CORE_RENDER_H
#define IVS_CORE_RENDER_H

#include <invsrc/invsrc.h>

#include "core/request.h"

void ivs_render_source(ivs_buffer *out, const invsrc_source *source);

/* {"data":null,"error":{…}}; `field` may be NULL. */
void ivs_render_error(ivs_buffer *out, const char *code, const char *message, const char *field);
/* The VALIDATION_ERROR or BAD_REQUEST that a problem deserves. */
void ivs_render_problem(ivs_buffer *out, const ivs_problem *problem);

#endif
