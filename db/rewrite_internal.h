/* SPDX-License-Identifier: Apache-2.0
 *
 * A database that is being written anew.
 */
#ifndef CMT_DB_REWRITE_INTERNAL_H
#define CMT_DB_REWRITE_INTERNAL_H

#include <limits.h>

#include "cmtstore/db_rewrite.h"
#include "guard.h"
#include "recorder.h"

/* ---- where (rewrite_place.c) -------------------------------------------------------------------- */

#define CMT_DB__COPY "copy"         /* in the making */
#define CMT_DB__PREVIOUS "previous" /* the backup that was there, while directories are exchanged */
#define CMT_DB__GONE "gone"         /* on its way out */

/** <parent>/cmtstore/rewrite/<name>/, held by flock while anybody is at work in it; and the backup. */
typedef struct cmt_db__place {
    char *parent;                /* the directory around the database, links resolved */
    char name[NAME_MAX + 1];     /* of the database in it */
    char old_name[NAME_MAX + 1]; /* of the backup */
    int parent_fd;
    int cmtstore_fd;
    int root_fd;
    int home_fd;          /* -1: not held */
    cmt_file_owner owner; /* of the database's directory */
} cmt_db__place;

/** Find out where; changes nothing.  To be released whatever it returns. */
CMT_MUST_CHECK cmt_status cmt_db__place_find(const char *dir, cmt_db__place *place, cmt_error *err);
/** Make the directories and hold them.  @retval CMT_BUSY somebody does */
CMT_MUST_CHECK cmt_status cmt_db__place_hold(cmt_db__place *place, cmt_error *err);
/** Remove what lies there.  A backup that was in the middle of an exchange becomes the backup again. */
CMT_MUST_CHECK cmt_status cmt_db__place_empty(cmt_db__place *place, cmt_error *err);
/** Remove the directories as far as they are empty, and let go. */
void cmt_db__place_release(cmt_db__place *place);
/** "<parent>/cmtstore/rewrite/<name>/copy", to be freed; NULL: no memory. */
char *cmt_db__place_copy_path(const cmt_db__place *place);
/** May a directory here be exchanged with the database's?  @retval CMT_UNSUPPORTED no */
CMT_MUST_CHECK cmt_status cmt_db__place_check(const cmt_db__place *place, cmt_error *err);

/** Remove what cmt_db_open() finds; failures are logged only. */
void cmt_db__rewrite_discard(const char *dir, const cmt_logger *logger);

/* ---- a run -------------------------------------------------------------------------------------- */

typedef struct cmt_db__rewrite {
    cmt_db *db;
    cmt_db *copy;
    cmt_db__guard *guard; /* of db; NULL: in memory */
    cmt_db__place place;
    cmt_db_rewrite_options options; /* with what 0 stands for */
    cmt_db_rewrite_result result;
    cmt_db__recorder recorder;
    cmt_db__record record; /* what is being caught up with */
    uint64_t pairs;        /* in the copy */
    uint64_t done_bytes;   /* of the phase */
    bool halted;           /* writers wait: nobody is asked anything */
    int64_t halted_ns;
} cmt_db__rewrite;

/** A step that tests may let fail. */
CMT_MUST_CHECK cmt_status cmt_db__rewrite_step(const cmt_db__rewrite *rw, const char *step,
                                               cmt_error *err);
/** Between two chunks: is somebody asking to stop, is there room. */
CMT_MUST_CHECK cmt_status cmt_db__rewrite_breathe(const cmt_db__rewrite *rw, const char *phase,
                                                  cmt_error *err);

/** Make the copy what the snapshot @p live holds, see that it is on disk, and read it back. */
CMT_MUST_CHECK cmt_status cmt_db__rewrite_copy(cmt_db__rewrite *rw, cmt_db_iter *live,
                                               cmt_error *err);
/** Copy what rw->record names once more. */
CMT_MUST_CHECK cmt_status cmt_db__rewrite_catch_up(cmt_db__rewrite *rw, cmt_error *err);
/** Does the copy hold of it what the database holds?  Nobody writes. */
CMT_MUST_CHECK cmt_status cmt_db__rewrite_compare(cmt_db__rewrite *rw, cmt_error *err);

/**
 * Put the copy in the database's place.  Writers are kept out; the copy holds everything.
 * @retval CMT_BUSY  iterators or compactions did not end in time; nothing has changed
 */
CMT_MUST_CHECK cmt_status cmt_db__rewrite_exchange(cmt_db__rewrite *rw, cmt_error *err);

#endif
