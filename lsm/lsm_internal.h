/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of lsm/ know of each other: the snapshot that views and edits share.
 */
#ifndef CMT_LSM_INTERNAL_H
#define CMT_LSM_INTERNAL_H

#include "dialect.h"
#include "source.h"

/** A snapshot of a directory: MANIFEST, live logs, and the caches over its tables. */
struct cmt_lsm_view {
    char *path;
    int dir_fd;
    cmt_lsm__version version;
    cmt_lsm__journal journal;
    cmt_lsm__dialect dialect;
    cmt_lsm__cache cache;
    char manifest_name[CMT_LSM_NAME_MAX];
    uint64_t manifest_size;
    uint64_t highest_number; /* of any file in the directory */
    bool pending_current;    /* a CURRENT.<n> was there */
};

/** One attempt at a snapshot.  @retval CMT_STALE files changed underneath */
CMT_MUST_CHECK cmt_status cmt_lsm__snapshot(const char *dir, const cmt_lsm_view_options *options,
                                            cmt_lsm_view **out, cmt_error *err);

/** Some of a view's tables, told by their places in its version. */
typedef struct cmt_lsm__selection {
    bool (*wants)(const void *context, size_t table);
    const void *context;
    cmt_slice upper; /* user key that bounds reading ahead; empty: none; borrowed */
} cmt_lsm__selection;

/** Add sources over the selected tables to @p merge: one per table of level 0, one per deeper level. */
CMT_MUST_CHECK cmt_status cmt_lsm__view_add_tables(cmt_lsm_view *view,
                                                   const cmt_lsm__selection *selection,
                                                   cmt_lsm__merge *merge, cmt_error *err);
/** Add the journal to @p merge, if it holds anything. */
CMT_MUST_CHECK cmt_status cmt_lsm__view_add_journal(cmt_lsm_view *view, cmt_lsm__merge *merge,
                                                    cmt_error *err);
/** Add the sources of @p view to @p merge that can hold keys of @p bounds (user keys; NULL: all). */
CMT_MUST_CHECK cmt_status cmt_lsm__view_sources(cmt_lsm_view *view, const cmt_range *bounds,
                                                cmt_lsm__merge *merge, cmt_error *err);

/** Does a table have keys in [lo,hi)? */
bool cmt_lsm__table_overlaps(const cmt_lsm__table_meta *table, const cmt_range *range);

/** Read the file @p file, which is CURRENT or like it: the MANIFEST it names.
 *  @retval CMT_NOT_FOUND  there is none (no message) */
CMT_MUST_CHECK cmt_status cmt_lsm__read_current(int dir_fd, const char *file,
                                                char manifest[CMT_LSM_NAME_MAX], uint64_t *number,
                                                cmt_error *err);

/** Out of memory, with a sentence. */
cmt_status cmt_lsm__no_memory(cmt_error *err);

#endif
