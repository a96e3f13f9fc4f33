/* SPDX-License-Identifier: Apache-2.0
 *
 * A range deletion counts only between the bounds of its table.  RocksDB writes it whole into every table that it
 * reaches; later compactions take it out of some of them and lower the sequences there to 0, below the deletion's.
 */
#include "edit_internal.h"
#include "rocksdb_made.h"
#include "suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 400

static const char *key_of(unsigned number)
{
    static char key[16];
    snprintf(key, sizeof key, "k%03u", number);
    return key;
}

static void setup(void)
{
    make_place();
    rocksdb_dir_init(&db, dir,
                     "target_file_size_base=4096;disable_auto_compactions=true;"
                     "compression=kNoCompression");
}

/* One deletion that lies in several tables: a snapshot keeps what it deletes. */
static void spread_deletion(void)
{
    static const char value[] =
        "0123456789012345678901234567890123456789012345678901234567890123456789";
    for (unsigned i = 0; i < KEYS; i++)
        rocksdb_dir_put(&db, key_of(i), value);
    rocksdb_dir_flush(&db);
    rocksdb_dir_compact(&db);
    const rocksdb_snapshot_t *snapshot = rocksdb_create_snapshot(db.db);
    rocksdb_dir_delete_range(&db, "k100", "k300");
    rocksdb_dir_flush(&db);
    rocksdb_dir_compact(&db);
    rocksdb_release_snapshot(db.db, snapshot);
}

static size_t tables_with_deletions(void)
{
    cmt_lsm_view *view;
    size_t found = 0;
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    for (size_t i = 0; i < view->version.count; i++) {
        cmt_lsm__table *table;
        pairs_must(cmt_lsm__cache_table(&view->cache, &view->version.tables[i], &table, &err),
                   &err);
        found += table->range_dels > 0;
        cmt_lsm__table_release(table);
    }
    cmt_lsm_view_close(view);
    return found;
}

START_TEST(a_deletion_ends_where_its_table_ends)
{
    spread_deletion();
    rocksdb_dir_put(&db, "k250", "new");
    rocksdb_dir_flush(&db);
    rocksdb_compact_range(db.db, "k250", 4, "k250", 4);
    rocksdb_dir_close(&db);
    ck_assert_uint_gt(tables_with_deletions(), 1);
    char *pairs = rocksdb_dir_pairs(&db);
    ck_assert_ptr_nonnull(strstr(pairs, "k250=new\n"));
    ck_assert_ptr_null(strstr(pairs, "k249="));
    free(pairs);
    expect_same();
}
END_TEST

/* And an edit leaves them as they are. */
START_TEST(an_edit_keeps_what_lies_beside_a_deletion)
{
    spread_deletion();
    rocksdb_dir_put(&db, "k250", "new");
    rocksdb_dir_flush(&db);
    rocksdb_compact_range(db.db, "k250", 4, "k250", 4);
    rocksdb_dir_close(&db);
    const cmt_lsm_edit_options options = {.name = "test", .min_free_bytes = 1};
    const cmt_range dead = {CMT_SLICE("k000"), CMT_SLICE("k050")};
    const cmt_lsm_edit_spec spec = {.dead = &dead, .dead_count = 1};
    cmt_lsm_edit *edit;
    pairs_must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    pairs_must(cmt_lsm_edit_plan(edit, &spec, &err), &err);
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    pairs_must(cmt_lsm_edit_commit(edit, &err), &err);
    cmt_lsm_edit_free(edit);
    expect_same();
    char *pairs = rocksdb_dir_pairs(&db);
    ck_assert(strncmp(pairs, "k050=", 5) == 0);
    ck_assert_ptr_nonnull(strstr(pairs, "k250=new\n"));
    free(pairs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_range_del_bounds");
    TCase *tc = tcase_create("bounds");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_deletion_ends_where_its_table_ends);
    tcase_add_test(tc, an_edit_keeps_what_lies_beside_a_deletion);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
