/* SPDX-License-Identifier: Apache-2.0
 *
 * The merge of a few sources: at most the level-0 tables, one source per deeper level and the
 * journal, so the smallest is found by looking at each.
 */
#include <stdlib.h>

#include "cleanup.h"
#include "source.h"

void cmt_lsm__merge_init(cmt_lsm__merge *m)
{
    *m = (cmt_lsm__merge){0};
}

void cmt_lsm__merge_fini(cmt_lsm__merge *m)
{
    for (size_t i = 0; i < m->count; i++)
        cmt_lsm__source_fini(&m->sources[i]);
    free(m->sources);
    *m = (cmt_lsm__merge){0};
}

cmt_lsm__source *cmt_lsm__merge_add(cmt_lsm__merge *m)
{
    if (m->count == m->capacity) {
        size_t capacity = m->capacity == 0 ? 8 : m->capacity * 2;
        cmt_lsm__source *sources = realloc(m->sources, capacity * sizeof *sources);
        if (sources == NULL)
            return NULL;
        m->sources = sources;
        m->capacity = capacity;
    }
    m->sources[m->count] = (cmt_lsm__source){0};
    return &m->sources[m->count++];
}

static void choose(cmt_lsm__merge *m)
{
    m->current = NULL;
    for (size_t i = 0; i < m->count; i++) {
        cmt_lsm__source *s = &m->sources[i];
        if (!s->valid)
            continue;
        if (m->current == NULL) {
            m->current = s;
            continue;
        }
        int order = cmt_lsm__internal_compare(s->key, m->current->key);
        if (m->backwards ? order > 0 : order < 0)
            m->current = s;
    }
}

cmt_status cmt_lsm__merge_first(cmt_lsm__merge *m, cmt_error *err)
{
    m->current = NULL;
    m->backwards = false;
    for (size_t i = 0; i < m->count; i++)
        CMT_TRY(cmt_lsm__source_first(&m->sources[i], err));
    choose(m);
    return CMT_OK;
}

cmt_status cmt_lsm__merge_last(cmt_lsm__merge *m, cmt_error *err)
{
    m->current = NULL;
    m->backwards = true;
    for (size_t i = 0; i < m->count; i++)
        CMT_TRY(cmt_lsm__source_last(&m->sources[i], err));
    choose(m);
    return CMT_OK;
}

cmt_status cmt_lsm__merge_seek(cmt_lsm__merge *m, cmt_slice internal, cmt_error *err)
{
    m->current = NULL;
    m->backwards = false;
    for (size_t i = 0; i < m->count; i++)
        CMT_TRY(cmt_lsm__source_seek(&m->sources[i], internal, err));
    choose(m);
    return CMT_OK;
}

cmt_status cmt_lsm__merge_seek_user(cmt_lsm__merge *m, cmt_slice user, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf target = CMT_BUF_INIT;
    if (cmt_lsm__make_internal(user, CMT_LSM_SEQUENCE_MAX, CMT_LSM_TYPE_PUT, &target) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a key");
    return cmt_lsm__merge_seek(m, cmt_buf_slice(&target), err);
}

/* Put every other source on the near side of `key` for the new direction. */
static cmt_status turn(cmt_lsm__merge *m, bool backwards, cmt_error *err)
{
    cmt_buf key = CMT_BUF_INIT;
    cmt_status st = cmt_buf_set(&key, m->current->key);
    for (size_t i = 0; i < m->count && st == CMT_OK; i++) {
        cmt_lsm__source *s = &m->sources[i];
        if (s == m->current)
            continue;
        st = cmt_lsm__source_seek(s, cmt_buf_slice(&key), err);
        if (st == CMT_OK && backwards)
            st = s->valid ? cmt_lsm__source_prev(s, err) : cmt_lsm__source_last(s, err);
    }
    cmt_buf_free(&key);
    m->backwards = backwards;
    return st;
}

cmt_status cmt_lsm__merge_next(cmt_lsm__merge *m, cmt_error *err)
{
    if (m->backwards)
        CMT_TRY(turn(m, false, err));
    CMT_TRY(cmt_lsm__source_next(m->current, err));
    choose(m);
    return CMT_OK;
}

cmt_status cmt_lsm__merge_prev(cmt_lsm__merge *m, cmt_error *err)
{
    if (!m->backwards)
        CMT_TRY(turn(m, true, err));
    CMT_TRY(cmt_lsm__source_prev(m->current, err));
    choose(m);
    return CMT_OK;
}
