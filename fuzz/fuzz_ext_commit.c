/* SPDX-License-Identifier: Apache-2.0
 *
 * Extended commits: what decodes is encoded to bytes that decode to the same commit, and to themselves; the
 * decoder that reads no signatures takes it, too; the commit without extensions is a commit.
 */
#include "fuzz.h"

#include "cmtstore/types_block.h"

static void check_same(const cmt_ext_commit *a, const cmt_ext_commit *b)
{
    FUZZ_CHECK(a->height == b->height && a->round == b->round && a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const cmt_ext_commit_sig *x = &a->signatures[i];
        const cmt_ext_commit_sig *y = &b->signatures[i];
        FUZZ_CHECK(x->sig.flag == y->sig.flag);
        FUZZ_CHECK(cmt_slice_equal(x->sig.signature, y->sig.signature));
        FUZZ_CHECK(cmt_slice_equal(x->extension, y->extension));
        FUZZ_CHECK(cmt_slice_equal(x->extension_signature, y->extension_signature));
    }
}

static void check_encoding(const cmt_ext_commit *commit)
{
    cmt_buf once = CMT_BUF_INIT;
    cmt_buf twice = CMT_BUF_INIT;
    cmt_ext_commit again;
    FUZZ_CHECK(cmt_ext_commit_encode(commit, &once) == CMT_OK);
    FUZZ_CHECK(cmt_ext_commit_read(cmt_buf_slice(&once), &again, NULL) == CMT_OK);
    check_same(commit, &again);
    FUZZ_CHECK(cmt_ext_commit_encode(&again, &twice) == CMT_OK);
    FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&once), cmt_buf_slice(&twice)));
    cmt_ext_commit_free(&again);
    cmt_buf_free(&twice);
    cmt_buf_free(&once);
}

static void check_commit(const cmt_ext_commit *extended)
{
    cmt_commit commit;
    cmt_commit again;
    cmt_buf bytes = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_ext_commit_to_commit(extended, &commit, NULL) == CMT_OK);
    FUZZ_CHECK(cmt_commit_encode(&commit, &bytes) == CMT_OK);
    FUZZ_CHECK(cmt_commit_read(cmt_buf_slice(&bytes), &again, NULL) == CMT_OK);
    FUZZ_CHECK(again.count == extended->count);
    cmt_commit_free(&again);
    cmt_buf_free(&bytes);
    cmt_commit_free(&commit);
}

/* Whoever may have extensions and has none passes both ways. */
static void check_extensions(const cmt_ext_commit *commit)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_status with = cmt_ext_commit_check(commit, true, &err);
    cmt_status without = cmt_ext_commit_check(commit, false, &err);
    bool any = false;
    for (size_t i = 0; i < commit->count; i++)
        any = any || commit->signatures[i].extension.size > 0 ||
              commit->signatures[i].extension_signature.size > 0;
    FUZZ_CHECK(without == (any ? CMT_INVALID : CMT_OK));
    FUZZ_CHECK(with == CMT_OK || with == CMT_INVALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_slice bytes = {data, size};
    cmt_ext_commit commit;
    cmt_commit_info info;
    bool whole = cmt_ext_commit_read(bytes, &commit, NULL) == CMT_OK;
    bool looked_at = cmt_commit_decode(bytes, true, &info, NULL) == CMT_OK;
    if (!whole)
        return 0; /* protobuf-c lets some of it pass */
    FUZZ_CHECK(looked_at);
    FUZZ_CHECK(info.height == commit.height && info.signatures == commit.count);
    check_encoding(&commit);
    check_commit(&commit);
    check_extensions(&commit);
    cmt_ext_commit_free(&commit);
    return 0;
}
