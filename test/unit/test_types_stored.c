/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that CometBFT 0.37 to 1.0 stored: they decode, say what their keys say, and are written
 * again to the same bytes.
 */
#include "types_support.h"

#include "cmtstore.pb-c.h"
#include "cmtstore/types.h"
#include "unpack.h"

static bool has_prefix(const char *key, const char *prefix)
{
    return strncmp(key, prefix, strlen(prefix)) == 0;
}

static int64_t height_of(const char *key)
{
    return strtoll(strchr(key, ':') + 1, NULL, 10);
}

static void write_again(const ProtobufCMessageDescriptor *type, cmt_slice bytes)
{
    ProtobufCMessage *message;
    ck_assert_int_eq(cmt_pb_unpack(type, bytes, bytes.size, &message, NULL), CMT_OK);
    uint8_t *packed = malloc(protobuf_c_message_get_packed_size(message) + 1);
    ck_assert_ptr_nonnull(packed);
    size_t size = protobuf_c_message_pack(message, packed);
    ck_assert(cmt_slice_equal((cmt_slice){packed, size}, bytes));
    free(packed);
    cmt_pb_free(&message);
}

static void check_meta(const char *key, cmt_slice value)
{
    cmt_block_meta meta;
    ck_assert_int_eq(cmt_block_meta_decode(value, &meta, NULL), CMT_OK);
    ck_assert_int_eq(meta.header.height, height_of(key));
    ck_assert_uint_eq(meta.block_id.hash.size, 32);
    ck_assert_uint_eq(meta.block_id.part_total, 1);
    ck_assert_int_gt(meta.header.time.seconds, 1700000000);
    write_again(&cmt__pb__block_meta__descriptor, value);
}

static void check_commit(const char *key, cmt_slice value)
{
    bool extended = key[0] == 'E';
    cmt_commit_info info;
    ck_assert_int_eq(cmt_commit_decode(value, extended, &info, NULL), CMT_OK);
    if (value.size == 4) /* before the first block */
        ck_assert_int_eq(info.height, 0);
    else
        ck_assert_int_eq(info.height, height_of(key));
    ck_assert_int_eq(info.round > 0, strcmp(key, "C:7") == 0);
    write_again(extended ? &cmt__pb__extended_commit__descriptor : &cmt__pb__commit__descriptor,
                value);
}

static void check_part(cmt_slice value)
{
    cmt_slice piece;
    ck_assert_int_eq(cmt_part_decode(value, 0, &piece, NULL), CMT_OK);
    ck_assert_uint_gt(piece.size, 100);
    write_again(&cmt__pb__part__descriptor, value);
}

static void check_validators(cmt_slice value)
{
    cmt_validators_info info;
    cmt_buf set_out = CMT_BUF_INIT;
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_validators_info_decode(value, &info, NULL), CMT_OK);
    if (info.has_set) {
        cmt_validator_set set;
        ck_assert_int_eq(cmt_validator_set_decode(info.set, &set, NULL), CMT_OK);
        ck_assert_uint_ge(set.count, 1);
        ck_assert_int_eq(cmt_validator_set_encode(&set, &set_out), CMT_OK);
        ck_assert(cmt_slice_equal(cmt_buf_slice(&set_out), info.set));
        ck_assert_int_eq(
            cmt_validators_info_encode(cmt_buf_slice(&set_out), info.last_height_changed, &out),
            CMT_OK);
        cmt_validator_set_free(&set);
        write_again(&cmt__pb__validator_set__descriptor, info.set);
    } else {
        ck_assert_int_eq(cmt_validators_info_encode_pointer(info.last_height_changed, &out),
                         CMT_OK);
    }
    ck_assert(cmt_slice_equal(cmt_buf_slice(&out), value));
    cmt_buf_free(&out);
    cmt_buf_free(&set_out);
}

static void check_params(const char *key, cmt_slice value)
{
    cmt_params_info info;
    cmt_consensus_params params;
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_params_info_decode(value, &info, NULL), CMT_OK);
    ck_assert_int_eq(cmt_params_info_encode(info.params, info.last_height_changed, &out), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&out), value));
    ck_assert_int_eq(info.is_pointer, value.size <= 5);
    ck_assert_int_eq(info.is_pointer, info.last_height_changed != height_of(key));
    ck_assert_int_eq(cmt_consensus_params_decode(info.params, &params, NULL), CMT_OK);
    if (!info.is_pointer) {
        ck_assert_int_ge(params.block_max_bytes, 4194304);
        ck_assert_int_ge(params.evidence_max_age_num_blocks, 20);
        ck_assert_int_ge(params.evidence_max_age_duration_ns, 20000000000);
        ck_assert_int_eq(params.evidence_max_bytes, 1048576);
    }
    cmt_buf_free(&out);
}

static void check_state(cmt_slice value)
{
    cmt_state state;
    ck_assert_int_eq(cmt_state_decode(value, &state, NULL), CMT_OK);
    ck_assert_int_eq(state.initial_height, 1);
    ck_assert_int_ge(state.last_block_height, 484);
    ck_assert_int_le(state.last_height_validators_changed, state.last_block_height + 2);
    ck_assert_int_le(state.last_height_params_changed, state.last_block_height + 1);
    ck_assert_int_ge(state.params.evidence_max_age_num_blocks, 20);
    ck_assert_uint_eq(state.last_block_id.hash.size, 32);
    ck_assert_uint_gt(state.app_hash.size, 0);
    write_again(&cmt__pb__state__descriptor, value);
}

static void check_results(const char *release, cmt_slice value)
{
    ProtobufCMessage *message;
    ck_assert_int_eq(cmt_pb_unpack(&cmt__pb__response_finalize_block__descriptor, value, value.size,
                                   &message, NULL),
                     CMT_OK);
    const Cmt__Pb__ResponseFinalizeBlock *r = (const Cmt__Pb__ResponseFinalizeBlock *)message;
    ck_assert_int_eq(r->app_hash.len > 0, strcmp(release, "0.37") != 0);
    cmt_pb_free(&message);
}

static void check_block_store_state(cmt_slice value)
{
    cmt_block_store_state state;
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_block_store_state_decode(value, &state, NULL), CMT_OK);
    ck_assert(state.base >= 1 && state.height >= state.base);
    ck_assert_int_eq(cmt_block_store_state_encode(state, &out), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&out), value));
    cmt_buf_free(&out);
}

static void check_number(cmt_slice value)
{
    int64_t number;
    ck_assert_int_eq(cmt_signed_varint_decode(value, &number, NULL), CMT_OK);
    ck_assert_int_eq(number, 0);
}

/* RELEASE KEY VALUE */
static void check_stored(const test_line *line)
{
    ck_assert_uint_eq(line->count, 3);
    const char *key = line->words[1];
    cmt_buf bytes = test_unhex(line->words[2]);
    cmt_slice value = cmt_buf_slice(&bytes);
    if (has_prefix(key, "H:"))
        check_meta(key, value);
    else if (has_prefix(key, "P:"))
        check_part(value);
    else if (has_prefix(key, "C:") || has_prefix(key, "SC:") || has_prefix(key, "EC:"))
        check_commit(key, value);
    else if (has_prefix(key, "validatorsKey:"))
        check_validators(value);
    else if (has_prefix(key, "consensusParamsKey:"))
        check_params(key, value);
    else if (has_prefix(key, "abciResponsesKey:"))
        check_results(line->words[0], value);
    else if (has_prefix(key, "stateKey"))
        check_state(value);
    else if (has_prefix(key, "blockStore"))
        check_block_store_state(value);
    else
        check_number(value);
    cmt_buf_free(&bytes);
}

START_TEST(understands_what_cometbft_stored)
{
    ck_assert_uint_eq(test_each_line("stored-values.txt", check_stored), 56);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_stored");
    TCase *stored = tcase_create("stored");
    tcase_add_test(stored, understands_what_cometbft_stored);
    suite_add_tcase(suite, stored);
    return suite_run(suite);
}
