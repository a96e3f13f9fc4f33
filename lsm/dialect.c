/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling LevelDB's directories from pebble's, and refusing all others.
 *
 * pebble writes an OPTIONS file at every open; the newest one says which pebble, which format and which
 * options.  CometBFT's pebbledb uses FormatMostCompatible with defaults: format_major_version 1, no
 * marker files, tables in RocksDB's format 2.
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

static cmt_status check_options(const char *path, const char *name, cmt_slice text,
                                cmt_lsm__dialect *out, cmt_error *err)
{
    static const struct {
        const char *key;
        const char *value;
    } required[] = {
        {"pebble_version", "0.1"},
        {"comparer", CMT_LSM_COMPARATOR},
        {"merger", "pebble.concatenate"},
        {"format_major_version", "1"},
    };
    cmt_slice value;
    if (find_option(text, "rocksdb_version", &value))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s holds %s of RocksDB; only LevelDB's and pebble's files are read",
                             path, name);
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if (!option_is(text, required[i].key, required[i].value))
            return cmt_error_set(
                err, CMT_UNSUPPORTED,
                "%s/%s does not say %s=%s: not the pebble format that CometBFT writes", path, name,
                required[i].key, required[i].value);
    if (find_option(text, "wal_dir", &value) && value.size > 0)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s/%s names a wal_dir: logs outside the database are not read", path,
                             name);
    out->pebble = true;
    out->strict_log_tail = option_is(text, "strict_wal_tail", "true");
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

cmt_status cmt_lsm__tell_dialect(int dir_fd, const char *path, const cmt_lsm__listing *listing,
                                 cmt_lsm__dialect *out, cmt_error *err)
{
    *out = (cmt_lsm__dialect){0};
    const cmt_lsm__file *foreign = cmt_lsm__listing_first(listing, CMT_LSM_FILE_FOREIGN_ENGINE);
    if (foreign != NULL)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s holds %s: RocksDB, or a pebble newer than CometBFT's, wrote it",
                             path, foreign->name);
    const cmt_lsm__file *options = newest_options(listing);
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
    return check_options(path, options->name, cmt_buf_slice(&text), out, err);
}
