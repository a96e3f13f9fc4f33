/* SPDX-License-Identifier: Apache-2.0
 *
 * A background compactor over the pair of fake databases, and what its hooks heard.
 */
#ifndef CMT_TEST_COMPACT_WORKER_H
#define CMT_TEST_COMPACT_WORKER_H

#include "cmtstore/compactor_background.h"
#include "compact_pair.h"

extern cmt_compactor *worker;
/** For worker_make(): whatever was deleted is due, no polls. */
extern cmt_compactor_options worker_options;
/** Called from the hook `result`, if not NULL. */
extern void (*worker_on_result)(void);

/** Fixture of a case.  The teardown stops, joins and frees the compactor if the case has not. */
void worker_setup(void);
void worker_teardown(void);

/** cmt_compactor_new() with worker_options. */
void worker_make(void);
void worker_start(void);
/** The same and started. */
void worker_run(void);
void worker_stop(void);
/** Join without a limit to speak of. */
cmt_status worker_join(cmt_compact_report *out);

/** Try to enqueue places [lo,hi) of the block store. */
cmt_enqueue_result worker_enqueue(const char *label, unsigned lo, unsigned hi);
/** Nothing in particular, of these databases. */
cmt_enqueue_result worker_ask(const char *label, cmt_compact_kind kind, unsigned databases);

/** Wait, not for ever, until so many tasks have come to their end. */
void worker_wait(uint64_t tasks);
cmt_compactor_stats worker_stats(void);
/** How often the hook `engine_failed` was called, and with what. */
unsigned worker_engine_failures(char *text, size_t size);
/** Have the worker look at its clock again. */
void worker_wake(void);

#endif
