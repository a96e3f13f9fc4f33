/* SPDX-License-Identifier: Apache-2.0
 *
 * The databases of a chain that is made again.
 */
#include "play.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- stores ------------------------------------------------------------------------------ */

static cmt_db *open_db(player *p, const char *name)
{
    char path[4096];
    const cmt_db_open_options options = {.engine = p->engine, .create = true};
    cmt_db *db = NULL;
    if (p->engine == CMT_ENGINE_NONE) {
        MUST(cmt_db_open_memory(&db, &p->err));
        return db;
    }
    snprintf(path, sizeof path, "%s/data/%s.db", p->dir, name);
    MUST(cmt_db_open(path, &options, &db, &p->err));
    return db;
}

static cmt_time clock_of(void *context)
{
    const player *p = context;
    return p->now;
}

void play_open(player *p)
{
    if (p->block_db == NULL) {
        p->block_db = open_db(p, "blockstore");
        p->state_db = open_db(p, "state");
    }
    MUST(cmt_block_store_open_for_writing(p->block_db, &p->block_options, &p->blocks, &p->err));
    MUST(cmt_state_store_open_for_writing(p->state_db, &p->state_options, &p->states, &p->err));
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
    MUST(cmt_block_executor_new(&options, &p->executor, &p->err));
    options.evidence = NULL;
    MUST(cmt_block_executor_new(&options, &p->judge, &p->err));
}

void play_close(player *p)
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

void play_reopen(player *p)
{
    play_close(p);
    play_open(p);
    cmt_chain_state_free(&p->state);
    MUST(cmt_state_store_load_chain_state(p->states, &p->state, &p->err));
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
    MUST(cmt_db_iter_new(db, NULL, &iter, &p->err));
    for (cmt_status st = cmt_db_iter_first(iter, &p->err); st != CMT_NOT_FOUND;
         st = cmt_db_iter_next(iter, &p->err)) {
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
    MUST(cmt_db_iter_new(db, NULL, &iter, &p->err));
    for (cmt_status st = cmt_db_iter_first(iter, &p->err); st != CMT_NOT_FOUND;
         st = cmt_db_iter_next(iter, &p->err)) {
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

void play_write_lines(player *p)
{
    write_lines(p, p->block_db, "blockstore");
    write_lines(p, p->state_db, "state");
}

void play_compare_digests(player *p)
{
    cmt_slice want = transcript_take(&p->in, 'd');
    uint8_t got[2 * CMT_HASH_SIZE];
    digest(p, p->block_db, got);
    digest(p, p->state_db, got + CMT_HASH_SIZE);
    if (memcmp(got, want.data, sizeof got) == 0)
        return;
    play_write_lines(p);
    bool blocks = memcmp(got, want.data, CMT_HASH_SIZE) != 0;
    transcript_die(&p->in, "the %s store differs", blocks ? "block" : "state");
}
