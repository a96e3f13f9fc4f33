/* SPDX-License-Identifier: Apache-2.0
 *
 * One table file opened by itself, with an ordered stream over its entries.
 */
#ifndef CMT_TEST_ONE_TABLE_H
#define CMT_TEST_ONE_TABLE_H

#include "source.h"

typedef struct one_table {
    cmt_lsm__table_meta meta;
    cmt_lsm__cache cache;
    cmt_lsm__source source;
} one_table;

/** @p meta needs number, size and bounds; they are borrowed.  The file is opened by the first move. */
CMT_MUST_CHECK cmt_status one_table_open(one_table *t, int dir_fd, const cmt_lsm__table_meta *meta,
                                         cmt_error *err);
void one_table_close(one_table *t);

#endif
