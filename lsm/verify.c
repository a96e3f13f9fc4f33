/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading new tables back before they count: what is on disk is what was meant.
 */
#include <stdlib.h>

#include "cleanup.h"
#include "edit_internal.h"

static cmt_status wrong(const cmt_lsm__table *table, const char *what, cmt_error *err)
{
    return cmt_error_set(err, CMT_CORRUPT,
                         "the new table %s does not read back right (%s); nothing was changed, check "
                         "the disk",
                         table->name, what);
}

/* Keys ascend, sequences do not pass the edit's, the bounds are those recorded. */
static cmt_status check_entry(const cmt_lsm_edit *edit, const cmt_lsm__table *table,
                              const cmt_lsm__source *s, cmt_buf *last, cmt_error *err)
{
    if (last->size == 0 && !cmt_slice_equal(s->key, table->meta->smallest))
        return wrong(table, "first key", err);
    if (last->size > 0 && cmt_lsm__internal_compare(cmt_buf_slice(last), s->key) >= 0)
        return wrong(table, "order of keys", err);
    if (cmt_lsm__sequence(s->key) > edit->sequence)
        return cmt_error_set(err, CMT_CORRUPT,
                             "%s holds an entry with a sequence above all that its MANIFEST and "
                             "tables announce; nothing was changed",
                             edit->view->path);
    if (cmt_buf_set(last, s->key) != CMT_OK)
        return cmt_lsm__no_memory(err);
    return CMT_OK;
}

static cmt_status verify_table(cmt_lsm_edit *edit, cmt_lsm__cache *cache,
                               const cmt_lsm__table_meta *meta, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf last = CMT_BUF_INIT;
    const cmt_lsm__table_meta **metas = malloc(sizeof *metas);
    if (metas == NULL)
        return cmt_lsm__no_memory(err);
    metas[0] = meta;
    cmt_lsm__table *table;
    cmt_lsm__source source;
    cmt_lsm__source_init_tables(&source, cache, metas, 1, (cmt_slice){NULL, 0});
    cmt_status st = cmt_lsm__cache_table(cache, meta, &table, err);
    if (st == CMT_OK) {
        st = cmt_lsm__source_first(&source, err);
        while (st == CMT_OK && source.valid) {
            st = check_entry(edit, table, &source, &last, err);
            if (st == CMT_OK)
                st = cmt_lsm__source_next(&source, err);
        }
        if (st == CMT_OK && !cmt_slice_equal(cmt_buf_slice(&last), meta->largest))
            st = wrong(table, "last key", err);
        cmt_lsm__table_release(table);
    }
    cmt_lsm__source_fini(&source);
    return st;
}

cmt_status cmt_lsm__verify_written(cmt_lsm_edit *edit, cmt_error *err)
{
    cmt_lsm__cache cache;
    uint64_t done = 0;
    CMT_TRY(cmt_lsm__cache_init(&cache, edit->view->dir_fd, edit->new_tables, edit->new_count,
                                (size_t)1 << 20, 8, err));
    cmt_status st = CMT_OK;
    uint64_t first = edit->written_count > 0 ? edit->written[0] : UINT64_MAX;
    for (size_t i = 0; i < edit->new_count && st == CMT_OK; i++) {
        const cmt_lsm__table_meta *meta = &edit->new_tables[i];
        if (meta->number < first)
            continue; /* an old table: numbers of the edit lie above all of them */
        st = verify_table(edit, &cache, meta, err);
        done += meta->size;
        if (st == CMT_OK)
            st = cmt_lsm__edit_progress(edit, "verify", done, edit->counts.bytes_written, err);
    }
    cmt_lsm__cache_fini(&cache);
    return st;
}
