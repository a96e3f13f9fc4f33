/* SPDX-License-Identifier: Apache-2.0
 *
 * What every fuzz target of a table format does with a table.
 */
#ifndef CMT_FUZZ_WALK_TABLE_H
#define CMT_FUZZ_WALK_TABLE_H

#include "version.h"

/** Read the bytes as table 1 of the format that @p format tells: in both directions and from any key.  They
 *  are read or refused, and what is shown are internal keys of the kinds there are. */
void walk_table(cmt_slice table, const cmt_lsm__table_meta *format);

#endif
