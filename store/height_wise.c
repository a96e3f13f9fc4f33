/* SPDX-License-Identifier: Apache-2.0
 *
 * Pruning an open block store.
 *
 * BY POINTS  Blocks go one by one in height order, each with all its keys: the header tells its hash
 *            and how many parts it has.  With every batch base becomes the lowest block that is left,
 *            so that after each of them the store is one that a node could have left.
 * BY RANGES  Where the engine deletes ranges, a step takes as many blocks as their hashes fit into one
 *            batch: hashes, the ranges of the rule, and base, all at once.
 *
 * Two CometBFT prunes in a row leave what one to the same height leaves, so steps may be as long as
 * is convenient.
 */
#include "height_wise.h"

#include "cleanup.h"

#include <inttypes.h>

CMT_DEFINE_CLEANUP(cmt_key_walk, cmt_key_walk_close)

/* ---- writing ----------------------------------------------------------------------------- */

static cmt_status put_base(const cmt_store__run *run, cmt_block_store_state state, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    if (cmt_block_store_state_encode(state, &value) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the block store's state");
    return cmt_db_batch_put(run->eraser->batch, CMT_SLICE("blockStore"), cmt_buf_slice(&value),
                            err);
}

/* A batch that does not move base leaves the root record alone, and the handle. */
static cmt_status write_locked(const cmt_store__run *run, cmt_error *err)
{
    cmt_block_store *store = run->store;
    cmt_block_store_state state = cmt_store__state(store);
    bool moves = run->base != state.base || cmt_store__is_stored_otherwise(store);
    state.base = run->base;
    if (moves)
        CMT_TRY(put_base(run, state, err));
    if (cmt_eraser_is_empty(run->eraser))
        return CMT_OK;
    CMT_TRY(cmt_eraser_write(run->eraser, err));
    if (moves)
        cmt_store__moved(store, state);
    return CMT_OK;
}

cmt_status cmt_store__write(cmt_store__run *run, const char *phase, cmt_error *err)
{
    uint64_t before = run->eraser->batches;
    pthread_mutex_lock(&run->store->root);
    cmt_status st = write_locked(run, err);
    pthread_mutex_unlock(&run->store->root);
    if (st != CMT_OK || run->eraser->batches == before)
        return st;
    return cmt_eraser_report(run->eraser, phase, run->base - run->all.lo,
                             run->all.hi - run->all.lo);
}

cmt_status cmt_store__write_full(cmt_store__run *run, const char *phase, cmt_error *err)
{
    return cmt_eraser_is_full(run->eraser) ? cmt_store__write(run, phase, err) : CMT_OK;
}

/* ---- block by block ---------------------------------------------------------------------- */

/* What the header of a block tells of its other keys. */
typedef struct block {
    int64_t height;
    cmt_hash hash;
    uint32_t parts;
} block;

static cmt_status read_block(int64_t height, cmt_slice value, block *out, cmt_error *err)
{
    cmt_block_meta meta;
    cmt_status st = cmt_block_meta_decode(value, &meta, err);
    if (st == CMT_OK && meta.block_id.part_total > CMT_PARTS_MAX)
        st = cmt_error_set(err, CMT_CORRUPT, "it says %" PRIu32 " parts", meta.block_id.part_total);
    if (st == CMT_OK && meta.block_id.hash.size != CMT_HASH_SIZE)
        st = cmt_error_set(err, CMT_CORRUPT, "it has no block hash");
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "block meta %" PRId64, height);
    *out = (block){height, meta.block_id.hash, meta.block_id.part_total};
    return CMT_OK;
}

/* The next block from the walk; at the end one at the retain height. */
static cmt_status next_block(const cmt_store__run *run, cmt_key_walk *walk, block *out,
                             cmt_error *err)
{
    cmt_slice value;
    int64_t height;
    cmt_status st = cmt_key_walk_next(walk, &height, &value, err);
    if (st == CMT_NOT_FOUND) {
        *out = (block){.height = run->rule->retain_height};
        return CMT_OK;
    }
    CMT_TRY(st);
    return read_block(height, value, out, err);
}

static cmt_status delete_hash(cmt_store__run *run, const block *b, cmt_error *err)
{
    if (!cmt_height_set_contains(&run->rule->dead_hash, b->height))
        return CMT_OK;
    cmt_slice hash = {b->hash.bytes, CMT_HASH_SIZE};
    cmt_store__hash_key key = cmt_store__make_hash_key(run->rule->layout, hash);
    run->hashes_deleted = true;
    return cmt_eraser_delete(run->eraser, (cmt_slice){key.bytes, key.size}, err);
}

static cmt_status delete_block(cmt_store__run *run, const block *b, cmt_error *err)
{
    const cmt_block_prune *rule = run->rule;
    const struct {
        const cmt_key_family *v1;
        const cmt_height_set *dead;
        int64_t from;
    } families[] = {
        {&cmt_family_meta, &rule->dead_meta, 0},
        {&cmt_family_commit, &rule->dead_commit, 0},
        {&cmt_family_seen_commit, &rule->dead_seen_commit, 0},
        {&cmt_family_ext_commit, &rule->dead_ext_commit, run->ext_from},
    };
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (b->height >= families[i].from && cmt_height_set_contains(families[i].dead, b->height))
            CMT_TRY(cmt_eraser_delete_at(run->eraser, cmt_store__family(run->store, families[i].v1),
                                         b->height, 0, err));
    const cmt_key_family *part = cmt_store__family(run->store, &cmt_family_part);
    if (cmt_height_set_contains(&rule->dead_part, b->height))
        for (uint32_t i = 0; i < b->parts; i++)
            CMT_TRY(cmt_eraser_delete_at(run->eraser, part, b->height, i, err));
    return delete_hash(run, b, err);
}

/* Delete blocks from run->base on until the batch is full; what is missing behind a block goes before
 * it.  Afterwards run->base is the lowest block left. */
static cmt_status fill_batch(cmt_store__run *run, cmt_error *err)
{
    int64_t retain = run->rule->retain_height;
    CMT_AUTO(cmt_key_walk_close_cleanup) cmt_key_walk *walk = NULL;
    CMT_TRY(cmt_key_walk_open(run->store->db, cmt_store__family(run->store, &cmt_family_meta),
                              run->base, retain, &walk, err));
    block here;
    CMT_TRY(next_block(run, walk, &here, err));
    if (here.height > run->base) /* base named a block that is gone */
        CMT_TRY(cmt_store__erase_hole(run, run->base, here.height, err));
    run->base = here.height;
    while (here.height < retain && !cmt_eraser_is_full(run->eraser)) {
        block next;
        CMT_TRY(next_block(run, walk, &next, err));
        if (next.height > here.height + 1)
            CMT_TRY(cmt_store__erase_hole(run, here.height + 1, next.height, err));
        CMT_TRY(delete_block(run, &here, err));
        run->base = next.height;
        here = next;
    }
    return CMT_OK;
}

static cmt_status find_ext_commits(cmt_store__run *run, cmt_error *err)
{
    cmt_status st =
        cmt_key_first_in(run->store->db, cmt_store__family(run->store, &cmt_family_ext_commit),
                         run->from, run->rule->retain_height, &run->ext_from, err);
    if (st == CMT_NOT_FOUND) {
        run->ext_from = INT64_MAX;
        st = CMT_OK;
    }
    return st;
}

static cmt_status prune_by_points(cmt_store__run *run, cmt_error *err)
{
    if (run->rule->leftovers)
        CMT_TRY(cmt_store__sweep(run, err));
    CMT_TRY(find_ext_commits(run, err));
    while (run->base < run->rule->retain_height) {
        CMT_TRY(fill_batch(run, err));
        CMT_TRY(cmt_store__write(run, "prune", err));
    }
    return cmt_store__write(run, "prune", err);
}

/* ---- by ranges --------------------------------------------------------------------------- */

/* Into the batch: the hashes of all blocks that go.  Those that no header tells are looked for. */
static cmt_status delete_hashes(cmt_store__run *run, cmt_error *err)
{
    int64_t retain = run->rule->retain_height;
    CMT_AUTO(cmt_height_set_free) cmt_height_set holes = {NULL, 0, 0};
    CMT_AUTO(cmt_key_walk_close_cleanup) cmt_key_walk *walk = NULL;
    CMT_TRY(cmt_key_walk_open(run->store->db, cmt_store__family(run->store, &cmt_family_meta),
                              run->from, retain, &walk, err));
    block b = {.height = -1};
    for (int64_t expected = run->from; expected < retain; expected = b.height + 1) {
        CMT_TRY(next_block(run, walk, &b, err));
        if (cmt_height_set_add(&holes, expected, b.height) != CMT_OK)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for heights without a header");
        if (b.height < retain)
            CMT_TRY(delete_hash(run, &b, err));
    }
    return holes.count > 0 ? cmt_store__erase_hashes(run, &holes, false, err) : CMT_OK;
}

static cmt_status prune_by_ranges(cmt_store__run *run, cmt_error *err)
{
    const cmt_block_prune *rule = run->rule;
    if (rule->leftovers)
        CMT_TRY(cmt_store__sweep_hashes(run, err));
    if (rule->base_moves || rule->leftovers) {
        CMT_TRY(delete_hashes(run, err));
        CMT_TRY(cmt_eraser_delete_ranges(run->eraser, &rule->ranges, err));
    }
    run->base = rule->retain_height;
    return cmt_store__write(run, "prune", err);
}

/* ---- steps ------------------------------------------------------------------------------- */

/* Up to where the next step goes: to a block that is there. */
static cmt_status step_end(cmt_block_store *store, int64_t retain, const cmt_eraser *eraser,
                           int64_t *end, cmt_error *err)
{
    int64_t heights = eraser->options.step_heights;
    int64_t base = cmt_block_store_base(store);
    *end = retain;
    if (!eraser->by_range || retain - base <= heights)
        return CMT_OK;
    cmt_status st = cmt_key_first_in(store->db, cmt_store__family(store, &cmt_family_meta),
                                     base + heights, retain, end, err);
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

static cmt_status add_touched(const cmt_store__run *run, cmt_block_prune_result *result,
                              cmt_error *err)
{
    cmt_range hashes = cmt_block_hash_range(run->rule->layout);
    cmt_status st = cmt_range_list_add_all(&result->touched, &run->rule->ranges);
    if (st == CMT_OK && result->touched_hashes == false && run->hashes_deleted) {
        st = cmt_range_list_add(&result->touched, hashes.lo, hashes.hi);
        result->touched_hashes = true;
    }
    return st == CMT_OK ? CMT_OK : cmt_error_set(err, st, "no memory for key ranges");
}

static cmt_status step(cmt_block_store *store, const cmt_block_prune_request *request,
                       cmt_eraser *eraser, cmt_block_prune_result *result, cmt_error *err)
{
    cmt_block_prune_request to = *request;
    to.from_headers = true;
    if (eraser->by_range)
        cmt_store__set_ceiling(store);
    CMT_TRY(step_end(store, request->retain_height, eraser, &to.retain_height, err));
    CMT_AUTO(cmt_block_prune_free) cmt_block_prune rule = {0};
    CMT_TRY(cmt_block_prune_make(store, &to, &rule, err));
    if (result->evidence_height >= rule.base)
        result->evidence_height = rule.evidence_height;
    result->leftovers = result->leftovers || rule.leftovers;
    result->search_complete = result->search_complete && rule.search_complete;

    cmt_store__run run = {.store = store,
                          .rule = &rule,
                          .eraser = eraser,
                          .all = {result->base_before, request->retain_height},
                          .from = rule.base,
                          .base = rule.base};
    cmt_status st = eraser->by_range ? prune_by_ranges(&run, err) : prune_by_points(&run, err);
    if (st == CMT_OK)
        st = cmt_eraser_drop(eraser, &rule.ranges, err); /* of the hash index only points die */
    result->base = cmt_block_store_base(store);
    result->deletes = eraser->deletes;
    result->batches = eraser->batches;
    cmt_status added = add_touched(&run, result, st == CMT_OK ? err : NULL);
    return st != CMT_OK ? st : added;
}

/* Whether a chain has extended commits its keys tell. */
static cmt_status note_ext_commits(cmt_block_store *store, cmt_block_prune_result *result,
                                   cmt_error *err)
{
    cmt_status st = CMT_NOT_FOUND;
    if (result->evidence_height < result->base)
        st = cmt_key_first_in(store->db, cmt_store__family(store, &cmt_family_ext_commit),
                              result->evidence_height, result->base, &result->ext_commits, err);
    if (st == CMT_NOT_FOUND)
        result->ext_commits = result->base;
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

static cmt_status prune(cmt_block_store *store, const cmt_block_prune_request *request,
                        const cmt_erase_options *options, cmt_block_prune_result *result,
                        cmt_error *err)
{
    CMT_TRY(cmt_store__check_prune(store, request, err));
    CMT_AUTO(cmt_eraser_close) cmt_eraser eraser = {0};
    CMT_TRY(cmt_eraser_open(&eraser, store->db, options,
                            request->retain_height - cmt_block_store_base(store), "blockstore",
                            err));
    do
        CMT_TRY(step(store, request, &eraser, result, err));
    while (cmt_block_store_base(store) < request->retain_height);
    return note_ext_commits(store, result, err);
}

cmt_status cmt_block_store_prune(cmt_block_store *store, const cmt_block_prune_request *request,
                                 const cmt_erase_options *options, cmt_block_prune_result *result,
                                 cmt_error *err)
{
    const int64_t base = cmt_block_store_base(store);
    *result = (cmt_block_prune_result){
        .base_before = base, .base = base, .evidence_height = INT64_MAX, .search_complete = true};
    CMT_TRY(cmt_store__begin_removal(store, err));
    cmt_status st = prune(store, request, options, result, err);
    cmt_store__end_removal(store);
    return st;
}

void cmt_block_prune_result_free(cmt_block_prune_result *result)
{
    if (result != NULL)
        cmt_range_list_free(&result->touched);
}
