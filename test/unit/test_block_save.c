/* SPDX-License-Identifier: Apache-2.0
 *
 * Saving blocks: what may be saved and what may not, in which writes, and what a failure leaves.  That the pairs
 * are CometBFT's is tested in test/compat/test_saved_chains.c.
 */
#include "saved_block.h"

/* ---- saving ------------------------------------------------------------------------------ */

START_TEST(the_first_block_may_have_any_height)
{
    cmt_block_store *store = open_with(NULL);
    expect_stored(store, 0, 0);
    save(store, 4711, 1);
    expect_stored(store, 4711, 4711);
    ck_assert(chain_get(memory, NULL, "C:4710"));
    save(store, 4712, 1);
    expect_stored(store, 4711, 4712);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(a_block_is_one_synced_write)
{
    cmt_block_store *store = open_with(NULL);
    save(store, 1, 1);
    ck_assert_uint_eq(recorder.writes, 1);
    ck_assert_uint_eq(recorder.unsynced, 0);
    ck_assert_uint_eq(recorder.largest, 6); /* P: H: BH: C: SC: blockStore */
    save(store, 2, 10);
    ck_assert_uint_eq(recorder.writes, 2);
    ck_assert_uint_eq(recorder.unsynced, 0);
    ck_assert_uint_eq(recorder.largest, 15);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(more_than_ten_parts_are_written_before_the_rest)
{
    cmt_block_store *store = open_with(NULL);
    save(store, 1, 11);
    ck_assert_uint_eq(recorder.writes, 12);
    ck_assert_uint_eq(recorder.unsynced, 11);
    ck_assert_uint_eq(recorder.largest, 5);
    ck_assert_uint_lt(recorder.largest_bytes, 2 * CMT_PART_BYTES);
    ck_assert(chain_get(memory, NULL, "P:1:10"));
    cmt_block_store_close(store);
}
END_TEST

/* Bytes that decode to the block may be longer than what it is written as: unknown fields are skipped. */
START_TEST(the_size_in_the_meta_is_that_of_the_block_written_anew)
{
    cmt_block_store *store = open_with(NULL);
    cmt_block block = make_block(1);
    cmt_block_meta meta;
    save(store, 1, 2);
    ck_assert_int_eq(cmt_block_store_load_meta(store, 1, &meta, &err), CMT_OK);
    ck_assert_int_eq(meta.block_size, (int64_t)cmt_block_size(&block));
    ck_assert_int_lt(meta.block_size, CMT_PART_BYTES);
    ck_assert_uint_eq(meta.block_id.part_total, 2);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(only_the_next_block_may_be_saved)
{
    cmt_block_store *store = open_with(NULL);
    save(store, 5, 1);
    size_t before = pairs();
    cmt_block block = make_block(7);
    expect_refused(try_save(store, &block, 11, 7),
                   "BlockStore can only save contiguous blocks. Wanted 6, got 7");
    block = make_block(5);
    expect_refused(try_save(store, &block, 11, 5),
                   "BlockStore can only save contiguous blocks. Wanted 6, got 5");
    ck_assert_uint_eq(pairs(), before);
    ck_assert_uint_eq(recorder.writes, 1);
    expect_stored(store, 5, 5);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(the_seen_commit_must_be_for_the_block)
{
    cmt_block_store *store = open_with(NULL);
    cmt_block block = make_block(8);
    expect_refused(
        try_save(store, &block, 11, 7),
        "BlockStore cannot save seen commit of a different height (block: 8, commit: 7)");
    signature.extension_signature = CMT_SLICE("signature");
    expect_refused(
        try_save(store, &block, 11, 9),
        "BlockStore cannot save seen commit of a different height (block: 8, commit: 9)");
    ck_assert_uint_eq(recorder.writes, 0);
    expect_stored(store, 0, 0);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(a_block_without_hash_or_height_is_refused)
{
    cmt_block_store *store = open_with(NULL);
    cmt_block block = make_block(8);
    block.header.validators_hash.size = 0;
    expect_refused(try_save(store, &block, 11, 8), "block 8 has no hash");
    block = make_block(0);
    expect_refused(try_save(store, &block, 11, 0), "of height 0");
    ck_assert_uint_eq(recorder.writes, 0);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(extensions_must_be_where_they_have_to_be)
{
    cmt_block_store *store = open_with(NULL);
    cmt_block block = make_block(1);
    signature.extension = CMT_SLICE("extension");
    expect_refused(try_save(store, &block, 11, 1),
                   "problems saving block with extensions: vote extension signature is missing; "
                   "validator addr 3132333435363738393031323334353637383930, "
                   "timestamp 2023-11-14 22:13:20.5 +0000 UTC");
    signature.sig.flag = CMT_BLOCK_ID_NIL;
    expect_refused(try_save(store, &block, 11, 1), "non-commit vote extension present");
    signature.extension_signature = CMT_SLICE("signature");
    expect_refused(try_save(store, &block, 11, 1), "non-commit vote extension present");
    signature.extension.size = 0;
    expect_refused(try_save(store, &block, 11, 1), "non-commit vote extension signature present");
    ck_assert_uint_eq(recorder.writes, 0);
    signature.sig.flag = CMT_BLOCK_ID_COMMIT;
    save(store, 1, 1);
    ck_assert(chain_get(memory, NULL, "EC:1") && chain_get(memory, NULL, "SC:1"));
    cmt_block_store_close(store);
}
END_TEST

/* @p fail: which of the writes fails. */
static void expect_old_state(uint32_t parts, uint64_t fail)
{
    cmt_block_store *store = open_with(NULL);
    save(store, 3, 1);
    recorder.fail_at = recorder.writes + fail;
    cmt_block block = make_block(4);
    ck_assert_int_eq(try_save(store, &block, parts, 4), CMT_NO_SPACE);
    expect_stored(store, 3, 3);
    ck_assert(!chain_get(memory, NULL, "H:4"));
    save(store, 4, parts);
    expect_stored(store, 3, 4);
    cmt_block_store_close(store);
}

START_TEST(a_failed_write_leaves_the_old_state_and_may_be_tried_again)
{
    expect_old_state(1, 1);
}
END_TEST

START_TEST(so_does_one_behind_its_parts)
{
    expect_old_state(12, 5);
}
END_TEST

START_TEST(and_the_one_that_fails_last)
{
    expect_old_state(12, 13);
}
END_TEST

START_TEST(a_seen_commit_alone_is_not_synced)
{
    cmt_block_store *store = open_with(NULL);
    cmt_commit commit = {
        .height = 50, .block_id.part_total = 1, .signatures = &signature.sig, .count = 1};
    ck_assert_int_eq(cmt_block_store_save_seen_commit(store, 50, &commit, &err), CMT_OK);
    ck_assert_uint_eq(recorder.unsynced, 1);
    expect_stored(store, 0, 0);
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_commit_info info;
    ck_assert_int_eq(cmt_block_store_load_seen_commit(store, 50, &bytes, &info, &err), CMT_OK);
    ck_assert_int_eq(info.height, 50);
    save(store, 51, 1);
    expect_stored(store, 51, 51);
    expect_refused(cmt_block_store_save_seen_commit(store, -1, &commit, &err), "height -1");
    cmt_buf_free(&bytes);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(saving_goes_on_behind_a_prune)
{
    cmt_block_store *store = open_with(NULL);
    for (int64_t h = 1; h <= 10; h++)
        save(store, h, 1);
    const cmt_block_prune_request request = {
        .retain_height = 6, .initial_height = 1, .window = {10, {1, 0}, 0, 0}};
    cmt_block_prune_result result;
    ck_assert_int_eq(cmt_block_store_prune(store, &request, NULL, &result, &err), CMT_OK);
    cmt_block_prune_result_free(&result);
    expect_stored(store, 6, 10);
    save(store, 11, 1);
    expect_stored(store, 6, 11);
    ck_assert(!chain_get(memory, NULL, "P:5:0") && chain_get(memory, NULL, "P:6:0"));
    cmt_block_store_close(store);
}
END_TEST

/* ---- fail points -------------------------------------------------------------------------- */

static char heard[128];

static void hear(void *context, const char *name)
{
    const cmt_block_store *const *store = context;
    size_t used = strlen(heard);
    snprintf(heard + used, sizeof heard - used, "%s %" PRId64 " ", name,
             cmt_block_store_height(*store));
}

START_TEST(fail_points_stand_around_the_batch)
{
    cmt_block_store *store = NULL;
    const cmt_block_store_options options = {.fail_point = hear, .fail_context = &store};
    store = open_with(&options);
    heard[0] = '\0';
    save(store, 6, 12);
    ck_assert_str_eq(heard, "save_block:before 0 save_block:after 6 ");
    cmt_block_store_close(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("block_save");
    TCase *saving = new_case(suite, "saving");
    tcase_add_test(saving, the_first_block_may_have_any_height);
    tcase_add_test(saving, a_block_is_one_synced_write);
    tcase_add_test(saving, more_than_ten_parts_are_written_before_the_rest);
    tcase_add_test(saving, the_size_in_the_meta_is_that_of_the_block_written_anew);
    tcase_add_test(saving, only_the_next_block_may_be_saved);
    tcase_add_test(saving, the_seen_commit_must_be_for_the_block);
    tcase_add_test(saving, a_block_without_hash_or_height_is_refused);
    tcase_add_test(saving, extensions_must_be_where_they_have_to_be);
    tcase_add_test(saving, a_failed_write_leaves_the_old_state_and_may_be_tried_again);
    tcase_add_test(saving, so_does_one_behind_its_parts);
    tcase_add_test(saving, and_the_one_that_fails_last);
    tcase_add_test(saving, a_seen_commit_alone_is_not_synced);
    tcase_add_test(saving, saving_goes_on_behind_a_prune);
    tcase_add_test(saving, fail_points_stand_around_the_batch);
    return suite_run(suite);
}
