/* SPDX-License-Identifier: Apache-2.0
 *
 * The prune service: service.c is the handle and its thread, service_round.c what a round does, service_heights.c
 * the retain heights.
 */
#ifndef CMT_PRUNER_SERVICE_INTERNAL_H
#define CMT_PRUNER_SERVICE_INTERNAL_H

#include <pthread.h>
#include <sys/types.h>

#include "cmtstore/pruner_service.h"

#include "retained.h"

typedef enum cmt_pruner__state {
    CMT_PRUNER__NEW,
    CMT_PRUNER__RUNNING,
    CMT_PRUNER__STOPPING,
    CMT_PRUNER__STOPPED, /* the thread has left and waits to be joined */
    CMT_PRUNER__JOINED,
} cmt_pruner__state;

/** How far a loop has come. */
typedef struct cmt_pruner__loop {
    int64_t last; /* where the last prune ended; 0: none yet */
    bool again;   /* it failed or was stopped: go on although the target is the same */
} cmt_pruner__loop;

struct cmt_prune_service {
    pid_t pid;
    cmt_prune_service_options options;
    char *data_dir;
    /* Held while a retain height is looked at and put; before `lock`. */
    pthread_mutex_t heights_lock;
    cmt_pruner__retained retained;
    /* A leaf. */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* state, wakes; CLOCK_MONOTONIC */
    /* lock */
    cmt_pruner__state state;
    bool has_thread; /* to be joined */
    pthread_t thread;
    bool in_round; /* of a caller's */
    bool stop_round;
    pthread_t caller;
    uint64_t wakes;
    cmt_prune_service_stats stats;
    /* of the round */
    cmt_prune_ledger ledger;
    cmt_pruner__loop blocks;
    cmt_pruner__loop results;
};

/** One look at who has a say, and the prunes that follow. */
void cmt_pruner__service_round(cmt_prune_service *service);

/** CMT_FORKED in a child of the process that made the service. */
CMT_MUST_CHECK cmt_status cmt_pruner__service_check_process(const cmt_prune_service *service,
                                                            cmt_error *err);

/** Was the service told to stop? */
bool cmt_pruner__service_must_stop(cmt_prune_service *service);

/** Count and log a failure: `EVENT  err="MESSAGE"`. */
void cmt_pruner__service_failed(cmt_prune_service *service, const char *event,
                                const cmt_error *failure);

#endif
