/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables in RocksDB's format: those that pebble wrote are read, and written anew by our builder say the same,
 * entries and properties; bytes that are no such table are refused.
 */
#include "builder.h"
#include "cleanup.h"
#include "file.h"
#include "files.h"
#include "lsm_internal.h"
#include "one_table.h"
#include "pairs.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static cmt_error err;
static char *top;
static char *data;
static char *out_dir;
static int out_fd;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    data = files_unpack_fixture("shaped-1.0-v1-pebble", &top);
    out_dir = files_make_dir(top, "out");
    pairs_must(cmt_dir_open(out_dir, &out_fd, &err), &err);
}

static void teardown(void)
{
    cmt_fd_close(&out_fd);
    free(out_dir);
    free(data);
    files_remove(top);
}

/* "name=hex" lines of the properties block, but for what depends on how entries are cut into blocks. */
static char *properties_of(const char *dir, const cmt_lsm__table_meta *meta)
{
    cmt_lsm__table *t;
    uint64_t read = 0;
    CMT_AUTO(cmt_fd_close) int fd = -1;
    cmt_lsm__cursor cursor = {0};
    cmt_lsm__block *block;
    pairs_must(cmt_dir_open(dir, &fd, &err), &err);
    pairs_must(cmt_lsm__table_open(fd, meta, &read, &t, &err), &err);
    /* The meta index, and its last entry but range deletions: the properties. */
    uint8_t footer[CMT_LSM_ROCKSDB_FOOTER];
    cmt_lsm__handle handle;
    pairs_must(
        cmt_file_read_at(t->fd, t->name, meta->size - sizeof footer, footer, sizeof footer, &err),
        &err);
    const uint8_t *p = cmt_varint_get(footer + 1, footer + 41, &handle.offset);
    cmt_varint_get(p, footer + 41, &handle.size);
    pairs_must(cmt_lsm__block_read(t, handle, &read, &block, &err), &err);
    cmt_lsm__cursor_set(&cursor, block);
    cmt_lsm__block_release(block);
    pairs_must(cmt_lsm__cursor_first(&cursor, &err), &err);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&cursor.key), CMT_SLICE("rocksdb.properties")));
    p = cmt_varint_get(cursor.value.data, cursor.value.data + cursor.value.size, &handle.offset);
    cmt_varint_get(p, cursor.value.data + cursor.value.size, &handle.size);
    pairs_must(cmt_lsm__block_read(t, handle, &read, &block, &err), &err);
    cmt_lsm__cursor_set(&cursor, block);
    cmt_lsm__block_release(block);
    char *text = calloc(1, 8192);
    pairs_must(cmt_lsm__cursor_first(&cursor, &err), &err);
    for (; cursor.valid; pairs_must(cmt_lsm__cursor_next(&cursor, &err), &err)) {
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)cursor.key.size, (const char *)cursor.key.data);
        if (strstr(name, "index") != NULL || strstr(name, "data") != NULL ||
            strstr(name, "rocksdb.compression") != NULL)
            continue;
        char *at = text + strlen(text);
        at += sprintf(at, "%s=", name);
        for (size_t i = 0; i < cursor.value.size; i++)
            at += sprintf(at, "%02x", cursor.value.data[i]);
        sprintf(at, "\n");
    }
    cmt_lsm__cursor_free(&cursor);
    cmt_lsm__table_release(t);
    return text;
}

/* Every entry of the table, written by our builder. */
static cmt_lsm__table_meta rewrite(cmt_lsm_view *view, const cmt_lsm__table_meta *meta,
                                   cmt_lsm__builder *builder)
{
    one_table from;
    cmt_lsm__table_meta made;
    pairs_must(one_table_open(&from, view->dir_fd, meta, &err), &err);
    pairs_must(cmt_lsm__builder_begin(builder, meta->number, &err), &err);
    pairs_must(cmt_lsm__source_first(&from.source, &err), &err);
    for (; from.source.valid; pairs_must(cmt_lsm__source_next(&from.source, &err), &err))
        pairs_must(cmt_lsm__builder_add(builder, from.source.key, from.source.value, &err), &err);
    pairs_must(cmt_lsm__builder_finish(builder, &made, &err), &err);
    one_table_close(&from);
    return made;
}

static void expect_same_entries(cmt_lsm_view *view, const cmt_lsm__table_meta *real,
                                const cmt_lsm__table_meta *made)
{
    one_table a;
    one_table b;
    pairs_must(one_table_open(&a, view->dir_fd, real, &err), &err);
    pairs_must(one_table_open(&b, out_fd, made, &err), &err);
    pairs_must(cmt_lsm__source_last(&a.source, &err), &err);
    pairs_must(cmt_lsm__source_last(&b.source, &err), &err);
    while (a.source.valid) {
        ck_assert(b.source.valid);
        ck_assert(cmt_slice_equal(a.source.key, b.source.key));
        ck_assert(cmt_slice_equal(a.source.value, b.source.value));
        pairs_must(cmt_lsm__source_prev(&a.source, &err), &err);
        pairs_must(cmt_lsm__source_prev(&b.source, &err), &err);
    }
    ck_assert(!b.source.valid);
    one_table_close(&a);
    one_table_close(&b);
}

/* A table without range deletions: bounds, sequences, entries and properties are what pebble's are. */
static void check_table(cmt_lsm_view *view, const char *dir, const cmt_lsm__table_meta *real)
{
    const cmt_file_owner owner = {getuid(), getgid(), 0644};
    uint64_t written = 0;
    cmt_lsm__builder builder;
    cmt_lsm__builder_init(&builder, out_fd, &owner, &written);
    builder.rocksdb_format = true;
    cmt_lsm__table_meta made = rewrite(view, real, &builder);
    ck_assert(cmt_slice_equal(made.smallest, real->smallest));
    ck_assert(cmt_slice_equal(made.largest, real->largest));
    ck_assert_uint_eq(made.smallest_sequence, real->smallest_sequence);
    ck_assert_uint_eq(made.largest_sequence, real->largest_sequence);
    expect_same_entries(view, real, &made);
    char *ours = properties_of(out_dir, &made);
    char *theirs = properties_of(dir, real);
    ck_assert_str_eq(ours, theirs);
    ck_assert_ptr_nonnull(strstr(ours, "rocksdb.merge.operator="));
    free(ours);
    free(theirs);
    cmt_lsm__builder_fini(&builder);
    char name[CMT_LSM_NAME_MAX];
    cmt_lsm__table_name(made.number, true, name);
    ck_assert_int_eq(unlinkat(out_fd, name, 0), 0);
}

START_TEST(tables_of_pebble_written_anew_say_the_same)
{
    char *dir = files_path(data, _i == 0 ? "blockstore.db" : "state.db");
    cmt_lsm_view *view;
    size_t checked = 0;
    size_t with_deletions = 0;
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    for (size_t i = 0; i < view->version.count; i++) {
        const cmt_lsm__table_meta *meta = &view->version.tables[i];
        cmt_lsm__table *t;
        pairs_must(cmt_lsm__cache_table(&view->cache, meta, &t, &err), &err);
        if (t->range_dels == 0) {
            check_table(view, dir, meta);
            checked++;
        }
        with_deletions += t->range_dels > 0;
        cmt_lsm__table_release(t);
    }
    ck_assert_uint_gt(checked, 0);
    ck_assert_uint_gt(with_deletions, 0);
    cmt_lsm_view_close(view);
    free(dir);
}
END_TEST

/* No byte of a table may be another without being noticed or without meaning. */
START_TEST(a_table_with_one_other_byte_is_damaged_or_the_same)
{
    char *dir = files_path(data, "state.db");
    cmt_lsm_view *view;
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    const cmt_lsm__table_meta *meta = &view->version.tables[0];
    char name[CMT_LSM_NAME_MAX];
    cmt_lsm__table_name(meta->number, true, name);
    cmt_buf whole = files_read(dir, name);
    size_t noticed = 0;
    for (size_t at = whole.size > 3000 ? whole.size - 3000 : 0; at < whole.size; at++) {
        one_table t;
        cmt_error cause = CMT_ERROR_INIT;
        whole.data[at] ^= (uint8_t)(1 + at % 255);
        files_write(out_dir, name, cmt_buf_slice(&whole));
        pairs_must(one_table_open(&t, out_fd, meta, &err), &err);
        cmt_status st = cmt_lsm__source_first(&t.source, &cause);
        while (st == CMT_OK && t.source.valid)
            st = cmt_lsm__source_next(&t.source, &cause);
        ck_assert(st == CMT_OK || st == CMT_CORRUPT || st == CMT_UNSUPPORTED);
        noticed += st != CMT_OK;
        one_table_close(&t);
        whole.data[at] ^= (uint8_t)(1 + at % 255);
    }
    ck_assert_uint_gt(noticed, 2900); /* the footer's zero fill means nothing */
    cmt_buf_free(&whole);
    cmt_lsm_view_close(view);
    free(dir);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lsm_pebble_table");
    TCase *tc = tcase_create("table");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, tables_of_pebble_written_anew_say_the_same, 0, 2);
    tcase_add_test(tc, a_table_with_one_other_byte_is_damaged_or_the_same);
    suite_add_tcase(s, tc);
    return suite_run(s);
}
