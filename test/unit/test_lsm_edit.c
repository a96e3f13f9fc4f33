/* SPDX-License-Identifier: Apache-2.0
 *
 * The atomic edit and the offline compaction against random databases that C++ LevelDB writes: after
 * each, our view and LevelDB must see exactly what a sorted list in memory says, by iterating and by
 * getting.  CMT_SEED and CMT_ROUNDS choose what is run.
 */
#include <check.h>
#include <dirent.h>
#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmtstore/db.h"
#include "cmtstore/lsm.h"

#define KEYS 700
#define VALUE_MAX 3000

/* The model: key i is "kNNN", for some keys a judged "bNNN"; a value or none. */
typedef struct model {
    bool present[KEYS];
    char *values[KEYS];
    size_t sizes[KEYS];
} model;

static uint64_t rng_state;

static uint32_t rnd(uint32_t limit)
{
    rng_state = rng_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((rng_state >> 33) % limit);
}

static void key_name(unsigned i, char out[16])
{
    snprintf(out, 16, "%c%05u", i % 5 == 0 ? 'b' : 'k', i);
}

static cmt_slice slice(const char *s)
{
    return (cmt_slice){(const uint8_t *)s, strlen(s)};
}

static void model_set(model *m, unsigned i, const char *value, size_t size)
{
    free(m->values[i]);
    m->values[i] = NULL;
    m->present[i] = value != NULL;
    if (value != NULL) {
        m->values[i] = malloc(size + 1);
        memcpy(m->values[i], value, size);
        m->sizes[i] = size;
    }
}

static void model_free(model *m)
{
    for (unsigned i = 0; i < KEYS; i++)
        free(m->values[i]);
}

/* ---- C++ LevelDB ----------------------------------------------------------------------------- */

static leveldb_t *engine_open(const char *dir, bool small)
{
    char *error = NULL;
    leveldb_options_t *o = leveldb_options_create();
    leveldb_options_set_create_if_missing(o, 1);
    leveldb_options_set_paranoid_checks(o, 1);
    if (small) {
        leveldb_options_set_write_buffer_size(o, 64 << 10);
        leveldb_options_set_max_file_size(o, 1 << 20);
    }
    leveldb_t *db = leveldb_open(o, dir, &error);
    ck_assert_msg(error == NULL, "leveldb: %s", error);
    leveldb_options_destroy(o);
    return db;
}

static void random_value(char *value, size_t *size, bool dead_mark)
{
    *size = 1 + rnd(rnd(8) == 0 ? VALUE_MAX : 120);
    for (size_t i = 0; i < *size; i++)
        value[i] = (char)(rnd(3) == 0 ? rnd(256) : 'a' + (uint32_t)(i % 7));
    value[0] = dead_mark ? 'D' : 'L';
}

static void engine_write(leveldb_t *db, model *m, unsigned operations)
{
    leveldb_writeoptions_t *wo = leveldb_writeoptions_create();
    static char value[VALUE_MAX + 1];
    for (unsigned n = 0; n < operations; n++) {
        char key[16];
        char *error = NULL;
        unsigned i = rnd(KEYS);
        key_name(i, key);
        if (rnd(5) == 0) {
            leveldb_delete(db, wo, key, strlen(key), &error);
            model_set(m, i, NULL, 0);
        } else {
            size_t size;
            random_value(value, &size, rnd(2));
            leveldb_put(db, wo, key, strlen(key), value, size, &error);
            model_set(m, i, value, size);
        }
        ck_assert_ptr_null(error);
        if (rnd(900) == 0) {
            char from[16];
            char to[16];
            key_name(rnd(KEYS), from);
            key_name(rnd(KEYS), to);
            leveldb_compact_range(db, from, strlen(from), to, strlen(to));
        }
    }
    leveldb_writeoptions_destroy(wo);
}

static void engine_check(const char *dir, const model *m)
{
    leveldb_t *db = engine_open(dir, false);
    leveldb_readoptions_t *ro = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(ro, 1);
    unsigned seen = 0;
    leveldb_iterator_t *it = leveldb_create_iterator(db, ro);
    for (leveldb_iter_seek_to_first(it); leveldb_iter_valid(it); leveldb_iter_next(it))
        seen++;
    leveldb_iter_destroy(it);
    unsigned expected = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        char key[16];
        char *error = NULL;
        size_t size = 0;
        key_name(i, key);
        char *value = leveldb_get(db, ro, key, strlen(key), &size, &error);
        ck_assert_msg(error == NULL, "leveldb get %s: %s", key, error);
        ck_assert_msg((value != NULL) == m->present[i], "leveldb: key %s", key);
        if (value != NULL) {
            ck_assert_uint_eq(size, m->sizes[i]);
            ck_assert_int_eq(memcmp(value, m->values[i], size), 0);
        }
        expected += m->present[i];
        leveldb_free(value);
    }
    ck_assert_uint_eq(seen, expected);
    leveldb_readoptions_destroy(ro);
    leveldb_close(db);
}

/* ---- our view --------------------------------------------------------------------------------- */

static void must(cmt_status st, const cmt_error *err)
{
    ck_assert_msg(st == CMT_OK, "%s: %s", cmt_status_text(st), err->message);
}

static void view_check(const char *dir, const model *m)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_view *view;
    cmt_lsm_iter *iter;
    cmt_buf value = CMT_BUF_INIT;
    must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    unsigned expected = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        char key[16];
        key_name(i, key);
        cmt_status st = cmt_lsm_view_get(view, slice(key), &value, &err);
        ck_assert_msg(st == (m->present[i] ? CMT_OK : CMT_NOT_FOUND), "key %s: %s", key,
                      err.message);
        if (st == CMT_OK) {
            ck_assert_uint_eq(value.size, m->sizes[i]);
            ck_assert_int_eq(memcmp(value.data, m->values[i], value.size), 0);
        }
        expected += m->present[i];
    }
    must(cmt_lsm_iter_new(view, NULL, &iter, &err), &err);
    unsigned forward = 0;
    unsigned backward = 0;
    cmt_status st;
    for (st = cmt_lsm_iter_first(iter, &err); st == CMT_OK; st = cmt_lsm_iter_next(iter, &err))
        forward++;
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    for (st = cmt_lsm_iter_last(iter, &err); st == CMT_OK; st = cmt_lsm_iter_prev(iter, &err))
        backward++;
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    ck_assert_uint_eq(forward, expected);
    ck_assert_uint_eq(backward, expected);
    cmt_lsm_iter_free(iter);
    cmt_lsm_view_close(view);
    cmt_buf_free(&value);
}

static void both_check(const char *dir, const model *m)
{
    view_check(dir, m);
    engine_check(dir, m);
    view_check(dir, m); /* and once more what the engine made of it */
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
    cmt_range dead[16];
    size_t dead_count;
    cmt_slice points[8];
    size_t point_count;
    cmt_lsm_put puts[4];
    size_t put_count;
    bool judge;
} plan;

/* Up to a few random ranges over "k…" keys, some points outside of them, some puts. */
static void make_plan(plan *p, model *m)
{
    memset(p, 0, sizeof *p);
    unsigned at = rnd(KEYS / 4);
    size_t t = 0;
    while (p->dead_count < 12 && at < KEYS) {
        unsigned end = at + rnd(rnd(2) ? 20 : 250);
        snprintf(p->text[t], 16, "k%05u", at);
        snprintf(p->text[t + 1], 16, "k%05u", end);
        if (end > at) {
            p->dead[p->dead_count++] = (cmt_range){slice(p->text[t]), slice(p->text[t + 1])};
            t += 2;
            for (unsigned i = at; i < end && i < KEYS; i++)
                if (i % 5 != 0)
                    model_set(m, i, NULL, 0);
        }
        at = end + rnd(150);
    }
    p->judge = rnd(3) > 0;
    for (unsigned i = 0; i < KEYS && p->judge; i += 5)
        if (m->present[i] && m->values[i][0] == 'D')
            model_set(m, i, NULL, 0);
    for (unsigned i = rnd(20) * 5; i < KEYS && p->point_count < 8 && !p->judge; i += 5 * (1 + rnd(30))) {
        key_name(i, p->text[t]);
        p->points[p->point_count++] = slice(p->text[t++]);
        model_set(m, i, NULL, 0);
    }
    for (unsigned i = rnd(10) * 5; i < KEYS && p->put_count < 4 && rnd(3); i += 5 * (1 + rnd(40))) {
        key_name(i, p->text[t]);
        p->puts[p->put_count++] = (cmt_lsm_put){slice(p->text[t++]), slice("Lput")};
        model_set(m, i, "Lput", 4);
    }
}

static void check_no_strays(const char *dir, const char *top)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_view *view;
    must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    cmt_lsm_view_stats stats = cmt_lsm_view_get_stats(view);
    cmt_lsm_view_close(view);
    uint64_t tables = 0;
    for (int level = 0; level < CMT_LSM_LEVELS; level++)
        tables += stats.tables[level];
    ck_assert_uint_lt(stats.tables[0], 4);
    DIR *d = opendir(dir);
    struct dirent *e;
    uint64_t files = 0;
    while ((e = readdir(d)) != NULL) {
        files += strstr(e->d_name, ".ldb") != NULL || strstr(e->d_name, ".log") != NULL;
        ck_assert_ptr_null(strstr(e->d_name, ".dbtmp"));
    }
    closedir(d);
    ck_assert_uint_eq(files, tables);
    char trash[512];
    snprintf(trash, sizeof trash, "%s/cmtstore", top);
    ck_assert_int_ne(access(trash, F_OK), 0);
}

/* Take an edit from its plan to an empty trash. */
static void carry_out(cmt_lsm_edit *edit, const char *dir, const char *top)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_trash *trash;
    cmt_lsm_retired left;
    must(cmt_lsm_trash_open(dir, &trash, &err), &err);
    must(cmt_lsm_edit_prepare(edit, &err), &err);
    must(cmt_lsm_edit_commit(edit, &err), &err);
    must(cmt_lsm_edit_retire(edit, trash, &left, &err), &err);
    ck_assert_uint_eq(left.left_behind, 0);
    must(cmt_lsm_trash_empty(trash, 2, NULL, &err), &err);
    cmt_lsm_trash_close(trash);
    check_no_strays(dir, top);
}

static void run_edit(const char *dir, const char *top, model *m)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_db_lock *lock;
    cmt_lsm_edit *edit;
    plan p;
    const cmt_lsm_edit_options options = {
        .name = "test", .min_free_bytes = 1, .table_bytes = rnd(2) ? 4096 : 60000};
    make_plan(&p, m);
    cmt_range judged = {CMT_SLICE("b"), CMT_SLICE("c")};
    static const double shares[] = {0.01, 0.25, 2.0};
    cmt_lsm_edit_spec spec = {
        .dead = p.dead,
        .dead_count = p.dead_count,
        .check = check_key,
        .judged = &judged,
        .judged_count = p.judge ? 1 : 0,
        .judged_share = rnd(2) ? 0.5 : 0.1,
        .judge = judge_value,
        .points = p.points,
        .point_count = p.point_count,
        .puts = p.puts,
        .put_count = p.put_count,
        .rewrite_share = shares[rnd(3)],
        .spare_percent = rnd(2) ? 100 : 0,
        .reclaim = rnd(2),
    };
    must(cmt_db_lock_take(dir, &lock, &err), &err);
    must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    must(cmt_lsm_edit_plan(edit, &spec, &err), &err);
    if (!cmt_lsm_edit_get_counts(edit).nothing_to_do)
        carry_out(edit, dir, top);
    cmt_lsm_edit_free(edit);
    cmt_db_lock_release(lock);
}

static bool run_compact(const char *dir, const char *top)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_db_lock *lock;
    cmt_lsm_edit *edit;
    const cmt_lsm_edit_options options = {
        .name = "test", .min_free_bytes = 1, .table_bytes = rnd(2) ? 4096 : 60000};
    must(cmt_db_lock_take(dir, &lock, &err), &err);
    must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    must(cmt_lsm_edit_plan_compact(edit, &err), &err);
    bool work = !cmt_lsm_edit_get_counts(edit).nothing_to_do;
    if (work)
        carry_out(edit, dir, top);
    cmt_lsm_edit_free(edit);
    cmt_db_lock_release(lock);
    return work;
}

static void remove_tree(const char *path)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    ck_assert_int_eq(system(command), 0);
}

static void one_history(uint64_t seed)
{
    char top[256];
    char dir[300];
    model m = {0};
    rng_state = seed * 7919 + 1;
    const char *base = getenv("TMPDIR");
    snprintf(top, sizeof top, "%s/cmt-edit-XXXXXX", base != NULL ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(top));
    snprintf(dir, sizeof dir, "%s/x.db", top);
    for (unsigned round = 0; round < 4; round++) {
        leveldb_t *db = engine_open(dir, true);
        engine_write(db, &m, 200 + rnd(2500));
        leveldb_close(db);
        view_check(dir, &m);
        switch (rnd(3)) {
        case 0:
            run_edit(dir, top, &m);
            break;
        case 1:
            run_compact(dir, top);
            view_check(dir, &m);
            ck_assert_msg(!run_compact(dir, top), "a second compaction found work");
            break;
        default:
            run_edit(dir, top, &m);
            view_check(dir, &m);
            run_edit(dir, top, &m);
            run_compact(dir, top);
        }
        both_check(dir, &m);
    }
    model_free(&m);
    remove_tree(top);
}

START_TEST(random_databases_keep_exactly_the_live_pairs)
{
    const char *seed_text = getenv("CMT_SEED");
    const char *rounds_text = getenv("CMT_ROUNDS");
    const char *full = getenv("CMT_TEST_FULL");
    uint64_t seed = seed_text != NULL ? strtoull(seed_text, NULL, 10) : 1;
    unsigned rounds = rounds_text != NULL      ? (unsigned)strtoul(rounds_text, NULL, 10)
                      : full != NULL           ? 400
                                               : 30;
    printf("seeds %llu..%llu\n", (unsigned long long)seed,
           (unsigned long long)(seed + rounds - 1));
    for (unsigned i = 0; i < rounds; i++)
        one_history(seed + i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_edit");
    TCase *tc = tcase_create("edit");
    tcase_set_timeout(tc, 1200);
    tcase_add_test(tc, random_databases_keep_exactly_the_live_pairs);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
