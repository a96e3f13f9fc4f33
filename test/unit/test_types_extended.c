/* SPDX-License-Identifier: Apache-2.0
 *
 * Extended commits against CometBFT's own bytes and verdicts.
 */
#include "types_support.h"
#include "types_vectors.h"

#include "cmtstore/types_block.h"

static size_t seen;

static cmt_ext_commit read_hex(const char *hex, cmt_buf *bytes)
{
    cmt_ext_commit commit;
    cmt_error err = CMT_ERROR_INIT;
    *bytes = test_unhex(hex);
    cmt_status st = cmt_ext_commit_read(cmt_buf_slice(bytes), &commit, &err);
    ck_assert_msg(st == CMT_OK, "%s", err.message);
    return commit;
}

static void same_commit(const cmt_ext_commit *extended, const char *hex)
{
    cmt_commit commit;
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_ext_commit_to_commit(extended, &commit, NULL), CMT_OK);
    ck_assert_int_eq(cmt_commit_encode(&commit, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), hex);
    cmt_buf_free(&out);
    cmt_commit_free(&commit);
}

static void same_text(const cmt_ext_commit *commit, bool extensions, const char *hex)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = cmt_ext_commit_check(commit, extensions, &err);
    if (strcmp(hex, "-") == 0) {
        ck_assert_int_eq(st, CMT_OK);
        return;
    }
    ck_assert_int_eq(st, CMT_INVALID);
    test_same((cmt_slice){(const uint8_t *)err.message, strlen(err.message)}, hex);
}

/* extended EXTENDED COMMIT ENABLED DISABLED */
static void visit_extended(const test_line *line)
{
    if (!test_is(line, "extended"))
        return;
    cmt_buf bytes;
    cmt_buf out = CMT_BUF_INIT;
    cmt_ext_commit commit = read_hex(test_word(line, 1), &bytes);
    ck_assert_int_eq(cmt_ext_commit_encode(&commit, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), test_word(line, 1));
    same_commit(&commit, test_word(line, 2));
    same_text(&commit, true, test_word(line, 3));
    same_text(&commit, false, test_word(line, 4));
    cmt_ext_commit_free(&commit);
    cmt_buf_free(&out);
    cmt_buf_free(&bytes);
    seen++;
}

START_TEST(extended_commits_are_cometbfts)
{
    seen = 0;
    test_each_line("extended-vectors.txt", visit_extended);
    ck_assert_uint_eq(seen, 16);
}
END_TEST

/* The verdict; what is not refused and not @p good is appended to @p others, encoded again. */
static char judge(cmt_slice bytes, cmt_slice good, cmt_buf *others, cmt_error *err)
{
    cmt_ext_commit commit;
    if (cmt_ext_commit_read(bytes, &commit, err) != CMT_OK)
        return '-';
    cmt_buf again = CMT_BUF_INIT;
    TEST_MUST(cmt_ext_commit_encode(&commit, &again) == CMT_OK);
    bool same = cmt_slice_equal(cmt_buf_slice(&again), good);
    if (!same)
        TEST_MUST(cmt_buf_append(others, again.data, again.size) == CMT_OK);
    cmt_buf_free(&again);
    cmt_ext_commit_free(&commit);
    return same ? '=' : '~';
}

/* flips EXTENDED VERDICTS SHA256 */
static void visit_flips(const test_line *line)
{
    if (!test_is(line, "flips"))
        return;
    cmt_buf good = test_unhex(test_word(line, 1));
    const char *verdicts = test_word(line, 2);
    ck_assert_uint_eq(strlen(verdicts), 8 * good.size);
    cmt_buf bytes = test_copy(good.data, good.size);
    cmt_buf others = CMT_BUF_INIT;
    cmt_error err = CMT_ERROR_INIT;
    for (size_t i = 0; i < 8 * bytes.size; i++) {
        bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
        char verdict = judge(cmt_buf_slice(&bytes), cmt_buf_slice(&good), &others, &err);
        if (verdict != verdicts[i])
            ck_abort_msg("bit %zu of byte %zu: %c instead of CometBFT's %c (%s)", i % 8, i / 8,
                         verdict, verdicts[i], err.message);
        bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    cmt_hash hash;
    ck_assert_int_eq(cmt_sha256(cmt_buf_slice(&others), &hash, NULL), CMT_OK);
    test_same((cmt_slice){hash.bytes, hash.size}, test_word(line, 3));
    cmt_buf_free(&others);
    cmt_buf_free(&bytes);
    cmt_buf_free(&good);
    seen++;
}

START_TEST(each_flipped_bit_is_judged_as_by_cometbft)
{
    seen = 0;
    test_each_line("extended-vectors.txt", visit_flips);
    ck_assert_uint_eq(seen, 3);
}
END_TEST

static void visit_cuts(const test_line *line)
{
    if (!test_is(line, "extended"))
        return;
    cmt_buf good = test_unhex(test_word(line, 1));
    for (size_t size = 0; size < good.size; size++) {
        cmt_buf cut = test_copy(good.data, size);
        cmt_ext_commit commit;
        if (cmt_ext_commit_read(cmt_buf_slice(&cut), &commit, NULL) != CMT_OK)
            TEST_MUST(commit.signatures == NULL && commit.count == 0);
        cmt_ext_commit_free(&commit);
        cmt_buf_free(&cut);
    }
    cmt_buf_free(&good);
}

START_TEST(cut_commits_leave_nothing_behind)
{
    ck_assert_uint_gt(test_each_line("extended-vectors.txt", visit_cuts), 0);
}
END_TEST

START_TEST(nothing_is_the_commit_before_the_first_block)
{
    cmt_buf bytes;
    cmt_ext_commit commit = read_hex("", &bytes);
    ck_assert(commit.height == 0 && commit.count == 0 && commit.signatures == NULL);
    same_commit(&commit, V_EMPTY_COMMIT);
    ck_assert_int_eq(cmt_ext_commit_check(&commit, true, NULL), CMT_OK);
    cmt_ext_commit_free(&commit);
    cmt_ext_commit_free(NULL);
    cmt_buf_free(&bytes);
}
END_TEST

/* A vote for the block with an extension of @p size bytes. */
static cmt_status read_with_extension(size_t size)
{
    cmt_ext_commit_sig sig = {
        .sig = {.flag = CMT_BLOCK_ID_COMMIT,
                .address = CMT_SLICE("12345678901234567890"),
                .signature = CMT_SLICE("signature")},
        .extension = {calloc(1, size), size},
        .extension_signature = CMT_SLICE("signature"),
    };
    ck_assert_ptr_nonnull(sig.extension.data);
    cmt_ext_commit commit = {.height = 1, .block_id.part_total = 1, .signatures = &sig, .count = 1};
    cmt_buf bytes = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_ext_commit_encode(&commit, &bytes), CMT_OK);
    cmt_ext_commit again;
    cmt_status st = cmt_ext_commit_read(cmt_buf_slice(&bytes), &again, NULL);
    cmt_ext_commit_free(&again);
    cmt_buf_free(&bytes);
    free((void *)(uintptr_t)sig.extension.data);
    return st;
}

START_TEST(extensions_have_at_most_a_mebibyte)
{
    ck_assert_int_eq(read_with_extension(1024 * 1024), CMT_OK);
    ck_assert_int_eq(read_with_extension(1024 * 1024 + 1), CMT_CORRUPT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_extended");
    TCase *tc = tcase_create("types_extended");
    tcase_add_test(tc, extended_commits_are_cometbfts);
    tcase_add_test(tc, each_flipped_bit_is_judged_as_by_cometbft);
    tcase_add_test(tc, cut_commits_leave_nothing_behind);
    tcase_add_test(tc, nothing_is_the_commit_before_the_first_block);
    tcase_add_test(tc, extensions_have_at_most_a_mebibyte);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
