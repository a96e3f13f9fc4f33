/* SPDX-License-Identifier: Apache-2.0
 *
 * A script of changes to a compaction journal, and what a journal says, as text.
 */
#ifndef CMT_TEST_JOURNAL_SCRIPT_H
#define CMT_TEST_JOURNAL_SCRIPT_H

#include "cmtstore/compactor_journal.h"

#define JOURNAL_STEPS 12

/** Open with a clock that stands still; @p data_dir may be NULL.  A failure ends the process. */
cmt_compact_journal *journal_open(const char *data_dir, const cmt_logger *logger);

/** Step @p n of the script, from 0: every kind of change in turn. */
cmt_status journal_step(cmt_compact_journal *journal, int n, cmt_error *err);

/** Everything that can be read from a journal.  Into @p out, of @p size bytes. */
void journal_describe(cmt_compact_journal *journal, char *out, size_t size);

#endif
