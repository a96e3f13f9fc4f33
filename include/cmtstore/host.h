/* SPDX-License-Identifier: Apache-2.0
 *
 * From config.toml to a node that prunes and compacts: what [storage], [storage.pruning] and [storage.compaction] say, made
 * once, for a node that has its databases open.
 *
 *   open ──▶ options for the block executor ──▶ (its handshake) ──▶ start ──▶ blocks ──▶ stop ──▶ join ──▶ close
 *
 * WHO PRUNES     `prune`: the block executor behind each block, or a service; absent: as the node's generation does.
 * WHO COMPACTS   `mode`: "async" a background compactor with its journal; "sync" whoever has pruned, at once, as far as
 *                `fallback` and `fallback_budget` let it; "off" nobody, but what was pruned is remembered.  Roles "archive"
 *                and "replica" compact when asked only.
 * AFTER A START  what earlier prunes left to be compacted is remembered again, in every mode, before anything compacts.
 * WITHOUT A THREAD for the compactor each prune compacts as by "sync"; without one for the service nothing is pruned until
 *                cmt_host_start() is called again.  Both are logged, and the node runs.
 *
 * What is said about opening databases (db_backend, db_dir, experimental_db_key_layout, discard_abci_responses) is the
 * business of whoever opens them.
 *
 * THREADS  One at a time, but for cmt_host_stop(), cmt_host_is_running() and the accessors: any thread, any time, up to
 * cmt_host_close().  Hooks and observers are called from the threads of compactor and service.
 */
#ifndef CMTSTORE_HOST_H
#define CMTSTORE_HOST_H

#include "cmtstore/blockexec.h"
#include "cmtstore/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what the keys mean ------------------------------------------------------------------- */

/** [storage.compaction] mode. */
typedef enum cmt_host_mode {
    CMT_HOST_ASYNC,
    CMT_HOST_SYNC,
    CMT_HOST_OFF,
} cmt_host_mode;

/* Pure.  A configuration that was read holds no words but the known ones; of one that was made by hand others are
 * CMT_INVALID. */

CMT_API CMT_MUST_CHECK cmt_status cmt_host_mode_of(const cmt_config *config, cmt_host_mode *out,
                                                   cmt_error *err);

/** Does a service prune?  Else the block executor does. */
CMT_API CMT_MUST_CHECK cmt_status cmt_host_has_service(const cmt_config *config,
                                                       cmt_generation generation, bool *out,
                                                       cmt_error *err);

/** queue_size (of which 1,024 count at most), poll_interval, pause, backup_keep and the schedule: role, interval, min_work,
 *  the ratios, min_size, compaction_interval.  Disabled by "off".  Journal and hooks are the caller's to add. */
CMT_API CMT_MUST_CHECK cmt_status cmt_host_compactor_options(const cmt_config *config,
                                                             cmt_compactor_options *out,
                                                             cmt_error *err);

/** fallback, fallback_budget, interval, min_work, min_size.  Never by "off", and in roles that do not compact by
 *  themselves. */
CMT_API CMT_MUST_CHECK cmt_status cmt_host_fallback(const cmt_config *config,
                                                    cmt_compact_fallback *out, cmt_error *err);

/** keep_blocks, keep_for, keep_bytes. */
CMT_API cmt_keep_policy cmt_host_keep_policy(const cmt_config *config);

/** interval, data_companion, what to keep, sweep, and whether the role is "archive"; everything else 0: stores, directory,
 *  hand-over and clocks are the caller's to add. */
CMT_API void cmt_host_service_options(const cmt_config *config, cmt_prune_service_options *out);

/** For a block executor that prunes itself: the same of its options.  The others stay as they are. */
CMT_API void cmt_host_inline_options(const cmt_config *config, cmt_block_executor_options *options);

/* ---- a node's storage --------------------------------------------------------------------- */

typedef struct cmt_host cmt_host;

typedef struct cmt_host_options {
    const cmt_config *config; /* copied; NULL: config_path */
    const char *config_path;  /* of config.toml; NULL, too: defaults */
    /** Open to write, and used by several threads (CMT_DB_SHARED) where a service prunes.  Borrowed until
     *  cmt_host_close(), as all that follows but data_dir. */
    cmt_prune_stores stores;
    /** Holds both databases: for journal, pins, retain heights before 1.0, and the free space.  NULL: all that is left out. */
    const char *data_dir;
    int64_t initial_height;    /* of the chain */
    cmt_generation generation; /* of the CometBFT whose node this is */
    const cmt_logger *logger;
    cmt_compactor_hooks hooks;
    const cmt_prune_observer *observer; /* of the service; NULL: nobody */
    /** Size of slices, reserve, and for tests the clocks, which then are those of journal and service, too.  All 0: as a
     *  node has it.  `logger` is not looked at. */
    cmt_compact_flight_options flight;
} cmt_host_options;

/**
 * Make what the configuration says; nothing runs before cmt_host_start().
 *
 * @retval CMT_NOT_FOUND    there is no config_path, or no data_dir (with a message)
 * @retval CMT_INVALID      the configuration; or a data companion beside a block executor that prunes databases before 1.0,
 *                          which have no place for its retain heights: a service has
 * @retval CMT_BUSY         these databases have a compactor already
 * @retval CMT_UNSUPPORTED  as cmt_prune_service_new()
 * @retval CMT_CORRUPT      retain heights that are kept cannot be read
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_host_open(const cmt_host_options *options, cmt_host **out,
                                                cmt_error *err);

/**
 * Put into @p options what the configuration says of the block executor: stores and databases, who prunes, what is kept,
 * the hand-over; the logger, if there is none.  The executor borrows from the host: no block may be applied after
 * cmt_host_close().
 */
CMT_API void cmt_host_executor_options(const cmt_host *host, cmt_block_executor_options *options);

/**
 * Remember what is still to be compacted, then start the compactor, then the service.  Before the first block.  Again after
 * a stop and a join; and after a start that got no thread, to try once more.
 *
 * @param executor  made with cmt_host_executor_options(); NULL: there is none, or who prunes hands on by cmt_host_handover()
 * @retval CMT_BUSY     stopped, and not joined
 * @retval CMT_CORRUPT, CMT_IO …  the databases cannot be read; nothing was started
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_host_start(cmt_host *host, cmt_block_executor *executor,
                                                 cmt_error *err);

/** Tell service and compactor to leave, and a synchronous compaction to end, without waiting (where there is no worker
 *  RocksDB takes some milliseconds to be told).  What was not done is remembered.  Of a stop that meets a start the start
 *  may hear nothing: stop again.
 *  @retval CMT_FORKED  in a forked child */
CMT_API cmt_status cmt_host_stop(cmt_host *host);

/** Is there a thread that has not left yet? */
CMT_API bool cmt_host_is_running(const cmt_host *host);

/**
 * Wait until service and compactor have left, in this order; then make durable what was compacted, and flush both
 * databases.
 *
 * @param wait_ns  for both; 0: do not wait; negative: however long it takes (so stop first)
 * @retval CMT_OK        also where nothing ran
 * @retval CMT_BUSY      not all have left in time
 * @retval CMT_IO …      of a flush, or a hook has ended the compactor's thread; all have left
 * @retval CMT_DEADLOCK  called from a hook
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_host_join(cmt_host *host, int64_t wait_ns, cmt_error *err);

/** Stop, join, release; before the stores are closed.  What a join finds wrong is logged.
 *
 *  @param host  set to NULL.  NULL, or one to NULL, is fine
 *  @retval CMT_DEADLOCK  called from a hook: it was stopped, nothing else
 *  @retval CMT_FORKED    in a forked child: nothing was done */
CMT_API cmt_status cmt_host_close(cmt_host **host);

/* ---- what it is made of; borrowed --------------------------------------------------------- */

CMT_API cmt_host_mode cmt_host_get_mode(const cmt_host *host);
CMT_API cmt_compact_flight *cmt_host_flight(const cmt_host *host);
/** Never started unless the mode is "async". */
CMT_API cmt_compactor *cmt_host_compactor(const cmt_host *host);
CMT_API cmt_compact_journal *cmt_host_journal(const cmt_host *host);
/** NULL: the block executor prunes. */
CMT_API cmt_prune_service *cmt_host_service(const cmt_host *host);
CMT_API const cmt_compact_handover *cmt_host_handover(const cmt_host *host);

#ifdef __cplusplus
}
#endif

#endif
