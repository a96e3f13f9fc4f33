/* SPDX-License-Identifier: Apache-2.0
 *
 * Two votes of one validator that contradict each other: is it true?
 */
#include "blockexec_internal.h"

#include "cleanup.h"

#include <inttypes.h>

static cmt_status check_votes(const cmt_vote *a, const cmt_vote *b, cmt_error *err)
{
    const cmt_vote_content *x = &a->content;
    const cmt_vote_content *y = &b->content;
    if (x->height != y->height || x->round != y->round || x->type != y->type)
        return cmt_error_set(err, CMT_INVALID,
                             "h/r/s does not match: %" PRId64 "/%" PRId32 "/%" PRId32 " vs %" PRId64
                             "/%" PRId32 "/%" PRId32,
                             x->height, x->round, x->type, y->height, y->round, y->type);
    if (!cmt_slice_equal(a->address, b->address))
        return cmt_error_set(err, CMT_INVALID, "validator addresses do not match");
    if (cmt_block_id_equal(&x->block_id, &y->block_id))
        return cmt_error_set(err, CMT_INVALID,
                             "block IDs are the same - not a real duplicate vote");
    return CMT_OK;
}

static cmt_status check_power(const cmt_duplicate_vote *votes, const cmt_validator *validator,
                              const cmt_validator_set *set, cmt_error *err)
{
    if (validator->voting_power != votes->validator_power)
        return cmt_error_set(err, CMT_INVALID,
                             "validator power from evidence and our validator set does not match "
                             "(%" PRId64 " != %" PRId64 ")",
                             votes->validator_power, validator->voting_power);
    if (set->total_voting_power != votes->total_voting_power)
        return cmt_error_set(err, CMT_INVALID,
                             "total voting power from the evidence and our validator set does not "
                             "match (%" PRId64 " != %" PRId64 ")",
                             votes->total_voting_power, set->total_voting_power);
    return CMT_OK;
}

static cmt_status check_signature(const char *name, const char *chain_id, const cmt_vote *vote,
                                  const cmt_public_key *key, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf bytes = CMT_BUF_INIT;
    cmt_status st = cmt_vote_sign_bytes(chain_id, &vote->content, &bytes);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "no memory for what was signed");
    st = cmt_key_verify(key, cmt_buf_slice(&bytes), vote->signature, err);
    if (st == CMT_OK)
        return CMT_OK;
    st = cmt_error_prefix(err, st, "verifying %s", name);
    return cmt_blockexec__refuse(st, err);
}

cmt_status cmt_duplicate_vote_verify(const cmt_duplicate_vote *votes, const char *chain_id,
                                     const cmt_validator_set *set, cmt_error *err)
{
    const cmt_vote *a = &votes->vote_a;
    const cmt_vote *b = &votes->vote_b;
    const cmt_validator *validator = cmt_validator_set_find(set, a->address);
    if (validator == NULL)
        return cmt_error_set(err, CMT_INVALID,
                             "vote_a is of nobody who was a validator at height "
                             "%" PRId64,
                             a->content.height);
    CMT_TRY(check_votes(a, b, err));
    cmt_public_key key;
    cmt_hash address;
    CMT_TRY(cmt_validator_public_key(validator, &key, err));
    CMT_TRY(cmt_key_address(&key, &address, err));
    if (!cmt_slice_equal(cmt_hash_slice(&address), a->address))
        return cmt_error_set(err, CMT_INVALID, "address doesn't match pubkey");
    CMT_TRY(check_power(votes, validator, set, err));
    CMT_TRY(check_signature("VoteA", chain_id, a, &key, err));
    return check_signature("VoteB", chain_id, b, &key, err);
}
