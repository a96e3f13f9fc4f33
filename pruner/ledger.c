/* SPDX-License-Identifier: Apache-2.0
 *
 * From a prune to its compaction, and what is found again after a start.
 */
#include "cmtstore/pruner_ledger.h"

#include "cleanup.h"

static cmt_slice cookie_of(cmt_compact_journal *journal, cmt_journal_side side,
                           cmt_journal_database *known)
{
    if (journal == NULL)
        return (cmt_slice){NULL, 0};
    *known = cmt_compact_journal_database(journal, side);
    return (cmt_slice){known->cookie, known->cookie_size};
}

static cmt_status remember_dirty(const cmt_prune_stores *stores, cmt_compact_flight *flight,
                                 cmt_compact_journal *journal, cmt_error *err)
{
    CMT_AUTO(cmt_range_list_free) cmt_range_list blocks = {NULL, 0, 0};
    CMT_AUTO(cmt_range_list_free) cmt_range_list states = {NULL, 0, 0};
    cmt_journal_database of_blocks;
    cmt_journal_database of_states;
    CMT_TRY(cmt_prune_dirty(stores, cookie_of(journal, CMT_JOURNAL_BLOCKSTORE, &of_blocks),
                            cookie_of(journal, CMT_JOURNAL_STATE, &of_states), &blocks, &states,
                            err));
    const cmt_compaction_request request = {.blockstore = &blocks, .state = &states};
    cmt_compact_flight_remember(flight, &request);
    return CMT_OK;
}

cmt_status cmt_prune_ledger_open(const cmt_prune_stores *stores, int64_t initial_height,
                                 cmt_compact_flight *flight, cmt_compact_journal *journal,
                                 cmt_prune_ledger *out, cmt_error *err)
{
    cmt_prune_ledger ledger = {.is_open = true};
    *out = (cmt_prune_ledger){.is_open = false};
    if (stores->blocks_db == NULL || stores->states_db == NULL)
        return cmt_error_set(err, CMT_INVALID,
                             "what is still to be compacted is found in the databases, and one of "
                             "them is not named");
    CMT_TRY(cmt_prune_marks_find(stores, initial_height, &ledger.marks, err));
    CMT_TRY(remember_dirty(stores, flight, journal, err));
    *out = ledger;
    return CMT_OK;
}

void cmt_prune_ledger_advance(cmt_prune_ledger *ledger, const cmt_stores_prune_request *request,
                              const cmt_stores_prune_result *result)
{
    if (ledger->is_open)
        cmt_prune_marks_advance(&ledger->marks, request, result);
}

void cmt_prune_hand_over(const cmt_compact_handover *handover, const cmt_prune_ledger *ledger,
                         const cmt_stores_prune_result *result)
{
    cmt_prune_cookie of_blocks = {.size = 0};
    cmt_prune_cookie of_states = {.size = 0};
    if (handover == NULL)
        return;
    if (ledger->is_open)
        cmt_prune_cookies(&ledger->marks, &of_blocks, &of_states);
    const cmt_compaction_request request = {
        .label = CMT_COMPACT_LABEL_PRUNE,
        .blockstore = &result->blocks.touched,
        .state = &result->states.touched,
        .blockstore_cookie = {of_blocks.bytes, of_blocks.size},
        .state_cookie = {of_states.bytes, of_states.size},
        .deleted_keys = result->blocks.deletes + result->states.deletes,
        .heights = result->blocks.base - result->blocks.base_before,
    };
    cmt_compact_after_prune(handover, &request, NULL);
}
