/* SPDX-License-Identifier: Apache-2.0
 *
 * Status texts, errors, slices, buffers and the log hook.
 */
#include "cmtstore/base.h"

#include "cleanup.h"
#include "clock.h"
#include "suite.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

/* ---- status and errors ------------------------------------------------------------------- */

START_TEST(every_status_has_a_text_of_its_own)
{
    static const cmt_status all[] = {
#define STATUS(code, text) code,
        CMT_STATUS_LIST(STATUS)
#undef STATUS
    };
    size_t count = sizeof all / sizeof all[0];
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(all[i], (int)i);
        ck_assert_str_ne(cmt_status_text(all[i]), "unknown status");
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(cmt_status_text(all[i]), cmt_status_text(all[k]));
    }
    ck_assert_str_eq(cmt_status_text((cmt_status)1000), "unknown status");
}
END_TEST

START_TEST(error_set_writes_code_and_message_and_returns_the_code)
{
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_error_set(&err, CMT_BUSY, "lock %s: %d", "LOCK", 7), CMT_BUSY);
    ck_assert_int_eq(err.code, CMT_BUSY);
    ck_assert_str_eq(err.message, "lock LOCK: 7");
}
END_TEST

START_TEST(error_functions_accept_no_error)
{
    ck_assert_int_eq(cmt_error_set(NULL, CMT_IO, "x"), CMT_IO);
    ck_assert_int_eq(cmt_error_prefix(NULL, CMT_CORRUPT, "x"), CMT_CORRUPT);
}
END_TEST

START_TEST(error_set_cuts_a_message_that_is_too_long)
{
    cmt_error err = CMT_ERROR_INIT;
    char text[2 * sizeof err.message];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(cmt_error_set(&err, CMT_IO, "%s", text), CMT_IO);
    ck_assert_uint_eq(strlen(err.message), sizeof err.message - 1);
}
END_TEST

START_TEST(error_prefix_stands_before_the_cause)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_error_set(&err, CMT_CORRUPT, "bad checksum");
    ck_assert_int_eq(cmt_error_prefix(&err, CMT_CORRUPT, "part %d", 3), CMT_CORRUPT);
    ck_assert_int_eq(cmt_error_prefix(&err, CMT_CORRUPT, "block %d", 1200), CMT_CORRUPT);
    ck_assert_str_eq(err.message, "block 1200: part 3: bad checksum");
}
END_TEST

START_TEST(error_prefix_without_a_cause_names_the_status)
{
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_error_prefix(&err, CMT_NOT_FOUND, "block %d", 5), CMT_NOT_FOUND);
    ck_assert_str_eq(err.message, "block 5: not found");
    ck_assert_int_eq(err.code, CMT_NOT_FOUND);
}
END_TEST

START_TEST(error_prefix_cuts_the_cause_and_keeps_the_prefix)
{
    cmt_error err = CMT_ERROR_INIT;
    memset(err.message, 'c', sizeof err.message - 1);
    cmt_error_prefix(&err, CMT_IO, "prefix");
    ck_assert_uint_eq(strlen(err.message), sizeof err.message - 1);
    ck_assert_int_eq(strncmp(err.message, "prefix: ccc", 11), 0);

    char text[2 * sizeof err.message];
    memset(text, 'p', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cmt_error_prefix(&err, CMT_IO, "%s", text);
    ck_assert_uint_eq(strlen(err.message), sizeof err.message - 1);
    ck_assert_uint_eq(strspn(err.message, "p"), sizeof err.message - 1);
}
END_TEST

static cmt_status pass_on(cmt_status status)
{
    CMT_TRY(status);
    return CMT_STALE;
}

START_TEST(try_returns_every_status_but_ok)
{
    ck_assert_int_eq(pass_on(CMT_NOT_FOUND), CMT_NOT_FOUND);
    ck_assert_int_eq(pass_on(CMT_OK), CMT_STALE);
}
END_TEST

/* ---- slices ------------------------------------------------------------------------------ */

START_TEST(slices_compare_bytewise_and_shorter_first)
{
    ck_assert_int_eq(cmt_slice_compare(CMT_SLICE("H:9"), CMT_SLICE("H:9")), 0);
    ck_assert_int_gt(cmt_slice_compare(CMT_SLICE("H:9"), CMT_SLICE("H:10")), 0);
    ck_assert_int_lt(cmt_slice_compare(CMT_SLICE("H:1"), CMT_SLICE("H:10")), 0);
    ck_assert_int_gt(cmt_slice_compare(CMT_SLICE("H:10"), CMT_SLICE("H:1")), 0);
    ck_assert_int_gt(cmt_slice_compare(CMT_SLICE("\xff"), CMT_SLICE("\x01")), 0);
    ck_assert_int_lt(cmt_slice_compare(CMT_SLICE("a\0b"), CMT_SLICE("a\0c")), 0);
}
END_TEST

START_TEST(the_empty_slice_comes_first_and_may_have_no_bytes)
{
    cmt_slice none = {NULL, 0};
    ck_assert_int_eq(cmt_slice_compare(none, none), 0);
    ck_assert_int_lt(cmt_slice_compare(none, CMT_SLICE("a")), 0);
    ck_assert_int_gt(cmt_slice_compare(CMT_SLICE("a"), none), 0);
    ck_assert(cmt_slice_equal(none, CMT_SLICE("")));
    ck_assert(!cmt_slice_equal(none, CMT_SLICE("a")));
    ck_assert(cmt_slice_has_prefix(none, none));
    ck_assert(cmt_slice_has_prefix(CMT_SLICE("a"), none));
}
END_TEST

START_TEST(slices_are_equal_only_in_size_and_bytes)
{
    ck_assert(cmt_slice_equal(CMT_SLICE("abc"), CMT_SLICE("abc")));
    ck_assert(!cmt_slice_equal(CMT_SLICE("abc"), CMT_SLICE("abd")));
    ck_assert(!cmt_slice_equal(CMT_SLICE("abc"), CMT_SLICE("ab")));
}
END_TEST

START_TEST(a_prefix_is_no_longer_than_its_slice)
{
    ck_assert(cmt_slice_has_prefix(CMT_SLICE("validatorsKey:7"), CMT_SLICE("validatorsKey:")));
    ck_assert(!cmt_slice_has_prefix(CMT_SLICE("valid"), CMT_SLICE("validatorsKey:")));
    ck_assert(!cmt_slice_has_prefix(CMT_SLICE("BH:1"), CMT_SLICE("H:")));
}
END_TEST

/* ---- buffers ----------------------------------------------------------------------------- */

START_TEST(a_buffer_grows_and_keeps_what_it_holds)
{
    CMT_AUTO(cmt_buf_free) cmt_buf buf = CMT_BUF_INIT;
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t byte = (uint8_t)(i % 251);
        ck_assert_int_eq(cmt_buf_append(&buf, &byte, 1), CMT_OK);
    }
    ck_assert_uint_eq(buf.size, 5000);
    ck_assert_uint_ge(buf.capacity, buf.size);
    for (unsigned i = 0; i < 5000; i++)
        ck_assert_uint_eq(buf.data[i], i % 251);
}
END_TEST

START_TEST(appending_nothing_needs_no_memory)
{
    cmt_buf buf = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_buf_append(&buf, NULL, 0), CMT_OK);
    ck_assert_ptr_null(buf.data);
    ck_assert_uint_eq(cmt_buf_slice(&buf).size, 0);
}
END_TEST

START_TEST(reserve_makes_room_without_changing_the_contents)
{
    CMT_AUTO(cmt_buf_free) cmt_buf buf = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_buf_append(&buf, "abc", 3), CMT_OK);
    ck_assert_int_eq(cmt_buf_reserve(&buf, 100000), CMT_OK);
    ck_assert_uint_ge(buf.capacity - buf.size, 100000);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&buf), CMT_SLICE("abc")));
}
END_TEST

START_TEST(reserve_refuses_sizes_that_no_memory_holds)
{
    CMT_AUTO(cmt_buf_free) cmt_buf buf = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_buf_append(&buf, "abc", 3), CMT_OK);
    cmt_buf before = buf;
    ck_assert_int_eq(cmt_buf_reserve(&buf, SIZE_MAX), CMT_NO_MEMORY);
    ck_assert_int_eq(cmt_buf_reserve(&buf, SIZE_MAX - 3), CMT_NO_MEMORY);
    ck_assert_int_eq(cmt_buf_append(&buf, "x", SIZE_MAX / 2), CMT_NO_MEMORY);
    ck_assert_int_eq(cmt_buf_set(&buf, (cmt_slice){buf.data, SIZE_MAX}), CMT_NO_MEMORY);
    ck_assert_mem_eq(&buf, &before, sizeof buf);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&buf), CMT_SLICE("abc")));
}
END_TEST

START_TEST(set_replaces_and_clear_keeps_the_memory)
{
    CMT_AUTO(cmt_buf_free) cmt_buf buf = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_buf_set(&buf, CMT_SLICE("a longer text")), CMT_OK);
    ck_assert_int_eq(cmt_buf_set(&buf, CMT_SLICE("short")), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&buf), CMT_SLICE("short")));
    size_t capacity = buf.capacity;
    cmt_buf_clear(&buf);
    ck_assert_uint_eq(buf.size, 0);
    ck_assert_uint_eq(buf.capacity, capacity);
}
END_TEST

START_TEST(free_resets_and_may_be_repeated)
{
    cmt_buf buf = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_buf_append(&buf, "abc", 3), CMT_OK);
    cmt_buf_free(&buf);
    ck_assert_ptr_null(buf.data);
    ck_assert_uint_eq(buf.size + buf.capacity, 0);
    cmt_buf_free(&buf);
    cmt_buf_free(NULL);
}
END_TEST

static int released;

static void release(int **object)
{
    released += **object;
}

static void leave_scope_early(bool early)
{
    int value = 5;
    CMT_AUTO(release) int *owned = &value;
    if (early)
        return;
    *owned = 7;
}

START_TEST(auto_releases_on_every_way_out)
{
    released = 0;
    leave_scope_early(true);
    ck_assert_int_eq(released, 5);
    leave_scope_early(false);
    ck_assert_int_eq(released, 12);
}
END_TEST

/* ---- log hook and clock ------------------------------------------------------------------ */

typedef struct seen {
    int lines;
    cmt_log_level level;
    char message[2048];
} seen;

static void remember(void *context, cmt_log_level level, const char *message)
{
    seen *s = context;
    s->lines++;
    s->level = level;
    strncpy(s->message, message, sizeof s->message - 1);
}

START_TEST(a_log_line_is_formatted_once_for_the_host)
{
    seen s = {0};
    cmt_logger logger = {remember, &s};
    cmt_log(&logger, CMT_LOG_WARN, "pruned blocks  pruned=%d base=%d", 1000, 51000);
    ck_assert_int_eq(s.lines, 1);
    ck_assert_int_eq(s.level, CMT_LOG_WARN);
    ck_assert_str_eq(s.message, "pruned blocks  pruned=1000 base=51000");
}
END_TEST

START_TEST(a_long_log_line_is_cut)
{
    seen s = {0};
    cmt_logger logger = {remember, &s};
    cmt_log(&logger, CMT_LOG_INFO, "%2000d", 1);
    ck_assert_uint_eq(strlen(s.message), 1023);
}
END_TEST

START_TEST(no_logger_is_silence)
{
    cmt_logger empty = {NULL, NULL};
    cmt_log(NULL, CMT_LOG_ERROR, "unheard");
    cmt_log(&empty, CMT_LOG_ERROR, "unheard");
}
END_TEST

START_TEST(the_clock_never_goes_back)
{
    int64_t last = cmt_clock_ns();
    for (int i = 0; i < 1000; i++) {
        int64_t now = cmt_clock_ns();
        ck_assert_int_ge(now, last);
        last = now;
    }
    ck_assert_int_ge(cmt_clock_ms_since(last - 3000000), 3);
    ck_assert_int_lt(cmt_clock_ms_since(last), 60000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *errors = tcase_create("errors");
    tcase_add_test(errors, every_status_has_a_text_of_its_own);
    tcase_add_test(errors, error_set_writes_code_and_message_and_returns_the_code);
    tcase_add_test(errors, error_functions_accept_no_error);
    tcase_add_test(errors, error_set_cuts_a_message_that_is_too_long);
    tcase_add_test(errors, error_prefix_stands_before_the_cause);
    tcase_add_test(errors, error_prefix_without_a_cause_names_the_status);
    tcase_add_test(errors, error_prefix_cuts_the_cause_and_keeps_the_prefix);
    tcase_add_test(errors, try_returns_every_status_but_ok);
    suite_add_tcase(suite, errors);
    TCase *bytes = tcase_create("bytes");
    tcase_add_test(bytes, slices_compare_bytewise_and_shorter_first);
    tcase_add_test(bytes, the_empty_slice_comes_first_and_may_have_no_bytes);
    tcase_add_test(bytes, slices_are_equal_only_in_size_and_bytes);
    tcase_add_test(bytes, a_prefix_is_no_longer_than_its_slice);
    tcase_add_test(bytes, a_buffer_grows_and_keeps_what_it_holds);
    tcase_add_test(bytes, appending_nothing_needs_no_memory);
    tcase_add_test(bytes, reserve_makes_room_without_changing_the_contents);
    tcase_add_test(bytes, reserve_refuses_sizes_that_no_memory_holds);
    tcase_add_test(bytes, set_replaces_and_clear_keeps_the_memory);
    tcase_add_test(bytes, free_resets_and_may_be_repeated);
    tcase_add_test(bytes, auto_releases_on_every_way_out);
    suite_add_tcase(suite, bytes);
    TCase *hooks = tcase_create("hooks");
    tcase_add_test(hooks, a_log_line_is_formatted_once_for_the_host);
    tcase_add_test(hooks, a_long_log_line_is_cut);
    tcase_add_test(hooks, no_logger_is_silence);
    tcase_add_test(hooks, the_clock_never_goes_back);
    suite_add_tcase(suite, hooks);
    return suite_run(suite);
}
