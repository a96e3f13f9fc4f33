/* SPDX-License-Identifier: Apache-2.0
 *
 * Both stores pruned below one height: what is asked of each, and in which order.
 */
#include "pruner_internal.h"

cmt_status cmt_pruner__requests(cmt_block_store *blocks, cmt_state_store *states,
                                const cmt_stores_prune_request *request,
                                cmt_block_prune_request *of_blocks,
                                cmt_state_prune_request *of_states, cmt_error *err)
{
    int64_t base = cmt_block_store_base(blocks);
    int64_t height = cmt_block_store_height(blocks);
    int64_t last = request->window.last_block_height;
    int64_t from = base;
    CMT_TRY(cmt_state_prune_unfinished_from(states, base, &from, err));
    *of_blocks = (cmt_block_prune_request){
        .retain_height = request->retain_height,
        .initial_height = request->initial_height,
        .window = request->window,
        .sweep = request->sweep,
        .reclaim = request->reclaim,
        .unfinished = from < base,
    };
    *of_states = (cmt_state_prune_request){
        .base = base,
        .retain_height = request->retain_height,
        .from = from,
        .initial_height = request->initial_height,
        .reclaim = request->reclaim,
        .last_height = (height > last ? height : last) + 2,
        .sweep = request->sweep,
    };
    return CMT_OK;
}

cmt_status cmt_stores_prune(cmt_block_store *blocks, cmt_state_store *states,
                            const cmt_stores_prune_request *request,
                            const cmt_erase_options *options, cmt_stores_prune_result *result,
                            cmt_error *err)
{
    cmt_block_prune_request of_blocks;
    cmt_state_prune_request of_states;
    *result = (cmt_stores_prune_result){.blocks_done = false};
    CMT_TRY(cmt_pruner__requests(blocks, states, request, &of_blocks, &of_states, err));
    CMT_TRY(cmt_block_store_prune(blocks, &of_blocks, options, &result->blocks, err));
    result->blocks_done = true;
    of_states.evidence_height = result->blocks.evidence_height;
    return cmt_state_store_prune(states, &of_states, options, &result->states, err);
}

void cmt_stores_prune_result_free(cmt_stores_prune_result *result)
{
    cmt_block_prune_result_free(&result->blocks);
    cmt_state_prune_result_free(&result->states);
}
