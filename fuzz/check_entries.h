/* SPDX-License-Identifier: Apache-2.0
 *
 * What every fuzz target of a write-ahead log's format claims of one that was accepted.
 */
#ifndef CMT_FUZZ_CHECK_ENTRIES_H
#define CMT_FUZZ_CHECK_ENTRIES_H

#include "journal.h"

/** The entries of @p j, read from one log of @p size bytes, are in order, of the kinds there are, counted, and
 *  no larger than their log. */
void check_entries(const cmt_lsm__journal *j, size_t size);

#endif
