/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading new tables back before they count.
 *
 * That their keys ascend, that their entries decode and that no sequence is too high was seen while
 * they were written; here the bytes of each file are compared, by checksum, with those that were meant,
 * and the index is walked once more as a reader would.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "cleanup.h"
#include "crc32c.h"
#include "crew.h"
#include "edit_internal.h"

#define CHUNK ((uint64_t)512 << 10)

static cmt_status wrong(const cmt_lsm__table *table, const char *what, cmt_error *err)
{
    return cmt_error_set(
        err, CMT_CORRUPT,
        "the new table %s does not read back right (%s); nothing was changed, check "
        "the disk",
        table->name, what);
}

static cmt_status compare_bytes(const cmt_lsm__table *table, const cmt_lsm__written *written,
                                cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf chunk = CMT_BUF_INIT;
    uint32_t crc = 0;
    if (table->meta->size != written->size)
        return wrong(table, "size", err);
    if (cmt_buf_reserve(&chunk, (size_t)CHUNK) != CMT_OK)
        return cmt_lsm__no_memory(err);
    for (uint64_t at = 0; at < written->size;) {
        uint64_t n = written->size - at < CHUNK ? written->size - at : CHUNK;
        CMT_TRY(cmt_file_read_at(table->fd, table->name, at, chunk.data, (size_t)n, err));
        crc = cmt_crc32c(crc, chunk.data, (size_t)n);
        at += n;
    }
    return crc == written->crc ? CMT_OK : wrong(table, "contents", err);
}

/* Index keys ascend, blocks join, and the last index key is the table's last key. */
static cmt_status walk_index(const cmt_lsm__table *table, cmt_error *err)
{
    CMT_AUTO(cmt_lsm__cursor_free) cmt_lsm__cursor index = {0};
    CMT_AUTO(cmt_buf_free) cmt_buf last = CMT_BUF_INIT;
    uint64_t offset = 0;
    cmt_lsm__cursor_set(&index, table->index);
    CMT_TRY(cmt_lsm__cursor_first(&index, err));
    while (index.valid) {
        cmt_lsm__handle handle;
        cmt_slice key = cmt_buf_slice(&index.key);
        CMT_TRY(cmt_lsm__handle_decode(table, index.value, &handle, err));
        if (handle.offset != offset ||
            (last.size > 0 && cmt_lsm__internal_compare(cmt_buf_slice(&last), key) >= 0))
            return wrong(table, "index", err);
        offset = handle.offset + handle.size + CMT_LSM_BLOCK_TRAILER;
        if (cmt_buf_set(&last, key) != CMT_OK)
            return cmt_lsm__no_memory(err);
        CMT_TRY(cmt_lsm__cursor_next(&index, err));
    }
    if (offset != table->data_end || !cmt_slice_equal(cmt_buf_slice(&last), table->meta->largest))
        return wrong(table, "index", err);
    return CMT_OK;
}

static const cmt_lsm__written *find_written(const cmt_lsm_edit *edit, uint64_t number)
{
    /* Numbers ascend as tables are created. */
    size_t low = 0;
    size_t high = edit->written_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (edit->written[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < edit->written_count && edit->written[low].number == number;
    return found ? &edit->written[low] : NULL;
}

/* ---- by several threads ---------------------------------------------------------------------- */

typedef struct readers {
    cmt_lsm_edit *edit;
    uint64_t total; /* bytes */
    atomic_uint_fast64_t done;
} readers;

static cmt_status verify_table(void *context, size_t index, cmt_error *err)
{
    readers *r = context;
    const cmt_lsm__table_meta *meta = &r->edit->new_tables[index];
    const cmt_lsm__written *written = find_written(r->edit, meta->number);
    uint64_t bytes = 0;
    cmt_lsm__table *table;
    if (written == NULL)
        return CMT_OK; /* an old table */
    CMT_TRY(cmt_lsm__table_open(r->edit->view->dir_fd, meta, &bytes, &table, err));
    cmt_status st = compare_bytes(table, written, err);
    if (st == CMT_OK)
        st = walk_index(table, err);
    cmt_lsm__table_release(table);
    if (st != CMT_OK)
        return st;
    cmt_lsm__edit_count_bytes(r->edit, bytes + meta->size, 0);
    const uint64_t done = atomic_fetch_add(&r->done, meta->size) + meta->size;
    return cmt_lsm__edit_progress(r->edit, "verify", done, r->total, err);
}

cmt_status cmt_lsm__verify_written(cmt_lsm_edit *edit, cmt_error *err)
{
    readers r = {.edit = edit, .total = edit->counts.bytes_written};
    atomic_init(&r.done, 0);
    return cmt_lsm__crew_run(edit->new_count, verify_table, &r, err);
}
