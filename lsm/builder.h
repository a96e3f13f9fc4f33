/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing one table, streaming: blocks go to the file as they fill; only the index stays in memory.  In
 * LevelDB's format, or in RocksDB's format 2 as pebble writes it.
 */
#ifndef CMT_LSM_BUILDER_H
#define CMT_LSM_BUILDER_H

#include "file.h"
#include "properties.h"
#include "version.h"

/** What a stored block holds, as counted entry by entry. */
typedef struct cmt_lsm__block_facts {
    cmt_lsm__properties counts; /* entries, deletions and raw bytes */
    uint64_t smallest_sequence; /* meaningful when there are entries */
    uint64_t largest_sequence;
} cmt_lsm__block_facts;

/** Count one entry. */
void cmt_lsm__block_facts_add(cmt_lsm__block_facts *facts, cmt_slice key, size_t value_size);

typedef struct cmt_lsm__builder {
    int dir_fd;
    cmt_file_owner owner;
    int fd; /* -1: no table begun */
    uint64_t number;
    char name[CMT_LSM_NAME_MAX];
    cmt_buf out;     /* not yet written */
    uint64_t offset; /* bytes of the file so far, `out` included */
    cmt_buf block;   /* the block being filled */
    cmt_buf restarts;
    unsigned in_block; /* entries */
    cmt_buf index;
    cmt_buf index_restarts;
    cmt_buf first_key;
    cmt_buf last_key;
    cmt_buf scratch;
    bool rocksdb_format;        /* to be set before the first table */
    bool rocksdb;               /* the same: for RocksDB, not pebble */
    cmt_lsm__block_facts facts; /* of all entries so far */
    uint64_t data_blocks;
    uint32_t file_crc;       /* CRC-32C of all bytes so far: what reading back must give */
    uint64_t *bytes_written; /* counter of the edit */
} cmt_lsm__builder;

void cmt_lsm__builder_init(cmt_lsm__builder *builder, int dir_fd, const cmt_file_owner *owner,
                           uint64_t *bytes_written);
/** Release everything; an unfinished file is closed, not removed. */
void cmt_lsm__builder_fini(cmt_lsm__builder *builder);

/** Create table @p number. */
CMT_MUST_CHECK cmt_status cmt_lsm__builder_begin(cmt_lsm__builder *builder, uint64_t number,
                                                 cmt_error *err);
bool cmt_lsm__builder_is_open(const cmt_lsm__builder *builder);

/** Add an entry; internal keys must ascend. */
CMT_MUST_CHECK cmt_status cmt_lsm__builder_add(cmt_lsm__builder *builder, cmt_slice key,
                                               cmt_slice value, cmt_error *err);

/** Add a stored block (with its trailer) as it is: a stored block does not depend on its place.
 *  @p first and @p last are its real first and last keys.  Between the table's first and last block its
 *  key in another table's index will do for both, if the block that follows there follows here too: it
 *  lies between the two.  As a table's last it would not do: the last one of an index may lie beyond the
 *  data, and it is no key that exists.  @p facts: what it holds; only tables in RocksDB's format say so, else
 *  NULL. */
CMT_MUST_CHECK cmt_status cmt_lsm__builder_add_block(cmt_lsm__builder *builder, cmt_slice stored,
                                                     cmt_slice first, cmt_slice last,
                                                     const cmt_lsm__block_facts *facts,
                                                     cmt_error *err);

/** Complete, fsync and close the file; @p meta gets number, size and bounds (borrowed from the
 *  builder until it begins another table), builder->file_crc is that of the whole file. */
CMT_MUST_CHECK cmt_status cmt_lsm__builder_finish(cmt_lsm__builder *builder,
                                                  cmt_lsm__table_meta *meta, cmt_error *err);

#endif
