/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch: changes one behind the other in one buffer, so that adding one costs no allocation of its own
 * and every engine can be fed from it.
 */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

/* What stands before the bytes of a change.  In memory only, hence in the machine's own order. */
typedef struct change_head {
    uint32_t kind;
    uint32_t key_size;
    uint32_t value_size;
} change_head;

struct cmt_db_batch {
    cmt_buf changes;
    size_t count[CMT_DB__DELETE_RANGE + 1];
};

cmt_status cmt_db_batch_new(cmt_db_batch **out, cmt_error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a batch");
    return CMT_OK;
}

void cmt_db_batch_free(cmt_db_batch *batch)
{
    if (batch == NULL)
        return;
    cmt_buf_free(&batch->changes);
    free(batch);
}

void cmt_db_batch_clear(cmt_db_batch *batch)
{
    cmt_buf_clear(&batch->changes);
    memset(batch->count, 0, sizeof batch->count);
}

static bool fits(size_t taken, cmt_slice key, cmt_slice value)
{
    return key.size <= CMT_DB_BATCH_LIMIT && value.size <= CMT_DB_BATCH_LIMIT &&
           taken + sizeof(change_head) + key.size + value.size <= CMT_DB_BATCH_LIMIT;
}

static cmt_status add(cmt_db_batch *batch, cmt_db__change_kind kind, cmt_slice key, cmt_slice value,
                      cmt_error *err)
{
    cmt_buf *to = &batch->changes;
    if (!fits(to->size, key, value))
        return cmt_error_set(
            err, CMT_OUT_OF_RANGE,
            "a change with a key of %zu and a value of %zu bytes does not fit: a batch of "
            "%zu bytes may grow to %zu; write it in parts",
            key.size, value.size, to->size, CMT_DB_BATCH_LIMIT);
    change_head head = {(uint32_t)kind, (uint32_t)key.size, (uint32_t)value.size};
    if (cmt_buf_reserve(to, sizeof head + key.size + value.size) != CMT_OK ||
        cmt_buf_append(to, &head, sizeof head) != CMT_OK ||
        cmt_buf_append(to, key.data, key.size) != CMT_OK ||
        cmt_buf_append(to, value.data, value.size) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a batch of more than %zu bytes",
                             to->size);
    batch->count[kind]++;
    return CMT_OK;
}

cmt_status cmt_db_batch_put(cmt_db_batch *batch, cmt_slice key, cmt_slice value, cmt_error *err)
{
    return add(batch, CMT_DB__PUT, key, value, err);
}

cmt_status cmt_db_batch_delete(cmt_db_batch *batch, cmt_slice key, cmt_error *err)
{
    return add(batch, CMT_DB__DELETE, key, (cmt_slice){NULL, 0}, err);
}

cmt_status cmt_db_batch_delete_range(cmt_db_batch *batch, cmt_range range, cmt_error *err)
{
    if (range.hi.size > 0 && cmt_slice_compare(range.lo, range.hi) >= 0)
        return CMT_OK;
    return add(batch, CMT_DB__DELETE_RANGE, range.lo, range.hi, err);
}

size_t cmt_db_batch_count(const cmt_db_batch *batch)
{
    size_t count = 0;
    for (size_t kind = 0; kind <= CMT_DB__DELETE_RANGE; kind++)
        count += batch->count[kind];
    return count;
}

size_t cmt_db_batch_bytes(const cmt_db_batch *batch)
{
    return batch->changes.size;
}

size_t cmt_db__batch_count_of(const cmt_db_batch *batch, cmt_db__change_kind kind)
{
    return batch->count[kind];
}

bool cmt_db__batch_next(const cmt_db_batch *batch, size_t *offset, cmt_db__change *out)
{
    if (*offset >= batch->changes.size)
        return false;
    change_head head;
    const uint8_t *at = batch->changes.data + *offset;
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    *out = (cmt_db__change){
        (cmt_db__change_kind)head.kind, {at, head.key_size}, {at + head.key_size, head.value_size}};
    *offset += sizeof head + head.key_size + head.value_size;
    return true;
}
