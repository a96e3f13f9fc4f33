/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains that CometBFT wrote, executed again by the block executor into empty databases: every pair comes out as
 * CometBFT left it.
 */
#include "cmtstore/replay.h"

#include "source_chain.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static cmt_error error;

#define MUST(call)                                                                                 \
    do {                                                                                           \
        cmt_status must_status = (call);                                                           \
        if (must_status != CMT_OK)                                                                 \
            ck_abort_msg("%s: %s: %s", #call, cmt_status_text(must_status), error.message);        \
    } while (0)

static cmt_replay_options options_for(source_chain *source, made_chain *made)
{
    return (cmt_replay_options){
        .source_blocks = source->blocks,
        .source_states = source->states,
        .blocks = made->blocks,
        .states = made->states,
        .genesis = &source->genesis,
    };
}

static void expect_same(const source_chain *source, const made_chain *made,
                        const char *const *except)
{
    made_expect_same("blockstore", made->block_db, source->block_db, NULL);
    made_expect_same("state", made->state_db, source->state_db, except);
}

/* @p except: keys of the state store that only a running node writes. */
static void replay_fixture(const char *fixture, cmt_release release, int64_t blocks,
                           const char *const *except)
{
    source_chain source = source_open(fixture, release);
    made_chain made = made_open(&source, false);
    const cmt_replay_options options = options_for(&source, &made);
    cmt_replay_result result;
    MUST(cmt_replay_run(&options, &result, &error));
    ck_assert_int_eq(result.blocks, blocks);
    expect_same(&source, &made, except);
    made_close(&made);
    source_close(&source);
}

START_TEST(comet_0_38)
{
    replay_fixture("multi-0.38", CMT_RELEASE_0_38, 600, NULL);
}
END_TEST

START_TEST(comet_0_40)
{
    replay_fixture("multi-0.40", CMT_RELEASE_0_40, 600, NULL);
}
END_TEST

START_TEST(comet_1_0_layout_v2)
{
    replay_fixture("multi-1.0-v2", CMT_RELEASE_1_0, 600, NULL);
}
END_TEST

START_TEST(vote_extensions)
{
    replay_fixture("votes-ext-0.38", CMT_RELEASE_0_38, 300, NULL);
    replay_fixture("votes-ext-1.0", CMT_RELEASE_1_0, 220, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replay");
    TCase *tc = tcase_create("replay");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, comet_0_38);
    tcase_add_test(tc, comet_0_40);
    tcase_add_test(tc, comet_1_0_layout_v2);
    tcase_add_test(tc, vote_extensions);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
