/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of cmt_db: one suite of cases, run over each backend.
 *
 * A case writes through `db` and reads through reader(), which is the same database but for the view: there a
 * LevelDB is written, and the view opened on its directory.
 */
#ifndef CMT_TEST_CONTRACT_H
#define CMT_TEST_CONTRACT_H

#include <check.h>

#include "cmtstore/db.h"

typedef enum contract_backend { ON_LEVELDB, ON_ROCKSDB, ON_MEMORY, ON_VIEW } contract_backend;

extern contract_backend backend;
extern cmt_db *db;
/** The database's directory, <top>/x.db; NULL for memory. */
extern char *dir;
extern char *top;
extern cmt_error err;

/** How this backend is opened; small buffers, so that little data makes several tables. */
cmt_db_open_options contract_options(void);
/** Fixture of every case: an empty database. */
void contract_setup(void);
void contract_teardown(void);
/** Close and open again; memory stays as it is. */
void contract_reopen(void);
/** Close, the reader too. */
void close_db(void);

/** Where cases read.  Opened anew at each call for the view; nothing to close. */
cmt_db *reader(void);
/** Close what reader() opened, so that `db` may be closed or its files changed. */
void close_reader(void);

/** Is this process a helper, which runs no case? */
extern bool in_helper;
/** Fails the case, ends the helper, unless @p status is CMT_OK. */
void must(cmt_status status);

cmt_slice text(const char *string);
void put(cmt_slice key, cmt_slice value);
void put_text(const char *key, const char *value);
void delete_key(cmt_slice key);
void delete_range(cmt_slice lo, cmt_slice hi);
void write_batch(cmt_db_batch *batch, bool sync);
cmt_db_batch *new_batch(void);
cmt_db_iter *new_iter(cmt_db *from, const cmt_range *bounds);

void expect_value(cmt_db *from, cmt_slice key, cmt_slice value);
void expect_absent(cmt_db *from, cmt_slice key);
void expect_on(cmt_db_iter *iter, cmt_status status, cmt_slice key);

/* ---- keys at the edges ----------------------------------------------------------------------- */

/** Sorted, all different; the first is empty, the last the longest run of 0xff. */
#define EDGES 24
cmt_slice edge(size_t i);
/** The value of edge(i): every kind of content that a value may have. */
cmt_slice edge_value(size_t i);
/** Put all of them. */
void put_edges(void);
/** What follows edge(i) immediately and is not an edge. */
cmt_slice behind_edge(size_t i, cmt_buf *room);
/** Exactly the edges for which `there` is true are in the database, by get and by iteration both ways. */
void expect_edges(cmt_db *from, const bool there[EDGES]);

/** Incompressible bytes that follow from the seed. */
void fill_random(uint8_t *bytes, size_t size, uint64_t seed);
/** Put `count` keys "k%08zu" from `from` on with random values of `size` bytes, in batches. */
void put_many(size_t from, size_t count, size_t size, uint64_t seed);

/** Run this program as a helper in a process of its own: argv[0] is filled in.  Returns its pid, its stdout in
 *  @p out. */
pid_t helper_start(const char *const argv[], int *out);
/** Wait for it to end by itself; its first line as a number, and its exit status through @p status. */
long helper_run(const char *const argv[], int *status);
/** What a helper process does. */
int helper_main(int argc, char **argv);

TCase *read_cases(void);
TCase *iterator_cases(void);
TCase *write_cases(void);
TCase *range_cases(void);
TCase *compaction_cases(void);
TCase *file_cases(void);
TCase *crash_cases(void);
TCase *thread_cases(void);

#endif
