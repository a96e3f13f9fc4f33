/* SPDX-License-Identifier: Apache-2.0
 *
 * RocksDB's iterators.  The engine is told the bounds, too: it then reads no tombstones beyond them.
 */
#include <stdlib.h>

#include "rocksdb_internal.h"

typedef struct rocks_iter {
    rocksdb_iterator_t *it;
    rocksdb_readoptions_t *read;
    cmt_buf lo; /* RocksDB borrows the bounds */
    cmt_buf hi;
    const cmt_db__rocksdb *db;
} rocks_iter;

static rocksdb_iterator_t *it_of(const void *raw)
{
    return ((const rocks_iter *)raw)->it;
}

static void rocks_iter_first(void *raw)
{
    rocksdb_iter_seek_to_first(it_of(raw));
}

static void rocks_iter_last(void *raw)
{
    rocksdb_iter_seek_to_last(it_of(raw));
}

static void rocks_iter_seek(void *raw, cmt_slice key)
{
    rocksdb_iter_seek(it_of(raw), (const char *)key.data, key.size);
}

static void rocks_iter_next(void *raw)
{
    rocksdb_iter_next(it_of(raw));
}

static void rocks_iter_prev(void *raw)
{
    rocksdb_iter_prev(it_of(raw));
}

static bool rocks_iter_valid(const void *raw)
{
    return rocksdb_iter_valid(it_of(raw)) != 0;
}

static cmt_slice rocks_iter_key(const void *raw)
{
    size_t size = 0;
    const char *key = rocksdb_iter_key(it_of(raw), &size);
    return (cmt_slice){(const uint8_t *)key, size};
}

static cmt_slice rocks_iter_value(const void *raw)
{
    size_t size = 0;
    const char *value = rocksdb_iter_value(it_of(raw), &size);
    return (cmt_slice){(const uint8_t *)value, size};
}

static cmt_status rocks_iter_error(const void *raw, cmt_error *err)
{
    char *message = NULL;
    rocksdb_iter_get_error(it_of(raw), &message);
    return message == NULL ? CMT_OK
                           : cmt_db__rocksdb_failed(((const rocks_iter *)raw)->db, message,
                                                    "iterate over", err);
}

static void rocks_iter_destroy(void *raw)
{
    rocks_iter *iter = raw;
    if (iter->it != NULL)
        rocksdb_iter_destroy(iter->it);
    rocksdb_readoptions_destroy(iter->read);
    cmt_buf_free(&iter->lo);
    cmt_buf_free(&iter->hi);
    free(iter);
}

static const cmt_db__raw_iter_ops rocks_iter_ops = {
    .first = rocks_iter_first,
    .last = rocks_iter_last,
    .seek = rocks_iter_seek,
    .next = rocks_iter_next,
    .prev = rocks_iter_prev,
    .valid = rocks_iter_valid,
    .key = rocks_iter_key,
    .value = rocks_iter_value,
    .error = rocks_iter_error,
    .destroy = rocks_iter_destroy,
};

cmt_status cmt_db__rocksdb_iter_new(cmt_db *base, const cmt_range *bounds, cmt_db_iter **out,
                                    cmt_error *err)
{
    cmt_db__rocksdb *db = (cmt_db__rocksdb *)base;
    rocks_iter *raw = calloc(1, sizeof *raw);
    if (raw == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for an iterator");
    raw->db = db;
    raw->read = rocksdb_readoptions_create();
    if (cmt_buf_set(&raw->lo, bounds->lo) != CMT_OK ||
        cmt_buf_set(&raw->hi, bounds->hi) != CMT_OK) {
        rocks_iter_destroy(raw);
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for an iterator");
    }
    rocksdb_readoptions_set_verify_checksums(raw->read, 1);
    /* Bounds the wrong way round are nothing that RocksDB would take. */
    if (raw->hi.size > 0 && cmt_slice_compare(cmt_buf_slice(&raw->lo), cmt_buf_slice(&raw->hi)) < 0)
        rocksdb_readoptions_set_iterate_upper_bound(raw->read, (const char *)raw->hi.data,
                                                    raw->hi.size);
    if (raw->lo.size > 0)
        rocksdb_readoptions_set_iterate_lower_bound(raw->read, (const char *)raw->lo.data,
                                                    raw->lo.size);
    raw->it = rocksdb_create_iterator(db->db, raw->read);
    return cmt_db__engine_iter_new(raw, &rocks_iter_ops, bounds, &db->bytes_read, out, err);
}
