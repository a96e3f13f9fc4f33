/* SPDX-License-Identifier: Apache-2.0
 *
 * A home that CometBFT made, executed again by the library, for tests that compare the two.
 *
 *   replay_home ENGINE RELEASE FROM TO RETAIN_BLOCKS [discard]
 *
 * ENGINE: goleveldb or rocksdb; RELEASE: 0.38, 0.40 or 1.0; FROM, TO: homes, of which TO has a folder data.  What
 * TO holds already is gone on with.  Prints the first and the last height executed and the base.
 * Exit status: 0; 1 failure; 2 usage.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmtstore/replay.h"

static cmt_error err = CMT_ERROR_INIT;

static void must(cmt_status status)
{
    if (status == CMT_OK)
        return;
    fprintf(stderr, "replay_home: %s: %s\n", cmt_status_text(status), err.message);
    exit(1);
}

static cmt_db *open_db(const char *home, const char *name, const char *engine, bool write)
{
    const cmt_db_open_options options = {
        .engine = cmt_engine_from_name(engine),
        .create = write,
        .read_only = !write,
    };
    char dir[4096];
    cmt_db *db;
    snprintf(dir, sizeof dir, "%s/data/%s.db", home, name);
    must(cmt_db_open(dir, &options, &db, &err));
    return db;
}

static cmt_buf read_genesis(const char *home)
{
    char path[4096];
    char chunk[65536];
    cmt_buf json = CMT_BUF_INIT;
    snprintf(path, sizeof path, "%s/config/genesis.json", home);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        must(cmt_error_set(&err, CMT_IO, "cannot read %s", path));
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, f)) > 0;)
        must(cmt_buf_append(&json, chunk, got));
    fclose(f);
    return json;
}

static cmt_release release_of(const char *name)
{
    if (strcmp(name, "1.0") == 0)
        return CMT_RELEASE_1_0;
    return strcmp(name, "0.40") == 0 ? CMT_RELEASE_0_40 : CMT_RELEASE_0_38;
}

/* With the layout, and the key that tells it, of the source. */
static void open_to_write(cmt_db *blocks_db, cmt_db *states_db, cmt_replay_options *options,
                          cmt_release release, bool discard)
{
    const cmt_block_store_options of_blocks = {
        .layout = cmt_block_store_layout(options->source_blocks),
        .write_version = cmt_block_store_has_version(options->source_blocks),
    };
    const cmt_state_store_options of_states = {
        .layout = cmt_state_store_layout(options->source_states),
        .write_version = cmt_state_store_has_version(options->source_states),
        .discard_results = discard,
        .release = release,
    };
    must(cmt_block_store_open_for_writing(blocks_db, &of_blocks, &options->blocks, &err));
    must(cmt_state_store_open_for_writing(states_db, &of_states, &options->states, &err));
}

static void replay(const char *engine, cmt_release release, const char *from, const char *to,
                   int64_t retain_blocks, bool discard)
{
    cmt_buf json = read_genesis(from);
    cmt_genesis genesis;
    cmt_replay_options options = {
        .genesis = &genesis, .retain_blocks = retain_blocks, .keep_residue = true};
    cmt_replay_result result;
    cmt_db *dbs[4] = {open_db(from, "blockstore", engine, false),
                      open_db(from, "state", engine, false),
                      open_db(to, "blockstore", engine, true), open_db(to, "state", engine, true)};
    must(cmt_genesis_decode(cmt_buf_slice(&json), release, &genesis, &err));
    must(cmt_block_store_open(dbs[0], &options.source_blocks, &err));
    must(cmt_state_store_open(dbs[1], &options.source_states, &err));
    open_to_write(dbs[2], dbs[3], &options, release, discard);
    must(cmt_replay_run(&options, &result, &err));
    printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", result.first, result.last,
           cmt_block_store_base(options.blocks));
    cmt_state_store_close(options.states);
    cmt_block_store_close(options.blocks);
    cmt_state_store_close(options.source_states);
    cmt_block_store_close(options.source_blocks);
    for (size_t i = 0; i < 4; i++)
        cmt_db_close(dbs[i]);
    cmt_genesis_free(&genesis);
    cmt_buf_free(&json);
}

int main(int argc, char **argv)
{
    bool discard = argc == 7 && strcmp(argv[6], "discard") == 0;
    if (argc != 6 && !discard) {
        fprintf(stderr, "usage: replay_home ENGINE RELEASE FROM TO RETAIN_BLOCKS [discard]\n");
        return 2;
    }
    replay(argv[1], release_of(argv[2]), argv[3], argv[4], atoll(argv[5]), discard);
    return 0;
}
