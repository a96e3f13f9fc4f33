/* SPDX-License-Identifier: Apache-2.0
 *
 * How a prune takes dead blocks out of the hash index.
 */
#include "block_fixture.h"

#include "store_internal.h"
#include "suite.h"
#include "types_support.h"

#include <stdlib.h>

static void check_key(const test_line *line)
{
    ck_assert_uint_eq(line->count, 4);
    ck_assert(line->words[0] != NULL && line->words[1] != NULL);
    if (strcmp(line->words[0], "BH:") != 0)
        return;
    CMT_AUTO(cmt_buf_free) cmt_buf hash = test_unhex(line->words[1]);
    cmt_store__hash_key key = cmt_store__make_hash_key(CMT_KEY_LAYOUT_V2, cmt_buf_slice(&hash));
    test_same((cmt_slice){key.bytes, key.size}, line->words[3]);
    cmt_range all = cmt_block_hash_range(CMT_KEY_LAYOUT_V2);
    ck_assert(cmt_slice_has_prefix((cmt_slice){key.bytes, key.size}, all.lo));
}

START_TEST(keys_of_layout_v2_are_those_that_cometbft_makes)
{
    ck_assert_uint_eq(test_each_line("keys-v2.txt", check_key), 484);
}
END_TEST

START_TEST(few_dead_hashes_are_listed)
{
    put_blocks(1, 200);
    put_state(1, 200);
    cmt_block_prune_request request = request_for(4, 200, 0);
    make(&request);
    ck_assert(!prune.hash_by_value);
    ck_assert_uint_eq(prune.hash_count, 3);
    for (int64_t h = 1; h < 4; h++) {
        chain_block block = block_at(h);
        char key[68];
        bool listed = false;
        chain_hash_key(&block, key);
        for (size_t i = 0; i < 3; i++)
            listed |= cmt_slice_equal(cmt_block_prune_hash(&prune, i),
                                      (cmt_slice){(const uint8_t *)key, 67});
        ck_assert(listed);
    }
    for (size_t i = 1; i < 3; i++)
        ck_assert_int_lt(
            cmt_slice_compare(cmt_block_prune_hash(&prune, i - 1), cmt_block_prune_hash(&prune, i)),
            0);
}
END_TEST

START_TEST(protected_headers_lose_their_hashes_too)
{
    put_blocks(1, 200);
    put_state(1, 200);
    cmt_block_prune_request request = request_for(4, 200, 198); /* from 2 on */
    make(&request);
    ck_assert_int_eq(prune.evidence_height, 2);
    ck_assert_uint_eq(prune.hash_count, 3);
}
END_TEST

START_TEST(many_dead_hashes_are_judged_by_value)
{
    put_blocks(1, 200);
    put_state(1, 200);
    cmt_block_prune_request request = request_for(150, 200, 0);
    make(&request);
    ck_assert(prune.hash_by_value);
    ck_assert_uint_eq(prune.hash_count, 0);
    ck_assert(prune.hash_share > 0.74 && prune.hash_share < 0.76);
}
END_TEST

START_TEST(a_dead_block_without_header_is_found_in_the_hash_index_by_value)
{
    put_blocks(1, 200);
    put_state(1, 200);
    chain_delete(db, "H:2");
    cmt_block_prune_request request = request_for(4, 200, 0);
    make(&request);
    ck_assert(prune.hash_by_value);
    ck_assert_uint_eq(prune.hash_count, 0);
}
END_TEST

START_TEST(metas_of_dead_blocks_have_to_tell_their_hash)
{
    put_blocks(1, 200);
    put_state(1, 200);
    cmt_block_prune_request request = request_for(4, 200, 0);
    chain_put_text(db, "\x08\x01", "H:2"); /* decodes, but holds no block id */
    ck_assert_int_eq(try_make(db, &request), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "block meta 2"));
}
END_TEST

START_TEST(a_value_of_the_hash_index_that_is_no_height_is_corrupt)
{
    put_blocks(1, 20);
    put_state(1, 20);
    cmt_block_prune_request request = request_for(15, 20, 0);
    make(&request);
    bool dead;
    ck_assert_int_eq(
        cmt_block_prune_is_dead(&prune, CMT_SLICE("BH:\x01"), CMT_SLICE("1x"), &dead, &err),
        CMT_CORRUPT);
    ck_assert_str_eq(err.message, "the value of BH:\\x01 is \"1x\", not a height");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("block_hashes");
    TCase *tc = tcase_create("block_hashes");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, keys_of_layout_v2_are_those_that_cometbft_makes);
    tcase_add_test(tc, few_dead_hashes_are_listed);
    tcase_add_test(tc, protected_headers_lose_their_hashes_too);
    tcase_add_test(tc, many_dead_hashes_are_judged_by_value);
    tcase_add_test(tc, a_dead_block_without_header_is_found_in_the_hash_index_by_value);
    tcase_add_test(tc, metas_of_dead_blocks_have_to_tell_their_hash);
    tcase_add_test(tc, a_value_of_the_hash_index_that_is_no_height_is_corrupt);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
