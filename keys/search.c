/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking for heights of one family in height order, over keys that stand in text order.
 *
 * Numbers of the same count of digits (a class) stand in height order among themselves; numbers of
 * other classes stand between them.  To find the first number >= p of a class: seek p.  What is met
 * there tells where to go on, because everything between p and it is absent:
 *
 *   met                 plain family                     indexed family (post-order)
 *   same class          that is it                       that is it
 *   longer, say 1234    its prefix 123 is absent too:    123 comes behind it: go on at 123
 *                       go on at 124
 *   shorter, say 13     go on at 130                     all of 130..139 came before: go on at 140
 *
 * Parts of a block are never walked through: in an indexed family each step is a seek.
 *
 * In layout v2 all heights stand in height order: there is one class.
 */
#include "search.h"

#include "ordered.h"

#include <string.h>

cmt_status cmt_keys__search_open(key_search *search, cmt_db *db, const cmt_key_family *family,
                                 cmt_error *err)
{
    *search = (key_search){.family = family, .db = db, .stop_at = UINT64_MAX};
    cmt_key_bounds bounds;
    cmt_range range = cmt_key_family_range(family, &bounds);
    return cmt_db_iter_new(db, &range, &search->iter, err);
}

void cmt_keys__search_close(key_search *search)
{
    cmt_db_iter_free(search->iter);
    search->iter = NULL;
}

unsigned cmt_keys__digits(int64_t height)
{
    unsigned digits = 1;
    for (; height >= 10; height /= 10)
        digits++;
    return digits;
}

int64_t cmt_keys__power10(unsigned exponent)
{
    int64_t power = 1;
    for (; exponent > 0; exponent--) {
        if (power > INT64_MAX / 10)
            return INT64_MAX;
        power *= 10;
    }
    return power;
}

unsigned cmt_keys__class(const cmt_key_family *family, int64_t height)
{
    return family->v2_byte != 0 ? 1 : cmt_keys__digits(height);
}

cmt_heights cmt_keys__class_heights(const cmt_key_family *family, unsigned class)
{
    if (family->v2_byte != 0)
        return (cmt_heights){0, INT64_MAX};
    return (cmt_heights){class == 1 ? 0 : cmt_keys__power10(class - 1), cmt_keys__power10(class)};
}

static cmt_status seek(key_search *search, int64_t height, cmt_error *err)
{
    cmt_key key = cmt_keys__start_of(search->family, height);
    return cmt_db_iter_seek(search->iter, cmt_key_slice(&key), err);
}

/* What a step counts where the database does not say what it has read. */
#define STEP_BYTES 256

uint64_t cmt_keys__search_cost(const key_search *search)
{
    uint64_t bytes = cmt_db_bytes_read(search->db);
    return bytes > 0 ? bytes : search->steps * STEP_BYTES;
}

static bool is_over_budget(key_search *search)
{
    search->steps++;
    return cmt_keys__search_cost(search) > search->stop_at;
}

static bool parse_here(key_search *search)
{
    search->standing =
        cmt_key_parse(search->family, cmt_db_iter_key(search->iter), &search->at, NULL);
    return search->standing;
}

/* True if the key of `height` comes behind where the iterator stands with nothing of its class in
 * between; numbers that begin with the height before may come in between. */
static bool stands_before(const key_search *search, int64_t height)
{
    return search->standing && !search->family->indexed && search->at == height - 1 &&
           cmt_keys__class(search->family, search->at) == cmt_keys__class(search->family, height);
}

/* To the first key at or behind the keys of `height` in text order, by a seek unless the next key
 * is as good. */
cmt_status cmt_keys__search_step(key_search *search, int64_t height, int64_t *met, cmt_error *err)
{
    bool follows = stands_before(search, height);
    search->standing = false;
    if (is_over_budget(search))
        return CMT_CANCELLED;
    CMT_TRY(follows ? cmt_db_iter_next(search->iter, err) : seek(search, height, err));
    while (!parse_here(search)) { /* a key that CometBFT does not write: not ours to judge */
        if (is_over_budget(search))
            return CMT_CANCELLED;
        CMT_TRY(cmt_db_iter_next(search->iter, err));
    }
    *met = search->at;
    return CMT_OK;
}

cmt_status cmt_keys__search_exists(key_search *search, int64_t height, bool *exists, cmt_error *err)
{
    search->standing = false;
    cmt_status st = seek(search, height, err);
    if (st != CMT_OK && st != CMT_NOT_FOUND)
        return st;
    *exists = st == CMT_OK && parse_here(search) && search->at == height;
    return CMT_OK;
}

/* Where the search for numbers of `digits` digits goes on after meeting `met` of another class. */
static uint64_t continue_behind(int64_t met, unsigned digits, bool indexed)
{
    uint64_t next = (uint64_t)met;
    unsigned met_digits = cmt_keys__digits(met);
    if (met_digits > digits) {
        for (; met_digits > digits; met_digits--)
            next /= 10;
        return indexed ? next : next + 1;
    }
    if (indexed)
        next++;
    for (; met_digits < digits; met_digits++)
        next *= 10; /* at most 10^19, which fits */
    return next;
}

/* cmt_keys__search_first where all of [lo,hi) is of one class. */
static cmt_status first_in_class(key_search *search, int64_t lo, int64_t hi, int64_t *height,
                                 cmt_error *err)
{
    unsigned class = cmt_keys__class(search->family, lo);
    while (lo < hi) {
        int64_t met;
        CMT_TRY(cmt_keys__search_step(search, lo, &met, err));
        if (cmt_keys__class(search->family, met) == class) {
            if (met >= hi)
                return CMT_NOT_FOUND;
            *height = met;
            return CMT_OK;
        }
        uint64_t next = continue_behind(met, class, search->family->indexed);
        if (next >= (uint64_t)hi)
            return CMT_NOT_FOUND;
        if ((int64_t)next > lo)
            lo = (int64_t)next;
    }
    return CMT_NOT_FOUND;
}

cmt_status cmt_keys__search_first(key_search *search, int64_t lo, int64_t hi, int64_t *height,
                                  cmt_error *err)
{
    while (lo < hi) {
        unsigned class = cmt_keys__class(search->family, lo);
        int64_t class_end = cmt_keys__class_heights(search->family, class).hi;
        if (class_end > hi)
            class_end = hi;
        cmt_status st = first_in_class(search, lo, class_end, height, err);
        if (st != CMT_NOT_FOUND)
            return st;
        lo = class_end;
    }
    return CMT_NOT_FOUND;
}

cmt_status cmt_keys__search_edge(key_search *search, int64_t from, int64_t limit, int64_t *edge,
                                 cmt_error *err)
{
    int64_t sign = limit < from ? -1 : 1;
    int64_t left = sign * (limit - from); /* all distances are counted from `from` */
    int64_t hit = 0;
    int64_t miss = left + 1;
    for (int64_t step = 1; hit < left && miss > left; step = step > left / 2 ? left : 2 * step) {
        int64_t at = step < left - hit ? hit + step : left;
        bool exists;
        CMT_TRY(cmt_keys__search_exists(search, from + sign * at, &exists, err));
        if (exists)
            hit = at;
        else
            miss = at;
    }
    while (miss - hit > 1) {
        int64_t middle = hit + (miss - hit) / 2;
        bool exists;
        CMT_TRY(cmt_keys__search_exists(search, from + sign * middle, &exists, err));
        if (exists)
            hit = middle;
        else
            miss = middle;
    }
    *edge = from + sign * hit;
    return CMT_OK;
}

cmt_status cmt_key_first_in(cmt_db *db, const cmt_key_family *family, int64_t lo, int64_t hi,
                            int64_t *height, cmt_error *err)
{
    key_search search;
    cmt_status st = cmt_keys__search_open(&search, db, family, err);
    if (st == CMT_OK)
        st = cmt_keys__search_first(&search, lo < 0 ? 0 : lo, hi, height, err);
    cmt_keys__search_close(&search);
    return st;
}

/* The start of the last contiguous run of existing heights in [lo,below). */
static cmt_status last_run_start(key_search *search, int64_t lo, int64_t below, int64_t *start,
                                 cmt_error *err)
{
    int64_t run = lo;
    for (int64_t expected = lo; expected < below; expected++) {
        int64_t height;
        CMT_TRY(cmt_keys__search_first(search, expected, below, &height, err));
        if (height != expected)
            run = height;
        expected = height;
    }
    *start = run;
    return CMT_OK;
}

cmt_status cmt_key_run_below(cmt_db *db, const cmt_key_family *family, int64_t below,
                             uint64_t budget_bytes, int64_t *lo, cmt_error *err)
{
    if (below <= 0) {
        *lo = below;
        return CMT_OK;
    }
    key_search search;
    bool exists = false;
    int64_t start = below;
    cmt_status st = cmt_keys__search_open(&search, db, family, err);
    if (st == CMT_OK)
        st = cmt_keys__search_exists(&search, below - 1, &exists, err);
    if (st == CMT_OK && exists)
        st = cmt_keys__search_edge(&search, below - 1, 0, &start, err);
    if (st == CMT_OK && exists) {
        uint64_t used = cmt_keys__search_cost(&search);
        search.stop_at = budget_bytes > UINT64_MAX - used ? UINT64_MAX : used + budget_bytes;
        st = last_run_start(&search, start, below, &start, err);
    }
    cmt_keys__search_close(&search);
    if (st != CMT_OK && st != CMT_CANCELLED)
        return st;
    *lo = start;
    return CMT_OK;
}
