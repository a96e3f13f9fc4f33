/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling the engine of a database from its files, which are left as they are.
 */
#include "cmtstore/db.h"

#include "cleanup.h"
#include "engine.h"
#include "files.h"
#include "pairs.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *top;
static cmt_error err;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
}

static void teardown(void)
{
    files_remove(top);
}

/* The engine of `name` in `data`; what is there must stay as it is, and the path must be right. */
static void expect_in(const char *data, const char *name, cmt_engine engine, const char *suffix)
{
    CMT_AUTO(cmt_buf_free) cmt_buf path = CMT_BUF_INIT;
    cmt_engine found = CMT_ENGINE_UNKNOWN;
    char expected[4096];
    uint64_t before = files_hash(data);
    err = (cmt_error)CMT_ERROR_INIT;
    pairs_must(cmt_engine_detect(data, name, &found, &path, &err), &err);
    ck_assert_msg(found == engine, "%s, not %s: %s", cmt_engine_name(found),
                  cmt_engine_name(engine), err.message);
    snprintf(expected, sizeof expected, "%s/%s%s", data, name, suffix);
    ck_assert_str_eq((const char *)path.data, expected);
    ck_assert_uint_eq(path.data[path.size - 1], 0);
    ck_assert_uint_eq(files_hash(data), before);
    if (engine == CMT_ENGINE_NONE || engine == CMT_ENGINE_UNKNOWN)
        ck_assert_ptr_nonnull(strstr(err.message, expected));
}

static void expect_engine(cmt_engine engine)
{
    expect_in(top, "x", engine, ".db");
}

/* A directory x.db of files with these names, each with the contents behind a colon. */
static void make(const char *const *names)
{
    char *dir = files_path(top, "x.db");
    mkdir(dir, 0755);
    for (; *names != NULL; names++) {
        char name[64];
        const char *colon = strchr(*names, ':');
        size_t length = colon != NULL ? (size_t)(colon - *names) : strlen(*names);
        const char *contents = colon != NULL ? colon + 1 : "";
        snprintf(name, sizeof name, "%.*s", (int)length, *names);
        files_write(dir, name, (cmt_slice){(const uint8_t *)contents, strlen(contents)});
    }
    free(dir);
}

#define MAKE(...) make((const char *const[]){__VA_ARGS__, NULL})

/* ---- names ------------------------------------------------------------------------------------- */

START_TEST(names_are_those_of_db_backend)
{
    static const char *const names[] = {"goleveldb", "cleveldb", "rocksdb",
                                        "pebbledb",  "badgerdb", "boltdb"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_str_eq(cmt_engine_name(cmt_engine_from_name(names[i])), names[i]);
    ck_assert_str_eq(cmt_engine_name(CMT_ENGINE_NONE), "none");
    ck_assert_str_eq(cmt_engine_name(CMT_ENGINE_UNKNOWN), "unknown");
    ck_assert_str_eq(cmt_engine_name((cmt_engine)100), "unknown");
    ck_assert_int_eq(cmt_engine_from_name("none"), CMT_ENGINE_UNKNOWN);
    ck_assert_int_eq(cmt_engine_from_name(""), CMT_ENGINE_UNKNOWN);
    ck_assert_int_eq(cmt_engine_from_name("GoLevelDB"), CMT_ENGINE_UNKNOWN);
    ck_assert_int_eq(cmt_engine_from_name("memdb"), CMT_ENGINE_UNKNOWN);
}
END_TEST

/* ---- nothing there ------------------------------------------------------------------------------ */

START_TEST(nothing_is_no_database)
{
    expect_engine(CMT_ENGINE_NONE);
    MAKE(NULL);
    expect_engine(CMT_ENGINE_NONE); /* an empty directory */
}
END_TEST

START_TEST(a_data_directory_that_is_not_there_holds_no_database)
{
    CMT_AUTO(cmt_buf_free) cmt_buf path = CMT_BUF_INIT;
    cmt_engine engine = CMT_ENGINE_UNKNOWN;
    char *missing = files_path(top, "missing");
    pairs_must(cmt_engine_detect(missing, "x", &engine, &path, &err), &err);
    ck_assert_int_eq(engine, CMT_ENGINE_NONE);
    files_write(top, "missing", CMT_SLICE("now it is a file"));
    pairs_must(cmt_engine_detect(missing, "x", &engine, &path, &err), &err);
    ck_assert_int_eq(engine, CMT_ENGINE_NONE);
    free(missing);
}
END_TEST

/* ---- LevelDB ------------------------------------------------------------------------------------ */

START_TEST(a_database_of_goleveldb)
{
    MAKE("CURRENT:MANIFEST-000000\n", "MANIFEST-000000", "000002.ldb", "000001.log", "LOCK",
         "LOG:=============== Nov 21, 2025 (UTC) ===============\n15:00:00.000001 log@legend\n");
    expect_engine(CMT_ENGINE_GOLEVELDB);
}
END_TEST

START_TEST(a_database_of_leveldb_that_has_no_log_is_taken_for_goleveldb)
{
    MAKE("CURRENT", "MANIFEST-000000", "000001.log");
    expect_engine(CMT_ENGINE_GOLEVELDB);
    MAKE("LOG:short");
    expect_engine(CMT_ENGINE_GOLEVELDB);
    MAKE("LOG:");
    expect_engine(CMT_ENGINE_GOLEVELDB);
}
END_TEST

START_TEST(a_database_of_cleveldb)
{
    MAKE("CURRENT", "MANIFEST-000002", "000005.ldb",
         "LOG:2025/11/21-15:00:00.000001 140000000 Recovering log #3\n");
    expect_engine(CMT_ENGINE_CLEVELDB);
}
END_TEST

START_TEST(what_leveldb_itself_wrote)
{
    char *dir = files_path(top, "x.db");
    leveldb_t *db = engine_open(dir, NULL);
    engine_put_text(db, "a", "1");
    expect_engine(CMT_ENGINE_CLEVELDB); /* while it is open, too */
    leveldb_close(db);
    expect_engine(CMT_ENGINE_CLEVELDB);
    free(dir);
}
END_TEST

START_TEST(tables_of_both_names_are_leveldb)
{
    MAKE("CURRENT", "MANIFEST-000002", "000005.ldb", "000004.sst");
    expect_engine(CMT_ENGINE_GOLEVELDB);
}
END_TEST

START_TEST(sst_tables_without_options_could_be_anything)
{
    MAKE("CURRENT", "MANIFEST-000002", "000004.sst");
    expect_engine(CMT_ENGINE_UNKNOWN);
}
END_TEST

START_TEST(files_without_current_or_manifest_are_unknown)
{
    MAKE("000002.ldb", "MANIFEST-000000");
    expect_engine(CMT_ENGINE_UNKNOWN);
    files_remove(files_path(top, "x.db"));
    MAKE("000002.ldb", "CURRENT");
    expect_engine(CMT_ENGINE_UNKNOWN);
    files_remove(files_path(top, "x.db"));
    MAKE("README");
    expect_engine(CMT_ENGINE_UNKNOWN);
}
END_TEST

/* ---- RocksDB and pebble ------------------------------------------------------------------------- */

START_TEST(options_of_rocksdb)
{
    MAKE("CURRENT", "MANIFEST-000004", "000009.sst", "IDENTITY",
         "OPTIONS-000007:# a comment\n[Version]\n  rocksdb_version=7.8.3\n");
    expect_engine(CMT_ENGINE_ROCKSDB);
}
END_TEST

START_TEST(options_of_pebble)
{
    MAKE("CURRENT", "MANIFEST-000004", "000009.sst",
         "OPTIONS-000007:[Version]\n  pebble_version=0.1\n\n[Options]\n");
    expect_engine(CMT_ENGINE_PEBBLEDB);
}
END_TEST

START_TEST(the_newest_options_count)
{
    MAKE("CURRENT", "MANIFEST-000004", "OPTIONS-000007:rocksdb_version=7",
         "OPTIONS-9:rocksdb_version", "OPTIONS-000010:pebble_version=0.1",
         "OPTIONS-000008:rocksdb_version");
    expect_engine(CMT_ENGINE_PEBBLEDB);
}
END_TEST

START_TEST(options_of_nobody_known_are_unknown)
{
    MAKE("CURRENT", "MANIFEST-000004", "000005.ldb", "OPTIONS-000007:[Version]\nother_version=1\n");
    expect_engine(CMT_ENGINE_UNKNOWN);
    MAKE("OPTIONS-000007:");
    expect_engine(CMT_ENGINE_UNKNOWN);
}
END_TEST

START_TEST(an_identity_alone_is_rocksdb)
{
    MAKE("CURRENT", "MANIFEST-000004", "000009.sst", "IDENTITY");
    expect_engine(CMT_ENGINE_ROCKSDB);
}
END_TEST

START_TEST(markers_are_pebble)
{
    MAKE("MANIFEST-000004", "000009.sst", "marker.format-version.000001.013",
         "marker.manifest.000001.MANIFEST-000004", "OPTIONS-000007:whatever");
    expect_engine(CMT_ENGINE_PEBBLEDB);
}
END_TEST

START_TEST(a_directory_that_rocksdb_defaced_is_not_taken_for_leveldb)
{
    MAKE("CURRENT", "MANIFEST-000004", "000009.ldb", "IDENTITY", "LOG:=======");
    expect_engine(CMT_ENGINE_ROCKSDB);
}
END_TEST

/* ---- badger and bolt ---------------------------------------------------------------------------- */

START_TEST(badger_is_a_directory_without_suffix)
{
    char *bare = files_make_dir(top, "x");
    expect_engine(CMT_ENGINE_NONE); /* as long as it is empty */
    files_write(bare, "MANIFEST", CMT_SLICE(""));
    expect_engine(CMT_ENGINE_NONE);
    files_write(bare, "000000.vlog", CMT_SLICE(""));
    files_write(bare, "00001.mem", CMT_SLICE(""));
    expect_in(top, "x", CMT_ENGINE_BADGERDB, "");
    free(bare);
}
END_TEST

START_TEST(each_sign_of_badger_is_enough)
{
    static const char *const names[] = {"000000.vlog", "KEYREGISTRY", "DISCARD"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *bare = files_make_dir(top, "x");
        files_write(bare, names[i], CMT_SLICE(""));
        expect_in(top, "x", CMT_ENGINE_BADGERDB, "");
        files_remove(bare);
    }
}
END_TEST

START_TEST(a_database_with_suffix_comes_before_a_bare_directory)
{
    char *bare = files_make_dir(top, "x");
    files_write(bare, "KEYREGISTRY", CMT_SLICE(""));
    MAKE("CURRENT", "MANIFEST-000000");
    expect_engine(CMT_ENGINE_GOLEVELDB);
    free(bare);
}
END_TEST

START_TEST(a_plain_file_of_that_bare_name_is_nothing)
{
    files_write(top, "x", CMT_SLICE("KEYREGISTRY"));
    expect_engine(CMT_ENGINE_NONE);
}
END_TEST

static void write_bolt(const char *name, uint8_t first_magic_byte)
{
    uint8_t page[64] = {0};
    page[16] = first_magic_byte;
    page[17] = 0xda;
    page[18] = 0x0c;
    page[19] = 0xed;
    files_write(top, name, (cmt_slice){page, sizeof page});
}

START_TEST(bolt_is_a_file_with_its_magic)
{
    write_bolt("x.db", 0xed);
    expect_engine(CMT_ENGINE_BOLTDB);
    write_bolt("x.db", 0xee);
    expect_engine(CMT_ENGINE_UNKNOWN);
    files_write(top, "x.db", CMT_SLICE("too short"));
    expect_engine(CMT_ENGINE_UNKNOWN);
    files_write(top, "x.db", CMT_SLICE(""));
    expect_engine(CMT_ENGINE_UNKNOWN);
}
END_TEST

START_TEST(links_are_followed)
{
    char *link = files_path(top, "y.db");
    MAKE("CURRENT", "MANIFEST-000000");
    ck_assert_int_eq(symlink("x.db", link), 0);
    expect_in(top, "y", CMT_ENGINE_GOLEVELDB, ".db");
    ck_assert_int_eq(unlink(link), 0);
    write_bolt("real", 0xed);
    ck_assert_int_eq(symlink("real", link), 0);
    expect_in(top, "y", CMT_ENGINE_BOLTDB, ".db");
    ck_assert_int_eq(unlink(link), 0);
    ck_assert_int_eq(symlink("nowhere", link), 0);
    expect_in(top, "y", CMT_ENGINE_NONE, ".db");
    free(link);
}
END_TEST

START_TEST(what_is_neither_file_nor_directory_is_unknown)
{
    char *pipe = files_path(top, "x.db");
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    expect_engine(CMT_ENGINE_UNKNOWN);
    free(pipe);
}
END_TEST

/* ---- real ones ---------------------------------------------------------------------------------- */

static const struct {
    const char *fixture;
    cmt_engine engine;
} fixtures[] = {
    {"digits-0.38", CMT_ENGINE_GOLEVELDB},
    {"crashed-0.38", CMT_ENGINE_GOLEVELDB},
    {"multi-0.38-rocksdb", CMT_ENGINE_ROCKSDB},
    {"multi-1.0-v1-pebble", CMT_ENGINE_PEBBLEDB},
};

START_TEST(databases_of_cometbft_are_told_apart)
{
    char *home;
    char *data = files_unpack_fixture(fixtures[_i].fixture, &home);
    expect_in(data, "blockstore", fixtures[_i].engine, ".db");
    expect_in(data, "state", fixtures[_i].engine, ".db");
    expect_in(data, "evidence", CMT_ENGINE_NONE, ".db");
    free(data);
    files_remove(home);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_detect");
    TCase *tc = tcase_create("detect");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, names_are_those_of_db_backend);
    tcase_add_test(tc, nothing_is_no_database);
    tcase_add_test(tc, a_data_directory_that_is_not_there_holds_no_database);
    tcase_add_test(tc, a_database_of_goleveldb);
    tcase_add_test(tc, a_database_of_leveldb_that_has_no_log_is_taken_for_goleveldb);
    tcase_add_test(tc, a_database_of_cleveldb);
    tcase_add_test(tc, what_leveldb_itself_wrote);
    tcase_add_test(tc, tables_of_both_names_are_leveldb);
    tcase_add_test(tc, sst_tables_without_options_could_be_anything);
    tcase_add_test(tc, files_without_current_or_manifest_are_unknown);
    tcase_add_test(tc, options_of_rocksdb);
    tcase_add_test(tc, options_of_pebble);
    tcase_add_test(tc, the_newest_options_count);
    tcase_add_test(tc, options_of_nobody_known_are_unknown);
    tcase_add_test(tc, an_identity_alone_is_rocksdb);
    tcase_add_test(tc, markers_are_pebble);
    tcase_add_test(tc, a_directory_that_rocksdb_defaced_is_not_taken_for_leveldb);
    tcase_add_test(tc, badger_is_a_directory_without_suffix);
    tcase_add_test(tc, each_sign_of_badger_is_enough);
    tcase_add_test(tc, a_database_with_suffix_comes_before_a_bare_directory);
    tcase_add_test(tc, a_plain_file_of_that_bare_name_is_nothing);
    tcase_add_test(tc, bolt_is_a_file_with_its_magic);
    tcase_add_test(tc, links_are_followed);
    tcase_add_test(tc, what_is_neither_file_nor_directory_is_unknown);
    tcase_add_loop_test(tc, databases_of_cometbft_are_told_apart, 0, 4);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
