/* SPDX-License-Identifier: Apache-2.0
 *
 * The iterator over what a reader of the database sees: the newest entry of each key, deletions left
 * out.  Going forward it stands on that entry in the merge; going backward the entry has to be
 * found by walking past all older ones, so it is kept aside.
 */
#include <stdlib.h>

#include "lsm_internal.h"

struct cmt_lsm_iter {
    cmt_lsm_view *view;
    cmt_lsm__merge merge;
    cmt_buf lo;
    cmt_buf hi;
    bool valid;
    bool backwards;
    cmt_buf key;   /* backwards: the pair; forwards: the user key last shown or skipped */
    cmt_buf value; /* backwards */
};

void cmt_lsm_iter_free(cmt_lsm_iter *iter)
{
    if (iter == NULL)
        return;
    cmt_lsm__merge_fini(&iter->merge);
    cmt_buf_free(&iter->lo);
    cmt_buf_free(&iter->hi);
    cmt_buf_free(&iter->key);
    cmt_buf_free(&iter->value);
    free(iter);
}

cmt_status cmt_lsm_iter_new(cmt_lsm_view *view, const cmt_range *bounds, cmt_lsm_iter **out,
                            cmt_error *err)
{
    *out = NULL;
    cmt_lsm_iter *iter = calloc(1, sizeof *iter);
    if (iter == NULL)
        return cmt_lsm__no_memory(err);
    iter->view = view;
    cmt_lsm__merge_init(&iter->merge);
    cmt_status st = CMT_OK;
    if (bounds != NULL && (cmt_buf_set(&iter->lo, bounds->lo) != CMT_OK ||
                           cmt_buf_set(&iter->hi, bounds->hi) != CMT_OK))
        st = cmt_lsm__no_memory(err);
    /* The sources keep looking at the bounds, so they get our copy. */
    cmt_range copy = {cmt_buf_slice(&iter->lo), cmt_buf_slice(&iter->hi)};
    if (st == CMT_OK)
        st = cmt_lsm__view_sources(view, bounds != NULL ? &copy : NULL, &iter->merge, err);
    if (st != CMT_OK) {
        cmt_lsm_iter_free(iter);
        return st;
    }
    *out = iter;
    return CMT_OK;
}

static bool below_lo(const cmt_lsm_iter *iter, cmt_slice user)
{
    return cmt_slice_compare(user, cmt_buf_slice(&iter->lo)) < 0;
}

static bool reaches_hi(const cmt_lsm_iter *iter, cmt_slice user)
{
    return iter->hi.size > 0 && cmt_slice_compare(user, cmt_buf_slice(&iter->hi)) >= 0;
}

/* The newest entry of a key shows if it is a value that no newer range deletion covers. */
static bool is_visible(const cmt_lsm_iter *iter, cmt_slice internal)
{
    const cmt_lsm__range_dels *dels = &iter->view->cache.range_dels;
    return cmt_lsm__type(internal) == CMT_LSM_TYPE_PUT &&
           (dels->count == 0 || !cmt_lsm__range_dels_cover(dels, cmt_lsm__user_key(internal),
                                                           cmt_lsm__sequence(internal)));
}

/* From where the merge stands forward to the next visible key; `skip`: iter->key and its older
 * entries are done with. */
static cmt_status find_forward(cmt_lsm_iter *iter, bool skip, cmt_error *err)
{
    cmt_lsm__merge *m = &iter->merge;
    iter->valid = false;
    iter->backwards = false;
    while (m->current != NULL) {
        cmt_slice user = cmt_lsm__user_key(m->current->key);
        if (reaches_hi(iter, user))
            return CMT_NOT_FOUND;
        if (!skip || cmt_slice_compare(user, cmt_buf_slice(&iter->key)) > 0) {
            if (cmt_buf_set(&iter->key, user) != CMT_OK)
                return cmt_lsm__no_memory(err);
            if (is_visible(iter, m->current->key)) {
                iter->valid = true;
                return CMT_OK;
            }
            skip = true;
        }
        CMT_TRY(cmt_lsm__merge_next(m, err));
    }
    return CMT_NOT_FOUND;
}

/* From where the merge stands (before all entries of the key last shown) back to the next visible
 * key.  Entries of one key come oldest first here: the last one met counts. */
static cmt_status find_backward(cmt_lsm_iter *iter, cmt_error *err)
{
    cmt_lsm__merge *m = &iter->merge;
    bool have = false;
    iter->valid = false;
    iter->backwards = true;
    while (m->current != NULL) {
        cmt_slice user = cmt_lsm__user_key(m->current->key);
        if (below_lo(iter, user) || (have && !cmt_slice_equal(user, cmt_buf_slice(&iter->key))))
            break;
        have = is_visible(iter, m->current->key);
        if (have && (cmt_buf_set(&iter->key, user) != CMT_OK ||
                     cmt_buf_set(&iter->value, m->current->value) != CMT_OK))
            return cmt_lsm__no_memory(err);
        CMT_TRY(cmt_lsm__merge_prev(m, err));
    }
    iter->valid = have;
    return have ? CMT_OK : CMT_NOT_FOUND;
}

cmt_status cmt_lsm_iter_first(cmt_lsm_iter *iter, cmt_error *err)
{
    return cmt_lsm_iter_seek(iter, cmt_buf_slice(&iter->lo), err);
}

cmt_status cmt_lsm_iter_seek(cmt_lsm_iter *iter, cmt_slice key, cmt_error *err)
{
    iter->valid = false;
    if (below_lo(iter, key))
        key = cmt_buf_slice(&iter->lo);
    if (key.size == 0)
        CMT_TRY(cmt_lsm__merge_first(&iter->merge, err));
    else
        CMT_TRY(cmt_lsm__merge_seek_user(&iter->merge, key, err));
    return find_forward(iter, false, err);
}

cmt_status cmt_lsm_iter_seek_before(cmt_lsm_iter *iter, cmt_slice key, cmt_error *err)
{
    iter->valid = false;
    cmt_slice hi = cmt_buf_slice(&iter->hi);
    if (hi.size > 0 && cmt_slice_compare(key, hi) > 0)
        key = hi;
    CMT_TRY(cmt_lsm__merge_seek_user(&iter->merge, key, err));
    if (iter->merge.current != NULL)
        CMT_TRY(cmt_lsm__merge_prev(&iter->merge, err));
    else
        CMT_TRY(cmt_lsm__merge_last(&iter->merge, err));
    return find_backward(iter, err);
}

cmt_status cmt_lsm_iter_last(cmt_lsm_iter *iter, cmt_error *err)
{
    if (iter->hi.size > 0)
        return cmt_lsm_iter_seek_before(iter, cmt_buf_slice(&iter->hi), err);
    iter->valid = false;
    CMT_TRY(cmt_lsm__merge_last(&iter->merge, err));
    return find_backward(iter, err);
}

cmt_status cmt_lsm_iter_next(cmt_lsm_iter *iter, cmt_error *err)
{
    if (!iter->valid)
        return cmt_error_set(err, CMT_INVALID, "the iterator stands nowhere");
    iter->valid = false;
    if (iter->backwards)
        CMT_TRY(cmt_lsm__merge_seek_user(&iter->merge, cmt_buf_slice(&iter->key), err));
    return find_forward(iter, true, err);
}

cmt_status cmt_lsm_iter_prev(cmt_lsm_iter *iter, cmt_error *err)
{
    if (!iter->valid)
        return cmt_error_set(err, CMT_INVALID, "the iterator stands nowhere");
    iter->valid = false;
    if (!iter->backwards) {
        CMT_TRY(cmt_lsm__merge_seek_user(&iter->merge, cmt_buf_slice(&iter->key), err));
        CMT_TRY(cmt_lsm__merge_prev(&iter->merge, err));
    }
    return find_backward(iter, err);
}

cmt_slice cmt_lsm_iter_key(const cmt_lsm_iter *iter)
{
    return cmt_buf_slice(&iter->key);
}

cmt_slice cmt_lsm_iter_value(const cmt_lsm_iter *iter)
{
    return iter->backwards ? cmt_buf_slice(&iter->value) : iter->merge.current->value;
}
