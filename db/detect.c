/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling an engine from its files.  Opening a directory with the wrong engine writes into it before
 * it fails, so nothing is ever found out by trying.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmtstore/db.h"
#include "detect.h"
#include "file.h"

static const struct {
    const char *name;
    cmt_engine engine;
} names[] = {
    {"none", CMT_ENGINE_NONE},         {"goleveldb", CMT_ENGINE_GOLEVELDB},
    {"cleveldb", CMT_ENGINE_CLEVELDB}, {"rocksdb", CMT_ENGINE_ROCKSDB},
    {"pebbledb", CMT_ENGINE_PEBBLEDB}, {"badgerdb", CMT_ENGINE_BADGERDB},
    {"boltdb", CMT_ENGINE_BOLTDB},     {"unknown", CMT_ENGINE_UNKNOWN},
};

const char *cmt_engine_name(cmt_engine engine)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].engine == engine)
            return names[i].name;
    return "unknown";
}

cmt_engine cmt_engine_from_name(const char *db_backend)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].engine != CMT_ENGINE_NONE && strcmp(names[i].name, db_backend) == 0)
            return names[i].engine;
    return CMT_ENGINE_UNKNOWN;
}

/* What lies in a directory. */
typedef struct signs {
    bool current;
    bool manifest;
    bool ldb;
    bool sst;
    bool identity;
    bool marker;  /* pebble's newer formats */
    bool badger;  /* *.vlog, *.mem, KEYREGISTRY, DISCARD */
    bool pending; /* CURRENT.<n>: goleveldb was between writing it and renaming it */
    bool any;
    char options[64]; /* the newest OPTIONS-<n> */
    unsigned long long options_number;
} signs;

static bool ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    size_t m = strlen(suffix);
    return n >= m && strcmp(name + n - m, suffix) == 0;
}

static void note_options(signs *s, const char *name)
{
    char *end;
    unsigned long long number = strtoull(name + 8, &end, 10);
    size_t length = strlen(name);
    if (end == name + 8 || *end != '\0' || length >= sizeof s->options)
        return;
    if (s->options[0] == '\0' || number >= s->options_number) {
        memcpy(s->options, name, length + 1);
        s->options_number = number;
    }
}

static void note(signs *s, const char *name)
{
    s->any = true;
    s->current |= strcmp(name, "CURRENT") == 0;
    s->pending |= strncmp(name, "CURRENT.", 8) == 0 && name[8] >= '0' && name[8] <= '9';
    s->manifest |= strncmp(name, "MANIFEST", 8) == 0;
    s->ldb |= ends_with(name, ".ldb");
    s->sst |= ends_with(name, ".sst");
    s->identity |= strcmp(name, "IDENTITY") == 0;
    s->marker |= strncmp(name, "marker.", 7) == 0;
    s->badger |= ends_with(name, ".vlog") || strcmp(name, "KEYREGISTRY") == 0 ||
                 strcmp(name, "DISCARD") == 0;
    if (strncmp(name, "OPTIONS-", 8) == 0)
        note_options(s, name);
}

static cmt_status read_signs(int dir_fd, const char *path, signs *out, cmt_error *err)
{
    *out = (signs){0};
    DIR *dir;
    CMT_TRY(cmt_dir_list(dir_fd, path, &dir, err));
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            note(out, entry->d_name);
    closedir(dir);
    return CMT_OK;
}

static bool holds(const cmt_buf *text, const char *word)
{
    return text->size > 0 && memmem(text->data, text->size, word, strlen(word)) != NULL;
}

/* RocksDB and pebble say who they are in the [Version] section of OPTIONS. */
static cmt_engine engine_of_options(int dir_fd, const signs *s)
{
    CMT_AUTO(cmt_buf_free) cmt_buf text = CMT_BUF_INIT;
    if (s->options[0] == '\0' ||
        cmt_file_read_small_at(dir_fd, s->options, (uint64_t)1 << 20, &text, NULL) != CMT_OK)
        return CMT_ENGINE_UNKNOWN;
    if (holds(&text, "pebble_version"))
        return CMT_ENGINE_PEBBLEDB;
    return holds(&text, "rocksdb_version") ? CMT_ENGINE_ROCKSDB : CMT_ENGINE_UNKNOWN;
}

/* goleveldb and C++ LevelDB write the same files; only their LOG lines differ: C++ begins them with
 * YYYY/MM/DD-, goleveldb writes a line of '=' per day. */
static cmt_engine leveldb_flavour(int dir_fd)
{
    uint8_t head[16] = {0};
    CMT_AUTO(cmt_fd_close) int fd = -1;
    if (cmt_file_open_at(dir_fd, "LOG", &fd, NULL) != CMT_OK ||
        cmt_file_read_at(fd, "LOG", 0, head, sizeof head, NULL) != CMT_OK)
        return CMT_ENGINE_GOLEVELDB;
    return head[4] == '/' && head[7] == '/' && head[10] == '-' ? CMT_ENGINE_CLEVELDB
                                                               : CMT_ENGINE_GOLEVELDB;
}

static cmt_status unknown(cmt_engine *engine, const char *path, const char *why, cmt_error *err)
{
    *engine = CMT_ENGINE_UNKNOWN;
    cmt_error_set(err, CMT_OK, "%s %s", path, why);
    return CMT_OK;
}

cmt_status cmt_db__detect_directory(const char *path, cmt_engine *engine, cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int dir_fd = -1;
    signs s;
    CMT_TRY(cmt_dir_open(path, &dir_fd, err));
    CMT_TRY(read_signs(dir_fd, path, &s, err));
    if (!s.any) {
        *engine = CMT_ENGINE_NONE;
        cmt_error_set(err, CMT_OK, "%s is empty", path);
        return CMT_OK;
    }
    if (s.badger) {
        *engine = CMT_ENGINE_BADGERDB;
        return CMT_OK;
    }
    if (s.options[0] != '\0' || s.identity || s.marker) {
        *engine = s.marker ? CMT_ENGINE_PEBBLEDB : engine_of_options(dir_fd, &s);
        if (*engine == CMT_ENGINE_UNKNOWN && s.identity && s.options[0] == '\0')
            *engine = CMT_ENGINE_ROCKSDB;
        if (*engine == CMT_ENGINE_UNKNOWN)
            return unknown(engine, path, "has an OPTIONS file of an engine that is not known", err);
        return CMT_OK;
    }
    if (!s.current || !s.manifest)
        return unknown(engine, path, "holds files, but no CURRENT and MANIFEST of a database", err);
    if (s.sst && !s.ldb)
        return unknown(engine, path,
                       "has only .sst tables and no OPTIONS file: a very old LevelDB, or a damaged "
                       "RocksDB or pebble directory",
                       err);
    *engine = leveldb_flavour(dir_fd);
    return CMT_OK;
}

cmt_status cmt_db__read_options(int dir_fd, const char *path, cmt_buf *out, cmt_error *err)
{
    signs s;
    CMT_TRY(read_signs(dir_fd, path, &s, err));
    if (s.options[0] == '\0')
        return CMT_NOT_FOUND;
    return cmt_file_read_small_at(dir_fd, s.options, (uint64_t)1 << 20, out, err);
}

cmt_status cmt_db__check_no_pending_current(int dir_fd, const char *path, cmt_error *err)
{
    signs s;
    CMT_TRY(read_signs(dir_fd, path, &s, err));
    if (!s.pending)
        return CMT_OK;
    return cmt_error_set(
        err, CMT_UNSUPPORTED,
        "%s holds a CURRENT.<n> file: a node was killed while it switched its MANIFEST; "
        "start and stop the node once, then try again; nothing was changed",
        path);
}

static cmt_status detect_file(const char *path, cmt_engine *engine, cmt_error *err)
{
    static const uint8_t bolt_magic[4] = {0xed, 0xda, 0x0c, 0xed};
    uint8_t page[20] = {0};
    /* A link may lead to it, as to a directory. */
    CMT_AUTO(cmt_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && cmt_file_read_at(fd, path, 0, page, sizeof page, NULL) == CMT_OK &&
        memcmp(page + 16, bolt_magic, sizeof bolt_magic) == 0) {
        *engine = CMT_ENGINE_BOLTDB;
        return CMT_OK;
    }
    return unknown(engine, path, "is a file, but not a bolt database", err);
}

static cmt_status set_path(cmt_buf *out, const char *data_dir, const char *name, const char *suffix,
                           cmt_error *err)
{
    cmt_buf_clear(out);
    if (cmt_buf_append(out, data_dir, strlen(data_dir)) != CMT_OK ||
        cmt_buf_append(out, "/", 1) != CMT_OK ||
        cmt_buf_append(out, name, strlen(name)) != CMT_OK ||
        cmt_buf_append(out, suffix, strlen(suffix) + 1) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a path");
    return CMT_OK;
}

cmt_status cmt_engine_detect(const char *data_dir, const char *name, cmt_engine *engine,
                             cmt_buf *path_out, cmt_error *err)
{
    struct stat st;
    CMT_TRY(set_path(path_out, data_dir, name, ".db", err));
    const char *path = (const char *)path_out->data;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return cmt_db__detect_directory(path, engine, err);
        return S_ISREG(st.st_mode) ? detect_file(path, engine, err)
                                   : unknown(engine, path, "is neither file nor directory", err);
    }
    if (errno != ENOENT && errno != ENOTDIR)
        return cmt_error_set(err, CMT_IO, "stat %s: %s", path, strerror(errno));
    /* Badger alone leaves the suffix out. */
    CMT_AUTO(cmt_buf_free) cmt_buf bare = CMT_BUF_INIT;
    CMT_TRY(set_path(&bare, data_dir, name, "", err));
    cmt_engine found = CMT_ENGINE_NONE;
    if (stat((const char *)bare.data, &st) == 0 && S_ISDIR(st.st_mode) &&
        cmt_db__detect_directory((const char *)bare.data, &found, NULL) == CMT_OK &&
        found == CMT_ENGINE_BADGERDB) {
        *engine = CMT_ENGINE_BADGERDB;
        return set_path(path_out, data_dir, name, "", err);
    }
    *engine = CMT_ENGINE_NONE;
    cmt_error_set(err, CMT_OK, "%s does not exist", path);
    return CMT_OK;
}
