/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks that an edit copies as they are stored: tables of many blocks, of which some are wholly live, some
 * hold dead keys, some hold keys that newer tables have too.  The pairs seen before, less the dead ones,
 * are what our view and C++ LevelDB must see behind it, by iterating and by getting.
 */
#include "instrumented.h"
#include "lsm_edit_support.h"

#include "cleanup.h"
#include "rng.h"
#include "suite.h"

#define KEYS 400
#define ROUNDS IF_INSTRUMENTED(8, 30)

static char keys[KEYS][8];
static char *values[KEYS * 8]; /* as many as can be written in a round */
static size_t value_count;

/* Of up to 3000 bytes, so that a block holds one to a few dozen. */
static const char *new_value(rng *r)
{
    size_t size = rng_next(r) % 4 == 0 ? 1000 + rng_next(r) % 2000 : rng_next(r) % 200;
    char *value = malloc(size + 2);
    ck_assert_ptr_nonnull(value);
    for (size_t i = 0; i < size; i++)
        value[i] = (char)('a' + rng_next(r) % 26);
    value[size] = 'v';
    value[size + 1] = '\0';
    values[value_count++] = value;
    return value;
}

static void free_values(void)
{
    while (value_count > 0)
        free(values[--value_count]);
}

/* A table of keys of [from,to), of which each is there with a probability of `of` tenths; some have an
 * older version in the same table, some are deletions. */
static void add_table(rng *r, unsigned level, unsigned from, unsigned to, unsigned of,
                      uint64_t *sequence)
{
    static shape_entry entries[2 * KEYS];
    size_t count = 0;
    for (unsigned i = from; i < to; i++) {
        if (rng_next(r) % 10 >= of)
            continue;
        bool twice = rng_next(r) % 16 == 0;
        const char *value = rng_next(r) % 16 == 0 ? NULL : new_value(r);
        entries[count++] = (shape_entry){keys[i], *sequence + 1, value};
        if (twice)
            entries[count++] = (shape_entry){keys[i], *sequence, new_value(r)};
        *sequence += 2;
    }
    if (count > 0)
        pairs_must(shape_table(&db, level, entries, count, &err), &err);
}

/* Deep levels are old and disjoint; level 0 is written height by height, with some going back. */
static void make_database(rng *r)
{
    uint64_t sequence = 1;
    for (unsigned level = 3; level >= 1; level--)
        for (unsigned at = (unsigned)(rng_next(r) % 40); at < KEYS;) {
            unsigned to = at + 20 + (unsigned)(rng_next(r) % 120);
            add_table(r, level, at, to < KEYS ? to : KEYS, 8, &sequence);
            at = to + (unsigned)(rng_next(r) % 20);
        }
    unsigned tables = (unsigned)(rng_next(r) % 5);
    for (unsigned i = 0; i < tables; i++) {
        unsigned at = (unsigned)(rng_next(r) % (KEYS - 150));
        add_table(r, 0, at, at + 150, rng_next(r) % 2 == 0 ? 10 : 2, &sequence);
    }
    const shape_entry last = {"z", sequence, "1"};
    pairs_must(shape_log(&db, &last, 1, &err), &err);
    finish();
}

static bool is_dead(const cmt_lsm_edit_spec *spec, cmt_slice key)
{
    for (size_t i = 0; i < spec->dead_count; i++)
        if (cmt_slice_compare(spec->dead[i].lo, key) <= 0 &&
            cmt_slice_compare(key, spec->dead[i].hi) < 0)
            return true;
    return false;
}

/* The pairs of the view as text, without the dead ones. */
static char *live_pairs(const cmt_lsm_edit_spec *spec)
{
    CMT_AUTO(cmt_buf_free) cmt_buf out = CMT_BUF_INIT;
    char *all = pairs_of_view(dir);
    for (char *line = all; *line != '\0';) {
        char *end = strchr(line, '\n');
        cmt_slice key = {(const uint8_t *)line, (size_t)(strchr(line, '=') - line)};
        if (!is_dead(spec, key))
            pairs_must(cmt_buf_append(&out, line, (size_t)(end + 1 - line)), &err);
        line = end + 1;
    }
    free(all);
    pairs_must(cmt_buf_append(&out, "", 1), &err);
    return strdup((const char *)out.data);
}

static void run_edit(const cmt_lsm_edit_spec *spec)
{
    char *expected = live_pairs(spec);
    cmt_lsm_edit *edit = open_edit();
    pairs_must(cmt_lsm_edit_plan(edit, spec, &err), &err);
    if (!cmt_lsm_edit_get_counts(edit).nothing_to_do)
        carry_out(edit);
    cmt_lsm_edit_free(edit);
    expect(expected);
    free(expected);
}

START_TEST(blocks_copied_as_stored_show_the_same_pairs)
{
    rng r = {(uint64_t)_i + 1};
    for (unsigned i = 0; i < KEYS; i++)
        snprintf(keys[i], sizeof keys[i], "k%03u", i);
    make_database(&r);
    unsigned a = (unsigned)(rng_next(&r) % (KEYS - 60));
    unsigned b = a + (unsigned)(rng_next(&r) % 60);
    const cmt_range dead = {{(const uint8_t *)keys[a], 4}, {(const uint8_t *)keys[b], 4}};
    const cmt_lsm_put put = {CMT_SLICE("k200"), CMT_SLICE("put")};
    const cmt_lsm_edit_spec spec = {
        .dead = &dead,
        .dead_count = b > a,
        .puts = &put,
        .put_count = (b <= 200 || a > 200) && _i % 3 == 0,
        .rewrite_share = _i % 2 == 0 ? 0.01 : 0.5,
    };
    if (spec.put_count == 0)
        run_edit(&spec);
    const cmt_lsm_edit_spec merge = {.puts = &put, .put_count = 1};
    cmt_lsm_edit *edit = open_edit();
    pairs_must(cmt_lsm_edit_plan(edit, &merge, &err), &err);
    carry_out(edit);
    cmt_lsm_edit_free(edit);
    const cmt_lsm_edit_spec nothing = {0};
    char *after = live_pairs(&nothing);
    ck_assert_ptr_nonnull(strstr(after, "k200=put\n"));
    expect(after);
    free(after);
    free_values();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("lsm_blocks");
    TCase *tc = tcase_create("copying");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, blocks_copied_as_stored_show_the_same_pairs, 0, ROUNDS);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return suite_run(make_suite());
}
