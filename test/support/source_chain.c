/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of a fixture, open for reading.
 */
#include "source_chain.h"
#include "must.h"

#include "files.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static cmt_db *open_view(const char *data, const char *name)
{
    char *dir = files_path(data, name);
    cmt_db *db = NULL;
    MUST(cmt_db_open_view(dir, NULL, &db, &error));
    free(dir);
    return db;
}

/* Returns the directory with config/ and data/, to be freed. */
static char *unpack(const char *fixture, char **top)
{
    if (strncmp(fixture, "node-", 5) != 0) {
        free(files_unpack_fixture(fixture, top));
        return files_path(*top, "home");
    }
    char name[64];
    snprintf(name, sizeof name, "%s.tar.xz", fixture);
    char *archive = files_path(getenv("CMT_FIXTURES"), name);
    *top = files_temp();
    pid_t child = fork();
    if (child == 0) {
        execlp("tar", "tar", "-xf", archive, "-C", *top, (char *)NULL);
        _exit(127);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "cannot unpack %s", archive);
    free(archive);
    return files_path(*top, ".");
}

source_chain source_open(const char *fixture, cmt_release release)
{
    source_chain c = {.release = release, .genesis_json = CMT_BUF_INIT};
    char *home = unpack(fixture, &c.top);
    char *config = files_path(home, "config");
    c.data = files_path(home, "data");
    c.block_db = open_view(c.data, "blockstore.db");
    c.state_db = open_view(c.data, "state.db");
    MUST(cmt_block_store_open(c.block_db, &c.blocks, &error));
    MUST(cmt_state_store_open(c.state_db, &c.states, &error));
    MUST(cmt_state_store_load(c.states, &c.last, &error));
    c.genesis_json = files_read(config, "genesis.json");
    MUST(cmt_genesis_decode(cmt_buf_slice(&c.genesis_json), release, &c.genesis, &error));
    free(config);
    free(home);
    return c;
}

void source_close(source_chain *c)
{
    cmt_genesis_free(&c->genesis);
    cmt_buf_free(&c->genesis_json);
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

/* ---- databases made again ---------------------------------------------------------------- */

static void open_stores(made_chain *m, const source_chain *source, bool discard_results)
{
    const cmt_block_store_options of_blocks = {
        .layout = cmt_block_store_layout(source->blocks),
        .write_version = cmt_block_store_has_version(source->blocks),
    };
    const cmt_state_store_options of_states = {
        .layout = cmt_state_store_layout(source->states),
        .write_version = cmt_state_store_has_version(source->states),
        .discard_results = discard_results,
        .release = source->release,
    };
    MUST(cmt_block_store_open_for_writing(m->block_db, &of_blocks, &m->blocks, &error));
    MUST(cmt_state_store_open_for_writing(m->state_db, &of_states, &m->states, &error));
}

made_chain made_open(const source_chain *source, bool discard_results)
{
    made_chain m = {.block_db = NULL};
    MUST(cmt_db_open_memory(&m.block_db, &error));
    MUST(cmt_db_open_memory(&m.state_db, &error));
    open_stores(&m, source, discard_results);
    return m;
}

made_chain made_open_in(const char *dir, const source_chain *source)
{
    const cmt_db_open_options options = {.engine = CMT_ENGINE_CLEVELDB, .create = true};
    made_chain m = {.block_db = NULL};
    char *blocks = files_path(dir, "blockstore.db");
    char *states = files_path(dir, "state.db");
    MUST(cmt_db_open(blocks, &options, &m.block_db, &error));
    MUST(cmt_db_open(states, &options, &m.state_db, &error));
    open_stores(&m, source, false);
    free(states);
    free(blocks);
    return m;
}

void made_close(made_chain *m)
{
    cmt_state_store_close(m->states);
    cmt_block_store_close(m->blocks);
    cmt_db_close(m->state_db);
    cmt_db_close(m->block_db);
    *m = (made_chain){0};
}

static bool next_pair(cmt_db_iter *iter, bool first)
{
    cmt_status st = first ? cmt_db_iter_first(iter, &error) : cmt_db_iter_next(iter, &error);
    ck_assert_msg(st == CMT_OK || st == CMT_NOT_FOUND, "%s", error.message);
    return st == CMT_OK;
}

void made_expect_same(const char *what, cmt_db *made, cmt_db *source)
{
    cmt_db_iter *a;
    cmt_db_iter *b;
    size_t pairs = 0;
    MUST(cmt_db_iter_new(made, NULL, &a, &error));
    MUST(cmt_db_iter_new(source, NULL, &b, &error));
    for (;; pairs++) {
        bool in_a = next_pair(a, pairs == 0);
        bool in_b = next_pair(b, pairs == 0);
        if (!in_a && !in_b)
            break;
        cmt_slice x = in_a ? cmt_db_iter_key(a) : CMT_SLICE("(end)");
        cmt_slice y = in_b ? cmt_db_iter_key(b) : CMT_SLICE("(end)");
        if (!in_a || !in_b || !cmt_slice_equal(x, y))
            ck_abort_msg("%s: pair %zu: made \"%.*s\", source \"%.*s\"", what, pairs, (int)x.size,
                         (const char *)x.data, (int)y.size, (const char *)y.data);
        if (!cmt_slice_equal(cmt_db_iter_value(a), cmt_db_iter_value(b)))
            ck_abort_msg("%s: \"%.*s\": another value", what, (int)x.size, (const char *)x.data);
    }
    ck_assert_uint_gt(pairs, 0);
    cmt_db_iter_free(a);
    cmt_db_iter_free(b);
}
