/*
 * Questions about source records.
 */
#ifndef IVS_CORE_SOURCE_H
#define IVS_CORE_SOURCE_H

#include <invsrc/invsrc.h>

#include "core/buffer.h"

/* Whether a text field is this text. */
int ivs_source_is(const invsrc_source *source, int32_t field, const char *text);
/* Whether a text field is the same in both, or absent in both. */
int ivs_source_is_same(const invsrc_source *a, const invsrc_source *b, int32_t field);
/* Whether it has what every source has that is stored. */
int ivs_source_is_whole(const invsrc_source *source);
int ivs_source_is_oauth(const invsrc_source *source);
/* Whether it is an OAUTH source without tokens. */
int ivs_source_awaits_consent(const invsrc_source *source);
/* Makes a text field absent until what is returned is handed back. Meanwhile it is not to be set;
 * what copies the source or reads it does not see it. */
uint32_t ivs_source_hide_text(invsrc_source *source, int32_t field);
void ivs_source_show_text(invsrc_source *source, int32_t field, uint32_t hidden);
/* A source of a list, to be changed; NULL from its count on. */
invsrc_source *ivs_source_list_edit(const invsrc_source_list *list, uint64_t index);
/* No consent is under way any more. */
void ivs_source_end_consent(invsrc_source *source);

#endif
