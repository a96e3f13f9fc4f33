/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory around an open database: locks, other engines, damage, what is left behind.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"
#include "files.h"

static cmt_status open_again(const char *path, cmt_engine engine, cmt_db **out)
{
    cmt_db_open_options options = contract_options();
    options.engine = engine;
    return cmt_db_open(path, &options, out, &err);
}

/* Descriptors that this process has open. */
static unsigned open_descriptors(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

START_TEST(a_second_open_is_refused_and_changes_nothing)
{
    cmt_db *second;
    int status;
    put_text("a", "1");
    char *link = files_path(top, "link.db");
    ck_assert_int_eq(symlink(dir, link), 0);
    uint64_t before = files_hash(dir);
    unsigned descriptors = open_descriptors();
    ck_assert_int_eq(open_again(dir, contract_options().engine, &second), CMT_BUSY);
    ck_assert_ptr_null(second);
    ck_assert_int_eq(open_again(link, contract_options().engine, &second), CMT_BUSY);
    ck_assert_int_eq(helper_run((const char *[]){"open", dir, NULL}, &status), CMT_BUSY);
    /* Had the refusals dropped the engine's own lock, this one would get in. */
    ck_assert_int_eq(helper_run((const char *[]){"open", link, NULL}, &status), CMT_BUSY);
    cmt_db_lock *lock;
    ck_assert_int_eq(cmt_db_lock_take(dir, &lock, &err), CMT_BUSY);
    ck_assert_uint_eq(files_hash(dir), before);
    ck_assert_uint_eq(open_descriptors(), descriptors);
    free(link);
    close_db();
    ck_assert_int_eq(helper_run((const char *[]){"open", dir, NULL}, &status), CMT_OK);
    contract_reopen();
}
END_TEST

START_TEST(the_engine_keeps_its_own_lock_while_open)
{
    /* As an engine of another process, which knows no flock, would. */
    char *path = files_path(dir, "LOCK");
    cmt_db *second;
    ck_assert_int_eq(open_again(dir, contract_options().engine, &second), CMT_BUSY);
    pid_t pid = fork();
    if (pid == 0) {
        struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        _exit(fcntl(open(path, O_RDWR), F_SETLK, &record) == 0 ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_ne(status, 0);
    free(path);
}
END_TEST

START_TEST(another_engines_files_are_refused_and_left_alone)
{
    cmt_db *other;
    put_text("a", "1");
    close_db();
    uint64_t before = files_hash(dir);
    cmt_engine wrong = backend == ON_ROCKSDB ? CMT_ENGINE_GOLEVELDB : CMT_ENGINE_ROCKSDB;
    ck_assert_int_eq(open_again(dir, wrong, &other), CMT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "nothing was changed"));
    ck_assert_int_eq(open_again(dir, CMT_ENGINE_PEBBLEDB, &other), CMT_UNSUPPORTED);
    ck_assert_int_eq(open_again(dir, CMT_ENGINE_UNKNOWN, &other), CMT_UNSUPPORTED);
    ck_assert_uint_eq(files_hash(dir), before);
    contract_reopen();
    expect_value(db, text("a"), text("1"));
}
END_TEST

START_TEST(what_is_not_there_is_not_made_unless_wanted)
{
    cmt_db_open_options options = contract_options();
    cmt_db *none;
    char *absent = files_path(top, "absent.db");
    options.create = false;
    ck_assert_int_eq(cmt_db_open(absent, &options, &none, &err), CMT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "absent.db"));
    options.create = true;
    options.read_only = true;
    ck_assert_int_eq(cmt_db_open(absent, &options, &none, &err), CMT_NOT_FOUND);
    ck_assert(!files_exist(top, "absent.db"));
    free(absent);
}
END_TEST

/* A name below top; the marker of a LevelDB that is open. */
#define MARKER "cmtstore/leveldb-open-x.db"

START_TEST(a_closed_leveldb_leaves_no_log_and_no_marker)
{
    put_text("a", "1");
    ck_assert(files_exist(top, MARKER));
    bool needed = false;
    must(cmt_db_needs_heal(dir, &needed, &err));
    ck_assert(needed);
    bool healed = true;
    ck_assert_int_eq(cmt_db_heal(dir, NULL, &healed, &err), CMT_BUSY);
    ck_assert(!healed);
    close_db();
    ck_assert(!files_exist(top, "cmtstore"));
    char *log = files_last(dir, ".log");
    ck_assert_ptr_nonnull(log);
    cmt_buf bytes = files_read(dir, log);
    ck_assert_uint_eq(bytes.size, 0);
    cmt_buf_free(&bytes);
    free(log);
    must(cmt_db_heal(dir, NULL, &healed, &err));
    ck_assert(!healed);
    contract_reopen();
    expect_value(db, text("a"), text("1"));
}
END_TEST

/* Tables of the directory, and those that its MANIFEST names. */
static unsigned tables_named(void)
{
    cmt_db_stats stats;
    cmt_db *view;
    unsigned count = 0;
    must(cmt_db_open_view(dir, NULL, &view, &err));
    must(cmt_db_get_stats(view, &stats, &err));
    for (size_t level = 0; level < CMT_DB_LEVELS; level++)
        count += (unsigned)stats.tables[level];
    cmt_db_close(view);
    return count;
}

START_TEST(a_leveldb_closed_while_it_compacts_leaves_no_table_that_nothing_names)
{
    for (unsigned round = 0; round < 6; round++) {
        put_many(0, 3000, 1000, round);
        close_db();
        ck_assert_uint_eq(files_count(dir, ".ldb"), tables_named());
        contract_reopen();
    }
}
END_TEST

START_TEST(a_marker_that_a_dead_process_left_is_healed)
{
    bool healed = false;
    put_text("a", "1");
    close_db();
    free(files_make_dir(top, "cmtstore"));
    files_write(top, MARKER, CMT_SLICE(""));
    must(cmt_db_heal(dir, NULL, &healed, &err));
    ck_assert(healed);
    ck_assert(!files_exist(top, "cmtstore"));
    contract_reopen();
    expect_value(db, text("a"), text("1"));
}
END_TEST

START_TEST(a_pending_current_is_refused_and_left_alone)
{
    cmt_db *none;
    put_text("a", "1");
    close_db();
    files_write(dir, "CURRENT.7", CMT_SLICE("MANIFEST-000007\n"));
    char *lock = files_path(dir, "LOCK"); /* as in a copy; it is not made for nothing */
    ck_assert_int_eq(unlink(lock), 0);
    free(lock);
    uint64_t before = files_hash(dir);
    ck_assert_int_eq(open_again(dir, CMT_ENGINE_GOLEVELDB, &none), CMT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "CURRENT.<n>"));
    ck_assert_uint_eq(files_hash(dir), before);
    ck_assert(!files_exist(top, "cmtstore"));
    char *path = files_path(dir, "CURRENT.7");
    ck_assert_int_eq(unlink(path), 0);
    free(path);
    contract_reopen();
}
END_TEST

/* ---- damage ---------------------------------------------------------------------------------- */

static void damage_a_table(void)
{
    const char *suffix = backend == ON_ROCKSDB ? ".sst" : ".ldb";
    char *name = files_last(dir, suffix);
    ck_assert_ptr_nonnull(name);
    cmt_buf bytes = files_read(dir, name);
    bytes.data[bytes.size / 3] ^= 0x10;
    files_write(dir, name, cmt_buf_slice(&bytes));
    cmt_buf_free(&bytes);
    free(name);
}

START_TEST(damage_in_a_table_is_said_by_get_and_iterator)
{
    put_many(0, 80, 10000, 1);
    must(cmt_db_flush(db, &err));
    close_db();
    damage_a_table();
    contract_reopen();
    cmt_db *from = reader();
    unsigned corrupt = 0;
    for (size_t i = 0; i < 80; i++) {
        char key[16];
        cmt_buf value = CMT_BUF_INIT;
        snprintf(key, sizeof key, "k%08zu", i);
        cmt_status st = cmt_db_get(from, text(key), &value, &err);
        ck_assert_msg(st == CMT_OK || st == CMT_CORRUPT, "%s", err.message);
        corrupt += st == CMT_CORRUPT;
        cmt_buf_free(&value);
    }
    ck_assert_uint_gt(corrupt, 0);
    cmt_db_iter *iter = new_iter(from, NULL);
    cmt_status forward = cmt_db_iter_first(iter, &err);
    while (forward == CMT_OK)
        forward = cmt_db_iter_next(iter, &err);
    ck_assert_int_eq(forward, CMT_CORRUPT);
    cmt_status backward = cmt_db_iter_last(iter, &err);
    while (backward == CMT_OK)
        backward = cmt_db_iter_prev(iter, &err);
    ck_assert_int_eq(backward, CMT_CORRUPT);
    cmt_db_iter_free(iter);
}
END_TEST

/* ---- reading only ---------------------------------------------------------------------------- */

START_TEST(reading_only_works_beside_a_writer_and_writes_nothing)
{
    cmt_db_open_options options = contract_options();
    cmt_db *look;
    for (size_t i = 0; i < 20; i++) /* no more, so that the engine is at rest */
        put(edge(i), edge_value(i));
    options.read_only = true;
    uint64_t before = files_hash(dir);
    must(cmt_db_open(dir, &options, &look, &err));
    for (size_t i = 0; i < 20; i++)
        expect_value(look, edge(i), edge_value(i));
    ck_assert_int_eq(cmt_db_capabilities(look) & CMT_DB_WRITABLE, 0);
    cmt_db_stats stats;
    must(cmt_db_get_stats(look, &stats, &err));
    ck_assert_uint_gt(stats.log_bytes, 0);
    cmt_db_close(look);
    ck_assert_uint_eq(files_hash(dir), before);
    put_text("after", "1");
    expect_value(reader(), text("after"), text("1"));
}
END_TEST

/* ---- owners ---------------------------------------------------------------------------------- */

static void expect_owners(uid_t uid, gid_t gid, mode_t mode)
{
    const char *names[] = {"CURRENT", "LOCK", "LOG"};
    for (size_t i = 0; i < 3; i++) {
        struct stat st;
        char *path = files_path(dir, names[i]);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_uid, uid);
        ck_assert_uint_eq(st.st_gid, gid);
        ck_assert_uint_eq(st.st_mode & 0777, mode);
        free(path);
    }
}

START_TEST(what_is_written_gets_the_mode_of_the_database)
{
    put_text("a", "1");
    close_db();
    char *path = files_path(dir, "CURRENT");
    ck_assert_int_eq(chmod(path, 0600), 0);
    contract_reopen();
    put_text("b", "1");
    close_db();
    expect_owners(geteuid(), getegid(), 0600);
    contract_reopen();
    free(path);
}
END_TEST

START_TEST(what_root_writes_gets_the_owner_of_the_database)
{
    if (geteuid() != 0)
        return; /* nobody else can give files away */
    put_text("a", "1");
    close_db();
    char *path = files_path(dir, "CURRENT");
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(chown(path, 4711, 4712), 0);
    contract_reopen();
    expect_owners(4711, 4712, 0640);
    put_text("b", "1");
    must(cmt_db_flush(db, &err));
    close_db();
    char *table = files_last(dir, backend == ON_ROCKSDB ? ".sst" : ".ldb");
    char *table_path = files_path(dir, table);
    struct stat st;
    ck_assert_int_eq(stat(table_path, &st), 0);
    ck_assert_uint_eq(st.st_uid, 4711);
    expect_owners(4711, 4712, 0640);
    contract_reopen();
    free(table_path);
    free(table);
    free(path);
}
END_TEST

TCase *file_cases(void)
{
    TCase *tc = tcase_create("files");
    tcase_add_checked_fixture(tc, contract_setup, contract_teardown);
    if (backend == ON_MEMORY)
        return tc;
    tcase_add_test(tc, damage_in_a_table_is_said_by_get_and_iterator);
    if (backend == ON_VIEW)
        return tc;
    tcase_add_test(tc, a_second_open_is_refused_and_changes_nothing);
    tcase_add_test(tc, the_engine_keeps_its_own_lock_while_open);
    tcase_add_test(tc, another_engines_files_are_refused_and_left_alone);
    tcase_add_test(tc, what_is_not_there_is_not_made_unless_wanted);
    tcase_add_test(tc, reading_only_works_beside_a_writer_and_writes_nothing);
    tcase_add_test(tc, what_is_written_gets_the_mode_of_the_database);
    tcase_add_test(tc, what_root_writes_gets_the_owner_of_the_database);
    if (backend != ON_LEVELDB)
        return tc;
    tcase_add_test(tc, a_closed_leveldb_leaves_no_log_and_no_marker);
    tcase_add_test(tc, a_leveldb_closed_while_it_compacts_leaves_no_table_that_nothing_names);
    tcase_add_test(tc, a_marker_that_a_dead_process_left_is_healed);
    tcase_add_test(tc, a_pending_current_is_refused_and_left_alone);
    return tc;
}
