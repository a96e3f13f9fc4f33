/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks, parts, commits, votes and evidence against CometBFT's own bytes, and against bytes that are
 * not quite.
 */
#include "types_support.h"
#include "types_vectors.h"

#include "cmtstore/types_block.h"

static size_t seen;

static void same_hash(const cmt_hash *got, const char *hex)
{
    test_same((cmt_slice){got->bytes, got->size}, hex);
}

/* ---- blocks ------------------------------------------------------------------------------ */

static void visit_block(const test_line *line)
{
    if (!test_is(line, "block"))
        return;
    cmt_buf bytes = test_unhex(test_word(line, 1));
    cmt_block block;
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = cmt_block_decode(cmt_buf_slice(&bytes), &block, &err);
    ck_assert_msg(st == CMT_OK, "%s", err.message);
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_block_encode(&block, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), test_word(line, 1));
    cmt_hash hash;
    ck_assert_int_eq(cmt_header_hash(&block.header, &hash, NULL), CMT_OK);
    same_hash(&hash, test_word(line, 2));

    cmt_part_set *parts = NULL;
    ck_assert_int_eq(cmt_part_set_new(cmt_buf_slice(&bytes), &parts, NULL), CMT_OK);
    uint32_t total = cmt_part_set_total(parts);
    ck_assert_uint_eq(total, (size_t)test_number(line, 3));
    cmt_hash parts_hash = cmt_part_set_hash(parts);
    same_hash(&parts_hash, test_word(line, 4));
    ck_assert_int_eq(cmt_part_set_encode(parts, total - 1, &out, NULL), CMT_OK);
    test_same(cmt_buf_slice(&out), test_word(line, 5));
    cmt_part_set_free(parts);
    cmt_buf_free(&out);
    cmt_block_free(&block);
    cmt_buf_free(&bytes);
    seen++;
}

START_TEST(blocks_are_cometbfts)
{
    seen = 0;
    test_each_line("block-vectors.txt", visit_block);
    test_each_line("block-vectors-1.0.txt", visit_block);
    ck_assert_uint_eq(seen, 32);
}
END_TEST

/* Everything but what a commit's hash does not cover: its height, round and block. */
static bool same_block(const cmt_block *a, const cmt_block *b)
{
    cmt_block x = *a;
    x.last_commit.height = b->last_commit.height;
    x.last_commit.round = b->last_commit.round;
    x.last_commit.block_id = b->last_commit.block_id;
    cmt_buf one = CMT_BUF_INIT;
    cmt_buf other = CMT_BUF_INIT;
    TEST_MUST(cmt_block_encode(&x, &one) == CMT_OK);
    TEST_MUST(cmt_block_encode(b, &other) == CMT_OK);
    bool same = cmt_slice_equal(cmt_buf_slice(&one), cmt_buf_slice(&other));
    cmt_buf_free(&other);
    cmt_buf_free(&one);
    return same;
}

/* Bytes that decode to a block of the same hash decode to the same block. */
static void check_flipped(cmt_slice bytes, const cmt_block *good)
{
    cmt_block block;
    cmt_hash hash;
    cmt_hash good_hash;
    if (cmt_block_decode(bytes, &block, NULL) != CMT_OK)
        return;
    TEST_MUST(cmt_header_hash(&block.header, &hash, NULL) == CMT_OK);
    TEST_MUST(cmt_header_hash(&good->header, &good_hash, NULL) == CMT_OK);
    if (memcmp(hash.bytes, good_hash.bytes, CMT_HASH_SIZE) == 0)
        TEST_MUST(same_block(&block, good));
    cmt_block_free(&block);
    seen++;
}

static void flip_each_bit(cmt_slice good_bytes)
{
    cmt_buf bytes = test_copy(good_bytes.data, good_bytes.size);
    cmt_block good;
    TEST_MUST(cmt_block_decode(good_bytes, &good, NULL) == CMT_OK);
    for (size_t i = 0; i < 8 * bytes.size; i++) {
        bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
        check_flipped(cmt_buf_slice(&bytes), &good);
        bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    cmt_block_free(&good);
    cmt_buf_free(&bytes);
}

START_TEST(flipped_bits_never_pass_unnoticed)
{
    cmt_buf good = test_unhex(V_BLOCK);
    seen = 0;
    flip_each_bit(cmt_buf_slice(&good));
    ck_assert_uint_gt(seen, 100); /* a header's fields may say anything */
    cmt_buf_free(&good);
}
END_TEST

/* '-': refused, '=': the block of this hash, '~': another one. */
static char judge(cmt_slice bytes, const cmt_hash *good, cmt_error *err)
{
    cmt_block block;
    cmt_hash hash;
    if (cmt_block_decode(bytes, &block, err) != CMT_OK)
        return '-';
    TEST_MUST(cmt_header_hash(&block.header, &hash, NULL) == CMT_OK);
    cmt_block_free(&block);
    bool same = hash.size == good->size && memcmp(hash.bytes, good->bytes, hash.size) == 0;
    return same ? '=' : '~';
}

static bool attacks;    /* the blocks hold light client attacks, which are hashed as they stand */
static size_t stricter; /* refused where CometBFT accepts */

static void visit_flips(const test_line *line)
{
    if (!test_is(line, "flips"))
        return;
    cmt_buf bytes = test_unhex(test_word(line, 1));
    const char *verdicts = test_word(line, 2);
    ck_assert_uint_eq(strlen(verdicts), 8 * bytes.size);
    cmt_block block;
    cmt_hash good;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_block_decode(cmt_buf_slice(&bytes), &block, NULL), CMT_OK);
    ck_assert_int_eq(cmt_header_hash(&block.header, &good, NULL), CMT_OK);
    cmt_block_free(&block);
    for (size_t i = 0; i < 8 * bytes.size; i++) {
        bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
        char verdict = judge(cmt_buf_slice(&bytes), &good, &err);
        if (verdict == '-' && verdicts[i] != '-' && attacks)
            stricter++;
        else if (verdict != verdicts[i])
            ck_abort_msg("bit %zu of byte %zu: %c instead of CometBFT's %c (%s)", i % 8, i / 8,
                         verdict, verdicts[i], err.message);
        bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    cmt_buf_free(&bytes);
    seen++;
}

START_TEST(each_flipped_bit_is_judged_as_by_cometbft)
{
    seen = 0;
    attacks = false;
    test_each_line("block-vectors.txt", visit_flips);
    attacks = true;
    stricter = 0;
    test_each_line("block-vectors-1.0.txt", visit_flips);
    ck_assert_uint_eq(seen, 8);
    ck_assert_uint_lt(stricter, 100);
}
END_TEST

START_TEST(cut_blocks_are_refused)
{
    cmt_buf good = test_unhex(V_BLOCK);
    for (size_t size = 0; size < good.size; size++) {
        cmt_buf cut = test_copy(good.data, size);
        cmt_block block;
        TEST_MUST(cmt_block_decode(cmt_buf_slice(&cut), &block, NULL) == CMT_CORRUPT);
        TEST_MUST(block.txs == NULL && block.last_commit.signatures == NULL);
        cmt_buf_free(&cut);
    }
    cmt_buf_free(&good);
}
END_TEST

/* @p hex decodes to what V_BLOCK decodes to. */
static void reads_as_the_block(const char *hex)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_block block;
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = cmt_block_decode(cmt_buf_slice(&bytes), &block, &err);
    ck_assert_msg(st == CMT_OK, "%s", err.message);
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_block_encode(&block, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), V_BLOCK);
    cmt_buf_free(&out);
    cmt_block_free(&block);
    cmt_buf_free(&bytes);
}

/* gogoproto merges what comes twice and skips what it does not know. */
START_TEST(reads_what_gogoproto_reads)
{
    reads_as_the_block(V_BLOCK "1a00");
    reads_as_the_block(V_BLOCK "0a00 1200 2200");
    reads_as_the_block(V_BLOCK "2801 32027878");
    reads_as_the_block("22041a021200 1a00 12080a0674782d6f6e65 0aa202" V_HEADER);
    reads_as_the_block("0aa202" V_HEADER "12080a0674782d6f6e65 22041a021200");
    reads_as_the_block("0aa202" V_HEADER "12080a0674782d6f6e65 1a00 2200");
}
END_TEST

static void refuses(const char *hex, const char *word)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_block block;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_block_decode(cmt_buf_slice(&bytes), &block, &err), CMT_CORRUPT);
    ck_assert_msg(strstr(err.message, word) != NULL, "%s", err.message);
    cmt_buf_free(&bytes);
}

START_TEST(says_what_is_wrong_with_a_block)
{
    refuses("12080a0674782d6f6e65 1a00 22041a021200", "Header");
    refuses("0aa202" V_HEADER "12080a0674782d6f6e65 1a00", "no last commit");
    refuses("0aa202" V_HEADER "12080a0674782d6f6f65 1a00 22041a021200", "data_hash");
    refuses("0aa202" V_HEADER "1200 1a00 22041a021200", "data_hash");
    refuses("0aa202" V_HEADER "12080a0674782d6f6e65 1a00 22151a021200 220f" V_ABSENT,
            "last_commit_hash");
    refuses("0aa202" V_HEADER "12080a0674782d6f6e65 1a020a00 22041a021200", "evidence 0");
    refuses("0aa202" V_HEADER "12080a0674782d6f6e65 1a00 2206 08021a021200", "no block");
    refuses("0aa202" V_HEADER "12080a0674782d6f6e65 1a00 2201 08", "Commit");
    refuses(V_BLOCK "0801", "wire type");
}
END_TEST

START_TEST(a_meta_encodes_to_what_it_was_decoded_from)
{
    cmt_buf bytes = test_unhex(V_META);
    cmt_block_meta meta;
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_block_meta_decode(cmt_buf_slice(&bytes), &meta, NULL), CMT_OK);
    ck_assert_int_eq(cmt_block_meta_encode(&meta, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), V_META);
    ck_assert_int_eq(cmt_header_encode(&meta.header, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), V_HEADER);
    cmt_buf_free(&out);
    cmt_buf_free(&bytes);
}
END_TEST

/* ---- commits ----------------------------------------------------------------------------- */

START_TEST(a_commit_encodes_to_what_it_was_decoded_from)
{
    static const char *const commits[] = {V_COMMIT, V_EMPTY_COMMIT};
    static const char *const hashes[] = {
        "af753e225109a3f59cc432cec1e30c5c7c83e21853c1a3b0d5bd92156560a0b9", V_EMPTY_HASH};
    for (size_t i = 0; i < 2; i++) {
        cmt_buf bytes = test_unhex(commits[i]);
        cmt_commit commit;
        cmt_buf out = CMT_BUF_INIT;
        cmt_hash hash;
        ck_assert_int_eq(cmt_commit_read(cmt_buf_slice(&bytes), &commit, NULL), CMT_OK);
        ck_assert_int_eq(cmt_commit_encode(&commit, &out), CMT_OK);
        test_same(cmt_buf_slice(&out), commits[i]);
        ck_assert_int_eq(cmt_commit_hash(&commit, &hash, NULL), CMT_OK);
        same_hash(&hash, hashes[i]);
        cmt_buf_free(&out);
        cmt_commit_free(&commit);
        cmt_buf_free(&bytes);
    }
}
END_TEST

START_TEST(signs_what_cometbft_signs)
{
    cmt_buf out = CMT_BUF_INIT;
    cmt_vote_content vote = {.timestamp = {-62135596800, 0}};
    ck_assert_int_eq(cmt_vote_sign_bytes("", &vote, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), "0d2a0b088092b8c398feffffff01");
    vote.height = 1;
    vote.round = 1;
    ck_assert_int_eq(cmt_vote_sign_bytes("test_chain_id", &vote, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), "2e 110100000000000000 190100000000000000"
                                   "2a0b088092b8c398feffffff01 320d746573745f636861696e5f6964");
    vote.type = CMT_VOTE_PRECOMMIT;
    ck_assert_int_eq(cmt_vote_sign_bytes("", &vote, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), "21 0802 110100000000000000 190100000000000000"
                                   "2a0b088092b8c398feffffff01");
    cmt_buf bytes = test_unhex(V_COMMIT);
    cmt_commit commit;
    ck_assert_int_eq(cmt_commit_read(cmt_buf_slice(&bytes), &commit, NULL), CMT_OK);
    ck_assert_int_eq(cmt_commit_sign_bytes("test-chain", &commit, 0, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), "6f 0802 110100000000000000 2248" V_BLOCK_ID
                                   "2a0c0884e2cfaa061080cab5ee01 320a746573742d636861696e");
    commit.signatures[0].flag = CMT_BLOCK_ID_NIL;
    ck_assert_int_eq(cmt_commit_sign_bytes("test-chain", &commit, 0, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), "25 0802 110100000000000000 2a0c0884e2cfaa061080cab5ee01"
                                   "320a746573742d636861696e");
    cmt_commit_free(&commit);
    cmt_buf_free(&bytes);
    cmt_buf_free(&out);
}
END_TEST

/* ---- evidence ---------------------------------------------------------------------------- */

static void visit_evidence(const test_line *line)
{
    if (!test_is(line, "evidence"))
        return;
    const char *chain_id = test_word(line, 1);
    cmt_buf bytes = test_unhex(test_word(line, 2));
    cmt_slice evidence = cmt_buf_slice(&bytes);
    cmt_duplicate_vote votes;
    cmt_buf out = CMT_BUF_INIT;
    cmt_hash hash;
    ck_assert_int_eq(cmt_evidence_check(evidence, NULL), CMT_OK);
    ck_assert_int_eq(cmt_duplicate_vote_read(evidence, &votes, NULL), CMT_OK);
    ck_assert_int_eq(cmt_duplicate_vote_encode(&votes, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), test_word(line, 2));
    ck_assert_int_eq(cmt_evidence_hash(&evidence, 1, &hash, NULL), CMT_OK);
    same_hash(&hash, test_word(line, 3));
    ck_assert_int_eq(cmt_vote_sign_bytes(chain_id, &votes.vote_a.content, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), test_word(line, 4));
    ck_assert_int_eq(cmt_vote_sign_bytes(chain_id, &votes.vote_b.content, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), test_word(line, 5));

    cmt_vote first = votes.vote_a;
    votes.vote_a = votes.vote_b;
    votes.vote_b = first;
    ck_assert_int_eq(cmt_duplicate_vote_encode(&votes, &out), CMT_OK);
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_evidence_check(cmt_buf_slice(&out), &err), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "order"));
    cmt_buf_free(&out);
    cmt_buf_free(&bytes);
    seen++;
}

START_TEST(evidence_is_cometbfts)
{
    seen = 0;
    test_each_line("block-vectors.txt", visit_evidence);
    ck_assert_uint_eq(seen, 12);
}
END_TEST

static void visit_extension(const test_line *line)
{
    if (!test_is(line, "extension"))
        return;
    cmt_buf extension = test_unhex(test_word(line, 4));
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_extension_sign_bytes(test_word(line, 1), test_number(line, 2),
                                              (int32_t)test_number(line, 3),
                                              cmt_buf_slice(&extension), &out),
                     CMT_OK);
    test_same(cmt_buf_slice(&out), test_word(line, 5));
    cmt_buf_free(&out);
    cmt_buf_free(&extension);
    seen++;
}

START_TEST(extensions_are_signed_as_by_cometbft)
{
    seen = 0;
    test_each_line("block-vectors.txt", visit_extension);
    ck_assert_uint_eq(seen, 12);
}
END_TEST

/* ---- parts ------------------------------------------------------------------------------- */

static cmt_buf pattern(size_t size)
{
    cmt_buf data = {malloc(size), size, size};
    ck_assert_ptr_nonnull(data.data);
    for (size_t i = 0; i < size; i++)
        data.data[i] = (uint8_t)(i * i / 7);
    return data;
}

static void visit_part(const test_line *line)
{
    if (!test_is(line, "part"))
        return;
    cmt_buf data = pattern((size_t)test_number(line, 1));
    cmt_part_set *set = NULL;
    ck_assert_int_eq(cmt_part_set_new(cmt_buf_slice(&data), &set, NULL), CMT_OK);
    ck_assert_uint_eq(cmt_part_set_total(set), (size_t)test_number(line, 2));
    cmt_hash hash = cmt_part_set_hash(set);
    same_hash(&hash, test_word(line, 3));
    cmt_buf out = CMT_BUF_INIT;
    uint32_t index = (uint32_t)(size_t)test_number(line, 4);
    ck_assert_int_eq(cmt_part_set_encode(set, index, &out, NULL), CMT_OK);
    ck_assert_int_eq(cmt_sha256(cmt_buf_slice(&out), &hash, NULL), CMT_OK);
    same_hash(&hash, test_word(line, 5));
    cmt_buf_free(&out);
    cmt_part_set_free(set);
    cmt_buf_free(&data);
    seen++;
}

START_TEST(parts_are_cometbfts)
{
    seen = 0;
    test_each_line("block-vectors.txt", visit_part);
    ck_assert_uint_eq(seen, 1 + 1 + 2 + 3 + 4 + 12);
}
END_TEST

START_TEST(a_block_is_put_together_from_its_parts_alone)
{
    cmt_buf data = pattern(3 * CMT_PART_BYTES + 5);
    cmt_part_set *set = NULL;
    ck_assert_int_eq(cmt_part_set_new(cmt_buf_slice(&data), &set, NULL), CMT_OK);
    cmt_buf parts[4] = {CMT_BUF_INIT, CMT_BUF_INIT, CMT_BUF_INIT, CMT_BUF_INIT};
    cmt_slice slices[4];
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_int_eq(cmt_part_set_encode(set, i, &parts[i], NULL), CMT_OK);
        slices[i] = cmt_buf_slice(&parts[i]);
    }
    cmt_block_id id = {.part_total = 4, .part_hash = cmt_part_set_hash(set)};
    cmt_buf out = CMT_BUF_INIT;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_block_assemble(slices, 4, &id, &out, &err), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&out), cmt_buf_slice(&data)));
    ck_assert_int_eq(cmt_block_assemble(slices, 3, &id, &out, &err), CMT_OUT_OF_RANGE);
    cmt_slice first = slices[0];
    slices[0] = slices[1];
    ck_assert_int_eq(cmt_block_assemble(slices, 4, &id, &out, &err), CMT_CORRUPT);
    slices[0] = first;
    parts[2].data[parts[2].size / 2] ^= 1;
    ck_assert_int_eq(cmt_block_assemble(slices, 4, &id, &out, &err), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "Part 2"));
    ck_assert_uint_eq(out.size, 0);
    parts[2].data[parts[2].size / 2] ^= 1;
    cmt_slice piece;
    id.part_total = 5;
    ck_assert_int_eq(cmt_part_verify(slices[0], 0, &id, &piece, &err), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "one of 4"));
    id.part_total = 4;
    id.part_hash.bytes[0] ^= 1;
    ck_assert_int_eq(cmt_block_assemble(slices, 4, &id, &out, &err), CMT_CORRUPT);
    ck_assert_int_eq(cmt_part_set_encode(set, 4, &out, &err), CMT_OUT_OF_RANGE);
    cmt_part_set_free(set);
    ck_assert_int_eq(cmt_part_set_new((cmt_slice){NULL, 0}, &set, &err), CMT_OUT_OF_RANGE);
    ck_assert_ptr_null(set);
    for (size_t i = 0; i < 4; i++)
        cmt_buf_free(&parts[i]);
    cmt_buf_free(&out);
    cmt_buf_free(&data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_block");
    TCase *tc = tcase_create("block");
    tcase_add_test(tc, blocks_are_cometbfts);
    tcase_add_test(tc, flipped_bits_never_pass_unnoticed);
    tcase_add_test(tc, each_flipped_bit_is_judged_as_by_cometbft);
    tcase_add_test(tc, cut_blocks_are_refused);
    tcase_add_test(tc, reads_what_gogoproto_reads);
    tcase_add_test(tc, says_what_is_wrong_with_a_block);
    tcase_add_test(tc, a_meta_encodes_to_what_it_was_decoded_from);
    tcase_add_test(tc, a_commit_encodes_to_what_it_was_decoded_from);
    tcase_add_test(tc, signs_what_cometbft_signs);
    tcase_add_test(tc, evidence_is_cometbfts);
    tcase_add_test(tc, extensions_are_signed_as_by_cometbft);
    tcase_add_test(tc, parts_are_cometbfts);
    tcase_add_test(tc, a_block_is_put_together_from_its_parts_alone);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
