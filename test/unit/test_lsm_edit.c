/* SPDX-License-Identifier: Apache-2.0
 *
 * The atomic edit and the offline compaction against random databases that C++ LevelDB writes: after
 * each, our view and LevelDB must see exactly what a sorted list in memory says, by iterating and by
 * getting.  CMT_SEED and CMT_ROUNDS choose what is run.
 */
#include "cleanup.h"
#include "files.h"
#include "history.h"
#include "pairs.h"
#include "suite.h"

#include "cmtstore/db.h"
#include "cmtstore/lsm.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLES_MAX 4096

static const engine_options engine = {.write_buffer = 64 << 10, .table_bytes = 1 << 20};
static uint64_t tables_kept; /* by all compactions together */

static cmt_slice slice(const char *s)
{
    return (cmt_slice){(const uint8_t *)s, strlen(s)};
}

/* ---- checking --------------------------------------------------------------------------------- */

static void check_absent(const char *dir, const history *h)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_view *view;
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    for (unsigned i = 0; i < HISTORY_KEYS; i++) {
        char key[16];
        history_key(i, key);
        cmt_status st = cmt_lsm_view_get(view, slice(key), &value, &err);
        ck_assert_msg(st == (h->present[i] ? CMT_OK : CMT_NOT_FOUND), "key %s: %s", key,
                      err.message);
    }
    cmt_lsm_view_close(view);
}

static void check_view(const char *dir, const history *h)
{
    char *expected = history_pairs(h);
    char *ours = pairs_of_view(dir);
    ck_assert_msg(strcmp(ours, expected) == 0, "the view shows other pairs");
    check_absent(dir, h);
    free(ours);
    free(expected);
}

static void check_both(const char *dir, const history *h)
{
    char *expected = history_pairs(h);
    check_view(dir, h);
    char *theirs = engine_pairs(dir, NULL);
    ck_assert_msg(strcmp(theirs, expected) == 0, "LevelDB shows other pairs");
    free(theirs);
    free(expected);
    leveldb_close(engine_open(dir, NULL));
    check_view(dir, h); /* and once more what the engine made of it */
}

static void check_no_strays(const char *dir, const char *top)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_view *view;
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    cmt_lsm_view_stats stats = cmt_lsm_view_get_stats(view);
    cmt_lsm_view_close(view);
    uint64_t tables = 0;
    for (int level = 0; level < CMT_LSM_LEVELS; level++)
        tables += stats.tables[level];
    ck_assert_uint_lt(stats.tables[0], 4);
    ck_assert_uint_eq(files_count(dir, ".ldb") + files_count(dir, ".log"), tables);
    ck_assert_uint_eq(files_count(dir, ".dbtmp"), 0);
    ck_assert(!files_exist(top, "cmtstore"));
}

/* ---- edits ------------------------------------------------------------------------------------ */

static cmt_status judge_value(void *context, cmt_slice key, cmt_slice value, bool *dead,
                              cmt_error *err)
{
    (void)context;
    (void)err;
    ck_assert_uint_eq(key.data[0], 'b');
    *dead = value.data[0] == 'D';
    return CMT_OK;
}

static cmt_status check_key(void *context, cmt_slice key, cmt_error *err)
{
    (void)context;
    if (key.size != 6)
        return cmt_error_set(err, CMT_CORRUPT, "foreign key");
    return CMT_OK;
}

typedef struct plan {
    char text[64][16];
    size_t texts;
    cmt_range dead[16];
    size_t dead_count;
    cmt_slice points[8];
    size_t point_count;
    cmt_lsm_put puts[4];
    size_t put_count;
    bool judge;
} plan;

static void plan_ranges(plan *p, history *h)
{
    unsigned at = history_pick(h, HISTORY_KEYS / 4);
    while (p->dead_count < 12 && at < HISTORY_KEYS) {
        unsigned end = at + history_pick(h, history_pick(h, 2) ? 20 : 250);
        char *lo = p->text[p->texts];
        char *hi = p->text[p->texts + 1];
        snprintf(lo, 16, "k%05u", at);
        snprintf(hi, 16, "k%05u", end);
        if (end > at) {
            p->dead[p->dead_count++] = (cmt_range){slice(lo), slice(hi)};
            p->texts += 2;
            for (unsigned i = at; i < end && i < HISTORY_KEYS; i++)
                if (i % 5 != 0)
                    history_set(h, i, NULL, SIZE_MAX);
        }
        at = end + history_pick(h, 150);
    }
}

/* Up to a few random ranges over "k…" keys, some points outside of them, some puts. */
static void make_plan(plan *p, history *h)
{
    memset(p, 0, sizeof *p);
    plan_ranges(p, h);
    p->judge = history_pick(h, 3) > 0;
    for (unsigned i = 0; i < HISTORY_KEYS && p->judge; i += 5)
        if (h->present[i] && h->values[i].data[0] == 'D')
            history_set(h, i, NULL, SIZE_MAX);
    for (unsigned i = history_pick(h, 20) * 5; i < HISTORY_KEYS && p->point_count < 8 && !p->judge;
         i += 5 * (1 + history_pick(h, 30))) {
        history_key(i, p->text[p->texts]);
        p->points[p->point_count++] = slice(p->text[p->texts++]);
        history_set(h, i, NULL, SIZE_MAX);
    }
    for (unsigned i = history_pick(h, 10) * 5;
         i < HISTORY_KEYS && p->put_count < 4 && history_pick(h, 3);
         i += 5 * (1 + history_pick(h, 40))) {
        history_key(i, p->text[p->texts]);
        p->puts[p->put_count++] = (cmt_lsm_put){slice(p->text[p->texts++]), slice("Lput")};
        history_set(h, i, "Lput", 4);
    }
}

/* Take an edit from its plan to an empty trash. */
static void carry_out(cmt_lsm_edit *edit, const char *dir, const char *top)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_trash *trash;
    cmt_lsm_retired retired;
    pairs_must(cmt_lsm_trash_open(dir, &trash, &err), &err);
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    pairs_must(cmt_lsm_edit_commit(edit, &err), &err);
    pairs_must(cmt_lsm_edit_retire(edit, trash, &retired, &err), &err);
    ck_assert_uint_eq(retired.left_behind, 0);
    pairs_must(cmt_lsm_trash_empty(trash, 2, NULL, &err), &err);
    cmt_lsm_trash_close(trash);
    check_no_strays(dir, top);
    cmt_lsm_edit_counts counts = cmt_lsm_edit_get_counts(edit);
    ck_assert_uint_le(counts.bytes_written, counts.bytes_write_bound);
}

static void run_edit(const char *dir, const char *top, history *h)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_db_lock *lock;
    cmt_lsm_edit *edit;
    plan p;
    const cmt_lsm_edit_options options = {
        .name = "test", .min_free_bytes = 1, .table_bytes = history_pick(h, 2) ? 4096 : 60000};
    make_plan(&p, h);
    cmt_range judged = {CMT_SLICE("b"), CMT_SLICE("c")};
    static const double shares[] = {0.01, 0.25, 2.0};
    static const double guesses[] = {0, 0.001, 0.1, 0.5};
    cmt_lsm_edit_spec spec = {
        .dead = p.dead,
        .dead_count = p.dead_count,
        .check = check_key,
        .judged = &judged,
        .judged_count = p.judge ? 1 : 0,
        .judged_share = guesses[history_pick(h, 4)],
        .judge = judge_value,
        .points = p.points,
        .point_count = p.point_count,
        .puts = p.puts,
        .put_count = p.put_count,
        .rewrite_share = shares[history_pick(h, 3)],
        .spare_percent = history_pick(h, 2) ? 100 : 0,
        .reclaim = history_pick(h, 2),
    };
    pairs_must(cmt_db_lock_take(dir, &lock, &err), &err);
    pairs_must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    pairs_must(cmt_lsm_edit_plan(edit, &spec, &err), &err);
    if (!cmt_lsm_edit_get_counts(edit).nothing_to_do)
        carry_out(edit, dir, top);
    cmt_lsm_edit_free(edit);
    cmt_db_lock_release(lock);
}

/* ---- compaction: what happens to files that need nothing -------------------------------------- */

typedef struct table_files {
    uint64_t inodes[TABLES_MAX]; /* by table number; 0: no such file */
    uint64_t count;
} table_files;

static void list_tables(const char *dir, table_files *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned number = 0; number < TABLES_MAX; number++) {
        char name[16];
        snprintf(name, sizeof name, "%06u.ldb", number);
        if (files_exist(dir, name)) {
            out->inodes[number] = files_inode(dir, name);
            out->count++;
        }
    }
    ck_assert_uint_eq(out->count, files_count(dir, ".ldb"));
}

/* As many tables as the plan does not rewrite are the files they were. */
static void check_kept(const char *dir, const table_files *before, uint64_t expected)
{
    table_files after;
    uint64_t kept = 0;
    list_tables(dir, &after);
    for (unsigned number = 0; number < TABLES_MAX; number++)
        kept += before->inodes[number] != 0 && before->inodes[number] == after.inodes[number];
    ck_assert_uint_eq(kept, expected);
    tables_kept += kept;
}

static bool run_compact(const char *dir, const char *top, history *h)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_db_lock *lock;
    cmt_lsm_edit *edit;
    table_files before;
    const cmt_lsm_edit_options options = {
        .name = "test", .min_free_bytes = 1, .table_bytes = history_pick(h, 2) ? 4096 : 60000};
    pairs_must(cmt_db_lock_take(dir, &lock, &err), &err);
    pairs_must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    pairs_must(cmt_lsm_edit_plan_compact(edit, &err), &err);
    cmt_lsm_edit_counts counts = cmt_lsm_edit_get_counts(edit);
    if (!counts.nothing_to_do) {
        list_tables(dir, &before);
        carry_out(edit, dir, top);
        check_kept(dir, &before, counts.tables_before - counts.tables_rewritten);
    }
    cmt_lsm_edit_free(edit);
    cmt_db_lock_release(lock);
    return !counts.nothing_to_do;
}

/* ---- histories -------------------------------------------------------------------------------- */

static void write_some(const char *dir, history *h, unsigned operations)
{
    leveldb_t *db = engine_open(dir, &engine);
    history_write(h, db, operations);
    leveldb_close(db);
    check_view(dir, h);
}

static void large_round(const char *dir, const char *top, history *h)
{
    write_some(dir, h, 200 + history_pick(h, 2500));
    switch (history_pick(h, 3)) {
    case 0:
        run_edit(dir, top, h);
        break;
    case 1:
        run_compact(dir, top, h);
        check_view(dir, h);
        ck_assert_msg(!run_compact(dir, top, h), "a second compaction found work");
        break;
    default:
        run_edit(dir, top, h);
        check_view(dir, h);
        run_edit(dir, top, h);
        run_compact(dir, top, h);
    }
    check_both(dir, h);
}

/* Into small tables first; then a few keys at a time, so that most tables stay clean. */
static void small_rounds(const char *dir, const char *top, history *h)
{
    run_compact(dir, top, h);
    for (unsigned round = 0; round < 3; round++) {
        write_some(dir, h, 5 + history_pick(h, 36));
        if (history_pick(h, 3) == 0)
            run_edit(dir, top, h);
        run_compact(dir, top, h);
        ck_assert_msg(!run_compact(dir, top, h), "a second compaction found work");
        check_view(dir, h);
    }
    check_both(dir, h);
}

static void one_history(uint64_t seed)
{
    history h = {.random = {seed}};
    char *top = files_temp();
    char *dir = files_path(top, "x.db");
    large_round(dir, top, &h);
    large_round(dir, top, &h);
    small_rounds(dir, top, &h);
    large_round(dir, top, &h);
    history_end(&h);
    free(dir);
    files_remove(top);
}

START_TEST(random_databases_keep_exactly_the_live_pairs)
{
    const char *seed_text = getenv("CMT_SEED");
    const char *rounds_text = getenv("CMT_ROUNDS");
    const char *full = getenv("CMT_TEST_FULL");
    uint64_t seed = seed_text != NULL ? strtoull(seed_text, NULL, 10) : 1;
    unsigned rounds = rounds_text != NULL ? (unsigned)strtoul(rounds_text, NULL, 10)
                      : full != NULL      ? 400
                                          : 16;
    printf("seeds %llu..%llu\n", (unsigned long long)seed, (unsigned long long)(seed + rounds - 1));
    for (unsigned i = 0; i < rounds; i++)
        one_history(seed + i);
    ck_assert_uint_gt(tables_kept, rounds);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_edit");
    TCase *tc = tcase_create("edit");
    tcase_set_timeout(tc, 1200);
    tcase_add_test(tc, random_databases_keep_exactly_the_live_pairs);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
