/* SPDX-License-Identifier: Apache-2.0
 *
 * Commits, extended commits and the parts of blocks.
 */
#include "types_support.h"
#include "types_vectors.h"

#include "cmtstore/types.h"

#define ADDRESS "1214" V_ADDRESS
#define TIME "1a0c0884e2cfaa061080cab5ee01"
#define ZERO_TIME "1a0b088092b8c398feffffff01"

static cmt_status decode_hex(const char *hex, bool extended, cmt_commit_info *out, cmt_error *err)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_status st = cmt_commit_decode(cmt_buf_slice(&bytes), extended, out, err);
    cmt_buf_free(&bytes);
    return st;
}

START_TEST(reads_what_a_commit_says_of_itself)
{
    cmt_commit_info info;
    ck_assert_int_eq(decode_hex(V_COMMIT, false, &info, NULL), CMT_OK);
    ck_assert_int_eq(info.height, 1);
    ck_assert_int_eq(info.round, 0);
    ck_assert_uint_eq(info.signatures, 1);
    ck_assert_uint_eq(info.block_id.part_total, 1);
    test_same((cmt_slice){info.block_id.hash.bytes, info.block_id.hash.size}, V_BLOCK_HASH);
    test_same((cmt_slice){info.block_id.part_hash.bytes, info.block_id.part_hash.size},
              V_PART_HASH);
}
END_TEST

START_TEST(reads_the_empty_commit_before_the_first_block)
{
    cmt_commit_info info;
    ck_assert_int_eq(decode_hex(V_EMPTY_COMMIT, false, &info, NULL), CMT_OK);
    ck_assert(info.height == 0 && info.round == 0 && info.signatures == 0);
    ck_assert_int_eq(decode_hex("", false, &info, NULL), CMT_OK);
    ck_assert_int_eq(decode_hex(V_EMPTY_COMMIT, true, &info, NULL), CMT_OK);
    ck_assert(info.height == 0 && info.signatures == 0);
}
END_TEST

/* A commit of block 1 with one signature: its size byte and the signature itself. */
#define COMMIT_OF(size, signature) "0801 1a48" V_BLOCK_ID "22" size signature

START_TEST(reads_absent_and_nil_votes)
{
    cmt_commit_info info;
    ck_assert_int_eq(decode_hex(COMMIT_OF("0f", V_ABSENT), false, &info, NULL), CMT_OK);
    ck_assert_int_eq(decode_hex(COMMIT_OF("02", "0801"), false, &info, NULL), CMT_OK);
    ck_assert_int_eq(decode_hex(COMMIT_OF("29", "0803" ADDRESS TIME "220155"), false, &info, NULL),
                     CMT_OK);
    ck_assert_int_eq(
        decode_hex("1005" COMMIT_OF("0f", V_ABSENT) "220f" V_ABSENT, false, &info, NULL), CMT_OK);
    ck_assert(info.round == 5 && info.signatures == 2);
}
END_TEST

#define NO_END ",9223372036854775807]"

static const struct {
    const char *hex;
    const char *why;
} refused_commits[] = {
    {"08ffffffffffffffffff01 1a48" V_BLOCK_ID "220f" V_ABSENT, "height: -1 is not in [0" NO_END},
    {"10ffffffffffffffffff01" COMMIT_OF("0f", V_ABSENT), "round: -1 is not in [0,2147483647]"},
    {"0801 1a48" V_BLOCK_ID, "it has no signatures"},
    {"0801 1a021200 220f" V_ABSENT, "it is for no block"},
    {"0801 220f" V_ABSENT, "it is for no block"},
    {"0801 1a051203 08c20c 220f" V_ABSENT, "block_id: 1602 parts; at most 1601 are possible"},
    {"0801 1a030a01aa 220f" V_ABSENT, "block_id: 1 bytes instead of 0 or 32"},
    {COMMIT_OF("00", ""), "signature 0: unknown block id flag 0"},
    {COMMIT_OF("02", "0804"), "signature 0: unknown block id flag 4"},
    {COMMIT_OF("0b", "08ffffffffffffffffff01"), "signature 0: unknown block id flag -1"},
    {COMMIT_OF("25", V_ABSENT ADDRESS), "signature 0: marked absent, but not empty"},
    {COMMIT_OF("12", V_ABSENT "220155"), "signature 0: marked absent, but not empty"},
    {COMMIT_OF("10", "0801" TIME), "signature 0: marked absent, but not empty"},
    {COMMIT_OF("04", "0801 1a00"), "signature 0: marked absent, but not empty"}, /* in 1970 */
    {COMMIT_OF("26", "0802" ADDRESS TIME), "signature 0: signature of 0 bytes"},
    {COMMIT_OF("13", "0802" TIME "220155"),
     "signature 0: validator address of 0 bytes instead of 20"},
    {COMMIT_OF("28", "0802 1213 11111111111111111111111111111111111111" TIME "220155"),
     "signature 0: validator address of 19 bytes instead of 20"},
    {COMMIT_OF("08", "0802 1a02 10ff"
                     "2200"),
     "a field does not decode"},                                    /* nanos cut short */
    {"1a021200 2202 0804", "signature 0: unknown block id flag 4"}, /* looked at also in height 0 */
};

START_TEST(refuses_a_commit_that_cometbft_refuses)
{
    cmt_commit_info info = {.height = 77};
    cmt_error err = CMT_ERROR_INIT;
    char why[200];
    snprintf(why, sizeof why, "Commit: %s", refused_commits[_i].why);
    ck_assert_int_eq(decode_hex(refused_commits[_i].hex, false, &info, &err), CMT_CORRUPT);
    ck_assert_str_eq(err.message, why);
    ck_assert_int_eq(decode_hex(refused_commits[_i].hex, true, &info, &err), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, refused_commits[_i].why));
    ck_assert_int_eq(info.height, 77);
}
END_TEST

START_TEST(names_the_bad_signature)
{
    cmt_commit_info info;
    cmt_error err = CMT_ERROR_INIT;
    const char *hex = COMMIT_OF("0f", V_ABSENT) "22020804";
    ck_assert_int_eq(decode_hex(hex, false, &info, &err), CMT_CORRUPT);
    ck_assert_str_eq(err.message, "Commit: signature 1: unknown block id flag 4");
    ck_assert_int_eq(decode_hex(hex, true, &info, &err), CMT_CORRUPT);
    ck_assert_str_eq(err.message, "ExtendedCommit: signature 1: unknown block id flag 4");
}
END_TEST

/* An ExtendedCommit of one signature with the given flag and sizes. */
static cmt_status decode_extended(int flag, size_t signature, size_t extension,
                                  size_t extension_signature)
{
    cmt_buf sig = CMT_BUF_INIT;
    cmt_buf head = test_unhex("1214" V_ADDRESS TIME);
    uint8_t bytes[64];
    uint8_t *filler = calloc(1, (2u << 20));
    ck_assert_ptr_nonnull(filler);
    const struct {
        uint8_t tag;
        size_t size;
    } fields[] = {{0x22, signature}, {0x2a, extension}, {0x32, extension_signature}};
    bytes[0] = 0x08;
    bytes[1] = (uint8_t)flag;
    ck_assert_int_eq(cmt_buf_append(&sig, bytes, 2), CMT_OK);
    ck_assert_int_eq(cmt_buf_append(&sig, head.data, head.size), CMT_OK);
    for (size_t i = 0; i < 3; i++) {
        if (fields[i].size == 0)
            continue;
        /* sizes as varints of three bytes */
        bytes[0] = fields[i].tag;
        bytes[1] = (uint8_t)(fields[i].size | 0x80);
        bytes[2] = (uint8_t)(fields[i].size >> 7 | 0x80);
        bytes[3] = (uint8_t)(fields[i].size >> 14);
        ck_assert_int_eq(cmt_buf_append(&sig, bytes, 4), CMT_OK);
        ck_assert_int_eq(cmt_buf_append(&sig, filler, fields[i].size), CMT_OK);
    }
    cmt_buf whole = test_unhex("0801 1a48" V_BLOCK_ID "22");
    uint8_t size[] = {(uint8_t)(sig.size | 0x80), (uint8_t)(sig.size >> 7 | 0x80),
                      (uint8_t)(sig.size >> 14)};
    ck_assert_int_eq(cmt_buf_append(&whole, size, sizeof size), CMT_OK);
    ck_assert_int_eq(cmt_buf_append(&whole, sig.data, sig.size), CMT_OK);
    cmt_commit_info info;
    cmt_status st = cmt_commit_decode(cmt_buf_slice(&whole), true, &info, NULL);
    cmt_buf_free(&whole);
    cmt_buf_free(&head);
    cmt_buf_free(&sig);
    free(filler);
    return st;
}

START_TEST(bounds_signatures_and_extensions)
{
    ck_assert_int_eq(decode_extended(2, 64, 0, 0), CMT_OK);
    ck_assert_int_eq(decode_extended(2, 64, 8, 64), CMT_OK);
    ck_assert_int_eq(decode_extended(3, 64, 0, 0), CMT_OK);
    ck_assert_int_eq(decode_extended(2, 0, 8, 64), CMT_CORRUPT);
    ck_assert_int_eq(decode_extended(2, 3309, 1 << 20, 3309), CMT_OK);
    ck_assert_int_eq(decode_extended(2, 3310, 0, 0), CMT_CORRUPT);
    ck_assert_int_eq(decode_extended(2, 64, (1 << 20) + 1, 64), CMT_CORRUPT);
    ck_assert_int_eq(decode_extended(2, 64, 8, 3310), CMT_CORRUPT);
    ck_assert_int_eq(decode_extended(3, 64, 8, 0), CMT_CORRUPT);
    ck_assert_int_eq(decode_extended(3, 64, 8, 64), CMT_OK);
}
END_TEST

/* ---- parts ------------------------------------------------------------------------------- */

static cmt_status decode_part(const char *hex, uint32_t index, size_t *size, cmt_error *err)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_slice piece = {NULL, 4711};
    cmt_status st = cmt_part_decode(cmt_buf_slice(&bytes), index, &piece, err);
    *size = piece.size;
    cmt_buf_free(&bytes);
    return st;
}

START_TEST(borrows_the_piece_of_a_part)
{
    cmt_buf bytes = test_unhex(V_PART);
    cmt_slice piece;
    ck_assert_int_eq(cmt_part_decode(cmt_buf_slice(&bytes), 0, &piece, NULL), CMT_OK);
    ck_assert_uint_eq(piece.size, 311);
    ck_assert_ptr_eq(piece.data, bytes.data + 3);
    test_same(piece, V_BLOCK);
    cmt_buf_free(&bytes);

    size_t size;
    ck_assert_int_eq(decode_part(V_LAST_PART, 1, &size, NULL), CMT_OK);
    ck_assert_uint_eq(size, 1);
}
END_TEST

#define LEAF "1a20" V_PART_HASH

static const struct {
    uint32_t index;
    const char *hex;
    const char *why;
} refused_parts[] = {
    {0, V_LAST_PART, "Part: it says index 1, proof index 1, not 0"},
    {1, V_PART, "Part: it says index 0, proof index 0, not 1"},
    {1, "0801 1201ab 1a24 0802" LEAF, "Part: it says index 1, proof index 0, not 1"},
    {0, "0805 1201ab 1a24 0801" LEAF, "Part: it says index 5, proof index 0, not 0"},
    {0, "08808080808080808080 01 1201ab 1a24 0801" LEAF,
     "Part: it says index 9223372036854775808, proof index 0, not 0"},
    {1, "0801 1201ab 1a26 0801 1001" LEAF, "Part: proof total: 1 is not in [2,1601]"},
    {0, "1201ab 1a22" LEAF, "Part: proof total: 0 is not in [1,1601]"},
    {0, "1201ab 1a2d 08ffffffffffffffffff01" LEAF, "Part: proof total: -1 is not in [1,1601]"},
    {0, "1201ab 1a25 08c20c" LEAF, "Part: proof total: 1602 is not in [1,1601]"},
    {0, "1201ab", "Part: proof total: 0 is not in [1,1601]"},
    {0, "1201ab 1a24 0802" LEAF,
     "Part: 1 bytes in part 0 of 2; all have 65536 but the last, which has no more"},
    {0, "1201ab 1a05 0801 1a01aa", "Proof: leaf hash of 1 bytes instead of 32"},
    {0, "1201ab 1a02 0801", "Proof: leaf hash of 0 bytes instead of 32"},
    {0, "1201ab 1a27 0801" LEAF "2201aa", "Proof: aunt of 1 bytes instead of 32"},
};

START_TEST(refuses_a_part_that_is_not_the_one_asked_for)
{
    size_t size;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(decode_part(refused_parts[_i].hex, refused_parts[_i].index, &size, &err),
                     CMT_CORRUPT);
    ck_assert_str_eq(err.message, refused_parts[_i].why);
    ck_assert_uint_eq(size, 4711);
}
END_TEST

/* A first part of @p total with @p size bytes and @p aunts. */
static cmt_status decode_made_part(size_t size, uint8_t total, int aunts)
{
    cmt_buf bytes = CMT_BUF_INIT;
    uint8_t *filler = calloc(1, size + 1);
    ck_assert_ptr_nonnull(filler);
    uint8_t head[] = {0x12, (uint8_t)(size | 0x80), (uint8_t)(size >> 7 | 0x80),
                      (uint8_t)(size >> 14)};
    ck_assert_int_eq(cmt_buf_append(&bytes, head, sizeof head), CMT_OK);
    ck_assert_int_eq(cmt_buf_append(&bytes, filler, size), CMT_OK);
    size_t proof = 36 + (size_t)aunts * 34;
    uint8_t proof_head[] = {0x1a, (uint8_t)(proof | 0x80), (uint8_t)(proof >> 7), 0x08, total};
    ck_assert_int_eq(cmt_buf_append(&bytes, proof_head, sizeof proof_head), CMT_OK);
    static const uint8_t leaf[34] = {0x1a, 0x20};
    static const uint8_t aunt[34] = {0x22, 0x20};
    ck_assert_int_eq(cmt_buf_append(&bytes, leaf, sizeof leaf), CMT_OK);
    for (int i = 0; i < aunts; i++)
        ck_assert_int_eq(cmt_buf_append(&bytes, aunt, sizeof aunt), CMT_OK);
    cmt_slice piece;
    cmt_status st = cmt_part_decode(cmt_buf_slice(&bytes), 0, &piece, NULL);
    if (st == CMT_OK)
        ck_assert_uint_eq(piece.size, size);
    cmt_buf_free(&bytes);
    free(filler);
    return st;
}

START_TEST(bounds_pieces_and_aunts)
{
    ck_assert_int_eq(decode_made_part(65536, 1, 0), CMT_OK);
    ck_assert_int_eq(decode_made_part(65537, 1, 0), CMT_CORRUPT);
    ck_assert_int_eq(decode_made_part(65536, 2, 1), CMT_OK);
    ck_assert_int_eq(decode_made_part(65535, 2, 1), CMT_CORRUPT);
    ck_assert_int_eq(decode_made_part(65537, 2, 1), CMT_CORRUPT);
    ck_assert_int_eq(decode_made_part(1, 1, 100), CMT_OK);
    ck_assert_int_eq(decode_made_part(1, 1, 101), CMT_CORRUPT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_commit");
    TCase *commit = tcase_create("commit");
    tcase_add_test(commit, reads_what_a_commit_says_of_itself);
    tcase_add_test(commit, reads_the_empty_commit_before_the_first_block);
    tcase_add_test(commit, reads_absent_and_nil_votes);
    tcase_add_loop_test(commit, refuses_a_commit_that_cometbft_refuses, 0,
                        (int)(sizeof refused_commits / sizeof refused_commits[0]));
    tcase_add_test(commit, names_the_bad_signature);
    tcase_add_test(commit, bounds_signatures_and_extensions);
    suite_add_tcase(suite, commit);
    TCase *part = tcase_create("part");
    tcase_add_test(part, borrows_the_piece_of_a_part);
    tcase_add_loop_test(part, refuses_a_part_that_is_not_the_one_asked_for, 0,
                        (int)(sizeof refused_parts / sizeof refused_parts[0]));
    tcase_add_test(part, bounds_pieces_and_aunts);
    suite_add_tcase(suite, part);
    return suite_run(suite);
}
