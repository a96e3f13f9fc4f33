/* SPDX-License-Identifier: Apache-2.0
 *
 * The fewest key ranges that hold all dead and no live heights of a family.
 *
 * Heights are decimal text without padding, so the keys of a family stand in the order of a walk
 * through the trie of digits: under a number stand the numbers that begin with it.  A plain key
 * comes before the keys under it ("H:12" < "H:129"): pre-order.  An indexed key comes behind them,
 * because ':' sorts behind '9' ("P:129:0" < "P:12:0"): post-order.
 *
 * The walk goes down only where a subtree holds dead and live heights.  A subtree without live
 * heights is swallowed whole by the open range, one without dead heights ends it, one with neither
 * does nothing.  So the work follows the boundaries between dead and live, not the heights.
 *
 * In layout v2 there is no trie to walk: see ordered.c.
 */
#include "cmtstore/keys.h"

#include "ordered.h"

#include <string.h>

typedef struct walk {
    const cmt_key_family *family;
    const cmt_height_set *dead;
    const cmt_height_set *live;
    uint64_t limit; /* above every height of both sets */
    cmt_range_list *out;
    bool open; /* a range is being built, whose first dead height is `first` */
    uint64_t first;
    uint64_t last;     /* the dead height at its end, or the subtree that holds it */
    bool last_subtree; /* which of the two; a range's end is looked up once, when it closes */
} walk;

/* True if the set holds a number that begins with the digits of `number`. */
static bool has_under(const walk *w, const cmt_height_set *set, uint64_t number)
{
    uint64_t lo = number;
    uint64_t hi = number + 1;
    while (lo < w->limit) {
        uint64_t end = hi < w->limit ? hi : w->limit;
        if (cmt_height_set_overlaps(set, (int64_t)lo, (int64_t)end))
            return true;
        if (number == 0 || lo > INT64_MAX / 10)
            return false; /* no number begins with 0 but 0 itself */
        lo *= 10;
        hi = hi > UINT64_MAX / 10 ? UINT64_MAX : hi * 10;
    }
    return false;
}

static bool has(const cmt_height_set *set, uint64_t number)
{
    return number < INT64_MAX && cmt_height_set_contains(set, (int64_t)number);
}

/* True if numbers with one digit more than `number` can be heights. */
static bool has_children(const walk *w, uint64_t number)
{
    return number > 0 && number < w->limit / 10 + 1 && number <= INT64_MAX / 10;
}

/* The dead height whose key comes first among those under `number`, which has one. */
static uint64_t first_dead_under(const walk *w, uint64_t number)
{
    for (;;) {
        if (!w->family->indexed && has(w->dead, number))
            return number;
        uint64_t child = UINT64_MAX;
        for (uint64_t digit = 0; digit < 10 && child == UINT64_MAX && has_children(w, number);
             digit++)
            if (has_under(w, w->dead, 10 * number + digit))
                child = 10 * number + digit;
        if (child == UINT64_MAX)
            return number;
        number = child;
    }
}

/* The dead height whose key comes last among those under `number`, which has one. */
static uint64_t last_dead_under(const walk *w, uint64_t number)
{
    for (;;) {
        if (w->family->indexed && has(w->dead, number))
            return number;
        uint64_t child = UINT64_MAX;
        for (uint64_t digit = 10; digit-- > 0 && child == UINT64_MAX && has_children(w, number);)
            if (has_under(w, w->dead, 10 * number + digit))
                child = 10 * number + digit;
        if (child == UINT64_MAX)
            return number;
        number = child;
    }
}

/* PREFIX<height> and one more byte: ':' and ';' enclose the keys of a height in an indexed family,
 * a key and itself with a NUL behind it enclose the one key in a plain family. */
static cmt_key bound(const walk *w, uint64_t height, char behind)
{
    cmt_key_family plain = {w->family->prefix, false, 0};
    cmt_key key = cmt_key_make(&plain, (int64_t)height, 0);
    key.text[key.size++] = behind;
    key.text[key.size] = '\0';
    return key;
}

static cmt_status close_range(walk *w)
{
    if (!w->open)
        return CMT_OK;
    w->open = false;
    cmt_key lo = bound(w, w->first, ':');
    uint64_t last = w->last_subtree ? last_dead_under(w, w->last) : w->last;
    cmt_key hi = bound(w, last, w->family->indexed ? ';' : '\0');
    if (!w->family->indexed)
        lo.size--;
    return cmt_range_list_add(w->out, cmt_key_slice(&lo), cmt_key_slice(&hi));
}

/* Take into the open range what is dead: a number alone, or with all that stands under it. */
static void swallow(walk *w, uint64_t number, bool subtree)
{
    if (!w->open)
        w->first = subtree ? first_dead_under(w, number) : number;
    w->open = true;
    w->last = number;
    w->last_subtree = subtree;
}

/* The number itself, without what stands under it. */
static cmt_status visit_number(walk *w, uint64_t number)
{
    if (has(w->live, number))
        return close_range(w);
    if (has(w->dead, number))
        swallow(w, number, false);
    return CMT_OK;
}

/* Deeper by one digit with each call: at most 19 deep. */
// NOLINTNEXTLINE(misc-no-recursion)
static cmt_status visit_subtree(walk *w, uint64_t number)
{
    bool dead = has_under(w, w->dead, number);
    bool live = has_under(w, w->live, number);
    if (dead && !live) {
        swallow(w, number, true);
        return CMT_OK;
    }
    if (!dead)
        return live ? close_range(w) : CMT_OK;

    if (!w->family->indexed)
        CMT_TRY(visit_number(w, number));
    for (uint64_t digit = 0; digit < 10 && has_children(w, number); digit++)
        CMT_TRY(visit_subtree(w, 10 * number + digit));
    if (w->family->indexed)
        CMT_TRY(visit_number(w, number));
    return CMT_OK;
}

static int64_t end_of(const cmt_height_set *set)
{
    return set->count > 0 ? set->runs[set->count - 1].hi : 0;
}

cmt_status cmt_key_ranges(const cmt_key_family *family, const cmt_height_set *dead,
                          const cmt_height_set *live, cmt_range_list *out)
{
    if (family->v2_byte != 0)
        return cmt_keys__ordered_ranges(family, dead, live, out);
    int64_t limit = end_of(dead) > end_of(live) ? end_of(dead) : end_of(live);
    walk w = {.family = family, .dead = dead, .live = live, .limit = (uint64_t)limit, .out = out};
    for (uint64_t digit = 0; digit < 10; digit++)
        CMT_TRY(visit_subtree(&w, digit));
    return close_range(&w);
}
