/* SPDX-License-Identifier: Apache-2.0
 *
 * Range deletions: disjoint pieces say of every key and sequence what the deletions themselves say.
 */
#include "range_dels.h"

#include "pairs.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>

#define DELETIONS 25

static cmt_error err;

typedef struct deletion {
    uint8_t lo, hi;
    uint64_t sequence;
} deletion;

static bool covered(const deletion *all, size_t count, uint8_t key, uint64_t sequence)
{
    for (size_t i = 0; i < count; i++)
        if (all[i].lo <= key && key < all[i].hi && sequence < all[i].sequence)
            return true;
    return false;
}

static void check_pieces(const cmt_lsm__range_dels *d)
{
    for (size_t i = 0; i < d->count; i++) {
        ck_assert_int_lt(cmt_slice_compare(d->pieces[i].lo, d->pieces[i].hi), 0);
        if (i > 0)
            ck_assert_int_le(cmt_slice_compare(d->pieces[i - 1].hi, d->pieces[i].lo), 0);
    }
}

START_TEST(pieces_cover_what_the_deletions_cover)
{
    rng r = {(uint64_t)_i + 1};
    deletion all[DELETIONS];
    cmt_lsm__range_dels d = {0};
    for (size_t n = 0; n < DELETIONS; n++) {
        deletion *x = &all[n];
        *x = (deletion){(uint8_t)(rng_next(&r) % 64), (uint8_t)(rng_next(&r) % 64),
                        rng_next(&r) % 20};
        pairs_must(cmt_lsm__range_dels_add(&d, (cmt_slice){&x->lo, 1}, (cmt_slice){&x->hi, 1},
                                           x->sequence, &err),
                   &err);
        check_pieces(&d);
        for (uint8_t key = 0; key < 66; key++)
            for (uint64_t sequence = 0; sequence < 21; sequence++)
                ck_assert_msg(cmt_lsm__range_dels_cover(&d, (cmt_slice){&key, 1}, sequence) ==
                                  covered(all, n + 1, key, sequence),
                              "seed %d: key %u, sequence %llu after %zu deletions", _i + 1, key,
                              (unsigned long long)sequence, n + 1);
    }
    cmt_lsm__range_dels_free(&d);
}
END_TEST

START_TEST(too_many_are_refused)
{
    cmt_lsm__range_dels d = {0};
    cmt_status st = CMT_OK;
    unsigned n = 0;
    for (; st == CMT_OK; n++) {
        char lo[16];
        char hi[16];
        snprintf(lo, sizeof lo, "%08u", 2 * n);
        snprintf(hi, sizeof hi, "%08u", 2 * n + 1);
        st = cmt_lsm__range_dels_add(&d, (cmt_slice){(uint8_t *)lo, 8},
                                     (cmt_slice){(uint8_t *)hi, 8}, 1, &err);
    }
    ck_assert_int_eq(st, CMT_UNSUPPORTED);
    ck_assert_uint_eq(n, CMT_LSM_RANGE_DELS_MAX + 1);
    cmt_lsm__range_dels_free(&d);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lsm_range_dels");
    TCase *tc = tcase_create("range_dels");
    tcase_add_loop_test(tc, pieces_cover_what_the_deletions_cover, 0, 10);
    tcase_add_test(tc, too_many_are_refused);
    suite_add_tcase(s, tc);
    return suite_run(s);
}
