/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for many small things that die together: the keys of a version, the batches of a log.
 */
#ifndef CMT_LSM_ARENA_H
#define CMT_LSM_ARENA_H

#include "cmtstore/base.h"

typedef struct cmt_lsm__arena {
    struct cmt_lsm__arena_chunk *chunks;
    uint8_t *next;
    size_t left;
} cmt_lsm__arena;

void cmt_lsm__arena_free(cmt_lsm__arena *arena);
/** Memory of @p size bytes, aligned for byte data only; NULL when there is none. */
uint8_t *cmt_lsm__arena_get(cmt_lsm__arena *arena, size_t size);
/** A copy of @p bytes in the arena. */
CMT_MUST_CHECK cmt_status cmt_lsm__arena_copy(cmt_lsm__arena *arena, cmt_slice bytes,
                                              cmt_slice *out);

#endif
