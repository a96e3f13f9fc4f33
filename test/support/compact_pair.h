/* SPDX-License-Identifier: Apache-2.0
 *
 * A flight over two fake databases, with a clock that only they move and a log that is kept.
 */
#ifndef CMT_TEST_COMPACT_PAIR_H
#define CMT_TEST_COMPACT_PAIR_H

#include "cmtstore/compactor_fallback.h"
#include "fake_db.h"

#define MIB ((uint64_t)1 << 20)
#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

extern fake_db pair_blocks;
extern fake_db pair_states;
extern _Atomic int64_t pair_now_ns;
extern cmt_compact_flight *pair_flight;
extern cmt_error pair_err;
/** A line "LEVEL message" for each that was logged, but for those about a single database. */
extern char pair_log[2048];
extern const cmt_logger pair_logger;

/** Fixture of a case.  The teardown fails it when the flag was not given back. */
void pair_setup(void);
void pair_teardown(void);
/** From now on compacting a place takes so long, in either. */
void pair_takes(int64_t ns_per_place);

/** Ranges to compact, as a prune leaves them. */
typedef struct pair_asked {
    cmt_range_list blockstore;
    cmt_range_list state;
    cmt_compaction_request request;
} pair_asked;

/** Places [lo,hi) of each; hi 0: nothing of that one.  The request says 7 deleted keys and 3 heights. */
void pair_ask(pair_asked *a, unsigned blocks_lo, unsigned blocks_hi, unsigned states_lo,
              unsigned states_hi);
void pair_release(pair_asked *a);

/** cmt_compact_now() for these places of the block store and the state store. */
cmt_status pair_compact(unsigned blocks_lo, unsigned blocks_hi, unsigned states_lo,
                        unsigned states_hi, const cmt_compact_options *options,
                        cmt_compact_report *report);
/** The same without asking for more. */
cmt_status pair_compact_rest(const cmt_compact_options *options, cmt_compact_report *report);

/** What is remembered of the block store is exactly the places [lo,hi); hi 0: nothing. */
void pair_expect_remembered(unsigned lo, unsigned hi);

/** A thread that compacts. */
typedef struct pair_caller {
    pthread_t thread;
    pair_asked asked;
    cmt_compact_options options;
    cmt_compact_report report;
    cmt_status status;
    cmt_error err;
} pair_caller;

/** Compact places [lo,hi) of the block store in a thread.  @p c is zeroed, but for its options. */
void pair_start(pair_caller *c, unsigned lo, unsigned hi);
cmt_status pair_join(pair_caller *c);

#endif
