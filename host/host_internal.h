/* SPDX-License-Identifier: Apache-2.0
 *
 * A node's storage as its own files see it.
 */
#ifndef CMT_HOST_HOST_INTERNAL_H
#define CMT_HOST_HOST_INTERNAL_H

#include "cmtstore/host.h"

#include <stdatomic.h>
#include <sys/types.h>

struct cmt_host {
    cmt_config config;
    cmt_host_options options;
    char *data_dir; /* NULL: none */
    cmt_host_mode mode;
    cmt_compact_fallback fallback;
    cmt_compact_flight *flight;
    cmt_compact_journal *journal;
    cmt_compactor *compactor;
    cmt_compaction_sink sink; /* the compactor's; handed out unless by "sync" */
    cmt_compact_handover handover;
    cmt_prune_service *service; /* NULL: the block executor prunes */
    bool has_recovered;
    atomic_bool has_stopped_flight;
    pid_t pid;
};

/** Write into the journal what was compacted without a worker, which does so itself. */
CMT_MUST_CHECK cmt_status cmt_host__keep_cookies(cmt_host *host, cmt_error *err);

/** The flight goes on, if it was the host who stopped it: engines, too, are told. */
void cmt_host__resume_flight(cmt_host *host);

/** @retval CMT_FORKED  in a forked child */
CMT_MUST_CHECK cmt_status cmt_host__check_process(const cmt_host *host, cmt_error *err);

#endif
