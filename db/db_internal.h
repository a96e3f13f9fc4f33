/* SPDX-License-Identifier: Apache-2.0
 *
 * What a backend of cmt_db provides.  A backend defines its own struct whose first member is a
 * struct cmt_db (or cmt_db_iter), fills in `ops`, and hands out a pointer to that first member;
 * db.c calls through `ops` and keeps the rules that are the same for all.
 *
 * What db.c does before and after a call, so that no backend has to:
 *  - close and free are never called with NULL;
 *  - an iterator's `standing` is true exactly after a move that returned CMT_OK; next and prev are
 *    called only then, key and value too;
 *  - `bounds` is never NULL (no bounds: both slices empty);
 *  - what needs a capability is called only if `capabilities` has it; the operations behind
 *    CMT_DB_WRITABLE are write, flush, compact_range;
 *  - an empty batch is not written; a range that holds nothing is neither compacted nor dropped;
 *  - while the engine is exchanged (rewrite.c) nothing is called and no iterator is open; but cancel_compaction
 *    and bytes_read may be called at any time.
 * A backend does not call cmt_db_...() on itself: it is inside a gate already (gate.h).
 */
#ifndef CMT_DB_DB_INTERNAL_H
#define CMT_DB_DB_INTERNAL_H

#include <pthread.h>

#include "cmtstore/db.h"
#include "gate.h"

typedef struct cmt_db__guard cmt_db__guard;
typedef struct cmt_db__recorder cmt_db__recorder;

/** How a backend's database is written anew (rewrite.c). */
typedef struct cmt_db__rewrite_ops {
    /** Where it lies: directory, locks, owner.  NULL for memory, which then has neither suspend nor resume. */
    cmt_db__guard *(*guard)(cmt_db *db);
    /** An empty database of the same kind with the same settings, in the empty directory @p dir; what it is told
     *  is not durable before it was flushed. */
    cmt_status (*open_copy)(cmt_db *db, const char *dir, cmt_db **out, cmt_error *err);
    /** Write all into tables and close the engine; both locks stay.  After a failure the engine may be closed
     *  or not: resume. */
    cmt_status (*suspend)(cmt_db *db, cmt_error *err);
    /** Open the engine on what is in the directory now.  CMT_OK also if it is open. */
    cmt_status (*resume)(cmt_db *db, cmt_error *err);
    /** Each takes the other's contents: of the guard what belongs to the files; for memory the pairs. */
    void (*swap)(cmt_db *db, cmt_db *copy);
} cmt_db__rewrite_ops;

typedef struct cmt_db_ops {
    /** Replace @p value by a copy of the newest value.  CMT_NOT_FOUND: absent, no message. */
    cmt_status (*get)(cmt_db *db, cmt_slice key, cmt_buf *value, cmt_error *err);
    /** Make an iterator; @p bounds is only borrowed for the call. */
    cmt_status (*iter_new)(cmt_db *db, const cmt_range *bounds, cmt_db_iter **out, cmt_error *err);
    cmt_status (*approximate_bytes)(cmt_db *db, cmt_range range, uint64_t *bytes, cmt_error *err);
    void (*will_need)(cmt_db *db, cmt_range range); /* NULL: nothing to fetch */
    uint64_t (*bytes_read)(const cmt_db *db);
    void (*close)(cmt_db *db);

    cmt_status (*write)(cmt_db *db, const cmt_db_batch *batch, bool sync, cmt_error *err);
    cmt_status (*flush)(cmt_db *db, cmt_error *err);
    cmt_status (*compact_range)(cmt_db *db, cmt_range range, cmt_error *err);
    void (*cancel_compaction)(cmt_db *db, bool cancel); /* NULL: compact_range never waits */
    cmt_status (*drop_files)(cmt_db *db, cmt_range range, cmt_error *err);
    cmt_status (*get_stats)(cmt_db *db, cmt_db_stats *out, cmt_error *err); /* *out is zeroed */
    unsigned capabilities;              /* of cmt_db_capability */
    const cmt_db__rewrite_ops *rewrite; /* NULL: cannot be written anew */
} cmt_db_ops;

typedef struct cmt_db__user cmt_db__user;

/** References and shutdown (shutdown.c).  All zero: one reference, nobody to tell. */
typedef struct cmt_db__life {
    /* A leaf: nothing is called with it held.  Guards what stands up to the blank line. */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a reference went, a call to a user ended, a user came */
    size_t more_references; /* beyond the first */
    cmt_db__user *users;
    unsigned shutdowns;  /* cmt_db_shutdown() calls that run */
    uint64_t shutdown;   /* counts them; those that overlap are one */
    cmt_db_claim *claim; /* the newest (claim.c); NULL: there was none */

    pthread_mutex_t cancel_lock; /* held across the engine's cancel_compaction; guards the rest */
    bool cancelled_by_caller;
    unsigned cancelled_by_shutdown; /* calls that want it */
} cmt_db__life;

/** Who is at work in the engine, so that it can be exchanged.  All zero: nobody. */
typedef struct cmt_db__access {
    cmt_db__gate writers;       /* around whoever writes, until the write is recorded */
    cmt_db__gate calls;         /* around every call to the engine */
    cmt_db__gate stays;         /* what lasts beyond one call, or long: iterators, compactions */
    cmt_db__recorder *recorder; /* changed only while no writer is inside; NULL: none */
    atomic_bool rewriting;
    atomic_bool lost; /* the engine could not be opened again */
} cmt_db__access;

/* What stands behind `ops` is kept by db.c and its neighbours; a backend zero-initialises it and never looks. */
struct cmt_db {
    const cmt_db_ops *ops;
    bool unsynced;
    cmt_db__life life;
    cmt_db__access access;
};

/** Does anybody want compactions stopped, a shutdown included? */
bool cmt_db__cancel_wanted(cmt_db *db);

typedef struct cmt_db_iter_ops {
    cmt_status (*first)(cmt_db_iter *iter, cmt_error *err);
    cmt_status (*last)(cmt_db_iter *iter, cmt_error *err);
    cmt_status (*seek)(cmt_db_iter *iter, cmt_slice key, cmt_error *err);
    cmt_status (*seek_before)(cmt_db_iter *iter, cmt_slice key, cmt_error *err);
    cmt_status (*next)(cmt_db_iter *iter, cmt_error *err);
    cmt_status (*prev)(cmt_db_iter *iter, cmt_error *err);
    cmt_slice (*key)(const cmt_db_iter *iter);
    cmt_slice (*value)(const cmt_db_iter *iter);
    void (*free)(cmt_db_iter *iter);
} cmt_db_iter_ops;

struct cmt_db_iter {
    const cmt_db_iter_ops *ops;
    /* Kept by db.c; a backend zero-initialises them and never looks. */
    bool standing;
    cmt_db *db;
};

#endif
