/* SPDX-License-Identifier: Apache-2.0
 *
 * What follows a prune: its ranges are handed to the background compactor or, where there is none, compacted at once
 * as far as policy, budget, interval and least work let it.
 */
#ifndef CMTSTORE_COMPACTOR_FALLBACK_H
#define CMTSTORE_COMPACTOR_FALLBACK_H

#include "cmtstore/compactor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a prune does itself where there is nobody to hand the compaction to. */
typedef enum cmt_compact_policy {
    CMT_COMPACT_NEVER,   /* nothing; all is remembered */
    CMT_COMPACT_BOUNDED, /* as much as the budget allows, the rest with the next prunes */
    CMT_COMPACT_FULL,    /* all, however long it takes */
} cmt_compact_policy;

typedef struct cmt_compact_fallback {
    cmt_compact_policy policy;
    int64_t budget_ns; /* of one call, with CMT_COMPACT_BOUNDED; 0: one slice */
    /** Least time between the end of a compaction of a database and the begin of the next.  A rest that a budget or
     *  a stop left is not made to wait, what failed is. */
    int64_t interval_ns;
    /** Least work, counted since the last compaction: keys deleted as the requests say, and bytes that the remembered
     *  ranges of the database take up.  0: any.  A rest need not reach them. */
    uint64_t min_deleted_keys;
    uint64_t min_bytes;
} cmt_compact_fallback;

/** Bounded; 500 ms; an hour; 1 key; 10 MB. */
CMT_API void cmt_compact_fallback_defaults(cmt_compact_fallback *out);

/** "never", "bounded" or "full".  @retval CMT_INVALID none of them */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_policy_from_name(const char *name,
                                                               cmt_compact_policy *out,
                                                               cmt_error *err);

/**
 * Remember @p request, then compact what policy, interval and minimum of work let through, each database for itself.
 * What they hold back is CMT_COMPACT_SKIPPED in @p out, with a reason.  Does not wait for the flag.
 *
 * As cmt_compact_now() else.
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_fallback_run(cmt_compact_flight *flight,
                                                           const cmt_compact_fallback *fallback,
                                                           const cmt_compaction_request *request,
                                                           cmt_compact_report *out, cmt_error *err);

/** Where a block executor leaves what a prune has deleted. */
typedef struct cmt_compact_handover {
    /** The background compactor; NULL, or without a function: there is none.  One that answers
     *  CMT_ENQUEUE_NO_WORKER counts as none. */
    const cmt_compaction_sink *sink;
    /** Without one: where, and how.  A NULL flight: nothing is compacted, nothing remembered. */
    cmt_compact_flight *flight;
    const cmt_compact_fallback *fallback; /* NULL: defaults */
    const cmt_logger *logger;
} cmt_compact_handover;

/**
 * What follows a prune: hand @p request to the background compactor, or compact synchronously, and log which, in the
 * words that operators know.  Whatever comes of it changes neither the prune's result nor the block's, so nothing is
 * returned.  A request without ranges, or with no key deleted, is no work and passes in silence.
 *
 * @param out  what a synchronous compaction came to (all zero otherwise); may be NULL
 */
CMT_API void cmt_compact_after_prune(const cmt_compact_handover *handover,
                                     const cmt_compaction_request *request,
                                     cmt_compact_report *out);

#ifdef __cplusplus
}
#endif

#endif
