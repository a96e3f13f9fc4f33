/* SPDX-License-Identifier: Apache-2.0
 *
 * Files relative to a directory descriptor, in a temporary directory of each test's own.
 */
#include "cleanup.h"
#include "file.h"
#include "suite.h"

#include <check.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[256];
static int top_fd;
static cmt_file_owner me;

static void make_directory(void)
{
    const char *parent = getenv("TMPDIR");
    snprintf(top, sizeof top, "%s/cmtstore-file-XXXXXX", parent != NULL ? parent : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(top));
    ck_assert_int_eq(cmt_dir_open(top, &top_fd, NULL), CMT_OK);
    me = (cmt_file_owner){geteuid(), getegid(), 0600};
}

static void remove_directory(void)
{
    static const char *const names[] = {"a", "b", "link"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlinkat(top_fd, names[i], 0);
    cmt_fd_close(&top_fd);
    ck_assert_int_eq(top_fd, -1);
    ck_assert_int_eq(rmdir(top), 0);
}

static bool mentions(const cmt_error *err, const char *text)
{
    return strstr(err->message, text) != NULL;
}

START_TEST(what_is_written_is_read_back)
{
    cmt_error err = CMT_ERROR_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf buf = CMT_BUF_INIT;
    cmt_slice contents = CMT_SLICE("MANIFEST-000084\n");
    ck_assert_int_eq(cmt_file_write_new_at(top_fd, "a", &me, contents, &err), CMT_OK);
    ck_assert_int_eq(cmt_dir_sync(top_fd, top, &err), CMT_OK);
    ck_assert_int_eq(cmt_buf_set(&buf, CMT_SLICE("what was there before")), CMT_OK);
    ck_assert_int_eq(cmt_file_read_small_at(top_fd, "a", 16, &buf, &err), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&buf), contents));
    ck_assert_int_eq(err.code, CMT_OK);
}
END_TEST

START_TEST(an_empty_file_reads_as_nothing)
{
    CMT_AUTO(cmt_buf_free) cmt_buf buf = CMT_BUF_INIT;
    cmt_slice nothing = {NULL, 0};
    ck_assert_int_eq(cmt_file_write_new_at(top_fd, "a", &me, nothing, NULL), CMT_OK);
    ck_assert_int_eq(cmt_file_read_small_at(top_fd, "a", 0, &buf, NULL), CMT_OK);
    ck_assert_uint_eq(buf.size, 0);
}
END_TEST

START_TEST(a_file_above_the_limit_is_not_read)
{
    cmt_error err = CMT_ERROR_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf buf = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_buf_set(&buf, CMT_SLICE("kept")), CMT_OK);
    ck_assert_int_eq(cmt_file_write_new_at(top_fd, "a", &me, CMT_SLICE("12345"), &err), CMT_OK);
    ck_assert_int_eq(cmt_file_read_small_at(top_fd, "a", 4, &buf, &err), CMT_UNSUPPORTED);
    ck_assert(mentions(&err, "a has 5 bytes"));
    ck_assert(cmt_slice_equal(cmt_buf_slice(&buf), CMT_SLICE("kept")));
}
END_TEST

START_TEST(an_absent_file_is_an_answer_without_a_message)
{
    cmt_error err = CMT_ERROR_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf buf = CMT_BUF_INIT;
    int fd = -1;
    ck_assert_int_eq(cmt_file_open_at(top_fd, "a", &fd, &err), CMT_NOT_FOUND);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(cmt_file_read_small_at(top_fd, "a", 4, &buf, &err), CMT_NOT_FOUND);
    ck_assert_str_eq(err.message, "");
}
END_TEST

START_TEST(an_absent_directory_is_named)
{
    cmt_error err = CMT_ERROR_INIT;
    int fd = -1;
    char path[300];
    snprintf(path, sizeof path, "%s/absent", top);
    ck_assert_int_eq(cmt_dir_open(path, &fd, &err), CMT_NOT_FOUND);
    ck_assert(mentions(&err, path));
    ck_assert_int_eq(cmt_file_write_new_at(top_fd, "a", &me, CMT_SLICE("x"), &err), CMT_OK);
    snprintf(path, sizeof path, "%s/a", top);
    ck_assert_int_eq(cmt_dir_open(path, &fd, &err), CMT_IO);
    ck_assert(mentions(&err, path));
    ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(a_new_file_has_the_mode_asked_for_whatever_the_umask)
{
    static const mode_t modes[] = {0600, 0640, 0644, 0666, 0400};
    mode_t mask = umask(077);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct stat st;
        cmt_file_owner owner = me;
        owner.mode = S_IFREG | modes[i];
        ck_assert_int_eq(cmt_file_write_new_at(top_fd, "a", &owner, CMT_SLICE("x"), NULL), CMT_OK);
        ck_assert_int_eq(fstatat(top_fd, "a", &st, 0), 0);
        ck_assert_uint_eq(st.st_mode & 07777, modes[i]);
        ck_assert_uint_eq(st.st_uid, me.uid);
        ck_assert_uint_eq(st.st_gid, me.gid);
        ck_assert_int_eq(unlinkat(top_fd, "a", 0), 0);
    }
    umask(mask);
}
END_TEST

START_TEST(root_creates_files_for_another_owner)
{
    if (geteuid() != 0)
        return;
    struct stat st;
    cmt_file_owner owner = {12345, 23456, 0640};
    ck_assert_int_eq(cmt_file_write_new_at(top_fd, "a", &owner, CMT_SLICE("x"), NULL), CMT_OK);
    ck_assert_int_eq(fstatat(top_fd, "a", &st, 0), 0);
    ck_assert_uint_eq(st.st_uid, 12345);
    ck_assert_uint_eq(st.st_gid, 23456);
    ck_assert_uint_eq(st.st_mode & 07777, 0640);
}
END_TEST

START_TEST(a_file_that_cannot_get_its_owner_is_taken_away_again)
{
    cmt_error err = CMT_ERROR_INIT;
    struct stat st;
    int fd = -1;
    cmt_file_owner stranger = {geteuid() + 1, getegid(), 0600};
    bool root = geteuid() == 0;
    ck_assert_int_eq(fchmod(top_fd, 0777), 0);
    if (root)
        ck_assert_int_eq(seteuid(65534), 0);
    cmt_status status = cmt_file_create_at(top_fd, "a", &stranger, &fd, &err);
    if (root)
        ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(status, CMT_IO);
    ck_assert(mentions(&err, "a: "));
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(fstatat(top_fd, "a", &st, 0), -1);
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(a_file_that_exists_is_never_overwritten)
{
    cmt_error err = CMT_ERROR_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf buf = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_file_write_new_at(top_fd, "a", &me, CMT_SLICE("old"), &err), CMT_OK);
    ck_assert_int_eq(cmt_file_write_new_at(top_fd, "a", &me, CMT_SLICE("new"), &err), CMT_IO);
    ck_assert(mentions(&err, "create a: "));
    ck_assert_int_eq(cmt_file_read_small_at(top_fd, "a", 16, &buf, &err), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&buf), CMT_SLICE("old")));
}
END_TEST

START_TEST(a_second_name_is_the_same_file)
{
    cmt_error err = CMT_ERROR_INIT;
    struct stat st;
    CMT_AUTO(cmt_fd_close) int other = -1;
    ck_assert_int_eq(cmt_file_write_new_at(top_fd, "a", &me, CMT_SLICE("x"), &err), CMT_OK);
    ck_assert_int_eq(
        cmt_dir_make_at(top_fd, "d", &(cmt_file_owner){geteuid(), getegid(), 0700}, &other, &err),
        CMT_OK);
    ck_assert_int_eq(cmt_file_link_at(top_fd, other, "a", &err), CMT_OK);
    ck_assert_int_eq(fstatat(other, "a", &st, 0), 0);
    ck_assert_uint_eq(st.st_nlink, 2);
    ck_assert_int_eq(cmt_file_link_at(top_fd, other, "a", &err), CMT_IO); /* it is taken */
    ck_assert(mentions(&err, "link a"));
    /* From one file system to another there are none. */
    CMT_AUTO(cmt_fd_close) int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(cmt_file_link_at(proc, other, "status", &err), CMT_UNSUPPORTED);
    ck_assert(mentions(&err, "hard links"));
    ck_assert_int_eq(unlinkat(other, "a", 0), 0);
    ck_assert_int_eq(unlinkat(top_fd, "d", AT_REMOVEDIR), 0);
}
END_TEST

START_TEST(an_open_file_is_given_owner_and_mode)
{
    cmt_error err = CMT_ERROR_INIT;
    struct stat st;
    CMT_AUTO(cmt_fd_close) int fd = -1;
    const cmt_file_owner wanted = {geteuid(), getegid(), 0640};
    ck_assert_int_eq(cmt_file_write_new_at(top_fd, "a", &me, CMT_SLICE("x"), &err), CMT_OK);
    ck_assert_int_eq(cmt_file_open_at(top_fd, "a", &fd, &err), CMT_OK);
    ck_assert_int_eq(cmt_file_give(fd, "a", &wanted, &err), CMT_OK);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0640);
}
END_TEST

START_TEST(symbolic_links_are_not_followed)
{
    cmt_error err = CMT_ERROR_INIT;
    int fd = -1;
    ck_assert_int_eq(cmt_file_write_new_at(top_fd, "a", &me, CMT_SLICE("x"), &err), CMT_OK);
    ck_assert_int_eq(symlinkat("a", top_fd, "link"), 0);
    ck_assert_int_eq(cmt_file_open_at(top_fd, "link", &fd, &err), CMT_IO);
    ck_assert(mentions(&err, "open link: "));
    ck_assert_int_eq(unlinkat(top_fd, "a", 0), 0);
    ck_assert_int_eq(cmt_file_create_at(top_fd, "link", &me, &fd, &err), CMT_IO);
    ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(a_directory_is_not_a_file)
{
    cmt_error err = CMT_ERROR_INIT;
    uint64_t size = 7;
    ck_assert_int_eq(cmt_file_size(top_fd, "data", &size, &err), CMT_UNSUPPORTED);
    ck_assert_uint_eq(size, 7);
    ck_assert(mentions(&err, "data is not a regular file"));
}
END_TEST

START_TEST(reading_past_the_end_is_damage)
{
    cmt_error err = CMT_ERROR_INIT;
    CMT_AUTO(cmt_fd_close) int fd = -1;
    uint8_t data[8];
    uint64_t size = 0;
    ck_assert_int_eq(cmt_file_write_new_at(top_fd, "a", &me, CMT_SLICE("0123456789"), &err),
                     CMT_OK);
    ck_assert_int_eq(cmt_file_open_at(top_fd, "a", &fd, &err), CMT_OK);
    ck_assert_int_eq(cmt_file_size(fd, "a", &size, &err), CMT_OK);
    ck_assert_uint_eq(size, 10);
    ck_assert_int_eq(cmt_file_read_at(fd, "a", 2, data, 8, &err), CMT_OK);
    ck_assert_mem_eq(data, "23456789", 8);
    ck_assert_int_eq(cmt_file_read_at(fd, "a", 10, data, 0, &err), CMT_OK);
    ck_assert_int_eq(cmt_file_read_at(fd, "a", 3, data, 8, &err), CMT_CORRUPT);
    ck_assert(mentions(&err, "a ends at byte 10, but bytes up to 11 are needed"));
}
END_TEST

START_TEST(large_contents_arrive_whole)
{
    size_t size = 3 << 20;
    uint8_t *data = malloc(size);
    uint8_t *again = malloc(size);
    ck_assert(data != NULL && again != NULL);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    CMT_AUTO(cmt_fd_close) int fd = -1;
    ck_assert_int_eq(cmt_file_create_at(top_fd, "b", &me, &fd, NULL), CMT_OK);
    ck_assert_int_eq(cmt_file_write(fd, "b", data, size / 2, NULL), CMT_OK);
    ck_assert_int_eq(cmt_file_write(fd, "b", data + size / 2, size - size / 2, NULL), CMT_OK);
    ck_assert_int_eq(cmt_file_sync(fd, "b", NULL), CMT_OK);
    cmt_fd_close(&fd);
    ck_assert_int_eq(cmt_file_open_at(top_fd, "b", &fd, NULL), CMT_OK);
    ck_assert_int_eq(cmt_file_read_at(fd, "b", 0, again, size, NULL), CMT_OK);
    ck_assert_int_eq(memcmp(data, again, size), 0);
    free(data);
    free(again);
}
END_TEST

START_TEST(a_full_disk_has_its_own_status)
{
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_status_of_errno(ENOSPC), CMT_NO_SPACE);
    ck_assert_int_eq(cmt_status_of_errno(EDQUOT), CMT_NO_SPACE);
    ck_assert_int_eq(cmt_status_of_errno(EIO), CMT_IO);
    CMT_AUTO(cmt_fd_close) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(full, 0);
    ck_assert_int_eq(cmt_file_write(full, "table", (const uint8_t *)"x", 1, &err), CMT_NO_SPACE);
    ck_assert(mentions(&err, "write table: "));
}
END_TEST

START_TEST(every_failing_call_names_what_it_tried)
{
    cmt_error err = CMT_ERROR_INIT;
    uint8_t byte = 0;
    uint64_t size;
    int closed = -1;
    ck_assert_int_eq(cmt_file_sync(closed, "table", &err), CMT_IO);
    ck_assert(mentions(&err, "fsync table: "));
    ck_assert_int_eq(cmt_dir_sync(closed, "data", &err), CMT_IO);
    ck_assert(mentions(&err, "fsync directory data: "));
    ck_assert_int_eq(cmt_file_size(closed, "table", &size, &err), CMT_IO);
    ck_assert(mentions(&err, "stat table: "));
    ck_assert_int_eq(cmt_file_read_at(closed, "table", 0, &byte, 1, &err), CMT_IO);
    ck_assert(mentions(&err, "read table: "));
    ck_assert_int_eq(cmt_file_write(closed, "table", &byte, 1, &err), CMT_IO);
    ck_assert(mentions(&err, "write table: "));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file");
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, make_directory, remove_directory);
    tcase_add_test(files, what_is_written_is_read_back);
    tcase_add_test(files, an_empty_file_reads_as_nothing);
    tcase_add_test(files, a_file_above_the_limit_is_not_read);
    tcase_add_test(files, an_absent_file_is_an_answer_without_a_message);
    tcase_add_test(files, an_absent_directory_is_named);
    tcase_add_test(files, a_new_file_has_the_mode_asked_for_whatever_the_umask);
    tcase_add_test(files, root_creates_files_for_another_owner);
    tcase_add_test(files, a_file_that_cannot_get_its_owner_is_taken_away_again);
    tcase_add_test(files, a_file_that_exists_is_never_overwritten);
    tcase_add_test(files, a_second_name_is_the_same_file);
    tcase_add_test(files, an_open_file_is_given_owner_and_mode);
    tcase_add_test(files, symbolic_links_are_not_followed);
    tcase_add_test(files, a_directory_is_not_a_file);
    tcase_add_test(files, reading_past_the_end_is_damage);
    tcase_add_test(files, large_contents_arrive_whole);
    tcase_add_test(files, a_full_disk_has_its_own_status);
    tcase_add_test(files, every_failing_call_names_what_it_tried);
    suite_add_tcase(suite, files);
    return suite_run(suite);
}
