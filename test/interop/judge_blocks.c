/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks altered in many ways, and what the library says of each, for tests that ask CometBFT the same.
 *
 *   judge_blocks HOME NEXT SEED COUNT
 *
 * HOME: ends at some height; NEXT: a home that holds the next block, too.  Prints COUNT lines: what
 * was altered, "accepted" or the status, and the block in hex.
 * Exit status: 0; 1 failure; 2 usage.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmtstore/blockexec_validate.h"
#include "cmtstore/state.h"
#include "cmtstore/store.h"

static cmt_error err = CMT_ERROR_INIT;

static void must(cmt_status status)
{
    if (status == CMT_OK)
        return;
    fprintf(stderr, "judge_blocks: %s: %s\n", cmt_status_text(status), err.message);
    exit(1);
}

/* xorshift64* */
static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 2685821657736338717u;
}

static size_t below(size_t bound)
{
    return bound > 0 ? (size_t)(next_random() >> 11) % bound : 0;
}

/* ---- alterations ------------------------------------------------------------------------- */

/* The block in hand: its slices point into bytes of its own, so that they may be written to. */
typedef struct subject {
    cmt_buf bytes;
    cmt_block block;
} subject;

static const cmt_chain_state *state;

static void flip_hash(cmt_hash *hash)
{
    if (hash->size > 0)
        hash->bytes[below(hash->size)] ^= (uint8_t)(1 << below(8));
    else
        *hash = (cmt_hash){{7}, CMT_HASH_SIZE};
}

static void flip_slice(cmt_slice slice)
{
    if (slice.size > 0)
        ((uint8_t *)(uintptr_t)slice.data)[below(slice.size)] ^= (uint8_t)(1 << below(8));
}

static const char *alter_header(cmt_header *h)
{
    cmt_hash *const hashes[] = {
        &h->last_block_id.hash, &h->last_block_id.part_hash, &h->last_commit_hash, &h->data_hash,
        &h->validators_hash,    &h->next_validators_hash,    &h->consensus_hash,   &h->app_hash,
        &h->last_results_hash,  &h->evidence_hash,           &h->proposer_address,
    };
    switch (below(8)) {
    case 0:
        h->version_app++;
        return "version";
    case 1:
        h->version_block++;
        return "version";
    case 2:
        h->chain_id[below(strlen(h->chain_id))] ^= 1;
        return "chain-id";
    case 3:
        h->height += below(2) == 0 ? 1 : -1;
        return "height";
    case 4:
        h->time.seconds += (int64_t)below(5) - 2;
        h->time.nanos = (int32_t)below(1000000000);
        return "time";
    case 5:
        h->last_block_id.part_total += 1 + (uint32_t)below(3);
        return "last-block-id";
    default:
        flip_hash(hashes[below(sizeof hashes / sizeof hashes[0])]);
        return "hash";
    }
}

static const char *alter_signature(cmt_commit *c)
{
    cmt_commit_sig *sig = &c->signatures[below(c->count)];
    switch (below(7)) {
    case 0:
        flip_slice(sig->signature);
        return "signature";
    case 1:
        sig->flag = (int32_t)below(5);
        return "flag";
    case 2:
        sig->timestamp.nanos = (int32_t)below(1000000000);
        return "vote-time";
    case 3:
        sig->address =
            state->last_validators.validators[below(state->last_validators.count)].address;
        return "address";
    case 4:
        *sig = (cmt_commit_sig){.flag = CMT_BLOCK_ID_ABSENT, .timestamp = {-62135596800, 0}};
        return "absent";
    case 5:
        sig->signature.size -= sig->signature.size > 0;
        return "signature";
    default: {
        cmt_commit_sig *other = &c->signatures[below(c->count)];
        cmt_commit_sig first = *sig;
        *sig = *other;
        *other = first;
        return "address"; /* out of place */
    }
    }
}

static const char *alter_commit(cmt_commit *c)
{
    switch (below(6)) {
    case 0:
        c->height += below(2) == 0 ? 1 : -1;
        return "commit-height";
    case 1:
        c->round++;
        return "commit-round";
    case 2:
        flip_hash(&c->block_id.hash);
        return "commit-block";
    case 3:
        c->count -= c->count > 0;
        return "commit-size";
    default:
        return c->count > 0 ? alter_signature(c) : "nothing";
    }
}

static const char *alter_contents(cmt_block *b)
{
    switch (below(5)) {
    case 0:
        b->tx_count -= b->tx_count > 0;
        return "txs";
    case 1:
        if (b->tx_count > 0)
            flip_slice(b->txs[below(b->tx_count)]);
        return "txs";
    case 2:
        b->evidence_count = 0;
        return "evidence";
    case 3:
        if (b->evidence_count > 0)
            flip_slice(b->evidence[below(b->evidence_count)]);
        return "evidence";
    default: {
        const cmt_validator_set *set = &state->validators;
        memcpy(b->header.proposer_address.bytes, set->validators[below(set->count)].address.data,
               CMT_ADDRESS_SIZE);
        return "proposer";
    }
    }
}

/* The header says again what is in the block, so that only what was altered is wrong. */
static bool seal(cmt_block *b)
{
    return cmt_commit_hash(&b->last_commit, &b->header.last_commit_hash, &err) == CMT_OK &&
           cmt_data_hash(b->txs, b->tx_count, &b->header.data_hash, &err) == CMT_OK &&
           cmt_evidence_hash(b->evidence, b->evidence_count, &b->header.evidence_hash, &err) ==
               CMT_OK;
}

static const char *alter(subject *s, cmt_buf *out)
{
    const char *what;
    size_t kind = below(10);
    if (kind < 4) {
        must(cmt_buf_set(out, cmt_buf_slice(&s->bytes)));
        for (size_t flips = 1 + below(2); flips > 0; flips--)
            out->data[below(out->size)] ^= (uint8_t)(1 << below(8));
        return "bits";
    }
    if (kind < 6)
        what = alter_header(&s->block.header);
    else if (kind < 9)
        what = alter_commit(&s->block.last_commit);
    else
        what = alter_contents(&s->block);
    if (kind >= 6 && below(8) > 0 && !seal(&s->block))
        what = "unsealed"; /* evidence that is none has no hash */
    must(cmt_block_encode(&s->block, out));
    return what;
}

/* ---- the verdict ------------------------------------------------------------------------- */

static cmt_status judge(cmt_slice bytes)
{
    cmt_block block;
    cmt_status st = cmt_block_decode(bytes, &block, &err);
    if (st != CMT_OK)
        return st;
    st = cmt_block_validate(state, &block, NULL, &err);
    cmt_block_free(&block);
    return st;
}

static void judge_one(cmt_slice original)
{
    subject s = {.bytes = CMT_BUF_INIT};
    cmt_buf altered = CMT_BUF_INIT;
    must(cmt_buf_set(&s.bytes, original));
    must(cmt_block_decode(cmt_buf_slice(&s.bytes), &s.block, &err));
    const char *what = alter(&s, &altered);
    cmt_status st = judge(cmt_buf_slice(&altered));
    printf("%s %s ", what,
           st == CMT_OK            ? "accepted"
           : st == CMT_UNSUPPORTED ? "unsupported"
                                   : "refused");
    for (size_t i = 0; i < altered.size; i++)
        printf("%02x", altered.data[i]);
    putchar('\n');
    cmt_block_free(&s.block);
    cmt_buf_free(&altered);
    cmt_buf_free(&s.bytes);
}

static cmt_db *open_view(const char *home, const char *name)
{
    char dir[4096];
    cmt_db *db;
    snprintf(dir, sizeof dir, "%s/data/%s.db", home, name);
    must(cmt_db_open_view(dir, NULL, &db, &err));
    return db;
}

static void run(const char *home, const char *next, size_t count)
{
    cmt_chain_state last;
    cmt_db *state_db = open_view(home, "state");
    cmt_db *block_db = open_view(next, "blockstore");
    cmt_state_store *states;
    cmt_block_store *blocks;
    cmt_buf block = CMT_BUF_INIT;
    must(cmt_state_store_open(state_db, &states, &err));
    must(cmt_block_store_open(block_db, &blocks, &err));
    must(cmt_state_store_load_chain_state(states, &last, &err));
    must(cmt_block_store_load_block(blocks, last.last_block_height + 1, &block, &err));
    state = &last;
    must(judge(cmt_buf_slice(&block))); /* as it is */
    for (size_t i = 0; i < count; i++)
        judge_one(cmt_buf_slice(&block));
    cmt_chain_state_free(&last);
    cmt_buf_free(&block);
    cmt_block_store_close(blocks);
    cmt_state_store_close(states);
    cmt_db_close(block_db);
    cmt_db_close(state_db);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: judge_blocks HOME NEXT SEED COUNT\n");
        return 2;
    }
    random_state = strtoull(argv[3], NULL, 10) * 2 + 1;
    run(argv[1], argv[2], (size_t)strtoull(argv[4], NULL, 10));
    return 0;
}
