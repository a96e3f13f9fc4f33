/* SPDX-License-Identifier: Apache-2.0
 *
 * All that is to be done for a height: the block is validated, saved, applied.  A block that may not follow must not
 * reach the store: it would stand in the way of the one that may.
 */
#include "executor_internal.h"

#include <inttypes.h>

static cmt_status save_block(cmt_block_executor *executor, const cmt_chain_state *state,
                             const cmt_decided_block *d, cmt_error *err)
{
    int64_t height = d->block->header.height;
    if (cmt_extensions_enabled(&state->params, height)) {
        if (d->ext_commit == NULL)
            return cmt_error_set(err, CMT_INVALID,
                                 "block %" PRId64 " needs an extended commit: vote extensions are "
                                 "enabled at its height",
                                 height);
        return cmt_block_store_save_block_with_ext_commit(executor->options.blocks, d->block,
                                                          d->parts, d->ext_commit, err);
    }
    if (d->seen_commit == NULL)
        return cmt_error_set(err, CMT_INVALID, "block %" PRId64 " needs a seen commit", height);
    return cmt_block_store_save_block(executor->options.blocks, d->block, d->parts, d->seen_commit,
                                      err);
}

cmt_status cmt_block_executor_save(cmt_block_executor *executor, const cmt_chain_state *state,
                                   const cmt_decided_block *decided, cmt_error *err)
{
    CMT_TRY(cmt_blockexec__validate(executor, state, decided->block, err));
    cmt_blockexec__at(executor, CMT_FAIL_BEFORE_BLOCK);
    cmt_blockexec__note_write(executor);
    if (cmt_block_store_height(executor->options.blocks) < decided->block->header.height)
        CMT_TRY(save_block(executor, state, decided, err));
    cmt_blockexec__at(executor, CMT_FAIL_AFTER_BLOCK);
    return CMT_OK;
}

cmt_status cmt_block_executor_commit(cmt_block_executor *executor, const cmt_chain_state *state,
                                     const cmt_decided_block *decided, cmt_chain_state *out,
                                     cmt_error *err)
{
    *out = (cmt_chain_state){.last_block_height = 0};
    CMT_TRY(cmt_block_executor_save(executor, state, decided, err));
    return cmt_block_executor_apply_verified(executor, state, &decided->id, decided->block, out,
                                             err);
}
