/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling LevelDB's, pebble's and RocksDB's directories apart, and refusing all others.
 *
 * pebble writes an OPTIONS file at every open; the newest one says which pebble, which format and which
 * options.  CometBFT's pebbledb uses FormatMostCompatible with defaults: format_major_version 1, no
 * marker files, tables in RocksDB's format 2.
 *
 * RocksDB writes one too, at every open and change of options, and IDENTITY once.
 */
#include "dialect.h"

#include "cleanup.h"
#include "file.h"

#define OPTIONS_MAX ((uint64_t)1 << 20)

/* The value of `key` in "key=value" lines; false if there is no such line. */
static bool find_option(cmt_slice text, const char *key, cmt_slice *value)
{
    size_t key_size = strlen(key);
    for (size_t at = 0; at < text.size;) {
        const uint8_t *line = text.data + at;
        const uint8_t *newline = memchr(line, '\n', text.size - at);
        size_t size = newline != NULL ? (size_t)(newline - line) : text.size - at;
        at += size + 1;
        while (size > 0 && (*line == ' ' || *line == '\t')) {
            line++;
            size--;
        }
        if (size <= key_size || memcmp(line, key, key_size) != 0 || line[key_size] != '=')
            continue;
        *value = (cmt_slice){line + key_size + 1, size - key_size - 1};
        return true;
    }
    return false;
}

static bool option_is(cmt_slice text, const char *key, const char *wanted)
{
    cmt_slice value;
    return find_option(text, key, &value) && value.size == strlen(wanted) &&
           memcmp(value.data, wanted, value.size) == 0;
}

typedef struct wish {
    const char *key;
    const char *value;
} wish;

/* The first option that is there, but has another value than CometBFT's. */
static const wish *find_other(cmt_slice text, const wish *wishes, size_t count, bool must_be_there)
{
    cmt_slice value;
    for (size_t i = 0; i < count; i++)
        if (!option_is(text, wishes[i].key, wishes[i].value) &&
            (must_be_there || find_option(text, wishes[i].key, &value)))
            return &wishes[i];
    return NULL;
}

static cmt_status check_pebble(const char *path, const char *name, cmt_slice text,
                               cmt_lsm__dialect *out, cmt_error *err)
{
    static const wish wishes[] = {
        {"pebble_version", "0.1"},
        {"comparer", CMT_LSM_COMPARATOR},
        {"merger", "pebble.concatenate"},
        {"format_major_version", "1"},
    };
    const wish *other = find_other(text, wishes, sizeof wishes / sizeof wishes[0], true);
    cmt_slice value;
    if (other != NULL)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s/%s does not say %s=%s: not the pebble format that CometBFT writes",
                             path, name, other->key, other->value);
    if (find_option(text, "wal_dir", &value) && value.size > 0)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s/%s names a wal_dir: logs outside the database are not read", path,
                             name);
    out->pebble = true;
    out->rocksdb_format = true;
    out->strict_log_tail = option_is(text, "strict_wal_tail", "true");
    return CMT_OK;
}

/* Before 6.24 RocksDB put the database's own path there, so that of a directory that was moved since is
 * another: its last part tells. */
static bool names_other_directory(const char *path, cmt_slice wal_dir)
{
    size_t size = strlen(path);
    while (size > 0 && path[size - 1] == '/')
        size--;
    while (wal_dir.size > 0 && wal_dir.data[wal_dir.size - 1] == '/')
        wal_dir.size--;
    size_t last = 0;
    while (last < size && path[size - 1 - last] != '/')
        last++;
    return wal_dir.size > 0 &&
           (wal_dir.size <= last ||
            memcmp(wal_dir.data + wal_dir.size - last, path + size - last, last) != 0 ||
            wal_dir.data[wal_dir.size - last - 1] != '/');
}

static cmt_status check_rocksdb(const char *path, const char *name, cmt_slice text,
                                cmt_lsm__dialect *out, cmt_error *err)
{
    static const wish wishes[] = {
        {"comparator", CMT_LSM_COMPARATOR},
        {"table_factory", "BlockBasedTable"},
        {"merge_operator", "nullptr"},
        {"compaction_style", "kCompactionStyleLevel"},
        {"num_levels", "7"},
        {"wal_compression", "kNoCompression"},
        {"enable_blob_files", "false"},
        {"allow_2pc", "false"},
        {"allow_ingest_behind", "false"},
        {"data_block_index_type", "kDataBlockBinarySearch"},
    };
    const wish *other = find_other(text, wishes, sizeof wishes / sizeof wishes[0], false);
    cmt_slice version = {NULL, 0};
    cmt_slice wal_dir = {NULL, 0};
    if (other != NULL)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s/%s does not say %s=%s, as CometBFT's RocksDB does", path, name,
                             other->key, other->value);
    find_option(text, "rocksdb_version", &version);
    if (version.size < 2 || version.data[0] < '6' || version.data[0] > '9' ||
        version.data[1] != '.')
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s/%s is of RocksDB %.*s; the files of versions 6 to 9 are known",
                             path, name, (int)(version.size < 16 ? version.size : 16),
                             (const char *)version.data);
    if (find_option(text, "wal_dir", &wal_dir) && names_other_directory(path, wal_dir))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s/%s names a wal_dir: logs outside the database are not read", path,
                             name);
    out->rocksdb = true;
    out->rocksdb_format = true;
    out->strict_log_tail = true;
    return CMT_OK;
}

/* The newest OPTIONS file: the listing is sorted by number within a kind. */
static const cmt_lsm__file *newest_options(const cmt_lsm__listing *listing)
{
    const cmt_lsm__file *newest = NULL;
    for (size_t i = 0; i < listing->count; i++)
        if (listing->files[i].kind == CMT_LSM_FILE_OPTIONS)
            newest = &listing->files[i];
    return newest;
}

static cmt_status foreign_engine(const char *path, const char *name, cmt_error *err)
{
    return cmt_error_set(
        err, CMT_UNSUPPORTED,
        "%s holds %s: RocksDB with other settings than CometBFT's, or a pebble newer than "
        "CometBFT's, wrote it",
        path, name);
}

cmt_status cmt_lsm__tell_dialect(int dir_fd, const char *path, const cmt_lsm__listing *listing,
                                 cmt_lsm__dialect *out, cmt_error *err)
{
    *out = (cmt_lsm__dialect){0};
    const cmt_lsm__file *foreign = cmt_lsm__listing_first(listing, CMT_LSM_FILE_FOREIGN_ENGINE);
    const cmt_lsm__file *identity = cmt_lsm__listing_first(listing, CMT_LSM_FILE_IDENTITY);
    const cmt_lsm__file *options = newest_options(listing);
    if (foreign == NULL && options == NULL)
        foreign = identity;
    if (foreign != NULL)
        return foreign_engine(path, foreign->name, err);
    if (options == NULL)
        return CMT_OK;
    const cmt_lsm__file *ldb = cmt_lsm__listing_first(listing, CMT_LSM_FILE_TABLE_LDB);
    if (ldb != NULL)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s holds both %s and %s: two engines have written into it", path,
                             options->name, ldb->name);
    CMT_AUTO(cmt_buf_free) cmt_buf text = CMT_BUF_INIT;
    cmt_status st = cmt_file_read_small_at(dir_fd, options->name, OPTIONS_MAX, &text, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_STALE, "%s vanished while the database was being read",
                             options->name);
    CMT_TRY(st);
    cmt_slice version;
    if (find_option(cmt_buf_slice(&text), "rocksdb_version", &version))
        return check_rocksdb(path, options->name, cmt_buf_slice(&text), out, err);
    if (identity != NULL)
        return foreign_engine(path, identity->name, err);
    return check_pebble(path, options->name, cmt_buf_slice(&text), out, err);
}
