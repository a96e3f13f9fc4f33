/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a block store to save blocks, and taking the last one back.
 */
#include "saved_block.h"

/* ---- opening to save ---------------------------------------------------------------------- */

static void expect_layout(cmt_key_layout asked, bool version, cmt_key_layout layout)
{
    const cmt_block_store_options options = {.layout = asked, .write_version = version};
    cmt_block_store *store = open_with(&options);
    cmt_buf stamp = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_block_store_layout(store), layout);
    ck_assert(cmt_block_store_has_version(store) == version);
    ck_assert(chain_get(memory, &stamp, "version") == version);
    if (version)
        ck_assert(cmt_slice_equal(cmt_buf_slice(&stamp),
                                  layout == CMT_KEY_LAYOUT_V2 ? CMT_SLICE("v2") : CMT_SLICE("v1")));
    cmt_buf_free(&stamp);
    cmt_block_store_close(store);
}

START_TEST(an_empty_store_gets_the_layout_asked_for)
{
    expect_layout(0, false, CMT_KEY_LAYOUT_V1);
    expect_layout(0, true, CMT_KEY_LAYOUT_V1);
    expect_layout(CMT_KEY_LAYOUT_V2, true, CMT_KEY_LAYOUT_V2); /* nothing was saved yet */
    ck_assert_uint_eq(recorder.writes, 2);
    ck_assert_uint_eq(recorder.unsynced, 0);
}
END_TEST

START_TEST(a_store_with_keys_keeps_its_layout)
{
    const cmt_block_store_options v2 = {.layout = CMT_KEY_LAYOUT_V2, .write_version = true};
    cmt_block_store *store = open_with(&v2);
    save(store, 1, 1);
    cmt_block_store_close(store);
    ck_assert(!chain_get(memory, NULL, "H:1"));
    expect_layout(CMT_KEY_LAYOUT_V1, true, CMT_KEY_LAYOUT_V2);
    const cmt_block_store_options v1 = {.layout = CMT_KEY_LAYOUT_V1, .write_version = false};
    expect_refused(cmt_block_store_open_for_writing(db, &v1, &store, &err), "layout v2");
    ck_assert_ptr_null(store);
}
END_TEST

START_TEST(an_older_store_is_stamped_with_what_its_keys_are)
{
    cmt_block_store *store = open_with(NULL);
    save(store, 1, 1);
    cmt_block_store_close(store);
    expect_layout(CMT_KEY_LAYOUT_V2, true, CMT_KEY_LAYOUT_V1);
}
END_TEST

START_TEST(layout_v2_needs_a_version)
{
    const cmt_block_store_options options = {.layout = CMT_KEY_LAYOUT_V2};
    cmt_block_store *store = NULL;
    expect_refused(cmt_block_store_open_for_writing(db, &options, &store, &err), "version key");
    ck_assert_ptr_null(store);
    ck_assert_uint_eq(pairs(), 0);
}
END_TEST

START_TEST(what_cannot_be_written_is_not_opened_to_save)
{
    cmt_block_store *store = NULL;
    recorder.ops.capabilities = 0;
    ck_assert_int_eq(cmt_block_store_open_for_writing(db, NULL, &store, &err), CMT_UNSUPPORTED);
    ck_assert_ptr_null(store);
}
END_TEST

START_TEST(a_base_that_was_never_stored_is_with_the_next_block)
{
    cmt_buf value = CMT_BUF_INIT;
    cmt_block_store *store = open_with(NULL);
    save(store, 1, 1);
    cmt_block_store_close(store);
    chain_encode_block_store_state(0, 1, &value);
    chain_put(memory, &value, "blockStore");
    store = open_with(NULL);
    save(store, 2, 1);
    expect_stored(store, 1, 2);
    ck_assert(chain_get(memory, &value, "blockStore"));
    ck_assert(cmt_slice_equal(cmt_buf_slice(&value), CMT_SLICE("\x08\x01\x10\x02")));

    const cmt_block_prune_request nothing = {.retain_height = 1, .initial_height = 1};
    cmt_block_prune rule;
    ck_assert_int_eq(cmt_block_prune_make(store, &nothing, &rule, &err), CMT_OK);
    ck_assert_uint_eq(rule.new_state.size, 0); /* a prune has nothing to mend any more */
    cmt_block_prune_free(&rule);
    cmt_buf_free(&value);
    cmt_block_store_close(store);
}
END_TEST

/* ---- the last block taken back ------------------------------------------------------------ */

START_TEST(the_last_block_goes_with_all_but_its_extended_commit)
{
    cmt_block_store *store = open_with(NULL);
    signature.extension_signature = CMT_SLICE("signature");
    save(store, 1, 1);
    save(store, 2, 3);
    recorder.writes = 0;
    ck_assert_int_eq(cmt_block_store_delete_latest_block(store, &err), CMT_OK);
    ck_assert_uint_eq(recorder.writes, 1);
    ck_assert_uint_eq(recorder.unsynced, 0);
    expect_stored(store, 1, 1);
    ck_assert_uint_eq(pairs(), 9); /* as after block 1: 7, and C:1, EC:2 */
    ck_assert(chain_get(memory, NULL, "C:1") && chain_get(memory, NULL, "EC:2"));
    save(store, 2, 1);
    expect_stored(store, 1, 2);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(several_go_one_after_the_other)
{
    cmt_block_store *store = open_with(NULL);
    for (int64_t h = 1; h <= 4; h++)
        save(store, h, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(cmt_block_store_delete_latest_block(store, &err), CMT_OK);
    expect_stored(store, 1, 1);
    ck_assert_uint_eq(pairs(), 7); /* as after block 1, and C:1, which block 2 carried */
    ck_assert(chain_get(memory, NULL, "C:1") && !chain_get(memory, NULL, "C:2"));
    cmt_block_store_close(store);
}
END_TEST

START_TEST(behind_the_only_block_base_is_one_above_height)
{
    cmt_block_store *store = open_with(NULL);
    save(store, 30, 1);
    ck_assert_int_eq(cmt_block_store_delete_latest_block(store, &err), CMT_OK);
    expect_stored(store, 30, 29);
    expect_refused(cmt_block_store_delete_latest_block(store, &err), "no block to delete");
    expect_stored(store, 30, 29);
    cmt_block block = make_block(31);
    expect_refused(try_save(store, &block, 1, 31), "Wanted 30, got 31");
    save(store, 30, 1);
    expect_stored(store, 30, 30);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(an_empty_store_has_no_last_block)
{
    cmt_block_store *store = open_with(NULL);
    expect_refused(cmt_block_store_delete_latest_block(store, &err), "no block to delete");
    ck_assert_uint_eq(recorder.writes, 0);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(what_is_left_of_a_block_without_meta_goes)
{
    cmt_block_store *store = open_with(NULL);
    save(store, 1, 1);
    save(store, 2, 1);
    chain_delete(memory, "H:2");
    ck_assert_int_eq(cmt_block_store_delete_latest_block(store, &err), CMT_OK);
    expect_stored(store, 1, 1);
    ck_assert(!chain_get(memory, NULL, "SC:2"));
    ck_assert(chain_get(memory, NULL, "P:2:0")); /* nothing tells of it */
    cmt_block_store_close(store);
}
END_TEST

START_TEST(a_damaged_meta_stops_it)
{
    cmt_block_store *store = open_with(NULL);
    save(store, 1, 1);
    chain_put_text(memory, "\x08", "H:1");
    ck_assert_int_eq(cmt_block_store_delete_latest_block(store, &err), CMT_CORRUPT);
    expect_stored(store, 1, 1);
    ck_assert(chain_get(memory, NULL, "SC:1"));
    cmt_block_store_close(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("block_open");
    TCase *opening = new_case(suite, "opening");
    tcase_add_test(opening, an_empty_store_gets_the_layout_asked_for);
    tcase_add_test(opening, a_store_with_keys_keeps_its_layout);
    tcase_add_test(opening, an_older_store_is_stamped_with_what_its_keys_are);
    tcase_add_test(opening, layout_v2_needs_a_version);
    tcase_add_test(opening, what_cannot_be_written_is_not_opened_to_save);
    tcase_add_test(opening, a_base_that_was_never_stored_is_with_the_next_block);
    TCase *back = new_case(suite, "taking back");
    tcase_add_test(back, the_last_block_goes_with_all_but_its_extended_commit);
    tcase_add_test(back, several_go_one_after_the_other);
    tcase_add_test(back, behind_the_only_block_base_is_one_above_height);
    tcase_add_test(back, an_empty_store_has_no_last_block);
    tcase_add_test(back, what_is_left_of_a_block_without_meta_goes);
    tcase_add_test(back, a_damaged_meta_stops_it);
    return suite_run(suite);
}
