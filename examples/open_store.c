/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens the block store of a stopped or running node for reading, and tells of its newest block.
 *
 *   open_store DATA_DIR/blockstore.db
 */
#include <cmtstore/db.h>
#include <cmtstore/store.h>

#include <inttypes.h>
#include <stdio.h>

static cmt_status print_block(cmt_block_store *store, int64_t height, cmt_error *err)
{
    cmt_block_meta meta;
    char text[2 * sizeof meta.block_id.hash.bytes + 1] = "";
    CMT_TRY(cmt_block_store_load_meta(store, height, &meta, err));
    for (size_t i = 0; i < meta.block_id.hash.size; i++)
        snprintf(text + 2 * i, 3, "%02X", meta.block_id.hash.bytes[i]);
    printf("block %" PRId64 ": %s, %" PRId64 " transactions\n", height, text, meta.num_txs);
    return CMT_OK;
}

static cmt_status look(const char *path, cmt_error *err)
{
    cmt_db *db;
    cmt_block_store *store;
    CMT_TRY(cmt_db_open_view(path, NULL, &db, err)); /* takes no lock, writes nothing */
    cmt_status st = cmt_block_store_open(db, &store, err);
    if (st == CMT_OK) {
        printf("base %" PRId64 ", height %" PRId64 "\n", cmt_block_store_base(store),
               cmt_block_store_height(store));
        st = print_block(store, cmt_block_store_height(store), err);
        cmt_block_store_close(store);
    }
    cmt_db_close(db);
    return st;
}

int main(int argc, char **argv)
{
    cmt_error err = CMT_ERROR_INIT;
    if (argc != 2) {
        fprintf(stderr, "usage: open_store DATA_DIR/blockstore.db\n");
        return 2;
    }
    if (look(argv[1], &err) == CMT_OK)
        return 0;
    fprintf(stderr, "open_store: %s\n", err.message);
    return 1;
}
