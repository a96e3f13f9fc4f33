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
#include "play.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REOPEN_EVERY 8

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
    bool authority = option(text, "release 0.40\n");
    p->release = v1 ? CMT_RELEASE_1_0 : authority ? CMT_RELEASE_0_40 : CMT_RELEASE_0_38;
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
    play_open(p);
    cmt_slice json = transcript_take(&p->in, 'G');
    cmt_slice app_state = transcript_take(&p->in, 'J');
    MUST(cmt_genesis_decode(json, p->release, &genesis, &p->err));
    MUST(cmt_state_store_save_genesis(p->states, json, &p->err));
    MUST(cmt_chain_state_from_genesis(&genesis, p->release, software, &p->state, &p->err));
    MUST(cmt_block_executor_handshake(p->executor, &genesis, app_state, &p->state, NULL, &p->err));
    MUST(cmt_state_store_set_offline_height(p->states, 0, &p->err));
    if (p->release == CMT_RELEASE_1_0)
        MUST(cmt_state_store_init_retain_heights(p->states, p->companion, 0, 0, &p->err));
    cmt_genesis_free(&genesis);
    play_compare_digests(p);
}

/* ---- a block ----------------------------------------------------------------------------- */

static cmt_proposal propose(player *p)
{
    cmt_proposal proposal;
    cmt_block theirs;
    cmt_ext_commit last = {.height = 0};
    cmt_slice bytes = transcript_take(&p->in, 'l');
    if (bytes.size > 0)
        MUST(cmt_ext_commit_read(bytes, &last, &p->err));
    cmt_slice wanted = transcript_ahead(&p->in, 'b', 'd');
    MUST(cmt_block_decode(wanted, &theirs, &p->err));
    p->now = theirs.header.time; /* of no matter without PBTS */
    const cmt_hash *proposer = &theirs.header.proposer_address;
    MUST(cmt_block_executor_propose(p->executor, &p->state, &last,
                                    (cmt_slice){proposer->bytes, proposer->size}, &proposal,
                                    &p->err));
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
        MUST(cmt_ext_commit_read(transcript_take(&p->in, 'x'), &extended, &p->err));
        decided.ext_commit = &extended;
    } else {
        MUST(cmt_commit_read(transcript_take(&p->in, 's'), &seen, &p->err));
        decided.seen_commit = &seen;
    }
    cmt_status st = cmt_block_executor_commit(p->executor, &p->state, &decided, &next, &p->err);
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
    p->in.height = cmt_chain_state_next_height(&p->state);
    cmt_proposal proposal = propose(p);
    play_compare_decisions(p, cmt_buf_slice(&proposal.bytes), &proposal.id.hash);
    MUST(cmt_block_executor_process_proposal(p->executor, &p->state, &proposal.block, &accepted,
                                             &p->err));
    if (accepted != (transcript_take(&p->in, 'A').data[0] == 1))
        transcript_die(&p->in, "the application's opinion is lost");
    execute(p, &proposal);
    cmt_proposal_free(&proposal);
    if (transcript_next(&p->in) == 'c') {
        int64_t height = transcript_number(&p->in, 'c');
        MUST(cmt_state_store_set_retain_height(p->states, CMT_RETAIN_COMPANION, height,
                                               cmt_block_store_base(p->blocks),
                                               cmt_block_store_height(p->blocks), &p->err));
    }
    play_compare_digests(p);
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
            play_reopen(p);
    }
    play_write_lines(p);
    play_close(p);
    cmt_db_close(p->state_db);
    cmt_db_close(p->block_db);
    cmt_chain_state_free(&p->state);
    told_free(&p->told);
    cmt_buf_free(&p->in.bytes);
    printf("%" PRIu64 " decisions\n", p->decisions);
    return EXIT_SUCCESS;
}
