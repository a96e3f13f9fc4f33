/* SPDX-License-Identifier: Apache-2.0
 *
 * Hours of a node that prunes behind each block: its databases stay small, and it compacts no more often than it is
 * told to.  bench/steady.py is the same with days and real sizes.
 */
#include "files.h"
#include "instrumented.h"
#include "must.h"
#include "steady.h"
#include "suite.h"

#include <check.h>

/* An hour is 60 blocks, and 50 are kept; memtables are as small as LevelDB lets them be. */
static steady_options some_hours(const char *dir, cmt_engine engine)
{
    return (steady_options){
        .dir = dir,
        .engine = engine,
        .blocks = IF_INSTRUMENTED(200, 300),
        .keep_blocks = 50,
        .seconds_per_block = 60,
        .block_bytes = 8000,
        .write_buffer_bytes = 64 << 10,
        .only_asked_compactions = true, /* else RocksDB keeps so small a database small alone */
    };
}

static void expect_no_more_than_hourly(const char *of, uint64_t compactions, double hours)
{
    ck_assert_msg(compactions > 0 && (double)compactions <= hours + 1,
                  "%s: %llu compactions in %.1f hours", of, (unsigned long long)compactions, hours);
}

static void stays_small(cmt_engine engine)
{
    char *dir = files_temp();
    const steady_options options = some_hours(dir, engine);
    steady_result r;
    MUST(steady_run(&options, &r, &error));
    ck_assert_msg((double)r.most_bytes <= steady_limit(&options, &r),
                  "%llu bytes of tables and logs; at most %.0f were to be",
                  (unsigned long long)r.most_bytes, steady_limit(&options, &r));
    expect_no_more_than_hourly("blockstore", r.of_blockstore, r.hours);
    expect_no_more_than_hourly("state", r.of_state, r.hours);
    expect_no_more_than_hourly("both", r.runs, r.hours);
    ck_assert_uint_gt(r.held_back, 0); /* asked behind every block */
    ck_assert_uint_eq(r.failed, 0);
    files_remove(dir);
}

START_TEST(a_pruning_node_stays_small_with_leveldb)
{
    stays_small(CMT_ENGINE_GOLEVELDB);
}
END_TEST

START_TEST(a_pruning_node_stays_small_with_rocksdb)
{
    stays_small(CMT_ENGINE_ROCKSDB);
}
END_TEST

/* Else the two above would say nothing. */
START_TEST(without_a_compactor_it_does_not)
{
    char *dir = files_temp();
    steady_options options = some_hours(dir, CMT_ENGINE_ROCKSDB);
    steady_result r;
    options.never_compact = true;
    options.blocks = 200;
    MUST(steady_run(&options, &r, &error));
    ck_assert_double_gt((double)r.most_bytes, steady_limit(&options, &r));
    files_remove(dir);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("block_steady");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_pruning_node_stays_small_with_leveldb);
    tcase_add_test(tc, a_pruning_node_stays_small_with_rocksdb);
    tcase_add_test(tc, without_a_compactor_it_does_not);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
