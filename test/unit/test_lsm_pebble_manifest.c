/* SPDX-License-Identifier: Apache-2.0
 *
 * pebble's MANIFEST: its fields and no others, tables with their sequences, level 0 in their order; and
 * MANIFESTs that pebble wrote.
 */
#include "lsm_manifest_support.h"

#include "files.h"
#include "suite.h"

static cmt_status read_pebble(cmt_slice log, cmt_lsm__version *out)
{
    CMT_AUTO(cmt_fd_close) int fd = memfd_create("manifest", MFD_CLOEXEC);
    ck_assert_int_eq(write(fd, log.data, log.size), (ssize_t)log.size);
    err = (cmt_error)CMT_ERROR_INIT;
    return cmt_lsm__version_read_pebble(fd, "MANIFEST-000001", log.size, out, &err);
}

static cmt_status read_it(cmt_lsm__version *out)
{
    if (edit.size > 0)
        end_edit();
    return read_pebble(cmt_buf_slice(&log_bytes), out);
}

static void refuse(cmt_status status, const char *word)
{
    cmt_lsm__version v;
    cmt_status st = read_it(&v);
    ck_assert_msg(st == status, "%s: %s", cmt_status_text(st), err.message);
    ck_assert_msg(strstr(err.message, word) != NULL, "%s", err.message);
    ck_assert_ptr_null(v.tables);
}

static void table(unsigned tag, unsigned level, uint64_t n, const char *lo, const char *hi,
                  uint64_t smallest, uint64_t largest)
{
    field(tag, level);
    number(n);
    number(1000 + n);
    key(lo);
    key(hi);
    field(smallest, largest);
}

START_TEST(tables_know_their_sequences_and_more)
{
    cmt_lsm__version v;
    counters();
    table(100, 6, 4, "a", "b", 0, 0);
    table(103, 0, 5, "c", "d", 7, 9);
    field(6, 3); /* creation time: 3 bytes */
    ck_assert_int_eq(cmt_buf_append(&edit, "\x81\x82\x03", 3), CMT_OK);
    field(2, 1); /* shall be compacted: 1 byte */
    number(1);
    number(1); /* the end */
    pairs_must(read_it(&v), &err);
    ck_assert_uint_eq(v.count, 2);
    ck_assert(v.rocksdb_format && v.tables[0].rocksdb_format && v.tables[0].is_sst);
    ck_assert_uint_eq(v.tables[0].smallest_sequence, 7);
    ck_assert_uint_eq(v.tables[0].largest_sequence, 9);
    ck_assert_uint_eq(v.tables[0].creation_time, 1 | 2 << 7 | 3 << 14);
    ck_assert(v.tables[0].marked && !v.tables[1].marked);
    ck_assert_uint_eq(v.tables[1].creation_time, 0);
    cmt_lsm__version_free(&v);
}
END_TEST

START_TEST(level_0_is_in_the_order_of_sequences)
{
    cmt_lsm__version v;
    counters();
    table(100, 0, 9, "a", "z", 1, 5); /* the oldest has the highest number */
    table(100, 0, 4, "a", "z", 8, 20);
    table(100, 0, 6, "a", "c", 6, 12);
    table(100, 0, 5, "d", "f", 7, 12); /* of one flush, cut in two */
    pairs_must(read_it(&v), &err);
    char *text = tables_text(&v);
    ck_assert_str_eq(text, "0:4 0:5 0:6 0:9");
    free(text);
    cmt_lsm__version_free(&v);
}
END_TEST

START_TEST(a_log_number_may_be_missing)
{
    cmt_lsm__version v;
    comparator(CMT_LSM_COMPARATOR);
    field(3, 2);
    field(4, 0);
    pairs_must(read_it(&v), &err);
    ck_assert_uint_eq(v.log_number, 0);
    cmt_lsm__version_free(&v);
}
END_TEST

START_TEST(other_counters_may_not)
{
    if (_i != 0)
        comparator(CMT_LSM_COMPARATOR);
    if (_i != 1)
        field(3, 2);
    if (_i != 2)
        field(4, 0);
    refuse(CMT_CORRUPT, "incomplete");
}
END_TEST

START_TEST(fields_of_others_are_refused)
{
    static const struct {
        unsigned tag;
        const char *word;
    } cases[] = {{5, "field 5"},     {7, "field 7"},     {8, "field 8"},     {9, "field 9"},
                 {10, "RocksDB"},    {102, "field 102"}, {104, "field 104"}, {105, "field 105"},
                 {106, "field 106"}, {200, "field 200"}, {300, "field 300"}, {8192, "field 8192"}};
    counters();
    field(cases[_i].tag, 1);
    refuse(CMT_UNSUPPORTED, cases[_i].word);
}
END_TEST

START_TEST(attributes_of_others_are_refused)
{
    static const unsigned tags[] = {3, 4, 5, 7, 12, 64, 65, 66};
    counters();
    table(103, 0, 5, "c", "d", 7, 9);
    field(tags[_i], 1);
    number(0);
    number(1);
    refuse(CMT_UNSUPPORTED, "attribute");
}
END_TEST

START_TEST(what_does_not_decode_is_damage)
{
    counters();
    switch (_i) {
    case 0: /* sequences the wrong way round */
        table(100, 0, 5, "c", "d", 9, 7);
        break;
    case 1: /* a sequence that is none */
        table(100, 0, 5, "c", "d", 1, CMT_LSM_SEQUENCE_MAX);
        break;
    case 2: /* a mark of two bytes */
        table(103, 0, 5, "c", "d", 7, 9);
        field(2, 2);
        number(1);
        number(1);
        number(1);
        break;
    case 3: /* a time that does not end */
        table(103, 0, 5, "c", "d", 7, 9);
        field(6, 1);
        ck_assert_int_eq(cmt_buf_append(&edit, "\x80", 1), CMT_OK);
        number(1);
        break;
    case 4: /* attributes without an end */
        table(103, 0, 5, "c", "d", 7, 9);
        field(6, 1);
        number(5);
        break;
    default: /* tables that overlap */
        table(100, 6, 5, "c", "f", 7, 9);
        table(100, 6, 6, "d", "g", 7, 9);
    }
    refuse(CMT_CORRUPT, "");
}
END_TEST

START_TEST(leveldb_refuses_fields_of_pebble)
{
    counters();
    table(_i == 0 ? 100 : 103, 0, 5, "c", "d", 7, 9);
    number(1);
    expect_refusal(CMT_UNSUPPORTED);
}
END_TEST

/* What pebble wrote, written by us, is what pebble wrote. */
START_TEST(real_manifests_come_back_from_our_encoder)
{
    static const char *const fixtures[] = {"multi-1.0-v1-pebble", "shaped-1.0-v1-pebble"};
    char *top;
    char *data = files_unpack_fixture(fixtures[_i / 2], &top);
    char *dir = files_path(data, _i % 2 == 0 ? "blockstore.db" : "state.db");
    cmt_buf current = files_read(dir, "CURRENT");
    current.data[current.size - 1] = '\0';
    cmt_buf manifest = files_read(dir, (const char *)current.data);
    cmt_lsm__version v;
    cmt_lsm__version again;
    pairs_must(read_pebble(cmt_buf_slice(&manifest), &v), &err);
    ck_assert_uint_gt(v.count, 1);
    ck_assert_int_eq(cmt_lsm__version_encode(&v, v.tables, v.count, &edit), CMT_OK);
    pairs_must(read_it(&again), &err);
    ck_assert_uint_eq(v.count, again.count);
    ck_assert_uint_eq(v.log_number, again.log_number);
    ck_assert_uint_eq(v.next_file_number, again.next_file_number);
    ck_assert_uint_eq(v.last_sequence, again.last_sequence);
    for (size_t i = 0; i < v.count; i++) {
        const cmt_lsm__table_meta *a = &v.tables[i];
        const cmt_lsm__table_meta *b = &again.tables[i];
        ck_assert(a->level == b->level && a->number == b->number && a->size == b->size);
        ck_assert(a->smallest_sequence == b->smallest_sequence);
        ck_assert(a->largest_sequence == b->largest_sequence);
        ck_assert(a->creation_time == b->creation_time && a->marked == b->marked);
        ck_assert(a->creation_time > UINT64_C(1700000000));
        ck_assert(cmt_slice_equal(a->smallest, b->smallest));
        ck_assert(cmt_slice_equal(a->largest, b->largest));
    }
    cmt_lsm__version_free(&v);
    cmt_lsm__version_free(&again);
    cmt_buf_free(&manifest);
    cmt_buf_free(&current);
    free(dir);
    free(data);
    files_remove(top);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lsm_pebble_manifest");
    TCase *tc = tcase_create("manifest");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, tables_know_their_sequences_and_more);
    tcase_add_test(tc, level_0_is_in_the_order_of_sequences);
    tcase_add_test(tc, a_log_number_may_be_missing);
    tcase_add_loop_test(tc, other_counters_may_not, 0, 3);
    tcase_add_loop_test(tc, fields_of_others_are_refused, 0, 12);
    tcase_add_loop_test(tc, attributes_of_others_are_refused, 0, 8);
    tcase_add_loop_test(tc, what_does_not_decode_is_damage, 0, 6);
    tcase_add_loop_test(tc, leveldb_refuses_fields_of_pebble, 0, 2);
    tcase_add_loop_test(tc, real_manifests_come_back_from_our_encoder, 0, 4);
    suite_add_tcase(s, tc);
    return suite_run(s);
}
