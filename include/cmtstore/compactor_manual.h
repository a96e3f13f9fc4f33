/* SPDX-License-Identifier: Apache-2.0
 *
 * Compacting whole databases because somebody wants it: at once, or in the background.
 *
 * At once is cmt_compact_now(): it takes the flag, returns what came of it, and CMT_BUSY where the flag is taken (or
 * waits, as the options say).  In the background is cmt_compactor_try_enqueue().  The label is
 * CMT_COMPACT_LABEL_MANUAL.  Neither needs a block executor, and the pair may have one database only.
 */
#ifndef CMTSTORE_COMPACTOR_MANUAL_H
#define CMTSTORE_COMPACTOR_MANUAL_H

#include "cmtstore/compactor_background.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Compact the state database, the block store, or both (the state first, then taking turns).
 *
 * @param options  NULL: none
 * @param out      what came of it; may be NULL
 * @retval CMT_INVALID  the flight has no such database; else as cmt_compact_now()
 * Source: the fork's CompactStateDB, CompactBlockStore, compactStateAndBlockDB
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_compact(cmt_compact_flight *flight,
                                                          const cmt_compact_options *options,
                                                          cmt_compact_report *out, cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_compact(cmt_compact_flight *flight,
                                                          const cmt_compact_options *options,
                                                          cmt_compact_report *out, cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_stores_compact(cmt_compact_flight *flight,
                                                     const cmt_compact_options *options,
                                                     cmt_compact_report *out, cmt_error *err);

/** The same by the background compactor.  Return at once. */
CMT_API cmt_enqueue_result cmt_state_store_compact_async(cmt_compactor *compactor);
CMT_API cmt_enqueue_result cmt_block_store_compact_async(cmt_compactor *compactor);
CMT_API cmt_enqueue_result cmt_stores_compact_async(cmt_compactor *compactor);

#ifdef __cplusplus
}
#endif

#endif
