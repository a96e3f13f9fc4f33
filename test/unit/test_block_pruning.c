/* SPDX-License-Identifier: Apache-2.0
 *
 * Pruning behind a block: how far, what stays, who compacts, and that a failure is no failure of the block.
 */
#include "diary_host.h"

START_TEST(what_the_application_gives_up_is_pruned)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 100);
    h.retain_height = 60;
    MUST(commit_next());
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 60);
    ck_assert_ptr_nonnull(strstr(h.log, "pruned blocks  pruned=59 retain_height=60 base=60\n"));
    ck_assert_ptr_nonnull(strstr(h.diary, "commit mempool unlock evidence compact block "));
    ck_assert_int_eq(h.request.heights, 59);
    ck_assert_uint_gt(h.request.deleted_keys, 59 * 3);
    ck_assert_uint_gt(h.ranges, 2);
    ck_assert_str_eq(h.request.label, CMT_COMPACT_LABEL_PRUNE);
    cmt_buf bytes = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_state_store_load_results(made.states, 59, &bytes, &error), CMT_NOT_FOUND);
    MUST(cmt_state_store_load_results(made.states, 60, &bytes, &error));
    /* Evidence may be 60 blocks old: validators stay so far, and no further. */
    MUST(cmt_state_store_load_validators(made.states, 45, &bytes, &error));
    ck_assert_int_eq(cmt_state_store_load_validators(made.states, 30, &bytes, &error),
                     CMT_NOT_FOUND);
    cmt_buf_free(&bytes);
    h.diary[0] = '\0';
    MUST(commit_next()); /* the same height again: nothing is left */
    ck_assert_ptr_null(strstr(h.diary, "compact"));
    close_all();
}
END_TEST

START_TEST(without_a_background_compactor_it_compacts_itself)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 100);
    const cmt_compactor_target target = {.blockstore = made.block_db, .state = made.state_db};
    const cmt_compact_flight_options flight_options = {.logger = &logger};
    const cmt_compact_fallback all = {.policy = CMT_COMPACT_FULL};
    cmt_compact_flight *flight;
    MUST(cmt_compact_flight_new(&target, &flight_options, &flight, &error));
    const cmt_compact_handover alone = {.flight = flight, .fallback = &all, .logger = &logger};
    options.handover = &alone;
    new_executor();
    h.retain_height = 60;
    MUST(commit_next());
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).finished, 1);
    const char *pruned = strstr(h.log, "pruned blocks  pruned=59");
    const char *alone_line = strstr(h.log, "using synchronous compaction");
    ck_assert_ptr_nonnull(pruned);
    ck_assert_msg(alone_line > pruned, "%s", h.log);
    ck_assert_ptr_nonnull(strstr(alone_line, "compaction_done label=post_pruning_compaction"));
    options.handover = NULL; /* nobody: it stays as it is */
    new_executor();
    h.retain_height = 70;
    MUST(commit_next());
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 70);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).started, 1);
    cmt_compact_flight_free(flight);
    close_all();
}
END_TEST

START_TEST(a_prune_that_fails_does_not_fail_the_block)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 100);
    h.retain_height = 1000;
    MUST(commit_next());
    ck_assert_int_eq(state.last_block_height, 101);
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 1);
    ck_assert_ptr_nonnull(
        strstr(h.log, "failed to prune blocks  retain_height=1000 err=\"failed to prune block "
                      "store: "));
    ck_assert_ptr_nonnull(strstr(h.diary, " block header "));
    ck_assert_ptr_null(strstr(h.diary, "compact"));
    options.never_prune = true;
    new_executor();
    h.retain_height = 60;
    MUST(commit_next());
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 1);
    close_all();
}
END_TEST

/* What of an earlier height is left for evidence goes when its time has come, unless it is to stay. */
static bool header_stays(bool keep_residue)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 40);
    options.keep_residue = keep_residue;
    new_executor();
    h.retain_height = 30;
    MUST(commit_next());
    state.params.core.evidence_max_age_num_blocks = 1;
    state.params.core.evidence_max_age_duration_ns = 1;
    h.retain_height = 35;
    MUST(commit_next());
    cmt_block_meta meta;
    cmt_status st = cmt_block_store_load_meta(made.blocks, 20, &meta, &error);
    ck_assert_msg(st == CMT_OK || st == CMT_NOT_FOUND, "%s", error.message);
    close_all();
    return st == CMT_OK;
}

START_TEST(residue_goes_or_stays)
{
    ck_assert(!header_stays(false));
    ck_assert(header_stays(true));
}
END_TEST

static int64_t kept_by(const made_chain *of, bool companion)
{
    cmt_retain_heights kept;
    MUST(cmt_state_store_retain_heights(of->states, &kept, &error));
    return companion ? kept.companion : kept.application;
}

/* 1.0: the lower of two wishes; the application's is kept and does not fall. */
START_TEST(a_data_companion_holds_blocks_back)
{
    open_at("multi-1.0-v2", CMT_RELEASE_1_0, 100);
    h.retain_height = 20;
    MUST(commit_next());
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 20);
    ck_assert_int_eq(kept_by(&made, false), 20);
    options.data_companion = true;
    new_executor();
    h.retain_height = 40;
    MUST(commit_next()); /* it has given up nothing yet */
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 20);
    MUST(cmt_state_store_init_retain_heights(made.states, true, 30, 0, &error));
    MUST(commit_next());
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 30);
    ck_assert_int_eq(kept_by(&made, true), 30);
    ck_assert_int_eq(kept_by(&made, false), 40);
    options.data_companion = false;
    new_executor();
    h.retain_height = 35;
    MUST(commit_next()); /* too late to want more: 40 holds */
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 40);
    ck_assert_ptr_nonnull(strstr(h.log, "failed to set application block retain height  "
                                        "retain_height=35 err=\""));
    close_all();
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_add_test(tc, what_the_application_gives_up_is_pruned);
    tcase_add_test(tc, without_a_background_compactor_it_compacts_itself);
    tcase_add_test(tc, a_prune_that_fails_does_not_fail_the_block);
    tcase_add_test(tc, residue_goes_or_stays);
    tcase_add_test(tc, a_data_companion_holds_blocks_back);
}

int main(void)
{
    return run_suite("block_pruning", add_tests);
}
