/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of the prune, one by one: what becomes of which table, and that our view and C++ LevelDB see
 * the same pairs afterwards.
 */
#include "lsm_edit_support.h"
#include "suite.h"

/* Values that begin with D are dead. */
static cmt_status judge(void *context, cmt_slice key, cmt_slice value, bool *dead, cmt_error *error)
{
    (void)context;
    (void)key;
    (void)error;
    *dead = value.size > 0 && value.data[0] == 'D';
    return CMT_OK;
}

static cmt_lsm_edit_counts prune(const cmt_lsm_edit_spec *spec)
{
    cmt_lsm_edit *edit = open_edit();
    pairs_must(cmt_lsm_edit_plan(edit, spec, &err), &err);
    ck_assert(!cmt_lsm_edit_get_counts(edit).nothing_to_do);
    carry_out(edit);
    cmt_lsm_edit_counts counts = cmt_lsm_edit_get_counts(edit);
    ck_assert_uint_le(counts.bytes_written, counts.bytes_write_bound);
    cmt_lsm_edit_free(edit);
    return counts;
}

/* Both ways to get rid of dead keys in a table that stays: _i chooses. */
#define share() (_i % 2 == 0 ? 0.0001 : 2.0)

/* ---- prune ----------------------------------------------------------------------------------- */

static const cmt_range dead_b = {TEXT("b"), TEXT("c")};
static const cmt_range judged_d = {TEXT("d"), TEXT("e")};

START_TEST(a_range_holds_its_lower_end_and_not_its_upper)
{
    TABLE(1, {"a", 1, "1"}, {"b", 2, "1"}, {"b\x01", 3, "1"}, {"c", 4, "1"});
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = share()};
    prune(&spec);
    expect("a=1\nc=1\n");
}
END_TEST

START_TEST(a_range_without_upper_end_reaches_to_the_last_key)
{
    const cmt_range rest = {TEXT("b"), {NULL, 0}};
    TABLE(1, {"a", 1, "1"}, {"b", 2, "1"});
    TABLE(1, {"c", 3, "1"}, {"\xff\xff", 4, "1"});
    LOG({"a2", 6, "1"}, {"z", 7, "1"});
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &rest, .dead_count = 1, .rewrite_share = share()};
    ck_assert_uint_eq(prune(&spec).tables_dropped, 1);
    expect("a=1\na2=1\n");
}
END_TEST

START_TEST(a_range_over_everything_leaves_an_empty_database)
{
    const cmt_range all = {{NULL, 0}, {NULL, 0}};
    TABLE(0, {"a", 4, "1"});
    TABLE(1, {"a", 1, "1"}, {"b", 2, "1"});
    TABLE(5, {"", 3, "1"});
    LOG({"c", 6, "1"});
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &all, .dead_count = 1};
    cmt_lsm_edit_counts counts = prune(&spec);
    ck_assert_uint_eq(counts.tables_dropped, 3);
    ck_assert_uint_eq(counts.tables_written, 0);
    ck_assert_uint_eq(counts.bytes_after, 0);
    expect("");
    ck_assert_uint_eq(files_count(dir, ".ldb") + files_count(dir, ".log"), 0);
}
END_TEST

START_TEST(older_versions_of_a_dead_key_do_not_come_back_from_any_level)
{
    TABLE(6, {"a", 1, "1"}, {"b", 2, "6"}, {"c", 3, "1"});
    TABLE(3, {"a1", 4, "1"}, {"b", 5, "3"}, {"c1", 6, "1"});
    TABLE(1, {"b", 7, NULL}, {"b1", 8, "1"}, {"d", 9, "1"});
    TABLE(0, {"a2", 10, "1"}, {"b", 11, "0"}, {"e", 12, "1"});
    TABLE(0, {"b", 13, NULL}, {"f", 14, "1"});
    LOG({"b", 15, "log"}, {"g", 16, "1"});
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = share()};
    prune(&spec);
    expect("a=1\na1=1\na2=1\nc=1\nc1=1\nd=1\ne=1\nf=1\ng=1\n");
}
END_TEST

START_TEST(a_table_that_touches_nothing_dead_stays_the_file_it_was)
{
    TABLE(1, {"a", 1, "1"}, {"a9", 2, "1"});
    TABLE(1, {"b", 3, "1"}, {"c", 4, "1"});
    TABLE(2, {"c", 5, "1"}, {"d", 6, "1"});
    finish();
    uint64_t first = files_inode(dir, "000002.ldb");
    uint64_t third = files_inode(dir, "000004.ldb");
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = 0.01};
    cmt_lsm_edit_counts counts = prune(&spec);
    ck_assert_uint_eq(counts.tables_rewritten, 1);
    ck_assert_uint_eq(files_inode(dir, "000002.ldb"), first);
    ck_assert_uint_eq(files_inode(dir, "000004.ldb"), third);
    ck_assert(!files_exist(dir, "000003.ldb"));
    expect("a=1\na9=1\nc=1\nd=1\n");
}
END_TEST

START_TEST(the_share_of_dead_bytes_chooses_between_rewriting_and_tombstones)
{
    TABLE(1, {"a", 1, "1111111111"}, {"b", 2, "1111111111"}, {"c", 3, "1111111111"});
    finish();
    const cmt_lsm_edit_spec spec = {
        .dead = &dead_b, .dead_count = 1, .rewrite_share = _i == 0 ? 0.3 : 0.4};
    cmt_lsm_edit_counts counts = prune(&spec);
    ck_assert_uint_eq(counts.tables_rewritten, _i == 0 ? 1 : 0);
    ck_assert_uint_eq(counts.tables_marked, _i == 0 ? 0 : 1);
    ck_assert_uint_eq(counts.tombstones, _i == 0 ? 0 : 1);
    expect("a=1111111111\nc=1111111111\n");
}
END_TEST

START_TEST(a_table_below_the_share_is_rewritten_where_there_is_bytes_to_spare)
{
    TABLE(1, {"a", 1, "1"}, {"b", 2, "1"}, {"c", 3, "1"});
    finish();
    const cmt_lsm_edit_spec spec = {
        .dead = &dead_b, .dead_count = 1, .rewrite_share = 2.0, .spare_percent = 1};
    ck_assert_uint_eq(prune(&spec).tables_rewritten, 1);
    expect("a=1\nc=1\n");
}
END_TEST

START_TEST(tables_called_sst_are_kept_marked_and_rewritten_like_others)
{
    TABLE(1, {"a", 1, "1"}, {"a9", 2, "1"});
    TABLE(1, {"b", 3, "1"}, {"c", 4, "1"});
    finish();
    for (unsigned number = 2; number <= 3; number++) {
        char name[CMT_LSM_NAME_MAX];
        cmt_lsm__table_name(number, false, name);
        char *ldb = files_path(dir, name);
        cmt_lsm__table_name(number, true, name);
        char *sst = files_path(dir, name);
        ck_assert_int_eq(rename(ldb, sst), 0);
        free(ldb);
        free(sst);
    }
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = share()};
    prune(&spec);
    expect("a=1\na9=1\nc=1\n");
    ck_assert_uint_eq(files_count(dir, ".sst"), _i == 0 ? 1 : 2);
}
END_TEST

/* ---- level 0 and the log ---------------------------------------------------------------------- */

START_TEST(level_0_is_merged_when_it_would_reach_four_tables)
{
    const unsigned tables = (unsigned)_i;
    char *expected = calloc(1, 1);
    TABLE(1, {"b", 1, "1"}, {"c", 2, "1"});
    expected = pairs_add(expected, CMT_SLICE("c"), CMT_SLICE("1"));
    for (unsigned i = 0; i < tables; i++) {
        const char key[] = {'k', (char)('a' + i), '\0'};
        TABLE(0, {key, 10 + i, "1"}, {"z", 20 + i, NULL});
        expected = pairs_add(expected, (cmt_slice){(const uint8_t *)key, 2}, CMT_SLICE("1"));
    }
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = 2.0};
    prune(&spec);
    ck_assert_uint_eq(level_0_tables(), tables >= 3 ? 1 : tables + 1);
    expect(expected);
    free(expected);
}
END_TEST

START_TEST(level_0_is_rewritten_whole_or_not_at_all)
{
    TABLE(0, {"a", 5, "old"}, {"b1", 1, "1111111111"}, {"b2", 2, "1111111111"});
    TABLE(0, {"a", 6, "new"}, {"x", 7, "1"});
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = 0.1};
    cmt_lsm_edit_counts counts = prune(&spec);
    ck_assert_uint_eq(counts.tables_rewritten, 2);
    ck_assert_uint_eq(level_0_tables(), 1);
    expect("a=new\nx=1\n");
}
END_TEST

START_TEST(logs_are_always_folded_into_a_table)
{
    TABLE(1, {"a", 1, "1"}, {"b", 2, "1"});
    LOG({"a", 3, "log"}, {"c", 4, "log"});
    LOG({"c", 5, NULL}, {"d", 6, "log"});
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1};
    prune(&spec);
    expect("a=log\nd=log\n");
    ck_assert_uint_eq(files_count(dir, ".log"), 0);
}
END_TEST

START_TEST(points_die_and_puts_win_over_everything)
{
    const cmt_slice points[] = {TEXT("a"), TEXT("h"), TEXT("missing"), TEXT("p")};
    const cmt_lsm_put puts[] = {{TEXT("b5"), TEXT("put")},
                                {TEXT("g"), TEXT("")},
                                {TEXT("p"), TEXT("put")},
                                {TEXT("z"), TEXT("put")}};
    TABLE(2, {"a", 1, "1"}, {"b5", 2, "1"}, {"g", 3, "1"}, {"p", 4, "1"}, {"q", 5, "1"});
    LOG({"a", 6, "1"}, {"h", 7, "1"}, {"p", 8, NULL});
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b,
                                    .dead_count = 1,
                                    .points = points,
                                    .point_count = COUNT(points),
                                    .puts = puts,
                                    .put_count = COUNT(puts),
                                    .rewrite_share = share()};
    prune(&spec);
    expect("b5=put\ng=\np=put\nq=1\nz=put\n");
}
END_TEST

/* ---- judged ranges ---------------------------------------------------------------------------- */

START_TEST(the_newest_value_of_a_judged_key_decides)
{
    TABLE(2, {"d1", 1, "Dead"}, {"d2", 2, "live"}, {"d3", 3, "Dead"}, {"d4", 4, "live"});
    TABLE(1, {"d1", 11, "live"}, {"d2", 12, "Dead"}, {"d3", 13, NULL});
    LOG({"d4", 21, "Dead"}, {"d5", 22, "Dead"}, {"d6", 23, "live"});
    finish();
    const cmt_lsm_edit_spec spec = {.judged = &judged_d,
                                    .judged_count = 1,
                                    .judged_share = 0.5,
                                    .judge = judge,
                                    .reclaim = _i / 2 == 1,
                                    .rewrite_share = share()};
    prune(&spec);
    expect("d1=live\nd6=live\n");
}
END_TEST

START_TEST(judged_keys_die_however_small_their_share_is_guessed)
{
    TABLE(1, {"d1", 1, "Dead"}, {"d2", 2, "live"}, {"e1", 3, "1"}, {"e5", 4, "1"});
    finish();
    const cmt_range dead = {CMT_SLICE("e2"), CMT_SLICE("e3")};
    const cmt_lsm_edit_spec spec = {.dead = &dead,
                                    .dead_count = 1,
                                    .judged = &judged_d,
                                    .judged_count = 1,
                                    .judged_share = 0.001,
                                    .judge = judge};
    prune(&spec);
    expect("d2=live\ne1=1\ne5=1\n");
}
END_TEST

START_TEST(judged_keys_die_when_no_share_is_guessed)
{
    TABLE(1, {"d1", 1, "Dead"}, {"d2", 2, "live"});
    finish();
    const cmt_lsm_edit_spec spec = {.judged = &judged_d, .judged_count = 1, .judge = judge};
    prune(&spec);
    expect("d2=live\n");
}
END_TEST

/* ---- is there work? --------------------------------------------------------------------------- */

static bool has_work(const cmt_lsm_edit_spec *spec)
{
    cmt_lsm_edit *edit = open_edit();
    pairs_must(cmt_lsm_edit_plan(edit, spec, &err), &err);
    bool work = !cmt_lsm_edit_get_counts(edit).nothing_to_do;
    cmt_lsm_edit_free(edit);
    return work;
}

START_TEST(dead_entries_that_nobody_sees_are_work_only_when_space_is_wanted_back)
{
    TABLE(2, {"b1", 1, "1"}, {"b2", 2, "1"});
    TABLE(1, {"b1", 3, NULL}, {"b2", 4, NULL});
    finish();
    cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1};
    ck_assert(!has_work(&spec));
    spec.reclaim = true;
    ck_assert(has_work(&spec));
    prune(&spec);
    ck_assert_uint_eq(files_count(dir, ".ldb"), 0);
}
END_TEST

START_TEST(a_range_without_keys_is_no_work)
{
    TABLE(1, {"a", 1, "1"}, {"c", 2, "1"});
    LOG({"d2", 3, "live"});
    finish();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b,
                                    .dead_count = 1,
                                    .judged = &judged_d,
                                    .judged_count = 1,
                                    .judge = judge,
                                    .reclaim = true};
    ck_assert(!has_work(&spec));
}
END_TEST

/* ---- sequences ------------------------------------------------------------------------------- */

START_TEST(a_sequence_that_only_a_bound_tells_counts)
{
    if (_i == 0)
        TABLE(1, {"a", 9, "1"}, {"b", 3, "1"}, {"d", 2, "1"});
    else
        TABLE(1, {"a", 1, "1"}, {"b", 3, "1"}, {"d", 9, "1"});
    finish_at_sequence_5();
    const cmt_slice point = CMT_SLICE("d");
    const cmt_lsm_edit_spec spec = {.dead = &dead_b,
                                    .dead_count = 1,
                                    .points = &point,
                                    .point_count = 1,
                                    .rewrite_share = 0.01};
    prune(&spec);
    expect("a=1\n");
}
END_TEST

START_TEST(an_entry_above_all_announced_sequences_is_refused_in_a_rewritten_table)
{
    TABLE(1, {"a", 1, "1"}, {"b", 3, "1"}, {"c", (uint64_t)_i, "1"}, {"d", 2, "1"});
    finish_at_sequence_5();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = 0.01};
    expect_damage(&spec);
}
END_TEST

START_TEST(an_entry_above_all_announced_sequences_is_refused_in_a_marked_table)
{
    TABLE(1, {"a", 1, "1"}, {"b", (uint64_t)_i, "1"}, {"d", 2, "1"});
    finish_at_sequence_5();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = 2.0};
    expect_damage(&spec);
}
END_TEST

START_TEST(an_entry_above_all_announced_sequences_is_refused_on_level_0)
{
    TABLE(0, {"a", 1, "1"}, {"b", 3, "1"}, {"c", (uint64_t)_i, "1"}, {"d", 2, "1"});
    finish_at_sequence_5();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = 0.01};
    expect_damage(&spec);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("lsm_edit_rules");
    TCase *tc = tcase_create("prune");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_range_holds_its_lower_end_and_not_its_upper, 0, 2);
    tcase_add_loop_test(tc, a_range_without_upper_end_reaches_to_the_last_key, 0, 2);
    tcase_add_test(tc, a_range_over_everything_leaves_an_empty_database);
    tcase_add_loop_test(tc, older_versions_of_a_dead_key_do_not_come_back_from_any_level, 0, 2);
    tcase_add_test(tc, a_table_that_touches_nothing_dead_stays_the_file_it_was);
    tcase_add_loop_test(tc, the_share_of_dead_bytes_chooses_between_rewriting_and_tombstones, 0, 2);
    tcase_add_test(tc, a_table_below_the_share_is_rewritten_where_there_is_bytes_to_spare);
    tcase_add_loop_test(tc, tables_called_sst_are_kept_marked_and_rewritten_like_others, 0, 2);
    tcase_add_loop_test(tc, level_0_is_merged_when_it_would_reach_four_tables, 0, 6);
    tcase_add_test(tc, level_0_is_rewritten_whole_or_not_at_all);
    tcase_add_test(tc, logs_are_always_folded_into_a_table);
    tcase_add_loop_test(tc, points_die_and_puts_win_over_everything, 0, 2);
    tcase_add_loop_test(tc, the_newest_value_of_a_judged_key_decides, 0, 4);
    tcase_add_test(tc, judged_keys_die_however_small_their_share_is_guessed);
    tcase_add_test(tc, judged_keys_die_when_no_share_is_guessed);
    tcase_add_test(tc, dead_entries_that_nobody_sees_are_work_only_when_space_is_wanted_back);
    tcase_add_test(tc, a_range_without_keys_is_no_work);
    suite_add_tcase(suite, tc);
    tc = tcase_create("sequences");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_sequence_that_only_a_bound_tells_counts, 0, 2);
    tcase_add_loop_test(tc, an_entry_above_all_announced_sequences_is_refused_in_a_rewritten_table,
                        6, 8);
    tcase_add_loop_test(tc, an_entry_above_all_announced_sequences_is_refused_in_a_marked_table, 6,
                        8);
    tcase_add_loop_test(tc, an_entry_above_all_announced_sequences_is_refused_on_level_0, 6, 8);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return suite_run(make_suite());
}
