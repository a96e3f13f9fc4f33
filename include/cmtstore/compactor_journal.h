/* SPDX-License-Identifier: Apache-2.0
 *
 * What compaction remembers across restarts: the jobs, and for each database a cookie of what has been finished.
 *
 *   submit ──▶ submitted ──begin──▶ running ──end──▶ completed
 *                  ▲                   │  └──end──▶ failed ──begin──▶ running
 *                  └── stopped, or the process ended
 *
 * DURABILITY  submit, begin, end and flush return when the file says so; when they fail, nothing has changed.  One
 * file, <data_dir>/cmtstore/compactor.journal, is replaced as a whole.  It helps and does not rule: without it
 * everything counts as not compacted yet, and no pair of any database hangs on it.
 * UNREADABLE  A file that is damaged, foreign or of a newer version is set aside with the first change
 * (compactor.journal.unreadable), a warning tells why, and the journal begins anew: no jobs, empty cookies.
 * COOKIES are the host's (the pruner's): bytes that are kept and handed back.
 * TIMES are of the wall clock, in nanoseconds; 0: never.
 * THREADS  Any thread may call anything but close at any time.  cmt_compact_journal_note() and the functions that read do no
 * I/O and do not wait for any.  One process at a time: whoever holds the databases.
 */
#ifndef CMTSTORE_COMPACTOR_JOURNAL_H
#define CMTSTORE_COMPACTOR_JOURNAL_H

#include "cmtstore/keys.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Jobs that are not completed, and completed ones that are kept. */
#define CMT_JOURNAL_OPEN 8
#define CMT_JOURNAL_ENDED 32
/** Ranges of one job in one database; of more the nearest neighbours become one. */
#define CMT_JOURNAL_RANGES 64
#define CMT_JOURNAL_COOKIE 64

/** The databases, as indexes. */
typedef enum cmt_journal_side {
    CMT_JOURNAL_STATE,
    CMT_JOURNAL_BLOCKSTORE,
    CMT_JOURNAL_SIDES
} cmt_journal_side;

typedef enum cmt_job_kind {
    CMT_JOB_RANGES,
    CMT_JOB_FULL,
    CMT_JOB_REWRITE,
} cmt_job_kind;

typedef enum cmt_job_status {
    CMT_JOB_SUBMITTED,
    CMT_JOB_RUNNING,
    CMT_JOB_COMPLETED,
    CMT_JOB_FAILED, /* at its last attempt; may begin again */
} cmt_job_status;

/** "ranges", "full", "rewrite". */
CMT_API const char *cmt_job_kind_name(cmt_job_kind kind);
/** "submitted", "running", "completed", "failed". */
CMT_API const char *cmt_job_status_name(cmt_job_status status);

/** One job.  Plain: copied by value. */
typedef struct cmt_job {
    uint64_t id; /* from 1, never used twice by one journal */
    bool databases[CMT_JOURNAL_SIDES];
    cmt_job_kind kind;
    cmt_job_status status;
    uint32_t attempts;
    int64_t submitted_ns;
    int64_t started_ns; /* of the last attempt */
    int64_t ended_ns;
    char label[48];
    char trigger[96];
    char error[512]; /* of the last attempt */
} cmt_job;

/** What a job shall do.  Borrowed for the call; texts that are too long are cut. */
typedef struct cmt_job_request {
    cmt_job_kind kind;
    const char *label;   /* NULL: "" */
    const char *trigger; /* NULL: "" */
    bool databases[CMT_JOURNAL_SIDES];
    const cmt_range_list *ranges[CMT_JOURNAL_SIDES]; /* NULL or empty: the whole database */
} cmt_job_request;

/** What happened in a database since it was last compacted to the end. */
typedef struct cmt_journal_counters {
    uint64_t dead_bytes;
    uint64_t tombstones;
    uint64_t heights; /* pruned */
} cmt_journal_counters;

/** What is known of one database. */
typedef struct cmt_journal_database {
    uint8_t cookie[CMT_JOURNAL_COOKIE];
    size_t cookie_size;          /* 0: none: everything counts as not compacted yet */
    int64_t last_ns;             /* end of the last compaction that finished */
    int64_t failed_ns;           /* end of the last one that failed */
    uint32_t failures;           /* in a row since then */
    cmt_journal_counters counts; /* what was noted and not flushed included */
} cmt_journal_database;

/** How a running job ended. */
typedef struct cmt_job_end {
    /** CMT_JOB_COMPLETED: in all its databases, durably.  CMT_JOB_FAILED.  CMT_JOB_SUBMITTED: it was stopped, and
     *  shall go on another time. */
    cmt_job_status status;
    /** The database was compacted to the end (completed: all are): its counters lose what they were when the job
     *  began. */
    bool finished[CMT_JOURNAL_SIDES];
    /** The new cookie of a finished database, at most CMT_JOURNAL_COOKIE bytes; empty: the old one stays. */
    cmt_slice cookie[CMT_JOURNAL_SIDES];
    /** What is left to do, of a database that is not finished; NULL: what there was. */
    const cmt_range_list *rest[CMT_JOURNAL_SIDES];
    const char *error; /* of a failure; NULL: "" */
} cmt_job_end;

typedef struct cmt_compact_journal cmt_compact_journal;

typedef struct cmt_compact_journal_options {
    const char *data_dir;     /* with the databases; must exist.  NULL: in memory only */
    const cmt_logger *logger; /* borrowed; NULL: silence */
    /** Nanoseconds of the wall clock; NULL: the system's. */
    int64_t (*clock_ns)(void *context);
    void *clock_context;
} cmt_compact_journal_options;

/**
 * Read the journal, if there is one; writes nothing.  Jobs that were running are submitted again.
 *
 * @param options  NULL: in memory only
 * @retval CMT_NOT_FOUND  data_dir does not exist
 * @retval CMT_IO         the file cannot be read; its contents are another matter, see above
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_journal_open(
    const cmt_compact_journal_options *options, cmt_compact_journal **out, cmt_error *err);
/** Release; what was noted and not flushed is forgotten.  NULL is fine. */
CMT_API void cmt_compact_journal_close(cmt_compact_journal *journal);

/**
 * A new job.  Durable on return.  Where CMT_JOURNAL_OPEN are open already it joins one of the same kind and databases
 * that is not running, whose id is the answer.
 *
 * @retval CMT_INVALID  no database, or no such kind
 * @retval CMT_BUSY     there is no room, and none to join
 * @retval CMT_NO_SPACE, CMT_IO, CMT_NO_MEMORY  nothing has changed
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_journal_submit(cmt_compact_journal *journal,
                                                             const cmt_job_request *request,
                                                             uint64_t *id, cmt_error *err);
/** A submitted or failed job runs.  Durable on return.  @retval CMT_INVALID  there is none of this id */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_journal_begin(cmt_compact_journal *journal,
                                                            uint64_t id, cmt_error *err);
/** A running job has ended.  Durable on return.  @retval CMT_INVALID  none of this id runs, or a cookie is too long */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_journal_end(cmt_compact_journal *journal, uint64_t id,
                                                          const cmt_job_end *end, cmt_error *err);

/** Add to the counters of a database.  Durable with the next change or flush: a crash before may lose it. */
CMT_API void cmt_compact_journal_note(cmt_compact_journal *journal, cmt_journal_side side,
                                      const cmt_journal_counters *add);
/** Make what was noted durable.  Writes nothing if there is nothing new. */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_journal_flush(cmt_compact_journal *journal,
                                                            cmt_error *err);

/** Copy the newest jobs, at most @p max, newest first.  Returns how many. */
CMT_API size_t cmt_compact_journal_jobs(cmt_compact_journal *journal, cmt_job *out, size_t max);
/** Append copies of what an open job has to do (NULL: not wanted); a range without bounds is the whole database.
 *  @retval CMT_NOT_FOUND  no open job has this id */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_journal_ranges(cmt_compact_journal *journal,
                                                             uint64_t id, cmt_range_list *state,
                                                             cmt_range_list *blockstore,
                                                             cmt_error *err);
CMT_API cmt_journal_database cmt_compact_journal_database(cmt_compact_journal *journal,
                                                          cmt_journal_side side);

#ifdef __cplusplus
}
#endif

#endif
