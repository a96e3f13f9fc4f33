/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts that read RocksDB's table format know of each other.
 */
#ifndef CMT_LSM_ROCKSDB_TABLE_H
#define CMT_LSM_ROCKSDB_TABLE_H

#include "table.h"

/** What footer, meta index and properties say. */
typedef struct cmt_lsm__layout {
    cmt_lsm__handle meta;
    cmt_lsm__handle index;
    cmt_lsm__handle properties;
    cmt_lsm__handle range_dels;
    bool have_properties;
    bool have_range_dels;
    bool index_has_parts;
    bool keys_are_user_keys; /* in the index */
    bool values_are_deltas;  /* in the index */
    uint64_t limit;          /* where the footer begins */
} cmt_lsm__layout;

/** Read the index into t->index: keys internal, values handles, a restart point at each entry.  t->data_end sinks
 *  to where the first part of an index of two levels begins. */
CMT_MUST_CHECK cmt_status cmt_lsm__rocksdb_index_read(cmt_lsm__table *t,
                                                      const cmt_lsm__layout *layout,
                                                      uint64_t *bytes_read, cmt_error *err);

#endif
