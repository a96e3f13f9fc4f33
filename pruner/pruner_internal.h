/* SPDX-License-Identifier: Apache-2.0
 *
 * The pruner's parts: open.c finds and locks, retain.c decides the height, plan.c works out what
 * happens, run.c does it by edits, engine.c through engines, clones.c through engines in clones.
 */
#ifndef CMT_PRUNER_INTERNAL_H
#define CMT_PRUNER_INTERNAL_H

#include <pthread.h>

#include "cmtstore/pruner.h"

/** An engine compacts so much at once.  Nobody saves blocks meanwhile, so it may last; LevelDB waits for the disk and cuts
 *  tables at the end of each step. */
#define CMT_PRUNER__SLICE_BYTES ((size_t)256 << 20)

/** One of the two databases. */
typedef struct cmt_pruner__side {
    const char *name; /* "blockstore" or "state" */
    cmt_buf path;     /* with a terminating NUL */
    cmt_engine engine;
    cmt_db_lock *lock;  /* until an engine, which has its own, opens to write */
    cmt_lsm_edit *edit; /* of the method edit */
    cmt_db *db;
    bool has_work;
} cmt_pruner__side;

/** The size of both directories, taken on a thread of its own while other things are read: looking at
 *  each of thousands of files takes long when nothing of them is cached. */
typedef struct cmt_pruner__survey {
    pthread_t thread;
    bool running;
    cmt_status status;
    cmt_error error;
    uint64_t bytes;
} cmt_pruner__survey;

struct cmt_pruner {
    cmt_pruner_options options;
    /* Both sides report through this one at a time. */
    cmt_progress_hook progress;
    pthread_mutex_t progress_lock;
    char *data_dir;
    int64_t started_ns;
    cmt_pruner__side blocks;
    cmt_pruner__side states;
    cmt_pruner__survey survey;
    cmt_block_store *block_store;
    cmt_state_store *state_store;
    cmt_state state;
    bool node_runs;          /* seen in a dry run: the heights rise */
    cmt_prune_method method; /* never CMT_METHOD_AUTO */

    /* the plan */
    bool planned;
    int64_t retain_height;
    cmt_stores_prune_request request;
    cmt_block_prune block_prune;
    cmt_state_prune state_prune;
    bool have_rules;
    cmt_slice *hash_points;
    cmt_range hash_range;
    cmt_lsm_put block_put;
    cmt_lsm_put *state_puts;
    cmt_prune_plan plan;

    /* what remains to be done after the run; the second of each only where the databases do not lie side by side */
    cmt_lsm_trash *trash[2];
    cmt_lsm_trash *work[2]; /* clones */
};

const char *cmt_pruner__path(const cmt_pruner__side *side);

/** Bytes of the regular files in both database directories. */
CMT_MUST_CHECK cmt_status cmt_pruner__bytes_on_disk(const cmt_pruner *pruner, uint64_t *bytes,
                                                    cmt_error *err);
/** Begin to take their size; survey_end waits for it.  Both may be called again; end without a begin is
 *  an answer of before. */
void cmt_pruner__survey_begin(cmt_pruner *pruner);
CMT_MUST_CHECK cmt_status cmt_pruner__survey_end(cmt_pruner *pruner, cmt_error *err);

/** The status that a failure @p st is to the caller: CMT_STALE only beside a running node. */
cmt_status cmt_pruner__explain(cmt_pruner *pruner, cmt_status st, cmt_error *err);

/** A debug line with the time since *since, which becomes now. */
void cmt_pruner__log_step(const cmt_pruner *pruner, const char *step, int64_t *since);

/** Close stores and databases. */
void cmt_pruner__close_stores(cmt_pruner *pruner);
/** Close stores, databases and edits; what an edit wrote and did not commit is removed. */
void cmt_pruner__close_views(cmt_pruner *pruner);

/** Decide the method from the options and the engines.
 *  @retval CMT_UNSUPPORTED  the method asked for does not work on them */
CMT_MUST_CHECK cmt_status cmt_pruner__choose_method(cmt_pruner *pruner, cmt_error *err);

/** RocksDB has more features than CometBFT uses and the edit knows: is a failure @p st a reason to have the
 *  engine do it?  Nothing was changed by then. */
bool cmt_pruner__may_use_engine(const cmt_pruner *pruner, cmt_status st);
/** Give up what the edit has open and planned, and open both sides with their engine.  @p why: for the log. */
CMT_MUST_CHECK cmt_status cmt_pruner__use_engine(cmt_pruner *pruner, const char *why,
                                                 cmt_error *err);
/** Make the plan, with the engine where the edit does not know the files. */
CMT_MUST_CHECK cmt_status cmt_pruner__make_plan(cmt_pruner *pruner, cmt_error *err);

/** Method engine: open a side for reading; work out what the plan comes to; open both to write, carry it
 *  out and close them. */
CMT_MUST_CHECK cmt_status cmt_pruner__open_to_plan(const cmt_pruner *pruner, cmt_pruner__side *side,
                                                   cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_pruner__plan_engine(cmt_pruner *pruner, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_pruner__run_engine(cmt_pruner *pruner, cmt_error *err);

/** Do the two databases lie in the same directory? */
bool cmt_pruner__side_by_side(const cmt_pruner *pruner);

/** Is an engine at work in the databases themselves?  (Pebble's work in clones, and edits exchange them.) */
bool cmt_pruner__works_in_place(const cmt_pruner *pruner);

/** The plan meets range deletions of pebble's that an edit cannot rewrite: may the engine take over?  Then the
 *  method is engine from here on. */
bool cmt_pruner__turn_to_engine(cmt_pruner *pruner);

/** Prune or compact through the open databases, as planned. */
CMT_MUST_CHECK cmt_status cmt_pruner__carry_out(cmt_pruner *pruner, cmt_error *err);
/** Is there room for what the plan may write?  @retval CMT_NO_SPACE */
CMT_MUST_CHECK cmt_status cmt_pruner__check_space(const cmt_pruner *pruner, cmt_error *err);

/** Method engine on pebble: clone both databases, carry the plan out in the clones, prepare the switch to what
 *  came of them.  Nothing has changed when that fails. */
CMT_MUST_CHECK cmt_status cmt_pruner__prepare_clones(cmt_pruner *pruner, cmt_error *err);
/** Remove the clones. */
cmt_status cmt_pruner__remove_clones(cmt_pruner *pruner, const cmt_progress_hook *progress,
                                     cmt_error *err);

/** About how many stored bytes lie in the ranges. */
CMT_MUST_CHECK cmt_status cmt_pruner__bytes_of(cmt_db *db, const cmt_range *ranges, size_t count,
                                               uint64_t *bytes, cmt_error *err);
/** Make ranges that overlap or have little between them one.  Sorts. */
CMT_MUST_CHECK cmt_status cmt_pruner__join_near(cmt_db *db, cmt_range_list *list, cmt_error *err);
/** Make at most @p most of the list, which is sorted and without overlaps: those with the fewest bytes between them
 *  become one. */
CMT_MUST_CHECK cmt_status cmt_pruner__join_down_to(cmt_db *db, cmt_range_list *list, size_t most,
                                                   cmt_error *err);
/** Compact where the lists say (NULL: nothing), whose ranges may overlap, or everything; shows progress, and stops when
 *  the host asks for it.  One database that fails does not stop the other.
 *  @retval CMT_CANCELLED  the message says how far it came */
CMT_MUST_CHECK cmt_status cmt_pruner__compact_ranges(const cmt_pruner *pruner,
                                                     const cmt_range_list *blocks,
                                                     const cmt_range_list *states, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_pruner__compact_all(const cmt_pruner *pruner, cmt_error *err);

/** Release both locks. */
void cmt_pruner__unlock(cmt_pruner *pruner);

/** The retain height that the options ask for, within the floors.  @p decided_by gets the rule. */
CMT_MUST_CHECK cmt_status cmt_pruner__decide(cmt_pruner *pruner, int64_t *retain_height,
                                             char decided_by[CMT_DECIDED_BY_SIZE], cmt_error *err);

/** What is asked of each store; the evidence height of the states is for the caller to fill in. */
CMT_MUST_CHECK cmt_status cmt_pruner__requests(cmt_block_store *blocks, cmt_state_store *states,
                                               const cmt_stores_prune_request *request,
                                               cmt_block_prune_request *of_blocks,
                                               cmt_state_prune_request *of_states, cmt_error *err);

/** Fill in the key families of the plan. */
CMT_MUST_CHECK cmt_status cmt_pruner__plan_families(cmt_pruner *pruner, cmt_error *err);

/** The edit's input for either side. */
cmt_lsm_edit_spec cmt_pruner__block_spec(cmt_pruner *pruner);
cmt_lsm_edit_spec cmt_pruner__state_spec(cmt_pruner *pruner);

/** How many visible keys the plan removes; -1 when finding out would mean reading too much. */
CMT_MUST_CHECK cmt_status cmt_pruner__count_keys(cmt_pruner *pruner, int64_t *keys, cmt_error *err);

/* ---- marks and cookies (marks.c) ------------------------------------------------------------- */

/** The family of each mark, in layout v1. */
extern const cmt_key_family *const cmt_pruner__marked[CMT_PRUNE_MARKS];
bool cmt_pruner__mark_is_of_states(size_t mark);
/** False: it is none.  Fills in what the cookie of that database tells. */
bool cmt_pruner__read_cookie(cmt_slice cookie, bool of_states, cmt_prune_marks *out);

#endif
