/* SPDX-License-Identifier: Apache-2.0
 *
 * The offline compaction, case by case: what is rewritten, what stays the file it was, and where keys of
 * level 0 and of the log go.
 */
#include "lsm_edit_support.h"
#include "suite.h"

static cmt_lsm_edit_counts compact(void)
{
    cmt_lsm_edit *edit = open_edit();
    pairs_must(cmt_lsm_edit_plan_compact(edit, &err), &err);
    ck_assert(!cmt_lsm_edit_get_counts(edit).nothing_to_do);
    carry_out(edit);
    cmt_lsm_edit_counts counts = cmt_lsm_edit_get_counts(edit);
    cmt_lsm_edit_free(edit);
    return counts;
}

static bool compaction_has_work(void)
{
    cmt_lsm_edit *edit = open_edit();
    pairs_must(cmt_lsm_edit_plan_compact(edit, &err), &err);
    bool work = !cmt_lsm_edit_get_counts(edit).nothing_to_do;
    cmt_lsm_edit_free(edit);
    return work;
}

START_TEST(compaction_leaves_clean_tables_the_files_they_were)
{
    TABLE(1, {"a", 11, "1"}, {"b", 12, "1"});
    TABLE(1, {"c", 13, NULL}, {"d", 14, "1"});
    TABLE(2, {"c", 1, "old"}, {"d1", 2, "1"});
    TABLE(2, {"m", 3, "1"}, {"n", 4, "1"});
    LOG({"x", 21, "1"});
    finish();
    uint64_t ab = files_inode(dir, "000002.ldb");
    uint64_t mn = files_inode(dir, "000005.ldb");
    cmt_lsm_edit_counts counts = compact();
    ck_assert_uint_eq(counts.tables_rewritten, 2);
    ck_assert_uint_eq(files_inode(dir, "000002.ldb"), ab);
    ck_assert_uint_eq(files_inode(dir, "000005.ldb"), mn);
    expect("a=1\nb=1\nd=1\nd1=1\nm=1\nn=1\nx=1\n");
    ck_assert(!compaction_has_work());
}
END_TEST

START_TEST(compaction_of_clean_tables_is_no_work)
{
    TABLE(1, {"a", 1, "1"}, {"c", 2, "1"});
    TABLE(2, {"b", 3, "1"}, {"d", 4, "1"});
    finish();
    ck_assert(!compaction_has_work());
}
END_TEST

START_TEST(compaction_of_nothing_but_tombstones_leaves_nothing)
{
    TABLE(1, {"a", 1, NULL}, {"c", 2, NULL});
    TABLE(0, {"b", 3, NULL}, {"d", 4, NULL});
    LOG({"e", 5, NULL});
    finish();
    compact();
    expect("");
    ck_assert_uint_eq(files_count(dir, ".ldb") + files_count(dir, ".log"), 0);
}
END_TEST

START_TEST(compaction_keeps_the_newest_of_many_versions)
{
    TABLE(3, {"a", 1, "old"}, {"b", 2, "old"}, {"c", 3, "only"});
    TABLE(1, {"a", 11, NULL}, {"b", 13, "newer"}, {"b", 12, NULL});
    TABLE(0, {"a", 21, "young"}, {"b", 22, "younger"});
    TABLE(0, {"a", 31, NULL}, {"d", 32, "1"});
    LOG({"b", 41, "youngest"}, {"e", 42, "1"}, {"e", 43, NULL});
    finish();
    compact();
    expect("b=youngest\nc=only\nd=1\n");
}
END_TEST

START_TEST(compaction_leaves_one_version_of_an_overwritten_key)
{
    TABLE(2, {"k", 1, "old"}, {"x", 2, "1"});
    TABLE(1, {"a", 3, "1"}, {"k", 4, "new"});
    finish();
    ck_assert_uint_eq(compact().tables_rewritten, 2);
    expect("a=1\nk=new\nx=1\n");
    ck_assert(!compaction_has_work());
}
END_TEST

START_TEST(compaction_finds_a_place_for_keys_that_every_level_covers)
{
    for (unsigned level = CMT_LSM_LEVELS - 1; level > 0; level--) {
        const char lo[] = {'a', (char)('0' + level), '\0'};
        const char hi[] = {'z', (char)('0' + level), '\0'};
        /* The smallest of them lies in the middle. */
        TABLE(level, {lo, 100 - level, "1"},
              {hi, 200 - level, level == 3 ? "1" : "a longer value"});
    }
    TABLE(0, {"b", 300, "1"}, {"m", 301, "1"});
    LOG({"c", 302, "1"}, {"n", 303, "1"});
    finish();
    char *before = pairs_of_view(dir);
    compact();
    expect(before);
    ck_assert_uint_eq(level_0_tables(), 0);
    ck_assert(!compaction_has_work());
    free(before);
}
END_TEST

START_TEST(compaction_places_level_0_between_tables_that_it_rewrites)
{
    TABLE(1, {"a", 2, NULL}, {"b", 1, "1"});
    TABLE(1, {"x", 4, NULL}, {"y", 3, "1"});
    for (unsigned level = 2; level < CMT_LSM_LEVELS; level++)
        TABLE(level, {"l", 30 - level, "1"}, {"n", 20 - level, "1"});
    TABLE(0, {"m", 50, "new"});
    finish();
    compact();
    expect("b=1\nl=1\nm=new\nn=1\ny=1\n");
}
END_TEST

START_TEST(compaction_finds_every_holder_of_a_key)
{
    TABLE(0, {"k", 9, NULL}, {"k", 6, "b"});
    TABLE(0, {"k", 8, "c"}, {"k", 5, "d"});
    TABLE(6, {"k", 4, "old"});
    finish();
    compact();
    expect("");
}
END_TEST

START_TEST(an_entry_above_all_announced_sequences_is_refused_by_a_compaction)
{
    TABLE(2, {"a", 1, "1"}, {"b", 3, NULL}, {"c", (uint64_t)_i, "1"}, {"d", 2, "1"});
    finish_at_sequence_5();
    expect_damage(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_compact");
    TCase *tc = tcase_create("compaction");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, compaction_leaves_clean_tables_the_files_they_were);
    tcase_add_test(tc, compaction_of_clean_tables_is_no_work);
    tcase_add_test(tc, compaction_of_nothing_but_tombstones_leaves_nothing);
    tcase_add_test(tc, compaction_keeps_the_newest_of_many_versions);
    tcase_add_test(tc, compaction_leaves_one_version_of_an_overwritten_key);
    tcase_add_test(tc, compaction_finds_a_place_for_keys_that_every_level_covers);
    tcase_add_test(tc, compaction_places_level_0_between_tables_that_it_rewrites);
    tcase_add_test(tc, compaction_finds_every_holder_of_a_key);
    tcase_add_loop_test(tc, an_entry_above_all_announced_sequences_is_refused_by_a_compaction, 6,
                        8);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
