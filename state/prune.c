/* SPDX-License-Identifier: Apache-2.0
 *
 * The prune rule of the state store.
 *
 * With from F, retain height R and evidence height E, CometBFT deletes
 *   abciResponsesKey:    of [F,R)
 *   consensusParamsKey:  of [F,R), but for what the record at R points at
 *   validatorsKey:       of [F,E), but for what kept records point at
 * See kept.c for the latter two.  The sweep does the same below F.
 */
#include "state_internal.h"

#include "cleanup.h"

#include <inttypes.h>
#include <stdlib.h>

/* Heights above the last one that are taken to be in use; see the block store's rule. */
#define LIVE_MARGIN 1000
#define SEARCH_LARGE ((uint64_t)64 << 10)

int64_t cmt_state__live_end(int64_t last)
{
    return last < INT64_MAX - LIVE_MARGIN - 1 ? last + LIVE_MARGIN + 1 : INT64_MAX;
}

cmt_status cmt_state__search_budget(cmt_state_store *store, const cmt_key_family *family,
                                    uint64_t *bytes, cmt_error *err)
{
    cmt_key_bounds bounds;
    cmt_range range = cmt_key_family_range(family, &bounds);
    uint64_t size;
    CMT_TRY(cmt_db_approximate_bytes(store->db, range, &size, err));
    *bytes = size <= CMT_STATE__SEARCH_SMALL ? CMT_STATE__SEARCH_SMALL : SEARCH_LARGE;
    if (size <= CMT_STATE__SEARCH_SMALL)
        cmt_db_will_need(store->db, range);
    return CMT_OK;
}

static cmt_status check_request(const cmt_state_prune_request *request, cmt_error *err)
{
    int64_t from = request->from;
    int64_t to = request->retain_height;
    if (from <= 0 || to <= 0)
        return cmt_error_set(
            err, CMT_OUT_OF_RANGE,
            "from height %" PRId64 " and to height %" PRId64 " must be greater than 0", from, to);
    if (from > request->base || request->base > to)
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "from height %" PRId64 ", base height %" PRId64
                             " and to height %" PRId64 " must follow each other",
                             from, request->base, to);
    return CMT_OK;
}

/* ---- one family -------------------------------------------------------------------------- */

typedef struct family_rule {
    const cmt_key_family *family;
    int64_t end;                /* heights from here on stay */
    const cmt_height_set *kept; /* heights below that stay */
    bool exact;                 /* what is not known to be absent below F has to stay */
    cmt_height_set *dead;
} family_rule;

static cmt_status add_runs_below(cmt_height_set *set, const cmt_height_set *runs, int64_t below)
{
    for (size_t i = 0; i < runs->count; i++) {
        int64_t hi = runs->runs[i].hi < below ? runs->runs[i].hi : below;
        CMT_TRY(cmt_height_set_add(set, runs->runs[i].lo, hi));
    }
    return CMT_OK;
}

static cmt_status remove_all(cmt_height_set *set, const cmt_height_set *other)
{
    for (size_t i = 0; i < other->count; i++)
        CMT_TRY(cmt_height_set_remove(set, other->runs[i].lo, other->runs[i].hi));
    return CMT_OK;
}

static cmt_status make_sets(const family_rule *rule, const cmt_state_prune_request *request,
                            const cmt_height_set *left, bool sweep, cmt_height_set *live,
                            cmt_height_set *covered)
{
    CMT_TRY(cmt_height_set_add(rule->dead, request->from, rule->end));
    if (sweep)
        CMT_TRY(add_runs_below(rule->dead, left, rule->end));
    CMT_TRY(remove_all(rule->dead, rule->kept));

    int64_t top = cmt_state__live_end(request->last_height);
    CMT_TRY(add_runs_below(live, left, INT64_MAX));
    CMT_TRY(remove_all(live, rule->dead));
    CMT_TRY(cmt_height_set_add(live, rule->end, top));
    CMT_TRY(add_runs_below(live, rule->kept, INT64_MAX));

    CMT_TRY(add_runs_below(covered, rule->dead, INT64_MAX));
    if (!request->reclaim)
        return CMT_OK;
    int64_t below = request->from < rule->end ? request->from : rule->end;
    CMT_TRY(cmt_key_heights_apart(rule->family, below, rule->end, top, covered));
    return remove_all(covered, live);
}

static cmt_status make_family(cmt_state_store *store, const family_rule *rule,
                              const cmt_state_prune_request *request, cmt_state_prune *out,
                              cmt_error *err)
{
    uint64_t budget;
    CMT_TRY(cmt_state__search_budget(store, rule->family, &budget, err));
    if (rule->exact)
        budget = CMT_STATE__SEARCH_SMALL;
    CMT_AUTO(cmt_height_set_free) cmt_height_set left = {NULL, 0, 0};
    bool complete = true;
    if (request->from > request->initial_height) /* else nothing was ever below */
        CMT_TRY(cmt_key_leftovers(store->db, rule->family, request->from, budget, &left, &complete,
                                  err));
    bool sweep = request->sweep;
    cmt_status st = CMT_OK;
    if (!complete) {
        out->search_complete = false;
        out->records_complete = out->records_complete && !rule->exact;
        if (rule->exact) {
            sweep = false;
            st = cmt_height_set_add(&left, 0, request->from);
        }
    }
    CMT_AUTO(cmt_height_set_free) cmt_height_set live = {NULL, 0, 0};
    CMT_AUTO(cmt_height_set_free) cmt_height_set covered = {NULL, 0, 0};
    /* What the search did not find, and shall stay, must not go with what is reclaimed. */
    cmt_state_prune_request effective = *request;
    effective.reclaim = request->reclaim && (request->sweep || complete);
    if (st == CMT_OK)
        st = make_sets(rule, &effective, &left, sweep, &live, &covered);
    if (st == CMT_OK)
        st = cmt_key_ranges(rule->family, &covered, &live, &out->ranges);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "no memory for dead heights and key ranges");
    out->leftovers = out->leftovers || cmt_height_set_overlaps(rule->dead, 0, request->from);
    return CMT_OK;
}

/* ---- the rule ---------------------------------------------------------------------------- */

static const cmt_key marker = {"lastABCIResponsesRetainHeight",
                               sizeof "lastABCIResponsesRetainHeight" - 1};

bool cmt_state__is_marker(const cmt_key *key)
{
    return cmt_slice_equal(cmt_key_slice(key), cmt_key_slice(&marker));
}

static cmt_status put_results_pruned(cmt_state_store *store, cmt_state_prune *out, cmt_error *err)
{
    cmt_retain_heights heights;
    CMT_TRY(cmt_state_store_retain_heights(store, &heights, err));
    if (!heights.has_results_pruned || heights.results_pruned >= out->retain_height)
        return CMT_OK;
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    if (cmt_signed_varint_encode(out->retain_height, &value) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a height");
    return cmt_state__put(out, &marker, &value, err);
}

static int compare_puts(const void *a, const void *b)
{
    return cmt_slice_compare(cmt_key_slice(&((const cmt_state_put *)a)->key),
                             cmt_key_slice(&((const cmt_state_put *)b)->key));
}

static cmt_status make(cmt_state_store *store, const cmt_state_prune_request *request,
                       cmt_state__kept *kept, cmt_state_prune *out, cmt_error *err)
{
    CMT_TRY(check_request(request, err));
    int64_t retain = request->retain_height;
    int64_t validators_end = request->evidence_height < retain ? request->evidence_height : retain;
    out->layout = store->layout.layout;
    out->from = request->from;
    out->retain_height = retain;
    out->evidence_height = request->evidence_height;
    out->search_complete = true;
    out->records_complete = true;
    CMT_TRY(cmt_state__find_kept(store, request, kept, out, err));

    cmt_height_set none = {NULL, 0, 0};
    const family_rule rules[] = {
        {cmt_state__family(store, &cmt_family_validators), validators_end, &kept->validators, true,
         &out->dead_validators},
        {cmt_state__family(store, &cmt_family_params), retain, &kept->params, true,
         &out->dead_params},
        {cmt_state__family(store, &cmt_family_results), retain, &none, false, &out->dead_results},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        CMT_TRY(make_family(store, &rules[i], request, out, err));
    if (cmt_range_list_sort(&out->ranges) != CMT_OK)
        return cmt_error_set(err, CMT_INVALID, "key ranges of the state store overlap");

    CMT_TRY(put_results_pruned(store, out, err));
    if (out->put_count > 1)
        qsort(out->puts, out->put_count, sizeof *out->puts, compare_puts);
    return CMT_OK;
}

static void kept_free(cmt_state__kept *kept)
{
    cmt_height_set_free(&kept->validators);
    cmt_height_set_free(&kept->params);
}

cmt_status cmt_state_prune_make(cmt_state_store *store, const cmt_state_prune_request *request,
                                cmt_state_prune *out, cmt_error *err)
{
    *out = (cmt_state_prune){0};
    CMT_AUTO(kept_free) cmt_state__kept kept = {0};
    cmt_status st = make(store, request, &kept, out, err);
    out->kept_validators = kept.validators;
    out->kept_params = kept.params;
    kept = (cmt_state__kept){0};
    if (st != CMT_OK)
        cmt_state_prune_free(out);
    return st;
}

void cmt_state_prune_free(cmt_state_prune *prune)
{
    if (prune == NULL)
        return;
    cmt_height_set_free(&prune->dead_validators);
    cmt_height_set_free(&prune->dead_params);
    cmt_height_set_free(&prune->dead_results);
    cmt_height_set_free(&prune->kept_validators);
    cmt_height_set_free(&prune->kept_params);
    cmt_range_list_free(&prune->ranges);
    for (size_t i = 0; i < prune->put_count; i++)
        cmt_buf_free(&prune->puts[i].value);
    free(prune->puts);
    *prune = (cmt_state_prune){0};
}

/* The height of a key, and the heights of its family that die; false: a key without a height. */
static bool find_dead_set(const cmt_state_prune *prune, cmt_slice key, int64_t *height,
                          const cmt_height_set **dead)
{
    const struct {
        const cmt_key_family *family;
        const cmt_height_set *dead;
    } families[] = {
        {&cmt_family_validators, &prune->dead_validators},
        {&cmt_family_params, &prune->dead_params},
        {&cmt_family_results, &prune->dead_results},
    };
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        *dead = families[i].dead;
        if (cmt_key_parse(cmt_key_family_in(families[i].family, prune->layout), key, height, NULL))
            return true;
    }
    return false;
}

bool cmt_state_prune_is_dead(const cmt_state_prune *prune, cmt_slice key)
{
    int64_t height;
    const cmt_height_set *dead;
    return find_dead_set(prune, key, &height, &dead) && cmt_height_set_contains(dead, height);
}

/* Below `from`, ranges run over heights that no visible key has.  Entries that were deleted may
 * still stand there, and results that a search missed because its budget ended it: they go.  What
 * has to stay is in no range. */
cmt_status cmt_state_prune_check(const cmt_state_prune *prune, cmt_slice key, cmt_error *err)
{
    int64_t height;
    const cmt_height_set *dead;
    if (find_dead_set(prune, key, &height, &dead) &&
        (cmt_height_set_contains(dead, height) || height < prune->from))
        return CMT_OK;
    char text[128];
    return cmt_error_set(err, CMT_CORRUPT,
                         "state store: the key %s stands among keys to be removed, but is none",
                         cmt_key_describe(key, text, sizeof text));
}
