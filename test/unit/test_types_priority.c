/* SPDX-License-Identifier: Apache-2.0
 *
 * Proposer priorities: worked examples, and sets that CometBFT itself moved forward.
 */
#include "types_support.h"

#include "cmtstore/types.h"

#define SET_MAX 4

/* Validators 1, 2, …: the address is that byte twenty times. */
typedef struct example {
    size_t count;
    int64_t powers[SET_MAX];
    int64_t before[SET_MAX];
    int32_t times;
    int32_t calls; /* of `times` each */
    int64_t after[SET_MAX];
    size_t proposer; /* 1 for the first */
} example;

static const example examples[] = {
    {3, {10, 7, 3}, {0, 0, 0}, 1, 1, {-10, 7, 3}, 1},
    {3, {10, 7, 3}, {-10, 7, 3}, 5, 1, {0, 2, -2}, 1},
    {3, {10, 7, 3}, {-10, 7, 3}, 100000, 1, {-10, 7, 3}, 1},
    {2, {5, 5}, {0, 0}, 3, 1, {-5, 5}, 1},
    {2, {5, 5}, {0, 0}, 4, 1, {0, 0}, 2},
    {3, {10, 7, 3}, {-7, -7, -9}, 1, 1, {-9, 8, 2}, 1}, /* the average rounds down to -8 */
    {2, {1, 1}, {101, -100}, 1, 1, {0, 0}, 1},          /* rescaled by 51, truncated */
    {4, {11, 2, 5, 4}, {20, -52, 36, -30}, 3, 1, {3, -16, 15, 1}, 1},
    {4, {11, 2, 5, 4}, {20, -52, 36, -30}, 1, 3, {-10, -6, 12, 5}, 1},
    {3, {8, 1, 9}, {38, -55, 45}, 6, 1, {3, -15, 12}, 1},
    {3, {8, 1, 9}, {38, -55, 45}, 1, 6, {-5, -4, 11}, 1},
};

static uint8_t addresses[SET_MAX][CMT_ADDRESS_SIZE];

/* @p validators has room for e->count. */
static cmt_validator_set set_of(const example *e, cmt_validator *validators)
{
    for (size_t i = 0; i < e->count; i++) {
        memset(addresses[i], (int)i + 1, CMT_ADDRESS_SIZE);
        validators[i] = (cmt_validator){.address = {addresses[i], CMT_ADDRESS_SIZE},
                                        .voting_power = e->powers[i],
                                        .proposer_priority = e->before[i]};
    }
    return (cmt_validator_set){.validators = validators, .count = e->count};
}

START_TEST(moves_worked_examples)
{
    const example *e = &examples[_i];
    cmt_validator validators[SET_MAX];
    cmt_validator_set set = set_of(e, validators);
    for (int32_t call = 0; call < e->calls; call++)
        ck_assert_int_eq(cmt_validator_set_increment(&set, e->times, NULL), CMT_OK);
    for (size_t i = 0; i < e->count; i++)
        ck_assert_int_eq(set.validators[i].proposer_priority, e->after[i]);
    ck_assert(set.has_proposer);
    ck_assert_uint_eq(set.proposer.address.data[0], e->proposer);
    ck_assert_int_eq(set.proposer.proposer_priority, e->after[e->proposer - 1]);
    ck_assert_int_eq(set.proposer.voting_power, e->powers[e->proposer - 1]);
}
END_TEST

START_TEST(the_smaller_address_proposes_wherever_it_stands)
{
    const example e = {3, {5, 5, 5}, {0, 0, 0}, 1, 1, {0, 0, 0}, 0};
    cmt_validator validators[SET_MAX];
    cmt_validator_set set = set_of(&e, validators);
    cmt_validator first = validators[0];
    validators[0] = validators[2];
    validators[2] = first;
    ck_assert_int_eq(cmt_validator_set_increment(&set, 1, NULL), CMT_OK);
    ck_assert_uint_eq(set.proposer.address.data[0], 1);
    ck_assert_int_eq(set.validators[2].proposer_priority, -10);
}
END_TEST

START_TEST(refuses_to_go_nowhere)
{
    cmt_validator validators[SET_MAX];
    cmt_validator_set set = set_of(&examples[0], validators);
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_validator_set_increment(&set, 0, &err), CMT_INVALID);
    ck_assert_int_eq(cmt_validator_set_increment(&set, -1, &err), CMT_INVALID);
    ck_assert_str_eq(err.message, "move proposer priorities by -1 heights");
    cmt_validator_set empty = {.validators = NULL};
    ck_assert_int_eq(cmt_validator_set_increment(&empty, 1, &err), CMT_INVALID);
    ck_assert(!set.has_proposer && set.validators[0].proposer_priority == 0);
}
END_TEST

START_TEST(refuses_twins)
{
    const example e = {2, {5, 5}, {0, 0}, 1, 1, {0, 0}, 0};
    cmt_validator validators[SET_MAX];
    cmt_validator_set set = set_of(&e, validators);
    validators[1].address = validators[0].address;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_validator_set_increment(&set, 1, &err), CMT_CORRUPT);
    ck_assert_str_eq(err.message, "ValidatorSet: two validators have the same address");
}
END_TEST

START_TEST(refuses_powers_beyond_the_limit)
{
    cmt_validator validators[SET_MAX];
    cmt_validator_set set = set_of(&examples[0], validators);
    validators[1].voting_power = INT64_MAX;
    ck_assert_int_eq(cmt_validator_set_increment(&set, 1, NULL), CMT_CORRUPT);
    validators[1].voting_power = -1;
    ck_assert_int_eq(cmt_validator_set_increment(&set, 1, NULL), CMT_CORRUPT);
}
END_TEST

/* Decode the set in @p in, move it, and compare with @p out. */
static void check_move(cmt_slice in, int32_t times, const char *out)
{
    cmt_validator_set set;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_msg(cmt_validator_set_decode(in, &set, &err) == CMT_OK, "%s", err.message);
    ck_assert_msg(cmt_validator_set_increment(&set, times, &err) == CMT_OK, "%s", err.message);
    cmt_buf moved = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_validator_set_encode(&set, &moved), CMT_OK);
    test_same(cmt_buf_slice(&moved), out);
    cmt_buf_free(&moved);
    cmt_validator_set_free(&set);
}

/* KIND TIMES IN OUT */
static void check_vector(const test_line *line)
{
    ck_assert_uint_eq(line->count, 4);
    cmt_buf in = test_unhex(line->words[2]);
    check_move(cmt_buf_slice(&in), (int32_t)strtol(line->words[1], NULL, 10), line->words[3]);
    cmt_buf_free(&in);
}

START_TEST(moves_sets_as_cometbft_does)
{
    ck_assert_uint_eq(test_each_line("priority-vectors.txt", check_vector), 96);
}
END_TEST

/* RELEASE STORED HEIGHT RECORD POINTER OUT */
static void check_load(const test_line *line)
{
    ck_assert_uint_eq(line->count, 6);
    int64_t stored = strtoll(line->words[1], NULL, 10);
    int64_t height = strtoll(line->words[2], NULL, 10);
    cmt_buf record = test_unhex(line->words[3]);
    cmt_buf pointer = test_unhex(line->words[4]);
    cmt_validators_info info;
    ck_assert_int_eq(cmt_validators_info_decode(cmt_buf_slice(&pointer), &info, NULL), CMT_OK);
    ck_assert(!info.has_set);
    ck_assert_int_eq(cmt_validators_stored_height(height, info.last_height_changed), stored);
    ck_assert_int_eq(cmt_validators_info_decode(cmt_buf_slice(&record), &info, NULL), CMT_OK);
    ck_assert(info.has_set);
    check_move(info.set, (int32_t)(height - stored), line->words[5]);
    cmt_buf_free(&pointer);
    cmt_buf_free(&record);
}

START_TEST(loads_stored_sets_as_cometbft_does)
{
    ck_assert_uint_eq(test_each_line("load-validators-vectors.txt", check_load), 9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_priority");
    TCase *examples_case = tcase_create("examples");
    tcase_add_loop_test(examples_case, moves_worked_examples, 0,
                        (int)(sizeof examples / sizeof examples[0]));
    tcase_add_test(examples_case, the_smaller_address_proposes_wherever_it_stands);
    tcase_add_test(examples_case, refuses_to_go_nowhere);
    tcase_add_test(examples_case, refuses_twins);
    tcase_add_test(examples_case, refuses_powers_beyond_the_limit);
    suite_add_tcase(suite, examples_case);
    TCase *vectors = tcase_create("vectors");
    tcase_set_timeout(vectors, 60);
    tcase_add_test(vectors, moves_sets_as_cometbft_does);
    tcase_add_test(vectors, loads_stored_sets_as_cometbft_does);
    suite_add_tcase(suite, vectors);
    return suite_run(suite);
}
