/* SPDX-License-Identifier: Apache-2.0
 *
 * One table opened by itself.
 */
#include "one_table.h"

#include <stdlib.h>

cmt_status one_table_open(one_table *t, int dir_fd, const cmt_lsm__table_meta *meta, cmt_error *err)
{
    t->meta = *meta;
    CMT_TRY(cmt_lsm__cache_init(&t->cache, dir_fd, &t->meta, 1, (size_t)1 << 20, 4, err));
    const cmt_lsm__table_meta **metas = malloc(sizeof *metas);
    if (metas == NULL)
        abort();
    metas[0] = &t->meta;
    cmt_lsm__source_init_tables(&t->source, &t->cache, metas, 1, (cmt_slice){NULL, 0});
    return CMT_OK;
}

void one_table_close(one_table *t)
{
    cmt_lsm__source_fini(&t->source);
    cmt_lsm__cache_fini(&t->cache);
}
