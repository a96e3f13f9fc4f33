/* SPDX-License-Identifier: Apache-2.0
 *
 * What earlier prunes left to be compacted, found again after a start.
 */
#include "executor_internal.h"

static cmt_slice cookie_of(cmt_compact_journal *journal, cmt_journal_side side,
                           cmt_journal_database *known)
{
    if (journal == NULL)
        return (cmt_slice){NULL, 0};
    *known = cmt_compact_journal_database(journal, side);
    return (cmt_slice){known->cookie, known->cookie_size};
}

static cmt_status remember_dirty(const cmt_prune_stores *stores, cmt_compact_flight *flight,
                                 cmt_compact_journal *journal, cmt_range_list *blocks,
                                 cmt_range_list *states, cmt_error *err)
{
    cmt_journal_database of_blocks;
    cmt_journal_database of_states;
    CMT_TRY(cmt_prune_dirty(stores, cookie_of(journal, CMT_JOURNAL_BLOCKSTORE, &of_blocks),
                            cookie_of(journal, CMT_JOURNAL_STATE, &of_states), blocks, states,
                            err));
    const cmt_compaction_request request = {.blockstore = blocks, .state = states};
    cmt_compact_flight_remember(flight, &request);
    return CMT_OK;
}

cmt_status cmt_block_executor_recover_compaction(cmt_block_executor *executor,
                                                 int64_t initial_height, cmt_compact_flight *flight,
                                                 cmt_compact_journal *journal, cmt_error *err)
{
    const cmt_block_executor_options *o = &executor->options;
    const cmt_prune_stores stores = {o->blocks, o->blocks_db, o->states, o->states_db};
    cmt_range_list blocks = {NULL, 0, 0};
    cmt_range_list states = {NULL, 0, 0};
    if (o->blocks_db == NULL || o->states_db == NULL)
        return cmt_error_set(err, CMT_INVALID,
                             "what is still to be compacted is found in the databases, which the "
                             "executor's options do not name");
    CMT_TRY(cmt_prune_marks_find(&stores, initial_height, &executor->marks, err));
    cmt_status st = remember_dirty(&stores, flight, journal, &blocks, &states, err);
    cmt_range_list_free(&blocks);
    cmt_range_list_free(&states);
    executor->has_marks = st == CMT_OK;
    return st;
}
