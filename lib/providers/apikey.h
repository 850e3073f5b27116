/*
 * How a new API key is drawn.
 */
#ifndef IVS_PROVIDERS_APIKEY_H
#define IVS_PROVIDERS_APIKEY_H

#include "core/apikey.h"

/* Draws a key and puts its text into `text`. INVSRC_OK, INVSRC_ECRYPTO or
 * INVSRC_ENOMEM. */
int32_t ivs_apikey_draw(ivs_apikey *key, invsrc_buffer *text, invsrc_error *error);

#endif
