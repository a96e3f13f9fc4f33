/* SPDX-License-Identifier: Apache-2.0
 *
 * One uncompressed table block and a cursor over it.
 *
 * A block is a run of entries {shared, unshared, value length as varints; unshared key bytes; value},
 * then u32 restart offsets and their count.  At a restart the key is written whole (shared = 0).
 */
#ifndef CMT_LSM_BLOCK_H
#define CMT_LSM_BLOCK_H

#include "format.h"

typedef struct cmt_lsm__block {
    uint8_t *data;
    size_t size;
    size_t restarts; /* offset of the restart array */
    uint32_t restart_count;
    unsigned references;
    /* where it came from, for the cache and for messages */
    uint64_t table;
    uint64_t offset;
    struct cmt_lsm__block *newer;
    struct cmt_lsm__block *older;
    struct cmt_lsm__block *next_in_slot;
    bool cached;
} cmt_lsm__block;

/** Take over @p data (malloc'ed) as a block.  Freed by the last cmt_lsm__block_release(), also on failure. */
CMT_MUST_CHECK cmt_status cmt_lsm__block_new(uint8_t *data, size_t size, uint64_t table,
                                             uint64_t offset, cmt_lsm__block **out, cmt_error *err);
void cmt_lsm__block_retain(cmt_lsm__block *block);
void cmt_lsm__block_release(cmt_lsm__block *block);

/** A cursor; holds a reference to its block. */
typedef struct cmt_lsm__cursor {
    cmt_lsm__block *block;
    bool valid;
    size_t entry; /* offset of the current entry */
    size_t next;  /* offset behind it */
    cmt_buf key;  /* of the current entry */
    cmt_slice value;
} cmt_lsm__cursor;

/** Stand nowhere in @p block (retained), giving up the block held before.  NULL: hold none. */
void cmt_lsm__cursor_set(cmt_lsm__cursor *cursor, cmt_lsm__block *block);
void cmt_lsm__cursor_free(cmt_lsm__cursor *cursor);

/* Each leaves cursor->valid false at the end in that direction; only damage is not CMT_OK. */
CMT_MUST_CHECK cmt_status cmt_lsm__cursor_first(cmt_lsm__cursor *cursor, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_lsm__cursor_last(cmt_lsm__cursor *cursor, cmt_error *err);
/** To the first entry >= the internal key @p target. */
CMT_MUST_CHECK cmt_status cmt_lsm__cursor_seek(cmt_lsm__cursor *cursor, cmt_slice target,
                                               cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_lsm__cursor_next(cmt_lsm__cursor *cursor, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_lsm__cursor_prev(cmt_lsm__cursor *cursor, cmt_error *err);

#endif
