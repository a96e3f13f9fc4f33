/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading an OPTIONS file.  Only what decides whether old and new tables fit together is taken over; loading
 * all of it would bring in caches, rates and paths of another machine.
 * Source: RocksDB options/options_parser.cc, util/compression.h, include/rocksdb/table.h ChecksumType
 */
#include "rocksdb_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The newest table format that RocksDB 7 writes. */
#define FORMAT_VERSION_MAX 5

typedef struct named_number {
    const char *name;
    int number;
} named_number;

static const named_number checksums[] = {
    {"kNoChecksum", 0}, {"kCRC32c", 1}, {"kxxHash", 2}, {"kxxHash64", 3}, {"kXXH3", 4},
};

static const named_number compressions[] = {
    {"kNoCompression", 0},
    {"kSnappyCompression", 1},
    {"kZlibCompression", 2},
    {"kBZip2Compression", 3},
    {"kLZ4Compression", 4},
    {"kLZ4HCCompression", 5},
    {"kZSTD", 7},
    {"kDisableCompressionOption", 0xff},
};

/* What must be as CometBFT has it; anything else is another kind of database. */
static const struct {
    const char *name;
    const char *value;
} wanted[] = {
    {"comparator", "leveldb.BytewiseComparator"},
    {"table_factory", "BlockBasedTable"},
    {"compaction_style", "kCompactionStyleLevel"},
    {"num_levels", "7"},
};

typedef struct reading {
    const char *path;
    cmt_db__rocksdb_format *out;
    bool has_version;
    bool has_tables;
} reading;

static bool is_word(cmt_slice s, const char *word)
{
    return s.size == strlen(word) && memcmp(s.data, word, s.size) == 0;
}

static cmt_status unsupported(const reading *r, const char *name, cmt_slice value, cmt_error *err)
{
    return cmt_error_set(
        err, CMT_UNSUPPORTED,
        "the OPTIONS file of %s says %s=%.*s, which this program does not write; nothing "
        "was changed",
        r->path, name, (int)(value.size < 80 ? value.size : 80), (const char *)value.data);
}

static cmt_status number_of(const reading *r, const char *name, cmt_slice value,
                            const named_number *table, size_t count, int *out, cmt_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (is_word(value, table[i].name)) {
            *out = table[i].number;
            return CMT_OK;
        }
    return unsupported(r, name, value, err);
}

static cmt_status compression_of(const reading *r, const char *name, cmt_slice value, int *out,
                                 cmt_error *err)
{
    return number_of(r, name, value, compressions, sizeof compressions / sizeof compressions[0],
                     out, err);
}

/* "kNoCompression:kLZ4Compression:...": one for each level, or nothing. */
static cmt_status per_level_of(const reading *r, cmt_slice value, cmt_error *err)
{
    cmt_db__rocksdb_format *out = r->out;
    for (out->per_level_count = 0; value.size > 0;) {
        const uint8_t *colon = memchr(value.data, ':', value.size);
        size_t size = colon != NULL ? (size_t)(colon - value.data) : value.size;
        if (out->per_level_count == CMT_DB__ROCKSDB_LEVELS)
            return unsupported(r, "compression_per_level", value, err);
        CMT_TRY(compression_of(r, "compression_per_level", (cmt_slice){value.data, size},
                               &out->per_level[out->per_level_count++], err));
        size_t taken = size + (colon != NULL);
        value = (cmt_slice){value.data + taken, value.size - taken};
    }
    return CMT_OK;
}

/* A small decimal number at the start of the value; -1 if there is none. */
static int leading_number(cmt_slice value)
{
    int number = -1;
    for (size_t i = 0; i < value.size && i < 6 && value.data[i] >= '0' && value.data[i] <= '9'; i++)
        number = (number < 0 ? 0 : number * 10) + (value.data[i] - '0');
    return number;
}

static cmt_status take_version(reading *r, cmt_slice name, cmt_slice value, cmt_error *err)
{
    if (!is_word(name, "rocksdb_version"))
        return CMT_OK;
    r->has_version = true;
    int major = leading_number(value);
    if (major >= 0 && major <= CMT_ROCKSDB_MAJOR)
        return CMT_OK;
    return cmt_error_set(
        err, CMT_UNSUPPORTED,
        "%s was written by RocksDB %.*s; this program has RocksDB %d and does not open what "
        "is newer; nothing was changed",
        r->path, (int)(value.size < 40 ? value.size : 40), (const char *)value.data,
        CMT_ROCKSDB_MAJOR);
}

static cmt_status take_family(reading *r, cmt_slice name, cmt_slice value, cmt_error *err)
{
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (is_word(name, wanted[i].name) && !is_word(value, wanted[i].value))
            return unsupported(r, wanted[i].name, value, err);
    if (is_word(name, "compression"))
        return compression_of(r, "compression", value, &r->out->compression, err);
    if (is_word(name, "bottommost_compression"))
        return compression_of(r, "bottommost_compression", value, &r->out->bottommost_compression,
                              err);
    return is_word(name, "compression_per_level") ? per_level_of(r, value, err) : CMT_OK;
}

static cmt_status take_table(reading *r, cmt_slice name, cmt_slice value, cmt_error *err)
{
    if (is_word(name, "checksum"))
        return number_of(r, "checksum", value, checksums, sizeof checksums / sizeof checksums[0],
                         &r->out->checksum, err);
    if (!is_word(name, "format_version"))
        return CMT_OK;
    r->has_tables = true;
    r->out->format_version = leading_number(value);
    if (r->out->format_version < 0 || r->out->format_version > FORMAT_VERSION_MAX)
        return unsupported(r, "format_version", value, err);
    return CMT_OK;
}

typedef cmt_status (*take_fn)(reading *r, cmt_slice name, cmt_slice value, cmt_error *err);

static cmt_status take_nothing(reading *r, cmt_slice name, cmt_slice value, cmt_error *err)
{
    (void)r;
    (void)name;
    (void)value;
    (void)err;
    return CMT_OK;
}

/* What the lines below a section's head mean. */
static cmt_status section_of(const reading *r, cmt_slice line, take_fn *take, cmt_error *err)
{
    *take = take_nothing;
    if (is_word(line, "[Version]"))
        *take = take_version;
    else if (is_word(line, "[CFOptions \"default\"]"))
        *take = take_family;
    else if (is_word(line, "[TableOptions/BlockBasedTable \"default\"]"))
        *take = take_table;
    else if (cmt_slice_has_prefix(line, CMT_SLICE("[CFOptions ")))
        return cmt_error_set(
            err, CMT_UNSUPPORTED,
            "%s has a column family besides the default one, which CometBFT never makes; "
            "nothing was changed",
            r->path);
    return CMT_OK;
}

static cmt_slice trimmed(cmt_slice s)
{
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = (cmt_slice){s.data + 1, s.size - 1};
    while (s.size > 0 && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\r'))
        s.size--;
    return s;
}

static cmt_slice next_line(cmt_slice *text)
{
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t size = end != NULL ? (size_t)(end - text->data) : text->size;
    cmt_slice line = {text->data, size};
    size_t taken = size + (end != NULL);
    *text = (cmt_slice){text->data + taken, text->size - taken};
    return trimmed(line);
}

cmt_status cmt_db__rocksdb_format_read(const char *path, cmt_slice text,
                                       cmt_db__rocksdb_format *out, cmt_error *err)
{
    *out =
        (cmt_db__rocksdb_format){.checksum = 1, .compression = 1, .bottommost_compression = 0xff};
    reading r = {.path = path, .out = out};
    take_fn take = take_nothing;
    while (text.size > 0) {
        cmt_slice line = next_line(&text);
        if (line.size == 0 || line.data[0] == '#')
            continue;
        if (line.data[0] == '[') {
            CMT_TRY(section_of(&r, line, &take, err));
            continue;
        }
        const uint8_t *equals = memchr(line.data, '=', line.size);
        if (equals == NULL)
            continue;
        size_t size = (size_t)(equals - line.data);
        CMT_TRY(take(&r, (cmt_slice){line.data, size},
                     (cmt_slice){equals + 1, line.size - size - 1}, err));
    }
    if (r.has_version && r.has_tables)
        return CMT_OK;
    return cmt_error_set(
        err, CMT_CORRUPT,
        "the OPTIONS file of %s does not say which RocksDB wrote it, or in which table format",
        path);
}
