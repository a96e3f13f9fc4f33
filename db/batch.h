/* SPDX-License-Identifier: Apache-2.0
 *
 * How backends read a batch.
 */
#ifndef CMT_DB_BATCH_H
#define CMT_DB_BATCH_H

#include "cmtstore/db.h"

typedef enum cmt_db__change_kind {
    CMT_DB__PUT,
    CMT_DB__DELETE,
    CMT_DB__DELETE_RANGE,
} cmt_db__change_kind;

/** One change; slices are borrowed from the batch. */
typedef struct cmt_db__change {
    cmt_db__change_kind kind;
    cmt_slice key;   /* of a range: lo */
    cmt_slice value; /* of a range: hi, empty for "to the end" */
} cmt_db__change;

/** Read the change at @p *offset (0: the first) and move the offset behind it; false at the end. */
bool cmt_db__batch_next(const cmt_db_batch *batch, size_t *offset, cmt_db__change *out);

/** How many changes are of this kind. */
size_t cmt_db__batch_count_of(const cmt_db_batch *batch, cmt_db__change_kind kind);

#endif
