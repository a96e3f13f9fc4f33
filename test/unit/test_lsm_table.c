/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables: what the builder writes comes back, here and in C++ LevelDB; whatever is damaged or cut off
 * afterwards is noticed or does not matter, and never shown as something else.
 */
#include "builder.h"
#include "cleanup.h"
#include "engine.h"
#include "files.h"
#include "log.h"
#include "one_table.h"
#include "pairs.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static char *top;
static int dir_fd;
static cmt_error err;
typedef struct entry {
    cmt_slice key; /* internal */
    cmt_slice value;
} entry;

static entry *entries; /* what the table holds, in order */
static size_t count;
static size_t capacity;
static cmt_lsm__arena arena;
static cmt_lsm__table_meta meta;
static cmt_lsm__builder builder;
static uint64_t bytes_written;

static void setup(void)
{
    const cmt_file_owner owner = {getuid(), getgid(), 0644};
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    dir_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bytes_written = 0;
    cmt_lsm__builder_init(&builder, dir_fd, &owner, &bytes_written);
}

static void teardown(void)
{
    cmt_lsm__builder_fini(&builder);
    cmt_lsm__arena_free(&arena);
    free(entries);
    entries = NULL;
    count = capacity = 0;
    close(dir_fd);
    files_remove(top);
}

/* ---- entries --------------------------------------------------------------------------------- */

static void add(cmt_slice user, uint64_t sequence, unsigned type, cmt_slice value)
{
    CMT_AUTO(cmt_buf_free) cmt_buf key = CMT_BUF_INIT;
    if (count == capacity) {
        capacity = capacity * 2 + 64;
        entries = realloc(entries, capacity * sizeof *entries);
        ck_assert_ptr_nonnull(entries);
    }
    ck_assert_int_eq(cmt_lsm__make_internal(user, sequence, type, &key), CMT_OK);
    ck_assert_int_eq(cmt_lsm__arena_copy(&arena, cmt_buf_slice(&key), &entries[count].key), CMT_OK);
    ck_assert_int_eq(cmt_lsm__arena_copy(&arena, value, &entries[count].value), CMT_OK);
    count++;
}

static void add_text(const char *user, uint64_t sequence, const char *value)
{
    add((cmt_slice){(const uint8_t *)user, strlen(user)}, sequence,
        value != NULL ? CMT_LSM_TYPE_PUT : CMT_LSM_TYPE_DELETE,
        (cmt_slice){(const uint8_t *)value, value != NULL ? strlen(value) : 0});
}

/* Half of it does not compress. */
static void add_random(const char *user, size_t size, rng *r)
{
    uint8_t *value = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        value[i] = size % 2 == 0 ? (uint8_t)(i / 100) : (uint8_t)rng_next(r);
    add((cmt_slice){(const uint8_t *)user, strlen(user)}, 5, CMT_LSM_TYPE_PUT,
        (cmt_slice){value, size});
    free(value);
}

static void add_many(size_t n, size_t value_max)
{
    rng r = {n};
    for (size_t i = 0; i < n; i++) {
        char key[24];
        snprintf(key, sizeof key, "key-%06zu", i * 3);
        add_random(key, (size_t)rng_between(&r, 0, (int64_t)value_max), &r);
    }
}

static void add_strange_keys(void)
{
    static const cmt_slice keys[] = {
        {(const uint8_t *)"", 0},           {(const uint8_t *)"\0", 1},
        {(const uint8_t *)"\0\0", 2},       {(const uint8_t *)"\0\xff", 2},
        {(const uint8_t *)"\x01", 1},       {(const uint8_t *)"a", 1},
        {(const uint8_t *)"a\0", 2},        {(const uint8_t *)"a\0\0\0\0\0\0\0\0", 9},
        {(const uint8_t *)"a\xff", 2},      {(const uint8_t *)"\xff", 1},
        {(const uint8_t *)"\xff\0", 2},     {(const uint8_t *)"\xff\xff", 2},
        {(const uint8_t *)"\xff\xff\0", 3}, {(const uint8_t *)"\xff\xff\xff\xff\xff", 5},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        add(keys[i], 9, CMT_LSM_TYPE_PUT, keys[i]);
}

static void add_versions(void)
{
    for (unsigned i = 0; i < 40; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%02u", i);
        for (uint64_t sequence = 30; sequence > i % 13; sequence--)
            add_text(key, sequence, sequence % 4 == 1 ? NULL : "some value or other");
    }
}

static void add_long_keys(void)
{
    static uint8_t key[CMT_LSM_KEY_MAX];
    static const size_t sizes[] = {10, 30000, CMT_LSM_KEY_MAX - 9, CMT_LSM_KEY_MAX - 8};
    memset(key, 'k', sizeof key);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        add((cmt_slice){key, sizes[i]}, 1, CMT_LSM_TYPE_PUT, CMT_SLICE("v"));
}

static void add_large_values(void)
{
    rng r = {3};
    add_random("a", MIB, &r);
    add_random("b", MIB + 1, &r);
    add_text("c", 5, "");
    add_random("d", 3 * MIB + 1, &r);
}

/* The kinds of tables that every test of a whole table runs over. */
static void add_kind(int kind)
{
    static const size_t few[] = {1, 2, 15, 16, 17, 31, 32, 33};
    if (kind < 8)
        add_many(few[kind], 20);
    else if (kind == 8)
        add_many(2000, 300);
    else if (kind == 9)
        add_many(300, 0);
    else if (kind == 10)
        add_strange_keys();
    else if (kind == 11)
        add_versions();
    else if (kind == 12)
        add_many(60, 20000);
    else
        add_large_values();
}
#define KINDS 14

/* ---- building and reading -------------------------------------------------------------------- */

static cmt_slice kept(cmt_slice bytes)
{
    cmt_slice copy;
    ck_assert_int_eq(cmt_lsm__arena_copy(&arena, bytes, &copy), CMT_OK);
    return copy;
}

static void finish(void)
{
    pairs_must(cmt_lsm__builder_finish(&builder, &meta, &err), &err);
    meta.smallest = kept(meta.smallest);
    meta.largest = kept(meta.largest);
}

static void build(uint64_t number)
{
    pairs_must(cmt_lsm__builder_begin(&builder, number, &err), &err);
    for (size_t i = 0; i < count; i++)
        pairs_must(cmt_lsm__builder_add(&builder, entries[i].key, entries[i].value, &err), &err);
    finish();
}

static void check_at(const one_table *t, size_t i)
{
    if (i >= count) {
        ck_assert(!t->source.valid);
        return;
    }
    ck_assert(t->source.valid);
    ck_assert(cmt_slice_equal(t->source.key, entries[i].key));
    ck_assert(cmt_slice_equal(t->source.value, entries[i].value));
}

/* Each function shows what it can; whatever it shows must be right. */
static cmt_status walk_forward(one_table *t)
{
    CMT_TRY(cmt_lsm__source_first(&t->source, &err));
    check_at(t, 0);
    for (size_t i = 1; i <= count; i++) {
        CMT_TRY(cmt_lsm__source_next(&t->source, &err));
        check_at(t, i);
    }
    return CMT_OK;
}

static cmt_status walk_backward(one_table *t)
{
    CMT_TRY(cmt_lsm__source_last(&t->source, &err));
    check_at(t, count - 1);
    for (size_t i = count; i-- > 0;) {
        CMT_TRY(cmt_lsm__source_prev(&t->source, &err));
        check_at(t, i - 1);
    }
    return CMT_OK;
}

static cmt_status seek_each(one_table *t)
{
    cmt_status st = CMT_OK;
    for (size_t i = 0; i < count; i++) {
        cmt_status one = cmt_lsm__source_seek(&t->source, entries[i].key, &err);
        if (one == CMT_OK)
            check_at(t, i);
        else
            st = one;
    }
    return st;
}

/* CMT_OK if all of it could be read. */
static cmt_status read_all(void)
{
    one_table t;
    pairs_must(one_table_open(&t, dir_fd, &meta, &err), &err);
    cmt_status forward = walk_forward(&t);
    cmt_status backward = walk_backward(&t);
    cmt_status seeks = seek_each(&t);
    one_table_close(&t);
    return forward != CMT_OK ? forward : backward != CMT_OK ? backward : seeks;
}

START_TEST(what_the_builder_writes_comes_back)
{
    add_kind(_i);
    build(1);
    ck_assert_uint_eq(bytes_written, meta.size);
    ck_assert(cmt_slice_equal(meta.smallest, entries[0].key));
    ck_assert(cmt_slice_equal(meta.largest, entries[count - 1].key));
    pairs_must(read_all(), &err);
}
END_TEST

START_TEST(keys_of_nearly_64_kib_come_back)
{
    add_long_keys();
    build(1);
    pairs_must(read_all(), &err);
}
END_TEST

static size_t first_at_or_behind(cmt_slice key)
{
    size_t i = 0;
    while (i < count && cmt_lsm__internal_compare(entries[i].key, key) < 0)
        i++;
    return i;
}

START_TEST(random_walks_and_seeks_end_where_they_must)
{
    rng r = {(uint64_t)_i};
    one_table t;
    add_kind(_i);
    build(1);
    pairs_must(one_table_open(&t, dir_fd, &meta, &err), &err);
    size_t at = count;
    /* The last kinds have blocks of megabytes. */
    for (unsigned step = _i < 12 ? 3000 : 200; step > 0; step--) {
        if (at >= count || rng_chance(&r, 20)) {
            CMT_AUTO(cmt_buf_free) cmt_buf target = CMT_BUF_INIT;
            cmt_slice key = entries[rng_between(&r, 0, (int64_t)count - 1)].key;
            uint64_t sequence = (uint64_t)rng_between(&r, 0, 40);
            ck_assert_int_eq(
                cmt_lsm__make_internal(cmt_lsm__user_key(key), sequence, CMT_LSM_TYPE_PUT, &target),
                CMT_OK);
            at = first_at_or_behind(cmt_buf_slice(&target));
            pairs_must(cmt_lsm__source_seek(&t.source, cmt_buf_slice(&target), &err), &err);
        } else if (rng_chance(&r, 50)) {
            at++;
            pairs_must(cmt_lsm__source_next(&t.source, &err), &err);
        } else {
            at = at == 0 ? count : at - 1;
            pairs_must(cmt_lsm__source_prev(&t.source, &err), &err);
        }
        check_at(&t, at);
    }
    one_table_close(&t);
}
END_TEST

/* The pairs that a database of this table alone shows. */
static char *visible_pairs(void)
{
    char *pairs = calloc(1, 1);
    for (size_t i = 0; i < count; i++) {
        cmt_slice user = cmt_lsm__user_key(entries[i].key);
        if ((i == 0 || !cmt_slice_equal(user, cmt_lsm__user_key(entries[i - 1].key))) &&
            cmt_lsm__type(entries[i].key) == CMT_LSM_TYPE_PUT)
            pairs = pairs_add(pairs, user, entries[i].value);
    }
    return pairs;
}

START_TEST(leveldb_reads_what_the_builder_writes)
{
    CMT_AUTO(cmt_buf_free) cmt_buf record = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf log = CMT_BUF_INIT;
    const cmt_lsm__version counters = {
        .log_number = 2, .next_file_number = 4, .last_sequence = 1000};
    add_kind(_i);
    build(1);
    meta.level = 2;
    ck_assert_int_eq(cmt_lsm__version_encode(&counters, &meta, 1, &record), CMT_OK);
    ck_assert_int_eq(cmt_lsm__log_append(&log, cmt_buf_slice(&record)), CMT_OK);
    files_write(top, "MANIFEST-000003", cmt_buf_slice(&log));
    files_write(top, "CURRENT", CMT_SLICE("MANIFEST-000003\n"));
    char *expected = visible_pairs();
    char *theirs = engine_pairs(top, NULL);
    char *ours = pairs_of_view(top);
    ck_assert(strcmp(theirs, expected) == 0);
    ck_assert(strcmp(ours, expected) == 0);
    free(ours);
    free(theirs);
    free(expected);
}
END_TEST

/* Copy the block that `index` stands on into the table being built. */
static void copy_block(cmt_lsm__table *from, const cmt_lsm__cursor *index)
{
    CMT_AUTO(cmt_buf_free) cmt_buf first = CMT_BUF_INIT;
    cmt_lsm__handle handle;
    cmt_lsm__block *block;
    cmt_lsm__cursor data = {0};
    cmt_lsm__block_facts facts = {0};
    pairs_must(cmt_lsm__handle_decode(from, index->value, &handle, &err), &err);
    size_t size = (size_t)handle.size + CMT_LSM_BLOCK_TRAILER;
    uint8_t *raw = malloc(size);
    pairs_must(cmt_file_read_at(from->fd, from->name, handle.offset, raw, size, &err), &err);
    pairs_must(cmt_lsm__block_unpack(from, handle, raw, &block, &err), &err);
    cmt_lsm__cursor_set(&data, block);
    pairs_must(cmt_lsm__cursor_first(&data, &err), &err);
    ck_assert_int_eq(cmt_buf_set(&first, cmt_buf_slice(&data.key)), CMT_OK);
    for (; data.valid; pairs_must(cmt_lsm__cursor_next(&data, &err), &err))
        cmt_lsm__block_facts_add(&facts, cmt_buf_slice(&data.key), data.value.size);
    pairs_must(cmt_lsm__cursor_last(&data, &err), &err);
    pairs_must(cmt_lsm__builder_add_block(&builder, (cmt_slice){raw, size}, cmt_buf_slice(&first),
                                          cmt_buf_slice(&data.key), &facts, &err),
               &err);
    cmt_lsm__cursor_free(&data);
    cmt_lsm__block_release(block);
    free(raw);
}

START_TEST(blocks_copied_as_they_are_stored_make_the_same_table)
{
    cmt_lsm__table *from;
    cmt_lsm__cursor index = {0};
    add_kind(_i);
    size_t own = count;
    build(1);
    pairs_must(cmt_lsm__table_open(dir_fd, &meta, &bytes_written, &from, &err), &err);
    pairs_must(cmt_lsm__builder_begin(&builder, 2, &err), &err);
    cmt_lsm__cursor_set(&index, from->index);
    pairs_must(cmt_lsm__cursor_first(&index, &err), &err);
    while (index.valid) {
        copy_block(from, &index);
        pairs_must(cmt_lsm__cursor_next(&index, &err), &err);
    }
    /* Entries of their own behind the copied blocks. */
    for (unsigned i = 0; i < 30; i++)
        add((cmt_slice){(const uint8_t *)"\xff\xff\xff\xff\xff\xff", 6}, 90 - i, CMT_LSM_TYPE_PUT,
            CMT_SLICE("more"));
    for (size_t i = own; i < count; i++)
        pairs_must(cmt_lsm__builder_add(&builder, entries[i].key, entries[i].value, &err), &err);
    cmt_lsm__cursor_free(&index);
    cmt_lsm__table_release(from);
    finish();
    pairs_must(read_all(), &err);
}
END_TEST

START_TEST(the_builder_refuses_keys_out_of_order)
{
    add_text("b", 5, "1");
    pairs_must(cmt_lsm__builder_begin(&builder, 1, &err), &err);
    pairs_must(cmt_lsm__builder_add(&builder, entries[0].key, CMT_SLICE(""), &err), &err);
    ck_assert_int_eq(cmt_lsm__builder_add(&builder, entries[0].key, CMT_SLICE(""), &err),
                     CMT_CORRUPT);
    add_text("b", 6, "1");
    ck_assert_int_eq(cmt_lsm__builder_add(&builder, entries[1].key, CMT_SLICE(""), &err),
                     CMT_CORRUPT);
    add_text("a", 1, "1");
    ck_assert_int_eq(cmt_lsm__builder_add(&builder, entries[2].key, CMT_SLICE(""), &err),
                     CMT_CORRUPT);
}
END_TEST

/* ---- damage ---------------------------------------------------------------------------------- */

/* A table of a few blocks in about a kilobyte and a half. */
static cmt_buf build_small(void)
{
    rng r = {11};
    add_text("a", 9, "alpha");
    add_text("b", 8, NULL);
    add_text("b", 7, "beta");
    add_random("c", 701, &r);
    add_text("d", 6, "delta");
    add_random("e", 4096, &r);
    add_text("f", 3, "");
    add_random("g", 5000, &r);
    add_text("h", 3, "eta");
    build(1);
    return files_read(top, "000001.ldb");
}

START_TEST(a_flipped_byte_is_noticed_or_does_not_matter)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    cmt_buf file = build_small();
    CMT_AUTO(cmt_fd_close) int fd = openat(dir_fd, "000001.ldb", O_WRONLY | O_CLOEXEC);
    unsigned unnoticed = 0;
    for (size_t at = 0; at < file.size; at++) {
        for (size_t m = 0; m < sizeof masks; m++) {
            uint8_t flipped = file.data[at] ^ masks[m];
            ck_assert_int_eq(pwrite(fd, &flipped, 1, (off_t)at), 1);
            cmt_status st = read_all();
            ck_assert_msg(st == CMT_OK || st == CMT_CORRUPT || st == CMT_UNSUPPORTED,
                          "byte %zu: %s", at, err.message);
            unnoticed += st == CMT_OK;
        }
        ck_assert_int_eq(pwrite(fd, &file.data[at], 1, (off_t)at), 1);
    }
    /* The fill of the footer, the empty meta index with its trailer, and its handle. */
    ck_assert_uint_le(unnoticed, sizeof masks * (40 + 8 + CMT_LSM_BLOCK_TRAILER));
    cmt_buf_free(&file);
}
END_TEST

START_TEST(a_table_cut_anywhere_is_damage)
{
    cmt_buf file = build_small();
    CMT_AUTO(cmt_fd_close) int fd = openat(dir_fd, "000001.ldb", O_WRONLY | O_CLOEXEC);
    for (size_t size = file.size; size-- > 0;) {
        ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
        ck_assert_int_eq(read_all(), CMT_CORRUPT);
        uint64_t whole = meta.size;
        meta.size = size; /* as if the MANIFEST knew it so */
        ck_assert_int_eq(read_all(), CMT_CORRUPT);
        meta.size = whole;
    }
    cmt_buf_free(&file);
}
END_TEST

START_TEST(a_table_longer_than_the_manifest_says_is_damage)
{
    cmt_buf file = build_small();
    CMT_AUTO(cmt_fd_close) int fd = openat(dir_fd, "000001.ldb", O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(ftruncate(fd, (off_t)file.size + 1), 0);
    ck_assert_int_eq(read_all(), CMT_CORRUPT);
    cmt_buf_free(&file);
}
END_TEST

/* ---- files ----------------------------------------------------------------------------------- */

START_TEST(a_table_may_be_called_sst)
{
    cmt_buf file = build_small();
    ck_assert_int_eq(renameat(dir_fd, "000001.ldb", dir_fd, "000001.sst"), 0);
    pairs_must(read_all(), &err);
    meta.is_sst = true;
    pairs_must(read_all(), &err);
    cmt_buf_free(&file);
}
END_TEST

START_TEST(of_two_names_ldb_counts)
{
    cmt_buf file = build_small();
    files_write(top, "000001.sst", CMT_SLICE("something else"));
    pairs_must(read_all(), &err);
    cmt_buf_free(&file);
}
END_TEST

START_TEST(a_missing_table_is_stale)
{
    cmt_buf file = build_small();
    ck_assert_int_eq(unlinkat(dir_fd, "000001.ldb", 0), 0);
    ck_assert_int_eq(read_all(), CMT_STALE);
    cmt_buf_free(&file);
}
END_TEST

START_TEST(a_table_that_is_a_symbolic_link_is_not_followed)
{
    cmt_buf file = build_small();
    ck_assert_int_eq(renameat(dir_fd, "000001.ldb", dir_fd, "elsewhere"), 0);
    ck_assert_int_eq(symlinkat("elsewhere", dir_fd, "000001.ldb"), 0);
    ck_assert_int_eq(read_all(), CMT_IO);
    cmt_buf_free(&file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_table");
    TCase *tc = tcase_create("whole");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, what_the_builder_writes_comes_back, 0, KINDS);
    tcase_add_test(tc, keys_of_nearly_64_kib_come_back);
    tcase_add_loop_test(tc, random_walks_and_seeks_end_where_they_must, 0, KINDS);
    tcase_add_loop_test(tc, leveldb_reads_what_the_builder_writes, 0, KINDS);
    tcase_add_loop_test(tc, blocks_copied_as_they_are_stored_make_the_same_table, 0, KINDS);
    tcase_add_test(tc, the_builder_refuses_keys_out_of_order);
    suite_add_tcase(suite, tc);
    tc = tcase_create("damage");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_flipped_byte_is_noticed_or_does_not_matter);
    tcase_add_test(tc, a_table_cut_anywhere_is_damage);
    tcase_add_test(tc, a_table_longer_than_the_manifest_says_is_damage);
    suite_add_tcase(suite, tc);
    tc = tcase_create("files");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_table_may_be_called_sst);
    tcase_add_test(tc, of_two_names_ldb_counts);
    tcase_add_test(tc, a_missing_table_is_stale);
    tcase_add_test(tc, a_table_that_is_a_symbolic_link_is_not_followed);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
