/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of a fixture, open for reading.
 */
#include "source_chain.h"

#include "files.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static cmt_error error;

static void must(cmt_status st, const char *what)
{
    if (st != CMT_OK)
        ck_abort_msg("%s: %s: %s", what, cmt_status_text(st), error.message);
}
#define MUST(call) must((call), #call)

static cmt_db *open_view(const char *data, const char *name)
{
    char *dir = files_path(data, name);
    cmt_db *db = NULL;
    MUST(cmt_db_open_view(dir, NULL, &db, &error));
    free(dir);
    return db;
}

source_chain source_open(const char *fixture, cmt_release release)
{
    source_chain c = {.release = release};
    c.data = files_unpack_fixture(fixture, &c.top);
    c.block_db = open_view(c.data, "blockstore.db");
    c.state_db = open_view(c.data, "state.db");
    MUST(cmt_block_store_open(c.block_db, &c.blocks, &error));
    MUST(cmt_state_store_open(c.state_db, &c.states, &error));
    MUST(cmt_state_store_load(c.states, &c.last, &error));
    return c;
}

void source_close(source_chain *c)
{
    cmt_state_store_close(c->states);
    cmt_block_store_close(c->blocks);
    cmt_db_close(c->state_db);
    cmt_db_close(c->block_db);
    free(c->data);
    files_remove(c->top);
    *c = (source_chain){0};
}

source_block source_load(source_chain *c, int64_t height)
{
    source_block b = {.bytes = CMT_BUF_INIT};
    MUST(cmt_block_store_load_block(c->blocks, height, &b.bytes, &error));
    MUST(cmt_block_decode(cmt_buf_slice(&b.bytes), &b.block, &error));
    MUST(cmt_block_store_load_meta(c->blocks, height, &b.meta, &error));
    return b;
}

void source_block_free(source_block *b)
{
    cmt_block_free(&b->block);
    cmt_buf_free(&b->bytes);
}

static cmt_validator_set load_set(source_chain *c, int64_t height)
{
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_validator_set borrowed;
    cmt_validator_set set;
    MUST(cmt_state_store_load_validators(c->states, height, &bytes, &error));
    MUST(cmt_validator_set_decode(cmt_buf_slice(&bytes), &borrowed, &error));
    MUST(cmt_validator_set_copy(&borrowed, cmt_release_generation(c->release), &set, &error));
    cmt_validator_set_free(&borrowed);
    cmt_buf_free(&bytes);
    return set;
}

cmt_chain_state source_state_before(source_chain *c, int64_t height)
{
    cmt_chain_state s = {.release = c->release, .initial_height = c->last.initial_height};
    cmt_block_meta before;
    cmt_block_meta meta;
    cmt_buf params = CMT_BUF_INIT;
    MUST(cmt_block_store_load_meta(c->blocks, height - 1, &before, &error));
    MUST(cmt_block_store_load_meta(c->blocks, height, &meta, &error));
    s.version_block = CMT_BLOCK_PROTOCOL;
    s.version_app = meta.header.version_app;
    memcpy(s.chain_id, c->last.chain_id, sizeof s.chain_id);
    s.last_block_height = height - 1;
    s.last_block_id = before.block_id;
    s.last_block_time = before.header.time;
    s.last_validators = load_set(c, height - 1);
    s.validators = load_set(c, height);
    s.next_validators = load_set(c, height + 1);
    MUST(cmt_state_store_load_params(c->states, height, &params, &error));
    MUST(cmt_params_decode(cmt_buf_slice(&params), c->release, &s.params, &error));
    s.last_results_hash = meta.header.last_results_hash;
    s.app_hash = meta.header.app_hash;
    cmt_buf_free(&params);
    return s;
}
