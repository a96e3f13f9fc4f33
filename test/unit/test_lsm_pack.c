/* SPDX-License-Identifier: Apache-2.0
 *
 * RocksDB's unpacked tables: a prune packs as many as it is asked to, and leaves those alone that would not become
 * smaller.
 */
#include "cmtstore/lsm.h"

#include "rng.h"
#include "rocksdb_made.h"
#include "suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 1200

/* @p packs: whether the values do. */
static void fill(bool packs)
{
    rng r = {5};
    rocksdb_dir_init(
        &db, dir,
        "compression=kNoCompression;target_file_size_base=65536;max_bytes_for_level_base="
        "104857600;disable_auto_compactions=true");
    for (unsigned i = 0; i < KEYS; i++) {
        char key[24];
        char value[300];
        snprintf(key, sizeof key, "height:%05u", i);
        for (size_t k = 0; k + 1 < sizeof value; k++)
            value[k] = (char)(packs ? 'a' + (int)(k % 3) : '!' + (int)(rng_next(&r) % 93));
        value[sizeof value - 1] = '\0';
        rocksdb_dir_put(&db, key, value);
    }
    rocksdb_dir_flush(&db);
}

/* Many tables on level 1, or one or two on level 0. */
static void fill_levels(bool packs, bool level1)
{
    fill(packs);
    if (level1) {
        rocksdb_dir_put(&db, "height:00000", "again");
        rocksdb_dir_put(&db, "height:99999", "last");
        rocksdb_dir_flush(&db);
        rocksdb_dir_compact(&db);
    }
    rocksdb_dir_close(&db);
}

/* A prune of the first thirty keys. */
static cmt_lsm_edit_counts prune(unsigned unpacked_percent)
{
    const cmt_lsm_edit_options options = {
        .name = "test", .min_free_bytes = 1, .table_bytes = 65536};
    const cmt_range dead = {CMT_SLICE("height:"), CMT_SLICE("height:00030")};
    const cmt_lsm_edit_spec spec = {.dead = &dead,
                                    .dead_count = 1,
                                    .rewrite_share = 0.05,
                                    .unpacked_percent = unpacked_percent};
    cmt_lsm_edit *edit;
    pairs_must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    pairs_must(cmt_lsm_edit_plan(edit, &spec, &err), &err);
    cmt_lsm_edit_counts plan = cmt_lsm_edit_get_counts(edit);
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    cmt_lsm_edit_counts counts = cmt_lsm_edit_get_counts(edit);
    ck_assert_uint_le(counts.bytes_written, plan.bytes_write_bound);
    carry_out(edit);
    cmt_lsm_edit_free(edit);
    return counts;
}

/* What RocksDB sees is what it saw, without the first thirty keys. */
static void expect_pruned(const char *before)
{
    char *after = rocksdb_dir_pairs(&db);
    const char *kept = strstr(before, "height:00030=");
    ck_assert_ptr_nonnull(kept);
    ck_assert_str_eq(after, kept);
    free(after);
}

static cmt_lsm_edit_counts prune_and_compare(unsigned unpacked_percent)
{
    char *before = rocksdb_dir_pairs(&db);
    cmt_lsm_edit_counts counts = prune(unpacked_percent);
    expect_pruned(before);
    free(before);
    return counts;
}

START_TEST(tables_are_packed_as_far_as_asked)
{
    fill_levels(true, _i == 1);
    cmt_lsm_edit_counts counts = prune_and_compare(10);
    ck_assert_uint_lt(counts.bytes_after, counts.bytes_before / 5);
    rocksdb_dir_open(&db); /* and RocksDB goes on */
    rocksdb_dir_put(&db, "height:00001", "new");
    rocksdb_dir_compact(&db);
    rocksdb_dir_close(&db);
}
END_TEST

/* Half of what packing would save may stay: so some tables do, and some do not. */
START_TEST(what_may_stay_unpacked_stays)
{
    fill_levels(true, true);
    cmt_lsm_edit_counts all = prune_and_compare(200);
    ck_assert_uint_gt(all.tables_rewritten, 0);
    ck_assert_uint_lt(all.tables_rewritten, all.tables_before);
    ck_assert_uint_gt(all.bytes_after, all.bytes_before / 4);
    ck_assert_uint_lt(all.bytes_after, all.bytes_before * 2 / 3);
}
END_TEST

START_TEST(unasked_tables_are_left_alone)
{
    fill_levels(true, true);
    cmt_lsm_edit_counts counts = prune_and_compare(0);
    ck_assert_uint_gt(counts.bytes_after, counts.bytes_before * 3 / 4);
}
END_TEST

START_TEST(what_does_not_pack_is_left_alone)
{
    fill_levels(false, true);
    cmt_lsm_edit_counts counts = prune_and_compare(10);
    ck_assert_uint_le(counts.tables_rewritten, 3); /* where the range ends */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_pack");
    TCase *tc = tcase_create("pack");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_place, teardown);
    tcase_add_loop_test(tc, tables_are_packed_as_far_as_asked, 0, 2);
    tcase_add_test(tc, what_may_stay_unpacked_stays);
    tcase_add_test(tc, unasked_tables_are_left_alone);
    tcase_add_test(tc, what_does_not_pack_is_left_alone);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
