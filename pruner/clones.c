/* SPDX-License-Identifier: Apache-2.0
 *
 * The method "engine" on pebble: RocksDB works in clones of both databases, and what it leaves there is exchanged
 * for what is in the node's directories, as an edit does it.
 *
 * ORDER  both cloned · pruned, compacted, flushed, closed · both prepared · then as with any edit: switch the
 * block store, switch the state store.  Until the first switch nothing has changed, whatever happens.
 */
#include "clock.h"
#include "pruner_internal.h"

#define UNLINK_THREADS 4

static cmt_status open_work(cmt_pruner *p, cmt_error *err)
{
    CMT_TRY(cmt_lsm_work_open(cmt_pruner__path(&p->blocks), &p->work[0], err));
    return cmt_pruner__side_by_side(p)
               ? CMT_OK
               : cmt_lsm_work_open(cmt_pruner__path(&p->states), &p->work[1], err);
}

static cmt_status open_clone(const cmt_pruner *p, cmt_pruner__side *side, cmt_lsm_trash *work,
                             cmt_error *err)
{
    const cmt_db_open_options options = {.engine = side->engine, .logger = p->options.logger};
    cmt_buf path = CMT_BUF_INIT;
    cmt_status st = cmt_lsm_edit_clone(side->edit, work, &path, err);
    if (st == CMT_OK)
        st = cmt_db_open_clone((const char *)path.data, &options, &side->db, err);
    cmt_buf_free(&path);
    return st;
}

static cmt_status open_clones(cmt_pruner *p, cmt_error *err)
{
    cmt_pruner__close_stores(p);
    CMT_TRY(open_work(p, err));
    CMT_TRY(open_clone(p, &p->blocks, p->work[0], err));
    CMT_TRY(open_clone(p, &p->states, p->work[1] != NULL ? p->work[1] : p->work[0], err));
    CMT_TRY(cmt_block_store_open(p->blocks.db, &p->block_store, err));
    return cmt_state_store_open(p->states.db, &p->state_store, err);
}

static cmt_status work_in_clones(cmt_pruner *p, cmt_error *err)
{
    int64_t since = cmt_clock_ns();
    CMT_TRY(open_clones(p, err));
    cmt_pruner__log_step(p, "opened clones of both databases", &since);
    CMT_TRY(cmt_pruner__carry_out(p, err));
    CMT_TRY(cmt_db_flush(p->blocks.db, err));
    CMT_TRY(cmt_db_flush(p->states.db, err));
    cmt_pruner__close_stores(p);
    cmt_pruner__log_step(p, "pruned with the engine", &since);
    CMT_TRY(cmt_lsm_edit_adopt(p->blocks.edit, err));
    return cmt_lsm_edit_adopt(p->states.edit, err);
}

cmt_status cmt_pruner__prepare_clones(cmt_pruner *p, cmt_error *err)
{
    CMT_TRY(cmt_pruner__check_space(p, err));
    p->blocks.has_work = p->states.has_work = true;
    cmt_status st = work_in_clones(p, err);
    return st == CMT_CANCELLED ? cmt_error_set(err, st, "stopped on request; nothing was changed")
                               : st;
}

cmt_status cmt_pruner__remove_clones(cmt_pruner *p, const cmt_progress_hook *progress,
                                     cmt_error *err)
{
    cmt_status st = CMT_OK;
    for (size_t i = 0; i < 2; i++) {
        if (p->work[i] == NULL)
            continue;
        cmt_status emptied = cmt_lsm_trash_empty(p->work[i], UNLINK_THREADS, progress, err);
        st = st == CMT_OK ? emptied : st;
        cmt_lsm_trash_close(p->work[i]);
        p->work[i] = NULL;
    }
    return st;
}
