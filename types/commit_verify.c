/* SPDX-License-Identifier: Apache-2.0
 *
 * The signatures of a commit against the set that should have made them, on several threads.
 *
 * Runs of signatures are taken in their order, each by whoever is free.  Those of ed25519 in a run are verified together; where
 * that says no, or anything else is wrong, the run is walked one by one.  A thread ends at the first signature that it
 * finds wrong, or when one before its next is known to be.  So everything before the lowest that is wrong has been
 * verified, and that one is what a walk on one thread would have stopped at.
 */
#include "cmtstore/types_validators.h"

#include "ed25519.h"
#include "thread.h"
#include "types_internal.h"

#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>

#define THREADS_MAX 8
/* Fewer are not worth a thread: one takes about as long to start and to end as five to verify. */
#define SIGNATURES_PER_THREAD 16
/* Of more, another one gets no cheaper. */
#define RUN_MAX 64
/* For each thread, as one may be slower than the others. */
#define RUNS_PER_THREAD 2

/* Source: types/validation.go verifyBasicValsAndCommit */
static cmt_status check_subject(const cmt_validator_set *set, const cmt_block_id *block_id,
                                int64_t height, const cmt_commit *commit, cmt_error *err)
{
    if (set->count != commit->count)
        return cmt_error_set(err, CMT_CORRUPT, "commit: %zu signatures of %zu validators",
                             commit->count, set->count);
    if (commit->height != height)
        return cmt_error_set(err, CMT_CORRUPT, "commit: it is for height %" PRId64 ", not %" PRId64,
                             commit->height, height);
    if (!cmt_block_id_equal(&commit->block_id, block_id))
        return cmt_error_set(err, CMT_CORRUPT, "commit: it is for another block");
    return CMT_OK;
}

/* What is to be verified at @p index, but for the signature. */
static cmt_status prepare(const char *chain_id, const cmt_validator *validator,
                          const cmt_commit *commit, size_t index, cmt_public_key *key,
                          cmt_buf *signed_bytes, cmt_error *err)
{
    if (!cmt_slice_equal(commit->signatures[index].address, validator->address))
        return cmt_error_set(err, CMT_CORRUPT, "it carries another validator's address");
    CMT_TRY(cmt_validator_public_key(validator, key, err));
    cmt_status st = cmt_commit_sign_bytes(chain_id, commit, index, signed_bytes);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "no memory for what was signed");
    return CMT_OK;
}

/* ---- threads ----------------------------------------------------------------------------- */

/* What all threads look at. */
typedef struct job {
    const char *chain_id;
    const cmt_validator_set *set;
    const cmt_commit *commit;
    size_t run;           /* signatures in one */
    atomic_size_t next;   /* signature to be taken */
    atomic_size_t lowest; /* that is known to be wrong; the count: none */
} job;

/* What one thread found. */
typedef struct worker {
    job *job;
    pthread_t thread;
    cmt_ed25519_batch *batch; /* NULL: no memory */
    cmt_buf signed_bytes;
    size_t index; /* of the signature that the status is about */
    cmt_status status;
    cmt_error err;
} worker;

static void lower(atomic_size_t *lowest, size_t index)
{
    size_t known = atomic_load(lowest);
    while (index < known && !atomic_compare_exchange_weak(lowest, &known, index))
        continue;
}

/* Whether the signatures in [begin,end) are all genuine.  False may also mean that there was no memory. */
static bool verify_together(worker *w, size_t begin, size_t end)
{
    const job *j = w->job;
    if (w->batch == NULL)
        return false;
    cmt_ed25519_batch_clear(w->batch);
    for (size_t i = begin; i < end; i++) {
        cmt_public_key key;
        const cmt_commit_sig *sig = &j->commit->signatures[i];
        if (sig->flag == CMT_BLOCK_ID_ABSENT)
            continue;
        if (prepare(j->chain_id, &j->set->validators[i], j->commit, i, &key, &w->signed_bytes,
                    NULL) != CMT_OK)
            return false;
        const cmt_slice bytes = cmt_buf_slice(&w->signed_bytes);
        bool good = key.type == CMT_KEY_ED25519
                        ? cmt_ed25519_batch_add(w->batch, key.bytes, bytes, sig->signature)
                        : cmt_key_verify(&key, bytes, sig->signature, NULL) == CMT_OK;
        if (!good)
            return false;
    }
    return cmt_ed25519_batch_verify(w->batch);
}

/* The lowest of [begin,end) that is not genuine, unless one before it is known not to be. */
static cmt_status walk(worker *w, size_t begin, size_t end)
{
    job *j = w->job;
    for (size_t i = begin; i < end && i < atomic_load(&j->lowest); i++) {
        cmt_public_key key;
        const cmt_commit_sig *sig = &j->commit->signatures[i];
        if (sig->flag == CMT_BLOCK_ID_ABSENT)
            continue;
        w->index = i;
        CMT_TRY(prepare(j->chain_id, &j->set->validators[i], j->commit, i, &key, &w->signed_bytes,
                        &w->err));
        CMT_TRY(cmt_key_verify(&key, cmt_buf_slice(&w->signed_bytes), sig->signature, &w->err));
    }
    return CMT_OK;
}

static void take_runs(worker *w)
{
    job *j = w->job;
    for (;;) {
        size_t begin = atomic_fetch_add(&j->next, j->run);
        if (begin >= atomic_load(&j->lowest))
            return;
        size_t left = j->commit->count - begin;
        size_t end = begin + (left < j->run ? left : j->run);
        if (verify_together(w, begin, end))
            continue;
        w->status = walk(w, begin, end);
        if (w->status == CMT_OK)
            continue;
        lower(&j->lowest, w->index);
        return;
    }
}

static void *work(void *context)
{
    worker *w = context;
    w->batch = cmt_ed25519_batch_new(w->job->run);
    take_runs(w);
    cmt_ed25519_batch_free(w->batch);
    cmt_buf_free(&w->signed_bytes);
    return NULL;
}

/* How many threads are of use, the caller's among them. */
static size_t count_threads(size_t signatures)
{
    size_t threads = signatures / SIGNATURES_PER_THREAD;
    cpu_set_t cpus;
    if (threads < 2 || sched_getaffinity(0, sizeof cpus, &cpus) != 0)
        return 1;
    size_t processors = (size_t)CPU_COUNT(&cpus);
    if (threads > processors)
        threads = processors;
    return threads < THREADS_MAX ? threads : THREADS_MAX;
}

/* Threads that cannot be had leave more to the rest. */
static size_t start_others(worker *workers, size_t threads)
{
    size_t started = 1;
    while (started < threads &&
           cmt_thread_start(&workers[started].thread, work, &workers[started]) == 0)
        started++;
    return started;
}

/* The first signature that is not genuine, as if they had been verified one after the other. */
static cmt_status verify_all(const char *chain_id, const cmt_validator_set *set,
                             const cmt_commit *commit, cmt_error *err)
{
    job j = {.chain_id = chain_id, .set = set, .commit = commit};
    worker workers[THREADS_MAX];
    atomic_init(&j.next, 0);
    atomic_init(&j.lowest, commit->count);
    for (size_t i = 0; i < THREADS_MAX; i++) {
        workers[i].job = &j;
        workers[i].signed_bytes = (cmt_buf)CMT_BUF_INIT;
        workers[i].status = CMT_OK;
        workers[i].err = (cmt_error)CMT_ERROR_INIT;
    }
    size_t threads = count_threads(commit->count);
    j.run = commit->count / (threads * RUNS_PER_THREAD) + 1;
    if (j.run > RUN_MAX)
        j.run = RUN_MAX;
    threads = start_others(workers, threads);
    work(&workers[0]);
    for (size_t i = 1; i < threads; i++)
        pthread_join(workers[i].thread, NULL);
    size_t lowest = atomic_load(&j.lowest);
    for (size_t i = 0; i < threads; i++) {
        if (workers[i].status == CMT_OK || workers[i].index != lowest)
            continue;
        if (err != NULL)
            *err = workers[i].err;
        return cmt_error_prefix(err, workers[i].status,
                                "commit of height %" PRId64 ": signature %zu", commit->height,
                                lowest);
    }
    return CMT_OK;
}

/* ---- a commit ---------------------------------------------------------------------------- */

cmt_status cmt_commit_verify(const char *chain_id, const cmt_validator_set *set,
                             const cmt_block_id *block_id, int64_t height, const cmt_commit *commit,
                             cmt_error *err)
{
    CMT_TRY(check_subject(set, block_id, height, commit, err));
    int64_t total;
    CMT_TRY(cmt_types_total_power(set->validators, set->count, &total, err));
    CMT_TRY(verify_all(chain_id, set, commit, err));
    int64_t tally = 0;
    for (size_t i = 0; i < set->count; i++)
        if (commit->signatures[i].flag == CMT_BLOCK_ID_COMMIT)
            tally += set->validators[i].voting_power;
    if (tally > total * 2 / 3) /* a total is at most an eighth of int64 */
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT,
                         "commit of height %" PRId64 ": signed with %" PRId64
                         " of the voting power; more than %" PRId64 " are needed",
                         height, tally, total * 2 / 3);
}
