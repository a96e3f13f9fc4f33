/* SPDX-License-Identifier: Apache-2.0
 *
 * The two locks of a database: goleveldb's flock and the C++ engines' fcntl, held together, each of them
 * respected when somebody else has it.
 */
#include "cmtstore/db.h"

#include "engine.h"
#include "files.h"
#include "pairs.h"
#include "suite.h"

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
    files_write(dir, "LOCK", CMT_SLICE(""));
}

static void teardown(void)
{
    free(dir);
    files_remove(top);
}

/* ---- another process --------------------------------------------------------------------------- */

typedef bool (*hold_fn)(void);

/* A child that holds something until it is told to end. */
typedef struct holder {
    pid_t pid;
    int release;
} holder;

static bool by_flock(void)
{
    char *path = files_path(dir, "LOCK");
    return flock(open(path, O_RDWR), LOCK_EX | LOCK_NB) == 0;
}

static bool by_shared_flock(void)
{
    char *path = files_path(dir, "LOCK");
    return flock(open(path, O_RDWR), LOCK_SH | LOCK_NB) == 0;
}

static bool by_fcntl(void)
{
    char *path = files_path(dir, "LOCK");
    struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(open(path, O_RDWR), F_SETLK, &record) == 0;
}

static bool by_leveldb(void)
{
    return engine_try_open(dir, NULL) != NULL;
}

static bool by_us(void)
{
    cmt_db_lock *lock;
    return cmt_db_lock_take(dir, &lock, NULL) == CMT_OK;
}

static holder hold(hold_fn take)
{
    int ready[2];
    int release[2];
    char byte = 0;
    ck_assert_int_eq(pipe(ready), 0);
    ck_assert_int_eq(pipe(release), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(release[1]);
        bool ok = take() && write(ready[1], &byte, 1) == 1 && read(release[0], &byte, 1) == 0;
        _exit(!ok);
    }
    close(ready[1]);
    close(release[0]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return (holder){pid, release[1]};
}

static void let_go(holder h)
{
    int status;
    close(h.release);
    ck_assert_int_eq(waitpid(h.pid, &status, 0), h.pid);
    ck_assert_int_eq(status, 0);
}

/* Can another process take it now? */
static bool free_for(hold_fn take)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(!take());
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status == 0;
}

static void expect_busy(void)
{
    cmt_db_lock *lock;
    ck_assert_int_eq(cmt_db_lock_take(dir, &lock, &err), CMT_BUSY);
    ck_assert_ptr_null(lock);
    ck_assert_ptr_nonnull(strstr(err.message, dir));
}

static cmt_db_lock *take(void)
{
    cmt_db_lock *lock;
    pairs_must(cmt_db_lock_take(dir, &lock, &err), &err);
    return lock;
}

/* ---- somebody else has it ---------------------------------------------------------------------- */

static const hold_fn holders[] = {by_flock, by_shared_flock, by_fcntl, by_leveldb, by_us};
#define HOLDERS 5

START_TEST(what_another_process_holds_is_busy_until_it_lets_go)
{
    holder h = hold(holders[_i]);
    expect_busy();
    expect_busy();
    let_go(h);
    cmt_db_lock_release(take());
}
END_TEST

START_TEST(a_failed_try_keeps_no_half_of_the_lock)
{
    /* flock was taken before the record lock was refused. */
    holder h = hold(by_fcntl);
    expect_busy();
    ck_assert(free_for(by_flock));
    let_go(h);
}
END_TEST

START_TEST(what_is_busy_is_left_as_it_was)
{
    holder h = hold(by_flock);
    uint64_t before = files_hash(dir);
    expect_busy();
    ck_assert_uint_eq(files_hash(dir), before);
    let_go(h);
}
END_TEST

/* ---- we have it -------------------------------------------------------------------------------- */

START_TEST(what_we_hold_nobody_else_can_take)
{
    cmt_db_lock *lock = take();
    ck_assert(!free_for(holders[_i]));
    cmt_db_lock_release(lock);
    ck_assert(free_for(holders[_i]));
}
END_TEST

START_TEST(a_second_lock_in_the_same_process_is_busy)
{
    cmt_db_lock *lock = take();
    expect_busy();
    cmt_db_lock_release(lock);
    cmt_db_lock_release(take());
    cmt_db_lock_release(NULL);
}
END_TEST

START_TEST(closing_another_descriptor_of_the_file_does_not_drop_it)
{
    cmt_db_lock *lock = take();
    char *path = files_path(dir, "LOCK");
    int fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    close(fd);
    expect_busy(); /* opens and closes it too */
    ck_assert(!free_for(by_fcntl));
    ck_assert(!free_for(by_flock));
    cmt_db_lock_release(lock);
    free(path);
}
END_TEST

START_TEST(two_databases_are_locked_apart)
{
    cmt_db_lock *other;
    char *second = files_make_dir(top, "y.db");
    cmt_db_lock *lock = take();
    pairs_must(cmt_db_lock_take(second, &other, &err), &err);
    cmt_db_lock_release(lock);
    ck_assert_int_eq(cmt_db_lock_take(second, &lock, &err), CMT_BUSY);
    cmt_db_lock_release(other);
    free(second);
}
END_TEST

/* ---- the file ---------------------------------------------------------------------------------- */

static void expect_owner_of_lock(uid_t uid, gid_t gid, mode_t mode)
{
    struct stat st;
    char *path = files_path(dir, "LOCK");
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_uid, uid);
    ck_assert_uint_eq(st.st_gid, gid);
    ck_assert_uint_eq(st.st_mode & 07777, mode);
    free(path);
}

static void remove_lock(void)
{
    char *path = files_path(dir, "LOCK");
    ck_assert_int_eq(unlink(path), 0);
    free(path);
}

START_TEST(a_missing_lock_file_is_made_like_current)
{
    bool root = getuid() == 0;
    char *current = files_path(dir, "CURRENT");
    remove_lock();
    files_write(dir, "CURRENT", CMT_SLICE(""));
    if (root)
        ck_assert_int_eq(chown(current, 12345, 12346), 0);
    ck_assert_int_eq(chmod(current, 0640), 0);
    cmt_db_lock_release(take());
    expect_owner_of_lock(root ? 12345 : getuid(), root ? 12346 : getgid(), 0640);
    free(current);
}
END_TEST

START_TEST(a_missing_lock_file_is_made_like_the_directory_when_there_is_no_current)
{
    bool root = getuid() == 0;
    remove_lock();
    if (root)
        ck_assert_int_eq(chown(dir, 12345, 12346), 0);
    ck_assert_int_eq(chmod(dir, 0750), 0);
    cmt_db_lock *lock = take();
    expect_owner_of_lock(root ? 12345 : getuid(), root ? 12346 : getgid(), 0640);
    ck_assert(!free_for(by_us));
    cmt_db_lock_release(lock);
}
END_TEST

START_TEST(a_lock_file_that_was_there_keeps_its_owner_and_contents)
{
    char *path = files_path(dir, "LOCK");
    files_write(dir, "LOCK", CMT_SLICE("something"));
    ck_assert_int_eq(chmod(path, 0604), 0);
    uint64_t before = files_hash(dir);
    cmt_db_lock_release(take());
    ck_assert_uint_eq(files_hash(dir), before);
    free(path);
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_not_found)
{
    cmt_db_lock *lock;
    char *missing = files_path(top, "missing.db");
    ck_assert_int_eq(cmt_db_lock_take(missing, &lock, &err), CMT_NOT_FOUND);
    ck_assert_ptr_null(lock);
    ck_assert(!files_exist(top, "missing.db"));
    free(missing);
}
END_TEST

START_TEST(a_lock_file_that_is_no_file_is_an_error)
{
    cmt_db_lock *lock;
    remove_lock();
    free(files_make_dir(dir, "LOCK"));
    ck_assert_int_eq(cmt_db_lock_take(dir, &lock, &err), CMT_IO);
    ck_assert_ptr_null(lock);
}
END_TEST

START_TEST(a_lock_file_that_is_a_symbolic_link_is_not_followed)
{
    cmt_db_lock *lock;
    char *path = files_path(dir, "LOCK");
    char *target = files_path(top, "target");
    remove_lock();
    ck_assert_int_eq(symlink(target, path), 0);
    ck_assert_int_eq(cmt_db_lock_take(dir, &lock, &err), CMT_IO);
    ck_assert(!files_exist(top, "target"));
    free(target);
    free(path);
}
END_TEST

#define RACERS 8

START_TEST(of_many_processes_that_find_no_lock_file_none_fails)
{
    for (unsigned round = 0; round < 20; round++) {
        pid_t racers[RACERS];
        int start[2];
        remove_lock();
        ck_assert_int_eq(pipe(start), 0);
        for (unsigned i = 0; i < RACERS; i++)
            if ((racers[i] = fork()) == 0) {
                char byte;
                cmt_db_lock *lock;
                close(start[1]);
                ssize_t n = read(start[0], &byte, 1);
                cmt_status st = cmt_db_lock_take(dir, &lock, NULL);
                _exit(n != 0 || (st != CMT_OK && st != CMT_BUSY));
            }
        close(start[1]);
        close(start[0]);
        for (unsigned i = 0; i < RACERS; i++) {
            int status;
            ck_assert_int_eq(waitpid(racers[i], &status, 0), racers[i]);
            ck_assert_int_eq(status, 0);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_lock");
    TCase *tc = tcase_create("lock");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, what_another_process_holds_is_busy_until_it_lets_go, 0, HOLDERS);
    tcase_add_test(tc, a_failed_try_keeps_no_half_of_the_lock);
    tcase_add_test(tc, what_is_busy_is_left_as_it_was);
    tcase_add_loop_test(tc, what_we_hold_nobody_else_can_take, 0, HOLDERS);
    tcase_add_test(tc, a_second_lock_in_the_same_process_is_busy);
    tcase_add_test(tc, closing_another_descriptor_of_the_file_does_not_drop_it);
    tcase_add_test(tc, two_databases_are_locked_apart);
    suite_add_tcase(suite, tc);
    tc = tcase_create("file");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_missing_lock_file_is_made_like_current);
    tcase_add_test(tc, a_missing_lock_file_is_made_like_the_directory_when_there_is_no_current);
    tcase_add_test(tc, a_lock_file_that_was_there_keeps_its_owner_and_contents);
    tcase_add_test(tc, a_directory_that_is_not_there_is_not_found);
    tcase_add_test(tc, a_lock_file_that_is_no_file_is_an_error);
    tcase_add_test(tc, a_lock_file_that_is_a_symbolic_link_is_not_followed);
    tcase_add_test(tc, of_many_processes_that_find_no_lock_file_none_fails);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
