/* SPDX-License-Identifier: Apache-2.0
 *
 * Pruning an open state store.
 *
 * BY POINTS  Records that are written in full come with the first batch: they say the same as before.
 *            Then the heights go from the lowest up, all families of a height together.  What a stop
 *            leaves therefore stands right below the retain height without a gap, which is how the
 *            next prune tells where to go on (cmt_state_prune_unfinished_from).
 *            lastABCIResponsesRetainHeight comes with the last batch: it speaks for all of them.
 * BY RANGES  Everything in one batch: there are few ranges and fewer records.
 */
#include "state_internal.h"

#include "cleanup.h"

#define FAMILIES 3

/* The dead heights of a family, and how far they are deleted. */
typedef struct cursor {
    const cmt_key_family *family;
    const cmt_height_set *dead;
    size_t at;    /* the run that the next height is in */
    int64_t next; /* INT64_MAX: all are done */
} cursor;

typedef struct run {
    cmt_state_store *store;
    const cmt_state_prune *rule;
    cmt_eraser *eraser;
    cursor cursors[FAMILIES];
    int64_t from;
    bool results_at_top; /* there are results right below the retain height */
} run;

/* To the first height of a run that has a key; later ones of the same run are taken to have one.
 * Results are large: they are not walked through. */
static cmt_status enter_run(const run *r, cursor *c, cmt_error *err)
{
    for (; c->at < c->dead->count; c->at++) {
        cmt_heights heights = c->dead->runs[c->at];
        cmt_status st =
            cmt_key_first_in(r->store->db, c->family, heights.lo, heights.hi, &c->next, err);
        if (st != CMT_NOT_FOUND)
            return st;
    }
    c->next = INT64_MAX;
    return CMT_OK;
}

static cmt_status advance(const run *r, cursor *c, cmt_error *err)
{
    if (++c->next < c->dead->runs[c->at].hi)
        return CMT_OK;
    c->at++;
    return enter_run(r, c, err);
}

static int64_t lowest(const run *r)
{
    int64_t height = INT64_MAX;
    for (size_t i = 0; i < FAMILIES; i++)
        if (r->cursors[i].next < height)
            height = r->cursors[i].next;
    return height;
}

static cmt_status start(run *r, cmt_error *err)
{
    const cmt_state_prune *rule = r->rule;
    const struct {
        const cmt_key_family *v1;
        const cmt_height_set *dead;
    } families[FAMILIES] = {
        {&cmt_family_validators, &rule->dead_validators},
        {&cmt_family_params, &rule->dead_params},
        {&cmt_family_results, &rule->dead_results},
    };
    for (size_t i = 0; i < FAMILIES; i++) {
        r->cursors[i] = (cursor){.family = cmt_state__family(r->store, families[i].v1),
                                 .dead = families[i].dead};
        CMT_TRY(enter_run(r, &r->cursors[i], err));
    }
    r->from = lowest(r);
    int64_t top;
    cmt_status st = cmt_key_first_in(r->store->db, cmt_state__family(r->store, &cmt_family_results),
                                     rule->retain_height - 1, rule->retain_height, &top, err);
    r->results_at_top = st == CMT_OK;
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

/* Does what would be left, were this the last batch, tell that there is more to do?  If not, the batch
 * may grow a little. */
static bool may_stop(const run *r, int64_t height)
{
    return r->results_at_top || r->rule->retain_height - height > CMT_STATE__KEPT_MAX;
}

static cmt_status delete_height(run *r, int64_t height, cmt_error *err)
{
    for (size_t i = 0; i < FAMILIES; i++) {
        cursor *c = &r->cursors[i];
        if (c->next != height)
            continue;
        CMT_TRY(cmt_eraser_delete_at(r->eraser, c->family, height, 0, err));
        CMT_TRY(advance(r, c, err));
    }
    return CMT_OK;
}

/* The records, or with `marker` the one key that is none. */
static cmt_status put_all(run *r, bool marker, cmt_error *err)
{
    for (size_t i = 0; i < r->rule->put_count; i++) {
        const cmt_state_put *put = &r->rule->puts[i];
        if (cmt_state__is_marker(&put->key) == marker)
            CMT_TRY(cmt_db_batch_put(r->eraser->batch, cmt_key_slice(&put->key),
                                     cmt_buf_slice(&put->value), err));
    }
    return CMT_OK;
}

static cmt_status write(run *r, int64_t height, cmt_error *err)
{
    CMT_TRY(cmt_eraser_write(r->eraser, err));
    return cmt_eraser_report(r->eraser, "prune", height - r->from,
                             r->rule->retain_height - r->from);
}

static cmt_status prune_by_points(run *r, cmt_error *err)
{
    CMT_TRY(put_all(r, false, err));
    CMT_TRY(start(r, err));
    for (int64_t height = r->from; height < INT64_MAX; height = lowest(r)) {
        if (cmt_eraser_is_full(r->eraser) && may_stop(r, height))
            CMT_TRY(write(r, height, err));
        CMT_TRY(delete_height(r, height, err));
    }
    CMT_TRY(put_all(r, true, err));
    r->from = r->from < r->rule->retain_height ? r->from : r->rule->retain_height;
    return cmt_eraser_is_empty(r->eraser) ? CMT_OK : write(r, r->rule->retain_height, err);
}

static bool has_dead(const cmt_state_prune *rule)
{
    return rule->dead_validators.count > 0 || rule->dead_params.count > 0 ||
           rule->dead_results.count > 0;
}

static cmt_status prune_by_ranges(run *r, cmt_error *err)
{
    CMT_TRY(put_all(r, false, err));
    CMT_TRY(put_all(r, true, err));
    if (has_dead(r->rule))
        CMT_TRY(cmt_eraser_delete_ranges(r->eraser, &r->rule->ranges, err));
    r->from = r->rule->from;
    return cmt_eraser_is_empty(r->eraser) ? CMT_OK : write(r, r->rule->retain_height, err);
}

static cmt_status prune(cmt_state_store *store, const cmt_state_prune_request *request,
                        const cmt_erase_options *options, cmt_state_prune_result *result,
                        cmt_error *err)
{
    CMT_AUTO(cmt_state_prune_free) cmt_state_prune rule = {0};
    CMT_TRY(cmt_state_prune_make(store, request, &rule, err));
    CMT_AUTO(cmt_eraser_close) cmt_eraser eraser = {0};
    CMT_TRY(cmt_eraser_open(&eraser, store->db, options, request->retain_height - request->from,
                            "state", err));
    int64_t retain = request->retain_height;
    cmt_state__going(store, retain < rule.evidence_height ? retain : rule.evidence_height, retain);
    result->leftovers = rule.leftovers;
    result->search_complete = rule.search_complete;
    result->records_complete = rule.records_complete;
    result->kept_validators = rule.kept_validators;
    result->kept_params = rule.kept_params;
    rule.kept_validators = rule.kept_params = (cmt_height_set){NULL, 0, 0};
    if (cmt_range_list_add_all(&result->touched, &rule.ranges) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for key ranges");

    run r = {.store = store, .rule = &rule, .eraser = &eraser};
    cmt_status st = eraser.by_range ? prune_by_ranges(&r, err) : prune_by_points(&r, err);
    result->deletes = eraser.deletes;
    result->batches = eraser.batches;
    CMT_TRY(st);
    return cmt_eraser_drop(&eraser, &result->touched, err);
}

cmt_status cmt_state_store_prune(cmt_state_store *store, const cmt_state_prune_request *request,
                                 const cmt_erase_options *options, cmt_state_prune_result *result,
                                 cmt_error *err)
{
    *result = (cmt_state_prune_result){.search_complete = true, .records_complete = true};
    cmt_state_prune_request from_now = *request;
    CMT_TRY(cmt_state__begin_prune(store, &from_now.last_height, err));
    cmt_status st = prune(store, &from_now, options, result, err);
    cmt_state__end_prune(store);
    return st;
}

void cmt_state_prune_result_free(cmt_state_prune_result *result)
{
    if (result == NULL)
        return;
    cmt_range_list_free(&result->touched);
    cmt_height_set_free(&result->kept_validators);
    cmt_height_set_free(&result->kept_params);
}
