/* SPDX-License-Identifier: Apache-2.0
 *
 * Block stores written with the library, for tests in which CometBFT reads them.
 *
 *   store_blocks copy ENGINE FROM TO      save every block of the store in directory FROM into a new one
 *   store_blocks take-back ENGINE DIR N   delete the last block N times
 *
 * Exit status: 0; 1 failure; 2 usage.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmtstore/store.h"

static cmt_error err = CMT_ERROR_INIT;

static void must(cmt_status status)
{
    if (status == CMT_OK)
        return;
    fprintf(stderr, "store_blocks: %s: %s\n", cmt_status_text(status), err.message);
    exit(1);
}

static void copy_block(cmt_block_store *from, cmt_block_store *to, int64_t height)
{
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_buf commit_bytes = CMT_BUF_INIT;
    cmt_block block;
    cmt_part_set *parts;
    must(cmt_block_store_load_block(from, height, &bytes, &err));
    must(cmt_block_decode(cmt_buf_slice(&bytes), &block, &err));
    must(cmt_part_set_new(cmt_buf_slice(&bytes), &parts, &err));
    if (cmt_block_store_load_ext_commit(from, height, &commit_bytes, NULL, &err) == CMT_OK) {
        cmt_ext_commit commit;
        must(cmt_ext_commit_read(cmt_buf_slice(&commit_bytes), &commit, &err));
        must(cmt_block_store_save_block_with_ext_commit(to, &block, parts, &commit, &err));
        cmt_ext_commit_free(&commit);
    } else {
        cmt_commit commit;
        must(cmt_block_store_load_seen_commit(from, height, &commit_bytes, NULL, &err));
        must(cmt_commit_read(cmt_buf_slice(&commit_bytes), &commit, &err));
        must(cmt_block_store_save_block(to, &block, parts, &commit, &err));
        cmt_commit_free(&commit);
    }
    cmt_part_set_free(parts);
    cmt_block_free(&block);
    cmt_buf_free(&commit_bytes);
    cmt_buf_free(&bytes);
}

static int copy(const char *engine, const char *from_dir, const char *to_dir)
{
    const cmt_db_open_options read = {.engine = cmt_engine_from_name(engine), .read_only = true};
    const cmt_db_open_options create = {.engine = read.engine, .create = true};
    cmt_db *from_db;
    cmt_db *to_db;
    cmt_block_store *from;
    cmt_block_store *to;
    must(cmt_db_open(from_dir, &read, &from_db, &err));
    must(cmt_block_store_open(from_db, &from, &err));
    const cmt_block_store_options options = {.layout = cmt_block_store_layout(from),
                                             .write_version = cmt_block_store_has_version(from)};
    must(cmt_db_open(to_dir, &create, &to_db, &err));
    must(cmt_block_store_open_for_writing(to_db, &options, &to, &err));
    for (int64_t h = cmt_block_store_base(from); h <= cmt_block_store_height(from); h++)
        copy_block(from, to, h);
    cmt_block_store_close(to);
    cmt_db_close(to_db);
    cmt_block_store_close(from);
    cmt_db_close(from_db);
    return 0;
}

static int take_back(const char *engine, const char *dir, const char *times)
{
    const cmt_db_open_options options = {.engine = cmt_engine_from_name(engine)};
    cmt_db *db;
    cmt_block_store *store;
    must(cmt_db_open(dir, &options, &db, &err));
    must(cmt_block_store_open(db, &store, &err));
    for (int i = atoi(times); i > 0; i--)
        must(cmt_block_store_delete_latest_block(store, &err));
    printf("%" PRId64 " %" PRId64 "\n", cmt_block_store_base(store), cmt_block_store_height(store));
    cmt_block_store_close(store);
    cmt_db_close(db);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "copy") == 0)
        return copy(argv[2], argv[3], argv[4]);
    if (argc == 5 && strcmp(argv[1], "take-back") == 0)
        return take_back(argv[2], argv[3], argv[4]);
    fprintf(stderr, "usage: store_blocks copy ENGINE FROM TO | take-back ENGINE DIR N\n");
    return 2;
}
