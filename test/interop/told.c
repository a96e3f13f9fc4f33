/* SPDX-License-Identifier: Apache-2.0
 *
 * The application, mempool and evidence pool of a transcript.
 */
#include "told.h"

#include <inttypes.h>
#include <stdlib.h>

static void say_hex(told *t, const char *before, cmt_slice bytes)
{
    transcript_say(&t->text, "%s", before);
    transcript_hex(&t->text, bytes);
}

static const cmt_slice *answer_list(told *t, char letter, cmt_slice **list, size_t *count)
{
    free(*list);
    *list = transcript_list(t->transcript, letter, count);
    return *list;
}

/* ---- before the first block -------------------------------------------------------------- */

static cmt_status info(void *context, cmt_app_info *out, cmt_error *err)
{
    told *t = context;
    (void)err;
    *out = (cmt_app_info){.app_version = (uint64_t)transcript_number(t->transcript, 'S')};
    return CMT_OK;
}

static cmt_status init_chain(void *context, const cmt_app_genesis *g, cmt_app_genesis_answer *out,
                             cmt_error *err)
{
    told *t = context;
    transcript *in = t->transcript;
    (void)err;
    transcript_say(&t->text, "genesis %" PRId64 ".%09" PRId32 " %s %" PRId64, g->time.seconds,
                   g->time.nanos, g->chain_id, g->initial_height);
    say_hex(t, "\nparams ", g->params);
    transcript_say(&t->text, "\nstate %.*s\n", (int)g->app_state.size,
                   (const char *)g->app_state.data);
    for (size_t i = 0; i < g->validator_count; i++) {
        const cmt_validator_update *v = &g->validators[i];
        transcript_say(&t->text, "validator %s ", cmt_key_type_name(v->key.type));
        transcript_hex(&t->text, v->key.bytes);
        transcript_say(&t->text, " %" PRId64 "\n", v->power);
    }
    transcript_expect(in, 't', &t->text);
    out->has_params = transcript_next(in) == 'p';
    if (out->has_params)
        out->params = transcript_take(in, 'p');
    out->validators = answer_list(t, 'v', &t->chosen, &out->validator_count);
    if (transcript_next(in) == 'a') {
        cmt_slice hash = transcript_take(in, 'a');
        for (size_t i = 0; i < hash.size; i++)
            out->app_hash.bytes[i] = hash.data[i];
        out->app_hash.size = hash.size;
    }
    return CMT_OK;
}

/* ---- a block ----------------------------------------------------------------------------- */

static void say_head(told *t, const char *what, const cmt_hash *hash, int64_t height, cmt_time when,
                     const cmt_hash *next, const cmt_hash *proposer, size_t txs)
{
    transcript_say(&t->text, "%s %" PRId64 " %" PRId64 ".%09" PRId32, what, height, when.seconds,
                   when.nanos);
    say_hex(t, " hash ", cmt_hash_slice(hash));
    say_hex(t, " next ", cmt_hash_slice(next));
    say_hex(t, " proposer ", cmt_hash_slice(proposer));
    transcript_say(&t->text, " txs %zu\n", txs);
}

static void say_commit(told *t, const cmt_app_commit *commit, bool extensions)
{
    transcript_say(&t->text, "round %" PRId32 "\n", commit->round);
    for (size_t i = 0; i < commit->count; i++) {
        const cmt_app_vote *v = &commit->votes[i];
        say_hex(t, "vote ", v->address);
        transcript_say(&t->text, " %" PRId64 " %" PRId32, v->power, v->flag);
        if (extensions) {
            say_hex(t, " ", v->extension);
            say_hex(t, " ", v->extension_signature);
        }
        transcript_say(&t->text, "\n");
    }
}

static void say_misbehavior(told *t, const cmt_misbehavior *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const cmt_misbehavior *m = &list[i];
        transcript_say(&t->text, "misbehavior %d ", m->type);
        transcript_hex(&t->text, cmt_hash_slice(&m->address));
        transcript_say(&t->text, " %" PRId64 " %" PRId64 " %" PRId64 ".%09" PRId32 " %" PRId64 "\n",
                       m->power, m->height, m->time.seconds, m->time.nanos, m->total_voting_power);
    }
}

static cmt_status prepare(void *context, const cmt_app_proposal *p, cmt_app_txs *out,
                          cmt_error *err)
{
    told *t = context;
    const cmt_hash none = {.size = 0};
    (void)err;
    say_head(t, "prepare", &none, p->height, (cmt_time){0, 0}, &p->next_validators_hash,
             &p->proposer_address, p->tx_count);
    transcript_say(&t->text, "bytes %" PRId64 "\n", p->max_tx_bytes);
    say_commit(t, &p->last_commit, true);
    say_misbehavior(t, p->misbehavior, p->misbehavior_count);
    transcript_expect(t->transcript, 't', &t->text);
    out->txs = answer_list(t, 'T', &t->chosen, &out->count);
    return CMT_OK;
}

static void say_block(told *t, const char *what, const cmt_app_block *b)
{
    say_head(t, what, &b->hash, b->height, b->time, &b->next_validators_hash, &b->proposer_address,
             b->tx_count);
    if (what[0] == 'f')
        transcript_say(&t->text, "to %" PRId64 "\n", b->syncing_to_height);
    say_commit(t, &b->last_commit, false);
    say_misbehavior(t, b->misbehavior, b->misbehavior_count);
    transcript_expect(t->transcript, 't', &t->text);
}

static cmt_status process(void *context, const cmt_app_block *block, bool *accepted, cmt_error *err)
{
    told *t = context;
    (void)err;
    say_block(t, "process", block);
    *accepted = transcript_ahead(t->transcript, 'A', 'd').data[0] == 1;
    return CMT_OK;
}

static cmt_status finalize(void *context, const cmt_app_block *block, cmt_results *out,
                           cmt_error *err)
{
    told *t = context;
    say_block(t, "finalize", block);
    cmt_results_free(&t->results);
    transcript_must(t->transcript,
                    cmt_results_read(transcript_take(t->transcript, 'r'), &t->results, err), err,
                    "reading results");
    *out = t->results;
    return CMT_OK;
}

static cmt_status commit(void *context, int64_t *retain_height, cmt_error *err)
{
    told *t = context;
    (void)err;
    *retain_height = transcript_number(t->transcript, 'k');
    return CMT_OK;
}

cmt_application told_application(told *t)
{
    return (cmt_application){t, info, init_chain, prepare, process, finalize, commit};
}

/* ---- the pools --------------------------------------------------------------------------- */

static cmt_status reap(void *context, int64_t max_bytes, int64_t max_gas, cmt_app_txs *out,
                       cmt_error *err)
{
    told *t = context;
    (void)err;
    transcript_say(&t->text, "%" PRId64 " %" PRId64, max_bytes, max_gas);
    transcript_expect(t->transcript, 'R', &t->text);
    out->txs = answer_list(t, 'm', &t->reaped, &out->count);
    return CMT_OK;
}

static cmt_status pending(void *context, int64_t max_bytes, cmt_app_txs *out, cmt_error *err)
{
    told *t = context;
    (void)err;
    transcript_say(&t->text, "%" PRId64, max_bytes);
    transcript_expect(t->transcript, 'E', &t->text);
    out->txs = answer_list(t, 'e', &t->evidence, &out->count);
    return CMT_OK;
}

cmt_mempool told_mempool(told *t)
{
    return (cmt_mempool){.context = t, .reap = reap};
}

cmt_evidence_pool told_evidence(told *t)
{
    return (cmt_evidence_pool){.context = t, .pending = pending};
}

void told_free(told *t)
{
    cmt_results_free(&t->results);
    cmt_buf_free(&t->text);
    free(t->evidence);
    free(t->chosen);
    free(t->reaped);
}
