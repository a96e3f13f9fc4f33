/* SPDX-License-Identifier: Apache-2.0
 *
 * Heights whose keys stand apart from those of live heights.
 *
 * A shorter number stands among longer ones exactly where they begin with it: "H:12" between
 * "H:1199" and "H:1200".  So of each class of shorter numbers, those go that live numbers begin
 * with; numbers of as many digits as a live one stand in height order.  In layout v2 all do.
 */
#include "search.h"

#include "cleanup.h"

/* The class of `digits` digits: [lo,hi). */
static cmt_heights class_of(unsigned digits)
{
    return (cmt_heights){digits == 1 ? 1 : cmt_keys__power10(digits - 1),
                         cmt_keys__power10(digits)};
}

/* Take out of `apart` what the live heights of one class begin with, cut to `digits` digits. */
static cmt_status remove_beginnings(cmt_height_set *apart, unsigned digits, cmt_heights live,
                                    unsigned live_digits)
{
    int64_t scale = cmt_keys__power10(live_digits - digits);
    return cmt_height_set_remove(apart, live.lo / scale, (live.hi - 1) / scale + 1);
}

static cmt_status find_apart(const cmt_key_family *family, int64_t below, int64_t live_lo,
                             int64_t live_hi, cmt_height_set *apart)
{
    CMT_TRY(cmt_height_set_add(apart, 1, below));
    if (family->v2_byte != 0 || below <= 1 || live_lo >= live_hi)
        return CMT_OK;
    unsigned last = cmt_keys__digits(live_hi - 1);
    for (unsigned live_digits = cmt_keys__digits(live_lo); live_digits <= last; live_digits++) {
        cmt_heights live = class_of(live_digits);
        live.lo = live.lo > live_lo ? live.lo : live_lo;
        live.hi = live.hi < live_hi ? live.hi : live_hi;
        for (unsigned digits = 1; digits < live_digits; digits++)
            CMT_TRY(remove_beginnings(apart, digits, live, live_digits));
    }
    return CMT_OK;
}

cmt_status cmt_key_heights_apart(const cmt_key_family *family, int64_t below, int64_t live_lo,
                                 int64_t live_hi, cmt_height_set *out)
{
    CMT_AUTO(cmt_height_set_free) cmt_height_set apart = {NULL, 0, 0};
    CMT_TRY(find_apart(family, below, live_lo, live_hi, &apart));
    for (size_t i = 0; i < apart.count; i++)
        CMT_TRY(cmt_height_set_add(out, apart.runs[i].lo, apart.runs[i].hi));
    return CMT_OK;
}
