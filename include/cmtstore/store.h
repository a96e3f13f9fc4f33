/* SPDX-License-Identifier: Apache-2.0
 *
 * The block store: reading it, saving blocks, and the rule that says which of its keys a prune removes.
 *
 * A block store holds one contiguous run of blocks, heights [base,height].  Per height h:
 * `H:h` meta, `P:h:i` parts, `C:h` the commit carried by block h+1, `SC:h` the commit seen,
 * `EC:h` the extended commit, `BH:<hash>` -> h.  In layout v2 the same keys are tuples; families go
 * by their v1 names.
 *
 * THREADS  Over a database with CMT_DB_SHARED one thread may save, one may prune, and any number may load, all at
 * once.  Heights are seen to move when what they stand for is durable; a load of what is being pruned sees it
 * as it was, or CMT_NOT_FOUND.  Who prunes shares the root record with who saves: a save may wait for one batch of a
 * prune, and, where ranges are deleted, for the end of a step of it that more than 1,000 blocks were saved in.
 * Opening and closing is one thread's.  Without CMT_DB_SHARED (a view) all calls are one thread's.
 */
#ifndef CMTSTORE_STORE_H
#define CMTSTORE_STORE_H

#include "cmtstore/keys.h"
#include "cmtstore/types_block.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cmt_block_store cmt_block_store;

/**
 * Open a block store over @p db, which stays the caller's and must outlive the store.
 * An empty database is an empty store (base = height = 0).
 *
 * The layout is told from the keys; a `version` key that contradicts them is CMT_UNSUPPORTED.
 * @retval CMT_UNSUPPORTED  not a CometBFT block store
 * Source: store/store.go NewBlockStore, LoadBlockStoreState
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_open(cmt_db *db, cmt_block_store **out,
                                                       cmt_error *err);

/** How a store is opened to save blocks.  Zero-initialised: as CometBFT up to 0.40 does. */
typedef struct cmt_block_store_options {
    /** Of a store without any key that carries a height; 0: v1.  Any other keeps the layout of its keys. */
    cmt_key_layout layout;
    bool write_version; /* CometBFT >= 1.0: the layout stands under `version`; v2 needs it */
    /** Told of "save_block:before" and "save_block:after" the batch of a saved block, from the thread that
     *  saves: a place to end the process in a test.  May be NULL. */
    void (*fail_point)(void *context, const char *name);
    void *fail_context;
} cmt_block_store_options;

/**
 * Open a block store to save blocks, as a node does.  With `write_version` the layout is written, synced,
 * at every opening.  @p options (may be NULL) are copied.
 *
 * Where CometBFT >= 1.0 believes its configuration (a store without `version`, or in which no block was saved
 * yet), the keys that are there decide.
 * @retval CMT_INVALID      layout v2 without `write_version`
 * @retval CMT_UNSUPPORTED  not a CometBFT block store, or open for reading only
 * Source: store/store.go NewBlockStore, >= 1.0 setDBLayout
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_open_for_writing(
    cmt_db *db, const cmt_block_store_options *options, cmt_block_store **out, cmt_error *err);
CMT_API void cmt_block_store_close(cmt_block_store *store);

CMT_API int64_t cmt_block_store_base(const cmt_block_store *store);
CMT_API int64_t cmt_block_store_height(const cmt_block_store *store);
/** Both, of one moment. */
CMT_API void cmt_block_store_heights(const cmt_block_store *store, int64_t *base, int64_t *height);
CMT_API cmt_key_layout cmt_block_store_layout(const cmt_block_store *store);
/** True if the database may be written, and by several threads. */
CMT_API bool cmt_block_store_is_shared(const cmt_block_store *store);
/** True if a CometBFT >= 1.0 has opened the database: it has a `version` key. */
CMT_API bool cmt_block_store_has_version(const cmt_block_store *store);

/* Loads.  All return CMT_NOT_FOUND (no message) for what is absent, CMT_CORRUPT for what does not
 * decode. */

CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_load_meta(cmt_block_store *store, int64_t height,
                                                            cmt_block_meta *out, cmt_error *err);
/** The block's serialized bytes, put together from its parts.
 *  @retval CMT_NOT_FOUND  a part is missing */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_load_block(cmt_block_store *store, int64_t height,
                                                             cmt_buf *out, cmt_error *err);
/** The height of the block with this hash (32 bytes). */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_load_height_by_hash(cmt_block_store *store,
                                                                      cmt_slice hash,
                                                                      int64_t *height,
                                                                      cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_load_block_by_hash(cmt_block_store *store,
                                                                     cmt_slice hash, cmt_buf *out,
                                                                     cmt_error *err);
/** One part as stored (a Part message). */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_load_part(cmt_block_store *store, int64_t height,
                                                            uint32_t index, cmt_buf *out,
                                                            cmt_error *err);
/** Commits as stored; @p info may be NULL. */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_load_commit(cmt_block_store *store,
                                                              int64_t height, cmt_buf *out,
                                                              cmt_commit_info *info,
                                                              cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_load_seen_commit(cmt_block_store *store,
                                                                   int64_t height, cmt_buf *out,
                                                                   cmt_commit_info *info,
                                                                   cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_load_ext_commit(cmt_block_store *store,
                                                                  int64_t height, cmt_buf *out,
                                                                  cmt_commit_info *info,
                                                                  cmt_error *err);

/* ---- saving ------------------------------------------------------------------------------ */

/* Where CometBFT panics because the caller broke a rule, these return CMT_INVALID with its text, and nothing is
 * written.  One thread saves; base and height move only when the write was done. */

/**
 * Save the next block: parts, meta, hash, last commit, seen commit, base and height in one batch.  Of a block
 * with more than 10 parts each part is written by itself before, unsynced: a crash may leave parts above
 * height, which the next save replaces.
 *
 * @param parts  cut from this block's bytes, which is not checked
 * @param seen_commit  the votes that were seen for the block
 * @retval CMT_INVALID  not the height behind the last block, or the commit is for another height
 *
 * An empty store takes any height.  Durable on return.  Memory: about 10 parts and the commits.
 * Source: store/store.go SaveBlock, saveBlockToBatch
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_save_block(cmt_block_store *store,
                                                             const cmt_block *block,
                                                             const cmt_part_set *parts,
                                                             const cmt_commit *seen_commit,
                                                             cmt_error *err);

/** The same with the extended commit beside the seen one, for heights with vote extensions.
 *  @retval CMT_INVALID  also when an extension is missing, or is where none may be
 *  Source: store/store.go SaveBlockWithExtendedCommit */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_save_block_with_ext_commit(
    cmt_block_store *store, const cmt_block *block, const cmt_part_set *parts,
    const cmt_ext_commit *commit, cmt_error *err);

/** Save a seen commit alone, as a state sync does: @p height need not have a block.  Not synced: durable with
 *  the next block.
 *  Source: store/store.go SaveSeenCommit */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_save_seen_commit(cmt_block_store *store,
                                                                   int64_t height,
                                                                   const cmt_commit *commit,
                                                                   cmt_error *err);

/**
 * Delete the last block, with what there is of it but its extended commit and the commit that it carried, and
 * let height fall by one; base stays.  Behind the only block, base is height + 1.
 *
 * @retval CMT_INVALID  there is no block (CometBFT writes height -1)
 * @retval CMT_BUSY     blocks are being pruned
 * Durable on return.
 * Source: store/store.go DeleteLatestBlock
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_delete_latest_block(cmt_block_store *store,
                                                                      cmt_error *err);

/**
 * The lowest block whose time is at most @p for_ns before that of the last block.
 * @retval CMT_NOT_FOUND  there is no block (no message)
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_lowest_within(cmt_block_store *store,
                                                                int64_t for_ns, int64_t *height,
                                                                cmt_error *err);

/** About how many stored bytes the blocks of the heights [lo,hi) take up, with their share of the hash index: from
 *  metadata, without what is only in memory and in logs. */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_approximate_bytes(cmt_block_store *store,
                                                                    int64_t lo, int64_t hi,
                                                                    uint64_t *bytes,
                                                                    cmt_error *err);

/* ---- the prune rule ---------------------------------------------------------------------- */

/** What a prune of the block store is asked to do. */
typedef struct cmt_block_prune_request {
    int64_t retain_height;      /* lowest block kept, in [base,height] */
    int64_t initial_height;     /* of the chain: C:(initial_height-1) is never removed */
    cmt_evidence_window window; /* from the state store */
    bool sweep;                 /* also remove what earlier prunes left below base */
    bool reclaim;    /* also cover, by ranges, where deleted keys may still take up space */
    bool unfinished; /* the state store still has to catch up with an earlier prune */
    /** Who carries it out takes the dead hashes from the headers as they go: they are neither listed
     *  nor judged.  cmt_block_store_prune() sets it. */
    bool from_headers;
} cmt_block_prune_request;

/**
 * Which keys die: a pure function of key, value (for `BH:`) and the heights below.  Made once by
 * reading little; then asked by whoever carries the prune out.
 */
typedef struct cmt_block_prune {
    cmt_key_layout layout;
    int64_t base; /* before */
    int64_t height;
    int64_t retain_height;
    /** First height whose evidence has not expired, searched from the lowest `H:` that exists
     *  (sweep, unfinished) or from base; retain_height when all below it have. */
    int64_t evidence_height;
    bool base_moves;      /* retain_height > base */
    bool leftovers;       /* something below base is to be removed */
    bool search_complete; /* false: the search for leftovers below base ended by its budget */

    cmt_height_set dead_meta;        /* H:  */
    cmt_height_set dead_part;        /* P:  */
    cmt_height_set dead_commit;      /* C:  */
    cmt_height_set dead_seen_commit; /* SC: */
    cmt_height_set dead_ext_commit;  /* EC: */
    cmt_height_set dead_hash;        /* BH: whose value is one of these heights */

    cmt_range_list ranges; /* key ranges of all but BH:, sorted */
    /** True: `BH:` is judged by value.  False: `hashes` lists the dead BH: keys, sorted. */
    bool hash_by_value;
    double hash_share; /* dead share of BH: by count, for hash_by_value */
    cmt_buf hashes;    /* asked for by cmt_block_prune_hash() */
    size_t hash_count;

    cmt_buf new_state; /* BlockStoreState to be written under "blockStore"; empty: not written */
} cmt_block_prune;

/** The longest key of the hash index: in v1 "BH:" and 64 hex digits, in v2 a hash of which every
 *  byte is escaped. */
#define CMT_BLOCK_HASH_KEY_SIZE 67

/** Where the keys of the hash index stand.  Static storage. */
CMT_API cmt_range cmt_block_hash_range(cmt_key_layout layout);

/** The dead key number @p i of the list, below hash_count; borrowed from @p prune. */
CMT_API cmt_slice cmt_block_prune_hash(const cmt_block_prune *prune, size_t i);

/**
 * Work out the rule.  Reads metas at the evidence boundary, probes for leftovers below base, and
 * for a small prune the metas of the dead blocks.
 *
 * @retval CMT_OUT_OF_RANGE  retain_height outside [base,height]; texts as CometBFT's
 * @retval CMT_CORRUPT       the block at retain_height is not there, or a meta does not decode
 * Source: store/store.go PruneBlocks
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_prune_make(cmt_block_store *store,
                                                       const cmt_block_prune_request *request,
                                                       cmt_block_prune *out, cmt_error *err);
CMT_API void cmt_block_prune_free(cmt_block_prune *prune);

/** True if the pair dies.  For `BH:` the value decides.
 *  @retval CMT_CORRUPT  a BH: value is not a height */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_prune_is_dead(const cmt_block_prune *prune,
                                                          cmt_slice key, cmt_slice value,
                                                          bool *dead, cmt_error *err);

/** CMT_OK if a key found inside one of `ranges` is one that dies; CMT_CORRUPT names a foreign
 *  key. */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_prune_check(const cmt_block_prune *prune, cmt_slice key,
                                                        cmt_error *err);

/* ---- on an open database ----------------------------------------------------------------- */

typedef struct cmt_block_prune_result {
    int64_t base_before;
    int64_t base; /* after: how far it came */
    /** As the rule found it; INT64_MAX when it came to no rule. */
    int64_t evidence_height;
    /** The lowest height from evidence height to below base that has an extended commit; base: none has, or it was not
     *  looked for. */
    int64_t ext_commits;
    bool leftovers;       /* something below base was removed */
    bool search_complete; /* the search for leftovers was exhaustive */
    uint64_t deletes;     /* of keys or ranges, whether or not they existed */
    uint64_t batches;
    cmt_range_list touched; /* where compaction gives space back; may overlap */
    bool touched_hashes;    /* the hash index is among them */
} cmt_block_prune_result;

CMT_API void cmt_block_prune_result_free(cmt_block_prune_result *result);

/**
 * Prune an open database by the rule above, block by block, in synced batches.  Base moves with the
 * deletions that it stands for, and names a block that is there; so a stop, a failure or a crash between
 * two batches leaves a store that a node could have left, and the same call again finishes.  On an engine
 * that deletes ranges, ranges go as such, and then the files that lie inside them.
 *
 * Parts are deleted as many as the header tells; more, which a crash of a node can have left, are
 * leftovers for the next sweep.  Memory is bounded whatever the number of heights.
 *
 * @param options  may be NULL
 * @param result   out: also when the call fails, as far as it came; cmt_block_prune_result_free()
 * @retval CMT_CANCELLED    the progress hook asked to stop
 * @retval CMT_BUSY         another prune is under way, or the last block is being deleted
 * @retval CMT_UNSUPPORTED  the database is open for reading only
 * @retval others           as cmt_block_prune_make(), and what writing returns
 *
 * Threads: beside one that saves and others that load.  The hooks in @p options must not save blocks; the fail points
 * are passed with the root record locked.  Durable on return.  Prune the blocks first, then the states.
 * Source: store/store.go PruneBlocks
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_prune(cmt_block_store *store,
                                                        const cmt_block_prune_request *request,
                                                        const cmt_erase_options *options,
                                                        cmt_block_prune_result *result,
                                                        cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
