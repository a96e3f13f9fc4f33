/* SPDX-License-Identifier: Apache-2.0
 *
 * C++ LevelDB through its C interface.
 */
#include "engine.h"

#include "files.h"
#include "pairs.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

leveldb_t *engine_try_open(const char *dir, const engine_options *options)
{
    static const engine_options defaults = {0};
    char *error = NULL;
    leveldb_options_t *o = leveldb_options_create();
    if (options == NULL)
        options = &defaults;
    leveldb_options_set_create_if_missing(o, 1);
    leveldb_options_set_paranoid_checks(o, !options->lenient);
    if (options->write_buffer > 0)
        leveldb_options_set_write_buffer_size(o, options->write_buffer);
    if (options->table_bytes > 0)
        leveldb_options_set_max_file_size(o, options->table_bytes);
    if (options->plain)
        leveldb_options_set_compression(o, leveldb_no_compression);
    leveldb_t *db = leveldb_open(o, dir, &error);
    leveldb_options_destroy(o);
    leveldb_free(error);
    return error == NULL ? db : NULL;
}

leveldb_t *engine_open(const char *dir, const engine_options *options)
{
    leveldb_t *db = engine_try_open(dir, options);
    ck_assert_msg(db != NULL, "LevelDB does not open %s", dir);
    return db;
}

static void check_error(char *error)
{
    ck_assert_msg(error == NULL, "LevelDB: %s", error);
}

void engine_put(leveldb_t *db, cmt_slice key, cmt_slice value)
{
    char *error = NULL;
    leveldb_writeoptions_t *o = leveldb_writeoptions_create();
    leveldb_put(db, o, (const char *)key.data, key.size, (const char *)value.data, value.size,
                &error);
    leveldb_writeoptions_destroy(o);
    check_error(error);
}

void engine_put_text(leveldb_t *db, const char *key, const char *value)
{
    engine_put(db, (cmt_slice){(const uint8_t *)key, strlen(key)},
               (cmt_slice){(const uint8_t *)value, strlen(value)});
}

void engine_delete(leveldb_t *db, cmt_slice key)
{
    char *error = NULL;
    leveldb_writeoptions_t *o = leveldb_writeoptions_create();
    leveldb_delete(db, o, (const char *)key.data, key.size, &error);
    leveldb_writeoptions_destroy(o);
    check_error(error);
}

static void check_get(leveldb_t *db, const leveldb_readoptions_t *o, cmt_slice key, cmt_slice value)
{
    char *error = NULL;
    size_t size = 0;
    char *got = leveldb_get(db, o, (const char *)key.data, key.size, &size, &error);
    check_error(error);
    ck_assert_msg(got != NULL, "LevelDB shows a key that it does not get");
    ck_assert(cmt_slice_equal(value, (cmt_slice){(const uint8_t *)got, size}));
    leveldb_free(got);
}

static char *pairs_of(leveldb_t *db)
{
    char *pairs = calloc(1, 1);
    char *error = NULL;
    leveldb_readoptions_t *o = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(o, 1);
    leveldb_iterator_t *it = leveldb_create_iterator(db, o);
    for (leveldb_iter_seek_to_first(it); leveldb_iter_valid(it); leveldb_iter_next(it)) {
        cmt_slice key;
        cmt_slice value;
        key.data = (const uint8_t *)leveldb_iter_key(it, &key.size);
        value.data = (const uint8_t *)leveldb_iter_value(it, &value.size);
        pairs = pairs_add(pairs, key, value);
        check_get(db, o, key, value);
    }
    leveldb_iter_get_error(it, &error);
    check_error(error);
    leveldb_iter_destroy(it);
    leveldb_readoptions_destroy(o);
    return pairs;
}

char *engine_pairs(const char *dir, const engine_options *options)
{
    char *top = files_temp();
    char *copy = files_path(top, "copy.db");
    files_copy(dir, copy);
    leveldb_t *db = engine_open(copy, options);
    char *pairs = pairs_of(db);
    leveldb_close(db);
    free(copy);
    files_remove(top);
    return pairs;
}
