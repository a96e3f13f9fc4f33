/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories that RocksDB wrote: in every style of tables that is known the view shows what RocksDB shows; after
 * each edit RocksDB reads exactly what was meant to stay, and goes on; what is not known is refused.
 */
#include "edit_internal.h"
#include "instrumented.h"
#include "log.h"
#include "rng.h"
#include "rocksdb_made.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define KEYS 600

static const char *key_of(uint64_t number)
{
    static char key[24];
    snprintf(key, sizeof key, "height:%05llu", (unsigned long long)number);
    return key;
}

static uint64_t rng_below(rng *r, uint64_t limit)
{
    return rng_next(r) % limit;
}

/* Values of very different sizes, some of which compress well. */
static const char *value_of(rng *r)
{
    static char value[1200];
    size_t size = rng_below(r, 12) == 0 ? 400 + rng_below(r, 700) : 5 + rng_below(r, 90);
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    const size_t of_them = rng_below(r, 2) == 0 ? 2 : sizeof letters - 1;
    for (size_t i = 0; i < size; i++)
        value[i] = letters[rng_below(r, of_them)];
    value[size] = '\0';
    return value;
}

static void write_some(rng *r, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const char *key = key_of(rng_below(r, KEYS));
        if (rng_below(r, 5) == 0)
            rocksdb_dir_delete(&db, key);
        else
            rocksdb_dir_put(&db, key, value_of(r));
        if (rng_below(r, 300) == 0)
            rocksdb_dir_flush(&db);
    }
}

/* Tables on several levels, and a log. */
static void fill(rng *r)
{
    for (unsigned i = 0; i < KEYS; i++)
        rocksdb_dir_put(&db, key_of(i), value_of(r));
    rocksdb_dir_compact(&db);
    write_some(r, 400);
    rocksdb_dir_flush(&db);
    write_some(r, 60);
}

/* ---- reading ---------------------------------------------------------------------------------- */

#define TABLES(text) "block_based_table_factory={block_size=512;" text "};"

static const char *const styles[] = {
    TABLES("format_version=2;checksum=kCRC32c") "compression=kSnappyCompression",
    TABLES("format_version=3;checksum=kxxHash64") "compression=kNoCompression",
    TABLES("format_version=4;checksum=kXXH3") "compression=kLZ4Compression",
    TABLES("format_version=5;checksum=kXXH3") "compression=kLZ4HCCompression",
    TABLES("format_version=5;checksum=kCRC32c") "compression=kZSTD",
    TABLES("format_version=5;checksum=kxxHash64;index_block_restart_interval=7") "compress"
                                                                                 "ion="
                                                                                 "kSnappyC"
                                                                                 "ompressi"
                                                                                 "on",
    TABLES("format_version=3;checksum=kXXH3;index_block_restart_interval=16") "compression"
                                                                              "=kLZ4Compre"
                                                                              "ssion",
    TABLES("format_version=5;checksum=kXXH3;index_type=kTwoLevelIndexSearch;metadata_"
           "block_size=200;"
           "index_block_restart_interval=4;filter_policy=bloomfilter:10:false") "compressi"
                                                                                "on="
                                                                                "kLZ4Compr"
                                                                                "ession",
    TABLES("format_version=5;checksum=kXXH3;block_align=true") "compression="
                                                               "kNoCompression",
    TABLES("format_version=5;filter_policy=bloomfilter:10:false;whole_key_filtering="
           "true") "compression_per_level=kNoCompression:kNoCompression:"
                   "kLZ4Compression;"
                   "recycle_log_file_num=2;max_manifest_file_size=2000",
};

START_TEST(the_view_shows_what_rocksdb_shows)
{
    rng r = {(uint64_t)_i + 1};
    rocksdb_dir_init(&db, dir, styles[_i]);
    fill(&r);
    rocksdb_dir_close(&db);
    expect_same();
    rocksdb_dir_open(&db);
    write_some(&r, 50);
    rocksdb_dir_delete_range(&db, key_of(100), "height:00150");
    rocksdb_dir_flush(&db);
    write_some(&r, 20);
    rocksdb_dir_delete_range(&db, key_of(400), "height:00410");
    rocksdb_dir_close(&db);
    expect_same();
}
END_TEST

/* ---- editing ---------------------------------------------------------------------------------- */

/* The lines of `pairs` but those of keys in [lo,hi), and with `put`. */
static char *without(const char *pairs, const char *lo, const char *hi, const char *put,
                     const char *value)
{
    char *left = calloc(1, strlen(pairs) + strlen(put) + strlen(value) + 4);
    char *at = left;
    bool done = false;
    for (const char *line = pairs; *line != '\0' || !done; line = strchr(line, '\n') + 1) {
        size_t size = strcspn(line, "=");
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)size, line);
        if (!done && (*line == '\0' || strcmp(key, put) >= 0)) {
            at += sprintf(at, "%s=%s\n", put, value);
            done = true;
        }
        if (*line == '\0')
            break;
        if ((strcmp(key, lo) < 0 || strcmp(key, hi) >= 0) && strcmp(key, put) != 0)
            at += sprintf(at, "%.*s", (int)(strchr(line, '\n') + 1 - line), line);
    }
    return left;
}

static cmt_status plan_and_prepare(cmt_lsm_edit *edit, const cmt_lsm_edit_spec *spec)
{
    CMT_TRY(spec != NULL ? cmt_lsm_edit_plan(edit, spec, &err)
                         : cmt_lsm_edit_plan_compact(edit, &err));
    if (cmt_lsm_edit_get_counts(edit).nothing_to_do)
        return CMT_OK;
    CMT_TRY(cmt_lsm_edit_prepare(edit, &err));
    carry_out(edit);
    return CMT_OK;
}

static cmt_status edit_with(const cmt_lsm_edit_spec *spec)
{
    const cmt_lsm_edit_options options = {.name = "test", .min_free_bytes = 1, .table_bytes = 8192};
    cmt_lsm_edit *edit;
    CMT_TRY(cmt_lsm_edit_open(dir, &options, &edit, &err));
    cmt_status st = plan_and_prepare(edit, spec);
    cmt_lsm_edit_free(edit);
    return st;
}

/* A prune of a random range; true if it was made, false if range deletions stood in its way. */
static bool prune(rng *r)
{
    char lo[24];
    char hi[24];
    uint64_t from = rng_below(r, KEYS);
    snprintf(lo, sizeof lo, "%s", key_of(from));
    snprintf(hi, sizeof hi, "%s", key_of(from + 1 + rng_below(r, KEYS / 2)));
    const cmt_range dead = {{(const uint8_t *)lo, strlen(lo)}, {(const uint8_t *)hi, strlen(hi)}};
    const cmt_lsm_put put = {CMT_SLICE("base"), {(const uint8_t *)lo, strlen(lo)}};
    cmt_lsm_edit_spec spec = {.dead = &dead,
                              .dead_count = 1,
                              .puts = &put,
                              .put_count = 1,
                              .rewrite_share = rng_below(r, 2) == 0 ? 0.05 : 0.6,
                              .unpacked_percent = rng_below(r, 2) == 0 ? 10 : 0,
                              .reclaim = rng_below(r, 2) == 0};
    char *before = rocksdb_dir_pairs(&db);
    char *wanted = without(before, lo, hi, "base", lo);
    cmt_status st = edit_with(&spec);
    if (st != CMT_UNSUPPORTED)
        pairs_must(st, &err);
    char *after = rocksdb_dir_pairs(&db);
    ck_assert_str_eq(after, st == CMT_OK ? wanted : before);
    free(before);
    free(wanted);
    free(after);
    return st == CMT_OK;
}

/* RocksDB and edits by turns. */
START_TEST(rocksdb_goes_on_after_edits)
{
    unsigned made = 0;
    rng r = {(uint64_t)_i + 100};
    rocksdb_dir_init(&db, dir, styles[(size_t)_i % COUNT(styles)]);
    fill(&r);
    for (unsigned round = 0; round < IF_INSTRUMENTED(2, 6); round++) {
        rocksdb_dir_close(&db);
        made += prune(&r);
        expect_same();
        rocksdb_dir_open(&db);
        write_some(&r, 150);
        if (rng_below(&r, 4) == 0)
            rocksdb_dir_delete_range(&db, key_of(rng_below(&r, 450)), "height:00450");
        if (rng_below(&r, 2) == 0)
            rocksdb_dir_flush(&db);
        if (rng_below(&r, 3) == 0)
            rocksdb_dir_compact(&db);
    }
    ck_assert_uint_gt(made, 0);
}
END_TEST

START_TEST(a_compaction_leaves_the_pairs)
{
    rng r = {(uint64_t)_i + 200};
    rocksdb_dir_init(&db, dir, styles[_i]);
    fill(&r);
    rocksdb_dir_close(&db);
    char *before = rocksdb_dir_pairs(&db);
    pairs_must(edit_with(NULL), &err);
    char *after = rocksdb_dir_pairs(&db);
    ck_assert_str_eq(after, before);
    free(before);
    free(after);
    rocksdb_dir_open(&db);
    write_some(&r, 200);
    rocksdb_dir_compact(&db);
    rocksdb_dir_close(&db);
    expect_same();
}
END_TEST

static void append_to_manifest(cmt_slice record)
{
    cmt_buf current = files_read(dir, "CURRENT");
    current.data[current.size - 1] = '\0';
    cmt_buf manifest = files_read(dir, (const char *)current.data);
    ck_assert_int_eq(cmt_lsm__log_append(&manifest, record), CMT_OK);
    files_write(dir, (const char *)current.data, cmt_buf_slice(&manifest));
    cmt_buf_free(&manifest);
    cmt_buf_free(&current);
}

/* What it says of a table that stays is kept; the next number is above all files. */
START_TEST(the_manifest_keeps_what_rocksdb_says)
{
    rng r = {7};
    const cmt_lsm_put put = {CMT_SLICE("base"), CMT_SLICE("1")};
    const cmt_lsm_edit_spec spec = {.puts = &put, .put_count = 1};
    rocksdb_dir_init(&db, dir, styles[COUNT(styles) - 1]);
    fill(&r);
    rocksdb_dir_close(&db);
    append_to_manifest(CMT_SLICE(
        "\x81\x40\4ours\x87\x40\2ab")); /* 8193: the database's name; 8199: to be skipped */
    cmt_lsm_view *old;
    cmt_lsm_view *new;
    pairs_must(cmt_lsm_view_open(dir, NULL, &old, &err), &err);
    pairs_must(edit_with(&spec), &err);
    pairs_must(cmt_lsm_view_open(dir, NULL, &new, &err), &err);
    size_t stayed = 0;
    for (size_t i = 0; i < old->version.count; i++)
        for (size_t k = 0; k < new->version.count; k++) {
            const cmt_lsm__table_meta *a = &old->version.tables[i];
            const cmt_lsm__table_meta *b = &new->version.tables[k];
            if (a->number != b->number)
                continue;
            stayed++;
            ck_assert_uint_gt(a->custom.size, 0);
            ck_assert(cmt_slice_equal(a->custom, b->custom));
        }
    ck_assert_uint_gt(stayed, 0);
    ck_assert(cmt_slice_equal(old->version.db_id, CMT_SLICE("ours")));
    ck_assert(cmt_slice_equal(new->version.db_id, CMT_SLICE("ours")));
    ck_assert_uint_eq(new->version.min_log_number, new->version.log_number);
    ck_assert_uint_gt(new->version.log_number, old->highest_number);
    ck_assert_uint_eq(new->journal.files, 0);
    cmt_lsm_view_close(old);
    cmt_lsm_view_close(new);
}
END_TEST

/* ---- refusing --------------------------------------------------------------------------------- */

static const struct {
    const char *settings;
    const char *told;
} strange[] = {
    {TABLES("format_version=5;checksum=kxxHash"), "checksum kind 2"},
    {TABLES("format_version=5;checksum=kNoChecksum"), "checksum kind 0"},
    {TABLES("format_version=5;data_block_index_type=kDataBlockBinaryAndHash"),
     "data_block_index_type"},
    {TABLES("format_version=5;index_type=kBinarySearchWithFirstKey"), "index of kind 3"},
    {"compression=kZlibCompression", "method 2"},
    {"compression=kBZip2Compression", "method 3"},
    {"compression=kZSTD;compression_opts={max_dict_bytes=4096}", "dictionary"},
    {"wal_compression=kZSTD", "wal_compression"},
    {"enable_blob_files=true;min_blob_size=100", "blob"},
};

/* Everything that a reader of the directory can do. */
static cmt_status read_all(void)
{
    cmt_lsm_view *view;
    cmt_lsm_iter *iter;
    CMT_TRY(cmt_lsm_view_open(dir, NULL, &view, &err));
    cmt_status st = cmt_lsm_iter_new(view, NULL, &iter, &err);
    if (st == CMT_OK) {
        st = cmt_lsm_iter_first(iter, &err);
        while (st == CMT_OK)
            st = cmt_lsm_iter_next(iter, &err);
        cmt_lsm_iter_free(iter);
    }
    cmt_lsm_view_close(view);
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

START_TEST(what_cometbft_does_not_use_is_refused)
{
    rng r = {3};
    rocksdb_dir_init(&db, dir, strange[_i].settings);
    fill(&r);
    rocksdb_dir_close(&db);
    uint64_t before = files_hash(dir);
    ck_assert_int_eq(read_all(), CMT_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, strange[_i].told) != NULL, "%s", err.message);
    ck_assert_int_eq(edit_with(NULL), CMT_UNSUPPORTED);
    ck_assert_uint_eq(files_hash(dir), before);
}
END_TEST

START_TEST(other_column_families_are_refused)
{
    char *error = NULL;
    rocksdb_dir_init(&db, dir, "");
    rocksdb_dir_put(&db, "a", "1");
    rocksdb_column_family_handle_t *other =
        rocksdb_create_column_family(db.db, db.options, "other", &error);
    ck_assert_ptr_null(error);
    rocksdb_column_family_handle_destroy(other);
    rocksdb_dir_close(&db);
    ck_assert_int_eq(read_all(), CMT_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, "field 201") != NULL ||
                      strstr(err.message, "column family") != NULL,
                  "%s", err.message);
}
END_TEST

/* Says of the only table that its entries have the sequences [smallest,largest]. */
static void pretend_sequences(uint64_t smallest, uint64_t largest)
{
    cmt_lsm_view *view;
    cmt_buf record = CMT_BUF_INIT;
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    ck_assert_uint_eq(view->version.count, 1);
    cmt_lsm__table_meta *t = &view->version.tables[0];
    ck_assert_uint_eq(t->level, 0);
    t->smallest_sequence = smallest;
    t->largest_sequence = largest;
    ck_assert_int_eq(cmt_lsm__version_encode(&view->version, t, 1, &record), CMT_OK);
    append_to_manifest(cmt_buf_slice(&record));
    cmt_buf_free(&record);
    cmt_lsm_view_close(view);
}

START_TEST(what_rocksdb_would_not_open_is_not_written)
{
    const cmt_lsm_put put = {CMT_SLICE("base"), CMT_SLICE("1")};
    const cmt_lsm_edit_spec spec = {.puts = &put, .put_count = 1};
    rocksdb_dir_init(&db, dir, "");
    rocksdb_dir_put(&db, "a", "1");
    rocksdb_dir_put(&db, "b", "1");
    rocksdb_dir_flush(&db);
    rocksdb_dir_put(&db, "c", "1");
    rocksdb_dir_close(&db);
    pretend_sequences(8, 9); /* newer than the log's */
    uint64_t before = files_hash(dir);
    ck_assert_int_eq(edit_with(&spec), CMT_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, "sequences of level 0") != NULL, "%s", err.message);
    ck_assert_uint_eq(files_hash(dir), before);
    pretend_sequences(1, 2);
    pairs_must(edit_with(&spec), &err);
    char *pairs = rocksdb_dir_pairs(&db);
    ck_assert_str_eq(pairs, "a=1\nb=1\nbase=1\nc=1\n");
    free(pairs);
}
END_TEST

static const struct {
    const char *record;
    const char *told;
} fields[] = {
    {"\xc8\1\1", "a column family"},     /* 200: of family 1 */
    {"\xc9\1\1x", "field 201"},          /* a new one */
    {"\xca\1", "field 202"},             /* one less */
    {"\xcb\1\2", "a column family"},     /* 203: up to 2 */
    {"\xac\2\1", "field 300"},           /* a group of edits */
    {"\x90\3\1", "field 400"},           /* a blob file */
    {"\x84\x40\1", "field 8196"},        /* a log, in a form that cannot be skipped */
    {"\x66\1\2\3", "another directory"}, /* 102: a table elsewhere */
    {"\7\1\2", "field 7"},               /* LevelDB's tables */
    {"\x6\7\1", "level 7"},              /* 6: a level too many */
};

START_TEST(other_fields_of_a_manifest_are_refused)
{
    rocksdb_dir_init(&db, dir, "");
    rocksdb_dir_put(&db, "a", "1");
    rocksdb_dir_close(&db);
    pairs_must(read_all(), &err);
    append_to_manifest((cmt_slice){(const uint8_t *)fields[_i].record, strlen(fields[_i].record)});
    ck_assert_int_eq(read_all(), CMT_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, fields[_i].told) != NULL, "%s", err.message);
}
END_TEST

START_TEST(other_entries_in_a_log_are_refused)
{
    char *error = NULL;
    rocksdb_dir_init(&db, dir, "");
    rocksdb_merge(db.db, db.write, "a", 1, "1", 1, &error);
    if (error !=
        NULL) { /* some builds refuse a merge without an operator; a single delete is as good */
        rocksdb_free(error);
        error = NULL;
    }
    rocksdb_singledelete(db.db, db.write, "a", 1, &error);
    ck_assert_ptr_null(error);
    rocksdb_dir_close(&db);
    ck_assert_int_eq(read_all(), CMT_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, "entry of kind") != NULL, "%s", err.message);
}
END_TEST

/* Larger logs than LevelDB's are normal; their memory is bounded all the same. */
START_TEST(logs_are_read_up_to_a_limit)
{
    rocksdb_dir_init(&db, dir, "");
    rocksdb_dir_put(&db, "a", "1");
    rocksdb_dir_close(&db);
    char *log = files_last(dir, ".log");
    char *path = files_path(dir, log);
    ck_assert_int_eq(truncate(path, (off_t)CMT_LSM_JOURNALS_MAX + 1), 0);
    char *pairs = pairs_of_view(dir);
    ck_assert_str_eq(pairs, "a=1\n");
    ck_assert_int_eq(truncate(path, (off_t)CMT_LSM_ROCKSDB_JOURNALS_MAX + 1), 0);
    ck_assert_int_eq(read_all(), CMT_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, "write-ahead log") != NULL, "%s", err.message);
    free(pairs);
    free(path);
    free(log);
}
END_TEST

static void change_options(const char *from, const char *to)
{
    cmt_buf text = files_read(dir, "OPTIONS-000007");
    uint8_t *at = memmem(text.data, text.size, from, strlen(from));
    ck_assert_ptr_nonnull(at);
    memcpy(at, to, strlen(to));
    files_write(dir, "OPTIONS-000007", cmt_buf_slice(&text));
    cmt_buf_free(&text);
}

/* OPTIONS apart, the log itself says so. */
START_TEST(compressed_logs_are_refused)
{
    rocksdb_dir_init(&db, dir, "wal_compression=kZSTD");
    rocksdb_dir_put(&db, "a", "1");
    rocksdb_dir_close(&db);
    change_options("wal_compression=kZSTD", "wal_compressiox=kZSTD");
    ck_assert_int_eq(read_all(), CMT_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, "kind 9") != NULL, "%s", err.message);
}
END_TEST

/* The OPTIONS file decides: each change alone makes the directory somebody else's. */
START_TEST(other_options_are_refused)
{
    static const struct {
        const char *from;
        const char *to;
    } changes[] = {
        {"rocksdb_version=7", "rocksdb_version=5"},
        {"rocksdb_version=7.", "rocksdb_version=10"},
        {"num_levels=7", "num_levels=8"},
        {"comparator=leveldb.B", "comparator=rocksdb.R"},
        {"allow_2pc=false", "allow_2pc=truee"},
        {"merge_operator=nullptr", "merge_operator=counter"},
    };
    rocksdb_dir_init(&db, dir, "");
    rocksdb_dir_put(&db, "a", "1");
    rocksdb_dir_close(&db);
    pairs_must(read_all(), &err);
    for (size_t i = 0; i < COUNT(changes); i++) {
        cmt_buf text = files_read(dir, "OPTIONS-000007");
        change_options(changes[i].from, changes[i].to);
        ck_assert_int_eq(read_all(), CMT_UNSUPPORTED);
        files_write(dir, "OPTIONS-000007", cmt_buf_slice(&text));
        cmt_buf_free(&text);
    }
    pairs_must(read_all(), &err);
}
END_TEST

static void add_option(const char *line)
{
    cmt_buf text = files_read(dir, "OPTIONS-000007");
    ck_assert_int_eq(cmt_buf_append(&text, line, strlen(line)), CMT_OK);
    files_write(dir, "OPTIONS-000007", cmt_buf_slice(&text));
    cmt_buf_free(&text);
}

/* Older versions name the directory itself, wherever it was then. */
START_TEST(logs_elsewhere_are_refused)
{
    rocksdb_dir_init(&db, dir, "");
    rocksdb_dir_put(&db, "a", "1");
    rocksdb_dir_close(&db);
    cmt_buf text = files_read(dir, "OPTIONS-000007");
    add_option("  wal_dir=/where/it/was/before/x.db/\n");
    pairs_must(read_all(), &err);
    files_write(dir, "OPTIONS-000007", cmt_buf_slice(&text));
    add_option("  wal_dir=/fast/disk/wal\n");
    ck_assert_int_eq(read_all(), CMT_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, "wal_dir") != NULL, "%s", err.message);
    cmt_buf_free(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_rocksdb");
    TCase *tc = tcase_create("rocksdb");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, make_place, teardown);
    tcase_add_loop_test(tc, the_view_shows_what_rocksdb_shows, 0, (int)COUNT(styles));
    tcase_add_loop_test(tc, rocksdb_goes_on_after_edits, 0,
                        getenv("CMT_TEST_FULL") != NULL ? 200 : (int)COUNT(styles));
    tcase_add_loop_test(tc, a_compaction_leaves_the_pairs, 0, (int)COUNT(styles));
    tcase_add_test(tc, the_manifest_keeps_what_rocksdb_says);
    tcase_add_test(tc, what_rocksdb_would_not_open_is_not_written);
    tcase_add_loop_test(tc, what_cometbft_does_not_use_is_refused, 0, (int)COUNT(strange));
    tcase_add_test(tc, other_column_families_are_refused);
    tcase_add_loop_test(tc, other_fields_of_a_manifest_are_refused, 0, (int)COUNT(fields));
    tcase_add_test(tc, other_entries_in_a_log_are_refused);
    tcase_add_test(tc, compressed_logs_are_refused);
    tcase_add_test(tc, logs_are_read_up_to_a_limit);
    tcase_add_test(tc, other_options_are_refused);
    tcase_add_test(tc, logs_elsewhere_are_refused);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
