/*
 * The JSON that goes out: a source (contract §4.1), an error (§4.2) and an event, in
 * the order of their tables. Can only render what a source has, and that is no secret.
 */
#ifndef IVS_CORE_RENDER_H
#define IVS_CORE_RENDER_H

#include <invsrc/invsrc.h>

#include "core/request.h"

void ivs_render_source(ivs_buffer *out, const invsrc_source *source);
/* The array of them. */
void ivs_render_sources(ivs_buffer *out, const invsrc_source_list *list);

/* {"authorizationUrl":…,"agentId":…,"agentName":…}: where to consent to a source. */
void ivs_render_consent(ivs_buffer *out, const invsrc_source *source, const char *url,
                        size_t length);

/* The payload of an event, in the form of Standard Webhooks: {"type":…,"timestamp":…,
 * "data":{"storefront":…,"source":{…},"reason":…}}; `reason` may be NULL. */
void ivs_render_event(ivs_buffer *out, const char *type, int64_t milliseconds,
                      const invsrc_source *source, const char *reason);

/* {"data":null,"error":{…}}; `field` may be NULL. */
void ivs_render_error(ivs_buffer *out, const char *code, const char *message, const char *field);
/* The VALIDATION_ERROR or BAD_REQUEST that a problem deserves. */
void ivs_render_problem(ivs_buffer *out, const ivs_problem *problem);

#endif
