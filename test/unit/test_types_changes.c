/* SPDX-License-Identifier: Apache-2.0
 *
 * Validator sets hashed and changed, and the median time, against CometBFT's own results.
 */
#include "types_support.h"
#include "types_vectors.h"

#include "cmtstore/types_validators.h"
#include "wire.h"

static cmt_generation generation; /* of the file in hand */
static size_t seen;
static size_t refused;

static cmt_validator_set decode(const cmt_buf *bytes)
{
    cmt_validator_set set;
    ck_assert_int_eq(cmt_validator_set_decode(cmt_buf_slice(bytes), &set, NULL), CMT_OK);
    return set;
}

static void same_set(const cmt_validator_set *set, const char *hex)
{
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_validator_set_encode(set, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), hex);
    cmt_buf_free(&out);
}

/* ---- changes ----------------------------------------------------------------------------- */

static size_t read_changes(cmt_slice bytes, cmt_validator_update *changes, size_t room)
{
    cmt_wire_reader r = cmt_wire_read("ResponseFinalizeBlock", bytes);
    cmt_wire_field f;
    size_t count = 0;
    while (cmt_wire_next(&r, &f)) {
        if (f.number != 3)
            continue;
        TEST_MUST(count < room);
        TEST_MUST(cmt_validator_update_decode(f.bytes, &changes[count++], NULL) == CMT_OK);
    }
    return count;
}

static void visit_update(const test_line *line)
{
    if (!test_is(line, "update"))
        return;
    cmt_buf before = test_unhex(test_word(line, 1));
    cmt_buf bytes = test_unhex(test_word(line, 2));
    cmt_validator_update changes[32];
    size_t count = read_changes(cmt_buf_slice(&bytes), changes, 32);
    cmt_validator_set set = decode(&before);
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = cmt_validator_set_update(&set, changes, count, generation, &err);
    bool refuse = strcmp(test_word(line, 3), "-") == 0;
    ck_assert_msg(st == (refuse ? CMT_INVALID : CMT_OK), "%s", err.message);
    if (!refuse && count > 0)
        memset(before.data, 0xee, before.size); /* the set owns what it needs */
    same_set(&set, refuse ? test_word(line, 1) : test_word(line, 3));
    cmt_validator_set_free(&set);
    cmt_buf_free(&bytes);
    cmt_buf_free(&before);
    seen++;
    refused += refuse ? 1 : 0;
}

START_TEST(sets_change_as_in_cometbft)
{
    seen = 0;
    refused = 0;
    generation = CMT_GENERATION_0;
    test_each_line("block-vectors.txt", visit_update);
    generation = CMT_GENERATION_1;
    test_each_line("block-vectors-1.0.txt", visit_update);
    ck_assert_uint_eq(seen, 80);
    ck_assert_uint_gt(refused, 10);
    ck_assert_uint_lt(refused, 60);
}
END_TEST

/* Keys that differ in their first byte. */
static uint8_t keys[4][32];

static cmt_validator_update change(size_t key, int64_t power)
{
    keys[key][0] = (uint8_t)key;
    return (cmt_validator_update){{CMT_KEY_ED25519, {keys[key], 32}}, power};
}

static void refuses(cmt_validator_set *set, const cmt_validator_update *changes, size_t count,
                    const char *word)
{
    cmt_buf before = CMT_BUF_INIT;
    cmt_buf after = CMT_BUF_INIT;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_validator_set_encode(set, &before), CMT_OK);
    ck_assert_int_eq(cmt_validator_set_update(set, changes, count, CMT_GENERATION_1, &err),
                     CMT_INVALID);
    ck_assert_msg(strstr(err.message, word) != NULL, "%s", err.message);
    ck_assert_int_eq(cmt_validator_set_encode(set, &after), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&before), cmt_buf_slice(&after)));
    cmt_buf_free(&before);
    cmt_buf_free(&after);
}

START_TEST(says_why_a_change_is_refused)
{
    cmt_validator_update first[] = {change(0, 5), change(1, 7)};
    cmt_validator_set set;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_validator_set_new(first, 2, CMT_GENERATION_1, &set, &err), CMT_OK);
    ck_assert_int_eq(set.total_voting_power, 12);
    cmt_validator_update twice[] = {change(2, 5), change(2, 0)};
    refuses(&set, twice, 2, "two changes");
    cmt_validator_update negative = change(2, -1);
    refuses(&set, &negative, 1, "voting power -1");
    cmt_validator_update large = change(2, INT64_MAX / 8 + 1);
    refuses(&set, &large, 1, "voting power");
    cmt_validator_update total = change(2, INT64_MAX / 8 - 11);
    refuses(&set, &total, 1, "total");
    total.power--;
    cmt_validator_update stranger = change(3, 0);
    refuses(&set, &stranger, 1, "not in it");
    cmt_validator_update all[] = {change(0, 0), change(1, 0)};
    refuses(&set, all, 2, "empty");
    ck_assert_int_eq(cmt_validator_set_update(&set, &total, 1, CMT_GENERATION_1, &err), CMT_OK);
    ck_assert_int_eq(set.total_voting_power, INT64_MAX / 8);
    cmt_validator_set_free(&set);
    cmt_validator_update none = change(0, 0);
    ck_assert_int_eq(cmt_validator_set_new(&none, 1, CMT_GENERATION_0, &set, &err), CMT_INVALID);
    ck_assert_int_eq(cmt_validator_set_new(NULL, 0, CMT_GENERATION_0, &set, &err), CMT_OK);
    ck_assert_uint_eq(set.count, 0);
    ck_assert_ptr_null(cmt_validator_set_proposer(&set));
}
END_TEST

START_TEST(a_genesis_set_is_encoded_as_its_generation)
{
    cmt_buf key = test_unhex(V_KEY);
    cmt_validator_update one = {{CMT_KEY_ED25519, cmt_buf_slice(&key)}, 10};
    static const char *const wanted[] = {V_SET_04, V_SET_10};
    cmt_validator_set sets[2];
    cmt_error err = CMT_ERROR_INIT;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(cmt_validator_set_new(&one, 1, (cmt_generation)i, &sets[i], &err), CMT_OK);
        same_set(&sets[i], wanted[i]);
        ck_assert_ptr_eq(cmt_validator_set_proposer(&sets[i]), sets[i].validators);
    }
    cmt_validator_set copy;
    ck_assert_int_eq(cmt_validator_set_copy(&sets[0], CMT_GENERATION_1, &copy, &err), CMT_OK);
    cmt_validator_set_free(&sets[0]);
    same_set(&copy, V_SET_10);
    cmt_validator_set_free(&copy);
    cmt_validator_set_free(&sets[1]);
    cmt_buf_free(&key);
    static const uint8_t lattice[1952];
    one.key = (cmt_public_key){CMT_KEY_MLDSA65, {lattice, sizeof lattice}};
    ck_assert_int_eq(cmt_validator_set_new(&one, 1, CMT_GENERATION_1, &copy, &err),
                     CMT_UNSUPPORTED);
    ck_assert_int_eq(cmt_validator_set_new(&one, 1, CMT_GENERATION_0, &copy, &err), CMT_OK);
    cmt_validator_set_free(&copy);
}
END_TEST

/* ---- hashes and times -------------------------------------------------------------------- */

static void visit_set(const test_line *line)
{
    if (!test_is(line, "set"))
        return;
    cmt_buf bytes = test_unhex(test_word(line, 1));
    cmt_validator_set set = decode(&bytes);
    cmt_hash hash;
    ck_assert_int_eq(cmt_validator_set_hash(&set, &hash, NULL), CMT_OK);
    test_same((cmt_slice){hash.bytes, hash.size}, test_word(line, 2));
    cmt_validator_set_free(&set);
    cmt_buf_free(&bytes);
    seen++;
}

START_TEST(sets_hash_as_in_cometbft)
{
    seen = 0;
    test_each_line("block-vectors.txt", visit_set);
    test_each_line("block-vectors-1.0.txt", visit_set);
    ck_assert_uint_eq(seen, 32);
}
END_TEST

static void visit_median(const test_line *line)
{
    if (!test_is(line, "median"))
        return;
    cmt_buf commit_bytes = test_unhex(test_word(line, 1));
    cmt_buf set_bytes = test_unhex(test_word(line, 2));
    cmt_commit commit;
    ck_assert_int_eq(cmt_commit_read(cmt_buf_slice(&commit_bytes), &commit, NULL), CMT_OK);
    cmt_validator_set set = decode(&set_bytes);
    cmt_time time;
    ck_assert_int_eq(cmt_commit_median_time(&commit, &set, CMT_MEDIAN_ALL_VOTES, &time, NULL),
                     CMT_OK);
    ck_assert_int_eq(time.seconds, test_number(line, 3));
    ck_assert_int_eq(time.nanos, test_number(line, 4));
    set.count = 0;
    bool voted = time.seconds != -62135596800;
    ck_assert_int_eq(cmt_commit_median_time(&commit, &set, CMT_MEDIAN_ALL_VOTES, &time, NULL),
                     voted ? CMT_CORRUPT : CMT_OK);
    cmt_validator_set_free(&set);
    cmt_commit_free(&commit);
    cmt_buf_free(&set_bytes);
    cmt_buf_free(&commit_bytes);
    seen++;
}

START_TEST(median_times_are_cometbfts)
{
    seen = 0;
    test_each_line("block-vectors.txt", visit_median);
    test_each_line("block-vectors-1.0.txt", visit_median);
    ck_assert_uint_eq(seen, 30);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_changes");
    TCase *tc = tcase_create("changes");
    tcase_add_test(tc, sets_change_as_in_cometbft);
    tcase_add_test(tc, says_why_a_change_is_refused);
    tcase_add_test(tc, a_genesis_set_is_encoded_as_its_generation);
    tcase_add_test(tc, sets_hash_as_in_cometbft);
    tcase_add_test(tc, median_times_are_cometbfts);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
