/* SPDX-License-Identifier: Apache-2.0
 *
 * Which layout a store's keys have.  The `version` key alone does not tell: it is missing before
 * CometBFT 1.0, and a node started with the wrong setting writes it over keys of the other layout.
 */
#include "cmtstore/keys.h"

#include "cleanup.h"

CMT_DEFINE_CLEANUP(cmt_db_iter, cmt_db_iter_free)

static cmt_status has_keys(cmt_db *db, cmt_range range, bool *out, cmt_error *err)
{
    CMT_AUTO(cmt_db_iter_free_cleanup) cmt_db_iter *iter = NULL;
    CMT_TRY(cmt_db_iter_new(db, &range, &iter, err));
    cmt_status st = cmt_db_iter_first(iter, err);
    *out = st == CMT_OK;
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

static cmt_status has_v1_keys(cmt_db *db, const cmt_layout_keys *keys, bool *out, cmt_error *err)
{
    *out = false;
    for (size_t i = 0; i < keys->family_count && !*out; i++) {
        cmt_key_bounds bounds;
        cmt_range range = cmt_key_family_range(keys->families[i], &bounds);
        CMT_TRY(has_keys(db, range, out, err));
    }
    return CMT_OK;
}

static cmt_status has_v2_keys(cmt_db *db, const cmt_layout_keys *keys, bool *out, cmt_error *err)
{
    uint8_t lo = keys->v2_first;
    uint8_t hi = (uint8_t)(keys->v2_last + 1);
    return has_keys(db, (cmt_range){{&lo, 1}, {&hi, 1}}, out, err);
}

/* 0: there is none; an empty value counts as none. */
static cmt_status read_stamp(cmt_db *db, const cmt_layout_keys *keys, int *stamp, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_status st = cmt_db_get(db, CMT_SLICE("version"), &value, err);
    if (st != CMT_OK && st != CMT_NOT_FOUND)
        return st;
    char text[32];
    if (st == CMT_NOT_FOUND || value.size == 0)
        *stamp = 0;
    else if (cmt_slice_equal(cmt_buf_slice(&value), CMT_SLICE("v1")))
        *stamp = 1;
    else if (cmt_slice_equal(cmt_buf_slice(&value), CMT_SLICE("v2")))
        *stamp = 2;
    else
        return cmt_error_set(err, CMT_UNSUPPORTED, "%s: unknown key layout version \"%s\"",
                             keys->store,
                             cmt_key_describe(cmt_buf_slice(&value), text, sizeof text));
    return CMT_OK;
}

cmt_status cmt_layout_detect(cmt_db *db, const cmt_layout_keys *keys, cmt_layout *out,
                             cmt_error *err)
{
    int stamp = 0;
    bool v1 = false;
    bool v2 = false;
    CMT_TRY(read_stamp(db, keys, &stamp, err));
    CMT_TRY(has_v1_keys(db, keys, &v1, err));
    CMT_TRY(has_v2_keys(db, keys, &v2, err));
    if (v1 && v2)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s: it holds keys of layout v1 and of layout v2", keys->store);
    if ((v1 && stamp == 2) || (v2 && stamp == 1))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s: its version key says v%d, but its keys are of layout v%d: a node "
                             "does not see them",
                             keys->store, stamp, 3 - stamp);
    *out = (cmt_layout){.layout = v2 || stamp == 2 ? CMT_KEY_LAYOUT_V2 : CMT_KEY_LAYOUT_V1,
                        .has_version = stamp != 0,
                        .used = v1 || v2};
    return CMT_OK;
}
