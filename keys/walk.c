/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking over the heights of a family in height order, whatever order its keys stand in.
 */
#include "search.h"

#include <stdlib.h>

struct cmt_key_walk {
    key_search search;
    int64_t next; /* where to go on */
    int64_t hi;
};

cmt_status cmt_key_walk_open(cmt_db *db, const cmt_key_family *family, int64_t lo, int64_t hi,
                             cmt_key_walk **out, cmt_error *err)
{
    *out = NULL;
    cmt_key_walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a walk over heights");
    walk->next = lo < 0 ? 0 : lo;
    walk->hi = hi;
    cmt_status st = cmt_keys__search_open(&walk->search, db, family, err);
    if (st != CMT_OK) {
        cmt_key_walk_close(walk);
        return st;
    }
    *out = walk;
    return CMT_OK;
}

cmt_status cmt_key_walk_next(cmt_key_walk *walk, int64_t *height, cmt_slice *value, cmt_error *err)
{
    CMT_TRY(cmt_keys__search_first(&walk->search, walk->next, walk->hi, height, err));
    walk->next = *height + 1;
    if (value != NULL)
        *value = cmt_db_iter_value(walk->search.iter);
    return CMT_OK;
}

void cmt_key_walk_close(cmt_key_walk *walk)
{
    if (walk == NULL)
        return;
    cmt_keys__search_close(&walk->search);
    free(walk);
}
