/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal of compaction: what it keeps, and what becomes of a file that cannot be used.
 */
#include "journal.h"
#include "journal_script.h"

#include "files.h"
#include "must.h"
#include "rng.h"

#include "coding.h"
#include "crc32c.h"
#include "suite.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT 65536
#define FILE_NAME "compactor.journal"

static char *top;
static char *home; /* <top>/cmtstore */
static cmt_compact_journal *journal;
static char warning[1024];
static unsigned warnings;

static void keep_warning(void *context, cmt_log_level level, const char *message)
{
    (void)context;
    ck_assert_int_eq(level, CMT_LOG_WARN);
    snprintf(warning, sizeof warning, "%s", message);
    warnings++;
}

static const cmt_logger logger = {keep_warning, NULL};

static void setup(void)
{
    top = files_temp();
    home = files_path(top, "cmtstore");
    warnings = 0;
    warning[0] = '\0';
    journal = journal_open(top, &logger);
}

static void teardown(void)
{
    cmt_compact_journal_close(journal);
    free(home);
    files_remove(top);
}

static void reopen(void)
{
    cmt_compact_journal_close(journal);
    journal = journal_open(top, &logger);
}

static void play(cmt_compact_journal *j, int steps)
{
    for (int i = 0; i < steps; i++)
        MUST(journal_step(j, i, &error));
}

static uint64_t submit(cmt_job_kind kind, bool state, bool blocks)
{
    uint64_t id = 0;
    const cmt_job_request request = {.kind = kind, .databases = {state, blocks}};
    MUST(cmt_compact_journal_submit(journal, &request, &id, &error));
    return id;
}

static cmt_job newest(void)
{
    cmt_job job;
    ck_assert_uint_eq(cmt_compact_journal_jobs(journal, &job, 1), 1);
    return job;
}

/* ---- round trips ----------------------------------------------------------------------------- */

/* What was running is submitted again. */
static void submit_what_ran(char *text)
{
    char rest[TEXT];
    for (char *p; (p = strstr(text, " running ")) != NULL;) {
        snprintf(rest, sizeof rest, "%s", p + strlen(" running "));
        snprintf(p, TEXT - (size_t)(p - text), " submitted %s", rest);
    }
}

START_TEST(after_every_step_a_journal_opened_anew_says_the_same)
{
    char here[TEXT];
    char anew[TEXT];
    for (int i = 0; i < JOURNAL_STEPS; i++) {
        MUST(journal_step(journal, i, &error));
        journal_describe(journal, here, sizeof here);
        submit_what_ran(here);
        cmt_compact_journal *other = journal_open(top, &logger);
        journal_describe(other, anew, sizeof anew);
        cmt_compact_journal_close(other);
        ck_assert_str_eq(anew, here);
    }
    ck_assert_uint_eq(warnings, 0);
}
END_TEST

START_TEST(the_script_ends_where_it_should)
{
    char text[TEXT];
    play(journal, JOURNAL_STEPS);
    journal_describe(journal, text, sizeof text);
    ck_assert_str_eq(
        text, "database 0 cookie=state at 7 last=1234567890123456789 failed=0 failures=0 dead=0 "
              "tombstones=0 heights=0\n"
              "database 1 cookie=blocks at 7 last=1234567890123456789 failed=0 failures=0 dead=0 "
              "tombstones=0 heights=0\n"
              "job 3 10 rewrite submitted attempts=0 times=1234567890123456789,0,0 label= "
              "trigger=free_ratio free=21 total=100 max=0.2 error= state [,) blockstore\n"
              "job 2 01 full running attempts=1 times=1234567890123456789,1234567890123456789,0 "
              "label=manual_compaction trigger=free_ratio free=21 total=100 max=0.2 error= state "
              "blockstore [,)\n"
              "job 1 01 ranges completed attempts=3 "
              "times=1234567890123456789,1234567890123456789,1234567890123456789 "
              "label=post_pruning_compaction trigger=free_ratio free=21 total=100 max=0.2 error= "
              "state blockstore\n");
}
END_TEST

START_TEST(without_a_directory_it_is_kept_in_memory)
{
    char in_memory[TEXT];
    char on_disk[TEXT];
    cmt_compact_journal *memory = journal_open(NULL, NULL);
    play(memory, JOURNAL_STEPS);
    play(journal, JOURNAL_STEPS);
    journal_describe(memory, in_memory, sizeof in_memory);
    journal_describe(journal, on_disk, sizeof on_disk);
    ck_assert_str_eq(in_memory, on_disk);
    cmt_compact_journal_close(memory);
}
END_TEST

START_TEST(a_data_directory_that_is_not_there_is_refused)
{
    cmt_compact_journal *none;
    const cmt_compact_journal_options options = {.data_dir = "/nowhere/at/all"};
    ck_assert_int_eq(cmt_compact_journal_open(&options, &none, &error), CMT_NOT_FOUND);
    ck_assert_ptr_null(none);
}
END_TEST

START_TEST(opening_and_reading_writes_nothing)
{
    char text[TEXT];
    journal_describe(journal, text, sizeof text);
    MUST(cmt_compact_journal_flush(journal, &error));
    ck_assert(!files_exist(top, "cmtstore"));
}
END_TEST

START_TEST(the_file_belongs_to_whom_the_directory_belongs)
{
    struct stat st;
    ck_assert_int_eq(chmod(top, 0750), 0);
    reopen();
    play(journal, 1);
    ck_assert_int_eq(stat(home, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0750);
    char *file = files_path(home, FILE_NAME);
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0640);
    free(file);
    ck_assert_uint_eq(files_count(home, ".tmp"), 0);
}
END_TEST

/* ---- jobs ------------------------------------------------------------------------------------ */

START_TEST(only_what_fits_can_be_done_with_a_job)
{
    const cmt_job_end completed = {.status = CMT_JOB_COMPLETED};
    const cmt_job_end running = {.status = CMT_JOB_RUNNING};
    const cmt_job_end nothing_left = {.status = CMT_JOB_FAILED, .finished = {true, true}};
    const uint8_t bytes[CMT_JOURNAL_COOKIE + 1] = {0};
    const cmt_job_end long_cookie = {.status = CMT_JOB_COMPLETED,
                                     .cookie = {{bytes, sizeof bytes}}};
    const cmt_job_request none = {.kind = CMT_JOB_FULL};
    uint64_t id;
    ck_assert_int_eq(cmt_compact_journal_submit(journal, &none, &id, &error), CMT_INVALID);
    ck_assert_int_eq(cmt_compact_journal_begin(journal, 1, &error), CMT_INVALID);
    id = submit(CMT_JOB_FULL, true, false);
    ck_assert_int_eq(cmt_compact_journal_end(journal, id, &completed, &error), CMT_INVALID);
    MUST(cmt_compact_journal_begin(journal, id, &error));
    ck_assert_int_eq(cmt_compact_journal_begin(journal, id, &error), CMT_INVALID);
    ck_assert_int_eq(cmt_compact_journal_end(journal, id, &running, &error), CMT_INVALID);
    ck_assert_int_eq(cmt_compact_journal_end(journal, id, &nothing_left, &error), CMT_INVALID);
    ck_assert_int_eq(cmt_compact_journal_end(journal, id, &long_cookie, &error), CMT_INVALID);
    MUST(cmt_compact_journal_end(journal, id, &completed, &error));
    ck_assert_int_eq(cmt_compact_journal_end(journal, id, &completed, &error), CMT_INVALID);
    ck_assert_int_eq(cmt_compact_journal_begin(journal, id, &error), CMT_INVALID);
}
END_TEST

START_TEST(where_there_is_no_room_a_job_joins_one_that_waits)
{
    cmt_range range = {CMT_SLICE("a"), CMT_SLICE("b")};
    const cmt_range_list list = {&range, 1, 1};
    const cmt_job_request ranges = {
        .kind = CMT_JOB_RANGES, .databases = {false, true}, .ranges = {NULL, &list}};
    uint64_t id;
    for (uint64_t i = 1; i < CMT_JOURNAL_OPEN; i++)
        ck_assert_uint_eq(submit(CMT_JOB_FULL, true, true), i);
    MUST(cmt_compact_journal_submit(journal, &ranges, &id, &error));
    ck_assert_uint_eq(id, CMT_JOURNAL_OPEN);
    range = (cmt_range){CMT_SLICE("d"), CMT_SLICE("e")};
    MUST(cmt_compact_journal_submit(journal, &ranges, &id, &error));
    ck_assert_uint_eq(id, CMT_JOURNAL_OPEN);
    reopen();
    cmt_range_list found = {NULL, 0, 0};
    MUST(cmt_compact_journal_ranges(journal, id, NULL, &found, &error));
    ck_assert_uint_eq(found.count, 2);
    ck_assert(cmt_slice_equal(found.ranges[1].lo, CMT_SLICE("d")));
    cmt_range_list_free(&found);

    /* Not with one that runs, and not with one that does something else. */
    const cmt_job_request other = {.kind = CMT_JOB_FULL, .databases = {true, false}};
    ck_assert_int_eq(cmt_compact_journal_submit(journal, &other, &id, &error), CMT_BUSY);
    MUST(cmt_compact_journal_begin(journal, CMT_JOURNAL_OPEN, &error));
    ck_assert_int_eq(cmt_compact_journal_submit(journal, &ranges, &id, &error), CMT_BUSY);
    ck_assert_uint_eq(id, CMT_JOURNAL_OPEN);
}
END_TEST

START_TEST(of_completed_jobs_the_newest_are_kept)
{
    static cmt_job jobs[CMT_JOURNAL_OPEN + CMT_JOURNAL_ENDED];
    const cmt_job_end completed = {.status = CMT_JOB_COMPLETED};
    for (int i = 0; i < CMT_JOURNAL_ENDED + 5; i++) {
        uint64_t id = submit(CMT_JOB_FULL, true, true);
        MUST(cmt_compact_journal_begin(journal, id, &error));
        MUST(cmt_compact_journal_end(journal, id, &completed, &error));
    }
    reopen();
    ck_assert_uint_eq(cmt_compact_journal_jobs(journal, jobs, sizeof jobs / sizeof jobs[0]),
                      CMT_JOURNAL_ENDED);
    ck_assert_uint_eq(jobs[0].id, CMT_JOURNAL_ENDED + 5);
    ck_assert_uint_eq(jobs[CMT_JOURNAL_ENDED - 1].id, 6);
    ck_assert_uint_eq(submit(CMT_JOB_FULL, true, true), CMT_JOURNAL_ENDED + 6);
}
END_TEST

START_TEST(texts_that_are_too_long_are_cut)
{
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const cmt_job_request request = {
        .kind = CMT_JOB_FULL, .label = text, .trigger = text, .databases = {true, true}};
    const cmt_job_end failed = {.status = CMT_JOB_FAILED, .error = text};
    uint64_t id;
    MUST(cmt_compact_journal_submit(journal, &request, &id, &error));
    MUST(cmt_compact_journal_begin(journal, id, &error));
    MUST(cmt_compact_journal_end(journal, id, &failed, &error));
    reopen();
    cmt_job job = newest();
    ck_assert_uint_eq(strlen(job.label), sizeof job.label - 1);
    ck_assert_uint_eq(strlen(job.trigger), sizeof job.trigger - 1);
    ck_assert_uint_eq(strlen(job.error), sizeof job.error - 1);
}
END_TEST

/* ---- counters -------------------------------------------------------------------------------- */

static cmt_journal_counters counts(cmt_journal_side side)
{
    return cmt_compact_journal_database(journal, side).counts;
}

START_TEST(what_comes_while_a_job_runs_is_not_taken_off)
{
    const cmt_journal_counters before = {100, 10, 1};
    const cmt_journal_counters meanwhile = {7, 3, 2};
    const cmt_job_end completed = {.status = CMT_JOB_COMPLETED};
    uint64_t id = submit(CMT_JOB_FULL, true, true);
    cmt_compact_journal_note(journal, CMT_JOURNAL_BLOCKSTORE, &before);
    MUST(cmt_compact_journal_begin(journal, id, &error));
    cmt_compact_journal_note(journal, CMT_JOURNAL_BLOCKSTORE, &meanwhile);
    ck_assert_uint_eq(counts(CMT_JOURNAL_BLOCKSTORE).dead_bytes, 107);
    MUST(cmt_compact_journal_end(journal, id, &completed, &error));
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(counts(CMT_JOURNAL_BLOCKSTORE).dead_bytes, 7);
        ck_assert_uint_eq(counts(CMT_JOURNAL_BLOCKSTORE).tombstones, 3);
        ck_assert_uint_eq(counts(CMT_JOURNAL_BLOCKSTORE).heights, 2);
        ck_assert_uint_eq(counts(CMT_JOURNAL_STATE).dead_bytes, 0);
        reopen();
    }
}
END_TEST

START_TEST(counters_stop_at_their_end)
{
    const cmt_journal_counters much = {UINT64_MAX - 1, UINT64_MAX, 1};
    cmt_compact_journal_note(journal, CMT_JOURNAL_STATE, &much);
    MUST(cmt_compact_journal_flush(journal, &error));
    cmt_compact_journal_note(journal, CMT_JOURNAL_STATE, &much);
    MUST(cmt_compact_journal_flush(journal, &error));
    reopen();
    ck_assert_uint_eq(counts(CMT_JOURNAL_STATE).dead_bytes, UINT64_MAX);
    ck_assert_uint_eq(counts(CMT_JOURNAL_STATE).tombstones, UINT64_MAX);
    ck_assert_uint_eq(counts(CMT_JOURNAL_STATE).heights, 2);
}
END_TEST

START_TEST(failures_in_a_row_are_counted_until_one_finishes)
{
    const cmt_job_end failed = {.status = CMT_JOB_FAILED, .finished = {true, false}};
    uint64_t id = submit(CMT_JOB_FULL, true, true);
    MUST(cmt_compact_journal_begin(journal, id, &error));
    MUST(cmt_compact_journal_end(journal, id, &failed, &error));
    MUST(cmt_compact_journal_begin(journal, id, &error));
    MUST(cmt_compact_journal_end(journal, id, &(cmt_job_end){.status = CMT_JOB_FAILED}, &error));
    reopen();
    cmt_journal_database d = cmt_compact_journal_database(journal, CMT_JOURNAL_BLOCKSTORE);
    ck_assert_uint_eq(d.failures, 2);
    ck_assert_int_ne(d.failed_ns, 0);
    ck_assert_uint_eq(cmt_compact_journal_database(journal, CMT_JOURNAL_STATE).failures, 0);
    MUST(cmt_compact_journal_begin(journal, id, &error));
    MUST(cmt_compact_journal_end(journal, id, &(cmt_job_end){.status = CMT_JOB_COMPLETED}, &error));
    d = cmt_compact_journal_database(journal, CMT_JOURNAL_BLOCKSTORE);
    ck_assert_uint_eq(d.failures, 0);
    ck_assert_int_eq(d.failed_ns, 0);
    ck_assert_int_ne(d.last_ns, 0);
}
END_TEST

static void *note_often(void *argument)
{
    const cmt_journal_counters one = {1, 1, 1};
    (void)argument;
    for (int i = 0; i < 2000; i++)
        cmt_compact_journal_note(journal, CMT_JOURNAL_STATE, &one);
    return NULL;
}

START_TEST(noting_from_any_thread_loses_nothing)
{
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, note_often, NULL), 0);
    for (int i = 0; i < 50; i++)
        MUST(cmt_compact_journal_flush(journal, &error));
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    MUST(cmt_compact_journal_flush(journal, &error));
    reopen();
    ck_assert_uint_eq(counts(CMT_JOURNAL_STATE).heights, 6000);
}
END_TEST

/* ---- files that cannot be used --------------------------------------------------------------- */

static const char *const beginning =
    "the compaction journal cannot be used; everything pruned counts "
    "as not compacted yet  err=\"";

/* It begins anew, says why, and the file is set aside with the first change. */
static void expect_unusable(cmt_slice file, const char *why)
{
    char text[TEXT];
    char fresh[TEXT];
    char expected[1024];
    cmt_compact_journal *none = journal_open(NULL, NULL);
    journal_describe(none, fresh, sizeof fresh);
    cmt_compact_journal_close(none);
    files_write(home, FILE_NAME, file);
    warnings = 0;
    reopen();
    ck_assert_uint_eq(warnings, 1);
    snprintf(expected, sizeof expected, "%s%s\"", beginning, why);
    ck_assert_str_eq(warning, expected);
    journal_describe(journal, text, sizeof text);
    ck_assert_str_eq(text, fresh);

    cmt_buf still = files_read(home, FILE_NAME);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&still), file));
    cmt_buf_free(&still);
    play(journal, 2);
    still = files_read(home, FILE_NAME ".unreadable");
    ck_assert(cmt_slice_equal(cmt_buf_slice(&still), file));
    cmt_buf_free(&still);
    warnings = 0;
    reopen();
    ck_assert_uint_eq(warnings, 0);
    ck_assert_uint_eq(newest().id, 1);
}

static cmt_buf whole_file(void)
{
    play(journal, JOURNAL_STEPS);
    return files_read(home, FILE_NAME);
}

START_TEST(an_unusable_file_is_named_and_set_aside)
{
    cmt_buf file = whole_file();
    expect_unusable(CMT_SLICE(""), "it does not begin as a compaction journal does");
    expect_unusable(CMT_SLICE("{\"jobs\": [], \"version\": 1}"),
                    "it does not begin as a compaction journal does");
    expect_unusable((cmt_slice){file.data, file.size - 1}, "it was cut off, or has grown");
    file.data[40] ^= 1;
    expect_unusable(cmt_buf_slice(&file), "its checksum does not match");
    file.data[8] = 2;
    expect_unusable(cmt_buf_slice(&file), "it says version 2, and this program knows version 1");
    cmt_buf_free(&file);
}
END_TEST

START_TEST(a_file_larger_than_any_journal_is_set_aside)
{
    cmt_buf large = CMT_BUF_INIT;
    MUST(cmt_buf_reserve(&large, ((size_t)1 << 20) + 1));
    memset(large.data, 'x', ((size_t)1 << 20) + 1);
    large.size = ((size_t)1 << 20) + 1;
    play(journal, 1);
    expect_unusable(cmt_buf_slice(&large),
                    "compactor.journal has 1048577 bytes, more than the 1048576 expected");
    cmt_buf_free(&large);
}
END_TEST

START_TEST(every_flipped_byte_and_every_cut_is_noticed)
{
    static cmt_compactor__record record;
    cmt_buf file = whole_file();
    MUST(cmt_compactor__journal_decode(cmt_buf_slice(&file), &record, &error));
    for (size_t i = 0; i < file.size; i++)
        for (unsigned flip = 1; flip < 256; flip++) {
            file.data[i] ^= (uint8_t)flip;
            if (cmt_compactor__journal_decode(cmt_buf_slice(&file), &record, &error) == CMT_OK)
                ck_abort_msg("byte %zu ^ %u", i, flip);
            file.data[i] ^= (uint8_t)flip;
        }
    for (size_t size = 0; size < file.size; size++)
        if (cmt_compactor__journal_decode((cmt_slice){file.data, size}, &record, &error) == CMT_OK)
            ck_abort_msg("cut at %zu", size);
    cmt_buf_free(&file);
}
END_TEST

/* Behind a right checksum, too, only what a journal can hold is taken. */
static bool decodes(const cmt_compactor__record *record)
{
    static cmt_compactor__record again;
    cmt_buf file = CMT_BUF_INIT;
    MUST(cmt_compactor__journal_encode(record, &file, &error));
    cmt_status st = cmt_compactor__journal_decode(cmt_buf_slice(&file), &again, &error);
    if (st != CMT_OK)
        ck_assert_str_eq(error.message, "its contents make no sense");
    cmt_buf_free(&file);
    return st == CMT_OK;
}

START_TEST(contents_that_make_no_sense_are_not_taken)
{
    static cmt_compactor__record good;
    static cmt_compactor__record bad;
    cmt_buf file = whole_file();
    MUST(cmt_compactor__journal_decode(cmt_buf_slice(&file), &good, &error));
    cmt_buf_free(&file);
    ck_assert(decodes(&good));
    ck_assert_uint_eq(good.open_count, 2);
#define WRONG(change)                                                                              \
    do {                                                                                           \
        memcpy(&bad, &good, sizeof bad);                                                           \
        change;                                                                                    \
        ck_assert_msg(!decodes(&bad), "%s", #change);                                              \
    } while (0)
    WRONG(bad.next_id = 0);
    WRONG(bad.next_id = 3);
    WRONG(bad.open[0].job.id = 0);
    WRONG(bad.open[0].job.id = bad.open[1].job.id);
    WRONG(bad.ended[0].id = bad.open[1].job.id);
    WRONG(bad.open[0].job.status = CMT_JOB_COMPLETED);
    WRONG(bad.ended[0].status = CMT_JOB_FAILED);
    WRONG(bad.open[0].job.kind = (cmt_job_kind)3);
    WRONG(bad.open[0].job.databases[1] = false);
    WRONG(bad.open[0].ranges[0] = bad.open[0].ranges[1]);
    WRONG(bad.open[0].ranges[1].at[0].hi.size = 81);
    WRONG(bad.open[0].ranges[1].at[bad.open[0].ranges[1].count++] = bad.open[0].ranges[1].at[0]);
#undef WRONG
}
END_TEST

START_TEST(bytes_behind_the_contents_are_not_taken)
{
    static cmt_compactor__record record;
    uint8_t trailer[5] = {0};
    cmt_buf file = whole_file();
    file.size -= 4;
    MUST(cmt_buf_append(&file, trailer, sizeof trailer));
    cmt_store32(file.data + 12, (uint32_t)(file.size - 20));
    cmt_store32(file.data + file.size - 4,
                cmt_crc32c_mask(cmt_crc32c(0, file.data, file.size - 4)));
    ck_assert_int_eq(cmt_compactor__journal_decode(cmt_buf_slice(&file), &record, &error),
                     CMT_CORRUPT);
    ck_assert_str_eq(error.message, "its contents make no sense");
    cmt_buf_free(&file);
}
END_TEST

/* ---- random histories ------------------------------------------------------------------------ */

static void random_ranges(rng *r, cmt_range_list *out)
{
    for (int64_t n = rng_between(r, 0, 80); n > 0; n--) {
        uint8_t keys[2][3];
        for (size_t i = 0; i < sizeof keys; i++)
            keys[i / 3][i % 3] = (uint8_t)rng_between(r, 0, 255);
        MUST(cmt_range_list_add(out, (cmt_slice){keys[0], 3}, (cmt_slice){keys[1], 3}));
    }
}

static void random_change(rng *r, cmt_compact_journal *a, cmt_compact_journal *b)
{
    cmt_range_list lists[4] = {{NULL, 0, 0}};
    for (size_t i = 0; i < 4; i++)
        random_ranges(r, &lists[i]);
    bool blocks = rng_chance(r, 50);
    const cmt_job_request request = {
        .kind = (cmt_job_kind)rng_between(r, 0, 2),
        .label = "label",
        .databases = {!blocks || rng_chance(r, 50), blocks},
        .ranges = {&lists[0], &lists[1]},
    };
    const uint8_t cookie[CMT_JOURNAL_COOKIE] = {(uint8_t)rng_next(r), (uint8_t)rng_next(r)};
    const cmt_job_end end = {
        .status = (cmt_job_status)rng_between(r, 0, 3),
        .finished = {rng_chance(r, 30), rng_chance(r, 30)},
        .cookie = {{cookie, (size_t)rng_between(r, 0, 64)},
                   {cookie, (size_t)rng_between(r, 0, 64)}},
        .rest = {rng_chance(r, 50) ? &lists[2] : NULL, rng_chance(r, 50) ? &lists[3] : NULL},
        .error = rng_chance(r, 50) ? "error" : NULL,
    };
    const cmt_journal_counters add = {rng_next(r) >> 40, rng_next(r) >> 40, 1};
    int64_t what = rng_between(r, 0, 9);
    uint64_t id = (uint64_t)rng_between(r, 1, 40);
    cmt_compact_journal *const both[] = {a, b};
    cmt_status status[2] = {CMT_OK, CMT_OK};
    for (size_t i = 0; i < 2; i++)
        if (what < 4)
            status[i] = cmt_compact_journal_submit(both[i], &request, &(uint64_t){0}, &error);
        else if (what < 6)
            status[i] = cmt_compact_journal_begin(both[i], id, &error);
        else if (what < 8)
            status[i] = cmt_compact_journal_end(both[i], id, &end, &error);
        else
            cmt_compact_journal_note(both[i], (cmt_journal_side)(what - 8), &add);
    ck_assert_int_eq(status[0], status[1]);
    for (size_t i = 0; i < 4; i++)
        cmt_range_list_free(&lists[i]);
}

/* One journal is reopened all the time, the other never leaves memory. */
START_TEST(whatever_happens_nothing_is_lost_by_reopening)
{
    static char on_disk[1 << 20];
    static char in_memory[1 << 20];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        rng r = {seed};
        teardown();
        setup();
        cmt_compact_journal *memory = journal_open(NULL, NULL);
        for (int i = 0; i < 60; i++) {
            random_change(&r, journal, memory);
            journal_describe(journal, on_disk, sizeof on_disk);
            journal_describe(memory, in_memory, sizeof in_memory);
            ck_assert_str_eq(on_disk, in_memory);
            if (strstr(in_memory, " running ") == NULL) {
                MUST(cmt_compact_journal_flush(journal, &error));
                reopen();
            }
        }
        cmt_compact_journal_close(memory);
        ck_assert_uint_eq(warnings, 0);
    }
}
END_TEST

int main(void)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0); /* every change is synced */
    Suite *suite = suite_create("compactor_journal");
    TCase *tc = tcase_create("journal");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, after_every_step_a_journal_opened_anew_says_the_same);
    tcase_add_test(tc, the_script_ends_where_it_should);
    tcase_add_test(tc, without_a_directory_it_is_kept_in_memory);
    tcase_add_test(tc, a_data_directory_that_is_not_there_is_refused);
    tcase_add_test(tc, opening_and_reading_writes_nothing);
    tcase_add_test(tc, the_file_belongs_to_whom_the_directory_belongs);
    tcase_add_test(tc, only_what_fits_can_be_done_with_a_job);
    tcase_add_test(tc, where_there_is_no_room_a_job_joins_one_that_waits);
    tcase_add_test(tc, of_completed_jobs_the_newest_are_kept);
    tcase_add_test(tc, texts_that_are_too_long_are_cut);
    tcase_add_test(tc, what_comes_while_a_job_runs_is_not_taken_off);
    tcase_add_test(tc, counters_stop_at_their_end);
    tcase_add_test(tc, failures_in_a_row_are_counted_until_one_finishes);
    tcase_add_test(tc, noting_from_any_thread_loses_nothing);
    tcase_add_test(tc, an_unusable_file_is_named_and_set_aside);
    tcase_add_test(tc, a_file_larger_than_any_journal_is_set_aside);
    tcase_add_test(tc, every_flipped_byte_and_every_cut_is_noticed);
    tcase_add_test(tc, contents_that_make_no_sense_are_not_taken);
    tcase_add_test(tc, bytes_behind_the_contents_are_not_taken);
    tcase_add_test(tc, whatever_happens_nothing_is_lost_by_reopening);

    return suite_run(suite);
}
