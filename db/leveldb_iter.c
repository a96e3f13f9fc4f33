/* SPDX-License-Identifier: Apache-2.0
 *
 * C++ LevelDB's iterators.
 */
#include <stdlib.h>

#include "leveldb_internal.h"

typedef struct level_iter {
    leveldb_iterator_t *it;
    const cmt_db__leveldb *db;
} level_iter;

static leveldb_iterator_t *it_of(const void *raw)
{
    return ((const level_iter *)raw)->it;
}

static void level_iter_first(void *raw)
{
    leveldb_iter_seek_to_first(it_of(raw));
}

static void level_iter_last(void *raw)
{
    leveldb_iter_seek_to_last(it_of(raw));
}

static void level_iter_seek(void *raw, cmt_slice key)
{
    leveldb_iter_seek(it_of(raw), (const char *)key.data, key.size);
}

static void level_iter_next(void *raw)
{
    leveldb_iter_next(it_of(raw));
}

static void level_iter_prev(void *raw)
{
    leveldb_iter_prev(it_of(raw));
}

static bool level_iter_valid(const void *raw)
{
    return leveldb_iter_valid(it_of(raw)) != 0;
}

static cmt_slice level_iter_key(const void *raw)
{
    size_t size = 0;
    const char *key = leveldb_iter_key(it_of(raw), &size);
    return (cmt_slice){(const uint8_t *)key, size};
}

static cmt_slice level_iter_value(const void *raw)
{
    size_t size = 0;
    const char *value = leveldb_iter_value(it_of(raw), &size);
    return (cmt_slice){(const uint8_t *)value, size};
}

static cmt_status level_iter_error(const void *raw, cmt_error *err)
{
    char *message = NULL;
    leveldb_iter_get_error(it_of(raw), &message);
    return message == NULL ? CMT_OK
                           : cmt_db__leveldb_failed(((const level_iter *)raw)->db, message,
                                                    "iterate over", err);
}

static void level_iter_destroy(void *raw)
{
    leveldb_iter_destroy(it_of(raw));
    free(raw);
}

static const cmt_db__raw_iter_ops level_iter_ops = {
    .first = level_iter_first,
    .last = level_iter_last,
    .seek = level_iter_seek,
    .next = level_iter_next,
    .prev = level_iter_prev,
    .valid = level_iter_valid,
    .key = level_iter_key,
    .value = level_iter_value,
    .error = level_iter_error,
    .destroy = level_iter_destroy,
};

cmt_status cmt_db__leveldb_iter_new(cmt_db *base, const cmt_range *bounds, cmt_db_iter **out,
                                    cmt_error *err)
{
    cmt_db__leveldb *db = (cmt_db__leveldb *)base;
    level_iter *raw = malloc(sizeof *raw);
    if (raw == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for an iterator");
    *raw = (level_iter){leveldb_create_iterator(db->db, db->read), db};
    return cmt_db__engine_iter_new(raw, &level_iter_ops, bounds, &db->bytes_read, out, err);
}
