/* SPDX-License-Identifier: Apache-2.0
 *
 * From a prune to its compaction: what was deleted is handed on, together with what has to be kept so that a restart
 * finds what was not compacted.
 */
#ifndef CMTSTORE_PRUNER_LEDGER_H
#define CMTSTORE_PRUNER_LEDGER_H

#include "cmtstore/compactor_fallback.h"
#include "cmtstore/compactor_journal.h"
#include "cmtstore/pruner.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a host that prunes knows of all that was deleted.  Plain; all zero: nothing, and requests carry no cookies. */
typedef struct cmt_prune_ledger {
    bool is_open;
    cmt_prune_marks marks;
} cmt_prune_ledger;

/**
 * Remember in @p flight where earlier prunes have deleted and no compaction has finished, as the cookies in @p journal
 * tell.  Once, before the first prune and before a compactor starts: a cookie means that everything before it was
 * remembered, too.
 *
 * @param initial_height  of the chain
 * @param journal         NULL: nothing was ever compacted
 * @param out             on failure all zero
 * @retval CMT_INVALID  a database is not named
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_prune_ledger_open(const cmt_prune_stores *stores,
                                                        int64_t initial_height,
                                                        cmt_compact_flight *flight,
                                                        cmt_compact_journal *journal,
                                                        cmt_prune_ledger *out, cmt_error *err);

/** After a prune that came to its end.  Nothing where the ledger is not open. */
CMT_API void cmt_prune_ledger_advance(cmt_prune_ledger *ledger,
                                      const cmt_stores_prune_request *request,
                                      const cmt_stores_prune_result *result);

/** Hand what a prune has deleted on, also one that failed midway: what is deleted is deleted.  @p handover: NULL:
 *  nobody compacts. */
CMT_API void cmt_prune_hand_over(const cmt_compact_handover *handover,
                                 const cmt_prune_ledger *ledger,
                                 const cmt_stores_prune_result *result);

#ifdef __cplusplus
}
#endif

#endif
