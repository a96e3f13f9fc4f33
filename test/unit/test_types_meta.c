/* SPDX-License-Identifier: Apache-2.0
 *
 * BlockMeta and its header: what is read, and every bound that CometBFT puts on them.
 */
#include "types_support.h"
#include "types_vectors.h"

#include "cmtstore.pb-c.h"
#include "cmtstore/types.h"
#include "unpack.h"

static cmt_status decode_hex(const char *hex, cmt_block_meta *out, cmt_error *err)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_status st = cmt_block_meta_decode(cmt_buf_slice(&bytes), out, err);
    cmt_buf_free(&bytes);
    return st;
}

static void same_hash(cmt_hash got, const char *hex)
{
    test_same((cmt_slice){got.bytes, got.size}, hex);
}

START_TEST(reads_every_field)
{
    cmt_block_meta meta;
    ck_assert_int_eq(decode_hex(V_META, &meta, NULL), CMT_OK);
    same_hash(meta.block_id.hash, V_BLOCK_HASH);
    same_hash(meta.block_id.part_hash, V_PART_HASH);
    ck_assert_uint_eq(meta.block_id.part_total, 1);
    ck_assert_int_eq(meta.block_size, 311);
    ck_assert_int_eq(meta.num_txs, 1);
    const cmt_header *h = &meta.header;
    ck_assert_uint_eq(h->version_block, 11);
    ck_assert_uint_eq(h->version_app, 0);
    ck_assert_str_eq(h->chain_id, "test-chain");
    ck_assert_int_eq(h->height, 1);
    ck_assert_int_eq(h->time.seconds, 1700000000);
    ck_assert_int_eq(h->time.nanos, 0);
    ck_assert_uint_eq(h->last_block_id.hash.size, 0);
    ck_assert_uint_eq(h->last_block_id.part_total, 0);
    same_hash(h->last_commit_hash, V_EMPTY_HASH);
    same_hash(h->data_hash, V_DATA_HASH);
    same_hash(h->validators_hash, V_VALIDATORS_HASH);
    same_hash(h->next_validators_hash, V_VALIDATORS_HASH);
    same_hash(h->consensus_hash, V_CONSENSUS_HASH);
    ck_assert_uint_eq(h->app_hash.size, 0);
    same_hash(h->last_results_hash, V_EMPTY_HASH);
    same_hash(h->evidence_hash, V_EMPTY_HASH);
    same_hash(h->proposer_address, V_ADDRESS);
}
END_TEST

/* Change one thing in the meta of the vectors, and decode that. */
typedef void change(Cmt__Pb__BlockMeta *meta);

static cmt_status decode_changed(change *apply, cmt_block_meta *out, cmt_error *err)
{
    cmt_buf bytes = test_unhex(V_META);
    ProtobufCMessage *message;
    ck_assert_int_eq(cmt_pb_unpack(&cmt__pb__block_meta__descriptor, cmt_buf_slice(&bytes),
                                   bytes.size, &message, NULL),
                     CMT_OK);
    cmt_buf_free(&bytes);
    /* A shallow copy, so that what is put in is not freed with the message. */
    Cmt__Pb__BlockMeta meta = *(const Cmt__Pb__BlockMeta *)message;
    Cmt__Pb__BlockID id = *meta.block_id;
    Cmt__Pb__PartSetHeader parts = *id.part_set_header;
    Cmt__Pb__Header header = *meta.header;
    Cmt__Pb__Consensus version = *header.version;
    Cmt__Pb__Timestamp time = *header.time;
    meta.block_id = &id;
    id.part_set_header = &parts;
    meta.header = &header;
    header.version = &version;
    header.time = &time;
    apply(&meta);
    cmt_buf changed = test_copy(NULL, 0);
    ck_assert_int_eq(cmt_buf_reserve(&changed, cmt__pb__block_meta__get_packed_size(&meta)),
                     CMT_OK);
    changed.size = cmt__pb__block_meta__pack(&meta, changed.data);
    cmt_status st = cmt_block_meta_decode(cmt_buf_slice(&changed), out, err);
    cmt_buf_free(&changed);
    cmt_pb_free(&message);
    return st;
}

static uint8_t filler[] = "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
                          "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";

static ProtobufCBinaryData of_size(size_t size)
{
    return (ProtobufCBinaryData){size, filler};
}

#define CHANGE(name, statement)                                                                    \
    static void name(Cmt__Pb__BlockMeta *m)                                                        \
    {                                                                                              \
        statement;                                                                                 \
    }

static Cmt__Pb__PartSetHeader many_parts = {
    PROTOBUF_C_MESSAGE_INIT(&cmt__pb__part_set_header__descriptor), 1602, {0, NULL}};
static Cmt__Pb__BlockID last_block_of_many_parts = {
    PROTOBUF_C_MESSAGE_INIT(&cmt__pb__block_id__descriptor), {0, NULL}, &many_parts};

CHANGE(no_header, m->header = NULL)
CHANGE(no_version, m->header->version = NULL)
CHANGE(older_protocol, m->header->version->block = 10)
CHANGE(newer_protocol, m->header->version->block = 12)
CHANGE(long_chain_id, m->header->chain_id = of_size(51))
CHANGE(height_zero, m->header->height = 0)
CHANGE(height_negative, m->header->height = -1)
CHANGE(height_lowest, m->header->height = INT64_MIN)
CHANGE(time_before_year_one, m->header->time->seconds = -62135596801)
CHANGE(time_after_year_9999, m->header->time->seconds = 253402300800)
CHANGE(nanos_negative, m->header->time->nanos = -1)
CHANGE(nanos_of_a_second, m->header->time->nanos = 1000000000)
CHANGE(long_block_hash, m->block_id->hash = of_size(33))
CHANGE(short_part_hash, m->block_id->part_set_header->hash = of_size(31))
CHANGE(too_many_parts, m->block_id->part_set_header->total = 1602)
CHANGE(most_parts_there_are, m->block_id->part_set_header->total = UINT32_MAX)
CHANGE(last_block_too_many_parts, m->header->last_block_id = &last_block_of_many_parts)
CHANGE(short_last_commit_hash, m->header->last_commit_hash = of_size(31))
CHANGE(long_data_hash, m->header->data_hash = of_size(33))
CHANGE(short_validators_hash, m->header->validators_hash = of_size(1))
CHANGE(long_next_validators_hash, m->header->next_validators_hash = of_size(64))
CHANGE(short_consensus_hash, m->header->consensus_hash = of_size(20))
CHANGE(long_last_results_hash, m->header->last_results_hash = of_size(65))
CHANGE(short_evidence_hash, m->header->evidence_hash = of_size(31))
CHANGE(no_proposer, m->header->proposer_address = of_size(0))
CHANGE(short_proposer, m->header->proposer_address = of_size(19))
CHANGE(long_proposer, m->header->proposer_address = of_size(21))
CHANGE(block_size_negative, m->block_size = -1)
CHANGE(block_too_large, m->block_size = CMT_BLOCK_BYTES_MAX + 1)
CHANGE(txs_negative, m->num_txs = -1)
CHANGE(too_many_txs, m->num_txs = INT64_MAX)

#define CASE(name)                                                                                 \
    {                                                                                              \
        name, #name                                                                                \
    }
static const struct {
    change *apply;
    const char *name;
} refused[] = {
    CASE(no_header),
    CASE(no_version),
    CASE(older_protocol),
    CASE(newer_protocol),
    CASE(long_chain_id),
    CASE(height_zero),
    CASE(height_negative),
    CASE(height_lowest),
    CASE(time_before_year_one),
    CASE(time_after_year_9999),
    CASE(nanos_negative),
    CASE(nanos_of_a_second),
    CASE(long_block_hash),
    CASE(short_part_hash),
    CASE(too_many_parts),
    CASE(most_parts_there_are),
    CASE(last_block_too_many_parts),
    CASE(short_last_commit_hash),
    CASE(long_data_hash),
    CASE(short_validators_hash),
    CASE(long_next_validators_hash),
    CASE(short_consensus_hash),
    CASE(long_last_results_hash),
    CASE(short_evidence_hash),
    CASE(no_proposer),
    CASE(short_proposer),
    CASE(long_proposer),
    CASE(block_size_negative),
    CASE(block_too_large),
    CASE(txs_negative),
    CASE(too_many_txs),
};

START_TEST(refuses_what_is_out_of_bounds)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_block_meta meta;
    memset(&meta, 0x5a, sizeof meta);
    ck_assert_msg(decode_changed(refused[_i].apply, &meta, &err) == CMT_CORRUPT, "%s passed",
                  refused[_i].name);
    ck_assert_int_eq(err.code, CMT_CORRUPT);
    ck_assert_uint_gt(strlen(err.message), 10);
    for (size_t i = 0; i < sizeof meta; i++)
        ck_assert_uint_eq(((const uint8_t *)&meta)[i], 0x5a);
}
END_TEST

START_TEST(says_which_hash_is_wrong)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_block_meta meta;
    ck_assert_int_eq(decode_changed(short_evidence_hash, &meta, &err), CMT_CORRUPT);
    ck_assert_str_eq(err.message, "Header: evidence_hash: 31 bytes instead of 0 or 32");
}
END_TEST

static Cmt__Pb__PartSetHeader all_parts = {
    PROTOBUF_C_MESSAGE_INIT(&cmt__pb__part_set_header__descriptor), 1601, {32, filler}};
static Cmt__Pb__BlockID last_block = {
    PROTOBUF_C_MESSAGE_INIT(&cmt__pb__block_id__descriptor), {32, filler}, &all_parts};

static void to_the_limits(Cmt__Pb__BlockMeta *m)
{
    m->block_size = CMT_BLOCK_BYTES_MAX;
    m->block_id->part_set_header->total = CMT_PARTS_MAX;
    m->header->chain_id = of_size(CMT_CHAIN_ID_MAX);
    m->header->version->app = UINT64_MAX;
    m->header->height = INT64_MAX;
    m->header->time->seconds = 253402300799;
    m->header->time->nanos = 999999999;
    m->header->last_block_id = &last_block;
    m->header->app_hash = of_size(64);
    m->header->data_hash = of_size(0);
}

START_TEST(accepts_what_is_just_within_bounds)
{
    cmt_block_meta meta;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_msg(decode_changed(to_the_limits, &meta, &err) == CMT_OK, "%s", err.message);
    ck_assert_int_eq(meta.block_size, 104857600);
    ck_assert_uint_eq(meta.block_id.part_total, 1601);
    ck_assert_uint_eq(strlen(meta.header.chain_id), 50);
    ck_assert_uint_eq(meta.header.version_app, UINT64_MAX);
    ck_assert_int_eq(meta.header.height, INT64_MAX);
    ck_assert_int_eq(meta.header.time.seconds, 253402300799);
    ck_assert_int_eq(meta.header.time.nanos, 999999999);
    ck_assert_uint_eq(meta.header.last_block_id.part_total, 1601);
    ck_assert_uint_eq(meta.header.last_block_id.part_hash.size, 32);
    ck_assert_uint_eq(meta.header.app_hash.size, 64);
    ck_assert_uint_eq(meta.header.app_hash.bytes[63], 'y');
    ck_assert_uint_eq(meta.header.data_hash.size, 0);
}
END_TEST

CHANGE(no_time, m->header->time = NULL)
CHANGE(no_block_id, m->block_id = NULL)

START_TEST(reads_absent_messages_as_go_does)
{
    cmt_block_meta meta;
    ck_assert_int_eq(decode_changed(no_time, &meta, NULL), CMT_OK);
    ck_assert_int_eq(meta.header.time.seconds, -62135596800);
    ck_assert_int_eq(meta.header.time.nanos, 0);
    ck_assert_int_eq(decode_changed(no_block_id, &meta, NULL), CMT_OK);
    ck_assert_uint_eq(meta.block_id.hash.size, 0);
    ck_assert_uint_eq(meta.block_id.part_total, 0);
}
END_TEST

CHANGE(long_app_hash, m->header->app_hash = of_size(65))

START_TEST(admits_that_a_longer_app_hash_is_not_supported)
{
    cmt_block_meta meta;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(decode_changed(long_app_hash, &meta, &err), CMT_UNSUPPORTED);
    ck_assert_str_eq(err.message, "Header: app_hash: 65 bytes; at most 64 are supported");
}
END_TEST

static void zero_in_chain_id(Cmt__Pb__BlockMeta *m)
{
    static uint8_t name[] = {'a', 0, 'b'};
    m->header->chain_id = (ProtobufCBinaryData){sizeof name, name};
}

START_TEST(refuses_a_chain_id_that_a_string_cannot_hold)
{
    cmt_block_meta meta;
    ck_assert_int_eq(decode_changed(zero_in_chain_id, &meta, NULL), CMT_CORRUPT);
}
END_TEST

START_TEST(refuses_a_value_larger_than_any_meta)
{
    size_t size = ((size_t)64 << 10) + 2;
    uint8_t *bytes = malloc(size);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < size; i += 2) {
        bytes[i] = 0x20;
        bytes[i + 1] = 1;
    }
    cmt_block_meta meta;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_block_meta_decode((cmt_slice){bytes, size}, &meta, &err), CMT_CORRUPT);
    ck_assert_str_eq(err.message, "BlockMeta: 65538 bytes, more than the 65536 it can have");
    free(bytes);
}
END_TEST

START_TEST(passes_over_fields_of_the_future)
{
    cmt_block_meta meta;
    ck_assert_int_eq(decode_hex(V_META "980107 a20103616263", &meta, NULL), CMT_OK);
    ck_assert_int_eq(meta.num_txs, 1);
}
END_TEST

START_TEST(works_without_an_error_to_write_to)
{
    cmt_block_meta meta;
    ck_assert_int_eq(decode_hex("", &meta, NULL), CMT_CORRUPT);
    ck_assert_int_eq(decode_hex("ff", &meta, NULL), CMT_CORRUPT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_meta");
    TCase *meta = tcase_create("meta");
    tcase_add_test(meta, reads_every_field);
    tcase_add_loop_test(meta, refuses_what_is_out_of_bounds, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(meta, says_which_hash_is_wrong);
    tcase_add_test(meta, accepts_what_is_just_within_bounds);
    tcase_add_test(meta, reads_absent_messages_as_go_does);
    tcase_add_test(meta, admits_that_a_longer_app_hash_is_not_supported);
    tcase_add_test(meta, refuses_a_chain_id_that_a_string_cannot_hold);
    tcase_add_test(meta, refuses_a_value_larger_than_any_meta);
    tcase_add_test(meta, passes_over_fields_of_the_future);
    tcase_add_test(meta, works_without_an_error_to_write_to);
    suite_add_tcase(suite, meta);
    return suite_run(suite);
}
