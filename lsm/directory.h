/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of a database directory, told apart by name.
 */
#ifndef CMT_LSM_DIRECTORY_H
#define CMT_LSM_DIRECTORY_H

#include "format.h"

typedef enum cmt_lsm__file_kind {
    CMT_LSM_FILE_TABLE_LDB,
    CMT_LSM_FILE_TABLE_SST,
    CMT_LSM_FILE_LOG,
    CMT_LSM_FILE_MANIFEST,
    CMT_LSM_FILE_TEMP,            /* N.dbtmp, N.tmp; CURRENT.N.dbtmp, temporary.N.dbtmp */
    CMT_LSM_FILE_CURRENT,         /* CURRENT */
    CMT_LSM_FILE_CURRENT_PENDING, /* CURRENT.N: goleveldb between writing and renaming */
    CMT_LSM_FILE_OPTIONS,         /* OPTIONS-N: pebble or RocksDB */
    CMT_LSM_FILE_IDENTITY,        /* IDENTITY: RocksDB */
    CMT_LSM_FILE_FOREIGN_ENGINE, /* N.blob: RocksDB, but not CometBFT's; marker.*, REMOTE-OBJ-CATALOG*:
                                     newer pebble */
    CMT_LSM_FILE_OTHER,          /* LOCK, LOG, LOG.old, CURRENT.bak, anything else */
} cmt_lsm__file_kind;

typedef struct cmt_lsm__file {
    cmt_lsm__file_kind kind;
    uint64_t number; /* where the name has one */
    char name[CMT_LSM_NAME_MAX];
} cmt_lsm__file;

typedef struct cmt_lsm__listing {
    cmt_lsm__file *files; /* all but OTHER, sorted by kind, then number */
    size_t count;
    size_t capacity;
    uint64_t highest_number; /* of any file */
} cmt_lsm__listing;

cmt_lsm__file_kind cmt_lsm__classify(const char *name, uint64_t *number);

/** List @p dir_fd. */
CMT_MUST_CHECK cmt_status cmt_lsm__list(int dir_fd, const char *path, cmt_lsm__listing *out,
                                        cmt_error *err);
void cmt_lsm__listing_free(cmt_lsm__listing *listing);
/** The file of that kind and number, or NULL. */
const cmt_lsm__file *cmt_lsm__listing_find(const cmt_lsm__listing *listing, cmt_lsm__file_kind kind,
                                           uint64_t number);
/** The first file of that kind, or NULL. */
const cmt_lsm__file *cmt_lsm__listing_first(const cmt_lsm__listing *listing,
                                            cmt_lsm__file_kind kind);

#endif
