/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables whose checksums are right but whose contents lie: handles that point elsewhere, restart points
 * that are none, lengths that do not fit.  Nothing in them is believed unseen.
 */
#include "cleanup.h"
#include "crc32c.h"
#include "file.h"
#include "files.h"
#include "one_table.h"
#include "pairs.h"
#include "suite.h"

#include <check.h>

#include <fcntl.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *top;
static int dir_fd;
static cmt_error err;
static cmt_buf file;  /* the table being made */
static cmt_buf block; /* its current block */
static cmt_buf index_block;
static uint32_t index_entries;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    file = block = index_block = (cmt_buf)CMT_BUF_INIT;
    index_entries = 0;
    top = files_temp();
    dir_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void teardown(void)
{
    cmt_buf_free(&file);
    cmt_buf_free(&block);
    cmt_buf_free(&index_block);
    close(dir_fd);
    files_remove(top);
}

/* ---- making ---------------------------------------------------------------------------------- */

static void append(cmt_buf *buf, const void *data, size_t size)
{
    ck_assert_int_eq(cmt_buf_append(buf, data, size), CMT_OK);
}

static void varint(cmt_buf *buf, uint64_t value)
{
    ck_assert_int_eq(cmt_buf_append_varint(buf, value), CMT_OK);
}

static void u32(cmt_buf *buf, uint32_t value)
{
    uint8_t bytes[4];
    cmt_store32(bytes, value);
    append(buf, bytes, sizeof bytes);
}

/* An entry of `block` whose header says what it is told to, whatever follows. */
static void entry(uint64_t shared, uint64_t unshared, uint64_t value_size, cmt_slice tail)
{
    varint(&block, shared);
    varint(&block, unshared);
    varint(&block, value_size);
    append(&block, tail.data, tail.size);
}

/* A user key of one letter with a trailer: 9 bytes. */
static void key_of(char letter, uint64_t sequence, unsigned type, uint8_t key[9])
{
    key[0] = (uint8_t)letter;
    cmt_store64(key + 1, sequence << 8 | type);
}

/* An honest entry: key of one letter, value of one letter. */
static void pair(char letter)
{
    uint8_t tail[10];
    key_of(letter, 5, CMT_LSM_TYPE_PUT, tail);
    tail[9] = (uint8_t)letter;
    entry(0, 9, 1, (cmt_slice){tail, sizeof tail});
}

/* Close `block` with restart points and begin the next; returns where it was stored. */
static cmt_lsm__handle store(cmt_slice contents, uint8_t type)
{
    cmt_lsm__handle handle = {file.size, contents.size};
    uint32_t crc = cmt_crc32c(cmt_crc32c(0, contents.data, contents.size), &type, 1);
    append(&file, contents.data, contents.size);
    append(&file, &type, 1);
    u32(&file, cmt_crc32c_mask(crc));
    return handle;
}

static cmt_lsm__handle store_block(void)
{
    cmt_lsm__handle handle = store(cmt_buf_slice(&block), 0);
    cmt_buf_clear(&block);
    return handle;
}

static void restarts(const uint32_t *offsets, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        u32(&block, offsets[i]);
    u32(&block, count);
}

static void one_restart(void)
{
    restarts((const uint32_t[]){0}, 1);
}

static void index_bytes(char letter, cmt_slice value)
{
    uint8_t key[9];
    key_of(letter, 0, CMT_LSM_TYPE_DELETE, key);
    varint(&index_block, 0);
    varint(&index_block, sizeof key);
    varint(&index_block, value.size);
    append(&index_block, key, sizeof key);
    append(&index_block, value.data, value.size);
    index_entries++;
}

/* Keys up to `letter` are in the block at `handle`. */
static void index_entry(char letter, cmt_lsm__handle handle)
{
    uint8_t value[2 * CMT_VARINT_MAX];
    size_t size = cmt_varint_put(value, handle.offset);
    size += cmt_varint_put(value + size, handle.size);
    index_bytes(letter, (cmt_slice){value, size});
}

static void footer(cmt_lsm__handle meta_index, cmt_lsm__handle index)
{
    uint8_t bytes[CMT_LSM_FOOTER] = {0};
    uint8_t *p = bytes;
    p += cmt_varint_put(p, meta_index.offset);
    p += cmt_varint_put(p, meta_index.size);
    p += cmt_varint_put(p, index.offset);
    cmt_varint_put(p, index.size);
    cmt_store64(bytes + 40, CMT_LSM_MAGIC);
    append(&file, bytes, sizeof bytes);
}

/* Meta index, index and footer as they should be. */
static void end_table(void)
{
    uint8_t empty[8] = {0, 0, 0, 0, 1, 0, 0, 0};
    cmt_lsm__handle meta_index = store((cmt_slice){empty, sizeof empty}, 0);
    u32(&index_block, 0);
    u32(&index_block, 1);
    footer(meta_index, store(cmt_buf_slice(&index_block), 0));
}

/* A table of the one block that has been made. */
static void end_with_block(void)
{
    index_entry('z', store_block());
    end_table();
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef enum direction { FORWARD, BACKWARD, SEEK } direction;

static cmt_status move(one_table *t, direction way, bool first)
{
    uint8_t key[9];
    key_of('m', 5, CMT_LSM_TYPE_PUT, key);
    switch (way) {
    case FORWARD:
        return first ? cmt_lsm__source_first(&t->source, &err)
                     : cmt_lsm__source_next(&t->source, &err);
    case BACKWARD:
        return first ? cmt_lsm__source_last(&t->source, &err)
                     : cmt_lsm__source_prev(&t->source, &err);
    case SEEK:
        return first ? cmt_lsm__source_seek(&t->source, (cmt_slice){key, sizeof key}, &err)
                     : cmt_lsm__source_next(&t->source, &err);
    }
    return CMT_OK;
}

/* The first letters of the keys met that way. */
static cmt_status read_letters(direction way, char letters[64])
{
    uint8_t smallest[9];
    uint8_t largest[9];
    key_of('a', 9, CMT_LSM_TYPE_PUT, smallest);
    key_of('z', 0, CMT_LSM_TYPE_DELETE, largest);
    const cmt_lsm__table_meta meta = {
        .number = 1, .size = file.size, .smallest = {smallest, 9}, .largest = {largest, 9}};
    one_table t;
    size_t n = 0;
    files_write(top, "000001.ldb", cmt_buf_slice(&file));
    pairs_must(one_table_open(&t, dir_fd, &meta, &err), &err);
    cmt_status st = move(&t, way, true);
    while (st == CMT_OK && t.source.valid && n < 63) {
        ck_assert_uint_ge(t.source.key.size, 8);
        letters[n++] = (char)t.source.key.data[0];
        st = move(&t, way, false);
    }
    letters[n] = '\0';
    one_table_close(&t);
    return st;
}

/* Whichever way one goes, it is refused with a message. */
static void expect_refusal(cmt_status status)
{
    static const direction ways[] = {FORWARD, BACKWARD, SEEK};
    char letters[64];
    for (size_t i = 0; i < 3; i++) {
        err = (cmt_error)CMT_ERROR_INIT;
        cmt_status st = read_letters(ways[i], letters);
        ck_assert_msg(st == status, "way %zu: %s: %s, %s", i, cmt_status_text(st), err.message,
                      letters);
        ck_assert_ptr_nonnull(strstr(err.message, "000001"));
    }
}

static void expect_letters(const char *forward, const char *backward)
{
    char letters[64];
    pairs_must(read_letters(FORWARD, letters), &err);
    ck_assert_str_eq(letters, forward);
    pairs_must(read_letters(BACKWARD, letters), &err);
    ck_assert_str_eq(letters, backward);
}

START_TEST(an_honest_table_made_by_hand_is_read)
{
    char letters[64];
    pair('a');
    pair('b');
    one_restart();
    index_entry('b', store_block());
    pair('m');
    pair('y');
    restarts((const uint32_t[]){0, 13}, 2);
    index_entry('z', store_block());
    end_table();
    expect_letters("abmy", "ymba");
    pairs_must(read_letters(SEEK, letters), &err);
    ck_assert_str_eq(letters, "my");
}
END_TEST

START_TEST(an_empty_block_between_others_is_passed_over)
{
    pair('a');
    one_restart();
    index_entry('a', store_block());
    one_restart();
    index_entry('b', store_block());
    restarts(NULL, 0);
    index_entry('c', store_block());
    pair('y');
    one_restart();
    index_entry('z', store_block());
    end_table();
    expect_letters("ay", "ya");
}
END_TEST

/* ---- footer and index ------------------------------------------------------------------------ */

START_TEST(a_footer_that_points_outside_is_refused)
{
    pair('m');
    one_restart();
    index_entry('z', store_block());
    end_table();
    const uint64_t end = file.size - CMT_LSM_FOOTER;
    const uint64_t numbers[] = {end - 4,  end,        end + 1,        file.size,
                                1u << 31, UINT64_MAX, UINT64_MAX - 4, UINT64_C(1) << 63};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const cmt_lsm__handle good = {0, 8};
        const cmt_lsm__handle bad[] = {{numbers[i], 8}, {0, numbers[i]}, {numbers[i], numbers[i]}};
        for (size_t k = 0; k < 3; k++) {
            file.size = end;
            footer(bad[k], good);
            expect_refusal(CMT_CORRUPT);
            file.size = end;
            footer(good, bad[k]);
            expect_refusal(CMT_CORRUPT);
        }
    }
}
END_TEST

START_TEST(a_footer_whose_numbers_do_not_end_is_refused)
{
    uint8_t bytes[CMT_LSM_FOOTER];
    pair('m');
    one_restart();
    end_with_block();
    memset(bytes, 0xff, sizeof bytes);
    cmt_store64(bytes + 40, CMT_LSM_MAGIC);
    memcpy(file.data + file.size - CMT_LSM_FOOTER, bytes, sizeof bytes);
    expect_refusal(CMT_CORRUPT);
}
END_TEST

START_TEST(an_index_that_points_outside_its_data_is_refused)
{
    pair('m');
    one_restart();
    cmt_lsm__handle honest = store_block();
    const uint64_t numbers[] = {honest.size + 1, 1000,           1u << 31,
                                UINT64_MAX,      UINT64_MAX - 4, UINT64_C(1) << 63};
    const size_t data_end = file.size;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        for (unsigned k = 0; k < 2; k++) {
            cmt_buf_clear(&index_block);
            file.size = data_end;
            index_entry(
                'z', (cmt_lsm__handle){k == 0 ? numbers[i] : 0, k == 0 ? honest.size : numbers[i]});
            end_table();
            expect_refusal(CMT_CORRUPT);
        }
}
END_TEST

START_TEST(an_index_entry_that_is_no_handle_is_refused)
{
    static const cmt_slice values[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"\x01", 1},
        {(const uint8_t *)"\x80", 1},
        {(const uint8_t *)"\x00\x80", 2},
        {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
    };
    pair('m');
    one_restart();
    store_block();
    const size_t data_end = file.size;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        cmt_buf_clear(&index_block);
        file.size = data_end;
        index_bytes('z', values[i]);
        end_table();
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(an_empty_index_is_refused)
{
    end_table();
    expect_refusal(CMT_CORRUPT);
}
END_TEST

START_TEST(an_index_that_points_at_a_block_with_another_checksum_is_refused)
{
    pair('m');
    one_restart();
    cmt_lsm__handle honest = store_block();
    honest.offset++;
    honest.size--;
    index_entry('z', honest);
    end_table();
    expect_refusal(CMT_CORRUPT);
}
END_TEST

/* ---- restart points -------------------------------------------------------------------------- */

START_TEST(a_block_shorter_than_its_count_is_refused)
{
    for (size_t size = 0; size < 4; size++) {
        cmt_buf_clear(&file);
        cmt_buf_clear(&index_block);
        append(&block, "\0\0\0", size);
        end_with_block();
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(more_restart_points_than_bytes_are_refused)
{
    static const uint32_t counts[] = {5, 6, 1000, UINT32_MAX, UINT32_MAX / 4, 1u << 31, 1u << 30};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        cmt_buf_clear(&file);
        cmt_buf_clear(&index_block);
        pair('m');
        u32(&block, 0);
        u32(&block, counts[i]);
        end_with_block();
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(entries_without_any_restart_point_are_refused)
{
    pair('m');
    restarts(NULL, 0);
    end_with_block();
    expect_refusal(CMT_CORRUPT);
}
END_TEST

START_TEST(a_first_restart_point_behind_the_first_entry_is_refused)
{
    pair('a');
    pair('m');
    pair('y');
    restarts((const uint32_t[]){13}, 1);
    end_with_block();
    expect_refusal(CMT_CORRUPT);
}
END_TEST

/* Restart points that are wrong need not hurt who passes them by; whatever is shown must be there. */
static void expect_right_letters_or_refusal(const uint32_t *offsets, uint32_t count)
{
    static const struct {
        direction way;
        const char *letters;
    } right[] = {{FORWARD, "amy"}, {BACKWARD, "yma"}, {SEEK, "my"}};
    unsigned refused = 0;
    pair('a');
    pair('m');
    pair('y');
    restarts(offsets, count);
    end_with_block();
    for (size_t i = 0; i < 3; i++) {
        char letters[64];
        cmt_status st = read_letters(right[i].way, letters);
        ck_assert(st == CMT_OK || st == CMT_CORRUPT);
        ck_assert_msg(strncmp(letters, right[i].letters, strlen(letters)) == 0, "%s", letters);
        ck_assert(st == CMT_CORRUPT || strcmp(letters, right[i].letters) == 0);
        refused += st == CMT_CORRUPT;
    }
    ck_assert_uint_gt(refused, 0);
}

START_TEST(restart_points_outside_or_inside_an_entry_show_nothing_wrong)
{
    static const uint32_t wrong[] = {1, 2, 3, 12, 14, 25, 27, 38, 39, 40, 1000, UINT32_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const uint32_t two[] = {0, wrong[i]};
        cmt_buf_clear(&file);
        cmt_buf_clear(&index_block);
        expect_right_letters_or_refusal(two, 2);
    }
}
END_TEST

START_TEST(a_restart_point_at_an_entry_made_up_inside_a_value_is_refused_going_back)
{
    char letters[64];
    /* In the value of a stands what looks like an entry, so long that it ends inside y. */
    uint8_t tail[9 + 12] = {0};
    key_of('a', 5, CMT_LSM_TYPE_PUT, tail);
    tail[9] = 0;
    tail[10] = 9;
    tail[11] = 20;
    key_of('b', 5, CMT_LSM_TYPE_PUT, tail + 12);
    entry(0, 9, 12, (cmt_slice){tail, sizeof tail});
    pair('m');
    pair('y');
    restarts((const uint32_t[]){0, 12, 37}, 3);
    end_with_block();
    pairs_must(read_letters(FORWARD, letters), &err);
    ck_assert_str_eq(letters, "amy");
    ck_assert_int_eq(read_letters(BACKWARD, letters), CMT_CORRUPT);
    ck_assert_str_eq(letters, "y");
}
END_TEST

/* ---- entries --------------------------------------------------------------------------------- */

START_TEST(an_entry_that_shares_more_than_there_is_is_refused)
{
    static const uint64_t shared[] = {1, 8, 9, 1000, UINT64_MAX, UINT64_MAX - 9};
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        cmt_buf_clear(&file);
        cmt_buf_clear(&index_block);
        entry(shared[i], 9, 0, CMT_SLICE("m\1\5\0\0\0\0\0\0"));
        one_restart();
        end_with_block();
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(an_entry_longer_than_its_block_is_refused)
{
    static const uint64_t sizes[][2] = {{9, 1},          {10, 0},         {9, UINT64_MAX},
                                        {UINT64_MAX, 0}, {UINT64_MAX, 9}, {UINT64_MAX - 8, 8},
                                        {1u << 31, 0},   {9, 1u << 31}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        cmt_buf_clear(&file);
        cmt_buf_clear(&index_block);
        entry(0, sizes[i][0], sizes[i][1], CMT_SLICE("m\1\5\0\0\0\0\0\0"));
        one_restart();
        end_with_block();
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(an_entry_whose_numbers_do_not_end_is_refused)
{
    static const cmt_slice headers[] = {
        {(const uint8_t *)"\x80", 1},
        {(const uint8_t *)"\0\x80", 2},
        {(const uint8_t *)"\0\x09\xff", 3},
        {(const uint8_t *)"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\0", 12},
        {(const uint8_t *)"\0", 1},
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        cmt_buf_clear(&file);
        cmt_buf_clear(&index_block);
        append(&block, headers[i].data, headers[i].size);
        one_restart();
        end_with_block();
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(a_key_without_its_trailer_is_refused)
{
    for (size_t size = 0; size < 8; size++) {
        cmt_buf_clear(&file);
        cmt_buf_clear(&index_block);
        entry(0, size, 0, (cmt_slice){(const uint8_t *)"mmmmmmm", size});
        one_restart();
        end_with_block();
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(a_kind_of_entry_that_leveldb_does_not_have_is_unsupported)
{
    static const unsigned types[] = {2, 3, 15, 127, 255};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        uint8_t key[9];
        cmt_buf_clear(&file);
        cmt_buf_clear(&index_block);
        key_of('m', 4, types[i], key);
        entry(0, 9, 0, (cmt_slice){key, 9});
        one_restart();
        end_with_block();
        expect_refusal(CMT_UNSUPPORTED);
    }
}
END_TEST

/* ---- compression ----------------------------------------------------------------------------- */

START_TEST(a_compression_that_leveldb_does_not_have_is_unsupported)
{
    static const uint8_t types[] = {2, 3, 4, 7, 128, 255};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        cmt_buf_clear(&file);
        cmt_buf_clear(&index_block);
        pair('m');
        one_restart();
        index_entry('z', store(cmt_buf_slice(&block), types[i]));
        end_table();
        expect_refusal(CMT_UNSUPPORTED);
    }
}
END_TEST

START_TEST(a_snappy_block_is_unpacked)
{
    char packed[256];
    size_t size = sizeof packed;
    pair('m');
    pair('y');
    one_restart();
    ck_assert_int_eq(snappy_compress((const char *)block.data, block.size, packed, &size),
                     SNAPPY_OK);
    index_entry('z', store((cmt_slice){(const uint8_t *)packed, size}, 1));
    end_table();
    expect_letters("my", "ym");
}
END_TEST

START_TEST(snappy_data_that_does_not_unpack_is_refused)
{
    static const cmt_slice data[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"\xff", 1},
        {(const uint8_t *)"\x10\x00", 2},
        {(const uint8_t *)"\x08\xfc\xff\xff\xff\xff", 6},
        /* says that it holds nearly 4 GiB */
        {(const uint8_t *)"\xff\xff\xff\xff\x0f\x00"
                          "a",
         7},
        /* says 512 MiB + 1 */
        {(const uint8_t *)"\x81\x80\x80\x80\x02\x00"
                          "a",
         7},
    };
    for (size_t i = 0; i < sizeof data / sizeof data[0]; i++) {
        cmt_buf_clear(&file);
        cmt_buf_clear(&index_block);
        index_entry('z', store(data[i], 1));
        end_table();
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_table_lies");
    TCase *tc = tcase_create("lies");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, an_honest_table_made_by_hand_is_read);
    tcase_add_test(tc, an_empty_block_between_others_is_passed_over);
    tcase_add_test(tc, a_footer_that_points_outside_is_refused);
    tcase_add_test(tc, a_footer_whose_numbers_do_not_end_is_refused);
    tcase_add_test(tc, an_index_that_points_outside_its_data_is_refused);
    tcase_add_test(tc, an_index_entry_that_is_no_handle_is_refused);
    tcase_add_test(tc, an_empty_index_is_refused);
    tcase_add_test(tc, an_index_that_points_at_a_block_with_another_checksum_is_refused);
    tcase_add_test(tc, a_block_shorter_than_its_count_is_refused);
    tcase_add_test(tc, more_restart_points_than_bytes_are_refused);
    tcase_add_test(tc, entries_without_any_restart_point_are_refused);
    tcase_add_test(tc, a_first_restart_point_behind_the_first_entry_is_refused);
    tcase_add_test(tc, restart_points_outside_or_inside_an_entry_show_nothing_wrong);
    tcase_add_test(tc, a_restart_point_at_an_entry_made_up_inside_a_value_is_refused_going_back);
    tcase_add_test(tc, an_entry_that_shares_more_than_there_is_is_refused);
    tcase_add_test(tc, an_entry_longer_than_its_block_is_refused);
    tcase_add_test(tc, an_entry_whose_numbers_do_not_end_is_refused);
    tcase_add_test(tc, a_key_without_its_trailer_is_refused);
    tcase_add_test(tc, a_kind_of_entry_that_leveldb_does_not_have_is_unsupported);
    tcase_add_test(tc, a_compression_that_leveldb_does_not_have_is_unsupported);
    tcase_add_test(tc, a_snappy_block_is_unpacked);
    tcase_add_test(tc, snappy_data_that_does_not_unpack_is_refused);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
