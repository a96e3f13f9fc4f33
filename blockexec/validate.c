/* SPDX-License-Identifier: Apache-2.0
 *
 * May this block follow this state?  In CometBFT's order and with its texts; the first thing that is wrong is
 * the one that is named.
 */
#include "blockexec_internal.h"

#include "wire.h"

#include <inttypes.h>
#include <string.h>

#define NS_PER_MS 1000000

/* ---- small things ------------------------------------------------------------------------ */

cmt_status cmt_blockexec__refuse(cmt_status st, cmt_error *err)
{
    if (st != CMT_CORRUPT)
        return st;
    if (err != NULL)
        err->code = CMT_INVALID;
    return CMT_INVALID;
}

/* <0, 0, >0 */
static int compare_times(cmt_time a, cmt_time b)
{
    if (a.seconds != b.seconds)
        return a.seconds < b.seconds ? -1 : 1;
    return a.nanos < b.nanos ? -1 : a.nanos > b.nanos;
}

bool cmt_blockexec__pbts_enabled(const cmt_chain_state *state, int64_t height)
{
    int64_t from = state->params.pbts_enable_height;
    return state->release == CMT_RELEASE_1_0 && from > 0 && from <= height;
}

bool cmt_extensions_enabled(const cmt_params *params, int64_t height)
{
    int64_t from = params->core.vote_extensions_enable_height;
    return from > 0 && from <= height;
}

/* ---- the header -------------------------------------------------------------------------- */

static cmt_status check_height(const cmt_chain_state *s, int64_t height, cmt_error *err)
{
    if (s->last_block_height == 0 && height != s->initial_height)
        return cmt_error_set(err, CMT_INVALID,
                             "wrong Block.Header.Height. Expected %" PRId64
                             " for initial block, got %" PRId64,
                             s->initial_height, height);
    if (s->last_block_height > 0 && height != s->last_block_height + 1)
        return cmt_error_set(err, CMT_INVALID,
                             "wrong Block.Header.Height. Expected %" PRId64 ", got %" PRId64,
                             s->last_block_height + 1, height);
    return CMT_OK;
}

static cmt_status check_basic(const cmt_chain_state *s, const cmt_header *h, cmt_error *err)
{
    if (h->version_app != s->version_app || h->version_block != s->version_block)
        return cmt_error_set(err, CMT_INVALID,
                             "wrong Block.Header.Version. Expected block:%" PRIu64 " app:%" PRIu64
                             ", got block:%" PRIu64 " app:%" PRIu64,
                             s->version_block, s->version_app, h->version_block, h->version_app);
    if (strcmp(h->chain_id, s->chain_id) != 0)
        return cmt_error_set(err, CMT_INVALID, "wrong Block.Header.ChainID. Expected %s, got %s",
                             s->chain_id, h->chain_id);
    CMT_TRY(check_height(s, h->height, err));
    cmt_text want;
    cmt_text got;
    if (!cmt_block_id_equal(&h->last_block_id, &s->last_block_id))
        return cmt_error_set(
            err, CMT_INVALID, "wrong Block.Header.LastBlockID.  Expected %s, got %s",
            cmt_blockexec_id(&s->last_block_id, &want), cmt_blockexec_id(&h->last_block_id, &got));
    return CMT_OK;
}

static cmt_status check_hash(const char *field, const cmt_hash *got, const cmt_hash *want,
                             const char *advice, cmt_error *err)
{
    if (cmt_hash_equal(got, want))
        return CMT_OK;
    cmt_text got_text;
    cmt_text want_text;
    return cmt_error_set(err, CMT_INVALID, "wrong Block.Header.%s.  Expected %s, got %s%s", field,
                         cmt_blockexec_hex(want, &want_text), cmt_blockexec_hex(got, &got_text),
                         advice);
}

/* Nearly always: then they need to be hashed but once. */
static bool same_members(const cmt_validator_set *a, const cmt_validator_set *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const cmt_validator *x = &a->validators[i];
        const cmt_validator *y = &b->validators[i];
        if (x->voting_power != y->voting_power || !cmt_slice_equal(x->pub_key, y->pub_key) ||
            !cmt_slice_equal(x->key_bytes, y->key_bytes) ||
            !cmt_slice_equal(x->key_type, y->key_type))
            return false;
    }
    return true;
}

static cmt_status check_hashes(const cmt_chain_state *s, const cmt_header *h, cmt_error *err)
{
    cmt_hash want;
    CMT_TRY(check_hash("AppHash", &h->app_hash, &s->app_hash,
                       ". Check the application for non-determinism", err));
    CMT_TRY(cmt_consensus_params_hash(&s->params.core, &want, err));
    CMT_TRY(check_hash("ConsensusHash", &h->consensus_hash, &want, "", err));
    CMT_TRY(check_hash("LastResultsHash", &h->last_results_hash, &s->last_results_hash, "", err));
    CMT_TRY(cmt_validator_set_hash(&s->validators, &want, err));
    CMT_TRY(check_hash("ValidatorsHash", &h->validators_hash, &want, "", err));
    if (!same_members(&s->validators, &s->next_validators))
        CMT_TRY(cmt_validator_set_hash(&s->next_validators, &want, err));
    return check_hash("NextValidatorsHash", &h->next_validators_hash, &want, "", err);
}

/* ---- the rest ---------------------------------------------------------------------------- */

static cmt_status check_last_commit(const cmt_chain_state *s, const cmt_block *b, bool skip,
                                    cmt_error *err)
{
    if (b->header.height == s->initial_height) {
        if (b->last_commit.count != 0)
            return cmt_error_set(err, CMT_INVALID,
                                 "initial block can't have LastCommit signatures");
        return CMT_OK;
    }
    if (skip)
        return CMT_OK;
    cmt_status st = cmt_commit_verify(s->chain_id, &s->last_validators, &s->last_block_id,
                                      b->header.height - 1, &b->last_commit, err);
    if (st != CMT_OK)
        st = cmt_error_prefix(err, st, "LastCommit");
    return cmt_blockexec__refuse(st, err);
}

/* Who it was to propose is not known, as the round is not; so any member of the set will do. */
static cmt_status check_proposer(const cmt_chain_state *s, const cmt_header *h, cmt_error *err)
{
    cmt_text text;
    cmt_slice address = cmt_hash_slice(&h->proposer_address);
    if (cmt_validator_set_find(&s->validators, address) != NULL)
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID, "block.Header.ProposerAddress %s is not a validator",
                         cmt_blockexec_hex(&h->proposer_address, &text));
}

static cmt_status check_initial_time(const cmt_chain_state *s, cmt_time time, cmt_error *err)
{
    cmt_text got;
    cmt_text want;
    int order = compare_times(time, s->last_block_time);
    if (order == 0 || (order > 0 && s->release == CMT_RELEASE_1_0))
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID, "block time %s is %s genesis time %s",
                         cmt_blockexec_time(time, &got),
                         s->release == CMT_RELEASE_1_0 ? "before" : "not equal to",
                         cmt_blockexec_time(s->last_block_time, &want));
}

/* 0.39 is encoded as 0.40 and carries the same name of the software; only the host can tell them apart. */
cmt_status cmt_blockexec__median_time(const cmt_chain_state *state, const cmt_commit *commit,
                                      bool as_0_39, cmt_time *out, cmt_error *err)
{
    bool commit_votes = state->release == CMT_RELEASE_0_40 && !as_0_39;
    cmt_status st = cmt_commit_median_time(
        commit, &state->last_validators,
        commit_votes ? CMT_MEDIAN_COMMIT_VOTES : CMT_MEDIAN_ALL_VOTES, out, err);
    return cmt_blockexec__refuse(st, err);
}

static cmt_status check_median_time(const cmt_chain_state *s, const cmt_block *b, bool as_0_39,
                                    cmt_error *err)
{
    cmt_text got;
    cmt_text want;
    cmt_time median;
    CMT_TRY(cmt_blockexec__median_time(s, &b->last_commit, as_0_39, &median, err));
    if (compare_times(b->header.time, median) == 0)
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID, "invalid block time. Expected %s, got %s",
                         cmt_blockexec_time(median, &want),
                         cmt_blockexec_time(b->header.time, &got));
}

static cmt_status check_time(const cmt_chain_state *s, const cmt_block *b, bool as_0_39,
                             cmt_error *err)
{
    cmt_text got;
    cmt_text last;
    cmt_time time = b->header.time;
    if (b->header.height < s->initial_height)
        return cmt_error_set(err, CMT_INVALID,
                             "block height %" PRId64 " lower than initial height %" PRId64,
                             b->header.height, s->initial_height);
    if (b->header.height == s->initial_height)
        return check_initial_time(s, time, err);
    if (compare_times(time, s->last_block_time) <= 0)
        return cmt_error_set(err, CMT_INVALID, "block time %s not greater than last block time %s",
                             cmt_blockexec_time(time, &got),
                             cmt_blockexec_time(s->last_block_time, &last));
    if (cmt_blockexec__pbts_enabled(s, b->header.height))
        return CMT_OK;
    return check_median_time(s, b, as_0_39, err);
}

/* Source: 0.38.26 and later, blockTimeTolerance */
static cmt_status check_tolerance(cmt_time time, const cmt_validate_options *o, cmt_error *err)
{
    cmt_text got;
    cmt_text now;
    if (o->time_tolerance_ns <= 0 || cmt_time_sub(time, o->now) < o->time_tolerance_ns)
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID,
                         "block time %s is too far in the future (wall clock %s + %" PRId64 " ms)",
                         cmt_blockexec_time(time, &got), cmt_blockexec_time(o->now, &now),
                         o->time_tolerance_ns / NS_PER_MS);
}

int64_t cmt_blockexec__list_bytes(const cmt_slice *items, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += cmt_wire_size_message(1, items[i].size);
    return (int64_t)bytes;
}

static cmt_status check_evidence_size(const cmt_chain_state *s, const cmt_block *b, cmt_error *err)
{
    int64_t most = s->params.core.evidence_max_bytes;
    int64_t got = cmt_blockexec__list_bytes(b->evidence, b->evidence_count);
    if (got <= most)
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID,
                         "Too much evidence: Max %" PRId64 ", got %" PRId64 " bytes", most, got);
}

cmt_status cmt_block_validate(const cmt_chain_state *state, const cmt_block *block,
                              const cmt_validate_options *options, cmt_error *err)
{
    const cmt_validate_options none = {0};
    const cmt_validate_options *o = options != NULL ? options : &none;
    cmt_status st = cmt_block_check(block, err);
    if (st != CMT_OK)
        return cmt_blockexec__refuse(st, err);
    CMT_TRY(check_basic(state, &block->header, err));
    CMT_TRY(check_hashes(state, &block->header, err));
    CMT_TRY(check_last_commit(state, block, o->skip_last_commit, err));
    CMT_TRY(check_proposer(state, &block->header, err));
    CMT_TRY(check_tolerance(block->header.time, o, err));
    CMT_TRY(check_time(state, block, o->as_0_39, err));
    return check_evidence_size(state, block, err);
}

int64_t cmt_blockexec__max_bytes(const cmt_chain_state *state)
{
    int64_t most = state->params.core.block_max_bytes;
    return most == -1 ? CMT_BLOCK_BYTES_MAX : most;
}

cmt_status cmt_block_check_size(const cmt_chain_state *state, size_t bytes, cmt_error *err)
{
    int64_t most = cmt_blockexec__max_bytes(state);
    if (most >= 0 && bytes <= (size_t)most)
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID,
                         "total size of proposal block parts exceeds maximum block bytes (%zu > "
                         "%" PRId64 ")",
                         bytes, most);
}
