/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a database with the C++ LevelDB library, every checksum verified, as an independent judge
 * of what cmtstore writes.
 *
 *   cleveldb_check dump DIR      one line per pair: key in hex, value length, SHA-256 of the value;
 *                                every key is looked up besides
 *   cleveldb_check compact DIR   compact the whole range
 *   cleveldb_check hold DIR...   open and keep open until stdin ends
 *
 * The library changes a directory as soon as it opens it: give it a copy.
 */
#include <leveldb/c.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHA256_SIZE 32

static void die_on(char *leveldb_error, const char *what)
{
    if (leveldb_error == NULL)
        return;
    fprintf(stderr, "cleveldb_check: %s: %s\n", what, leveldb_error);
    exit(1);
}

static leveldb_t *open_db(const char *dir)
{
    leveldb_options_t *options = leveldb_options_create();
    leveldb_options_set_paranoid_checks(options, 1);
    leveldb_options_set_create_if_missing(options, 0);
    char *error = NULL;
    leveldb_t *db = leveldb_open(options, dir, &error);
    die_on(error, dir);
    leveldb_options_destroy(options);
    return db;
}

static void print_hex(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        printf("%02x", (unsigned char)bytes[i]);
}

static void print_pair(const char *key, size_t key_size, const char *value, size_t value_size)
{
    unsigned char hash[SHA256_SIZE];
    if (EVP_Digest(value, value_size, hash, NULL, EVP_sha256(), NULL) != 1) {
        fprintf(stderr, "cleveldb_check: SHA-256 failed\n");
        exit(1);
    }
    print_hex(key, key_size);
    printf(" %zu ", value_size);
    print_hex((const char *)hash, sizeof hash);
    putchar('\n');
}

static void check_get(leveldb_t *db, const leveldb_readoptions_t *options,
                      const leveldb_iterator_t *it)
{
    size_t key_size = 0;
    size_t seen_size = 0;
    size_t size = 0;
    const char *key = leveldb_iter_key(it, &key_size);
    const char *seen = leveldb_iter_value(it, &seen_size);
    char *error = NULL;
    char *value = leveldb_get(db, options, key, key_size, &size, &error);
    die_on(error, "get");
    if (value == NULL || size != seen_size || memcmp(value, seen, size) != 0) {
        fprintf(stderr, "cleveldb_check: get does not give what the iterator saw for key ");
        for (size_t i = 0; i < key_size; i++)
            fprintf(stderr, "%02x", (unsigned char)key[i]);
        fputc('\n', stderr);
        exit(1);
    }
    leveldb_free(value);
}

static void dump(const char *dir)
{
    leveldb_t *db = open_db(dir);
    leveldb_readoptions_t *options = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(options, 1);
    leveldb_iterator_t *it = leveldb_create_iterator(db, options);
    for (leveldb_iter_seek_to_first(it); leveldb_iter_valid(it); leveldb_iter_next(it)) {
        size_t key_size = 0;
        size_t value_size = 0;
        const char *key = leveldb_iter_key(it, &key_size);
        const char *value = leveldb_iter_value(it, &value_size);
        print_pair(key, key_size, value, value_size);
        check_get(db, options, it);
    }
    char *error = NULL;
    leveldb_iter_get_error(it, &error);
    die_on(error, "iterate");
    leveldb_iter_destroy(it);
    leveldb_readoptions_destroy(options);
    leveldb_close(db);
}

static void compact(const char *dir)
{
    leveldb_t *db = open_db(dir);
    leveldb_compact_range(db, NULL, 0, NULL, 0);
    leveldb_close(db);
}

static void hold(int count, char **dirs)
{
    leveldb_t **dbs = calloc((size_t)count, sizeof(leveldb_t *));
    if (dbs == NULL)
        exit(1);
    for (int i = 0; i < count; i++)
        dbs[i] = open_db(dirs[i]);
    puts("held");
    fflush(stdout);
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    for (int i = 0; i < count; i++)
        leveldb_close(dbs[i]);
    free(dbs);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "dump") == 0) {
        dump(argv[2]);
    } else if (argc == 3 && strcmp(argv[1], "compact") == 0) {
        compact(argv[2]);
    } else if (argc >= 3 && strcmp(argv[1], "hold") == 0) {
        hold(argc - 2, argv + 2);
    } else {
        fprintf(stderr, "usage: cleveldb_check dump DIR | compact DIR | hold DIR...\n");
        return 2;
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
