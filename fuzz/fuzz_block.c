/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks: what decodes is encoded to bytes that decode to the same block, and to themselves.
 */
#include "fuzz.h"

#include "cmtstore/types_validators.h"

#include <string.h>

static void check_commit(cmt_slice bytes)
{
    cmt_commit commit;
    if (cmt_commit_read(bytes, &commit, NULL) != CMT_OK)
        return;
    cmt_buf out = CMT_BUF_INIT;
    cmt_commit again;
    FUZZ_CHECK(cmt_commit_encode(&commit, &out) == CMT_OK);
    FUZZ_CHECK(cmt_commit_read(cmt_buf_slice(&out), &again, NULL) == CMT_OK);
    FUZZ_CHECK(again.count == commit.count && again.height == commit.height);
    cmt_commit_free(&again);
    cmt_buf_free(&out);
    cmt_commit_free(&commit);
}

static void check_evidence(cmt_slice bytes)
{
    cmt_duplicate_vote votes;
    if (cmt_evidence_check(bytes, NULL) != CMT_OK ||
        cmt_duplicate_vote_read(bytes, &votes, NULL) != CMT_OK)
        return;
    cmt_buf out = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_duplicate_vote_encode(&votes, &out) == CMT_OK);
    FUZZ_CHECK(cmt_evidence_check(cmt_buf_slice(&out), NULL) == CMT_OK);
    cmt_buf_free(&out);
}

static void check_block(cmt_slice bytes)
{
    cmt_block block;
    if (cmt_block_decode(bytes, &block, NULL) != CMT_OK)
        return;
    cmt_buf once = CMT_BUF_INIT;
    cmt_buf twice = CMT_BUF_INIT;
    cmt_block again;
    FUZZ_CHECK(cmt_block_encode(&block, &once) == CMT_OK);
    FUZZ_CHECK(cmt_block_decode(cmt_buf_slice(&once), &again, NULL) == CMT_OK);
    FUZZ_CHECK(cmt_block_encode(&again, &twice) == CMT_OK);
    FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&once), cmt_buf_slice(&twice)));
    cmt_hash a;
    cmt_hash b;
    FUZZ_CHECK(cmt_header_hash(&block.header, &a, NULL) == CMT_OK);
    FUZZ_CHECK(cmt_header_hash(&again.header, &b, NULL) == CMT_OK);
    FUZZ_CHECK(a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0);
    cmt_block_free(&again);
    cmt_buf_free(&twice);
    cmt_buf_free(&once);
    cmt_block_free(&block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_slice bytes = {data, size};
    check_block(bytes);
    check_commit(bytes);
    check_evidence(bytes);
    return 0;
}
