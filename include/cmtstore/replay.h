/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain executed again: blocks, votes and results of one node's databases go through the block executor into
 * others, and what comes out is compared with what the chain itself says.
 *
 * THREADS  one at a time.
 */
#ifndef CMTSTORE_REPLAY_H
#define CMTSTORE_REPLAY_H

#include "cmtstore/blockexec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- an application that answers from a record -------------------------------------------- */

typedef struct cmt_recorded_app_options {
    cmt_block_store *blocks; /* the record; borrowed */
    cmt_state_store *states;
    const cmt_genesis *genesis;
    int64_t committed;     /* how far it is taken to have come; 0: nowhere */
    int64_t retain_blocks; /* how many it asks to keep at each commit; 0: all */
} cmt_recorded_app_options;

/** An application that answers each block with the results that the record holds for it, and InitChain with what the
 *  first header and the records of the initial height tell. */
typedef struct cmt_recorded_app cmt_recorded_app;

/** @retval CMT_NOT_FOUND  the record does not begin at the initial height (with a message) */
CMT_API CMT_MUST_CHECK cmt_status cmt_recorded_app_new(const cmt_recorded_app_options *options,
                                                       cmt_recorded_app **out, cmt_error *err);
CMT_API void cmt_recorded_app_free(cmt_recorded_app *app);
/** As the executor takes it; borrowed from @p app. */
CMT_API const cmt_application *cmt_recorded_app_application(const cmt_recorded_app *app);
/** The last block that it has committed. */
CMT_API int64_t cmt_recorded_app_height(const cmt_recorded_app *app);

/* ---- replay ------------------------------------------------------------------------------- */

typedef struct cmt_replay_options {
    cmt_block_store *source_blocks; /* for reading */
    cmt_state_store *source_states;
    cmt_block_store *blocks; /* for writing; empty, or as an earlier replay left them */
    cmt_state_store *states;
    const cmt_genesis *genesis;
    int64_t until;         /* the last height to execute; 0: as far as the source has come */
    int64_t retain_blocks; /* how many the application asks to keep; 0: all */
    bool keep_residue;     /* a prune leaves what CometBFT's leaves below base */
    bool as_0_39;          /* see cmt_validate_options */
    const cmt_compact_handover *handover; /* NULL: nothing is compacted */
    const cmt_application *application;   /* NULL: one that answers from the source */
    const cmt_block_listener *listener;   /* NULL: none */
    /** See cmt_block_executor_options. */
    void (*fail_point)(void *context, cmt_fail_point point, const char *text);
    void *context;
    const cmt_logger *logger;
    const cmt_progress_hook *progress; /* phase "replay", in blocks */
} cmt_replay_options;

typedef struct cmt_replay_result {
    int64_t first; /* executed; 0: none */
    int64_t last;
    int64_t blocks;
    uint64_t txs;
    uint64_t block_bytes;
    int64_t elapsed_ms;
    bool saved_ahead; /* the source's last block, which its state does not know, was saved only */
} cmt_replay_result;

/**
 * Execute the source's blocks from where the destination stands, from the genesis if it is empty.  What the source
 * and the executor disagree on ends it: a header says what came of the block before, and behind the source's last
 * state the two states are compared.
 *
 * Evidence is not verified: the chain has decided on it.
 *
 * @param result  also when the call fails, as far as it came; may be NULL
 * @retval CMT_NOT_FOUND    a block, its commit or its results are not in the source, with a message
 * @retval CMT_INVALID      a block is not valid, or came out otherwise
 * @retval CMT_CORRUPT      the state after the last block is not the source's
 * @retval CMT_OUT_OF_RANGE `until` is above what the source has
 * @retval CMT_CANCELLED    the progress hook asked to stop; a second call goes on
 *
 * Durable on return.
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_replay_run(const cmt_replay_options *options,
                                                 cmt_replay_result *result, cmt_error *err);

/**
 * A genesis for a chain whose document is not to be had: from the first header, and from the validators and
 * parameters of its height.  What an application answered to InitChain is in it already.
 *
 * @param out  cmt_genesis_free()
 * @retval CMT_NOT_FOUND  the first block or a record of its height is not there (with a message)
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_replay_genesis(cmt_block_store *blocks,
                                                     cmt_state_store *states, cmt_genesis *out,
                                                     cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
