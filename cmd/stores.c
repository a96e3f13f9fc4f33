/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing both databases in the order that keeps them consistent.
 */
#include "stores.h"

cmt_status cmd_stores_open(const cmd_target *target, cmd_stores *out, cmt_error *err)
{
    *out = (cmd_stores){.blocks = NULL};
    CMT_TRY(cmd_target_open(target, target->state, &out->state_db, err));
    CMT_TRY(cmd_target_open(target, target->blockstore, &out->blockstore_db, err));
    CMT_TRY(cmt_block_store_open(out->blockstore_db, &out->blocks, err));
    return cmt_state_store_open(out->state_db, &out->states, err);
}

cmt_status cmd_stores_open_for_writing(const char *blockstore, const char *state,
                                       const cmd_writing *how, cmd_stores *out, cmt_error *err)
{
    *out = (cmd_stores){.blocks = NULL};
    const cmt_db_open_options options = {
        .engine = how->engine,
        .create = how->create,
        .was_readable = how->was_read,
        .unsynced = how->unsynced,
        .logger = how->logger,
    };
    CMT_TRY(cmt_db_open(blockstore, &options, &out->blockstore_db, err));
    CMT_TRY(cmt_db_open(state, &options, &out->state_db, err));
    CMT_TRY(cmt_block_store_open_for_writing(out->blockstore_db, &how->blocks, &out->blocks, err));
    return cmt_state_store_open_for_writing(out->state_db, &how->states, &out->states, err);
}

cmt_status cmd_stores_flush(const cmd_stores *stores, cmt_error *err)
{
    if (stores->blockstore_db != NULL)
        CMT_TRY(cmt_db_flush(stores->blockstore_db, err));
    return stores->state_db != NULL ? cmt_db_flush(stores->state_db, err) : CMT_OK;
}

void cmd_stores_close(cmd_stores *stores)
{
    cmt_state_store_close(stores->states);
    cmt_block_store_close(stores->blocks);
    cmt_db_close(stores->state_db);
    cmt_db_close(stores->blockstore_db);
    *stores = (cmd_stores){.blocks = NULL};
}
