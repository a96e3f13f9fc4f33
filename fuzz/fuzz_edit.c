/* SPDX-License-Identifier: Apache-2.0
 *
 * Prunes and compactions of databases of every shape: the input says which of a few keys lie in which table
 * on which level, in which log, and what shall die.  Afterwards a view shows what a list in memory says, no
 * source hides a newer one, and nothing is left over.
 */
#include "fuzz.h"

#include "edit_internal.h"
#include "one_table.h"
#include "scratch.h"
#include "shape.h"

#include <dirent.h>
#include <unistd.h>

#define KEYS 24
#define ENTRIES_MAX (2 * KEYS)
#define VALUES_MAX 2048
#define LARGE 2500

/* The input is read to its end and then as zeros. */
typedef struct input {
    const uint8_t *p;
    const uint8_t *end;
} input;

static char names[KEYS + 1][4];

typedef struct world {
    input in;
    shape db;
    uint64_t sequence;
    char *values[VALUES_MAX]; /* all that were ever written */
    size_t value_count;
    const char *newest[KEYS]; /* what a view must show; NULL: nothing */
} world;

static uint8_t byte(input *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

static uint32_t mask(input *in)
{
    uint32_t low = byte(in);
    uint32_t middle = byte(in);
    return low | middle << 8 | (uint32_t)byte(in) << 16;
}

static cmt_slice text(const char *s)
{
    return (cmt_slice){(const uint8_t *)s, strlen(s)};
}

static void must(cmt_status st, const cmt_error *err)
{
    if (st != CMT_OK)
        fprintf(stderr, "%s: %s\n", cmt_status_text(st), err->message);
    FUZZ_CHECK(st == CMT_OK);
}

/* ---- the database ------------------------------------------------------------------------------ */

/* A value of its own for each entry; D… is what a judge condemns. */
static const char *new_value(world *w, bool condemned, bool large)
{
    char head[24];
    snprintf(head, sizeof head, "%c%llu", condemned ? 'D' : 'L', (unsigned long long)w->sequence);
    size_t size = large ? LARGE : strlen(head);
    char *value = malloc(size + 1);
    FUZZ_CHECK(value != NULL && w->value_count < VALUES_MAX);
    memset(value, 'a' + (int)(w->sequence % 26), size);
    memcpy(value, head, strlen(head));
    value[size] = '\0';
    w->values[w->value_count++] = value;
    return value;
}

/* What a source holds of its keys. */
typedef struct contents {
    uint32_t keys;
    uint32_t deleted;
    uint32_t twice; /* two versions */
    uint32_t condemned;
    uint32_t large;
} contents;

static contents read_contents(input *in)
{
    contents c = {.keys = mask(in)};
    if (c.keys == 0)
        return c;
    c.deleted = mask(in);
    c.twice = mask(in);
    c.condemned = mask(in);
    c.large = byte(in) % 4 == 0 ? mask(in) : 0;
    return c;
}

static void next_entry(world *w, const contents *c, unsigned i, shape_entry *entry)
{
    bool deleted = c->deleted >> i & 1;
    *entry = (shape_entry){.key = names[i], .sequence = ++w->sequence};
    if (!deleted)
        entry->value = new_value(w, c->condemned >> i & 1, c->large >> i & 1);
    w->newest[i] = entry->value;
}

/* Entries of the keys in [from,to), in the order of internal keys; each newer than all before. */
static size_t make_entries(world *w, const contents *c, unsigned from, unsigned to,
                           shape_entry entries[ENTRIES_MAX])
{
    size_t count = 0;
    for (unsigned i = from; i < to; i++) {
        if ((c->keys >> i & 1) == 0)
            continue;
        if (c->twice >> i & 1) {
            contents older = *c;
            older.deleted = ~c->deleted;
            next_entry(w, &older, i, &entries[count + 1]);
            next_entry(w, c, i, &entries[count]);
            count += 2;
        } else {
            next_entry(w, c, i, &entries[count++]);
        }
    }
    return count;
}

static void add_table(world *w, unsigned level, const contents *c, unsigned from, unsigned to)
{
    shape_entry entries[ENTRIES_MAX];
    cmt_error err = CMT_ERROR_INIT;
    size_t count = make_entries(w, c, from, to, entries);
    if (count > 0)
        must(shape_table(&w->db, level, entries, count, &err), &err);
}

/* From the deepest level up: what is written later is newer. */
static void make_levels(world *w)
{
    for (unsigned level = CMT_LSM_LEVELS - 1; level > 0; level--) {
        contents c = read_contents(&w->in);
        if (c.keys == 0)
            continue;
        uint32_t cuts = mask(&w->in);
        unsigned from = 0;
        for (unsigned i = 1; i <= KEYS; i++)
            if (i == KEYS || cuts >> i & 1) {
                add_table(w, level, &c, from, i);
                from = i;
            }
    }
}

static void make_database(world *w)
{
    cmt_error err = CMT_ERROR_INIT;
    scratch_clear();
    must(shape_begin(&w->db, scratch_path(), &err), &err);
    make_levels(w);
    for (unsigned tables = byte(&w->in) % 7; tables > 0; tables--) {
        contents c = read_contents(&w->in);
        add_table(w, 0, &c, 0, KEYS);
    }
    for (unsigned logs = byte(&w->in) % 3; logs > 0; logs--) {
        shape_entry entries[ENTRIES_MAX];
        contents c = read_contents(&w->in);
        size_t count = make_entries(w, &c, 0, KEYS, entries);
        must(shape_log(&w->db, entries, count, &err), &err);
    }
    must(shape_finish(&w->db, &err), &err);
}

/* ---- what shall die ---------------------------------------------------------------------------- */

typedef struct wish {
    cmt_range dead[KEYS];
    cmt_range judged;
    cmt_slice points[KEYS];
    cmt_lsm_put puts[KEYS];
    cmt_lsm_edit_spec spec;
} wish;

static cmt_status judge(void *context, cmt_slice key, cmt_slice value, bool *dead, cmt_error *err)
{
    (void)context;
    (void)key;
    (void)err;
    *dead = value.data[0] == 'D';
    return CMT_OK;
}

/* The end of a range behind key i: before the next one, at it, or nowhere. */
static cmt_slice behind(unsigned i)
{
    return i + 1 < KEYS ? text(names[i + 1]) : (cmt_slice){NULL, 0};
}

static void wish_ranges(world *w, wish *want, uint32_t *taken)
{
    cmt_lsm_edit_spec *spec = &want->spec;
    unsigned lo = byte(&w->in) % KEYS;
    unsigned hi = lo + byte(&w->in) % KEYS;
    if (hi > lo) {
        want->judged = (cmt_range){text(names[lo]), hi < KEYS ? text(names[hi]) : behind(KEYS)};
        spec->judged_count = 1;
        for (unsigned i = lo; i < hi && i < KEYS; i++) {
            *taken |= 1u << i;
            if (w->newest[i] != NULL && w->newest[i][0] == 'D')
                w->newest[i] = NULL;
        }
    }
    uint32_t dead = mask(&w->in) & ~*taken;
    for (unsigned i = 0; i < KEYS; i++) {
        if ((dead >> i & 1) == 0)
            continue;
        unsigned last = i;
        while (last + 1 < KEYS && dead >> (last + 1) & 1)
            last++;
        want->dead[spec->dead_count++] = (cmt_range){text(names[i]), behind(last)};
        for (; i <= last; i++)
            w->newest[i] = NULL;
    }
    *taken |= dead;
}

static void make_wish(world *w, wish *want)
{
    static const double shares[] = {0.0001, 0.25, 2.0, 0.6};
    static const double guesses[] = {0, 0.001, 0.5, 1};
    uint32_t taken = 0;
    *want = (wish){.spec = {.dead = want->dead,
                            .judged = &want->judged,
                            .judge = judge,
                            .points = want->points,
                            .puts = want->puts}};
    cmt_lsm_edit_spec *spec = &want->spec;
    wish_ranges(w, want, &taken);
    /* Few of each: a bit counts when two masks have it. */
    uint32_t points = mask(&w->in);
    points &= mask(&w->in) & ~taken;
    uint32_t puts = mask(&w->in);
    puts &= mask(&w->in);
    for (unsigned i = 0; i < KEYS; i++) {
        if (points >> i & 1) {
            want->points[spec->point_count++] = text(names[i]);
            w->newest[i] = NULL;
        }
        if (puts >> i & 1) {
            w->newest[i] = "Lput";
            want->puts[spec->put_count++] = (cmt_lsm_put){text(names[i]), text("Lput")};
        }
    }
    uint8_t how = byte(&w->in);
    spec->rewrite_share = shares[how & 3];
    spec->judged_share = guesses[how >> 2 & 3];
    spec->spare_percent = how >> 4 & 1 ? 100 : 0;
    spec->reclaim = how >> 5 & 1;
}

/* ---- afterwards -------------------------------------------------------------------------------- */

static void check_pair(const world *w, const cmt_lsm_iter *iter, unsigned i)
{
    FUZZ_CHECK(cmt_slice_equal(cmt_lsm_iter_key(iter), text(names[i])));
    FUZZ_CHECK(cmt_slice_equal(cmt_lsm_iter_value(iter), text(w->newest[i])));
}

static void check_pairs(const world *w, cmt_lsm_view *view)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_iter *iter;
    cmt_buf value = CMT_BUF_INIT;
    must(cmt_lsm_iter_new(view, NULL, &iter, &err), &err);
    cmt_status st = cmt_lsm_iter_first(iter, &err);
    for (unsigned i = 0; i < KEYS; i++) {
        cmt_status got = cmt_lsm_view_get(view, text(names[i]), &value, &err);
        FUZZ_CHECK(got == (w->newest[i] != NULL ? CMT_OK : CMT_NOT_FOUND));
        if (w->newest[i] == NULL)
            continue;
        FUZZ_CHECK(st == CMT_OK);
        check_pair(w, iter, i);
        st = cmt_lsm_iter_next(iter, &err);
    }
    FUZZ_CHECK(st == CMT_NOT_FOUND);
    st = cmt_lsm_iter_last(iter, &err);
    for (unsigned i = KEYS; i-- > 0;) {
        if (w->newest[i] == NULL)
            continue;
        FUZZ_CHECK(st == CMT_OK);
        check_pair(w, iter, i);
        st = cmt_lsm_iter_prev(iter, &err);
    }
    FUZZ_CHECK(st == CMT_NOT_FOUND);
    cmt_lsm_iter_free(iter);
    cmt_buf_free(&value);
}

/* C++ LevelDB believes the first source that has a key: each must be newer than those behind it. */
static void check_ages(cmt_lsm_view *view)
{
    uint64_t oldest[KEYS];
    cmt_error err = CMT_ERROR_INIT;
    memset(oldest, 0xff, sizeof oldest);
    for (size_t i = 0; i < view->version.count; i++) {
        one_table t;
        uint64_t here[KEYS];
        memcpy(here, oldest, sizeof here);
        must(one_table_open(&t, view->dir_fd, &view->version.tables[i], &err), &err);
        cmt_status st = cmt_lsm__source_first(&t.source, &err);
        for (; st == CMT_OK && t.source.valid; st = cmt_lsm__source_next(&t.source, &err)) {
            unsigned k = 0;
            while (!cmt_slice_equal(cmt_lsm__user_key(t.source.key), text(names[k])))
                FUZZ_CHECK(++k < KEYS);
            uint64_t sequence = cmt_lsm__sequence(t.source.key);
            FUZZ_CHECK(sequence < oldest[k] && sequence <= view->version.last_sequence);
            here[k] = sequence;
        }
        must(st, &err);
        memcpy(oldest, here, sizeof oldest);
        one_table_close(&t);
    }
}

static size_t count_files(void)
{
    size_t count = 0;
    DIR *dir = opendir(scratch_path());
    FUZZ_CHECK(dir != NULL);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count - 2;
}

static void check_database(const world *w, bool edited)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_view *view;
    must(cmt_lsm__snapshot(scratch_path(), NULL, &view, &err), &err);
    check_pairs(w, view);
    check_ages(view);
    if (edited) {
        FUZZ_CHECK(view->version.level_start[1] < CMT_LSM_L0_TRIGGER);
        FUZZ_CHECK(view->journal.files == 0);
        FUZZ_CHECK(count_files() == view->version.count + 2);
    }
    cmt_lsm_view_close(view);
}

static cmt_lsm_edit *open_edit(world *w)
{
    static const uint64_t sizes[] = {1, 3000, 4096, 0};
    const cmt_lsm_edit_options options = {.min_free_bytes = 1,
                                          .table_bytes = sizes[byte(&w->in) % 4]};
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_edit *edit;
    must(cmt_lsm_edit_open(scratch_path(), &options, &edit, &err), &err);
    return edit;
}

/* Carry out what is planned and check the result; true if there was something to do. */
static bool carry_out(world *w, cmt_lsm_edit *edit)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_retired retired;
    bool work = !cmt_lsm_edit_get_counts(edit).nothing_to_do;
    if (work) {
        must(cmt_lsm_edit_prepare(edit, &err), &err);
        cmt_lsm_edit_counts counts = cmt_lsm_edit_get_counts(edit);
        FUZZ_CHECK(counts.bytes_written <= counts.bytes_write_bound);
        must(cmt_lsm_edit_commit(edit, &err), &err);
        must(cmt_lsm_edit_retire(edit, NULL, &retired, &err), &err);
        FUZZ_CHECK(retired.left_behind == 0);
    }
    cmt_lsm_edit_free(edit);
    check_database(w, work);
    return work;
}

static void prune(world *w)
{
    cmt_error err = CMT_ERROR_INIT;
    wish want;
    make_wish(w, &want);
    cmt_lsm_edit *edit = open_edit(w);
    must(cmt_lsm_edit_plan(edit, &want.spec, &err), &err);
    carry_out(w, edit);
}

static bool compact(world *w)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_edit *edit = open_edit(w);
    must(cmt_lsm_edit_plan_compact(edit, &err), &err);
    return carry_out(w, edit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world w = {.in = {data, data + size}};
    for (unsigned i = 0; i < KEYS; i++)
        snprintf(names[i], sizeof names[i], "%c%c", 'a' + i / 2, '0' + i % 2);
    make_database(&w);
    check_database(&w, false);
    for (unsigned edits = 1 + byte(&w.in) % 3; edits > 0; edits--) {
        if (byte(&w.in) % 2 == 0)
            prune(&w);
        else if (compact(&w))
            FUZZ_CHECK(!compact(&w));
    }
    for (size_t i = 0; i < w.value_count; i++)
        free(w.values[i]);
    shape_end(&w.db);
    return 0;
}
