/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes against the values that CometBFT gives: trees and proofs, headers, and what headers hold.
 */
#include "types_support.h"
#include "types_vectors.h"

#include "cmtstore/types_block.h"
#include "wire.h"

static void same_hash(const cmt_hash *got, const char *hex)
{
    test_same((cmt_slice){got->bytes, got->size}, hex);
}

/* ---- Merkle ------------------------------------------------------------------------------ */

#define ITEMS_MAX 128
static uint8_t item_bytes[ITEMS_MAX];
static cmt_slice items[ITEMS_MAX];

static void make_items(void)
{
    for (size_t i = 0; i < ITEMS_MAX; i++) {
        item_bytes[i] = (uint8_t)i;
        items[i] = (cmt_slice){&item_bytes[i], 1};
    }
}

static size_t proofs_seen;

/* A Proof message as CometBFT writes it, compared field by field. */
static void check_proof(const cmt_merkle_proof *proof, cmt_slice want)
{
    cmt_wire_reader r = cmt_wire_read("Proof", want);
    cmt_wire_field f;
    size_t aunts = 0;
    int64_t total = 0;
    int64_t index = 0;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            total = (int64_t)f.value;
        else if (f.number == 2)
            index = (int64_t)f.value;
        else if (f.number == 3)
            TEST_MUST(cmt_slice_equal(f.bytes, (cmt_slice){proof->leaf_hash, CMT_HASH_SIZE}));
        else
            TEST_MUST(cmt_slice_equal(f.bytes, (cmt_slice){proof->aunts[aunts++], CMT_HASH_SIZE}));
    }
    TEST_MUST(cmt_wire_end(&r, NULL) == CMT_OK);
    TEST_MUST(total == proof->total && index == proof->index && aunts == proof->aunt_count);
}

/* The right proof holds, and no part of it may change. */
static void check_verify(cmt_merkle_proof *proof, cmt_hash root, cmt_slice item)
{
    cmt_error err = CMT_ERROR_INIT;
    TEST_MUST(cmt_merkle_verify(proof, root, item, &err) == CMT_OK);
    TEST_MUST(cmt_merkle_verify(proof, root, CMT_SLICE("other"), &err) == CMT_CORRUPT);
    for (size_t i = 0; i < proof->aunt_count; i++) {
        proof->aunts[i][31] ^= 1;
        TEST_MUST(cmt_merkle_verify(proof, root, item, &err) == CMT_CORRUPT);
        proof->aunts[i][31] ^= 1;
    }
    proof->aunt_count++;
    TEST_MUST(cmt_merkle_verify(proof, root, item, &err) == CMT_CORRUPT);
    proof->aunt_count--;
    if (proof->aunt_count > 0) {
        proof->aunt_count--;
        TEST_MUST(cmt_merkle_verify(proof, root, item, &err) == CMT_CORRUPT);
        proof->aunt_count++;
    }
    root.bytes[0] ^= 1;
    TEST_MUST(cmt_merkle_verify(proof, root, item, &err) == CMT_CORRUPT);
}

static void visit_tree(const test_line *line)
{
    bool is_root = test_is(line, "root");
    if (!is_root && !test_is(line, "proof"))
        return;
    size_t n = (size_t)test_number(line, 1);
    TEST_MUST(n <= ITEMS_MAX);
    cmt_merkle_tree *tree = NULL;
    ck_assert_int_eq(cmt_merkle_tree_new(items, n, &tree, NULL), CMT_OK);
    cmt_hash root = cmt_merkle_tree_root(tree);
    if (is_root) {
        cmt_hash again;
        ck_assert_int_eq(cmt_merkle_root(items, n, &again, NULL), CMT_OK);
        same_hash(&root, test_word(line, 2));
        same_hash(&again, test_word(line, 2));
    } else {
        size_t index = (size_t)test_number(line, 2);
        cmt_merkle_proof proof;
        ck_assert_int_eq(cmt_merkle_tree_prove(tree, index, &proof, NULL), CMT_OK);
        cmt_buf want = test_unhex(test_word(line, 3));
        check_proof(&proof, cmt_buf_slice(&want));
        check_verify(&proof, root, items[index]);
        cmt_buf_free(&want);
        proofs_seen++;
    }
    cmt_merkle_tree_free(tree);
}

START_TEST(trees_and_proofs_are_cometbfts)
{
    make_items();
    proofs_seen = 0;
    ck_assert_uint_gt(test_each_line("block-vectors.txt", visit_tree), 100);
    ck_assert_uint_gt(proofs_seen, 50);
}
END_TEST

START_TEST(rfc_6962_values)
{
    cmt_hash hash;
    cmt_slice item = CMT_SLICE("L123456");
    ck_assert_int_eq(cmt_merkle_root(&item, 1, &hash, NULL), CMT_OK);
    same_hash(&hash, "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
    item.size = 0;
    ck_assert_int_eq(cmt_merkle_root(&item, 1, &hash, NULL), CMT_OK);
    same_hash(&hash, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    ck_assert_int_eq(cmt_merkle_root(NULL, 0, &hash, NULL), CMT_OK);
    same_hash(&hash, V_EMPTY_HASH);
}
END_TEST

START_TEST(a_proof_outside_its_tree_is_refused)
{
    make_items();
    cmt_merkle_tree *tree = NULL;
    cmt_merkle_proof proof;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_merkle_tree_new(items, 5, &tree, NULL), CMT_OK);
    ck_assert_int_eq(cmt_merkle_tree_prove(tree, 5, &proof, &err), CMT_OUT_OF_RANGE);
    ck_assert_int_eq(cmt_merkle_tree_prove(tree, 4, &proof, &err), CMT_OK);
    cmt_hash root = cmt_merkle_tree_root(tree);
    static const int64_t wrong[][2] = {{-1, 5}, {5, 5}, {0, 0}, {0, -1}, {3, 5}, {4, INT64_MAX}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        proof.index = wrong[i][0];
        proof.total = wrong[i][1];
        ck_assert_int_eq(cmt_merkle_verify(&proof, root, items[4], &err), CMT_CORRUPT);
    }
    cmt_merkle_tree_free(tree);
}
END_TEST

/* ---- headers ----------------------------------------------------------------------------- */

static void hash_of_name(const char *name, cmt_hash *out)
{
    cmt_slice text = {(const uint8_t *)name, strlen(name)};
    ck_assert_int_eq(cmt_sha256(text, out, NULL), CMT_OK);
}

/* The header of CometBFT's own test. */
static cmt_header upstream_header(void)
{
    cmt_header h = {
        .version_block = 1,
        .version_app = 2,
        .chain_id = "chainId",
        .height = 3,
        .time = {1570983284, 0},
        .last_block_id = {.hash = {.size = 32}, .part_total = 6, .part_hash = {.size = 32}},
    };
    hash_of_name("last_commit_hash", &h.last_commit_hash);
    hash_of_name("data_hash", &h.data_hash);
    hash_of_name("validators_hash", &h.validators_hash);
    hash_of_name("next_validators_hash", &h.next_validators_hash);
    hash_of_name("consensus_hash", &h.consensus_hash);
    hash_of_name("app_hash", &h.app_hash);
    hash_of_name("last_results_hash", &h.last_results_hash);
    hash_of_name("evidence_hash", &h.evidence_hash);
    hash_of_name("proposer_address", &h.proposer_address);
    h.proposer_address.size = CMT_ADDRESS_SIZE;
    return h;
}

START_TEST(a_header_hashes_as_in_cometbft)
{
    cmt_header h = upstream_header();
    cmt_hash hash;
    ck_assert_int_eq(cmt_header_hash(&h, &hash, NULL), CMT_OK);
    same_hash(&hash, "f740121f553b5418c3efbd343c2dbfe9e007bb67b0d020a0741374bab65242a4");
    h.validators_hash.size = 0;
    ck_assert_int_eq(cmt_header_hash(&h, &hash, NULL), CMT_OK);
    ck_assert_uint_eq(hash.size, 0);
}
END_TEST

START_TEST(every_field_of_a_header_counts)
{
    cmt_header h = upstream_header();
    cmt_hash all;
    cmt_hash hash;
    ck_assert_int_eq(cmt_header_hash(&h, &all, NULL), CMT_OK);
    cmt_hash *const hashes[] = {
        &h.last_commit_hash,        &h.data_hash,
        &h.validators_hash,         &h.next_validators_hash,
        &h.consensus_hash,          &h.app_hash,
        &h.last_results_hash,       &h.evidence_hash,
        &h.proposer_address,        &h.last_block_id.hash,
        &h.last_block_id.part_hash,
    };
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        hashes[i]->bytes[3] ^= 1;
        ck_assert_int_eq(cmt_header_hash(&h, &hash, NULL), CMT_OK);
        ck_assert_int_ne(memcmp(hash.bytes, all.bytes, CMT_HASH_SIZE), 0);
        hashes[i]->bytes[3] ^= 1;
    }
    cmt_header others[6];
    for (size_t i = 0; i < 6; i++)
        others[i] = h;
    others[0].version_block++;
    others[1].version_app++;
    others[2].chain_id[0]++;
    others[3].height++;
    others[4].time.nanos++;
    others[5].last_block_id.part_total++;
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(cmt_header_hash(&others[i], &hash, NULL), CMT_OK);
        ck_assert_int_ne(memcmp(hash.bytes, all.bytes, CMT_HASH_SIZE), 0);
    }
}
END_TEST

START_TEST(data_and_params_hash_as_in_cometbft)
{
    static const cmt_slice txs[] = {
        {(const uint8_t *)"a", 1}, {(const uint8_t *)"bb", 2}, {(const uint8_t *)"ccc", 3}};
    cmt_hash hash;
    ck_assert_int_eq(cmt_data_hash(txs, 3, &hash, NULL), CMT_OK);
    same_hash(&hash, "256aca74ae6d9f30f49ce984bf321f56ea74289f7e8208a19ea0e8a822b9a5dc");
    cmt_consensus_params params = {.block_max_bytes = 22020096, .block_max_gas = -1};
    ck_assert_int_eq(cmt_consensus_params_hash(&params, &hash, NULL), CMT_OK);
    same_hash(&hash, V_CONSENSUS_HASH);
}
END_TEST

START_TEST(a_set_hashes_the_same_in_both_generations)
{
    static const char *const sets[] = {V_SET_04, V_SET_10};
    for (size_t i = 0; i < 2; i++) {
        cmt_buf bytes = test_unhex(sets[i]);
        cmt_validator_set set;
        cmt_hash hash;
        ck_assert_int_eq(cmt_validator_set_decode(cmt_buf_slice(&bytes), &set, NULL), CMT_OK);
        ck_assert_int_eq(cmt_validator_set_hash(&set, &hash, NULL), CMT_OK);
        same_hash(&hash, V_VALIDATORS_HASH);
        cmt_validator_set_free(&set);
        cmt_buf_free(&bytes);
    }
}
END_TEST

/* ---- results ----------------------------------------------------------------------------- */

static size_t results_seen;

static void visit_results(const test_line *line)
{
    if (!test_is(line, "results"))
        return;
    cmt_buf bytes = test_unhex(test_word(line, 1));
    cmt_wire_reader r = cmt_wire_read("ResponseFinalizeBlock", cmt_buf_slice(&bytes));
    cmt_wire_field f;
    cmt_slice results[16];
    size_t count = 0;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 2)
            results[count++] = f.bytes;
    }
    cmt_hash hash;
    ck_assert_int_eq(cmt_results_hash(results, count, &hash, NULL), CMT_OK);
    same_hash(&hash, test_word(line, 2));
    cmt_buf_free(&bytes);
    results_seen++;
}

START_TEST(results_hash_what_does_not_depend_on_the_node)
{
    results_seen = 0;
    ck_assert_uint_gt(test_each_line("block-vectors.txt", visit_results), 100);
    ck_assert_uint_eq(results_seen, 6);
    cmt_slice results[2] = {{NULL, 0}, {NULL, 0}};
    cmt_buf second = test_unhex("08011201781a036c6f67280a3007420573706163 65");
    results[1] = cmt_buf_slice(&second);
    cmt_hash hash;
    ck_assert_int_eq(cmt_results_hash(results, 2, &hash, NULL), CMT_OK);
    same_hash(&hash, "14455834a1a80cad7c33d07823904ce4bee74d4ea48d7d0613136a6f38fee1d6");
    results[1].size = 3;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_results_hash(results, 2, &hash, &err), CMT_CORRUPT);
    cmt_buf_free(&second);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_hash");
    TCase *tc = tcase_create("hash");
    tcase_add_test(tc, trees_and_proofs_are_cometbfts);
    tcase_add_test(tc, rfc_6962_values);
    tcase_add_test(tc, a_proof_outside_its_tree_is_refused);
    tcase_add_test(tc, a_header_hashes_as_in_cometbft);
    tcase_add_test(tc, every_field_of_a_header_counts);
    tcase_add_test(tc, data_and_params_hash_as_in_cometbft);
    tcase_add_test(tc, a_set_hashes_the_same_in_both_generations);
    tcase_add_test(tc, results_hash_what_does_not_depend_on_the_node);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
