/* SPDX-License-Identifier: Apache-2.0
 *
 * The trash: what lies in it counts, is emptied by any number of threads, and is adopted when the run
 * that left it is gone, but not before.
 */
#include "cleanup.h"
#include "files.h"
#include "pairs.h"
#include "shape.h"
#include "suite.h"
#include "trash_internal.h"

#include <check.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *top;
static char *dir;
static cmt_error err;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    dir = files_make_dir(top, "x.db");
}

static void teardown(void)
{
    free(dir);
    files_remove(top);
}

static cmt_lsm_trash *open_trash(void)
{
    cmt_lsm_trash *trash;
    pairs_must(cmt_lsm_trash_open(dir, &trash, &err), &err);
    return trash;
}

static uint64_t bytes_in_trash(void)
{
    uint64_t bytes = 12345;
    pairs_must(cmt_lsm_trash_bytes(dir, &bytes, &err), &err);
    return bytes;
}

/* <top>/cmtstore/trash/<run>/<database> with `count` files of 100 bytes each. */
static char *abandoned_run(const char *run, unsigned count)
{
    static const uint8_t contents[100];
    char path[4096];
    snprintf(path, sizeof path, "%s/cmtstore/trash/%s/x.db", top, run);
    for (char *p = path + strlen(top) + 1; p != NULL; p = strchr(p + 1, '/')) {
        if (*p == '/')
            *p = '\0';
        mkdir(path, 0755);
        if (*p == '\0')
            *p = '/';
    }
    mkdir(path, 0755);
    for (unsigned i = 0; i < count; i++) {
        char name[CMT_LSM_NAME_MAX];
        cmt_lsm__table_name(i, false, name);
        files_write(path, name, (cmt_slice){contents, sizeof contents});
    }
    return strdup(path);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

START_TEST(without_a_trash_there_are_no_bytes_in_it)
{
    ck_assert_uint_eq(bytes_in_trash(), 0);
    ck_assert(!files_exist(top, "cmtstore"));
}
END_TEST

START_TEST(bytes_of_all_runs_count_whoever_holds_them)
{
    cmt_lsm_trash *trash = open_trash();
    ck_assert_uint_eq(bytes_in_trash(), 0);
    free(abandoned_run("1-a-0", 3));
    free(abandoned_run("2-b-0", 4));
    free(abandoned_run(trash->run, 5));
    ck_assert_uint_eq(bytes_in_trash(), 1200);
    cmt_lsm_trash_close(trash);
    ck_assert_uint_eq(bytes_in_trash(), 1200);
}
END_TEST

START_TEST(a_database_that_is_not_there_has_no_trash)
{
    uint64_t bytes;
    cmt_lsm_trash *trash;
    char *missing = files_path(top, "missing.db");
    ck_assert_int_eq(cmt_lsm_trash_bytes(missing, &bytes, &err), CMT_IO);
    ck_assert_int_eq(cmt_lsm_trash_open(missing, &trash, &err), CMT_IO);
    ck_assert_ptr_null(trash);
    free(missing);
}
END_TEST

/* ---- opening and closing ---------------------------------------------------------------------- */

START_TEST(an_unused_trash_leaves_no_directory)
{
    cmt_lsm_trash *trash = open_trash();
    ck_assert(files_exist(top, "cmtstore/trash"));
    cmt_lsm_trash_close(trash);
    cmt_lsm_trash_close(NULL);
    ck_assert(!files_exist(top, "cmtstore"));
}
END_TEST

START_TEST(what_else_lies_in_cmtstore_stays)
{
    free(files_make_dir(top, "cmtstore"));
    char *home = files_path(top, "cmtstore");
    files_write(home, "notes", CMT_SLICE("somebody's"));
    cmt_lsm_trash *trash = open_trash();
    pairs_must(cmt_lsm_trash_empty(trash, 1, NULL, &err), &err);
    cmt_lsm_trash_close(trash);
    ck_assert(files_exist(home, "notes"));
    ck_assert(!files_exist(home, "trash"));
    free(home);
}
END_TEST

START_TEST(two_runs_have_a_directory_each)
{
    cmt_lsm_trash *a = open_trash();
    cmt_lsm_trash *b = open_trash();
    ck_assert_str_ne(a->run, b->run);
    free(abandoned_run(a->run, 2));
    free(abandoned_run(b->run, 3));
    pairs_must(cmt_lsm_trash_empty(a, 1, NULL, &err), &err);
    ck_assert_uint_eq(bytes_in_trash(), 300);
    cmt_lsm_trash_close(a);
    pairs_must(cmt_lsm_trash_empty(b, 1, NULL, &err), &err);
    cmt_lsm_trash_close(b);
    ck_assert(!files_exist(top, "cmtstore"));
}
END_TEST

START_TEST(the_directories_belong_to_the_owner_of_the_database)
{
    struct stat st;
    bool root = getuid() == 0;
    if (root)
        ck_assert_int_eq(chown(dir, 12345, 12346), 0);
    ck_assert_int_eq(chmod(dir, 0750), 0);
    cmt_lsm_trash *trash = open_trash();
    const int fds[] = {trash->home_fd, trash->root_fd, trash->run_fd};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(fstat(fds[i], &st), 0);
        ck_assert_uint_eq(st.st_uid, root ? 12345 : getuid());
        ck_assert_uint_eq(st.st_gid, root ? 12346 : getgid());
        ck_assert_uint_eq(st.st_mode & 0777, 0750);
    }
    cmt_lsm_trash_close(trash);
}
END_TEST

START_TEST(the_trash_lies_beside_the_directory_that_a_link_leads_to)
{
    char *real = files_make_dir(top, "elsewhere");
    char *target = files_make_dir(real, "y.db");
    char *link = files_path(top, "link.db");
    cmt_lsm_trash *trash;
    ck_assert_int_eq(symlink(target, link), 0);
    pairs_must(cmt_lsm_trash_open(link, &trash, &err), &err);
    ck_assert(files_exist(real, "cmtstore/trash"));
    ck_assert(!files_exist(top, "cmtstore"));
    cmt_lsm_trash_close(trash);
    free(link);
    free(target);
    free(real);
}
END_TEST

START_TEST(a_file_in_the_place_of_the_trash_is_an_error)
{
    cmt_lsm_trash *trash;
    files_write(top, "cmtstore", CMT_SLICE("a file"));
    ck_assert_int_eq(cmt_lsm_trash_open(dir, &trash, &err), CMT_IO);
    ck_assert_ptr_null(trash);
    ck_assert(files_exist(top, "cmtstore"));
}
END_TEST

START_TEST(a_symbolic_link_in_the_place_of_the_trash_is_not_followed)
{
    cmt_lsm_trash *trash;
    char *elsewhere = files_make_dir(top, "elsewhere");
    char *link = files_path(top, "cmtstore");
    ck_assert_int_eq(symlink(elsewhere, link), 0);
    ck_assert_int_eq(cmt_lsm_trash_open(dir, &trash, &err), CMT_IO);
    ck_assert_uint_eq(files_count(elsewhere, "trash"), 0);
    free(link);
    free(elsewhere);
}
END_TEST

/* ---- emptying --------------------------------------------------------------------------------- */

typedef struct progress_seen {
    uint64_t calls;
    uint64_t done;
    uint64_t total;
} progress_seen;

static bool see_progress(void *context, const cmt_progress *progress)
{
    progress_seen *seen = context;
    ck_assert_str_eq(progress->phase, "unlink");
    ck_assert_uint_ge(progress->done, seen->done);
    ck_assert_uint_le(progress->done, progress->total);
    seen->calls++;
    seen->done = progress->done;
    seen->total = progress->total;
    return true; /* a wish to stop, which is not granted */
}

START_TEST(any_number_of_threads_empties_it)
{
    static const unsigned threads[] = {0, 1, 2, 8, 64, 1000};
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        progress_seen seen = {0};
        const cmt_progress_hook hook = {see_progress, &seen};
        cmt_lsm_trash *trash = open_trash();
        free(abandoned_run(trash->run, 300));
        pairs_must(cmt_lsm_trash_empty(trash, threads[i], i % 2 == 0 ? NULL : &hook, &err), &err);
        ck_assert_uint_eq(bytes_in_trash(), 0);
        ck_assert_uint_eq(seen.done, i % 2 == 0 ? 0 : 300);
        ck_assert_uint_eq(seen.total, seen.done);
        cmt_lsm_trash_close(trash);
        ck_assert(!files_exist(top, "cmtstore"));
    }
}
END_TEST

START_TEST(files_of_two_databases_may_have_the_same_names)
{
    char *other = files_make_dir(top, "y.db");
    cmt_lsm_trash *trash = open_trash();
    const char *const databases[] = {dir, other};
    for (size_t i = 0; i < 2; i++) {
        CMT_AUTO(cmt_fd_close) int fd = -1;
        files_write(databases[i], "000001.ldb", CMT_SLICE("table"));
        char *from = files_path(databases[i], "000001.ldb");
        pairs_must(cmt_lsm__trash_database(trash, databases[i], &fd, &err), &err);
        ck_assert_int_eq(renameat(AT_FDCWD, from, fd, "000001.ldb"), 0);
        free(from);
    }
    ck_assert_uint_eq(bytes_in_trash(), 10);
    pairs_must(cmt_lsm_trash_empty(trash, 2, NULL, &err), &err);
    ck_assert_uint_eq(bytes_in_trash(), 0);
    cmt_lsm_trash_close(trash);
    ck_assert(!files_exist(top, "cmtstore"));
    free(other);
}
END_TEST

START_TEST(what_cannot_be_removed_is_an_error_and_stays)
{
    cmt_lsm_trash *trash = open_trash();
    char *path = abandoned_run(trash->run, 2);
    free(files_make_dir(path, "000009.ldb")); /* not a file */
    ck_assert_int_eq(cmt_lsm_trash_empty(trash, 1, NULL, &err), CMT_IO);
    ck_assert(files_exist(path, "000009.ldb"));
    ck_assert_uint_eq(files_count(path, ".ldb"), 1);
    cmt_lsm_trash_close(trash);
    ck_assert(files_exist(path, "000009.ldb"));
    free(path);
}
END_TEST

/* ---- adopting --------------------------------------------------------------------------------- */

START_TEST(an_abandoned_run_is_adopted)
{
    static const unsigned threads[] = {0, 1, 8};
    for (size_t i = 0; i < 3; i++) {
        free(abandoned_run("1-a-0", 30));
        free(abandoned_run("2-b-0", 1));
        free(abandoned_run("3-c-0", 0));
        cmt_lsm_trash *trash = open_trash();
        ck_assert_uint_eq(bytes_in_trash(), 3100);
        pairs_must(cmt_lsm_trash_adopt(trash, threads[i], &err), &err);
        ck_assert_uint_eq(bytes_in_trash(), 0);
        cmt_lsm_trash_close(trash);
        ck_assert(!files_exist(top, "cmtstore"));
    }
}
END_TEST

START_TEST(the_own_run_is_not_adopted)
{
    cmt_lsm_trash *trash = open_trash();
    free(abandoned_run(trash->run, 3));
    pairs_must(cmt_lsm_trash_adopt(trash, 1, &err), &err);
    ck_assert_uint_eq(bytes_in_trash(), 300);
    pairs_must(cmt_lsm_trash_empty(trash, 1, NULL, &err), &err);
    cmt_lsm_trash_close(trash);
}
END_TEST

START_TEST(a_run_that_this_process_holds_is_left_alone)
{
    cmt_lsm_trash *a = open_trash();
    cmt_lsm_trash *b = open_trash();
    free(abandoned_run(a->run, 2));
    pairs_must(cmt_lsm_trash_adopt(b, 1, &err), &err);
    ck_assert_uint_eq(bytes_in_trash(), 200);
    /* a is closed without being emptied: now it is abandoned. */
    cmt_lsm_trash_close(a);
    pairs_must(cmt_lsm_trash_adopt(b, 1, &err), &err);
    ck_assert_uint_eq(bytes_in_trash(), 0);
    cmt_lsm_trash_close(b);
    ck_assert(!files_exist(top, "cmtstore"));
}
END_TEST

START_TEST(a_run_that_another_process_holds_is_left_alone)
{
    int ready[2];
    int done[2];
    char byte = 0;
    ck_assert_int_eq(pipe(ready), 0);
    ck_assert_int_eq(pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        cmt_lsm_trash *trash;
        bool ok = cmt_lsm_trash_open(dir, &trash, NULL) == CMT_OK;
        close(done[1]);
        if (ok)
            free(abandoned_run(trash->run, 2));
        _exit(!(ok && write(ready[1], &byte, 1) == 1 && read(done[0], &byte, 1) == 0));
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    cmt_lsm_trash *trash = open_trash();
    pairs_must(cmt_lsm_trash_adopt(trash, 1, &err), &err);
    ck_assert_uint_eq(bytes_in_trash(), 200);
    close(done[1]); /* the other run dies */
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    pairs_must(cmt_lsm_trash_adopt(trash, 1, &err), &err);
    ck_assert_uint_eq(bytes_in_trash(), 0);
    cmt_lsm_trash_close(trash);
    close(ready[0]);
    close(ready[1]);
    close(done[0]);
}
END_TEST

START_TEST(strange_things_among_the_runs_are_left_alone)
{
    char *path = abandoned_run("1-a-0", 1);
    char *runs = files_path(top, "cmtstore/trash");
    char *link = files_path(runs, "link");
    char *outside = files_make_dir(top, "outside");
    files_write(runs, "file", CMT_SLICE("x"));
    files_write(outside, "000001.ldb", CMT_SLICE("not trash"));
    ck_assert_int_eq(symlink(outside, link), 0);
    cmt_lsm_trash *trash = open_trash();
    pairs_must(cmt_lsm_trash_adopt(trash, 1, &err), &err);
    cmt_lsm_trash_close(trash);
    ck_assert(files_exist(runs, "file"));
    ck_assert(files_exist(outside, "000001.ldb"));
    ck_assert(!files_exist(runs, "1-a-0"));
    free(outside);
    free(link);
    free(runs);
    free(path);
}
END_TEST

/* ---- retiring --------------------------------------------------------------------------------- */

/* One table and a log; a compaction replaces both. */
static cmt_lsm_edit *committed_edit(void)
{
    static const cmt_lsm_edit_options options = {.min_free_bytes = 1};
    const shape_entry table[] = {{"a", 1, "1"}, {"b", 2, NULL}};
    const shape_entry log[] = {{"c", 3, "1"}};
    shape s;
    cmt_lsm_edit *edit;
    pairs_must(shape_begin(&s, dir, &err), &err);
    pairs_must(shape_table(&s, 1, table, 2, &err), &err);
    pairs_must(shape_log(&s, log, 1, &err), &err);
    pairs_must(shape_finish(&s, &err), &err);
    shape_end(&s);
    pairs_must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    pairs_must(cmt_lsm_edit_plan_compact(edit, &err), &err);
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    pairs_must(cmt_lsm_edit_commit(edit, &err), &err);
    return edit;
}

static void retire(cmt_lsm_edit *edit, cmt_lsm_trash *trash, uint64_t removed)
{
    cmt_lsm_retired retired;
    pairs_must(cmt_lsm_edit_retire(edit, trash, &retired, &err), &err);
    ck_assert_uint_eq(retired.removed, removed);
    ck_assert_uint_eq(retired.left_behind, 0);
    ck_assert(!files_exist(dir, "000002.ldb"));
    ck_assert(!files_exist(dir, "000003.log"));
    ck_assert(!files_exist(dir, "MANIFEST-000001"));
    char *pairs = pairs_of_view(dir);
    ck_assert_str_eq(pairs, "a=1\nc=1\n");
    free(pairs);
}

START_TEST(obsolete_files_are_moved_into_the_trash)
{
    cmt_lsm_edit *edit = committed_edit();
    files_write(dir, "LOG", CMT_SLICE("stays"));
    files_write(dir, "CURRENT.bak", CMT_SLICE("stays"));
    files_write(dir, "000900.ldb", CMT_SLICE("goes"));
    files_write(dir, "000001.dbtmp", CMT_SLICE("goes"));
    uint64_t inode = files_inode(dir, "000002.ldb");
    cmt_lsm_trash *trash = open_trash();
    retire(edit, trash, 5);
    ck_assert(files_exist(dir, "LOG") && files_exist(dir, "CURRENT.bak"));
    char path[4096];
    snprintf(path, sizeof path, "%s/cmtstore/trash/%s/x.db", top, trash->run);
    ck_assert_uint_eq(files_inode(path, "000002.ldb"), inode);
    ck_assert(files_exist(path, "000003.log"));
    ck_assert(files_exist(path, "MANIFEST-000001"));
    ck_assert(files_exist(path, "000900.ldb"));
    pairs_must(cmt_lsm_trash_empty(trash, 8, NULL, &err), &err);
    cmt_lsm_trash_close(trash);
    cmt_lsm_edit_free(edit);
    ck_assert(!files_exist(top, "cmtstore"));
}
END_TEST

START_TEST(without_a_trash_obsolete_files_are_unlinked_where_they_are)
{
    cmt_lsm_edit *edit = committed_edit();
    retire(edit, NULL, 3);
    retire(edit, NULL, 0);
    cmt_lsm_edit_free(edit);
}
END_TEST

START_TEST(when_the_trash_cannot_be_used_obsolete_files_are_unlinked)
{
    cmt_lsm_edit *edit = committed_edit();
    cmt_lsm_trash *trash = open_trash();
    char path[4096];
    /* Where the directory for this database would be made lies a file. */
    snprintf(path, sizeof path, "%s/cmtstore/trash/%s", top, trash->run);
    files_write(path, "x.db", CMT_SLICE(""));
    retire(edit, trash, 3);
    cmt_lsm_edit_free(edit);
    cmt_lsm_trash_close(trash);
}
END_TEST

START_TEST(a_file_that_resists_is_counted)
{
    cmt_lsm_retired retired;
    cmt_lsm_edit *edit = committed_edit();
    char *stubborn = files_make_dir(dir, "000777.ldb");
    files_write(stubborn, "file", CMT_SLICE(""));
    pairs_must(cmt_lsm_edit_retire(edit, NULL, &retired, &err), &err);
    ck_assert_uint_eq(retired.removed, 3);
    ck_assert_uint_eq(retired.left_behind, 1);
    cmt_lsm_edit_free(edit);
    free(stubborn);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("lsm_trash");
    TCase *tc = tcase_create("directories");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, without_a_trash_there_are_no_bytes_in_it);
    tcase_add_test(tc, bytes_of_all_runs_count_whoever_holds_them);
    tcase_add_test(tc, a_database_that_is_not_there_has_no_trash);
    tcase_add_test(tc, an_unused_trash_leaves_no_directory);
    tcase_add_test(tc, what_else_lies_in_cmtstore_stays);
    tcase_add_test(tc, two_runs_have_a_directory_each);
    tcase_add_test(tc, the_directories_belong_to_the_owner_of_the_database);
    tcase_add_test(tc, the_trash_lies_beside_the_directory_that_a_link_leads_to);
    tcase_add_test(tc, a_file_in_the_place_of_the_trash_is_an_error);
    tcase_add_test(tc, a_symbolic_link_in_the_place_of_the_trash_is_not_followed);
    suite_add_tcase(suite, tc);
    tc = tcase_create("emptying");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, any_number_of_threads_empties_it);
    tcase_add_test(tc, files_of_two_databases_may_have_the_same_names);
    tcase_add_test(tc, what_cannot_be_removed_is_an_error_and_stays);
    tcase_add_test(tc, an_abandoned_run_is_adopted);
    tcase_add_test(tc, the_own_run_is_not_adopted);
    tcase_add_test(tc, a_run_that_this_process_holds_is_left_alone);
    tcase_add_test(tc, a_run_that_another_process_holds_is_left_alone);
    tcase_add_test(tc, strange_things_among_the_runs_are_left_alone);
    suite_add_tcase(suite, tc);
    tc = tcase_create("retiring");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, obsolete_files_are_moved_into_the_trash);
    tcase_add_test(tc, without_a_trash_obsolete_files_are_unlinked_where_they_are);
    tcase_add_test(tc, when_the_trash_cannot_be_used_obsolete_files_are_unlinked);
    tcase_add_test(tc, a_file_that_resists_is_counted);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return suite_run(make_suite());
}
