/* SPDX-License-Identifier: Apache-2.0
 *
 * How much of the chain is kept, and pins: what a policy comes to, and what a file of pins may say.
 */
#include "cmtstore/pruner.h"

#include "chain.h"
#include "crc32c.h"
#include "growing_chain.h"
#include "must.h"
#include "suite.h"

#include <inttypes.h>
#include <stdio.h>

#define SECOND_NS INT64_C(1000000000)

static growing_chain chain;

/* ---- policies --------------------------------------------------------------------------------- */

static void expect_lowest(cmt_keep_policy policy, int64_t height, cmt_keep_rule rule)
{
    int64_t found;
    cmt_keep_rule by;
    MUST(cmt_keep_lowest(chain.blocks, &policy, &found, &by, &error));
    ck_assert_int_eq(found, height);
    ck_assert_int_eq(by, rule);
}

static void open_chain(int64_t height)
{
    error = (cmt_error)CMT_ERROR_INIT;
    chain = growing_open(GROWING_MEMORY, CMT_RELEASE_0_38);
    chain.filler = 1000;
    growing_to(&chain, height);
}

/* Block h is h seconds old when the chain begins. */
START_TEST(by_age_the_boundary_belongs_to_what_is_kept)
{
    open_chain(200);
    expect_lowest((cmt_keep_policy){.for_ns = 50 * SECOND_NS}, 150, CMT_KEEP_FOR);
    expect_lowest((cmt_keep_policy){.for_ns = 50 * SECOND_NS - 1}, 151, CMT_KEEP_FOR);
    expect_lowest((cmt_keep_policy){.for_ns = 1}, 200, CMT_KEEP_FOR);
    expect_lowest((cmt_keep_policy){.for_ns = 199 * SECOND_NS}, 1, CMT_KEEP_FOR);
    expect_lowest((cmt_keep_policy){.for_ns = INT64_MAX}, 1, CMT_KEEP_FOR);
    growing_close(&chain);
}
END_TEST

START_TEST(by_age_a_missing_header_is_passed_over)
{
    open_chain(60);
    for (int64_t h = 20; h <= 45; h++)
        chain_delete(chain.block_db, "H:%" PRId64, h);
    for (int64_t h = 15; h <= 40; h++) /* whatever lies in the gap, its end is the lowest */
        expect_lowest((cmt_keep_policy){.for_ns = h * SECOND_NS}, 46, CMT_KEEP_FOR);
    expect_lowest((cmt_keep_policy){.for_ns = 13 * SECOND_NS}, 47, CMT_KEEP_FOR);
    expect_lowest((cmt_keep_policy){.for_ns = 41 * SECOND_NS}, 19, CMT_KEEP_FOR);
    chain_delete(chain.block_db, "H:60");
    int64_t found;
    cmt_keep_rule by;
    const cmt_keep_policy policy = {.for_ns = SECOND_NS};
    ck_assert_int_eq(cmt_keep_lowest(chain.blocks, &policy, &found, &by, &error), CMT_CORRUPT);
    growing_close(&chain);
}
END_TEST

START_TEST(by_size_what_is_kept_fits_and_one_more_would_not)
{
    uint64_t whole;
    uint64_t kept;
    uint64_t more;
    open_chain(300);
    MUST(cmt_block_store_approximate_bytes(chain.blocks, 1, 301, &whole, &error));
    ck_assert_uint_gt(whole, 300 * 1000);
    for (uint64_t limit = 5000; limit < whole; limit = limit * 3 / 2) {
        int64_t height;
        cmt_keep_rule by;
        const cmt_keep_policy policy = {.bytes = limit};
        MUST(cmt_keep_lowest(chain.blocks, &policy, &height, &by, &error));
        ck_assert_int_eq(by, CMT_KEEP_BYTES);
        MUST(cmt_block_store_approximate_bytes(chain.blocks, height, 301, &kept, &error));
        MUST(cmt_block_store_approximate_bytes(chain.blocks, height - 1, 301, &more, &error));
        ck_assert_uint_le(kept, limit);
        ck_assert_uint_gt(more, limit);
        ck_assert_uint_lt(more, kept + 4000); /* a block is about 1,500 bytes, in both */
    }
    expect_lowest((cmt_keep_policy){.bytes = whole}, 1, CMT_KEEP_BYTES);
    growing_close(&chain);
}
END_TEST

START_TEST(of_several_the_one_that_keeps_most_wins)
{
    open_chain(100);
    expect_lowest((cmt_keep_policy){.blocks = 10}, 91, CMT_KEEP_BLOCKS);
    expect_lowest((cmt_keep_policy){.blocks = 10, .for_ns = 20 * SECOND_NS}, 80, CMT_KEEP_FOR);
    expect_lowest((cmt_keep_policy){.blocks = 30, .for_ns = 20 * SECOND_NS}, 71, CMT_KEEP_BLOCKS);
    expect_lowest((cmt_keep_policy){30, 20 * SECOND_NS, 1 << 30}, 1, CMT_KEEP_BYTES);
    expect_lowest((cmt_keep_policy){.blocks = 100}, 1, CMT_KEEP_BLOCKS);
    expect_lowest((cmt_keep_policy){.blocks = INT64_MAX}, 1, CMT_KEEP_BLOCKS);
    expect_lowest((cmt_keep_policy){.blocks = 0}, 0, CMT_KEEP_NONE);
    growing_close(&chain);
}
END_TEST

START_TEST(a_store_without_blocks_keeps_nothing)
{
    open_chain(0);
    expect_lowest((cmt_keep_policy){10, SECOND_NS, 1000}, 0, CMT_KEEP_NONE);
    growing_close(&chain);
}
END_TEST

/* ---- pins ------------------------------------------------------------------------------------- */

static char *dir;

static cmt_pin pin_of(const char *name, int64_t height, int64_t expires)
{
    cmt_pin pin = {.height = height, .expires = expires};
    snprintf(pin.name, sizeof pin.name, "%s", name);
    return pin;
}

static void add(const char *name, int64_t height, int64_t expires, int64_t now)
{
    const cmt_pin pin = pin_of(name, height, expires);
    MUST(cmt_pins_add(dir, &pin, now, &error));
}

static void expect_pins(const char *wanted)
{
    char text[512] = "";
    cmt_pins pins;
    MUST(cmt_pins_load(dir, &pins, &error));
    for (size_t i = 0; i < pins.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s:%" PRId64 " ",
                 pins.pins[i].name, pins.pins[i].height);
    cmt_pins_free(&pins);
    ck_assert_str_eq(text, wanted);
}

static void open_dir(void)
{
    error = (cmt_error)CMT_ERROR_INIT;
    dir = files_temp();
}

START_TEST(pins_are_kept_by_name_and_expire)
{
    open_dir();
    expect_pins("");
    add("b", 200, INT64_MAX, 10);
    add("a", 100, 50, 10);
    add("c", 300, 60, 10);
    expect_pins("a:100 b:200 c:300 ");
    cmt_pins pins;
    MUST(cmt_pins_load(dir, &pins, &error));
    ck_assert_str_eq(cmt_pins_lowest(&pins, 49)->name, "a");
    ck_assert_str_eq(cmt_pins_lowest(&pins, 50)->name, "b"); /* from then on it does not count */
    ck_assert_int_eq(pins.pins[0].expires, 50);
    ck_assert_int_eq(pins.pins[1].expires, INT64_MAX);
    cmt_pins_free(&pins);
    ck_assert_ptr_null(cmt_pins_lowest(&pins, 0));
    MUST(cmt_pins_remove(dir, "b", 55, &error));
    expect_pins("c:300 ");
    ck_assert_int_eq(cmt_pins_remove(dir, "c", 60, &error), CMT_NOT_FOUND);
    add("c", 5, INT64_MAX, 60); /* the name is free again */
    expect_pins("c:5 ");
    files_remove(dir);
}
END_TEST

START_TEST(what_cannot_be_a_pin_is_refused_and_makes_no_file)
{
    const cmt_pin bad[] = {pin_of("", 5, INT64_MAX), pin_of("a b", 5, INT64_MAX),
                           pin_of("a", 0, INT64_MAX), pin_of("a", -5, INT64_MAX),
                           pin_of("a", 5, 10)};
    open_dir();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(cmt_pins_add(dir, &bad[i], 10, &error), CMT_INVALID);
    ck_assert_int_eq(cmt_pins_remove(dir, "a", 10, &error), CMT_NOT_FOUND);
    ck_assert(!files_exist(dir, "cmtstore"));
    add("a", 5, INT64_MAX, 10);
    const cmt_pin again = pin_of("a", 6, INT64_MAX);
    ck_assert_int_eq(cmt_pins_add(dir, &again, 10, &error), CMT_INVALID);
    expect_pins("a:5 ");
    files_remove(dir);
}
END_TEST

static void append(cmt_buf *file, const char *text)
{
    ck_assert_int_eq(cmt_buf_append(file, text, strlen(text)), CMT_OK);
}

START_TEST(the_number_of_pins_has_a_limit)
{
    char line[32];
    open_dir();
    cmt_buf file = CMT_BUF_INIT;
    append(&file, "cmtstore pins 1\n");
    for (int i = 1; i < CMT_PINS_MAX; i++) {
        snprintf(line, sizeof line, "p%04d %d never\n", i, i);
        append(&file, line);
    }
    snprintf(line, sizeof line, "crc32c %08" PRIx32 "\n", cmt_crc32c(0, file.data, file.size));
    append(&file, line);
    free(files_make_dir(dir, "cmtstore"));
    files_write(dir, "cmtstore/pins", cmt_buf_slice(&file));
    cmt_buf_free(&file);
    add("last", 6, INT64_MAX, 10);
    const cmt_pin more = pin_of("more", 6, INT64_MAX);
    ck_assert_int_eq(cmt_pins_add(dir, &more, 10, &error), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "there are 1000 pins already"));
    files_remove(dir);
}
END_TEST

/* A process that was killed has left the file that it was writing. */
START_TEST(what_a_killed_process_left_is_no_hindrance)
{
    open_dir();
    add("a", 5, INT64_MAX, 10);
    files_write(dir, "cmtstore/pins.new", CMT_SLICE("cmtstore pi"));
    expect_pins("a:5 ");
    add("b", 6, INT64_MAX, 10);
    expect_pins("a:5 b:6 ");
    ck_assert(!files_exist(dir, "cmtstore/pins.new"));
    files_remove(dir);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prune_keep");
    TCase *tc = tcase_create("prune_keep");
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, by_age_the_boundary_belongs_to_what_is_kept);
    tcase_add_test(tc, by_age_a_missing_header_is_passed_over);
    tcase_add_test(tc, by_size_what_is_kept_fits_and_one_more_would_not);
    tcase_add_test(tc, of_several_the_one_that_keeps_most_wins);
    tcase_add_test(tc, a_store_without_blocks_keeps_nothing);
    tcase_add_test(tc, pins_are_kept_by_name_and_expire);
    tcase_add_test(tc, what_cannot_be_a_pin_is_refused_and_makes_no_file);
    tcase_add_test(tc, the_number_of_pins_has_a_limit);
    tcase_add_test(tc, what_a_killed_process_left_is_no_hindrance);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
