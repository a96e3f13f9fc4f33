/* SPDX-License-Identifier: Apache-2.0
 *
 * Between two slices: room for blocks that are being saved, and space on the disk.
 */
#include "compact_pair.h"
#include "suite.h"

#include <check.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Places in a slice of 32 MiB. */
#define SLICE 8192

/* ---- a flight whose compactions are the test's --------------------------------------------------- */

static cmt_compact_flight *flight;
static unsigned saves_in_slice;
static size_t slices;
static uint64_t free_now;
static uint64_t free_per_slice;
static cmt_status free_status;

static cmt_status compact(void *context, cmt_db *db, cmt_range range, cmt_error *err)
{
    (void)context;
    (void)db;
    (void)range;
    (void)err;
    slices++;
    free_now -= free_per_slice;
    for (unsigned i = 0; i < saves_in_slice; i++)
        cmt_compact_flight_note_write(flight);
    return CMT_OK;
}

static cmt_status free_bytes(void *context, const char *database, uint64_t *out, cmt_error *err)
{
    ck_assert_ptr_null(context);
    ck_assert(strcmp(database, "state") == 0 || strcmp(database, "blockstore") == 0);
    *out = free_now;
    return free_status == CMT_OK ? CMT_OK : cmt_error_set(err, free_status, "no such disk");
}

static void setup(void)
{
    pair_setup();
    cmt_compact_flight_free(pair_flight);
    pair_flight = NULL;
    saves_in_slice = 0;
    slices = 0;
    free_now = 100 * MIB;
    free_per_slice = 0;
    free_status = CMT_OK;
    const cmt_compactor_target target = {.blockstore = &pair_blocks.base,
                                         .state = &pair_states.base};
    const cmt_compact_flight_options options = {
        .logger = &pair_logger,
        .reserve_bytes = 50 * MIB,
        .free_bytes = free_bytes,
        .compact = compact,
    };
    ck_assert_int_eq(cmt_compact_flight_new(&target, &options, &flight, &pair_err), CMT_OK);
}

static void teardown(void)
{
    cmt_compact_flight_free(flight);
    pair_teardown();
}

static cmt_status compact_all(int64_t pause_ns, cmt_compact_report *report)
{
    const cmt_compaction_request all = {.kind = CMT_COMPACT_KIND_FULL,
                                        .databases = CMT_COMPACT_BLOCKSTORE};
    const cmt_compact_options options = {.pause_ns = pause_ns};
    return cmt_compact_now(flight, &all, &options, report, &pair_err);
}

/* ---- blocks -------------------------------------------------------------------------------------- */

START_TEST(nothing_waits_while_no_block_is_saved)
{
    ck_assert_int_eq(compact_all(SECOND, NULL), CMT_OK);
    ck_assert_uint_ge(slices, FAKE_PLACES / SLICE);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).pauses, 0);
}
END_TEST

START_TEST(blocks_saved_during_a_slice_earn_a_pause)
{
    saves_in_slice = 3;
    ck_assert_int_eq(compact_all(MS, NULL), CMT_OK);
    const cmt_compact_counts counts = cmt_compact_flight_counts(flight);
    ck_assert_uint_eq(counts.pauses,
                      slices - 1); /* between slices, and once where nothing goes on */
    ck_assert_int_eq(counts.paused_ns, (int64_t)(slices - 1) * MS);
}
END_TEST

START_TEST(without_a_pause_none_is_made)
{
    saves_in_slice = 3;
    ck_assert_int_eq(compact_all(0, NULL), CMT_OK);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).pauses, 0);
}
END_TEST

static atomic_bool writing;

static void *save_without_rest(void *argument)
{
    while (atomic_load(&writing)) {
        cmt_compact_flight_note_write(flight);
        sched_yield();
    }
    return argument;
}

static pthread_t start_writing(void)
{
    pthread_t thread;
    atomic_store(&writing, true);
    ck_assert_int_eq(pthread_create(&thread, NULL, save_without_rest, NULL), 0);
    return thread;
}

static void end_writing(pthread_t thread)
{
    atomic_store(&writing, false);
    pthread_join(thread, NULL);
}

START_TEST(a_writer_that_never_rests_cannot_stop_progress)
{
    const cmt_compact_options options = {.pause_ns = 300 * MS};
    pair_asked two_slices;
    pthread_t thread = start_writing();
    saves_in_slice = 1;
    pair_ask(&two_slices, 0, 2 * SLICE, 0, 0);
    ck_assert_int_eq(cmt_compact_now(flight, &two_slices.request, &options, NULL, &pair_err),
                     CMT_OK);
    pair_release(&two_slices);
    end_writing(thread);
    const cmt_compact_counts counts = cmt_compact_flight_counts(flight);
    ck_assert_uint_eq(slices, 2);
    ck_assert_uint_ge(counts.pauses, 1);
    ck_assert_uint_le(counts.pauses, 3); /* 300 and 600 ms, and what is left of a second */
    ck_assert_int_le(counts.paused_ns, SECOND);
}
END_TEST

static void *stop_in_a_pause(void *argument)
{
    while (cmt_compact_flight_counts(flight).pauses == 0)
        sched_yield();
    cmt_compact_flight_stop(flight);
    return argument;
}

START_TEST(a_stop_ends_a_pause)
{
    pthread_t stopper;
    cmt_compact_report report;
    pthread_t writer = start_writing();
    saves_in_slice = 1;
    ck_assert_int_eq(pthread_create(&stopper, NULL, stop_in_a_pause, NULL), 0);
    ck_assert_int_eq(compact_all(SECOND, &report), CMT_CANCELLED);
    pthread_join(stopper, NULL);
    end_writing(writer);
    ck_assert_uint_eq(report.blockstore.slices, 1);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).pauses, 1);
}
END_TEST

/* ---- space --------------------------------------------------------------------------------------- */

START_TEST(no_slice_begins_below_the_reserve)
{
    cmt_compact_report report;
    free_per_slice = 20 * MIB;
    ck_assert_int_eq(compact_all(0, &report), CMT_NO_SPACE);
    ck_assert_uint_eq(slices, 3);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FAILED);
    ck_assert_int_eq(report.blockstore.status, CMT_NO_SPACE);
    ck_assert_uint_eq(report.blockstore.ranges_left, 1);
    ck_assert_ptr_nonnull(strstr(pair_err.message, "blockstore: compact: 41943040 bytes are free"));
    ck_assert_ptr_nonnull(strstr(pair_log, "ERROR compaction_error label=manual_compaction"));
    free_now = 50 * MIB;
    free_per_slice = 0;
    ck_assert_int_eq(cmt_compact_now(flight, NULL, NULL, &report, &pair_err), CMT_OK);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).remembered_blockstore, 0);
}
END_TEST

START_TEST(a_disk_that_does_not_answer_is_a_failure)
{
    free_status = CMT_IO;
    ck_assert_int_eq(compact_all(0, NULL), CMT_IO);
    ck_assert_uint_eq(slices, 0);
}
END_TEST

START_TEST(the_file_system_is_asked_where_a_directory_is_given)
{
    const cmt_compactor_target target = {.state = &pair_states.base, .state_dir = "/"};
    cmt_compact_flight_options options = {.reserve_bytes = 1, .compact = compact};
    cmt_compact_flight_free(flight);
    ck_assert_int_eq(cmt_compact_flight_new(&target, &options, &flight, &pair_err), CMT_OK);
    const cmt_compaction_request all = {.kind = CMT_COMPACT_KIND_FULL};
    ck_assert_int_eq(cmt_compact_now(flight, &all, NULL, NULL, &pair_err), CMT_OK);
    cmt_compact_flight_free(flight);
    options.reserve_bytes = UINT64_MAX;
    ck_assert_int_eq(cmt_compact_flight_new(&target, &options, &flight, &pair_err), CMT_OK);
    ck_assert_int_eq(cmt_compact_now(flight, &all, NULL, NULL, &pair_err), CMT_NO_SPACE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compactor_room");
    TCase *tc = tcase_create("compactor_room");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, nothing_waits_while_no_block_is_saved);
    tcase_add_test(tc, blocks_saved_during_a_slice_earn_a_pause);
    tcase_add_test(tc, without_a_pause_none_is_made);
    tcase_add_test(tc, a_writer_that_never_rests_cannot_stop_progress);
    tcase_add_test(tc, a_stop_ends_a_pause);
    tcase_add_test(tc, no_slice_begins_below_the_reserve);
    tcase_add_test(tc, a_disk_that_does_not_answer_is_a_failure);
    tcase_add_test(tc, the_file_system_is_asked_where_a_directory_is_given);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
