/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a chain again from its transcript, through the block executor.
 *
 *   play TRANSCRIPT [-e ENGINE] [-d DIR] [-n BLOCKS] [-l PREFIX]
 *
 * In memory, or with -e in DIR/data, which must be there.  Stores are opened anew every few blocks.  -n ends after
 * so many blocks; -l writes both databases as lines to PREFIX.blockstore and PREFIX.state, at the end or where they differ.
 *
 * Exit status: 0 every proposal, decision, word to the application and digest is CometBFT's; 1 one is not: stderr says
 * which; 2 usage.
 */
#include "told.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REOPEN_EVERY 8

typedef struct player {
    transcript in;
    told told;
    cmt_engine engine;
    const char *dir;
    const char *lines; /* where the databases are written as lines, at the end or where they differ */
    cmt_release release;
    bool companion;
    bool pbts; /* the block in hand has a time that nobody can work out */
    cmt_time now;
    cmt_block_store_options block_options;
    cmt_state_store_options state_options;
    cmt_db *block_db;
    cmt_db *state_db;
    cmt_block_store *blocks;
    cmt_state_store *states;
    cmt_application application;
    cmt_mempool mempool;
    cmt_evidence_pool evidence;
    cmt_block_executor *executor;
    cmt_block_executor *judge; /* with the default evidence pool */
    cmt_chain_state state;
    uint64_t decisions;
} player;

static cmt_error err = CMT_ERROR_INIT;

#define MUST(call) transcript_must(&p->in, (call), &err, #call)

/* ---- stores ------------------------------------------------------------------------------ */

static cmt_db *open_db(player *p, const char *name)
{
    char path[4096];
    const cmt_db_open_options options = {.engine = p->engine, .create = true};
    cmt_db *db = NULL;
    if (p->engine == CMT_ENGINE_NONE) {
        MUST(cmt_db_open_memory(&db, &err));
        return db;
    }
    snprintf(path, sizeof path, "%s/data/%s.db", p->dir, name);
    MUST(cmt_db_open(path, &options, &db, &err));
    return db;
}

static cmt_time clock_of(void *context)
{
    const player *p = context;
    return p->now;
}

static void open_stores(player *p)
{
    if (p->block_db == NULL) {
        p->block_db = open_db(p, "blockstore");
        p->state_db = open_db(p, "state");
    }
    MUST(cmt_block_store_open_for_writing(p->block_db, &p->block_options, &p->blocks, &err));
    MUST(cmt_state_store_open_for_writing(p->state_db, &p->state_options, &p->states, &err));
    cmt_block_executor_options options = {
        .blocks = p->blocks,
        .states = p->states,
        .application = &p->application,
        .mempool = &p->mempool,
        .evidence = &p->evidence,
        .data_companion = p->companion,
        .keep_residue = true,
        .now = clock_of,
        .context = p,
    };
    MUST(cmt_block_executor_new(&options, &p->executor, &err));
    options.evidence = NULL;
    MUST(cmt_block_executor_new(&options, &p->judge, &err));
}

static void close_stores(player *p)
{
    cmt_block_executor_free(p->judge);
    cmt_block_executor_free(p->executor);
    cmt_state_store_close(p->states);
    cmt_block_store_close(p->blocks);
    if (p->engine == CMT_ENGINE_NONE)
        return;
    cmt_db_close(p->state_db);
    cmt_db_close(p->block_db);
    p->block_db = p->state_db = NULL;
}

static void reopen(player *p)
{
    close_stores(p);
    open_stores(p);
    cmt_chain_state_free(&p->state);
    MUST(cmt_state_store_load_chain_state(p->states, &p->state, &err));
}

/* ---- digests ----------------------------------------------------------------------------- */

static void put32(uint8_t *at, size_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> 8 * i);
}

static void digest(player *p, cmt_db *db, uint8_t *out)
{
    cmt_buf all = CMT_BUF_INIT;
    cmt_db_iter *iter = NULL;
    MUST(cmt_db_iter_new(db, NULL, &iter, &err));
    for (cmt_status st = cmt_db_iter_first(iter, &err); st != CMT_NOT_FOUND;
         st = cmt_db_iter_next(iter, &err)) {
        uint8_t lengths[8];
        MUST(st);
        put32(lengths, cmt_db_iter_key(iter).size);
        put32(lengths + 4, cmt_db_iter_value(iter).size);
        MUST(cmt_buf_append(&all, lengths, sizeof lengths));
        MUST(cmt_buf_append(&all, cmt_db_iter_key(iter).data, cmt_db_iter_key(iter).size));
        MUST(cmt_buf_append(&all, cmt_db_iter_value(iter).data, cmt_db_iter_value(iter).size));
    }
    cmt_db_iter_free(iter);
    SHA256(all.data, all.size, out);
    cmt_buf_free(&all);
}

static void write_lines(player *p, cmt_db *db, const char *name)
{
    char path[4096];
    cmt_buf line = CMT_BUF_INIT;
    cmt_db_iter *iter = NULL;
    if (p->lines == NULL)
        return;
    snprintf(path, sizeof path, "%s.%s", p->lines, name);
    FILE *out = fopen(path, "w");
    if (out == NULL)
        transcript_die(&p->in, "%s cannot be written", path);
    MUST(cmt_db_iter_new(db, NULL, &iter, &err));
    for (cmt_status st = cmt_db_iter_first(iter, &err); st != CMT_NOT_FOUND;
         st = cmt_db_iter_next(iter, &err)) {
        MUST(st);
        transcript_hex(&line, cmt_db_iter_key(iter));
        transcript_say(&line, " ");
        transcript_hex(&line, cmt_db_iter_value(iter));
        fprintf(out, "%.*s\n", (int)line.size, (const char *)line.data);
        cmt_buf_clear(&line);
    }
    cmt_db_iter_free(iter);
    cmt_buf_free(&line);
    fclose(out);
}

static void compare_digests(player *p)
{
    cmt_slice want = transcript_take(&p->in, 'd');
    uint8_t got[2 * CMT_HASH_SIZE];
    digest(p, p->block_db, got);
    digest(p, p->state_db, got + CMT_HASH_SIZE);
    if (memcmp(got, want.data, sizeof got) == 0)
        return;
    write_lines(p, p->block_db, "blockstore");
    write_lines(p, p->state_db, "state");
    bool blocks = memcmp(got, want.data, CMT_HASH_SIZE) != 0;
    transcript_die(&p->in, "the %s store differs", blocks ? "block" : "state");
}

/* ---- the start --------------------------------------------------------------------------- */

static bool option(const char *options, const char *line)
{
    return strstr(options, line) != NULL;
}

static void read_options(player *p, char *software, size_t size)
{
    cmt_slice record = transcript_take(&p->in, 'O');
    char text[512] = "";
    memcpy(text, record.data, record.size < sizeof text ? record.size : sizeof text - 1);
    bool v1 = option(text, "release 1.0\n");
    p->release = v1 ? CMT_RELEASE_1_0 : CMT_RELEASE_0_38;
    p->companion = option(text, "companion true\n");
    cmt_key_layout layout = option(text, "layout v2\n") ? CMT_KEY_LAYOUT_V2 : CMT_KEY_LAYOUT_V1;
    p->block_options = (cmt_block_store_options){.layout = layout, .write_version = v1};
    p->state_options = (cmt_state_store_options){.layout = layout,
                                                 .write_version = v1,
                                                 .discard_results = option(text, "discard true\n"),
                                                 .release = p->release};
    const char *at = strstr(text, "software ");
    snprintf(software, size, "%.*s", (int)strcspn(at + 9, "\n"), at + 9);
}

static void start(player *p)
{
    char software[CMT_SOFTWARE_MAX + 1];
    cmt_genesis genesis;
    read_options(p, software, sizeof software);
    open_stores(p);
    cmt_slice json = transcript_take(&p->in, 'G');
    cmt_slice app_state = transcript_take(&p->in, 'J');
    MUST(cmt_genesis_decode(json, p->release, &genesis, &err));
    MUST(cmt_state_store_save_genesis(p->states, json, &err));
    MUST(cmt_chain_state_from_genesis(&genesis, p->release, software, &p->state, &err));
    MUST(cmt_block_executor_handshake(p->executor, &genesis, app_state, &p->state, NULL, &err));
    MUST(cmt_state_store_set_offline_height(p->states, 0, &err));
    if (p->release == CMT_RELEASE_1_0)
        MUST(cmt_state_store_init_retain_heights(p->states, p->companion, 0, 0, &err));
    cmt_genesis_free(&genesis);
    compare_digests(p);
}

/* ---- decisions --------------------------------------------------------------------------- */

static bool same_hash(const cmt_hash *a, const cmt_hash *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

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
    cmt_status st = cmt_block_decode((cmt_slice){copy, bytes.size}, &block, &err);
    if (st == CMT_OK) {
        st = cmt_block_executor_validate(p->judge, &p->state, &block, NULL, &err);
        if (st == CMT_OK) {
            MUST(cmt_header_hash(&block.header, &got, &err));
            verdict = same_hash(&got, hash) ? '=' : '~';
        }
        cmt_block_free(&block);
    }
    if (st != CMT_OK && st != CMT_CORRUPT && st != CMT_INVALID && st != CMT_UNSUPPORTED)
        transcript_die(&p->in, "a block is neither accepted nor refused: %s", err.message);
    free(copy);
    p->decisions++;
    return verdict;
}

/* CometBFT 1.0 does not look at the addresses in a commit: docs/compatibility.md. */
static bool may_differ(const player *p, char got)
{
    return p->release == CMT_RELEASE_1_0 && got == '-' &&
           strstr(err.message, "it carries another validator's address") != NULL;
}

static void compare_decision(player *p, const char *what, char got, char want)
{
    if (got == want || may_differ(p, got))
        return;
    transcript_die(&p->in, "%s: our decision is '%c', CometBFT's '%c'%s%s", what, got, want,
                   got == '-' ? ": " : "", got == '-' ? err.message : "");
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
    size_t at = f.data[0] | (size_t)f.data[1] << 8 | (size_t)f.data[2] << 16 |
                (size_t)f.data[3] << 24;
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

static void decide_copies(player *p, cmt_slice bytes, const cmt_hash *hash)
{
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

/* ---- a block ----------------------------------------------------------------------------- */

static cmt_proposal propose(player *p)
{
    cmt_proposal proposal;
    cmt_block theirs;
    cmt_ext_commit last = {.height = 0};
    cmt_slice bytes = transcript_take(&p->in, 'l');
    if (bytes.size > 0)
        MUST(cmt_ext_commit_read(bytes, &last, &err));
    cmt_slice wanted = transcript_ahead(&p->in, 'b', 'd');
    MUST(cmt_block_decode(wanted, &theirs, &err));
    p->now = theirs.header.time; /* of no matter without PBTS */
    const cmt_hash *proposer = &theirs.header.proposer_address;
    MUST(cmt_block_executor_propose(p->executor, &p->state, &last,
                                    (cmt_slice){proposer->bytes, proposer->size}, &proposal, &err));
    bytes = transcript_take(&p->in, 'b');
    if (!cmt_slice_equal(cmt_buf_slice(&proposal.bytes), bytes))
        transcript_die(&p->in, "we propose another block");
    cmt_block_free(&theirs);
    cmt_ext_commit_free(&last);
    return proposal;
}

static void execute(player *p, const cmt_proposal *proposal)
{
    cmt_ext_commit extended = {.height = 0};
    cmt_commit seen = {.height = 0};
    cmt_decided_block decided = {
        .block = &proposal->block, .parts = proposal->parts, .id = proposal->id};
    cmt_chain_state next;
    if (transcript_next(&p->in) == 'x') {
        MUST(cmt_ext_commit_read(transcript_take(&p->in, 'x'), &extended, &err));
        decided.ext_commit = &extended;
    } else {
        MUST(cmt_commit_read(transcript_take(&p->in, 's'), &seen, &err));
        decided.seen_commit = &seen;
    }
    cmt_status st = cmt_block_executor_commit(p->executor, &p->state, &decided, &next, &err);
    if (transcript_next(&p->in) == 'F') {
        if (st != CMT_INVALID)
            transcript_die(&p->in, "results that may not be: %s, not refused", cmt_status_text(st));
        transcript_take(&p->in, 'F');
    } else {
        MUST(st);
        cmt_chain_state_free(&p->state);
        p->state = next;
    }
    cmt_ext_commit_free(&extended);
    cmt_commit_free(&seen);
}

static void play_block(player *p)
{
    bool accepted = false;
    const cmt_chain_state *s = &p->state;
    p->in.height = s->last_block_height == 0 ? s->initial_height : s->last_block_height + 1;
    cmt_proposal proposal = propose(p);
    decide_copies(p, cmt_buf_slice(&proposal.bytes), &proposal.id.hash);
    MUST(cmt_block_executor_process_proposal(p->executor, &p->state, &proposal.block, &accepted,
                                             &err));
    if (accepted != (transcript_take(&p->in, 'A').data[0] == 1))
        transcript_die(&p->in, "the application's opinion is lost");
    execute(p, &proposal);
    cmt_proposal_free(&proposal);
    if (transcript_next(&p->in) == 'c') {
        int64_t height = transcript_number(&p->in, 'c');
        MUST(cmt_state_store_set_retain_height(p->states, CMT_RETAIN_COMPANION, height,
                                               cmt_block_store_base(p->blocks),
                                               cmt_block_store_height(p->blocks), &err));
    }
    compare_digests(p);
}

/* ---- the program ------------------------------------------------------------------------- */

static int usage(void)
{
    fputs("usage: play TRANSCRIPT [-e ENGINE] [-d DIR] [-n BLOCKS] [-l PREFIX]\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static player one;
    player *p = &one;
    int64_t blocks = INT64_MAX;
    p->engine = CMT_ENGINE_NONE;
    for (int c; (c = getopt(argc, argv, "e:d:n:l:")) != -1;) {
        if (c == 'e')
            p->engine = cmt_engine_from_name(optarg);
        else if (c == 'd')
            p->dir = optarg;
        else if (c == 'n')
            blocks = strtoll(optarg, NULL, 10);
        else if (c == 'l')
            p->lines = optarg;
        else
            return usage();
    }
    if (optind != argc - 1 || (p->engine != CMT_ENGINE_NONE) != (p->dir != NULL))
        return usage();
    p->in = transcript_open(argv[optind]);
    p->told = (told){.transcript = &p->in, .text = CMT_BUF_INIT};
    p->application = told_application(&p->told);
    p->mempool = told_mempool(&p->told);
    p->evidence = told_evidence(&p->told);
    start(p);
    for (int64_t i = 0; transcript_next(&p->in) != 0 && i < blocks; i++) {
        play_block(p);
        if (i % REOPEN_EVERY == REOPEN_EVERY - 1)
            reopen(p);
    }
    write_lines(p, p->block_db, "blockstore");
    write_lines(p, p->state_db, "state");
    close_stores(p);
    cmt_db_close(p->state_db);
    cmt_db_close(p->block_db);
    cmt_chain_state_free(&p->state);
    told_free(&p->told);
    cmt_buf_free(&p->in.bytes);
    printf("%" PRIu64 " decisions\n", p->decisions);
    return EXIT_SUCCESS;
}
