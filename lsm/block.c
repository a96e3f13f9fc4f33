/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks and cursors.  Nothing read from a block is believed before it is checked against the
 * bytes that are there.
 */
#include "block.h"

#include <stdlib.h>

static cmt_status damaged(const cmt_lsm__block *block, const char *what, cmt_error *err)
{
    return cmt_error_set(err, CMT_CORRUPT, "table %06llu: the block at offset %llu %s",
                         (unsigned long long)block->table, (unsigned long long)block->offset, what);
}

cmt_status cmt_lsm__block_new(uint8_t *data, size_t size, uint64_t table, uint64_t offset,
                              cmt_lsm__block **out, cmt_error *err)
{
    cmt_lsm__block *block = calloc(1, sizeof *block);
    if (block == NULL) {
        free(data);
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a table block");
    }
    block->data = data;
    block->size = size;
    block->references = 1;
    block->table = table;
    block->offset = offset;
    cmt_status st = CMT_OK;
    if (size < 4)
        st = damaged(block, "is too short", err);
    else {
        block->restart_count = cmt_load32(data + size - 4);
        if (block->restart_count > (size - 4) / 4)
            st = damaged(block, "has more restart points than bytes", err);
        else
            block->restarts = size - 4 - 4 * (size_t)block->restart_count;
    }
    /* Going backward relies on a restart point at the first entry. */
    if (st == CMT_OK && block->restarts > 0 &&
        (block->restart_count == 0 || cmt_load32(data + block->restarts) != 0))
        st = damaged(block, "has no restart point at its beginning", err);
    if (st != CMT_OK) {
        cmt_lsm__block_release(block);
        return st;
    }
    *out = block;
    return CMT_OK;
}

void cmt_lsm__block_retain(cmt_lsm__block *block)
{
    block->references++;
}

void cmt_lsm__block_release(cmt_lsm__block *block)
{
    if (block == NULL || --block->references > 0)
        return;
    free(block->data);
    free(block);
}

void cmt_lsm__cursor_set(cmt_lsm__cursor *cursor, cmt_lsm__block *block)
{
    if (block != NULL)
        cmt_lsm__block_retain(block);
    cmt_lsm__block_release(cursor->block);
    cursor->block = block;
    cursor->valid = false;
}

void cmt_lsm__cursor_free(cmt_lsm__cursor *cursor)
{
    cmt_lsm__cursor_set(cursor, NULL);
    cmt_buf_free(&cursor->key);
}

/* Decode the entry at `offset`; cursor->key holds the key before it.  At the end: not valid. */
static cmt_status decode_at(cmt_lsm__cursor *c, size_t offset, cmt_error *err)
{
    const cmt_lsm__block *b = c->block;
    c->valid = false;
    if (offset >= b->restarts)
        return CMT_OK;
    const uint8_t *p = b->data + offset;
    const uint8_t *end = b->data + b->restarts;
    uint64_t shared;
    uint64_t unshared;
    uint64_t value_size;
    if ((p = cmt_varint_get(p, end, &shared)) == NULL ||
        (p = cmt_varint_get(p, end, &unshared)) == NULL ||
        (p = cmt_varint_get(p, end, &value_size)) == NULL)
        return damaged(b, "has an entry that does not decode", err);
    if (shared > c->key.size || unshared > (uint64_t)(end - p) ||
        value_size > (uint64_t)(end - p) - unshared)
        return damaged(b, "has an entry that leaves it", err);
    if (shared + unshared < 8 || shared + unshared > CMT_LSM_KEY_MAX)
        return damaged(b, "has a key that is not an internal key", err);
    c->key.size = (size_t)shared;
    if (cmt_buf_append(&c->key, p, (size_t)unshared) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a key");
    p += unshared;
    c->value = (cmt_slice){p, (size_t)value_size};
    c->entry = offset;
    c->next = (size_t)(p - b->data) + (size_t)value_size;
    c->valid = true;
    return CMT_OK;
}

static cmt_status restart_offset(const cmt_lsm__block *b, uint32_t index, size_t *offset,
                                 cmt_error *err)
{
    *offset = cmt_load32(b->data + b->restarts + 4 * (size_t)index);
    return *offset < b->restarts ? CMT_OK : damaged(b, "has a restart point outside", err);
}

static cmt_status to_restart(cmt_lsm__cursor *c, uint32_t index, cmt_error *err)
{
    size_t offset;
    c->valid = false;
    CMT_TRY(restart_offset(c->block, index, &offset, err));
    cmt_buf_clear(&c->key);
    return decode_at(c, offset, err);
}

cmt_status cmt_lsm__cursor_first(cmt_lsm__cursor *c, cmt_error *err)
{
    cmt_buf_clear(&c->key);
    return decode_at(c, 0, err);
}

cmt_status cmt_lsm__cursor_next(cmt_lsm__cursor *c, cmt_error *err)
{
    return decode_at(c, c->next, err);
}

cmt_status cmt_lsm__cursor_last(cmt_lsm__cursor *c, cmt_error *err)
{
    c->valid = false;
    if (c->block->restart_count == 0 || c->block->restarts == 0)
        return CMT_OK;
    CMT_TRY(to_restart(c, c->block->restart_count - 1, err));
    while (c->valid && c->next < c->block->restarts)
        CMT_TRY(decode_at(c, c->next, err));
    return CMT_OK;
}

cmt_status cmt_lsm__cursor_prev(cmt_lsm__cursor *c, cmt_error *err)
{
    const size_t target = c->entry;
    uint32_t low = 0;
    uint32_t high = c->block->restart_count;
    /* The last restart before the current entry. */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        size_t offset;
        CMT_TRY(restart_offset(c->block, middle, &offset, err));
        if (offset < target)
            low = middle + 1;
        else
            high = middle;
    }
    c->valid = false;
    if (low == 0)
        return CMT_OK;
    CMT_TRY(to_restart(c, low - 1, err));
    while (c->valid && c->next < target)
        CMT_TRY(decode_at(c, c->next, err));
    if (c->valid && c->next != target)
        return damaged(c->block, "has entries that do not join", err);
    return CMT_OK;
}

cmt_status cmt_lsm__cursor_seek(cmt_lsm__cursor *c, cmt_slice target, cmt_error *err)
{
    uint32_t low = 0;
    uint32_t high = c->block->restarts > 0 ? c->block->restart_count : 0;
    /* The first restart whose key is >= target; the entry sought lies just before or at it. */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        CMT_TRY(to_restart(c, middle, err));
        if (cmt_lsm__internal_compare(cmt_buf_slice(&c->key), target) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        CMT_TRY(cmt_lsm__cursor_first(c, err));
    else
        CMT_TRY(to_restart(c, low - 1, err));
    while (c->valid && cmt_lsm__internal_compare(cmt_buf_slice(&c->key), target) < 0)
        CMT_TRY(decode_at(c, c->next, err));
    return CMT_OK;
}
