/* SPDX-License-Identifier: Apache-2.0
 *
 * Compacting whole databases on request.
 */
#include "cmtstore/compactor_manual.h"

#include "compactor_internal.h"

static cmt_status compact(cmt_compact_flight *flight, unsigned databases,
                          const cmt_compact_options *options, cmt_compact_report *out,
                          cmt_error *err)
{
    const cmt_compaction_request request = {.kind = CMT_COMPACT_KIND_FULL, .databases = databases};
    if (out != NULL)
        *out = (cmt_compact_report){0};
    if (cmt_compactor__databases_of(flight, &request) == 0)
        return cmt_error_set(err, CMT_INVALID, "compact: the database is not among those given");
    return cmt_compact_now(flight, &request, options, out, err);
}

cmt_status cmt_state_store_compact(cmt_compact_flight *flight, const cmt_compact_options *options,
                                   cmt_compact_report *out, cmt_error *err)
{
    return compact(flight, CMT_COMPACT_STATE, options, out, err);
}

cmt_status cmt_block_store_compact(cmt_compact_flight *flight, const cmt_compact_options *options,
                                   cmt_compact_report *out, cmt_error *err)
{
    return compact(flight, CMT_COMPACT_BLOCKSTORE, options, out, err);
}

cmt_status cmt_stores_compact(cmt_compact_flight *flight, const cmt_compact_options *options,
                              cmt_compact_report *out, cmt_error *err)
{
    return compact(flight, CMT_COMPACT_BOTH, options, out, err);
}

static cmt_enqueue_result enqueue(cmt_compactor *compactor, unsigned databases)
{
    const cmt_compaction_request request = {.kind = CMT_COMPACT_KIND_FULL, .databases = databases};
    return cmt_compactor_try_enqueue(compactor, &request);
}

cmt_enqueue_result cmt_state_store_compact_async(cmt_compactor *compactor)
{
    return enqueue(compactor, CMT_COMPACT_STATE);
}

cmt_enqueue_result cmt_block_store_compact_async(cmt_compactor *compactor)
{
    return enqueue(compactor, CMT_COMPACT_BLOCKSTORE);
}

cmt_enqueue_result cmt_stores_compact_async(cmt_compactor *compactor)
{
    return enqueue(compactor, CMT_COMPACT_BOTH);
}
