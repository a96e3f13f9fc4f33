/* SPDX-License-Identifier: Apache-2.0
 *
 * Views and edits of pebble's directories laid out by hand: level 0 in the order of sequences, what an edit
 * leaves for pebble to read, and what it does not touch.
 */
#include "carry_out.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cmt_range dead_b = {{(const uint8_t *)"b", 1}, {(const uint8_t *)"c", 1}};

static void setup(void)
{
    begin_database(shape_begin_pebble);
}

static cmt_lsm_edit_counts prune(const cmt_lsm_edit_spec *spec)
{
    cmt_lsm_edit *edit = open_edit();
    pairs_must(cmt_lsm_edit_plan(edit, spec, &err), &err);
    cmt_lsm_edit_counts counts = cmt_lsm_edit_get_counts(edit);
    carry_out(edit);
    cmt_lsm_edit_free(edit);
    return counts;
}

static void compact(void)
{
    cmt_lsm_edit *edit = open_edit();
    pairs_must(cmt_lsm_edit_plan_compact(edit, &err), &err);
    carry_out(edit);
    cmt_lsm_edit_free(edit);
}

static void expect(const char *pairs)
{
    char *ours = pairs_of_view(dir);
    ck_assert_str_eq(ours, pairs);
    free(ours);
}

/* "level:number[smallest-largest sequence] …" and then log number and last sequence. */
static char *state(void)
{
    cmt_lsm_edit *edit = open_edit();
    const cmt_lsm__version *v = &edit->view->version;
    char *text = calloc(1, v->count * 64 + 64);
    char *at = text;
    for (size_t i = 0; i < v->count; i++)
        at += sprintf(at, "%u:%llu[%llu-%llu] ", v->tables[i].level,
                      (unsigned long long)v->tables[i].number,
                      (unsigned long long)v->tables[i].smallest_sequence,
                      (unsigned long long)v->tables[i].largest_sequence);
    sprintf(at, "log %llu last %llu", (unsigned long long)v->log_number,
            (unsigned long long)v->last_sequence);
    cmt_lsm_edit_free(edit);
    return text;
}

static void expect_state(const char *wanted)
{
    char *text = state();
    ck_assert_str_eq(text, wanted);
    free(text);
}

/* Threads take file numbers as they come. */
static void expect_state_of(const char *wanted, const char *or_wanted)
{
    char *text = state();
    ck_assert_msg(strcmp(text, wanted) == 0 || strcmp(text, or_wanted) == 0, "%s", text);
    free(text);
}

START_TEST(the_highest_sequence_of_level_0_wins_whatever_its_number)
{
    TABLE(0, {"a", 9, "new"}, {"z", 2, "old"});
    TABLE(0, {"a", 3, "old"}, {"z", 8, "new"});
    TABLE(6, {"a", 0, "oldest"}, {"y", 0, "1"});
    LOG({"y", 10, "log"});
    finish();
    expect("a=new\ny=log\nz=new\n");
}
END_TEST

START_TEST(an_edit_leaves_sequences_that_are_true)
{
    TABLE(6, {"a", 0, "1"}, {"b", 0, "1"}, {"d", 0, "1"});
    TABLE(5, {"b1", 4, "1"}, {"b2", 5, "1"});
    TABLE(5, {"c", 7, "1"}, {"c1", 6, "1"});
    LOG({"b9", 8, "1"}, {"e", 9, "1"});
    finish();
    const cmt_lsm_put put = {{(const uint8_t *)"base", 4}, {(const uint8_t *)"2", 1}};
    const cmt_lsm_edit_spec spec = {
        .dead = &dead_b, .dead_count = 1, .puts = &put, .put_count = 0, .rewrite_share = 0.01};
    cmt_lsm_edit_counts counts = prune(&spec);
    ck_assert_uint_eq(counts.tables_dropped, 1);
    ck_assert_uint_eq(counts.tables_rewritten, 1);
    expect("a=1\nc=1\nc1=1\nd=1\ne=1\n");
    /* 6, 7: one rewritten, and the log without its dead key; 8: MANIFEST; 9: the log number, of no file. */
    expect_state_of("0:7[9-9] 5:4[6-7] 6:6[0-0] log 9 last 10",
                    "0:6[9-9] 5:4[6-7] 6:7[0-0] log 9 last 10");
    ck_assert(files_exist(dir, "MANIFEST-000008") && files_exist(dir, "OPTIONS-000001"));
    ck_assert(!files_exist(dir, "000005.log") && !files_exist(dir, "000003.sst"));
    ck_assert_uint_eq(files_count(dir, ".dbtmp"), 0);
}
END_TEST

START_TEST(tombstones_stand_above_everything)
{
    TABLE(0, {"a", 3, "1"}, {"b", 4, "1"}, {"z", 5, "1"});
    TABLE(6, {"a", 0, "0"}, {"b", 0, "0"}, {"b5", 0, "0"}, {"z", 0, "0"});
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = 2.0};
    cmt_lsm_edit_counts counts = prune(&spec);
    ck_assert_uint_eq(counts.tables_marked, 2);
    ck_assert_uint_eq(counts.tables_written, 0); /* known after prepare only */
    expect("a=1\nz=1\n");
    expect_state("0:4[6-6] 0:2[3-5] 6:3[0-0] log 6 last 6");
}
END_TEST

/* Three on top of each other and the new one would make four; side by side they may be many. */
START_TEST(level_0_is_merged_by_its_depth)
{
    static const char *const keys[] = {"d", "e", "f", "g", "h", "i"};
    uint64_t sequence = 1;
    for (size_t i = 0; i < COUNT(keys); i++) {
        const shape_entry entry = {_i == 0 ? keys[i] : "d", sequence++, "1"};
        pairs_must(shape_table(&db, 0, &entry, 1, &err), &err);
    }
    TABLE(6, {"b", 0, "1"}, {"c", 0, "1"});
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = 2.0};
    cmt_lsm_edit_counts counts = prune(&spec);
    ck_assert_uint_eq(counts.tables_rewritten, _i == 0 ? 0 : 6);
    expect(_i == 0 ? "c=1\nd=1\ne=1\nf=1\ng=1\nh=1\ni=1\n" : "c=1\nd=1\n");
}
END_TEST

START_TEST(what_is_kept_keeps_its_attributes)
{
    TABLE(6, {"a", 0, "1"}, {"a9", 0, "1"});
    TABLE(6, {"b", 0, "1"}, {"b9", 0, "1"});
    db.tables[0].creation_time = 1234567890;
    db.tables[0].marked = true;
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1};
    prune(&spec);
    cmt_lsm_edit *edit = open_edit();
    ck_assert_uint_eq(edit->view->version.count, 1);
    ck_assert_uint_eq(edit->view->version.tables[0].creation_time, 1234567890);
    ck_assert(edit->view->version.tables[0].marked);
    cmt_lsm_edit_free(edit);
}
END_TEST

START_TEST(the_temporary_file_is_one_that_pebble_removes)
{
    TABLE(6, {"a", 0, "1"}, {"b", 0, "1"});
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1};
    cmt_lsm_edit *edit = open_edit();
    pairs_must(cmt_lsm_edit_plan(edit, &spec, &err), &err);
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    ck_assert(files_exist(dir, "CURRENT.000004.dbtmp"));
    expect("a=1\nb=1\n");
    cmt_lsm_edit_free(edit); /* takes all back */
    ck_assert(!files_exist(dir, "CURRENT.000004.dbtmp") && !files_exist(dir, "MANIFEST-000004"));
    ck_assert_uint_eq(files_count(dir, ".sst"), 1);
}
END_TEST

START_TEST(signs_of_an_interruption_are_not_what_pebble_leaves)
{
    static const struct {
        const char *name;
        bool sign;
    } cases[] = {
        {"MANIFEST-000000", false},      {"000001.log", false}, {"OPTIONS-000000", false},
        {"MANIFEST-000009", true},       {"000099.sst", true},  {"CURRENT.000009.dbtmp", true},
        {"temporary.000009.dbtmp", true}};
    TABLE(6, {"a", 0, "1"}, {"b", 0, "1"});
    db.counters.log_number = 5;
    finish();
    cmt_lsm_edit *edit = open_edit();
    ck_assert(!cmt_lsm_edit_was_interrupted(edit));
    files_write(dir, cases[_i].name, CMT_SLICE(""));
    ck_assert_int_eq(cmt_lsm_edit_was_interrupted(edit), cases[_i].sign);
    cmt_lsm_edit_free(edit);
}
END_TEST

/* What pebble's base level is stays so; level 5 gives room beside a full level 6. */
START_TEST(a_compaction_places_nothing_above_the_base_of_the_tree)
{
    TABLE(0, {"b", 5, "1"}, {"k", 6, "1"});
    TABLE(_i == 0 ? 6 : 4, {"a", 0, "1"}, {"c", 0, "1"});
    TABLE(_i == 0 ? 6 : 4, {"j", 0, "1"}, {"l", 0, "1"});
    LOG({"c", 7, NULL});
    finish();
    compact();
    expect("a=1\nb=1\nj=1\nk=1\nl=1\n");
    cmt_lsm_edit *edit = open_edit();
    const cmt_lsm__version *v = &edit->view->version;
    ck_assert_uint_eq(v->level_start[_i == 0 ? 5 : 4], 0);
    ck_assert_uint_eq(edit->view->journal.count, 0);
    pairs_must(cmt_lsm_edit_plan_compact(edit, &err), &err);
    ck_assert(cmt_lsm_edit_get_counts(edit).nothing_to_do);
    cmt_lsm_edit_free(edit);
}
END_TEST

START_TEST(a_compaction_of_a_log_alone_fills_the_last_level)
{
    LOG({"a", 1, "1"}, {"b", 2, "1"}, {"a", 3, "2"});
    finish();
    compact();
    expect("a=2\nb=1\n");
    expect_state("6:3[2-3] log 5 last 4");
}
END_TEST

/* pebble would read every entry of such a table with the one sequence. */
START_TEST(a_table_with_one_sequence_by_invention_is_refused)
{
    cmt_lsm_view *view;
    cmt_buf value = CMT_BUF_INIT;
    TABLE(6, {"a", 3, "1"}, {"b", 4, "1"});
    db.tables[0].smallest_sequence = db.tables[0].largest_sequence = 9;
    finish();
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    ck_assert_int_eq(cmt_lsm_view_get(view, CMT_SLICE("a"), &value, &err), CMT_UNSUPPORTED);
    cmt_lsm_view_close(view);
    cmt_buf_free(&value);
}
END_TEST

START_TEST(log_batches_below_the_manifest_are_nothing_special)
{
    LOG({"a", 3, "1"});
    finish();
    db.counters.last_sequence = 9;
    cmt_lsm_edit *edit = open_edit();
    ck_assert(!edit->view->journal.below_manifest);
    cmt_lsm_edit_free(edit);
    expect("a=1\n");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lsm_pebble_edit");
    TCase *tc = tcase_create("edit");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_highest_sequence_of_level_0_wins_whatever_its_number);
    tcase_add_test(tc, an_edit_leaves_sequences_that_are_true);
    tcase_add_test(tc, tombstones_stand_above_everything);
    tcase_add_loop_test(tc, level_0_is_merged_by_its_depth, 0, 2);
    tcase_add_test(tc, what_is_kept_keeps_its_attributes);
    tcase_add_test(tc, the_temporary_file_is_one_that_pebble_removes);
    tcase_add_loop_test(tc, signs_of_an_interruption_are_not_what_pebble_leaves, 0, 7);
    tcase_add_loop_test(tc, a_compaction_places_nothing_above_the_base_of_the_tree, 0, 2);
    tcase_add_test(tc, a_compaction_of_a_log_alone_fills_the_last_level);
    tcase_add_test(tc, a_table_with_one_sequence_by_invention_is_refused);
    tcase_add_test(tc, log_batches_below_the_manifest_are_nothing_special);
    suite_add_tcase(s, tc);
    return suite_run(s);
}
