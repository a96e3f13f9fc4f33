/* SPDX-License-Identifier: Apache-2.0
 *
 * The RocksDB library alone, as an independent holder, opener and judge.
 *
 *   rocksdb_check dump DIR      one line per pair: key in hex, value length, SHA-256 of the value
 *   rocksdb_check hold DIR...   open and keep open until stdin ends
 *   rocksdb_check open DIR      open as a node does, and close
 *   rocksdb_check pack DIR SETTINGS  write all tables anew with settings as they stand in an OPTIONS file
 *
 * The library changes a directory as soon as it opens it: give it a copy.
 */
#include <openssl/evp.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static rocksdb_t *open_db(const char *dir)
{
    rocksdb_options_t *options = rocksdb_options_create();
    char *error = NULL;
    rocksdb_t *db = rocksdb_open(options, dir, &error);
    rocksdb_options_destroy(options);
    if (error == NULL)
        return db;
    fprintf(stderr, "rocksdb_check: %s: %s\n", dir, error);
    exit(1);
}

static void print_pair(const char *key, size_t key_size, const char *value, size_t value_size)
{
    unsigned char hash[32];
    if (EVP_Digest(value, value_size, hash, NULL, EVP_sha256(), NULL) != 1)
        exit(1);
    for (size_t i = 0; i < key_size; i++)
        printf("%02x", (unsigned char)key[i]);
    printf(" %zu ", value_size);
    for (size_t i = 0; i < sizeof hash; i++)
        printf("%02x", hash[i]);
    putchar('\n');
}

static int dump(const char *dir)
{
    rocksdb_t *db = open_db(dir);
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    rocksdb_iterator_t *it = rocksdb_create_iterator(db, options);
    for (rocksdb_iter_seek_to_first(it); rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        size_t key_size = 0;
        size_t value_size = 0;
        const char *key = rocksdb_iter_key(it, &key_size);
        const char *value = rocksdb_iter_value(it, &value_size);
        print_pair(key, key_size, value, value_size);
    }
    char *error = NULL;
    rocksdb_iter_get_error(it, &error);
    rocksdb_iter_destroy(it);
    rocksdb_readoptions_destroy(options);
    rocksdb_close(db);
    if (error != NULL)
        fprintf(stderr, "rocksdb_check: %s: %s\n", dir, error);
    return error == NULL ? 0 : 1;
}

static int hold(char **dirs, int count)
{
    rocksdb_t *dbs[8];
    for (int i = 0; i < count; i++)
        dbs[i] = open_db(dirs[i]);
    puts("held");
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    for (int i = 0; i < count; i++)
        rocksdb_close(dbs[i]);
    return 0;
}

static int fail(const char *dir, const char *error)
{
    fprintf(stderr, "rocksdb_check: %s: %s\n", dir, error);
    return 1;
}

static int pack(const char *dir, const char *settings)
{
    char *error = NULL;
    rocksdb_options_t *base = rocksdb_options_create();
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_compactoptions_t *all = rocksdb_compactoptions_create();
    rocksdb_get_options_from_string(base, settings, options, &error);
    if (error != NULL)
        return fail(dir, error);
    rocksdb_t *db = rocksdb_open(options, dir, &error);
    if (error != NULL)
        return fail(dir, error);
    rocksdb_compactoptions_set_bottommost_level_compaction(all, 2 /* force */);
    rocksdb_compact_range_opt(db, all, NULL, 0, NULL, 0);
    rocksdb_close(db);
    rocksdb_compactoptions_destroy(all);
    rocksdb_options_destroy(options);
    rocksdb_options_destroy(base);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "dump") == 0)
        return dump(argv[2]);
    if (argc >= 3 && argc < 10 && strcmp(argv[1], "hold") == 0)
        return hold(argv + 2, argc - 2);
    if (argc == 3 && strcmp(argv[1], "open") == 0) {
        rocksdb_close(open_db(argv[2]));
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "pack") == 0)
        return pack(argv[2], argv[3]);
    fprintf(stderr, "usage: rocksdb_check dump DIR | hold DIR... | open DIR | pack DIR SETTINGS\n");
    return 2;
}
