/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal's parts: what it holds, its bytes (journal_codec.c), its file (journal_file.c).
 */
#ifndef CMT_COMPACTOR_JOURNAL_H
#define CMT_COMPACTOR_JOURNAL_H

#include <pthread.h>

#include "cmtstore/compactor_journal.h"
#include "file.h"
#include "spans.h"

_Static_assert(CMT_JOURNAL_RANGES == CMT_COMPACT_RANGES, "a job has what a flight remembers");

/** A job that is not completed. */
typedef struct cmt_compactor__open_job {
    cmt_job job;
    cmt_compactor__spans ranges[CMT_JOURNAL_SIDES];
    cmt_journal_counters began[CMT_JOURNAL_SIDES]; /* counters when it began; not stored */
} cmt_compactor__open_job;

/** All that is stored. */
typedef struct cmt_compactor__record {
    uint64_t next_id;
    cmt_journal_database databases[CMT_JOURNAL_SIDES];
    size_t open_count;
    size_t ended_count;
    cmt_compactor__open_job open[CMT_JOURNAL_OPEN];
    cmt_job ended[CMT_JOURNAL_ENDED]; /* completed, in the order in which they were */
} cmt_compactor__record;

/** A new journal's. */
void cmt_compactor__record_init(cmt_compactor__record *record);

/* The most that a record takes up, with room. */
#define CMT_COMPACTOR__JOURNAL_BYTES ((size_t)1 << 20)

/** Replace @p out by the file that stands for @p record. */
CMT_MUST_CHECK cmt_status cmt_compactor__journal_encode(const cmt_compactor__record *record,
                                                        cmt_buf *out, cmt_error *err);
/** Read a file.  On failure @p out is undefined.
 *  @retval CMT_CORRUPT      damaged or foreign
 *  @retval CMT_UNSUPPORTED  of a newer version */
CMT_MUST_CHECK cmt_status cmt_compactor__journal_decode(cmt_slice file, cmt_compactor__record *out,
                                                        cmt_error *err);

/** Where the file lies. */
typedef struct cmt_compactor__journal_place {
    int dir_fd; /* of the data directory; -1: none, in memory only */
    cmt_file_owner owner;
    bool made;       /* the file and its directory are durably there */
    bool unreadable; /* what is there is to be set aside */
} cmt_compactor__journal_place;

/** @p data_dir may be NULL. */
CMT_MUST_CHECK cmt_status cmt_compactor__journal_find(const char *data_dir,
                                                      cmt_compactor__journal_place *out,
                                                      cmt_error *err);
/** Read the whole file.
 *  @retval CMT_NOT_FOUND    there is none (no message)
 *  @retval CMT_UNSUPPORTED  it is larger than any journal, or no file */
CMT_MUST_CHECK cmt_status cmt_compactor__journal_load(const cmt_compactor__journal_place *place,
                                                      cmt_buf *out, cmt_error *err);
/** Replace the file.  Durable on return; on failure the old one or the new one is there. */
CMT_MUST_CHECK cmt_status cmt_compactor__journal_store(cmt_compactor__journal_place *place,
                                                       cmt_slice file, cmt_error *err);
void cmt_compactor__journal_leave(cmt_compactor__journal_place *place);

/* ---- changes --------------------------------------------------------------------------------- */

/* A change is made on a copy, stored, and only then taken over.  `writer` is held throughout and lets one change
 * happen at a time; `lock` guards what everyone reads and is held for copying only, never across I/O. */
struct cmt_compact_journal {
    cmt_compact_journal_options options;
    pthread_mutex_t writer;
    /* writer */
    cmt_compactor__journal_place place;
    cmt_compactor__record *next;                   /* the copy */
    cmt_journal_counters taken[CMT_JOURNAL_SIDES]; /* of `noted` into the copy */
    cmt_buf file;
    pthread_mutex_t lock; /* behind writer; nothing is taken under it */
    /* lock; `now` is changed with both held, so either suffices to read it */
    cmt_compactor__record *now;
    cmt_journal_counters noted[CMT_JOURNAL_SIDES]; /* not in `now` yet */
};

/** The copy that a change is made on, with what was noted.  The caller holds `writer`, also for the next. */
cmt_compactor__record *cmt_compactor__begin_change_locked(cmt_compact_journal *j);
/** Store the copy and take it over.  On failure nothing has changed. */
CMT_MUST_CHECK cmt_status cmt_compactor__end_change_locked(cmt_compact_journal *j, cmt_error *err);
/** NULL: there is none. */
cmt_compactor__open_job *cmt_compactor__find_open(cmt_compactor__record *record, uint64_t id);
void cmt_compactor__take_counters(cmt_journal_counters *from, const cmt_journal_counters *less);

#endif
