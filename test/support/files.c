/* SPDX-License-Identifier: Apache-2.0
 *
 * Temporary directories and files.
 */
#include "files.h"

#include <check.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char *files_path(const char *dir, const char *name)
{
    char *path = NULL;
    ck_assert_int_gt(asprintf(&path, "%s/%s", dir, name), 0);
    return path;
}

char *files_temp(void)
{
    const char *base = getenv("TMPDIR");
    char *path = files_path(base != NULL ? base : "/tmp", "cmt-test-XXXXXX");
    ck_assert_msg(mkdtemp(path) != NULL, "cannot make %s", path);
    return path;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

void files_remove(char *path)
{
    if (path != NULL)
        ck_assert_int_eq(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(path);
}

char *files_make_dir(const char *dir, const char *name)
{
    char *path = files_path(dir, name);
    ck_assert_msg(mkdir(path, 0755) == 0, "cannot make %s", path);
    return path;
}

void files_write(const char *dir, const char *name, cmt_slice bytes)
{
    char *path = files_path(dir, name);
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "cannot write %s", path);
    ck_assert_uint_eq(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    ck_assert_int_eq(fclose(file), 0);
    free(path);
}

cmt_buf files_read(const char *dir, const char *name)
{
    struct stat st;
    char *path = files_path(dir, name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot read %s", path);
    ck_assert_int_eq(fstat(fileno(file), &st), 0);
    size_t size = (size_t)st.st_size;
    cmt_buf bytes = {malloc(size > 0 ? size : 1), size, size};
    ck_assert_ptr_nonnull(bytes.data);
    ck_assert_uint_eq(fread(bytes.data, 1, size, file), size);
    fclose(file);
    free(path);
    return bytes;
}

static struct stat stat_of(const char *dir, const char *name)
{
    struct stat st;
    char *path = files_path(dir, name);
    ck_assert_msg(lstat(path, &st) == 0, "cannot stat %s", path);
    free(path);
    return st;
}

bool files_exist(const char *dir, const char *name)
{
    char *path = files_path(dir, name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

uint64_t files_inode(const char *dir, const char *name)
{
    return (uint64_t)stat_of(dir, name).st_ino;
}

static int scan(const char *dir, struct dirent ***entries)
{
    int count = scandir(dir, entries, NULL, alphasort);
    ck_assert_msg(count >= 0, "cannot list %s", dir);
    return count;
}

void files_copy(const char *from, const char *to)
{
    struct dirent **entries;
    int count = scan(from, &entries);
    mkdir(to, 0755);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (S_ISREG(stat_of(from, name).st_mode)) {
            cmt_buf bytes = files_read(from, name);
            files_write(to, name, cmt_buf_slice(&bytes));
            cmt_buf_free(&bytes);
        }
        free(entries[i]);
    }
    free(entries);
}

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < size; i++) {
        /* The checker loses track of what the callers have filled in. */
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t files_hash(const char *dir)
{
    struct dirent **entries;
    int count = scan(dir, &entries);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            struct stat st = stat_of(dir, name);
            uint64_t facts[3] = {st.st_uid, st.st_gid, st.st_mode};
            hash = mix(hash, name, strlen(name) + 1);
            hash = mix(hash, facts, sizeof facts);
            if (S_ISREG(st.st_mode)) {
                cmt_buf bytes = files_read(dir, name);
                hash = mix(hash, &bytes.size, sizeof bytes.size);
                hash = mix(hash, bytes.data, bytes.size);
                cmt_buf_free(&bytes);
            }
        }
        free(entries[i]);
    }
    free(entries);
    return hash;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    size_t m = strlen(suffix);
    return n >= m && strcmp(name + n - m, suffix) == 0;
}

unsigned files_count(const char *dir, const char *suffix)
{
    struct dirent **entries;
    int count = scan(dir, &entries);
    unsigned found = 0;
    for (int i = 0; i < count; i++) {
        found += ends_with(entries[i]->d_name, suffix);
        free(entries[i]);
    }
    free(entries);
    return found;
}

char *files_last(const char *dir, const char *suffix)
{
    struct dirent **entries;
    int count = scan(dir, &entries);
    char *last = NULL;
    for (int i = 0; i < count; i++) {
        if (ends_with(entries[i]->d_name, suffix)) {
            free(last);
            last = strdup(entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    return last;
}

char *files_unpack_fixture(const char *name, char **top)
{
    const char *fixtures = getenv("CMT_FIXTURES");
    ck_assert_msg(fixtures != NULL, "CMT_FIXTURES is not set");
    char *dir = files_path(fixtures, name);
    char *archive = files_path(dir, "home.tar.gz");
    if (access(archive, R_OK) != 0) {
        free(archive);
        archive = files_path(dir, "home.tar.xz");
    }
    bool whole = access(archive, R_OK) != 0; /* a home of a node */
    if (whole) {
        char node[64];
        snprintf(node, sizeof node, "%s.tar.xz", name);
        free(archive);
        archive = files_path(fixtures, node);
    }
    *top = files_temp();
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        execlp("tar", "tar", "-xf", archive, "-C", *top, (char *)NULL);
        _exit(127);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "cannot unpack %s", archive);
    free(archive);
    free(dir);
    return files_path(*top, whole ? "data" : "home/data");
}
