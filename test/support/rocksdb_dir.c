/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories of RocksDB's.
 */
#include "rocksdb_dir.h"

#include "pairs.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

static void must(char *error)
{
    ck_assert_msg(error == NULL, "RocksDB: %s", error);
}

void rocksdb_dir_init(rocksdb_dir *d, const char *path, const char *settings)
{
    char *error = NULL;
    rocksdb_options_t *base = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(base, 1);
    rocksdb_options_set_paranoid_checks(base, 1);
    rocksdb_options_set_write_buffer_size(base, (size_t)64 << 10);
    rocksdb_options_set_target_file_size_base(base, (uint64_t)16 << 10);
    rocksdb_options_set_max_bytes_for_level_base(base, (uint64_t)64 << 10);
    rocksdb_options_set_level0_file_num_compaction_trigger(base, 3);
    *d = (rocksdb_dir){
        .path = path, .options = rocksdb_options_create(), .write = rocksdb_writeoptions_create()};
    rocksdb_get_options_from_string(base, settings, d->options, &error);
    must(error);
    rocksdb_options_destroy(base);
    rocksdb_dir_open(d);
}

void rocksdb_dir_open(rocksdb_dir *d)
{
    char *error = NULL;
    d->db = rocksdb_open(d->options, d->path, &error);
    must(error);
}

void rocksdb_dir_close(rocksdb_dir *d)
{
    if (d->db != NULL)
        rocksdb_close(d->db);
    d->db = NULL;
}

void rocksdb_dir_fini(rocksdb_dir *d)
{
    rocksdb_dir_close(d);
    rocksdb_options_destroy(d->options);
    rocksdb_writeoptions_destroy(d->write);
}

void rocksdb_dir_put(rocksdb_dir *d, const char *key, const char *value)
{
    char *error = NULL;
    rocksdb_put(d->db, d->write, key, strlen(key), value, strlen(value), &error);
    must(error);
}

void rocksdb_dir_delete(rocksdb_dir *d, const char *key)
{
    char *error = NULL;
    rocksdb_delete(d->db, d->write, key, strlen(key), &error);
    must(error);
}

void rocksdb_dir_delete_range(rocksdb_dir *d, const char *lo, const char *hi)
{
    char *error = NULL;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocksdb_writebatch_put_log_data(batch, "a comment", 9);
    rocksdb_writebatch_delete_range(batch, lo, strlen(lo), hi, strlen(hi));
    rocksdb_write(d->db, d->write, batch, &error);
    rocksdb_writebatch_destroy(batch);
    must(error);
}

void rocksdb_dir_flush(rocksdb_dir *d)
{
    char *error = NULL;
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    rocksdb_flush(d->db, options, &error);
    rocksdb_flushoptions_destroy(options);
    must(error);
}

void rocksdb_dir_compact(rocksdb_dir *d)
{
    rocksdb_compact_range(d->db, NULL, 0, NULL, 0);
}

static void check_get(rocksdb_t *db, const rocksdb_readoptions_t *options, cmt_slice key,
                      cmt_slice value)
{
    char *error = NULL;
    size_t size = 0;
    char *got = rocksdb_get(db, options, (const char *)key.data, key.size, &size, &error);
    must(error);
    ck_assert_msg(got != NULL && size == value.size && memcmp(got, value.data, size) == 0,
                  "get of %.*s differs", (int)key.size, (const char *)key.data);
    rocksdb_free(got);
}

char *rocksdb_dir_pairs(const rocksdb_dir *d)
{
    char *error = NULL;
    char *pairs = calloc(1, 1);
    rocksdb_t *db = rocksdb_open_for_read_only(d->options, d->path, 0, &error);
    must(error);
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(options, 1);
    rocksdb_iterator_t *it = rocksdb_create_iterator(db, options);
    for (rocksdb_iter_seek_to_first(it); rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        cmt_slice key;
        cmt_slice value;
        key.data = (const uint8_t *)rocksdb_iter_key(it, &key.size);
        value.data = (const uint8_t *)rocksdb_iter_value(it, &value.size);
        check_get(db, options, key, value);
        pairs = pairs_add(pairs, key, value);
    }
    rocksdb_iter_get_error(it, &error);
    must(error);
    rocksdb_iter_destroy(it);
    rocksdb_readoptions_destroy(options);
    rocksdb_close(db);
    return pairs;
}
