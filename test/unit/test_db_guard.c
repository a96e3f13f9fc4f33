/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands around an open engine: how many files it may open, what its messages mean.
 */
#include "guard.h"
#include "suite.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static int files_under(rlim_t limit, int wish)
{
    struct rlimit old;
    const cmt_db_open_options options = {.max_open_files = wish};
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    struct rlimit changed = {limit, old.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &changed), 0);
    int files = cmt_db__open_files(&options);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    return files;
}

START_TEST(open_files_fit_the_limit_for_two_databases)
{
    ck_assert_int_eq(files_under(1024, 0), (1024 - 96) / 2);
    ck_assert_int_eq(files_under(600, 0), (600 - 96) / 2);
    ck_assert_int_eq(files_under(100, 0), 74); /* LevelDB takes no less */
    ck_assert_int_eq(files_under(20, 0), 74);
    ck_assert_int_eq(files_under(1024, 5000), 5000);
}
END_TEST

static const struct {
    const char *message;
    cmt_status status;
} messages[] = {
    {"IO error: /x/000007.ldb: No space left on device", CMT_NO_SPACE},
    {"IO error: While appending to file: /x/000007.sst: Disk quota exceeded", CMT_NO_SPACE},
    {"IO error: lock /x/LOCK: Resource temporarily unavailable", CMT_BUSY},
    {"IO error: lock /x/LOCK: already held by process", CMT_BUSY},
    {"IO error: lock hold by current process, acquire time 1 acquiring thread 2: /x/LOCK: No locks "
     "available",
     CMT_BUSY},
    {"Corruption: block checksum mismatch", CMT_CORRUPT},
    {"Corruption: VersionEdit: unknown tag: 5000", CMT_UNSUPPORTED},
    {"Invalid argument: /x: does not exist (create_if_missing is false)", CMT_UNSUPPORTED},
    {"IO error: /x/LOCK: Permission denied", CMT_IO},
    {"IO error: /x/000009.log: Read-only file system", CMT_IO},
};

START_TEST(an_engines_message_becomes_a_status_and_a_sentence)
{
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_db__engine_failed(messages[_i].message, "write to", "/x", &err),
                     messages[_i].status);
    ck_assert_int_eq(err.code, messages[_i].status);
    ck_assert_ptr_nonnull(strstr(err.message, "/x"));
    if (messages[_i].status != CMT_BUSY)
        ck_assert_ptr_nonnull(strstr(err.message, messages[_i].message));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_guard");
    TCase *tc = tcase_create("db_guard");
    tcase_add_test(tc, open_files_fit_the_limit_for_two_databases);
    tcase_add_loop_test(tc, an_engines_message_becomes_a_status_and_a_sentence, 0,
                        (int)(sizeof messages / sizeof messages[0]));
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
