/* SPDX-License-Identifier: Apache-2.0
 *
 * RocksDB directories that cometbft-db wrote: what their OPTIONS file says, what is refused with nothing
 * changed, and that what we write is in the directory's own format.
 */
#include "cmtstore/db.h"

#include "coding.h"
#include "files.h"
#include "log.h"
#include "pairs.h"
#include "rocksdb_options.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIXTURE "multi-0.38-rocksdb"
#define OPTIONS "OPTIONS-000056"

static char *top;
static char *data;
static char *dir;
static cmt_error err;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    data = files_unpack_fixture(FIXTURE, &top);
    dir = files_path(data, "state.db");
}

static void teardown(void)
{
    free(dir);
    free(data);
    files_remove(top);
}

/* RocksDB lists in its LOG what it was opened with. */
static bool opened_with_a_rate_limit(uint64_t bytes_per_s)
{
    const cmt_db_open_options options = {.engine = CMT_ENGINE_ROCKSDB,
                                         .background_bytes_per_s = bytes_per_s};
    cmt_db *db;
    ck_assert_int_eq(cmt_db_open(dir, &options, &db, &err), CMT_OK);
    cmt_db_close(db);
    cmt_buf bytes = files_read(dir, "LOG");
    ck_assert_int_eq(cmt_buf_append(&bytes, "", 1), CMT_OK);
    const char *line = strstr((const char *)bytes.data, "Options.rate_limiter: ");
    ck_assert_ptr_nonnull(line);
    bool has_none = strncmp(line + strlen("Options.rate_limiter: "), "(nil)", 5) == 0;
    cmt_buf_free(&bytes);
    return !has_none;
}

START_TEST(its_background_work_may_be_limited)
{
    ck_assert(!opened_with_a_rate_limit(0));
    ck_assert(opened_with_a_rate_limit((uint64_t)10 << 20));
    ck_assert(opened_with_a_rate_limit(UINT64_MAX));
}
END_TEST

static cmt_status open_db(bool read_only, cmt_db **db)
{
    const cmt_db_open_options options = {.engine = CMT_ENGINE_ROCKSDB, .read_only = read_only};
    return cmt_db_open(dir, &options, db, &err);
}

/* The text of the newest OPTIONS file as a string of its own. */
static char *options_text(void)
{
    char *name = NULL;
    for (unsigned number = 0; number < 1000; number++) {
        char candidate[32];
        snprintf(candidate, sizeof candidate, "OPTIONS-%06u", number);
        if (files_exist(dir, candidate)) {
            free(name);
            name = strdup(candidate);
        }
    }
    ck_assert_ptr_nonnull(name);
    cmt_buf bytes = files_read(dir, name);
    char *text = malloc(bytes.size + 1);
    ck_assert_ptr_nonnull(text);
    memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    cmt_buf_free(&bytes);
    free(name);
    return text;
}

/* The text with one string replaced by another. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    ck_assert_msg(at != NULL, "%s is not in the OPTIONS file", from);
    char *made = NULL;
    ck_assert_int_gt(asprintf(&made, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)), 0);
    return made;
}

static cmt_status read_format(const char *text, cmt_db__rocksdb_format *format)
{
    return cmt_db__rocksdb_format_read(dir, (cmt_slice){(const uint8_t *)text, strlen(text)},
                                       format, &err);
}

static void change_options(const char *from, const char *to)
{
    char *text = options_text();
    char *changed = replaced(text, from, to);
    files_write(dir, OPTIONS, (cmt_slice){(const uint8_t *)changed, strlen(changed)});
    free(changed);
    free(text);
}

/* ---- reading --------------------------------------------------------------------------------- */

START_TEST(reads_what_cometbft_db_set)
{
    cmt_db__rocksdb_format format;
    char *text = options_text();
    pairs_must(read_format(text, &format), &err);
    ck_assert_int_eq(format.format_version, 5);
    ck_assert_int_eq(format.checksum, 4);
    ck_assert_int_eq(format.compression, 1);
    ck_assert_int_eq(format.bottommost_compression, 0xff);
    ck_assert_uint_eq(format.per_level_count, 7);
    for (size_t level = 0; level < 7; level++)
        ck_assert_int_eq(format.per_level[level], level < 2 ? 0 : 4);
    free(text);
}
END_TEST

START_TEST(a_text_cut_anywhere_is_no_more_than_refused)
{
    char *text = options_text();
    size_t refused = 0;
    for (size_t size = strlen(text); size-- > 0;) {
        cmt_db__rocksdb_format format;
        char *cut = malloc(size + 1); /* of exactly that size, for the sanitizer's eyes */
        ck_assert_ptr_nonnull(cut);
        memcpy(cut, text, size);
        cmt_status st =
            cmt_db__rocksdb_format_read(dir, (cmt_slice){(uint8_t *)cut, size}, &format, &err);
        ck_assert(st == CMT_OK || st == CMT_CORRUPT || st == CMT_UNSUPPORTED);
        refused += st != CMT_OK;
        free(cut);
    }
    ck_assert_uint_gt(refused, 1000);
    free(text);
}
END_TEST

/* ---- refused, and nothing changed ------------------------------------------------------------- */

static const struct {
    const char *from;
    const char *to;
    const char *word;
} strange[] = {
    {"rocksdb_version=7.8.3", "rocksdb_version=8.0.0", "RocksDB 8.0.0"},
    {"rocksdb_version=7.8.3", "rocksdb_version=10.2.1", "RocksDB 10.2.1"},
    {"rocksdb_version=7.8.3", "rocksdb_version=main", "RocksDB main"},
    {"format_version=5", "format_version=6", "format_version=6"},
    {"format_version=5", "format_version=", "format_version="},
    {"checksum=kXXH3", "checksum=kBlake3", "checksum=kBlake3"},
    {"compression=kSnappyCompression", "compression=kNewCompression", "compression=kNew"},
    {"kLZ4Compression:", "kNewCompression:", "compression_per_level=kNew"},
    {"kLZ4Compression:", "kLZ4Compression:kLZ4Compression:", "compression_per_level="},
    {"num_levels=7", "num_levels=8", "num_levels=8"},
    {"comparator=leveldb.BytewiseComparator", "comparator=rocksdb.ReverseBytewiseComparator",
     "comparator=rocksdb.Rev"},
    {"table_factory=BlockBasedTable", "table_factory=PlainTable", "table_factory=Plain"},
    {"compaction_style=kCompactionStyleLevel", "compaction_style=kCompactionStyleUniversal",
     "compaction_style=kCompactionStyleUniversal"},
    {"[TableOptions/BlockBasedTable \"default\"]", "[CFOptions \"other\"]", "column family"},
};
#define STRANGE (sizeof strange / sizeof strange[0])

START_TEST(what_we_could_not_write_like_it_is_refused_unchanged)
{
    cmt_db *db;
    change_options(strange[_i].from, strange[_i].to);
    uint64_t before = files_hash(dir);
    ck_assert_int_eq(open_db(false, &db), CMT_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, strange[_i].word) != NULL, "%s", err.message);
    ck_assert_ptr_nonnull(strstr(err.message, "nothing was changed"));
    ck_assert_uint_eq(files_hash(dir), before);
}
END_TEST

START_TEST(an_options_file_that_says_too_little_is_refused_unchanged)
{
    cmt_db *db;
    change_options("  format_version=5\n", "");
    uint64_t before = files_hash(dir);
    ck_assert_int_eq(open_db(false, &db), CMT_CORRUPT);
    ck_assert_uint_eq(files_hash(dir), before);
}
END_TEST

START_TEST(without_an_options_file_it_is_only_read)
{
    cmt_db *db;
    char *names[] = {files_path(dir, OPTIONS), files_path(dir, "OPTIONS-000051")};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(unlink(names[i]), 0);
        free(names[i]);
    }
    uint64_t before = files_hash(dir);
    ck_assert_int_eq(open_db(false, &db), CMT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "no OPTIONS file"));
    pairs_must(open_db(true, &db), &err);
    cmt_db_close(db);
    ck_assert_uint_eq(files_hash(dir), before);
}
END_TEST

/* A record of a MANIFEST with a tag that this RocksDB does not know and may not skip. */
START_TEST(a_manifest_of_a_newer_version_is_refused_unchanged)
{
    cmt_db *db;
    cmt_buf manifest = files_read(dir, "MANIFEST-000054");
    pairs_must(cmt_lsm__log_append(&manifest, CMT_SLICE("\x88\x27\x01x")), &err);
    files_write(dir, "MANIFEST-000054", cmt_buf_slice(&manifest));
    cmt_buf_free(&manifest);
    uint64_t before = files_hash(dir);
    cmt_status st = open_db(false, &db);
    ck_assert_msg(st == CMT_UNSUPPORTED && strstr(err.message, "unknown tag") != NULL, "%s",
                  err.message);
    ck_assert_uint_eq(files_hash(dir), before);
}
END_TEST

START_TEST(a_missing_table_is_refused_unchanged)
{
    cmt_db *db;
    char *table = files_last(dir, ".sst");
    char *path = files_path(dir, table);
    cmt_buf bytes = files_read(dir, table);
    ck_assert_int_eq(unlink(path), 0);
    uint64_t before = files_hash(dir);
    ck_assert_int_ne(open_db(false, &db), CMT_OK);
    ck_assert_uint_eq(files_hash(dir), before);
    files_write(dir, table, cmt_buf_slice(&bytes));
    cmt_buf_free(&bytes);
    pairs_must(open_db(false, &db), &err);
    cmt_db_close(db);
    free(path);
    free(table);
}
END_TEST

START_TEST(who_may_not_write_there_is_told_whose_it_is)
{
    if (geteuid() != 0)
        return; /* who is not root owns all that the test makes */
    ck_assert_int_eq(chmod(top, 0755), 0);
    uint64_t before = files_hash(dir);
    pid_t pid = fork();
    if (pid == 0) {
        cmt_db *db;
        bool as_told = setuid(65534) == 0 && open_db(false, &db) == CMT_IO &&
                       strstr(err.message, "run as the user who owns the database") != NULL;
        _exit(as_told ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(files_hash(dir), before);
}
END_TEST

/* ---- written in the directory's format -------------------------------------------------------- */

static void put_and_flush(void)
{
    cmt_db *db;
    cmt_db_batch *batch;
    pairs_must(open_db(false, &db), &err);
    pairs_must(cmt_db_batch_new(&batch, &err), &err);
    pairs_must(cmt_db_batch_put(batch, CMT_SLICE("zzz"), CMT_SLICE("1"), &err), &err);
    pairs_must(cmt_db_write(db, batch, true, &err), &err);
    cmt_db_batch_free(batch);
    pairs_must(cmt_db_flush(db, &err), &err);
    cmt_db_close(db);
}

/* A table's footer: checksum type, two handles in 40 bytes, format version, magic number. */
static void expect_newest_table(int checksum, uint32_t format_version)
{
    char *table = files_last(dir, ".sst");
    cmt_buf bytes = files_read(dir, table);
    ck_assert_uint_gt(bytes.size, 53);
    ck_assert_int_eq(bytes.data[bytes.size - 53], checksum);
    ck_assert_uint_eq(cmt_load32(bytes.data + bytes.size - 12), format_version);
    cmt_buf_free(&bytes);
    free(table);
}

START_TEST(new_tables_have_the_directorys_format)
{
    put_and_flush();
    expect_newest_table(4, 5);
}
END_TEST

START_TEST(new_tables_have_the_format_of_an_older_directory)
{
    change_options("checksum=kXXH3", "checksum=kCRC32c");
    change_options("format_version=5", "format_version=4");
    change_options("compression=kSnappyCompression", "compression=kNoCompression");
    put_and_flush();
    expect_newest_table(1, 4);
    /* And it stays so: the OPTIONS file that RocksDB has written now says the same. */
    cmt_db__rocksdb_format format;
    char *text = options_text();
    pairs_must(read_format(text, &format), &err);
    ck_assert_int_eq(format.format_version, 4);
    ck_assert_int_eq(format.checksum, 1);
    ck_assert_int_eq(format.compression, 0);
    free(text);
    put_and_flush();
    expect_newest_table(1, 4);
}
END_TEST

START_TEST(a_new_database_has_cometbft_dbs_format)
{
    cmt_db__rocksdb_format theirs;
    cmt_db__rocksdb_format ours;
    char *text = options_text();
    pairs_must(read_format(text, &theirs), &err);
    free(text);
    free(dir);
    dir = files_path(data, "new.db");
    const cmt_db_open_options options = {.engine = CMT_ENGINE_ROCKSDB, .create = true};
    cmt_db *db;
    pairs_must(cmt_db_open(dir, &options, &db, &err), &err);
    cmt_db_close(db);
    text = options_text();
    pairs_must(read_format(text, &ours), &err);
    free(text);
    ck_assert_mem_eq(&ours, &theirs, sizeof ours);
}
END_TEST

START_TEST(reading_only_leaves_every_file_as_it_was)
{
    cmt_db *db;
    struct stat before;
    struct stat after;
    uint64_t hash = files_hash(dir);
    ck_assert_int_eq(stat(dir, &before), 0);
    pairs_must(open_db(true, &db), &err);
    cmt_db_iter *iter;
    pairs_must(cmt_db_iter_new(db, NULL, &iter, &err), &err);
    size_t pairs = 0;
    for (cmt_status st = cmt_db_iter_first(iter, &err); st == CMT_OK; pairs++)
        st = cmt_db_iter_next(iter, &err);
    cmt_db_iter_free(iter);
    cmt_db_close(db);
    ck_assert_uint_gt(pairs, 600);
    ck_assert_uint_eq(files_hash(dir), hash);
    ck_assert_int_eq(stat(dir, &after), 0);
    ck_assert_int_eq(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
    ck_assert_int_eq(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_rocksdb");
    TCase *tc = tcase_create("db_rocksdb");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, its_background_work_may_be_limited);
    tcase_add_test(tc, reads_what_cometbft_db_set);
    tcase_add_test(tc, a_text_cut_anywhere_is_no_more_than_refused);
    tcase_add_loop_test(tc, what_we_could_not_write_like_it_is_refused_unchanged, 0, (int)STRANGE);
    tcase_add_test(tc, an_options_file_that_says_too_little_is_refused_unchanged);
    tcase_add_test(tc, without_an_options_file_it_is_only_read);
    tcase_add_test(tc, a_manifest_of_a_newer_version_is_refused_unchanged);
    tcase_add_test(tc, a_missing_table_is_refused_unchanged);
    tcase_add_test(tc, who_may_not_write_there_is_told_whose_it_is);
    tcase_add_test(tc, new_tables_have_the_directorys_format);
    tcase_add_test(tc, new_tables_have_the_format_of_an_older_directory);
    tcase_add_test(tc, a_new_database_has_cometbft_dbs_format);
    tcase_add_test(tc, reading_only_leaves_every_file_as_it_was);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
