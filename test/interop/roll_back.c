/* SPDX-License-Identifier: Apache-2.0
 *
 * Rolls the state of a LevelDB home back by one block, with the library alone.
 *
 *   roll_back DATA_DIR SOFTWARE
 *
 * Prints the height that the state is then of.
 */
#include "cmtstore/state.h"
#include "cmtstore/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static cmt_error err;

static void check(cmt_status status, const char *what)
{
    if (status == CMT_OK)
        return;
    fprintf(stderr, "roll_back: %s: %s: %s\n", what, cmt_status_text(status), err.message);
    exit(1);
}

static void load_metas(const char *data_dir, int64_t last, cmt_block_meta metas[2])
{
    char path[4096];
    cmt_db *db;
    cmt_block_store *blocks;
    snprintf(path, sizeof path, "%s/blockstore.db", data_dir);
    check(cmt_db_open_view(path, NULL, &db, &err), path);
    check(cmt_block_store_open(db, &blocks, &err), path);
    check(cmt_block_store_load_meta(blocks, last - 1, &metas[0], &err), "meta");
    check(cmt_block_store_load_meta(blocks, last, &metas[1], &err), "meta");
    cmt_block_store_close(blocks);
    cmt_db_close(db);
}

/* As which release, with which keys, and of which height the state is. */
static int64_t look(cmt_db *db, cmt_state_store_options *options)
{
    cmt_state_store *store;
    cmt_chain_state state;
    check(cmt_state_store_open(db, &store, &err), "state store");
    check(cmt_state_store_load_chain_state(store, &state, &err), "state");
    options->release = state.release;
    options->write_version = cmt_state_store_has_version(store);
    int64_t height = state.last_block_height;
    cmt_chain_state_free(&state);
    cmt_state_store_close(store);
    return height;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    const cmt_db_open_options open_options = {.engine = CMT_ENGINE_GOLEVELDB};
    cmt_state_store_options options = {0};
    cmt_block_meta metas[2];
    char path[4096];
    cmt_db *db;
    cmt_state_store *store;
    cmt_chain_state state;
    snprintf(path, sizeof path, "%s/state.db", argv[1]);
    check(cmt_db_open(path, &open_options, &db, &err), path);
    load_metas(argv[1], look(db, &options), metas);
    check(cmt_state_store_open_for_writing(db, &options, &store, &err), "state store");
    check(cmt_state_store_rollback(store, &metas[0], &metas[1], argv[2], &state, &err), "rollback");
    printf("%" PRId64 "\n", state.last_block_height);
    cmt_chain_state_free(&state);
    cmt_state_store_close(store);
    cmt_db_close(db);
    return 0;
}
