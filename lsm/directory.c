/* SPDX-License-Identifier: Apache-2.0
 *
 * Listing and classifying the files of a database directory.
 */
#include "directory.h"

#include <errno.h>
#include <stdlib.h>

#include "file.h"

/* Decimal digits from p; returns what stands behind them, NULL if there are none or too many. */
static const char *parse_number(const char *p, uint64_t *number)
{
    const char *start = p;
    uint64_t n = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (p - start >= 19)
            return NULL;
        n = n * 10 + (uint64_t)(*p - '0');
    }
    if (p == start)
        return NULL;
    *number = n;
    return p;
}

static bool starts_with(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

cmt_lsm__file_kind cmt_lsm__classify(const char *name, uint64_t *number)
{
    static const struct {
        const char *suffix;
        cmt_lsm__file_kind kind;
    } suffixes[] = {
        {".ldb", CMT_LSM_FILE_TABLE_LDB}, {".sst", CMT_LSM_FILE_TABLE_SST},
        {".log", CMT_LSM_FILE_LOG},       {".dbtmp", CMT_LSM_FILE_TEMP},
        {".tmp", CMT_LSM_FILE_TEMP},      {".blob", CMT_LSM_FILE_FOREIGN_ENGINE},
    };
    static const struct {
        const char *prefix;
        const char *suffix;
        cmt_lsm__file_kind kind;
    } prefixes[] = {
        {"CURRENT.", "", CMT_LSM_FILE_CURRENT_PENDING}, {"CURRENT.", ".dbtmp", CMT_LSM_FILE_TEMP},
        {"temporary.", ".dbtmp", CMT_LSM_FILE_TEMP},    {"MANIFEST-", "", CMT_LSM_FILE_MANIFEST},
        {"OPTIONS-", "", CMT_LSM_FILE_OPTIONS},
    };
    *number = 0;
    if (strcmp(name, "CURRENT") == 0)
        return CMT_LSM_FILE_CURRENT;
    if (strcmp(name, "IDENTITY") == 0)
        return CMT_LSM_FILE_IDENTITY;
    if (starts_with(name, "marker.") || starts_with(name, "REMOTE-OBJ-CATALOG"))
        return CMT_LSM_FILE_FOREIGN_ENGINE;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (starts_with(name, prefixes[i].prefix)) {
            const char *behind = parse_number(name + strlen(prefixes[i].prefix), number);
            if (behind != NULL && strcmp(behind, prefixes[i].suffix) == 0)
                return prefixes[i].kind;
        }
    const char *end = parse_number(name, number);
    for (size_t i = 0; end != NULL && i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (strcmp(end, suffixes[i].suffix) == 0)
            return suffixes[i].kind;
    return CMT_LSM_FILE_OTHER;
}

static int compare_files(const void *a, const void *b)
{
    const cmt_lsm__file *x = a;
    const cmt_lsm__file *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static cmt_status add_name(cmt_lsm__listing *listing, const char *name)
{
    cmt_lsm__file file;
    file.kind = cmt_lsm__classify(name, &file.number);
    size_t length = strlen(name);
    if (file.kind == CMT_LSM_FILE_OTHER || length >= sizeof file.name)
        return CMT_OK;
    memcpy(file.name, name, length + 1);
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity * 2 + 64;
        cmt_lsm__file *files = realloc(listing->files, capacity * sizeof *files);
        if (files == NULL)
            return CMT_NO_MEMORY;
        listing->files = files;
        listing->capacity = capacity;
    }
    listing->files[listing->count++] = file;
    if (file.number > listing->highest_number)
        listing->highest_number = file.number;
    return CMT_OK;
}

cmt_status cmt_lsm__list(int dir_fd, const char *path, cmt_lsm__listing *out, cmt_error *err)
{
    *out = (cmt_lsm__listing){0};
    DIR *dir;
    CMT_TRY(cmt_dir_list(dir_fd, path, &dir, err));
    cmt_status st = CMT_OK;
    struct dirent *entry;
    errno = 0;
    while (st == CMT_OK && (entry = readdir(dir)) != NULL) {
        st = add_name(out, entry->d_name);
        errno = 0;
    }
    if (st != CMT_OK)
        st = cmt_error_set(err, st, "no memory to list %s", path);
    else if (errno != 0)
        st = cmt_error_set(err, CMT_IO, "list %s: %s", path, strerror(errno));
    closedir(dir);
    if (st != CMT_OK) {
        cmt_lsm__listing_free(out);
        return st;
    }
    if (out->count > 0)
        qsort(out->files, out->count, sizeof *out->files, compare_files);
    return CMT_OK;
}

void cmt_lsm__listing_free(cmt_lsm__listing *listing)
{
    free(listing->files);
    *listing = (cmt_lsm__listing){0};
}

const cmt_lsm__file *cmt_lsm__listing_find(const cmt_lsm__listing *listing, cmt_lsm__file_kind kind,
                                           uint64_t number)
{
    cmt_lsm__file want = {.kind = kind, .number = number};
    if (listing->count == 0)
        return NULL;
    return bsearch(&want, listing->files, listing->count, sizeof want, compare_files);
}

const cmt_lsm__file *cmt_lsm__listing_first(const cmt_lsm__listing *listing,
                                            cmt_lsm__file_kind kind)
{
    for (size_t i = 0; i < listing->count; i++)
        if (listing->files[i].kind == kind)
            return &listing->files[i];
    return NULL;
}
