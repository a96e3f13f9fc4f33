/* SPDX-License-Identifier: Apache-2.0
 *
 * Ordered streams of internal entries: one over a run of disjoint tables, one over the journal, and
 * their merge.  All of them know both directions and nothing of deletion: every entry is shown.
 */
#ifndef CMT_LSM_SOURCE_H
#define CMT_LSM_SOURCE_H

#include "journal.h"
#include "table.h"

/** A run of tables in key order, disjoint (a level, or a single level-0 table), or the journal. */
typedef struct cmt_lsm__source {
    /* tables */
    cmt_lsm__cache *cache;
    const cmt_lsm__table_meta *const *metas; /* owned by the source: pointers into the version */
    size_t meta_count;
    size_t position; /* current table */
    cmt_lsm__table *table;
    cmt_lsm__cursor index;
    cmt_lsm__cursor data;
    /* A forward scan reads ahead in one piece, but never beyond what its upper bound needs. */
    cmt_buf ahead;
    uint64_t ahead_offset;
    uint64_t ahead_limit;  /* offset in the table behind the last block that can be wanted */
    size_t ahead_window;   /* bytes of the next read; grows */
    uint64_t block_offset; /* of the current block, and whether `ahead` has it */
    bool block_in_ahead;
    uint64_t next_offset; /* where the block behind the current one begins */
    cmt_slice upper;      /* user key, exclusive; empty: none; borrowed */
    /* journal */
    const cmt_lsm__journal *journal;
    size_t entry;
    cmt_buf from_log; /* the current value, if it was left in its log */

    bool valid;
    cmt_slice key; /* internal, borrowed until the source moves */
    cmt_slice value;
} cmt_lsm__source;

/** Over @p count tables; the array is taken over (free'd). */
void cmt_lsm__source_init_tables(cmt_lsm__source *source, cmt_lsm__cache *cache,
                                 const cmt_lsm__table_meta **metas, size_t count, cmt_slice upper);
void cmt_lsm__source_init_journal(cmt_lsm__source *source, const cmt_lsm__journal *journal);
void cmt_lsm__source_fini(cmt_lsm__source *source);

CMT_MUST_CHECK cmt_status cmt_lsm__source_first(cmt_lsm__source *source, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_lsm__source_last(cmt_lsm__source *source, cmt_error *err);
/** To the first entry >= the internal key. */
CMT_MUST_CHECK cmt_status cmt_lsm__source_seek(cmt_lsm__source *source, cmt_slice internal,
                                               cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_lsm__source_next(cmt_lsm__source *source, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_lsm__source_prev(cmt_lsm__source *source, cmt_error *err);

/** Does the source stand on the first entry of a block of which it still holds the stored bytes, trailer
 *  included?  Only in a scan that reads ahead. */
bool cmt_lsm__source_at_stored_block(const cmt_lsm__source *source, cmt_slice *stored);
/** To the last entry of the block that the source stands in. */
CMT_MUST_CHECK cmt_status cmt_lsm__source_leave_block(cmt_lsm__source *source, cmt_error *err);

/** The table the current entry comes from; NULL for the journal. */
const cmt_lsm__table_meta *cmt_lsm__source_table(const cmt_lsm__source *source);

/** The merge of several sources. */
typedef struct cmt_lsm__merge {
    cmt_lsm__source *sources; /* owned */
    size_t count;
    size_t capacity;
    cmt_lsm__source *current; /* NULL: nowhere */
    bool backwards;
} cmt_lsm__merge;

void cmt_lsm__merge_init(cmt_lsm__merge *merge);
void cmt_lsm__merge_fini(cmt_lsm__merge *merge);
/** Add a zeroed source to be initialised by the caller; NULL when there is no memory.
 *  Pointers to sources given before become invalid. */
cmt_lsm__source *cmt_lsm__merge_add(cmt_lsm__merge *merge);

CMT_MUST_CHECK cmt_status cmt_lsm__merge_first(cmt_lsm__merge *merge, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_lsm__merge_last(cmt_lsm__merge *merge, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_lsm__merge_seek(cmt_lsm__merge *merge, cmt_slice internal,
                                              cmt_error *err);
/** To the newest entry of the first user key >= @p user. */
CMT_MUST_CHECK cmt_status cmt_lsm__merge_seek_user(cmt_lsm__merge *merge, cmt_slice user,
                                                   cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_lsm__merge_next(cmt_lsm__merge *merge, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_lsm__merge_prev(cmt_lsm__merge *merge, cmt_error *err);

#endif
