/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys that carry a height.  In layout v1 a height is decimal text without padding ("H:9" sorts
 * behind "H:10"), so a run of heights is not a range of keys.  In layout v2 it is one: keys are
 * tuples of numbers whose bytes sort as the numbers do.  This module turns heights into keys and
 * back, and sets of heights into the fewest key ranges that hold all dead and no live key.
 *
 * Source: cometbft store/store.go calcBlockMetaKey and its neighbours,
 *         state/store.go calcValidatorsKey …; >= 1.0 store/db_key_layout.go
 */
#ifndef CMTSTORE_KEYS_H
#define CMTSTORE_KEYS_H

#include "cmtstore/db.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a store writes keys with heights. */
typedef enum cmt_key_layout {
    CMT_KEY_LAYOUT_V1 = 1, /* decimal text: all versions of CometBFT */
    CMT_KEY_LAYOUT_V2 = 2, /* ordered binary tuples: CometBFT >= 1.0, where chosen */
} cmt_key_layout;

/** Keys PREFIX<height> or, when indexed, PREFIX<height>:<index>; in layout v2 the tuple
 *  (number, height) or (number, height, index). */
typedef struct cmt_key_family {
    const char *prefix; /* "H:"; in layout v2 the family's name only */
    bool indexed;       /* true for "P:" only */
    uint8_t v2_byte;    /* what its keys begin with in layout v2; 0: a family in layout v1 */
} cmt_key_family;

/** The same family in @p layout, whichever layout @p family is in.  Static storage. */
CMT_API const cmt_key_family *cmt_key_family_in(const cmt_key_family *family,
                                                cmt_key_layout layout);

/* Block store, layout v1. */
CMT_API extern const cmt_key_family cmt_family_meta;        /* H:  */
CMT_API extern const cmt_key_family cmt_family_part;        /* P:  */
CMT_API extern const cmt_key_family cmt_family_commit;      /* C:  */
CMT_API extern const cmt_key_family cmt_family_seen_commit; /* SC: */
CMT_API extern const cmt_key_family cmt_family_ext_commit;  /* EC: */
/* State store, layout v1. */
CMT_API extern const cmt_key_family cmt_family_validators; /* validatorsKey: */
CMT_API extern const cmt_key_family cmt_family_params;     /* consensusParamsKey: */
CMT_API extern const cmt_key_family cmt_family_results;    /* abciResponsesKey: */

/** Room for the longest key, with a terminating NUL. */
#define CMT_KEY_MAX 64

typedef struct cmt_key {
    char text[CMT_KEY_MAX]; /* bytes that may be NUL in layout v2 */
    size_t size;
} cmt_key;

/** The key of @p height (not below zero) and, in an indexed family, @p index. */
CMT_API cmt_key cmt_key_make(const cmt_key_family *family, int64_t height, uint32_t index);
CMT_API cmt_slice cmt_key_slice(const cmt_key *key);

/** True if @p key is in the family and in the one form CometBFT writes (v1: no sign, no leading
 *  zero; v2: the shortest; nothing behind).  @p index may be NULL and is 0 for a family without index. */
CMT_API bool cmt_key_parse(const cmt_key_family *family, cmt_slice key, int64_t *height,
                           uint32_t *index);

/** Heights [lo,hi). */
typedef struct cmt_heights {
    int64_t lo;
    int64_t hi;
} cmt_heights;

/** A sorted list of disjoint, non-empty runs of heights.  Zero-initialise;
 *  cmt_height_set_free(). */
typedef struct cmt_height_set {
    cmt_heights *runs;
    size_t count;
    size_t capacity;
} cmt_height_set;

CMT_API void cmt_height_set_free(cmt_height_set *set);
/** Add [lo,hi), merging with what touches it.  Empty runs are ignored. */
CMT_API CMT_MUST_CHECK cmt_status cmt_height_set_add(cmt_height_set *set, int64_t lo, int64_t hi);
/** Take [lo,hi) out. */
CMT_API CMT_MUST_CHECK cmt_status cmt_height_set_remove(cmt_height_set *set, int64_t lo,
                                                        int64_t hi);
CMT_API bool cmt_height_set_contains(const cmt_height_set *set, int64_t height);
/** True if any height of [lo,hi) is in the set. */
CMT_API bool cmt_height_set_overlaps(const cmt_height_set *set, int64_t lo, int64_t hi);

/** An owned, growing list of key ranges (bounds are owned by the list). */
typedef struct cmt_range_list {
    cmt_range *ranges;
    size_t count;
    size_t capacity;
} cmt_range_list;

CMT_API void cmt_range_list_free(cmt_range_list *list);
/** Append copies of all ranges of @p other. */
CMT_API CMT_MUST_CHECK cmt_status cmt_range_list_add_all(cmt_range_list *list,
                                                         const cmt_range_list *other);
/** Append a copy of [lo,hi). */
CMT_API CMT_MUST_CHECK cmt_status cmt_range_list_add(cmt_range_list *list, cmt_slice lo,
                                                     cmt_slice hi);
/** Sort by key and check that no two ranges overlap.  @retval CMT_INVALID two overlap */
CMT_API CMT_MUST_CHECK cmt_status cmt_range_list_sort(cmt_range_list *list);

/**
 * Append to @p out the fewest ranges that cover every key of @p family whose height is in @p dead
 * and none whose height is in @p live.  Heights in neither set are taken not to exist: a range may
 * run over them.  dead and live must not overlap.
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_key_ranges(const cmt_key_family *family,
                                                 const cmt_height_set *dead,
                                                 const cmt_height_set *live, cmt_range_list *out);

/** The bounds of a range, which borrows them. */
typedef struct cmt_key_bounds {
    cmt_key lo;
    cmt_key hi;
} cmt_key_bounds;

/** All keys that start with the prefix of @p family.  The range borrows from @p bounds. */
CMT_API cmt_range cmt_key_family_range(const cmt_key_family *family, cmt_key_bounds *bounds);
/** All keys of one height.  The range borrows from @p bounds. */
CMT_API cmt_range cmt_key_height_range(const cmt_key_family *family, int64_t height,
                                       cmt_key_bounds *bounds);

/** Write @p key for a message into @p text (at least 8 bytes), unprintable bytes as \xNN, cut with
 *  "..." where it is too long.  Returns @p text. */
CMT_API const char *cmt_key_describe(cmt_slice key, char *text, size_t size);

/* ---- looking for heights ----------------------------------------------------------------- */

/** The lowest height in [lo,hi) of which @p db holds a key of @p family.
 *  @retval CMT_NOT_FOUND  none */
CMT_API CMT_MUST_CHECK cmt_status cmt_key_first_in(cmt_db *db, const cmt_key_family *family,
                                                   int64_t lo, int64_t hi, int64_t *height,
                                                   cmt_error *err);

/**
 * The lowest height from which on every height below @p below has a key of @p family; @p below when
 * below-1 has none.  Found in doubling steps downwards, then checked height by height while no more
 * than @p budget_bytes are read for that; what could not be checked is taken to be there.
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_key_run_below(cmt_db *db, const cmt_key_family *family,
                                                    int64_t below, uint64_t budget_bytes,
                                                    int64_t *lo, cmt_error *err);

/**
 * Add to @p out the heights in [1,below) whose keys of @p family cannot stand among those of
 * [live_lo,live_hi): a range over them is never split by a live key.  @p below is at most @p live_lo.  Most of what was pruned
 * earlier is of this kind, and what its deletion left in the tables can be dropped with few ranges.
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_key_heights_apart(const cmt_key_family *family, int64_t below,
                                                        int64_t live_lo, int64_t live_hi,
                                                        cmt_height_set *out);

/**
 * Find the heights below @p below of which @p db holds a key of @p family: the run just below it
 * and other long runs in doubling steps, the rest one by one, then the runs height by height.
 *
 * Where a database does not say what was read (engines), each step of a search counts as 256 bytes.
 * Reads at most @p budget_bytes, a quarter more for probes where that was not enough, and a
 * doubling walk (some sixty seeks at most) for each long run.
 *
 * @param found     out: the heights found (owned by the caller).  Every run begins and ends with a
 *                  height that exists.  In a run that the budget did not let be read height by
 *                  height, those in between are taken to exist; never so when budget is left.
 * @param complete  out: true when no height that exists is missing from @p found
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_key_leftovers(cmt_db *db, const cmt_key_family *family,
                                                    int64_t below, uint64_t budget_bytes,
                                                    cmt_height_set *found, bool *complete,
                                                    cmt_error *err);

/** The heights of [lo,hi) that have a key of a family, in height order.  Parts of a block are not
 *  walked through.  What it sees is the database as it was when the walk was opened. */
typedef struct cmt_key_walk cmt_key_walk;

CMT_API CMT_MUST_CHECK cmt_status cmt_key_walk_open(cmt_db *db, const cmt_key_family *family,
                                                    int64_t lo, int64_t hi, cmt_key_walk **out,
                                                    cmt_error *err);
/** The next height; @p value (may be NULL): of its first key, borrowed until the walk goes on.
 *  @retval CMT_NOT_FOUND  there is none */
CMT_API CMT_MUST_CHECK cmt_status cmt_key_walk_next(cmt_key_walk *walk, int64_t *height,
                                                    cmt_slice *value, cmt_error *err);
CMT_API void cmt_key_walk_close(cmt_key_walk *walk);

/* ---- deleting on an open database -------------------------------------------------------- */

/** How a prune on an open database goes about it.  Zero-initialised: as it is meant to be. */
typedef struct cmt_erase_options {
    size_t batch_operations; /* a batch is written when it has so many changes; 0: 10,000 */
    size_t batch_bytes;      /* … or takes up so much memory; 0: 1 MiB */
    bool points;             /* single deletions also where the engine deletes ranges */
    /** By ranges only what has at least so many heights; 0: 256.  For fewer a range costs more than it saves: each is
     *  met by every later read until it is compacted. */
    int64_t range_heights;
    int64_t step_heights; /* by ranges: blocks that go in one step; 0: 100,000 */
    uint64_t
        drop_bytes; /* ranges with less in them are not looked through for whole files; 0: 256 KiB; 1: all are */
    const cmt_progress_hook *progress; /* asked between batches; may be NULL */
    /** Told of "prune_blockstore:before" and "prune_blockstore:after" each batch, or "prune_state:…": a place to
     *  end the process in a test.  May be NULL. */
    void (*fail_point)(void *context, const char *name);
    void *fail_context;
} cmt_erase_options;

/** Deletions on their way into an open database.  The fields are for reading. */
typedef struct cmt_eraser {
    cmt_db *db;
    cmt_erase_options options;
    const char *database; /* for progress and messages */
    cmt_db_batch *batch;  /* what else shall happen together with the deletions is put here */
    bool by_range;        /* ranges are deleted as such */
    bool drops_files;
    uint64_t deletes; /* asked for, of keys or ranges */
    uint64_t batches; /* written */
} cmt_eraser;

/** For deletions at @p heights heights.  Zero-initialise before; cmt_eraser_close() whatever this returns.
 *  @retval CMT_UNSUPPORTED  the database is open for reading only */
CMT_API CMT_MUST_CHECK cmt_status cmt_eraser_open(cmt_eraser *eraser, cmt_db *db,
                                                  const cmt_erase_options *options, int64_t heights,
                                                  const char *database, cmt_error *err);
/** What was not written is forgotten. */
CMT_API void cmt_eraser_close(cmt_eraser *eraser);

/** Delete a key with the next batch, whether or not it exists. */
CMT_API CMT_MUST_CHECK cmt_status cmt_eraser_delete(cmt_eraser *eraser, cmt_slice key,
                                                    cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_eraser_delete_at(cmt_eraser *eraser,
                                                       const cmt_key_family *family, int64_t height,
                                                       uint32_t index, cmt_error *err);
/** Delete all keys of a height: in an indexed family those that are there. */
CMT_API CMT_MUST_CHECK cmt_status cmt_eraser_delete_all_at(cmt_eraser *eraser,
                                                           const cmt_key_family *family,
                                                           int64_t height, cmt_error *err);
/** Delete ranges; only where `by_range`. */
CMT_API CMT_MUST_CHECK cmt_status cmt_eraser_delete_ranges(cmt_eraser *eraser,
                                                           const cmt_range_list *ranges,
                                                           cmt_error *err);

/** True when the batch shall be written before more is added. */
CMT_API bool cmt_eraser_is_full(const cmt_eraser *eraser);
CMT_API bool cmt_eraser_is_empty(const cmt_eraser *eraser);
/** Write the batch.  Durable on return. */
CMT_API CMT_MUST_CHECK cmt_status cmt_eraser_write(cmt_eraser *eraser, cmt_error *err);
/** Tell how far it is.  @retval CMT_CANCELLED  it shall stop here (no message) */
CMT_API CMT_MUST_CHECK cmt_status cmt_eraser_report(const cmt_eraser *eraser, const char *phase,
                                                    int64_t done, int64_t total);
/** Where the engine can: remove the files that lie inside @p ranges, whose deletion was written. */
CMT_API CMT_MUST_CHECK cmt_status cmt_eraser_drop(cmt_eraser *eraser, const cmt_range_list *ranges,
                                                  cmt_error *err);

/* ---- layout ------------------------------------------------------------------------------ */

/** What is known of a store's layout. */
typedef struct cmt_layout {
    cmt_key_layout layout;
    bool has_version; /* the `version` key is there: a CometBFT >= 1.0 has opened the database */
    bool used;        /* there are keys with heights */
} cmt_layout;

/** What the keys with heights of one store look like. */
typedef struct cmt_layout_keys {
    const char *store; /* "block store", for messages */
    const cmt_key_family *const *families;
    size_t family_count;
    uint8_t v2_first; /* first bytes of its keys in layout v2 */
    uint8_t v2_last;
} cmt_layout_keys;

/**
 * Tell the layout from the keys that are there, and check that `version` does not contradict them.
 * @retval CMT_UNSUPPORTED  it does, it is unknown, or there are keys of both layouts
 * Source: CometBFT >= 1.0 store/store.go NewBlockStore, state/store.go NewStore
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_layout_detect(cmt_db *db, const cmt_layout_keys *keys,
                                                    cmt_layout *out, cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
