/* SPDX-License-Identifier: Apache-2.0
 *
 * Gathering what info tells, from one snapshot of each database.
 */
#include "facts.h"
#include "stores.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const cmd_family families[CMD_FAMILIES] = {
    {"blockstore", "H:", "block metas", 0, 0},
    {"blockstore", "P:", "block parts", 0, 0},
    {"blockstore", "C:", "commits", 0, 0},
    {"blockstore", "SC:", "seen commits", 0, 0},
    {"blockstore", "EC:", "extended commits", 0, 0},
    {"blockstore", "BH:", "heights by hash", 0, CMD_NOT_COUNTED},
    {"state", "validatorsKey:", "validator sets", 0, 0},
    {"state", "consensusParamsKey:", "consensus parameters", 0, 0},
    {"state", "abciResponsesKey:", "block results", 0, 0},
};

/* Adds up the files of a database directory, or the one file of a bolt database. */
static cmt_status measure_files(const char *path, uint64_t *bytes, cmt_error *err)
{
    struct stat st;
    *bytes = 0;
    if (stat(path, &st) != 0)
        return cmt_error_set(err, CMT_IO, "stat %s: %s", path, strerror(errno));
    if (S_ISREG(st.st_mode)) {
        *bytes = (uint64_t)st.st_size;
        return CMT_OK;
    }
    DIR *dir = opendir(path);
    if (dir == NULL)
        return cmt_error_set(err, CMT_IO, "list %s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        /* A running node may remove a file in between: it no longer counts. */
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode))
            *bytes += (uint64_t)st.st_size;
    closedir(dir);
    return CMT_OK;
}

/* In both layouts the keys of a family are one range. */
static cmt_range family_range(const cmd_stores *s, size_t index, cmt_key_bounds *bounds)
{
    static const cmt_key_family *const with_heights[CMD_FAMILIES] = {
        &cmt_family_meta,        &cmt_family_part,       &cmt_family_commit,
        &cmt_family_seen_commit, &cmt_family_ext_commit, NULL,
        &cmt_family_validators,  &cmt_family_params,     &cmt_family_results,
    };
    cmt_key_layout of_blocks = cmt_block_store_layout(s->blocks);
    if (with_heights[index] == NULL)
        return cmt_block_hash_range(of_blocks);
    bool in_blocks = strcmp(families[index].database, "blockstore") == 0;
    cmt_key_layout layout = in_blocks ? of_blocks : cmt_state_store_layout(s->states);
    return cmt_key_family_range(cmt_key_family_in(with_heights[index], layout), bounds);
}

static cmt_status measure_families(const cmd_stores *s, cmd_facts *out, cmt_error *err)
{
    for (size_t i = 0; i < CMD_FAMILIES; i++) {
        cmt_key_bounds bounds;
        bool in_blocks = strcmp(families[i].database, "blockstore") == 0;
        CMT_TRY(cmt_db_approximate_bytes(in_blocks ? s->blockstore_db : s->state_db,
                                         family_range(s, i, &bounds), &out->families[i].bytes,
                                         err));
    }
    return CMT_OK;
}

static int64_t count_heights(const cmt_height_set *set)
{
    int64_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        count += set->runs[i].hi - set->runs[i].lo;
    return count;
}

static cmt_block_prune_request block_request(const cmd_facts *facts, int64_t retain_height)
{
    const cmt_state *state = &facts->state;
    return (cmt_block_prune_request){
        .retain_height = retain_height,
        .initial_height = state->initial_height,
        .window = {state->last_block_height, state->last_block_time,
                   state->params.evidence_max_age_num_blocks,
                   state->params.evidence_max_age_duration_ns},
        .sweep = true,
        .unfinished = facts->unfinished,
    };
}

/* Where a prune of everything would have to stop for the sake of evidence. */
static cmt_status find_evidence_height(const cmd_stores *s, cmd_facts *out, cmt_error *err)
{
    int64_t last = out->state.last_block_height;
    cmt_block_prune_request request = block_request(out, last < out->height ? last : out->height);
    cmt_block_prune prune = {0};
    CMT_TRY(cmt_block_prune_make(s->blocks, &request, &prune, err));
    out->evidence_height = prune.evidence_height;
    cmt_block_prune_free(&prune);
    return CMT_OK;
}

/* What a prune to base itself would remove. */
static cmt_status find_block_leftovers(const cmd_stores *s, cmd_facts *out,
                                       int64_t *evidence_height, cmt_error *err)
{
    cmt_block_prune_request request = block_request(out, out->base);
    cmt_block_prune prune = {0};
    CMT_TRY(cmt_block_prune_make(s->blocks, &request, &prune, err));
    const cmt_height_set *sets[] = {&prune.dead_meta, &prune.dead_part, &prune.dead_commit,
                                    &prune.dead_seen_commit, &prune.dead_ext_commit};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        out->families[i].leftovers = count_heights(sets[i]);
    *evidence_height = prune.evidence_height;
    out->leftovers_complete = prune.search_complete;
    cmt_block_prune_free(&prune);
    return CMT_OK;
}

static cmt_status find_state_leftovers(const cmd_stores *s, int64_t from, int64_t evidence_height,
                                       cmd_facts *out, cmt_error *err)
{
    int64_t last =
        out->height > out->state.last_block_height ? out->height : out->state.last_block_height;
    cmt_state_prune_request request = {
        .base = out->base,
        .retain_height = out->base,
        .evidence_height = evidence_height,
        .from = from,
        .last_height = last + 2,
        .sweep = true,
    };
    cmt_state_prune prune = {0};
    CMT_TRY(cmt_state_prune_make(s->states, &request, &prune, err));
    const cmt_height_set *sets[] = {&prune.dead_validators, &prune.dead_params,
                                    &prune.dead_results};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        out->families[CMD_FAMILIES - 3 + i].leftovers = count_heights(sets[i]);
    out->leftovers_complete = out->leftovers_complete && prune.search_complete;
    cmt_state_prune_free(&prune);
    return CMT_OK;
}

static cmt_status find_leftovers(const cmd_stores *s, cmd_facts *out, cmt_error *err)
{
    int64_t from;
    CMT_TRY(cmt_state_prune_unfinished_from(s->states, out->base, &from, err));
    out->unfinished = from < out->base;
    int64_t evidence_height;
    CMT_TRY(find_evidence_height(s, out, err));
    CMT_TRY(find_block_leftovers(s, out, &evidence_height, err));
    return find_state_leftovers(s, from, evidence_height, out, err);
}

static cmt_status read_stores(const cmd_stores *s, const cmt_logger *logger, cmd_facts *out,
                              cmt_error *err)
{
    out->base = cmt_block_store_base(s->blocks);
    out->height = cmt_block_store_height(s->blocks);
    out->layout = cmt_block_store_layout(s->blocks);
    cmt_status status = cmt_state_store_load(s->states, &out->state, err);
    out->has_state = status == CMT_OK;
    if (status != CMT_OK && status != CMT_NOT_FOUND)
        return status;
    CMT_TRY(measure_families(s, out, err));
    CMT_TRY(cmt_state_store_retain_heights(s->states, &out->retain_heights, err));
    out->has_retain_heights = true;
    if (out->base == 0 || !out->has_state || out->base > out->state.last_block_height)
        return CMT_OK;
    status = find_leftovers(s, out, err);
    out->has_leftovers = status == CMT_OK;
    if (status == CMT_OK || status == CMT_STALE)
        return status;
    /* The rest of the report is worth having all the same. */
    cmt_log(logger, CMT_LOG_WARN, "cannot look for leftovers of earlier prunes  err=%s",
            err->message);
    return CMT_OK;
}

/* The two databases may be links to different places, with a trash beside each. */
static cmt_status measure_trash(const cmd_target *target, uint64_t *bytes, cmt_error *err)
{
    CMT_TRY(cmt_lsm_trash_bytes(target->blockstore, bytes, err));
    char a[PATH_MAX];
    char b[PATH_MAX];
    if (realpath(target->blockstore, a) == NULL || realpath(target->state, b) == NULL)
        return CMT_OK;
    size_t parent = (size_t)(strrchr(a, '/') - a);
    if (parent == (size_t)(strrchr(b, '/') - b) && memcmp(a, b, parent) == 0)
        return CMT_OK;
    uint64_t more = 0;
    CMT_TRY(cmt_lsm_trash_bytes(target->state, &more, err));
    *bytes += more;
    return CMT_OK;
}

cmt_status cmd_facts_gather(const cmd_target *target, const cmt_logger *logger, cmd_facts *out,
                            cmt_error *err)
{
    *out = (cmd_facts){.readable = cmd_target_is_readable(target)};
    memcpy(out->families, families, sizeof families);
    CMT_TRY(measure_files(target->blockstore, &out->blockstore_db.bytes, err));
    CMT_TRY(measure_files(target->state, &out->state_db.bytes, err));
    if (!out->readable)
        return CMT_OK;
    CMT_TRY(cmt_db_needs_heal(target->blockstore, &out->blockstore_db.needs_heal, err));
    CMT_TRY(cmt_db_needs_heal(target->state, &out->state_db.needs_heal, err));
    CMT_TRY(measure_trash(target, &out->trash_bytes, err));
    cmd_stores s;
    cmt_status status = cmd_stores_open(target, &s, err);
    if (status == CMT_OK)
        status = cmt_db_get_stats(s.blockstore_db, &out->blockstore_db.tables, err);
    if (status == CMT_OK)
        status = cmt_db_get_stats(s.state_db, &out->state_db.tables, err);
    if (status == CMT_OK)
        status = read_stores(&s, logger, out, err);
    cmd_stores_close(&s);
    return status;
}
