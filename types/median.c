/* SPDX-License-Identifier: Apache-2.0
 *
 * The time of a block that is not proposer-based: the median of the times in its last commit.
 */
#include "cmtstore/types_validators.h"

#include "types_internal.h"

#include <stdlib.h>

typedef struct weighted {
    cmt_time time;
    int64_t weight;
} weighted;

typedef struct votes {
    weighted *list;
    size_t count;
    int64_t total;
} votes;

static int compare_times(const void *a, const void *b)
{
    cmt_time x = ((const weighted *)a)->time;
    cmt_time y = ((const weighted *)b)->time;
    if (x.seconds != y.seconds)
        return x.seconds < y.seconds ? -1 : 1;
    if (x.nanos != y.nanos)
        return x.nanos < y.nanos ? -1 : 1;
    return 0;
}

static cmt_status collect(const cmt_commit *commit, const cmt_validator_set *set,
                          cmt_median_votes which, votes *out, cmt_error *err)
{
    out->list = calloc(commit->count > 0 ? commit->count : 1, sizeof *out->list);
    if (out->list == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "median time: no memory for %zu votes",
                             commit->count);
    for (size_t i = 0; i < commit->count; i++) {
        const cmt_commit_sig *sig = &commit->signatures[i];
        if (sig->flag == CMT_BLOCK_ID_ABSENT ||
            (sig->flag == CMT_BLOCK_ID_NIL && which == CMT_MEDIAN_COMMIT_VOTES))
            continue;
        const cmt_validator *validator = cmt_validator_set_find(set, sig->address);
        if (validator == NULL)
            return cmt_error_set(err, CMT_CORRUPT,
                                 "median time: signature %zu is of no validator in the set", i);
        out->list[out->count++] = (weighted){sig->timestamp, validator->voting_power};
        out->total = (int64_t)((uint64_t)out->total + (uint64_t)validator->voting_power);
    }
    return CMT_OK;
}

/* Times that are equal may stand in any order: the result is the same. */
static cmt_time median_of(votes *v)
{
    qsort(v->list, v->count, sizeof *v->list, compare_times);
    int64_t median = v->total / 2;
    for (size_t i = 0; i < v->count; i++) {
        if (median <= v->list[i].weight)
            return v->list[i].time;
        median -= v->list[i].weight;
    }
    return CMT_GO_ZERO_TIME; /* nobody voted */
}

cmt_status cmt_commit_median_time(const cmt_commit *commit, const cmt_validator_set *set,
                                  cmt_median_votes votes_that_count, cmt_time *out, cmt_error *err)
{
    votes v = {NULL, 0, 0};
    cmt_status st = collect(commit, set, votes_that_count, &v, err);
    if (st == CMT_OK)
        *out = median_of(&v);
    free(v.list);
    return st;
}
