/* SPDX-License-Identifier: Apache-2.0
 *
 * The edit and its parts: plan.c decides, write.c has rewrite.c and level0.c write for a prune on several
 * threads, compact.c plans and writes a compaction, edit.c opens, seals and commits, retire.c takes the old
 * files away.  Where another engine does the work: clone.c and adopt.c.
 */
#ifndef CMT_LSM_EDIT_INTERNAL_H
#define CMT_LSM_EDIT_INTERNAL_H

#include <pthread.h>

#include "builder.h"
#include "file.h"
#include "lsm_internal.h"

/** What becomes of a table of the old state. */
typedef enum cmt_lsm__fate {
    CMT_LSM_KEEP,
    CMT_LSM_DROP,    /* all of it is dead: never read */
    CMT_LSM_REWRITE, /* its live entries go into new tables of the same level */
    CMT_LSM_MARK,    /* stays; its dead keys get tombstones */
    CMT_LSM_MERGE,   /* level 0 only: its live entries go into the merged output */
} cmt_lsm__fate;

typedef struct cmt_lsm__table_plan {
    cmt_lsm__fate fate;
    uint64_t dead_bytes;  /* stored bytes of dead entries, as far as known */
    uint64_t block_bytes; /* of all its data blocks */
    uint64_t skip_bytes;  /* of blocks that are wholly dead */
    uint64_t need_from;   /* where in the file the other blocks lie: [need_from,need_to) */
    uint64_t need_to;
    bool packs;   /* rewritten only to be packed */
    bool fixed;   /* holds range deletions: cannot be rewritten */
    bool absorbs; /* compaction: takes in keys for which no level has a gap */
} cmt_lsm__table_plan;

/** Looks keys up to judge them by their newest value: cheap while they ascend.  Zero-initialise but for
 *  the view that it reads with. */
typedef struct cmt_lsm__judge {
    cmt_lsm_view *view;
    bool open;
    cmt_lsm__merge merge;
    cmt_buf key; /* judged last */
    bool have_key;
    bool dead;
} cmt_lsm__judge;

typedef enum cmt_lsm__stage {
    CMT_LSM_OPENED,
    CMT_LSM_PLANNED,
    CMT_LSM_PREPARED,
    CMT_LSM_COMMITTED,
} cmt_lsm__stage;

/** A table that the edit creates. */
typedef struct cmt_lsm__written {
    uint64_t number;
    bool created;
    uint64_t size; /* 0 while it is being written */
    uint32_t crc;  /* of the whole file */
} cmt_lsm__written;

struct cmt_lsm_edit {
    cmt_lsm_view *view;
    cmt_file_owner owner; /* of CURRENT: new files get it */
    uint64_t min_free_bytes;
    uint64_t table_bytes;
    const cmt_logger *logger;
    const cmt_progress_hook *progress;
    const char *name;
    cmt_lsm__stage stage;
    bool compacting;
    bool observe;        /* never written */
    bool range_dels_met; /* where they would have to be rewritten */
    int clone_fd;        /* directory of the clone that another engine works on; -1: none */
    cmt_lsm_edit_spec spec;

    cmt_lsm__table_plan *plans; /* per table of the old version */

    uint64_t sequence;    /* of everything the edit adds: above all that exists (I4) */
    uint64_t next_number; /* next file number to use */

    /* What writers on several threads share, from here to `counts`. */
    pthread_mutex_t lock;
    cmt_lsm__arena arena;            /* keys of new tables */
    cmt_lsm__table_meta *new_tables; /* the new version: kept tables and written ones */
    size_t new_count;
    size_t new_capacity;
    struct cmt_lsm__written *written; /* the tables created, for reading back and for undoing */
    size_t written_count;
    size_t written_capacity;
    char manifest[CMT_LSM_NAME_MAX]; /* of the new state; empty until created */
    char temp[CMT_LSM_NAME_MAX];     /* N.dbtmp; empty until created */
    uint64_t log_number;             /* of the new state */

    uint64_t bytes_to_write;     /* estimate, for progress */
    uint64_t bytes_read_by_jobs; /* through caches of their own */
    uint64_t bytes_gone_through; /* of it */
    cmt_lsm_edit_counts counts;
};

/* plan.c */

/** Is [lo,hi] (user keys, both included) inside one dead range? */
bool cmt_lsm__inside_dead(const cmt_lsm_edit *edit, cmt_slice lo, cmt_slice hi);
/** Does [lo,hi] touch a dead range, or a judged one? */
bool cmt_lsm__touches_dead(const cmt_lsm_edit *edit, cmt_slice lo, cmt_slice hi);
bool cmt_lsm__touches_judged(const cmt_lsm_edit *edit, cmt_slice lo, cmt_slice hi);
/** Is this user key dead?  Refuses a foreign key in a dead range. */
CMT_MUST_CHECK cmt_status cmt_lsm__is_dead(cmt_lsm_edit *edit, cmt_lsm__judge *judge,
                                           cmt_slice user, bool *dead, cmt_error *err);
/** The same for the key that @p source stands on, whose newest entry that is known to be. */
CMT_MUST_CHECK cmt_status cmt_lsm__is_dead_newest(cmt_lsm_edit *edit, const cmt_lsm__source *source,
                                                  bool *dead, cmt_error *err);
void cmt_lsm__judge_fini(cmt_lsm__judge *judge);
/** Sum up what the plan needs and frees. */
void cmt_lsm__plan_totals(cmt_lsm_edit *edit);

/* pack.c */

/** Have so many tables rewritten as the edit's spec asks to be packed, level 0 (*level0) as one.  The fates are those
 *  of a prune so far. */
CMT_MUST_CHECK cmt_status cmt_lsm__plan_packing(cmt_lsm_edit *edit, bool *level0, cmt_error *err);

/* write.c */

/** Write all new tables of a prune, on several threads. */
CMT_MUST_CHECK cmt_status cmt_lsm__write_prune(cmt_lsm_edit *edit, cmt_error *err);

/* rewrite.c */

/** Write what the tables [from,to) of the old version, on a level from 1 on, become.  @p view: the old
 *  state, for this thread alone. */
CMT_MUST_CHECK cmt_status cmt_lsm__write_tables(cmt_lsm_edit *edit, cmt_lsm_view *view,
                                                unsigned level, size_t from, size_t to,
                                                cmt_error *err);

/* level0.c */

/** Write the one new level-0 table: journal, merged level-0 tables, tombstones, points and puts. */
CMT_MUST_CHECK cmt_status cmt_lsm__write_level0(cmt_lsm_edit *edit, cmt_lsm_view *view,
                                                cmt_error *err);

/* compact.c */

CMT_MUST_CHECK cmt_status cmt_lsm__write_compaction(cmt_lsm_edit *edit, cmt_error *err);

/* edit.c; those of this group may be called by several writers at once. */

/** Make @p builder write tables of this edit; what it writes is added to @p bytes_written. */
void cmt_lsm__edit_init_builder(const cmt_lsm_edit *edit, cmt_lsm__builder *builder,
                                uint64_t *bytes_written);
/** Begin a table in @p builder under the next free number. */
CMT_MUST_CHECK cmt_status cmt_lsm__edit_begin_table(cmt_lsm_edit *edit, cmt_lsm__builder *builder,
                                                    cmt_error *err);
/** Finish the table in @p builder and take it into the new version on @p level. */
CMT_MUST_CHECK cmt_status cmt_lsm__edit_finish_table(cmt_lsm_edit *edit, cmt_lsm__builder *builder,
                                                     unsigned level, cmt_error *err);
/** Take an old table over into the new version. */
CMT_MUST_CHECK cmt_status cmt_lsm__edit_keep_table(cmt_lsm_edit *edit,
                                                   const cmt_lsm__table_meta *table,
                                                   cmt_error *err);
/** Tell the host; CMT_CANCELLED if it wants to stop. */
CMT_MUST_CHECK cmt_status cmt_lsm__edit_progress(cmt_lsm_edit *edit, const char *phase,
                                                 uint64_t done, uint64_t total, cmt_error *err);

/** A writer has gone through @p bytes of old tables: tell the host. */
CMT_MUST_CHECK cmt_status cmt_lsm__edit_wrote(cmt_lsm_edit *edit, uint64_t bytes, cmt_error *err);
/** Add to the counts what a writer has read and written. */
void cmt_lsm__edit_count_bytes(cmt_lsm_edit *edit, uint64_t bytes_read, uint64_t bytes_written);
/** Range deletions stand where this edit would have to rewrite them. */
cmt_status cmt_lsm__holds_range_dels(cmt_lsm_edit *edit, cmt_error *err);

/** An entry's sequence is not below the edit's: then I4 does not hold. */
cmt_status cmt_lsm__sequence_too_high(const cmt_lsm_edit *edit, cmt_error *err);

/* Also in edit.c, for one thread. */

/** Make a note of a table that the edit is about to create. */
CMT_MUST_CHECK cmt_status cmt_lsm__edit_note_written(cmt_lsm_edit *edit, uint64_t number,
                                                     cmt_error *err);
/** Write and sync the MANIFEST of the new state and the temporary file beside CURRENT. */
CMT_MUST_CHECK cmt_status cmt_lsm__edit_write_manifest(cmt_lsm_edit *edit, cmt_error *err);
/** Remove what was created; the old state does not name any of it. */
void cmt_lsm__edit_undo(cmt_lsm_edit *edit);

/* verify.c */

/** Read every written table back: it is what was meant, to the byte. */
CMT_MUST_CHECK cmt_status cmt_lsm__verify_written(cmt_lsm_edit *edit, cmt_error *err);

#endif
