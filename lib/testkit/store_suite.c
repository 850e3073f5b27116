/*
 * The suite of a store: its checks by name.
 */
#include "core/table.h"
#include "testkit/checks.h"

static const ivs_check checks[] = {
    {"a_new_store_is_empty", ivs_check_empty, 0},
    {"every_field_comes_back", ivs_check_every_field, 0},
    {"absent_fields_stay_absent", ivs_check_absent_fields, 0},
    {"long_values_come_back", ivs_check_long_values, 0},
    {"names_are_bytes", ivs_check_names, 0},
    {"what_is_unique_stays_unique", ivs_check_conflicts, 0},
    {"each_of_several_has_its_outcome", ivs_check_together, IVS_NEEDS_INSERT_ALL},
    {"lists_are_in_order", ivs_check_lists, 0},
    {"many_sources_keep_their_order", ivs_check_many, 0},
    {"updates_write_their_parts", ivs_check_parts, 0},
    {"updates_take_fields_away", ivs_check_absence, 0},
    {"revisions_are_compared", ivs_check_revisions, 0},
    {"what_is_removed_is_gone", ivs_check_removal, 0},
    {"a_late_removal_changes_nothing", ivs_check_late_removals, 0},
    {"sources_are_found", ivs_check_finding, IVS_NEEDS_FIND},
    {"a_consent_is_one_sources", ivs_check_consents, IVS_NEEDS_FIND},
    {"a_lost_change_moves_no_consent", ivs_check_lost_consents, IVS_NEEDS_FIND | IVS_NEEDS_EVENTS},
    {"many_consents_are_told_apart", ivs_check_many_consents, IVS_NEEDS_FIND},
    {"what_is_due_is_claimed", ivs_check_due, 0},
    {"a_late_result_changes_nothing", ivs_check_late_results, 0},
    {"events_are_kept_until_taken", ivs_check_events, IVS_NEEDS_EVENTS},
    {"events_come_as_they_are_due", ivs_check_event_order, IVS_NEEDS_EVENTS},
    {"long_events_come_back", ivs_check_long_events, IVS_NEEDS_EVENTS},
    {"a_change_and_its_event_are_one", ivs_check_all_or_nothing, IVS_NEEDS_EVENTS},
    {"what_is_stored_lasts", ivs_check_lasting, IVS_NEEDS_REOPEN},
    {"each_name_has_one_winner", ivs_check_races, IVS_NEEDS_THREADS},
    {"nothing_is_claimed_twice", ivs_check_claims, IVS_NEEDS_THREADS},
    {"no_event_is_given_twice", ivs_check_event_claims, IVS_NEEDS_THREADS | IVS_NEEDS_EVENTS},
    {"no_update_is_lost", ivs_check_changers, IVS_NEEDS_THREADS},
};

#define COUNT (sizeof checks / sizeof *checks)

int32_t invsrc_store_conformance(const invsrc_store_vtable *store,
                                 const invsrc_conformance *description) {
  ivs_trial model = {.is_over = 0};

  if (!store || ivs_describe(&model, description) != INVSRC_OK ||
      ivs_table_copy(&model.store, sizeof model.store, store,
                     IVS_TABLE_UP_TO(invsrc_store_vtable, due)) != INVSRC_OK)
    return INVSRC_EINVAL;
  if (!model.store.event_end) model.store.event_next = NULL; /* one is of no use */
  if (!model.store.event_next) model.store.event_end = NULL;
  return ivs_run_checks(&model, checks, COUNT);
}

const char *invsrc_store_conformance_name(uint64_t index) {
  return index < COUNT ? checks[index].name : NULL;
}
