/* SPDX-License-Identifier: Apache-2.0
 *
 * Decisions on blocks, ours and CometBFT's.
 */
#include "play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As the oracle's judge; the bytes stand alone in memory, so that reading past their end is noticed. */
static char judge(player *p, cmt_slice bytes, const cmt_hash *hash)
{
    cmt_block block;
    cmt_hash got;
    char verdict = '-';
    uint8_t *copy = malloc(bytes.size);
    if (copy == NULL)
        abort();
    memcpy(copy, bytes.data, bytes.size);
    cmt_status st = cmt_block_decode((cmt_slice){copy, bytes.size}, &block, &p->err);
    if (st == CMT_OK) {
        st = cmt_block_executor_validate(p->judge, &p->state, &block, NULL, &p->err);
        if (st == CMT_OK) {
            MUST(cmt_header_hash(&block.header, &got, &p->err));
            verdict = cmt_hash_equal(&got, hash) ? '=' : '~';
        }
        cmt_block_free(&block);
    }
    if (st != CMT_OK && st != CMT_CORRUPT && st != CMT_INVALID && st != CMT_UNSUPPORTED)
        transcript_die(&p->in, "a block is neither accepted nor refused: %s", p->err.message);
    free(copy);
    p->decisions++;
    return verdict;
}

static bool holds_attack(player *p, cmt_slice bytes)
{
    cmt_block block;
    cmt_duplicate_vote votes;
    bool attack = false;
    MUST(cmt_block_decode(bytes, &block, &p->err));
    for (size_t i = 0; i < block.evidence_count; i++)
        attack |= cmt_duplicate_vote_read(block.evidence[i], &votes, &p->err) == CMT_NOT_FOUND;
    cmt_block_free(&block);
    return attack;
}

static bool because(const player *p, const char *text)
{
    return strstr(p->err.message, text) != NULL;
}

/* Refused here and accepted by CometBFT: docs/compatibility.md. */
static bool may_differ(const player *p, char got)
{
    if (got != '-')
        return false;
    if (p->release == CMT_RELEASE_1_0 && because(p, "it carries another validator's address"))
        return true;
    return p->attack && (because(p, "a light client attack: only an evidence pool") ||
                         because(p, "evidence_hash in the header is not that of the block"));
}

static void compare_decision(player *p, const char *what, char got, char want)
{
    if (got == want || may_differ(p, got))
        return;
    transcript_die(&p->in, "%s: our decision is '%c', CometBFT's '%c'%s%s", what, got, want,
                   got == '-' ? ": " : "", got == '-' ? p->err.message : "");
}

/* May the time of the block be another?  That of the first block of a chain of 1.0 may be later, and with PBTS
 * any block's. */
static bool time_is_free(const player *p)
{
    int64_t from = p->state.params.pbts_enable_height;
    return p->release == CMT_RELEASE_1_0 &&
           (p->state.last_block_height == 0 || (from > 0 && from <= p->in.height));
}

/* One damaged byte; but for its time never another block than the one that was damaged. */
static void decide_damaged(player *p, cmt_slice bytes, const cmt_hash *hash)
{
    char what[64];
    cmt_slice f = transcript_take(&p->in, 'f');
    size_t at =
        f.data[0] | (size_t)f.data[1] << 8 | (size_t)f.data[2] << 16 | (size_t)f.data[3] << 24;
    uint8_t *copy = malloc(bytes.size);
    if (copy == NULL)
        abort();
    memcpy(copy, bytes.data, bytes.size);
    copy[at] ^= f.data[4];
    char got = judge(p, (cmt_slice){copy, bytes.size}, hash);
    free(copy);
    snprintf(what, sizeof what, "byte %zu of %zu xor %02x", at, bytes.size, f.data[4]);
    compare_decision(p, what, got, (char)f.data[5]);
    if (got == '~' && !time_is_free(p))
        transcript_die(&p->in, "%s: accepted as another block", what);
}

void play_compare_decisions(player *p, cmt_slice bytes, const cmt_hash *hash)
{
    p->attack = holds_attack(p, bytes);
    for (size_t i = 0; transcript_next(&p->in) == 'f' || transcript_next(&p->in) == 'V'; i++) {
        char what[64];
        if (transcript_next(&p->in) == 'f') {
            decide_damaged(p, bytes, hash);
            continue;
        }
        cmt_slice v = transcript_take(&p->in, 'V');
        snprintf(what, sizeof what, "block %zu of %zu bytes", i, v.size - 1);
        compare_decision(p, what, judge(p, (cmt_slice){v.data + 1, v.size - 1}, hash),
                         (char)v.data[0]);
    }
}
